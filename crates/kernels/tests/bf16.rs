//! Training with products of bf16 operands against training in f32. A binary of its own, because the setting is the whole
//! process's.

use burn::tensor::{
    Distribution, Tensor, TensorData,
    backend::{AutodiffBackend, Backend},
};
use traduko_kernels::{
    CellKind, Kernels, OutputLoss, SequenceInput,
    backend::{Autodiff, Flex},
};

type B = Autodiff<Flex>;
type Gradients = <B as AutodiffBackend>::Gradients;

/// bf16 keeps 8 bits, which makes a few thousandths here; half a gradient, or another parent's, would be far off.
const TOLERANCE: f32 = 1e-2;

fn normal<const D: usize>(shape: [usize; D], deviation: f64) -> Tensor<B, D> {
    Tensor::random(shape, Distribution::Normal(0.0, deviation), &Default::default())
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<B, D> {
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

fn values<const D: usize>(x: Tensor<Flex, D>) -> Vec<f32> {
    x.into_data().into_vec().expect("floats")
}

fn gradient<const D: usize>(x: &Tensor<B, D>, gradients: &Gradients) -> Vec<f32> {
    values(x.grad(gradients).expect("tracked"))
}

/// More tokens than are taken at a time, and some that are padding.
fn output_layer(has_bias: bool) -> OutputLoss<B> {
    let [tokens, d, vocab] = [70, 24, 50];
    let targets = (0..tokens as i32).map(|token| token * 13 % vocab as i32).collect();
    OutputLoss {
        x: normal([tokens, d], 1.0).require_grad(),
        weight: normal([vocab, d], 0.2).require_grad(),
        bias: has_bias.then(|| normal([vocab], 1.0).require_grad()),
        targets: Tensor::from_data(TensorData::new::<i32, _>(targets, [tokens]), &Default::default()),
        weights: tensor((0..tokens).map(|token| if token % 5 == 3 { 0.0 } else { 1.0 }).collect(), [tokens]),
        smoothing: 0.1,
    }
}

/// The losses and the gradients of the first.
fn losses(input: &OutputLoss<B>) -> Vec<(&'static str, Vec<f32>)> {
    let sums = B::output_loss(input.clone());
    // Anything may come after the loss, so its gradient is not always 1.
    let gradients = (sums.clone().narrow(0, 0, 1) * 0.7).backward();
    let mut found = vec![
        ("losses", values(sums.inner())),
        ("output x", gradient(&input.x, &gradients)),
        ("output weight", gradient(&input.weight, &gradients)),
    ];
    found.extend(input.bias.iter().map(|bias| ("output bias", gradient(bias, &gradients))));
    found
}

/// Wider than a panel, and sentences of different lengths.
fn sequence(kind: CellKind, has_gain: bool, has_dropout: bool) -> SequenceInput<B> {
    let [time, batch, d] = [5, 3, 40];
    let n_in = kind.n_gates() * d;
    let dropout = || tensor((0..batch * d).map(|i| if i % 3 == 1 { 0.0 } else { 1.5 }).collect(), [batch, d]);
    SequenceInput {
        kind,
        inputs: normal([time, batch, n_in], 1.0).require_grad(),
        weight: normal([n_in, d], 0.15).require_grad(),
        bias: normal([n_in], 0.5).require_grad(),
        gain: has_gain.then(|| normal([n_in], 1.0).require_grad()),
        state: normal([batch, kind.n_states() * d], 0.5).require_grad(),
        mask: tensor(vec![1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0], [time, batch]),
        dropout: has_dropout.then(dropout),
        is_reversed: has_gain,
        is_recomputed: has_dropout,
    }
}

/// The hidden states and the gradients of a sum of them in which `weights` give each its own.
fn states(input: &SequenceInput<B>, weights: &Tensor<B, 3>) -> Vec<(&'static str, Vec<f32>)> {
    let hidden = B::sequence(input.clone());
    let gradients = (hidden.clone() * weights.clone()).sum().backward();
    let mut found = vec![
        ("hidden", values(hidden.inner())),
        ("inputs", gradient(&input.inputs, &gradients)),
        ("weight", gradient(&input.weight, &gradients)),
        ("bias", gradient(&input.bias, &gradients)),
        ("state", gradient(&input.state, &gradients)),
    ];
    found.extend(input.gain.iter().map(|gain| ("gain", gradient(gain, &gradients))));
    found
}

#[test]
fn training_in_bf16_is_near_training_in_f32() {
    B::seed(&Default::default(), 1);
    let layers = [true, false].map(output_layer);
    let sequences = [
        sequence(CellKind::Lstm, false, false),
        sequence(CellKind::Gru, true, false),
        sequence(CellKind::Rnn, false, true),
    ];
    let weights = normal([5, 3, 40], 1.0);
    let all = || -> Vec<_> {
        layers.iter().flat_map(losses).chain(sequences.iter().flat_map(|input| states(input, &weights))).collect()
    };
    let wanted = all();
    if !B::use_bf16() {
        println!("skipped: no AVX512-BF16");
        return;
    }
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|x| x * x).sum::<f32>().sqrt();
    for (part, ((name, found), (_, wanted))) in all().iter().zip(&wanted).enumerate() {
        assert_eq!(found.len(), wanted.len(), "{part}, {name}");
        let difference = length(&mut found.iter().zip(wanted).map(|(x, y)| x - y));
        let error = difference / length(&mut wanted.iter().copied());
        // Nothing is the same to the bit, or it was not computed in bf16.
        assert!(error > 0.0 && error < TOLERANCE, "{part}, {name}: off by {error}");
    }
}
