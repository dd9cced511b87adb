//! The pointwise step of one row of a batch.

use super::math::{exp, exp_twice, sigmoid, tanh};
use crate::CellKind;

/// Steps every row: `inputs` and `recurrent` are `[batch, n_gates * d_hidden]`, `state` and the result
/// `[batch, n_states * d_hidden]`.
#[cfg_attr(
    feature = "flex",
    multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))
)]
pub fn step(kind: CellKind, inputs: &[f32], recurrent: &[f32], state: &[f32], d_hidden: usize) -> Vec<f32> {
    let mut next = vec![0.0; state.len()];
    // An LSTM needs no room for its gates.
    let n_kept = if kind == CellKind::Lstm { 0 } else { kind.n_activated() * d_hidden };
    let mut gates = vec![0.0; n_kept];
    let (n_in, n_state) = (kind.n_gates() * d_hidden, kind.n_states() * d_hidden);
    for (((next, state), inputs), recurrent) in next
        .chunks_exact_mut(n_state)
        .zip(state.chunks_exact(n_state))
        .zip(inputs.chunks_exact(n_in))
        .zip(recurrent.chunks_exact(n_in))
    {
        match kind {
            CellKind::Lstm => lstm_step(inputs, recurrent, state, next),
            CellKind::Rnn => {
                add(&mut gates, inputs, recurrent);
                rnn_row(&mut gates, state, next, 1.0);
            }
            CellKind::Gru => gru_row(&mut gates, inputs, recurrent, state, next, 1.0),
            CellKind::Ssru => {
                gates.copy_from_slice(inputs);
                ssru_row(&mut gates, state, next, 1.0);
            }
        }
    }
    next
}

/// One LSTM row whose gates nobody asks for.
#[inline(always)]
fn lstm_step(inputs: &[f32], recurrent: &[f32], state: &[f32], next: &mut [f32]) {
    let d = inputs.len() / 4;
    let (hidden, cell) = next.split_at_mut(d);
    lstm_step_units(quarters(inputs, d), quarters(recurrent, d), &state[d..2 * d], hidden, cell);
}

/// The four gates of a row, `d` values each.
#[inline(always)]
fn quarters(row: &[f32], d: usize) -> [&[f32]; 4] {
    std::array::from_fn(|gate| &row[gate * d..(gate + 1) * d])
}

/// Two loops, since one would be a longer chain of operations than a processor looks ahead; and one division for two factors
/// (6.5 ns a unit before, 4.4 after, in V8 on an AMD server).
#[inline(always)]
fn lstm_step_units(inputs: [&[f32]; 4], recurrent: [&[f32]; 4], before: &[f32], hidden: &mut [f32], cell: &mut [f32]) {
    let d = hidden.len();
    let [in_i, in_f, in_g, in_o] = inputs.map(|gate| &gate[..d]);
    let [rec_i, rec_f, rec_g, rec_o] = recurrent.map(|gate| &gate[..d]);
    let (before, cell) = (&before[..d], &mut cell[..d]);
    for j in 0..d {
        let i = exp(-(in_i[j] + rec_i[j]));
        let f = exp(-(in_f[j] + rec_f[j]));
        let g = exp_twice(in_g[j] + rec_g[j]);
        cell[j] = before[j] / (1.0 + f) + (g - 1.0) / ((1.0 + i) * (1.0 + g));
    }
    for j in 0..d {
        let o = exp(-(in_o[j] + rec_o[j]));
        let c = exp_twice(cell[j]);
        hidden[j] = (c - 1.0) / ((1.0 + o) * (1.0 + c));
    }
}

/// Writes the sums of two slices.
#[inline(always)]
pub fn add(sums: &mut [f32], left: &[f32], right: &[f32]) {
    for (sum, (a, b)) in sums.iter_mut().zip(left.iter().zip(right)) {
        *sum = a + b;
    }
}

/// The hyperbolic tangent of each value.
#[cfg_attr(
    feature = "flex",
    multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))
)]
pub fn tanh_each(values: &[f32]) -> Vec<f32> {
    values.iter().map(|&x| tanh(x)).collect()
}

/// One LSTM row: `gates` holds pre-activations on entry and activations on return.
#[cfg(feature = "flex")]
#[inline(always)]
pub fn lstm_row(gates: &mut [f32], state: &[f32], next: &mut [f32], mask: f32) {
    let d = gates.len() / 4;
    let (input, rest) = gates.split_at_mut(d);
    let (forget, rest) = rest.split_at_mut(d);
    let (candidate, output) = rest.split_at_mut(d);
    let (hidden, cell) = next.split_at_mut(d);
    lstm_units(input, forget, candidate, output, &state[..d], &state[d..2 * d], hidden, cell, mask);
}

/// The loop over units takes each slice as a parameter of its own: only so does the compiler know that no two
/// overlap, and vectorise; it is ten times slower otherwise.
#[cfg(feature = "flex")]
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn lstm_units(
    input: &mut [f32],
    forget: &mut [f32],
    candidate: &mut [f32],
    output: &mut [f32],
    hidden_before: &[f32],
    cell_before: &[f32],
    hidden: &mut [f32],
    cell: &mut [f32],
    mask: f32,
) {
    let d = input.len();
    let (forget, candidate, output) = (&mut forget[..d], &mut candidate[..d], &mut output[..d]);
    let (hidden_before, cell_before) = (&hidden_before[..d], &cell_before[..d]);
    let (hidden, cell) = (&mut hidden[..d], &mut cell[..d]);
    for j in 0..d {
        let (i, f, g, o) = (sigmoid(input[j]), sigmoid(forget[j]), tanh(candidate[j]), sigmoid(output[j]));
        (input[j], forget[j], candidate[j], output[j]) = (i, f, g, o);
        let c = f * cell_before[j] + i * g;
        let h = o * tanh(c);
        hidden[j] = hidden_before[j] + mask * (h - hidden_before[j]);
        cell[j] = cell_before[j] + mask * (c - cell_before[j]);
    }
}

/// One GRU row; on return `gates` holds reset, update, candidate and the candidate's recurrent part.
#[inline(always)]
pub fn gru_row(gates: &mut [f32], inputs: &[f32], recurrent: &[f32], state: &[f32], next: &mut [f32], mask: f32) {
    let d = gates.len() / 4;
    let (reset, rest) = gates.split_at_mut(d);
    let (update, rest) = rest.split_at_mut(d);
    let (candidate, inner) = rest.split_at_mut(d);
    inner.copy_from_slice(&recurrent[2 * d..3 * d]);
    gru_units(reset, update, candidate, inputs, recurrent, state, next, mask);
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn gru_units(
    reset: &mut [f32],
    update: &mut [f32],
    candidate: &mut [f32],
    inputs: &[f32],
    recurrent: &[f32],
    state: &[f32],
    next: &mut [f32],
    mask: f32,
) {
    let d = reset.len();
    let (update, candidate, state, next) = (&mut update[..d], &mut candidate[..d], &state[..d], &mut next[..d]);
    let (in_r, in_z, in_n) = (&inputs[..d], &inputs[d..2 * d], &inputs[2 * d..3 * d]);
    let (rec_r, rec_z, rec_n) = (&recurrent[..d], &recurrent[d..2 * d], &recurrent[2 * d..3 * d]);
    for j in 0..d {
        let r = sigmoid(in_r[j] + rec_r[j]);
        let z = sigmoid(in_z[j] + rec_z[j]);
        let n = tanh(in_n[j] + r * rec_n[j]);
        (reset[j], update[j], candidate[j]) = (r, z, n);
        let h = n + z * (state[j] - n);
        next[j] = state[j] + mask * (h - state[j]);
    }
}

/// One SSRU row: `gates` holds pre-activations on entry and activations on return.
#[inline(always)]
pub fn ssru_row(gates: &mut [f32], state: &[f32], next: &mut [f32], mask: f32) {
    let d = gates.len() / 2;
    let (forget, candidate) = gates.split_at_mut(d);
    let (hidden, cell) = next.split_at_mut(d);
    ssru_units(forget, candidate, &state[..d], &state[d..2 * d], hidden, cell, mask);
}

#[inline(always)]
fn ssru_units(
    forget: &mut [f32],
    candidate: &[f32],
    hidden_before: &[f32],
    cell_before: &[f32],
    hidden: &mut [f32],
    cell: &mut [f32],
    mask: f32,
) {
    let d = forget.len();
    let (candidate, hidden_before, cell_before) = (&candidate[..d], &hidden_before[..d], &cell_before[..d]);
    let (hidden, cell) = (&mut hidden[..d], &mut cell[..d]);
    for j in 0..d {
        let f = sigmoid(forget[j]);
        forget[j] = f;
        let c = candidate[j] + f * (cell_before[j] - candidate[j]);
        hidden[j] = hidden_before[j] + mask * (c.max(0.0) - hidden_before[j]);
        cell[j] = cell_before[j] + mask * (c - cell_before[j]);
    }
}

/// One row of plain units: `gates` holds pre-activations on entry and activations on return.
#[inline(always)]
pub fn rnn_row(gates: &mut [f32], state: &[f32], next: &mut [f32], mask: f32) {
    for ((gate, before), next) in gates.iter_mut().zip(state).zip(next) {
        *gate = tanh(*gate);
        *next = before + mask * (*gate - before);
    }
}
