"""Programs in the arguments of calls: as lines, and a later one by the lines in which it differs
from the one before."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from failure_analysis.clean import visible
from failure_analysis.review.drawn import Base, spelled

_FEWEST = 3  # lines of a program
_MOST = 1_500  # characters of it that are shown
_MOST_LINES = 2_000  # of what is compared
_MOST_BASES = 8  # programs before it that it is held against
_ALIKE = 0.5  # of their lines, from which on one is told by another


def coded(name: str, place: str, arguments: Any, before: Sequence[Base]) -> str | None:
    """A call with a program, its lines below its other arguments; None where it has none, or more
    than one."""
    programs = _programs(arguments)
    if len(programs) != 1:
        return None
    (key, lines), = programs.items()
    rest = {other: value for other, value in arguments.items() if other != key}
    head = " ".join([name, *([spelled(rest)] if rest else []), f"{key}:"])
    earlier = [one for one in before if one.name == name][-_MOST_BASES:]
    told = [(one.place, changes) for one in earlier
            if (old := _programs(one.value).get(key))
            and (changes := _changes(old, lines)) is not None]
    if told:
        where, changes = min(told, key=lambda one: sum(map(len, one[1])))
        return visible("\n".join([f"{head} as in {where}" + " but" * bool(changes), *changes]))
    return visible("\n".join([head, *_begins(lines, place)]))


def _programs(arguments: Any) -> dict[str, list[str]]:
    """The arguments that are texts of several lines, as lines, without blank ones."""
    lines = {key: [line for line in value.split("\n") if line.strip()]
             for key, value in arguments.items() if isinstance(value, str)} \
        if isinstance(arguments, dict) else {}
    return {key: found for key, found in lines.items() if len(found) >= _FEWEST}


def _begins(lines: Sequence[str], place: str) -> list[str]:
    """The first lines, and how to see the rest."""
    shown, room = [], _MOST
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return [*shown, f"… {len(lines) - len(shown)} lines more: --steps "
                            f"{place.partition('.')[0]}"]
        shown.append(line)
    return shown


def _changes(old: Sequence[str], new: Sequence[str]) -> list[str] | None:
    """The lines that went (-) and came (+), with what stands before them; None where too little is
    the same."""
    if len(old) + len(new) > _MOST_LINES:
        return None
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return None
    changes = []
    for what, a, b, c, d in matcher.get_opcodes():
        if what != "equal":
            changes += [f"  {new[c - 1]}"] if c else []
            changes += [*(f"- {line}" for line in old[a:b]), *(f"+ {line}" for line in new[c:d])]
    return changes if sum(map(len, changes)) < sum(map(len, new)) else None
