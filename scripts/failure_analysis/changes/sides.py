"""The two sides of a comparison of runs: which rows of which analysis folder are on each, and what
they did on every item."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from failure_analysis import files, results, steps
from failure_analysis.datapoint import UNSURE
from failure_analysis.markdown import listed
from failure_analysis.packet import rows

MARKS = {"pass": "P", "fail": "F", "unjudged": "-"}
NUMBERS = ("prompt_tokens", "completion_tokens", "latency_ms", "cost_usd")
_MOST = 1e100  # of a number; more is none, and would sum up to infinity
_COLUMNS = ("run_id", "model_name", "datapoint_id", "item_id", "item_fingerprint", "task",
            "outcome", "scores_json", "grader", *NUMBERS)


class Wanted(NamedTuple):
    """A side as the command line names it: an analysis folder, and the model, the run or the
    pattern of runs in it; blank: all of its rows. Where `runs` are known, the name is that of the
    path that they were read from."""

    folder: Path
    name: str = ""
    runs: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.folder}::{self.name}" if self.name else str(self.folder)


class Column:
    """What the attempts at each item add up to: how many have a value, and their sum."""

    def __init__(self) -> None:
        self._rows, self._sums = array("L"), array("d")

    def add(self, place: int, value: float) -> None:
        """Counts one attempt at the item of this place."""
        if place >= len(self._rows):
            more = place + 1 - len(self._rows)
            self._rows.extend([0] * more)
            self._sums.extend([0.0] * more)
        self._rows[place] += 1
        self._sums[place] += value

    def of(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(attempts with a value, their sum) of the items of these places."""
        lacking = max(0, int(places.max(initial=-1)) + 1 - len(self._rows))
        counts = np.frombuffer(self._rows, "L") if self._rows else np.zeros(0, "L")
        sums = np.frombuffer(self._sums) if self._sums else np.zeros(0)
        return (np.pad(counts, (0, lacking))[places].astype(np.int64),
                np.pad(sums, (0, lacking))[places])


@dataclass
class Side:
    """One side. By the place of an item in `items`: its `marks` (a letter per attempt: P passed, F
    failed, - not judged), the `idents` of its datapoints, its fingerprint (`prints`) and task.
    `unsteady` are places whose content changes inside the side; `unsure` counts the rows whose item
    cannot be told. `further` counts, by run, the attempts at a place after the first one."""

    wanted: Wanted
    items: dict[str, int] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)
    idents: list[list[str]] = field(default_factory=list)
    prints: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    unsteady: set[int] = field(default_factory=set)
    passed: Column = field(default_factory=Column)
    dimensions: dict[str, Column] = field(default_factory=dict)
    numbers: dict[str, Column] = field(default_factory=dict)
    totals: dict[str, list[float]] = field(default_factory=dict)
    runs: Counter = field(default_factory=Counter)
    models: Counter = field(default_factory=Counter)
    graders: Counter = field(default_factory=Counter)
    unsure: int = 0

    def names(self) -> list[str]:
        """The items by their places."""
        return list(self.items)

    def attempts(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(judged attempts, passed ones) at the items of these places."""
        judged, passed = self.passed.of(places)
        return judged, passed.astype(np.int64)


def load(old: Wanted, new: Wanted) -> tuple[Side, Side]:
    """Both sides. Refuses a name that nothing in its folder has, a folder of several models of
    which none is named, and rows that are on both sides."""
    sides = _load(old, "OLD"), _load(new, "NEW")
    same = old.folder.resolve() == new.folder.resolve()
    if same and (both := [run for run in sides[0].runs if run in sides[1].runs]):
        raise files.Refusal(f"{old.folder}: {listed(both, 5)} would be on both sides; name two "
                            "models or runs of it: FOLDER::NAME FOLDER::OTHER")
    return sides


def _load(wanted: Wanted, which: str) -> Side:
    runs: dict[str, Counter] = {}
    for run, model in rows.columns(wanted.folder, ("run_id", "model_name")):
        runs.setdefault(run, Counter())[model] += 1
    chosen = _chosen(wanted, {run: next(iter(models)) for run, models in runs.items()}, which)
    side = Side(wanted)
    for run, *cells in rows.columns(wanted.folder, _COLUMNS):
        if run in chosen:
            _add(side, run, *cells)
    return side


def _chosen(wanted: Wanted, models: dict[str, str], which: str) -> set[str]:
    """The runs of a side, of a folder's runs with their models; refuses an unknown name."""
    if wanted.runs:
        return set(wanted.runs)
    if not wanted.name:
        if len(set(models.values())) > 1:
            raise files.Refusal(
                f"{wanted.folder}: holds several models ({listed(sorted(set(models.values())), 8)})"
                f"; say which one is {which}: {wanted.folder}::NAME (a model, a run, or a pattern "
                "of runs)")
        return set(models)
    for is_meant in (lambda run: models[run] == wanted.name, lambda run: run == wanted.name,
                     lambda run: fnmatchcase(run, wanted.name)
                     or fnmatchcase(models[run], wanted.name)):
        if chosen := {run for run in models if is_meant(run)}:
            return chosen
    raise files.Refusal(
        f"{wanted}: no model or run of this name; models: "
        f"{listed(sorted(set(models.values())), 8)}; runs: {listed(sorted(models), 8)}")


def _add(side: Side, run: str, model: str, ident: str, item: str, print_: str, task: str,
         outcome: str, scores: str, grader: str, *numbers: str) -> None:
    """Counts one line of outcomes.csv."""
    side.runs[run] += 1
    side.models[model] += 1
    if outcome != "unjudged":
        side.graders[grader] += 1
    said = [(name, float(cell)) for name, cell in zip(NUMBERS, numbers, strict=True)
            if cell and abs(float(cell)) < _MOST]
    for name, value in said:
        total = side.totals.setdefault(name, [0, 0.0])
        total[0] += 1
        total[1] += value
    if print_ == UNSURE:
        side.unsure += 1
        return
    place = side.items.setdefault(item, len(side.items))
    if place == len(side.marks):
        for values, first in ((side.marks, ""), (side.idents, []), (side.prints, print_),
                              (side.tasks, task)):
            values.append(first)
    elif side.prints[place] != print_:
        side.unsteady.add(place)
    side.marks[place] += MARKS[outcome]
    side.idents[place].append(ident)
    if outcome != "unjudged":
        side.passed.add(place, outcome == "pass")
        for name, passed in rows.judged_on(scores):
            side.dimensions.setdefault(name, Column()).add(place, passed)
    for name, value in said:
        side.numbers.setdefault(name, Column()).add(place, value)


def rejected(side: Side) -> int:
    """How many rows of the side's runs are none: exact copies of others, and broken ones."""
    path = side.wanted.folder / steps.SANITY
    runs = results.read(path, results.Sanity, steps.BUILD.script)["runs"] if path.exists() else []
    return sum(run["rejected"] for run in runs if run["run_id"] in side.runs)


def is_analysis(path: Path) -> bool:
    """Whether a path is an analysis folder."""
    return (path / steps.OUTCOMES).is_file()


def strip(marks: str) -> str:
    """The attempts at an item as people see them."""
    return "".join({"P": "✓", "F": "✗", "-": "·"}[mark] for mark in marks)


def verdict(marks: str) -> str:
    """What most of an item's judged attempts did: pass, fail, split (as many of each), or
    unjudged."""
    passed, failed = marks.count("P"), marks.count("F")
    if passed == failed:
        return "split" if passed else "unjudged"
    return "pass" if passed > failed else "fail"

