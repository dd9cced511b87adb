// Runs in a page as the body of an async function, after `kinds`, each with its `name`, its `language` and what the native
// binary `said` to the `sentences`. What it returns is a list of faults.

const { Translator } = await import(new URL("traduko/traduko.js", base).href);
const faults = [];
for (const { name, language, said } of kinds) {
  const translator = await Translator.create({ sourceLanguage: "en", targetLanguage: language, engine: "cpu", beam: 2 });
  const found = await Promise.all(sentences.map((sentence) => translator.translate(sentence)));
  if (JSON.stringify(found) !== JSON.stringify(said)) faults.push(`${name}: ${JSON.stringify(found)}, natively ${JSON.stringify(said)}`);
  translator.destroy();
}
return { faults, count: kinds.length };
