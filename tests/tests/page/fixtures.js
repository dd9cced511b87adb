// Runs in a page of the site as the body of an async function, with the engine that ships: each fixture is a trap, translated
// in place and given back. What it returns is a list of faults.

const { Translator } = await import(new URL("traduko/traduko.js", base).href);
const faults = [];
const translator = await Translator.create({
  sourceLanguage: "en",
  targetLanguage: "fr",
  engine: "cpu",
  glossary: { "Canal Street": "Canal Street", "spoke wrench": "clé à rayons" },
});
for (const sheet of document.styleSheets) sheet.disabled = true;
const stage = document.body.appendChild(document.createElement("main"));

/** A fixture: its trap, its HTML, and what has to hold beside the skeleton and the way back. */
const fixtures = [
  // Inline elements
  ["nested inline tags", "<p>You can <a href='#x'>read <b>our <i>short</i> guide</b></a> before you go.</p>"],
  ["two links in one sentence", "<p>You can read <a href='#1'>our guide</a> or look at <a href='#2'>the prices</a>.</p>"],
  ["a sentence that is one link", "<p><a href='#x'>We are open every day.</a></p>"],
  ["bold first word", "<p><b>Never</b> leave your bike in the rain.</p>"],
  ["bold last word", "<p>Leave your bike at <b>home</b>.</p>"],
  ["tags without words", "<p>Turn the <b></b>wheel <span></span>slowly.</p>"],
  ["adjacent tags without a space", "<p><b>Black</b><i>bird</i> songs are beautiful.</p>"],
  ["punctuation outside the tag", "<p>Is it <em>really</em>? Yes, <em>it is</em>!</p>"],
  ["a tag across two sentences", "<p>It is late. <b>Go home. Sleep well.</b> See you tomorrow.</p>"],
  ["deep nesting", "<p>This <b><i><u><s><em><strong>is a very deep</strong></em></s></u></i></b> sentence.</p>"],
  ["superscript", "<p>The garden is 20 m<sup>2</sup> large.</p>", { holds: ["2"] }],
  ["inserted and deleted text", "<p>The price is <del>ten euros</del> <ins>eight euros</ins> today.</p>"],
  ["abbreviations with titles", "<p>The <abbr title='a small wheel'>SW</abbr> is broken.</p>"],
  ["ruby", "<p>We sell <ruby>word<rp>(</rp><rt>sound</rt><rp>)</rp></ruby> books.</p>"],
  ["line breaks", "<p>Monday is closed.<br>Tuesday is open.<br/>Come and see us.</p>"],
  ["a break in a sentence", "<p>We open at nine<br>every morning.</p>"],
  ["word break opportunity", "<p>A very long<wbr>word is here.</p>"],
  ["image in a sentence", "<p>Press the <img src='/icons/icon.svg' alt='green button' width='9' height='9'> button.</p>"],
  ["image at the start of a link", "<p><a href='#x'><img src='/icons/icon.svg' alt='' width='9' height='9'> Home page</a></p>"],
  ["icon font element", "<p><i class='icon icon-home'></i> Go home now.</p>"],
  ["quotation", "<p>She said: <q>The shop is closed today.</q></p>"],
  ["time and data", "<p>The shop opens at <time datetime='09:00'>nine o'clock</time> for <data value='5'>five</data> people.</p>"],
  ["mark and small", "<p>Please read <mark>this line</mark> and <small>the small print</small>.</p>"],
  // Blocks
  ["headings", "<h1>Our shop</h1><h2>What we do</h2><h3>Where we are</h3>"],
  ["a list", "<ul><li>We repair old bikes.</li><li>We sell new bikes.<ul><li>Big ones.</li></ul></li></ul>"],
  ["a list in a link", "<a href='#x'><ul><li>The first point</li><li>The second point</li></ul></a>"],
  ["a card in a link", "<a href='#x'><h3>The old bridge</h3><p>It was built by the river.</p></a>"],
  ["definition list", "<dl><dt>Helmet</dt><dd>Wear it in summer.</dd></dl>"],
  ["table", "<table><caption>When we are open</caption><thead><tr><th>Day</th><th>Hours</th></tr></thead><tbody><tr><td>Monday</td><td>9:00–12:00</td></tr></tbody></table>", { holds: ["9:00–12:00"] }],
  ["blockquote and figure", "<blockquote><p>They are very friendly.</p><footer>A happy customer</footer></blockquote><figure><figcaption>Our old bike.</figcaption></figure>"],
  ["details", "<details><summary>More about us</summary><p>We live near the river.</p></details>"],
  ["text beside blocks", "<div>Before the box<p>Inside the box</p>after the box</div>"],
  ["text in a bare div", "<div>Hello, my friend.<div>How are you today?</div></div>"],
  ["address and section", "<section><address>Write to <a href='mailto:info@example.org'>info@example.org</a> today.</address></section>", { holds: ["info@example.org"] }],
  ["hidden text", "<p hidden>The menu is not open yet.</p>"],
  ["a row of links", "<nav><a href='#1'>Home</a> | <a href='#2'>About us</a> | <a href='#3'>Contact</a></nav>"],
  ["text with white space", "<p>\n    The cat\n    is <b>\n sleeping </b>   now.\n  </p>"],
  ["comments between", "<p>The cat <!-- a comment -->is sleeping<!-- another --> here.</p>"],
  ["entities", "<p>Tom &amp; Jerry are friends, 5 &lt; 6, &copy; us &nbsp; and you.</p>", { holds: ["5 <"] }],
  ["split text nodes", "<p>The shop is closed today.</p>", { before: (stage) => stage.querySelector("p").firstChild.splitText(8).splitText(4) }],
  ["5,000 nodes", Array.from({ length: 1250 }, (_, at) => `<p><b>The house</b> <i>${at}</i></p>`).join("")],
  // Left alone
  ["code in a sentence", "<p>Type <code>cargo build</code> and wait.</p>", { holds: ["cargo build"] }],
  ["preformatted text", "<pre>let the cat be;</pre>", { leaves: true }],
  ["keys and samples", "<p>Press <kbd>Ctrl</kbd> and read <samp>the output</samp>.</p>", { holds: ["Ctrl", "the output"] }],
  ["translate=no", "<p>Our shop is called <span translate='no'>The Red House</span>.</p>", { holds: ["The Red House"] }],
  ["translate=yes inside no", "<div translate='no'>The Red House<p translate='yes'>We are open today.</p></div>", { holds: ["The Red House"] }],
  ["class notranslate", "<p class='notranslate'>We are open today.</p>", { leaves: true }],
  ["text in another language", "<p>He said <span lang='de'>Guten Tag</span> to me.</p><p lang='fr'>Bonjour à tous.</p>", { holds: ["Guten Tag", "Bonjour à tous."] }],
  ["target language without a mark", "<p>Nous avons ouvert notre magasin près de la rivière il y a dix ans.</p>", { leaves: true }],
  ["editable text", "<div contenteditable='true'><p>Write your text here.</p></div>", { leaves: true }],
  ["textarea and fields", "<label>Your name: <input value='the cat'></label><textarea>The dog is here.</textarea>", { holds: ["The dog is here."] }],
  ["mathematics", "<p>We know that <math><mi>x</mi><mo>=</mo><mn>1</mn></math> is true.</p>", { holds: ["x=1"] }],
  ["script and noscript", "<p>The cat is here.</p><script type='text/plain'>the cat</script><noscript>the cat</noscript>", { holds: ["the cat"] }],
  ["template", "<template><p>The cat is in a template.</p></template>", { leaves: true }],
  ["svg text", "<svg width='9' height='9'><title>The picture</title><text>The cat is drawn.</text></svg>", { leaves: true }],
  ["addresses and files", "<p>Open https://example.org/the/cat?a=b or config.toml, and write to info@example.org.</p>", { holds: ["https://example.org/the/cat?a=b", "config.toml", "info@example.org"] }],
  ["placeholders", "<p>Hello {name}, you have %d new letters from ${sender}.</p>", { holds: ["{name}", "%d", "${sender}"] }],
  ["numbers", "<p>In 2024 we sold 1,250 bikes for 3.5 million euros at 10:30.</p>", { digits: ["2024", "1250", "35", "10", "30"] }],
  ["emoji", "<p>The coffee is free \u{1f389}\u{1f44d}\u{1f3fd} and the cake too \u2764\ufe0f.</p>", { holds: ["\u{1f389}\u{1f44d}\u{1f3fd}", "\u2764\ufe0f"] }],
  ["glossary", "<p>Come to Canal Street with a spoke wrench.</p>", { holds: ["Canal Street", "clé à rayons"], lacks: ["spoke wrench"] }],
  ["only signs", "<p>***</p><p>12.50 €</p><p>—</p>", { leaves: true }],
  // Forms and attributes
  ["button texts", "<button>Save the page</button><input type='submit' value='Send the letter'><input type='submit' name='go' value='Go home now'><input type='text' value='the cat'>", { attributes: [["input[type=submit]", "value"]], keeps: [["input[name]", "value"], ["input[type=text]", "value"]] }],
  ["placeholder and labels", "<input placeholder='Write your name here' aria-label='Your name'><p title='The old house'>It is old.</p>", { attributes: [["input", "placeholder"], ["p", "title"]] }],
  ["alternative text", "<img src='/icons/icon.svg' alt='A blue bicycle with two large wheels' width='9' height='9'>", { attributes: [["img", "alt"]] }],
  ["options with values", "<select><option value='a'>The first day</option><option>The second day</option></select>", { holds: ["The second day"] }],
  ["attributes that stay", "<p class='the house' id='the-cat' data-text='The cat is here.'>The cat is here.</p>", { keeps: [["p", "data-text"], ["p", "id"]] }],
  // Writing
  ["right to left", "<p dir='rtl' lang='en'>The cat is here.</p>"],
  ["all capitals", "<p>THE SHOP IS CLOSED TODAY</p>", { isUpper: true }],
  ["one word", "<p>Bicycle</p>"],
  ["a very long sentence", `<p>${"The cat and the dog and the bird walk to the river, ".repeat(30)}and then they sleep.</p>`],
  ["no space between sentences", "<p>It is late.Go home.See you tomorrow.</p>"],
];

const kind = (node) => (node.nodeType === 1 ? node.tagName : node.nodeType === 8 ? `!${node.data}` : "");
/** Elements and comments with all that is not ours to change; siblings in any order. */
function skeleton(node, texts = ["alt", "title", "placeholder", "aria-label", "value", "lang", "dir"]) {
  const attributes = [...(node.attributes ?? [])].filter(({ name }) => !texts.includes(name)).map(({ name, value }) => `${name}=${value}`);
  const children = [...node.childNodes].filter((child) => child.nodeType !== 3).map((child) => skeleton(child, texts)).sort();
  return `${kind(node)}[${attributes}](${children})`;
}

for (const [trap, html, wanted = {}] of fixtures) {
  stage.innerHTML = html;
  wanted.before?.(stage);
  const fault = (text) => faults.push(`${trap}: ${text}\n  ${stage.innerHTML.slice(0, 400)}`);
  const [before, bones, text] = [stage.innerHTML, skeleton(stage), stage.textContent];
  const kept = (wanted.keeps ?? []).map(([selector, name]) => stage.querySelector(selector).getAttribute(name));
  const read = (wanted.attributes ?? []).map(([selector, name]) => stage.querySelector(selector).getAttribute(name));
  const nodes = [...walk(stage)];
  await translator.translatePage(stage);
  const now = stage.textContent;
  if (skeleton(stage) !== bones) fault("the skeleton changed");
  const still = new Set(walk(stage));
  if (nodes.some((node) => !still.has(node))) fault("a node is gone");
  if (wanted.leaves ? now !== text : now === text && !wanted.attributes) fault(wanted.leaves ? "it was translated" : "it was not translated");
  for (const part of wanted.holds ?? []) if (!now.includes(part)) fault(`lost ${part}`);
  for (const part of wanted.lacks ?? []) if (now.includes(part)) fault(`still has ${part}`);
  const digits = now.replace(/\D/gu, "");
  for (const run of wanted.digits ?? []) if (!digits.includes(run)) fault(`lost the number ${run}`);
  if (wanted.isUpper && now !== now.toUpperCase()) fault("capitals were lost");
  (wanted.keeps ?? []).forEach(([selector, name], at) => {
    if (stage.querySelector(selector).getAttribute(name) !== kept[at]) fault(`${name} was changed`);
  });
  (wanted.attributes ?? []).forEach(([selector, name], at) => {
    if (stage.querySelector(selector).getAttribute(name) === read[at]) fault(`${name} was not translated`);
  });
  translator.restore();
  if (stage.innerHTML !== before) fault(`not restored; it was\n  ${before.slice(0, 400)}\n  and is`);
  const back = [...walk(stage)];
  if (back.length !== nodes.length || back.some((node, at) => node !== nodes[at])) fault("other nodes came back");
}
stage.remove();
translator.destroy();
return { faults, count: fixtures.length };

function* walk(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ALL);
  while (walker.nextNode()) yield walker.currentNode;
}
