//! Small products whose results are known: an engine that gets one wrong never translates a word.
//!
//! A shader that fails validation is only logged by the browser and leaves zeros, or somebody else's numbers, in
//! its output. So every kind of step that translation uses runs here once and is compared with plain Rust.

use burn::tensor::{Int, Tensor, TensorData, activation::softmax};
use traduko_kernels::{CellKind, Int8Matrix, Kernels};
use wasm_bindgen::{JsError, prelude::wasm_bindgen};

use crate::backend::{self, Active};

/// Largest allowed difference; the values compared are of the order of 1 to 100.
const TOLERANCE: f32 = 1e-3;

type Device = burn::tensor::Device<Active>;

/// Runs the engine's steps on small inputs and rejects with the first one whose numbers are wrong.
#[wasm_bindgen]
pub async fn self_test() -> Result<(), JsError> {
    let device = backend::open().await;
    let checks = [
        ("matrix product", matmul(&device).await),
        ("softmax", softmax_rows(&device).await),
        ("gather", gather(&device).await),
        ("top-k", top_k(&device).await),
        ("int8 product", int8_linear(&device).await),
        ("LSTM step", lstm_step(&device).await),
    ];
    for (name, result) in checks {
        result.map_err(|fault| JsError::new(&format!("self-test: {name}: {fault}")))?;
    }
    Ok(())
}

/// Values without a pattern that a transposed or shifted result could repeat, `-1.5..=1.5`.
fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * i * 7 + i * 13 + seed * 31) % 61) as f32 / 20.0 - 1.5).collect()
}

fn matrix(values: &[f32], cols: usize, device: &Device) -> Tensor<Active, 2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len() / cols, cols]), device)
}

async fn compare<const D: usize>(found: Tensor<Active, D>, expected: &[f32]) -> Result<(), String> {
    let data = found.into_data_async().await.map_err(|error| format!("{error:?}"))?;
    let found: Vec<f32> = data.convert::<f32>().to_vec().map_err(|error| format!("{error:?}"))?;
    if found.len() != expected.len() {
        return Err(format!("{} values, expected {}", found.len(), expected.len()));
    }
    let is_near = |(found, expected): (&f32, &f32)| (found - expected).abs() <= TOLERANCE;
    match found.iter().zip(expected).position(|pair| !is_near(pair)) {
        Some(index) => Err(format!("value {index} is {}, expected {}", found[index], expected[index])),
        None => Ok(()),
    }
}

/// `[n, k]` times `[k, m]` by the definition.
fn product(left: &[f32], right: &[f32], k: usize, m: usize) -> Vec<f32> {
    let cell = |row: &[f32], column: usize| (0..k).map(|i| row[i] * right[i * m + column]).sum();
    left.chunks_exact(k).flat_map(|row| (0..m).map(move |column| cell(row, column))).collect()
}

async fn matmul(device: &Device) -> Result<(), String> {
    let (n, k, m) = (5, 67, 33);
    let (left, right) = (values(n * k, 1), values(k * m, 2));
    let found = matrix(&left, k, device).matmul(matrix(&right, m, device));
    compare(found, &product(&left, &right, k, m)).await
}

async fn softmax_rows(device: &Device) -> Result<(), String> {
    let (input, cols) = (values(3 * 40, 3), 40);
    let expected: Vec<f32> = input
        .chunks_exact(cols)
        .flat_map(|row| {
            let total: f32 = row.iter().map(|x| x.exp()).sum();
            row.iter().map(move |x| x.exp() / total)
        })
        .collect();
    compare(softmax(matrix(&input, cols, device), 1), &expected).await
}

async fn gather(device: &Device) -> Result<(), String> {
    let (input, cols, rows) = (values(9 * 11, 4), 11, [8, 0, 3, 3]);
    let ids = Tensor::<Active, 1, Int>::from_data(TensorData::from(rows), device);
    let expected: Vec<f32> = rows.iter().flat_map(|&row| &input[row as usize * cols..][..cols]).copied().collect();
    compare(matrix(&input, cols, device).select(0, ids), &expected).await
}

async fn top_k(device: &Device) -> Result<(), String> {
    let (input, cols, k) = (values(2 * 50, 5), 50, 4);
    let (mut best, mut columns) = (Vec::new(), Vec::new());
    for row in input.chunks_exact(cols) {
        let mut order: Vec<usize> = (0..cols).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a])); // stable: equal values keep the lower column
        best.extend(order[..k].iter().map(|&column| row[column]));
        columns.extend(order[..k].iter().map(|&column| column as f32));
    }
    let (found, found_columns) = Active::top_k(matrix(&input, cols, device), k);
    compare(found, &best).await?;
    compare(found_columns.float(), &columns).await
}

/// The scheme of `traduko_kernels::Int8Matrix`, one number at a time.
async fn int8_linear(device: &Device) -> Result<(), String> {
    let (rows, cols) = (7, 48);
    let weights: Vec<i8> = (0..rows * cols).map(|i| ((i * 37 + 11) % 255) as i8).map(|w| w.max(-127)).collect();
    let scales: Vec<f32> = (1..=rows).map(|row| row as f32 / 1000.0).collect();
    // The shift keeps every value clear of the edge between two integers, where a rounding error would tell.
    let mut input: Vec<f32> = values(2 * cols, 6).into_iter().map(|x| x + 0.17).collect();
    for row in input.chunks_exact_mut(cols) {
        row[..2].copy_from_slice(&[-1.33, 1.67]);
    }
    let mut expected = Vec::new();
    for x in input.chunks_exact(cols) {
        let low = x.iter().copied().fold(0.0, f32::min);
        let high = x.iter().copied().fold(0.0, f32::max);
        let inverse = 127.0 / (high - low);
        let zero_point = (-low * inverse + 0.5).floor();
        for (weights, scale) in weights.chunks_exact(cols).zip(&scales) {
            let sum: f32 = x
                .iter()
                .zip(weights)
                .map(|(x, &w)| ((x * inverse + zero_point + 0.5).floor().clamp(0.0, 127.0) - zero_point) * f32::from(w))
                .sum();
            expected.push(sum * scale / inverse);
        }
    }
    let weight = Int8Matrix::<Active>::new(weights, scales, rows, cols, device);
    compare(Active::int8_linear(matrix(&input, cols, device), &weight, None), &expected).await
}

async fn lstm_step(device: &Device) -> Result<(), String> {
    let (batch, d_hidden) = (3, 10);
    let inputs = values(batch * 4 * d_hidden, 7);
    let recurrent = values(batch * 4 * d_hidden, 8);
    let state = values(batch * 2 * d_hidden, 9);
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    let mut expected = vec![0.0; state.len()];
    for row in 0..batch {
        for unit in 0..d_hidden {
            let gate = |gate: usize| {
                let index = (row * 4 + gate) * d_hidden + unit;
                inputs[index] + recurrent[index]
            };
            let hidden_at = row * 2 * d_hidden + unit;
            let cell_at = hidden_at + d_hidden;
            let cell = sigmoid(gate(1)) * state[cell_at] + sigmoid(gate(0)) * gate(2).tanh();
            expected[cell_at] = cell;
            expected[hidden_at] = sigmoid(gate(3)) * cell.tanh();
        }
    }
    let found = Active::cell_step(
        CellKind::Lstm,
        matrix(&inputs, 4 * d_hidden, device),
        matrix(&recurrent, 4 * d_hidden, device),
        matrix(&state, 2 * d_hidden, device),
    );
    compare(found, &expected).await
}
