"""A datapoint as it stands in the packet: a whole row, a line of JSON, a record of CSV."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from failure_analysis import clean, steps
from failure_analysis.clean import csv_cell
from failure_analysis.datapoint import COMPUTED, FIELDS, NESTED

if TYPE_CHECKING:
    from failure_analysis.reading.ingest import Row

_ENCODE = msgspec.json.Encoder().encode
_PLACES = {name: place for place, name in enumerate(FIELDS)}


def whole_row(row: "Row") -> tuple[dict, bytes]:
    """A row whole, and as a line of JSON: its source line unchanged with our keys after it, where
    the source is one JSON object per line and has none of those keys with another value."""
    fields, computed = row.line.fields, row.computed
    shared, nulls = _shape(tuple(fields))
    whole = {**fields, **computed}
    replaced = [name for name in shared if fields[name] != computed[name]]
    if row.line.raw and not replaced:
        added = {name: value for name, value in computed.items() if name not in shared}
        return whole, b"".join((row.line.raw.rstrip()[:-1], b", ", _compact(added)[1:-1],
                                nulls, b"\n"))
    if replaced and row.line.raw:
        was = {name: fields[name] for name in replaced}
        whole["source"] = {**whole["source"], "replaced": was}
    return whole, spelled(whole) + b"\n"


@lru_cache(64)
def _shape(names: tuple[str, ...]) -> tuple[frozenset[str], bytes]:
    """For rows with these keys: those that ingest works out too, and the end of the line that
    holds the schema's remaining fields as null."""
    shared = frozenset(name for name in names if name in COMPUTED)
    rest = [name for name in FIELDS if name not in COMPUTED and name not in names]
    return shared, "".join(f', "{name}": null' for name in rest).encode() + b"}"


def spelled(row: dict) -> bytes:
    """A row as one line of JSON, our fields first; numbers that JSON cannot carry become null."""
    ordered = {name: row.get(name) for name in FIELDS}
    ordered |= row
    try:
        return _ENCODE(ordered)
    except (UnicodeEncodeError, OverflowError):  # lone surrogates, numbers beyond 64 bits
        return json.dumps(_finite(ordered)).encode()


def table_line(row: dict, scores_cell: str | None = None) -> bytes:
    """A row as one CSV record with the columns CSV_COLUMNS; the cell of the scores may be given,
    as it is the same in many rows. What nobody sees is looked for in the record as a whole: few
    have any, and then each cell is made anew."""
    line = ",".join(_cells(row, scores_cell, str, clean.shown_cell))
    if clean.hides(line):
        line = ",".join(_cells(row, scores_cell, clean.visible_json, csv_cell))
    return clean.record(line, steps.ROWS)


def _cells(row: dict, scores_cell: str | None, json_text: Callable[[str], str],
           cell: Callable[[Any], str]) -> list[str]:
    cells = [""] * len(FIELDS)
    for name, value in row.items():
        place = _PLACES.get(name)
        if value is None or place is None:
            continue
        if type(value) is str:
            cells[place] = cell(value)
        elif name == "scores" and scores_cell is not None:
            cells[place] = scores_cell
        elif name == "failed_dimensions":
            cells[place] = _failed_cell(tuple(value))
        else:
            cells[place] = clean.quoted(json_text(_compact(value).decode())) if name in NESTED \
                else csv_cell(value)
    return cells


@lru_cache(4096)
def _failed_cell(names: tuple[str, ...]) -> str:
    return csv_cell(json.dumps(names))


def _compact(value: object) -> bytes:
    """JSON without spaces; lone surrogates, which only the standard library can spell, escaped."""
    try:
        return _ENCODE(value)
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def _finite(value: object) -> object:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
