// @ts-check
/** The original of a translated text, beside the pointer or the focus. */

/** How long a pointer rests before the original shows. */
const REST_MS = 500;

export class OriginalTip {
  #box = document.createElement("div");
  #text = document.createElement("span");
  /** @type {(node: Node) => string | null} */ #originalAt;
  /** @type {AbortController | null} */ #watching = null;
  /** @type {number | undefined} */ #timer;
  /** @type {Element | null} whose original is shown because it has the focus */ #focused = null;

  /**
   * @param {ShadowRoot} root holds the tip, so that the page does not see it
   * @param {string} heading
   * @param {(node: Node) => string | null} originalAt
   */
  constructor(root, heading, originalAt) {
    this.#originalAt = originalAt;
    this.#box.className = "tip";
    this.#box.hidden = true;
    this.#box.setAttribute("role", "tooltip");
    const title = document.createElement("strong");
    title.textContent = heading;
    this.#box.append(title, this.#text);
    root.append(this.#box);
  }

  /**
   * Begins or ends to watch pointer and focus.
   *
   * @param {boolean} isWatching
   */
  watch(isWatching) {
    this.#watching?.abort();
    this.#watching = null;
    this.#hide();
    if (!isWatching) return;
    const { signal } = (this.#watching = new AbortController());
    const options = { signal, passive: true };
    let last = "";
    document.addEventListener("pointerover", (event) => {
      const { clientX, clientY } = event;
      // The page moved under a pointer that rests: the visitor scrolls, or goes on by keyboard.
      const hasMoved = last !== `${clientX} ${clientY}`;
      last = `${clientX} ${clientY}`;
      if (!hasMoved) return;
      this.#hide();
      if (event.pointerType === "touch") return;
      const target = targetOf(event);
      this.#timer = setTimeout(() => this.#show(target, clientX, clientY + 16), REST_MS);
    }, options);
    document.addEventListener("focusin", (event) => {
      const target = targetOf(event);
      if (!target.matches(":focus-visible")) return;
      this.#focused = target;
      this.#showFocused();
    }, options);
    document.addEventListener("focusout", () => this.#hide(), options);
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#hide(), options);
    // What has the focus is scrolled into view; what a pointer was on is under it no more.
    document.addEventListener("scroll", () => (this.#focused ? this.#showFocused() : this.#hide()), { ...options, capture: true });
  }

  #showFocused() {
    const focused = this.#focused;
    if (!focused) return;
    this.#hide();
    this.#focused = focused;
    const { left, bottom } = focused.getBoundingClientRect();
    this.#show(focused, left, bottom + 4);
  }

  /**
   * @param {Element} target
   * @param {number} x
   * @param {number} y
   */
  #show(target, x, y) {
    const original = this.#originalAt(target);
    if (original === null) return;
    this.#text.textContent = original;
    this.#box.hidden = false;
    const { width, height } = this.#box.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    this.#box.style.left = `${Math.max(8, Math.min(x, clientWidth - width - 8))}px`;
    this.#box.style.top = `${Math.max(8, y + height > clientHeight ? y - height - 24 : y)}px`;
  }

  #hide() {
    clearTimeout(this.#timer);
    this.#focused = null;
    this.#box.hidden = true;
  }
}

/**
 * Where an event began, in a shadow root too; known only while it is under way.
 *
 * @param {Event} event
 */
function targetOf(event) {
  return /** @type {Element} */ (event.composedPath()[0]);
}
