//! A recurrent sequence whose weights are packed, for translation.

use burn::tensor::{Tensor, backend::Backend};

use crate::{
    CellKind, Int8Matrix, Kernels,
    cells::part,
    sequence::{at, order, select, stack},
};

/// What a sequence with packed recurrent weights is made of.
#[derive(Clone, Debug)]
pub struct PackedSequence<'a, B: Backend> {
    /// A kind with a recurrent product.
    pub kind: CellKind,
    /// The inputs' part of the gates, `[time, batch, n_gates * d_hidden]`.
    pub inputs: Tensor<B, 3>,
    /// `[n_gates * d_hidden, d_hidden]`.
    pub weight: &'a Int8Matrix<B>,
    /// The gain of the normalised recurrent product, `[n_gates * d_hidden]`; without one it is not normalised.
    pub gain: Option<Tensor<B, 1>>,
    /// Added to the recurrent product, `[n_gates * d_hidden]`.
    pub bias: Option<Tensor<B, 1>>,
    /// Before the first step, `[batch, n_states * d_hidden]`.
    pub state: Tensor<B, 2>,
    /// 1 for a real step, 0 for padding, which leaves the state as it is, `[time, batch]`.
    pub mask: Tensor<B, 2>,
    /// Whether the last step comes first.
    pub is_reversed: bool,
}

pub(crate) fn forward<B: Kernels>(input: &PackedSequence<B>) -> Tensor<B, 3> {
    let [time, _, _] = input.inputs.dims();
    let d_hidden = input.weight.cols;
    let mut state = input.state.clone();
    let mut hidden = vec![None; time];
    for t in order(time, input.is_reversed) {
        let before = part(&state, 0, d_hidden);
        let recurrent = match (&input.gain, &input.bias) {
            (None, bias) => B::int8_linear(before, input.weight, bias.clone()),
            (Some(gain), bias) => {
                let product = B::int8_linear(before, input.weight, None);
                let normalized = B::gate_norm(product, gain.clone(), input.kind.n_gates());
                match bias {
                    Some(bias) => normalized + bias.clone().unsqueeze_dim::<2>(0),
                    None => normalized,
                }
            }
        };
        let next = B::cell_step(input.kind, at(&input.inputs, t), recurrent, state.clone());
        let mask = input.mask.clone().narrow(0, t, 1).transpose(); // [batch, 1]
        state = select(mask, next, state);
        hidden[t] = Some(part(&state, 0, d_hidden));
    }
    stack(hidden)
}
