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
"""Turns the journals of agent runs (AIDE, AI-Scientist-v2) into readable text, trees and tables.

Reads every journal.json, filtered_journal.json and the like (.gz and .zst too) below
--failed-runs-dir, under any layout of folders. A filtered copy beside a journal is read only when
the journal itself is damaged.

Writes into --output-dir: <run>/<task>.txt (each step whole: stage, plan, code, output, error,
analysis, metric, debug chain), <run>/<task>.tree.svg (the search tree, coloured by outcome),
journal_steps.csv (a row per step), journal_runs.csv (a row per journal), rejected_journals.csv
(what could not be read, and why), manifest.json.

Exit codes: 0 done; 1 refused (no journal found), or some journal could not be read: the others are
written; 2 usage.

Example: parse_aide_journals.py --failed-runs-dir failed_runs --output-dir aide_journals
"""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and the journals."""
    parser = cli.parser(__doc__)
    parser.add_argument("--failed-runs-dir", type=Path, default=Path("failed_runs"),
                        metavar="DIR", help="folder to search, or one journal (./failed_runs)")
    parser.add_argument("--output-dir", type=Path, default=Path("aide_journals"), metavar="DIR",
                        help="where the files go (./aide_journals)")
    parser.add_argument("--dry-run", action="store_true",
                        help="only list the journals and their text files")
    parser.add_argument("--concurrent", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="worker processes (default: one per processor); the files are the "
                             "same with any number")
    parser.add_argument("--plain", action="store_true", help="headings without emoji")
    args = parser.parse_args(argv)
    if args.concurrent < 1:
        parser.error("--concurrent is at least 1")
    return cli.run(__file__, lambda: _parse(args))


def _parse(args: argparse.Namespace) -> int:
    from failure_analysis.pages import journals as journal_pages

    root, output_dir = args.failed_runs_dir, args.output_dir
    if args.dry_run:
        pages = journal_pages.pages(journal_pages.find(root), root)
        cli.summarise({"journals": len(pages), "dry_run": True,
                       "texts": [(output_dir / page.text).as_posix() for page in pages]},
                      [f"{page.place.path} -> {output_dir / page.text}" for page in pages]
                      + [f"{len(pages)} journals; nothing was written"], args.json)
        return 0
    counts = journal_pages.write(root, output_dir, args.concurrent, args.plain)
    cli.summarise({**_summary(counts), "output_dir": output_dir.as_posix()},
                  _lines(counts, output_dir, journal_pages), args.json)
    return 1 if counts["damaged"] else 0


def _summary(counts: Counter) -> dict:
    return {name: counts[name] for name in ("journals", "read", "damaged", "steps", "buggy",
                                            "unjudged", "rejected_nodes")}


def _lines(counts: Counter, output_dir: Path, pages) -> list[str]:
    good = counts["steps"] - counts["buggy"] - counts["unjudged"]
    lines = [f"{counts['journals']} journals found, {counts['read']} read: {counts['steps']} "
             f"steps = {counts['buggy']} buggy + {good} good + {counts['unjudged']} without a "
             "verdict",
             f"texts and trees: {output_dir}/<run>/<task>.txt and .tree.svg",
             f"tables: {output_dir / pages.STEPS} and {pages.RUNS}"]
    if counts["damaged"] or counts["rejected_nodes"]:
        lines.append(f"NOT READ: {counts['damaged']} files and {counts['rejected_nodes']} nodes; "
                     f"see {output_dir / pages.REJECTED}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
