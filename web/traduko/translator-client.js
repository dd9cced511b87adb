// @ts-check
/**
 * What a page holds: it chooses the engine, keeps the worker alive, and never hands out words from an
 * engine that failed its checks.
 *
 * `auto` starts on the CPU, which always works, and tries WebGPU beside it: WebGPU takes over only where
 * its adapter will do, its numbers are right and its timed steps are faster. An engine that dies is
 * replaced, and what was being translated is translated again.
 */

import { EngineDied, WorkerPort } from "./worker-port.js";

/** @typedef {import("./protocol.js").EngineName} EngineName */
/** @typedef {import("./protocol.js").EngineChoice} EngineChoice */
/** @typedef {import("./protocol.js").Loaded} Loaded */
/** @typedef {import("./protocol.js").Progress} Progress */
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
 * @typedef {{ port: WorkerPort, loaded: Loaded }} Running
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
  /** @type {Set<WorkerPort>} */ #ports = new Set();
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
   * @param {TranslateOptions & { signal?: AbortSignal, onProgress?: (progress: Progress) => void }} [options]
   * @returns {Promise<Translation[]>}
   */
  translate(texts, { signal, onProgress, ...options } = {}) {
    return this.#call({ type: "translate", texts, options }, { signal, onProgress });
  }

  /**
   * How many subwords the network reads in a text, and where its sentences begin.
   *
   * @param {string} text
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<import("./protocol.js").Measure>}
   */
  measure(text, { signal } = {}) {
    return this.#call({ type: "measure", text }, { signal });
  }

  /**
   * Asks the engine in use, and the next one where it dies.
   *
   * @param {import("./protocol.js").Request} request
   * @param {{ signal?: AbortSignal, onProgress?: (progress: Progress) => void }} options
   * @returns {Promise<any>}
   */
  async #call(request, options) {
    for (;;) {
      this.#running ??= this.#choose();
      const attempt = this.#running;
      const running = await attempt;
      try {
        return await running.port.call(request, options);
      } catch (error) {
        if (!(error instanceof EngineDied) || this.#isClosed) throw error;
        if (this.#running === attempt) this.#running = this.#replace(running, error);
      }
    }
  }

  close() {
    this.#isClosed = true;
    for (const port of this.#ports) port.close();
    this.#ports.clear();
  }

  /** @returns {Promise<Running>} */
  async #choose() {
    try {
      if (this.#options.engine === "webgpu") return await this.#forceWebGpu();
      const cpu = await this.#load("cpu", false);
      if (this.#options.engine === "cpu") {
        this.#report(cpu.loaded, "it was asked for", true);
      } else {
        this.#report(cpu.loaded, "it is ready first; WebGPU is being tried", false);
        void this.#tryWebGpu(cpu);
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
   * Tries WebGPU beside a CPU engine that already serves the page.
   *
   * @param {Running} cpu
   */
  async #tryWebGpu(cpu) {
    /** @type {Running | null} */
    let gpu = null;
    try {
      gpu = await this.#load("webgpu", false);
      const [cpuTime, gpuTime] = [await this.#time(cpu), await this.#time(gpu)];
      const figures = `${gpuTime.toFixed(1)} ms a token on WebGPU, ${cpuTime.toFixed(1)} ms on CPU`;
      if (gpuTime < cpuTime) {
        this.#running = Promise.resolve(gpu);
        this.#report(gpu.loaded, `it is right and faster: ${figures}`, true);
        await this.#drain(cpu);
      } else {
        this.#drop(gpu.port);
        this.#report(cpu.loaded, `it is faster here: ${figures}`, true);
      }
    } catch (error) {
      if (gpu) this.#drop(gpu.port);
      if (!this.#isClosed) this.#report(cpu.loaded, words(error), true);
    }
  }

  /**
   * @param {Running} dead
   * @param {EngineDied} error
   * @returns {Promise<Running>}
   */
  async #replace(dead, error) {
    this.#drop(dead.port);
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
   * @param {EngineName} engine
   * @param {boolean} forced
   * @returns {Promise<Running>}
   */
  async #load(engine, forced) {
    const port = takePort(engine);
    this.#ports.add(port);
    try {
      const loaded = await port.call(
        { type: "load", engine, source: this.#options.source, target: this.#options.target, forced },
        { onProgress: (progress) => progress.stage === "download" && this.#options.onDownload(progress) },
      );
      return { port, loaded };
    } catch (error) {
      this.#drop(port);
      throw error;
    }
  }

  /**
   * @param {Running} running
   * @returns {Promise<number>} milliseconds a token
   */
  #time(running) {
    return running.port.call({ type: "benchmark", steps: TIMED_STEPS });
  }

  /**
   * Lets a replaced engine finish what it has: its worker answers in order, so one more answer is the last.
   *
   * @param {Running} running
   */
  async #drain(running) {
    await running.port.call({ type: "translate", texts: [], options: {} }).catch(() => {});
    this.#drop(running.port);
  }

  /** @param {WorkerPort} port */
  #drop(port) {
    port.close();
    this.#ports.delete(port);
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
