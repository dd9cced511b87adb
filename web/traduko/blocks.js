// @ts-check
/**
 * Finds the blocks of text in a page: runs of neighbouring nodes that a reader takes for one text, with the
 * inline elements inside them. What stands in a block's text for an element, and what is left alone, is decided
 * here; how a translation gets back into the nodes is in rewrite.js. Nothing here asks for a class by `instanceof`:
 * a frame has classes of its own.
 */

import { primary } from "./catalog.js";

/** Elements that are no language, or not the page's to change: inside a sentence they are a word of their own. */
const NAMES = ["CODE", "KBD", "SAMP", "VAR", "MATH", "PRE"];
/** Fields to fill in: a word of their own between words, nothing at the end of a text such as a label. */
const FIELDS = new Set(["INPUT", "SELECT", "TEXTAREA", "METER", "PROGRESS", "OUTPUT"]);
/** Elements that a sentence is read past. */
const SILENT = new Set(
  ["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "LINK", "META", "IMG", "PICTURE", "SVG", "CANVAS", "AUDIO", "VIDEO",
    "OBJECT", "EMBED", "IFRAME", "MAP", "WBR", "RP", "RT", "DATALIST", "TRADUKO-TRANSLATE"],
);
const LEFT_ALONE = new Set([...NAMES, ...FIELDS, ...SILENT]);
/** Elements that flow with the text around them where they have no box that would say so. */
const INLINE = new Set(
  ["A", "ABBR", "ACRONYM", "B", "BDI", "BDO", "BIG", "BR", "CITE", "DATA", "DEL", "DFN", "EM", "FONT", "I", "INS",
    "LABEL", "MARK", "Q", "S", "SLOT", "SMALL", "SPAN", "STRIKE", "STRONG", "SUB", "SUP", "TIME", "TT", "U",
    ...LEFT_ALONE],
);
INLINE.delete("PRE");

/** Stands in a text for a word of its own; see `ATOM` in crates/translator. */
export const ATOM = "\ufffc";

/**
 * @typedef {{ start: number, end: number, parent?: number }} Span
 *
 * @typedef {object} Inline an element inside a block
 * @property {Element} element
 * @property {Node | null} around its parent
 * @property {boolean} isAtom whether its inside is left alone
 * @property {boolean} isSilent whether it has no part in the text
 * @property {boolean} hasSpaceBefore whether white space stands before it
 * @property {boolean} hasSpaceAfter whether white space stands behind it
 *
 * @typedef {object} Block
 * @property {Element | ShadowRoot} parent
 * @property {ChildNode[]} nodes neighbours in `parent`
 * @property {string} text white space as HTML shows it: one space, none at the ends
 * @property {Span[]} spans the elements in `text`, in the order of `inlines`
 * @property {Inline[]} inlines
 * @property {() => boolean} isAsRead whether the page has left its nodes as they were read
 */

/**
 * The blocks under `root`, in document order.
 *
 * @param {Element | ShadowRoot} root
 * @param {string} language the language to translate from: text marked as another is left alone
 * @returns {Block[]}
 */
export function findBlocks(root, language) {
  return [...new BlockFinder(language).find(root)].filter((block) => block !== null);
}

/** @param {Node} node @returns {node is Element} in whatever frame it lives */
export function isElement(node) {
  return node.nodeType === Node.ELEMENT_NODE;
}

/** @param {Node} node @returns {node is Text} */
export function isText(node) {
  return node.nodeType === Node.TEXT_NODE;
}

/**
 * What a selector fits among the elements in `root` and `root` itself.
 *
 * @param {ParentNode & Node} root
 * @param {string} selector
 * @returns {Element[]}
 */
export function elementsIn(root, selector) {
  return [...(isElement(root) && root.matches(selector) ? [root] : []), ...root.querySelectorAll(selector)];
}

/**
 * Whether no text inside a node is read: it is in a script, in code, in a field, ...
 *
 * @param {Node} node
 */
export function isOutside(node) {
  for (let at = /** @type {Node | null} */ (node); at; at = at.parentNode) {
    if (isElement(at) && keepsText(at)) return true;
  }
  return false;
}

/**
 * Whether the text in an element stays. That of an option without a value is what its form sends.
 *
 * @param {Element} element
 */
function keepsText(element) {
  if (name(element) === "OPTION") return !element.hasAttribute("value");
  return LEFT_ALONE.has(name(element)) && name(element) !== "SELECT";
}

/** @param {Element} element */
function name(element) {
  return element.tagName.toUpperCase();
}

/**
 * @typedef {object} FinderOptions
 * @property {(element: Element) => string | null} [langOf] the language that the page's owner wrote at an element
 * @property {(node: Element | ShadowRoot) => void} [onReach] hears of every element before anything in it is read
 * @property {(root: ShadowRoot) => void} [onShadowRoot] takes them over; without it they are searched as well
 * @property {Node} [root] no text inside it is a part of one outside
 */

/** Finds blocks, again and again as a page changes. */
export class BlockFinder {
  /** @type {string} */ #language;
  /** @type {FinderOptions & Required<Pick<FinderOptions, "langOf" | "onReach">>} */ #options;
  /** @type {Map<Element, boolean>} */ #inline = new Map();
  /** @type {WeakSet<Node>} whose own text was read */ #visited = new WeakSet();

  /**
   * @param {string} language to translate from: text marked as another is left alone
   * @param {FinderOptions} [options]
   */
  constructor(language, options = {}) {
    this.#language = primary(language);
    this.#options = {
      langOf: (element) => element.getAttribute("lang"),
      onReach: () => {},
      ...options,
    };
  }

  /**
   * The blocks under `root`, and a `null` for each element on the way, where a caller may rest.
   *
   * @param {Element | ShadowRoot} root
   * @param {boolean} [isAgain] whether to read only `root`'s own text and what in it was never visited
   * @returns {Generator<Block | null, void>}
   */
  *find(root, isAgain = false) {
    this.refresh();
    yield* this.#visit(root, this.isLeftAlone(root), isAgain);
  }

  /** Forgets what is inline: the page has changed. */
  refresh() {
    this.#inline.clear();
  }

  /**
   * The element or root whose own text `node` is a part of.
   *
   * @param {Node} node
   * @returns {Element | ShadowRoot | null}
   */
  containerOf(node) {
    let parent = isText(node) ? node.parentNode : node;
    const { root } = this.#options;
    while (parent && isElement(parent) && parent !== root && parent.parentNode && this.#isInline(parent)) {
      parent = parent.parentNode;
    }
    return /** @type {Element | ShadowRoot | null} */ (parent);
  }

  /** @param {Node} node that the page took away */
  forget(node) {
    this.#visited.delete(node);
  }

  /**
   * Whether a node and what is inside it stays as it is.
   *
   * @param {Node} node
   * @returns {boolean}
   */
  isLeftAlone(node) {
    if (!isElement(node)) return "host" in node && this.isLeftAlone(/** @type {ShadowRoot} */ (node).host);
    return this.#leaves(node) ?? (node.parentNode !== null && this.isLeftAlone(node.parentNode));
  }

  /**
   * What an element itself says about being left alone.
   *
   * @param {Element} element
   * @returns {boolean | undefined}
   */
  #leaves(element) {
    const translate = element.getAttribute("translate")?.toLowerCase();
    if (translate === "yes" || translate === "") return false;
    if (translate === "no" || element.classList.contains("notranslate")) return true;
    if (/** @type {HTMLElement} */ (element).isContentEditable) return true;
    const lang = this.#options.langOf(element);
    return lang ? primary(lang) !== this.#language : undefined;
  }

  /**
   * @param {Element | ShadowRoot} element
   * @param {boolean} isSkipped
   * @param {boolean} isAgain
   * @returns {Generator<Block | null, void>}
   */
  *#visit(element, isSkipped, isAgain) {
    this.#visited.add(element);
    this.#options.onReach(element);
    yield null;
    /** @type {ChildNode[]} */
    let run = [];
    for (const child of [...element.childNodes]) {
      if (!isElement(child) || this.#isInline(child)) {
        run.push(child);
        continue;
      }
      if (!isSkipped) yield* this.#close(element, run, isAgain);
      run = [];
      if (LEFT_ALONE.has(name(child)) || (isAgain && this.#visited.has(child))) continue;
      yield* this.#visit(child, this.#leaves(child) ?? isSkipped, isAgain);
    }
    if (!isSkipped) yield* this.#close(element, run, isAgain);
    if (!isElement(element) || !element.shadowRoot) return;
    if (isAgain && this.#visited.has(element.shadowRoot)) return;
    if (this.#options.onShadowRoot) this.#options.onShadowRoot(element.shadowRoot);
    else yield* this.#visit(element.shadowRoot, isSkipped, isAgain);
  }

  /**
   * A run of inline nodes becomes a block, or one block for each of its elements where all its words are in several:
   * a row of links is no sentence.
   *
   * @param {Element | ShadowRoot} parent
   * @param {ChildNode[]} run
   * @param {boolean} isAgain
   * @returns {Generator<Block | null, void>}
   */
  *#close(parent, run, isAgain) {
    // The page may have moved on while the caller rested.
    const nodes = run.filter((node) => node.parentNode === parent);
    const elements = nodes.filter(isElement);
    const inside = elements.flatMap((element) => [element, ...element.querySelectorAll("*")]);
    inside.forEach((element) => this.#options.onReach(element));
    const isBare = nodes.every((node) => !isText(node) || !/[\p{L}\p{N}]/u.test(node.data));
    const speaking = elements.filter((element) => !this.#isAtom(element) && hasWords(element));
    const isRow = isBare && speaking.length > 1;
    if (!isRow && nodes.length > 0) {
      const block = new Reader(this.#isAtom.bind(this)).read(parent, nodes);
      if (/\p{L}/u.test(block.text)) yield block;
    }
    for (const element of elements) {
      if (isRow && speaking.includes(element)) yield* this.#visit(element, this.#leaves(element) ?? false, isAgain);
      else yield* this.#visitOptions(element, isAgain);
    }
  }

  /**
   * The options of the selects in an element, or of itself.
   *
   * @param {Element} element
   * @param {boolean} isAgain
   * @returns {Generator<Block | null, void>}
   */
  *#visitOptions(element, isAgain) {
    for (const select of /** @type {HTMLSelectElement[]} */ (elementsIn(element, "select"))) {
      if (this.isLeftAlone(select)) continue;
      for (const option of select.options) {
        if (!keepsText(option)) yield* this.#visit(option, this.#leaves(option) ?? false, isAgain);
      }
    }
  }

  /**
   * Whether an element's inside is left alone though it stands in a sentence.
   *
   * @param {Element} element
   */
  #isAtom(element) {
    return LEFT_ALONE.has(name(element)) || name(element) === "BR" || this.#leaves(element) === true;
  }

  /**
   * Whether an element and all that is inside it flow with the text around them.
   *
   * @param {Element} element
   * @returns {boolean}
   */
  #isInline(element) {
    let isInline = this.#inline.get(element);
    if (isInline === undefined) {
      isInline = flows(element) && (this.#isAtom(element) || this.#isInlineInside(element));
      this.#inline.set(element, isInline);
    }
    return isInline;
  }

  /** @param {Element} element */
  #isInlineInside(element) {
    return element.shadowRoot === null && [...element.children].every((child) => this.#isInline(child));
  }
}

/** @param {Element} element */
function hasWords(element) {
  return /\p{L}/u.test(element.textContent ?? "");
}

/** @param {Element} element */
function flows(element) {
  // A document of a parser has no window, and its elements no boxes.
  const display = element.ownerDocument.defaultView?.getComputedStyle(element).display ?? "";
  // Without a box nothing says how it would flow.
  if (display === "none" || display === "contents" || display === "") return INLINE.has(name(element));
  return /^(inline|ruby|math)/u.test(display);
}

/** Reads a run of nodes into one text. */
class Reader {
  /** @type {(element: Element) => boolean} */ #isAtom;
  #text = "";
  /** @type {{ node: Text, data: string, around: Node | null }[]} */ #texts = [];
  /** @type {Span[]} */ #spans = [];
  /** @type {Inline[]} */ #inlines = [];
  /** Elements that ended, or took no room, since the last character: what follows decides about the space behind them. */
  /** @type {Inline[]} */ #ended = [];
  #hasSpace = true;

  /** @param {(element: Element) => boolean} isAtom */
  constructor(isAtom) {
    this.#isAtom = isAtom;
  }

  /**
   * @param {Element | ShadowRoot} parent
   * @param {ChildNode[]} nodes
   * @returns {Block}
   */
  read(parent, nodes) {
    this.#readAll(nodes, undefined);
    this.#inlines.forEach(({ element }, index) => {
      if (FIELDS.has(name(element)) && this.#isAtAnEnd(this.#spans[index])) this.#cut(this.#spans[index]);
    });
    const text = this.#text.replace(/[ \n]+$/u, "");
    const spans = this.#spans.map(({ start, end, ...rest }) => (
      { start: Math.min(start, text.length), end: Math.min(end, text.length), ...rest }
    ));
    spans.forEach(({ start, end }, index) => (this.#inlines[index].isSilent = start === end));
    const [texts, inlines] = [this.#texts, this.#inlines];
    const isAsRead = () => (
      texts.every(({ node, data, around }) => node.data === data && node.parentNode === around)
        && inlines.every(({ element, around }) => element.parentNode === around)
    );
    return { parent, nodes, text, spans, inlines, isAsRead };
  }

  /** @param {Span} span */
  #isAtAnEnd({ start, end }) {
    return ![this.#text.slice(0, start), this.#text.slice(end)].every((side) => /\p{L}/u.test(side));
  }

  /**
   * Takes the text of a span out, and a space that would then stand beside another.
   *
   * @param {Span} cut
   */
  #cut({ start, end }) {
    const isDouble = /(^| )$/u.test(this.#text.slice(0, start)) && this.#text[end] === " ";
    const to = isDouble ? end + 1 : end;
    this.#text = this.#text.slice(0, start) + this.#text.slice(to);
    const moved = (/** @type {number} */ at) => (at <= start ? at : Math.max(start, at - (to - start)));
    for (const span of this.#spans) [span.start, span.end] = [moved(span.start), moved(span.end)];
  }

  /**
   * @param {Iterable<ChildNode>} nodes
   * @param {number | undefined} parent
   */
  #readAll(nodes, parent) {
    for (const node of nodes) {
      if (isText(node)) {
        this.#texts.push({ node, data: node.data, around: node.parentNode });
        this.#append(node.data);
      }
      if (isElement(node)) this.#readElement(node, parent);
    }
  }

  /** @param {string} data */
  #append(data) {
    for (const [index, part] of data.split(/[ \t\n\r\f]+/u).entries()) {
      if (index > 0) {
        if (!this.#hasSpace) this.#text += " ";
        this.#hasSpace = true;
        for (const inline of this.#ended) inline.hasSpaceAfter = true;
        this.#ended = [];
      }
      if (part !== "") this.#write(part);
    }
  }

  /** @param {string} characters */
  #write(characters) {
    this.#text += characters;
    this.#hasSpace = false;
    this.#ended = [];
  }

  /**
   * @param {Element} element
   * @param {number | undefined} parent
   */
  #readElement(element, parent) {
    const isAtom = this.#isAtom(element);
    const inline = {
      element,
      around: element.parentNode,
      isAtom,
      isSilent: false,
      hasSpaceBefore: this.#hasSpace && this.#text !== "",
      hasSpaceAfter: false,
    };
    const index = this.#spans.length;
    const span = { start: this.#text.length, end: 0, ...(parent !== undefined && { parent }) };
    this.#spans.push(span);
    this.#inlines.push(inline);
    if (!isAtom) {
      this.#readAll(element.childNodes, index);
    } else if (name(element) === "BR") {
      this.#write("\n");
      this.#hasSpace = true;
    } else if (!SILENT.has(name(element))) {
      this.#write(ATOM);
    }
    span.end = this.#text.length;
    this.#ended.push(inline);
  }
}
