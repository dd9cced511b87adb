//! One LSTM layer, 512 units on 512 inputs, 25 steps of a batch of 64: the input product, the sequence, and the
//! gradients of all weights and of the input. The backend computes at once, so nothing has to be read back.
//! `tests/peers/lstm_speed.py` is the same in PyTorch.

use burn::tensor::{Tensor, TensorData, backend::Backend};
use criterion::{Criterion, criterion_group, criterion_main};
use traduko_kernels::{
    CellKind, Kernels, SequenceInput,
    backend::{Autodiff, Flex},
    keep_freed_memory,
};

/// A layer's tensors: the input `[TIME * BATCH, D]`, the weights for it and for the state `[4 * D, D]`.
type Layer<B> = [Tensor<B, 2>; 3];

const TIME: usize = 25;
const BATCH: usize = 64;
const D: usize = 512;

fn noise<B: Backend, const N: usize>(scale: f32, shape: [usize; N]) -> Tensor<B, N> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|i| (i as f32 * 12.9898).sin() * scale).collect();
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

fn layer<B: Backend>() -> (Layer<B>, Tensor<B, 1>) {
    let bound = (1.0 / D as f32).sqrt();
    let shapes = [(1.0, TIME * BATCH), (bound, 4 * D), (bound, 4 * D)];
    (shapes.map(|(scale, rows)| noise(scale, [rows, D])), noise(bound, [4 * D]))
}

fn forward<B: Kernels>([x, input, recurrent]: Layer<B>, bias: Tensor<B, 1>) -> Tensor<B, 3> {
    B::sequence(SequenceInput {
        kind: CellKind::Lstm,
        inputs: B::affine(x, input, Some(bias)).reshape([TIME, BATCH, 4 * D]),
        weight: recurrent,
        bias: Tensor::zeros([4 * D], &Default::default()),
        state: Tensor::zeros([BATCH, 2 * D], &Default::default()),
        mask: Tensor::ones([TIME, BATCH], &Default::default()),
        gain: None,
        dropout: None,
        is_reversed: false,
        is_recomputed: false,
    })
}

fn lstm(criterion: &mut Criterion) {
    // As in training.
    keep_freed_memory();
    let mut group = criterion.benchmark_group("lstm 512/512, 64 x 25");
    group.sample_size(20);
    let (inputs, bias) = layer::<Flex>();
    group.bench_function("forward", |bencher| bencher.iter(|| forward(inputs.clone(), bias.clone())));
    let (inputs, bias) = layer::<Autodiff<Flex>>();
    let (inputs, bias) = (inputs.map(Tensor::require_grad), bias.require_grad());
    group.bench_function("forward and backward", |bencher| {
        bencher.iter(|| {
            let gradients = forward(inputs.clone(), bias.clone()).sum().backward();
            let gradient = |x: &Tensor<_, 2>| x.grad(&gradients).expect("tracked");
            (inputs.each_ref().map(gradient), bias.grad(&gradients).expect("tracked"))
        });
    });
    group.finish();
}

criterion_group!(benches, lstm);
criterion_main!(benches);
