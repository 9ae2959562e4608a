// Figures: values where a pointer is, numbers that can be copied, an image that can be kept. Without scripts the numbers
// of a figure are below it, folded, and each mark tells its own.
(() => {
  const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
  document.body.append(tip);
  const rowsOf = (figure) => [...(figure.querySelector(".data table")?.rows ?? [])];
  // Along an axis of months: what stands in the month's row of the figure's numbers.
  for (const drawn of document.querySelectorAll("figure svg[data-step]")) {
    const { x, step, columns } = drawn.dataset;
    const table = rowsOf(drawn.closest("figure"));
    const at = (event) => {
      const box = drawn.getBoundingClientRect();
      const place = ((event.clientX - box.left) / box.width) * drawn.viewBox.baseVal.width;
      const month = Math.max(0, Math.min(table.length - 2, Math.round((place - x) / step)));
      const told = columns.split(",").map((k) => `${table[0].cells[k].textContent}: ${table[month + 1].cells[k].textContent}`);
      tip.textContent = [`${table[0].cells[0].textContent} ${table[month + 1].cells[0].textContent}`, ...told].join("\n");
      tip.hidden = false;
      const left = Math.min(event.pageX + 14, scrollX + document.documentElement.clientWidth - tip.offsetWidth - 6);
      Object.assign(tip.style, { left: `${Math.max(6, left)}px`, top: `${event.pageY + 16}px` });
    };
    drawn.addEventListener("pointermove", at);
    drawn.addEventListener("pointerleave", () => (tip.hidden = true));
  }
  // Words that begin like a formula are none to the spreadsheet that they are put into.
  const inert = (text) => (Number.isNaN(Number(text)) ? text.replace(/^(?=[=+@-])/, "'") : text);
  const copied = (figure) =>
    rowsOf(figure)
      .map((row) => [...row.cells].map((cell) => inert(cell.textContent.replaceAll("\u2212", "-"))).join("\t"))
      .join("\n");
  // The panels as they stand on the page, in its colours and fonts, as one SVG.
  const image = (figure) => {
    const style = getComputedStyle(document.documentElement);
    const whole = (figure.querySelector(".panels") ?? figure.querySelector("svg")).getBoundingClientRect();
    const parts = [...figure.querySelectorAll(".panels h3, .panel h4, .panel .swatch, svg")].map((part) => {
      const box = part.getBoundingClientRect();
      const place = `x="${box.left - whole.left}" y="${box.top - whole.top}" width="${box.width}" height="${box.height}"`;
      if (part.matches("svg")) return part.outerHTML.replace("<svg", `<svg ${place}`);
      if (part.matches(".swatch")) return `<rect ${place} rx="2" fill="${part.style.background}"/>`;
      const indent = part.firstElementChild ? 18 : 0;
      const letters = [...part.textContent];
      let room = box.width - indent; // a letter is about so wide, a Chinese one wider
      const fit = letters.findIndex((letter) => (room -= letter > "\u2e80" ? 14.5 : 8.6) < 0);
      const shown = fit < 0 ? part.textContent : `${letters.slice(0, fit).join("")}…`;
      const words = new XMLSerializer().serializeToString(document.createTextNode(shown));
      return `<text x="${box.left - whole.left + indent}" y="${box.top - whole.top + 15}" font-size="14" font-weight="600" fill="var(--ink)">${words}</text>`;
    });
    const size = `viewBox="-16 -16 ${whole.width + 32} ${whole.height + 32}" width="${whole.width + 32}" height="${whole.height + 32}"`;
    const fonts = getComputedStyle(figure).fontFamily.replaceAll('"', "'");
    const drawn = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${size} font-family="${fonts}"><rect x="-16" y="-16" width="100%" height="100%" fill="var(--paper)"/>${parts.join("")}</svg>`;
    return drawn.replace(/var\((--\w+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  };
  const does = {
    copy: (figure) => navigator.clipboard.writeText(copied(figure)),
    save: (figure) => {
      const href = URL.createObjectURL(new Blob([image(figure)], { type: "image/svg+xml" }));
      Object.assign(document.createElement("a"), { href, download: `${figure.getAttribute("aria-label")}.svg` }).click();
      URL.revokeObjectURL(href);
    },
  };
  for (const tools of document.querySelectorAll("figure > .tools")) tools.hidden = false;
  for (const made of document.querySelectorAll("figure button[data-do]"))
    made.addEventListener("click", async () => {
      const figure = made.closest("figure");
      await does[made.dataset.do](figure);
      if (made.dataset.do === "copy") made.textContent = figure.dataset.copied;
    });
})();
