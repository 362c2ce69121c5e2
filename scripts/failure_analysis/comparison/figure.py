"""The outcome matrix: items by units, what everyone fails on the left, readable in ten seconds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from failure_analysis import store
from failure_analysis.short_names import distinct

LABELLED = 60  # items that are drawn by name; of more, columns of items by how many units fail them
COLUMNS = 300
NARROWEST = 0.055  # of the width, for a group of items, so that its label has room
# Light to dark in lightness too, so that it reads without colour; differing content is grey.
PASS, FAIL, _GREY, _WHITE = "#dbe9f6", "#b3420a", "#9a9a9a", "#ffffff"
_LINE = "#c8c8c8"
# In the place of a share of failing attempts: other content, and not judged.
DIFFERENT, MISSING = -0.25, -0.5


class _Column(NamedTuple):
    """Items that are drawn as one column, from one place to another."""

    items: np.ndarray
    start: float
    end: float


def draw(path: Path, items: Sequence[str], shares: np.ndarray, labels: Mapping[str, str]) -> None:
    """Draws `shares` (units by items: the share of failing attempts) as a PNG. The items stand in
    their natural order. `labels` has the units from the top row down, each with the text that
    stands behind its row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    units = list(labels)
    groups, count = _groups(shares), len(items)
    named = count <= LABELLED
    width = max(9.5, 4.0 + 0.16 * count) if named else 11.0
    figure = Figure(figsize=(width, 2.0 + 0.34 * max(2, len(units)) + 0.4 * named), dpi=110,
                    layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if named:
        order = np.concatenate([*groups.values(), np.zeros(0, int)])
        columns = [_Column(order[place:place + 1], place, place + 1) for place in range(count)]
        _name_items(axes, columns, [items[place] for place in order])
    else:
        columns = _in_groups(axes, groups, len(units))
    _cells(axes, shares, columns)
    _rows(axes, labels)
    figure.suptitle(_finding(shares, groups), x=0.01, ha="left", fontsize=12)
    _legend(figure, shares, named)
    store.write_figure(path, figure)


def _groups(shares: np.ndarray) -> dict[int, np.ndarray]:
    """Items by how many units fail them (more than half of the attempts), most first; those that
    the same units fail are beside each other."""
    failing, groups = (shares > 0.5).sum(axis=0), {}
    for count in np.unique(failing)[::-1].tolist():
        those = np.flatnonzero(failing == count)
        groups[count] = those[np.lexsort(-shares[::-1, those])]  # the first unit decides first
    return groups


def _finding(shares: np.ndarray, groups: dict[int, np.ndarray]) -> str:
    """The title: how many items everyone, one alone and nobody fails, of those that everyone was
    judged on."""
    alike, units = (shares >= 0).all(axis=0), range(len(shares))
    whole = {failing: int(alike[items].sum()) for failing, items in groups.items()}
    count, drawn = sum(whole.values()), len(alike)
    everyone = "both" if len(units) == 2 else f"all {len(units)}"
    about = f"{count:,} items" if count == drawn else \
        f"{count:,} of {drawn:,} items judged for {everyone}"
    if len(units) == 1:
        return f"{about}: {whole.get(1, 0):,} failed"
    return (f"{about}: {whole.get(len(units), 0):,} failed by {everyone}, {whole.get(1, 0):,} by "
            f"one alone, {whole.get(0, 0):,} by none")


def _name_items(axes: Any, columns: list[_Column], names: list[str]) -> None:
    """The name of each item below its column."""
    names = distinct(names, 22)
    upright = sum(map(len, names)) > 80
    axes.set_xticks([column.start + 0.5 for column in columns], names, fontsize=7,
                    rotation=90 if upright else 0, parse_math=False)
    axes.set_xlabel("dark column: everyone fails it, look at the benchmark first; single dark "
                    "cell: this one's own failure", fontsize=8.5)


def _in_groups(axes: Any, groups: dict[int, np.ndarray], units: int) -> list[_Column]:
    """Columns of about as many items each; how many units fail them stands below."""
    count = sum(map(len, groups.values()))
    spread, start, columns, middles, labels = 1 - NARROWEST * len(groups), 0.0, [], [], []
    for failing, items in groups.items():
        width = NARROWEST + spread * len(items) / count
        wide = width - 0.006 * (len(groups) > 1)  # a gap to the next group
        parts = min(len(items), max(1, round(COLUMNS * width)))
        edges = [len(items) * part // parts for part in range(parts + 1)]
        columns += [_Column(items[first:last], start + wide * first / len(items),
                            start + wide * last / len(items))
                    for first, last in zip(edges, edges[1:], strict=False)]
        middles.append(start + wide / 2)
        by = "none" if not failing else f"all {units}" if failing == units > 1 else str(failing)
        labels.append(f"{by}\n{len(items):,}\n{_percent(len(items) / count)}")
        start += width
    axes.set_xticks(middles, labels, fontsize=8)
    axes.set_xlabel(f"all {count:,} items by how many of the {units} fail them (with items and "
                    "their share; narrow groups are widened)" if units > 1 else
                    f"all {count:,} items by whether they are failed", fontsize=8.5)
    return columns


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "< 1 %"


def _cells(axes: Any, shares: np.ndarray, columns: list[_Column]) -> None:
    """The cells: of each column the share of failures, or what most of its items are instead."""
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    colours = LinearSegmentedColormap.from_list("outcome", [PASS, FAIL])
    plain, faces, missing = [], [], []
    gap = 0.04 if all(len(column.items) == 1 for column in columns) and \
        len(columns) <= LABELLED else 0.0
    for row, of_unit in enumerate(shares):
        for column in columns:
            cell = Rectangle((column.start, row - 0.46), column.end - column.start - gap, 0.92)
            there = of_unit[column.items]
            same, other = there[there >= 0], int((there == DIFFERENT).sum())
            most = max(len(same), other, len(there) - len(same) - other)
            if len(same) == most:
                plain.append(cell)
                faces.append(colours(float(same.sum()) / len(same)))
            elif other == most:
                plain.append(cell)
                faces.append(_GREY)
            else:
                missing.append(cell)
    axes.add_collection(PatchCollection(plain, facecolors=faces, linewidths=0, antialiased=gap > 0))
    axes.add_collection(PatchCollection(missing, facecolors=_WHITE, edgecolors=_LINE,
                                        hatch="////", linewidths=0))
    axes.set_xlim(0, columns[-1].end if columns else 1)


def _rows(axes: Any, labels: Mapping[str, str]) -> None:
    """Units on the left, what is said of each on the right."""
    places = range(len(labels))
    axes.set_yticks(places, distinct(list(labels), 40), fontsize=9, parse_math=False)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    for place, text in zip(places, labels.values(), strict=True):
        axes.text(1.008, place, text, transform=axes.get_yaxis_transform(), va="center",
                  fontsize=9, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _legend(figure: Any, shares: np.ndarray, named: bool) -> None:
    from matplotlib.patches import Patch

    marks = [Patch(color=PASS, label="pass"), Patch(color=FAIL, label="fail")]
    part = bool(((shares > 0) & (shares < 1)).any())
    if part or not named:
        marks.insert(1, Patch(color="#c79378", label=" or ".join(
            ["some attempts"] * part + ["some of the items"] * (not named)) + " fail"))
    if (shares == MISSING).any():
        marks.append(Patch(facecolor=_WHITE, edgecolor=_LINE, hatch="////", label="not judged"))
    if (shares == DIFFERENT).any():
        marks.append(Patch(color=_GREY, label="other content under this id"))
    figure.legend(handles=marks, loc="outside lower right", ncols=len(marks), fontsize=8,
                  frameon=False)
