"""Labels by people outside: a CSV with a word for whose fault each datapoint is, as one more coder
of the ledger. A label has no quote, so it stands beside the reviews and decides nothing."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from failure_analysis import files
from failure_analysis.packet import rows
from failure_analysis.reading import delimited, ingest, runs
from failure_analysis.review import ledger

# The fault of a word that says that nothing went wrong: a failing datapoint of which that is true
# was graded wrongly, of any other it is what the verdict says.
NONE = "none"
SIMULATION = "simulation_id"  # what a format joins further gradings on
_MOST_SHOWN = 80
_COLUMNS = {"datapoint_id": "datapoint_id", "run_id": "run", "model_name": "model",
            "item_id": "item", "trial": "trial"}


class Columns(NamedTuple):
    """What a table of labels means: the columns that name a datapoint by fields of its row, the one
    with the word, the fault that each word stands for, and the one with a finer word (bucket)."""

    join: Mapping[str, str]
    fault: str
    faults: Mapping[str, str]
    bucket: str | None = None


class Label(NamedTuple):
    """One line of a table of labels: the entry for the ledger; without one the reason why it
    cannot be used, or that it agrees with the verdict (`agrees`)."""

    place: str
    entry: dict | None = None
    reason: str = ""
    agrees: bool = False


def read(index: rows.Index, path: Path, coder: str, columns: Columns) -> list[Label]:
    """The labels of a CSV file, joined to the datapoints of a packet; refuses a file that is none
    or lacks a column."""
    idents = _idents(index, tuple(columns.join.values()))
    labels, labelled = [], {}
    for number, record in _records(path, columns):
        place = f"{path.name}:{number}"
        values = tuple((record.get(column) or "").strip() for column in columns.join)
        given = idents.get(values, [])
        ident = given[0] if len(given) == 1 else None
        word = (record.get(columns.fault) or "").strip()
        reason = _unjoined(columns, values, given) or _unread(columns, word)
        if not reason and ident in labelled:
            reason = f"{ident} has its label in {labelled[ident]} already; keep one line"
        if reason:
            labels.append(Label(place, reason=reason))
            continue
        labelled[ident] = place
        labels.append(_label(index, place, ident, word, record, coder, columns, path.name))
    if not labels:
        raise files.Refusal(f"{path}: no label in it")
    return labels


def _label(index: rows.Index, place: str, ident: str, word: str, record: dict, coder: str,
           columns: Columns, name: str) -> Label:
    """One joined line as an entry of the ledger, its own words in the note."""
    fault = columns.faults[word]
    if fault == NONE and index.outcomes[ident].outcome != "fail":
        return Label(place, agrees=True)
    finer = (record.get(columns.bucket) or "").strip() if columns.bucket else ""
    bucket = re.sub(r"[^a-z0-9]+", "_", finer.lower()).strip("_")[:60].strip("_")
    said = f"{columns.fault} {word}" + (f", {columns.bucket} {finer}" if finer else "")
    return Label(place, {
        "datapoint_id": ident, "coder": coder, "kind": ledger.LABEL, "note": f"{said} ({name})",
        "fault": "grader_issue" if fault == NONE else fault,
        "bucket": bucket if ledger.SLUG.fullmatch(bucket) else ""})


def _records(path: Path, columns: Columns) -> Iterator[tuple[int, dict]]:
    """(line, cells by column) of each record."""
    number = 1
    try:
        with io.TextIOWrapper(files.open_bytes(path), "utf-8-sig", newline="") as file:
            reader = delimited.cells_by_line(file)
            _, header = next(reader, (1, []))
            wanted = [*columns.join, columns.fault, *([columns.bucket] if columns.bucket else [])]
            for name in wanted:
                if name not in header:
                    raise files.Refusal(f"{path}:1: no column {name}; it has {', '.join(header)}")
            for number, cells in reader:
                yield number, dict.fromkeys(header) | dict(zip(header, cells, strict=False))
    except OSError as error:
        raise files.Refusal(f"{path}: {error.strerror}") from None
    except csv.Error as error:
        raise files.Refusal(f"{path}: not a CSV ({error})") from None
    except UnicodeDecodeError as error:
        raise files.Refusal(f"{path}:{number}: not UTF-8 ({error})") from None


def _idents(index: rows.Index, fields: tuple[str, ...]) -> dict[tuple, list[str]]:
    """The datapoints by the values of some fields of theirs, as text. What outcomes.csv does not
    hold is read from the runs once more."""
    idents: dict[tuple, list[str]] = {}
    if set(fields) <= set(_COLUMNS):
        for line in index.outcomes.values():
            values = tuple(str(getattr(line, _COLUMNS[field])) for field in fields)
            idents.setdefault(values, []).append(line.datapoint_id)
        return idents
    seen: Counter = Counter()
    for source in runs.at_hand(index.analysis_dir).sources:
        for row in ingest.rows(source):
            if row.computed is None:
                continue
            whole = {SIMULATION: row.line.key, **row.line.fields, **row.computed}
            values = [whole.get(field) for field in fields]
            seen.update(field for field, value in zip(fields, values, strict=True)
                        if value is not None)
            if None not in values:
                idents.setdefault(tuple(map(str, values)), []).append(whole["datapoint_id"])
    for field in fields:
        if not seen[field]:
            raise files.Refusal(f"--join: no row has a field {field}; of every row are known "
                                f"{', '.join(_COLUMNS)}, of tau2-bench {SIMULATION}")
    return idents


def _unjoined(columns: Columns, values: tuple[str, ...], given: list[str]) -> str:
    """Why a line cannot be of one datapoint; empty when it is."""
    named = ", ".join(f"{field} {value[:_MOST_SHOWN]!r}"
                      for field, value in zip(columns.join.values(), values, strict=True))
    if not given:
        return f"no datapoint of this packet has {named}"
    return "" if len(given) == 1 else \
        f"{len(given)} datapoints have {named}; name one more column in --join"


def _unread(columns: Columns, word: str) -> str:
    """Why a word means no fault; empty when it does."""
    if word in columns.faults:
        return ""
    said = f"says {word[:_MOST_SHOWN]!r}" if word else "is blank"
    return f"{columns.fault} {said}, which --faults does not hold ({', '.join(columns.faults)})"
