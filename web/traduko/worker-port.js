// @ts-check
/**
 * One worker behind promises: every request has an id, may report progress and may be cancelled.
 */

/** @typedef {import("./protocol.js").Request} Request */
/** @typedef {import("./protocol.js").Progress} Progress */
/** @typedef {import("./protocol.js").FromWorker} FromWorker */

/** The engine itself is gone (a panic, a lost graphics device, a script that did not load). */
export class EngineDied extends Error {
  name = "EngineDied";
}

/**
 * @typedef {object} Pending
 * @property {(value: any) => void} resolve
 * @property {(reason: Error) => void} reject
 * @property {(progress: Progress) => void} [onProgress]
 */

export class WorkerPort {
  /** @type {Worker} */ #worker;
  /** @type {Map<number, Pending>} */ #pending = new Map();
  /** @type {Error | null} */ #death = null;
  #nextId = 1;

  constructor() {
    this.#worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", (event) => this.#receive(event.data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#die(new EngineDied(event.message || "the worker's script could not be loaded"));
    });
    this.#worker.addEventListener("messageerror", () => {
      this.#die(new EngineDied("the worker sent a message that could not be read"));
    });
  }

  /**
   * @param {Request} request
   * @param {{ signal?: AbortSignal, onProgress?: (progress: Progress) => void }} [options]
   * @returns {Promise<any>}
   */
  call(request, { signal, onProgress } = {}) {
    if (this.#death) return Promise.reject(this.#death);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#pending.delete(id);
        this.#worker.postMessage({ type: "cancel", id });
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const done = () => signal?.removeEventListener("abort", abort);
      this.#pending.set(id, {
        resolve: (value) => (done(), resolve(value)),
        reject: (reason) => (done(), reject(reason)),
        onProgress,
      });
      this.#worker.postMessage({ ...request, id });
    });
  }

  /** @param {Error} [reason] what all that is under way rejects with */
  close(reason = new DOMException("the worker was closed", "AbortError")) {
    this.#die(reason);
  }

  /** @param {FromWorker} message */
  #receive(message) {
    if (message.type === "fatal") {
      this.#die(new EngineDied(message.message));
      return;
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.type === "progress") {
      pending.onProgress?.(message.progress);
      return;
    }
    this.#pending.delete(message.id);
    if (message.type === "result") {
      pending.resolve(message.value);
    } else {
      const error = new Error(message.message);
      error.name = message.name;
      pending.reject(error);
    }
  }

  /** @param {Error} reason */
  #die(reason) {
    if (this.#death) return;
    this.#death = reason;
    this.#worker.terminate();
    for (const pending of this.#pending.values()) pending.reject(reason);
    this.#pending.clear();
  }
}
