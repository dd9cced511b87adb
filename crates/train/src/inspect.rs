//! `traduko inspect`: what is in a package or a training run.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;
use traduko_model::ModelConfig;
use traduko_package::{Manifest, TensorSummary};

use crate::native::{ModelFolder, SourceTagArgs};
use crate::stdout::print;
use crate::train::TrainSummary;

/// Show what is in a package or a training run
#[derive(Clone, Debug, clap::Args)]
pub struct InspectArgs {
    /// Package or training run
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Everything that is printed.
#[derive(Serialize)]
struct Inspection {
    kind: &'static str,
    parameters: usize,
    weight_bytes: usize,
    config: ModelConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<Manifest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    training: Option<TrainSummary>,
    tensors: Vec<TensorSummary>,
}

/// Reads, checks and builds the model, then prints what it is.
///
/// # Errors
/// A model that cannot be read or whose parts do not belong together.
pub fn run(args: InspectArgs) -> anyhow::Result<ExitCode> {
    let folder = ModelFolder::open(&args.dir)?;
    let inspection = inspect(&folder);
    // Whether weights, configuration and tokenizer fit shows only when they are put together.
    folder.into_translator(&SourceTagArgs::default()).with_context(|| format!("model {}", args.dir.display()))?;
    let text = match args.json {
        true => serde_json::to_string(&inspection)? + "\n",
        false => render(&args.dir, &inspection)?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn inspect(folder: &ModelFolder) -> Inspection {
    match folder {
        ModelFolder::Package(package) => {
            let tensors = package.tensors();
            Inspection {
                kind: "package",
                parameters: package.n_parameters(),
                weight_bytes: tensors.iter().map(|tensor| tensor.bytes).sum(),
                config: package.config.clone(),
                manifest: Some(package.manifest.clone()),
                training: None,
                tensors,
            }
        }
        ModelFolder::Run { config, weights, summary, .. } => {
            let parameters = weights.iter().map(|tensor| tensor.values.len()).sum();
            let tensors = weights.iter().map(|tensor| TensorSummary {
                name: tensor.name.clone(),
                kind: "F32".to_owned(),
                shape: tensor.shape.clone(),
                bytes: size_of_val(tensor.values.as_slice()),
            });
            Inspection {
                kind: "training run",
                parameters,
                weight_bytes: parameters * size_of::<f32>(),
                config: config.clone(),
                manifest: None,
                training: Some(summary.clone()),
                tensors: tensors.collect(),
            }
        }
    }
}

fn render(dir: &Path, inspection: &Inspection) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(text, "{}: {}", dir.display(), inspection.kind)?;
    writeln!(text, "parameters     {}", inspection.parameters)?;
    writeln!(text, "weight bytes   {}", inspection.weight_bytes)?;
    if let Some(manifest) = &inspection.manifest {
        writeln!(text, "languages      {} -> {}", manifest.source_language, manifest.target_language)?;
        writeln!(text, "format         {}, by {}", manifest.format_version, manifest.created_by)?;
        for file in &manifest.files {
            writeln!(text, "file           {}  {} bytes  {}", file.name, file.bytes, file.sha256)?;
        }
        for licence in &manifest.licences {
            writeln!(text, "data           {}  ({})", licence.source, licence.licence)?;
        }
        for (key, value) in &manifest.recipe {
            writeln!(text, "recipe         {key} = {value}")?;
        }
        for score in &manifest.scores {
            let (test_set, metric, beam) = (&score.test_set, &score.metric, score.beam);
            writeln!(text, "score          {test_set}  {metric} {:.2}  beam {beam}  {}", score.score, score.signature)?;
        }
    }
    if let Some(training) = &inspection.training {
        writeln!(text, "steps          {}", training.step)?;
        writeln!(text, "target tokens  {}", training.target_tokens)?;
        writeln!(text, "seconds        {:.0}", training.seconds)?;
        if let Some((step, loss)) = training.validations.last() {
            writeln!(text, "validation     {loss:.4} nats a token at step {step}")?;
        }
    }
    if let serde_json::Value::Object(config) = serde_json::to_value(&inspection.config)? {
        for (key, value) in config {
            writeln!(text, "config         {key} = {value}")?;
        }
    }
    for TensorSummary { name, kind, shape, bytes } in &inspection.tensors {
        writeln!(text, "tensor         {name}  {kind} {shape:?}  {bytes} bytes")?;
    }
    Ok(text)
}
