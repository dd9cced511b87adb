//! `traduko prepare`: from parallel text to a tokenizer and encoded pairs.
//!
//! Reads, normalises, filters, draws the mix by tag, learns the subwords of both languages together and encodes
//! on all cores. Each step counts what it drops and why; `prepare.json` keeps the counts beside the data.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::Serialize;
use traduko_text::{SubwordTokenizer, normalize};

mod args;
pub use args::PrepareArgs;

use crate::atomic::write_atomically;
use crate::corpus::{Pair, read_moses, read_tsv};
use crate::dataset::Dataset;

/// How many pairs went where.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Pairs in the files.
    pub read: usize,
    /// Dropped pairs by reason.
    pub dropped: BTreeMap<String, usize>,
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
    /// Size of the vocabulary.
    pub n_vocab: usize,
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
    arguments: &'a PrepareArgs,
    summary: &'a Summary,
}

/// Does it all; the result lies in `args.out`.
///
/// # Errors
/// When a file cannot be read or written, an argument fits nothing in the corpus, or no pair is left.
pub fn run(args: PrepareArgs) -> anyhow::Result<Summary> {
    ensure!(
        !args.tsv.is_empty() || !args.moses.is_empty(),
        "nothing to read (give --tsv FILE or --moses SOURCE TARGET)"
    );
    let mut summary = Summary::default();
    let mut pairs = read_pairs(&args, &mut summary)?;
    let mut rng = StdRng::seed_from_u64(args.seed);
    let valid = take_validation(&args, &mut pairs, &mut summary, &mut rng)?;
    summary.kept = pairs.len();
    let train = mix(&args, pairs, &mut summary, &mut rng)?;
    ensure!(!train.is_empty(), "no pair is left to train on: {}", reasons(&summary));

    let tokenizer = match &args.tokenizer {
        Some(path) => {
            let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            SubwordTokenizer::from_json(&bytes).with_context(|| format!("reading {}", path.display()))?
        }
        None => {
            let spinner = spinner(format!("learning {} subwords from {} pairs", args.vocab, train.len()));
            let sentences = train.iter().flat_map(|pair| [pair.source.as_str(), pair.target.as_str()]);
            let tokenizer = traduko_text::train(sentences, args.vocab)?;
            spinner.finish_and_clear();
            tokenizer
        }
    };
    summary.n_vocab = tokenizer.n_vocab();
    let train_set = encode(&tokenizer, &train, "training")?;
    let valid_set = encode(&tokenizer, &valid, "validation")?;
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

    fs::create_dir_all(&args.out).with_context(|| format!("creating {}", args.out.display()))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = args.out.join(name);
        write_atomically(&path, bytes).with_context(|| format!("writing {}", path.display()))
    };
    write("tokenizer.json", tokenizer.to_json()?.as_bytes())?;
    train_set.write(&args.out.join("train.ids"))?;
    valid_set.write(&args.out.join("valid.ids"))?;
    let record = Record { arguments: &args, summary: &summary };
    write("prepare.json", &serde_json::to_vec_pretty(&record)?)?;
    report(&summary);
    Ok(summary)
}

fn spinner(message: String) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(std::time::Duration::from_millis(200));
    spinner
}

fn words(text: &str) -> usize {
    text.split(' ').filter(|word| !word.is_empty()).count()
}

/// Why a normalised pair should not be learned from, if so.
fn fault(args: &PrepareArgs, pair: &Pair) -> Option<&'static str> {
    let (source, target) = (words(&pair.source), words(&pair.target));
    let (longer, shorter) = (source.max(target), source.min(target));
    if shorter == 0 {
        Some("empty side")
    } else if longer > args.max_words {
        Some("too long")
    } else if longer as f64 > args.max_ratio * shorter as f64 + 2.0 {
        Some("length ratio")
    } else {
        None
    }
}

fn read_pairs(args: &PrepareArgs, summary: &mut Summary) -> anyhow::Result<Vec<Pair>> {
    let spinner = spinner("reading".into());
    let excluded: HashSet<&str> = args.exclude.iter().map(String::as_str).collect();
    let mut tags = HashSet::new();
    let mut seen = HashSet::new();
    let mut pairs = Vec::new();
    let mut take = |pair: Pair| {
        summary.read += 1;
        let pair = Pair { source: normalize(&pair.source), target: normalize(&pair.target), tag: pair.tag };
        let key = || (pair.source.clone(), pair.target.clone());
        let fault = if excluded.contains(pair.tag.as_str()) {
            Some("excluded tag")
        } else {
            fault(args, &pair).or_else(|| (!seen.insert(key())).then_some("duplicate"))
        };
        if !tags.contains(&pair.tag) {
            tags.insert(pair.tag.clone());
        }
        match fault {
            Some(reason) => *summary.dropped.entry(reason.into()).or_default() += 1,
            None => pairs.push(pair),
        }
        if summary.read.is_multiple_of(10_000) {
            spinner.set_message(format!("reading, {} pairs", summary.read));
        }
    };
    for path in &args.tsv {
        read_tsv(path, &mut take)?;
    }
    for files in args.moses.chunks_exact(2) {
        read_moses(&files[0], &files[1], &mut take)?;
    }
    spinner.finish_and_clear();
    let named = args.exclude.iter().chain(args.weights.iter().map(|(tag, _)| tag));
    for tag in named.chain(args.hold_out.iter().map(|(tag, _)| tag)) {
        ensure!(tag == "*" || tags.contains(tag), "no pair has the tag {tag:?} (the corpus has {})", listed(&tags));
    }
    Ok(pairs)
}

fn listed(tags: &HashSet<String>) -> String {
    let mut tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    tags.sort_unstable();
    tags.join(", ")
}

/// Collects the validation pairs and removes from `pairs` whatever shares a side with one of them.
fn take_validation(
    args: &PrepareArgs,
    pairs: &mut Vec<Pair>,
    summary: &mut Summary,
    rng: &mut StdRng,
) -> anyhow::Result<Vec<Pair>> {
    let mut valid = Vec::new();
    if let (Some(source), Some(target)) = (&args.valid_source, &args.valid_target) {
        let limit = args.valid_lines.unwrap_or(usize::MAX);
        read_moses(source, target, |pair| {
            if valid.len() < limit {
                valid.push(Pair { source: normalize(&pair.source), target: normalize(&pair.target), tag: pair.tag });
            }
        })?;
    }
    for (tag, count) in &args.hold_out {
        let mut fitting: Vec<usize> = (0..pairs.len()).filter(|&i| tag == "*" || pairs[i].tag == *tag).collect();
        if fitting.len() <= *count {
            bail!("--hold-out {tag}={count}: only {} pairs have that tag (wanted more)", fitting.len());
        }
        fitting.shuffle(rng);
        let taken: HashSet<usize> = fitting[..*count].iter().copied().collect();
        let mut index = 0;
        pairs.retain(|pair| {
            let is_taken = taken.contains(&index);
            if is_taken {
                valid.push(pair.clone());
            }
            index += 1;
            !is_taken
        });
    }
    let sources: HashSet<&str> = valid.iter().map(|pair| pair.source.as_str()).collect();
    let targets: HashSet<&str> = valid.iter().map(|pair| pair.target.as_str()).collect();
    let before = pairs.len();
    pairs.retain(|pair| !sources.contains(pair.source.as_str()) && !targets.contains(pair.target.as_str()));
    if pairs.len() < before {
        summary.dropped.insert("in the validation set".into(), before - pairs.len());
    }
    Ok(valid)
}

/// Repeats and samples pairs by the factor of their tag.
fn mix(args: &PrepareArgs, pairs: Vec<Pair>, summary: &mut Summary, rng: &mut StdRng) -> anyhow::Result<Vec<Pair>> {
    let factors: BTreeMap<&str, f64> = args.weights.iter().map(|(tag, factor)| (tag.as_str(), *factor)).collect();
    ensure!(factors.len() == args.weights.len(), "--weights names a tag twice (wanted each once)");
    let others = factors.get("*").copied().unwrap_or(1.0);
    let mut mixed = Vec::new();
    let mut unsampled = 0;
    for pair in pairs {
        let factor = factors.get(pair.tag.as_str()).copied().unwrap_or(others);
        let copies = factor.floor() as usize + usize::from(rng.random::<f64>() < factor.fract());
        unsampled += usize::from(copies == 0);
        mixed.extend(std::iter::repeat_n(pair, copies));
    }
    if unsampled > 0 {
        summary.dropped.insert("not drawn".into(), unsampled);
    }
    Ok(mixed)
}

fn encode(tokenizer: &SubwordTokenizer, pairs: &[Pair], what: &str) -> anyhow::Result<Dataset> {
    let bar = ProgressBar::new(pairs.len() as u64);
    let style = ProgressStyle::with_template("encoding {msg} {wide_bar} {human_pos}/{human_len} {eta}")?;
    bar.set_style(style);
    bar.set_message(what.to_owned());
    let mut set = Dataset::new(tokenizer.n_vocab());
    for chunk in pairs.chunks(20_000) {
        let encoded: Result<Vec<_>, traduko_text::TextError> = chunk
            .par_iter()
            .map(|pair| Ok((tokenizer.encode_ids(&pair.source)?, tokenizer.encode_ids(&pair.target)?)))
            .collect();
        for (source, target) in encoded? {
            set.push(&source, &target);
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(set)
}

fn reasons(summary: &Summary) -> String {
    let reasons: Vec<String> = summary.dropped.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    format!("{} read; {}", summary.read, reasons.join(", "))
}

fn report(summary: &Summary) {
    eprintln!("pairs: {}; {} kept", reasons(summary), summary.kept);
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
}
