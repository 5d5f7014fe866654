"use strict";
// Only a help: without it the page says the same.  Tables can be sorted, and long ones filtered.
const LONG = 8;

function key(cell) {
  const value = cell ? (cell.dataset.v ?? cell.textContent) : "";
  return value !== "" && !isNaN(value) ? Number(value) : value;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", {numeric: true});
}

function sort(table, header) {
  const column = header.cellIndex, body = table.tBodies[0];
  const down = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const rows = [...body.rows].map(row => [key(row.cells[column]), row]);
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
  rows.sort((a, b) => down * compare(a[0], b[0]));
  body.append(...rows.map(row => row[1]));
}

function filter(table, text) {
  const wanted = text.toLowerCase();
  for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
}

for (const table of document.querySelectorAll("table")) {
  if (table.tBodies[0].rows.length < 2) continue;
  for (const header of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    button.addEventListener("click", () => sort(table, header));
  }
  if (table.tBodies[0].rows.length <= LONG) continue;
  const input = document.createElement("input");
  input.type = "search";
  input.placeholder = "Filter";
  input.setAttribute("aria-label", "Filter: " + table.caption.textContent);
  input.addEventListener("input", () => filter(table, input.value));
  table.parentElement.before(input);
}
