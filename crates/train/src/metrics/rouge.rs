//! ROUGE-1, ROUGE-2 and ROUGE-L (Lin, 2004) as Google's rouge-score computes them without stemming: the mean F-measure of
//! sentences, words being runs of a to z and digits.

use std::collections::HashMap;

use super::Metric;

/// Which overlap counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RougeOptions {
    /// N-grams of this many words.
    Ngrams(usize),
    /// The longest common subsequence.
    Longest,
}

impl Metric for RougeOptions {
    /// The F-measure, and 1.
    fn statistics(&self, hypothesis: &str, reference: &str) -> Vec<f64> {
        let [hypothesis, reference] = [hypothesis, reference].map(str::to_lowercase);
        let [hypothesis, reference] = [words(&hypothesis), words(&reference)];
        let (same, of_hypothesis, of_reference) = match *self {
            Self::Ngrams(n) => common_ngrams(&hypothesis, &reference, n),
            Self::Longest => (common_subsequence(&hypothesis, &reference), hypothesis.len(), reference.len()),
        };
        let [precision, recall] = [of_hypothesis, of_reference].map(|all| same as f64 / all.max(1) as f64);
        let f = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
        vec![f, 1.0]
    }

    fn score(&self, sums: &[f64]) -> f64 {
        match *sums {
            [f, sentences] if sentences > 0.0 => 100.0 * f / sentences,
            _ => 0.0,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Ngrams(n) => format!("ROUGE-{n}"),
            Self::Longest => "ROUGE-L".to_owned(),
        }
    }

    fn signature(&self) -> String {
        "nrefs:1|case:lc|tok:a-z0-9|stem:no|f1".to_owned()
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

/// N-grams of both, of the hypothesis, and of the reference.
fn common_ngrams(hypothesis: &[&str], reference: &[&str], n: usize) -> (usize, usize, usize) {
    let mut left: HashMap<&[&str], usize> = HashMap::new();
    for ngram in reference.windows(n.max(1)) {
        *left.entry(ngram).or_default() += 1;
    }
    let mut same = 0;
    for ngram in hypothesis.windows(n.max(1)) {
        if let Some(count) = left.get_mut(ngram).filter(|count| **count > 0) {
            *count -= 1;
            same += 1;
        }
    }
    let count = |words: &[&str]| (words.len() + 1).saturating_sub(n.max(1));
    (same, count(hypothesis), count(reference))
}

/// The length of the longest common subsequence.
fn common_subsequence(hypothesis: &[&str], reference: &[&str]) -> usize {
    let mut row = vec![0; reference.len() + 1];
    for word in hypothesis {
        let mut diagonal = 0;
        for (j, other) in reference.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if word == other { diagonal + 1 } else { above.max(row[j]) };
            diagonal = above;
        }
    }
    row[reference.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `the cat sat` against `the cat ran off`: 2 of 3 and 2 of 4 words, 1 of 2 and 1 of 3 pairs; F = 4/7 and 2/5.
    #[test]
    fn by_hand() {
        let score = |options: RougeOptions| options.score(&options.statistics("The cat sat.", "the cat ran off"));
        assert!((score(RougeOptions::Ngrams(1)) - 400.0 / 7.0).abs() < 1e-9);
        assert!((score(RougeOptions::Ngrams(2)) - 40.0).abs() < 1e-9);
        assert!((score(RougeOptions::Longest) - 400.0 / 7.0).abs() < 1e-9);
    }
}
