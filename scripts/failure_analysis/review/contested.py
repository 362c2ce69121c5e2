"""Reviewed failures that can be read in more than one way, in numbers: those whose deciding reader
says how else, and those on which readers differ."""

from collections import Counter

from failure_analysis import facts
from failure_analysis.review import ledger
from failure_analysis.review.counting import Counts


def reviews(counts: Counts) -> dict[str, list[ledger.Review]]:
    """Failing datapoints, in the order of the packet -> the reviews that give another reading of
    the decision, or those that differ where there is none. Those that readers alone failed are
    among them."""
    finals = {**counts.decided, **counts.open,
              **{ident: final for ident, final in counts.read.items() if final.verdict == "fail"
                 or is_open(final)}}
    given = {ident: [review for review in ledger.deciding_of(finals[ident].reviews)
                     if review.contested or is_open(finals[ident])]
             for ident in counts.index.outcomes if ident in finals}
    return {ident: its for ident, its in given.items() if its}


def is_open(final: ledger.Final) -> bool:
    """Whether readers differ on the verdict, the cause or the fault."""
    return None in (final.bucket, final.fault, final.verdict)


def other_fault(counts: Counts, ident: str) -> str:
    """Whose fault a decided failure is by the other reading; blank where none names another."""
    final = counts.decided.get(ident)
    named = {review.contested_fault for review in ledger.deciding_of(final.reviews)
             if review.contested_fault} if final else set()
    return named.pop() if len(named) == 1 else ""


def other_faults(counts: Counts) -> Counter[tuple[str, str]]:
    """Fault and model -> decided failures, each contested one read the other way."""
    return Counter((other_fault(counts, ident) or final.fault, counts.index.outcomes[ident].model)
                   for ident, final in counts.decided.items())


def might_pass(counts: Counts, model: str, faults: Counter[tuple[str, str]]) -> int:
    """What `counting.might_pass` counts, by these faults."""
    return counts.reviewed[model] - faults["model_error", model] - faults["mixed", model]


def high(counts: Counts, model: str, faults: Counter[tuple[str, str]]) -> float:
    """The upper end of a model's pass rate by these faults, in %."""
    passed = counts.judged[model] - counts.failing[model]
    return round(100 * (passed + might_pass(counts, model, faults)) / counts.judged[model], 1)


def numbers(counts: Counts) -> dict[str, int | float]:
    """The facts of what is contested, with the faults and rates that it gives read the other way;
    none where nothing is."""
    marked = reviews(counts)
    if not marked:
        return {}
    faults, outcomes = other_faults(counts), counts.index.outcomes
    by_model = Counter(outcomes[ident].model for ident in marked)
    values: dict[str, int | float] = {"review/contested": len(marked)}
    values |= {facts.key("review/contested", model): count for model, count in by_model.items()}
    for fault in ledger.FAULTS:
        values[f"review/other_fault/{fault}"] = sum(faults[fault, model] for model in counts.judged)
        values |= {facts.key("review/other_fault", fault, model): faults[fault, model]
                   for model in counts.judged}
    return values | {
        facts.key("review/other_pass_rate_high_pct", model): high(counts, model, faults)
        for model in counts.judged}
