//! The whole network.

use burn::{
    module::{Module, ParamId},
    nn::{Dropout, DropoutConfig},
    tensor::{Int, Tensor, TensorData, backend::Backend},
};
use traduko_kernels::{CrossEntropy, Kernels};

use crate::{
    BOS, EOS, PAD,
    config::ModelConfig,
    decoder::Decoder,
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
    dropout: Dropout,
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
    /// Pads `sentences` to the longest; an empty batch or sentence is fine.
    pub fn new(sentences: &[Vec<u32>], device: &B::Device) -> Self {
        let (time, batch) = (sentences.iter().map(Vec::len).max().unwrap_or(0).max(1), sentences.len());
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
            dropout: DropoutConfig::new(0.0).init(),
            n_vocab: config.n_vocab,
            d_embedding: config.d_embedding,
        })
    }

    /// The same network with `rate` of embeddings and of what passes between layers dropped while training.
    pub fn with_dropout(self, rate: f64) -> Self {
        Self { dropout: DropoutConfig::new(rate).init(), ..self }
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
        let sources: Vec<Vec<u32>> = sources.iter().map(|s| framed(s, None, Some(EOS))).collect();
        let batch = SourceBatch::new(&sources, device);
        let embedded = self.dropout.forward(self.embedding.source(batch.ids));
        self.encoder.forward(embedded, batch.mask, &self.dropout)
    }

    /// Logits for every target position, `[batch * target, vocab]`, with the ids they should give and a mask, both
    /// `[batch * target]`, where each target is read after its start mark and must end with its end mark.
    pub fn forced(
        &self,
        sources: &[Vec<u32>],
        targets: &[Vec<u32>],
        device: &B::Device,
    ) -> (Tensor<B, 2>, Tensor<B, 1, Int>, Tensor<B, 1>) {
        let encoded = self.encode(sources, device);
        let keys = self.decoder.project_keys(&encoded);
        let inputs: Vec<Vec<u32>> = targets.iter().map(|t| framed(t, Some(BOS), None)).collect();
        let wanted: Vec<Vec<u32>> = targets.iter().map(|t| framed(t, None, Some(EOS))).collect();
        let (inputs, wanted) = (SourceBatch::new(&inputs, device), SourceBatch::new(&wanted, device));
        let embedded = self.dropout.forward(self.embedding.target(inputs.ids));
        let start = self.decoder.start(&encoded, self.d_embedding);
        let output = self.decoder.forward(embedded, &inputs.mask, start, &keys, &self.dropout);
        let [batch, time, d] = output.dims();
        let logits = self.embedding.logits(self.dropout.forward(output).reshape([batch * time, d]));
        (logits, wanted.ids.transpose().reshape([batch * time]), wanted.mask.transpose().reshape([batch * time]))
    }

    /// Summed cross-entropy of a batch, `[2]`: label-smoothed with `smoothing`, and plain. Divide by the number of
    /// target tokens, end marks included, for a token-normalised loss.
    pub fn loss(&self, sources: &[Vec<u32>], targets: &[Vec<u32>], smoothing: f32, device: &B::Device) -> Tensor<B, 1> {
        let (logits, targets, weights) = self.forced(sources, targets, device);
        B::cross_entropy(CrossEntropy { logits, targets, weights, smoothing })
    }
}
