"""A fault of an item, and what the rules that find one have in common."""

from collections import Counter
from typing import Any, NamedTuple

from failure_analysis.audit import final as finals
from failure_analysis.audit import golds, normal
from failure_analysis.audit.candidates import Variant, variant
from failure_analysis.audit.item import Item
from failure_analysis.audit.profile import FEWEST_SIBLINGS
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.whole import Whole

ODD = .1  # of the golds of a kind: what more are like is how that benchmark writes


class Fault(NamedTuple):
    """What a rule has found: in our words, the sides, whose verdicts are in doubt, numbers."""

    what: str
    variants: list[Variant]
    disputed: list[Seen] | None = None  # None: of all that was judged
    numbers: dict[str, float] = {}


def sides(item: Item, gold: Any, *more: Variant) -> list[Variant]:
    """The question and its gold, then more."""
    return [variant("question", item.question), variant("expected", normal.written(gold)), *more]


def final(answer: str) -> str:
    """The answer that a response ends in, where it is sure."""
    return finals.final(answer).text


def is_odd(whole: Whole, item: Item, name: str) -> bool:
    """Whether few of the golds of the item's task are like this one in some respect."""
    counts = whole.profile.tasks.get(golds.task_of(item.rows), Counter())
    return counts["golds"] > FEWEST_SIBLINGS and counts[name] <= max(1, ODD * counts["golds"])


def judged_models(item: Item) -> set[str]:
    """The models whose answers to an item were judged."""
    return {row.model for row in item.rows if row.outcome != "unjudged"}


def agreed(item: Item, rows: list[Seen]) -> bool:
    """Whether rows that say one thing are of two models, half of all, and none of them passed."""
    models = {row.model for row in rows}
    return len(models) > 1 and 2 * len(models) >= len(judged_models(item)) \
        and all(row.outcome != "pass" for row in rows)


def figures_of(item: Item, whole: Whole) -> Counter:
    """What the golds of the same question with other data, else of the same task, are like in their
    numbers; empty where there are too few."""
    task = golds.task_of(item.rows)
    counts = (whole.profile.figures.get((task, key), Counter())
              for key in (whole.profile.template(item.question), ""))
    return next((some for some in counts if some["numbers"] > FEWEST_SIBLINGS), Counter())


def is_usual(counts: Counter, name: str) -> bool:
    """Whether all golds with numbers but a few are so."""
    missing = counts["numbers"] - counts[name]
    return bool(counts) and missing <= max(1, ODD * counts["numbers"])
