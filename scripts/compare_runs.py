# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
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
"""Says what changed between two runs, and whether it is more than noise.

OLD and NEW are each an analysis folder, or FOLDER::NAME for a model, a run or a pattern of runs in
one ('results/x::v1-*'; its runs are repeats), or runs as they are (a file or folder of any known
format, or through --mapping): these are made one analysis first, in OUTPUT_DIR. Items are joined on
id and content; what is not the same, missing or unjudged is listed and is neither passed nor
failed.

Writes run_changes.json, run_changes.md and run_changes.png into NEW's analysis folder: harmful and
beneficial flips, how many of them are noise (with repeats), answers that changed where the verdict
did not, the difference with its interval, tests of --margin, causes that came and went,
dimensions, tasks, tokens and cost.

Exit codes: 0 done; 1 refused (no packet, no item the same on both sides); 2 usage; 3 a condition of
--fail-if is met.

Example: compare_runs.py results/x::v1 results/x::v2 --margin 2 --fail-if 'harmful>3' worse
"""

import argparse
import math
import sys
from pathlib import Path

from failure_analysis import cli

FAILED = 3


def main(argv: list[str] | None = None) -> int:
    """Parses the options and compares."""
    parser = cli.parser(__doc__)
    parser.add_argument("old", metavar="OLD", help="the run before the change")
    parser.add_argument("new", metavar="NEW", help="the run after it")
    parser.add_argument("--margin", type=float, metavar="POINTS",
                        help="test whether NEW is no worse, and equal, within so many points of "
                             "the pass rate; set it before you look")
    parser.add_argument("--cluster", default="", metavar="FIELD",
                        help="the field of the rows (task, params.passage, …) that items share "
                             "which are no independent ones")
    parser.add_argument("--fail-if", nargs="+", action="extend", default=[], metavar="CONDITION",
                        help="exit 3 if one is met: 'harmful>N', 'not-compared>N' (items "
                             "that OLD was judged on), worse, "
                             "possibly-worse, not-equivalent (both with --margin)")
    parser.add_argument("--mapping", type=Path, metavar="YAML",
                        help="read runs through this benchmark.yaml instead of detecting")
    parser.add_argument("--output-dir", type=Path, metavar="OUTPUT_DIR",
                        help="where runs are analysed (default results/<benchmark>-runs)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default 0)")
    args = parser.parse_args(argv)
    if args.margin is not None and not (math.isfinite(args.margin) and 0 < args.margin < 100):
        parser.error("--margin is in points, above 0 and below 100")
    from failure_analysis.changes import gate

    if reason := gate.wrong(args.fail_if, args.margin and args.margin / 100):
        parser.error(reason)
    return cli.run(__file__, lambda: _compare(args))


def _compare(args: argparse.Namespace) -> int:
    from failure_analysis import steps, store, terminal
    from failure_analysis.changes import compare, gate, page, prepare, write

    old, new = prepare.both(args.old, args.new, args.mapping, args.output_dir)
    store.hold(new.folder)
    cli.make_room(new.folder, steps.CHANGES)
    margin = None if args.margin is None else args.margin / 100
    result = write.write(old, new, compare.Options(margin, args.cluster, args.seed))
    met = gate.met(result, args.fail_if)
    cli.summarise(
        {"verdict": result["verdict"], "items": result["items"], **result["overall"],
         "harmful": [flip["item"] for flip in result["flips"]["harmful"]],
         "beneficial": [flip["item"] for flip in result["flips"]["beneficial"]],
         "lost": result["lost"], "failed": met, "page": str(new.folder / page.PAGE)},
        [*(line.replace("**", "") for line in page.summary(result)),
         *terminal.table(*page.flip_table(result)), f"page: {write.told(new.folder)}",
         *(f"next: plan_review.py {new.folder} --from-flips (new failures first)"
           for _ in result["flips"]["harmful"][:1]), *(f"FAILED: {line}" for line in met)],
        args.json)
    return FAILED if met else 0


if __name__ == "__main__":
    sys.exit(main())
