//! 16 bytes at once on ARM.

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vaddvq_s32, vdupq_n_s32, vget_low_s8, vld1q_s8, vmlal_high_s8, vmull_s8, vpadalq_s16,
};

use super::lanes::Lanes;

/// Every 64-bit ARM.
pub(super) struct Neon;

impl Lanes for Neon {
    const WIDTH: usize = 16;
    type Weights = int8x16_t;
    type Activations = int8x16_t;
    type Sums = int32x4_t;

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> int8x16_t {
        // SAFETY: the caller says that 16 bytes can be read.
        unsafe { vld1q_s8(from) }
    }

    #[inline(always)]
    unsafe fn activations(from: *const u8) -> int8x16_t {
        // Below 128, so that their sign is right.
        // SAFETY: the caller says that 16 bytes can be read.
        unsafe { vld1q_s8(from.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> int32x4_t {
        // SAFETY: every 64-bit ARM has NEON, here and below.
        unsafe { vdupq_n_s32(0) }
    }

    #[inline(always)]
    unsafe fn add(sums: int32x4_t, weights: int8x16_t, activations: int8x16_t) -> int32x4_t {
        // Two products of at most 127 * 127 fit 16 bits.
        // SAFETY: as above.
        unsafe {
            let low = vmull_s8(vget_low_s8(weights), vget_low_s8(activations));
            vpadalq_s16(sums, vmlal_high_s8(low, weights, activations))
        }
    }

    #[inline(always)]
    unsafe fn totals(sums: [int32x4_t; 4]) -> [i32; 4] {
        // SAFETY: as above.
        sums.map(|sums| unsafe { vaddvq_s32(sums) })
    }
}
