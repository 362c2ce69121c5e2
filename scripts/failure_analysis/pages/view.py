"""One datapoint as the page draws it: its parts in pieces, the conversation with each tool call
beside its result, and the same item for the other models."""

from collections.abc import Mapping
from typing import Any

import msgspec

from failure_analysis import clean
from failure_analysis.datapoint import UNSURE
from failure_analysis.packet import rows
from failure_analysis.pages import layout
from failure_analysis.pages.desk import Desk
from failure_analysis.review import ledger, parts, plan

SHORT = 3  # in a conversation this short, the answer that stands above it is not shown again
_FACTS = ("termination", "grader", "reward", "prompt_tokens", "completion_tokens", "latency_ms")


def datapoint(desk: Desk, ident: str) -> dict:
    """Everything the page shows of a datapoint, but the reviews."""
    row = rows.row(desk.index, ident)
    row_parts = parts.parts(row)
    queued = desk.queued(ident)
    return {**queued._asdict(), "why": plan.WHY[queued.why] if queued.why else "",
            "facts": [[name.replace("_", " "), clean.visible(str(row[name]))[:120]]
                      for name in _FACTS if row.get(name) is not None],
            "characters": sum(len(part.text) for part in row_parts),
            "parts": {part.name: pieces(part) for part in row_parts},
            **conversation(row, row_parts), "siblings": siblings(desk, desk.index.outcomes[ident])}


def pieces(part: parts.Part) -> dict:
    """A part's text in chunks, each with the character it begins at."""
    chunks, start = [], 0
    for chunk in layout.chunks(part.text):
        stop = start + sum(len(line.text) for line in chunk)
        chunks.append({"from": start, "to": stop, "lines": chunk})
        start = stop
    return {"name": part.name, "size": len(part.text), "json": layout.is_json(part.text),
            "chunks": chunks}


def conversation(row: Mapping[str, Any], row_parts: list[parts.Part]) -> dict:
    """The `turns` that are drawn, the `loose` calls that no turn carries, each with its result, and
    `same`: the name of a part -> that of the part drawn in its place, which has the same text."""
    text = {part.name: part.text for part in row_parts}
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
