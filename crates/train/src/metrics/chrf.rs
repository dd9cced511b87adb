//! chrF2 (Popović, 2015) and chrF2++ (Popović, 2017) over a corpus, with sacreBLEU's defaults: character n-grams up to 6,
//! no spaces, and word n-grams up to 2 or none.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Metric, SACREBLEU_VERSION, is_python_space};

const MAX_LETTERS: usize = 6;
/// Recall weighs beta squared times as much as precision.
const BETA: f64 = 2.0;

/// Which n-grams count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChrfOptions {
    /// Longest n-gram of words: 0 for chrF, 2 for chrF++.
    pub max_words: usize,
}

impl Metric for ChrfOptions {
    /// For each order of characters, then of words: n-grams of the hypothesis, of the reference, and those of both.
    fn statistics(&self, hypothesis: &str, reference: &str) -> Vec<f64> {
        let mut numbers = Vec::with_capacity(3 * (MAX_LETTERS + self.max_words));
        let [of_hypothesis, of_reference] = [hypothesis, reference].map(letters);
        for n in 1..=MAX_LETTERS {
            numbers.extend(order(&of_hypothesis, &of_reference, n));
        }
        let [of_hypothesis, of_reference] = [hypothesis, reference].map(words);
        for n in 1..=self.max_words {
            numbers.extend(order(&of_hypothesis, &of_reference, n));
        }
        numbers
    }

    fn score(&self, sums: &[f64]) -> f64 {
        let (mut precision, mut recall, mut effective) = (0.0, 0.0, 0.0);
        for order in sums.chunks_exact(3) {
            if let &[hypothesis, reference, matched] = order
                && hypothesis > 0.0
                && reference > 0.0
            {
                precision += matched / hypothesis;
                recall += matched / reference;
                effective += 1.0;
            }
        }
        if precision + recall == 0.0 {
            return 0.0;
        }
        precision /= effective;
        recall /= effective;
        let factor = BETA * BETA;
        100.0 * ((1.0 + factor) * precision * recall / (factor * precision + recall))
    }

    fn name(&self) -> String {
        format!("chrF2{}", "+".repeat(self.max_words))
    }

    fn signature(&self) -> String {
        format!("nrefs:1|case:mixed|eff:yes|nc:6|nw:{}|space:no|version:{SACREBLEU_VERSION}", self.max_words)
    }
}

fn letters(line: &str) -> Vec<char> {
    line.chars().filter(|&c| !is_python_space(c)).collect()
}

/// Words as chrF++ counts them: one ASCII sign at the end of a word, or else at its beginning, stands for itself.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for word in line.split(is_python_space).filter(|word| !word.is_empty()) {
        let first_end = word.chars().next().map_or(0, char::len_utf8);
        if word.len() == first_end {
            words.push(word);
        } else if word.ends_with(|c: char| c.is_ascii_punctuation()) {
            words.extend([&word[..word.len() - 1], &word[word.len() - 1..]]);
        } else if word.starts_with(|c: char| c.is_ascii_punctuation()) {
            words.extend([&word[..first_end], &word[first_end..]]);
        } else {
            words.push(word);
        }
    }
    words
}

fn order<T: Eq + Hash>(hypothesis: &[T], reference: &[T], n: usize) -> [f64; 3] {
    let wanted = ngrams(reference, n);
    // Too short a reference to have any n-gram: those of the hypothesis are no miss either.
    if wanted.is_empty() {
        return [0.0; 3];
    }
    let (mut total, mut matched) = (0, 0);
    for (ngram, count) in ngrams(hypothesis, n) {
        total += count;
        matched += count.min(wanted.get(ngram).copied().unwrap_or(0));
    }
    [total, wanted.values().sum(), matched].map(|x| x as f64)
}

fn ngrams<T: Eq + Hash>(items: &[T], n: usize) -> HashMap<&[T], usize> {
    let mut counts = HashMap::new();
    for ngram in items.windows(n) {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chrf(hypothesis: &str, reference: &str) -> f64 {
        let options = ChrfOptions::default();
        options.score(&options.statistics(hypothesis, reference))
    }

    /// `ab` against `ac`: order 1 has precision and recall 1/2, order 2 has 0, so both average 1/4, and so does F.
    #[test]
    fn by_hand() {
        let chrf = chrf("a b", "ac");
        assert!((chrf - 25.0).abs() < 1e-9);
    }

    /// `ab` against `abcd`: precision 1, 1; recall 2/4, 1/3; orders 3 and 4 have no n-gram in the hypothesis.
    /// Averages 1 and 5/12: 5 * (5/12) / (4 + 5/12) = 25/53.
    #[test]
    fn recall_weighs_more_by_hand() {
        let chrf = chrf("ab", "abcd");
        assert!((chrf - 2500.0 / 53.0).abs() < 1e-9);
    }
}
