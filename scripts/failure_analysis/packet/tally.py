"""The exact counts of runs and sources, while their rows pass; small, so that they can travel
between processes."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from failure_analysis.reading.path_counts import Counts


@dataclass
class Noted:
    """How many rows carry a note, the first of them, and what differs between them."""

    rows: int = 0
    examples: list[str] = field(default_factory=list)
    details: dict[str, None] = field(default_factory=dict)


@dataclass
class Unsure:
    """Rows whose item cannot be told: the items that they may be, how many they are, the first of
    them."""

    may_be: tuple[str, ...]
    rows: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class RunTally:
    """The exact counts of one run. `times` holds start and end of each row that has them in turn,
    `providers` the name that its provider gave the model of each such row, `verdicts` 1, 0 or -1
    where it passed, failed or was not judged; `told` is the system
    message with which each of its rows begins, blank without one, None where they differ;
    `recorded` the model that its rows name, where a label stands in its place."""

    run_id: str
    run_cell: str
    model_name: str
    path: str
    recorded: str | None = None
    rows: int = 0
    outcomes: Counter = field(default_factory=Counter)
    patterns: Counter = field(default_factory=Counter)
    failed_alone: int = 0
    not_counted: Counter = field(default_factory=Counter)
    unchecked: int = 0
    markers: Counter = field(default_factory=Counter)
    failed_markers: Counter = field(default_factory=Counter)
    failed_empty: int = 0
    failed_ends: Counter = field(default_factory=Counter)
    graders: Counter = field(default_factory=Counter)
    items: dict[str, str] = field(default_factory=dict)
    other_content: dict[str, str] = field(default_factory=dict)
    repeated: Counter = field(default_factory=Counter)
    unsure: dict[str, "Unsure"] = field(default_factory=dict)
    settings: dict[str, Counter] = field(default_factory=dict)
    notes: dict[str, "Noted"] = field(default_factory=dict)
    times: array = field(default_factory=lambda: array("d"))
    told: str | None = None
    providers: list[str | None] = field(default_factory=list)
    verdicts: array = field(default_factory=lambda: array("b"))
    keys: dict[str, tuple] = field(default_factory=dict)
    transcript: dict | None = None


class RejectedLine(NamedTuple):
    """Where a row stood that could not be used, and why."""

    path: str
    number: int
    reason: str


@dataclass
class SourceTally:
    """What one source gave: its runs in order of appearance, and its rejected rows. `files`: the
    outcomes of the rows of each file that a mapping reads; `dimensions`: all that rows are judged
    on, where some are left out."""

    runs: list[RunTally]
    files: dict[str, Counter] = field(default_factory=dict)
    dimensions: set[str] = field(default_factory=set)
    rejected: Counter = field(default_factory=Counter)
    rejected_lines: list[RejectedLine] = field(default_factory=list)
    cut_off: bool = False
    counts: Counts = field(default_factory=Counts)
    long_cells: dict[str, str] = field(default_factory=dict)
