//! A matrix laid out once for many small products with it: the recurrent weights of a sequence, which a general
//! product would pack anew at each step and on each core (a quarter of its time for 32 rows).

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use rayon::prelude::*;

/// Columns of one panel: three AVX-512 vectors.
const PANEL: usize = 48;

/// The right-hand side of a product, `[k, n]`, in panels of columns.
pub struct Packed {
    panels: Vec<f32>,
    k: usize,
    n: usize,
}

/// Some lanes of floats that one instruction works on.
trait Lanes: Copy {
    const WIDTH: usize;
    fn splat(x: f32) -> Self;
    /// # Safety
    /// `from` points to [`Self::WIDTH`] floats.
    unsafe fn load(from: *const f32) -> Self;
    fn store(self, to: &mut [f32]);
    /// `self + a * b`.
    fn add_product(self, a: Self, b: Self) -> Self;
    /// Asks for what lies at `at`, which need not be memory of ours, to be brought into the second cache.
    #[inline(always)]
    fn prefetch(_at: *const f32) {}
}

/// Lanes for every machine; the compiler makes of them what it has.
#[derive(Clone, Copy)]
struct Portable([f32; 4]);

impl Lanes for Portable {
    const WIDTH: usize = 4;
    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self([x; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: four floats by the caller's promise; an array of them is aligned as one.
        Self(unsafe { from.cast::<[f32; 4]>().read() })
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        to.copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
    }
}

/// Lanes of one instruction set: a name, a vector, how many floats it holds, and its instructions.
#[cfg(target_arch = "x86_64")]
macro_rules! lanes {
    ($name:ident, $vector:ty, $width:literal, $splat:ident, $load:ident, $store:ident, $multiply_add:ident) => {
        #[derive(Clone, Copy)]
        struct $name($vector);

        // SAFETY of all four: `Packed::accumulate` takes this kind only where the processor has its instructions; loads
        // and stores stay within what the caller promises or the assertion checks.
        impl Lanes for $name {
            const WIDTH: usize = $width;

            #[inline(always)]
            fn splat(x: f32) -> Self {
                Self(unsafe { $splat(x) })
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                Self(unsafe { $load(from) })
            }

            #[inline(always)]
            fn store(self, to: &mut [f32]) {
                assert!(to.len() >= Self::WIDTH);
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }

            #[inline(always)]
            fn add_product(self, a: Self, b: Self) -> Self {
                Self(unsafe { $multiply_add(a.0, b.0, self.0) })
            }

            #[inline(always)]
            fn prefetch(at: *const f32) {
                // SAFETY: a hint that reads nothing.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
lanes!(Avx2, __m256, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps);
#[cfg(target_arch = "x86_64")]
lanes!(Avx512, __m512, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps);

impl Packed {
    /// Element `(i, j)` lies at `values[i * row_stride + j * col_stride]`.
    pub fn new(values: &[f32], [k, n]: [usize; 2], row_stride: usize, col_stride: usize) -> Self {
        let mut panels = vec![0.0; n.div_ceil(PANEL) * k * PANEL];
        panels.par_chunks_exact_mut((k * PANEL).max(1)).enumerate().for_each(|(p, panel)| {
            let cols = PANEL.min(n - p * PANEL);
            if col_stride == 1 {
                for (i, row) in panel.chunks_exact_mut(PANEL).enumerate() {
                    let start = i * row_stride + p * PANEL;
                    row[..cols].copy_from_slice(&values[start..start + cols]);
                }
            } else {
                for j in 0..cols {
                    let from = &values[(p * PANEL + j) * col_stride..];
                    for (i, row) in panel.chunks_exact_mut(PANEL).enumerate() {
                        row[j] = from[i * row_stride];
                    }
                }
            }
        });
        Self { panels, k, n }
    }

    /// `out += lhs * self`, `out` `[m, n]` contiguous, `lhs` `[m, k]` with `stride` between its rows.
    pub fn accumulate(&self, out: &mut [f32], m: usize, lhs: &[f32], stride: usize) {
        if m == 0 {
            return;
        }
        assert!(out.len() >= m * self.n && lhs.len() >= (m - 1) * stride + self.k);
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                // SAFETY: asked for on the line above.
                return unsafe { self.avx512(out, m, lhs, stride) };
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                // SAFETY: asked for on the line above.
                return unsafe { self.avx2(out, m, lhs, stride) };
            }
        }
        self.rows::<Portable, 4, 3>(out, m, lhs, stride);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn avx512(&self, out: &mut [f32], m: usize, lhs: &[f32], stride: usize) {
        self.rows::<Avx512, 8, 3>(out, m, lhs, stride);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2(&self, out: &mut [f32], m: usize, lhs: &[f32], stride: usize) {
        self.rows::<Avx2, 4, 3>(out, m, lhs, stride);
    }

    #[inline(always)]
    fn rows<L: Lanes, const M: usize, const C: usize>(&self, out: &mut [f32], m: usize, lhs: &[f32], stride: usize) {
        let tiles = m.div_ceil(M) * (PANEL / (C * L::WIDTH)).max(1);
        for (p, panel) in self.panels.chunks_exact(self.k * PANEL).enumerate() {
            // Each tile brings its share of the next panel nearer: all of them together are larger than the second cache.
            let share = self.k * PANEL / tiles;
            let mut ahead = panel.as_ptr().wrapping_add(self.k * PANEL);
            for c in (0..PANEL).step_by(C * L::WIDTH) {
                let first = p * PANEL + c;
                if first >= self.n {
                    break;
                }
                let cols = (C * L::WIDTH).min(self.n - first);
                let (panel, k, n) = (&panel[c..], self.k, self.n);
                let mut row = 0;
                while row < m {
                    let (lhs, out) = (&lhs[row * stride..], &mut out[row * self.n + first..]);
                    row += match m - row {
                        left if left >= M => tile::<L, M, C>(panel, k, lhs, stride, out, n, cols, (ahead, share)),
                        left if left >= 4 => tile::<L, 4, C>(panel, k, lhs, stride, out, n, cols, (ahead, share)),
                        left if left >= 2 => tile::<L, 2, C>(panel, k, lhs, stride, out, n, cols, (ahead, share)),
                        _ => tile::<L, 1, C>(panel, k, lhs, stride, out, n, cols, (ahead, share)),
                    };
                    ahead = ahead.wrapping_add(share);
                }
            }
        }
    }
}

/// `M` rows and `C` vectors of columns of the product; gives `M`. Of `ahead`, a place and a number of floats, it brings one
/// piece nearer in each of its `k` steps.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn tile<L: Lanes, const M: usize, const C: usize>(
    panel: &[f32],
    k: usize,
    lhs: &[f32],
    stride: usize,
    out: &mut [f32],
    n: usize,
    cols: usize,
    (ahead, len): (*const f32, usize),
) -> usize {
    assert!(k > 0 && panel.len() >= (k - 1) * PANEL + C * L::WIDTH && lhs.len() >= (M - 1) * stride + k);
    let mut sums = [[L::splat(0.0); C]; M];
    let pace = len / k;
    for i in 0..k {
        L::prefetch(ahead.wrapping_add(i * pace));
        // SAFETY: by the assertion above.
        unsafe {
            let columns: [L; C] = std::array::from_fn(|c| L::load(panel.as_ptr().add(i * PANEL + c * L::WIDTH)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = L::splat(*lhs.get_unchecked(r * stride + i));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = sum.add_product(x, column);
                }
            }
        }
    }
    let mut line = [0.0; PANEL];
    for (r, sums) in sums.into_iter().enumerate() {
        for (c, sum) in sums.into_iter().enumerate() {
            sum.store(&mut line[c * L::WIDTH..(c + 1) * L::WIDTH]);
        }
        for (o, x) in out[r * n..r * n + cols].iter_mut().zip(&line) {
            *o += x;
        }
    }
    M
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers, so that every order of summation gives the same.
    fn values(seed: usize, len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7 + seed * 3) % 11) as f32 - 5.0).collect()
    }

    #[test]
    fn every_instruction_set_gives_the_product() {
        for [m, k, n] in [[1, 1, 1], [3, 5, 7], [8, 16, 48], [13, 9, 49], [31, 33, 100]] {
            let (lhs, rhs) = (values(1, m * (k + 2)), values(2, k * n));
            let wanted: Vec<f32> = (0..m * n)
                .map(|i| 1.0 + (0..k).map(|j| lhs[i / n * (k + 2) + j] * rhs[j * n + i % n]).sum::<f32>())
                .collect();
            let turned: Vec<f32> = (0..n * k).map(|i| rhs[i % k * n + i / k]).collect();
            for packed in [Packed::new(&rhs, [k, n], n, 1), Packed::new(&turned, [k, n], 1, k)] {
                let check = |run: &dyn Fn(&mut [f32])| {
                    let mut out = vec![1.0; m * n];
                    run(&mut out);
                    assert_eq!(out, wanted, "{m}x{k}x{n}");
                };
                check(&|out| packed.accumulate(out, m, &lhs, k + 2));
                check(&|out| packed.rows::<Portable, 4, 3>(out, m, &lhs, k + 2));
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: asked for on the line above.
                    check(&|out| unsafe { packed.avx2(out, m, &lhs, k + 2) });
                }
            }
        }
    }
}
