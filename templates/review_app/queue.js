// The list on the left. Only the entries in sight are in the document, so its length costs nothing.

import { $, el, option } from "./dom.js";
import { get, post } from "./api.js";

const HEIGHT = 66;
const SIGNS = { unread: "○", mine: "●", others: "◐", disagree: "≠", settled: "✓" };
const STATES = {
  unread: "unread", mine: "reviewed by me", "not-mine": "not reviewed by me",
  others: "reviewed by others only", disagree: "coders disagree", settled: "settled",
};
const TAGS = { failed_by_all: "all failed", repaired_elsewhere: "repaired?", unique_failure: "only this one", sample: "sample", contrast: "passed", audit: "audit" };
const FILTERS = ["model", "run", "mode", "bucket", "fault", "dimension", "audit", "state"];
const CALLED = { mode: "provisional mode", dimension: "failed", audit: "audit" };

let entries = [];
let haystacks = new Map();
let found = [];
let standing = { states: {}, read: [], buckets: [] };
let read = new Set();
let inText = null;
let ofClass = new Map(); // class of the audit -> its datapoints
const firstWords = new Map(); // datapoint -> the first words of its question
let asking = 0;
let chosen = "";
let choose = () => {};

export function start(queue, onChoose) {
  entries = queue.rows.map((row) => entryOf(queue, row));
  choose = onChoose;
  for (const entry of entries) {
    const words = [entry.id, entry.item, entry.model, entry.mode ?? ""];
    haystacks.set(entry.id, words.join("\n").toLowerCase());
  }
  fill("model", "any model", count(entries.map((entry) => entry.model)));
  const runs = count(entries.map((entry) => entry.run));
  fill("run", "any run", runs);
  $("filter-run").hidden = runs.length === new Set(entries.map((entry) => entry.model)).size;
  fill("mode", "any mode", count(entries.map((entry) => entry.mode).filter(Boolean)));
  fill("dimension", "any dimension", count(entries.flatMap((entry) => entry.failed)));
  takeAudit([]);
  fill("fault", "any fault", queue.faults.map((fault) => [fault, fault]));
  fill("state", "any state", Object.entries(STATES));
  for (const name of FILTERS) $(`filter-${name}`).addEventListener("change", filter);
  $("filter-planned").addEventListener("change", filter);
  $("filter-planned").parentElement.hidden = !entries.some((entry) => entry.order !== null);
  $("search").addEventListener("input", search);
  $("clear").addEventListener("click", clear);
  $("queue").addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(draw).observe($("queue"));
}

// A row of the queue as it was sent; what many rows share is there by its place.
function entryOf({ columns, names }, row) {
  const entry = Object.fromEntries(columns.map((name, at) => [name, row[at]]));
  for (const name of ["model", "run", "failed", "mode"]) entry[name] = names[entry[name]];
  return entry;
}

// The classes of the audit, of each the datapoints that are in the queue.
export function takeAudit(classes) {
  ofClass = new Map(classes.map(([name, , , , ids]) => [name, new Set(ids)]));
  fill("audit", "any class of the audit", classes.map(([name, , , , ids]) => [name, `${name} (${ids.length})`]));
  $("filter-audit").hidden = !classes.length;
}

function count(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]).map(([name, n]) => [name, `${name} (${n})`]);
}

function fill(name, any, pairs) {
  const select = $(`filter-${name}`);
  const kept = select.value;
  select.replaceChildren(option("", any), ...pairs.map(([value, label]) => option(value, label)));
  if (pairs.some(([value]) => value === kept)) select.value = kept;
}

export function update(now) {
  standing = now;
  read = new Set([...read, ...now.read]);
  fill("bucket", "any bucket", now.buckets.map(([name, n]) => [name, `${now.groups[name] ? `${now.groups[name]}: ` : ""}${name} (${n})`]));
  filter();
}

const toReview = (entry) => entry.outcome === "fail" || entry.to_judge;
export const stateOf = (id) => standing.states[id]?.state ?? "unread";
export const buckets = () => standing.buckets;

let searchTimer = 0;
let asked = 0;

function search() {
  inText = null;
  filter();
  clearTimeout(searchTimer);
  const words = $("search").value.trim();
  if (words.length < 2) return;
  searchTimer = setTimeout(async () => {
    const mine = ++asked;
    const ids = await get("search", { q: words }).catch(() => []);
    if (mine !== asked || words !== $("search").value.trim()) return;
    inText = new Set(ids);
    filter();
  }, 150);
}

function filter() {
  const wanted = Object.fromEntries(FILTERS.map((name) => [name, $(`filter-${name}`).value]));
  const planned = $("filter-planned").checked;
  const words = $("search").value.trim().toLowerCase();
  found = entries.filter((entry) => fits(entry, wanted, planned) && (!words || says(entry, words)));
  for (const name of FILTERS) $(`filter-${name}`).classList.toggle("on", wanted[name] !== "");
  const narrowed = words || planned || Object.values(wanted).some(Boolean);
  $("clear").hidden = !narrowed;
  $("found").textContent = narrowed ? `${found.length} of ${entries.length}` : `${entries.length} datapoints`;
  $("track").style.height = `${found.length * HEIGHT}px`;
  drawChips();
  draw();
  document.dispatchEvent(new Event("narrowed"));
}

function fits(entry, wanted, planned) {
  const said = standing.states[entry.id];
  const state = stateOf(entry.id);
  return (!planned || entry.order !== null)
    && (!wanted.model || entry.model === wanted.model)
    && (!wanted.run || entry.run === wanted.run)
    && (!wanted.mode || entry.mode === wanted.mode)
    && (!wanted.dimension || entry.failed.includes(wanted.dimension))
    && (!wanted.audit || ofClass.get(wanted.audit)?.has(entry.id))
    && (!wanted.bucket || said?.buckets.includes(wanted.bucket))
    && (!wanted.fault || said?.faults.includes(wanted.fault))
    && (!wanted.state || state === wanted.state || (wanted.state === "not-mine" && !said?.mine))
    && (!wanted.state || toReview(entry) || said);
}

function says(entry, words) {
  return haystacks.get(entry.id).includes(words) || inText?.has(entry.id)
    || standing.states[entry.id]?.buckets.some((bucket) => bucket.includes(words));
}

// The filters in use, by name.
export const filters = () => Object.fromEntries(FILTERS.map((name) => [name, $(`filter-${name}`).value]));

// Narrows the queue to a value; a blank one takes the filter off.
export function use(name, value) {
  const select = $(`filter-${name}`);
  if (value && ![...select.options].some((one) => one.value === value)) select.append(option(value, value));
  select.value = value;
  filter();
  settle();
}

// What a narrowed queue shows: beside a datapoint that one, beside the overview its beginning.
function settle() {
  if (!document.body.classList.contains("overview")) return reveal();
  $("queue").scrollTop = 0;
  draw();
}

function drawChips() {
  const chip = (words, off) => el("li", {}, el("button", { type: "button", class: "chip", "aria-label": `take off the filter ${words}`, onclick: () => { off(); $("search").focus(); } }, el("span", {}, words), el("span", { "aria-hidden": "true" }, "×")));
  const chips = FILTERS.filter((name) => $(`filter-${name}`).value).map((name) => {
    const value = $(`filter-${name}`).value;
    return chip(`${CALLED[name] ?? name}: ${name === "state" ? STATES[value] : value}`, () => use(name, ""));
  });
  if ($("filter-planned").checked) chips.push(chip("planned only", () => { $("filter-planned").checked = false; filter(); }));
  if ($("search").value.trim()) chips.push(chip(`search: ${$("search").value.trim()}`, () => { $("search").value = ""; inText = null; filter(); }));
  $("chips").replaceChildren(...chips);
}

function clear() {
  for (const name of FILTERS) $(`filter-${name}`).value = "";
  $("filter-planned").checked = false;
  $("search").value = "";
  inText = null;
  filter();
  settle();
}

export function only(state) {
  clear();
  $("filter-state").value = state;
  filter();
}

function draw() {
  const list = $("queue");
  const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 6);
  const last = Math.min(found.length, Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + 6);
  const rows = [];
  for (let place = first; place < last; place += 1) rows.push(drawn(found[place], place));
  $("track").replaceChildren(...rows);
  if (!asking && found.slice(first, last).some((entry) => !firstWords.has(entry.id))) asking = setTimeout(askWords, 40, first, last);
}

// The first words of what is in sight come when it is: of a long queue nobody needs them all.
async function askWords(first, last) {
  const ids = found.slice(first, last).map((entry) => entry.id).filter((id) => !firstWords.has(id));
  try {
    const answer = await post("words", { ids });
    for (const id of ids) firstWords.set(id, answer[id] ?? "");
  } catch {
    for (const id of ids) firstWords.set(id, ""); // the next poll says what is wrong
  }
  asking = 0;
  draw();
}

// A name without its middle, as names of one kind begin alike; words are cut at their end.
const inShort = (name) => (name.length <= 34 || name.includes(" ") ? name : `${name.slice(0, 12)}…${name.slice(-20)}`);

function drawn(entry, place) {
  const said = standing.states[entry.id];
  const passed = !toReview(entry);
  const state = passed && !said ? "contrast" : stateOf(entry.id);
  const sign = state === "contrast" ? (read.has(entry.id) ? "·" : "◇") : SIGNS[state];
  const name = said?.bucket ?? entry.mode ?? (passed ? "passed" : "");
  const title = `${entry.id}\n${STATES[state] ?? (read.has(entry.id) ? "passed; read" : "passed; to read beside the one before")}`;
  const question = firstWords.get(entry.id) ?? "";
  const second = question && !entry.item.startsWith(question.slice(0, 30)) ? question : entry.failed.map((one) => `✗ ${one}`).join(" ");
  const tag = state === "disagree" ? "disagree" : entry.to_judge ? "unjudged" : TAGS[entry.why] ?? "";
  const row = el("div", {
    class: `entry ${state}`, role: "option", id: `entry-${place}`, title,
    "aria-label": [entry.item, entry.model, second, name, tag, STATES[state] ?? "passed"].filter(Boolean).join(", "),
    "aria-setsize": String(found.length), "aria-posinset": String(place + 1),
    "aria-selected": String(entry.id === chosen), onclick: () => choose(entry.id),
  },
  el("span", { class: "sign" }, sign),
  el("div", {}, el("span", { class: "item" }, inShort(entry.item)), el("span", { class: "tag" }, tag)),
  el("div", {}, el("span", { class: "asked" }, second)),
  el("div", {}, el("span", { class: `mode ${said?.bucket || passed ? "mine" : "guess"}` }, name), el("span", { class: "model" }, entry.model.split("/").pop())));
  row.style.top = `${place * HEIGHT}px`;
  return row;
}

export function select(id) {
  chosen = id;
  read.add(id);
  reveal();
}

function reveal() {
  const place = found.findIndex((entry) => entry.id === chosen);
  const list = $("queue");
  if (place >= 0) {
    const above = place * HEIGHT - list.scrollTop;
    if (above < HEIGHT || above > list.clientHeight - 2 * HEIGHT) list.scrollTop += above - list.clientHeight / 3;
    list.setAttribute("aria-activedescendant", `entry-${place}`);
  }
  draw();
}

// The entry `step` places on that meets `test`; from one that is filtered out, the nearest after it.
export function neighbour(step, test = () => true) {
  const order = new Map(entries.map((entry, place) => [entry.id, place]));
  const here = order.get(chosen) ?? -1;
  const list = step > 0 ? found : [...found].reverse();
  const next = list.find((entry) => step * (order.get(entry.id) - here) > 0 && test(entry));
  return next?.id ?? null;
}

export const nextUnread = () => {
  const test = (entry) => toReview(entry) && stateOf(entry.id) === "unread" && entry.id !== chosen;
  return neighbour(1, test) ?? found.find(test)?.id ?? null;
};

export const nextDisagreement = () => {
  const test = (entry) => stateOf(entry.id) === "disagree" && entry.id !== chosen;
  return neighbour(1, test) ?? found.find(test)?.id ?? null;
};

export const isChosen = (id) => id === chosen;
export const first = () => (found.find((entry) => toReview(entry) && stateOf(entry.id) === "unread") ?? found[0])?.id;
