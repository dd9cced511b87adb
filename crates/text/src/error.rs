use std::ops::Range;

/// What can go wrong with a tokenizer, or with the markup of a text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The bytes are not a tokenizer the `tokenizers` crate can read.
    #[error("tokenizer.json: {reason} (wanted a file written by `traduko prepare`)")]
    Malformed {
        /// What the reader said.
        reason: String,
    },
    /// One of the four reserved ids holds another token.
    #[error("tokenizer.json: id {id} is {found:?} (wanted {wanted:?}; prepare the tokenizer again)")]
    SpecialToken {
        /// The reserved id.
        id: u32,
        /// The token that is there.
        found: Option<String>,
        /// The token that should be there.
        wanted: &'static str,
    },
    /// The way from words to subwords is not one of ours.
    #[error("tokenizer.json: model {found} (wanted BPE or Unigram, with byte_fallback and without dropout)")]
    UnknownModel {
        /// What it is.
        found: &'static str,
    },
    /// Merges were to be left out where there are none.
    #[error(
        "tokenizer.json: a unigram model has no merges to leave out (prepare with --subwords bpe, or without BPE-dropout)"
    )]
    NotBpe,
    /// An id holds the empty token, or a token that has another id, too.
    #[error("tokenizer.json: id {id} is {token:?} (wanted every token once, and none empty)")]
    UselessToken {
        /// The id.
        id: u32,
        /// Its token.
        token: String,
    },
    /// Bytes have no token of their own, so some text could not be encoded.
    #[error("tokenizer.json: no token {token} (wanted all 256 bytes, so that no text is unknown)")]
    ByteMissing {
        /// The missing byte token, such as `<0x41>`.
        token: String,
    },
    /// The ids of the vocabulary are not 0, 1, 2 and so on.
    #[error("tokenizer.json: no token has id {id} among {n_vocab} (wanted ids without gaps)")]
    IdMissing {
        /// The first id without a token.
        id: u32,
        /// Tokens in the file.
        n_vocab: usize,
    },
    /// The tokenizer of the source alone has a fault.
    #[error("source_{0}")]
    Source(Box<TextError>),
    /// A tag that cannot be one, or is not there.
    #[error("tag {tag:?}: {reason}")]
    Tag {
        /// The tag.
        tag: String,
        /// What is wrong.
        reason: String,
    },
    /// An id beyond the vocabulary was to be decoded.
    #[error("token id {id} is outside the vocabulary of {n_vocab}")]
    IdOutOfVocab {
        /// The id.
        id: u32,
        /// Size of the vocabulary.
        n_vocab: usize,
    },
    /// The wanted vocabulary cannot even hold the bytes and the letters.
    #[error("a vocabulary of {wanted} is too small (wanted at least {least})")]
    VocabTooSmall {
        /// The size asked for.
        wanted: usize,
        /// The least that works.
        least: usize,
    },
    /// There is nothing to learn subwords from.
    #[error("no text to train a tokenizer on (give sentences with at least one word)")]
    NoText,
    /// An inline element that its text cannot have.
    #[error("span {index}, bytes {range:?}: it {reason} (wanted spans that nest, in the order in which they begin)")]
    Span {
        /// Which one, from 0.
        index: usize,
        /// Its bytes.
        range: Range<usize>,
        /// What is wrong.
        reason: &'static str,
    },
    /// The `tokenizers` crate refused.
    #[error("tokenizer: {reason}")]
    Tokenizer {
        /// What it said.
        reason: String,
    },
}

impl TextError {
    pub(crate) fn tokenizer(error: tokenizers::Error) -> Self {
        Self::Tokenizer { reason: error.to_string() }
    }
}
