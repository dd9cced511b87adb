// @ts-check
/**
 * What can be downloaded: the engines and the models beside this script, each file with its size and SHA-256. The
 * build writes the lists (`cargo xtask layout`); as it stands here in the sources, nothing is there.
 *
 * @typedef {object} FileEntry
 * @property {string} name
 * @property {number} bytes
 * @property {string} sha256 lower case
 * @property {number} gzip_bytes of the file on the host, whose name ends in `.gz`
 *
 * @typedef {object} EngineEntry
 * @property {string} folder seen from {@link BASE}, with its last slash
 * @property {FileEntry[]} files
 *
 * @typedef {object} ModelEntry
 * @property {string} source language code
 * @property {string} target language code
 * @property {string} folder seen from {@link BASE}, with its last slash
 * @property {FileEntry[]} files
 *
 * @typedef {object} Catalog
 * @property {string} version
 * @property {string[]} scripts that a worker may load, seen from {@link BASE}
 * @property {Record<string, EngineEntry>} engines
 * @property {ModelEntry[]} models
 */

/**
 * A module that only a browser with relaxed SIMD finds valid: it uses `i8x16.relaxed_swizzle`.
 */
const RELAXED = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, // magic number, version
  1, 5, 1, 96, 0, 1, 123, // type: () -> v128
  3, 2, 1, 0, // one function of that type
  10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11, // two splats, the instruction
);

/** The same with `i8x16.popcnt`, which every browser with SIMD has. */
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);

/** The folder that a site owner copied, with its last slash. */
export const BASE = new URL("../", import.meta.url);

/** @type {Catalog} */
export const CATALOG = { version: "", scripts: [], engines: {}, models: [] };

/** Whether this browser can run an engine at all. */
export const hasSimd = "WebAssembly" in globalThis && WebAssembly.validate(SIMD);

/**
 * The build of an engine that this browser runs best, or undefined where there is none.
 *
 * @param {import("./protocol.js").EngineName} engine
 * @returns {{ name: string, entry: EngineEntry } | undefined}
 */
export function findProgram(engine) {
  if (!hasSimd) return undefined;
  const names = engine === "cpu" && WebAssembly.validate(RELAXED) ? ["cpu-relaxed", "cpu"] : [engine];
  const name = names.find((name) => name in CATALOG.engines);
  return name === undefined ? undefined : { name, entry: CATALOG.engines[name] };
}

/**
 * The model that translates between two languages, or undefined.
 *
 * @param {string} source BCP 47
 * @param {string} target BCP 47
 */
export function findModel(source, target) {
  const [from, to] = [primary(source), primary(target)];
  return CATALOG.models.find((model) => model.source === from && model.target === to);
}

/**
 * The language without script and region.
 *
 * @param {string} tag BCP 47, or with `_` for `-` as in `en_US`, a common slip
 */
export function primary(tag) {
  return tag.trim().split(/[-_]/u)[0].toLowerCase();
}

/**
 * Bytes on the wire of some files.
 *
 * @param {FileEntry[]} files
 */
export function downloadBytes(files) {
  return files.reduce((sum, file) => sum + file.gzip_bytes, 0);
}
