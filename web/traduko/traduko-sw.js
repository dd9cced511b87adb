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
 *       if (traduko.handles(event.request)) event.respondWith(traduko.answer(event.request, event));
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
    const { method, url, headers } = request;
    // A stream of events has no end to be kept with.
    const isWhole = !headers.has("range") && headers.get("accept") !== "text/event-stream";
    return method === "GET" && url.startsWith(scope) && isWhole && !new URL(url).pathname.endsWith(".gz");
  }

  /**
   * What the network says, which is kept while it goes on to the page; else what is kept.
   *
   * @param {Request} request
   * @param {ExtendableEvent} [event] waits until it is kept
   * @returns {Promise<Response>}
   */
  async function answer(request, event) {
    try {
      const response = await fetch(request);
      if (response.ok && response.type === "basic" && !response.redirected) {
        const copy = response.clone();
        const keeping = caches.open(CACHE_NAME).then((cache) => cache.put(keyOf(request.url), copy)).catch(warn);
        event?.waitUntil(keeping);
      }
      return response;
    } catch (error) {
      const kept = await caches.match(keyOf(request.url), { cacheName: CACHE_NAME }).catch(() => undefined);
      if (kept) return kept;
      throw error;
    }
  }

  /**
   * Keeps what a page loaded before this worker was there: `{ type: "traduko-keep", urls, needed }`. Answered by
   * port, at once with `{ isHeard: true }`, at the end with `{}`, or with an `error` without which the page would not open:
   * that of a file that is `needed`.
   *
   * @param {ExtendableMessageEvent} event
   */
  function hear(event) {
    if (event.data?.type !== "traduko-keep") return;
    const [port] = event.ports;
    port.postMessage({ isHeard: true });
    const work = keep(event.data.urls, event.data.needed).then(
      () => port.postMessage({}),
      (error) => port.postMessage({ error: String(error) }),
    );
    event.waitUntil(work);
  }

  /**
   * @param {string[]} urls
   * @param {string[]} needed
   */
  async function keep(urls, needed) {
    const cache = await caches.open(CACHE_NAME);
    const wanted = urls.filter((url) => handles(new Request(url)));
    const kept = await Promise.all(wanted.map((url) => cache.match(keyOf(url))));
    // What is kept already is brought up to date whenever it is fetched.
    const missing = wanted.filter((_, index) => !kept[index]);
    /** @type {unknown[]} */
    const faults = [];
    await Promise.all(missing.map((url) => keepOne(cache, url).catch((error) => {
      if (needed.includes(url)) faults.push(error);
      else warn(error);
    })));
    const keys = await cache.keys();
    for (const key of keys.slice(0, Math.max(0, keys.length - MOST_FILES))) await cache.delete(key);
    if (faults.length > 0) throw faults[0];
  }

  /**
   * @param {Cache} cache
   * @param {string} url
   */
  async function keepOne(cache, url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: the server answered ${response.status}`);
    // No browser takes such an answer for a page.
    if (response.redirected) throw new Error(`${url}: the server sent on to ${response.url}`);
    await cache.put(keyOf(url), response);
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
    console.warn("traduko: not kept:", error);
  }

  Object.assign(worker, { traduko: { handles, answer, hear } });
  // Imported by another worker, it only offers; on its own, it works.
  if (!new URL(worker.location.href).pathname.endsWith("/traduko-sw.js")) return;
  worker.addEventListener("install", () => void worker.skipWaiting());
  worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));
  worker.addEventListener("message", hear);
  worker.addEventListener("fetch", (event) => {
    if (handles(event.request)) event.respondWith(answer(event.request, event));
  });
})();
