"""The texts of items that differ, read from the runs once more, and what changed in them."""

import json
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from failure_analysis.checks import text_of
from failure_analysis.reading import ingest
from failure_analysis.records import Source

MOST = 4000  # characters of one change in item_versions.json
_LONG_CALL, _LONGEST = 160, 600
_MOST_LINES, _DEEPEST = 4000, 30
_BEFORE = 60
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+")
# They count the elements of a list and say nothing of them.
_NUMBERING = frozenset(("action_id",))


class RunContents(NamedTuple):
    """What one run's items are: (item, fingerprint) of each, of those that change inside the run
    also the other one. `place` is its source's, `policy` what its agent was told, and None where
    that is not the same in all rows."""

    run_id: str
    model: str
    place: int
    items: frozenset[tuple[str, str]]
    inside: frozenset[tuple[str, str]]
    policy: str | None
    times: tuple[float, float] | None


class Content(NamedTuple):
    """What one run has of an item: what is asked and what is expected."""

    asked: str
    expected: Any


Texts = dict[tuple[str, str], Content]


def read(wanted: set[tuple[str, str]], runs: Sequence[RunContents], sources: Sequence[Source]
         ) -> Texts:
    """The wanted contents by (item, fingerprint), from as few sources as have them all."""
    texts: Texts = {}
    for place, mine in places(wanted, runs):
        left = mine - texts.keys()
        for row in ingest.rows(sources[place]) if left else ():
            if row.computed is None:
                continue
            key = (row.computed["item_id"], row.computed["item_fingerprint"])
            if key in left:
                left.discard(key)
                fields = row.line.fields
                texts[key] = Content(str(text_of(fields.get("user_text")) or ""),
                                     fields.get("expected"))
                if not left:
                    break
    return texts


def places(wanted: set[tuple[str, str]], runs: Sequence[RunContents]
           ) -> list[tuple[int, set[tuple[str, str]]]]:
    """Sources that have all that is wanted, each with what it has of it: always the one that has
    most of what is left."""
    has: dict[int, set] = {}
    for run in runs:
        for pairs in (run.items, run.inside):
            mine = wanted & pairs
            if mine:
                has.setdefault(run.place, set()).update(mine)
    left, places = set(wanted), []
    while left and has:
        best = max(has, key=lambda place: (len(has[place] & left), -place))
        mine = has.pop(best)
        if left.isdisjoint(mine):
            break
        left -= mine
        places.append((best, mine))
    return sorted(places)


def changes(old: Content, new: Content, halves: Sequence[str]) -> dict[str, list[str]]:
    """What was asked and what was expected, as lines that went (-) and came (+); `unseen` names
    what differs by the fingerprint and not in what the rows carry."""
    found = {}
    if "asked" in halves:
        found["asked"] = text_changes(old.asked, new.asked)
    found["expected"] = _changed(list(structure_lines(old.expected)),
                                 list(structure_lines(new.expected)))
    unseen = [half for half in halves if not found[half]]
    # A fingerprint of the source's own says nothing of where the difference is.
    if unseen == ["asked"] and found["expected"] and "expected" not in halves:
        unseen = []
    return {**{name: lines for name, lines in found.items() if lines},
            **({"unseen": unseen} if unseen else {})}


def text_changes(old: str, new: str) -> list[str]:
    """The changes of a text, sentence by sentence."""
    return _changed(list(text_lines(old)), list(text_lines(new)))


def text_lines(text: str) -> Iterator[str]:
    """The sentences of a text, line by line, without blank ones and with white space folded."""
    for line in text.splitlines():
        yield from filter(None, _SENTENCE.split(" ".join(line.split())))


def structure_lines(value: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    """What is expected as lines that stand for themselves: each value after its path, each call
    on a line; keys are in one order, and what is null or empty is left out."""
    if value is None or value in ("", [], {}):
        return
    if isinstance(value, dict) and depth < _DEEPEST:
        for name in sorted(value):
            if name not in _NUMBERING:
                yield from structure_lines(value[name], f"{path} > {name}" if path else name,
                                           depth + 1)
    elif isinstance(value, list) and depth < _DEEPEST:
        for element in value:
            yield from _element_lines(element, path, depth + 1)
    elif isinstance(value, str):
        yield from (f"{path}: {line}" if path else line for line in text_lines(value))
    else:
        yield f"{path}: {_json(value)}" if path else _json(value)


def _element_lines(element: Any, path: str, depth: int) -> Iterator[str]:
    """One element of a list; an action with a name and arguments as a call."""
    name = element.get("name") if isinstance(element, dict) else None
    if not isinstance(name, str) or not name:
        yield from structure_lines(element, f"{path}[]", depth)
        return
    key = "kwargs" if "kwargs" in element else "arguments"
    given = element.get(key)
    given = given if isinstance(given, dict) else {} if given is None else {"": given}
    inside = ", ".join(f"{argument}={_json(given[argument])}" for argument in sorted(given))
    if len(inside) <= _LONG_CALL:
        yield f"{path}[]: {name}({inside})"
    else:
        yield f"{path}[]: {name}(…)"
        yield from structure_lines(given, f"{path}[] > {name}", depth)
    # Whoever is assessed makes a call, unless it is said to be another.
    rest = {other: value for other, value in element.items()
            if other not in ("name", key) and (other, value) != ("requestor", "assistant")}
    yield from structure_lines(rest, f"{path}[] > {name}", depth)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _changed(old: list[str], new: list[str]) -> list[str]:
    """The lines that went and came, at most MOST characters, shared by both sides."""
    old, new = old[:_MOST_LINES], new[:_MOST_LINES]
    lines: list[str] = []
    left = MOST
    # Lines that stand often are no noise here: two items may differ in how often one stands.
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, came = _windows(old[a:b], new[c:d])
        half = left // 2 if gone and came else left
        shown = [*_cut([f"- {line}" for line in gone], half),
                 *_cut([f"+ {line}" for line in came], half)]
        lines += shown
        left = max(0, left - sum(map(len, shown)))
    return lines


def _windows(gone: list[str], came: list[str]) -> tuple[list[str], list[str]]:
    """Long lines that took each other's place, from shortly before where they differ."""
    pairs = list(zip(gone, came, strict=False))
    starts = []
    for one, other in pairs:
        same = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                    min(len(one), len(other)))
        starts.append(max(0, same - _BEFORE) if max(len(one), len(other)) > _LONGEST else 0)
    starts += [0] * (max(len(gone), len(came)) - len(pairs))
    return tuple([_short(f"…{line[start:]}" if start else line)
                  for line, start in zip(lines, starts, strict=False)] for lines in (gone, came))


def _short(line: str) -> str:
    return line if len(line) <= _LONGEST else \
        f"{line[:_LONGEST]}… ({len(line) - _LONGEST} more characters)"


def _cut(lines: list[str], most: int) -> list[str]:
    """The lines that `most` characters hold, and how many more there are."""
    kept, used = [], 0
    for line in lines:
        used += len(line)
        if used > most:
            return [*kept, f"… {len(lines) - len(kept)} more lines"]
        kept.append(line)
    return kept
