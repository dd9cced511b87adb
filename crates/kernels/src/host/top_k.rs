//! Top-k of each row by a short sorted list: most values fail one comparison.

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
    let mut best: Vec<(f32, i32)> = Vec::with_capacity(k + 1);
    for row in x.chunks_exact(cols.max(1)) {
        best.clear();
        largest(row, 0, k, &mut best);
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

/// As [`most_probable`] where the logits are `x` `[rows, cols]` times the transposed `weight`, without writing them all out.
pub fn most_probable_product(x: &[f32], weight: int8::Matrix, bias: &[f32], k: usize) -> (Vec<f32>, Vec<i32>) {
    Ranking::finish(ranked(x, weight, bias, k))
}

/// As [`most_probable_product`] where `short` and `preview` tell which logits are worth computing.
pub fn most_probable_previewed(
    [x, short]: [&[f32]; 2],
    [weight, preview]: [int8::Matrix; 2],
    bias: &[f32],
    k: usize,
) -> (Vec<f32>, Vec<i32>) {
    let quantized = int8::Quantized::new(x, weight.cols);
    let rankings = ranked(short, preview, bias, CANDIDATES.max(4 * k)).into_iter().enumerate();
    Ranking::finish(rankings.map(|(row, ranking)| ranking.refined(&quantized.row(row), weight, bias, k)).collect())
}

/// Rankings of the `k` largest logits of each row.
fn ranked(x: &[f32], weight: int8::Matrix, bias: &[f32], k: usize) -> Vec<Ranking> {
    let quantized = int8::Quantized::new(x, weight.cols);
    let mut rankings = vec![Ranking::new(k); quantized.n_rows()];
    let mut logits = vec![0.0; quantized.n_rows() * COLUMNS];
    let products = int8::Products::best();
    for start in (0..weight.n_rows()).step_by(COLUMNS) {
        let columns = start..(start + COLUMNS).min(weight.n_rows());
        let logits = &mut logits[..quantized.n_rows() * columns.len()];
        products.multiply(&quantized, weight.part(columns.clone()), &bias[columns.clone()], logits);
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
    k: usize,
    /// The largest values so far with their columns, best first.
    best: Vec<(f32, i32)>,
    /// The largest value so far.
    highest: f32,
    /// The sum of `e^(x - highest)` so far.
    sum: f32,
}

impl Ranking {
    fn new(k: usize) -> Self {
        Self { k, best: Vec::with_capacity(k + 1), highest: f32::NEG_INFINITY, sum: 0.0 }
    }

    #[inline(always)]
    fn see(&mut self, first: usize, values: &[f32]) {
        let highest = maximum(values);
        if self.best.len() < self.k || self.best.last().is_some_and(|&(worst, _)| highest > worst) {
            largest(values, first, self.k, &mut self.best);
        }
        if highest > self.highest {
            self.sum *= exp(self.highest - highest);
            self.highest = highest;
        }
        self.sum += sum_exp(values, self.highest);
    }

    /// The same with the logits of its best as they are rather than as the preview had them, and `k` of them.
    fn refined(self, x: &int8::Quantized, weight: int8::Matrix, bias: &[f32], k: usize) -> Self {
        let products = int8::Products::best();
        let mut candidates = self.best.clone();
        candidates.sort_unstable_by_key(|&(_, column)| column);
        let mut logits = [0.0; int8::GROUP];
        let mut best: Vec<(f32, i32)> = Vec::with_capacity(candidates.len());
        for group in candidates.chunk_by(|(_, a), (_, b)| *a as usize / int8::GROUP == *b as usize / int8::GROUP) {
            let first = group[0].1 as usize / int8::GROUP * int8::GROUP;
            let rows = first..(first + int8::GROUP).min(weight.n_rows());
            products.multiply(x, weight.part(rows.clone()), &bias[rows.clone()], &mut logits[..rows.len()]);
            best.extend(group.iter().map(|&(_, column)| (logits[column as usize - first], column)));
        }
        best.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let highest = best.first().map_or(self.highest, |&(value, _)| value);
        let sum = |best: &[(f32, i32)], highest: f32| best.iter().map(|&(x, _)| exp(x - highest)).sum::<f32>();
        let others = (self.sum - sum(&self.best, self.highest)).max(0.0);
        let sum = others * exp(self.highest - highest) + sum(&best, highest);
        best.truncate(k);
        Self { k, best, highest, sum }
    }

    fn finish(rankings: Vec<Self>) -> (Vec<f32>, Vec<i32>) {
        let n = rankings.iter().map(|ranking| ranking.best.len()).sum();
        let (mut values, mut indices) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for Self { best, highest, sum, .. } in rankings {
            let log_sum = sum.ln() + highest;
            values.extend(best.iter().map(|&(value, _)| value - log_sum));
            indices.extend(best.iter().map(|&(_, column)| column));
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

/// Keeps in `best` the `k` largest of itself and of `row`, whose first column is `first`.
#[inline(always)]
fn largest(row: &[f32], first: usize, k: usize, best: &mut Vec<(f32, i32)>) {
    for (block, values) in row.chunks(BLOCK).enumerate() {
        if best.len() == k
            && let Some(&(worst, _)) = best.last()
            && !exceeds(values, worst)
        {
            continue;
        }
        for (column, &value) in (first + block * BLOCK..).zip(values) {
            if best.len() == k && best.last().is_some_and(|&(worst, _)| value <= worst) {
                continue;
            }
            let place = best.partition_point(|&(kept, _)| kept >= value);
            best.insert(place, (value, column as i32));
            best.truncate(k);
        }
    }
}

/// Whether a value is above `bound`.
#[inline(always)]
fn exceeds(values: &[f32], bound: f32) -> bool {
    values.iter().fold(false, |found, &value| found | (value > bound))
}
