# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "httpx2>=2.12,<3",
#     "jinja2>=3.1,<4",
#     "jmespath>=1.0.1,<2",
#     "msgspec>=0.20,<1",
#     "openai>=3.40,<4",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "tqdm>=4.66,<5",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Open coding: an LLM describes each sample on its own, without categories decided beforehand.

Reads runs of any known format (a bee run, tau2-bench results, …), or a packet: its folder or its
failure_review_rows.jsonl, which stands for its failing rows. The key comes from OPENAI_API_KEY.

Writes into results/PROJECT: open_coded_NAME.jsonl (a line per sample: state, coding, checked
quotes), open_coding.json (the counts), samples_NAME.jsonl and other_answers_NAME.jsonl (the rows,
whole), original_NAME.jsonl (a copy of the run, if that is one JSONL file), open_coding_calls.jsonl
(every finished call: the same command goes on from there and pays for none twice), logs/,
manifest.json. A dry run writes dry_run/ alone; --batch writes open_coding_batches.jsonl.

Every sample ends in one state: ok, unparsed, refused, truncated, overflow, timed_out or
skipped_by_budget (also where the endpoint ended the run before); all but ok are unknown, and are
never counted as sound.

Exit codes: 0 done; 1 refused, more unknown than --max-unknown, or (--batch collect) not all is
answered yet; 2 usage.

Example: open_coder.py --input bee_run_abc.jsonl --project my_analysis --num-samples 20 --dry-run
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli
from failure_analysis.coding import options


def main(argv: list[str] | None = None) -> int:
    """Parses the options and codes."""
    parser = cli.parser(__doc__)
    parser.add_argument("--input", type=Path, nargs="+", action="extend", required=True,
                        metavar="PATH", help="runs, or a packet")
    parser.add_argument("--project", required=True, metavar="NAME",
                        help="the folder below results/; an existing one is gone on with")
    parser.add_argument("--overwrite", action="store_true",
                        help="begin an existing project anew; its codes are removed")
    parser.add_argument("--mapping", type=Path, metavar="YAML",
                        help="read --input through this benchmark.yaml")
    parser.add_argument("--background", type=Path, metavar="YAML",
                        help="a benchmark.yaml of which background and model alone are used")
    group = parser.add_argument_group("which samples")
    group.add_argument("--num-samples", type=int, metavar="N", help="so many (default all)")
    group.add_argument("--sample-by", choices=("first", "stratified", "random"), default="first",
                       help="which N: the first (default), seeded by model, outcome and failed "
                            "dimensions, or seeded at random")
    group.add_argument("--seed", type=int, default=0, help="of the choice (default 0)")
    group.add_argument("--only-failed", action="store_true", help="failing samples only")
    group.add_argument("--with-passing", type=int, default=0, metavar="K",
                       help="failing samples, and K matched passing ones for contrast")
    options.add_model(parser, timeout=300).add_argument(
        "--window-tokens", type=int, default=50_000, metavar="N",
        help="longer samples are read in overlapping windows (default 50000)")
    options.add_limits_and_ways(parser)
    args = parser.parse_args(argv)
    options.check(parser, args, num_samples=1, window_tokens=500, with_passing=0)
    return cli.run(__file__, lambda: _code(args))


def _code(args: argparse.Namespace) -> int:
    from failure_analysis.coding import open_coding_run, samples, stage_run

    choice = samples.Choice(args.num_samples, args.sample_by, args.seed, args.only_failed,
                            args.with_passing)
    run_options = open_coding_run.Options(**options.shared(args), mapping=args.mapping,
                                          choice=choice, window_tokens=args.window_tokens)
    way = "dry_run" if args.dry_run else args.batch or "live"
    summary = stage_run.run(way, run_options, open_coding_run.STAGE)
    cli.summarise(summary, stage_run.lines(way, summary, open_coding_run.STAGE), args.json)
    return options.exit_code(args, way, summary)


if __name__ == "__main__":
    sys.exit(main())
