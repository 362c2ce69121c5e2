"""Runs -> a stream of datapoints, each with its id, trial, fingerprint and outcome; every row that
is none is handed on with its reason, so that rows read = pass + fail + unjudged + rejected."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from failure_analysis.clean import clean_name, csv_cell, mark
from failure_analysis.datapoint import (
    NOTHING_RECORDED,
    NUMBERS,
    UNSURE,
    fingerprint,
    is_number,
    outcome_of,
    safe_id,
    text_fingerprint,
)
from failure_analysis.reading import detect, left_out, mapping_faults
from failure_analysis.reading.path_counts import Counts
from failure_analysis.records import MARKERS, Line, Source, item_of, shown

_MOST_SCORES = 4096
_FINGERPRINT = re.compile("[0-9a-f]{16}")


class Scores(NamedTuple):
    """What a set of scores means: its outcome without a reward, the failed dimensions, the CSV
    cells of both, and its true, false and null scores alone (`judged`)."""

    outcome: str
    failed: list[str]
    failed_cell: str
    cell: str
    judged: tuple[tuple[str, bool | None], ...]


NO_SCORES = Scores("unjudged", [], "", "", ())


class Row(NamedTuple):
    """A line and what ingest worked out for it (`computed`); no datapoint when rejected.
    `recorded` is the model that it names, where a label of its run stands in the place."""

    line: Line
    computed: dict | None
    reason: str = ""
    scores: Scores | None = None
    recorded: str | None = None


_Attempts = int | dict[int | None, int]


@dataclass
class _Seen:
    """What has been read of one source: run -> item -> content of each attempt -> its trial (of
    one alone, the first, the content itself); and the sets of scores met so far."""

    attempts: dict[str, dict[str, _Attempts]] = field(default_factory=dict)
    scores: dict[str, Scores] = field(default_factory=dict)


def checked_rows(sources: Iterable[Source]) -> Iterator[tuple[Source, Row]]:
    """Every row of these sources; refuses at the end when the mapping that they were read through
    was wrong, as far as that can be seen."""
    counts = Counts()
    for source in sources:
        yield from ((source, row) for row in rows(source, counts))
        spec = source.mapping and source.mapping.spec
    if counts.paths:
        mapping_faults.refuse(spec, counts)


def rows(source: Source, counts: Counts | None = None) -> Iterator[Row]:
    """Every row of a source, in file order. What the paths of a mapping meet is added to
    `counts`."""
    seen = _Seen()
    owners = {} if source.mapping is not None else {source.run_id: source.model_name}
    for line in detect.read(source, counts):
        if line.fields is None:
            yield Row(line, None, line.reason)
            continue
        model = clean_name(line.fields.get("model_name") or source.model_name)
        run_id = source.run_id if source.mapping is None else \
            _mapped_run(source, line.fields)
        if owners.setdefault(run_id, model) != model:
            # A run is one execution of one model: a second model in it is a second run.
            run_id = f"{run_id}~{safe_id(model)}"
        # After the runs are told apart, which their own models do.
        label = clean_name(source.labels.get(run_id, model))
        row = _row(source, line, run_id, label, seen)
        yield row._replace(recorded=model) if run_id in source.labels else row


def _mapped_run(source: Source, fields: dict) -> str:
    """A mapped row's run: the one it names, else its model's, else the file's. Beside other files
    the file's name comes first, and alone where it says the other too."""
    run_id = fields.get("run_id") or fields.get("model_name")
    return _run_name(source.run_prefix, source.run_id, run_id) if run_id else source.run_id


@lru_cache(1024)
def _run_name(prefix: str, file: str, named: str) -> str:
    whole = rf"(?<![^\W_]){re.escape(safe_id(named))}(?![^\W_])"
    return file if prefix and re.search(whole, file, re.IGNORECASE) else safe_id(prefix + named)


def _row(source: Source, line: Line, run_id: str, model: str, seen: _Seen) -> Row:
    recorded = line.fields
    if source.without and recorded.get("scores"):
        line = left_out.judged_without(
            line, {dimension(name): score for name, score in recorded["scores"].items()},
            source.without, source.threshold)
    fields = line.fields
    item = item_of(fields)
    item_id = clean_name(item)
    declared = fields.get("trial")
    trial, reason = _trial(line, run_id, item_id, declared, seen)
    if reason:
        return Row(line, None, reason)
    reward = fields.get("reward")
    scores = _scores(fields.get("scores"), seen)
    outcome = scores.outcome
    if reward is not None and source.threshold is not None:
        outcome, _ = outcome_of(fields.get("scores"), reward, source.threshold)
    ident = f"{run_id}/{safe_id(item)}"
    task, grader = fields.get("task"), _grader(line) or source.grader
    ended = fields.get("termination") or _termination(fields.get("assistant_text"))
    computed = {
        "datapoint_id": f"{ident}@{trial}" if trial or declared is not None else ident,
        "benchmark": source.benchmark,
        "run_id": run_id,
        "model_name": model,
        "item_id": item_id,
        "item_fingerprint": UNSURE if line.may_be else _fingerprint(fields),
        "task": clean_name(task) if task else task,
        "trial": trial,
        "turn": fields.get("turn"),
        "outcome": outcome,
        "failed_dimensions": scores.failed,
        "reward": reward,
        "grader": clean_name(grader) if grader else grader,
        "termination": clean_name(ended) if ended else ended,
        **_numbers(fields),
        "source": {"path": source.named(line.path or source.path), "line": line.number},
    }
    if fields is not recorded:
        computed["source"]["replaced"] = {name: recorded.get(name) for name in ("scores", "reward")}
    return Row(line, computed, "", scores)


def _grader(line: Line) -> str | None:
    """Who judged a row, as its settings or itself say."""
    return line.settings and line.settings.get("grader") or line.fields.get("grader")


def _scores(scores: dict | None, seen: _Seen) -> Scores:
    """Reads a set of scores; most rows of a benchmark share a few sets, which are read once."""
    if not scores:
        return NO_SCORES
    spelled = str(scores)
    cached = seen.scores.get(spelled)
    if cached is None:
        scores = {dimension(name): score for name, score in scores.items()}
        outcome, failed = outcome_of(scores, None, None)
        judged_alone = tuple((name, score) for name, score in scores.items()
                             if score is None or score is True or score is False)
        cached = Scores(outcome, failed, csv_cell(";".join(failed)), csv_cell(json.dumps(scores)),
                       judged_alone)
        if len(seen.scores) < _MOST_SCORES:
            seen.scores[spelled] = cached
    return cached


def dimension(name: str) -> str:
    """A dimension's name as our files have it: clean, and without the sign that parts them in a
    cell."""
    clean = clean_name(name)
    return clean if ";" not in clean else f"{clean.replace(';', ',')}~{mark(name)}"


def _numbers(fields: dict) -> dict[str, float | None]:
    """Tokens, time and cost, null where they are no finite numbers."""
    tokens = fields.get("tokens")
    if type(tokens) is dict:
        fields = {**tokens, **fields}
    numbers = {}
    for name in NUMBERS:
        value = fields.get(name)
        numbers[name] = value if value is not None and is_number(value) else None
    return numbers


def _trial(
    line: Line, run_id: str, item_id: str, declared: int | None, seen: _Seen
) -> tuple[int, str]:
    """The repeat that this row is, or the reason to refuse it: a line that is byte for byte an
    earlier one is a copy. A second, different row of an item is a further attempt."""
    attempts = seen.attempts.setdefault(run_id, {})
    earlier = attempts.get(item_id)
    if earlier is None:
        alone = line.content is not None and not declared
        attempts[item_id] = line.content if alone else {line.content: declared or 0}
        return declared or 0, ""
    if type(earlier) is int:
        earlier = attempts[item_id] = {earlier: 0}
    if line.content in earlier and line.content is not None:
        return 0, f"an exact copy of an earlier row of item {item_id}"
    taken = set(earlier.values())
    trial = declared if declared is not None else len(earlier)
    while trial in taken:
        trial += 1
    earlier[line.content if line.content is not None else -len(earlier)] = trial
    return trial, ""


def _fingerprint(fields: dict) -> str:
    """What the source itself says the item is, else a hash of what was asked and expected."""
    own = fields.get("item_fingerprint")
    if own:
        return own if type(own) is str and _FINGERPRINT.fullmatch(own) else fingerprint(own, None)
    expected = fields.get("expected")
    text = fields.get("user_text")
    if expected is None:
        return text_fingerprint(text) if text else NOTHING_RECORDED
    return fingerprint(text, expected)


def _termination(text: str | None) -> str | None:
    """What a marker text says about how the answer ended."""
    if not text or text[0] != "[":
        return None
    return next((end for marker, end in MARKERS.items() if text.startswith(marker)), None)


def gradings(inputs: detect.Inputs) -> Iterator[tuple[str, object]]:
    """(path, grading) for every further grading found."""
    for source in inputs.gradings:
        for grading in detect.read(source):
            yield shown(source.path), grading


def transcript(source: Source) -> tuple[dict[str, str | None], list[str]] | None:
    """(item -> answer before judging, lines that cannot be read); None without a transcript."""
    if source.transcript is None:
        return None
    answers: dict[str, str | None] = {}
    unreadable: list[str] = []
    for line in detect.read(replace(source, path=source.transcript, transcript=None)):
        if line.fields is None:
            unreadable.append(str(line.number))
        else:
            answers[clean_name(item_of(line.fields))] = line.fields.get("assistant_text")
    return answers, unreadable
