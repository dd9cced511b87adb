//! chrF2 (Popović, 2015) over a corpus, with sacreBLEU's defaults: character n-grams up to 6, no words, no spaces.

use std::collections::HashMap;
use std::fmt;

use super::{SACREBLEU_VERSION, is_python_space};

const MAX_ORDER: usize = 6;
/// Recall weighs beta squared times as much as precision.
const BETA: f64 = 2.0;

/// A chrF score.
#[derive(Clone, Debug, PartialEq)]
pub struct Chrf {
    /// 0 to 100.
    pub score: f64,
}

/// N-grams of one order, summed over the corpus.
#[derive(Clone, Copy, Default)]
struct Order {
    hypothesis: usize,
    reference: usize,
    matched: usize,
}

/// chrF2 of a corpus as sacreBLEU computes it by default.
///
/// # Panics
/// When there are not as many references as hypotheses.
pub fn corpus_chrf(hyps: &[String], refs: &[String]) -> Chrf {
    assert_eq!(hyps.len(), refs.len(), "one reference per hypothesis");
    let mut orders = [Order::default(); MAX_ORDER];
    for (hypothesis, reference) in hyps.iter().zip(refs) {
        let hypothesis = letters(hypothesis);
        let reference = letters(reference);
        for (n, order) in (1..).zip(&mut orders) {
            let wanted = ngrams(&reference, n);
            // Too short a reference to have any n-gram: those of the hypothesis are no miss either.
            if wanted.is_empty() {
                continue;
            }
            order.reference += wanted.values().sum::<usize>();
            for (ngram, count) in ngrams(&hypothesis, n) {
                order.hypothesis += count;
                order.matched += count.min(wanted.get(ngram).copied().unwrap_or(0));
            }
        }
    }
    Chrf { score: score(&orders) }
}

fn letters(line: &str) -> Vec<char> {
    line.chars().filter(|&c| !is_python_space(c)).collect()
}

fn ngrams(letters: &[char], n: usize) -> HashMap<&[char], usize> {
    let mut counts = HashMap::new();
    for ngram in letters.windows(n) {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

fn score(orders: &[Order; MAX_ORDER]) -> f64 {
    let (mut precision, mut recall, mut effective) = (0.0, 0.0, 0);
    for order in orders.iter().filter(|order| order.hypothesis > 0 && order.reference > 0) {
        precision += order.matched as f64 / order.hypothesis as f64;
        recall += order.matched as f64 / order.reference as f64;
        effective += 1;
    }
    if precision + recall == 0.0 {
        return 0.0;
    }
    precision /= f64::from(effective);
    recall /= f64::from(effective);
    let factor = BETA * BETA;
    100.0 * ((1.0 + factor) * precision * recall / (factor * precision + recall))
}

impl Chrf {
    /// What sacreBLEU prints to say how the score was computed.
    pub fn signature(&self) -> String {
        format!("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{SACREBLEU_VERSION}")
    }
}

impl fmt::Display for Chrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chrF2|{} = {:.2}", self.signature(), self.score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ab` against `ac`: order 1 has precision and recall 1/2, order 2 has 0, so both average 1/4, and so does F.
    #[test]
    fn by_hand() {
        let chrf = corpus_chrf(&["a b".into()], &["ac".into()]);
        assert!((chrf.score - 25.0).abs() < 1e-9);
    }

    /// `ab` against `abcd`: precision 1, 1; recall 2/4, 1/3; orders 3 and 4 have no n-gram in the hypothesis.
    /// Averages 1 and 5/12: 5 * (5/12) / (4 + 5/12) = 25/53.
    #[test]
    fn recall_weighs_more_by_hand() {
        let chrf = corpus_chrf(&["ab".into()], &["abcd".into()]);
        assert!((chrf.score - 2500.0 / 53.0).abs() < 1e-9);
    }
}
