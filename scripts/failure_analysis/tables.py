"""An analysis folder as pandas tables, for notebooks.

Ids and names are text, as they are written: an item called NA or 007 comes back so. What was not
recorded is <NA> in columns of numbers; outcomes.csv has an empty text in columns of text. Each
function refuses (files.Refusal) a file that is not there, or damaged, and says what to run."""

import json
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

import msgspec
import numpy as np
import pandas as pd

from failure_analysis import facts as fact_file
from failure_analysis import files, steps
from failure_analysis.datapoint import OUTCOME_COLUMNS, Datapoint, Outcome
from failure_analysis.packet import rows
from failure_analysis.review import ledger
from failure_analysis.review import plan as review_plan

_DTYPES = {str: "string", int: "Int64", float: "Float64"}
_OUTCOME = pd.CategoricalDtype(get_args(Outcome))


def _dtype(name: str) -> Any:
    """The dtype of a field of the row (references/row-schema.md); nested ones stay objects."""
    hint = get_type_hints(Datapoint).get(name, str if name.endswith("_json") else object)
    if hint is Outcome:
        return _OUTCOME
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return next((_DTYPES[kind] for kind in kinds if kind in _DTYPES), "object")


def outcomes(analysis_dir: Path | str) -> pd.DataFrame:
    """Every datapoint, a line each: the columns of outcomes.csv."""
    lines = rows.columns(Path(analysis_dir), OUTCOME_COLUMNS)
    frame = pd.DataFrame(lines, columns=list(OUTCOME_COLUMNS), dtype=object)
    return _typed(frame, {"failed_dimensions": "string"})


def scores(analysis_dir: Path | str) -> pd.DataFrame:
    """Every judged dimension of every datapoint, a line each: ids, `dimension`, `score` (True,
    False, None for not judged, or a number), `failed` (<NA> where the score decides nothing)."""
    ids = ["datapoint_id", "run_id", "model_name", "item_id", "trial"]
    lines = [(*line[:-1], name, score, score is False if isinstance(score, bool) else pd.NA)
             for line in rows.columns(Path(analysis_dir), (*ids, "scores_json"))
             for name, score in json.loads(line[-1] or "{}").items()]
    frame = pd.DataFrame(lines, columns=[*ids, "dimension", "score", "failed"], dtype=object)
    return _typed(frame, {"dimension": "string", "failed": "boolean"})


def failing_rows(analysis_dir: Path | str) -> pd.DataFrame:
    """The failing rows, whole; lists and objects as they are."""
    files.needed(Path(analysis_dir, steps.ROWS), steps.BUILD.script)
    lines = list(rows.failing(Path(analysis_dir)))
    names = dict.fromkeys([*Datapoint.__annotations__, *(name for row in lines for name in row)])
    return _typed(pd.DataFrame(lines, columns=list(names), dtype=object))


def reviews(analysis_dir: Path | str) -> pd.DataFrame:
    """The ledger, a line each; `current` where no later review replaces it."""
    lines = ledger.load(Path(analysis_dir))
    current = {review.review_id for review in ledger.current(lines)}
    names = ledger.Review.__struct_fields__
    frame = pd.DataFrame(map(msgspec.structs.asdict, lines), columns=list(names), dtype=object)
    frame["current"] = [review.review_id in current for review in lines]
    return _typed(frame, {name: "string" for name in names if name not in ("quotes", "secondary")}
                  | {"settles": "boolean", "current": "boolean"})


def plan(analysis_dir: Path | str) -> pd.DataFrame:
    """The review plan, a line each."""
    frame = pd.DataFrame(review_plan.load(Path(analysis_dir)),
                         columns=list(review_plan.Planned._fields), dtype=object)
    return _typed(frame, {"order": "Int64", "why": "string", "mode": "string",
                          "contrast_of": "string"})


def facts(analysis_dir: Path | str) -> pd.Series:
    """Every number that a report may state, by its key."""
    values = fact_file.load(Path(analysis_dir))
    keys = pd.Index(list(values), dtype="string", name="fact")
    return pd.Series(list(values.values()), keys, dtype="Float64", name="value")


def _typed(frame: pd.DataFrame, more: dict[str, str] | None = None) -> pd.DataFrame:
    """The table with the declared dtype of each column; it is made from objects, as pandas would
    else take a column of ids for numbers."""
    dtypes = {name: (more or {}).get(name) or _dtype(name) for name in frame}
    for name, dtype in dtypes.items():
        if dtype in ("Int64", "Float64"):
            frame[name] = pd.array([_number(value, dtype, name) for value in frame[name]], dtype)
    return frame.astype(dtypes)


def _number(value: Any, dtype: str, name: str) -> Any:
    """A cell of a column of numbers; refuses what is none, or too large for 64 bits."""
    if value is None or value == "" or value is pd.NA:
        return pd.NA
    try:
        number = float(value) if dtype == "Float64" else int(value)
        return number if dtype == "Float64" else np.int64(number)
    except (ValueError, TypeError, OverflowError):
        raise files.Refusal(f"{name} is {str(value)[:40]!r}, no number of 64 bits; correct the "
                            "source and run build_packet.py again") from None
