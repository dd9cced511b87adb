// @ts-check
/**
 * Translates a page in place: finds its blocks (blocks.js), writes translations into the nodes that are there
 * (rewrite.js), and gives the originals back.
 */

import { findBlocks } from "./blocks.js";
import { Rewriting } from "./rewrite.js";

/** @typedef {import("./blocks.js").Block} Block */
/** @typedef {import("./rewrite.js").Translation} Translation */

/** A page and its translation. One instance serves any number of turns there and back. */
export class TranslatedPage {
  /** @type {Rewriting[]} */ #rewritings = [];
  /** @type {string | null} */ #originalLang = null;
  #isTranslated = false;

  /**
   * Finds the page's text anew. The page's title counts as text.
   *
   * @param {string} language to translate from
   * @returns {Block[]}
   */
  open(language) {
    this.restore();
    const title = document.querySelector("head > title");
    return [...(title ? findBlocks(title, language) : []), ...findBlocks(document.body, language)];
  }

  /**
   * Writes one translation. A block that the page has changed meanwhile is the page's again.
   *
   * @param {Block} block
   * @param {Translation} translation
   * @param {string} language of the translation
   */
  write(block, translation, language) {
    if (!block.isAsRead()) return;
    if (!this.#isTranslated) {
      this.#originalLang = document.documentElement.getAttribute("lang");
      this.#isTranslated = true;
    }
    document.documentElement.lang = language;
    this.#rewritings.push(new Rewriting(block, translation));
  }

  /** Gives the originals back, except where the page has written since. */
  restore() {
    for (const rewriting of this.#rewritings.reverse()) rewriting.restore();
    this.#rewritings = [];
    if (!this.#isTranslated) return;
    this.#isTranslated = false;
    if (this.#originalLang === null) document.documentElement.removeAttribute("lang");
    else document.documentElement.setAttribute("lang", this.#originalLang);
  }
}
