"""What a single item of an audit does not tell: the models, runs and tools of all datapoints."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from failure_analysis.audit import required
from failure_analysis.audit.profile import Profile
from failure_analysis.audit.seen import Seen


@dataclass
class Tool:
    """How often a tool was called, failed and said anything, by which models, and for which it
    worked at least once."""

    calls: int = 0
    failed: int = 0
    told: int = 0
    models: set[str] = field(default_factory=set)
    worked_for: set[str] = field(default_factory=set)

    def add(self, other: "Tool") -> None:
        """Adds other calls of the tool."""
        self.calls += other.calls
        self.failed += other.failed
        self.told += other.told
        self.models |= other.models
        self.worked_for |= other.worked_for


@dataclass
class Run:
    """What the rows of a run have in common: how many there are, how many answer at all and how
    many call a tool; the answer that `same` outweighs all others by how many rows (Boyer and Moore
    1991: a text of nine rows in ten is found, with eight in ten or more); the most tokens of an
    answer and how many rows have just so many; how many are right with a text of no token."""

    rows: int = 0
    answered: int = 0
    acted: int = 0
    answer: str = ""
    same: int = 0
    most_tokens: float = 0
    at_most_tokens: int = 0
    right_of_none: int = 0

    def count(self, one: Seen) -> None:
        """Adds a datapoint."""
        self.rows += 1
        self.answered += bool(one.answer.strip())
        self.acted += bool(one.made)
        self.right_of_none += one.tokens == 0 and one.outcome == "pass" and bool(one.answer.strip())
        kind = required.answer_kind(one)
        if self.same == 0:
            self.answer = kind
        self.same += 1 if kind == self.answer else -1
        if one.tokens is not None and one.tokens >= self.most_tokens:
            self.at_most_tokens = 1 + self.at_most_tokens * (one.tokens == self.most_tokens)
            self.most_tokens = one.tokens

    def add(self, other: "Run") -> None:
        """Adds other rows of the run."""
        self.rows += other.rows
        self.answered += other.answered
        self.acted += other.acted
        self.right_of_none += other.right_of_none
        if self.answer == other.answer:
            self.same += other.same
        elif other.same > self.same:
            self.answer, self.same = other.answer, other.same - self.same
        else:
            self.same -= other.same
        if other.most_tokens == self.most_tokens:
            self.at_most_tokens += other.at_most_tokens
        elif other.most_tokens > self.most_tokens:
            self.most_tokens, self.at_most_tokens = other.most_tokens, other.at_most_tokens


@dataclass(eq=False)
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

    @cached_property
    def acts(self) -> bool:
        """Whether calls have results: where nothing ever answers one, a call is an answer and no
        deed, and who gives it in words did as much. Asked once all datapoints are counted."""
        return not self.tools or any(tool.told for tool in self.tools.values())

    def count(self, one: Seen) -> None:
        """Adds a datapoint to what is known of the whole."""
        self.rows += 1
        self.endings[one.termination] += 1
        if one.turn is not None:
            self.turns[one.run] = max(one.turn, self.turns.get(one.run, one.turn))
        if one.outcome != "unjudged":
            counts = self.models.setdefault(one.model, [0, 0])
            counts[0] += 1
            counts[1] += one.outcome == "pass"
        for made in one.made:
            tool = self.tools.setdefault(made.tool, Tool())
            tool.calls += 1
            tool.failed += made.failed
            tool.told += bool(made.result.strip())
            tool.models.add(one.model)
            if not made.failed:
                tool.worked_for.add(one.model)
        self.runs.setdefault(one.run, Run()).count(one)

    def add(self, other: "Whole") -> None:
        """Adds other datapoints."""
        self.rows += other.rows
        self.endings.update(other.endings)
        for run, turn in other.turns.items():
            self.turns[run] = max(turn, self.turns.get(run, turn))
        for model, (judged, passed) in other.models.items():
            counts = self.models.setdefault(model, [0, 0])
            counts[0] += judged
            counts[1] += passed
        for name, tool in other.tools.items():
            self.tools.setdefault(name, Tool()).add(tool)
        for name, run in other.runs.items():
            self.runs.setdefault(name, Run()).add(run)
