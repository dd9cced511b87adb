//! The trait itself; bodies in plain burn operations live beside the types they work on.

use burn::tensor::{Int, Tensor, TensorData, backend::Backend};

use crate::{
    AdamStep, CellKind, CrossEntropy, Int8Matrix, SequenceGradients, SequenceInput, adam, cells, int8, loss, sequence,
    top_k,
};

/// What the network asks of a backend beyond burn's own operations.
pub trait Kernels: Backend {
    /// Lays out int8 weights, row-major `[rows, cols]` in -127..=127, the way [`Self::int8_linear`] wants them.
    fn int8_pack(values: Vec<i8>, rows: usize, cols: usize, device: &Self::Device) -> Tensor<Self, 2, Int> {
        let values: Vec<i32> = values.into_iter().map(i32::from).collect();
        Tensor::from_data(TensorData::new(values, [rows, cols]), device)
    }

    /// `x` times the transposed weights: `[batch, cols]` to `[batch, rows]`. Activations are quantized per row to
    /// 0..=127 with a zero point, products are summed exactly, and the zero point is taken off with the row sums.
    fn int8_linear(x: Tensor<Self, 2>, weight: &Int8Matrix<Self>) -> Tensor<Self, 2> {
        int8::linear(x, weight)
    }

    /// Rows `ids` of the weights as floats, `[ids, cols]`.
    fn int8_rows(weight: &Int8Matrix<Self>, ids: Tensor<Self, 1, Int>) -> Tensor<Self, 2> {
        int8::rows(weight, ids)
    }

    /// The `k` largest of each row, best first, with their columns; equal values keep the lower column.
    /// `x` is `[rows, cols]` with `k <= cols`; both results are `[rows, k]`.
    fn top_k(x: Tensor<Self, 2>, k: usize) -> (Tensor<Self, 2>, Tensor<Self, 2, Int>) {
        top_k::top_k(x, k)
    }

    /// One pointwise step of a cell: `inputs` and `recurrent` are `[batch, n_gates * d_hidden]`, `state` and the
    /// result `[batch, n_states * d_hidden]`.
    fn cell_step(
        kind: CellKind,
        inputs: Tensor<Self, 2>,
        recurrent: Tensor<Self, 2>,
        state: Tensor<Self, 2>,
    ) -> Tensor<Self, 2> {
        cells::step(kind, inputs, recurrent, &state).state
    }

    /// A whole recurrent sequence; differentiable on an autodiff backend. The result holds every state,
    /// `[time, batch, n_states * d_hidden]`.
    fn sequence(input: SequenceInput<Self>) -> Tensor<Self, 3> {
        Self::sequence_forward(&input).0
    }

    /// As [`Self::sequence`], and besides the activated gates that [`Self::sequence_backward`] needs,
    /// `[time, batch, 4 * d_hidden]`.
    fn sequence_forward(input: &SequenceInput<Self>) -> (Tensor<Self, 3>, Tensor<Self, 3>) {
        sequence::forward(input)
    }

    /// Gradients of a sequence from `grad`, the gradient of every state, and what the forward pass gave.
    fn sequence_backward(
        input: &SequenceInput<Self>,
        states: Tensor<Self, 3>,
        gates: Tensor<Self, 3>,
        grad: Tensor<Self, 3>,
    ) -> SequenceGradients<Self> {
        sequence::backward(input, states, gates, grad)
    }

    /// Summed cross-entropy, `[2]`: label-smoothed, and plain. Only the first carries a gradient.
    fn cross_entropy(input: CrossEntropy<Self>) -> Tensor<Self, 1> {
        Self::cross_entropy_with_gradient(input).0
    }

    /// The two sums and the gradient of the first with respect to the logits, `[tokens, vocab]`.
    fn cross_entropy_with_gradient(input: CrossEntropy<Self>) -> (Tensor<Self, 1>, Tensor<Self, 2>) {
        loss::cross_entropy(input)
    }

    /// One Adam step on flattened tensors `[n]`: the new values and both moments.
    fn adam_step(
        values: Tensor<Self, 1>,
        gradient: Tensor<Self, 1>,
        moments: [Tensor<Self, 1>; 2],
        step: AdamStep,
    ) -> (Tensor<Self, 1>, [Tensor<Self, 1>; 2]) {
        adam::step(values, gradient, moments, step)
    }
}
