"""The second reading in the page: the sheet's sentences with the sheet's evidence, and this
person's answers. The sheet is made again when a file that it rests on has changed."""

import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from failure_analysis import clean, files
from failure_analysis.pages.desk import Desk
from failure_analysis.report import second_reading
from failure_analysis.review import reading_log

_LOCK = threading.Lock()  # one sheet is made at a time, and no answer comes between look and write


def sheet(desk: Desk, asked: Mapping) -> dict:
    """What is to be read; refuses with the reason where there is no report to read."""
    with _LOCK:
        return _current(desk)


def answers(desk: Desk, asked: Mapping) -> dict:
    """Who has answered what, and the stamp of the sheet that goes with it."""
    return {"stamp": _stamp(desk.analysis_dir), "answers": {
        ident: [msgspec.to_builtins(answer) for answer in given] for ident, given
        in second_reading.latest(second_reading.load(desk.analysis_dir)).items()}}


def answer(desk: Desk, asked: dict) -> dict:
    """Records an answer as this person's; answers with it or with the reason against it. `before`
    is what the page took for this person's answer so far."""
    entry = {name: asked[name] for name in ("id", "answer", "reason") if name in asked}
    entry |= {"reader": desk.coder, "kind": "person"}
    with _LOCK:
        known = [line["id"] for line in _current(desk)["entries"]]
        if entry.get("id") not in known:
            return {"reason": "not recorded: the sentence or its evidence has changed meanwhile"}
        mine = _said(desk, entry["id"])
        if mine and mine not in (asked.get("before"), [entry.get("answer"), entry.get("reason")]):
            return {"reason": "not recorded: you answered it in another window "
                              f"({', '.join(filter(None, mine))})"}
        [verdict] = second_reading.append(desk.analysis_dir, [entry], known)
    if verdict.record is None:
        return {"reason": clean.visible(verdict.reason)}
    return {"answer": msgspec.to_builtins(verdict.record)}


def _said(desk: Desk, ident: Any) -> list[str] | None:
    """This person's answer to a sentence and its reason."""
    return next(([line.answer, line.reason] for line in
                 reversed(second_reading.load(desk.analysis_dir))
                 if (line.id, line.reader) == (ident, desk.coder)), None)


def _stamp(analysis_dir: Path) -> str:
    """Changes when a file does that the sheet may rest on."""
    aside = (second_reading.NAME, reading_log.NAME)
    return str(hash(tuple(sorted(
        (path.name, path.stat().st_mtime_ns, path.stat().st_size)
        for path in analysis_dir.iterdir()
        if path.name not in aside and not path.name.startswith(".") and path.is_file()))))


def _current(desk: Desk) -> dict:
    """The sheet as the files are now."""
    made = _made(desk.analysis_dir, _stamp(desk.analysis_dir))
    if isinstance(made, str):
        raise files.Refusal(made)
    return {**made, "coder": desk.coder}


@lru_cache(maxsize=1)
def _made(analysis_dir: Path, stamp: str) -> dict | str:
    """The sheet as the page draws it, or why there is none."""
    # These load numpy, which a review does not need.
    from failure_analysis.report import check, sheet

    try:
        found, evidence = check.sheet_entries(analysis_dir)
    except files.Refusal as refusal:
        return str(refusal)
    numbers = sheet.numbered(found)
    safe = clean.visible
    entries = [
        {"id": entry.ident, "section": section.title, "text": sheet.sentence(entry, numbers),
         "quote": safe(entry.said.quote), "cited": [numbers[ident] for ident in entry.said.cited],
         "notes": list(map(safe, (*sheet.around_it(entry), *entry.facts, *entry.hints))),
         "model": entry.said.unit.model,
         "recorded": section.recorded and _shown(section.recorded)}
        for section in sheet.sections(found, evidence) for entry in section.entries]
    models = dict.fromkeys(["", *(entry.said.unit.model for entry in found)])
    still_open = check.still_open(analysis_dir)
    return {"stamp": stamp, "draft": sheet.in_draft(still_open) if still_open else "",
            "entries": entries, "how": sheet.MEANING,
            "answers": second_reading.ANSWERS,
            "counted": {model: safe("\n".join(sheet.counted(model, evidence)))
                        for model in models},
            "datapoints": {number: _shown(sheet.datapoint(ident, evidence))
                           for ident, number in numbers.items()}}


def _shown(shown: Any) -> dict:
    """A heading and the text below it, as the sheet has them."""
    from failure_analysis.report import sheet

    return {"head": clean.visible(shown.head), "text": sheet.shown_text(shown)}
