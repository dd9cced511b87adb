//! `traduko align`: which subword translates which, learned from the pairs alone.
//!
//! IBM model 1 (Brown et al., 1993), then a hidden Markov model (Vogel et al., 1996), both by expectation maximisation
//! and in both directions, then one set of links from the two. The trainer's guided attention reads the result. No crate
//! was found that does this: `walign` stops at model 1, eflomal and fast_align are C and C++.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use indicatif::HumanCount;
use rayon::prelude::*;
use serde::Serialize;
use traduko_text::{SubwordTokenizer, Vocabulary, normalize};
use traduko_translator::Translator;

mod args;
mod attention;
mod direction;
mod em;
mod gold;
mod hmm;
mod links;
mod markup;
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
use crate::native::{ModelFolder, SourceTagArgs, n_threads};
use crate::stdout::print;
use crate::tokenizers::TokenizerFiles;
use direction::{Directed, Picks, is_alignable};
use markup::Weights;
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
    pool.install(|| match (&args.source, &args.target, &args.markup) {
        (Some(source), Some(target), _) => align_text(&args, source, target),
        (_, _, Some(markup)) => score_markup(&args, markup, threads),
        _ => align_folder(data_of(&args)?, &args),
    })
}

fn data_of(args: &AlignArgs) -> anyhow::Result<&Path> {
    args.data.as_deref().context("--data is missing (give the folder that `traduko prepare` wrote)")
}

fn read_pairs(data: &Path) -> anyhow::Result<Dataset> {
    let path = data.join("train.ids");
    let set = Dataset::read(&path)?;
    let n_vocab = set.n_ids();
    ensure!(!set.is_empty(), "{}: no pair to learn from", path.display());
    ensure!(
        n_vocab <= MAX_VOCAB,
        "{}: {n_vocab} subwords (at most {MAX_VOCAB} can be aligned; prepare with a smaller --vocab)",
        path.display()
    );
    if data.join("valid.ids").exists() {
        eprintln!("perplexity is that of the training pairs; valid.ids is not used");
    }
    Ok(set)
}

fn align_folder(data: &Path, args: &AlignArgs) -> anyhow::Result<()> {
    let set = read_pairs(data)?;
    let both = both_directions(args, &set);
    let lists: Vec<Vec<Link>> = (0..set.len()).into_par_iter().map(|pair| both.links(pair, args.symmetrize)).collect();
    let alignments = Alignments::new(&set, lists.into_iter());
    let path = data.join(ALIGN_FILE);
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
    let wanted = args.learn_from.map_or(set.len(), |n| n as usize);
    let stride = (set.len() as f64 / wanted.max(1) as f64).round().max(1.0) as usize;
    let picked = |pairs: Directed| em::align(&pairs.learned_every(stride), iterations, report);
    // One after the other: a lexical table at a time.
    Both {
        sources_picked: picked(Directed::source_to_target(set)),
        targets_picked: picked(Directed::target_to_source(set)),
    }
}

fn align_text(args: &AlignArgs, source: &Path, target: &Path) -> anyhow::Result<()> {
    let gold = args.gold.as_deref().map(read_gold).transpose()?;
    let mut lines = Vec::new();
    read_moses(source, target, |pair| lines.push((pair.source, pair.target)))?;
    // By row of the table: its name, and the word links of each line.
    let rows = match &args.model {
        Some(model) => {
            let (network, vocabulary, _) = ModelFolder::open(model)?.into_network(&SourceTagArgs::default())?;
            let text = Text::encode(&vocabulary, &lines)?;
            let weights = attention::weights(&network, vocabulary.source_tag(), &text.sources, &text.targets);
            let links: Vec<Vec<Link>> = weights.iter().map(|weights| attention::links(weights)).collect();
            vec![("attention".to_owned(), text.project(&links))]
        }
        None => {
            let (text, rows) = statistical(args, &lines)?;
            rows.into_iter().map(|(name, links)| (name, text.project(&links))).collect()
        }
    };
    match gold {
        Some(gold) => {
            check_gold(args, &gold, &lines)?;
            let scores = rows.into_iter().map(|(name, links)| {
                let mut score = AlignmentScore::default();
                gold.iter().for_each(|(line, gold)| score.add(&links[line - 1], gold));
                Row { name, figures: score.figures() }
            });
            print_scores(&scores.collect::<Vec<_>>(), gold.len(), args.json)
        }
        None => {
            let wanted = args.symmetrize.name();
            let row = rows.iter().find(|(name, _)| *name == wanted).or(rows.first()).context("no links were made")?;
            let lines = row.1.iter().map(|links| {
                links.iter().map(|(source, target)| format!("{source}-{target}")).collect::<Vec<_>>().join(" ") + "\n"
            });
            print(&lines.collect::<String>())
        }
    }
}

/// Word links, source and target, of each line.
type WordLinks = Vec<Vec<(usize, usize)>>;

/// The links of each line under the name of what made them.
type NamedLinks = Vec<(String, Vec<Vec<Link>>)>;

/// Aligns `lines` together with the folder's pairs: the links of every way to join both directions.
fn statistical(args: &AlignArgs, lines: &[(String, String)]) -> anyhow::Result<(Text, NamedLinks)> {
    let data = data_of(args)?;
    let mut set = read_pairs(data)?;
    let n_learned = set.len();
    let vocabulary = TokenizerFiles::read(data)?.vocabulary().with_context(|| data.display().to_string())?;
    let (found, wanted) =
        ([vocabulary.target().n_vocab(), vocabulary.n_source_vocab()], [set.n_vocab(), set.n_source_vocab()]);
    if found != wanted {
        bail!(
            "{}: {found:?} subwords of target and source, but {} was encoded with {wanted:?} (run `traduko prepare` again)",
            data.join("tokenizer.json").display(),
            data.join("train.ids").display()
        );
    }
    let text = Text::encode(&vocabulary, lines)?;
    for (source, target) in text.sources.iter().zip(&text.targets) {
        set.push(source, target);
    }
    let both = both_directions(args, &set);
    let joined =
        |&how: &Symmetrization| (how.name(), (0..lines.len()).map(|line| both.links(n_learned + line, how)).collect());
    Ok((text, Symmetrization::value_variants().iter().map(joined).collect()))
}

fn score_markup(args: &AlignArgs, path: &Path, threads: usize) -> anyhow::Result<()> {
    let pairs = markup::read_tagged(path)?;
    let lines: Vec<_> = pairs.iter().map(|pair| (pair.source.clone(), pair.target.clone())).collect();
    let (wrong, rows) = match &args.model {
        Some(model) => {
            let (network, vocabulary, config) = ModelFolder::open(model)?.into_network(&SourceTagArgs::default())?;
            let text = Text::encode(&vocabulary, &lines)?;
            let weights = attention::weights(&network, vocabulary.source_tag(), &text.sources, &text.targets);
            let forced = markup::score(&pairs, &text.weights(&weights));
            let translator = Translator::new(network, vocabulary, &config, &Default::default())?;
            let own = markup::score_translations(&pairs, &translator, threads)?;
            let rows = vec![forced.row("attention, translations by hand"), own.row("attention, its own translations")];
            (forced.wrong, rows)
        }
        None => {
            let (text, rows) = statistical(args, &lines)?;
            let wanted = rows.iter().find(|(name, _)| *name == args.symmetrize.name()).context("no links were made")?;
            let score = markup::score(&pairs, &text.link_weights(&wanted.1));
            let row = score.row(&*wanted.0);
            (score.wrong, vec![row])
        }
    };
    if args.wrong {
        print(&wrong.concat())?;
    }
    if args.json {
        return print(&(serde_json::to_string(&rows)? + "\n"));
    }
    print(&rows.iter().map(|row| format!("{row}\n")).collect::<String>())
}

/// Lines as ids, with the places of their words and subwords.
struct Text {
    sources: Vec<Vec<u32>>,
    targets: Vec<Vec<u32>>,
    offsets: Vec<[Offsets; 2]>,
}

impl Text {
    fn encode(vocabulary: &Vocabulary, lines: &[(String, String)]) -> anyhow::Result<Self> {
        let mut text = Self { sources: Vec::new(), targets: Vec::new(), offsets: Vec::new() };
        for (source, target) in lines {
            let (source_ids, source) = encode(vocabulary.source(), source)?;
            let (target_ids, target) = encode(vocabulary.target(), target)?;
            text.sources.push(source_ids);
            text.targets.push(target_ids);
            text.offsets.push([source, target]);
        }
        Ok(text)
    }

    fn project(&self, links: &[Vec<Link>]) -> WordLinks {
        links.iter().zip(&self.offsets).map(|(links, [source, target])| project(links, source, target)).collect()
    }

    /// The bytes that attention weights link, the end mark's left out.
    fn weights(&self, weights: &[Vec<Vec<f32>>]) -> Vec<Weights> {
        let of_pair = |(rows, [source, target]): (&Vec<Vec<f32>>, &[Offsets; 2])| {
            let rows = rows.iter().zip(&target.subwords).flat_map(|(row, to)| {
                source.subwords.iter().zip(row).map(|(from, &weight)| (to.clone(), from.clone(), weight))
            });
            rows.collect()
        };
        weights.iter().zip(&self.offsets).map(of_pair).collect()
    }

    /// The bytes that links link, each with weight 1.
    fn link_weights(&self, links: &[Vec<Link>]) -> Vec<Weights> {
        let of_pair = |(links, [source, target]): (&Vec<Link>, &[Offsets; 2])| {
            let of_link = |link: &Link| {
                let (to, from) =
                    (&target.subwords[usize::from(link.target)], &source.subwords[usize::from(link.source)]);
                (to.clone(), from.clone(), 1.0)
            };
            links.iter().map(of_link).collect()
        };
        links.iter().zip(&self.offsets).map(of_pair).collect()
    }
}

fn encode(tokenizer: &SubwordTokenizer, text: &str) -> anyhow::Result<(Vec<u32>, Offsets)> {
    let encoding = tokenizer.encode(text)?;
    Ok((encoding.ids, Offsets { words: words(&normalize(text)), subwords: encoding.offsets }))
}

fn check_gold(
    args: &AlignArgs,
    gold: &std::collections::BTreeMap<usize, Gold>,
    lines: &[(String, String)],
) -> anyhow::Result<()> {
    let path = args.gold.as_deref().unwrap_or(Path::new("--gold")).display();
    for (&line, gold) in gold {
        let Some((source, target)) = lines.get(line - 1) else {
            bail!(
                "{path}: links of line {line}, but the text has {} lines (give the text they were made for)",
                lines.len()
            );
        };
        let (n_source, n_target) = (words(&normalize(source)).len(), words(&normalize(target)).len());
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
    /// How the links were made.
    name: String,
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
    for Row { name, figures } in rows {
        let [precision, recall, aer] = [figures.precision, figures.recall, figures.aer].map(|x| 100.0 * x);
        table += &format!("{name:<20} {precision:>10.1}% {recall:>7.1}% {aer:>7.1}%\n");
    }
    print(&table)
}
