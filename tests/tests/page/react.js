// Runs in the React page as the body of an async function: random actions while the page is translated. What it returns is a
// list of faults.

const { Translator } = await import(new URL("traduko/traduko.js", base).href);
const { faults } = window;
const [app, twin] = [document.getElementById("app"), document.getElementById("twin")];
const translator = await Translator.create({ sourceLanguage: "en", targetLanguage: "fr", engine: "cpu" });

const ACTIONS = ["add", "insert first", "remove", "finish", "finish", "write", "reverse", "rotate", "name", "hint", "hint"];
const STEPS = 150;
let seed = 7;
/** A number from 0 to `n` - 1: Park and Miller's generator, so that a fault can be seen again. */
const random = (n) => ((seed = (seed * 48271) % 2147483647) % n);
const idsOf = (root) => [...root.querySelectorAll("li")].map(({ dataset }) => dataset.id).join(" ");
const tagsOf = (root) => [...root.querySelectorAll("*")].map(({ localName }) => localName).sort().join(" ");
const settle = async () => {
  let isBusy = true;
  const started = performance.now();
  // Longer than we wait for a page that writes all the time.
  for (let quiet = 0; quiet < 25; quiet = isBusy ? 0 : quiet + 1) {
    const before = app.innerHTML;
    await new Promise((resolve) => setTimeout(resolve, 100));
    isBusy = before !== app.innerHTML || busy;
    if (performance.now() - started > 60_000) throw new Error("the page never comes to rest");
  }
};

let busy = false;
const typed = app.querySelector("input");
typed.value = "typed by the visitor";
await translator.translatePage(document, { onBusy: (isBusy) => (busy = isBusy) });
if (app.innerHTML === twin.innerHTML) faults.push("nothing was translated");

for (let step = 0; step < STEPS; step++) {
  const [type, at] = [ACTIONS[random(ACTIONS.length)], random(100)];
  const where = `step ${step}, ${type} ${at}`;
  try {
    window.act(type, at);
  } catch (error) {
    faults.push(`${where}: ${error}`);
    break;
  }
  // Now and then the translations arrive before the next action, now and then they do not.
  if (random(3) > 0) await new Promise((resolve) => setTimeout(resolve, random(80)));
  if (idsOf(app) !== idsOf(twin)) faults.push(`${where}: tasks ${idsOf(app)}, expected ${idsOf(twin)}`);
  if (tagsOf(app) !== tagsOf(twin)) faults.push(`${where}: elements ${tagsOf(app)}, expected ${tagsOf(twin)}`);
  if (faults.length > 0) break;
}
await settle();
const words = app.querySelector("p").textContent;
if (/\b(?:You have|open tasks?|today)\b/u.test(words)) faults.push(`the last state is not translated: ${words}`);
if (app.querySelector("input") !== typed || typed.value !== "typed by the visitor") faults.push("the field lost what was typed");
if (!app.querySelector("p b")?.textContent.includes(twin.querySelector("p b").textContent)) {
  faults.push(`the number of open tasks is lost: ${app.querySelector("p").innerHTML}`);
}

translator.restore();
if (app.innerHTML !== twin.innerHTML) faults.push(`given back as ${app.innerHTML}, expected ${twin.innerHTML}`);
window.act("add", 1);
if (app.innerHTML !== twin.innerHTML) faults.push(`after the original: ${app.innerHTML}, expected ${twin.innerHTML}`);
return { faults, count: STEPS };
