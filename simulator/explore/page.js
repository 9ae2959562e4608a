"use strict";
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const { words, language } = JSON.parse(find("#data").textContent);
  const stage = find(".stage"), SPACE = "http://www.w3.org/2000/svg";

  // ---- what is asked ------------------------------------------------------------------------------
  const stops = new Map(all("input[type=range]").map((input) => [input, JSON.parse(input.dataset.stops)]));
  const controls = all("[data-key]");
  const valueOf = (control) =>
    control.type === "range" ? stops.get(control)[control.value][0]
    : control.type === "checkbox" ? String(control.checked) : control.value;
  const homeOf = (control) =>
    control.type === "range" ? stops.get(control)[control.dataset.home][0]
    : control.type === "checkbox" ? String(control.dataset.home === "1") : control.dataset.home;

  /** Return the question as the server writes it in an address: only what differs, in the order of the page. */
  function question() {
    const said = new URLSearchParams();
    const from = find("#from"), world = find("#world");
    if (from && from.selectedIndex > 0) said.append("from", from.value);
    if (world && world.value !== world.dataset.home) said.append("world", world.value);
    for (const control of controls) {
      if (valueOf(control) !== homeOf(control)) said.append(control.dataset.key, valueOf(control));
    }
    return said.toString();
  }

  const spoken = new URLSearchParams(location.search).get("language");
  const withLanguage = (said, spoken) => [said, spoken && `language=${spoken}`].filter(Boolean).join("&");

  function show(control) {
    if (control.type !== "range") return;
    const most = Number(control.max) || 1, at = 100 * control.value / most, home = 100 * control.dataset.home / most;
    const shown = stops.get(control)[control.value][1];
    find(`output[for="${control.id}"]`).textContent = shown;
    control.setAttribute("aria-valuetext", shown);
    control.style.setProperty("--low", Math.min(at, home));
    control.style.setProperty("--long", Math.abs(at - home));
    control.parentNode.style.setProperty("--home", home);
  }

  function showAll() {
    controls.forEach(show);
    for (const policy of all(".policy")) {
      policy.classList.toggle("off", !find("input[type=checkbox]", policy).checked);
    }
    const other = find("#other");
    other.href = `?${withLanguage(question(), language === "zh" ? "en" : "zh")}`;
  }

  let source = null, asked = null, waiting = 0;
  const ADDRESS = 250; // milliseconds: browsers take no more than 200 changes of the address in ten seconds

  /** Have the address say what is asked; a moment later, so that a drag does not use up what the browser allows. */
  function keepAddress() {
    waiting = 0;
    history.replaceState(null, "", `?${withLanguage(asked, spoken)}`);
  }

  /** Ask the question that stands on the page; what was asked before is dropped, on both sides. */
  function ask() {
    showAll();
    const said = question();
    if (said === asked) return;
    asked = said;
    source?.close();
    stage.setAttribute("aria-busy", "true");
    stage.dataset.asked = said;
    waiting ||= setTimeout(keepAddress, ADDRESS);
    const here = new EventSource(`pictures?${withLanguage(said, language)}`);
    source = here;
    here.onmessage = (event) => {
      const found = JSON.parse(event.data);
      if (here !== source || new URLSearchParams(found.question).toString() !== asked) return; // of a setting that is no longer on the page
      if (found.settled) here.close();
      draw(found);
    };
    here.onerror = () => {
      if (here === source) find("#counted").textContent = words.lost;
    };
  }

  // ---- what is drawn ------------------------------------------------------------------------------
  let last = null;
  const scales = new Map();

  function draw(found) {
    last = found;
    find("#verdict").textContent = found.refused ?? found.verdict;
    find("#changed").textContent = found.changed ?? "";
    if (!found.refused) {
      find("#cautions").replaceChildren(...found.cautions.map((said) => element("li", "", said)));
      find("#cautions").hidden = !found.cautions.length;
      find("#counted").textContent = found.counted;
      const share = Math.round(100 * found.progress);
      find("#bar .done").setAttribute("width", `${share}%`);
      find("#bar").setAttribute("aria-valuenow", share);
      drawChanges(found);
      drawPath(found);
      drawCauses(found);
    } else find("#counted").textContent = "";
    if (found.settled) find("#status").textContent = find("#verdict").textContent;
    stage.setAttribute("aria-busy", "false");
    stage.classList.toggle("refused", found.refused !== undefined);
    stage.dataset.question = found.question;
    stage.dataset.settled = found.settled;
  }

  /**
   * Return the scale of a figure in this world and these months. It grows with what the whole book says alone, so that
   * a drag moves no scale and a first picture, of few people, sets none; before there is any, a picture has its own.
   */
  function scaleOf(name, largest, isWhole) {
    const key = [name, find("#world")?.value, find("#months").value].join(" ");
    if (isWhole && largest > (scales.get(key) ?? 0)) scales.set(key, 1.15 * largest);
    return scales.get(key) ?? (1.15 * largest || 1);
  }

  function drawn(name, attributes, text) {
    const node = document.createElementNS(SPACE, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function element(name, className, text) {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function drawChanges(found) {
    const rows = found.rows.map((row) => {
      const reach = scaleOf(row.name, Math.max(Math.abs(row.low), Math.abs(row.high)), found.settled);
      const place = (x) => Math.max(0, Math.min(100, 50 + 50 * x / reach));
      const line = element("tr", row.clear ? "clear" : "within");
      const head = element("th", "", row.label);
      head.scope = "row";
      head.append(element("span", "", row.about));
      const value = element("td", "n");
      value.append(element("b", "", row.text));
      const bar = element("td", "bar");
      const svg = drawn("svg", { "aria-hidden": "true" });
      const low = place(row.low), high = place(row.high);
      svg.append(
        drawn("line", { x1: "50%", x2: "50%", y1: 0, y2: 18, class: "zero" }),
        drawn("rect", { x: `${low}%`, width: `${Math.max(0.4, high - low)}%`, y: 5, height: 8, rx: 1, class: "own-fill", opacity: 0.35 }),
        drawn("circle", { cx: `${place(row.value)}%`, cy: 9, r: 4, class: "own-fill" }),
      );
      bar.append(svg);
      line.append(head, value, bar, element("td", "n wide quiet", row.interval));
      return line;
    });
    find("#changes tbody").replaceChildren(...rows);
  }

  const LOW = 10, HIGH = 262 - 38;

  function drawPath({ path, settled }) {
    const box = find("#path"), width = box.clientWidth || 600, left = 38, right = width - 66;
    const months = path.own.value.length;
    const peak = Math.max(0, ...[path.own, path.baseline].flatMap((each) => [...each.value, ...each.high].filter((x) => x !== null)));
    const top = ceiling(scaleOf("path", peak, settled));
    const x = (month) => left + (right - left) * (months > 1 ? month / (months - 1) : 0.5);
    const y = (value) => HIGH - (HIGH - LOW) * Math.min(value, top) / top;
    const svg = drawn("svg", { height: 262, viewBox: `0 0 ${width} 262`, role: "img", "aria-label": path.words });
    for (let k = 0; k <= 5; k++) {
      const value = top * k / 5;
      svg.append(drawn("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "grid" }));
      svg.append(drawn("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, plain(value)));
    }
    const every = months > 36 ? 12 : months > 12 ? 6 : 3;
    for (let month = every; month <= months; month += every) {
      svg.append(drawn("text", { x: x(month - 1), y: HIGH + 18, "text-anchor": "middle" }, month));
    }
    svg.append(drawn("text", { x: (left + right) / 2, y: 259, "text-anchor": "middle" }, words.month));
    const line = (values) => values.map((value, k) => value === null ? "" : `${x(k).toFixed(1)},${y(value).toFixed(1)}`).filter(Boolean);
    for (const [each, name] of [[path.baseline, "base"], [path.own, "own"]]) {
      const band = [...line(each.high), ...line(each.low).reverse()];
      svg.append(drawn("polygon", { points: band.join(" "), class: `${name}-fill faint` }));
      svg.append(drawn("polyline", { points: line(each.value).join(" "), class: `${name}-line` }));
    }
    let mine = y(path.own.value.at(-1) ?? 0), theirs = y(path.baseline.value.at(-1) ?? 0);
    if (Math.abs(mine - theirs) < 15) {
      const middle = (mine + theirs) / 2, sign = mine < theirs ? -1 : 1;
      [mine, theirs] = [middle + 8 * sign, middle - 8 * sign];
    }
    svg.append(drawn("text", { x: right + 8, y: mine + 4, class: "mine" }, path.ends.own));
    svg.append(drawn("text", { x: right + 8, y: theirs + 4 }, path.ends.baseline));
    box.replaceChildren(svg);
  }

  function drawCauses({ causes, settled }) {
    const box = find("#causes"), width = box.clientWidth || 400, left = language === "zh" ? 80 : 96;
    find("#unit").textContent = causes.rows.length ? (language === "zh" ? `，${causes.unit}` : `, ${causes.unit}`) : "";
    const most = scaleOf("causes", Math.max(0, ...causes.rows.flatMap((row) => [row.own, row.baseline])), settled);
    const long = (value) => Math.max(1, (width - left - 62) * Math.max(value, 0) / most);
    const svg = drawn("svg", { height: 262, viewBox: `0 0 ${width} 262`, role: "img", "aria-label": causes.words });
    const step = Math.min(62, 254 / Math.max(1, causes.rows.length));
    causes.rows.forEach((row, k) => {
      const y = 8 + k * step, thick = Math.min(16, step / 2 - 4);
      svg.append(drawn("text", { x: 0, y: y + thick + 5, class: "ink" }, row.label));
      for (const [value, text, name, down] of [[row.baseline, row.text[1], "base", 0], [row.own, row.text[0], "own", thick + 3]]) {
        svg.append(drawn("rect", { x: left, y: y + down, width: long(value), height: thick, class: `${name}-fill`, opacity: name === "base" ? 0.55 : 1 }));
        svg.append(drawn("text", { x: left + long(value) + 6, y: y + down + thick - 3, class: name === "own" ? "mine" : "" }, text));
      }
    });
    box.replaceChildren(svg);
  }

  /** Return the next of 1, 2, 2.5, 5 times a power of ten, of which fifths are round. */
  function ceiling(value) {
    const ten = 10 ** Math.floor(Math.log10(value || 1));
    return [1, 2, 2.5, 5, 10].map((by) => by * ten).find((round) => round >= value * 0.999);
  }

  const plain = (value) => String(Number(value.toPrecision(4)));

  // ---- what one does ------------------------------------------------------------------------------
  /** In a list that has to rise or to fall, move the others on either side as far as the one that was moved asks. */
  function takeAlong(control) {
    const list = control.closest(".list"), order = Number(list?.dataset.order ?? 0);
    if (!order) return;
    const members = all("input[type=range]", list), at = members.indexOf(control), moved = Number(control.value);
    members.forEach((other, place) => {
      const most = (place - at) * order > 0 ? Math.max : Math.min;
      if (place !== at) other.value = most(Number(other.value), moved);
    });
  }

  for (const control of controls) {
    control.addEventListener(control.type === "range" ? "input" : "change", () => {
      const policy = control.closest(".policy"), onOff = policy && find("input[type=checkbox]", policy);
      if (onOff && onOff !== control) onOff.checked = true; // who moves a setting wants it in force
      takeAlong(control);
      ask();
    });
  }
  find("#world")?.addEventListener("change", ask);
  find("#from")?.addEventListener("change", () => {
    const kept = new URLSearchParams(question()), said = new URLSearchParams({ from: find("#from").value });
    for (const key of ["world", "months"]) if (kept.has(key)) said.set(key, kept.get(key));
    location.search = withLanguage(said.toString(), spoken);
  });
  find("form").addEventListener("submit", (event) => event.preventDefault());
  find("#reset").addEventListener("click", () => {
    for (const control of controls) {
      if (control.type === "range") control.value = control.dataset.home;
      else if (control.type === "checkbox") control.checked = control.dataset.home === "1";
      else control.value = control.dataset.home;
    }
    if (find("#world")) find("#world").value = find("#world").dataset.home;
    ask();
  });
  /** Return what the server answers to a wish; an error in its own words. */
  async function wish(what) {
    const answer = await fetch(`${what}?${withLanguage(question(), language)}`, { method: "POST" });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  function tell(title, text, whole) {
    find("#saved-title").textContent = title;
    find("#saved-words").textContent = text;
    find("#saved-text").textContent = whole ?? "";
    find("#saved-text").hidden = whole === undefined;
    if (!find("#saved").open) find("#saved").showModal();
  }

  const filled = (sentence, name, text) => sentence.replace(`{${name}}`, () => text);

  find("#save").addEventListener("click", async () => {
    find("#saved-report").hidden = true;
    try {
      const { path, text } = await wish("save");
      tell(words.saved, filled(words.written, "path", path), text);
    } catch (error) {
      tell(words.saved, filled(words.failed, "why", error.message));
    }
  });
  find("#report").addEventListener("click", async () => {
    const link = find("#saved-link"), progress = find("#saved-report progress");
    find("#saved-report").hidden = false;
    [progress.hidden, link.hidden, progress.value] = [false, true, 0];
    try {
      const { name, path } = await wish("reports");
      tell(words.report, filled(words.lived, "path", path));
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 400));
        const state = await (await fetch(`reports/${encodeURIComponent(name)}`)).json();
        if (state.problem) throw new Error(state.problem);
        progress.value = state.share;
        if (!state.folder) continue;
        link.href = `reports/${encodeURIComponent(name)}/report.html`;
        [progress.hidden, link.hidden] = [true, false];
        tell(words.report, filled(words.made, "folder", state.folder));
        window.open(link.href, "_blank", "noopener");
        return;
      }
    } catch (error) {
      progress.hidden = true;
      tell(words.report, filled(words.failed, "why", error.message));
    }
  });
  find("#theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  new ResizeObserver(() => { if (last && !last.refused) { drawPath(last); drawCauses(last); } }).observe(find("#path"));
  if (matchMedia("(max-width: 900px)").matches) { // what is moved is open; all else would hide the figures
    for (const part of all(".policy, .list")) part.open = controls.some((one) => part.contains(one) && valueOf(one) !== homeOf(one));
  }
  ask();
})();
