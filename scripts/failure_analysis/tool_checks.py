"""Expected actions against the calls that were really made: the differences as typed signals, which
rules test, and the plain account that is rendered from them, which people read."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from failure_analysis.patterns import re_compile

AGAIN = "the harness executed a tool call again under the same call id, a fault of the pipeline"
# Tools whose names start so only look things up; every other tool may change the world.
READ_ONLY = re_compile(
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


def signals(
    checks: Sequence[Check], made: Sequence[Call], calls: Sequence[Any], *,
    wrong_database: bool = False, untold: Sequence[Any] = (), unmet: Sequence[Any] = (),
) -> list[dict[str, Any]]:
    """What went wrong, in the order of the account: expected actions that were not matched, writes
    that were not expected, what was not told and not met, failed tools, a hand-over nobody
    expected, and calls (as recorded) that the harness executed again."""
    faults: list[dict[str, Any]] = [{"kind": "wrong_database"}] if wrong_database else []
    faults += differences(checks, made)
    faults += [{"kind": "not_communicated", "text": text} for text in untold]
    faults += [{"kind": "assertion_not_met", "text": text} for text in unmet]
    errors, again = longest_error_row(made), executed_again(calls)
    if errors > 1:
        faults.append({"kind": "tool_errors_in_a_row", "count": errors})
    if any(call.name.startswith(TRANSFER) for call in made) \
            and not any(check.action.name.startswith(TRANSFER) for check in checks):
        faults.append({"kind": "unexpected_transfer"})
    if again:
        faults.append({"kind": "executed_again", "count": len(again)})
    return faults


def account(head: Sequence[str], signals: Sequence[dict], made: int, messages: int,
            ended: str | None) -> str:
    """The signals as text: a sentence each between the verdict (`head`) and how it ended."""
    again = [sentence(signal) for signal in signals if signal["kind"] == "executed_again"]
    return "\n".join([
        *head, *(sentence(signal) for signal in signals if signal["kind"] != "executed_again"),
        f"Ended by: {ended}, {messages} messages, {made} tool calls.", *again])


def notes(signals: Sequence[dict]) -> tuple[str, ...]:
    """What the sanity report should know of a row with these signals."""
    return (AGAIN,) if any(signal["kind"] == "executed_again" for signal in signals) else ()


def differences(checks: Sequence[Check], made: Sequence[Call]) -> list[dict[str, Any]]:
    """A signal for each expected action that was not matched and each write that was not
    expected; `place` counts all calls of the conversation from 0."""
    signals, near = [], set()
    expected = {_key(check.action) for check in checks}
    free = [place for place, call in enumerate(made) if _key(call) not in expected]
    for action, matched in checks:
        if matched:
            continue
        wanted = {"by": action.by, "name": action.name, "arguments": action.arguments}
        lookup, nearest = bool(READ_ONLY.match(action.name)), _nearest(action, made, free)
        if nearest is None:
            signals.append({"kind": "missing_lookup" if lookup else "missing_action", **wanted})
            continue
        near.add(nearest)
        call = made[nearest]
        signals.append({"kind": "wrong_lookup_arguments" if lookup else "wrong_arguments", **wanted,
                      "got": call.arguments, "got_by": call.by, "place": nearest,
                      "refused": call.failed})
    extra: dict[str, list[int]] = {}
    for place in free:
        call = made[place]
        write = call.by == "assistant" and not READ_ONLY.match(call.name)
        if write and not call.failed and place not in near:
            extra.setdefault(_key(call), []).append(place)
    return signals + [{"kind": "extra_write", "by": "assistant", "name": made[places[0]].name,
                     "arguments": made[places[0]].arguments, "places": places}
                    for places in extra.values()]


def sentence(signal: dict) -> str:
    """One signal as a sentence of the account."""
    kind = signal["kind"]
    if kind in ("missing_action", "missing_lookup"):
        return f"Missing {kind[8:]}: {_spell(signal)}; {signal['by']} made no such call."
    if kind in ("wrong_arguments", "wrong_lookup_arguments"):
        return _difference(signal)
    if kind == "extra_write":
        places = signal["places"]
        again = f" and {len(places) - 1} times more" if len(places) > 1 else ""
        return (f"Extra write: {_spell(signal)} (call {places[0] + 1}{again}) is not among the "
                "expected actions.")
    if kind in ("not_communicated", "assertion_not_met"):
        what = "Not communicated" if kind == "not_communicated" else "Assertion not met"
        return f"{what}: {json.dumps(signal['text'], ensure_ascii=False)}."
    return {
        "wrong_database": "Wrong database state: the final database differs from the expected one.",
        "tool_errors_in_a_row": f"Tool errors: {signal.get('count')} failed tool calls in a row.",
        "unexpected_transfer": "Unexpected transfer: the agent handed over to a human.",
        "executed_again": f"Executed again under one call id: {signal.get('count')} calls.",
    }[kind]


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
        except (ValueError, RecursionError):
            return arguments
    return arguments


def _difference(signal: dict) -> str:
    wanted, given = _object(signal["arguments"]), _object(signal["got"])
    parts = [f"{name}: expected {_short(wanted[name])}, got "
             f"{_short(given[name]) if name in given else 'nothing'}"
             for name in wanted if name not in given or not _same(wanted[name], given[name])]
    parts += [f"{name}: {_short(given[name])} was not expected"
              for name in given if name not in wanted]
    kind = "lookup " if signal["kind"] == "wrong_lookup_arguments" else ""
    refused = " and was refused by the tool" if signal["refused"] else ""
    by = f"made by {signal['got_by']}, expected from {signal['by']}"
    return (f"Wrong {kind}arguments: {signal['name']} (nearest is call {signal['place'] + 1}"
            f"{refused}): {'; '.join(parts) or by}.")


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


def _same(a: Any, b: Any) -> bool:
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def _object(arguments: Any) -> dict:
    return arguments if isinstance(arguments, dict) else {"arguments": arguments}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text)} chars)"


def _spell(call: dict) -> str:
    inside = ", ".join(f"{name}={_short(value)}"
                       for name, value in _object(call["arguments"]).items())
    return f"{call['name']}({inside})"


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
