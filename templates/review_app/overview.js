// The overview: what the whole analysis says, as bars. Each bar is a button that narrows the queue.

import { $, el } from "./dom.js";
import { get } from "./api.js";
import * as queue from "./queue.js";

const MOST = 12; // bars of a kind before the others are unfolded
let numbers = null;

export async function load() {
  numbers = await get("overview");
  queue.takeAudit(numbers.audit);
  return numbers;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const many = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;

// Draws it anew; `standing` is what the ledger says, `first` opens the first datapoint of the queue.
export function draw(standing, first) {
  const { outcomes, items, by, units, modes, dimensions, audit } = numbers;
  const said = Object.values(standing.states);
  const faults = count(said.flatMap((one) => one.faults));
  const total = (outcomes.pass ?? 0) + (outcomes.fail ?? 0) + (outcomes.unjudged ?? 0);
  const open = new Set([...$("middle").querySelectorAll("details[open]")].map((one) => one.id));
  $("middle").replaceChildren(el("div", { id: "overview" },
    el("h2", { id: "overview-title" }, "Overview"),
    el("dl", { id: "counts" }, ...[["datapoints", total], ["items", items], ["passed", outcomes.pass ?? 0], ["failed", outcomes.fail ?? 0], ["not judged", outcomes.unjudged ?? 0], ["reviewed", said.length]]
      .filter(([name, n]) => n || name !== "not judged").map(([name, n]) => el("div", {}, el("dt", {}, name), el("dd", {}, n.toLocaleString("en"))))),
    el("p", { id: "selected" }, el("span", {}, ""), " ", el("button", { type: "button", id: "open-first", onclick: first }, "Read the first")),
    el("div", { id: "charts" },
      rates(by, units),
      chart("mode", "Provisional modes", "by rules: where to look, no findings", modes, "failing"),
      chart("bucket", "Buckets", "causes that readers have named", standing.buckets, "reviewed"),
      chart("fault", "Whose fault", "as readers have judged", faults, "reviewed"),
      chart("dimension", "Failed dimensions", "what the graders failed", dimensions, "failing"),
      chart("audit", "The benchmark examined", "may a verdict be wrong? candidates, until somebody has read them", audit.map(([klass, kind, , n, ids]) => [klass, n, `${n} (${ids.length} in queue)`]), "candidates", audit.map(([, kind, means]) => `${kind}: ${means}`)))));
  for (const id of open) if ($(id)) $(id).open = true;
  tell();
}

const count = (names) => {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]);
};

// Which bars are in use, and what the queue then holds.
export function tell() {
  if (!$("overview")) return;
  const wanted = queue.filters();
  for (const bar of $("overview").querySelectorAll(".barline")) bar.setAttribute("aria-pressed", String(wanted[bar.dataset.filter] === bar.dataset.value));
  $("selected").firstChild.textContent = `In the queue: ${$("found").textContent}.`;
  $("open-first").disabled = !queue.first();
}

function section(name, title, how, bars) {
  const more = bars.splice(MOST);
  return el("section", { class: "chart", "aria-labelledby": `chart-${name}` },
    el("h3", { id: `chart-${name}` }, title, el("span", { class: "how" }, how)),
    ...(bars.length ? bars : [el("p", { class: "stub" }, name === "bucket" || name === "fault" ? "nothing is reviewed yet" : "none")]),
    more.length ? el("details", { id: `more-${name}` }, el("summary", {}, `${more.length} more`), ...more) : "");
}

function chart(filter, title, how, counts, of, meanings = []) {
  const most = Math.max(1, ...counts.map(([, n]) => n));
  return section(filter, title, how, counts.map(([name, n, words], at) => bar(filter, name, n / most, words ?? n.toLocaleString("en"), meanings[at] ?? `${name}: ${n} ${of}`)));
}

function rates(by, units) {
  return section(by, by === "model" ? "Models" : "Runs", "share that passed, with its 95 % interval", units.map(([name, rate, unjudged]) => {
    if (!rate) return bar(by, name, 0, `${many(unjudged, "row")} not judged`, name);
    const [passed, judged, share, low, high] = rate;
    return bar(by, name, share, `${percent(share)}, ${judged - passed} of ${judged} failed`, `${name}: ${percent(share)}, ${percent(low)} to ${percent(high)}`, [low, high]);
  }));
}

function bar(filter, name, share, words, title, interval = null) {
  const fill = el("i", { class: "fill" });
  fill.style.width = `${100 * share}%`;
  const track = el("span", { class: "track" }, fill);
  if (interval) {
    const whisker = el("i", { class: "whisker" });
    whisker.style.left = `${100 * interval[0]}%`;
    whisker.style.width = `${100 * (interval[1] - interval[0])}%`;
    track.append(whisker);
  }
  const said = interval ? el("span", { class: "heard" }, `, interval ${percent(interval[0])} to ${percent(interval[1])}`) : "";
  return el("button", { type: "button", class: "barline", "data-filter": filter, "data-value": name, "aria-pressed": "false", title,
    onclick: () => queue.use(filter, queue.filters()[filter] === name ? "" : name) },
  el("span", { class: "name" }, name), track, el("span", { class: "count" }, words, said));
}
