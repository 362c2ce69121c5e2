"""Tool calls and their results in whatever shape a benchmark records them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from failure_analysis.checks import text_of

_NAMES = ("name", "function", "tool", "tool_name", "function_name")
_ARGUMENTS = ("arguments", "args", "kwargs", "parameters", "input")
_RESULTS = ("content", "response", "result", "output")


def name(call: Any) -> str:
    """The tool that a call names; `?` where it names none."""
    inner = _inner(call)
    return next((inner[key] for key in _NAMES if isinstance(inner.get(key), str) and inner[key]),
                "?")


def arguments(call: Any) -> Any:
    """The arguments of a call as recorded; blank without any."""
    inner = _inner(call)
    return next((inner[key] for key in _ARGUMENTS if key in inner), "")


def spelled(call: Any) -> str:
    """A tool call as `name arguments`, whatever names its benchmark gives them."""
    if not isinstance(call, dict):
        return _json(call)
    return f"{name(call)} {_json(arguments(call))}".strip()


def result_text(result: Any) -> str:
    """A tool result's own words."""
    if isinstance(result, dict):
        named = next((result[name] for name in _RESULTS if name in result), result)
        error = result.get("error")
        is_content = isinstance(named, list) and named and all(
            isinstance(part, dict) and ("text" in part or "type" in part) for part in named)
        text = _json(text_of(named) if is_content else named)  # other lists are data
        return f"{text}\nerror: {_json(error)}" if error and error is not named else text
    return "" if result is None else _json(result)


def paired(row: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """The tool calls, each with its result: joined on their ids where both have one (a call that
    was executed again under its id takes the next result of that id), else by place. A result
    without a call comes at the end."""
    calls = list(row.get("tool_calls") or [])
    results = list(row.get("tool_results") or [])
    by_id: dict[str, list[int]] = {}
    for place, result in enumerate(results):
        if own := ident(result):
            by_id.setdefault(own, []).append(place)
    by_place = not by_id or not any(ident(call) in by_id for call in calls)
    taken = set()
    for place, call in enumerate(calls):
        waiting = [] if by_place else by_id.get(ident(call) or "", [])
        result_place = place if by_place else waiting.pop(0) if waiting else None
        if result_place is not None and result_place < len(results):
            taken.add(result_place)
            yield call, results[result_place]
        else:
            yield call, None
    for place, result in enumerate(results):
        if place not in taken:
            yield {"name": "(no call is recorded for this result)"}, result


def ident(value: Any) -> str | None:
    """The id that joins a tool call and its result."""
    ident = (value.get("tool_call_id") or value.get("id")) if isinstance(value, dict) else None
    return ident if isinstance(ident, str) else None


def _inner(call: Any) -> Mapping[str, Any]:
    """The part of a call that names its tool: chat APIs put it one level down."""
    if not isinstance(call, dict):
        return {}
    return call["function"] if isinstance(call.get("function"), dict) else call


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
