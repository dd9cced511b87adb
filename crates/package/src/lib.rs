//! The shipped model: a folder that is written once, checked on every reading, and turned into a network.
//!
//! A package holds `config.json` (the [`ModelConfig`](traduko_model::ModelConfig)), `tokenizer.json`,
//! `model.safetensors` (every matrix as int8 rows with one f32 scale a row, every vector as f32), `manifest.json`
//! (format version, languages, sizes, SHA-256, licences, recipe, scores) and `README.md`, the model card.
//!
//! Readers trust nothing: a wrong hash, an unknown file, field or tensor, a shape the model did not ask for, a
//! scale that is not a number are each a named [`PackageError`]. Nothing is allocated on the word of a
//! configuration alone: a tensor is copied only after its shape was found in the file. The model card is for
//! people; it is neither hashed nor read. This crate knows nothing of text, devices or downloads.

mod card;
mod error;
#[cfg(not(target_family = "wasm"))]
mod folder;
mod manifest;
mod read;
mod source;
mod tensors;
mod write;

pub use card::model_card;
pub use error::PackageError;
#[cfg(not(target_family = "wasm"))]
pub use folder::{record_scores, write};
pub use manifest::{DataLicence, FORMAT_VERSION, FileEntry, Manifest, Notes, Score};
pub use read::Package;
pub use source::PackedWeights;
pub use tensors::TensorSummary;
pub use write::{PackageContents, encode};

/// Name of the model's configuration inside a package.
pub const CONFIG_FILE: &str = "config.json";
/// Name of the subword tokenizer inside a package.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// Name of the source's own subword tokenizer inside a package whose sides do not share theirs.
pub const SOURCE_TOKENIZER_FILE: &str = "source_tokenizer.json";
/// Name of the weights inside a package.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// Name of the manifest inside a package.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the model card inside a package; the only file without a hash, so that people may edit it.
pub const CARD_FILE: &str = "README.md";

/// The files a manifest must list, in its order; one whose sides do not share their subwords lists [`SOURCE_TOKENIZER_FILE`] as
/// well.
pub const HASHED_FILES: [&str; 3] = [CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE];
