// The audit's candidates: the sides of one beside each other, and this person's reading of it.

import { $, el, option, status, say, toggleTheme } from "./dom.js";
import { get, post } from "./api.js";
import { listen, typing } from "./keys.js";
import * as panels from "./panels.js";
import { selection } from "./quotes.js";

const POLL = 2000;
const MOST_LISTED = 500;
const SIGNS = { confirmed: "✗", possible: "?", declined: "✓" };
let audit = { candidates: [], classes: [] };
let readings = {}; // candidate -> the last reading of each reader
let gone = {}; // candidate -> what of its readings counts no longer
let heard = ""; // the last of the news, as text
let tried = ""; // the stamp of the files that the candidates were last asked for
let found = [];
let now = null; // the candidate that is drawn
let form = null; // what stands in the form: answer, holds, datapoint_id, quote, reason
let opening = 0;
const drafts = new Map(); // candidate -> its form while it is not recorded

const mineOf = (id) => (readings[id] ?? []).find((one) => one.reader === audit.coder);
const kindOf = (name) => audit.classes.find(([klass]) => klass === name)[1];

async function poll() {
  try {
    const news = await get("readings");
    const words = JSON.stringify(news);
    if (words === heard) return;
    readings = news.readings;
    gone = news.void;
    if (news.stamp !== tried) await load(news.stamp);
    else tell();
    heard = words;
  } catch (error) {
    if (!audit.candidates.length) nothing(error.message);
    else status(error.message, "bad");
  }
}

async function load(stamp) {
  audit = await get("audit");
  tried = stamp;
  if (!audit.candidates.length) return nothing("The audit has found no candidate.");
  const kept = $("filter-class").value;
  $("filter-class").replaceChildren(option("", `any class (${audit.candidates.length})`), ...audit.classes.map(([name, , , count]) => option(name, `${name} (${count})`)));
  if (audit.classes.some(([name]) => name === kept)) $("filter-class").value = kept;
  $("choices").replaceChildren(...audit.answers.map((name, at) => el("button", { type: "button", "data-answer": name, onclick: () => choose(name) }, el("kbd", {}, `${at + 1}`), ` ${name}`)));
  $("holds").replaceChildren($("holds").querySelector("legend"), ...audit.holds.map((name) => el("button", { type: "button", "data-holds": name, onclick: () => change({ holds: name }) }, name)));
  filter();
  const wanted = now?.id ?? decodeURIComponent(location.hash.slice(1));
  await open(audit.candidates.some(([id]) => id === wanted) ? wanted : (found.find(([id]) => !mineOf(id)) ?? found[0])?.[0]);
}

function nothing(why) {
  $("form").hidden = true;
  $("candidates").replaceChildren();
  $("middle").replaceChildren(el("p", { class: "hint" }, `There is nothing to read here. ${why}`));
}

function filter() {
  const [klass, read] = [$("filter-class").value, $("filter-read").value];
  found = audit.candidates.filter(([id, name]) => (!klass || name === klass)
    && (!read || !(read === "unread" ? readings[id] : mineOf(id))));
  tell();
}

async function open(id) {
  if (!id) return;
  const mine = ++opening;
  try {
    const view = await get("candidate", { id });
    if (mine !== opening) return;
    const again = now?.id === id;
    now = view;
    form = drafts.get(id) ?? recorded(mineOf(id));
    history.replaceState(null, "", `#${encodeURIComponent(id)}`);
    draw();
    fill();
    tell();
    if (!again) $("middle").scrollTop = 0;
    $("candidates").querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
    if (!typing()) $("middle").focus({ preventScroll: true });
  } catch (error) {
    status(error.message, "bad");
  }
}

function recorded(reading) {
  const { answer = "", holds = "", datapoint_id = "", quote = "", reason = "" } = reading ?? {};
  return { answer, holds, datapoint_id: datapoint_id || now.datapoints[0]?.id || "", quote, reason };
}

function draw() {
  const them = now.absent === 1 ? "1 of its datapoints is not here whole. To copy it here:" : `${now.absent} of its datapoints are not here whole. To copy some of them here:`;
  $("middle").replaceChildren(el("div", { id: "sheet" },
    el("h2", { title: now.item }, now.item),
    el("p", {}, badge(now.class), " ", badge(now.kind), " ", badge(`rule ${now.rule}`), ` ${now.means}`),
    el("p", { class: "what text" }, now.what),
    el("p", { class: "notes" }, now.numbers.map(([name, value]) => `${name} ${value}`).join(" · ")),
    ...now.rows.map((sides) => el("div", { class: "columns" }, ...sides.map(drawSide))),
    now.elsewhere.length ? el("p", { class: "notes idents", id: "elsewhere" }, "The same item elsewhere: ", ...now.elsewhere.flatMap((one) => [`${one.outcome} `, link(one)])) : "",
    now.absent ? el("div", { class: "notes", id: "absent" }, them, el("code", {}, now.command)) : ""));
}

const badge = (words) => el("span", { class: "badge" }, words);

function drawSide(side) {
  const first = side.datapoints.find((one) => one.whole) ?? side.datapoints[0];
  const more = side.count - side.datapoints.length;
  return el("section", { class: "side" },
    el("h3", {}, side.label, side.count ? el("span", {}, side.count === 1 ? "1 datapoint" : `${side.count} datapoints`) : ""),
    el("div", { class: "box" }, el("div", { class: "text", "data-id": first?.id ?? "" }, ...side.pieces.map(([words, differs]) => (differs ? el("mark", {}, words) : words)))),
    el("p", { class: "idents" }, ...side.datapoints.map(link), more > 0 ? `and ${more} more` : ""));
}

const link = (one) => (one.whole
  ? el("a", { href: `/#${encodeURIComponent(one.id)}`, target: "_blank", rel: "noopener", title: `${one.id}\n${one.model}, ${one.outcome}: open it` }, one.id)
  : el("span", { title: `${one.id}\n${one.model}, ${one.outcome}: not here whole; plan_review.py ANALYSIS_DIR --contrast ${one.id} copies it` }, one.id));

function fill() {
  $("form").hidden = false;
  const known = now.datapoints.some((one) => one.id === form.datapoint_id) || !form.datapoint_id;
  $("datapoint").replaceChildren(option("", "none"), ...(known ? [] : [option(form.datapoint_id, form.datapoint_id)]),
    ...now.datapoints.map((one) => option(one.id, `${one.id} (${one.outcome})`)));
  $("datapoint").value = form.datapoint_id;
  $("quote").value = form.quote;
  $("reason").value = form.reason;
}

function change(what) {
  form = { ...form, ...what };
  drafts.set(now.id, form);
  tell();
}

const fields = () => change({ datapoint_id: $("datapoint").value, quote: $("quote").value, reason: $("reason").value });

function choose(answer) {
  change({ answer, holds: answer === "confirmed" ? form.holds || now.holds : "" });
  if (answer !== "possible" && !$("reason").value) $("reason").focus();
}

function takeQuote() {
  const { quote, reason, of } = selection();
  if (reason) return say(reason, true);
  const id = now.datapoints.some((one) => one.id === of.dataset.id) ? of.dataset.id : form.datapoint_id;
  getSelection().removeAllRanges();
  change({ quote, datapoint_id: id });
  fill();
}

// The list, the progress, the form's buttons, and who said what.
function tell() {
  tellList();
  const flags = audit.candidates.filter(([, klass]) => kindOf(klass) === "flag").map(([id]) => id);
  const any = flags.filter((id) => readings[id]).length;
  const mine = audit.candidates.filter(([id]) => mineOf(id)).length;
  $("progress").replaceChildren(el("span", {}, el("b", {}, `${any} of ${flags.length}`), ` flags read · ${mine} of ${audit.candidates.length} candidates by ${audit.coder}`));
  if (!now) return;
  for (const button of $("choices").children) button.setAttribute("aria-pressed", String(button.dataset.answer === form.answer));
  for (const button of $("holds").querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.holds === form.holds));
  $("holds").hidden = form.answer !== "confirmed";
  $("others").replaceChildren(...(readings[now.id] ?? []).map((one) => el("div", { class: "review" },
    el("b", {}, `${one.reader} (${one.kind})`), `: ${[one.answer, one.holds].filter(Boolean).join(", ")}${one.reason ? `: ${one.reason}` : ""}`,
    one.quote && el("q", {}, one.quote))),
  ...(gone[now.id] ?? []).map((words) => el("div", { class: "review" }, words)));
}

function tellList() {
  const at = Math.max(0, found.findIndex(([id]) => id === now?.id));
  const from = Math.floor(at / MOST_LISTED) * MOST_LISTED;
  const shown = found.slice(from, from + MOST_LISTED);
  const narrowed = found.length < audit.candidates.length ? `${found.length} of ${audit.candidates.length}` : `${found.length}`;
  $("found").textContent = `${narrowed} candidates${shown.length < found.length ? `, ${from + 1} to ${from + shown.length} listed` : ""}`;
  const top = $("candidates").scrollTop;
  let before = null;
  $("candidates").replaceChildren(...shown.flatMap(([id, klass, item]) => {
    const heading = klass === before ? [] : [el("li", {}, el("h3", {}, `${klass} (${kindOf(klass)})`))];
    before = klass;
    return [...heading, el("li", {}, row(id, item))];
  }));
  $("candidates").scrollTop = top;
}

function row(id, item) {
  const said = [...new Set((readings[id] ?? []).map((one) => one.answer))];
  return el("button", { type: "button", id: `candidate-${id}`, class: said.length === 1 ? said[0] : "", "aria-current": String(id === now?.id), title: item, onclick: () => { panels.uncover(); open(id); } },
    el("i", {}, said.length > 1 ? "≠" : SIGNS[said[0]] ?? "○"), el("span", {}, item || "(no name)"));
}

async function record() {
  const [id, said] = [now.id, form];
  if (!said.answer) return say("choose an answer first", true);
  const quoted = said.quote.trim();
  const entry = { ...said, id, quote: quoted, reason: said.reason.trim(), before: mineOf(id)?.reading_id ?? null, datapoint_id: quoted || said.answer !== "possible" ? said.datapoint_id : "" };
  const next = neighbour(1);
  try {
    const answer = await post("reading", entry);
    if (answer.reason) return status(answer.reason, "bad");
    drafts.delete(id);
    status("recorded", "good");
    await poll();
    if (now.id === id) {
      document.activeElement.blur();
      filter();
      move(next, "that was the last one");
    }
  } catch (error) {
    status(error.message, "bad");
  }
}

function neighbour(step, test = () => true) {
  const order = new Map(audit.candidates.map(([id], place) => [id, place]));
  const list = step > 0 ? found : [...found].reverse();
  return list.find(([id]) => step * (order.get(id) - order.get(now?.id)) > 0 && test(id))?.[0];
}

function move(id, otherwise) {
  if (id) open(id);
  else say(otherwise);
}

const unread = (id) => id !== now.id && !mineOf(id);
const KEYS = {
  j: () => move(neighbour(1), "that was the last one"),
  k: () => move(neighbour(-1), "this is the first one"),
  u: () => move(neighbour(1, unread) ?? found.find(([id]) => unread(id))?.[0], "you have read all of these"),
  q: takeQuote,
  r: () => $("reason").focus(),
};

listen(KEYS, { ready: () => now, record, digit: (number) => { if (audit.answers[number - 1]) choose(audit.answers[number - 1]); } });
$("toggle-theme").addEventListener("click", toggleTheme);
panels.start();
$("before").addEventListener("click", () => KEYS.k());
$("after").addEventListener("click", () => KEYS.j());
$("quote-it").addEventListener("mousedown", (event) => event.preventDefault()); // keeps the selection
$("quote-it").addEventListener("click", takeQuote);
$("filter-class").addEventListener("change", filter);
$("filter-read").addEventListener("change", filter);
$("take-quote").addEventListener("mousedown", (event) => event.preventDefault()); // keeps the selection
$("take-quote").addEventListener("click", takeQuote);
for (const name of ["datapoint", "quote", "reason"]) $(name).addEventListener("input", fields);
$("form").addEventListener("submit", (event) => { event.preventDefault(); record(); });
await poll();
setInterval(() => { if (!document.hidden) poll(); }, POLL);
