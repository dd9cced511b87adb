// @ts-check
/**
 * Files of an engine or a model: from the Cache API when they are there, else from the network with progress by bytes.
 *
 * Every file is known by its size and SHA-256 before it is asked for (catalog.js) and kept under both, so that a new
 * one never mixes with an old one. On the host it is gzipped: few static hosts compress what they do not know. The
 * cache's name carries the path of this folder, because sites may share an origin. Without the Cache API (pages that
 * are not served over https or from this machine) everything is downloaded each time.
 */

import { BASE, CATALOG, downloadBytes } from "./catalog.js";

/** @typedef {import("./catalog.js").FileEntry} FileEntry */
/** @typedef {{ folder: string, files: FileEntry[] }} Assets */
/** @typedef {import("./protocol.js").DownloadProgress} DownloadProgress */

const CACHE_NAME = `traduko-files ${BASE.pathname}`;

/** Whether this page can keep what it downloads. */
export const canKeep = "caches" in globalThis;
/** Whether files are compared with their hashes here: only a secure context can. Elsewhere the engine does it. */
export const canHash = Boolean(globalThis.crypto?.subtle);

/**
 * Reads all files of `assets`.
 *
 * @param {Assets[]} assets
 * @param {(progress: DownloadProgress) => void} onProgress
 * @returns {Promise<Map<string, Uint8Array>[]>} for each of `assets` its files by name
 */
export async function readAssets(assets, onProgress) {
  const cache = await openCache();
  const total = assets.reduce((sum, { files }) => sum + downloadBytes(files), 0);
  const progress = { stage: /** @type {const} */ ("download"), loaded: 0, total, cached: true };
  /** @param {number} bytes @param {boolean} cached */
  const advance = (bytes, cached) => {
    progress.loaded += bytes;
    progress.cached &&= cached;
    onProgress({ ...progress });
  };
  return Promise.all(assets.map(async ({ folder, files }) => {
    const read = files.map(async (entry) => {
      const bytes = await readFile(folder, entry, cache, advance);
      return /** @type {const} */ ([entry.name, bytes]);
    });
    return new Map(await Promise.all(read));
  }));
}

/**
 * Bytes of `assets` on the wire that this browser does not keep yet.
 *
 * @param {Assets[]} assets
 */
export async function missingBytes(assets) {
  const cache = await openCache();
  const files = assets.flatMap(({ files }) => files);
  const kept = await Promise.all(files.map((entry) => cache?.match(keyOf(entry))));
  return downloadBytes(files.filter((_, index) => !kept[index]));
}

/** Drops what no entry of the catalog names any more: what an update left behind. */
export async function dropOldFiles() {
  const cache = await openCache();
  const current = [...Object.values(CATALOG.engines), ...CATALOG.models];
  const keep = new Set(current.flatMap(({ files }) => files.map(keyOf)));
  for (const request of (await cache?.keys()) ?? []) {
    if (!keep.has(request.url)) await cache?.delete(request);
  }
}

/** @returns {Promise<Cache | null>} */
async function openCache() {
  if (!canKeep) return null;
  try {
    return await caches.open(CACHE_NAME);
  } catch (error) {
    console.warn("the browser's cache cannot be used, the model will be downloaded each time:", error);
    return null;
  }
}

/**
 * Under what a file is kept. Its folder is no part of it: a file that an update leaves as it was is not downloaded again.
 *
 * @param {FileEntry} entry
 */
function keyOf({ name, sha256 }) {
  return new URL(`kept/${name}?sha256=${sha256}`, BASE).href;
}

/**
 * @param {string} folder
 * @param {FileEntry} entry
 * @param {Cache | null} cache
 * @param {(bytes: number, cached: boolean) => void} advance
 */
async function readFile(folder, entry, cache, advance) {
  const key = keyOf(entry);
  const kept = await cache?.match(key);
  if (kept) {
    const bytes = new Uint8Array(await kept.arrayBuffer());
    if ((await findFault(bytes, entry)) === null) {
      advance(entry.gzip_bytes, true);
      return bytes;
    }
    await cache?.delete(key);
  }
  const bytes = await download(new URL(`${folder}${entry.name}.gz`, BASE).href, entry, (count) => advance(count, false));
  const fault = await findFault(bytes, entry);
  if (fault !== null) {
    throw new Error(`${entry.name}: ${fault}: the file is damaged or belongs to another version; reload to try again`);
  }
  await keepFile(cache, key, bytes);
  return bytes;
}

/**
 * Streams into one buffer of the announced size, so that no second copy of the model exists.
 *
 * @param {string} url
 * @param {FileEntry} entry
 * @param {(bytes: number) => void} onBytes
 */
async function download(url, entry, onBytes) {
  const body = await open(url);
  const bytes = new Uint8Array(entry.bytes);
  let length = 0;
  try {
    const reader = (await unzipped(body, entry, onBytes)).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (length + value.length > bytes.length) {
        await reader.cancel();
        throw new Error(`${url}: longer than the ${entry.bytes} bytes it should have`);
      }
      bytes.set(value, length);
      length += value.length;
    }
  } catch (error) {
    if (error instanceof TypeError) throw broken(`${url}: the download broke off after ${length} bytes; try again`, error);
    throw error;
  }
  return bytes.subarray(0, length);
}

/**
 * @param {string} url
 * @returns {Promise<ReadableStream<Uint8Array>>}
 */
async function open(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw broken(`cannot reach ${url}, and it is not kept in this browser: connect once, then try again`, error);
  }
  if (!response.ok || response.body === null) {
    throw broken(`${url}: the server answered ${response.status}, expected a file; was the whole folder copied?`);
  }
  return response.body;
}

/**
 * @param {string} message
 * @param {unknown} [cause]
 */
function broken(message, cause) {
  return Object.assign(new Error(message, { cause }), { name: "NetworkError" });
}

/**
 * The bytes of a gzipped file. A host that says `Content-Encoding: gzip` for it has had the browser do it already.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @param {FileEntry} entry
 * @param {(bytes: number) => void} onBytes hears of bytes on the wire, as the catalog counts them
 * @returns {Promise<ReadableStream<Uint8Array>>}
 */
async function unzipped(body, entry, onBytes) {
  const reader = body.getReader();
  /** @type {ReadableStreamReadResult<Uint8Array> | null} */
  let ahead = await reader.read();
  const isGzip = ahead.value?.[0] === 0x1f && ahead.value[1] === 0x8b;
  let [seen, told] = [0, 0];
  /** @type {ReadableStream<Uint8Array>} */
  const counted = new ReadableStream({
    async pull(controller) {
      const { done, value } = ahead ?? (await reader.read());
      ahead = null;
      if (done) return controller.close();
      seen += value.length;
      const loaded = isGzip ? seen : Math.round((seen * entry.gzip_bytes) / entry.bytes);
      onBytes(loaded - told);
      told = loaded;
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return isGzip ? counted.pipeThrough(/** @type {any} */ (new DecompressionStream("gzip"))) : counted;
}

/**
 * What is wrong with a file, in words, or null.
 *
 * @param {Uint8Array} bytes
 * @param {FileEntry} entry
 */
async function findFault(bytes, entry) {
  if (bytes.length !== entry.bytes) return `${bytes.length} bytes, expected ${entry.bytes}`;
  if (!canHash) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {BufferSource} */ (bytes)));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex === entry.sha256 ? null : `SHA-256 is ${hex}, expected ${entry.sha256}`;
}

/**
 * A full disk is no reason to fail: the file is in memory already.
 *
 * @param {Cache | null} cache
 * @param {string} key
 * @param {Uint8Array} bytes
 */
async function keepFile(cache, key, bytes) {
  try {
    await cache?.put(key, new Response(/** @type {BodyInit} */ (bytes)));
  } catch (error) {
    console.warn(`${key} could not be kept in the browser's cache:`, error);
  }
}
