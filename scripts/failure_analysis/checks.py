"""Whether a row has the shape of a datapoint, whatever format it came from."""

import json
from datetime import UTC, datetime
from typing import Any

from failure_analysis.datapoint import is_number

_MILLISECONDS = 1e11  # as seconds, the year 5138
_EXACT = 2**53  # from here on, floats skip whole numbers
_TEXT, _LIST = frozenset((str, type(None))), frozenset((list, dict, type(None)))
# What a row's known fields may be; rows come from JSON, so the types are exact.
KINDS = {name: _TEXT for name in (
    "user_text", "assistant_text", "judge_reasoning", "reasoning", "model_name", "grader",
    "termination")}
LISTS = ("tool_calls", "tool_results", "messages")
KINDS |= {name: _LIST for name in LISTS}


def wrong(row: Any) -> str | None:
    """The reason why a parsed line cannot be a row, or None."""
    if not isinstance(row, dict):
        return f"a JSON {type(row).__name__} where an object was expected"
    for name, value in row.items():
        kinds = KINDS.get(name)
        if kinds is not None and type(value) not in kinds:
            return f"{name} is a {type(value).__name__}, " \
                   f"{'text' if kinds is _TEXT else 'a list'} was expected"
    turn = row.get("turn")
    if turn is None:
        turn = row.get("item_id")
    whole = type(turn) is int or (type(turn) is float and turn.is_integer()
                                  and abs(turn) < _EXACT)
    if not whole and (type(turn) is not str or not turn):
        return "turn (or item_id) is missing or neither a whole number nor a text"
    trial = row.get("trial")
    if trial is not None and (type(trial) is not int or trial < 0):
        return "trial is not a whole number from 0"
    return wrong_scores(row.get("scores"), row.get("reward"))


def wrong_scores(scores: Any, reward: Any) -> str | None:
    """The reason why scores or reward cannot be read, or None."""
    if reward is not None and not is_number(reward):
        return "reward is no finite number"
    if scores is None:
        return None
    if not isinstance(scores, dict):
        return f"scores is a {type(scores).__name__}, an object was expected"
    for name, score in scores.items():
        if type(name) is not str:
            return "scores has a name that is no text"
        if not (score is None or score is True or score is False or is_number(score)):
            return f"scores.{name} is {type(score).__name__}, true, false, null or a number was " \
                   "expected"
    return None


def tidy(row: dict) -> tuple[str, ...]:
    """Brings turn, tool lists, task and failure class to their one form, in place; says what was
    changed."""
    notes = ()
    turn = row.get("turn")
    if type(turn) is float or (type(turn) is str and turn.isascii() and turn.isdigit()
                               and len(turn) < 10):
        row["turn"] = int(turn)
        notes += ("turn was no whole number in the source",)
    elif type(turn) is str:
        row["turn"], row["item_id"] = None, row.get("item_id") or turn
        notes += ("turn was a name, not a number, in the source",)
    for name in LISTS:
        if type(row.get(name)) is dict:
            row[name] = [row[name]]
            notes += (f"{name} was one object where a list was expected",)
    for name in ("task", "failure_class"):
        if type(row.get(name)) not in (str, type(None)):
            row[name] = json.dumps(row[name])
            notes += (f"{name} was no text in the source",)
    return notes


def text_of(content: Any) -> Any:
    """A message's text: chat APIs write it as a string or as a list of parts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content


def epoch(value: Any) -> float | None:
    """Epoch seconds of a time as runs record it: ISO text (without a zone: UTC, on every machine),
    seconds, or milliseconds; None when it is none of these."""
    try:
        if is_number(value):
            seconds = float(value) / (1000 if value > _MILLISECONDS else 1)
        else:
            time = datetime.fromisoformat(value)
            seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < _MILLISECONDS else None
