//! Translating on the cores of this machine: which model a folder holds, and how batches are spread.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, bail};
use traduko_model::{ModelConfig, NamedTensor, Seq2Seq, StoredWeights};
use traduko_package::{MANIFEST_FILE, Package, TOKENIZER_FILE};
use traduko_text::SubwordTokenizer;
use traduko_translator::{FinishedBatch, Progress, TranslateOptions, Translation, Translator};

use crate::device::Cpu;
use crate::train::{TrainSummary, load_model_weights};

/// What a folder must hold to be a training run.
pub const RUN_CONFIG_FILE: &str = "config.toml";

/// What a folder given as `--model` can hold.
#[derive(Debug)]
pub enum ModelFolder {
    /// A package, its weights int8.
    Package(Package),
    /// A training run, its weights floats.
    Run {
        /// What the network is.
        config: ModelConfig,
        /// Its weights.
        weights: Vec<NamedTensor>,
        /// Where training stood.
        summary: TrainSummary,
        /// The bytes of its tokenizer.
        tokenizer_json: Vec<u8>,
    },
}

impl ModelFolder {
    /// Reads a package, known by its manifest, or else a run, known by its configuration.
    ///
    /// # Errors
    /// Where the folder holds neither, or a damaged one.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        if dir.join(MANIFEST_FILE).exists() {
            return Ok(Self::Package(Package::read_dir(dir).with_context(|| format!("package {}", dir.display()))?));
        }
        if !dir.join(RUN_CONFIG_FILE).exists() {
            bail!(
                "{}: no model here (expected {MANIFEST_FILE} of a package or {} of a training run)",
                dir.display(),
                RUN_CONFIG_FILE
            );
        }
        let (config, weights, summary) = load_model_weights(dir)?;
        let tokenizer = dir.join(TOKENIZER_FILE);
        let tokenizer_json = std::fs::read(&tokenizer).with_context(|| format!("reading {}", tokenizer.display()))?;
        Ok(Self::Run { config, weights, summary, tokenizer_json })
    }

    /// Builds the network, int8 or float as the folder has it.
    ///
    /// # Errors
    /// Where weights, configuration and tokenizer do not belong together.
    pub fn into_translator(self) -> anyhow::Result<Translator<Cpu>> {
        let device = Default::default();
        match self {
            Self::Package(package) => Ok(Translator::from_package(&package, &device)?),
            Self::Run { config, weights, tokenizer_json, .. } => {
                let mut source = StoredWeights::new(weights);
                let model = Seq2Seq::build(&config, &mut source, &device)?;
                if let Some(name) = source.left_over().next() {
                    bail!("weight {name} is not part of the network that the configuration describes");
                }
                Ok(Translator::new(model, SubwordTokenizer::from_json(&tokenizer_json)?, &config, &device)?)
            }
        }
    }
}

/// Opens the model in `dir`, package or run, ready to translate.
///
/// # Errors
/// Where there is none, or a damaged one.
pub fn open_translator(dir: &Path) -> anyhow::Result<Translator<Cpu>> {
    ModelFolder::open(dir)?.into_translator().with_context(|| format!("model {}", dir.display()))
}

/// As many threads as the machine has cores, unless told.
pub fn n_threads(wanted: Option<usize>) -> anyhow::Result<usize> {
    match wanted {
        Some(0) => bail!("--threads 0: found 0, expected at least 1"),
        Some(threads) => Ok(threads),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}

/// Translates `texts` with `threads` threads, each on a batch of its own; the translations do not depend on how many.
///
/// Each thread works inside a rayon pool of one, so that the backend's products do not fight over the cores. The
/// longest sentences go first: a thread that is left alone at the end has little to do.
///
/// # Errors
/// An option out of range, or a tokenizer that contradicts the network.
pub fn translate_on_all_cores(
    translator: &Translator<Cpu>,
    texts: &[String],
    options: &TranslateOptions,
    threads: usize,
    on_progress: impl Fn(Progress) + Sync,
) -> anyhow::Result<Vec<Translation>> {
    let plan = translator.plan(texts, options)?;
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let has_failed = AtomicBool::new(false);
    let finished: Mutex<Vec<FinishedBatch>> = Mutex::new(Vec::with_capacity(plan.n_batches()));
    let work = || -> anyhow::Result<()> {
        loop {
            let taken = next.fetch_add(1, Ordering::Relaxed);
            if taken >= plan.n_batches() || has_failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let batch = plan.n_batches() - 1 - taken;
            let result = pollster::block_on(translator.run_batch(&plan, batch));
            let result = result.inspect_err(|_| has_failed.store(true, Ordering::Relaxed))?;
            finished.lock().expect("no thread panics while it holds the lock").push(result);
            let done_sentences = done.fetch_add(plan.batch_len(batch), Ordering::Relaxed) + plan.batch_len(batch);
            on_progress(Progress { done_sentences, total_sentences: plan.n_sentences() });
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(plan.n_batches()))
            .map(|_| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().context("starting a thread")?;
                Ok(scope.spawn(move || pool.install(work)))
            })
            .collect::<anyhow::Result<_>>()?;
        for worker in workers {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        anyhow::Ok(())
    })?;
    let finished = finished.into_inner().expect("no thread panics while it holds the lock");
    Ok(translator.finish(&plan, finished))
}
