//! `traduko train`: the loop.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use burn::tensor::backend::AutodiffBackend;
use clap::Args;
use traduko_kernels::Kernels;
use traduko_model::{InitialWeights, ModelConfig, NamedTensor, RandomWeights, Seq2Seq};

use super::{
    checkpoint::{BEST, CONFIG, Checkpoint, LAST, TrainSummary},
    feed::{Feed, gather, read_dataset},
    log::{StepLine, ValidationLine},
    optimizer::Step,
    progress::Progress,
    teacher_forcing,
    trainer::{Batch, Objective, Sums, Trainer},
    translation_score::ValidationText,
};
use crate::{
    atomic::write_atomically,
    config::{TrainConfig, ValidationMetric},
    device::{Device, WithBackend},
    tokenizers::TokenizerFiles,
    weights::{GivenWeights, validated_name, validated_paths},
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
    /// Begin with the weights of this folder, a package or what `traduko weights` wrote, and go on from their step
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub resume_weights: Option<PathBuf>,
    /// Begin at the first step with the weights of this folder, a package or what `traduko weights` wrote, wherever
    /// name and shape are the same in this network, and with random ones elsewhere
    #[arg(long, value_name = "DIR", conflicts_with_all = ["resume", "resume_weights"])]
    pub init_weights: Option<PathBuf>,
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
    traduko_kernels::keep_freed_memory();
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

/// What the network begins with.
enum Start {
    /// Random weights.
    Fresh,
    /// These where they fit, out of this folder.
    Initial(PathBuf, Vec<NamedTensor>),
    /// All that is in here.
    From(Checkpoint),
}

/// Opens or begins the run's folder.
fn open(args: &TrainArgs, config: &TrainConfig) -> anyhow::Result<Start> {
    let last = args.out.join(LAST);
    if args.resume {
        let before = TrainConfig::read(&args.out.join(CONFIG), &[])?;
        if before.model != config.model {
            bail!("{}: the run there was of another network; choose another --out", args.out.display());
        }
        let checkpoint = Checkpoint::read(&last)?;
        write_in(&args.out, CONFIG, config.to_toml()?.as_bytes())?;
        return Ok(Start::From(checkpoint));
    }
    if last.exists() {
        bail!("{} already holds a run; go on with --resume or choose another --out", args.out.display());
    }
    let tokenizers = TokenizerFiles::read(&config.data.dir)?;
    let start = match args.resume_weights.as_ref().or(args.init_weights.as_ref()) {
        None => Start::Fresh,
        Some(folder) => {
            let given = GivenWeights::read(folder)?;
            if given.tokenizers != tokenizers {
                bail!(
                    "{}: these weights want the subwords beside them; prepare the text with --tokenizer {}",
                    folder.display(),
                    folder.join("tokenizer.json").display()
                );
            }
            if args.resume_weights.is_none() {
                Start::Initial(folder.clone(), given.checkpoint.weights)
            } else if given.model == config.model {
                Start::From(given.checkpoint)
            } else {
                bail!(
                    "{}: the weights there are of another network; --init-weights takes those that fit",
                    folder.display()
                );
            }
        }
    };
    std::fs::create_dir_all(&args.out).with_context(|| format!("making {}", args.out.display()))?;
    tokenizers.write(&args.out)?;
    write_in(&args.out, CONFIG, config.to_toml()?.as_bytes())?;
    Ok(start)
}

fn write_in(folder: &Path, name: &str, data: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(name);
    write_atomically(&path, data).with_context(|| format!("writing {}", path.display()))
}

/// The network, and a line about what it begins with where that needs one.
fn build<B: Kernels>(
    model: &ModelConfig,
    start: &Start,
    seed: u64,
    device: &B::Device,
) -> anyhow::Result<(Seq2Seq<B>, Option<String>)> {
    let mut random = RandomWeights::new(seed);
    let (folder, given) = match start {
        Start::Fresh => {
            let Ok(network) = Seq2Seq::build(model, &mut random, device);
            return Ok((network, None));
        }
        Start::From(checkpoint) => {
            return Ok((Seq2Seq::build(model, &mut checkpoint.stored_weights(), device)?, None));
        }
        Start::Initial(folder, given) => (folder, given),
    };
    let mut source = InitialWeights::new(given.iter().cloned(), random);
    let Ok(network) = Seq2Seq::build(model, &mut source, device);
    let (fitting, all) = source.fitting();
    ensure!(fitting > 0, "{}: none of the weights there is of a shape that this network has", folder.display());
    Ok((network, Some(format!("{fitting} of {all} weights begin as in {}, the others at random", folder.display()))))
}

/// Sums since the last line of the log.
#[derive(Default)]
struct Window {
    sums: Sums,
    seconds: f64,
}

fn train<B: AutodiffBackend + Kernels>(args: &TrainArgs, device: &B::Device) -> anyhow::Result<()>
where
    B::InnerBackend: Kernels,
{
    let mut config = TrainConfig::read(&args.config, &args.overrides)?;
    config.train.precision.choose::<B>()?;
    // Both are read before the run's folder is made, so that nothing is left where one is missing.
    let (train, valid) = (read_dataset(&config, "train.ids")?, read_dataset(&config, "valid.ids")?);
    (config.model.n_vocab, config.model.n_source_vocab) = (train.n_vocab(), train.n_source_vocab());
    config.model.validate()?;
    let start = open(args, &config)?;
    let settings = &config.train;
    let valid = ValidationText::new(valid, &args.out, settings, args.device)?;
    let (model, about) = build::<B>(&config.model, &start, settings.seed, device)?;
    let (mut summary, state) = match start {
        Start::From(checkpoint) => (checkpoint.summary.clone(), checkpoint.moments_by_name()),
        Start::Fresh | Start::Initial(..) => (TrainSummary::new(), BTreeMap::new()),
    };
    let mut progress = Progress::new(&args.out, summary.step, settings.max_steps)?;
    if let Some(about) = about {
        progress.line(&about);
    }
    progress.line(&format!(
        "{} pairs, {} parameters, from step {}",
        train.len(),
        burn::module::Module::<B>::num_params(&model),
        summary.step
    ));
    let mut trainer = Trainer::new(
        model.with_dropout(settings.dropouts()).with_recomputation(settings.is_recomputed),
        state,
        settings.ema_decay,
        device,
    );
    let is_stopped = stop_on_ctrl_c()?;
    let begun = Instant::now();
    let seconds_before = summary.seconds;
    let deadline = args.max_minutes.map(|minutes| Duration::from_secs_f64(minutes.max(0.0) * 60.0));
    let mut window = Window::default();
    let mut feed = Feed::new(&train, &config, summary.epoch)?;
    let is_over = |step: u64| {
        step >= settings.max_steps
            || is_stopped.load(Ordering::SeqCst)
            || deadline.is_some_and(|d| begun.elapsed() >= d)
    };
    while !is_over(summary.step) && !summary.schedule.is_exhausted(settings) {
        let started = Instant::now();
        let batches: Vec<Batch> = (0..settings.accumulate).map(|_| feed.next(&mut summary)).collect();
        summary.step += 1;
        // Dropout depends on the step alone, so a resumed run draws what an uninterrupted one would have drawn.
        let seed = settings.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ summary.step;
        B::seed(device, seed);
        let objective = Objective {
            smoothing: settings.label_smoothing as f32,
            alignment_weight: settings.alignment_weight as f32,
            coverage_weight: settings.coverage_weight as f32,
            teacher_forcing_ratio: teacher_forcing::ratio(settings, summary.step),
            seed,
        };
        let learning_rate = summary.schedule.learning_rate(settings, summary.step, summary.restarted_at);
        let step = Step::new(settings, learning_rate, summary.step - summary.restarted_at);
        let (sums, gradient_norm) = trainer
            .step(&batches, objective, step, device)
            .with_context(|| format!("step {}; lower train.learning_rate and resume", summary.step))?;
        summary.target_tokens += sums.tokens as u64;
        summary.seconds = seconds_before + begun.elapsed().as_secs_f64();
        window.sums += sums;
        window.seconds += started.elapsed().as_secs_f64();
        progress.step(summary.step);
        if summary.step.is_multiple_of(settings.log_every) {
            let Window { sums, seconds } = std::mem::take(&mut window);
            let tokens = sums.tokens as f64;
            progress.trained(StepLine {
                step: summary.step,
                loss: sums.smoothed / tokens,
                perplexity: (sums.plain / tokens).exp(),
                alignment_loss: (settings.alignment_weight > 0.0).then_some(sums.alignment / tokens),
                coverage_loss: (settings.coverage_weight > 0.0).then_some(sums.coverage / tokens),
                learning_rate,
                gradient_norm,
                tokens_per_second: tokens / seconds,
            })?;
        }
        if summary.step.is_multiple_of(settings.validate_every) || is_over(summary.step) {
            validate::<B>(&trainer.validated(), &valid, &config, &mut summary, &mut progress, &args.out, device)?;
        }
        let is_last = is_over(summary.step) || summary.schedule.is_exhausted(settings);
        if summary.step.is_multiple_of(settings.checkpoint_every) || is_last {
            let weights = trainer.model().weights();
            let checkpoint = Checkpoint { summary: summary.clone(), weights, moments: trainer.state() };
            checkpoint.write(&args.out.join(LAST))?;
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

/// Plain loss over the validation text and scores of translations where wanted; the best weights so far are kept.
fn validate<B: AutodiffBackend + Kernels>(
    network: &Seq2Seq<B::InnerBackend>,
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
    let (mut sum, mut tokens) = (0.0, 0usize);
    for batch in valid.pairs.batches(config.train.batch_tokens, 0, 0) {
        let batch = gather(&valid.pairs, &batch);
        let sums: Vec<f32> = network
            .loss(&batch.pairs(), 0.0, device)
            .cross_entropy
            .into_data()
            .convert::<f32>()
            .into_vec()
            .expect("converted to f32");
        sum += f64::from(sums[1]);
        tokens += batch.target_tokens();
    }
    let loss = sum / tokens as f64;
    let scores = valid.translation_scores(network, device)?;
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
    if config.train.keep_validated > 0 {
        let kept = Checkpoint { summary: summary.clone(), weights: network.weights(), moments: Vec::new() };
        kept.write(&out.join(validated_name(summary.step)))?;
        let paths = validated_paths(out)?;
        for path in &paths[..paths.len().saturating_sub(config.train.keep_validated)] {
            std::fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    if is_best {
        let best = Checkpoint { summary: summary.clone(), weights: network.weights(), moments: Vec::new() };
        best.write(&out.join(BEST))?;
    }
    Ok(())
}
