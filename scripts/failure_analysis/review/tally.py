"""What the ledger says in numbers: buckets, faults, coverage, and the pass rates that the faults
leave room for."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from failure_analysis import facts
from failure_analysis.datapoint import natural_key
from failure_analysis.packet import rows
from failure_analysis.review import ledger, reading_log

WHOLE = 0.95  # a datapoint counts as shown whole from this share of its characters on


class Rate(NamedTuple):
    """A model's pass rate as judged and the interval that the reviewed faults leave, in %."""

    as_judged: float
    low: float
    high: float


class Tally(NamedTuple):
    """The readers' decisions: `decided` and `open` are failing datapoints that were reviewed, with
    and without agreement; `wrong_pass` are passing ones whose verdict a reader calls wrong. Counts
    are per (bucket, model), (fault, model), model."""

    known: rows.Index
    reviews: list[ledger.Review]
    decided: dict[str, ledger.Final]
    open: dict[str, ledger.Final]
    wrong_pass: dict[str, ledger.Final]
    buckets: Counter[tuple[str, str]]
    faults: Counter[tuple[str, str]]
    judged: Counter[str]
    failing: Counter[str]
    reviewed: Counter[str]
    shown: dict[str, dict[str, float]]
    elsewhere: int


def load(folder: Path) -> Tally:
    """The tally of an analysis folder, as its ledger stands now."""
    known = rows.load(folder)
    return tally(known, ledger.load(folder), reading_log.seen(reading_log.load(folder)))


def tally(known: rows.Index, reviews: list[ledger.Review],
          shown: dict[str, dict[str, float]]) -> Tally:
    """Counts a ledger over the outcomes of its folder."""
    outcomes = known.outcomes
    decided: dict[str, ledger.Final] = {}
    open_: dict[str, ledger.Final] = {}
    wrong_pass: dict[str, ledger.Final] = {}
    elsewhere = 0
    for ident, final in ledger.finals(reviews).items():
        if ident not in outcomes:
            elsewhere += 1  # the packet was built from other runs
            continue
        if outcomes[ident].outcome != "fail":
            wrong_pass[ident] = final
        elif final.bucket and final.fault:
            decided[ident] = final
        else:
            open_[ident] = final
    judged = Counter(one.model for one in outcomes.values() if one.outcome != "unjudged")
    return Tally(
        known, reviews, decided, open_, wrong_pass,
        Counter((final.bucket, outcomes[ident].model) for ident, final in decided.items()),
        Counter((final.fault, outcomes[ident].model) for ident, final in decided.items()),
        judged, Counter(one.model for one in known.failing()),
        Counter(outcomes[ident].model for ident in (*decided, *open_)), shown, elsewhere)


def models(counted: Tally) -> list[str]:
    """The models with judged datapoints, most failing first."""
    return sorted(counted.judged, key=lambda name: (-counted.failing[name], name))


def bucket_order(counted: Tally, model: str | None = None) -> list[tuple[str, int]]:
    """(bucket, datapoints), largest first; of one model, or of all."""
    totals: Counter[str] = Counter()
    for (bucket, name), count in counted.buckets.items():
        if model in (None, name):
            totals[bucket] += count
    return sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))


def members(counted: Tally, bucket: str, model: str | None = None) -> list[str]:
    """The datapoints of a bucket (of one model), by item."""
    outcomes = counted.known.outcomes
    found = [ident for ident, final in counted.decided.items()
             if final.bucket == bucket and model in (None, outcomes[ident].model)]
    return sorted(found, key=lambda ident: (natural_key(outcomes[ident].item), ident))


def costs(counted: Tally, bucket: str, model: str) -> Counter[str]:
    """How many of a model's datapoints in a bucket failed each dimension."""
    outcomes = counted.known.outcomes
    return Counter(name for ident in members(counted, bucket, model)
                   for name in outcomes[ident].failed)


def might_pass(counted: Tally, model: str) -> int:
    """Reviewed failing datapoints of a model that might pass a benchmark without fault: those
    whose fault is the benchmark's, is undecided, or is disputed. A `mixed` one holds a model error
    that is enough to fail it."""
    return sum(count for (fault, name), count in counted.faults.items()
               if name == model and fault not in ("model_error", "mixed")) + \
        sum(counted.known.outcomes[ident].model == model for ident in counted.open)


def rate(counted: Tally, model: str) -> Rate:
    """The pass rate as judged, and the lowest and highest it could be if every reviewed fault
    that is not, or not surely, the model's were resolved against or for the model."""
    judged = counted.judged[model]
    passed = judged - counted.failing[model]
    wrong = sum(counted.known.outcomes[ident].model == model for ident in counted.wrong_pass)
    return Rate(*(round(100 * number / judged, 1) for number in
                  (passed, passed - wrong, passed + might_pass(counted, model))))


def readings(counted: Tally) -> Counter[str]:
    """How many reviewed failing datapoints their coders were shown: whole, in part, not at all."""
    found: Counter[str] = Counter(dict.fromkeys(("whole", "part", "never"), 0))
    for ident, final in (counted.decided | counted.open).items():
        shares = counted.shown.get(ident, {})
        best = max((shares.get(review.coder, 0.0) for review in final.reviews), default=0.0)
        found["whole" if best >= WHOLE else "part" if best else "never"] += 1
    return found


def numbers(counted: Tally) -> dict[str, int | float]:
    """The facts of the review, under keys that begin with `review/`."""
    found: dict[str, int | float] = {
        "review/reviewed": counted.reviewed.total(), "review/open": len(counted.open),
        "review/wrong_pass": len(counted.wrong_pass),
        "review/coders": len({review.coder for review in ledger.current(counted.reviews)
                              if review.kind in ledger.READERS}),
        "review/buckets": len(bucket_order(counted)),
    }
    found |= {f"review/shown_{how}": count for how, count in readings(counted).items()}
    for fault in ledger.FAULTS:
        found[f"review/fault/{fault}"] = sum(counted.faults[fault, name]
                                             for name in counted.judged)
    for bucket, count in bucket_order(counted):
        found[f"review/bucket/{bucket}"] = count
    for (bucket, fault), count in Counter(
            (final.bucket, final.fault) for final in counted.decided.values()).items():
        found[f"review/bucket_fault/{bucket}/{fault}"] = count
    for model in models(counted):
        found |= _model_numbers(counted, model)
    return found


def _model_numbers(counted: Tally, model: str) -> dict[str, int | float]:
    name = facts.key(model)
    passes = rate(counted, model)
    found: dict[str, int | float] = {
        f"review/reviewed/{name}": counted.reviewed[model],
        f"review/unread/{name}": counted.failing[model] - counted.reviewed[model],
        f"review/might_pass/{name}": might_pass(counted, model),
        f"review/pass_rate_low_pct/{name}": passes.low,
        f"review/pass_rate_high_pct/{name}": passes.high,
    }
    for fault in ledger.FAULTS:
        found[f"review/fault/{fault}/{name}"] = counted.faults[fault, model]
    for bucket, count in bucket_order(counted, model):
        found[f"review/bucket/{bucket}/{name}"] = count
        for dimension, failed in costs(counted, bucket, model).items():
            found[f"review/bucket_dimension/{bucket}/{name}/{facts.key(dimension)}"] = failed
    return found
