//! A recurrent layer over a whole sequence, forward and backward, in plain burn operations.
//!
//! The input's product with all gates is made before, for all steps at once; here is only what depends on the
//! step before. A padded step hands the state on unchanged, in both directions of time, so padding never reaches a
//! result. The backward pass is written by hand because burn's slice backward writes a full-size zero tensor a
//! step; the weights' gradient is one product over all steps.

use burn::tensor::{Tensor, backend::Backend};

use crate::{
    CellKind,
    cells::{part, step},
};

/// What a recurrent sequence is computed from.
#[derive(Clone, Debug)]
pub struct SequenceInput<B: Backend> {
    /// The kind of cell.
    pub kind: CellKind,
    /// The input's part of all gates with its bias, `[time, batch, n_gates * d_hidden]`.
    pub inputs: Tensor<B, 3>,
    /// Recurrent weights, `[n_gates * d_hidden, d_hidden]`.
    pub weight: Tensor<B, 2>,
    /// Recurrent bias, `[n_gates * d_hidden]`.
    pub bias: Tensor<B, 1>,
    /// The state before the first step, `[batch, n_states * d_hidden]`.
    pub state: Tensor<B, 2>,
    /// 1 for a real step and 0 for padding, `[time, batch]`.
    pub mask: Tensor<B, 2>,
    /// Whether time runs backwards; states stay at their own place in time.
    pub is_reversed: bool,
}

/// Gradients of a sequence with respect to what it was computed from.
#[derive(Clone, Debug)]
pub struct SequenceGradients<B: Backend> {
    /// As [`SequenceInput::inputs`].
    pub inputs: Tensor<B, 3>,
    /// As [`SequenceInput::weight`].
    pub weight: Tensor<B, 2>,
    /// As [`SequenceInput::bias`].
    pub bias: Tensor<B, 1>,
    /// As [`SequenceInput::state`].
    pub state: Tensor<B, 2>,
}

/// The order in which steps are taken.
pub(crate) fn order(time: usize, is_reversed: bool) -> Vec<usize> {
    if is_reversed { (0..time).rev().collect() } else { (0..time).collect() }
}

fn at<B: Backend>(x: &Tensor<B, 3>, t: usize) -> Tensor<B, 2> {
    x.clone().narrow(0, t, 1).squeeze_dim(0)
}

/// Hands on where `mask` is 0: `mask * new + (1 - mask) * old`.
fn select<B: Backend>(mask: Tensor<B, 2>, new: Tensor<B, 2>, old: Tensor<B, 2>) -> Tensor<B, 2> {
    old.clone() + mask * (new - old)
}

pub(crate) fn forward<B: Backend>(input: &SequenceInput<B>) -> (Tensor<B, 3>, Tensor<B, 3>) {
    let [time, _, _] = input.inputs.dims();
    let weight = input.weight.clone().transpose();
    let bias = input.bias.clone().unsqueeze_dim::<2>(0);
    let mut state = input.state.clone();
    let mut states = vec![None; time];
    let mut gates = vec![None; time];
    for t in order(time, input.is_reversed) {
        let d_hidden = state.dims()[1] / input.kind.n_states();
        let recurrent = part(&state, 0, d_hidden).matmul(weight.clone()) + bias.clone();
        let activated = step(input.kind, at(&input.inputs, t), recurrent, &state);
        let mask = input.mask.clone().narrow(0, t, 1).transpose(); // [batch, 1]
        state = select(mask, activated.state, state);
        states[t] = Some(state.clone());
        gates[t] = Some(Tensor::cat(activated.gates.to_vec(), 1));
    }
    let stack = |steps: Vec<Option<Tensor<B, 2>>>| Tensor::stack(steps.into_iter().flatten().collect(), 0);
    (stack(states), stack(gates))
}

pub(crate) fn backward<B: Backend>(
    input: &SequenceInput<B>,
    states: Tensor<B, 3>,
    gates: Tensor<B, 3>,
    grad: Tensor<B, 3>,
) -> SequenceGradients<B> {
    let kind = input.kind;
    let [time, batch, width] = states.dims();
    let d_hidden = width / kind.n_states();
    let mut carry = input.state.zeros_like();
    let mut grad_inputs = vec![None; time];
    let mut grad_recurrent = vec![None; time];
    let mut previous_hidden = vec![None; time];
    let order = order(time, input.is_reversed);
    for (index, &t) in order.iter().enumerate().rev() {
        let before = if index == 0 { input.state.clone() } else { at(&states, order[index - 1]) };
        let total = at(&grad, t) + carry;
        let mask = input.mask.clone().narrow(0, t, 1).transpose(); // [batch, 1]
        let skipped = total.clone() * (-mask.clone() + 1.0);
        let total = total * mask;
        let gate = at(&gates, t);
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| part(&gate, i, d_hidden));
        let sigmoid_slope = |y: &Tensor<B, 2>| y.clone() * (-y.clone() + 1.0);
        let tanh_slope = |y: &Tensor<B, 2>| -y.clone().powi_scalar(2) + 1.0;
        let (d_inputs, d_recurrent, kept) = match kind {
            CellKind::Lstm => {
                let (input_gate, forget, candidate, output) = (a, b, c, d);
                let cell_before = part(&before, 1, d_hidden);
                let cell = forget.clone() * cell_before.clone() + input_gate.clone() * candidate.clone();
                let tanh_cell = cell.tanh();
                let d_hidden_state = part(&total, 0, d_hidden);
                let d_output = d_hidden_state.clone() * tanh_cell.clone() * sigmoid_slope(&output);
                let d_cell = part(&total, 1, d_hidden) + d_hidden_state * output * tanh_slope(&tanh_cell);
                let d_input = d_cell.clone() * candidate.clone() * sigmoid_slope(&input_gate);
                let d_forget = d_cell.clone() * cell_before * sigmoid_slope(&forget);
                let d_candidate = d_cell.clone() * input_gate * tanh_slope(&candidate);
                let d_gates = Tensor::cat(vec![d_input, d_forget, d_candidate, d_output], 1);
                let zeros = forget.zeros_like();
                (d_gates.clone(), d_gates, Tensor::cat(vec![zeros, d_cell * forget], 1))
            }
            CellKind::Gru => {
                let (reset, update, candidate, inner) = (a, b, c, d);
                let d_candidate = total.clone() * (-update.clone() + 1.0) * tanh_slope(&candidate);
                let d_update = total.clone() * (before.clone() - candidate) * sigmoid_slope(&update);
                let d_reset = d_candidate.clone() * inner * sigmoid_slope(&reset);
                let d_inner = d_candidate.clone() * reset;
                (
                    Tensor::cat(vec![d_reset.clone(), d_update.clone(), d_candidate], 1),
                    Tensor::cat(vec![d_reset, d_update, d_inner], 1),
                    total * update,
                )
            }
        };
        let through = d_recurrent.clone().matmul(input.weight.clone()); // [batch, d_hidden]
        let through = match kind {
            CellKind::Lstm => Tensor::cat(vec![through.clone(), through.zeros_like()], 1),
            CellKind::Gru => through,
        };
        carry = skipped + kept + through;
        grad_inputs[t] = Some(d_inputs);
        grad_recurrent[t] = Some(d_recurrent);
        previous_hidden[t] = Some(part(&before, 0, d_hidden));
    }
    let stack = |steps: Vec<Option<Tensor<B, 2>>>| Tensor::stack::<3>(steps.into_iter().flatten().collect(), 0);
    let recurrent: Tensor<B, 2> = stack(grad_recurrent).reshape([time * batch, kind.n_gates() * d_hidden]);
    let hidden: Tensor<B, 2> = stack(previous_hidden).reshape([time * batch, d_hidden]);
    SequenceGradients {
        inputs: stack(grad_inputs),
        weight: recurrent.clone().transpose().matmul(hidden),
        bias: recurrent.sum_dim(0).squeeze_dim(0),
        state: carry,
    }
}
