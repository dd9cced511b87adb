//! `traduko report`: one page about a run, or about several side by side, that opens without a network.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use serde::Deserialize;
use traduko_text::normalize;
use traduko_translator::{TranslateOptions, Translation};

use crate::atomic::write_atomically;
use crate::config::TrainConfig;
use crate::native::{SourceTagArgs, n_threads, open_translator, translate_on_all_cores};
use crate::train::{CONFIG, Checkpoint, LAST, LogRecords, TrainSummary};

mod attention;
pub(crate) mod page;
pub(crate) mod plot;
pub(crate) mod scale;

/// Most sentences whose attention is drawn; a page with more is slow to scroll.
const MOST_SENTENCES: usize = 50;

/// Translated where no file is given: word order, agreement, a long dependency, a number, a name.
const SENTENCES: [&str; 5] = [
    "The red house near the old bridge is empty.",
    "I did not see the letter that you gave me yesterday.",
    "Do you know where we can find a good doctor?",
    "She bought 12 tickets for the concert in Geneva.",
    "If it rains tomorrow, the children will stay at home.",
];

/// Write a page with a run's curves, configuration and attention
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// Training run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The page [default: report.html in the run]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Sentences to show the attention of, a line each [default: a few English ones]
    #[arg(long, value_name = "FILE")]
    pub sentences: Option<PathBuf>,
    /// Another run to lay over this one; may be given several times
    #[arg(long, value_name = "RUN")]
    pub compare: Vec<PathBuf>,
}

/// What the page says of a run.
struct Run {
    name: String,
    config: TrainConfig,
    records: LogRecords,
    /// Where training stands and how many parameters there are; none before the first checkpoint.
    checkpoint: Option<(TrainSummary, usize)>,
    /// None where the data folder is not at hand.
    data: Option<DataSummary>,
}

/// The figures of `prepare.json` that the page shows.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DataSummary {
    train_pairs: Option<u64>,
    train_source_tokens: Option<u64>,
    train_target_tokens: Option<u64>,
    valid_pairs: Option<u64>,
    n_vocab: Option<u64>,
}

/// A source sentence and what became of it.
struct Sample {
    source: String,
    translation: Translation,
}

/// Writes the page.
///
/// # Errors
/// A folder that is no run, a sentence file that cannot be read, or a disk that refuses.
pub fn run(args: ReportArgs) -> anyhow::Result<ExitCode> {
    let folders: Vec<&Path> = std::iter::once(&args.run).chain(&args.compare).map(PathBuf::as_path).collect();
    let names = names(&folders);
    let runs = folders.iter().zip(names).map(|(folder, name)| Run::read(folder, name));
    let runs = runs.collect::<anyhow::Result<Vec<_>>>()?;
    let samples = match runs[0].checkpoint {
        Some(_) => translate(&args.run, sentences(args.sentences.as_deref())?)?,
        None => Vec::new(),
    };
    let out = args.out.unwrap_or_else(|| args.run.join("report.html"));
    let html = page::page(&runs, &samples).into_string();
    write_atomically(&out, html.as_bytes()).with_context(|| format!("writing {}", out.display()))?;
    eprintln!("wrote {}", out.display());
    Ok(ExitCode::SUCCESS)
}

/// The last part of each path, or the whole of it where two runs share that.
fn names(folders: &[&Path]) -> Vec<String> {
    let short = |folder: &Path| folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    let distinct: HashSet<String> = folders.iter().map(|folder| short(folder)).collect();
    let is_distinct = distinct.len() == folders.len();
    folders.iter().map(|folder| if is_distinct { short(folder) } else { folder.display().to_string() }).collect()
}

impl Run {
    fn read(folder: &Path, name: String) -> anyhow::Result<Self> {
        let path = folder.join(CONFIG);
        ensure!(path.exists(), "{}: no training run here (expected {CONFIG})", folder.display());
        let config = TrainConfig::read(&path, &[])?;
        let records = LogRecords::read(folder)?;
        let last = folder.join(LAST);
        let checkpoint = if last.exists() {
            let checkpoint = Checkpoint::read(&last)?;
            let parameters = checkpoint.weights.iter().map(|tensor| tensor.values.len()).sum();
            Some((checkpoint.summary, parameters))
        } else {
            None
        };
        let data = DataSummary::read(&config.data.dir);
        Ok(Self { name, config, records, checkpoint, data })
    }

    /// The step of its last record.
    fn last_step(&self) -> u64 {
        let steps = self.records.steps.last().map_or(0, |line| line.step);
        self.records.validations.last().map_or(steps, |line| line.step.max(steps))
    }
}

impl DataSummary {
    /// Figures are welcome but not needed: a run may have been copied here without its data.
    fn read(folder: &Path) -> Option<Self> {
        #[derive(Deserialize)]
        struct Record {
            summary: DataSummary,
        }
        let json = std::fs::read(folder.join("prepare.json")).ok()?;
        serde_json::from_slice::<Record>(&json).ok().map(|record| record.summary)
    }
}

fn sentences(file: Option<&Path>) -> anyhow::Result<Vec<String>> {
    let Some(file) = file else { return Ok(SENTENCES.map(str::to_owned).to_vec()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let mut lines: Vec<String> = text.lines().map(normalize).filter(|line| !line.is_empty()).collect();
    if lines.len() > MOST_SENTENCES {
        eprintln!("{}: {} sentences, the first {MOST_SENTENCES} are shown", file.display(), lines.len());
        lines.truncate(MOST_SENTENCES);
    }
    Ok(lines)
}

fn translate(run: &Path, sources: Vec<String>) -> anyhow::Result<Vec<Sample>> {
    let options = TranslateOptions { with_attention: true, ..TranslateOptions::default() };
    let translator = open_translator(run, &SourceTagArgs::default())?;
    let translations = translate_on_all_cores(&translator, &sources, &options, n_threads(None)?, |_| {})?;
    Ok(sources.into_iter().zip(translations).map(|(source, translation)| Sample { source, translation }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_runs_apart() {
        let name = |paths: [&str; 2]| names(&paths.map(Path::new));
        assert_eq!(name(["runs/a", "runs/b/"]), ["a", "b"]);
        assert_eq!(name(["old/a", "new/a"]), ["old/a", "new/a"]);
    }
}
