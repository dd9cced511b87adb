//! The experiment: one TOML file, seed included, and its overrides from the command line.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use traduko_kernels::Kernels;
use traduko_model::{Dropouts, ModelConfig};

/// A whole experiment. Every key has a default but `data.dir`; unknown keys are errors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Where the text is.
    pub data: DataConfig,
    /// The network. `n_vocab` is taken from the prepared text.
    pub model: ModelConfig,
    /// How it is trained.
    pub train: OptimisationConfig,
}

/// Where the text is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// A folder that `traduko prepare` wrote, relative to the working folder.
    pub dir: PathBuf,
}

/// How the learning rate goes after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Stays.
    Constant,
    /// Falls with the inverse square root of the step (Vaswani et al., 2017).
    InverseSqrt,
    /// Falls in a straight line to zero at `max_steps`, but never below `min_learning_rate`.
    Linear,
    /// Is multiplied by `plateau_factor` when validation has not improved `plateau_patience` times.
    Plateau,
    /// Falls along half a cosine to zero at `max_steps` (Loshchilov & Hutter, 2017), but never below `min_learning_rate`.
    Cosine,
    /// From step `decay_start` on falls by `decay_factor` over every `decay_steps`, a little at each step.
    Exponential,
    /// As `Exponential`, but all at once at the end of every `decay_steps`: with a factor of 0.5 the halving of Luong et al.
    /// (2015).
    Step,
}

/// What makes steps of gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam (Kingma & Ba, 2015), AdamW with a weight decay.
    Adam,
    /// Stochastic gradient descent, with `momentum` where that is above 0 (Polyak, 1964).
    Sgd,
    /// Adagrad (Duchi et al., 2011).
    Adagrad,
    /// RMSProp (Tieleman & Hinton, 2012) with decay `beta_2`, and with `momentum`.
    Rmsprop,
}

/// What a validation is judged by: which weights are the best, what a plateau is, when to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationMetric {
    /// The loss, which falls.
    #[default]
    Loss,
    /// BLEU of translations, which rises.
    Bleu,
    /// chrF of translations, which rises.
    Chrf,
}

/// What products are computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// f32 throughout.
    F32,
    /// bf16 operands, f32 sums, weights and moments (Micikevicius et al., 2018), on CUDA, and on Linux on processors
    /// with AMX or AVX512-BF16.
    Bf16,
}

impl Precision {
    /// Has backend `B` compute so.
    ///
    /// # Errors
    /// Where it cannot.
    pub fn choose<B: Kernels>(self) -> anyhow::Result<()> {
        if self == Self::Bf16 && !B::use_bf16() {
            bail!(
                "train.precision: bf16 is for --device cuda and, on Linux, for processors with AMX or AVX512-BF16; set it to \"f32\" here"
            );
        }
        Ok(())
    }
}

/// How much of a target the decoder is given right as training goes on: `step` of `train.teacher_forcing_steps`, called `k`
/// (Bengio et al., 2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TeacherForcing {
    /// `train.teacher_forcing_ratio` from the first step on.
    Constant,
    /// Down to it in a straight line within `k` steps.
    Linear,
    /// What is above it falls as `e^(-step / k)`.
    Exponential,
    /// What is above it falls as `k / (k + e^(step / k))`.
    InverseSigmoid,
}

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimisationConfig {
    /// Seeds the weights, the order of batches and the dropout.
    pub seed: u64,
    /// What products are computed in.
    pub precision: Precision,
    /// Most target tokens in a batch, padding included.
    pub batch_tokens: usize,
    /// Batches whose gradients are added up for one step.
    pub accumulate: usize,
    /// Lengths in tokens, marks included, that batches are padded to, ascending, so that they come in few shapes and a
    /// GPU tunes its kernels once; none pads each batch to its longest sentence.
    pub length_buckets: Vec<usize>,
    /// Whether the backward pass computes each layer's gates again rather than keep them (gradient checkpointing: Chen et
    /// al., 2016).
    pub is_recomputed: bool,
    /// Steps to train.
    pub max_steps: u64,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises from zero.
    pub warmup_steps: u64,
    /// What it does then.
    pub schedule: ScheduleKind,
    /// Where a falling learning rate stops.
    pub min_learning_rate: f64,
    /// See [`ScheduleKind::Plateau`].
    pub plateau_factor: f64,
    /// See [`ScheduleKind::Plateau`]; counted in validations.
    pub plateau_patience: u32,
    /// See [`ScheduleKind::Exponential`].
    pub decay_factor: f64,
    /// See [`ScheduleKind::Exponential`].
    pub decay_start: u64,
    /// See [`ScheduleKind::Exponential`].
    pub decay_steps: u64,
    /// Over the last steps before `max_steps` the learning rate falls in a straight line to zero, whatever the schedule; 0 for
    /// none. A run that may go on for ever is finished so whenever it must be (Hägele et al., 2024).
    pub cooldown_steps: u64,
    /// Largest norm of the gradient over all parameters; 0 never clips.
    pub clip_norm: f64,
    /// Label smoothing.
    pub label_smoothing: f64,
    /// Share of what passes between layers that is dropped, each number apart.
    pub dropout: f64,
    /// Share of embedded tokens that is dropped, each number apart.
    pub embedding_dropout: f64,
    /// Share of hidden states that is dropped on their way to the next step, the same at every step.
    pub recurrent_dropout: f64,
    /// Share of the attention vector that is dropped on its way to the output table.
    pub output_dropout: f64,
    /// Share of source tokens that are dropped whole.
    pub source_word_dropout: f64,
    /// Share of the target tokens the decoder reads that are dropped whole.
    pub target_word_dropout: f64,
    /// Share of merges that is left out when both sides are cut into subwords anew in each batch (BPE-dropout: Provilkov
    /// et al., 2020); 0 keeps them as prepared.
    pub bpe_dropout: f64,
    /// What makes steps of gradients.
    pub optimizer: OptimizerKind,
    /// Adam's first decay.
    pub beta_1: f64,
    /// Adam's second decay; RMSProp's.
    pub beta_2: f64,
    /// Added to roots of squares before a gradient is divided by them.
    pub epsilon: f64,
    /// Share of the last step that goes on in the next one, for SGD and RMSProp.
    pub momentum: f64,
    /// Decoupled weight decay (AdamW: Loshchilov & Hutter, 2019).
    pub weight_decay: f64,
    /// Decay of the moving average of the weights that is validated and kept; 0 keeps the weights themselves.
    pub ema_decay: f64,
    /// How the share of target tokens that the decoder is given right falls from 1; in the place of the others it reads its own.
    pub teacher_forcing: TeacherForcing,
    /// Where that share stops; 1 gives it every token.
    pub teacher_forcing_ratio: f64,
    /// How fast it falls; see [`TeacherForcing`].
    pub teacher_forcing_steps: u64,
    /// Weight of the alignment loss on the first attention head; above 0 it needs the file of `traduko align`.
    pub alignment_weight: f64,
    /// Weight of the coverage loss: what the first attention head looks at again (See et al., 2017).
    pub coverage_weight: f64,
    /// Steps over which the learning rate rises again where a run goes on from weights alone.
    pub restart_warmup_steps: u64,
    /// Steps between two lines of the log.
    pub log_every: u64,
    /// Steps between two validations.
    pub validate_every: u64,
    /// Sentences translated at each validation; 0 for none.
    pub validate_translation: usize,
    /// What the best weights, the plateau schedule and early stopping go by.
    pub early_stopping_metric: ValidationMetric,
    /// Validations without improvement after which training stops; 0 never stops.
    pub early_stopping_patience: u32,
    /// Validations whose weights are kept, the newest, for `traduko weights --average`.
    pub keep_validated: usize,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
}

impl Default for OptimisationConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            precision: Precision::F32,
            batch_tokens: 2000,
            accumulate: 1,
            length_buckets: Vec::new(),
            is_recomputed: false,
            max_steps: 20_000,
            learning_rate: 1e-3,
            warmup_steps: 400,
            schedule: ScheduleKind::Plateau,
            min_learning_rate: 1e-5,
            plateau_factor: 0.7,
            plateau_patience: 1,
            decay_factor: 0.5,
            decay_start: 10_000,
            decay_steps: 1000,
            cooldown_steps: 0,
            clip_norm: 1.0,
            label_smoothing: 0.1,
            dropout: 0.1,
            embedding_dropout: 0.1,
            recurrent_dropout: 0.0,
            output_dropout: 0.1,
            source_word_dropout: 0.0,
            target_word_dropout: 0.0,
            bpe_dropout: 0.0,
            optimizer: OptimizerKind::Adam,
            beta_1: 0.9,
            beta_2: 0.98,
            epsilon: 1e-8,
            momentum: 0.0,
            weight_decay: 0.0,
            ema_decay: 0.0,
            teacher_forcing: TeacherForcing::Constant,
            teacher_forcing_ratio: 1.0,
            teacher_forcing_steps: 10_000,
            alignment_weight: 0.0,
            coverage_weight: 0.0,
            restart_warmup_steps: 100,
            log_every: 50,
            validate_every: 500,
            validate_translation: 0,
            early_stopping_metric: ValidationMetric::Loss,
            early_stopping_patience: 0,
            keep_validated: 0,
            checkpoint_every: 500,
        }
    }
}

impl OptimisationConfig {
    /// What is dropped while training.
    pub fn dropouts(&self) -> Dropouts {
        Dropouts {
            embedding: self.embedding_dropout,
            layers: self.dropout,
            recurrent: self.recurrent_dropout,
            output: self.output_dropout,
            source_words: self.source_word_dropout,
            target_words: self.target_word_dropout,
        }
    }
}

impl TrainConfig {
    /// Reads `path` and applies `overrides` such as `train.batch_tokens=4096`.
    ///
    /// # Errors
    /// What cannot be read or parsed, with the file and the key.
    pub fn read(path: &Path, overrides: &[String]) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text, overrides).with_context(|| path.display().to_string())
    }

    /// As [`Self::read`], from text.
    ///
    /// # Errors
    /// What cannot be parsed, with its key.
    pub fn parse(text: &str, overrides: &[String]) -> anyhow::Result<Self> {
        let mut table: toml::Table = text.parse()?;
        for setting in overrides {
            set(&mut table, setting)?;
        }
        name_unknown_keys(&table)?;
        let config: Self = serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
            let message = error.inner().to_string();
            anyhow::anyhow!("{}: {}", error.path(), message.trim())
        })?;
        config.check()?;
        Ok(config)
    }

    /// The configuration as TOML, complete.
    ///
    /// # Errors
    /// Never in practice: every value has a TOML form.
    pub fn to_toml(&self) -> anyhow::Result<String> {
        Ok(toml::to_string_pretty(self)?)
    }

    fn check(&self) -> anyhow::Result<()> {
        self.model.validate()?;
        let train = &self.train;
        let ranges = [
            ("learning_rate", train.learning_rate, 0.0, 10.0),
            ("min_learning_rate", train.min_learning_rate, 0.0, 10.0),
            ("plateau_factor", train.plateau_factor, 0.0, 1.0),
            ("decay_factor", train.decay_factor, 0.0, 1.0),
            ("momentum", train.momentum, 0.0, 0.999_999),
            ("label_smoothing", train.label_smoothing, 0.0, 0.99),
            ("dropout", train.dropout, 0.0, 0.99),
            ("embedding_dropout", train.embedding_dropout, 0.0, 0.99),
            ("recurrent_dropout", train.recurrent_dropout, 0.0, 0.99),
            ("output_dropout", train.output_dropout, 0.0, 0.99),
            ("source_word_dropout", train.source_word_dropout, 0.0, 0.99),
            ("target_word_dropout", train.target_word_dropout, 0.0, 0.99),
            ("clip_norm", train.clip_norm, 0.0, 1e9),
            ("bpe_dropout", train.bpe_dropout, 0.0, 1.0),
            ("beta_1", train.beta_1, 0.0, 0.999_999),
            ("beta_2", train.beta_2, 0.0, 0.999_999),
            ("epsilon", train.epsilon, 0.0, 1.0),
            ("weight_decay", train.weight_decay, 0.0, 10.0),
            ("ema_decay", train.ema_decay, 0.0, 0.999_999),
            ("alignment_weight", train.alignment_weight, 0.0, 100.0),
            ("coverage_weight", train.coverage_weight, 0.0, 100.0),
            ("teacher_forcing_ratio", train.teacher_forcing_ratio, 0.0, 1.0),
        ];
        for (key, found, low, high) in ranges {
            if !(low..=high).contains(&found) {
                bail!("train.{key}: {found} is outside {low}..={high}");
            }
        }
        let counts = [
            ("batch_tokens", train.batch_tokens as u64),
            ("accumulate", train.accumulate as u64),
            ("max_steps", train.max_steps),
            ("decay_steps", train.decay_steps),
            ("teacher_forcing_steps", train.teacher_forcing_steps),
            ("log_every", train.log_every),
            ("validate_every", train.validate_every),
            ("checkpoint_every", train.checkpoint_every),
        ];
        for (key, found) in counts {
            if found == 0 {
                bail!("train.{key}: 0 is not possible, give at least 1");
            }
        }
        if self.model.d_preview > 0 {
            bail!("model.d_preview: only packages have a preview; give `traduko export` its width");
        }
        for (key, weight) in [("alignment_weight", train.alignment_weight), ("coverage_weight", train.coverage_weight)]
        {
            if weight > 0.0 && !self.model.attention.looks() {
                bail!("train.{key}: the network has no attention that could learn by it; set it to 0");
            }
        }
        if train.early_stopping_metric != ValidationMetric::Loss && train.validate_translation == 0 {
            bail!("train.early_stopping_metric: needs translations; give train.validate_translation, such as 200");
        }
        if train.bpe_dropout > 0.0 && train.alignment_weight > 0.0 {
            bail!("train.bpe_dropout moves the subwords that alignments name: set it or train.alignment_weight to 0");
        }
        if !train.length_buckets.is_sorted_by(|a, b| a < b) || train.length_buckets.first() == Some(&0) {
            bail!("train.length_buckets: {:?} is not ascending from 1 or more", train.length_buckets);
        }
        Ok(())
    }
}

/// Fails at the first key that no experiment has, and names the one that is most like it.
fn name_unknown_keys(table: &toml::Table) -> anyhow::Result<()> {
    let known: toml::Table = TrainConfig::default().to_toml()?.parse()?;
    let check = |prefix: &str, table: &toml::Table, known: &toml::Table| {
        let Some(unknown) = table.keys().find(|key| !known.contains_key(*key)) else { return Ok(()) };
        let likeness = |key: &&String| strsim::normalized_damerau_levenshtein(unknown, key);
        let nearest = known.keys().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.map_or(String::new(), |key| format!("; did you mean {prefix}{key}?"));
        bail!("{prefix}{unknown}: there is no such key{nearest}")
    };
    check("", table, &known)?;
    for (section, keys) in table {
        if let (Some(keys), Some(known)) = (keys.as_table(), known[section].as_table()) {
            check(&format!("{section}."), keys, known)?;
        }
    }
    Ok(())
}

/// Puts `key.key=value` into `table`; the value is TOML, or else text.
fn set(table: &mut toml::Table, setting: &str) -> anyhow::Result<()> {
    let Some((path, value)) = setting.split_once('=') else {
        bail!("--set {setting}: expected KEY=VALUE, such as train.batch_tokens=4096");
    };
    let value = format!("value = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    let last = keys.pop().expect("split gives at least one part");
    let mut table = table;
    for key in keys {
        let entry = table.entry(key).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        table = entry.as_table_mut().with_context(|| format!("--set {setting}: {key} is not a table"))?;
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_win_and_types_are_kept() {
        let config = TrainConfig::parse(
            "[train]\nseed = 3\n",
            &["train.batch_tokens=4096".into(), "model.cell=gru".into(), "train.dropout = 0.2".into()],
        )
        .expect("valid");
        assert_eq!((config.train.seed, config.train.batch_tokens), (3, 4096));
        assert_eq!(config.model.cell, traduko_model::CellKind::Gru);
        assert!((config.train.dropout - 0.2).abs() < 1e-9);
    }

    #[test]
    fn errors_name_the_key() {
        let message = |text: &str| format!("{:#}", TrainConfig::parse(text, &[]).expect_err("invalid"));
        assert!(message("[model]\nattention = \"luongg\"").contains("model.attention: unknown variant `luongg`"));
        assert!(message("[train]\nlearnin_rate = 1.0").contains("did you mean train.learning_rate?"));
        assert!(message("[model]\nattention_heads = 2").contains("did you mean model.n_attention_heads?"));
        assert!(message("[trein]\nseed = 2").contains("did you mean train?"));
        assert!(message("[train]\ndropout = 1.5").contains("train.dropout: 1.5 is outside"));
        assert!(message("[model]\nd_encoder = 0").contains("model.d_encoder: 0 is outside"));
        assert!(message("[train]\nearly_stopping_metric = \"bleu\"").contains("give train.validate_translation"));
    }

    #[test]
    fn the_example_documents_every_key_and_its_default() {
        let text = include_str!("../../../configs/example.toml");
        let mut config = TrainConfig::parse(text, &[]).expect("valid");
        assert_eq!(config.data.dir, PathBuf::from("runs/data"));
        config.data = DataConfig::default();
        assert_eq!(config, TrainConfig::default());
        let table: toml::Table = text.parse().expect("TOML");
        let all: toml::Table = config.to_toml().expect("TOML").parse().expect("TOML");
        for (section, keys) in &all {
            for key in keys.as_table().expect("a section").keys() {
                assert!(table[section].get(key).is_some(), "{section}.{key} is not documented");
            }
        }
    }

    #[test]
    fn a_resolved_configuration_reads_back() {
        let config = TrainConfig::default();
        assert_eq!(TrainConfig::parse(&config.to_toml().expect("TOML"), &[]).expect("valid"), config);
    }
}
