//! Where a network gets its weights: from a package, int8 and checked.

use std::collections::BTreeSet;

use traduko_model::{Init, Matrix, WeightSource};

use crate::PackageError;
use crate::tensors::{SCALE, WeightFile};

/// Hands out the tensors of a package, one at a time, and remembers which were asked for.
#[derive(Debug)]
pub struct PackedWeights<'a> {
    file: &'a WeightFile,
    asked: BTreeSet<String>,
}

impl<'a> PackedWeights<'a> {
    pub(crate) fn new(file: &'a WeightFile) -> Self {
        Self { file, asked: BTreeSet::new() }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// A tensor that nothing asked for.
    pub fn finish(self) -> Result<(), PackageError> {
        match self.file.names().into_iter().find(|name| !self.asked.contains(name)) {
            Some(name) => Err(PackageError::UnknownTensor { name }),
            None => Ok(()),
        }
    }
}

impl WeightSource for PackedWeights<'_> {
    type Error = PackageError;

    fn matrix(&mut self, name: &str, rows: usize, cols: usize, _init: Init) -> Result<Matrix, PackageError> {
        let values = self.file.int8(name, rows, cols)?;
        let scale_name = format!("{name}{SCALE}");
        let scales = self.file.float(&scale_name, rows)?;
        self.asked.extend([name.to_owned(), scale_name]);
        Ok(Matrix::Int8 { values, scales })
    }

    fn vector(&mut self, name: &str, len: usize, _init: Init) -> Result<Vec<f32>, PackageError> {
        let values = self.file.float(name, len)?;
        self.asked.insert(name.to_owned());
        Ok(values)
    }
}
