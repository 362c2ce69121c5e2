"""A verdict where a file has none: an answer and the right one, both short, beside each other."""

from collections.abc import Sequence

from failure_analysis.drafting.field_names import NAMES, pick, spellings
from failure_analysis.drafting.survey import Field, quoted
from failure_analysis.drafting.verdicts import Verdict

_ANSWERS = ("pred", "prediction", "predicted", "predicted_answer", "parsed_answer",
            "extracted_answer", "model_answer", "model_prediction", "chosen", "choice",
            "predicted_label", "pred_answer", "final_answer", "response", "output", "answer")
_SHORT = 40


def compared(fields: Sequence[Field]) -> list[Verdict]:
    """`answer == right answer`, when both are of one kind; a guess."""
    answer = pick(fields, _ANSWERS, lambda field: _is_short(field) and
                  spellings(field)[0] != "answer") or pick(fields, _ANSWERS, _is_short)
    if answer is None:
        return []
    gold = pick(fields, [*NAMES["expected"], "correct"], lambda field: _is_short(field) and
                _are_alike(answer, field), [answer])
    if gold is None:
        return []
    text = " == ".join(".".join(map(quoted, map(str, field.path))) for field in (answer, gold))
    outcomes: list[bool | None] = [
        given == right for given, right in zip(answer.by_row, gold.by_row, strict=True)]
    field = Field(text, ("correct",), answer.depth, True, list(outcomes), list(outcomes),
                  answer.rows)
    note = "CHECK: nothing in it says right or wrong; are equal answers right?"
    return [Verdict(field, "correct", {}, outcomes, [note], 1)]


def _is_short(field: Field) -> bool:
    """True for short texts and numbers under a path of names, of which there are several."""
    return field.are(str, int, float) and all(isinstance(step, str) for step in field.path) and \
        all(len(str(value)) <= _SHORT for value in field.values) and field.expression == \
        ".".join(field.path)


def _are_alike(answer: Field, gold: Field) -> bool:
    """True for values of one type that are partly the same, or a letter each."""
    if {type(value) for value in answer.values} != {type(value) for value in gold.values}:
        return False
    if gold.share < 0.9:
        return False
    letters = all(isinstance(value, str) and len(value) == 1
                  for field in (answer, gold) for value in field.values)
    return letters or bool({*map(str, answer.values)} & {*map(str, gold.values)})
