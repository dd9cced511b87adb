//! The training toolkit: one verb each for what a model goes through.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use traduko_train::{config::TrainConfig, prepare, train};

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
    Prepare(prepare::PrepareArgs),
    /// Train a network
    Train(train::TrainArgs),
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
        Verb::Prepare(args) => prepare::run(args).map(|_| ExitCode::SUCCESS),
        Verb::Train(args) => train::run(args).map(|()| ExitCode::SUCCESS),
        Verb::Config { config, overrides } => {
            print!("{}", TrainConfig::read(&config, &overrides)?.to_toml()?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
