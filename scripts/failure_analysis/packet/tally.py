"""The exact counts of runs and sources, while their rows pass; small, so that they can travel
between processes."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from failure_analysis.reading.path_counts import Counts

MOST_EXAMPLES = 20
MOST_DETAILS = 1000  # of what differs between the rows of one finding


@dataclass
class Noted:
    """How many rows carry a note, the first of them, and what differs between them."""

    rows: int = 0
    examples: list[str] = field(default_factory=list)
    details: dict[str, None] = field(default_factory=dict)

    def add(self, later: "Noted") -> None:
        """Adds what later rows gave."""
        self.rows += later.rows
        self.examples += later.examples[:MOST_EXAMPLES - len(self.examples)]
        for detail in later.details:
            if len(self.details) < MOST_DETAILS:
                self.details[detail] = None


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
    failed_unseen: int = 0
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

    def add(self, later: "RunTally") -> None:
        """Adds what later rows of the run gave, none of which is of an item that is here."""
        self.rows += later.rows
        self.failed_alone += later.failed_alone
        self.unchecked += later.unchecked
        self.failed_empty += later.failed_empty
        self.failed_unseen += later.failed_unseen
        for name in _COUNTERS:
            getattr(self, name).update(getattr(later, name))
        for name in ("items", "other_content", "keys", "unsure"):
            getattr(self, name).update(getattr(later, name))
        for name in ("times", "providers", "verdicts"):
            getattr(self, name).extend(getattr(later, name))
        for name, values in later.settings.items():
            self.settings.setdefault(name, Counter()).update(values)
        for note, noted in later.notes.items():
            self.notes.setdefault(note, Noted()).add(noted)
        if self.told != later.told:
            self.told = None


_COUNTERS = ("outcomes", "patterns", "not_counted", "markers", "failed_markers", "failed_ends",
             "graders", "repeated")


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

    def shares_items(self, later: "SourceTally") -> bool:
        """Whether a run has rows of one item here and there: then the later ones are repeats."""
        here = {run.run_id: run for run in self.runs}
        return any(run.run_id in here and not (
            here[run.run_id].items.keys().isdisjoint(run.items)
            and here[run.run_id].unsure.keys().isdisjoint(run.unsure)) for run in later.runs)

    def add(self, later: "SourceTally") -> None:
        """Adds what a later part of the source gave, which shares no item with this one."""
        here = {run.run_id: run for run in self.runs}
        for run in later.runs:
            if run.run_id in here:
                here[run.run_id].add(run)
            else:
                self.runs.append(run)
        self.dimensions |= later.dimensions
        self.rejected.update(later.rejected)
        self.rejected_lines += later.rejected_lines[:MOST_EXAMPLES - len(self.rejected_lines)]
        self.cut_off |= later.cut_off
        self.long_cells |= later.long_cells
