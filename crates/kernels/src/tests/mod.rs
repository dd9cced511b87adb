//! The flex backend's loops against the bodies in plain burn operations, which were written apart from them.

mod adam;
mod additive;
mod attention;
mod beam;
mod dropout;
mod int8;
mod layout;
mod loss;
mod packed_sequence;
mod precision;
mod sequence;
mod top_k;

use burn::{
    backend::{Flex, flex::FlexDevice},
    tensor::{Int, Tensor, TensorData},
};

fn floats<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<Flex, D> {
    Tensor::from_data(TensorData::new(values, shape), &FlexDevice)
}

fn ints<const D: usize>(values: Vec<i32>, shape: [usize; D]) -> Tensor<Flex, D, Int> {
    Tensor::from_data(TensorData::new(values, shape), &FlexDevice)
}

fn values<const D: usize>(x: Tensor<Flex, D>) -> Vec<f32> {
    x.into_data().into_vec().expect("floats")
}

fn integers<const D: usize>(x: Tensor<Flex, D, Int>) -> Vec<i32> {
    x.into_data().convert::<i32>().into_vec().expect("integers")
}

/// `len` numbers in -1..1, the same for the same seed.
fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Fails where a value differs by more than `tolerance`, relative to the wanted value above 1.
fn assert_close(what: &str, found: &[f32], wanted: &[f32], tolerance: f32) {
    assert_eq!(found.len(), wanted.len(), "{what}: lengths");
    for (index, (a, b)) in found.iter().zip(wanted).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}[{index}]: found {a}, wanted {b}");
    }
}
