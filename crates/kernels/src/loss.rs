//! Cross-entropy, masked and label-smoothed, in closed form (Szegedy et al., 2016).
//!
//! With smoothing `e` the target distribution is `1 - e` on the right token plus `e / vocab` everywhere, so the
//! loss of a token is `log Z - (1 - e) * logit[target] - e * mean(logits)` and its gradient
//! `softmax - (1 - e) * onehot - e / vocab`; no dense target is ever built.

use burn::tensor::{Int, Tensor, TensorData, backend::Backend};

use crate::Kernels;

/// Logits and what they should have been.
#[derive(Clone, Debug)]
pub struct CrossEntropy<B: Backend> {
    /// `[tokens, vocab]`.
    pub logits: Tensor<B, 2>,
    /// `[tokens]`, ids below the vocabulary's size.
    pub targets: Tensor<B, 1, Int>,
    /// `[tokens]`, 1 for a real token and 0 for padding.
    pub weights: Tensor<B, 1>,
    /// Label smoothing, from 0 to below 1.
    pub smoothing: f32,
}

/// The output layer and what it should have said.
#[derive(Clone, Debug)]
pub struct OutputLoss<B: Backend> {
    /// What enters the layer, `[tokens, d]`.
    pub x: Tensor<B, 2>,
    /// `[vocab, d]`.
    pub weight: Tensor<B, 2>,
    /// `[vocab]`.
    pub bias: Option<Tensor<B, 1>>,
    /// `[tokens]`, ids below the vocabulary's size.
    pub targets: Tensor<B, 1, Int>,
    /// `[tokens]`, 1 for a real token and 0 for padding.
    pub weights: Tensor<B, 1>,
    /// Label smoothing, from 0 to below 1.
    pub smoothing: f32,
}

/// What [`Kernels::output_loss_with_gradients`] gives.
#[derive(Clone, Debug)]
pub struct OutputGradients<B: Backend> {
    /// Summed cross-entropy, `[2]`: label-smoothed, and plain.
    pub sums: Tensor<B, 1>,
    /// The first sum's gradient with respect to what enters, `[tokens, d]`.
    pub x: Tensor<B, 2>,
    /// To the weights, `[vocab, d]`.
    pub weight: Tensor<B, 2>,
    /// To the bias, `[vocab]`.
    pub bias: Tensor<B, 1>,
}

pub(crate) fn output_loss<B: Kernels>(input: OutputLoss<B>) -> Tensor<B, 1> {
    let OutputLoss { x, weight, bias, targets, weights, smoothing } = input;
    B::cross_entropy(CrossEntropy { logits: B::affine(x, weight, bias), targets, weights, smoothing })
}

pub(crate) fn cross_entropy<B: Backend>(input: CrossEntropy<B>) -> (Tensor<B, 1>, Tensor<B, 2>) {
    let CrossEntropy { logits, targets, weights, smoothing } = input;
    let [tokens, vocab] = logits.dims();
    let device = logits.device();
    let max = logits.clone().max_dim(1); // [tokens, 1]
    let shifted = logits - max;
    let exp = shifted.clone().exp();
    let sum = exp.clone().sum_dim(1); // [tokens, 1]
    let log_z = sum.clone().log();
    let targets = targets.reshape([tokens, 1]);
    let right = shifted.clone().gather(1, targets.clone()); // [tokens, 1]
    let weights = weights.reshape([tokens, 1]);
    let plain = (log_z.clone() - right.clone()) * weights.clone();
    let smoothed = (log_z - right * (1.0 - smoothing) - shifted.mean_dim(1) * smoothing) * weights.clone();
    let one = Tensor::<B, 2>::from_data(TensorData::new(vec![1.0f32 - smoothing], [1, 1]), &device);
    let gradient = exp / sum - smoothing / vocab as f32;
    let gradient =
        gradient.scatter(1, targets, -one.expand([tokens, 1]), burn::tensor::IndexingUpdateOp::Add) * weights;
    (Tensor::cat(vec![smoothed.sum(), plain.sum()], 0), gradient)
}
