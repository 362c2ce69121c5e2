"""Every datapoint of an analysis once more, passing ones too, item by item: the runs are read again
and sorted in a file, so that memory does not grow with their number."""

import hashlib
import re
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import clean, steps
from failure_analysis.audit import required
from failure_analysis.audit.profile import Profile, profile
from failure_analysis.audit.seen import Made, Seen, seen
from failure_analysis.datapoint import NOTHING_EXPECTED, UNSURE, fingerprint
from failure_analysis.reading import ingest, runs

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Seen).decode
_BATCH = 1_000
_SURROGATE = re.compile("[\ud800-\udfff]")


class Item(NamedTuple):
    """One item with one content, and all its datapoints. `rows` of which it is not known what the
    item asked or expected share the name alone. `gradings` are further judges' verdicts: datapoint
    -> (grader, pass or fail) of each."""

    ident: str
    fingerprint: str
    rows: list[Seen]
    gradings: dict[str, list[tuple[str, str]]]

    @property
    def question(self) -> str:
        """What was asked."""
        return next((row.question for row in self.rows if row.question), "")

    @property
    def expected(self) -> Any:
        """What is expected; None where nothing is recorded."""
        return next((row.expected for row in self.rows if row.expected not in (None, "")), None)


@dataclass
class Tool:
    """How often a tool was called and how often it failed, by which models, and for which it worked
    at least once."""

    calls: int = 0
    failed: int = 0
    models: set[str] = field(default_factory=set)
    worked_for: set[str] = field(default_factory=set)


@dataclass
class Run:
    """What the rows of a run have in common: how many there are, how many answer at all and how
    many call a tool; the answer that `same` outweighs all others by how many rows (Boyer and Moore
    1991: a text of nine rows in ten is found, with eight in ten or more); the most tokens of an
    answer and how many rows have just so many."""

    rows: int = 0
    answered: int = 0
    acted: int = 0
    answer: str = ""
    same: int = 0
    most_tokens: float = 0
    at_most_tokens: int = 0


@dataclass
class Whole:
    """What a single item does not tell: how each model does, [judged, passed]; each tool and each
    run; the other golds of a question that several items ask in the same words (a key of `golds` is
    `question_key` of it: item -> its gold); what its golds are like; how many items and datapoints
    there are; what the classes `counted` on their way; of what people brought along, the items with
    an answer `given`, the `known` defects here and what each model did there, [judged, passed]; the
    last turn of each run."""

    models: dict[str, list[int]] = field(default_factory=dict)
    tools: dict[str, Tool] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    golds: dict[str, dict[tuple[str, str], Any]] = field(default_factory=dict)
    profile: Profile = field(default_factory=Profile)
    endings: Counter = field(default_factory=Counter)
    items: int = 0
    rows: int = 0
    counted: Counter = field(default_factory=Counter)
    given: set[str] = field(default_factory=set)
    known: list = field(default_factory=list)
    models_on_known: dict[str, list[int]] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)


def question_key(text: str) -> str:
    """What stands for a question: its words without their white space."""
    folded = " ".join(text.split())
    return hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@contextmanager
def sorted_rows(analysis_dir: Path) -> Iterator[tuple[Whole, Iterator[Item]]]:
    """(what is known of the whole, the items in the order of their names). Rows whose item cannot
    be told are left out. Refuses when the runs are gone or have changed."""
    inputs, whole = runs.at_hand(analysis_dir), Whole()
    with tempfile.TemporaryDirectory(prefix="audit-") as folder, \
            closing(sqlite3.connect(Path(folder, "rows"))) as table:
        table.execute("pragma journal_mode = off")
        table.execute("pragma synchronous = off")
        table.execute("create table rows (item text, print text, question text, row blob)")
        for source in inputs.sources:
            _fill(table, source, whole)
        table.execute("create index by_item on rows (item, print)")
        whole.golds = _golds(table)
        whole.profile = profile((item, print_, _DECODE(row)) for item, print_, row, _ in
                                table.execute("select item, print, row, min(rowid) from rows "
                                              "group by item, print"))
        whole.items = table.execute("select count(*) from (select distinct item, print from rows)"
                                    ).fetchone()[0]
        yield whole, _items(table, _gradings(analysis_dir))


def _fill(table: sqlite3.Connection, source: Any, whole: Whole) -> None:
    """Adds the datapoints of one source."""
    waiting: list[tuple] = []
    for row in ingest.rows(source):
        if row.computed is None:
            continue
        one, packed = _packed({**row.line.fields, **row.computed})
        _count(one, whole)
        print_ = row.computed["item_fingerprint"]
        if print_ != UNSURE:
            asked = question_key(one.question) if one.question.strip() else None
            waiting.append((row.computed["item_id"], print_, asked, packed))
        if len(waiting) >= _BATCH:
            table.executemany("insert into rows values (?, ?, ?, ?)", waiting)
            waiting.clear()
    table.executemany("insert into rows values (?, ?, ?, ?)", waiting)


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


def _count(one: Seen, whole: Whole) -> None:
    """Adds a datapoint to what is known of the whole."""
    whole.rows += 1
    whole.endings[one.termination] += 1
    if one.turn is not None:
        whole.turns[one.run] = max(one.turn, whole.turns.get(one.run, one.turn))
    if one.outcome != "unjudged":
        counts = whole.models.setdefault(one.model, [0, 0])
        counts[0] += 1
        counts[1] += one.outcome == "pass"
    for made in one.made:
        tool = whole.tools.setdefault(made.tool, Tool())
        tool.calls += 1
        tool.failed += made.failed
        tool.models.add(one.model)
        if not made.failed:
            tool.worked_for.add(one.model)
    _count_run(one, whole.runs.setdefault(one.run, Run()))


def _count_run(one: Seen, run: Run) -> None:
    """Adds a datapoint to what is known of its run."""
    run.rows += 1
    run.answered += bool(one.answer.strip())
    run.acted += bool(one.made)
    kind = required.answer_kind(one)
    if run.same == 0:
        run.answer = kind
    run.same += 1 if kind == run.answer else -1
    if one.tokens is not None and one.tokens >= run.most_tokens:
        run.at_most_tokens = 1 + run.at_most_tokens * (one.tokens == run.most_tokens)
        run.most_tokens = one.tokens


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


def _items(table: sqlite3.Connection, gradings: dict[str, list[tuple[str, str]]]
           ) -> Iterator[Item]:
    """The items, each with its datapoints in the order in which they were read."""
    found = table.execute("select item, print, row from rows order by item, print, rowid")
    for (item, print_), group in groupby(found, key=itemgetter(0, 1)):
        rows = [_DECODE(row) for _, _, row in group]
        yield Item(item, print_, rows, {row.ident: gradings[row.ident] for row in rows
                                        if row.ident in gradings})


def _gradings(analysis_dir: Path) -> dict[str, list[tuple[str, str]]]:
    """Further judges' verdicts by datapoint, unjudged ones left out."""
    path, by_row = analysis_dir / steps.GRADINGS, {}
    if path.exists():
        for line in clean.read_csv(path, ("datapoint_id", "grader", "outcome")):
            if line["outcome"] in ("pass", "fail"):
                by_row.setdefault(line["datapoint_id"], []).append(
                    (line["grader"], line["outcome"]))
    return by_row
