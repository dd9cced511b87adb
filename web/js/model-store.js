// @ts-check
/**
 * The model's files: from the Cache API when they are there, else from the network with progress by bytes.
 *
 * The manifest is asked for first and names every other file with its size and SHA-256. A cached file is
 * keyed by its hash, so a new model never mixes with an old one. Without the Cache API (pages that are not
 * served over https or from this machine) everything is downloaded each time.
 */

/** @typedef {import("./protocol.js").DownloadProgress} DownloadProgress */
/** @typedef {{ name: string, bytes: number, sha256: string }} FileEntry */

const CACHE_NAME = "traduko-model-v1";
const MANIFEST = "manifest.json";

/**
 * Reads all files of the model in the folder `modelUrl`.
 *
 * @param {string} modelUrl absolute, with its last slash
 * @param {(progress: DownloadProgress) => void} onProgress
 * @returns {Promise<{ files: Map<string, Uint8Array>, manifest: any }>}
 */
export async function readModel(modelUrl, onProgress) {
  const cache = await openCache();
  const manifestBytes = await readManifest(new URL(MANIFEST, modelUrl).href, cache);
  const manifest = parseManifest(manifestBytes, modelUrl);
  const entries = fileEntries(manifest, modelUrl);

  const total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const progress = { stage: /** @type {const} */ ("download"), loaded: 0, total, cached: true };
  /** @param {number} bytes @param {boolean} cached */
  const advance = (bytes, cached) => {
    progress.loaded += bytes;
    progress.cached &&= cached;
    onProgress({ ...progress });
  };

  /** @type {Map<string, Uint8Array>} */
  const files = new Map([[MANIFEST, manifestBytes]]);
  const keep = new Set([new URL(MANIFEST, modelUrl).href]);
  for (const entry of entries) {
    const url = new URL(entry.name, modelUrl);
    url.searchParams.set("sha256", entry.sha256);
    keep.add(url.href);
    files.set(entry.name, await readFile(url.href, entry, cache, advance));
  }
  await dropOldFiles(cache, modelUrl, keep);
  return { files, manifest };
}

/** @returns {Promise<Cache | null>} */
async function openCache() {
  if (!("caches" in globalThis)) return null;
  try {
    return await caches.open(CACHE_NAME);
  } catch (error) {
    console.warn("the browser's cache cannot be used, the model will be downloaded each time:", error);
    return null;
  }
}

/**
 * The manifest from the network, or the kept one where there is no network.
 *
 * @param {string} url
 * @param {Cache | null} cache
 */
async function readManifest(url, cache) {
  let response;
  try {
    response = await fetch(url, { cache: "no-cache" });
  } catch (error) {
    const kept = await cache?.match(url);
    if (kept) return new Uint8Array(await kept.arrayBuffer());
    throw new Error(`cannot reach ${url} and no model is kept in this browser: connect once, then try again`, { cause: error });
  }
  if (!response.ok) {
    throw new Error(`${url}: the server answered ${response.status}, expected the model's manifest`);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  await keepFile(cache, url, bytes, "application/json");
  return bytes;
}

/** @param {Uint8Array} bytes @param {string} modelUrl */
function parseManifest(bytes, modelUrl) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Error(`${modelUrl}${MANIFEST}: not valid JSON`, { cause: error });
  }
}

/**
 * @param {any} manifest
 * @param {string} modelUrl
 * @returns {FileEntry[]}
 */
function fileEntries(manifest, modelUrl) {
  const files = manifest?.files;
  if (!Array.isArray(files)) {
    throw new Error(`${modelUrl}${MANIFEST}: no list of files, expected the key "files"`);
  }
  for (const { name, bytes, sha256 } of files) {
    if (typeof name !== "string" || !/^[\w-][\w.-]*$/.test(name)) {
      throw new Error(`${modelUrl}${MANIFEST}: file name ${JSON.stringify(name)} is not a plain name`);
    }
    if (!Number.isSafeInteger(bytes) || bytes < 0 || !/^[0-9a-f]{64}$/.test(sha256)) {
      throw new Error(`${modelUrl}${MANIFEST}: ${name}: expected "bytes" and a lower-case "sha256"`);
    }
  }
  return files;
}

/**
 * @param {string} url with the hash in its query
 * @param {FileEntry} entry
 * @param {Cache | null} cache
 * @param {(bytes: number, cached: boolean) => void} advance
 */
async function readFile(url, entry, cache, advance) {
  const kept = await cache?.match(url);
  if (kept) {
    const bytes = new Uint8Array(await kept.arrayBuffer());
    if ((await findFault(bytes, entry)) === null) {
      advance(bytes.length, true);
      return bytes;
    }
    await cache?.delete(url);
  }
  const bytes = await download(url, entry, (count) => advance(count, false));
  const fault = await findFault(bytes, entry);
  if (fault !== null) {
    throw new Error(`${entry.name}: ${fault}: the file is damaged or does not belong to this manifest; reload to try again`);
  }
  await keepFile(cache, url, bytes, "application/octet-stream");
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
  const response = await fetch(url);
  if (!response.ok || response.body === null) {
    throw new Error(`${url}: the server answered ${response.status}, expected a model file`);
  }
  const bytes = new Uint8Array(entry.bytes);
  let length = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (length + value.length > bytes.length) {
      await reader.cancel();
      throw new Error(`${url}: longer than the ${entry.bytes} bytes its manifest names`);
    }
    bytes.set(value, length);
    length += value.length;
    onBytes(value.length);
  }
  return bytes.subarray(0, length);
}

/**
 * What is wrong with a file, in words, or null. Where the page has no `crypto.subtle` (no secure context)
 * only the size is looked at here: the engine checks the hash again when it reads the package.
 *
 * @param {Uint8Array} bytes
 * @param {FileEntry} entry
 */
async function findFault(bytes, entry) {
  if (bytes.length !== entry.bytes) return `${bytes.length} bytes, expected ${entry.bytes}`;
  if (!globalThis.crypto?.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {BufferSource} */ (bytes)));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex === entry.sha256 ? null : `SHA-256 is ${hex}, expected ${entry.sha256}`;
}

/**
 * A full disk is no reason to fail: the model is in memory already.
 *
 * @param {Cache | null} cache
 * @param {string} url
 * @param {Uint8Array} bytes
 * @param {string} type
 */
async function keepFile(cache, url, bytes, type) {
  try {
    await cache?.put(url, new Response(/** @type {BodyInit} */ (bytes), { headers: { "Content-Type": type } }));
  } catch (error) {
    console.warn(`${url} could not be kept in the browser's cache:`, error);
  }
}

/**
 * @param {Cache | null} cache
 * @param {string} modelUrl
 * @param {Set<string>} keep
 */
async function dropOldFiles(cache, modelUrl, keep) {
  for (const request of (await cache?.keys()) ?? []) {
    if (request.url.startsWith(modelUrl) && !keep.has(request.url)) await cache?.delete(request);
  }
}
