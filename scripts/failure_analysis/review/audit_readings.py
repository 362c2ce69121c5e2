"""audit_readings.jsonl: what readers make of the candidates of the audit. Lines are only ever
appended; each is of a candidate and a datapoint as they were, and void once one of them changes."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from failure_analysis import clean, files, steps, store
from failure_analysis.audit import candidates
from failure_analysis.audit.candidates import Candidate
from failure_analysis.packet import rows
from failure_analysis.review import answers, ledger, parts

NAME = steps.READINGS
CONFIRMED, POSSIBLE, DECLINED = ANSWERS = ("confirmed", "possible", "declined")
# What the disputed datapoints should have been; `drop`: they say nothing, nor do the others of
# their item, unless the run alone broke; `stays`: the verdicts are right as they are.
PASS, FAIL, DROP, STAYS = HOLDS = ("pass", "fail", "drop", "stays")
# What a confirmed candidate of a class says, where its reader does not.
SAME = "same_answer_other_verdict"
BY_CLASS = {"strict_match": PASS, "false_pass": FAIL, "damaged_item": DROP, "harness": DROP,
            "claimed_done": STAYS}
_KEYS = ("id", "answer", "holds", "datapoint_id", "quote", "reason", "reader", "kind")
# In the place of an id: what a reader found in an item and no rule names.
_RAISING = ("class", "disputed")
RAISED = "raised"
_FEWEST_WORDS = 4


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: what a reader says of a candidate (`id`). `row` is the hash of the datapoint that
    it quotes as it was read, `reading_id` that of all that it says. With a class the reader found
    it, and these datapoints are in doubt."""

    reading_id: str
    id: str
    answer: str
    holds: str
    datapoint_id: str
    quote: str
    reason: str
    reader: str
    kind: str
    recorded: str
    row: str | None = None
    klass: str = msgspec.field(name="class", default="")
    disputed: list[str] = []


def load(analysis_dir: Path) -> list[Reading]:
    """All readings; a last line that a crash cut off does not count, a bad one is refused."""
    path = analysis_dir / NAME
    return _parsed(path, files.read_bytes(path)) if path.exists() else []


def _parsed(path: Path, text: bytes) -> list[Reading]:
    return store.appended(path, text, Reading, "not a reading of a candidate", "readings are "
                          f"recorded with {steps.AUDIT.script} --readings, never by hand")


def latest(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    """Candidate -> the last reading of each reader."""
    by_id: dict[str, list[Reading]] = {}
    for reading in {(one.id, one.reader): one for one in readings}.values():
        by_id.setdefault(reading.id, []).append(reading)
    return by_id


def unread(analysis_dir: Path) -> list[dict[str, str]]:
    """An entry for each flag that nobody has read, to be filled in."""
    done = latest(load(analysis_dir))
    return [{"id": one.id, "answer": CONFIRMED, "holds": BY_CLASS.get(one.klass, ""),
             "datapoint_id": next(iter(candidates.datapoints(one)), ""), "quote": "", "reason": ""}
            for one in candidates.load(analysis_dir) if one.kind == "flag" and one.id not in done]


def append(index: rows.Index, entries: Iterable[Mapping[str, Any]]) -> list[answers.Verdict]:
    """Proves each entry against its candidate and its datapoint and appends the good ones; one
    verdict per entry."""
    entries = [_normal(entry) for entry in entries]
    asked = {entry["id"] for entry in entries if isinstance(entry["id"], str)}
    named = {one.id: one for one in candidates.load(index.analysis_dir) if one.id in asked}
    named |= raised(index, load(index.analysis_dir))
    return answers.append(index.analysis_dir / NAME, _parsed, entries,
                          lambda entry: _judged(index, entry, named),
                          lambda reading: (reading.id, reading.reader),
                          lambda reading: reading.reading_id)


def raised(index: rows.Index, readings: Iterable[Reading]) -> dict[str, Candidate]:
    """What readers found and no rule names, by id; not what is of datapoints that are gone."""
    found = {}
    for reading in readings:
        if reading.klass and reading.disputed[0] in index.outcomes:
            found[reading.id] = _candidate(index, reading.klass, reading.disputed, reading.quote)
    return found


def _candidate(index: rows.Index, klass: str, disputed: list[str], quote: str) -> Candidate:
    """A candidate that a reader raises."""
    line = index.outcomes[disputed[0]]
    named = json.dumps([RAISED, klass, line.item, line.fingerprint, sorted(disputed)])
    return Candidate("r" + hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:9],
                     klass, RAISED, "reader", line.item, line.fingerprint,
                     "A reader found it, and no rule of the audit.",
                     [candidates.Variant("quoted", quote)] if quote else [], disputed, {})


def own_datapoints(candidate: Candidate, index: rows.Index) -> list[str]:
    """The datapoints that a reading of a candidate may quote: those that it names; all of its item
    and content where it names none, or a reader raised it."""
    return candidate.kind != RAISED and candidates.datapoints(candidate) or [
        ident for ident, line in index.outcomes.items()
        if (line.item, line.fingerprint) == (candidate.item_id, candidate.item_fingerprint)]


def _normal(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with every key, its control characters spelled out; nulls say nothing."""
    filled = {**dict.fromkeys((*_KEYS, "class"), ""), "disputed": [],
              **{name: value for name, value in entry.items() if value is not None}}
    return {name: clean.visible(value).strip() if isinstance(value, str) else value
            for name, value in filled.items()}


def _judged(index: rows.Index, entry: dict[str, Any], named: Mapping[str, Candidate]
            ) -> Reading | str:
    """The reading that an entry is, or why it is none."""
    if reason := _wrong_types(entry):
        return reason
    if entry["class"] or entry["disputed"]:
        candidate = _raise(index, entry)
        if isinstance(candidate, str):
            return candidate
        entry = {**entry, "id": candidate.id, "disputed": candidate.disputed}
    else:
        candidate = named.get(entry["id"])
    if candidate is None:
        return f"{json.dumps(entry['id'])} is no candidate of {steps.AUDIT.writes[0]}: take the " \
               f"ids from there (when the runs have changed, run {steps.AUDIT.script} again first)"
    if not entry["holds"] and entry["answer"] == CONFIRMED:
        entry = {**entry, "holds": BY_CLASS.get(candidate.klass, "")}
    if reasons := [*filter(None, (wrong_form(entry), _wrong_content(index, entry, candidate)))]:
        return "; ".join(reasons)
    ident = entry["datapoint_id"]
    row = ledger.digests(index, [ident]).get(ident) if ident else None
    return Reading(reading_id=_reading_id(entry, row), row=row, klass=entry.pop("class"),
                   recorded=datetime.now(UTC).isoformat(timespec="seconds"), **entry)


def _raise(index: rows.Index, entry: Mapping[str, Any]) -> Candidate | str:
    """The candidate that an entry raises, or why it raises none."""
    klass, disputed = entry["class"], entry["disputed"] or [entry["datapoint_id"]]
    if klass not in BY_CLASS and klass != SAME:
        return f"class {json.dumps(klass)} is none of {SAME}, {', '.join(BY_CLASS)}"
    if entry["id"]:
        return "give an id (of a candidate) or a class (of what no rule found), not both"
    if entry["answer"] == DECLINED:
        return f"what is {DECLINED} is not raised; leave it out"
    if not all(disputed):
        return "a class needs the datapoint_id in which it was found"
    if strange := next((ident for ident in disputed if ident not in index.outcomes), ""):
        return f"disputed: {rows.missing(index, strange)}"
    items = {(index.outcomes[ident].item, index.outcomes[ident].fingerprint)
             for ident in (*disputed, *filter(None, [entry["datapoint_id"]]))
             if ident in index.outcomes}
    if len(items) > 1 or len(set(disputed)) < len(disputed):
        return "disputed: all of one item and content, each once"
    return _candidate(index, klass, disputed, entry["quote"])


def _wrong_types(entry: Mapping[str, Any]) -> str:
    keys = (*_KEYS, *_RAISING)
    unknown = sorted(set(entry) - set(keys))
    if unknown:
        return f"unknown key {', '.join(map(str, unknown))}; keys are {', '.join(keys)}"
    bad = next((name for name in (*_KEYS, "class") if not isinstance(entry[name], str)), None)
    if not isinstance(entry["disputed"], list) or not all(
            isinstance(ident, str) for ident in entry["disputed"]):
        return "disputed is no list of datapoint ids"
    return f"{bad} is no text" if bad else ""


def wrong_form(entry: Mapping[str, Any]) -> str:
    """What is wrong with an entry before its datapoint is opened; blank when nothing is."""
    answer, holds = entry["answer"], entry["holds"]
    if answer not in ANSWERS:
        return f"answer {json.dumps(answer)} is none of {', '.join(ANSWERS)}"
    if answer == CONFIRMED and holds not in HOLDS:
        return "confirmed needs `holds`: what the disputed datapoints should have been, pass or " \
               "fail; drop where the item's datapoints say nothing; stays where the verdicts are " \
               "right"
    if answer != CONFIRMED and holds:
        return f"`holds` goes with {CONFIRMED} alone"
    if entry["quote"] and not entry["datapoint_id"]:
        return "a quote needs the datapoint_id in which it stands"
    if answer != POSSIBLE and not entry["quote"]:
        return f"{answer} needs a quote, verbatim from one of the candidate's datapoints, and " \
               "its datapoint_id"
    if answer != POSSIBLE and len(entry["reason"].split()) < _FEWEST_WORDS:
        return f"{answer} needs a reason, of four words at least"
    if entry["kind"] not in ledger.READERS:
        return f"kind {json.dumps(entry['kind'])} is none of {', '.join(ledger.READERS)}"
    return ledger.wrong_coder(entry["reader"]).replace("coder", "reader", 1)


def _wrong_content(index: rows.Index, entry: Mapping[str, Any], candidate: Candidate) -> str:
    """What is wrong with the datapoint of an entry or with its quote; blank when nothing is."""
    ident = entry["datapoint_id"]
    if not ident:
        return ""
    own = own_datapoints(candidate, index)
    if ident not in own:
        return f"{json.dumps(ident)} is no datapoint of candidate {candidate.id}; take one of " \
               f"{', '.join(own[:3])}" + (f" and {len(own) - 3} more" if len(own) > 3 else "")
    if ident not in index.places:
        return f"{ident} is not here whole, so that no quote of it can be proved: run " \
               f"{steps.PLAN.script} ANALYSIS_DIR --contrast {ident}, read it and record this again"
    return ledger.unproved([entry["quote"]], rows.row(index, ident)) if entry["quote"] else ""


def fault_of(reading: Reading, row_parts: list[parts.Part] | None) -> tuple[str, str]:
    """(verdict, what is wrong) of a recorded reading, beside the parts of its datapoint as they are
    now (None: it is not here whole); blank when nothing is."""
    entry = {name: getattr(reading, name) for name in _KEYS}
    entry |= {"class": reading.klass, "disputed": reading.disputed}
    if _reading_id(entry, reading.row) != reading.reading_id or wrong_form(entry):
        return "edited_reading", f"this line of {NAME} is not as it was recorded; undo the edit, " \
                                 "a correction is a new reading"
    ident = reading.datapoint_id
    if not ident:
        return "", ""
    if row_parts is None:
        return "missing_row", f"reading {reading.reading_id} quotes it and it is not here whole; " \
                              f"run {steps.PLAN.script} --contrast {ident}"
    if parts.digest(row_parts) != reading.row:
        return "changed_row", "it is not the datapoint that was read for reading " \
                              f"{reading.reading_id}; read it and record it again"
    if reading.quote and parts.where(reading.quote, row_parts) is None:
        return "fabricated_quote", f"reading {reading.reading_id} quotes what does not occur in " \
                                   f"{ident}"
    return "", ""


def _reading_id(entry: Mapping[str, Any], row: str | None) -> str:
    """The same reading of the same row has the same id."""
    more = [entry[name] for name in _RAISING] if entry.get("class") else []
    text = json.dumps([*(entry[name] for name in _KEYS), row, *more])
    return "a" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
