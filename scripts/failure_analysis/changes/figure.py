"""The figure of two runs: what became of the items, and the differences with their intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import store
from failure_analysis.short_names import distinct
from failure_analysis.statistics import ALPHA

MOST_LINES = 14
KINDS = (("both_pass", "pass on both", "#dbe9f6", "black"),
         ("beneficial", "failed, passes now", "#2b7bba", "white"),
         ("split", "split", "#d9d9d9", "black"),
         ("harmful", "passed, fails now", "#b3420a", "white"),
         ("both_fail", "fail on both", "#efd5c5", "black"))
_SAID = {"better": "NEW is better", "worse": "NEW is worse", "not_shown": "No difference shown"}


class _Line(NamedTuple):
    """One difference in points, with its interval where there is one, and whether it is more than
    chance (of a task: among all of them)."""

    name: str
    difference: float
    interval: Sequence[float] | None
    sure: bool


def draw(path: Path, result: Mapping[str, Any]) -> None:
    """Draws a comparison as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = _lines(result)
    drawn = Figure(figsize=(9.5, 2.8 + 0.33 * len(lines)), dpi=110, layout="constrained")
    FigureCanvasAgg(drawn)
    top, below = drawn.subplots(2, 1, height_ratios=[1.0, 0.6 + 0.33 * len(lines)])
    _draw_items(top, result)
    more = len(result["tasks"]) > MOST_LINES
    about = [f"the {MOST_LINES} of {len(result['tasks'])} tasks that changed most"] * more
    if result["margin"] is not None:
        about.append(f"grey: within the margin of {100 * result['margin']:g}")
    _draw_differences(below, lines, result["margin"], about)
    overall = result["overall"]
    drawn.suptitle(
        f"{_SAID[result['verdict']]}: {100 * overall['old']:.1f} % → {100 * overall['new']:.1f} % "
        f"on {result['items']:,} items", x=0.01, ha="left", fontsize=12)
    store.write_figure(path, drawn)


def _lines(result: Mapping[str, Any]) -> list[_Line]:
    """The difference over all, and those of the tasks that changed most."""
    tasks = sorted(result["tasks"], key=lambda line: (-abs(line["difference"]), line["task"]))
    names = distinct([line["task"] for line in tasks[:MOST_LINES]], 30)
    shown = [(f"all {result['items']:,} items", result["overall"]), *(
        (f"{name} ({line['items']})", line)
        for name, line in zip(names, tasks, strict=False))]
    return [_Line(name, 100 * line["difference"], line["interval"] and [
        100 * end for end in line["interval"]], line.get("p_holm", line["p"]) < ALPHA)
        for name, line in shown]


def _draw_items(axes: Any, result: Mapping[str, Any]) -> None:
    """One bar: what became of the items."""
    start = 0
    for name, words, colour, ink in KINDS:
        value = result["flips"][name]
        count = value if isinstance(value, int) else len(value)
        if not count:
            continue
        axes.barh(0, count, left=start, color=colour, edgecolor="white",
                  label=f"{words}: {count:,}")
        if count >= 0.015 * (1 + len(f"{count:,}")) * result["items"]:
            axes.text(start + count / 2, 0, f"{count:,}", ha="center", va="center", color=ink,
                      fontsize=10)
        start += count
    axes.set_xlim(0, result["items"])
    axes.set_axis_off()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, fontsize=8.5,
                frameon=False)


def _draw_differences(axes: Any, lines: Sequence[_Line], margin: float | None,
                      about: Sequence[str]) -> None:
    """The differences with their intervals, zero and the margin; coloured where they are more than
    chance."""
    for place, line in enumerate(lines):
        low, high = line.interval or (line.difference, line.difference)
        colour = "#444444" if not line.sure else "#b3420a" if line.difference < 0 else "#2b7bba"
        axes.plot([low, high], [place, place], color=colour, linewidth=2.2 if place == 0 else 1.4)
        axes.plot([line.difference], [place], marker="o", color=colour,
                  markersize=7 if place == 0 else 5)
    axes.axvline(0, color="#888888", linewidth=1)
    if margin is not None:
        axes.axvspan(-100 * margin, 100 * margin, color="#e8e8e8", zorder=0)
    axes.set_yticks(range(len(lines)), [line.name for line in lines], fontsize=9,
                    parse_math=False)
    axes.set_ylim(len(lines) - 0.4, -0.9)
    axes.set_xlabel("\n".join(["points NEW − OLD, with 95 % interval: left worse, right better; "
                               "coloured where more than chance", *(["; ".join(about)] if about
                                                                    else [])]), fontsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
