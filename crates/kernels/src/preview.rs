//! A preview of a large product: few columns tell which rows are worth a closer look (SVD-softmax: Shim et al., 2017).

use burn::{
    module::Module,
    tensor::{Tensor, backend::Backend},
};

use crate::{Int8Matrix, Kernels};

/// How far below the highest logit, by the preview, one is still looked at closely: less than a fiftieth as probable.
pub(crate) const NEAR: f32 = 4.0;

/// What stands for an int8 matrix `[rows, cols]` in a first look: `table * query * x` is nearly the matrix times `x`.
#[derive(Module, Debug)]
pub struct Preview<B: Backend> {
    /// `[width, cols]`.
    pub query: Int8Matrix<B>,
    /// `[rows, width]`.
    pub table: Int8Matrix<B>,
}

impl<B: Kernels> Preview<B> {
    /// The preview of `matrix` whose table is `matrix` times the transposed `keys`, `[width, cols]`.
    pub fn new(query: Int8Matrix<B>, keys: Tensor<B, 2>, matrix: &Int8Matrix<B>) -> Self {
        Self { query, table: B::int8_quantize(B::int8_linear(keys, matrix, None).transpose()) }
    }
}
