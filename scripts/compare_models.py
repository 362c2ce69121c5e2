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
#     "tabulate>=0.9,<1",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Compares the models of an analysis folder on the items that they really share.

Reads outcomes.csv, gradings.csv (if there) and failure_review_rows.jsonl (for the modes of flaky
items). Writes model_comparison.json, model_comparison.md, comparison.csv, comparison.png, and the
keys `comparison/…` of facts.json: failed by all, unique fails and passes, rates per task, paired
tests, repeats, and graders of the same answers. Models that share few items are put into groups.

Exit codes: 0 done; 1 refused (no packet, nothing judged); 2 usage.

Example: compare_models.py results/mybench --by run
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and compares."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("--by", choices=("model", "run"),
                        help="what is compared (default: models; runs where there is one model)")
    parser.add_argument("--seed", type=int, default=0,
                        help="of the bootstrap and the swaps (default 0)")
    args = parser.parse_args(argv)
    return cli.run(__file__, lambda: _compare(args), args.analysis_dir)


def _compare(args: argparse.Namespace) -> int:
    from failure_analysis import steps, terminal
    from failure_analysis.comparison import overview, page, write

    cli.make_room(args.analysis_dir, steps.COMPARE)
    result = write.write(args.analysis_dir, args.by, args.seed)
    sets, lost = result["sets"], page.failed_by_all_who_ran(result)
    under_every = len(result["failed_under_every_content"])
    passed = len(result["passed_outside"])
    by, all_units = f"{result['by']}s", page.all_compared(result)
    whom = f"{len(result['units'])} {by}" if all_units else \
        f"{page.main_group(result)} of {len(result['units'])} {by}"
    cli.summarise(
        {"by": result["by"], "units": len(result["units"]), "items": result["items"],
         "compared_items": result["compared_items"],
         "different_content": len(result["different_content"]),
         "compared_units": len(result["compared_units"]), "groups": 1 + len(result["groups"])
         + len(result["groups_without_sets"]), "alone": len(result["alone"]),
         "failed_by_all": len(sets["failed_by_all"]), "failed_by_all_who_ran": len(lost),
         "failed_under_every_content": under_every,
         "unique_fail": {name: len(items) for name, items in sets["unique_fail"].items()}},
        [*terminal.table(*overview.of_folder(args.analysis_dir, result["by"])),
         f"{whom} on {result['compared_items']} of "
         f"{result['items']} items; {len(result['different_content'])} differ in content",
         *page.apart(result), *page.mixes(result),
         *([page.not_judged(result)] if result["not_judged"] else []),
         *[f"failed by all{'' if all_units else ' of the group'}: "
           f"{len(sets['failed_by_all'])} items"
           + " (in more than half of its attempts)" * bool(result["repeats"])]
         * (len(result["units"]) > 1),
         *[f"of these, passed outside the group: {passed} items"] * bool(passed),
         *[f"failed by all who ran it, not run by all: {len(lost)} items"] * bool(lost),
         *[f"failed under every version of its content: {under_every} items"] * bool(under_every),
         *filter(None, [page.suspicion(result["by"], result["compared_items"], sets)]),
         f"comparison: {args.analysis_dir / page.PAGE} and {page.FIGURE}"],
        args.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
