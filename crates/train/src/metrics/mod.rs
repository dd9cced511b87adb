//! BLEU, chrF and chrF++, equal to sacreBLEU's to the last printed digit.
//!
//! Published numbers are only comparable when they come from the same tokenizer and the same smoothing, so each
//! score carries sacreBLEU's signature. Own code, because the crates at hand compute other variants: `bleuscore`
//! follows another tokenizer and smoothing, `chrf` averages over sentences. One reference per sentence.

use rayon::prelude::*;

mod bleu;
mod bootstrap;
mod chrf;
mod tokenize_13a;

pub use bleu::{Bleu, BleuOptions, BleuTokenizer, corpus_bleu, corpus_bleu_with};
pub use bootstrap::{Interval, bootstrap};
pub use chrf::{Chrf, ChrfOptions, corpus_chrf, corpus_chrf_with};

/// A score of a corpus that follows from sums over its sentences.
pub trait Metric: Sync {
    /// What is summed for one sentence; as many numbers for every sentence.
    fn statistics(&self, hypothesis: &str, reference: &str) -> Vec<f64>;

    /// The score, 0 to 100, where `sums` are the sentences' statistics added up; none for no sentence.
    fn score(&self, sums: &[f64]) -> f64;
}

/// The statistics of every sentence.
///
/// # Panics
/// When there are not as many references as hypotheses.
pub fn statistics(metric: &impl Metric, hyps: &[String], refs: &[String]) -> Vec<Vec<f64>> {
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

/// The release of sacreBLEU whose numbers these are.
pub const SACREBLEU_VERSION: &str = "2.6.0";

/// White space as Python's `str.split` sees it: Unicode's, and the four ASCII separators.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}
