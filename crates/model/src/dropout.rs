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

#[cfg(test)]
mod tests {
    use traduko_kernels::backend::{Autodiff, Flex};

    use super::*;

    type B = Autodiff<Flex>;

    fn ones() -> Tensor<B, 3> {
        Tensor::ones([2, 50, 4], &Default::default())
    }

    fn values<const D: usize>(x: Tensor<B, D>) -> Vec<f32> {
        x.into_data().into_vec().expect("floats")
    }

    #[test]
    fn numbers_are_dropped_one_by_one_and_only_in_training() {
        let dropped = values(drop(ones(), 0.5));
        assert!(dropped.iter().all(|&x| x == 0.0 || x == 2.0), "{dropped:?}");
        assert!(dropped.chunks_exact(4).any(|row| row.contains(&0.0) && row.contains(&2.0)));
        assert_eq!(values(drop(ones(), 0.0)), values(ones()));
        let translating = drop(ones().inner(), 0.5);
        assert_eq!(translating.into_data(), ones().inner().into_data());
        assert_eq!(variational::<B>([3, 4], 0.5, &Default::default()).map(|mask| mask.dims()), Some([3, 4]));
        assert!(variational::<Flex>([3, 4], 0.5, &Default::default()).is_none());
    }

    #[test]
    fn rows_are_dropped_whole_and_each_apart() {
        let dropped = values(drop_rows(ones(), 0.5));
        assert!(dropped.chunks_exact(4).all(|row| row == [0.0; 4] || row == [2.0; 4]), "{dropped:?}");
        let (first, second) = dropped.split_at(dropped.len() / 2);
        assert_ne!(first, second);
        assert!([first, second].iter().all(|rows| rows.contains(&0.0) && rows.contains(&2.0)), "{dropped:?}");
    }
}
