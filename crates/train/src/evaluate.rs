//! `traduko evaluate`: scores of a model on a test set.

use std::collections::BTreeMap;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use traduko_package::{MANIFEST_FILE, Manifest, Score, record_scores};
use traduko_translator::{Fault, Translation};

use crate::atomic::write_atomically;
use crate::compare::{MetricArgs, Scored, by_name};
use crate::corpus::read_moses;
use crate::metrics::{BleuOptions, Metric, statistics, sum};
use crate::native::{SourceTagArgs, n_threads, open_translators, translate_on_all_cores};
use crate::search_args::SearchArgs;
use crate::stdout::print;

/// Translate a test set and score it
#[derive(Clone, Debug, clap::Args)]
pub struct EvaluateArgs {
    /// Package (int8) or training run (floats); repeated, these choose every subword together
    #[arg(long, value_name = "DIR", required = true)]
    pub model: Vec<PathBuf>,
    /// Source sentences, a line each; plain, gzip or zstd
    #[arg(long, value_name = "FILE")]
    pub source: PathBuf,
    /// Reference translations, a line each, as many as there are source sentences
    #[arg(long, value_name = "FILE")]
    pub reference: PathBuf,
    /// What every source begins with.
    #[command(flatten)]
    pub source_tag: SourceTagArgs,
    /// How to search.
    #[command(flatten)]
    pub search: SearchArgs,
    /// How to score.
    #[command(flatten)]
    pub metrics: MetricArgs,
    /// Write the translations with a fault there: line, faults, source and translation, tab-separated
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub faults: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Put the scores into the package's manifest under this name of the test set
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub record: Option<String>,
    /// Exit with 1 when BLEU is below this
    #[arg(long, value_name = "BLEU", help_heading = "Output")]
    pub min_bleu: Option<f64>,
}

/// The one line of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    scores: BTreeMap<&'a str, &'a Scored>,
    /// How many translations have each fault.
    faults: BTreeMap<&'static str, usize>,
    sentences: usize,
    seconds: f64,
}

/// A translation with something wrong.
struct Faulty {
    line: usize,
    faults: Vec<Fault>,
}

impl Faulty {
    fn all(sources: &[String], translations: &[Translation]) -> Vec<Self> {
        let lines = sources.iter().zip(translations).enumerate();
        let lines = lines.map(|(line, (source, translation))| Self { line, faults: translation.faults(source) });
        lines.filter(|faulty| !faulty.faults.is_empty()).collect()
    }

    fn counts(all: &[Self]) -> BTreeMap<&'static str, usize> {
        let count = |fault| all.iter().filter(|faulty| faulty.faults.contains(&fault)).count();
        Fault::ALL.into_iter().map(|fault| (fault.name(), count(fault))).collect()
    }

    /// Tab-separated, a line each, lines counted from 1.
    fn write(all: &[Self], path: &Path, sources: &[String], hypotheses: &[String]) -> anyhow::Result<()> {
        let mut table = String::new();
        for Self { line, faults } in all {
            let names: Vec<&str> = faults.iter().map(|fault| fault.name()).collect();
            let fields = [&sources[*line], &hypotheses[*line]].map(|text| text.replace('\t', " "));
            table += &format!("{}\t{}\t{}\t{}\n", line + 1, names.join(", "), fields[0], fields[1]);
        }
        write_atomically(path, table.as_bytes()).with_context(|| format!("writing {}", path.display()))
    }
}

/// That of a package; a run has none.
fn target_language(model: &Path) -> anyhow::Result<Option<String>> {
    let path = model.join(MANIFEST_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let reading = || format!("reading {}", path.display());
    let manifest = Manifest::from_json(&fs::read(&path).with_context(reading)?).with_context(reading)?;
    Ok(Some(manifest.target_language))
}

/// Scores the model. The exit code is 1 when `--min-bleu` is not reached.
///
/// # Errors
/// A model or a file that cannot be read, files of different lengths, an option out of range, METEOR without a language.
pub fn run(args: EvaluateArgs) -> anyhow::Result<ExitCode> {
    let options = args.search.options();
    options.validate()?;
    let threads = n_threads(args.search.threads)?;
    if args.record.is_some() && args.model.iter().any(|model| !model.join(MANIFEST_FILE).exists()) {
        bail!("--record: {} is no package; scores go into a package's manifest", args.model[0].display());
    }
    ensure!(
        args.record.is_none() || args.model.len() == 1,
        "--record: scores of several models belong to none of them"
    );
    let metrics = args.metrics.chosen(target_language(&args.model[0])?.as_deref())?;
    let (mut sources, mut references) = (Vec::new(), Vec::new());
    read_moses(&args.source, &args.reference, |pair| {
        sources.push(pair.source);
        references.push(pair.target);
    })?;
    ensure!(!sources.is_empty(), "{}: no sentences inside", args.source.display());
    let translator = open_translators(&args.model, &args.source_tag)?;

    let bar = progress_bar();
    let started = Instant::now();
    let translations = translate_on_all_cores(&translator, &sources, &options, threads, |progress| {
        bar.set_length(progress.total_sentences as u64);
        bar.set_position(progress.done_sentences as u64);
    })?;
    let seconds = started.elapsed().as_secs_f64();
    bar.finish_and_clear();

    let faulty = Faulty::all(&sources, &translations);
    let hypotheses: Vec<String> = translations.into_iter().map(|translation| translation.text).collect();
    let scores = args.metrics.score(&metrics, &hypotheses, &references);
    if let Some(path) = &args.faults {
        Faulty::write(&faulty, path, &sources, &hypotheses)?;
    }
    let faults = Faulty::counts(&faulty);
    let text = if args.json {
        let report = Report { scores: by_name(&scores), faults, sentences: hypotheses.len(), seconds };
        serde_json::to_string(&report)? + "\n"
    } else {
        let lines: String = scores.iter().map(|scored| format!("{}\n", scored.line())).collect();
        let faults: Vec<String> = faults.iter().map(|(name, count)| format!("{count} {name}")).collect();
        format!("{lines}faults: {}\n{} sentences in {seconds:.1} s\n", faults.join(", "), hypotheses.len())
    };
    print(&text)?;
    if let Some(test_set) = args.record {
        let record = |scored: &Scored| Score {
            test_set: test_set.clone(),
            metric: scored.name.clone(),
            score: scored.score,
            signature: scored.signature.clone(),
            beam: args.search.beam,
        };
        if !record_scores(&args.model[0], scores.iter().map(record).collect())? {
            eprintln!("the model card was edited by hand and stays as it is; add the scores yourself");
        }
    }
    if let Some(least) = args.min_bleu {
        let metric = BleuOptions::default();
        let bleu = metric.score(&sum(&statistics(&metric, &hypotheses, &references)));
        if bleu < least {
            eprintln!("BLEU {bleu:.2} is below --min-bleu {least}");
            return Ok(ExitCode::from(1));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} sentences  {eta} left");
    ProgressBar::new(0).with_style(style.expect("a fixed template that parses"))
}
