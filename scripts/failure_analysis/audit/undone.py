"""Writes that were due or tried and that a datapoint did not do: never called, refused and not made
good, or done for another object alone."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from failure_analysis import tool_calls
from failure_analysis.audit import golds, required, shell, wording
from failure_analysis.audit.required import Call, Unmet
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.whole import Whole

ELSEWHERE = "elsewhere"
# A value that names an object: no blank in it, and a digit, an at sign, a dash or a dot within.
_NAMES = re.compile(r"(?=\S*[\d@_-]|\w+\.\w)\S{2,80}")
_NO_NAME = re.compile(r"[\d.,:+-]+%?|\d{4}-\d\d-\d\d\S*|\d\d?:\d\d(?::\d\d)?(?:[ap]m)?|\S+\.{3}",
                      re.I)
_OF_ID = re.compile(r"(^|_)(ids?|number|no|code|key|account|card|user|username|source|target|to)$",
                    re.I)
# A write that only prepares another one, and leads to no state of its own.
_DRAFTS = re.compile(r"(?:^|_)(?:create|save|write|update|edit|make|prepare|compose|new|add)_"
                     r"(?:\w+_)?(?:draft|preview|quote)s?(?:_|$)|^(?:draft|prepare|preview|simulate|"
                     r"dry_?run)_", re.I)
# A name of which the last letter or number tells objects apart (`Easter B`).
_LABELLED = re.compile(r"([A-Z]\w+(?: \w+)*) ([A-Z]|\d{1,3})")
# What only fills in a form, and the result of a step that leaves it.
FILLS = re.compile(r"(?:type|fill|select|hover|focus|clear|check|uncheck)(?:_(?:text|in|field|"
                   r"input|option|element|form|box))?$", re.I)
_GIVEN_UP = re.compile(r"\W*(?:\w+ ){0,3}(?:discarded|abandoned|dismissed|closed without saving|"
                       r"not saved)\b.{0,20}\Z", re.I | re.S)
_FEW_TOOLS = 4
_SHORTEST_WORD = 4
_NEARLY_ALL = 0.9


def tools(rows: Sequence[Seen]) -> frozenset[str]:
    """The tools with which datapoints wrote, shells left out."""
    return frozenset(one.tool for row in rows for one in shell.wrote(row)
                     if not shell.command(one))


class Undone(NamedTuple):
    """A write that was not done: its tool and arguments, what the record says of it, and whether
    other datapoints alone show that it could have been done."""

    tool: str
    arguments: Any
    record: str
    by_others: bool = False
    refused: bool = False


def unfulfilled(wanted: Sequence[Call], row: Seen) -> list[Unmet]:
    """The required writes that a datapoint did not do; none where it did another write that is no
    draft, as another road may lead to the same state, or where runs name their tools otherwise. One
    that was done for another object alone is `elsewhere`."""
    left = required.unmet(wanted, shell.judged(row.made)) if wanted else []
    if not left:
        return []
    spare = [one for one in shell.wrote(row) if not _DRAFTS.search(one.tool)
             and not FILLS.match(one.tool) and not _GIVEN_UP.match(one.result)
             and not any(required.fulfils(one, call) for call in wanted)]
    left = [_elsewhere(one, spare, row.question) for one in left]
    strayed = {one.call.name for one in left if one.how == ELSEWHERE}
    return [] if any(one.tool not in strayed for one in spare) else left


def writes(due: Sequence[Call], whole: Whole) -> list[Call]:
    """The required writes with tools that the runs have."""
    return [call for call in due if required.writes(call.name) and known(call.name, whole)]


def known(tool: str, whole: Whole) -> bool:
    """Whether a required tool is one that the runs have under this name: somebody called it, or
    nobody did and yet nearly all others that the benchmark requires were called by theirs."""
    if tool in whole.tools:
        return True
    others = whole.profile.writes.keys() - {tool}
    called = len(others & whole.tools.keys())
    return tool in whole.profile.writes and len(others) >= _FEW_TOOLS \
        and called >= _NEARLY_ALL * len(others)


def _elsewhere(one: Unmet, spare: Sequence[Made], question: str) -> Unmet:
    """A call made with other arguments as one for another object, where each is; those that are
    required themselves are no tries of it."""
    if one.how != "other":
        return one
    tries = [made for made in spare if made.tool == one.call.name]
    if all(other_object(one.call.arguments, made.arguments, question) for made in tries):
        return Unmet(one.call, ELSEWHERE, tries[0] if tries else one.nearest)
    return one


def other_object(wanted: Any, given: Any, question: str = "") -> bool:
    """Whether two calls name different objects: a name that both give differs in more than form, or
    a number behind its key in the question."""
    if not isinstance(wanted, dict) or not isinstance(given, dict):
        return False
    for key, value in wanted.items():
        names = [_name(key, value), _name(key, given.get(key))]
        if all(names):
            one, other = (re.sub(r"[\W_]+", "", name).casefold() for name in names)
            if one not in other and other not in one:
                return True
        if isinstance(value, dict) and other_object(value, given.get(key), question) \
                or question and (said := str(value)).isdigit() and str(given.get(key)).isdigit() \
                and int(said) != int(given[key]) and re.search(
                    rf"\b{re.escape(key)} #?{said}\b", question, re.I):
            return True
        parts = [_LABELLED.fullmatch(text) if isinstance(text, str) else None
                 for text in (value, given.get(key))]
        if all(parts) and parts[0][1] == parts[1][1] and parts[0][2] != parts[1][2]:
            return True
    return False


def _name(key: str, value: Any) -> str:
    """A value as the name of an object; blank where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value).strip()
    if _NO_NAME.fullmatch(text):
        return text if text.isdigit() and _OF_ID.search(key) else ""
    return text if _NAMES.fullmatch(text) else ""


def names(arguments: Any) -> Iterator[str]:
    """The names of objects among arguments, also those in lists."""
    for key, value in arguments.items() if isinstance(arguments, dict) else ():
        for part in value if isinstance(value, list) else (value,):
            if name := _name(str(key), part):
                yield name


def undone(due: Sequence[Call], wanted: Sequence[Call], row: Seen, others: frozenset[str],
           whole: Whole) -> list[Undone]:
    """The writes that a datapoint owed, which are those `wanted` of all calls that are due, or
    tried and did not do, and those of the tools with which `others` wrote for the same item that
    it never called."""
    found = [Undone(one.tool, one.arguments, f"{one.tool} {tool_calls.result_text(one.arguments)} "
                    f"-> {one.result[:300]}", refused=True) for one in _refused(row, wanted)]
    if not row.made and not whole.runs[row.run].acted:
        return found  # calls are not recorded
    left = required.unmet(wanted, shell.judged(row.made)) if wanted else []
    spare = [one for one in shell.wrote(row)
             if not any(required.fulfils(one, call) for call in wanted)] if left else []
    for one in left:
        how = _elsewhere(one, spare, row.question).how
        if how in ("missing", ELSEWHERE):
            found.append(Undone(one.call.name, one.call.arguments or {},
                                f"Never called: {required.spelled(one.call)}"))
        elif how == "other" and one.nearest and (lacks := _lacking(one.call, one.nearest)):
            found += [Undone(key, {key: one.call.arguments[key]},
                             f"Called without {key}: {required.spelled(one.call)}")
                      for key in lacks]
    called = {one.tool for one in row.made} | {call.name for call in due}
    return found + [Undone(tool, {}, f"Never called here, though others did: {tool}", True)
                    for tool in sorted(others - called)]


def _lacking(call: Call, made: Made) -> list[str]:
    """The required lists that a call leaves out altogether."""
    given = made.arguments if isinstance(made.arguments, dict) else {}
    return [key for key, value in (call.arguments or {}).items()
            if value and isinstance(value, list) and not given.get(key)]


def _refused(row: Seen, wanted: Sequence[Call]) -> Iterator[Made]:
    """The writes that were refused and not made good by a later one: of the same tool or kind, or
    for the same object. What is required itself makes nothing else good that is required."""
    for place, one in enumerate(row.made):
        if not shell.failed(one) or not required.writes(one.tool) or shell.looks(one):
            continue
        mine = [call for call in wanted if required.fulfils(one, call)]
        later = [other for other in row.made[place + 1:] if not shell.failed(other)
                 and required.writes(other.tool) and not shell.looks(other)]
        if mine:
            later = [other for other in later if required.fulfils(other, mine[0])
                     or not any(required.fulfils(other, call) for call in wanted)]
        if not any(makes_good(other, one) for other in later):
            yield one


def makes_good(later: Made, one: Made) -> bool:
    """Whether a later write may do what an earlier one did not: of its tool or kind, or for its
    object."""
    kinds = wording.kinds_of_tool(one.tool)[0]
    return later.tool == one.tool or bool(kinds & wording.kinds_of_tool(later.tool)[1]) \
        or bool(set(names(one.arguments)) & set(names(later.arguments))) \
        or bool(_words(one.arguments) & _words(later.arguments))


def _words(arguments: Any) -> set[str]:
    """The texts of arguments by which an object may be called without a digit."""
    return {text for text in golds.scalars(arguments) if len(text) > _SHORTEST_WORD
            and not _NO_NAME.fullmatch(text)}
