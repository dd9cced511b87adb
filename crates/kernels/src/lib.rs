//! The few fused steps that decide speed, as an extension of burn's backends.
//!
//! [`Kernels`] adds to a burn backend what the network needs and burn does not have: int8 products, top-k that
//! works everywhere, fused gates, a whole recurrent sequence as one differentiable operation, the loss in closed
//! form and one Adam step. Every method has a body in plain burn operations; the host backends (flex natively,
//! ndarray in wasm) replace them with loops over slices. This is the only crate that may say `unsafe`.
#![allow(unsafe_code)]

mod adam;
mod additive;
mod attention;
#[cfg(feature = "autodiff")]
mod autodiff;
mod backends;
mod beam;
mod cells;
#[cfg(feature = "cuda")]
pub mod cuda;
mod dropout;
mod host;
mod int8;
mod kernels;
mod layer_norm;
mod loss;
mod memory;
mod packed_sequence;
#[cfg(any(feature = "cuda", all(test, feature = "flex")))]
mod precision;
mod preview;
mod quantize;
mod sequence;
#[cfg(all(test, feature = "flex"))]
mod tests;
mod top_k;

pub use adam::AdamStep;
pub use attention::Memory;
pub use beam::{Beam, BeamRules, DEAD, Extended};
pub use cells::CellKind;
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub use host::use_portable_products;
pub use int8::Int8Matrix;
pub use kernels::Kernels;
pub use layer_norm::Normalized;
pub use loss::{CrossEntropy, OutputGradients, OutputLoss};
pub use memory::keep_freed_memory;
pub use packed_sequence::PackedSequence;
pub use preview::Preview;
pub use quantize::{dequantize_rows, quantize_rows};
pub use sequence::{SequenceGradients, SequenceInput, SequenceTape};

/// The backends the trait is implemented for, so that leaf crates name them in one place.
pub mod backend {
    #[cfg(feature = "autodiff")]
    pub use burn::backend::Autodiff;
    #[cfg(feature = "cuda")]
    pub use burn::backend::Cuda;
    #[cfg(feature = "flex")]
    pub use burn::backend::Flex;
    #[cfg(feature = "ndarray")]
    pub use burn::backend::NdArray;
    #[cfg(feature = "wgpu")]
    pub use burn::backend::WebGpu;
}
