"""What the report page says of a folder at first sight: rates, causes, faults, what cannot be
compared, the audit, the state of the check."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import clean, facts, files, results, statistics, steps
from failure_analysis.audit.candidates import FLAGS
from failure_analysis.audit.page import MEANS
from failure_analysis.comparison import page as comparison_page
from failure_analysis.packet import heuristics, rows, sanity
from failure_analysis.pages import charts
from failure_analysis.pages import desk as desks
from failure_analysis.pages.charts import Part
from failure_analysis.review import audit_counts, counting, ledger, plan, standing

MOST_UNITS = 12
_MOST_CAUSES = 7
_FINDINGS = 3
_MOST_DIMENSIONS = 5
FAULT_COLOURS = dict(zip(ledger.FAULTS, ("c0", "c1", "c2", "c3", "c4", "c5", "c7"), strict=True))


class Folder(NamedTuple):
    """An analysis folder as its page needs it; what a step has not made yet is None."""

    analysis_dir: Path
    counts: counting.Counts
    sanity: dict
    clusters: dict | None
    compared: dict | None
    examined: audit_counts.Examined | None
    facts: dict[str, int | float]
    report: str | None
    drafted: bool


class Unit(NamedTuple):
    """A compared model or run: its names, its passes out of what was judged, and the interval."""

    name: str
    short: str
    passed: int
    judged: int
    low: float
    high: float


class Cause(NamedTuple):
    """A bucket, or a provisional mode: its name, what it has of each model, its colour, whether a
    reader decided it, and the group that it is in."""

    name: str
    count: int
    models: Mapping[str, int]
    colour: str
    is_read: bool
    group: str = ""
    members: tuple[str, ...] = ()


def load(analysis_dir: Path, counts: counting.Counts | None = None) -> Folder:
    """Reads a folder, as far as its steps have run; refuses one without a packet."""
    sane = files.needed(analysis_dir / sanity.NAME, steps.BUILD.script)
    counts = counts or counting.load(analysis_dir)
    report = standing.report_of(analysis_dir)
    text = files.read_text(report) if report.is_file() else None
    return Folder(
        analysis_dir, counts, results.read(sane, results.Sanity, steps.BUILD.script),
        made_by(analysis_dir / heuristics.NAME, results.Clusters, steps.CLUSTER),
        made_by(analysis_dir / comparison_page.NAME, results.Comparison, steps.COMPARE),
        audit_counts.load(analysis_dir, counts.index), facts.load(analysis_dir), text,
        text is not None and not standing.is_rewritten(report, analysis_dir))


def made_by(path: Path, shape: Any, step: steps.Step) -> dict | None:
    """What a step wrote; None where it did not run."""
    return results.read(path, shape, step.script) if path.exists() else None


def units(folder: Folder) -> list[Unit]:
    """The compared models or runs, the best first; the models as judged where nothing was
    compared."""
    if folder.compared:
        rated = [(unit["unit"], unit["passed"], unit["attempts"] - unit.get("unjudged", 0),
                  unit["interval"]) for unit in folder.compared["units"] if unit["interval"]]
    else:
        judged, failing = folder.counts.judged, folder.counts.failing
        rated = [(name, judged[name] - failing[name], judged[name],
                  statistics.wilson(judged[name] - failing[name], judged[name]))
                 for name in judged]
    short = charts.short([clean.visible(name) for name, *_ in rated])
    found = [Unit(name, short[clean.visible(name)], passed, judged, *interval)
             for name, passed, judged, interval in rated if judged]
    return sorted(found, key=lambda unit: (-unit.passed / unit.judged, unit.name))


def causes(folder: Folder) -> list[Cause]:
    """The buckets, largest first, those of a group below it; the provisional modes while nothing
    was read."""
    counts = folder.counts
    outcomes, read = counts.index.outcomes, Counter(
        final.bucket for final in counts.read.values() if final.verdict == "fail" and final.bucket)
    order = Counter(dict(counting.bucket_order(counts))) + read
    if order:
        models: dict[str, Counter[str]] = {}
        for ident, final in (*counts.decided.items(), *counts.read.items()):
            if final.bucket and final.verdict != "pass":
                models.setdefault(final.bucket, Counter())[outcomes[ident].model] += 1
        totals = counting.bucket_groups.totals(ranked(order), counts.groups)
        plain = [total.name for total in totals if not total.members]
        return [Cause(total.name, total.count,
                      sum((models[name] for name in total.members or (total.name,)), Counter()),
                      "" if total.members else _colour(plain.index(total.name)), True,
                      total.group, total.members) for total in totals]
    modes = sorted((folder.clusters or {}).get("modes", ()),
                   key=lambda mode: (-mode["rows"], mode["mode"]))
    return [Cause(mode["mode"], mode["rows"], mode["models"], _colour(place), False)
            for place, mode in enumerate(modes)]


def ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The names with their counts, the largest first."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _colour(place: int) -> str:
    return f"c{min(place, charts.COLOURS)}"


def faults(folder: Folder) -> dict[str, Counter[str]]:
    """Fault -> model -> reviewed failures, of graders and of readers."""
    counts = folder.counts
    found: dict[str, Counter[str]] = {name: Counter() for name in ledger.FAULTS}
    for ident, final in (*counts.decided.items(), *counts.read.items()):
        if final.fault:
            found[final.fault][counts.index.outcomes[ident].model] += 1
    return {name: models for name, models in found.items() if models}


def overview(folder: Folder) -> dict:
    """The first screen."""
    counts, found = folder.counts, causes(folder)
    plain = [cause for cause in found if not cause.members]
    most = max((cause.count for cause in plain), default=1)
    blamed = [Part(name, models.total(), FAULT_COLOURS[name])
              for name, models in faults(folder).items()]
    rated = units(folder)
    findings = folder.sanity["findings"]
    return {
        "units": [{"name": clean.visible(unit.name), "short": unit.short,
                   "rate": f"{100 * unit.passed / unit.judged:.1f}", "passed": unit.passed,
                   "judged": unit.judged, "low": f"{100 * unit.low:.0f}",
                   "high": f"{100 * unit.high:.0f}", "bar": _unit_bar(unit)}
                  for unit in rated[:MOST_UNITS]],
        "more_units": max(0, len(rated) - MOST_UNITS),
        "by": folder.compared["by"] if folder.compared else "model",
        "causes": [{"cause": cause, "name": clean.visible(cause.name),
                    "bar": charts.bar(cause.count / most, colour=cause.colour,
                                      words=f"{clean.visible(cause.name)}: {cause.count}")}
                   for cause in plain[:_MOST_CAUSES]],
        "more_causes": max(0, len(plain) - _MOST_CAUSES),
        "is_read": any(cause.is_read for cause in found),
        "faults": blamed, "fault_bar": charts.stack(blamed) if blamed else "",
        "dimensions": [] if blamed else _dimensions(folder),
        "findings": [clean.visible(one["text"]) for one in findings[:_FINDINGS]],
        "more_findings": max(0, len(findings) - _FINDINGS),
        **_flags(folder.examined), **_empty(folder),
        "failing": counts.failing.total(), "reviewed": counts.reviewed.total(),
        "unjudged": counts.unjudged.total(), "read": counting.read_of(counts),
        "coders": _coders(counts),
        "listed": " and ".join(
            name for name, count in (("failures", counts.failing), ("unjudged", counts.unjudged))
            if count) or "datapoints",
        "nothing": "" if counts.failing else rows.without_failures(counts.index),
        "check": check(folder), "open": len(undecided(counts))}


def _empty(folder: Folder) -> dict[str, str]:
    """Why there is no cause and no fault, where there is none."""
    counts = folder.counts
    if not counts.failing:
        why = "nothing failed" if counts.judged else "nothing was judged"
        return {"why_no_cause": why,
                "why_no_fault": f"{'None' if counts.judged else 'Not decided'}: {why}"}
    return {"why_no_cause": "no rule fits" if folder.clusters else "no rules were run",
            "why_no_fault": "Not decided: nobody has reviewed a failure yet"}


def _flags(examined: audit_counts.Examined | None) -> dict:
    """What the audit flags, by class (None: it was not made), its leads, what readers confirmed."""
    if examined is None:
        return {"audit": None, "leads": 0, "confirmed": 0}
    counts = examined.counts
    return {"audit": [(klass, MEANS[klass], counts[klass]) for klass in FLAGS if counts[klass]],
            "leads": sum(count for klass, count in counts.items() if klass not in FLAGS),
            "confirmed": sum(final.answer == "confirmed" for final in examined.finals.values())}


def undecided(counts: counting.Counts) -> list[str]:
    """The datapoints on which readers have not come to one view."""
    return [ident for ident, final in (*counts.open.items(), *counts.read.items(),
                                       *counts.wrong_pass.items()) if desks.disagrees(final)]


def reviewed(folder: Folder) -> str:
    """How much was read, and by whom, in a line."""
    counts = folder.counts
    apart = f", {counting.read_of(counts).judged} of {counts.unjudged.total()} unjudged ones" \
        if counts.unjudged else ""
    coders = _coders(counts)
    return f"{counts.reviewed.total()} of {counts.failing.total()} failing datapoints reviewed" \
        f"{apart}{', by ' if coders else ''}{', '.join(coders)}"


def _coders(counts: counting.Counts) -> list[str]:
    return sorted({review.coder for review in counts.standing if review.kind in ledger.READERS})


def read_by_model(folder: Folder) -> list[tuple[str, int, int]]:
    """Each model with what failed or nobody judged, and how much of it was reviewed; none where
    nothing was."""
    counts = folder.counts
    if not counts.reviewed.total() and not counts.read:
        return []
    wanted = Counter(counts.failing) + Counter(counts.unjudged)
    return [(clean.visible(name), count,
             counts.reviewed[name] + counting.read_of(counts, name).judged)
            for name, count in ranked(wanted)]


def planned(folder: Folder) -> tuple[int, int]:
    """How many of the planned datapoints were reviewed, and how many are planned."""
    if not (folder.analysis_dir / plan.NAME).exists():
        return 0, 0
    wanted = {line.datapoint_id for line in plan.load(folder.analysis_dir)
              if line.datapoint_id in folder.counts.index.outcomes
              and folder.counts.index.outcomes[line.datapoint_id].outcome != "pass"}
    return sum(counting.final(folder.counts, ident) is not None for ident in wanted), len(wanted)


def _dimensions(folder: Folder) -> list[tuple[str, int, Any]]:
    """The dimensions that most failures failed."""
    failed = ranked(rows.dimensions(folder.counts.index))[:_MOST_DIMENSIONS]
    return [(clean.visible(name), count,
             charts.bar(count / failed[0][1], colour="c7", words=f"{clean.visible(name)}: {count}"))
            for name, count in failed]


def _unit_bar(unit: Unit) -> Any:
    rate = unit.passed / unit.judged
    return charts.bar(rate, unit.low, unit.high, f"{clean.visible(unit.name)}: {100 * rate:.1f} % "
                      f"pass, 95 % interval {100 * unit.low:.1f} to {100 * unit.high:.1f} %")


def check(folder: Folder) -> tuple[str, str]:
    """The state of the check (holds, unconfirmed, fails, draft, open) and its words."""
    path = folder.analysis_dir / steps.CHECK.writes[0]
    if folder.report is None:
        return "open", "no report yet"
    counts = folder.counts
    if not counts.reviews and folder.drafted:
        return "draft", "draft: nobody has read a datapoint yet" \
            if counts.failing or counts.unjudged else "draft: there is nothing to read"
    try:
        found = json.loads(path.read_bytes())
        is_its = found["of"] == standing.digest(folder.report)
        wrong, left = len(found["findings"]), found["sentences"] - found["confirmed"]
    except (OSError, ValueError, KeyError, TypeError):
        is_its, wrong, left = False, 0, 0
    draft = "draft, " if folder.drafted else ""
    if not is_its:
        return "open", f"{draft}not checked as it stands"
    if wrong:
        return "fails", f"{draft}checked: {wrong} {'fault' if wrong == 1 else 'faults'}"
    if left:
        some = f"; {found['confirmed']} of {found['sentences']} sentences" if found["confirmed"] \
            else "; not"
        return "unconfirmed", f"check holds{some} confirmed by a second reader"
    return "holds", "check holds"
