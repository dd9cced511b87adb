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
    let text = workplace.run(&["compare", "--reference", "reference", "first", "second", "--resamples", "100"]).stdout;
    assert!(text.starts_with("first\n  BLEU|") && text.contains("second\n") && text.contains(", p = 0."), "{text}");
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
