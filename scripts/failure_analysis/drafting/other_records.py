"""Records between the rows that are none: of another kind, steps of one answer, other metrics."""

from collections import Counter

from failure_analysis.drafting import verdicts
from failure_analysis.drafting.field_names import KIND, looks_like_models, spellings, tokens
from failure_analysis.drafting.survey import Field, Survey, expression, quoted

_METRICS = ("metric", "metric_name", "score_name", "criterion", "evaluator", "scorer", "name")
_TYPES = ("data_type", "value_type", "score_type")
_STEPS = ("step", "step_num", "step_number", "step_idx", "step_index", "step_id")
_LAST = ("done", "is_last", "last", "terminal", "is_terminal", "final", "is_final")


def left_out(seen: Survey) -> tuple[str, list[tuple], str]:
    """(a condition, the rows it leaves, why)."""
    if len(seen.levels) == 1 and any(map(verdicts.is_like_verdict, seen.fields)):
        for only in (_last_steps, _one_metric):
            if made := only(seen.fields):
                where, kept, note = made
                return where, [row for row, keep in zip(seen.rows, kept, strict=True) if keep], note
    where, rows = _other_kinds(seen)
    return where, rows, "records of another kind are there"


def _last_steps(fields: list[Field]) -> tuple[str, list[bool], str] | None:
    """Files of steps, of which the last has what came of it."""
    step = next((field for field in fields if spellings(field)[0] in _STEPS and field.are(int)
                 and field.share == 1 and len(field.path) == 1), None)
    last = next((field for field in fields if spellings(field)[0] in _LAST and field.are(bool)
                 and field.share == 1 and len(field.path) == 1), None)
    if step is None or last is None:
        return None
    ends = [place + 1 == step.rows or step.by_row[place + 1] <= step.by_row[place]
            for place in range(step.rows)]
    if ends != last.by_row or all(ends):
        return None
    return f"{quoted(last.leaf)} == `true`", ends, "CHECK: the others are steps on the way there"


def _one_metric(fields: list[Field]) -> tuple[str, list[bool], str] | None:
    """Records with the name of a metric and its value, several of each item."""
    name = next((field for field in fields if spellings(field)[0] in _METRICS and field.are(str)
                 and field.share == 1 and 1 < len(field.distinct) <= 12 and len(field.path) == 1
                 and not looks_like_models(field.distinct)), None)
    value = next((field for field in fields if spellings(field)[0] in ("value", "score", "result")
                  and len(field.path) == 1 and verdicts.is_like_verdict(field)), None)
    if name is None or value is None or not _has_several(name, fields):
        return None
    sets = {text: {number for number, other in zip(value.by_row, name.by_row, strict=True)
                   if other == text and number is not None} for text in name.distinct}
    truths = [text for text, numbers in sets.items() if numbers <= {0, 1}]
    is_typed = any(spellings(field)[0] in _TYPES for field in fields)
    if spellings(name)[0] == "name" and not is_typed and len(truths) in (0, len(sets)):
        return None
    text = (truths or name.distinct)[0]
    if not text.isprintable() or set("'\\") & set(text):
        return None
    told = ", ".join(f"{other} {count}" for other, count in Counter(name.values).most_common(6)
                     if other.isprintable())
    return f"{name.expression} == '{text}'", [other == text for other in name.by_row], \
        f"CHECK: records of one of several metrics; met: {told}"


def _has_several(name: Field, fields: list[Field]) -> bool:
    """True when an id has records under several of these names, each once."""
    for field in fields:
        if tokens(field.leaf)[-1:] == ["id"] and field.share == 1 and \
                len(field.distinct) < field.rows:
            pairs = Counter(zip(map(str, field.by_row), name.by_row, strict=True))
            if len(pairs) == field.rows and len(field.distinct) * 2 <= field.rows + 1:
                return True
    return False


def _other_kinds(seen: Survey) -> tuple[str, list[tuple]]:
    """(a condition, the rows it leaves) when records of another kind stand between the rows."""
    judged = sorted((field for field in seen.fields if field.is_own and
                     verdicts.is_like_verdict(field)), key=lambda field: -field.share)
    if len(seen.levels) > 1 or not judged or judged[0].share == 1:
        return "", seen.rows
    verdict = verdicts.verdicts(seen.fields).kept[:1]
    field = verdict[0].field if verdict else judged[0]
    judging = [value is not None for value in field.by_row]
    for kind in seen.fields:
        if kind.leaf in KIND and kind.is_own and len(kind.path) == 1 and all(
                isinstance(value, str | None) for value in kind.by_row):
            values = {value for value, has in zip(kind.by_row, judging, strict=True) if has}
            others = {value for value, has in zip(kind.by_row, judging, strict=True) if not has}
            value = next(iter(values)) if len(values) == 1 and not values & others else None
            if isinstance(value, str) and value.isprintable() and not set("'\\") & set(value):
                return f"{kind.expression} == '{value}'", [
                    row for row, other in zip(seen.rows, kind.by_row, strict=True)
                    if other == value]
    return _without_summaries(seen, field, judging)


def _without_summaries(seen: Survey, field: Field, judging: list[bool]) -> tuple[str, list[tuple]]:
    """The condition that leaves out lines without anything that the judged rows have."""
    shapes = [set(row[-1]) for row, has in zip(seen.rows, judging, strict=True) if has]
    common = set.intersection(*shapes) if shapes else set()
    rest = [row for row, has in zip(seen.rows, judging, strict=True) if not has]
    strangers = [row for row in rest if len(common & set(row[-1])) * 3 < len(common)]
    if not strangers or not common:
        return "", seen.rows
    marks = [key for key in common if not any(key in row[-1] for row in strangers)]
    mark = min(marks, key=lambda key: (not key.endswith("id"), key)) if marks else field.path[0]
    path = quoted(str(mark)) if len(field.path) == 1 or marks else expression(field.path)
    return f"{path} != `null`", [row for row in seen.rows if row not in strangers]
