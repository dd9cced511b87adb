//! How to search, as flags.

use traduko_translator::{Sampling, Steering, Stopping, TranslateOptions};

/// When a search ends.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum StoppingArg {
    /// When the best hypothesis is finished
    Best,
    /// When it is finished and no other can end better
    Exact,
    /// When every hypothesis in the beam is finished
    WholeBeam,
}

impl From<StoppingArg> for Stopping {
    fn from(when: StoppingArg) -> Self {
        match when {
            StoppingArg::Best => Self::Best,
            StoppingArg::Exact => Self::Exact,
            StoppingArg::WholeBeam => Self::WholeBeam,
        }
    }
}

/// How to search.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Search")]
pub struct SearchArgs {
    /// Hypotheses kept at each step; 1 is greedy and fastest
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub beam: usize,
    /// Exponent of the length that scores are divided by; larger favours longer sentences
    #[arg(long, default_value_t = 1.0, value_name = "X")]
    pub length_penalty: f32,
    /// Scores are divided by (X + length) / (X + 1) to that power; 5 is the penalty of Wu et al. (2016)
    #[arg(long, default_value_t = 0.0, value_name = "X")]
    pub length_offset: f32,
    /// When the search for a sentence's translation ends
    #[arg(long, value_enum, default_value = "whole-beam", value_name = "WHEN")]
    pub stopping: StoppingArg,
    /// Most target subwords for each source subword; without it a translation may be twice as long, and some more
    #[arg(long, value_name = "X")]
    pub max_length_factor: Option<f32>,
    /// Fewest target subwords of a sentence
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub min_length: usize,
    /// Say no run of so many subwords twice in a sentence
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub no_repeat_ngram: usize,
    /// Take X off the n-th best continuation for each that is better, so that the beam holds more different ones
    #[arg(long, default_value_t = 0.0, value_name = "X")]
    pub diversity_rate: f32,
    /// Rank finished hypotheses down for source subwords that attention has hardly looked at
    #[arg(long, default_value_t = 0.0, value_name = "X")]
    pub coverage_penalty: f32,
    /// Take the best translation as it is, even where a number of the source is missing from it or a time of day is written as
    /// in the source
    #[arg(long)]
    pub any_numbers: bool,
    /// Draw subwords at random, by their probabilities to the power 1 / X, rather than search
    #[arg(long, value_name = "X")]
    pub temperature: Option<f32>,
    /// Draw among the N most probable subwords
    #[arg(long, requires = "temperature", default_value_t = 0, value_name = "N")]
    pub top_k: usize,
    /// Draw among the most probable subwords that together have this probability
    #[arg(long, requires = "temperature", default_value_t = 1.0, value_name = "X")]
    pub top_p: f32,
    /// Seeds the draws
    #[arg(long, requires = "temperature", default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Sentences translated at once by one thread; changes speed and memory, never the words
    #[arg(long, default_value_t = 16, value_name = "N", help_heading = "Speed")]
    pub batch: usize,
    /// Threads to translate with [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    pub threads: Option<usize>,
}

impl SearchArgs {
    /// The options that the flags stand for, the others by default; not yet validated.
    pub fn options(&self) -> TranslateOptions {
        let Self { top_k, top_p, seed, .. } = *self;
        TranslateOptions {
            beam: self.beam,
            length_penalty: self.length_penalty,
            length_offset: self.length_offset,
            stopping: self.stopping.into(),
            max_length_factor: self.max_length_factor,
            keep_numbers: !self.any_numbers,
            batch_sentences: self.batch,
            diversity_rate: self.diversity_rate,
            coverage_penalty: self.coverage_penalty,
            steering: Steering {
                min_length: self.min_length,
                no_repeat_ngram: self.no_repeat_ngram,
                sampling: self.temperature.map(|temperature| Sampling { temperature, top_k, top_p, seed }),
            },
            ..TranslateOptions::default()
        }
    }
}
