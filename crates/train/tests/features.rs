//! docs/features.md says what is true: every key can be set, every flag exists, every test is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use traduko_train::config::TrainConfig;

/// What stands between back quotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The names of all tests in the Rust files below a folder.
fn tests_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            let starts = text.split("#[test]\n").skip(1).filter_map(|rest| Some(rest.split_once("fn ")?.1));
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            names.extend(starts.map(|rest| rest.split(|c| !is_part(c)).next().unwrap_or_default().to_owned()));
        }
    }
}

fn help_of(verb: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_traduko")).args([verb, "--help"]).output().expect("runs");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_line_of_the_page_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/features.md")).expect("docs/features.md");
    let mut tests = BTreeSet::new();
    tests_below(&root.join("crates"), &mut tests);
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with('|') && line.contains('`'))
        .map(|line| line.trim_matches('|').split('|').collect())
        .collect();
    assert!(rows.len() > 50, "the page has {} rows", rows.len());
    for row in rows {
        let [feature, key, test] = row[..] else { panic!("{row:?}: wanted three cells") };
        let (keys, wanted) = (quoted(key), quoted(test));
        assert!(keys.len() == 1 && wanted.len() == 1, "{feature}: a key and a test between back quotes");
        match keys[0].split_once(" --") {
            Some((verb, flag)) => {
                let is_there = help_of(verb).split_whitespace().any(|word| word == format!("--{flag}"));
                assert!(is_there, "{feature}: traduko {verb} has no --{flag}");
            }
            None => {
                let settings: Vec<String> = keys[0].split(' ').map(str::to_owned).collect();
                let parsed = TrainConfig::parse("", &settings);
                assert!(parsed.is_ok(), "{feature}: {:#}", parsed.expect_err("not parsed"));
            }
        }
        assert!(tests.contains(wanted[0]), "{feature}: there is no test {}", wanted[0]);
    }
}
