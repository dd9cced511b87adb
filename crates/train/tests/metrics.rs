//! BLEU, chrF and chrF++ against stored outputs of sacreBLEU 2.6.0.
//!
//! `metrics/cases.json` holds texts written for this purpose and what sacreBLEU printed for them; this, run in
//! that folder, prints it again:
//!
//! ```python
//! import json
//! from sacrebleu import BLEU, CHRF
//!
//! cases = json.load(open("cases.json"))
//! for case in cases:
//!     for key, metric in [
//!         ("bleu", BLEU()),
//!         ("bleu_lc", BLEU(lowercase=True)),
//!         ("bleu_none", BLEU(tokenize="none", force=True)),
//!         ("chrf", CHRF()),
//!         ("chrf_words", CHRF(word_order=2)),
//!     ]:
//!         score = metric.corpus_score(case["hyps"], [case["refs"]])
//!         case[key] = score.format(signature=metric.get_signature().format())
//! json.dump(cases, open("cases.json", "w"), indent=1)
//! ```

use serde::Deserialize;
use traduko_train::metrics::{
    BleuOptions, BleuTokenizer, ChrfOptions, corpus_bleu, corpus_bleu_with, corpus_chrf, corpus_chrf_with,
};

#[derive(Deserialize)]
struct Case {
    name: String,
    hyps: Vec<String>,
    refs: Vec<String>,
    bleu: String,
    bleu_lc: String,
    bleu_none: String,
    chrf: String,
    chrf_words: String,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("metrics/cases.json")).expect("the stored cases")
}

#[test]
fn bleu_equals_sacrebleu_to_the_last_digit() {
    for case in cases() {
        assert_eq!(corpus_bleu(&case.hyps, &case.refs).to_string(), case.bleu, "{}", case.name);
    }
}

#[test]
fn bleu_without_case_or_tokenizer_equals_sacrebleu() {
    for case in cases() {
        let with = |lowercase, tokenizer| {
            let options = BleuOptions { lowercase, tokenizer };
            corpus_bleu_with(&case.hyps, &case.refs, options).to_string()
        };
        assert_eq!(with(true, BleuTokenizer::V13a), case.bleu_lc, "{}", case.name);
        assert_eq!(with(false, BleuTokenizer::None), case.bleu_none, "{}", case.name);
    }
}

#[test]
fn chrf_equals_sacrebleu_to_the_last_digit() {
    for case in cases() {
        assert_eq!(corpus_chrf(&case.hyps, &case.refs).to_string(), case.chrf, "{}", case.name);
        let with_words = corpus_chrf_with(&case.hyps, &case.refs, ChrfOptions { max_words: 2 });
        assert_eq!(with_words.to_string(), case.chrf_words, "{}", case.name);
    }
}
