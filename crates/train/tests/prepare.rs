//! `prepare` from files to files, on text the project makes up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use traduko_text::SubwordTokenizer;
use traduko_train::dataset::Dataset;
use traduko_train::prepare::{PrepareArgs, Summary, run};
use traduko_train::tokenizers::TokenizerFiles;
use traduko_train::toy;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    prepare: PrepareArgs,
}

/// A folder with `toy.tsv.zst`: 300 sentences tagged `number`, 100 tagged `date`, and three bad pairs.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let mut text = String::new();
        for (index, (source, target)) in toy::pairs(400, 1).into_iter().enumerate() {
            let tag = if index < 300 { "number" } else { "date" };
            text.push_str(&format!("{tag}\t{index}: {source}\t{index}: {target}\n"));
        }
        text.push_str("date\t\tvide\n");
        text.push_str("date\tone\tun deux trois quatre cinq six sept huit neuf dix\n");
        text.push_str(&format!("date\t{}\t{}\n", "a ".repeat(40), "b ".repeat(40)));
        fs::write(folder.path("toy.tsv.zst"), zstd::encode_all(text.as_bytes(), 1).unwrap()).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `prepare ARGUMENTS`, where `@name` stands for a path in this folder.
    fn prepare(&self, arguments: &str) -> anyhow::Result<Summary> {
        let words = arguments.split(' ').map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).into_os_string(),
            None => word.into(),
        });
        run(Cli::try_parse_from(std::iter::once("prepare".into()).chain(words))?.prepare)
    }
}

fn decoded(folder: &Path, set: &str) -> Vec<(String, String)> {
    let tokenizer = SubwordTokenizer::from_json(&fs::read(folder.join("tokenizer.json")).unwrap()).unwrap();
    let set = Dataset::read(&folder.join(set)).unwrap();
    (0..set.len())
        .map(|i| (tokenizer.decode(set.source(i)).unwrap(), tokenizer.decode(set.target(i)).unwrap()))
        .collect()
}

#[test]
fn all_pairs_arrive_and_bad_ones_are_counted() {
    let folder = Folder::new();
    let summary = folder.prepare("--tsv @toy.tsv.zst --out @data --vocab 700 --max-words 30").unwrap();
    assert_eq!((summary.read, summary.kept, summary.train_pairs), (403, 400, 400));
    let dropped: Vec<_> = summary.dropped.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    assert_eq!(dropped, [("empty side", 1), ("length ratio", 1), ("too long", 1)]);
    let pairs = decoded(&folder.path("data"), "train.ids");
    let (source, target) = toy::pairs(400, 1).swap_remove(123);
    assert_eq!(pairs[123], (format!("123: {source}"), format!("123: {target}")));
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path("data").join("prepare.json")).unwrap()).unwrap();
    assert_eq!(record["summary"]["train_pairs"], 400);
    assert_eq!(record["arguments"]["vocab"], 700);
}

#[test]
fn subwords_may_come_from_a_unigram_model() {
    let folder = Folder::new();
    let arguments = "--tsv @toy.tsv.zst --out @data --vocab 700 --max-words 30 --subwords unigram";
    folder.prepare(arguments).unwrap();
    let json = fs::read_to_string(folder.path("data").join("tokenizer.json")).unwrap();
    assert!(json.contains("\"Unigram\""));
    let (source, target) = toy::pairs(400, 1).swap_remove(123);
    assert_eq!(decoded(&folder.path("data"), "train.ids")[123], (format!("123: {source}"), format!("123: {target}")));
}

#[test]
fn tags_are_weighed_and_left_out() {
    let folder = Folder::new();
    let summary = folder.prepare("--tsv @toy.tsv.zst --out @a --vocab 700 --weights date=2 *=0.5").unwrap();
    assert_eq!(summary.tags["date"].pairs, 202);
    let numbers = summary.tags["number"].pairs;
    assert!((110..=190).contains(&numbers), "{numbers} of 300 at 0.5");
    let summary = folder.prepare("--tsv @toy.tsv.zst --out @b --vocab 700 --exclude date").unwrap();
    assert_eq!(summary.tags.keys().collect::<Vec<_>>(), ["number"]);
}

#[test]
fn short_sources_are_weighed() {
    let folder = Folder::new();
    let common = "--tsv @toy.tsv.zst --vocab 700";
    folder.prepare(&format!("{common} --out @once")).unwrap();
    folder.prepare(&format!("{common} --out @data --weights number=2 --short-words 5 --short-weight 3")).unwrap();
    let mut counts = [0, 0];
    let mut wanted = Vec::new();
    for pair in decoded(&folder.path("once"), "train.ids") {
        let is_short = pair.0.split_whitespace().count() <= 5;
        let is_number = pair.0.split_once(':').is_some_and(|(index, _)| index.parse::<usize>().unwrap() < 300);
        counts[usize::from(is_short)] += 1;
        let copies = if is_number { 2 } else { 1 } * if is_short { 3 } else { 1 };
        wanted.extend(std::iter::repeat_n(pair, copies));
    }
    assert!(counts.iter().all(|&count| count > 20), "{counts:?}");
    let mut found = decoded(&folder.path("data"), "train.ids");
    wanted.sort();
    found.sort();
    assert!(found == wanted);
}

#[test]
fn validation_pairs_leave_training() {
    let folder = Folder::new();
    let arguments = "--tsv @toy.tsv.zst --out @data --vocab 700 --max-words 30 --hold-out date=20";
    let summary = folder.prepare(arguments).unwrap();
    assert_eq!((summary.valid_pairs, summary.train_pairs), (20, 380));
    let valid = decoded(&folder.path("data"), "valid.ids");
    let train = decoded(&folder.path("data"), "train.ids");
    assert!(valid.iter().all(|pair| !train.contains(pair)));
}

#[test]
fn a_missing_validation_set_is_told() {
    let folder = Folder::new();
    let said = |more: &[&str]| {
        let prepare = ["prepare", "--tsv", "toy.tsv.zst", "--out", "data", "--vocab", "700"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_traduko"));
        let output = command.args(prepare).args(more).current_dir(folder.0.path()).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(&[]).contains("no validation pairs"), "{}", said(&[]));
    assert!(!said(&["--hold-out", "date=5"]).contains("no validation pairs"));
}

#[test]
fn sides_change_places() {
    let folder = Folder::new();
    let common = "--tsv @toy.tsv.zst --vocab 700 --hold-out number=10";
    folder.prepare(&format!("{common} --out @data")).unwrap();
    let tokenizer = "--tokenizer @data/tokenizer.json";
    folder.prepare(&format!("{common} --out @swapped --swap {tokenizer}")).unwrap();
    let swap = |pairs: Vec<(String, String)>| pairs.into_iter().map(|(a, b)| (b, a)).collect::<Vec<_>>();
    for name in ["train.ids", "valid.ids"] {
        assert_eq!(decoded(&folder.path("swapped"), name), swap(decoded(&folder.path("data"), name)));
    }
}

#[test]
fn moses_files_and_validation_files_are_read() {
    let folder = Folder::new();
    for (name, seed) in [("train", 1), ("valid", 2)] {
        let (source, target): (Vec<_>, Vec<_>) = toy::pairs(200, seed).into_iter().unzip();
        fs::write(folder.path(&format!("{name}.en")), source.join("\n")).unwrap();
        fs::write(folder.path(&format!("{name}.fr")), target.join("\n")).unwrap();
    }
    let arguments = "--moses @train.en @train.fr --out @data --vocab 600 --valid-source @valid.en \
                     --valid-target @valid.fr --valid-lines 50";
    let summary = folder.prepare(arguments).unwrap();
    assert_eq!((summary.read, summary.valid_pairs), (200, 50));
    let shared = summary.dropped.get("in the validation set").copied().unwrap_or(0);
    let twice = summary.dropped.get("duplicate").copied().unwrap_or(0);
    assert_eq!(summary.train_pairs, 200 - shared - twice);
    assert_eq!(decoded(&folder.path("data"), "valid.ids"), toy::pairs(200, 2)[..50]);
}

#[test]
fn the_same_arguments_give_the_same_pairs_and_a_tokenizer_is_reused() {
    let folder = Folder::new();
    let common = "--tsv @toy.tsv.zst --vocab 700 --weights *=0.7 --hold-out number=10";
    folder.prepare(&format!("{common} --out @a")).unwrap();
    folder.prepare(&format!("{common} --out @again")).unwrap();
    folder.prepare(&format!("{common} --out @reused --tokenizer @a/tokenizer.json")).unwrap();
    for name in ["tokenizer.json", "train.ids", "valid.ids"] {
        let read = |run: &str| fs::read(folder.path(run).join(name)).unwrap();
        assert!(read("a") == read("again"), "{name} differs");
        assert!(read("a") == read("reused"), "{name} differs with a given tokenizer");
    }
    folder.prepare(&format!("{common} --out @c --tokenizer @a/tokenizer.json --seed 2")).unwrap();
    assert_ne!(decoded(&folder.path("c"), "train.ids"), decoded(&folder.path("a"), "train.ids"));
}

#[test]
fn each_side_gets_its_subwords() {
    let folder = Folder::new();
    let common = "--tsv @toy.tsv.zst --hold-out number=10";
    let summary = folder.prepare(&format!("{common} --out @data --vocab 600 --source-vocab 590")).unwrap();
    assert!(summary.n_vocab <= 600 && (500..=590).contains(&summary.n_source_vocab), "{summary:?}");
    let files = TokenizerFiles::read(&folder.path("data")).unwrap();
    let vocabulary = files.vocabulary().unwrap();
    let set = Dataset::read(&folder.path("data/valid.ids")).unwrap();
    assert_eq!((set.n_vocab(), set.n_source_vocab()), (summary.n_vocab, summary.n_source_vocab));
    let (source, target) = (vocabulary.source(), vocabulary.target());
    let (english, french) = (source.decode(set.source(0)).unwrap(), target.decode(set.target(0)).unwrap());
    assert_eq!(set.source(0), source.encode_ids(&english).unwrap());
    assert_eq!(set.target(0), target.encode_ids(&french).unwrap());
    // A word of one side is one subword there and several on the other.
    let n_pieces = |of: &SubwordTokenizer, word| of.encode(word).unwrap().pieces.len();
    assert_eq!((n_pieces(source, "three"), n_pieces(target, "trois")), (1, 1));
    assert!(n_pieces(source, "trois") > 1 && n_pieces(target, "three") > 1);

    let given = "--tokenizer @data/tokenizer.json --source-tokenizer @data/source_tokenizer.json";
    folder.prepare(&format!("{common} --out @again {given}")).unwrap();
    assert_eq!(TokenizerFiles::read(&folder.path("again")).unwrap(), files);
    assert_eq!(Dataset::read(&folder.path("again/valid.ids")).unwrap(), set);
    // One tokenizer for both, in the place of two.
    folder.prepare(&format!("{common} --out @again --vocab 600")).unwrap();
    assert_eq!(TokenizerFiles::read(&folder.path("again")).unwrap().source, None);
}

#[test]
fn sources_begin_with_the_tag_of_their_language() {
    let folder = Folder::new();
    let common = "--tsv @toy.tsv.zst --vocab 700 --hold-out number=10 --exclude date";
    folder.prepare(&format!("{common} --out @data --source-tags number=<2fr>")).unwrap();
    let json = fs::read(folder.path("data/tokenizer.json")).unwrap();
    let tokenizer = SubwordTokenizer::from_json(&json).unwrap();
    let tag = tokenizer.tag("<2fr>").unwrap();
    for name in ["train.ids", "valid.ids"] {
        let set = Dataset::read(&folder.path("data").join(name)).unwrap();
        assert!((0..set.len()).all(|pair| set.source(pair)[0] == tag && !set.target(pair).contains(&tag)), "{name}");
    }
    // Text that looks like the tag is text.
    assert!(!tokenizer.encode_ids("one <2fr> two").unwrap().contains(&tag));
    assert_eq!(decoded(&folder.path("data"), "valid.ids")[0].0.matches('<').count(), 0);

    let error =
        |arguments: &str| format!("{:#}", folder.prepare(&format!("{common} --out @c {arguments}")).unwrap_err());
    assert!(error("--source-tags novel=<2fr>").starts_with("no pair has the tag \"novel\""));
    assert!(error("--source-tags number=fr").contains("wanted letters, digits and hyphens between < and >"));
    assert!(error("--source-tags number=<s>").contains("the vocabulary has it already"));
    let message = error("--source-tags number=<2de> --tokenizer @data/tokenizer.json");
    assert_eq!(message, "--source-tags: tag \"<2de>\": the vocabulary has <2fr>");
}

#[test]
fn a_pair_comes_once_for_each_language() {
    let folder = Folder::new();
    fs::write(folder.path("same.tsv"), "a\tRestaurant 12\tRestaurant 12\nb\tRestaurant 12\tRestaurant 12\n").unwrap();
    let train_pairs = |more: &str| {
        let summary =
            folder.prepare(&format!("--tsv @toy.tsv.zst @same.tsv --out @data --vocab 700 --max-template 1 {more}"));
        let tags = summary.unwrap().tags;
        ["a", "b"].map(|tag| tags.get(tag).map_or(0, |count| count.pairs))
    };
    assert_eq!(train_pairs("--source-tags a=<2fr> b=<2de>"), [1, 1]);
    assert_eq!(train_pairs("--source-tags a=<2fr> b=<2fr>"), [1, 0]);
}

#[test]
fn cleaning_is_counted_by_file_and_shown() {
    let folder = Folder::new();
    let bad = [
        "web\tThis page has not been translated yet.\tThis page has not been translated yet, sorry for that.",
        "web\tx = foo_bar(y);\tx = foo_bar(z);",
        "web\tThe war ended in 1945.\tLa guerre finit en 1918.",
        "web\tIt is broken.\tC'est cassÃ©.",
        "web\tIt is 12 metres long.\tCela fait 12 mètres de long.",
        "web\tIt is 13 metres long.\tCela fait 13 mètres de long.",
        "web\tIt is 14 metres long.\tCela fait 14 mètres de long.",
    ];
    fs::write(folder.path("bad.tsv"), bad.join("\n")).unwrap();
    let arguments = "--tsv @toy.tsv.zst @bad.tsv --out @data --vocab 700 --source-language en --target-language fr \
                     --max-template 2 --drop-code --drop-broken --match-numbers --dropped @dropped.tsv";
    let summary = folder.prepare(arguments).unwrap();
    let count = &summary.files[&folder.path("bad.tsv").display().to_string()];
    let dropped: Vec<_> = count.dropped.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    let reasons = ["broken characters", "code", "numbers differ", "target language", "template"];
    assert_eq!(dropped, reasons.map(|reason| (reason, 1)));
    assert_eq!((count.read, count.kept), (7, 2));
    let shown = fs::read_to_string(folder.path("dropped.tsv")).unwrap();
    assert!(shown.contains("\ncode\tweb\tx = foo_bar(y);\tx = foo_bar(z);\n"), "{shown}");
    assert_eq!(shown.lines().count(), summary.dropped.values().sum::<usize>());
}

#[test]
fn a_file_says_what_flags_say() {
    let folder = Folder::new();
    let common = "--vocab 700 --max-words 30 --seed 3";
    folder
        .prepare(&format!("--tsv @toy.tsv.zst --out @flags {common} --weights date=2 *=0.5 --hold-out date=9"))
        .unwrap();
    let mix = format!(
        "vocab = 700\nmax_words = 99\nseed = 3\n[weights]\ndate = 2\n'*' = 0.5\n[hold_out]\ndate = 9\n\
         [[file]]\npath = '{}'\n",
        folder.path("toy.tsv.zst").display()
    );
    fs::write(folder.path("mix.toml"), &mix).unwrap();
    folder.prepare("--mix @mix.toml --out @file --max-words 30").unwrap();
    for name in ["tokenizer.json", "train.ids", "valid.ids"] {
        let read = |run: &str| fs::read(folder.path(run).join(name)).unwrap();
        assert!(read("flags") == read("file"), "{name} differs");
    }
    fs::write(folder.path("mix.toml"), mix + "weight = 3\nmax_pairs = 20\nexclude = ['number']\n").unwrap();
    let summary = folder.prepare("--mix @mix.toml --out @few --max-words 30").unwrap();
    assert_eq!((summary.train_pairs, summary.tags.len()), (20 * 3 * 2, 1));
    fs::write(folder.path("mix.toml"), "vocabulary = 3\n").unwrap();
    let message = format!("{:#}", folder.prepare("--mix @mix.toml --out @few").unwrap_err());
    assert!(message.contains("mix.toml") && message.contains("unknown field `vocabulary`"), "{message}");
}

#[test]
fn bad_input_is_named() {
    let folder = Folder::new();
    let error = |arguments: &str| format!("{:#}", folder.prepare(arguments).unwrap_err());
    fs::write(folder.path("bad.tsv"), "one\tun\njust one column\n").unwrap();
    let message = error("--tsv @bad.tsv --out @data");
    assert!(message.contains("bad.tsv:2: found 1 columns"), "{message}");
    let message = error("--tsv @none.tsv --out @data");
    assert!(message.contains("opening") && message.contains("none.tsv"), "{message}");
    assert!(error("--out @data").starts_with("nothing to read"));
    let message = error("--tsv @toy.tsv.zst --out @data --exclude dates");
    assert_eq!(message, "no pair has the tag \"dates\" (the corpus has date, number)");
    let message = error("--tsv @toy.tsv.zst --out @data --hold-out date=1000");
    assert!(message.contains("only 101 pairs have that tag"), "{message}");
    assert!(error("--tsv @toy.tsv.zst --out @data --weights date").contains("wanted TAG=FACTOR"));
    assert!(error("--tsv @toy.tsv.zst --out @data --short-words 4").contains("--short-weight"));
    assert!(error("--tsv @toy.tsv.zst --out @data --short-words 4 --short-weight 1001").contains("factor 1001 of"));
    assert!(error("--tsv @toy.tsv.zst --out @data --vocab 10").contains("too small"));
    fs::write(folder.path("bad.json"), "{}").unwrap();
    let message = error("--tsv @toy.tsv.zst --out @data --tokenizer @bad.json");
    assert!(message.contains("bad.json: tokenizer.json: "), "{message}");
    assert!(!folder.path("data").exists());
}
