"""Names in figures: on one line, cut to what fits, and different where the whole names are."""

from collections import defaultdict
from collections.abc import Sequence
from os.path import commonprefix

from failure_analysis import clean

_SHARED = 12  # what all names begin or end with stays when it is no longer than this
_BREAKS = " -_/.:@|,"


def short(name: object, most: int = 44) -> str:
    """A name on one line in signs that can be drawn; of a long one both ends, as names often differ
    in the last part."""
    return _ends(_drawable(" ".join(clean.visible(str(name)).split())), most)


def distinct(names: Sequence[str], most: int = 44) -> list[str]:
    """The names in so many characters each: of long ones what all of them share at an end goes
    first, then what those share that would look the same; what differs stays. Names that can still
    not be told apart are numbered."""
    whole = [short(name, 1 << 30) for name in names]
    if max(map(len, whole), default=0) > most and len(whole) > 1:
        whole = _without_shared(whole, most)
    groups: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(whole):
        groups[_ends(name, most)].append(place)
    labels = [_ends(name, most) for name in whole]
    for group in groups.values():
        if len(group) > 1:
            for place, label in zip(group, _apart([whole[at] for at in group], most), strict=True):
                labels[place] = label
    return _numbered(labels, most)


def _ends(name: str, most: int) -> str:
    """Both ends of a name that is too long."""
    tail = most // 3
    return name if len(name) <= most else f"{name[:most - tail - 1]}…{name[-tail:]}"


def _without_shared(names: list[str], most: int) -> list[str]:
    """The names without what all of them begin and end with, from one break to the next, but for
    as much of it as there is room for."""
    start = commonprefix(names)
    start = start[:1 + max(map(start.rfind, _BREAKS))]
    end = commonprefix([name[len(start):][::-1] for name in names])[::-1]
    places = [place for place in map(end.find, _BREAKS) if place >= 0]
    end = end[min(places):] if places else ""
    room = max(0, most - 2 - max(len(name) - len(start) - len(end) for name in names))
    before = start if len(start) <= _SHARED else f"…{start[len(start) - (room + 1) // 2:]}"
    after = end if len(end) <= _SHARED else f"{end[:room // 2]}…"
    return [f"{before}{name[len(start):len(name) - len(end)]}{after}" for name in names]


def _apart(names: list[str], most: int) -> list[str]:
    """Names that look alike when their middle is left out: each with the part that differs."""
    if len(set(names)) == 1:
        return [_ends(name, most) for name in names]
    start = len(commonprefix(names))
    end = min(len(commonprefix([name[start:][::-1] for name in names])),
              min(map(len, names)) - start)
    head = most // 3
    room = most - head - 2
    labels = []
    for name in names:
        middle = name[start:len(name) - end]
        after = name[len(name) - end:]
        before = name[max(head, start - 4):start] if len(middle) + 6 <= room else ""
        part = _ends(before + middle, room)
        labels.append(f"{name[:head]}…{part}{after if len(part + after) <= room else '…'}")
    return labels


def _numbered(labels: list[str], most: int) -> list[str]:
    """The labels, those that were there before with a number behind them."""
    taken: dict[str, None] = {}
    for label in labels:
        free, count = label, 1
        while free in taken:
            count += 1
            free = f"{label[:most - 2 - len(str(count))]} #{count}"
        taken[free] = None
    return list(taken)


def _drawable(text: str) -> str:
    """The text with what the font cannot draw spelled out."""
    if text.isascii():
        return text
    from matplotlib import font_manager

    glyphs = font_manager.get_font(
        font_manager.findfont(font_manager.FontProperties())).get_charmap()
    return "".join(char if ord(char) in glyphs else f"\\u{ord(char):04x}" for char in text)
