//! Symmetric int8 quantization, one scale per output row.

/// Quantizes `[rows, cols]` floats, row-major, to -127..=127 with `scale = max|row| / 127`.
///
/// Returns the values, `[rows, cols]`, and the scales, `[rows]`; `value * scale` is within half a scale of the
/// float. A row of zeros, or one so small that its scale would leave the normal floats, becomes zeros with scale 0.
/// The caller sees to it that all values are finite and that `cols` divides them.
pub fn quantize_rows(values: &[f32], cols: usize) -> (Vec<i8>, Vec<f32>) {
    let mut quantized = Vec::with_capacity(values.len());
    let mut scales = Vec::with_capacity(values.len() / cols.max(1));
    for row in values.chunks(cols.max(1)) {
        let largest = row.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let scale = largest / 127.0;
        if !scale.is_normal() {
            quantized.resize(quantized.len() + row.len(), 0);
            scales.push(0.0);
            continue;
        }
        quantized.extend(row.iter().map(|value| (value / scale).round().clamp(-127.0, 127.0) as i8));
        scales.push(scale);
    }
    (quantized, scales)
}

/// The floats that int8 `values`, `[rows, cols]`, stand for, given one scale a row.
pub fn dequantize_rows(values: &[i8], scales: &[f32]) -> Vec<f32> {
    let cols = values.len() / scales.len().max(1);
    let rows = values.chunks(cols.max(1)).zip(scales);
    rows.flat_map(|(row, scale)| row.iter().map(move |value| f32::from(*value) * scale)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row 1: max 2.54, scale 0.02, so 1 -> 50, -0.5 -> -25, 2.54 -> 127. Row 2 is zero. Row 3: max 127, scale 1,
    /// and 0.5 rounds away from zero.
    #[test]
    fn rows_by_hand() {
        let values = [1.0, -0.5, 2.54, 0.0, 0.0, 0.0, -127.0, 0.5, 2.4];
        let (quantized, scales) = quantize_rows(&values, 3);
        assert_eq!(quantized, [50, -25, 127, 0, 0, 0, -127, 1, 2]);
        assert!((scales[0] - 0.02).abs() < 1e-9);
        assert_eq!(scales[1..], [0.0, 1.0]);
        assert_eq!(dequantize_rows(&quantized, &scales)[6..], [-127.0, 1.0, 2.0]);
    }

    #[test]
    fn tiny_rows_become_zeros() {
        let (quantized, scales) = quantize_rows(&[f32::MIN_POSITIVE, -1e-40], 2);
        assert_eq!((quantized, scales), (vec![0, 0], vec![0.0]));
    }

    #[test]
    fn empty_matrices_stay_empty() {
        assert_eq!(quantize_rows(&[], 0), (vec![], vec![]));
        assert_eq!(dequantize_rows(&[], &[]), Vec::<f32>::new());
    }

    proptest::proptest! {
        #[test]
        fn error_is_at_most_half_a_scale(values in proptest::collection::vec(-1e3f32..1e3, 12)) {
            let (quantized, scales) = quantize_rows(&values, 4);
            let back = dequantize_rows(&quantized, &scales);
            for (index, (value, restored)) in values.iter().zip(&back).enumerate() {
                proptest::prop_assert!((value - restored).abs() <= scales[index / 4] * 0.5001);
            }
        }
    }
}
