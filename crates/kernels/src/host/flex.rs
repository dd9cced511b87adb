//! The kernels on burn's flex backend: native training and translation.

use burn::{
    backend::{
        Flex,
        flex::{FlexDevice, FlexTensor},
    },
    tensor::{Distribution, Int, Shape, Tensor, TensorData, TensorPrimitive},
};

use super::{
    adam, additive, attention, beam, bf16, cells, cells_backward, dropout, int8, layer_norm, layout, linear, loss,
    packed_sequence, product, sequence, top_k,
};
use crate::{
    AdamStep, Beam, BeamRules, CellKind, CrossEntropy, Extended, Int8Matrix, Kernels, Memory, Normalized,
    OutputGradients, OutputLoss, PackedSequence, Preview, SequenceGradients, SequenceInput, SequenceTape,
};

fn floats<const D: usize>(x: Tensor<Flex, D>) -> FlexTensor {
    x.into_primitive().tensor().to_contiguous()
}

fn ints<const D: usize>(x: Tensor<Flex, D, Int>) -> Vec<i32> {
    x.into_data().convert::<i32>().into_vec().expect("converted the line before")
}

/// The values of a contiguous tensor.
fn view(x: &FlexTensor) -> &[f32] {
    let (start, end) = x.layout().contiguous_offsets().expect("made contiguous by floats()");
    &x.storage::<f32>()[start..end]
}

/// The values of a tensor, without a copy where nobody else holds them.
fn take<const D: usize>(x: Tensor<Flex, D>) -> Vec<f32> {
    floats(x).into_data().into_vec().expect("the flex backend's floats are f32")
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<Flex, D> {
    Tensor::from_primitive(TensorPrimitive::Float(FlexTensor::from_data(TensorData::new(values, Shape::from(shape)))))
}

fn int_tensor<const D: usize>(values: Vec<i32>, shape: [usize; D]) -> Tensor<Flex, D, Int> {
    Tensor::from_data(TensorData::new(values, shape), &FlexDevice)
}

fn shape(input: &SequenceInput<Flex>) -> sequence::Shape {
    let [time, batch, n_in] = input.inputs.dims();
    sequence::Shape {
        kind: input.kind,
        time,
        batch,
        d_hidden: n_in / input.kind.n_gates(),
        is_reversed: input.is_reversed,
    }
}

fn with_slices<R>(input: &SequenceInput<Flex>, call: impl FnOnce(&sequence::Input) -> R) -> R {
    let (inputs, weight, bias) =
        (floats(input.inputs.clone()), floats(input.weight.clone()), floats(input.bias.clone()));
    let (state, mask) = (floats(input.state.clone()), floats(input.mask.clone()));
    let (gain, dropout) = (input.gain.clone().map(floats), input.dropout.clone().map(floats));
    call(&sequence::Input {
        shape: shape(input),
        inputs: view(&inputs),
        weight: view(&weight),
        bias: view(&bias),
        gain: gain.as_ref().map(view),
        state: view(&state),
        mask: view(&mask),
        dropout: dropout.as_ref().map(view),
    })
}

/// Calls `f` with packed weights.
fn with_int8<R>(weight: &Int8Matrix<Flex>, f: impl FnOnce(int8::Matrix) -> R) -> R {
    let values = weight.values.clone().into_primitive();
    let (scales, row_sums) = (floats(weight.scales.clone()), floats(weight.row_sums.clone()));
    let (scales, row_sums) = (view(&scales), view(&row_sums));
    f(int8::Matrix { values: values.storage(), scales, row_sums, cols: weight.cols })
}

impl Kernels for Flex {
    const SHRINKS_BATCHES: bool = true;

    fn int8_pack(values: Vec<i8>, rows: usize, cols: usize, _: &FlexDevice) -> Tensor<Self, 2, Int> {
        let (values, shape) = int8::pack(&values, rows, cols);
        Tensor::from_primitive(FlexTensor::from_data(TensorData::new(values, shape)))
    }

    fn int8_quantize(x: Tensor<Self, 2>) -> Int8Matrix<Self> {
        crate::int8::quantize_on_host(x)
    }

    fn int8_linear(x: Tensor<Self, 2>, weight: &Int8Matrix<Self>, bias: Option<Tensor<Self, 1>>) -> Tensor<Self, 2> {
        let batch = x.dims()[0];
        let (x, bias) = (floats(x), bias.map(floats));
        let bias = bias.as_ref().map_or(&[][..], view);
        tensor(with_int8(weight, |weight| int8::linear(view(&x), weight, bias)), [batch, weight.rows])
    }

    fn packed_sequence(input: &PackedSequence<Self>) -> Tensor<Self, 3> {
        if input.gain.is_some() {
            return crate::packed_sequence::forward(input);
        }
        let [time, batch, _] = input.inputs.dims();
        let (inputs, state, mask) =
            (floats(input.inputs.clone()), floats(input.state.clone()), floats(input.mask.clone()));
        let bias = input.bias.clone().map(floats);
        let hidden = with_int8(input.weight, |weight| {
            packed_sequence::forward(&packed_sequence::Input {
                kind: input.kind,
                inputs: view(&inputs),
                weight,
                bias: bias.as_ref().map_or(&[], view),
                state: view(&state),
                mask: view(&mask),
                is_reversed: input.is_reversed,
            })
        });
        tensor(hidden, [time, batch, input.weight.cols])
    }

    fn int8_rows(weight: &Int8Matrix<Self>, ids: Tensor<Self, 1, Int>) -> Tensor<Self, 2> {
        let ids = ints(ids);
        let out = with_int8(weight, |matrix| int8::rows(matrix, ids.iter().map(|&id| id as usize)));
        tensor(out, [ids.len(), weight.cols])
    }

    fn top_k(x: Tensor<Self, 2>, k: usize) -> (Tensor<Self, 2>, Tensor<Self, 2, Int>) {
        let [rows, cols] = x.dims();
        let (values, indices) = top_k::top_k(view(&floats(x)), cols, k);
        (tensor(values, [rows, k]), int_tensor(indices, [rows, k]))
    }

    fn most_probable(
        logits: Tensor<Self, 2>,
        bias: Tensor<Self, 1>,
        k: usize,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2, Int>) {
        let rows = logits.dims()[0];
        let (values, indices) = top_k::most_probable(view(&floats(logits)), view(&floats(bias)), k);
        (tensor(values, [rows, k]), int_tensor(indices, [rows, k]))
    }

    fn most_probable_product(
        x: Tensor<Self, 2>,
        weight: &Int8Matrix<Self>,
        preview: Option<&Preview<Self>>,
        bias: Tensor<Self, 1>,
        k: usize,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2, Int>) {
        let rows = x.dims()[0];
        let short = preview.map(|preview| floats(Self::int8_linear(x.clone(), &preview.query, None)));
        let (x, bias) = (floats(x), floats(bias));
        let find = |preview: Option<(&[f32], int8::Matrix)>| {
            with_int8(weight, |weight| top_k::most_probable_product(view(&x), weight, preview, view(&bias), k))
        };
        let (values, indices) = match preview.zip(short) {
            Some((preview, short)) => with_int8(&preview.table, |table| find(Some((view(&short), table)))),
            None => find(None),
        };
        (tensor(values, [rows, k]), int_tensor(indices, [rows, k]))
    }

    fn extend_beam(
        best: Tensor<Self, 2>,
        tokens: Tensor<Self, 2, Int>,
        before: Beam<Self>,
        rules: BeamRules,
    ) -> Extended<Self> {
        let limits = before.limits.clone();
        let [scores, finished, lengths, best] = [before.scores, before.finished, before.lengths, best].map(floats);
        let limited = floats(before.limits);
        let before = beam::Before {
            scores: view(&scores),
            finished: view(&finished),
            lengths: view(&lengths),
            limits: view(&limited),
        };
        let after = beam::extend(view(&best), &ints(tokens), &before, rules);
        after.into_extended(rules.batch, limits, tensor, int_tensor)
    }

    fn join_columns(left: Tensor<Self, 2>, right: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let [[rows, a], [_, b]] = [left.dims(), right.dims()];
        tensor(layout::join_columns(view(&floats(left)), view(&floats(right)), [rows, a, b]), [rows, a + b])
    }

    fn split_columns(x: Tensor<Self, 2>, a: usize) -> (Tensor<Self, 2>, Tensor<Self, 2>) {
        let [rows, width] = x.dims();
        let x = floats(x);
        let part = |start, d| tensor(layout::columns(view(&x), width, start, d), [rows, d]);
        (part(0, a), part(a, width - a))
    }

    fn swap_leading(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        let [a, b, d] = x.dims();
        tensor(layout::swap_leading(view(&floats(x)), [a, b, d]), [b, a, d])
    }

    fn tanh(x: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let dims = x.dims();
        tensor(cells::tanh_each(view(&floats(x))), dims)
    }

    fn tanh_backward(result: Tensor<Self, 2>, grad: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let dims = grad.dims();
        let mut grad = take(grad);
        cells_backward::tanh_each(&mut grad, view(&floats(result)));
        tensor(grad, dims)
    }

    fn attend(queries: Tensor<Self, 3>, memory: &Memory<Self>) -> (Tensor<Self, 3>, Tensor<Self, 3>) {
        let [rows, n_targets, d] = queries.dims();
        let [_, n_sources, d_value] = memory.values.dims();
        let (keys, values) = (floats(memory.keys.clone()), floats(memory.values.clone()));
        let (queries, penalty) = (floats(queries), floats(memory.penalty.clone()));
        let sizes = attention::Sizes { n_targets, n_sources, d, d_value };
        let looked_at = [view(&keys), view(&values), view(&penalty)];
        let (contexts, weights) = attention::attend(view(&queries), looked_at, memory.rows.as_deref(), sizes);
        (tensor(contexts, [rows, n_targets, d_value]), tensor(weights, [rows, n_targets, n_sources]))
    }

    fn cell_step(
        kind: CellKind,
        inputs: Tensor<Self, 2>,
        recurrent: Tensor<Self, 2>,
        state: Tensor<Self, 2>,
    ) -> Tensor<Self, 2> {
        let [batch, n_state] = state.dims();
        let (inputs, recurrent, state) = (floats(inputs), floats(recurrent), floats(state));
        let next = cells::step(kind, view(&inputs), view(&recurrent), view(&state), n_state / kind.n_states());
        tensor(next, [batch, n_state])
    }

    fn sequence_forward(input: &SequenceInput<Self>) -> SequenceTape<Self> {
        let sequence::Shape { kind, time, batch, d_hidden: d, .. } = shape(input);
        let tape = with_slices(input, sequence::forward);
        let steps = |values, width| tensor(values, [time, batch, width]);
        let has_gain = !tape.normalized.is_empty();
        SequenceTape {
            hidden: steps(tape.hidden, d),
            cells: (!tape.cells.is_empty()).then(|| steps(tape.cells, d)),
            gates: steps(tape.gates, kind.n_activated() * d),
            normalized: has_gain
                .then(|| [steps(tape.normalized, kind.n_gates() * d), steps(tape.factors, kind.n_gates())]),
        }
    }

    fn sequence_backward(
        input: &SequenceInput<Self>,
        tape: SequenceTape<Self>,
        grad: Tensor<Self, 3>,
    ) -> SequenceGradients<Self> {
        let sequence::Shape { kind, time, batch, d_hidden, .. } = shape(input);
        let (grad, n_in) = (floats(grad), kind.n_gates() * d_hidden);
        let [normalized, factors] = tape.normalized.map_or([Vec::new(), Vec::new()], |parts| parts.map(take));
        let cells = tape.cells.map_or_else(Vec::new, take);
        let tape = sequence::Tape { hidden: take(tape.hidden), cells, gates: take(tape.gates), normalized, factors };
        let result = with_slices(input, |input| sequence::backward(input, tape, view(&grad)));
        SequenceGradients {
            inputs: tensor(result.inputs, [time, batch, n_in]),
            weight: tensor(result.weight, input.weight.dims()),
            bias: tensor(result.bias, input.bias.dims()),
            gain: (!result.gain.is_empty()).then(|| tensor(result.gain, [n_in])),
            state: tensor(result.state, [batch, kind.n_states() * d_hidden]),
        }
    }

    fn use_bf16() -> bool {
        product::use_bf16()
    }

    fn affine(x: Tensor<Self, 2>, weight: Tensor<Self, 2>, bias: Option<Tensor<Self, 1>>) -> Tensor<Self, 2> {
        let ([n, k], [m, _]) = (x.dims(), weight.dims());
        let (x, weight, bias) = (floats(x), floats(weight), bias.map(floats));
        tensor(linear::forward(view(&x), view(&weight), bias.as_ref().map(view), [n, k, m]), [n, m])
    }

    fn affine_backward(
        grad: Tensor<Self, 2>,
        x: Tensor<Self, 2>,
        weight: Tensor<Self, 2>,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2>, Tensor<Self, 1>) {
        let ([n, k], [m, _]) = (x.dims(), weight.dims());
        let (grad, x, weight) = (floats(grad), floats(x), floats(weight));
        let (d_x, d_weight, d_bias) = linear::backward(view(&grad), view(&x), view(&weight), [n, k, m]);
        (tensor(d_x, [n, k]), tensor(d_weight, [m, k]), tensor(d_bias, [m]))
    }

    fn additive_scores(queries: Tensor<Self, 3>, keys: Tensor<Self, 3>, v: Tensor<Self, 1>) -> Tensor<Self, 3> {
        let ([batch, target, d], [_, source, _]) = (queries.dims(), keys.dims());
        let (queries, keys, v) = (floats(queries), floats(keys), floats(v));
        let shape = additive::Shape { batch, target, source, d };
        tensor(additive::forward(view(&queries), view(&keys), view(&v), shape), [batch, target, source])
    }

    fn additive_scores_backward(
        grad: Tensor<Self, 3>,
        queries: Tensor<Self, 3>,
        keys: Tensor<Self, 3>,
        v: Tensor<Self, 1>,
    ) -> (Tensor<Self, 3>, Tensor<Self, 3>, Tensor<Self, 1>) {
        let ([batch, target, d], [_, source, _]) = (queries.dims(), keys.dims());
        let (grad, queries, keys, v) = (floats(grad), floats(queries), floats(keys), floats(v));
        let shape = additive::Shape { batch, target, source, d };
        let (d_queries, d_keys, d_v) = additive::backward(view(&grad), view(&queries), view(&keys), view(&v), shape);
        (tensor(d_queries, [batch, target, d]), tensor(d_keys, [batch, source, d]), tensor(d_v, [d]))
    }

    fn normalize(x: Tensor<Self, 2>, groups: usize) -> Normalized<Self> {
        let [rows, width] = x.dims();
        let (values, factors) = layer_norm::normalize(take(x), width / groups);
        Normalized { values: tensor(values, [rows, width]), factors: tensor(factors, [rows, groups]) }
    }

    fn gate_norm_backward(
        grad: Tensor<Self, 2>,
        normalized: Normalized<Self>,
        gain: Tensor<Self, 1>,
    ) -> (Tensor<Self, 2>, Tensor<Self, 1>) {
        let [rows, width] = grad.dims();
        let (values, factors) = (floats(normalized.values), floats(normalized.factors));
        let d = width / (view(&factors).len() / rows.max(1));
        let (grad, gain) = (take(grad), floats(gain));
        let (grad, d_gain) = layer_norm::rows_backward(grad, view(&gain), view(&values), view(&factors), d);
        (tensor(grad, [rows, width]), tensor(d_gain, [width]))
    }

    fn keep_mask(len: usize, rate: f64, device: &FlexDevice) -> Tensor<Self, 1> {
        let seed: f32 =
            Tensor::<Self, 1>::random([1], Distribution::Uniform(0.0, f64::from(1 << 24)), device).into_scalar();
        tensor(dropout::keep_mask(len, rate, seed.to_bits()), [len])
    }

    fn cross_entropy_with_gradient(input: CrossEntropy<Self>) -> (Tensor<Self, 1>, Tensor<Self, 2>) {
        let shape = input.logits.dims();
        let mut logits = take(input.logits);
        let (targets, weights) = (ints(input.targets), floats(input.weights));
        let sums = loss::cross_entropy(&mut logits, &targets, view(&weights), input.smoothing);
        (tensor(sums.to_vec(), [2]), tensor(logits, shape))
    }

    fn cross_entropy_backward(gradient: Tensor<Self, 2>, grad: Tensor<Self, 1>) -> Tensor<Self, 2> {
        let scale: f32 = grad.into_scalar();
        // The loss is nearly always the end of the graph, and the gradient as long as the vocabulary is wide.
        if scale == 1.0 { gradient } else { gradient * scale }
    }

    fn output_loss_with_gradients(input: &OutputLoss<Self>) -> Option<OutputGradients<Self>> {
        if !product::is_bf16() {
            return None;
        }
        let ([tokens, d], [vocab, _]) = (input.x.dims(), input.weight.dims());
        let (x, weight, weights) =
            (floats(input.x.clone()), floats(input.weight.clone()), floats(input.weights.clone()));
        let bias = input.bias.clone().map_or_else(|| vec![0.0; vocab], take);
        let targets = ints(input.targets.clone());
        let found = bf16::output_loss(view(&x), view(&weight), &bias, (&targets, view(&weights)), input.smoothing);
        Some(OutputGradients {
            sums: tensor(found.sums.to_vec(), [2]),
            x: tensor(found.x, [tokens, d]),
            weight: tensor(found.weight, [vocab, d]),
            bias: tensor(found.bias, [vocab]),
        })
    }

    fn square_sum(x: Tensor<Self, 1>) -> Tensor<Self, 1> {
        tensor(vec![adam::square_sum(view(&floats(x)))], [1])
    }

    fn follow(average: Tensor<Self, 1>, values: Tensor<Self, 1>, decay: f64) -> Tensor<Self, 1> {
        let n = values.dims()[0];
        let mut average = take(average);
        adam::follow(&mut average, view(&floats(values)), decay as f32);
        tensor(average, [n])
    }

    fn adam_step(
        values: Tensor<Self, 1>,
        gradient: Tensor<Self, 1>,
        [first, second]: [Tensor<Self, 1>; 2],
        step: AdamStep,
    ) -> (Tensor<Self, 1>, [Tensor<Self, 1>; 2]) {
        let n = values.dims()[0];
        let (mut values, mut first, mut second) = (take(values), take(first), take(second));
        adam::step(&mut values, view(&floats(gradient)), &mut first, &mut second, step);
        (tensor(values, [n]), [first, second].map(|moment| tensor(moment, [n])))
    }
}
