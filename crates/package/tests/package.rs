//! Packages written, read, damaged and forged.

mod common;

use std::fs;

use common::{Files, config, contents, files, float_model, score, sign};
use proptest::prelude::*;
use traduko_kernels::{backend::Flex, quantize_rows};
use traduko_model::{
    Init, Matrix, ModelConfig, NamedTensor, SearchOptions, Seq2Seq, TieKind, WeightSource, beam_search,
};
use traduko_package::{
    CARD_FILE, CONFIG_FILE, HASHED_FILES, MANIFEST_FILE, Package, PackageContents, PackageError, SOURCE_TOKENIZER_FILE,
    WEIGHTS_FILE, encode, record_scores, write,
};

fn build(package: &Package) -> Result<Seq2Seq<Flex>, PackageError> {
    package.build_model(&Default::default())
}

/// Reads and builds: what every visitor's browser does.
fn load(files: Files) -> Result<Seq2Seq<Flex>, PackageError> {
    build(&Package::from_files(files)?)
}

fn edit(name: &str, change: impl FnOnce(&mut serde_json::Value)) -> Files {
    let mut files = files();
    let mut value = serde_json::from_slice(&files[name]).expect("was written as JSON");
    change(&mut value);
    files.insert(name.to_owned(), serde_json::to_vec(&value).expect("plain"));
    files
}

fn search(model: &Seq2Seq<Flex>) -> Vec<(Vec<u32>, f32)> {
    let sources = [vec![4, 5, 6, 7], vec![8], vec![10, 9, 8, 7, 6]];
    let options = SearchOptions { beam: 3, max_length: 12, ..SearchOptions::default() };
    let best = pollster::block_on(beam_search(std::slice::from_ref(model), &sources, &options, &Default::default()));
    best.into_iter().map(|best| (best[0].tokens.clone(), best[0].score)).collect()
}

#[test]
fn weights_are_quantized_row_by_row() {
    let config = config();
    let weights = float_model(&config, 7).weights();
    let package = Package::from_files(encode(&contents(&config, &weights)).unwrap()).unwrap();
    assert_eq!(package.config, config);
    assert_eq!(package.tokenizer_json, common::TOKENIZER);
    assert_eq!(package.n_parameters(), weights.iter().map(|tensor| tensor.values.len()).sum::<usize>());
    let mut source = package.weights();
    for NamedTensor { name, shape, values } in weights {
        match shape[..] {
            [rows, cols] => {
                let matrix = source.matrix(&name, rows, cols, Init::Zeros).unwrap();
                let (quantized, scales) = quantize_rows(&values, cols);
                assert_eq!(matrix, Matrix::Int8 { values: quantized, scales }, "{name}");
            }
            _ => assert_eq!(source.vector(&name, values.len(), Init::Zeros).unwrap(), values, "{name}"),
        }
    }
    source.finish().unwrap();
}

#[test]
fn a_package_gives_the_same_translations_every_time_and_nearly_those_of_its_floats() {
    let config = config();
    let float = float_model(&config, 7);
    let files = encode(&contents(&config, &float.weights())).unwrap();
    let first = search(&load(files.clone()).unwrap());
    assert_eq!(first, search(&load(files).unwrap()));
    for ((_, int8), (_, float)) in first.iter().zip(search(&float)) {
        assert!((int8 - float).abs() < 0.05, "{int8} {float}");
    }
}

#[test]
fn the_same_contents_give_the_same_bytes() {
    assert_eq!(files(), files());
}

#[test]
fn lost_and_strange_files_are_named() {
    for name in HASHED_FILES.iter().chain(&[MANIFEST_FILE]) {
        let mut files = files();
        files.remove(*name);
        let error = Package::from_files(files).unwrap_err();
        assert!(matches!(&error, PackageError::MissingFile { file } if file == name), "{error}");
    }
    let mut without_card = files();
    without_card.remove(CARD_FILE);
    Package::from_files(without_card).unwrap();
    let mut more = files();
    more.insert("model.bin".to_owned(), Vec::new());
    let error = Package::from_files(more).unwrap_err();
    assert!(matches!(&error, PackageError::UnknownFile { file } if file == "model.bin"), "{error}");
}

#[test]
fn a_source_may_have_a_tokenizer_of_its_own() {
    let shared = config();
    let config = ModelConfig { n_source_vocab: 7, tie_embeddings: TieKind::Target, ..shared.clone() };
    let weights = float_model(&config, 7).weights();
    let (own, source_tag) = (Some(&b"{}"[..]), Some("<2fr>".to_owned()));
    let contents = PackageContents { source_tokenizer_json: own, source_tag, ..contents(&config, &weights) };
    let files = encode(&contents).unwrap();
    let package = Package::from_files(files.clone()).unwrap();
    assert_eq!(package.source_tokenizer_json.as_deref(), own);
    assert_eq!(package.manifest.source_tag.as_deref(), Some("<2fr>"));
    let mut lost = files.clone();
    let json = lost.remove(SOURCE_TOKENIZER_FILE).unwrap();
    let error = Package::from_files(lost).unwrap_err();
    assert!(matches!(&error, PackageError::MissingFile { file } if file == SOURCE_TOKENIZER_FILE), "{error}");
    let mut stray = common::files();
    stray.insert(SOURCE_TOKENIZER_FILE.to_owned(), json);
    let error = Package::from_files(stray).unwrap_err();
    assert!(matches!(&error, PackageError::UnknownFile { file } if file == SOURCE_TOKENIZER_FILE), "{error}");

    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &contents).unwrap();
    assert_eq!(Package::read_dir(folder.path()).unwrap().source_tokenizer_json.as_deref(), own);
    // Another package in its place leaves nothing of it.
    let weights = float_model(&shared, 7).weights();
    write(folder.path(), &common::contents(&shared, &weights)).unwrap();
    assert_eq!(Package::read_dir(folder.path()).unwrap().source_tokenizer_json, None);
}

#[test]
fn damaged_files_are_named() {
    for name in HASHED_FILES {
        let mut shorter = files();
        shorter.get_mut(name).unwrap().pop();
        let error = Package::from_files(shorter).unwrap_err();
        assert!(matches!(&error, PackageError::WrongSize { file, .. } if file == name), "{error}");
        let mut other = files();
        *other.get_mut(name).unwrap().last_mut().unwrap() ^= 1;
        let error = Package::from_files(other).unwrap_err();
        assert!(matches!(&error, PackageError::WrongHash { file, .. } if file == name), "{error}");
    }
}

#[test]
fn manifests_that_promise_too_much_are_named() {
    let fault = |change: fn(&mut serde_json::Value)| Package::from_files(edit(MANIFEST_FILE, change)).unwrap_err();
    let error = fault(|manifest| manifest["format_version"] = 2.into());
    assert!(matches!(error, PackageError::FormatVersion { found: 2, wanted: 1 }), "{error}");
    let error = fault(|manifest| manifest["price"] = 0.into());
    assert!(matches!(error, PackageError::Json { file: MANIFEST_FILE, .. }), "{error}");
    assert!(error.to_string().contains("unknown field `price`"), "{error}");
    let error = fault(|manifest| manifest["files"][0]["name"] = "../../etc/passwd".into());
    assert!(matches!(error, PackageError::UnknownFile { .. }), "{error}");
    let error = fault(|manifest| manifest["files"][0]["name"] = WEIGHTS_FILE.into());
    assert!(matches!(error, PackageError::RepeatedFile { .. }), "{error}");
    let error = fault(|manifest| drop(manifest["files"].as_array_mut().unwrap().pop()));
    assert!(matches!(error, PackageError::Manifest { .. }), "{error}");
    let error = fault(|manifest| manifest["source_language"] = "en\" onload=\"".into());
    assert!(matches!(error, PackageError::Manifest { .. }), "{error}");
}

#[test]
fn configurations_of_other_models_are_named() {
    let fault = |change: fn(&mut serde_json::Value)| load(sign(edit(CONFIG_FILE, change))).unwrap_err();
    let error = fault(|config| config["n_vocab"] = 12.into());
    assert!(matches!(error, PackageError::TensorShape { .. }), "{error}");
    let error = fault(|config| config["n_vocab"] = (1u64 << 40).into());
    assert!(matches!(error, PackageError::Config { .. }), "{error}");
    let error = fault(|config| config["n_encoder_layers"] = 32.into());
    assert!(matches!(error, PackageError::MissingTensor { .. }), "{error}");
    let error = fault(|config| config["is_bidirectional"] = false.into());
    assert!(matches!(error, PackageError::TensorShape { .. } | PackageError::UnknownTensor { .. }), "{error}");
    let error = fault(|config| config["secret"] = true.into());
    assert!(matches!(error, PackageError::Json { file: CONFIG_FILE, .. }), "{error}");
}

#[test]
fn a_tensor_too_many_is_named() {
    let config = config();
    let mut weights = float_model(&config, 7).weights();
    weights.push(NamedTensor { name: "decoder.extra".to_owned(), shape: vec![2], values: vec![0.0; 2] });
    let error = load(encode(&contents(&config, &weights)).unwrap()).unwrap_err();
    assert!(matches!(&error, PackageError::UnknownTensor { name } if name == "decoder.extra"), "{error}");
}

#[test]
fn weights_that_cannot_be_stored_are_named() {
    let config = config();
    let fault = |tensors: &[NamedTensor]| encode(&contents(&config, tensors)).unwrap_err();
    let tensor = |shape: &[usize], values: &[f32]| NamedTensor {
        name: "w".to_owned(),
        shape: shape.to_vec(),
        values: values.to_vec(),
    };
    let error = fault(&[tensor(&[2], &[1.0, f32::NAN])]);
    assert!(matches!(error, PackageError::BadValue { index: 1, .. }), "{error}");
    for shape in [&[2][..], &[usize::MAX, 2], &[1, 1, 1], &[]] {
        let error = fault(&[tensor(shape, &[1.0])]);
        assert!(matches!(error, PackageError::TensorLength { found: 1, .. }), "{error}");
    }
    let error = fault(&[tensor(&[1], &[1.0]), tensor(&[1], &[1.0])]);
    assert!(matches!(error, PackageError::RepeatedTensor { .. }), "{error}");
}

#[test]
fn folders_are_written_whole_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("models/en-fr");
    let config = config();
    for seed in [1, 2] {
        let weights = float_model(&config, seed).weights();
        let written = write(&dir, &contents(&config, &weights)).unwrap();
        let read = Package::read_dir(&dir).unwrap();
        assert_eq!(read.manifest, written.manifest);
        assert_eq!(search(&build(&read).unwrap()), search(&build(&written).unwrap()));
    }
    let names: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    fs::write(dir.join(".gitattributes"), "* binary").unwrap();
    Package::read_dir(&dir).unwrap();
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    let weights = float_model(&config, 3).weights();
    let error = write(&dir, &contents(&config, &weights)).unwrap_err();
    assert!(matches!(&error, PackageError::UnknownFile { file } if file == "notes.txt"), "{error}");
    assert_eq!(fs::read_to_string(dir.join("notes.txt")).unwrap(), "mine");
}

#[test]
fn scores_are_recorded_and_a_card_edited_by_hand_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let config = config();
    write(dir, &contents(&config, &float_model(&config, 7).weights())).unwrap();
    assert!(record_scores(dir, vec![score("toy", 13.25), score("web", 9.0)]).unwrap());
    let scores = Package::read_dir(dir).unwrap().manifest.scores;
    assert_eq!(scores, [score("toy", 13.25), score("web", 9.0)]);
    let card = fs::read_to_string(dir.join(CARD_FILE)).unwrap();
    assert!(card.contains("| web | BLEU | 9.0 | 5 | `nrefs:1\\|case:mixed` |"), "{card}");
    fs::write(dir.join(CARD_FILE), "written by a person").unwrap();
    assert!(!record_scores(dir, vec![score("web", 10.0)]).unwrap());
    assert_eq!(fs::read_to_string(dir.join(CARD_FILE)).unwrap(), "written by a person");
    assert_eq!(Package::read_dir(dir).unwrap().manifest.scores[1], score("web", 10.0));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Package::read_dir(std::path::Path::new("no/such/folder")).unwrap_err();
    assert!(error.to_string().starts_with("no/such/folder: "), "{error}");
}

/// One change to one file.
#[derive(Clone, Debug)]
enum Damage {
    Truncate(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Damage::Truncate),
        (any::<prop::sample::Index>(), 1u8..=255).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
    ]
}

fn apply(damage: &Damage, bytes: &mut Vec<u8>) {
    match damage {
        Damage::Truncate(at) => bytes.truncate(at.index(bytes.len())),
        Damage::Flip(at, bits) => {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        Damage::Insert(at, byte) => bytes.insert(at.index(bytes.len()), *byte),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// An accident to any file but the manifest is always noticed; in the manifest it may go unnoticed in words
    /// for people, never in what is translated.
    #[test]
    fn accidents_are_noticed(name in prop::sample::select(vec![0usize, 1, 2, 3]), damage in damage()) {
        let name = HASHED_FILES.get(name).copied().unwrap_or(MANIFEST_FILE);
        let mut damaged = files();
        apply(&damage, damaged.get_mut(name).unwrap());
        match Package::from_files(damaged) {
            Err(_) => {}
            Ok(package) => {
                prop_assert_eq!(name, MANIFEST_FILE);
                let sound = Package::from_files(files()).unwrap();
                prop_assert_eq!(&package.config, &sound.config);
                prop_assert_eq!(package.tensors(), sound.tensors());
                prop_assert_eq!(search(&build(&package).unwrap()), search(&build(&sound).unwrap()));
            }
        }
    }

    /// Forged bytes under true digests give an error or a model that runs, never a panic. Half of the changes to
    /// the weights go into their header, which is what a parser can stumble over.
    #[test]
    fn forgeries_never_panic(is_config in any::<bool>(), in_header in any::<bool>(), changes in prop::collection::vec(damage(), 1..4)) {
        let mut forged = files();
        let bytes = forged.get_mut(if is_config { CONFIG_FILE } else { WEIGHTS_FILE }).unwrap();
        let header = 8 + u64::from_le_bytes(*files()[WEIGHTS_FILE].first_chunk().unwrap()) as usize;
        let mut tail = if in_header && !is_config { bytes.split_off(header) } else { Vec::new() };
        for change in &changes {
            if !bytes.is_empty() {
                apply(change, bytes);
            }
        }
        bytes.append(&mut tail);
        if let Ok(model) = load(sign(forged)) {
            prop_assert!(search(&model).iter().all(|(_, score)| score.is_finite()));
        }
    }

    /// A configuration of any numbers is refused or fits the weights; nothing is allocated on its word.
    #[test]
    fn configurations_of_any_numbers_are_refused(key in any::<prop::sample::Index>(), number in prop_oneof![0u64..70, any::<u64>()]) {
        let forged = edit(CONFIG_FILE, |config| {
            let keys: Vec<String> = config.as_object().unwrap().iter().filter(|(_, value)| value.is_u64()).map(|(key, _)| key.clone()).collect();
            config[&keys[key.index(keys.len())]] = number.into();
        });
        if let Ok(model) = load(sign(forged)) {
            prop_assert_eq!(search(&model), search(&load(files()).unwrap()));
        }
    }
}
