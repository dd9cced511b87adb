//! One layer of each kind against PyTorch 2.15, tolerance 1e-5. The snippets share this head:
//!
//! ```python
//! import torch
//! from torch import nn
//!
//! def wave(*shape, phase, scale):
//!     i = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
//!     return (torch.sin(0.7 * i + phase) * scale).float().reshape(shape)
//!
//! def load(rnn, suffixes):
//!     for phase, suffix in suffixes:
//!         for k, name in enumerate(["weight_ih", "weight_hh", "bias_ih", "bias_hh"]):
//!             w = getattr(rnn, f"{name}_l0{suffix}")
//!             w.data = wave(*w.shape, phase=phase + k, scale=0.8)
//!
//! def show(x): print([round(v, 7) for v in x.flatten().tolist()])
//!
//! x = wave(4, 2, 3, phase=0.5, scale=1.0)              # [time, batch, d_input]
//! ```

use std::convert::Infallible;

use burn::tensor::{Tensor, TensorData};
use traduko_kernels::backend::Flex;
use traduko_model::{
    Attention, AttentionKind, BridgeKind, CellKind, Decoder, Dropouts, Encoded, Encoder, Init, Matrix, ModelConfig,
    RandomWeights, WeightSource,
};

/// `sin(0.7 i + phase) * scale`.
fn wave(len: usize, phase: f64, scale: f64) -> Vec<f32> {
    (0..len).map(|i| ((0.7 * i as f64 + phase).sin() * scale) as f32).collect()
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<Flex, D> {
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

fn values<const D: usize>(x: Tensor<Flex, D>) -> Vec<f32> {
    x.into_data().into_vec().expect("floats")
}

fn assert_close(what: &str, found: &[f32], wanted: &[f32]) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (index, (a, b)) in found.iter().zip(wanted).enumerate() {
        assert!((a - b).abs() <= 1e-5, "{what}[{index}]: found {a}, PyTorch gives {b}");
    }
}

/// The weights that the snippets load.
struct Waves;

impl Waves {
    fn phase(name: &str) -> f64 {
        if name.contains("backward") { 9.0 } else { 1.0 }
    }
}

impl WeightSource for Waves {
    type Error = Infallible;

    fn matrix(&mut self, name: &str, rows: usize, cols: usize, _: Init) -> Result<Matrix, Infallible> {
        let (phase, scale) = match name {
            "decoder.attention.key.weight" => (2.0, 0.9),
            "decoder.attention.query.weight" => (3.0, 0.9),
            "decoder.attention.score.weight" => (4.0, 1.5),
            _ if name.ends_with("input.weight") => (Self::phase(name), 0.8),
            _ if name.ends_with("recurrent.weight") => (Self::phase(name) + 1.0, 0.8),
            _ => panic!("no wave for {name}"),
        };
        Ok(Matrix::Float(wave(rows * cols, phase, scale)))
    }

    /// PyTorch's LSTM has two biases that are only ever added: ours has their sum.
    fn vector(&mut self, name: &str, len: usize, init: Init) -> Result<Vec<f32>, Infallible> {
        let (first, second) = (wave(len, Self::phase(name) + 2.0, 0.8), wave(len, Self::phase(name) + 3.0, 0.8));
        Ok(match init {
            Init::ForgetOpen => first.iter().zip(second).map(|(a, b)| a + b).collect(),
            _ if name.ends_with("recurrent_bias") => second,
            _ => first,
        })
    }
}

fn encode(cell: CellKind, is_bidirectional: bool, mask: Vec<f32>) -> Encoded<Flex> {
    let config = ModelConfig {
        d_embedding: 3,
        d_encoder: 2,
        n_encoder_layers: 1,
        is_bidirectional,
        cell,
        ..ModelConfig::default()
    };
    let Ok(encoder) = Encoder::<Flex>::build(&config, &mut Waves, &Default::default());
    let x = tensor(wave(4 * 2 * 3, 0.5, 1.0), [4, 2, 3]);
    encoder.forward(x, tensor(mask, [4, 2]), &Dropouts::default())
}

/// ```python
/// lengths = torch.tensor([4, 2])
/// lstm = nn.LSTM(3, 2, bidirectional=True)
/// load(lstm, [(1.0, ""), (9.0, "_reverse")])
/// packed = nn.utils.rnn.pack_padded_sequence(x, lengths)
/// outputs, (h, c) = lstm(packed)
/// outputs, _ = nn.utils.rnn.pad_packed_sequence(outputs)
/// show(outputs[:, 0]); show(outputs[:2, 1]); show(torch.cat([h[0], h[1]], 1))
/// ```
#[test]
fn bidirectional_lstm_with_padding() {
    let encoded = encode(CellKind::Lstm, true, vec![1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0]);
    let whole = [
        -0.5214627, 0.0210745, 0.1000907, 0.019298, -0.159359, 0.2753324, 0.1438895, -0.0421858, 0.1322615, 0.1655811,
        0.2093899, 0.068054, -0.4734232, 0.0788217, 0.0177521, 0.0250627,
    ];
    let short = [0.1559846, 0.1230063, 0.2070599, 0.0684691, -0.4739088, 0.063713, 0.0180736, 0.0256642];
    let summary = [-0.4734232, 0.0788217, 0.1000907, 0.019298, -0.4739088, 0.063713, 0.2070599, 0.0684691];
    let outputs = values(encoded.outputs.clone()); // [batch, time, 4]
    assert_close("whole", &outputs[..16], &whole);
    assert_close("short", &outputs[16..24], &short);
    assert_close("summary", &values(encoded.summary()), &summary);
}

/// ```python
/// gru = nn.GRU(3, 2)
/// load(gru, [(1.0, "")])
/// outputs, h = gru(x)
/// show(outputs); show(h)
/// ```
#[test]
fn gru() {
    let encoded = encode(CellKind::Gru, false, vec![1.0; 8]);
    let outputs = [
        -0.7299162, -0.0404049, 0.3622012, -0.048449, -0.3293891, 0.7592082, -0.6536063, -0.0749265, 0.4101935,
        0.1182128, -0.2889666, 0.7592275, -0.6113489, 0.0319727, 0.4339385, 0.1225734,
    ];
    assert_close("outputs", &values(encoded.outputs.clone().swap_dims(0, 1)), &outputs);
    assert_close("summary", &values(encoded.summary()), &outputs[12..]);
}

/// What the layers of a decoder start from is what the encoder's ended with: each its own, or all that of the top one.
#[test]
fn last_states_go_over_as_they_are() {
    let [lower, upper] = [wave(2 * 4, 0.2, 1.0), wave(2 * 4, 0.9, 1.0)];
    let encoded = Encoded::<Flex> {
        outputs: tensor(wave(2 * 3 * 4, 0.2, 1.0), [2, 3, 4]),
        mask: tensor(vec![1.0; 6], [2, 3]),
        last: vec![tensor(lower.clone(), [2, 4]), tensor(upper.clone(), [2, 4])],
    };
    // The cells of an LSTM, behind the hidden states, start from the same.
    let state = |hidden: &[f32]| hidden.chunks(4).flat_map(|row| [row, row].concat()).collect::<Vec<f32>>();
    for (n_decoder_layers, wanted) in [(2, [&lower, &upper].as_slice()), (3, [&upper; 3].as_slice())] {
        let bridge = BridgeKind::Last;
        let sizes = ModelConfig { d_encoder: 4, d_decoder: 4, n_decoder_layers, bridge, ..ModelConfig::default() };
        let config = ModelConfig { is_bidirectional: false, ..sizes };
        let Ok(decoder) = Decoder::<Flex>::build(&config, &mut RandomWeights::new(1), &Default::default());
        let start = decoder.start(&encoded, config.d_embedding);
        assert_eq!(start.layers.len(), wanted.len());
        for (layer, wanted) in start.layers.into_iter().zip(wanted) {
            assert_eq!(values(layer), state(wanted));
        }
    }
}

fn attend(attention: AttentionKind, seen: Option<Vec<f32>>) -> (Vec<f32>, Vec<f32>) {
    let config = ModelConfig {
        d_encoder: 4,
        is_bidirectional: false,
        d_decoder: 3,
        d_attention: 5,
        attention,
        has_coverage: seen.is_some(),
        ..ModelConfig::default()
    };
    let Ok(layer) = Attention::<Flex>::build(&config, &mut Waves, &Default::default());
    let keys = layer.project_keys(&Encoded {
        outputs: tensor(wave(2 * 3 * 4, 0.2, 1.0), [2, 3, 4]),
        mask: tensor(vec![1.0, 1.0, 1.0, 1.0, 1.0, 0.0], [2, 3]),
        last: vec![tensor(vec![0.0; 8], [2, 4])],
    });
    let seen = seen.map(|seen| tensor(seen, [2, 2, 3]));
    let (contexts, weights) = layer.forward(tensor(wave(2 * 2 * 3, 1.4, 1.0), [2, 2, 3]), &keys, seen);
    (values(weights), values(contexts.expect("attention finds something")))
}

/// ```python
/// values = wave(2, 3, 4, phase=0.2, scale=1.0)         # [batch, source, d_encoded]
/// queries = wave(2, 2, 3, phase=1.4, scale=1.0)        # [batch, target, d_decoder]
/// key, query = wave(5, 4, phase=2.0, scale=0.9), wave(5, 3, phase=3.0, scale=0.9)
/// score = wave(1, 5, phase=4.0, scale=1.5)
/// mask = torch.tensor([[1, 1, 1], [1, 1, 0]])[:, None]
/// keys, asked = values @ key.T, queries @ query.T
/// additive = (torch.tanh(asked[:, :, None] + keys[:, None]) @ score.T).squeeze(3)
/// weights = additive.masked_fill(mask == 0, -torch.inf).softmax(2)
/// show(weights); show(weights @ values)
/// ```
#[test]
fn additive_attention() {
    let (weights, contexts) = attend(AttentionKind::Additive, None);
    let wanted = [
        0.7091591, 0.0553586, 0.2354823, 0.5018234, 0.0889719, 0.4092047, 0.2569272, 0.7430729, 0.0, 0.4250332,
        0.5749668, 0.0,
    ];
    assert_close("weights", &weights, &wanted);
    let wanted = [
        0.0392947, 0.5768294, 0.8430721, 0.7128048, -0.0778648, 0.4339794, 0.7417161, 0.7006123, -0.4944415,
        -0.3021451, 0.0322549, 0.3514849, -0.2164402, -0.2056351, -0.0981166, 0.0555477,
    ];
    assert_close("contexts", &contexts, &wanted);
}

/// As for additive attention, with
///
/// ```python
/// seen, by = wave(2, 2, 3, phase=2.2, scale=1.0), wave(5, phase=3.0, scale=0.8)
/// sums = asked[:, :, None] + keys[:, None] + seen[..., None] * by
/// covered = (torch.tanh(sums) @ score.T).squeeze(3)
/// weights = covered.masked_fill(mask == 0, -torch.inf).softmax(2)
/// show(weights); show((weights @ values)[0])
/// ```
#[test]
fn attention_that_knows_its_coverage() {
    let (weights, contexts) = attend(AttentionKind::Additive, Some(wave(2 * 2 * 3, 2.2, 1.0)));
    let wanted = [
        0.7187537, 0.070154, 0.2110923, 0.2352586, 0.1013335, 0.6634078, 0.2583671, 0.7416329, 0.0, 0.3519252,
        0.6480748, 0.0,
    ];
    assert_close("weights", &weights, &wanted);
    let wanted = [0.0546205, 0.5712592, 0.8192257, 0.6818976, -0.2471819, 0.2733065, 0.6652546, 0.7443231];
    assert_close("contexts", &contexts[..8], &wanted);
}

/// As for additive attention, with
///
/// ```python
/// general = asked @ keys.transpose(1, 2)
/// weights = general.masked_fill(mask == 0, -torch.inf).softmax(2)
/// show(weights); show(weights @ values)
/// ```
#[test]
fn general_attention() {
    let (weights, contexts) = attend(AttentionKind::General, None);
    let wanted = [
        0.7045549, 0.229953, 0.0654922, 0.0038538, 0.9546863, 0.04146, 0.0518932, 0.9481068, 0.0, 0.9951267, 0.0048732,
        0.0,
    ];
    assert_close("weights", &weights, &wanted);
    let wanted = [
        0.1419966, 0.4441481, 0.5374097, 0.3779192, 0.1162286, -0.4938896, -0.8717239, -0.8395727, -0.8335114,
        -0.4198554, 0.191265, 0.7124305, 0.7263381, 0.1216567, -0.5402418, -0.948056,
    ];
    assert_close("contexts", &contexts, &wanted);
    assert!(weights[8] == 0.0 && weights[11] == 0.0, "padding has exactly no weight");
}
