// @ts-check
/**
 * The “Translate this page” button of the demo site. Nothing is downloaded before the first press; the
 * choice is kept for the visit, so that the next page of the site opens translated too.
 *
 * `data-translation` on the root element is `original`, `working`, `translated` or `failed`.
 */

import { getElement } from "../js/dom.js";
import { keepOffline } from "../js/offline.js";
import { TranslatedPage } from "../js/page-blocks.js";
import { TranslatorClient, label } from "../js/translator-client.js";

const MODEL_URL = new URL("../models/en-fr/", import.meta.url);
const SOURCE = "en";
const TARGET = "fr";
/** Texts sent at once: few enough that the first words change soon. */
const TEXTS_PER_CALL = 8;
const REMEMBERED = "traduko-translate";

const root = document.documentElement;
const button = getElement("translate-page", HTMLButtonElement);
const status = getElement("translate-status", HTMLElement);
const progress = getElement("translate-progress", HTMLProgressElement);
const page = new TranslatedPage();

/** @type {TranslatorClient | null} */
let client = null;
let engineLine = "";
/** @type {AbortController | null} the turn that is under way */
let working = null;

function openClient() {
  const asked = new URLSearchParams(location.search).get("engine");
  return new TranslatorClient({
    modelUrl: MODEL_URL,
    engine: asked === "cpu" || asked === "webgpu" ? asked : "auto",
    onEngine: (report) => {
      engineLine = `Runs on ${label(report.name)} because ${report.reason}.`;
      if (root.dataset.translation === "translated") status.textContent = `Translated to French. ${engineLine}`;
      if (!report.isFinal) return;
      root.dataset.engine = report.name;
      void keepOffline(report.assets);
    },
    onDownload: ({ loaded, total }) => {
      if (loaded < total) showProgress("Downloading the model…", loaded, total);
    },
  });
}

async function translatePage() {
  const mine = (working = new AbortController());
  root.dataset.translation = "working";
  button.textContent = "Show original";
  sessionStorage.setItem(REMEMBERED, TARGET);
  try {
    client ??= openClient();
    showProgress("Starting…", 0, 1);
    await client.start();
    const blocks = page.open(SOURCE);
    for (let done = 0; done < blocks.length; done += TEXTS_PER_CALL) {
      showProgress("Translating…", done, blocks.length);
      const batch = blocks.slice(done, done + TEXTS_PER_CALL);
      const texts = batch.map(({ text, spans }) => ({ text, spans }));
      const translations = await client.translate(texts, { signal: mine.signal });
      if (mine.signal.aborted) return;
      batch.forEach((block, index) => page.write(block, translations[index], TARGET));
    }
    if (mine.signal.aborted) return;
    root.dataset.translation = "translated";
    showStatus(`Translated to French. ${engineLine}`);
  } catch (error) {
    if (mine.signal.aborted) return;
    console.error(error);
    showOriginal();
    root.dataset.translation = "failed";
    showStatus(`This page could not be translated: ${error instanceof Error ? error.message : error}.`);
  }
}

function showOriginal() {
  working?.abort();
  working = null;
  page.restore();
  root.dataset.translation = "original";
  button.textContent = "Translate this page";
  sessionStorage.removeItem(REMEMBERED);
  showStatus("");
}

/**
 * @param {string} text
 * @param {number} value
 * @param {number} max
 */
function showProgress(text, value, max) {
  if (root.dataset.translation !== "working") return;
  status.textContent = text;
  progress.hidden = false;
  progress.max = max;
  progress.value = value;
}

/** @param {string} text */
function showStatus(text) {
  status.textContent = text;
  progress.hidden = true;
}

button.addEventListener("click", () => {
  if (working) showOriginal();
  else void translatePage();
});

root.dataset.translation = "original";
button.disabled = false;
// Offline from the first visit on, whichever page it was; the engine's files follow once one runs.
void keepOffline([]);
if (sessionStorage.getItem(REMEMBERED) === TARGET) void translatePage();
