/** Traduko: translates pages inside the visitor's browser. The shape of the W3C draft Translator API, and more. */

export interface TranslatorPair {
  /** BCP 47 */
  sourceLanguage: string;
  /** BCP 47 */
  targetLanguage: string;
  /**
   * Whose translator to use where the browser has one, which knows no `glossary`, `engine` or `beam`; default `traduko`.
   */
  prefer?: "traduko" | "built-in";
}

export interface TranslatorCreateOptions extends TranslatorPair {
  /** Ends the creation, and later the translator. */
  signal?: AbortSignal;
  /** Is given what sends `downloadprogress` events, `loaded` from 0 to 1. */
  monitor?: (monitor: EventTarget) => void;
  /** Rejects with `NotAllowedError` rather than download more from this site; default any number. */
  mostBytes?: number;
  /** Terms and their translations; a term that is its own translation stays as it is. */
  glossary?: Record<string, string>;
  /** Default `auto`, the faster one. */
  engine?: "auto" | "cpu" | "webgpu";
  /** Hypotheses kept at each step, 1 to 64; more take longer and translate a little better; default 2. */
  beam?: number;
  onEngine?: (report: EngineReport) => void;
}

export interface EngineReport {
  name: "cpu" | "webgpu";
  /** Why this engine, in words. */
  reason: string;
  /** `false` while WebGPU is still being tried. */
  isFinal: boolean;
}

export interface PageOptions {
  /** Ends the translation and gives the original back. */
  signal?: AbortSignal;
  /** Blocks of text and attributes. */
  onProgress?: (progress: { done: number; total: number }) => void;
  onBusy?: (isBusy: boolean) => void;
  /** When a translation failed: the first, whose promise rejects too, or a later one. */
  onError?: (error: unknown) => void;
}

export class Translator {
  private constructor();
  static availability(options: TranslatorPair): Promise<"unavailable" | "downloadable" | "downloading" | "available">;
  /** Rejects with `NotSupportedError`, `NetworkError`, `AbortError`, `NotAllowedError` or `OperationError`. */
  static create(options: TranslatorCreateOptions): Promise<Translator>;
  /**
   * Bytes to download from this site before a pair can be translated: none where this browser keeps them all, or where its own
   * translator is preferred and there, until it fails to start: `create` goes on with ours then.
   */
  static downloadBytes(options: TranslatorPair): Promise<number>;
  readonly sourceLanguage: string;
  readonly targetLanguage: string;
  readonly inputQuota: number;
  measureInputUsage(input: string, options?: { signal?: AbortSignal }): Promise<number>;
  translate(input: string, options?: { signal?: AbortSignal }): Promise<string>;
  translateStreaming(input: string, options?: { signal?: AbortSignal }): ReadableStream<string>;
  /** Every element is kept, text and the attributes that people read are translated. */
  translateHTML(html: string, options?: { signal?: AbortSignal }): Promise<string>;
  /** Translates in place and keeps the page translated while it changes. */
  translatePage(root?: Document | ShadowRoot | Element, options?: PageOptions): Promise<void>;
  /** Gives every page that was translated its original back. */
  restore(): void;
  /** The original of the text at a node, or null where nothing was translated. */
  originalAt(node: Node): string | null;
  destroy(): void;
}

/** Makes `Translator` global where the browser has none; tells whether it did. */
export function installPolyfill(): boolean;

/** Loads the engine's scripts ahead, so that a page whose connection is lost later can still start it. */
export function prepareEngine(): Promise<void>;

/** Resolves once this page would open without a connection; rejects where it cannot be, or the worker does not answer. */
export function keepOffline(worker: URL): Promise<void>;

/** `<traduko-translate from="en" to="fr" engine glossary prefer offline>` */
export class TradukoTranslate extends HTMLElement {
  readonly sourceLanguage: string;
  readonly state: "unavailable" | "idle" | "downloading" | "translating" | "translated" | "failed";
  translatePage(): Promise<void>;
  undo(): void;
}
