"""Whether the files that a report rests on are what their steps made: against the manifest, by
computing anew, and, when asked, by reading the runs again."""

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from failure_analysis import facts, files, manifest, results, steps
from failure_analysis.agreement import measure
from failure_analysis.agreement import page as agreement_page
from failure_analysis.comparison import write as compare
from failure_analysis.markdown import listed
from failure_analysis.packet import heuristics, rows
from failure_analysis.reading import runs
from failure_analysis.report import issues, recount
from failure_analysis.report.evidence import Evidence, Finding, Findings
from failure_analysis.review import audit_counts, contrast, counting, ledger

_BUILD = Path(__file__).resolve().parents[2] / steps.BUILD.script


def findings(evidence: Evidence) -> Findings:
    """What in the files below the report is not what comes out when it is computed anew."""
    yield from _packet_findings(evidence)
    yield from _computed_findings(evidence)
    yield from _ledger_findings(evidence)
    yield from _audit_findings(evidence)
    yield from _agreement_findings(evidence)
    yield from _fact_findings(evidence)


def _packet_findings(evidence: Evidence) -> Findings:
    """Outcomes, packet and sanity report that do not count the same rows."""
    index, sane = evidence.analysis.counts.index, evidence.analysis.sanity
    for line in index.failing():
        if index.places.get(line.datapoint_id, ("",))[0] != steps.ROWS:
            yield Finding(0, "missing_row", line.datapoint_id,
                          f"it failed and is not in {steps.ROWS}; run build_packet.py again")
    totals = Counter(line.outcome for line in index.outcomes.values())
    if not totals["pass"] + totals["fail"] \
            and not counting.read_of(evidence.analysis.counts).judged:
        yield Finding(0, "nothing_judged", steps.OUTCOMES, rows.without_failures(index))
    by_run = Counter((line.run, line.outcome) for line in index.outcomes.values())
    pairs = [(kind, sane["conservation"].get(kind), totals[kind])
             for kind in ("pass", "fail", "unjudged")]
    pairs += [(f"{run['run_id']} {kind}", run.get(kind), by_run[run["run_id"], kind])
              for run in sane["runs"] for kind in ("pass", "fail", "unjudged")]
    broke = Counter(line.run for line in index.outcomes.values() if not line.counted)
    pairs += [(f"{run['run_id']} not counted", run.get("not_counted", 0), broke[run["run_id"]])
              for run in sane["runs"]]
    pairs.append(("runs", len(sane["runs"]), len({run for run, _ in by_run})))
    for subject, stated, actual in pairs:
        if stated != actual:
            yield Finding(0, "wrong_count", subject, f"{steps.SANITY} says {stated}, "
                          f"{steps.OUTCOMES} has {actual}; run build_packet.py again")


def _computed_findings(evidence: Evidence) -> Findings:
    """Comparison and clusters that are not what comes out when they are computed anew."""
    for step, stated, actual in (
        (steps.COMPARE, evidence.written.compared, evidence.analysis.compared),
        (steps.CLUSTER, evidence.written.clusters, evidence.analysis.clusters)):
        if stated != actual:
            differing = ", ".join(sorted(name for name in {**(stated or {}), **(actual or {})}
                                         if (stated or {}).get(name) != (actual or {}).get(name)))
            yield Finding(0, "wrong_file", step.writes[0], "computed anew it says something else "
                          f"({differing}); run {step.script} again")
    if evidence.relabelled:
        yield Finding(0, "wrong_label", evidence.relabelled[0], f"{len(evidence.relabelled)} rows "
                      "carry another label than the rules give; run cluster_failures.py again")


def _fact_findings(evidence: Evidence) -> Findings:
    """Facts that a second count does not confirm, or does not know."""
    counted = recount.recount(evidence.analysis, evidence.facts, evidence.agreed)
    for key in sorted(counted.keys() | evidence.facts.keys()):
        if evidence.facts.get(key) != counted.get(key):
            owner = next((step for step in steps.STEPS if step.facts and
                          key.startswith(step.facts)), steps.BUILD)
            yield Finding(0, "wrong_fact", key, f"{facts.NAME} says {evidence.facts.get(key)}, a "
                          f"second count says {counted.get(key)}; run {owner.script} again")


def _agreement_findings(evidence: Evidence) -> Findings:
    """An agreement that the reviews that there were, measured again, do not give."""
    path, agreed = evidence.analysis.analysis_dir / measure.NAME, evidence.agreed
    if path.exists() and (agreed is None or agreement_page.answer(agreed) != agreement_page.answer(
            results.read(path, results.Agreement, steps.AGREE.script))):
        yield Finding(0, "wrong_file", measure.NAME, "measured again it says something else; run "
                      f"{steps.AGREE.script} again")


def _ledger_findings(evidence: Evidence) -> Findings:
    """Reviews that do not hold any more, and datapoints on which the coders still disagree."""
    counts = evidence.analysis.counts
    yield from _review_findings(evidence)
    lacking = dict.fromkeys(review.datapoint_id for review in counts.standing
                            if review.kind in ledger.READERS
                            and review.datapoint_id not in counts.index.places)
    for ident in lacking:
        if ident in counts.index.outcomes:  # else of another packet (the coverage block says so)
            yield Finding(0, "missing_row", ident, "it was reviewed and is not here whole; run "
                          f"plan_review.py --contrast {ident}")
    for review in counts.changed:
        yield Finding(0, "changed_row", review.datapoint_id, "it is not the datapoint that was "
                      f"read for review {review.review_id}; read it again and record with "
                      f"record_review.py --replaces {review.review_id}")
    for coder, mine in counts.readings.items():
        if mine["never"]:
            yield Finding(0, "unshown_review", coder, f"{len(mine['never'])} of its "
                          f"{sum(map(len, mine.values()))} reviews are of datapoints that were "
                          f"never shown to it ({listed(mine['never'], 5)}); show them with "
                          f"show_datapoint.py --coder {coder}, and look at the reviews again")
    disputed = {ident: final for ident, final in counts.read.items()
                if None in (final.bucket, final.fault, final.verdict)}
    for ident, final in {**counts.open, **disputed}.items():
        views = ", ".join(f"{review.coder}: {ledger.as_what(review)}" for review in final.reviews)
        yield Finding(0, "unsettled", ident,
                      f"the coders disagree ({views}); settle it with record_review.py --settles "
                      "(and --contested where both can be held)")


def _audit_findings(evidence: Evidence) -> Findings:
    """Readings of the audit's candidates that do not hold any more, and issues that are not those
    which the readers confirmed."""
    analysis = evidence.analysis
    for void in analysis.examined.void if analysis.examined else ():
        if void.verdict != audit_counts.GONE:
            edited = void.verdict == "edited_reading"
            yield Finding(0, void.verdict, void.reading.reading_id if edited else
                          void.reading.datapoint_id, void.why)
    path = analysis.analysis_dir / steps.ISSUES
    there = files.read_text(path) if path.exists() else ""
    if there != issues.page(analysis):
        yield Finding(0, "wrong_file", steps.ISSUES, "it is not what the readers confirmed; run "
                      f"{steps.REPORT.script} again")


def _review_findings(evidence: Evidence) -> Findings:
    """Lines of the ledger that are not as they were recorded, and quotes that nobody wrote."""
    counts = evidence.analysis.counts
    for review in counts.standing:
        if review.datapoint_id in counts.index.places \
                and not ledger.is_genuine(review, evidence.names.squeezed):
            yield Finding(0, "edited_review", review.review_id, "this line of reviews.jsonl is not "
                          "as it was recorded; undo the edit, corrections go through --replaces")
    for review, quote in evidence.fabricated:
        yield Finding(0, "fabricated_quote", quote, f"review {review.review_id} quotes what does "
                      f"not occur in {review.datapoint_id}") if quote else \
            Finding(0, "edited_review", review.review_id, "this line of reviews.jsonl has no "
                    f"quote, though {review.datapoint_id} has text; undo the edit")


def rerun(analysis_dir: Path) -> Findings:
    """Files that are not what the runs give when they are read again, by the commands that made
    them. Refuses when the runs are gone or have changed."""
    start, arguments = runs.command(analysis_dir)
    with tempfile.TemporaryDirectory(prefix="again-") as temporary:
        fresh_dir = Path(temporary)
        done = subprocess.run([sys.executable, _BUILD, *arguments, "--output-dir", fresh_dir],
                              cwd=start, capture_output=True, encoding="utf-8", errors="replace")
        if not (fresh_dir / steps.OUTCOMES).exists():
            raise files.Refusal(f"{analysis_dir}: its runs cannot be read again: "
                                + " ".join(done.stderr.split()))
        for name in _made_again(analysis_dir, fresh_dir):
            if name != steps.FACTS and _bytes(analysis_dir / name) != _bytes(fresh_dir / name):
                yield Finding(0, "not_the_runs", name, "the runs, read again, give another one; "
                              "run stage 1 again")
        values, values_again = facts.load(analysis_dir), facts.load(fresh_dir)
        if any(facts.part(values, step.name) != facts.part(values_again, step.name)
               for step in (steps.BUILD, steps.CLUSTER, steps.COMPARE, steps.AUDIT)):
            yield Finding(0, "not_the_runs", facts.NAME, "the runs, read again, give other counts; "
                          "run stage 1 again")


def _made_again(analysis_dir: Path, fresh_dir: Path) -> list[str]:
    """Runs the steps after the packet in another folder as they ran in this one; returns the names
    of what must be the same. Figures are not: they differ with the drawing package."""
    from failure_analysis.audit import given
    from failure_analysis.audit import run as audit

    ran, names = manifest.entries(analysis_dir), list(steps.BUILD.writes)
    order = list(ran)
    if steps.CLUSTER.name in order[order.index(steps.BUILD.name):]:
        heuristics.label(fresh_dir, analysis_dir / heuristics.RULES)
        names += steps.CLUSTER.writes
    if steps.COMPARE.name in ran:
        asked = manifest.settings(analysis_dir, steps.COMPARE.name, results.ComparedWith)
        compare.write(fresh_dir, asked["by"], asked["seed"])
        names += steps.COMPARE.writes[:3]
    if steps.AUDIT.name in ran:
        audit.write(fresh_dir, given.as_before(analysis_dir))
        names += steps.AUDIT.writes[:3]
    if (analysis_dir / rows.CONTRAST).exists():
        copied = {row["datapoint_id"] for row, _ in rows.whole(analysis_dir, rows.CONTRAST)}
        contrast.copy(analysis_dir, copied, fresh_dir)
        names += steps.PLAN.writes[2:]
    return list(dict.fromkeys(names))


def _bytes(path: Path) -> bytes | None:
    return files.read_bytes(path) if path.exists() else None
