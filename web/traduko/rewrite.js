// @ts-check
/**
 * Writes a translation into the nodes of a block, and gives the original back.
 *
 * The page's nodes are its owner's: none is removed or replaced, and elements change their places only among their
 * neighbours in their own parent, so that scripts, listeners and frameworks keep what they hold. Text goes into the
 * Text nodes that are there; where a translation has words in a place without one, a Text node is added, and taken
 * away again with the translation.
 */

import { ATOM, isElement, isText } from "./blocks.js";

/** @typedef {import("./blocks.js").Block} Block */
/** @typedef {import("./blocks.js").Inline} Inline */
/** @typedef {{ span: number, start: number, end: number }} Placed */
/** @typedef {{ text: string, spans: Placed[] }} Translation */

/**
 * @typedef {object} Part what one parent holds: texts and elements by turns, a text first and last
 * @property {ParentNode & Node} parent
 * @property {ChildNode[]} nodes
 * @property {string[]} texts one more than elements
 * @property {Inline[]} elements
 * @property {Part[]} inside
 */

/** A translation that stands in a block's nodes. */
export class Rewriting {
  /** @type {Map<Text, { original: string, written: string }>} */ #texts = new Map();
  /** @type {Set<Text>} */ #added = new Set();
  /** @type {{ parent: Node, nodes: ChildNode[], moved: Element[] }[]} */ #moves = [];

  /**
   * Writes `translation` into `block`.
   *
   * @param {Block} block whose nodes are as they were read
   * @param {Translation} translation
   */
  constructor(block, translation) {
    this.#write(partsOf(block, translation));
  }

  /** @param {Part} part */
  #write(part) {
    const elements = part.elements.map((inline) => inline.element);
    const moved = reorder(part.parent, part.nodes, elements);
    if (moved.length > 0) this.#moves.push({ parent: part.parent, nodes: part.nodes, moved });
    this.#writeTexts(part, elements);
    part.inside.forEach((inside) => this.#write(inside));
  }

  /**
   * @param {Part} part
   * @param {Element[]} elements in their new order
   */
  #writeTexts({ parent, nodes, texts }, elements) {
    const isInRun = new Set(nodes);
    const place = new Map(elements.map((element, index) => [/** @type {Node} */ (element), index + 1]));
    /** @type {Text[][]} */
    const gaps = texts.map(() => []);
    let gap = 0;
    for (const node of [...parent.childNodes]) {
      gap = place.get(node) ?? gap;
      if (isText(node) && isInRun.has(node)) gaps[gap].push(node);
    }
    texts.forEach((text, index) => {
      const [first, ...rest] = gaps[index];
      if (first) this.#set(first, text);
      else if (text !== "") this.#add(parent, text, elements[index] ?? behind(nodes, elements));
      rest.forEach((node) => this.#set(node, ""));
    });
  }

  /**
   * @param {Text} node
   * @param {string} data
   */
  #set(node, data) {
    this.#texts.set(node, { original: node.data, written: data });
    if (node.data !== data) node.data = data;
  }

  /**
   * @param {Node} parent
   * @param {string} data
   * @param {Node | null} before
   */
  #add(parent, data, before) {
    const node = /** @type {Document} */ (parent.ownerDocument).createTextNode(data);
    parent.insertBefore(node, before);
    this.#added.add(node);
    this.#texts.set(node, { original: "", written: data });
  }

  /** The elements whose children changed places. */
  get reordered() {
    return this.#moves.map(({ parent }) => parent);
  }

  /** Gives the original back, except where the page has written or moved since. */
  restore() {
    for (const [node, { original, written }] of this.#texts) {
      if (this.#added.has(node)) node.remove();
      else if (node.data === written && written !== original) node.data = original;
    }
    for (const { parent, nodes, moved } of this.#moves) putBack(parent, nodes, moved);
  }
}

/**
 * The node behind a run: what a text at its end is inserted before.
 *
 * @param {ChildNode[]} nodes
 * @param {Element[]} elements in their new order
 */
function behind(nodes, elements) {
  const last = elements.at(-1);
  return last ? last.nextSibling : (nodes.at(-1)?.nextSibling ?? null);
}

/**
 * What each parent of a block is to hold.
 *
 * @param {Block} block
 * @param {Translation} translation
 * @returns {Part}
 */
function partsOf(block, { text, spans }) {
  const whole = block.nodes.map((node) => node.textContent ?? "").join("");
  /** @type {Part & { at: number, end: number }} */
  const root = open(block.parent, block.nodes, 0, text.length);
  const stack = [root];
  const index = new Map();
  const closeTo = (/** @type {number} */ depth) => {
    while (stack.length > depth) {
      const part = /** @type {typeof root} */ (stack.pop());
      part.texts.push(text.slice(part.at, part.end));
    }
  };
  for (const { span, start, end } of spans) {
    const inline = block.inlines[span];
    const parent = block.spans[span].parent;
    closeTo(parent === undefined ? 1 : index.get(parent));
    const around = stack[stack.length - 1];
    around.texts.push(text.slice(around.at, start));
    around.elements.push(inline);
    around.at = end;
    const part = open(inline.element, inline.isAtom ? [] : [...inline.element.childNodes], start, end);
    stack.push(part);
    index.set(span, stack.length);
    if (!inline.isAtom) around.inside.push(part);
  }
  closeTo(0);
  tidy(root);
  // What HTML does not show at the ends of the block stays.
  root.texts[0] = (/^[ \t\n\r\f]*/u.exec(whole)?.[0] ?? "") + root.texts[0];
  root.texts[root.texts.length - 1] += /[ \t\n\r\f]*$/u.exec(whole)?.[0] ?? "";
  return root;
}

/**
 * @param {ParentNode & Node} parent
 * @param {ChildNode[]} nodes
 * @param {number} at
 * @param {number} end
 */
function open(parent, nodes, at, end) {
  return { parent, nodes, texts: /** @type {string[]} */ ([]), elements: /** @type {Inline[]} */ ([]),
    inside: /** @type {Part[]} */ ([]), at, end };
}

/**
 * What stood for elements is no text, and elements without words keep the spaces around them.
 *
 * @param {Part} part
 */
function tidy(part) {
  part.texts = part.texts.map((text) => text.replaceAll(ATOM, "").replaceAll("\n", ""));
  part.elements.forEach((inline, index) => {
    if (!inline.isSilent) return;
    const [left, right] = [part.texts[index], part.texts[index + 1]];
    if (inline.hasSpaceBefore && /\S$/u.test(left)) part.texts[index] = `${left} `;
    if (inline.hasSpaceAfter && /^\S/u.test(right)) part.texts[index + 1] = ` ${right}`;
  });
  part.inside.forEach(tidy);
}

/**
 * Brings `elements`, children of `parent`, into the order given, moving as few as possible; gives those it moved.
 *
 * @param {Node} parent
 * @param {ChildNode[]} nodes the run they belong to
 * @param {Element[]} elements
 */
function reorder(parent, nodes, elements) {
  const position = new Map(nodes.map((node, index) => [/** @type {Node} */ (node), index]));
  const stay = longestIncreasing(elements.map((element) => position.get(element) ?? -1));
  const moved = elements.filter((_, index) => !stay.has(index));
  let next = nodes.at(-1)?.nextSibling ?? null;
  for (let index = elements.length - 1; index >= 0; index--) {
    const element = elements[index];
    if (!stay.has(index)) parent.insertBefore(element, next);
    next = element;
  }
  return moved;
}

/**
 * Moves elements back to where they were among `nodes`, as far as these are still there.
 *
 * @param {Node} parent
 * @param {ChildNode[]} nodes in their first order
 * @param {Element[]} moved
 */
function putBack(parent, nodes, moved) {
  const [isMoved, isInRun] = [new Set(moved), new Set(nodes)];
  for (let index = nodes.length - 1; index >= 0; index--) {
    const node = nodes[index];
    if (!isElement(node) || !isMoved.has(node) || node.parentNode !== parent) continue;
    // What follows it in the run stands right already; where nothing does, it is the last of the run.
    const next = nodes.slice(index + 1).find((sibling) => sibling.parentNode === parent);
    const last = [...parent.childNodes].findLast((sibling) => isInRun.has(sibling) && sibling !== node);
    parent.insertBefore(node, next ?? last?.nextSibling ?? null);
  }
}

/**
 * The positions of a longest increasing subsequence.
 *
 * @param {number[]} values
 * @returns {Set<number>}
 */
function longestIncreasing(values) {
  /** @type {number[]} for each length the position of the least last value */
  const ends = [];
  /** @type {number[]} */
  const before = [];
  values.forEach((value, position) => {
    let length = 0;
    while (length < ends.length && values[ends[length]] < value) length++;
    before[position] = length > 0 ? ends[length - 1] : -1;
    ends[length] = position;
  });
  const found = new Set();
  for (let position = ends.at(-1) ?? -1; position >= 0; position = before[position]) found.add(position);
  return found;
}
