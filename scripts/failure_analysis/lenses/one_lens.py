"""Runs lenses over a dataset and writes what they find: JSON, a CSV per table, figures, and an
offline page where turning a figure helps."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files, manifest
from failure_analysis.lenses import compression, dataset, fft, figures, hazard, page, pairs, surface
from failure_analysis.lenses.dataset import Group, Table

LENSES = ("surface", "fft", "compression", "hazard")
FORMATS = (".png", ".svg", ".pdf", ".json", ".csv", ".html")
_MAIN_TABLE = {"surface": "cells", "fft": "features", "compression": "traces", "hazard": "hazard"}
_WITH_PAGE = ("surface", "compression")


class Request(NamedTuple):
    """What is asked of the lenses."""

    dataset: Path
    filters: dict[str, Any]
    axis: str | None = None
    mapping: Path | None = None
    seed: int = 0
    max_traces: int | None = None
    jobs: int = 1
    cache: Path = Path()


class Loaded(NamedTuple):
    """The chosen samples, and how many there were before."""

    table: Table
    in_dataset: int


def parse_filters(text: str | None) -> dict[str, Any]:
    """The filters as an object; refuses with the place that is wrong."""
    if not text:
        return {}
    try:
        filters = json.loads(text)
    except ValueError as error:
        raise files.Refusal(f"--filters: not valid JSON ({error}); write it as "
                            "'{\"model_name\": \"gpt-4o\", \"length\": [18, 24]}'") from None
    if not isinstance(filters, dict):
        raise files.Refusal("--filters: a JSON object was expected, such as "
                            "'{\"base_task\": \"arithmetic\"}'")
    return filters


def load(request: Request) -> Loaded:
    """Reads the dataset and chooses the samples."""
    whole = dataset.load(request.dataset, request.mapping)
    table = dataset.select(whole, request.filters)
    return Loaded(dataset.stratified(table, request.max_traces, request.seed), len(whole))


def document(lens: str, loaded: Loaded, request: Request) -> dict[str, Any]:
    """One lens over every group of the samples, and every pair of systems."""
    table = loaded.table
    groups = dataset.groups(table, None if lens == "surface" else request.axis)
    if lens == "surface" and request.axis:
        params = table.difficulty()
        if request.axis not in params:
            raise files.Refusal(f"--axis {request.axis}: no numeric parameter that varies; there "
                                f"are {', '.join(params) or 'none'}")
    data: Any = None
    if lens == "compression":
        data = (table, compression.measure(table, request.cache, request.jobs))
    elif lens == "fft":
        data = (table, fft.read(table))
    results = []
    for group in groups:
        result = _one(lens, group, data, request)
        results.append({"name": group.name, "eval_id": group.eval.eval_id,
                        "model_name": group.eval.model_name, "task": group.task,
                        "axis": group.axis, **result,
                        "alt": f"{group.name}. {figures.verdict(result)}",
                        "caveats": [*result["caveats"], *table.account["notes"]]})
    document = {"lens": lens, "dataset": table.config.name, "filters": request.filters,
                "axis": request.axis, "seed": request.seed, "samples": len(table),
                "samples_in_dataset": loaded.in_dataset, "rows": table.account, "results": results,
                "comparisons": pairs.compare(lens, groups, data, request.seed)}
    if lens == "compression":
        # How much came from the cache differs from run to run, so it is no part of the data.
        document["texts"] = {"unit": data[1].unit, "reasoning_traces": data[1].reasoning}
    return document


def _one(lens: str, group: Group, data: Any, request: Request) -> dict[str, Any]:
    if lens == "surface":
        return surface.analyse(group, request.seed, request.axis)
    if lens == "hazard":
        return hazard.analyse(group, request.seed)
    table, measured = data
    if lens == "fft":
        return fft.analyse(group, measured, fft.prompts_of(measured, table, group.table),
                           request.seed)
    return compression.analyse(group, measured.of(table, group.table), measured.unit,
                               request.seed)


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """A document without its tables, as it is written to JSON."""
    return {**document, "results": [{key: value for key, value in result.items() if key != "tables"}
                                    for result in document["results"]]}


def write_folder(document: dict[str, Any], output_dir: Path, request: Request) -> list[str]:
    """All outputs of a lens into a folder; returns the names of the files."""
    lens, results = document["lens"], document["results"]
    written = [f"{lens}.json"]
    files.write_json(output_dir / written[0], plain(document))
    names = dict.fromkeys(name for result in results for name in result["tables"])
    for name in names:
        if name == "zones":
            files.write_json(output_dir / "zones.json", [
                {"name": result["name"], "zones": result["tables"].get("zones", [])}
                for result in results])
            written.append("zones.json")
        else:
            _write_table(output_dir / f"{name}.csv", results, name)
            written.append(f"{name}.csv")
    pages = figures.pages(results)
    for kind in ("png", "svg"):  # an earlier run may have drawn more of them
        for path in output_dir.glob(f"{lens}*.{kind}"):
            if re.fullmatch(rf"{lens}(-\d+)?", path.stem):
                path.unlink()
    for number, drawn in enumerate(pages, 1):
        stem = lens if len(pages) == 1 else f"{lens}-{number}"
        drawings = [f"{stem}.png", f"{stem}.svg"]
        figures.draw([output_dir / drawing for drawing in drawings], drawn)
        written += drawings
    if lens in _WITH_PAGE and any(result["tables"] for result in results):
        page.write(output_dir / f"{lens}.html", document)
        written.append(f"{lens}.html")
    manifest.record(output_dir, f"analyze_{lens}", {
        "dataset": request.dataset.as_posix(), "filters": request.filters, "axis": request.axis,
        "seed": request.seed, "max_traces": request.max_traces}, written)
    return written


def write_file(document: dict[str, Any], path: Path) -> list[Path]:
    """One output of a lens, of the kind that the file's name asks for."""
    kind, results = path.suffix.lower(), document["results"]
    if kind == ".json":
        files.write_json(path, plain(document))
    elif kind == ".csv":
        _write_table(path, results, _MAIN_TABLE[document["lens"]])
    elif kind == ".html":
        if document["lens"] not in _WITH_PAGE:
            raise files.Refusal(f"{path}: only {' and '.join(_WITH_PAGE)} have a page; ask for "
                                ".png or .svg, or use --output-dir")
        page.write(path, document)
    else:
        pages = figures.pages(results)
        paths = [path if number == 1 else path.with_name(f"{path.stem}-{number}{kind}")
                 for number in range(1, len(pages) + 1)]
        for target, drawn in zip(paths, pages, strict=True):
            figures.draw([target], drawn)
        return paths
    return [path]


def _write_table(path: Path, results: Sequence[dict], name: str) -> None:
    """A table of every result, below each other; columns that only some have are empty in the
    others."""
    columns = dict.fromkeys(("eval_id", "task", "axis"))
    for result in results:
        for row in result["tables"].get(name, [])[:1]:
            columns |= dict.fromkeys(row)
    with files.atomic(path) as file:
        file.write(files.csv_line(columns))
        for result in results:
            about = {key: result[key] for key in ("eval_id", "task", "axis")}
            for row in result["tables"].get(name, []):
                cells = {**about, **row}
                file.write(files.csv_line([cells.get(column) for column in columns]))
