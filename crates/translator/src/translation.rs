//! What comes out.

use std::ops::Range;

use traduko_text::{Kept, Projection};

use crate::alignment::align_words;

/// A translated text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Translation {
    /// The translation, with the white space of the source between sentences.
    pub text: String,
    /// Its sentences in order. What lies between their ranges was copied from the source.
    pub sentences: Vec<SentenceTranslation>,
    /// What the network did not write, in the source text and in the translation: addresses, placeholders, atoms and line
    /// ends as they were, terms of the glossary and times of day as the other language has them, and some numbers.
    pub kept: Vec<Kept>,
}

/// One sentence, or one part of a sentence that was too long.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SentenceTranslation {
    /// Its bytes in the source text.
    pub source: Range<usize>,
    /// Its bytes in [`Translation::text`].
    pub target: Range<usize>,
    /// Subwords of the source, printable; `▁` marks the beginning of a word.
    pub source_pieces: Vec<String>,
    /// Subwords of the translation, printable.
    pub target_pieces: Vec<String>,
    /// For each subword of the source its bytes in the source text.
    pub source_offsets: Vec<Range<usize>>,
    /// For each subword of the translation its bytes in [`Translation::text`].
    pub target_offsets: Vec<Range<usize>>,
    /// Log-probability of the translation, normalised by its length.
    pub score: f32,
    /// `[target_pieces][source_pieces]`: what each word looked at; empty unless asked for. A row adds up to less
    /// than 1, since the network also looks at the end of the sentence.
    pub attention: Vec<Vec<f32>>,
    /// Whether the network was stopped before it came to an end.
    pub is_cut_off: bool,
    /// Other translations, best first; the chosen one is not among them.
    pub alternatives: Vec<Alternative>,
}

/// Another translation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alternative {
    /// Its text.
    pub text: String,
    /// Its log-probability, normalised by its length; over several sentences, the mean of theirs.
    pub score: f32,
}

impl Translation {
    /// The `n` best translations of the whole text, best first, made of all sentences' alternatives.
    ///
    /// Empty when nothing in the text was translated. Fewer than `n` when the sentences have too few alternatives.
    pub fn n_best(&self, n: usize) -> Vec<Alternative> {
        let mut best = vec![Alternative::default()];
        let mut copied_to = 0;
        for sentence in &self.sentences {
            let between = &self.text[copied_to..sentence.target.start];
            let first = (&self.text[sentence.target.clone()], sentence.score);
            let rest = sentence.alternatives.iter().map(|other| (other.text.as_str(), other.score));
            let choices: Vec<_> = std::iter::once(first).chain(rest).collect();
            let extend = |prefix: &Alternative| -> Vec<Alternative> {
                let with = |(text, score): &(&str, f32)| Alternative {
                    text: format!("{}{between}{text}", prefix.text),
                    score: prefix.score + score,
                };
                choices.iter().map(with).collect()
            };
            best = best.iter().flat_map(extend).collect();
            best.sort_by(|left, right| right.score.total_cmp(&left.score));
            best.truncate(n);
            copied_to = sentence.target.end;
        }
        if self.sentences.is_empty() {
            return Vec::new();
        }
        for alternative in &mut best {
            alternative.text.push_str(&self.text[copied_to..]);
            alternative.score /= self.sentences.len() as f32;
        }
        best
    }

    /// What is known of the way of words from `source`, the text this is a translation of, into the translation. Needs
    /// attention weights.
    pub fn projection<'a>(&'a self, source: &'a str) -> Projection<'a> {
        let mut projection = Projection::new(source, &self.text, &self.kept);
        for sentence in &self.sentences {
            for (target, row) in sentence.target_offsets.iter().zip(&sentence.attention) {
                for (from, &weight) in sentence.source_offsets.iter().zip(row) {
                    projection.link(target.clone(), from.clone(), weight);
                }
            }
        }
        projection
    }

    /// For each translated word the source word it looked at most, as `(source, target)` positions among the words
    /// that white space separates in `source` and in [`Self::text`]. Needs attention weights.
    pub fn word_alignment(&self, source: &str) -> Vec<(usize, usize)> {
        align_words(source, &self.text, &self.sentences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(target: Range<usize>, score: f32, alternatives: &[(&str, f32)]) -> SentenceTranslation {
        let alternative = |(text, score): &(&str, f32)| Alternative { text: (*text).to_owned(), score: *score };
        SentenceTranslation {
            target,
            score,
            alternatives: alternatives.iter().map(alternative).collect(),
            ..Default::default()
        }
    }

    /// Sums: A1 = -3, A2 = -3.5, B1 = -4, B2 = -4.5; means are half of them.
    #[test]
    fn combinations_in_the_order_of_their_scores() {
        let translation = Translation {
            text: "A  1.".to_owned(),
            sentences: vec![sentence(0..1, -1.0, &[("B", -2.0)]), sentence(3..4, -2.0, &[("2", -2.5)])],
            ..Translation::default()
        };
        let best: Vec<_> = translation.n_best(3).into_iter().map(|best| (best.text, best.score)).collect();
        let wanted = [("A  1.", -1.5), ("A  2.", -1.75), ("B  1.", -2.0)].map(|(text, score)| (text.to_owned(), score));
        assert_eq!(best, wanted);
        assert_eq!(Translation::default().n_best(3), []);
    }
}
