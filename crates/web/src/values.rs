//! What crosses to JavaScript and back; `web/js/protocol.js` has the same shapes as JSDoc types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use traduko_translator::TranslateOptions;
use wasm_bindgen::{JsError, JsValue};

/// How to translate; what is left out keeps its default.
#[derive(Deserialize)]
#[serde(default)]
pub struct Options {
    beam: usize,
    length_penalty: f32,
    n_best: usize,
    with_attention: bool,
    /// `deny_unknown_fields` would see nothing: of a JavaScript object, only the fields of a struct are looked at.
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
}

impl Options {
    /// The options in an object, or the defaults for `undefined`.
    pub fn from_js(options: JsValue) -> Result<TranslateOptions, JsError> {
        if options.is_undefined() {
            return Ok(Self::default().into());
        }
        let options: Self =
            serde_wasm_bindgen::from_value(options).map_err(|error| JsError::new(&format!("options: {error}")))?;
        match options.unknown.keys().next() {
            None => Ok(options.into()),
            Some(key) => Err(JsError::new(&format!(
                "options: unknown key {key} (expected beam, length_penalty, n_best, with_attention)"
            ))),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        let TranslateOptions { beam, length_penalty, n_best, with_attention, .. } = TranslateOptions::default();
        Self { beam, length_penalty, n_best, with_attention, unknown: BTreeMap::new() }
    }
}

/// Sentences translated between two looks at the mailbox: few, so that a page that types on is soon heard.
const BATCH_SENTENCES: usize = 8;

impl From<Options> for TranslateOptions {
    fn from(options: Options) -> Self {
        let Options { beam, length_penalty, n_best, with_attention, unknown: _ } = options;
        Self { beam, length_penalty, n_best, with_attention, batch_sentences: BATCH_SENTENCES }
    }
}

/// A translated text.
#[derive(Serialize)]
pub struct Translation {
    text: String,
    sentences: Vec<Sentence>,
}

/// One sentence, with the attention as `[target][source]` where it was asked for.
#[derive(Serialize)]
struct Sentence {
    source_pieces: Vec<String>,
    target_pieces: Vec<String>,
    score: f32,
    attention: Vec<Vec<f32>>,
    alternatives: Vec<Alternative>,
}

#[derive(Serialize)]
struct Alternative {
    text: String,
    score: f32,
}

impl From<traduko_translator::Translation> for Translation {
    fn from(translation: traduko_translator::Translation) -> Self {
        let sentences = translation.sentences.into_iter().map(Sentence::from).collect();
        Self { text: translation.text, sentences }
    }
}

impl From<traduko_translator::SentenceTranslation> for Sentence {
    fn from(sentence: traduko_translator::SentenceTranslation) -> Self {
        let alternatives =
            sentence.alternatives.into_iter().map(|other| Alternative { text: other.text, score: other.score });
        Self {
            source_pieces: sentence.source_pieces,
            target_pieces: sentence.target_pieces,
            score: sentence.score,
            attention: sentence.attention,
            alternatives: alternatives.collect(),
        }
    }
}
