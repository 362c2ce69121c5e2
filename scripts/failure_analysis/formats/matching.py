"""Which item a row belongs to when the id that it names is not that of its own content: one of the
tasks that fit it, or none that can be told."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from failure_analysis.clean import visible
from failure_analysis.datapoint import natural_key
from failure_analysis.records import OTHER_ID, Note

_MOST_NAMED = 3
_WORD = re.compile(r"[\w@.:/+-]+")
_IN_SENTENCE = re.compile(r"[\w,] $")
_YEAR = re.compile(r"(19|20)\d\d")
# Capitalised inside a sentence, but no name.
_CALENDAR = frozenset((
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january",
    "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december"))


class Match(NamedTuple):
    """The item of a row. `may_be`: the tasks that it may be of where that cannot be told; the one
    that it names where it fits none."""

    item: str
    notes: tuple[str | Note, ...] = ()
    may_be: tuple[str, ...] = ()


class Task(NamedTuple):
    """What a task says: `told` to the user who plays it, and `all` of it."""

    told: Any
    all: Any


def no_task(named: str) -> Match:
    """A row that fits no task."""
    return Match(f"no task (named {named})", (), (named,))


def matched(named: str, fitting: Mapping[str, str], tasks: Mapping[str, Task] | None = None,
            spoken: Any = None, arguments: Any = None) -> Match:
    """The item of a row that does not, or not surely, fit the task it names: `fitting` are the ids
    that fit it, each with the fingerprint of its content. Where they differ in content, names and
    numbers that only one of the `tasks` has decide, if the user spoke them (else the arguments of
    calls)."""
    ids = sorted(fitting, key=natural_key)
    if not ids:
        return no_task(named)
    # Ids of equal content are one item: whichever is taken, nothing wrong is said of the row.
    firsts: dict[str, list[str]] = {}
    for ident in ids:
        firsts.setdefault(fitting[ident], []).append(ident)
    twins = {same[0]: same for same in firsts.values()}
    if len(twins) == 1:
        if named in ids:
            return Match(named)
        same = f", the same as {' and '.join(ids[1:_MOST_NAMED + 1])}" if len(ids) > 1 else ""
        return Match(ids[0], (Note(OTHER_ID, f"{named} is {ids[0]}{same}"),))
    found, by = _decided({ident: (tasks or {})[ident] for ident in twins}, spoken, arguments)
    if found is None:
        return Match(either(ids), (), tuple(ids))
    if named in twins[found]:
        return Match(named)
    words = " and ".join(visible(word)[:40] for word in sorted(by)[:_MOST_NAMED])
    return Match(found, (Note(OTHER_ID, f"{named} is {found} by {words}"),))


def either(ids: Sequence[str]) -> str:
    """`48 or 49`; of many the first two, and how many others."""
    first, last = ids[:-1], ids[-1]
    if len(ids) > _MOST_NAMED:
        first, last = ids[:2], f"one of {len(ids) - 2} others"
    return f"{', '.join(first)} or {last}"


def _decided(tasks: Mapping[str, Task], spoken: Any, arguments: Any
             ) -> tuple[str | None, frozenset[str]]:
    """The one task whose own names and numbers stand in the row, and these; None when no one
    does. What a user says comes from the task. What an agent calls with may come from what tools
    returned, so that it counts only where the user's words tell nothing, and without names."""
    own = {ident: _specific(task.told) - frozenset().union(
        *(_words(other.all) for other in tasks.values() if other is not task))
        for ident, task in tasks.items()}
    said, called = _words(spoken), _words(arguments)
    numbers = {ident: frozenset(filter(_has_number, words)) for ident, words in own.items()}
    for evidence, words in ((numbers, said), (own, said), (numbers, called)):
        found = {ident: of_task & words for ident, of_task in evidence.items()}
        if any(found.values()):
            best = max(found, key=lambda ident, found=found: len(found[ident]))
            most = len(found[best])
            clear = all(not other or (most >= 2 * len(other) and most >= len(other) + 2)
                        for ident, other in found.items() if ident != best)
            return (best, found[best]) if clear else (None, frozenset())
    return None, frozenset()


def _specific(value: Any) -> frozenset[str]:
    """The words of a task that hardly stand anywhere by chance: ids, e-mails, dates, numbers of
    three digits on (no years), and names, which are capitalised inside a sentence."""
    found = set()
    for text, place, word in _each(value):
        if word.replace(".", "").isdigit():
            wanted = len(word) > 2 and not _YEAR.fullmatch(word)
        elif _has_number(word):
            wanted = len(word) > 4
        else:
            wanted = len(word) > 2 and word[0].isupper() and word[1:].islower() \
                and word.lower() not in _CALENDAR \
                and _IN_SENTENCE.search(text[max(0, place - 2):place]) is not None
        if wanted:
            found.add(_folded(word))
    return frozenset(found)


def _words(value: Any) -> frozenset[str]:
    return frozenset(_folded(word) for _, _, word in _each(value))


def _each(value: Any) -> Iterator[tuple[str, int, str]]:
    """Every word of the texts and numbers inside a value, with its text and place in it."""
    for text in _texts(value):
        text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
        for match in _WORD.finditer(text):
            if word := match[0].strip(".:/+-"):
                yield text, match.start(), word


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value)


def _has_number(word: str) -> bool:
    return re.search(r"[\d_@]", word) is not None


def _folded(word: str) -> str:
    """Ids are compared without case; a name is none when it is not capitalised."""
    return word.lower() if _has_number(word) else word
