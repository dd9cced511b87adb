//! The decoder: stacked recurrent layers with attention on top, below all but the first, or fed back into the input.

use burn::{
    module::Module,
    tensor::{Tensor, backend::Backend},
};
use traduko_kernels::Kernels;

use crate::{
    attention::{Attention, Keys},
    config::{AttentionKind, AttentionPlace, BridgeKind, ModelConfig},
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
    /// The attention vector that is fed back, `[batch, d_embedding]`; unused where none is.
    pub fed: Tensor<B, 2>,
    /// The attention that each source position has had, `[batch, source]`, with coverage only.
    pub seen: Option<Tensor<B, 2>>,
}

impl<B: Backend> DecoderState<B> {
    /// Every tensor of the state changed by `f`.
    pub fn map(self, mut f: impl FnMut(Tensor<B, 2>) -> Tensor<B, 2>) -> Self {
        Self { layers: self.layers.into_iter().map(&mut f).collect(), fed: f(self.fed), seen: self.seen.map(f) }
    }
}

/// Stacked recurrent layers, attention, and the layer that joins both (Luong et al., 2015, equation 5).
#[derive(Module, Debug)]
pub struct Decoder<B: Backend> {
    layers: Vec<Layer<B>>,
    attention: Attention<B>,
    /// Start states of all layers from the encoder's summary, `[n_layers * d_decoder, d_encoded]`, where they are made.
    bridge: Option<Projection<B>>,
    /// `[d_embedding, d_decoder + d_context]`.
    combine: Projection<B>,
    #[module(skip)]
    bridge_kind: BridgeKind,
    #[module(skip)]
    place: AttentionPlace,
    /// The first layer that reads what attention found.
    first_informed: usize,
    is_residual: bool,
}

/// `[rows, d]` to `[batch, rows / batch, d]`.
fn by_sentence<B: Kernels>(x: Tensor<B, 2>, keys: &Keys<B>) -> Tensor<B, 3> {
    let [rows, d] = x.dims();
    x.reshape([keys.batch(), rows / keys.batch(), d])
}

/// `[batch, n, d]` to `[batch * n, d]`.
fn by_row<B: Backend>(x: Tensor<B, 3>) -> Tensor<B, 2> {
    let [batch, n, d] = x.dims();
    x.reshape([batch * n, d])
}

/// `[rows, d]` and the context of each row beside it, where there is one.
fn with_context<B: Kernels>(x: Tensor<B, 2>, context: Option<Tensor<B, 2>>) -> Tensor<B, 2> {
    match context {
        Some(context) => B::join_columns(x, context),
        None => x,
    }
}

/// What attention found: contexts `[batch, target, d_encoded]`, unless there are none, and weights `[batch, target, source]`.
type Found<B> = (Option<Tensor<B, 3>>, Tensor<B, 3>);

impl<B: Kernels> Decoder<B> {
    /// Asks `source` for the weights.
    ///
    /// # Errors
    /// What the source says.
    pub fn build<S: WeightSource>(config: &ModelConfig, source: &mut S, device: &B::Device) -> Result<Self, S::Error> {
        let place = config.attention_place;
        let first_informed = match (config.attention, place) {
            (AttentionKind::FixedContext, _) => 0,
            (_, AttentionPlace::FirstLayer) => 1,
            _ => config.n_decoder_layers,
        };
        let mut layers = Vec::with_capacity(config.n_decoder_layers);
        for index in 0..config.n_decoder_layers {
            let d_below = if index == 0 { config.d_embedding } else { config.d_decoder };
            let d_fed = if index == 0 && place == AttentionPlace::InputFeeding { config.d_embedding } else { 0 };
            let d_context = if index >= first_informed { config.d_context() } else { 0 };
            let d_input = d_below + d_fed + d_context;
            let name = format!("decoder.layers.{index}");
            layers.push(Layer::build(&name, config, [d_input, config.d_decoder], source, device)?);
        }
        let d_joined = config.d_decoder + config.d_context();
        let d_start = config.n_decoder_layers * config.d_decoder;
        let zeros = Some(Init::Zeros);
        Ok(Self {
            layers,
            attention: Attention::build(config, source, device)?,
            bridge: match config.bridge {
                BridgeKind::Dense => {
                    Some(Projection::build("decoder.bridge", [d_start, config.d_encoded()], zeros, source, device)?)
                }
                BridgeKind::Zero | BridgeKind::Last | BridgeKind::Mean => None,
            },
            bridge_kind: config.bridge,
            combine: Projection::build("decoder.combine", [config.d_embedding, d_joined], zeros, source, device)?,
            place,
            first_informed,
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
        let [batch, positions, _] = encoded.outputs.dims();
        let device = encoded.outputs.device();
        let made = self.bridge.as_ref().map(|bridge| B::tanh(bridge.forward(encoded.summary())));
        let copied = match self.bridge_kind {
            BridgeKind::Last if encoded.last.len() == self.layers.len() => encoded.last.clone(),
            BridgeKind::Last => vec![encoded.summary(); self.layers.len()],
            BridgeKind::Mean => vec![encoded.mean(); self.layers.len()],
            BridgeKind::Zero | BridgeKind::Dense => Vec::new(),
        };
        let layers = self.layers.iter().enumerate().map(|(index, layer)| {
            let d_decoder = layer.d_hidden();
            let (hidden, cell) = match (&made, copied.get(index)) {
                (Some(made), _) => {
                    let hidden = made.clone().narrow(1, index * d_decoder, d_decoder);
                    (hidden.clone(), hidden.zeros_like())
                }
                (None, Some(copied)) => (copied.clone(), copied.clone()),
                (None, None) => return layer.zero_state(batch, &device),
            };
            match layer.kind().n_states() {
                1 => hidden,
                _ => Tensor::cat(vec![hidden, cell], 1),
            }
        });
        let seen = self.attention.has_coverage().then(|| Tensor::zeros([batch, positions], &device));
        DecoderState { layers: layers.collect(), fed: Tensor::zeros([batch, d_embedding], &device), seen }
    }

    /// Joins the top layer `[batch, target, d_decoder]` with its context to `[batch, target, d_embedding]`.
    fn join(&self, top: Tensor<B, 3>, context: Option<Tensor<B, 3>>) -> Tensor<B, 3> {
        let [batch, n, _] = top.dims();
        let joined = B::tanh(self.combine.forward(with_context(by_row(top), context.map(by_row))));
        let d = joined.dims()[1];
        joined.reshape([batch, n, d])
    }

    /// One step from the embeddings `[rows, d_embedding]` of the previous tokens, as many rows for each sentence of `keys`:
    /// the vector for the output table `[rows, d_embedding]`, the attention weights `[rows, source]`, and the next state.
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
        let is_input_fed = self.place == AttentionPlace::InputFeeding;
        let mut x = if is_input_fed { B::join_columns(embedded, state.fed) } else { embedded };
        let mut states = Vec::with_capacity(self.layers.len());
        let look = |x: Tensor<B, 2>| {
            let seen = state.seen.clone().map(|seen| by_sentence(seen, keys));
            self.attention.forward(by_sentence(x, keys), keys, seen)
        };
        let mut found: Option<Found<B>> = None;
        for (index, (layer, state)) in self.layers.iter().zip(state.layers).enumerate() {
            if index == self.first_informed {
                found = Some(look(x.clone()));
            }
            let context = found.as_ref().and_then(|(context, _)| context.clone());
            let input = with_context(x.clone(), context.map(by_row));
            let input = if index > 0 { drop(input, layers) } else { input };
            let next = layer.step(input, state, recurrent.get(index).and_then(Option::as_ref));
            let output = layer.hidden(next.clone());
            x = if self.is_residual { residual(x, output) } else { output };
            states.push(next);
        }
        let (context, weights) = found.unwrap_or_else(|| look(x.clone()));
        let (output, weights) = (by_row(self.join(by_sentence(x, keys), context)), by_row(weights));
        let seen = state.seen.map(|seen| seen + weights.clone());
        (output.clone(), weights, DecoderState { layers: states, fed: output, seen })
    }

    /// All steps of a known target: `embedded` `[target, batch, d_embedding]` and `mask` `[target, batch]` to
    /// `[batch, target, d_embedding]` and the attention weights `[batch, target, source]`. Without input feeding, coverage
    /// and deep transitions this is a handful of products; with them, it walks step by step.
    pub fn forward(
        &self,
        embedded: Tensor<B, 3>,
        mask: &Tensor<B, 2>,
        start: DecoderState<B>,
        keys: &Keys<B>,
        dropouts: &Dropouts,
    ) -> (Tensor<B, 3>, Tensor<B, 3>) {
        if self.place == AttentionPlace::InputFeeding || self.attention.has_coverage() {
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
        let mut found: Option<Found<B>> = None;
        for (index, (layer, state)) in self.layers.iter().zip(start.layers).enumerate() {
            if index == self.first_informed {
                found = Some(self.attention.forward(B::swap_leading(x.clone()), keys, None));
            }
            let [time, batch, _] = x.dims();
            let context = found.as_ref().and_then(|(context, _)| context.clone());
            let input = with_context(by_row(x.clone()), context.map(|context| by_row(B::swap_leading(context))));
            let d = input.dims()[1];
            let input = input.reshape([time, batch, d]);
            let input = if index > 0 { drop(input, dropouts.layers) } else { input };
            let output = layer.sequence(input, state, mask, false, dropouts.recurrent);
            x = if self.is_residual { residual(x, output) } else { output };
        }
        let top = B::swap_leading(x);
        let (context, weights) = found.unwrap_or_else(|| self.attention.forward(top.clone(), keys, None));
        (self.join(top, context), weights)
    }
}
