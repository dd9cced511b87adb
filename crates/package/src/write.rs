//! Making a package: quantize, list, sign with digests.

use std::collections::BTreeMap;

use traduko_kernels::quantize_rows;
use traduko_model::{ModelConfig, NamedTensor};

use crate::tensors::{MAX_FLOAT, SCALE, Stored, serialize};
use crate::{
    CARD_FILE, CONFIG_FILE, DataLicence, FORMAT_VERSION, FileEntry, MANIFEST_FILE, Manifest, Notes, PackageError,
    SOURCE_TOKENIZER_FILE, Score, TOKENIZER_FILE, WEIGHTS_FILE, model_card,
};

/// What goes into a package.
#[derive(Clone, Debug)]
pub struct PackageContents<'a> {
    /// What the network is.
    pub config: &'a ModelConfig,
    /// Its weights as floats; matrices are quantized, vectors stay floats.
    pub weights: &'a [NamedTensor],
    /// The subword tokenizer's JSON.
    pub tokenizer_json: &'a [u8],
    /// That of the source, where it has subwords of its own.
    pub source_tokenizer_json: Option<&'a [u8]>,
    /// Language tag of the text that goes in.
    pub source_language: String,
    /// Language tag of the text that comes out.
    pub target_language: String,
    /// What every source begins with, where one network translates into several languages.
    pub source_tag: Option<String>,
    /// What the model was trained on.
    pub licences: Vec<DataLicence>,
    /// What else the model card should say.
    pub notes: Notes,
    /// How it was trained.
    pub recipe: BTreeMap<String, serde_json::Value>,
    /// What it scores; see [`record_scores`](crate::record_scores) for adding them later.
    pub scores: Vec<Score>,
}

/// Quantizes and returns the files of a package, by name. The same contents always give the same bytes.
///
/// # Errors
/// A configuration that no model can have, a tensor that is given twice, has a number of dimensions other than one or two or
/// another number of values than its shape says, a value that is not a number or beyond a million, a language that is no
/// tag, and a score that is not finite. That the tensors are those of the configuration is for [`Package`](crate::Package) to
/// see, once it is read.
pub fn encode(contents: &PackageContents<'_>) -> Result<BTreeMap<String, Vec<u8>>, PackageError> {
    contents.config.validate().map_err(|error| PackageError::Config { reason: error.to_string() })?;
    let config_json = serde_json::to_vec_pretty(contents.config)
        .map_err(|error| PackageError::Json { file: CONFIG_FILE, reason: error.to_string() })?;
    let weights = encode_weights(contents.weights)?;
    let mut inside = vec![(CONFIG_FILE, config_json), (TOKENIZER_FILE, contents.tokenizer_json.to_vec())];
    inside.extend(contents.source_tokenizer_json.map(|json| (SOURCE_TOKENIZER_FILE, json.to_vec())));
    inside.push((WEIGHTS_FILE, weights));
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        source_language: contents.source_language.clone(),
        target_language: contents.target_language.clone(),
        source_tag: contents.source_tag.clone(),
        created_by: format!("traduko {}", env!("CARGO_PKG_VERSION")),
        files: inside.iter().map(|(name, bytes)| FileEntry::of(name, bytes)).collect(),
        licences: contents.licences.clone(),
        notes: contents.notes.clone(),
        recipe: contents.recipe.clone(),
        scores: contents.scores.clone(),
    };
    manifest.validate()?;
    let manifest_json = manifest.to_json()?;
    let card = model_card(&manifest, contents.weights.iter().map(|tensor| tensor.values.len()).sum());
    inside.extend([(MANIFEST_FILE, manifest_json), (CARD_FILE, card.into_bytes())]);
    Ok(inside.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect())
}

fn encode_weights(weights: &[NamedTensor]) -> Result<Vec<u8>, PackageError> {
    let mut tensors = BTreeMap::new();
    let mut insert = |name: String, tensor: Stored| match tensors.insert(name.clone(), tensor) {
        Some(_) => Err(PackageError::RepeatedTensor { name }),
        None => Ok(()),
    };
    for tensor in weights {
        check_tensor(tensor)?;
        match tensor.shape[..] {
            [rows, cols] => {
                let (values, scales) = quantize_rows(&tensor.values, cols);
                insert(tensor.name.clone(), Stored::int8(rows, cols, &values))?;
                insert(format!("{}{SCALE}", tensor.name), Stored::float(&scales))?;
            }
            _ => insert(tensor.name.clone(), Stored::float(&tensor.values))?,
        }
    }
    serialize(&tensors)
}

/// One or two dimensions, as many values as they say, none of them beyond what a reader accepts.
fn check_tensor(tensor: &NamedTensor) -> Result<(), PackageError> {
    let NamedTensor { name, shape, values } = tensor;
    let len = shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
    if !(1..=2).contains(&shape.len()) || len != Some(values.len()) {
        return Err(PackageError::TensorLength { name: name.clone(), found: values.len(), shape: shape.clone() });
    }
    match values.iter().position(|value| !(-MAX_FLOAT..=MAX_FLOAT).contains(value)) {
        Some(index) => Err(PackageError::BadValue { name: name.clone(), index, value: values[index] }),
        None => Ok(()),
    }
}
