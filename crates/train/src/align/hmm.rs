//! The hidden Markov alignment model (Vogel et al., 1996) on one sentence pair.
//!
//! The state after a generated word is the given position it came from; the next position depends on the width of the
//! jump alone. A word of the null word keeps the position before it (Och and Ney, 2003), so what follows depends on
//! that anchor and not on how many null words lie between. Anchor 0 is the start of the sentence, given word `i` is
//! anchor `i + 1`. Lexical probabilities come in as a matrix; estimating them is not this file's matter.

use super::direction::{MAX_LENGTH, NULL};

/// Probability of the null word at each generated word, fixed as in Och and Ney (2003) and by measurement twice theirs: see
/// `ALPHA` in `em.rs`. At 0.6 precision still rises, but more sure links are lost.
pub(super) const NULL_PROBABILITY: f32 = 0.4;

/// Share of the uniform distribution in a jump, so that no jump is impossible.
const UNIFORM: f32 = 0.2;

const OFFSET: usize = MAX_LENGTH;
const N_WIDTHS: usize = 2 * MAX_LENGTH + 1;

/// First absolute width of each bucket: exact up to 8, then coarser and coarser.
const BUCKETS: [usize; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 21, 41, 81];

/// How likely jumps are, by width. Index `OFFSET + width`; only ratios matter.
pub(super) struct Jumps {
    weights: Vec<f32>,
    /// `sums[k]` is the sum of the first `k` weights.
    sums: Vec<f64>,
}

impl Jumps {
    /// Before anything is known: one to the right is best, and the further from that the worse.
    pub(super) fn initial() -> Self {
        Self::from_weights((0..N_WIDTHS).map(|k| 1.0 / (1.0 + k.abs_diff(OFFSET + 1) as f32)).collect())
    }

    fn from_weights(weights: Vec<f32>) -> Self {
        let mut sum = 0.0;
        let mut sums = vec![0.0];
        sums.extend(weights.iter().map(|&weight| {
            sum += f64::from(weight);
            sum
        }));
        Self { weights, sums }
    }

    /// The relative frequencies of `counts`, all widths of a bucket alike.
    pub(super) fn from_counts(counts: &[f64]) -> Self {
        let mut weights = vec![0.0; N_WIDTHS];
        for (bucket, &first) in BUCKETS.iter().enumerate() {
            let end = BUCKETS.get(bucket + 1).copied().unwrap_or(MAX_LENGTH + 1);
            for range in [OFFSET + 1 - end..OFFSET + 1 - first, OFFSET + first..OFFSET + end] {
                let mean = counts[range.clone()].iter().sum::<f64>() / (end - first) as f64;
                // Never zero: a length at which no allowed jump was seen must still normalise.
                weights[range].fill(mean.max(1e-3) as f32);
            }
        }
        Self::from_weights(weights)
    }

    /// Room for the expected counts of all widths.
    pub(super) fn counts() -> Vec<f64> {
        vec![0.0; N_WIDTHS]
    }

    /// What makes the jumps from each anchor `0..=len` to positions `1..=len` sum to one, the shares of null and
    /// uniform taken off.
    fn norms(&self, len: usize, norms: &mut Vec<f32>) {
        norms.clear();
        norms.extend((0..=len).map(|anchor| {
            let sum = self.sums[OFFSET + len + 1 - anchor] - self.sums[OFFSET + 1 - anchor];
            ((1.0 - NULL_PROBABILITY) * (1.0 - UNIFORM)) / sum as f32
        }));
    }

    /// The weights of the jumps from `anchor` to positions `1..=len`.
    fn from(&self, anchor: usize, len: usize) -> &[f32] {
        &self.weights[OFFSET + 1 - anchor..][..len]
    }
}

/// Lexical probabilities of one pair and room for the recursions, reused from pair to pair.
///
/// Rows go with generated words; a row has the null word (or the start) first, then the given words.
#[derive(Default)]
pub(super) struct Lattice {
    /// `[generated, 1 + given]`: p(generated word | null or given word).
    pub(super) emissions: Vec<f32>,
    /// `[generated, 1 + given]`: the share of the null word, then of each given word; what [`Self::posteriors`] finds.
    pub(super) posteriors: Vec<f32>,
    norms: Vec<f32>,
    real: Vec<f32>,
    null: Vec<f32>,
    scales: Vec<f32>,
    totals: Vec<f32>,
    jumped: Vec<f32>,
    jumps: Vec<f32>,
    future: Vec<f32>,
    arriving: Vec<f32>,
    back: Vec<u16>,
}

impl Lattice {
    /// Forward-backward: fills [`Self::posteriors`], adds the expected jumps to `counts` and returns the log likelihood
    /// (natural logarithm) of the generated sentence.
    pub(super) fn posteriors(&mut self, given: usize, jumps: &Jumps, counts: &mut [f64]) -> f64 {
        let width = given + 1;
        let generated = self.emissions.len() / width;
        let uniform = (1.0 - NULL_PROBABILITY) * UNIFORM / given as f32;
        jumps.norms(given, &mut self.norms);
        let log_likelihood = self.forward(given, jumps, uniform);

        self.posteriors.resize(generated * width, 0.0);
        self.jumps.clear();
        self.jumps.resize(2 * given, 0.0);
        self.future.clear();
        self.future.resize(width, 1.0);
        self.arriving.resize(width, 0.0);
        for row in (0..generated).rev() {
            let emissions = &self.emissions[row * width..][..width];
            let (real, null) = (&self.real[row * width..][..width], &self.null[row * width..][..width]);
            let posteriors = &mut self.posteriors[row * width..][..width];
            for i in 0..width {
                posteriors[i] = real[i] * self.future[i];
                self.arriving[i] = emissions[i] * self.future[i] * self.scales[row];
            }
            posteriors[0] = null.iter().zip(&self.future).map(|(null, future)| null * future).sum();

            let arriving = &self.arriving[1..];
            let anywhere = uniform * arriving.iter().sum::<f32>();
            let stay = NULL_PROBABILITY * emissions[0] * self.scales[row];
            for anchor in 0..width {
                let is_start = row == 0;
                let total = match is_start {
                    true => f32::from(u8::from(anchor == 0)),
                    false => self.real[(row - 1) * width + anchor] + self.null[(row - 1) * width + anchor],
                };
                // Width -(given - 1) comes first in `self.jumps`, so anchor `a` begins at `given - a`.
                let share = total * self.norms[anchor];
                if share > 0.0 {
                    let counts = &mut self.jumps[given - anchor..][..given];
                    counts.iter_mut().zip(arriving).for_each(|(count, arriving)| *count += share * arriving);
                }
                let sum = dot(jumps.from(anchor, given), arriving);
                self.future[anchor] = stay * self.future[anchor] + self.norms[anchor] * sum + anywhere;
            }
        }
        let first = OFFSET + 1 - given;
        for ((count, jump), weight) in counts[first..].iter_mut().zip(&self.jumps).zip(&jumps.weights[first..]) {
            *count += f64::from(jump * weight);
        }
        log_likelihood
    }

    /// Fills `real` and `null`, each row scaled to sum to one together, and `scales`.
    fn forward(&mut self, given: usize, jumps: &Jumps, uniform: f32) -> f64 {
        let width = given + 1;
        let generated = self.emissions.len() / width;
        self.real.resize(generated * width, 0.0);
        self.null.resize(generated * width, 0.0);
        self.scales.resize(generated, 0.0);
        self.totals.clear();
        self.totals.resize(width, 0.0);
        self.totals[0] = 1.0;
        self.jumped.resize(given, 0.0);
        let mut log_likelihood = 0.0;
        for row in 0..generated {
            let emissions = &self.emissions[row * width..][..width];
            let (real, null) = (&mut self.real[row * width..][..width], &mut self.null[row * width..][..width]);
            self.jumped.fill(uniform);
            for (anchor, (&total, &norm)) in self.totals.iter().zip(&self.norms).enumerate() {
                let share = total * norm;
                if share > 0.0 {
                    let weights = jumps.from(anchor, given);
                    self.jumped.iter_mut().zip(weights).for_each(|(jumped, weight)| *jumped += share * weight);
                }
                null[anchor] = NULL_PROBABILITY * total * emissions[0];
            }
            real[0] = 0.0;
            for i in 0..given {
                real[i + 1] = self.jumped[i] * emissions[i + 1];
            }
            let sum: f32 = real.iter().chain(null.iter()).sum();
            log_likelihood += f64::from(sum).ln();
            self.scales[row] = 1.0 / sum;
            for i in 0..width {
                real[i] *= self.scales[row];
                null[i] *= self.scales[row];
                self.totals[i] = real[i] + null[i];
            }
        }
        log_likelihood
    }

    /// The most likely position of each generated word, [`NULL`] for the null word, appended to `picks`.
    pub(super) fn viterbi(&mut self, given: usize, jumps: &Jumps, picks: &mut Vec<u16>) {
        let width = given + 1;
        let generated = self.emissions.len() / width;
        let uniform = (1.0 - NULL_PROBABILITY) * UNIFORM / given as f32;
        jumps.norms(given, &mut self.norms);
        // `null` and `real` hold the best path into each state, `back` the anchor before a real one.
        self.real.resize(generated * width, 0.0);
        self.null.resize(generated * width, 0.0);
        self.back.resize(generated * width, 0);
        self.totals.clear();
        self.totals.resize(width, 0.0);
        self.totals[0] = 1.0;
        self.jumped.resize(given, 0.0);
        for row in 0..generated {
            let emissions = &self.emissions[row * width..][..width];
            let (real, null) = (&mut self.real[row * width..][..width], &mut self.null[row * width..][..width]);
            let back = &mut self.back[row * width + 1..][..given];
            self.jumped.fill(-1.0);
            for (anchor, &total) in self.totals.iter().enumerate() {
                null[anchor] = NULL_PROBABILITY * total * emissions[0];
                let (share, anywhere) = (total * self.norms[anchor], total * uniform);
                for (i, weight) in jumps.from(anchor, given).iter().enumerate() {
                    let path = share * weight + anywhere;
                    if path > self.jumped[i] {
                        self.jumped[i] = path;
                        back[i] = anchor as u16;
                    }
                }
            }
            real[0] = 0.0;
            for i in 0..given {
                real[i + 1] = self.jumped[i] * emissions[i + 1];
            }
            let best = real.iter().chain(null.iter()).fold(0.0f32, |best, &path| best.max(path));
            for i in 0..width {
                real[i] /= best;
                null[i] /= best;
                self.totals[i] = real[i].max(null[i]);
            }
        }

        let start = picks.len();
        picks.resize(start + generated, NULL);
        let mut anchor = (0..width).fold(0, |best, i| if self.totals[i] > self.totals[best] { i } else { best });
        for row in (0..generated).rev() {
            let state = row * width + anchor;
            if self.real[state] >= self.null[state] && anchor > 0 {
                picks[start + row] = anchor as u16 - 1;
                anchor = usize::from(self.back[state]);
            }
        }
    }
}

/// Four sums at once: the compiler may not reorder a single one.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f32 = a4.remainder().iter().zip(b4.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a4.zip(b4) {
        for k in 0..4 {
            sums[k] += a[k] * b[k];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests;
