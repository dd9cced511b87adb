// @ts-check
/**
 * The JavaScript interface. It has the shape of the W3C draft Translator API
 * (https://webmachinelearning.github.io/translation-api/), with whole pages and HTML on top. It is exported, and is the
 * global `Translator` only after `installPolyfill()`, and only where the browser has none.
 */

import { missingBytes } from "./asset-store.js";
import { builtIn, translateWith } from "./built-in.js";
import { CATALOG, findModel, findProgram, hasSimd, primary } from "./catalog.js";
import { rewriteHTML } from "./html.js";
import { PageTranslator } from "./page-translator.js";
import { TranslationMemory } from "./translation-memory.js";
import { TranslatorClient } from "./translator-client.js";

/** @typedef {import("./protocol.js").EngineChoice} EngineChoice */
/** @typedef {import("./protocol.js").Source} Source */
/** @typedef {import("./translator-client.js").EngineReport} EngineReport */
/** @typedef {"unavailable" | "downloadable" | "downloading" | "available"} Availability */

/**
 * @typedef {object} PairOptions
 * @property {string} sourceLanguage BCP 47
 * @property {string} targetLanguage BCP 47
 *
 * @typedef {object} CreateOptions
 * @property {AbortSignal} [signal] ends the creation, and later the translator
 * @property {(monitor: EventTarget) => void} [monitor] is given what sends `downloadprogress` events, `loaded` from 0 to 1
 * @property {Record<string, string>} [glossary] terms and their translations; a term that is its own stays as it is
 * @property {"traduko" | "built-in"} [prefer] whose translator to use where the browser has one; default `traduko`
 * @property {EngineChoice} [engine] default `auto`, the faster one
 * @property {number} [beam] hypotheses kept at each step, 1 to 64; more take longer and translate a little better; default 2
 * @property {(report: EngineReport) => void} [onEngine] hears which engine runs, and why
 *
 * @typedef {object} PageOptions
 * @property {AbortSignal} [signal] ends the translation and gives the original back
 * @property {(progress: { done: number, total: number }) => void} [onProgress] blocks of text and attributes
 * @property {(isBusy: boolean) => void} [onBusy]
 * @property {(error: unknown) => void} [onError] after the first translation, when what came later failed
 */

/** On the model that ships, 5 gains 0.2 BLEU over 2 and takes twice as long; 1 loses 1.4 and takes half. */
const BEAM = 2;
const MAX_BEAM = 64;
const NO_SIMD = "this browser has no WebAssembly SIMD, which all browsers have since 2023: it cannot translate";

/** Downloads under way, by pair of languages. @type {Map<string, number>} */
const downloading = new Map();

export class Translator {
  static isTraduko = true;

  /** @type {Pair} */ #pair;
  /** @type {TranslatorClient | null} */ #client;
  /** @type {any} the browser's translator */ #builtIn;
  /** @type {Record<string, string>} */ #glossary;
  /** @type {number} */ #beam;
  /** @type {TranslationMemory} */ #memory;
  /** @type {Set<PageTranslator>} */ #pages = new Set();
  #end = new AbortController();

  /**
   * Only {@link Translator.create} makes one.
   *
   * @param {{ pair: Pair, client: TranslatorClient | null, builtIn: any, glossary: Record<string, string>, beam: number,
   *   key: string, signal?: AbortSignal }} parts
   */
  constructor({ pair, client, builtIn, glossary, beam, key, signal }) {
    this.#pair = pair;
    this.#client = client;
    this.#builtIn = builtIn;
    this.#glossary = glossary;
    this.#beam = beam;
    this.#memory = new TranslationMemory(key);
    signal?.addEventListener("abort", () => this.#destroy(signal.reason), { once: true });
  }

  /**
   * Whether a pair of languages can be translated, and whether something has to be downloaded for it.
   *
   * @param {PairOptions} options
   * @returns {Promise<Availability>}
   */
  static async availability(options) {
    const pair = readPair(options);
    const assets = assetsFor(pair);
    if (!assets) return "unavailable";
    if (downloading.has(pair.key)) return "downloading";
    return (await missingBytes(assets)) === 0 ? "available" : "downloadable";
  }

  /**
   * Bytes to download before a pair of languages can be translated: none where this browser keeps them all.
   *
   * @param {PairOptions} options
   * @returns {Promise<number>}
   */
  static async downloadBytes(options) {
    return missingBytes(assetsFor(readPair(options)) ?? []);
  }

  /**
   * A translator that is ready.
   *
   * Rejects with `NotSupportedError` where there is no model for the pair, `NetworkError` where a file cannot be had,
   * `AbortError` or the signal's reason where it was ended, `OperationError` where the engine fails.
   *
   * @param {PairOptions & CreateOptions} options
   * @returns {Promise<Translator>}
   */
  static async create(options) {
    const pair = readPair(options);
    const { signal, monitor, glossary = {}, prefer = "traduko", engine = "auto", beam = BEAM, onEngine = () => {} } = options;
    signal?.throwIfAborted();
    if (!Number.isInteger(beam) || beam < 1 || beam > MAX_BEAM) {
      throw new RangeError(`beam: found ${beam}, expected a whole number from 1 to ${MAX_BEAM}`);
    }
    readGlossary(glossary);
    const events = new EventTarget();
    monitor?.(events);
    const tell = (/** @type {number} */ loaded) => {
      const init = { lengthComputable: true, loaded, total: 1 };
      if (!signal?.aborted) events.dispatchEvent(new ProgressEvent("downloadprogress", init));
    };
    if (prefer === "built-in") {
      const own = await createBuiltIn(pair, { signal, tell });
      if (own) return new Translator({ pair, client: null, builtIn: own, glossary, beam, key: "built-in", signal });
    }
    if (!hasSimd) throw new DOMException(NO_SIMD, "NotSupportedError");
    const model = findModel(pair.source, pair.target);
    if (!model || !findProgram("cpu")) {
      const pairs = CATALOG.models.map(({ source, target }) => `${source} to ${target}`).join(", ") || "none";
      throw new DOMException(`no model from ${pair.source} to ${pair.target} here, only: ${pairs}`, "NotSupportedError");
    }
    const client = new TranslatorClient({
      source: model.source,
      target: model.target,
      engine,
      onEngine,
      onDownload: ({ loaded, total }) => {
        if (loaded < total) tell(loaded / total);
      },
    });
    const close = () => client.close();
    signal?.addEventListener("abort", close);
    downloading.set(pair.key, (downloading.get(pair.key) ?? 0) + 1);
    try {
      tell(0);
      await client.start();
      tell(1);
    } catch (error) {
      client.close();
      signal?.throwIfAborted();
      throw exception(error);
    } finally {
      signal?.removeEventListener("abort", close);
      const others = (downloading.get(pair.key) ?? 1) - 1;
      if (others > 0) downloading.set(pair.key, others);
      else downloading.delete(pair.key);
    }
    const manifest = model.files.find(({ name }) => name === "manifest.json");
    const key = `${manifest?.sha256} ${beam} ${JSON.stringify(Object.entries(glossary).sort())}`;
    return new Translator({ pair, client, builtIn: null, glossary, beam, key, signal });
  }

  get sourceLanguage() {
    return this.#pair.source;
  }

  get targetLanguage() {
    return this.#pair.target;
  }

  /** There is no limit but memory. */
  get inputQuota() {
    return Infinity;
  }

  /**
   * How many subwords the network reads in a text.
   *
   * @param {string} input
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<number>}
   */
  async measureInputUsage(input, { signal } = {}) {
    const both = this.#signal(signal);
    if (this.#builtIn) return this.#builtIn.measureInputUsage(input, { signal: both });
    return (await this.#own.measure(String(input), { signal: both })).subwords;
  }

  /**
   * @param {string} input text of any length; white space and line ends stay
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<string>}
   */
  async translate(input, { signal } = {}) {
    const [translation] = await this.#translate([String(input)], { signal });
    return translation.text;
  }

  /**
   * The translation in pieces as they are ready, about one for each sentence.
   *
   * @param {string} input
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {ReadableStream<string>}
   */
  translateStreaming(input, { signal } = {}) {
    const text = String(input);
    const both = this.#signal(signal);
    /** @type {string[]} */
    let pieces;
    return new ReadableStream({
      start: async () => {
        const { starts } = this.#builtIn ? { starts: [0] } : await this.#own.measure(text, { signal: both });
        pieces = starts.map((start, index) => text.slice(index === 0 ? 0 : start, starts[index + 1]));
        if (pieces.length === 0 && text !== "") pieces = [text];
      },
      pull: async (controller) => {
        const piece = pieces.shift();
        if (piece === undefined) return controller.close();
        const [translation] = await this.#translate([piece], { signal: both });
        controller.enqueue(translation.text);
      },
    });
  }

  /**
   * HTML with its text and the attributes that people read translated and every element kept.
   *
   * @param {string} html of a body
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<string>}
   */
  async translateHTML(html, { signal } = {}) {
    return rewriteHTML(String(html), this.#pair.source, (sources) => this.#translate(sources, { signal }));
  }

  /**
   * Translates a page, or a part of one, in place, and keeps it translated while it changes. Resolves when all that is
   * there is translated; where it rejects, the original is back.
   *
   * @param {Document | ShadowRoot | Element} [root]
   * @param {PageOptions} [options]
   */
  async translatePage(root = document, { signal, ...options } = {}) {
    const both = this.#signal(signal);
    both.throwIfAborted();
    const page = new PageTranslator({
      root,
      source: this.#pair.source,
      target: this.#pair.target,
      translate: (sources, { signal }) => this.#translate(sources, { signal, leaves: true }),
      workers: () => this.#client?.size ?? 1,
      memory: this.#memory,
      ...options,
    });
    this.#pages.add(page);
    both.addEventListener("abort", () => this.#restore(page), { once: true });
    try {
      await page.start();
    } catch (error) {
      this.#restore(page);
      throw error;
    }
  }

  /** Gives every page that was translated its original back. */
  restore() {
    for (const page of [...this.#pages].reverse()) this.#restore(page);
  }

  /**
   * The original of the text at a node, or null where nothing was translated.
   *
   * @param {Node} node
   * @returns {string | null}
   */
  originalAt(node) {
    for (const page of this.#pages) {
      const original = page.originalAt(node);
      if (original !== null) return original;
    }
    return null;
  }

  /** Ends the engine; pages get their originals back, what is under way rejects with an `AbortError`. */
  destroy() {
    this.#destroy(new DOMException("the translator was destroyed", "AbortError"));
  }

  /** @param {unknown} reason */
  #destroy(reason) {
    if (this.#end.signal.aborted) return;
    this.#end.abort(reason);
    this.restore();
    this.#client?.close();
    this.#builtIn?.destroy?.();
  }

  /** @param {PageTranslator} page */
  #restore(page) {
    if (this.#pages.delete(page)) page.restore();
  }

  get #own() {
    return /** @type {TranslatorClient} */ (this.#client);
  }

  /** @param {AbortSignal | undefined} signal */
  #signal(signal) {
    return signal ? AbortSignal.any([signal, this.#end.signal]) : this.#end.signal;
  }

  /**
   * @param {Source[]} sources
   * @param {{ signal?: AbortSignal, leaves?: boolean }} options
   */
  async #translate(sources, { signal, leaves = false }) {
    const both = this.#signal(signal);
    both.throwIfAborted();
    try {
      if (this.#builtIn) return await translateWith(this.#builtIn, sources, { signal: both });
      const options = { signal: both, beam: this.#beam, glossary: this.#glossary, leave_target_language: leaves };
      return await this.#own.translate(sources, options);
    } catch (error) {
      both.throwIfAborted();
      throw exception(error);
    }
  }
}

/** Makes this class the global `Translator` where the browser has none; tells whether it did. */
export function installPolyfill() {
  if ("Translator" in globalThis) return false;
  Object.defineProperty(globalThis, "Translator", { value: Translator, writable: true, configurable: true });
  return true;
}

/** @typedef {{ source: string, target: string, key: string }} Pair */

/**
 * The model of a pair and the engine that runs everywhere, or null where one is not here.
 *
 * @param {Pair} pair
 */
function assetsFor(pair) {
  const model = findModel(pair.source, pair.target);
  const program = findProgram("cpu");
  return model && program ? [model, program.entry] : null;
}

/**
 * @param {PairOptions} options
 * @returns {Pair}
 */
function readPair({ sourceLanguage, targetLanguage } = /** @type {any} */ ({})) {
  const [source, target] = [tagOf("sourceLanguage", sourceLanguage), tagOf("targetLanguage", targetLanguage)];
  return { source, target, key: `${primary(source)} ${primary(target)}` };
}

/**
 * @param {string} option
 * @param {unknown} value
 */
function tagOf(option, value) {
  if (typeof value !== "string") throw new TypeError(`${option}: expected a BCP 47 language tag such as "en"`);
  // A RangeError where it is none.
  return Intl.getCanonicalLocales(value)[0];
}

/** @param {Record<string, string>} glossary */
function readGlossary(glossary) {
  for (const [term, translation] of Object.entries(glossary)) {
    if (term.trim() === "" || typeof translation !== "string" || translation.trim() === "") {
      throw new TypeError(`glossary: ${JSON.stringify(term)}: expected a term and its translation, both with words`);
    }
  }
}

/**
 * The browser's translator for a pair, or null where it has none.
 *
 * @param {Pair} pair
 * @param {{ signal?: AbortSignal, tell: (loaded: number) => void }} options
 */
async function createBuiltIn({ source, target }, { signal, tell }) {
  const pair = { sourceLanguage: source, targetLanguage: target };
  const own = builtIn();
  if (!own) return null;
  try {
    if ((await own.availability(pair)) === "unavailable") return null;
    /** @param {EventTarget} events */
    const monitor = (events) => {
      events.addEventListener("downloadprogress", (event) => tell(/** @type {ProgressEvent} */ (event).loaded));
    };
    return await own.create({ ...pair, signal, monitor });
  } catch (error) {
    signal?.throwIfAborted();
    console.warn("the browser's own translator does not start, ours does:", error);
    return null;
  }
}

/**
 * An engine's error as the draft names it.
 *
 * @param {unknown} error
 */
function exception(error) {
  if (error instanceof DOMException) return error;
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const named = name === "NetworkError" || name === "AbortError" ? name : "OperationError";
  return new DOMException(message, named);
}
