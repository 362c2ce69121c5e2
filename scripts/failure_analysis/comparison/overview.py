"""The facts of an analysis folder at a glance: a line per model, or per run."""

from collections.abc import Mapping

HEADERS = ("failed", "judged", "pass rate", "95 %", "only it fails", "markers", "fails most on")
MOST_NAMED = 2  # markers and dimensions of a model


def table(facts: Mapping[str, int | float], by: str = "model") -> tuple[list[str], list[list]]:
    """The header, and a line for each judged model (or run), the lowest rate first: failed and
    judged rows, pass rate, its interval once the models were compared, markers, and the
    dimensions failed most often."""
    failed, judged = (f"run_{name}" if by == "run" else name
                      for name in ("failed_rows", "judged_rows"))
    units = [unit for unit, count in _under(facts, judged).items() if count]
    units.sort(key=lambda unit: (-facts[f"{failed}/{unit}"] / facts[f"{judged}/{unit}"], unit))
    lines = [[unit, facts[f"{failed}/{unit}"], facts[f"{judged}/{unit}"],
             f"{100 - 100 * facts[f'{failed}/{unit}'] / facts[f'{judged}/{unit}']:.1f} %",
             _interval(facts, unit), facts.get(f"comparison/unique_fail/{unit}", ""),
             *((_markers(facts, unit), _dimensions(facts, unit)) if by == "model" else ("", ""))]
            for unit in units]
    return [by, *HEADERS], lines


def _under(facts: Mapping[str, int | float], prefix: str) -> dict[str, int | float]:
    """The facts below a prefix, by the rest of their keys."""
    return {key.removeprefix(f"{prefix}/"): value for key, value in facts.items()
            if key.startswith(f"{prefix}/")}


def _interval(facts: Mapping[str, int | float], unit: str) -> str:
    low, high = (facts.get(f"comparison/pass_rate_{end}_pct/{unit}") for end in ("low", "high"))
    return "" if low is None else f"{low:.1f} to {high:.1f} %"


def _markers(facts: Mapping[str, int | float], unit: str) -> str:
    counts = sorted(_under(facts, f"marker/{unit}").items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {count}" for name, count in counts[:MOST_NAMED] if count)


def _dimensions(facts: Mapping[str, int | float], unit: str) -> str:
    counts = sorted(_under(facts, f"dimension/{unit}").items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {count} of {facts[f'dimension_judged/{unit}/{name}']}"
                     for name, count in counts[:MOST_NAMED] if count)
