"""The figures of the lenses: SVG and PNG, the same bytes for the same data. Each carries n, the
verdict and what its marks mean; below a gate it is grey, marked, and says what is missing."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from failure_analysis import store
from failure_analysis.lenses.findings import NEED, Interval, Z, level
from failure_analysis.short_names import short

# Blue, orange, grey, purple: told apart by colour-blind readers and in print.
COLOURS = {"correct": "#2166ac", "wrong": "#e08214", "no_answer": "#8c8c8c",
           "truncated": "#762a83"}
GREYS = {"correct": "#707070", "wrong": "#a8a8a8", "no_answer": "#cccccc", "truncated": "#8c8c8c"}
MARKS = {"correct": "o", "wrong": "x", "no_answer": "s", "truncated": "^"}
PER_PAGE = 6
MOST_POINTS = 3000
WIDEST = 130  # characters of a caption's line


def pages(results: Sequence[dict]) -> list[Sequence[dict]]:
    """The results in pages of six."""
    return [results[start:start + PER_PAGE] for start in range(0, len(results), PER_PAGE)]


def draw(paths: Sequence[Path], results: Sequence[dict]) -> None:
    """Draws results of one lens below each other, in the formats that the files' names ask for."""
    captions = [_caption(result) for result in results]
    drawn = [result["pattern"] != NEED or any(
        result["tables"].get(name) for name in ("cells", "traces", "cif", "spectra"))
        for result in results]
    heights = [0.18 * len(caption) + (3.6 if full else 0.5)
               for caption, full in zip(captions, drawn, strict=True)]
    with sheet(paths, 11, sum(heights)) as figure:
        panels = figure.subfigures(len(results), 1, squeeze=False, height_ratios=heights)[:, 0]
        for panel, result, caption, full in zip(panels, results, captions, drawn, strict=True):
            panel.suptitle("\n".join(caption), x=0.01, ha="left", fontsize=9.5)
            if not full:
                _missing(panel)
                continue
            _DRAW[result["lens"]](panel, result)
            if result["pattern"] == NEED:
                panel.text(0.5, 0.4, "too little for an answer", ha="center", va="center",
                           fontsize=34, alpha=0.25, rotation=8)


@contextmanager
def sheet(paths: Sequence[Path], width: float, height: float) -> Iterator[Any]:
    """A figure of so many inches that is written when the block ends; its layout is worked out
    once."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "lens", "font.size": 9, "legend.fontsize": 7,
                                "axes.titlesize": 8, "text.parse_math": False}):
        figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
        yield figure
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for path in paths:
            store.write_figure(path, figure)


def verdict(result: dict) -> str:
    """The result as one sentence; also the figure's alternative text."""
    also = f", also {', '.join(result['also'])}" if result["also"] else ""
    sure = f", confidence {result['confidence']:.2f}" if result["confidence"] is not None else ""
    if result["pattern"] == NEED:
        return f"{result['lens']}: insufficient data (n = {result['n']}){also}"
    return (f"{result['lens']}: {result['pattern']}{also} (n = {result['n']}{sure}, strength "
            f"{result['strength']})")


def sentences(about: dict) -> list[str]:
    """What a result or a comparison rests on; without an answer what it needs, said as a need."""
    if about.get("pattern") == NEED or not about["evidence"]:
        return [f"needed: {need}" for need in about["need"]]
    return about["evidence"]


def _caption(result: dict) -> list[str]:
    """The lines above a result: its name, the verdict, all that it rests on or needs."""
    said = [" · ".join(result["evidence"])]
    if result["pattern"] == NEED:
        said += sentences(result)
    return [short(result.get("name", ""), WIDEST), *(
        line for text in (verdict(result), *said) for line in textwrap.wrap(text, WIDEST))]


def _palette(result: dict) -> dict[str, str]:
    return GREYS if result["pattern"] == NEED else COLOURS


def _missing(panel: Any) -> None:
    axes = panel.add_subplot()
    axes.set_facecolor("#e6e6e6")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, "nothing to draw", ha="center", va="center", color="#404040",
              transform=axes.transAxes)


def _surface(panel: Any, result: dict) -> None:
    colours = _palette(result)
    left, right = panel.subplots(1, 2, width_ratios=(1.1, 1))
    profile = result["tables"]["profile"]
    _heat(left, result["tables"]["cells"], *first_two(result),
          "Greys_r" if result["pattern"] == NEED else "cividis")
    x = [row["level"] for row in profile]
    _bars(right, x, profile, ("accuracy", "low", "high"), color=colours["correct"],
          label="accuracy, 95 % (Wilson)")
    right.plot(x, [row["sigmoid"] for row in profile], color=colours["correct"], alpha=0.6,
               label="mean of the sigmoids")
    right.plot(x, [row["finished"] for row in profile], "--", color=colours["truncated"],
               label="finished in time")
    _span(right, result, "cliff_at", "cliff, 95 % interval")
    right.set(xlabel=short(profile[0]["parameter"], 60), ylabel="share of samples",
              ylim=(-0.03, 1.03))
    if all(float(level).is_integer() for level in x):
        right.xaxis.get_major_locator().set_params(integer=True)
    # Above the panel: inside, it would lie on points.
    right.legend(loc="lower left", bbox_to_anchor=(0, 1), ncol=2, frameon=False, borderpad=0.2)


def _span(axes: Any, result: dict, name: str, label: str) -> None:
    """The interval of an estimate, if there is one, as a band."""
    if place := result["estimates"].get(name):
        axes.axvspan(place["lo"], place["hi"], color="#f4d8b0", zorder=0, label=label)


def first_two(result: dict) -> tuple[str, str | None]:
    """The columns of cells.csv that are drawn: the profile's parameter, and another one."""
    first = f"params.{result['tables']['profile'][0]['parameter']}"
    return first, next((name for name in result["tables"]["cells"][0]
                        if name.startswith("params.") and name != first), None)


def _bars(axes: Any, x: Sequence[float], rows: Sequence[dict], names: tuple[str, str, str],
          **look: Any) -> None:
    """Marks with error bars; `names` are the columns of the value and the ends of its interval."""
    y, low, high = ([row[name] for row in rows] for name in names)
    axes.errorbar(x, y, [[max(0, value - end) for value, end in zip(y, low, strict=True)],
                         [max(0, end - value) for value, end in zip(y, high, strict=True)]],
                  fmt="o", ms=4, **look)


def _instead(axes: Any, text: str) -> None:
    """What to say where there is nothing to draw."""
    axes.text(0.5, 0.5, text, ha="center", transform=axes.transAxes, color="#606060")


def _heat(axes: Any, cells: list[dict], first: str, second: str | None, colours: str) -> None:
    """Shrunken accuracy over the first two dimensions; size of a mark is n, hatching truncation,
    a heavy outline certified green."""
    from matplotlib.patches import Rectangle

    xs = sorted({row[first] for row in cells})
    ys = sorted({row[second] for row in cells}) if second else [0]
    merged: dict[tuple, list[dict]] = {}
    for row in cells:
        merged.setdefault((xs.index(row[first]), ys.index(row[second]) if second else 0),
                          []).append(row)
    grid = [[float("nan")] * len(xs) for _ in ys]
    most = max(sum(row["n"] for row in rows) for rows in merged.values())
    for (x, y), rows in merged.items():
        n = sum(row["n"] for row in rows)
        grid[y][x] = sum(row["shrunken"] * row["n"] for row in rows) / n
        if sum(row["truncated"] for row in rows) >= 0.2 * n:
            axes.add_patch(Rectangle((x - .5, y - .5), 1, 1, fill=False, hatch="///", lw=0,
                                     edgecolor="white"))
        if all(row["zone"] == "green" for row in rows):
            axes.add_patch(Rectangle((x - .46, y - .46), .92, .92, fill=False, lw=2,
                                     edgecolor="#111111"))
        axes.plot(x, y, "o", ms=1 + 4 * (n / most) ** 0.5, color="white", mec="black", mew=0.4)
    image = axes.imshow(grid, cmap=colours, vmin=0, vmax=1, aspect="auto", origin="lower")
    axes.figure.colorbar(image, ax=axes, label="accuracy, shrunken")
    upright = sum(len(level(x)) + 2 for x in xs) > 60
    for axis, values, most in ((axes.xaxis, xs, 24), (axes.yaxis, ys, 14)):
        every = range(0, len(values), -(-len(values) // most))
        axis.set_ticks(every, [level(values[at]) for at in every] if second or values is xs
                       else [""])
    axes.tick_params("x", rotation=90 if upright else 0)
    axes.set(xlabel=short(first.removeprefix("params."), 60),
             ylabel=short((second or "").removeprefix("params."), 36))
    axes.set_title("hatched: a fifth truncated; outlined: certified above .8", fontsize=7,
                   loc="left")


def _fft(panel: Any, result: dict) -> None:
    colours = _palette(result)
    left, middle, right = panel.subplots(1, 3, width_ratios=(1.4, 1, 1))
    rows = result["tables"]["spectra"]
    if rows:
        styles = {"all": ("correct", "-", "spectral envelope of token classes"),
                  "inside": ("truncated", "-", "with the confounder inside"),
                  "appended": ("no_answer", "-.", "with the same words appended")}
        for condition, (colour, line, label) in styles.items():
            own = [row for row in rows if row["condition"] == condition]
            if own:
                left.plot([row["frequency"] for row in own], [row["envelope"] for row in own],
                          color=colours[colour], ls=line, label=label)
        limit = next((row["limit"] for row in rows if "limit" in row), None)
        if limit is not None:
            left.axhline(limit, color=colours["wrong"], ls="--",
                         label="95 % limit of shuffled prompts")
        left.set(xlabel="frequency (cycles per token)", ylabel="power",
                 ylim=(0, (1.15 + 0.1 * len(left.lines)) * max(row["envelope"] for row in rows)))
        top = left.secondary_xaxis("top", functions=(_inverse, _inverse))
        top.set_xticks([2, 3, 5, 10, 30], ["2", "3", "5", "10", "30"])
        top.set_xlabel("period (tokens)", fontsize=8)
        left.legend()
    else:
        _instead(left, "no spectrum: too few prompts of 64 tokens")
    _bands(middle, result["tables"]["bands"], colours)
    _ratios(right, result["estimates"], colours)


def _ratios(axes: Any, estimates: dict, colours: dict[str, str]) -> None:
    """The odds ratios of failure of each feature of spelling."""
    ratios = {name.removeprefix("or_"): value for name, value in estimates.items()
              if name.startswith("or_") and value["est"] is not None}
    for at, value in enumerate(ratios.values()):
        axes.errorbar(value["est"], at, xerr=[[value["est"] - value["lo"]],
                                              [value["hi"] - value["est"]]], fmt="o",
                      color=colours["correct"])
    if ratios:
        axes.axvline(1, color="#606060", lw=0.8)
        _plain_log(axes, "x")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.45), max(high, 2.2))
        axes.set_yticks(range(len(ratios)), list(ratios))
        axes.set_ylim(-0.6, len(ratios) - 0.4)
        axes.set_xlabel("odds ratio of failure within levels, 95 %")
    else:
        axes.set_axis_off()
        _instead(axes, "spelling against failure: not assessed")


def _bands(axes: Any, bands: Sequence[dict], colours: dict[str, str]) -> None:
    """How power grows with the length of a prompt, per band of frequencies."""
    if not bands:
        axes.set_axis_off()
        return
    for prefix, colour, name in (("", "correct", "as they are"),
                                 ("shuffled_", "wrong", "tokens shuffled")):
        _bars(axes, _middles(bands), bands, (f"{prefix}slope", f"{prefix}lo", f"{prefix}hi"),
              color=colours[colour], label=name)
    axes.axhline(0, color="#606060", lw=0.8)
    axes.set(xlabel="frequency (cycles per token)", title="log power on log length, per band")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))  # room for the legend, as in the left panel
    axes.legend(loc="upper right")


def _plain_log(axes: Any, which: str) -> None:
    """Logarithmic axes with numbers as people write them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for name in which:
        axis = getattr(axes, f"{name}axis")
        getattr(axes, f"set_{name}scale")("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _inverse(x: Any) -> Any:
    return 1 / np.maximum(x, 1e-3)


class Marks(NamedTuple):
    """The traces that are drawn with one mark."""

    outcome: str
    looped: int
    label: str
    rows: list[dict]


def traces_of(rows: list[dict], most: int) -> Iterator[Marks]:
    """About `most` rows of the table traces.csv, by outcome and whether they loop."""
    rows = rows[::max(1, -(-len(rows) // most))]
    for name in COLOURS:
        for looped in (0, 1):
            mine = [row for row in rows if row["outcome"] == name and row["loop"] == looped]
            if mine:
                yield Marks(name, looped, f"{name}{', loop' if looped else ''}", mine)


def _compression(panel: Any, result: dict) -> None:
    colours = _palette(result)
    left, middle, right = panel.subplots(1, 3, width_ratios=(1.5, 1, 1))
    rows = result["tables"]["traces"]
    for name, looped, label, mine in traces_of(rows, MOST_POINTS):
        left.plot([row["tokens"] for row in mine], [row["gzip_bytes"] for row in mine],
                  "P" if looped else MARKS[name], ms=7 if looped else 3, alpha=0.55,
                  color=colours[name], mec="black" if looped else colours[name], mew=0.6,
                  label=label)
    left.set(xlabel="tokens", ylabel="packed bytes")
    _plain_log(left, "xy")
    left.legend()
    by_outcome = {}
    for name in COLOURS:
        values = [row["residual_entropy"] for row in rows if row["outcome"] == name]
        if len(values) > 2 and (finite := [value for value in values if value is not None]):
            by_outcome[name] = finite
    if by_outcome:
        boxes = middle.boxplot(list(by_outcome.values()), showfliers=False, patch_artist=True,
                               medianprops={"color": "black"})
        for box, name in zip(boxes["boxes"], by_outcome, strict=True):
            box.set(facecolor=colours[name], alpha=0.6)
        middle.set_xticks(range(1, len(by_outcome) + 1), list(by_outcome), rotation=20)
    middle.axhline(0, color="#606060", lw=0.8)
    middle.set_title("entropy left after length (SD)")
    for row in result["tables"]["groups"]:
        right.plot([1, 2, 3, 4], [row[f"median_quarter{at}"] for at in range(1, 5)],
                   marker=MARKS[row["outcome"]], ms=4, color=colours[row["outcome"]],
                   label=row["outcome"])
    right.set_xticks([1, 2, 3, 4])
    right.set_title("new bits per byte, by quarter of a trace")
    right.legend()


def _hazard(panel: Any, result: dict) -> None:
    colours = _palette(result)
    left, right = panel.subplots(1, 2)
    cif, rows = result["tables"]["cif"], result["tables"]["hazard"]
    x = [0, *(row["tokens"] for row in cif)]
    names = ("correct", "wrong", "no_answer")
    left.stackplot(x, [[0, *(row[name] for row in cif)] for name in names],
                   colors=[colours[name] for name in names],
                   labels=["correct", "wrong", "no answer"], alpha=0.75)
    left.set(xlabel="completion tokens", ylabel="share that has answered", ylim=(0, 1))
    spot = result["estimates"].get("budget_for_95_percent")
    if spot:
        left.axvline(spot["est"], color="black", ls=":", label="95 % of the correct answers")
    left.legend(loc="upper left")
    seen = [row for row in rows if row["correct"] + row["wrong"] >= 5]
    _bars(right, _middles(seen), list(map(_odds, seen)), Interval._fields, ls="-", lw=1,
          color=colours["wrong"])
    right.axhline(1, color="#606060", lw=0.8)
    _span(right, result, "change_at_tokens", "change, interval")
    right.set(xlabel="completion tokens", ylabel="odds, within level",
              title="odds of a wrong answer (1: as expected of its level), 95 % by counts")
    _plain_log(right, "y")
    grey = right.twinx()
    grey.plot(_middles(rows), [row["raw_hazard_wrong"] for row in rows], color="#b0b0b0", lw=1)
    grey.set_ylabel("raw hazard (follows when answers come)", color="#909090", fontsize=7)
    grey.tick_params(labelsize=6, colors="#909090")
    if right.get_legend_handles_labels()[1]:
        right.legend()


def _odds(row: dict) -> dict[str, float]:
    """The odds within levels of a row of hazard.csv with the interval that its counts of wrong and
    correct answers allow (Woolf 1955, half an answer added to each)."""
    value = row["odds_within_level"]
    spread = float(np.exp(Z * (1 / (row["wrong"] + 0.5) + 1 / (row["correct"] + 0.5)) ** 0.5))
    return Interval(value, value / spread, value * spread)._asdict()


def _middles(rows: Sequence[dict]) -> list[float]:
    return [(row["from"] + row["to"]) / 2 for row in rows]


_DRAW = {"surface": _surface, "fft": _fft, "compression": _compression, "hazard": _hazard}
