"""Which fields of a file say whether an answer is right, and which of their values pass."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from failure_analysis.drafting.field_names import spellings, tokens
from failure_analysis.drafting.survey import Field
from failure_analysis.drafting.verdict_words import (
    CONTAINERS,
    FAIL,
    GENERIC,
    LAST,
    LETTERS,
    MEASURES,
    METRIC_WORDS,
    METRICS,
    NEVER_MEASURES,
    NO,
    NO_MEASURES,
    NOT_JUDGED,
    PASS,
    PERHAPS_FAIL,
    PERHAPS_JUDGED,
    PERHAPS_UNJUDGED,
    RUBRICS,
    SETTINGS,
    STATUS,
    UNJUDGED,
    WRAPPERS,
    YES,
)
from failure_analysis.reading.delimited import cell

_IS_IT = "CHECK: is it this that says right or wrong?"


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


class Judged(NamedTuple):
    """The dimensions, the surest first, and what could be dimensions in their place or too."""

    kept: list[Verdict]
    others: list[Verdict]


def verdicts(fields: Sequence[Field]) -> Judged:
    """The fields of the innermost level that judge, those that say the same as an earlier one left
    out."""
    judged = [verdict for field in fields if field.is_own and (verdict := verdict_of(field))] or [
        verdict for field in fields if field.is_own and (verdict := _perhaps(field))]
    judged.sort(key=lambda verdict: (-verdict.strength, len(verdict.field.path)))
    if any(_IS_IT in verdict.notes for verdict in judged[:1]):
        judged = sorted(judged, key=lambda verdict: len(verdict.notes))[:1]
    kept: list[Verdict] = []
    others: list[Verdict] = []
    for verdict in judged:
        if kept and (verdict.strength < 2 or verdict.field.share < kept[0].field.share / 2):
            continue
        if kept and "at_least" in verdict.rule and verdict.rule["at_least"] != 1 and (
                "at_least" not in kept[0].rule or kept[0].rule["at_least"] == 1 or
                _is_overall(kept[0].field)):
            # A part of the verdict, or what it was made from.
            if verdict.field.path[:-1] == kept[0].field.path[:-1] and _is_in_rubric(verdict):
                others.append(verdict._replace(notes=["CHECK: a dimension of its own?",
                                                      *verdict.notes]))
            continue
        if all(_differ(verdict, other) for other in kept):
            kept.append(verdict)
    kept, metrics = _without_alternatives(kept, fields)
    named = _named([*kept[:12], *metrics, *others])
    return Judged(_questioned(named[:len(kept[:12])]), named[len(kept[:12]):])


def _perhaps(field: Field) -> Verdict | None:
    """What a truth value or a word in the model's output says, where nothing else judges."""
    path = tuple(step for step in field.path
                 if not isinstance(step, str) or not set(tokens(step)) & PERHAPS_JUDGED)
    if len(path) == len(field.path) or path[-1:] != field.path[-1:]:
        return None
    verdict = verdict_of(field._replace(path=path))
    if verdict is None or "at_least" in verdict.rule or (
            verdict.strength < 2 and not set(tokens(field.leaf)) & (STATUS | GENERIC)):
        return None
    notes = [note for note in verdict.notes if note != _IS_IT]
    return verdict._replace(field=field, notes=[*notes, _IS_IT])


def _without_alternatives(kept: list[Verdict], fields: Sequence[Field]
                          ) -> tuple[list[Verdict], list[Verdict]]:
    """(the verdicts, of several metrics of one answer the main one alone, the other metrics)."""
    metrics = [verdict for verdict in kept if set(tokens(verdict.field.leaf)) & METRIC_WORDS or
               re.fullmatch("pass_[0-9]+", _metric(verdict))]
    if metrics:
        metrics += [verdict for verdict in kept if _metric(verdict) in ("correct", "is_correct")]
    metrics = [verdict for verdict in metrics
               if verdict.field.path[:-1] == metrics[0].field.path[:-1]]
    if len(metrics) < 2:
        return kept, []
    named = [value for field in fields if field.leaf in ("metrics", "metric", "main_metric")
             for value in field.values[:1]]
    ranks = [name for value in named for name in (value if isinstance(value, list) else [value])]
    main = min(metrics, key=lambda verdict: (
        _place(verdict.field.leaf, ranks), _place(_metric(verdict), METRICS),
        len(verdict.field.leaf)))
    rest = [verdict for verdict in metrics if verdict is not main]
    asked = main._replace(notes=[*main.notes, "CHECK: of several metrics of one answer, is this "
                                 "the one that counts?"])
    return [asked if verdict is main else verdict for verdict in kept if verdict not in rest], [
        verdict._replace(notes=["CHECK: another metric of the same answer, in its place",
                                *verdict.notes]) for verdict in rest]


def _place(name: str, ranked: Sequence[str]) -> int:
    return ranked.index(name) if name in ranked else len(ranked)


def _metric(verdict: Verdict) -> str:
    return "_".join(tokens(verdict.field.leaf))


def _is_in_rubric(verdict: Verdict) -> bool:
    return any(set(tokens(str(step))) & RUBRICS for step in verdict.field.path[:-1])


def _questioned(kept: list[Verdict]) -> list[Verdict]:
    """The verdicts, with a question where a row must pass all, and that says another thing than
    each alone, and no rubric holds them together."""
    together = [min((outcome for outcome in outcomes if outcome is not None), default=None)
                for outcomes in zip(*(verdict.outcomes for verdict in kept), strict=True)]
    if len(kept) < 2 or any(verdict.outcomes == together for verdict in kept):
        return kept
    return [verdict if place == 0 or _is_in_rubric(verdict) or _told(verdict) else
            verdict._replace(notes=[*verdict.notes, "CHECK: must this hold too?"])
            for place, verdict in enumerate(kept)]


def _told(verdict: Verdict) -> bool:
    return any(note.startswith("CHECK") for note in verdict.notes)


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
        measure = _spelled(field, leaf, words)
        if measure is not None:
            return measure
    if field.are(str, bool):
        return _words(field, leaf, words)
    if field.are(int, float):
        return _measure(field, leaf, words)
    return None


def _spelled(field: Field, leaf: set[str], words: set[str]) -> Verdict | None:
    """What numbers say that are spelled as text, words for "not judged" among them or not."""
    numbers = [cell(value) for value in field.by_row]
    neither = {number: None for number in numbers if isinstance(number, str)
               and _plainly(number) in UNJUDGED}
    numbers = [None if isinstance(number, str) and number in neither else number
               for number in numbers]
    spelled = field._replace(by_row=numbers, values=[
        number for number in numbers if number is not None])
    if not spelled.are(int, float) or len(spelled.values) * 2 < len(field.values):
        return None
    verdict = _measure(spelled, leaf, words)
    if verdict is None or not neither:
        return verdict
    rule = {"unjudged": [*verdict.rule.get("unjudged", []), *neither], **{
        name: value for name, value in verdict.rule.items() if name != "unjudged"}}
    return verdict._replace(rule=rule, field=field, notes=[*verdict.notes, *_doubts(neither)])


def _doubts(values: Iterable[str]) -> list[str]:
    """Questions about words that one benchmark counts as failures and another does not count."""
    notes = []
    for value in values:
        if _plainly(value) in PERHAPS_FAIL:
            notes.append(f"CHECK: {value!r} is unjudged, or a failure?")
        elif _plainly(value) in PERHAPS_UNJUDGED:
            notes.append(f"CHECK: {value!r} fails, or is unjudged?")
    return notes[:3]


def _truth(field: Field, leaf: set[str], words: set[str]) -> Verdict | None:
    if leaf & NO:
        return Verdict(field, _name(field), {"pass": [False]}, [
            None if value is None else value is False for value in field.by_row],
            ["CHECK: false passes here"], 1)
    if leaf & SETTINGS:
        return None
    strength = 5 if leaf & YES else 2 if words & (YES | GENERIC) - CONTAINERS else 1
    notes = [] if strength > 1 else [_IS_IT]
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
    notes += _doubts(value for value in counts if value not in rest)
    if not passing:
        notes.append("CHECK: no value here passes; which one would?")
        passing = [_would_pass(set(plain.values()))]
    if leaf & {"status", "state"} and {plain.get(value) for value in passing} <= {
            "completed", "ok", "success"}:
        notes.append("CHECK: does it say that the answer is right, or that the run ended?")
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
