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
    let cols = 1024;
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
