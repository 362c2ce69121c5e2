"""What each model (or run) of an analysis folder did on each item, in arrays: as objects, ten
million judged rows would fill the memory. An item is its place in the list of all of them."""

from array import array
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from failure_analysis.datapoint import NOT_COUNTED, UNSURE, natural_key
from failure_analysis.packet import rows

# Above this many units their pairs tell nobody anything, and take hours.
MOST_PAIRED = 40
COLUMNS = ("run_id", "model_name", "item_id", "item_fingerprint", "outcome", "scores_json",
           "grader", "termination", "task")
CHANGING = -1  # in the place of the content that one unit has not
NONE = -1  # of a row without an item, or without a task


class Cells(NamedTuple):
    """Attempts and fails at items, these by their places, ascending."""

    places: np.ndarray
    attempts: np.ndarray
    fails: np.ndarray

    @classmethod
    def of(cls, places: np.ndarray, failed: np.ndarray) -> "Cells":
        """From rows, whose places ascend."""
        starts = _starts(places)
        ends = np.append(starts[1:], len(places))
        fails = np.concatenate(([0], np.cumsum(failed, dtype=np.int32)))
        return cls(places[starts], (ends - starts).astype(np.int32), fails[ends] - fails[starts])

    def chosen(self, which: np.ndarray) -> "Cells":
        """Some of them, by a mask or by where they are."""
        return Cells(*(column[which] for column in self))

    def failing(self, reading: str = "majority") -> np.ndarray:
        """Whether each item is failed: any attempt, more than half of them, or all."""
        if reading == "majority":
            return 2 * self.fails > self.attempts
        return self.fails > 0 if reading == "any" else self.fails == self.attempts


NOTHING = Cells(*np.zeros((3, 0), np.int32))


class Located(NamedTuple):
    """Where wanted places are among those that somebody has, and whether they are there."""

    at: np.ndarray
    there: np.ndarray


def located(places: np.ndarray, wanted: np.ndarray) -> Located:
    """Where places are among others; both ascend."""
    if not len(places):
        return Located(np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool))
    at = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
    return Located(at, places[at] == wanted)


class Unit(NamedTuple):
    """One compared model (or run): its cells, the content that it first had of each item and
    whether that stays the same. `unsure` rows, whose item cannot be told, count in the rates alone:
    whether each failed, and on what."""

    cells: Cells
    prints: np.ndarray
    steady: np.ndarray
    dimensions: dict[str, Cells]
    tasks: dict[str, Cells]
    unsure: np.ndarray
    unsure_on: dict[str, np.ndarray]
    runs: int
    graders: Counter
    unjudged: int
    not_counted: int

    def is_judged(self) -> bool:
        """Whether any row of it is."""
        return bool(len(self.cells.places) or len(self.unsure))

    def content(self) -> np.ndarray:
        """What it was judged on of each of its items."""
        return np.where(self.steady, self.prints, CHANGING)


class Loaded(NamedTuple):
    """What is compared (`by` model or run, and why), and by name; the models stand beside runs.
    `items` and `contents` are the names of all items, in their order, and of all contents."""

    by: str
    why: str
    units: dict[str, Unit]
    models: dict[str, Unit]
    items: np.ndarray
    contents: list[str]


class _Head(NamedTuple):
    """Whose a row is."""

    run: str
    model: str
    grader: str


class _Rows(NamedTuple):
    """The judged rows in columns, each a number for a name that stands in a list, and how many rows
    of each head are not judged."""

    heads: list[_Head]
    tasks: list[str]
    verdicts: list[tuple[tuple[str, bool], ...]]
    unjudged: Counter
    not_counted: Counter
    head: np.ndarray
    place: np.ndarray
    content: np.ndarray
    failed: np.ndarray
    task: np.ndarray
    verdict: np.ndarray


def load(analysis_dir: Path, by: str | None) -> Loaded:
    """The outcomes by unit: models, or runs where there is one model with a few runs."""
    read, items, contents = _read(analysis_dir)
    runs, names = ({head[at] for head in read.heads} for at in (0, 1))
    why = "as asked"
    if by is None:
        alone = len(names) == 1 and 1 < len(runs) <= MOST_PAIRED
        by = "run" if alone else "model"
        why = "there is one model with several runs" if alone else \
            "runs of one model are its repeats"
    models = _units(read, [head.model for head in read.heads])
    units = models if by == "model" else _units(read, [head.run for head in read.heads])
    return Loaded(by, why, units, models, items, contents)


def _read(analysis_dir: Path) -> tuple[_Rows, np.ndarray, list[str]]:
    """The rows of outcomes.csv, the names of their items in order, and of their contents."""
    heads, items, contents, tasks, verdicts = {}, {}, {}, {}, {}
    unjudged, not_counted = Counter(), Counter()
    columns = [array(kind) for kind in "iiibii"]
    add = [column.append for column in columns]

    @lru_cache(1 << 14)
    def verdict(scores: str) -> int:
        judged_on = tuple((name, not passed) for name, passed in rows.judged_on(scores))
        return verdicts.setdefault(judged_on, len(verdicts))

    for run, model, item, content, outcome, scores, grader, ended, task in \
            rows.columns(analysis_dir, COLUMNS):
        head = heads.setdefault((run, model, grader), len(heads))
        if outcome == "unjudged":
            unjudged[head] += 1
            not_counted[head] += ended in NOT_COUNTED
            continue
        add[0](head)
        add[1](NONE if content == UNSURE else items.setdefault(item, len(items)))
        add[2](contents.setdefault(content, len(contents)))
        add[3](outcome == "fail")
        add[4](tasks.setdefault(task, len(tasks)) if task else NONE)
        add[5](verdict(scores))
    names = np.array(sorted(items, key=natural_key), object)
    rank = np.full(len(items) + 1, NONE, np.int32)  # the last one is of no item
    rank[[items[name] for name in names]] = np.arange(len(items), dtype=np.int32)
    head, item, content, failed, task, verdict_of = (
        np.asarray(column) for column in columns)
    return _Rows([_Head(*head) for head in heads], list(tasks), list(verdicts), unjudged,
                 not_counted, head, rank[item], content, failed.astype(bool), task, verdict_of), \
        names, list(contents)


def _units(read: _Rows, names: list[str]) -> dict[str, Unit]:
    """The units by name, from that of each head: each is a part of the rows, in the order of their
    items."""
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    of_row = np.array([number[name] for name in names], np.int32)[read.head]
    order = np.lexsort((read.place, of_row))  # rows of one item stay in the order of the file
    ends = np.searchsorted(of_row, np.arange(len(number) + 1), sorter=order)
    judged = np.bincount(read.head, minlength=len(names)).tolist()
    heads: dict[str, list[int]] = {}
    for head, name in enumerate(names):
        heads.setdefault(name, []).append(head)
    units = {}
    for name, start, end in zip(number, ends, ends[1:], strict=False):
        graders: Counter = Counter()
        for head in heads[name]:
            graders[read.heads[head].grader] += judged[head]
        units[name] = Unit(
            **_judged(read, order[start:end]), graders=+graders,
            runs=len({read.heads[head].run for head in heads[name]}),
            unjudged=sum(read.unjudged[head] for head in heads[name]),
            not_counted=sum(read.not_counted[head] for head in heads[name]))
    return units


def _judged(read: _Rows, those: np.ndarray) -> dict[str, Any]:
    """What a unit did, from its rows in the order of their items; those of none stand first."""
    first = np.searchsorted(read.place[those], 0)
    unsure, those = those[:first], those[first:]
    places, failed, content = (column[those] for column in (read.place, read.failed, read.content))
    starts = _starts(places)
    cells, prints = Cells.of(places, failed), content[starts]
    same = content == np.repeat(prints, cells.attempts)
    return {"cells": cells, "prints": prints,
            "steady": Cells.of(places, ~same).fails == 0,
            "dimensions": {name: Cells.of(places[which], failed) for name, which, failed in
                           _by_dimension(read, those)},
            "tasks": _by_task(read, those),
            "unsure": read.failed[unsure],
            "unsure_on": {name: failed for name, _, failed in _by_dimension(read, unsure)}}


def _by_dimension(read: _Rows, those: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Of each dimension the rows that were judged on it, as a mask, and whether these failed."""
    verdicts, of_row = np.unique(read.verdict[those], return_inverse=True)
    fails: dict[str, np.ndarray] = {}  # by verdict: 0 passed, 1 failed, NONE not judged
    for number, verdict in enumerate(verdicts):
        for name, failed in read.verdicts[verdict]:
            if name not in fails:
                fails[name] = np.full(len(verdicts), NONE, np.int8)
            fails[name][number] = failed
    for name, of_verdict in fails.items():
        marks = of_verdict[of_row]
        yield name, marks != NONE, marks[marks != NONE] == 1


def _by_task(read: _Rows, those: np.ndarray) -> dict[str, Cells]:
    """The cells of each task."""
    those = those[np.argsort(read.task[those], kind="stable")]
    tasks, places, failed = (column[those] for column in (read.task, read.place, read.failed))
    starts = _starts(tasks)
    return {read.tasks[tasks[start]]: Cells.of(places[start:end], failed[start:end])
            for start, end in zip(starts, np.append(starts[1:], len(tasks)), strict=False)
            if tasks[start] != NONE}


def _starts(values: np.ndarray) -> np.ndarray:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.diff(values, prepend=values[:1] - 1))
