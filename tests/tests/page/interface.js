// Runs in a page of the site as the body of an async function, with the engine that ships: the JavaScript interface in the
// shape of the W3C draft. What it returns is a list of faults.

// Browsers of 2023 have none.
delete AbortSignal.any;
const { Translator, installPolyfill } = await import(new URL("traduko/traduko.js", base).href);
const pair = { sourceLanguage: "en", targetLanguage: "fr" };
const faults = [];
const check = (what, is) => void (is || faults.push(what));
const nameOf = (promise) => Promise.resolve(promise).then(() => "none", (error) => error.name);

check("a pair without a model is unavailable", (await Translator.availability({ sourceLanguage: "en", targetLanguage: "de" })) === "unavailable");
check("no languages: TypeError", (await nameOf(Translator.availability({}))) === "TypeError");
check("no language tag: RangeError", (await nameOf(Translator.availability({ ...pair, targetLanguage: "fr_FR!" }))) === "RangeError");
check("no model: NotSupportedError", (await nameOf(Translator.create({ sourceLanguage: "en", targetLanguage: "de" }))) === "NotSupportedError");
check("aborted before: AbortError", (await nameOf(Translator.create({ ...pair, signal: AbortSignal.abort() }))) === "AbortError");
check("a bad glossary: TypeError", (await nameOf(Translator.create({ ...pair, glossary: { "": "x" } }))) === "TypeError");
check("a bad beam: RangeError", (await nameOf(Translator.create({ ...pair, beam: 0 }))) === "RangeError");
check("downloadable at first", (await Translator.availability(pair)) === "downloadable");
check("the size is known", (await Translator.downloadBytes(pair)) > 1e6);

// The browser's own translator, by a stub: the browsers of the tests have none.
const its = Object.getOwnPropertyDescriptor(globalThis, "Translator");
const own = {
  availability: async ({ targetLanguage }) => (targetLanguage === "de" ? "unavailable" : "downloadable"),
  create: async ({ targetLanguage }) => ({ translate: async (words) => `${targetLanguage} ${words}`, destroy() {} }),
};
Object.defineProperty(globalThis, "Translator", { value: own, configurable: true });
const preferred = (targetLanguage) => ({ sourceLanguage: "en", targetLanguage, prefer: "built-in" });
check("the browser's own pairs", (await Translator.availability(preferred("es"))) === "downloadable");
check("neither has the pair", (await Translator.availability(preferred("de"))) === "unavailable");
check("the browser's own is none of our download", (await Translator.downloadBytes(preferred("fr"))) === 0);
const part = document.createElement("div");
part.innerHTML = "<p>The cat is here.</p>";
document.body.append(part);
for (const language of ["fr", "es"]) {
  const translator = await Translator.create(preferred(language));
  await translator.translatePage(part);
  check(`the words of its own pair: ${part.textContent}`, part.textContent === `${language} The cat is here.`);
  translator.destroy();
}
part.remove();
check("nothing of ours was downloaded for it", (await Translator.availability(pair)) === "downloadable");
own.create = async ({ monitor }) => {
  const events = new EventTarget();
  monitor(events);
  for (const loaded of [0, 0.4, 0.9]) events.dispatchEvent(new ProgressEvent("downloadprogress", { loaded }));
  throw new DOMException("no language pack", "NetworkError");
};
const shares = [];
const unstarted = Translator.create({
  ...preferred("fr"),
  mostBytes: await Translator.downloadBytes(preferred("fr")),
  monitor: (monitor) => monitor.addEventListener("downloadprogress", ({ loaded }) => shares.push(loaded)),
});
check("ours is not downloaded in its place unasked", (await nameOf(unstarted)) === "NotAllowedError");
check(`progress begins anew with ours: ${shares}`, shares.join() === "0,0.4,0.9,0");
check("one that failed to start counts no more", (await Translator.availability(preferred("fr"))) === "downloadable");
check("the size is that of ours", (await Translator.downloadBytes(preferred("fr"))) > 1e6);
check("its other pairs are still there", (await Translator.downloadBytes(preferred("es"))) === 0);
if (its) Object.defineProperty(globalThis, "Translator", its);
else delete globalThis.Translator;

const abandoned = new AbortController();
const creation = nameOf(Translator.create({ ...pair, engine: "cpu", signal: abandoned.signal }));
check("downloading meanwhile", (await Translator.availability(pair)) === "downloading");
abandoned.abort();
check("aborted meanwhile: AbortError", (await creation) === "AbortError");

const progress = [];
const translator = await Translator.create({
  ...pair,
  engine: "cpu",
  monitor: (monitor) => monitor.addEventListener("downloadprogress", ({ loaded, total }) => progress.push([loaded, total])),
});
check("progress from 0 to 1", progress.length > 2 && progress[0][0] === 0 && progress.at(-1)[0] === 1);
check("progress only grows", progress.every(([loaded, total], at) => total === 1 && loaded >= (progress[at - 1]?.[0] ?? 0)));
check("available now", (await Translator.availability(pair)) === "available");
check("regions are no matter", (await Translator.availability({ sourceLanguage: "en-GB", targetLanguage: "fr-CA" })) === "available");
check("languages are told", translator.sourceLanguage === "en" && translator.targetLanguage === "fr");

const text = "The cat is here. It is cold today.\n\nWhere is the train station?";
const whole = await translator.translate(text);
check(`lines stay lines: ${whole}`, whole.split("\n").length === 3);
check("nothing to translate stays", (await translator.translate(" \n42 ")) === " \n42 ");
check("the empty text stays", (await translator.translate("")) === "");
const pieces = [];
for await (const piece of translator.translateStreaming(text)) pieces.push(piece);
check(`streamed in pieces: ${JSON.stringify(pieces)}`, pieces.length === 3 && pieces.join("") === whole);
const usage = await translator.measureInputUsage(text);
check(`usage ${usage}`, Number.isInteger(usage) && usage > 10 && usage < translator.inputQuota);

const translated = await translator.translateHTML("<h1 title='The cat'>It is <em>cold</em> today.</h1><script>let x;</" + "script><p>The <b>cat</b> &amp; I</p>");
const parsed = new DOMParser().parseFromString(translated, "text/html").body;
check(`HTML keeps its elements: ${translated}`, [...parsed.querySelectorAll("*")].map(({ localName }) => localName).join() === "h1,em,script,p,b");
check(`HTML is translated: ${translated}`, !/It is|\bcat\b/u.test(parsed.textContent));

check("aborted call: AbortError", (await nameOf(translator.translate(text, { signal: AbortSignal.abort() }))) === "AbortError");
const late = new AbortController();
const ended = nameOf(translator.translate(text.repeat(50), { signal: late.signal }));
late.abort(new DOMException("too slow", "TimeoutError"));
check("the signal's own reason", (await ended) === "TimeoutError");

const given = { ...(await Translator.create({ ...pair, engine: "cpu", glossary: { cat: "minou" } }).then(async (own) => {
  const found = await own.translate("The cat is here.");
  own.destroy();
  return { found };
})) };
check(`the glossary is kept: ${given.found}`, given.found.includes("minou"));

const pending = nameOf(translator.translate(text.repeat(20)));
translator.destroy();
check("destroyed meanwhile: AbortError", (await pending) === "AbortError");
check("destroyed: AbortError", (await nameOf(translator.translate("Hello."))) === "AbortError");
const signal = new AbortController();
const bound = await Translator.create({ ...pair, engine: "cpu", signal: signal.signal });
signal.abort();
check("the signal of its creation ends it", (await nameOf(bound.translate("Hello."))) === "AbortError");

// The browser's own, as the draft describes it, would be preferred where there is one.
const had = "Translator" in globalThis;
check("the polyfill where there is none", installPolyfill() === !had && (had || globalThis.Translator === Translator));
check("the polyfill only once", installPolyfill() === false);
return { faults, count: 1 };
