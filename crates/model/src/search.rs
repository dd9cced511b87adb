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
    attention::Keys,
    decoder::DecoderState,
    seq2seq::Seq2Seq,
    steering::{Steered, Steering},
};

/// Steps between two looks at which sentences are done, where looking waits for the device.
const STEPS_PER_READ: usize = 4;

/// When the search for a sentence's translation ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stopping {
    /// When the best hypotheses in the beam, as many as are asked for, are finished. One that is longer may yet have ended better,
    /// where scores are normalised.
    #[default]
    Best,
    /// When those are finished and no other can end better (Huang et al., 2017): as good as going on to the end.
    Exact,
    /// When every hypothesis in the beam is finished.
    WholeBeam,
}

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
    /// Hypotheses returned for each sentence, at most `beam`, and fewer where the search came to fewer; where tokens are drawn,
    /// draws.
    pub n_best: usize,
    /// Whether attention weights are returned.
    pub with_attention: bool,
    /// When a sentence is done.
    pub stopping: Stopping,
    /// Rules beyond the network's own mind. Drawing takes no account of `beam`.
    pub steering: Steering,
    /// What is taken off the n-th best extension of a hypothesis for each that is better (Li & Jurafsky, 2016): above 0 the
    /// beam holds hypotheses that part earlier.
    pub diversity_rate: f32,
    /// How much a hypothesis in the last beam loses for source tokens that attention has hardly looked at (Wu et al., 2016,
    /// equation 14).
    pub coverage_penalty: f32,
    /// Tokens that the translation of each source begins with; empty where there are none.
    pub prefixes: Vec<Vec<u32>>,
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
            stopping: Stopping::Best,
            steering: Steering::default(),
            diversity_rate: 0.0,
            coverage_penalty: 0.0,
            prefixes: Vec::new(),
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
    /// The length-normalised scores of its beam at the end, [`DEAD`] in places that no hypothesis came to.
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

/// A network at work on a batch.
struct Mind<'a, B: Backend> {
    network: &'a Seq2Seq<B>,
    keys: Keys<B>,
    /// Always there but within a step.
    state: Option<DecoderState<B>>,
    /// Added to its logits.
    bias: Tensor<B, 1>,
}

impl<'a, B: Kernels> Mind<'a, B> {
    fn new(network: &'a Seq2Seq<B>, sources: &[Vec<u32>], repeat: &Tensor<B, 1, Int>, device: &B::Device) -> Self {
        let encoded = network.encode(sources, device);
        let keys = network.decoder.project_keys(&encoded);
        let start = network.decoder.start(&encoded, network.d_embedding);
        let state = Some(start.map(|x| B::select_rows(x, repeat.clone())));
        Self { network, keys, state, bias: network.choice_bias(device) }
    }

    /// One step after `tokens` `[rows]`: the vector for the output table and the attention weights.
    fn step(&mut self, tokens: &Tensor<B, 1, Int>) -> (Tensor<B, 2>, Tensor<B, 2>) {
        let embedded = self.network.embedding.target(tokens.clone().reshape([1, -1])).squeeze_dim(0);
        let state = self.state.take().expect("given back by every step");
        let (output, attention, next) = self.network.decoder.step(embedded, state, &self.keys);
        self.state = Some(next);
        (output, attention)
    }

    /// `[rows, vocab]`.
    fn log_probabilities(&self, output: Tensor<B, 2>) -> Tensor<B, 2> {
        log_softmax(self.network.embedding.product(output) + self.bias.clone().unsqueeze_dim(0), 1)
    }

    fn select_rows(&mut self, rows: &Tensor<B, 1, Int>) {
        self.state = self.state.take().map(|state| state.map(|x| B::select_rows(x, rows.clone())));
    }
}

/// The extensions of each hypothesis by rank, when some are held back for the sake of diversity.
struct Siblings<B: Backend> {
    /// `[rows, width]`.
    tokens: Tensor<B, 2>,
    /// What each rank loses, `[1, width]`; a finished hypothesis has no ranks.
    losses: Tensor<B, 2>,
    /// 1 for a hypothesis that goes on, `[rows, 1]`.
    open: Tensor<B, 2>,
}

impl<B: Kernels> Siblings<B> {
    fn new(rate: f32, tokens: Tensor<B, 2, Int>, beam: &Beam<B>) -> Self {
        let width = tokens.dims()[1];
        let losses = (0..width).map(|rank| rank as f32 * rate).collect();
        let losses = floats(losses, [1, width], &beam.finished.device());
        Self { tokens: tokens.float(), losses, open: beam.finished.clone().neg() + 1.0 }
    }

    fn kept_apart(&self, best: Tensor<B, 2>) -> Tensor<B, 2> {
        best - self.losses.clone() * self.open.clone()
    }

    /// The scores of the next beam without what was taken off them; its rows went on `from` those of this one.
    fn restored(&self, next: &Beam<B>, from: &Tensor<B, 1, Int>) -> Tensor<B, 2> {
        let of_parent = |x: &Tensor<B, 2>| B::select_rows(x.clone(), from.clone());
        let chosen = next.tokens.clone().float().unsqueeze_dim::<2>(1);
        let is_chosen = of_parent(&self.tokens).equal(chosen.repeat_dim(1, self.tokens.dims()[1])).float();
        let lost = (is_chosen * self.losses.clone()).sum_dim(1) * of_parent(&self.open);
        next.scores.clone() + lost
    }
}

/// The logarithm of the mean of probabilities, and the mean of attention weights.
fn joined<B: Kernels>(parts: Vec<(Tensor<B, 2>, Tensor<B, 2>)>) -> (Tensor<B, 2>, Tensor<B, 2>) {
    let n = parts.len() as f32;
    let (values, attention): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let all = |parts: Vec<Tensor<B, 2>>, f: fn(Tensor<B, 2>, Tensor<B, 2>) -> Tensor<B, 2>| {
        parts.into_iter().reduce(f).expect("there is a network")
    };
    let highest = all(values.clone(), Tensor::max_pair);
    let values = values.into_iter().map(|values| (values - highest.clone()).exp()).collect();
    let mean = all(values, |a, b| a + b) / n;
    (mean.log() + highest, all(attention, |a, b| a + b) / n)
}

/// Translates `sources`, ids without end marks; gives for each the `n_best` best hypotheses, best first, and one at
/// least; where tokens are drawn, the draws in their order. There are fewer where the search came to fewer, as where a
/// prefix is as long as a translation may be. Sentences are independent: what is beside a sentence in the batch does not
/// change its translation. Several `networks`, which must have one vocabulary, choose every token together by the mean of
/// their probabilities.
pub async fn beam_search<B: Kernels>(
    networks: &[Seq2Seq<B>],
    sources: &[Vec<u32>],
    options: &SearchOptions,
    device: &B::Device,
) -> Vec<Vec<Hypothesis>> {
    if sources.is_empty() {
        return Vec::new();
    }
    if options.steering.sampling.is_none() {
        return search(networks, sources, &vec![0; sources.len()], options, device).await;
    }
    // Every draw is a sentence of its own.
    let n = options.n_best.max(1);
    let repeat = |all: &[Vec<u32>]| all.iter().flat_map(|one| std::iter::repeat_n(one.clone(), n)).collect::<Vec<_>>();
    let (repeated, prefixes) = (repeat(sources), repeat(&options.prefixes));
    let draws: Vec<usize> = (0..repeated.len()).map(|index| index % n).collect();
    let options = SearchOptions { beam: 1, n_best: 1, prefixes, ..options.clone() };
    let drawn = search(networks, &repeated, &draws, &options, device).await;
    let mut drawn = drawn.into_iter().flatten();
    sources.iter().map(|_| drawn.by_ref().take(n).collect()).collect()
}

async fn search<B: Kernels>(
    networks: &[Seq2Seq<B>],
    sources: &[Vec<u32>],
    draws: &[usize],
    options: &SearchOptions,
    device: &B::Device,
) -> Vec<Vec<Hypothesis>> {
    let (batch, beam) = (sources.len(), options.beam.max(1));
    let rows = batch * beam;
    let n_best = options.n_best.clamp(1, beam);
    let repeat = ints::<B>((0..rows).map(|row| row / beam), device);
    let mut minds: Vec<Mind<B>> = networks.iter().map(|of| Mind::new(of, sources, &repeat, device)).collect();
    let n_vocab = networks.first().expect("a network translates").n_vocab;
    assert!(networks.iter().all(|other| other.n_vocab == n_vocab), "networks of one vocabulary");
    // No more than `beam` extensions of one hypothesis can be among the best of its sentence.
    let width = beam.min(n_vocab);
    let with_attention = options.with_attention || options.coverage_penalty > 0.0;
    let is_diverse = options.diversity_rate > 0.0 && width > 1;
    // Otherwise the beam is sorted by length-normalised score at every step.
    let is_ranked_at_end = options.coverage_penalty > 0.0 || is_diverse;
    // Only one hypothesis of each sentence lives at first: all others would be its doubles.
    let alone = (0..rows).map(|row| if row % beam == 0 { 0.0 } else { DEAD }).collect();
    let mut live = Beam {
        tokens: ints::<B>(vec![BOS as usize; rows], device),
        scores: floats(alone, [rows, 1], device),
        finished: Tensor::zeros([rows, 1], device),
        lengths: Tensor::zeros([rows, 1], device),
        limits: floats((0..rows).map(|row| limit(&sources[row / beam], options)).collect(), [rows, 1], device),
    };
    let mut steered = Steered::new(&options.steering, sources, &options.prefixes, draws, beam);
    let mut tracks = vec![Track::default(); batch];
    // The sentences that are in the batch, by number.
    let mut sentences: Vec<usize> = (0..batch).collect();
    let mut steps = Vec::new();
    let longest = options.max_length.max(1);
    for t in 1..=longest {
        let mut outputs: Vec<_> = minds.iter_mut().map(|mind| mind.step(&live.tokens)).collect();
        let (best, tokens, attention) = if let ([mind], None) = (&minds[..], &steered) {
            let (output, attention) = outputs.pop().expect("of one network");
            let (best, tokens) = mind.network.embedding.most_probable(output, mind.bias.clone(), width); // [rows, width]
            (best, tokens, attention)
        } else {
            let parts = minds.iter().zip(outputs).map(|(mind, (output, seen))| (mind.log_probabilities(output), seen));
            let (mut log_probabilities, attention) = joined(parts.collect());
            if let Some(steered) = &mut steered {
                let shape = log_probabilities.dims();
                let mut values = read(log_probabilities).await;
                steered.apply(&mut values, n_vocab, &sentences);
                log_probabilities = floats(values, shape, device);
            }
            let (best, tokens) = B::top_k(log_probabilities, width);
            (best, tokens, attention)
        };
        let siblings = is_diverse.then(|| Siblings::new(options.diversity_rate, tokens.clone(), &live));
        let best = siblings.iter().fold(best, |best, siblings| siblings.kept_apart(best));
        let rules = BeamRules {
            batch: sentences.len(),
            length_penalty: options.length_penalty,
            length_offset: options.length_offset,
            n_best: if options.stopping == Stopping::WholeBeam || is_ranked_at_end { beam } else { n_best },
            is_exact: options.stopping == Stopping::Exact,
            end: EOS,
            padding: PAD,
        };
        let Extended { beam: extended, parents, from } = B::extend_beam(best, tokens, live, rules);
        live = extended;
        if let Some(siblings) = siblings {
            live.scores = siblings.restored(&live, &from);
        }
        // With one hypothesis a sentence every row goes on from itself.
        if beam > 1 {
            minds.iter_mut().for_each(|mind| mind.select_rows(&from));
        }
        if let Some(steered) = &mut steered {
            steered.follow(&read_ints(from).await, &read_ints(live.tokens.clone()).await);
        }
        let tokens = live.tokens.clone().reshape([sentences.len(), beam]);
        steps.push(Step { tokens, parents, attention: with_attention.then_some(attention) });
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
        let ends = read(Tensor::cat(vec![live.scores.clone(), live.lengths.clone()], 1)).await; // [rows, 2]
        for (ends, &sentence) in ends.chunks_exact(2 * beam).zip(&sentences) {
            tracks[sentence].scores = ends.chunks_exact(2).map(|end| normalised(end[0], end[1], options)).collect();
        }
        if is_over {
            break;
        }
        let rows = || staying.iter().flat_map(|&place| place * beam..(place + 1) * beam);
        if let Some(steered) = &mut steered {
            steered.select(rows());
        }
        let rows = ints::<B>(rows(), device);
        for mind in &mut minds {
            mind.keys = mind.keys.clone().select(&staying);
            mind.select_rows(&rows);
        }
        live = live.select(&rows);
        sentences = staying.into_iter().map(|place| sentences[place]).collect();
    }
    let mut all = collect(steps, tracks, beam, sources).await;
    for (hypotheses, source) in all.iter_mut().zip(sources) {
        let is_live = |hypothesis: &Hypothesis| hypothesis.score != DEAD;
        if hypotheses.iter().any(is_live) {
            hypotheses.retain(is_live);
        }
        if options.coverage_penalty > 0.0 {
            for hypothesis in hypotheses.iter_mut() {
                hypothesis.score += options.coverage_penalty * coverage(&hypothesis.attention, source.len());
                if !options.with_attention {
                    hypothesis.attention.clear();
                }
            }
        }
        if is_ranked_at_end {
            hypotheses.sort_by(|a, b| b.score.total_cmp(&a.score));
        }
        hypotheses.truncate(n_best);
    }
    all
}

/// A log-probability by its `length`; what is dead stays so, however long it is.
fn normalised(score: f32, length: f32, options: &SearchOptions) -> f32 {
    if score <= DEAD / 2.0 {
        return DEAD;
    }
    let relative = (length.max(1.0) + options.length_offset) / (options.length_offset + 1.0);
    score / relative.powf(options.length_penalty)
}

/// The sum over the source's tokens, without its end mark, of the logarithm of the attention that each got, 1 at most.
fn coverage(attention: &[Vec<f32>], n_tokens: usize) -> f32 {
    let got = |token: usize| attention.iter().map(|row| row[token]).sum::<f32>();
    (0..n_tokens).map(|token| got(token).clamp(1e-9, 1.0).ln()).sum()
}

/// Most target tokens of a sentence, its end mark included.
fn limit(source: &[u32], options: &SearchOptions) -> f32 {
    let most = options.max_length.max(1) as f32;
    options.max_length_factor.map_or(most, |factor| most.min((source.len() as f32 * factor).ceil()))
}

/// Follows the back-pointers of every hypothesis in the last beam of each sentence, in its order.
async fn collect<B: Backend>(
    steps: Vec<Step<B>>,
    tracks: Vec<Track>,
    beam: usize,
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
    let all = |track, length| (0..beam).map(|rank| hypothesis(track, rank, length)).collect();
    tracks.iter().zip(sources).map(|(track, source)| all(track, source.len() + 1)).collect()
}
