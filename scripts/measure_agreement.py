# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jmespath>=1.0.1,<2",
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "scipy>=1.11,<2",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Measures how far coders agree on the failing datapoints that they share.

Coders are those of the ledger (agents, people, LLM coders, labels from outside) and `rules`, the
provisional modes.
Primary cause and fault are compared apart, for every two coders: raw agreement, Cohen's kappa and
Gwet's AC1 with bootstrap intervals, how often each label was used, who said what; over all readers
Krippendorff's alpha. Where coders name the step at which a datapoint broke: how often it is the
same, at most one apart, and the same agent's. Below 30 shared datapoints a comparison is
"insufficient" and has counts alone. Lists the disagreements of readers that are left to settle, and
labels that look like two names of one cause.

Reads reviews.jsonl, outcomes.csv and failure_review_rows.jsonl. Writes agreement.json,
agreement.md, and the keys `agreement/…` of facts.json. A review that settles a disagreement is no
reading of its own: what its coder said before is compared.

Exit codes: 0 done (disagreements are no error); 1 refused (no packet, no reviews); 2 usage.

Example: measure_agreement.py results/mybench
"""

import argparse
import gc
import sys
from pathlib import Path

from failure_analysis import cli

FEWEST_DRAWS = 100
PAIR = ("coders", "shared", "same bucket", "same fault", "kappa of buckets")


def main(argv: list[str] | None = None) -> int:
    """Parses the options and measures."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default 0)")
    parser.add_argument("--draws", type=int, default=2000, metavar="N",
                        help=f"resamples of the bootstrap, at least {FEWEST_DRAWS} (default 2000)")
    args = parser.parse_args(argv)
    if args.seed < 0:
        parser.error("--seed is 0 or more")
    if args.draws < FEWEST_DRAWS:
        parser.error(f"--draws is at least {FEWEST_DRAWS}")
    return cli.run(__file__, lambda: _measure(args), args.analysis_dir)


def _measure(args: argparse.Namespace) -> int:
    from failure_analysis import steps, terminal
    from failure_analysis.agreement import measure

    # Looking for cycles among 100,000 reviews takes a fifth of the time, and there are none.
    gc.disable()
    analysis_dir = args.analysis_dir
    cli.make_room(analysis_dir, steps.AGREE)
    result = measure.measure(analysis_dir, args.seed, args.draws)
    together = result["together"]["readers"]
    cli.summarise(
        {"coders": [row["coder"] for row in result["coders"]], "readers": together["coders"],
         "shared": together["bucket"]["shared"], "status": together["bucket"]["status"],
         "same_bucket": together["bucket"]["same"], "same_fault": together["fault"]["same"],
         **_located(together),
         "disagreements": len(result["disagreements"]), "settled": result["settled"],
         "left_out": result["left_out"]},
        [f"coders of failing datapoints: {len(result['coders'])}; of them agents or people: "
         f"{len(together['coders'])}, who share {together['bucket']['shared']} datapoints",
         *terminal.table(PAIR, [_cells(pair) for pair in result["pairs"]]),
         *(["steps that two or more name: {shared_steps}; the same {same_step}, at most one apart "
            "{step_within_one}, the same agent {same_agent}".format(**_located(together))]
           if "step" in together else []),
         f"disagreements to settle: {len(result['disagreements'])}; settled: {result['settled']}",
         f"agreement: {analysis_dir / measure.PAGE} and {measure.NAME}"], args.json)
    return 0


def _located(together: dict) -> dict[str, int]:
    """On how many steps and agents readers agree, where they name any."""
    if "step" not in together:
        return {}
    step = together["step"]
    return {"shared_steps": step["shared"], "same_step": step["same"],
            "step_within_one": step["within_one"], "same_agent": together["agent"]["same"]}


def _cells(pair: dict) -> list:
    """A pair of coders; the rules name no fault."""
    bucket, kappa = pair["bucket"], pair["bucket"]["kappa"]
    named = f"{bucket['same']} of {bucket['shared']}" if "shared" in bucket else bucket["same"]
    return [f"{pair['a']} and {pair['b']}", pair["shared"], named,
            pair["fault"] and pair["fault"]["same"],
            kappa["why"] if kappa["value"] is None else f"{kappa['value']:.2f}"]


if __name__ == "__main__":
    sys.exit(main())
