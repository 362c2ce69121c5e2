"""Runs lenses over a dataset and writes what they find: JSON, a CSV per table, figures, and an
offline page where turning a figure helps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import aside, clean, files, manifest, store
from failure_analysis.lenses import (
    compression,
    dataset,
    fft,
    figures,
    filters,
    findings,
    hazard,
    page,
    pairs,
    surface,
)
from failure_analysis.lenses.dataset import Group, Table
from failure_analysis.markdown import listed
from failure_analysis.spread import HERE, Engine

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
    engine: Engine = HERE
    cache: Path = Path()


class Loaded(NamedTuple):
    """The chosen samples, and how many there were before."""

    table: Table
    in_dataset: int


def load(request: Request) -> Loaded:
    """Reads the dataset and chooses the samples."""
    whole = dataset.load(request.dataset, request.mapping)
    table = filters.select(whole, request.filters)
    return Loaded(dataset.stratified(table, request.max_traces, request.seed), len(whole))


def document(lens: str, loaded: Loaded, request: Request) -> dict[str, Any]:
    """One lens over every group of the samples, and every pair of systems."""
    table = loaded.table
    groups = dataset.groups(table, None if lens == "surface" else request.axis)
    params = table.difficulty()
    if lens == "surface" and request.axis and request.axis not in params:
        raise files.Refusal(f"--axis {request.axis}: no numeric parameter that varies; there "
                            f"are {', '.join(params) or 'none'}")
    together = f"{request.axis} within all levels"
    if lens != "surface" and request.axis in params:
        # Levels may be too small to judge alone; together they are compared within each level.
        groups += [group._replace(axis=together) for group in dataset.groups(table)]
    data: Any = None
    if lens == "compression":
        data = compression.measure(table, request.cache, request.engine)
    elif lens == "fft":
        data = fft.read(table)
    results = []
    for group in groups:
        result = _one(lens, group, data, request)
        result["caveats"] += table.account["notes"]
        if group.axis == together:
            result["evidence"].append("level by level: " + "; ".join(
                f"{other['axis'].removeprefix(request.axis).strip()} {other['pattern']}"
                for other in results if (other["eval_id"], other["task"]) == (
                    group.eval.eval_id, group.task)))
        results.append({"name": group.name, "eval_id": group.eval.eval_id,
                        "model_name": group.eval.model_name, "task": group.task,
                        "axis": group.axis, **result,
                        "alt": f"{group.name}. {figures.verdict(result)}"})
    document = {"lens": lens, "dataset": table.config.name, "filters": request.filters,
                "axis": request.axis, "seed": request.seed, "samples": len(table),
                "samples_in_dataset": loaded.in_dataset, "rows": table.account, "results": results,
                "comparisons": pairs.compare(lens, groups, data, request.seed)}
    if lens == "compression":
        # How much came from the cache differs from run to run, so it is no part of the data.
        document["texts"] = {"unit": data.unit, "reasoning_traces": data.reasoning}
    return document


def _one(lens: str, group: Group, data: Any, request: Request) -> dict[str, Any]:
    if lens == "surface" and group.task == dataset.TOGETHER:
        return findings.insufficient(lens, len(group.table), ["one task: levels of several tasks "
                                     "are no common scale"])
    if lens == "surface":
        narrowed = [name for name in group.table.difficulty() if name in request.filters]
        return surface.analyse(group, request.seed, request.axis,
                               narrowed[0] if len(narrowed) == 1 else None)
    if lens == "hazard":
        return hazard.analyse(group, request.seed)
    return {"fft": fft, "compression": compression}[lens].analyse(group, data, request.seed)


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """A document without its tables, as it is written to JSON."""
    return {**document, "results": [{key: value for key, value in result.items() if key != "tables"}
                                    for result in document["results"]]}


def write_folder(document: dict[str, Any], output_dir: Path, request: Request) -> list[str]:
    """All outputs of a lens into a folder; returns the names of the files. Refuses, and writes
    nothing, where a file of one of these names stands that no lens wrote."""
    lens, results = document["lens"], document["results"]
    tables = list(dict.fromkeys(name for result in results for name in result["tables"]))
    named = {"zones.json" if name == "zones" else f"{name}.csv": name for name in tables}
    pages = figures.pages(results)
    stems = [lens] if len(pages) == 1 else [f"{lens}-{n}" for n, _ in enumerate(pages, 1)]
    html = [f"{lens}.html"] if lens in _WITH_PAGE and tables else []
    written = [f"{lens}.json", *named,
               *(f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")), *html]
    if there := aside.foreign(output_dir, [*written, manifest.NAME]):
        raise files.Refusal(f"{output_dir}: {listed(there, aside.SHOWN)} stands there, and no "
                            "lens wrote it; give another folder")
    step = f"analyze_{lens}"
    for name in manifest.entries(output_dir).get(step, {}).get("outputs", ()):
        (output_dir / name).unlink(missing_ok=True)  # it may have drawn more figures
    manifest.begin(output_dir, written)
    store.write_json(output_dir / written[0], plain(document))
    for file, name in named.items():
        if name == "zones":
            store.write_json(output_dir / file, [
                {"name": result["name"], "zones": result["tables"].get("zones", [])}
                for result in results])
        else:
            _write_table(output_dir / file, results, name)
    for stem, drawn in zip(stems, pages, strict=True):
        figures.draw([output_dir / f"{stem}.png", output_dir / f"{stem}.svg"], drawn)
    for name in html:
        page.write(output_dir / name, document)
    manifest.record(output_dir, step, {
        "dataset": request.dataset.as_posix(), "filters": request.filters, "axis": request.axis,
        "seed": request.seed, "max_traces": request.max_traces}, written)
    return written


def write_file(document: dict[str, Any], path: Path) -> list[Path]:
    """One output of a lens, of the kind that the file's name asks for."""
    kind, results = path.suffix.lower(), document["results"]
    if kind == ".json":
        store.write_json(path, plain(document))
    elif kind == ".csv":
        _write_table(path, results, _MAIN_TABLE[document["lens"]])
    elif kind == ".html":
        if document["lens"] not in _WITH_PAGE:
            raise files.Refusal(f"{path}: only {' and '.join(_WITH_PAGE)} have a page; ask for "
                                ".png or .svg, or use --output-dir")
        page.write(path, document)
    else:
        paths = []
        for number, drawn in enumerate(figures.pages(results), 1):
            paths.append(path if number == 1 else path.with_name(f"{path.stem}-{number}{kind}"))
            figures.draw(paths[-1:], drawn)
        return paths
    return [path]


def _write_table(path: Path, results: Sequence[dict], name: str) -> None:
    """A table of every result, below each other; a column that one lacks is empty there."""
    about = ("eval_id", "task", "axis")
    tables = [(result, result["tables"].get(name, [])) for result in results]
    columns = dict.fromkeys(about)
    for _, rows in tables:
        for row in rows[:1]:
            columns |= dict.fromkeys(row)
    with store.atomic(path) as file:
        file.write(clean.csv_line(columns))
        for result, rows in tables:
            for row in rows:
                cells = {**{key: result[key] for key in about}, **row}
                file.write(clean.csv_line(map(cells.get, columns)))
