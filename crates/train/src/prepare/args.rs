//! What `traduko prepare` is told: flags, and a file with the same keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Deserializer, Serialize};

/// Turn parallel text into a tokenizer and encoded pairs
///
/// Close to what the user wrote: nothing here is checked or has its default yet, see [`super::PreparePlan`].
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrepareArgs {
    /// A TOML file with the keys of these flags (`max_words = 100`) and the files; flags override it
    ///
    /// configs/prepare-example.toml has every key.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    #[serde(skip)]
    pub mix: Option<PathBuf>,
    /// Files with what is to be taken of each: `[[file]]` in the TOML file.
    #[arg(skip)]
    pub file: Vec<FileEntry>,
    /// Tab-separated files: source, target, or tag, source, target; plain, gzip or zstd
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Input")]
    pub tsv: Vec<PathBuf>,
    /// Two files that correspond line by line; may be repeated
    #[arg(long, value_names = ["SOURCE", "TARGET"], num_args = 2, action = clap::ArgAction::Append, help_heading = "Input")]
    pub moses: Vec<PathBuf>,
    /// Take the files' second side for the source and their first for the target; validation text is as it is named
    #[arg(long, help_heading = "Input")]
    pub swap: bool,
    /// Folder for tokenizer.json (and source_tokenizer.json), train.ids, valid.ids and prepare.json
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Subwords to learn, both languages together unless --source-vocab is given [default: 8000]
    #[arg(long, value_name = "N", help_heading = "Tokenizer")]
    pub vocab: Option<usize>,
    /// Subwords to learn for the source alone; --vocab is then for the target alone
    #[arg(long, value_name = "N", help_heading = "Tokenizer")]
    pub source_vocab: Option<usize>,
    /// How words are cut into subwords [default: bpe]
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Tokenizer")]
    pub subwords: Option<SubwordKind>,
    /// Use this tokenizer.json instead of learning one
    #[arg(long, value_name = "FILE", help_heading = "Tokenizer")]
    pub tokenizer: Option<PathBuf>,
    /// Use this tokenizer.json for the source alone
    #[arg(long, value_name = "FILE", help_heading = "Tokenizer")]
    pub source_tokenizer: Option<PathBuf>,
    /// What sources of pairs with this tag begin with, one subword: <2fr> to say the language (Johnson et al., 2017), <BT> to say
    /// that they were translated back (Caswell et al., 2019); tag * is all others
    #[arg(long, value_name = "TAG=TOKEN", num_args = 1.., value_parser = parse_source_tag, help_heading = "Tokenizer")]
    #[serde(deserialize_with = "entries")]
    pub source_tags: Vec<(String, String)>,
    /// Drop pairs with more words than this on either side [default: 100]
    #[arg(long, value_name = "N", help_heading = "Cleaning")]
    pub max_words: Option<usize>,
    /// Drop pairs where one side has more than this many times the words of the other, plus two [default: 2.5]
    #[arg(long, value_name = "R", help_heading = "Cleaning")]
    pub max_ratio: Option<f64>,
    /// Drop pairs whose source is confidently in another language than this, such as en; wants --target-language too
    #[arg(long, value_name = "CODE", help_heading = "Cleaning")]
    pub source_language: Option<String>,
    /// Drop pairs whose target is confidently in another language than this, such as fr; wants --source-language too
    #[arg(long, value_name = "CODE", help_heading = "Cleaning")]
    pub target_language: Option<String>,
    /// Keep at most this many pairs of one source tag that differ only in numbers, quoted text, identifiers and addresses
    #[arg(long, value_name = "N", help_heading = "Cleaning")]
    pub max_template: Option<u32>,
    /// Drop pairs where more than this share of the target's words, four at least, stands in the source too
    #[arg(long, value_name = "SHARE", help_heading = "Cleaning")]
    pub max_copied: Option<f64>,
    /// Drop pairs that are code on both sides: identifiers, paths and signs, no sentence
    #[arg(long, help_heading = "Cleaning")]
    pub drop_code: bool,
    /// Drop pairs with what a wrong conversion between encodings leaves, such as `Ã©`
    #[arg(long, help_heading = "Cleaning")]
    pub drop_broken: bool,
    /// Drop pairs whose sides name different numbers
    #[arg(long, help_heading = "Cleaning")]
    pub match_numbers: bool,
    /// Put pairs that are in capitals on both sides into small letters
    #[arg(long, help_heading = "Cleaning")]
    pub lower_caps: bool,
    /// Give a French target the spaces before `;:!?` and inside « », and « » for “ ”; wants --target-language fr
    #[arg(long, help_heading = "Cleaning")]
    pub typography: bool,
    /// Write what the cleaning drops, as TSV: reason, tag, source, target
    #[arg(long, value_name = "FILE", help_heading = "Cleaning")]
    pub dropped: Option<PathBuf>,
    /// Leave out pairs with this tag; may be repeated
    #[arg(long, value_name = "TAG", num_args = 1.., help_heading = "Mix")]
    pub exclude: Vec<String>,
    /// How often pairs with this tag come: 2 is twice, 0.3 is a random three in ten; tag * is all others
    #[arg(long, value_name = "TAG=FACTOR", num_args = 1.., value_parser = parse_weight, help_heading = "Mix")]
    #[serde(deserialize_with = "entries")]
    pub weights: Vec<(String, f64)>,
    /// Sources of at most this many words are short: buttons, labels, headings; wants --short-weight too
    #[arg(long, value_name = "N", help_heading = "Mix")]
    pub short_words: Option<usize>,
    /// How often pairs with a short source come, times their other weights; wants --short-words too
    #[arg(long, value_name = "FACTOR", help_heading = "Mix")]
    pub short_weight: Option<f64>,
    /// Validation text, source side; wants --valid-target too
    #[arg(long, value_name = "FILE", help_heading = "Validation")]
    pub valid_source: Option<PathBuf>,
    /// Validation text, target side; wants --valid-source too
    #[arg(long, value_name = "FILE", help_heading = "Validation")]
    pub valid_target: Option<PathBuf>,
    /// Take only the first lines of the validation text
    #[arg(long, value_name = "N", help_heading = "Validation")]
    pub valid_lines: Option<usize>,
    /// Move this many random pairs with this tag from training to validation; tag * is any
    #[arg(long, value_name = "TAG=N", num_args = 1.., value_parser = parse_hold_out, help_heading = "Validation")]
    #[serde(deserialize_with = "entries")]
    pub hold_out: Vec<(String, usize)>,
    /// Seed of all random choices [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// How words are cut into subwords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubwordKind {
    /// Byte pair encoding: frequent pairs of pieces are merged (Sennrich et al., 2016)
    #[default]
    Bpe,
    /// The most probable cut by a unigram language model (Kudo, 2018)
    Unigram,
}

/// A file and what is to be taken of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// A tab-separated file, or the source side of two files that correspond line by line; relative to the working folder.
    pub path: PathBuf,
    /// The other one of two such files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<PathBuf>,
    /// How often its pairs come, times the weight of their tag.
    #[serde(default = "once")]
    pub weight: f64,
    /// Tags left out of this file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Take at most this many of its pairs, at random, before the weights repeat or sample them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_pairs: Option<usize>,
}

fn once() -> f64 {
    1.0
}

impl FileEntry {
    /// All of a file once.
    pub fn whole(path: &Path, target: Option<&Path>) -> Self {
        Self {
            path: path.to_owned(),
            target: target.map(Path::to_owned),
            weight: 1.0,
            exclude: Vec::new(),
            max_pairs: None,
        }
    }
}

impl PrepareArgs {
    /// Reads the file that `--mix` names, if it names one, and puts the flags over it.
    ///
    /// # Errors
    /// A file that cannot be read or parsed, with the line and the key.
    pub fn with_mix(self) -> anyhow::Result<Self> {
        let Some(path) = &self.mix else {
            return Ok(self);
        };
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let file = Self::parse(&text).with_context(|| path.display().to_string())?;
        Ok(self.over(file))
    }

    /// As `--mix` reads it.
    ///
    /// # Errors
    /// What is no TOML, an unknown key, a value that does not fit.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let args: Self = toml::from_str(text)?;
        for (tag, factor) in &args.weights {
            check_factor(tag, *factor).map_err(anyhow::Error::msg)?;
        }
        Ok(args)
    }

    /// These settings where they are given, those of `file` where not. Lists replace lists.
    fn over(self, file: Self) -> Self {
        fn list<T>(flag: Vec<T>, file: Vec<T>) -> Vec<T> {
            if flag.is_empty() { file } else { flag }
        }
        let names_files = !self.tsv.is_empty() || !self.moses.is_empty();
        Self {
            mix: self.mix,
            file: if names_files { Vec::new() } else { file.file },
            tsv: if names_files { self.tsv } else { file.tsv },
            moses: if names_files { self.moses } else { file.moses },
            swap: self.swap || file.swap,
            out: self.out.or(file.out),
            vocab: self.vocab.or(file.vocab),
            subwords: self.subwords.or(file.subwords),
            source_vocab: self.source_vocab.or(file.source_vocab),
            tokenizer: self.tokenizer.or(file.tokenizer),
            source_tokenizer: self.source_tokenizer.or(file.source_tokenizer),
            source_tags: list(self.source_tags, file.source_tags),
            max_words: self.max_words.or(file.max_words),
            max_ratio: self.max_ratio.or(file.max_ratio),
            source_language: self.source_language.or(file.source_language),
            target_language: self.target_language.or(file.target_language),
            max_template: self.max_template.or(file.max_template),
            max_copied: self.max_copied.or(file.max_copied),
            drop_code: self.drop_code || file.drop_code,
            drop_broken: self.drop_broken || file.drop_broken,
            match_numbers: self.match_numbers || file.match_numbers,
            lower_caps: self.lower_caps || file.lower_caps,
            typography: self.typography || file.typography,
            dropped: self.dropped.or(file.dropped),
            exclude: list(self.exclude, file.exclude),
            weights: list(self.weights, file.weights),
            short_words: self.short_words.or(file.short_words),
            short_weight: self.short_weight.or(file.short_weight),
            valid_source: self.valid_source.or(file.valid_source),
            valid_target: self.valid_target.or(file.valid_target),
            valid_lines: self.valid_lines.or(file.valid_lines),
            hold_out: list(self.hold_out, file.hold_out),
            seed: self.seed.or(file.seed),
        }
    }
}

/// A table of the TOML file as the list that a flag gives.
fn entries<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<(String, T)>, D::Error> {
    Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
}

fn parse_weight(text: &str) -> Result<(String, f64), String> {
    let wanted = || format!("found {text:?} (wanted TAG=FACTOR, such as tatoeba=2 or *=0.3)");
    let (tag, factor) = text.rsplit_once('=').ok_or_else(wanted)?;
    let factor: f64 = factor.parse().map_err(|_| wanted())?;
    check_factor(tag, factor)?;
    Ok((tag.to_owned(), factor))
}

pub(super) fn check_factor(name: &str, factor: f64) -> Result<(), String> {
    match (0.0..=1000.0).contains(&factor) {
        true => Ok(()),
        false => Err(format!("factor {factor} of {name} (wanted 0 to 1000)")),
    }
}

fn parse_source_tag(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').ok_or_else(|| format!("found {text:?} (wanted TAG=TOKEN, such as news=<2fr>)"))?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

fn parse_hold_out(text: &str) -> Result<(String, usize), String> {
    let wanted = || format!("found {text:?} (wanted TAG=N, such as tatoeba=500)");
    let (tag, count) = text.rsplit_once('=').ok_or_else(wanted)?;
    Ok((tag.to_owned(), count.parse().map_err(|_| wanted())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_over_the_file() {
        let file = PrepareArgs::parse(
            "vocab = 9\nmax_words = 50\ntypography = true\n[weights]\ntatoeba = 2\n[[file]]\npath = \"a.tsv\"\nweight = 0.3\n",
        )
        .unwrap();
        assert_eq!(file.file, [FileEntry { weight: 0.3, ..FileEntry::whole(Path::new("a.tsv"), None) }]);
        let flags = PrepareArgs { vocab: Some(7), ..PrepareArgs::default() };
        let both = flags.clone().over(file.clone());
        assert_eq!((both.vocab, both.max_words, both.typography), (Some(7), Some(50), true));
        assert_eq!((both.weights, both.file.len()), (vec![("tatoeba".into(), 2.0)], 1));
        let both = PrepareArgs { tsv: vec!["b.tsv".into()], ..flags }.over(file);
        assert!(both.file.is_empty(), "files named by flags replace the file's");
    }

    #[test]
    fn the_configurations_of_this_repository_are_complete() {
        let read = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(name);
            let text = std::fs::read_to_string(path).unwrap();
            (PrepareArgs::parse(&text).unwrap(), text)
        };
        let (example, text) = read("prepare-example.toml");
        let plan = super::super::PreparePlan::new(example).unwrap();
        assert_eq!((plan.files.len(), plan.weights.len(), plan.hold_out.len()), (2, 2, 1));
        // Every key is in the example: those that serde names when it meets a stranger.
        let error = PrepareArgs::parse("stranger = 1").unwrap_err().to_string();
        let keys: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert!(keys.len() > 20, "{error}");
        for key in keys {
            let forms = [format!("{key} = "), format!("[{key}]"), format!("[[{key}]]")];
            assert!(forms.iter().any(|form| text.contains(form)), "configs/prepare-example.toml lacks {key}");
        }
        let (flagship, _) = read("flagship-v0-data.toml");
        let plan = super::super::PreparePlan::new(flagship).unwrap();
        assert_eq!((plan.files.len(), plan.vocab, plan.clean.max_words), (7, 16_000, 100));
    }

    #[test]
    fn unknown_keys_and_bad_values_are_named() {
        let error = |text| format!("{:#}", PrepareArgs::parse(text).unwrap_err());
        assert!(error("vocabulary = 3\n").contains("unknown field `vocabulary`"));
        let message = error("vocab = 3\n[[file]]\npath = \"a\"\nfactor = 2\n");
        assert!(message.contains("line 4") && message.contains("unknown field `factor`"), "{message}");
        assert!(error("[[file]]\nweight = 2\n").contains("missing field `path`"));
        assert!(error("[weights]\na = -1.0\n").contains("factor -1 of a"));
    }
}
