//! Scheduled sampling (Bengio et al., 2015): the decoder reads some of its own words instead of the right ones, more and more
//! of them. All positions at once (Duckworth et al., 2019): its words are what it says after the right ones.

use rand::{Rng, SeedableRng, rngs::SmallRng};
use traduko_kernels::Kernels;
use traduko_model::Seq2Seq;

use super::trainer::Batch;
use crate::config::{OptimisationConfig, TeacherForcing};

/// The share of target tokens that the decoder is given right at `step`, counted from 1.
pub fn ratio(config: &OptimisationConfig, step: u64) -> f64 {
    let least = config.teacher_forcing_ratio;
    let (step, steps) = (step as f64, config.teacher_forcing_steps as f64);
    let left = match config.teacher_forcing {
        TeacherForcing::Constant => 0.0,
        TeacherForcing::Linear => (1.0 - step / steps).max(0.0),
        TeacherForcing::Exponential => (-step / steps).exp(),
        TeacherForcing::InverseSigmoid => steps / (steps + (step / steps).exp()),
    };
    least + (1.0 - least) * left
}

/// What the decoder reads of each target of `batch`: the share `ratio` of its tokens, and in the place of the others what
/// `network` says there. The draws depend on `seed` alone.
pub fn inputs<B: Kernels>(
    network: &Seq2Seq<B>,
    batch: &Batch,
    ratio: f64,
    seed: u64,
    device: &B::Device,
) -> Vec<Vec<u32>> {
    let mut random = SmallRng::seed_from_u64(seed);
    let said = network.predictions(&batch.pairs(), device);
    let mut chosen = |(right, said): (&u32, u32)| if random.random_bool(ratio) { *right } else { said };
    let rows = batch.targets.iter().zip(said);
    rows.map(|(target, said)| target.iter().zip(said).map(&mut chosen).collect()).collect()
}

#[cfg(test)]
mod tests {
    use traduko_kernels::backend::Flex;
    use traduko_model::{ModelConfig, RandomWeights};

    use super::*;

    #[test]
    fn shares_by_hand() {
        let config = |teacher_forcing, teacher_forcing_ratio| OptimisationConfig {
            teacher_forcing,
            teacher_forcing_ratio,
            teacher_forcing_steps: 100,
            ..OptimisationConfig::default()
        };
        for (kind, wanted) in [
            (TeacherForcing::Constant, [0.2, 0.2, 0.2]),
            (TeacherForcing::Linear, [0.992, 0.6, 0.2]),
            (
                TeacherForcing::Exponential,
                [0.2 + 0.8 * (-0.01f64).exp(), 0.2 + 0.8 * (-0.5f64).exp(), 0.2 + 0.8 * (-3f64).exp()],
            ),
            (TeacherForcing::InverseSigmoid, [0.99203, 0.98702, 0.86618]),
        ] {
            for (step, wanted) in [1, 50, 300].into_iter().zip(wanted) {
                let found = ratio(&config(kind, 0.2), step);
                assert!((found - wanted).abs() < 1e-4, "{kind:?}, step {step}: {found}, wanted {wanted}");
            }
        }
        assert_eq!(ratio(&OptimisationConfig::default(), 7), 1.0);
    }

    #[test]
    fn the_decoder_reads_its_own_words() {
        let config = ModelConfig { n_vocab: 40, d_embedding: 8, d_encoder: 8, d_decoder: 8, ..ModelConfig::default() };
        let Ok(network) = Seq2Seq::<Flex>::build(&config, &mut RandomWeights::new(1), &Default::default());
        let targets: Vec<Vec<u32>> = (0..20u32).map(|n| (0..n).map(|at| 4 + (n * at) % 36).collect()).collect();
        let batch = Batch { sources: vec![vec![5, 6]; 20], targets: targets.clone(), ..Batch::default() };
        let mixed = |ratio, seed| inputs(&network, &batch, ratio, seed, &Default::default());
        assert_eq!(mixed(1.0, 1), targets);
        let said = mixed(0.0, 1);
        assert_eq!(said, network.predictions(&batch.pairs(), &Default::default()));
        assert_ne!(said, targets);
        let half = mixed(0.5, 1);
        assert_eq!(half, mixed(0.5, 1));
        assert_ne!(half, mixed(0.5, 2));
        let all = || half.iter().flatten().zip(targets.iter().flatten()).zip(said.iter().flatten());
        assert!(all().all(|((read, right), said)| read == right || read == said));
        let n_right = all().filter(|((read, right), said)| read == right && right != said).count() as f64;
        let n_open = all().filter(|((_, right), said)| right != said).count() as f64;
        assert!((n_right / n_open - 0.5).abs() < 0.1, "{n_right} of {n_open}");
    }
}
