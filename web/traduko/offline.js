// @ts-check
/** Pages without a connection: registers the service worker and hands it what this page has loaded already. */

import { BASE, CATALOG } from "./catalog.js";

/**
 * Resolves once this page would open without a connection; rejects where it cannot be.
 *
 * @param {URL} workerUrl of traduko-sw.js, or of a worker that imports it
 */
export async function keepOffline(workerUrl) {
  if (!("serviceWorker" in navigator)) throw new Error("a page that is not served over https has no service worker");
  await navigator.serviceWorker.register(workerUrl);
  const { active } = await navigator.serviceWorker.ready;
  if (!active) throw new Error("the service worker did not start");
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  // What our workers load is no resource of the page.
  const scripts = CATALOG.scripts.map((path) => new URL(path, BASE).href);
  const answer = await new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = (event) => resolve(event.data);
    const urls = [...new Set([location.href, ...loaded, ...scripts])];
    active.postMessage({ type: "traduko-keep", urls }, [channel.port2]);
  });
  if (answer.error) throw new Error(answer.error);
}
