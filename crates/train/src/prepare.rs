//! `traduko prepare`: from parallel text to a tokenizer and encoded pairs.
//!
//! Reads, normalises, cleans, draws the mix by file and tag, learns the subwords of both languages and encodes on all
//! cores. Each step counts what it drops and why; `prepare.json` keeps the counts beside the data.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::Serialize;
use traduko_text::{SubwordTokenizer, Vocabulary};

mod args;
pub mod clean;
mod plan;
mod read;
pub use args::{FileEntry, PrepareArgs, SubwordKind};
pub use plan::{CleanPlan, PreparePlan};

use crate::atomic::write_atomically;
use crate::corpus::{Pair, read_moses};
use crate::dataset::Dataset;
use crate::tokenizers::TokenizerFiles;
use clean::{Cleaner, Fault};
use read::{DroppedFile, Kept, normalized, read_pairs};

/// How many pairs went where.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Pairs in the files.
    pub read: usize,
    /// Dropped pairs by reason.
    pub dropped: BTreeMap<String, usize>,
    /// The same for each file, before validation and mix.
    pub files: BTreeMap<String, FileCount>,
    /// Pairs kept, before the mix repeats or samples them.
    pub kept: usize,
    /// Pairs and target tokens of the training set by tag.
    pub tags: BTreeMap<String, TagCount>,
    /// Pairs in train.ids.
    pub train_pairs: usize,
    /// Source tokens in train.ids, end marks not counted.
    pub train_source_tokens: usize,
    /// Target tokens in train.ids, end marks not counted.
    pub train_target_tokens: usize,
    /// Pairs in valid.ids.
    pub valid_pairs: usize,
    /// Target tokens in valid.ids, end marks not counted.
    pub valid_target_tokens: usize,
    /// Size of the target's vocabulary, or of both sides'.
    pub n_vocab: usize,
    /// Size of the source's own vocabulary; 0 where both sides share one.
    pub n_source_vocab: usize,
}

/// What one file contributes before the mix.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FileCount {
    /// Pairs in it.
    pub read: usize,
    /// Dropped pairs by reason.
    pub dropped: BTreeMap<String, usize>,
    /// Pairs kept.
    pub kept: usize,
}

/// What one tag contributes to the training set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TagCount {
    /// Pairs, repeats counted.
    pub pairs: usize,
    /// Their target tokens.
    pub target_tokens: usize,
}

#[derive(Serialize)]
struct Record<'a> {
    arguments: &'a PreparePlan,
    summary: &'a Summary,
}

/// Does it all; the result lies in the folder `--out`.
///
/// # Errors
/// When a file cannot be read or written, an argument fits nothing in the corpus, or no pair is left.
pub fn run(args: PrepareArgs) -> anyhow::Result<Summary> {
    let plan = PreparePlan::new(args)?;
    let started = Instant::now();
    let mut summary = Summary::default();
    let mut dropped = DroppedFile::create(plan.dropped.as_deref())?;
    let mut pairs = read_pairs(&plan, &mut summary, &mut dropped)?;
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let valid = take_validation(&plan, &mut pairs, &mut summary, &mut dropped, &mut rng)?;
    dropped.finish()?;
    eprintln!("{} pairs read and cleaned in {:.1} s", summary.read, started.elapsed().as_secs_f64());
    summary.kept = pairs.len();
    let train = mix(&plan, pairs, &mut summary, &mut rng);
    ensure!(!train.is_empty(), "no pair is left to train on: {}", counts(summary.read, &summary.dropped, summary.kept));

    let vocabulary = vocabulary(&plan, &train)?;
    summary.n_vocab = vocabulary.target().n_vocab();
    summary.n_source_vocab = vocabulary.n_source_vocab();
    let train_set = encode(&plan, &vocabulary, &train, "training")?;
    let valid_set = encode(&plan, &vocabulary, &valid, "validation")?;
    for (index, pair) in train.iter().enumerate() {
        let count = summary.tags.entry(pair.tag.clone()).or_default();
        count.pairs += 1;
        count.target_tokens += train_set.target(index).len();
    }
    summary.train_pairs = train_set.len();
    summary.train_source_tokens = train_set.source_tokens();
    summary.train_target_tokens = train_set.target_tokens();
    summary.valid_pairs = valid_set.len();
    summary.valid_target_tokens = valid_set.target_tokens();

    fs::create_dir_all(&plan.out).with_context(|| format!("creating {}", plan.out.display()))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = plan.out.join(name);
        write_atomically(&path, bytes).with_context(|| format!("writing {}", path.display()))
    };
    TokenizerFiles::of(&vocabulary)?.write(&plan.out)?;
    train_set.write(&plan.out.join("train.ids"))?;
    valid_set.write(&plan.out.join("valid.ids"))?;
    let record = Record { arguments: &plan, summary: &summary };
    write("prepare.json", &serde_json::to_vec_pretty(&record)?)?;
    report(&summary);
    Ok(summary)
}

fn spinner(message: String) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(std::time::Duration::from_millis(200));
    spinner
}

/// Collects the validation pairs and removes from `pairs` whatever shares a side with one of them.
fn take_validation(
    plan: &PreparePlan,
    pairs: &mut Vec<Kept>,
    summary: &mut Summary,
    dropped: &mut DroppedFile,
    rng: &mut StdRng,
) -> anyhow::Result<Vec<Pair>> {
    let mut valid = Vec::new();
    if let Some((source, target)) = &plan.valid {
        let cleaner = Cleaner::new(&plan.clean);
        let limit = plan.valid_lines.unwrap_or(usize::MAX);
        read_moses(source, target, |pair| {
            if valid.len() < limit {
                let mut pair = normalized(pair);
                cleaner.respell(&mut pair);
                valid.push(pair);
            }
        })?;
    }
    for (tag, count) in &plan.hold_out {
        let mut fitting: Vec<usize> = (0..pairs.len()).filter(|&i| tag == "*" || pairs[i].pair.tag == *tag).collect();
        if fitting.len() <= *count {
            bail!("--hold-out {tag}={count}: only {} pairs have that tag (wanted more)", fitting.len());
        }
        fitting.shuffle(rng);
        let taken: HashSet<usize> = fitting[..*count].iter().copied().collect();
        let mut index = 0;
        pairs.retain(|kept| {
            let is_taken = taken.contains(&index);
            if is_taken {
                valid.push(kept.pair.clone());
            }
            index += 1;
            !is_taken
        });
    }
    let sources: HashSet<&str> = valid.iter().map(|pair| pair.source.as_str()).collect();
    let targets: HashSet<&str> = valid.iter().map(|pair| pair.target.as_str()).collect();
    let is_held = |pair: &Pair| sources.contains(pair.source.as_str()) || targets.contains(pair.target.as_str());
    for kept in pairs.iter().filter(|kept| is_held(&kept.pair)) {
        *summary.dropped.entry(Fault::InValidation.to_string()).or_default() += 1;
        dropped.push(Fault::InValidation, &kept.pair)?;
    }
    pairs.retain(|kept| !is_held(&kept.pair));
    Ok(valid)
}

/// Takes of each file what it may give, then repeats and samples pairs by the weights of their file, their tag and their length.
fn mix(plan: &PreparePlan, mut pairs: Vec<Kept>, summary: &mut Summary, rng: &mut StdRng) -> Vec<Pair> {
    let before = pairs.len();
    for (file, most) in plan.files.iter().enumerate().filter_map(|(i, file)| Some((i, file.max_pairs?))) {
        let mut order: Vec<usize> = (0..pairs.len()).filter(|&i| pairs[i].file == file).collect();
        order.shuffle(rng);
        let beyond: HashSet<usize> = order.into_iter().skip(most).collect();
        let mut index = 0;
        pairs.retain(|_| {
            index += 1;
            !beyond.contains(&(index - 1))
        });
    }
    let factors: BTreeMap<&str, f64> = plan.weights.iter().map(|(tag, factor)| (tag.as_str(), *factor)).collect();
    let others = factors.get("*").copied().unwrap_or(1.0);
    let mut mixed = Vec::new();
    let mut unsampled = before - pairs.len();
    for Kept { pair, file } in pairs {
        let short = plan.short.filter(|(words, _)| pair.source.split_whitespace().count() <= *words);
        let tag = factors.get(pair.tag.as_str()).copied().unwrap_or(others);
        let factor = plan.files[file].weight * tag * short.map_or(1.0, |(_, factor)| factor);
        let copies = factor.floor() as usize + usize::from(rng.random::<f64>() < factor.fract());
        unsampled += usize::from(copies == 0);
        mixed.extend(std::iter::repeat_n(pair, copies));
    }
    if unsampled > 0 {
        summary.dropped.insert("not drawn".into(), unsampled);
    }
    mixed
}

/// Reads or learns the subwords of both sides.
fn vocabulary(plan: &PreparePlan, train: &[Pair]) -> anyhow::Result<Vocabulary> {
    let mut tags: Vec<&str> = plan.source_tags.values().map(String::as_str).collect();
    tags.sort_unstable();
    tags.dedup();
    let sources = || train.iter().map(|pair| pair.source.as_str());
    let targets = || train.iter().map(|pair| pair.target.as_str());
    let vocabulary = match (&plan.tokenizer, plan.source_vocab) {
        (Some(path), _) => {
            let source = plan.source_tokenizer.as_deref().map(read_tokenizer).transpose()?;
            Vocabulary::new(read_tokenizer(path)?, source)
        }
        (None, Some(n_source)) => {
            let source = learn(plan.subwords, n_source, &tags, "source ", sources)?;
            Vocabulary::new(learn(plan.subwords, plan.vocab, &[], "target ", targets)?, Some(source))
        }
        (None, None) => {
            let sentences = || train.iter().flat_map(|pair| [pair.source.as_str(), pair.target.as_str()]);
            learn(plan.subwords, plan.vocab, &tags, "", sentences)?.into()
        }
    };
    for tag in tags {
        vocabulary.source().tag(tag).context("--source-tags")?;
    }
    Ok(vocabulary)
}

fn read_tokenizer(path: &Path) -> anyhow::Result<SubwordTokenizer> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    SubwordTokenizer::from_json(&bytes).with_context(|| format!("reading {}", path.display()))
}

/// Learns at most `n` subwords, `tags` among them.
fn learn<'a, I: Iterator<Item = &'a str> + Send>(
    kind: SubwordKind,
    n: usize,
    tags: &[&str],
    of: &str,
    sentences: impl Fn() -> I,
) -> anyhow::Result<SubwordTokenizer> {
    let learning = Instant::now();
    let spinner = spinner(format!("learning {n} {of}subwords from {} sentences", sentences().count()));
    let n_words = n.saturating_sub(tags.len());
    let tokenizer = match kind {
        SubwordKind::Bpe => traduko_text::train(sentences(), n_words)?,
        SubwordKind::Unigram => traduko_text::train_unigram(sentences(), n_words)?,
    };
    let tokenizer = tokenizer.with_tags(tags).context("--source-tags")?;
    spinner.finish_and_clear();
    eprintln!("{} {of}subwords learned in {:.1} s", tokenizer.n_vocab(), learning.elapsed().as_secs_f64());
    Ok(tokenizer)
}

fn encode(plan: &PreparePlan, vocabulary: &Vocabulary, pairs: &[Pair], what: &str) -> anyhow::Result<Dataset> {
    let bar = ProgressBar::new(pairs.len() as u64);
    let style = ProgressStyle::with_template("encoding {msg} {wide_bar} {human_pos}/{human_len} {eta}")?;
    bar.set_style(style);
    bar.set_message(what.to_owned());
    let (source, target) = (vocabulary.source(), vocabulary.target());
    let mut set = Dataset::new(target.n_vocab()).with_source_vocab(vocabulary.n_source_vocab());
    let encode = |pair: &Pair| {
        let mut ids: Vec<u32> =
            plan.source_tag(&pair.tag).map(|tag| source.tag(tag)).transpose()?.into_iter().collect();
        ids.extend(source.encode_ids(&pair.source)?);
        Ok((ids, target.encode_ids(&pair.target)?))
    };
    for chunk in pairs.chunks(20_000) {
        let encoded: Result<Vec<_>, traduko_text::TextError> = chunk.par_iter().map(encode).collect();
        for (source, target) in encoded? {
            set.push(&source, &target);
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(set)
}

fn counts(read: usize, dropped: &BTreeMap<String, usize>, kept: usize) -> String {
    let dropped = dropped.iter().map(|(reason, count)| format!(", {count} {reason}"));
    format!("{read} read{}, {kept} kept", dropped.collect::<String>())
}

fn report(summary: &Summary) {
    eprintln!("pairs: {}", counts(summary.read, &summary.dropped, summary.kept));
    if summary.files.len() > 1 {
        for (name, count) in &summary.files {
            eprintln!("  {name}: {}", counts(count.read, &count.dropped, count.kept));
        }
    }
    let total = summary.train_target_tokens.max(1) as f64;
    for (tag, count) in &summary.tags {
        let share = 100.0 * count.target_tokens as f64 / total;
        eprintln!("  {tag:<20} {:>9} pairs {:>10} target tokens {share:5.1}%", count.pairs, count.target_tokens);
    }
    eprintln!(
        "training: {} pairs, {} source and {} target tokens; validation: {} pairs, {} target tokens; vocabulary {}",
        summary.train_pairs,
        summary.train_source_tokens,
        summary.train_target_tokens,
        summary.valid_pairs,
        summary.valid_target_tokens,
        summary.n_vocab
    );
    if summary.valid_pairs == 0 {
        eprintln!(
            "no validation pairs, which `traduko train` wants (give --valid-source and --valid-target, or --hold-out)"
        );
    }
}
