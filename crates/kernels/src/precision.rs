//! Products of bf16 operands beside f32 everything else (Micikevicius et al., 2018): weights, their moments, sums and
//! pointwise steps stay f32, so there is nothing to scale.

use burn::tensor::{FloatDType, Tensor, backend::Backend};

/// `lhs * rhs` with both rounded to bf16 before and the result after; the device adds up in f32.
pub(crate) fn bf16_product<B: Backend>(lhs: Tensor<B, 2>, rhs: Tensor<B, 2>) -> Tensor<B, 2> {
    lhs.cast(FloatDType::BF16).matmul(rhs.cast(FloatDType::BF16)).cast(FloatDType::F32)
}
