//! How to translate, and how far it has come.

use traduko_model::{Steering, Stopping};

use crate::{Glossary, TranslateError};

/// The widest beam that is accepted; wider ones cost memory and do not translate better.
const MAX_BEAM: usize = 64;

/// How to translate.
#[derive(Clone, Debug, PartialEq)]
pub struct TranslateOptions {
    /// Hypotheses kept at each step, 1 to 64; 1 is greedy.
    pub beam: usize,
    /// Exponent of the length by which a hypothesis' log-probability is divided; 0 favours short sentences.
    pub length_penalty: f32,
    /// That length is `(offset + length) / (offset + 1)`: 0 for the plain length, 5 as Wu et al. (2016) have it.
    pub length_offset: f32,
    /// Hypotheses returned for each sentence, at most `beam`, each of another text; fewer where the search has fewer.
    pub n_best: usize,
    /// When the search for a sentence's translation ends. The whole beam translates as well as an exact end, and leaves other
    /// hypotheses to choose from where the best lost a term or a number.
    pub stopping: Stopping,
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
    /// Rules for the search; where it draws tokens, it draws `n_best` translations of each sentence, whatever the beam.
    pub steering: Steering,
    /// What is taken off the n-th best extension of a hypothesis for each that is better; 0 for a plain beam.
    pub diversity_rate: f32,
    /// How much a hypothesis loses for source subwords that attention has hardly looked at; 0 for nothing.
    pub coverage_penalty: f32,
    /// How the translation of each text begins: none at all, or one a text, which may be empty. It may come behind
    /// terms that the text begins with, is in capitals where the sentence is, and ends where a translation may be no longer:
    /// after 26 subwords for a sentence of up to 8.
    pub prefixes: Vec<String>,
}

impl Default for TranslateOptions {
    fn default() -> Self {
        Self {
            beam: 5,
            length_penalty: 1.0,
            length_offset: 0.0,
            n_best: 1,
            stopping: Stopping::WholeBeam,
            max_length_factor: None,
            keep_numbers: true,
            with_attention: false,
            batch_sentences: 16,
            glossary: Glossary::default(),
            steering: Steering::default(),
            diversity_rate: 0.0,
            coverage_penalty: 0.0,
            prefixes: Vec::new(),
        }
    }
}

impl TranslateOptions {
    /// Checks all options but whether there are as many `prefixes` as texts.
    ///
    /// # Errors
    /// The first option that is out of its range, by name.
    pub fn validate(&self) -> Result<(), TranslateError> {
        fn wrong<T: ToString>(option: &'static str, found: T, expected: &str) -> Result<(), TranslateError> {
            Err(TranslateError::Option { option, found: found.to_string(), expected: expected.to_owned() })
        }
        let count = |option, found: usize, most: usize| match (1..=most).contains(&found) {
            true => Ok(()),
            false => wrong(option, found, &format!("1 to {most}")),
        };
        let number = |option, found: f32, least: f32, most: f32| match (least..=most).contains(&found) {
            true => Ok(()),
            false => wrong(option, found, &format!("{least} to {most}")),
        };
        count("beam", self.beam, MAX_BEAM)?;
        let is_drawn = self.steering.sampling.is_some();
        count("n-best", self.n_best, if is_drawn { MAX_BEAM } else { self.beam })?;
        count("batch", self.batch_sentences, 4096)?;
        number("length-penalty", self.length_penalty, 0.0, 10.0)?;
        number("length-offset", self.length_offset, 0.0, 100.0)?;
        number("diversity-rate", self.diversity_rate, 0.0, 100.0)?;
        number("coverage-penalty", self.coverage_penalty, 0.0, 100.0)?;
        number("max-length-factor", self.max_length_factor.unwrap_or(1.0), 0.1, 10.0)?;
        if let Some(sampling) = &self.steering.sampling {
            number("temperature", sampling.temperature, 0.01, 100.0)?;
            number("top-p", sampling.top_p, 0.0, 1.0)?;
        }
        Ok(())
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
