# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jinja2>=3.1,<4",
#     "jmespath>=1.0.1,<2",
#     "matplotlib>=3.8,<4",
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "scipy>=1.11,<2",
#     "tqdm>=4.66,<5",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Proves the report, claim by claim, and names what does not hold.

Checked: every number against its fact (and whose it is, and of which whole), every quote verbatim
against the datapoint cited for it, every citation against the ledger, every generated block against
the files it is made from, the ledger's own quotes; that each reviewed datapoint was shown to its
coder (the reading log knows what was printed, not what was read); that every model with failures
has its section, every bucket its description and citations, every planned item that all models
failed a decided fault. Below
the report: every file of the analysis against the manifest, and facts, comparison and clusters by
computing them anew from outcomes.csv, the packet and the ledger. --rerun-inputs also reads the runs
again and makes every file anew: without it, an edit that the manifest agrees with may not be seen.
references/review-method.md says what else is not.

Writes check.json.

Exit codes: 0 everything holds; 1 something does not, or refused; 2 usage.

Example: check_report.py results/mybench
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from failure_analysis import cli

MOST_SHOWN = 60


def main(argv: list[str] | None = None) -> int:
    """Parses the options and checks."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("--min-cited", type=int, default=3, metavar="N",
                        help="reviewed datapoints that each bucket cites, or all if it has fewer "
                             "(default 3)")
    parser.add_argument("--rerun-inputs", action="store_true",
                        help="read the runs again and prove the packet against them")
    args = parser.parse_args(argv)
    if args.min_cited < 1:
        parser.error("--min-cited is at least 1")
    return cli.run(__file__, lambda: _check(args), args.analysis_dir)


def _check(args: argparse.Namespace) -> int:
    from failure_analysis import steps
    from failure_analysis.report import check, write

    cli.make_room(args.analysis_dir, steps.CHECK)
    result = check.check(args.analysis_dir, args.min_cited, args.rerun_inputs)
    report = write.path_of(args.analysis_dir)
    proved = ", ".join(f"{count} {kind}" for kind, count in result.proved.items())
    lines = [(f"{report}:{finding.line}: " if finding.line else "")
             + f"{finding.verdict}: {finding.text}: {finding.why}"
             for finding in result.findings[:MOST_SHOWN]]
    if len(result.findings) > MOST_SHOWN:
        lines.append(f"{len(result.findings) - MOST_SHOWN} more in {check.NAME}")
    if result.findings:
        kinds = Counter(finding.verdict for finding in result.findings)
        lines.append(f"DOES NOT HOLD: {len(result.findings)} findings ("
                     + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) + ")")
    else:
        lines.append("HOLDS, against the runs, read again" if args.rerun_inputs else
                     "HOLDS, against the manifest (--rerun-inputs reads the runs again)")
    lines.append(f"proved: {proved or 'nothing'}")
    shown = ", ".join(map(str, result.judgement[:20]))
    more = f" and {len(result.judgement) - 20} more" if len(result.judgement) > 20 else ""
    lines.append(f"judgement that no script can prove, on {len(result.judgement)} lines: "
                 f"{shown or 'none'}{more}")
    cli.summarise(check.record(result, args.rerun_inputs), lines, args.json)
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
