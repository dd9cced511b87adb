// @ts-check
/**
 * Finds the blocks of text in a page: runs of neighbouring nodes that a reader takes for one text, with the
 * inline elements inside them. What stands in a block's text for an element, and what is left alone, is decided
 * here; how a translation gets back into the nodes is in rewrite.js.
 */

/** Elements that are no language, or not the page's to change: inside a sentence they are a word of their own. */
const NAMES = ["CODE", "KBD", "SAMP", "VAR", "MATH", "PRE"];
/** Fields to fill in: a word of their own between words, nothing at the end of a text such as a label. */
const FIELDS = new Set(["INPUT", "SELECT", "TEXTAREA", "METER", "PROGRESS", "OUTPUT"]);
/** Elements that a sentence is read past. */
const SILENT = new Set(
  ["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "LINK", "META", "IMG", "PICTURE", "SVG", "CANVAS", "AUDIO", "VIDEO",
    "OBJECT", "EMBED", "IFRAME", "MAP", "WBR", "RP", "RT", "DATALIST"],
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
  const finder = new Finder(language);
  const isSkipped = root instanceof Element && isLeftAlone(root, language, isInheritedAlone(root, language));
  finder.visit(root, isSkipped);
  return finder.blocks;
}

/**
 * Whether `element` and what is inside it stays as it is.
 *
 * @param {Element} element
 * @param {string} language
 * @param {boolean} inherited what its parent says
 */
export function isLeftAlone(element, language, inherited) {
  const translate = element.getAttribute("translate")?.toLowerCase();
  if (translate === "yes" || translate === "") return false;
  if (translate === "no" || element.classList.contains("notranslate")) return true;
  if (element instanceof HTMLElement && element.isContentEditable) return true;
  const lang = element.getAttribute("lang");
  if (lang) return lang.split("-")[0].toLowerCase() !== language;
  return inherited;
}

/**
 * @param {Element} element
 * @param {string} language
 * @returns {boolean}
 */
function isInheritedAlone(element, language) {
  const parent = element.parentElement;
  return parent !== null && isLeftAlone(parent, language, isInheritedAlone(parent, language));
}

/** @param {Element} element */
function name(element) {
  return element.tagName.toUpperCase();
}

class Finder {
  /** @type {Block[]} */ blocks = [];
  /** @type {string} */ #language;
  /** @type {Map<Element, boolean>} */ #inline = new Map();

  /** @param {string} language */
  constructor(language) {
    this.#language = language;
  }

  /**
   * @param {Element | ShadowRoot} element
   * @param {boolean} isSkipped
   */
  visit(element, isSkipped) {
    /** @type {ChildNode[]} */
    let run = [];
    const close = () => {
      if (!isSkipped) this.#close(element, run);
      run = [];
    };
    for (const child of element.childNodes) {
      if (!(child instanceof Element) || this.#isInline(child)) {
        run.push(child);
        continue;
      }
      close();
      if (!LEFT_ALONE.has(name(child))) this.visit(child, isLeftAlone(child, this.#language, isSkipped));
    }
    close();
    if (element instanceof Element && element.shadowRoot) this.visit(element.shadowRoot, isSkipped);
  }

  /**
   * A run of inline nodes becomes a block, or one block for each of its elements where all its words are in several:
   * a row of links is no sentence.
   *
   * @param {Element | ShadowRoot} parent
   * @param {ChildNode[]} run
   */
  #close(parent, run) {
    const elements = run.filter((node) => node instanceof Element);
    const isBare = run.every((node) => !(node instanceof Text) || !/[\p{L}\p{N}]/u.test(node.data));
    const speaking = elements.filter((element) => !this.#isAtom(element) && hasWords(element));
    if (isBare && speaking.length > 1) {
      for (const element of speaking) this.visit(element, isLeftAlone(element, this.#language, false));
      return;
    }
    const block = new Reader(this.#isAtom.bind(this)).read(parent, run);
    if (/\p{L}/u.test(block.text)) this.blocks.push(block);
    for (const select of elements.flatMap((element) => [element, ...element.querySelectorAll("select")])) {
      if (select instanceof HTMLSelectElement) this.#visitOptions(select);
    }
  }

  /**
   * The text of an option without a value is what its form sends, and not ours.
   *
   * @param {HTMLSelectElement} select
   */
  #visitOptions(select) {
    if (isLeftAlone(select, this.#language, isInheritedAlone(select, this.#language))) return;
    for (const option of select.options) {
      if (option.hasAttribute("value")) this.visit(option, isLeftAlone(option, this.#language, false));
    }
  }

  /**
   * Whether an element's inside is left alone though it stands in a sentence.
   *
   * @param {Element} element
   */
  #isAtom(element) {
    return LEFT_ALONE.has(name(element)) || name(element) === "BR" || isLeftAlone(element, this.#language, false);
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
  const { display } = getComputedStyle(element);
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
    const text = this.#text.trimEnd();
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
      if (node instanceof Text) {
        this.#texts.push({ node, data: node.data, around: node.parentNode });
        this.#append(node.data);
      }
      if (node instanceof Element) this.#readElement(node, parent);
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
