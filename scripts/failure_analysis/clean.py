"""Text and names from runs made safe for a terminal, a spreadsheet and the names of files; our CSV
files, written and read."""

import csv
import hashlib
import io
import json
import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from failure_analysis import files

# A spreadsheet reads a cell that starts so as a formula. The apostrophe is in the list to make the
# guard reversible: every guarded cell gains exactly one, and `unguard` takes exactly one away.
GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")  # noqa: RUF001
_GUARDED = frozenset(GUARDED)
_NUMBER = re.compile(r"-\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)  # no formula
MOST = 32_767  # UTF-16 units that a spreadsheet takes in one cell
_MOST_NAME = 1_000
_CUT = re.compile(r"…\[[\d,]+ more characters; whole in [\w.]+, ([0-9a-f]{16})\]$")
_QUOTE, _DOUBLED = '"', '""'
# Terminal controls, the marks that make a text read as another one, and what nobody sees (variation
# selectors, joiners, fillers and tag characters, in which whole sentences can be hidden).
HIDDEN = ("\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
          "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
          "\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff")
_HIDDEN = re.compile(f"[{HIDDEN}]+")
_PLAIN, _SHORT = bytes([9, 10, *range(32, 127)]), 200  # of ASCII, what is not hidden
_MOST_HIDDEN = 16  # of a run of such characters so many are spelled out, the others are counted


def visible(text: str) -> str:
    """The text with control characters, direction marks, lone surrogates and whatever else nobody
    sees spelled out, so that it can stand in a terminal or a Markdown file; tabs and line feeds
    stay. Of many such characters in a row the first are spelled out, and all are counted."""
    return _HIDDEN.sub(_spelled, text) if hides(text) else text


def hides(text: str) -> bool:
    """Whether a text has hidden characters. Each way is the fastest one, for a short plain text,
    for a long one in ASCII, and for what remains of any other when plain ASCII is taken out."""
    if len(text) < _SHORT and text.isascii() and text.isprintable():
        return False
    others = text.encode("utf-8", "surrogatepass").translate(None, _PLAIN)
    return bool(others) and \
        _HIDDEN.search(others.decode("utf-8", "surrogatepass")) is not None


def _spelled(match: re.Match) -> str:
    """Hidden characters spelled out, as Python spells them."""
    run = match[0]
    shown = "".join(f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"
                    if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
                    for char in run[:_MOST_HIDDEN])
    return shown if len(run) <= _MOST_HIDDEN else f"{shown}…({len(run)} hidden characters)"


def visible_json(text: str) -> str:
    """As `visible`, for JSON that must stay it: every such character as JSON escapes it."""
    return text if not hides(text) else _HIDDEN.sub(
        lambda run: "".join(f"\\u{unit:04x}" for unit in array(
            "H", run[0].encode("utf-16", "surrogatepass")[2:])), text)


@lru_cache(1 << 13)
def clean_name(text: str) -> str:
    """A name from a run as every file of ours has it: one visible line without white space at its
    ends, of at most 1,000 characters and a mark. A name that had to be changed gains the mark, so
    that names stay apart."""
    if text.isascii() and text.isprintable() and text == text.strip() and "  " not in text and \
            0 < len(text) <= _MOST_NAME:
        return text
    plain = " ".join(visible(text).split())[:_MOST_NAME]
    return plain if plain == text and text else f"{plain}~{mark(text)}"


def safe_name(name: str) -> str:
    """A name from a run as the name of one file or folder, on every system: at most 100 bytes."""
    plain = encoded(re.sub(r"[^\w.-]+", "_", name).strip("._"))
    return plain[:100].decode(errors="ignore") or "unnamed"


def folded(name: str) -> str:
    """What two names have in common when they are one name on some file system: neither case nor
    the way accents are written tells them apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def mark(text: str) -> str:
    """Eight characters made from a text, to tell equal names apart."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def csv_cell(value: Any) -> str:
    """One CSV cell: null is empty, nested values are JSON, text is visible and guarded against
    formulas."""
    if value is None:
        return ""
    if isinstance(value, str):
        return shown_cell(visible(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return quoted(visible_json(json.dumps(value, ensure_ascii=False)))


name_cell = lru_cache(1 << 13)(csv_cell)  # of names, which many rows share


def shown_cell(text: str) -> str:
    """The CSV cell of a text in which nothing is hidden, guarded against formulas."""
    if text and text[0] in _GUARDED and not (text[0] == "-" and _NUMBER.fullmatch(text)):
        text = f"'{text}"
    return quoted(text)


def quoted(text: str) -> str:
    """The text of a cell as it stands in a CSV file."""
    if '"' in text or "," in text or "\n" in text:  # faster than any pattern
        return f'"{text.replace(_QUOTE, _DOUBLED)}"'
    return text


def csv_line(values: Iterable[Any], whole: str = "") -> bytes:
    """One CSV record with CRLF; `whole` is as in `record`."""
    return record(",".join(["" if value is None else csv_cell(value) for value in values]), whole)


def record(line: str, whole: str = "", kept: dict[str, str] | None = None) -> bytes:
    """A CSV record of cells as `csv_cell` makes them, with CRLF. A cell that no spreadsheet takes
    is cut, and says how many characters are missing and in which file (`whole`) they stand; with
    `kept` also its mark, under which the cell is put there as it was."""
    if len(line) > MOST // 2:
        csv.field_size_limit(1 << 31)
        (cells,) = csv.reader(io.StringIO(line, newline=""))
        if any(map(_is_long, cells)):
            line = ",".join([quoted(_cut(cell, whole, kept) if _is_long(cell) else cell)
                             for cell in cells])
    return encoded(f"{line}\r\n")


def _is_long(cell: str) -> bool:
    return len(cell) > MOST // 2 and len(cell.encode("utf-16-le", "surrogatepass")) > 2 * MOST


def _cut(cell: str, whole: str, kept: dict[str, str] | None) -> str:
    """The beginning of a cell, and what is missing."""
    begun = cell.encode("utf-16-le", "surrogatepass")[:2 * (MOST - 120)].decode(
        "utf-16-le", "ignore")
    where = f"; whole in {whole}" if whole else ""
    name = ""
    if kept is not None:
        name = f", {mark(cell)}{mark(cell[::-1])}"
        kept[name[2:]] = cell
    return f"{begun}…[{len(cell) - len(begun):,} more characters{where}{name}]"


def encoded(text: str) -> bytes:
    """UTF-8; lone surrogates, which UTF-8 cannot carry, become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "\ufffd", text).encode()


def unguard(cell: str) -> str:
    """The value that `csv_cell` was given (made visible), for a cell as a CSV reader returns it."""
    return cell[1:] if cell.startswith("'") else cell


def long_cells(path: Path) -> dict[str, str]:
    """What `record` kept of one of our CSV files: marks and whole cells."""
    beside = path.with_name(f"{path.stem}_long.jsonl")
    lines = files.json_lines(beside) if beside.is_file() else ()
    return {line.value["mark"]: line.value["cell"] for line in lines
            if isinstance(line.value, dict) and line.value.keys() == {"mark", "cell"}}


def _restored(line: list[str], path: Path) -> list[str]:
    """The cells of a line as they were before they were cut; refuses one that is not kept."""
    marks = {place: found[1] for place, cell in enumerate(line) if (found := _CUT.search(cell))}
    if not marks:
        return line
    kept = long_cells(path)
    if lost := [mark for mark in marks.values() if mark not in kept]:
        raise ValueError(f"a cell is cut, and its whole ({lost[0]}) is not in the file beside it")
    return [kept[marks[place]] if place in marks else cell for place, cell in enumerate(line)]


def csv_cells(path: Path, names: Sequence[str], script: str,
              wrong: Callable[[list[str]], str] | None = None) -> Iterator[list[str]]:
    """These columns (none: all) of one of our CSV files, line by line, guards taken off; refuses
    a damaged file with the line and the script that makes it anew. `wrong` says what is wrong with
    the cells of a line, if anything is."""
    lines = _headed(path, names, names, script, wrong)
    next(lines)
    yield from lines


def read_csv(path: Path, needed: Iterable[str] = (), script: str = "build_packet.py"
             ) -> Iterator[dict[str, str]]:
    """The records of one of our CSV files as text, guards taken off; refuses a damaged one, and
    one that lacks a column."""
    lines = _headed(path, (), needed, script)
    header = next(lines)
    for cells in lines:
        yield dict(zip(header, cells, strict=True))


def _headed(path: Path, names: Sequence[str], needed: Iterable[str], script: str,
            wrong: Callable[[list[str]], str] | None = None) -> Iterator[list[str]]:
    """The header, then the lines, of these columns (none: all)."""
    csv.field_size_limit(1 << 31)
    number = 1
    try:
        with io.TextIOWrapper(files.open_bytes(path), "utf-8", newline="") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            missing = [name for name in needed if name not in header]
            if missing:
                raise ValueError(f"no column {missing[0]}")
            places = [header.index(name) for name in names or header]
            yield [header[place] for place in places]
            for number, line in enumerate(lines, 2):  # noqa: B007 (used below the loop)
                if len(line) != len(header):
                    raise ValueError(f"{len(line)} cells, the header has {len(header)}")
                if max(map(len, line)) > MOST // 4:  # perhaps one that was cut
                    line = _restored(line, path)
                cells = [cell[1:] if cell[:1] == "'" else cell
                         for cell in map(line.__getitem__, places)]
                if wrong and (reason := wrong(cells)):
                    raise ValueError(reason)
                yield cells
    except (ValueError, csv.Error) as error:
        raise files.Refusal(f"{path}:{number}: {error}; run {script} again") from None
