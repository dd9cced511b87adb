//! Reading a package: every check that can be made without building the network.

use std::collections::BTreeMap;

use traduko_kernels::Kernels;
use traduko_model::{ModelConfig, NamedTensor, Seq2Seq};

use crate::tensors::{TensorSummary, WeightFile};
use crate::{
    CARD_FILE, CONFIG_FILE, HASHED_FILES, MANIFEST_FILE, Manifest, PackageError, PackedWeights, SOURCE_TOKENIZER_FILE,
    TOKENIZER_FILE, WEIGHTS_FILE,
};

/// The most bytes that each file may have; checked before a file is read into memory.
const LIMITS: [(&str, u64); 6] = [
    (CONFIG_FILE, 1 << 20),
    (TOKENIZER_FILE, 64 << 20),
    (SOURCE_TOKENIZER_FILE, 64 << 20),
    (WEIGHTS_FILE, 1 << 30),
    (MANIFEST_FILE, 1 << 20),
    (CARD_FILE, 4 << 20),
];

/// Refuses a name that is no part of a package, and a file larger than any package needs.
pub(crate) fn check_size(file: &str, found: u64) -> Result<(), PackageError> {
    match LIMITS.iter().find(|(name, _)| *name == file) {
        None => Err(PackageError::UnknownFile { file: file.to_owned() }),
        Some((_, limit)) if found > *limit => {
            Err(PackageError::FileTooLarge { file: file.to_owned(), found, limit: *limit })
        }
        Some(_) => Ok(()),
    }
}

/// A package whose files have been checked against its manifest.
///
/// The weights stay the bytes they came as. [`Self::build_model`] copies one tensor at a time into the network, so
/// drop the package afterwards: only while both live are there two copies of the int8 weights.
#[derive(Debug)]
pub struct Package {
    /// What the network is.
    pub config: ModelConfig,
    /// What the package promises about itself.
    pub manifest: Manifest,
    /// The subword tokenizer, as the `tokenizers` library writes it; hashed but not parsed here.
    pub tokenizer_json: Vec<u8>,
    /// That of the source, where it has subwords of its own.
    pub source_tokenizer_json: Option<Vec<u8>>,
    weights: WeightFile,
}

impl Package {
    /// Checks a package given as file name -> bytes, as a page holds it after its downloads.
    ///
    /// In order: names and sizes, the manifest's version and fields, sizes and digests of the files, the
    /// configuration, the header and the values of the weights. The model card may be missing and is not read.
    ///
    /// # Errors
    /// The first of these that is wrong, each under its own name.
    pub fn from_files(files: BTreeMap<String, Vec<u8>>) -> Result<Self, PackageError> {
        Self::read(files, Manifest::check_file)
    }

    /// As [`Self::from_files`] for who has compared all files with their hashes already, the manifest among them.
    ///
    /// # Errors
    /// As [`Self::from_files`], but for the sizes and digests that the manifest promises.
    pub fn from_checked_files(files: BTreeMap<String, Vec<u8>>) -> Result<Self, PackageError> {
        Self::read(files, |_, _, _| Ok(()))
    }

    fn read(
        mut files: BTreeMap<String, Vec<u8>>,
        check: impl Fn(&Manifest, &str, &[u8]) -> Result<(), PackageError>,
    ) -> Result<Self, PackageError> {
        for (name, bytes) in &files {
            check_size(name, bytes.len() as u64)?;
        }
        let mut take =
            |name: &str| files.remove(name).ok_or_else(|| PackageError::MissingFile { file: name.to_owned() });
        let manifest = Manifest::from_json(&take(MANIFEST_FILE)?)?;
        let mut take_checked = |name: &str| {
            let bytes = take(name)?;
            check(&manifest, name, &bytes)?;
            Ok::<_, PackageError>(bytes)
        };
        let [config_json, tokenizer_json, weights] = HASHED_FILES.map(&mut take_checked);
        let has_source_tokenizer = manifest.lists(SOURCE_TOKENIZER_FILE);
        let source_tokenizer_json = has_source_tokenizer.then(|| take_checked(SOURCE_TOKENIZER_FILE)).transpose()?;
        if !has_source_tokenizer && files.contains_key(SOURCE_TOKENIZER_FILE) {
            return Err(PackageError::UnknownFile { file: SOURCE_TOKENIZER_FILE.to_owned() });
        }
        let config: ModelConfig = serde_json::from_slice(&config_json?)
            .map_err(|error| PackageError::Json { file: CONFIG_FILE, reason: error.to_string() })?;
        config.validate().map_err(|error| PackageError::Config { reason: error.to_string() })?;
        let weights = WeightFile::parse(weights?)?;
        Ok(Self { config, manifest, tokenizer_json: tokenizer_json?, source_tokenizer_json, weights })
    }

    /// The weights as the network asks for them; for those who build it by hand.
    pub fn weights(&self) -> PackedWeights<'_> {
        PackedWeights::new(&self.weights)
    }

    /// Every weight as floats, in the order of names: what training can go on from.
    ///
    /// # Errors
    /// A matrix without its scales, or with too few or too many.
    pub fn dequantized_weights(&self) -> Result<Vec<NamedTensor>, PackageError> {
        self.weights.dequantized()
    }

    /// Name, type and size of every stored tensor, in the order of names.
    pub fn tensors(&self) -> Vec<TensorSummary> {
        self.weights.summaries()
    }

    /// How many trained numbers the model has; row scales are not counted.
    pub fn n_parameters(&self) -> usize {
        self.weights.n_parameters()
    }

    /// Builds the quantized network, tensor by tensor.
    ///
    /// # Errors
    /// A tensor that the configuration asks for and the file lacks or has in another type or shape, and one more than was
    /// asked for.
    pub fn build_model<B: Kernels>(&self, device: &B::Device) -> Result<Seq2Seq<B>, PackageError> {
        let mut source = self.weights();
        let model = Seq2Seq::build(&self.config, &mut source, device)?;
        source.finish()?;
        Ok(model)
    }
}
