//! Rows copied about in training, on all cores.

use rayon::prelude::*;

/// `x` `[a, b, d]` as `[b, a, d]`.
pub fn swap_leading(x: &[f32], [a, b, d]: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    if d > 0 {
        out.par_chunks_mut((a * d).max(1)).enumerate().for_each(|(j, out)| {
            for (i, row) in out.chunks_exact_mut(d).enumerate() {
                row.copy_from_slice(&x[(i * b + j) * d..][..d]);
            }
        });
    }
    out
}

/// `left` `[rows, a]` and `right` `[rows, b]` side by side.
pub fn join_columns(left: &[f32], right: &[f32], [rows, a, b]: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; rows * (a + b)];
    out.par_chunks_mut((a + b).max(1)).with_min_len(64).enumerate().for_each(|(i, row)| {
        row[..a].copy_from_slice(&left[i * a..(i + 1) * a]);
        row[a..].copy_from_slice(&right[i * b..(i + 1) * b]);
    });
    out
}

/// Columns `start..start + width` of `x` `[rows, d]`.
pub fn columns(x: &[f32], d: usize, start: usize, width: usize) -> Vec<f32> {
    let mut out = vec![0.0; x.len() / d.max(1) * width];
    let rows = out.par_chunks_mut(width.max(1)).with_min_len(64).zip(x.par_chunks(d.max(1)));
    rows.for_each(|(out, row)| out.copy_from_slice(&row[start..start + width]));
    out
}
