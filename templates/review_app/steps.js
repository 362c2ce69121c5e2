// The conversation: a step for each message, counted from 0 as in the run, its calls in it (17.0),
// and which of them a review names.

import { $, el, say } from "./dom.js";
import { OPEN, body } from "./text.js";

const PICKS = {
  step: "the step whose repair alone would have changed the outcome (click, s)",
  second: "the step that you would name next (Alt click, S)",
  also: "another step that alone would have done (a)",
};

export function start(pick) {
  let hadSelection = false; // a click that only takes a selection away names no step
  $("middle").addEventListener("mousedown", (event) => { hadSelection = event.detail === 1 && !getSelection().isCollapsed; });
  $("middle").addEventListener("click", (event) => {
    const place = event.target.closest("[data-said-at]") ? "" : placeOf(event.target);
    const button = event.target.closest("button, a, summary");
    if (!place || (button && !button.dataset.pick)) return;
    const selects = hadSelection || event.detail > 2 || (event.detail === 1 && !getSelection().isCollapsed);
    if (button) pick(button.dataset.pick, place);
    else if (!selects) pick(event.altKey ? "second" : "step", place);
  });
  $("middle").addEventListener("focusin", (event) => {
    const stop = event.target.closest(".stop");
    if (stop) reachable(stop);
  });
}

// The step or call that an element stands in, or whose words it repeats; of what no message made, none.
export function placeOf(element) {
  const { place, saidAt } = element?.closest("#middle :is([data-place], [data-said-at])")?.dataset ?? {};
  return /^\d/.test(place ?? saidAt ?? "") ? place ?? saidAt : "";
}

export function talk(view) {
  const made = [];
  if (view.steps.length) {
    made.push(el("h3", { class: "group" }, `${view.agents.length} steps`, el("span", { class: "how" }, "click the one that broke it")));
    made.push(...view.steps.map((step) => drawStep(view, step)));
  }
  if (view.loose.length) {
    made.push(el("h3", { class: "group" }, `Tool calls, ${view.loose.length}`));
    made.push(...view.loose.map((call) => drawCall(view, call)));
  }
  const first = made.map((one) => (one.matches(".stop") ? one : one.querySelector(".stop"))).find(Boolean);
  first?.setAttribute("tabindex", "0");
  return made;
}

function drawStep(view, step) {
  const kind = ["user", "assistant", "system", "developer", "tool"].includes(step.role) ? step.role : "";
  const role = step.role === step.agent ? "" : ` (${step.role})`;
  const open = kind === "system" || kind === "developer" ? OPEN.system : OPEN.message;
  const bare = !step.text && step.calls.length;
  return el("article", { class: `step ${kind}${bare ? "" : " stop"}`, "data-place": step.place, tabindex: bare ? null : "-1", "aria-label": `step ${step.place}, ${step.agent}` },
    el("h4", {}, el("b", {}, step.place), ` ${step.agent}${role}`, picks(step.place)), ...aids(step.marks),
    ...(step.text ? words(view, step.text, open) : bare ? [] : [el("p", { class: "stub" }, "(no words)")]),
    ...step.calls.map((call) => drawCall(view, call)));
}

function drawCall(view, call) {
  const isStep = /^\d/.test(call.place);
  return el("div", { class: `pairing${isStep ? " stop" : ""}`, "data-place": call.place, tabindex: isStep ? "-1" : null, role: "group", "aria-label": `call ${call.place}, ${call.name}` },
    el("div", { class: "call" },
      el("h4", {}, el("b", {}, call.place), call.call ? "" : ` ${call.name}`, call.writes ? el("span", { class: "badge warn", title: "may change something" }, "writes") : "", isStep ? picks(call.place, call.brought) : ""),
      ...aids(call.marks), ...(call.call ? words(view, call.call, OPEN.call) : [])),
    el("div", { class: "result" },
      el("h4", {}, call.result ? "result" : "no result recorded", call.brought === null ? "" : el("span", { class: "brought" }, `step ${call.brought}`), call.failed ? el("span", { class: "badge fail" }, "the tool says that it failed") : ""),
      ...(call.result ? words(view, call.result, OPEN.result) : [])));
}

const aids = (marks) => marks.map((words) => el("p", { class: "aid" }, words));

function words(view, text, open) {
  return text.same ? [el("p", { class: "stub" }, "the words of ", reference(text.same))] : body(view.id, view.parts[text.part], open);
}

// A way to where the same text stands.
export function reference(where) {
  const place = where.replace(/^step /, "");
  return el("button", { type: "button", class: "link", onclick: () => {
    const there = document.querySelector(`[data-place="${CSS.escape(place)}"]`) ?? document.querySelector(`.box.${CSS.escape(place)}`);
    if (there) reveal(there);
  } }, where);
}

// Brings an element into sight, below the head that stays, and gives it the focus.
function reveal(element) {
  const { top, bottom } = element.getBoundingClientRect();
  const from = $("head").getBoundingClientRect().bottom;
  if (top < from || bottom > innerHeight) $("middle").scrollBy({ top: top - from - 8 });
  element.focus({ preventScroll: true });
}

const picks = (place, brought = null) => el("span", { class: "picks", "data-of": place, "data-brought": brought },
  ...Object.entries(PICKS).map(([kind, title]) => el("button", { type: "button", tabindex: "-1", "data-pick": kind, "aria-pressed": "false", "aria-label": `${place}: ${kind}`, title }, kind)),
  el("span", { class: "said" }));

// Shows what this person's form and the others' reviews name.
export function tell(mine, others) {
  const named = (review, kind, { of, brought }) => [review[kind]].flat().some((place) => place && (place === of || place === brought));
  for (const one of $("middle").querySelectorAll(".picks")) {
    for (const button of one.querySelectorAll("button")) button.setAttribute("aria-pressed", String(named(mine, button.dataset.pick, one.dataset)));
    one.closest("[data-place]").classList.toggle("named", named(mine, "step", one.dataset));
    one.querySelector(".said").textContent = others.flatMap((review) => Object.keys(PICKS)
      .filter((kind) => named(review, kind, one.dataset)).map((kind) => `${review.coder}: ${kind}`)).join(", ");
  }
}

export const focused = () => placeOf(document.activeElement);

// To the next or the previous step or call; from elsewhere, to the first in sight.
export function move(by) {
  const stops = [...$("middle").querySelectorAll(".stop")];
  const at = stops.indexOf(document.activeElement.closest(".stop"));
  const top = $("head").getBoundingClientRect().bottom;
  const next = at < 0 ? stops.find((one) => one.getBoundingClientRect().bottom > top) ?? stops.at(-1) : stops[at + by];
  if (!next) return say(!stops.length ? "it has no messages, so no steps" : by > 0 ? "that was the last step" : "this is the first step");
  reveal(next);
}

// Tab leads to one step, the last that had the focus; the keys lead to the others.
function reachable(stop) {
  for (const other of $("middle").querySelectorAll(".stop[tabindex='0']")) other.tabIndex = -1;
  stop.tabIndex = 0;
}
