//! Weights by name: saved and loaded, asked for and given, floats and int8.

use std::{collections::BTreeMap, convert::Infallible};

use traduko_kernels::backend::Flex;
use traduko_model::{
    AttentionKind, AttentionPlace, CellKind, Init, Matrix, ModelConfig, Pairs, RandomWeights, SearchOptions, Seq2Seq,
    StoredWeights, TieKind, WeightSource, beam_search,
};

use crate::{Sharp, sharp, small};

/// Networks that between them have every weight there is.
fn networks() -> Vec<ModelConfig> {
    vec![
        small(9),
        ModelConfig {
            cell: CellKind::Gru,
            attention: AttentionKind::Additive,
            has_coverage: true,
            tie_embeddings: TieKind::Target,
            ..small(9)
        },
        ModelConfig {
            attention_place: AttentionPlace::InputFeeding,
            tie_embeddings: TieKind::None,
            is_bidirectional: false,
            n_encoder_layers: 1,
            n_decoder_layers: 1,
            ..small(9)
        },
    ]
}

fn logits(model: &Seq2Seq<Flex>) -> Vec<f32> {
    let (sources, targets) = ([vec![4, 5, 8], vec![6]], [vec![7], vec![4, 4, 6]]);
    let pairs = Pairs { sources: &sources, targets: &targets, ..Pairs::default() };
    let logits = model.logits(model.forced(&pairs, &Default::default()).output);
    logits.into_data().into_vec().expect("floats")
}

#[test]
fn saved_and_loaded_gives_the_same_logits() {
    for config in networks() {
        let model = sharp(&config, 4);
        let mut stored = StoredWeights::new(model.weights());
        let loaded: Seq2Seq<Flex> =
            Seq2Seq::build(&config, &mut stored, &Default::default()).expect("the network's own weights");
        assert_eq!(stored.left_over().count(), 0, "{config:?}");
        assert_eq!(logits(&loaded), logits(&model), "{config:?}");
    }
}

/// Notes what it is asked for.
struct Asked {
    random: RandomWeights,
    shapes: BTreeMap<String, Vec<usize>>,
}

impl WeightSource for Asked {
    type Error = Infallible;

    fn matrix(&mut self, name: &str, rows: usize, cols: usize, init: Init) -> Result<Matrix, Infallible> {
        assert_eq!(self.shapes.insert(name.into(), vec![rows, cols]), None, "{name} was asked for twice");
        self.random.matrix(name, rows, cols, init)
    }

    fn vector(&mut self, name: &str, len: usize, init: Init) -> Result<Vec<f32>, Infallible> {
        assert_eq!(self.shapes.insert(name.into(), vec![len]), None, "{name} was asked for twice");
        self.random.vector(name, len, init)
    }
}

#[test]
fn what_is_asked_for_is_what_is_given() {
    for config in networks() {
        let mut asked = Asked { random: RandomWeights::new(1), shapes: BTreeMap::new() };
        let Ok(model) = Seq2Seq::<Flex>::build(&config, &mut asked, &Default::default());
        let given: BTreeMap<String, Vec<usize>> = model.weights().into_iter().map(|w| (w.name, w.shape)).collect();
        assert_eq!(given, asked.shapes, "{config:?}");
        let names: Vec<String> = model.parameter_names().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, model.weights().into_iter().map(|w| w.name).collect::<Vec<_>>());
    }
}

/// Rows rounded to int8, or (`is_float`) the floats that those integers stand for.
struct Rounded {
    sharp: Sharp,
    is_float: bool,
}

impl WeightSource for Rounded {
    type Error = Infallible;

    fn matrix(&mut self, name: &str, rows: usize, cols: usize, init: Init) -> Result<Matrix, Infallible> {
        let Matrix::Float(floats) = self.sharp.matrix(name, rows, cols, init)? else {
            unreachable!("random weights are floats");
        };
        let (mut values, mut scales) = (Vec::new(), Vec::new());
        for row in floats.chunks_exact(cols) {
            let scale = row.iter().fold(f32::MIN_POSITIVE, |max, x| max.max(x.abs())) / 127.0;
            values.extend(row.iter().map(|x| (x / scale).round() as i8));
            scales.push(scale);
        }
        if self.is_float {
            let rows = values.chunks_exact(cols).zip(&scales);
            return Ok(Matrix::Float(
                rows.flat_map(|(row, scale)| row.iter().map(move |&v| f32::from(v) * scale)).collect(),
            ));
        }
        Ok(Matrix::Int8 { values, scales })
    }

    fn vector(&mut self, name: &str, len: usize, init: Init) -> Result<Vec<f32>, Infallible> {
        self.sharp.vector(name, len, init)
    }
}

fn rounded(config: &ModelConfig, scale: f32, is_float: bool) -> Seq2Seq<Flex> {
    let mut source = Rounded { sharp: Sharp { random: RandomWeights::new(6), scale }, is_float };
    let Ok(model) = Seq2Seq::build(config, &mut source, &Default::default());
    model
}

/// Activations in 128 steps leave an error of a hundredth or so a layer; a wrong scale, zero point or row order would
/// leave one as large as the logits.
#[test]
fn int8_weights_give_nearly_the_same_logits() {
    for config in networks() {
        let (floats, packed) = (rounded(&config, 1.0, true), rounded(&config, 1.0, false));
        let (wanted, found) = (logits(&floats), logits(&packed));
        let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let mean = wanted.iter().sum::<f32>() / wanted.len() as f32;
        let error =
            norm(&mut wanted.iter().zip(&found).map(|(a, b)| a - b)) / norm(&mut wanted.iter().map(|x| x - mean));
        assert!(error < 0.05, "{config:?}: relative error {error}");
        assert!(error > 0.0, "int8 activations cannot be exact");
    }
}

#[test]
fn int8_sentences_do_not_see_their_neighbours() {
    for config in networks() {
        let packed = rounded(&config, 2.5, false);
        let options = SearchOptions { beam: 3, max_length: 6, ..SearchOptions::default() };
        let sources = [vec![4, 5, 8], vec![6], vec![7, 7, 7, 7, 4]];
        let batch =
            pollster::block_on(beam_search(std::slice::from_ref(&packed), &sources, &options, &Default::default()));
        for (source, found) in sources.iter().zip(batch) {
            let alone = pollster::block_on(beam_search(
                std::slice::from_ref(&packed),
                std::slice::from_ref(source),
                &options,
                &Default::default(),
            ));
            assert_eq!(found[0].tokens, alone[0][0].tokens);
            assert!((found[0].score - alone[0][0].score).abs() < 1e-5);
        }
    }
}
