// @ts-check
/**
 * One worker or more with the same engine and the same model. Texts wait here until a worker is free, the first ones first;
 * where they wait for long, another worker is started, up to one for each core and four in all.
 */

/** @typedef {import("./worker-port.js").WorkerPort} WorkerPort */
/** @typedef {import("./protocol.js").Request} Request */
/** @typedef {import("./protocol.js").Source} Source */
/** @typedef {import("./protocol.js").TranslateOptions} TranslateOptions */
/** @typedef {import("./protocol.js").Translation} Translation */

/**
 * @typedef {object} Job
 * @property {Request} request
 * @property {AbortSignal} [signal]
 * @property {(value: any) => void} resolve
 * @property {(reason: unknown) => void} reject
 */

/** Texts that a worker gets at once: enough for full batches, few enough that all workers are done at about the same time. */
const TEXTS_PER_JOB = 32;
/** Jobs that a worker has: one that runs, and the next, so that it never waits for the page. */
const JOBS_PER_WORKER = 2;
const MOST_WORKERS = 4;
/** How long texts wait before another worker is worth its start. */
const PATIENCE_MS = 200;

/** How many workers this machine is good for: one on a phone, or where memory is short. */
function mostWorkers() {
  const { hardwareConcurrency, deviceMemory = 8, maxTouchPoints, userAgent, userAgentData } = /** @type {any} */ (navigator);
  // Chromium alone says so itself. An iPad calls itself a Mac, which has no touch screen.
  const seemsMobile = /Mobi|Android/u.test(userAgent) || (/Macintosh/u.test(userAgent) && maxTouchPoints > 1);
  if (deviceMemory < 4 || (userAgentData?.mobile ?? seemsMobile)) return 1;
  return Math.max(1, Math.min(hardwareConcurrency || 1, MOST_WORKERS));
}

export class EnginePool {
  /** @type {{ port: WorkerPort, jobs: number }[]} */ #members;
  /** @type {Job[]} */ #queue = [];
  /** @type {() => Promise<WorkerPort>} */ #start;
  #most;
  #isGrowing = false;
  /** @type {number | null} since when there is more to do than workers */ #waitingSince = null;
  #isClosed = false;

  /**
   * @param {WorkerPort} first a worker that has loaded
   * @param {(() => Promise<WorkerPort>) | null} start loads another; without it there is one
   */
  constructor(first, start) {
    this.#members = [{ port: first, jobs: 0 }];
    this.#start = start ?? (() => Promise.reject());
    this.#most = start ? mostWorkers() : 1;
  }

  /**
   * @param {Source[]} texts
   * @param {TranslateOptions} options
   * @param {AbortSignal} [signal]
   * @returns {Promise<Translation[]>}
   */
  async translate(texts, options, signal) {
    const jobs = [];
    for (let at = 0; at < texts.length; at += TEXTS_PER_JOB) {
      jobs.push(this.call({ type: "translate", texts: texts.slice(at, at + TEXTS_PER_JOB), options }, signal));
    }
    return (await Promise.all(jobs)).flat();
  }

  /**
   * Asks the first worker that is free.
   *
   * @param {Request} request
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  call(request, signal) {
    return new Promise((resolve, reject) => {
      // One that a worker has already is cancelled there.
      const abandon = () => {
        const at = this.#queue.indexOf(job);
        if (at < 0) return;
        this.#queue.splice(at, 1);
        job.reject(signal?.reason);
      };
      const done = () => signal?.removeEventListener("abort", abandon);
      /** @type {Job} */
      const job = {
        request,
        signal,
        resolve: (value) => (done(), resolve(value)),
        reject: (reason) => (done(), reject(reason)),
      };
      this.#queue.push(job);
      signal?.addEventListener("abort", abandon);
      this.#serve();
    });
  }

  /** Workers that are ready. */
  get size() {
    return this.#members.length;
  }

  /** Resolves when all that was asked is answered; rejects where a worker dies meanwhile. */
  async drain() {
    while (this.#queue.length > 0 || this.#members.some(({ jobs }) => jobs > 0)) {
      await this.call({ type: "memory" });
    }
  }

  /** @param {Error} [reason] what all that was asked rejects with */
  close(reason = new DOMException("the engine was closed", "AbortError")) {
    this.#isClosed = true;
    for (const { port } of this.#members) port.close(reason);
    for (const { reject } of this.#queue.splice(0)) reject(reason);
  }

  #serve() {
    while (this.#queue.length > 0) {
      const member = this.#members.reduce((least, other) => (other.jobs < least.jobs ? other : least));
      if (member.jobs >= JOBS_PER_WORKER) break;
      const { request, signal, resolve, reject } = /** @type {Job} */ (this.#queue.shift());
      member.jobs++;
      member.port
        .call(request, { signal })
        .then(resolve, reject)
        .finally(() => {
          member.jobs--;
          this.#serve();
        });
    }
    const waits = this.#queue.length > 0 || this.#members.every(({ jobs }) => jobs > 1);
    this.#waitingSince = waits ? this.#waitingSince ?? performance.now() : null;
    if (this.#waitingSince !== null && performance.now() - this.#waitingSince > PATIENCE_MS) void this.#grow();
  }

  async #grow() {
    if (this.#isGrowing || this.#isClosed || this.#members.length >= this.#most) return;
    this.#isGrowing = true;
    try {
      const port = await this.#start();
      if (this.#isClosed) return port.close();
      this.#members.push({ port, jobs: 0 });
      this.#serve();
    } catch {
      // There is no memory for another, or its files are gone: those that run will do.
      this.#most = this.#members.length;
    } finally {
      this.#isGrowing = false;
    }
  }
}
