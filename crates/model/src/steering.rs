//! What a search may be told beyond what the network thinks: the least length, no n-gram twice, a token drawn rather than
//! the best.
//!
//! These look at every hypothesis so far, so they run on the host: one read of all log-probabilities a step, and only where one
//! of them is asked for.

use rand::{Rng, SeedableRng, rngs::SmallRng};
use traduko_kernels::DEAD;

use crate::EOS;

/// Rules for a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steering {
    /// Fewest target tokens, the end mark not counted.
    pub min_length: usize,
    /// No run of so many tokens is said twice (Paulus et al., 2018); 0 for any.
    pub no_repeat_ngram: usize,
    /// Draw tokens at random rather than take the best.
    pub sampling: Option<Sampling>,
}

/// How tokens are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Log-probabilities are divided by this: below 1 surer, above 1 wilder.
    pub temperature: f32,
    /// Only so many of the most probable tokens (Fan et al., 2018); 0 for all.
    pub top_k: usize,
    /// Only the most probable tokens that together have this probability (Holtzman et al., 2020); 1 for all.
    pub top_p: f32,
    /// Seeds the draws. What is drawn for a sentence depends on this, on the sentence and on the number of the draw alone.
    pub seed: u64,
}

impl Steering {
    /// Whether there is anything to do.
    pub fn is_on(&self) -> bool {
        *self != Self::default()
    }
}

/// Rules at work on the rows of a search.
pub(crate) struct Steered<'a> {
    rules: &'a Steering,
    /// What each sentence begins with; none at all where no sentence has any.
    prefixes: &'a [Vec<u32>],
    /// Tokens so far, a list a row.
    histories: Vec<Vec<u32>>,
    /// One a sentence, in the order of the sentences.
    randoms: Vec<SmallRng>,
}

impl<'a> Steered<'a> {
    /// Nothing where there are no rules and no prefixes. `draws` are the numbers of the draws from each of `sources`.
    pub fn new(
        rules: &'a Steering,
        sources: &[Vec<u32>],
        prefixes: &'a [Vec<u32>],
        draws: &[usize],
        beam: usize,
    ) -> Option<Self> {
        let random = |(source, &draw): (&Vec<u32>, &usize)| {
            let seed = rules.sampling.as_ref().map_or(0, |sampling| sampling.seed);
            // FNV-1a: every machine and every batch must draw the same.
            let numbers = [seed, draw as u64].into_iter().chain(source.iter().map(|&id| u64::from(id)));
            let mixed = numbers.fold(0xcbf2_9ce4_8422_2325, |hash: u64, x| (hash ^ x).wrapping_mul(0x100_0000_01b3));
            SmallRng::seed_from_u64(mixed)
        };
        let is_on = rules.is_on() || prefixes.iter().any(|prefix| !prefix.is_empty());
        is_on.then(|| Self {
            rules,
            prefixes,
            histories: vec![Vec::new(); sources.len() * beam],
            randoms: sources.iter().zip(draws).map(random).collect(),
        })
    }

    /// Applies the rules to the log-probabilities of every row's next token, `vocab` each. `sentences` are those that the
    /// rows belong to, in equal shares.
    pub fn apply(&mut self, log_probabilities: &mut [f32], vocab: usize, sentences: &[usize]) {
        let beam = self.histories.len() / sentences.len().max(1);
        for (row, (values, history)) in log_probabilities.chunks_exact_mut(vocab).zip(&self.histories).enumerate() {
            let sentence = sentences[row / beam];
            if let Some(&forced) = self.prefixes.get(sentence).and_then(|prefix| prefix.get(history.len())) {
                let kept = values[forced as usize];
                values.fill(DEAD);
                values[forced as usize] = kept;
                continue;
            }
            if history.len() < self.rules.min_length {
                values[EOS as usize] = DEAD;
            }
            for token in repeating(history, self.rules.no_repeat_ngram) {
                values[token as usize] = DEAD;
            }
            if let Some(sampling) = &self.rules.sampling {
                let chosen = sampling.draw(values, &mut self.randoms[sentence]);
                let kept = values[chosen];
                values.fill(DEAD);
                values[chosen] = kept;
            }
        }
    }

    /// Rows went on `from` rows with `tokens`.
    pub fn follow(&mut self, from: &[i32], tokens: &[i32]) {
        let next = |(&from, &token): (&i32, &i32)| {
            let mut history = self.histories[from as usize].clone();
            history.push(token as u32);
            history
        };
        self.histories = from.iter().zip(tokens).map(next).collect();
    }

    /// Only these rows stay.
    pub fn select(&mut self, rows: impl IntoIterator<Item = usize>) {
        self.histories = rows.into_iter().map(|row| std::mem::take(&mut self.histories[row])).collect();
    }
}

/// The tokens, but for the end mark, that would say a run of `n` tokens again.
fn repeating(history: &[u32], n: usize) -> impl Iterator<Item = u32> + '_ {
    let last = (n > 0).then(|| history.len().checked_sub(n - 1)).flatten().map(|start| &history[start..]);
    let runs = history.windows(n.max(1)).filter(move |run| last.is_some_and(|last| run[..n - 1] == *last));
    runs.map(move |run| run[n - 1]).filter(|&token| token != EOS)
}

impl Sampling {
    /// The number of a token, drawn by its probability among those that may be drawn.
    fn draw(&self, log_probabilities: &[f32], random: &mut SmallRng) -> usize {
        let mut order: Vec<usize> = (0..log_probabilities.len()).collect();
        order.sort_unstable_by(|&a, &b| log_probabilities[b].total_cmp(&log_probabilities[a]).then(a.cmp(&b)));
        if self.top_k > 0 {
            order.truncate(self.top_k);
        }
        let best = log_probabilities[order[0]];
        let weight = |&token: &usize| f64::from((log_probabilities[token] - best) / self.temperature).exp();
        let weights: Vec<f64> = order.iter().map(weight).collect();
        let wanted = f64::from(self.top_p) * weights.iter().sum::<f64>();
        // The fewest that have enough probability together, one at least.
        let (mut among, mut sum) = (0, 0.0);
        while among == 0 || (among < weights.len() && sum < wanted) {
            sum += weights[among];
            among += 1;
        }
        let mut left = random.random::<f64>() * sum;
        let drawn = weights[..among].iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        order[drawn.unwrap_or(among - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_said_twice() {
        let banned = |history: &[u32], n| repeating(history, n).collect::<Vec<_>>();
        assert_eq!(banned(&[5, 6, 7, 5], 2), [6]);
        assert_eq!(banned(&[5, 6, 7, 5, 6], 3), [7]);
        assert_eq!(banned(&[5, 6, 7, 5], 3), [0; 0]);
        assert_eq!(banned(&[5, 6], 1), [5, 6]);
        assert_eq!(banned(&[5, 5], 0), [0; 0]);
        assert_eq!(banned(&[], 3), [0; 0]);
    }

    fn shares(sampling: &Sampling) -> [f64; 4] {
        let log_probabilities = [0.1f32, 0.4, 0.3, 0.2].map(f32::ln);
        let mut random = SmallRng::seed_from_u64(1);
        let mut counts = [0.0; 4];
        for _ in 0..20_000 {
            counts[sampling.draw(&log_probabilities, &mut random)] += 1.0 / 20_000.0;
        }
        counts
    }

    #[test]
    fn draws_follow_the_probabilities_that_are_left() {
        let all = Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, seed: 0 };
        for (sampling, wanted) in [
            (all.clone(), [0.1, 0.4, 0.3, 0.2]),
            (Sampling { top_k: 2, ..all.clone() }, [0.0, 4.0 / 7.0, 3.0 / 7.0, 0.0]),
            (Sampling { top_p: 0.75, ..all.clone() }, [0.0, 4.0 / 9.0, 3.0 / 9.0, 2.0 / 9.0]),
            (Sampling { top_p: 0.0, ..all.clone() }, [0.0, 1.0, 0.0, 0.0]),
            // Squared: 1, 16, 9 and 4 of 30.
            (Sampling { temperature: 0.5, ..all }, [1.0 / 30.0, 16.0 / 30.0, 9.0 / 30.0, 4.0 / 30.0]),
        ] {
            let found = shares(&sampling);
            let is_near = found.iter().zip(wanted).all(|(x, y)| (x - y).abs() < 0.015);
            assert!(is_near, "{sampling:?}: {found:?}, wanted {wanted:?}");
        }
    }
}
