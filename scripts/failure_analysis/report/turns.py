"""What the second reader sees of a datapoint: what was asked and answered, the last calls, the step
in which it broke, and each recorded quote in its place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from failure_analysis.clean import visible
from failure_analysis.report.evidence import Evidence
from failure_analysis.review import ledger, parts
from failure_analysis.review.timeline import Timeline, calls, step_at, steps_of

_REQUEST, _ANSWER, _JUDGE, _EXPECTED, _CALL, _AROUND, _STEP = 400, 500, 400, 300, 200, 160, 600
_MOST_CALLS = 8


def where(review: ledger.Review) -> str:
    """What a review says of steps and agents; blank where it says nothing."""
    said = (("step", review.step), ("agent", review.agent), ("second", review.second),
            ("also", ", ".join(review.also)), ("fix", review.fix))
    named = "; ".join(f"{name} {text}" for name, text in said if text)
    return f" Where it broke: {visible(named)}" if named else ""


def turn(row: Mapping[str, Any], reviews: Sequence[ledger.Review], evidence: Evidence
         ) -> Iterator[str]:
    """What was asked, answered and wanted, the last calls with their results, the judge's words,
    the steps that readers name, and each recorded quote with what stands around it."""
    row_parts, line = (of(row["datapoint_id"]) for of in (evidence.parts, evidence.line))
    by_name = {part.name: part.text for part in row_parts}
    for name, most in (("question", _REQUEST), ("answer", _ANSWER), ("expected", _EXPECTED),
                       ("judge", _JUDGE)):
        if text := by_name.get(name):
            yield f"{name}: {short(text, most)}"
    yield from _last_calls(line, by_name)
    for place in dict.fromkeys(review.step for review in reviews if review.step):
        yield from _step(place, line, by_name)
    for quote in dict.fromkeys(quote for review in reviews for quote in review.quotes):
        name = parts.where(quote, row_parts)
        text = " ".join(by_name.get(name, "").split())
        place = text.find(parts.folded(quote))
        if name and place >= 0 and name not in ("question", "answer"):
            start = max(0, place - _AROUND)
            at = steps_of(line).get(name)
            yield f"quoted, from {f'step {at[0]}' if at else name}: " \
                  f"…{text[start:place + len(quote) + _AROUND]}…"


def _last_calls(line: Timeline, by_name: Mapping[str, str]) -> Iterator[str]:
    """The last calls, each at its place (17.0), with their results."""
    made = [call for call in calls(line) if call.call or call.result]
    if len(made) > _MOST_CALLS:
        yield f"({len(made) - _MOST_CALLS} calls before these)"
    for call in made[-_MOST_CALLS:]:
        for name, text in ((call.place, by_name.get(call.call)),
                           (f"{call.place} result", by_name.get(call.result))):
            if text:
                yield f"{name}: {short(text, _CALL)}"


def _step(place: str, line: Timeline, by_name: Mapping[str, str]) -> Iterator[str]:
    """A step that readers name: its words, its calls and their results."""
    step = step_at(place, line)
    texts = [by_name.get(name, "") for name in (
        step.part, *(name for call in step.calls for name in (call.call, call.result)))] \
        if step else []
    if step:
        yield f"step {place} ({step.agent}): " + short(" | ".join(filter(None, texts)), _STEP)


def short(text: str, most: int) -> str:
    """The beginning and the end of a text on one line; a text little longer stays whole."""
    plain = " ".join(text.split())
    return plain if len(plain) <= 3 * most // 2 else \
        f"{plain[:2 * most // 3]} […] {plain[-most // 3:]}"
