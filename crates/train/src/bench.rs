//! `traduko bench`: how fast a configuration trains on this machine, on made-up sentences.

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use anyhow::ensure;
use burn::tensor::backend::AutodiffBackend;
use clap::Args;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Serialize;
use traduko_kernels::Kernels;
use traduko_model::{RandomWeights, Seq2Seq};

use crate::{
    config::TrainConfig,
    device::{Device, WithBackend},
    stdout::print,
    train::{Batch, Objective, Step, Trainer},
};

/// Ids below this are marks.
const FIRST_WORD: u32 = 4;

/// Measure how fast a configuration trains
///
/// A step is one batch of sentences of one length, without alignments: `accumulate`, `length_buckets`, `alignment_weight` and
/// `bpe_dropout` of its `[train]` are not measured.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// The experiment, a TOML file; its text is not read
    pub config: PathBuf,
    /// Override a key, such as train.batch_tokens=4096
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Subwords in the vocabulary
    #[arg(long, default_value_t = 8000, value_name = "N")]
    pub vocab: usize,
    /// Source tokens of each sentence, its end mark included
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub source_length: usize,
    /// Target tokens of each sentence, its end mark included
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub target_length: usize,
    /// Steps to measure
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub steps: u64,
    /// Steps to take before
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub warmup: u64,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    pub device: Device,
    /// One JSON object on standard output instead of a line
    #[arg(long)]
    pub json: bool,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Serialize)]
struct Speed {
    parameters: usize,
    sentences_a_step: usize,
    /// The median over the steps.
    seconds_a_step: f64,
    source_tokens_per_second: f64,
    target_tokens_per_second: f64,
    /// Loss of the last step, nats a target token.
    loss: f64,
}

/// Trains on random sentences and prints the speed.
///
/// # Errors
/// Bad configuration, or a device that is not there.
pub fn run(args: BenchArgs) -> anyhow::Result<()> {
    traduko_kernels::keep_freed_memory();
    ensure!(args.steps > 0, "--steps 0: nothing to measure, give at least 1");
    ensure!(
        args.source_length > 0 && args.target_length > 0,
        "a sentence has at least its end mark: give lengths of 1 or more"
    );
    args.device.with_training(Job(&args))
}

struct Job<'a>(&'a BenchArgs);

impl WithBackend for Job<'_> {
    type Output = anyhow::Result<()>;

    fn call<B: AutodiffBackend + Kernels>(self, device: &B::Device) -> Self::Output
    where
        B::InnerBackend: Kernels,
    {
        let args = self.0;
        let mut config = TrainConfig::read(&args.config, &args.overrides)?;
        (config.model.n_vocab, config.model.n_source_vocab) = (args.vocab, 0);
        config.model.validate()?;
        config.train.precision.choose::<B>()?;
        let settings = &config.train;
        let Ok(model) = Seq2Seq::<B>::build(&config.model, &mut RandomWeights::new(settings.seed), device);
        let parameters = burn::module::Module::<B>::num_params(&model);
        let model = model.with_dropout(settings.dropouts()).with_recomputation(settings.is_recomputed);
        let mut trainer = Trainer::new(model, BTreeMap::new(), settings.ema_decay, device);
        let objective = Objective {
            smoothing: settings.label_smoothing as f32,
            alignment_weight: 0.0,
            coverage_weight: settings.coverage_weight as f32,
            teacher_forcing_ratio: settings.teacher_forcing_ratio,
            seed: settings.seed,
        };
        let mut rng = StdRng::seed_from_u64(settings.seed);
        let sentences = (settings.batch_tokens / args.target_length).max(1);
        let mut seconds = Vec::new();
        let mut loss = 0.0;
        for index in 1..=args.warmup + args.steps {
            let mut side = |length: usize| -> Vec<Vec<u32>> {
                let sentence = |_| (1..length).map(|_| rng.random_range(FIRST_WORD..args.vocab as u32)).collect();
                (0..sentences).map(sentence).collect()
            };
            let (sources, targets) = (side(args.source_length), side(args.target_length));
            let batch = Batch { sources, targets, ..Batch::default() };
            let started = Instant::now();
            let step = Step::new(settings, settings.learning_rate, index);
            let (sums, _) = trainer.step(&[batch], objective, step, device)?;
            loss = sums.plain / sums.tokens as f64;
            if index > args.warmup {
                seconds.push(started.elapsed().as_secs_f64());
            }
        }
        seconds.sort_by(f64::total_cmp);
        let seconds_a_step = seconds[seconds.len() / 2];
        let speed = Speed {
            parameters,
            sentences_a_step: sentences,
            seconds_a_step,
            source_tokens_per_second: (sentences * args.source_length) as f64 / seconds_a_step,
            target_tokens_per_second: (sentences * args.target_length) as f64 / seconds_a_step,
            loss,
        };
        let text = if args.json {
            serde_json::to_string(&speed)?
        } else {
            format!(
                "{parameters} parameters, {sentences} sentences a step: {:.0} ms a step, {:.0} source and {:.0} target tokens a second",
                seconds_a_step * 1e3,
                speed.source_tokens_per_second,
                speed.target_tokens_per_second
            )
        };
        print(&(text + "\n"))
    }
}
