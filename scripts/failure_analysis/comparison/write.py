"""Writing a comparison: model_comparison.json and .md, comparison.csv and .png, and its facts."""

from pathlib import Path

from failure_analysis import facts, files, manifest, steps
from failure_analysis.comparison import compute, figure
from failure_analysis.comparison import page as comparison_page
from failure_analysis.comparison.compute import Comparison
from failure_analysis.comparison.page import FIGURE, NAME, PAGE, TABLE


def write(analysis_dir: Path, by: str | None = None, seed: int = 0) -> dict:
    """Compares the units of an analysis folder and writes what was found; returns what the JSON
    holds."""
    facts.load(analysis_dir)
    reads = manifest.proved(analysis_dir, (steps.OUTCOMES, steps.GRADINGS))
    compared = compute.compare(analysis_dir, by, seed)
    files.write_json(analysis_dir / NAME, compared.result)
    files.write_text(analysis_dir / PAGE, comparison_page.page(compared.result))
    facts.replace(analysis_dir, steps.COMPARE, dict(compute.numbers(compared.result)))
    _write_table(analysis_dir / TABLE, compared)
    _draw(analysis_dir / FIGURE, compared)
    manifest.record(analysis_dir, steps.COMPARE.name, {"by": by, "seed": seed},
                    steps.COMPARE.writes, reads=reads)
    return compared.result


def _differing(compared: Comparison) -> set[str]:
    """The items that are not the same for all."""
    return {entry["item"] for entry in compared.shared.different}


def _write_table(path: Path, compared: Comparison) -> None:
    units, different = compared.units, _differing(compared)
    with files.atomic(path) as file:
        file.write(files.csv_line(["item_id", "models_judged", "models_failing", *units]))
        for item in compared.shared.items:
            judged = [unit.items[item] for unit in units.values() if item in unit.items]
            cells = ["different content" if item in different and item in unit.items else
                     "{1} of {0}".format(*unit.items[item]) if item in unit.items else None
                     for unit in units.values()]
            failing = None if item in different else sum(
                compute.fails(counts, "majority") for counts in judged)
            file.write(files.csv_line([item, len(judged), failing, *cells]))


def _draw(path: Path, compared: Comparison) -> None:
    different = _differing(compared)
    figure.draw(
        path,
        {name: {item: None if item in different else counts[1] / counts[0]
                for item, counts in unit.items.items()}
         for name, unit in compared.units.items()},
        {row["unit"]: f"{100 * row['pass_rate']:.0f} % ({row['passed']}/{row['attempts']})"
         for row in sorted(compared.result["units"],
                           key=lambda row: (-row["pass_rate"], row["unit"]))})
