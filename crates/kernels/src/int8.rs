//! Int8 weights with one scale per output row, activations quantized on the fly.
//!
//! A row of activations becomes `q = floor(x * inverse + zero_point + 0.5)` in 0..=127 with
//! `inverse = 127 / (max - min)`, the range taken to include 0 so that 0 is exact. The product is then
//! `(sum(q * w) - zero_point * row_sum(w)) * scale(w) * step` with `step = 1 / inverse`, plus a bias. Sums stay below 2^24 for up to 1,040 columns, so
//! the body in burn's floats gives the very integers that the integer kernels give.

use burn::{
    module::Module,
    tensor::{Int, Tensor, TensorData, backend::Backend},
};

use crate::Kernels;

/// Packed int8 weights: constants of a module, never trained.
#[derive(Module, Debug)]
pub struct Int8Matrix<B: Backend> {
    /// As [`Kernels::int8_pack`] laid it out.
    pub values: Tensor<B, 2, Int>,
    /// One scale per row, `[rows]`.
    pub scales: Tensor<B, 1>,
    /// The sum of each row's integers, `[rows]`.
    pub row_sums: Tensor<B, 1>,
    /// Output size.
    pub rows: usize,
    /// Input size.
    pub cols: usize,
}

impl<B: Kernels> Int8Matrix<B> {
    /// Packs row-major `values` `[rows, cols]` with their `scales` `[rows]`.
    ///
    /// # Panics
    /// Where the lengths do not fit `rows` and `cols`: readers check them first.
    pub fn new(values: Vec<i8>, scales: Vec<f32>, rows: usize, cols: usize, device: &B::Device) -> Self {
        assert_eq!((values.len(), scales.len()), (rows * cols, rows), "an int8 matrix has rows * cols values");
        let row_sums: Vec<f32> = if cols == 0 {
            vec![0.0; rows]
        } else {
            values.chunks_exact(cols).map(|row| row.iter().map(|&v| i32::from(v)).sum::<i32>() as f32).collect()
        };
        Self {
            values: B::int8_pack(values, rows, cols, device),
            scales: Tensor::from_data(TensorData::new(scales, [rows]), device),
            row_sums: Tensor::from_data(TensorData::new(row_sums, [rows]), device),
            rows,
            cols,
        }
    }
}

pub(crate) fn linear<B: Backend>(x: Tensor<B, 2>, weight: &Int8Matrix<B>, bias: Option<Tensor<B, 1>>) -> Tensor<B, 2> {
    let low = x.clone().min_dim(1).clamp_max(0.0); // [batch, 1]
    let high = x.clone().max_dim(1).clamp_min(0.0);
    let inverse = (high - low.clone()).clamp_min(f32::MIN_POSITIVE * 1e8).recip() * 127.0;
    let zero_point = ((-low) * inverse.clone() + 0.5).floor();
    let q = (x * inverse.clone() + zero_point.clone() + 0.5).floor().clamp(0.0, 127.0);
    let sums = q.matmul(weight.values.clone().float().transpose()); // [batch, rows]
    let sums = sums - zero_point * weight.row_sums.clone().unsqueeze_dim::<2>(0);
    let product = sums * weight.scales.clone().unsqueeze_dim::<2>(0) * inverse.recip();
    match bias {
        Some(bias) => product + bias.unsqueeze_dim::<2>(0),
        None => product,
    }
}

pub(crate) fn rows<B: Backend>(weight: &Int8Matrix<B>, ids: Tensor<B, 1, Int>) -> Tensor<B, 2> {
    let scales = weight.scales.clone().select(0, ids.clone()).unsqueeze_dim::<2>(1); // [ids, 1]
    weight.values.clone().select(0, ids).float() * scales
}

pub(crate) fn quantize<B: Kernels>(x: Tensor<B, 2>) -> Int8Matrix<B> {
    let [rows, cols] = x.dims();
    let scales = x.clone().abs().max_dim(1) / 127.0; // [rows, 1]
    let values = (x / scales.clone().clamp_min(f32::MIN_POSITIVE)).round();
    let row_sums = values.clone().sum_dim(1).reshape([rows]);
    Int8Matrix { values: values.int(), scales: scales.reshape([rows]), row_sums, rows, cols }
}

/// The same for backends that lay weights out in ways of their own. Blocks on the device.
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(crate) fn quantize_on_host<B: Kernels>(x: Tensor<B, 2>) -> Int8Matrix<B> {
    let ([rows, cols], device) = (x.dims(), x.device());
    let values = x.into_data().convert::<f32>().into_vec::<f32>().expect("converted to f32");
    let (values, scales) = crate::quantize_rows(&values, cols);
    Int8Matrix::new(values, scales, rows, cols, &device)
}
