// @ts-check
/**
 * The attention of one sentence as a table: a row for each target piece, a column for each source piece.
 * A table rather than a drawing, so that a screen reader can walk it.
 */

/** @typedef {import("../traduko/protocol.js").SentenceTranslation} SentenceTranslation */

/** From this weight on, a cell is dark enough to need the light ink. */
const STRONG = 0.55;
const END = "(end)";

/**
 * @param {HTMLTableElement} table
 * @param {SentenceTranslation} sentence
 */
export function drawHeatMap(table, sentence) {
  const { source_pieces: source, target_pieces: target, attention } = sentence;
  const columns = Math.max(0, ...attention.map((row) => row.length));

  const caption = document.createElement("caption");
  caption.textContent = `Score ${sentence.score.toFixed(2)} (mean log-probability of a piece)`;

  const head = document.createElement("thead");
  const headRow = head.insertRow();
  headRow.append(document.createElement("td"));
  for (let column = 0; column < columns; column++) headRow.append(headerCell("col", source[column] ?? END));

  const body = document.createElement("tbody");
  attention.forEach((weights, row) => {
    const bodyRow = body.insertRow();
    bodyRow.append(headerCell("row", target[row] ?? END));
    for (const weight of weights) bodyRow.append(weightCell(weight));
  });
  table.replaceChildren(caption, head, body);
}

/**
 * @param {"row" | "col"} scope
 * @param {string} text
 */
function headerCell(scope, text) {
  const cell = document.createElement("th");
  cell.scope = scope;
  cell.textContent = text;
  return cell;
}

/** @param {number} weight between 0 and 1 */
function weightCell(weight) {
  const cell = document.createElement("td");
  cell.style.setProperty("--weight", weight.toFixed(3));
  cell.classList.toggle("strong", weight >= STRONG);
  cell.textContent = String(Math.round(weight * 100));
  return cell;
}
