"""The datapoints of an analysis folder by id: the slim outcome of each, and whole rows where the
folder has them (every one that failed or that nobody judged, and the passing ones that the plan
copied for contrast)."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from failure_analysis import clean, files, steps
from failure_analysis.datapoint import NOT_COUNTED, Outcome

Shape = TypeVar("Shape")
CONTRAST = steps.PLAN.writes[2]
OUTCOMES = ("pass", "fail", "unjudged")
_DECODE = msgspec.json.Decoder().decode
_JUDGED = re.compile(r'"((?:[^"\\]|\\.)*)": (true|false)')
_COLUMNS = ("datapoint_id", "run_id", "model_name", "item_id", "item_fingerprint", "trial",
            "outcome", "failed_dimensions", "termination", "task")


class OutcomeLine(NamedTuple):
    """One line of outcomes.csv, as far as reviewing needs it; `mode` is the provisional one,
    `counted` is false where the harness broke off what is unjudged."""

    datapoint_id: str
    run: str
    model: str
    item: str
    fingerprint: str
    trial: int
    outcome: str
    failed: tuple[str, ...]
    mode: str | None = None
    counted: bool = True
    task: str | None = None


class Index(NamedTuple):
    """Where to find what: outcomes by id, and the file and byte place of each whole row."""

    analysis_dir: Path
    outcomes: dict[str, OutcomeLine]
    places: dict[str, tuple[str, int]]

    def failing(self) -> list[OutcomeLine]:
        """The failing datapoints in the order of the packet."""
        return [line for line in self.outcomes.values() if line.outcome == "fail"]

    def unjudged(self) -> list[OutcomeLine]:
        """Those that nobody judged and that count, in the order of the packet."""
        return [line for line in self.outcomes.values()
                if line.outcome == "unjudged" and line.counted]


def without_failures(index: Index) -> str:
    """Why there is nothing to review: nothing was judged, or nothing that was judged failed."""
    counts = Counter(line.outcome for line in index.outcomes.values())
    left = f"; {counts['unjudged']} more are not judged" if counts["unjudged"] else ""
    read = "; readers can judge them (plan_review.py)" if index.unjudged() else ""
    return f"none of the {counts['pass']} judged datapoints failed{left}" \
        f"{read or '; there is nothing to review'}" if counts["pass"] else \
        f"none of the {counts['unjudged']} datapoints is judged, so whether one failed is not " \
        f"known{read}; judge the runs first"


class _Labels(msgspec.Struct):
    """What the index needs of a packet row."""

    datapoint_id: str
    error_mode_candidate: str | None = None


class _Row(msgspec.Struct):
    """What readers of a whole row rely on; what came from the run is looked at with care."""

    datapoint_id: str
    outcome: Outcome
    failed_dimensions: list[str]
    run_id: str
    item_id: str
    model_name: str | None = None
    benchmark: str | None = None
    error_mode_candidate: str | None = None
    error_mode_rule: str | None = None


def load(analysis_dir: Path) -> Index:
    """Reads an analysis folder's outcomes and finds its whole rows; refuses without a packet."""
    outcomes: dict[str, OutcomeLine] = {}
    for line in columns(analysis_dir, _COLUMNS):
        if outcomes.setdefault(line[0], outcome := _outcome(line)) is not outcome:
            raise files.Refusal(f"{analysis_dir / steps.OUTCOMES}: {line[0]} is there twice; run "
                                f"{steps.BUILD.script} again")
    places: dict[str, tuple[str, int]] = {}
    files.needed(analysis_dir / steps.ROWS, steps.BUILD.script)
    for name in (steps.ROWS, CONTRAST):
        _place(analysis_dir / name, outcomes, places)
    return Index(analysis_dir, outcomes, places)


def _outcome(line: list[str]) -> OutcomeLine:
    ident, run, model, item, fingerprint, trial, outcome, failed, ended, task = line
    return OutcomeLine(ident, run, model, item, fingerprint, int(trial), outcome,
                       tuple(failed.split(";")) if failed else (),
                       counted=outcome != "unjudged" or ended not in NOT_COUNTED,
                       task=task or None)


def columns(analysis_dir: Path, names: tuple[str, ...]) -> Iterator[list[str]]:
    """These columns of outcomes.csv, line by line, their guards taken off; refuses when the file is
    not there, or damaged."""
    path = files.needed(analysis_dir / steps.OUTCOMES, steps.BUILD.script)
    for *cells, _, _ in clean.csv_cells(path, (*names, "trial", "outcome"), steps.BUILD.script,
                                        _wrong_line):
        yield cells


def judged_on(scores: str) -> list[tuple[str, bool]]:
    """The dimensions that a cell of scores judges, with whether each was passed."""
    return [(json.loads(f'"{name}"') if "\\" in name else name, verdict == "true")
            for name, verdict in _JUDGED.findall(scores)]


def _wrong_line(cells: list[str]) -> str:
    """What is wrong with the last two cells of a line, its trial and its outcome."""
    *_, trial, outcome = cells
    return "" if outcome in OUTCOMES and trial.isdecimal() else \
        f"outcome is {outcome!r}, trial is {trial!r}"


def _place(path: Path, outcomes: dict[str, OutcomeLine], places: dict[str, tuple[str, int]]
           ) -> None:
    """Notes where each row of a file begins, and its provisional mode."""
    if not path.exists():
        return
    decode = msgspec.json.Decoder(_Labels).decode
    with files.open_bytes(path) as file:
        start = 0
        for number, line in enumerate(file, 1):
            try:
                labels = _labels(line, decode)
            except (ValueError, RecursionError) as error:
                raise files.Refusal(f"{path}:{number}: not a packet row ({error}); run "
                                    "build_packet.py again") from None
            ident, mode = labels.datapoint_id, labels.error_mode_candidate
            if ident not in outcomes:
                raise files.Refusal(f"{path}:{number}: {ident} is not in {steps.OUTCOMES}; run "
                                    "build_packet.py again")
            places[ident] = (path.name, start)
            if mode:
                outcomes[ident] = outcomes[ident]._replace(mode=mode)
            start += len(line)


def _labels(line: bytes, decode: Callable[[bytes], _Labels]) -> _Labels:
    try:
        return decode(line)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, RecursionError):  # what the standard library may read all the same
        return msgspec.convert(json.loads(line), _Labels)


def failing(analysis_dir: Path) -> Iterator[dict]:
    """The failing rows of a folder, whole."""
    return (row for row, _ in whole(analysis_dir) if row["outcome"] == "fail")


def whole(analysis_dir: Path, name: str = steps.ROWS) -> Iterator[tuple[dict, bytes]]:
    """The whole rows of a folder, unjudged ones too, each with its line; refuses a file that is
    none of a packet's."""
    for number, line, row, reason, _ in files.json_lines(analysis_dir / name):
        reason = reason or not_a_row(row)
        if reason:
            raise files.Refusal(f"{analysis_dir / name}:{number}: {reason}; run build_packet.py "
                                "again")
        yield row, line


def row(index: Index, ident: str) -> dict:
    """A datapoint, whole. Refuses an unknown id, and a passing one that was not copied."""
    if ident not in index.places:
        raise files.Refusal(missing(index, ident))
    return next(several(index, [ident]))


def decoded(index: Index, shape: type[Shape]) -> Iterator[Shape]:
    """Every whole row as this struct; one with odd bytes is left out."""
    decode = msgspec.json.Decoder(shape).decode
    for name in sorted({name for name, _ in index.places.values()}):
        with files.open_bytes(index.analysis_dir / name) as file:
            for line in file:
                with suppress(msgspec.DecodeError):
                    yield decode(line)


def several(index: Index, idents: Iterable[str]) -> Iterator[dict]:
    """These datapoints, whole, of those that are here, in the order of their files."""
    places = sorted((*index.places[ident], ident) for ident in idents if ident in index.places)
    for name, its_places in groupby(places, key=itemgetter(0)):
        path = index.analysis_dir / name
        with files.open_bytes(path) as file:
            for _, start, ident in its_places:
                file.seek(start)
                yield _parsed(path, file.readline(), ident)


def _parsed(path: Path, line: bytes, ident: str) -> dict:
    """The row of a datapoint from its line; refuses a damaged one, and one of another datapoint."""
    try:
        datapoint = _value(line)
    except (ValueError, RecursionError):
        datapoint = None
    if reason := not_a_row(datapoint):
        raise files.Refusal(f"{path}: the row of {ident}: {reason}; run build_packet.py again")
    if datapoint["datapoint_id"] != ident:
        raise files.Refusal(f"{path}: changed while it was read; try again")
    return datapoint


def _value(line: bytes) -> Any:
    try:
        return _DECODE(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return json.loads(line)


def not_a_row(row: Any) -> str:
    """Why a value is no row of a packet, as far as its readers rely on it; empty when it is one."""
    try:
        msgspec.convert(row, _Row)
    except msgspec.ValidationError as error:
        return f"no row of a packet ({error})"
    return ""


def missing(index: Index, ident: str) -> str:
    """Why a datapoint cannot be opened, and what to do."""
    line = index.outcomes.get(ident)
    if line is None:
        near = _alike(index, ident)
        return f"no datapoint {ident}; " + (f"nearest: {near}" if near else
                                            f"ids are in {steps.OUTCOMES}")
    return (f"{ident} is a {line.outcome} datapoint of an item that is not in the plan, and "
            "only planned items are copied whole; plan_review.py --contrast ID adds it")


def _alike(index: Index, ident: str) -> str:
    """Up to three ids that end or begin as this one does."""
    tail = ident.rpartition("/")[2]
    near = [other for other in index.outcomes if other.rpartition("/")[2] == tail or ident in other]
    return ", ".join(near[:3])


def dimensions(index: Index) -> Counter:
    """How often each dimension failed."""
    return Counter(name for line in index.outcomes.values() for name in line.failed)
