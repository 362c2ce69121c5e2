# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jmespath>=1.0.1,<2",
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "scipy>=1.11,<2",
#     "tabulate>=0.9,<1",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Examines every verdict, passing ones too: where the benchmark itself may be wrong.

Reads outcomes.csv and the runs themselves once more. Flags are exact: the same answer judged right
and wrong, a failure that differs from what is expected in its form alone, a pass without what was
due, a damaged item, a claim that the record contradicts, a broken run. Leads only order the
reading: models that agree against the gold, items that good models fail and weak ones pass, one
call with two results, repeats that differ.

--answers compares what a second source says with gold, answers and verdicts (flags `other_answer`,
facts `audit/answers/…`). --known-defects says what items that are known to be wrong cost: failures
on them, rates and ranking without them (audit.md, facts `audit/known_…`). --contract
(templates/contract.yaml: golden answers, required calls, policy, in files beside the runs) says
which datapoints, judged or not, do not do what their item requires. Nobody's code is run.

--readings takes what a reader makes of the candidates, one JSON object per line:
{"id": ..., "answer": "confirmed", "holds": "pass", "datapoint_id": ..., "quote": ...,
"reason": ...}. The answer is confirmed, possible or declined; all but possible need a quote that
stands verbatim in one of the candidate's datapoints (12 characters, a whole part or a whole value
in quotes), and a reason of four words. --unread prints such lines for the flags that nobody has
read. `holds` says of a confirmed one what the disputed datapoints should have been: pass or fail,
drop where the item's datapoints say nothing, stays where the verdicts are right. Of strict_match
that is pass, of false_pass fail, of damaged_item and harness drop, of claimed_done stays, if
nothing is said; all others must say.
What a reader found and no rule (show_items.py shows items to look for it) has a class in the place
of the id, and names the datapoints in doubt where they are not the quoted one:
{"class": "damaged_item", "disputed": [...], "answer": "confirmed", ...}.

Writes audit.jsonl, audit.csv, audit.md and the keys `audit/…` of facts.json; with --readings it
appends to audit_readings.jsonl instead.

Exit codes: 0 done, whatever was found; 1 refused (no packet, the runs are gone or have changed, a
reading does not hold, a contract that cannot be meant); 2 usage.

Example: audit_benchmark.py results/mybench
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and audits."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("--readings", metavar="FILE",
                        help="record what a reader makes of the candidates instead; - reads "
                             "standard input")
    parser.add_argument("--reader", metavar="NAME", help="with --readings: who read")
    parser.add_argument("--kind", default="agent", choices=("agent", "person"),
                        help="with --readings: what the reader is (default agent)")
    parser.add_argument("--unread", action="store_true",
                        help="print an entry for --readings for each flag that nobody has read, "
                             "to be filled in")
    parser.add_argument("--answers", type=Path, metavar="FILE",
                        help="JSONL or CSV with item, answer, source: what a solver, a person or a "
                             "second source says; compared with gold, answers and verdicts. Kept "
                             "for later runs; - forgets it")
    parser.add_argument("--known-defects", type=Path, metavar="FILE",
                        help="JSONL or CSV with id (of the item), version, what, link: rates and "
                             "ranking with and without these items. Kept for later runs; - forgets "
                             "it")
    cli.add_contract(parser)
    args = parser.parse_args(argv)
    if bool(args.readings) != bool(args.reader):
        parser.error("--readings and --reader go together")
    if args.readings and args.unread:
        parser.error("give one of --readings and --unread")
    act = _readings if args.readings else _unread if args.unread else _audit
    return cli.run(__file__, lambda: act(args), args.analysis_dir)


def _readings(args: argparse.Namespace) -> int:
    from failure_analysis import files, manifest, steps
    from failure_analysis.packet import rows
    from failure_analysis.review import audit_readings, plan_files

    name = steps.AUDIT.writes[0]
    files.needed(args.analysis_dir / name, steps.AUDIT.script)
    manifest.proved(args.analysis_dir, (name,))
    index = rows.load(args.analysis_dir)

    def append(entries: list[dict]) -> list:
        quoted = [str(entry.get("datapoint_id")) for entry in entries]
        return audit_readings.append(plan_files.with_rows(index, quoted), entries)

    return cli.record_answers(
        args.readings, args, "reading", append,
        "write_report.py ANALYSIS_DIR (rates with confirmed faults resolved, benchmark_issues.md)")


def _unread(args: argparse.Namespace) -> int:
    import json

    from failure_analysis import files, steps
    from failure_analysis.review import audit_readings

    files.needed(args.analysis_dir / steps.AUDIT.writes[0], steps.AUDIT.script)
    for entry in audit_readings.unread(args.analysis_dir):
        print(json.dumps(entry))
    return 0


def _audit(args: argparse.Namespace) -> int:
    from failure_analysis import steps
    from failure_analysis.audit import given, page, run
    from failure_analysis.audit.candidates import CLASSES

    cli.make_room(args.analysis_dir, steps.AUDIT)
    brought = given.given(args.analysis_dir, args.answers, args.known_defects, args.contract)
    found = run.write(args.analysis_dir, brought)
    whole = found.whole
    cli.summarise(
        {"rows": whole.rows, "items": whole.items, "flagged_items": found.flagged,
         "candidates": {klass: found.counts[klass] for klass in CLASSES},
         "contract": found.coverage._asdict() if found.coverage else None},
        [f"{whole.rows} datapoints of {whole.items} items",
         *page.lines(found.counts, found.flagged, whole, found.coverage),
         *given.lines(whole, brought),
         f"audit: {args.analysis_dir / run.PAGE}",
         "next: show_items.py ANALYSIS_DIR (items side by side, those with a flag first)"],
        args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
