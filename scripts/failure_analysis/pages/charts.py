"""Figures of the report page as inline SVG: bars, stacks, strips. They stretch to the width
that they are given, and hold no words but those for who cannot see them: labels and numbers stand
beside them, as text. Colours are classes (c0 to c7 and others), so that light and dark differ."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from os.path import commonprefix
from typing import NamedTuple

from markupsafe import Markup, escape

COLOURS = 7  # c0 to c6; what is over is c7
BINNED_ABOVE = 500  # items
_BINS = 120
_MOST_TITLED = 120  # cells of a strip with words of their own


class Part(NamedTuple):
    """A part of a stack: its name, how many, its colour class."""

    name: str
    count: float
    colour: str


def bar(share: float, low: float | None = None, high: float | None = None, words: str = "",
        colour: str = "c0") -> Markup:
    """A share (0 to 1) as a bar, with the interval around its end as a whisker."""
    shapes = [_rect(0, 1000, 18, "rail"), _rect(0, 1000 * share, 18, colour)]
    if low is not None and high is not None:
        left, right = 1000 * low, 1000 * high
        shapes += [_line(left, 9, right, 9), _line(left, 4, left, 14), _line(right, 4, right, 14)]
    return _svg(1000, 18, words, shapes)


def stack(parts: Iterable[Part], total: float | None = None, words: str = "") -> Markup:
    """Parts of a whole beside each other; with a larger `total` the rest stays empty."""
    parts = [part for part in parts if part.count]
    total = total or sum(part.count for part in parts) or 1
    shapes, at = [_rect(0, 1000, 18, "rail")], 0.0
    for part in parts:
        width = 1000 * part.count / total
        shapes.append(_rect(at, width, 18, part.colour, f"{part.name}: {part.count:g}"))
        at += width
    said = words or ", ".join(f"{part.name} {part.count:g}" for part in parts)
    return _svg(1000, 18, said, shapes)


def strip(shares: Sequence[float | None], names: Sequence[str], words: str) -> Markup:
    """One system over all items in the given order: which it fails (1), passes (0), some of both,
    or was not judged on (None). Above `BINNED_ABOVE` items a cell is the share of several."""
    if len(shares) > BINNED_ABOVE:
        return _svg(_BINS, 18, words, [
            _rect(place, 1.05, 18, _shade(share)) for place, share in enumerate(_binned(shares))])
    if len(shares) <= _MOST_TITLED:
        return _svg(len(shares), 18, words, [
            _rect(place + .04, .92, 18, _shade(share), f"{name}: {_said(share)}")
            for place, (share, name) in enumerate(zip(shares, names, strict=True))])
    shapes, at = [], 0
    for shade, run in groupby(map(_shade, shares)):
        width = len(list(run))
        shapes.append(_rect(at, width, 18, shade))
        at += width
    return _svg(len(shares), 18, words, shapes)


def shares(by_item: Mapping[str, tuple[int, int]], items: Sequence[str]) -> list[float | None]:
    """Of each item the share of its judged attempts that failed; None where there is none."""
    return [by_item[item][0] / by_item[item][1] if by_item.get(item, (0, 0))[1] else None
            for item in items]


def short(names: Sequence[str], most: int = 26) -> dict[str, str]:
    """Names cut in their middle, so far that they stay different."""
    for length in range(most, max(map(len, names), default=0) + 8, 8):
        cut = {name: _cut(name, length) for name in names}
        if len(set(cut.values())) == len(cut):
            return cut
    return {name: name for name in names}


def shortest(names: Sequence[str], most: int = 18) -> dict[str, str]:
    """Names without the words that all begin and end with, cut so far that they stay different."""
    words = {name: re.split(r"(?<=[-_/ ])", name) for name in names}
    first, last = len(commonprefix(list(words.values()))), \
        len(commonprefix([each[::-1] for each in words.values()]))
    own = {name: "".join(each[first:len(each) - last]).rstrip("-_/ ") for name, each in
           words.items()}
    if len(names) < 2 or not all(own.values()) or len(set(own.values())) < len(own):
        own = {name: name for name in names}
    cut = short(list(own.values()), most)
    return {name: cut[plain] for name, plain in own.items()}


def _cut(name: str, most: int) -> str:
    head = (most - 1) // 2
    return name if len(name) <= most else f"{name[:head]}…{name[-(most - 1 - head):]}"


def _binned(shares: Sequence[float | None]) -> list[float | None]:
    """The mean of each of as many pieces as there are bins."""
    size, means = len(shares), []
    for place in range(_BINS):
        mine = [share for share in shares[place * size // _BINS:(place + 1) * size // _BINS]
                if share is not None]
        means.append(sum(mine) / len(mine) if mine else None)
    return means


def _shade(share: float | None) -> str:
    """The class of a share that failed: f0 (none) to f4 (all), or not judged."""
    if share is None:
        return "none"
    return f"f{0 if share == 0 else 4 if share == 1 else 1 + int(share * 2.999)}"


def _said(share: float | None) -> str:
    return "not judged" if share is None else "passes" if share == 0 else \
        "fails" if share == 1 else f"fails {100 * share:.0f} %"


def _rect(x: float, width: float, height: float, colour: str, words: str = "") -> str:
    title = f"<title>{escape(words)}</title>" if words else ""
    return f'<rect class="{colour}" x="{x:.4g}" width="{width:.4g}" height="{height:g}">' \
        f"{title}</rect>"


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line class="whisker" x1="{x:.1f}" y1="{y:g}" x2="{to_x:.1f}" y2="{to_y:g}"/>'


def _svg(width: float, height: float, words: str, shapes: Iterable[str]) -> Markup:
    """A drawing with its description, as wide as its place."""
    return Markup(f'<svg class="figure" role="img" viewBox="0 0 {width:g} {height:g}" '
                  f'preserveAspectRatio="none" aria-label="{escape(words)}">'
                  f'{"".join(shapes)}</svg>')
