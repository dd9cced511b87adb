//! A recurrent sequence over slices: rows of the batch are independent, so each core takes some of them through
//! all of time without waiting for the others.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    cells::{add, gru_row, lstm_row, rnn_row, ssru_row},
    cells_backward, layer_norm,
    product::{Matrix, Repeated, product},
    shared::Shared,
};
use crate::{CellKind, sequence::order};

/// Sizes of a sequence.
#[derive(Clone, Copy)]
pub struct Shape {
    pub kind: CellKind,
    pub time: usize,
    pub batch: usize,
    pub d_hidden: usize,
    pub is_reversed: bool,
}

impl Shape {
    fn n_in(&self) -> usize {
        self.kind.n_gates() * self.d_hidden
    }

    fn n_activated(&self) -> usize {
        self.kind.n_activated() * self.d_hidden
    }

    fn n_state(&self) -> usize {
        self.kind.n_states() * self.d_hidden
    }

    /// Batch rows for each core.
    fn chunks(&self) -> Vec<Range<usize>> {
        let per_core = self.batch.div_ceil(rayon::current_num_threads()).max(1);
        (0..self.batch).step_by(per_core).map(|start| start..(start + per_core).min(self.batch)).collect()
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn lstm_rows(gates: &mut [f32], before: &[f32], next: &mut [f32], mask: &[f32], d: usize) {
    for (row, mask) in mask.iter().enumerate() {
        let state = row * 2 * d..(row + 1) * 2 * d;
        lstm_row(&mut gates[row * 4 * d..(row + 1) * 4 * d], &before[state.clone()], &mut next[state], *mask);
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn gru_rows(
    gates: &mut [f32],
    inputs: &[f32],
    recurrent: &[f32],
    before: &[f32],
    next: &mut [f32],
    mask: &[f32],
    d: usize,
) {
    for (row, mask) in mask.iter().enumerate() {
        let (input, state) = (row * 3 * d..(row + 1) * 3 * d, row * d..(row + 1) * d);
        gru_row(
            &mut gates[row * 4 * d..(row + 1) * 4 * d],
            &inputs[input.clone()],
            &recurrent[input],
            &before[state.clone()],
            &mut next[state],
            *mask,
        );
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn ssru_rows(gates: &mut [f32], before: &[f32], next: &mut [f32], mask: &[f32], d: usize) {
    for (row, mask) in mask.iter().enumerate() {
        let state = row * 2 * d..(row + 1) * 2 * d;
        ssru_row(&mut gates[row * 2 * d..(row + 1) * 2 * d], &before[state.clone()], &mut next[state], *mask);
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn rnn_rows(gates: &mut [f32], before: &[f32], next: &mut [f32], mask: &[f32], d: usize) {
    for (row, mask) in mask.iter().enumerate() {
        let units = row * d..(row + 1) * d;
        rnn_row(&mut gates[units.clone()], &before[units.clone()], &mut next[units], *mask);
    }
}

/// What a sequence is computed from, as contiguous slices; see [`crate::SequenceInput`].
pub struct Input<'a> {
    pub shape: Shape,
    pub inputs: &'a [f32],
    pub weight: &'a [f32],
    pub bias: &'a [f32],
    pub gain: Option<&'a [f32]>,
    pub state: &'a [f32],
    pub mask: &'a [f32],
    pub dropout: Option<&'a [f32]>,
}

impl Input<'_> {
    /// The hidden states, at the start of rows of `stride` values, as they enter the product: in `buffer` where dropout
    /// changes them; with the distance between their rows. `rows` are those of the batch.
    fn entering<'a>(
        &self,
        states: &'a [f32],
        stride: usize,
        rows: &Range<usize>,
        buffer: &'a mut [f32],
    ) -> (&'a [f32], usize) {
        let d = self.shape.d_hidden;
        let Some(dropout) = self.dropout else { return (states, stride) };
        let dropout = dropout[rows.start * d..rows.end * d].chunks_exact(d);
        for ((out, hidden), keep) in buffer.chunks_exact_mut(d).zip(states.chunks_exact(stride)).zip(dropout) {
            for ((out, hidden), keep) in out.iter_mut().zip(hidden).zip(keep) {
                *out = hidden * keep;
            }
        }
        (buffer, d)
    }
}

/// See [`crate::SequenceTape`]; `cells` is empty where the kind has none, `normalized` and `factors` where there is no
/// gain.
pub struct Tape {
    pub hidden: Vec<f32>,
    pub cells: Vec<f32>,
    pub gates: Vec<f32>,
    pub normalized: Vec<f32>,
    pub factors: Vec<f32>,
}

/// All steps forward.
pub fn forward(input: &Input) -> Tape {
    let shape = input.shape;
    let Shape { kind, time, batch, d_hidden: d, .. } = shape;
    let (n_in, n_state, n_activated) = (shape.n_in(), shape.n_state(), shape.n_activated());
    let steps = time * batch;
    let n_normalized = if input.gain.is_some() && kind.is_recurrent() { steps } else { 0 };
    let mut tape = Tape {
        hidden: vec![0.0; steps * d],
        cells: vec![0.0; steps * (n_state - d)],
        gates: vec![0.0; steps * n_activated],
        normalized: vec![0.0; n_normalized * n_in],
        factors: vec![0.0; n_normalized * kind.n_gates()],
    };
    let [all_hidden, all_cells, all_gates, all_normalized, all_factors] =
        [&mut tape.hidden, &mut tape.cells, &mut tape.gates, &mut tape.normalized, &mut tape.factors]
            .map(|x| Shared::new(x));
    let weight = kind.is_recurrent().then(|| Repeated::new(Matrix(input.weight, 1, d), [d, n_in]));
    let has_bias = kind.is_recurrent() && input.bias.iter().any(|&b| b != 0.0);
    shape.chunks().into_par_iter().for_each(|rows| {
        let n = rows.len();
        let mut before = input.state[rows.start * n_state..rows.end * n_state].to_vec();
        let mut next = before.clone();
        let mut recurrent = vec![0.0; n * n_in];
        let mut dropped = vec![0.0; if input.dropout.is_some() { n * d } else { 0 }];
        for t in order(time, shape.is_reversed) {
            let first = t * batch + rows.start;
            // SAFETY: each core has its own rows, and each step its own place in time.
            let (gates, hidden, cells) = unsafe {
                (
                    all_gates.get(first * n_activated, n * n_activated),
                    all_hidden.get(first * d, n * d),
                    all_cells.get(first * (n_state - d), n * (n_state - d)),
                )
            };
            let inputs = &input.inputs[first * n_in..(first + n) * n_in];
            let mask = &input.mask[first..first + n];
            if let Some(weight) = &weight {
                recurrent.fill(0.0);
                let (entering, stride) = input.entering(&before, n_state, &rows, &mut dropped);
                weight.accumulate(&mut recurrent, n, entering, stride);
                if let Some(gain) = input.gain {
                    let groups = kind.n_gates();
                    // SAFETY: as above.
                    let (normalized, factors) = unsafe {
                        (all_normalized.get(first * n_in, n * n_in), all_factors.get(first * groups, n * groups))
                    };
                    layer_norm::forward(&mut recurrent, gain, normalized, factors, d);
                }
                if has_bias {
                    for row in recurrent.chunks_exact_mut(n_in) {
                        row.iter_mut().zip(input.bias).for_each(|(x, b)| *x += b);
                    }
                }
            }
            match kind {
                CellKind::Lstm => {
                    add(gates, inputs, &recurrent);
                    lstm_rows(gates, &before, &mut next, mask, d);
                }
                CellKind::Gru => gru_rows(gates, inputs, &recurrent, &before, &mut next, mask, d),
                CellKind::Rnn => {
                    add(gates, inputs, &recurrent);
                    rnn_rows(gates, &before, &mut next, mask, d);
                }
                CellKind::Ssru => {
                    gates.copy_from_slice(inputs);
                    ssru_rows(gates, &before, &mut next, mask, d);
                }
            }
            std::mem::swap(&mut before, &mut next);
            for (row, state) in before.chunks_exact(n_state).enumerate() {
                hidden[row * d..(row + 1) * d].copy_from_slice(&state[..d]);
                if n_state > d {
                    cells[row * d..(row + 1) * d].copy_from_slice(&state[d..]);
                }
            }
        }
    });
    tape
}

/// Gradients of a sequence as contiguous values; see [`crate::SequenceGradients`].
pub struct Gradients {
    pub inputs: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub gain: Vec<f32>,
    pub state: Vec<f32>,
}

/// The backward pass; the gates of `tape` become the gradient of the inputs where a kind has as many of them.
pub fn backward(input: &Input, tape: Tape, grad: &[f32]) -> Gradients {
    let shape = input.shape;
    let Shape { kind, time, batch, d_hidden: d, .. } = shape;
    let (n_in, n_state, n_activated) = (shape.n_in(), shape.n_state(), shape.n_activated());
    let Tape { hidden, cells, mut gates, normalized, factors } = tape;
    let is_gru = kind == CellKind::Gru;
    let has_gain = !normalized.is_empty();
    let sized = |is_needed: bool, width: usize| vec![0.0; if is_needed { time * batch * width } else { 0 }];
    let mut grad_state = vec![0.0; batch * n_state];
    let mut gru_inputs = sized(is_gru, n_in);
    // The gradient after the bias, where it is not that of the inputs.
    let mut gru_recurrent = sized(is_gru, n_in);
    // The gradient of the product, where it is not that after the bias.
    let mut product = sized(has_gain, n_in);
    let mut entered = sized(input.dropout.is_some() && kind.is_recurrent(), d);
    let weight = kind.is_recurrent().then(|| Repeated::new(Matrix(input.weight, d, 1), [n_in, d]));
    let [all_gates, all_carry, all_inputs, all_recurrent, all_products, all_entered] =
        [&mut gates, &mut grad_state, &mut gru_inputs, &mut gru_recurrent, &mut product, &mut entered]
            .map(|x| Shared::new(x));
    let first_kept: Vec<f32> =
        input.state.chunks_exact(n_state).flat_map(|state| &state[n_state - d..]).copied().collect();
    let gains: Vec<Vec<f32>> = shape
        .chunks()
        .into_par_iter()
        .map(|rows| {
            let n = rows.len();
            let mut gain_grad = vec![0.0; if has_gain { n_in } else { 0 }];
            // SAFETY: each core has its own rows.
            let carry = unsafe { all_carry.get(rows.start * n_state, n * n_state) };
            let mut through = vec![0.0; n * d];
            let order = order(time, shape.is_reversed);
            for (index, &t) in order.iter().enumerate().rev() {
                let first = t * batch + rows.start;
                // The part of the state before that the step itself needs: the cell, or else the hidden state.
                let kept = if cells.is_empty() { &hidden } else { &cells };
                let before = match index {
                    0 => &first_kept[rows.start * d..rows.end * d],
                    _ => {
                        let first = order[index - 1] * batch + rows.start;
                        &kept[first * d..(first + n) * d]
                    }
                };
                let grad = &grad[first * d..(first + n) * d];
                let mask = &input.mask[first..first + n];
                // SAFETY: each core has its own rows, and each step its own place in time.
                let gates = unsafe { all_gates.get(first * n_activated, n * n_activated) };
                let recurrent = match kind {
                    CellKind::Lstm => {
                        cells_backward::lstm_rows(gates, before, grad, carry, mask, d);
                        &*gates
                    }
                    CellKind::Gru => {
                        // SAFETY: as above.
                        let (inputs, recurrent) = unsafe {
                            (all_inputs.get(first * n_in, n * n_in), all_recurrent.get(first * n_in, n * n_in))
                        };
                        cells_backward::gru_rows(gates, before, grad, carry, inputs, recurrent, mask, d);
                        &*recurrent
                    }
                    CellKind::Rnn => {
                        cells_backward::rnn_rows(gates, grad, carry, mask, d);
                        &*gates
                    }
                    CellKind::Ssru => {
                        cells_backward::ssru_rows(gates, before, grad, carry, mask, d);
                        continue;
                    }
                };
                let Some(weight) = &weight else { continue };
                let recurrent = match input.gain {
                    Some(gain) => {
                        // SAFETY: as above.
                        let product = unsafe { all_products.get(first * n_in, n * n_in) };
                        product.copy_from_slice(recurrent);
                        let groups = kind.n_gates();
                        let normalized = &normalized[first * n_in..(first + n) * n_in];
                        let factors = &factors[first * groups..(first + n) * groups];
                        layer_norm::backward(product, gain, normalized, factors, &mut gain_grad, d);
                        &*product
                    }
                    None => recurrent,
                };
                through.fill(0.0);
                weight.accumulate(&mut through, n, recurrent, n_in);
                if let Some(dropout) = input.dropout {
                    let dropout = &dropout[rows.start * d..rows.end * d];
                    through.iter_mut().zip(dropout).for_each(|(x, keep)| *x *= keep);
                    let (states, stride) = match index {
                        0 => (&input.state[rows.start * n_state..rows.end * n_state], n_state),
                        _ => {
                            let first = order[index - 1] * batch + rows.start;
                            (&hidden[first * d..(first + n) * d], d)
                        }
                    };
                    // SAFETY: as above.
                    input.entering(states, stride, &rows, unsafe { all_entered.get(first * d, n * d) });
                }
                for (carry, through) in carry.chunks_exact_mut(n_state).zip(through.chunks_exact(d)) {
                    carry.iter_mut().zip(through).for_each(|(c, x)| *c += x);
                }
            }
            gain_grad
        })
        .collect();
    if !kind.is_recurrent() {
        let (weight, bias) = (vec![0.0; input.weight.len()], vec![0.0; input.bias.len()]);
        return Gradients { inputs: gates, weight, bias, gain: Vec::new(), state: grad_state };
    }
    let mut gain = vec![0.0; if has_gain { n_in } else { 0 }];
    for chunk in gains {
        gain.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x);
    }
    let recurrent = if is_gru { &gru_recurrent } else { &gates };
    let weight = weight_gradient(input, &hidden, &entered, if has_gain { &product } else { recurrent });
    let bias = column_sums(recurrent, n_in);
    Gradients { inputs: if is_gru { gru_inputs } else { gates }, weight, bias, gain, state: grad_state }
}

/// The sum of each column of `x` `[rows, width]`, on all cores; blocks of rows are added up in a fixed order.
pub fn column_sums(x: &[f32], width: usize) -> Vec<f32> {
    const ROWS: usize = 128;
    let blocks: Vec<Vec<f32>> = x.par_chunks(ROWS * width).map(|rows| block_sums(rows, width)).collect();
    let mut sums = vec![0.0; width];
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
    }
    sums
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn block_sums(x: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    for row in x.chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    sums
}

/// The recurrent weights' gradient from that of the product. Where dropout changed the hidden states that `entered` each
/// step, one product over all steps; else one over all steps but the first, and one for the first.
fn weight_gradient(input: &Input, hidden: &[f32], entered: &[f32], grads: &[f32]) -> Vec<f32> {
    let Shape { time, batch, d_hidden: d, is_reversed, .. } = input.shape;
    let (n_in, n_state) = (input.shape.n_in(), input.shape.n_state());
    let mut weight = vec![0.0; n_in * d];
    let mut add = |rows, grads: &[f32], hidden: &[f32], stride, keep| {
        let (grads, hidden) = (Matrix(grads, 1, n_in), Matrix(hidden, stride, 1));
        product(&mut weight, [n_in, rows, d], grads, hidden, keep);
    };
    if input.dropout.is_some() {
        add(time * batch, grads, entered, d, false);
        return weight;
    }
    // Forwards, step t meets the state of t - 1; backwards, that of t + 1.
    let (first, rest, hidden) = if is_reversed {
        ((time - 1) * batch, grads, &hidden[batch * d..])
    } else {
        (0, &grads[batch * n_in..], hidden)
    };
    add(batch, &grads[first * n_in..], input.state, n_state, false);
    if time > 1 {
        add((time - 1) * batch, rest, hidden, d, true);
    }
    weight
}
