// @ts-check
/** The browser's own `Translator`, where it has one and the caller prefers it. */

/** @typedef {import("./protocol.js").Source} Source */
/** @typedef {import("./rewrite.js").Translation} Translation */
/** @typedef {import("./translator.js").Availability} Availability */
/** @typedef {import("./translator.js").Pair} Pair */

/** Pairs that the browser's translator did not start for, by their keys. @type {Set<string>} */
const failed = new Set();

/** @returns {any} the browser's class, unless it is ours */
function builtIn() {
  const found = /** @type {any} */ (globalThis).Translator;
  return found && !found.isTraduko ? found : undefined;
}

/**
 * What the browser's translator says of a pair; `unavailable` where there is none, or where it has failed to start.
 *
 * @param {Pair} pair
 * @returns {Promise<Availability>}
 */
export async function builtInAvailability({ source, target, key }) {
  const own = builtIn();
  if (!own || failed.has(key)) return "unavailable";
  try {
    return await own.availability({ sourceLanguage: source, targetLanguage: target });
  } catch (error) {
    console.warn("the browser's own translator cannot be asked, ours is:", error);
    return "unavailable";
  }
}

/**
 * The browser's translator for a pair, or null where it has none or it does not start.
 *
 * @param {Pair} pair
 * @param {{ signal?: AbortSignal, tell: (loaded: number) => void }} options
 */
export async function createBuiltIn(pair, { signal, tell }) {
  if ((await builtInAvailability(pair)) === "unavailable") return null;
  /** @param {EventTarget} events */
  const monitor = (events) => {
    events.addEventListener("downloadprogress", (event) => tell(/** @type {ProgressEvent} */ (event).loaded));
  };
  try {
    return await builtIn().create({ sourceLanguage: pair.source, targetLanguage: pair.target, signal, monitor });
  } catch (error) {
    signal?.throwIfAborted();
    failed.add(pair.key);
    console.warn("the browser's own translator does not start, ours is asked:", error);
    return null;
  }
}

/**
 * Translates texts with elements by a translator that knows none: the text between two ends of elements is translated
 * for itself, so that every element keeps its place.
 *
 * @param {any} translator of the browser
 * @param {Source[]} sources
 * @param {{ signal?: AbortSignal }} options
 * @returns {Promise<Translation[]>}
 */
export async function translateWith(translator, sources, options) {
  const translations = [];
  for (const source of sources) {
    const { text, spans } = typeof source === "string" ? { text: source, spans: [] } : source;
    const cuts = [...new Set([0, text.length, ...spans.flatMap(({ start, end }) => [start, end])])].sort((a, b) => a - b);
    const moved = new Map([[0, 0]]);
    let translated = "";
    for (let index = 1; index < cuts.length; index++) {
      translated += await translatePiece(translator, text.slice(cuts[index - 1], cuts[index]), options);
      moved.set(cuts[index], translated.length);
    }
    const at = (/** @type {number} */ position) => moved.get(position) ?? 0;
    translations.push({
      text: translated,
      spans: spans.map(({ start, end }, span) => ({ span, start: at(start), end: at(end) })),
    });
  }
  return translations;
}

/**
 * @param {any} translator
 * @param {string} piece
 * @param {{ signal?: AbortSignal }} options
 */
async function translatePiece(translator, piece, options) {
  const [, before, words, after] = /** @type {RegExpExecArray} */ (/^(\s*)([^]*?)(\s*)$/u.exec(piece));
  return /\p{L}/u.test(words) ? before + (await translator.translate(words, options)) + after : piece;
}
