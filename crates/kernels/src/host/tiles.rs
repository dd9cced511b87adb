//! Products of bf16 operands on the tiles of AMX, which newer Intel servers have: several times as fast as f32 vectors.
//!
//! A tile is 16 rows of 16 words, and a word holds two bf16 values that follow each other along the summed dimension. One
//! instruction multiplies a left tile of 16 rows by a right tile of 16 columns and adds the result to 16 x 16 floats. Both
//! operands are rounded to bf16 while they are laid out in panels of two tiles; the kernel makes 32 x 32 sums of two panels.

use std::{
    arch::{asm, x86_64::*},
    ops::Range,
    sync::LazyLock,
};

use rayon::prelude::*;

use super::{loss, product::Matrix, sequence::block_sums, shared::Shared};

/// Rows of a tile, and words of each.
const TILE: usize = 16;
const WORDS: usize = TILE * TILE;
/// Values along the summed dimension that a tile holds.
const DEPTH: usize = 2 * TILE;
/// Rows of the left operand, and columns of the right one, in a panel.
const PANEL: usize = 2 * TILE;
/// What one core works on at a time of a large product: rows of the left operand, and a part of the summed dimension. Both
/// together fit the second cache.
const ROWS: usize = 64;
const PART: usize = 512;

/// Whether this machine has the tiles and lets this process use them, which is asked for here.
pub fn are_available() -> bool {
    static ARE_AVAILABLE: LazyLock<bool> = LazyLock::new(|| {
        // Intel's manual, leaf 7: bits of `edx` that tell of the tiles and of bf16 in them.
        let leaf = __cpuid_count(7, 0);
        let has_tiles = [22, 24].into_iter().all(|bit| leaf.edx >> bit & 1 == 1);
        // Linux, arch_prctl(2): a process asks once before it may use the tiles' large state.
        const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_long = 18;
        // SAFETY: the call takes two numbers and touches no memory.
        let ask = || unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) } == 0;
        has_tiles && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512bf16") && ask()
    });
    *ARE_AVAILABLE
}

/// The shapes of the eight tiles: all have 16 rows of 64 bytes (Intel's manual, `LDTILECFG`).
#[repr(C, align(64))]
struct Shapes([u8; 64]);

const SHAPES: Shapes = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = 16;
        tile += 1;
    }
    Shapes(bytes)
};

/// Words of a panel that is `depth` values deep.
fn panel_words(depth: usize) -> usize {
    depth.div_ceil(DEPTH) * 2 * WORDS
}

/// Which operand a panel is of: a left tile has a row of words for each row, a right one a column for each column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Lays out a panel: `outer` says which rows of the left operand or columns of the right one, `depth` which part of the
/// summed dimension. `source` has the outer dimension first; one of its distances is 1. What is past the ends is zero.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn pack(panel: &mut [u32], source: Matrix, outer: Range<usize>, depth: Range<usize>, side: Side) {
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

/// The 32 x 32 sums of two panels at `out`, whose rows are `stride` apart: added to what is there where `keep` says so.
///
/// # Safety
/// `out` points to 32 such rows of 32 floats, and this thread's tiles have [`SHAPES`].
unsafe fn kernel(out: *mut f32, stride: usize, left: &[u32], right: &[u32], keep: bool) {
    let depth = left.len() / (2 * WORDS);
    assert!(depth > 0 && left.len() == right.len());
    // SAFETY: reads both panels whole, and what the caller promises of `out`. The compiler itself never uses a tile.
    unsafe {
        asm!(
            "test {keep}, {keep}",
            "jz 2f",
            "tileloadd tmm0, [{top} + {stride}]",
            "tileloadd tmm1, [{top} + {stride} + 64]",
            "tileloadd tmm2, [{bottom} + {stride}]",
            "tileloadd tmm3, [{bottom} + {stride} + 64]",
            "jmp 3f",
            "2:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "3:",
            "tileloadd tmm4, [{left} + {line}]",
            "tileloadd tmm6, [{right} + {line}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{right} + {line} + 1024]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{left} + {line} + 1024]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {left}, 2048",
            "add {right}, 2048",
            "dec {depth}",
            "jnz 3b",
            "tilestored [{top} + {stride}], tmm0",
            "tilestored [{top} + {stride} + 64], tmm1",
            "tilestored [{bottom} + {stride}], tmm2",
            "tilestored [{bottom} + {stride} + 64], tmm3",
            keep = in(reg) usize::from(keep),
            top = in(reg) out,
            bottom = in(reg) out.add(TILE * stride),
            stride = in(reg) 4 * stride,
            left = inout(reg) left.as_ptr() => _,
            right = inout(reg) right.as_ptr() => _,
            line = in(reg) 4 * TILE,
            depth = inout(reg) depth => _,
            options(nostack),
        );
    }
}

/// `out` `[rows, n]` from the panels of all its rows and columns, `words` each; added to what is there where `keep` says so.
fn multiply(out: &mut [f32], n: usize, left: &[u32], right: &[u32], words: usize, keep: bool) {
    assert!(are_available());
    let rows = out.len() / n;
    assert!(left.len() == rows.div_ceil(PANEL) * words && right.len() == n.div_ceil(PANEL) * words);
    // SAFETY: the machine has tiles by the first assertion.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &SHAPES, options(nostack)) };
    for (column, right) in (0..n).step_by(PANEL).zip(right.chunks_exact(words)) {
        for (row, left) in (0..rows).step_by(PANEL).zip(left.chunks_exact(words)) {
            let (height, width) = (PANEL.min(rows - row), PANEL.min(n - column));
            let out = &mut out[row * n + column..];
            if (height, width) == (PANEL, PANEL) {
                // SAFETY: 32 rows and columns are left, and the tiles have their shapes.
                unsafe { kernel(out.as_mut_ptr(), n, left, right, keep) };
                continue;
            }
            let mut sums = [0.0; PANEL * PANEL];
            // SAFETY: a place for 32 x 32 sums.
            unsafe { kernel(sums.as_mut_ptr(), PANEL, left, right, false) };
            for (line, sums) in out.chunks_mut(n).zip(sums.chunks_exact(PANEL)).take(height) {
                for (out, sum) in line[..width].iter_mut().zip(sums) {
                    *out = if keep { *out + sum } else { *sum };
                }
            }
        }
    }
    // SAFETY: as the first.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

/// All panels of the rows `outer` of `source`, or of its columns, one after another, with [`PANEL`] outer elements each.
fn pack_left(panels: &mut Vec<u32>, source: Matrix, outer: Range<usize>, depth: Range<usize>) {
    assert!(are_available());
    let words = panel_words(depth.len());
    panels.resize(outer.len().div_ceil(PANEL) * words, 0);
    for (start, panel) in outer.clone().step_by(PANEL).zip(panels.chunks_exact_mut(words)) {
        // SAFETY: what it needs is there by the assertion.
        unsafe { pack(panel, source, start..(start + PANEL).min(outer.end), depth.clone(), Side::Left) };
    }
}

/// The right-hand side of products, `[k, n]`, laid out on all cores.
pub struct Packed {
    panels: Vec<u32>,
    k: usize,
    n: usize,
}

impl Packed {
    /// A part of the rows of `source`.
    pub fn new(source: Matrix, rows: Range<usize>, n: usize) -> Self {
        assert!(are_available());
        let Matrix(values, row_stride, col_stride) = source;
        let (k, words) = (rows.len(), panel_words(rows.len()));
        let mut panels = vec![0; n.div_ceil(PANEL) * words];
        panels.par_chunks_exact_mut(words.max(1)).enumerate().for_each(|(index, panel)| {
            let columns = index * PANEL..((index + 1) * PANEL).min(n);
            // SAFETY: what it needs is there by the assertion.
            unsafe { pack(panel, Matrix(values, col_stride, row_stride), columns, rows.clone(), Side::Right) };
        });
        Self { panels, k, n }
    }

    /// `out += lhs * self`, `out` `[m, n]` contiguous, `lhs` `[m, k]` with `stride` between its rows; on this core.
    pub fn accumulate(&self, out: &mut [f32], m: usize, lhs: &[f32], stride: usize) {
        if m == 0 || self.n == 0 || self.k == 0 {
            return;
        }
        let mut left = Vec::new();
        pack_left(&mut left, Matrix(lhs, stride, 1), 0..m, 0..self.k);
        multiply(&mut out[..m * self.n], self.n, &left, &self.panels, panel_words(self.k), true);
    }
}

/// `out = lhs * rhs`, on all cores, or `out += lhs * rhs` with `keep`; see [`super::product::product`].
pub fn product(out: &mut [f32], [m, k, n]: [usize; 3], lhs: Matrix, rhs: Matrix, keep: bool) {
    if k == 0 && !keep {
        out[..m * n].fill(0.0);
    }
    if m == 0 || n == 0 {
        return;
    }
    for start in (0..k).step_by(PART) {
        let depth = start..(start + PART).min(k);
        let right = Packed::new(rhs, depth.clone(), n);
        out[..m * n].par_chunks_mut(ROWS * n).enumerate().for_each_init(Vec::new, |left, (block, out)| {
            let first = block * ROWS;
            pack_left(left, lhs, first..first + out.len() / n, depth.clone());
            multiply(out, n, left, &right.panels, panel_words(depth.len()), keep || start > 0);
        });
    }
}

/// Losses of an output layer and the gradients of the smoothed one; see [`crate::OutputLoss`].
pub struct OutputGradients {
    pub sums: [f32; 2],
    pub x: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// The output layer and its loss in one pass: some tokens at a time, so that their logits stay in the cache. `x`
/// `[tokens, d]`, `weight` `[vocab, d]`, `bias` `[vocab]`; tokens without a weight cost nothing.
pub fn output_loss(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    (targets, token_weights): (&[i32], &[f32]),
    smoothing: f32,
) -> OutputGradients {
    const TOKENS: usize = 64;
    let (vocab, d) = (bias.len(), weight.len() / bias.len());
    let live: Vec<usize> = (0..targets.len()).filter(|&token| token_weights[token] != 0.0).collect();
    let tokens = live.len();
    let entering: Vec<f32> = live.iter().flat_map(|&token| &x[token * d..(token + 1) * d]).copied().collect();
    let forward = Packed::new(Matrix(weight, 1, d), 0..d, vocab);
    let through = Packed::new(Matrix(weight, d, 1), 0..vocab, d);
    // The logits' gradient as the left operand of the weight's: panels of rows, and in each piece by piece the tokens.
    let words = panel_words(tokens);
    let mut left = vec![0u32; vocab.div_ceil(PANEL) * words];
    let shared = Shared::new(&mut left);
    let mut leaving = vec![0.0; tokens * d];
    let sums: Vec<([f64; 2], Vec<f32>)> = leaving
        .par_chunks_mut((TOKENS * d).max(1))
        .enumerate()
        .map_init(Default::default, |(logits, panels): &mut (Vec<f32>, Vec<u32>), (chunk, leaving)| {
            let first = chunk * TOKENS;
            let n = leaving.len() / d;
            logits.clear();
            (0..n).for_each(|_| logits.extend_from_slice(bias));
            pack_left(panels, Matrix(&entering, d, 1), first..first + n, 0..d);
            multiply(logits, vocab, panels, &forward.panels, panel_words(d), true);
            let mut sums = [0.0; 2];
            for (row, &token) in logits.chunks_exact_mut(vocab).zip(&live[first..]) {
                let row = loss::row_loss(row, targets[token] as usize, token_weights[token], smoothing);
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            pack_left(panels, Matrix(logits, vocab, 1), 0..n, 0..vocab);
            multiply(leaving, d, panels, &through.panels, panel_words(vocab), false);
            for (panel, start) in (0..vocab).step_by(PANEL).enumerate() {
                // SAFETY: `left` outlives the loop, and each chunk has its own part of each panel.
                let part = unsafe { shared.get(panel * words + panel_words(first), panel_words(n)) };
                let rows = start..(start + PANEL).min(vocab);
                // SAFETY: what it needs is there, or `multiply` had refused.
                unsafe { pack(part, Matrix(logits, 1, vocab), rows, 0..n, Side::Left) };
            }
            (sums, block_sums(logits, vocab))
        })
        .collect();
    let mut d_weight = vec![0.0; vocab * d];
    if tokens > 0 {
        let right = Packed::new(Matrix(&entering, d, 1), 0..tokens, d);
        d_weight
            .par_chunks_mut(PANEL * d)
            .zip(left.par_chunks_exact(words))
            .for_each(|(out, left)| multiply(out, d, left, &right.panels, words, false));
    }
    let mut d_x = vec![0.0; x.len()];
    for (&token, row) in live.iter().zip(leaving.chunks_exact(d)) {
        d_x[token * d..(token + 1) * d].copy_from_slice(row);
    }
    // Summed in order, so that the result does not depend on the number of cores.
    let (mut total, mut d_bias) = ([0.0; 2], vec![0.0; vocab]);
    for (sums, columns) in sums {
        total.iter_mut().zip(sums).for_each(|(total, x)| *total += x);
        d_bias.iter_mut().zip(columns).for_each(|(sum, x)| *sum += x);
    }
    OutputGradients { sums: total.map(|x| x as f32), x: d_x, weight: d_weight, bias: d_bias }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rounded(x: f32) -> f32 {
        let bits = x.to_bits();
        f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
    }

    /// From -1 to 1, with more bits than bf16 keeps.
    fn values(seed: usize, len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 + seed * 31) % 1009) as f32 / 504.0 - 1.0).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Every shape and layout, on machines with tiles: others have nothing to test here.
        #[test]
        fn a_product_is_that_of_rounded_operands(
            [m, k, n] in [1..150_usize, 1..1100, 1..80],
            [is_left_turned, is_right_turned, keep] in any::<[bool; 3]>(),
        ) {
            prop_assume!(are_available());
            let (lhs, rhs) = (values(1, m * k), values(2, k * n));
            let left = if is_left_turned { Matrix(&lhs, 1, m) } else { Matrix(&lhs, k, 1) };
            let right = if is_right_turned { Matrix(&rhs, 1, k) } else { Matrix(&rhs, n, 1) };
            let mut wanted = vec![if keep { 1.0 } else { 0.0 }; m * n];
            for (at, out) in wanted.iter_mut().enumerate() {
                let (i, j) = (at / n, at % n);
                *out += (0..k)
                    .map(|p| rounded(left.0[i * left.1 + p * left.2]) * rounded(right.0[p * right.1 + j * right.2]))
                    .sum::<f32>();
            }
            let is_near = |found: &[f32]| found.iter().zip(&wanted).all(|(x, y)| (x - y).abs() < 2e-3);
            let mut out = vec![1.0; m * n];
            product(&mut out, [m, k, n], left, right, keep);
            prop_assert!(is_near(&out));
            if keep && !is_left_turned {
                let mut out = vec![1.0; m * n];
                Packed::new(right, 0..k, n).accumulate(&mut out, m, &lhs, k);
                prop_assert!(is_near(&out));
            }
        }

        /// The output layer in one pass against the same in steps, some of its tokens padding.
        #[test]
        fn an_output_layer_is_that_of_its_steps([tokens, d, vocab] in [1..200_usize, 1..40, 2..100], smoothing in 0.0..0.3_f32) {
            prop_assume!(are_available());
            let (x, weight, bias) = (values(3, tokens * d), values(4, vocab * d), values(5, vocab));
            let targets: Vec<i32> = (0..tokens).map(|token| (token * 13 % vocab) as i32).collect();
            let token_weights: Vec<f32> = (0..tokens).map(|token| if token % 5 == 3 { 0.0 } else { 1.0 }).collect();
            let found = output_loss(&x, &weight, &bias, (&targets, &token_weights), smoothing);

            let mut logits: Vec<f32> = (0..tokens).flat_map(|_| bias.iter().copied()).collect();
            product(&mut logits, [tokens, d, vocab], Matrix(&x, d, 1), Matrix(&weight, 1, d), true);
            let sums = loss::cross_entropy(&mut logits, &targets, &token_weights, smoothing);
            let (mut d_x, mut d_weight) = (vec![0.0; tokens * d], vec![0.0; vocab * d]);
            product(&mut d_x, [tokens, vocab, d], Matrix(&logits, vocab, 1), Matrix(&weight, d, 1), false);
            product(&mut d_weight, [vocab, tokens, d], Matrix(&logits, 1, vocab), Matrix(&x, d, 1), false);
            let is_near = |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-3);
            prop_assert!(sums.iter().zip(found.sums).all(|(x, y)| (x - y).abs() <= 1e-5 * x.abs()));
            prop_assert!(is_near(&found.x, &d_x) && is_near(&found.weight, &d_weight));
            prop_assert!(is_near(&found.bias, &super::super::sequence::column_sums(&logits, vocab)));
        }
    }
}
