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

/// The scores of one system on resamples of a test set. All systems get the same resamples, so that they can be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootstrap {
    score: f64,
    resampled: Vec<f64>,
}

impl Bootstrap {
    /// Scores `resamples` draws, 1 or more, of as many sentences as there are, with replacement.
    pub fn new(metric: &(impl Metric + ?Sized), statistics: &[Vec<f64>], resamples: usize) -> Self {
        let resampled = (0..resamples).into_par_iter().map(|resample| {
            let mut random = StdRng::seed_from_u64(SEED + resample as u64);
            let drawn = (0..statistics.len()).map(|_| &statistics[random.random_range(0..statistics.len())]);
            metric.score(&sum(drawn))
        });
        Self { score: metric.score(&sum(statistics)), resampled: resampled.collect() }
    }

    /// The 95% confidence interval.
    pub fn interval(&self) -> Interval {
        let mut scores = self.resampled.clone();
        scores.sort_by(f64::total_cmp);
        let tail = scores.len() / 40;
        Interval { mean: mean(&scores), half_width: 0.5 * (scores[scores.len() - 1 - tail] - scores[tail]) }
    }

    /// How probable so large a difference from `other` would be if there were none: two-sided, as sacreBLEU's paired test.
    pub fn p_value(&self, other: &Self) -> f64 {
        let pairs = self.resampled.iter().zip(&other.resampled);
        let differences: Vec<f64> = pairs.map(|(x, y)| (x - y).abs()).collect();
        let (mean, seen) = (mean(&differences), (self.score - other.score).abs());
        let larger = differences.iter().filter(|&&difference| difference - mean > seen).count();
        (larger + 1) as f64 / (differences.len() + 1) as f64
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
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

        fn name(&self) -> String {
            "accuracy".to_owned()
        }

        fn signature(&self) -> String {
            String::new()
        }
    }

    /// One of `every` sentences right, of 400.
    fn statistics(every: usize) -> Vec<Vec<f64>> {
        (0..400).map(|i| vec![f64::from(u8::from(i % every == 0)), 1.0]).collect()
    }

    /// 100 of 400 sentences: the standard deviation of the mean is 100 * sqrt(0.25 * 0.75 / 400) = 2.165, and 1.96 of them 4.24.
    #[test]
    fn as_wide_as_the_binomial_distribution() {
        let Interval { mean, half_width } = Bootstrap::new(&Accuracy, &statistics(4), 2000).interval();
        assert!((mean - 25.0).abs() < 0.3, "{mean}");
        assert!((half_width - 4.24).abs() < 0.35, "{half_width}");
        let one = Bootstrap::new(&Accuracy, &[vec![1.0, 1.0]], 10).interval();
        assert_eq!(one, Interval { mean: 100.0, half_width: 0.0 });
    }

    #[test]
    fn chance_or_not() {
        let of = |every| Bootstrap::new(&Accuracy, &statistics(every), 1000);
        assert_eq!(of(4).p_value(&of(2)), 1.0 / 1001.0);
        // 100 and 101 of 400 sentences.
        let mut nearly = statistics(4);
        nearly[1][0] = 1.0;
        assert!(of(4).p_value(&Bootstrap::new(&Accuracy, &nearly, 1000)) > 0.05);
    }
}
