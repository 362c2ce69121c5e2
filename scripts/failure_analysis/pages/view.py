"""One datapoint as the page draws it: its parts in pieces, the conversation with each tool call
beside its result, and the same item for the other models."""

from collections.abc import Mapping
from typing import Any

import msgspec

from failure_analysis import files
from failure_analysis.packet import rows
from failure_analysis.pages import layout
from failure_analysis.pages.desk import Desk
from failure_analysis.review import ledger, parts, plan

# In a conversation this short, the answer that stands above it is not shown again.
SHORT = 3
_FACTS = ("termination", "grader", "reward", "prompt_tokens", "completion_tokens", "latency_ms")


def datapoint(desk: Desk, ident: str) -> dict:
    """Everything the page shows of a datapoint, but the reviews."""
    row = rows.row(desk.known, ident)
    found = parts.parts(row)
    entry = desk.entry(ident)
    return {
        **entry._asdict(), "why": plan.WHY[entry.why] if entry.why else "",
        "facts": [[name.replace("_", " "), files.visible(str(row[name]))[:120]]
                  for name in _FACTS if row.get(name) is not None],
        "characters": sum(len(part.text) for part in found),
        "parts": {part.name: pieces(part) for part in found},
        **conversation(row, found),
        "siblings": siblings(desk, desk.known.outcomes[ident]),
    }


def pieces(part: parts.Part) -> dict:
    """A part's text in chunks, each with the character it begins at."""
    chunks, start = [], 0
    for chunk in layout.chunks(part.text):
        stop = start + sum(len(line.text) for line in chunk)
        chunks.append({"from": start, "to": stop, "lines": chunk})
        start = stop
    return {"name": part.name, "size": len(part.text), "json": layout.is_json(part.text),
            "chunks": chunks}


def conversation(row: Mapping[str, Any], found: list[parts.Part]) -> dict:
    """The turns that are drawn, the calls that no turn carries, and `same`: part -> the part
    drawn in its place because it has the same text."""
    text = {part.name: part.text for part in found}
    turns = parts.turns(row)
    same: dict[str, str] = {}
    drawn, carried = [], set()
    for turn in turns:
        calls = [name for name in turn.calls if name.startswith("call-")]
        carried |= {name.partition("-")[2] for name in calls}
        twin = _twin(turn, text, carried, len(turns))
        if twin:
            same[turn.name] = twin
            if turn.role == "tool":
                continue
        if turn.name in text or calls:
            drawn.append({"name": turn.name, "role": turn.role, "twin": twin,
                          "shown": turn.name in text and not twin,
                          "answer": text.get(turn.name) == text.get("answer"),
                          "calls": [_pair(name.partition("-")[2], text) for name in calls]})
    numbers = dict.fromkeys(name.partition("-")[2] for name in text
                            if name.startswith(("call-", "result-")))
    loose = [_pair(number, text) for number in numbers if number not in carried]
    return {"turns": drawn, "loose": loose, "same": same}


def _pair(number: str, text: Mapping[str, str]) -> list[str | None]:
    """The names of a call and of its result, None where it has no text."""
    return [name if name in text else None for name in (f"call-{number}", f"result-{number}")]


def _twin(turn: parts.Turn, text: Mapping[str, str], carried: set[str], length: int) -> str:
    """The part that is already drawn and says the same as this message; empty when none does."""
    words = text.get(turn.name)
    results = [name for name in turn.calls if name.startswith("result-")]
    if turn.role == "tool" and results and results[0].partition("-")[2] in carried:
        return results[0] if words in (None, text.get(results[0])) else ""
    if words is not None and words == text.get("question"):
        return "question"
    if words is not None and length <= SHORT and words == text.get("answer"):
        return "answer"
    return ""


def siblings(desk: Desk, outcome: rows.OutcomeLine) -> list[dict]:
    """The same item elsewhere: outcome, failed dimensions, and the answer where the row is here."""
    found = []
    for one in desk.known.outcomes.values():
        if one.item != outcome.item or one.datapoint_id == outcome.datapoint_id:
            continue
        whole = one.datapoint_id in desk.known.places
        shown = parts.parts(rows.row(desk.known, one.datapoint_id)) if whole else []
        found.append({"id": one.datapoint_id, "model": files.visible(one.model),
                      "run": files.visible(one.run), "trial": one.trial, "outcome": one.outcome,
                      "failed": [files.visible(name) for name in one.failed],
                      "differs": one.fingerprint != outcome.fingerprint, "whole": whole,
                      "answer": next((pieces(part) for part in shown if part.name == "answer"),
                                     None)})
    return sorted(found, key=lambda one: (one["model"] == outcome.model, one["model"],
                                          one["run"], one["trial"]))


def reviews(desk: Desk, ident: str) -> dict:
    """The current reviews of a datapoint: this coder's, and the others'."""
    version, found = desk.reviews()
    shown = [msgspec.to_builtins(review) for review in ledger.current(found)
             if review.datapoint_id == ident]
    mine = [one for one in shown if one["coder"] == desk.coder]
    return {"version": version, "mine": mine[-1] if mine else None,
            "others": [one for one in shown if one["coder"] != desk.coder]}
