//! Top-k of each row by a short sorted list: most values fail one comparison.

use super::{int8, math::exp};
use crate::preview::NEAR;

/// Values that are compared with the list at once.
const BLOCK: usize = 16;
/// Columns of a row that are seen together.
const COLUMNS: usize = 256;
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

/// As [`most_probable`] where the logits are `x` `[rows, cols]` times the transposed `weight`, without writing them all out. With
/// a preview, a shorter `x` and `weight`, only the logits near the highest are those of `weight`.
pub fn most_probable_product(
    x: &[f32],
    weight: int8::Matrix,
    preview: Option<(&[f32], int8::Matrix)>,
    bias: &[f32],
    k: usize,
) -> (Vec<f32>, Vec<i32>) {
    let quantized = int8::Quantized::new(x, weight.cols);
    let mut rankings = vec![Ranking::new(k); quantized.n_rows()];
    match preview {
        None => rank(&mut rankings, &quantized, weight, bias),
        Some((x, table)) => {
            rankings.iter_mut().for_each(|ranking| ranking.near = Some(Vec::new()));
            rank(&mut rankings, &int8::Quantized::new(x, table.cols), table, bias);
            for (row, ranking) in rankings.iter_mut().enumerate() {
                ranking.look_closely(&quantized.row(row), weight, bias);
            }
        }
    }
    Ranking::finish(rankings)
}

fn rank(rankings: &mut [Ranking], x: &int8::Quantized, weight: int8::Matrix, bias: &[f32]) {
    let mut logits = vec![0.0; x.n_rows() * COLUMNS];
    let products = int8::Products::best();
    for start in (0..weight.n_rows()).step_by(COLUMNS) {
        let columns = start..(start + COLUMNS).min(weight.n_rows());
        let logits = &mut logits[..x.n_rows() * columns.len()];
        products.multiply(x, weight.part(columns.clone()), &bias[columns.clone()], logits);
        see_all(rankings, start, logits, columns.len());
    }
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
    /// In a preview the values near the highest so far, with their columns, and some that were; from left to right.
    near: Option<Vec<(f32, i32)>>,
}

impl Ranking {
    fn new(k: usize) -> Self {
        Self { k, best: Vec::with_capacity(k + 1), highest: f32::NEG_INFINITY, sum: 0.0, near: None }
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
        if let Some(near) = &mut self.near {
            let bound = self.highest - NEAR;
            if highest >= bound {
                for (first, values) in (first..).step_by(BLOCK).zip(values.chunks(BLOCK)) {
                    if any(values, |value| value >= bound) {
                        let values = (first as i32..).zip(values).filter(|&(_, &value)| value >= bound);
                        near.extend(values.map(|(column, &value)| (value, column)));
                    }
                }
            }
        }
    }

    /// Puts the logits of `weight` in the place of those near the highest by the preview.
    fn look_closely(&mut self, x: &int8::Quantized, weight: int8::Matrix, bias: &[f32]) {
        let Some(mut near) = self.near.take() else { return };
        let bound = self.highest - NEAR;
        near.retain(|&(value, _)| value >= bound);
        let sum = |near: &[(f32, i32)], highest: f32| near.iter().map(|&(x, _)| exp(x - highest)).sum::<f32>();
        let far = (self.sum - sum(&near, self.highest)).max(0.0);
        let group = |column: i32| column as usize / int8::GROUP;
        let products = int8::Products::best();
        let mut logits = [0.0; int8::GROUP];
        let mut groups = near.chunk_by_mut(|(_, a), (_, b)| group(*a) == group(*b)).peekable();
        while let Some(near) = groups.next() {
            if let Some(next) = groups.peek() {
                weight.fetch(group(next[0].1));
            }
            let first = group(near[0].1) * int8::GROUP;
            let rows = first..(first + int8::GROUP).min(weight.n_rows());
            products.multiply(x, weight.part(rows.clone()), &bias[rows.clone()], &mut logits[..rows.len()]);
            near.iter_mut().for_each(|(value, column)| *value = logits[*column as usize - first]);
        }
        // What is far stays in the list as the preview has it.
        self.best.retain(|&(value, _)| value < bound);
        near.iter().for_each(|&(value, column)| insert(&mut self.best, self.k, value, column));
        let highest = near.iter().fold(f32::NEG_INFINITY, |highest, &(value, _)| highest.max(value));
        self.sum = far * exp(self.highest - highest) + sum(&near, highest);
        self.highest = highest;
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
            && !any(values, |value| value > worst)
        {
            continue;
        }
        for (column, &value) in (first + block * BLOCK..).zip(values) {
            if best.len() == k && best.last().is_some_and(|&(worst, _)| value <= worst) {
                continue;
            }
            insert(best, k, value, column as i32);
        }
    }
}

/// Puts a value into its place among the `k` largest; after those that are as large.
#[inline(always)]
fn insert(best: &mut Vec<(f32, i32)>, k: usize, value: f32, column: i32) {
    let place = best.partition_point(|&(kept, _)| kept >= value);
    best.insert(place, (value, column));
    best.truncate(k);
}

/// Whether a rule holds for one of the values; all are asked, which is faster.
#[inline(always)]
fn any(values: &[f32], holds: impl Fn(f32) -> bool) -> bool {
    values.iter().fold(false, |found, &value| found | holds(value))
}
