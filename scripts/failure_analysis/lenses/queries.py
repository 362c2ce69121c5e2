"""Items of use (production queries) against the zones in which a system is certified."""

from pathlib import Path
from typing import Any

from failure_analysis import clean, files
from failure_analysis.lenses.parameters import is_number


def load(path: Path) -> list[dict]:
    """The parameters of each query: a line of JSONL, the object itself or its `params`."""
    if not path.is_file():
        raise files.Refusal(f"{path}: no such file; --queries is a JSONL of parameters")
    rows = []
    for number, _, row, reason, _ in files.json_lines(path):
        if not isinstance(row, dict):
            raise files.Refusal(f"{path}:{number}: a JSON object was expected"
                                f"{f' ({reason})' if reason else ''}")
        params = row.get("params")
        rows.append(params if isinstance(params, dict) else row)
    if not rows:
        raise files.Refusal(f"{path}: no query in it")
    return rows


def findings_of(rows: list[dict], surface: dict[str, Any]) -> dict[str, str]:
    """Whether the queries lie inside the certified green zones of a system's surface; refuses
    when no query has the parameters of that surface."""
    zones = surface["tables"].get("zones", [])
    if not zones:
        return {}
    dims = list(zones[0]["bounds"])
    usable = [row for row in rows if all(is_number(row.get(name)) for name in dims)]
    if not usable:
        there = ", ".join(sorted({clean.visible(str(name)) for row in rows for name in row})[:8])
        raise files.Refusal(f"--queries: no query has a number for each of {', '.join(dims)} "
                            f"(they have {there}); name these parameters, or choose the task that "
                            "the queries are about with --filters")
    green = [zone["bounds"] for zone in zones if zone["zone"] == "green"]
    inside = sum(any(all(low <= row[name] <= high for name, (low, high) in bounds.items())
                     for bounds in green) for row in usable)
    sentence = f"{inside} of {len(usable)} queries lie inside the bounds of certified zones"
    if len(usable) < len(rows):
        sentence += f"; {len(rows) - len(usable)} more lack one of {', '.join(dims)}"
    if inside >= 0.8 * len(usable):
        return {"query.inside_zone": sentence}
    return {"query.outside_zone": sentence} if inside <= 0.5 * len(usable) else {}
