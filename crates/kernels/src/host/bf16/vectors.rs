//! The kernel of machines whose 512-bit vectors know bf16 but which have no tiles: AMD's since Zen 4.

use std::arch::x86_64::*;

use super::panel::{TILE, WORDS};

/// Rows whose sums stay in registers, two vectors each.
const ROWS: usize = 8;

/// The 32 x 32 sums of two panels at `out`, whose rows are `stride` apart: added to what is there where `keep` says so.
///
/// # Safety
/// `out` points to 32 such rows of 32 floats, and the machine has the features.
#[target_feature(enable = "avx512f,avx512bf16")]
pub unsafe fn kernel(out: *mut f32, stride: usize, left: &[u32], right: &[u32], keep: bool) {
    assert!(left.len() == right.len() && left.len().is_multiple_of(2 * WORDS));
    for first in (0..2 * TILE).step_by(ROWS) {
        let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
        // SAFETY: within the 32 x 32 floats that the caller promises.
        let place = |row, half| unsafe { out.add((first + row) * stride + half * TILE) };
        if keep {
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                *sums = [0, 1].map(|half| unsafe { _mm512_loadu_ps(place(row, half)) });
            }
        }
        for (left, right) in left.chunks_exact(2 * WORDS).zip(right.chunks_exact(2 * WORDS)) {
            let left = &left[first * TILE..][..ROWS * TILE];
            for pair in 0..TILE {
                // SAFETY: 16 words of a tile, which are 512 bits without a meaning of their own.
                let columns = [0, 1].map(|half| unsafe {
                    bf16(_mm512_loadu_si512(right.as_ptr().add(half * WORDS + pair * TILE).cast()))
                });
                for (row, sums) in sums.iter_mut().enumerate() {
                    let word = bf16(_mm512_set1_epi32(left[row * TILE + pair] as i32));
                    for (sum, columns) in sums.iter_mut().zip(columns) {
                        *sum = _mm512_dpbf16_ps(*sum, word, columns);
                    }
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            for (half, sum) in sums.into_iter().enumerate() {
                // SAFETY: as above.
                unsafe { _mm512_storeu_ps(place(row, half), sum) };
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn bf16(words: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits without a meaning of their own.
    unsafe { std::mem::transmute(words) }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Matrix, is_available,
            panel::{PANEL, Side, pack, panel_words},
        },
        *,
    };

    /// Machines with tiles never take this kernel in a product.
    #[test]
    fn vectors_add_up_what_the_panels_hold() {
        if !is_available() {
            println!("skipped: no AVX512-BF16");
            return;
        }
        let depth = 70;
        let values: Vec<f32> = (0..PANEL * depth).map(|i| (i * 37 % 64) as f32 / 8.0).collect();
        let panels = [Side::Left, Side::Right].map(|side| {
            let mut panel = vec![0; panel_words(depth)];
            // SAFETY: the machine has the features.
            unsafe { pack(&mut panel, Matrix(&values, depth, 1), 0..PANEL, 0..depth, side) };
            panel
        });
        for keep in [false, true] {
            let mut out = vec![1.0; PANEL * PANEL];
            // SAFETY: the machine has the features, and there are 32 rows of 32.
            unsafe { kernel(out.as_mut_ptr(), PANEL, &panels[0], &panels[1], keep) };
            for (at, sum) in out.into_iter().enumerate() {
                let [left, right] = [at / PANEL, at % PANEL].map(|i| &values[i * depth..][..depth]);
                let product: f32 = left.iter().zip(right).map(|(x, y)| x * y).sum();
                assert_eq!(sum, product + if keep { 1.0 } else { 0.0 });
            }
        }
    }
}
