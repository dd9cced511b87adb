//! Guided alignment through the program: align, train, and see the first head follow.

use std::{fs, path::Path, process::Command};

use traduko_train::toy;

const CONFIG: &str = r#"
[data]
dir = "data"

[model]
d_embedding = 16
d_encoder = 16
n_encoder_layers = 1
d_decoder = 32
n_decoder_layers = 1
d_attention = 16
n_attention_heads = 2
max_source_length = 32

[train]
batch_tokens = 400
max_steps = 120
learning_rate = 0.01
warmup_steps = 20
schedule = "constant"
dropout = 0.0
embedding_dropout = 0.0
output_dropout = 0.0
alignment_weight = 1.0
log_every = 10
validate_every = 1000
"#;

fn traduko(folder: &Path, arguments: &str) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traduko"));
    command.args(arguments.split_whitespace()).current_dir(folder).output().expect("the program starts")
}

#[test]
fn the_first_head_learns_the_alignments_it_is_given() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("written");
    let pairs = toy::reverse_pairs(450, 2);
    write("train.tsv", pairs.iter().map(|(source, target)| format!("{source}\t{target}\n")).collect());
    write("guided.toml", CONFIG.to_owned());
    let prepared = traduko(folder.path(), "prepare --tsv train.tsv --out data --vocab 480 --hold-out *=50");
    assert!(prepared.status.success(), "{}", String::from_utf8_lossy(&prepared.stderr));

    let refused = traduko(folder.path(), "train guided.toml --out run");
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(message.contains("train.alignment_weight wants data/train.align"), "{message}");

    let aligned = traduko(folder.path(), "align --data data");
    assert!(aligned.status.success(), "{}", String::from_utf8_lossy(&aligned.stderr));
    let trained = traduko(folder.path(), "train guided.toml --out run");
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    let log = fs::read_to_string(folder.path().join("run/log.jsonl")).expect("a log");
    let losses: Vec<f64> = log
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("a record")["alignment_loss"].as_f64()
        })
        .collect();
    assert_eq!(losses.len(), 12);
    assert!(losses[11] < 0.5 * losses[0], "{losses:?}");
}
