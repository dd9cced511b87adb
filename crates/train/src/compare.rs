//! `traduko compare`: translations in files against a reference, and against each other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use serde::Serialize;

use crate::corpus::read_lines;
use crate::metrics::{Bootstrap, Interval, Metric, MetricKind, statistics, sum};
use crate::stdout::print;

mod by_length;

/// Score translations in files, and tell differences from chance
#[derive(Clone, Debug, clap::Args)]
pub struct CompareArgs {
    /// Translations, a line each; where there are several files, the others are compared with the first
    #[arg(required = true, value_name = "FILE")]
    pub translations: Vec<PathBuf>,
    /// Reference translations, a line each; plain, gzip or zstd
    #[arg(long, value_name = "FILE")]
    pub reference: PathBuf,
    /// How to score.
    #[command(flatten)]
    pub metrics: MetricArgs,
    /// Print the scores by length as well: of sentences whose reference has up to so many words, ascending; longer ones come last
    ///
    /// Without WORDS it stands behind the files: a file behind it would be taken for them.
    #[arg(long, value_delimiter = ',', num_args = 0..=1, default_missing_value = "5,10,15,20,30", value_name = "WORDS")]
    pub by_length: Vec<usize>,
    /// Draw them into this HTML page
    #[arg(long, requires = "by_length", value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long, conflicts_with = "by_length")]
    pub json: bool,
}

/// Which metrics, and how sure one is of them.
#[derive(Clone, Debug, clap::Args)]
pub struct MetricArgs {
    /// Metrics, separated by commas
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "bleu,chrf",
        value_name = "NAMES",
        help_heading = "Metrics"
    )]
    pub metrics: Vec<MetricKind>,
    /// Give 95% confidence intervals from so many bootstrap resamples, 1000 for instance
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..), help_heading = "Metrics")]
    pub resamples: Option<u64>,
    /// Language of the references, whose stems METEOR looks at [default: a package's target language]
    #[arg(long, value_name = "CODE", help_heading = "Metrics")]
    pub language: Option<String>,
}

/// What one metric says of one system.
#[derive(Clone, Debug, Serialize)]
pub struct Scored {
    /// The metric's short name.
    #[serde(skip)]
    pub name: String,
    /// The score.
    pub score: f64,
    /// How it was computed.
    pub signature: String,
    /// Half the width of the 95% confidence interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plus_minus: Option<f64>,
    /// How probable so large a difference from the first system would be if there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    #[serde(skip)]
    line: String,
    #[serde(skip)]
    bootstrap: Option<Bootstrap>,
}

impl Scored {
    fn new(metric: &dyn Metric, statistics: &[Vec<f64>], resamples: Option<usize>) -> Self {
        let bootstrap = resamples.map(|resamples| Bootstrap::new(metric, statistics, resamples));
        let (sums, interval) = (sum(statistics), bootstrap.as_ref().map(Bootstrap::interval));
        let mut line = metric.line(&sums);
        if let Some(Interval { mean, half_width }) = interval {
            line += &format!(" (95%: {mean:.2} ± {half_width:.2})");
        }
        Self {
            name: metric.name(),
            score: metric.score(&sums),
            signature: metric.signature(),
            plus_minus: interval.map(|interval| interval.half_width),
            p: None,
            line,
            bootstrap,
        }
    }

    fn compare_with(&mut self, first: &Self) {
        if let (Some(bootstrap), Some(first)) = (&self.bootstrap, &first.bootstrap) {
            let p = bootstrap.p_value(first);
            self.line += &format!(", p = {p:.4}");
            self.p = Some(p);
        }
    }

    /// All that is known, on one line.
    pub fn line(&self) -> &str {
        &self.line
    }
}

impl MetricArgs {
    /// The metrics that were asked for, for references in `target_language` where no other was named.
    ///
    /// # Errors
    /// METEOR where the language is not known.
    pub fn chosen(&self, target_language: Option<&str>) -> anyhow::Result<Vec<Box<dyn Metric>>> {
        let language = self.language.as_deref().or(target_language);
        ensure!(
            language.is_some() || !self.metrics.contains(&MetricKind::Meteor),
            "--metrics meteor: wanted --language, whose stems METEOR looks at"
        );
        Ok(self.metrics.iter().map(|kind| kind.metric(language.unwrap_or_default())).collect())
    }

    /// Scores one system with some metrics.
    pub fn score(&self, metrics: &[Box<dyn Metric>], hyps: &[String], refs: &[String]) -> Vec<Scored> {
        let resamples = self.resamples.map(|resamples| resamples as usize);
        metrics.iter().map(|metric| Scored::new(&**metric, &statistics(&**metric, hyps, refs), resamples)).collect()
    }
}

/// By the metrics' names, for JSON.
pub fn by_name(scores: &[Scored]) -> BTreeMap<&str, &Scored> {
    scores.iter().map(|scored| (scored.name.as_str(), scored)).collect()
}

/// One system's part of the JSON.
#[derive(Serialize)]
struct System<'a> {
    file: String,
    scores: BTreeMap<&'a str, &'a Scored>,
}

/// Prints a line a metric for every file.
///
/// # Errors
/// A file that cannot be read, files of different lengths, METEOR without a language.
pub fn run(args: CompareArgs) -> anyhow::Result<ExitCode> {
    let refs = read_lines(&args.reference)?;
    ensure!(!refs.is_empty(), "{}: no sentences inside", args.reference.display());
    let metrics = args.metrics.chosen(None)?;
    let lengths = (!args.by_length.is_empty()).then(|| by_length::Lengths::new(&args.by_length, &refs)).transpose()?;
    let mut systems: Vec<(String, Vec<Scored>)> = Vec::new();
    let mut translations = Vec::new();
    for path in &args.translations {
        let hyps = read_lines(path)?;
        let (file, n) = (path.display().to_string(), hyps.len());
        let reference = args.reference.display();
        ensure!(n == refs.len(), "{file} has {n} lines and {reference} has {}; wanted as many", refs.len());
        let mut scores = args.metrics.score(&metrics, &hyps, &refs);
        if let Some((_, first)) = systems.first() {
            scores.iter_mut().zip(first).for_each(|(scored, first)| scored.compare_with(first));
        }
        translations.push((file.clone(), hyps));
        systems.push((file, scores));
    }
    if args.json {
        let systems: Vec<System> =
            systems.iter().map(|(file, scores)| System { file: file.clone(), scores: by_name(scores) }).collect();
        print(&(serde_json::to_string(&systems)? + "\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for (file, scores) in &systems {
        text += &format!("{file}\n");
        scores.iter().for_each(|scored| text += &format!("  {}\n", scored.line()));
    }
    print(&text)?;
    if let Some(lengths) = &lengths {
        by_length::report(lengths, &metrics, args.plot.as_deref(), &translations, &refs)?;
    }
    Ok(ExitCode::SUCCESS)
}
