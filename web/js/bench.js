// @ts-check
/**
 * Words a second of one worker, or with `?page` of a page of 5,000 words. `window.bench()` runs it and gives the figures; a
 * driver that can read the renderer's CPU time offers it as `window.cpuSeconds`, since wall time on a shared machine says
 * little.
 */
import { benchPage, driver } from "./bench-page.js";
import { getElement } from "./dom.js";
import { CATALOG, WorkerPort, rewriteHTML } from "../traduko/traduko.js";

/** @typedef {import("../traduko/protocol.js").Source} Source */
/** @typedef {import("../traduko/protocol.js").TranslateOptions} TranslateOptions */
/** @typedef {import("../traduko/protocol.js").Translation} Translation */
/** @typedef {{ wall_s: number[], cpu_s: number[], wps_wall_best: number, wps_cpu_median: number }} Timing */

const parameters = new URLSearchParams(location.search);

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** @returns {TranslateOptions} */
function chosenOptions() {
  /** @type {TranslateOptions} */
  const options = { beam: Number(parameters.get("beam") ?? 1) };
  const length = parameters.get("length");
  if (length !== null) options.max_length_factor = Number(length);
  if (parameters.get("numbers") === "any") options.keep_numbers = false;
  return options;
}

async function bench() {
  const response = await fetch(parameters.get("text") ?? "bench.txt");
  if (!response.ok) throw new Error(`${response.url}: ${response.status}; name a file with ?text=`);
  const lines = (await response.text()).trim().split("\n");
  const words = lines.reduce((sum, line) => sum + line.trim().split(/\s+/).length, 0);
  const engine = parameters.get("engine") === "webgpu" ? "webgpu" : "cpu";
  if (parameters.has("page")) {
    return benchPage(getElement("stage", HTMLElement), lines, Number(parameters.get("page") || 5000), engine);
  }
  const options = chosenOptions();
  const reps = Number(parameters.get("reps") ?? 3);
  const only = parameters.get("only");

  const [{ source, target }] = CATALOG.models;
  /** From nothing to the first sentence. @returns {Promise<{ port: WorkerPort, first: Translation, seconds: number }>} */
  const start = async () => {
    const started = performance.now();
    const port = new WorkerPort();
    await port.call({ type: "load", engine, source, target, forced: true });
    const [first] = await port.call({ type: "translate", texts: lines.slice(0, 1), options });
    return { port, first, seconds: (performance.now() - started) / 1000 };
  };
  const downloading = await start();
  downloading.port.close();
  // All is in the browser's cache now.
  const { port, first, seconds } = await start();
  /** @param {Source[]} texts */
  const translate = (texts) => port.call({ type: "translate", texts, options });
  const memoryFirst = await port.call({ type: "memory" });

  /** @param {string} name @param {() => Promise<unknown>} run @returns {Promise<Timing | undefined>} */
  const time = async (name, run) => {
    if (only !== null && only !== name) return undefined;
    const [wall, cpu] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
    for (let rep = 0; rep < reps; rep++) {
      const [cpuBefore, before] = [await driver("cpuSeconds"), performance.now()];
      await run();
      wall.push((performance.now() - before) / 1000);
      cpu.push((await driver("cpuSeconds")) - cpuBefore);
    }
    return { wall_s: wall, cpu_s: cpu, wps_wall_best: words / Math.min(...wall), wps_cpu_median: words / median(cpu) };
  };
  await translate(lines.slice(0, 50));
  const html = lines.map(withElements).join("\n");
  const all = await time("all", () => translate(lines));
  const single = await time("single", async () => {
    for (const line of lines) await translate([line]);
  });
  const marked = await time("html", () => rewriteHTML(html, source, translate));
  const memory = await port.call({ type: "memory" });
  port.close();
  return {
    engine,
    options,
    sentences: lines.length,
    words,
    start_to_first_s: seconds,
    download_to_first_s: downloading.seconds,
    memory_first_bytes: memoryFirst,
    memory_bytes: memory,
    sample: first.text,
    all,
    single,
    html: marked,
  };
}

/**
 * A paragraph whose second third is a link in bold.
 *
 * @param {string} line
 */
function withElements(line) {
  const words = line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").split(" ");
  const third = Math.floor(words.length / 3);
  const parts = [words.slice(0, third), words.slice(third, 2 * third), words.slice(2 * third)].map((part) => part.join(" "));
  return `<p>${parts[0]} <a href="x"><b>${parts[1]}</b></a> ${parts[2]}</p>`;
}

Object.assign(window, { bench });

const report = getElement("report", HTMLPreElement);
getElement("run", HTMLButtonElement).addEventListener("click", async () => {
  report.textContent = "running";
  try {
    report.textContent = JSON.stringify(await bench(), null, 2);
  } catch (error) {
    report.textContent = String(error);
  }
});
