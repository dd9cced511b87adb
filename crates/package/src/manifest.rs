//! The manifest: what a package promises about itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{HASHED_FILES, MANIFEST_FILE, PackageError, SOURCE_TOKENIZER_FILE};

/// The package format that this version writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// Everything in `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT_VERSION`]; looked at before anything else.
    pub format_version: u32,
    /// Language tag of the text that goes in, such as `en`.
    pub source_language: String,
    /// Language tag of the text that comes out.
    pub target_language: String,
    /// What every source begins with, where one network translates into several languages: a tag of the tokenizer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_tag: Option<String>,
    /// The program that wrote the package, with its version.
    pub created_by: String,
    /// One entry for each of [`HASHED_FILES`], and for [`SOURCE_TOKENIZER_FILE`] where there is one.
    pub files: Vec<FileEntry>,
    /// What the model was trained on, and on what terms.
    pub licences: Vec<DataLicence>,
    /// What else people should know before they use the model.
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    pub notes: Notes,
    /// How the model was trained, for people: configuration, steps, tokens.
    pub recipe: BTreeMap<String, serde_json::Value>,
    /// What the model reaches on test sets, measured through the package.
    pub scores: Vec<Score>,
}

/// Size and digest of one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Name inside the package.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

impl FileEntry {
    /// The entry of a file with these bytes.
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), bytes: bytes.len() as u64, sha256: sha256_hex(bytes) }
    }
}

/// One source of training data and its licence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataLicence {
    /// Name of the corpus.
    pub source: String,
    /// Its licence, as an SPDX expression where there is one.
    pub licence: String,
}

/// What is known of a model by hand alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notes {
    /// What it was trained on, and how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
    /// What it is for, and what it is not for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intended_use: Option<String>,
    /// What it is seen to get wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weaknesses: Vec<String>,
}

impl Notes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One measured score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Name of the test set.
    pub test_set: String,
    /// `BLEU` or `chrF2`.
    pub metric: String,
    /// The score, on the metric's own scale.
    pub score: f64,
    /// The metric's signature, without which the number means little.
    pub signature: String,
    /// Width of the beam it was measured with.
    pub beam: usize,
}

/// SHA-256 of `bytes` in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Manifest {
    /// Reads a manifest: the version first, so that a newer format is named as such, then every field.
    ///
    /// # Errors
    /// Another version, JSON with fields missing or unknown, and those of [`Self::validate`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, PackageError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u64,
        }
        let json = |error: serde_json::Error| PackageError::Json { file: MANIFEST_FILE, reason: error.to_string() };
        let Version { format_version } = serde_json::from_slice(bytes).map_err(json)?;
        if format_version != u64::from(FORMAT_VERSION) {
            return Err(PackageError::FormatVersion { found: format_version, wanted: FORMAT_VERSION });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(json)?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// The manifest as it is written: indented JSON with a final newline.
    ///
    /// # Errors
    /// Where `serde_json` refuses, which it never does: every field has a form in JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, PackageError> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| PackageError::Json { file: MANIFEST_FILE, reason: error.to_string() })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Checks language tags, scores and the list of files, without looking at the files themselves.
    ///
    /// # Errors
    /// A language that is no tag, a score that is not finite, and a file that is unknown, listed twice or not listed.
    pub fn validate(&self) -> Result<(), PackageError> {
        check_language("source_language", &self.source_language)?;
        check_language("target_language", &self.target_language)?;
        for score in &self.scores {
            if !score.score.is_finite() {
                let key = format!("scores: {} {}", score.test_set, score.metric);
                return Err(PackageError::Manifest { key, reason: format!("{} is not a finite number", score.score) });
            }
        }
        let mut names = BTreeSet::new();
        for entry in &self.files {
            if !HASHED_FILES.contains(&entry.name.as_str()) && entry.name != SOURCE_TOKENIZER_FILE {
                return Err(PackageError::UnknownFile { file: entry.name.clone() });
            }
            if !names.insert(entry.name.as_str()) {
                return Err(PackageError::RepeatedFile { file: entry.name.clone() });
            }
        }
        match HASHED_FILES.iter().find(|name| !names.contains(*name)) {
            Some(name) => Err(PackageError::Manifest {
                key: "files".to_owned(),
                reason: format!("no entry for {name}; export the package again"),
            }),
            None => Ok(()),
        }
    }

    /// Whether a file is listed.
    pub fn lists(&self, name: &str) -> bool {
        self.files.iter().any(|entry| entry.name == name)
    }

    /// Checks the size, then the digest, of one file that the manifest lists.
    ///
    /// # Errors
    /// A file that is not listed, and one of another size or digest.
    pub fn check_file(&self, name: &str, bytes: &[u8]) -> Result<(), PackageError> {
        let entry = self.files.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| PackageError::UnknownFile { file: name.to_owned() })?;
        let found = bytes.len() as u64;
        if found != entry.bytes {
            return Err(PackageError::WrongSize { file: name.to_owned(), found, wanted: entry.bytes });
        }
        let found = sha256_hex(bytes);
        if found != entry.sha256 {
            return Err(PackageError::WrongHash { file: name.to_owned(), found, wanted: entry.sha256.clone() });
        }
        Ok(())
    }
}

/// Accepts the shape of a language tag (BCP 47): letters, then groups of letters and digits after hyphens.
fn check_language(key: &str, tag: &str) -> Result<(), PackageError> {
    let mut parts = tag.split('-');
    let is_language = |part: &str| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if parts.next().is_some_and(is_language) && parts.all(is_subtag) {
        return Ok(());
    }
    let reason = format!("`{}` is not a language tag (expected one such as en, fr, pt-BR)", tag.escape_debug());
    Err(PackageError::Manifest { key: key.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_a_known_text() {
        // `printf abc | sha256sum`
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(FileEntry::of("config.json", b"abc").sha256, wanted);
    }

    #[test]
    fn language_tags() {
        for tag in ["en", "pt-BR", "zh-Hant-TW", "fil"] {
            assert!(check_language("source_language", tag).is_ok(), "{tag}");
        }
        for tag in ["", "e", "EN", "english", "en-", "en fr", "../en", "en-\u{e9}"] {
            assert!(check_language("source_language", tag).is_err(), "{tag}");
        }
    }

    #[test]
    fn a_newer_format_is_named_before_its_unknown_fields() {
        let error = Manifest::from_json(br#"{"format_version": 2, "novelty": true}"#).unwrap_err();
        assert!(matches!(error, PackageError::FormatVersion { found: 2, wanted: 1 }), "{error}");
    }
}
