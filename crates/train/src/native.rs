//! Translating on the cores of this machine: which model a folder holds, and how batches are spread.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail};
use traduko_model::{ModelConfig, NamedTensor, Seq2Seq, StoredWeights};
use traduko_package::{MANIFEST_FILE, Package, TOKENIZER_FILE};
use traduko_text::SubwordTokenizer;
use traduko_translator::{Progress, TranslateOptions, Translation, Translator};

use crate::cores::map_on_threads;
use crate::device::Cpu;
use crate::train::{TrainSummary, load_model_weights};

/// What a folder must hold to be a training run.
pub const RUN_CONFIG_FILE: &str = "config.toml";

/// What a folder given as `--model` can hold.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a command opens one or two")]
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
    pub fn into_network(self) -> anyhow::Result<(Seq2Seq<Cpu>, SubwordTokenizer, ModelConfig)> {
        let device = Default::default();
        match self {
            Self::Package(package) => {
                // The tokenizer first: should it be broken, no weight has been copied.
                let tokenizer = SubwordTokenizer::from_json(&package.tokenizer_json)?;
                Ok((package.build_model(&device)?, tokenizer, package.config))
            }
            Self::Run { config, weights, tokenizer_json, .. } => {
                let mut source = StoredWeights::new(weights);
                let model = Seq2Seq::build(&config, &mut source, &device)?;
                if let Some(name) = source.left_over().next() {
                    bail!("weight {name} is not part of the network that the configuration describes");
                }
                Ok((model, SubwordTokenizer::from_json(&tokenizer_json)?, config))
            }
        }
    }

    /// Builds the network and what turns text into its ids and back.
    ///
    /// # Errors
    /// As [`Self::into_network`].
    pub fn into_translator(self) -> anyhow::Result<Translator<Cpu>> {
        let (model, tokenizer, config) = self.into_network()?;
        Ok(Translator::new(model, tokenizer, &config, &Default::default())?)
    }
}

/// Opens the models in `dirs`, packages or runs, ready to translate together.
///
/// # Errors
/// Where there is none, or a damaged one, or where their subwords differ.
pub fn open_translators(dirs: &[PathBuf]) -> anyhow::Result<Translator<Cpu>> {
    let tokenizer = |dir: &Path| {
        let path = dir.join(TOKENIZER_FILE);
        std::fs::read(&path).with_context(|| format!("reading {}", path.display()))
    };
    let (first, others) = dirs.split_first().context("no model was given")?;
    let mut translator = open_translator(first)?;
    for dir in others {
        let other = open_translator(dir)?;
        if tokenizer(dir)? != tokenizer(first)? {
            bail!(
                "{}: its subwords are not those of {}; models that translate together share tokenizer.json",
                dir.display(),
                first.display()
            );
        }
        translator = translator.with(other)?;
    }
    Ok(translator)
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
    let done = AtomicUsize::new(0);
    let finished = map_on_threads(plan.n_batches(), threads, |taken| {
        // The longest sentences, which are the last, go first.
        let batch = plan.n_batches() - 1 - taken;
        let result = pollster::block_on(translator.run_batch(&plan, batch))?;
        let done_sentences = done.fetch_add(plan.batch_len(batch), Ordering::Relaxed) + plan.batch_len(batch);
        on_progress(Progress { done_sentences, total_sentences: plan.n_sentences() });
        Ok(result)
    })?;
    Ok(translator.finish(&plan, finished))
}
