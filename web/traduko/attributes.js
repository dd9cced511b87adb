// @ts-check
/** The attributes that people read or hear: which they are, and a translation in one of them. */

import { elementsIn } from "./blocks.js";

/** Attributes of any element. */
const ANYWHERE = ["title", "aria-label", "aria-description", "aria-placeholder", "aria-roledescription", "aria-valuetext"];

/** For some elements more of them, by selector. The value of a button with a name is what its form sends. */
const SOMEWHERE = [
  { selector: "img, area, input[type=image]", attribute: "alt" },
  { selector: "input, textarea", attribute: "placeholder" },
  { selector: "input[type=button], input[type=submit]:not([name]), input[type=reset]", attribute: "value" },
  { selector: "optgroup, track", attribute: "label" },
  {
    selector: ["description", "twitter:title", "twitter:description"].map((name) => `meta[name="${name}" i]`)
      .concat(["og:title", "og:description"].map((name) => `meta[property="${name}" i]`)).join(),
    attribute: "content",
  },
];

/** Attributes to watch for what a page writes. */
export const ATTRIBUTES = [...new Set([...ANYWHERE, ...SOMEWHERE.map(({ attribute }) => attribute)])];

const SELECTOR = [...ANYWHERE.map((attribute) => `[${attribute}]`), ...SOMEWHERE.map(({ selector }) => selector)].join();

/** @typedef {{ element: Element, attribute: string, text: string }} ReadAttribute */

/**
 * The attributes with words of `root` and all in it.
 *
 * @param {ParentNode & Node} root
 * @param {(element: Element) => boolean} isLeftAlone
 * @returns {ReadAttribute[]}
 */
export function findAttributes(root, isLeftAlone) {
  return elementsIn(root, SELECTOR).flatMap((element) => {
    const found = attributesOf(element).flatMap((attribute) => {
      const text = element.getAttribute(attribute) ?? "";
      return /\p{L}/u.test(text) ? [{ element, attribute, text }] : [];
    });
    return found.length > 0 && !isLeftAlone(element) ? found : [];
  });
}

/** @param {Element} element */
function attributesOf(element) {
  const more = SOMEWHERE.filter(({ selector }) => element.matches(selector));
  return [...ANYWHERE, ...more.map(({ attribute }) => attribute)];
}

/** A translation that stands in an attribute. */
export class RewrittenAttribute {
  /** @type {ReadAttribute} */ #read;
  /** @type {string} */ #written;

  /**
   * @param {ReadAttribute} read
   * @param {string} text
   */
  constructor(read, text) {
    this.#read = read;
    this.#written = text;
    read.element.setAttribute(read.attribute, text);
  }

  /** Gives the original back, except where the page has written since. */
  restore() {
    const { element, attribute, text } = this.#read;
    if (element.getAttribute(attribute) === this.#written) element.setAttribute(attribute, text);
  }
}
