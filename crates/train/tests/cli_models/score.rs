//! `traduko score`.

use crate::program::{Workplace, assert_fails};

const SOURCES: [&str; 3] = ["Two hundred horses.", "the first of June", "eleven thousand and five"];

#[test]
fn a_number_a_line_whatever_the_batch() {
    let workplace = Workplace::new();
    workplace.write("source", &SOURCES);
    workplace.write("target", &["Deux cents chevaux.", "le premier juin", "onze"]);
    for model in ["run", "package"] {
        let numbers = |more: &[&str]| -> Vec<f64> {
            let args = ["score", "--model", model, "--source", "source", "--target", "target"];
            let outcome = workplace.run(&[&args[..], more].concat());
            assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
            outcome.stdout.lines().map(|line| line.parse().unwrap()).collect()
        };
        let sums = numbers(&[]);
        assert!(sums.len() == 3 && sums.iter().all(|&sum| sum < 0.0), "{sums:?}");
        let is_near = |(x, y): (&f64, &f64)| (x - y).abs() < 2e-3;
        assert!(sums.iter().zip(&numbers(&["--batch", "1", "--threads", "2"])).all(is_near), "{model}");
        // A mean lies between the sum and nothing, by a whole number of subwords.
        for (sum, mean) in sums.iter().zip(numbers(&["--normalize"])) {
            let subwords = sum / mean;
            assert!(subwords > 1.5 && (subwords - subwords.round()).abs() < 1e-2, "{model}: {sum}, {mean}");
        }
    }
}

#[test]
fn totals_and_what_cannot_be_scored() {
    let workplace = Workplace::new();
    workplace.write("source", &SOURCES);
    workplace.write("target", &["one", "two", ""]);
    let args = ["score", "--model", "package", "--source", "source", "--target", "target"];
    let outcome = workplace.run(&[&args[..], &["--json"]].concat());
    let totals: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let number = |key: &str| totals[key].as_f64().unwrap();
    let mean = number("log_probability") / number("subwords");
    assert!((number("perplexity") - (-mean).exp()).abs() < 1e-6 * number("perplexity"), "{totals}");
    assert_eq!(totals["sentences"], 3);
    workplace.write("source", &["one"]);
    assert_fails(&workplace.run(&args), &["target"]);
}
