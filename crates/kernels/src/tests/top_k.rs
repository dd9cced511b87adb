use burn::{
    backend::{Flex, flex::FlexDevice},
    tensor::Tensor,
};

use super::{assert_close, floats, integers, noise, values};
use crate::{Int8Matrix, Kernels, Preview, top_k};

#[test]
fn top_k_equals_the_plain_body() {
    for (rows, cols, k) in [(1, 1, 1), (3, 7, 7), (5, 100, 1), (64, 33, 5)] {
        let x = floats(noise(1, rows * cols), [rows, cols]);
        let (fused, fused_columns) = Flex::top_k(x.clone(), k);
        let (plain, plain_columns) = top_k::top_k(x, k);
        assert_eq!(values(fused), values(plain), "{rows}x{cols}, {k}");
        assert_eq!(integers(fused_columns), integers(plain_columns), "{rows}x{cols}, {k}");
    }
}

#[test]
fn most_probable_equals_the_plain_body() {
    for (rows, cols, k) in [(1, 1, 1), (3, 7, 7), (5, 100, 1), (9, 333, 5)] {
        let logits = floats(noise(1, rows * cols).into_iter().map(|x| 20.0 * x).collect(), [rows, cols]);
        let bias = floats(noise(2, cols), [cols]);
        let (fused, columns) = Flex::most_probable(logits.clone(), bias.clone(), k);
        let log = burn::tensor::activation::log_softmax(logits + bias.unsqueeze_dim::<2>(0), 1);
        let (plain, plain_columns) = top_k::top_k(log, k);
        assert_close(&format!("{rows}x{cols}, {k}"), &values(fused), &values(plain), 1e-5);
        assert_eq!(integers(columns), integers(plain_columns), "{rows}x{cols}, {k}");
    }
}

#[test]
fn most_probable_product_equals_the_product_and_its_ranking() {
    for (rows, vocab, cols, k) in [(1, 1, 1, 1), (3, 300, 17, 2), (6, 1000, 64, 5)] {
        let weights = noise(1, vocab * cols).into_iter().map(|x| (x * 127.0) as i8).collect();
        let weight = Int8Matrix::new(weights, vec![0.02; vocab], vocab, cols, &FlexDevice);
        let (x, bias) = (floats(noise(2, rows * cols), [rows, cols]), floats(noise(3, vocab), [vocab]));
        let (fused, columns) = Flex::most_probable_product(x.clone(), &weight, None, bias.clone(), k);
        let (plain, plain_columns) = Flex::most_probable(Flex::int8_linear(x, &weight, None), bias, k);
        assert_eq!(values(fused), values(plain), "{rows}x{vocab}x{cols}, {k}");
        assert_eq!(integers(columns), integers(plain_columns), "{rows}x{vocab}x{cols}, {k}");
    }
}

/// A table of `vocab` rows, a preview of it that knows its first `width` columns, and vectors that hardly have others.
fn previewed(
    rows: usize,
    vocab: usize,
    [cols, width]: [usize; 2],
) -> (Tensor<Flex, 2>, Int8Matrix<Flex>, Preview<Flex>) {
    let weights = noise(1, vocab * cols).into_iter().map(|x| (x * 127.0) as i8).collect();
    let weight = Int8Matrix::new(weights, vec![0.02; vocab], vocab, cols, &FlexDevice);
    let mut square = vec![0; width * cols];
    (0..width).for_each(|at| square[at * (cols + 1)] = 127);
    let keys = floats(square.iter().map(|&x| f32::from(x) / 127.0).collect(), [width, cols]);
    let query = Int8Matrix::new(square, vec![1.0 / 127.0; width], width, cols, &FlexDevice);
    let preview = Preview::new(query, keys, &weight);
    let x = noise(2, rows * cols).into_iter().enumerate();
    let x = x.map(|(at, x)| if at % cols < width { x } else { 0.1 * x }).collect();
    (floats(x, [rows, cols]), weight, preview)
}

#[test]
fn a_previewed_product_equals_the_plain_body() {
    for (rows, vocab, cols, k) in
        [(1, 1000, [32, 20], 1), (5, 3001, [48, 20], 4), (3, 30, [32, 32], 9), (2, 17, [5, 4], 3)]
    {
        let ((x, weight, preview), bias) = (previewed(rows, vocab, cols), floats(noise(3, vocab), [vocab]));
        let (found, columns) = Flex::most_probable_product(x.clone(), &weight, Some(&preview), bias.clone(), k);
        let (wanted, wanted_columns) = top_k::most_probable_product(x, &weight, Some(&preview), bias, k);
        assert_eq!(integers(columns), integers(wanted_columns), "{rows}x{vocab}, {k}");
        assert_close(&format!("{rows}x{vocab}, {k}"), &values(found), &values(wanted), 1e-4);
    }
}

/// With all columns in the preview nothing is left out, and with most of them the most probable are found.
#[test]
fn a_preview_finds_what_the_product_finds() {
    for (rows, vocab, cols, k, tolerance) in [(3, 1000, [32, 32], 4, 0.02), (5, 3000, [32, 20], 2, 0.1)] {
        let ((x, weight, preview), bias) = (previewed(rows, vocab, cols), floats(noise(3, vocab), [vocab]));
        let (found, columns) = Flex::most_probable_product(x.clone(), &weight, Some(&preview), bias.clone(), k);
        let (wanted, wanted_columns) = Flex::most_probable_product(x, &weight, None, bias, k);
        assert_eq!(integers(columns), integers(wanted_columns), "{rows}x{vocab}, {k}");
        assert_close(&format!("{rows}x{vocab}, {k}"), &values(found), &values(wanted), tolerance);
    }
}

#[test]
fn equal_values_keep_the_lower_column() {
    let x = floats(vec![1.0, 3.0, 3.0, 2.0, 3.0, -1e9, -1e9, -1e9, -1e9, 0.0], [2, 5]);
    for (best, columns) in [Flex::top_k(x.clone(), 4), top_k::top_k(x, 4)] {
        assert_eq!(values(best), [3.0, 3.0, 3.0, 2.0, 0.0, -1e9, -1e9, -1e9]);
        assert_eq!(integers(columns), [1, 2, 4, 3, 4, 0, 1, 2]);
    }
}
