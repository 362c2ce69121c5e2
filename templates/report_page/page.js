"use strict";
(() => {
  const root = document.documentElement, at = (id) => document.getElementById(id);
  const data = JSON.parse(at("data").textContent);
  root.classList.add("js");
  // A row: id, item, model, outcome, failed, cause, mode, fault, words, question, whether it is whole
  data.rows = data.rows.map(([ident, item, model, outcome, cause, mode, fault, failed, ...rest]) => [
    ident, item, data.names[model], data.names[outcome], failed.map((place) => data.names[place]),
    data.names[cause], data.names[mode], data.names[fault], ...rest]);

  const make = (tag, text, props) => {
    const element = Object.assign(document.createElement(tag), props);
    if (text) element.textContent = text;
    return element;
  };
  const squeezed = (text) => text.replace(/\s+/g, " ").trim();
  const anchorOf = (ident) => "#" + encodeURIComponent("dp:" + ident);
  const identOf = (href) => {
    try { return decodeURIComponent(href.slice(href.indexOf("#") + 1)).replace(/^dp:/, ""); }
    catch { return ""; }
  };

  // Light and dark
  const theme = at("theme");
  const isDark = () => (root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const keep = (value) => { try { localStorage.setItem("theme", value); } catch { /* not kept */ } };
  try {
    const kept = localStorage.getItem("theme");
    if (kept) root.dataset.theme = kept;
  } catch { /* none kept */ }
  const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    keep(root.dataset.theme);
    label();
  });
  label();

  // Each number says which fact it is
  const tip = at("tip");
  let shown = null, pinned = false;
  const hideTip = () => {
    tip.hidden = true;
    if (shown) shown.removeAttribute("aria-describedby");
    shown = null;
    pinned = false;
  };
  const showTip = (button) => {
    if (shown && shown !== button) hideTip();
    tip.replaceChildren(...button.dataset.fact.split(" ").map((key) => {
      const [value, words] = data.facts[key] ?? ["", "there is no such fact any more"];
      const line = make("p", "");
      line.append(make("b", value), " " + words, make("code", key));
      return line;
    }));
    tip.hidden = false;
    const place = button.getBoundingClientRect(), width = tip.offsetWidth;
    tip.style.left = `${scrollX + Math.max(12, Math.min(place.left, root.clientWidth - width - 12))}px`;
    const below = place.bottom + tip.offsetHeight + 8 < innerHeight;
    tip.style.top = `${scrollY + (below ? place.bottom + 6 : place.top - tip.offsetHeight - 6)}px`;
    button.setAttribute("aria-describedby", "tip");
    shown = button;
  };
  for (const button of document.querySelectorAll(".fact")) {
    button.removeAttribute("title");
    button.addEventListener("mouseenter", () => showTip(button));
    button.addEventListener("mouseleave", () => { if (!pinned) hideTip(); });
    button.addEventListener("focus", () => showTip(button));
    button.addEventListener("blur", hideTip);
    button.addEventListener("click", () => { showTip(button); pinned = true; });
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

  // A datapoint opens beside what cites it
  const panel = at("panel"), body = at("panel-body"), title = at("panel-title");
  const byIdent = new Map(data.rows.map((row) => [row[0], row]));
  const wholeOf = (ident) => at("dp:" + ident);
  let home = null;
  const putBack = () => {
    if (home) home.replaceWith(body.firstElementChild);
    home = null;
    body.replaceChildren();
  };
  // As a shell needs it: shlex.quote of Python
  const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);
  const inShort = (ident) => {
    const row = byIdent.get(ident), box = make("article", "", { className: "datapoint" });
    if (!row) {
      box.append(make("p", "This datapoint is not on this page."));
    } else {
      const facts = make("p", "", { className: "facts soft" });
      facts.append(badge(row[3], row[3]), ...row[4].flatMap((name) => [" ", badge(name)]), " ", make("code", ident));
      box.append(facts);
      if (row[5] || row[6]) {
        box.append(make("p", [row[5] || `provisional mode ${row[6]}`, row[7].replaceAll("_", " ")].filter(Boolean).join(" · ")));
      }
      for (const words of [row[8], row[9]]) if (words) box.append(make("p", words));
    }
    box.append(make("p", row ? "Only this line of it is here. The whole datapoint:" : "The datapoint:", { className: "soft" }));
    box.append(make("code", `show_datapoint.py ANALYSIS_DIR ${ident.startsWith("-") ? "-- " : ""}${quoted(ident)}`));
    return box;
  };
  const badge = (text, kind) => make("span", text, { className: `badge ${kind === "fail" || kind === "pass" ? kind : ""}` });
  const open = (ident, quote) => {
    hideTip();
    putBack();
    const whole = wholeOf(ident), row = byIdent.get(ident);
    title.textContent = whole ? whole.querySelector("h3").textContent
      : row ? `${row[1]} · ${row[2]}` : ident;
    if (whole) {
      home = document.createComment("");
      whole.replaceWith(home);
      body.append(whole);
    } else {
      body.append(inShort(ident));
    }
    if (!panel.open) panel.showModal();
    body.focus();
    body.scrollTop = 0;
    for (const mark of body.querySelectorAll("mark.here")) mark.classList.remove("here");
    if (quote) point(squeezed(quote));
    if (identOf(location.hash) === ident) return;
    const state = { quote: quote ?? "" };  // that it has one says that Back leads to where it was opened
    try {
      history.scrollRestoration = "manual";  // the page below stays where it is
      history[history.state && isPoint() ? "replaceState" : "pushState"](state, "", anchorOf(ident));
    } catch { /* the address stays */ }
  };
  const point = (quote) => {
    const marks = [...body.querySelectorAll("mark")].map((mark) => [mark, squeezed(mark.textContent)]);
    const same = marks.filter(([, text]) => text === quote);
    const here = same.length ? same.slice(0, 1)
      : marks.filter(([, text]) => text && (quote.includes(text) || text.includes(quote)));
    for (const [mark] of here) {
      mark.classList.add("here");
      for (let outer = mark.closest("details"); outer; outer = outer.parentElement.closest("details")) outer.open = true;
    }
    if (here.length) here[0][0].scrollIntoView({ block: "center" });
  };
  at("close").addEventListener("click", () => panel.close());
  panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });
  panel.addEventListener("close", () => {
    putBack();
    if (!isPoint()) return;
    if (history.state) history.back();
    else try { history.replaceState(null, "", location.pathname + location.search); } catch { /* stays */ }
  });
  const isPoint = () => /^#dp(:|%3A)/i.test(location.hash);
  const toHash = () => {
    if (isPoint()) open(identOf(location.hash), history.state?.quote);
    else {
      if (panel.open) panel.close();
      history.scrollRestoration = "auto";
    }
  };
  addEventListener("hashchange", toHash);

  // All failures
  const [search, model, cause, fault, dimension] = ["search", "model", "cause", "fault", "dimension"].map(at);
  const list = at("rows"), more = at("more"), found = at("found");
  const STEP = 100;
  let matching = [], drawn = 0;
  const texts = new Map();
  const textOf = (row) => {
    if (!texts.has(row)) {
      const whole = row[10] ? wholeOf(row[0])?.textContent ?? "" : "";
      texts.set(row, [row[0], row[1], row[2], row[4].join(" "), row[5], row[6], row[7], row[8], row[9], whole]
        .join("\n").toLowerCase());
    }
    return texts.get(row);
  };
  const counted = (values) => {
    const counts = new Map();
    for (const value of values) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  };
  const options = (select, groups) => {
    select.replaceChildren(make("option", "all", { value: "" }));
    for (const [name, kind, entries] of groups) {
      if (!entries.length) continue;
      const into = name ? select.appendChild(make("optgroup", "", { label: name })) : select;
      for (const [value, count] of entries) {
        into.append(make("option", `${value} (${count})`, { value: kind + value }));
      }
    }
    select.closest("label").hidden = select.length < 2;
  };
  options(model, [["", "", counted(data.rows.map((row) => row[2]))]]);
  options(cause, [["read by somebody", "cause:", counted(data.rows.map((row) => row[5]))],
    ["provisional, by rules", "mode:", counted(data.rows.map((row) => row[6]))]]);
  options(fault, [["", "", counted(data.rows.map((row) => row[7]))]]);
  options(dimension, [["", "", counted(data.rows.flatMap((row) => row[4]))]]);
  const draw = () => {
    const next = matching.slice(drawn, drawn + STEP).map((row) => {
      const line = make("tr"), cells = [0, 1, 2, 3, 4].map(() => line.appendChild(make("td")));
      cells[0].append(make("a", row[1], { href: anchorOf(row[0]), title: row[0] }));
      cells[1].append(make("span", data.short[row[2]] ?? row[2], { title: row[2] }));
      cells[2].append(row[3] === "fail" ? row[4].join(", ") : row[3]);
      if (row[5]) cells[3].append(row[5].replaceAll("_", " "));
      else if (row[6]) cells[3].append(make("span", row[6].replaceAll("_", " "), { className: "badge guess", title: "provisional: a rule's guess" }));
      cells[4].append(make("span", row[8], { className: row[5] ? "" : "asked" }));
      return line;
    });
    list.append(...next);
    drawn += next.length;
    more.hidden = drawn >= matching.length;
    more.textContent = `Show ${Math.min(STEP, matching.length - drawn)} more of ${matching.length - drawn}`;
  };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    matching = data.rows.filter((row) => (!model.value || row[2] === model.value)
      && (!cause.value || cause.value === `cause:${row[5]}` || cause.value === `mode:${row[6]}`)
      && (!fault.value || row[7] === fault.value)
      && (!dimension.value || row[4].includes(dimension.value))
      && words.every((word) => textOf(row).includes(word)));
    const read = matching.filter((row) => row[5]).length;  // the others have their question's words
    at("said").textContent = !read ? "Question" : read < matching.length ? "What happened, or the question" : "What happened";
    list.replaceChildren();
    drawn = 0;
    draw();
    const all = data.rows.length;
    found.textContent = matching.length === all ? `${all} ${all === 1 ? "datapoint" : "datapoints"}`
      : `${matching.length} of ${all} datapoints`;
  };
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  for (const select of [model, cause, fault, dimension]) select.addEventListener("change", filter);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  at("clear").addEventListener("click", () => {
    for (const field of [search, model, cause, fault, dimension]) field.value = "";
    filter();
    search.focus();
  });
  more.addEventListener("click", draw);
  at("all").hidden = !data.rows.length;
  if (data.rows.length) at("failures").hidden = false;
  filter();

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    const wanted = link.dataset.filter;
    if (wanted && (link.getAttribute("href") === "#all" || wanted === "mode")) {
      event.preventDefault();
      for (const field of [search, model, fault, dimension]) field.value = "";
      cause.value = `${wanted}:${link.dataset.value}`;
      filter();
      at("all").scrollIntoView();
      cause.focus({ preventScroll: true });
    } else if (/^#dp(:|%3A)/i.test(link.hash)) {
      event.preventDefault();
      open(identOf(link.getAttribute("href")), link.dataset.quote);
    } else {
      const target = at(decodeURIComponent(link.getAttribute("href").slice(1)));
      if (target?.matches("details")) target.open = true;
    }
  });

  // On paper what is folded is open, and cut (page.css); of a long text what surrounds its quotes
  const folded = [], cut = [], AROUND = 250;
  const shorten = (text) => {
    const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, words = node.data;
      if (words.length <= 3 * AROUND || node.parentNode.matches("mark")) continue;
      cut.push([node, words]);
      node.data = `${words.slice(0, AROUND)} … ${words.slice(-AROUND)}`;
    }
  };
  addEventListener("beforeprint", () => {
    if (panel.open) panel.close();
    for (const details of document.querySelectorAll("details:not([open], .datapoint :has(> .step))")) {
      details.open = true;
      folded.push(details);
    }
    document.querySelectorAll(".datapoint .text:has(mark)").forEach(shorten);
  });
  addEventListener("afterprint", () => {
    for (const details of folded.splice(0)) details.open = false;
    for (const [node, words] of cut.splice(0)) node.data = words;
  });
  toHash();
})();
