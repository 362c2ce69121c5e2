"""Calls that a run answered otherwise than the runs that passed: an error for a call that worked,
another world before anything was written, a name that only the run knows, results without calls."""

import re
from collections.abc import Iterator, Sequence

from failure_analysis.audit import broken, look_ups, required, shell
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.whole import Whole

_NO_CALL = "(no call"  # what stands for the call of a result that has none
_UNKNOWN = re.compile(r"unknown|not (?:found|known|available|exist)|no such|invalid|unrecogni[sz]ed|"
                      r"does not exist|undefined", re.I)
# Tools whose result is about what the model made.
_OF_ITSELF = re.compile(r"run|test|check|valid|verif|eval|grad|lint|compil|submit|render|screen|step")
_SEVERAL, _LONGEST = 2, 300


def of_a_row(row: Seen, item: Item, whole: Whole) -> list[Made]:
    """The first calls of a failing row that were answered otherwise than to all that passed."""
    passed = [other for other in item.rows if other.outcome == "pass" and other.made]
    if row.outcome != "fail" or not passed:
        return []
    return _refused(row, passed) or _other_world(row, passed, item) \
        or _renamed(row, passed, item) or _without_calls(row, passed)


def _failed(made: Made) -> bool:
    return made.failed or broken.failed(made.result) \
        or len(made.result) < _LONGEST and broken.technical(made.result)


def _refused(row: Seen, passed: Sequence[Seen]) -> list[Made]:
    """Calls with an error of the technology, each time, that worked at once for one that passed and
    had made no other call before; nobody who passed met that error, and nothing was written."""
    found: list[Made] = []
    for place, made in enumerate(row.made):
        key = look_ups.key(made)
        if made.tool.startswith(_NO_CALL) or not (_failed(made) and broken.technical(made.result)):
            if required.writes(made.tool) and not shell.looks(made):
                break
            continue
        before = {look_ups.key(one) for one in row.made[:place]}
        same = [(other, keys.index(key)) for other in passed
                if key in (keys := [look_ups.key(one) for one in other.made])]
        if any(before.issuperset(map(look_ups.key, other.made[:at])) for other, at in same) \
                and not any(look_ups.key(one) == key and _failed(one) is (other is not row)
                            for other in (row, *passed) for one in other.made):
            found.append(made)
    return found


def _firsts(row: Seen) -> Iterator[tuple[tuple[str, ...], Made]]:
    """The look-ups before any write, each behind the keys of the calls before it."""
    before: list[str] = []
    for made in row.made:
        if required.writes(made.tool) or shell.command(made):
            return
        if not (look_ups.is_timed(made.tool) or _OF_ITSELF.search(made.tool.lower())):
            yield tuple(before), made
        before.append(look_ups.key(made))


def _other_world(row: Seen, passed: Sequence[Seen], item: Item) -> list[Made]:
    """The first look-up that showed all who passed one thing and most of all who made it, and the
    row, after the same calls, each time another."""
    for before, made in _firsts(row):
        key = look_ups.key(made)
        right = [one for other in passed for ahead, one in _firsts(other)
                 if ahead == before and look_ups.key(one) == key]
        if len(right) < _SEVERAL or not right[0].result.strip() \
                or any(one.result_hash != right[0].result_hash for one in right):
            continue
        same = [look_ups.alike(one, right[0]) for other in item.rows for one in other.made
                if look_ups.key(one) == key]
        if 2 * sum(same) >= len(same) and not any(
                look_ups.alike(one, right[0]) for one in row.made if look_ups.key(one) == key):
            return [made]
    return []


def _renamed(row: Seen, passed: Sequence[Seen], item: Item) -> list[Made]:
    """Calls of the tools that others called, all under a name with something before it that the
    run does not know, in all rows of the model."""
    if not row.made or not _UNKNOWN.search(row.made[0].result):
        return []
    tools = {made.tool for other in passed for made in other.made}
    mine = [(re.split(r"[./:]|__", made.tool)[-1], made) for other in item.rows
            if other.model == row.model for made in other.made]
    return row.made[:1] if any(name in tools for name, _ in mine) and all(
        name != made.tool not in tools and _UNKNOWN.search(made.result)
        for name, made in mine) else []


def _without_calls(row: Seen, passed: Sequence[Seen]) -> list[Made]:
    """Results under ids of calls that are not recorded, as they are for all who passed."""
    known = {made.ident for made in row.made if not made.tool.startswith(_NO_CALL)} - {None}
    lost = [made for made in row.made if made.tool.startswith(_NO_CALL) and made.ident
            and made.ident not in known]
    return lost if known and lost and not any(
        made.tool.startswith(_NO_CALL) for other in passed for made in other.made) else []
