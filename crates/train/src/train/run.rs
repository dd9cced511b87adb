//! `traduko train`: the loop.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use burn::{module::AutodiffModule, tensor::backend::AutodiffBackend};
use clap::Args;
use traduko_kernels::{AdamStep, Kernels};
use traduko_model::{ModelConfig, RandomWeights, Seq2Seq};

use super::{
    checkpoint::{BEST, CONFIG, Checkpoint, LAST, TrainSummary},
    log::{StepLine, ValidationLine},
    optimizer::Optimizer,
    progress::Progress,
    translation_score::ValidationText,
};
use crate::{
    atomic::write_atomically,
    config::{TrainConfig, ValidationMetric},
    dataset::Dataset,
    device::{Device, WithBackend},
};

/// Train a network.
#[derive(Args, Debug)]
pub struct TrainArgs {
    /// The experiment, a TOML file
    pub config: PathBuf,
    /// Folder for checkpoints and the log
    #[arg(long)]
    pub out: PathBuf,
    /// Override a key, such as train.batch_tokens=4096
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Go on from the last checkpoint in the folder
    #[arg(long)]
    pub resume: bool,
    /// Save and stop after this many minutes
    #[arg(long, value_name = "M")]
    pub max_minutes: Option<f64>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    pub device: Device,
}

/// Trains until the steps or the minutes are over, or until Ctrl-C; saves at the end in any case.
///
/// # Errors
/// Bad configuration or data, or a disk that refuses.
pub fn run(args: TrainArgs) -> anyhow::Result<()> {
    args.device.with_training(Job(&args))
}

struct Job<'a>(&'a TrainArgs);

impl WithBackend for Job<'_> {
    type Output = anyhow::Result<()>;

    fn call<B: AutodiffBackend + Kernels>(self, device: &B::Device) -> Self::Output
    where
        B::InnerBackend: Kernels,
    {
        train::<B>(self.0, device)
    }
}

fn stop_on_ctrl_c() -> anyhow::Result<Arc<AtomicBool>> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_stopped);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("saving after this step; press Ctrl-C again to quit at once");
    })
    .context("listening for Ctrl-C")?;
    Ok(is_stopped)
}

/// Opens or begins the run's folder; gives the configuration, complete, and the checkpoint to go on from.
fn open(
    args: &TrainArgs,
    n_vocab: impl Fn(&TrainConfig) -> anyhow::Result<usize>,
) -> anyhow::Result<(TrainConfig, Option<Checkpoint>)> {
    let mut config = TrainConfig::read(&args.config, &args.overrides)?;
    config.model.n_vocab = n_vocab(&config)?;
    let last = args.out.join(LAST);
    if args.resume {
        let before = TrainConfig::read(&args.out.join(CONFIG), &[])?;
        if before.model != config.model {
            bail!("{}: the run there was of another network; choose another --out", args.out.display());
        }
        let checkpoint = Checkpoint::read(&last)?;
        write_in(&args.out, CONFIG, config.to_toml()?.as_bytes())?;
        return Ok((config, Some(checkpoint)));
    }
    if last.exists() {
        bail!("{} already holds a run; go on with --resume or choose another --out", args.out.display());
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("making {}", args.out.display()))?;
    let tokenizer = config.data.dir.join("tokenizer.json");
    let data = std::fs::read(&tokenizer).with_context(|| format!("reading {}", tokenizer.display()))?;
    write_in(&args.out, "tokenizer.json", &data)?;
    write_in(&args.out, CONFIG, config.to_toml()?.as_bytes())?;
    Ok((config, None))
}

fn write_in(folder: &Path, name: &str, data: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(name);
    write_atomically(&path, data).with_context(|| format!("writing {}", path.display()))
}

fn read_dataset(config: &TrainConfig, name: &str) -> anyhow::Result<Dataset> {
    if config.data.dir.as_os_str().is_empty() {
        bail!("data.dir is not set; give the folder that `traduko prepare` wrote");
    }
    let path = config.data.dir.join(name);
    let dataset =
        Dataset::read(&path).with_context(|| format!("reading {}; run `traduko prepare` first", path.display()))?;
    if dataset.is_empty() {
        bail!("{}: no sentence pairs inside; prepare the text again", path.display());
    }
    Ok(dataset)
}

fn build<B: Kernels>(
    model: &ModelConfig,
    checkpoint: Option<&Checkpoint>,
    seed: u64,
    device: &B::Device,
) -> anyhow::Result<Seq2Seq<B>> {
    match checkpoint {
        Some(checkpoint) => Ok(Seq2Seq::build(model, &mut checkpoint.stored_weights(), device)?),
        None => match Seq2Seq::build(model, &mut RandomWeights::new(seed), device) {
            Ok(network) => Ok(network),
            Err(never) => match never {},
        },
    }
}

/// Sums since the last line of the log.
#[derive(Default)]
struct Window {
    smoothed: f64,
    plain: f64,
    tokens: u64,
    seconds: f64,
}

fn train<B: AutodiffBackend + Kernels>(args: &TrainArgs, device: &B::Device) -> anyhow::Result<()>
where
    B::InnerBackend: Kernels,
{
    let (config, checkpoint) = open(args, |config| Ok(read_dataset(config, "train.ids")?.n_vocab()))?;
    let train = read_dataset(&config, "train.ids")?;
    let settings = &config.train;
    let valid = ValidationText::new(read_dataset(&config, "valid.ids")?, &args.out, settings, args.device)?;
    let mut model: Seq2Seq<B> = build(&config.model, checkpoint.as_ref(), settings.seed, device)?;
    model = model.with_dropout(settings.dropout);
    let mut optimizer = match &checkpoint {
        Some(checkpoint) => Optimizer::restore(&model, checkpoint.moments_by_name(), device),
        None => Optimizer::new(),
    };
    let mut summary = checkpoint.map_or_else(TrainSummary::new, |checkpoint| checkpoint.summary);
    let mut progress = Progress::new(&args.out, summary.step, settings.max_steps)?;
    progress.line(&format!(
        "{} pairs, {} parameters, from step {}",
        train.len(),
        burn::module::Module::<B>::num_params(&model),
        summary.step
    ));

    let is_stopped = stop_on_ctrl_c()?;
    let begun = Instant::now();
    let seconds_before = summary.seconds;
    let deadline = args.max_minutes.map(|minutes| Duration::from_secs_f64(minutes.max(0.0) * 60.0));
    let mut window = Window::default();
    let mut batches = train.batches(settings.batch_tokens, settings.seed, summary.epoch);
    let is_over = |step: u64| {
        step >= settings.max_steps
            || is_stopped.load(Ordering::SeqCst)
            || deadline.is_some_and(|d| begun.elapsed() >= d)
    };
    while !is_over(summary.step) && !summary.schedule.is_exhausted(settings) {
        if summary.batch >= batches.len() {
            (summary.epoch, summary.batch) = (summary.epoch + 1, 0);
            batches = train.batches(settings.batch_tokens, settings.seed, summary.epoch);
        }
        let started = Instant::now();
        let (sources, targets) = gather(&train, &batches[summary.batch]);
        let tokens: usize = targets.iter().map(|target| target.len() + 1).sum();
        summary.step += 1;
        // Dropout depends on the step alone, so a resumed run draws what an uninterrupted one would have drawn.
        B::seed(device, settings.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ summary.step);
        let loss = model.loss(&sources, &targets, settings.label_smoothing as f32, device);
        let sums: Vec<f32> = loss.clone().inner().into_data().convert::<f32>().into_vec().expect("converted to f32");
        if !sums[0].is_finite() {
            bail!("step {}: the loss is {}; lower train.learning_rate and resume", summary.step, sums[0]);
        }
        let gradients = loss.narrow(0, 0, 1).backward();
        let learning_rate = summary.schedule.learning_rate(settings, summary.step);
        let step = AdamStep {
            learning_rate: learning_rate as f32,
            beta_1: settings.beta_1 as f32,
            beta_2: settings.beta_2 as f32,
            epsilon: settings.epsilon as f32,
            weight_decay: settings.weight_decay as f32,
            gradient_scale: 1.0 / tokens as f32,
            step: summary.step,
        };
        let (next, gradient_norm) = optimizer.step(model, gradients, step, settings.clip_norm);
        model = next;
        summary.batch += 1;
        summary.target_tokens += tokens as u64;
        summary.seconds = seconds_before + begun.elapsed().as_secs_f64();
        window.smoothed += f64::from(sums[0]);
        window.plain += f64::from(sums[1]);
        window.tokens += tokens as u64;
        window.seconds += started.elapsed().as_secs_f64();
        progress.step(summary.step);
        if summary.step.is_multiple_of(settings.log_every) {
            let window = std::mem::take(&mut window);
            let tokens = window.tokens as f64;
            progress.trained(StepLine {
                step: summary.step,
                loss: window.smoothed / tokens,
                perplexity: (window.plain / tokens).exp(),
                learning_rate,
                gradient_norm,
                tokens_per_second: tokens / window.seconds,
            })?;
        }
        if summary.step.is_multiple_of(settings.validate_every) || is_over(summary.step) {
            validate(&model, &valid, &config, &mut summary, &mut progress, &args.out, device)?;
        }
        let is_last = is_over(summary.step) || summary.schedule.is_exhausted(settings);
        if summary.step.is_multiple_of(settings.checkpoint_every) || is_last {
            save(&model, &optimizer, &summary, &args.out)?;
        }
    }
    if summary.schedule.is_exhausted(settings) {
        let patience = settings.early_stopping_patience;
        progress.line(&format!(
            "stopped: {patience} validations did not improve; raise train.early_stopping_patience to go on"
        ));
    }
    progress.finish(begun.elapsed());
    Ok(())
}

/// The sentences of a batch, source and target.
fn gather(dataset: &Dataset, batch: &[usize]) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
    batch.iter().map(|&index| (dataset.source(index).to_vec(), dataset.target(index).to_vec())).unzip()
}

fn save<B: AutodiffBackend + Kernels>(
    model: &Seq2Seq<B>,
    optimizer: &Optimizer<B>,
    summary: &TrainSummary,
    out: &Path,
) -> anyhow::Result<()>
where
    B::InnerBackend: Kernels,
{
    let checkpoint = Checkpoint { summary: summary.clone(), weights: model.weights(), moments: optimizer.named(model) };
    checkpoint.write(&out.join(LAST))
}

/// Plain loss over the validation text and scores of translations where wanted; the best weights so far are kept.
fn validate<B: AutodiffBackend + Kernels>(
    model: &Seq2Seq<B>,
    valid: &ValidationText,
    config: &TrainConfig,
    summary: &mut TrainSummary,
    progress: &mut Progress,
    out: &Path,
    device: &B::Device,
) -> anyhow::Result<()>
where
    B::InnerBackend: Kernels,
{
    let network = model.valid();
    let (mut sum, mut tokens) = (0.0, 0usize);
    for batch in valid.pairs.batches(config.train.batch_tokens, 0, 0) {
        let (sources, targets) = gather(&valid.pairs, &batch);
        let sums: Vec<f32> = network
            .loss(&sources, &targets, 0.0, device)
            .into_data()
            .convert::<f32>()
            .into_vec()
            .expect("converted to f32");
        sum += f64::from(sums[1]);
        tokens += targets.iter().map(|target| target.len() + 1).sum::<usize>();
    }
    let loss = sum / tokens as f64;
    let scores = valid.translation_scores(&network, device)?;
    let judged = match (config.train.early_stopping_metric, scores) {
        (ValidationMetric::Bleu, Some(scores)) => scores.bleu,
        (ValidationMetric::Chrf, Some(scores)) => scores.chrf,
        _ => loss,
    };
    let is_best = summary.schedule.validated(&config.train, judged);
    summary.validations.push((summary.step, loss));
    progress.validated(ValidationLine {
        step: summary.step,
        valid_loss: loss,
        valid_perplexity: loss.exp(),
        valid_bleu: scores.map(|scores| scores.bleu),
        valid_chrf: scores.map(|scores| scores.chrf),
        is_best,
    })?;
    if is_best {
        let best = Checkpoint { summary: summary.clone(), weights: model.weights(), moments: Vec::new() };
        best.write(&out.join(BEST))?;
    }
    Ok(())
}
