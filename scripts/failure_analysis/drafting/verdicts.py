"""Which fields of a file say whether an answer is right, and which of their values pass."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from failure_analysis.drafting.field_names import spellings, tokens
from failure_analysis.drafting.survey import Field
from failure_analysis.reading.delimited import cell

_PASS = frozenset(("pass", "passed", "correct", "true", "yes", "y", "success", "successful",
                   "succeeded", "resolved", "ok", "c", "right", "accepted", "valid", "satisfied",
                   "solved", "positive", "good", "1", "richtig", "ja", "reached", "achieved", "met",
                   "completed"))
_FAIL = frozenset(("fail", "failed", "incorrect", "false", "no", "n", "failure", "unresolved",
                   "wrong", "i", "p", "rejected", "invalid", "unsatisfied", "bad", "timeout",
                   "timed_out", "not_attempted", "partial", "partially_correct", "negative", "0",
                   "falsch", "nein", "incomplete", "not_resolved", "lose", "missed", "unmet",
                   "unsolved"))
_UNJUDGED = frozenset(("error", "skipped", "skip", "na", "n_a", "unknown", "infra_error",
                       "api_error", "inconclusive", "pending", "not_graded", "ungraded", "errored",
                       "unjudged", "cancelled", "invalid_judge", "judge_error", "system_error",
                       "infrastructure_error", "exception", "none", "null", "nan", "crashed"))
# Words of two-word values ("goal_missed") that say it alone.
_LAST = frozenset(("reached", "achieved", "met", "missed", "unmet", "crashed", "errored", "failed",
                   "passed", "succeeded", "completed", "solved", "unsolved"))
_LETTERS = frozenset(("c", "i", "p", "n"))
# Values that the harness, not the model, brought about.
INFRASTRUCTURE = frozenset(("infra_error", "infrastructure_error", "api_error", "unexpected_error",
                            "harness_error", "connection_error", "rate_limit", "system_error"))
# Words in the names of lists of ids.
PASSING = frozenset(("resolved", "passed", "pass", "correct", "success", "successful", "solved"))
WORDS = PASSING | {"unresolved", "failed", "fail", "incorrect", "error", "empty", "wrong"}
_YES = frozenset((
    "correct", "correctness", "pass", "passed", "passes", "success", "successful", "succeeded",
    "ok", "resolved", "solved", "valid", "met", "accepted", "match", "matched", "right", "win",
    "won", "utility", "satisfied", "achieved", "verdict", "grade", "fulfilled", "score", "reward",
    "acc", "accuracy", "em", "exact", "judgement", "judgment", "solves", "richtig"))
_NO = frozenset(("error", "failed", "fail", "failure", "timeout", "truncated", "cached", "exceeded",
                 "invalid", "incorrect", "wrong", "refused", "hallucinated", "hallucination",
                 "buggy"))
_SETTINGS = frozenset(("public", "private", "stream", "shuffled", "deleted", "archived", "enabled",
                       "debug", "verbose", "sampled", "has", "streaming", "final", "done"))
_STATUS = frozenset(("status", "result", "outcome", "label", "value", "evaluation", "decision",
                     "rating", "state", "key", "base", "plus", "judge"))
_MEASURES = frozenset((
    "score", "reward", "accuracy", "acc", "em", "exact", "match", "f1", "bleu", "rouge", "rougel",
    "faithfulness", "relevancy", "relevance", "precision", "recall", "correctness", "rating",
    "grade", "similarity", "quality", "points", "pass", "passed", "correct", "success", "resolved",
    "helpfulness", "coherence", "fluency", "bertscore", "s"))
_NO_MEASURES = frozenset((
    "token", "tokens", "latency", "time", "cost", "count", "num", "n", "index", "idx", "id", "ids",
    "temperature", "prob", "logprob", "logprobs", "length", "len", "threshold", "max", "min",
    "seed", "step", "weight", "weights", "total_count", "std", "stderr", "version", "best", "mean",
    "average", "avg", "config", "top", "penalty", "named", "tests", "stats"))
_NEVER_MEASURES = frozenset(("n", "num", "count", "threshold", "usage", "temperature", "config",
                             "model", "instances", "samples", "examples"))
_NOT_JUDGED = frozenset((
    "expected", "target", "gold", "answer", "prediction", "pred", "reference", "truth", "ideal",
    "question", "prompt", "input", "category", "task", "type", "model", "arguments", "response",
    "output", "choices", "metadata", "config", "test_case", "picked", "sampled", "options",
    "filtered", "labels", "usage"))
_WRAPPERS = frozenset(("value", "score", "result", "mean", "avg", "status", "verdict", "pass",
                       "passed", "label", "grade", "correct", "success", "key"))
_GENERIC = frozenset(("scores", "score", "results", "result", "metrics", "metric", "evaluation",
                      "eval", "grading", "judge", "data", "grades", "evals", "value"))


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
    judged = [verdict for field in fields if field.is_own and (verdict := _verdict(field))]
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
    return _verdict(field) is not None


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


def _verdict(field: Field) -> Verdict | None:
    """What a field says, when it is one that judges."""
    words = {word for step in field.path for word in tokens(str(step))}
    leaf = set(tokens(field.leaf))
    parents = {"_".join(tokens(str(step))) for step in field.path[:-1]}
    if parents & {"parser_results", "test_results", "checks", "tests"}:
        return None  # they are checks by name
    if leaf & _NOT_JUDGED and not leaf & (_YES | _MEASURES) or parents & (_NOT_JUDGED - {"answer"}):
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
    if leaf & _NO:
        return Verdict(field, _name(field), {"pass": [False]}, [
            None if value is None else value is False for value in field.by_row],
            ["CHECK: false passes here"], 1)
    if leaf & _SETTINGS:
        return None
    strength = 5 if leaf & _YES else 2 if words & (_YES | _GENERIC) else 1
    notes = [] if strength > 1 else ["CHECK: is it this that says right or wrong?"]
    return Verdict(field, _name(field), {}, [
        value if isinstance(value, bool) else None for value in field.by_row], notes, strength)


def _plainly(value: str) -> str:
    """A value as a word, without what all such values share: goal_reached is reached."""
    words = tokens(value)
    last = words[-1] if words else ""
    return last if len(words) == 2 and last in _LAST else "_".join(words)


def _words(field: Field, leaf: set[str], words: set[str]) -> Verdict | None:
    """A field whose values are words for pass and fail."""
    counts = Counter(value for value in field.values if isinstance(value, str))
    plain = {value: _plainly(value) for value in counts}
    if not counts or len(counts) > 12 or any(len(value) > 40 for value in counts):
        return None
    judging = {value for value in counts if plain[value] in _PASS | _FAIL}
    letters = set(plain.values()) & (_LETTERS | {"y"})
    if letters and not (set(plain.values()) - {"", "na"} <= _LETTERS or "y" in letters):
        return None
    if letters == set(plain.values()) and len(letters) == 1:
        return None
    at_ease = bool(words & (_YES | _STATUS | _GENERIC))
    if not judging or sum(counts[value] for value in judging) * 2 < sum(counts.values()):
        return None
    if not at_ease and not set(plain.values()) & {"pass", "passed", "fail", "failed", "correct",
                                                  "incorrect", "resolved", "unresolved", "true",
                                                  "false", "reached", "missed"}:
        return None
    passing = [value for value in counts if plain[value] in _PASS]
    unjudged = [value for value in counts if plain[value] in _UNJUDGED or not plain[value]]
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
        for value in field.by_row], notes, 4 if leaf & (_YES | _STATUS) else 2)


def _would_pass(words: set[str]) -> str:
    """The word that goes with these for what fails."""
    pairs = {"incorrect": "correct", "wrong": "correct", "unresolved": "resolved", "false": "True",
             "no": "yes", "i": "C", "failed": "passed", "invalid": "valid"}
    return next((pairs[word] for word in pairs if word in words), "pass")


def _measure(field: Field, leaf: set[str], words: set[str]) -> Verdict | None:
    """A number that measures, with a threshold that is a guess unless there are only 0 and 1."""
    numbers = [value for value in field.values if type(value) in (int, float)]
    wrapped = leaf & {"value", "mean", "avg"} and words & (_GENERIC | _MEASURES)
    named = leaf & _MEASURES or wrapped
    if not named or words & _NEVER_MEASURES or (
            leaf & _NO_MEASURES and not leaf & _YES and not wrapped):
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
        (1 if aggregated and "total" not in leaf else 3) if leaf & _MEASURES else 2)


def _name(field: Field) -> str:
    """What the dimension is called: the field, or what it is the value of."""
    names = ["_".join(tokens(step)) or "x" for step in field.path if isinstance(step, str)]
    name = names[-1]
    if name in _WRAPPERS and len(names) > 1 and names[-2] not in _GENERIC:
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
    if not words or not words <= _PASS | _FAIL | _UNJUDGED:
        return None
    passing = sorted({inner for inner in said if "_".join(tokens(inner)) in _PASS})
    return Checks(field, "key", "value", "", {"pass": passing or ["passed"]}, [], names)


def _checks(field: Field, parts: list[dict]) -> Checks | None:
    from failure_analysis.drafting.survey import fields_of

    inner = fields_of([_LEVEL], [(part,) for part in parts])
    named = sorted((place, len(other.path), other.expression, other) for other in inner
                   if other.are(str) and (place := _place(other, _NAME_KEYS)) is not None and
                   other.share > 0.9)
    judged = [verdict for other in inner if (verdict := _verdict(other)) and
              verdict.strength > 1 and other.share > 0.5]
    if not named:
        return None
    if not judged:
        return _measured(field, named[0][-1], inner)
    judged.sort(key=lambda verdict: (-verdict.strength, len(verdict.field.path)))
    name, verdict = named[0][-1], judged[0]
    if name.expression == verdict.field.expression or "response" in {
            part for other in inner for part in tokens(other.leaf)}:
        return None
    reason = next((other.expression for key in _REASON_KEYS for other in inner
                   if other.leaf == key and other.are(str)), "")
    return Checks(field, name.expression, verdict.field.expression, reason, verdict.rule,
                  verdict.notes, Counter(name.values))


def _measured(field: Field, name: Field, inner: Sequence[Field]) -> Checks | None:
    """A list of named numbers (name, mean), of which those called as measures judge."""
    value = next((other for other in inner if other.leaf in ("mean", "value") and
                  other.are(int, float) and other.share > 0.5), None)
    only = [text for text in name.distinct if isinstance(text, str) and
            set(tokens(text)) & _MEASURES and not set(tokens(text)) & _NO_MEASURES][:8]
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
