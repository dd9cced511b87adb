// @ts-check
/** A queue of units: what the visitor sees comes first, then the rest in reading order. Scrolling changes the order. */

/** @typedef {import("./units.js").Unit} Unit */

export class VisibleFirst {
  /** @type {Set<Unit>} in reading order, as far as they came in it */ #waiting = new Set();
  /** @type {WeakSet<Element>} */ #visible = new WeakSet();
  /** @type {IntersectionObserver} */ #watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#visible.add(target);
      else this.#visible.delete(target);
    }
  });

  get size() {
    return this.#waiting.size;
  }

  /** @param {Unit} unit */
  add(unit) {
    this.#waiting.add(unit);
    if (unit.anchor) this.#watch.observe(unit.anchor);
  }

  /** @param {Unit} unit */
  delete(unit) {
    return this.#waiting.delete(unit);
  }

  /**
   * Takes out the next units that fulfil `isWanted`.
   *
   * @param {number} most
   * @param {(unit: Unit) => boolean} isWanted
   * @returns {Unit[]}
   */
  take(most, isWanted) {
    const wanted = [...this.#waiting].filter(isWanted);
    const isVisible = (/** @type {Unit} */ unit) => unit.anchor === null || this.#visible.has(unit.anchor);
    const seen = wanted.filter(isVisible);
    const taken = (seen.length > 0 ? seen : wanted).slice(0, most);
    taken.forEach((unit) => this.#waiting.delete(unit));
    return taken;
  }

  clear() {
    this.#waiting.clear();
    this.#watch.disconnect();
  }
}
