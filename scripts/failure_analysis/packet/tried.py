"""A mapping tried on files: what a few rows become, what each path met, what would be counted."""

import json
import os
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis.packet import mapped_findings
from failure_analysis.packet.one_source import Outputs, read_source
from failure_analysis.packet.overall import Overall
from failure_analysis.reading import detect, ingest, labels, mapping_faults
from failure_analysis.reading.expressions import MISSING
from failure_analysis.reading.path_counts import Counts
from failure_analysis.records import Source

_MOST_LOOKED_AT = 500


class Tried(NamedTuple):
    """What came of it. `rows`: id, outcome, and (field, path, value in the file, what it becomes)
    of the first of each outcome; `outcomes`: model -> outcome -> rows."""

    inputs: detect.Inputs
    counts: Counts
    rows: list[tuple[str, str, list[tuple]]]
    outcomes: dict[str, Counter]
    rejected: Counter
    faults: list[str]
    differences: list[str]
    findings: list[str]
    unmapped: list[tuple[str, Any]]


def tried(paths: list[Path], mapping_path: Path, most: int) -> Tried:
    """Reads files through a mapping, whole, as a packet is built, but writes nothing; keeps the
    first `most` rows of each outcome."""
    inputs = detect.from_inputs(paths, mapping_path)
    overall = Overall(inputs.sources[0].benchmark)
    with open(os.devnull, "wb") as nowhere:
        for source in inputs.sources:
            overall.add(source, read_source(source, False, Outputs(*[nowhere] * 4)))
    [(spec, counts)] = overall.mapped.values()
    labels.refuse_unknown(spec.labels, overall.run_ids)
    faults = list(mapping_faults.faults(spec, counts))
    if not faults:
        mapped_findings.expect(overall)
    findings = [finding["text"] for finding in mapped_findings.of_paths(overall)
                if finding["kind"] != "mapping_unmapped"]
    unmapped = [(key, _example(key, counts)) for key in
                mapping_faults.unmapped_keys(spec, counts)]
    return Tried(inputs, counts, _first_rows(inputs.sources, most), overall.models,
                 overall.rejected, faults, [finding["text"] for finding in overall.differences],
                 findings, unmapped)


def _first_rows(sources: list[Source], most: int) -> list[tuple[str, str, list[tuple]]]:
    """The first rows of each outcome, each value beside what became of it."""
    rows: dict[str, list] = {}
    counts = Counts(looks=1 << 60)
    for source in sources:
        for row in islice(ingest.rows(source, counts), _MOST_LOOKED_AT):
            if row.computed is None:
                continue
            alike = rows.setdefault(row.computed["outcome"], [])
            if len(alike) < most:
                alike.append((row.computed["datapoint_id"], row.computed["outcome"],
                              _beside(counts, {**row.line.fields, **row.computed})))
    return [row for outcome in ("pass", "fail", "unjudged") for row in rows.get(outcome, ())]


def _beside(counts: Counts, row: dict) -> list[tuple]:
    """What each path last met, beside what became of it."""
    beside = []
    for name, path in counts.paths.items():
        kind, _, inner = name.partition(".")
        value = (row.get(kind) or {}).get(inner) if inner and isinstance(row.get(kind), dict) else \
            row.get(name)
        if path.text != "its parts" and name != "where":
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
    outcomes = {model: {name: counts[name] for name in ("pass", "fail", "unjudged")}
                for model, counts in tried.outcomes.items()}
    return {"rows": tried.counts.rows, "outcomes": outcomes, "rejected": tried.rejected,
            "paths": tried.counts.told(), "unmapped": [key for key, _ in tried.unmapped],
            "first_rows": [{"datapoint_id": ident, "outcome": outcome, "fields": [
                dict(zip(("field", "at", "in_the_file", "becomes"), line, strict=True))
                for line in beside]} for ident, outcome, beside in tried.rows],
            "not_read": [*map(Path.as_posix, tried.inputs.ignored), *tried.inputs.unreadable],
            "findings": tried.findings, "differences": tried.differences, "faults": tried.faults}
