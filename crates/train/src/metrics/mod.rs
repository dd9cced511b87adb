//! BLEU, chrF, chrF++ and TER, equal to sacreBLEU's to the last printed digit; ROUGE and METEOR.
//!
//! Published numbers are only comparable when they come from the same tokenizer and the same smoothing, so each
//! score carries sacreBLEU's signature. Own code, because the crates at hand compute other variants: `bleuscore`
//! follows another tokenizer and smoothing, `chrf` averages over sentences. One reference per sentence.

use rayon::prelude::*;

mod bleu;
mod bootstrap;
mod chrf;
mod kind;
mod meteor;
mod rouge;
mod ter;
mod tokenize_13a;

pub use bleu::{Bleu, BleuOptions, BleuTokenizer};
pub use bootstrap::{Bootstrap, Interval};
pub use chrf::ChrfOptions;
pub use kind::MetricKind;
pub use meteor::MeteorOptions;
pub use rouge::RougeOptions;
pub use ter::TerOptions;

/// A score of a corpus that follows from sums over its sentences.
pub trait Metric: Sync {
    /// What is summed for one sentence; as many numbers for every sentence.
    fn statistics(&self, hypothesis: &str, reference: &str) -> Vec<f64>;

    /// The score, 0 to 100 (TER can be higher), where `sums` are the sentences' statistics added up; none for no sentence.
    fn score(&self, sums: &[f64]) -> f64;

    /// A short name.
    fn name(&self) -> String;

    /// How it is computed, as sacreBLEU writes it.
    fn signature(&self) -> String;

    /// The score with all there is to know of it.
    fn line(&self, sums: &[f64]) -> String {
        format!("{}|{} = {:.2}", self.name(), self.signature(), self.score(sums))
    }
}

/// The statistics of every sentence.
///
/// # Panics
/// When there are not as many references as hypotheses.
pub fn statistics(metric: &(impl Metric + ?Sized), hyps: &[String], refs: &[String]) -> Vec<Vec<f64>> {
    assert_eq!(hyps.len(), refs.len(), "one reference per hypothesis");
    hyps.par_iter().zip(refs).map(|(hypothesis, reference)| metric.statistics(hypothesis, reference)).collect()
}

/// Statistics of some sentences added up.
pub fn sum<'a>(statistics: impl IntoIterator<Item = &'a Vec<f64>>) -> Vec<f64> {
    let mut sums = Vec::new();
    for sentence in statistics {
        sums.resize(sentence.len(), 0.0);
        sums.iter_mut().zip(sentence).for_each(|(sum, x)| *sum += x);
    }
    sums
}

/// BLEU and chrF of a corpus as sacreBLEU computes them by default.
///
/// # Panics
/// When there are not as many references as hypotheses.
pub fn bleu_and_chrf(hyps: &[String], refs: &[String]) -> [f64; 2] {
    let (bleu, chrf) = (BleuOptions::default(), ChrfOptions::default());
    [bleu.score(&sum(&statistics(&bleu, hyps, refs))), chrf.score(&sum(&statistics(&chrf, hyps, refs)))]
}

/// The release of sacreBLEU whose numbers these are.
pub const SACREBLEU_VERSION: &str = "2.6.0";

/// White space as Python's `str.split` sees it: Unicode's, and the four ASCII separators.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}
