//! Top-k of each row by a short list: most values fail one comparison.

use std::cmp::Ordering;

use super::{int8, math::exp};

/// Values that are compared with the list at once.
const BLOCK: usize = 16;
/// Columns of a row that are seen together.
const COLUMNS: usize = 256;
/// Rows that are looked at closely after a preview, at least.
const CANDIDATES: usize = 32;
/// Sums that run side by side, which the compiler cannot do of itself.
const WIDE: usize = 8;

/// Values and columns of the `k` largest of each row of `cols` values, best first; ties keep the lower column.
pub fn top_k(x: &[f32], cols: usize, k: usize) -> (Vec<f32>, Vec<i32>) {
    let rows = x.len().checked_div(cols).unwrap_or(0);
    let (mut values, mut indices) = (Vec::with_capacity(rows * k), Vec::with_capacity(rows * k));
    for row in x.chunks_exact(cols.max(1)) {
        let mut best = Best::new(k);
        best.see(0, row);
        let best = best.sorted();
        values.extend(best.iter().map(|&(value, _)| value));
        indices.extend(best.iter().map(|&(_, column)| column));
    }
    (values, indices)
}

/// Log-probabilities and columns of the `k` most probable columns of each row of `logits`, best first; ties keep the lower
/// column. Probabilities are the softmax of the row plus `bias`.
#[cfg_attr(
    feature = "flex",
    multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))
)]
pub fn most_probable(logits: &[f32], bias: &[f32], k: usize) -> (Vec<f32>, Vec<i32>) {
    let n_rows = logits.len().checked_div(bias.len()).unwrap_or(0);
    let mut rankings = vec![Ranking::new(k); n_rows];
    let mut biased = [0.0; COLUMNS];
    for (ranking, logits) in rankings.iter_mut().zip(logits.chunks_exact(bias.len().max(1))) {
        for (part, (logits, bias)) in logits.chunks(COLUMNS).zip(bias.chunks(COLUMNS)).enumerate() {
            for ((x, logit), bias) in biased.iter_mut().zip(logits).zip(bias) {
                *x = logit + bias;
            }
            ranking.see(part * COLUMNS, &biased[..bias.len()]);
        }
    }
    Ranking::finish(rankings)
}

/// As [`most_probable`] where the logits are `x` `[rows, cols]` times the transposed `weight`, without writing them all out. With
/// a preview, a shorter `x` and `weight`, only the logits that it finds high are computed.
pub fn most_probable_product(
    x: &[f32],
    weight: int8::Matrix,
    preview: Option<(&[f32], int8::Matrix)>,
    bias: &[f32],
    k: usize,
) -> (Vec<f32>, Vec<i32>) {
    let quantized = int8::Quantized::new(x, weight.cols);
    Ranking::finish(match preview {
        None => ranked(&quantized, weight, bias, k),
        Some((x, table)) => {
            let rankings = ranked(&int8::Quantized::new(x, table.cols), table, bias, CANDIDATES.max(4 * k));
            let rows = rankings.into_iter().enumerate();
            rows.map(|(row, ranking)| ranking.refined(&quantized.row(row), weight, bias, k)).collect()
        }
    })
}

/// Rankings of the `k` largest logits of each row.
fn ranked(x: &int8::Quantized, weight: int8::Matrix, bias: &[f32], k: usize) -> Vec<Ranking> {
    let mut rankings = vec![Ranking::new(k); x.n_rows()];
    let mut logits = vec![0.0; x.n_rows() * COLUMNS];
    let products = int8::Products::best();
    for start in (0..weight.n_rows()).step_by(COLUMNS) {
        let columns = start..(start + COLUMNS).min(weight.n_rows());
        let logits = &mut logits[..x.n_rows() * columns.len()];
        products.multiply(x, weight.part(columns.clone()), &bias[columns.clone()], logits);
        see_all(&mut rankings, start, logits, columns.len());
    }
    rankings
}

#[cfg_attr(
    feature = "flex",
    multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))
)]
fn see_all(rankings: &mut [Ranking], first: usize, logits: &[f32], n_columns: usize) {
    for (ranking, logits) in rankings.iter_mut().zip(logits.chunks_exact(n_columns)) {
        ranking.see(first, logits);
    }
}

/// A row that is seen part by part, from left to right.
#[derive(Clone)]
struct Ranking {
    best: Best,
    /// The largest value so far.
    highest: f32,
    /// The sum of `e^(x - highest)` so far.
    sum: f32,
}

impl Ranking {
    fn new(k: usize) -> Self {
        Self { best: Best::new(k), highest: f32::NEG_INFINITY, sum: 0.0 }
    }

    #[inline(always)]
    fn see(&mut self, first: usize, values: &[f32]) {
        let highest = maximum(values);
        if self.best.wants(highest) {
            self.best.see(first, values);
        }
        if highest > self.highest {
            self.sum *= exp(self.highest - highest);
            self.highest = highest;
        }
        self.sum += sum_exp(values, self.highest);
    }

    /// The same with the logits of its best as they are rather than as the preview had them, and `k` of them.
    fn refined(mut self, x: &int8::Quantized, weight: int8::Matrix, bias: &[f32], k: usize) -> Self {
        let group = |column: i32| column as usize / int8::GROUP;
        let products = int8::Products::best();
        self.best.cut();
        let mut candidates = self.best.kept;
        let sum = |values: &[(f32, i32)], highest: f32| values.iter().map(|&(x, _)| exp(x - highest)).sum::<f32>();
        let others = (self.sum - sum(&candidates, self.highest)).max(0.0);
        candidates.sort_unstable_by_key(|&(_, column)| column);
        let mut logits = [0.0; int8::GROUP];
        for candidates in candidates.chunk_by_mut(|(_, a), (_, b)| group(*a) == group(*b)) {
            let first = group(candidates[0].1) * int8::GROUP;
            let rows = first..(first + int8::GROUP).min(weight.n_rows());
            products.multiply(x, weight.part(rows.clone()), &bias[rows.clone()], &mut logits[..rows.len()]);
            candidates.iter_mut().for_each(|(value, column)| *value = logits[*column as usize - first]);
        }
        let highest = candidates.iter().fold(f32::NEG_INFINITY, |highest, &(value, _)| highest.max(value));
        let sum = others * exp(self.highest - highest) + sum(&candidates, highest);
        Self { best: Best { k, kept: candidates, bound: f32::NEG_INFINITY }, highest, sum }
    }

    fn finish(rankings: Vec<Self>) -> (Vec<f32>, Vec<i32>) {
        let n = rankings.iter().map(|ranking| ranking.best.k).sum();
        let (mut values, mut indices) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for Self { best, highest, sum } in rankings {
            let log_sum = sum.ln() + highest;
            for (value, column) in best.sorted() {
                values.push(value - log_sum);
                indices.push(column);
            }
        }
        (values, indices)
    }
}

#[inline(always)]
fn maximum(values: &[f32]) -> f32 {
    let mut highest = [f32::NEG_INFINITY; WIDE];
    let chunks = values.chunks_exact(WIDE);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (highest, &x) in highest.iter_mut().zip(chunk) {
            *highest = if x > *highest { x } else { *highest };
        }
    }
    highest.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, f32::max)
}

/// The sum of `e^(x - highest)`, where no `x` is above `highest`.
#[inline(always)]
fn sum_exp(row: &[f32], highest: f32) -> f32 {
    let mut sums = [0.0f32; WIDE];
    let chunks = row.chunks_exact(WIDE);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += exp(x - highest);
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += exp(x - highest);
    }
    sums.into_iter().sum()
}

/// The `k` largest values of a row that is seen part by part, with their columns; ties keep the lower column.
#[derive(Clone)]
struct Best {
    k: usize,
    /// In no order, and some more than `k`: a sorted list would be moved at every insertion.
    kept: Vec<(f32, i32)>,
    /// What a value must be above, once there are `k`.
    bound: f32,
}

impl Best {
    fn new(k: usize) -> Self {
        Self { k, kept: Vec::with_capacity(2 * k + 1), bound: f32::NEG_INFINITY }
    }

    /// Whether a part whose largest value is `highest` has one to keep.
    #[inline(always)]
    fn wants(&self, highest: f32) -> bool {
        self.kept.len() < self.k || highest > self.bound
    }

    #[inline(always)]
    fn see(&mut self, first: usize, values: &[f32]) {
        for (block, values) in values.chunks(BLOCK).enumerate() {
            if self.kept.len() >= self.k && !exceeds(values, self.bound) {
                continue;
            }
            for (column, &value) in (first + block * BLOCK..).zip(values) {
                if self.wants(value) {
                    self.kept.push((value, column as i32));
                    if self.kept.len() > 2 * self.k {
                        self.cut();
                    }
                }
            }
        }
    }

    /// Only the `k` largest stay.
    fn cut(&mut self) {
        if self.k > 0 && self.kept.len() > self.k {
            self.kept.select_nth_unstable_by(self.k - 1, by_rank);
            self.bound = self.kept[self.k - 1].0;
        }
        self.kept.truncate(self.k);
    }

    /// Best first.
    fn sorted(mut self) -> Vec<(f32, i32)> {
        self.cut();
        self.kept.sort_unstable_by(by_rank);
        self.kept
    }
}

fn by_rank(a: &(f32, i32), b: &(f32, i32)) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// Whether a value is above `bound`.
#[inline(always)]
fn exceeds(values: &[f32], bound: f32) -> bool {
    values.iter().fold(false, |found, &value| found | (value > bound))
}
