//! Translating on the cores of this machine: which model a folder holds, and how batches are spread.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail};
use traduko_model::{ModelConfig, NamedTensor, Seq2Seq, StoredWeights};
use traduko_package::{MANIFEST_FILE, Package};
use traduko_text::Vocabulary;
use traduko_translator::{Progress, TranslateOptions, Translation, Translator, vocabulary_of};

use crate::cores::map_on_threads;
use crate::device::Cpu;
use crate::tokenizers::TokenizerFiles;
use crate::train::{CONFIG, TrainSummary, load_model_weights};

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
        /// Its tokenizers.
        tokenizers: TokenizerFiles,
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
        if !dir.join(CONFIG).exists() {
            bail!(
                "{}: no model here (expected {MANIFEST_FILE} of a package or {CONFIG} of a training run)",
                dir.display()
            );
        }
        let (config, weights, summary) = load_model_weights(dir)?;
        Ok(Self::Run { config, weights, summary, tokenizers: TokenizerFiles::read(dir)? })
    }

    /// Builds the network, int8 or float as the folder has it. Its sources begin with `tag`, or else with what a package says.
    ///
    /// # Errors
    /// Where weights, configuration and tokenizer do not belong together, or the tokenizer has no such tag.
    pub fn into_network(self, tag: &SourceTagArgs) -> anyhow::Result<(Seq2Seq<Cpu>, Vocabulary, ModelConfig)> {
        let device = Default::default();
        let tagged = |vocabulary: Vocabulary| match &tag.source_tag {
            Some(tag) => vocabulary.with_source_tag(tag).context("--source-tag"),
            None => Ok(vocabulary),
        };
        match self {
            Self::Package(package) => {
                // The tokenizer first: should it be broken, no weight has been copied.
                let vocabulary = tagged(vocabulary_of(&package)?)?;
                Ok((package.build_model(&device)?, vocabulary, package.config))
            }
            Self::Run { config, weights, tokenizers, .. } => {
                let vocabulary = tagged(tokenizers.vocabulary()?)?;
                let mut source = StoredWeights::new(weights);
                let model = Seq2Seq::build(&config, &mut source, &device)?;
                if let Some(name) = source.left_over().next() {
                    bail!("weight {name} is not part of the network that the configuration describes");
                }
                Ok((model, vocabulary, config))
            }
        }
    }

    /// Builds the network and what turns text into its ids and back.
    ///
    /// # Errors
    /// As [`Self::into_network`].
    pub fn into_translator(self, tag: &SourceTagArgs) -> anyhow::Result<Translator<Cpu>> {
        let languages = match &self {
            Self::Package(Package { manifest, .. }) => {
                Some((manifest.source_language.clone(), manifest.target_language.clone()))
            }
            Self::Run { .. } => None,
        };
        let (model, vocabulary, config) = self.into_network(tag)?;
        let translator = Translator::new(model, vocabulary, &config, &Default::default())?;
        Ok(match languages {
            Some((source, target)) => translator.between(&source, &target),
            None => translator,
        })
    }
}

/// What the sources of a network that translates into several languages begin with.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SourceTagArgs {
    /// What every source begins with: a tag that `prepare --source-tags` gave, such as <2fr> [default: what a
    /// package says, else none]
    #[arg(long, value_name = "TAG")]
    pub source_tag: Option<String>,
}

/// Opens the models in `dirs`, packages or runs, ready to translate together sources that begin with a tag.
///
/// # Errors
/// Where there is none, or a damaged one, or where their subwords differ.
pub fn open_translators(dirs: &[PathBuf], tag: &SourceTagArgs) -> anyhow::Result<Translator<Cpu>> {
    let (first, others) = dirs.split_first().context("no model was given")?;
    let mut translator = open_translator(first, tag)?;
    for dir in others {
        let other = open_translator(dir, tag)?;
        if TokenizerFiles::read(dir)? != TokenizerFiles::read(first)? {
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

/// Opens the model in `dir`, package or run, ready to translate sources that begin with a tag.
///
/// # Errors
/// Where there is none, or a damaged one, or no such tag.
pub fn open_translator(dir: &Path, tag: &SourceTagArgs) -> anyhow::Result<Translator<Cpu>> {
    ModelFolder::open(dir)?.into_translator(tag).with_context(|| format!("model {}", dir.display()))
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
