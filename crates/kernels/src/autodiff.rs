//! The sequence and the loss as single operations of burn's autodiff graph.

use burn::{
    backend::{
        Autodiff,
        autodiff::{
            NodeId,
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
    },
    tensor::{Int, Tensor, TensorPrimitive, backend::Backend},
};

use crate::{
    CellKind, CrossEntropy, Int8Matrix, Kernels, Normalized, OutputGradients, OutputLoss, SequenceInput, SequenceTape,
};

fn inner<B: Backend, C: CheckpointStrategy, const D: usize>(x: &Tensor<Autodiff<B, C>, D>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(x.clone().into_primitive().tensor().primitive))
}

fn primitive<B: Backend, const D: usize>(x: Tensor<B, D>) -> B::FloatTensorPrimitive {
    x.into_primitive().tensor()
}

fn tensor<B: Backend, const D: usize>(x: B::FloatTensorPrimitive) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(x))
}

/// Hands each parent that is tracked its gradient, where there is one.
fn register<B: Backend, const N: usize>(
    parents: [Option<NodeId>; N],
    values: [Option<B::FloatTensorPrimitive>; N],
    grads: &mut Gradients,
) {
    for (parent, value) in parents.into_iter().zip(values) {
        if let (Some(id), Some(value)) = (parent, value) {
            grads.register::<B>(id, value);
        }
    }
}

#[derive(Debug)]
struct SequenceBackward;

impl<B: Kernels> Backward<B, 5> for SequenceBackward {
    type State = (SequenceInput<B>, Option<SequenceTape<B>>);

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = tensor(grads.consume::<B>(&ops.node));
        let (input, tape) = ops.state;
        let tape = tape.unwrap_or_else(|| B::sequence_forward(&input));
        let result = B::sequence_backward(&input, tape, grad);
        let values = [
            Some(primitive(result.inputs)),
            Some(primitive(result.weight)),
            Some(primitive(result.bias)),
            result.gain.map(primitive),
            Some(primitive(result.state)),
        ];
        register::<B, 5>(ops.parents.map(|node| node.map(|node| node.id)), values, grads);
    }
}

#[derive(Debug)]
struct AffineBackward;

impl<B: Kernels> Backward<B, 3> for AffineBackward {
    type State = (Tensor<B, 2>, Tensor<B, 2>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = tensor(grads.consume::<B>(&ops.node));
        let (x, weight) = ops.state;
        let (d_x, d_weight, d_bias) = B::affine_backward(grad, x, weight);
        register::<B, 3>(
            ops.parents.map(|node| node.map(|node| node.id)),
            [primitive(d_x), primitive(d_weight), primitive(d_bias)].map(Some),
            grads,
        );
    }
}

#[derive(Debug)]
struct AdditiveBackward;

impl<B: Kernels> Backward<B, 3> for AdditiveBackward {
    type State = (Tensor<B, 3>, Tensor<B, 3>, Tensor<B, 1>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = tensor(grads.consume::<B>(&ops.node));
        let (queries, keys, v) = ops.state;
        let (d_queries, d_keys, d_v) = B::additive_scores_backward(grad, queries, keys, v);
        register::<B, 3>(
            ops.parents.map(|node| node.map(|node| node.id)),
            [primitive(d_queries), primitive(d_keys), primitive(d_v)].map(Some),
            grads,
        );
    }
}

#[derive(Debug)]
struct LayerNormBackward;

impl<B: Kernels> Backward<B, 2> for LayerNormBackward {
    type State = (Normalized<B>, Tensor<B, 1>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = tensor(grads.consume::<B>(&ops.node));
        let (normalized, gain) = ops.state;
        let (d_x, d_gain) = B::gate_norm_backward(grad, normalized, gain);
        register::<B, 2>(
            ops.parents.map(|node| node.map(|node| node.id)),
            [primitive(d_x), primitive(d_gain)].map(Some),
            grads,
        );
    }
}

#[derive(Debug)]
struct CrossEntropyBackward;

impl<B: Kernels> Backward<B, 1> for CrossEntropyBackward {
    type State = Tensor<B, 2>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad: Tensor<B, 1> = tensor(grads.consume::<B>(&ops.node));
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, primitive(B::cross_entropy_backward(ops.state, grad.narrow(0, 0, 1))));
        }
    }
}

#[derive(Debug)]
struct JoinBackward;

impl<B: Kernels> Backward<B, 2> for JoinBackward {
    /// The width of the left part.
    type State = usize;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (left, right) = B::split_columns(tensor(grads.consume::<B>(&ops.node)), ops.state);
        let parents = ops.parents.map(|node| node.map(|node| node.id));
        register::<B, 2>(parents, [left, right].map(|part| Some(primitive(part))), grads);
    }
}

#[derive(Debug)]
struct SwapBackward;

impl<B: Kernels> Backward<B, 1> for SwapBackward {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = B::swap_leading(tensor(grads.consume::<B>(&ops.node)));
        register::<B, 1>(ops.parents.map(|node| node.map(|node| node.id)), [Some(primitive(grad))], grads);
    }
}

#[derive(Debug)]
struct TanhBackward;

impl<B: Kernels> Backward<B, 1> for TanhBackward {
    /// The result.
    type State = Tensor<B, 2>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = B::tanh_backward(ops.state, tensor(grads.consume::<B>(&ops.node)));
        register::<B, 1>(ops.parents.map(|node| node.map(|node| node.id)), [Some(primitive(grad))], grads);
    }
}

#[derive(Debug)]
struct OutputLossBackward;

impl<B: Kernels> Backward<B, 3> for OutputLossBackward {
    type State = OutputGradients<B>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad: Tensor<B, 1> = tensor::<B, 1>(grads.consume::<B>(&ops.node)).narrow(0, 0, 1);
        let scaled = |gradient| B::cross_entropy_backward(gradient, grad.clone());
        let OutputGradients { x, weight, bias, .. } = ops.state;
        let vocab = bias.dims()[0];
        let bias = scaled(bias.unsqueeze_dim(0)).reshape([vocab]);
        register::<B, 3>(
            ops.parents.map(|node| node.map(|node| node.id)),
            [primitive(scaled(x)), primitive(scaled(weight)), primitive(bias)].map(Some),
            grads,
        );
    }
}

impl<B: Kernels, C: CheckpointStrategy> Kernels for Autodiff<B, C> {
    fn int8_pack(values: Vec<i8>, rows: usize, cols: usize, device: &Self::Device) -> Tensor<Self, 2, Int> {
        Tensor::from_primitive(B::int8_pack(values, rows, cols, device).into_primitive())
    }

    fn int8_linear(_: Tensor<Self, 2>, _: &Int8Matrix<Self>, _: Option<Tensor<Self, 1>>) -> Tensor<Self, 2> {
        unreachable!("int8 weights are constants: call valid() before translating with a packed model")
    }

    fn top_k(x: Tensor<Self, 2>, k: usize) -> (Tensor<Self, 2>, Tensor<Self, 2, Int>) {
        let (values, indices) = B::top_k(inner(&x), k);
        (Tensor::from_inner(values), Tensor::from_primitive(indices.into_primitive()))
    }

    fn cell_step(
        kind: CellKind,
        inputs: Tensor<Self, 2>,
        recurrent: Tensor<Self, 2>,
        state: Tensor<Self, 2>,
    ) -> Tensor<Self, 2> {
        crate::cells::step(kind, inputs, recurrent, &state).state
    }

    fn join_columns(left: Tensor<Self, 2>, right: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let result = primitive(B::join_columns(inner(&left), inner(&right)));
        let a = left.dims()[1];
        let nodes = [left, right].map(|part| part.into_primitive().tensor().node);
        tensor(match JoinBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(a, result),
            OpsKind::UnTracked(prep) => prep.finish(result),
        })
    }

    fn swap_leading(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        let result = primitive(B::swap_leading(inner(&x)));
        tensor(match SwapBackward.prepare::<C>([x.into_primitive().tensor().node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), result),
            OpsKind::UnTracked(prep) => prep.finish(result),
        })
    }

    fn tanh(x: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let result = B::tanh(inner(&x));
        tensor(match TanhBackward.prepare::<C>([x.into_primitive().tensor().node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(result.clone(), primitive(result)),
            OpsKind::UnTracked(prep) => prep.finish(primitive(result)),
        })
    }

    fn sequence(input: SequenceInput<Self>) -> Tensor<Self, 3> {
        // Where there is no gain a constant stands in its place, which no gradient is registered for.
        let gain = input.gain.clone().unwrap_or_else(|| Tensor::from_inner(inner(&input.bias)));
        let nodes = [
            input.inputs.clone().into_primitive().tensor().node,
            input.weight.clone().into_primitive().tensor().node,
            input.bias.clone().into_primitive().tensor().node,
            gain.into_primitive().tensor().node,
            input.state.clone().into_primitive().tensor().node,
        ];
        let plain = SequenceInput {
            kind: input.kind,
            inputs: inner(&input.inputs),
            weight: inner(&input.weight),
            bias: inner(&input.bias),
            gain: input.gain.as_ref().map(inner),
            state: inner(&input.state),
            mask: inner(&input.mask),
            dropout: input.dropout.as_ref().map(inner),
            is_reversed: input.is_reversed,
            is_recomputed: input.is_recomputed,
        };
        drop(input);
        let output = match SequenceBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let tape = B::sequence_forward(&plain);
                let hidden = primitive(tape.hidden.clone());
                let tape = (!plain.is_recomputed).then_some(tape);
                prep.finish((plain, tape), hidden)
            }
            OpsKind::UnTracked(prep) => prep.finish(primitive(B::sequence(plain))),
        };
        tensor(output)
    }

    fn use_bf16() -> bool {
        B::use_bf16()
    }

    fn affine(x: Tensor<Self, 2>, weight: Tensor<Self, 2>, bias: Option<Tensor<Self, 1>>) -> Tensor<Self, 2> {
        // Where there is no bias a constant stands in its place, which no gradient is registered for.
        let constant = || Tensor::<Self, 1>::zeros([1], &x.device());
        let nodes = [
            x.clone().into_primitive().tensor().node,
            weight.clone().into_primitive().tensor().node,
            bias.clone().unwrap_or_else(constant).into_primitive().tensor().node,
        ];
        let (x, weight) = (inner(&x), inner(&weight));
        let result = primitive(B::affine(x.clone(), weight.clone(), bias.as_ref().map(inner)));
        tensor(match AffineBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, weight), result),
            OpsKind::UnTracked(prep) => prep.finish(result),
        })
    }

    fn additive_scores(queries: Tensor<Self, 3>, keys: Tensor<Self, 3>, v: Tensor<Self, 1>) -> Tensor<Self, 3> {
        let nodes = [
            queries.clone().into_primitive().tensor().node,
            keys.clone().into_primitive().tensor().node,
            v.clone().into_primitive().tensor().node,
        ];
        let (queries, keys, v) = (inner(&queries), inner(&keys), inner(&v));
        let result = primitive(B::additive_scores(queries.clone(), keys.clone(), v.clone()));
        tensor(match AdditiveBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((queries, keys, v), result),
            OpsKind::UnTracked(prep) => prep.finish(result),
        })
    }

    fn gate_norm(x: Tensor<Self, 2>, gain: Tensor<Self, 1>, groups: usize) -> Tensor<Self, 2> {
        let nodes = [x.clone().into_primitive().tensor().node, gain.clone().into_primitive().tensor().node];
        let (x, gain) = (inner(&x), inner(&gain));
        let normalized = B::normalize(x, groups);
        let result = primitive(normalized.values.clone() * gain.clone().unsqueeze_dim::<2>(0));
        tensor(match LayerNormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((normalized, gain), result),
            OpsKind::UnTracked(prep) => prep.finish(result),
        })
    }

    fn keep_mask(len: usize, rate: f64, device: &Self::Device) -> Tensor<Self, 1> {
        Tensor::from_inner(B::keep_mask(len, rate, device))
    }

    fn cross_entropy(input: CrossEntropy<Self>) -> Tensor<Self, 1> {
        let node = input.logits.clone().into_primitive().tensor().node;
        let plain = CrossEntropy {
            logits: inner(&input.logits),
            targets: Tensor::from_primitive(input.targets.into_primitive()),
            weights: inner(&input.weights),
            smoothing: input.smoothing,
        };
        drop(input.logits);
        let (sums, gradient) = B::cross_entropy_with_gradient(plain);
        let output = match CrossEntropyBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(gradient, primitive(sums)),
            OpsKind::UnTracked(prep) => prep.finish(primitive(sums)),
        };
        tensor(output)
    }

    fn output_loss(input: OutputLoss<Self>) -> Tensor<Self, 1> {
        let plain = OutputLoss {
            x: inner(&input.x),
            weight: inner(&input.weight),
            bias: input.bias.as_ref().map(inner),
            targets: Tensor::from_primitive(input.targets.clone().into_primitive()),
            weights: inner(&input.weights),
            smoothing: input.smoothing,
        };
        let Some(found) = B::output_loss_with_gradients(&plain) else { return crate::loss::output_loss(input) };
        // Where there is no bias a constant stands in its place, which no gradient is registered for.
        let bias = input.bias.unwrap_or_else(|| Tensor::from_inner(found.bias.clone()));
        let nodes = [
            input.x.into_primitive().tensor().node,
            input.weight.into_primitive().tensor().node,
            bias.into_primitive().tensor().node,
        ];
        let sums = primitive(found.sums.clone());
        tensor(match OutputLossBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(found, sums),
            OpsKind::UnTracked(prep) => prep.finish(sums),
        })
    }
}
