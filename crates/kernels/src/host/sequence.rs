//! A recurrent sequence over slices: rows of the batch are independent, so each core takes some of them through
//! all of time without waiting for the others.

use gemm::Parallelism;
use rayon::prelude::*;

use super::{
    cells::{gru_row, lstm_row},
    math::tanh,
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

    fn n_state(&self) -> usize {
        self.kind.n_states() * self.d_hidden
    }

    /// Batch rows for each core.
    fn chunks(&self) -> Vec<std::ops::Range<usize>> {
        let per_core = self.batch.div_ceil(rayon::current_num_threads()).max(1);
        (0..self.batch).step_by(per_core).map(|start| start..(start + per_core).min(self.batch)).collect()
    }
}

/// A slice that several cores write to, each its own rows.
#[derive(Clone, Copy)]
struct Rows(*mut f32, usize);

// SAFETY: the cores' ranges of batch rows do not overlap, and every access goes through `Rows::get`, which checks
// the bounds; see `Shape::chunks`.
unsafe impl Send for Rows {}
unsafe impl Sync for Rows {}

impl Rows {
    fn new(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr(), values.len())
    }

    /// # Safety
    /// No two live slices may overlap.
    #[allow(clippy::mut_from_ref)]
    unsafe fn get(&self, start: usize, len: usize) -> &mut [f32] {
        assert!(start + len <= self.1);
        // SAFETY: within bounds by the line above; not overlapping by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

/// One operand of a product: values and the distance between its rows and its columns.
#[derive(Clone, Copy)]
pub struct Matrix<'a>(pub &'a [f32], pub usize, pub usize);

/// `out = keep * out + lhs * rhs` with `out` `[m, n]` contiguous, `lhs` `[m, k]`, `rhs` `[k, n]`.
pub fn product(out: &mut [f32], [m, k, n]: [usize; 3], lhs: Matrix, rhs: Matrix, keep: f32, parallelism: Parallelism) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(out.len() >= m * n);
    if k > 0 {
        assert!((m - 1) * lhs.1 + (k - 1) * lhs.2 < lhs.0.len());
        assert!((k - 1) * rhs.1 + (n - 1) * rhs.2 < rhs.0.len());
    }
    // SAFETY: the three checks above bound every element that the product reads or writes.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            keep != 0.0,
            lhs.0.as_ptr(),
            lhs.2 as isize,
            lhs.1 as isize,
            rhs.0.as_ptr(),
            rhs.2 as isize,
            rhs.1 as isize,
            keep,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
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

/// What a sequence is computed from, as contiguous slices; see [`crate::SequenceInput`].
pub struct Input<'a> {
    pub shape: Shape,
    pub inputs: &'a [f32],
    pub weight: &'a [f32],
    pub bias: &'a [f32],
    pub state: &'a [f32],
    pub mask: &'a [f32],
}

/// States `[time, batch, n_states * d_hidden]` and activated gates `[time, batch, 4 * d_hidden]`.
pub fn forward(input: &Input) -> (Vec<f32>, Vec<f32>) {
    let shape = input.shape;
    let Shape { kind, time, batch, d_hidden: d, .. } = shape;
    let (n_in, n_state) = (shape.n_in(), shape.n_state());
    let mut states = vec![0.0; time * batch * n_state];
    let mut gates = vec![0.0; time * batch * 4 * d];
    let (all_states, all_gates) = (Rows::new(&mut states), Rows::new(&mut gates));
    let has_bias = input.bias.iter().any(|&b| b != 0.0);
    shape.chunks().into_par_iter().for_each(|rows| {
        let n = rows.len();
        let mut before = input.state[rows.start * n_state..rows.end * n_state].to_vec();
        let mut recurrent = vec![0.0; n * n_in];
        for t in order(time, shape.is_reversed) {
            let first = t * batch + rows.start;
            // SAFETY: each core has its own rows, and each step its own place in time.
            let (gates, next) =
                unsafe { (all_gates.get(first * 4 * d, n * 4 * d), all_states.get(first * n_state, n * n_state)) };
            let inputs = &input.inputs[first * n_in..(first + n) * n_in];
            let mask = &input.mask[first..first + n];
            let weight = Matrix(input.weight, 1, d); // [d, n_in], transposed
            let hidden = Matrix(&before, n_state, 1);
            let accumulated = match kind {
                CellKind::Lstm => {
                    gates.copy_from_slice(inputs);
                    &mut *gates
                }
                CellKind::Gru => {
                    recurrent.fill(0.0);
                    recurrent.as_mut_slice()
                }
            };
            if has_bias {
                for row in accumulated.chunks_exact_mut(n_in) {
                    row.iter_mut().zip(input.bias).for_each(|(x, b)| *x += b);
                }
            }
            product(accumulated, [n, d, n_in], hidden, weight, 1.0, Parallelism::None);
            match kind {
                CellKind::Lstm => lstm_rows(gates, &before, next, mask, d),
                CellKind::Gru => gru_rows(gates, inputs, &recurrent, &before, next, mask, d),
            }
            before.copy_from_slice(next);
        }
    });
    (states, gates)
}

/// Gradients of a sequence as contiguous values; see [`crate::SequenceGradients`].
pub struct Gradients {
    pub inputs: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub state: Vec<f32>,
}

/// One LSTM row backwards: `gates` turns from activations into the gradients of their pre-activations, `carry` from
/// the gradient of the state after the step into what passes to the state before it (the product apart).
#[inline(always)]
fn lstm_row_backward(gates: &mut [f32], cell_before: &[f32], grad: &[f32], carry: &mut [f32], mask: f32) {
    let d = gates.len() / 4;
    let (input, rest) = gates.split_at_mut(d);
    let (forget, rest) = rest.split_at_mut(d);
    let (candidate, output) = rest.split_at_mut(d);
    let (carry_hidden, carry_cell) = carry.split_at_mut(d);
    lstm_units_backward(
        input,
        forget,
        candidate,
        output,
        cell_before,
        &grad[..d],
        &grad[d..],
        carry_hidden,
        carry_cell,
        mask,
    );
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
    grad_cell: &[f32],
    carry_hidden: &mut [f32],
    carry_cell: &mut [f32],
    mask: f32,
) {
    let d = input.len();
    let (forget, candidate, output) = (&mut forget[..d], &mut candidate[..d], &mut output[..d]);
    let (cell_before, grad_hidden, grad_cell) = (&cell_before[..d], &grad_hidden[..d], &grad_cell[..d]);
    let (carry_hidden, carry_cell) = (&mut carry_hidden[..d], &mut carry_cell[..d]);
    for j in 0..d {
        let (i, f, g, o) = (input[j], forget[j], candidate[j], output[j]);
        let (d_h, d_c) = (grad_hidden[j] + carry_hidden[j], grad_cell[j] + carry_cell[j]);
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
fn lstm_rows_backward(gates: &mut [f32], before: &[f32], grad: &[f32], carry: &mut [f32], mask: &[f32], d: usize) {
    for (row, mask) in mask.iter().enumerate() {
        let state = row * 2 * d..(row + 1) * 2 * d;
        lstm_row_backward(
            &mut gates[row * 4 * d..(row + 1) * 4 * d],
            &before[state.start + d..state.end],
            &grad[state.clone()],
            &mut carry[state],
            *mask,
        );
    }
}

/// GRU rows backwards: `inputs` and `recurrent` get the gradients of both products, `[rows, 3 * d_hidden]`.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
#[allow(clippy::too_many_arguments)]
fn gru_rows_backward(
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

/// The backward pass; `gates` is consumed and becomes the LSTM's gradient of the inputs.
pub fn backward(input: &Input, states: &[f32], mut gates: Vec<f32>, grad: &[f32]) -> Gradients {
    let shape = input.shape;
    let Shape { kind, time, batch, d_hidden: d, .. } = shape;
    let (n_in, n_state) = (shape.n_in(), shape.n_state());
    let mut grad_state = vec![0.0; batch * n_state];
    let is_gru = kind == CellKind::Gru;
    let mut gru_inputs = vec![0.0; if is_gru { time * batch * n_in } else { 0 }];
    let mut gru_recurrent = vec![0.0; if is_gru { time * batch * n_in } else { 0 }];
    {
        let all_gates = Rows::new(&mut gates);
        let all_carry = Rows::new(&mut grad_state);
        let (all_inputs, all_recurrent) = (Rows::new(&mut gru_inputs), Rows::new(&mut gru_recurrent));
        shape.chunks().into_par_iter().for_each(|rows| {
            let n = rows.len();
            // SAFETY: each core has its own rows.
            let carry = unsafe { all_carry.get(rows.start * n_state, n * n_state) };
            let mut through = vec![0.0; n * d];
            let order = order(time, shape.is_reversed);
            for (index, &t) in order.iter().enumerate().rev() {
                let first = t * batch + rows.start;
                let before = match index {
                    0 => &input.state[rows.start * n_state..rows.end * n_state],
                    _ => {
                        let first = order[index - 1] * batch + rows.start;
                        &states[first * n_state..(first + n) * n_state]
                    }
                };
                let grad = &grad[first * n_state..(first + n) * n_state];
                let mask = &input.mask[first..first + n];
                // SAFETY: each core has its own rows, and each step its own place in time.
                let gates = unsafe { all_gates.get(first * 4 * d, n * 4 * d) };
                let recurrent = match kind {
                    CellKind::Lstm => {
                        lstm_rows_backward(gates, before, grad, carry, mask, d);
                        &*gates
                    }
                    CellKind::Gru => {
                        // SAFETY: as above.
                        let (inputs, recurrent) = unsafe {
                            (all_inputs.get(first * n_in, n * n_in), all_recurrent.get(first * n_in, n * n_in))
                        };
                        gru_rows_backward(gates, before, grad, carry, inputs, recurrent, mask, d);
                        &*recurrent
                    }
                };
                let weight = Matrix(input.weight, d, 1);
                product(&mut through, [n, n_in, d], Matrix(recurrent, n_in, 1), weight, 0.0, Parallelism::None);
                for (carry, through) in carry.chunks_exact_mut(n_state).zip(through.chunks_exact(d)) {
                    carry.iter_mut().zip(through).for_each(|(c, x)| *c += x);
                }
            }
        });
    }
    let recurrent = if is_gru { &gru_recurrent } else { &gates };
    let (weight, bias) = weight_gradient(input, states, recurrent);
    Gradients { inputs: if is_gru { gru_inputs } else { gates }, weight, bias, state: grad_state }
}

/// The recurrent weights' gradient as one product over all steps but the first, and one for the first.
fn weight_gradient(input: &Input, states: &[f32], recurrent: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let Shape { time, batch, d_hidden: d, is_reversed, .. } = input.shape;
    let (n_in, n_state) = (input.shape.n_in(), input.shape.n_state());
    let mut weight = vec![0.0; n_in * d];
    // Forwards, step t meets the state of t - 1; backwards, that of t + 1.
    let (first, grads, hidden) = if is_reversed {
        ((time - 1) * batch, recurrent, &states[batch * n_state..])
    } else {
        (0, &recurrent[batch * n_in..], states)
    };
    let rest = (time - 1) * batch;
    let parallel = Parallelism::Rayon(0);
    product(
        &mut weight,
        [n_in, batch, d],
        Matrix(&recurrent[first * n_in..], 1, n_in),
        Matrix(input.state, n_state, 1),
        0.0,
        parallel,
    );
    if rest > 0 {
        product(&mut weight, [n_in, rest, d], Matrix(grads, 1, n_in), Matrix(hidden, n_state, 1), 1.0, parallel);
    }
    let mut bias = vec![0.0; n_in];
    for row in recurrent.chunks_exact(n_in) {
        bias.iter_mut().zip(row).for_each(|(b, x)| *b += x);
    }
    (weight, bias)
}
