// @ts-check
/** `lang` and `dir` of the elements whose words were translated, there and back. */

import { primary } from "./catalog.js";

/** Languages written from right to left. */
const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "syr", "ug", "ur", "yi"]);

export class LanguageMarks {
  /** @type {string} */ #source;
  /** @type {string} */ #target;
  /** @type {string | null} what `dir` becomes, where the two languages differ in it */ #dir;
  /** @type {Map<Element, { lang: string | null, dir: string | null }>} what the owner wrote */ #originals = new Map();

  /**
   * @param {string} source BCP 47
   * @param {string} target BCP 47
   */
  constructor(source, target) {
    [this.#source, this.#target] = [source, target];
    const [from, to] = [source, target].map((language) => (RIGHT_TO_LEFT.has(primary(language)) ? "rtl" : "ltr"));
    this.#dir = from === to ? null : to;
  }

  /**
   * The language that the page's owner wrote at an element.
   *
   * @param {Element} element
   */
  langOf(element) {
    return this.#isOurs(element) ? this.#originals.get(element)?.lang ?? null : element.getAttribute("lang");
  }

  /**
   * Marks the element that says which language `node` is in; `root` where none in it does.
   *
   * @param {Node} node
   * @param {Element} root
   */
  mark(node, root) {
    const element = /** @type {Element} */ (node.nodeType === Node.ELEMENT_NODE ? node : /** @type {ShadowRoot} */ (node).host);
    const closest = element.closest("[lang]");
    const marked = closest && root.contains(closest) ? closest : root;
    if (!this.#isOurs(marked)) this.#write(marked);
  }

  /**
   * Marks an element again where the page has written its own language over the mark.
   *
   * @param {Element} element
   */
  hear(element) {
    if (!this.#originals.has(element) || this.#isOurs(element)) return;
    if (primary(element.getAttribute("lang") ?? "") === primary(this.#source)) this.#write(element);
  }

  /** @param {Element} element */
  #isOurs(element) {
    return this.#originals.has(element) && element.getAttribute("lang") === this.#target;
  }

  /** @param {Element} marked */
  #write(marked) {
    const { dir } = this.#originals.get(marked) ?? { dir: marked.getAttribute("dir") };
    this.#originals.set(marked, { lang: marked.getAttribute("lang"), dir });
    marked.setAttribute("lang", this.#target);
    if (this.#dir !== null) marked.setAttribute("dir", this.#dir);
  }

  restore() {
    for (const [element, { lang, dir }] of this.#originals) {
      // What the page has written since stays.
      if (this.#isOurs(element)) put(element, "lang", lang);
      if (this.#dir !== null && element.getAttribute("dir") === this.#dir) put(element, "dir", dir);
    }
    this.#originals.clear();
  }
}

/**
 * @param {Element} element
 * @param {string} attribute
 * @param {string | null} value
 */
function put(element, attribute, value) {
  if (value === null) element.removeAttribute(attribute);
  else if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
}
