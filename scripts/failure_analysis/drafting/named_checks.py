"""Lists and maps of named checks in a row: each becomes a dimension under its own name."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from failure_analysis.drafting.field_names import tokens
from failure_analysis.drafting.survey import Field, fields_of
from failure_analysis.drafting.verdict_words import (
    FAIL,
    MEASURES,
    NO_MEASURES,
    PASS,
    UNJUDGED,
)
from failure_analysis.drafting.verdicts import verdict_of


class Checks(NamedTuple):
    """A list of named checks in each row, its keys, and the rule of its values."""

    field: Field
    name: str
    value: str
    reason: str
    rule: dict[str, Any]
    notes: list[str]
    names: Counter[str]


_NAME_KEYS = ("name", "metric", "criterion", "metric_name", "check", "assertion", "rubric", "test",
              "id", "type", "description", "dimension", "key", "label", "title")
_REASON_KEYS = ("reason", "message", "explanation", "feedback", "rationale", "comment", "detail")


def checks(fields: Sequence[Field]) -> list[Checks]:
    """The lists of named checks that rows have."""
    lists = []
    for field in fields:
        if field.is_own and field.are(dict) and (made := _by_name(field)):
            lists.append(made)
        if not field.is_own or not field.are(list):
            continue
        parts = [part for value in field.values if isinstance(value, list)
                 for part in value if isinstance(part, dict)][:400]
        made = _checks(field, parts) if parts else None
        if made:
            lists.append(made)
    return lists[:2]


def _by_name(field: Field) -> Checks | None:
    """A map of names to words for pass and fail, or to true and false: names of tests."""
    maps = [value for value in field.values if isinstance(value, dict)]
    names = Counter(str(name) for value in maps for name in value)
    said = [inner for value in maps for inner in value.values()]
    if len(names) < 2 or not (set(tokens(field.leaf)) & {"parser", "test", "tests", "checks"}):
        return None
    words = {"_".join(tokens(inner)) if isinstance(inner, str) else "" for inner in said}
    if all(isinstance(inner, bool) for inner in said):
        return Checks(field, "key", "value", "", {}, [], names)
    if not words or not words <= PASS | FAIL | UNJUDGED:
        return None
    passing = sorted({inner for inner in said if "_".join(tokens(inner)) in PASS})
    return Checks(field, "key", "value", "", {"pass": passing or ["passed"]}, [], names)


def _checks(field: Field, parts: list[dict]) -> Checks | None:
    inner = fields_of([_LEVEL], [(part,) for part in parts])
    named = sorted((place, len(other.path), other.expression, other) for other in inner
                   if other.are(str) and (place := _place(other, _NAME_KEYS)) is not None and
                   other.share > 0.9)
    judged = [verdict for other in inner if (verdict := verdict_of(other)) and
              verdict.strength > 1 and other.share > 0.5]
    if not named:
        return None
    if not judged:
        return _measured(field, named[0][-1], inner)
    judged.sort(key=lambda verdict: (-verdict.strength, len(verdict.field.path)))
    name, verdict = named[0][-1], judged[0]
    words = {part for other in inner for part in tokens(other.leaf)}
    if name.expression == verdict.field.expression or "response" in words or {
            "input", "output"} <= words:
        return None  # they are rows
    reason = next((other.expression for key in _REASON_KEYS for other in inner
                   if other.leaf == key and other.are(str)), "")
    return Checks(field, name.expression, verdict.field.expression, reason, verdict.rule,
                  verdict.notes, Counter(name.values))


def _measured(field: Field, name: Field, inner: Sequence[Field]) -> Checks | None:
    """A list of named numbers (name, mean), of which those called as measures judge."""
    value = next((other for other in inner if other.leaf in ("mean", "value") and
                  other.are(int, float) and other.share > 0.5), None)
    only = [text for text in name.distinct if isinstance(text, str) and
            set(tokens(text)) & MEASURES and not set(tokens(text)) & NO_MEASURES][:8]
    if value is None or not only:
        return None
    numbers = {number for text, number in zip(name.by_row, value.by_row, strict=True)
               if type(text) is str and text in only and type(number) in (int, float)}
    binary = numbers <= {0, 1}
    rule: dict[str, Any] = {"at_least": 1 if binary else 0.5, "only": only}
    return Checks(field, name.expression, value.expression, "", rule,
                  [] if binary else ["CHECK: the threshold is a guess"], Counter(name.values))


def _place(field: Field, names: Iterable[str]) -> int | None:
    own = "_".join(tokens(field.leaf))
    return next((place for place, name in enumerate(names) if name == own), None)


class _Part(NamedTuple):
    name: str
    expression: str


_LEVEL = _Part("part", "@")
