// @ts-check
/**
 * The JavaScript interface. It has the shape of the W3C draft Translator API
 * (https://webmachinelearning.github.io/translation-api/), with whole pages and HTML on top. It is exported, and is the
 * global `Translator` only after `installPolyfill()`, and only where the browser has none.
 */

import { missingBytes } from "./asset-store.js";
import { builtInAvailability, createBuiltIn, translateWith } from "./built-in.js";
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
 * @property {"traduko" | "built-in"} [prefer] whose translator to use where the browser has one, which knows no `glossary`,
 *   `engine` or `beam`; default `traduko`
 *
 * @typedef {object} CreateOptions
 * @property {AbortSignal} [signal] ends the creation, and later the translator
 * @property {(monitor: EventTarget) => void} [monitor] is given what sends `downloadprogress` events, `loaded` from 0 to 1
 * @property {number} [mostBytes] rejects with `NotAllowedError` rather than download more from this site; default any number
 * @property {Record<string, string>} [glossary] terms and their translations; a term that is its own stays as it is
 * @property {EngineChoice} [engine] default `auto`, the faster one
 * @property {number} [beam] hypotheses kept at each step, 1 to 64; more take longer and translate a little better; default 2
 * @property {(report: EngineReport) => void} [onEngine] hears which engine runs, and why
 *
 * @typedef {object} PageOptions
 * @property {AbortSignal} [signal] ends the translation and gives the original back
 * @property {(progress: { done: number, total: number }) => void} [onProgress] blocks of text and attributes
 * @property {(isBusy: boolean) => void} [onBusy]
 * @property {(error: unknown) => void} [onError] when a translation failed: the first, whose promise rejects too, or a later one
 */

/** What more and fewer are worth is in README.md, below its table of speeds. */
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
  /** @type {Map<PageTranslator, () => void>} and what ends to listen to its signal */ #pages = new Map();
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
    signal?.addEventListener("abort", () => this.#destroy(signal.reason), { signal: this.#end.signal });
  }

  /**
   * Whether a pair of languages can be translated, and whether something has to be downloaded for it.
   *
   * @param {PairOptions} options
   * @returns {Promise<Availability>}
   */
  static async availability(options) {
    const pair = readPair(options);
    if (options.prefer === "built-in") {
      const own = await builtInAvailability(pair);
      if (own !== "unavailable") return own;
    }
    const assets = assetsFor(pair);
    if (!assets) return "unavailable";
    if (downloading.has(pair.key)) return "downloading";
    return (await missingBytes(assets)) === 0 ? "available" : "downloadable";
  }

  /**
   * Bytes to download from this site before a pair of languages can be translated: none where this browser keeps them all,
   * or where its own translator is preferred and there, until it fails to start.
   *
   * @param {PairOptions} options
   * @returns {Promise<number>}
   */
  static async downloadBytes(options) {
    const pair = readPair(options);
    if (options.prefer === "built-in" && (await builtInAvailability(pair)) !== "unavailable") return 0;
    return missingBytes(assetsFor(pair) ?? []);
  }

  /**
   * A translator that is ready.
   *
   * Rejects with `NotSupportedError` where there is no model for the pair, `NetworkError` where a file cannot be had,
   * `AbortError` or the signal's reason where it was ended, `NotAllowedError` where there is more to download than
   * `mostBytes`, `OperationError` where the engine fails.
   *
   * @param {PairOptions & CreateOptions} options
   * @returns {Promise<Translator>}
   */
  static async create(options) {
    const pair = readPair(options);
    const { signal, monitor, glossary = {}, prefer, engine = "auto", beam = BEAM, onEngine = () => {} } = options;
    const { mostBytes = Infinity } = options;
    signal?.throwIfAborted();
    if (!Number.isInteger(beam) || beam < 1 || beam > MAX_BEAM) {
      throw new RangeError(`beam: found ${beam}, expected a whole number from 1 to ${MAX_BEAM}`);
    }
    readGlossary(glossary);
    const events = new EventTarget();
    monitor?.(events);
    let told = -1;
    const tell = (/** @type {number} */ loaded) => {
      // Never back: what comes after the end is another engine's, or the same one's again.
      if (!(loaded > told) || signal?.aborted) return;
      told = loaded;
      events.dispatchEvent(new ProgressEvent("downloadprogress", { lengthComputable: true, loaded, total: 1 }));
    };
    if (prefer === "built-in") {
      const own = await createBuiltIn(pair, { signal, tell });
      const key = `built-in ${pair.source} ${pair.target}`;
      if (own) return new Translator({ pair, client: null, builtIn: own, glossary, beam, key, signal });
      // Ours begins anew.
      told = -1;
    }
    if (!hasSimd) throw new DOMException(NO_SIMD, "NotSupportedError");
    const assets = assetsFor(pair);
    if (!assets) {
      const pairs = CATALOG.models.map(({ source, target }) => `${source} to ${target}`).join(", ") || "none";
      throw new DOMException(`no model from ${pair.source} to ${pair.target} here, only: ${pairs}`, "NotSupportedError");
    }
    const [model] = assets;
    let missing = 0;
    const client = new TranslatorClient({
      source: model.source,
      target: model.target,
      engine,
      onEngine,
      // What the browser keeps is no part of the download.
      onDownload: ({ loaded, total }) => loaded < total && tell(1 - (total - loaded) / missing),
    });
    const close = () => client.close();
    signal?.addEventListener("abort", close);
    downloading.set(pair.key, (downloading.get(pair.key) ?? 0) + 1);
    try {
      tell(0);
      missing = await missingBytes(assets);
      if (missing > mostBytes) {
        const found = `${missing} bytes are to be downloaded, expected at most ${mostBytes}`;
        throw new DOMException(`${found}: allow them and try again`, "NotAllowedError");
      }
      signal?.throwIfAborted();
      await client.start();
      tell(1);
      signal?.throwIfAborted();
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
    const text = String(input);
    return this.#ask(signal, async () => {
      if (this.#builtIn) return this.#builtIn.measureInputUsage(text, { signal });
      return (await this.#own.measure(text, { signal })).subwords;
    });
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
    /** @type {string[]} */
    let pieces;
    return new ReadableStream({
      start: async () => {
        const measure = async () => (this.#builtIn ? { starts: [0] } : this.#own.measure(text, { signal }));
        const { starts } = await this.#ask(signal, measure);
        pieces = starts.map((start, index) => text.slice(index === 0 ? 0 : start, starts[index + 1]));
        if (pieces.length === 0 && text !== "") pieces = [text];
      },
      pull: async (controller) => {
        const piece = pieces.shift();
        if (piece === undefined) return controller.close();
        const [translation] = await this.#translate([piece], { signal });
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
    this.#throwIfAborted(signal);
    const page = new PageTranslator({
      root,
      source: this.#pair.source,
      target: this.#pair.target,
      translate: (sources, { signal }) => this.#translate(sources, { signal, leaves: true }),
      workers: () => this.#client?.size ?? 1,
      memory: this.#memory,
      ...options,
    });
    const end = () => this.#restore(page);
    signal?.addEventListener("abort", end);
    this.#pages.set(page, () => signal?.removeEventListener("abort", end));
    try {
      await page.start();
    } catch (error) {
      this.#restore(page);
      throw error;
    }
  }

  /** Gives every page that was translated its original back. */
  restore() {
    for (const page of [...this.#pages.keys()].reverse()) this.#restore(page);
  }

  /**
   * The original of the text at a node, or null where nothing was translated.
   *
   * @param {Node} node
   * @returns {string | null}
   */
  originalAt(node) {
    for (const page of this.#pages.keys()) {
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
    const forgetSignal = this.#pages.get(page);
    if (!forgetSignal) return;
    this.#pages.delete(page);
    forgetSignal();
    page.restore();
  }

  get #own() {
    return /** @type {TranslatorClient} */ (this.#client);
  }

  /** @param {AbortSignal | undefined} signal of a call */
  #throwIfAborted(signal) {
    signal?.throwIfAborted();
    this.#end.signal.throwIfAborted();
  }

  /**
   * @param {Source[]} sources
   * @param {{ signal?: AbortSignal, leaves?: boolean }} options
   */
  #translate(sources, { signal, leaves = false }) {
    return this.#ask(signal, async () => {
      if (this.#builtIn) return translateWith(this.#builtIn, sources, { signal });
      const options = { signal, beam: this.#beam, glossary: this.#glossary, leave_target_language: leaves };
      return this.#own.translate(sources, options);
    });
  }

  /**
   * What the engine answers. Its end needs no signal: all that it was asked rejects then.
   *
   * @template T
   * @param {AbortSignal | undefined} signal
   * @param {() => Promise<T>} question
   * @returns {Promise<T>}
   */
  async #ask(signal, question) {
    this.#throwIfAborted(signal);
    try {
      return await question();
    } catch (error) {
      this.#throwIfAborted(signal);
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
 * @returns {[import("./catalog.js").ModelEntry, import("./catalog.js").EngineEntry] | null}
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
