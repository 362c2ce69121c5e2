// The datapoint in the middle.

import { $, el } from "./dom.js";
import { watch } from "./shown.js";

// How many chunks of a part stand open, by the kind of part.
const OPEN = { call: 1, result: 1, expected: 3, reasoning: 12, system: 1, sibling: 1, message: 4, question: 4, answer: 4, judge: 4 };

export function draw(view, open) {
  const sections = [section(view, "question", "Question"), columns(view), section(view, "answer", "Answer"), ...talk(view)];
  if (view.parts.reasoning) sections.push(folded(view, "reasoning", "The model's own reasoning"));
  if (view.siblings.length) sections.push(...siblings(view, open));
  $("middle").replaceChildren(head(view, open), el("div", { id: "sheet" }, ...sections.filter(Boolean)));
  $("middle").scrollTop = 0;
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

const badge = (words, kind = "") => el("span", { class: `badge ${kind}` }, words);

function section(view, name, label) {
  const part = view.parts[name];
  if (!part) return null;
  return el("section", { class: "part" }, el("h3", {}, label),
    el("div", { class: `box ${name}` }, ...body(view.id, part, OPEN[name])));
}

function columns(view) {
  const pair = [section(view, "expected", "Expected"), section(view, "judge", "The judge's words")].filter(Boolean);
  return pair.length ? el("div", { class: "columns" }, ...pair) : null;
}

// A part's text in chunks; what does not stand open comes when it is asked for.
function body(id, part, open, other = false) {
  const text = el("div", { class: `text${part.json ? " json" : ""}`, "data-part": part.name, "data-id": id, "data-other": other });
  const size = part.chunks.length > open + 1 ? open : part.chunks.length;
  const add = (chunks) => {
    for (const chunk of chunks) {
      const span = el("span", { class: "chunk", "data-id": id, "data-part": part.name, "data-from": chunk.from, "data-to": chunk.to },
        ...chunk.lines.map(([depth, words]) => (part.json ? el("span", { class: `line d${depth}` }, words) : words)));
      text.append(span);
      watch(span);
    }
  };
  add(part.chunks.slice(0, size));
  if (size === part.chunks.length) return [text];
  const more = el("button", { class: "fold link", type: "button" }, `show all ${part.size.toLocaleString("en")} characters`);
  more.addEventListener("click", () => {
    add(part.chunks.slice(size));
    more.remove();
    document.dispatchEvent(new Event("unfolded"));
  });
  return [text, more];
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

function talk(view) {
  const made = [];
  if (view.turns.length) {
    made.push(el("h3", { class: "group" }, `Conversation, ${view.turns.length} turns`));
    made.push(...view.turns.map((turn) => drawTurn(view, turn)));
  }
  if (view.loose.length) {
    made.push(el("h3", { class: "group" }, `Tool calls, ${view.loose.length}`));
    made.push(...view.loose.map((names) => pairing(view, names)));
  }
  return made;
}

function drawTurn(view, turn) {
  const kind = ["user", "assistant", "system", "tool"].includes(turn.role) ? turn.role : "";
  const open = turn.role === "system" ? OPEN.system : OPEN.message;
  const label = turn.answer && !turn.twin ? `${turn.role} · this is the answer` : turn.role;
  return el("div", { class: `turn ${kind}`, "data-turn": turn.name }, el("h4", {}, label),
    ...(turn.shown ? body(view.id, view.parts[turn.name], open) : []),
    turn.twin ? el("p", { class: "stub" }, `(the ${turn.twin}, above)`) : "",
    ...turn.calls.map((names) => pairing(view, names)));
}

function pairing(view, [call, result]) {
  const number = (call ?? result).split("-")[1];
  const side = (name, kind) => el("div", { class: kind }, el("h4", {}, name ? `${kind} ${number}` : `no ${kind} recorded`),
    ...(name ? body(view.id, view.parts[name], OPEN[kind]) : []));
  return el("div", { class: "pairing" }, side(call, "call"), side(result, "result"));
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
}
