"""The outcome matrix: items by units, hardest item first, readable in ten seconds."""

from collections.abc import Mapping
from pathlib import Path

from failure_analysis import clean, store
from failure_analysis.datapoint import natural_key

MOST_ITEMS = 500
LABELLED = 60
# Light to dark in lightness too, so that it reads without colour; differing content is grey.
PASS, FAIL, DIFFERENT, MISSING = "#dbe9f6", "#b3420a", "#9a9a9a", "#ffffff"


def draw(
    path: Path, shares: Mapping[str, Mapping[str, float | None]], labels: Mapping[str, str]
) -> None:
    """Draws `shares` (unit -> item -> share of failing attempts, None where the content is not the
    same) as a PNG. `labels` has the units from the top row down, each with the text behind its
    name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap, to_rgb
    from matplotlib.figure import Figure

    units = list(labels)
    names = _distinct(units)
    items = _by_difficulty(shares)
    shown = items[:MOST_ITEMS]
    colours = LinearSegmentedColormap.from_list("outcome", [PASS, FAIL])
    grid = [[to_rgb(MISSING) if item not in shares[unit] else
             to_rgb(DIFFERENT) if shares[unit][item] is None else
             colours(shares[unit][item])[:3] for item in shown] for unit in units]
    width = min(20.0, max(8.0, 4.0 + 0.22 * len(shown)))
    height = 2.1 + 0.34 * max(2, len(units)) + (0.9 if len(shown) <= LABELLED else 0.3)
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(grid, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(units)), [f"{name}  {labels[unit]}"
                                        for name, unit in zip(names, units, strict=True)],
                    fontsize=9, parse_math=False)
    _mark_items(axes, shown)
    _hatch_missing(axes, shares, units, shown)
    cut = f"the {MOST_ITEMS} hardest of {len(items)} items" if len(items) > MOST_ITEMS else \
        f"{len(items)} items"
    axes.set_title(f"Who fails what: {cut}, hardest on the left", loc="left", fontsize=11)
    axes.set_xlabel("dark column: everyone fails it, look at the benchmark first\n"
                    "single dark cell: this one's own failure", fontsize=9)
    _legend(figure, shares)
    store.write_figure(path, figure)


def _by_difficulty(shares: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """Items by the mean share of failing attempts over the units, hardest first."""
    items = {item for of_unit in shares.values() for item in of_unit}
    hardness = {item: _mean({unit: of_unit[item] for unit, of_unit in shares.items()
                             if item in of_unit}) for item in items}
    return sorted(items, key=lambda item: (-hardness[item], natural_key(item)))


def _mean(shares: Mapping[str, float | None]) -> float:
    there = [share for share in shares.values() if share is not None]
    return sum(there) / len(there) if there else 0.0


def _mark_items(axes, shown: list[str]) -> None:
    """Item names while they can be read, else places only."""
    if len(shown) <= LABELLED:
        axes.set_xticks(range(len(shown)), [short(item, 22) for item in shown], fontsize=7,
                        rotation=90, parse_math=False)
        axes.set_xticks([place - 0.5 for place in range(1, len(shown))], minor=True)
    axes.set_yticks([place - 0.5 for place in range(1, len(axes.get_yticks()))], minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)


def _hatch_missing(axes, shares: Mapping, units: list[str], shown: list[str]) -> None:
    from matplotlib.patches import Rectangle

    for row, unit in enumerate(units):
        for column, item in enumerate(shown):
            if item not in shares[unit]:
                axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False,
                                         hatch="////", edgecolor="#c8c8c8", linewidth=0))


def _legend(figure, shares: Mapping) -> None:
    from matplotlib.patches import Patch

    values = [share for of_unit in shares.values() for share in of_unit.values()]
    marks = [Patch(color=PASS, label="pass"), Patch(color=FAIL, label="fail")]
    if any(share is not None and 0 < share < 1 for share in values):
        marks.insert(1, Patch(color="#c79378", label="some attempts fail"))
    if any(len(of_unit) < len(set().union(*shares.values())) for of_unit in shares.values()):
        marks.append(Patch(facecolor=MISSING, edgecolor="#c8c8c8", hatch="////",
                           label="not judged"))
    if None in values:
        marks.append(Patch(color=DIFFERENT, label="other content under this id"))
    figure.legend(handles=marks, loc="outside lower right", ncols=len(marks), fontsize=8,
                  frameon=False)


def _distinct(names: list[str]) -> list[str]:
    """The names cut to what fits, or whole where the cut would make two of them equal."""
    cut = [short(name) for name in names]
    return [short if cut.count(short) == 1 else short(name, 90)
            for name, short in zip(names, cut, strict=True)]


def short(name: str, most: int = 44) -> str:
    """A name on one line, cut to so many characters, in signs that can be drawn."""
    plain = _drawable(" ".join(clean.visible(name).split()))
    return plain if len(plain) <= most else f"{plain[:most - 12]}…{plain[-10:]}"


def _drawable(text: str) -> str:
    """The text with what the font cannot draw spelled out."""
    if text.isascii():
        return text
    from matplotlib import font_manager

    glyphs = font_manager.get_font(
        font_manager.findfont(font_manager.FontProperties())).get_charmap()
    return "".join(char if ord(char) in glyphs else f"\\u{ord(char):04x}" for char in text)
