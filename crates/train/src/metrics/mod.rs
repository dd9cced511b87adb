//! BLEU and chrF, equal to sacreBLEU's to the last printed digit.
//!
//! Published numbers are only comparable when they come from the same tokenizer and the same smoothing, so each
//! score carries sacreBLEU's signature. Own code, because the crates at hand compute other variants: `bleuscore`
//! follows another tokenizer and smoothing, `chrf` averages over sentences. One reference per sentence.

mod bleu;
mod chrf;
mod tokenize_13a;

pub use bleu::{Bleu, BleuOptions, BleuTokenizer, corpus_bleu, corpus_bleu_with};
pub use chrf::{Chrf, corpus_chrf};

/// The release of sacreBLEU whose numbers these are.
pub const SACREBLEU_VERSION: &str = "2.6.0";

/// White space as Python's `str.split` sees it: Unicode's, and the four ASCII separators.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}
