// The second reading: one sentence of the report at a time, its evidence, and this person's answer.

import { $, el, status, say, toggleTheme } from "./dom.js";
import { get, post } from "./api.js";
import { listen, typing } from "./keys.js";
import * as panels from "./panels.js";

const POLL = 2000;
let sheet = { entries: [] };
let given = {}; // sentence -> the last answer of each reader
let tried = ""; // the stamp of the files that the sheet was last asked for
let place = 0;
let choice = "";
const drafts = new Map(); // sentence -> [choice, reason] that is not recorded yet

const current = () => sheet.entries[place];
const mineOf = (id) => (given[id] ?? []).find((answer) => answer.reader === sheet.coder);

// Text in which only code spans and bold words are set apart; everything goes in as text.
function words(text) {
  return text.split(/((`+) ?(?:.+?) ?(?<!`)\2(?!`))/).flatMap((piece, at, all) => {
    if (at % 3 === 2) return [];
    return at % 3 ? [el("code", {}, piece.slice(all[at + 1].length, -all[at + 1].length).trim())] : bold(piece);
  });
}

const bold = (text) => text.split(/\*\*(\S(?:.*?\S)?)\*\*/).map((piece, at) => (at % 2 ? el("b", {}, piece) : piece));

async function poll() {
  try {
    const news = await get("answers");
    given = news.answers;
    if (news.stamp !== tried) {
      tried = news.stamp;
      await load();
    } else tellAnswers();
  } catch (error) {
    status(error.message, "bad");
  }
}

async function load() {
  const before = current()?.id;
  const kept = $("reason").value;
  try {
    sheet = await get("sheet");
  } catch (error) {
    sheet = { entries: [] };
    $("form").hidden = true;
    $("sentences").replaceChildren();
    $("progress").replaceChildren();
    $("middle").replaceChildren(el("p", { class: "hint" }, `There is nothing to read a second time yet. ${error.message}`));
    return;
  }
  const same = sheet.entries.findIndex((entry) => entry.id === before);
  if (before && same < 0 && kept) say("the sentence or its evidence has changed; what you wrote is still in the field", true);
  drawList();
  if (same >= 0) place = same;
  else if (!before) place = Math.max(0, sheet.entries.findIndex((entry) => !mineOf(entry.id)));
  open(Math.min(place, sheet.entries.length - 1), same < 0 && before ? kept : null);
}

function drawList() {
  let section = null;
  $("sentences").replaceChildren(...sheet.entries.flatMap((entry, at) => {
    const heading = entry.section === section ? [] : [el("li", {}, el("h3", {}, el("span", {}, ...words(entry.section))))];
    section = entry.section;
    return [...heading, el("li", {}, el("button", { type: "button", id: `sentence-${at}`, onclick: () => { panels.uncover(); open(at); } },
      el("i"), el("span", {}, ...words(entry.text))))];
  }));
  $("meaning").replaceChildren(...sheet.how.replaceAll("\n  ", " ").split("\n").map((line) => el("li", {}, ...words(line.replace(/^- /, "")))));
  $("draft").textContent = sheet.draft && `The report is a draft: ${sheet.draft}.`;
  $("choices").replaceChildren(...sheet.answers.map((name, at) => el("button", { type: "button", "data-answer": name, onclick: () => choose(name) },
    el("kbd", {}, `${at + 1}`), ` ${name.replace("_", " ")}`)));
}

function open(at, kept = null) {
  place = at;
  const entry = current();
  $("form").hidden = !entry;
  if (!entry) {
    $("middle").replaceChildren(el("p", { class: "hint" }, `The report has no sentence of an author. ${sheet.draft && `It is a draft: ${sheet.draft}.`}`));
    return;
  }
  const mine = mineOf(entry.id);
  [choice, $("reason").value] = drafts.get(entry.id) ?? ["", kept ?? mine?.reason ?? ""];
  $("middle").replaceChildren(el("div", { id: "sheet" }, ...body(entry)));
  $("middle").scrollTop = 0;
  tellAnswers();
  $(`sentence-${at}`).scrollIntoView({ block: "nearest" });
  if (!typing()) $("middle").focus({ preventScroll: true });
}

function body(entry) {
  const box = (text) => el("div", { class: "box text" }, text);
  const below = (shown, name = "") => [el("h3", {}, name && el("b", {}, name), el("span", {}, ...words(shown.head))), ...(shown.text ? [box(shown.text)] : [])];
  const fold = (label, text) => el("details", {}, el("summary", {}, ...words(label)), el("div", { class: "box text" }, ...words(text)));
  return [el("h3", {}, el("span", {}, ...words(entry.section))),
    el("p", { class: "sentence text" }, ...words(entry.text)),
    entry.quote && el("p", { class: "notes text" }, `quotes ${entry.cited.join(", ")}: “${entry.quote}”`),
    el("ul", { class: "notes" }, ...entry.notes.map((note) => el("li", {}, ...words(note)))),
    ...[...new Set(entry.cited)].flatMap((name) => below(sheet.datapoints[name], name)),
    ...(entry.recorded ? below(entry.recorded) : []),
    entry.model && fold(`What was counted of ${entry.model}`, sheet.counted[entry.model]),
    fold("What was counted of all", sheet.counted[""])].filter(Boolean);
}

// What stands answered: the list's signs, the progress, the form's buttons, who said what.
function tellAnswers() {
  if (!sheet.entries.length) return;
  const done = sheet.entries.filter((entry) => mineOf(entry.id)).length;
  const any = sheet.entries.filter((entry) => given[entry.id]).length;
  $("progress").replaceChildren(el("span", {}, el("b", {}, `${done} of ${sheet.entries.length}`), ` answered by ${sheet.coder} · ${any} by anybody`));
  sheet.entries.forEach((entry, at) => {
    const mine = mineOf(entry.id);
    const supported = mine?.answer === sheet.answers[0];
    const row = $(`sentence-${at}`);
    row.className = mine ? (supported ? "supported" : "declined") : "";
    row.firstChild.textContent = mine ? (supported ? "✓" : "✗") : given[entry.id] ? "◐" : "○";
    row.setAttribute("aria-current", String(at === place));
  });
  if (!current()) return;
  const chosen = choice || mineOf(current().id)?.answer;
  for (const button of $("choices").children) button.setAttribute("aria-pressed", String(button.dataset.answer === chosen));
  $("others").replaceChildren(...(given[current().id] ?? []).map((answer) => el("div", { class: "review" },
    el("b", {}, `${answer.reader} (${answer.kind})`), `: ${answer.answer.replace("_", " ")}${answer.reason ? `: ${answer.reason}` : ""}`)));
}

function choose(name) {
  const mine = mineOf(current().id);
  if (mine && mine.answer !== name && mine.reason === $("reason").value) $("reason").value = ""; // it was for the other answer
  choice = name;
  keep();
  tellAnswers();
  if (name === sheet.answers[0]) record();
  else $("reason").focus();
}

const keep = () => drafts.set(current().id, [choice, $("reason").value]);

async function record() {
  const entry = current();
  const mine = mineOf(entry.id);
  const asked = { id: entry.id, answer: choice || mine?.answer || "", reason: $("reason").value.trim(), before: mine ? [mine.answer, mine.reason] : null };
  if (!asked.answer) return say("choose an answer first", true);
  try {
    const answer = await post("answer", asked);
    if (answer.reason) {
      status(answer.reason, "bad");
      return await poll();
    }
    drafts.delete(entry.id);
    status("recorded", "good");
    await poll();
    if (current()?.id === entry.id) {
      document.activeElement.blur();
      move(1, "that was the last one");
    }
  } catch (error) {
    status(error.message, "bad");
  }
}

function move(step, otherwise) {
  if (sheet.entries[place + step]) open(place + step);
  else {
    tellAnswers();
    say(otherwise);
  }
}

function nextOpen() {
  const after = [...sheet.entries.keys()].map((at) => (place + 1 + at) % sheet.entries.length);
  const next = after.find((at) => !mineOf(sheet.entries[at].id));
  if (next === undefined) say("you have answered all of them");
  else open(next);
}

const KEYS = {
  j: () => move(1, "that was the last one"),
  k: () => move(-1, "this is the first one"),
  u: nextOpen,
  r: () => $("reason").focus(),
};
listen(KEYS, { ready: current, record, digit: (number) => { if (sheet.answers[number - 1]) choose(sheet.answers[number - 1]); } });
$("toggle-theme").addEventListener("click", toggleTheme);
panels.start();
$("before").addEventListener("click", () => KEYS.k());
$("after").addEventListener("click", () => KEYS.j());
$("quote-it").hidden = true;
$("reason").addEventListener("input", keep);
$("form").addEventListener("submit", (event) => { event.preventDefault(); record(); });
await poll();
setInterval(() => { if (!document.hidden) poll(); }, POLL);
