//! Dropout while training: what is dropped where.

use burn::tensor::Tensor;
use traduko_kernels::Kernels;

/// Shares that are dropped while training, each from 0 to below 1. What is kept grows by as much, so that nothing
/// changes on average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dropouts {
    /// Of embedded tokens, each number apart.
    pub embedding: f64,
    /// Of what passes from one layer to the next, each number apart.
    pub layers: f64,
    /// Of hidden states on their way to the next step; the same at every step of a sentence (Gal & Ghahramani, 2016).
    pub recurrent: f64,
    /// Of the attention vector on its way to the output table.
    pub output: f64,
    /// Of source tokens, whole (Sennrich et al., 2016).
    pub source_words: f64,
    /// Of target tokens that the decoder reads, whole.
    pub target_words: f64,
}

/// `x` with a share of `rate` dropped; `x` itself outside training.
pub(crate) fn drop<B: Kernels, const D: usize>(x: Tensor<B, D>, rate: f64) -> Tensor<B, D> {
    let shape = x.shape();
    match mask::<B>(shape.num_elements(), rate, &x.device()) {
        Some(mask) => x * mask.reshape(shape),
        None => x,
    }
}

/// `x` `[a, b, d]` with whole rows of `d` dropped.
pub(crate) fn drop_rows<B: Kernels>(x: Tensor<B, 3>, rate: f64) -> Tensor<B, 3> {
    let [a, b, _] = x.dims();
    match mask::<B>(a * b, rate, &x.device()) {
        Some(mask) => x * mask.reshape([a, b, 1]),
        None => x,
    }
}

/// What to multiply `[rows, cols]` by at every step, where a share is dropped.
pub(crate) fn variational<B: Kernels>(shape: [usize; 2], rate: f64, device: &B::Device) -> Option<Tensor<B, 2>> {
    mask::<B>(shape[0] * shape[1], rate, device).map(|mask| mask.reshape(shape))
}

fn mask<B: Kernels>(len: usize, rate: f64, device: &B::Device) -> Option<Tensor<B, 1>> {
    (rate > 0.0 && B::ad_enabled(device)).then(|| B::keep_mask(len, rate, device))
}
