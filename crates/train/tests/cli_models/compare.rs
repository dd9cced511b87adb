//! `traduko compare`.

use crate::program::{Workplace, assert_fails};

const REFERENCE: [&str; 4] =
    ["un chat noir dort", "deux chiens jouent ici", "trois oiseaux chantent", "le soleil brille"];
const FIRST: [&str; 4] = ["un chat noir dort", "deux chien joue", "trois oiseau chante", "le soleil brille"];

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("reference", &REFERENCE);
    workplace.write("first", &FIRST);
    workplace.write("second", &["chat", "chien", "oiseau", "soleil"]);
    workplace
}

#[test]
fn every_metric_of_two_systems() {
    let workplace = workplace();
    let names = "bleu,bleu-lc,bleu-tok,chrf,chrf++,ter,rouge-1,rouge-2,rouge-l,meteor";
    let outcome = workplace.run(&[
        "compare",
        "--reference",
        "reference",
        "--metrics",
        names,
        "--language",
        "fr",
        "--resamples",
        "100",
        "--json",
        "first",
        "second",
    ]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let systems: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let [first, second] = [&systems[0], &systems[1]];
    assert_eq!([&first["file"], &second["file"]], ["first", "second"]);
    let names = first["scores"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let wanted = ["BLEU", "BLEU-lc", "BLEU-tok", "METEOR", "ROUGE-1", "ROUGE-2", "ROUGE-L", "TER", "chrF2", "chrF2++"];
    assert_eq!(names, wanted);
    for name in names {
        let [better, worse] = [&first["scores"][&name], &second["scores"][&name]];
        let [good, bad] = [better, worse].map(|scored| scored["score"].as_f64().unwrap());
        assert_eq!(good < bad, name == "TER", "{name}: {systems}");
        assert!(better.get("p").is_none() && worse["p"].as_f64().unwrap() > 0.0, "{systems}");
    }
    let outcome = workplace.run(&["compare", "--reference", "reference", "--metrics", "meteor", "first"]);
    assert_fails(&outcome, &["--metrics meteor: wanted --language, whose stems METEOR looks at"]);
    let text = workplace.run(&["compare", "--reference", "reference", "first", "second", "--resamples", "100"]).stdout;
    assert!(text.starts_with("first\n  BLEU|") && text.contains("second\n") && text.contains(", p = 0."), "{text}");
}

#[test]
fn scores_by_length_are_printed_and_drawn() {
    let workplace = workplace();
    let compare = |bounds: &str, more: &[&str]| {
        let by_length = format!("--by-length={bounds}");
        workplace.run(&[&["compare", "--reference", "reference", "first", "second", &by_length], more].concat())
    };
    let outcome = compare("3,5,9", &["--metrics", "bleu,ter", "--plot", "plot.html"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let table = outcome.stdout.split_once("BLEU by length of the reference\n").expect("a table").1;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "  1-3 words, 2 sentences");
    assert_eq!(lines[3], "  4-5 words, 2 sentences");
    assert_eq!(lines[6..8], ["", "TER by length of the reference"]);
    // One of its two translations of three words is right, no word of the other.
    let score = |line: &str| line.split_whitespace().next().and_then(|score| score.parse::<f64>().ok());
    let alone = workplace.path("alone");
    std::fs::write(&alone, "trois oiseaux chantent\nle soleil brille\n").expect("a writable folder");
    workplace.write("short", &["trois oiseau chante", "le soleil brille"]);
    let text = workplace.run(&["compare", "--reference", "alone", "short", "--metrics", "bleu"]).stdout;
    let wanted = text.split(" = ").nth(1).and_then(score);
    assert_eq!(score(lines[1]), wanted, "{table}");
    let page = std::fs::read_to_string(workplace.path("plot.html")).expect("a page");
    assert!(page.contains("<strong>TER</strong>") && page.contains("second"), "{page}");
    // The part up to 5 words is drawn at the longest reference, of 4: the right edge.
    assert!(page.contains("d=\"M750.0 ") && page.contains("L1000.0 "), "{page}");
    assert_fails(&compare("5,3", &[]), &["--by-length: wanted ascending"]);
    assert_eq!(compare("", &[]).code, Some(2), "no number");
    let text = workplace.run(&["compare", "--reference", "reference", "first", "--by-length"]).stdout;
    assert!(text.contains("\n  1-5 words, 4 sentences\n"), "{text}");
}

#[test]
fn files_must_fit() {
    let workplace = workplace();
    workplace.write("short", &["un"]);
    assert_fails(&workplace.run(&["compare", "--reference", "reference", "short"]), &["short has 1 lines"]);
    assert_fails(&workplace.run(&["compare", "--reference", "nowhere", "first"]), &["nowhere"]);
    workplace.write("nothing", &[]);
    assert_fails(&workplace.run(&["compare", "--reference", "nothing", "nothing"]), &["no sentences"]);
}
