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
    /// What the state passes through besides, one after the other, within a step.
    transitions: Vec<Transition<B>>,
    #[module(skip)]
    kind: CellKind,
    d_hidden: usize,
    is_recomputed: bool,
}

/// A cell that reads nothing but the state (Pascanu et al., 2014).
#[derive(Module, Debug)]
pub struct Transition<B: Backend> {
    /// `[n_gates * d_hidden, d_hidden]`.
    recurrent: Projection<B>,
    /// `[n_gates * d_hidden]`, the gain of the normalised product.
    gain: Option<Param<Tensor<B, 1>>>,
    /// `[n_gates * d_hidden]`, in the place of an input.
    bias: Param<Tensor<B, 1>>,
}

impl<B: Kernels> Transition<B> {
    fn step(&self, kind: CellKind, state: Tensor<B, 2>) -> Tensor<B, 2> {
        let [batch, n_state] = state.dims();
        let hidden = state.clone().narrow(1, 0, n_state / kind.n_states());
        let mut recurrent = self.recurrent.forward(hidden);
        if let Some(gain) = &self.gain {
            recurrent = B::gate_norm(recurrent, gain.val(), kind.n_gates());
        }
        let inputs = self.bias.val().unsqueeze_dim::<2>(0).repeat_dim(0, batch);
        B::cell_step(kind, inputs, recurrent, state)
    }
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
        let vector = |source: &mut S, part: &str, init| -> Result<_, S::Error> {
            Ok(parameter(source.vector(&format!("{name}.{part}"), n_gates, init)?, [n_gates], device))
        };
        let projection = |source: &mut S, part: &str, d, bias| {
            Projection::build_with(&format!("{name}.{part}"), [n_gates, d], init, bias, source, device)
        };
        let is_normed = config.is_layer_normalized;
        let when =
            |is_there: bool, part: &str, init, source: &mut S| is_there.then(|| vector(source, part, init)).transpose();
        Ok(Self {
            recurrent_bias: when(kind == CellKind::Gru, "recurrent_bias", Init::Zeros, source)?,
            input_gain: when(is_normed, "input_gain", Init::Ones, source)?,
            recurrent_gain: when(is_normed && kind.is_recurrent(), "recurrent_gain", Init::Ones, source)?,
            input: projection(source, "input", d_input, Some(bias))?,
            recurrent: match kind.is_recurrent() {
                true => Some(projection(source, "recurrent", d_hidden, None)?),
                false => None,
            },
            transitions: (1..config.transition_depth)
                .map(|index| {
                    let part = |part: &str| format!("transitions.{}.{part}", index - 1);
                    Ok(Transition {
                        recurrent: projection(source, &part("recurrent"), d_hidden, None)?,
                        gain: when(is_normed, &part("gain"), Init::Ones, source)?,
                        bias: vector(source, &part("bias"), bias)?,
                    })
                })
                .collect::<Result<_, S::Error>>()?,
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
        self.advance(self.inputs(x), state, dropout)
    }

    /// As [`Self::step`] from the input's part of all gates.
    fn advance(&self, inputs: Tensor<B, 2>, state: Tensor<B, 2>, dropout: Option<&Tensor<B, 2>>) -> Tensor<B, 2> {
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
        let next = B::cell_step(self.kind, inputs, recurrent, state);
        self.transitions.iter().fold(next, |state, transition| transition.step(self.kind, state))
    }

    /// [`Self::sequence`] step by step, from the input's part of all gates.
    fn walk(
        &self,
        inputs: Tensor<B, 3>,
        mut state: Tensor<B, 2>,
        mask: &Tensor<B, 2>,
        is_reversed: bool,
        dropout: Option<&Tensor<B, 2>>,
    ) -> Tensor<B, 3> {
        let [time, batch, _] = inputs.dims();
        let steps = inputs.iter_dim(0).zip(mask.clone().iter_dim(0));
        let mut steps: Vec<_> = steps.collect();
        if is_reversed {
            steps.reverse();
        }
        let mut hidden = Vec::with_capacity(time);
        for (inputs, live) in steps {
            let next = self.advance(inputs.squeeze_dim(0), state.clone(), dropout);
            let live = live.reshape([batch, 1]);
            state = next * live.clone() + state * (live.neg() + 1.0);
            hidden.push(self.hidden(state.clone()));
        }
        if is_reversed {
            hidden.reverse();
        }
        Tensor::stack(hidden, 0)
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
        if !self.transitions.is_empty() {
            return self.walk(inputs, state, mask, is_reversed, self.dropout(batch, dropout, &device).as_ref());
        }
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
