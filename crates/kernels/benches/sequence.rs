//! One LSTM layer, 512 units on 512 inputs, 25 steps of a batch of 64: the input product, the sequence, and the
//! gradients of all weights and of the input. `tests/peers/lstm_speed.py` is the same in PyTorch.

use burn::tensor::{Tensor, TensorData};
use criterion::{Criterion, criterion_group, criterion_main};
use traduko_kernels::{
    CellKind, Kernels, SequenceInput,
    backend::{Autodiff, Flex},
};

type B = Autodiff<Flex>;

const TIME: usize = 25;
const BATCH: usize = 64;
const D: usize = 512;

fn noise<const N: usize>(scale: f32, shape: [usize; N]) -> Tensor<B, N> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|i| (i as f32 * 12.9898).sin() * scale).collect();
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

fn layer(criterion: &mut Criterion) {
    let bound = (1.0 / D as f32).sqrt();
    let x = noise(1.0, [TIME * BATCH, D]).require_grad();
    let input = noise(bound, [4 * D, D]).require_grad();
    let recurrent = noise(bound, [4 * D, D]).require_grad();
    let bias = noise(bound, [4 * D]).require_grad();
    let zeros = || Tensor::zeros([4 * D], &Default::default());
    let mask = Tensor::ones([TIME, BATCH], &Default::default());
    let forward = || {
        let inputs = B::affine(x.clone(), input.clone(), Some(bias.clone()));
        B::sequence(SequenceInput {
            kind: CellKind::Lstm,
            inputs: inputs.reshape([TIME, BATCH, 4 * D]),
            weight: recurrent.clone(),
            bias: zeros(),
            state: Tensor::zeros([BATCH, 2 * D], &Default::default()),
            mask: mask.clone(),
            gain: None,
            dropout: None,
            is_reversed: false,
            is_recomputed: false,
        })
    };
    let mut group = criterion.benchmark_group("lstm 512/512, 64 x 25");
    group.sample_size(20);
    group.bench_function("forward", |bencher| bencher.iter(|| forward().inner().into_data()));
    group.bench_function("forward and backward", |bencher| {
        bencher.iter(|| {
            let gradients = forward().sum().backward();
            let weight = |x: &Tensor<B, 2>| x.grad(&gradients).expect("tracked").into_data();
            (weight(&x), weight(&input), weight(&recurrent), bias.grad(&gradients).expect("tracked").into_data())
        });
    });
    group.finish();
}

criterion_group!(benches, layer);
criterion_main!(benches);
