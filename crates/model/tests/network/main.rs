//! The network as a whole: against PyTorch, against finite differences, and what its search promises.

mod golden;
mod gradients;
mod search;
mod weights;

use std::convert::Infallible;

use traduko_kernels::backend::Flex;
use traduko_model::{Init, Matrix, ModelConfig, RandomWeights, Seq2Seq, WeightSource};

/// Random weights made `scale` times larger: a fresh network finds all words about equally likely, a sharp one
/// does not.
struct Sharp {
    random: RandomWeights,
    scale: f32,
}

impl WeightSource for Sharp {
    type Error = Infallible;

    fn matrix(&mut self, name: &str, rows: usize, cols: usize, init: Init) -> Result<Matrix, Infallible> {
        let Matrix::Float(values) = self.random.matrix(name, rows, cols, init)? else {
            unreachable!("random weights are floats");
        };
        Ok(Matrix::Float(values.into_iter().map(|x| x * self.scale).collect()))
    }

    /// Biases too start at random, or some would never be seen.
    fn vector(&mut self, name: &str, len: usize, _: Init) -> Result<Vec<f32>, Infallible> {
        self.random.vector(name, len, Init::Uniform { bound: 0.3 })
    }
}

fn sharp(config: &ModelConfig, seed: u64) -> Seq2Seq<Flex> {
    let Ok(model) =
        Seq2Seq::build(config, &mut Sharp { random: RandomWeights::new(seed), scale: 2.5 }, &Default::default());
    model
}

/// A small network for tests of words 4 and up.
fn small(n_vocab: usize) -> ModelConfig {
    ModelConfig {
        n_vocab,
        d_embedding: 6,
        d_encoder: 5,
        n_encoder_layers: 2,
        d_decoder: 7,
        n_decoder_layers: 2,
        d_attention: 4,
        ..ModelConfig::default()
    }
}
