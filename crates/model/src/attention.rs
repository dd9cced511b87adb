//! Attention over the encoder's outputs.

use std::sync::Arc;

use burn::{
    module::{Module, Param},
    tensor::{Int, Tensor, TensorData, activation::softmax, backend::Backend},
};
use traduko_kernels::{Kernels, Memory};

use crate::{
    config::{AttentionKind, ModelConfig},
    encoder::Encoded,
    projection::{Projection, parameter},
    weights::{Init, WeightSource},
};

/// Added to the score of a padded position; its weight underflows to exactly zero.
const PADDED: f32 = -1e9;

/// Attention of one of [`AttentionKind`], with one head or more (Vaswani et al., 2017). Several heads have values of their
/// own, and products are then divided by the root of a head's width.
#[derive(Module, Debug)]
pub struct Attention<B: Backend> {
    /// None where the encoder's outputs are the keys.
    key: Option<Projection<B>>,
    /// None where the decoder's states are the queries.
    query: Option<Projection<B>>,
    /// `[d_encoded, d_encoded]`, several heads only.
    value: Option<Projection<B>>,
    /// `[1, d_attention / heads]`, additive attention only.
    score: Option<Projection<B>>,
    normed_score: Option<NormedScore<B>>,
    /// What is added to a key for each unit of attention that its position has had, `[d_attention]`.
    coverage: Option<Param<Tensor<B, 1>>>,
    #[module(skip)]
    kind: AttentionKind,
    n_heads: usize,
}

/// What sums of queries and keys are multiplied by, its length learnt apart.
#[derive(Module, Debug)]
pub struct NormedScore<B: Backend> {
    /// `[d_attention / heads]`.
    vector: Param<Tensor<B, 1>>,
    /// `[1]`, its length.
    gain: Param<Tensor<B, 1>>,
}

impl<B: Backend> NormedScore<B> {
    fn value(&self) -> Tensor<B, 1> {
        let vector = self.vector.val();
        vector.clone() * self.gain.val() / vector.powi_scalar(2).sum().sqrt()
    }
}

/// Keys and values of a source batch, made once a sentence and used at every step. Of `[all, ...]` rows, heads times
/// sentences, those that are not there any longer are passed over.
#[derive(Clone, Debug)]
pub struct Keys<B: Backend> {
    /// `[all, source, d_attention / heads]`; none where positions are not looked at one by one.
    keys: Option<Tensor<B, 3>>,
    /// `[all, source, d_encoded / heads]`, or the fixed context, `[all, 1, d_encoded]`.
    values: Option<Tensor<B, 3>>,
    /// 0 for a real position and a large negative number for padding, `[all, 1, source]`.
    penalty: Tensor<B, 3>,
    /// The rows that are still there; without it all of them.
    rows: Option<Arc<[usize]>>,
    n_heads: usize,
    /// Whether attention can pass rows over.
    is_general: bool,
}

impl<B: Kernels> Keys<B> {
    /// Sentences.
    pub fn batch(&self) -> usize {
        self.rows.as_ref().map_or(self.penalty.dims()[0], |rows| rows.len()) / self.n_heads
    }

    /// Those of some sentences.
    pub fn select(self, sentences: &[usize]) -> Self {
        let places = sentences.iter().flat_map(|&at| at * self.n_heads..(at + 1) * self.n_heads);
        if self.is_general {
            let row = |place: usize| self.rows.as_ref().map_or(place, |rows| rows[place]);
            let rows = places.map(row).collect();
            return Self { rows: Some(rows), ..self };
        }
        let places: Vec<i32> = places.map(|place| place as i32).collect();
        let (len, device) = (places.len(), self.penalty.device());
        let places = Tensor::<B, 1, Int>::from_data(TensorData::new(places, [len]), &device);
        let select = |x: Tensor<B, 3>| {
            let [n, a, b] = x.dims();
            B::select_rows(x.reshape([n, a * b]), places.clone()).reshape([len, a, b])
        };
        let (keys, values) = (self.keys.map(select), self.values.map(select));
        Self { keys, values, penalty: select(self.penalty), ..self }
    }
}

impl<B: Kernels> Attention<B> {
    /// Asks `source` for the weights.
    ///
    /// # Errors
    /// What the source says.
    pub fn build<S: WeightSource>(config: &ModelConfig, source: &mut S, device: &B::Device) -> Result<Self, S::Error> {
        let (kind, n_heads, d_encoded) = (config.attention, config.n_attention_heads, config.d_encoded());
        let is_projected = kind.looks() && !matches!(kind, AttentionKind::Dot | AttentionKind::ScaledDot);
        let mut projection = |name: &str, rows, cols, bias, is_there: bool| {
            let mut build =
                || Projection::build(&format!("decoder.attention.{name}"), [rows, cols], bias, source, device);
            is_there.then(&mut build).transpose()
        };
        let d_head = config.d_attention / n_heads;
        let bias = (kind == AttentionKind::NormedAdditive).then_some(Init::Zeros);
        let key = projection("key", config.d_attention, d_encoded, bias, is_projected)?;
        let query = projection("query", config.d_attention, config.d_decoder, None, is_projected)?;
        let value = projection("value", d_encoded, d_encoded, None, n_heads > 1)?;
        let score = projection("score", 1, d_head, None, kind == AttentionKind::Additive)?;
        let normed_score = if kind == AttentionKind::NormedAdditive {
            let vector = source.vector("decoder.attention.normed_score.vector", d_head, Init::glorot(1, d_head))?;
            let gain = source.vector("decoder.attention.normed_score.gain", 1, Init::Ones)?;
            Some(NormedScore { vector: parameter(vector, [d_head], device), gain: parameter(gain, [1], device) })
        } else {
            None
        };
        let coverage = if config.has_coverage {
            let vector = source.vector("decoder.attention.coverage", d_head, Init::glorot(d_head, 1))?;
            Some(parameter(vector, [d_head], device))
        } else {
            None
        };
        Ok(Self { key, query, value, score, normed_score, coverage, kind, n_heads })
    }

    /// Projects keys and values once.
    pub fn project_keys(&self, encoded: &Encoded<B>) -> Keys<B> {
        let penalty = (encoded.mask.clone() - 1.0) * -PADDED;
        let outputs = encoded.outputs.clone();
        let [batch, positions, _] = outputs.dims();
        let project = |by: &Option<Projection<B>>| {
            self.split(by.as_ref().map_or_else(|| outputs.clone(), |projection| projection.forward_3d(outputs.clone())))
        };
        let keys = self.kind.looks().then(|| project(&self.key));
        let values = match (self.kind, &self.value) {
            (AttentionKind::None, _) => None,
            (AttentionKind::FixedContext, _) => Some(encoded.summary().unsqueeze_dim(1)),
            (_, Some(_)) => Some(project(&self.value)),
            (_, None) => Some(outputs.clone()),
        };
        let penalty: Tensor<B, 3> = penalty.unsqueeze_dim(1);
        let penalty = match self.n_heads {
            1 => penalty,
            heads => penalty.repeat_dim(1, heads).reshape([batch * heads, 1, positions]),
        };
        Keys { keys, values, penalty, rows: None, n_heads: self.n_heads, is_general: self.is_general() }
    }

    /// Whether attention goes by how much of it each position has had.
    pub fn has_coverage(&self) -> bool {
        self.coverage.is_some()
    }

    fn is_general(&self) -> bool {
        matches!(self.kind, AttentionKind::General | AttentionKind::Dot | AttentionKind::ScaledDot)
    }

    /// `[batch, time, heads * d]` to `[batch * heads, time, d]`.
    fn split(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let [batch, time, width] = x.dims();
        if self.n_heads == 1 {
            return x;
        }
        let d = width / self.n_heads;
        x.reshape([batch, time, self.n_heads, d]).swap_dims(1, 2).reshape([batch * self.n_heads, time, d])
    }

    /// `[rows, target, source]` from `queries` `[rows, target, d]` and `keys` `[rows, source, d]`; none for other kinds.
    fn additive_scores(&self, queries: Tensor<B, 3>, keys: Tensor<B, 3>) -> Option<Tensor<B, 3>> {
        let [[rows, target, d], [_, positions, _]] = [queries.dims(), keys.dims()];
        match (&self.normed_score, &self.score) {
            (Some(normed), _) => Some(B::additive_scores(queries, keys, normed.value())),
            (None, Some(Projection { weight: Some(weight), .. })) => {
                Some(B::additive_scores(queries, keys, weight.val().reshape([d])))
            }
            (None, Some(packed)) => {
                let sum = queries.unsqueeze_dim::<4>(2) + keys.unsqueeze_dim::<4>(1);
                let sum = sum.tanh().reshape([rows * target * positions, d]);
                Some(packed.forward(sum).reshape([rows, target, positions]))
            }
            (None, None) => None,
        }
    }

    /// Contexts `[batch, target, d_encoded]`, where there are any, and the first head's weights `[batch, target, source]` for
    /// `queries` `[batch, target, d_decoder]`. Padded positions get zero weight. `seen` is the sum of the weights of each query's
    /// earlier steps, `[batch, target, source]`, with coverage only.
    pub fn forward(
        &self,
        queries: Tensor<B, 3>,
        keys: &Keys<B>,
        seen: Option<Tensor<B, 3>>,
    ) -> (Option<Tensor<B, 3>>, Tensor<B, 3>) {
        let [batch, target, _] = queries.dims();
        let heads = self.n_heads;
        let Keys { keys, values, penalty, rows: live, .. } = keys.clone();
        let (Some(keys), Some(values)) = (keys, values.clone()) else {
            let contexts = values.map(|fixed| fixed.repeat_dim(1, target));
            return (contexts, softmax(penalty.repeat_dim(1, target), 2));
        };
        let queries = match &self.query {
            Some(query) => query.forward_3d(queries),
            None => queries,
        };
        let queries = self.split(queries);
        let [rows, positions, d] = keys.dims();
        // Weights are [batch * heads, target, source].
        let scores = match (&self.coverage, seen) {
            (Some(by), Some(seen)) => {
                // Every query has keys of its own.
                let added = seen.unsqueeze_dim::<4>(3) * by.val().reshape([1, 1, 1, d]);
                let keys = (keys.clone().unsqueeze_dim::<4>(1) + added).reshape([rows * target, positions, d]);
                let scores = self.additive_scores(queries.clone().reshape([rows * target, 1, d]), keys);
                scores.map(|scores| scores.reshape([rows, target, positions]))
            }
            _ => self.additive_scores(queries.clone(), keys.clone()),
        };
        let (contexts, weights) = match scores {
            Some(scores) => {
                let weights = softmax(scores + penalty, 2);
                (weights.clone().matmul(values), weights)
            }
            None => {
                let is_scaled = self.kind == AttentionKind::ScaledDot || heads > 1;
                let queries = if is_scaled { queries * (d as f32).powf(-0.5) } else { queries };
                B::attend(queries, &Memory { keys, values, penalty, rows: live })
            }
        };
        if heads == 1 {
            return (Some(contexts), weights);
        }
        let d_value = contexts.dims()[2];
        let contexts = contexts.reshape([batch, heads, target, d_value]).swap_dims(1, 2);
        let first = weights.reshape([batch, heads, target, positions]).narrow(1, 0, 1);
        (Some(contexts.reshape([batch, target, heads * d_value])), first.squeeze_dim(1))
    }
}
