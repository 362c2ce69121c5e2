"""Writing a comparison: model_comparison.json and .md, comparison.csv and .png, and its facts."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from failure_analysis import clean, facts, manifest, steps, store
from failure_analysis.comparison import compute, figure, overview
from failure_analysis.comparison import page as comparison_page
from failure_analysis.comparison.cells import Unit, located
from failure_analysis.comparison.compute import Comparison, Shared
from failure_analysis.comparison.page import FIGURE, NAME, PAGE, TABLE

_LINES = 10_000  # of the table that are made at a time


def write(analysis_dir: Path, by: str | None = None, seed: int = 0) -> dict:
    """Compares the units of an analysis folder and writes what was found; returns what the JSON
    holds."""
    facts.load(analysis_dir)
    reads = manifest.proved(analysis_dir, (steps.OUTCOMES, steps.GRADINGS, steps.VERSIONS))
    compared = compute.compare(analysis_dir, by, seed)
    overview.of_folder(analysis_dir, compared.result["by"])  # refuses before anything is written
    with store.where_writable(analysis_dir / NAME):
        manifest.begin(analysis_dir, steps.COMPARE.writes)
        store.write_json(analysis_dir / NAME, compared.result)
        store.write_text(analysis_dir / PAGE, comparison_page.page(compared.result))
        facts.replace(analysis_dir, steps.COMPARE, dict(compute.numbers(compared.result)))
        _write_table(analysis_dir / TABLE, compared)
        _draw(analysis_dir / FIGURE, compared)
        manifest.record(analysis_dir, steps.COMPARE.name, {"by": by, "seed": seed},
                        steps.COMPARE.writes, reads=reads)
    return compared.result


class _Chunk(NamedTuple):
    """Lines of the table: how many units were judged on each item, how many fail it where its
    content is the same for them, and a cell for each unit."""

    judged: np.ndarray
    failing: np.ndarray
    cells: list[list[str]]


def _incomparable(unit: Unit, shared: Shared) -> np.ndarray:
    """Which items of a unit are not the same for all, but for those that its content makes one of
    the main group's."""
    return located(shared.different, unit.cells.places).there & ~shared.is_main(unit)


def _write_table(path: Path, compared: Comparison) -> None:
    units, shared = compared.units, compared.shared
    tasks, count = _tasks(units, len(shared.items)), len(shared.items)
    incomparable = {name: _incomparable(unit, shared) for name, unit in units.items()}
    with store.atomic(path) as file:
        file.write(clean.csv_line(["item_id", *["task"] * bool(tasks), "models_judged",
                                   "models_failing", *units]))
        for start in range(0, count, _LINES):
            those = np.arange(start, min(start + _LINES, count))
            chunk = _chunk(units, incomparable, those)
            beginnings = [map(clean.csv_cell, shared.names(those)),
                          *[map(clean.csv_cell, tasks[start:start + _LINES])] * bool(tasks)]
            for cells in zip(*beginnings, map(str, chunk.judged.tolist()),
                             ["" if failing < 0 else str(failing)
                              for failing in chunk.failing.tolist()], *chunk.cells, strict=True):
                file.write(clean.record(",".join(cells)))


def _chunk(units: dict[str, Unit], incomparable: dict[str, np.ndarray], those: np.ndarray
           ) -> _Chunk:
    """The lines of these items; -1 fail an item that is the same for nobody."""
    judged, alike, failing = np.zeros((3, len(those)), int)
    columns = []
    for name, unit in units.items():
        at, there = located(unit.cells.places, those)
        cells, other = unit.cells.chosen(at[there]), np.zeros(len(those), bool)
        other[there] = incomparable[name][at[there]]
        texts = np.full(len(those), "", object)
        texts[there] = [f"{fails} of {attempts}" for attempts, fails in
                        zip(cells.attempts.tolist(), cells.fails.tolist(), strict=True)]
        texts[other] = "different content"
        judged += there
        alike += there & ~other
        failing[there] += cells.failing() & ~other[there]
        columns.append(texts.tolist())
    return _Chunk(np.where(alike, alike, judged), np.where(alike, failing, -1), columns)


def _tasks(units: dict[str, Unit], items: int) -> list[str]:
    """The tasks that each item is of, as they are named in the table; none where there is none."""
    names = sorted({name for unit in units.values() for name in unit.tasks})
    if not names:
        return []
    pairs = np.unique(np.concatenate([
        unit.tasks[name].places.astype(np.int64) * len(names) + number
        for unit in units.values() for number, name in enumerate(names) if name in unit.tasks]))
    named = [""] * items
    for place, number in zip(*(part.tolist() for part in np.divmod(pairs, len(names))),
                             strict=True):
        named[place] += f"{'; ' if named[place] else ''}{names[number]}"
    return named


def _draw(path: Path, compared: Comparison) -> None:
    best = sorted(compared.result["units"], key=lambda row: (-row["pass_rate"], row["unit"]))
    shares = np.full((len(best), len(compared.shared.items)), figure.MISSING)
    for line, row in zip(shares, best, strict=True):
        unit = compared.units[row["unit"]]
        line[unit.cells.places] = np.where(_incomparable(unit, compared.shared), figure.DIFFERENT,
                                           unit.cells.fails / unit.cells.attempts)
    figure.draw(path, compared.shared.items, shares, {
        row["unit"]: f"{100 * row['pass_rate']:.0f} % ({row['passed']}/{row['attempts']})"
        for row in best})
