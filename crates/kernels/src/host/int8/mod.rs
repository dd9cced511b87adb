//! The int8 product: sums of integers, the same on every machine, between two short loops over floats.
//!
//! Activations are quantized row by row to 0..=127, so that a sum of two products fits 16 bits and the top bit of their
//! bytes stays clear, which WebAssembly's relaxed product asks for. What differs between machines is how 16, 32 or 64
//! bytes are multiplied at once (`lanes`); sums are exact, and the floats around them are the same code everywhere.
//!
//! Weights are packed in groups of 16 rows: four columns of every row, then the next four, so that a product walks through
//! them from end to end, and a vector of sums holds the sums of that many rows.

use std::{hint::black_box, ops::Range};

mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod tile;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use tile::{Products, use_portable_products};

/// Rows of weights that are packed together.
pub const GROUP: usize = 16;
/// Columns that lie side by side.
const DEPTH: usize = 4;
/// Columns are padded with zeros to a multiple of this.
const COLUMNS: usize = 16;

fn padded(cols: usize) -> usize {
    cols.next_multiple_of(COLUMNS)
}

fn packed_len(rows: usize, cols: usize) -> usize {
    rows.next_multiple_of(GROUP) * padded(cols)
}

/// Where a value of a row lies among the packed ones, from its group's beginning.
fn place(row: usize, col: usize) -> usize {
    (col / DEPTH * GROUP + row % GROUP) * DEPTH + col % DEPTH
}

/// Row-major `values` `[rows, cols]`, packed, and how many rows and columns that are.
pub fn pack(values: &[i8], rows: usize, cols: usize) -> (Vec<i8>, [usize; 2]) {
    let mut packed = vec![0; packed_len(rows, cols)];
    for (row, values) in values.chunks_exact(cols.max(1)).enumerate() {
        let group = &mut packed[row / GROUP * GROUP * padded(cols)..];
        for (part, values) in values.chunks(DEPTH).enumerate() {
            let start = place(row, part * DEPTH);
            group[start..start + values.len()].copy_from_slice(values);
        }
    }
    (packed, [rows.next_multiple_of(GROUP), padded(cols)])
}

/// Activations, quantized.
pub struct Quantized {
    /// Rows of `stride` bytes in 0..=127.
    values: Vec<u8>,
    stride: usize,
    /// For each row its step and its zero point.
    grids: Vec<(f32, f32)>,
}

impl Quantized {
    /// Quantizes the rows of `x` `[rows, cols]`.
    pub fn new(x: &[f32], cols: usize) -> Self {
        let n_rows = x.len().checked_div(cols).unwrap_or(0);
        let stride = padded(cols);
        let mut values = vec![0; n_rows * stride];
        let rows = values.chunks_exact_mut(stride.max(1)).zip(x.chunks_exact(cols.max(1)));
        let grids = rows.map(|(q, x)| quantize(x, q)).collect();
        Self { values, stride, grids }
    }

    pub fn n_rows(&self) -> usize {
        self.grids.len()
    }

    /// One of the rows alone.
    pub fn row(&self, row: usize) -> Self {
        let values = self.values[row * self.stride..(row + 1) * self.stride].to_vec();
        Self { values, stride: self.stride, grids: vec![self.grids[row]] }
    }
}

/// Gives the step and the zero point of a row.
#[inline(always)]
fn quantize(x: &[f32], q: &mut [u8]) -> (f32, f32) {
    let (low, high) = range(x);
    let inverse = (1.0 / (high - low).max(f32::MIN_POSITIVE * 1e8)) * 127.0;
    let zero_point = (-low * inverse + 0.5).floor();
    for (q, x) in q.iter_mut().zip(x) {
        // Never negative before the cast, which therefore is the floor.
        *q = (x * inverse + zero_point + 0.5).clamp(0.0, 127.0) as i32 as u8;
    }
    (1.0 / inverse, zero_point)
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

/// Int8 weights `[rows, cols]` with the scale and the sum of each row.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    /// As [`pack`] lays them out.
    pub values: &'a [i8],
    pub scales: &'a [f32],
    pub row_sums: &'a [f32],
    pub cols: usize,
}

impl<'a> Matrix<'a> {
    pub fn n_rows(self) -> usize {
        self.scales.len()
    }

    /// Asks for a group ahead of its use: where groups are taken here and there, each would be waited for line by line (4% of the
    /// page's time).
    pub fn fetch(self, group: usize) {
        const LINE: usize = 64;
        let bytes = GROUP * padded(self.cols);
        let lines = self.values[group * bytes..][..bytes].iter().step_by(LINE);
        black_box(lines.fold(0, |sum, value| sum ^ value));
    }

    /// Some of its rows, whole groups but for the last one.
    pub fn part(self, rows: Range<usize>) -> Self {
        assert!(rows.start.is_multiple_of(GROUP), "a group is not cut");
        let start = rows.start * padded(self.cols);
        Self {
            values: &self.values[start..start + packed_len(rows.len(), self.cols)],
            scales: &self.scales[rows.clone()],
            row_sums: &self.row_sums[rows],
            cols: self.cols,
        }
    }
}

/// `x` `[batch, cols]` times the transposed `weight` `[rows, cols]` plus `bias`, which may be empty, as `[batch, rows]`, by
/// the best means of this machine.
pub fn linear(x: &[f32], weight: Matrix, bias: &[f32]) -> Vec<f32> {
    linear_by(Products::best(), x, weight, bias)
}

/// [`linear`] by given means.
pub fn linear_by(products: Products, x: &[f32], weight: Matrix, bias: &[f32]) -> Vec<f32> {
    let quantized = Quantized::new(x, weight.cols);
    let mut out = vec![0.0; quantized.n_rows() * weight.n_rows()];
    products.multiply(&quantized, weight, bias, &mut out);
    out
}

/// Rows `ids` as floats, `[ids, cols]`.
pub fn rows(weight: Matrix, ids: impl ExactSizeIterator<Item = usize>) -> Vec<f32> {
    let mut rows = Vec::with_capacity(ids.len() * weight.cols);
    for id in ids {
        let group = &weight.values[id / GROUP * GROUP * padded(weight.cols)..];
        let scale = weight.scales[id];
        for col in (0..weight.cols).step_by(DEPTH) {
            let values = &group[place(id, col)..][..DEPTH.min(weight.cols - col)];
            rows.extend(values.iter().map(|&value| f32::from(value) * scale));
        }
    }
    rows
}

#[cfg(test)]
mod tests;
