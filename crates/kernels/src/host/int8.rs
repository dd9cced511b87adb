//! The int8 product's portable reference: what every faster kernel must equal to the bit.

/// One row of activations, quantized.
struct Quantized {
    inverse: f32,
    zero_point: f32,
}

#[inline(always)]
fn quantize(x: &[f32], q: &mut [i16]) -> Quantized {
    let low = x.iter().fold(0.0f32, |a, &b| a.min(b));
    let high = x.iter().fold(0.0f32, |a, &b| a.max(b));
    let inverse = (1.0 / (high - low).max(f32::MIN_POSITIVE * 1e8)) * 127.0;
    let zero_point = (-low * inverse + 0.5).floor();
    for (q, x) in q.iter_mut().zip(x) {
        // Never negative before the cast, which therefore is the floor.
        *q = (x * inverse + zero_point + 0.5).clamp(0.0, 127.0) as i16;
    }
    Quantized { inverse, zero_point }
}

/// `x` `[batch, cols]` times the transposed `weight` `[rows, cols]`, as `[batch, rows]`.
#[cfg_attr(
    feature = "flex",
    multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))
)]
pub fn linear(x: &[f32], weight: &[i8], scales: &[f32], row_sums: &[f32], cols: usize) -> Vec<f32> {
    const TILE: usize = 8;
    let rows = scales.len();
    let batch = x.len().checked_div(cols).unwrap_or(0);
    let mut q = vec![0i16; batch * cols];
    let quantized: Vec<Quantized> =
        q.chunks_exact_mut(cols.max(1)).zip(x.chunks_exact(cols.max(1))).map(|(q, x)| quantize(x, q)).collect();
    let mut out = vec![0.0; batch * rows];
    let mut wide = vec![0i16; TILE * cols];
    for first in (0..rows).step_by(TILE) {
        let tile = TILE.min(rows - first);
        // Widened once for the whole batch.
        for (wide, narrow) in wide.iter_mut().zip(&weight[first * cols..(first + tile) * cols]) {
            *wide = i16::from(*narrow);
        }
        for (b, quantized) in quantized.iter().enumerate() {
            let q = &q[b * cols..(b + 1) * cols];
            for r in 0..tile {
                let w = &wide[r * cols..(r + 1) * cols];
                let sum: i32 = q.iter().zip(w).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
                let row = first + r;
                out[b * rows + row] =
                    (sum as f32 - quantized.zero_point * row_sums[row]) * scales[row] / quantized.inverse;
            }
        }
    }
    out
}

/// Rows `ids` as floats, `[ids, cols]`.
pub fn rows(weight: &[i8], scales: &[f32], cols: usize, ids: impl Iterator<Item = usize>) -> Vec<f32> {
    ids.flat_map(|id| weight[id * cols..(id + 1) * cols].iter().map(move |&v| f32::from(v) * scales[id])).collect()
}
