//! Operands as the bf16 kernels want them.
//!
//! A tile is 16 rows of 16 words, and a word holds two bf16 values that follow each other along the summed dimension. A panel
//! is two tiles side by side, and as many such pairs one after another as the summed dimension needs.

use std::{arch::x86_64::*, ops::Range};

use super::Matrix;

/// Rows of a tile, and words of each.
pub const TILE: usize = 16;
pub const WORDS: usize = TILE * TILE;
/// Values along the summed dimension that a tile holds.
const DEPTH: usize = 2 * TILE;
/// Rows of the left operand, and columns of the right one, in a panel.
pub const PANEL: usize = 2 * TILE;

/// Words of a panel that is `depth` values deep.
pub fn panel_words(depth: usize) -> usize {
    depth.div_ceil(DEPTH) * 2 * WORDS
}

/// Which operand a panel is of: a left tile has a row of words for each row, a right one a column for each column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

/// Lays out a panel: `outer` says which rows of the left operand or columns of the right one, `depth` which part of the
/// summed dimension. `source` has the outer dimension first; one of its distances is 1. What is past the ends is zero.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub fn pack(panel: &mut [u32], source: Matrix, outer: Range<usize>, depth: Range<usize>, side: Side) {
    let Matrix(values, outer_stride, stride) = source;
    let is_deep = stride == 1;
    assert!(is_deep || outer_stride == 1);
    assert!(!outer.is_empty() && !depth.is_empty() && panel.len() == panel_words(depth.len()));
    assert!((outer.end - 1) * outer_stride + (depth.end - 1) * stride < values.len());
    for (index, tile) in panel.chunks_exact_mut(WORDS).enumerate() {
        let (from, start) = (depth.start + index / 2 * DEPTH, outer.start + index % 2 * TILE);
        let (deep, wide) = ((depth.end - from).min(DEPTH), outer.end.saturating_sub(start).min(TILE));
        let mut rows = [_mm512_setzero_si512(); TILE];
        if is_deep {
            for (o, row) in rows[..wide].iter_mut().enumerate() {
                // SAFETY: row `start + o` holds `deep` values from `from`, as asserted; no others are read.
                let [low, high] = [0, TILE].map(|skipped| unsafe {
                    let at = values.as_ptr().add((start + o) * outer_stride + from).wrapping_add(skipped);
                    _mm512_maskz_loadu_ps(lanes(deep.saturating_sub(skipped)), at)
                });
                // SAFETY: both are 512 bits without a meaning of their own.
                *row = unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)) };
            }
        } else if wide > 0 {
            for (pair, row) in rows[..deep.div_ceil(2)].iter_mut().enumerate() {
                let [even, odd] = [2 * pair, 2 * pair + 1].map(|k| {
                    let mask = if k < deep { lanes(wide) } else { 0 };
                    let at = values.as_ptr().wrapping_add((from + k) * stride + start);
                    // The same line in the next panel: rows lie too far apart for the processor to see it coming.
                    _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(PANEL).cast());
                    // SAFETY: as above with the dimensions exchanged; with an empty mask nothing is read.
                    let line = unsafe { _mm512_maskz_loadu_ps(mask, at) };
                    // SAFETY: both are 256 bits without a meaning of their own.
                    _mm512_cvtepu16_epi32(unsafe { std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(line)) })
                });
                *row = _mm512_or_si512(even, _mm512_slli_epi32::<16>(odd));
            }
        }
        if is_deep == (side == Side::Right) {
            rows = transposed(rows);
        }
        for (words, row) in tile.chunks_exact_mut(TILE).zip(rows) {
            // SAFETY: 16 words.
            unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), row) };
        }
    }
}

/// A mask of the first `n` lanes of 16.
fn lanes(n: usize) -> u16 {
    if n >= TILE { u16::MAX } else { (1 << n) - 1 }
}

#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512i; TILE]) -> [__m512i; TILE] {
    let mut pairs = rows;
    for i in 0..TILE / 2 {
        pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    // Vector `4 * i + j` holds, in its fourths `l`, rows `4 * i..4 * i + 4` of column `4 * l + j`.
    let mut fours = rows;
    for i in 0..TILE / 4 {
        for j in 0..2 {
            let (first, second) = (pairs[4 * i + j], pairs[4 * i + 2 + j]);
            fours[4 * i + 2 * j] = _mm512_unpacklo_epi64(first, second);
            fours[4 * i + 2 * j + 1] = _mm512_unpackhi_epi64(first, second);
        }
    }
    let mut columns = rows;
    for j in 0..TILE / 4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|i| fours[i + j]);
        let [even_low, even_high] = [(a, b), (c, d)].map(|(x, y)| _mm512_shuffle_i32x4::<0b10_00_10_00>(x, y));
        let [odd_low, odd_high] = [(a, b), (c, d)].map(|(x, y)| _mm512_shuffle_i32x4::<0b11_01_11_01>(x, y));
        columns[j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(even_low, even_high);
        columns[4 + j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(odd_low, odd_high);
        columns[8 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(even_low, even_high);
        columns[12 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(odd_low, odd_high);
    }
    columns
}
