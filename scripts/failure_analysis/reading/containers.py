"""The documents of a file, whatever contains them: JSONL, JSON, CSV, TSV or Parquet. The first
bytes decide, not the name: loggers call JSONL .json, and spreadsheets write semicolons."""

import ast
import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import files
from failure_analysis.documents import begun, peek, start
from failure_analysis.reading import delimited, zipped
from failure_analysis.reading.parquet import rows as parquet_rows

LINES = (".jsonl", ".ndjson", ".jsonlines")
# What is looked for in folders, each also as .gz and .zst. A file that is named may end otherwise.
ENDINGS = (*LINES, ".json", *delimited.ENDINGS, ".parquet", zipped.EVAL, ".zip")
_PACKED = tuple(f"{ending}{end}" for ending in (*LINES, ".json") for end in files.COMPRESSED)
_SPREADSHEETS = (".xlsx", ".xlsm", ".ods")
_LARGEST_LITERAL = 16 << 20
_HEAD = 1 << 16
_DEEPEST = 100
_BOM = b"\xef\xbb\xbf"
_BRACKETS = (b"{", b"[")
_SIGNATURES = (
    (b"version https://git-lfs.github.com/spec/v1",
     "a Git LFS pointer, the file itself was not downloaded; run `git lfs pull`"),
    (b"\x1f\x8b", "gzip under another name; rename it so that it ends in .gz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard under another name; rename it so that it ends in .zst"),
    (b"PK\x03\x04", "a spreadsheet; save it as CSV"),
    (b"BZh", "a bzip2 archive; unpack it"),
    (b"\xfd7zXZ\x00", "an xz archive; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it"),
    (b"SQLite format 3\x00", "an SQLite database; export the table as CSV or JSON"),
    (b"ARROW1", "an Arrow file; write it as Parquet or JSONL"),
    (b"\x89HDF\r\n", "an HDF5 file; write the table as CSV or JSONL"),
    (b"%PDF", "a PDF; results are needed as JSONL, JSON, CSV or Parquet"),
)
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_HTML = re.compile(rb"<(!doctype|html|\?xml|head|body|!--)", re.IGNORECASE)
_JSON_BEGINS = re.compile(rb'\{\s*"|\[\s*[\[{]')  # as no header of a table does
# Where JSON breaks off in what Python prints: 'text', None, True, False, a tuple.
_PYTHON = re.compile(r"'|None\b|True\b|False\b|\(")


class Head(NamedTuple):
    """The first bytes of a file, unpacked and without a byte order mark; `whole` when there are no
    more, `damage` when unpacking ended in an error."""

    data: bytes
    whole: bool
    damage: str = ""


def documents(path: Path) -> Iterator[files.JsonLine]:
    """Every document of a file: each line of JSONL, each row of CSV, TSV or Parquet as an object,
    a JSON document as the only one (also when it is a list), each sample of an Inspect log with
    its header, what is in any other zip as one. What Python prints is the JSON that it means. NaN
    and infinities are null, with `nulled`. `raw` has the bytes of a line and of a JSON document.
    Refuses, with the fix, what is none of these."""
    kind = _kind(path, head := _head(path))
    if kind == "parquet":
        return parquet_rows(path)
    if kind == "eval":
        return map(_shallow, zipped.samples(path))
    if kind == "zip":
        return iter((zipped.document(path, documents, (*ENDINGS, *_PACKED)),))
    if kind == "table":
        return delimited.rows(path, delimited.dialect(head.data, path))
    return map(_shallow, _json(path))


def first(path: Path, most: int = 20) -> list[Any]:
    """The first records of a file: its lines or rows, the elements of a document that is a list, or
    the document. Of a large file no more than its beginning is read; a document of which there is
    more is there as far as that goes."""
    if _kind(path, _head(path)) == "json":
        data, is_whole = start(path)
        if not is_whole:
            return _of_document([begun(line) for line in data.split(b"\n", most)[:most]
                                 if line.strip()] if _is_lines(data) else [begun(data)], most)
        if (value := peek(path)) is not None:  # parsed already, for formats that are no mappings
            return _of_document([value], most)
    lines = list(islice(documents(path), most))
    if lines and all(line.reason for line in lines):
        raise files.Damaged(f"{path}: nothing in it can be read ({lines[0].reason})")
    return _of_document([line.value for line in lines if not line.reason], most)


def _is_lines(data: bytes) -> bool:
    """Whether a large file, of which this is the beginning, has a document on each line."""
    line, _, rest = data.lstrip().partition(b"\n")
    return bool(rest) and _is_object(line)


def _of_document(records: list[Any], most: int) -> list[Any]:
    return records[0][:most] if len(records) == 1 and type(records[0]) is list else records


def is_empty(path: Path) -> bool:
    """Whether there is nothing in a file, or nothing but blanks."""
    head = _head(path)
    return not head.damage and not head.data.strip() and (
        head.whole or next(files.json_lines(path), None) is None)


def is_table(path: Path) -> bool:
    """True when the documents are rows of CSV or TSV, whose cells are text (see `cell`)."""
    return _kind(path, _head(path)) == "table"


def decimal_comma(path: Path) -> bool:
    """True for a table with semicolons between its cells: there 0,9 is a number."""
    head = _head(path)
    return _kind(path, head) == "table" and \
        delimited.dialect(head.data, path).delimiter == ";"


def remarks(path: Path) -> tuple[str, ...]:
    """What a reader of the file should know of how it was read."""
    head = _head(path)
    return delimited.remarks(path, delimited.dialect(head.data, path)) \
        if _kind(path, head) == "table" else ()


cell = delimited.cell


def is_deep(value: Any) -> bool:
    """Whether lists and objects stand in each other more deeply than any of our functions goes."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [child for inner in level if type(inner) in (dict, list)
                 for child in (inner.values() if type(inner) is dict else inner)
                 if type(child) in (dict, list)]
        if not level:
            return False
    return True


def _shallow(line: files.JsonLine) -> files.JsonLine:
    """The line, or why it is none: only the many brackets of depth are looked at twice."""
    if line.raw.count(b"[") + line.raw.count(b"{") > _DEEPEST and is_deep(line.value):
        return files.JsonLine(line.number, line.raw, None, "nested too deeply")
    return line


def repeated_keys(raw: bytes) -> list[str]:
    """The keys that an object in this JSON has twice, objects anywhere in it: the last of the two
    is what was read. Empty for what is no JSON."""
    twice: dict[str, None] = {}

    def pairs(items: list[tuple[str, Any]]) -> dict:
        value = dict(items)
        if len(value) < len(items):
            counts = Counter(key for key, _ in items)
            twice.update((key, None) for key in value if counts[key] > 1)
        return value

    try:
        json.loads(raw.removeprefix(_BOM), object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return []
    return list(twice)


def _head(path: Path) -> Head:
    """What the first bytes of a file are."""
    stat = path.stat()
    return _head_of(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(64)
def _head_of(path: Path, _changed: int, _size: int) -> Head:
    data = b""
    try:
        with files.open_bytes(path) as file:
            # In small pieces: of a damaged file, what comes before the damage is there.
            while len(data) < _HEAD and (piece := file.read1(1 << 13)):
                data += piece
    except files.unpacking_errors() as error:
        return Head(data.removeprefix(_BOM), True, str(error) or type(error).__name__)
    return Head(data.removeprefix(_BOM), len(data) < _HEAD)


def _kind(path: Path, head: Head) -> str:
    """`parquet`, `eval`, `zip`, `table` or `json`; refuses with what a file is that is none."""
    name = files.bare_name(path).lower()
    data = head.data
    if not data.strip():
        if head.damage and not name.endswith(LINES):
            raise files.Damaged(f"{path}: damaged, cut off or not packed as it is called "
                                f"({head.damage})")
        if not head.damage and (head.whole or not name.endswith(LINES)):
            raise files.Refusal(f"{path}: empty; leave it out")
        return "json"
    if data.startswith(b"PAR1"):
        return "parquet"
    if data.startswith(b"PK\x03\x04") and not name.endswith(_SPREADSHEETS):
        return "eval" if zipped.is_eval(path) else "zip"
    if what := _foreign(data):
        raise files.Refusal(f"{path}: {what}")
    if name.endswith(".parquet"):
        return "parquet"
    text = data.lstrip()
    if name.endswith(delimited.ENDINGS):
        return "json" if _JSON_BEGINS.match(text) else "table"
    if not text.startswith(_BRACKETS) and delimited.is_even(head.data, head.whole) and \
            not any(map(_is_object, text.split(b"\n"))):
        return "table"
    if text.startswith(_BRACKETS) or name.endswith((*LINES, ".json")):
        return "json"
    raise files.Refusal(f"{path}: neither JSON nor a table; a mapping reads JSONL, JSON, CSV, TSV "
                        "and Parquet (.gz and .zst as they are)")


def _foreign(data: bytes) -> str:
    """What the bytes are when they are nothing that can be read, with the fix."""
    for signature, what in _SIGNATURES:
        if data.startswith(signature):
            return what
    if data.startswith(_WIDE) or _every_other_is_nul(data):
        width = "32" if data.count(0) > len(data) * 0.6 else "16"
        return f"UTF-{width}; make it UTF-8: iconv -f UTF-{width} -t UTF-8 FILE > NEW_FILE"
    if _HTML.match(data.lstrip()):
        return "a page of HTML or XML (often a login or an error page); download the file itself"
    start = data[:1 << 12]
    # Single NULs stand in good JSONL too, where a machine went down; they are rejected by line.
    if start.count(0) * 10 > len(start) and not start.lstrip().startswith(_BRACKETS):
        return "binary; results are needed as JSONL, JSON, CSV or Parquet"
    return ""


def _every_other_is_nul(data: bytes) -> bool:
    """True for UTF-16 or UTF-32 without a byte order mark, whose texts are mostly ASCII."""
    start = data[:1 << 10]
    return len(start) > 7 and any(
        start[half::2].count(0) * 10 > len(start) * 4 and start[1 - half::2].count(0) * 10 <
        len(start) * 4 for half in (0, 1))


def _is_object(line: bytes) -> bool:
    """True for a line that is a JSON object, whole."""
    if not line.startswith(b"{"):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _json(path: Path) -> Iterator[files.JsonLine]:
    """The lines of JSONL, or the document. A document on one line is both, and read in the same
    way; so only a first line that is no JSON has to be asked whether it begins a document."""
    lines = files.json_lines(path)
    first = next(lines, None)
    if first is None or not first.reason:
        return lines if first is None else chain([first], lines)
    second = next(lines, None)
    is_lines = files.bare_name(path).lower().endswith(LINES)
    nothing_read = second is None or bool(second.reason)
    error = _error(first.raw)
    if nothing_read and _is_python(error):
        return _literals(path)
    if (error and error.pos >= len(error.doc.rstrip()) - 1) or not (is_lines or not nothing_read):
        try:
            document = files.json_document(path)
        except files.Damaged as damaged:
            if _is_python(damaged.__context__):
                return _literals(path)
            if str(damaged.__context__).startswith("Extra data") and first.raw.strip() in \
                    _BRACKETS:
                raise files.Refusal(f"{path}: several JSON documents, one after the other; put "
                                    "each on a line: jq -c . FILE > NEW_FILE") from None
            if not is_lines and nothing_read:
                raise
        else:
            return iter((document,))
    return chain([first] if second is None else [first, second], lines)


def _literals(path: Path) -> Iterator[files.JsonLine]:
    """The document, or the lines, of a file in which Python printed them."""
    with files.open_bytes(path) as file:
        raw = file.read(_LARGEST_LITERAL + 1)
    if len(raw) <= _LARGEST_LITERAL:
        text = raw.removeprefix(_BOM).decode("utf-8", "replace")
        try:
            return iter((files.JsonLine(1, raw, literal(text)),))
        except ValueError:
            lines = [_literal_line(number, line) for number, line in enumerate(
                text.splitlines(), 1) if line.strip()]
            if any(not line.reason for line in lines):
                return iter(lines)
    raise files.Refusal(_PYTHON_FIX.format(path))


def _literal_line(number: int, line: str) -> files.JsonLine:
    try:
        return files.JsonLine(number, line.encode(), literal(line))
    except ValueError as error:
        return files.JsonLine(number, line.encode(), None, f"neither JSON nor a literal of Python "
                              f"({error})")


def literal(text: str) -> Any:
    """The JSON that a literal as Python prints it stands for; ValueError when it is none."""
    try:
        with warnings.catch_warnings():  # of a text's escapes, in its own words
            warnings.simplefilter("ignore")
            value = ast.literal_eval(text.strip())
        return json.loads(json.dumps(value, allow_nan=False))  # no tuples, no other keys
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(" ".join(str(error).split())[:200] or type(error).__name__) from None


_PYTHON_FIX = ("{}: Python literals ('text', None, True), no JSON; write it anew with json.dumps, "
               "or convert it with ast.literal_eval and json.dumps")


def _error(raw: bytes) -> json.JSONDecodeError | None:
    """Where a line stops being JSON; None when it is no text, or nested too deeply."""
    try:
        json.loads(raw)
    except json.JSONDecodeError as error:
        return error
    except (ValueError, RecursionError):
        return None
    return None


def _is_python(error: BaseException | None) -> bool:
    """True when a text stops being JSON where Python's own spelling begins."""
    return isinstance(error, json.JSONDecodeError) and \
        bool(_PYTHON.match(error.doc[error.pos:error.pos + 8]))
