//! The training toolkit: one verb each for what a model goes through.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use traduko_train::{
    align, bench, compare, config::TrainConfig, evaluate, export, inspect, prepare, report, score, stdout, synthesize,
    train, translate, untrained, weights,
};

/// Train, try and package recurrent translation models.
#[derive(Parser)]
#[command(name = "traduko", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Turn parallel text into encoded sentence pairs and a tokenizer
    Prepare(Box<prepare::PrepareArgs>),
    /// Learn which subwords of prepared pairs translate each other
    Align(align::AlignArgs),
    /// Train a network
    Train(train::TrainArgs),
    /// Translate standard input to standard output, a line a line
    Translate(translate::TranslateArgs),
    /// Translate a test set and score it
    Evaluate(evaluate::EvaluateArgs),
    /// Score translations in files, and tell differences from chance
    Compare(compare::CompareArgs),
    /// Print the log-probability that a model gives to each of some translations
    Score(score::ScoreArgs),
    /// Quantize a training run and package it
    Export(export::ExportArgs),
    /// Package a network of random weights, to time an architecture before it is trained
    Untrained(untrained::UntrainedArgs),
    /// Show what is in a package or a training run
    Inspect(inspect::InspectArgs),
    /// Save a run's weights alone, in bf16 pieces, or the average of its last validations
    Weights(weights::WeightsArgs),
    /// Measure how fast a configuration trains
    Bench(bench::BenchArgs),
    /// Write a page with a run's curves, configuration and attention
    Report(report::ReportArgs),
    /// Translate text of one language into parallel text to train on
    Synthesize(synthesize::SynthesizeArgs),
    /// Print a configuration, complete
    Config {
        /// The experiment, a TOML file
        config: std::path::PathBuf,
        /// Override a key, such as train.batch_tokens=4096
        #[arg(long = "set", value_name = "KEY=VALUE")]
        overrides: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Prepare(args) => prepare::run(*args).map(|_| ExitCode::SUCCESS),
        Verb::Align(args) => align::run(args).map(|()| ExitCode::SUCCESS),
        Verb::Train(args) => train::run(args).map(|()| ExitCode::SUCCESS),
        Verb::Translate(args) => translate::run(args),
        Verb::Evaluate(args) => evaluate::run(args),
        Verb::Compare(args) => compare::run(args),
        Verb::Score(args) => score::run(args),
        Verb::Export(args) => export::run(args),
        Verb::Untrained(args) => untrained::run(args),
        Verb::Inspect(args) => inspect::run(args),
        Verb::Weights(args) => weights::run(args),
        Verb::Bench(args) => bench::run(args).map(|()| ExitCode::SUCCESS),
        Verb::Report(args) => report::run(args),
        Verb::Synthesize(args) => synthesize::run(args).map(|()| ExitCode::SUCCESS),
        Verb::Config { config, overrides } => {
            stdout::print(&TrainConfig::read(&config, &overrides)?.to_toml()?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
