//! Attention over the encoder's outputs.

use burn::{
    module::Module,
    tensor::{Tensor, activation::softmax, backend::Backend},
};
use traduko_kernels::Kernels;

use crate::{
    config::{AttentionKind, ModelConfig},
    encoder::Encoded,
    projection::Projection,
    weights::WeightSource,
};

/// Added to the score of a padded position; its weight underflows to exactly zero.
const PADDED: f32 = -1e9;

/// Additive attention (Bahdanau et al., 2015) or general attention (Luong et al., 2015).
#[derive(Module, Debug)]
pub struct Attention<B: Backend> {
    key: Projection<B>,
    query: Projection<B>,
    /// `[1, d_attention]`, additive attention only.
    score: Option<Projection<B>>,
}

/// Keys and values of a source batch, made once a sentence and used at every step.
#[derive(Clone, Debug)]
pub struct Keys<B: Backend> {
    /// `[batch, source, d_attention]`.
    pub keys: Tensor<B, 3>,
    /// `[batch, source, d_encoded]`.
    pub values: Tensor<B, 3>,
    /// 0 for a real position and a large negative number for padding, `[batch, 1, source]`.
    pub penalty: Tensor<B, 3>,
}

impl<B: Kernels> Attention<B> {
    /// Asks `source` for the weights.
    ///
    /// # Errors
    /// What the source says.
    pub fn build<S: WeightSource>(config: &ModelConfig, source: &mut S, device: &B::Device) -> Result<Self, S::Error> {
        let mut projection = |name: &str, rows, cols| {
            Projection::build(&format!("decoder.attention.{name}"), [rows, cols], None, source, device)
        };
        Ok(Self {
            key: projection("key", config.d_attention, config.d_encoded())?,
            query: projection("query", config.d_attention, config.d_decoder)?,
            score: match config.attention {
                AttentionKind::Additive => Some(projection("score", 1, config.d_attention)?),
                AttentionKind::General => None,
            },
        })
    }

    /// Projects the keys once.
    pub fn project_keys(&self, encoded: &Encoded<B>) -> Keys<B> {
        let penalty = (encoded.mask.clone() - 1.0) * -PADDED;
        Keys {
            keys: self.key.forward_3d(encoded.outputs.clone()),
            values: encoded.outputs.clone(),
            penalty: penalty.unsqueeze_dim(1),
        }
    }

    /// Contexts `[batch, target, d_encoded]` and weights `[batch, target, source]` for `queries`
    /// `[batch, target, d_decoder]`. Padded positions get zero weight.
    pub fn forward(&self, queries: Tensor<B, 3>, keys: &Keys<B>) -> (Tensor<B, 3>, Tensor<B, 3>) {
        let [batch, target, _] = queries.dims();
        let [_, positions, d_attention] = keys.keys.dims();
        let queries = self.query.forward_3d(queries);
        let scores = match &self.score {
            None => queries.matmul(keys.keys.clone().swap_dims(1, 2)),
            Some(score) => {
                let sum = queries.unsqueeze_dim::<4>(2) + keys.keys.clone().unsqueeze_dim::<4>(1);
                let rows = sum.tanh().reshape([batch * target * positions, d_attention]);
                score.forward(rows).reshape([batch, target, positions])
            }
        };
        let weights = softmax(scores + keys.penalty.clone(), 2); // [batch, target, source]
        (weights.clone().matmul(keys.values.clone()), weights)
    }
}
