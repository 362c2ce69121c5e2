"""What the paths of a mapping met over all inputs together: how often, of which types, which values.
From these a wrong mapping is seen: it is refused, or said as a finding."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from failure_analysis.reading.expressions import MISSING, Missing

_MOST_VALUES = 500
_LONGEST = 60
_MOST_SHAPES = 200


@dataclass
class Path:
    """One path: which types it met, the commonest values (of those paths that decide something),
    an example, and the range of its numbers by model."""

    name: str
    text: str
    types: dict[type, int] = field(default_factory=dict)
    values: Counter = field(default_factory=Counter)
    example: Any = None
    ranges: dict[str, list[float]] = field(default_factory=dict)
    unread: Counter = field(default_factory=Counter)

    @property
    def met(self) -> int:
        """Rows in which there is something."""
        return sum(count for kind, count in self.types.items() if kind is not Missing)

    @property
    def said(self) -> int:
        """Rows in which there is more than null."""
        return self.met - self.types.get(type(None), 0)

    def add(self, value: Any) -> None:
        """Counts a value, and keeps it among the commonest."""
        self.note(value)
        if value is not MISSING:
            key = (type(value), value if type(value) in (bool, int, float) else shown(value))
            if key in self.values or len(self.values) < _MOST_VALUES:
                self.values[key] += 1

    def note(self, value: Any) -> None:
        """Counts a value by its type alone."""
        kind = type(value)
        self.types[kind] = self.types.get(kind, 0) + 1
        if self.example is None and value is not MISSING:
            self.example = value

    def span(self, model: str, number: float) -> None:
        """Widens the range of a model's numbers."""
        range_ = self.ranges.get(model)
        if range_ is None:
            self.ranges[model] = [number, number]
        elif number < range_[0]:
            range_[0] = number
        elif number > range_[1]:
            range_[1] = number


@dataclass
class Counts:
    """The paths of a mapping, and what else was met on the way to rows."""

    rows: int = 0
    paths: dict[str, Path] = field(default_factory=dict)
    shapes: Counter = field(default_factory=Counter)
    left_out: int = 0
    empty: int = 0
    repeated: Counter = field(default_factory=Counter)
    joins: dict[str, list[int]] = field(default_factory=dict)
    unused: dict[str, list[str]] = field(default_factory=dict)
    twice: Counter = field(default_factory=Counter)
    from_around: Counter = field(default_factory=Counter)
    answers: Counter = field(default_factory=Counter)
    differing: Counter = field(default_factory=Counter)
    published: list[tuple[str, str, float]] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)

    def path(self, name: str, text: str) -> Path:
        """The path of a field."""
        return self.paths.setdefault(name, Path(name, text))

    def merge(self, other: "Counts") -> None:
        """Adds what was counted over other rows."""
        self.rows += other.rows
        self.left_out += other.left_out
        self.empty += other.empty
        for mine, theirs in ((self.shapes, other.shapes), (self.repeated, other.repeated),
                             (self.twice, other.twice), (self.answers, other.answers),
                             (self.from_around, other.from_around),
                             (self.differing, other.differing)):
            mine.update(theirs)
        for name, numbers in other.joins.items():
            mine = self.joins.setdefault(name, [0, 0])
            self.joins[name] = [a + b for a, b in zip(mine, numbers, strict=True)]
        for name, keys in other.unused.items():
            self.unused.setdefault(name, []).extend(keys)
        self.published += other.published
        self.unnamed += other.unnamed
        for name, path in other.paths.items():
            _merge_path(self.path(name, path.text), path)

    def shape(self, row: Any) -> None:
        """Counts which keys a row has."""
        if type(row) is dict:
            keys = tuple(row)
            if keys in self.shapes or len(self.shapes) < _MOST_SHAPES:
                self.shapes[keys] += 1

    def keys(self) -> Counter:
        """The keys of rows, by how many rows have them."""
        keys: Counter = Counter()
        for shape, count in self.shapes.items():
            keys.update({str(key): count for key in shape})
        return keys


def _merge_path(mine: Path, other: Path) -> None:
    for kind, count in other.types.items():
        mine.types[kind] = mine.types.get(kind, 0) + count
    mine.values.update(other.values)
    mine.unread.update(other.unread)
    mine.example = other.example if mine.example is None else mine.example
    for model, (low, high) in other.ranges.items():
        mine.span(model, low)
        mine.span(model, high)


def shown(value: Any) -> str:
    """A value as it stands in a message."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST - 1] + "…"
