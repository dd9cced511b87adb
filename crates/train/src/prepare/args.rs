//! What `traduko prepare` is told.

use std::path::PathBuf;

use serde::Serialize;

/// Turn parallel text into a tokenizer and encoded pairs
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct PrepareArgs {
    /// Tab-separated files: source, target, or tag, source, target; plain, gzip or zstd
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Input")]
    pub tsv: Vec<PathBuf>,
    /// Two files that correspond line by line; may be repeated
    #[arg(long, value_names = ["SOURCE", "TARGET"], num_args = 2, action = clap::ArgAction::Append, help_heading = "Input")]
    pub moses: Vec<PathBuf>,
    /// Folder for tokenizer.json, train.ids, valid.ids and prepare.json
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Subwords to learn, both languages together
    #[arg(long, default_value_t = 8000, value_name = "N", help_heading = "Tokenizer")]
    pub vocab: usize,
    /// Use this tokenizer.json instead of learning one
    #[arg(long, value_name = "FILE", help_heading = "Tokenizer")]
    pub tokenizer: Option<PathBuf>,
    /// Drop pairs with more words than this on either side
    #[arg(long, default_value_t = 100, value_name = "N", help_heading = "Filters")]
    pub max_words: usize,
    /// Drop pairs where one side has more than this many times the words of the other, plus two
    #[arg(long, default_value_t = 2.5, value_name = "R", help_heading = "Filters")]
    pub max_ratio: f64,
    /// Leave out pairs with this tag; may be repeated
    #[arg(long, value_name = "TAG", num_args = 1.., help_heading = "Mix")]
    pub exclude: Vec<String>,
    /// How often pairs with this tag come: 2 is twice, 0.3 is a random three in ten; tag * is all others
    #[arg(long, value_name = "TAG=FACTOR", num_args = 1.., value_parser = parse_weight, help_heading = "Mix")]
    pub weights: Vec<(String, f64)>,
    /// Validation text, source side
    #[arg(long, value_name = "FILE", requires = "valid_target", help_heading = "Validation")]
    pub valid_source: Option<PathBuf>,
    /// Validation text, target side
    #[arg(long, value_name = "FILE", requires = "valid_source", help_heading = "Validation")]
    pub valid_target: Option<PathBuf>,
    /// Take only the first lines of the validation text
    #[arg(long, value_name = "N", help_heading = "Validation")]
    pub valid_lines: Option<usize>,
    /// Move this many random pairs with this tag from training to validation; tag * is any
    #[arg(long, value_name = "TAG=N", num_args = 1.., value_parser = parse_hold_out, help_heading = "Validation")]
    pub hold_out: Vec<(String, usize)>,
    /// Seed of all random choices
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

fn parse_weight(text: &str) -> Result<(String, f64), String> {
    let wanted = || format!("found {text:?} (wanted TAG=FACTOR, such as tatoeba=2 or *=0.3)");
    let (tag, factor) = text.rsplit_once('=').ok_or_else(wanted)?;
    let factor: f64 = factor.parse().map_err(|_| wanted())?;
    if !(0.0..=1000.0).contains(&factor) {
        return Err(format!("factor {factor} of {tag} (wanted 0 to 1000)"));
    }
    Ok((tag.to_owned(), factor))
}

fn parse_hold_out(text: &str) -> Result<(String, usize), String> {
    let wanted = || format!("found {text:?} (wanted TAG=N, such as tatoeba=500)");
    let (tag, count) = text.rsplit_once('=').ok_or_else(wanted)?;
    Ok((tag.to_owned(), count.parse().map_err(|_| wanted())?))
}
