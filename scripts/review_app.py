# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jinja2>=3.1,<4",
#     "jmespath>=1.0.1,<2",
#     "markdown-it-py>=3,<5",
#     "matplotlib>=3.8,<4",
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "scipy>=1.11,<2",
#     "tabulate>=0.9,<1",
#     "starlette>=0.40,<2",
#     "tqdm>=4.66,<5",
#     "uvicorn>=0.30,<1",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Opens the review page: read failing datapoints in a browser and record what went wrong.

Reads the packet (outcomes.csv, failure_review_rows.jsonl), and where they are there the plan
(review_plan.jsonl, contrast_rows.jsonl) and the ledger. Serves on 127.0.0.1 only, to the browser
that opens the printed link; Ctrl-C ends.

Writes reviews.jsonl (each finished form is saved by itself, and again when it is changed) and
reading_log.jsonl (what stood on the screen). A conversation stands in steps, as show_datapoint.py
has it; a click on a message or call (or s where the focus is) makes it the step of the review, Alt
click the second, as record_review.py --step and --second do. Its view "Second reading" shows each
sentence of the report with its evidence, for a person who did not write it; answers go to
second_reading.jsonl, as with check_report.py --answers. Its view "Audit" shows each candidate of
audit_benchmark.py, the sides beside each other with the words that differ; readings go to
audit_readings.jsonl, as with audit_benchmark.py --readings. Datapoints that no grader judged are
there too: the form takes the reader's verdict. With --static it serves nothing and writes the page
that stands beside the report (overview, figures, report, reviews, failures, the audit's candidates)
to another place, to send to a colleague; before the first review too.

Exit codes: 0 done or interrupted; 1 refused (no packet, nothing to read, port taken); 2 usage.

Example: review_app.py results/mybench --coder alice
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options, and serves or writes the page."""
    parser = cli.parser(__doc__, as_json=False)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("--port", type=int, default=0, metavar="N",
                        help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--coder", metavar="NAME",
                        help="whose reviews these are (default: the user's name)")
    parser.add_argument("--static", type=Path, metavar="OUT.html",
                        help="write the report and its evidence as one read-only page instead")
    cli.add_page_mb(parser)
    args = parser.parse_args(argv)
    if not 0 <= args.port <= 65535:
        parser.error("--port is from 0 to 65535")
    return cli.run(__file__, lambda: _write(args) if args.static else _serve(parser, args))


def _serve(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    """Serves the page until Ctrl-C."""
    from failure_analysis.pages import server
    from failure_analysis.review import ledger

    coder = server.user_name() if args.coder is None else args.coder
    if wrong := ledger.wrong_coder(coder):
        parser.error(wrong)
    try:
        server.serve(args.analysis_dir, args.port, coder)
    except KeyboardInterrupt:
        print()
    return 0


def _write(args: argparse.Namespace) -> int:
    """Writes the static page and says what is in it."""
    from failure_analysis.pages import report_page

    page = report_page.write(args.analysis_dir, args.static, args.page_mb)
    cli.summarise({}, [page.reviewed, *page.lines()], as_json=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
