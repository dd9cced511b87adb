// @ts-check
/**
 * The words that cross between the page and a worker, as types only.
 *
 * @typedef {"cpu" | "webgpu"} EngineName
 * @typedef {EngineName | "auto"} EngineChoice
 *
 * @typedef {object} SentenceTranslation
 * @property {string[]} source_pieces
 * @property {string[]} target_pieces
 * @property {number} score length-normalised log-probability
 * @property {number[][]} attention [target][source]; empty unless asked for
 * @property {{ text: string, score: number }[]} alternatives
 *
 * @typedef {object} SourceSpan an element in a text; positions count UTF-16 units
 * @property {number} start
 * @property {number} end
 * @property {number} [parent] the number of the span around it
 *
 * @typedef {string | { text: string, spans: SourceSpan[] }} Source spans in the order in which they begin, an outer one
 *   before what it holds
 *
 * @typedef {object} Translation
 * @property {string} text
 * @property {{ span: number, start: number, end: number }[]} spans every one of the source, in the order of `text`
 * @property {SentenceTranslation[]} sentences
 *
 * @typedef {object} TranslateOptions
 * @property {number} [beam]
 * @property {number} [length_penalty] exponent of the length that scores are divided by; larger favours longer sentences
 * @property {number} [n_best]
 * @property {number} [max_length_factor] most target subwords for each source subword
 * @property {boolean} [keep_numbers] whether a translation that lost a number is searched for again; `true` unless said
 * @property {boolean} [with_attention]
 * @property {Record<string, string>} [glossary] terms and their translations
 * @property {boolean} [leave_target_language] whether a text that is in the target language already comes back as it is
 *
 * @typedef {object} DownloadProgress
 * @property {"download"} stage
 * @property {number} loaded bytes
 * @property {number} total bytes
 * @property {boolean} cached whether every byte so far came from the browser's cache
 *
 * @typedef {object} TranslateProgress
 * @property {"translate"} stage
 * @property {number} done sentences
 * @property {number} total sentences
 *
 * @typedef {DownloadProgress | TranslateProgress} Progress
 *
 * @typedef {object} Loaded
 * @property {EngineName} engine
 * @property {WebAssembly.Module} module for other workers
 *
 * @typedef {object} PrepareRequest only the scripts, no model
 * @property {"prepare"} type
 * @property {EngineName} engine
 *
 * @typedef {object} LoadRequest
 * @property {"load"} type
 * @property {EngineName} engine
 * @property {string} source language code
 * @property {string} target language code
 * @property {boolean} forced whether a person asked for this engine: then a software adapter will do
 * @property {WebAssembly.Module} [module] the engine, where another worker has compiled it
 *
 * @typedef {object} TranslateRequest
 * @property {"translate"} type
 * @property {Source[]} texts
 * @property {TranslateOptions} options
 *
 * @typedef {object} BenchmarkRequest
 * @property {"benchmark"} type
 * @property {number} steps target tokens to produce at least
 *
 * @typedef {{ subwords: number, starts: number[] }} Measure `starts` are the UTF-16 units at which sentences begin
 *
 * @typedef {object} MeasureRequest
 * @property {"measure"} type
 * @property {string} text
 *
 * @typedef {{ type: "memory" }} MemoryRequest bytes of the engine's memory, the model among them
 *
 * @typedef {PrepareRequest | LoadRequest | TranslateRequest | BenchmarkRequest | MeasureRequest | MemoryRequest} Request
 *
 * @typedef {object} CancelMessage
 * @property {"cancel"} type
 * @property {number} id
 *
 * @typedef {(Request & { id: number }) | CancelMessage} ToWorker
 *
 * @typedef {{ type: "progress", id: number, progress: Progress }
 *   | { type: "result", id: number, value: any }
 *   | { type: "error", id: number, name: string, message: string }
 *   | { type: "fatal", message: string }} FromWorker
 */

export {};
