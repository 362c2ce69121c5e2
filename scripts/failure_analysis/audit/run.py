"""The audit of an analysis folder: each item through every class, and the files of it all."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from failure_analysis import clean, facts, files, manifest, steps, store
from failure_analysis.audit import (
    claimed,
    consensus,
    damaged,
    harness,
    page,
    passing,
    same_answer,
    strict,
    suspicions,
)
from failure_analysis.audit.candidates import CLASSES, FLAGS, NAME, Candidate, order
from failure_analysis.audit.contract import Contract, Coverage
from failure_analysis.audit.items import Item, Whole, sorted_rows

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
    items with a flag, of how many items and datapoints, and how far a contract reaches."""

    candidates: Iterator[Candidate]
    counts: Counter
    flagged: int
    items: int
    rows: int
    coverage: Coverage | None = None


@contextmanager
def audit(analysis_dir: Path, contract: Contract | None = None) -> Iterator[Found]:
    """Looks through every datapoint, and holds it against the contract that is given; writes
    nothing into the folder."""
    with tempfile.TemporaryFile() as spool:
        places, counts, flagged = [], Counter(), set()
        with sorted_rows(analysis_dir) as (whole, items):
            reach = suspicions.Reach(contract, {}, [0]) if contract else None
            for one in _found(whole, items, reach):
                places.append((order(one), spool.tell()))
                spool.write(_ENCODE(one) + b"\n")
                counts[one.klass] += 1
                if one.klass in FLAGS:
                    flagged.add((one.item_id, one.item_fingerprint))
        yield Found(_in_order(spool, places), counts, len(flagged), whole.items, whole.rows,
                    suspicions.coverage(reach, whole) if reach else None)


def _found(whole: Whole, items: Iterable[Item], reach: suspicions.Reach | None
           ) -> Iterator[Candidate]:
    """The candidates of all items; with a contract, the suspicions too."""
    for item in items:
        for find in FINDERS:
            yield from find(item, whole)
        if reach:
            yield from suspicions.find(item, whole, reach.contract)
            suspicions.note(reach, item, whole)
    if reach:
        yield from suspicions.missing(reach, whole)


def _in_order(spool: IO[bytes], places: list[tuple]) -> Iterator[Candidate]:
    for _, place in sorted(places):
        spool.seek(place)
        yield _DECODE(spool.readline())


def write(analysis_dir: Path, contract_path: Path | None = None) -> Found:
    """Audits the folder and writes audit.jsonl, .csv and .md and the facts `audit/…`; returns what
    was found, its candidates used up."""
    contract = _contract(contract_path)
    reads = manifest.proved(analysis_dir, (steps.OUTCOMES, steps.GRADINGS))
    shown: dict[str, list[Candidate]] = {}
    with audit(analysis_dir, contract) as found:
        _refuse_strange(contract_path, contract, found.coverage)
        manifest.begin(analysis_dir, steps.AUDIT.writes)
        with store.atomic_together((analysis_dir / NAME, analysis_dir / TABLE)) as (lines, table):
            table.write(clean.csv_line(COLUMNS))
            for one in found.candidates:
                lines.write(_ENCODE(one) + b"\n")
                table.write(clean.csv_line(_cells(one)))
                mine = shown.setdefault(one.klass, [])
                if len(mine) < page.MOST_SHOWN:
                    mine.append(one)
    store.write_text(analysis_dir / PAGE, page.page(shown, found.counts, found.items, found.rows,
                                                     found.coverage))
    facts.replace(analysis_dir, steps.AUDIT, numbers(found))
    manifest.record(analysis_dir, steps.AUDIT.name, _settings(analysis_dir, contract),
                    steps.AUDIT.writes, reads=reads)
    return found


def _contract(path: Path | None) -> Contract | None:
    """The contract in a file; none where none is given."""
    if path is None:
        return None
    from failure_analysis.audit import contract_file

    return contract_file.load(path)


def _refuse_strange(path: Path | None, contract: Contract | None, coverage: Coverage | None
                    ) -> None:
    """Refuses a contract of other items than those of the runs."""
    if contract and coverage and coverage.without_rows == coverage.entries:
        first = clean.visible(next(iter(contract.entries)))[:80]
        raise files.Refusal(f"{path}: none of the {coverage.entries} items of the contract (first: "
                            f"{first}) is an item of the runs; correct item_id or turn")


def _settings(analysis_dir: Path, contract: Contract | None) -> dict:
    """What the manifest says of an audit: the contract and its files, from the folder on."""
    if contract is None:
        return {"contract": []}
    return {"contract": [{"path": Path(os.path.relpath(path, analysis_dir)).as_posix(),
                          "sha256": files.sha256(path)} for path in contract.files]}


def given_contract(analysis_dir: Path) -> Path | None:
    """The contract that an audit was given; refuses when its files are gone or have changed."""
    named = manifest.settings(analysis_dir, steps.AUDIT.name).get("contract") or []
    for one in named:
        path = analysis_dir / one["path"]
        if not path.is_file() or files.sha256(path) != one["sha256"]:
            raise files.Refusal(f"{path}: this file of the contract is gone or has changed since "
                                f"the audit; run {steps.AUDIT.script} again")
    return analysis_dir / named[0]["path"] if named else None


def _cells(one: Candidate) -> tuple:
    """The cells of a candidate's line in the table."""
    idents = dict.fromkeys(ident for side in one.variants for ident in side.datapoints)
    return (one.id, one.klass, one.kind, one.rule, one.item_id, one.item_fingerprint,
            len(one.disputed), one.what, " ".join(idents))


def numbers(found: Found) -> dict[str, int]:
    """The facts of an audit."""
    return {"audit/rows": found.rows, "audit/items": found.items,
            "audit/flagged_items": found.flagged,
            "audit/flags": sum(found.counts[klass] for klass in FLAGS),
            **{facts.key("audit/candidates", klass): found.counts[klass] for klass in CLASSES}}
