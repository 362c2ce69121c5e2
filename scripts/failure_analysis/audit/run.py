"""The audit of an analysis folder: each item through every class, and the files of it all."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from failure_analysis import clean, facts, files, manifest, spread, steps, store
from failure_analysis.audit import (
    claimed,
    consensus,
    damaged,
    given,
    harness,
    in_doubt,
    page,
    passing,
    same_answer,
    strict,
    suspicions,
)
from failure_analysis.audit.candidates import CLASSES, FLAGS, NAME, Candidate, order
from failure_analysis.audit.contract import Coverage
from failure_analysis.audit.item import Item
from failure_analysis.audit.items import Rows, items, sorted_rows
from failure_analysis.audit.whole import Whole

TABLE, PAGE = steps.AUDIT.writes[1:3]
COLUMNS = ("id", "class", "kind", "rule", "item_id", "item_fingerprint", "disputed", "what",
           "datapoints")
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Candidate).decode
# Each finds what its classes look for in one item.
FINDERS: tuple[Callable[[Item, Whole], Iterable[Candidate]], ...] = (
    same_answer.find, strict.find, passing.find, damaged.find, claimed.find, harness.find,
    consensus.find)


class Found(NamedTuple):
    """What an audit found: the candidates in reading order, how many there are of each class, the
    items with a flag, what is known of the whole, and how far a contract reaches."""

    candidates: Iterator[Candidate]
    counts: Counter
    flagged: int
    whole: Whole
    coverage: Coverage | None = None


@contextmanager
def audit(analysis_dir: Path, brought: given.Given) -> Iterator[Found]:
    """Looks through every datapoint, and holds it against what people brought along; writes nothing
    into the folder."""
    with tempfile.TemporaryFile() as spool:
        places, counts, flagged = [], Counter(), set()
        with sorted_rows(analysis_dir) as rows:
            reach = suspicions.Reach(brought.contract, {}, [0]) if brought.contract else None
            for one in _found(rows, brought, reach):
                places.append((order(one), spool.tell()))
                spool.write(_ENCODE(one) + b"\n")
                counts[one.klass] += 1
                if one.klass in FLAGS:
                    flagged.add((one.item_id, one.item_fingerprint))
            whole = rows.whole
        yield Found(_in_order(spool, places), counts, len(flagged), whole,
                    suspicions.coverage(reach, whole) if reach else None)


def _found(rows: Rows, brought: given.Given, reach: suspicions.Reach | None
           ) -> Iterator[Candidate]:
    """The candidates of all items, with what people brought along."""
    for candidates, counted in spread.spread(_search, rows, rows.pieces):
        rows.whole.counted.update(counted)
        yield from candidates
    if brought.settings:
        for item in (item for piece in rows.pieces for item in items(rows, piece)):
            yield from _of_brought(item, rows.whole, brought, reach)
    if reach:
        yield from suspicions.missing(reach, rows.whole)


def _search(rows: Rows, piece: tuple[str, str, str, str]) -> tuple[list[Candidate], Counter]:
    """What the classes find in the items of a piece, and what they counted on their way."""
    whole, found = replace(rows.whole, counted=Counter()), []
    for item in items(rows, piece):
        mine = [one for find in FINDERS for one in find(item, whole)]
        for one in mine:
            in_doubt.count(one, item, whole)
        found += mine
    return found, whole.counted


def _of_brought(item: Item, whole: Whole, brought: given.Given, reach: suspicions.Reach | None
                ) -> Iterator[Candidate]:
    """What an item is against what people brought along."""
    given.count_known(item, brought.defects, whole)
    yield from given.find(item, whole, brought.answers)
    if reach:
        yield from suspicions.find(item, whole, reach.contract)
        suspicions.note(reach, item, whole)


def _in_order(spool: IO[bytes], places: list[tuple]) -> Iterator[Candidate]:
    for _, place in sorted(places):
        spool.seek(place)
        yield _DECODE(spool.readline())


def write(analysis_dir: Path, brought: given.Given) -> Found:
    """Audits the folder, with what people brought along, and writes audit.jsonl, .csv and .md and
    the facts `audit/…`; returns what was found, its candidates used up."""
    reads = manifest.proved(analysis_dir, (steps.OUTCOMES, steps.GRADINGS))
    shown: dict[str, list[Candidate]] = {}
    with audit(analysis_dir, brought) as found:
        _refuse_strange(brought, found.coverage)
        manifest.begin(analysis_dir, steps.AUDIT.writes)
        with store.atomic_together((analysis_dir / NAME, analysis_dir / TABLE)) as (lines, table):
            table.write(clean.csv_line(COLUMNS))
            for one in found.candidates:
                lines.write(_ENCODE(one) + b"\n")
                table.write(clean.csv_line(_cells(one), NAME))
                mine = shown.setdefault(one.klass, [])
                if len(mine) < page.MOST_SHOWN:
                    mine.append(one)
    store.write_text(analysis_dir / PAGE, page.page(shown, found.counts, found.whole,
                                                    found.coverage))
    facts.replace(analysis_dir, steps.AUDIT,
                  {**numbers(found), **in_doubt.numbers(in_doubt.of_whole(found.whole)),
                   **given.numbers(found.whole, brought)})
    manifest.record(analysis_dir, steps.AUDIT.name, brought.settings, steps.AUDIT.writes,
                    reads=reads)
    return found


def _refuse_strange(brought: given.Given, coverage: Coverage | None) -> None:
    """Refuses a contract of other items than those of the runs."""
    if coverage and coverage.without_rows == coverage.entries:
        first = clean.visible(next(iter(brought.contract.entries)))[:80]
        raise files.Refusal(f"{brought.settings['contract']['path']}: none of the "
                            f"{coverage.entries} items of the contract (first: {first}) is an item "
                            "of the runs; correct item_id or turn")


def _cells(one: Candidate) -> tuple:
    """The cells of a candidate's line in the table."""
    idents = dict.fromkeys(ident for side in one.variants for ident in side.datapoints)
    return (one.id, one.klass, one.kind, one.rule, one.item_id, one.item_fingerprint,
            len(one.disputed), one.what, " ".join(idents))


def numbers(found: Found) -> dict[str, int]:
    """The facts of an audit."""
    return {"audit/rows": found.whole.rows, "audit/items": found.whole.items,
            "audit/flagged_items": found.flagged,
            "audit/flags": sum(found.counts[klass] for klass in FLAGS),
            **{facts.key("audit/candidates", klass): found.counts[klass] for klass in CLASSES}}
