// @ts-check
/** How a page comes to be translated: when its first visible words are there, when all, and how long it ever stands still. */
import { Translator } from "../traduko/traduko.js";

/**
 * @typedef {object} PageFigures
 * @property {number} words
 * @property {number} blocks
 * @property {number} engine_start_s download and start of the engine
 * @property {number} first_visible_s from the call to the first changed text in the window
 * @property {number} visible_s until all that is in the window is translated
 * @property {number} whole_s until the page is
 * @property {number} longest_task_ms longest turn of the main thread, 0 where none took 50 ms
 * @property {number} longest_gap_ms longest time that a timer had to wait, with what other processes took
 * @property {number} cpu_s the renderer's, for the whole page
 * @property {number} wps_cpu words a second of it
 * @property {number} restore_ms
 * @property {number} rss_bytes the renderer's memory at the end
 * @property {string} sample
 */

/**
 * Fills `stage` with a paragraph for each line, a link in bold inside each, over and over until there are `words` words,
 * and translates it in place.
 *
 * @param {HTMLElement} stage
 * @param {string[]} lines
 * @param {number} words
 * @param {import("../traduko/protocol.js").EngineChoice} engine
 * @returns {Promise<PageFigures>}
 */
export async function benchPage(stage, lines, words, engine) {
  let count = 0;
  /** @type {HTMLElement[]} */
  const blocks = [];
  for (let at = 0; count < words; at++) {
    const parts = lines[at % lines.length].trim().split(/\s+/u);
    count += parts.length;
    blocks.push(paragraph(parts));
  }
  stage.replaceChildren(...blocks);
  const originals = blocks.map(({ textContent }) => textContent);

  const before = performance.now();
  const translator = await Translator.create({ sourceLanguage: "en", targetLanguage: "fr", engine });
  const engineStart = performance.now() - before;

  /** @type {PerformanceEntry[]} */
  const tasks = [];
  const watch = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
  watch.observe({ type: "longtask" });
  const gaps = watchGaps();
  const visible = blocks.filter((block) => block.getBoundingClientRect().top < innerHeight);
  const cpuBefore = await driver("cpuSeconds");
  const started = performance.now();
  const since = () => (performance.now() - started) / 1000;
  let [firstVisible, allVisible] = [NaN, NaN];
  const changes = new MutationObserver(() => {
    const isDone = (/** @type {HTMLElement} */ block) => block.textContent !== originals[blocks.indexOf(block)];
    if (Number.isNaN(firstVisible) && visible.some(isDone)) firstVisible = since();
    if (Number.isNaN(allVisible) && visible.every(isDone)) (allVisible = since()), changes.disconnect();
  });
  changes.observe(stage, { subtree: true, childList: true, characterData: true });
  await translator.translatePage(stage);
  const whole = since();
  const cpu = (await driver("cpuSeconds")) - cpuBefore;
  const sample = blocks[0].innerHTML;
  const rss = await driver("rssBytes");
  const undo = performance.now();
  translator.restore();
  const restore = performance.now() - undo;
  await new Promise((resolve) => setTimeout(resolve, 100));
  watch.disconnect();
  translator.destroy();
  return {
    words: count,
    blocks: blocks.length,
    engine_start_s: engineStart / 1000,
    first_visible_s: firstVisible,
    visible_s: allVisible,
    whole_s: whole,
    longest_task_ms: Math.max(0, ...tasks.map(({ duration }) => duration)),
    longest_gap_ms: gaps.stop(),
    cpu_s: cpu,
    wps_cpu: count / cpu,
    restore_ms: restore,
    rss_bytes: rss,
    sample,
  };
}

/** @param {string[]} words */
function paragraph(words) {
  const block = document.createElement("p");
  const [link, bold] = [document.createElement("a"), document.createElement("b")];
  const third = Math.floor(words.length / 3);
  link.href = "#";
  bold.append(words.slice(third, 2 * third).join(" "));
  link.append(bold);
  block.append(`${words.slice(0, third).join(" ")} `, link, ` ${words.slice(2 * third).join(" ")}`);
  return block;
}

/** The longest time between two turns of a timer of 4 ms, less these. */
function watchGaps() {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 4);
    last = now;
  }, 4);
  return {
    stop() {
      clearInterval(timer);
      return longest;
    },
  };
}

/**
 * A figure that only the driver of the browser knows, NaN without one.
 *
 * @param {"cpuSeconds" | "rssBytes"} name the renderer's CPU seconds, its resident bytes
 * @returns {Promise<number>}
 */
export async function driver(name) {
  const read = /** @type {any} */ (window)[name];
  return typeof read === "function" ? read() : NaN;
}
