//! 32 and 64 bytes at once on x86.

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi32, _mm256_dpbusd_avx_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
    _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::lanes::Lanes;
use super::tile::all;
use super::{Matrix, Quantized};

/// Lanes of one instruction set: its name, its vector and the rows that this holds, and its instructions.
macro_rules! lanes {
    ($name:ident, $vector:ty, $rows:literal, $load:ident, $splat:ident, $zero:ident, $join:ident, $store:ident, $add:expr) => {
        struct $name;

        // SAFETY of all: the caller says that the machine has the instructions and that the memory is there.
        impl Lanes for $name {
            const ROWS: usize = $rows;
            type Weights = $vector;
            type Activations = $vector;
            type Sums = $vector;

            #[inline(always)]
            unsafe fn weights(from: *const i8) -> $vector {
                unsafe { $load(from.cast()) }
            }

            #[inline(always)]
            unsafe fn activations(from: *const u8) -> $vector {
                unsafe { $splat(from.cast::<i32>().read_unaligned()) }
            }

            #[inline(always)]
            unsafe fn zero() -> $vector {
                unsafe { $zero() }
            }

            #[inline(always)]
            unsafe fn add(sums: $vector, weights: $vector, activations: $vector) -> $vector {
                unsafe { $add(sums, weights, activations) }
            }

            #[inline(always)]
            unsafe fn join(a: $vector, b: $vector) -> $vector {
                unsafe { $join(a, b) }
            }

            #[inline(always)]
            unsafe fn totals(sums: $vector, to: *mut i32) {
                unsafe { $store(to.cast(), sums) }
            }
        }
    };
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn add_avx2(sums: __m256i, weights: __m256i, activations: __m256i) -> __m256i {
    // Two products of at most 127 * 127 do not saturate 16 bits.
    // SAFETY: the caller's.
    unsafe {
        let pairs = _mm256_maddubs_epi16(activations, weights);
        _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }
}

/// # Safety
/// The machine has AVX-VNNI.
#[inline(always)]
unsafe fn add_avx_vnni(sums: __m256i, weights: __m256i, activations: __m256i) -> __m256i {
    // SAFETY: the caller's.
    unsafe { _mm256_dpbusd_avx_epi32(sums, activations, weights) }
}

/// # Safety
/// The machine has AVX-512 with VNNI.
#[inline(always)]
unsafe fn add_avx512_vnni(sums: __m512i, weights: __m512i, activations: __m512i) -> __m512i {
    // SAFETY: the caller's.
    unsafe { _mm512_dpbusd_epi32(sums, activations, weights) }
}

/// Lanes of 256 bits that differ in how they multiply.
macro_rules! lanes_256 {
    ($name:ident, $add:expr) => {
        lanes!(
            $name,
            __m256i,
            8,
            _mm256_loadu_si256,
            _mm256_set1_epi32,
            _mm256_setzero_si256,
            _mm256_add_epi32,
            _mm256_storeu_si256,
            $add
        );
    };
}

lanes_256!(Avx2, add_avx2);
lanes_256!(AvxVnni, add_avx_vnni);
lanes!(
    Avx512Vnni,
    __m512i,
    16,
    _mm512_loadu_si512,
    _mm512_set1_epi32,
    _mm512_setzero_si512,
    _mm512_add_epi32,
    _mm512_storeu_si512,
    add_avx512_vnni
);

/// # Safety
/// The machine has AVX2; the slices are as long as [`super::Products::multiply`] checks.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn multiply_avx2(quantized: &Quantized, weight: Matrix, bias: &[f32], out: &mut [f32]) {
    // SAFETY: the caller's.
    unsafe { all::<Avx2, 2, 16, 4, 4>(quantized, weight, bias, out) }
}

/// # Safety
/// The machine has AVX2 and AVX-VNNI; the slices are as long as [`super::Products::multiply`] checks.
#[target_feature(enable = "avx2,avxvnni")]
pub(super) unsafe fn multiply_avx_vnni(quantized: &Quantized, weight: Matrix, bias: &[f32], out: &mut [f32]) {
    // SAFETY: the caller's.
    unsafe { all::<AvxVnni, 2, 16, 4, 4>(quantized, weight, bias, out) }
}

/// # Safety
/// The machine has AVX-512 with VNNI; the slices are as long as [`super::Products::multiply`] checks.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) unsafe fn multiply_avx512_vnni(quantized: &Quantized, weight: Matrix, bias: &[f32], out: &mut [f32]) {
    // SAFETY: the caller's.
    unsafe { all::<Avx512Vnni, 1, 16, 8, 4>(quantized, weight, bias, out) }
}
