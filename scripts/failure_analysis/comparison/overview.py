"""The facts of an analysis folder at a glance: a line per model, or per run."""

import re
from collections.abc import Mapping
from pathlib import Path

from failure_analysis import files, results, steps
from failure_analysis.facts import key, load
from failure_analysis.packet import sanity

HEADERS = ("failed", "judged", "not counted", "pass rate", "95 %", "items only it fails",
           "markers", "fails most on")
MOST_NAMED = 2  # markers and dimensions of a model
Below = Mapping[str, Mapping[str, int | float]]  # prefix of a key -> rest of the key -> value


def of_folder(analysis_dir: Path, by: str = "model") -> tuple[list[str], list[list]]:
    """The table of an analysis folder, under the names of its models or runs; under their keys
    where sanity.json, which has the names, is gone."""
    path = analysis_dir / sanity.NAME
    runs = results.read(path, results.Sanity, steps.BUILD.script)["runs"] if path.exists() else []
    names = {key(name): name for name in (run["run_id" if by == "run" else "model_name"]
                                          for run in runs)}
    try:
        header, lines = table(load(analysis_dir), by)
    except KeyError as error:
        raise files.Refusal(f"{analysis_dir / steps.FACTS}: no fact {error.args[0]}; run "
                            f"{steps.BUILD.script} again") from None
    return header, [[names.get(unit, unit), *line] for unit, *line in lines]


def table(facts: Mapping[str, int | float], by: str = "model") -> tuple[list[str], list[list]]:
    """The header, and a line for each model (or run), the lowest rate first: failed and
    judged rows, those that the benchmark does not count, pass rate, its interval once the
    models were compared, markers, and the dimensions failed most often."""
    failed, judged, not_counted = (f"run_{name}" if by == "run" else name for name in
                                   ("failed_rows", "judged_rows", "not_counted_rows"))
    units = _under(facts, judged)
    shared = len(units) > 1 and facts.get("comparison/compared_items")
    below = _below(facts, ("marker", "dimension")), _below(units, ())
    lines = []
    for unit in units:
        fails, tries = facts[f"{failed}/{unit}"], facts[f"{judged}/{unit}"]
        rate = 100 - 100 * fails / tries if tries else None
        named = (_markers(unit, *below), _dimensions(facts, unit, *below)) \
            if by == "model" else ("", "")
        lines.append([unit, fails if tries else "", tries,
                      facts.get(f"{not_counted}/{unit}", ""),
                      "not judged" if rate is None else f"{rate:.1f} %", _interval(facts, unit),
                      _alone(facts, unit) if shared and tries else "", *named])
    lines.sort(key=lambda line: (-(line[1] or 0) / (line[2] or 1), line[0]))
    return [by, *HEADERS], lines


def _alone(facts: Mapping[str, int | float], unit: str) -> int | float | str:
    """How many items it alone failed, of those that its group shares."""
    return facts.get(f"comparison/unique_fail/{unit}",
                     facts.get(f"comparison/group_unique_fail/{unit}", ""))


def _under(facts: Mapping[str, int | float], prefix: str) -> dict[str, int | float]:
    """The facts below a prefix, by the rest of their keys."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in facts.items()
            if name.startswith(f"{prefix}/")}


def _below(facts: Mapping[str, int | float], kinds: tuple[str, ...]
           ) -> dict[str, dict[str, int | float]]:
    """What is below every prefix of the keys (of these kinds): looking through all of them for
    each of thousands of models would take minutes."""
    below: dict[str, dict[str, int | float]] = {}
    for name, value in facts.items():
        if not kinds or name.partition("/")[0] in kinds:
            for slash in re.finditer("/", name):
                below.setdefault(name[:slash.start()], {})[name[slash.end():]] = value
    return below


def _most(kind: str, unit: str, below: Below, longer_units: Below
          ) -> list[tuple[str, int | float]]:
    """The largest of a unit's facts of a kind; a model may be called as another one and a slash."""
    longer = tuple(f"{rest}/" for rest in longer_units.get(unit, ()))
    counts = [(name, count) for name, count in below.get(f"{kind}/{unit}", {}).items()
              if count and not name.startswith(longer)]
    return sorted(counts, key=lambda pair: -pair[1])[:MOST_NAMED]


def _interval(facts: Mapping[str, int | float], unit: str) -> str:
    low, high = (facts.get(f"comparison/pass_rate_{end}_pct/{unit}") for end in ("low", "high"))
    return "" if None in (low, high) else f"{low:.1f} to {high:.1f} %"


def _markers(unit: str, below: Below, longer_units: Below) -> str:
    return ", ".join(f"{name} {count}" for name, count in
                     _most("marker", unit, below, longer_units))


def _dimensions(facts: Mapping[str, int | float], unit: str, below: Below, longer_units: Below
                ) -> str:
    return ", ".join(f"{name} {count} of {facts[f'dimension_judged/{unit}/{name}']}"
                     for name, count in _most("dimension", unit, below, longer_units))
