// @ts-check
/**
 * Translates a page in place, keeps it translated while it changes, and gives the original back.
 *
 * The page is searched in short slices (blocks.js, attributes.js); what was found waits in a queue that puts first what
 * the visitor sees (visible-first.js); translations are written into the nodes that are there (rewrite.js). A
 * MutationObserver tells what the page does meanwhile: a write of the page makes new source, what it adds is
 * translated as it comes, what it takes away gets its original back. Open shadow roots and frames of the same origin
 * are searched as well.
 */

import { ATTRIBUTES, findAttributes } from "./attributes.js";
import { BlockFinder, elementsIn, isElement, isOutside } from "./blocks.js";
import { LanguageMarks } from "./language-marks.js";
import { AttributeUnit, BlockUnit } from "./units.js";
import { VisibleFirst } from "./visible-first.js";

/** @typedef {import("./protocol.js").Source} Source */
/** @typedef {import("./rewrite.js").Translation} Translation */
/** @typedef {import("./units.js").Unit} Unit */
/** @typedef {import("./translation-memory.js").TranslationMemory} TranslationMemory */
/** @typedef {Document | ShadowRoot | Element} Root */
/** @typedef {{ count: number, since: number, pause: number }} Writes */

/** How long the page waits for us at most, in one piece. */
const SLICE_MS = 12;
/** Texts sent at once: one at first, so that the first words change soon, then twice as many each time, up to this. */
const TEXTS_PER_CALL = 8;
/** Calls under way for each worker: the next one waits at its door. One more tells the pool that another worker has work. */
const CALLS_PER_WORKER = 2;
/** Texts looked up at once in what earlier pages left. */
const TEXTS_PER_LOOK = 64;
/** Past so many the translations of this page are forgotten: a clock in words never comes to an end. */
const MOST_KNOWN = 10_000;
/** Where a page writes the same place more often than this, it may argue with us: we wait, each time twice as long. */
const MOST_WRITES = { count: 60, within_ms: 2_000 };
const WATCHED = { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: [...ATTRIBUTES, "lang"] };

/**
 * @typedef {object} PageOptions
 * @property {Root} root what to translate
 * @property {string} source BCP 47
 * @property {string} target BCP 47
 * @property {(sources: Source[], options: { signal: AbortSignal }) => Promise<Translation[]>} translate
 * @property {() => number} workers how many of these calls run side by side
 * @property {TranslationMemory} [memory]
 * @property {(progress: { done: number, total: number }) => void} [onProgress] blocks and attributes
 * @property {(isBusy: boolean) => void} [onBusy] begins to translate, has translated all there is
 * @property {(error: unknown) => void} [onError] what has no translation by now gets none
 */

export class PageTranslator {
  /** @type {PageOptions} */ #options;
  /** @type {LanguageMarks} */ #marks;
  /** @type {BlockFinder} */ #finder;
  #queue = new VisibleFirst();
  /** @type {Set<Unit>} every unit there is */ #units = new Set();
  /** @type {WeakMap<Node, Set<Unit>>} by owner */ #unitsOf = new WeakMap();
  /** @type {Map<string, Translation>} */ #known = new Map();
  /** @type {{ root: Element | ShadowRoot, isAgain: boolean }[]} */ #toSearch = [];
  /** @type {WeakMap<Node, Map<string, Writes>>} by owner and attribute, "" for its text */ #writes = new WeakMap();
  /** @type {Set<Node>} */ #frames = new Set();
  #observer = new MutationObserver((records) => this.#hear(records));
  #stop = new AbortController();
  /** @type {Promise<void> | null} */ #work = null;
  #done = 0;

  /** @param {PageOptions} options */
  constructor(options) {
    this.#options = options;
    this.#marks = new LanguageMarks(options.source, options.target);
    this.#finder = new BlockFinder(options.source, {
      langOf: (element) => this.#marks.langOf(element),
      onReach: (node) => this.#release(node),
      onShadowRoot: (root) => this.#open(root),
      root: options.root,
    });
  }

  /**
   * Translates what is there, and from then on what comes. Resolves when all that was found is translated, rejects with
   * an `AbortError` where {@link restore} came first.
   */
  async start() {
    this.#open(this.#options.root);
    await this.#wake();
    this.#stop.signal.throwIfAborted();
  }

  /** Gives the original back, except where the page has written since, and ends. */
  restore() {
    this.#stop.abort();
    this.#hear(this.#observer.takeRecords());
    this.#observer.disconnect();
    this.#queue.clear();
    for (const frame of this.#frames) frame.removeEventListener("load", this.#onFrame);
    for (const unit of [...this.#units].reverse()) unit.restore();
    this.#units.clear();
    this.#marks.restore();
  }

  /**
   * The original of the text at a node, or null where nothing was translated.
   *
   * @param {Node} node
   * @returns {string | null}
   */
  originalAt(node) {
    this.#finder.refresh();
    const container = this.#finder.containerOf(node);
    for (let at = /** @type {Node | null} */ (node); at; at = at === container ? null : at.parentNode) {
      const units = this.#blocksOf(at).filter((unit) => !unit.isAsRead());
      const own = units.find((unit) => unit.holds(node));
      if (own) return own.original;
      if (units.length > 0) return units.map((unit) => unit.original).join("\n");
    }
    return null;
  }

  /** @param {Root} root */
  #open(root) {
    const node = root.nodeType === Node.DOCUMENT_NODE ? /** @type {Document} */ (root).documentElement : root;
    this.#observer.observe(node, WATCHED);
    this.#search(/** @type {Element | ShadowRoot} */ (node), false);
  }

  /**
   * @param {Element | ShadowRoot} root
   * @param {boolean} isAgain
   */
  #search(root, isAgain) {
    this.#toSearch.push({ root, isAgain });
    void this.#wake().catch(() => {});
  }

  /**
   * Works until there is nothing left.
   *
   * @returns {Promise<void>}
   */
  #wake() {
    if (this.#stop.signal.aborted) return Promise.resolve();
    let hasFailed = false;
    this.#work ??= this.#run()
      .catch((error) => {
        hasFailed = true;
        this.#options.onError?.(error);
        throw error;
      })
      .finally(() => {
        this.#work = null;
        if (this.#stop.signal.aborted) return;
        // What came just before the end woke nobody; after a fault it waits for what the page does next.
        if (!hasFailed && (this.#toSearch.length > 0 || this.#queue.size > 0)) return this.#wake();
        this.#options.onBusy?.(false);
      });
    return this.#work;
  }

  async #run() {
    const { signal } = this.#stop;
    /** @type {Set<Promise<void>>} */
    const calls = new Set();
    let textsPerCall = 1;
    /** @type {unknown} */
    let fault = null;
    this.#options.onBusy?.(true);
    // The caller's script goes on first, and writes of one turn are searched together.
    await rest();
    while (!signal.aborted && fault === null) {
      if (this.#toSearch.length > 0) {
        await this.#searchAll();
        await frameDrawn();
        continue;
      }
      const unseen = this.#queue.take(TEXTS_PER_LOOK, (unit) => !unit.isLookedUp);
      if (unseen.length > 0) {
        // A page that answers each of these writes at once would else hold up everything.
        if (await this.#lookUp(unseen)) await rest();
        continue;
      }
      if (this.#queue.size === 0 && calls.size === 0) {
        if (this.#known.size > MOST_KNOWN) this.#known.clear();
        return;
      }
      if (calls.size <= CALLS_PER_WORKER * this.#options.workers() && this.#queue.size > 0) {
        const call = this.#translate(this.#queue.take(textsPerCall, () => true))
          .catch((error) => void (fault ??= error))
          .finally(() => calls.delete(call));
        calls.add(call);
        textsPerCall = Math.min(2 * textsPerCall, TEXTS_PER_CALL);
        continue;
      }
      await Promise.race(calls);
    }
    if (fault !== null && !signal.aborted) throw fault;
  }

  async #searchAll() {
    let deadline = performance.now() + SLICE_MS;
    for (let next = this.#toSearch.shift(); next; next = this.#toSearch.shift()) {
      const { root, isAgain } = next;
      if (!root.isConnected) continue;
      const search = this.#finder.find(root, isAgain);
      /** @type {Map<Node, boolean>} one reading of a parent, however many blocks it has */
      const argued = new Map();
      for (;;) {
        const { done, value } = this.#quietly(() => search.next());
        if (done) break;
        if (value && !argued.has(value.parent)) argued.set(value.parent, this.#isArgued(value.parent));
        if (value && !argued.get(value.parent)) this.#add(new BlockUnit(value));
        if (performance.now() > deadline) {
          await rest();
          if (this.#stop.signal.aborted) return;
          deadline = performance.now() + SLICE_MS;
        }
      }
      if (!isAgain) this.#openInside(root);
    }
  }

  /**
   * Attributes and frames in what was added to the page.
   *
   * @param {Element | ShadowRoot} root
   */
  #openInside(root) {
    for (const read of findAttributes(root, (element) => this.#finder.isLeftAlone(element))) {
      const isKnown = this.#attributeUnits(read.element).some(({ attribute }) => attribute === read.attribute);
      if (!isKnown) this.#add(new AttributeUnit(read));
    }
    for (const element of elementsIn(root, ":not(:defined)")) {
      void customElements.whenDefined(element.localName).then(() => {
        if (element.shadowRoot && element.isConnected && !this.#stop.signal.aborted) this.#open(element.shadowRoot);
      });
    }
    for (const frame of /** @type {HTMLIFrameElement[]} */ (elementsIn(root, "iframe"))) {
      if (this.#frames.has(frame) || this.#finder.isLeftAlone(frame)) continue;
      this.#frames.add(frame);
      frame.addEventListener("load", this.#onFrame);
      this.#openFrame(frame);
    }
  }

  /** @param {Event} event */
  #onFrame = (event) => {
    this.#forgetDocuments();
    this.#openFrame(/** @type {HTMLIFrameElement} */ (event.currentTarget));
  };

  /** Lets go of the documents that no frame shows any more. */
  #forgetDocuments() {
    for (const unit of this.#units) if (!unit.owner.ownerDocument?.defaultView) this.#quietly(() => this.#drop(unit));
  }

  /** @param {HTMLIFrameElement} frame */
  #openFrame(frame) {
    try {
      if (frame.contentDocument?.body?.hasChildNodes()) this.#open(frame.contentDocument);
    } catch {
      // Another origin: its pages are its own.
    }
  }

  /** @param {Unit} unit */
  #add(unit) {
    const { owner } = unit;
    if (unit instanceof AttributeUnit && this.#isArgued(owner, unit.attribute)) return;
    const units = this.#unitsOf.get(owner) ?? new Set();
    this.#unitsOf.set(owner, units.add(unit));
    this.#units.add(unit);
    this.#queue.add(unit);
    this.#report();
  }

  /**
   * Counts a reading of an owner's text, or of one of its attributes; tells whether the page is to be left alone with it.
   *
   * @param {Node} owner
   * @param {string} [attribute]
   */
  #isArgued(owner, attribute = "") {
    const now = performance.now();
    const { count, within_ms } = MOST_WRITES;
    const places = this.#writes.get(owner) ?? new Map();
    /** @type {Writes} */
    const writes = places.get(attribute) ?? { count: 0, since: now, pause: within_ms };
    this.#writes.set(owner, places.set(attribute, writes));
    if (writes.count <= count && now - writes.since > within_ms) Object.assign(writes, { count: 0, since: now });
    writes.count++;
    if (writes.count === count + 1) {
      setTimeout(() => {
        Object.assign(writes, { count: 0, since: performance.now(), pause: 2 * writes.pause });
        if (!owner.isConnected || this.#stop.signal.aborted) return;
        if (attribute !== "") return this.#hearAttribute(/** @type {Element} */ (owner), attribute);
        this.#finder.refresh();
        const container = this.#finder.containerOf(owner);
        if (container) this.#search(container, true);
      }, writes.pause);
    }
    return writes.count > count;
  }

  /** @param {Element} element @returns {AttributeUnit[]} */
  #attributeUnits(element) {
    return [...(this.#unitsOf.get(element) ?? [])].filter((unit) => unit instanceof AttributeUnit);
  }

  /**
   * Gives the text of a node its original back: it is about to be read anew.
   *
   * @param {Node} owner
   */
  #release(owner) {
    for (const unit of this.#blocksOf(owner)) this.#drop(unit);
  }

  /** @param {Node} owner @returns {BlockUnit[]} */
  #blocksOf(owner) {
    return [...(this.#unitsOf.get(owner) ?? [])].filter((unit) => unit instanceof BlockUnit);
  }

  /** @param {Unit} unit */
  #drop(unit) {
    this.#queue.delete(unit);
    if (this.#units.delete(unit) && unit.isDone) this.#done--;
    this.#unitsOf.get(unit.owner)?.delete(unit);
    unit.restore();
  }

  /**
   * Writes what is known already; tells whether there was any.
   *
   * @param {Unit[]} units
   */
  async #lookUp(units) {
    for (const unit of units) unit.isLookedUp = true;
    const sources = units.map((unit) => unit.source);
    const known = sources.map((source) => this.#known.get(keyOf(source)));
    const asked = sources.filter((_, index) => !known[index]);
    const kept = this.#options.memory ? await this.#options.memory.read(asked) : asked.map(() => undefined);
    if (this.#stop.signal.aborted) return false;
    /** @type {{ unit: Unit, translation: Translation }[]} */
    const found = [];
    units.forEach((unit, index) => {
      const translation = known[index] ?? kept.shift();
      if (translation) found.push({ unit, translation });
      else if (this.#units.has(unit)) this.#queue.add(unit);
    });
    await this.#writeAll(found);
    return found.length > 0;
  }

  /** @param {Unit[]} units */
  async #translate(units) {
    /** @type {Map<string, Source>} each text once */
    const sources = new Map(units.map((unit) => [keyOf(unit.source), unit.source]));
    for (const key of sources.keys()) if (this.#known.has(key)) sources.delete(key);
    const asked = [...sources.values()];
    if (asked.length > 0) {
      const translations = await this.#options.translate(asked, { signal: this.#stop.signal }).catch((error) => {
        // They wait for the next attempt, which whatever the page does next begins.
        for (const unit of units) if (this.#units.has(unit)) this.#queue.add(unit);
        throw error;
      });
      asked.forEach((source, index) => this.#known.set(keyOf(source), translations[index]));
      void this.#options.memory?.write(asked, translations);
    }
    await this.#writeAll(units.flatMap((unit) => {
      const translation = this.#known.get(keyOf(unit.source));
      return translation ? [{ unit, translation }] : [];
    }));
  }

  /** @param {{ unit: Unit, translation: Translation }[]} written */
  async #writeAll(written) {
    let deadline = performance.now() + SLICE_MS;
    for (const { unit, translation } of written) {
      if (performance.now() > deadline) {
        await rest();
        deadline = performance.now() + SLICE_MS;
      }
      if (this.#stop.signal.aborted) return;
      // Whatever the page did in this turn comes first, and may have taken the unit away.
      this.#hear(this.#observer.takeRecords());
      if (!this.#units.has(unit)) continue;
      if (unit.isAsRead()) this.#quietly(() => this.#write(unit, translation));
      unit.isDone = true;
      this.#done++;
      this.#report();
    }
  }

  /**
   * @param {Unit} unit
   * @param {Translation} translation
   */
  #write(unit, translation) {
    unit.write(translation);
    const { root } = this.#options;
    const document = /** @type {Document} */ (unit.owner.ownerDocument);
    this.#marks.mark(unit.owner, isElement(root) && root.ownerDocument === document ? root : document.documentElement);
  }

  /**
   * Runs `act` without hearing of what it does to the page.
   *
   * @template T
   * @param {() => T} act
   * @returns {T}
   */
  #quietly(act) {
    const before = this.#observer.takeRecords();
    try {
      return act();
    } finally {
      this.#observer.takeRecords();
      if (before.length > 0) this.#hear(before);
    }
  }

  /**
   * What the page did.
   *
   * @param {MutationRecord[]} records
   */
  #hear(records) {
    if (records.length === 0) return;
    /** @type {Set<Element | ShadowRoot>} */
    const changed = new Set();
    /** @type {Map<Node, Element | ShadowRoot | null>} */
    const containers = new Map();
    /** @type {Set<Node>} whose elements had changed places */
    const reordered = new Set();
    this.#finder.refresh();
    for (const record of records) {
      const { type, target, attributeName } = record;
      if (type === "attributes" && attributeName === "lang") {
        this.#quietly(() => this.#marks.hear(/** @type {Element} */ (target)));
        continue;
      }
      if (type === "attributes") {
        this.#hearAttribute(/** @type {Element} */ (target), attributeName ?? "");
        continue;
      }
      for (const node of record.removedNodes) if (!node.isConnected) this.#forget(node);
      for (const node of record.addedNodes) if (isElement(node) && node.isConnected) this.#openInside(node);
      if (!target.isConnected || isOutside(target)) continue;
      let container = containers.get(target);
      if (container === undefined) containers.set(target, (container = this.#finder.containerOf(target)));
      this.#quietly(() => {
        for (let node = /** @type {Node | null} */ (target); node; node = node.parentNode) {
          for (const unit of this.#blocksOf(node)) {
            for (const parent of unit.reordered) reordered.add(parent);
            this.#drop(unit);
          }
          if (node === container) break;
        }
        if (reordered.has(target)) replay(record);
      });
      if (container) changed.add(container);
    }
    for (const container of changed) this.#search(container, true);
  }

  /**
   * @param {Element} element
   * @param {string} attribute
   */
  #hearAttribute(element, attribute) {
    for (const unit of this.#attributeUnits(element)) {
      if (unit.attribute === attribute) this.#quietly(() => this.#drop(unit));
    }
    const isLeftAlone = (/** @type {Element} */ other) => other !== element || this.#finder.isLeftAlone(other);
    for (const read of findAttributes(element, isLeftAlone)) {
      if (read.attribute === attribute) this.#add(new AttributeUnit(read));
    }
    void this.#wake().catch(() => {});
  }

  /**
   * What left the page is as it was, should the page bring it back.
   *
   * @param {Node} node
   */
  #forget(node) {
    const walker = document.createTreeWalker(node, NodeFilter.SHOW_ELEMENT);
    for (let at = /** @type {Node | null} */ (node); at; at = walker.nextNode()) {
      for (const unit of [...(this.#unitsOf.get(at) ?? [])]) this.#quietly(() => this.#drop(unit));
      this.#finder.forget(at);
      if (this.#frames.delete(at)) {
        at.removeEventListener("load", this.#onFrame);
        this.#forgetDocuments();
      }
      if (isElement(at) && at.shadowRoot) this.#forget(at.shadowRoot);
    }
  }

  #report() {
    this.#options.onProgress?.({ done: this.#done, total: this.#units.size });
  }
}

/** @param {Source} source */
function keyOf(source) {
  return typeof source === "string" ? source : JSON.stringify(source);
}

/**
 * Puts what the page inserted before an element beside that element again, now that it has gone back to its own place.
 *
 * @param {MutationRecord} record
 */
function replay({ target, addedNodes, nextSibling }) {
  if (nextSibling?.parentNode !== target) return;
  for (const node of addedNodes) {
    if (node.parentNode === target && node.nextSibling !== nextSibling) target.insertBefore(node, nextSibling);
  }
}

/** Lets the page go on. */
function rest() {
  const { scheduler } = /** @type {any} */ (globalThis);
  return scheduler?.yield ? scheduler.yield() : new Promise((resolve) => setTimeout(resolve, 0));
}

/** The next frame is drawn, which is when it is known what is visible; a hidden page draws none. */
function frameDrawn() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve, 0));
    setTimeout(resolve, 100);
  });
}
