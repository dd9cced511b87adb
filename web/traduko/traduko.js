// @ts-check
/**
 * Traduko in a page: `<script type="module" src="traduko/traduko.js">` defines `<traduko-translate>`; `import` gives the
 * interface alone besides.
 */

import { TradukoTranslate } from "./element.js";

export { CATALOG } from "./catalog.js";
export { rewriteHTML } from "./html.js";
export { keepOffline } from "./offline.js";
export { TranslatorClient, label, prepareEngine } from "./translator-client.js";
export { Translator, installPolyfill } from "./translator.js";
export { WorkerPort } from "./worker-port.js";
export { TradukoTranslate };

if (!customElements.get("traduko-translate")) customElements.define("traduko-translate", TradukoTranslate);
