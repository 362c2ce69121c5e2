# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "httpx2>=2.12,<3",
#     "jinja2>=3.1,<4",
#     "jmespath>=1.0.1,<2",
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
#     "openai>=3.40,<4",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "scipy>=1.11,<2",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Compares two axial codings that share a codebook: the paired change of each code, what moved.

RUN is the folder of a project of axial_coder.py, or one axial_coded_*.jsonl (its *_codebook.json
stands beside it). Codes are matched by their stable ids: code the second run with
`axial_coder.py --codebook` and the codebook of the first. Samples are paired by id, or, where two
runs share none, by item and trial; one that fails in one run and passes in the other has no code
there. Writes code_comparison.json and code_comparison.md.

Exit codes: 0 done; 1 refused; 2 usage.

Example: compare_codes.py results/before results/after --output-dir results/after
"""

import argparse
import sys
from pathlib import Path

from failure_analysis import cli


def main(argv: list[str] | None = None) -> int:
    """Parses the options and compares."""
    parser = cli.parser(__doc__)
    parser.add_argument("run_a", type=Path, metavar="RUN_A")
    parser.add_argument("run_b", type=Path, metavar="RUN_B")
    parser.add_argument("--output-dir", type=Path, metavar="DIR",
                        help="where to write (default: the folder of RUN_B)")
    args = parser.parse_args(argv)
    return cli.run(__file__, lambda: _compare(args))


def _compare(args: argparse.Namespace) -> int:
    from failure_analysis import store
    from failure_analysis.coding import compare

    a, b = compare.load(args.run_a), compare.load(args.run_b)
    result = compare.compare(a, b)
    output_dir = args.output_dir or b.path.parent
    store.write_json(output_dir / compare.NAME, result)
    store.write_text(output_dir / compare.PAGE, compare.page(result))
    changed = sum(bool(row["gained"] or row["lost"]) for row in result["codes"])
    cli.summarise(result, [
        f"{result['known']} pairs of known coding, by {result['paired_by']}; {result['unknown']} "
        "unknown",
        f"{result['passed_in_b']} of A pass in B, {result['passed_in_a']} of B pass in A; not "
        f"coded in the other: {result['samples_only_in_a']} of A, {result['samples_only_in_b']} "
        "of B",
        f"{changed} of {len(result['codes'])} codes changed; {len(result['moved'])} samples have "
        "another primary code",
        f"read: {(output_dir / compare.PAGE).as_posix()}"], args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
