"""What the paths of a mapping met over all inputs together: how often, which types and values. From
these a wrong mapping is seen: it is refused, or said as a finding."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from failure_analysis.reading.expressions import MISSING, Missing

_MOST_VALUES = 500
_LONGEST = 60
_MOST_SHAPES = 200
MOST_LOOKED_AT = 2000  # rows for their keys
_MOST_SAMPLES = 5
_PLAIN = (bool, int, float, type(None))
# More values than these tell no repeats apart: they are times, or ids of rows.
MOST_PARTS = 20


@dataclass
class Path:
    """One path: which types it met, the commonest values (of those paths that decide something),
    an example, and the range of its numbers by model."""

    name: str
    text: str
    is_plain: bool = True
    fault: str = ""
    types: dict[type, int] = field(default_factory=lambda: defaultdict(int))
    values: Counter = field(default_factory=Counter)
    last: Any = MISSING
    example: Any = None
    ranges: dict[str, list[float]] = field(default_factory=dict)
    unread: Counter = field(default_factory=Counter)
    why: str = ""
    borrowed: int = 0
    truths: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def asked(self) -> int:
        """Rows in which it was looked for."""
        return sum(self.types.values())

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
        kind, values = type(value), self.values
        self.types[kind] += 1
        if value is not MISSING:
            if kind is float and not isfinite(value):
                value = str(value)
            is_short = kind in _PLAIN or (kind is str and len(value) <= _LONGEST)
            key = (kind, value if is_short else shown(value))
            if key in values:
                values[key] += 1
            elif len(values) < _MOST_VALUES:
                values[key] = 1

    def look(self, value: Any) -> None:
        """Keeps a value as the last one, and as an example."""
        self.last = value
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
    """The paths of a mapping, and what else was met on the way to rows. `unused`: table of a join
    -> the keys that no row asked for. `unmet`: key that an expression names and no record has ->
    (what the expression is for, its text)."""

    rows: int = 0
    looks: int = 5  # at the values of the first rows, as examples
    paths: dict[str, Path] = field(default_factory=dict)
    shapes: Counter = field(default_factory=Counter)
    left_out: int = 0
    empty: int = 0
    repeated: Counter = field(default_factory=Counter)
    joins: dict[str, list[int]] = field(default_factory=dict)
    unused: dict[str, set[str]] = field(default_factory=dict)
    twice: Counter = field(default_factory=Counter)
    repeats: int = 0
    differing: dict[str, list] = field(default_factory=dict)
    is_table: bool = False
    published: list[tuple[str, str, float]] = field(default_factory=list)
    samples: list[Any] = field(default_factory=list)
    unmet: dict[str, tuple[str, str]] = field(default_factory=dict)
    ambiguous: dict[str, set[str]] = field(default_factory=dict)
    asked_for: dict[str, list[str]] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    two_tasks: list[tuple[str, str, str]] = field(default_factory=list)
    gradings: Counter = field(default_factory=Counter)
    checks: set[str] = field(default_factory=set)
    served: dict[str, dict[str, str]] = field(default_factory=dict)
    shared: dict[str, list[str]] = field(default_factory=dict)
    asks_other: int = 0
    failed: Counter = field(default_factory=Counter)
    unnamed: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def path(self, name: str, text: str, is_plain: bool = True, fault: str = "") -> Path:
        """The path of a field."""
        return self.paths.setdefault(name, Path(name, text, is_plain, fault))

    def merge(self, other: "Counts") -> None:
        """Adds what was counted over other rows."""
        self.rows += other.rows
        self.left_out += other.left_out
        self.empty += other.empty
        for mine, theirs in ((self.shapes, other.shapes), (self.repeated, other.repeated),
                             (self.twice, other.twice)):
            mine.update(theirs)
        self.repeats += other.repeats
        self.is_table |= other.is_table
        for name, (rows, met) in other.differing.items():
            self.differ(name, met, rows)
        for name, numbers in other.joins.items():
            mine = self.joins.setdefault(name, [0, 0])
            self.joins[name] = [a + b for a, b in zip(mine, numbers, strict=True)]
        for table, keys in other.unused.items():
            self.unused[table] = keys & self.unused.get(table, keys)
        self.published += other.published
        self.unnamed += other.unnamed
        self.remarks += other.remarks
        self.gradings.update(other.gradings)
        self.checks |= other.checks
        self.asks_other += other.asks_other
        self.failed.update(other.failed)
        for table, models in other.served.items():
            for key, model in models.items():
                self.serve(table, key, model)
        for table, models in other.shared.items():
            self.shared.setdefault(table, []).extend(models)
        first = not self.paths
        self.unmet = dict(other.unmet) if first else {
            name: owner for name, owner in self.unmet.items() if name in other.unmet}
        for name, keys in other.ambiguous.items():
            self.ambiguous.setdefault(name, set()).update(keys)
        for name, keys in other.asked_for.items():
            self.asked_for.setdefault(name, []).extend(keys)
        self.two_tasks += other.two_tasks
        for item, task in other.tasks.items():
            self.in_task(item, task)
        self.samples += other.samples[:_MOST_SAMPLES - len(self.samples)]
        for name, path in other.paths.items():
            _merge_path(self.path(name, path.text, path.is_plain, path.fault), path)

    def serve(self, table: str, key: str, model: str) -> None:
        """Notes whose row a record judges, and that it judges rows of two models."""
        first = self.served.setdefault(table, {}).setdefault(key, model)
        if first != model:
            self.shared.setdefault(table, [first, model])

    def in_task(self, item: str, task: str) -> None:
        """Notes the task of an item, and that another task has an item of the same name."""
        first = self.tasks.get(item)
        if first is None:
            if len(self.tasks) < MOST_LOOKED_AT:
                self.tasks[item] = task
        elif first != task and len(self.two_tasks) < MOST_PARTS:
            self.two_tasks.append((item, first, task))

    def no_row(self, document: Any) -> None:
        """Counts a record that holds no row."""
        self.empty += 1
        if not self.rows:
            self.shape(document)

    def differ(self, name: str, met: Iterable[str], rows: int = 1) -> None:
        """Counts a key by whose values the rows that repeat an item can be told apart."""
        differing = self.differing.setdefault(name, [0, set()])
        differing[0] += rows
        if len(differing[1]) <= MOST_PARTS:
            differing[1].update(met)

    def settle(self) -> None:
        """Adds the true and false values, which are counted apart as they are so many."""
        for path in self.paths.values():
            for value in (False, True):
                if path.truths[value]:
                    path.types[bool] += path.truths[value]
                    path.values[bool, value] += path.truths[value]
            path.truths[:] = 0, 0

    def shape(self, row: Any) -> None:
        """Counts which keys the first rows have, and keeps some."""
        if len(self.samples) < _MOST_SAMPLES:
            self.samples.append(row)
        if type(row) is dict and self.rows <= MOST_LOOKED_AT:
            keys = tuple(row)
            if keys in self.shapes or len(self.shapes) < _MOST_SHAPES:
                self.shapes[keys] += 1

    def told(self) -> list[dict[str, Any]]:
        """Every path as sanity.json has it."""
        names = {Missing: "nothing", type(None): "null", bool: "true or false", str: "text",
                 list: "list", dict: "object", int: "number", float: "number"}
        paths = []
        for path in self.paths.values():
            types: Counter = Counter()
            for kind, count in path.types.items():
                types[names.get(kind, "number")] += count
            paths.append({"field": path.name, "at": path.text, "rows": path.said,
                          "of": self.rows, "types": dict(types.most_common()),
                          "values": [[value, count] for (_, value), count in
                                     path.values.most_common(10)]})
        return paths

    def key_counts(self) -> Counter:
        """The keys of the first rows, by how many have them."""
        keys: Counter = Counter()
        for shape, count in self.shapes.items():
            keys.update({str(key): count for key in shape})
        return keys


def _merge_path(mine: Path, other: Path) -> None:
    for kind, count in other.types.items():
        mine.types[kind] += count
    mine.borrowed += other.borrowed
    mine.why = mine.why or other.why
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
