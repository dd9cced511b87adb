//! Text before and after the network: normalisation, sentence splitting, subwords, inline markup and languages.
//!
//! Knows nothing of the network. Plain strings go in; ids, pieces and byte ranges come out. The same code
//! runs natively and in the page; training a tokenizer and BPE-dropout are behind the feature `train`.

mod case;
#[cfg(feature = "train")]
mod dropout;
mod error;
mod keep;
mod language;
mod markup;
mod normalize;
mod sentences;
mod tokenizer;
#[cfg(feature = "train")]
mod training;
mod vocabulary;
mod words;

pub use case::{is_all_caps, to_sentence_case};
#[cfg(feature = "train")]
pub use dropout::BpeDropout;
pub use error::TextError;
pub use keep::kept_ranges;
pub use language::{LanguageCheck, language_code};
pub use markup::{Kept, Markup, Placed, Projection, Span, word_ranges};
pub use normalize::{Normalized, normalize};
pub use sentences::{is_day, is_month, split_sentences};
#[cfg(feature = "train")]
pub use tokenizer::check_tag;
pub use tokenizer::{BOS, EOS, Encoding, PAD, SubwordTokenizer, UNK};
#[cfg(feature = "train")]
pub use training::{MIN_VOCAB, train, train_unigram};
pub use vocabulary::Vocabulary;
pub use words::{is_in, prose_words, trim_punctuation};
