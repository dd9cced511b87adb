//! Layer normalisation (Ba et al., 2016) of groups of columns, each apart, in plain burn operations.

use burn::tensor::{Tensor, backend::Backend};

/// What normalisation gives and what its gradient needs.
#[derive(Clone, Debug)]
pub struct Normalized<B: Backend> {
    /// The values without mean and variance, `[rows, groups * d]`.
    pub values: Tensor<B, 2>,
    /// What the values were multiplied by for that, `[rows, groups]`.
    pub factors: Tensor<B, 2>,
}

/// Added to a variance before its root is taken.
pub(crate) const EPSILON: f32 = 1e-5;

/// `x` `[batch, groups * d]` without the mean and variance of each group, and the factors `[batch, groups]`.
pub(crate) fn normalize<B: Backend>(x: Tensor<B, 2>, groups: usize) -> Normalized<B> {
    let [batch, width] = x.dims();
    let x = x.reshape([batch, groups, width / groups]);
    let x = x.clone() - x.mean_dim(2);
    let factor = (x.clone().powi_scalar(2).mean_dim(2) + EPSILON).sqrt().recip(); // [batch, groups, 1]
    Normalized { values: (x * factor.clone()).reshape([batch, width]), factors: factor.squeeze_dim(2) }
}

/// What `grad`, the gradient of normalised values, is for the values before.
pub(crate) fn normalize_backward<B: Backend>(
    grad: Tensor<B, 2>,
    normalized: Tensor<B, 2>,
    factor: Tensor<B, 2>,
) -> Tensor<B, 2> {
    let ([batch, width], groups) = (grad.dims(), factor.dims()[1]);
    let shape = [batch, groups, width / groups];
    let (grad, normalized) = (grad.reshape(shape), normalized.reshape(shape));
    let along = (grad.clone() * normalized.clone()).mean_dim(2);
    ((grad.clone() - grad.mean_dim(2) - normalized * along) * factor.unsqueeze_dim::<3>(2)).reshape([batch, width])
}
