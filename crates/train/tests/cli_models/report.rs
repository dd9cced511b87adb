//! `traduko report`.

use std::fs;

use crate::program::{Workplace, assert_fails, copy_dir};

const LOG: [&str; 4] = [
    r#"{"step":20,"loss":6.5,"perplexity":600.0,"learning_rate":0.001,"gradient_norm":1.5,"tokens_per_second":900.0}"#,
    r#"{"step":40,"loss":5.75,"perplexity":300.0,"learning_rate":0.001,"gradient_norm":0.5,"tokens_per_second":950.0}"#,
    r#"{"step":40,"valid_loss":5.5,"valid_perplexity":244.7,"valid_bleu":12.25,"valid_chrf":31.5,"is_best":true}"#,
    r#"{"step":60,"loss":5."#,
];

/// All of the page, and nothing that a browser would fetch or run.
fn page(workplace: &Workplace, args: &[&str], path: &str) -> String {
    let outcome = workplace.run(args);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let html = fs::read_to_string(workplace.path(path)).expect("a page");
    for part in ["<script", "<link", "<img", "src=", "href=", "url(", "://", "@import"] {
        assert!(!html.contains(part), "`{part}` is in the page");
    }
    html
}

#[test]
fn one_page_holds_curves_validations_configuration_and_attention() {
    let workplace = Workplace::new();
    workplace.write("run/log.jsonl", &LOG);
    workplace.write("sentences.txt", &["the <b>house</b> & \"two\" books", "", "seven books"]);
    let html = page(&workplace, &["report", "run", "--sentences", "sentences.txt"], "run/report.html");
    for part in [
        "loss 5.500, perplexity 244.70, BLEU 12.25, chrF 31.50 at step 40",
        "training 5.75 at step 40\nvalidation 5.5 at step 40",
        "d_encoder = 12",
        "the &lt;b&gt;house&lt;/b&gt; &amp; &quot;two&quot; books",
    ] {
        assert!(html.contains(part), "`{part}` is not in the page");
    }
    assert_eq!(html.matches("<figure").count(), 7, "loss, perplexity, BLEU, chrF, learning rate, norm and speed");
    assert_eq!(html.matches("<section class=\"sample\"").count(), 2);
    assert!(html.contains("<td style=\"--weight:") || html.contains("<td class=\"strong\" style=\"--weight:"));
}

#[test]
fn runs_are_laid_over_each_other() {
    let workplace = Workplace::new();
    workplace.write("run/log.jsonl", &LOG);
    copy_dir(&workplace.path("run"), &workplace.path("other"));
    workplace.write("other/log.jsonl", &LOG[..1]);
    // A run that has not come to its first checkpoint, on other settings.
    fs::remove_file(workplace.path("other/last.safetensors")).unwrap();
    let config = fs::read_to_string(workplace.path("run/config.toml")).unwrap();
    fs::write(workplace.path("other/config.toml"), config.replace("dropout = 0.1", "dropout = 0.25")).unwrap();
    let html = page(&workplace, &["report", "run", "--compare", "other", "--out", "both.html"], "both.html");
    for part in ["run training 6.5 at step 20\nother training 6.5 at step 20", "train.dropout", "<td>0.25</td>"] {
        assert!(html.contains(part), "`{part}` is not in the page");
    }
    assert!(!html.contains("train.seed"), "what is alike is not listed as a difference");
    let html = page(&workplace, &["report", "other"], "other/report.html");
    assert!(!html.contains("class=\"sample\""));
}

#[test]
fn what_is_no_run_is_named() {
    let workplace = Workplace::new();
    assert_fails(&workplace.run(&["report", "package"]), &["package: no training run here"]);
    assert_fails(&workplace.run(&["report", "run"]), &["log.jsonl"]);
    workplace.write("run/log.jsonl", &LOG);
    assert_fails(&workplace.run(&["report", "run", "--sentences", "nowhere.txt"]), &["nowhere.txt"]);
}
