"""Which fields of a file say whether an answer is right, and which of their values pass."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from failure_analysis.drafting.field_names import spellings, tokens
from failure_analysis.drafting.survey import Field
from failure_analysis.drafting.verdict_words import (
    FAIL,
    GENERIC,
    LAST,
    LETTERS,
    MEASURES,
    NEVER_MEASURES,
    NO,
    NO_MEASURES,
    NOT_JUDGED,
    PASS,
    SETTINGS,
    STATUS,
    UNJUDGED,
    WRAPPERS,
    YES,
)
from failure_analysis.reading.delimited import cell


class Verdict(NamedTuple):
    """A dimension: where it is, its name, and the rule: `pass` (values that pass), `unjudged`,
    `at_least`. Without any it is true and false as they stand. `outcomes` has what each row is
    by it; `notes` say what to check."""

    field: Field
    name: str
    rule: dict[str, Any]
    outcomes: list[bool | None]
    notes: list[str]
    strength: int


def verdicts(fields: Sequence[Field]) -> list[Verdict]:
    """The fields of the innermost level that judge, the surest first, those that say the same as
    an earlier one left out."""
    judged = [verdict for field in fields if field.is_own and (verdict := verdict_of(field))]
    judged.sort(key=lambda verdict: (-verdict.strength, len(verdict.field.path)))
    kept: list[Verdict] = []
    for verdict in judged:
        if kept and (verdict.strength < 2 or verdict.field.share < kept[0].field.share / 2):
            continue
        if kept and "at_least" in verdict.rule and verdict.rule["at_least"] != 1 and (
                "at_least" not in kept[0].rule or kept[0].rule["at_least"] == 1 or
                _is_overall(kept[0].field)):
            continue  # a part of the verdict, or what it was made from
        if all(_differ(verdict, other) for other in kept):
            kept.append(verdict)
    return _named(kept[:12])


def is_like_verdict(field: Field) -> bool:
    """True for a field that judges, used or not."""
    return verdict_of(field) is not None


def _is_overall(field: Field) -> bool:
    return spellings(field)[0] in ("score", "reward", "total_score", "overall", "overall_score")


def _differ(verdict: Verdict, other: Verdict) -> bool:
    """True unless both say the same of every row that both judge."""
    if "at_least" in verdict.rule and "at_least" in other.rule:
        return verdict.field.by_row != other.field.by_row
    both = [(mine, theirs) for mine, theirs in zip(verdict.outcomes, other.outcomes, strict=True)
            if mine is not None and theirs is not None]
    return len(both) * 2 < sum(mine is not None for mine in verdict.outcomes) or any(
        mine != theirs for mine, theirs in both) or len({mine for mine, _ in both}) < 2 and \
        verdict.field.path[:-1] == other.field.path[:-1]


def verdict_of(field: Field) -> Verdict | None:
    """What a field says, when it is one that judges."""
    words = {word for step in field.path for word in tokens(str(step))}
    leaf = set(tokens(field.leaf))
    parents = {"_".join(tokens(str(step))) for step in field.path[:-1]}
    if parents & {"parser_results", "test_results", "checks", "tests"}:
        return None  # they are checks by name
    if leaf & NOT_JUDGED and not leaf & (YES | MEASURES) or parents & (NOT_JUDGED - {"answer"}):
        return None
    if field.are(bool):
        return _truth(field, leaf, words)
    if field.are(str, int, float) and not field.are(int, float):
        numbers = [cell(value) for value in field.by_row]
        spelled = field._replace(by_row=numbers, values=[
            number for number in numbers if number is not None])
        if spelled.are(int, float):
            return _measure(spelled, leaf, words)
    if field.are(str, bool):
        return _words(field, leaf, words)
    if field.are(int, float):
        return _measure(field, leaf, words)
    return None


def _truth(field: Field, leaf: set[str], words: set[str]) -> Verdict | None:
    if leaf & NO:
        return Verdict(field, _name(field), {"pass": [False]}, [
            None if value is None else value is False for value in field.by_row],
            ["CHECK: false passes here"], 1)
    if leaf & SETTINGS:
        return None
    strength = 5 if leaf & YES else 2 if words & (YES | GENERIC) else 1
    notes = [] if strength > 1 else ["CHECK: is it this that says right or wrong?"]
    return Verdict(field, _name(field), {}, [
        value if isinstance(value, bool) else None for value in field.by_row], notes, strength)


def _plainly(value: str) -> str:
    """A value as a word, without what all such values share: goal_reached is reached."""
    words = tokens(value)
    last = words[-1] if words else ""
    return last if len(words) == 2 and last in LAST else "_".join(words)


def _words(field: Field, leaf: set[str], words: set[str]) -> Verdict | None:
    """A field whose values are words for pass and fail."""
    counts = Counter(value for value in field.values if isinstance(value, str))
    plain = {value: _plainly(value) for value in counts}
    if not counts or len(counts) > 12 or any(len(value) > 40 for value in counts):
        return None
    judging = {value for value in counts if plain[value] in PASS | FAIL}
    letters = set(plain.values()) & (LETTERS | {"y"})
    if letters and not (set(plain.values()) - {"", "na"} <= LETTERS or "y" in letters):
        return None
    if letters == set(plain.values()) and len(letters) == 1:
        return None
    at_ease = bool(words & (YES | STATUS | GENERIC))
    if not judging or sum(counts[value] for value in judging) * 2 < sum(counts.values()):
        return None
    if not at_ease and not set(plain.values()) & {"pass", "passed", "fail", "failed", "correct",
                                                  "incorrect", "resolved", "unresolved", "true",
                                                  "false", "reached", "missed"}:
        return None
    passing = [value for value in counts if plain[value] in PASS]
    unjudged = [value for value in counts if plain[value] in UNJUDGED or not plain[value]]
    rest = [value for value in counts if value not in judging and value not in unjudged]
    notes = [f"CHECK: {shown} is neither" for shown in map(repr, rest)][:4]
    notes += ["partial answers fail"] if set(plain.values()) & {
        "p", "partial", "partially_correct"} else []
    if not passing:
        notes.append("CHECK: no value here passes; which one would?")
        passing = [_would_pass(set(plain.values()))]
    rule = {"pass": passing, **({"unjudged": unjudged} if unjudged else {})}
    return Verdict(field, _name(field), rule, [
        None if value is None or value in unjudged else value in passing
        for value in field.by_row], notes, 4 if leaf & (YES | STATUS) else 2)


def _would_pass(words: set[str]) -> str:
    """The word that goes with these for what fails."""
    pairs = {"incorrect": "correct", "wrong": "correct", "unresolved": "resolved", "false": "True",
             "no": "yes", "i": "C", "failed": "passed", "invalid": "valid"}
    return next((pairs[word] for word in pairs if word in words), "pass")


def _measure(field: Field, leaf: set[str], words: set[str]) -> Verdict | None:
    """A number that measures, with a threshold that is a guess unless there are only 0 and 1."""
    numbers = [value for value in field.values if type(value) in (int, float)]
    wrapped = leaf & {"value", "mean", "avg"} and words & (GENERIC | MEASURES)
    named = leaf & MEASURES or wrapped
    if not named or words & NEVER_MEASURES or (
            leaf & NO_MEASURES and not leaf & YES and not wrapped):
        return None
    low, high = min(numbers), max(numbers)
    unjudged = [-1] if low == -1 and any(value >= 0 for value in numbers) else []
    least = min((value for value in numbers if value != -1 or not unjudged), default=0)
    rule: dict[str, Any] = {"unjudged": unjudged} if unjudged else {}
    aggregated = bool(leaf & {"best", "mean", "average", "avg", "total"})
    notes = [] if set(numbers) - {-1} <= {0, 1} else ["CHECK: the threshold is a guess"]
    if least < 0 or high > 1000:
        return None
    limit: float = 1 if not notes else 0.5 if high <= 1 else 0
    if high > 1:
        limit = 4 if high <= 5 else 7 if high <= 10 else 50
        notes = [f"CHECK: the threshold is a guess; the numbers go from {least} to {high}"]
        if high > 10 and any(0 < value < 1 for value in numbers):
            notes.append("two scales?")
    rule["at_least"] = limit
    return Verdict(field, _name(field), rule, [
        None if value is None or value in unjudged or type(value) not in (int, float)
        else value >= limit for value in field.by_row], notes,
        (1 if aggregated and "total" not in leaf else 3) if leaf & MEASURES else 2)


def _name(field: Field) -> str:
    """What the dimension is called: the field, or what it is the value of."""
    names = ["_".join(tokens(step)) or "x" for step in field.path if isinstance(step, str)]
    name = names[-1]
    if name in WRAPPERS and len(names) > 1 and names[-2] not in GENERIC:
        name = names[-2]
    return name[:60]


def _named(kept: list[Verdict]) -> list[Verdict]:
    """The verdicts under names of which there is no second."""
    counts: Counter = Counter()
    named = []
    for verdict in kept:
        counts[verdict.name] += 1
        number = counts[verdict.name]
        named.append(verdict._replace(name=verdict.name if number == 1 else
                                      f"{verdict.name}_{number}"))
    return named
