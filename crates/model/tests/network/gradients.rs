//! Gradients of the loss of a tiny network, for every parameter, against finite differences.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use traduko_kernels::backend::{Autodiff, Flex};
use traduko_model::{
    AttentionKind, AttentionPlace, BridgeKind, CellKind, ModelConfig, NamedTensor, Pairs, RandomWeights, Seq2Seq,
    StoredWeights, TieKind,
};

use crate::Sharp;

type B = Autodiff<Flex>;

const STEP: f32 = 0.02;
/// Values looked at in each parameter.
const SAMPLES: usize = 6;

struct Collect<'a> {
    gradients: &'a <B as burn::tensor::backend::AutodiffBackend>::Gradients,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor<B> for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let gradient = param.val().grad(self.gradients).expect("every parameter takes part in the loss");
        self.found.push(gradient.into_data().into_vec().expect("floats"));
    }
}

/// Sentences of different lengths, so that both sides are padded.
fn loss<K: traduko_kernels::Kernels>(model: &Seq2Seq<K>) -> Tensor<K, 1> {
    let sources = [vec![4, 5, 6], vec![6]];
    let targets = [vec![5], vec![4, 4, 6]];
    // The decoder reads two source tokens for one of these targets, and one token leads two of them.
    let alignments = [vec![(0, 0), (0, 2)], vec![(1, 0), (2, 0)]];
    let alignments = Some(&alignments[..]);
    let pairs = Pairs { sources: &sources, targets: &targets, alignments, wants_coverage: true, ..Pairs::default() };
    let losses = model.loss(&pairs, 0.1, &Default::default());
    let attention = losses.alignment.expect("alignments were given") + losses.coverage.expect("it was asked for");
    losses.cross_entropy.narrow(0, 0, 1) + attention * 0.5
}

fn loss_of(config: &ModelConfig, weights: &BTreeMap<String, NamedTensor>) -> f64 {
    let mut source = StoredWeights::new(weights.values().cloned());
    let model: Seq2Seq<Flex> =
        Seq2Seq::build(config, &mut source, &Default::default()).expect("the network's own weights");
    let sums: Vec<f32> = loss(&model).into_data().into_vec().expect("floats");
    f64::from(sums[0])
}

fn check(config: &ModelConfig) {
    // A normalisation bends the curve more than a wide difference follows, and an SSRU has corners.
    let is_sharp = config.is_layer_normalized || config.cell == CellKind::Ssru;
    let (step, tolerance) = if is_sharp { (STEP / 20.0, 1e-2) } else { (STEP, 1e-3) };
    let mut source = Sharp { random: RandomWeights::new(3), scale: 1.0 };
    let Ok(model) = Seq2Seq::<B>::build(config, &mut source, &Default::default());
    let gradients = loss(&model).backward();
    let mut collect = Collect { gradients: &gradients, found: Vec::new() };
    model.visit(&mut collect);
    let names: Vec<String> = model.parameter_names().into_iter().map(|(name, _)| name).collect();
    let mut weights: BTreeMap<String, NamedTensor> = model.weights().into_iter().map(|w| (w.name.clone(), w)).collect();
    assert_eq!(names.len(), collect.found.len());
    for (name, gradient) in names.iter().zip(&collect.found) {
        for sample in 0..SAMPLES.min(gradient.len()) {
            let index = sample * gradient.len() / SAMPLES.min(gradient.len());
            let mut at = |offset: f32| {
                let value = weights[name].values[index];
                weights.get_mut(name).expect("named").values[index] = value + offset;
                let loss = loss_of(config, &weights);
                weights.get_mut(name).expect("named").values[index] = value;
                loss
            };
            let slope = (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * f64::from(step));
            let error = (f64::from(gradient[index]) - slope).abs();
            // The loss is about 10, so its rounding alone makes 1e-6 / STEP.
            assert!(
                error <= tolerance * slope.abs().max(1.0),
                "{config:?}\n{name}[{index}]: {} is not {slope}",
                gradient[index]
            );
        }
    }
}

fn tiny(cell: CellKind, attention: AttentionKind, attention_place: AttentionPlace) -> ModelConfig {
    ModelConfig {
        n_vocab: 7,
        d_embedding: 3,
        d_encoder: 2,
        d_decoder: 4,
        d_attention: 3,
        n_encoder_layers: 2,
        n_decoder_layers: 2,
        cell,
        attention,
        attention_place,
        ..ModelConfig::default()
    }
}

#[test]
fn every_kind_of_attention_in_every_place() {
    for cell in [CellKind::Lstm, CellKind::Gru] {
        for attention in [AttentionKind::Additive, AttentionKind::General] {
            for place in [AttentionPlace::OnTop, AttentionPlace::FirstLayer, AttentionPlace::InputFeeding] {
                check(&tiny(cell, attention, place));
            }
        }
    }
}

#[test]
fn coverage() {
    for attention in [AttentionKind::Additive, AttentionKind::NormedAdditive] {
        for place in [AttentionPlace::OnTop, AttentionPlace::FirstLayer, AttentionPlace::InputFeeding] {
            check(&ModelConfig { has_coverage: true, ..tiny(CellKind::Gru, attention, place) });
        }
    }
}

#[test]
fn deep_transitions() {
    for cell in [CellKind::Lstm, CellKind::Gru, CellKind::Rnn] {
        let config = tiny(cell, AttentionKind::General, AttentionPlace::FirstLayer);
        check(&ModelConfig { transition_depth: 3, ..config.clone() });
        // Few units make a normalisation so sharp that no difference can follow it.
        let wide = ModelConfig { d_encoder: 24, d_decoder: 24, ..config };
        check(&ModelConfig { transition_depth: 2, is_layer_normalized: true, ..wide });
    }
}

#[test]
fn without_attention() {
    for attention in [AttentionKind::FixedContext, AttentionKind::None] {
        for bridge in [BridgeKind::Dense, BridgeKind::Last] {
            check(&ModelConfig { bridge, ..tiny(CellKind::Gru, attention, AttentionPlace::OnTop) });
        }
    }
}

/// Kinds that copy need a decoder as wide as the encoder's output.
#[test]
fn every_other_attention_and_every_bridge() {
    for attention in [AttentionKind::NormedAdditive, AttentionKind::Dot, AttentionKind::ScaledDot] {
        for place in [AttentionPlace::OnTop, AttentionPlace::InputFeeding] {
            check(&tiny(CellKind::Lstm, attention, place));
        }
    }
    for bridge in [BridgeKind::Zero, BridgeKind::Last, BridgeKind::Mean] {
        for cell in [CellKind::Lstm, CellKind::Gru] {
            check(&ModelConfig { bridge, ..tiny(cell, AttentionKind::General, AttentionPlace::OnTop) });
        }
    }
}

#[test]
fn every_way_to_tie_embeddings() {
    for tie_embeddings in [TieKind::None, TieKind::Target, TieKind::All] {
        check(&ModelConfig {
            tie_embeddings,
            is_bidirectional: false,
            n_encoder_layers: 1,
            n_decoder_layers: 1,
            ..tiny(CellKind::Lstm, AttentionKind::General, AttentionPlace::OnTop)
        });
    }
}

#[test]
fn subwords_of_each_side() {
    for tie_embeddings in [TieKind::None, TieKind::Target] {
        let shared = tiny(CellKind::Gru, AttentionKind::General, AttentionPlace::OnTop);
        let config = ModelConfig { tie_embeddings, n_source_vocab: 9, ..shared };
        check(&config);
        let Ok(model) = Seq2Seq::<Flex>::build(&config, &mut RandomWeights::new(1), &Default::default());
        let shape = |name: &str| model.weights().into_iter().find(|tensor| tensor.name == name).expect("there").shape;
        assert_eq!((shape("embedding.source.weight"), shape("embedding.target.weight")), (vec![9, 3], vec![7, 3]));
    }
}

#[test]
fn every_kind_of_stack() {
    let plain = tiny(CellKind::Lstm, AttentionKind::General, AttentionPlace::OnTop);
    let wide = ModelConfig { d_embedding: 4, d_encoder: 2, d_decoder: 4, d_attention: 4, ..plain.clone() };
    for cell in [CellKind::Lstm, CellKind::Gru, CellKind::Ssru, CellKind::Rnn] {
        check(&ModelConfig { cell, is_residual: true, ..wide.clone() });
        // Few units make a normalisation so sharp that no difference can follow it.
        let normalised = ModelConfig { cell, is_layer_normalized: true, d_encoder: 24, d_decoder: 24, ..plain.clone() };
        check(&normalised);
        let attention_place = AttentionPlace::InputFeeding;
        check(&ModelConfig { attention_place, is_residual: true, ..normalised });
    }
}

#[test]
fn several_heads() {
    for attention in [AttentionKind::Additive, AttentionKind::General] {
        for place in [AttentionPlace::OnTop, AttentionPlace::FirstLayer, AttentionPlace::InputFeeding] {
            check(&ModelConfig { n_attention_heads: 2, d_attention: 6, ..tiny(CellKind::Gru, attention, place) });
        }
    }
}

/// More padding, or computing again instead of keeping, changes no gradient.
#[test]
fn padding_and_recomputation_change_nothing() {
    let config = tiny(CellKind::Lstm, AttentionKind::General, AttentionPlace::OnTop);
    let mut source = Sharp { random: RandomWeights::new(3), scale: 1.0 };
    let Ok(model) = Seq2Seq::<B>::build(&config, &mut source, &Default::default());
    let (sources, targets) = ([vec![4, 5, 6], vec![6]], [vec![5], vec![4, 4, 6]]);
    let gradients = |model: &Seq2Seq<B>, padded_length: usize| {
        let pairs = Pairs { sources: &sources, targets: &targets, padded_length, ..Pairs::default() };
        let loss = model.loss(&pairs, 0.1, &Default::default()).cross_entropy.narrow(0, 0, 1);
        let gradients = loss.backward();
        let mut collect = Collect { gradients: &gradients, found: Vec::new() };
        model.visit(&mut collect);
        collect.found.concat()
    };
    let wanted = gradients(&model, 0);
    for (found, wanted) in gradients(&model, 9).iter().zip(&wanted) {
        assert!((found - wanted).abs() < 1e-5, "{found} and {wanted}");
    }
    assert_eq!(gradients(&model.with_recomputation(true), 0), wanted);
}
