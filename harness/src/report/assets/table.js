// The table of phases: sorting, filters, and rows that show their phase in the figure.

const groupOf = (name) => name.trim().split(/\s+/)[0] ?? "";

// Sorts numbers as numbers and puts what is unknown last, whichever way.
const compareCells = (a, b, numeric, sign) => {
  if (!numeric) return sign * a.localeCompare(b, undefined, { numeric: true });
  const [x, y] = [parseFloat(a), parseFloat(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return sign * (x - y);
};

const addSorting = (table, rows) => {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const numeric = head.classList.contains("num");
      const keyed = rows.map((row) => [row.cells[column].textContent, row]);
      keyed.sort((a, b) => compareCells(a[0], b[0], numeric, descending ? -1 : 1));
      table.tBodies[0].append(...keyed.map((pair) => pair[1]));
    });
  });
};

const addChoices = (select, values) => {
  for (const value of [...new Set(values)].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }))) {
    const option = document.createElement("option");
    option.value = `=${value}`;
    option.textContent = value || "unnamed";
    select.append(option);
  }
};

const addFilters = (section, rows) => {
  const tools = section.querySelector(".tools:has(.group)");
  const [group, verdict] = [tools.querySelector(".group"), tools.querySelector(".by-verdict")];
  const shown = tools.querySelector(".shown");
  const facts = rows.map((row) => ({
    row,
    group: groupOf(row.cells[0].textContent),
    verdict: row.cells[row.cells.length - 1].textContent,
  }));
  addChoices(group, facts.map((fact) => fact.group));
  addChoices(verdict, facts.map((fact) => fact.verdict));
  const filter = () => {
    let count = 0;
    for (const fact of facts) {
      const fits = (select, value) => select.value === "" || select.value === `=${value}`;
      const visible = fits(group, fact.group) && fits(verdict, fact.verdict);
      fact.row.hidden = !visible;
      count += Number(visible);
    }
    shown.textContent = `${count} of ${rows.length}`;
  };
  group.addEventListener("change", filter);
  verdict.addEventListener("change", filter);
  tools.hidden = false;
  filter();
};

// One row takes the focus; arrow keys move it, Enter shows the phase.
const addRowKeys = (body, rows, show) => {
  const indexOf = new Map(rows.map((row, index) => [row, index]));
  const focus = (row) => {
    body.querySelectorAll("tr[tabindex='0']").forEach((other) => other.setAttribute("tabindex", "-1"));
    row.setAttribute("tabindex", "0");
    row.focus();
  };
  if (rows.length > 0) rows[0].setAttribute("tabindex", "0");
  const choose = (row) => {
    body.querySelectorAll("tr.chosen").forEach((other) => other.classList.remove("chosen"));
    row.classList.add("chosen");
    show(indexOf.get(row));
  };
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row && window.getSelection().isCollapsed) choose(row);
  });
  body.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr");
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (step) {
      let next = row[step];
      while (next && next.hidden) next = next[step];
      if (next) focus(next);
      event.preventDefault();
    } else if (event.key === "Enter" || event.key === " ") {
      choose(row);
      event.preventDefault();
    }
  });
};

const addTable = (section, plot) => {
  const table = section.querySelector("table.phases");
  if (!table) return;
  const rows = [...table.tBodies[0].rows];
  addSorting(table, rows);
  addFilters(section, rows);
  addRowKeys(table.tBodies[0], rows, (index) => {
    if (plot && phases[index]) showPhase(plot, index);
  });
};
