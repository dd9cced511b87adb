//! Small products whose results are known: an engine that gets one wrong never translates a word.
//!
//! A shader that fails validation is only logged by the browser and leaves zeros, or somebody else's numbers, in
//! its output. So the steps that decode with the models that ship run here once and are compared with plain Rust. Left out
//! are the cells and scores of other kinds of model, a sequence with padding, `tanh` alone, an int8 product with a bias,
//! rows of int8 weights, and what only moves numbers (joined columns).

use burn::tensor::{Int, Tensor, TensorData, activation::softmax};
use traduko_kernels::{Beam, BeamRules, CellKind, Int8Matrix, Kernels, Memory, Preview};
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
        ("attention", attend(&device).await),
        ("previewed product", previewed_product(&device).await),
        ("beam", extend_beam(&device).await),
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

fn softmax_of(row: &[f32]) -> Vec<f32> {
    let total: f32 = row.iter().map(|x| x.exp()).sum();
    row.iter().map(|x| x.exp() / total).collect()
}

/// The columns of the `k` largest, best first; equal values keep the lower column.
fn ranking(row: &[f32], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a])); // stable
    order.truncate(k);
    order
}

async fn matmul(device: &Device) -> Result<(), String> {
    let (n, k, m) = (5, 67, 33);
    let (left, right) = (values(n * k, 1), values(k * m, 2));
    let found = matrix(&left, k, device).matmul(matrix(&right, m, device));
    compare(found, &product(&left, &right, k, m)).await
}

async fn softmax_rows(device: &Device) -> Result<(), String> {
    let (input, cols) = (values(3 * 40, 3), 40);
    let expected: Vec<f32> = input.chunks_exact(cols).flat_map(softmax_of).collect();
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
        let order = ranking(row, k);
        best.extend(order.iter().map(|&column| row[column]));
        columns.extend(order.iter().map(|&column| column as f32));
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

/// The rows of the memory are looked at in another order; the last two positions of its first row are padding.
async fn attend(device: &Device) -> Result<(), String> {
    let (order, n_sources, d, d_value) = ([1_usize, 0], 5, 6, 7);
    let rows = order.len();
    let [queries, keys] = [values(rows * d, 10), values(rows * n_sources * d, 11)];
    let contents = values(rows * n_sources * d_value, 12);
    let mut penalties = vec![0.0_f32; rows * n_sources];
    penalties[n_sources - 2..n_sources].fill(-1e9);
    let (mut contexts, mut weights) = (Vec::new(), Vec::new());
    for (query, row) in queries.chunks_exact(d).zip(order) {
        let sources = row * n_sources..(row + 1) * n_sources;
        let keys = keys.chunks_exact(d).zip(&penalties).skip(sources.start).take(n_sources);
        let scores: Vec<f32> = keys.map(|(key, penalty)| product(query, key, d, 1)[0] + penalty).collect();
        let attention = softmax_of(&scores);
        let contents = &contents[sources.start * d_value..sources.end * d_value];
        contexts.extend(product(&attention, contents, n_sources, d_value));
        weights.extend(attention);
    }
    let cube =
        |values: &[f32], n: usize, d: usize| -> Tensor<Active, 3> { matrix(values, d, device).reshape([rows, n, d]) };
    let memory = Memory {
        keys: cube(&keys, n_sources, d),
        values: cube(&contents, n_sources, d_value),
        penalty: cube(&penalties, 1, n_sources),
        rows: Some(order.into()),
    };
    let (found, found_weights) = Active::attend(cube(&queries, 1, d), &memory);
    compare(found, &contexts).await?;
    compare(found_weights, &weights).await
}

/// All that is multiplied are whole numbers up to 127, which rounding leaves as they are.
async fn previewed_product(device: &Device) -> Result<(), String> {
    let (vocab, cols, width, k) = (5, 4, 2, 3);
    let weights: Vec<i8> = vec![60, 10, 50, -20, 55, 30, -40, 25, 40, -20, 30, 60, 20, 20, 90, 90, -30, 5, 10, 10];
    // It knows the first two columns.
    let table = weights.chunks_exact(cols).flat_map(|row| row[..width].to_vec()).collect();
    let weight = Int8Matrix::<Active>::new(weights, vec![0.001; vocab], vocab, cols, device);
    let preview = Preview::<Active> {
        query: Int8Matrix::new(vec![1, 0, 0, 0, 0, 1, 0, 0], vec![0.02; width], width, cols, device),
        table: Int8Matrix::new(table, vec![0.05; vocab], vocab, width, device),
    };
    let input = [127.0, 40.0, 9.0, 20.0, 127.0, 100.0, 30.0, 5.0];
    let bias = Tensor::<Active, 1>::from_data(TensorData::from([0.0_f32, -0.1, 0.0, 0.2, 0.0]), device);
    // By the preview 8.02, 8.085, 4.28, 3.54, -3.61 and 8.62, 9.885, 3.08, 4.74, -3.31: what is 4 below the highest stays.
    let logits = [8.07, 8.225, 5.75, 3.54, -3.61, 10.02, 8.81, 3.08, 4.74, -3.31];
    let (mut best, mut columns) = (Vec::new(), Vec::new());
    for row in logits.chunks_exact(vocab) {
        let (order, probabilities) = (ranking(row, k), softmax_of(row));
        best.extend(order.iter().map(|&column| probabilities[column].ln()));
        columns.extend(order.iter().map(|&column| column as f32));
    }
    let input = matrix(&input, cols, device);
    let (found, found_columns) = Active::most_probable_product(input, &weight, Some(&preview), bias, k);
    compare(found, &best).await?;
    compare(found_columns.float(), &columns).await
}

/// Two sentences of two hypotheses, ranked by their score over their length. In the first, both extensions of the open one
/// live on, of which one ends, and the finished one (-2.4 / 2) falls out. In the second the finished one leads (-1 / 2), and
/// the other cannot come up to it before its limit (-4 / 6): both are done.
async fn extend_beam(device: &Device) -> Result<(), String> {
    let column = |values: [f32; 4]| matrix(&values, 1, device);
    let ints = |values: &[i32]| Tensor::<Active, 1, Int>::from_data(TensorData::from(values), device);
    let before = Beam {
        tokens: ints(&[5, 0, 6, 0]),
        scores: column([-1.0, -2.4, -1.0, -1.0]),
        finished: column([0.0, 1.0, 0.0, 1.0]),
        lengths: column([1.0, 2.0, 1.0, 2.0]),
        limits: column([6.0; 4]),
    };
    let best = matrix(&[-0.5, -1.0, -0.1, -0.2, -3.0, -5.0, -0.1, -0.2], 2, device);
    let tokens = ints(&[7, 3, 8, 9, 4, 3, 8, 9]).reshape([4, 2]);
    let (length_penalty, length_offset) = (1.0, 0.0);
    let rules = BeamRules { batch: 2, length_penalty, length_offset, n_best: 1, is_exact: true, end: 3, padding: 0 };
    let extended = Active::extend_beam(best, tokens, before, rules);
    compare(extended.beam.tokens.float(), &[7.0, 3.0, 0.0, 4.0]).await?;
    compare(extended.beam.scores, &[-1.5, -2.0, -1.0, -4.0]).await?;
    compare(extended.beam.finished, &[0.0, 1.0, 1.0, 1.0]).await?;
    compare(extended.beam.lengths, &[2.0; 4]).await?;
    compare(extended.parents.float(), &[0.0, 0.0, 1.0, 0.0]).await?;
    compare(extended.from.float(), &[0.0, 0.0, 3.0, 2.0]).await
}
