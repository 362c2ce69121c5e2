// The form on the right: drafts in the browser, finished reviews in the ledger.

import { $, el, option, say, status, clock } from "./dom.js";
import { get, post } from "./api.js";
import * as queue from "./queue.js";
import { mark, scrollTo, selected } from "./quotes.js";
import * as steps from "./steps.js";

const PAUSE = 1500;
const EMPTY = { verdict: "", bucket: "", fault: "", mechanism: "", quotes: [], secondary: [], note: "", settles: false, step: "", agent: "", second: "", also: [], fix: "", contested: "", contested_fault: "" };
const NAMES = Object.keys(EMPTY);

let desk = null;
let id = "";
let passed = false;
let bare = false; // nothing is recorded in it, so nothing can be quoted
const LEFT_OPEN = ["pipeline_issue", "grader_issue", "undecided"]; // why what nobody judged may stay so
let toJudge = false; // no grader judged it, so the verdict is the reader's
let agents = []; // whose each message is
let suggested = ""; // the step of the last quote
let quotes = [];
let bad = new Map();
const known = new Map(); // datapoint -> this person's review in the ledger, as the page knows it
let others = [];
const spread = new Map(); // datapoint -> the form as it was last recorded for all that are alike to it
let timer = 0;
let saving = Promise.resolve();
let onSaved = () => {};

export function start(queueAnswer, whenSaved) {
  desk = queueAnswer;
  onSaved = whenSaved;
  $("form").addEventListener("input", changed);
  $("add-quote").addEventListener("mousedown", (event) => event.preventDefault()); // keeps the selection
  $("add-quote").addEventListener("click", addQuote);
  $("bucket").addEventListener("input", slug);
  $("secondary").addEventListener("change", () => { $("secondary").value = slugs($("secondary").value).join(" "); });
  $("step").addEventListener("input", takeAgent);
  $("suggested").addEventListener("click", () => locate("step", suggested));
  combo();
}

const draftKey = (of) => `draft ${desk.key} ${of}`;
const saved = () => known.get(id) ?? null;
const asSaved = () => (saved() ? plain(saved()) : EMPTY);
const plain = (review) => Object.fromEntries(NAMES.map((name) => [name, review[name]]));
const inShort = (review) => [review.verdict, review.bucket, review.fault, review.step && `step ${review.step}`].filter(Boolean).join(", ");
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const asPass = () => $("form").elements.verdict.value === "pass";
const listed = (words) => words.split(/[\s,;]+/).filter(Boolean);
const slugs = (words) => listed(words.toLowerCase());

function slug() {
  const at = $("bucket").selectionStart;
  $("bucket").value = $("bucket").value.toLowerCase().replace(/[\s-]/g, "_");
  $("bucket").setSelectionRange(at, at);
}

function filled() {
  return {
    verdict: $("form").elements.verdict.value,
    bucket: asPass() ? "" : $("bucket").value.trim(),
    fault: asPass() ? "" : $("form").elements.fault.value,
    mechanism: $("mechanism").value.trim(),
    quotes: [...quotes],
    secondary: asPass() ? [] : slugs($("secondary").value),
    note: $("note").value.trim(),
    settles: $("settles").checked && !$("settling").hidden,
    step: asPass() ? "" : $("step").value.trim(),
    agent: asPass() ? "" : $("agent").value,
    second: asPass() ? "" : $("second").value.trim(),
    also: asPass() ? [] : listed($("also").value),
    fix: asPass() ? "" : $("fix").value.trim(),
    contested: asPass() ? "" : $("contested").value.trim(),
    contested_fault: asPass() || !$("contested").value.trim() ? "" : $("contested_fault").value,
  };
}

function fill(review) {
  for (const radio of $("form").elements.verdict) radio.checked = radio.value === review.verdict;
  $("bucket").value = review.bucket;
  for (const radio of $("form").elements.fault) radio.checked = radio.value === review.fault;
  $("mechanism").value = review.mechanism;
  $("secondary").value = review.secondary.join(" ");
  $("note").value = review.note;
  $("settles").checked = review.settles;
  for (const name of ["step", "second", "fix", "contested", "contested_fault"]) $(name).value = review[name];
  $("agent").replaceChildren(...["", ...new Set([...agents, review.agent].filter(Boolean))].map((name) => option(name, name)));
  $("agent").value = review.agent;
  $("also").value = review.also.join(" ");
  quotes = [...review.quotes];
  bad = new Map();
  drawQuotes();
}

// Shows the form of a datapoint: its draft, else the review in the ledger, else nothing.
export function open(view, reviews) {
  id = view.id;
  passed = view.outcome !== "fail" && !view.to_judge;
  toJudge = view.to_judge;
  bare = !Object.keys(view.parts).length;
  $("quotes").classList.toggle("bare", bare);
  agents = view.agents;
  suggested = "";
  known.set(id, reviews.mine);
  others = reviews.others;
  const draft = JSON.parse(localStorage.getItem(draftKey(id)));
  drawOthers();
  fill(draft ? { ...EMPTY, ...draft } : asSaved());
  $("notice").hidden = !passed;
  $("notice").textContent = passed ? (view.outcome === "pass" ? "This one passed: nothing to record, unless its verdict is wrong."
    : "The harness broke it off, and its benchmark does not count it: nothing to record.") : "";
  $("alikes").hidden = !view.alike.length;
  $("alikes").title = view.alike.join("\n");
  $("alikes").lastElementChild.textContent = `and its ${view.alike.length} alike ${view.alike.length === 1 ? "answer" : "answers"}`;
  $("alike").checked = false;
  tell();
  if (draft) schedule();
}

// Takes over what the ledger says now; a form that somebody is filling in stays as it is.
export function refresh(of, reviews) {
  if (of !== id) return;
  const clean = same(filled(), asSaved());
  const news = reviews.mine?.review_id !== saved()?.review_id;
  others = reviews.others;
  drawOthers();
  if (clean && news) {
    known.set(id, reviews.mine);
    fill(asSaved());
    tell();
  }
  drawMarks();
}

function missing(form) {
  const wanting = [];
  if (toJudge && !form.verdict && !LEFT_OPEN.includes(form.fault)) wanting.push("verdict");
  if (form.verdict !== "pass" && !form.bucket) wanting.push("bucket");
  if (form.verdict !== "pass" && !form.fault) wanting.push("fault");
  if (!form.mechanism) wanting.push("mechanism");
  if (!form.quotes.length && !bare) wanting.push("quote");
  if (!form.step && (form.second || form.also.length)) wanting.push("step");
  return wanting;
}

function tell() {
  const form = filled();
  $("verdicts").hidden = !toJudge;
  for (const field of [$("bucket").parentElement, $("faults"), $("secondary").parentElement, $("fix").parentElement, $("contested").parentElement]) field.hidden = form.verdict === "pass";
  $("contested_fault").hidden = !form.contested;
  $("where").hidden = form.verdict === "pass" || !agents.length;
  $("suggested").hidden = !suggested || form.step !== "";
  $("suggested").textContent = `take step ${suggested}, of the quote`;
  drawSteps();
  if (saved() && !unsaved(form)) status(`saved ${new Date(saved().recorded).toTimeString().slice(0, 5)}`, "good");
  else if (same(form, EMPTY)) status("");
  else if (missing(form).length) status(`draft kept; still needed: ${missing(form).join(", ")}`);
  else status("saving soon…");
}

export function changed() {
  const form = filled();
  if (same(form, asSaved())) localStorage.removeItem(draftKey(id));
  else localStorage.setItem(draftKey(id), JSON.stringify(form));
  tell();
  schedule();
}

function schedule() {
  clearTimeout(timer);
  timer = setTimeout(save, PAUSE);
}

const toSpread = (form) => $("alike").checked && spread.get(id) !== JSON.stringify(form);
const unsaved = (form) => !missing(form).length && (!same(form, asSaved()) || toSpread(form));

// Saves a complete form; resolves to true when there is nothing (more) to save.
export function save() {
  clearTimeout(timer);
  const [of, form, all] = [id, filled(), $("alike").checked];
  if (!unsaved(form)) return saving.then(() => !missing(form).length || (passed && same(form, EMPTY)));
  saving = saving.then(() => send(of, form, all));
  return saving;
}

const body = (of, form, base, all) => ({
  ...form, datapoint_id: of, replaces: (base && same(form, plain(base)) ? base.replaces : base?.review_id) ?? null, alike: all });

async function send(of, form, all) {
  const base = known.get(of);
  if (base && same(form, plain(base)) && !all) return true;
  const what = () => (of === id ? "" : ` (${of})`); // asked when it is said: the person may have gone on
  try {
    const answer = await post("review", body(of, form, base, all));
    if (answer.review) {
      if (all) spread.set(of, JSON.stringify(plain(answer.review)));
      took(of, form, answer.review);
      if (answer.refused.length) say(`not saved for ${answer.refused.join("; ")}`, true, true);
      if (of === id) status(`saved ${clock()}${answer.alike ? `, and ${answer.alike} alike` : ""}`, "good");
      return true;
    }
    if (answer.changed_elsewhere && of === id) offer(answer.changed_elsewhere);
    status(`not saved${what()}: ${answer.changed_elsewhere ? "you changed this review in another window" : answer.reason}`, "bad");
  } catch (error) {
    status(`not saved${what()}: ${error.message}`, "bad");
  }
  return false;
}

function took(of, form, review) {
  known.set(of, review);
  if (same(JSON.parse(localStorage.getItem(draftKey(of))), form)) localStorage.removeItem(draftKey(of));
  if (of === id && same(filled(), form) && !same(form, plain(review))) fill(plain(review)); // control characters were spelled out
  onSaved(of);
}

// Another window saved this review meanwhile: which of the two counts is for the person to say.
function offer(theirs) {
  known.set(id, theirs);
  const take = el("button", { type: "button", class: "link" }, "take that one");
  take.addEventListener("click", () => {
    localStorage.removeItem(draftKey(id));
    $("notice").hidden = true;
    fill(plain(theirs));
    tell();
  });
  $("notice").replaceChildren(`Another window saved ${inShort(theirs)}. `, take, ", or change or save yours to replace it.");
  $("notice").hidden = false;
}

// Called before another datapoint is opened.
export function leave() {
  if (id && unsaved(filled())) save();
  clearTimeout(timer);
}

// The window closes: what is complete goes out with it, the rest is a draft.
export function leavePage() {
  const form = filled();
  if (id && unsaved(form)) post("review", body(id, form, saved(), $("alike").checked), true).catch(() => {});
}

export function turnVerdict() {
  if (!toJudge) return say("a grader judged this one");
  const now = asPass() ? "fail" : "pass";
  for (const radio of $("form").elements.verdict) radio.checked = radio.value === now;
  changed();
}

export function chooseFault(number) {
  const radio = $("form").elements.fault[number - 1];
  if (!radio) return;
  radio.checked = true;
  changed();
}

// Makes a step (17, or a call in it: 17.0) the `step`, the `second` or one of `also`, or takes that
// back; a message is one of the three at a time.
export function locate(kind, place) {
  const before = filled();
  const isIt = (other) => other.split(".")[0] === place.split(".")[0];
  if (asPass()) return say("a pass has no such step");
  if (passed && same(before, EMPTY)) return say("this one passed: say first what is wrong with its verdict");
  const takesBack = [before[kind]].flat().includes(place);
  for (const name of ["step", "second"]) {
    if (isIt(before[name])) $(name).value = "";
    if (name === kind && !takesBack) $(name).value = place;
  }
  $("also").value = [...before.also.filter((one) => !isIt(one)), ...(kind === "also" && !takesBack ? [place] : [])].join(" ");
  if ($("step").value.trim() !== before.step) takeAgent();
  changed();
}

export const suggestion = () => ($("step").value ? "" : suggested);

function takeAgent() {
  $("agent").value = agents[Number.parseInt($("step").value, 10)] ?? "";
}

export async function addQuote() {
  const { quote, reason, of } = selected(id);
  if (reason) return say(bare ? "nothing is recorded in it; its review needs no quote" : reason, !bare);
  suggested = steps.placeOf(of);
  if (quotes.includes(quote)) return say("this quote is there already");
  quotes.push(quote);
  getSelection().removeAllRanges();
  drawQuotes();
  changed();
  await check(quote);
}

async function check(quote) {
  const of = id;
  try {
    const answer = await post("quote", { id: of, quote });
    if (of !== id) return;
    if (answer.reason) {
      bad.set(quote, answer.reason);
      drawQuotes();
      say(answer.reason, true);
    } else say(`quoted from ${answer.where}`);
  } catch (error) {
    say(error.message, true);
  }
}

function drawQuotes() {
  $("quotes").replaceChildren(...quotes.map((quote) => el("li", { class: bad.has(quote) ? "bad" : "", title: bad.get(quote) ?? "" },
    el("button", { type: "button", class: "words", onclick: () => show(quote) }, quote),
    el("button", { type: "button", class: "drop", "aria-label": "remove this quote", onclick: () => drop(quote) }, "×"))));
  drawMarks();
}

function show(quote) {
  if (!scrollTo(quote)) say("it is in a folded text; press f to show all");
}

function drop(quote) {
  quotes = quotes.filter((one) => one !== quote);
  drawQuotes();
  changed();
}

// What others say is marked once it may be looked at.
const seenOthers = () => ($("others").querySelector("details")?.open ? others : []);
const drawSteps = () => steps.tell(filled(), seenOthers());

export function drawMarks() {
  mark(quotes, seenOthers().flatMap((review) => review.quotes));
  drawSteps();
}

// The others' reviews are folded until there is one's own: agreement counts only between judgements
// that were made alone.
function drawOthers() {
  const disagree = queue.stateOf(id) === "disagree";
  $("settling").hidden = !disagree && !saved()?.settles;
  const wasOpen = $("others").querySelector("details")?.open && $("others").dataset.id === id;
  $("others").dataset.id = id;
  if (!others.length) return $("others").replaceChildren();
  const label = `${others.length} other ${others.length === 1 ? "review" : "reviews"}${saved() ? "" : " (judge first, then look)"}`;
  const card = (review) => el("article", { class: "review" }, el("b", {}, review.bucket || "judged as pass"),
    el("p", {}, review.fault && el("span", { class: "badge" }, review.fault), ` ${review.coder}, ${review.kind}${review.settles ? ", settles it" : ""}`),
    el("p", {}, review.mechanism), ...review.quotes.map((quote) => el("q", { onclick: () => show(quote) }, quote)),
    bare ? el("p", {}, "nothing is recorded") : "",
    whereIt(review) && el("p", {}, whereIt(review)),
    review.contested ? el("p", {}, `contested: ${review.contested_fault ? `${review.contested_fault}: ` : ""}${review.contested}`) : "",
    review.secondary.length ? el("p", {}, `consequences: ${review.secondary.join(", ")}`) : "",
    review.note ? el("p", {}, `note: ${review.note}`) : "");
  const details = el("details", { open: Boolean(saved()) || Boolean(wasOpen), ontoggle: drawMarks }, el("summary", {}, label), ...others.map(card));
  $("others").replaceChildren(details);
}

const whereIt = ({ step, agent, second, also, fix }) => [
  step ? `step ${step} (${agent})` : agent && `by ${agent}`, second && `second ${second}`,
  also.length > 0 && `also ${also.join(", ")}`, fix && `fix: ${fix}`].filter(Boolean).join("; ");

// Suggestions below the bucket: those in use, most used first.
let picked = -1;

function combo() {
  const input = $("bucket");
  input.addEventListener("focus", suggest);
  input.addEventListener("input", suggest);
  input.addEventListener("blur", hide);
  input.addEventListener("keydown", (event) => {
    const rows = [...$("buckets").children];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      picked = (picked + (event.key === "ArrowDown" ? 1 : -1) + rows.length + 1) % (rows.length + 1);
      rows.forEach((row, place) => row.setAttribute("aria-selected", String(place === picked)));
      rows[picked]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      if (rows[picked]) take(rows[picked].dataset.bucket);
      else hide();
    }
  });
}

function suggest() {
  const words = $("bucket").value.split("_").filter(Boolean);
  const fitting = queue.buckets().filter(([name]) => words.every((word) => name.includes(word)) && name !== $("bucket").value);
  picked = -1;
  $("buckets").replaceChildren(...fitting.slice(0, 30).map(([name, n]) => {
    const row = el("li", { role: "option", "data-bucket": name }, name, el("span", { class: "count" }, String(n)));
    row.addEventListener("mousedown", (event) => { event.preventDefault(); take(name); });
    return row;
  }));
  $("buckets").hidden = !fitting.length;
  $("bucket").setAttribute("aria-expanded", String(fitting.length > 0));
}

function take(bucket) {
  $("bucket").value = bucket;
  hide();
  changed();
}

function hide() {
  $("buckets").hidden = true;
  $("bucket").setAttribute("aria-expanded", "false");
}

export const load = (of) => get("reviews", { id: of });
