"use strict";
// Tables are sorted by a click on a column's title, and filtered by what is typed.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.sort ?? cell.textContent.trim();
    return text === "" ? null : cell.classList.contains("n") ? Number(text) : text;
  };
  [...table.tHead.rows[0].cells].forEach((title, column) => {
    const sort = () => {
      const up = title.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      title.setAttribute("aria-sort", up ? "ascending" : "descending");
      const compare = (a, b) => {
        if (a[0] === null || b[0] === null) return (a[0] === null) - (b[0] === null);
        const order = typeof a[0] === "number" ? a[0] - b[0] : a[0].localeCompare(b[0], undefined, { numeric: true });
        return up ? order : -order;
      };
      const rows = [...body.rows].map((row) => [key(row, column), row]);
      body.append(...rows.sort(compare).map((pair) => pair[1]));
    };
    title.tabIndex = 0;
    title.addEventListener("click", sort);
    title.addEventListener("keydown", (event) => event.key === "Enter" && sort());
  });
}
for (const input of document.querySelectorAll("input.filter")) {
  const rows = document.getElementById(input.dataset.table).tBodies[0].rows;
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}
// A link to an output opens it.
const open = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
};
window.addEventListener("hashchange", open);
open();
