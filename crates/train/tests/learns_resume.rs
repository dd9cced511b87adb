//! A run that was stopped, or killed, goes on as if nothing had happened: the same losses, the same bits.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use traduko_train::{dataset::Dataset, toy, train::Checkpoint};

/// Dropout, clipping, smoothing and a learning rate that remembers validations by translation: all that a resumed run
/// must find again.
const CONFIG: &str = r#"
[data]
dir = "data"

[model]
d_embedding = 8
d_encoder = 8
n_encoder_layers = 2
d_decoder = 8
n_decoder_layers = 2
d_attention = 8
max_source_length = 32

[train]
batch_tokens = 400
learning_rate = 0.01
warmup_steps = 5
schedule = "plateau"
plateau_patience = 0
dropout = 0.3
log_every = 1
validate_every = 5
validate_translation = 20
early_stopping_metric = "chrf"
checkpoint_every = 5
"#;

fn traduko(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traduko"));
    command.args(arguments.split_whitespace()).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &str) {
    let status = traduko(folder, arguments).status().expect("the program starts");
    assert!(status.success(), "traduko {arguments} ended with {status}");
}

/// What the program says on its error stream.
fn complaint(folder: &Path, arguments: &str) -> String {
    let output = traduko(folder, arguments).stderr(Stdio::piped()).output().expect("the program starts");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A moment of waiting for what `child` does.
fn wait(child: &mut Child) {
    assert_eq!(child.try_wait().expect("asked"), None, "it ended by itself");
    thread::sleep(Duration::from_millis(5));
}

/// A folder with prepared text and the configuration.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("written");
    let pairs = toy::reverse_pairs(450, 2);
    let column =
        |of: fn(&(String, String)) -> &String| pairs[400..].iter().map(|pair| format!("{}\n", of(pair))).collect();
    write("train.tsv", pairs[..400].iter().map(|(source, target)| format!("{source}\t{target}\n")).collect());
    write("valid.source", column(|pair| &pair.0));
    write("valid.target", column(|pair| &pair.1));
    write("resume.toml", CONFIG.to_owned());
    run(
        folder.path(),
        "prepare --tsv train.tsv --out data --vocab 480 --valid-source valid.source --valid-target valid.target",
    );
    folder
}

/// The lines of the log by step and kind, without the speed; each is there once.
fn log(run: &Path) -> BTreeMap<(u64, bool), serde_json::Value> {
    let text = fs::read_to_string(run.join("log.jsonl")).expect("a log");
    let mut records = BTreeMap::new();
    for line in text.lines() {
        let mut record: serde_json::Value = serde_json::from_str(line).expect("a record a line");
        let fields = record.as_object_mut().expect("an object");
        let is_training = fields.remove("tokens_per_second").is_some();
        let key = (fields["step"].as_u64().expect("a step"), is_training);
        assert!(records.insert(key, record).is_none(), "step {} is in the log twice", key.0);
    }
    records
}

fn last(run: &Path) -> Checkpoint {
    let mut checkpoint = Checkpoint::read(&run.join("last.safetensors")).expect("a whole checkpoint");
    checkpoint.summary.seconds = 0.0;
    checkpoint
}

fn assert_same(found: &Checkpoint, wanted: &Checkpoint) {
    let bits = |tensors: &[traduko_model::NamedTensor]| -> BTreeMap<String, Vec<u32>> {
        tensors.iter().map(|t| (t.name.clone(), t.values.iter().map(|x| x.to_bits()).collect())).collect()
    };
    assert_eq!(found.summary, wanted.summary);
    assert!(bits(&found.weights) == bits(&wanted.weights), "the weights differ");
    assert!(bits(&found.moments) == bits(&wanted.moments), "the moments differ");
    assert!(!found.moments.is_empty());
}

#[test]
fn a_resumed_run_has_the_losses_of_an_uninterrupted_one() {
    let folder = prepared();
    let path = |name: &str| folder.path().join(name);
    run(folder.path(), "train resume.toml --out whole --set train.max_steps=40");
    run(folder.path(), "train resume.toml --out parts --set train.max_steps=20");
    assert_eq!(last(&path("parts")).summary.step, 20);
    // As a kill leaves it after the last checkpoint.
    fs::write(path("parts/validated-00000023.safetensors"), "").expect("written");
    run(folder.path(), "train resume.toml --out parts --set train.max_steps=40 --resume");
    assert!(!path("parts/validated-00000023.safetensors").exists());
    let (found, wanted) = (log(&path("parts")), log(&path("whole")));
    assert_eq!(wanted.len(), 40 + 40 / 5);
    assert_eq!(found, wanted);
    assert!(wanted[&(40, false)]["valid_chrf"].as_f64().expect("a score") > 0.0);
    assert!(last(&path("whole")).summary.epoch > 0, "the second half crosses into another pass over the text");
    assert_same(&last(&path("parts")), &last(&path("whole")));
}

/// Stopped between two validations by Ctrl-C, and then by the clock.
#[test]
fn a_stopped_run_is_saved_and_goes_on_as_if_it_had_not_been() {
    let folder = prepared();
    let path = |name: &str| folder.path().join(name);
    // Nothing saves but the stops and the end.
    let arguments = "train resume.toml --set train.checkpoint_every=1000000 --out";
    let endless = format!("{arguments} stopped --set train.max_steps=1000000");
    let mut child = traduko(folder.path(), &endless).spawn().expect("the program starts");
    while fs::read(path("stopped/log.jsonl")).unwrap_or_default().is_empty() {
        wait(&mut child);
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(killed.success());
    assert!(child.wait().expect("ended").success());
    let step = last(&path("stopped")).summary.step;
    run(folder.path(), &format!("{endless} --resume --max-minutes 0"));
    assert_eq!(last(&path("stopped")).summary.step, step + 1);
    assert!(path("stopped/best.safetensors").exists());

    let steps = step / 5 * 5 + 20;
    run(folder.path(), &format!("{arguments} stopped --set train.max_steps={steps} --resume"));
    run(folder.path(), &format!("{arguments} whole --set train.max_steps={steps}"));
    assert_same(&last(&path("stopped")), &last(&path("whole")));
    let mut found = log(&path("stopped"));
    for stop in [step, step + 1] {
        assert!(found.contains_key(&(stop, false)), "validated where it was stopped, after step {stop}");
        if !stop.is_multiple_of(5) {
            found.remove(&(stop, false));
        }
    }
    assert_eq!(found, log(&path("whole")));
}

/// What cannot be gone on with is refused, and stays as it is.
#[test]
fn what_does_not_belong_together_is_refused() {
    let folder = prepared();
    let path = |name: &str| folder.path().join(name);
    run(folder.path(), "train resume.toml --out run --set train.max_steps=2");
    let config = fs::read_to_string(path("run/config.toml")).expect("a configuration");
    let refused = |arguments: &str, wanted: &str| {
        let message = complaint(folder.path(), &format!("train resume.toml {arguments}"));
        assert!(message.contains(wanted), "{arguments}: {message}");
    };
    refused("--out run", "run already holds a run; go on with --resume or choose another --out");
    refused("--out run --resume --set model.n_decoder_layers=1", "the run there was of another network");
    run(folder.path(), "weights run --out pieces");
    refused(
        "--out other --resume-weights pieces --set train.max_steps=2",
        "train.max_steps: 2 is not above the 2 steps",
    );
    run(folder.path(), "train resume.toml --out run --resume --set train.max_steps=2");
    refused("--out other --max-minutes inf", "--max-minutes inf: wanted a number of minutes");
    refused("--out other --set train.alignment_weight=0.3", "train.alignment_weight wants data/train.align");
    let tokenizer = fs::read(path("run/tokenizer.json")).expect("a tokenizer");
    fs::write(path("run/tokenizer.json"), "{}").expect("written");
    refused("--out run --resume", "prepare the text with --tokenizer run/tokenizer.json");
    fs::write(path("run/tokenizer.json"), tokenizer).expect("written");

    let n_vocab = Dataset::read(&path("data/train.ids")).expect("prepared").n_vocab();
    let mut valid = Dataset::new(n_vocab + 1);
    valid.write(&path("data/valid.ids")).expect("written");
    refused("--out other", "data/valid.ids: no sentence pairs inside");
    valid.push(&[5], &[6]);
    valid.write(&path("data/valid.ids")).expect("written");
    refused("--out other", "train.ids and valid.ids are of different subwords");
    assert!(!path("other").exists());
    assert_eq!(fs::read_to_string(path("run/config.toml")).expect("a configuration"), config);
}

/// Twenty times: started or resumed, and killed at a moment that nobody chose.
#[test]
fn twenty_kills_do_not_change_the_weights() {
    const KILLS: u64 = 20;
    let folder = prepared();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let settings = "--set train.checkpoint_every=2 --set train.schedule=inverse-sqrt --set train.validate_every=7 \
                    --set train.ema_decay=0.9 --set train.recurrent_dropout=0.2 --set train.accumulate=2 \
                    --set train.keep_validated=2 --set train.bpe_dropout=0.1";
    let file = path("killed").join("last.safetensors");
    let step = || if file.exists() { last(&path("killed")).summary.step } else { 0 };
    let seed = u64::from(std::process::id());
    println!("the moments are drawn from seed {seed}");
    let mut moments = StdRng::seed_from_u64(seed);
    let mut steps = 0;
    for kill in 0..KILLS {
        let resume = if file.exists() { " --resume" } else { "" };
        let arguments = format!("train resume.toml --out killed {settings} --set train.max_steps=1000000{resume}");
        let mut child = traduko(folder.path(), &arguments).spawn().expect("the program starts");
        // Every other time there is another checkpoint first, however slow the machine is.
        while kill % 2 == 1 && step() == steps {
            wait(&mut child);
        }
        thread::sleep(Duration::from_millis(moments.random_range(30..300)));
        wait(&mut child);
        child.kill().expect("killed"); // SIGKILL: nothing of the program runs after it.
        child.wait().expect("ended");
        // Whatever the moment, the checkpoint is whole and not older than the one before.
        let found = step();
        assert!(found >= steps, "step {found} after step {steps}");
        steps = found;
    }
    assert!(steps >= KILLS, "only {steps} steps between {KILLS} kills");
    let steps = steps + 5;
    run(folder.path(), &format!("train resume.toml --out killed {settings} --set train.max_steps={steps} --resume"));
    run(folder.path(), &format!("train resume.toml --out whole {settings} --set train.max_steps={steps}"));
    assert_same(&last(&path("killed")), &last(&path("whole")));
    assert_eq!(log(&path("killed")), log(&path("whole")));
}

/// Weights alone, in bf16 and in several pieces or in the int8 of a package, go on from their step with about the loss they had.
#[test]
fn a_run_goes_on_from_its_weights_alone() {
    let folder = prepared();
    let path = |name: &str| folder.path().join(name);
    let settings = "--set train.schedule=constant --set train.keep_validated=3";
    run(folder.path(), &format!("train resume.toml --out first {settings} --set train.max_steps=60"));
    run(folder.path(), "weights first --out pieces");
    run(folder.path(), "export --checkpoint first --out package --source-language en --target-language fr --preview 4");
    let loss = |log: &BTreeMap<(u64, bool), serde_json::Value>, step, name| log[&(step, name == "loss")][name].as_f64();
    let first = log(&path("first"));
    let valid_loss = |log: &BTreeMap<_, _>, step| loss(log, step, "valid_loss").expect("validated then");
    // A package has the weights of the best validation.
    let best = first.iter().rev().find(|(_, line)| line["is_best"] == true).expect("one was the best").0.0;
    for (weights, step) in [("pieces", 60), ("package", best)] {
        let out = format!("after-{weights}");
        let command = format!("train resume.toml --out {out} {settings} --resume-weights {weights}");
        run(folder.path(), &format!("{command} --set train.max_steps={}", step + 5));
        let second = log(&path(&out));
        assert_eq!(second.keys().next(), Some(&(step + 1, true)), "the steps go on");
        let (fresh, before, after) = (valid_loss(&first, 5), valid_loss(&first, step), valid_loss(&second, step + 5));
        assert!(after < before + 0.1 * (fresh - before), "{fresh} at first, {before} before, {after} after");
        assert_eq!(last(&path(&out)).summary.restarted_at, step);
        assert_eq!(second[&(step + 5, false)]["is_best"], true, "the best weights before are not in this folder");
    }
    std::fs::write(path("pieces/tokenizer.json"), "{}").expect("written");
    let message = complaint(folder.path(), "train resume.toml --out third --resume-weights pieces");
    assert!(message.contains("prepare the text with --tokenizer"), "{message}");
    assert!(!path("third").exists());

    // The mean of three validations is a run like any other.
    run(folder.path(), "weights first --average 3 --out mean");
    run(folder.path(), "inspect mean");
    let mean = Checkpoint::read(&path("mean/best.safetensors")).expect("a whole checkpoint");
    assert_eq!((mean.summary.step, mean.summary.validations), (60, Vec::new()));
    let refused = traduko(folder.path(), "weights first --average 4 --out none").status().expect("the program starts");
    assert_eq!(refused.code(), Some(2));
    assert!(!path("none").exists());
    let message = complaint(folder.path(), "weights first --average 3 --out first");
    assert!(message.contains("first already holds a run; choose another --out"), "{message}");
}

/// Another network begins with the weights that fit, at its own first step.
#[test]
fn a_run_begins_with_the_weights_of_another_network() {
    let folder = prepared();
    let path = |name: &str| folder.path().join(name);
    run(folder.path(), "train resume.toml --out first --set train.max_steps=40");
    run(folder.path(), "weights first --out pieces");
    let normed = "--set model.is_layer_normalized=true --set train.max_steps=1";
    run(folder.path(), &format!("train resume.toml --out second {normed} --init-weights pieces"));
    assert_eq!(last(&path("second")).summary.step, 1);
    let find = |run: &str, name: &str| {
        let of = last(&path(run)).weights.into_iter().find(|tensor| tensor.name == name);
        of.unwrap_or_else(|| panic!("{run} has {name}")).values
    };
    let furthest = |name: &str| {
        let pairs = find("first", name).into_iter().zip(find("second", name));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    // Adam's first step is no longer than the rate, a fifth of 0.01 as it warms up; pieces are of bf16.
    for name in ["embedding.target.weight", "decoder.layers.0.recurrent.weight"] {
        let change = furthest(name);
        assert!(change > 0.0 && change < 0.01, "{name} changed by {change}");
    }
    let message = complaint(folder.path(), &format!("train resume.toml --out third {normed} --resume-weights pieces"));
    assert!(message.contains("--init-weights takes those that fit"), "{message}");
}
