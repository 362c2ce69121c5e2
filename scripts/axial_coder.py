# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "httpx2>=2.12,<3",
#     "jinja2>=3.1,<4",
#     "jmespath>=1.0.1,<2",
#     "matplotlib>=3.8,<4",
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
#     "openai>=3.40,<4",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "scipy>=1.11,<2",
#     "tqdm>=4.66,<5",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Axial coding: an LLM compares all open codes, makes a codebook of causes, and codes each sample.

Reads the open_coded_*.jsonl of a project of open_coder.py. Writes into results/PROJECT:
axial_coded_NAME.jsonl (each sample with its codes), NAME_taxonomy.json, NAME_codebook.json and .md
(the card: how often, what is unseen, what passing samples have too, how far a second coding
agrees), NAME_rarefaction.png, axial_reviews_NAME.jsonl (for record_review.py --from),
axial_coding.json (the counts), axial_coding_calls.jsonl (every finished call: the same command goes
on from there), logs/, manifest.json. A dry run writes dry_run/ alone; --batch writes
axial_coding_batches.jsonl.

One call where all samples fit the context, else rounds of constant comparison and a pass that codes
every sample. Passing samples (open_coder.py --with-passing) get codes too, for comparison.

Exit codes: 0 done; 1 refused, more unknown than --max-unknown, or (--batch collect) not all is
answered yet; 2 usage.

Example: axial_coder.py --input results/my_analysis/open_coded_bee.jsonl --project my_analysis
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli
from failure_analysis.coding import options


def main(argv: list[str] | None = None) -> int:
    """Parses the options and codes."""
    parser = cli.parser(__doc__)
    parser.add_argument("--input", type=Path, nargs="+", required=True, metavar="FILE",
                        help="open_coded_*.jsonl of open_coder.py")
    parser.add_argument("--project", required=True, metavar="NAME",
                        help="the project of open_coder.py: its folder below results/")
    parser.add_argument("--overwrite", action="store_true",
                        help="begin the axial coding anew; the open codes stay")
    parser.add_argument("--codebook", type=Path, metavar="JSON",
                        help="apply this *_codebook.json first, and add codes only for what it "
                             "does not cover (of the project itself: a copy elsewhere)")
    parser.add_argument("--background", type=Path, metavar="YAML",
                        help="a benchmark.yaml of which background and model are used")
    parser.add_argument("--seed", type=int, default=0,
                        help="of the order of comparison and the second coding (default 0)")
    group = options.add_model(parser, timeout=600)
    group.add_argument("--recode-model", metavar="NAME",
                       help="code a fifth of the samples again with another model (default: the "
                            "same, which shows self-consistency only)")
    group.add_argument("--context-tokens", type=int, default=100_000, metavar="N",
                       help="most tokens of open codes in one call (default 100000)")
    options.add_limits_and_ways(parser)
    args = parser.parse_args(argv)
    options.check(parser, args, context_tokens=2000)
    return cli.run(__file__, lambda: _code(args))


def _code(args: argparse.Namespace) -> int:
    from failure_analysis.coding import axial_coding_run, stage_run

    run_options = axial_coding_run.Options(
        **options.shared(args), codebook=args.codebook, recode_model=args.recode_model,
        context_tokens=args.context_tokens, seed=args.seed)
    way = "dry_run" if args.dry_run else args.batch or "live"
    summary = stage_run.run(way, run_options, axial_coding_run.STAGE)
    cli.summarise(summary, stage_run.lines(way, summary, axial_coding_run.STAGE), args.json)
    return options.exit_code(args, way, summary)


if __name__ == "__main__":
    sys.exit(main())
