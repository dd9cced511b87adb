//! `traduko untrained`.

use crate::program::Workplace;

#[test]
fn a_network_without_training_is_packaged_and_has_no_end() {
    let workplace = Workplace::new();
    let untrained = ["untrained", "run/config.toml", "--tokenizer", "run/tokenizer.json", "--preview", "8"];
    let outcome = workplace.run(&[&untrained[..], &["--out", "endless"]].concat());
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{}", outcome.stderr);
    let shown: serde_json::Value =
        serde_json::from_str(&workplace.run(&["inspect", "endless", "--json"]).stdout).unwrap();
    assert_eq!((&shown["manifest"]["recipe"]["untrained"], &shown["config"]["d_preview"]), (&true.into(), &8.into()));
    workplace.write("text", &["one", "two", "three"]);
    let evaluate = ["evaluate", "--model", "endless", "--source", "text", "--reference", "text", "--json"];
    let outcome = workplace.run(&evaluate);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["faults"]["cut off"], 3, "{report}");
}
