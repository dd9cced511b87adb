//! The kernels on burn's ndarray backend: the page's CPU engine.

use burn::{
    backend::{
        NdArray,
        ndarray::{NdArrayDevice, NdArrayTensor},
    },
    tensor::{Int, Shape, Tensor, TensorData, TensorPrimitive},
};

use super::{attention, beam, cells, int8, packed_sequence, rows, top_k};
use crate::{Beam, BeamRules, CellKind, Extended, Int8Matrix, Kernels, Memory, PackedSequence, Preview};

/// Calls `f` with the values of a float tensor, copied only where they do not lie in order.
fn with<R, const D: usize>(x: Tensor<NdArray, D>, f: impl FnOnce(&[f32]) -> R) -> R {
    let NdArrayTensor::F32(storage) = x.into_primitive().tensor() else {
        unreachable!("the ndarray backend's floats are f32");
    };
    let view = storage.view();
    match view.as_slice() {
        Some(values) => f(values),
        None => {
            let mut values = Vec::with_capacity(view.len());
            for row in view.rows() {
                match row.as_slice() {
                    Some(row) => values.extend_from_slice(row),
                    None => values.extend(row.iter()),
                }
            }
            f(&values)
        }
    }
}

/// Calls `f` with packed weights.
fn with_int8<R>(weight: &Int8Matrix<NdArray>, f: impl FnOnce(int8::Matrix) -> R) -> R {
    let NdArrayTensor::I8(storage) = weight.values.clone().into_primitive() else {
        unreachable!("int8_pack makes i8 tensors");
    };
    let view = storage.view();
    let values = view.as_slice().expect("int8_pack lays rows out in order");
    with(weight.scales.clone(), |scales| {
        with(weight.row_sums.clone(), |row_sums| f(int8::Matrix { values, scales, row_sums, cols: weight.cols }))
    })
}

/// Calls `f` with a vector, empty where there is none.
fn with_some<R>(x: Option<Tensor<NdArray, 1>>, f: impl FnOnce(&[f32]) -> R) -> R {
    match x {
        Some(x) => with(x, f),
        None => f(&[]),
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<NdArray, D> {
    let data = TensorData::new(values, Shape::from(shape));
    Tensor::from_primitive(TensorPrimitive::Float(NdArrayTensor::from_data(data)))
}

/// Integers of 32 bits, as these kernels make them: the backend's own are twice as wide.
fn int_tensor<const D: usize>(values: Vec<i32>, shape: [usize; D]) -> Tensor<NdArray, D, Int> {
    Tensor::from_primitive(NdArrayTensor::from_data(TensorData::new(values, Shape::from(shape))))
}

/// Calls `f` with the values of an integer tensor, converted where they are none of ours.
fn with_ints<R, const D: usize>(x: Tensor<NdArray, D, Int>, f: impl FnOnce(&[i32]) -> R) -> R {
    let x = x.into_primitive();
    if let NdArrayTensor::I32(storage) = &x
        && let Some(values) = storage.view().as_slice()
    {
        return f(values);
    }
    let data = Tensor::<NdArray, D, Int>::from_primitive(x).into_data();
    f(&data.iter::<i32>().collect::<Vec<i32>>())
}

impl Kernels for NdArray {
    const SHRINKS_BATCHES: bool = true;

    fn int8_pack(values: Vec<i8>, rows: usize, cols: usize, _: &NdArrayDevice) -> Tensor<Self, 2, Int> {
        let (values, shape) = int8::pack(&values, rows, cols);
        Tensor::from_primitive(NdArrayTensor::from_data(TensorData::new(values, shape)))
    }

    fn int8_quantize(x: Tensor<Self, 2>) -> Int8Matrix<Self> {
        crate::int8::quantize_on_host(x)
    }

    fn int8_linear(x: Tensor<Self, 2>, weight: &Int8Matrix<Self>, bias: Option<Tensor<Self, 1>>) -> Tensor<Self, 2> {
        let batch = x.dims()[0];
        let out = with(x, |x| with_some(bias, |bias| with_int8(weight, |weight| int8::linear(x, weight, bias))));
        tensor(out, [batch, weight.rows])
    }

    fn packed_sequence(input: &PackedSequence<Self>) -> Tensor<Self, 3> {
        if input.gain.is_some() {
            return crate::packed_sequence::forward(input);
        }
        let [time, batch, _] = input.inputs.dims();
        let &PackedSequence { kind, weight, is_reversed, .. } = input;
        let PackedSequence { inputs, bias, state, mask, .. } = input.clone();
        let forward = |inputs: &[f32], weight: int8::Matrix, [bias, state, mask]: [&[f32]; 3]| {
            packed_sequence::forward(&packed_sequence::Input { kind, inputs, weight, bias, state, mask, is_reversed })
        };
        let hidden = with(inputs, |inputs| {
            with_some(bias, |bias| {
                with(state, |state| {
                    with(mask, |mask| with_int8(weight, |weight| forward(inputs, weight, [bias, state, mask])))
                })
            })
        });
        tensor(hidden, [time, batch, weight.cols])
    }

    fn int8_rows(weight: &Int8Matrix<Self>, ids: Tensor<Self, 1, Int>) -> Tensor<Self, 2> {
        let n_ids = ids.dims()[0];
        let out =
            with_ints(ids, |ids| with_int8(weight, |matrix| int8::rows(matrix, ids.iter().map(|&id| id as usize))));
        tensor(out, [n_ids, weight.cols])
    }

    fn top_k(x: Tensor<Self, 2>, k: usize) -> (Tensor<Self, 2>, Tensor<Self, 2, Int>) {
        let [rows, cols] = x.dims();
        let (values, indices) = with(x, |x| top_k::top_k(x, cols, k));
        (tensor(values, [rows, k]), int_tensor(indices, [rows, k]))
    }

    fn most_probable(
        logits: Tensor<Self, 2>,
        bias: Tensor<Self, 1>,
        k: usize,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2, Int>) {
        let rows = logits.dims()[0];
        let (values, indices) = with(logits, |logits| with(bias, |bias| top_k::most_probable(logits, bias, k)));
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
        let short = preview.map(|preview| Self::int8_linear(x.clone(), &preview.query, None));
        let find = |preview: Option<(&[f32], int8::Matrix)>| {
            let found = |x: &[f32], bias: &[f32]| {
                with_int8(weight, |weight| top_k::most_probable_product(x, weight, preview, bias, k))
            };
            with(x, |x| with(bias, |bias| found(x, bias)))
        };
        let (values, indices) = match preview.zip(short) {
            Some((preview, short)) => {
                with(short, |short| with_int8(&preview.table, |table| find(Some((short, table)))))
            }
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
        let extend = |best: &[f32], tokens: &[i32], [scores, finished, lengths, limits]: [&[f32]; 4]| {
            beam::extend(best, tokens, &beam::Before { scores, finished, lengths, limits }, rules)
        };
        let after = with(before.scores, |scores| {
            with(before.finished, |finished| {
                with(before.lengths, |lengths| {
                    with(before.limits, |limits| {
                        with(best, |best| {
                            with_ints(tokens, |tokens| extend(best, tokens, [scores, finished, lengths, limits]))
                        })
                    })
                })
            })
        });
        after.into_extended(rules.batch, limits, tensor, int_tensor)
    }

    fn select_rows(x: Tensor<Self, 2>, rows: Tensor<Self, 1, Int>) -> Tensor<Self, 2> {
        let ([n, d], [n_rows]) = (x.dims(), rows.dims());
        let out = with(x, |x| with_ints(rows, |numbers| rows::select_rows(x, n, d, numbers)));
        tensor(out, [n_rows, d])
    }

    fn join_columns(left: Tensor<Self, 2>, right: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let [[rows, a], [_, b]] = [left.dims(), right.dims()];
        tensor(with(left, |left| with(right, |right| rows::join_columns(left, a, right, b))), [rows, a + b])
    }

    fn tanh(x: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let dims = x.dims();
        tensor(with(x, cells::tanh_each), dims)
    }

    fn attend(queries: Tensor<Self, 3>, memory: &Memory<Self>) -> (Tensor<Self, 3>, Tensor<Self, 3>) {
        let [rows, n_targets, d] = queries.dims();
        let [_, n_sources, d_value] = memory.values.dims();
        let sizes = attention::Sizes { n_targets, n_sources, d, d_value };
        let Memory { keys, values, penalty, rows: live } = memory.clone();
        let (contexts, weights) = with(queries, |queries| {
            with(keys, |keys| {
                with(values, |values| {
                    with(penalty, |penalty| attention::attend(queries, [keys, values, penalty], live.as_deref(), sizes))
                })
            })
        });
        (tensor(contexts, [rows, n_targets, d_value]), tensor(weights, [rows, n_targets, n_sources]))
    }

    fn cell_step(
        kind: CellKind,
        inputs: Tensor<Self, 2>,
        recurrent: Tensor<Self, 2>,
        state: Tensor<Self, 2>,
    ) -> Tensor<Self, 2> {
        let [batch, n_state] = state.dims();
        let d_hidden = n_state / kind.n_states();
        let next = with(inputs, |inputs| {
            with(recurrent, |recurrent| with(state, |state| cells::step(kind, inputs, recurrent, state, d_hidden)))
        });
        tensor(next, [batch, n_state])
    }
}
