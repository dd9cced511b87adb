// @ts-check

/**
 * The element with this id, or a clear error where the page and its script disagree.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function getElement(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`#${id}: not in the page, or not a ${kind.name}`);
  return element;
}
