"""Open coding: every planned sample described on its own by an LLM, its quotes checked against the
sample, and every sample that could not be described counted as unknown."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failure_analysis import clean, store
from failure_analysis.coding import model, project, prompts, windows
from failure_analysis.coding.calls import Answer, Get
from failure_analysis.coding.prompts import Settled
from failure_analysis.coding.samples import Planned, Store
from failure_analysis.review import parts

if TYPE_CHECKING:
    from failure_analysis.coding.shapes import OpenCode

TEMPLATES = ("open_coding", "open_coding_sample", "open_coding_synthesis", "repair")
_OTHER = 0.15  # of a window, the most that another model's correct answer may take


@dataclass(frozen=True)
class Stage:
    """All that the requests of this stage are made from."""

    settings: model.Settings
    instructions: str
    policies: Mapping[str, str]
    store: Store
    others: Store
    characters: int


class Sample(NamedTuple):
    """A planned sample with its row, the windows it is cut into and the requests for them."""

    planned: Planned
    row: dict
    cut: windows.Cut
    mark: str
    all_parts: list[parts.Part]
    requests: tuple[model.Request, ...]


class Coded(NamedTuple):
    """What became of a sample: requests still needed, or the state it ended in."""

    needed: tuple[model.Request, ...]
    state: str = "skipped_by_budget"
    reason: str = ""
    windows: tuple[Settled | None, ...] = ()
    last: Settled | None = None


def read_sample(stage: Stage, planned: Planned) -> Sample:
    """Reads a planned sample and makes the requests for its windows."""
    from failure_analysis.coding.shapes import OpenCode

    row = stage.store.row(planned.ident)
    cut = windows.cut(row, stage.characters)
    policy = clean.visible(stage.policies.get(row["run_id"], ""))
    other = windows.other_answer(stage.others.row(planned.other), int(_OTHER * stage.characters)) \
        if planned.other else ""
    scores = windows.scores_text(row)
    labels = [f"{piece.segment.label}\n{piece.segment.text}" for window in cut.windows
              for piece in (*cut.header, *window.pieces)]
    mark = model.mark_of(planned.ident, policy, other, scores, *labels)
    requests = []
    for number, of, pieces in cut.windows:
        name = planned.ident if of == 1 else f"{planned.ident} window {number}"
        text = prompts.render("open_coding_sample", mark=mark, policy=policy, scores=scores,
                              other=other, header=cut.header, pieces=pieces, number=number, of=of)
        requests.append(model.new_request(stage.settings, name, mark, OpenCode,
                                          stage.instructions, text))
    return Sample(planned, row, cut, mark, parts.parts(row), tuple(requests))


def code(stage: Stage, sample: Sample, get: Get) -> Coded:
    """What a sample still needs, or how it ended. Windows first, each with at most one repair;
    then, where there are several, one description of the whole."""
    settled = [_settle(stage, sample, request, get) for request in sample.requests]
    needed = tuple(each for each in settled if isinstance(each, model.Request))
    done = tuple(None if isinstance(each, model.Request) else each for each in settled)
    if needed:
        return Coded(needed, windows=done)
    good = [place for place, window in enumerate(done) if window.value is not None]
    bad = min((window for window in done if window.value is None), default=None,
              key=lambda window: window.state not in model.UNANSWERED)
    if bad and (not good or bad.state in model.UNANSWERED):
        return Coded((), bad.state, bad.reason, done, bad)
    if len(good) == 1:
        return Coded((), "ok", "", done, done[good[0]])
    last = _settle(stage, sample, _synthesis(stage, sample, done), get)
    if isinstance(last, model.Request):
        return Coded((last,), windows=done)
    return Coded((), last.state, last.reason, done, last)


def _settle(stage: Stage, sample: Sample, request: model.Request, get: Get
            ) -> Settled | model.Request:
    return prompts.settle(stage.settings, request, get, partial(_judged, sample), of="sample")


def _judged(sample: Sample, request: model.Request,
            answer: Answer) -> tuple["OpenCode | None", list[str]]:
    """The value of an answer, if it has one, and all that is wrong with it."""
    value, reason = model.value_of(request, answer)
    return value, [reason] if value is None else _problems(sample, value)


def _problems(sample: Sample, value: "OpenCode") -> list[str]:
    """What is wrong with a description that has the right form."""
    problems = [f"{name} is empty" for name in ("descriptive_summary", "detailed_analysis")
                if not getattr(value, name).strip()]
    last = len(sample.row.get("messages") or [])
    if last and value.failure_point_turn is not None and not 1 <= value.failure_point_turn <= last:
        problems.append(f"failure_point_turn {value.failure_point_turn} is no message; there are "
                        f"messages 1 to {last}")
    if value.visibility == "failure_visible":
        problems += [f"a failure is visible, but {name} is empty" for name in
                     ("issues_identified", "evidence") if not getattr(value, name)]
    return problems + [f"the quote {json.dumps(quote.quote[:200], ensure_ascii=False)} {reason}"
                       for quote in value.evidence
                       if (reason := _unproved(quote.quote, sample.all_parts))]


def _unproved(quote: str, all_parts: list[parts.Part]) -> str:
    """Why a quote proves nothing of the sample; empty when it does."""
    if parts.where(quote, all_parts) is None:
        return "does not occur in the sample"
    if parts.loses_negation(quote, all_parts):
        return "leaves out the negation before it"
    return f"is shorter than {parts.SHORTEST_QUOTE} characters" \
        if parts.too_short(quote, all_parts) else ""


def _synthesis(stage: Stage, sample: Sample, done: Sequence[Settled]) -> model.Request:
    """The request for one description of a sample that was read in windows."""
    notes = [{"number": number, "text": clean.visible(json.dumps(
        _note(sample, window.value), ensure_ascii=False, indent=1)).replace(sample.mark, "(mark)")}
        for number, window in enumerate(done, 1) if window.value is not None]
    text = prompts.render("open_coding_synthesis", mark=sample.mark, notes=notes, of=len(done),
                          scores=windows.scores_text(sample.row))
    return model.new_request(stage.settings, f"{sample.planned.ident} whole", sample.mark,
                             sample.requests[0].shape, stage.instructions, text)


def _note(sample: Sample, value: "OpenCode") -> dict[str, Any]:
    """What a window's reader wrote, with those quotes alone that hold."""
    note = value.model_dump(exclude={"mark"})
    note["evidence"] = [quote for quote in note["evidence"]
                        if not _unproved(quote["quote"], sample.all_parts)]
    return note


# Samples -> records.

def jobs(stage: Stage, plan: Sequence[Planned], get: Get) -> Iterator[model.Job]:
    """For each sample, the function that says what it still needs."""
    for planned in plan:
        sample = read_sample(stage, planned)
        yield lambda sample=sample: list(code(stage, sample, get).needed)


def record(stage: Stage, sample: Sample, coded: Coded) -> dict[str, Any]:
    """A sample's row of the result: the source's fields, and what they rest on; unknown is null."""
    row, last = sample.row, coded.last
    state = "skipped_by_budget" if coded.needed else coded.state
    value = last.value if last and state == "ok" else None
    answers = [answer for window in coded.windows if window for answer in window.answers]
    if last and last not in coded.windows:
        answers += last.answers
    numbers = [number for number, window in enumerate(coded.windows, 1)
               if window and window.value is not None]
    rewards = {"reward": row.get("reward"), "scores": row.get("scores"),
               "failed_dimensions": row["failed_dimensions"]}
    return {
        "sample_id": stage.store.name(sample.planned.ident),
        "datapoint_id": sample.planned.ident,
        "success": {"pass": True, "fail": False}.get(row["outcome"]),
        "reward": row.get("reward"),
        "state": state, "reason": "not asked" if coded.needed else coded.reason,
        "role": sample.planned.role, "matched_to": stage.store.name(sample.planned.matched_to),
        **{name: row.get(name) for name in (
            "benchmark", "model_name", "run_id", "item_id", "trial")},
        "failed_dimensions": row["failed_dimensions"],
        # Under both names: scripts written for the first system of this kind look for the long one.
        "context": row.get("context") or {
            "task_name": row["item_id"], "conversation": row.get("messages"),
            "tau2bench_rewards": rewards, "rewards": rewards},
        "coding": _coding(sample, value) if value else None,
        "problems": list(last.problems) if value else [],
        "seen": sample.cut.seen(numbers) if value else None,
        "windows": [_window(sample, number, window)
                    for number, window in enumerate(coded.windows, 1)],
        "raw_response": last.stands.text if last else None,
        "api_usage": model.spent(answers),
    }


def _window(sample: Sample, number: int, window: Settled | None) -> dict[str, Any]:
    shown = {piece.segment.name: [piece.start, piece.stop]
             for piece in sample.cut.windows[number - 1].pieces}
    return {"number": number, "state": window.state if window else "skipped_by_budget",
            "visibility": window.value.visibility if window and window.value else None,
            "parts": shown}


def _coding(sample: Sample, value: "OpenCode") -> dict[str, Any]:
    """The code with each quote's place in the sample; a quote that is not there says so."""
    coding = value.model_dump(exclude={"mark"})
    last = len(sample.row.get("messages") or [])  # without messages there is no turn to name
    if coding["failure_point_turn"] is not None and not 1 <= coding["failure_point_turn"] <= last:
        coding["failure_point_turn"] = None
    for quote in coding["evidence"]:
        quote["part"] = parts.where(quote["quote"], sample.all_parts)
        quote["verified"] = not _unproved(quote["quote"], sample.all_parts)
    return _clean(coding)


def _clean(value: Any) -> Any:
    """Texts of a model with control characters spelled out."""
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return clean.visible(value) if isinstance(value, str) else value


def write(stage: Stage, plan: Sequence[Planned], get: Get, path: Path) -> dict[str, Any]:
    """Writes a line per planned sample, in their order, and returns the counts."""
    tally = Counter()
    with store.atomic(path) as file:
        for planned in plan:
            sample = read_sample(stage, planned)
            row = record(stage, sample, code(stage, sample, get))
            tally[row["state"]] += 1
            file.write(project.json_line(row))
            if row["coding"]:
                quotes = row["coding"]["evidence"]
                tally[row["coding"]["visibility"]] += 1
                tally["seen_in_part"] += row["seen"] < 1
                tally["quotes"] += len(quotes)
                tally["quotes_verified"] += sum(quote["verified"] for quote in quotes)
    return {"samples": len(plan), "coded": tally["ok"], "unknown": len(plan) - tally["ok"],
            "states": {state: tally[state] for state in model.STATES},
            "contrast": sum(planned.role == "contrast" for planned in plan),
            **{name: tally[name] for name in ("failure_visible", "no_failure_visible",
                                              "seen_in_part", "quotes", "quotes_verified")}}
