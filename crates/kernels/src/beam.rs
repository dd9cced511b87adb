//! One step of a beam search after the network's: which extensions of which hypotheses live on.

use burn::tensor::{Int, Tensor, TensorData, backend::Backend};

use crate::Kernels;

/// Score of what must not be chosen; far below any real score, far above the floats' end.
pub const DEAD: f32 = -1e9;

/// The hypotheses of a search besides the network's state; rows are `batch * beam`.
#[derive(Clone, Debug)]
pub struct Beam<B: Backend> {
    /// Last tokens, `[rows]`.
    pub tokens: Tensor<B, 1, Int>,
    /// Log-probabilities, `[rows, 1]`.
    pub scores: Tensor<B, 2>,
    /// 1 where finished, `[rows, 1]`.
    pub finished: Tensor<B, 2>,
    /// Tokens so far, end mark included, `[rows, 1]`.
    pub lengths: Tensor<B, 2>,
    /// How many tokens each may have, `[rows, 1]`.
    pub limits: Tensor<B, 2>,
}

impl<B: Kernels> Beam<B> {
    /// Some of its rows.
    pub fn select(self, rows: &Tensor<B, 1, Int>) -> Self {
        let select = |x| B::select_rows(x, rows.clone());
        Self {
            tokens: self.tokens.select(0, rows.clone()),
            scores: select(self.scores),
            finished: select(self.finished),
            lengths: select(self.lengths),
            limits: select(self.limits),
        }
    }
}

/// What decides which hypotheses live on.
#[derive(Clone, Copy, Debug)]
pub struct BeamRules {
    /// Sentences.
    pub batch: usize,
    /// Hypotheses are ranked by their log-probability over `(offset + length) / (offset + 1)` to this power.
    pub length_penalty: f32,
    /// The offset.
    pub length_offset: f32,
    /// A sentence is done once so many of its best hypotheses are finished, and with it all that is left of it.
    pub n_best: usize,
    /// ... and no other can end better, however probable what it has yet to say.
    pub is_exact: bool,
    /// The token that ends a hypothesis.
    pub end: u32,
    /// The token that follows it.
    pub padding: u32,
}

/// Hypotheses after a step, the best of each sentence first.
#[derive(Clone, Debug)]
pub struct Extended<B: Backend> {
    /// Their last tokens, scores and lengths.
    pub beam: Beam<B>,
    /// Which hypotheses of their sentence they continue, `[batch, beam]`.
    pub parents: Tensor<B, 2, Int>,
    /// The rows that they continue, `[rows]`.
    pub from: Tensor<B, 1, Int>,
}

pub(crate) fn extend<B: Kernels>(
    best: Tensor<B, 2>,
    tokens: Tensor<B, 2, Int>,
    before: Beam<B>,
    rules: BeamRules,
) -> Extended<B> {
    let [rows, width] = best.dims();
    let (batch, beam) = (rules.batch, rows / rules.batch);
    let device = best.device();
    // A finished hypothesis has one extension: itself.
    let itself: Vec<f32> = (0..width).map(|i| if i == 0 { 0.0 } else { DEAD }).collect();
    let itself = Tensor::<B, 2>::from_data(TensorData::new(itself, [1, width]), &device);
    let open = -before.finished.clone() + 1.0; // [rows, 1]
    let scores = before.scores + open.clone() * best + before.finished.clone() * itself; // [rows, width]
    let lengths = before.lengths + open.clone(); // [rows, 1]
    let tokens = tokens * open.int() + before.finished.clone().int() * rules.padding as i32; // [rows, width]

    let relative = (lengths.clone() + rules.length_offset) / (rules.length_offset + 1.0);
    let normalised = scores.clone() / relative.powf_scalar(rules.length_penalty);
    let (ranked, chosen) = B::top_k(normalised.reshape([batch, beam * width]), beam); // both [batch, beam]
    let tokens: Tensor<B, 1, Int> = tokens.reshape([batch, beam * width]).gather(1, chosen.clone()).reshape([rows]);
    let scores = scores.reshape([batch, beam * width]).gather(1, chosen.clone()).reshape([rows, 1]);
    let parents = chosen.div_scalar(width as i32); // [batch, beam]
    let offsets = Tensor::<B, 1, Int>::arange(0..batch as i64, &device).mul_scalar(beam as i32).unsqueeze_dim::<2>(1);
    let from: Tensor<B, 1, Int> = (parents.clone() + offsets).reshape([rows]);
    let lengths = lengths.select(0, from.clone());
    let ended = tokens.clone().equal_elem(rules.end as i32).float().unsqueeze_dim::<2>(1); // [rows, 1]
    let ended = ended.max_pair(lengths.clone().greater_equal(before.limits.clone()).float());
    let finished: Tensor<B, 2> = before.finished.select(0, from.clone()).max_pair(ended).reshape([batch, beam]);
    let mut done = finished.clone().narrow(1, 0, rules.n_best).min_dim(1); // [batch, 1]
    if rules.is_exact {
        // A log-probability only falls, and its share of the length is least at the limit.
        let relative = (before.limits.clone() + rules.length_offset) / (rules.length_offset + 1.0);
        let reach = (scores.clone() / relative.powf_scalar(rules.length_penalty)).reshape([batch, beam]);
        let reach = reach + finished.clone() * DEAD;
        let last = ranked.narrow(1, rules.n_best - 1, 1); // [batch, 1]
        done = done * last.greater_equal(reach.max_dim(1)).float();
    }
    let finished = finished.max_pair(done.expand([batch, beam])).reshape([rows, 1]);
    Extended { beam: Beam { tokens, scores, finished, lengths, limits: before.limits }, parents, from }
}
