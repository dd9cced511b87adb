//! `traduko bench`.

use crate::program::{Workplace, assert_fails};

#[test]
fn steps_are_measured() {
    let workplace = Workplace::new();
    // As a run's own copy has it: a source vocabulary smaller than the one that sentences are drawn from.
    let bench = [
        "bench",
        "run/config.toml",
        "--set",
        "model.tie_embeddings=target",
        "--set",
        "model.n_source_vocab=50",
        "--set",
        "train.batch_tokens=100",
        "--vocab",
        "300",
        "--warmup",
        "1",
    ];
    let run = |more: &[&str]| workplace.run(&[&bench[..], more].concat());
    let outcome = run(&["--steps", "2", "--json"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let speed: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(speed["sentences_a_step"], 5);
    for key in ["parameters", "seconds_a_step", "source_tokens_per_second", "target_tokens_per_second", "loss"] {
        assert!(speed[key].as_f64().unwrap() > 0.0, "{key}: {speed}");
    }
    let text = run(&["--steps", "1"]).stdout;
    assert!(text.starts_with(&format!("{} parameters, 5 sentences a step: ", speed["parameters"])), "{text}");
    assert_fails(&run(&["--steps", "0"]), &["--steps 0: nothing to measure"]);
}
