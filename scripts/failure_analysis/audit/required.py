"""Which calls an item requires, and which of them a datapoint made. Only shapes that spell a tool
with its arguments are read; whatever else is expected requires no call."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from failure_analysis import tool_calls
from failure_analysis.audit import arguments, wording
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.values import one_line
from failure_analysis.patterns import re_compile
from failure_analysis.tool_checks import READ_ONLY, TRANSFER, parsed_arguments

_LISTS = ("actions", "tool_calls", "calls", "required_calls", "expected_calls", "required_actions",
          "expected_actions", "function_calls")
_NAMES = ("name", "tool", "tool_name", "function", "action")
_ARGUMENTS = ("arguments", "args", "kwargs", "parameters", "params", "input")
# Beside READ_ONLY: names that look something up, and those that only end or answer.
_NO_WRITE = re_compile(
    r"(fetch|query|retrieve|lookup|describe|count|verify|validate|compare|estimate|preview|browse|"
    r"ls|dir|cat|head|tail|wc|grep|pwd|du|df|stat|diff|tree|which|"
    r"quote|ask|say|respond|reply_to_user|answer|final|finish|done|stop|wait|noop|plan|log_thought|"
    r"scroll|visit|ping|probe|traceroute)(_|$)|submit(_answer)?$|submit_final|transfer_to_|"
    r"\(no[ _]call|file$|git_(?:diff|status|log|show|blame)|"
    r"run_(?:unit_|all_|the_)?(?:tests?|test_?suite|checks?|lint\w*|valid\w*|pytest)$|"
    r"(open|load|go_?to|navigate)(_to)?(_(web_?)?(page|url|link|site|website|tab|article|result|"
    r"document|pdf|attachment))?$")
# Names that begin with their object: `change_get`; `order_status`, but not `update_status`.
_LOOKS_UP = re_compile(r"_(get|list|find|search|fetch|lookup|query|describe|show|view)$")
_CHANGES = re_compile(r"(?:update|create|delete|remove|add|edit|rename|clear|set|send|share|"
                      r"archive|empty|make|change|modify|replace|save|publish)_")
_TELLS = re_compile(r"_(status|info|details|health|check)$")
# Verbs that are names of things too: `mail_status`.
_OF_A_THING = re_compile(r"(?:e?mail|order|book|file|post|text|record|log|transfer|charge|refund|"
                         r"return|exchange|message|schedule|store|register|credit|deposit|issue|"
                         r"upload|share|install|lock|plan|reserve|deploy)_")
EMPTY, REFUSED = "empty", "refused"


class Call(NamedTuple):
    """A call that is expected; `compared` names its arguments that count (None: all). `any_of` has
    the values that will do for each argument, of which `arguments` holds the first; "" among them
    says that it may be left out."""

    by: str
    name: str
    arguments: dict
    compared: tuple[str, ...] | None = None
    any_of: dict[str, list] | None = None


class Unmet(NamedTuple):
    """A required call that was not made as required. `how`: `missing` (no call of that tool),
    `failed` (each attempt was refused by the tool), `other` (made with other arguments)."""

    call: Call
    how: str
    nearest: Made | None


def required(expected: Any) -> list[Call] | None:
    """The calls that are expected; None where what is expected names no calls at all, which is
    another thing than an empty list of them."""
    value = parsed_arguments(expected)
    if isinstance(value, dict):
        named = [value[key] for key in _LISTS if key in value]
        value = parsed_arguments(named[0]) if named else [value] if _call(value) else None
        if named and value is None:
            return []
    if not isinstance(value, list):
        return None
    calls = [_call(part) for part in value]
    if not all(calls) or not (calls or isinstance(expected, dict)):
        return None
    return [call for call in calls if call]


@lru_cache(1 << 12)
def bare_name(name: str) -> str:
    """A tool's name in small letters without that of its server."""
    bare = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", _SERVER.split(name)[-1]).lower()
    return bare.replace("-", "_").replace(" ", "_")


def same_name(a: str, b: str) -> bool:
    """Whether two names are one, with underscores where an API takes no dots."""
    return a == b or a.replace(".", "_") == b.replace(".", "_")


def same_tool(a: str, b: str) -> bool:
    """Whether two names are of one tool, one of them perhaps without its server or in other
    letters."""
    servers = {_SERVER.split(name)[0] for name in (a, b) if _SERVER.search(name)}
    return same_name(a, b) or bare_name(a) == bare_name(b) and len(servers) < 2


_SERVER = re_compile(r"[./:]|__")


@lru_cache(1 << 12)
def writes(name: str) -> bool:
    """Whether a tool may change the world, as its name says."""
    bare = bare_name(name)
    if bare.startswith("transfer") and not bare.startswith((TRANSFER, "transfer_to_")):
        return True
    looks_up = READ_ONLY.match(bare) or _NO_WRITE.match(bare) or (
        _LOOKS_UP.search(bare) and not _CHANGES.match(bare)) or (
        _TELLS.search(bare) and (_OF_A_THING.match(bare) or not wording.kinds_of_tool(bare)[0]))
    return not looks_up


def unmet(calls: Sequence[Call], made: Sequence[Made]) -> list[Unmet]:
    """The required calls that no successful call fulfils; arguments are compared but for form."""
    found = []
    for call in calls:
        tries = [one for one in made if one.by == call.by and same_tool(one.tool, call.name)]
        exact = [one for one in tries if fulfils(one, call)]
        if any(not one.failed for one in exact):
            continue
        done = [one for one in tries if not one.failed]
        how = "missing" if not tries else "failed" if exact or not done else "other"
        found.append(Unmet(call, how, next(iter(exact or done or tries), None)))
    return found


def fulfils(made: Made, call: Call) -> bool:
    """Whether a call is the required one, whether it worked or not."""
    return made.by == call.by and same_tool(made.tool, call.name) and arguments.same(
        call.arguments, given(call, made), "", ordered=arguments.is_sequence(call.name))


def given(call: Call, made: Made) -> Any:
    """The arguments of a call that was made, as far as they count; in the place of those that do as
    well, the expected ones."""
    if not isinstance(made.arguments, dict):
        return made.arguments
    if call.any_of is not None:
        said = {name: "" for name in call.any_of} | made.arguments
        return {name: call.arguments[name] if any(
            one == value and (one is value or type(value) is not bool)
            for one in call.any_of.get(name, ())) else value for name, value in said.items()}
    if call.compared is None:
        return made.arguments
    return call.arguments | {name: made.arguments.get(name) for name in call.compared}


def wrote(row: Seen) -> list[Made]:
    """The writes of a datapoint that its tools did not refuse, the simulated user's too."""
    return [one for one in row.made if not one.failed and writes(one.tool)]


def answer_kind(row: Seen) -> str:
    """What tells a datapoint's answer from others, where it changed nothing: `empty`, `refused`, or
    its words; of one that wrote something its name, as it is like no other."""
    if wrote(row):
        return f"wrote {row.ident}"
    if not row.answer.strip() and not row.made:
        return EMPTY
    if wording.refuses(row.answer):
        return REFUSED
    return f"said {one_line(row.answer[:1200]).casefold()[:500]}"


def _call(part: Any) -> Call | None:
    """An expected call, where a value spells one."""
    if not isinstance(part, dict):
        return None
    inner = part["function"] if isinstance(part.get("function"), dict) else part
    name = next((inner[key] for key in _NAMES if isinstance(inner.get(key), str)), None)
    if name and _is_any_of(part.get("any_of")):
        return Call("assistant", name, {key: next((one for one in values if one != ""), "")
                                        for key, values in part["any_of"].items()},
                    any_of=part["any_of"])
    values = next((inner[key] for key in _ARGUMENTS if key in inner), _ARGUMENTS)
    values = {} if values is None else parsed_arguments(values)
    if not name or not isinstance(values, dict):
        return None
    only, by = part.get("compare_args"), part.get("requestor")
    return Call(by if isinstance(by, str) else "assistant", name, values,
                tuple(map(str, only)) if isinstance(only, list) else None)


def _is_any_of(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(inner, list) and inner
                                           for inner in value.values())


def folded(value: Any) -> Any:
    """A value without what is form alone: case, white space, a number written as text."""
    if isinstance(value, dict):
        return {key: folded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [folded(inner) for inner in value]
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = " ".join(str(value).split()).casefold()
    try:
        return float(text)
    except ValueError:
        return text


def spelled(call: Call) -> str:
    """A required call as text."""
    return tool_calls.spelled({"name": call.name, "arguments": call.arguments})
