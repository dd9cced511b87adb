//! Tiles of sums: a few rows of weights by a few rows of activations, so that what is loaded is used several times.

use super::Quantized;
use super::lanes::{Lanes, Portable};

/// Rows of weights in a tile.
const ROWS: usize = 4;
/// Rows of activations in a tile, at most.
const BATCH: usize = 4;

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
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                available.push(Self::Avx512Vnni);
            }
        }
        #[cfg(target_arch = "aarch64")]
        available.push(Self::Neon);
        available
    }

    /// The best that this machine has.
    pub fn best() -> Self {
        #[cfg(target_arch = "wasm32")]
        {
            Self::available().pop().unwrap_or(Self::Portable)
        }
        #[cfg(not(target_arch = "wasm32"))]
        {
            static BEST: std::sync::LazyLock<Products> =
                std::sync::LazyLock::new(|| Products::available().pop().unwrap_or(Products::Portable));
            *BEST
        }
    }

    /// The sums of products of every row of activations with every row of `weight` `[rows, cols]`, into `sums`
    /// `[batch, rows]`.
    pub(super) fn sums(self, quantized: &Quantized, weight: &[i8], cols: usize, sums: &mut [i32]) {
        if sums.is_empty() {
            return;
        }
        let rows = sums.len() / quantized.grids.len();
        assert!(weight.len() == rows * cols && quantized.values.len() == quantized.grids.len() * quantized.stride);
        assert!(cols <= quantized.stride);
        // SAFETY: a value other than `Portable` is only made by `available`, which asks the machine; lengths are checked above.
        unsafe {
            match self {
                Self::Portable => all::<Portable>(quantized, weight, cols, sums),
                #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                Self::Simd128 => all::<super::wasm::Simd128>(quantized, weight, cols, sums),
                #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
                Self::Relaxed => all::<super::wasm::Relaxed>(quantized, weight, cols, sums),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => super::x86::sums_avx2(quantized, weight, cols, sums),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512Vnni => super::x86::sums_avx512_vnni(quantized, weight, cols, sums),
                #[cfg(target_arch = "aarch64")]
                Self::Neon => all::<super::neon::Neon>(quantized, weight, cols, sums),
            }
        }
    }
}

/// All tiles.
///
/// # Safety
/// The machine has what `L` needs; the slices are as long as [`Products::sums`] checks.
#[inline(always)]
pub(super) unsafe fn all<L: Lanes>(quantized: &Quantized, weight: &[i8], cols: usize, sums: &mut [i32]) {
    let batch = quantized.grids.len();
    let rows = sums.len() / batch;
    for first in (0..rows).step_by(ROWS) {
        let n_rows = ROWS.min(rows - first);
        let weight = &weight[first * cols..(first + n_rows) * cols];
        for from in (0..batch).step_by(BATCH) {
            let n = BATCH.min(batch - from);
            let q = &quantized.values[from * quantized.stride..(from + n) * quantized.stride];
            let out = &mut sums[from * rows..];
            let at = Place { rows, first, stride: quantized.stride, cols };
            // SAFETY: the caller's.
            unsafe {
                match (n, n_rows) {
                    (4, 4) => tile::<L, 4, 4>(q, weight, at, out),
                    (3, 4) => tile::<L, 3, 4>(q, weight, at, out),
                    (2, 4) => tile::<L, 2, 4>(q, weight, at, out),
                    (1, 4) => tile::<L, 1, 4>(q, weight, at, out),
                    _ => {
                        for b in 0..n {
                            for r in 0..n_rows {
                                let q = &q[b * quantized.stride..(b + 1) * quantized.stride];
                                let weight = &weight[r * cols..(r + 1) * cols];
                                tile::<L, 1, 1>(q, weight, Place { first: first + r, ..at }, &mut out[b * rows..]);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where a tile is.
#[derive(Clone, Copy)]
struct Place {
    /// Rows of the whole matrix.
    rows: usize,
    /// The tile's first row of weights.
    first: usize,
    /// Bytes from one row of activations to the next.
    stride: usize,
    cols: usize,
}

/// `B` rows of activations by `R` rows of weights.
///
/// # Safety
/// The machine has what `L` needs.
#[inline(always)]
unsafe fn tile<L: Lanes, const B: usize, const R: usize>(q: &[u8], weight: &[i8], at: Place, out: &mut [i32]) {
    let Place { rows, first, stride, cols } = at;
    assert!(q.len() == B * stride && weight.len() == R * cols && cols <= stride);
    let whole = cols / L::WIDTH * L::WIDTH;
    let mut totals = [[0; 4]; B];
    // Loops rather than closures: a closure would not have the target features of the function around.
    // SAFETY: the caller's for the instructions; every load ends at or before `whole <= cols <= stride` of its row.
    unsafe {
        let mut sums = [[L::zero(); R]; B];
        let mut k = 0;
        while k < whole {
            let mut activations = [L::activations(q.as_ptr().add(k)); B];
            for (b, activations) in activations.iter_mut().enumerate().skip(1) {
                *activations = L::activations(q.as_ptr().add(b * stride + k));
            }
            for r in 0..R {
                let weights = L::weights(weight.as_ptr().add(r * cols + k));
                for (sums, activations) in sums.iter_mut().zip(activations) {
                    sums[r] = L::add(sums[r], weights, activations);
                }
            }
            k += L::WIDTH;
        }
        for (totals, sums) in totals.iter_mut().zip(sums) {
            // Where there are less than four, others stand for those that are missing.
            *totals = L::totals([sums[0], sums[1 % R], sums[2 % R], sums[3 % R]]);
        }
    }
    if whole < cols {
        for (b, totals) in totals.iter_mut().enumerate() {
            for (r, total) in totals.iter_mut().enumerate().take(R) {
                let rest = weight[r * cols + whole..(r + 1) * cols].iter().zip(&q[b * stride + whole..]);
                *total += rest.map(|(&w, &q)| i32::from(w) * i32::from(q)).sum::<i32>();
            }
        }
    }
    for (b, totals) in totals.iter().enumerate() {
        out[b * rows + first..b * rows + first + R].copy_from_slice(&totals[..R]);
    }
}
