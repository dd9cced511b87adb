//! BLEU (Papineni et al., 2002) over a corpus, with sacreBLEU's defaults.

use std::collections::HashMap;
use std::fmt;

use super::tokenize_13a::tokenize;
use super::{Metric, SACREBLEU_VERSION, is_python_space};

const MAX_ORDER: usize = 4;

/// How lines are cut into tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BleuTokenizer {
    /// mteval-v13a, the default of WMT and sacreBLEU.
    #[default]
    V13a,
    /// White space only: the text is tokenized already.
    None,
}

/// The knobs published scores differ in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BleuOptions {
    /// Compare without regard to case.
    pub lowercase: bool,
    /// How lines are cut into tokens.
    pub tokenizer: BleuTokenizer,
}

/// A BLEU score with what it is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Bleu {
    /// 0 to 100.
    pub score: f64,
    /// Matched n-grams, n from 1 to 4.
    pub counts: [usize; MAX_ORDER],
    /// N-grams of the hypotheses, n from 1 to 4.
    pub totals: [usize; MAX_ORDER],
    /// Smoothed precisions in percent, n from 1 to 4.
    pub precisions: [f64; MAX_ORDER],
    /// 1 unless the hypotheses are shorter than the references.
    pub brevity_penalty: f64,
    /// Tokens of the hypotheses.
    pub hyp_len: usize,
    /// Tokens of the references.
    pub ref_len: usize,
    /// How it was computed.
    pub options: BleuOptions,
}

impl Metric for BleuOptions {
    /// Matched n-grams, n-grams of the hypothesis, both for n from 1 to 4, and both lengths.
    fn statistics(&self, hypothesis: &str, reference: &str) -> Vec<f64> {
        let (hypothesis, reference) = (tokens(hypothesis, *self), tokens(reference, *self));
        let (mut counts, mut totals) = ([0; MAX_ORDER], [0; MAX_ORDER]);
        for n in 1..=MAX_ORDER {
            let wanted = ngrams(&reference, n);
            for (ngram, count) in ngrams(&hypothesis, n) {
                totals[n - 1] += count;
                counts[n - 1] += count.min(wanted.get(ngram).copied().unwrap_or(0));
            }
        }
        let lengths = [hypothesis.len(), reference.len()];
        counts.into_iter().chain(totals).chain(lengths).map(|x| x as f64).collect()
    }

    fn score(&self, sums: &[f64]) -> f64 {
        self.bleu(sums).score
    }

    fn name(&self) -> String {
        let case = if self.lowercase { "-lc" } else { "" };
        let tokenizer = if self.tokenizer == BleuTokenizer::None { "-tok" } else { "" };
        format!("BLEU{case}{tokenizer}")
    }

    fn signature(&self) -> String {
        let case = if self.lowercase { "lc" } else { "mixed" };
        let tokenizer = match self.tokenizer {
            BleuTokenizer::V13a => "13a",
            BleuTokenizer::None => "none",
        };
        format!("nrefs:1|case:{case}|eff:no|tok:{tokenizer}|smooth:exp|version:{SACREBLEU_VERSION}")
    }

    fn line(&self, sums: &[f64]) -> String {
        self.bleu(sums).to_string()
    }
}

impl BleuOptions {
    /// The score of summed statistics with what it is made of.
    pub fn bleu(self, sums: &[f64]) -> Bleu {
        let at = |index: usize| sums.get(index).map_or(0, |&x| x as usize);
        let orders = |first: usize| std::array::from_fn(|n| at(first + n));
        score(orders(0), orders(MAX_ORDER), at(2 * MAX_ORDER), at(2 * MAX_ORDER + 1), self)
    }
}

fn tokens(line: &str, options: BleuOptions) -> Vec<String> {
    let lowered;
    let line = if options.lowercase {
        lowered = line.to_lowercase();
        &lowered
    } else {
        line
    };
    match options.tokenizer {
        BleuTokenizer::V13a => tokenize(line),
        BleuTokenizer::None => {
            line.split(is_python_space).filter(|token| !token.is_empty()).map(str::to_owned).collect()
        }
    }
}

fn ngrams(tokens: &[String], n: usize) -> HashMap<&[String], usize> {
    let mut counts = HashMap::new();
    for ngram in tokens.windows(n) {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

fn score(
    counts: [usize; MAX_ORDER],
    totals: [usize; MAX_ORDER],
    hyp_len: usize,
    ref_len: usize,
    options: BleuOptions,
) -> Bleu {
    let brevity_penalty = match hyp_len {
        _ if hyp_len >= ref_len => 1.0,
        0 => 0.0,
        _ => (1.0 - ref_len as f64 / hyp_len as f64).exp(),
    };
    let mut precisions = [0.0; MAX_ORDER];
    let mut score = 0.0;
    if counts.iter().any(|&count| count > 0) {
        // Exponential smoothing: the first order without a match counts as half a match, the next as a quarter.
        let mut smoothing = 1.0;
        for n in 0..MAX_ORDER {
            if totals[n] == 0 {
                break;
            }
            precisions[n] = if counts[n] == 0 {
                smoothing *= 2.0;
                100.0 / (smoothing * totals[n] as f64)
            } else {
                100.0 * counts[n] as f64 / totals[n] as f64
            };
        }
        // A corpus without any n-gram of some order scores zero: ln 0 is minus infinity, and exp of that is 0.
        let mean = precisions.iter().map(|precision: &f64| precision.ln()).sum::<f64>() / MAX_ORDER as f64;
        score = brevity_penalty * mean.exp();
    }
    Bleu { score, counts, totals, precisions, brevity_penalty, hyp_len, ref_len, options }
}

impl fmt::Display for Bleu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precisions = self.precisions.map(|precision| format!("{precision:.1}")).join("/");
        let ratio = if self.ref_len == 0 { 0.0 } else { self.hyp_len as f64 / self.ref_len as f64 };
        write!(
            f,
            "BLEU|{} = {:.2} {precisions} (BP = {:.3} ratio = {ratio:.3} hyp_len = {} ref_len = {})",
            self.options.signature(),
            self.score,
            self.brevity_penalty,
            self.hyp_len,
            self.ref_len
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bleu(hypothesis: &str, reference: &str) -> Bleu {
        let options = BleuOptions::default();
        options.bleu(&options.statistics(hypothesis, reference))
    }

    /// One word of four differs: precisions 3/4, 2/3, 1/2 and, smoothed, (1/2)/1; their product is 1/8.
    #[test]
    fn by_hand() {
        let bleu = bleu("a b c d", "a b c e");
        assert_eq!(bleu.counts, [3, 2, 1, 0]);
        assert_eq!(bleu.totals, [4, 3, 2, 1]);
        assert!((bleu.score - 100.0 * 0.125f64.powf(0.25)).abs() < 1e-9);
    }

    /// Four words of five, all right: the penalty alone, exp(1 - 5/4).
    #[test]
    fn brevity_by_hand() {
        let bleu = bleu("a b c d", "a b c d e");
        assert!((bleu.score - 100.0 * (-0.25f64).exp()).abs() < 1e-9);
    }

    #[test]
    fn a_repeated_word_matches_once() {
        let bleu = bleu("a a a a", "a b c d");
        assert_eq!(bleu.counts, [1, 0, 0, 0]);
    }
}
