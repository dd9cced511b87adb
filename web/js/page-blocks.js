// @ts-check
/**
 * Translates a page in place: finds its text, writes translations into the Text nodes that are there, and
 * gives the originals back. No node is added, removed, moved or replaced, and no attribute but the root's
 * `lang` is touched, so the page's own scripts and listeners keep working.
 *
 * The unit is a run of neighbouring Text nodes of one parent. A block that holds nothing but text is one
 * unit and is translated as a whole; in a block with inline elements each stretch of text between them is a
 * unit of its own. That costs quality where a link or an emphasis cuts a sentence in two, and can lose
 * nothing: moving markup along with its words needs an alignment and comes later.
 */

/** Elements whose text is not language, or not the page's to change. */
const LEFT_ALONE = new Set(
  ["CODE", "PRE", "KBD", "SAMP", "VAR", "SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "TEXTAREA", "IFRAME", "OBJECT",
    "CANVAS", "AUDIO", "VIDEO", "SVG", "MATH"],
);

/** @typedef {{ node: Text, original: string, written: string }} NodeState */
/** @typedef {{ text: string, before: string, after: string, nodes: NodeState[] }} Unit */

/**
 * The units of text under `root`, in document order.
 *
 * @param {Element} root
 * @param {string} language the language to translate from: text marked as another is left alone
 * @returns {Unit[]}
 */
export function findUnits(root, language) {
  /** @type {Unit[]} */
  const units = [];
  visit(root, language, isLeftAlone(root, language, false), units);
  return units;
}

/**
 * @param {Element} element
 * @param {string} language
 * @param {boolean} isSkipped
 * @param {Unit[]} units
 */
function visit(element, language, isSkipped, units) {
  /** @type {Text[]} */
  let run = [];
  const close = () => {
    if (!isSkipped && run.length > 0) addUnit(run, units);
    run = [];
  };
  for (const child of element.childNodes) {
    if (child instanceof Text) run.push(child);
    else if (child instanceof Element) {
      close();
      if (!LEFT_ALONE.has(child.tagName.toUpperCase())) {
        visit(child, language, isLeftAlone(child, language, isSkipped), units);
      }
    }
  }
  close();
}

/**
 * @param {Element} element
 * @param {string} language
 * @param {boolean} inherited
 */
function isLeftAlone(element, language, inherited) {
  const translate = element.getAttribute("translate")?.toLowerCase();
  if (translate === "yes" || translate === "") return false;
  if (translate === "no" || element.classList.contains("notranslate")) return true;
  if (element instanceof HTMLElement && element.isContentEditable) return true;
  const lang = element.getAttribute("lang");
  if (lang) return lang.split("-")[0].toLowerCase() !== language;
  return inherited;
}

/**
 * White space around a unit stays as it is; inside, it counts as HTML shows it: one space.
 *
 * @param {Text[]} run
 * @param {Unit[]} units
 */
function addUnit(run, units) {
  const whole = run.map((node) => node.data).join("");
  const text = whole.trim();
  if (!/\p{L}/u.test(text)) return;
  const start = whole.indexOf(text);
  units.push({
    text: text.replace(/\s+/gu, " "),
    before: whole.slice(0, start),
    after: whole.slice(start + text.length),
    nodes: run.map((node) => ({ node, original: node.data, written: node.data })),
  });
}

/** A page and its translation. One instance serves any number of turns there and back. */
export class TranslatedPage {
  /** @type {Unit[]} */ #units = [];
  /** @type {string | null} */ #originalLang = null;
  #isTranslated = false;

  /**
   * Finds the page's text anew. The page's title counts as text.
   *
   * @param {string} language to translate from
   * @returns {Unit[]}
   */
  open(language) {
    const title = document.querySelector("head > title");
    this.#units = [...(title ? findUnits(title, language) : []), ...findUnits(document.body, language)];
    return this.#units;
  }

  /**
   * Writes one translation. A node that the page has changed meanwhile is the page's again.
   *
   * @param {Unit} unit
   * @param {string} text
   * @param {string} language of the translation
   */
  write(unit, text, language) {
    if (!unit.nodes.every(isUntouched)) return;
    if (!this.#isTranslated) {
      this.#originalLang = document.documentElement.getAttribute("lang");
      this.#isTranslated = true;
    }
    document.documentElement.lang = language;
    unit.nodes.forEach((state, index) => {
      set(state, index === 0 ? unit.before + text + unit.after : "");
    });
  }

  /** Gives the originals back, except where the page has written since. */
  restore() {
    for (const state of this.#units.flatMap((unit) => unit.nodes)) {
      if (isUntouched(state)) set(state, state.original);
    }
    if (!this.#isTranslated) return;
    this.#isTranslated = false;
    if (this.#originalLang === null) document.documentElement.removeAttribute("lang");
    else document.documentElement.setAttribute("lang", this.#originalLang);
  }
}

/** @param {NodeState} state */
function isUntouched(state) {
  return state.node.data === state.written;
}

/**
 * @param {NodeState} state
 * @param {string} data
 */
function set(state, data) {
  state.written = data;
  if (state.node.data !== data) state.node.data = data;
}
