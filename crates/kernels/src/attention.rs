//! Attention in plain burn operations.

use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData, activation::softmax, backend::Backend};

/// What attention reads.
#[derive(Clone, Debug)]
pub struct Memory<B: Backend> {
    /// `[all rows, source, d]`.
    pub keys: Tensor<B, 3>,
    /// `[all rows, source, d_value]`.
    pub values: Tensor<B, 3>,
    /// Added to the scores, `[all rows, 1, source]`: a large negative number where there is padding.
    pub penalty: Tensor<B, 3>,
    /// The rows that are looked at, in this order; all of them where it is not said.
    pub rows: Option<Arc<[usize]>>,
}

pub(crate) fn attend<B: Backend>(queries: Tensor<B, 3>, memory: &Memory<B>) -> (Tensor<B, 3>, Tensor<B, 3>) {
    let Memory { mut keys, mut values, mut penalty, rows } = memory.clone();
    if let Some(rows) = rows {
        let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
        let n = rows.len();
        let rows = Tensor::<B, 1, Int>::from_data(TensorData::new(rows, [n]), &keys.device());
        [keys, values, penalty] = [keys, values, penalty].map(|x| x.select(0, rows.clone()));
    }
    let scores = queries.matmul(keys.swap_dims(1, 2));
    let weights = softmax(scores + penalty, 2); // [rows, target, source]
    (weights.clone().matmul(values), weights)
}
