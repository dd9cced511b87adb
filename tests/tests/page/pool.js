// Runs in a page of the site as the body of an async function, with the engine that ships: several workers share what there
// is to translate. What it returns is how many things it tried and a list of faults.

const faults = [];
let count = 0;
const check = (what, is) => void (count++, is || faults.push(what));
const workers = [];
const OwnWorker = window.Worker;
window.Worker = class extends OwnWorker {
  isEnded = false;
  constructor(...parameters) {
    super(...parameters);
    workers.push(this);
  }
  terminate() {
    this.isEnded = true;
    super.terminate();
  }
};
const pretend = (name, value) => Object.defineProperty(navigator, name, { value, configurable: true });
const { Translator } = await import(new URL("traduko/traduko.js", base).href);
const create = () => Translator.create({ sourceLanguage: "en", targetLanguage: "fr", engine: "cpu" });

const subjects = ["The cat", "My sister", "The train", "A friend of mine", "The old house", "Nobody", "The doctor", "This book"];
const verbs = ["is here", "was late", "is very small", "comes from the village", "sleeps", "is not mine", "is in the garden"];
const ends = ["today.", "now.", "again.", "with us.", "every day."];
const sentences = subjects.flatMap((subject) => verbs.flatMap((verb) => ends.map((end) => `${subject} ${verb} ${end}`)));
const html = sentences.map((sentence) => `<p>${sentence.replace(" is ", " <b>is</b> ")}</p>`).join("");

pretend("hardwareConcurrency", 1);
const alone = await create();
const wanted = await alone.translateHTML(html);
check(`one worker for one core, not ${workers.length}`, workers.length === 1);
alone.destroy();
check("a worker ends with its translator", workers[0].isEnded);

workers.length = 0;
pretend("hardwareConcurrency", 3);
const shared = await create();
check("one worker at first", workers.length === 1);
check("a short text needs no more", (await shared.translate("The cat is here.")) !== "" && workers.length === 1);
check("several give the same words", (await shared.translateHTML(html)) === wanted);
check(`three workers for three cores, not ${workers.length}`, workers.length === 3);
const translatePage = async (translator) => {
  const page = document.createElement("div");
  page.innerHTML = html;
  document.body.append(page);
  await translator.translatePage(page);
  const found = page.innerHTML.replaceAll(/ lang="[^"]*"| dir="[^"]*"/gu, "");
  page.remove();
  return found;
};
const before = workers.length;
const forPage = await create();
check("a page from the first has the same words", (await translatePage(forPage)) === wanted);
check(`a page is worth three workers too, not ${workers.length - before}`, workers.length - before === 3);
forPage.destroy();
check("what is known is shared too", (await translatePage(shared)) === wanted);

// The tab's memory runs out in one of them; others have calls of their own.
const some = sentences.filter((_, at) => at % 10 === 0);
const translateSome = () => Promise.all(some.map((sentence) => shared.translate(sentence)));
const said = await translateSome();
const under = shared.translateHTML(html);
const calls = translateSome().catch(String);
await new Promise((resolve) => setTimeout(resolve, 50));
const atDeath = workers.length;
workers[1].dispatchEvent(new ErrorEvent("error", { message: "out of memory", cancelable: true }));
check("where one dies, all is translated all the same", (await under) === wanted);
check(`so is every call beside it: ${await calls}`, `${await calls}` === `${said}`);
check("the others of its pool end with it", workers.slice(0, 3).every(({ isEnded }) => isEnded));

const stop = new AbortController();
const stopped = shared.translateHTML(html, { signal: stop.signal }).then(() => "none", (error) => error.name);
stop.abort();
check("what waits is given up at once", (await stopped) === "AbortError");
check(`one worker takes their place, not ${workers.length - atDeath}`, workers.length - atDeath === 1);
shared.destroy();
check("all workers end", workers.every(({ isEnded }) => isEnded));

// Only Chromium says what is a phone in so many words.
workers.length = 0;
pretend("userAgentData", undefined);
pretend("userAgent", "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0");
const onPhone = await create();
check("a phone gives the same words", (await onPhone.translateHTML(html)) === wanted);
check(`one worker on a phone, not ${workers.length}`, workers.length === 1);
onPhone.destroy();
return { faults, count };
