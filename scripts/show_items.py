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
"""Shows items side by side: what each asks and expects, once, and its different answers.

Reads outcomes.csv, audit.jsonl where there is one, and the runs once more, passing rows too. Below
each item stands what the audit says of it, then each different answer with who gave it, how it was
judged, the judge's words, the calls and their results. Items with a flag come first, then those
with a lead, those that were judged both ways, those that all failed, and the others; as many as one
output of a shell holds. Text of the runs stands between marks that are new each time.

Writes nothing.

Exit codes: 0 done; 1 refused (no packet, no such item, the runs are gone or have changed); 2 usage.

Example: show_items.py results/mybench --from 13
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli

_OUTPUT = 26_000  # characters; the shells of agents pass on 30,000 of one output


def main(argv: list[str] | None = None) -> int:
    """Parses the options and shows."""
    parser = cli.parser(__doc__)
    parser.add_argument("analysis_dir", type=Path, metavar="ANALYSIS_DIR")
    parser.add_argument("items", nargs="*", metavar="ITEM", help="only these items")
    parser.add_argument("--from", dest="start", type=int, default=1, metavar="N",
                        help="begin with the Nth item of the order (default 1)")
    parser.add_argument("--tokens", type=int, default=500, metavar="N",
                        help="how much to show of one answer, about (default 500)")
    args = parser.parse_args(argv)
    if args.start < 1 or args.tokens < 100:
        parser.error("--from is at least 1 and --tokens at least 100")
    return cli.run(__file__, lambda: _show(args))


def _show(args: argparse.Namespace) -> int:
    import json

    from failure_analysis import files
    from failure_analysis.audit import candidates
    from failure_analysis.packet import rows
    from failure_analysis.review import show, side_by_side

    index = rows.load(args.analysis_dir)
    found = side_by_side.entries(index, candidates.load(args.analysis_dir))
    found = side_by_side.named(found, args.items) if args.items else found
    if args.start > len(found):
        raise files.Refusal(f"--from {args.start}: there are {len(found)} items")
    texts, shown = side_by_side.page(args.analysis_dir, found[args.start - 1:], args.tokens,
                                     _OUTPUT)
    after = args.start + len(shown)
    following = after if after <= len(found) else None
    if args.json:
        print(json.dumps({"of": len(found), "next": following, "items": [
            {"item": one.item, "item_fingerprint": one.fingerprint, "text": text,
             "datapoints": [line.datapoint_id for line in one.lines]}
            for one, text in zip(shown, texts, strict=True)]}))
        return 0
    mark = show.mark()
    print("\n".join([show.fence(mark), f"[{mark}]", "\n\n".join(texts), f"[end of {mark}]",
                     f"items {args.start} to {after - 1} of {len(found)}"
                     + (f"; next: --from {following}" if following else "; these are all")]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
