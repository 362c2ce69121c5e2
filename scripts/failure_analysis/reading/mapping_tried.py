"""A mapping tried on files: what a few rows become, what each path met, what would be counted."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis.reading import detect, ingest, mapping_faults
from failure_analysis.reading.expressions import MISSING
from failure_analysis.reading.path_counts import Counts


class Tried(NamedTuple):
    """What came of it. `rows`: id, outcome, and (field, path, value in the file, what it becomes)
    of the first of each outcome; `outcomes`: model -> outcome -> rows."""

    inputs: detect.Inputs
    counts: Counts
    rows: list[tuple[str, str, list[tuple]]]
    outcomes: dict[str, Counter]
    rejected: Counter
    faults: list[str]
    findings: list[str]
    unmapped: list[tuple[str, Any]]


def tried(paths: list[Path], mapping_path: Path, most: int) -> Tried:
    """Reads files through a mapping, whole, and keeps the first `most` rows of each outcome."""
    inputs = detect.from_inputs(paths, mapping_path)
    spec = inputs.sources[0].mapping.spec
    counts, outcomes, rejected = Counts(looks=1 << 60), {}, Counter()
    rows: dict[str, list[tuple[str, str, list[tuple]]]] = {}
    for source in inputs.sources:
        for row in ingest.rows(source, counts):
            if row.computed is None:
                rejected[row.reason] += 1
                continue
            model = outcomes.setdefault(row.computed["model_name"], Counter())
            model[row.computed["outcome"]] += 1
            alike = rows.setdefault(row.computed["outcome"], [])
            if len(alike) < most:
                alike.append((row.computed["datapoint_id"], row.computed["outcome"],
                              _beside(counts, {**row.line.fields, **row.computed})))
    faults = list(mapping_faults.faults(spec, counts))
    findings = [finding["text"] for finding in mapping_faults.findings(spec, counts)
                if finding["kind"] != "mapping_unmapped"]
    unmapped = [(key, _example(key, counts)) for key in
                mapping_faults.unmapped_keys(spec, counts)]
    first = [row for outcome in ("pass", "fail", "unjudged") for row in rows.get(outcome, ())]
    return Tried(inputs, counts, first, outcomes, rejected, faults, findings, unmapped)


def _beside(counts: Counts, row: dict) -> list[tuple]:
    """What each path last met, beside what became of it."""
    beside = []
    for name, path in counts.paths.items():
        kind, _, inner = name.partition(".")
        value = (row.get(kind) or {}).get(inner) if inner and isinstance(row.get(kind), dict) else \
            row.get(name)
        if path.text != "its parts":
            beside.append((name, path.text, spelled(path.last), spelled(value)))
    return beside


def spelled(value: Any) -> str:
    """A value for a table: as JSON, so that text and number can be told apart."""
    return "nothing" if value is MISSING else json.dumps(value, ensure_ascii=False, default=str)


def _example(key: str, counts: Counts) -> Any:
    return next((row[key] for row in counts.samples if isinstance(row, dict) and key in row), None)


def met(tried: Tried) -> list[tuple]:
    """A line per path: field, path, rows of all, types, commonest values or an example."""
    lines = []
    for told in tried.counts.told():
        path = tried.counts.paths[told["field"]]
        values = ", ".join(f"{spelled(value)} {count}" for value, count in told["values"][:5]) \
            or spelled(path.example)
        types = ", ".join(f"{kind} {count}" for kind, count in told["types"].items())
        lines.append((told["field"], told["at"], f"{told['rows']} of {told['of']}", types, values))
    return lines


def summary(tried: Tried) -> dict[str, Any]:
    """All of it as one JSON object."""
    return {"rows": tried.counts.rows, "outcomes": tried.outcomes, "rejected": tried.rejected,
            "paths": tried.counts.told(), "unmapped": [key for key, _ in tried.unmapped],
            "first_rows": [{"datapoint_id": ident, "outcome": outcome, "fields": [
                dict(zip(("field", "at", "in_the_file", "becomes"), line, strict=True))
                for line in beside]} for ident, outcome, beside in tried.rows],
            "not_read": [*map(Path.as_posix, tried.inputs.ignored), *tried.inputs.unreadable],
            "findings": tried.findings, "faults": tried.faults}
