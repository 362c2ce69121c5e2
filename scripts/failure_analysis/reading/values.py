"""Values of other people's files as our fields take them: texts out of parts, numbers out of cells,
verdicts out of words. What cannot be taken is refused with its reason, never guessed."""

import json
import math
from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from failure_analysis.datapoint import is_number
from failure_analysis.paths import value_at
from failure_analysis.reading import containers, delimited
from failure_analysis.reading.path_counts import shown

if TYPE_CHECKING:
    from failure_analysis.reading import mapping_file

# Texts that say that there is no verdict, unless the mapping says otherwise.
NO_VERDICT = frozenset(("", "nan", "null", "none", "n/a"))
_LONGEST_LITERAL = 100_000
_MOST_KEYS = 12
# How other tools call who speaks.
_ROLES = {"human": "user", "gpt": "assistant", "ai": "assistant", "bot": "assistant",
          "model": "assistant", "function": "tool"}
_TEXT_KEYS = ("text", "content", "value", "reasoning")


class Wrong(Exception):
    """A value that its field cannot take: the row is rejected with this reason."""


def text(value: Any) -> str | None:
    """A text; parts, lists of messages and objects become one."""
    if type(value) is str or value is None:
        return value
    if isinstance(value, list):
        parts = [part for item in value if (part := text(_inner(item)))]
        return "\n".join(parts) if parts else ""
    if isinstance(value, dict):
        inner = _inner(value)
        return text(inner) if inner is not value else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def _inner(value: Any) -> Any:
    """The text of a part or message; other objects as they are."""
    if isinstance(value, dict):
        return next((value[key] for key in _TEXT_KEYS if isinstance(value.get(key), str | list)),
                    value)
    return value


def ident(value: Any) -> str | None:
    """An id or a name: text, or a number as text."""
    if type(value) is str or value is None:
        return value
    if is_number(value):
        return str(value)
    raise Wrong(f"it is {shown_type(value)}, a text or a number was expected")


def shown_type(value: Any) -> str:
    """What kind of JSON a value is, with the value where it is short."""
    names = {bool: "true or false", str: "a text", list: "a list", dict: "an object",
             type(None): "null"}
    kind = names.get(type(value), "a number")
    return f"{kind} ({value!r:.40})" if not isinstance(value, list | dict) else kind


def number(value: Any, comma: bool = False) -> float | None:
    """A number; a text that spells one is one; NaN is none."""
    if type(value) is str:
        value = delimited.cell(value, comma)
    if value is None or is_number(value):
        return value
    if type(value) is float:  # NaN, infinite
        return None
    raise Wrong(f"it is {shown_type(value)}, a number was expected")


def nested(value: Any) -> Any:
    """A value of a table's cell: JSON, or a literal as Python prints lists and maps."""
    if type(value) is not str:
        return value
    try:
        inner = json.loads(value, parse_constant=lambda _: None)
        return value if containers.is_deep(inner) else inner
    except (ValueError, RecursionError):
        pass
    if value[:1] in ("[", "{", "(") and len(value) < _LONGEST_LITERAL:
        try:
            inner = containers.literal(value)
            return value if containers.is_deep(inner) else inner
        except ValueError:
            pass
    return value or None


def messages(value: Any, keys: "mapping_file.Messages") -> list | None:
    """A conversation under our keys; elements without a role or a content are refused."""
    value = nested(value)
    if value is None:
        return None
    if not isinstance(value, list):
        raise Wrong(f"it is {shown_type(value)}, a list of messages was expected")
    return [_message(place, message, keys) for place, message in enumerate(value)]


def _message(place: int, message: Any, keys: "mapping_file.Messages") -> dict:
    named = (keys.role, keys.content, keys.name, "role", "content", "name")
    role, content = (value_at(message, key) for key in (keys.role, keys.content))
    if not isinstance(message, dict) or role is None or (
            content is None and keys.content not in message and not message.get("tool_calls")):
        has = _keys(message) if isinstance(message, dict) else shown_type(message)
        raise Wrong(f"message {place} has no {keys.role} or no {keys.content}, only {has}; say "
                    "which keys they are: {at: …, role: …, content: …, name: …}")
    if not isinstance(role, str):
        raise Wrong(f"message {place}: {keys.role} is {shown_type(role)}, a text was expected")
    taken = {"role": _ROLES.get(role, role), "content": text(content)}
    name = value_at(message, keys.name)
    if isinstance(name, str) and name:
        taken["name"] = name
    return taken | {key: inner for key, inner in message.items() if key not in named}


def _keys(value: dict) -> str:
    """The keys of an object, for a reason: whoever made the file may have made them endless."""
    more = f" and {len(value) - _MOST_KEYS} more" if len(value) > _MOST_KEYS else ""
    return ", ".join(map(shown, islice(value, _MOST_KEYS))) + more


def listed(value: Any) -> Any:
    """A list, or an object that stands for a list of one."""
    if type(value) is list:
        return value
    value = nested(value)
    if value is None or isinstance(value, list | dict):
        return value
    raise Wrong(f"it is {shown_type(value)}, a list was expected")


def tool_calls(value: Any, keys: "mapping_file.ToolCalls") -> tuple[list | None, list | None]:
    """(calls, their results) under our keys; a call without a name is refused."""
    if value == []:
        return value, None
    value = nested(value)
    if value is None:
        return None, None
    if type(value) is list and keys.name == "name" and all(
            type(call) is dict and "name" in call and keys.result not in call for call in value) \
            and keys.arguments in ("arguments", "args"):
        return value, None  # nothing is called otherwise
    calls, results = [], []
    for place, call in enumerate(value if isinstance(value, list) else [value]):
        if not isinstance(call, dict) or not (keys.name in call or "function" in call):
            has = _keys(call) if isinstance(call, dict) else shown_type(call)
            raise Wrong(f"call {place} has no {keys.name}, only {has}; say which keys they are: "
                        "{at: …, name: …, arguments: …, result: …}")
        theirs = (keys.name, keys.arguments, keys.result)
        ours = {ours: call[their] for ours, their in
                zip(("name", "arguments"), theirs, strict=False) if their in call}
        calls.append(ours | {key: inner for key, inner in call.items()
                             if key not in (*theirs, *ours)})
        if keys.result in call:
            results.append({"name": call.get(keys.name), "response": call[keys.result]})
    return calls, results or None


def judge(rule: "mapping_file.Judged", is_table: bool, comma: bool) -> Callable[[Any], Any]:
    """A function from a value to its verdict: true, false, null (not judged), or a number that does
    not decide. Raises Wrong for what is neither."""
    unjudged = {_key(value) for value in rule.unjudged}
    passing = {_key(value) for value in rule.pass_}
    if is_table:  # "1" is also what 1.0 spells
        passing |= {_key(delimited.cell(value, comma)) for value in rule.pass_}

    if not rule.decides:
        return lambda value: _counted(value, rule, comma)

    def verdict(value: Any) -> Any:
        readings = [value]
        if is_table and type(value) is str:
            readings.append(delimited.cell(value, comma))
        keys = [_key(reading) for reading in readings]
        if any(key in unjudged for key in keys):
            return None
        if any(key in passing for key in keys):
            return True
        value = readings[-1]
        if value is None or (type(value) is str and value.strip().lower() in NO_VERDICT) \
                or (type(value) is float and math.isnan(value)):
            return None
        if passing:
            return False
        return _measured(value, rule)

    return verdict


def is_infinite(value: str | float) -> bool:
    """Whether a value is, or spells, an infinity, which counts as no number."""
    try:
        return math.isinf(float(value))
    except ValueError:
        return False


def is_bare(rule: "mapping_file.Judged") -> bool:
    """Whether a rule says nothing of what passes: true and false do."""
    return rule.decides and not (rule.unjudged or rule.pass_) and rule.at_least is None and \
        rule.at_most is None


def _counted(value: Any, rule: "mapping_file.Judged", comma: bool) -> float | None:
    """A value that does not decide: a number, true and false as 1 and 0; what else it may be, such
    as the pairs that a corpus metric is made of, is nothing."""
    value = delimited.cell(value, comma) if type(value) is str else value
    if type(value) is bool:
        return int(value)
    return scaled(value, rule) if is_number(value) else None


def _measured(value: Any, rule: "mapping_file.Judged") -> Any:
    """A value that no list of passing ones decides."""
    if rule.at_least is None and rule.at_most is None:
        if type(value) is bool:
            return value
        if is_number(value):
            return scaled(value, rule)
        raise Wrong(f"it is {shown_type(value)}; say which values pass: {{at: …, pass: …}}")
    if type(value) is bool:
        raise Wrong(f"it is {shown_type(value)}, a number to hold against a limit was expected")
    value = scaled(number(value), rule)
    return None if value is None else \
        (rule.at_least is None or value >= rule.at_least) and \
        (rule.at_most is None or value <= rule.at_most)


def scaled(value: float | None, rule: "mapping_file.Judged") -> float | None:
    """A number on the scale of its limit; refused outside the range that the mapping gives."""
    if value is None:
        return None
    if rule.range and not rule.range[0] <= value <= rule.range[1]:
        raise Wrong(f"it is {value!r}, outside the range {rule.range} that the mapping gives")
    return value / rule.out_of if rule.out_of else value


def _key(value: Any) -> Any:
    """A value as it is compared: 1 and true differ, 1 and 1.0 do not."""
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True)
    return (type(value) is bool, value)


def equal(value: Any, wanted: Any, is_table: bool) -> bool:
    """Whether a value is the one that a mapping names; a cell also by what it spells."""
    return _key(value) == _key(wanted) or (is_table and (
        _key(delimited.cell(value)) == _key(delimited.cell(wanted))))


def parts(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """An object that was put together; None when nothing of it is there."""
    return dict(value) if any(inner is not None for inner in value.values()) else None
