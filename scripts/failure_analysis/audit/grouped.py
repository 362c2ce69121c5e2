"""The datapoints of an item by what they said and did."""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from failure_analysis.audit import normal
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import SORTED_JSON, Seen
from failure_analysis.patterns import re_compile

LONGEST_FINAL = 60
# What a question says of the form with which equal answers may differ.
_FORM_COUNTS = frozenset(("case", "exact", "bare", "fenced", "marks", "stop", "number", "output",
                          "order"))
_NAMED = re_compile(r"(?m)^[ \t]*```\w+")  # a fence with the name of a language


def did(row: Seen, leaves: str = "form") -> str:
    """All that a datapoint said and did, under one spelling; blank where it is nothing. What is
    left aside is the `form` of what it said, the form but for its `capitals`, or white space
    (blank)."""
    text = row.spoken or row.answer
    said = normal.key(text, case=leaves != "form") if leaves else " ".join(
        (_NAMED.sub(lambda name: name[0].lower(), text) if "```" in text else text).split())
    return f"{said}\0{calls}" if (calls := called(row)) else said


@lru_cache(1 << 7)
def called(row: Seen) -> str:
    """The calls of a datapoint and their results, under one spelling; blank for none."""
    return SORTED_JSON([(made.by, made.tool, made.arguments, made.result_hash)
                        for made in row.made]).decode() if row.made else ""


def by_answer(item: Item) -> dict[str, list[Seen]]:
    """The datapoints by what they said and did. Where the question says something of the form only
    white space is left aside, where the gold's capitals may count not these."""
    alike = _grouped(item.rows, "form")
    if len(alike) < len(item.rows):
        from failure_analysis.audit import asks  # most calls of a reader see none that are alike

        if asks.forms(item.question) & _FORM_COUNTS:
            alike = _grouped(item.rows, "")
        elif _capitals_count(item):
            alike = _grouped(item.rows, "capitals")
    alike.pop("", None)
    return alike


def _grouped(rows: Sequence[Seen], leaves: str) -> dict[str, list[Seen]]:
    alike: dict[str, list[Seen]] = defaultdict(list)
    for row in rows:
        alike[did(row, leaves)].append(row)
    return alike


def _capitals_count(item: Item) -> bool:
    """Whether the capitals of the gold, or of a word in it, may count."""
    from failure_analysis.audit import strict

    wanted = strict.golds(item.expected) if item.expected is not None else []
    if any(len(row.answer) <= LONGEST_FINAL and normal.PREFIXED.search(row.answer)
           for row in item.rows):
        return True
    return any(tells_capitals(gold) or len(gold) <= LONGEST_FINAL and any(
        normal.case_matters(part, part, item.question, frozenset())
        for part in (gold, *gold.split()) if len(part) > 2 or part == gold) for gold in wanted)


def tells_capitals(gold: str) -> bool:
    """Whether a list has two members that differ in capitals alone."""
    parts = set(re.findall(r"\w+", gold)) if "," in gold and gold[:1] in "[({'\"" else set()
    return len({part.casefold() for part in parts}) < len(parts)
