//! Attention of a row of queries: scores, softmax and context in one pass over the memory.

use super::math::exp;

/// Sums that run side by side, which the compiler cannot do of itself.
const WIDE: usize = 8;
/// Weights below `e^` this are zero: a padded position gets none.
const LEAST: f32 = -80.0;

/// What a row of queries looks at: `n_targets` queries of `d` values, `n_sources` keys of `d` and as many values of `d_value`.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub n_targets: usize,
    pub n_sources: usize,
    pub d: usize,
    pub d_value: usize,
}

/// Contexts `[rows, target, d_value]` and weights `[rows, target, source]` for `queries` `[rows, target, d]`, `keys`
/// `[all rows, source, d]`, `values` `[all rows, source, d_value]` and `penalties` `[all rows, source]`, which are added to
/// the scores; `rows` says which of all rows, if not all.
#[cfg_attr(
    feature = "flex",
    multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))
)]
pub fn attend(
    queries: &[f32],
    [keys, values, penalties]: [&[f32]; 3],
    rows: Option<&[usize]>,
    sizes: Sizes,
) -> (Vec<f32>, Vec<f32>) {
    let Sizes { n_targets, n_sources, d, d_value } = sizes;
    let n_rows = queries.len().checked_div(n_targets * d).unwrap_or(0);
    let mut contexts = vec![0.0; n_rows * n_targets * d_value];
    let mut weights = vec![0.0; n_rows * n_targets * n_sources];
    for row in 0..n_rows {
        let at = rows.map_or(row, |rows| rows[row]);
        let keys = &keys[at * n_sources * d..(at + 1) * n_sources * d];
        let values = &values[at * n_sources * d_value..(at + 1) * n_sources * d_value];
        let penalties = &penalties[at * n_sources..(at + 1) * n_sources];
        for target in row * n_targets..(row + 1) * n_targets {
            let query = &queries[target * d..(target + 1) * d];
            let weights = &mut weights[target * n_sources..(target + 1) * n_sources];
            for ((weight, key), penalty) in weights.iter_mut().zip(keys.chunks_exact(d)).zip(penalties) {
                *weight = dot(query, key) + penalty;
            }
            softmax(weights);
            let context = &mut contexts[target * d_value..(target + 1) * d_value];
            for (&weight, values) in weights.iter().zip(values.chunks_exact(d_value)) {
                if weight > 0.0 {
                    context.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
    }
    (contexts, weights)
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; WIDE];
    let (a_chunks, b_chunks) = (a.chunks_exact(WIDE), b.chunks_exact(WIDE));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.into_iter().sum::<f32>() + rest
}

#[inline(always)]
fn softmax(scores: &mut [f32]) {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for score in scores.iter_mut() {
        let below = *score - highest;
        *score = if below < LEAST { 0.0 } else { exp(below) };
        total += *score;
    }
    scores.iter_mut().for_each(|weight| *weight /= total);
}
