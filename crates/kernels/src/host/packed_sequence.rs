//! A recurrent sequence with packed weights, step by step over slices.

use super::{cells, int8};
use crate::{CellKind, sequence::order};

/// [`crate::PackedSequence`] as slices.
pub struct Input<'a> {
    pub kind: CellKind,
    pub inputs: &'a [f32],
    pub weight: int8::Matrix<'a>,
    /// Empty where there is none.
    pub bias: &'a [f32],
    pub state: &'a [f32],
    pub mask: &'a [f32],
    pub is_reversed: bool,
}

/// Every hidden state, `[time, batch, d_hidden]`.
pub fn forward(input: &Input) -> Vec<f32> {
    let &Input { kind, weight, .. } = input;
    let d_hidden = weight.cols;
    let (n_in, n_state) = (kind.n_gates() * d_hidden, kind.n_states() * d_hidden);
    let batch = input.state.len() / n_state;
    let time = input.mask.len().checked_div(batch).unwrap_or(0);
    let mut state = input.state.to_vec();
    let mut before = vec![0.0; batch * d_hidden];
    let mut hidden = vec![0.0; time * batch * d_hidden];
    for t in order(time, input.is_reversed) {
        for (before, state) in before.chunks_exact_mut(d_hidden).zip(state.chunks_exact(n_state)) {
            before.copy_from_slice(&state[..d_hidden]);
        }
        let recurrent = int8::linear(&before, weight, input.bias);
        let inputs = &input.inputs[t * batch * n_in..(t + 1) * batch * n_in];
        let next = cells::step(kind, inputs, &recurrent, &state, d_hidden);
        let mask = &input.mask[t * batch..(t + 1) * batch];
        for ((state, next), &mask) in state.chunks_exact_mut(n_state).zip(next.chunks_exact(n_state)).zip(mask) {
            if mask > 0.0 {
                state.copy_from_slice(next);
            }
        }
        let hidden = &mut hidden[t * batch * d_hidden..(t + 1) * batch * d_hidden];
        for (hidden, state) in hidden.chunks_exact_mut(d_hidden).zip(state.chunks_exact(n_state)) {
            hidden.copy_from_slice(&state[..d_hidden]);
        }
    }
    hidden
}
