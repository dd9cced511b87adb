// @ts-check
/// <reference lib="webworker" />
/**
 * The service worker: everything but the model, from the network first and from the cache when there is none.
 *
 * Network first, because file names carry no hash: a visitor who is online never gets a page and a script of
 * different ages. The model's files are kept by the worker in a cache of their own (js/model-store.js).
 */

const sw = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

const CACHE_NAME = "traduko-site-v1";
const SITE = [
  "./",
  "style.css",
  "worker.js",
  "icons/icon.svg",
  "js/app.js",
  "js/blocks.js",
  "js/dom.js",
  "js/heat-map.js",
  "js/model-store.js",
  "js/offline.js",
  "js/page-blocks.js",
  "js/protocol.js",
  "js/rewrite.js",
  "js/translator-client.js",
  "js/webgpu-probe.js",
  "js/worker-port.js",
  "demo/",
  "demo/guide.html",
  "demo/prices.html",
  "demo/about.html",
  "demo/demo.css",
  "demo/translate-page.js",
  "demo/images/bicycle.svg",
  "demo/images/wheel.svg",
  "demo/images/shop.svg",
].map((path) => new URL(path, sw.registration.scope).href);

sw.addEventListener("install", (event) => {
  event.waitUntil(keepAnew(SITE).then(() => sw.skipWaiting()));
});

sw.addEventListener("activate", (event) => {
  event.waitUntil(dropOldCaches().then(() => sw.clients.claim()));
});

sw.addEventListener("message", (event) => {
  if (event.data?.type !== "keep") return;
  const [port] = event.ports;
  event.waitUntil(
    keepMissing(event.data.urls).then(
      () => port.postMessage({}),
      (error) => port.postMessage({ error: String(error) }),
    ),
  );
});

sw.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const isOurs = request.method === "GET" && url.href.startsWith(sw.registration.scope);
  if (!isOurs || url.href.startsWith(new URL("models/", sw.registration.scope).href)) return;
  event.respondWith(answer(request, url));
});

/** @param {string[]} urls */
async function keepAnew(urls) {
  const cache = await caches.open(CACHE_NAME);
  await cache.addAll(urls.map((url) => new Request(url, { cache: "no-cache" })));
}

/**
 * What is kept already is brought up to date whenever it is fetched, so only the rest is asked for.
 *
 * @param {string[]} urls
 */
async function keepMissing(urls) {
  const cache = await caches.open(CACHE_NAME);
  const kept = await Promise.all(urls.map((url) => cache.match(url)));
  await keepAnew(urls.filter((_, index) => kept[index] === undefined));
}

/**
 * @param {Request} request
 * @param {URL} url
 */
async function answer(request, url) {
  const cache = await caches.open(CACHE_NAME);
  try {
    const response = await fetch(request);
    if (response.ok && response.type === "basic" && !response.redirected) {
      await cache.put(keyOf(url), response.clone());
    }
    return response;
  } catch (error) {
    const kept = await cache.match(keyOf(url));
    if (kept) return kept;
    throw error;
  }
}

/**
 * A page is one page whatever its query says, with or without `index.html`.
 *
 * @param {URL} url
 */
function keyOf(url) {
  return url.origin + url.pathname.replace(/\/index\.html$/, "/");
}

async function dropOldCaches() {
  for (const name of await caches.keys()) {
    if (name.startsWith("traduko-site-") && name !== CACHE_NAME) await caches.delete(name);
  }
}
