// @ts-check
/// <reference lib="webworker" />
/**
 * The optional service worker: pages that were visited open again without a connection.
 *
 * Copy it to the root of the site (or of its folder on a shared host), because a worker serves nothing above its own path,
 * and name it in `<traduko-translate offline="traduko-sw.js">`. A site with a worker of its own imports it there:
 *
 *     importScripts("traduko/traduko-sw.js");
 *     self.addEventListener("fetch", (event) => {
 *       if (traduko.handles(event.request)) event.respondWith(traduko.answer(event.request));
 *     });
 *     self.addEventListener("message", (event) => traduko.hear(event));
 *
 * Network first, so that a visitor who is online never gets a page and a script of different ages. Engines and models are
 * not its business: the page keeps them itself.
 */

(() => {
  const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
  const { scope } = worker.registration;
  const CACHE_NAME = `traduko-pages ${new URL(scope).pathname}`;
  /** What was kept first goes first once there is more. */
  const MOST_FILES = 500;

  /** @param {Request} request */
  function handles(request) {
    const isOurs = request.method === "GET" && request.url.startsWith(scope) && !request.headers.has("range");
    return isOurs && !new URL(request.url).pathname.endsWith(".gz");
  }

  /**
   * @param {Request} request
   * @returns {Promise<Response>}
   */
  async function answer(request) {
    const cache = await caches.open(CACHE_NAME);
    try {
      const response = await fetch(request);
      if (response.ok && response.type === "basic" && !response.redirected) {
        await cache.put(keyOf(request.url), response.clone()).catch(warn);
      }
      return response;
    } catch (error) {
      const kept = await cache.match(keyOf(request.url));
      if (kept) return kept;
      throw error;
    }
  }

  /**
   * Keeps what a page loaded before this worker was there: `{ type: "traduko-keep", urls }`, answered by port.
   *
   * @param {ExtendableMessageEvent} event
   */
  function hear(event) {
    if (event.data?.type !== "traduko-keep") return;
    const [port] = event.ports;
    const work = keep(event.data.urls).then(
      () => port.postMessage({}),
      (error) => port.postMessage({ error: String(error) }),
    );
    event.waitUntil(work);
  }

  /** @param {string[]} urls */
  async function keep(urls) {
    const cache = await caches.open(CACHE_NAME);
    const wanted = urls.filter((url) => handles(new Request(url)));
    const kept = await Promise.all(wanted.map((url) => cache.match(keyOf(url))));
    // What is kept already is brought up to date whenever it is fetched.
    const missing = wanted.filter((_, index) => !kept[index]);
    await Promise.all(missing.map(async (url) => {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`${url}: the server answered ${response.status}`);
      await cache.put(keyOf(url), response);
    }));
    const keys = await cache.keys();
    for (const key of keys.slice(0, Math.max(0, keys.length - MOST_FILES))) await cache.delete(key);
  }

  /**
   * A page is one page whatever its query says, with or without `index.html`.
   *
   * @param {string} address
   */
  function keyOf(address) {
    const url = new URL(address);
    return url.origin + url.pathname.replace(/\/index\.html$/u, "/");
  }

  /** @param {unknown} error */
  function warn(error) {
    console.warn("traduko: a page could not be kept:", error);
  }

  Object.assign(worker, { traduko: { handles, answer, hear } });
  // Imported by another worker, it only offers; on its own, it works.
  if (!new URL(worker.location.href).pathname.endsWith("/traduko-sw.js")) return;
  worker.addEventListener("install", () => void worker.skipWaiting());
  worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));
  worker.addEventListener("message", hear);
  worker.addEventListener("fetch", (event) => {
    if (handles(event.request)) event.respondWith(answer(event.request));
  });
})();
