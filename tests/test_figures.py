"""The figures of comparisons: readable at any size, all items in them, the finding above."""

from pathlib import Path

import numpy as np
import pytest

from failure_analysis.changes import figure as changes_figure
from failure_analysis.comparison import figure
from readable import assert_readable

LONG = "openrouter/a-provider/a-model-with-a-very-long-name-{}-instruct-preview-of-the-year-2025"


def outcomes(units: int, items: int) -> np.ndarray:
    """The first tenth is failed by all, the last half by none, between them by fewer and fewer."""
    return np.array([np.arange(items) < items / 10 + (items * 0.4) * (unit + 1) / units
                     for unit in range(units)], float)


def draw(shares: np.ndarray, label: str) -> None:
    """Draws them, the units and items under long names."""
    units = [LONG.format(unit) for unit in range(len(shares))]
    figure.draw(Path("x.png"), [f"the-items-of-this-benchmark/{place}"
                                for place in range(shares.shape[1])], shares,
                dict.fromkeys(units, label))


def texts_of(drawing) -> list[str]:
    """All texts of a figure."""
    return [text.get_text() for text in drawing.findobj(lambda artist: hasattr(artist, "get_text"))]


@pytest.mark.parametrize("units", [1, 2, 5, 12])
@pytest.mark.parametrize("items", [5, 50, 61, 1319, 20_000])
def test_who_fails_what_can_be_read_at_any_size(units, items, drawn) -> None:
    draw(outcomes(units, items), f"50 % ({items}/{items})")
    (drawing,) = drawn
    drawing.draw_without_rendering()
    assert_readable(drawing)
    assert max(drawing.get_size_inches()) <= 13
    texts = texts_of(drawing)
    assert units == 1 or all(any(f"name-{unit}-" in text for text in texts)
                             for unit in range(units))


def test_all_items_are_in_the_columns_under_how_many_fail_them(drawn) -> None:
    shares = outcomes(4, 1000)
    shares[0, 999] = figure.DIFFERENT
    shares[1, 900:910] = figure.MISSING
    draw(shares, "")
    texts = texts_of(drawn[0])
    assert "989 of 1,000 items judged for all 4: 200 failed by all 4, 100 by one alone, " \
        "489 by none" in texts
    assert {"all 4\n200\n20 %", "3\n100\n10 %", "2\n100\n10 %", "1\n100\n10 %",
            "none\n500\n50 %"} <= set(texts)
    assert {"pass", "some of the items fail", "fail", "not judged",
            "other content under this id"} <= set(texts)


def test_a_column_is_coloured_by_the_share_of_its_items_that_fail() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    shares = np.array([[1, 0, figure.DIFFERENT, 1, figure.MISSING, figure.MISSING]])
    columns = [figure._Column(np.array(items), start, start + 1)
               for start, items in enumerate(([0, 3], [0, 1], [2], [4, 5, 0]))]
    figure._cells(axes, shares, columns)
    plain, missing = axes.collections
    reds = [round(red, 2) for red, *_ in plain.get_facecolors()]
    assert reds == [0.7, 0.78, 0.6] and len(missing.get_paths()) == 1


def test_two_runs_name_the_tasks_that_share_a_long_name(drawn) -> None:
    line = {"items": 50, "old": 0.5, "new": 0.6, "difference": 0.1, "interval": [-0.1, 0.2], "p": 1}
    tasks = [line | {"task": LONG.format(place)} for place in range(20)]
    changes_figure.draw(Path("x.png"), {
        "items": 1000, "tasks": tasks, "overall": line, "margin": 0.05, "verdict": "not_shown",
        "flips": {"both_pass": 400, "both_fail": 300, "split": [1], "harmful": [1] * 140,
                  "beneficial": [1] * 159}})
    drawn[0].draw_without_rendering()
    assert_readable(drawn[0])
    labels = {text for text in texts_of(drawn[0]) if text.endswith(" (50)")}
    assert len(labels) == 14 and sum("name-1" in label for label in labels) == 11
