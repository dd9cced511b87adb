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
    document.addEventListener("pointerover", (event) => {
      this.#hide();
      if (event.pointerType === "touch") return;
      const { clientX, clientY } = event;
      this.#timer = setTimeout(() => this.#show(targetOf(event), clientX, clientY + 16), REST_MS);
    }, options);
    document.addEventListener("focusin", (event) => {
      const target = targetOf(event);
      if (!target.matches(":focus-visible")) return;
      const { left, bottom } = target.getBoundingClientRect();
      this.#hide();
      this.#show(target, left, bottom + 4);
    }, options);
    document.addEventListener("focusout", () => this.#hide(), options);
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#hide(), options);
    document.addEventListener("scroll", () => this.#hide(), { ...options, capture: true });
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
    this.#box.hidden = true;
  }
}

/** @param {Event} event */
function targetOf(event) {
  return /** @type {Element} */ (event.composedPath()[0]);
}
