//! The sparse lexical table of one direction: which word generates which, and how often.
//!
//! Only pairs of words that occur in one sentence pair have an entry. A row is a bitmap over the vocabulary with
//! the number of entries before each block of 64 bits, so that an entry is found in constant time and no key is
//! stored: `16 * n_vocab^2 / 64` bytes for the bitmaps (64 MiB for 16k subwords) and 12 bytes an entry. A hash map
//! takes two to three times that, and binary search in sorted rows was not tried: a row of a frequent word has
//! thousands of entries. Which words meet which positions is not this file's matter.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::direction::Directed;

/// One expected occurrence as an integer. Integers add to the same sum in any order, so counts do not depend on the
/// threads; a sum of 2^31 tokens still fits 64 bits.
const ONE: f64 = (1u64 << 32) as f64;

/// What an entry that is not there stands for: far below any estimate, yet no sentence becomes impossible.
pub(super) const FLOOR: f32 = 1e-9;

#[derive(Clone, Copy, Default)]
struct Block {
    bits: u64,
    before: usize,
}

/// `p(generated | given)` for words that occur together, and their expected counts.
pub(super) struct TranslationTable {
    n_blocks: usize,
    blocks: Vec<Block>,
    probabilities: Vec<f32>,
    counts: Vec<AtomicU64>,
}

impl TranslationTable {
    /// A uniform table for the words that meet in the pairs `learned`, and for the null word, whose id is `n_vocab`.
    pub(super) fn uniform(pairs: &Directed, learned: &[usize]) -> Self {
        let n_blocks = pairs.n_vocab().div_ceil(64).max(1);
        let bits: Vec<AtomicU64> = (0..(pairs.n_vocab() + 1) * n_blocks).map(|_| AtomicU64::new(0)).collect();
        learned.par_iter().for_each(|&pair| {
            let Some((given, generated)) = pairs.get(pair) else { return };
            for &word in given.iter().chain([&pairs.null()]) {
                let row = &bits[word as usize * n_blocks..];
                for &other in generated {
                    let (block, bit) = (&row[other as usize / 64], 1 << (other % 64));
                    // Most are there already; a plain load leaves the cache line shared.
                    if block.load(Ordering::Relaxed) & bit == 0 {
                        block.fetch_or(bit, Ordering::Relaxed);
                    }
                }
            }
        });
        let bits = bits.into_iter().map(AtomicU64::into_inner);
        let mut table = Self::empty(n_blocks, bits);
        table.probabilities = vec![1.0 / pairs.n_vocab().max(1) as f32; table.counts.len()];
        table
    }

    fn empty(n_blocks: usize, bits: impl Iterator<Item = u64>) -> Self {
        let mut n_entries = 0;
        let blocks = bits
            .map(|bits| {
                let before = n_entries;
                n_entries += bits.count_ones() as usize;
                Block { bits, before }
            })
            .collect();
        let counts = (0..n_entries).map(|_| AtomicU64::new(0)).collect();
        Self { n_blocks, blocks, probabilities: Vec::new(), counts }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The entry of `generated` in the row of `given`.
    pub(super) fn find(&self, given: u32, generated: u32) -> Option<usize> {
        let block = self.blocks[given as usize * self.n_blocks + generated as usize / 64];
        let bit = 1u64 << (generated % 64);
        (block.bits & bit != 0).then(|| block.before + (block.bits & (bit - 1)).count_ones() as usize)
    }

    /// `p(generated | given)` of an entry.
    pub(super) fn probability(&self, entry: Option<usize>) -> f32 {
        entry.map_or(FLOOR, |entry| self.probabilities[entry].max(FLOOR))
    }

    /// Adds an expected occurrence, `posterior` in 0..=1.
    pub(super) fn count(&self, entry: Option<usize>, posterior: f32) {
        let units = (f64::from(posterior) * ONE) as u64;
        if let (Some(entry), 1..) = (entry, units) {
            self.counts[entry].fetch_add(units, Ordering::Relaxed);
        }
    }

    /// Turns the counts into probabilities and clears them: the M step.
    ///
    /// With `alpha` 0 these are relative frequencies. Above 0 it is the variational one under a Dirichlet prior (Riley and
    /// Gildea, 2012): small counts lose most, so that a rare word does not claim every word it was ever seen with. Rows
    /// then sum to less than one.
    pub(super) fn maximize(&mut self, alpha: f64) {
        let (mut probabilities, mut counts) = (&mut self.probabilities[..], &mut self.counts[..]);
        let mut rows = Vec::with_capacity(self.blocks.len() / self.n_blocks);
        for row in self.blocks.chunks_exact(self.n_blocks) {
            let len = row.iter().map(|block| block.bits.count_ones() as usize).sum();
            let (row_probabilities, other_probabilities) = probabilities.split_at_mut(len);
            let (row_counts, other_counts) = counts.split_at_mut(len);
            (probabilities, counts) = (other_probabilities, other_counts);
            rows.push((row_probabilities, row_counts));
        }
        rows.into_par_iter().for_each(|(probabilities, counts)| {
            let total: u64 = counts.iter_mut().map(|count| *count.get_mut()).sum();
            if total == 0 {
                return;
            }
            let total = total as f64 / ONE;
            let norm = if alpha > 0.0 { digamma(total + alpha * counts.len() as f64) } else { total };
            for (probability, count) in probabilities.iter_mut().zip(counts) {
                let count = std::mem::take(count.get_mut()) as f64 / ONE;
                let estimate = if alpha > 0.0 { (digamma(count + alpha) - norm).exp() } else { count / norm };
                *probability = estimate as f32;
            }
        });
    }

    /// Drops the entries below `threshold`; the rest keep their probabilities.
    pub(super) fn prune(&mut self, threshold: f32) {
        let mut bits: Vec<u64> = self.blocks.iter().map(|block| block.bits).collect();
        for (block, kept) in self.blocks.iter().zip(&mut bits) {
            let (mut left, mut entry) = (block.bits, block.before);
            while left != 0 {
                if self.probabilities[entry] < threshold {
                    *kept &= !(left & left.wrapping_neg());
                }
                left &= left - 1;
                entry += 1;
            }
        }
        // The old counts are zero; let them go before the new ones are made.
        self.counts = Vec::new();
        let mut probabilities = std::mem::take(&mut self.probabilities);
        probabilities.retain(|&probability| probability >= threshold);
        probabilities.shrink_to_fit();
        *self = Self { probabilities, ..Self::empty(self.n_blocks, bits.into_iter()) };
    }
}

/// The logarithmic derivative of the gamma function, for `x > 0`: the recurrence up to 6, then its asymptotic series.
fn digamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 6.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    sum + x.ln() - 0.5 / x - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square * (1.0 / 252.0 - square / 240.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    fn table() -> TranslationTable {
        let mut set = Dataset::new(200);
        set.push(&[1, 130], &[2, 150]);
        set.push(&[1], &[3]);
        let pairs = Directed::source_to_target(&set);
        TranslationTable::uniform(&pairs, &pairs.learned())
    }

    #[test]
    fn only_words_that_meet_have_entries() {
        let table = table();
        // 1: 2, 3, 150; 130: 2, 150; null: 2, 3, 150.
        assert_eq!(table.len(), 8);
        assert_eq!([2, 3, 150].map(|word| table.find(1, word)), [Some(0), Some(1), Some(2)]);
        assert_eq!([2, 3, 150].map(|word| table.find(130, word)), [Some(3), None, Some(4)]);
        assert_eq!(table.find(200, 150), Some(7));
        assert_eq!((table.find(1, 1), table.find(5, 2)), (None, None));
        assert_eq!(table.probability(None), FLOOR);
    }

    #[test]
    fn counts_become_probabilities_and_small_ones_go() {
        let mut table = table();
        for (word, posterior) in [(2, 0.5), (3, 0.25), (150, 0.125), (150, 0.125)] {
            table.count(table.find(1, word), posterior);
        }
        table.count(None, 1.0);
        table.maximize(0.0);
        assert_eq!([2, 3, 150].map(|word| table.probability(table.find(1, word))), [0.5, 0.25, 0.25]);
        // Nothing was counted in this row.
        assert_eq!(table.probability(table.find(130, 2)), 1.0 / 200.0);
        table.prune(0.3);
        assert_eq!((table.len(), table.find(1, 2), table.find(1, 3)), (1, Some(0), None));
        assert_eq!(table.probability(Some(0)), 0.5);
    }

    /// Known values: -gamma, -gamma - 2 ln 2, and 1 + 1/2 + ... + 1/9 - gamma.
    #[test]
    fn digamma_by_hand() {
        const GAMMA: f64 = 0.577_215_664_901_532_9;
        let harmonic: f64 = (1..10).map(|k| 1.0 / f64::from(k)).sum();
        for (x, wanted) in [(1.0, -GAMMA), (0.5, -GAMMA - 4f64.ln()), (10.0, harmonic - GAMMA)] {
            assert!((digamma(x) - wanted).abs() < 1e-8, "{x}: {} {wanted}", digamma(x));
        }
    }

    /// Counts 1/2, 1/4 and 1/4 with alpha 1: exp(digamma(3/2) - digamma(4)), digamma(3/2) = 2 - gamma - 2 ln 2 and digamma(4) =
    /// 11/6 - gamma, so exp(1/6) / 4.
    #[test]
    fn a_prior_takes_from_small_counts() {
        let mut table = table();
        for (word, posterior) in [(2, 0.5), (3, 0.25), (150, 0.25)] {
            table.count(table.find(1, word), posterior);
        }
        table.maximize(1.0);
        let [most, less, _] = [2, 3, 150].map(|word| table.probability(table.find(1, word)));
        assert!((f64::from(most) - (1.0f64 / 6.0).exp() / 4.0).abs() < 1e-6);
        assert!(less < most / 1.2 && less > 0.0);
        table.maximize(1.0);
        assert_eq!(table.probability(table.find(1, 2)), most, "nothing was counted, so nothing changes");
    }
}
