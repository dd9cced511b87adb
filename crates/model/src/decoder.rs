//! The decoder: stacked recurrent layers with attention on top or fed back into the input.

use burn::{
    module::Module,
    tensor::{Tensor, backend::Backend},
};
use traduko_kernels::Kernels;

use crate::{
    attention::{Attention, Keys},
    config::{AttentionPlace, ModelConfig},
    dropout::{Dropouts, drop},
    encoder::{Encoded, residual},
    layer::Layer,
    projection::Projection,
    weights::{Init, WeightSource},
};

/// The state of a decoder between two steps.
#[derive(Clone, Debug)]
pub struct DecoderState<B: Backend> {
    /// One state a layer, `[batch, n_states * d_decoder]`.
    pub layers: Vec<Tensor<B, 2>>,
    /// The attention vector that is fed back, `[batch, d_embedding]`; unused with attention on top.
    pub fed: Tensor<B, 2>,
}

impl<B: Backend> DecoderState<B> {
    /// Every tensor of the state changed by `f`.
    pub fn map(self, mut f: impl FnMut(Tensor<B, 2>) -> Tensor<B, 2>) -> Self {
        Self { layers: self.layers.into_iter().map(&mut f).collect(), fed: f(self.fed) }
    }
}

/// Stacked recurrent layers, attention, and the layer that joins both (Luong et al., 2015, equation 5).
#[derive(Module, Debug)]
pub struct Decoder<B: Backend> {
    layers: Vec<Layer<B>>,
    attention: Attention<B>,
    /// Start states of all layers from the encoder's summary, `[n_layers * d_decoder, d_encoded]`.
    bridge: Projection<B>,
    /// `[d_embedding, d_decoder + d_encoded]`.
    combine: Projection<B>,
    is_input_fed: bool,
    is_residual: bool,
}

impl<B: Kernels> Decoder<B> {
    /// Asks `source` for the weights.
    ///
    /// # Errors
    /// What the source says.
    pub fn build<S: WeightSource>(config: &ModelConfig, source: &mut S, device: &B::Device) -> Result<Self, S::Error> {
        let is_input_fed = config.attention_place == AttentionPlace::InputFeeding;
        let mut layers = Vec::with_capacity(config.n_decoder_layers);
        for index in 0..config.n_decoder_layers {
            let d_input = match index {
                0 if is_input_fed => 2 * config.d_embedding,
                0 => config.d_embedding,
                _ => config.d_decoder,
            };
            let name = format!("decoder.layers.{index}");
            layers.push(Layer::build(&name, config, [d_input, config.d_decoder], source, device)?);
        }
        let d_joined = config.d_decoder + config.d_encoded();
        let d_start = config.n_decoder_layers * config.d_decoder;
        let zeros = Some(Init::Zeros);
        Ok(Self {
            layers,
            attention: Attention::build(config, source, device)?,
            bridge: Projection::build("decoder.bridge", [d_start, config.d_encoded()], zeros, source, device)?,
            combine: Projection::build("decoder.combine", [config.d_embedding, d_joined], zeros, source, device)?,
            is_input_fed,
            is_residual: config.is_residual,
        })
    }

    pub(crate) fn layers_mut(&mut self) -> impl Iterator<Item = &mut Layer<B>> {
        self.layers.iter_mut()
    }

    /// Projects the keys once a sentence.
    pub fn project_keys(&self, encoded: &Encoded<B>) -> Keys<B> {
        self.attention.project_keys(encoded)
    }

    /// The state before the first step; `d_embedding` is the width of the fed attention vector.
    pub fn start(&self, encoded: &Encoded<B>, d_embedding: usize) -> DecoderState<B> {
        let batch = encoded.summary.dims()[0];
        let device = encoded.summary.device();
        let hidden = self.bridge.forward(encoded.summary.clone()).tanh();
        let d_decoder = hidden.dims()[1] / self.layers.len();
        let layers = self.layers.iter().enumerate().map(|(index, layer)| {
            let hidden = hidden.clone().narrow(1, index * d_decoder, d_decoder);
            match layer.kind().n_states() {
                1 => hidden,
                _ => Tensor::cat(vec![hidden.clone(), hidden.zeros_like()], 1),
            }
        });
        DecoderState { layers: layers.collect(), fed: Tensor::zeros([batch, d_embedding], &device) }
    }

    /// Joins the top layer with its context: `[batch, target, d_decoder]` to `[batch, target, d_embedding]` and the
    /// attention weights `[batch, target, source]`.
    fn attend(&self, top: Tensor<B, 3>, keys: &Keys<B>) -> (Tensor<B, 3>, Tensor<B, 3>) {
        let (context, weights) = self.attention.forward(top.clone(), keys);
        (self.combine.forward_3d(Tensor::cat(vec![top, context], 2)).tanh(), weights)
    }

    /// One step from the embeddings `[batch, d_embedding]` of the previous tokens: the vector for the output table
    /// `[batch, d_embedding]`, the attention weights `[batch, source]`, and the next state.
    pub fn step(
        &self,
        embedded: Tensor<B, 2>,
        state: DecoderState<B>,
        keys: &Keys<B>,
    ) -> (Tensor<B, 2>, Tensor<B, 2>, DecoderState<B>) {
        self.step_with_dropout(embedded, state, keys, &[], 0.0)
    }

    /// As [`Self::step`]; `recurrent` holds what each layer's hidden state is multiplied by, and the share `layers` of
    /// what passes between layers is dropped.
    fn step_with_dropout(
        &self,
        embedded: Tensor<B, 2>,
        state: DecoderState<B>,
        keys: &Keys<B>,
        recurrent: &[Option<Tensor<B, 2>>],
        layers: f64,
    ) -> (Tensor<B, 2>, Tensor<B, 2>, DecoderState<B>) {
        let mut x = if self.is_input_fed { Tensor::cat(vec![embedded, state.fed], 1) } else { embedded };
        let mut states = Vec::with_capacity(self.layers.len());
        for (index, (layer, state)) in self.layers.iter().zip(state.layers).enumerate() {
            let input = if index > 0 { drop(x.clone(), layers) } else { x.clone() };
            let next = layer.step(input, state, recurrent.get(index).and_then(Option::as_ref));
            let output = layer.hidden(next.clone());
            x = if self.is_residual { residual(x, output) } else { output };
            states.push(next);
        }
        let (output, weights) = self.attend(x.unsqueeze_dim(1), keys);
        let output: Tensor<B, 2> = output.squeeze_dim(1);
        (output.clone(), weights.squeeze_dim(1), DecoderState { layers: states, fed: output })
    }

    /// All steps of a known target: `embedded` `[target, batch, d_embedding]` and `mask` `[target, batch]` to
    /// `[batch, target, d_embedding]` and the attention weights `[batch, target, source]`. With attention on top this
    /// is a handful of products; with input feeding it walks step by step.
    pub fn forward(
        &self,
        embedded: Tensor<B, 3>,
        mask: &Tensor<B, 2>,
        start: DecoderState<B>,
        keys: &Keys<B>,
        dropouts: &Dropouts,
    ) -> (Tensor<B, 3>, Tensor<B, 3>) {
        if self.is_input_fed {
            let [time, batch, _] = embedded.dims();
            let device = embedded.device();
            let recurrent: Vec<_> =
                self.layers.iter().map(|layer| layer.dropout(batch, dropouts.recurrent, &device)).collect();
            let mut state = start;
            let (mut outputs, mut weights) = (Vec::with_capacity(time), Vec::with_capacity(time));
            for x in embedded.iter_dim(0) {
                let (output, attended, next) =
                    self.step_with_dropout(x.squeeze_dim(0), state, keys, &recurrent, dropouts.layers);
                state = next;
                outputs.push(output);
                weights.push(attended);
            }
            return (Tensor::stack(outputs, 1), Tensor::stack(weights, 1));
        }
        let mut x = embedded;
        for (index, (layer, state)) in self.layers.iter().zip(start.layers).enumerate() {
            let input = if index > 0 { drop(x.clone(), dropouts.layers) } else { x.clone() };
            let output = layer.sequence(input, state, mask, false, dropouts.recurrent);
            x = if self.is_residual { residual(x, output) } else { output };
        }
        self.attend(x.swap_dims(0, 1), keys)
    }
}
