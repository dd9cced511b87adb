//! `synthesize` through the program, with the model of this repository: killed and started again, it writes what it
//! writes in one go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use traduko_text::SubwordTokenizer;
use traduko_train::dataset::Dataset;

fn synthesize(folder: &Path, arguments: &str) -> Command {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/en-fr");
    let mut command = Command::new(env!("CARGO_BIN_EXE_traduko"));
    command.arg("synthesize").arg("--model").arg(model).args(arguments.split(' ')).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lines: Vec<String> = (0..120)
        .map(|n| match n % 10 {
            3 => String::new(),
            7 => "\u{2014}\t".into(),
            n => format!("I have {n} good books, and she is at home."),
        })
        .collect();
    let text = zstd::encode_all(lines.join("\n").as_bytes(), 1).expect("in memory");
    fs::write(folder.path().join("mono.zst"), text).expect("written");
    folder
}

#[test]
fn killed_and_resumed_is_the_same_as_in_one_go() {
    let folder = folder();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let arguments = "--input mono.zst --direction forward --chunk 4 --output";
    assert!(synthesize(folder.path(), &format!("{arguments} whole.tsv")).status().expect("runs").success());
    let whole = fs::read_to_string(path("whole.tsv")).expect("there");
    assert_eq!(whole.lines().count(), 120 * 8 / 10);
    assert!(whole.starts_with("distilled\tI have 0 good books, and she is at home.\t"), "{whole}");
    let french = whole.lines().filter(|line| line.contains("livres") && line.contains("elle est")).count();
    assert!(french > 50, "{whole}");

    // Killed as often as it takes, each time after at least one more chunk.
    let (mut n_kills, mut lines) = (0, 0);
    let started = Instant::now();
    while !path("parts.tsv").exists() {
        assert!(started.elapsed() < Duration::from_secs(300), "it does not end");
        let mut child = synthesize(folder.path(), &format!("{arguments} parts.tsv")).spawn().expect("starts");
        loop {
            if child.try_wait().expect("asked").is_some() {
                break;
            }
            let position = fs::read_to_string(path("parts.tsv.position")).unwrap_or_default();
            let position: serde_json::Value = serde_json::from_str(&position).unwrap_or_default();
            if n_kills < 3 && position["lines"].as_u64().is_some_and(|found| found > lines) {
                lines = position["lines"].as_u64().expect("looked at above");
                child.kill().expect("killed");
                child.wait().expect("ended");
                n_kills += 1;
                break;
            }
        }
    }
    assert!(n_kills > 0);
    assert_eq!(fs::read_to_string(path("parts.tsv")).expect("there"), whole);
    assert!(!path("parts.tsv.position").exists() && !path("parts.tsv.partial").exists());
}

#[test]
fn prepare_reads_synthetic_pairs_and_tags_their_sources() {
    let folder = folder();
    let arguments = "--input mono.zst --direction back --tag bt --output back.tsv --beam 2";
    assert!(synthesize(folder.path(), arguments).status().expect("runs").success());
    let pairs = fs::read_to_string(folder.path().join("back.tsv")).expect("there");
    assert!(pairs.lines().all(|line| line.starts_with("bt\t") && line.ends_with("at home.")), "{pairs}");
    let status = Command::new(env!("CARGO_BIN_EXE_traduko"))
        .args(["prepare", "--tsv", "back.tsv", "--out", "data", "--vocab", "500", "--source-tags", "bt=<BT>"])
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("runs").success());
    let json = fs::read(folder.path().join("data/tokenizer.json")).expect("there");
    let tag = SubwordTokenizer::from_json(&json).expect("a tokenizer").tag("<BT>").expect("its tag");
    let set = Dataset::read(&folder.path().join("data/train.ids")).expect("there");
    assert!((0..set.len()).all(|pair| set.source(pair)[0] == tag && !set.source(pair)[1..].contains(&tag)));
}

#[test]
fn bad_arguments_are_named() {
    let folder = folder();
    let error = |arguments: &str| {
        let output = synthesize(folder.path(), arguments).stderr(Stdio::piped()).output().expect("runs");
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    assert!(error("--input none --direction back --output a.tsv").contains("opening none"));
    assert!(error("--input mono.zst --direction back --output a.tsv --chunk 0").contains("expected at least 1"));
    let message = error("--input mono.zst --direction sideways --output a.tsv");
    assert!(message.contains("back") && message.contains("forward"), "{message}");
    fs::write(folder.path().join("latin"), b"caf\xe9\n").expect("written");
    assert!(error("--input latin --direction back --output b.tsv").contains("latin:1: not UTF-8"));
}
