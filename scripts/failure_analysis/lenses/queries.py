"""Items of use (production queries) against the zones in which a system is certified."""

import json
from pathlib import Path
from typing import Any

from failure_analysis import files
from failure_analysis.formats import judged


def load(path: Path) -> list[dict]:
    """The parameters of each query: JSONL, one object per line, the parameters in it or in its
    `params`."""
    if not path.is_file():
        raise files.Refusal(f"{path}: no such file; --queries is a JSONL of parameters")
    rows = []
    for number, raw, broken in judged.numbered_lines(path):
        try:
            row = None if broken else json.loads(raw)
        except (ValueError, RecursionError) as error:
            broken = str(error)
        if broken or not isinstance(row, dict):
            raise files.Refusal(f"{path}:{number}: a JSON object was expected"
                                f"{f' ({broken})' if broken else ''}")
        params = row.get("params")
        rows.append(params if isinstance(params, dict) else row)
    if not rows:
        raise files.Refusal(f"{path}: no query in it")
    return rows


def findings_of(rows: list[dict], surface: dict[str, Any]) -> dict[str, str]:
    """Whether the queries lie inside the certified green zones of a system's surface."""
    zones = [zone["bounds"] for zone in surface.get("tables", {}).get("zones", [])
             if zone["zone"] == "green"]
    if not surface.get("tables", {}).get("cells"):
        return {}
    inside = sum(any(all(isinstance(row.get(name), int | float) and low <= row[name] <= high
                         for name, (low, high) in bounds.items()) for bounds in zones)
                 for row in rows)
    said = f"{inside} of {len(rows)} queries lie inside the bounds of certified zones"
    if inside >= 0.8 * len(rows):
        return {"query.inside_zone": said}
    return {"query.outside_zone": said} if inside <= 0.5 * len(rows) else {}
