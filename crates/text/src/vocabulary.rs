//! The subwords of a network: of both languages together or of each alone, and what its sources begin with.

use crate::{SubwordTokenizer, TextError};

/// What a network reads and writes.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    target: SubwordTokenizer,
    /// Where the source has subwords of its own.
    source: Option<SubwordTokenizer>,
    /// The id of what every source begins with.
    source_tag: Option<u32>,
}

impl From<SubwordTokenizer> for Vocabulary {
    fn from(both: SubwordTokenizer) -> Self {
        Self { target: both, source: None, source_tag: None }
    }
}

impl Vocabulary {
    /// One tokenizer for each side, or one for both.
    pub fn new(target: SubwordTokenizer, source: Option<SubwordTokenizer>) -> Self {
        Self { source, ..Self::from(target) }
    }

    /// Reads `tokenizer.json` and, where the source has subwords of its own, `source_tokenizer.json`.
    ///
    /// # Errors
    /// As [`SubwordTokenizer::from_json`]; a fault of the second is a [`TextError::Source`].
    pub fn from_json(tokenizer: &[u8], source_tokenizer: Option<&[u8]>) -> Result<Self, TextError> {
        let source = source_tokenizer.map(SubwordTokenizer::from_json).transpose();
        let source = source.map_err(|error| TextError::Source(Box::new(error)))?;
        Ok(Self::new(SubwordTokenizer::from_json(tokenizer)?, source))
    }

    /// The same where every source begins with `tag`: the language to translate into (Johnson et al., 2017), or what kind of
    /// text it is (Caswell et al., 2019).
    ///
    /// # Errors
    /// When the source's subwords have no such tag.
    pub fn with_source_tag(mut self, tag: &str) -> Result<Self, TextError> {
        self.source_tag = Some(self.source().tag(tag)?);
        Ok(self)
    }

    /// The source's subwords.
    pub fn source(&self) -> &SubwordTokenizer {
        self.source.as_ref().unwrap_or(&self.target)
    }

    /// The target's subwords.
    pub fn target(&self) -> &SubwordTokenizer {
        &self.target
    }

    /// How many subwords the source has of its own; 0 where both sides share theirs.
    pub fn n_source_vocab(&self) -> usize {
        self.source.as_ref().map_or(0, SubwordTokenizer::n_vocab)
    }

    /// What every source begins with, or nothing.
    pub fn source_tag(&self) -> &[u32] {
        self.source_tag.as_slice()
    }

    /// The ids of a source, its tag before them.
    ///
    /// # Errors
    /// As [`SubwordTokenizer::encode`].
    pub fn encode_source(&self, text: &str) -> Result<Vec<u32>, TextError> {
        Ok([self.source_tag(), &self.source().encode_ids(text)?].concat())
    }
}
