// @ts-check
/** What is translated as one: a block of text or an attribute. */

import { RewrittenAttribute } from "./attributes.js";
import { isElement } from "./blocks.js";
import { Rewriting } from "./rewrite.js";

/** @typedef {import("./blocks.js").Block} Block */
/** @typedef {import("./attributes.js").ReadAttribute} ReadAttribute */
/** @typedef {import("./rewrite.js").Translation} Translation */
/** @typedef {import("./protocol.js").Source} Source */
/** @typedef {BlockUnit | AttributeUnit} Unit */

/** A block of text in a page. */
export class BlockUnit {
  /** @type {Block} */ #block;
  /** @type {Rewriting | null} */ #rewriting = null;
  /** Whether the memory was asked already. */
  isLookedUp = false;
  /** Whether its translation came. */
  isDone = false;

  /** @param {Block} block */
  constructor(block) {
    this.#block = block;
  }

  /** @type {Node} what its text belongs to */
  get owner() {
    return this.#block.parent;
  }

  /** @returns {Element | null} whose place in the window is its own */
  get anchor() {
    const { parent } = this.#block;
    const element = isElement(parent) ? parent : parent.host;
    return element.localName === "title" ? null : element;
  }

  /** @returns {Source} */
  get source() {
    const { text, spans } = this.#block;
    return spans.length === 0 ? text : { text, spans };
  }

  /** The original as a reader saw it. */
  get original() {
    const { text, spans, inlines } = this.#block;
    let original = text;
    for (let index = spans.length - 1; index >= 0; index--) {
      const { start, end } = spans[index];
      if (!inlines[index].isAtom || start === end || text[start] === "\n") continue;
      original = original.slice(0, start) + (inlines[index].element.textContent ?? "") + original.slice(end);
    }
    return original;
  }

  /** The elements whose children changed places. */
  get reordered() {
    return this.#rewriting?.reordered ?? [];
  }

  /**
   * Whether a node is one of its own, or inside one.
   *
   * @param {Node} node
   */
  holds(node) {
    return this.#block.nodes.some((own) => own.contains(node));
  }

  /** Whether the page has left it as it was read. */
  isAsRead() {
    return this.#block.isAsRead();
  }

  /** @param {Translation} translation */
  write(translation) {
    this.#rewriting = new Rewriting(this.#block, translation);
  }

  restore() {
    this.#rewriting?.restore();
    this.#rewriting = null;
  }
}

/** An attribute in a page. */
export class AttributeUnit {
  /** @type {ReadAttribute} */ #read;
  /** @type {RewrittenAttribute | null} */ #written = null;
  /** Whether the memory was asked already. */
  isLookedUp = false;
  /** Whether its translation came. */
  isDone = false;

  /** @param {ReadAttribute} read */
  constructor(read) {
    this.#read = read;
  }

  get owner() {
    return this.#read.element;
  }

  /** @returns {Element | null} */
  get anchor() {
    const { element } = this.#read;
    return element.localName === "meta" ? null : element;
  }

  get attribute() {
    return this.#read.attribute;
  }

  /** @returns {Source} */
  get source() {
    return this.#read.text;
  }

  isAsRead() {
    const { element, attribute, text } = this.#read;
    return element.getAttribute(attribute) === text;
  }

  /** @param {Translation} translation */
  write({ text }) {
    this.#written = new RewrittenAttribute(this.#read, text);
  }

  restore() {
    this.#written?.restore();
    this.#written = null;
  }
}
