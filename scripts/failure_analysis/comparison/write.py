"""Writing a comparison: model_comparison.json and .md, comparison.csv and .png, and its facts."""

from pathlib import Path

from failure_analysis import clean, facts, manifest, steps, store
from failure_analysis.comparison import compute, figure, overview
from failure_analysis.comparison import page as comparison_page
from failure_analysis.comparison.compute import Comparison
from failure_analysis.comparison.page import FIGURE, NAME, PAGE, TABLE


def write(analysis_dir: Path, by: str | None = None, seed: int = 0) -> dict:
    """Compares the units of an analysis folder and writes what was found; returns what the JSON
    holds."""
    facts.load(analysis_dir)
    reads = manifest.proved(analysis_dir, (steps.OUTCOMES, steps.GRADINGS, steps.VERSIONS))
    compared = compute.compare(analysis_dir, by, seed)
    overview.of_folder(analysis_dir, compared.result["by"])  # refuses before anything is written
    with store.where_writable(analysis_dir / NAME):
        manifest.begin(analysis_dir, steps.COMPARE.writes)
        store.write_json(analysis_dir / NAME, compared.result)
        store.write_text(analysis_dir / PAGE, comparison_page.page(compared.result))
        facts.replace(analysis_dir, steps.COMPARE, dict(compute.numbers(compared.result)))
        _write_table(analysis_dir / TABLE, compared)
        _draw(analysis_dir / FIGURE, compared)
        manifest.record(analysis_dir, steps.COMPARE.name, {"by": by, "seed": seed},
                        steps.COMPARE.writes, reads=reads)
    return compared.result


def _incomparable(compared: Comparison) -> dict[str, set[str]]:
    """Per unit, the items that are not the same for all, but for those that its content makes one
    of the main group's."""
    common = compared.shared.grouped.groups[0].common
    different = {entry["item"] for entry in compared.shared.different}
    return {name: {item for item in different & unit.items.keys()
                   if item not in common or unit.content(item) != common[item]}
            for name, unit in compared.units.items()}


def _write_table(path: Path, compared: Comparison) -> None:
    units, incomparable = compared.units, _incomparable(compared)
    tasks: dict[str, dict[str, None]] = {}
    for unit in units.values():
        for task, items in unit.tasks.items():
            for item in items:
                tasks.setdefault(item, {})[task] = None
    with store.atomic(path) as file:
        file.write(clean.csv_line(["item_id", *["task"] * bool(tasks), "models_judged",
                                   "models_failing", *units]))
        for item in compared.shared.items:
            judged = {name: unit.items[item] for name, unit in units.items() if item in unit.items}
            alike = [counts for name, counts in judged.items() if item not in incomparable[name]]
            failing = sum(compute.fails(counts, "majority") for counts in alike) if alike else None
            cells = [None if name not in judged else "different content"
                     if item in incomparable[name] else "{1} of {0}".format(*judged[name])
                     for name in units]
            named = ["; ".join(sorted(tasks.get(item, ())))] * bool(tasks)
            file.write(clean.csv_line([item, *named, len(alike or judged), failing, *cells]))


def _draw(path: Path, compared: Comparison) -> None:
    incomparable = _incomparable(compared)
    figure.draw(
        path,
        {name: {item: None if item in incomparable[name] else counts[1] / counts[0]
                for item, counts in unit.items.items()}
         for name, unit in compared.units.items()},
        {row["unit"]: f"{100 * row['pass_rate']:.0f} % ({row['passed']}/{row['attempts']})"
         for row in sorted(compared.result["units"],
                           key=lambda row: (-row["pass_rate"], row["unit"]))})
