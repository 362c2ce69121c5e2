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
on them, rates and ranking without them (audit.md, facts `audit/known_…`). Nobody's code is run.

Writes audit.jsonl, audit.csv, audit.md and the keys `audit/…` of facts.json.

Exit codes: 0 done, whatever was found; 1 refused (no packet, the runs are gone or have changed);
2 usage.

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
    parser.add_argument("--answers", type=Path, metavar="FILE",
                        help="JSONL or CSV with item, answer, source: what a solver, a person or a "
                             "second source says; compared with gold, answers and verdicts. Kept "
                             "for later runs; - forgets it")
    parser.add_argument("--known-defects", type=Path, metavar="FILE",
                        help="JSONL or CSV with id (of the item), version, what, link: rates and "
                             "ranking with and without these items. Kept for later runs; - forgets "
                             "it")
    args = parser.parse_args(argv)
    return cli.run(__file__, lambda: _audit(args), args.analysis_dir)


def _audit(args: argparse.Namespace) -> int:
    from failure_analysis import steps, terminal
    from failure_analysis.audit import given, page, run
    from failure_analysis.audit.candidates import CLASSES

    cli.make_room(args.analysis_dir, steps.AUDIT)
    brought = given.given(args.analysis_dir, args.answers, args.known_defects)
    found = run.write(args.analysis_dir, brought)
    whole = found.whole
    cli.summarise(
        {"rows": whole.rows, "items": whole.items, "flagged_items": found.flagged,
         "candidates": {klass: found.counts[klass] for klass in CLASSES}},
        [f"{whole.rows} datapoints of {whole.items} items; {found.flagged} items with a flag",
         *terminal.table(("class", "candidates", "that is"), [
             (klass, found.counts[klass], page.MEANS[klass]) for klass in CLASSES
             if found.counts[klass]]),
         *given.lines(whole, brought),
         f"audit: {args.analysis_dir / run.PAGE}"], args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
