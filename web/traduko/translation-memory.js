// @ts-check
/**
 * What this browser has translated on this site, kept for the next page (IndexedDB). Bounded: the longest unused goes
 * first. Where there is no room or no database, translations are made anew, and nothing else changes.
 */

import { BASE } from "./catalog.js";

/** @typedef {import("./protocol.js").Source} Source */
/** @typedef {{ text: string, spans: { span: number, start: number, end: number }[] }} Kept */

const DATABASE = `traduko ${BASE.pathname}`;
const STORE = "translations";
/** About 6 MB where a block has 150 characters. */
const MOST_ENTRIES = 10_000;
const DAY_MS = 86_400_000;

export class TranslationMemory {
  /** @type {string} what else a translation depends on */ #prefix;
  /** @type {Promise<IDBDatabase | null> | null} */ #database = null;

  /** @param {string} prefix the model and how it is used */
  constructor(prefix) {
    this.#prefix = prefix;
  }

  /**
   * What is kept for each of `sources`.
   *
   * @param {Source[]} sources
   * @returns {Promise<(Kept | undefined)[]>}
   */
  async read(sources) {
    const database = await this.#open();
    if (!database) return sources.map(() => undefined);
    try {
      const store = database.transaction(STORE).objectStore(STORE);
      const found = await Promise.all(sources.map((source) => done(store.get(this.#keyOf(source)))));
      const today = dayNow();
      const old = found.flatMap((kept, index) => (kept && kept.day < today ? [{ kept, source: sources[index] }] : []));
      // Used today: these stay longer.
      if (old.length > 0) void this.write(old.map(({ source }) => source), old.map(({ kept }) => kept));
      return found;
    } catch (error) {
      this.#give(error);
      return sources.map(() => undefined);
    }
  }

  /**
   * @param {Source[]} sources
   * @param {Kept[]} translations
   */
  async write(sources, translations) {
    const database = await this.#open();
    if (!database) return;
    try {
      const store = database.transaction(STORE, "readwrite").objectStore(STORE);
      const day = dayNow();
      await Promise.all(sources.map((source, index) => {
        const { text, spans } = translations[index];
        return done(store.put({ text, spans, day }, this.#keyOf(source)));
      }));
    } catch (error) {
      this.#give(error);
    }
  }

  /** @param {Source} source */
  #keyOf(source) {
    return `${this.#prefix} ${typeof source === "string" ? source : JSON.stringify(source)}`;
  }

  #open() {
    this.#database ??= open().catch((error) => (this.#give(error), null));
    return this.#database;
  }

  /** @param {unknown} error */
  #give(error) {
    console.warn("translations are not kept in this browser:", error);
    this.#database = Promise.resolve(null);
  }
}

function dayNow() {
  return Math.floor(Date.now() / DAY_MS);
}

/** @returns {Promise<IDBDatabase | null>} */
async function open() {
  if (!globalThis.indexedDB) return null;
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE).createIndex("day", "day");
  const database = await done(opening);
  // Another tab with a newer script may go on.
  database.onversionchange = () => database.close();
  await dropOldest(database);
  return database;
}

/**
 * Makes room for a quarter more once the bound is passed.
 *
 * @param {IDBDatabase} database
 */
async function dropOldest(database) {
  const store = database.transaction(STORE, "readwrite").objectStore(STORE);
  const count = await done(store.count());
  if (count <= MOST_ENTRIES) return;
  let left = count - MOST_ENTRIES * 0.75;
  const request = store.index("day").openCursor();
  await new Promise((resolve, reject) => {
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor || left-- <= 0) return resolve(undefined);
      cursor.delete();
      cursor.continue();
    };
  });
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
