//! 16 bytes at once in WebAssembly.

use std::arch::wasm32::{
    i16x8_extend_high_i8x16, i16x8_extend_low_i8x16, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_shuffle,
    i32x4_splat, v128, v128_load,
};

use super::lanes::Lanes;

/// Every browser since 2021.
pub(super) struct Simd128;

impl Lanes for Simd128 {
    const WIDTH: usize = 16;
    type Weights = [v128; 2];
    type Activations = [v128; 2];
    type Sums = v128;

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> [v128; 2] {
        // SAFETY: the caller says that 16 bytes can be read.
        let bytes = unsafe { v128_load(from.cast()) };
        [i16x8_extend_low_i8x16(bytes), i16x8_extend_high_i8x16(bytes)]
    }

    #[inline(always)]
    unsafe fn activations(from: *const u8) -> [v128; 2] {
        // Below 128, so that their sign is right.
        // SAFETY: the caller's.
        unsafe { Self::weights(from.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> v128 {
        i32x4_splat(0)
    }

    #[inline(always)]
    unsafe fn add(sums: v128, [low, high]: [v128; 2], [q_low, q_high]: [v128; 2]) -> v128 {
        i32x4_add(i32x4_add(sums, i32x4_dot_i16x8(low, q_low)), i32x4_dot_i16x8(high, q_high))
    }

    #[inline(always)]
    unsafe fn totals(sums: [v128; 4]) -> [i32; 4] {
        totals(sums)
    }
}

#[inline(always)]
fn totals([a, b, c, d]: [v128; 4]) -> [i32; 4] {
    let halves = |a, b| i32x4_add(i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
    let (ab, cd) = (halves(a, b), halves(c, d));
    let totals = i32x4_add(i32x4_shuffle::<0, 1, 4, 5>(ab, cd), i32x4_shuffle::<2, 3, 6, 7>(ab, cd));
    [
        i32x4_extract_lane::<0>(totals),
        i32x4_extract_lane::<1>(totals),
        i32x4_extract_lane::<2>(totals),
        i32x4_extract_lane::<3>(totals),
    ]
}

/// Chromium since 114, Firefox since 145.
#[cfg(target_feature = "relaxed-simd")]
pub(super) struct Relaxed;

#[cfg(target_feature = "relaxed-simd")]
impl Lanes for Relaxed {
    const WIDTH: usize = 16;
    type Weights = v128;
    type Activations = v128;
    type Sums = v128;

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> v128 {
        // SAFETY: the caller says that 16 bytes can be read.
        unsafe { v128_load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn activations(from: *const u8) -> v128 {
        // SAFETY: the caller says that 16 bytes can be read.
        unsafe { v128_load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> v128 {
        i32x4_splat(0)
    }

    #[inline(always)]
    unsafe fn add(sums: v128, weights: v128, activations: v128) -> v128 {
        // Machines may differ where the second operand has its top bit set, or a sum of two products passes 16 bits:
        // neither happens here.
        std::arch::wasm32::i32x4_relaxed_dot_i8x16_i7x16_add(weights, activations, sums)
    }

    #[inline(always)]
    unsafe fn totals(sums: [v128; 4]) -> [i32; 4] {
        totals(sums)
    }
}
