//! Why text could not be translated.

use traduko_package::PackageError;
use traduko_text::TextError;

/// A fault of the model, of the options, or a wish to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranslateError {
    /// The package is broken.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A tokenizer is broken.
    #[error(transparent)]
    Tokenizer(#[from] TextError),
    /// Tokenizer and network are of different models.
    #[error("{file} has {tokenizer} tokens, the network has {network}; both must come from one training run")]
    Vocabulary {
        /// Which tokenizer.
        file: &'static str,
        /// Tokens of the tokenizer.
        tokenizer: usize,
        /// Rows of the network's embedding.
        network: usize,
    },
    /// An option is out of its range.
    #[error("{option}: found {found}, expected {expected}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What was given.
        found: String,
        /// What may be given.
        expected: String,
    },
    /// A term of a glossary that cannot be found in a text.
    #[error("glossary: the term {term:?} {reason}")]
    Glossary {
        /// The term.
        term: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The caller asked to stop.
    #[error("cancelled after {done} of {total} sentences")]
    Cancelled {
        /// Sentences translated, and now lost.
        done: usize,
        /// Sentences asked for.
        total: usize,
    },
}
