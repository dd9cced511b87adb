// @ts-check
/**
 * What a page holds: it chooses the engine, keeps its workers alive, and never hands out words from an
 * engine that failed its checks.
 *
 * `auto` starts on the CPU, which always works, and tries WebGPU beside it: WebGPU takes over only where
 * its adapter will do, its numbers are right and its timed steps are faster than those of the CPU workers
 * that run by then together. A browser that asks to save data is spared that second download. An engine that dies is
 * replaced, and what was being translated is translated again.
 */

import { missingBytes } from "./asset-store.js";
import { findModel } from "./catalog.js";
import { EnginePool } from "./engine-pool.js";
import { EngineDied, WorkerPort } from "./worker-port.js";

/** @typedef {import("./protocol.js").EngineName} EngineName */
/** @typedef {import("./protocol.js").EngineChoice} EngineChoice */
/** @typedef {import("./protocol.js").Loaded} Loaded */
/** @typedef {import("./protocol.js").DownloadProgress} DownloadProgress */
/** @typedef {import("./protocol.js").Source} Source */
/** @typedef {import("./protocol.js").Translation} Translation */
/** @typedef {import("./protocol.js").TranslateOptions} TranslateOptions */

/**
 * @typedef {object} EngineReport
 * @property {EngineName} name
 * @property {string} reason why this engine, in words
 * @property {boolean} isFinal whether the choice is made; `false` while WebGPU is still being tried
 *
 * @typedef {object} ClientOptions
 * @property {string} source language code
 * @property {string} target language code
 * @property {EngineChoice} [engine]
 * @property {(report: EngineReport) => void} [onEngine]
 * @property {(progress: DownloadProgress) => void} [onDownload]
 *
 * @typedef {{ pool: EnginePool, loaded: Loaded }} Running
 */

const TIMED_STEPS = 60;

/** A worker that has its scripts, or is loading them, and waits for work. @type {{ port: WorkerPort, ready: Promise<void> } | null} */
let spare = null;

/**
 * Loads the scripts of the CPU engine, so that a page whose connection is lost later can still start it from what the
 * browser keeps. Resolves once they are there, or cannot be had: whoever translates next is told.
 */
export function prepareEngine() {
  if (spare) return spare.ready;
  const port = new WorkerPort();
  const ready = port.call({ type: "prepare", engine: "cpu" }).catch(() => {
    if (spare?.port !== port) return;
    port.close();
    spare = null;
  });
  spare = { port, ready };
  return ready;
}

/** Whether the browser asks to save data. */
export function savesData() {
  return /** @type {any} */ (navigator).connection?.saveData === true;
}

/** @param {EngineName} engine */
function takePort(engine) {
  if (engine !== "cpu" || !spare) return new WorkerPort();
  const { port } = spare;
  spare = null;
  return port;
}

export class TranslatorClient {
  /** @type {Required<ClientOptions>} */ #options;
  /** @type {Promise<Running> | null} the engine in use, or the one that is starting */ #running = null;
  /** @type {EnginePool | null} the pool that was asked last */ #pool = null;
  /** @type {Set<{ close(): void }>} pools, and workers that are loading */ #open = new Set();
  /** @type {EngineName[]} engines that died once: a second death is told to the caller */ #died = [];
  #isClosed = false;

  /** @param {ClientOptions} options */
  constructor(options) {
    this.#options = { engine: "auto", onEngine: () => {}, onDownload: () => {}, ...options };
  }

  /** Starts the engine; resolves once it can translate. */
  async start() {
    this.#running ??= this.#choose();
    await this.#running;
  }

  /**
   * @param {Source[]} texts blocks of text, each of any number of sentences
   * @param {TranslateOptions & { signal?: AbortSignal }} [options]
   * @returns {Promise<Translation[]>}
   */
  translate(texts, { signal, ...options } = {}) {
    return this.#ask((pool) => pool.translate(texts, options, signal));
  }

  /**
   * How many subwords the network reads in a text, and where its sentences begin.
   *
   * @param {string} text
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<import("./protocol.js").Measure>}
   */
  measure(text, { signal } = {}) {
    return this.#ask((pool) => pool.call({ type: "measure", text }, signal));
  }

  /** Workers that are ready: so many calls run side by side. */
  get size() {
    return this.#pool?.size ?? 1;
  }

  /**
   * Asks the engine in use, and the next one where it dies.
   *
   * @template T
   * @param {(pool: EnginePool) => Promise<T>} question
   * @returns {Promise<T>}
   */
  async #ask(question) {
    for (;;) {
      this.#running ??= this.#choose();
      const attempt = this.#running;
      const running = await attempt;
      this.#pool = running.pool;
      try {
        return await question(running.pool);
      } catch (error) {
        if (!(error instanceof EngineDied) || this.#isClosed) throw error;
        if (this.#running === attempt) this.#running = this.#replace(running, error);
      }
    }
  }

  close() {
    this.#isClosed = true;
    for (const open of this.#open) open.close();
    this.#open.clear();
  }

  /** @returns {Promise<Running>} */
  async #choose() {
    try {
      if (this.#options.engine === "webgpu") return await this.#forceWebGpu();
      const cpu = await this.#load("cpu", false);
      if (this.#options.engine === "cpu") {
        this.#report(cpu.loaded, "it was asked for", true);
      } else if (savesData()) {
        this.#report(cpu.loaded, "the browser asks to save data, and WebGPU is one more download", true);
      } else {
        this.#report(cpu.loaded, "it is ready first; WebGPU is being tried", false);
        void this.#tryWebGpu(cpu.loaded);
      }
      return cpu;
    } catch (error) {
      this.#running = null;
      throw error;
    }
  }

  async #forceWebGpu() {
    try {
      const gpu = await this.#load("webgpu", true);
      this.#report(gpu.loaded, "it was asked for and passed its self-test", true);
      return gpu;
    } catch (error) {
      if (this.#isClosed) throw error;
      const cpu = await this.#load("cpu", false);
      this.#report(cpu.loaded, `WebGPU was asked for, but ${words(error)}`, true);
      return cpu;
    }
  }

  /**
   * Tries WebGPU beside a CPU engine that already serves the page, or the one that took its place meanwhile.
   *
   * @param {Loaded} cpu
   */
  async #tryWebGpu(cpu) {
    /** @type {Running | null} */
    let gpu = null;
    try {
      gpu = await this.#load("webgpu", false);
      const gpuTime = await time(gpu.pool);
      const { ms, workers } = await this.#ask(async (pool) => ({ ms: await time(pool), workers: pool.size }));
      const cpuTime = ms / workers;
      const figures = `${gpuTime.toFixed(1)} ms a token on WebGPU, ${cpuTime.toFixed(1)} ms on the CPU (workers: ${workers})`;
      if (gpuTime < cpuTime) {
        const replaced = /** @type {Promise<Running>} */ (this.#running);
        this.#running = Promise.resolve(gpu);
        this.#report(gpu.loaded, `it is right and faster: ${figures}`, true);
        await this.#drain(await replaced);
      } else {
        this.#drop(gpu.pool);
        this.#report(cpu, `it is faster here: ${figures}`, true);
      }
    } catch (error) {
      if (gpu) this.#drop(gpu.pool);
      if (!this.#isClosed) this.#report(cpu, words(error), true);
    }
  }

  /**
   * @param {Running} dead
   * @param {EngineDied} error
   * @returns {Promise<Running>}
   */
  async #replace(dead, error) {
    // What its other workers had is asked again as well.
    this.#drop(dead.pool, error);
    const name = dead.loaded.engine;
    console.error(`the ${name} engine died: ${error.message}`);
    try {
      if (name === "cpu" && this.#died.includes("cpu")) throw error;
      this.#died.push(name);
      const cpu = await this.#load("cpu", false);
      this.#report(cpu.loaded, `the ${label(name)} engine stopped: ${error.message}`, true);
      return cpu;
    } catch (failure) {
      this.#running = null;
      throw failure;
    }
  }

  /**
   * An engine with one worker, which on the CPU may become more where the model is kept, as each loads it for itself, and
   * where none has died, which may be for want of memory.
   *
   * @param {EngineName} engine
   * @param {boolean} forced
   * @returns {Promise<Running>}
   */
  async #load(engine, forced) {
    const { onDownload, source, target } = this.#options;
    const { port, loaded } = await this.#loadWorker(engine, { forced, onDownload });
    const model = /** @type {import("./catalog.js").ModelEntry} */ (findModel(source, target));
    const another = async () => {
      const missing = await missingBytes([model]);
      if (missing > 0 || this.#isClosed) throw new Error(`another worker would download ${missing} bytes again`);
      return (await this.#loadWorker(engine, { forced, module: loaded.module })).port;
    };
    const pool = new EnginePool(port, engine === "cpu" && !this.#died.includes("cpu") ? another : null);
    this.#open.add(pool);
    return { pool, loaded };
  }

  /**
   * @param {EngineName} engine
   * @param {{ forced: boolean, module?: WebAssembly.Module, onDownload?: (progress: DownloadProgress) => void }} options
   * @returns {Promise<{ port: WorkerPort, loaded: Loaded }>}
   */
  async #loadWorker(engine, { forced, module, onDownload }) {
    const port = takePort(engine);
    this.#open.add(port);
    const { source, target } = this.#options;
    try {
      const loaded = await port.call(
        { type: "load", engine, source, target, forced, module },
        { onProgress: (progress) => progress.stage === "download" && onDownload?.(progress) },
      );
      return { port, loaded };
    } catch (error) {
      port.close();
      throw error;
    } finally {
      this.#open.delete(port);
    }
  }

  /**
   * Lets a replaced engine finish what it has; where one of its workers dies, the rest is asked of the next engine.
   *
   * @param {Running} running
   */
  async #drain(running) {
    await running.pool.drain().catch(() => {});
    this.#drop(running.pool, new EngineDied("another engine took its place"));
  }

  /**
   * @param {EnginePool} pool
   * @param {Error} [reason] what it was asked rejects with
   */
  #drop(pool, reason) {
    pool.close(reason);
    this.#open.delete(pool);
  }

  /**
   * @param {Loaded} loaded
   * @param {string} reason
   * @param {boolean} isFinal
   */
  #report(loaded, reason, isFinal) {
    this.#options.onEngine({ name: loaded.engine, reason, isFinal });
  }
}

/**
 * @param {EnginePool} pool
 * @returns {Promise<number>} milliseconds that one of its workers takes for a token
 */
function time(pool) {
  return pool.call({ type: "benchmark", steps: TIMED_STEPS });
}

/** @param {EngineName} name */
export function label(name) {
  return name === "webgpu" ? "WebGPU" : "CPU";
}

/**
 * Why WebGPU does not run, as the rest of a sentence.
 *
 * @param {unknown} error
 */
function words(error) {
  if (!(error instanceof Error)) return `WebGPU failed: ${error}`;
  return error.name === "Unsuitable" ? error.message : `WebGPU failed: ${error.message}`;
}
