//! What dropout multiplies by (Srivastava et al., 2014), in plain burn operations.

use burn::tensor::{Distribution, Tensor, backend::Backend};

pub(crate) fn keep_mask<B: Backend>(len: usize, rate: f64, device: &B::Device) -> Tensor<B, 1> {
    Tensor::random([len], Distribution::Bernoulli(1.0 - rate), device) * (1.0 / (1.0 - rate))
}
