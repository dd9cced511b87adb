//! Products of bf16 operands: several times as fast as f32 vectors on the tiles of AMX, which newer Intel servers have, and
//! twice as fast with the vectors' own instruction, which AMD's have too.
//!
//! Both operands are rounded to bf16 while they are laid out in panels (`panel.rs`); a kernel makes 32 x 32 sums of two panels,
//! on tiles (`tiles.rs`) or with vectors (`vectors.rs`).

use std::ops::Range;

use rayon::prelude::*;

use super::{loss, product::Matrix, sequence::block_sums, shared::Shared};
use panel::{PANEL, Side, pack, panel_words};

mod panel;
mod tiles;
mod vectors;

/// What one core works on at a time of a large product: rows of the left operand, and a part of the summed dimension. Both
/// together fit the second cache.
const ROWS: usize = 64;
const PART: usize = 512;

/// Whether this machine has instructions for products of bf16 operands.
pub fn is_available() -> bool {
    is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512bf16")
}

/// `out` `[rows, n]` from the panels of all its rows and columns, `words` each; added to what is there where `keep` says so.
fn multiply(out: &mut [f32], n: usize, left: &[u32], right: &[u32], words: usize, keep: bool) {
    assert!(is_available());
    let rows = out.len() / n;
    assert!(left.len() == rows.div_ceil(PANEL) * words && right.len() == n.div_ceil(PANEL) * words);
    let shaped = tiles::Shaped::new();
    let kernel = if shaped.is_some() { tiles::kernel } else { vectors::kernel };
    for (column, right) in (0..n).step_by(PANEL).zip(right.chunks_exact(words)) {
        for (row, left) in (0..rows).step_by(PANEL).zip(left.chunks_exact(words)) {
            let (height, width) = (PANEL.min(rows - row), PANEL.min(n - column));
            let out = &mut out[row * n + column..];
            if (height, width) == (PANEL, PANEL) {
                // SAFETY: 32 rows and columns are left, and the machine has what the kernel takes.
                unsafe { kernel(out.as_mut_ptr(), n, left, right, keep) };
                continue;
            }
            let mut sums = [0.0; PANEL * PANEL];
            // SAFETY: as above, and a place for 32 x 32 sums.
            unsafe { kernel(sums.as_mut_ptr(), PANEL, left, right, false) };
            for (line, sums) in out.chunks_mut(n).zip(sums.chunks_exact(PANEL)).take(height) {
                for (out, sum) in line[..width].iter_mut().zip(sums) {
                    *out = if keep { *out + sum } else { *sum };
                }
            }
        }
    }
}

/// All panels of the rows `outer` of `source`, or of its columns, one after another, with [`PANEL`] outer elements each.
fn pack_left(panels: &mut Vec<u32>, source: Matrix, outer: Range<usize>, depth: Range<usize>) {
    assert!(is_available());
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
        assert!(is_available());
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

        /// Every shape and layout, on machines with AVX512-BF16: others have nothing to test here.
        #[test]
        fn a_product_is_that_of_rounded_operands(
            [m, k, n] in [1..150_usize, 1..1100, 1..80],
            [is_left_turned, is_right_turned, keep] in any::<[bool; 3]>(),
        ) {
            if !is_available() {
                println!("skipped: no AVX512-BF16");
                return Ok(());
            }
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
            if !is_available() {
                println!("skipped: no AVX512-BF16");
                return Ok(());
            }
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
