"""What stands where in files of one shape, decided from their keys and values."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from failure_analysis.drafting import answer_keys, named_checks, other_records, verdicts
from failure_analysis.drafting.field_names import Roles, roles
from failure_analysis.drafting.named_checks import Checks
from failure_analysis.drafting.survey import (
    Field,
    Survey,
    fields_of,
    is_conversation,
    survey,
)
from failure_analysis.drafting.verdicts import Verdict
from failure_analysis.drafting.yaml_text import can_be_written


class Draft(NamedTuple):
    """All that was decided about the rows of a group of files."""

    survey: Survey
    where: str
    where_note: str
    roles: Roles
    verdicts: list[Verdict]
    others: list[Verdict]
    checks: list[Checks]
    messages: Field | None
    calls: Field | None
    left_out: int


def rate(fields: list[Field]) -> tuple[float, bool, bool]:
    """(how much rows with these fields look like rows, whether a verdict is among those of the
    innermost level, whether an answer is)."""
    judged = [field for field in fields if field.is_own and verdicts.is_like_verdict(field)
              and field.share > 0.2]
    picked = roles(fields, judged).fields
    answer = picked.get("assistant_text")
    talks = any(field.is_own and field.are(list) and any(map(is_conversation, field.values))
                for field in fields)
    item, asked = picked.get("item_id"), picked.get("user_text")
    own_answer = bool(answer and answer.is_own) or talks or bool(
        item and item.is_own and asked and asked.is_own and asked is not item)
    score = 4.0 * bool(judged) + 2.0 * own_answer + 1.0 * ("user_text" in picked) + \
        1.0 * ("item_id" in picked)
    return score, bool(judged), own_answer


def draft(documents: Sequence[Any]) -> Draft:
    """What stands where in the documents of files of one shape."""
    seen = survey(documents, rate)
    where, rows, note = other_records.left_out(seen)
    if where:
        seen = seen._replace(rows=rows, fields=fields_of(seen.levels, rows))
    fields = [field for field in seen.fields if can_be_written(field.expression)]
    kept, others = verdicts.verdicts(fields)
    listed = named_checks.checks(fields)
    kept = kept or ([] if listed else answer_keys.compared(fields))
    picked = roles(fields, [verdict.field for verdict in (*kept, *others)])
    talks = [field for field in fields if field.is_own and any(map(is_conversation, field.values))
             and field.are(list)]
    talks = [field for field in talks if field is not picked.fields.get("user_text")
             or max(len(value) for value in _lists(field).values) > 1]
    calls = [_lists(field) for field in fields if field.is_own and _are_calls(field)]
    return Draft(seen, where, note, picked, kept, others, listed,
                 max(map(_lists, talks), key=lambda field: sum(map(len, field.values)),
                     default=None),
                 calls[0] if calls else None, len(seen.rows) if not where else 0)


def _lists(field: Field) -> Field:
    """The field without the few of its values that are no lists."""
    return field._replace(values=[value for value in field.values if isinstance(value, list)])


def _are_calls(field: Field) -> bool:
    parts = [part for value in field.values if isinstance(value, list) for part in value[:5]]
    return bool(parts) and all(isinstance(part, dict) and call_keys(part) for part in parts)


def call_keys(part: dict) -> tuple[str, str] | None:
    """The keys of the name and of the arguments of a tool call, or None."""
    name = next((key for key in ("name", "tool", "tool_name", "function", "fn", "action")
                 if isinstance(part.get(key), str | dict)), None)
    arguments = next((key for key in ("arguments", "args", "parameters", "params", "kwargs",
                                      "tool_input", "input") if key in part), None)
    return (name, arguments or name) if name and (arguments or name == "function") else None
