"""Datapoints with opposite verdicts that differ in the form of what they said or did alone."""

import re
from collections.abc import Callable, Iterator
from itertools import product

from failure_analysis.audit import arguments, asks, dimensions, near, normal, required, strict
from failure_analysis.audit.alike import alike
from failure_analysis.audit.final import final
from failure_analysis.audit.grouped import LONGEST_FINAL, called
from failure_analysis.audit.item import Item
from failure_analysis.audit.once import once
from failure_analysis.audit.seen import Seen
from failure_analysis.patterns import re_compile

_Asked = Callable[[], frozenset[str]]  # asked only where all else is the same
_MOST_PAIRS, _MOST_OBJECTS, _FEW_SIGNS = 300, 40, 10
_RULES = frozenset(("white_space", "json", "list", "set"))
_OF_SEVERAL = "[{,;\n"


def groups(item: Item) -> Iterator[list[Seen]]:
    """Failing rows with the passing ones from which they differ in form alone."""
    passed = [row for row in item.rows if row.outcome == "pass"]
    failed = [row for row in item.rows if row.outcome == "fail"]
    if not passed or not failed:
        return
    if item.expected is None:
        yield from _same_value(item, passed, failed)
    asked = once(lambda: asks.forms(item.question))
    calls = item.expected is not None and strict.calls_wanted(item.expected)
    exact = once(lambda: bool(strict.EXACTLY.search(item.question)))
    found: dict[str, dict[str, Seen]] = {}
    firsts: dict[str, str] = {}
    told = [row for row in failed if row.made or item.expected is not None and _is_of_several(row)]
    for one, other in list(product(told, passed))[:_MOST_PAIRS]:
        if bool(one.made) != bool(other.made):
            continue
        if not one.made:
            same = not other.spoken and _same_answer(one, other, item.question, asked)
        else:
            same = (calls and dimensions.about_calls(one) or not calls and called(one) != called(
                other) and normal.key(one.answer, case=True) == normal.key(
                    other.answer, case=True)) and _same_calls(one, other, asked) \
                and not exact() and strict.only_calls(item, one)
        if same:
            first = firsts.setdefault(one.ident, other.ident)
            found.setdefault(first, {}).update({one.ident: one, other.ident: other})
    yield from (list(rows.values()) for rows in found.values())
    yield from _same_code(item, passed, failed)
    if item.expected is None and not failed[0].made and failed[0].answer.lstrip()[:1] == "{":
        yield from _same_but_prose(passed, failed)
    yield from _both_expected(item, passed, failed)


def _same_value(item: Item, passed: list[Seen], failed: list[Seen]) -> Iterator[list[Seen]]:
    """Failing rows with passing ones that give one short value, written otherwise, where nothing is
    recorded that they are held against."""
    known = {_signs(row.answer): row for row in reversed(passed) if _is_value(row)}
    for row in failed if known else ():
        first = known.get(_signs(row.answer)) if _is_value(row) else None
        if first and dimensions.about(row) and _marked(row) == _marked(first) \
                and alike(row.answer, first.answer, item.question) in _OF_VALUES:
            yield [row, first]


def _marked(row: Seen) -> tuple[str, bool]:
    return final(row.answer).how, "```" in row.answer


_OF_VALUES = frozenset(("number", "white_space", "latex", "date", "duration", "list", "set", "json",
                        "layout", "code", "option", "scaled"))
_NUMERAL = re_compile(r"\d+")


def _is_value(row: Seen) -> bool:
    return not row.made and not row.spoken and 0 < len(row.answer) <= LONGEST_FINAL


def _signs(answer: str) -> str:
    """The digits of a value, or where it has none its letters."""
    return "".join(_NUMERAL.findall(answer)) or "".join(
        filter(str.isalnum, answer)).casefold()


_OF_CODE = "({=;"
_OF_LAYOUT = re_compile(r"\bformat|\bindent|\bstyle|\bwhite ?space|\blint|\bpep ?8|\bone[- ]line|"
                        r"\bsingle line|\bper line|\blines?\b|\bspac(?:es?|ing)\b|"
                        r"\bcase\b|\btabs?\b|\bprett(?:y|ier)|\bupper|\blower|\bexact|\bgolf|\bbytes\b|\bcharacters\b",
                        re.I)


def _same_code(item: Item, passed: list[Seen], failed: list[Seen]) -> Iterator[list[Seen]]:
    """Failing rows with passing ones whose code is the same but for how it is laid out."""
    by_signs: dict[tuple[str, str], list[Seen]] = {}
    for row in (*passed, *failed):
        if len(row.answer) > _FEW_SIGNS and any(
                sign in row.answer for sign in _OF_CODE) and normal.is_code(row.answer):
            by_signs.setdefault((called(row), "".join(normal.unfenced(row.answer).split()).rstrip(
                ";").casefold()), []).append(row)
    both = [rows for rows in by_signs.values() if len({row.outcome for row in rows}) > 1]
    if not both or _OF_LAYOUT.search(item.question) or asks.forms(item.question) & {
            "exact", "bare", "fenced", "output"}:
        return
    for rows in both:
        first = next(row for row in rows if row.outcome == "fail" and dimensions.about(row)) \
            if any(row.outcome == "fail" and dimensions.about(row) for row in rows) else None
        alike_ = [row for row in rows if first and normal.same_code(
            normal.unfenced(first.answer), normal.unfenced(row.answer))]
        if len({row.outcome for row in alike_}) > 1:
            yield alike_


def _same_but_prose(passed: list[Seen], failed: list[Seen]) -> Iterator[list[Seen]]:
    """Failing rows with passing ones whose object is the same but for one value, which is prose and
    nearly the same."""
    objects = [(row, said) for row in (*failed, *passed)[:_MOST_OBJECTS]
               if isinstance(said := normal.parsed(normal.unfenced(row.answer)), dict)]
    for one, mine in objects:
        for other, its in objects if one.outcome == "fail" and dimensions.about(one) else ():
            odd = [key for key in mine if mine[key] != its.get(key)]
            if other.outcome == "pass" and mine.keys() == its.keys() and len(odd) == 1 \
                    and all(isinstance(said[odd[0]], str) for said in (mine, its)) \
                    and near.same_prose(mine[odd[0]], its[odd[0]]):
                yield [one, other]
                return


def _both_expected(item: Item, passed: list[Seen], failed: list[Seen]) -> Iterator[list[Seen]]:
    """Failing rows that differ in form alone from what is expected, with the passing ones that
    do."""
    if item.expected is None or strict.calls_wanted(item.expected):
        return
    for gold in strict.will_do(item):
        rows = [row for hits in strict.in_form(item, failed, [gold]).values() for row in hits]
        same = [row for row in passed if rows
                and strict.rules(row, [gold], item.question, "", strict.MARKS)]
        if same:
            yield [*rows, *same]


def _is_of_several(row: Seen) -> bool:
    """Whether an answer may be a value of several members, and fail for nothing else."""
    return any(sign in row.answer for sign in _OF_SEVERAL) and not row.spoken \
        and dimensions.about(row)


def _same_answer(one: Seen, other: Seen, question: str, asked: _Asked) -> bool:
    """Whether two answers are marked in one way and are one value of several members."""
    a, b = final(one.answer), final(other.answer)
    return bool(a.text) and _marked(one) == _marked(other) \
        and not normal.is_code(normal.unfenced(a.text)) \
        and alike(normal.unfenced(a.text), normal.unfenced(b.text), question) in _RULES \
        and not asked() & {"exact", "output", "reasons"}


def _same_calls(one: Seen, other: Seen, asked: _Asked) -> bool:
    """Whether two rows made the same calls with the same results, but for the form of arguments."""
    return len(one.made) == len(other.made) and all(
        (a.by, a.result_hash, a.failed) == (b.by, b.result_hash, b.failed)
        and required.same_tool(a.tool, b.tool)
        and (a.arguments == b.arguments or arguments.same(
            b.arguments, a.arguments, "", strict.capitals(b.arguments, b.result, asked()),
            ordered="order" in asked() or arguments.is_sequence(a.tool)))
        for a, b in zip(one.made, other.made, strict=True))


def said_it_all(one: Seen, passed: list[Seen]) -> bool:
    """Whether a row failed for what it was to say alone, and said all that a passing one did."""
    if not one.failed or not all(map(dimensions.of_words, one.failed)):
        return False
    said = normal.key(one.spoken or one.answer)
    return any(normal.key(other.spoken or other.answer) in said for other in passed)
