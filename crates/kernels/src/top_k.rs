//! Top-k by `k` rounds of arg-max and mask: burn's own panics on WebGPU and is not implemented on ndarray and flex.

use burn::tensor::{Int, Tensor, activation::log_softmax, backend::Backend};

use crate::{Int8Matrix, Kernels, Preview, preview::NEAR};

/// Below every score a search can meet.
const TAKEN: f32 = -1e30;

pub(crate) fn top_k<B: Backend>(x: Tensor<B, 2>, k: usize) -> (Tensor<B, 2>, Tensor<B, 2, Int>) {
    let [rows, cols] = x.dims();
    let columns: Tensor<B, 2, Int> = Tensor::arange(0..cols as i64, &x.device()).reshape([1, cols]);
    let columns = columns.expand([rows, cols]);
    let mut rest = x;
    let (mut values, mut indices) = (Vec::with_capacity(k), Vec::with_capacity(k));
    for round in 0..k {
        let best = rest.clone().argmax(1); // [rows, 1]
        values.push(rest.clone().gather(1, best.clone()));
        if round + 1 < k {
            let taken = columns.clone().equal(best.clone().expand([rows, cols]));
            rest = rest.mask_fill(taken, TAKEN);
        }
        indices.push(best);
    }
    (Tensor::cat(values, 1), Tensor::cat(indices, 1))
}

pub(crate) fn most_probable_product<B: Kernels>(
    x: Tensor<B, 2>,
    weight: &Int8Matrix<B>,
    preview: Option<&Preview<B>>,
    bias: Tensor<B, 1>,
    k: usize,
) -> (Tensor<B, 2>, Tensor<B, 2, Int>) {
    let mut logits = B::int8_linear(x.clone(), weight, Some(bias.clone()));
    if let Some(preview) = preview {
        let first = B::int8_linear(B::int8_linear(x, &preview.query, None), &preview.table, Some(bias));
        let bound = first.clone().max_dim(1) - NEAR; // [rows, 1]
        let is_far = first.clone().lower(bound.expand(first.dims()));
        logits = logits.mask_where(is_far, first);
    }
    B::top_k(log_softmax(logits, 1), k)
}
