//! `traduko translate`.

use std::io::{BufRead, BufReader, Write};

use crate::program::{Workplace, assert_fails};

const INPUT: &str =
    "Thirty-one horses.\n\n  the second of May  \r\nfour hundred and two. Seventy! Nine?\n\u{2014}\nTwelve";

#[test]
fn a_line_in_a_line_out_whatever_the_threads_and_batches() {
    let workplace = Workplace::new();
    for model in ["run", "package"] {
        let outcome = workplace.run_on(&["translate", "--model", model], INPUT.as_bytes());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let lines: Vec<&str> = outcome.stdout.lines().collect();
        assert_eq!(lines.len(), 6, "{}", outcome.stdout);
        assert_eq!((lines[1], lines[4]), ("", "\u{2014}"));
        assert!(lines[2].starts_with("  ") && lines[2].ends_with("  "));
        assert!(outcome.stderr.contains("6 lines"), "{}", outcome.stderr);
        for speed in [["--threads", "1"], ["--threads", "3"], ["--batch", "1"], ["--batch", "2"]] {
            let args = [&["translate", "--model", model][..], &speed].concat();
            assert_eq!(workplace.run_on(&args, INPUT.as_bytes()).stdout, outcome.stdout, "{speed:?}");
        }
    }
}

#[test]
fn no_line_in_no_line_out() {
    let outcome = Workplace::new().run_on(&["translate", "--model", "package"], b"");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{}", outcome.stderr);
}

#[test]
fn draws_repeat_by_their_seed() {
    let workplace = Workplace::new();
    let drawn = |seed: &str, top_k: &str| {
        let args = ["translate", "--model", "package", "--temperature", "2", "--seed", seed, "--top-k", top_k];
        let outcome = workplace.run_on(&args, INPUT.as_bytes());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        outcome.stdout
    };
    assert_eq!(drawn("1", "0"), drawn("1", "0"));
    assert_ne!(drawn("1", "0"), drawn("2", "0"));
    let greedy = workplace.run_on(&["translate", "--model", "package", "--beam", "1"], INPUT.as_bytes()).stdout;
    assert_eq!(drawn("1", "1"), greedy);
    let refused = |args: &[&str], part| {
        let args = [&["translate", "--model", "package"][..], args].concat();
        assert_fails(&workplace.run_on(&args, INPUT.as_bytes()), &[part]);
    };
    refused(&["--temperature", "0"], "temperature");
    refused(&["--temperature", "1", "--top-p", "1.5"], "top-p");
    refused(&["--top-k", "5"], "--temperature");
}

#[test]
fn prefixes_and_several_models() {
    let workplace = Workplace::new();
    let translate =
        |args: &[&str]| workplace.run_on(&[&["translate", "--model", "package"], args].concat(), b"one\ntwo\n");
    let plain = translate(&[]);
    assert_eq!(translate(&["--model", "package"]).stdout, plain.stdout);
    let together =
        translate(&["--model", "run", "--beam", "2", "--diversity-rate", "0.5", "--coverage-penalty", "0.2"]);
    assert_eq!((together.code, together.stdout.lines().count()), (Some(0), 2), "{}", together.stderr);

    workplace.write("prefixes", &["forty", ""]);
    let forced = translate(&["--prefixes", "prefixes"]).stdout;
    let lines: Vec<&str> = forced.lines().collect();
    assert!(lines[0].starts_with("forty"), "{forced}");
    assert_eq!(lines[1], plain.stdout.lines().nth(1).expect("two lines"));
    workplace.write("prefixes", &["forty"]);
    assert_fails(&translate(&["--prefixes", "prefixes"]), &["--prefixes: 1 lines, and standard input has 2"]);

    std::fs::create_dir(workplace.path("other")).expect("a folder");
    for name in ["config.toml", "last.safetensors"] {
        std::fs::copy(workplace.path("run").join(name), workplace.path("other").join(name)).expect("copied");
    }
    let tokenizer = std::fs::read_to_string(workplace.path("run/tokenizer.json")).expect("text");
    std::fs::write(workplace.path("other/tokenizer.json"), tokenizer + "\n").expect("written");
    assert_fails(&translate(&["--model", "other"]), &["other: its subwords are not those of package"]);
}

#[test]
fn n_best_lists_are_numbered_and_sorted() {
    let workplace = Workplace::new();
    let plain = workplace.run_on(&["translate", "--model", "package"], INPUT.as_bytes());
    let outcome = workplace.run_on(&["translate", "--model", "package", "--n-best", "3"], INPUT.as_bytes());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let rows: Vec<Vec<&str>> = outcome.stdout.lines().map(|line| line.split(" ||| ").collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 3), "{}", outcome.stdout);
    for (index, line) in plain.stdout.lines().enumerate() {
        let of_line: Vec<_> = rows.iter().filter(|row| row[0] == index.to_string()).collect();
        // A line that was copied has only itself.
        let wanted = if line.contains(char::is_alphanumeric) { 3 } else { 1 };
        assert_eq!(of_line.len(), wanted, "{}", outcome.stdout);
        assert_eq!(of_line[0][1], line);
        let scores: Vec<f64> = of_line.iter().map(|row| row[2].parse().expect("a number")).collect();
        assert!(scores.is_sorted_by(|left, right| left >= right), "{scores:?}");
    }
}

#[test]
fn a_glossary_is_obeyed_and_its_faults_are_named() {
    let workplace = Workplace::new();
    let translate = ["translate", "--model", "package", "--glossary", "terms.json"];
    std::fs::write(workplace.path("terms.json"), r#"{"horses": "Rosinantes", "the second": "X"}"#).unwrap();
    let outcome = workplace.run_on(&translate, INPUT.as_bytes());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines[0].contains("Rosinantes") && lines[2].contains('X'), "{lines:?}");
    let plain = workplace.run_on(&["translate", "--model", "package"], INPUT.as_bytes());
    let same = lines.iter().zip(plain.stdout.lines()).map(|(with, without)| *with == without);
    assert_eq!(same.collect::<Vec<_>>(), [false, true, false, true, true, true]);
    for (json, named) in [("{\"a\": 1}", "terms.json"), ("{\"\": \"b\"}", "is empty")] {
        std::fs::write(workplace.path("terms.json"), json).unwrap();
        assert_fails(&workplace.run_on(&translate, b"a"), &[named]);
    }
}

#[test]
fn alignments_are_pairs_of_word_positions() {
    let workplace = Workplace::new();
    let outcome = workplace.run_on(&["translate", "--model", "run", "--alignment"], INPUT.as_bytes());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let mut n_pairs = 0;
    for (source, line) in INPUT.lines().zip(outcome.stdout.lines()) {
        let (_, pairs) = line.split_once(" ||| ").expect("a separator in every line");
        for pair in pairs.split_whitespace() {
            let (i, _) = pair.split_once('-').expect("source-target");
            assert!(i.parse::<usize>().expect("a number") < source.split_whitespace().count(), "{source}: {pairs}");
            n_pairs += 1;
        }
    }
    assert!(n_pairs > 0);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let workplace = Workplace::new();
    let mut child = workplace.command(["translate", "--model", "package", "--beam", "1"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        for _ in 0..5000 {
            if stdin.write_all(b"one two three four five six\n").is_err() {
                break;
            }
        }
    });
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.ends_with('\n'));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    writer.join().unwrap();
}

#[test]
fn bad_input_is_named() {
    let workplace = Workplace::new();
    let outcome = workplace.run_on(&["translate", "--model", "package"], b"one\ntwo \xff\n");
    assert_fails(&outcome, &["standard input, line 2: not UTF-8"]);
    let fault = |args: &[&str]| workplace.run_on(&[&["translate", "--model"], args].concat(), b"one\n");
    assert_fails(&fault(&["nowhere"]), &["nowhere: no model here", "manifest.json", "config.toml"]);
    assert_fails(&fault(&["package", "--beam", "0"]), &["beam: found 0, expected 1 to 64"]);
    assert_fails(&fault(&["package", "--beam", "2", "--n-best", "3"]), &["n-best: found 3, expected 1 to 2"]);
    assert_fails(&fault(&["package", "--length-penalty", "NaN"]), &["length-penalty: found NaN"]);
    assert_fails(&fault(&["package", "--threads", "0"]), &["--threads 0"]);
    assert_fails(&fault(&["package", "--batch", "0"]), &["batch: found 0"]);
    assert_fails(&fault(&["package", "--n-best", "2", "--alignment"]), &["--n-best", "--alignment"]);
    assert_fails(&workplace.run(&["translate"]), &["--model"]);
}
