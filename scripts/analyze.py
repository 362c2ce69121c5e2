# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "jmespath>=1.0.1,<2",
#     "matplotlib>=3.8,<4",
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
#     "plotly>=6,<7",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "scipy>=1.11,<2",
#     "tqdm>=4.66,<5",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Looks at failures through four lenses and says what they fit: surface (where accuracy breaks
down), fft (how prompts are spelled), compression (what traces say), hazard (when answers turn
wrong), diagnose (all four, and the hypotheses they support).

DATASET is a dataset config (.json), samples (.jsonl, .ndjson, .csv, .parquet), runs of any known
format, or an analysis folder. Writes into --output-dir: LENS.json, tables as .csv, LENS.png and
.svg, for surface and compression also LENS.html; diagnose writes diagnosis.json, .md, .png, .svg
and a folder lens_LENS for each lens. --output writes one figure, table or JSON instead. No lens
needs a download; a text is measured once and kept by its hash in the cache folder.

Exit codes: 0 done (also when a lens answers insufficient_data); 1 refused (no such dataset or
filter, nothing judged); 2 usage.

`analyze.py COMMAND --help` shows a command's options.

Example: analyze.py surface data/dataset.json --filters '{"base_task": "arithmetic"}'
--output-dir diagnosis/surface/
"""

import argparse
import os
import sys
from pathlib import Path

from failure_analysis import cli

LENSES = ("surface", "fft", "compression", "hazard")
# Set before numpy is imported: the products are many and small, threads would only wait for each
# other, and a sum in another order could differ in its last digit.
for _threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")


def main(argv: list[str] | None = None) -> int:
    """Parses the options and runs what is asked."""
    parser = cli.parser(__doc__, as_json=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    evals = commands.add_parser("evals", help="list the evals of a dataset")
    _dataset(evals)
    evals.add_argument("--search", metavar="TEXT", help="only those with TEXT in a name")
    for name in (*LENSES, "diagnose"):
        command = commands.add_parser(name, help="all four lenses and a diagnosis"
                                      if name == "diagnose" else f"the {name} lens")
        _dataset(command)
        _lens_options(command, name)
    simulate = commands.add_parser("simulate", help="write samples with known truth")
    simulate.add_argument("world", metavar="WORLD", help="for example accuracy_cliff or loops; an "
                          "unknown name lists all")
    simulate.add_argument("--out", type=Path, required=True, metavar="DATASET.json")
    simulate.add_argument("--per-cell", type=int, default=15, metavar="N",
                          help="samples per cell of 9 lengths by 3 depths (default 15)")
    simulate.add_argument("--seed", type=int, default=0, help="default 0")
    simulate.add_argument("--json", action="store_true", help="print one JSON object instead")
    args = parser.parse_args(argv)
    return cli.run(__file__, lambda: _run(args, parser))


def _dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DATASET")
    parser.add_argument("--mapping", type=Path, metavar="YAML",
                        help="read DATASET through this benchmark.yaml")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def _lens_options(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--filters", metavar="JSON", action="append", default=[], help="such as "
                        "'{\"model_name\": [\"a\", \"b\"], \"length\": [18, 24]}' (a two-number "
                        "list on a number is a range), or KEY=VALUE; may be given several times")
    where = parser.add_mutually_exclusive_group(required=name != "diagnose")
    where.add_argument("--output-dir", type=Path, metavar="DIR", help="all outputs" + (
        " (default: DATASET itself where it is an analysis folder)" if name == "diagnose" else ""))
    if name != "diagnose":
        where.add_argument("--output", type=Path, metavar="FILE",
                           help="one .png, .svg, .pdf, .json, .csv or .html")
        parser.add_argument("--axis", metavar="P", help="the parameter to profile" if name ==
                            "surface" else "one result per level of this parameter")
    else:
        parser.add_argument("--rules", type=Path, metavar="YAML",
                            help="hypotheses of your own (default templates/diagnosis_rules.yaml)")
        parser.add_argument("--queries", type=Path, metavar="JSONL", help="parameters of items of "
                            "use: do they lie where the system is certified?")
    parser.add_argument("--max-traces", type=int, metavar="N",
                        help="at most N samples, drawn alike from each level and outcome")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), metavar="N",
                        help="worker processes for traces (default 2); results are the same")
    parser.add_argument("--cache", type=Path, metavar="DIR", default=Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "deep-error-analysis"),
        help="where measured traces are kept by hash (default: the user's cache folder)")


def _run(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if args.command == "simulate":
        return _simulate(args, parser)
    if args.command != "evals" and (
            args.jobs < 1 or args.max_traces is not None and args.max_traces < 1):
        parser.error("--jobs and --max-traces are at least 1")
    from failure_analysis import store
    from failure_analysis.lenses import commands, filters, one_lens

    if args.command == "evals":
        cli.summarise(*commands.evals(args.dataset, args.mapping, args.search), args.json)
        return 0
    request = one_lens.Request(args.dataset, filters.parse(args.filters),
                               getattr(args, "axis", None), args.mapping, args.seed,
                               args.max_traces, args.jobs, args.cache)
    if args.command == "diagnose":
        store.hold(args.output_dir or args.dataset)
        summary, lines = commands.diagnosed(request, args.output_dir, args.rules, args.queries)
    else:
        summary, lines = commands.lens(args.command, request, args.output_dir, args.output)
    cli.summarise(summary, lines, args.json)
    return 0


def _simulate(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if args.per_cell < 1:
        parser.error("--per-cell is at least 1")
    from failure_analysis.lenses import simulate

    made = simulate.write(args.world, args.out, args.per_cell, args.seed)
    cli.summarise(made, [f"{made['samples']} samples of {made['evals']} evals: {made['says']}",
                         f"dataset: {args.out}"], args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
