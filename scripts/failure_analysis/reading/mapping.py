"""Rows of any other shape, read through a `benchmark.yaml` that says where each field is.

Handles JSONL, JSON and CSV (.gz and .zst too). templates/benchmark.yaml explains each key."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from failure_analysis import checks, files
from failure_analysis.datapoint import FIELDS, NESTED, is_number
from failure_analysis.paths import value_at
from failure_analysis.records import Line, Source

NAME = "mapping"
KEYS = ("benchmark", "rows", "fields", "pass_when", "threshold", "background", "model",
        "bucket_path")
# What an LLM coder is told of the benchmark.
BACKGROUND = ("what_it_tests", "tool_access", "rewards")
# Fields that ingest works out itself; a mapping cannot set them.
COMPUTED = ("datapoint_id", "benchmark", "signals", "outcome", "failed_dimensions",
            "source", "error_mode_candidate", "error_mode_rule")
MAPPABLE = tuple(name for name in FIELDS if name not in COMPUTED)
NUMBERS = ("reward", "prompt_tokens", "completion_tokens", "latency_ms", "cost_usd")


def load(path: Path) -> dict:
    """The checked mapping in a benchmark.yaml; refuses with the key that is wrong."""
    mapping = document(path)
    fields = mapping.get("fields")
    if not isinstance(fields, dict) or "item_id" not in fields and "turn" not in fields:
        raise files.Refusal(f"{path}: fields needs at least item_id or turn")
    for name, place in fields.items():
        if name not in MAPPABLE:
            raise files.Refusal(f"{path}: fields.{name} is no field of a row; known are "
                                f"{', '.join(MAPPABLE)}")
        paths = place.values() if isinstance(place, dict) and set(place) != {"value"} else [""]
        if not isinstance(place, str | dict) or not all(isinstance(at, str) for at in paths):
            raise files.Refusal(f"{path}: fields.{name} is neither a path nor {{value: …}}")
    if not {"scores", "reward"} & fields.keys() and not mapping.get("pass_when"):
        raise files.Refusal(f"{path}: nothing says which rows passed; give fields.scores, "
                            "fields.reward with threshold, or pass_when")
    if not isinstance(mapping.get("rows"), str | None):
        raise files.Refusal(f"{path}: rows is the path of a list, as text")
    if "reward" in fields and not is_number(mapping.get("threshold")):
        raise files.Refusal(f"{path}: fields.reward needs threshold, the reward that still passes")
    passing = mapping.get("pass_when", {})
    if not isinstance(passing, dict) or not all(isinstance(at, str) for at in passing):
        raise files.Refusal(f"{path}: pass_when is a map of path to the value(s) that pass")
    return mapping


def document(path: Path) -> dict:
    """What a benchmark.yaml says, its keys checked; also one that maps no fields."""
    import yaml

    try:
        mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise files.Refusal(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(mapping, dict):
        raise files.Refusal(f"{path}: a mapping with the keys {', '.join(KEYS)} was expected")
    for key in mapping:
        if key not in KEYS:
            raise files.Refusal(f"{path}: unknown key {key!r}; known are {', '.join(KEYS)}")
    told = mapping.get("background", {})
    if not isinstance(told, dict) or not all(isinstance(text, str) for text in told.values()):
        raise files.Refusal(f"{path}: background is a map of {', '.join(BACKGROUND)} to texts")
    for key in told:
        if key not in BACKGROUND:
            raise files.Refusal(f"{path}: unknown key background.{key}; known are "
                                f"{', '.join(BACKGROUND)}")
    for key, what in (("model", "the name of a model"), ("bucket_path", "an address")):
        if not isinstance(mapping.get(key), str | None):
            raise files.Refusal(f"{path}: {key} is {what}, as text")
    return mapping


def sources(path: Path, mapping: dict) -> list[Source]:
    """The file as one source; its rows may name several runs."""
    stem = files.bare_name(path).rsplit(".", 1)[0]
    return [Source(
        format=NAME, path=path, run_id=stem, model_name=stem,
        benchmark=str(mapping.get("benchmark") or stem), why="read through the mapping",
        files=(path,), threshold=mapping.get("threshold"), mapping=mapping,
    )]


def read(source: Source) -> Iterator[Line]:
    """One line per row of the file."""
    is_csv = files.bare_name(source.path).endswith(".csv")
    for number, raw, row, broken, _ in _rows(source.path, source.mapping.get("rows")):
        if broken:
            yield Line(number, None, raw, broken, cut_off=not raw)
            continue
        fields = _fields(row, source.mapping, is_csv)
        if isinstance(fields.get("item_id"), int | float) and fields["item_id"] is not True:
            fields["item_id"] = str(fields["item_id"])
        reason = _wrong(fields)
        if reason:
            yield Line(number, None, raw, reason)
            continue
        yield Line(number, fields, notes=(*checks.tidy(fields), *_remarks(fields, source.mapping)))


def _remarks(fields: dict, mapping: dict) -> tuple[str, ...]:
    """What a reader of the mapping should know of a row: paths that lead nowhere, numbers that
    decide nothing."""
    remarks = tuple(f"the mapping finds no {name} at {place}"
                    for name, place in mapping["fields"].items()
                    if isinstance(place, str) and fields.get(name) is None)
    scores = fields.get("scores")
    if scores and "reward" not in mapping["fields"] and all(map(is_number, scores.values())):
        remarks += ("its scores are numbers, which decide nothing; use pass_when, or reward with "
                    "threshold",)
    return remarks


def _fields(row: Any, mapping: dict, is_csv: bool) -> dict:
    """A row's values under our field names."""
    fields = {name: _value(row, place, name, is_csv)
              for name, place in mapping["fields"].items()}
    passing = mapping.get("pass_when") or {}
    if passing:
        scores = fields.get("scores")
        fields["scores"] = {**(scores if isinstance(scores, dict) else {}), **{
            path: _passes(value_at(row, path), wanted, is_csv)
            for path, wanted in passing.items()}}
    return fields


def _value(row: Any, place: str | dict, name: str, is_csv: bool) -> Any:
    if isinstance(place, dict):
        if set(place) == {"value"}:
            return place["value"]
        return {key: _cell(value_at(row, path), is_csv) if isinstance(path, str) else None
                for key, path in place.items()}
    value = value_at(row, place)
    if not is_csv:
        return value
    if name in NUMBERS or name in ("turn", "trial"):
        return _cell(value, is_csv)
    if name in NESTED and isinstance(value, str):
        return _nested(value)
    return value


def _passes(value: Any, wanted: Any, is_csv: bool) -> bool | None:
    """Whether a value is (one of) those that pass; in CSV also as the number or truth value that
    its text spells. A truth value is no number."""
    if value is None or value == "":
        return None
    readings = (value, _cell(value, is_csv))
    return any((type(passing) is bool) == (type(reading) is bool) and passing == reading
               for passing in (wanted if isinstance(wanted, list) else [wanted])
               for reading in readings)


def _cell(value: Any, is_csv: bool) -> Any:
    """A CSV cell as true, false, null or a number where it is spelled as one."""
    if not is_csv or not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in ("", "null", "none", "nan"):
        return None
    if word in ("true", "false"):
        return word == "true"
    try:
        return int(word)
    except ValueError:
        try:
            return float(word)
        except ValueError:
            return value


def _nested(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text or None


def _wrong(fields: dict) -> str | None:
    for name in ("run_id", "item_id"):
        if not isinstance(fields.get(name), str | None):
            return f"{name} is a {type(fields[name]).__name__}, text was expected"
    if fields.get("item_id") is None and fields.get("turn") is None:
        return "the mapping finds neither item_id nor turn in this row"
    if not isinstance(fields.get("params"), dict | None):
        return "params is no object"
    return checks.wrong({**fields, "turn": fields.get("turn", fields.get("item_id"))})


def _rows(path: Path, inside: str | None) -> Iterator[files.JsonLine]:
    """The rows of a JSONL, JSON or CSV file, whatever it is, as lines of JSON."""
    name = files.bare_name(path)
    if name.endswith(".csv"):
        yield from _csv_rows(path)
    elif name.endswith(".jsonl"):
        for line in files.json_lines(path):
            if not line.reason and not isinstance(line.value, dict):
                line = line._replace(value=None, reason="a JSON object was expected")
            yield line
    elif name.endswith(".json"):
        document = files.read_json(path)
        rows = value_at(document, inside) if inside else document
        if not isinstance(rows, list):
            raise files.Refusal(f"{path}: no list of rows at {inside or 'its top'}; set `rows` in "
                                "the mapping to the path of the list")
        for number, row in enumerate(rows, 1):
            broken = "" if isinstance(row, dict) else "a JSON object was expected"
            yield files.JsonLine(number, json.dumps(row).encode(), row, broken)
    else:
        raise files.Refusal(f"{path}: a mapping reads .jsonl, .json and .csv (.gz, .zst)")


def _csv_rows(path: Path) -> Iterator[files.JsonLine]:
    csv.field_size_limit(1 << 31)
    number = 0
    try:
        with io.TextIOWrapper(files.open_bytes(path), "utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for number, row in enumerate(reader, 2):  # noqa: B007 (used below the loop)
                broken = "more or fewer cells than the header has" \
                    if None in row or None in row.values() else ""
                raw = json.dumps({str(key): cell for key, cell in row.items()}).encode()
                yield files.JsonLine(number, raw, row, broken)
    except (csv.Error, UnicodeDecodeError) as error:
        yield files.JsonLine(number + 1, b"", None,
                             f"the CSV cannot be read from here on: {error}")
    except files.unpacking_errors() as error:
        yield files.JsonLine(number + 1, b"", None,
                             f"the compressed file is damaged or cut off here ({error})")
