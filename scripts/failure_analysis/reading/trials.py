"""Which trial a row is, counted from 0, by what its file calls it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failure_analysis import files
from failure_analysis.reading import mapping_plan, values

if TYPE_CHECKING:
    from failure_analysis.reading import mapping_file

_BLOCK, _OVERLAP = 1 << 20, 1_000


class Trials:
    """The trials of a source: counted from 0 or 1 where a row is called so, else in the order in
    which seeds and names appear. `start` is asked for that number where the first row is called by
    another one (1 may be the second); it says None where there is none. `least` is the lowest
    number met."""

    def __init__(self, start: Callable[[int], int | None], first: int | None = None) -> None:
        self.least: int | None = None
        self._start = start
        self._first: int | str | None = first
        self._names: dict[int | str, int] = {}

    def of(self, value: Any) -> int | None:
        """The trial that a row of this name is; None for a row without one."""
        if value is None:
            return None
        if type(value) is str and value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
        if type(value) is float and value.is_integer():
            value = int(value)
        if not isinstance(value, int | str) or type(value) is bool:
            raise values.Wrong(f"trial: it is {values.shown_type(value)}, a number or a name was "
                               "expected")
        if type(value) is int and value >= 0:
            self.least = value if self.least is None else min(value, self.least)
        if self._first is None:
            start = self._start(value) if type(value) is int and value > 0 else None
            self._first = value if start is None else start
        if self._first in (0, 1) and type(value) is int:
            if value < self._first:
                raise values.Wrong(f"trial: {value}, and others are counted from {self._first}; "
                                   "name them: trial_of: join(' ', ['trial', to_string(PATH)])")
            return value - self._first
        return self._names.setdefault(value, len(self._names))


def may_be(numbers: str, path: Path, spec: "mapping_file.Mapping") -> bool:
    """Whether a row of a file may be called by one of these digits, as far as is seen without
    parsing it: no where the key of the trial stands in it and before none of them."""
    place = spec.trial_of or spec.fields.trial
    if place is None:
        return not str(mapping_plan.file_scope(path, spec).get("trial")).strip(numbers)
    if not all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", text) for text in place.at):
        return True
    keys = "|".join(text.rpartition(".")[2] for text in place.at)
    value = re.compile(rf'"(?:{keys})"\s*:\s*("?-?[{numbers}](?!\d))?'.encode())
    is_there, kept = False, b""
    with files.open_bytes(path) as file:
        while block := file.read(_BLOCK):
            for found in value.finditer(kept := kept + block):
                if found[1]:
                    return True
                is_there = True
            kept = kept[-_OVERLAP:]
    return not is_there
