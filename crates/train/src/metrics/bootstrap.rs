//! Bootstrap resampling of a test set (Koehn, 2004).

use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

use super::{Metric, sum};

/// Seeds the resamples; sacreBLEU's default too, whose random numbers are others.
const SEED: u64 = 12_345;

/// Where the score of a resampled test set lies in 95 of 100 cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The mean of the resamples' scores.
    pub mean: f64,
    /// Half the distance between their 2.5th and 97.5th percentiles.
    pub half_width: f64,
}

/// The 95% confidence interval of a score from `resamples` draws of as many sentences as there are, with replacement.
pub fn bootstrap(metric: &impl Metric, statistics: &[Vec<f64>], resamples: usize) -> Interval {
    let mut scores: Vec<f64> = (0..resamples.max(1))
        .into_par_iter()
        .map(|resample| {
            let mut random = StdRng::seed_from_u64(SEED + resample as u64);
            let drawn = (0..statistics.len()).map(|_| &statistics[random.random_range(0..statistics.len())]);
            metric.score(&sum(drawn))
        })
        .collect();
    scores.sort_by(f64::total_cmp);
    let tail = scores.len() / 40;
    Interval {
        mean: scores.iter().sum::<f64>() / scores.len() as f64,
        half_width: 0.5 * (scores[scores.len() - 1 - tail] - scores[tail]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of sentences that are right, in percent.
    struct Accuracy;

    impl Metric for Accuracy {
        fn statistics(&self, hypothesis: &str, reference: &str) -> Vec<f64> {
            vec![f64::from(u8::from(hypothesis == reference)), 1.0]
        }

        fn score(&self, sums: &[f64]) -> f64 {
            100.0 * sums[0] / sums[1]
        }
    }

    /// 100 of 400 sentences: the standard deviation of the mean is 100 * sqrt(0.25 * 0.75 / 400) = 2.165, and 1.96 of them 4.24.
    #[test]
    fn as_wide_as_the_binomial_distribution() {
        let statistics: Vec<Vec<f64>> = (0..400).map(|i| vec![f64::from(u8::from(i % 4 == 0)), 1.0]).collect();
        let Interval { mean, half_width } = bootstrap(&Accuracy, &statistics, 2000);
        assert!((mean - 25.0).abs() < 0.3, "{mean}");
        assert!((half_width - 4.24).abs() < 0.35, "{half_width}");
        assert_eq!(bootstrap(&Accuracy, &[vec![1.0, 1.0]], 10), Interval { mean: 100.0, half_width: 0.0 });
    }
}
