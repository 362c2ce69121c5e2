"""Calls that a run answered otherwise than the runs that passed: an error for a call that worked,
another world before anything was written, results without calls."""

import re
from collections.abc import Sequence

from failure_analysis.audit import broken, look_ups, required, shell
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.whole import Whole

_NO_CALL = "(no call"  # what stands for the call of a result that has none
# Tools whose result is about what the model made.
_OF_ITSELF = re.compile(r"run|test|check|valid|verif|eval|grad|lint|compil|submit|render|screen|"
                        r"step")
_SEVERAL, _LONGEST = 2, 300


def of_a_row(row: Seen, item: Item, whole: Whole) -> list[Made]:
    """The first call of a failing row that was answered otherwise than to all that passed."""
    passed = [other for other in item.rows if other.outcome == "pass" and other.made]
    if row.outcome != "fail" or not passed:
        return []
    return _answered(row, passed, item) or _without_calls(row, passed)


def _answered(row: Seen, passed: Sequence[Seen], item: Item) -> list[Made]:
    """The first call before any write that failed each time, by an error of the technology that
    nobody who passed met, or that looked something up, showed all who passed one thing and most of
    all who made it, and the row each time another; those who passed had made no other call before.
    """
    before: set[str] = set()
    made_by = [(other.made, [*map(look_ups.key, other.made)]) for other in passed]
    for made in row.made:
        key, is_command = look_ups.key(made), bool(shell.command(made))
        if not is_command and _OF_ITSELF.search(made.tool.lower()):
            break
        same = [one for calls, keys in made_by
                if key in keys and before.issuperset(keys[:keys.index(key)])
                for one, its in zip(calls, keys, strict=True) if its == key]
        if any(one.result_hash == made.result_hash for one in same):
            same = []
        mine = [one for one in row.made if look_ups.key(one) == key] if same else []
        if same and len(made.result) < _LONGEST and broken.technical(made.result):
            if all(map(_failed, mine)) and not any(map(_failed, same)):
                return [made]
        elif len(same) >= _SEVERAL and not is_command and _is_of_a_world(made, same):
            alike = [look_ups.alike(one, same[0]) for other in item.rows for one in other.made
                     if look_ups.key(one) == key]
            if 2 * sum(alike) >= len(alike) \
                    and not any(look_ups.alike(one, same[0]) for one in mine):
                return [made]
        if required.writes(made.tool) and not shell.looks(made):
            break
        before.add(key)
    return []


def _failed(made: Made) -> bool:
    return made.failed or broken.failed(made.result) \
        or len(made.result) < _LONGEST and broken.technical(made.result)


def _is_of_a_world(made: Made, same: Sequence[Made]) -> bool:
    """Whether a call looks up what neither the model made nor the time changes, one for all."""
    return not (required.writes(made.tool) or look_ups.is_timed(made.tool)
                or not re.search(r"\w", made.result)) and bool(same[0].result.strip()) \
        and all(one.result_hash == same[0].result_hash for one in same)


def _without_calls(row: Seen, passed: Sequence[Seen]) -> list[Made]:
    """Results under ids of calls that are not recorded, as they are for all who passed."""
    known = {made.ident for made in row.made if not made.tool.startswith(_NO_CALL)} - {None}
    lost = [made for made in row.made if made.tool.startswith(_NO_CALL) and made.ident
            and made.ident not in known]
    return lost if known and lost and not any(
        made.tool.startswith(_NO_CALL) for other in passed for made in other.made) else []
