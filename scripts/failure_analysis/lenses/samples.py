"""Samples as they stand on disk: one generation per row, read through a dataset config, from plain
JSONL, CSV or Parquet, through ingest, or from an analysis folder. Rows are streamed; nothing here
keeps a text."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files, results, steps
from failure_analysis.datapoint import OUTCOME_COLUMNS, UNSURE
from failure_analysis.lenses.config import Config
from failure_analysis.lenses.fields import NAMES, TEXTS
from failure_analysis.packet import sanity
from failure_analysis.packet.rows import columns
from failure_analysis.paths import value_at
from failure_analysis.reading import containers, delimited, detect, ingest, parquet, runs

_ENDINGS = (*containers.LINES, ".csv", ".parquet")
_JSON_WORDS = {"true": "true", "false": "false", "nan": "NaN", "null": "null"}


class Raw(NamedTuple):
    """A row of a file: where it stands, the eval entry it was read for, its fields by our names
    (None with a reason when it cannot be read), the row itself. One with a note is no row: it
    says something of the dataset."""

    where: str
    eval_entry: dict | None
    fields: dict | None
    reason: str = ""
    row: dict | None = None
    note: str = ""


def rows(config: Config) -> Iterator[Raw]:
    """Every row of a dataset, always in the same order."""
    path = config.path
    if config.evals:
        for eval_entry in config.evals:
            for file in _files_of(path, eval_entry):
                yield from _file_rows(file, config, eval_entry)
    elif path.is_dir() and (path / steps.OUTCOMES).exists():
        yield from _analysis_rows(path)
    elif config.mapping or (plain := _plain_files(path)) is None:
        yield from _ingested(detect.readable([path], config.mapping))
    else:
        for file in plain:
            yield from _file_rows(file, config, None)


def _files_of(config_path: Path, eval_entry: dict) -> list[Path]:
    """The files of an eval; patterns start at the config's folder."""
    named, folder = eval_entry["files"], config_path.parent
    paths: list[Path] = []
    for pattern in map(str, named if isinstance(named, list) else [named]):
        path = Path(pattern)
        matching = [path] if path.is_absolute() else folder.glob(pattern) if path.parts else ()
        hits = sorted(hit for hit in matching if hit.is_file())
        if not hits:
            raise files.Refusal(f"{config_path}: no file matches {pattern} (from {folder})")
        paths += hits
    return paths


def _plain_files(path: Path) -> list[Path] | None:
    """The sample files at a path, or None where its shape is one that ingest knows."""
    try:
        detect.from_inputs([path], None)
    except files.Refusal as refusal:
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        paths = [file for file in inside if files.bare_name(file).endswith(_ENDINGS)]
        if not paths:
            raise refusal from None
        return paths
    return None


def _file_rows(path: Path, config: Config, eval_entry: dict | None) -> Iterator[Raw]:
    where = (eval_entry or {}).get("where", {})
    for line in _documents(path, config):
        place, row = f"{path}:{line.number}", line.value
        if row is None:
            yield Raw(place, eval_entry, None, line.reason)
        elif all(_same(value_at(row, key), wanted) for key, wanted in where.items()):
            fields = _fields(row, config)
            reason = "" if fields["params"] is not None else "params is no object"
            yield Raw(place, eval_entry, fields, reason, row)


def _same(value: Any, wanted: Any) -> bool:
    return value == wanted or str(value) == str(wanted)


def _documents(path: Path, config: Config) -> Iterator[files.JsonLine]:
    """The rows of a sample file, those of CSV and Parquet as if they were lines of JSON."""
    name = files.bare_name(path)
    if name.endswith(".parquet"):
        yield from parquet.rows(path)
    elif name.endswith(".csv"):
        yield from table(path, _text_columns(config))
    else:
        for line in files.json_lines(path):
            yield line if line.reason or isinstance(line.value, dict) else line._replace(
                value=None, reason="a JSON object was expected")


def table(path: Path, texts: set[str]) -> Iterator[files.JsonLine]:
    """The rows of a CSV file, with the values that their cells spell."""
    number = 1
    try:
        with io.TextIOWrapper(files.open_bytes(path), "utf-8-sig", newline="") as file:
            reader = delimited.cells_by_line(file)
            _, header = next(reader, (1, []))
            for number, (_, cells) in enumerate(reader, 2):  # noqa: B007 (used below the loop)
                row = dict.fromkeys(header) | dict(zip(header, cells, strict=False))
                yield files.JsonLine(number, b"", {
                    key: (cell or None) if key in texts else _number(cell)
                    for key, cell in row.items() if key})
    except csv.Error as error:
        yield files.JsonLine(number + 1, b"", None,
                             f"the CSV cannot be read from here on: {error}")


def _text_columns(config: Config) -> set[str]:
    """The columns of a CSV that are names or texts, which are no numbers whatever they spell."""
    texts = {alias for name in TEXTS if name not in config.fields for alias in NAMES[name]}
    return (texts - set(config.fields.values())) | {
        column for name, column in config.fields.items() if name in TEXTS}


def _number(cell: str | None) -> Any:
    """A CSV cell as the number, truth value or JSON that it spells."""
    if not cell:
        return None
    if cell[0] not in '0123456789-.+tfnTFN{["':
        return cell
    try:
        return json.loads(_JSON_WORDS.get(cell.lower(), cell))
    except ValueError:
        return cell


def _fields(row: dict, config: Config) -> dict:
    """A row's values under our names; parameters from `params`, `params.x` or a column x."""
    fields: dict[str, Any] = {}
    for name, aliases in NAMES.items():
        if name in config.fields:
            fields[name] = value_at(row, config.fields[name])
            continue
        for alias in aliases:  # of every row: a generator takes twice as long
            if alias in row:
                fields[name] = row[alias]
                break
    params = _params(fields.get("params"))
    fields["params"] = params
    if params is None:
        return fields
    params |= {key.removeprefix("params."): value for key, value in row.items()
               if key.startswith("params.")}
    params |= {name: row[name] for name in config.params if name not in params and name in row}
    return fields


def _params(value: Any) -> dict | None:
    """The parameters of a row, an object or its JSON, none where missing; None for all else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if value is None:
        return {}
    return dict(value) if isinstance(value, dict) else None


def _analysis_rows(analysis_dir: Path) -> Iterator[Raw]:
    """The runs of an analysis folder, read anew; where they are gone, the slim outcomes alone."""
    try:
        inputs = runs.at_hand(analysis_dir)
        yield from _ingested(inputs.sources)
        return
    except files.Refusal as refusal:
        yield Raw(str(analysis_dir), None, None, note="the runs of the analysis folder cannot be "
                  f"read, so there are outcomes and no texts ({refusal})")
    benchmark = _benchmark(analysis_dir)
    lines = columns(analysis_dir, OUTCOME_COLUMNS)
    for number, cells in enumerate(lines, 2):
        row = dict(zip(OUTCOME_COLUMNS, cells, strict=True))
        fields = {key: _number(value) if key in ("completion_tokens", "params_json", "trial")
                  else value or None for key, value in row.items()}
        fields["params"] = fields.pop("params_json", None) or {}
        yield Raw(f"{analysis_dir / steps.OUTCOMES}:{number}", None,
                  _ours({"benchmark": benchmark, **fields}))


def _benchmark(analysis_dir: Path) -> str | None:
    """The benchmark's name, which the outcomes do not repeat."""
    path = analysis_dir / sanity.NAME
    return results.read(path, results.Sanity, steps.BUILD.script)["conservation"]["benchmark"] \
        if path.is_file() else None


def _ingested(sources: list) -> Iterator[Raw]:
    for source, row in ingest.checked_rows(sources):
        where = f"{row.line.path or source.path}:{row.line.number}"
        if row.computed is None:
            yield Raw(where, None, None, row.reason)
        else:
            yield Raw(where, None, _ours({**row.line.fields, **row.computed}))


def _outcome(got: Callable[[str], Any]) -> Any:
    """A row's outcome; a failure of which the source says that it has no answer is `no_answer`."""
    silent = got("outcome") == "fail" and got("failure_class") == "no_answer"
    return "no_answer" if silent else got("outcome")


def _ours(row: dict) -> dict:
    """A datapoint of ingest as a sample."""
    spoken = [message.get("content") for message in row.get("messages") or []
              if isinstance(message, dict) and message.get("role") == "assistant"]
    answers = "\n".join(text for text in spoken if isinstance(text, str))
    got = row.get
    return {"model_name": got("model_name"),
            "base_task": got("task") or got("benchmark") or "all",
            "item_id": got("datapoint_id" if got("item_fingerprint") == UNSURE else "item_id"),
            "trial": f"{got('run_id')}@{got('trial')}",
            "run": got("run_id"), "params": got("params") or {}, "outcome": _outcome(got),
            "finish_reason": got("termination"), "completion_tokens": got("completion_tokens"),
            "prompt_text": got("user_text"), "reasoning_text": got("reasoning"),
            "response": answers or got("assistant_text"), "datapoint_id": got("datapoint_id")}
