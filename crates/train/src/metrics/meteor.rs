//! METEOR (Lavie & Agarwal, 2007) with its first two stages: words that are the same, then words of the same stem. Its third,
//! synonyms, needs WordNet. The alignment is NLTK's, which takes words from the end; as in the authors' tool a corpus is
//! scored by its sums, not by the mean of its sentences.

use rust_stemmers::{Algorithm, Stemmer};

use super::Metric;
use super::tokenize_13a::tokenize;

/// The weight of recall against precision, and how much scattered matches cost.
const ALPHA: f64 = 0.9;
const BETA: f64 = 3.0;
const GAMMA: f64 = 0.5;

/// The language of the references, for its stems.
pub struct MeteorOptions {
    language: String,
    stemmer: Option<Stemmer>,
}

impl MeteorOptions {
    /// `language` is a code such as `fr`; one without a stemmer is compared by whole words.
    pub fn new(language: &str) -> Self {
        let algorithm = match language.split(['-', '_']).next().unwrap_or_default() {
            "ar" => Some(Algorithm::Arabic),
            "da" => Some(Algorithm::Danish),
            "de" => Some(Algorithm::German),
            "el" => Some(Algorithm::Greek),
            "en" => Some(Algorithm::English),
            "es" => Some(Algorithm::Spanish),
            "fi" => Some(Algorithm::Finnish),
            "fr" => Some(Algorithm::French),
            "hu" => Some(Algorithm::Hungarian),
            "it" => Some(Algorithm::Italian),
            "nb" | "nn" | "no" => Some(Algorithm::Norwegian),
            "nl" => Some(Algorithm::Dutch),
            "pt" => Some(Algorithm::Portuguese),
            "ro" => Some(Algorithm::Romanian),
            "ru" => Some(Algorithm::Russian),
            "sv" => Some(Algorithm::Swedish),
            "ta" => Some(Algorithm::Tamil),
            "tr" => Some(Algorithm::Turkish),
            _ => None,
        };
        Self { language: language.to_owned(), stemmer: algorithm.map(Stemmer::create) }
    }
}

impl Metric for MeteorOptions {
    /// Matched words, words of both sides, and chunks.
    fn statistics(&self, hypothesis: &str, reference: &str) -> Vec<f64> {
        let [hypothesis, reference] = [hypothesis, reference].map(|line| tokenize(&line.to_lowercase()));
        let mut pairs = Vec::new();
        let mut left = [&hypothesis, &reference].map(|words| (0..words.len()).collect::<Vec<_>>());
        take_same(&mut left, &mut pairs, |i, j| hypothesis[i] == reference[j]);
        if let Some(stemmer) = &self.stemmer {
            let [hypothesis, reference] =
                [&hypothesis, &reference].map(|words| words.iter().map(|word| stemmer.stem(word)).collect::<Vec<_>>());
            take_same(&mut left, &mut pairs, |i, j| hypothesis[i] == reference[j]);
        }
        pairs.sort_unstable();
        let breaks = pairs.windows(2).filter(|pair| pair[1] != (pair[0].0 + 1, pair[0].1 + 1)).count();
        let chunks = if pairs.is_empty() { 0 } else { breaks + 1 };
        [pairs.len(), hypothesis.len(), reference.len(), chunks].map(|x| x as f64).to_vec()
    }

    fn score(&self, sums: &[f64]) -> f64 {
        let &[matches, of_hypothesis, of_reference, chunks] = sums else { return 0.0 };
        if matches == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (matches / of_hypothesis, matches / of_reference);
        let mean = precision * recall / (ALPHA * precision + (1.0 - ALPHA) * recall);
        100.0 * mean * (1.0 - GAMMA * (chunks / matches).powf(BETA))
    }

    fn name(&self) -> String {
        "METEOR".to_owned()
    }

    fn signature(&self) -> String {
        let stem = if self.stemmer.is_some() { &self.language } else { "no" };
        format!("nrefs:1|case:lc|tok:13a|stem:{stem}|syn:no|a:{ALPHA}|b:{BETA}|g:{GAMMA}")
    }
}

/// Moves pairs of words that are the same from `left`, what is left of both sides, to `pairs`; the last words first.
fn take_same(left: &mut [Vec<usize>; 2], pairs: &mut Vec<(usize, usize)>, is_same: impl Fn(usize, usize) -> bool) {
    let [hypothesis, reference] = left;
    for at in (0..hypothesis.len()).rev() {
        let word = hypothesis[at];
        if let Some(place) = reference.iter().rposition(|&other| is_same(word, other)) {
            pairs.push((word, reference.remove(place)));
            hypothesis.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All four words match, two of them by their stem, in two chunks: 1 - 1/2 * (2/4)^3.
    #[test]
    fn by_hand() {
        let score = |language: &str| {
            let options = MeteorOptions::new(language);
            options.score(&options.statistics("small cats run fast", "fast small cat runs"))
        };
        assert!((score("en") - 100.0 * (1.0 - 0.5 / 8.0)).abs() < 1e-9, "{}", score("en"));
        // Without stems two of four match, in two chunks: 1/2 * (1 - 1/2).
        assert!((score("xx") - 25.0).abs() < 1e-9, "{}", score("xx"));
    }
}
