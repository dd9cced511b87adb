//! The whole network.

use burn::{
    module::{Module, ParamId},
    tensor::{Int, Tensor, TensorData, activation::log_softmax, backend::Backend},
};
use traduko_kernels::{DEAD, Kernels};

use crate::{
    BOS, EOS, PAD, UNK,
    config::ModelConfig,
    decoder::Decoder,
    dropout::{Dropouts, drop, drop_rows},
    embedding::Embedding,
    encoder::{Encoded, Encoder},
    weights::{self, NamedTensor, WeightSource},
};

/// Encoder, decoder and their embeddings.
#[derive(Module, Debug)]
pub struct Seq2Seq<B: Backend> {
    pub(crate) embedding: Embedding<B>,
    encoder: Encoder<B>,
    pub(crate) decoder: Decoder<B>,
    #[module(skip)]
    dropouts: Dropouts,
    pub(crate) n_vocab: usize,
    pub(crate) d_embedding: usize,
}

/// Padded sentences on a device, time first.
#[derive(Clone, Debug)]
pub struct SourceBatch<B: Backend> {
    /// Ids, `[time, batch]`.
    pub ids: Tensor<B, 2, Int>,
    /// 1 for a real token, `[time, batch]`.
    pub mask: Tensor<B, 2>,
}

impl<B: Backend> SourceBatch<B> {
    /// Pads `sentences` to the longest, and to `least` tokens; an empty batch or sentence is fine.
    pub fn new(sentences: &[Vec<u32>], least: usize, device: &B::Device) -> Self {
        let longest = sentences.iter().map(Vec::len).max().unwrap_or(0);
        let (time, batch) = (longest.max(least).max(1), sentences.len());
        let mut ids = vec![PAD as i32; time * batch];
        let mut mask = vec![0.0f32; time * batch];
        for (b, sentence) in sentences.iter().enumerate() {
            for (t, &id) in sentence.iter().enumerate() {
                ids[t * batch + b] = id as i32;
                mask[t * batch + b] = 1.0;
            }
        }
        Self {
            ids: Tensor::from_data(TensorData::new(ids, [time, batch]), device),
            mask: Tensor::from_data(TensorData::new(mask, [time, batch]), device),
        }
    }
}

fn framed(sentence: &[u32], first: Option<u32>, last: Option<u32>) -> Vec<u32> {
    first.into_iter().chain(sentence.iter().copied()).chain(last).collect()
}

impl<B: Kernels> Seq2Seq<B> {
    /// Builds the network from whatever `source` gives; `config` must be valid.
    ///
    /// # Errors
    /// What the source says.
    pub fn build<S: WeightSource>(config: &ModelConfig, source: &mut S, device: &B::Device) -> Result<Self, S::Error> {
        Ok(Self {
            embedding: Embedding::build(config, source, device)?,
            encoder: Encoder::build(config, source, device)?,
            decoder: Decoder::build(config, source, device)?,
            dropouts: Dropouts::default(),
            n_vocab: config.n_vocab,
            d_embedding: config.d_embedding,
        })
    }

    /// The same network with `dropouts` while training.
    pub fn with_dropout(self, dropouts: Dropouts) -> Self {
        Self { dropouts, ..self }
    }

    /// The same network; `is_recomputed` chooses whether training computes each layer's gates again in the backward
    /// pass rather than keep them (gradient checkpointing: Chen et al., 2016). Layers that training walks through step by step
    /// keep them all the same: all with deep transitions, the decoder's with input feeding or coverage.
    pub fn with_recomputation(mut self, is_recomputed: bool) -> Self {
        let layers = self.encoder.layers_mut().chain(self.decoder.layers_mut());
        layers.for_each(|layer| layer.set_recomputed(is_recomputed));
        self
    }

    /// The float parameters by name, `[rows, cols]` or `[len]`. Blocks on the device: native callers only.
    pub fn weights(&self) -> Vec<NamedTensor> {
        weights::collect(self)
    }

    /// Names of the float parameters with their identifiers.
    pub fn parameter_names(&self) -> Vec<(String, ParamId)> {
        weights::parameter_names(self)
    }

    /// Encodes sentences of ids without an end mark, which is added here.
    pub fn encode(&self, sources: &[Vec<u32>], device: &B::Device) -> Encoded<B> {
        self.encode_padded(sources, 0, device)
    }

    fn encode_padded(&self, sources: &[Vec<u32>], least: usize, device: &B::Device) -> Encoded<B> {
        let sources: Vec<Vec<u32>> = sources.iter().map(|s| framed(s, None, Some(EOS))).collect();
        let batch = SourceBatch::new(&sources, least, device);
        let embedded = drop(self.embedding.source(batch.ids), self.dropouts.embedding);
        let embedded = drop_rows(embedded, self.dropouts.source_words);
        self.encoder.forward(embedded, batch.mask, &self.dropouts)
    }

    /// The network's answer to the targets of `pairs`, each read after its start mark and to be followed by its end mark.
    pub fn forced(&self, pairs: &Pairs, device: &B::Device) -> Forced<B> {
        let encoded = self.encode_padded(pairs.sources, pairs.padded_length, device);
        let keys = self.decoder.project_keys(&encoded);
        let inputs: Vec<Vec<u32>> =
            pairs.inputs.unwrap_or(pairs.targets).iter().map(|t| framed(t, Some(BOS), None)).collect();
        let wanted: Vec<Vec<u32>> = pairs.targets.iter().map(|t| framed(t, None, Some(EOS))).collect();
        let inputs = SourceBatch::new(&inputs, pairs.padded_length, device);
        let wanted = SourceBatch::new(&wanted, pairs.padded_length, device);
        let embedded = drop(self.embedding.target(inputs.ids), self.dropouts.embedding);
        let embedded = drop_rows(embedded, self.dropouts.target_words);
        let start = self.decoder.start(&encoded, self.d_embedding);
        let (output, attention) = self.decoder.forward(embedded, &inputs.mask, start, &keys, &self.dropouts);
        let [batch, time, d] = output.dims();
        Forced {
            output: drop(output, self.dropouts.output).reshape([batch * time, d]),
            targets: wanted.ids.transpose().reshape([batch * time]),
            weights: wanted.mask.transpose().reshape([batch * time]),
            attention,
        }
    }

    /// What the output layer makes of [`Forced::output`], `[batch * target, vocab]`.
    pub fn logits(&self, output: Tensor<B, 2>) -> Tensor<B, 2> {
        self.embedding.logits(output)
    }

    /// What is added to the logits before the softmax where a token is chosen, `[vocab]`: the output's own bias, and what no
    /// translation has is out of the question.
    pub(crate) fn choice_bias(&self, device: &B::Device) -> Tensor<B, 1> {
        let marks = |id: u32| if [PAD, BOS, UNK].contains(&id) { DEAD } else { 0.0 };
        let marks: Vec<f32> = (0..self.n_vocab as u32).map(marks).collect();
        let marks = Tensor::from_data(TensorData::new(marks, [self.n_vocab]), device);
        self.embedding.bias().map_or(marks.clone(), |bias| bias + marks)
    }

    /// The log-probability of every target token after those before it, end marks included, `[batch, target]`; 0 at padding.
    /// As in a search, it is out of the question that a translation has a mark in it.
    pub fn log_probabilities(&self, pairs: &Pairs, device: &B::Device) -> Tensor<B, 2> {
        let Forced { output, targets, weights, .. } = self.forced(pairs, device);
        let logits = self.embedding.product(output) + self.choice_bias(device).unsqueeze_dim(0);
        let chosen = log_softmax(logits, 1).gather(1, targets.unsqueeze_dim(1)); // [batch * target, 1]
        let batch = pairs.targets.len();
        let time = chosen.dims()[0] / batch.max(1);
        chosen.reshape([batch, time]) * weights.reshape([batch, time])
    }

    /// The token that the network thinks the most probable in the place of each token of each target, after the tokens before
    /// it. Blocks on the device: native callers only.
    pub fn predictions(&self, pairs: &Pairs, device: &B::Device) -> Vec<Vec<u32>> {
        let Forced { output, .. } = self.forced(pairs, device);
        let (_, tokens) = self.embedding.most_probable(output, self.choice_bias(device), 1);
        let tokens: Vec<i32> = tokens.into_data().convert::<i32>().into_vec().expect("converted to i32");
        let time = tokens.len() / pairs.targets.len().max(1);
        let rows = pairs.targets.iter().zip(tokens.chunks_exact(time.max(1)));
        rows.map(|(target, row)| row[..target.len()].iter().map(|&id| id as u32).collect()).collect()
    }

    /// Summed losses of a batch. Divide by the number of target tokens, end marks included, for a token-normalised
    /// loss.
    pub fn loss(&self, pairs: &Pairs, smoothing: f32, device: &B::Device) -> Losses<B> {
        let Forced { output, targets, weights, attention } = self.forced(pairs, device);
        let coverage = pairs.wants_coverage.then(|| coverage_loss(attention.clone(), weights.clone()));
        let cross_entropy = self.embedding.loss(output, targets, weights, smoothing);
        let alignment = pairs.alignments.map(|alignments| alignment_loss(attention, alignments));
        Losses { cross_entropy, alignment, coverage }
    }
}

/// Sentence pairs in ids without marks, as many sources as targets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pairs<'a> {
    /// Source sentences.
    pub sources: &'a [Vec<u32>],
    /// Target sentences.
    pub targets: &'a [Vec<u32>],
    /// Links of target and source positions: which source tokens the first attention head should look at for each
    /// target token.
    pub alignments: Option<&'a [Vec<(u16, u16)>]>,
    /// What the decoder reads in the place of the targets, as long as they are; they are still what it should say.
    pub inputs: Option<&'a [Vec<u32>]>,
    /// Whether the coverage loss is asked for.
    pub wants_coverage: bool,
    /// Tokens, marks included, that both sides are padded to at least, so that batches come in few shapes.
    pub padded_length: usize,
}

/// The network's answer to known targets.
#[derive(Clone, Debug)]
pub struct Forced<B: Backend> {
    /// What the output layer reads for every target position, `[batch * target, d_embedding]`.
    pub output: Tensor<B, 2>,
    /// The ids they should give, `[batch * target]`.
    pub targets: Tensor<B, 1, Int>,
    /// 1 for a real token and 0 for padding, `[batch * target]`.
    pub weights: Tensor<B, 1>,
    /// The first head's attention, `[batch, target, source]`.
    pub attention: Tensor<B, 3>,
}

/// Sums over a batch.
#[derive(Clone, Debug)]
pub struct Losses<B: Backend> {
    /// `[2]`: cross-entropy, label-smoothed, and plain.
    pub cross_entropy: Tensor<B, 1>,
    /// `[1]`: cross-entropy of the first head's attention against given alignments.
    pub alignment: Option<Tensor<B, 1>>,
    /// `[1]`: what the first head looks at again.
    pub coverage: Option<Tensor<B, 1>>,
}

/// The coverage loss (See et al., 2017, equation 12): the part of the attention weights `[batch, target, source]` that goes to
/// where attention has been before. `weights` `[batch * target]` is 0 at padding.
fn coverage_loss<B: Backend>(attention: Tensor<B, 3>, weights: Tensor<B, 1>) -> Tensor<B, 1> {
    let [batch, time, _] = attention.dims();
    let before = (0..time * time).map(|at| if at % time < at / time { 1.0 } else { 0.0 }).collect();
    let before = Tensor::<B, 3>::from_data(TensorData::new(before, [1, time, time]), &attention.device());
    let seen = before.expand([batch, time, time]).matmul(attention.clone());
    (attention.min_pair(seen) * weights.reshape([batch, time, 1])).sum()
}

/// Guided alignment (Chen et al., 2016): the cross-entropy between the attention weights `[batch, target, source]` and
/// the alignment, links of target and source positions, in which each aligned target token spreads one unit of weight
/// over its source tokens. Links outside the sentences are passed over.
fn alignment_loss<B: Backend>(attention: Tensor<B, 3>, alignments: &[Vec<(u16, u16)>]) -> Tensor<B, 1> {
    let [batch, time, positions] = attention.dims();
    let mut wanted = vec![0.0f32; batch * time * positions];
    for (b, links) in alignments.iter().enumerate() {
        for &(target, source) in links {
            let (target, source) = (usize::from(target), usize::from(source));
            if target < time && source < positions {
                wanted[(b * time + target) * positions + source] = 1.0;
            }
        }
    }
    for row in wanted.chunks_exact_mut(positions) {
        let n = row.iter().sum::<f32>();
        if n > 1.0 {
            row.iter_mut().for_each(|x| *x /= n);
        }
    }
    let wanted = Tensor::<B, 3>::from_data(TensorData::new(wanted, [batch, time, positions]), &attention.device());
    -(wanted * (attention + 1e-6).log()).sum()
}

#[cfg(test)]
mod tests {
    use traduko_kernels::backend::Flex;

    use super::*;

    /// Two targets of three source tokens, the second of one step less: its third row is padding.
    #[test]
    fn coverage_loss_by_hand() {
        let attention = vec![
            0.5, 0.5, 0.0, 0.25, 0.25, 0.5, 1.0, 0.0, 0.0, //
            1.0, 0.0, 0.0, 0.75, 0.25, 0.0, 0.0, 0.0, 1.0,
        ];
        let attention = Tensor::<Flex, 3>::from_data(TensorData::new(attention, [2, 3, 3]), &Default::default());
        let weights = Tensor::from_floats([1.0, 1.0, 1.0, 1.0, 1.0, 0.0], &Default::default());
        let loss: Vec<f32> = coverage_loss(attention, weights).into_data().into_vec().expect("floats");
        // 0.25 + 0.25, then all of 0.75 that was there; in the second 0.75 of what was looked at.
        assert_eq!(loss, [0.5 + 0.75 + 0.75]);
    }
}
