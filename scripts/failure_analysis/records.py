"""What every format hands to ingest: the runs it found, and their rows as it read them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import remote
from failure_analysis.checks import wrong
from failure_analysis.files import Part


@lru_cache(1024)
def shown(path: Path) -> str:
    """The path as our files name it: what comes from an address by that."""
    return remote.named(path.as_posix())


# Texts that stand in for an answer; the harness writes them, not the model.
MARKERS = {
    "[MODEL_ENDED_SESSION]": "ended_session",
    "[MODEL_ENDED_SESSION_EARLY]": "ended_session_early",
    "[EMPTY_RESPONSE": "empty_response",
    "[NO_RESPONSE": "no_response",
    "[TRUNCATED_RESPONSE": "length",
    "[TURN_WATCHDOG": "timeout",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One run on disk, and why it was taken for that; one that `grades` holds further gradings of
    other runs instead.

    `mapping` says where a row's fields are, and in which of the files, when it is read through one.
    `policy` is what the agent was told, where it is recorded beside the conversations; `lender` is
    another run's file, from which what this one does not record is taken.
    `transcript` has the run's rows as they were before judging, `gradings` the files of further
    judges of its answers. Runs named by the rows of a mapped file begin with `run_prefix`. The
    paths of its rows are named from `start` on. `differences`: where its files state something
    else than their rows give. `judges`: whose verdicts its files have, the one of record first;
    None where a format has no files for them. `labels`: run -> what it is called as its model.
    `without`: dimensions that do not decide. `is_by_line`: each line of
    its file is a row, read without the others, and `part` the part of the file that is read."""

    format: str
    path: Path
    run_id: str
    model_name: str
    benchmark: str
    why: str
    files: tuple[Path, ...]
    grader: str | None = None
    threshold: float | None = None
    settings: dict[str, str] = field(default_factory=dict)
    expected_items: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    mapping: Any = None
    policy: str = ""
    lender: Path | None = None
    transcript: Path | None = None
    gradings: tuple[Path, ...] = ()
    grades: bool = False
    run_prefix: str = ""
    start: str = ""
    judges: tuple[str, ...] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    is_by_line: bool = False
    part: Part | None = None

    def named(self, path: Path) -> str:
        """A path of this source as the inputs were named, from wherever it is read."""
        return shown(path).removeprefix(self.start)


# The setting that tells policies apart.
POLICY = "policy text"
# A note on which the comparison depends.
OTHER_ID = "the content is that of another id than the named one; kept under the id that fits"


class Note(NamedTuple):
    """A remark on a row for the sanity report: `text` is what rows have in common that are counted
    together, `detail` what differs between them."""

    text: str
    detail: str


class Line(NamedTuple):
    """One row: a datapoint's fields as its format names them, or the reason why it is none.

    `raw` is the source line where the format is one JSON object per line; such a row goes into the
    packet byte for byte. `settings` are the conditions recorded in the row itself. `started` is
    epoch seconds. `key` is what further gradings of this row are joined on. `notes` are remarks for
    the sanity report. `content` is equal for two rows only if they are copies of each other.
    `cut_off`: here the file breaks off. `may_be`: the items that it may be where that cannot be
    told (the one that it names, where it fits none): it counts in rates, and in no item."""

    number: int
    fields: dict | None
    raw: bytes = b""
    reason: str = ""
    settings: dict[str, str] | None = None
    started: float | None = None
    ended: float | None = None
    key: str | None = None
    notes: tuple[str | Note, ...] = ()
    path: Path | None = None
    content: int | None = None
    cut_off: bool = False
    may_be: tuple[str, ...] = ()


class Grading(NamedTuple):
    """One further judgement of a datapoint that `key` points at; `outcome` is unjudged when the
    grader's word is not understood."""

    number: int
    key: str | None
    grader: str
    outcome: str
    verdict: str
    scores: dict | None = None
    failed_dimensions: tuple[str, ...] = ()
    reason: str = ""


def item_of(fields: dict) -> str:
    """The item id of a row: its own, else its turn."""
    item = fields.get("item_id")
    return item if type(item) is str else str(fields["turn"] if item is None else item)


def build_lines(rows: list, build: Callable[[int, Any], Line]) -> Iterator[Line]:
    """Builds each element of a document's row list; one of the wrong shape becomes a rejected
    line instead of an exception."""
    for number, row in enumerate(rows, 1):
        try:
            line = build(number, row)
            reason = wrong({**line.fields, "turn": line.fields["item_id"]})
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            what = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
            reason = f"row {number} has not the shape of its format: {what}"
        if reason:
            yield Line(number, None, json.dumps(row).encode(), reason)
        else:
            yield line._replace(content=hash(json.dumps(row, sort_keys=True)))
