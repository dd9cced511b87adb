//! Layer normalisation of packed gates, each gate of each row apart (Ba et al., 2016).

use rayon::prelude::*;

use crate::layer_norm::EPSILON;

/// Takes mean and variance out of every gate of `x` `[rows, groups * d]`; keeps the result in `normalized` and what it
/// was multiplied by in `factors` `[rows, groups]`, and leaves `x` times `gain`.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn forward(x: &mut [f32], gain: &[f32], normalized: &mut [f32], factors: &mut [f32], d: usize) {
    let groups = gain.len() / d;
    for (index, ((x, normalized), factor)) in
        x.chunks_exact_mut(d).zip(normalized.chunks_exact_mut(d)).zip(factors).enumerate()
    {
        let gain = &gain[index % groups * d..][..d];
        normalized.copy_from_slice(x);
        *factor = normalize_group(normalized);
        for ((x, n), gain) in x.iter_mut().zip(&*normalized).zip(gain) {
            *x = n * gain;
        }
    }
}

/// Turns `grad` `[rows, groups * d]`, the gradient of the values after the gain, into that of the values before the
/// normalisation, and adds to `gain_grad` `[groups * d]`.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn backward(grad: &mut [f32], gain: &[f32], normalized: &[f32], factors: &[f32], gain_grad: &mut [f32], d: usize) {
    let groups = gain.len() / d;
    for (index, ((grad, normalized), factor)) in
        grad.chunks_exact_mut(d).zip(normalized.chunks_exact(d)).zip(factors).enumerate()
    {
        let columns = index % groups * d..(index % groups + 1) * d;
        let (gain, gain_grad) = (&gain[columns.clone()], &mut gain_grad[columns]);
        for (((grad, n), gain), gain_grad) in grad.iter_mut().zip(normalized).zip(gain).zip(gain_grad) {
            *gain_grad += *grad * n;
            *grad *= gain;
        }
        let (mean, along) = (sum(grad) / d as f32, dot(grad, normalized) / d as f32);
        for (grad, n) in grad.iter_mut().zip(normalized) {
            *grad = (*grad - mean - n * along) * factor;
        }
    }
}

/// [`forward`] without a gain, on all cores: the normalised values and the factors.
pub fn normalize(mut x: Vec<f32>, d: usize) -> (Vec<f32>, Vec<f32>) {
    let mut factors = vec![0.0; x.len() / d];
    x.par_chunks_mut(ROWS * d).zip(factors.par_chunks_mut(ROWS)).for_each(|(x, factors)| groups(x, factors, d));
    (x, factors)
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn groups(x: &mut [f32], factors: &mut [f32], d: usize) {
    for (x, factor) in x.chunks_exact_mut(d).zip(factors) {
        *factor = normalize_group(x);
    }
}

/// Takes mean and variance out of one group; gives what it was multiplied by for that.
#[inline(always)]
fn normalize_group(x: &mut [f32]) -> f32 {
    let mean = sum(x) / x.len() as f32;
    x.iter_mut().for_each(|x| *x -= mean);
    let factor = 1.0 / (dot(x, x) / x.len() as f32 + EPSILON).sqrt();
    x.iter_mut().for_each(|x| *x *= factor);
    factor
}

/// [`backward`] on all cores: the gradients of the input and of the gain, the latter summed in a fixed order.
pub fn rows_backward(
    mut grad: Vec<f32>,
    gain: &[f32],
    normalized: &[f32],
    factors: &[f32],
    d: usize,
) -> (Vec<f32>, Vec<f32>) {
    let (width, groups) = (gain.len(), gain.len() / d);
    let gains: Vec<Vec<f32>> = grad
        .par_chunks_mut(ROWS * width)
        .zip(normalized.par_chunks(ROWS * width).zip(factors.par_chunks(ROWS * groups)))
        .map(|(grad, (normalized, factors))| {
            let mut gain_grad = vec![0.0; width];
            backward(grad, gain, normalized, factors, &mut gain_grad, d);
            gain_grad
        })
        .collect();
    let mut gain_grad = vec![0.0; width];
    for part in gains {
        gain_grad.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
    }
    (grad, gain_grad)
}

/// Rows that a core takes at a time.
const ROWS: usize = 64;

const LANES: usize = 16;

/// A sum in lanes, so that it can be vectorised.
#[inline(always)]
fn sum(x: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + rest
}
