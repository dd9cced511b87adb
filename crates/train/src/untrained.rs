//! `traduko untrained`: a package whose weights say nothing and cost what trained ones cost.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use traduko_kernels::backend::Flex;
use traduko_model::{EOS, ModelConfig, NamedTensor, RandomWeights, Seq2Seq, TieKind};
use traduko_package::{PackageContents, write};
use traduko_text::SubwordTokenizer;

use crate::config::TrainConfig;
use crate::preview;

/// What the logit of the end mark is lowered by.
const NEVER: f32 = -1e4;
/// What the output table is multiplied by: without it all subwords would be about as likely, and a preview would spare nothing.
/// With it one of 64 columns finds 38 subwords of 16,000 near the likeliest, as many as in the English-French model.
const SPREAD: f32 = 32.0;

/// Package a network of random weights, to time an architecture before it is trained
///
/// It never ends a sentence: each translation is as long as `max_length_factor` allows, so that different architectures are
/// timed on equal lengths.
#[derive(Clone, Debug, clap::Args)]
pub struct UntrainedArgs {
    /// The experiment, a TOML file; only its `[model]` is read
    pub config: PathBuf,
    /// Override a key, such as model.d_decoder=512
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// A tokenizer.json, which also says how many subwords there are
    #[arg(long, value_name = "FILE")]
    pub tokenizer: PathBuf,
    /// The package to write; an older one there is replaced
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Columns of the output table's preview; 0 for none
    #[arg(long, default_value_t = 0, value_name = "COLUMNS")]
    pub preview: usize,
    /// Language tag of the text that goes in
    #[arg(long, default_value = "en", value_name = "TAG")]
    pub source_language: String,
    /// Language tag of the text that comes out
    #[arg(long, default_value = "fr", value_name = "TAG")]
    pub target_language: String,
}

/// Writes the package and says how large it is.
///
/// # Errors
/// A configuration or a tokenizer that cannot be read, a folder that cannot be written.
pub fn run(args: UntrainedArgs) -> anyhow::Result<ExitCode> {
    let settings = TrainConfig::read(&args.config, &args.overrides)?;
    let read = || -> anyhow::Result<(Vec<u8>, usize)> {
        let json = std::fs::read(&args.tokenizer)?;
        let n_vocab = SubwordTokenizer::from_json(&json)?.n_vocab();
        Ok((json, n_vocab))
    };
    let (tokenizer_json, n_vocab) = read().with_context(|| args.tokenizer.display().to_string())?;
    let mut config = ModelConfig { n_vocab, n_source_vocab: 0, ..settings.model };
    let mut weights = endless(&config);
    preview::add(&mut config, &mut weights, args.preview, None)?;
    let package = write(
        &args.out,
        &PackageContents {
            config: &config,
            weights: &weights,
            tokenizer_json: &tokenizer_json,
            source_tokenizer_json: None,
            source_language: args.source_language,
            target_language: args.target_language,
            source_tag: None,
            licences: Vec::new(),
            notes: Default::default(),
            recipe: BTreeMap::from([("untrained".to_owned(), true.into())]),
            scores: Vec::new(),
        },
    )
    .with_context(|| format!("packaging into {}", args.out.display()))?;
    let bytes: u64 = package.manifest.files.iter().map(|file| file.bytes).sum();
    eprintln!("{}: {} parameters, {bytes} bytes", args.out.display(), package.n_parameters());
    Ok(ExitCode::SUCCESS)
}

/// Random weights of a network that never ends a sentence.
fn endless(config: &ModelConfig) -> Vec<NamedTensor> {
    let Ok(model) = Seq2Seq::<Flex>::build(config, &mut RandomWeights::new(1), &Default::default());
    let mut weights = model.weights();
    let output = if config.tie_embeddings == TieKind::None { "embedding.output" } else { "embedding.target" };
    for tensor in &mut weights {
        match tensor.name.strip_prefix(output) {
            Some(".bias") => tensor.values[EOS as usize] = NEVER,
            Some(".weight") => tensor.values.iter_mut().for_each(|x| *x *= SPREAD),
            _ => {}
        }
    }
    weights
}
