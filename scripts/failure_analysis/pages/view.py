"""One datapoint as the page draws it: its parts in pieces, the conversation step by step with each
tool call beside its result, and the same item for the other models."""

from collections.abc import Mapping
from typing import Any

import msgspec

from failure_analysis import clean
from failure_analysis.datapoint import UNSURE
from failure_analysis.packet import rows
from failure_analysis.pages import layout, readable
from failure_analysis.pages.desk import Desk
from failure_analysis.review import aids, ledger, parts, plan, timeline
from failure_analysis.review import view as whole

_ABOVE = ("question", "expected", "judge", "answer", "reasoning")
BRIEF = 160  # characters of a look-up that stand open
_FACTS = ("termination", "grader", "reward", "prompt_tokens", "completion_tokens", "latency_ms")


def datapoint(desk: Desk, ident: str) -> dict:
    """Everything the page shows of a datapoint, but the reviews."""
    row = rows.row(desk.index, ident)
    queued, talk = desk.queued(ident), conversation(row)
    return {**queued._asdict(), "why": plan.WHY[queued.why] if queued.why else "",
            "facts": [[name.replace("_", " "), clean.visible(str(row[name]))[:120]]
                      for name in _FACTS if row.get(name) is not None],
            "parts": {part.name: _readable(part, row.get("expected"))
                      or pieces(part, part.name in talk["looked_up"])
                      for part in parts.parts(row) if part.name not in talk["same"]},
            **talk, "alike": list(map(clean.visible, desk.twins(ident))),
            "siblings": siblings(desk, desk.index.outcomes[ident])}


def pieces(part: parts.Part, is_brief: bool = False) -> dict:
    """A part's text in chunks, each with the character it begins at. Of a brief one the first
    chunk, which stands open, is short."""
    is_brief = is_brief and len(part.text) > 2 * BRIEF
    chunks, start = [], 0
    for chunk in layout.chunks(part.text, BRIEF if is_brief else layout.CHUNK):
        stop = start + sum(len(line.text) for line in chunk)
        chunks.append({"from": start, "to": stop, "lines": chunk})
        start = stop
    return {"name": part.name, "size": len(part.text), "json": layout.is_json(part.text),
            "brief": is_brief, "chunks": chunks}


def _readable(part: parts.Part, expected: Any) -> dict | None:
    """What is expected in chunks of readable lines; None of every other part."""
    cut = readable.chunks(expected, part.text) if part.name == "expected" else None
    if cut is None:
        return None
    chunks, start = [], 0
    for chunk in cut:
        stop = start + sum(len(piece.recorded) for line in chunk for piece in line)
        chunks.append({"from": start, "to": stop, "lines": chunk})
        start = stop
    return {"name": part.name, "size": len(part.text), "json": False, "readable": True,
            "brief": False, "chunks": chunks}


def conversation(row: Mapping[str, Any]) -> dict:
    """The `steps` in time order with their calls, the `loose` calls that no message makes, what
    stands `above` them only by the place of its words, the agent of each message, the names of what
    was only `looked_up`, and `same`: the name of a part -> that of the part drawn in its place,
    which has the same text."""
    line = timeline.timeline(row)
    shown, marks = whole.whole(row, line), aids.marks(row, line)
    where = {window.entry.part.name: window.same_as for window in shown.windows}
    drawn = {window.entry.part.text: window.entry.part.name for window in shown.windows
             if not window.same_as}
    same = {window.entry.part.name: drawn[window.entry.part.text] for window in shown.windows
            if window.same_as}
    results = {call.place: call.result for call in timeline.calls(line) if call.result}
    for step in line.steps:  # the message that brings a result reads as the result does
        name = results.get(step.result_of)
        if step.part and name and name != step.part:  # else it stands in that message alone
            same[step.part] = same.get(name, name)
    brought = {step.result_of: step.index for step in line.steps if step.result_of}
    return {"steps": [_step(step, where, marks, brought) for step in line.steps
                      if not step.result_of],
            "loose": [_call(call, where, marks, brought) for call in line.loose],
            "above": {name: clean.visible(where[name]) for name in _ABOVE if where.get(name)},
            "agents": [step.agent for step in line.steps],
            "looked_up": [entry.part.name for entry in shown.entries if entry.kind == "looked_up"],
            "same": same}


def _step(step: timeline.Step, where: Mapping[str, str], marks: Mapping[str, list[str]],
          brought: Mapping[str, int]) -> dict:
    """One message as it is drawn."""
    place = str(step.index)
    return {"place": place, "agent": step.agent, "role": step.role,
            "marks": _marks(place, marks), "text": _text(step.part, where),
            "calls": [_call(call, where, marks, brought) for call in step.calls]}


def _call(call: timeline.Call, where: Mapping[str, str], marks: Mapping[str, list[str]],
          brought: Mapping[str, int]) -> dict:
    """One call beside its result, and the index of the message that `brought` that."""
    return {"place": call.place, "name": clean.visible(call.name), "writes": call.writes,
            "failed": call.failed, "marks": _marks(call.place, marks),
            "call": _text(call.call, where), "result": _text(call.result, where),
            "brought": brought.get(call.place)}


def _text(name: str, where: Mapping[str, str]) -> dict | None:
    """A part by its name, and the place where the same text is drawn, blank where it is here."""
    return {"part": name, "same": clean.visible(where[name])} if name in where else None


def _marks(place: str, marks: Mapping[str, list[str]]) -> list[str]:
    return list(map(clean.visible, marks.get(place, ())))


def siblings(desk: Desk, line: rows.OutcomeLine) -> list[dict]:
    """The same item elsewhere: outcome, failed dimensions, and the answer where the row is here."""
    entries, safe = [], clean.visible
    for other in desk.index.outcomes.values():
        if other.item != line.item or other.datapoint_id == line.datapoint_id \
                or line.fingerprint == UNSURE:
            continue
        whole = other.datapoint_id in desk.index.places
        shown = parts.parts(rows.row(desk.index, other.datapoint_id)) if whole else []
        answer = next((pieces(part) for part in shown if part.name == "answer"), None)
        entries.append({"id": other.datapoint_id, "model": safe(other.model),
                        "run": safe(other.run), "trial": other.trial, "outcome": other.outcome,
                        "failed": list(map(safe, other.failed)),
                        "differs": other.fingerprint != line.fingerprint, "whole": whole,
                        "answer": answer})
    return sorted(entries, key=lambda other: (other["model"] == line.model, other["model"],
                                              other["run"], other["trial"]))


def reviews(desk: Desk, ident: str) -> dict:
    """The current reviews of a datapoint: this coder's, and the others'."""
    version, all_reviews = desk.reviews()
    shown = [msgspec.to_builtins(review) for review in ledger.current(all_reviews)
             if review.datapoint_id == ident]
    mine = [review for review in shown if review["coder"] == desk.coder]
    return {"version": version, "mine": mine[-1] if mine else None,
            "others": [review for review in shown if review["coder"] != desk.coder]}
