use proptest::{collection::vec, prelude::*};

use super::*;

/// Numbers in -128..=127 without a pattern.
fn bytes(seed: u32, n: usize) -> Vec<i8> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as i8
    };
    (0..n).map(|_| next()).collect()
}

#[test]
fn every_means_gives_the_same_bits() {
    let available = Products::available();
    println!("{available:?}");
    for (case, (batch, rows, cols)) in
        [(0, 3, 8), (1, 1, 1), (1, 4, 16), (2, 5, 31), (3, 9, 64), (4, 8, 65), (5, 7, 127), (9, 13, 300), (33, 6, 512)]
            .into_iter()
            .filter(|(batch, rows, cols)| !cfg!(miri) || batch * rows * cols < 400)
            .enumerate()
    {
        let seed = 10 * case as u32;
        let weight: Vec<i8> = bytes(seed, rows * cols).into_iter().map(|w| w.max(-127)).collect();
        let x: Vec<f32> = bytes(seed + 1, batch * cols).into_iter().map(|x| f32::from(x) / 37.0).collect();
        let scales: Vec<f32> = bytes(seed + 2, rows).into_iter().map(|x| f32::from(x) / 1e4).collect();
        let row_sums: Vec<f32> = weight.chunks_exact(cols).map(|row| row.iter().map(|&w| f32::from(w)).sum()).collect();
        let (values, _) = pack(&weight, rows, cols);
        let matrix = Matrix { values: &values, scales: &scales, row_sums: &row_sums, cols };
        let bias: Vec<f32> = bytes(seed + 3, rows).into_iter().map(|x| f32::from(x) / 99.0).collect();
        for bias in [&[], &bias[..]] {
            let wanted = linear_by(Products::Portable, &x, matrix, bias);
            for &products in &available {
                let found = linear_by(products, &x, matrix, bias);
                assert_eq!(found, wanted, "{products:?}, {batch} by {rows} by {cols}");
            }
        }
    }
}

/// The largest sums there are: nothing saturates.
#[test]
fn extremes_are_exact() {
    let cols = if cfg!(miri) { 64 } else { 1024 };
    for (w, x) in [(127, 1.0), (-127, 1.0)] {
        let (values, _) = pack(&vec![w; 4 * cols], 4, cols);
        for products in Products::available() {
            let (scales, row_sums) = (&[1.0; 4], &[f32::from(w) * cols as f32; 4]);
            let found = linear_by(products, &vec![x; cols], Matrix { values: &values, scales, row_sums, cols }, &[]);
            assert_eq!(found, [f32::from(w) * cols as f32; 4], "{products:?}");
        }
    }
}

#[test]
fn the_range_includes_zero() {
    assert_eq!(range(&[]), (0.0, 0.0));
    assert_eq!(range(&[3.0, 1.0, 2.0]), (0.0, 3.0));
    let x: Vec<f32> = (0..19).map(|i| f32::from(bytes(7, 19)[i])).collect();
    let wanted = (x.iter().copied().fold(0.0, f32::min), x.iter().copied().fold(0.0, f32::max));
    assert_eq!(range(&x), wanted);
}

/// Activations that are anything, the very small, the very large and none among them.
fn activation() -> impl Strategy<Value = f32> {
    prop_oneof![8 => -4.0f32..4.0, 1 => Just(0.0), 1 => -1e-30f32..1e-30, 1 => -1e30f32..1e30]
}

/// The same without a tile, in numbers that are wide enough for anything.
fn plainly(x: &[f32], weight: &[i8], rows: usize, cols: usize) -> Vec<i64> {
    let mut sums = Vec::new();
    for x in x.chunks_exact(cols) {
        let mut q = vec![0; cols];
        quantize(x, &mut q);
        for row in weight.chunks_exact(cols).take(rows) {
            sums.push(row.iter().zip(&q).map(|(&w, &q)| i64::from(w) * i64::from(q)).sum());
        }
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 200 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape_and_any_value(
        (_, rows, cols, weight, x) in (0usize..7, 1usize..40, 1usize..90).prop_flat_map(|(batch, rows, cols)| (
            Just(batch),
            Just(rows),
            Just(cols),
            vec(-127i8..=127, rows * cols),
            vec(activation(), batch * cols),
        ))
    ) {
        let (values, _) = pack(&weight, rows, cols);
        let (scales, row_sums) = (vec![1.0; rows], vec![0.0; rows]);
        let matrix = Matrix { values: &values, scales: &scales, row_sums: &row_sums, cols };
        let steps: Vec<f32> = Quantized::new(&x, cols).grids.iter().map(|grid| grid.0).collect();
        let sums = plainly(&x, &weight, rows, cols).into_iter().enumerate();
        let wanted: Vec<f32> = sums.map(|(at, sum)| sum as f32 * steps[at / rows]).collect();
        for products in Products::available() {
            prop_assert_eq!(&linear_by(products, &x, matrix, &[]), &wanted, "{:?}", products);
        }
        for id in [0, rows / 2, rows - 1] {
            let row: Vec<f32> = weight[id * cols..(id + 1) * cols].iter().map(|&w| f32::from(w)).collect();
            prop_assert_eq!(&super::rows(matrix, [id].into_iter()), &row);
        }
    }
}
