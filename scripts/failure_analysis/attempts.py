"""The judged rows of outcomes.csv as columns of numbers, and their counts per unit and item."""

import csv
import io
import json
from array import array
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from failure_analysis import files
from failure_analysis.datapoint import natural_key

NAME = "outcomes.csv"
NEEDED = ("datapoint_id", "run_id", "model_name", "item_id", "item_fingerprint", "outcome",
          "scores_json", "grader")
COLUMNS = ("model", "run", "item", "grader", "pattern", "content")
ABSENT, MIXED = -1, -2
_MOST_CELLS = 200_000_000


class Judgement(NamedTuple):
    """The outcome of record of one datapoint, and who gave it."""

    outcome: str
    grader: str


@dataclass
class Attempts:
    """One entry per judged row in each array: the place of its value in the list of that name."""

    models: list[str]
    runs: list[str]
    items: list[str]
    graders: list[str]
    patterns: list[tuple[tuple[str, bool], ...]]
    model: np.ndarray
    run: np.ndarray
    item: np.ndarray
    grader: np.ndarray
    pattern: np.ndarray
    content: np.ndarray
    failed: np.ndarray
    failed_ids: dict[str, int]
    judgements: dict[str, Judgement]
    unjudged: dict[str, Counter]


class Grid(NamedTuple):
    """Counts per unit (rows) and item (columns). `content` is the one content that the unit was
    asked under this item id, ABSENT without a judged row, MIXED where it was asked several."""

    units: list[str]
    items: list[str]
    cell: np.ndarray
    attempts: np.ndarray
    fails: np.ndarray
    content: np.ndarray


@dataclass
class _Columns:
    """The columns while they are read: names get their place in order of appearance."""

    names: list[dict] = field(default_factory=lambda: [{} for _ in COLUMNS])
    places: list[array] = field(default_factory=lambda: [array("i") for _ in COLUMNS])
    failed: array = field(default_factory=lambda: array("b"))

    def add(self, failed: bool, *values: object) -> None:
        """Adds one judged row, its values in the order of COLUMNS."""
        for known, places, value in zip(self.names, self.places, values, strict=True):
            places.append(known.setdefault(value, len(known)))
        self.failed.append(failed)


def read(analysis_dir: Path, graded: Container[str] = ()) -> Attempts:
    """Reads outcomes.csv once; keeps the outcomes of record of the datapoints in `graded`."""
    path = analysis_dir / NAME
    if not path.exists():
        raise files.Refusal(f"{path}: not there; run build_packet.py first")
    columns, failed_ids = _Columns(), {}
    judgements: dict[str, Judgement] = {}
    unjudged = {"model": Counter(), "run": Counter()}
    for ident, run, model, item, content, outcome, scores, grader in _records(path):
        if ident in graded:
            judgements[ident] = Judgement(outcome, grader)
        if outcome == "unjudged":
            unjudged["model"][model or run] += 1
            unjudged["run"][run] += 1
            continue
        failed = outcome == "fail"
        if failed:
            failed_ids[ident] = len(columns.failed)
        columns.add(failed, model or run, run, item, grader, _verdicts(path, scores), content)
    if not columns.failed:
        raise files.Refusal(f"{path}: no judged row; judge the runs and build the packet again")
    return _sorted(columns, failed_ids, judgements, unjudged)


def _records(path: Path) -> Iterator[list[str]]:
    """The needed cells of each record, guards taken off; refuses a table that is not ours."""
    csv.field_size_limit(1 << 31)
    with io.TextIOWrapper(files.open_bytes(path), "utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        lacking = [name for name in NEEDED if name not in header]
        if lacking:
            raise files.Refusal(f"{path}:1: no column {', '.join(lacking)}; run build_packet.py")
        needed = itemgetter(*map(header.index, NEEDED))
        for record in reader:
            if not record:
                continue
            if len(record) != len(header):
                raise files.Refusal(f"{path}:{reader.line_num}: {len(record)} cells instead of "
                                    f"{len(header)}; run build_packet.py again")
            cells = list(map(files.unguard, needed(record)))
            if cells[5] not in ("pass", "fail", "unjudged"):
                raise files.Refusal(f"{path}:{reader.line_num}: outcome {cells[5]!r} is none of "
                                    "pass, fail, unjudged; run build_packet.py again")
            yield cells


@lru_cache(4096)
def _verdicts(path: Path, cell: str) -> tuple[tuple[str, bool], ...]:
    """The true and false scores of a scores_json cell; null is not judged, numbers are no
    verdicts."""
    try:
        scores = json.loads(cell) if cell else {}
        return tuple(sorted((name, score) for name, score in scores.items()
                            if isinstance(score, bool)))
    except (ValueError, AttributeError):
        raise files.Refusal(f"{path}: scores_json is no JSON object: {cell[:80]!r}; "
                            "run build_packet.py again") from None


def _sorted(
    columns: _Columns, failed_ids: dict, judgements: dict, unjudged: dict
) -> Attempts:
    """The columns with their names in natural order, so that the order of rows does not matter."""
    lists, arrays = {}, {}
    for name, known, places in zip(COLUMNS, columns.names, columns.places, strict=True):
        natural = name in ("model", "run", "item", "grader")
        keys = sorted(known, key=(lambda text: (natural_key(text), text)) if natural else None)
        new = np.empty(len(keys), np.int32)
        new[[known[key] for key in keys]] = np.arange(len(keys), dtype=np.int32)
        lists[name], arrays[name] = keys, new[np.frombuffer(places, np.int32)]
    return Attempts(
        lists["model"], lists["run"], lists["item"], lists["grader"], lists["pattern"],
        **arrays, failed=np.frombuffer(columns.failed, np.int8).astype(bool),
        failed_ids=failed_ids, judgements=judgements, unjudged=unjudged)


def grid(attempts: Attempts, by: str) -> Grid:
    """Counts per model or run and item."""
    units = attempts.models if by == "model" else attempts.runs
    unit = attempts.model if by == "model" else attempts.run
    shape = (len(units), len(attempts.items))
    size = shape[0] * shape[1]
    if size > _MOST_CELLS:
        raise files.Refusal(f"{shape[0]} {by}s x {shape[1]} items do not fit a table; compare "
                            "fewer runs at once")
    cell = unit.astype(np.int64) * shape[1] + attempts.item
    low = np.full(size, np.iinfo(np.int32).max, np.int32)
    high = np.full(size, ABSENT, np.int32)
    np.minimum.at(low, cell, attempts.content)
    np.maximum.at(high, cell, attempts.content)
    content = np.where((high == low) | (high == ABSENT), high, MIXED)
    return Grid(units, attempts.items, cell, _counted(cell, shape),
                _counted(cell[attempts.failed], shape), content.reshape(shape))


def ordered(table: Grid, places: Iterable[int]) -> Grid:
    """The same table with its units in the given order."""
    places = list(places)
    rank = np.empty(len(places), np.int64)
    rank[places] = np.arange(len(places))
    width = len(table.items)
    cell = rank[table.cell // width] * width + table.cell % width
    return Grid([table.units[place] for place in places], table.items, cell,
                table.attempts[places], table.fails[places], table.content[places])


def dimensions(attempts: Attempts) -> list[str]:
    """The dimensions that some row was judged on."""
    return sorted({name for pattern in attempts.patterns for name, _ in pattern})


def on_dimension(attempts: Attempts, table: Grid, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Attempts judged on a dimension and those that failed it, per unit and item."""
    verdicts = [dict(pattern).get(name) for pattern in attempts.patterns]
    judged = np.array([verdict is not None for verdict in verdicts])[attempts.pattern]
    failed = np.array([verdict is False for verdict in verdicts])[attempts.pattern]
    shape = table.attempts.shape
    return _counted(table.cell[judged], shape), _counted(table.cell[failed], shape)


def _counted(cells: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int32)
