// The datapoint in the middle.

import { $, el } from "./dom.js";
import { reference, talk } from "./steps.js";
import { nothingIn } from "./shown.js";
import { OPEN, body } from "./text.js";

export function draw(view, open) {
  const sections = [columns(view, ["question", "Question"], ["answer", "Answer"]), columns(view, ["expected", "Expected"], ["judge", "The judge's words"]), ...talk(view)];
  sections.push(view.parts.reasoning ? folded(view, "reasoning", "The model's own reasoning") : section(view, "reasoning", "The model's own reasoning"));
  if (!Object.keys(view.parts).length) sections.push(el("p", { class: "hint", id: "bare" }, "Nothing is recorded of it: no question, no answer, no judge's words. Its review needs no quote."));
  if (view.siblings.length) sections.push(...siblings(view, open));
  $("middle").replaceChildren(head(view, open), el("div", { id: "sheet", class: view.outcome }, ...sections.filter(Boolean)));
  if ($("bare")) nothingIn(view.id);
  $("middle").scrollTop = 0;
  for (const box of $("middle").querySelectorAll(".first .box")) if (box.scrollHeight > box.clientHeight) box.tabIndex = 0;
}

function head(view, open) {
  const failed = view.failed.map((name) => badge(`✗ ${name}`, "fail"));
  const contrast = view.contrast_of && el("button", { class: "link", type: "button", onclick: () => open(view.contrast_of) }, "open the failing one");
  const facts = [`run ${view.run}`, `trial ${view.trial}`, ...view.facts.map(([name, value]) => `${name} ${value}`)];
  return el("header", { id: "head" },
    el("h2", {}, el("span", { class: "item" }, `${view.item}`), el("span", { class: "of" }, view.model)),
    el("div", { class: "badges" },
      badge(view.outcome, view.outcome), ...failed,
      view.mode && view.outcome === "fail" ? badge(`provisional: ${view.mode}`, "guess") : ""),
    view.why ? el("p", { class: "why" }, view.order ? `${view.order}. ${view.why} ` : view.why, contrast || "") : "",
    el("p", { class: "where", title: `${view.id}\n${facts.join("\n")}` }, facts.join("  ·  ")));
}

const badge = (words, kind = "") => el("span", { class: `badge ${kind}`, title: words }, words);

// What a message says too stands here as well, with the way to it; other repeated words as that alone.
function section(view, name, label) {
  const above = view.above[name];
  const part = view.parts[name] ?? (/^step \d/.test(above ?? "") ? view.parts[view.same[name]] : null);
  if (!part && !above) return null;
  const title = el("h3", {}, label, part && above ? el("span", { class: "how" }, "words of ", reference(above)) : "");
  if (!part) return el("section", { class: "part" }, title, el("p", { class: "stub" }, "the words of ", reference(above)));
  return el("section", { class: "part", "aria-label": label }, title,
    el("div", { class: `box ${name}`, role: "group", "aria-label": label, "data-said-at": above ? above.replace("step ", "") : null }, ...body(view.id, part, OPEN[name])));
}

function columns(view, ...named) {
  const pair = named.map(([name, label]) => section(view, name, label)).filter(Boolean);
  return pair.length ? el("div", { class: "columns first" }, ...pair) : null;
}

function folded(view, name, label) {
  const part = view.parts[name];
  const box = el("div", { class: "box" });
  const details = el("details", {}, el("summary", {}, `${label} (${part.size.toLocaleString("en")} characters)`), box);
  details.addEventListener("toggle", () => {
    if (details.open && !box.childNodes.length) box.append(...body(view.id, part, OPEN[name]));
    document.dispatchEvent(new Event("unfolded"));
  });
  return details;
}

function siblings(view, open) {
  const failing = view.siblings.filter((one) => one.outcome === "fail").length;
  const card = (one) => el("article", { class: "sibling" },
    el("header", {}, el("b", {}, one.model), badge(one.outcome, one.outcome),
      ...one.failed.map((name) => badge(`✗ ${name}`)), one.differs ? badge("other content", "warn") : "",
      one.whole ? el("button", { class: "link", type: "button", onclick: () => open(one.id) }, "open") : "",
      el("span", { class: "where", title: one.id }, `${one.run} · trial ${one.trial}`)),
    ...(one.answer ? body(one.id, one.answer, OPEN.sibling, true)
      : [el("p", { class: "stub" }, one.whole ? "no answer is recorded" : "its text is not in this folder")]));
  return [el("h3", { class: "group", id: "elsewhere" },
    `The same item elsewhere: ${failing} of ${view.siblings.length} failed`),
  el("div", { class: "siblings" }, ...view.siblings.map(card))];
}

export function unfoldAll() {
  for (const details of $("middle").querySelectorAll("details")) details.open = true;
  for (const more of $("middle").querySelectorAll("button.fold")) more.click();
  $("sheet")?.classList.add("whole");
}
