//! Attention in plain burn operations.

use burn::tensor::{Tensor, activation::softmax, backend::Backend};

/// What attention reads.
#[derive(Clone, Debug)]
pub struct Memory<B: Backend> {
    /// `[rows, source, d]`.
    pub keys: Tensor<B, 3>,
    /// `[rows, source, d_value]`.
    pub values: Tensor<B, 3>,
    /// Added to the scores, `[rows, 1, source]`: a large negative number where there is padding.
    pub penalty: Tensor<B, 3>,
}

pub(crate) fn attend<B: Backend>(queries: Tensor<B, 3>, memory: &Memory<B>) -> (Tensor<B, 3>, Tensor<B, 3>) {
    let scores = queries.matmul(memory.keys.clone().swap_dims(1, 2));
    let weights = softmax(scores + memory.penalty.clone(), 2); // [rows, target, source]
    (weights.clone().matmul(memory.values.clone()), weights)
}
