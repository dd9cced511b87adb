// @ts-check
/** HTML as a string, translated whole. */
import { RewrittenAttribute, findAttributes } from "./attributes.js";
import { BlockFinder, findBlocks } from "./blocks.js";
import { Rewriting } from "./rewrite.js";

/** @typedef {import("./protocol.js").Source} Source */
/** @typedef {import("./rewrite.js").Translation} Translation */

/**
 * HTML with its text and the attributes that people read translated and every element kept.
 *
 * @param {string} html of a body
 * @param {string} language of the text
 * @param {(sources: Source[]) => Promise<Translation[]>} translate
 * @returns {Promise<string>}
 */
export async function rewriteHTML(html, language, translate) {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  const blocks = findBlocks(body, language);
  const finder = new BlockFinder(language);
  const attributes = findAttributes(body, (element) => finder.isLeftAlone(element));
  const sources = [...blocks.map(({ text, spans }) => ({ text, spans })), ...attributes.map(({ text }) => text)];
  const translations = await translate(sources);
  blocks.forEach((block, index) => new Rewriting(block, translations[index]));
  attributes.forEach((read, index) => new RewrittenAttribute(read, translations[blocks.length + index].text));
  return body.innerHTML;
}
