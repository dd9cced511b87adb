//! `traduko config`.

use traduko_train::config::TrainConfig;

use crate::program::{Workplace, assert_fails};

#[test]
fn a_configuration_is_printed_complete() {
    let workplace = Workplace::new();
    workplace.write("small.toml", &["[train]", "batch_tokens = 777"]);
    let outcome = workplace.run(&["config", "small.toml", "--set", "train.seed=7"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let mut wanted = TrainConfig::default();
    (wanted.train.batch_tokens, wanted.train.seed) = (777, 7);
    assert_eq!(TrainConfig::parse(&outcome.stdout, &[]).unwrap(), wanted);
    assert!(outcome.stdout.contains("\nmax_steps = 20000\n"), "{}", outcome.stdout);
    workplace.write("small.toml", &["[train]", "batch_token = 777"]);
    assert_fails(&workplace.run(&["config", "small.toml"]), &["small.toml", "did you mean train.batch_tokens?"]);
}
