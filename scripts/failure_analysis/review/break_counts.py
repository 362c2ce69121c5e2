"""Where in the run the reviewed failures broke, in numbers: by agent, by third of the run, and how
many steps it went on."""

import statistics
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from failure_analysis import facts
from failure_analysis.review import ledger
from failure_analysis.review.counting import Counts

THIRDS = ("first", "middle", "last")


class Break(NamedTuple):
    """Where a decided failure broke: the index of the step out of how many `steps`, whose it is,
    and whether a reader who decides named others of which each would have done."""

    model: str
    agent: str
    index: int
    steps: int
    has_also: bool

    @property
    def third(self) -> str:
        """The third of the run that the step is in."""
        return THIRDS[len(THIRDS) * self.index // self.steps]

    @property
    def to_end(self) -> int:
        """How many steps follow."""
        return self.steps - 1 - self.index


class Quartiles(NamedTuple):
    """The median and the quartiles, between two numbers in proportion."""

    low: float
    median: float
    high: float


def breaks(counts: Counts) -> dict[str, Break]:
    """Where each failure broke that is decided and whose readers name one and the same step."""
    return {ident: _break(counts, ident, final) for ident, final in counts.decided.items()
            if final.step and _is_in(final.step, counts.steps.get(ident, 0))}


def _is_in(step: str, steps: int) -> bool:
    """Whether a run of so many steps has this one: a ledger edited by hand may say anything."""
    return step.isdecimal() and int(step) < steps


def _break(counts: Counts, ident: str, final: ledger.Final) -> Break:
    deciding = ledger.deciding_of(final.reviews)
    # Who names an agent alone may mean another one; that of the step was held against it.
    agent = next(review.agent for review in deciding if review.step)
    return Break(counts.index.outcomes[ident].model, agent, int(final.step), counts.steps[ident],
                 any(review.also for review in deciding))


def is_located(counts: Counts) -> bool:
    """Whether any reader who counts names a step of a failure."""
    return any(review.step for final in (*counts.decided.values(), *counts.open.values())
               for review in final.reviews)


def with_steps(counts: Counts) -> int:
    """How many of the reviewed failures have steps at all."""
    return sum(counts.steps.get(ident, 0) > 0 for ident in (*counts.decided, *counts.open))


def differing(counts: Counts) -> int:
    """On how many decided failures the readers name different steps."""
    return sum(final.step is None for final in counts.decided.values())


def quartiles(breaks: Iterable[Break]) -> Quartiles:
    """Of the steps from the error to the end."""
    values = [each.to_end for each in breaks]
    ends = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return Quartiles(*(int(end) if end == int(end) else round(end, 2) for end in ends))


def numbers(counts: Counts) -> dict[str, int | float]:
    """The facts of where it broke; none where nobody names a step."""
    if not is_located(counts):
        return {}
    found = breaks(counts)
    values: dict[str, int | float] = {
        "review/have_steps": with_steps(counts), "review/with_step": len(found),
        "review/step_open": differing(counts),
        "review/with_also": sum(each.has_also for each in found.values()),
        **{f"review/by_third/{third}": sum(each.third == third for each in found.values())
           for third in THIRDS}}
    by_agent = Counter(each.agent for each in found.values())
    by_both = Counter((each.agent, each.model) for each in found.values())
    values |= {f"review/by_agent/{agent_key(agent)}": count for agent, count in by_agent.items()}
    values |= {f"review/by_agent/{agent_key(agent)}/{facts.key(model)}": count
               for (agent, model), count in by_both.items()}
    if found:
        low, median, high = quartiles(found.values())
        values |= {"review/steps_to_end": median, "review/steps_to_end_low": low,
                   "review/steps_to_end_high": high}
    return values


def agent_key(agent: str) -> str:
    """An agent as a part of a key; a model may follow, so it holds no slash."""
    key = facts.key(agent)
    return facts.whole(key) if "/" in key else key
