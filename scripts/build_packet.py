# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jmespath>=1.0.1,<2",
#     "msgspec>=0.20,<1",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "tqdm>=4.66,<5",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Builds the failure review packet of one benchmark's runs: every outcome, the failing rows whole,
exact counts, and what makes the runs hard to compare.

Reads judged run folders (openai_judged.jsonl, any *_judged.jsonl, transcript.jsonl), tau2-bench and
tau-bench results, AgentDojo run trees, LLM-judge summaries over tau2-bench runs, and through
--mapping any JSONL, JSON, CSV, TSV or Parquet; .gz and .zst as they are.

Writes into the analysis folder: outcomes.csv, failure_review_rows.jsonl, failure_review_rows.csv,
rejected_rows.jsonl, sanity.json, facts.json, manifest.json, gradings.csv when an answer was graded
more than once, and item_versions.json and .md when runs hold different items under one id or were
told different policies. What was made of another packet that stood there (clusters, comparison,
plan) is removed and named; the ledger, the reading log and the report stay. The same packet keeps
all. Where reviews or a rewritten report stand that are of other inputs, or files under our names
that we did not write, nothing is written without --force, which moves them into a subfolder
earlier-BENCHMARK-TIME or earlier-files-TIME.

Exit codes: 0 done; 1 refused (nothing found, nothing read, a mapping that cannot be meant), nothing
judged, a file that breaks off or cannot be read, or counts that are not as `expected`; 2 usage.

Example: build_packet.py --run-dir runs/a runs/b --output-dir results/mybench
"""

import argparse
import shlex
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and builds the packet."""
    parser = cli.parser(__doc__)
    cli.add_inputs(parser)
    parser.add_argument("--output-dir", type=Path, metavar="ANALYSIS_DIR",
                        help="the analysis folder (default results/<benchmark>)")
    parser.add_argument("--force", action="store_true",
                        help="put what stands there of other inputs, or is not ours, aside, into "
                             "a subfolder, and build a new one")
    cli.add_accept(parser)
    args = parser.parse_args(argv)
    return cli.run(__file__, lambda: _build(parser, args))


def _build(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    inputs = cli.find_inputs(parser, args)
    from failure_analysis import steps, store, terminal
    from failure_analysis.comparison import overview
    from failure_analysis.packet import build

    analysis_dir = args.output_dir or cli.default_folder(inputs)
    aside = cli.guard(analysis_dir, inputs, None, "--output-dir", args)
    analysis_dir.mkdir(parents=True, exist_ok=True)
    store.hold(analysis_dir)
    counts = build.build(inputs, analysis_dir, args.jobs, cli.input_settings(args, inputs))
    cli.summarise(
        {**counts, "runs": len(inputs.sources), "analysis_dir": analysis_dir.as_posix(),
         "put_aside": aside},
        [
            *cli.detection_lines(inputs),
            f"{counts['benchmark']}: {cli.conservation_line(counts)}",
            *build.remarks(counts),
            *terminal.table(*overview.of_folder(analysis_dir)),
            *cli.findings_lines(counts),
            f"packet: {analysis_dir / steps.ROWS} (and .csv)",
            f"sanity: {analysis_dir / 'sanity.json'}",
            *([f"next: cluster_failures.py {shlex.quote(str(analysis_dir))}"]
              if counts["fail"] else []),
        ],
        args.json,
    )
    return 0 if build.is_sound(counts, args.accept_differences) else 1


if __name__ == "__main__":
    sys.exit(main())
