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

/** The folder that a site owner copied, with its last slash. */
export const BASE = new URL("../", import.meta.url);

/** @type {Catalog} */
export const CATALOG = { version: "", scripts: [], engines: {}, models: [] };

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
 * @param {string} tag BCP 47
 */
export function primary(tag) {
  return tag.split("-")[0].toLowerCase();
}

/**
 * Bytes on the wire of some files.
 *
 * @param {FileEntry[]} files
 */
export function downloadBytes(files) {
  return files.reduce((sum, file) => sum + file.gzip_bytes, 0);
}
