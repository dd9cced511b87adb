//! How to translate, and how far it has come.

use crate::{Glossary, TranslateError};

/// The widest beam that is accepted; wider ones cost memory and do not translate better.
pub const MAX_BEAM: usize = 64;

/// How to translate.
#[derive(Clone, Debug, PartialEq)]
pub struct TranslateOptions {
    /// Hypotheses kept at each step, `1..=MAX_BEAM`; 1 is greedy.
    pub beam: usize,
    /// Exponent of the length by which a hypothesis' log-probability is divided; 0 favours short sentences.
    pub length_penalty: f32,
    /// Hypotheses returned for each sentence, at most `beam`.
    pub n_best: usize,
    /// Most target subwords for each source subword; without it a translation may be twice as long, and some more.
    pub max_length_factor: Option<f32>,
    /// Whether a translation that lost a number is searched for again.
    pub keep_numbers: bool,
    /// Whether to return attention weights.
    pub with_attention: bool,
    /// Sentences translated at once. Changes speed and memory, never the words.
    pub batch_sentences: usize,
    /// Terms whose translation is fixed.
    pub glossary: Glossary,
}

impl Default for TranslateOptions {
    fn default() -> Self {
        Self {
            beam: 5,
            length_penalty: 1.0,
            n_best: 1,
            max_length_factor: None,
            keep_numbers: true,
            with_attention: false,
            batch_sentences: 16,
            glossary: Glossary::default(),
        }
    }
}

impl TranslateOptions {
    /// Names the first option that is out of its range.
    pub fn validate(&self) -> Result<(), TranslateError> {
        let in_range = |option, found: usize, most: usize| {
            let error =
                || TranslateError::Option { option, found: found.to_string(), expected: format!("1 to {most}") };
            if (1..=most).contains(&found) { Ok(()) } else { Err(error()) }
        };
        in_range("beam", self.beam, MAX_BEAM)?;
        in_range("n-best", self.n_best, self.beam)?;
        in_range("batch", self.batch_sentences, 4096)?;
        if !(0.0..=10.0).contains(&self.length_penalty) {
            return Err(TranslateError::Option {
                option: "length-penalty",
                found: self.length_penalty.to_string(),
                expected: "0 to 10".to_owned(),
            });
        }
        match self.max_length_factor {
            Some(factor) if !(0.1..=10.0).contains(&factor) => Err(TranslateError::Option {
                option: "max-length-factor",
                found: factor.to_string(),
                expected: "0.1 to 10".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// How far a translation has come; reported after each batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Sentences translated.
    pub done_sentences: usize,
    /// Sentences in all.
    pub total_sentences: usize,
}

/// What to do after a report of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop; the translation ends with [`TranslateError::Cancelled`].
    Cancel,
}
