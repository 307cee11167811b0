// Saves clicks where it can; every page works without it.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-ask]");
  if (button && !window.confirm(button.dataset.ask)) event.preventDefault();
});

// On a phone the menu's rows scroll sideways: where one is stays in sight.
document.querySelectorAll(".menu [aria-current]").forEach((link) => {
  const row = link.closest("ul");
  row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
});

// Every table but those that are parts of a form: headings sort, a box in the caption filters, a button writes CSV
// where the server gives no file (the answer to a form).
(() => {
  const words = (cell) => (cell ? cell.textContent.trim() : "");
  const figure = (text) => {
    const found = /^[-+]?[\d,]+(\.\d+)?(?=$|\s|[^\d:.-])/.exec(text);
    return found ? Number(found[0].replaceAll(",", "")) : NaN;
  };
  const compare = (a, b) => {
    const [x, y] = [figure(a), figure(b)];
    if (!Number.isNaN(x) && !Number.isNaN(y) && x !== y) return x - y;
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return a.localeCompare(b, "zh");
  };
  const sortBy = (table, heading, place) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    table.querySelectorAll("thead th").forEach((each) => each.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => compare(words(a.cells[place]), words(b.cells[place])));
    body.append(...(down ? rows.reverse() : rows));
  };
  const addSort = (table) => {
    [...table.tHead.rows[0].cells].forEach((heading, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sortBy(table, heading, place));
      heading.append(button);
    });
  };
  const addFilter = (table, tools) => {
    const box = document.createElement("input");
    box.type = "search";
    box.placeholder = "筛选";
    box.setAttribute("aria-label", `筛选：${table.caption.firstChild.textContent.trim()}`);
    box.addEventListener("input", () => {
      const sought = box.value.trim().toLowerCase().split(/\s+/);
      [...table.tBodies[0].rows].forEach((row) => {
        const text = row.textContent.toLowerCase();
        row.hidden = !sought.every((word) => text.includes(word));
      });
    });
    tools.prepend(box);
  };
  const csvOf = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => {
    const text = words(cell).replace(/\s+/g, " ");
    const safe = /^([=@]|[+-](?![0-9 ().-]*$))/.test(text) ? `'${text}` : text;
    return `"${safe.replaceAll('"', '""')}"`;
  }).join(",")).join("\r\n");
  const addCsv = (table, tools) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = "下载 CSV";
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(["\ufeff", csvOf(table)], { type: "text/csv" }));
      link.download = `${document.querySelector("h1").textContent}.csv`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
    tools.append(button);
  };
  document.querySelectorAll("table:not(.fields)").forEach((table) => {
    if (!table.caption || !table.tHead || !table.tBodies[0]) return;
    let tools = table.caption.querySelector(".tools");
    const given = tools !== null;
    if (!given) {
      tools = Object.assign(document.createElement("span"), { className: "tools" });
      table.caption.append(tools);
      if (!("export" in table.dataset)) addCsv(table, tools);
    }
    if (table.tBodies[0].rows.length < 2) return;
    addSort(table);
    addFilter(table, tools);
  });
})();
