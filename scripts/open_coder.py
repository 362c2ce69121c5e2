# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jinja2>=3.1,<4",
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
quotes), open_coding.json (the counts), original_NAME.jsonl and other_answers_NAME.jsonl (the rows,
whole), open_coding_calls.jsonl (every finished call: the same command goes on from there and pays
for none twice), logs/, manifest.json. A dry run writes dry_run/ alone; --batch writes
open_coding_batches.jsonl.

Every sample ends in one state: ok, unparsed, refused, truncated, overflow, timed_out or
skipped_by_budget; all but ok are unknown, and are never counted as sound.

Exit codes: 0 done; 1 refused, more unknown than --max-unknown, or (--batch collect) not all is
answered yet; 2 usage.

Example: open_coder.py --input bee_run_abc.jsonl --project my_analysis --num-samples 20 --dry-run
"""

import argparse
import os
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and codes."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
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
    _add_choice(parser)
    _add_model(parser)
    _add_limits(parser)
    parser.add_argument("--dry-run", action="store_true",
                        help="write the prompts, estimate tokens and cost, call nothing")
    parser.add_argument("--batch", choices=("submit", "status", "collect"),
                        help="use the provider's Batch API: submit what is needed, ask how far it "
                             "is, collect the answers (submit again while more is needed)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    args = parser.parse_args(argv)
    for name, least in (("num_samples", 1), ("max_concurrent", 1), ("window_tokens", 500),
                        ("with_passing", 0), ("retries", 0), ("max_calls", 0),
                        ("max_tokens_total", 0), ("max_output_tokens", 1)):
        value = getattr(args, name)
        if value is not None and value < least:
            parser.error(f"--{name.replace('_', '-')} is at least {least}")
    if not 0 <= args.max_unknown <= 1:
        parser.error("--max-unknown is a share from 0 to 1")
    if args.dry_run and args.batch:
        parser.error("--dry-run does not go with --batch")
    return cli.run(__file__, lambda: _code(args))


def _add_choice(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which samples")
    group.add_argument("--num-samples", type=int, metavar="N", help="so many (default all)")
    group.add_argument("--sample-by", choices=("first", "stratified", "random"), default="first",
                       help="which N: the first (default), seeded by model, outcome and failed "
                            "dimensions, or seeded at random")
    group.add_argument("--seed", type=int, default=0, help="of the choice (default 0)")
    group.add_argument("--only-failed", action="store_true", help="failing samples only")
    group.add_argument("--with-passing", type=int, default=0, metavar="K",
                       help="failing samples, and K matched passing ones for contrast")


def _add_model(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the model")
    group.add_argument("--model", help="any name that the endpoint knows (default: OPENAI_MODEL, "
                                       "else the benchmark.yaml's model, else gpt-5.5)")
    group.add_argument("--effort", metavar="LEVEL",
                       help="reasoning effort (default high; off, the default with --api chat, "
                            "sends none)")
    group.add_argument("--api", choices=("responses", "chat"), default="responses",
                       help="chat is for endpoints without the Responses API")
    group.add_argument("--base-url", default="", metavar="URL",
                       help="another endpoint (default OPENAI_BASE_URL, else OpenAI's)")
    group.add_argument("--timeout", type=float, default=300, metavar="SECONDS",
                       help="for one attempt (default 300)")
    group.add_argument("--retries", type=int, default=6,
                       help="on 429, 5xx, timeouts and lost connections (default 6)")
    group.add_argument("--max-output-tokens", type=int, metavar="N",
                       help="cut answers there (default: the model's own limit)")
    group.add_argument("--window-tokens", type=int, default=50_000, metavar="N",
                       help="longer samples are read in overlapping windows (default 50000)")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("limits")
    group.add_argument("--max-concurrent", type=int, default=10, metavar="N",
                       help="calls under way at once (default 10)")
    group.add_argument("--max-calls", type=int, metavar="N", help="stop after so many calls")
    group.add_argument("--max-tokens-total", type=int, metavar="N",
                       help="start no call that would go over so many tokens, in and out")
    group.add_argument("--max-unknown", type=float, default=0.05, metavar="SHARE",
                       help="exit with 1 when more samples than this stay unknown (default 0.05)")
    group.add_argument("--retry-unknown", action="store_true",
                       help="ask again also where an answer was unparsed, refused, truncated or "
                            "too long")
    group.add_argument("--price", type=float, nargs=2, metavar=("IN", "OUT"),
                       help="US dollars per million tokens, for cost estimates")


def _code(args: argparse.Namespace) -> int:
    from failure_analysis.coding import model, open_run, samples
    from failure_analysis.formats import mapping

    told = args.background or args.mapping
    name = args.model or os.environ.get("OPENAI_MODEL") or (
        mapping.document(told).get("model") if told else None) or model.DEFAULT_MODEL
    settings = model.Settings(
        name, args.effort or ("off" if args.api == "chat" else "high"), args.api,
        args.base_url or os.environ.get("OPENAI_BASE_URL", ""), args.max_output_tokens,
        args.timeout, args.retries, args.max_concurrent)
    choice = samples.Choice(args.num_samples, args.sample_by, args.seed, args.only_failed,
                            args.with_passing)
    options = open_run.Options(
        args.input, args.mapping, args.background, args.project, choice, settings,
        args.window_tokens, model.Budget(args.max_calls, args.max_tokens_total),
        tuple(args.price) if args.price else None, args.overwrite, args.retry_unknown)
    way = "dry_run" if args.dry_run else args.batch or "live"
    found = getattr(open_run, way)(options)
    cli.summarise(found, open_run.lines(way, found), args.json)
    if "coded" in found:
        return int(found["unknown"] > args.max_unknown * found["samples"])
    return int(way == "collect")


if __name__ == "__main__":
    sys.exit(main())
