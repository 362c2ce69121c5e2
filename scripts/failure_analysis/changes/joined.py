"""Which items are the same on both sides: by id and content, and by content alone where an item has
another id; all others with the reason why they are not compared."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from failure_analysis.changes.sides import Side
from failure_analysis.datapoint import NOTHING_EXPECTED, natural_key

_ASKED = len(NOTHING_EXPECTED)  # digits of a fingerprint that stand for what was asked


class Joined(NamedTuple):
    """The items that are compared, by their places in OLD and in NEW, and by the ids that they have
    in NEW all others: `moved` (OLD's id, NEW's id) are compared though their ids differ, `by_id`
    are compared though nothing is recorded of what they ask. Not compared are those that ask or
    expect something else, that change inside a side, that are on one side alone, or that a side has
    no judged attempt at."""

    old: np.ndarray
    new: np.ndarray
    moved: list[tuple[str, str]]
    by_id: list[str]
    asks_otherwise: list[str]
    expects_otherwise: list[str]
    changes_inside: list[str]
    only_old: list[str]
    only_new: list[str]
    unjudged_old: list[str]
    unjudged_new: list[str]


class _Left(NamedTuple):
    """An item of both sides that is not the same on them."""

    item: str
    why: str


def join(old: Side, new: Side) -> Joined:
    """Joins the items of two sides."""
    pairs, others = _by_id(old, new)
    mine, moved = _by_content(old, new, {item for item, *_ in pairs})
    names_old, names_new = old.names(), new.names()
    gone = {names_old[place] for place, _ in mine}, {names_new[place] for _, place in mine}
    lists: dict[str, list[str]] = {name: [] for name in Joined._fields[4:]}
    lists["only_old"] = [item for item in old.items if item not in new.items
                         and item not in gone[0]]
    lists["only_new"] = [item for item in new.items if item not in old.items
                         and item not in gone[1]]
    for left in others:  # where one of the two is joined to another id, the other one is alone
        joined_as = left.item in gone[0], left.item in gone[1]
        why = {(False, False): left.why, (False, True): "only_old", (True, False): "only_new"}
        if joined_as != (True, True):
            lists[why[joined_as]].append(left.item)
    judged: list[tuple[int, int]] = []
    for here, there in [*((old_, new_) for _, old_, new_ in pairs), *mine]:
        ran = [any(mark != "-" for mark in side.marks[place])
               for side, place in ((old, here), (new, there))]
        if all(ran):
            judged.append((here, there))
        for name, has in zip(("unjudged_old", "unjudged_new"), ran, strict=True):
            if not has:
                lists[name].append(names_new[there])
    judged.sort(key=lambda pair: natural_key(names_new[pair[1]]))
    places = np.array(judged, dtype=np.int64).reshape(-1, 2)
    by_id = [names_new[there] for _, there in judged
             if new.prints[there].startswith(NOTHING_EXPECTED)]
    return Joined(places[:, 0], places[:, 1], moved, by_id,
                  **{name: sorted(items, key=natural_key) for name, items in lists.items()})


def _by_id(old: Side, new: Side) -> tuple[list[tuple[str, int, int]], list[_Left]]:
    """(item, its places) of the items with one id and content, and the others of both sides."""
    pairs, others = [], []
    for item, there in new.items.items():
        here = old.items.get(item)
        if here is None:
            continue
        if here in old.unsteady or there in new.unsteady:
            others.append(_Left(item, "changes_inside"))
        elif old.prints[here] == new.prints[there]:
            pairs.append((item, here, there))
        else:
            same = old.prints[here][:_ASKED] == new.prints[there][:_ASKED]
            others.append(_Left(item, "expects_otherwise" if same else "asks_otherwise"))
    return pairs, others


def _by_content(old: Side, new: Side, joined: set[str]
                ) -> tuple[list[tuple[int, int]], list[tuple[str, str]]]:
    """The places, and the ids, of items that have one content under two ids, where no other item of
    a side has it."""
    mine = []
    for side in (old, new):
        names, seen = side.names(), Counter(side.prints)
        mine.append({print_: place for place, print_ in enumerate(side.prints)
                     if seen[print_] == 1 and place not in side.unsteady
                     and names[place] not in joined
                     and not print_.startswith(NOTHING_EXPECTED)})
    places = [(here, mine[1][print_]) for print_, here in mine[0].items() if print_ in mine[1]]
    names_old, names_new = old.names(), new.names()
    return places, [(names_old[here], names_new[there]) for here, there in places]
