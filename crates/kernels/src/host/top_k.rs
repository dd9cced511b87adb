//! Top-k of each row by a short sorted list: most values fail one comparison.

use super::math::exp;

/// Values that are compared with the list at once.
const BLOCK: usize = 16;
/// Sums that run side by side, which the compiler cannot do of itself.
const WIDE: usize = 8;

/// Values and columns of the `k` largest of each row of `cols` values, best first; ties keep the lower column.
pub fn top_k(x: &[f32], cols: usize, k: usize) -> (Vec<f32>, Vec<i32>) {
    let rows = x.len().checked_div(cols).unwrap_or(0);
    let (mut values, mut indices) = (Vec::with_capacity(rows * k), Vec::with_capacity(rows * k));
    let mut best: Vec<(f32, i32)> = Vec::with_capacity(k + 1);
    for row in x.chunks_exact(cols.max(1)) {
        largest(row, k, &mut best);
        values.extend(best.iter().map(|&(value, _)| value));
        indices.extend(best.iter().map(|&(_, column)| column));
    }
    (values, indices)
}

/// Log-probabilities and columns of the `k` most probable columns of each row of `logits`, best first; ties keep the lower
/// column. Probabilities are the softmax of the row plus `bias`.
#[cfg_attr(
    feature = "flex",
    multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))
)]
pub fn most_probable(logits: &[f32], bias: &[f32], k: usize) -> (Vec<f32>, Vec<i32>) {
    let rows = logits.len().checked_div(bias.len()).unwrap_or(0);
    let (mut values, mut indices) = (Vec::with_capacity(rows * k), Vec::with_capacity(rows * k));
    let mut best: Vec<(f32, i32)> = Vec::with_capacity(k + 1);
    let mut row = vec![0.0; bias.len()];
    for logits in logits.chunks_exact(bias.len().max(1)) {
        for ((x, logit), bias) in row.iter_mut().zip(logits).zip(bias) {
            *x = logit + bias;
        }
        largest(&row, k, &mut best);
        let highest = best.first().map_or(0.0, |&(value, _)| value);
        let log_sum = sum_exp(&row, highest).ln() + highest;
        values.extend(best.iter().map(|&(value, _)| value - log_sum));
        indices.extend(best.iter().map(|&(_, column)| column));
    }
    (values, indices)
}

/// The sum of `e^(x - highest)`.
#[inline(always)]
fn sum_exp(row: &[f32], highest: f32) -> f32 {
    let mut sums = [0.0f32; WIDE];
    let chunks = row.chunks_exact(WIDE);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += exp(x - highest);
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += exp(x - highest);
    }
    sums.into_iter().sum()
}

#[inline(always)]
fn largest(row: &[f32], k: usize, best: &mut Vec<(f32, i32)>) {
    best.clear();
    for (block, values) in row.chunks(BLOCK).enumerate() {
        if best.len() == k
            && let Some(&(worst, _)) = best.last()
            && !exceeds(values, worst)
        {
            continue;
        }
        for (column, &value) in (block * BLOCK..).zip(values) {
            if best.len() == k && best.last().is_some_and(|&(worst, _)| value <= worst) {
                continue;
            }
            let place = best.partition_point(|&(kept, _)| kept >= value);
            best.insert(place, (value, column as i32));
            best.truncate(k);
        }
    }
}

/// Whether a value is above `bound`.
#[inline(always)]
fn exceeds(values: &[f32], bound: f32) -> bool {
    values.iter().fold(false, |found, &value| found | (value > bound))
}
