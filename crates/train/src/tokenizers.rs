//! The tokenizer files beside encoded pairs and in runs, as bytes.

use std::fs;
use std::path::Path;

use anyhow::Context;
use traduko_package::{SOURCE_TOKENIZER_FILE, TOKENIZER_FILE};
use traduko_text::Vocabulary;

use crate::atomic::write_atomically;

/// What a folder holds of tokenizers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizerFiles {
    /// `tokenizer.json`: the subwords of the target, or of both sides.
    pub tokenizer: Vec<u8>,
    /// `source_tokenizer.json`, where the source has subwords of its own.
    pub source: Option<Vec<u8>>,
}

impl TokenizerFiles {
    /// Those of `vocabulary`.
    ///
    /// # Errors
    /// When the tokenizers cannot be written as JSON.
    pub fn of(vocabulary: &Vocabulary) -> anyhow::Result<Self> {
        let has_own = vocabulary.n_source_vocab() > 0;
        let source = has_own.then(|| vocabulary.source().to_json()).transpose()?;
        Ok(Self { tokenizer: vocabulary.target().to_json()?.into_bytes(), source: source.map(String::into_bytes) })
    }

    /// Reads those of a folder.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).with_context(|| format!("reading {}", path.display()))
        };
        let has_own = folder.join(SOURCE_TOKENIZER_FILE).exists();
        let source = has_own.then(|| read(SOURCE_TOKENIZER_FILE)).transpose()?;
        Ok(Self { tokenizer: read(TOKENIZER_FILE)?, source })
    }

    /// Writes them into a folder, in the place of older ones.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let write = |name: &str, data: &[u8]| {
            let path = folder.join(name);
            write_atomically(&path, data).with_context(|| format!("writing {}", path.display()))
        };
        let own = folder.join(SOURCE_TOKENIZER_FILE);
        match &self.source {
            Some(data) => write(SOURCE_TOKENIZER_FILE, data)?,
            None if own.exists() => {
                fs::remove_file(&own).with_context(|| format!("removing the older {}", own.display()))?;
            }
            None => {}
        }
        write(TOKENIZER_FILE, &self.tokenizer)
    }

    /// What they say.
    ///
    /// # Errors
    /// Where one is broken.
    pub fn vocabulary(&self) -> anyhow::Result<Vocabulary> {
        Ok(Vocabulary::from_json(&self.tokenizer, self.source.as_deref())?)
    }
}
