"""Every datapoint of an analysis once more, passing ones too, item by item: the runs are read again
and sorted in a file, so that memory does not grow with their number."""

import hashlib
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import clean, spread, steps
from failure_analysis.audit.item import Item
from failure_analysis.audit.profile import Profile, profile
from failure_analysis.audit.seen import Made, Seen, seen
from failure_analysis.audit.whole import Whole
from failure_analysis.datapoint import NOTHING_EXPECTED, UNSURE, fingerprint
from failure_analysis.reading import ingest, runs
from failure_analysis.records import Source

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Seen).decode
_BATCH = 1_000
_READ_AT_ONCE = 4_000_000  # bytes of runs that one process reads at a time
_PIECE = 200  # items that one process works on at a time
_SURROGATE = re.compile("[\ud800-\udfff]")


def question_key(text: str) -> str:
    """What stands for a question: its signs without white space, the capital at its beginning and
    the sign that ends it."""
    folded = "".join(text.split()).rstrip("?.!:")
    folded = folded[:1].lower() + folded[1:]
    return hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class Rows(NamedTuple):
    """All datapoints in a file, sorted, and what is known of the whole: work on them can be spread
    over processes, each of which reads its `pieces`."""

    path: Path
    whole: Whole
    gradings: dict[str, list[tuple[str, str]]]
    pieces: list[tuple[str, str, str, str]]  # the names of its first item and its last


@contextmanager
def sorted_rows(analysis_dir: Path) -> Iterator[Rows]:
    """The datapoints of an analysis, sorted by item. Rows whose item cannot be told are left out.
    Refuses when the runs are gone or have changed."""
    inputs, whole = runs.at_hand(analysis_dir), Whole()
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        path = Path(folder, "rows")
        with closing(_table(path)) as table:
            for part, known in spread.spread(_fill, folder, portions(inputs.sources)):
                whole.add(known)
                table.execute("attach ? as part", (str(part),))
                table.execute("insert into rows select * from part.rows order by rowid")
                table.commit()
                table.execute("detach part")
                part.unlink()
            table.execute("create index by_item on rows (item, print)")
            whole.golds = _golds(table)
            names = table.execute("select item, print from rows group by item, print order by "
                                  "item, print").fetchall()
            table.commit()
        whole.items = len(names)
        pieces = [(*names[at], *names[min(at + _PIECE, len(names)) - 1])
                  for at in range(0, len(names), _PIECE)]
        found = Rows(path, whole, _gradings(analysis_dir), pieces)
        for part in spread.spread(_profile, path, pieces):
            whole.profile.add(part)
        whole.profile.leave_single()
        yield found


def _profile(path: Path, piece: tuple[str, str, str, str]) -> Profile:
    with _read(path, piece, "select item, print, row, min(rowid) from rows where (item, print) "
               "between (?, ?) and (?, ?) group by item, print") as found:
        return profile((item, print_, _DECODE(row)) for item, print_, row, _ in found)


def portions(sources: Sequence[Source]) -> list[tuple[int, list[Source]]]:
    """The sources in their order, numbered, in pieces of some megabytes: what a process reads."""
    pieces: list[tuple[int, list[Source]]] = []
    size = _READ_AT_ONCE
    for source in sources:
        if size >= _READ_AT_ONCE:
            pieces.append((len(pieces), []))
            size = 0
        pieces[-1][1].append(source)
        size += source.path.stat().st_size
    return pieces


def _table(path: Path) -> sqlite3.Connection:
    """A new file for rows."""
    table = sqlite3.connect(path)
    table.execute("pragma journal_mode = off")
    table.execute("pragma synchronous = off")
    table.execute("create table rows (item text, print text, question text, row blob)")
    return table


def _fill(folder: str, piece: tuple[int, list[Source]]) -> tuple[Path, Whole]:
    """Reads some sources: (a file of their rows, what is known of these)."""
    place, sources = piece
    path, whole, waiting = Path(folder, str(place)), Whole(), []
    with closing(_table(path)) as table:
        for row in (row for source in sources for row in ingest.rows(source)):
            if row.computed is None:
                continue
            one, packed = _packed({**row.line.fields, **row.computed})
            whole.count(one)
            print_ = row.computed["item_fingerprint"]
            if print_ != UNSURE:
                asked = question_key(one.question) if one.question.strip() else None
                waiting.append((row.computed["item_id"], print_, asked, packed))
            if len(waiting) >= _BATCH:
                table.executemany("insert into rows values (?, ?, ?, ?)", waiting)
                waiting.clear()
        table.executemany("insert into rows values (?, ?, ?, ?)", waiting)
        table.commit()
    return path, whole


def _packed(row: dict) -> tuple[Seen, bytes]:
    """A datapoint as the audit sees it, and its bytes."""
    one = seen(row)
    try:
        return one, _ENCODE(one)
    except (UnicodeEncodeError, OverflowError):  # lone surrogates, and numbers beyond 64 bits
        one = Seen(*(_storable(value, _HUGE.get(name, str)) for name, value in
                     msgspec.structs.asdict(one).items()))
        return one, _ENCODE(one)


def _storable(value: Any, huge: Callable[[int], Any]) -> Any:
    """A value whose texts have no lone surrogates, and `huge` of each number beyond 64 bits."""
    if isinstance(value, str):
        return clean.visible(value) if _SURROGATE.search(value) else value
    if isinstance(value, int) and not -2**63 <= value < 2**63:
        return huge(value)
    if isinstance(value, Made):
        return Made(*(_storable(part, huge) for part in msgspec.structs.astuple(value)))
    if isinstance(value, dict):
        return {_storable(key, huge): _storable(part, huge) for key, part in value.items()}
    return [_storable(part, huge) for part in value] if isinstance(value, list) else value


def _within(value: int, limit: int) -> int:
    return max(min(value, limit), -limit)


# What stands for a number beyond 64 bits in the fields that hold numbers alone.
_HUGE = {**dict.fromkeys(("scores", "reward", "tokens"), lambda value: float(
    _within(value, 10**300))), **dict.fromkeys(("trial", "turn"), lambda value: _within(
        value, 2**63 - 1))}


def _golds(table: sqlite3.Connection) -> dict[str, dict[tuple[str, str], Any]]:
    """The golds of every question that items with different golds ask in the same words."""
    golds: dict[str, dict[tuple[str, str], Any]] = {}
    found = table.execute(
        "select question, item, print, row from rows where question in (select question from rows "
        "where substr(print, 9) != ? group by question having count(distinct substr(print, 9)) > 1)"
        " group by question, item, print", (NOTHING_EXPECTED,))
    for asked, item, print_, row in found:
        expected = _DECODE(row).expected
        if expected not in (None, ""):
            golds.setdefault(asked, {})[item, print_] = expected
    return {asked: by_item for asked, by_item in golds.items()
            if len({fingerprint(None, gold) for gold in by_item.values()}) > 1}


def items(rows: Rows, piece: tuple[str, str, str, str]) -> Iterator[Item]:
    """The items of a piece, each with its datapoints in the order in which they were read."""
    gradings = rows.gradings
    with _read(rows.path, piece, "select item, print, row from rows where (item, print) between "
               "(?, ?) and (?, ?) order by item, print, rowid") as found:
        for (item, print_), group in groupby(found, key=itemgetter(0, 1)):
            mine = [_DECODE(row) for _, _, row in group]
            yield Item(item, print_, mine, {row.ident: gradings[row.ident] for row in mine
                                            if row.ident in gradings})


@contextmanager
def _read(path: Path, piece: tuple[str, str, str, str], query: str) -> Iterator[sqlite3.Cursor]:
    with closing(sqlite3.connect(path)) as table:
        yield table.execute(query, piece)


def _gradings(analysis_dir: Path) -> dict[str, list[tuple[str, str]]]:
    """Further judges' verdicts by datapoint, unjudged ones left out."""
    path, by_row = analysis_dir / steps.GRADINGS, {}
    if path.exists():
        for line in clean.read_csv(path, ("datapoint_id", "grader", "outcome")):
            if line["outcome"] in ("pass", "fail"):
                by_row.setdefault(line["datapoint_id"], []).append(
                    (line["grader"], line["outcome"]))
    return by_row
