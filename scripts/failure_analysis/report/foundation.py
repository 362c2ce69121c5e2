"""Whether the files that a report rests on are what their steps made: against the manifest, by
computing anew, and, when asked, by reading the runs again."""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from failure_analysis import facts, files, manifest, steps
from failure_analysis.agreement import measure
from failure_analysis.agreement import page as agreement_page
from failure_analysis.comparison import compute
from failure_analysis.comparison import write as compare
from failure_analysis.packet import heuristics, rows
from failure_analysis.reading import runs
from failure_analysis.report import claims
from failure_analysis.report.evidence import Evidence, Finding
from failure_analysis.review import contrast, ledger, parts, tally

_BUILD = Path(__file__).resolve().parents[2] / steps.BUILD.script


def changed_files(path: Path) -> Iterator[Finding]:
    """Files of the folder that are not what the manifest says of them."""
    for fault in manifest.faults(path):
        yield Finding(0, "changed_file", fault.name, fault.why)


def findings(found: Evidence) -> Iterator[Finding]:
    """What in the files below the report is not what comes out when it is computed anew."""
    yield from _packet_findings(found)
    yield from _computed_findings(found)
    yield from _ledger_findings(found)
    yield from _fact_findings(found)


def _packet_findings(found: Evidence) -> Iterator[Finding]:
    """Outcomes, packet and sanity report that do not count the same rows."""
    known, sane = found.folder.counted.known, found.folder.sanity
    for outcome in known.failing():
        if known.places.get(outcome.datapoint_id, ("",))[0] != steps.ROWS:
            yield Finding(0, "missing_row", outcome.datapoint_id, f"it failed and is not in "
                          f"{steps.ROWS}; run build_packet.py again")
    counted = Counter(outcome.outcome for outcome in known.outcomes.values())
    by_run = Counter((outcome.run, outcome.outcome) for outcome in known.outcomes.values())
    pairs = [(kind, sane["conservation"].get(kind), counted[kind])
             for kind in ("pass", "fail", "unjudged")]
    pairs += [(f"{run['run_id']} {kind}", run.get(kind), by_run[run["run_id"], kind])
              for run in sane["runs"] for kind in ("pass", "fail", "unjudged")]
    pairs.append(("runs", len(sane["runs"]), len({run for run, _ in by_run})))
    for what, said, real in pairs:
        if said != real:
            yield Finding(0, "wrong_count", what, f"{steps.SANITY} says {said}, {steps.OUTCOMES} "
                          f"has {real}; run build_packet.py again")


def _computed_findings(found: Evidence) -> Iterator[Finding]:
    """Comparison and clusters that are not what comes out when they are computed anew."""
    for step, said, real in (
        (steps.COMPARE, found.written.compared, found.folder.compared),
        (steps.CLUSTER, found.written.clusters, found.folder.clusters),
    ):
        if said != real:
            where = ", ".join(sorted(name for name in {**(said or {}), **(real or {})}
                                     if (said or {}).get(name) != (real or {}).get(name)))
            yield Finding(0, "wrong_file", step.writes[0], "computed anew it says something else "
                          f"({where}); run {step.script} again")
    if found.relabelled:
        yield Finding(0, "wrong_label", found.relabelled[0], f"{len(found.relabelled)} rows carry "
                      "another label than the rules give; run cluster_failures.py again")


def _fact_findings(found: Evidence) -> Iterator[Finding]:
    """Facts that a second count, from outcomes.csv and the ledger, does not confirm, and facts of
    those kinds that nobody counts."""
    counted, compared = found.folder.counted, found.folder.compared
    recount = heuristics.numbers(found.folder.clusters) | claims.recount(counted.known)
    recount |= tally.numbers(counted) if counted.reviews else {}
    recount |= dict(compute.numbers(compared)) if compared else {}
    recount["rows_read"] = len(counted.known.outcomes) + found.facts.get("rejected_rows", 0)
    owned = {key for step in (steps.CLUSTER, steps.COMPARE, steps.REPORT)
             for key in facts.part(found.facts, step.name)}
    for key in sorted(recount.keys() | owned):
        if found.facts.get(key) != recount.get(key):
            owner = next((step for step in steps.STEPS if step.facts and
                          key.startswith(step.facts)), steps.BUILD)
            yield Finding(0, "wrong_fact", key, f"{facts.NAME} says {found.facts.get(key)}, a "
                          f"second count says {recount.get(key)}; run {owner.script} again")


def _ledger_findings(found: Evidence) -> Iterator[Finding]:
    """Reviews that do not hold any more, and datapoints on which the coders still disagree."""
    counted = found.folder.counted
    for review in ledger.current(counted.reviews):
        if review.datapoint_id not in counted.known.places:
            continue  # of another packet; the coverage block says how many, and none counts
        if not ledger.is_genuine(review, found.names.squeezed):
            yield Finding(0, "edited_review", review.review_id, "this line of reviews.jsonl is not "
                          "as it was recorded; undo the edit, corrections go through --replaces")
        known = found.parts(review.datapoint_id)
        for quote in review.quotes:
            if parts.where(quote, known) is None:
                yield Finding(0, "fabricated_quote", quote, f"review {review.review_id} quotes "
                              f"what does not occur in {review.datapoint_id}")
        found.texts.pop(review.datapoint_id)  # a large ledger does not stay in memory
    for ident, final in counted.open.items():
        said = ", ".join(f"{review.coder}: {review.bucket}, {review.fault}"
                         for review in final.reviews)
        yield Finding(0, "unsettled", ident, f"the coders disagree ({said}); settle it with "
                                             "record_review.py --settles")


def rerun(path: Path) -> Iterator[Finding]:
    """Files that are not what the runs give when they are read again, by the commands that made
    them. Refuses when the runs are gone or have changed."""
    start, arguments = runs.command(path)
    with tempfile.TemporaryDirectory(prefix="again-") as folder:
        again = Path(folder)
        done = subprocess.run([sys.executable, _BUILD, *arguments, "--output-dir", again],
                              cwd=start, capture_output=True, encoding="utf-8", errors="replace")
        if not (again / steps.OUTCOMES).exists():
            raise files.Refusal(f"{path}: its runs cannot be read again: "
                                + " ".join(done.stderr.split()))
        for name in _made_again(path, again):
            one, other = (base / name for base in (path, again))
            if name != steps.FACTS and _bytes(one) != _bytes(other):
                yield Finding(0, "not_the_runs", name, "the runs, read again, give another one; "
                              "run stage 1 again")
        known, counted = facts.load(path), facts.load(again)
        if any(facts.part(known, step.name) != facts.part(counted, step.name)
               for step in (steps.BUILD, steps.CLUSTER, steps.COMPARE)):
            yield Finding(0, "not_the_runs", facts.NAME, "the runs, read again, give other counts; "
                          "run stage 1 again")
    yield from _agreement_findings(path, known)


def _made_again(path: Path, again: Path) -> list[str]:
    """Runs the steps after the packet in another folder as they ran in this one; returns the names
    of what must be the same. Figures are not: they differ with the drawing package."""
    ran, names = manifest.entries(path), list(steps.BUILD.writes)
    order = list(ran)
    if steps.CLUSTER.name in order[order.index(steps.BUILD.name):]:
        heuristics.label(again, path / heuristics.RULES)
        names += steps.CLUSTER.writes
    if steps.COMPARE.name in ran:
        asked = ran[steps.COMPARE.name]["settings"]
        compare.write(again, asked["by"], asked["seed"])
        names += steps.COMPARE.writes[:3]
    if (path / rows.CONTRAST).exists():
        copied = {row["datapoint_id"] for row, _ in rows.whole(path, rows.CONTRAST)}
        contrast.copy(path, copied, again)
        names += steps.PLAN.writes[2:]
    return list(dict.fromkeys(names))


def _agreement_findings(path: Path, known: dict) -> Iterator[Finding]:
    """An agreement that the ledger, measured again, does not give; one that was measured before
    reviews were added says so in the report."""
    asked = manifest.settings(path, steps.AGREE.name)
    said = files.read_json(path / measure.NAME) if asked else {}
    if not asked or said.get("reviews") != len(ledger.load(path)):
        return
    real = measure.compare(path, asked["seed"], asked["draws"])
    if dict(measure.numbers(real)) != facts.part(known, steps.AGREE.name) \
            or agreement_page.answer(real) != agreement_page.answer(said):
        yield Finding(0, "wrong_file", measure.NAME, "measured again it says something else; run "
                      "measure_agreement.py again")


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
