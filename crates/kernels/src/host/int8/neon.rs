//! 16 bytes at once on ARM.

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vaddq_s32, vdupq_n_s32, vget_low_s8, vld1q_dup_s32, vld1q_s8, vmull_high_s8, vmull_s8,
    vpadalq_s16, vpaddq_s32, vreinterpretq_s8_s32, vst1q_s32,
};

use super::lanes::Lanes;

/// Every 64-bit ARM.
pub(super) struct Neon;

impl Lanes for Neon {
    const ROWS: usize = 4;
    type Weights = int8x16_t;
    type Activations = int8x16_t;
    /// Two halves of the sums of two rows each.
    type Sums = [int32x4_t; 2];

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> int8x16_t {
        // SAFETY: the caller says that 16 bytes can be read.
        unsafe { vld1q_s8(from) }
    }

    #[inline(always)]
    unsafe fn activations(from: *const u8) -> int8x16_t {
        // Below 128, so that their sign is right.
        // SAFETY: the caller says that 4 bytes can be read.
        unsafe { vreinterpretq_s8_s32(vld1q_dup_s32(from.cast())) }
    }

    #[inline(always)]
    unsafe fn zero() -> [int32x4_t; 2] {
        // SAFETY: every 64-bit ARM has NEON, here and below.
        unsafe { [vdupq_n_s32(0); 2] }
    }

    #[inline(always)]
    unsafe fn add([a, b]: [int32x4_t; 2], weights: int8x16_t, activations: int8x16_t) -> [int32x4_t; 2] {
        // SAFETY: as above.
        unsafe {
            let low = vmull_s8(vget_low_s8(weights), vget_low_s8(activations));
            [vpadalq_s16(a, low), vpadalq_s16(b, vmull_high_s8(weights, activations))]
        }
    }

    #[inline(always)]
    unsafe fn join([a, b]: [int32x4_t; 2], [c, d]: [int32x4_t; 2]) -> [int32x4_t; 2] {
        // SAFETY: as above.
        unsafe { [vaddq_s32(a, c), vaddq_s32(b, d)] }
    }

    #[inline(always)]
    unsafe fn totals([a, b]: [int32x4_t; 2], to: *mut i32) {
        // SAFETY: the caller says that four numbers can be written.
        unsafe { vst1q_s32(to, vpaddq_s32(a, b)) }
    }
}
