//! Beam search, on the device until its end.
//!
//! Every step ranks the extensions of all hypotheses of a sentence by length-normalised score. A finished
//! hypothesis keeps its place in the beam with its score, so a beam of one is greedy search and a beam as wide as
//! the space is exhaustive. Tokens and back-pointers stay on the device; one small read every few steps tells
//! whether all sentences are done.

use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use traduko_kernels::Kernels;

use crate::{BOS, EOS, PAD, UNK, decoder::DecoderState, seq2seq::Seq2Seq};

/// Score of what must not be chosen; far below any real score, far above the floats' end.
const DEAD: f32 = -1e9;

/// Steps between two looks at whether all sentences are done.
const STEPS_PER_READ: usize = 4;

/// How to search.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchOptions {
    /// Hypotheses kept for each sentence; 1 is greedy search.
    pub beam: usize,
    /// Most target tokens, the end mark included.
    pub max_length: usize,
    /// A score is the log-probability divided by the length to this power (0: not normalised).
    pub length_penalty: f32,
    /// Hypotheses returned for each sentence, at most `beam`.
    pub n_best: usize,
    /// Whether attention weights are returned.
    pub with_attention: bool,
    /// Go on until every hypothesis in the beam is finished, rather than until the `n_best` best ones are.
    pub is_exhaustive: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { beam: 5, max_length: 128, length_penalty: 1.0, n_best: 1, with_attention: false, is_exhaustive: false }
    }
}

/// A translation in subwords.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// Ids without marks.
    pub tokens: Vec<u32>,
    /// Length-normalised log-probability.
    pub score: f32,
    /// Attention weights `[target][source]`, the end marks of both included; empty unless asked for.
    pub attention: Vec<Vec<f32>>,
}

/// What the beam holds between two steps; rows are `batch * beam`.
struct Beam<B: Backend> {
    state: DecoderState<B>,
    /// Last tokens, `[rows]`.
    tokens: Tensor<B, 1, Int>,
    /// Log-probabilities, `[rows, 1]`.
    scores: Tensor<B, 2>,
    /// 1 where finished, `[rows, 1]`.
    finished: Tensor<B, 2>,
    /// Tokens so far, end mark included, `[rows, 1]`.
    lengths: Tensor<B, 2>,
}

/// What must be kept of every step to read hypotheses off at the end.
struct Step<B: Backend> {
    /// `[batch, beam]`.
    tokens: Tensor<B, 2, Int>,
    /// Rows of the step before, `[batch, beam]`.
    parents: Tensor<B, 2, Int>,
    /// `[rows of the step before, source]`.
    attention: Option<Tensor<B, 2>>,
}

fn floats<B: Backend, const D: usize>(values: Vec<f32>, shape: [usize; D], device: &B::Device) -> Tensor<B, D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn ints<B: Backend>(values: Vec<i32>, device: &B::Device) -> Tensor<B, 1, Int> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}

async fn read<B: Backend, const D: usize>(x: Tensor<B, D>) -> Vec<f32> {
    let data = x.into_data_async().await.expect("a device that computed can be read");
    data.convert::<f32>().into_vec().expect("converted the line before")
}

async fn read_ints<B: Backend, const D: usize>(x: Tensor<B, D, Int>) -> Vec<i32> {
    let data = x.into_data_async().await.expect("a device that computed can be read");
    data.convert::<i32>().into_vec().expect("converted the line before")
}

/// Translates `sources`, ids without end marks; gives for each the `n_best` best hypotheses, best first. Sentences
/// are independent: what is beside a sentence in the batch does not change its translation.
pub async fn beam_search<B: Kernels>(
    model: &Seq2Seq<B>,
    sources: &[Vec<u32>],
    options: &SearchOptions,
    device: &B::Device,
) -> Vec<Vec<Hypothesis>> {
    if sources.is_empty() {
        return Vec::new();
    }
    let (batch, beam) = (sources.len(), options.beam.max(1));
    let rows = batch * beam;
    let n_best = options.n_best.clamp(1, beam);
    let encoded = model.encode(sources, device);
    let repeat = ints::<B>((0..rows).map(|row| (row / beam) as i32).collect(), device);
    let mut keys = model.decoder.project_keys(&encoded);
    let start = model.decoder.start(&encoded, model.d_embedding);
    keys.keys = keys.keys.select(0, repeat.clone());
    keys.values = keys.values.select(0, repeat.clone());
    keys.penalty = keys.penalty.select(0, repeat.clone());
    // Only one hypothesis of each sentence lives at first: all others would be its doubles.
    let alone = (0..rows).map(|row| if row % beam == 0 { 0.0 } else { DEAD }).collect();
    let mut live = Beam {
        state: start.map(|x| x.select(0, repeat.clone())),
        tokens: ints::<B>(vec![BOS as i32; rows], device),
        scores: floats(alone, [rows, 1], device),
        finished: Tensor::zeros([rows, 1], device),
        lengths: Tensor::zeros([rows, 1], device),
    };
    let bias: Vec<f32> =
        (0..model.n_vocab as u32).map(|id| if [PAD, BOS, UNK].contains(&id) { DEAD } else { 0.0 }).collect();
    let bias = floats::<B, 1>(bias, [model.n_vocab], device);
    let bias = model.embedding.bias().map_or(bias.clone(), |output| output + bias);
    let offsets = ints::<B>((0..batch).map(|b| (b * beam) as i32).collect(), device).unsqueeze_dim::<2>(1);

    let mut steps = Vec::new();
    for t in 0..options.max_length.max(1) {
        let (next, step) = advance(model, &keys, live, &bias, &offsets, options);
        live = next;
        steps.push(step);
        if !options.is_exhaustive {
            live.finished = finish_done(live.finished, batch, beam, n_best);
        }
        if (t + 1) % STEPS_PER_READ == 0 && read(live.finished.clone().sum()).await[0] >= rows as f32 {
            break;
        }
    }
    let normalised = live.scores / live.lengths.clamp_min(1.0).powf_scalar(options.length_penalty);
    collect(steps, normalised, batch, beam, n_best, sources).await
}

/// Once its `n_best` best are finished a sentence is done, and so is all that is left in its beam.
fn finish_done<B: Backend>(finished: Tensor<B, 2>, batch: usize, beam: usize, n_best: usize) -> Tensor<B, 2> {
    let finished: Tensor<B, 2> = finished.reshape([batch, beam]);
    let done = finished.clone().narrow(1, 0, n_best).min_dim(1); // [batch, 1]
    finished.max_pair(done.expand([batch, beam])).reshape([batch * beam, 1])
}

fn advance<B: Kernels>(
    model: &Seq2Seq<B>,
    keys: &crate::attention::Keys<B>,
    live: Beam<B>,
    bias: &Tensor<B, 1>,
    offsets: &Tensor<B, 2, Int>,
    options: &SearchOptions,
) -> (Beam<B>, Step<B>) {
    let rows = live.scores.dims()[0];
    let batch = offsets.dims()[0];
    let beam = rows / batch;
    let embedded = model.embedding.target(live.tokens.reshape([1, rows])).squeeze_dim(0);
    let (output, attention, state) = model.decoder.step(embedded, live.state, keys);
    // No more than `beam` extensions of one hypothesis can be among the best of its sentence.
    let width = beam.min(model.n_vocab);
    let (best, tokens) = B::most_probable(model.embedding.unbiased_logits(output), bias.clone(), width); // [rows, width]
    // A finished hypothesis has one extension: itself.
    let device = live.scores.device();
    let itself = floats::<B, 2>((0..width).map(|i| if i == 0 { 0.0 } else { DEAD }).collect(), [1, width], &device);
    let open = -live.finished.clone() + 1.0; // [rows, 1]
    let scores = live.scores + open.clone() * best + live.finished.clone() * itself; // [rows, width]
    let lengths = live.lengths + open.clone(); // [rows, 1]
    let normalised = scores.clone() / lengths.clone().powf_scalar(options.length_penalty);
    let tokens = tokens * open.int() + live.finished.clone().int() * PAD as i32; // [rows, width]

    let (_, places) = B::top_k(normalised.reshape([batch, beam * width]), beam); // [batch, beam]
    let chosen = tokens.reshape([batch, beam * width]).gather(1, places.clone()); // [batch, beam]
    let scores = scores.reshape([batch, beam * width]).gather(1, places.clone()).reshape([rows, 1]);
    let parents = places.div_scalar(width as i32) + offsets.clone(); // [batch, beam]
    let from: Tensor<B, 1, Int> = parents.clone().reshape([rows]);
    let tokens: Tensor<B, 1, Int> = chosen.clone().reshape([rows]);
    let ended = tokens.clone().equal_elem(EOS as i32).float().unsqueeze_dim::<2>(1); // [rows, 1]
    let next = Beam {
        state: state.map(|x| x.select(0, from.clone())),
        tokens,
        scores,
        finished: live.finished.select(0, from.clone()).max_pair(ended),
        lengths: lengths.select(0, from),
    };
    let attention = options.with_attention.then_some(attention);
    (next, Step { tokens: chosen, parents, attention })
}

/// Follows the back-pointers of the best hypotheses of each sentence.
async fn collect<B: Backend>(
    steps: Vec<Step<B>>,
    normalised: Tensor<B, 2>,
    batch: usize,
    beam: usize,
    n_best: usize,
    sources: &[Vec<u32>],
) -> Vec<Vec<Hypothesis>> {
    let rows = batch * beam;
    let time = steps.len();
    let (mut tokens, mut parents, mut attention) = (Vec::new(), Vec::new(), Vec::new());
    for step in steps {
        tokens.push(step.tokens);
        parents.push(step.parents);
        attention.extend(step.attention);
    }
    let tokens = read_ints(Tensor::cat(tokens, 0)).await; // [time * batch, beam]
    let parents = read_ints(Tensor::cat(parents, 0)).await;
    let scores = read(normalised).await;
    let width = attention.first().map_or(0, |x| x.dims()[1]);
    let attention = if attention.is_empty() { Vec::new() } else { read(Tensor::cat(attention, 0)).await };

    let hypothesis = |row: usize, source_length: usize| {
        let (mut path, mut weights, mut at) = (Vec::new(), Vec::new(), row);
        for t in (0..time).rev() {
            let parent = parents[t * rows + at] as usize;
            let token = tokens[t * rows + at] as u32;
            if token != PAD {
                if token != EOS {
                    path.push(token);
                }
                if width > 0 {
                    let start = (t * rows + parent) * width;
                    weights.push(attention[start..start + source_length].to_vec());
                }
            }
            at = parent;
        }
        path.reverse();
        weights.reverse();
        Hypothesis { tokens: path, score: scores[row], attention: weights }
    };
    // The beam is sorted by normalised score at every step.
    sources
        .iter()
        .enumerate()
        .map(|(b, source)| (0..n_best).map(|rank| hypothesis(b * beam + rank, source.len() + 1)).collect())
        .collect()
}
