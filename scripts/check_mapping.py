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
"""Tries a benchmark.yaml on files before anything is built from it, or drafts one for files of an
unknown shape; lists the formats that need none.

Reads the files whole (JSONL, JSON, CSV, TSV, Parquet; .gz and .zst as they are) through --mapping
and prints: for the first rows what stands in the file beside what becomes of it; for every path in
how many rows it was met, with which types and which commonest values; keys that no path uses; what
would be counted; and what cannot be meant. With --propose it prints a draft of a mapping instead,
made from the keys and values of the files, with a comment on each line; lines marked CHECK are
guesses. With --formats it prints the formats that --input recognises by itself. Writes no file.

Exit codes: 0 done; 1 refused, the mapping cannot be meant, no row is judged, a file cannot be read,
or counts are not as `expected`; 2 usage.

Example: check_mapping.py results.jsonl --mapping benchmark.yaml
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from failure_analysis import cli

if TYPE_CHECKING:
    from failure_analysis.packet.tried import Tried


def main(argv: list[str] | None = None) -> int:
    """Parses the options and tries or drafts a mapping."""
    parser = cli.parser(__doc__)
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE",
                        help="result files, or folders of them")
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("--mapping", type=Path, metavar="YAML", help="the benchmark.yaml to try")
    either.add_argument("--propose", action="store_true", help="print a draft of one")
    either.add_argument("--formats", action="store_true",
                        help="print the formats that need no mapping")
    parser.add_argument("--rows", type=int, default=1, metavar="N",
                        help="rows of each outcome to show beside what becomes of them (default 1)")
    args = parser.parse_args(argv)
    if bool(args.files) == args.formats:
        parser.error("--formats takes no FILE" if args.formats else "give a FILE")
    work = _formats if args.formats else _propose if args.propose else _try
    return cli.run(__file__, lambda: work(args))


def _formats(args: argparse.Namespace) -> int:
    from failure_analysis import terminal
    from failure_analysis.reading import claims

    known = claims.known()
    cli.summarise(dict(known), terminal.table(["format", "what it is"], known, 120), args.json)
    return 0


def _propose(args: argparse.Namespace) -> int:
    import json

    from failure_analysis.drafting import propose
    from failure_analysis.files import Refusal

    draft = propose.propose(args.files)
    if propose.NOTHING in (lines := draft.splitlines()):
        why = "; ".join(line.removeprefix("# CHECK: ") for line in lines if "not read: " in line)
        raise Refusal(f"{args.files[0]}: no records to draft a mapping from"
                      f"{f' ({why})' if why else ''}; name files of JSONL, JSON, CSV, TSV or "
                      "Parquet")
    print(json.dumps({"mapping": draft}) if args.json else draft, end="" if not args.json else "\n")
    return 0


def _try(args: argparse.Namespace) -> int:
    from failure_analysis.packet import tried as trial

    tried = trial.tried(args.files, args.mapping, args.rows)
    judged = sum(counts["pass"] + counts["fail"] for counts in tried.outcomes.values())
    cli.summarise(trial.summary(tried), _lines(tried), args.json)
    wrong = tried.faults or tried.differences or tried.inputs.unreadable
    return 1 if wrong or not judged else 0


def _lines(tried: "Tried") -> list[str]:
    from failure_analysis import terminal
    from failure_analysis.packet import tried as trial

    lines = cli.detection_lines(tried.inputs)
    for ident, outcome, beside in tried.rows:
        lines += ["", f"{ident}: {outcome}"]
        lines += terminal.table(["field", "at", "in the file", "becomes"], beside, 60)
    lines += ["", "What the paths met:", *terminal.table(
        ["field", "at", "rows", "types", "commonest values"], trial.met(tried), 100)]
    if tried.unmapped:
        lines += ["", "Keys that no path uses:", *terminal.table(
            ["key", "example"], [(key, trial.spelled(example))
                                 for key, example in tried.unmapped])]
    lines += ["", "What would be counted:", *terminal.table(
        ["model", "pass", "fail", "unjudged"],
        [(model, *(counts[name] for name in ("pass", "fail", "unjudged")))
         for model, counts in tried.outcomes.items()])]
    lines += [f"rejected: {count} rows: {reason}"
              for reason, count in tried.rejected.most_common(5)]
    lines += ["", *tried.differences, *_first(tried.findings)]
    lines += _first([f"REFUSED: {fault}" for fault in tried.faults])
    return lines


def _first(texts: list[str], most: int = 20) -> list[str]:
    """The first of many sentences; --json has all."""
    return [*texts[:most], *([f"and {len(texts) - most} more"] if len(texts) > most else [])]


if __name__ == "__main__":
    sys.exit(main())
