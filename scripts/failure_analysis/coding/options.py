"""The options that the LLM coders have in common."""

import argparse
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from failure_analysis.files import Refusal

if TYPE_CHECKING:
    from failure_analysis.coding import model


def add_model(parser: argparse.ArgumentParser, timeout: int) -> "argparse._ArgumentGroup":
    """Which model is asked, and how."""
    group = parser.add_argument_group("the model")
    group.add_argument("--model", help="any name that the endpoint knows (default: OPENAI_MODEL, "
                                       "else the benchmark.yaml's model, else gpt-5.5)")
    group.add_argument("--effort", metavar="LEVEL",
                       help="reasoning effort (default high; off, the default with --api chat, "
                            "sends none)")
    group.add_argument("--api", choices=("responses", "chat"), default="responses",
                       help="chat is for endpoints without the Responses API")
    group.add_argument("--base-url", default="", metavar="URL",
                       help="another endpoint (default OPENAI_BASE_URL, else OpenAI's); a redirect "
                            "is refused")
    group.add_argument("--timeout", type=float, default=timeout, metavar="SECONDS",
                       help=f"for one whole attempt (default {timeout})")
    group.add_argument("--retries", type=int, default=6,
                       help="on 429, 5xx, timeouts and lost connections (default 6)")
    group.add_argument("--max-output-tokens", type=int, metavar="N",
                       help="cut answers there (default: the model's own limit)")
    return group


def add_limits_and_ways(parser: argparse.ArgumentParser) -> None:
    """What a run may spend, when it failed, and how it is run."""
    group = parser.add_argument_group("limits")
    group.add_argument("--max-concurrent", type=int, default=10, metavar="N",
                       help="calls under way at once (default 10)")
    group.add_argument("--max-calls", type=int, metavar="N",
                       help="stop after so many calls; another attempt is one more, a refused "
                            "one is none")
    group.add_argument("--max-tokens-total", type=int, metavar="N",
                       help="start no call that would go over so many tokens, in and out, by our "
                            "count or the endpoint's, whichever is more; an answer is reckoned "
                            "with --max-output-tokens, else like the longest so far")
    group.add_argument("--max-unknown", type=float, default=0.05, metavar="SHARE",
                       help="exit with 1 when more samples than this stay unknown (default 0.05)")
    group.add_argument("--retry-unknown", action="store_true",
                       help="ask again also where an answer was unparsed, refused, truncated or "
                            "too long")
    group.add_argument("--price", type=float, nargs=2, metavar=("IN", "OUT"),
                       help="US dollars per million tokens, for cost estimates")
    parser.add_argument("--dry-run", action="store_true",
                        help="write the prompts, estimate tokens and cost, call nothing")
    parser.add_argument("--batch", choices=("submit", "status", "collect"),
                        help="use the provider's Batch API: submit what is needed, ask how far it "
                             "is, collect the answers (submit again while more is needed)")


def check(parser: argparse.ArgumentParser, args: argparse.Namespace, **least: int) -> None:
    """Ends with a usage error where a value is too small, or options do not go together."""
    least = {"max_concurrent": 1, "retries": 0, "max_calls": 0, "max_tokens_total": 0,
             "max_output_tokens": 1, **least}
    for name, smallest in least.items():
        value = getattr(args, name)
        if value is not None and value < smallest:
            parser.error(f"--{name.replace('_', '-')} is at least {smallest}")
    if not 0 < args.timeout < math.inf:
        parser.error("--timeout is a number of seconds above 0")
    if args.price and not all(0 <= price < math.inf for price in args.price):
        parser.error("--price is two numbers of dollars from 0")
    if args.overwrite and args.batch in ("status", "collect"):
        parser.error(f"--overwrite does not go with --batch {args.batch}: there is nothing to "
                     "collect in a project begun anew")
    if not 0 <= args.max_unknown <= 1:
        parser.error("--max-unknown is a share from 0 to 1")
    if args.dry_run and args.batch:
        parser.error("--dry-run does not go with --batch")


def settings(args: argparse.Namespace) -> "model.Settings":
    """How the model is asked: its name by option, environment, benchmark.yaml or our default."""
    from failure_analysis.coding import model, secret
    from failure_analysis.reading import mapping_file

    path = args.background or getattr(args, "mapping", None)
    name = args.model or os.environ.get("OPENAI_MODEL") or (
        mapping_file.settings(path).model if path else None) or model.DEFAULT_MODEL
    return model.Settings(
        name, args.effort or ("off" if args.api == "chat" else "high"), args.api,
        secret.checked(args.base_url or os.environ.get("OPENAI_BASE_URL", "")),
        args.max_output_tokens,
        args.timeout, args.retries, args.max_concurrent)


def shared(args: argparse.Namespace) -> dict[str, Any]:
    """The options of a run that both coders have."""
    from failure_analysis.coding.budget import Budget

    same = {name: getattr(args, name) for name in (
        "input", "project", "background", "overwrite", "price", "retry_unknown")}
    return {**same, "settings": settings(args),
            "budget": Budget(args.max_calls, args.max_tokens_total)}


def exit_code(args: argparse.Namespace, way: str, summary: Mapping[str, Any]) -> int:
    """How a run ends; one that the endpoint ended is a refusal, after what it wrote was told."""
    if summary.get("ended"):
        raise Refusal(summary["ended"])
    if "coded" in summary:
        return int(summary["unknown"] > args.max_unknown * summary["samples"])
    return int(way == "collect")
