"""Samples as they stand on disk: one generation per row, read through a dataset config, from plain
JSONL, CSV or Parquet, through ingest, or from an analysis folder. Rows are streamed; nothing here
keeps a text."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import files, ingest, packet
from failure_analysis.datapoint import FIELDS
from failure_analysis.formats import detect, judged
from failure_analysis.formats.mapping import value_at

# Our field -> the names under which a row may carry it, the first that is there.
NAMES = {
    "eval_id": ("eval_id",), "model_name": ("model_name", "model"),
    "base_task": ("base_task", "task"), "tier": ("tier",), "item_id": ("item_id", "id"),
    "trial": ("trial", "run", "sample"), "params": ("params",), "outcome": ("outcome",),
    "correct": ("correct", "is_correct"), "extracted": ("extracted", "parsed_answer"),
    "finish_reason": ("finish_reason", "termination"), "truncated": ("truncated",),
    "tokens": ("completion_tokens",), "token_limit": ("token_limit", "max_tokens"),
    "guess_rate": ("guess_rate",), "prompt": ("prompt_text", "prompt", "user_text", "question"),
    "prompt_ids": ("prompt_token_ids",), "offsets": ("token_offsets",),
    "reasoning": ("reasoning_text", "reasoning", "thinking"),
    "response": ("response", "assistant_text", "output", "completion"),
    "reasoning_ids": ("reasoning_token_ids",), "ident": ("datapoint_id",),
}
CONFIG_KEYS = ("name", "evals", "tasks", "tiers", "params", "fields", "token_limit", "guess_rate")
EVAL_KEYS = ("eval_id", "model_name", "label", "tokenizer", "files", "where", "token_limit",
             "template")
ROLES = ("difficulty", "confounder", "pair", "other")
_ENDINGS = (".jsonl", ".csv", ".parquet")
_FAST = msgspec.json.Decoder().decode


class Eval(NamedTuple):
    """One system under test: a model under fixed conditions."""

    eval_id: str
    model_name: str
    label: str
    tokenizer: Path | None = None
    token_limit: float | None = None
    template: str | None = None


class Config(NamedTuple):
    """What a dataset says of itself beyond its rows."""

    name: str
    path: Path
    evals: tuple[dict, ...] = ()
    tasks: dict[str, dict] = {}  # noqa: RUF012 (never written)
    params: dict[str, str] = {}  # noqa: RUF012
    fields: dict[str, str] = {}  # noqa: RUF012
    token_limit: float | None = None
    guess_rate: float | None = None
    mapping: Path | None = None


class Raw(NamedTuple):
    """A row of a file: where it stands, the eval entry it was read for, its fields by our names
    (None with a reason when it cannot be read)."""

    where: str
    entry: dict | None
    fields: dict | None
    reason: str = ""


def load_config(path: Path, mapping: Path | None = None) -> Config:
    """The config of a dataset: the file itself where it is one, else what its path says."""
    if not path.exists():
        raise files.Refusal(f"{path}: no such dataset; give a dataset config (.json), samples "
                            "(.jsonl, .csv, .parquet), runs, or an analysis folder")
    if path.is_dir() or mapping or not files.bare_name(path).endswith(".json"):
        return Config(files.bare_name(path).split(".")[0], path, mapping=mapping)
    document = files.read_json(path)
    if not isinstance(document, dict) or "evals" not in document:
        return Config(path.stem, path)
    _check_keys(path, "", document, CONFIG_KEYS)
    evals = document["evals"]
    if not isinstance(evals, list) or not evals:
        raise files.Refusal(f"{path}: evals is a list of at least one {{eval_id, model_name, "
                            "files}")
    for place, one in enumerate(evals):
        if not isinstance(one, dict) or "model_name" not in one or "files" not in one:
            raise files.Refusal(f"{path}: evals[{place}] needs model_name and files")
        _check_keys(path, f"evals[{place}].", one, EVAL_KEYS)
    roles = document.get("params", {})
    for name, role in roles.items():
        if role not in ROLES:
            raise files.Refusal(f"{path}: params.{name} is {role!r}; a role is one of "
                                f"{', '.join(ROLES)}")
    for name in document.get("fields", {}):
        if name not in NAMES:
            raise files.Refusal(f"{path}: fields.{name} is no field; known are "
                                f"{', '.join(NAMES)}")
    tasks = {name: dict(about) for name, about in document.get("tasks", {}).items()}
    for tier, members in document.get("tiers", {}).items():
        for task in members:
            tasks.setdefault(task, {})["tier"] = tier
    return Config(str(document.get("name", path.stem)), path, tuple(evals), tasks, roles,
                  document.get("fields", {}), document.get("token_limit"),
                  document.get("guess_rate"))


def _check_keys(path: Path, where: str, found: dict, known: tuple[str, ...]) -> None:
    for key in found:
        if key not in known:
            raise files.Refusal(f"{path}: unknown key {where}{key}; known are {', '.join(known)}")


def rows(config: Config) -> Iterator[Raw]:
    """Every row of a dataset, always in the same order."""
    if config.evals:
        for entry in config.evals:
            for path in _files_of(config.path, entry):
                yield from _file_rows(path, config, entry)
        return
    path = config.path
    if path.is_dir() and (path / packet.OUTCOMES).exists():
        yield from _analysis_rows(path)
        return
    plain = None if config.mapping else _plain_files(path)
    if plain is None:
        yield from _ingested(detect.from_inputs([path], config.mapping).sources)
        return
    for one in plain:
        yield from _file_rows(one, config, None)


def entry_of(entry: dict) -> Eval:
    """An eval entry of the config, its id made from model and label where it has none."""
    model = str(entry["model_name"])
    label = str(entry.get("label") or model)
    ident = str(entry.get("eval_id") or hashlib.sha256(label.encode()).hexdigest()[:6])
    tokenizer = entry.get("tokenizer")
    return Eval(ident, model, label, Path(tokenizer) if tokenizer else None,
                entry.get("token_limit"), entry.get("template"))


def _files_of(config: Path, entry: dict) -> list[Path]:
    """The files of an eval; patterns start at the config's folder."""
    patterns = entry["files"] if isinstance(entry["files"], list) else [entry["files"]]
    found: list[Path] = []
    for pattern in map(str, patterns):
        one = Path(pattern)
        hits = [one] if one.is_absolute() and one.exists() else \
            [] if one.is_absolute() else sorted(config.parent.glob(pattern))
        if not hits:
            raise files.Refusal(f"{config}: no file matches {pattern} (from {config.parent})")
        found += hits
    return found


def _plain_files(path: Path) -> list[Path] | None:
    """The sample files at a path, or None where its shape is one that ingest knows."""
    try:
        detect.from_inputs([path], None)
    except files.Refusal as refusal:
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        found = [one for one in inside if files.bare_name(one).endswith(_ENDINGS)]
        if not found:
            raise refusal from None
        return found
    return None


def _file_rows(path: Path, config: Config, entry: dict | None) -> Iterator[Raw]:
    where = (entry or {}).get("where", {})
    for number, row, reason in _documents(path):
        place = f"{path}:{number}"
        if row is None:
            yield Raw(place, entry, None, reason)
        elif all(_same(value_at(row, key), wanted) for key, wanted in where.items()):
            yield Raw(place, entry, _fields(row, config))


def _same(value: Any, wanted: Any) -> bool:
    return value == wanted or str(value) == str(wanted)


def _documents(path: Path) -> Iterator[tuple[int, dict | None, str]]:
    """(row number, row, why it cannot be read) for each row of a sample file."""
    name = files.bare_name(path)
    if name.endswith(".parquet"):
        yield from _parquet(path)
    elif name.endswith(".csv"):
        csv.field_size_limit(1 << 31)
        with io.TextIOWrapper(files.open_bytes(path), "utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                yield number, {key: _number(cell) for key, cell in row.items() if key}, ""
    else:
        for number, raw, broken in judged.numbered_lines(path):
            row = None
            if not broken:
                try:
                    row = _FAST(raw)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    row, broken = _slowly(raw)
            if row is not None and not isinstance(row, dict):
                row, broken = None, "a JSON object was expected"
            yield number, row, broken


def _slowly(raw: bytes) -> tuple[Any, str]:
    """What the standard library makes of a line that the fast reader refuses."""
    try:
        return json.loads(raw), ""
    except (ValueError, RecursionError) as error:
        return None, f"not valid JSON: {error}"


def _parquet(path: Path) -> Iterator[tuple[int, dict, str]]:
    try:
        import duckdb
    except ModuleNotFoundError:
        raise files.Refusal(
            f"{path}: Parquet needs the package duckdb; run with `uv run --with duckdb …` or "
            "`pip install duckdb`, or give the samples as JSONL") from None
    try:
        # The file's bytes are data: no extension is loaded for them, none is fetched.
        with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as base:
            found = base.execute("select * from read_parquet(?)", [str(path)])
            names = [column[0] for column in found.description]
            number = 0
            while batch := found.fetchmany(2048):
                for values in batch:
                    number += 1
                    yield number, dict(zip(names, values, strict=True)), ""
    except duckdb.Error as error:
        raise files.Refusal(f"{path}: not a Parquet file that can be read "
                            f"({str(error).splitlines()[0]})") from None


def _number(cell: str | None) -> Any:
    """A CSV cell as the number, truth value or JSON that it spells."""
    if cell is None or cell == "":
        return None
    if cell[:1] in '0123456789-.+tfnTFN{["':
        lowered = cell.lower() if cell.lower() in ("true", "false", "nan", "null") else cell
        try:
            return json.loads("NaN" if lowered == "nan" else lowered)
        except ValueError:
            return cell
    return cell


def _fields(row: dict, config: Config) -> dict:
    """A row's values under our names; parameters from `params`, `params.x` or a column x."""
    found: dict[str, Any] = {}
    for name, known in NAMES.items():
        if name in config.fields:
            found[name] = value_at(row, config.fields[name])
            continue
        for alias in known:
            if alias in row:
                found[name] = row[alias]
                break
    params = found.get("params")
    params = dict(params) if isinstance(params, dict) else {}
    for key, value in row.items():
        if key.startswith("params."):
            params[key.removeprefix("params.")] = value
    for name in config.params:
        if name not in params and name in row:
            params[name] = row[name]
    found["params"] = params
    return found


def _analysis_rows(folder: Path) -> Iterator[Raw]:
    """The runs of an analysis folder, read anew; where they are gone, the slim outcomes alone."""
    from failure_analysis.review import contrast

    try:
        with contrast.runs(folder) as found:
            yield from _ingested(found.sources)
            return
    except files.Refusal:
        pass
    for number, row in enumerate(files.read_csv(folder / packet.OUTCOMES), 2):
        fields = {key: _number(value) if key not in ("item_id", "datapoint_id") else value
                  for key, value in row.items()}
        fields["params"] = fields.pop("params_json", None) or {}
        yield Raw(f"{folder / packet.OUTCOMES}:{number}", None, _ours(fields))


def _ingested(sources: list) -> Iterator[Raw]:
    several = sum(source.mapping is not None for source in sources) > 1
    for source in sources:
        for row in ingest.rows(source, several):
            where = f"{row.line.path or source.path}:{row.line.number}"
            if row.computed is None:
                yield Raw(where, None, None, row.reason)
            else:
                yield Raw(where, None, _ours({**row.line.fields, **row.computed}))


def _ours(row: dict) -> dict:
    """A datapoint of ingest as a sample."""
    spoken = [message.get("content") for message in row.get("messages") or []
              if isinstance(message, dict) and message.get("role") == "assistant"]
    said = "\n".join(text for text in spoken if isinstance(text, str))
    known = {name: row.get(name) for name in FIELDS}
    return {
        "model_name": known["model_name"], "base_task": known["benchmark"] or "all",
        "item_id": known["item_id"], "trial": f"{known['run_id']}@{known['trial']}",
        "params": known["params"] or {}, "outcome": known["outcome"],
        "finish_reason": known["termination"], "tokens": known["completion_tokens"],
        "prompt": known["user_text"], "reasoning": known["reasoning"],
        "response": said or known["assistant_text"], "ident": known["datapoint_id"],
    }
