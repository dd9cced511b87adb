//! Beam search, on the device until its end.
//!
//! Every step ranks the extensions of all hypotheses of a sentence by length-normalised score. A finished
//! hypothesis keeps its place in the beam with its score, so a beam of one is greedy search and a beam as wide as
//! the space is exhaustive. Tokens and back-pointers stay on the device; one small read every few steps tells
//! which sentences are done, and where the backend gains by it those leave the batch.

use burn::tensor::{Int, Tensor, TensorData, activation::log_softmax, backend::Backend};
use traduko_kernels::{Beam, BeamRules, DEAD, Extended, Kernels};

use crate::{
    BOS, EOS, PAD,
    seq2seq::Seq2Seq,
    steering::{Steered, Steering},
};

/// Steps between two looks at which sentences are done, where looking waits for the device.
const STEPS_PER_READ: usize = 4;

/// How to search.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchOptions {
    /// Hypotheses kept for each sentence; 1 is greedy search.
    pub beam: usize,
    /// Most target tokens, the end mark included.
    pub max_length: usize,
    /// Most target tokens for each source token besides.
    pub max_length_factor: Option<f32>,
    /// A score is the log-probability divided by `((offset + length) / (offset + 1))` to this power (0: not normalised).
    pub length_penalty: f32,
    /// The offset: 0 for the plain length, 5 as Wu et al. (2016) have it.
    pub length_offset: f32,
    /// Hypotheses returned for each sentence, at most `beam`; where tokens are drawn, draws.
    pub n_best: usize,
    /// Whether attention weights are returned.
    pub with_attention: bool,
    /// Go on until every hypothesis in the beam is finished, rather than until the `n_best` best ones are.
    pub is_exhaustive: bool,
    /// Rules beyond the network's own mind. Drawing takes no account of `beam`.
    pub steering: Steering,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            beam: 5,
            max_length: 128,
            max_length_factor: None,
            length_penalty: 1.0,
            length_offset: 0.0,
            n_best: 1,
            with_attention: false,
            is_exhaustive: false,
            steering: Steering::default(),
        }
    }
}

/// A translation in subwords.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// Ids without marks.
    pub tokens: Vec<u32>,
    /// Length-normalised log-probability.
    pub score: f32,
    /// Whether it came to an end mark before it was as long as it may be.
    pub is_finished: bool,
    /// Attention weights `[target][source]`, the end marks of both included; empty unless asked for.
    pub attention: Vec<Vec<f32>>,
}

/// What must be kept of every step to read hypotheses off at the end.
struct Step<B: Backend> {
    /// `[batch, beam]`.
    tokens: Tensor<B, 2, Int>,
    /// Which hypotheses of the step before they continue, `[batch, beam]`.
    parents: Tensor<B, 2, Int>,
    /// `[rows of the step before, source]`.
    attention: Option<Tensor<B, 2>>,
}

/// Where a sentence is, step by step, and how it ended.
#[derive(Clone, Default)]
struct Track {
    /// Its place in the batch at each step.
    places: Vec<usize>,
    /// The length-normalised scores of its beam at the end.
    scores: Vec<f32>,
}

fn floats<B: Backend, const D: usize>(values: Vec<f32>, shape: [usize; D], device: &B::Device) -> Tensor<B, D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn ints<B: Backend>(values: impl IntoIterator<Item = usize>, device: &B::Device) -> Tensor<B, 1, Int> {
    let values: Vec<i32> = values.into_iter().map(|value| value as i32).collect();
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
    if options.steering.sampling.is_none() {
        return search(model, sources, &vec![0; sources.len()], options, device).await;
    }
    // Every draw is a sentence of its own.
    let n = options.n_best.max(1);
    let repeated: Vec<Vec<u32>> = sources.iter().flat_map(|source| std::iter::repeat_n(source.clone(), n)).collect();
    let draws: Vec<usize> = (0..repeated.len()).map(|index| index % n).collect();
    let options = SearchOptions { beam: 1, n_best: 1, ..options.clone() };
    let drawn = search(model, &repeated, &draws, &options, device).await;
    let mut drawn = drawn.into_iter().flatten();
    sources.iter().map(|_| drawn.by_ref().take(n).collect()).collect()
}

async fn search<B: Kernels>(
    model: &Seq2Seq<B>,
    sources: &[Vec<u32>],
    draws: &[usize],
    options: &SearchOptions,
    device: &B::Device,
) -> Vec<Vec<Hypothesis>> {
    let (batch, beam) = (sources.len(), options.beam.max(1));
    let rows = batch * beam;
    let n_best = options.n_best.clamp(1, beam);
    let encoded = model.encode(sources, device);
    let mut keys = model.decoder.project_keys(&encoded);
    let start = model.decoder.start(&encoded, model.d_embedding);
    let repeat = ints::<B>((0..rows).map(|row| row / beam), device);
    // Only one hypothesis of each sentence lives at first: all others would be its doubles.
    let alone = (0..rows).map(|row| if row % beam == 0 { 0.0 } else { DEAD }).collect();
    let mut state = start.map(|x| B::select_rows(x, repeat.clone()));
    let mut live = Beam {
        tokens: ints::<B>(vec![BOS as usize; rows], device),
        scores: floats(alone, [rows, 1], device),
        finished: Tensor::zeros([rows, 1], device),
        lengths: Tensor::zeros([rows, 1], device),
        limits: floats((0..rows).map(|row| limit(&sources[row / beam], options)).collect(), [rows, 1], device),
    };
    let bias = model.choice_bias(device);
    let mut steered = Steered::new(&options.steering, sources, draws, beam);
    let mut tracks = vec![Track::default(); batch];
    // The sentences that are in the batch, by number.
    let mut sentences: Vec<usize> = (0..batch).collect();
    let mut steps = Vec::new();
    let longest = options.max_length.max(1);
    for t in 1..=longest {
        let embedded = model.embedding.target(live.tokens.clone().reshape([1, -1])).squeeze_dim(0);
        let (output, attention, next) = model.decoder.step(embedded, state, &keys);
        // No more than `beam` extensions of one hypothesis can be among the best of its sentence.
        let width = beam.min(model.n_vocab);
        let (best, tokens) = match &mut steered {
            None => model.embedding.most_probable(output, bias.clone(), width), // [rows, width]
            Some(steered) => {
                let log_probabilities = log_softmax(model.embedding.product(output) + bias.clone().unsqueeze_dim(0), 1);
                let shape = log_probabilities.dims();
                let mut values = read(log_probabilities).await;
                steered.apply(&mut values, model.n_vocab, &sentences);
                B::top_k(floats(values, shape, device), width)
            }
        };
        let rules = BeamRules {
            batch: sentences.len(),
            length_penalty: options.length_penalty,
            length_offset: options.length_offset,
            n_best: if options.is_exhaustive { beam } else { n_best },
            end: EOS,
            padding: PAD,
        };
        let Extended { beam: extended, parents, from } = B::extend_beam(best, tokens, live, rules);
        live = extended;
        // With one hypothesis a sentence every row goes on from itself.
        state = if beam == 1 { next } else { next.map(|x| B::select_rows(x, from.clone())) };
        if let Some(steered) = &mut steered {
            steered.follow(&read_ints(from).await, &read_ints(live.tokens.clone()).await);
        }
        let tokens = live.tokens.clone().reshape([sentences.len(), beam]);
        steps.push(Step { tokens, parents, attention: options.with_attention.then_some(attention) });
        for (place, &sentence) in sentences.iter().enumerate() {
            tracks[sentence].places.push(place);
        }
        if !B::SHRINKS_BATCHES && t % STEPS_PER_READ != 0 && t != longest {
            continue;
        }
        let finished = read(live.finished.clone()).await;
        let is_done = |place: usize| finished[place * beam..(place + 1) * beam].iter().all(|&x| x > 0.0);
        let staying: Vec<usize> = (0..sentences.len()).filter(|&place| !is_done(place)).collect();
        let is_over = staying.is_empty() || t == longest;
        if !is_over && (!B::SHRINKS_BATCHES || staying.len() == sentences.len()) {
            continue;
        }
        let lengths = (live.lengths.clone().clamp_min(1.0) + options.length_offset) / (options.length_offset + 1.0);
        let scores = read(live.scores.clone() / lengths.powf_scalar(options.length_penalty)).await;
        for (scores, &sentence) in scores.chunks_exact(beam).zip(&sentences) {
            tracks[sentence].scores = scores.to_vec();
        }
        if is_over {
            break;
        }
        keys = keys.select(&staying);
        let rows = || staying.iter().flat_map(|&place| place * beam..(place + 1) * beam);
        if let Some(steered) = &mut steered {
            steered.select(rows());
        }
        let rows = ints::<B>(rows(), device);
        state = state.map(|x| B::select_rows(x, rows.clone()));
        live = live.select(&rows);
        sentences = staying.into_iter().map(|place| sentences[place]).collect();
    }
    collect(steps, tracks, beam, n_best, sources).await
}

/// Most target tokens of a sentence, its end mark included.
fn limit(source: &[u32], options: &SearchOptions) -> f32 {
    let most = options.max_length.max(1) as f32;
    options.max_length_factor.map_or(most, |factor| most.min((source.len() as f32 * factor).ceil()))
}

/// Follows the back-pointers of the best hypotheses of each sentence.
async fn collect<B: Backend>(
    steps: Vec<Step<B>>,
    tracks: Vec<Track>,
    beam: usize,
    n_best: usize,
    sources: &[Vec<u32>],
) -> Vec<Vec<Hypothesis>> {
    let (mut tokens, mut parents, mut attention) = (Vec::new(), Vec::new(), Vec::new());
    // The first row of each step among the rows of all.
    let mut starts = Vec::with_capacity(steps.len());
    let mut rows = 0;
    for step in steps {
        starts.push(rows);
        rows += step.tokens.dims()[0] * beam;
        tokens.push(step.tokens);
        parents.push(step.parents);
        attention.extend(step.attention);
    }
    let tokens = read_ints(Tensor::cat(tokens, 0)).await; // [rows]
    let parents = read_ints(Tensor::cat(parents, 0)).await;
    let width = attention.first().map_or(0, |x| x.dims()[1]);
    let attention = if attention.is_empty() { Vec::new() } else { read(Tensor::cat(attention, 0)).await };

    let hypothesis = |track: &Track, rank: usize, source_length: usize| {
        let (mut path, mut weights, mut at) = (Vec::new(), Vec::new(), rank);
        let mut is_finished = false;
        for (place, start) in track.places.iter().zip(&starts).rev() {
            let first = start + place * beam;
            let (token, parent) = (tokens[first + at] as u32, parents[first + at] as usize);
            if token != PAD {
                match token {
                    EOS => is_finished = true,
                    _ => path.push(token),
                }
                if width > 0 {
                    let row = (first + parent) * width;
                    weights.push(attention[row..row + source_length].to_vec());
                }
            }
            at = parent;
        }
        path.reverse();
        weights.reverse();
        Hypothesis { tokens: path, score: track.scores[rank], is_finished, attention: weights }
    };
    // The beam is sorted by normalised score at every step.
    let best = |track, n_best, length| (0..n_best).map(|rank| hypothesis(track, rank, length)).collect();
    tracks.iter().zip(sources).map(|(track, source)| best(track, n_best, source.len() + 1)).collect()
}
