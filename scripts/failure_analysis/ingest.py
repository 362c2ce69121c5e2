"""Runs -> a stream of datapoints, each with its id, trial, fingerprint and outcome; every row that
is none is handed on with its reason, so that rows read = pass + fail + unjudged + rejected."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from failure_analysis.datapoint import (
    fingerprint,
    is_number,
    outcome_of,
    safe_id,
    text_fingerprint,
)
from failure_analysis.formats import detect, judged
from failure_analysis.formats.records import Line, Source


class Row(NamedTuple):
    """A line and what ingest worked out for it (`computed`); no datapoint when rejected."""

    line: Line
    computed: dict | None
    reason: str = ""


@dataclass
class _Seen:
    """What has been read of one source: earlier attempts at each item, by content."""

    attempts: dict[tuple[str, str], list[int | None]] = field(default_factory=dict)
    trials: dict[tuple[str, str], set[int]] = field(default_factory=dict)


def rows(source: Source, several_mapped: bool = False) -> Iterator[Row]:
    """Every row of a source, in file order."""
    seen = _Seen()
    run_ids: dict[str, str] = {}
    for line in detect.FORMATS[source.format].read(source):
        if line.fields is None:
            yield Row(line, None, line.reason)
            continue
        model = line.fields.get("model_name") or source.model_name
        if source.mapping is not None:
            run_id = _mapped_run(source, line.fields.get("run_id"), several_mapped)
        elif model != source.model_name:
            # A run is one execution of one model: a second model in the file is a second run.
            run_id = run_ids.get(model) or run_ids.setdefault(
                model, f"{source.run_id}~{safe_id(model)}")
        else:
            run_id = source.run_id
        yield _row(source, line, run_id, model, seen)


def _mapped_run(source: Source, run_id: str | None, several: bool) -> str:
    if run_id is None:
        return source.run_id
    return safe_id(f"{source.run_id}.{run_id}" if several else run_id)


def _row(source: Source, line: Line, run_id: str, model: str, seen: _Seen) -> Row:
    fields = line.fields
    item_id = fields.get("item_id")
    if item_id is None:
        item_id = str(fields["turn"])
    elif not isinstance(item_id, str):
        item_id = str(item_id)
    declared = fields.get("trial")
    trial, reason = _trial(line, run_id, item_id, declared, seen)
    if reason:
        return Row(line, None, reason)
    reward = fields.get("reward")
    outcome, failed = outcome_of(fields.get("scores"), reward, source.threshold)
    tokens = fields.get("tokens") if type(fields.get("tokens")) is dict else {}
    suffix = f"@{trial}" if trial or declared is not None else ""
    computed = {
        "datapoint_id": f"{run_id}/{safe_id(item_id)}{suffix}",
        "benchmark": source.benchmark,
        "run_id": run_id,
        "model_name": model,
        "item_id": item_id,
        "item_fingerprint": fields.get("item_fingerprint") or _fingerprint(fields),
        "trial": trial,
        "turn": fields.get("turn"),
        "outcome": outcome,
        "failed_dimensions": failed,
        "reward": reward,
        "grader": (line.settings or {}).get("grader") or fields.get("grader") or source.grader,
        "termination": fields.get("termination") or _termination(fields.get("assistant_text")),
        "prompt_tokens": _number(fields.get("prompt_tokens", tokens.get("prompt_tokens"))),
        "completion_tokens": _number(
            fields.get("completion_tokens", tokens.get("completion_tokens"))),
        "latency_ms": _number(fields.get("latency_ms")),
        "cost_usd": _number(fields.get("cost_usd")),
        "source": {"path": (line.path or source.path).as_posix(), "line": line.number},
    }
    return Row(line, computed)


def _trial(
    line: Line, run_id: str, item_id: str, declared: int | None, seen: _Seen
) -> tuple[int, str]:
    """The repeat that this row is, or the reason to refuse it: a line that is byte for byte an
    earlier one is a copy. A second, different row of an item is a further attempt."""
    key = (run_id, item_id)
    content = line.content
    earlier = seen.attempts.get(key)
    if earlier is None:
        seen.attempts[key] = [content]
        if declared is not None:
            seen.trials[key] = {declared}
        return declared or 0, ""
    if content is not None and content in earlier:
        return 0, f"an exact copy of an earlier row of item {item_id}"
    earlier.append(content)
    taken = seen.trials.setdefault(key, set(range(len(earlier) - 1)))
    trial = declared if declared is not None else len(earlier) - 1
    while trial in taken:
        trial += 1
    taken.add(trial)
    return trial, ""


def _fingerprint(fields: dict) -> str:
    expected = fields.get("expected")
    text = fields.get("user_text")
    if expected is None:
        return text_fingerprint(text or "")
    return fingerprint(text, expected)


def _termination(text: str | None) -> str | None:
    """What a marker text says about how the answer ended."""
    if not text or text[0] != "[":
        return None
    return next((end for marker, end in judged.MARKERS.items() if text.startswith(marker)), None)


def _number(value: object) -> float | None:
    return value if is_number(value) else None


def gradings(found: detect.Found) -> Iterator[tuple[str, object]]:
    """(path, grading) for every further grading found."""
    for name, path in found.gradings:
        module = judged if name == judged.NAME else detect.tau2_judges
        for grading in module.read_gradings(path):
            yield path.as_posix(), grading


def count_of(found: detect.Found) -> Counter:
    """How many sources each format gave."""
    return Counter(source.format for source in found.sources)
