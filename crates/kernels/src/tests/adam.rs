use burn::{backend::Flex, tensor::Tensor};

use super::{assert_close, floats, noise, values};
use crate::{AdamStep, Kernels, adam};

const STEP: AdamStep = AdamStep {
    learning_rate: 0.01,
    beta_1: 0.9,
    beta_2: 0.98,
    epsilon: 1e-8,
    weight_decay: 0.1,
    gradient_scale: 0.5,
    step: 1,
};

/// Value 2, gradient 4 scaled to 2: moments 0.1 * 2 = 0.2 and 0.02 * 4 = 0.08, corrected to 2 and 4, so the update
/// is 2 / sqrt(4) = 1. The value decays to 2 * (1 - 0.01 * 0.1) = 1.998 and steps down by 0.01 to 1.988.
#[test]
fn one_step_by_hand() {
    let one = |value: f32| floats(vec![value], [1]);
    for (value, [first, second]) in [
        Flex::adam_step(one(2.0), one(4.0), [one(0.0), one(0.0)], STEP),
        adam::step(one(2.0), one(4.0), [one(0.0), one(0.0)], STEP),
    ] {
        assert_close("value", &values(value), &[1.988], 1e-6);
        assert_close("moments", &[values(first), values(second)].concat(), &[0.2, 0.08], 1e-6);
    }
}

#[test]
fn steps_equal_the_plain_body() {
    // More than one chunk of the parallel loop.
    for len in [1, 33, (1 << 16) + 5] {
        let start = || floats(noise(1, len), [len]);
        let zeros = || [start().zeros_like(), start().zeros_like()];
        let (mut fused, mut plain): ((Tensor<Flex, 1>, _), (Tensor<Flex, 1>, _)) =
            ((start(), zeros()), (start(), zeros()));
        for index in 1..=5 {
            let gradient = floats(noise(index + 1, len), [len]);
            let step = AdamStep { step: index, ..STEP };
            fused = Flex::adam_step(fused.0, gradient.clone(), fused.1, step);
            plain = adam::step(plain.0, gradient, plain.1, step);
        }
        assert_close("values", &values(fused.0), &values(plain.0), 1e-6);
        for (fused, plain) in fused.1.into_iter().zip(plain.1) {
            assert_close("moments", &values(fused), &values(plain), 1e-6);
        }
    }
}

#[test]
fn a_shared_tensor_keeps_its_values() {
    let before = floats(noise(1, 8), [8]);
    let copy = values(before.clone());
    let moments = [before.zeros_like(), before.zeros_like()];
    let (after, _) = Flex::adam_step(before.clone(), before.clone(), moments, STEP);
    assert_eq!(values(before), copy);
    assert_ne!(values(after), copy);
}
