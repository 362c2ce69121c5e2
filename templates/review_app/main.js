// Puts the page together: opening datapoints, keys, and what the ledger says every few seconds.

import { $, el, hush, status, say, toggleTheme } from "./dom.js";
import { get } from "./api.js";
import * as queue from "./queue.js";
import * as datapoint from "./datapoint.js";
import * as form from "./form.js";
import * as shown from "./shown.js";
import * as steps from "./steps.js";
import * as overview from "./overview.js";
import * as panels from "./panels.js";
import { listen, typing } from "./keys.js";

const POLL = 2000;
const ENDING = 10; // characters of a model's name that stay where it is cut: names begin alike
let now = "";
let version = "";
let coder = "";
let opening = 0;
let standing = null; // what the ledger says, as it was last told

const isOverview = () => document.body.classList.contains("overview");

async function open(id) {
  if (!id) return;
  const mine = ++opening; // whatever is still on its way is no longer wanted
  queue.select(id);
  panels.uncover();
  if (id === now && !isOverview()) return;
  form.leave();
  try {
    const [view, reviews] = await Promise.all([get("datapoint", { id }), form.load(id)]);
    if (mine !== opening) return;
    shown.stop();
    hush();
    now = id;
    turnTo("datapoint");
    document.title = `${view.item}, ${view.model}`;
    remember(`#${encodeURIComponent(id)}`);
    datapoint.draw(view, open);
    form.open(view, reviews);
    if (!typing() && document.activeElement !== $("queue")) $("middle").focus({ preventScroll: true });
  } catch (error) {
    status(error.message, "bad");
  }
}

// Which of the two views is in the middle.
function turnTo(name) {
  document.body.classList.toggle("overview", name === "overview");
  for (const [id, of] of [["to-overview", "overview"], ["to-datapoints", "datapoint"]]) {
    if (of === name) $(id).setAttribute("aria-current", "page");
    else $(id).removeAttribute("aria-current");
  }
}

// The browser's Back leads to the view or the datapoint before.
function remember(address) {
  if (!location.hash) history.replaceState(null, "", address);
  else if (location.hash !== address) history.pushState(null, "", address);
}

const address = () => decodeURIComponent(location.hash.slice(1));

function goTo(wanted) {
  return wanted === "overview" ? showOverview() : open(wanted || queue.first());
}

async function showOverview() {
  const mine = ++opening;
  status("");
  form.leave(); // what is not saved is said again
  shown.stop();
  try {
    await overview.load();
    if (mine !== opening) return;
    turnTo("overview");
    document.title = `Overview: ${$("top").querySelector("h1").textContent}`;
    hush();
    remember("#overview");
    overview.draw(standing, () => open(queue.first()));
    $("middle").scrollTop = 0;
    $("middle").focus({ preventScroll: true });
  } catch (error) {
    status(error.message, "bad");
  }
}

const turn = () => (isOverview() ? open(now || queue.first()) : showOverview());

async function poll() {
  try {
    const news = await get("standing", { version });
    if (news.states) await takeNews(news);
  } catch (error) {
    status(error.message, "bad");
  }
}

async function takeNews(news) {
  version = news.version;
  standing = news;
  queue.update(news);
  drawProgress(news);
  if (isOverview()) overview.draw(standing, () => open(queue.first()));
  if (now) form.refresh(now, await form.load(now));
}

function drawProgress({ progress, pairs, disagreements }) {
  const [reviewed, planned] = progress.planned;
  const [done, failing] = progress.failing;
  const [judged, unjudged] = progress.unjudged;
  const main = planned ? [reviewed, planned, "planned"] : failing ? [done, failing, "failing"] : [judged, unjudged, "unjudged"];
  $("progress").replaceChildren(bar(main[0], main[1]),
    el("span", {}, "reviewed ", el("b", {}, `${main[0]} of ${main[1]}`), ` ${main[2]}`, el("span", { class: "more" },
        planned && failing ? `, ${done} of ${failing} failing` : "",
        unjudged && (planned || failing) ? `, ${judged} of ${unjudged} unjudged` : "", ` · ${progress.mine} by ${coder}`)));
  $("disagreements").hidden = !disagreements;
  $("disagreements").textContent = `${disagreements} ${disagreements === 1 ? "disagreement" : "disagreements"}`;
  $("models").replaceChildren(...progress.models.map(([model, k, n]) => el("div", { class: "model", title: `${model}: ${k} of ${n} datapoints reviewed` },
    el("span", { class: "name" }, el("span", {}, model.slice(0, -ENDING)), model.slice(-ENDING)), bar(k, n), el("span", { class: "count" }, `${k} of ${n}`))));
  $("pairs").replaceChildren(...pairs.map((pair) => el("p", {}, el("b", {}, pair.coders.join(" and ")),
    `: same bucket ${pair.bucket} of ${pair.shared}, same fault ${pair.fault} of ${pair.shared}`)));
}

function bar(k, n) {
  const fill = el("i");
  fill.style.width = `${n ? (100 * k) / n : 0}%`;
  return el("div", { class: "bar" }, fill);
}

async function saveAndNext() {
  const complete = await form.save();
  if (complete) document.activeElement.blur();
  if (complete) move(queue.neighbour(1), "that was the last one");
  else say($("status").textContent || "nothing to save yet", true);
}

function move(id, otherwise) {
  if (id) open(id);
  else say(otherwise);
}

// To the other models' answers; from there, back to the top.
function elsewhere() {
  const before = $("middle").scrollTop;
  $("elsewhere")?.scrollIntoView();
  if ($("middle").scrollTop === before) $("middle").scrollTop = 0;
}

function locate(kind) {
  const place = steps.focused() || form.suggestion();
  if (place) form.locate(kind, place);
  else say("which step? l and h lead to them, or click one");
}

const KEYS = {
  j: () => move(queue.neighbour(1), "that was the last one"),
  n: () => move(queue.neighbour(1), "that was the last one"),
  k: () => move(queue.neighbour(-1), "this is the first one"),
  p: () => move(queue.neighbour(-1), "this is the first one"),
  u: () => move(queue.nextUnread(), "no unread datapoint is left in this list"),
  d: () => move(queue.nextDisagreement(), "no other disagreement in this list"),
  b: () => $("bucket").focus(),
  v: form.turnVerdict,
  m: () => $("mechanism").focus(),
  q: form.addQuote,
  o: elsewhere,
  f: datapoint.unfoldAll,
  l: () => steps.move(1),
  h: () => steps.move(-1),
  s: () => locate("step"),
  S: () => locate("second"),
  a: () => locate("also"),
  "/": () => { $("search").focus(); $("search").select(); },
  g: turn,
  "?": () => $("help").showModal(),
};

async function showBackground() {
  const { text } = await get("background").catch((error) => ({ text: error.message }));
  $("background-text").textContent = text;
  $("background").showModal();
  $("background").scrollTop = 0;
}

async function start() {
  panels.start();
  const all = await get("queue");
  coder = all.coder;
  queue.start(all, open);
  form.start(all, poll);
  $("show-background").hidden = !all.background;
  $("show-background").addEventListener("click", showBackground);
  $("show-help").addEventListener("click", () => $("help").showModal());
  $("toggle-theme").addEventListener("click", toggleTheme);
  $("disagreements").addEventListener("click", () => { queue.only("disagree"); move(queue.nextDisagreement(), "this is the only one"); });
  $("form").addEventListener("submit", (event) => { event.preventDefault(); saveAndNext(); });
  listen(KEYS, {
    ready: () => !document.querySelector("dialog[open]"), record: saveAndNext,
    digit: (number) => { if (queue.isChosen(now)) form.chooseFault(number); }, // not while the next one is on its way
  });
  $("queue").addEventListener("keydown", (event) => {
    const key = { ArrowDown: "j", ArrowUp: "k" }[event.key];
    if (!key) return;
    event.preventDefault();
    KEYS[key]();
  });
  steps.start(form.locate);
  for (const [id, show] of [["to-overview", showOverview], ["to-datapoints", () => open(now || queue.first())]]) {
    $(id).addEventListener("click", (event) => { event.preventDefault(); show(); });
  }
  $("before").addEventListener("click", KEYS.k);
  $("after").addEventListener("click", KEYS.j);
  $("quote-it").addEventListener("mousedown", (event) => event.preventDefault()); // keeps the selection
  $("quote-it").addEventListener("click", form.addQuote);
  document.addEventListener("narrowed", overview.tell);
  document.addEventListener("unfolded", form.drawMarks);
  addEventListener("pagehide", () => { shown.flush(true); form.leavePage(); });
  await poll();
  if (!all.rows.length) $("middle").replaceChildren(el("p", { class: "hint" }, "No datapoint failed. The view Audit has verdicts to be examined."));
  const wanted = address();
  await goTo(wanted);
  if (wanted !== "overview") {
    overview.load().catch((error) => status(error.message, "bad")); // the audit's classes, for the filter
  }
  addEventListener("popstate", () => goTo(address()));
  setInterval(() => { if (!document.hidden) poll(); }, POLL);
}

start().catch((error) => status(error.message, "bad"));
