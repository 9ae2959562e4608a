// Tables that can be copied as numbers and sorted. Without scripts the page lacks these buttons and nothing else.
(() => {
  const plain = (cell) => cell.innerText.trim().split("\n")[0].trim();
  const SIZES = { thousand: 1e3, million: 1e6, billion: 1e9, 万: 1e4, 亿: 1e8 };
  // A number with its currency, size or unit: "−CNY 1.2 million" and "−120 万元" are -1200000, "3.1 %" is 3.1.
  const amount = (text) => {
    const found = text
      .replaceAll("\u2212", "-")
      .replaceAll(",", "")
      .match(/^([+-]?)(?:[A-Z]{3}\s)?(\d+(?:\.\d+)?)(?:\s?(thousand|million|billion|万|亿))?\s?(?:%|pp|个百分点|元|[A-Z]{3})?$/);
    return found && Number((Number(found[1] + found[2]) * (SIZES[found[3]] ?? 1)).toPrecision(12));
  };
  const number = (text) => {
    const digits = text.replaceAll("\u2212", "-").replaceAll(",", "").replace(/^\+/, "").replace(/[\s\u00a0].*$|%$/, "");
    return amount(text) ?? (digits !== "" && Number.isFinite(Number(digits)) ? Number(digits) : null);
  };
  const asCopied = (cell) => {
    const whole = cell.innerText.trim().replaceAll("\u00a0", " ").replaceAll("\u2212", "-");
    const value = amount(plain(cell));
    // Words that begin like a formula are none to the spreadsheet that they are put into.
    return value === null ? whole.replace(/\s+/g, " ").replace(/^(?=[=+@-])/, "'") : String(value);
  };
  const button = (words, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = words;
    made.addEventListener("click", () => act(made));
    return made;
  };
  for (const table of document.querySelectorAll(".wide > table")) {
    table.parentElement.after(
      Object.assign(document.createElement("p"), { className: "tools" }),
    );
    const words = table.closest("main").dataset;
    table.parentElement.nextElementSibling.append(
      button(words.copy ?? "Copy as numbers", async (made) => {
        const rows = [...table.rows].map((row) => [...row.cells].map(asCopied).join("\t"));
        await navigator.clipboard.writeText(rows.join("\n"));
        made.textContent = words.copied ?? "Copied";
      }),
    );
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const fixed = [...body.rows].filter((row) => row.classList.contains("base"));
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const words = head.textContent;
      head.textContent = "";
      head.append(
        button(words, () => {
          const falls = head.getAttribute("aria-sort") !== "descending";
          for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
          head.setAttribute("aria-sort", falls ? "descending" : "ascending");
          const key = (row) => plain(row.cells[column]);
          const order = (a, b) => {
            const [x, y] = [number(key(a)), number(key(b))];
            return x !== null && y !== null ? x - y : key(a).localeCompare(key(b));
          };
          const rows = [...body.rows].filter((row) => !fixed.includes(row)).sort(order);
          body.append(...(falls ? rows.reverse() : rows), ...fixed);
        }),
      );
    });
  }
})();
