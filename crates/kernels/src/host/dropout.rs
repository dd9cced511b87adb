//! What dropout multiplies by, drawn from a counter so that it can be vectorised.

use rayon::prelude::*;

const CHUNK: usize = 1 << 14;

/// `len` values, each 0 with probability `rate`, else `1 / (1 - rate)`; the same for the same seed.
pub fn keep_mask(len: usize, rate: f64, seed: u32) -> Vec<f32> {
    let mut mask = vec![0.0; len];
    let threshold = (rate * f64::from(u32::MAX)) as u32;
    let kept = (1.0 / (1.0 - rate)) as f32;
    mask.par_chunks_mut(CHUNK).enumerate().for_each(|(index, chunk)| {
        fill(chunk, (index * CHUNK) as u32, threshold, kept, seed);
    });
    mask
}

/// A 32-bit finaliser (lowbias32: Wellons, 2018) over place and seed.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn fill(chunk: &mut [f32], start: u32, threshold: u32, kept: f32, seed: u32) {
    for (index, value) in chunk.iter_mut().enumerate() {
        let mut x = (start.wrapping_add(index as u32)).wrapping_mul(0x9e37_79b9) ^ seed;
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        x ^= x >> 16;
        *value = if x >= threshold { kept } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_its_share_and_goes_by_its_seed() {
        for (rate, kept) in [(0.2, 1.25), (0.75, 4.0)] {
            let mask = keep_mask(100_000, rate, 7);
            assert!(mask.iter().all(|&x| x == 0.0 || x == kept), "neither 0 nor {kept}");
            let share = mask.iter().filter(|&&x| x == kept).count() as f64 / mask.len() as f64;
            assert!((share - (1.0 - rate)).abs() < 0.01, "kept {share} at rate {rate}");
            assert_eq!(mask, keep_mask(100_000, rate, 7));
            assert_ne!(mask, keep_mask(100_000, rate, 8));
            assert_ne!(mask[..CHUNK], mask[CHUNK..2 * CHUNK]);
        }
    }
}
