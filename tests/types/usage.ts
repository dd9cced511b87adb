// What a site owner writes who installed the package from npm; compiled against it, never run.
import { TradukoTranslate, Translator, installPolyfill, keepOffline, prepareEngine } from "traduko";

const controller = new AbortController();
const translator: Translator = await Translator.create({
  sourceLanguage: "en",
  targetLanguage: "fr",
  signal: controller.signal,
  glossary: { "Canal Street": "Canal Street" },
  beam: 2,
  monitor: (monitor) => monitor.addEventListener("downloadprogress", () => {}),
  onEngine: ({ name, reason }) => console.log(name, reason),
});
const text: string = await translator.translate("Good morning.");
for await (const piece of translator.translateStreaming(text)) console.log(piece.length);
await translator.translatePage(document.body, { onProgress: ({ done, total }) => console.log(done / total) });
const original: string | null = translator.originalAt(document.body);
translator.restore();
const bytes: number = await Translator.downloadBytes({ sourceLanguage: "en", targetLanguage: "fr", prefer: "built-in" });
const isInstalled: boolean = installPolyfill();
await keepOffline(new URL("traduko-sw.js", location.href));
await prepareEngine();
const control = document.querySelector("traduko-translate") as TradukoTranslate;
console.log(control.state === "idle", original, bytes, isInstalled);
// @ts-expect-error: a pair has two languages
await Translator.create({ sourceLanguage: "en" });
