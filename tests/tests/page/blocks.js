// Runs in a page of the site as the body of an async function: `fixtures` are pairs of HTML and the blocks it is read as, and
// what it returns is a list of faults.

const { CATALOG } = await import(new URL("traduko/traduko.js", base).href);
const { findBlocks } = await import(new URL(`traduko/${CATALOG.version}/blocks.js`, base).href);
const { LanguageMarks } = await import(new URL(`traduko/${CATALOG.version}/language-marks.js`, base).href);
const { Rewriting } = await import(new URL(`traduko/${CATALOG.version}/rewrite.js`, base).href);
const faults = [];
const stage = document.body.appendChild(document.createElement("main"));
for (const sheet of document.styleSheets) sheet.disabled = true;

/** A text with its elements as `<0>` and `</0>`. */
function show(text, spans, parentOf) {
  let shown = "";
  let at = 0;
  const open = [];
  const upTo = (end) => ((shown += text.slice(at, end)), (at = end));
  const close = () => {
    const last = open.pop();
    upTo(last.end);
    shown += `</${last.span}>`;
  };
  for (const element of spans) {
    while (open.length > 0 && open.at(-1).span !== parentOf(element.span)) close();
    upTo(element.start);
    shown += `<${element.span}>`;
    open.push(element);
  }
  while (open.length > 0) close();
  upTo(text.length);
  return shown.replaceAll("\n", "\\n").replaceAll("\ufffc", "*");
}

for (const [html, wanted] of fixtures) {
  stage.innerHTML = html;
  // The site's policy forbids style attributes.
  for (const element of stage.querySelectorAll("[data-display]")) element.style.display = element.dataset.display;
  const found = findBlocks(stage, "en").map(({ text, spans }) => (
    show(text, spans.map((span, index) => ({ span: index, ...span })), (index) => spans[index].parent)
  ));
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    faults.push(`${html}\n  read as ${JSON.stringify(found)}\n  wanted  ${JSON.stringify(wanted)}`);
  }
}

// Random trees and random translations, always the same ones.
let seed = 7;
const random = (below) => ((seed = (seed * 48271) % 2147483647), seed % below);
const pick = (choices) => choices[random(choices.length)];

function randomHtml(depth) {
  let html = pick(["", " ", "\n  "]);
  for (let count = random(5); count > 0; count--) {
    const kind = depth === 0 ? random(4) : random(8);
    if (kind < 3) html += pick(["one", "two, ", " three", " 4", "<!-- note -->", "&amp;", " "]);
    else if (kind === 3) html += pick(["<img>", "<br>", "<code>x  y</code>", "<i></i>", "<wbr>", "<b translate=no>N<u>O</u></b>"]);
    else html += `<${pick(["a", "b", "em", "span"])}>${randomHtml(depth - 1)}</>`.replace(/<(\w+)>([^]*)<\/>$/, "<$1>$2</$1>");
  }
  return html + pick(["", " ", "\n"]);
}

/** Any order of neighbours, any words: what a translation may do to a block. */
function randomTranslation(block) {
  const spans = [];
  let text = "";
  const write = (parent) => {
    const say = () => {
      if (random(3) > 0) text += pick(["un", " deux", "trois ", " ", "d'"]);
    };
    say();
    const children = block.spans.flatMap((span, index) => (span.parent === parent ? [index] : []));
    for (let left = children.length; left > 0; left--) {
      const [child] = children.splice(random(left), 1);
      const placed = { span: child, start: text.length, end: 0 };
      spans.push(placed);
      if (!block.inlines[child].isAtom) write(child);
      else text += block.text.slice(block.spans[child].start, block.spans[child].end);
      placed.end = text.length;
      say();
    }
  };
  write(undefined);
  return { text, spans };
}

const squeeze = (text) => text.replace(/\s+/gu, "");

/** What a parent shows, atoms apart. */
function showNodes(block, nodes) {
  return [...nodes].map((node) => {
    if (node instanceof Text) return node.data;
    const index = block.inlines.findIndex(({ element }) => element === node);
    if (index < 0) return "";
    return `<${index}>${block.inlines[index].isAtom ? "" : showNodes(block, node.childNodes)}</${index}>`;
  }).join("");
}

let rewritten = 0;
for (let round = 0; round < 600; round++) {
  stage.innerHTML = `<p>${randomHtml(3)}</p>`;
  const before = stage.innerHTML;
  const nodes = [...nodesOf(stage)];
  const parents = nodes.map((node) => node.parentNode);
  for (const block of findBlocks(stage, "en")) {
    const translation = randomTranslation(block);
    const rewriting = new Rewriting(block, translation);
    rewritten++;
    const wanted = squeeze(show(translation.text, translation.spans, (index) => block.spans[index].parent).replace(/\*|\\n/g, ""));
    const run = block.parent === stage.firstChild ? stage.firstChild.childNodes : block.parent.childNodes;
    const found = squeeze(showNodes(block, run));
    if (found !== wanted) faults.push(`${before}\n  shows  ${found}\n  wanted ${wanted}`);
    if (nodes.some((node, index) => node.parentNode !== parents[index])) faults.push(`${before}: a node left its parent`);
    rewriting.restore();
    if (stage.innerHTML !== before) faults.push(`${before}\n  restored as ${stage.innerHTML}`);
  }
  const now = [...nodesOf(stage)];
  if (now.length !== nodes.length || now.some((node, index) => node !== nodes[index])) faults.push(`${before}: other nodes`);
}

// The page has written its own language over the mark: that stays, and our direction goes.
stage.innerHTML = '<p lang="en">text</p>';
const paragraph = stage.firstChild;
const marks = new LanguageMarks("en", "ar");
marks.mark(paragraph, stage);
const { dir } = paragraph;
paragraph.lang = "de";
marks.restore();
if (dir !== "rtl" || stage.innerHTML !== '<p lang="de">text</p>') faults.push(`${dir} was restored as ${stage.innerHTML}`);
if (rewritten < 300) faults.push(`only ${rewritten} blocks were rewritten`);
stage.remove();
return { faults: faults.slice(0, 10), count: fixtures.length + rewritten };

function* nodesOf(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ALL);
  while (walker.nextNode()) yield walker.currentNode;
}
