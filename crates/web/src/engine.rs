//! A loaded model and what may be asked of it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem::take;

use js_sys::{Function, Map, Promise, Uint8Array};
use traduko_package::{Manifest, Package};
use traduko_text::{LanguageCheck, Markup, language_code};
use traduko_translator::{Plan, TranslateOptions, Translator};
use wasm_bindgen::{JsCast, JsError, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use crate::backend::{self, Active};
use crate::values::{Measure, Options, Source, Translation};

/// What the timed steps translate: short everyday sentences, as many as share a batch.
const BENCHMARK_TEXT: &str = "The house is near the river. My sister works in a small shop. We can go there tomorrow. \
                              I would like some water, please.";

/// A model on this build's engine.
#[wasm_bindgen]
pub struct Engine {
    translator: Translator<Active>,
    /// Where both languages are among those it knows.
    languages: Option<LanguageCheck>,
    is_cancelled: Cell<bool>,
}

#[wasm_bindgen]
impl Engine {
    /// Loads a package from a `Map` of file names to `Uint8Array`. The map is emptied: the bytes are then here. `is_checked`
    /// says that every file was compared with its hash already, the manifest with one that came by another way.
    ///
    /// Rejects with the package's own fault (a wrong hash, an unknown version, a shape that does not fit, ...).
    pub async fn load(files: Map, is_checked: bool) -> Result<Engine, JsError> {
        let files = take_files(&files)?;
        let package = if is_checked { Package::from_checked_files(files)? } else { Package::from_files(files)? };
        let device = backend::open().await;
        let translator = Translator::from_package(&package, &device)?;
        let Manifest { source_language, target_language, .. } = &package.manifest;
        let languages = language_code(source_language).ok().zip(language_code(target_language).ok());
        let languages = languages.map(|(source, target)| LanguageCheck::new(source, target));
        Ok(Self { translator, languages, is_cancelled: Cell::new(false) })
    }

    /// The engine's name, `cpu` or `webgpu`.
    #[wasm_bindgen(getter)]
    pub fn name(&self) -> String {
        backend::NAME.to_owned()
    }

    /// Translates blocks of text, strings or texts with elements; the result is an array of `Translation` (see
    /// `web/traduko/protocol.js`).
    ///
    /// `options` is an object or undefined. After each batch `on_progress(done, total)` hears how many sentences are
    /// done; where it returns a promise, that is awaited, which is the moment for [`Self::cancel`] to be called.
    pub async fn translate(
        &self,
        texts: JsValue,
        options: JsValue,
        on_progress: Option<Function>,
    ) -> Result<JsValue, JsValue> {
        self.is_cancelled.set(false);
        let options = Options::from_js(options)?;
        let leaves_target_language = options.leaves_target_language();
        let mut options = options.resolve()?;
        let sources: Vec<(String, Markup)> =
            Source::from_js(texts)?.into_iter().map(Source::take).collect::<Result<_, _>>()?;
        let (mut texts, markups): (Vec<String>, Vec<Markup>) = sources.into_iter().unzip();
        let wants_attention = options.with_attention;
        // Elements follow their words by what the network looked at.
        options.with_attention |= markups.iter().any(|markup| !markup.spans().is_empty());
        let is_left = |text: &str| leaves_target_language && self.is_in_target_language(text);
        // A text that is left is empty for the network, so that the others keep their places.
        let left: Vec<Option<String>> = texts.iter_mut().map(|text| is_left(text).then(|| take(text))).collect();
        let plan = self.translator.plan(&texts, &options).map_err(js_error)?;
        let mut batches = Vec::with_capacity(plan.n_batches());
        let mut done = 0;
        for batch in 0..plan.n_batches() {
            batches.push(self.translator.run_batch(&plan, batch).await.map_err(js_error)?);
            done += plan.batch_len(batch);
            self.report(on_progress.as_ref(), done, &plan).await?;
            if self.is_cancelled.get() {
                return Err(abort_error(done, plan.n_sentences()));
            }
        }
        let sources = texts.into_iter().zip(&markups).zip(left);
        let translations = self.translator.finish(&plan, batches).into_iter().zip(sources);
        let translations = translations.map(|(translation, ((text, markup), left))| {
            if let Some(left) = left {
                return Translation::untouched(left, markup);
            }
            let translation = Translation::new(translation, &text, markup);
            if wants_attention { translation } else { translation.without_attention() }
        });
        serde_wasm_bindgen::to_value(&translations.collect::<Vec<_>>()).map_err(js_error)
    }

    /// How many subwords the network reads in a text, and at which UTF-16 units its sentences begin.
    pub fn measure(&self, text: String) -> Result<JsValue, JsError> {
        let plan = self.translator.plan(std::slice::from_ref(&text), &TranslateOptions::default())?;
        Ok(serde_wasm_bindgen::to_value(&Measure::new(&text, &plan))?)
    }

    /// Makes the running [`Self::translate`] reject with an `AbortError` after its current batch.
    pub fn cancel(&self) {
        self.is_cancelled.set(true);
    }

    /// Translates fixed sentences until at least `steps` target subwords were produced, and tells how many were.
    /// The caller holds the clock.
    pub async fn benchmark(&self, steps: u32) -> Result<u32, JsError> {
        let plan = self.translator.plan(&[BENCHMARK_TEXT.to_owned()], &TranslateOptions::default())?;
        let mut produced = 0;
        while produced < steps {
            for batch in 0..plan.n_batches() {
                let finished = self.translator.run_batch(&plan, batch).await?;
                let translations = self.translator.finish(&plan, [finished]);
                let sentences = translations.iter().flat_map(|translation| &translation.sentences);
                // The end mark is a step too, and keeps a model of few words from looping for ever.
                produced += sentences.map(|sentence| sentence.target_pieces.len() as u32 + 1).sum::<u32>();
            }
        }
        Ok(produced)
    }
}

impl Engine {
    fn is_in_target_language(&self, text: &str) -> bool {
        self.languages.as_ref().is_some_and(|check| check.is_source_in_target_language(text))
    }

    async fn report(&self, on_progress: Option<&Function>, done: usize, plan: &Plan) -> Result<(), JsValue> {
        let Some(on_progress) = on_progress else {
            return Ok(());
        };
        let answer = on_progress.call2(&JsValue::NULL, &done.into(), &plan.n_sentences().into())?;
        match answer.dyn_into::<Promise>() {
            Ok(promise) => JsFuture::from(promise).await.map(drop),
            Err(_) => Ok(()),
        }
    }
}

/// Moves the files out of JavaScript, so that the model is not held twice.
fn take_files(files: &Map) -> Result<BTreeMap<String, Vec<u8>>, JsError> {
    let mut taken = BTreeMap::new();
    for entry in files.entries() {
        let entry: js_sys::Array = entry.map_err(|_| JsError::new("the map of files cannot be read"))?.unchecked_into();
        let name = entry.get(0).as_string().ok_or_else(|| JsError::new("a file name is not a string"))?;
        let bytes: Uint8Array =
            entry.get(1).dyn_into().map_err(|_| JsError::new(&format!("{name}: expected a Uint8Array")))?;
        taken.insert(name, bytes.to_vec());
    }
    files.clear();
    Ok(taken)
}

fn js_error(error: impl std::error::Error) -> JsValue {
    JsError::from(error).into()
}

fn abort_error(done: usize, total: usize) -> JsValue {
    let error = js_sys::Error::new(&format!("cancelled after {done} of {total} sentences"));
    error.set_name("AbortError");
    error.into()
}
