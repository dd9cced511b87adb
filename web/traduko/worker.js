// @ts-check
/**
 * The worker: one engine (CPU or WebGPU), one job at a time. It downloads the model, proves the engine by
 * a numeric self-test, and translates. Anything that makes the engine untrustworthy (a panic, a lost or
 * failing graphics device) is told as `fatal` before any further result, and the page replaces the worker.
 * The protocol is described in web/README.md and typed in protocol.js.
 */

import { canHash, dropOldFiles, readAssets } from "./asset-store.js";
import { BASE, findModel, findProgram } from "./catalog.js";
import { findAdapterFault, watchDevices } from "./webgpu-probe.js";

/** @typedef {import("./protocol.js").ToWorker} ToWorker */
/** @typedef {import("./protocol.js").FromWorker} FromWorker */
/** @typedef {import("./protocol.js").LoadRequest} LoadRequest */
/** @typedef {import("./protocol.js").TranslateRequest} TranslateRequest */
/** @typedef {import("./protocol.js").Loaded} Loaded */

/** @type {any} the loaded engine of crates/web */
let engine = null;
/** @type {WebAssembly.Memory | null} what it and its model lie in */
let memory = null;
/** @type {() => Promise<void>} waits until the graphics card has reported what it had to report */
let settleDevices = async () => {};
let isDead = false;

/** @type {Set<number>} jobs that are waiting or running */
const live = new Set();
/** @type {number | null} */
let running = null;
/** @type {Promise<void>} */
let queue = Promise.resolve();

/** @param {FromWorker} message */
function send(message) {
  if (!isDead) self.postMessage(message);
}

/** @param {string} message */
function die(message) {
  send({ type: "fatal", message });
  isDead = true;
}

self.addEventListener("unhandledrejection", (event) => die(String(event.reason?.message ?? event.reason)));

self.addEventListener("message", (event) => {
  const message = /** @type {ToWorker} */ (event.data);
  if (message.type === "cancel") {
    live.delete(message.id);
    if (running === message.id) engine?.cancel();
    return;
  }
  live.add(message.id);
  queue = queue.then(() => run(message));
});

/** @param {Exclude<ToWorker, { type: "cancel" }>} message */
async function run(message) {
  const { id } = message;
  if (isDead || !live.has(id)) return;
  running = id;
  try {
    const value = await answer(message, id);
    await settleDevices();
    send({ type: "result", id, value });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    send({ type: "error", id, name, message });
  } finally {
    running = null;
    live.delete(id);
  }
}

/**
 * @param {Exclude<ToWorker, { type: "cancel" }>} message
 * @param {number} id
 */
function answer(message, id) {
  switch (message.type) {
    case "prepare":
      return importProgram(findProgram(message.engine)).then(() => {});
    case "load":
      return load(message, id);
    case "translate":
      return translate(message, id);
    case "benchmark":
      return benchmark(message.steps);
    case "measure":
      return loaded().measure(message.text);
    case "memory":
      return memory?.buffer.byteLength ?? 0;
    default:
      throw new Error(`unknown request ${JSON.stringify(message)}`);
  }
}

/**
 * @param {LoadRequest} request
 * @param {number} id
 * @returns {Promise<Loaded>}
 */
async function load(request, id) {
  if (request.engine === "webgpu") {
    const fault = await findAdapterFault(request.forced);
    if (fault !== null) throw Object.assign(new Error(fault), { name: "Unsuitable" });
    settleDevices = watchDevices(die);
  }
  const model = findModel(request.source, request.target);
  const program = findProgram(request.engine);
  if (!program) throw new Error(`this copy of Traduko holds no ${request.engine} engine that this browser runs`);
  if (!model) throw new Error(`this copy of Traduko holds no model from ${request.source} to ${request.target}`);
  const wanted = request.module ? [model] : [model, program.entry];
  const [glue, [modelFiles, programFiles]] = await Promise.all([
    importProgram(program),
    readAssets(wanted, (progress) => send({ type: "progress", id, progress })),
  ]);
  const [wasm] = programFiles?.values() ?? [];
  const module = request.module ?? (await WebAssembly.compile(/** @type {Uint8Array<ArrayBuffer>} */ (wasm)));
  ({ memory } = await glue.default({ module_or_path: module }));
  glue.set_panic_handler(die);
  await glue.self_test();
  await settleDevices();
  engine = await glue.Engine.load(modelFiles, canHash);
  dropOldFiles().catch((error) => console.warn("what an update left behind is still kept:", error));
  return { engine: request.engine, module };
}

/**
 * The script of an engine, which loads and calls its WebAssembly.
 *
 * @param {{ name: string, entry: import("./catalog.js").EngineEntry } | undefined} program
 * @returns {Promise<any>}
 */
async function importProgram(program) {
  if (!program) return undefined;
  const { name, entry } = program;
  return import(new URL(`${entry.folder}traduko_${name}.js`, BASE).href);
}

/**
 * @param {TranslateRequest} request
 * @param {number} id
 */
function translate(request, id) {
  return loaded().translate(request.texts, request.options, (/** @type {number} */ done, /** @type {number} */ total) => {
    send({ type: "progress", id, progress: { stage: "translate", done, total } });
    // A turn of the event loop, so that a cancel message is seen before the next batch.
    return new Promise((resolve) => setTimeout(resolve, 0));
  });
}

/**
 * Milliseconds for one target token, measured on the loaded model after a warm-up.
 *
 * @param {number} steps
 */
async function benchmark(steps) {
  await loaded().benchmark(1);
  const start = performance.now();
  const tokens = await loaded().benchmark(steps);
  return (performance.now() - start) / tokens;
}

function loaded() {
  if (!engine) throw new Error("no model is loaded yet");
  return engine;
}
