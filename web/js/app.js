// @ts-check
/**
 * The text page: translates as one types, shows the attention, the engine and the download.
 *
 * Two attributes of the root element tell tests and styles where things stand: `data-state` is `loading`,
 * `ready` or `failed`, `data-engine` the engine in use once the choice is final.
 */

import { getElement } from "./dom.js";
import { drawHeatMap } from "./heat-map.js";
import { CATALOG, TranslatorClient, keepOffline, label } from "../traduko/traduko.js";

/** @typedef {import("../traduko/protocol.js").EngineChoice} EngineChoice */
/** @typedef {import("../traduko/protocol.js").SentenceTranslation} SentenceTranslation */
/** @typedef {import("../traduko/translator-client.js").EngineReport} EngineReport */

/** How long the keyboard rests before a translation starts. */
const DEBOUNCE_MS = 200;

const root = document.documentElement;
const direction = getElement("direction", HTMLElement);
const directionChoice = getElement("direction-choice", HTMLSelectElement);
const swap = getElement("swap", HTMLButtonElement);
const sourceLabel = getElement("source-label", HTMLLabelElement);
const targetLabel = getElement("target-label", HTMLLabelElement);
const sourceText = getElement("source-text", HTMLTextAreaElement);
const targetText = getElement("target-text", HTMLOutputElement);
const status = getElement("status", HTMLElement);
const errorLine = getElement("error", HTMLElement);
const examples = getElement("examples", HTMLUListElement);
const engineLine = getElement("engine-line", HTMLElement);
const engineChoice = getElement("engine-choice", HTMLSelectElement);
const modelDownload = getElement("model-download", HTMLElement);
const modelProgress = getElement("model-progress", HTMLProgressElement);
const modelStatus = getElement("model-status", HTMLElement);
const attention = getElement("attention", HTMLElement);
const attentionSentence = getElement("attention-sentence", HTMLSelectElement);
const attentionTable = getElement("attention-table", HTMLTableElement);

/** @type {TranslatorClient} */
let client;
/** @type {AbortController} */
let current = new AbortController();
/** @type {number | undefined} */
let timer;
/** @type {SentenceTranslation[]} */
let sentences = [];

/** @returns {EngineChoice} what `?engine=` asks for */
function askedEngine() {
  const asked = new URLSearchParams(location.search).get("engine");
  return asked === "cpu" || asked === "webgpu" ? asked : "auto";
}

const languageNames = new Intl.DisplayNames("en", { type: "language" });

/** @returns {{ source: string, target: string }} what `?from=` and `?to=` ask for, or the first model's */
function askedPair() {
  const query = new URLSearchParams(location.search);
  const [from, to] = [query.get("from"), query.get("to")];
  const asked = CATALOG.models.find(({ source, target }) => source === from && target === to);
  return asked ?? CATALOG.models[0] ?? { source: "en", target: "fr" };
}

/**
 * Names the boxes for the languages, and offers what else there is.
 *
 * @param {string} source language code
 * @param {string} target language code
 */
function showPair(source, target) {
  const name = (/** @type {string} */ code) => languageNames.of(code) ?? code;
  direction.hidden = CATALOG.models.length < 2;
  directionChoice.replaceChildren(
    ...CATALOG.models.map((model, index) => {
      const isChosen = model.source === source && model.target === target;
      return new Option(`${name(model.source)} to ${name(model.target)}`, String(index), isChosen, isChosen);
    }),
  );
  swap.hidden = !CATALOG.models.some((model) => model.source === target && model.target === source);
  [sourceLabel.textContent, targetLabel.textContent] = [name(source), name(target)];
  [sourceText.lang, targetText.lang] = [source, target];
  const sentences = [...examples.children].filter((example) => example instanceof HTMLElement);
  for (const example of sentences) example.hidden = example.lang !== source;
  examples.parentElement?.toggleAttribute("hidden", sentences.every((example) => example.hidden));
}

/** @param {Record<string, string | null>} settings of the address; null takes one away */
function set(settings) {
  const url = new URL(location.href);
  for (const [key, value] of Object.entries(settings)) {
    if (value === null) url.searchParams.delete(key);
    else url.searchParams.set(key, value);
  }
  history.replaceState(null, "", url);
  void start();
}

async function start() {
  current.abort();
  client?.close();
  root.dataset.state = "loading";
  delete root.dataset.engine;
  showError(null);
  engineLine.textContent = "Starting the engine…";
  const { source, target } = askedPair();
  showPair(source, target);
  const starting = new TranslatorClient({
    source,
    target,
    engine: askedEngine(),
    onEngine: showEngine,
    onDownload: showDownload,
  });
  client = starting;
  try {
    await starting.start();
    root.dataset.state = "ready";
    modelDownload.hidden = true;
    await translate();
  } catch (error) {
    if (client !== starting) return;
    root.dataset.state = "failed";
    modelDownload.hidden = true;
    status.textContent = "";
    targetText.removeAttribute("aria-busy");
    engineLine.textContent = "No engine is running.";
    showError(error);
  }
}

/** Translates what the box holds now; a newer call makes an older one stop. */
async function translate() {
  current.abort();
  const mine = (current = new AbortController());
  const lines = sourceText.value.split("\n");
  const texts = lines.map((line) => line.trim()).filter((line) => line !== "");
  if (texts.length === 0) {
    targetText.value = "";
    targetText.removeAttribute("aria-busy");
    status.textContent = "";
    showSentences([]);
    return;
  }
  // What is typed tries again.
  if (root.dataset.state === "failed") return start();
  if (root.dataset.state !== "ready") {
    status.textContent = "The translation appears as soon as the model is here.";
    return;
  }
  targetText.setAttribute("aria-busy", "true");
  status.textContent = "Translating…";
  const begin = performance.now();
  try {
    const translations = await client.translate(texts, { with_attention: true, signal: mine.signal });
    const rest = translations.map((translation) => translation.text);
    targetText.value = lines.map((line) => (line.trim() === "" ? "" : rest.shift())).join("\n");
    status.textContent = `Translated in ${((performance.now() - begin) / 1000).toFixed(2)} s.`;
    showSentences(translations.flatMap((translation) => translation.sentences));
    showError(null);
  } catch (error) {
    if (mine.signal.aborted) return;
    status.textContent = "";
    showError(error);
  }
  targetText.removeAttribute("aria-busy");
}

/** @param {SentenceTranslation[]} list */
function showSentences(list) {
  sentences = list.filter((sentence) => sentence.attention.length > 0);
  attention.hidden = sentences.length === 0;
  attentionSentence.replaceChildren(
    ...sentences.map((sentence, index) => new Option(`${index + 1}: ${plainText(sentence.source_pieces)}`, String(index))),
  );
  attentionSentence.disabled = sentences.length < 2;
  if (sentences.length > 0) drawHeatMap(attentionTable, sentences[0]);
}

/** @param {string[]} pieces printable subwords, of which `▁` begins a word */
function plainText(pieces) {
  return pieces.join("").replaceAll("▁", " ").trim();
}

/** @param {EngineReport} report */
function showEngine(report) {
  engineLine.textContent = `Runs on ${label(report.name)} because ${report.reason}.`;
  if (!report.isFinal) return;
  root.dataset.engine = report.name;
  void markOffline();
}

async function markOffline() {
  try {
    await keepOffline(new URL("../traduko-sw.js", import.meta.url));
    root.dataset.offline = "ready";
  } catch (error) {
    console.warn("this site will not work offline:", error);
  }
}

/** @param {import("../traduko/protocol.js").DownloadProgress} progress */
function showDownload({ loaded, total, cached }) {
  modelDownload.hidden = cached || loaded === total;
  modelProgress.max = total;
  modelProgress.value = loaded;
  const megabytes = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(1);
  if (loaded < total) modelStatus.textContent = `Downloading the model: ${megabytes(loaded)} of ${megabytes(total)} MB.`;
  else if (cached) modelStatus.textContent = `The model (${megabytes(total)} MB) came from this browser's cache.`;
  else modelStatus.textContent = `The model (${megabytes(total)} MB) was downloaded.`;
}

/** @param {unknown} error an error, or null to take the last one away */
function showError(error) {
  errorLine.hidden = error === null;
  errorLine.textContent = error === null ? "" : `Something went wrong: ${error instanceof Error ? error.message : error}.`;
  if (error !== null) console.error(error);
}

sourceText.addEventListener("input", () => {
  clearTimeout(timer);
  targetText.setAttribute("aria-busy", "true");
  timer = setTimeout(translate, DEBOUNCE_MS);
});
examples.addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("button");
  if (!button) return;
  sourceText.value = button.textContent ?? "";
  void translate();
});
attentionSentence.addEventListener("change", () => {
  drawHeatMap(attentionTable, sentences[attentionSentence.selectedIndex]);
});
engineChoice.addEventListener("change", () => {
  set({ engine: engineChoice.value === "auto" ? null : engineChoice.value });
});
directionChoice.addEventListener("change", () => {
  const { source, target } = CATALOG.models[directionChoice.selectedIndex];
  set({ from: source, to: target });
});
swap.addEventListener("click", () => {
  const { source, target } = askedPair();
  if (targetText.value !== "") sourceText.value = targetText.value;
  targetText.value = "";
  set({ from: target, to: source });
});
window.addEventListener("error", (event) => showError(event.error ?? event.message));
window.addEventListener("unhandledrejection", (event) => showError(event.reason));

engineChoice.value = askedEngine();
void start();
