//! What `prepare` does, complete and checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use serde::{Serialize, Serializer};
use traduko_text::{check_tag, language_code};
use whatlang::Lang;

use super::args::{FileEntry, PrepareArgs, SubwordKind, check_factor};

/// The settings of one run, all of them. `prepare.json` keeps them.
#[derive(Clone, Debug, Serialize)]
pub struct PreparePlan {
    /// What is read, in this order.
    pub files: Vec<FileEntry>,
    /// Whether their sides change places.
    pub swap: bool,
    /// The folder for the results.
    pub out: PathBuf,
    /// Subwords to learn.
    pub vocab: usize,
    /// How words are cut into them.
    pub subwords: SubwordKind,
    /// Subwords to learn for the source alone.
    pub source_vocab: Option<usize>,
    /// A tokenizer to use instead.
    pub tokenizer: Option<PathBuf>,
    /// A tokenizer to use for the source alone.
    pub source_tokenizer: Option<PathBuf>,
    /// What sources begin with, by the tag of their pair.
    pub source_tags: BTreeMap<String, String>,
    /// What is dropped and respelled.
    #[serde(flatten)]
    pub clean: CleanPlan,
    /// Where the dropped pairs go.
    pub dropped: Option<PathBuf>,
    /// Tags left out of every file.
    pub exclude: Vec<String>,
    /// How often pairs with a tag come.
    pub weights: Vec<(String, f64)>,
    /// Most words of a short source, and how often pairs with one come.
    pub short: Option<(usize, f64)>,
    /// Validation text, source and target.
    pub valid: Option<(PathBuf, PathBuf)>,
    /// How many lines of it.
    pub valid_lines: Option<usize>,
    /// Pairs moved to validation, by tag.
    pub hold_out: Vec<(String, usize)>,
    /// Seed of all random choices.
    pub seed: u64,
}

/// What is dropped and respelled.
#[derive(Clone, Debug, Serialize)]
pub struct CleanPlan {
    /// Most words of a side.
    pub max_words: usize,
    /// Most words of a side for each word of the other.
    pub max_ratio: f64,
    /// The languages of source and target, where they are to be checked.
    #[serde(serialize_with = "codes")]
    pub languages: Option<(Lang, Lang)>,
    /// Most pairs of one template.
    pub max_template: Option<u32>,
    /// Largest share of the target's words that may stand in the source.
    pub max_copied: Option<f64>,
    /// Whether pairs of code are dropped.
    pub drop_code: bool,
    /// Whether pairs with broken characters are dropped.
    pub drop_broken: bool,
    /// Whether pairs with different numbers are dropped.
    pub match_numbers: bool,
    /// Whether pairs in capitals are put in small letters.
    pub lower_caps: bool,
    /// Whether the target gets French spaces.
    pub typography: bool,
}

impl Default for CleanPlan {
    fn default() -> Self {
        Self {
            max_words: 100,
            max_ratio: 2.5,
            languages: None,
            max_template: None,
            max_copied: None,
            drop_code: false,
            drop_broken: false,
            match_numbers: false,
            lower_caps: false,
            typography: false,
        }
    }
}

fn codes<S: Serializer>(languages: &Option<(Lang, Lang)>, serializer: S) -> Result<S::Ok, S::Error> {
    languages.map(|(source, target)| (source.code(), target.code())).serialize(serializer)
}

impl PreparePlan {
    /// What the source of a pair with this tag begins with.
    pub fn source_tag(&self, tag: &str) -> Option<&str> {
        self.source_tags.get(tag).or_else(|| self.source_tags.get("*")).map(String::as_str)
    }

    /// Settles what `args` leave open and checks what they say.
    ///
    /// # Errors
    /// What is missing, contradicts itself or is out of range, by the name of its flag.
    pub fn new(args: PrepareArgs) -> anyhow::Result<Self> {
        let args = args.with_mix()?;
        let mut files = args.file;
        files.extend(args.tsv.iter().map(|path| FileEntry::whole(path, None)));
        ensure!(args.moses.len().is_multiple_of(2), "moses: found {} files (wanted pairs of two)", args.moses.len());
        files.extend(args.moses.chunks_exact(2).map(|both| FileEntry::whole(&both[0], Some(&both[1]))));
        ensure!(!files.is_empty(), "nothing to read (give --tsv FILE, --moses SOURCE TARGET or --mix FILE)");
        for file in &files {
            check_factor(&file.path.display().to_string(), file.weight).map_err(anyhow::Error::msg)?;
        }
        let Some(out) = args.out else { bail!("nowhere to write (give --out DIR)") };
        let mut tags: Vec<&str> = args.weights.iter().map(|(tag, _)| tag.as_str()).collect();
        tags.sort_unstable();
        ensure!(tags.windows(2).all(|two| two[0] != two[1]), "--weights names a tag twice (wanted each once)");
        let short = match (args.short_words, args.short_weight) {
            (None, None) => None,
            (Some(words), Some(factor)) => {
                check_factor("--short-weight", factor).map_err(anyhow::Error::msg)?;
                Some((words, factor))
            }
            _ => bail!("short sources by half (wanted --short-words and --short-weight)"),
        };
        let valid = match (args.valid_source, args.valid_target) {
            (None, None) => None,
            (Some(source), Some(target)) => Some((source, target)),
            _ => bail!("validation text with one side only (wanted --valid-source and --valid-target)"),
        };
        let language = |flag: &str, code: &str| language_code(code).map_err(|error| anyhow::anyhow!("{flag}: {error}"));
        let languages = match (&args.source_language, &args.target_language) {
            (None, None) => None,
            (Some(source), Some(target)) => {
                Some((language("--source-language", source)?, language("--target-language", target)?))
            }
            _ => bail!("the language of one side only (wanted --source-language and --target-language)"),
        };
        let is_french = languages.is_some_and(|(_, target)| target == Lang::Fra);
        ensure!(!args.typography || is_french, "--typography knows French only (give --target-language fr)");
        ensure!(
            args.source_vocab.is_none() || args.source_tokenizer.is_none(),
            "--source-vocab learns what --source-tokenizer gives (wanted one of them)"
        );
        let is_half = args.tokenizer.is_some() && args.source_vocab.is_some();
        ensure!(!is_half, "--tokenizer with --source-vocab (wanted --source-tokenizer, so that none is learned)");
        let is_half = args.source_tokenizer.is_some() && args.tokenizer.is_none();
        ensure!(!is_half, "--source-tokenizer without --tokenizer (wanted both, so that none is learned)");
        args.source_tags.iter().try_for_each(|(_, tag)| check_tag(tag)).context("--source-tags")?;
        let share = args.max_copied.unwrap_or(1.0);
        ensure!((0.0..=1.0).contains(&share), "--max-copied {share} (wanted 0 to 1)");
        ensure!(args.max_template != Some(0), "--max-template 0 (wanted at least 1)");
        let default = CleanPlan::default();
        Ok(Self {
            files,
            swap: args.swap,
            out,
            vocab: args.vocab.unwrap_or(8000),
            subwords: args.subwords.unwrap_or_default(),
            source_vocab: args.source_vocab,
            tokenizer: args.tokenizer,
            source_tokenizer: args.source_tokenizer,
            source_tags: args.source_tags.into_iter().collect(),
            clean: CleanPlan {
                max_words: args.max_words.unwrap_or(default.max_words),
                max_ratio: args.max_ratio.unwrap_or(default.max_ratio),
                languages,
                max_template: args.max_template,
                max_copied: args.max_copied,
                drop_code: args.drop_code,
                drop_broken: args.drop_broken,
                match_numbers: args.match_numbers,
                lower_caps: args.lower_caps,
                typography: args.typography,
            },
            dropped: args.dropped,
            exclude: args.exclude,
            weights: args.weights,
            short,
            valid,
            valid_lines: args.valid_lines,
            hold_out: args.hold_out,
            seed: args.seed.unwrap_or(1),
        })
    }
}
