//! 16 bytes at once in WebAssembly.

use std::arch::wasm32::{
    i16x8_extend_high_i8x16, i16x8_extend_low_i8x16, i32x4_add, i32x4_dot_i16x8, i32x4_shuffle, i32x4_splat, v128,
    v128_load, v128_load32_splat, v128_store,
};

use super::lanes::Lanes;
#[cfg(target_feature = "relaxed-simd")]
use super::{Matrix, Quantized, tile::all};

/// Every browser since 2021.
pub(super) struct Simd128;

impl Lanes for Simd128 {
    const ROWS: usize = 4;
    /// Two rows each.
    type Weights = [v128; 2];
    type Activations = v128;
    /// Two halves of the sums of two rows each.
    type Sums = [v128; 2];

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> [v128; 2] {
        // SAFETY: the caller says that 16 bytes can be read.
        let bytes = unsafe { v128_load(from.cast()) };
        [i16x8_extend_low_i8x16(bytes), i16x8_extend_high_i8x16(bytes)]
    }

    #[inline(always)]
    unsafe fn activations(from: *const u8) -> v128 {
        // Below 128, so that their sign is right.
        // SAFETY: the caller says that 4 bytes can be read.
        i16x8_extend_low_i8x16(unsafe { v128_load32_splat(from.cast()) })
    }

    #[inline(always)]
    unsafe fn zero() -> [v128; 2] {
        [i32x4_splat(0); 2]
    }

    #[inline(always)]
    unsafe fn add([a, b]: [v128; 2], [low, high]: [v128; 2], activations: v128) -> [v128; 2] {
        [i32x4_add(a, i32x4_dot_i16x8(low, activations)), i32x4_add(b, i32x4_dot_i16x8(high, activations))]
    }

    #[inline(always)]
    unsafe fn join([a, b]: [v128; 2], [c, d]: [v128; 2]) -> [v128; 2] {
        [i32x4_add(a, c), i32x4_add(b, d)]
    }

    #[inline(always)]
    unsafe fn totals([a, b]: [v128; 2], to: *mut i32) {
        let totals = i32x4_add(i32x4_shuffle::<0, 2, 4, 6>(a, b), i32x4_shuffle::<1, 3, 5, 7>(a, b));
        // SAFETY: the caller says that four numbers can be written.
        unsafe { v128_store(to.cast(), totals) }
    }
}

/// Chromium since 114, Firefox since 145.
#[cfg(target_feature = "relaxed-simd")]
pub(super) struct Relaxed;

#[cfg(target_feature = "relaxed-simd")]
impl Lanes for Relaxed {
    const ROWS: usize = 4;
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
        // SAFETY: the caller says that 4 bytes can be read.
        unsafe { v128_load32_splat(from.cast()) }
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
    unsafe fn join(a: v128, b: v128) -> v128 {
        i32x4_add(a, b)
    }

    #[inline(always)]
    unsafe fn totals(sums: v128, to: *mut i32) {
        // SAFETY: the caller says that four numbers can be written.
        unsafe { v128_store(to.cast(), sums) }
    }
}

/// One row of activations: two groups of weights at once, or there would be too few sums to hide how long each addition takes
/// (70 instead of 55 billion products a second).
///
/// # Safety
/// The slices are as long as [`super::Products::multiply`] checks.
#[cfg(target_feature = "relaxed-simd")]
pub(super) unsafe fn multiply_row(quantized: &Quantized, weight: Matrix, bias: &[f32], out: &mut [f32]) {
    let whole = weight.n_rows() / 32 * 32;
    let (first, rest) = out.split_at_mut(whole);
    let [first_bias, rest_bias] = if bias.is_empty() { [bias; 2] } else { bias.split_at(whole).into() };
    // SAFETY: the caller's.
    unsafe {
        all::<Relaxed, 8, 32, 1, 1>(quantized, weight.part(0..whole), first_bias, first);
        all::<Relaxed, 4, 16, 1, 2>(quantized, weight.part(whole..weight.n_rows()), rest_bias, rest);
    }
}
