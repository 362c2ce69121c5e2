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
#     "starlette>=0.40,<2",
#     "tabulate>=0.9,<1",
#     "tqdm>=4.66,<5",
#     "uvicorn>=0.30,<1",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Opens the review page: read failing datapoints in a browser and record what went wrong.

Given runs (files or folders of any known format, or a comparison folder), it first does stage 1 as
deep_error_analysis.py does, into the same folder; where it did so earlier, it goes on with that.
Given an analysis folder, it reads the packet (outcomes.csv, failure_review_rows.jsonl). Where there
is no plan it makes one as plan_review.py does. Then it serves on 127.0.0.1 only, to the browser
that it opens or that opens the printed link; Ctrl-C ends.

Writes reviews.jsonl (each finished form is saved by itself, and again when it is changed) and
reading_log.jsonl (what stood on the screen). A conversation stands in steps, as show_datapoint.py
has it; a click on a message or call (or s where the focus is) makes it the step of the review, Alt
click the second, as record_review.py --step and --second do. Its view "Overview" has rates, modes,
buckets, faults, dimensions and the audit as bars that filter the queue. Its view "Second reading"
shows each sentence of the report with its evidence, for a person who did not write it; answers go
to second_reading.jsonl, as with check_report.py --answers. Its view "Audit" shows each candidate of
audit_benchmark.py, the sides beside each other with the words that differ; readings go to
audit_readings.jsonl, as with audit_benchmark.py --readings. Datapoints that no grader judged are
there too: the form takes the reader's verdict. With --static it serves nothing and writes the page
that stands beside the report (overview, figures, report, reviews, failures, the audit's candidates)
to another place, to send to a colleague; before the first review too.

Exit codes: 0 done or interrupted; 1 refused (no runs or packet, an analysis of other inputs or a
half-written one in the folder, nothing to read, port taken); 2 usage.

Example: review_app.py runs/ --coder alice
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options, and serves or writes the page."""
    parser = cli.parser(__doc__, as_json=False)
    parser.add_argument("paths", type=Path, nargs="+", metavar="RUNS|ANALYSIS_DIR")
    parser.add_argument("--output", type=Path, metavar="REPORT.md",
                        help="with runs: the report; its folder becomes the analysis folder "
                             "(default: as deep_error_analysis.py has it)")
    parser.add_argument("--mapping", type=Path, metavar="YAML",
                        help="read the runs through this benchmark.yaml instead of detecting")
    parser.add_argument("--port", type=int, default=0, metavar="N",
                        help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--coder", metavar="NAME",
                        help="whose reviews these are (default: the user's name)")
    parser.add_argument("--no-browser", action="store_true",
                        help="print the link and open no browser")
    parser.add_argument("--static", type=Path, metavar="OUT.html",
                        help="write the report and its evidence as one read-only page instead")
    cli.add_page_mb(parser)
    args = parser.parse_args(argv)
    if not 0 <= args.port <= 65535:
        parser.error("--port is from 0 to 65535")
    if args.output and args.output.suffix != ".md":
        parser.error(f"--output is the report, a path that ends in .md, not {args.output}")
    return cli.run(__file__, lambda: _opened(parser, args))


def _opened(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    """Serves or writes the page of the folder, made from the runs where it must be."""
    from failure_analysis.pages import begin, server
    from failure_analysis.review import ledger

    coder = server.user_name() if args.coder is None else args.coder
    if wrong := ledger.wrong_coder(coder):
        parser.error(wrong)
    if begin.is_analysis(args.paths):
        if args.output or args.mapping:
            parser.error(f"{args.paths[0]} is an analysis folder; --output and --mapping go with "
                         "runs")
        analysis_dir = args.paths[0]
        begin.refuse_half_written(analysis_dir)
    elif (analysis_dir := _analysed(args)) is None:
        return 1  # stage 1 has said why
    if args.static:
        return _write(analysis_dir, args.static, args.page_mb)
    if said := begin.planned(analysis_dir):
        cli.summarise({}, [said], as_json=False)
    try:
        server.serve(analysis_dir, args.port, coder, not args.no_browser)
    except KeyboardInterrupt:
        print()
    return 0


def _analysed(args: argparse.Namespace) -> Path | None:
    """The analysis folder of runs, by stage 1 unless that was done; None where it refused."""
    from failure_analysis.pages import begin
    from failure_analysis.review import standing

    runs = begin.inputs(args.paths, args.mapping)
    report = args.output or cli.default_folder(runs) / standing.REPORT
    cli.summarise({}, cli.detection_lines(runs), as_json=False)
    if begin.stands(report.parent, runs, args.mapping):
        cli.summarise({}, [f"analysis: {report.parent} (made earlier from these runs)"],
                      as_json=False)
        return report.parent
    print("stage 1 …", flush=True)
    counts = begin.stage_1(args.paths, args.mapping, report)
    if counts is None:
        return None
    cli.summarise({}, [f"{counts['benchmark']}: {cli.conservation_line(counts)}",
                       f"draft report: {report} ({len(counts['findings'])} findings to know before "
                       "comparing stand in it)",
                       f"again: review_app.py {report.parent}"], as_json=False)
    return report.parent


def _write(analysis_dir: Path, page: Path, page_mb: float) -> int:
    """Writes the static page and says what is in it."""
    from failure_analysis.pages import report_page

    written = report_page.write(analysis_dir, page, page_mb)
    cli.summarise({}, [written.reviewed, *written.lines()], as_json=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
