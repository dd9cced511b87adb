//! Gradients of the fused operations against finite differences.
//!
//! A four-point central difference leaves an error of the fourth order, so the step can be wide enough for f32.

use burn::tensor::{Int, Tensor, TensorData};
use traduko_kernels::{
    CellKind, CrossEntropy, Kernels, SequenceInput,
    backend::{Autodiff, Flex},
};

type B = Autodiff<Flex>;

const STEP: f32 = 0.02;
/// Relative above 1. The difference itself rounds by about 1e-7 / STEP.
const TOLERANCE: f64 = 3e-4;
/// The same where a normalisation over three units makes the curve sharper.
const NORMALISED_TOLERANCE: f64 = 1e-2;

fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<B, D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Default::default())
}

fn values<const D: usize>(x: Tensor<Flex, D>) -> Vec<f32> {
    x.into_data().into_vec().expect("floats")
}

/// `len` numbers in -1..1, the same for the same seed.
fn noise(seed: usize, len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i + 17 * seed) as f32 * 12.9898).sin()).collect()
}

/// Fails where `gradient` is not the slope of `f` at `point`.
fn check(what: &str, tolerance: f64, point: &[f32], gradient: &[f32], f: impl Fn(&[f32]) -> f64) {
    assert_eq!(point.len(), gradient.len(), "{what}");
    for (index, &found) in gradient.iter().enumerate() {
        let at = |offset: f32| {
            let mut moved = point.to_vec();
            moved[index] += offset;
            f(&moved)
        };
        let slope = (8.0 * (at(STEP) - at(-STEP)) - (at(2.0 * STEP) - at(-2.0 * STEP))) / (12.0 * f64::from(STEP));
        let error = (f64::from(found) - slope).abs();
        assert!(error <= tolerance * slope.abs().max(1.0), "{what}[{index}]: gradient {found}, slope {slope}");
    }
}

/// A sequence with its five inputs as flat slices: inputs, weight, bias, gain, state.
struct Case {
    kind: CellKind,
    time: usize,
    batch: usize,
    d: usize,
    is_reversed: bool,
    mask: Vec<f32>,
    has_gain: bool,
    has_dropout: bool,
}

impl Case {
    fn points(&self) -> [Vec<f32>; 5] {
        let n_in = self.kind.n_gates() * self.d;
        let mut points = [
            noise(1, self.time * self.batch * n_in),
            noise(2, n_in * self.d),
            noise(3, n_in),
            noise(7, n_in).into_iter().map(|x| 1.0 + 0.5 * x).collect(),
            noise(4, self.batch * self.kind.n_states() * self.d),
        ];
        if self.kind == CellKind::Rnn {
            // Without gates steps bend the curve so much that differences could not follow four of them.
            for part in [1, 3] {
                points[part].iter_mut().for_each(|x| *x *= 0.4);
            }
        }
        if self.kind == CellKind::Ssru {
            // relu bends at zero, so cells and candidates of one unit share a sign and keep away from it.
            for values in [0, 4] {
                for (index, x) in points[values].iter_mut().enumerate() {
                    let sign = if index % self.d == 0 { 1.0 } else { -1.0 };
                    *x = sign * (0.3 + x.abs());
                }
            }
        }
        points
    }

    fn input(&self, [inputs, weight, bias, gain, state]: [&[f32]; 5]) -> SequenceInput<B> {
        let &Self { kind, time, batch, d, is_reversed, ref mask, has_gain, has_dropout } = self;
        let n_in = kind.n_gates() * d;
        SequenceInput {
            kind,
            inputs: tensor(inputs, [time, batch, n_in]).require_grad(),
            weight: tensor(weight, [n_in, d]).require_grad(),
            bias: tensor(bias, [n_in]).require_grad(),
            state: tensor(state, [batch, kind.n_states() * d]).require_grad(),
            mask: tensor(mask, [time, batch]),
            gain: has_gain.then(|| tensor(gain, [n_in]).require_grad()),
            dropout: has_dropout.then(|| {
                let keep: Vec<f32> = (0..batch * d).map(|i| if i % 3 == 1 { 0.0 } else { 1.5 }).collect();
                tensor(&keep, [batch, d])
            }),
            is_reversed,
            // Every other case, so that both ways are checked.
            is_recomputed: has_dropout,
        }
    }

    /// A weighted sum of all states, so that every state has its own gradient.
    fn loss(&self, points: [&[f32]; 5]) -> f64 {
        let states = values(B::sequence(self.input(points)).inner());
        states.iter().zip(noise(5, states.len())).map(|(&x, w)| f64::from(x) * f64::from(w)).sum()
    }
}

#[test]
fn sequence() {
    let padded = vec![1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0];
    let shapes = [
        (1, 1, 1, false, vec![1.0]),
        (4, 2, 3, false, vec![1.0; 8]),
        (4, 2, 3, true, vec![1.0; 8]),
        (4, 3, 2, false, padded.clone()),
        (4, 3, 2, true, padded),
    ];
    for kind in [CellKind::Lstm, CellKind::Gru, CellKind::Ssru, CellKind::Rnn] {
        for (time, batch, d, is_reversed, mask) in shapes.clone() {
            for (has_gain, has_dropout) in [(false, false), (true, false), (false, true), (true, true)] {
                // Two units are always one above and one below their mean: a step function, which has no slope.
                if has_gain && d < 3 {
                    continue;
                }
                if kind == CellKind::Ssru && (has_gain || has_dropout) {
                    continue;
                }
                check_sequence(&Case { kind, time, batch, d, is_reversed, mask: mask.clone(), has_gain, has_dropout });
            }
        }
    }
}

fn check_sequence(case: &Case) {
    let Case { kind, time, batch, d, is_reversed, has_gain, has_dropout, .. } = case;
    let points = case.points();
    let slices = || points.each_ref().map(Vec::as_slice);
    let input = case.input(slices());
    let states = B::sequence(input.clone());
    let weights = tensor(&noise(5, states.shape().num_elements()), states.dims());
    let gradients = (states * weights).sum().backward();
    let found = [
        Some(values(input.inputs.grad(&gradients).expect("tracked"))),
        Some(values(input.weight.grad(&gradients).expect("tracked"))),
        Some(values(input.bias.grad(&gradients).expect("tracked"))),
        input.gain.map(|gain| values(gain.grad(&gradients).expect("tracked"))),
        Some(values(input.state.grad(&gradients).expect("tracked"))),
    ];
    for (index, name) in ["inputs", "weight", "bias", "gain", "state"].into_iter().enumerate() {
        let Some(found) = &found[index] else { continue };
        let what =
            format!("{kind:?} {time}x{batch}x{d} reversed {is_reversed} gain {has_gain} dropout {has_dropout}: {name}");
        check(&what, if *has_gain { NORMALISED_TOLERANCE } else { TOLERANCE }, &points[index], found, |moved| {
            let mut all = slices();
            all[index] = moved;
            case.loss(all)
        });
    }
}

#[test]
fn cross_entropy() {
    let (tokens, vocab) = (4, 5);
    let point: Vec<f32> = noise(6, tokens * vocab).into_iter().map(|x| 2.0 * x).collect();
    for smoothing in [0.0, 0.1, 0.5] {
        let input = |logits: Tensor<B, 2>| {
            let targets: Tensor<B, 1, Int> = Tensor::from_data(TensorData::from([1i32, 0, 4, 2]), &Default::default());
            CrossEntropy { logits, targets, weights: tensor(&[1.0, 0.0, 0.5, 1.0], [tokens]), smoothing }
        };
        let logits = tensor(&point, [tokens, vocab]).require_grad();
        // Anything may come after the loss, so its gradient is not always 1.
        let gradients = (B::cross_entropy(input(logits.clone())).narrow(0, 0, 1) * 0.7).backward();
        let found = values(logits.grad(&gradients).expect("tracked"));
        check(&format!("smoothing {smoothing}"), TOLERANCE, &point, &found, |moved| {
            0.7 * f64::from(values(B::cross_entropy(input(tensor(moved, [tokens, vocab]))).inner())[0])
        });
    }
}

/// Rows joined, turned about and squashed, as the decoder does it.
#[test]
fn join_swap_and_tanh() {
    let ([a, b, left, right], weights) = ([3, 2, 4, 3], noise(9, 3 * 2 * 7));
    let points = [noise(1, a * b * left), noise(2, a * b * right)];
    let run = |points: [&[f32]; 2]| {
        let x = tensor(points[0], [a * b, left]).require_grad();
        let y = tensor(points[1], [a * b, right]).require_grad();
        let joined = B::join_columns(x.clone(), y.clone()).reshape([a, b, left + right]);
        let swapped = B::swap_leading(joined).reshape([a * b, left + right]);
        (x, y, (B::tanh(swapped) * tensor(&weights, [a * b, left + right])).sum())
    };
    let (x, y, sum) = run(points.each_ref().map(Vec::as_slice));
    let gradients = sum.backward();
    let found = [x, y].map(|part| values(part.grad(&gradients).expect("tracked")));
    for (index, name) in ["left", "right"].into_iter().enumerate() {
        check(name, TOLERANCE, &points[index], &found[index], |moved| {
            let mut points = points.each_ref().map(Vec::as_slice);
            points[index] = moved;
            f64::from(values(run(points).2.inner())[0])
        });
    }
}

#[test]
fn affine() {
    let [n, k, m] = [3, 4, 5];
    let points = [noise(1, n * k), noise(2, m * k), noise(3, m)];
    let run = |points: [&[f32]; 3]| {
        let [x, weight, bias] = points;
        let x = tensor(x, [n, k]).require_grad();
        let (weight, bias) = (tensor(weight, [m, k]).require_grad(), tensor(bias, [m]).require_grad());
        let y = B::affine(x.clone(), weight.clone(), Some(bias.clone()));
        (x, weight, bias, (y * tensor(&noise(4, n * m), [n, m])).sum())
    };
    let (x, weight, bias, sum) = run(points.each_ref().map(Vec::as_slice));
    let gradients = sum.backward();
    let found = [
        values(x.grad(&gradients).expect("tracked")),
        values(weight.grad(&gradients).expect("tracked")),
        values(bias.grad(&gradients).expect("tracked")),
    ];
    for (index, name) in ["input", "weight", "bias"].into_iter().enumerate() {
        check(name, TOLERANCE, &points[index], &found[index], |moved| {
            let mut all = points.each_ref().map(Vec::as_slice);
            all[index] = moved;
            f64::from(values(run(all).3.inner())[0])
        });
    }
}

#[test]
fn additive_scores() {
    let [batch, target, source, d] = [2, 3, 4, 19];
    let points = [noise(1, batch * target * d), noise(2, batch * source * d), noise(3, d)];
    let run = |points: [&[f32]; 3]| {
        let [queries, keys, v] = points;
        let queries = tensor(queries, [batch, target, d]).require_grad();
        let (keys, v) = (tensor(keys, [batch, source, d]).require_grad(), tensor(v, [d]).require_grad());
        let y = B::additive_scores(queries.clone(), keys.clone(), v.clone());
        (queries, keys, v, (y * tensor(&noise(4, batch * target * source), [batch, target, source])).sum())
    };
    let (queries, keys, v, sum) = run(points.each_ref().map(Vec::as_slice));
    let gradients = sum.backward();
    let found = [
        values(queries.grad(&gradients).expect("tracked")),
        values(keys.grad(&gradients).expect("tracked")),
        values(v.grad(&gradients).expect("tracked")),
    ];
    for (index, name) in ["queries", "keys", "v"].into_iter().enumerate() {
        check(name, TOLERANCE, &points[index], &found[index], |moved| {
            let mut all = points.each_ref().map(Vec::as_slice);
            all[index] = moved;
            f64::from(values(run(all).3.inner())[0])
        });
    }
}

#[test]
fn gate_norm() {
    let (rows, groups, d) = (3, 2, 4);
    let points = [noise(1, rows * groups * d), noise(2, groups * d)];
    let run = |x: &[f32], gain: &[f32]| {
        let (x, gain) = (tensor(x, [rows, groups * d]).require_grad(), tensor(gain, [groups * d]).require_grad());
        let y = B::gate_norm(x.clone(), gain.clone(), groups);
        (x, gain, (y * tensor(&noise(3, rows * groups * d), [rows, groups * d])).sum())
    };
    let loss = |x: &[f32], gain: &[f32]| f64::from(values(run(x, gain).2.inner())[0]);
    let (x, gain, sum) = run(&points[0], &points[1]);
    let gradients = sum.backward();
    let found = [values(x.grad(&gradients).expect("tracked")), values(gain.grad(&gradients).expect("tracked"))];
    check("input", NORMALISED_TOLERANCE, &points[0], &found[0], |x| loss(x, &points[1]));
    check("gain", NORMALISED_TOLERANCE, &points[1], &found[1], |gain| loss(&points[0], gain));
}

/// Constants stay out of the graph, and what is left still has its gradient.
#[test]
fn an_input_without_a_gradient_is_left_alone() {
    let case = Case {
        kind: CellKind::Lstm,
        time: 3,
        batch: 2,
        d: 2,
        is_reversed: false,
        mask: vec![1.0; 6],
        has_gain: false,
        has_dropout: false,
    };
    let points = case.points();
    let whole = case.input(points.each_ref().map(Vec::as_slice));
    let weight = whole.weight.clone();
    let all = B::sequence(whole.clone()).sum().backward();
    let (inputs, state) = (Tensor::from_inner(whole.inputs.inner()), Tensor::from_inner(whole.state.inner()));
    let constant = SequenceInput { inputs, state, ..whole };
    let inputs = constant.inputs.clone();
    let some = B::sequence(constant).sum().backward();
    assert!(inputs.grad(&some).is_none());
    assert_eq!(values(weight.grad(&some).expect("tracked")), values(weight.grad(&all).expect("tracked")));
}
