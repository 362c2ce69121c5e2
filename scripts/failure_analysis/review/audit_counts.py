"""What readers of the audit's candidates say in numbers: how many were read and confirmed, and what
each model's pass rate is when the confirmed faults are resolved."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from failure_analysis import facts, steps
from failure_analysis.audit import candidates, in_doubt
from failure_analysis.audit.candidates import CLASSES, FLAGS, Candidate
from failure_analysis.packet import rows
from failure_analysis.review import audit_readings as readings
from failure_analysis.review import parts
from failure_analysis.review.audit_readings import Reading

GONE = "gone"  # the verdict over a reading whose candidate is not there any more


class Final(NamedTuple):
    """What the readers say of a candidate; `answer` and `holds` are None while they differ."""

    candidate: Candidate
    answer: str | None
    holds: str | None
    readings: tuple[Reading, ...]


class Void(NamedTuple):
    """A reading that counts nowhere, the verdict over it, and why."""

    reading: Reading
    verdict: str
    why: str


class Examined(NamedTuple):
    """The audit and its readings: candidates by class, items with a flag, what was read by the
    candidates' ids in their order, what counts nowhere, rules that move a model's rate, and
    what readers raised that no rule found. `resolved` is what a datapoint should
    have been (pass, fail, drop) by the confirmed ones, `torn` how many they say different things
    of, which stay as judged."""

    counts: Counter[str]
    flagged: int
    finals: dict[str, Final]
    void: list[Void]
    moved: list[in_doubt.Moved]
    raised: dict[str, Final]
    resolved: dict[str, str]
    torn: int


class Rate(NamedTuple):
    """A model's judged rows and passes, as judged and with the confirmed faults resolved, and how
    many of its rows are judged otherwise or left out."""

    judged: int
    passed: int
    judged_after: int
    passed_after: int
    changed: int


def load(analysis_dir: Path, index: rows.Index) -> Examined | None:
    """The audit of an analysis folder with its readings; None where it was not made."""
    if not (analysis_dir / steps.AUDIT.writes[0]).exists():
        return None
    given = readings.load(analysis_dir)
    latest, found = readings.latest(given), readings.raised(index, given)
    counts, flagged, named, in_question = Counter(), set(), {}, Counter()
    for one in candidates.load(analysis_dir):
        counts[one.klass] += 1
        in_question.update(doubted(index, one))
        if one.klass in FLAGS:
            flagged.add((one.item_id, one.item_fingerprint))
        if one.id in latest:
            named[one.id] = one
    named |= found
    void = [Void(reading, GONE, "its candidate is not there any more")
            for ident, mine in latest.items() if ident not in named for reading in mine]
    standing, unsound = _standing(index, [reading for ident in named for reading in latest[ident]])
    finals = {ident: _final(named[ident], tuple(mine)) for ident, mine in standing.items()}
    resolved, torn = _resolved(index, finals)
    raised = {ident: finals.pop(ident) for ident in found if ident in finals}
    return Examined(counts, len(flagged), finals, void + unsound,
                    in_doubt.moved(in_question, judged(index)), raised, resolved, torn)


def doubted(index: rows.Index, one: Candidate) -> Iterator[tuple[str, str, str]]:
    """(class, rule, model) of each failing datapoint that a candidate doubts and that may have been
    right."""
    for ident in one.disputed if one.klass in in_doubt.CLASSES else ():
        line = index.outcomes.get(ident)
        if line and line.outcome == "fail":
            yield one.klass, one.rule, line.model


def judged(index: rows.Index) -> dict[str, list[int]]:
    """The judged and the passed rows of each model."""
    models: dict[str, list[int]] = {}
    for line in index.outcomes.values():
        if line.outcome != "unjudged":
            counts = models.setdefault(line.model, [0, 0])
            counts[0] += 1
            counts[1] += line.outcome == "pass"
    return models


def _standing(index: rows.Index, given: list[Reading]) -> tuple[dict[str, list[Reading]],
                                                                list[Void]]:
    """The readings that hold against their datapoints as they are now, by candidate, and the
    others."""
    by_datapoint: dict[str, list[Reading]] = {}
    for reading in given:
        by_datapoint.setdefault(reading.datapoint_id, []).append(reading)
    faults = {}
    for row in rows.several(index, by_datapoint):
        row_parts = parts.parts(row)
        faults |= {reading.reading_id: readings.fault_of(reading, row_parts)
                   for reading in by_datapoint.pop(row["datapoint_id"])}
    faults |= {reading.reading_id: readings.fault_of(reading, None)
               for mine in by_datapoint.values() for reading in mine}
    standing: dict[str, list[Reading]] = {}
    for reading in given:
        if not faults[reading.reading_id][0]:
            standing.setdefault(reading.id, []).append(reading)
    return standing, [Void(reading, *faults[reading.reading_id]) for reading in given
                      if faults[reading.reading_id][0]]


def _final(candidate: Candidate, mine: tuple[Reading, ...]) -> Final:
    """What the readers say together: what all say, else nothing."""
    said = {(reading.answer, reading.holds) for reading in mine}
    answer, holds = said.pop() if len(said) == 1 else (None, None)
    return Final(candidate, answer, holds or None, mine)


def confirmed(examined: Examined) -> list[Final]:
    """The candidates that are confirmed, in reading order, those that readers raised last."""
    return [final for final in (*examined.finals.values(), *examined.raised.values())
            if final.answer == readings.CONFIRMED]


def _resolved(index: rows.Index, finals: dict[str, Final]) -> tuple[dict[str, str], int]:
    """What each datapoint of a confirmed candidate should have been, and of how many the confirmed
    ones say different things. What says nothing is left out, whatever else it should have been."""
    held: dict[str, set[str]] = {}
    by_item: dict[tuple[str, str], list[str]] = {}
    wanted = {key for final in finals.values() if final.holds == readings.DROP
              for key in _items(index, final.candidate)}
    for ident, line in index.outcomes.items() if wanted else ():
        if (line.item, line.fingerprint) in wanted:
            by_item.setdefault((line.item, line.fingerprint), []).append(ident)
    for final in finals.values():
        if final.holds not in (None, readings.STAYS):
            for ident in affected(index, final, by_item):
                held.setdefault(ident, set()).add(final.holds)
    resolved = {ident: readings.DROP if readings.DROP in said else min(said)
                for ident, said in held.items()
                if readings.DROP in said or len(said) == 1}
    return resolved, len(held) - len(resolved)


def affected(index: rows.Index, final: Final,
             by_item: dict[tuple[str, str], list[str]] | None = None) -> list[str]:
    """The datapoints of which a confirmed candidate says what they should have been: those in
    doubt; all of its item where the item says nothing. `by_item` has those where they are known."""
    if final.holds != readings.DROP or final.candidate.klass == "harness":
        return [ident for ident in final.candidate.disputed if ident in index.outcomes]
    keys = _items(index, final.candidate)
    if by_item is not None:
        return [ident for key in sorted(keys) for ident in by_item.get(key, ())]
    return [ident for ident, line in index.outcomes.items()
            if (line.item, line.fingerprint) in keys]


def _items(index: rows.Index, candidate: Candidate) -> set[tuple[str, str]]:
    """The item and content of a candidate, as outcomes.csv has them of its datapoints."""
    lines = [index.outcomes[ident] for ident in readings.own_datapoints(candidate, index)
             if ident in index.outcomes]
    return {(line.item, line.fingerprint) for line in lines}


def rates(examined: Examined, index: rows.Index) -> dict[str, Rate]:
    """Each judged model's rate, in the order of the runs."""
    tallies: dict[str, list[int]] = {}
    for ident, line in index.outcomes.items():
        if line.outcome == "unjudged":
            continue
        holds = examined.resolved.get(ident, line.outcome)
        tally = tallies.setdefault(line.model, [0] * len(Rate._fields))
        for place, count in enumerate((True, line.outcome == "pass", holds != readings.DROP,
                                       holds == readings.PASS, holds != line.outcome)):
            tally[place] += count
    return {model: Rate(*tally) for model, tally in tallies.items()}


def numbers(examined: Examined | None, index: rows.Index) -> dict[str, int | float]:
    """The facts of the readings, under keys that begin with `review/audit_`; none while nobody has
    read a candidate."""
    if examined is None or not (examined.finals or examined.raised):
        return {}
    values: dict[str, int | float] = {}
    sound = confirmed(examined)
    said = {"read": tuple(examined.finals.values()),
            "confirmed": [final for final in sound if final.candidate.kind != readings.RAISED],
            "declined": [final for final in examined.finals.values()
                         if final.answer == readings.DECLINED]}
    for what, finals in said.items():
        values[f"review/audit_{what}"] = len(finals)
        by_class = Counter(final.candidate.klass for final in finals)
        values |= {f"review/audit_{what}/{klass}": by_class[klass] for klass in CLASSES
                   if examined.counts[klass]}
    if examined.raised:
        values["review/audit_raised"] = len(sound) - values["review/audit_confirmed"]
    for model, rate in rates(examined, index).items():
        name = facts.key(model)
        values[f"review/audit_changed_rows/{name}"] = rate.changed
        if rate.judged_after:
            values[f"review/audit_pass_rate_pct/{name}"] = \
                round(100 * rate.passed_after / rate.judged_after, 1)
    return values
