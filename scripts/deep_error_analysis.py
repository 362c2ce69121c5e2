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
#     "tqdm>=4.66,<5",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Does all of stage 1: packet, provisional clusters, model comparison, audit, draft report.

Reads what build_packet.py reads: judged run folders, a comparison folder, tau2-bench, tau-bench and
AgentDojo results, or any JSONL, JSON, CSV, TSV and Parquet through --mapping.

Writes the report draft (--output, default results/<benchmark>/deep_error_analysis.md) and beside it
the files of build_packet.py, cluster_failures.py, compare_models.py and audit_benchmark.py, of
which it is exactly the sum, and the report as one HTML page with an overview, figures and all
failures to search. A report that somebody has rewritten keeps its text: only its generated blocks
are refreshed. Where reviews or such a report stand that are of other inputs, or files under our
names that we did not write, nothing is written without --force, which moves them into a folder
earlier-BENCHMARK-TIME or earlier-files-TIME.

Exit codes: 0 done; 1 refused (nothing found, nothing read, a mapping that cannot be meant), nothing
judged, a file that breaks off or cannot be read, or counts that are not as `expected`; 2 usage.

Example: deep_error_analysis.py --run-dir runs/a runs/b --output results/x/deep_error_analysis.md
"""

import argparse
import shlex
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and runs the parts of stage 1."""
    parser = cli.parser(__doc__)
    cli.add_inputs(parser)
    parser.add_argument("--output", type=Path, metavar="REPORT.md",
                        help="the report; its folder becomes the analysis folder")
    parser.add_argument("--rules", type=Path, metavar="YAML",
                        help="clustering rules (default: templates/heuristics.yaml)")
    cli.add_contract(parser)
    parser.add_argument("--by", choices=("model", "run"),
                        help="what is compared (default: models; runs where there is one model)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default 0)")
    parser.add_argument("--force", action="store_true",
                        help="draft the report anew even if somebody has rewritten it (a copy "
                             "stays); put an analysis of other inputs aside, into a subfolder")
    cli.add_page_mb(parser)
    cli.add_accept(parser)
    args = parser.parse_args(argv)
    return cli.run(__file__, lambda: _analyse(parser, args))


def _analyse(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    if args.output and args.output.suffix != ".md":
        parser.error(f"--output is the report, a path that ends in .md, not {args.output}")
    inputs = cli.find_inputs(parser, args)
    from failure_analysis import store, terminal
    from failure_analysis.audit import given
    from failure_analysis.audit import page as audit_page
    from failure_analysis.audit import run as audit
    from failure_analysis.comparison import overview, page
    from failure_analysis.comparison import write as compare
    from failure_analysis.packet import build, heuristics
    from failure_analysis.pages import report_page
    from failure_analysis.report import write
    from failure_analysis.review import budgets

    report = args.output or cli.default_folder(inputs) / write.NAME
    analysis_dir = report.parent
    aside = cli.guard(analysis_dir, inputs, report, "--output", args)
    rules = args.rules or heuristics.DEFAULT_RULES
    heuristics.load(rules)
    brought = given.given(analysis_dir, contract=args.contract)
    write.refuse_unreadable(analysis_dir, report, args.force)
    report_page.refuse_foreign(report)
    analysis_dir.mkdir(parents=True, exist_ok=True)
    store.hold(analysis_dir)
    counts = build.build(inputs, analysis_dir, cli.engine(parser, args),
                         cli.input_settings(args, inputs))
    clusters = heuristics.label(analysis_dir, rules)
    judged = counts["pass"] + counts["fail"]
    compared = compare.write(analysis_dir, args.by, args.seed) if judged else {}
    audited = audit.write(analysis_dir, brought)
    by = compared.get("by", "model")
    written = write.write(analysis_dir, report, args.force)
    shown = report_page.write_beside(analysis_dir, args.page_mb, written.counts)
    cli.summarise(
        {**counts, "runs": len(inputs.sources), "analysis_dir": analysis_dir.as_posix(),
         "put_aside": aside,
         "report": report.as_posix(), "report_state": written.state,
         "page": shown.path.as_posix(),
         "flagged_items": audited.flagged, "candidates": dict(audited.counts),
         "modes": {mode["mode"]: mode["rows"] for mode in clusters["modes"]}},
        [
            *cli.detection_lines(inputs),
            f"{counts['benchmark']}: {cli.conservation_line(counts)}",
            *build.remarks(counts),
            *terminal.table(*overview.of_folder(analysis_dir, by)),
            *([*page.apart(compared), *page.mixes(compared)] if judged else []),
            *cli.findings_lines(counts),
            *audit_page.lines(audited.counts, audited.flagged, audited.whole, audited.coverage),
            *terminal.table(*heuristics.summary(clusters)),
            *(["what reading buys (plan_review.py --budget N):",
               *terminal.table(*budgets.table(analysis_dir))] if budgets.is_quick(counts["fail"])
              else []),
            *([f"comparison: {analysis_dir / page.PAGE} and {page.FIGURE}"] if judged else []),
            f"report: {report} ({written.state})",
            *shown.lines(),
            *written.problems,
            *(["next: plan_review.py; a provisional mode is no finding",
               f"for people: review_app.py {shlex.quote(str(analysis_dir))} (reads and records in "
               "the browser)"]
              if counts["fail"] or build.for_readers(counts) else []),
        ], args.json)
    return 0 if build.is_sound(counts, args.accept_differences) else 1


if __name__ == "__main__":
    sys.exit(main())
