"""A contract: what each item of a benchmark requires, as it was given beside the runs."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis.tool_checks import Call

_WORD = re.compile(r"\w+")
_LONG, _SHORT = 5, 3  # words that tell one golden answer from the others; of a short one, all


class Entry(NamedTuple):
    """What is required of one item, or turn. No `required` at all: nothing is said of calls."""

    item: str
    turn: int | None
    golden: Any
    required: tuple[Call, ...] | None
    allowed: tuple[Call, ...]
    forbidden: tuple[str, ...]
    prompt: str
    policy: str
    knowledge: str


class Contract(NamedTuple):
    """The entries by item, the last turn, words in a row -> the one item whose golden answer has
    them, and the files that it was read from."""

    entries: dict[str, Entry]
    last_turn: int | None
    parts: dict[tuple[str, ...], str | None]
    files: tuple[Path, ...]


class Coverage(NamedTuple):
    """How a contract and the datapoints met."""

    entries: int
    without_rows: int
    rows: int
    rows_without_entry: int


def words(text: str) -> list[str]:
    """The words and numbers of a text, in small letters."""
    return _WORD.findall(text.casefold())


def golden_text(entry: Entry) -> str:
    """The golden answer where it is a text or a number, or a list of them; else blank."""
    golden = entry.golden if isinstance(entry.golden, list) else [entry.golden]
    is_said = all(type(part) in (str, int, float) for part in golden)
    return "\n".join(map(str, golden)) if is_said else ""


def text_parts(entries: Iterable[Entry]) -> dict[tuple[str, ...], str | None]:
    """The distinctive parts of the golden answers; None for what several of them have."""
    found: dict[tuple[str, ...], str | None] = {}
    for entry in entries:
        for part in set(pieces(words(golden_text(entry)))):
            found[part] = entry.item if part not in found else None
    return found


def pieces(said: list[str], size: int = _LONG) -> Iterator[tuple[str, ...]]:
    """The rows of words of a text; one that is shorter is one of its own."""
    if _SHORT <= len(said) < size:
        yield tuple(said)
    for start in range(len(said) - size + 1):
        yield tuple(said[start:start + size])


def met(said: list[str]) -> Iterator[tuple[str, ...]]:
    """Every row of words in an answer that may be a distinctive part."""
    for size in range(_SHORT, _LONG + 1):
        yield from (tuple(said[start:start + size]) for start in range(len(said) - size + 1))
