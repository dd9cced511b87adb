// @ts-check
/**
 * Keeps the site working without its server: registers the service worker and hands it what only the page
 * knows, the files of the engine in use. `data-offline="ready"` on the root element says that it is done.
 */

/**
 * @param {string[]} assets absolute addresses to keep beside the pages
 */
export async function keepOffline(assets) {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(new URL("../sw.js", import.meta.url));
    const { active } = await navigator.serviceWorker.ready;
    if (!active) return;
    const answer = await new Promise((resolve) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = (event) => resolve(event.data);
      active.postMessage({ type: "keep", urls: assets }, [channel.port2]);
    });
    if (answer.error) throw new Error(answer.error);
    document.documentElement.dataset.offline = "ready";
  } catch (error) {
    console.warn("this site will not work offline:", error);
  }
}
