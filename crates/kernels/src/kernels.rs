//! The trait itself; bodies in plain burn operations live beside the types they work on.

use burn::tensor::{Int, Tensor, TensorData, activation::log_softmax, backend::Backend};

use crate::{
    AdamStep, Beam, BeamRules, CellKind, CrossEntropy, Extended, Int8Matrix, Memory, Normalized, OutputGradients,
    OutputLoss, PackedSequence, Preview, SequenceGradients, SequenceInput, SequenceTape, adam, additive, attention,
    beam, cells, dropout, int8, layer_norm, loss, packed_sequence, sequence, top_k,
};

/// What the network asks of a backend beyond burn's own operations.
pub trait Kernels: Backend {
    /// Whether a search should take finished sentences out of its batch, because a batch of another size costs nothing.
    const SHRINKS_BATCHES: bool = false;

    /// Lays out int8 weights, row-major `[rows, cols]` in -127..=127, the way [`Self::int8_linear`] wants them.
    fn int8_pack(values: Vec<i8>, rows: usize, cols: usize, device: &Self::Device) -> Tensor<Self, 2, Int> {
        let values: Vec<i32> = values.into_iter().map(i32::from).collect();
        Tensor::from_data(TensorData::new(values, [rows, cols]), device)
    }

    /// Quantizes floats `[rows, cols]` to int8 weights as [`crate::quantize_rows`] does. May block on the device where that is
    /// the host.
    fn int8_quantize(x: Tensor<Self, 2>) -> Int8Matrix<Self> {
        int8::quantize(x)
    }

    /// `x` times the transposed weights, plus `bias` `[rows]`: `[batch, cols]` to `[batch, rows]`. Activations are quantized
    /// per row to 0..=127 with a zero point, products are summed exactly (in the plain body for up to 1,040 columns), and the zero
    /// point is taken off with the row sums.
    fn int8_linear(x: Tensor<Self, 2>, weight: &Int8Matrix<Self>, bias: Option<Tensor<Self, 1>>) -> Tensor<Self, 2> {
        int8::linear(x, weight, bias)
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

    /// The `k` most probable columns of each row, best first: their log-probabilities and their numbers, both `[rows, k]`.
    /// Probabilities are the softmax of `logits` `[rows, cols]` plus `bias` `[cols]`.
    fn most_probable(
        logits: Tensor<Self, 2>,
        bias: Tensor<Self, 1>,
        k: usize,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2, Int>) {
        Self::top_k(log_softmax(logits + bias.unsqueeze_dim::<2>(0), 1), k)
    }

    /// [`Self::most_probable`] of the logits [`Self::int8_linear`] of `x`, `[rows, cols]`. With a `preview` of `weight` only logits
    /// that are near the highest by it are those of `weight`; the others are the preview's. Of those the host backends keep only
    /// what is among the `k` highest by the preview: where a near one turns out improbable, the last places may hold others than by
    /// the plain body.
    fn most_probable_product(
        x: Tensor<Self, 2>,
        weight: &Int8Matrix<Self>,
        preview: Option<&Preview<Self>>,
        bias: Tensor<Self, 1>,
        k: usize,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2, Int>) {
        top_k::most_probable_product(x, weight, preview, bias, k)
    }

    /// Extends every hypothesis of a beam search by its `best` log-probabilities of next `tokens`, both `[rows, width]`, and
    /// keeps as many of each sentence as there were.
    fn extend_beam(
        best: Tensor<Self, 2>,
        tokens: Tensor<Self, 2, Int>,
        before: Beam<Self>,
        rules: BeamRules,
    ) -> Extended<Self> {
        beam::extend(best, tokens, before, rules)
    }

    /// Rows of `x` `[rows, d]` by their numbers `[n]`, `[n, d]`.
    fn select_rows(x: Tensor<Self, 2>, rows: Tensor<Self, 1, Int>) -> Tensor<Self, 2> {
        x.select(0, rows)
    }

    /// `left` `[rows, a]` and `right` `[rows, b]` side by side, `[rows, a + b]`; differentiable on an autodiff backend.
    fn join_columns(left: Tensor<Self, 2>, right: Tensor<Self, 2>) -> Tensor<Self, 2> {
        Tensor::cat(vec![left, right], 1)
    }

    /// What [`Self::join_columns`] joined, the left part `a` wide.
    fn split_columns(x: Tensor<Self, 2>, a: usize) -> (Tensor<Self, 2>, Tensor<Self, 2>) {
        let width = x.dims()[1];
        (x.clone().narrow(1, 0, a), x.narrow(1, a, width - a))
    }

    /// `x` `[a, b, d]` as `[b, a, d]`, its values in that order; differentiable on an autodiff backend.
    fn swap_leading(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        let [a, b, d] = x.dims();
        x.swap_dims(0, 1).reshape([b * a, d]).reshape([b, a, d])
    }

    /// The hyperbolic tangent of each value; differentiable on an autodiff backend.
    fn tanh(x: Tensor<Self, 2>) -> Tensor<Self, 2> {
        x.tanh()
    }

    /// The gradient of [`Self::tanh`] with respect to its input from that of its result, and the result.
    fn tanh_backward(result: Tensor<Self, 2>, grad: Tensor<Self, 2>) -> Tensor<Self, 2> {
        grad * (-result.powi_scalar(2) + 1.0)
    }

    /// One pointwise step of a cell: `inputs` and `recurrent` are `[batch, n_gates * d_hidden]`, `state` and the
    /// result `[batch, n_states * d_hidden]`. Where the kind has no recurrent product, `recurrent` is not read.
    fn cell_step(
        kind: CellKind,
        inputs: Tensor<Self, 2>,
        recurrent: Tensor<Self, 2>,
        state: Tensor<Self, 2>,
    ) -> Tensor<Self, 2> {
        cells::step(kind, inputs, recurrent, &state).state
    }

    /// A whole recurrent sequence; differentiable on an autodiff backend. The result holds every hidden state,
    /// `[time, batch, d_hidden]`.
    fn sequence(input: SequenceInput<Self>) -> Tensor<Self, 3> {
        Self::sequence_forward(&input).hidden
    }

    /// As [`Self::sequence`], and besides what [`Self::sequence_backward`] needs.
    fn sequence_forward(input: &SequenceInput<Self>) -> SequenceTape<Self> {
        sequence::forward(input)
    }

    /// Gradients of a sequence from `grad`, the gradient of every hidden state `[time, batch, d_hidden]`, and what the
    /// forward pass gave.
    fn sequence_backward(
        input: &SequenceInput<Self>,
        tape: SequenceTape<Self>,
        grad: Tensor<Self, 3>,
    ) -> SequenceGradients<Self> {
        sequence::backward(input, tape, grad)
    }

    /// A whole recurrent sequence with packed weights: every hidden state, `[time, batch, d_hidden]`.
    fn packed_sequence(input: &PackedSequence<Self>) -> Tensor<Self, 3> {
        packed_sequence::forward(input)
    }

    /// Has [`Self::product`] work on bf16 operands from now on, in the whole process; says whether this backend can.
    fn use_bf16() -> bool {
        false
    }

    /// The product of two matrices in training, `[n, k]` times `[k, m]`, in the precision that was chosen.
    fn product(lhs: Tensor<Self, 2>, rhs: Tensor<Self, 2>) -> Tensor<Self, 2> {
        lhs.matmul(rhs)
    }

    /// `x weight^T + bias`, `x` `[n, k]`, `weight` `[m, k]` and `bias` `[m]`, to `[n, m]`; differentiable on an autodiff
    /// backend.
    fn affine(x: Tensor<Self, 2>, weight: Tensor<Self, 2>, bias: Option<Tensor<Self, 1>>) -> Tensor<Self, 2> {
        let product = Self::product(x, weight.transpose());
        match bias {
            Some(bias) => product + bias.unsqueeze_dim::<2>(0),
            None => product,
        }
    }

    /// Gradients of [`Self::affine`] with respect to input, weight and bias from `grad` `[n, m]`.
    fn affine_backward(
        grad: Tensor<Self, 2>,
        x: Tensor<Self, 2>,
        weight: Tensor<Self, 2>,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2>, Tensor<Self, 1>) {
        let bias = grad.clone().sum_dim(0).squeeze_dim(0);
        (Self::product(grad.clone(), weight), Self::product(grad.transpose(), x), bias)
    }

    /// Scores `v . tanh(query + key)` of additive attention, `[batch, target, source]`, for `queries`
    /// `[batch, target, d]`, `keys` `[batch, source, d]` and `v` `[d]`; differentiable on an autodiff backend.
    fn additive_scores(queries: Tensor<Self, 3>, keys: Tensor<Self, 3>, v: Tensor<Self, 1>) -> Tensor<Self, 3> {
        additive::scores(queries, keys, v)
    }

    /// Gradients of [`Self::additive_scores`] with respect to queries, keys and `v` from `grad`
    /// `[batch, target, source]`.
    fn additive_scores_backward(
        grad: Tensor<Self, 3>,
        queries: Tensor<Self, 3>,
        keys: Tensor<Self, 3>,
        v: Tensor<Self, 1>,
    ) -> (Tensor<Self, 3>, Tensor<Self, 3>, Tensor<Self, 1>) {
        additive::backward(grad, queries, keys, v)
    }

    /// Dot-product attention: contexts `[rows, target, d_value]` and weights `[rows, target, source]` for `queries`
    /// `[rows, target, d]`.
    fn attend(queries: Tensor<Self, 3>, memory: &Memory<Self>) -> (Tensor<Self, 3>, Tensor<Self, 3>) {
        attention::attend(queries, memory)
    }

    /// Layer normalisation of `x` `[rows, groups * d]`, each group of `d` columns apart, times `gain` `[groups * d]`;
    /// differentiable on an autodiff backend.
    fn gate_norm(x: Tensor<Self, 2>, gain: Tensor<Self, 1>, groups: usize) -> Tensor<Self, 2> {
        Self::normalize(x, groups).values * gain.unsqueeze_dim::<2>(0)
    }

    /// [`Self::gate_norm`] without its gain.
    fn normalize(x: Tensor<Self, 2>, groups: usize) -> Normalized<Self> {
        layer_norm::normalize(x, groups)
    }

    /// What `grad`, the gradient of the result of [`Self::gate_norm`], is for its input and for its gain.
    fn gate_norm_backward(
        grad: Tensor<Self, 2>,
        normalized: Normalized<Self>,
        gain: Tensor<Self, 1>,
    ) -> (Tensor<Self, 2>, Tensor<Self, 1>) {
        let d_gain = (grad.clone() * normalized.values.clone()).sum_dim(0).squeeze_dim(0);
        let grad = grad * gain.unsqueeze_dim::<2>(0);
        (layer_norm::normalize_backward(grad, normalized.values, normalized.factors), d_gain)
    }

    /// What dropout multiplies by: `len` values, each 0 with probability `rate`, else `1 / (1 - rate)`. Drawn from the
    /// backend's random numbers, so [`Backend::seed`] decides it.
    fn keep_mask(len: usize, rate: f64, device: &Self::Device) -> Tensor<Self, 1> {
        dropout::keep_mask(len, rate, device)
    }

    /// Summed cross-entropy, `[2]`: label-smoothed, and plain. Only the first carries a gradient.
    fn cross_entropy(input: CrossEntropy<Self>) -> Tensor<Self, 1> {
        Self::cross_entropy_with_gradient(input).0
    }

    /// The two sums and the gradient of the first with respect to the logits, `[tokens, vocab]`.
    fn cross_entropy_with_gradient(input: CrossEntropy<Self>) -> (Tensor<Self, 1>, Tensor<Self, 2>) {
        loss::cross_entropy(input)
    }

    /// The gradient of the logits where the sum's own gradient is `grad` `[1]`.
    fn cross_entropy_backward(gradient: Tensor<Self, 2>, grad: Tensor<Self, 1>) -> Tensor<Self, 2> {
        gradient * grad.unsqueeze_dim::<2>(1)
    }

    /// Summed cross-entropy of an output layer, `[2]`, as [`Self::cross_entropy`] has it; differentiable on an autodiff
    /// backend.
    fn output_loss(input: OutputLoss<Self>) -> Tensor<Self, 1> {
        loss::output_loss(input)
    }

    /// [`Self::output_loss`] and its gradients in one operation, without logits of all tokens at once; where the backend
    /// and the precision that was chosen have none, nothing.
    fn output_loss_with_gradients(_: &OutputLoss<Self>) -> Option<OutputGradients<Self>> {
        None
    }

    /// The sum of all squares, `[1]`.
    fn square_sum(x: Tensor<Self, 1>) -> Tensor<Self, 1> {
        x.powi_scalar(2).sum()
    }

    /// The moving average of weights after one more step with `values`, both `[n]`.
    fn follow(average: Tensor<Self, 1>, values: Tensor<Self, 1>, decay: f64) -> Tensor<Self, 1> {
        average * decay + values * (1.0 - decay)
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
