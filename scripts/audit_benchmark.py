# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jmespath>=1.0.1,<2",
#     "msgspec>=0.20,<1",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
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

With --contract (templates/contract.yaml: golden answers, required calls, policy, in files beside
the runs) it also says which datapoints, judged or not, do not do what their item requires.

Writes audit.jsonl, audit.csv, audit.md and the keys `audit/…` of facts.json.

Exit codes: 0 done, whatever was found; 1 refused (no packet, the runs are gone or have changed, a
contract that cannot be meant); 2 usage.

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
    cli.add_contract(parser)
    args = parser.parse_args(argv)
    return cli.run(__file__, lambda: _audit(args), args.analysis_dir)


def _audit(args: argparse.Namespace) -> int:
    from failure_analysis import steps
    from failure_analysis.audit import page, run
    from failure_analysis.audit.candidates import CLASSES

    cli.make_room(args.analysis_dir, steps.AUDIT)
    found = run.write(args.analysis_dir, args.contract)
    cli.summarise(
        {"rows": found.rows, "items": found.items, "flagged_items": found.flagged,
         "candidates": {klass: found.counts[klass] for klass in CLASSES},
         "contract": found.coverage._asdict() if found.coverage else None},
        [f"{found.rows} datapoints of {found.items} items",
         *page.lines(found.counts, found.flagged, found.coverage),
         f"audit: {args.analysis_dir / run.PAGE}"], args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
