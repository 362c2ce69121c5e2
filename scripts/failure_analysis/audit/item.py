"""One item of a benchmark, with its datapoints as the audit sees them."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from failure_analysis.audit import golds
from failure_analysis.audit.seen import Seen


@dataclass
class Item:
    """One item with one content, and all its datapoints. `rows` of which it is not known what the
    item asked or expected share the name alone. `gradings` are further judges' verdicts: datapoint
    -> (grader, pass or fail) of each."""

    ident: str
    fingerprint: str
    rows: list[Seen]
    gradings: dict[str, list[tuple[str, str]]]
    noted: dict[str, Any] = field(default_factory=dict)  # what one class leaves for another

    @cached_property
    def question(self) -> str:
        """What was asked."""
        return next((row.question for row in self.rows if row.question), "")

    @cached_property
    def expected(self) -> Any:
        """What is expected; None where nothing is recorded."""
        return next((row.expected for row in self.rows if row.expected not in (None, "")), None)

    @cached_property
    def texts(self) -> list[str]:
        """The texts and numbers of what is expected, wherever they stand in it."""
        return golds.scalars(self.expected)
