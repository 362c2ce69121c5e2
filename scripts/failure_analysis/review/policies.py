"""What a coder was told of the policies before: a system prompt is shown once, one that differs a
little as its differences."""

from collections.abc import Iterator, Mapping
from difflib import ndiff
from typing import Any, NamedTuple

from failure_analysis import files
from failure_analysis.packet import rows
from failure_analysis.review import parts, reading_log
from failure_analysis.review.timeline import Timeline

_SHORT = 300  # characters of a prompt that is shown again
_LEAST_SHOWN = 3_000  # characters of a long prompt after which it counts as shown
_MOST_LOOKED_AT = 8  # earlier datapoints that are opened for it


class Known(NamedTuple):
    """Where a coder has read a text, and the lines in which this one differs from it; in `short`,
    where it was shown so."""

    where: str
    changes: tuple[str, ...] = ()
    short: str = ""


def known(index: rows.Index, coder: str, row: Mapping[str, Any], line: Timeline
          ) -> dict[str, Known]:
    """The system prompts of a row that this coder was shown before, or much of them, by text."""
    named = {step.part for step in line.steps if step.role in ("system", "developer")}
    mine = [part for part in parts.parts(row) if part.name in named and len(part.text) > _SHORT]
    found: dict[str, Known] = {}
    earlier = list(_earlier(index, coder, {part.name for part in mine})) if mine else []
    for part in mine:
        same = next((ident for ident, text in earlier if text == part.text), None)
        if same:
            found[part.text] = Known(f"step 0 of {same}")
        elif close := next(((ident, changes) for ident, text in earlier
                            if (changes := _changes(text, part.text))), None):
            found[part.text] = Known(f"step 0 of {close[0]}", close[1])
    return found


def _earlier(index: rows.Index, coder: str, names: set[str]) -> Iterator[tuple[str, str]]:
    """(datapoint, prompt) of what this coder was shown last, of each prompt one."""
    looked_at, sizes = 0, set()
    for showing in reversed(reading_log.load(index.analysis_dir)):
        spans = {name: tuple(showing.parts[name]) for name in names if name in showing.parts}
        if showing.coder != coder or not spans or looked_at >= _MOST_LOOKED_AT \
                or all(span in sizes for span in spans.values()):
            continue
        looked_at += 1
        try:
            there = {part.name: part.text for part in parts.parts(
                rows.row(index, showing.datapoint_id))}
        except files.Refusal:  # it is no longer here whole
            continue
        for name, span in spans.items():
            if name in there and span[0] == 0 and span[1] >= min(len(there[name]), _LEAST_SHOWN):
                sizes.add(span)
                yield showing.datapoint_id, there[name]


def _changes(old: str, new: str) -> tuple[str, ...]:
    """The lines in which a text differs from another; none where they are too many to be read
    rather than the text."""
    lines = [line for line in ndiff(old.splitlines(), new.splitlines()) if line[:2] in ("- ", "+ ")]
    return tuple(lines) if 2 * sum(map(len, lines)) < len(new) else ()
