//! A network learns to reverse sequences of letters, through the program as it ships: nothing but attention can do
//! it. The steps are fixed; a slow machine takes longer and learns the same.

use std::{
    collections::HashSet,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use traduko_train::{toy, train::LogRecords};

const CONFIG: &str = r#"
[data]
dir = "data"

[model]
d_embedding = 32
d_encoder = 48
n_encoder_layers = 1
d_decoder = 64
n_decoder_layers = 1
d_attention = 48
max_source_length = 32

[train]
batch_tokens = 700
max_steps = 2000
learning_rate = 5e-3
warmup_steps = 50
schedule = "linear"
label_smoothing = 0.0
dropout = 0.0
embedding_dropout = 0.0
output_dropout = 0.0
log_every = 500
validate_every = 1000
validate_translation = 200
early_stopping_metric = "bleu"
checkpoint_every = 1000
"#;

/// Runs `traduko ARGUMENTS` in `folder` and gives what it prints.
fn traduko(folder: &Path, arguments: &str, input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_traduko"))
        .args(arguments.split(' '))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads its input");
    let output = child.wait_with_output().expect("it ends");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "traduko {arguments} ended with {}:\n{talk}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Pairs as columns: sources and targets, a line each.
fn columns(pairs: &[(String, String)]) -> (String, String) {
    let column = |of: fn(&(String, String)) -> &String| pairs.iter().map(|pair| format!("{}\n", of(pair))).collect();
    (column(|pair| &pair.0), column(|pair| &pair.1))
}

#[test]
fn reverses_sequences_it_has_never_seen() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("written");
    let mut seen = HashSet::new();
    let mut pairs: Vec<_> = toy::reverse_pairs(60_000, 1)
        .into_iter()
        .filter(|(source, _)| source.split(' ').count() <= 6 && seen.insert(source.clone()))
        .collect();
    let test = pairs.split_off(pairs.len() - 500);
    let (valid_sources, valid_targets) = columns(&pairs.split_off(pairs.len() - 200));
    write("train.tsv", pairs.iter().map(|(source, target)| format!("{source}\t{target}\n")).collect());
    write("valid.source", valid_sources);
    write("valid.target", valid_targets);
    write("reverse.toml", CONFIG.to_owned());

    traduko(
        folder.path(),
        "prepare --tsv train.tsv --out data --vocab 480 --valid-source valid.source --valid-target valid.target",
        "",
    );
    traduko(folder.path(), "train reverse.toml --out run", "");
    let (sources, targets) = columns(&test);
    let found = traduko(folder.path(), "translate --model run --beam 1", &sources);
    assert_eq!(found.lines().count(), test.len());
    let n_right = found.lines().zip(targets.lines()).filter(|(found, wanted)| found == wanted).count();
    assert!(n_right * 100 >= test.len() * 99, "only {n_right} of {} sequences are right", test.len());

    // What training saw of its best weights is what they are worth afterwards.
    let evaluated = traduko(
        folder.path(),
        "evaluate --model run --beam 1 --source valid.source --reference valid.target --json",
        "",
    );
    let evaluated: serde_json::Value = serde_json::from_str(&evaluated).expect("one line of JSON");
    let log = LogRecords::read(&folder.path().join("run")).expect("a log");
    let best = log.validations.iter().rfind(|line| line.is_best).expect("a best validation");
    let wanted = ["BLEU", "chrF2"].map(|name| evaluated["scores"][name]["score"].as_f64());
    assert_eq!([best.valid_bleu, best.valid_chrf], wanted);
}
