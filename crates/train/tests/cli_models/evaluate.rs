//! `traduko evaluate`.

use std::fs::File;
use std::io::Write;

use crate::program::{Workplace, assert_fails};

const SOURCES: [&str; 6] = [
    "Two hundred horses.",
    "the first of June",
    "eleven thousand and five",
    "Sixty-one cats and seventy dogs.",
    "nine hundred and ninety-nine",
    "the thirtieth of September",
];

/// A workplace with `source` and, as `reference`, what the package makes of it.
fn workplace() -> Workplace {
    workplace_of("package")
}

/// A workplace with `source` and, as `reference`, what `model` makes of it.
fn workplace_of(model: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("source", &SOURCES);
    let input = std::fs::read(workplace.path("source")).unwrap();
    let translated = workplace.run_on(&["translate", "--model", model], &input);
    assert_eq!(translated.code, Some(0), "{}", translated.stderr);
    std::fs::write(workplace.path("reference"), translated.stdout).unwrap();
    workplace
}

const EVALUATE: [&str; 7] = ["evaluate", "--model", "package", "--source", "source", "--reference", "reference"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&EVALUATE[..], more].concat()
}

#[test]
fn a_model_agrees_with_itself() {
    let workplace = workplace();
    let outcome = workplace.run(&with(&["--json"]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.stdout.matches('\n').count(), 1, "{}", outcome.stdout);
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let keys: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["faults", "scores", "seconds", "sentences"]);
    let (bleu, chrf) = (&report["scores"]["BLEU"], &report["scores"]["chrF2"]);
    assert!(bleu["score"].as_f64().unwrap() > 99.99, "{report}");
    assert!(chrf["score"].as_f64().unwrap() > 99.99, "{report}");
    assert_eq!(report["sentences"], 6);
    assert!(bleu["signature"].as_str().unwrap().starts_with("nrefs:1|case:mixed|eff:no|tok:13a"), "{report}");
    let text = workplace.run(&with(&["--metrics", "meteor"])).stdout;
    assert!(text.contains("|stem:fr|"), "the package's language: {text}");
    let text = workplace.run(&EVALUATE).stdout;
    assert!(text.contains("BLEU") && text.contains("chrF2") && text.contains("6 sentences"), "{text}");
}

#[test]
fn intervals_and_faults() {
    let workplace = workplace();
    let mut sources = SOURCES.to_vec();
    sources[0] = "See https://example.org/ for {name}.";
    workplace.write("source", &sources);
    let outcome = workplace.run(&with(&["--json", "--resamples", "200"]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let scores = report["scores"].as_object().unwrap();
    assert!(scores.values().all(|score| score["plus_minus"].as_f64().unwrap() > 0.0), "{report}");
    let counts = report["faults"].as_object().unwrap();
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["cut off", "empty", "loop", "lost number", "lost term"]);
    assert_eq!([&counts["empty"], &counts["lost number"], &counts["lost term"]], [0, 0, 0], "{report}");
    let text = workplace.run(&with(&["--resamples", "200"])).stdout;
    assert!(text.contains("(95%: ") && text.contains("0 lost term"), "{text}");
    assert_fails(&workplace.run(&with(&["--resamples", "0"])), &["--resamples <N>", "2.."]);

    // A network that ends no sentence is cut off in every line.
    let untrained = ["untrained", "run/config.toml", "--tokenizer", "run/tokenizer.json", "--out", "endless"];
    assert_eq!(workplace.run(&untrained).code, Some(0));
    let files = ["--source", "source", "--reference", "reference", "--faults", "faults.tsv"];
    let outcome = workplace.run(&[&["evaluate", "--json", "--model", "endless"][..], &files].concat());
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["faults"]["cut off"], 6, "{report}");
    let table = std::fs::read_to_string(workplace.path("faults.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 6, "{table}");
    for (index, row) in rows.iter().enumerate() {
        assert_eq!((row.len(), row[0], row[2]), (4, &*(index + 1).to_string(), sources[index]), "{table}");
        assert!(row[1].contains("cut off"), "{table}");
    }
}

#[test]
fn compressed_files_and_float_weights_count_as_well() {
    for model in ["package", "run"] {
        let workplace = workplace_of(model);
        let bytes = |name| std::fs::read(workplace.path(name)).unwrap();
        let mut gzip =
            flate2::write::GzEncoder::new(File::create(workplace.path("source.gz")).unwrap(), Default::default());
        gzip.write_all(&bytes("source")).unwrap();
        gzip.finish().unwrap();
        let packed = zstd::encode_all(bytes("reference").as_slice(), 0).unwrap();
        std::fs::write(workplace.path("reference.zst"), packed).unwrap();
        let files = ["--source", "source.gz", "--reference", "reference.zst"];
        let outcome = workplace.run(&[&["evaluate", "--json", "--model", model][..], &files].concat());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert!(report["scores"]["BLEU"]["score"].as_f64().unwrap() > 99.99, "{model}: {report}");
    }
}

#[test]
fn scores_are_recorded_in_the_package() {
    let workplace = workplace();
    let outcome = workplace.run(&with(&["--record", "toy", "--beam", "2"]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let shown: serde_json::Value =
        serde_json::from_str(&workplace.run(&["inspect", "package", "--json"]).stdout).unwrap();
    let scores = shown["manifest"]["scores"].as_array().unwrap();
    let named: Vec<_> = scores.iter().map(|score| (&score["test_set"], &score["metric"], &score["beam"])).collect();
    assert_eq!(named, [(&"toy".into(), &"BLEU".into(), &2.into()), (&"toy".into(), &"chrF2".into(), &2.into())]);
    let card = std::fs::read_to_string(workplace.path("package/README.md")).unwrap();
    assert!(card.contains("| toy | BLEU |"), "{card}");
    let outcome = workplace.run(&[
        "evaluate",
        "--model",
        "run",
        "--source",
        "source",
        "--reference",
        "reference",
        "--record",
        "toy",
    ]);
    assert_fails(&outcome, &["--record: run is no package"]);
}

#[test]
fn a_score_below_the_least_is_a_failed_check() {
    let workplace = workplace();
    workplace.write("reference", &["un autre texte"; 6]);
    let outcome = workplace.run(&with(&["--min-bleu", "50"]));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("below --min-bleu 50"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("BLEU"), "{}", outcome.stdout);
}

#[test]
fn bad_input_is_named() {
    let workplace = workplace();
    workplace.write("reference", &SOURCES[..4]);
    assert_fails(&workplace.run(&EVALUATE), &["reference:5: no such line, but source goes on"]);
    workplace.write("source", &SOURCES[..3]);
    assert_fails(&workplace.run(&EVALUATE), &["source:4: no such line, but reference goes on"]);
    std::fs::remove_file(workplace.path("reference")).unwrap();
    assert_fails(&workplace.run(&EVALUATE), &["opening reference"]);
    workplace.write("source", &[]);
    workplace.write("reference", &[]);
    assert_fails(&workplace.run(&EVALUATE), &["source: no sentences inside"]);
    std::fs::write(workplace.path("source"), b"\xfe\n").unwrap();
    workplace.write("reference", &["un"]);
    assert_fails(&workplace.run(&EVALUATE), &["source:1: not UTF-8"]);
}
