//! What `traduko align` is told.

use std::path::PathBuf;

use super::symmetrize::Symmetrization;

/// Align the subwords of encoded pairs
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("text").args(["source", "markup"])))]
#[command(group(clap::ArgGroup::new("scores").args(["gold", "markup"])))]
pub struct AlignArgs {
    /// Folder of `traduko prepare`; train.align is written into it
    #[arg(long, value_name = "DIR", required_unless_present = "model")]
    pub data: Option<PathBuf>,
    /// Take the links from the first attention head of this package or training run instead
    #[arg(long, value_name = "DIR", requires = "text", conflicts_with = "data", help_heading = "Text")]
    pub model: Option<PathBuf>,
    /// Passes of IBM model 1
    #[arg(long, default_value_t = 5, value_name = "N", help_heading = "Model")]
    pub iterations_ibm1: usize,
    /// Passes of the hidden Markov model
    #[arg(long, default_value_t = 5, value_name = "N", help_heading = "Model")]
    pub iterations_hmm: usize,
    /// Learn from about this many of the pairs, evenly spread over all, and align all [default: learn from all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Model")]
    pub learn_from: Option<u64>,
    /// How the links of both directions are joined; the default has the lowest error on tests/alignments
    #[arg(long, value_enum, default_value = "grow-diag-final-and", value_name = "HOW", help_heading = "Model")]
    pub symmetrize: Symmetrization,
    /// Align these sentences instead, source side: they join the folder's pairs, and their word links are printed as 0-0 1-2,
    /// a line a pair; train.align is not touched
    #[arg(long, value_name = "FILE", requires = "target", help_heading = "Text")]
    pub source: Option<PathBuf>,
    /// Align these sentences instead, target side
    #[arg(long, value_name = "FILE", requires = "source", help_heading = "Text")]
    pub target: Option<PathBuf>,
    /// Print no links but how far they are from these, made by hand: precision, recall and alignment error rate of every
    /// --symmetrize
    #[arg(long, value_name = "FILE", requires = "source", help_heading = "Text")]
    pub gold: Option<PathBuf>,
    /// Print how many elements of these tab-separated pairs, such as <b1>..</b1>, the links put where they are in the target
    /// by hand; with --model also in translations of its own, as far as these have the words
    #[arg(long, value_name = "FILE", help_heading = "Text")]
    pub markup: Option<PathBuf>,
    /// List the elements that are put elsewhere
    #[arg(long, requires = "markup", help_heading = "Text")]
    pub wrong: bool,
    /// Print one line of JSON instead of the table of --gold or --markup
    #[arg(long, requires = "scores", help_heading = "Text")]
    pub json: bool,
    /// Threads to align with; the links do not depend on it [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    pub threads: Option<usize>,
}
