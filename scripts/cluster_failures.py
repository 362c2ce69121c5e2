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
"""Puts a provisional error mode on every failing row of a packet, by ordered rules.

Reads failure_review_rows.jsonl of the analysis folder and the rules (default
templates/heuristics.yaml). Writes the labels into failure_review_rows.jsonl and .csv
(error_mode_candidate, error_mode_rule), and clusters.json, clusters.md, facts.json (keys `mode/…`),
rules.yaml (the rules that were used). Labels are provisional: they tell where to read first.
With --try it writes nothing, and prints for each rule how many rows it meets, how many of them it
labels (no rule above it meets them), and the rule of another mode that meets most of the same rows.

Exit codes: 0 done; 1 refused (no packet, a rule that cannot be read or that tests a field which
no row has); 2 usage.

Example: cluster_failures.py results/mybench --rules my_heuristics.yaml --try
"""

import argparse
import shlex
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and labels the rows."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("--rules", type=Path, metavar="YAML",
                        help="rules to use (default: templates/heuristics.yaml of the bundle)")
    parser.add_argument("--try", dest="dry", action="store_true",
                        help="write nothing; print what each rule would do")
    parser.add_argument("--rule", metavar="NAME",
                        help="with --try: ids of rows that this rule meets, and of rows that no "
                             "rule meets")
    args = parser.parse_args(argv)
    if args.rule and not args.dry:
        parser.error("--rule goes with --try")
    return cli.run(__file__, lambda: _try(args) if args.dry else _label(args),
                   None if args.dry else args.analysis_dir)


def _try(args: argparse.Namespace) -> int:
    from failure_analysis import files, terminal, user_files
    from failure_analysis.packet import heuristics

    rules_file = args.rules or heuristics.DEFAULT_RULES
    result = heuristics.tried(args.analysis_dir, rules_file)
    rules = {rule["rule"]: rule for rule in result["rules"]}
    if args.rule and args.rule not in rules:
        raise files.Refusal(f"{rules_file}: no rule {args.rule} for this benchmark; "
                            + user_files.nearest(args.rule, list(rules)))
    lines = terminal.table(
        ["rule", "mode", "meets", "labels", "shares most with", "example"],
        [[rule["rule"], rule["mode"], rule["met"], rule["labelled"],
          "{rule} ({rows})".format(**rule["overlaps"]) if rule["overlaps"] else "",
          next(iter(rule["examples"]), "")] for rule in result["rules"]], len(rules))
    lines.append(f"{result['failing_rows']} failing rows: {result['by_failure_class']} labelled by "
                 f"failure_class, {result['no_rule']['rows']} met by no rule; nothing was written")
    if args.rule:
        lines += [f"{args.rule} meets: {', '.join(rules[args.rule]['examples']) or 'no row'}",
                  f"no rule meets: {', '.join(result['no_rule']['examples']) or 'no row'}"]
    cli.summarise(result, lines, args.json)
    return 0


def _label(args: argparse.Namespace) -> int:
    from failure_analysis import aside, steps, terminal
    from failure_analysis.packet import heuristics

    if args.rules:
        aside.refuse_over([args.analysis_dir / heuristics.RULES], [args.rules])
    cli.make_room(args.analysis_dir, steps.CLUSTER)
    result = heuristics.label(args.analysis_dir, args.rules or heuristics.DEFAULT_RULES)
    cli.summarise(
        {"failing_rows": result["failing_rows"], "other_share": result["other_share"],
         "modes": {mode["mode"]: mode["rows"] for mode in result["modes"]},
         "never_met": result["never_met"]},
        [*(terminal.table(*heuristics.summary(result))
           or ["no row to label: none is judged as failed"]),
         *([f"never met: {', '.join(result['never_met'])}"]
           if args.rules and result["never_met"] else []),
         f"clusters: {args.analysis_dir / heuristics.PAGE}",
         f"next: compare_models.py {shlex.quote(str(args.analysis_dir))}"],
        args.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
