// @ts-check
/**
 * Traduko in a page: `<script type="module" src="traduko/traduko.js">` defines `<traduko-translate>`; `import` gives the
 * interface besides, which index.d.ts describes.
 */

import { TradukoTranslate } from "./element.js";

export { keepOffline } from "./offline.js";
export { prepareEngine } from "./translator-client.js";
export { Translator, installPolyfill } from "./translator.js";
export { TradukoTranslate };

// For the text page and the bench alone: they may change with any version.
export { CATALOG } from "./catalog.js";
export { rewriteHTML } from "./html.js";
export { TranslatorClient, label } from "./translator-client.js";
export { WorkerPort } from "./worker-port.js";

if (!customElements.get("traduko-translate")) customElements.define("traduko-translate", TradukoTranslate);
