//! What can be wrong with a package, each fault under its own name.

/// A fault found while reading or writing a package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// A file that every package has is not there.
    #[error("{file}: missing from the package; fetch or export the package again")]
    MissingFile {
        /// Name inside the package.
        file: String,
    },
    /// A file lies in the package that this version does not know.
    #[error(
        "{file}: not a part of a package (expected config.json, tokenizer.json, source_tokenizer.json, model.safetensors, manifest.json, README.md); move it elsewhere"
    )]
    UnknownFile {
        /// Name inside the package.
        file: String,
    },
    /// The manifest lists a file twice.
    #[error("manifest.json: files: `{file}` is listed twice; export the package again")]
    RepeatedFile {
        /// Name inside the package.
        file: String,
    },
    /// A file is larger than any package needs.
    #[error("{file}: {found} bytes are more than the {limit} a package may have")]
    FileTooLarge {
        /// Name inside the package.
        file: String,
        /// Bytes found.
        found: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A file does not have the size that the manifest promises.
    #[error("{file}: {found} bytes found, {wanted} promised by manifest.json; fetch the package again")]
    WrongSize {
        /// Name inside the package.
        file: String,
        /// Bytes found.
        found: u64,
        /// Bytes promised.
        wanted: u64,
    },
    /// A file does not have the SHA-256 that the manifest promises.
    #[error("{file}: SHA-256 {found} found, {wanted} promised by manifest.json; fetch the package again")]
    WrongHash {
        /// Name inside the package.
        file: String,
        /// Digest found, in hexadecimal.
        found: String,
        /// Digest promised.
        wanted: String,
    },
    /// The package is of a format that this version cannot read.
    #[error(
        "manifest.json: format_version: found {found}, this version reads {wanted}; update traduko or export the package again"
    )]
    FormatVersion {
        /// Version found.
        found: u64,
        /// Version read here.
        wanted: u32,
    },
    /// A JSON file does not parse, lacks a field, or has one this version does not know.
    #[error("{file}: {reason}")]
    Json {
        /// Name inside the package.
        file: &'static str,
        /// What the parser says, with line and column.
        reason: String,
    },
    /// A manifest value is out of its range.
    #[error("manifest.json: {key}: {reason}")]
    Manifest {
        /// The field.
        key: String,
        /// Found and wanted.
        reason: String,
    },
    /// The configuration describes no possible model.
    #[error("config.json: {reason}")]
    Config {
        /// What the model says.
        reason: String,
    },
    /// The weight file's header is broken.
    #[error("model.safetensors: {reason}; fetch the package again")]
    WeightsHeader {
        /// What is broken.
        reason: String,
    },
    /// The model asks for a tensor that is not in the file.
    #[error("model.safetensors: tensor `{name}` is missing; config.json describes another model")]
    MissingTensor {
        /// Name of the tensor.
        name: String,
    },
    /// The file has a tensor that the model does not ask for.
    #[error("model.safetensors: unknown tensor `{name}`; config.json describes another model")]
    UnknownTensor {
        /// Name of the tensor.
        name: String,
    },
    /// Two tensors to write have one name.
    #[error("tensor `{name}` is given twice")]
    RepeatedTensor {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor has another shape than the model asks for.
    #[error("model.safetensors: tensor `{name}`: shape {found:?} found, {wanted:?} wanted by config.json")]
    TensorShape {
        /// Name of the tensor.
        name: String,
        /// Shape found.
        found: Vec<usize>,
        /// Shape wanted.
        wanted: Vec<usize>,
    },
    /// A tensor has a type or a rank that packages do not hold.
    #[error("model.safetensors: tensor `{name}`: {found} found, {wanted} wanted")]
    TensorType {
        /// Name of the tensor.
        name: String,
        /// Type and rank found.
        found: String,
        /// Type and rank wanted.
        wanted: &'static str,
    },
    /// The number of values of a tensor to write is not what its shape says.
    #[error("tensor `{name}`: {found} values for shape {shape:?}")]
    TensorLength {
        /// Name of the tensor.
        name: String,
        /// Number of values.
        found: usize,
        /// Shape given.
        shape: Vec<usize>,
    },
    /// A float is not a number or beyond a million; in a scale, also when it is negative.
    #[error("tensor `{name}`: value {value} at {index} (expected -1e6 to 1e6, at least 0 in a scale)")]
    BadValue {
        /// Name of the tensor.
        name: String,
        /// Position in the flattened tensor.
        index: usize,
        /// The value.
        value: f32,
    },
    /// An int8 weight is -128, which the kernels' range -127..=127 leaves out.
    #[error("model.safetensors: tensor `{name}`: value -128 at {index} (expected -127..=127)")]
    Int8Range {
        /// Name of the tensor.
        name: String,
        /// Position in the flattened tensor.
        index: usize,
    },
    /// A file or folder could not be read or written.
    #[cfg(not(target_family = "wasm"))]
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}
