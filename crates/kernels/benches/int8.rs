//! Multiply-adds a second of the int8 product, quantization and scaling included, on one core.

use std::hint::black_box;

use burn::backend::{Flex, flex::FlexDevice};
use burn::tensor::{Distribution, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use traduko_kernels::{Int8Matrix, Kernels};

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("int8");
    for (batch, rows, cols) in
        [(1, 2048, 512), (4, 2048, 512), (32, 2048, 512), (1, 8000, 256), (4, 8000, 256), (32, 8000, 256)]
    {
        let values = (0..rows * cols).map(|i| (i * 37 % 255) as i32 as u8 as i8).map(|w| w.max(-127)).collect();
        let weight = Int8Matrix::<Flex>::new(values, vec![0.01; rows], rows, cols, &FlexDevice);
        let x = Tensor::<Flex, 2>::random([batch, cols], Distribution::Default, &FlexDevice);
        group.throughput(Throughput::Elements((batch * rows * cols) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{batch}x{rows}x{cols}")), |bencher| {
            bencher.iter(|| black_box(Flex::int8_linear(x.clone(), &weight, None)));
        });
    }
    group.finish();
}

criterion_group!(benches, products);
criterion_main!(benches);
