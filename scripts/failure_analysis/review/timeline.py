"""The steps of a datapoint: its messages, each with its index in the source, the calls that it
makes and their results."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from failure_analysis import tool_calls, tool_checks
from failure_analysis.audit import required, seen, shell
from failure_analysis.clean import visible
from failure_analysis.patterns import re_compile
from failure_analysis.review import parts

_PLACE = re_compile(r"(\d+)(?:\.(\d+))?")


class Call(NamedTuple):
    """A tool call. `place` is the step and the number of the call in it, from 0 (17.0); `call` and
    `result` name the parts that hold its text, blank where the message spells the call itself, or
    nothing was returned. `failed`: the tool said so; `writes`: it may change the world."""

    place: str
    name: str
    arguments: Any
    call: str
    result: str
    failed: bool
    writes: bool
    silent: bool = False


class Step(NamedTuple):
    """A message. `agent` is its name, else its role; `part` names what holds its own words, blank
    where it has none; `result_of` is the call whose result it is."""

    index: int
    agent: str
    role: str
    part: str
    calls: tuple[Call, ...]
    result_of: str = ""


class Timeline(NamedTuple):
    """The steps of a datapoint, and the calls that no message makes (all, without messages)."""

    steps: list[Step]
    loose: list[Call]


def timeline(row: Mapping[str, Any]) -> Timeline:
    """The steps of a row. Calls are joined with what lists them and with the messages that bring
    their results on their ids; without ids in their order."""
    texts = {part.name for part in parts.parts(row)}
    pairs = list(tool_calls.paired(row))
    unplaced: dict[str, deque[int]] = {}
    for number, (call, result) in enumerate(pairs, 1):
        unplaced.setdefault(_ident(call) or _ident(result), deque()).append(number)
    listed = {_ident(call) for call in row.get("tool_calls") or ()}
    waiting: dict[str, deque[str]] = {}  # calls whose result no message has brought yet
    steps = []
    for index, message in enumerate(row.get("messages") or ()):
        message = message if isinstance(message, dict) else {}
        made = []
        for place, call in enumerate(message.get("tool_calls") or ()):
            ident, place = _ident(call), f"{index}.{place}"
            number = unplaced[ident].popleft() if unplaced.get(ident) else None
            made.append(_call(place, call, number, pairs, texts, ident in listed or not ident))
            waiting.setdefault(ident, deque()).append(place)
        ident = _ident(message)
        brings = message.get("role") == "tool" and waiting.get(ident)
        name = f"message-{index + 1}"
        steps.append(Step(index, agent_of(message), visible(str(message.get("role") or "unknown")),
                          name if name in texts else "", tuple(made),
                          waiting[ident].popleft() if brings else ""))
    left = sorted(number for numbers in unplaced.values() for number in numbers)
    loose = [_call(f"call-{number}", pairs[number - 1][0], number, pairs, texts, True)
             for number in left]
    return Timeline(_with_results(steps, row), loose)


def _with_results(steps: list[Step], row: Mapping[str, Any]) -> list[Step]:
    """The steps, with the messages that bring results which the row lists nowhere else."""
    brought = {step.result_of: step for step in steps if step.result_of and step.part}
    return [step._replace(calls=tuple(
        call if call.result or call.place not in brought else call._replace(
            result=brought[call.place].part, failed=_has_failed(
                row["messages"][brought[call.place].index]))
        for call in step.calls)) for step in steps]


def _has_failed(message: Mapping[str, Any]) -> bool:
    return seen.has_failed(message, tool_calls.result_text(message))


def _ident(value: Any) -> str:
    return tool_calls.ident(value) or ""


def agent_of(message: Mapping[str, Any]) -> str:
    """Who spoke: the message's name, else its role, as it may be shown. The result of a tool is the
    tool's, whatever name it carries."""
    role = message.get("role")
    said = role if role == "tool" or not isinstance(message.get("name"), str) else message["name"]
    return " ".join(visible(str(said or "unknown")).split())[:80]


def _call(place: str, call: Any, number: int | None, pairs: Sequence[tuple], texts: set[str],
          is_part: bool) -> Call:
    name = tool_calls.name(call)
    result = pairs[number - 1][1] if number else None
    text = tool_calls.result_text(result)
    own = f"call-{number}" if number and is_part and f"call-{number}" in texts else ""
    arguments = tool_checks.parsed_arguments(tool_calls.arguments(call))
    looks = shell.looks(seen.Made("", name, arguments, "", "", False))
    return Call(place, name, arguments, own,
                f"result-{number}" if f"result-{number}" in texts else "",
                result is not None and seen.has_failed(result, text),
                required.writes(name) and not looks,
                result is not None and not text.strip())


def calls(line: Timeline) -> Iterator[Call]:
    """All calls in the order in which they were made."""
    for step in line.steps:
        yield from step.calls
    yield from line.loose


def steps_of(line: Timeline) -> dict[str, tuple[int, ...]]:
    """The steps in which each part stands: a result belongs to the call's step, and is a step of
    its own where a message brings it."""
    places: dict[str, tuple[int, ...]] = {}
    brought = {step.result_of: step.index for step in line.steps if step.result_of}
    for step in line.steps:
        if step.part:  # a result that a message alone holds is its call's first
            places.setdefault(step.part, (step.index,))
        for call in step.calls:
            if call.call:
                places[call.call] = (step.index,)
            if call.result:
                also = {brought[call.place]} if call.place in brought else set()
                places[call.result] = (step.index, *sorted(also - {step.index}))
    return places


def is_talk(line: Timeline) -> bool:
    """Whether one agent and one user speak in turns."""
    spoken = [step for step in line.steps if step.part and step.role in ("user", "assistant")]
    return len({(step.agent, step.role) for step in spoken}) == 2 \
        and sum(step.role == "user" for step in spoken) > 1


def step_at(place: str, line: Timeline) -> Step | None:
    """The step that a place names (`17`, or a call in it: `17.0`); None where there is none."""
    found = _PLACE.fullmatch(place)
    if not found or int(found[1]) >= len(line.steps):
        return None
    step = line.steps[int(found[1])]
    return step if found[2] is None or int(found[2]) < len(step.calls) else None
