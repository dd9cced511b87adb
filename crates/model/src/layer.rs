//! One recurrent layer with packed gates: one product for all inputs of a sequence, one for each step.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, backend::Backend},
};
use traduko_kernels::{CellKind, Kernels, SequenceInput};

use crate::{
    projection::{Projection, parameter},
    weights::{Init, WeightSource},
};

/// A recurrent layer in one direction.
#[derive(Module, Debug)]
pub struct Layer<B: Backend> {
    /// `[n_gates * d_hidden, d_input]`, with the bias of all gates.
    input: Projection<B>,
    /// `[n_gates * d_hidden, d_hidden]`.
    recurrent: Projection<B>,
    /// `[n_gates * d_hidden]`; a GRU's reset gate acts on it, an LSTM has none.
    recurrent_bias: Option<Param<Tensor<B, 1>>>,
    is_gru: bool,
    d_hidden: usize,
}

impl<B: Kernels> Layer<B> {
    /// Asks `source` for the weights under `name`.
    ///
    /// # Errors
    /// What the source says.
    pub fn build<S: WeightSource>(
        name: &str,
        kind: CellKind,
        d_input: usize,
        d_hidden: usize,
        source: &mut S,
        device: &B::Device,
    ) -> Result<Self, S::Error> {
        let n_gates = kind.n_gates() * d_hidden;
        let bound = (1.0 / d_hidden as f32).sqrt();
        let init = Init::Uniform { bound };
        let bias = match kind {
            CellKind::Lstm => Init::ForgetOpen,
            CellKind::Gru => Init::Zeros,
        };
        let recurrent_bias = match kind {
            CellKind::Lstm => None,
            CellKind::Gru => {
                let values = source.vector(&format!("{name}.recurrent_bias"), n_gates, Init::Zeros)?;
                Some(parameter(values, [n_gates], device))
            }
        };
        Ok(Self {
            input: Projection::build_with(
                &format!("{name}.input"),
                [n_gates, d_input],
                init,
                Some(bias),
                source,
                device,
            )?,
            recurrent: Projection::build_with(
                &format!("{name}.recurrent"),
                [n_gates, d_hidden],
                init,
                None,
                source,
                device,
            )?,
            recurrent_bias,
            is_gru: kind == CellKind::Gru,
            d_hidden,
        })
    }

    /// The kind of cell.
    pub fn kind(&self) -> CellKind {
        if self.is_gru { CellKind::Gru } else { CellKind::Lstm }
    }

    /// A state of zeros, `[batch, n_states * d_hidden]`.
    pub fn zero_state(&self, batch: usize, device: &B::Device) -> Tensor<B, 2> {
        Tensor::zeros([batch, self.kind().n_states() * self.d_hidden], device)
    }

    /// The hidden part of states, `[a, b, d_hidden]`.
    pub fn hidden(&self, states: Tensor<B, 3>) -> Tensor<B, 3> {
        states.narrow(2, 0, self.d_hidden)
    }

    /// One step: `x` `[batch, d_input]` and `state` to the next state.
    pub fn step(&self, x: Tensor<B, 2>, state: Tensor<B, 2>) -> Tensor<B, 2> {
        self.step_with(self.input.forward(x), state)
    }

    fn step_with(&self, inputs: Tensor<B, 2>, state: Tensor<B, 2>) -> Tensor<B, 2> {
        let mut recurrent = self.recurrent.forward(state.clone().narrow(1, 0, self.d_hidden));
        if let Some(bias) = &self.recurrent_bias {
            recurrent = recurrent + bias.val().unsqueeze_dim::<2>(0);
        }
        B::cell_step(self.kind(), inputs, recurrent, state)
    }

    /// A whole sequence `x` `[time, batch, d_input]` from `state`; `mask` is `[time, batch]`, 1 for a real step.
    /// Gives every state, `[time, batch, n_states * d_hidden]`.
    pub fn sequence(
        &self,
        x: Tensor<B, 3>,
        state: Tensor<B, 2>,
        mask: &Tensor<B, 2>,
        is_reversed: bool,
    ) -> Tensor<B, 3> {
        let inputs = self.input.forward_3d(x);
        if let Some(weight) = &self.recurrent.weight {
            let device = inputs.device();
            let n_gates = inputs.dims()[2];
            let bias =
                self.recurrent_bias.as_ref().map_or_else(|| Tensor::zeros([n_gates], &device), |bias| bias.val());
            return B::sequence(SequenceInput {
                kind: self.kind(),
                inputs,
                weight: weight.val(),
                bias,
                state,
                mask: mask.clone(),
                is_reversed,
            });
        }
        let time = inputs.dims()[0];
        let mut state = state;
        let mut states = vec![None; time];
        for index in 0..time {
            let t = if is_reversed { time - 1 - index } else { index };
            let next = self.step_with(inputs.clone().narrow(0, t, 1).squeeze_dim(0), state.clone());
            state = state.clone() + step_mask(mask, t) * (next - state);
            states[t] = Some(state.clone());
        }
        Tensor::stack(states.into_iter().flatten().collect(), 0)
    }
}

/// The mask of step `t` as a column, `[batch, 1]`.
pub fn step_mask<B: Backend>(mask: &Tensor<B, 2>, t: usize) -> Tensor<B, 2> {
    mask.clone().narrow(0, t, 1).transpose()
}
