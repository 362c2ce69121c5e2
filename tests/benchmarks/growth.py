# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "matplotlib>=3.8,<4",
#     "msgspec>=0.20,<1",
#     "numpy>=1.26,<3",
# ]
# ///
"""Measures how the cost of each kind of work grows with its data, as whole processes.

Makes the data of each size in a temporary folder and runs a chain of scripts over it: `packet`
(build_packet.py alone), `judged` and `mapped` (slim rows of ten models through all steps before the
review), `repeats` (the comparison of one fifth of the items, five trials each), `reviews` (a ledger
of so many reviews, from the plan to the check). Prints CPU seconds and peak memory at each size,
and the exponent of growth: the slope of a line through the logarithms of rows and CPU seconds.

Writes nothing; with --figure the CPU seconds over the rows with the fitted lines.

Exit codes: 0 measured; 1 an exponent is above --limit; 2 usage.

Example: uv run tests/benchmarks/growth.py judged --sizes 10000 100000 1000000
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import bench_packet
import bench_review
import numpy as np

BUNDLE = Path(__file__).resolve().parents[2]
MODELS, TRIALS = 10, 5
MAPPING = """benchmark: b
fields: {item_id: turn, model_name: model_name, user_text: user_text, expected: gold,
  assistant_text: assistant_text, scores: {correct: scores.correct}}
"""
JUDGED = (("cluster", "cluster_failures.py"), ("compare", "compare_models.py"),
          ("audit", "audit_benchmark.py"), ("plan", "plan_review.py", "--budget", "60"),
          ("report and page", "write_report.py"))
REVIEWS = (("plan", "plan_review.py", "--budget", "60"), ("report and page", "write_report.py"),
           ("agreement", "measure_agreement.py"), ("check", "check_report.py"))


class Cost(NamedTuple):
    """What a work cost at one size."""

    work: str
    size: int
    cpu: float
    peak: float


def make_rows(folder: Path, rows: int, trials: int = 1) -> None:
    """Short judged rows of ten models, one file each; items differ in how hard they are."""
    rng = np.random.default_rng(25)
    items = rows // MODELS // trials
    ease = rng.normal(-0.8, 1.6, items)
    for model in range(MODELS):
        target = folder / f"run_{model}"
        target.mkdir(parents=True)
        with open(target / "openai_judged.jsonl", "w", encoding="utf-8", newline="\n") as file:
            for _ in range(trials):
                chance = 1 / (1 + np.exp(-(ease + 0.25 * model + rng.normal(0, 0.5, items))))
                for item, passed in enumerate((rng.random(items) < chance).tolist()):
                    said = "true" if passed else "false"
                    gold = f"{item * 7 % 1000}"
                    file.write(
                        f'{{"turn":{item},"model_name":"model-{model}","gold":"{gold}",'
                        f'"user_text":"What is the answer to question {item}?","assistant_text":'
                        f'"It is {gold if passed else item % 977}, I believe.","tool_calls":[],'
                        f'"tool_results":[],"scores":{{"correct":{said},"kb_grounding":true}},'
                        f'"judge_reasoning":"{said}"}}\n')


def chain(name: str, folder: Path, size: int) -> Iterator[tuple[str, list]]:
    """The works of a chain with their commands, each to be run before the next one is asked for."""
    runs, analysis = folder / "runs", folder / "analysis"
    if name == "reviews":
        bench_review.make_runs(runs, size // 2)
        bench_review.run("deep_error_analysis.py", "--run-dir", *sorted(runs.iterdir()),
                         "--output", analysis / "report.md")
        bench_review.make_ledger(analysis, size)
    else:
        make_rows(runs, size, TRIALS if name == "repeats" else 1)
        build = ["build_packet.py", "--input", runs, "--output-dir", analysis]
        if name == "mapped":
            (folder / "mapping.yaml").write_text(MAPPING)
            build += ["--mapping", folder / "mapping.yaml"]
        yield "packet", build
    works = {"packet": (), "repeats": JUDGED[1:2], "reviews": REVIEWS}.get(name, JUDGED)
    for work, script, *options in works:
        yield work, [script, analysis, *options]


def costs(name: str, size: int, bundle: Path) -> Iterator[Cost]:
    """What each work of a chain costs at a size; the check may find that a report does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        for work, (script, *options) in chain(name, Path(folder), size):
            cpu, peak, _ = bench_packet.measure(
                [sys.executable, str(bundle / "scripts" / script), *map(str, options)],
                may_fail=work == "check")
            yield Cost(f"{name}: {work}", size, cpu, peak)


def exponent(of_work: list[Cost]) -> tuple[float, float]:
    """The slope and the intercept of the line through the logarithms."""
    slope, start = np.polyfit(np.log([cost.size for cost in of_work]),
                              np.log([cost.cpu for cost in of_work]), 1)
    return float(slope), float(start)


def draw(path: Path, works: dict[str, list[Cost]]) -> None:
    """The CPU seconds over the rows, each work with its line."""
    sys.path.insert(0, str(BUNDLE / "scripts"))
    from matplotlib.figure import Figure

    from failure_analysis import store

    figure = Figure(figsize=(9, 5.5), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for place, (work, of_work) in enumerate(works.items()):
        sizes, (slope, start) = np.array([cost.size for cost in of_work]), exponent(of_work)
        axes.loglog(sizes, [cost.cpu for cost in of_work], "os^Dv*P"[place % 7], color=f"C{place}",
                    label=f"{work} ({slope:.2f})")
        axes.loglog(sizes, np.exp(start) * sizes.astype(float)**slope, color=f"C{place}",
                    linewidth=1)
    axes.set_xlabel("rows or reviews")
    axes.set_ylabel("CPU seconds")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False, title="exponent of growth")
    store.write_figure(path, figure)


def main(argv: list[str] | None = None) -> int:
    """Measures the chains at each size and prints a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chains", nargs="+",
                        choices=("packet", "judged", "mapped", "repeats", "reviews"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000],
                        help="rows, or reviews (default 10000 100000 1000000)")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="another state of the scripts")
    parser.add_argument("--limit", type=float, default=1.05, help="of an exponent (default 1.05)")
    parser.add_argument("--figure", type=Path, metavar="FILE.png")
    args = parser.parse_args(argv)
    works: dict[str, list[Cost]] = {}
    for name in args.chains:
        for size in args.sizes:
            for cost in costs(name, size, args.bundle):
                works.setdefault(cost.work, []).append(cost)
                print(f"{cost.work}, {size:,}: {cost.cpu:.2f} s, {cost.peak:.0f} MB", flush=True)
    print("\n| work | " + " | ".join(f"{size:,}" for size in args.sizes) + " | exponent |\n|---|"
          + "---|" * (len(args.sizes) + 1))
    steep = len(args.sizes) > 1 and any(exponent(found)[0] > args.limit for found in works.values())
    for work, found in works.items():
        slope = f"{exponent(found)[0]:.2f}" if len(found) > 1 else ""
        cells = " | ".join(f"{cost.cpu:.1f} s, {cost.peak:.0f} MB" for cost in found)
        print(f"| {work} | {cells} | {slope} |")
    if args.figure:
        draw(args.figure, works)
    return 1 if steep else 0


if __name__ == "__main__":
    sys.exit(main())
