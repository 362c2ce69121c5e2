"""Calls that a run answered otherwise than the runs that passed: an error for a call that worked,
another world before anything was written, results of other calls, a name that only the run knows,
results whose calls are lost."""

import re
from collections.abc import Iterator, Sequence

from failure_analysis.audit import broken, look_ups, required, shell
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.whole import Whole

_NO_CALL = "(no call"  # what stands for the call of a result that has none
_UNKNOWN = re.compile(r"unknown|not (?:found|known|available|exist)|no such|invalid|unrecogni[sz]ed|"
                      r"does not exist|undefined", re.I)
_ECHO = re.compile(r"\s*echo ([\w-]+)\s*")
_SEVERAL, _LONGEST = 2, 300


def of_a_row(row: Seen, item: Item, whole: Whole) -> list[Made]:
    """The first calls of a failing row that were answered otherwise than to all that passed."""
    if row.outcome != "fail" or not row.made:
        return []
    passed = [other for other in item.rows if other.outcome == "pass" and other.made]
    return _shifted(row) or (passed and (
        _refused(row, passed) or _other_world(row, passed, item) or _renamed(row, passed, item)
        or _without_calls(row, passed))) or []


def _failed(made: Made) -> bool:
    return made.failed or broken.failed(made.result) \
        or len(made.result) < _LONGEST and broken.technical(made.result)


def _refused(row: Seen, passed: Sequence[Seen]) -> list[Made]:
    """Calls that failed for the row each time, and worked at once for one that passed and had
    made no other call before; nobody who passed met that error."""
    errors = [one for one in row.made if _failed(one) and not one.tool.startswith(_NO_CALL)]
    if not errors:
        return []
    worked = {look_ups.key(one) for one in row.made if not _failed(one)}
    met = {look_ups.key(one) for other in passed for one in other.made if _failed(one)}
    found = []
    for made in errors:
        key, before = look_ups.key(made), row.made[:row.made.index(made)]
        if key in worked or key in met or any(
                required.writes(one.tool) and not shell.looks(one) for one in before
                if look_ups.key(one) != key) or not broken.technical(made.result):
            continue
        known = {look_ups.key(one) for one in before}
        for other in passed:
            keys = [look_ups.key(one) for one in other.made]
            if key in keys and known.issuperset(keys[:keys.index(key)]):
                found.append(made)
                break
    return found


def _firsts(row: Seen) -> Iterator[tuple[tuple[str, ...], Made]]:
    """The look-ups before any write, each behind the keys of the calls before it."""
    before: list[str] = []
    for made in row.made:
        if required.writes(made.tool) or shell.command(made):
            return
        if not made.tool.startswith(_NO_CALL) and not look_ups.is_timed(made.tool):
            yield tuple(before), made
        before.append(look_ups.key(made))


def _other_world(row: Seen, passed: Sequence[Seen], item: Item) -> list[Made]:
    """The first look-up that showed all who passed one thing and most of all who made it, and the
    row, after the same calls, each time another."""
    for before, made in _firsts(row):
        key = look_ups.key(made)
        right = [one for other in passed for ahead, one in _firsts(other)
                 if ahead == before and look_ups.key(one) == key]
        if len(right) < _SEVERAL or len({one.result_hash for one in right}) > 1 \
                or not right[0].result.strip():
            continue
        all_ = [one for other in item.rows for one in other.made if look_ups.key(one) == key]
        mine = [one for one in row.made if look_ups.key(one) == key]
        if not any(one.result_hash == right[0].result_hash or look_ups.alike(one, right[0])
                   for one in mine) and 2 * sum(
                one.result_hash == right[0].result_hash for one in all_) >= len(all_):
            return [made]
    return []


def _renamed(row: Seen, passed: Sequence[Seen], item: Item) -> list[Made]:
    """Calls of the tools that others called, all under a name with something before it that the
    run does not know, in all rows of the model."""
    tools = {made.tool for other in passed for made in other.made}
    mine = [made for other in item.rows if other.model == row.model for made in other.made]
    bare = [re.split(r"[./:]|__", made.tool)[-1] for made in mine]
    return row.made[:1] if any(name in tools for name in bare) and all(
        name != made.tool not in tools and _UNKNOWN.search(made.result)
        for name, made in zip(bare, mine, strict=True)) else []


def _without_calls(row: Seen, passed: Sequence[Seen]) -> list[Made]:
    """Results for the ids of calls that are not recorded, as they are for all who passed."""
    if not any(made.tool.startswith(_NO_CALL) for made in row.made) or any(
            made.tool.startswith(_NO_CALL) for other in passed for made in other.made):
        return []
    known = {made.ident for made in row.made if not made.tool.startswith(_NO_CALL)}
    return [made for made in row.made if made.tool.startswith(_NO_CALL) and made.ident
            and made.ident not in known and known - {None}]


def _shifted(row: Seen) -> list[Made]:
    """Commands that print a word which the next call got as its result, and they did not."""
    if len(row.made) <= _SEVERAL:
        return []
    said = [(made, found[1]) for made in row.made
            if (found := _ECHO.fullmatch(shell.command(made)))]
    late = [made for made, word in said if word != made.result.strip() and any(
        one is made and after.result.strip() == word
        for one, after in zip(row.made, row.made[1:], strict=False))]
    return late if len(late) >= _SEVERAL else []
