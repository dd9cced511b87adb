//! The int8 product: sums of integers, the same on every machine, between two short loops over floats.
//!
//! Activations are quantized row by row to 0..=127, so that a sum of two products fits 16 bits and the top bit of their
//! bytes stays clear, which WebAssembly's relaxed product asks for. What differs between machines is how 16, 32 or 64
//! bytes are multiplied at once (`lanes`); sums are exact, and the floats around them are the same code everywhere.

mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod tile;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use tile::Products;

/// Rows of activations are padded to so many bytes with zeros.
const PADDING: usize = 64;

/// Activations, quantized.
struct Quantized {
    /// Rows of `stride` bytes in 0..=127.
    values: Vec<u8>,
    stride: usize,
    /// For each row its factor and its zero point.
    grids: Vec<(f32, f32)>,
}

impl Quantized {
    fn new(x: &[f32], cols: usize) -> Self {
        let n_rows = x.len().checked_div(cols).unwrap_or(0);
        let stride = cols.next_multiple_of(PADDING);
        let mut values = vec![0; n_rows * stride];
        let rows = values.chunks_exact_mut(stride.max(1)).zip(x.chunks_exact(cols.max(1)));
        let grids = rows.map(|(q, x)| quantize(x, q)).collect();
        Self { values, stride, grids }
    }
}

/// Gives the factor and the zero point of a row.
#[inline(always)]
fn quantize(x: &[f32], q: &mut [u8]) -> (f32, f32) {
    let (low, high) = range(x);
    let inverse = (1.0 / (high - low).max(f32::MIN_POSITIVE * 1e8)) * 127.0;
    let zero_point = (-low * inverse + 0.5).floor();
    for (q, x) in q.iter_mut().zip(x) {
        // Never negative before the cast, which therefore is the floor.
        *q = (x * inverse + zero_point + 0.5).clamp(0.0, 127.0) as i32 as u8;
    }
    (inverse, zero_point)
}

/// The smallest and the largest of `x` and 0, eight at a time, which the compiler cannot do of itself.
#[inline(always)]
fn range(x: &[f32]) -> (f32, f32) {
    const WIDE: usize = 8;
    let (mut low, mut high) = ([0.0f32; WIDE], [0.0f32; WIDE]);
    let chunks = x.chunks_exact(WIDE);
    let rest = chunks.remainder();
    let mut see = |i: usize, x: f32| {
        low[i] = if x < low[i] { x } else { low[i] };
        high[i] = if x > high[i] { x } else { high[i] };
    };
    for chunk in chunks {
        (0..WIDE).for_each(|i| see(i, chunk[i]));
    }
    rest.iter().enumerate().for_each(|(i, &x)| see(i, x));
    (low.into_iter().fold(0.0, f32::min), high.into_iter().fold(0.0, f32::max))
}

/// `x` `[batch, cols]` times the transposed `weight` `[rows, cols]`, as `[batch, rows]`, by the best means of this machine.
pub fn linear(x: &[f32], weight: &[i8], scales: &[f32], row_sums: &[f32], cols: usize) -> Vec<f32> {
    linear_by(Products::best(), x, weight, scales, row_sums, cols)
}

/// [`linear`] by given means.
pub fn linear_by(
    products: Products,
    x: &[f32],
    weight: &[i8],
    scales: &[f32],
    row_sums: &[f32],
    cols: usize,
) -> Vec<f32> {
    let rows = scales.len();
    assert!(weight.len() == rows * cols && row_sums.len() == rows, "an int8 matrix has rows * cols values");
    let quantized = Quantized::new(x, cols);
    let mut sums = vec![0; quantized.grids.len() * rows];
    products.sums(&quantized, weight, cols, &mut sums);
    let mut out = vec![0.0; sums.len()];
    let each = out.chunks_exact_mut(rows.max(1)).zip(sums.chunks_exact(rows.max(1)));
    for ((out, sums), &(inverse, zero_point)) in each.zip(&quantized.grids) {
        for (((out, &sum), &row_sum), &scale) in out.iter_mut().zip(sums).zip(row_sums).zip(scales) {
            *out = (sum as f32 - zero_point * row_sum) * scale / inverse;
        }
    }
    out
}

/// Rows `ids` as floats, `[ids, cols]`.
pub fn rows(weight: &[i8], scales: &[f32], cols: usize, ids: impl Iterator<Item = usize>) -> Vec<f32> {
    ids.flat_map(|id| weight[id * cols..(id + 1) * cols].iter().map(move |&v| f32::from(v) * scales[id])).collect()
}

#[cfg(test)]
mod tests;
