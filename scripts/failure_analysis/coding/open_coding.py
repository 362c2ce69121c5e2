"""Open coding: every planned sample described on its own by an LLM, its quotes checked against the
sample, and every sample that could not be described counted as unknown."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failure_analysis import files
from failure_analysis.coding import model, project, prompts, windows
from failure_analysis.coding.calls import Answer, Get
from failure_analysis.coding.prompts import Settled
from failure_analysis.coding.samples import Planned, Store
from failure_analysis.review import parts

if TYPE_CHECKING:
    from failure_analysis.coding.shapes import OpenCode

TEMPLATES = ("open_coding", "open_coding_sample", "open_coding_synthesis", "repair")
# Of a window, the most that another model's correct answer may take.
_OTHER = 0.15


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
    shown: windows.Cut
    mark: str
    found: list[parts.Part]
    requests: tuple[model.Request, ...]


class Coded(NamedTuple):
    """What became of a sample: requests still needed, or the state it ended in."""

    needed: tuple[model.Request, ...]
    state: str = "skipped_by_budget"
    reason: str = ""
    windows: tuple[Settled | None, ...] = ()
    last: Settled | None = None


def sample(stage: Stage, planned: Planned) -> Sample:
    """Reads a planned sample and makes the requests for its windows."""
    from failure_analysis.coding.shapes import OpenCode

    row = stage.store.row(planned.ident)
    shown = windows.cut(row, stage.characters)
    policy = files.visible(stage.policies.get(row["run_id"], ""))
    other = windows.other_answer(stage.others.row(planned.other), int(_OTHER * stage.characters)) \
        if planned.other else ""
    scores = windows.scores_text(row)
    labels = [f"{one.segment.label}\n{one.segment.text}" for window in shown.windows
              for one in (*shown.header, *window.pieces)]
    mark = model.mark_of(planned.ident, policy, other, scores, *labels)
    requests = tuple(model.request(
        stage.settings, planned.ident if window.of == 1 else
        f"{planned.ident} window {window.number}", mark, OpenCode, stage.instructions,
        prompts.render("open_coding_sample", mark=mark, policy=policy, scores=scores, other=other,
                       header=shown.header, pieces=window.pieces, number=window.number,
                       of=window.of)) for window in shown.windows)
    return Sample(planned, row, shown, mark, parts.parts(row), requests)


def code(stage: Stage, one: Sample, get: Get) -> Coded:
    """What a sample still needs, or how it ended. Windows first, each with at most one repair;
    then, where there are several, one description of the whole."""
    settled = tuple(_settle(stage, one, request, get) for request in one.requests)
    needed = tuple(need for need in settled if isinstance(need, model.Request))
    done = tuple(None if isinstance(need, model.Request) else need for need in settled)
    if needed:
        return Coded(needed, windows=done)
    good = [place for place, window in enumerate(done) if window.value is not None]
    bad = min((window for window in done if window.value is None), default=None,
              key=lambda window: window.state not in model.UNANSWERED)
    if bad and (not good or bad.state in model.UNANSWERED):
        return Coded((), bad.state, bad.reason, done, bad)
    if len(good) == 1:
        return Coded((), "ok", "", done, done[good[0]])
    last = _settle(stage, one, _synthesis(stage, one, done), get)
    if isinstance(last, model.Request):
        return Coded((last,), windows=done)
    return Coded((), last.state, last.reason, done, last)


def _settle(stage: Stage, one: Sample, request: model.Request, get: Get
            ) -> Settled | model.Request:
    return prompts.settle(stage.settings, request, get, partial(_judged, one), of="sample")


def _judged(one: Sample, request: model.Request,
            answer: Answer) -> tuple["OpenCode | None", list[str]]:
    """The value of an answer, if it has one, and all that is wrong with it."""
    value, reason = model.value_of(request, answer)
    return value, [reason] if value is None else _problems(one, value)


def _problems(one: Sample, value: "OpenCode") -> list[str]:
    """What is wrong with a description that has the right form."""
    wrong = [f"{name} is empty" for name in ("descriptive_summary", "detailed_analysis")
             if not getattr(value, name).strip()]
    last = len(one.row.get("messages") or [])
    if last and value.failure_point_turn is not None and not 1 <= value.failure_point_turn <= last:
        wrong.append(f"failure_point_turn {value.failure_point_turn} is no message; there are "
                     f"messages 1 to {last}")
    if value.visibility == "failure_visible":
        wrong += [f"a failure is visible, but {name} is empty" for name in
                  ("issues_identified", "evidence") if not getattr(value, name)]
    return wrong + [f"the quote {json.dumps(quote.quote[:200], ensure_ascii=False)} {why}"
                    for quote in value.evidence if (why := _unproved(quote.quote, one.found))]


def _unproved(quote: str, found: list[parts.Part]) -> str:
    """Why a quote proves nothing of the sample; empty when it does."""
    if parts.where(quote, found) is None:
        return "does not occur in the sample"
    if parts.loses_negation(quote, found):
        return "leaves out the negation before it"
    return f"is shorter than {parts.SHORTEST_QUOTE} characters" \
        if parts.too_short(quote, found) else ""


def _synthesis(stage: Stage, one: Sample, done: Sequence[Settled]) -> model.Request:
    """The request for one description of a sample that was read in windows."""
    notes = [{"number": number, "text": files.visible(json.dumps(
        _note(one, window.value), ensure_ascii=False, indent=1)).replace(one.mark, "(mark)")}
        for number, window in enumerate(done, 1) if window.value is not None]
    text = prompts.render("open_coding_synthesis", mark=one.mark, notes=notes, of=len(done),
                          scores=windows.scores_text(one.row))
    return model.request(stage.settings, f"{one.planned.ident} whole", one.mark,
                         one.requests[0].shape, stage.instructions, text)


def _note(one: Sample, value: "OpenCode") -> dict[str, Any]:
    """What a window's reader wrote, with those quotes alone that hold."""
    note = value.model_dump(exclude={"mark"})
    note["evidence"] = [quote for quote in note["evidence"]
                        if not _unproved(quote["quote"], one.found)]
    return note


# Samples -> records.

def jobs(stage: Stage, planned: Sequence[Planned], get: Get) -> Iterator[model.Needed]:
    """For each sample, the function that says what it still needs."""
    for plan in planned:
        one = sample(stage, plan)
        yield lambda one=one: list(code(stage, one, get).needed)


def record(one: Sample, coded: Coded) -> dict[str, Any]:
    """A sample's line of the result: the source's fields, and what they rest on. What is not known
    is null."""
    row, last = one.row, coded.last
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
        "sample_id": one.planned.ident,
        "success": {"pass": True, "fail": False}.get(row["outcome"]),
        "reward": row.get("reward"),
        "state": state,
        "reason": coded.reason,
        "role": one.planned.role,
        "matched_to": one.planned.matched_to,
        **{name: row.get(name) for name in (
            "benchmark", "model_name", "run_id", "item_id", "trial")},
        "failed_dimensions": row["failed_dimensions"],
        # Under both names: scripts written for the first system of this kind look for the long one.
        "context": {"task_name": row["item_id"], "conversation": row.get("messages"),
                    "tau2bench_rewards": rewards, "rewards": rewards},
        "coding": _coding(one, value) if value else None,
        "problems": list(last.problems) if value else [],
        "seen": one.shown.seen(numbers) if value else None,
        "windows": [_window(one, number, window)
                    for number, window in enumerate(coded.windows, 1)],
        "raw_response": last.stands.text if last else None,
        "api_usage": model.spent(answers),
    }


def _window(one: Sample, number: int, window: Settled | None) -> dict[str, Any]:
    shown = {piece.segment.name: [piece.start, piece.stop]
             for piece in one.shown.windows[number - 1].pieces}
    return {"number": number, "state": window.state if window else "skipped_by_budget",
            "visibility": window.value.visibility if window and window.value else None,
            "parts": shown}


def _coding(one: Sample, value: "OpenCode") -> dict[str, Any]:
    """The code with each quote's place in the sample; a quote that is not there says so."""
    coding = value.model_dump(exclude={"mark"})
    last = len(one.row.get("messages") or [])  # without messages there is no turn to name
    if coding["failure_point_turn"] is not None and not 1 <= coding["failure_point_turn"] <= last:
        coding["failure_point_turn"] = None
    for quote in coding["evidence"]:
        quote["part"] = parts.where(quote["quote"], one.found)
        quote["verified"] = not _unproved(quote["quote"], one.found)
    return _clean(coding)


def _clean(value: Any) -> Any:
    """Texts of a model with control characters spelled out."""
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return files.visible(value) if isinstance(value, str) else value


def write(stage: Stage, planned: Sequence[Planned], get: Get, path: Path) -> dict[str, Any]:
    """Writes a line per planned sample, in their order, and returns the counts."""
    tally = Counter()
    with files.atomic(path) as file:
        for plan in planned:
            one = sample(stage, plan)
            line = record(one, code(stage, one, get))
            tally[line["state"]] += 1
            file.write(project.json_line(line))
            if line["coding"]:
                quotes = line["coding"]["evidence"]
                tally[line["coding"]["visibility"]] += 1
                tally["seen_in_part"] += line["seen"] < 1
                tally["quotes"] += len(quotes)
                tally["quotes_verified"] += sum(quote["verified"] for quote in quotes)
    return {
        "samples": len(planned),
        "coded": tally["ok"],
        "unknown": len(planned) - tally["ok"],
        "states": {state: tally[state] for state in model.STATES},
        "contrast": sum(plan.role == "contrast" for plan in planned),
        **{name: tally[name] for name in ("failure_visible", "no_failure_visible", "seen_in_part",
                                          "quotes", "quotes_verified")},
    }
