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

use anyhow::{Context, ensure};
use burn::tensor::backend::AutodiffBackend;
use clap::Args;
use traduko_kernels::Kernels;
use traduko_model::{InitialWeights, ModelConfig, NamedTensor, RandomWeights, Seq2Seq};
use traduko_package::{SOURCE_TOKENIZER_FILE, TOKENIZER_FILE};

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
    dataset::Dataset,
    device::{Device, WithBackend},
    tokenizers::TokenizerFiles,
    weights::{GivenWeights, remove_files, validated_name, validated_paths},
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

/// Trains until the steps or the minutes are over, or until Ctrl-C, and saves then; a run with no step left is left as it is.
///
/// # Errors
/// Bad configuration or data, a loss or a gradient that is not finite, or a disk that refuses.
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

impl Start {
    /// What `args` ask for, for text in the subwords of `tokenizers`. Writes nothing.
    fn read(args: &TrainArgs, config: &TrainConfig, tokenizers: &TokenizerFiles) -> anyhow::Result<Self> {
        let last = args.out.join(LAST);
        let check_subwords = |folder: &Path, wanted: &TokenizerFiles| -> anyhow::Result<()> {
            let path = |name: &str| folder.join(name).display().to_string();
            let source = wanted.source.as_ref().map(|_| format!(" --source-tokenizer {}", path(SOURCE_TOKENIZER_FILE)));
            ensure!(
                wanted == tokenizers,
                "{}: these weights want the subwords beside them; prepare the text with --tokenizer {}{}",
                folder.display(),
                path(TOKENIZER_FILE),
                source.unwrap_or_default()
            );
            Ok(())
        };
        if args.resume {
            let before = TrainConfig::read(&args.out.join(CONFIG), &[])?;
            check_subwords(&args.out, &TokenizerFiles::read(&args.out)?)?;
            ensure!(
                before.model == config.model,
                "{}: the run there was of another network; choose another --out",
                args.out.display()
            );
            return Ok(Self::From(Checkpoint::read(&last)?));
        }
        ensure!(
            !last.exists(),
            "{} already holds a run; go on with --resume or choose another --out",
            args.out.display()
        );
        let Some(folder) = args.resume_weights.as_ref().or(args.init_weights.as_ref()) else {
            return Ok(Self::Fresh);
        };
        let given = GivenWeights::read(folder)?;
        check_subwords(folder, &given.tokenizers)?;
        if args.resume_weights.is_none() {
            return Ok(Self::Initial(folder.clone(), given.checkpoint.weights));
        }
        ensure!(
            given.model == config.model,
            "{}: the weights there are of another network; --init-weights takes those that fit",
            folder.display()
        );
        Ok(Self::From(given.checkpoint))
    }
}

/// Makes the run's folder, or brings it up to date where the run goes on after `step`.
fn open(out: &Path, config: &TrainConfig, tokenizers: &TokenizerFiles, step: u64) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    tokenizers.write(out)?;
    let path = out.join(CONFIG);
    write_atomically(&path, config.to_toml()?.as_bytes()).with_context(|| format!("writing {}", path.display()))?;
    // What a killed run kept after its last checkpoint may not come again: the settings may be others now.
    let kept = validated_paths(out)?;
    let newest = out.join(validated_name(step));
    remove_files(&kept[kept.partition_point(|path| *path <= newest)..])
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
    let duration = |minutes: f64| {
        let duration = Duration::try_from_secs_f64(minutes * 60.0);
        duration.with_context(|| format!("--max-minutes {minutes}: wanted a number of minutes, 0 or more"))
    };
    let deadline = args.max_minutes.map(duration).transpose()?;
    let mut config = TrainConfig::read(&args.config, &args.overrides)?;
    config.train.precision.choose::<B>()?;
    let (train, valid) = (read_dataset(&config, "train.ids")?, read_dataset(&config, "valid.ids")?);
    let n_vocab = |text: &Dataset| (text.n_vocab(), text.n_source_vocab());
    let folder = config.data.dir.display().to_string();
    ensure!(
        n_vocab(&valid) == n_vocab(&train),
        "{folder}: train.ids and valid.ids are of different subwords; prepare the text again"
    );
    (config.model.n_vocab, config.model.n_source_vocab) = n_vocab(&train);
    config.model.validate()?;
    let tokenizers = TokenizerFiles::read(&config.data.dir)?;
    let vocabulary = tokenizers.vocabulary().context(folder)?;
    let start = Start::read(args, &config, &tokenizers)?;
    let settings = &config.train;
    let mut summary = match &start {
        Start::From(checkpoint) => checkpoint.summary.clone(),
        Start::Fresh | Start::Initial(..) => TrainSummary::new(),
    };
    if summary.step >= settings.max_steps {
        let (step, max_steps) = (summary.step, settings.max_steps);
        let about = format!("train.max_steps: {max_steps} is not above the {step} steps that are done; raise it");
        ensure!(args.resume, "{about}");
        eprintln!("{about} to go on");
        return Ok(());
    }
    let mut feed = Feed::new(&train, &config, &vocabulary, summary.epoch)?;
    let valid = ValidationText::new(valid, &vocabulary, settings, args.device)?;
    let (model, about) = build::<B>(&config.model, &start, settings.seed, device)?;
    let state = match start {
        Start::From(checkpoint) => checkpoint.moments_by_name(),
        Start::Fresh | Start::Initial(..) => BTreeMap::new(),
    };
    // Only now, so that what is refused leaves nothing behind.
    open(&args.out, &config, &tokenizers, summary.step)?;
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
    let mut window = Window::default();
    let mut is_over = summary.schedule.is_exhausted(settings);
    while !is_over {
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
        let is_last = summary.step >= settings.max_steps;
        let is_due = summary.step.is_multiple_of(settings.validate_every) || is_last;
        if is_due {
            let network = trainer.validated();
            validate::<B>(&network, &valid, &config, &mut summary, &mut progress, &args.out, device)?;
            if settings.keep_validated > 0 {
                keep(&network, &summary, settings.keep_validated, &args.out)?;
            }
        }
        let is_stopping = is_stopped.load(Ordering::SeqCst) || deadline.is_some_and(|d| begun.elapsed() >= d);
        is_over = is_last || is_stopping || summary.schedule.is_exhausted(settings);
        if summary.step.is_multiple_of(settings.checkpoint_every) || is_over {
            let weights = trainer.model().weights();
            let checkpoint = Checkpoint { summary: summary.clone(), weights, moments: trainer.state() };
            checkpoint.write(&args.out.join(LAST))?;
        }
        if is_stopping && !is_due {
            is_stopped.store(true, Ordering::SeqCst); // Where time is up, too, the next Ctrl-C quits.
            progress.line(&format!("step {}  saved; Ctrl-C leaves out its validation", summary.step));
            // Counted in a copy, so that the run goes on as if it had not been stopped.
            let mut copy = summary.clone();
            validate::<B>(&trainer.validated(), &valid, &config, &mut copy, &mut progress, &args.out, device)?;
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

/// Plain loss over the validation text and scores of translations where wanted; the weights are kept where they are the best
/// that `summary` knows of. What a stop finds is not among those: weights better than that take its place.
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
    ensure!(
        loss.is_finite(),
        "step {}: the validation loss is {loss}; lower train.learning_rate and resume",
        summary.step
    );
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
    if is_best {
        let best = Checkpoint { summary: summary.clone(), weights: network.weights(), moments: Vec::new() };
        best.write(&out.join(BEST))?;
    }
    Ok(())
}

/// Keeps the weights of this validation, and no more than `most` in all.
fn keep<B: Kernels>(network: &Seq2Seq<B>, summary: &TrainSummary, most: usize, out: &Path) -> anyhow::Result<()> {
    let kept = Checkpoint { summary: summary.clone(), weights: network.weights(), moments: Vec::new() };
    kept.write(&out.join(validated_name(summary.step)))?;
    let paths = validated_paths(out)?;
    remove_files(&paths[..paths.len().saturating_sub(most)])
}
