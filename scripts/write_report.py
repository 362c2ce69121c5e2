# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jinja2>=3.1,<4",
#     "jmespath>=1.0.1,<2",
#     "markdown-it-py>=3,<5",
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "scipy>=1.11,<2",
#     "tqdm>=4.66,<5",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Writes the report from the ledger: binds numbers, makes the generated blocks anew.

Reads the analysis folder and reviews.jsonl. A report that nobody has rewritten is drafted anew from
the reviews: a section per model and bucket, with the quotes that were recorded, and TODO where the
author's words belong. In a rewritten one only two things change: {{key}} becomes the number of that
fact with its key in a comment, and the blocks between `generated` marks are made anew.

Writes the report, the same as one HTML page beside it (each number shows its fact, each citation
opens its datapoint), benchmark_issues.md where readers confirmed a fault of the benchmark (an entry
per item, to be filed with it), and the `review/` keys of facts.json.

Exit codes: 0 done; 1 refused, or the report names a fact that does not exist; 2 usage.

Example: write_report.py results/mybench
"""

import argparse
import gc
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and writes."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("--force", action="store_true",
                        help="draft the report anew even if somebody has rewritten it (a copy "
                             "stays)")
    cli.add_page_mb(parser)
    args = parser.parse_args(argv)
    gc.disable()  # it takes a fifth of the time, and what is read makes no cycles
    return cli.run(__file__, lambda: _write(args), args.analysis_dir)


def _write(args: argparse.Namespace) -> int:
    from failure_analysis import steps
    from failure_analysis.pages import report_page
    from failure_analysis.report import write

    cli.make_room(args.analysis_dir, steps.REPORT)
    report = write.path_of(args.analysis_dir)
    report_page.refuse_foreign(report)
    written = write.write(args.analysis_dir, report, args.force)
    page = report_page.write_beside(args.analysis_dir, args.page_mb, written.counts)
    cli.summarise(
        {"report": report.as_posix(), "report_state": written.state, "problems": written.problems,
         "page": page.path.as_posix()},
        [f"report: {report} ({written.state})", *page.lines(), *written.problems,
         "next: " + ("replace every TODO, then " if written.todo else "")
         + "check_report.py ANALYSIS_DIR"], args.json)
    return 1 if written.problems else 0


if __name__ == "__main__":
    sys.exit(main())
