"""Which samples are looked at: filters as they are written, and the choice that they make."""

import difflib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from failure_analysis import clean, files
from failure_analysis.datapoint import natural_key
from failure_analysis.lenses.dataset import Table, column
from failure_analysis.lenses.parameters import is_number


def parse(texts: Sequence[str]) -> dict[str, Any]:
    """Filters as one object, from JSON objects and KEY=VALUE; refuses with the place that is
    wrong."""
    filters: dict[str, Any] = {}
    for text in filter(None, texts):
        key, equals, value = text.partition("=")
        if equals and key.strip() and not text.lstrip().startswith(("{", "[")):
            filters[key.strip()] = _value(value.strip())
        else:
            filters |= _object(text)
    return filters


def _value(text: str) -> Any:
    """The value of KEY=VALUE: JSON where it spells that and nothing else, a name such as 12e4."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if not isinstance(value, int | float) or json.dumps(value) == text else text


def _object(text: str) -> dict[str, Any]:
    try:
        filters = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise files.Refusal(f"--filters: not valid JSON ({error}); write it as "
                            "'{\"model_name\": \"gpt-4o\", \"length\": [18, 24]}', or "
                            "model_name=gpt-4o") from None
    if not isinstance(filters, dict):
        raise files.Refusal("--filters: a JSON object was expected, such as "
                            "'{\"base_task\": \"arithmetic\"}'")
    return filters


def select(table: Table, filters: dict[str, Any]) -> Table:
    """The samples that pass every filter; refuses an unknown key and a filter that leaves
    nothing, naming what there is."""
    for key, wanted in filters.items():
        values = column(table, key)
        kept = _passes(values, wanted, key)
        if not kept.any():
            raise files.Refusal(f"filter {key}: {str(wanted)[:80]} matches no sample; "
                                f"{_there(values, wanted)}")
        table = _in_order(table.take(kept), key, wanted)
        if lost := _lost(values, wanted):
            account = table.account
            table = replace(table, account={**account, "notes": [*account["notes"], (
                f"filter {key}: no sample has {', '.join(lost)}; {_there(values, lost)}")]})
    return table


def _lost(values: np.ndarray, wanted: Any) -> list[str]:
    """The names that a filter lists and no sample has."""
    listed = wanted.get("in") if isinstance(wanted, dict) else wanted
    if not isinstance(listed, list) or values.dtype == float:
        return []
    there = set(values)
    return [clean.visible(str(name)) for name in listed if str(name) not in there]


def _in_order(table: Table, key: str, wanted: Any) -> Table:
    """The table with its systems in the order in which a filter lists (and lenses compare) them."""
    listed = wanted.get("in") if isinstance(wanted, dict) else wanted
    if key not in ("eval_id", "model_name") or not isinstance(listed, list):
        return table
    names = list(map(str, listed))
    order = sorted(range(len(table.evals)), key=lambda at: names.index(name) if (
        name := getattr(table.evals[at], key)) in names else len(names))
    return replace(table, evals=tuple(table.evals[at] for at in order),
                   eval=np.argsort(order)[table.eval])


def _passes(values: np.ndarray, wanted: Any, key: str) -> np.ndarray:
    numeric, pair, spelled = values.dtype == float, _two_numbers(wanted), str(wanted)[:80]
    if pair and not numeric and any(map(_spells_number, values)):
        names = sum(value is not None and not _spells_number(value) for value in values)
        raise files.Refusal(f"filter {key}: {spelled} is a range, and {names} of {len(values)} "
                            "values are no number, the others perhaps texts; write "
                            f"{{\"in\": {spelled}}} for just these two")
    asked = wanted if isinstance(wanted, dict) else {"range": wanted} if pair and numeric else \
        {"in": wanted if isinstance(wanted, list) else [wanted]}
    match asked:
        case {"range": ends, **more} if numeric and _two_numbers(ends) and not more:
            return (values >= ends[0]) & (values <= ends[1])
        case {"in": list(listed), **more} if not more:
            return np.isin(values, [float(value) for value in listed if is_number(value)]
                           if numeric else list(map(str, listed)))
    raise files.Refusal(f"filter {key}: {spelled} is neither {{\"in\": […]}} nor, on a number, "
                        "{\"range\": [low, high]}")


def _spells_number(value: Any) -> bool:
    try:
        return value is not None and math.isfinite(float(value))
    except ValueError:
        return False


def _two_numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


def _there(values: np.ndarray, wanted: Any) -> str:
    """The values that exist, the nearest first."""
    if values.dtype == float:
        distinct = np.unique(values[~np.isnan(values)])
        return "it has no value in these samples" if not len(distinct) else \
            f"there are {len(distinct)} values from {distinct[0]:g} to {distinct[-1]:g}"
    names = sorted({value for value in values if value is not None}, key=natural_key)
    asked = wanted if isinstance(wanted, str) else str((wanted or [""])[0]) \
        if isinstance(wanted, list) else ""
    near = difflib.get_close_matches(asked, names, 5)
    listed = ", ".join([*near, *(name for name in names if name not in near)][:12])
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"there are {listed}{more}"
