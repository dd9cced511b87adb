//! Every file in configs/ does what it is there for.

use std::{fs, path::Path, process::Command};

use traduko_train::{toy, train::Checkpoint};

/// Networks of full size, tiny batches.
const SETTINGS: [&str; 8] = [
    "data.dir=\"data\"",
    "train.batch_tokens=60",
    "train.max_steps=2",
    "train.log_every=1",
    "train.validate_every=2",
    "train.checkpoint_every=2",
    "train.precision=\"f32\"",
    "train.length_buckets=[]",
];

fn run(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traduko"));
    let output = command.args(arguments).current_dir(folder).output().expect("the program starts");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "traduko {arguments:?}: {message}");
    message
}

/// Prepared and aligned text for networks to begin with.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pairs = toy::pairs(230, 2);
    let text =
        |pairs: &[(String, String)], line: fn(&(String, String)) -> String| pairs.iter().map(line).collect::<String>();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("written");
    write("train.tsv", text(&pairs[..220], |(source, target)| format!("{source}\t{target}\n")));
    write("valid.source", text(&pairs[220..], |(source, _)| format!("{source}\n")));
    write("valid.target", text(&pairs[220..], |(_, target)| format!("{target}\n")));
    let valid = ["--valid-source", "valid.source", "--valid-target", "valid.target"];
    run(folder.path(), &[&["prepare", "--tsv", "train.tsv", "--out", "data", "--vocab", "480"][..], &valid].concat());
    run(folder.path(), &["align", "--data", "data"]);
    folder
}

#[test]
fn every_config_does_what_it_is_for() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let folder = prepared();
    let (mut n_networks, mut n_mixes, mut cards) = (0, 0, Vec::new());
    for entry in fs::read_dir(configs).expect("the folder of configurations") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let file = path.to_str().expect("plain letters");
        let table: toml::Table = fs::read_to_string(&path).expect("text").parse().expect("TOML");
        if table.contains_key("model") {
            let settings: Vec<&str> = SETTINGS.iter().flat_map(|setting| ["--set", setting]).collect();
            run(folder.path(), &[&["train", file, "--out", &name][..], &settings].concat());
            let last = Checkpoint::read(&folder.path().join(&name).join("last.safetensors")).expect("a checkpoint");
            assert_eq!(last.summary.step, 2, "{name}");
            n_networks += 1;
        } else if let Some(toml::Value::Array(files)) = table.get("file") {
            // The corpora are not here: the same keys with a file that has their tags.
            let mut table = table.clone();
            let mut small = files[0].as_table().expect("a table").clone();
            small.insert("path".to_owned(), "tagged.tsv".into());
            let listed = [table.get("exclude"), small.get("exclude")].into_iter().flatten();
            let mut tags: Vec<String> = listed
                .flat_map(|tags| tags.as_array().expect("a list"))
                .map(|tag| tag.as_str().expect("a tag").to_owned())
                .chain(["train".to_owned()])
                .collect();
            for weights in ["weights", "hold_out"] {
                let weights = table.get_mut(weights).and_then(toml::Value::as_table_mut);
                for (tag, count) in weights.into_iter().flatten() {
                    tags.push(tag.replace('*', "train"));
                    *count = 1.into();
                }
            }
            let text = fs::read_to_string(folder.path().join("train.tsv")).expect("text");
            let lines = text.lines().zip(tags.iter().cycle()).map(|(line, tag)| format!("{tag}\t{line}\n"));
            fs::write(folder.path().join("tagged.tsv"), lines.collect::<String>()).expect("written");
            table.insert("file".to_owned(), toml::Value::Array(vec![small.into()]));
            for (key, value) in [
                ("out", format!("mixed-{name}")),
                ("dropped", "dropped.tsv".to_owned()),
                ("valid_source", "valid.source".to_owned()),
                ("valid_target", "valid.target".to_owned()),
            ] {
                table.insert(key.to_owned(), value.into());
            }
            table.insert("vocab".to_owned(), 480.into());
            if let Some(tokenizer) = table.get_mut("tokenizer") {
                *tokenizer = "data/tokenizer.json".into();
            }
            fs::write(folder.path().join("mix.toml"), table.to_string()).expect("written");
            run(folder.path(), &["prepare", "--mix", "mix.toml"]);
            n_mixes += 1;
        } else {
            cards.push(file.to_owned());
        }
    }
    for file in &cards {
        let export = ["export", "--checkpoint", "bench", "--out", "package", "--card", file];
        run(folder.path(), &[&export[..], &["--source-language", "en", "--target-language", "fr"]].concat());
    }
    assert!(n_networks > 4 && n_mixes > 1 && !cards.is_empty(), "{n_networks} networks, {n_mixes} mixes, {cards:?}");
}
