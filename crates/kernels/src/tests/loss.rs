use burn::backend::Flex;

use super::{assert_close, floats, ints, noise, values};
use crate::{CrossEntropy, Kernels, loss};

fn input(tokens: usize, vocab: usize, smoothing: f32) -> CrossEntropy<Flex> {
    let weights = (0..tokens).map(|i| [1.0, 0.0, 0.5][i % 3]).collect();
    CrossEntropy {
        logits: floats(noise(1, tokens * vocab), [tokens, vocab]) * 8.0,
        targets: ints((0..tokens).map(|i| (i * 7 % vocab) as i32).collect(), [tokens]),
        weights: floats(weights, [tokens]),
        smoothing,
    }
}

#[test]
fn cross_entropy_equals_the_plain_body() {
    for (tokens, vocab) in [(1, 3), (5, 7), (64, 37), (3, 1000)] {
        for smoothing in [0.0, 0.1, 0.6] {
            let case = format!("{tokens}x{vocab} smoothing {smoothing}");
            let (sums, gradient) = Flex::cross_entropy_with_gradient(input(tokens, vocab, smoothing));
            let (plain_sums, plain_gradient) = loss::cross_entropy(input(tokens, vocab, smoothing));
            assert_close(&format!("{case}: sums"), &values(sums), &values(plain_sums), 1e-5);
            assert_close(&format!("{case}: gradient"), &values(gradient), &values(plain_gradient), 2e-6);
        }
    }
}

/// Logits `ln 1, ln 2, ln 5` are probabilities 1/8, 2/8, 5/8; the target is the second, smoothed by 0.3 over three.
///
/// Plain: `-ln(2/8) = 1.386294`. Smoothed: `0.7 * 1.386294 + 0.1 * (ln 8 + ln 4 + ln 1.6) = 0.970406 + 0.1 * 3.935740
/// = 1.363980`. Gradient: `1/8 - 0.1, 2/8 - 0.8, 5/8 - 0.1 = 0.025, -0.55, 0.525`. The second row weighs nothing.
#[test]
fn cross_entropy_by_hand() {
    let row = [1f32.ln(), 2f32.ln(), 5f32.ln()];
    let input = || CrossEntropy {
        logits: floats([row, row].concat(), [2, 3]),
        targets: ints(vec![1, 0], [2]),
        weights: floats(vec![1.0, 0.0], [2]),
        smoothing: 0.3,
    };
    for (sums, gradient) in [Flex::cross_entropy_with_gradient(input()), loss::cross_entropy(input())] {
        assert_close("sums", &values(sums), &[1.363_98, 1.386_294], 1e-6);
        assert_close("gradient", &values(gradient), &[0.025, -0.55, 0.525, 0.0, 0.0, 0.0], 1e-6);
    }
}

#[test]
fn huge_logits_stay_finite() {
    let input = || CrossEntropy {
        logits: floats(vec![1e4, -1e4, 0.0], [1, 3]),
        targets: ints(vec![1], [1]),
        weights: floats(vec![1.0], [1]),
        smoothing: 0.0,
    };
    for (sums, gradient) in [Flex::cross_entropy_with_gradient(input()), loss::cross_entropy(input())] {
        assert_eq!(values(sums), [2e4, 2e4]);
        assert_close("gradient", &values(gradient), &[1.0, -1.0, 0.0], 1e-6);
    }
}
