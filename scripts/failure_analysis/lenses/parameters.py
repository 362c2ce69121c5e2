"""Parameters of samples as columns: numbers or names, the roles that they have, their levels."""

import math
from typing import Any

import numpy as np

from failure_analysis import clean

MOST_LEVELS = 24  # more are merged into 12


def is_number(value: Any) -> bool:
    """Whether a value is a number that can be reckoned with: no NaN, nothing endless."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def merged(values: np.ndarray) -> np.ndarray:
    """A code per number, those that are missing being one of their own; more than 24 levels are
    merged into 12 of about equal size."""
    recorded = ~np.isnan(values)
    code = np.full(len(values), -1)
    ends = np.unique(values[recorded])
    if len(ends) > MOST_LEVELS:
        ends = np.unique(np.quantile(values[recorded], np.linspace(0, 1, 13)[1:-1]))
    code[recorded] = np.searchsorted(ends, values[recorded], side="left")
    return code


def distinct(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the distinct lines of columns beside each other, which of them each line is)."""
    lines, which = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    return lines, which.reshape(-1)  # some versions of numpy give it two dimensions


def columns(rows: list[dict]) -> tuple[dict[str, np.ndarray], list[str]]:
    """(columns of numbers where every value is one, else of names; what else to say of them)."""
    params, notes = {}, []
    for key in sorted({name for row in rows for name in row}):
        name, values = clean.visible(key), [row.get(key) for row in rows]
        there = [value for value in values if value is not None]
        names = [value for value in there
                 if not isinstance(value, int | float) or isinstance(value, bool)]
        if not names:
            params[name] = np.array(
                [value if is_number(value) else math.nan for value in values], float)
            lost = [value for value in there if not is_number(value)]
        else:
            params[name] = np.array(
                [None if value is None else str(value) for value in values], object)
            lost = names if len(names) < len(there) else []
        if lost:
            notes.append(f"{name}: {len(lost)} of {len(there)} values are no number that can be "
                         f"reckoned with (the first is {clean.visible(repr(lost[0]))[:40]}), so "
                         + ("it is taken as a name" if names else "they count as missing"))
    return params, notes


def roles(params: dict[str, np.ndarray], declared: dict[str, str], items: int
           ) -> tuple[dict[str, str], list[str]]:
    """(the declared roles and those that the values show, what to say of them)."""
    roles, notes = dict(declared), []
    numbers = [name for name, values in params.items() if name not in declared
               and values.dtype == float]
    sizes = {name: len(np.unique(params[name][~np.isnan(params[name])])) for name in numbers}
    single = [name for name in numbers
              if sizes[name] > MOST_LEVELS and sizes[name] >= 0.9 * items]
    if len(single) < len(numbers) or "difficulty" in declared.values():
        for name in single:
            roles[name] = "other"
            notes.append(f"{name}: nearly every item has a value of its own, so it is no level "
                         "(declare it as difficulty if it is one)")
    loose = [name for name, values in params.items() if values.dtype != float
             and name not in declared and len(set(values)) > 1]
    if loose:
        notes.append(f"not held constant, since it is not declared as difficulty: "
                     f"{', '.join(loose)}")
    return roles, notes
