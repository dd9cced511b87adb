//! Metrics by name.

use super::{BleuOptions, BleuTokenizer, ChrfOptions, MeteorOptions, Metric, RougeOptions, TerOptions};

/// A metric to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum MetricKind {
    /// BLEU, 13a tokens, with case
    Bleu,
    /// BLEU without regard to case
    BleuLc,
    /// BLEU of text that is tokenized already
    BleuTok,
    /// chrF2
    Chrf,
    /// chrF2++, which counts words too
    #[value(name = "chrf++")]
    ChrfWords,
    /// Translation edit rate
    Ter,
    /// ROUGE-1: words
    #[value(name = "rouge-1")]
    Rouge1,
    /// ROUGE-2: pairs of words
    #[value(name = "rouge-2")]
    Rouge2,
    /// ROUGE-L: the longest common subsequence
    #[value(name = "rouge-l")]
    RougeL,
    /// METEOR by words and stems
    Meteor,
}

impl MetricKind {
    /// The metric; `language` is that of the references, whose stems METEOR looks at.
    pub fn metric(self, language: &str) -> Box<dyn Metric> {
        match self {
            Self::Bleu => Box::new(BleuOptions::default()),
            Self::BleuLc => Box::new(BleuOptions { lowercase: true, ..BleuOptions::default() }),
            Self::BleuTok => Box::new(BleuOptions { tokenizer: BleuTokenizer::None, ..BleuOptions::default() }),
            Self::Chrf => Box::new(ChrfOptions::default()),
            Self::ChrfWords => Box::new(ChrfOptions { max_words: 2 }),
            Self::Ter => Box::new(TerOptions),
            Self::Rouge1 => Box::new(RougeOptions::Ngrams(1)),
            Self::Rouge2 => Box::new(RougeOptions::Ngrams(2)),
            Self::RougeL => Box::new(RougeOptions::Longest),
            Self::Meteor => Box::new(MeteorOptions::new(language)),
        }
    }
}
