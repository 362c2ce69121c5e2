"""Rows of Parquet files, through the optional package duckdb."""

import datetime
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from failure_analysis import files, remote


def rows(path: Path) -> Iterator[files.JsonLine]:
    """The rows of a Parquet file as if they were lines of JSON, numbered from 1."""
    try:
        import duckdb
    except ModuleNotFoundError:
        raise files.Refusal(
            f"{path}: Parquet needs the package duckdb; run with `uv run --with duckdb …` or "
            "`pip install duckdb`, or give the samples as JSONL") from None
    if remote.is_laid_out(path):
        raise files.Refusal(f"{path}: a Parquet file is read from a disk; fetch it first")
    if path.suffix in files.COMPRESSED:
        raise files.Refusal(f"{path}: Parquet is packed inside already; unpack the file")
    try:
        # The file's bytes are data: no extension is loaded for them, none is fetched.
        with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as base:
            cursor = base.execute("select * from read_parquet(?)", [_literal(path)])
            names = [column[0] for column in cursor.description]
            number = 0
            while batch := cursor.fetchmany(2048):
                for values in batch:
                    number += 1
                    nulled: list[float] = []
                    row = {name: _plain(value, nulled)
                           for name, value in zip(names, values, strict=True)}
                    yield files.JsonLine(number, b"", row, "", bool(nulled))
    except duckdb.Error as error:
        raise files.Refusal(f"{path}: not a Parquet file that can be read "
                            f"({str(error).splitlines()[0]})") from None


def _literal(path: Path) -> str:
    """The path with what DuckDB takes for a pattern spelled so that it stands for itself."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))


def _plain(value: Any, nulled: list[float]) -> Any:
    """A value of Parquet as JSON would have it: a decimal is a number, a date its ISO text, NaN
    null (and noted)."""
    if isinstance(value, float) and not math.isfinite(value):
        nulled.append(value)
        return None
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, dict):
        return {str(name): _plain(inner, nulled) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, nulled) for inner in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
