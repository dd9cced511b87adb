//! Tiles of sums: a few rows of weights by a few rows of activations, so that what is loaded is used several times and
//! enough sums run side by side to hide how long each addition takes.

use std::sync::{
    LazyLock,
    atomic::{AtomicBool, Ordering},
};

use super::lanes::{Lanes, Portable};
use super::{COLUMNS, DEPTH, GROUP, Matrix, Quantized, packed_len, padded};

/// Results that are written at once.
const FLOATS: usize = 4;

static IS_PORTABLE: AtomicBool = AtomicBool::new(false);

/// Has int8 products multiply one byte after the other from now on, in the whole process, or no longer: the reference that
/// all others equal to the bit.
pub fn use_portable_products(is_portable: bool) {
    IS_PORTABLE.store(is_portable, Ordering::Relaxed);
}

/// Means to multiply bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Products {
    /// One at a time.
    Portable,
    /// 16 at a time, by WebAssembly's SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    /// 16 at a time in one instruction, by WebAssembly's relaxed SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    Relaxed,
    /// 32 at a time.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 32 at a time in one instruction.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// 64 at a time in one instruction.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// 16 at a time.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Products {
    /// What this machine has, the best last.
    pub fn available() -> Vec<Self> {
        let mut available = vec![Self::Portable];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        available.push(Self::Simd128);
        #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
        available.push(Self::Relaxed);
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                available.push(Self::Avx2);
                if is_x86_feature_detected!("avxvnni") {
                    available.push(Self::AvxVnni);
                }
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                available.push(Self::Avx512Vnni);
            }
        }
        #[cfg(target_arch = "aarch64")]
        available.push(Self::Neon);
        available
    }

    /// The best that this machine has, unless [`use_portable_products`] asks for the slowest.
    pub fn best() -> Self {
        static BEST: LazyLock<Products> = LazyLock::new(|| Products::available().pop().unwrap_or(Products::Portable));
        if IS_PORTABLE.load(Ordering::Relaxed) {
            return Self::Portable;
        }
        *BEST
    }

    /// The product of every row of activations with every row of `weight`, plus `bias` where it is not empty, into `out`
    /// `[batch, rows]`.
    pub fn multiply(self, quantized: &Quantized, weight: Matrix, bias: &[f32], out: &mut [f32]) {
        let rows = weight.n_rows();
        assert!(weight.values.len() == packed_len(rows, weight.cols), "an int8 matrix is packed");
        assert!(weight.row_sums.len() == rows && (bias.is_empty() || bias.len() == rows), "a value for each row");
        assert!(quantized.values.len() == quantized.n_rows() * quantized.stride);
        assert!(padded(weight.cols) <= quantized.stride && out.len() == quantized.n_rows() * rows);
        // SAFETY: a value other than `Portable` is only made by `available`, which asks the machine; lengths are checked above.
        unsafe {
            match self {
                Self::Portable => all::<Portable, 16, 16, 1, 1>(quantized, weight, bias, out),
                #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                Self::Simd128 => all::<super::wasm::Simd128, 2, 8, 2, 2>(quantized, weight, bias, out),
                #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
                Self::Relaxed if quantized.n_rows() == 1 => super::wasm::multiply_row(quantized, weight, bias, out),
                #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
                Self::Relaxed => all::<super::wasm::Relaxed, 4, 16, 2, 2>(quantized, weight, bias, out),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => super::x86::multiply_avx2(quantized, weight, bias, out),
                #[cfg(target_arch = "x86_64")]
                Self::AvxVnni => super::x86::multiply_avx_vnni(quantized, weight, bias, out),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512Vnni => super::x86::multiply_avx512_vnni(quantized, weight, bias, out),
                #[cfg(target_arch = "aarch64")]
                Self::Neon => all::<super::neon::Neon, 2, 8, 2, 2>(quantized, weight, bias, out),
            }
        }
    }
}

/// All tiles: `V` vectors of rows of weights, `N` rows in all, by `B` rows of activations at most, 1, 2, 4 or 8; where there
/// is one row of activations, `U` runs of sums over the columns side by side.
///
/// # Safety
/// The machine has what `L` needs; the slices are as long as [`Products::multiply`] checks.
#[inline(always)]
pub(super) unsafe fn all<L: Lanes, const V: usize, const N: usize, const B: usize, const U: usize>(
    quantized: &Quantized,
    weight: Matrix,
    bias: &[f32],
    out: &mut [f32],
) {
    const { assert!(V * L::ROWS == N && (GROUP.is_multiple_of(N) || N.is_multiple_of(GROUP))) };
    const { assert!(COLUMNS.is_multiple_of(U * DEPTH)) };
    assert!(N <= GROUP || weight.n_rows().is_multiple_of(N), "several groups are not cut");
    let (rows, depth) = (weight.n_rows(), padded(weight.cols) / DEPTH);
    for first in (0..rows).step_by(N) {
        let here = first..rows.min(first + N);
        let at = first / GROUP * GROUP * depth * DEPTH + first % GROUP * DEPTH;
        let mut filled = [[0.0; N]; 3];
        let [row_sums, scales, offsets] = &mut filled;
        let place = Place::<N> {
            values: weight.values[at..].as_ptr(),
            depth,
            row_sums: whole(&weight.row_sums[here.clone()], row_sums),
            scales: whole(&weight.scales[here.clone()], scales),
            bias: if bias.is_empty() { offsets } else { whole(&bias[here], offsets) },
            first,
            rows,
        };
        let mut from = 0;
        while from < quantized.n_rows() {
            // SAFETY: the caller's for the instructions. Behind `values` lies the rest of a group, `depth` times `GROUP * DEPTH`
            // bytes less those before these rows, or whole groups; there are as many rows of activations as each tile has.
            from += unsafe {
                match quantized.n_rows() - from {
                    left if B >= 8 && left >= 8 => tile::<L, V, N, 8, 1>(quantized, from, &place, out),
                    left if B >= 4 && left >= 4 => tile::<L, V, N, 4, 1>(quantized, from, &place, out),
                    left if B >= 2 && left >= 2 => tile::<L, V, N, 2, 1>(quantized, from, &place, out),
                    _ => tile::<L, V, N, 1, U>(quantized, from, &place, out),
                }
            };
        }
    }
}

/// `N` rows of weights.
struct Place<'a, const N: usize> {
    values: *const i8,
    /// How many times `DEPTH` columns there are.
    depth: usize,
    row_sums: &'a [f32; N],
    scales: &'a [f32; N],
    bias: &'a [f32; N],
    /// The first of them in the whole matrix.
    first: usize,
    /// Rows of the whole matrix.
    rows: usize,
}

impl<const N: usize> Place<'_, N> {
    /// What the total of row `i` stands for.
    #[inline(always)]
    fn value(&self, i: usize, total: i32, (step, zero_point): (f32, f32)) -> f32 {
        (total as f32 - zero_point * self.row_sums[i]) * self.scales[i] * step + self.bias[i]
    }
}

/// The values themselves, or where there are too few of them a copy with zeros behind.
#[inline(always)]
fn whole<'a, const N: usize>(values: &'a [f32], filled: &'a mut [f32; N]) -> &'a [f32; N] {
    match values.try_into() {
        Ok(values) => values,
        Err(_) => {
            filled[..values.len()].copy_from_slice(values);
            filled
        }
    }
}

/// `N` rows of weights by `B` rows of activations, of which `from` is the first; gives `B`.
///
/// # Safety
/// The machine has what `L` needs. Behind the weights' `values` lie `depth` times the `N * DEPTH` bytes of these rows,
/// `GROUP * DEPTH` bytes apart, group after group, and each row of activations has `depth * DEPTH` bytes.
// Elsewhere a function of its own would not have the target features of the one that calls it; in WebAssembly it has, and
// inside a larger one the browser's compiler would keep some of the sums in memory (a quarter slower).
// By numbers, so that everything is unrolled; a vector of results after the other, since the copy of a larger array is a
// call there.
#[allow(clippy::needless_range_loop)]
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
unsafe fn tile<L: Lanes, const V: usize, const N: usize, const B: usize, const U: usize>(
    quantized: &Quantized,
    from: usize,
    place: &Place<N>,
    out: &mut [f32],
) -> usize {
    let (depth, stride) = (place.depth, quantized.stride);
    let q = quantized.values[from * stride..(from + B) * stride].as_ptr();
    // Loops rather than closures: a closure would not have the target features of the function around.
    // SAFETY: the caller's; as many totals are written as an array holds.
    unsafe {
        let mut sums = [[[L::zero(); V]; B]; U];
        let mut k = 0;
        while k < depth {
            for u in 0..U {
                let values = place.values.add((k + u) * GROUP * DEPTH);
                let mut weights = [L::weights(values); V];
                for v in 1..V {
                    let (group, row) = (v * L::ROWS / GROUP, v * L::ROWS % GROUP);
                    weights[v] = L::weights(values.add((group * depth * GROUP + row) * DEPTH));
                }
                for b in 0..B {
                    let activations = L::activations(q.add(b * stride + (k + u) * DEPTH));
                    for v in 0..V {
                        sums[u][b][v] = L::add(sums[u][b][v], weights[v], activations);
                    }
                }
            }
            k += U;
        }
        for b in 0..B {
            let mut totals = [0; N];
            for v in 0..V {
                let mut sum = sums[0][b][v];
                for u in 1..U {
                    sum = L::join(sum, sums[u][b][v]);
                }
                L::totals(sum, totals[v * L::ROWS..][..L::ROWS].as_mut_ptr());
            }
            let grid = quantized.grids[from + b];
            let start = (from + b) * place.rows + place.first;
            let end = ((from + b + 1) * place.rows).min(start + N);
            match <&mut [f32; N]>::try_from(&mut out[start..end]) {
                Ok(out) => {
                    for (first, out) in (0..N).step_by(FLOATS).zip(out.chunks_exact_mut(FLOATS)) {
                        let mut floats = [0.0; FLOATS];
                        for i in 0..FLOATS {
                            floats[i] = place.value(first + i, totals[first + i], grid);
                        }
                        out.copy_from_slice(&floats);
                    }
                }
                Err(_) => write_some(&mut out[start..end], totals, place, grid),
            }
        }
    }
    B
}

/// The values of the first few totals. Apart and with totals of its own, or all would go through memory for its sake.
#[cold]
#[inline(never)]
fn write_some<const N: usize>(out: &mut [f32], totals: [i32; N], place: &Place<N>, grid: (f32, f32)) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = place.value(i, totals[i], grid);
    }
}
