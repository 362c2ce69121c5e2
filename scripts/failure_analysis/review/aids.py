"""Marks in the margin of a datapoint's steps: what can be said of them exactly. They say where to
look; none says what went wrong."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from failure_analysis import tool_checks
from failure_analysis.audit import arguments, golds, required
from failure_analysis.audit import final as finals
from failure_analysis.clean import visible
from failure_analysis.patterns import re_compile
from failure_analysis.review import parts
from failure_analysis.review.timeline import Call, Timeline, calls

_REPLANS = re_compile(r"\b(?:new|revised|updated|another|different) (?:plan|approach|strategy)\b|"
                      r"\bre-?plan|\bstart(?:ing)? over\b", re.I)
_SIGNS_OFF = ("TERMINATE", "DONE", "STOP")  # what ends a conversation and answers nothing
AGAIN = "the same call as"
_FEWEST_CHARACTERS = 2
_LONGEST_VALUE = 60
_MOST_BLANKS = 3  # more make a free text of it
_MOST_VALUES = 4


def marks(row: Mapping[str, Any], line: Timeline) -> dict[str, list[str]]:
    """What is to be said beside a step (`17`) or a call (`17.0`), by its place."""
    made, texts = list(calls(line)), {part.name: part.text for part in parts.parts(row)}
    said: dict[str, list[str]] = {}
    differing = _differing(row, made)
    for place, text in (*_expected(differing, made), *_values(row, line, differing, texts),
                        *_again(made), *_unanswered(made), *_replans(line, texts)):
        if text not in said.setdefault(place, []):
            said[place].append(text)
    return said


def _differing(row: Mapping[str, Any], made: Sequence[Call]) -> list[dict[str, Any]]:
    """The signals of calls that differ from the expected ones: those of the row, else made anew
    where the row says which calls are expected."""
    recorded = [signal for signal in row.get("signals") or () if _places(signal)]
    if recorded:
        return recorded
    due = required.required(row.get("expected"))
    if not due:
        return []
    calls_made, met = [], set()
    for one in made:  # what differs in form alone is what is expected
        place = next((place for place, call in enumerate(due) if call.name == one.name
                      and arguments.same(call.arguments, one.arguments, "")), None)
        met |= {place} if not one.failed else set()
        calls_made.append(tool_checks.Call("assistant", one.name, one.arguments if place is None
                                           else due[place].arguments, one.failed))
    checks = [tool_checks.Check(tool_checks.Call(call.by, call.name, call.arguments), place in met)
              for place, call in enumerate(due)]
    return [signal for signal in tool_checks.differences(checks, calls_made) if _places(signal)]


def _places(signal: Mapping[str, Any]) -> list[int]:
    return signal.get("places") or ([signal["place"]] if "place" in signal else [])


def _expected(differing: Sequence[dict], made: Sequence[Call]) -> Iterator[tuple[str, str]]:
    """The calls that differ from the expected ones, the first of all named so."""
    found = sorted((place, number) for number, signal in enumerate(differing)
                   for place in _places(signal)[:1] if place < len(made))
    for order, (place, number) in enumerate(found):
        yield made[place].place, ("first call that differs from the expected ones: " if not order
                                  else "differs from the expected ones: ") \
            + _how(differing[number])


def _how(signal: Mapping[str, Any]) -> str:
    """In what a call differs; the judge's words say from what, where they are the account."""
    if signal["kind"] == "extra_write":
        return "none such is expected"
    wanted, got = signal.get("arguments"), signal.get("got")
    if not isinstance(wanted, dict) or not isinstance(got, dict):
        return "its arguments"
    return ", ".join(name for name in dict.fromkeys((*wanted, *got))
                     if wanted.get(name) != got.get(name)) or "who made it"


def _values(row: Mapping[str, Any], line: Timeline, differing: Sequence[dict],
            texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Where a value that is wrong in the end appears first: an argument that is not the expected
    one, or the final answer."""
    wrong: dict[str, str] = {}
    for signal in differing:
        wanted = set(golds.scalars(signal.get("arguments")))
        for value in golds.scalars(signal.get("got")):
            if value not in wanted:
                wrong.setdefault(value, "a wrong argument later")
    gold = golds.plain(row.get("expected"))
    if gold is not None and line.steps and row.get("outcome") == "fail":
        value = finals.final(row.get("assistant_text") or "").text
        if value and value not in gold and value not in _SIGNS_OFF and value[-1] != ":":
            wrong.setdefault(value, "the final answer")
    question = texts.get("question", "")
    for value, what in list(wrong.items())[:_MOST_VALUES]:
        if not _FEWEST_CHARACTERS <= len(value) <= _LONGEST_VALUE or value in question \
                or value.count(" ") > _MOST_BLANKS:
            continue
        first = next((place for place, text in _spoken(line, texts)
                      if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)), None)
        if first:
            yield first, f"first {json.dumps(visible(value), ensure_ascii=False)}: {what}"


def _spoken(line: Timeline, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each text of the conversation with its place, in time order."""
    for step in line.steps:
        if step.part and not step.result_of:
            yield str(step.index), texts[step.part]
        yield from _called(step.calls, texts)
    yield from _called(line.loose, texts)


def _called(made: Sequence[Call], texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for call in made:
        yield call.place, "\n".join(texts[name] for name in (call.call, call.result) if name)


def _again(made: Sequence[Call]) -> Iterator[tuple[str, str]]:
    """Calls that were made before, and nothing was written since."""
    earlier: dict[str, str] = {}
    for call in made:
        key = json.dumps([call.name, call.arguments], sort_keys=True, default=str)
        if key in earlier:
            yield call.place, f"{AGAIN} {earlier[key]}"
        first = earlier.get(key, call.place)
        if call.writes and not call.failed:
            earlier.clear()
        earlier[key] = first


def _unanswered(made: Sequence[Call]) -> Iterator[tuple[str, str]]:
    """Calls that failed, and no later one of the tool worked."""
    worked: set[str] = set()
    for call in reversed(made):
        if call.failed and call.name not in worked:
            yield call.place, "failed, and no later call of this tool worked"
        if not call.failed:
            worked.add(call.name)


def _replans(line: Timeline, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Messages of agents that speak of another plan."""
    for step in line.steps:
        if step.part and step.role == "assistant" and _REPLANS.search(texts[step.part]):
            yield str(step.index), "speaks of another plan"
