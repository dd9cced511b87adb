//! The wasm build in a real browser: its numbers, and its words against those of the native binary.
//!
//! `native.txt` holds what the native binary says to `sentences.txt`, with its scores. After a change of the model or
//! of the sentences, write it anew:
//!
//!     cargo run --release -- translate --model models/en-fr --n-best 1 \
//!         < crates/web/tests/sentences.txt > crates/web/tests/native.txt
#![cfg(target_arch = "wasm32")]

use std::rc::Rc;

use js_sys::{Error, Function, Map, Uint8Array};
use serde::Deserialize;
use traduko_web::{Engine, self_test};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const SENTENCES: &str = include_str!("sentences.txt");
const NATIVE: &str = include_str!("native.txt");
const MODEL: [(&str, &[u8]); 4] = [
    ("manifest.json", include_bytes!("../../../models/en-fr/manifest.json")),
    ("config.json", include_bytes!("../../../models/en-fr/config.json")),
    ("tokenizer.json", include_bytes!("../../../models/en-fr/tokenizer.json")),
    ("model.safetensors", include_bytes!("../../../models/en-fr/model.safetensors")),
];

/// Headless browsers run WebGPU in software, about a hundred times slower than the CPU engine.
const SENTENCES_COMPARED: usize = if cfg!(feature = "webgpu") { 3 } else { 500 };
/// Largest difference of a score to that of the native binary. A GPU has an `exp` and a `tanh` of its own, whose last bits
/// change how activations are rounded (docs/engine.md, "The same everywhere").
const SCORE_TOLERANCE: f32 = if cfg!(feature = "webgpu") { 0.02 } else { 1e-3 };

#[derive(Deserialize)]
struct Translation {
    text: String,
    spans: Vec<Span>,
    sentences: Vec<Sentence>,
}

#[derive(Deserialize)]
struct Span {
    span: usize,
    start: usize,
    end: usize,
}

#[derive(Deserialize)]
struct Sentence {
    source_pieces: Vec<String>,
    target_pieces: Vec<String>,
    score: f32,
    attention: Vec<Vec<f32>>,
}

fn files(model: &[(&str, &[u8])]) -> Map {
    let files = Map::new();
    for (name, bytes) in model {
        files.set(&JsValue::from(*name), &Uint8Array::from(*bytes));
    }
    files
}

async fn load() -> Engine {
    Engine::load(files(&MODEL), false).await.map_err(JsValue::from).expect("the committed model loads")
}

fn sentences(count: usize) -> Vec<String> {
    let sentences: Vec<_> = SENTENCES.lines().take(count).map(str::to_owned).collect();
    assert_eq!(sentences.len(), count, "sentences.txt has too few lines");
    sentences
}

/// What the native binary says to the sentence with this index, and its score.
fn native(index: usize) -> (&'static str, f32) {
    let line = NATIVE.lines().nth(index).expect("native.txt has a line for every sentence");
    let mut parts = line.split(" ||| ");
    assert_eq!(parts.next(), Some(index.to_string().as_str()), "native.txt is out of step");
    let (text, score) = (parts.next().expect("a text"), parts.next().expect("a score"));
    (text, score.parse().expect("a number"))
}

fn options(json: &str) -> JsValue {
    js_sys::JSON::parse(json).expect("the options are JSON")
}

fn strings(texts: &[String]) -> JsValue {
    texts.iter().map(JsValue::from).collect::<js_sys::Array>().into()
}

fn message(error: JsValue) -> String {
    error.dyn_into::<Error>().expect("what is thrown is an Error").message().into()
}

/// Translates some sentences at a time, with a turn of the event loop between: the driver gives up a page that is busy for 30
/// seconds.
async fn translate_all(engine: &Engine, sources: &[String], json: &str) -> Vec<Translation> {
    let mut all = Vec::new();
    for part in sources.chunks(20) {
        let found = engine.translate(strings(part), options(json), None).await.expect("translates");
        all.extend(serde_wasm_bindgen::from_value::<Vec<Translation>>(found).expect("has the shape"));
        let turn = js_sys::Promise::new(&mut |resolve, _| {
            let timer = js_sys::Reflect::get(&js_sys::global(), &"setTimeout".into()).expect("every page has timers");
            timer.unchecked_into::<Function>().call1(&JsValue::NULL, &resolve).expect("takes a function");
        });
        wasm_bindgen_futures::JsFuture::from(turn).await.expect("a timer ends");
    }
    all
}

#[wasm_bindgen_test]
async fn the_numbers_are_right() {
    if let Err(error) = self_test().await {
        panic!("{}", message(error.into()));
    }
}

#[wasm_bindgen_test]
async fn says_what_the_native_binary_says() {
    let engine = load().await;
    let sources = sentences(SENTENCES_COMPARED);
    let found = translate_all(&engine, &sources, r#"{"with_attention": true}"#).await;
    assert_eq!(found.len(), sources.len());

    let (mut worst_score, mut n_different) = (0.0_f32, 0);
    for (index, (source, found)) in sources.iter().zip(&found).enumerate() {
        let (text, score) = native(index);
        assert_eq!(found.sentences.len(), 1, "{source}: every line is one sentence");
        let (here, scored) = (&found.text, found.sentences[0].score);
        let difference = (scored - score).abs();
        assert!(difference < SCORE_TOLERANCE, "{source}: {here} with {scored}, natively {text} with {score}");
        worst_score = worst_score.max(difference);
        if found.text != text {
            n_different += 1;
            console_log!("{source}\n  here     {here}\n  natively {text}");
        }
    }
    console_log!("{} sentences, {n_different} differ, worst score difference {worst_score:.1e}", sources.len());
    assert!(n_different * 100 <= sources.len(), "{n_different} of {} sentences differ", sources.len());

    for sentence in found.iter().flat_map(|translation| &translation.sentences) {
        assert_eq!(sentence.attention.len(), sentence.target_pieces.len());
        for row in &sentence.attention {
            let total: f32 = row.iter().sum();
            assert_eq!(row.len(), sentence.source_pieces.len());
            assert!(row.iter().all(|weight| *weight >= 0.0) && total > 0.0 && total < 1.001, "{row:?}");
        }
    }
}

/// The product of this build, of whichever instructions, against one byte after the other.
#[cfg(feature = "cpu")]
#[wasm_bindgen_test]
async fn every_product_gives_the_same_tokens() {
    let engine = load().await;
    let sources = sentences(SENTENCES_COMPARED);
    let mut found = Vec::new();
    for is_portable in [false, true] {
        traduko_kernels::use_portable_products(is_portable);
        let said = translate_all(&engine, &sources, r#"{"beam": 2}"#).await;
        let sentences = said.into_iter().flat_map(|translation| translation.sentences);
        found.push(sentences.map(|sentence| (sentence.target_pieces, sentence.score)).collect::<Vec<_>>());
    }
    traduko_kernels::use_portable_products(false);
    assert_eq!(found[0].len(), SENTENCES_COMPARED);
    assert_eq!(found[0], found[1]);
}

#[wasm_bindgen_test]
async fn reports_progress_and_stops_when_told() {
    let engine = Rc::new(load().await);
    let (first, second) = (engine.clone(), Rc::new(std::cell::RefCell::new(Vec::new())));
    let heard = second.clone();
    let on_progress = Closure::<dyn FnMut(u32, u32)>::new(move |done, total| {
        heard.borrow_mut().push((done, total));
        first.cancel();
    });
    let on_progress: Function = on_progress.into_js_value().unchecked_into();
    // Of different lengths, so that they cannot share one batch.
    let texts = vec!["Yes.".to_owned(), SENTENCES.lines().take(3).collect::<Vec<_>>().join(", ")];
    let error = engine.translate(strings(&texts), options(r#"{"beam": 1}"#), Some(on_progress)).await;
    let error: Error = error.expect_err("it was cancelled").dyn_into().expect("an Error");
    assert_eq!(error.name(), "AbortError");
    assert_eq!(*second.borrow(), [(1, 2)]);

    let again = engine.translate(strings(&texts), options(r#"{"beam": 1}"#), None).await;
    assert!(again.is_ok(), "a cancelled engine serves the next request");
}

#[wasm_bindgen_test]
async fn names_what_is_wrong() {
    let mut damaged = MODEL;
    let mut weights = MODEL[3].1.to_vec();
    let last = weights.len() - 1;
    weights[last] ^= 1;
    damaged[3].1 = &weights;
    let cases =
        [(&MODEL[..3], "model.safetensors"), (&MODEL[1..], "manifest.json"), (&damaged[..], "model.safetensors")];
    for (model, named) in cases {
        let error = Engine::load(files(model), false).await.err().expect("a broken package is refused");
        let message = message(error.into());
        assert!(message.contains(named), "{message}");
    }

    let engine = load().await;
    for (json, named) in [(r#"{"beams": 3}"#, "beams"), (r#"{"beam": 0}"#, "beam")] {
        let error =
            engine.translate(strings(&sentences(1)), options(json), None).await.expect_err("a wrong option is refused");
        let message = message(error);
        assert!(message.contains(named), "{message}");
    }
    let cases = [
        (r#"{"text": "a"}"#, "array"),
        (r#"[{"text": "a", "spans": [{"start": 0, "end": 2}]}]"#, "leaves the text"),
        (r#"[{"text": "\ud83c\udf89", "spans": [{"start": 1, "end": 2}]}]"#, "cuts a character"),
        (r#"[{"text": "a", "spans": [{"start": 0, "end": 1, "parent": 0}]}]"#, "before its parent"),
    ];
    for (json, named) in cases {
        let error =
            engine.translate(options(json), JsValue::UNDEFINED, None).await.expect_err("a wrong text is refused");
        let message = message(error);
        assert!(message.contains(named), "{message}");
    }
}

/// Positions count as JavaScript does: the picture before the text is two units.
#[wasm_bindgen_test]
async fn elements_and_terms_come_through() {
    let engine = load().await;
    let text = "\u{1f389} My black cat is near the river. See config.toml.";
    let at = |part: &str| text[..text.find(part).expect("a part")].encode_utf16().count();
    let span = |part: &str| format!(r#"{{"start": {}, "end": {}}}"#, at(part), at(part) + part.encode_utf16().count());
    let (black, river, file) = (span("black"), span("the river"), span("config.toml"));
    let texts = options(&format!(r#"["Yes.", {{"text": "{text}", "spans": [{black}, {river}, {file}]}}]"#));
    let found = engine.translate(texts, options(r#"{"glossary": {"river": "Seine"}}"#), None).await;
    let found: Vec<Translation> = serde_wasm_bindgen::from_value(found.expect("translates")).expect("has the shape");
    assert!(found[0].spans.is_empty());
    let Translation { text, spans, sentences } = &found[1];
    console_log!("{text}");
    assert!(sentences.iter().all(|sentence| sentence.attention.is_empty()), "nobody asked for attention");
    let units: Vec<u16> = text.encode_utf16().collect();
    let inside: Vec<(usize, String)> =
        spans.iter().map(|span| (span.span, String::from_utf16_lossy(&units[span.start..span.end]))).collect();
    let of = |number: usize| &inside.iter().find(|(span, _)| *span == number).expect("every element once").1;
    assert_eq!(inside.len(), 3);
    assert_eq!(of(0), "noir", "{text}");
    assert!(of(1).ends_with("Seine"), "{text}");
    assert_eq!(of(2), "config.toml", "{text}");
    assert!(text.starts_with("\u{1f389} "), "{text}");
}

#[wasm_bindgen_test]
async fn counts_the_steps_to_time() {
    let produced = load().await.benchmark(3).await.map_err(JsValue::from).expect("runs");
    assert!((3..10_000).contains(&produced), "{produced}");
}
