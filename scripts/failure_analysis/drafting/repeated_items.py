"""Rows that repeat an item: conditions, trials or further gradings."""

from collections import Counter

from failure_analysis.drafting.drafts import Draft
from failure_analysis.drafting.field_names import (
    CONDITION,
    GRADING,
    RUN,
    TRIAL,
    is_numbered,
    pick,
    repeats,
)
from failure_analysis.drafting.survey import Field
from failure_analysis.drafting.yaml_text import line, scalar, shown


def tell_apart(drafted: Draft, picked: dict[str, Field]) -> None:
    """Rows of one item and model that differ by a condition are runs of their own."""
    run = pick(drafted.survey.fields, RUN, lambda field: field.are(str, int) and
               1 < len(field.distinct) <= 60, picked.values())
    if run is not None:
        picked["run_id"] = run
        return
    count, _ = repeats(drafted.survey.fields, picked)
    if not count or pick(drafted.survey.fields, TRIAL, _varies) is not None:
        return
    condition = pick(drafted.survey.fields, CONDITION, _varies, picked.values())
    if condition is not None and _splits(drafted, picked, condition) < count / 2:
        picked["run_id"] = condition
        drafted.roles.why["run_id"] = "CHECK: a condition under which each item was run"


def _varies(field: Field) -> bool:
    return field.are(str, int, float) and 1 < len(field.distinct) <= 200


def _splits(drafted: Draft, picked: dict[str, Field], field: Field) -> int:
    """How many rows still have an item and model of an earlier row when this field is told
    apart too."""
    item, model = picked.get("item_id"), picked.get("model_name")
    rows = Counter(zip(map(str, item.by_row if item else [None] * field.rows),
                       map(str, model.by_row if model else [None] * field.rows),
                       map(str, field.by_row), strict=True))
    return field.rows - len(rows)


def repeats_of(drafted: Draft, used: list[Field], in_paths: dict[str, Field]) -> list[str]:
    """What makes rows of one item trials, or further gradings of one answer. `in_paths` has the
    model that the paths of the files tell."""
    picked = {**in_paths, **drafted.roles.fields}
    fields = drafted.survey.fields
    count, _ = repeats(fields, picked)
    condition = pick(fields, CONDITION, _varies, picked.values())
    if "run_id" in drafted.roles.why and condition is not None:
        count = _splits(drafted, picked, condition)
    trial = pick(fields, TRIAL, lambda field: field.are(str, int) and
                 len(field.distinct) <= 1000, picked.values()) or next(
        (field for field in fields if is_numbered(field)), None)
    grading = pick(fields, GRADING, lambda field: field.are(str) and _varies(field),
                   picked.values())
    answer = picked.get("assistant_text")
    if count and grading is not None and _splits(drafted, picked, grading) < count and (
            answer is None or _same_answers(picked, answer) > count / 2):
        used.append(grading)
        first = grading.values[0]
        return [line(0, "grading_of", scalar({"at": grading.expression, "record": first}),
                     f"CHECK: which grading counts; {why(grading)}")]
    if trial is not None and len(trial.distinct) > 1 and (
            _splits(drafted, picked, trial) < count):
        used.append(trial)
        return [line(0, "trial_of", scalar(trial.expression), why(
            trial, "CHECK: each counts; or is one that passes enough?" if is_numbered(trial) else
            ""))]
    if not count:
        return []
    others = [*picked.values(), *(verdict.field for verdict in drafted.verdicts)]
    apart = next((field for field in fields if field not in others and _varies(field)
                  and len(field.distinct) <= 20 and field.share == 1 and
                  not _splits(drafted, picked, field)), None)
    differ = f"; they differ in {shown(apart.expression)[1:-1]}" if apart else ""
    return [f"# CHECK: {count} of {len(drafted.survey.rows)} rows repeat an item: they count as "
            f"further trials of it, in their order{differ}"]


def _same_answers(picked: dict[str, Field], answer: Field) -> int:
    """How many rows have the item and the answer of an earlier row."""
    rows = Counter(zip(map(str, picked["item_id"].by_row), map(str, answer.by_row), strict=True))
    return answer.rows - len(rows)


def why(field: Field, note: str = "") -> str:
    """How many rows have the field, with an example; few values are told with their counts."""
    kinds = field.distinct
    if len(kinds) == 1 and field.rows > 1:
        text = f"{len(field.values)} of {field.rows} rows, always {shown(kinds[0])}"
    elif len(kinds) <= 4 and field.rows > 8 and field.are(str, int):
        counts = Counter(map(shown, field.values))
        text = ", ".join(f"{value} {count}" for value, count in counts.most_common())
    else:
        text = f"{len(field.values)} of {field.rows} rows, {len(kinds)} values, e.g. " \
               f"{shown(field.values[0])}"
    return f"{note}; {text}" if note else text
