//! Kinds of recurrent cell and their pointwise step in plain burn operations.

use burn::tensor::{
    Tensor,
    activation::{relu, sigmoid},
    backend::Backend,
};

/// The kind of a recurrent cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Long short-term memory (Hochreiter & Schmidhuber, 1997); gates in the order input, forget, candidate, output.
    Lstm,
    /// Gated recurrent unit (Cho et al., 2014); gates in the order reset, update, candidate; the reset gate acts
    /// after the recurrent product, as in cuDNN and PyTorch.
    Gru,
    /// Simpler simple recurrent unit (Kim et al., 2019); gates in the order forget, candidate. It has no recurrent
    /// product: `cell = forget * cell + (1 - forget) * candidate`, `hidden = relu(cell)`.
    Ssru,
    /// Plain recurrent unit (Elman, 1990): `hidden = tanh(input + recurrent)`.
    Rnn,
}

impl CellKind {
    /// How many gates are packed side by side.
    pub const fn n_gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
            Self::Ssru => 2,
            Self::Rnn => 1,
        }
    }

    /// How many vectors of `d_hidden` make the state: hidden and cell, or hidden alone.
    pub const fn n_states(self) -> usize {
        match self {
            Self::Lstm | Self::Ssru => 2,
            Self::Gru | Self::Rnn => 1,
        }
    }

    /// How many vectors of `d_hidden` the backward pass needs of each step's gates.
    pub const fn n_activated(self) -> usize {
        match self {
            Self::Lstm | Self::Gru => 4,
            Self::Ssru => 2,
            Self::Rnn => 1,
        }
    }

    /// Whether the hidden state passes through a matrix on its way to the next step.
    pub const fn is_recurrent(self) -> bool {
        !matches!(self, Self::Ssru)
    }
}

/// One part of `width` columns out of packed columns.
pub(crate) fn part<B: Backend>(packed: &Tensor<B, 2>, index: usize, width: usize) -> Tensor<B, 2> {
    packed.clone().narrow(1, index * width, width)
}

/// Gates after their activations. LSTM: input, forget, candidate, output. GRU: reset, update, candidate and the
/// recurrent part of the candidate, which the backward pass needs. SSRU: forget, candidate. Plain unit: its hidden state.
pub(crate) struct Activated<B: Backend> {
    pub gates: Vec<Tensor<B, 2>>,
    /// The next state, `[batch, n_states * d_hidden]`.
    pub state: Tensor<B, 2>,
}

/// The pointwise step of `kind`: `inputs` and `recurrent` are `[batch, n_gates * d_hidden]`, `state` is
/// `[batch, n_states * d_hidden]`. An SSRU does not read `recurrent`.
pub(crate) fn step<B: Backend>(
    kind: CellKind,
    inputs: Tensor<B, 2>,
    recurrent: Tensor<B, 2>,
    state: &Tensor<B, 2>,
) -> Activated<B> {
    let d_hidden = state.dims()[1] / kind.n_states();
    match kind {
        CellKind::Lstm => {
            let sum = inputs + recurrent;
            let input = sigmoid(part(&sum, 0, d_hidden));
            let forget = sigmoid(part(&sum, 1, d_hidden));
            let candidate = part(&sum, 2, d_hidden).tanh();
            let output = sigmoid(part(&sum, 3, d_hidden));
            let cell = forget.clone() * part(state, 1, d_hidden) + input.clone() * candidate.clone();
            let hidden = output.clone() * cell.clone().tanh();
            Activated { gates: vec![input, forget, candidate, output], state: Tensor::cat(vec![hidden, cell], 1) }
        }
        CellKind::Gru => {
            let reset = sigmoid(part(&inputs, 0, d_hidden) + part(&recurrent, 0, d_hidden));
            let update = sigmoid(part(&inputs, 1, d_hidden) + part(&recurrent, 1, d_hidden));
            let inner = part(&recurrent, 2, d_hidden);
            let candidate = (part(&inputs, 2, d_hidden) + reset.clone() * inner.clone()).tanh();
            let hidden = candidate.clone() + update.clone() * (state.clone() - candidate.clone());
            Activated { gates: vec![reset, update, candidate, inner], state: hidden }
        }
        CellKind::Ssru => {
            let forget = sigmoid(part(&inputs, 0, d_hidden));
            let candidate = part(&inputs, 1, d_hidden);
            let cell = candidate.clone() + forget.clone() * (part(state, 1, d_hidden) - candidate.clone());
            let hidden = relu(cell.clone());
            Activated { gates: vec![forget, candidate], state: Tensor::cat(vec![hidden, cell], 1) }
        }
        CellKind::Rnn => {
            let hidden = (inputs + recurrent).tanh();
            Activated { gates: vec![hidden.clone()], state: hidden }
        }
    }
}
