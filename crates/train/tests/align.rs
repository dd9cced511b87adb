//! `traduko align` through its binary, on text the project makes up.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use traduko_train::align::{ALIGN_FILE, Alignments};
use traduko_train::dataset::Dataset;

const SOURCE: [&str; 5] = ["small", "red", "house", "car", "book"];
const TARGET: [&str; 5] = ["petit", "rouge", "maison", "voiture", "livre"];

/// `prepare`d phrases such as `7 the red car` and `7 la voiture rouge`, in the folder `data`.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let mut text = String::new();
        for i in 0..600 {
            let (adjective, noun, other) = (i % 2, 2 + i / 2 % 3, 2 + i / 7 % 3);
            let (source, target) = (SOURCE[adjective], TARGET[adjective]);
            text += &match i / 6 % 3 {
                0 => format!("{i} the {source} {}\t{i} la {} {target}\n", SOURCE[noun], TARGET[noun]),
                1 => format!("{i} a {}\t{i} une {}\n", SOURCE[noun], TARGET[noun]),
                _ => {
                    let [a, b, c, d] = [SOURCE[noun], SOURCE[other], TARGET[noun], TARGET[other]];
                    format!("{i} a {a}, the {b}\t{i} une {c}, la {d}\n")
                }
            };
        }
        fs::write(folder.path("toy.tsv"), text).unwrap();
        folder.write("a.en", "7 the red car\n8 a book, the house\n");
        folder.write("a.fr", "7 la voiture rouge\n8 une livre, la maison\n");
        assert!(folder.traduko("prepare --tsv @toy.tsv --out @data --vocab 520").status.success());
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs the binary, where `@name` stands for a path in this folder.
    fn traduko(&self, arguments: &str) -> Output {
        let words = arguments.split(' ').map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).into_os_string(),
            None => word.into(),
        });
        Command::new(env!("CARGO_BIN_EXE_traduko")).args(words).output().unwrap()
    }

    /// The message of a run that must fail.
    fn error(&self, arguments: &str) -> String {
        let output = self.traduko(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        String::from_utf8(output.stderr).unwrap()
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_folder_gets_its_links_and_they_do_not_depend_on_threads() {
    let folder = Folder::new();
    let output = folder.traduko("align --data @data --threads 1");
    let talk = text(output.stderr);
    assert!(output.status.success() && output.stdout.is_empty(), "{talk}");
    assert!(talk.contains("target to source  HMM    iteration 5  ppl "), "{talk}");
    assert!(talk.contains("valid.ids is not used"), "{talk}");
    let bytes = fs::read(folder.path("data").join(ALIGN_FILE)).unwrap();

    let set = Dataset::read(&folder.path("data/train.ids")).unwrap();
    let alignments = Alignments::read(&folder.path("data/train.align"), &set).unwrap();
    assert_eq!(alignments.len(), set.len());
    assert!((0..set.len()).all(|pair| !alignments.links(pair).is_empty()));

    assert!(folder.traduko("align --data @data --threads 3").status.success());
    assert!(bytes == fs::read(folder.path("data").join(ALIGN_FILE)).unwrap(), "threads changed the links");

    assert!(folder.traduko("align --data @data --learn-from 60").status.success());
    let sampled = Alignments::read(&folder.path("data/train.align"), &set).unwrap();
    assert!((0..set.len()).all(|pair| !sampled.links(pair).is_empty()));
    assert!(folder.error("align --data @data --learn-from 0").contains("--learn-from <N>"));

    let mut other = Dataset::new(set.n_vocab());
    (0..set.len()).for_each(|pair| other.push(set.target(pair), set.source(pair)));
    let error = Alignments::read(&folder.path("data/train.align"), &other).unwrap_err().to_string();
    assert!(error.contains("made for other pairs"), "{error}");
}

#[test]
fn word_links_of_text_are_printed_and_scored() {
    let folder = Folder::new();
    let output = folder.traduko("align --data @data --source @a.en --target @a.fr");
    assert_eq!(text(output.stdout), "0-0 1-1 2-3 3-2\n0-0 1-1 2-2 3-3 4-4 5-5\n", "{}", text(output.stderr));
    assert!(!folder.path("data/train.align").exists());

    folder.write("a.links", "1\t0-0 1-1 2-3 3-2\n");
    let score = "align --data @data --source @a.en --target @a.fr --gold @a.links";
    let table = text(folder.traduko(score).stdout);
    let line = table.lines().find(|line| line.starts_with("grow-diag")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["grow-diag-final-and", "100.0%", "100.0%", "0.0%"]);
    let json: serde_json::Value = serde_json::from_slice(&folder.traduko(&format!("{score} --json")).stdout).unwrap();
    assert_eq!((&json["sentences"], &json["scores"][4]["aer"]), (&1.into(), &0.0.into()));
    assert_eq!(json["scores"][4]["name"], "grow-diag-final-and");
}

#[test]
fn elements_are_put_where_they_are_by_hand() {
    let folder = Folder::new();
    folder.write(
        "a.tsv",
        "7 the <b1>red</b1> <a1>car</a1>\t7 la <a1>voiture</a1> <b1>rouge</b1>\n8 a <b1>book</b1>, the house\t8 une <b1>livre</b1>, la maison\n",
    );
    let score = "align --data @data --markup @a.tsv";
    let table = text(folder.traduko(score).stdout);
    assert!(table.contains("3 of    3 elements  100.0%"), "{table}");
    let rows: serde_json::Value = serde_json::from_slice(&folder.traduko(&format!("{score} --json")).stdout).unwrap();
    assert_eq!((&rows[0]["right"], &rows[0]["f1"]), (&3.into(), &1.0.into()));
    folder.write("a.tsv", "7 the <b1>red</b1> car\t7 la <b1>voiture</b1> rouge\n");
    let wrong = text(folder.traduko(&format!("{score} --wrong")).stdout);
    assert!(wrong.starts_with("\"red\": \"rouge\", wanted \"voiture\"\t7 the red car\n"), "{wrong}");
    folder.write("a.tsv", "a <b1>b</b1>\tc\n");
    let error = folder.error(score);
    assert!(error.contains("a.tsv:1: 1 elements in the source, 0 in the target"), "{error}");
}

#[test]
fn wrong_input_is_named() {
    let folder = Folder::new();
    let error = folder.error("align --data @nowhere");
    assert!(error.contains("nowhere/train.ids: "), "{error}");
    let error = folder.error("align --data @data --iterations-ibm1 0 --iterations-hmm 0");
    assert!(error.contains("nothing would be learned"), "{error}");
    assert!(folder.error("align --data @data --source @a.en").contains("--target"));
    for (links, wanted) in [
        ("3\t0-0\n", "a.links: links of line 3, but the text has 2 lines"),
        ("1\t0-0 3-4\n", "a.links: link 3-4 of line 1, which has 4 and 4 words"),
        ("1\tx\n", "a.links:1: found link \"x\""),
    ] {
        folder.write("a.links", links);
        let error = folder.error("align --data @data --source @a.en --target @a.fr --gold @a.links");
        assert!(error.contains(wanted), "{error}");
    }
    assert!(folder.traduko("prepare --moses @a.en @a.fr --out @other --vocab 460").status.success());
    fs::copy(folder.path("other/tokenizer.json"), folder.path("data/tokenizer.json")).unwrap();
    let error = folder.error("align --data @data --source @a.en --target @a.fr");
    assert!(error.contains("data/tokenizer.json: ") && error.contains("was encoded with"), "{error}");
}
