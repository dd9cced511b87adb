// @ts-check
/**
 * `<traduko-translate from="en" to="fr">`: the control that a site owner puts into a page.
 *
 * It asks before the first download and names its size (but for an engine on WebGPU that is tried later), shows progress,
 * says that a machine translates, shows the original of what the visitor points at, and takes everything back. The choice
 * is kept for the site: the next page comes up translated where nothing is to be downloaded. Its styles are a constructed
 * sheet, which a strict Content-Security-Policy allows.
 *
 * Attributes: `from`, `to` (one or more languages with spaces between), `engine` (`auto`, `cpu`, `webgpu`), `glossary`
 * (address of a JSON file of terms), `prefer` (`built-in` for the browser's own translator, which knows no `engine` and no
 * `glossary`), `offline` (address of traduko-sw.js). `data-state` says where things stand: `unavailable`, `idle`,
 * `downloading`, `translating`, `translated`, `failed`; an event `traduko-state` tells of each change. `data-offline` is
 * `ready` once the page would open without a connection.
 */

import { canKeep } from "./asset-store.js";
import { BASE, CATALOG, hasSimd, primary } from "./catalog.js";
import { keepOffline } from "./offline.js";
import { OriginalTip } from "./original-tip.js";
import { stringsFor } from "./strings.js";
import { prepareEngine, savesData } from "./translator-client.js";
import { Translator } from "./translator.js";

/** @typedef {"unavailable" | "idle" | "downloading" | "translating" | "translated" | "failed"} State */
/** @typedef {import("./translator-client.js").EngineChoice} EngineChoice */

/** The control that has the page, of several, or of one that a framework has put in another's place. @type {TradukoTranslate | null} */
let active = null;

/**
 * @typedef {object} Made
 * @property {string} key what the translator depends on
 * @property {AbortController} end ends it, or its creation
 * @property {Promise<Translator>} coming
 * @property {Translator | null} translator once it is there
 */

/** The engine of a control that left the page: a framework that puts up another goes on with it. @type {Left | null} */
let left = null;
/** How long it is kept for that. */
const LEFT_MS = 30_000;
/** @typedef {{ made: Made, engine: string | undefined }} Left */

const CHOICE = `traduko ${BASE.pathname} choice`;

const SHEET = `
  :host { display: block; font: medium/1.4 system-ui, sans-serif; text-align: start; }
  :host([hidden]) { display: none; }
  .bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4em 0.8em; padding: 0.4em 0.6em;
    border: 1px solid GrayText; border-radius: 0.5em; background: Canvas; color: CanvasText; }
  button, select { font: inherit; padding: 0.3em 0.7em; border-radius: 0.35em; max-width: 100%; cursor: pointer; }
  button { border: 1px solid GrayText; background: ButtonFace; color: ButtonText; white-space: normal; text-align: start; }
  :host([data-offered][data-state="idle"]) button.translate { background: AccentColor; color: AccentColorText; }
  :focus-visible { outline: 2px solid Highlight; outline-offset: 2px; }
  progress { flex: 0 1 8em; min-width: 4em; }
  .status { flex: 1 1 14em; min-width: 0; overflow-wrap: anywhere; }
  .note { flex-basis: 100%; color: GrayText; font-size: 0.9em; }
  [hidden] { display: none; }
  @media print { :host { display: none; } }
  .tip { position: fixed; inset: auto; margin: 0; max-width: min(30em, calc(100vw - 2em)); padding: 0.5em 0.7em;
    border: 1px solid GrayText; border-radius: 0.4em; background: Canvas; color: CanvasText; font-size: 0.95em;
    overflow-wrap: anywhere; white-space: pre-line; pointer-events: none; z-index: 2147483647;
    box-shadow: 0 2px 10px rgb(0 0 0 / 0.3); }
  .tip strong { display: block; font-size: 0.85em; color: GrayText; font-weight: normal; }
`;

export class TradukoTranslate extends HTMLElement {
  #ui = stringsFor(navigator.languages);
  /** Its engine, or the one that comes; it outlives an undo. @type {Made | null} */ #made = null;
  /** @type {AbortController | null} the turn that is under way or done */ #turn = null;
  /** @type {OriginalTip | null} */ #tip = null;
  #isBuilt = false;
  /** What the page says where nothing of it is translated. @type {string} */
  #pageLanguage = active?.sourceLanguage ?? (document.documentElement.lang || "en");
  #select = document.createElement("select");
  #label = document.createElement("label");
  #button = document.createElement("button");
  #progress = document.createElement("progress");
  #status = document.createElement("span");
  #note = document.createElement("span");

  connectedCallback() {
    if (this.#isBuilt) {
      // Back after a while: as if it had just come.
      if (active === null && this.#turn === null) void this.#begin();
      return;
    }
    this.#isBuilt = true;
    this.#build();
    void this.#begin();
    const offline = this.getAttribute("offline");
    if (offline) void this.#keepOffline(new URL(offline, document.baseURI));
  }

  disconnectedCallback() {
    // One that is only moved is back before this comes to run.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#yield();
      this.#leave();
    });
  }

  #leave() {
    if (!this.#made?.translator) return;
    left?.made.end.abort();
    const mine = (left = { made: this.#made, engine: this.dataset.engine });
    this.#made = null;
    setTimeout(() => {
      if (left !== mine) return;
      left = null;
      mine.made.end.abort();
    }, LEFT_MS);
  }

  /** What a translator depends on. */
  get #key() {
    const options = ["engine", "prefer", "glossary"].map((name) => this.getAttribute(name));
    return JSON.stringify([this.sourceLanguage, this.#target, ...options]);
  }

  /** Gives the page back, for another control to take or for good; the choice stays. */
  #yield() {
    if (this.#turn === null) return;
    this.#stop();
    if (this.isConnected) void this.#showOffer();
  }

  /** @param {URL} worker */
  async #keepOffline(worker) {
    try {
      await keepOffline(worker);
      this.dataset.offline = "ready";
    } catch (error) {
      console.warn("traduko: this page will not open without a connection:", error);
    }
  }

  /** @returns {State} */
  get state() {
    return /** @type {State} */ (this.dataset.state ?? "unavailable");
  }

  /** The languages on offer that there is a model for. */
  get #targets() {
    const wanted = (this.getAttribute("to") ?? "").split(/\s+/u).filter(Boolean).map(primary);
    const there = CATALOG.models.filter(({ source }) => source === primary(this.sourceLanguage)).map(({ target }) => target);
    return wanted.length > 0 ? wanted.filter((language) => there.includes(language)) : there;
  }

  /** @returns {string} BCP 47 */
  get sourceLanguage() {
    return (this.getAttribute("from") || this.#pageLanguage).trim().replaceAll("_", "-");
  }

  get #target() {
    return this.#select.value;
  }

  #build() {
    const { strings, language } = this.#ui;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    this.translate = false;
    const bar = document.createElement("div");
    bar.className = "bar";
    bar.lang = language;
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", strings.group);
    this.#label.append(`${strings.language} `, this.#select);
    this.#button.type = "button";
    this.#button.className = "translate";
    this.#progress.setAttribute("aria-label", strings.group);
    this.#status.className = "status";
    this.#status.setAttribute("role", "status");
    this.#note.className = "note";
    bar.append(this.#label, this.#button, this.#progress, this.#status, this.#note);
    root.append(bar);
    this.#tip = new OriginalTip(root, strings.original, (node) => this.#made?.translator?.originalAt(node) ?? null);
    this.#button.addEventListener("click", () => (this.#turn ? this.undo() : void this.translatePage()));
    this.#select.addEventListener("change", () => void this.#changeLanguage());
    this.#showProgress(null);
  }

  async #begin() {
    const { strings } = this.#ui;
    const targets = this.#targets;
    this.#select.replaceChildren(...targets.map((target) => new Option(this.#nameOf(target), target)));
    this.#label.hidden = targets.length < 2;
    this.#button.hidden = targets.length === 0 || !hasSimd;
    if (!hasSimd) return this.#show("unavailable", strings.noSimd);
    if (targets.length === 0) return this.#show("unavailable", strings.unavailable(this.#nameOf(this.sourceLanguage)));
    const offered = this.#offered(targets);
    const chosen = this.#choice;
    if (offered !== null) this.dataset.offered = offered;
    this.#select.value = chosen !== null && targets.includes(chosen) ? chosen : (offered ?? targets[0]);
    await this.#showOffer();
    // What was chosen on another page needs no question, as long as it needs no download.
    if (chosen !== this.#target || !(await this.#isKept())) return;
    if (this.isConnected && this.#turn === null && active === null) await this.translatePage();
  }

  /**
   * The language that this visitor would rather read, or null.
   *
   * @param {string[]} targets
   */
  #offered(targets) {
    const from = primary(this.sourceLanguage);
    const first = navigator.languages.map(primary).find((language) => language === from || targets.includes(language));
    return first === undefined || first === from ? null : first;
  }

  async #isKept() {
    return (await Translator.availability(this.#pair)) === "available";
  }

  get #pair() {
    /** @type {"built-in" | "traduko"} */
    const prefer = this.getAttribute("prefer") === "built-in" ? "built-in" : "traduko";
    return { sourceLanguage: this.sourceLanguage, targetLanguage: this.#target, prefer };
  }

  async #showOffer() {
    if (await this.#nameOffer()) this.#show("idle", "");
  }

  /** Names what a press would do, and its size; tells whether nobody pressed meanwhile. */
  async #nameOffer() {
    const { strings } = this.#ui;
    const words = strings.translate(this.#nameOf(this.#target));
    this.#button.textContent = words;
    const pair = this.#pair;
    const bytes = await Translator.downloadBytes(pair);
    const isOurs = pair.prefer === "traduko";
    const bytesOfOurs = isOurs ? bytes : await Translator.downloadBytes({ ...pair, prefer: "traduko" });
    if (this.#turn !== null) return false;
    const isKept = bytes === 0;
    if (bytesOfOurs === 0 && !this.#made) void prepareEngine();
    this.#button.textContent = isKept ? words : `${words} (${strings.once(megabytes(bytes))})`;
    const notes = [!canKeep && strings.insecure, !isKept && savesData() && strings.saveData];
    this.#note.textContent = notes.filter(Boolean).join(" ");
    this.#note.hidden = this.#note.textContent === "";
    return true;
  }

  async #changeLanguage() {
    const wasOn = this.#turn !== null;
    this.#stop();
    this.#drop();
    await this.#showOffer();
    if (wasOn && (await this.#isKept())) await this.translatePage();
  }

  /** Translates the page, as a press of the button does: downloads what is missing. */
  async translatePage() {
    const { strings } = this.#ui;
    this.#stop();
    if (active !== null && active !== this) active.#yield();
    active = this;
    const turn = (this.#turn = new AbortController());
    this.#choice = this.#target;
    this.#button.textContent = strings.cancel;
    this.#note.hidden = true;
    this.#show("downloading", strings.starting);
    try {
      const translator = await this.#ready();
      if (!this.isConnected) this.#leave();
      if (turn.signal.aborted) return;
      this.#show("translating", strings.translating);
      await translator.translatePage(document, {
        signal: turn.signal,
        onProgress: ({ done, total }) => {
          if (this.state === "translating") this.#showProgress(done / total);
        },
        onBusy: (isBusy) => !isBusy && this.state === "translating" && this.#showTranslated(),
        onError: (error) => turn === this.#turn && this.#fail(error),
      });
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    }
  }

  /** Gives the page its original back and forgets the choice. */
  undo() {
    this.#stop();
    // Cancelled while it comes: nothing more is downloaded.
    if (!this.#made?.translator) this.#drop();
    this.#choice = null;
    void this.#showOffer();
  }

  #stop() {
    this.#turn?.abort(new DOMException("the visitor wants the original", "AbortError"));
    this.#turn = null;
    if (active === this) active = null;
    this.#tip?.watch(false);
    this.#showProgress(null);
  }

  /** Ends the engine, or what is to become one. */
  #drop() {
    this.#made?.end.abort();
    this.#made = null;
  }

  /** The engine for what is chosen: the one that is there, the one that comes, or a new one. */
  #ready() {
    if (this.#made?.key !== this.#key) {
      this.#drop();
      this.#made = this.#takeLeft() ?? this.#make();
    }
    return /** @type {Made} */ (this.#made).coming;
  }

  /** What a control that left the page had, where it is the right one. */
  #takeLeft() {
    if (left?.made.key !== this.#key) return null;
    const { made, engine } = left;
    left = null;
    if (engine) this.dataset.engine = engine;
    return made;
  }

  #make() {
    const end = new AbortController();
    /** @type {Made} */
    const made = { key: this.#key, end, coming: this.#create(end.signal), translator: null };
    made.coming.then(
      (translator) => (made.translator = translator),
      () => {
        if (this.#made === made) this.#made = null;
      },
    );
    return made;
  }

  /** @param {AbortSignal} signal ends it */
  async #create(signal) {
    const { strings } = this.#ui;
    const total = await Translator.downloadBytes(this.#pair);
    const engine = this.getAttribute("engine");
    return Translator.create({
      ...this.#pair,
      signal,
      // Where the browser's own translator does not start, ours is a question of its own.
      mostBytes: total,
      engine: engine === "cpu" || engine === "webgpu" ? engine : "auto",
      glossary: await this.#readGlossary(),
      onEngine: (report) => {
        if (report.isFinal) this.dataset.engine = report.name;
        this.dispatchEvent(new CustomEvent("traduko-engine", { detail: report }));
      },
      monitor: (monitor) => monitor.addEventListener("downloadprogress", (event) => {
        const { loaded } = /** @type {ProgressEvent} */ (event);
        if (this.state !== "downloading" || loaded === 0 || loaded === 1) return;
        this.#showProgress(loaded);
        // How much the browser's own translator downloads is not known.
        if (total > 0) this.#status.textContent = strings.downloading(megabytes(loaded * total), megabytes(total));
      }),
    });
  }

  /** @returns {Promise<Record<string, string>>} */
  async #readGlossary() {
    const address = this.getAttribute("glossary");
    if (!address) return {};
    const url = new URL(address, document.baseURI);
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url.pathname}: the server answered ${response.status}, expected a glossary`);
    try {
      const glossary = await response.json();
      if (glossary === null || typeof glossary !== "object" || Array.isArray(glossary)) throw new Error("no object");
      return glossary;
    } catch (error) {
      const wanted = 'expected JSON such as { "cargo": "cargo" }';
      throw new Error(`${url.pathname}: ${error instanceof Error ? error.message : error} (${wanted})`);
    }
  }

  #showTranslated() {
    const { strings } = this.#ui;
    this.#showProgress(null);
    this.#button.textContent = strings.undo;
    this.#tip?.watch(true);
    this.#show("translated", `${strings.translated(this.#nameOf(this.sourceLanguage))} ${strings.hover}`);
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#stop();
    const reason = error instanceof Error ? error.message : String(error);
    console.error("traduko:", error);
    this.#show("failed", this.#ui.strings.failed(reason));
    void this.#nameOffer();
  }

  /**
   * @param {State} state
   * @param {string} words
   */
  #show(state, words) {
    this.#status.textContent = words;
    if (this.dataset.state === state) return;
    this.dataset.state = state;
    this.dispatchEvent(new CustomEvent("traduko-state", { detail: { state }, bubbles: true }));
  }

  /** @param {number | null} share */
  #showProgress(share) {
    this.#progress.hidden = share === null;
    this.#progress.value = share ?? 0;
  }

  /** @param {string} language */
  #nameOf(language) {
    try {
      return new Intl.DisplayNames([this.#ui.language], { type: "language" }).of(language) ?? language;
    } catch {
      return language;
    }
  }

  /** @returns {string | null} the language chosen on this site */
  get #choice() {
    try {
      return localStorage.getItem(CHOICE);
    } catch {
      return null;
    }
  }

  set #choice(language) {
    try {
      if (language === null) localStorage.removeItem(CHOICE);
      else localStorage.setItem(CHOICE, language);
    } catch {
      // No storage for this site: the next page asks again.
    }
  }
}

/** @param {number} bytes */
function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}
