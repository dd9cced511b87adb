//! `traduko export`: from a training run to a package.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value;
use traduko_package::{DataLicence, Notes, PackageContents, write};

use crate::config::TrainConfig;
use crate::native::{ModelFolder, SourceTagArgs};
use crate::preview;
use crate::train::{CONFIG, TrainSummary};

/// Quantize a training run and package it
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// The training run
    #[arg(long, value_name = "DIR")]
    pub checkpoint: PathBuf,
    /// The package to write; an older one there is replaced
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Language tag of the text that goes in, such as en
    #[arg(long, value_name = "TAG")]
    pub source_language: String,
    /// Language tag of the text that comes out, such as fr
    #[arg(long, value_name = "TAG")]
    pub target_language: String,
    /// What every source begins with.
    #[command(flatten)]
    pub source_tag: SourceTagArgs,
    /// What people should know of the model: a TOML file with `intended_use`, `hardware`, a list of `weaknesses`, and what it was
    /// trained on in `[[licence]]` tables with `source` and `licence`; of several files the lists add up, and the last word counts
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub card: Vec<PathBuf>,
    /// Columns of the output table's preview, 64 for instance; 0 for none
    ///
    /// A search looks closely only at the subwords that are likely by the preview, which makes translation faster (Shim et
    /// al., 2017). It is made for what the network says of the validation text in the run's `data.dir`.
    #[arg(long, default_value_t = 0, value_name = "COLUMNS")]
    pub preview: usize,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    intended_use: Option<String>,
    hardware: Option<String>,
    #[serde(default)]
    weaknesses: Vec<String>,
    #[serde(default)]
    licence: Vec<DataLicence>,
}

impl Card {
    fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut card = Self::default();
        for path in paths {
            let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            let more: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
            card.intended_use = more.intended_use.or(card.intended_use);
            card.hardware = more.hardware.or(card.hardware);
            card.weaknesses.extend(more.weaknesses);
            card.licence.extend(more.licence);
        }
        Ok(card)
    }
}

/// Writes the package and says how large it is.
///
/// # Errors
/// A run, tokenizer or card that cannot be read, a folder that cannot be written.
pub fn run(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let card = Card::read(&args.card)?;
    if card.licence.is_empty() {
        eprintln!("no licences in a --card: the model card will not say what the model was trained on");
    }
    let ModelFolder::Run { mut config, mut weights, summary, tokenizers } = ModelFolder::open(&args.checkpoint)? else {
        bail!("{}: a package already; export takes the training run it came from", args.checkpoint.display());
    };
    let vocabulary = tokenizers.vocabulary().with_context(|| args.checkpoint.display().to_string())?;
    let sizes = [vocabulary.target().n_vocab(), vocabulary.n_source_vocab()];
    let wanted = [config.n_vocab, config.n_source_vocab];
    if sizes != wanted {
        bail!("{}: tokenizers of {sizes:?} subwords, network of {wanted:?}", args.checkpoint.display());
    }
    let source_tag = args.source_tag.source_tag;
    if let Some(tag) = &source_tag {
        vocabulary.with_source_tag(tag).context("--source-tag")?;
    }
    let settings = TrainConfig::read(&args.checkpoint.join(CONFIG), &[])?;
    let text = settings.data.dir.join("valid.ids");
    if args.preview > 0 && !text.exists() {
        eprintln!("{}: not there; the preview is made for the weights alone and may miss more", text.display());
    }
    preview::add(&mut config, &mut weights, args.preview, text.exists().then_some(text.as_path()))?;
    let package = write(
        &args.out,
        &PackageContents {
            config: &config,
            weights: &weights,
            tokenizer_json: &tokenizers.tokenizer,
            source_tokenizer_json: tokenizers.source.as_deref(),
            source_language: args.source_language,
            target_language: args.target_language,
            source_tag,
            licences: card.licence,
            notes: Notes { hardware: card.hardware, intended_use: card.intended_use, weaknesses: card.weaknesses },
            recipe: recipe(&settings, &summary)?,
            scores: Vec::new(),
        },
    )
    .with_context(|| format!("packaging into {}", args.out.display()))?;
    let bytes: u64 = package.manifest.files.iter().map(|file| file.bytes).sum();
    eprintln!("{}: {} parameters, {bytes} bytes", args.out.display(), package.n_parameters());
    Ok(ExitCode::SUCCESS)
}

/// How the model was trained, flat: the settings that are not in config.json, and how far training came. Leaves out
/// where the text lay, which says something about a machine and nothing about the model.
fn recipe(settings: &TrainConfig, summary: &TrainSummary) -> anyhow::Result<BTreeMap<String, Value>> {
    let Value::Object(train) = serde_json::to_value(&settings.train)? else {
        bail!("the training settings are no table");
    };
    let mut recipe: BTreeMap<String, Value> =
        train.into_iter().map(|(key, value)| (format!("train.{key}"), value)).collect();
    recipe.insert("steps".to_owned(), summary.step.into());
    recipe.insert("target_tokens".to_owned(), summary.target_tokens.into());
    recipe.insert("training_seconds".to_owned(), (summary.seconds.round() as u64).into());
    if let Some((_, loss)) = summary.validations.last() {
        recipe.insert("validation_loss".to_owned(), (*loss).into());
    }
    Ok(recipe)
}
