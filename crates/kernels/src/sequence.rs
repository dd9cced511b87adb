//! A recurrent layer over a whole sequence, forward and backward, in plain burn operations.
//!
//! The input's product with all gates is made before, for all steps at once; here is only what depends on the
//! step before. A padded step hands the state on unchanged, in both directions of time, so padding never reaches a
//! result. The backward pass is written by hand because burn's slice backward writes a full-size zero tensor a
//! step; the weights' gradient is one product over all steps.

use burn::tensor::{Tensor, backend::Backend};

use crate::{
    CellKind, Kernels,
    cells::{part, step},
    layer_norm::{normalize, normalize_backward},
};

/// What a recurrent sequence is computed from.
#[derive(Clone, Debug)]
pub struct SequenceInput<B: Backend> {
    /// The kind of cell.
    pub kind: CellKind,
    /// The input's part of all gates with its bias, `[time, batch, n_gates * d_hidden]`.
    pub inputs: Tensor<B, 3>,
    /// Recurrent weights, `[n_gates * d_hidden, d_hidden]`; never read where the kind has none.
    pub weight: Tensor<B, 2>,
    /// Recurrent bias, `[n_gates * d_hidden]`; never read where the kind has no recurrent weights.
    pub bias: Tensor<B, 1>,
    /// Gains of the layer normalisation of the recurrent product, each gate apart (Ba et al., 2016),
    /// `[n_gates * d_hidden]`.
    pub gain: Option<Tensor<B, 1>>,
    /// The state before the first step, `[batch, n_states * d_hidden]`.
    pub state: Tensor<B, 2>,
    /// 1 for a real step and 0 for padding, `[time, batch]`.
    pub mask: Tensor<B, 2>,
    /// What the hidden state is multiplied by on its way into the recurrent product, the same at every step: 0 or
    /// `1 / (1 - rate)` (variational dropout: Gal & Ghahramani, 2016), `[batch, d_hidden]`.
    pub dropout: Option<Tensor<B, 2>>,
    /// Whether time runs backwards; hidden states stay at their own place in time.
    pub is_reversed: bool,
    /// Whether the backward pass runs the forward pass again rather than keep what it needs of it (gradient
    /// checkpointing: Chen et al., 2016): less memory, half as much work again.
    pub is_recomputed: bool,
}

/// What the forward pass leaves for the backward pass.
#[derive(Clone, Debug)]
pub struct SequenceTape<B: Backend> {
    /// Every hidden state, `[time, batch, d_hidden]`.
    pub hidden: Tensor<B, 3>,
    /// Every cell, `[time, batch, d_hidden]`, where the kind has one.
    pub cells: Option<Tensor<B, 3>>,
    /// Gates after their activations, `[time, batch, n_activated * d_hidden]`.
    pub gates: Tensor<B, 3>,
    /// Where there is a gain: the recurrent product without mean and variance, `[time, batch, n_gates * d_hidden]`,
    /// and what the product was multiplied by for that, `[time, batch, n_gates]`.
    pub normalized: Option<[Tensor<B, 3>; 2]>,
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
    /// As [`SequenceInput::gain`].
    pub gain: Option<Tensor<B, 1>>,
    /// As [`SequenceInput::state`].
    pub state: Tensor<B, 2>,
}

/// The order in which steps are taken.
pub(crate) fn order(time: usize, is_reversed: bool) -> Vec<usize> {
    if is_reversed { (0..time).rev().collect() } else { (0..time).collect() }
}

pub(crate) fn at<B: Backend>(x: &Tensor<B, 3>, t: usize) -> Tensor<B, 2> {
    x.clone().narrow(0, t, 1).squeeze_dim(0)
}

/// Hands on where `mask` is 0: `mask * new + (1 - mask) * old`.
pub(crate) fn select<B: Backend>(mask: Tensor<B, 2>, new: Tensor<B, 2>, old: Tensor<B, 2>) -> Tensor<B, 2> {
    old.clone() + mask * (new - old)
}

pub(crate) fn forward<B: Kernels>(input: &SequenceInput<B>) -> SequenceTape<B> {
    let kind = input.kind;
    let [time, _, _] = input.inputs.dims();
    let weight = input.weight.clone().transpose();
    let bias = input.bias.clone().unsqueeze_dim::<2>(0);
    let mut state = input.state.clone();
    let d_hidden = state.dims()[1] / kind.n_states();
    let (mut hidden, mut cells, mut gates) = (vec![None; time], vec![None; time], vec![None; time]);
    let (mut normalized, mut factors) = (vec![None; time], vec![None; time]);
    for t in order(time, input.is_reversed) {
        let inputs = at(&input.inputs, t);
        let recurrent = if kind.is_recurrent() {
            let mut product = B::product(dropped(input, part(&state, 0, d_hidden)), weight.clone());
            if let Some(gain) = &input.gain {
                let result = normalize(product, kind.n_gates());
                (normalized[t], factors[t]) = (Some(result.values.clone()), Some(result.factors));
                product = result.values * gain.clone().unsqueeze_dim::<2>(0);
            }
            product + bias.clone()
        } else {
            inputs.clone()
        };
        let activated = step(kind, inputs, recurrent, &state);
        let mask = input.mask.clone().narrow(0, t, 1).transpose(); // [batch, 1]
        state = select(mask, activated.state, state);
        hidden[t] = Some(part(&state, 0, d_hidden));
        cells[t] = (kind.n_states() > 1).then(|| part(&state, 1, d_hidden));
        gates[t] = Some(Tensor::cat(activated.gates, 1));
    }
    let has_gain = input.gain.is_some() && kind.is_recurrent();
    SequenceTape {
        hidden: stack(hidden),
        cells: (kind.n_states() > 1).then(|| stack(cells)),
        gates: stack(gates),
        normalized: has_gain.then(|| [stack(normalized), stack(factors)]),
    }
}

fn dropped<B: Backend>(input: &SequenceInput<B>, hidden: Tensor<B, 2>) -> Tensor<B, 2> {
    match &input.dropout {
        Some(dropout) => hidden * dropout.clone(),
        None => hidden,
    }
}

pub(crate) fn stack<B: Backend>(steps: Vec<Option<Tensor<B, 2>>>) -> Tensor<B, 3> {
    Tensor::stack(steps.into_iter().flatten().collect(), 0)
}

/// What one step backwards gives, before the recurrent product.
struct StepGradients<B: Backend> {
    inputs: Tensor<B, 2>,
    recurrent: Tensor<B, 2>,
    /// What passes to the state before without a product, `[batch, n_states * d_hidden]`.
    kept: Tensor<B, 2>,
}

/// One step backwards from `total`, the gradient of the state after it.
fn step_backward<B: Backend>(
    kind: CellKind,
    gates: &Tensor<B, 2>,
    before: &Tensor<B, 2>,
    total: Tensor<B, 2>,
) -> StepGradients<B> {
    let d_hidden = before.dims()[1] / kind.n_states();
    let gate = |index| part(gates, index, d_hidden);
    let sigmoid_slope = |y: &Tensor<B, 2>| y.clone() * (-y.clone() + 1.0);
    let tanh_slope = |y: &Tensor<B, 2>| -y.clone().powi_scalar(2) + 1.0;
    match kind {
        CellKind::Lstm => {
            let [input_gate, forget, candidate, output] = [0, 1, 2, 3].map(gate);
            let cell_before = part(before, 1, d_hidden);
            let cell = forget.clone() * cell_before.clone() + input_gate.clone() * candidate.clone();
            let tanh_cell = cell.tanh();
            let d_hidden_state = part(&total, 0, d_hidden);
            let d_output = d_hidden_state.clone() * tanh_cell.clone() * sigmoid_slope(&output);
            let d_cell = part(&total, 1, d_hidden) + d_hidden_state * output * tanh_slope(&tanh_cell);
            let d_input = d_cell.clone() * candidate.clone() * sigmoid_slope(&input_gate);
            let d_forget = d_cell.clone() * cell_before * sigmoid_slope(&forget);
            let d_candidate = d_cell.clone() * input_gate * tanh_slope(&candidate);
            let d_gates = Tensor::cat(vec![d_input, d_forget, d_candidate, d_output], 1);
            let kept = Tensor::cat(vec![forget.zeros_like(), d_cell * forget], 1);
            StepGradients { inputs: d_gates.clone(), recurrent: d_gates, kept }
        }
        CellKind::Gru => {
            let [reset, update, candidate, inner] = [0, 1, 2, 3].map(gate);
            let d_candidate = total.clone() * (-update.clone() + 1.0) * tanh_slope(&candidate);
            let d_update = total.clone() * (before.clone() - candidate) * sigmoid_slope(&update);
            let d_reset = d_candidate.clone() * inner * sigmoid_slope(&reset);
            let d_inner = d_candidate.clone() * reset;
            StepGradients {
                inputs: Tensor::cat(vec![d_reset.clone(), d_update.clone(), d_candidate], 1),
                recurrent: Tensor::cat(vec![d_reset, d_update, d_inner], 1),
                kept: total * update,
            }
        }
        CellKind::Ssru => {
            let [forget, candidate] = [0, 1].map(gate);
            let change = part(before, 1, d_hidden) - candidate.clone();
            let cell = candidate + forget.clone() * change.clone();
            let d_cell = part(&total, 1, d_hidden) + part(&total, 0, d_hidden) * cell.greater_elem(0.0).float();
            let d_forget = d_cell.clone() * change * sigmoid_slope(&forget);
            let d_candidate = d_cell.clone() * (-forget.clone() + 1.0);
            let d_gates = Tensor::cat(vec![d_forget, d_candidate], 1);
            let kept = Tensor::cat(vec![forget.zeros_like(), d_cell * forget], 1);
            StepGradients { inputs: d_gates.clone(), recurrent: d_gates, kept }
        }
        CellKind::Rnn => {
            let d_gates = total * tanh_slope(gates);
            StepGradients { kept: d_gates.zeros_like(), inputs: d_gates.clone(), recurrent: d_gates }
        }
    }
}

/// A gradient of hidden states as one of whole states.
fn widened<B: Backend>(hidden: Tensor<B, 2>, n_states: usize) -> Tensor<B, 2> {
    match n_states {
        1 => hidden,
        _ => Tensor::cat(vec![hidden.clone(), hidden.zeros_like()], 1),
    }
}

pub(crate) fn backward<B: Kernels>(
    input: &SequenceInput<B>,
    tape: SequenceTape<B>,
    grad: Tensor<B, 3>,
) -> SequenceGradients<B> {
    let kind = input.kind;
    let SequenceTape { hidden, cells, gates, normalized } = tape;
    let [time, batch, d_hidden] = hidden.dims();
    let state_at = |t| match &cells {
        Some(cells) => Tensor::cat(vec![at(&hidden, t), at(cells, t)], 1),
        None => at(&hidden, t),
    };
    let mut carry = input.state.zeros_like();
    let (mut grad_inputs, mut grad_recurrent) = (vec![None; time], vec![None; time]);
    let (mut grad_product, mut hidden_before) = (vec![None; time], vec![None; time]);
    let order = order(time, input.is_reversed);
    for (index, &t) in order.iter().enumerate().rev() {
        let before = if index == 0 { input.state.clone() } else { state_at(order[index - 1]) };
        let total = widened(at(&grad, t), kind.n_states()) + carry;
        let mask = input.mask.clone().narrow(0, t, 1).transpose(); // [batch, 1]
        let skipped = total.clone() * (-mask.clone() + 1.0);
        let step = step_backward(kind, &at(&gates, t), &before, total * mask);
        grad_inputs[t] = Some(step.inputs);
        carry = skipped + step.kept;
        if !kind.is_recurrent() {
            continue;
        }
        let d_product = match (&input.gain, &normalized) {
            (Some(gain), Some([values, factors])) => {
                let d_values = step.recurrent.clone() * gain.clone().unsqueeze_dim::<2>(0);
                normalize_backward(d_values, at(values, t), at(factors, t))
            }
            _ => step.recurrent.clone(),
        };
        let through = dropped(input, B::product(d_product.clone(), input.weight.clone())); // [batch, d_hidden]
        carry = carry + widened(through, kind.n_states());
        grad_recurrent[t] = Some(step.recurrent);
        grad_product[t] = Some(d_product);
        hidden_before[t] = Some(dropped(input, part(&before, 0, d_hidden)));
    }
    let inputs = stack(grad_inputs);
    if !kind.is_recurrent() {
        let (weight, bias) = (input.weight.zeros_like(), input.bias.zeros_like());
        return SequenceGradients { inputs, weight, bias, gain: None, state: carry };
    }
    let n_in = kind.n_gates() * d_hidden;
    let flat = |steps, width| stack(steps).reshape([time * batch, width]);
    let recurrent: Tensor<B, 2> = flat(grad_recurrent, n_in);
    let product: Tensor<B, 2> = flat(grad_product, n_in);
    let gain = normalized
        .map(|[values, _]| (recurrent.clone() * values.reshape([time * batch, n_in])).sum_dim(0).squeeze_dim(0));
    SequenceGradients {
        inputs,
        weight: B::product(product.transpose(), flat(hidden_before, d_hidden)),
        bias: recurrent.sum_dim(0).squeeze_dim(0),
        gain,
        state: carry,
    }
}
