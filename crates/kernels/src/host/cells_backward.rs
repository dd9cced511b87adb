//! The pointwise step backwards, for rows of a batch.

use super::math::tanh;

/// One LSTM row backwards: `gates` turns from activations into the gradients of their pre-activations, `carry` from
/// the gradient of the state after the step into what passes to the state before it (the product apart).
#[inline(always)]
fn lstm_row_backward(gates: &mut [f32], cell_before: &[f32], grad: &[f32], carry: &mut [f32], mask: f32) {
    let d = gates.len() / 4;
    let (input, rest) = gates.split_at_mut(d);
    let (forget, rest) = rest.split_at_mut(d);
    let (candidate, output) = rest.split_at_mut(d);
    let (carry_hidden, carry_cell) = carry.split_at_mut(d);
    lstm_units_backward(input, forget, candidate, output, cell_before, grad, carry_hidden, carry_cell, mask);
}

/// Each slice is a parameter of its own for the reason given at `lstm_units`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn lstm_units_backward(
    input: &mut [f32],
    forget: &mut [f32],
    candidate: &mut [f32],
    output: &mut [f32],
    cell_before: &[f32],
    grad_hidden: &[f32],
    carry_hidden: &mut [f32],
    carry_cell: &mut [f32],
    mask: f32,
) {
    let d = input.len();
    let (forget, candidate, output) = (&mut forget[..d], &mut candidate[..d], &mut output[..d]);
    let (cell_before, grad_hidden) = (&cell_before[..d], &grad_hidden[..d]);
    let (carry_hidden, carry_cell) = (&mut carry_hidden[..d], &mut carry_cell[..d]);
    for j in 0..d {
        let (i, f, g, o) = (input[j], forget[j], candidate[j], output[j]);
        let (d_h, d_c) = (grad_hidden[j] + carry_hidden[j], carry_cell[j]);
        let tanh_cell = tanh(f * cell_before[j] + i * g);
        let (live_h, live_c) = (mask * d_h, mask * d_c);
        let d_cell = live_c + live_h * o * (1.0 - tanh_cell * tanh_cell);
        input[j] = d_cell * g * i * (1.0 - i);
        forget[j] = d_cell * cell_before[j] * f * (1.0 - f);
        candidate[j] = d_cell * i * (1.0 - g * g);
        output[j] = live_h * tanh_cell * o * (1.0 - o);
        carry_hidden[j] = d_h - live_h;
        carry_cell[j] = d_c - live_c + d_cell * f;
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn lstm_rows(gates: &mut [f32], before: &[f32], grad: &[f32], carry: &mut [f32], mask: &[f32], d: usize) {
    for (row, mask) in mask.iter().enumerate() {
        let (hidden, state) = (row * d..(row + 1) * d, row * 2 * d..(row + 1) * 2 * d);
        lstm_row_backward(
            &mut gates[row * 4 * d..(row + 1) * 4 * d],
            &before[hidden.clone()],
            &grad[hidden],
            &mut carry[state],
            *mask,
        );
    }
}

/// GRU rows backwards: `inputs` and `recurrent` get the gradients of both products, `[rows, 3 * d_hidden]`.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
#[allow(clippy::too_many_arguments)]
pub fn gru_rows(
    gates: &[f32],
    before: &[f32],
    grad: &[f32],
    carry: &mut [f32],
    inputs: &mut [f32],
    recurrent: &mut [f32],
    mask: &[f32],
    d: usize,
) {
    for (row, mask) in mask.iter().enumerate() {
        let (gates, state) = (&gates[row * 4 * d..(row + 1) * 4 * d], row * d..(row + 1) * d);
        let (before, grad, carry) = (&before[state.clone()], &grad[state.clone()], &mut carry[state]);
        let inputs = &mut inputs[row * 3 * d..(row + 1) * 3 * d];
        let recurrent = &mut recurrent[row * 3 * d..(row + 1) * 3 * d];
        for j in 0..d {
            let (r, z, n, inner) = (gates[j], gates[d + j], gates[2 * d + j], gates[3 * d + j]);
            let total = grad[j] + carry[j];
            let live = mask * total;
            let d_n = live * (1.0 - z) * (1.0 - n * n);
            let d_z = live * (before[j] - n) * z * (1.0 - z);
            let d_r = d_n * inner * r * (1.0 - r);
            (inputs[j], inputs[d + j], inputs[2 * d + j]) = (d_r, d_z, d_n);
            (recurrent[j], recurrent[d + j], recurrent[2 * d + j]) = (d_r, d_z, d_n * r);
            carry[j] = total - live + live * z;
        }
    }
}

/// One SSRU row backwards, as [`lstm_rows`].
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn ssru_units_backward(
    forget: &mut [f32],
    candidate: &mut [f32],
    cell_before: &[f32],
    grad_hidden: &[f32],
    carry_hidden: &mut [f32],
    carry_cell: &mut [f32],
    mask: f32,
) {
    let d = forget.len();
    let (candidate, cell_before) = (&mut candidate[..d], &cell_before[..d]);
    let grad_hidden = &grad_hidden[..d];
    let (carry_hidden, carry_cell) = (&mut carry_hidden[..d], &mut carry_cell[..d]);
    for j in 0..d {
        let (f, x) = (forget[j], candidate[j]);
        let (d_h, d_c) = (grad_hidden[j] + carry_hidden[j], carry_cell[j]);
        let change = cell_before[j] - x;
        let (live_h, live_c) = (mask * d_h, mask * d_c);
        let d_cell = live_c + if x + f * change > 0.0 { live_h } else { 0.0 };
        forget[j] = d_cell * change * f * (1.0 - f);
        candidate[j] = d_cell * (1.0 - f);
        carry_hidden[j] = d_h - live_h;
        carry_cell[j] = d_c - live_c + d_cell * f;
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn ssru_rows(gates: &mut [f32], before: &[f32], grad: &[f32], carry: &mut [f32], mask: &[f32], d: usize) {
    for (row, mask) in mask.iter().enumerate() {
        let (hidden, state) = (row * d..(row + 1) * d, row * 2 * d..(row + 1) * 2 * d);
        let (forget, candidate) = gates[state.clone()].split_at_mut(d);
        let (carry_hidden, carry_cell) = carry[state].split_at_mut(d);
        let (before, grad) = (&before[hidden.clone()], &grad[hidden]);
        ssru_units_backward(forget, candidate, before, grad, carry_hidden, carry_cell, *mask);
    }
}

/// Rows of plain units backwards, as [`lstm_rows`].
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn rnn_rows(gates: &mut [f32], grad: &[f32], carry: &mut [f32], mask: &[f32], d: usize) {
    for (row, mask) in mask.iter().enumerate() {
        let units = row * d..(row + 1) * d;
        let (gates, grad, carry) = (&mut gates[units.clone()], &grad[units.clone()], &mut carry[units]);
        for ((gate, grad), carry) in gates.iter_mut().zip(grad).zip(carry) {
            let total = grad + *carry;
            let live = mask * total;
            *gate = live * (1.0 - *gate * *gate);
            *carry = total - live;
        }
    }
}

/// Turns the gradient of a hyperbolic tangent into that of its argument.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn tanh_each(grad: &mut [f32], result: &[f32]) {
    grad.iter_mut().zip(result).for_each(|(grad, y)| *grad *= 1.0 - y * y);
}
