"""What the ledger says in numbers: buckets, faults, coverage, and the pass rates that the faults
leave room for."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import facts
from failure_analysis.datapoint import UNSURE, natural_key
from failure_analysis.markdown import code
from failure_analysis.packet import rows
from failure_analysis.review import bucket_groups, ledger, parts, reading_log

SHOWN = ("whole", "part", "alike", "never")  # how much of a datapoint its coder was shown


class Rate(NamedTuple):
    """A model's pass rate as judged and the interval that the reviewed faults leave, in %."""

    as_judged: float
    low: float
    high: float


class Fabricated(NamedTuple):
    """A quote of a review that does not occur in its datapoint."""

    review: ledger.Review
    quote: str


class Counts(NamedTuple):
    """The readers' decisions: `decided` and `open` are failing datapoints that were reviewed, with
    and without agreement; `wrong_pass` are passing ones whose verdict a reader calls wrong,
    `read` are those that no grader judged and readers did, which are counted apart from all others;
    `elsewhere` says how many are of another packet. `standing` are the current ones of all
    `reviews`, `changed` those whose datapoint reads otherwise now, which count nowhere. Counts are
    per (bucket, model), (fault, model), model; `members` are the decided of each bucket, in the
    order of their items. `unjudged` of a model are those that readers can judge. `readings` are the
    datapoints that each coder reviewed, by how much of them the reading log has shown to it:
    `whole` (every character was printed), `part`, `alike` (not itself, but the one that it was
    recorded as alike to) or `never`. `steps` says of what was reviewed and is here whole how many
    steps it has. `alike` are the decided and open ones of which nobody read more than one that is
    alike to it. `groups` says in which group a bucket is."""

    index: rows.Index
    reviews: list[ledger.Review]
    standing: list[ledger.Review]
    changed: list[ledger.Review]
    decided: dict[str, ledger.Final]
    open: dict[str, ledger.Final]
    wrong_pass: dict[str, ledger.Final]
    read: dict[str, ledger.Final]
    buckets: Counter[tuple[str, str]]
    faults: Counter[tuple[str, str]]
    judged: Counter[str]
    failing: Counter[str]
    unjudged: Counter[str]
    reviewed: Counter[str]
    shown: dict[str, dict[str, float]]
    readings: dict[str, dict[str, list[str]]]
    elsewhere: int
    members: dict[str, list[str]]
    steps: dict[str, int]
    alike: frozenset[str]
    groups: dict[str, str]


def load(analysis_dir: Path) -> Counts:
    """The counts of an analysis folder, as its ledger stands now."""
    return _looked(rows.load(analysis_dir), ledger.load(analysis_dir), lambda *_: None)


def proved(analysis_dir: Path) -> tuple[Counts, list[Fabricated]]:
    """The counts, and what the reviews that count quote and their datapoints do not hold: each
    datapoint is opened once for both."""
    index, reviews = rows.load(analysis_dir), ledger.load(analysis_dir)
    by_datapoint: dict[str, list[ledger.Review]] = {}
    for review in ledger.current(reviews):
        by_datapoint.setdefault(review.datapoint_id, []).append(review)
    fabricated: list[Fabricated] = []

    def look(row: Mapping[str, Any], row_parts: list[parts.Part]) -> None:
        fabricated.extend(Fabricated(review, quote)
                          for review in by_datapoint.get(row["datapoint_id"], ())
                          for quote in review.quotes or _no_quote(review, row_parts)
                          if parts.where(quote, row_parts) is None)

    counts = _looked(index, reviews, look)
    changed = {review.review_id for review in counts.changed}
    return counts, [one for one in fabricated if one.review.review_id not in changed]


def _no_quote(review: ledger.Review, row_parts: list[parts.Part]) -> list[str]:
    """A blank quote where a review has none though there is something to quote."""
    return [""] if row_parts and review.kind != ledger.LABEL else []


def _looked(index: rows.Index, reviews: list[ledger.Review], look: ledger.Look) -> Counts:
    """The counts; `look` is given each datapoint that was reviewed or shown, and is here whole."""
    showings = reading_log.load(index.analysis_dir)
    steps: dict[str, int] = {}

    def measure(row: Mapping[str, Any], row_parts: list[parts.Part]) -> None:
        steps[row["datapoint_id"]] = len(row.get("messages") or ())
        look(row, row_parts)

    now = ledger.digests(index, {one.datapoint_id for one in (*reviews, *showings)}, measure)
    return count(index, reviews, reading_log.seen(showings, now), ledger.otherwise(reviews, now),
                 steps)


def count(index: rows.Index, reviews: list[ledger.Review],
          shown: dict[str, dict[str, float]], changed: Container[str], steps: dict[str, int]
          ) -> Counts:
    """Counts a ledger over the outcomes of its folder; `shown` is datapoint -> coder -> the share
    (0 to 1) of its characters that this coder was shown, `changed` the ids of reviews whose
    datapoint reads otherwise now, `steps` how many steps each datapoint has."""
    outcomes, current = index.outcomes, ledger.current(reviews)
    standing = [review for review in current if review.review_id not in changed]
    decided, open_, wrong_pass, read, elsewhere = {}, {}, {}, {}, 0
    for ident, final in ledger.finals(standing).items():
        if ident not in outcomes:
            elsewhere += 1  # the packet was built from other runs
            continue
        if outcomes[ident].outcome == "unjudged":
            read[ident] = final
        elif outcomes[ident].outcome == "pass":
            wrong_pass[ident] = final
        elif final.bucket and final.fault:
            decided[ident] = final
        else:
            open_[ident] = final
    judged = Counter(line.model for line in outcomes.values() if line.outcome != "unjudged")
    buckets = Counter((final.bucket, outcomes[ident].model) for ident, final in decided.items())
    faults = Counter((final.fault, outcomes[ident].model) for ident, final in decided.items())
    failing = Counter(line.model for line in index.failing())
    reviewed = Counter(outcomes[ident].model for ident in (*decided, *open_))
    return Counts(index, reviews, standing,
                  [review for review in current if review.review_id in changed], decided, open_,
                  wrong_pass, read, buckets, faults, judged, failing,
                  Counter(line.model for line in index.unjudged()), reviewed, shown,
                  _readings(outcomes, standing, shown), elsewhere, _members(outcomes, decided),
                  steps,
                  frozenset(ident for ident, final in {**decided, **open_}.items()
                            if all(review.alike for review in final.reviews)),
                  bucket_groups.load(index.analysis_dir))


def _readings(outcomes: Container[str], standing: list[ledger.Review],
              shown: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, list[str]]]:
    """Coder -> how much of it was shown -> datapoints."""
    by_coder: dict[str, dict[str, list[str]]] = {}
    for review in standing:
        ident = review.datapoint_id
        if review.kind in ledger.READERS and ident in outcomes:
            share = shown.get(ident, {}).get(review.coder, 0.0)
            twin = shown.get(review.alike, {}).get(review.coder)
            how = "whole" if share >= 1 else "part" if share else "alike" if twin else "never"
            mine = by_coder.setdefault(review.coder, {name: [] for name in SHOWN})
            mine[how].append(ident)
    return by_coder


def _members(outcomes: Mapping[str, rows.OutcomeLine], decided: Mapping[str, ledger.Final]
             ) -> dict[str, list[str]]:
    """The ids of each bucket in the order of their items."""
    by_bucket: dict[str, list[str]] = {}
    for ident in sorted(decided, key=lambda ident: (natural_key(outcomes[ident].item), ident)):
        by_bucket.setdefault(decided[ident].bucket, []).append(ident)
    return by_bucket


def models(counts: Counts) -> list[str]:
    """The models with judged datapoints, most failing first."""
    return sorted(counts.judged, key=lambda name: (-counts.failing[name], name))


def bucket_order(counts: Counts, model: str | None = None) -> list[tuple[str, int]]:
    """(bucket, datapoints), largest first; of one model, or of all."""
    totals: Counter[str] = Counter()
    for (bucket, name), count in counts.buckets.items():
        if model in (None, name):
            totals[bucket] += count
    return sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))


def members(counts: Counts, bucket: str, model: str | None = None) -> list[str]:
    """The ids of the datapoints in a bucket (of one model), in the order of their items."""
    outcomes = counts.index.outcomes
    return [ident for ident in counts.members.get(bucket, ())
            if model in (None, outcomes[ident].model)]


def alike(counts: Counts, idents: Iterable[str], model: str | None = None) -> list[str]:
    """Those of these datapoints (of a model) that were recorded as alike to one that was read."""
    outcomes = counts.index.outcomes
    return [ident for ident in idents if ident in counts.alike
            and model in (None, outcomes[ident].model)]


def varied(counts: Counts, idents: Iterable[str]) -> list[str]:
    """The datapoints, one that was read itself of each item before the others."""
    seen: set[str] = set()
    first, others = [], []
    for ident in sorted(idents, key=lambda ident: ident in counts.alike):
        item = counts.index.outcomes[ident].item
        (others if item in seen else first).append(ident)
        seen.add(item)
    return [*first, *others]


def group_order(counts: Counts, model: str | None = None) -> list[bucket_groups.Total]:
    """The groups with their datapoints (of one model, or all), each before its buckets."""
    return bucket_groups.totals(bucket_order(counts, model), counts.groups)


class Read(NamedTuple):
    """What readers say of datapoints that no grader judged: how many they judged, passed and
    failed; on the others they disagree. `buckets` are those of the failed, `left` the faults for
    which readers could not judge further ones."""

    judged: int
    passed: int
    failed: int
    buckets: Counter[str]
    left: Counter[str]

    @property
    def open(self) -> int:
        """On how many they disagree."""
        return self.judged - self.passed - self.failed


def read_of(counts: Counts, model: str | None = None) -> Read:
    """What readers say of the unjudged datapoints of a model, or of all."""
    outcomes = counts.index.outcomes
    finals = [(final, outcomes[ident].counted) for ident, final in counts.read.items()
              if model in (None, outcomes[ident].model)]
    mine = [final for final, _ in finals if final.verdict != ""]
    verdicts = Counter(final.verdict for final in mine)
    return Read(len(mine), verdicts["pass"], verdicts["fail"], Counter(
        final.bucket for final in mine if final.verdict == "fail" and final.bucket), Counter(
        final.fault or "disputed" for final, counted in finals
        if counted and final.verdict == ""))


def read_members(counts: Counts, bucket: str, model: str) -> list[str]:
    """The ids of a model's datapoints in a bucket that readers failed and no grader judged, in the
    order of their items."""
    outcomes = counts.index.outcomes
    return sorted((ident for ident, final in counts.read.items()
                   if (final.verdict, final.bucket) == ("fail", bucket)
                   and outcomes[ident].model == model),
                  key=lambda ident: (natural_key(outcomes[ident].item), ident))


def read_models(counts: Counts) -> list[str]:
    """The models of which readers failed unjudged datapoints, in order."""
    return sorted({counts.index.outcomes[ident].model for ident, final in counts.read.items()
                   if final.verdict == "fail"})


def final(counts: Counts, ident: str) -> ledger.Final | None:
    """What the readers say of a datapoint, whatever its outcome; None where nobody reviewed it."""
    return next((kind[ident] for kind in (counts.decided, counts.open, counts.wrong_pass,
                                          counts.read) if ident in kind), None)


def read_in_words(counts: Counts, model: str | None = None) -> str:
    """How many unjudged datapoints readers judged, and how, as a sentence."""
    read = read_of(counts, model)
    unjudged = counts.unjudged.total() if model is None else counts.unjudged[model]
    disputed = f", {read.open} disputed" if read.open else ""
    why = ", ".join(f"{code(fault)} {count}" for fault, count in sorted(read.left.items()))
    return f"Judged by readers: {read.judged} of {unjudged} unjudged datapoints " \
           f"({read.passed} passed, {read.failed} failed{disputed})" \
           + f"; read and left without a verdict: {read.left.total()} ({why})" * bool(why) + "."


def costs(counts: Counts, bucket: str, model: str) -> Counter[str]:
    """How many of a model's datapoints in a bucket failed each dimension."""
    outcomes = counts.index.outcomes
    return Counter(name for ident in members(counts, bucket, model)
                   for name in outcomes[ident].failed)


def might_pass(counts: Counts, model: str) -> int:
    """Reviewed failing datapoints of a model that might pass a benchmark without fault: those
    whose fault is the benchmark's, is undecided, or is disputed. A `mixed` one holds a model error
    that is enough to fail it."""
    return counts.reviewed[model] - counts.faults["model_error", model] \
        - counts.faults["mixed", model]


def rate(counts: Counts, model: str) -> Rate:
    """The pass rate as judged, and the lowest and highest it could be if every reviewed fault
    that is not, or not surely, the model's were resolved against or for the model."""
    judged = counts.judged[model]
    passed = judged - counts.failing[model]
    wrong = sum(counts.index.outcomes[ident].model == model for ident in counts.wrong_pass)
    return Rate(*(round(100 * number / judged, 1) for number in
                  (passed, passed - wrong, passed + might_pass(counts, model))))


def labelled(counts: Counts) -> Counter[tuple[str, str]]:
    """How many failing datapoints each coder outside labelled with each fault; no bucket and no
    rate rests on it."""
    outcomes = counts.index.outcomes
    return Counter((review.coder, review.fault) for review in counts.standing
                   if review.kind == ledger.LABEL and review.datapoint_id in outcomes
                   and outcomes[review.datapoint_id].outcome == "fail")


def numbers(counts: Counts, compared: Mapping[str, Any] | None) -> dict[str, int | float]:
    """The facts of the review, under keys that begin with `review/`; `compared` is the comparison
    of the models, where there is one."""
    values: dict[str, int | float] = {
        "review/reviewed": counts.reviewed.total(),
        "review/unread": counts.failing.total() - counts.reviewed.total(),
        "review/alike": len(counts.alike),
        "review/open": len(counts.open),
        "review/wrong_pass": len(counts.wrong_pass),
        "review/coders": len({review.coder for review in counts.standing
                              if review.kind in ledger.READERS}),
        "review/buckets": len(bucket_order(counts)),
    }
    read = counts.readings
    for how in SHOWN:
        values[f"review/shown_{how}"] = sum(len(mine[how]) for mine in read.values())
    values |= {f"review/shown_never/{facts.key(coder)}": len(mine["never"])
               for coder, mine in read.items()}
    values["review/reviews"] = sum(len(idents) for mine in read.values()
                                   for idents in mine.values())
    for fault in ledger.FAULTS:
        values[f"review/fault/{fault}"] = sum(counts.faults[fault, name] for name in counts.judged)
    for bucket, count in bucket_order(counts):
        values[f"review/bucket/{bucket}"] = count
    values |= {f"review/group/{total.name}": total.count
               for total in group_order(counts) if total.members}
    for bucket, count in Counter(counts.decided[ident].bucket for ident in counts.alike
                                 if ident in counts.decided).items():
        values[f"review/bucket_alike/{bucket}"] = count
    for (bucket, fault), count in Counter(
            (final.bucket, final.fault) for final in counts.decided.values()).items():
        values[f"review/bucket_fault/{bucket}/{fault}"] = count
    labels = labelled(counts)
    for (coder, fault), count in labels.items():
        values[f"review/label/{facts.key(coder, fault)}"] = count
    for coder in {coder for coder, _ in labels}:
        values[f"review/labelled/{facts.key(coder)}"] = sum(
            count for (name, _), count in labels.items() if name == coder)
    failed: dict[str, set[str]] = defaultdict(set)
    for line in counts.index.failing():
        failed[line.model].update(line.failed)
    for model in models(counts):
        values |= _model_numbers(counts, model, failed[model])
    if compared and len(compared["compared_units"]) > 1:
        values |= _shared_numbers(counts, compared)
    return values | _read_numbers(counts)


def _read_numbers(counts: Counts) -> dict[str, int]:
    """The facts of what no grader judged: never part of a grader's counts. None where everything
    was judged."""
    values: dict[str, int] = {}
    names = sorted(counts.unjudged)
    for model in (None, *names) if names else ():
        end = () if model is None else (model,)
        read = read_of(counts, model)
        values |= {facts.key(f"review/{kind}", *end): count for kind, count in (
            ("unjudged", counts.unjudged.total() if model is None else counts.unjudged[model]),
            ("read_unjudged", read.judged), ("read_pass", read.passed), ("read_fail", read.failed),
            ("read_open", read.open))}
        values |= {facts.key("review/read_bucket", bucket, *end): count
                   for bucket, count in sorted(read.buckets.items())}
        values |= {facts.key("review/read_group", total.name, *end): total.count
                   for total in bucket_groups.totals(read.buckets.items(), counts.groups)
                   if total.members}
    for fault, count in Counter(final.fault for final in counts.read.values()
                                if final.verdict == "fail" and final.fault).items():
        values[f"review/read_fault/{fault}"] = count
    return values


def _shared_numbers(counts: Counts, compared: Mapping[str, Any]) -> dict[str, int]:
    """Of the items that all compared units failed: how many have a decided datapoint of theirs,
    and of how many of these every decided fault is the same."""
    items = dict.fromkeys(compared["sets"]["failed_by_all"])
    by_item: dict[str, set[str | None]] = {}
    for ident, final in counts.decided.items():
        line = counts.index.outcomes[ident]
        unit = line.run if compared["by"] == "run" else line.model
        if line.item in items and line.fingerprint != UNSURE and unit in compared["compared_units"]:
            by_item.setdefault(line.item, set()).add(final.fault)
    alone = Counter(fault for faults in by_item.values() if len(faults) == 1 for fault in faults)
    return {"review/failed_by_all_decided": len(by_item),
            **{f"review/failed_by_all_fault/{fault}": alone[fault] for fault in ledger.FAULTS}}


def _model_numbers(counts: Counts, model: str, failed: set[str]) -> dict[str, int | float]:
    """The facts of one model, which failed these dimensions."""
    name = facts.key(model)
    passes = rate(counts, model)
    values: dict[str, int | float] = {
        f"review/reviewed/{name}": counts.reviewed[model],
        f"review/alike/{name}": len(alike(counts, counts.alike, model)),
        f"review/unread/{name}": counts.failing[model] - counts.reviewed[model],
        f"review/might_pass/{name}": might_pass(counts, model),
        f"review/pass_rate_low_pct/{name}": passes.low,
        f"review/pass_rate_high_pct/{name}": passes.high,
    }
    for fault in ledger.FAULTS:
        values[f"review/fault/{fault}/{name}"] = counts.faults[fault, model]
    values |= {f"review/group/{total.name}/{name}": total.count
               for total in group_order(counts, model) if total.members}
    for bucket, count in bucket_order(counts, model):
        values[f"review/bucket/{bucket}/{name}"] = count
        cost = costs(counts, bucket, model)
        for dimension in sorted(failed):
            values[f"review/bucket_dimension/{bucket}/{name}/{facts.key(dimension)}"] = \
                cost[dimension]
    return values
