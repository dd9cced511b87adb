//! A preview of a large product: few columns tell which rows are worth a closer look (SVD-softmax: Shim et al., 2017).

use burn::{
    module::Module,
    tensor::{Tensor, backend::Backend},
};

use crate::{Int8Matrix, Kernels, quantize_rows};

/// Keys that are multiplied with the table at once.
const KEYS_AT_ONCE: usize = 16;

/// What stands for an int8 matrix `[rows, cols]` in a first look: `table * query * x` is nearly the matrix times `x`.
#[derive(Module, Debug)]
pub struct Preview<B: Backend> {
    /// `[width, cols]`.
    pub query: Int8Matrix<B>,
    /// `[rows, width]`.
    pub table: Int8Matrix<B>,
}

impl<B: Kernels> Preview<B> {
    /// The preview of `matrix` whose table is `matrix` times the transposed `keys`, `[width, cols]`. Blocks on the device: for
    /// backends on the host.
    pub fn new(query: Int8Matrix<B>, keys: Tensor<B, 2>, matrix: &Int8Matrix<B>) -> Self {
        let width = keys.dims()[0];
        let mut values = vec![0.0; matrix.rows * width];
        for (at, keys) in keys.clone().split(KEYS_AT_ONCE, 0).into_iter().enumerate() {
            let products = B::int8_linear(keys, matrix, None).into_data().convert::<f32>();
            let products = products.into_vec::<f32>().expect("converted to f32");
            for (key, products) in products.chunks_exact(matrix.rows.max(1)).enumerate() {
                let column = values[at * KEYS_AT_ONCE + key..].iter_mut().step_by(width);
                column.zip(products).for_each(|(value, product)| *value = *product);
            }
        }
        let (values, scales) = quantize_rows(&values, width);
        Self { query, table: Int8Matrix::new(values, scales, matrix.rows, width, &keys.device()) }
    }
}
