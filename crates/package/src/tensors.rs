//! The weight file: a safetensors header checked once, and its tensors handed out one at a time.
//!
//! A package knows two kinds of tensor: I8 of two dimensions and F32 of one. Values are checked here, on reading,
//! so that whoever holds a [`WeightFile`] holds floats of sane size and int8 in -127..=127.

use std::borrow::Cow;
use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo, View};
use traduko_kernels::dequantize_rows;
use traduko_model::NamedTensor;

use crate::PackageError;

/// The most bytes a header may have; a model of a thousand tensors needs about 100 kB.
const MAX_HEADER_BYTES: u64 = 4 << 20;

/// The largest magnitude of a float. Trained weights stay under a hundred; with this bound no sum in the network can
/// leave the floats, so that no forged weight makes scores that are not numbers.
pub(crate) const MAX_FLOAT: f32 = 1e6;

/// Ending of the name of a matrix's row scales.
pub(crate) const SCALE: &str = ".scale";

/// Name, type and size of one stored tensor.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct TensorSummary {
    /// Name in the file.
    pub name: String,
    /// `I8` or `F32`.
    pub kind: String,
    /// `[rows, cols]` or `[len]`.
    pub shape: Vec<usize>,
    /// Bytes of its values.
    pub bytes: usize,
}

/// The bytes of `model.safetensors` with its checked header.
#[derive(Debug)]
pub(crate) struct WeightFile {
    bytes: Vec<u8>,
    data_start: usize,
    metadata: Metadata,
}

impl WeightFile {
    /// Checks header, kinds and values. Takes the bytes over; nothing is copied.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, PackageError> {
        let broken = |reason: String| PackageError::WeightsHeader { reason };
        let header_bytes = match bytes.first_chunk::<8>() {
            Some(length) => u64::from_le_bytes(*length),
            None => return Err(broken(format!("{} bytes are too few for a header", bytes.len()))),
        };
        if header_bytes > MAX_HEADER_BYTES {
            return Err(broken(format!("a header of {header_bytes} bytes (at most {MAX_HEADER_BYTES})")));
        }
        let (header_bytes, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| broken(error.to_string()))?;
        let file = Self { bytes, data_start: header_bytes + 8, metadata };
        for (name, info) in file.sorted() {
            file.check_values(name, info)?;
        }
        Ok(file)
    }

    /// The tensors in the order of their names.
    fn sorted(&self) -> BTreeMap<String, &TensorInfo> {
        self.metadata.tensors().into_iter().collect()
    }

    /// What is in the file, in the order of names.
    pub fn summaries(&self) -> Vec<TensorSummary> {
        let summary = |(name, info): (String, &TensorInfo)| TensorSummary {
            name,
            kind: info.dtype.to_string(),
            shape: info.shape.clone(),
            bytes: info.data_offsets.1 - info.data_offsets.0,
        };
        self.sorted().into_iter().map(summary).collect()
    }

    /// How many trained numbers the file holds; row scales are not counted.
    pub fn n_parameters(&self) -> usize {
        let is_counted = |(name, _): &(String, &TensorInfo)| !self.is_scale(name);
        let length = |(_, info): (String, &TensorInfo)| info.shape.iter().product::<usize>();
        self.sorted().into_iter().filter(is_counted).map(length).sum()
    }

    /// Names of all tensors, in order.
    pub fn names(&self) -> Vec<String> {
        self.sorted().into_keys().collect()
    }

    /// Whether the tensor of this name holds the row scales of a matrix.
    fn is_scale(&self, name: &str) -> bool {
        name.strip_suffix(SCALE).is_some_and(|matrix| self.metadata.info(matrix).is_some())
    }

    /// Copies out an int8 matrix, `[rows, cols]`.
    pub fn int8(&self, name: &str, rows: usize, cols: usize) -> Result<Vec<i8>, PackageError> {
        let info = self.info(name, Dtype::I8, "I8 of two dimensions", &[rows, cols])?;
        Ok(self.data(info).iter().map(|byte| *byte as i8).collect())
    }

    /// Copies out a float vector, `[len]`.
    pub fn float(&self, name: &str, len: usize) -> Result<Vec<f32>, PackageError> {
        let info = self.info(name, Dtype::F32, "F32 of one dimension", &[len])?;
        Ok(floats(self.data(info)).collect())
    }

    /// Every weight as floats, in the order of names.
    pub fn dequantized(&self) -> Result<Vec<NamedTensor>, PackageError> {
        let is_weight = |(name, _): &(String, &TensorInfo)| !self.is_scale(name);
        let weight = |(name, info): (String, &TensorInfo)| {
            let values = match info.shape[..] {
                [rows, cols] => {
                    let scales = self.float(&format!("{name}{SCALE}"), rows)?;
                    dequantize_rows(&self.int8(&name, rows, cols)?, &scales)
                }
                _ => self.float(&name, info.shape.iter().product())?,
            };
            Ok(NamedTensor { name, shape: info.shape.clone(), values })
        };
        self.sorted().into_iter().filter(is_weight).map(weight).collect()
    }

    fn info(
        &self,
        name: &str,
        kind: Dtype,
        wanted: &'static str,
        shape: &[usize],
    ) -> Result<&TensorInfo, PackageError> {
        let info = self.metadata.info(name);
        let info = info.ok_or_else(|| PackageError::MissingTensor { name: name.to_owned() })?;
        if info.dtype != kind {
            return Err(PackageError::TensorType { name: name.to_owned(), found: describe(info), wanted });
        }
        if info.shape != shape {
            let (found, wanted) = (info.shape.clone(), shape.to_vec());
            return Err(PackageError::TensorShape { name: name.to_owned(), found, wanted });
        }
        Ok(info)
    }

    /// Bytes of one tensor; the header's check has seen to it that the offsets lie inside the file.
    fn data(&self, info: &TensorInfo) -> &[u8] {
        let (start, end) = info.data_offsets;
        &self.bytes[self.data_start + start..self.data_start + end]
    }

    fn check_values(&self, name: String, info: &TensorInfo) -> Result<(), PackageError> {
        let data = self.data(info);
        match (info.dtype, info.shape.len()) {
            (Dtype::I8, 2) => match data.iter().position(|byte| *byte as i8 == i8::MIN) {
                Some(index) => Err(PackageError::Int8Range { name, index }),
                None => Ok(()),
            },
            (Dtype::F32, 1) => {
                let is_scale = self.is_scale(&name);
                let least = if is_scale { 0.0 } else { -MAX_FLOAT };
                let is_bad = |value: &f32| !(least..=MAX_FLOAT).contains(value);
                match floats(data).enumerate().find(|(_, value)| is_bad(value)) {
                    Some((index, value)) => Err(PackageError::BadValue { name, index, value }),
                    None => Ok(()),
                }
            }
            _ => {
                let wanted = "I8 of two dimensions or F32 of one";
                Err(PackageError::TensorType { name, found: describe(info), wanted })
            }
        }
    }
}

fn describe(info: &TensorInfo) -> String {
    format!("{} of shape {:?}", info.dtype, info.shape)
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

/// One tensor on its way into a file.
pub(crate) struct Stored {
    kind: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Stored {
    /// An int8 matrix, `[rows, cols]`.
    pub fn int8(rows: usize, cols: usize, values: &[i8]) -> Self {
        Self { kind: Dtype::I8, shape: vec![rows, cols], data: values.iter().map(|value| *value as u8).collect() }
    }

    /// A float vector, `[len]`.
    pub fn float(values: &[f32]) -> Self {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { kind: Dtype::F32, shape: vec![values.len()], data }
    }
}

impl View for &Stored {
    fn dtype(&self) -> Dtype {
        self.kind
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

/// The bytes of a safetensors file with these tensors; the same tensors always give the same bytes.
pub(crate) fn serialize(tensors: &BTreeMap<String, Stored>) -> Result<Vec<u8>, PackageError> {
    safetensors::serialize(tensors, None).map_err(|error| PackageError::WeightsHeader { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tensors: Vec<(&str, Stored)>) -> Vec<u8> {
        let tensors = tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
        serialize(&tensors).expect("small and sound")
    }

    #[test]
    fn tensors_come_back() {
        let bytes = file(vec![
            ("w", Stored::int8(2, 3, &[1, -2, 3, -127, 0, 127])),
            ("w.scale", Stored::float(&[0.5, 0.0])),
            ("b", Stored::float(&[-1.5])),
        ]);
        let file = WeightFile::parse(bytes).unwrap();
        assert_eq!(file.int8("w", 2, 3).unwrap(), [1, -2, 3, -127, 0, 127]);
        assert_eq!(file.float("w.scale", 2).unwrap(), [0.5, 0.0]);
        assert_eq!(file.float("b", 1).unwrap(), [-1.5]);
        assert_eq!(file.names(), ["b", "w", "w.scale"]);
        assert!(matches!(file.int8("w", 3, 2), Err(PackageError::TensorShape { .. })));
        assert!(matches!(file.int8("b", 1, 1), Err(PackageError::TensorType { .. })));
        assert!(matches!(file.float("c", 1), Err(PackageError::MissingTensor { .. })));
    }

    #[test]
    fn values_out_of_range_are_named() {
        let parse = |tensors| WeightFile::parse(file(tensors)).unwrap_err();
        let error = parse(vec![("w", Stored::int8(1, 2, &[3, -128])), ("w.scale", Stored::float(&[1.0]))]);
        assert!(matches!(error, PackageError::Int8Range { index: 1, .. }), "{error}");
        for scale in [f32::NAN, f32::INFINITY, 2e6, -1.0] {
            let error = parse(vec![("w", Stored::int8(1, 1, &[3])), ("w.scale", Stored::float(&[scale]))]);
            assert!(matches!(error, PackageError::BadValue { index: 0, .. }), "{error}");
        }
        let error = parse(vec![("b", Stored::float(&[-1.0, f32::NEG_INFINITY]))]);
        assert!(matches!(error, PackageError::BadValue { index: 1, .. }), "{error}");
    }

    #[test]
    fn other_kinds_are_named() {
        let square = Stored { kind: Dtype::F32, shape: vec![1, 1], data: vec![0; 4] };
        let error = WeightFile::parse(file(vec![("w", square)])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "model.safetensors: tensor `w`: F32 of shape [1, 1] found, I8 of two dimensions or F32 of one wanted"
        );
    }

    #[test]
    fn headers_that_lie_are_errors() {
        for bytes in [vec![], vec![255; 8], vec![255; 64], 8u64.to_le_bytes().to_vec()] {
            assert!(matches!(WeightFile::parse(bytes), Err(PackageError::WeightsHeader { .. })));
        }
        let mut bytes = file(vec![("b", Stored::float(&[1.0]))]);
        bytes.push(0);
        assert!(matches!(WeightFile::parse(bytes), Err(PackageError::WeightsHeader { .. })));
    }
}
