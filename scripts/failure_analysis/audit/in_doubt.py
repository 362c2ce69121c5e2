"""Flags of one kind that move a model's rate: a grader that wants another form fails hundreds of
right answers in one way, which shows in none of them alone."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from failure_analysis import facts
from failure_analysis.audit.candidates import Candidate
from failure_analysis.audit.item import Item
from failure_analysis.audit.whole import Whole
from failure_analysis.markdown import code, table

# Classes of which the failing datapoints in doubt may have been right.
CLASSES = ("same_answer_other_verdict", "strict_match")
_COUNTED = "in_doubt"
_FEWEST, _LEAST_POINTS = 10, 5
_MOST_SAID = 3


class Moved(NamedTuple):
    """The failing datapoints of a model that flags of one class and rule doubt, and the model's
    judged and passing ones."""

    klass: str
    rule: str
    model: str
    doubted: int
    judged: int
    passed: int

    @property
    def rate(self) -> float:
        """The pass rate in % as judged."""
        return 100 * self.passed / self.judged

    @property
    def then(self) -> float:
        """The pass rate in %, had the doubted ones passed."""
        return 100 * (self.passed + self.doubted) / self.judged


def count(one: Candidate, item: Item, whole: Whole) -> None:
    """Counts the failing datapoints that a candidate doubts, by model."""
    if one.klass in CLASSES:
        disputed = set(one.disputed)
        for row in item.rows:
            if row.outcome == "fail" and row.ident in disputed:
                whole.counted[_COUNTED, one.klass, one.rule, row.model] += 1


def of_whole(whole: Whole) -> list[Moved]:
    """The rules that move a model's rate, as `moved`."""
    return moved({key[1:]: count for key, count in whole.counted.items() if key[0] == _COUNTED},
                 whole.models)


def moved(doubted: Mapping[tuple[str, str, str], int], models: Mapping[str, Iterable[int]]
          ) -> list[Moved]:
    """Of (class, rule, model) with the failing datapoints in doubt, and the judged and passed ones
    of each model: those that would move a rate by five points or more, most first."""
    found = [Moved(*key, count, *models[key[2]]) for key, count in doubted.items()
             if count >= _FEWEST]
    return sorted((one for one in found if one.then - one.rate >= _LEAST_POINTS),
                  key=lambda one: (-one.doubted, one))


def numbers(found: Iterable[Moved]) -> dict[str, int | float]:
    """The facts `audit/in_doubt/…` and `audit/pass_rate_if_passed_pct/…`."""
    values: dict[str, int | float] = {}
    for one in found:
        name = facts.key(f"{one.klass}.{one.rule}", one.model)
        values |= {f"audit/in_doubt/{name}": one.doubted,
                   f"audit/pass_rate_if_passed_pct/{name}": round(one.then, 1)}
    return values


def section(found: list[Moved]) -> list[str]:
    """What a page says of them; nothing where there are none."""
    if not found:
        return []
    lines = [[code(one.klass), code(one.rule), code(one.model), one.doubted, f"{one.rate:.1f} %",
              f"{one.then:.1f} %"] for one in found]
    return ["", "Flags of one kind that move a model's rate by five points or more. One cause may "
            "lie behind each line: read a few of its flags. The last column supposes that all of "
            "them passed, and is no finding until that is read.", "",
            table(["class", "rule", "model", "failing datapoints in doubt", "pass rate as judged",
                   "had they passed"], lines)]


def lines(found: list[Moved]) -> list[str]:
    """What a terminal says of them."""
    return [f"one kind behind many: {one.model} fails {one.doubted} datapoints by {one.klass} "
            f"({one.rule}): {one.rate:.1f} % as judged, {one.then:.1f} % had they passed"
            for one in found[:_MOST_SAID]]
