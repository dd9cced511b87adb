//! One recurrent layer with packed gates: one product for all inputs of a sequence, one for each step.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, backend::Backend},
};
use traduko_kernels::{CellKind, Kernels, PackedSequence, SequenceInput};

use crate::{
    config::ModelConfig,
    dropout::variational,
    projection::{Projection, parameter},
    weights::{Init, WeightSource},
};

/// A recurrent layer in one direction.
#[derive(Module, Debug)]
pub struct Layer<B: Backend> {
    /// `[n_gates * d_hidden, d_input]`, with the bias of all gates.
    input: Projection<B>,
    /// `[n_gates * d_hidden]`, the gain of the normalised input product.
    input_gain: Option<Param<Tensor<B, 1>>>,
    /// `[n_gates * d_hidden, d_hidden]`; an SSRU has none.
    recurrent: Option<Projection<B>>,
    /// `[n_gates * d_hidden]`, the gain of the normalised recurrent product.
    recurrent_gain: Option<Param<Tensor<B, 1>>>,
    /// `[n_gates * d_hidden]`; a GRU's reset gate acts on it, others have none.
    recurrent_bias: Option<Param<Tensor<B, 1>>>,
    #[module(skip)]
    kind: CellKind,
    d_hidden: usize,
    is_recomputed: bool,
}

impl<B: Kernels> Layer<B> {
    /// Asks `source` for the weights under `name`.
    ///
    /// # Errors
    /// What the source says.
    pub fn build<S: WeightSource>(
        name: &str,
        config: &ModelConfig,
        [d_input, d_hidden]: [usize; 2],
        source: &mut S,
        device: &B::Device,
    ) -> Result<Self, S::Error> {
        let kind = CellKind::from(config.cell);
        let n_gates = kind.n_gates() * d_hidden;
        let init = Init::Uniform { bound: (1.0 / d_hidden as f32).sqrt() };
        let bias = match kind {
            CellKind::Lstm => Init::ForgetOpen,
            CellKind::Gru | CellKind::Ssru | CellKind::Rnn => Init::Zeros,
        };
        let mut vector = |part: &str, init, is_there: bool| -> Result<_, S::Error> {
            if !is_there {
                return Ok(None);
            }
            let values = source.vector(&format!("{name}.{part}"), n_gates, init)?;
            Ok(Some(parameter(values, [n_gates], device)))
        };
        let recurrent_bias = vector("recurrent_bias", Init::Zeros, kind == CellKind::Gru)?;
        let input_gain = vector("input_gain", Init::Ones, config.is_layer_normalized)?;
        let has_recurrent_gain = config.is_layer_normalized && kind.is_recurrent();
        let recurrent_gain = vector("recurrent_gain", Init::Ones, has_recurrent_gain)?;
        let mut projection = |part: &str, d, bias| {
            Projection::build_with(&format!("{name}.{part}"), [n_gates, d], init, bias, source, device)
        };
        Ok(Self {
            input: projection("input", d_input, Some(bias))?,
            input_gain,
            recurrent: if kind.is_recurrent() { Some(projection("recurrent", d_hidden, None)?) } else { None },
            recurrent_gain,
            recurrent_bias,
            kind,
            d_hidden,
            is_recomputed: false,
        })
    }

    /// Chooses whether training keeps what the backward pass needs or computes it again.
    pub(crate) fn set_recomputed(&mut self, is_recomputed: bool) {
        self.is_recomputed = is_recomputed;
    }

    /// The kind of cell.
    pub fn kind(&self) -> CellKind {
        self.kind
    }

    /// Units.
    pub fn d_hidden(&self) -> usize {
        self.d_hidden
    }

    /// A state of zeros, `[batch, n_states * d_hidden]`.
    pub fn zero_state(&self, batch: usize, device: &B::Device) -> Tensor<B, 2> {
        Tensor::zeros([batch, self.kind.n_states() * self.d_hidden], device)
    }

    /// The hidden part of a state, `[batch, d_hidden]`.
    pub fn hidden(&self, state: Tensor<B, 2>) -> Tensor<B, 2> {
        state.narrow(1, 0, self.d_hidden)
    }

    /// The input's part of all gates, `[rows, d_input]` to `[rows, n_gates * d_hidden]`.
    fn inputs(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        match &self.input_gain {
            None => self.input.forward(x),
            Some(gain) => {
                let product = B::gate_norm(self.input.product(x, None), gain.val(), self.kind.n_gates());
                self.input.add_bias(product)
            }
        }
    }

    /// One step: `x` `[batch, d_input]` and `state` to the next state. `dropout` is what the hidden state is
    /// multiplied by before its product, `[batch, d_hidden]`.
    pub fn step(&self, x: Tensor<B, 2>, state: Tensor<B, 2>, dropout: Option<&Tensor<B, 2>>) -> Tensor<B, 2> {
        let inputs = self.inputs(x);
        let Some(recurrent) = &self.recurrent else {
            return B::cell_step(self.kind, inputs.clone(), inputs, state);
        };
        let mut hidden = state.clone().narrow(1, 0, self.d_hidden);
        if let Some(dropout) = dropout {
            hidden = hidden * dropout.clone();
        }
        let mut recurrent = recurrent.forward(hidden);
        if let Some(gain) = &self.recurrent_gain {
            recurrent = B::gate_norm(recurrent, gain.val(), self.kind.n_gates());
        }
        if let Some(bias) = &self.recurrent_bias {
            recurrent = recurrent + bias.val().unsqueeze_dim::<2>(0);
        }
        B::cell_step(self.kind, inputs, recurrent, state)
    }

    /// What dropout of the share `rate` multiplies hidden states of one sequence by, `[batch, d_hidden]`.
    pub fn dropout(&self, batch: usize, rate: f64, device: &B::Device) -> Option<Tensor<B, 2>> {
        if self.kind.is_recurrent() { variational([batch, self.d_hidden], rate, device) } else { None }
    }

    /// A whole sequence `x` `[time, batch, d_input]` from `state`; `mask` is `[time, batch]`, 1 for a real step; the
    /// share `dropout` of hidden states is dropped between steps. Gives every hidden state, `[time, batch, d_hidden]`.
    pub fn sequence(
        &self,
        x: Tensor<B, 3>,
        state: Tensor<B, 2>,
        mask: &Tensor<B, 2>,
        is_reversed: bool,
        dropout: f64,
    ) -> Tensor<B, 3> {
        let [time, batch, d_input] = x.dims();
        let device = x.device();
        let inputs = self.inputs(x.reshape([time * batch, d_input]));
        let n_gates = inputs.dims()[1];
        let inputs = inputs.reshape([time, batch, n_gates]);
        let recurrent = self.recurrent.as_ref();
        let gain = self.recurrent_gain.as_ref().map(|gain| gain.val());
        let bias = self.recurrent_bias.as_ref().map(|bias| bias.val());
        if let Some(weight) = recurrent.and_then(|recurrent| recurrent.packed.as_ref()) {
            let (kind, mask) = (self.kind, mask.clone());
            return B::packed_sequence(&PackedSequence { kind, inputs, weight, gain, bias, state, mask, is_reversed });
        }
        B::sequence(SequenceInput {
            kind: self.kind,
            inputs,
            weight: match recurrent.and_then(|recurrent| recurrent.weight.as_ref()) {
                Some(weight) => weight.val(),
                // A kind without recurrent weights reads none.
                None => Tensor::zeros([1, 1], &device),
            },
            bias: bias.unwrap_or_else(|| Tensor::zeros([n_gates], &device)),
            gain,
            state,
            mask: mask.clone(),
            dropout: self.dropout(batch, dropout, &device),
            is_reversed,
            is_recomputed: self.is_recomputed,
        })
    }
}
