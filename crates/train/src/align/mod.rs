//! `traduko align`: which subword translates which, learned from the pairs alone.
//!
//! IBM model 1 (Brown et al., 1993), then a hidden Markov model (Vogel et al., 1996), both by expectation maximisation
//! and in both directions, then one set of links from the two. The trainer's guided attention reads the result. No crate
//! was found that does this: `walign` stops at model 1, eflomal and fast_align are C and C++.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use indicatif::HumanCount;
use rayon::prelude::*;
use serde::Serialize;
use traduko_text::{SubwordTokenizer, normalize};

mod args;
mod direction;
mod em;
mod gold;
mod hmm;
mod links;
mod symmetrize;
mod table;
mod words;

pub use args::AlignArgs;
pub use direction::MAX_LENGTH;
pub use em::{Iterations, Step};
pub use gold::{AlignmentFigures, AlignmentScore, Gold, read_gold};
pub use links::{ALIGN_FILE, Alignments, AlignmentsError, Link};
pub use symmetrize::Symmetrization;
pub use words::words;

use crate::corpus::read_moses;
use crate::dataset::Dataset;
use crate::native::n_threads;
use direction::{Directed, Picks, is_alignable};
use words::{Offsets, project};

/// Largest vocabulary that is aligned: the bitmaps of the lexical table grow with its square, to 1 GiB here.
const MAX_VOCAB: usize = 1 << 16;

/// Aligns and writes `train.align`, or prints word links or their score.
///
/// # Errors
/// A folder that `prepare` did not make, a file that cannot be read or written, an option out of range.
pub fn run(args: AlignArgs) -> anyhow::Result<()> {
    ensure!(
        args.iterations_ibm1 + args.iterations_hmm > 0,
        "--iterations-ibm1 0 and --iterations-hmm 0: nothing would be learned (wanted at least one iteration)"
    );
    let threads = n_threads(args.threads)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.install(|| match (&args.source, &args.target) {
        (Some(source), Some(target)) => align_text(&args, source, target),
        _ => align_folder(&args),
    })
}

fn read_pairs(args: &AlignArgs) -> anyhow::Result<Dataset> {
    let path = args.data.join("train.ids");
    let set = Dataset::read(&path)?;
    let n_vocab = set.n_vocab();
    ensure!(!set.is_empty(), "{}: no pair to learn from", path.display());
    ensure!(
        n_vocab <= MAX_VOCAB,
        "{}: {n_vocab} subwords (at most {MAX_VOCAB} can be aligned; prepare with a smaller --vocab)",
        path.display()
    );
    if args.data.join("valid.ids").exists() {
        eprintln!("perplexity is that of the training pairs; valid.ids is not used");
    }
    Ok(set)
}

fn align_folder(args: &AlignArgs) -> anyhow::Result<()> {
    let set = read_pairs(args)?;
    let both = both_directions(args, &set);
    let lists: Vec<Vec<Link>> = (0..set.len()).into_par_iter().map(|pair| both.links(pair, args.symmetrize)).collect();
    let alignments = Alignments::new(&set, lists.into_iter());
    let path = args.data.join(ALIGN_FILE);
    alignments.write(&path)?;
    eprintln!(
        "{}: {} links of {} pairs, {:.2} a target subword, {}",
        path.display(),
        HumanCount(alignments.n_links() as u64),
        HumanCount(set.len() as u64),
        alignments.n_links() as f64 / set.target_tokens().max(1) as f64,
        args.symmetrize.name()
    );
    let unaligned = (0..set.len()).filter(|&pair| !is_alignable(&set, pair)).count();
    if unaligned > 0 {
        eprintln!("{unaligned} pairs have no links: a side is empty or has more than {MAX_LENGTH} subwords");
    }
    Ok(())
}

/// What both directions picked.
struct Both {
    sources_picked: Picks,
    targets_picked: Picks,
}

impl Both {
    fn links(&self, pair: usize, how: Symmetrization) -> Vec<Link> {
        symmetrize::symmetrize(self.sources_picked.get(pair), self.targets_picked.get(pair), how)
    }
}

fn both_directions(args: &AlignArgs, set: &Dataset) -> Both {
    let iterations = Iterations { ibm1: args.iterations_ibm1, hmm: args.iterations_hmm };
    let report = |step: &Step| {
        let Step { direction, model, iteration, perplexity, n_entries } = step;
        let n_entries = HumanCount(*n_entries as u64);
        eprintln!("{direction}  {model:<5}  iteration {iteration}  ppl {perplexity:<8.2}  {n_entries} entries");
    };
    // One after the other: a lexical table at a time.
    Both {
        sources_picked: em::align(&Directed::source_to_target(set), iterations, report),
        targets_picked: em::align(&Directed::target_to_source(set), iterations, report),
    }
}

/// A pair of the text, with its words and subwords.
struct TextPair {
    source: Offsets,
    target: Offsets,
}

fn align_text(args: &AlignArgs, source: &Path, target: &Path) -> anyhow::Result<()> {
    let gold = args.gold.as_deref().map(read_gold).transpose()?;
    let mut set = read_pairs(args)?;
    let n_learned = set.len();
    let path = args.tokenizer.clone().unwrap_or_else(|| args.data.join("tokenizer.json"));
    let reading = || format!("reading {}", path.display());
    let tokenizer = SubwordTokenizer::from_json(&fs::read(&path).with_context(reading)?).with_context(reading)?;
    if tokenizer.n_vocab() != set.n_vocab() {
        bail!(
            "{}: {} subwords, but {} was encoded with {} (give the tokenizer.json it was prepared with)",
            path.display(),
            tokenizer.n_vocab(),
            args.data.join("train.ids").display(),
            set.n_vocab()
        );
    }
    let mut lines = Vec::new();
    read_moses(source, target, |pair| lines.push((pair.source, pair.target)))?;
    let mut pairs = Vec::with_capacity(lines.len());
    for (source, target) in &lines {
        let (source_ids, source) = encode(&tokenizer, source)?;
        let (target_ids, target) = encode(&tokenizer, target)?;
        set.push(&source_ids, &target_ids);
        pairs.push(TextPair { source, target });
    }
    if let Some(gold) = &gold {
        check_gold(args, gold, &pairs)?;
    }

    let both = both_directions(args, &set);
    let links = |index: usize, how| {
        let TextPair { source, target } = &pairs[index];
        project(&both.links(n_learned + index, how), source, target)
    };
    match gold {
        Some(gold) => {
            let scores = Symmetrization::value_variants().iter().map(|&how| {
                let mut score = AlignmentScore::default();
                gold.iter().for_each(|(line, gold)| score.add(&links(line - 1, how), gold));
                Row { symmetrize: how, figures: score.figures() }
            });
            print_scores(&scores.collect::<Vec<_>>(), gold.len(), args.json)
        }
        None => {
            let lines = (0..pairs.len()).map(|index| {
                let links = links(index, args.symmetrize);
                links.iter().map(|(source, target)| format!("{source}-{target}")).collect::<Vec<_>>().join(" ") + "\n"
            });
            print(&lines.collect::<String>())
        }
    }
}

fn encode(tokenizer: &SubwordTokenizer, text: &str) -> anyhow::Result<(Vec<u32>, Offsets)> {
    let encoding = tokenizer.encode(text)?;
    Ok((encoding.ids, Offsets { words: words(&normalize(text)), subwords: encoding.offsets }))
}

fn check_gold(
    args: &AlignArgs,
    gold: &std::collections::BTreeMap<usize, Gold>,
    pairs: &[TextPair],
) -> anyhow::Result<()> {
    let path = args.gold.as_deref().unwrap_or(Path::new("--gold")).display();
    for (&line, gold) in gold {
        let Some(pair) = pairs.get(line - 1) else {
            bail!(
                "{path}: links of line {line}, but the text has {} lines (give the text they were made for)",
                pairs.len()
            );
        };
        let (n_source, n_target) = (pair.source.words.len(), pair.target.words.len());
        if let Some((source, target)) = gold.possible.iter().find(|link| link.0 >= n_source || link.1 >= n_target) {
            bail!(
                "{path}: link {source}-{target} of line {line}, which has {n_source} and {n_target} words (give the text \
                 the links were made for)"
            );
        }
    }
    Ok(())
}

/// One line of the table of `--gold`.
#[derive(Serialize)]
struct Row {
    symmetrize: Symmetrization,
    #[serde(flatten)]
    figures: AlignmentFigures,
}

#[derive(Serialize)]
struct Report<'a> {
    sentences: usize,
    scores: &'a [Row],
}

fn print_scores(rows: &[Row], sentences: usize, is_json: bool) -> anyhow::Result<()> {
    if is_json {
        return print(&(serde_json::to_string(&Report { sentences, scores: rows })? + "\n"));
    }
    let mut table = format!("{sentences} sentences         precision   recall      AER\n");
    for Row { symmetrize, figures } in rows {
        let [precision, recall, aer] = [figures.precision, figures.recall, figures.aer].map(|x| 100.0 * x);
        table += &format!("{:<20} {precision:>10.1}% {recall:>7.1}% {aer:>7.1}%\n", symmetrize.name());
    }
    print(&table)
}

/// Writes to standard output; a reader that has gone away is no error.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done.context("writing the links"),
    }
}
