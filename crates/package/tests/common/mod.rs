//! A model small enough to write down, for the tests of this crate.

use std::collections::BTreeMap;

use traduko_kernels::backend::Flex;
use traduko_model::{ModelConfig, NamedTensor, RandomWeights, Seq2Seq};
use traduko_package::{
    CONFIG_FILE, DataLicence, MANIFEST_FILE, Notes, PackageContents, Score, TOKENIZER_FILE, WEIGHTS_FILE,
};

pub type Files = BTreeMap<String, Vec<u8>>;

pub const TOKENIZER: &[u8] = b"{\"any\": \"bytes\"}";

pub fn config() -> ModelConfig {
    ModelConfig {
        n_vocab: 11,
        d_embedding: 4,
        d_encoder: 3,
        n_encoder_layers: 1,
        d_decoder: 4,
        n_decoder_layers: 1,
        d_attention: 5,
        ..ModelConfig::default()
    }
}

pub fn float_model(config: &ModelConfig, seed: u64) -> Seq2Seq<Flex> {
    let Ok(model) = Seq2Seq::build(config, &mut RandomWeights::new(seed), &Default::default());
    model
}

pub fn contents<'a>(config: &'a ModelConfig, weights: &'a [NamedTensor]) -> PackageContents<'a> {
    PackageContents {
        config,
        weights,
        tokenizer_json: TOKENIZER,
        source_tokenizer_json: None,
        source_language: "en".to_owned(),
        target_language: "fr".to_owned(),
        source_tag: None,
        licences: vec![DataLicence { source: "numbers, spelled out".to_owned(), licence: "CC0-1.0".to_owned() }],
        notes: Notes { weaknesses: vec!["numbers above twenty".to_owned()], ..Notes::default() },
        recipe: BTreeMap::from([("steps".to_owned(), 12.into())]),
        scores: vec![score("toy", 12.5)],
    }
}

pub fn score(test_set: &str, score: f64) -> Score {
    let signature = "nrefs:1|case:mixed".to_owned();
    Score { test_set: test_set.to_owned(), metric: "BLEU".to_owned(), score, signature, beam: 5 }
}

/// The files of a sound package.
pub fn files() -> Files {
    let config = config();
    let weights = float_model(&config, 7).weights();
    traduko_package::encode(&contents(&config, &weights)).expect("sound contents")
}

/// What an attacker can do and an accident cannot: after a change of the files, promise just what they are.
pub fn sign(mut files: Files) -> Files {
    let mut manifest: serde_json::Value = serde_json::from_slice(&files[MANIFEST_FILE]).expect("was written as JSON");
    manifest["files"] = [CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE]
        .iter()
        .map(|name| serde_json::to_value(traduko_package::FileEntry::of(name, &files[*name])).expect("plain"))
        .collect();
    files.insert(MANIFEST_FILE.to_owned(), serde_json::to_vec(&manifest).expect("plain"));
    files
}
