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
"""Puts a provisional error mode on every failing row of a packet, by ordered rules.

Reads failure_review_rows.jsonl of the analysis folder and the rules (default
templates/heuristics.yaml). Writes the labels into failure_review_rows.jsonl and .csv
(error_mode_candidate, error_mode_rule), and clusters.json, clusters.md, facts.json (keys `mode/…`),
rules.yaml (the rules that were used). Labels are provisional: they tell where to read first.

Exit codes: 0 done; 1 refused (no packet, a rule that cannot be read); 2 usage.

Example: cluster_failures.py results/mybench --rules my_heuristics.yaml
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and labels the rows."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("--rules", type=Path, metavar="YAML",
                        help="rules to use (default: templates/heuristics.yaml of the bundle)")
    args = parser.parse_args(argv)
    return cli.run(__file__, lambda: _label(args))


def _label(args: argparse.Namespace) -> int:
    from failure_analysis import terminal
    from failure_analysis.packet import heuristics

    result = heuristics.label(args.analysis_dir, args.rules or heuristics.DEFAULT_RULES)
    cli.summarise(
        {"failing_rows": result["failing_rows"], "other_share": result["other_share"],
         "modes": {mode["mode"]: mode["rows"] for mode in result["modes"]},
         "never_met": result["never_met"]},
        [*(terminal.table(*heuristics.summary(result)) or ["no failing row to label"]),
         *([f"never met: {', '.join(result['never_met'])}"]
           if args.rules and result["never_met"] else []),
         f"clusters: {args.analysis_dir / heuristics.PAGE}",
         f"next: compare_models.py {args.analysis_dir}"],
        args.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
