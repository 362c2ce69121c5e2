"""Rows of CSV and TSV files: cells are text, under the names of the header."""

import contextlib
import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from failure_analysis import files

ENDINGS = (".csv", ".tsv")
_LONG = 1 << 14  # characters: a header of so many may be longer than the first bytes
_TIMES = 4  # the csv module holds a cell in four bytes for each character
_DELIMITERS = (",", ";", "\t")
_RAGGED = "more or fewer cells than the header has"
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
# Excel's own way of saying the delimiter, on a line before the header.
_SEP = re.compile(r"\ufeff?\"?sep=([^\"\r\n])\"?\r?\n", re.IGNORECASE)


class Dialect(NamedTuple):
    """What stands between the cells, the header, and whether a line `sep=` comes before it."""

    delimiter: str
    header: list[str]
    says_sep: bool


def dialect(head: bytes, path: Path) -> Dialect:
    """How the first bytes of a table are to be read; refuses a header that names a column
    twice."""
    text = head.decode("utf-8", "surrogateescape")
    sep = _SEP.match(text)
    if sep:
        text, delimiter = text[sep.end():], sep[1]
    elif files.bare_name(path).lower().endswith(".tsv"):
        delimiter = "\t"
    else:
        delimiter = max(_DELIMITERS, key=lambda mark: _fit(text, mark))
    header = _header(text, delimiter, path, bool(sep))
    if _NOT_UTF8.search("".join(header)):
        raise files.Refusal(f"{path}: the header is not UTF-8; make the file UTF-8: "
                            "iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW_FILE")
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header, 1):
        places.setdefault(name, []).append(place)
    for name, at in places.items():
        if len(at) > 1:
            what = f"is called {name!r}" if name.strip() else "has no name"
            raise files.Refusal(f"{path}: more than one column {what} (columns "
                                f"{', '.join(map(str, at))}); give each a name of its own")
    return Dialect(delimiter, header, bool(sep))


def _header(text: str, delimiter: str, path: Path, says_sep: bool) -> list[str]:
    """The header; out of the file itself when the first bytes end in it."""
    first = _first_rows(text, delimiter)
    header, second = next(first, []), next(first, None)
    if second is None and len(text) >= _LONG:
        with io.TextIOWrapper(files.open_bytes(path), "utf-8-sig", "surrogateescape",
                              newline="") as file, contextlib.suppress(csv.Error):
            _, header = next(cells_by_line(file, delimiter, says_sep=says_sep), (0, []))
    return header


def is_even(head: bytes, whole: bool) -> bool:
    """True when the first bytes of a file of another name are a table: at least two lines, and
    as many cells, two or more, in each."""
    text = head.decode("utf-8", "surrogateescape")
    if not whole:
        text = text[:text.rfind("\n") + 1]
    delimiter = max(_DELIMITERS, key=lambda mark: _fit(text, mark))
    widths = [len(row) for row, _ in zip(_first_rows(text, delimiter), range(50), strict=False)]
    return len(widths) > 1 and widths[0] > 1 and len(set(widths)) == 1


def remarks(path: Path, dialect: Dialect) -> tuple[str, ...]:
    """What a reader of the table should know: a column without a name."""
    return tuple(f"{path}: column {place} has no name; its cells are under the key \"\""
                 for place, name in enumerate(dialect.header, 1) if not name)


def rows(path: Path, dialect: Dialect) -> Iterator[files.JsonLine]:
    """The rows of a table as objects of texts; those that cannot be read with their reason. The
    header is row 1."""
    number = 1
    try:
        with io.TextIOWrapper(files.open_bytes(path), "utf-8-sig", "surrogateescape",
                              newline="") as file:
            reader = cells_by_line(file, dialect.delimiter, True, dialect.says_sep)
            _, header = next(reader, (1, []))
            for number, (_, cells) in enumerate(reader, 2):  # noqa: B007 (used below the loop)
                yield _row(number, header, cells)
    except csv.Error as error:
        yield files.JsonLine(number + 1, b"", None,
                             f"the CSV cannot be read from here on: {error}")
    except files.unpacking_errors() as error:
        yield files.JsonLine(number + 1, b"", None,
                             f"the compressed file is damaged or cut off here ({error})")


def cells_by_line(file: TextIO, delimiter: str = ",", strict: bool = False, says_sep: bool = False
                  ) -> Iterator[tuple[int, list[str]]]:
    """(the line on which it begins, its cells) of each row that is not blank. Ends with a csv.Error
    that has the line where a row cannot be read, or is so long that a quote was never closed."""
    csv.field_size_limit(1 << 31)
    most = files.LARGEST // _TIMES
    left = most

    def lines() -> Iterator[str]:
        nonlocal left
        while line := file.readline(left + 1):
            left -= len(line)
            if left < 0:
                raise csv.Error(f"a row of more than {most >> 20} MB; perhaps a quote is not "
                                "closed")
            yield line

    before = 1 if says_sep and file.readline(_LONG) else 0
    reader = csv.reader(lines(), delimiter=delimiter, strict=strict)
    begins = before + 1
    try:
        for cells in reader:
            if cells:
                yield begins, cells
            begins, left = before + reader.line_num + 1, most
    except csv.Error as error:
        raise csv.Error(f"line {begins}: {error}") from None


def cell(text: Any, decimal_comma: bool = False) -> Any:
    """A cell as true, false, null or a number where it is spelled as one, with a decimal comma
    where the table has them; NaN and infinities are null, what is no text stays as it is."""
    if not isinstance(text, str):
        return text
    word = text.strip().lower()
    if word in ("", "null", "none"):
        return None
    if word in ("true", "false"):
        return word == "true"
    if "_" in word:  # Python reads 1_000 as a number, nobody else does
        return text
    if decimal_comma and _DECIMAL_COMMA.fullmatch(word):
        word = word.replace(",", ".")
    try:
        return int(word)
    except ValueError:
        try:
            number = float(word)
        except ValueError:
            return text
    if math.isfinite(number):
        return number
    return text if any(char.isdigit() for char in word) else None  # 1e999 is no infinity


def _row(number: int, header: list[str], cells: list[str]) -> files.JsonLine:
    """A row under the names of the header, or the reason why it is none."""
    reason = "" if len(cells) == len(header) else _RAGGED
    text = "".join(cells)
    if not text.isascii() and _NOT_UTF8.search(text):
        reason = "not UTF-8"
    if not reason:
        return files.JsonLine(number, b"", dict(zip(header, cells, strict=True)))
    # As much of it as there is, for rejected_rows.jsonl.
    row: dict[str, Any] = dict.fromkeys(header) | dict(zip(header, cells, strict=False))
    if len(cells) > len(header):
        row["None"] = cells[len(header):]
    return files.JsonLine(number, json.dumps(row).encode(), None, reason)


def _first_rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows of a text that are not blank, as far as it goes."""
    csv.field_size_limit(1 << 31)
    try:
        yield from filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return


def _fit(text: str, delimiter: str) -> tuple[int, int]:
    """(the cells of the header, how many of the rows after it have as many): the larger, the
    likelier is the delimiter."""
    widths = [len(row) for row, _ in zip(_first_rows(text, delimiter), range(20), strict=False)]
    return (widths[0], Counter(widths)[widths[0]]) if widths else (0, 0)
