//! A linear map and its gradients, each as one product on all cores.

use rayon::prelude::*;

use super::{
    product::{Matrix, product},
    sequence::column_sums,
};

/// `x` `[n, k]` times the transposed `weight` `[m, k]`, plus `bias` `[m]` where there is one.
pub fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, [n, k, m]: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; n * m];
    let bias = bias.filter(|bias| bias.iter().any(|&b| b != 0.0));
    if let Some(bias) = bias {
        out.par_chunks_mut(64 * m).for_each(|rows| rows.chunks_exact_mut(m).for_each(|row| row.copy_from_slice(bias)));
    }
    product(&mut out, [n, k, m], Matrix(x, k, 1), Matrix(weight, 1, k), bias.is_some());
    out
}

/// Gradients of input, weight and bias from `grad` `[n, m]`.
pub fn backward(grad: &[f32], x: &[f32], weight: &[f32], [n, k, m]: [usize; 3]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let (mut d_x, mut d_weight) = (vec![0.0; n * k], vec![0.0; m * k]);
    product(&mut d_x, [n, m, k], Matrix(grad, m, 1), Matrix(weight, k, 1), false);
    product(&mut d_weight, [m, n, k], Matrix(grad, 1, m), Matrix(x, k, 1), false);
    (d_x, d_weight, column_sums(grad, m))
}
