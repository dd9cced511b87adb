// @ts-check
/** Pages without a connection: registers the service worker and hands it what this page has loaded already. */

import { BASE, CATALOG } from "./catalog.js";

/** How long the service worker may take to hear, whatever it then downloads; one that is not ours never does. */
const PATIENCE_MS = 10_000;

/**
 * Resolves once this page would open without a connection; rejects where it cannot be.
 *
 * @param {URL} workerUrl of traduko-sw.js, or of a worker that imports it
 */
export async function keepOffline(workerUrl) {
  if (!("serviceWorker" in navigator)) throw new Error("a page that is not served over https has no service worker");
  const { scope } = await navigator.serviceWorker.register(workerUrl);
  if (!location.href.startsWith(scope)) {
    throw new Error(`${workerUrl.pathname} serves only ${scope}: copy it to the root of the site`);
  }
  const { active } = await navigator.serviceWorker.ready;
  if (!active) throw new Error("the service worker did not start");
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  // What our workers load is no resource of the page.
  const needed = [location.href, ...CATALOG.scripts.map((path) => new URL(path, BASE).href)];
  const urls = [...new Set([...needed, ...loaded])];
  const answer = await new Promise((resolve) => {
    const channel = new MessageChannel();
    const error = `${active.scriptURL} does not answer: does it hear messages, as the head of traduko-sw.js says?`;
    const timer = setTimeout(resolve, PATIENCE_MS, { error });
    channel.port1.onmessage = ({ data }) => {
      clearTimeout(timer);
      if (!data.isHeard) resolve(data);
    };
    active.postMessage({ type: "traduko-keep", urls, needed }, [channel.port2]);
  });
  if (answer.error) throw new Error(answer.error);
}
