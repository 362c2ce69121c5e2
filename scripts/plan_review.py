# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jmespath>=1.0.1,<2",
#     "msgspec>=0.20,<1",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Plans the review: which datapoints to read, in which order, and why.

Reads outcomes.csv, failure_review_rows.jsonl, model_comparison.json, audit.jsonl, and the runs
themselves once more (for passing datapoints); with --from-flips run_changes.json too, whose new
failures come first, with --from-lens diagnosis.json, whose datapoints of a hypothesis or label (or
failures of a cell such as length=18,depth=3) come first, with what they are read for. Then the
flags of the audit, passing datapoints beside failing ones; then kinds in turn, so that you can stop
early: an item that every model failed, a failure of one model alone, a datapoint that nobody has
judged, one of a sample of every model and provisional mode, at least 3 rows each; every provisional
mode gets one passing datapoint of the same item as contrast. Of failing datapoints that are alike
(one item, the same or nearly the same words and calls) one is read, and the others are listed
beside it. Without --budget the plan is as long as these floors
need, up to 100 datapoints (7 for each model, if that is more). In a plan that is cut every kind has
the same share, and what one cannot use goes to the others; it says what it leaves out.

Writes review_plan.jsonl, review_plan.md, contrast_rows.jsonl (passing datapoints of the planned
items, whole) and, where the runs record the models' policy, background.md.

Exit codes: 0 done (what is left out is said); 1 refused (no packet, no comparison, nothing
failed or left unjudged, some ID of --contrast: the others are copied); 2 usage.

Example: plan_review.py results/mybench --shards 3 --overlap 0.5
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and plans."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--budget", type=int, metavar="N", help="read N datapoints at most")
    size.add_argument("--all", action="store_true",
                      help="read every datapoint that failed or is not judged")
    parser.add_argument("--shards", type=int, default=1, metavar="K",
                        help="readers who work in parallel (default 1)")
    parser.add_argument("--overlap", type=float, default=0.2, metavar="SHARE",
                        help="share of the datapoints that all readers get, so that their "
                             "agreement can be measured (default 0.2)")
    parser.add_argument("--contrast", nargs="+", default=[], metavar="ID",
                        help="leave the plan as it is and copy these passing datapoints too, so "
                             "that they can be shown")
    parser.add_argument("--from-flips", action="store_true",
                        help="what passed before and fails now comes first, each with the answer "
                             "that passed where this folder has it (compare_runs.py)")
    parser.add_argument("--from-lens", metavar="CELL|PATTERN|HYPOTHESIS",
                        help="what the diagnosis names for a hypothesis or a lens' label comes "
                             "first, or failures of a cell (length=18,depth=3)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default 0)")
    args = parser.parse_args(argv)
    if args.budget is not None and args.budget < 1:
        parser.error("--budget is at least 1")
    if args.shards < 1:
        parser.error("--shards is at least 1")
    if not 0 <= args.overlap <= 1:
        parser.error("--overlap is a share from 0 to 1")
    return cli.run(__file__, lambda: _plan(args), args.analysis_dir)


def _plan(args: argparse.Namespace) -> int:
    from failure_analysis import steps, terminal
    from failure_analysis.review import picks, plan, plan_files, plan_page

    analysis_dir = args.analysis_dir
    if args.contrast:
        copied, refused = plan_files.add_contrasts(analysis_dir, args.contrast)
        cli.summarise({"copied": copied, "refused": refused},
                      [f"copied, to be shown: {', '.join(copied)}",
                       *(f"REFUSED: {reason}" for reason in refused)], args.json)
        return 1 if refused else 0
    cli.make_room(analysis_dir, steps.PLAN)
    summary = plan_files.write(analysis_dir, picks.Options(args.budget, args.all, args.shards,
                                                    args.overlap, args.seed, args.from_flips,
                                                    args.from_lens))
    left = plan_page.left_out_lines(summary["left_out"], summary["failing"], summary["unjudged"],
                                    summary["ceiling"])
    passing = summary["planned"] - summary["failing_planned"] - summary["unjudged_planned"]
    unjudged = f"{summary['unjudged_planned']} of {summary['unjudged']} unjudged, " \
        if summary["unjudged"] else ""
    beside = f" (and {summary['alike']} alike to one of them)" if summary["alike"] else ""
    lines = [f"{summary['planned']} datapoints to read: {summary['failing_planned']} of "
             f"{summary['failing']} failing{beside}, {unjudged}{passing} passing",
             *terminal.table(("why", "datapoints", "that is"), [
                 (why, count, plan.WHY[why]) for why, count in summary["why"].items()]),
             *left, *summary["all_failed"],
             *(f"short: {text}" for text in summary["short"])]
    if args.shards > 1:
        lines.append("readers: " + ", ".join(f"{shard} reads {size}" for shard, size in
                                             summary["shards"].items()))
        if summary["shared"] < plan.GATE:
            lines.append(f"{summary['shared']} failing datapoints are shared by all readers; below "
                         f"{plan.GATE} their agreement is not measured: raise --overlap")
    lines += [f"plan: {analysis_dir / plan.PAGE}", "next: show_datapoint.py ANALYSIS_DIR --next"]
    cli.summarise(summary, lines, args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
