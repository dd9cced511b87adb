//! Cross-entropy and its gradient in one pass over the logits; see [`crate::CrossEntropy`].

use rayon::prelude::*;

use super::math::exp;

/// Replaces `logits` `[tokens, vocab]` by the gradient and returns both sums.
pub fn cross_entropy(logits: &mut [f32], targets: &[i32], weights: &[f32], smoothing: f32) -> [f32; 2] {
    let vocab = logits.len() / targets.len().max(1);
    let sums: Vec<[f64; 2]> = logits
        .par_chunks_exact_mut(vocab.max(1))
        .zip(targets.par_iter().zip(weights))
        .map(|(row, (&target, &weight))| {
            if weight == 0.0 {
                row.fill(0.0);
                return [0.0; 2];
            }
            row_loss(row, target as usize, weight, smoothing)
        })
        .collect();
    // Summed in order, so that the result does not depend on the number of cores.
    let total = sums.iter().fold([0.0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
    total.map(|x| x as f32)
}

/// One token's losses, smoothed and plain; its logits become their gradient.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn row_loss(row: &mut [f32], target: usize, weight: f32, smoothing: f32) -> [f64; 2] {
    const LANES: usize = 16;
    let mut maxima = [f32::NEG_INFINITY; LANES];
    for chunk in row.chunks(LANES) {
        for (max, &x) in maxima.iter_mut().zip(chunk) {
            *max = max.max(x);
        }
    }
    let max = maxima.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let right = row[target] - max;
    let (mut shifted, mut sum) = ([0.0f32; LANES], [0.0f32; LANES]);
    for chunk in row.chunks_mut(LANES) {
        for ((x, shifted), sum) in chunk.iter_mut().zip(&mut shifted).zip(&mut sum) {
            let value = *x - max;
            *shifted += value;
            *x = exp(value);
            *sum += *x;
        }
    }
    let (sum, mean) = (sum.iter().sum::<f32>(), shifted.iter().sum::<f32>() / row.len() as f32);
    let log_z = sum.ln();
    let (scale, floor) = (weight / sum, weight * smoothing / row.len() as f32);
    for x in row.iter_mut() {
        *x = *x * scale - floor;
    }
    row[target] -= weight * (1.0 - smoothing);
    let smoothed = weight * (log_z - (1.0 - smoothing) * right - smoothing * mean);
    [f64::from(smoothed), f64::from(weight * (log_z - right))]
}
