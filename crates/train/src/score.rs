//! `traduko score`: how probable a model finds given translations.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use serde::Serialize;
use traduko_model::{Pairs, Seq2Seq};

use crate::cores::map_on_threads;
use crate::corpus::read_moses;
use crate::device::Cpu;
use crate::native::{ModelFolder, SourceTagArgs, n_threads};
use crate::stdout::print;

/// Print the log-probability that a model gives to each of some translations
///
/// A line is one sentence, however long, and is not split. Totals go to standard error.
#[derive(Clone, Debug, clap::Args)]
pub struct ScoreArgs {
    /// Package (int8) or training run (floats)
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Source sentences, a line each; plain, gzip or zstd
    #[arg(long, value_name = "FILE")]
    pub source: PathBuf,
    /// Their translations, a line each
    #[arg(long, value_name = "FILE")]
    pub target: PathBuf,
    /// What every source begins with.
    #[command(flatten)]
    pub source_tag: SourceTagArgs,
    /// Divide by the number of target subwords, the end mark included
    #[arg(long)]
    pub normalize: bool,
    /// Print one line of JSON with the totals instead
    #[arg(long)]
    pub json: bool,
    /// Sentences scored at once by one thread
    #[arg(long, default_value_t = 16, value_name = "N", help_heading = "Speed")]
    pub batch: usize,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    pub threads: Option<usize>,
}

/// The one line of `--json`.
#[derive(Serialize)]
struct Totals {
    sentences: usize,
    /// Target subwords, end marks included.
    subwords: usize,
    log_probability: f64,
    /// Per subword.
    perplexity: f64,
}

/// Prints a number a line.
///
/// # Errors
/// A model or a file that cannot be read, files of different lengths.
pub fn run(args: ScoreArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.batch > 0, "--batch 0: found 0, expected at least 1");
    let threads = n_threads(args.threads)?;
    let (network, vocabulary, _) = ModelFolder::open(&args.model)?.into_network(&args.source_tag)?;
    let (mut sources, mut targets) = (Vec::new(), Vec::new());
    read_moses(&args.source, &args.target, |pair| {
        sources.push(pair.source);
        targets.push(pair.target);
    })?;
    let sources = sources.iter().map(|text| Ok(vocabulary.encode_source(text)?)).collect::<anyhow::Result<Vec<_>>>()?;
    let targets = targets.iter().map(|text| Ok(vocabulary.target().encode_ids(text)?));
    let targets = targets.collect::<anyhow::Result<Vec<_>>>()?;
    let scores = log_probabilities(&network, &sources, &targets, args.batch, threads)?;
    let subwords: usize = targets.iter().map(|target| target.len() + 1).sum();
    let log_probability: f64 = scores.iter().sum();
    let perplexity = (-log_probability / subwords.max(1) as f64).exp();
    if args.json {
        let totals = Totals { sentences: scores.len(), subwords, log_probability, perplexity };
        print(&(serde_json::to_string(&totals)? + "\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines = scores.iter().zip(&targets).map(|(score, target)| {
        let length = if args.normalize { (target.len() + 1) as f64 } else { 1.0 };
        format!("{:.4}\n", score / length)
    });
    print(&lines.collect::<String>())?;
    eprintln!("{} sentences, {subwords} subwords, perplexity {perplexity:.3}", scores.len());
    Ok(ExitCode::SUCCESS)
}

/// The summed log-probability of each target, like lengths side by side.
fn log_probabilities(
    network: &Seq2Seq<Cpu>,
    sources: &[Vec<u32>],
    targets: &[Vec<u32>],
    batch: usize,
    threads: usize,
) -> anyhow::Result<Vec<f64>> {
    let mut order: Vec<usize> = (0..sources.len()).collect();
    // The longest first, so that a thread that is left alone at the end has little to do.
    order.sort_by_key(|&index| std::cmp::Reverse((targets[index].len(), sources[index].len())));
    let batches: Vec<&[usize]> = order.chunks(batch).collect();
    let scored = map_on_threads(batches.len(), threads, |number| {
        let of = |all: &[Vec<u32>]| batches[number].iter().map(|&index| all[index].clone()).collect::<Vec<_>>();
        let (sources, targets) = (of(sources), of(targets));
        let pairs = Pairs { sources: &sources, targets: &targets, ..Pairs::default() };
        let rows = network.log_probabilities(&pairs, &Default::default());
        let time = rows.dims()[1];
        let values: Vec<f32> = rows.into_data().convert::<f32>().into_vec().expect("converted to f32");
        Ok(values.chunks_exact(time).map(|row| row.iter().map(|&x| f64::from(x)).sum()).collect::<Vec<f64>>())
    })?;
    let mut scores = vec![0.0; sources.len()];
    for (&index, score) in order.iter().zip(scored.into_iter().flatten()) {
        scores[index] = score;
    }
    Ok(scores)
}
