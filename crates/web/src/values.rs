//! What crosses to JavaScript and back; `web/traduko/protocol.js` has the same shapes as JSDoc types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use traduko_text::{Markup, Placed, Span};
use traduko_translator::{Glossary, Plan, TranslateOptions};
use wasm_bindgen::{JsError, JsValue};

/// How to translate; what is left out keeps its default.
#[derive(Deserialize)]
#[serde(default)]
pub struct Options {
    beam: usize,
    length_penalty: f32,
    n_best: usize,
    max_length_factor: Option<f32>,
    keep_numbers: bool,
    with_attention: bool,
    glossary: BTreeMap<String, String>,
    leave_target_language: bool,
    /// `deny_unknown_fields` would see nothing: of a JavaScript object, only the fields of a struct are looked at.
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
}

impl Options {
    /// The options in an object, or the defaults for `undefined`.
    pub fn from_js(options: JsValue) -> Result<Self, JsError> {
        if options.is_undefined() {
            return Ok(Self::default());
        }
        let options: Self =
            serde_wasm_bindgen::from_value(options).map_err(|error| JsError::new(&format!("options: {error}")))?;
        match options.unknown.keys().next() {
            None => Ok(options),
            Some(key) => Err(JsError::new(&format!(
                "options: unknown key {key} (expected beam, length_penalty, n_best, max_length_factor, keep_numbers, with_attention, glossary, \
                 leave_target_language)"
            ))),
        }
    }

    /// Whether a text that is in the target language already comes back as it is.
    pub fn leaves_target_language(&self) -> bool {
        self.leave_target_language
    }

    /// What the translator wants to know.
    pub fn resolve(self) -> Result<TranslateOptions, JsError> {
        Ok(TranslateOptions {
            beam: self.beam,
            length_penalty: self.length_penalty,
            n_best: self.n_best,
            max_length_factor: self.max_length_factor,
            keep_numbers: self.keep_numbers,
            with_attention: self.with_attention,
            batch_sentences: BATCH_SENTENCES,
            glossary: Glossary::new(self.glossary)?,
            ..TranslateOptions::default()
        })
    }
}

impl Default for Options {
    fn default() -> Self {
        let defaults = TranslateOptions::default();
        Self {
            beam: defaults.beam,
            length_penalty: defaults.length_penalty,
            n_best: defaults.n_best,
            max_length_factor: defaults.max_length_factor,
            keep_numbers: defaults.keep_numbers,
            with_attention: defaults.with_attention,
            glossary: BTreeMap::new(),
            leave_target_language: false,
            unknown: BTreeMap::new(),
        }
    }
}

/// Sentences translated between two looks at the mailbox: as many as make products fast, and so few that whoever cancels is
/// soon heard (32 take a fifth of a second).
const BATCH_SENTENCES: usize = 32;

/// A text to translate, with the elements inside it.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// A text alone.
    Plain(String),
    /// A text with elements.
    Marked {
        /// The text.
        text: String,
        /// The elements in the order in which they begin, an outer one before what it holds.
        spans: Vec<SourceSpan>,
    },
}

/// An element of a text; positions count UTF-16 units, as JavaScript does.
#[derive(Deserialize)]
pub struct SourceSpan {
    start: usize,
    end: usize,
    /// The number of the element around it.
    parent: Option<usize>,
}

impl Source {
    /// The sources in an array.
    pub fn from_js(sources: JsValue) -> Result<Vec<Self>, JsError> {
        serde_wasm_bindgen::from_value(sources).map_err(|error| {
            JsError::new(&format!("texts: {error} (expected an array of strings or of {{ text, spans }})"))
        })
    }

    /// Its text and its elements.
    pub fn take(self) -> Result<(String, Markup), JsError> {
        let (text, spans) = match self {
            Self::Plain(text) => (text, Vec::new()),
            Self::Marked { text, spans } => (text, spans),
        };
        if spans.is_empty() {
            return Ok((text, Markup::default()));
        }
        let bytes = byte_positions(&text);
        // What lies beyond the text stays there, and is named by the markup's own check.
        let byte = |position: usize| bytes.get(position).copied().unwrap_or(usize::MAX);
        let spans = spans.iter().map(|span| Span { range: byte(span.start)..byte(span.end), parent: span.parent });
        let markup = Markup::new(&text, spans.collect())?;
        Ok((text, markup))
    }
}

/// The byte at which each UTF-16 unit of a text lies, and its length; the second half of a pair is in its character.
fn byte_positions(text: &str) -> Vec<usize> {
    let units = text.char_indices().flat_map(|(at, character)| (0..character.len_utf16()).map(move |unit| at + unit));
    units.chain([text.len()]).collect()
}

/// An element of a translation, in UTF-16 units.
#[derive(Serialize)]
struct TargetSpan {
    span: usize,
    start: usize,
    end: usize,
}

fn target_spans(text: &str, placed: Vec<Placed>) -> Vec<TargetSpan> {
    if placed.is_empty() {
        return Vec::new();
    }
    let bytes = byte_positions(text);
    let unit = |byte: usize| bytes.partition_point(|&at| at < byte);
    let target = |Placed { span, range }| TargetSpan { span, start: unit(range.start), end: unit(range.end) };
    placed.into_iter().map(target).collect()
}

/// What there is to translate in a text.
#[derive(Serialize)]
pub struct Measure {
    subwords: usize,
    starts: Vec<usize>,
}

impl Measure {
    /// Of one text and its plan.
    pub fn new(text: &str, plan: &Plan) -> Self {
        let bytes = byte_positions(text);
        let starts = plan.sentence_starts().map(|start| bytes.partition_point(|&at| at < start)).collect();
        Self { subwords: plan.n_subwords(), starts }
    }
}

/// A translated text.
#[derive(Serialize)]
pub struct Translation {
    text: String,
    /// Where the elements went, in the order of the translation, an outer one before what it holds.
    spans: Vec<TargetSpan>,
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

impl Translation {
    /// What JavaScript hears of a translation of `source`, whose elements are `markup`.
    pub fn new(translation: traduko_translator::Translation, source: &str, markup: &Markup) -> Self {
        let placed = match markup.spans() {
            [] => Vec::new(),
            _ => translation.projection(source).place(markup),
        };
        let spans = target_spans(&translation.text, placed);
        let sentences = translation.sentences.into_iter().map(Sentence::from).collect();
        Self { text: translation.text, spans, sentences }
    }

    /// A text that stays as it is.
    pub fn untouched(text: String, markup: &Markup) -> Self {
        let placed =
            markup.spans().iter().enumerate().map(|(span, Span { range, .. })| Placed { span, range: range.clone() });
        let spans = target_spans(&text, placed.collect());
        Self { text, spans, sentences: Vec::new() }
    }

    /// The same with no attention, which is much to hand over.
    pub fn without_attention(mut self) -> Self {
        self.sentences.iter_mut().for_each(|sentence| sentence.attention.clear());
        self
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
