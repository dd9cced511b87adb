use burn::{
    backend::{Flex, flex::FlexDevice},
    tensor::{Int, Tensor},
};

use super::{assert_close, floats, ints, noise, values};
use crate::{Int8Matrix, Kernels, int8};

fn weights(seed: u64, rows: usize, cols: usize) -> (Vec<i8>, Vec<f32>) {
    let values = noise(seed, rows * cols).into_iter().map(|x| (x * 127.0).round() as i8).collect();
    (values, noise(seed + 1, rows).into_iter().map(|x| x.abs() / 100.0).collect())
}

/// The same weights as both bodies want them.
fn both(values: &[i8], scales: &[f32], rows: usize, cols: usize) -> [Int8Matrix<Flex>; 2] {
    let fused = Int8Matrix::new(values.to_vec(), scales.to_vec(), rows, cols, &FlexDevice);
    let wide: Tensor<Flex, 2, Int> = ints(values.iter().map(|&v| i32::from(v)).collect(), [rows, cols]);
    [fused.clone(), Int8Matrix { values: wide, ..fused }]
}

/// The integers are the same, and the floats after them are made in the same order: equal to the bit.
#[test]
fn linear_equals_the_plain_body_to_the_bit() {
    for (batch, rows, cols) in [(1, 1, 1), (3, 8, 16), (5, 13, 37), (2, 9, 512), (64, 40, 100)] {
        let (weight, scales) = weights(1, rows, cols);
        let [fused, plain] = both(&weight, &scales, rows, cols);
        let mut activations = noise(3, batch * cols);
        // A row of zeros, a row without a positive and one without a negative value.
        for (row, x) in activations.chunks_exact_mut(cols).enumerate() {
            match row {
                1 => x.fill(0.0),
                2 => x.iter_mut().for_each(|x| *x = -x.abs() - 0.5),
                3 => x.iter_mut().for_each(|x| *x = x.abs() + 0.5),
                _ => {}
            }
        }
        let x = floats(activations.clone(), [batch, cols]);
        let bias = floats(noise(4, rows), [rows]);
        let biased = values(Flex::int8_linear(x.clone(), &fused, Some(bias.clone())));
        assert_eq!(biased, values(int8::linear(x.clone(), &plain, Some(bias))), "{batch}x{rows}x{cols}, biased");
        let found = values(Flex::int8_linear(x.clone(), &fused, None));
        assert_eq!(found, values(int8::linear(x, &plain, None)), "{batch}x{rows}x{cols}");

        // Near the float product: each activation is off by a step of its grid at most (half a step, and clamping).
        for (b, x) in activations.chunks_exact(cols).enumerate() {
            let (low, high) = x.iter().fold((0.0f32, 0.0f32), |(low, high), &x| (low.min(x), high.max(x)));
            let step = (high - low) / 127.0;
            for r in 0..rows {
                let row = &weight[r * cols..(r + 1) * cols];
                let exact: f64 =
                    row.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum::<f64>() * f64::from(scales[r]);
                let mass: f32 = row.iter().map(|&w| f32::from(w).abs()).sum::<f32>() * scales[r];
                let error = (f64::from(found[b * rows + r]) - exact).abs();
                assert!(error <= f64::from(step * mass) + 1e-5, "row {b}, output {r}: off by {error}");
            }
        }
    }
}

/// Activations -1, 0, 1.54 span 2.54: the inverse step is 127 / 2.54 = 50 and the zero point 50, so they become 0, 50, 127.
///
/// Weights 1, 2, 3: the sum is 100 + 381 = 481, less 50 * 6 = 181; times 0.5 / 50 = 1.81, and -1 + 3 * 1.54 halved is 1.81.
/// Weights -127, 0, 127: the sum is 127 * 127 = 16129, less 0; times 0.01 / 50 = 3.2258.
///
/// Activations -0.5, -1, -2 have no positive value: the inverse step is 63.5, the zero point 127 and they become
/// floor(127 - 31.75 + 0.5) = 95, floor(127 - 63.5 + 0.5) = 64 and 0. The first sum is 95 + 128 = 223, less 127 * 6 = -539;
/// times 0.5 / 63.5 = -4.244094. The second is -127 * 95 = -12065, less 0; times 0.01 / 63.5 = -1.9. Zeros give zero.
#[test]
fn linear_by_hand() {
    let x = floats(vec![-1.0, 0.0, 1.54, -0.5, -1.0, -2.0, 0.0, 0.0, 0.0], [3, 3]);
    let [fused, plain] = both(&[1, 2, 3, -127, 0, 127], &[0.5, 0.01], 2, 3);
    let wanted = [1.81, 3.2258, -4.244_094_5, -1.9, 0.0, 0.0];
    assert_close("fused", &values(Flex::int8_linear(x.clone(), &fused, None)), &wanted, 1e-6);
    assert_close("plain", &values(int8::linear(x, &plain, None)), &wanted, 1e-6);
}

#[test]
fn tiny_and_huge_activations_stay_finite() {
    let [fused, plain] = both(&[127, -127], &[1.0], 1, 2);
    for scale in [1e-30, 1e-12, 1e30] {
        let x = floats(vec![scale, -scale], [1, 2]);
        let found = values(Flex::int8_linear(x.clone(), &fused, None));
        assert!(found[0].is_finite() && found[0] >= 0.0, "{scale}: {found:?}");
        assert_eq!(found, values(int8::linear(x, &plain, None)), "{scale}");
    }
}

#[test]
fn rows_equal_the_plain_body() {
    let (weight, scales) = weights(5, 6, 9);
    let [fused, plain] = both(&weight, &scales, 6, 9);
    let ids = ints(vec![5, 0, 5, 3], [4]);
    let found = values(Flex::int8_rows(&fused, ids.clone()));
    assert_eq!(found, values(int8::rows(&plain, ids)));
    assert_eq!(found[9..12], [0, 1, 2].map(|i| f32::from(weight[i]) * scales[0]));
}

#[test]
fn quantizing_equals_the_plain_body() {
    for (rows, cols) in [(1, 1), (7, 33), (40, 16)] {
        let mut x = noise(7, rows * cols);
        x[..cols].fill(if rows > 1 { 0.0 } else { -0.3 });
        let x = floats(x, [rows, cols]);
        let (fused, plain) = (Flex::int8_quantize(x.clone()), int8::quantize(x));
        let ids = || ints((0..rows as i32).collect(), [rows]);
        assert_eq!(values(Flex::int8_rows(&fused, ids())), values(int8::rows(&plain, ids())), "{rows}x{cols}");
        assert_eq!(values(fused.row_sums), values(plain.row_sums), "{rows}x{cols}");
        assert_eq!(values(fused.scales), values(plain.scales), "{rows}x{cols}");
    }
}
