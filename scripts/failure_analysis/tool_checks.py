"""Expected actions against the calls that were really made, and a plain account of the difference.

The account is what a tau row carries as `judge_reasoning`; its fixed openings ("Missing action:",
"Wrong arguments:", …) are what the default heuristics look for."""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

AGAIN = "the harness executed a tool call again under the same call id, a fault of the pipeline"
# Tools whose names start so only look things up; every other tool may change the world.
READ_ONLY = re.compile(
    r"(get|find|search|list|check|calculate|think|look_?up|read|view|show|transfer|can|is|has)(_|$)"
)
PASS_REWARD = 1.0
TRANSFER = "transfer_to_human"
_LONGEST_VALUE = 160


class Call(NamedTuple):
    """One tool call: who made it, which tool, its arguments, and whether the tool refused it."""

    by: str
    name: str
    arguments: Any
    failed: bool = False


class Check(NamedTuple):
    """One expected action, and whether a call matched it."""

    action: Call
    matched: bool


def match(expected: Sequence[Call], made: Sequence[Call]) -> list[Check]:
    """Each expected action with whether some call has the same tool and arguments."""
    keys = {_key(call) for call in made}
    return [Check(action, _key(action) in keys) for action in expected]


def account(checks: Sequence[Check], made: Sequence[Call]) -> list[str]:
    """One sentence for each expected action that was not matched and each write that was not
    expected."""
    lines, near = [], set()
    expected = {_key(check.action) for check in checks}
    free = [place for place, call in enumerate(made) if _key(call) not in expected]
    for action, matched in checks:
        if matched:
            continue
        nearest = _nearest(action, made, free)
        if nearest is None:
            kind = "lookup" if READ_ONLY.match(action.name) else "action"
            lines.append(f"Missing {kind}: {_spell(action)}; {action.by} made no such call.")
            continue
        near.add(nearest)
        lines.append(_difference(action, made[nearest], nearest))
    extra: dict[str, list[int]] = {}
    for place in free:
        call = made[place]
        write = call.by == "assistant" and not READ_ONLY.match(call.name)
        if write and not call.failed and place not in near:
            extra.setdefault(_spell(call), []).append(place + 1)
    for spelled, places in extra.items():
        again = f" and {len(places) - 1} times more" if len(places) > 1 else ""
        lines.append(f"Extra write: {spelled} (call {places[0]}{again}) is not among the expected "
                     "actions.")
    return lines


def closing(
    checks: Sequence[Check], made: Sequence[Call], messages: int, ended: str | None
) -> list[str]:
    """The last sentences of an account: failed tools, a hand-over nobody expected, the end."""
    lines, errors = [], longest_error_row(made)
    if errors > 1:
        lines.append(f"Tool errors: {errors} failed tool calls in a row.")
    handed_over = [call.name.startswith(TRANSFER) for call in made]
    if any(handed_over) and not any(check.action.name.startswith(TRANSFER) for check in checks):
        lines.append("Unexpected transfer: the agent handed over to a human.")
    return [*lines, f"Ended by: {ended}, {messages} messages, {len(made)} tool calls."]


def longest_error_row(made: Sequence[Call]) -> int:
    """The most failed tool calls in a row."""
    longest = run = 0
    for call in made:
        run = run + 1 if call.failed else 0
        longest = max(longest, run)
    return longest


def parsed_arguments(arguments: Any) -> Any:
    """Arguments as an object; chat APIs write them as JSON text."""
    if isinstance(arguments, str):
        try:
            return json.loads(arguments)
        except ValueError:
            return arguments
    return arguments


def _difference(action: Call, call: Call, place: int) -> str:
    wanted, given = _object(action.arguments), _object(call.arguments)
    parts = [f"{name}: expected {_short(wanted[name])}, got "
             f"{_short(given[name]) if name in given else 'nothing'}"
             for name in wanted if name not in given or not _same(wanted[name], given[name])]
    parts += [f"{name}: {_short(given[name])} was not expected"
              for name in given if name not in wanted]
    kind = "lookup " if READ_ONLY.match(action.name) else ""
    refused = " and was refused by the tool" if call.failed else ""
    return (f"Wrong {kind}arguments: {action.name} (nearest is call {place + 1}{refused}): "
            f"{'; '.join(parts) or 'made by ' + call.by + ', expected from ' + action.by}.")


def _nearest(action: Call, made: Sequence[Call], free: Sequence[int]) -> int | None:
    """The index of the call to the same tool that shares most arguments, the earliest of equals;
    only among the `free` ones, which are not what some other action expects."""
    wanted, best, nearest = _object(action.arguments), -1, None
    for place in free:
        call = made[place]
        if call.name != action.name:
            continue
        given = _object(call.arguments)
        shared = sum(name in given and _same(value, given[name]) for name, value in wanted.items())
        shared = 2 * shared + (not call.failed)
        if shared > best:
            best, nearest = shared, place
    return nearest


def _key(call: Call) -> str:
    return json.dumps([call.name, call.arguments], sort_keys=True)


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _object(arguments: Any) -> dict:
    return arguments if isinstance(arguments, dict) else {"arguments": arguments}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text)} chars)"


def _spell(call: Call) -> str:
    inside = ", ".join(f"{name}={_short(value)}" for name, value in _object(call.arguments).items())
    return f"{call.name}({inside})"


def executed_again(calls: Sequence[Any]) -> dict[int, int]:
    """Place of a call -> place of the earlier one that it repeats, with the same id, tool and
    arguments. Whoever answers makes a new id for each call, so the harness executed these again,
    with their effects. Nothing where one id names different calls: such ids tell nothing."""
    first: dict[str, tuple[int, str]] = {}
    again: dict[int, int] = {}
    for place, call in enumerate(calls):
        ident = call.get("id") if isinstance(call, dict) else None
        if not isinstance(ident, str) or not ident:
            continue
        text = json.dumps(call, sort_keys=True)
        earlier, content = first.setdefault(ident, (place, text))
        if content != text:
            return {}
        if earlier != place:
            again[place] = earlier
    return again


def again_lines(calls: Sequence[Any]) -> list[str]:
    """The account's line about calls that the harness executed again."""
    again = executed_again(calls)
    return [f"Executed again under one call id: {len(again)} calls."] if again else []
