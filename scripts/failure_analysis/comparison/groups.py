"""Units in groups that share a large part of their items: one unit with other items must not empty
the sets of all the others."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial, reduce
from typing import NamedTuple

import numpy as np

# Who joins a group leaves it more than half of what it has in common, and a group has in common at
# least a quarter of its largest member's items.
KEPT, LEAST_SHARE = 0.5, 0.25
# Unit -> its items whose content is steady: a number for an item with this content, ascending.
Contents = Mapping[str, np.ndarray]


class Group(NamedTuple):
    """Units, and the items that they all were judged on with the same content."""

    units: list[str]
    common: np.ndarray


class Alone(NamedTuple):
    """A unit in no group: on how many items it was judged, and how many of the items of the group
    (by its place, the main one is 0) with which it shares most are among them."""

    unit: str
    items: int
    shares: int
    group: int


class Grouped(NamedTuple):
    """The groups, the one of most units (then of most items) first, and who is in none."""

    groups: list[Group]
    alone: list[Alone]


def grouped(contents: Contents, sizes: Mapping[str, int]) -> Grouped:
    """Puts the units into groups; `sizes` says on how many items each was judged. Where no two
    share so much, any common item is enough; where no two share any, all are one group that has
    nothing in common."""
    masks = _masks(contents)
    for kept, least in ((KEPT, LEAST_SHARE), (0, 0)):
        parts = _taken_in(_parts(masks, sizes, kept, least), masks, kept)
        if any(len(part) > 1 for part in parts):
            break
    else:
        parts = [list(contents)]
    groups = [Group(part, _common(contents, part)) for part in parts
              if len(part) > 1 or len(parts) == 1]
    groups.sort(key=lambda group: (-len(group.units), -len(group.common), group.units))
    shared = [_all_have(masks, group.units) for group in groups]
    members = {name for group in groups for name in group.units}
    return Grouped(groups, [_alone(name, masks[name], sizes[name], shared)
                            for name in contents if name not in members])


def _masks(contents: Contents) -> dict[str, int]:
    """Each unit's items with their content as the bits of a number: counting what two of a thousand
    units share must not take a walk through their items. What one unit alone has needs no bit."""
    values, counts = np.unique(np.concatenate(list(contents.values())), return_counts=True)
    several, masks = values[counts > 1], {}
    for name, items in contents.items():
        bits = np.isin(several, items, assume_unique=True)
        masks[name] = int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")
    return masks


def _parts(masks: Mapping[str, int], sizes: Mapping[str, int], kept: float, least: float
           ) -> list[list[str]]:
    """The units in parts: each part begins with a unit of the class (the same items with the same
    content) of the most units times items, and takes in others while they share enough."""
    classes: dict[tuple[int, int], list[str]] = {}
    for name in masks:
        classes.setdefault((masks[name], sizes[name]), []).append(name)
    class_of = {name: number for number, names in enumerate(classes.values()) for name in names}
    left, parts = dict.fromkeys(masks), []
    while left:
        weight = Counter(class_of[name] for name in left)
        seed = max(left, key=lambda name: weight[class_of[name]] * sizes[name])
        part = _grown(seed, left, masks, sizes, kept, least)
        parts.append([name for name in left if name in part])
        left = {name: None for name in left if name not in part}
    return parts


def _grown(seed: str, left: Iterable[str], masks: Mapping[str, int], sizes: Mapping[str, int],
           kept: float, least: float) -> set[str]:
    """The seed and those who can join it, by how much they share with it."""
    part, common, largest, have = {seed}, masks[seed], sizes[seed], sizes[seed]
    overlap = {name: (masks[name] & common).bit_count() for name in left if name != seed}
    for name in sorted(overlap, key=overlap.__getitem__, reverse=True):
        shared, size = common & masks[name], max(largest, sizes[name])
        if shared.bit_count() > kept * have and shared.bit_count() >= least * size:
            part.add(name)
            common, largest, have = shared, size, shared.bit_count()
    return part


def _taken_in(parts: list[list[str]], masks: Mapping[str, int], kept: float) -> list[list[str]]:
    """The parts; one who stands alone, with more items than others, joins those whom it leaves
    what they have in common."""
    joined = True
    while joined:
        joined = False
        parts = sorted(filter(None, parts), key=len, reverse=True)
        for lone in parts[::-1]:
            home = _home(lone[0], parts, masks, kept) if len(lone) == 1 else None
            if home is not None:
                home.append(lone.pop())
                joined = True
    return [[name for name in masks if name in part] for part in map(set, parts)]


def _home(name: str, parts: list[list[str]], masks: Mapping[str, int], kept: float
          ) -> list[str] | None:
    """The first part of others that a unit leaves more than this of what it has in common."""
    for part in parts:
        common = _all_have(masks, part) if part and part != [name] else 0
        if (masks[name] & common).bit_count() > kept * common.bit_count():
            return part
    return None


def _common(contents: Contents, units: list[str]) -> np.ndarray:
    """The items that all of these units have, ascending."""
    return reduce(partial(np.intersect1d, assume_unique=True), map(contents.__getitem__, units))


def _all_have(masks: Mapping[str, int], units: list[str]) -> int:
    common = masks[units[0]]
    for name in units:
        common &= masks[name]
    return common


def _alone(name: str, mask: int, size: int, shared: list[int]) -> Alone:
    counts = [(mask & common).bit_count() for common in shared]
    best = max(range(len(counts)), key=counts.__getitem__)
    return Alone(name, size, counts[best], best)
