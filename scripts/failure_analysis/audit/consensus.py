"""Leads from how the models stand to each other: they agree against the gold, or the good ones fail
what the weak ones pass. Neither is a suspicion; both say what to read first."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import prod
from statistics import fmean

from failure_analysis.audit import golds, normal
from failure_analysis.audit.alike import alike
from failure_analysis.audit.candidates import Candidate, candidate, variant
from failure_analysis.audit.final import final
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.values import number
from failure_analysis.audit.whole import Whole
from failure_analysis.statistics import mann_whitney_interval, mann_whitney_shares, rank_biserial

# Of 100 items on which so many models agree against the gold, how many have a wrong one: simulated,
# tests/benchmarks/consensus_precision.py, which says what it supposes. More models: as with most.
PRECISION = {2: .24, 3: .23, 4: .46, 5: .61, 6: .52, 7: .65, 8: .74, 9: .67, 10: .74, 11: .84,
             12: .70, 13: .83, 14: .83, 15: .84, 16: .83, 17: .85, 18: .88, 19: .85, 20: .89}
_FEWEST_MODELS = 4  # for the order of models to say anything of an item
_LEAST_EFFECT = .6  # of the order of models, where those that fail agree on one answer
_FEWEST_OTHERS = 10  # judged datapoints of a model on other items, for its rate
_MOST = .5  # of the other items
_SEVERAL = 3  # models that fail an item before it is a lead
ALL_BY_CHANCE = "failed_by_all/by_chance"
MULTIPLICITY = "discrimination"  # what is counted of it: items tested, candidates by chance


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The leads of one item."""
    yield from _failed_by_all(item, whole)
    yield from _consensus(item, whole)
    yield from _discrimination(item, whole)


def _failed_by_all(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The item, where three models or more were judged on it and nobody passed: hard for all, or
    the benchmark's fault. Counts how often that would be were failures independent."""
    judged = [row for row in item.rows if row.outcome != "unjudged"]
    models = {row.model for row in judged}
    if len(models) < _SEVERAL:
        return
    whole.counted[ALL_BY_CHANCE] += prod(1 - whole.models[model][1] / whole.models[model][0]
                                         for model in models)
    if any(row.outcome == "pass" for row in judged):
        return
    first = {row.model: row for row in reversed(judged)}
    gold = golds.plain(item.expected)
    check, alone = _one_check(judged)
    yield candidate(
        item, "failed_by_all", "one_check" if check else "nobody_passed",
        f"All {len(models)} models failed it, in {len(judged)} attempts"
        + (f"; {len(alone)} of them met all checks but what no attempt met." if check else "."), [
            variant("question", item.question),
            *([variant("expected", gold)] if gold is not None else []),
            *([variant("what no attempt met", check, alone)] if check else []),
            *(variant("failed", row.answer or row.judge, [row])
              for _, row in sorted(first.items())[:_SEVERAL])],
        alone if check else judged, models=len(models), attempts=len(judged))


def _one_check(judged: Sequence[Seen]) -> tuple[str, list[Seen]]:
    """(what no attempt met of several checks, the attempts of several models that failed by nothing
    else): dimensions, or lines of what a judge says; blank where there is no such thing."""
    failed = [(row, reasons) for row in judged if (reasons := _reasons(row))]
    common = set.intersection(*(reasons for _, reasons in failed)) if failed else set()
    alone = [row for row, reasons in failed if reasons == common]
    others = any(reasons != common or any(score is True for score in row.scores.values())
                 for row, reasons in failed)
    several = len({row.model for row in alone}) >= _SEVERAL
    return ("\n".join(sorted(common)), alone) if others and several else ("", [])


def _reasons(row: Seen) -> set[str]:
    """The checks that an attempt failed, of several, or the lines with which its judge begins."""
    judged = [score for score in row.scores.values() if score is True or score is False]
    said = row.judge.strip().partition("\n\n")[0]
    return {line.strip() for line in (row.failed if len(judged) > 1 else said.splitlines())
            if line.strip()}


def expected_precision(models: int) -> float:
    """The precision that agreement against the gold has with so many models."""
    return PRECISION[max((known for known in PRECISION if known <= models), default=2)]


def _consensus(item: Item, whole: Whole) -> Iterator[Candidate]:
    """At least two thirds of the models, two or more, fail with one same answer, which nobody
    passes with, and are no weaker than all together: weak ones share their mistakes, so of models
    that fail most of the other items all must agree. A model that repeats the item says what it
    says most often."""
    gold = golds.plain(item.expected)
    judged = [row for row in item.rows if row.outcome != "unjudged"]
    models = {row.model for row in judged}
    if gold is None or len(models) < 2:
        return
    said: dict[str, Counter] = defaultdict(Counter)
    texts: dict[str, list[Seen]] = defaultdict(list)
    for row in judged:
        if answer := key_of(row.answer):
            said[row.model][answer] += 1
            texts[answer].append(row)
    usual = Counter(max(sorted(counts), key=counts.__getitem__) for counts in said.values())
    answer, agreeing = max(sorted(usual.items()), key=lambda pair: pair[1], default=("", 0))
    if agreeing < 2 or 3 * agreeing < 2 * len(models) \
            or (agreeing < len(models) and _are_weak(models, judged, whole)) \
            or any(row.outcome == "pass" for row in texts[answer]):
        return
    rows = texts[answer]
    text = final(rows[0].answer).text
    if alike(text, gold, "") or _are_weaker({row.model for row in rows}, judged, whole):
        return
    yield candidate(
        item, "consensus_against_gold", "two_thirds_agree",
        f"{agreeing} of {len(models)} models give one answer, which is not what is expected.",
        [variant("question", item.question), variant("expected", gold),
         variant("failed", text, rows)], rows, models=len(models), agreeing=agreeing,
        expected_precision=expected_precision(len(models)))


def _are_weaker(some: set[str], judged: Sequence[Seen], whole: Whole) -> bool:
    """Whether some models pass less than all do on all other items; no where a model has too few
    of them."""
    rates = _rates(judged, whole)
    return bool(rates) and fmean(rates[model] for model in some) < fmean(rates.values())


def _are_weak(models: set[str], judged: Sequence[Seen], whole: Whole) -> bool:
    """Whether models fail most of all other items; no where one has too few of them."""
    rates = _rates(judged, whole)
    return bool(rates) and fmean(rates[model] for model in models) < _MOST


def _rates(judged: Sequence[Seen], whole: Whole) -> dict[str, float]:
    """The pass rates of the models of an item on all others; none where one has too few."""
    here, passed = (Counter(row.model for row in judged if outcome in ("", row.outcome))
                    for outcome in ("", "pass"))
    if any(whole.models[model][0] - here[model] < _FEWEST_OTHERS for model in here):
        return {}
    return {model: (whole.models[model][1] - passed[model]) / (whole.models[model][0] - here[model])
            for model in here}


def key_of(answer: str) -> str:
    """What equal answers share: of the answer that a response ends in; blank where none is sure."""
    text = final(answer).text
    if not text:
        return ""
    value = number(text)
    return f"{value[0]} {value[1]}".strip() if value else normal.key(text)


def _discrimination(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The models that fail the item are better on all others than those that pass it: so much so
    that the interval says it, or clearly and most of them fail with one same answer."""
    judged: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in item.rows:
        if row.outcome != "unjudged":
            judged[row.model][0] += 1
            judged[row.model][1] += row.outcome == "pass"
    rates: dict[bool, list[tuple[float, str]]] = {True: [], False: []}
    for model, (attempts, passed) in judged.items():
        others = whole.models[model][0] - attempts
        if others >= _FEWEST_OTHERS and 2 * passed != attempts:
            rate = (whole.models[model][1] - passed) / others
            rates[2 * passed > attempts].append((rate, model))
    passing, failing = (sorted(rates[state], reverse=True) for state in (True, False))
    if len(passing) + len(failing) < _FEWEST_MODELS or not passing or not failing:
        return
    effect = rank_biserial([rate for rate, _ in failing], [rate for rate, _ in passing])
    whole.counted[f"{MULTIPLICITY}/items"] += 1
    whole.counted[f"{MULTIPLICITY}/by_chance"] += by_chance(len(failing), len(passing))
    agree = _agree(item, {model for _, model in failing})
    if effect.interval.low <= 0 and not (effect.value >= _LEAST_EFFECT and agree):
        return
    sides = [variant(label, "\n".join(f"{100 * rate:.1f} % {model}" for rate, model in side),
                     [row for row in item.rows if row.outcome == outcome])
             for label, outcome, side in (("failed, with their pass rates on all other items",
                                           "fail", failing),
                                          ("passed, with theirs", "pass", passing))]
    yield candidate(
        item, "discrimination", "good_fail_alike" if agree else "good_fail_weak_pass",
        f"The {len(failing)} models that fail are better on all other items than the "
        f"{len(passing)} that pass (rank-biserial {effect.value:.2f}, {effect.interval.low:.2f} to "
        f"{effect.interval.high:.2f}){', most of them with one same answer' if agree else ''}.",
        [variant("question", item.question), variant("expected", normal.written(item.expected)),
         *sides], [row for row in item.rows if row.outcome != "unjudged"],
        models=len(passing) + len(failing), rank_biserial=round(effect.value, 4),
        low=round(effect.interval.low, 4), high=round(effect.interval.high, 4))


def _agree(item: Item, failing: set[str]) -> bool:
    """Whether most of the models that fail, two or more, fail with one same answer."""
    said: dict[str, set[str]] = defaultdict(set)
    for row in item.rows:
        if row.model in failing and row.outcome == "fail" and (answer := key_of(row.answer)):
            said[answer].add(row.model)
    most = max(map(len, said.values()), default=0)
    return most > 1 and 2 * most >= len(failing)


@lru_cache
def by_chance(failing: int, passing: int) -> float:
    """How likely an item is a candidate at most where failing it has nothing to do with how good a
    model is: exact, over all orders of the models, as if those that fail agreed."""
    pairs = failing * passing
    return sum(share for wins, share in enumerate(mann_whitney_shares(failing, passing))
               if 2 * wins / pairs - 1 >= _LEAST_EFFECT
               or 2 * mann_whitney_interval(wins / pairs, failing, passing).low > 1)
