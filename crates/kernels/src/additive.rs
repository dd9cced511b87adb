//! Scores of additive attention (Bahdanau et al., 2015), in plain burn operations.

use burn::tensor::{Tensor, backend::Backend};

/// `tanh(query + key)` of every pair of positions, `[batch, target, source, d]`.
fn pairs<B: Backend>(queries: Tensor<B, 3>, keys: Tensor<B, 3>) -> Tensor<B, 4> {
    (queries.unsqueeze_dim::<4>(2) + keys.unsqueeze_dim::<4>(1)).tanh()
}

pub(crate) fn scores<B: Backend>(queries: Tensor<B, 3>, keys: Tensor<B, 3>, v: Tensor<B, 1>) -> Tensor<B, 3> {
    let d = v.dims()[0];
    (pairs(queries, keys) * v.reshape([1, 1, 1, d])).sum_dim(3).squeeze_dim(3)
}

pub(crate) fn backward<B: Backend>(
    grad: Tensor<B, 3>,
    queries: Tensor<B, 3>,
    keys: Tensor<B, 3>,
    v: Tensor<B, 1>,
) -> (Tensor<B, 3>, Tensor<B, 3>, Tensor<B, 1>) {
    let d = v.dims()[0];
    let y = pairs(queries, keys); // [batch, target, source, d]
    let [batch, target, source, _] = y.dims();
    let grad = grad.unsqueeze_dim::<4>(3); // [batch, target, source, 1]
    let d_v = (y.clone() * grad.clone()).reshape([batch * target * source, d]).sum_dim(0).squeeze_dim(0);
    let slope = (-y.powi_scalar(2) + 1.0) * grad * v.reshape([1, 1, 1, d]);
    (slope.clone().sum_dim(2).squeeze_dim(2), slope.sum_dim(1).squeeze_dim(1), d_v)
}
