//! 32 and 64 bytes at once on x86.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_add_epi32, _mm_storeu_si128, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_set1_epi16, _mm256_setzero_si256, _mm512_castsi512_si256, _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64,
    _mm512_loadu_si512, _mm512_setzero_si512,
};

use super::Quantized;
use super::lanes::Lanes;
use super::tile::all;

struct Avx2;

impl Lanes for Avx2 {
    const WIDTH: usize = 32;
    type Weights = __m256i;
    type Activations = __m256i;
    type Sums = __m256i;

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> __m256i {
        // SAFETY: the caller says that 32 bytes can be read.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn activations(from: *const u8) -> __m256i {
        // SAFETY: the caller says that 32 bytes can be read.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: the caller says that the machine has AVX2, here and below.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn add(sums: __m256i, weights: __m256i, activations: __m256i) -> __m256i {
        // Two products of at most 127 * 127 do not saturate 16 bits.
        // SAFETY: as above.
        unsafe {
            let pairs = _mm256_maddubs_epi16(activations, weights);
            _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }

    #[inline(always)]
    unsafe fn totals(sums: [__m256i; 4]) -> [i32; 4] {
        // SAFETY: as above.
        unsafe { totals(sums) }
    }
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn totals([a, b, c, d]: [__m256i; 4]) -> [i32; 4] {
    // SAFETY: the caller's; 16 bytes are written into 16.
    unsafe {
        let halves = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
        let sums = _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves));
        let mut totals = [0; 4];
        _mm_storeu_si128(totals.as_mut_ptr().cast(), sums);
        totals
    }
}

struct Avx512Vnni;

impl Lanes for Avx512Vnni {
    const WIDTH: usize = 64;
    type Weights = __m512i;
    type Activations = __m512i;
    type Sums = __m512i;

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> __m512i {
        // SAFETY: the caller says that 64 bytes can be read.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn activations(from: *const u8) -> __m512i {
        // SAFETY: the caller says that 64 bytes can be read.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: the caller says that the machine has AVX-512 with VNNI, here and below.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn add(sums: __m512i, weights: __m512i, activations: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_dpbusd_epi32(sums, activations, weights) }
    }

    #[inline(always)]
    unsafe fn totals(sums: [__m512i; 4]) -> [i32; 4] {
        // SAFETY: as above; a machine with AVX-512 has AVX2.
        unsafe {
            let [a, b, c, d] = sums;
            totals([folded(a), folded(b), folded(c), folded(d)])
        }
    }
}

/// # Safety
/// The machine has AVX-512.
#[inline(always)]
unsafe fn folded(sums: __m512i) -> __m256i {
    // SAFETY: the caller's.
    unsafe { _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64::<1>(sums)) }
}

/// # Safety
/// The machine has AVX2; the slices are as long as [`super::Products::sums`] checks.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn sums_avx2(quantized: &Quantized, weight: &[i8], cols: usize, sums: &mut [i32]) {
    // SAFETY: the caller's.
    unsafe { all::<Avx2>(quantized, weight, cols, sums) }
}

/// # Safety
/// The machine has AVX-512 with VNNI; the slices are as long as [`super::Products::sums`] checks.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) unsafe fn sums_avx512_vnni(quantized: &Quantized, weight: &[i8], cols: usize, sums: &mut [i32]) {
    // SAFETY: the caller's.
    unsafe { all::<Avx512Vnni>(quantized, weight, cols, sums) }
}
