//! The program, and a training run for it to work on.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use traduko_model::{ModelConfig, RandomWeights, Seq2Seq};
use traduko_train::config::TrainConfig;
use traduko_train::device::Cpu;
use traduko_train::toy;
use traduko_train::train::{Checkpoint, TrainSummary};

/// A temporary folder with a training run in `run` and its package in `package`.
pub struct Workplace {
    dir: TempDir,
}

/// What a program left behind.
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Workplace {
    /// Writes the run, weights drawn at random and larger than training starts with, and packages it.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let run = dir.path().join("run");
        std::fs::create_dir(&run).expect("a folder in it");
        let sentences = toy::pairs(300, 1).into_iter().flat_map(|(source, target)| [source, target]);
        let tokenizer = traduko_text::train(sentences, traduko_text::MIN_VOCAB + 100).expect("enough toy text");
        let model = ModelConfig {
            n_vocab: tokenizer.n_vocab(),
            d_embedding: 16,
            d_encoder: 12,
            n_encoder_layers: 1,
            d_decoder: 16,
            n_decoder_layers: 1,
            d_attention: 12,
            ..ModelConfig::default()
        };
        let Ok(network) = Seq2Seq::<Cpu>::build(&model, &mut RandomWeights::new(3), &Default::default());
        let mut weights = network.weights();
        weights.iter_mut().flat_map(|tensor| &mut tensor.values).for_each(|value| *value *= 3.0);
        let summary =
            TrainSummary { step: 40, target_tokens: 1234, validations: vec![(40, 5.5)], ..TrainSummary::new() };
        let checkpoint = Checkpoint { summary, weights, moments: Vec::new() };
        checkpoint.write(&run.join("last.safetensors")).expect("a writable folder");
        let mut config = TrainConfig { model, ..TrainConfig::default() };
        config.data.dir = "secret/place".into();
        std::fs::write(run.join("config.toml"), config.to_toml().expect("plain")).expect("a writable folder");
        std::fs::write(run.join("tokenizer.json"), tokenizer.to_json().expect("plain")).expect("a writable folder");
        let workplace = Self { dir };
        let outcome = workplace.export("run", "package");
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        workplace
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file of these lines.
    pub fn write(&self, name: &str, lines: &[&str]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(self.path(name), text).expect("a writable folder");
    }

    /// The program in this folder, not yet started.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_traduko"));
        command.args(args).current_dir(self.dir.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Outcome {
        self.run_on(args, b"")
    }

    /// Runs the program to its end with `input` as its standard input.
    pub fn run_on(&self, args: &[&str], input: &[u8]) -> Outcome {
        let mut child = self.command(args).spawn().expect("the program was built");
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_vec();
        // A program that stops early closes the pipe; what it says about that is what counts.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("writing does not panic");
        output.into()
    }

    /// `traduko export` from one folder to another.
    pub fn export(&self, from: &str, to: &str) -> Outcome {
        self.run(&["export", "--checkpoint", from, "--out", to, "--source-language", "en", "--target-language", "fr"])
    }
}

/// Asserts that the program could not run and says why, in one line that holds all `parts`.
#[track_caller]
pub fn assert_fails(outcome: &Outcome, parts: &[&str]) {
    assert_eq!(outcome.code, Some(2), "{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.stdout, "");
    for part in parts {
        assert!(outcome.stderr.contains(part), "`{part}` is not in: {}", outcome.stderr);
    }
}

/// Copies a folder of plain files.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("readable");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a plain file");
    }
}
