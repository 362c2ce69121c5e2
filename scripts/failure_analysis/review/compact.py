"""Recorded JSON in short: records of one shape as a table, what nothing else names left out, what
stands above already by its place."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from failure_analysis import tool_calls
from failure_analysis.audit import golds, required
from failure_analysis.clean import visible
from failure_analysis.patterns import re_compile
from failure_analysis.review.coded import coded
from failure_analysis.review.drawn import (
    IDENT,
    WORTH,
    Above,
    Base,
    Drawn,
    Short,
    named_by,
    object_of,
    records_of,
    spelled,
    table_of,
    years,
)
from failure_analysis.review.timeline import Call, Timeline, calls, is_talk

_LONGEST = 60_000  # characters of JSON that is looked into
_DEEPEST = 12
_LONGEST_LEAF = 300  # of a text in it; what has longer ones is prose
_MOST = {"looked_up": 1_600, "written": 400}  # characters of what is put in its place
_MOST_NAMES, _MOST_BASES = 3, 20
_SPELLED, _NAMED = 60, 24  # of arguments and of values in the judge's words
_CALL = re_compile(r"\b\w+\((?=\w+=)(.{50,}?)\)(?=;| is |$)", re.M)
_CUT = re_compile(r"(?<=: )expected [^;\n]*…[^;\n]*, got [^;\n]*…[^;\n]*(?=;|\.?$)", re.M)


ARGUMENTS = ("arguments", "kwargs")  # the second as tau-bench calls them


def actions(expected: Any) -> list[Mapping[str, Any]]:
    """The actions of what is expected, where each has a name and arguments."""
    named = expected.get("actions") if isinstance(expected, Mapping) else None
    found = [{**one, "arguments": next((one[key] for key in ARGUMENTS if key in one), None)}
             for one in named if isinstance(one, dict)] if isinstance(named, list) else []
    return found if all(isinstance(one["arguments"], dict) for one in found) \
        and len(found) == len(named or ()) else []


def shorts(row: Mapping[str, Any], line: Timeline, texts: Mapping[str, str]) -> dict[str, Short]:
    """The parts (by name) of which less is to be shown than was recorded."""
    made = list(calls(line))
    returned = {call.result for call in made} | {
        step.part for step in line.steps if step.result_of}
    looked = {call.call for call in made if not call.writes}
    due = [Base(f"expected action {number}", str(one.get("name")), one["arguments"])
           for number, one in enumerate(actions(row.get("expected")), 1)]
    told = {name: text for name, text in texts.items() if name not in returned}
    above = Above("\n".join(told.values()), "\n".join([
        *(text for name, text in told.items() if name not in looked | _listing(line) | {
            "expected"}),
        *(spelled(one.value) for one in due if required.writes(one.name))]),
        set(), {}, {}, {}, years("\n".join(told.values())), frozenset(
            value for call in due + [Base("", one.name, one.arguments) for one in made]
            for value in golds.scalars(call.value)))
    short = {"expected": _expected(row.get("expected"), texts.get("expected", ""), due),
             "judge": _judged(texts.get("judge", ""), [
                 texts.get("expected", ""), *(texts[call.call] for call in made if call.call)])}
    for call in made:
        text = texts.get(call.result, "")
        value = None if call.failed else _value(text)
        short[call.call] = _called(call, texts.get(call.call, ""), due)
        above = above._replace(call=call)
        short[call.result] = _returned(value, text, above)
        above.add(value, short[call.result])
        due.append(Base(call.place, call.name, call.arguments))
    return {name: one for name, one in short.items() if name and one}


def _listing(line: Timeline) -> set[str]:
    """The words of an agent that talks with somebody, but for its last: they list what there is to
    choose from."""
    said = [step.part for step in line.steps if step.part and step.role == "assistant"]
    return set(said[:-1]) if is_talk(line) else set()


def _value(text: str) -> Any:
    """The JSON that a text is; None where it is none, or prose."""
    if text[:1] not in "{[" or not WORTH < len(text) <= _LONGEST:
        return None
    try:
        value = json.loads(text)
        return value if all(len(leaf) <= _LONGEST_LEAF for leaf in _leaves(value)) else None
    except (ValueError, RecursionError):
        return None


def _leaves(value: Any, depth: int = 0) -> Iterator[str]:
    """The texts in a value; refuses one that is nested too deep to be read."""
    if depth > _DEEPEST:
        raise ValueError
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner, depth + 1)
    elif isinstance(value, str):
        yield value


def _expected(expected: Any, text: str, due: Sequence[Base]) -> Short | None:
    """Expected actions, a line for each, an alike one by what differs, then what else is
    expected."""
    if not isinstance(expected, dict) or not isinstance(expected.get("actions"), list) \
            or len(due) < len(expected["actions"]):
        return None
    lines, before = [], None
    for number, action in enumerate(actions(expected)):
        told = _as_before(due[number].name, action["arguments"], due[:number])
        whole = _quotable(action, text)
        short = told if told and len(whole) - len(told) > WORTH else whole
        if before and (also := _also(action, before)):
            lines[-1] += ("," if "; also with " in lines[-1] else "; also with") + f" {also}"
        else:
            lines.append(short + " (by user)" * (action.get("requestor") == "user"))
        before = action
    rest = {name: inner for name, inner in expected.items() if name != "actions" and inner}
    lines = [*(lines or ["no action"]), *([spelled(rest)] if rest else [])]
    return Short("\n".join(" ".join(visible(line).split()) for line in lines))


def _also(action: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """The argument of a look-up that differs in its only one from the one before; else blank."""
    mine, other = action["arguments"], before["arguments"]
    is_alike = len(mine) == 1 and mine.keys() == other.keys() and all(
        action.get(key) == before.get(key) for key in ("name", "requestor"))
    return spelled(*mine.values()) if is_alike and not required.writes(str(action["name"])) else ""


def _quotable(action: Mapping[str, Any], text: str) -> str:
    """An action as it stands in the text that it is quoted from, where its name and arguments do
    so side by side."""
    key = next(key for key in reversed(ARGUMENTS) if key in action)
    recorded = visible(f'"name": {spelled(action.get("name"))}, '
                       f'{spelled(key)}: {spelled(action["arguments"])}')
    return recorded if recorded in text else visible(tool_calls.spelled(action))


def _judged(text: str, above: Sequence[str]) -> Short | None:
    """The judge's words without the arguments and values that stand in what is expected or called
    (`above`)."""
    short = _CALL.sub(lambda found: f"{found[0][:found.start(1) - found.start() + _NAMED]}…)",
                      _CUT.sub("…", text))
    for start in reversed([found.start() for found in re.finditer(r"[\[{]+\"", short)]):
        begins = short[start:start + _SPELLED]
        stop = max((_shared(short, start, other) for other in above if begins in other),
                   default=start)
        if stop - start > _SPELLED:
            stop = start + len(short[start:stop].rstrip(" ,"))
            short = f"{short[:start + _SPELLED // 2]}…{short[stop:]}"
    return Short(short) if len(text) - len(short) > WORTH else None


def _shared(text: str, start: int, other: str) -> int:
    """Where the longest piece of a text from `start` on, of its line, ends that another holds."""
    low, high = start, start + len(text[start:].partition("\n")[0])
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text[start:middle] in other else (low, middle - 1)
    return low


def _called(call: Call, text: str, before: Sequence[Base]) -> Short | None:
    """A call by what is expected, or by an earlier one; a program as lines."""
    told = _as_before(call.name, call.arguments, before)
    if not told and (program := coded(call.name, call.place, call.arguments, before)):
        return Short(program)
    return Short(visible(told)) if told and len(text) - len(told) > _SPELLED else None


def _as_before(name: str, arguments: Any, before: Sequence[Base]) -> str:
    """A call by the one before of its tool with which it shares most; blank where it shares too
    little."""
    told = []
    for base in [base for base in before if base.name == name][-_MOST_BASES:]:
        if (changed := _changed(arguments, base.value)) is not None:
            told.append(f"{name} {spelled(changed)} (the rest as in {base.place})" if changed else
                        f"{name} as in {base.place}")
    return min(told, key=len, default="")


def _changed(value: Any, base: Any) -> dict[str, Any] | None:
    """The fields of an object that differ from another; None where less than half is the same, or
    some are lacking."""
    if not isinstance(value, dict) or not isinstance(base, dict) or set(base) - set(value):
        return None
    changed = _beyond(value, base)
    return changed if 2 * len(json.dumps(changed)) < len(json.dumps(value)) else None


def _returned(value: Any, text: str, above: Above) -> Short | None:
    """A result by an earlier one of the same thing, or without what nothing names."""
    if value is None:
        return None
    writes = above.call.writes
    short = _by_earlier(value, above) or writes and _by_call(value, above) or _alone(value, above)
    most = _MOST["written" if writes else "looked_up"]
    return short if short and len(short.text) < min(most, len(text) - WORTH) else None


def _by_earlier(value: Any, above: Above) -> Short | None:
    """What changed since an earlier result whose first field, which names it, is the same."""
    base = above.returned.get(named_by(value))
    if not base or set(base.value) - set(value):
        return None
    changed = {key: _grown(inner, base.value.get(key))
               for key, inner in _beyond(value, base.value).items()}
    return _below(f"as at {base.place}" + " but " * bool(changed), object_of(changed, above))


def _grown(value: Any, old: Any) -> Any:
    """A list without what it held before."""
    is_longer = isinstance(value, list) and isinstance(old, list) and old \
        and value[:len(old)] == old
    return ["…", *value[len(old):]] if is_longer else value


def _by_call(value: Any, above: Above) -> Short | None:
    """What a result says beyond the arguments of its call."""
    new = _beyond(value, above.own()) if isinstance(value, dict) else {}
    says = new and len(new) < len(value)
    return _below("as called, and ", object_of(new, above)) if says else None


def _beyond(value: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an object that are not so in another."""
    return {key: inner for key, inner in value.items()
            if key not in base or spelled(base[key]) != spelled(inner)}


def _alone(value: Any, above: Above) -> Short | None:
    """A value without what its call says and what nothing names; where nothing chooses what is
    looked up, only its own fields."""
    if not isinstance(value, dict):
        is_one = isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict)
        records = [("", value[0])] if is_one and value[0] else records_of(value)
        return _below("", table_of("", records, above)) if records else None
    value = _beyond(value, above.own())
    if _is_named(value, above):
        return _below("", object_of(value, above, is_alone=True))
    inner = [key for key, one in value.items() if isinstance(
        one[0] if isinstance(one, list) and one else one, dict)]
    drawn = object_of({key: one for key, one in value.items() if key not in inner}, above,
                      is_alone=True)
    return _below("", drawn._replace(left=[*drawn.left, *(
        f"{key} ({len(value[key])})" for key in inner)]))


def _is_named(value: Any, above: Above) -> bool:
    """Whether what chooses names what is looked up, or what is new in it."""
    own = {one for one in golds.scalars(above.own()) if IDENT.fullmatch(one)}
    new = {one for one in golds.scalars(value) if IDENT.fullmatch(one)} - above.idents
    return not own or any(one in above.chosen for one in own | new)


def _below(head: str, drawn: Drawn) -> Short:
    """What is drawn, as the text that is shown."""
    names = list(dict.fromkeys(name.rpartition(".")[2] for name in drawn.left))
    more = len(names) - _MOST_NAMES
    left = f"left out: {', '.join(names[-_MOST_NAMES:])}" \
        + (f" and {more} more" if more > 0 else "") if names else ""
    if not drawn.lines:
        return Short(visible("; ".join(filter(None, (head + drawn.first, left)))),
                     tuple(drawn.left))
    lines = filter(None, (head + drawn.first, *drawn.lines, left))
    return Short(visible("\n".join(lines)), tuple(drawn.left))


