//! All metrics against stored outputs of sacreBLEU 2.6.0, rouge-score 0.1.2 and NLTK 3.9.1.
//!
//! `metrics/cases.json` holds texts written for this purpose and what they say of them; this, run in that folder, says it
//! again:
//!
//! ```python
//! import json
//! from nltk.stem.snowball import SnowballStemmer
//! from nltk.translate.meteor_score import single_meteor_score
//! from rouge_score.rouge_scorer import RougeScorer
//! from sacrebleu import BLEU, CHRF, TER
//! from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
//!
//! class NoSynonyms:
//!     def synsets(self, word):
//!         return []
//!
//! def words(line):
//!     return Tokenizer13a()(line.lower()).split()
//!
//! def meteor(hyp, ref):
//!     return single_meteor_score(words(ref), words(hyp), stemmer=SnowballStemmer("french"), wordnet=NoSynonyms())
//!
//! rouge_names = ["rouge1", "rouge2", "rougeL"]
//! rouge = RougeScorer(rouge_names)
//! cases = json.load(open("cases.json"))
//! for case in cases:
//!     for key, metric in [
//!         ("bleu", BLEU()),
//!         ("bleu_lc", BLEU(lowercase=True)),
//!         ("bleu_none", BLEU(tokenize="none", force=True)),
//!         ("chrf", CHRF()),
//!         ("chrf_words", CHRF(word_order=2)),
//!         ("ter", TER()),
//!     ]:
//!         score = metric.corpus_score(case["hyps"], [case["refs"]])
//!         case[key] = score.format(signature=metric.get_signature().format())
//!     pairs = list(zip(case["hyps"], case["refs"]))
//!     scores = [rouge.score(ref, hyp) for hyp, ref in pairs]
//!     case["rouge"] = [sum(score[name].fmeasure for score in scores) / len(scores) for name in rouge_names]
//!     case["meteor"] = [meteor(hyp, ref) for hyp, ref in pairs]
//! json.dump(cases, open("cases.json", "w"), indent=1)
//! ```

use serde::Deserialize;
use traduko_train::metrics::{
    BleuOptions, BleuTokenizer, ChrfOptions, MeteorOptions, Metric, RougeOptions, TerOptions, statistics, sum,
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
    ter: String,
    rouge: [f64; 3],
    /// Of each sentence.
    meteor: Vec<f64>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("metrics/cases.json")).expect("the stored cases")
}

impl Case {
    fn sums(&self, metric: &impl Metric) -> Vec<f64> {
        sum(&statistics(metric, &self.hyps, &self.refs))
    }

    fn line(&self, metric: impl Metric) -> String {
        metric.line(&self.sums(&metric))
    }
}

#[test]
fn bleu_equals_sacrebleu_to_the_last_digit() {
    for case in cases() {
        assert_eq!(case.line(BleuOptions::default()), case.bleu, "{}", case.name);
        let lowercase = BleuOptions { lowercase: true, ..BleuOptions::default() };
        assert_eq!(case.line(lowercase), case.bleu_lc, "{}", case.name);
        let as_it_is = BleuOptions { tokenizer: BleuTokenizer::None, ..BleuOptions::default() };
        assert_eq!(case.line(as_it_is), case.bleu_none, "{}", case.name);
    }
}

#[test]
fn chrf_equals_sacrebleu_to_the_last_digit() {
    for case in cases() {
        assert_eq!(case.line(ChrfOptions::default()), case.chrf, "{}", case.name);
        assert_eq!(case.line(ChrfOptions { max_words: 2 }), case.chrf_words, "{}", case.name);
    }
}

#[test]
fn ter_equals_sacrebleu_to_the_last_digit() {
    for case in cases() {
        assert_eq!(case.line(TerOptions), case.ter, "{}", case.name);
    }
}

#[test]
fn rouge_equals_googles() {
    for case in cases() {
        let kinds = [RougeOptions::Ngrams(1), RougeOptions::Ngrams(2), RougeOptions::Longest];
        for (kind, wanted) in kinds.into_iter().zip(case.rouge) {
            let found = kind.score(&case.sums(&kind));
            assert!((found - 100.0 * wanted).abs() < 1e-9, "{}: {found}, wanted {wanted}", case.name);
        }
    }
}

#[test]
fn meteor_of_a_sentence_equals_nltks() {
    let meteor = MeteorOptions::new("fr");
    for case in cases() {
        for ((hypothesis, reference), wanted) in case.hyps.iter().zip(&case.refs).zip(&case.meteor) {
            let found = meteor.score(&meteor.statistics(hypothesis, reference));
            assert!((found - 100.0 * wanted).abs() < 1e-9, "{}: {found}, wanted {wanted}: {hypothesis}", case.name);
        }
    }
}
