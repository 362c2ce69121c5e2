"""The one row schema: the fields of a datapoint, its outcome, its id, its fingerprint."""

import hashlib
import json
import math
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, TypedDict

from failure_analysis.clean import HIDDEN
from failure_analysis.patterns import re_compile

Outcome = Literal["pass", "fail", "unjudged"]


class Datapoint(TypedDict, total=False):
    """One judged answer; references/row-schema.md explains each field. Null: not recorded."""

    datapoint_id: str
    benchmark: str
    run_id: str
    model_name: str
    item_id: str
    item_fingerprint: str
    task: str | None
    trial: int
    turn: int | None
    user_text: str | None
    assistant_text: str | None
    messages: list | None
    signals: list | None
    tool_calls: list | None
    tool_results: list | None
    expected: Any
    scores: dict[str, bool | int | float | None] | None
    reward: float | None
    grader: str | None
    judge_reasoning: str | None
    failure_class: str | None
    reasoning: str | None
    termination: str | None
    prompt_tokens: float | None
    completion_tokens: float | None
    latency_ms: float | None
    cost_usd: float | None
    params: dict[str, float | str] | None
    outcome: Outcome
    failed_dimensions: list[str]
    source: dict
    error_mode_candidate: str | None
    error_mode_rule: str | None


FIELDS = tuple(Datapoint.__annotations__)
NESTED = frozenset(("messages", "signals", "tool_calls", "tool_results", "expected", "scores",
                    "params", "failed_dimensions", "source"))
NUMBERS = ("prompt_tokens", "completion_tokens", "latency_ms", "cost_usd")
# The fields that are worked out for every row, whatever its source says.
COMPUTED = frozenset((
    "datapoint_id", "benchmark", "run_id", "model_name", "item_id", "item_fingerprint", "task",
    "trial", "turn", "outcome", "failed_dimensions", "reward", "grader", "termination", *NUMBERS,
    "source",
))
CSV_COLUMNS = tuple(f"{name}_json" if name in NESTED else name for name in FIELDS)
# Endings by which the harness broke and not the model. An unjudged row with one of them is not
# counted by its benchmark, which is another thing than a judgement that is missing.
NOT_COUNTED = frozenset(("infrastructure_error", "unexpected_error"))
# The kinds of `signals`: facts that a reader of a format worked out, which rules test and of which
# the account in `judge_reasoning` is rendered.
SIGNALS = frozenset((
    "missing_action", "missing_lookup", "wrong_arguments", "wrong_lookup_arguments", "extra_write",
    "wrong_database", "not_communicated", "assertion_not_met", "tool_errors_in_a_row",
    "unexpected_transfer", "executed_again", "tool_errors", "no_tool_called", "harness_error",
    "exception", "no_metric", "buggy_by_reviewer", "reviewer_says"))
# One slim line per datapoint of every outcome.
OUTCOME_COLUMNS = (
    "datapoint_id", "run_id", "model_name", "item_id", "item_fingerprint", "task", "trial", "turn",
    "outcome", "reward", "failed_dimensions", "scores_json", "termination", "grader",
    "prompt_tokens", "completion_tokens", "latency_ms", "cost_usd", "params_json",
)
# One line per further grading of a datapoint that is already in outcomes.csv.
GRADING_COLUMNS = (
    "datapoint_id", "run_id", "model_name", "item_id", "trial", "grader", "outcome", "verdict",
    "failed_dimensions", "scores_json",
)
_ID_LENGTH = 200
# What most are: the code below would leave each as it is, more slowly.
_PLAIN_ID = re_compile(r"[!-;=?-Z\\^_a-z|~]{1,200}")
_ID_ENDS = " <>`{}"
_HIDDEN = re_compile(f"[{HIDDEN}]")
NOTHING_EXPECTED = "0" * 8
NOTHING_RECORDED = NOTHING_EXPECTED * 2
# In the place of a fingerprint: nobody can tell of which item the row is. It counts in rates alone,
# and is the same item as no other row, even one with the same item_id.
UNSURE = "f" * 16


def outcome_of(
    scores: Mapping[str, Any] | None, reward: float | None, threshold: float | None
) -> tuple[Outcome, list[str]]:
    """The outcome and the failed dimensions: fail when a score is false or the reward is below
    the threshold, pass when something was judged and nothing failed, else unjudged."""
    failed = [name for name, score in scores.items() if score is False] if scores else []
    if failed:
        return "fail", failed
    if reward is not None and threshold is not None:
        return ("fail" if reward < threshold else "pass"), failed
    if scores and any(score is True for score in scores.values()):
        return "pass", failed
    return "unjudged", failed


def records_run(row: Mapping[str, Any]) -> bool:
    """Whether anything of what the model said or did is recorded, if only that it said nothing."""
    return any(row.get(name) not in (None, []) for name in (
        "assistant_text", "messages", "tool_calls", "reasoning"))


def is_for_readers(outcome: Outcome, termination: str | None) -> bool:
    """Whether a row stands whole in the packet: it failed, or nobody has judged it, though its
    benchmark would count it."""
    return outcome == "fail" or (outcome == "unjudged" and termination not in NOT_COUNTED)


@lru_cache(1 << 13)
def safe_id(text: str) -> str:
    """The text as part of a datapoint id or fact key: one line, no white space, control or hidden
    characters, nothing that ends a comment, a tag, a code span or a placeholder, no bracket without
    its partner (a citation stands in brackets), at most 200 characters. A text that had to be
    changed gains a hash, so that ids stay distinct."""
    if _PLAIN_ID.fullmatch(text):
        return text
    plain = "".join(char if char.isprintable() and char not in _ID_ENDS else " " for char in text)
    safe = re.sub(" +", "_", _HIDDEN.sub(" ", plain))[:_ID_LENGTH]
    if not _is_nested(safe):
        safe = re.sub(r"[\[\]]", "_", safe)
    if safe == text and text:
        return safe
    return f"{safe}~{hashlib.blake2b(_encode(text), digest_size=4).hexdigest()}"


def _is_nested(text: str) -> bool:
    """Whether each bracket has its partner."""
    depth = 0
    for char in re.findall(r"[\[\]]", text):
        depth += 1 if char == "[" else -1
        if depth < 0:
            return False
    return depth == 0


def fingerprint(asked: Any, expected: Any) -> str:
    """A hash of what was really asked (first 8 digits) and expected (last 8). White space in texts
    is folded; null, absent and empty are the same, and so are JSON and the text of it where it is
    expected: one file has it as a value, another one in a cell."""
    return _digest8(_folded(asked)) + _digest8(_folded(_unquoted(expected)))


def _unquoted(expected: Any) -> Any:
    """What is expected, the text of a JSON object or list as its value."""
    if not isinstance(expected, str) or not expected.lstrip().startswith(("{", "[")):
        return expected
    try:
        return json.loads(expected)
    except (ValueError, RecursionError):
        return expected


def text_fingerprint(text: str) -> str:
    """`fingerprint(text, None)` for items that are one text alone, without the JSON step."""
    folded = " ".join(text.split())
    return hashlib.blake2b(_encode(folded), digest_size=4).hexdigest() + NOTHING_EXPECTED


def is_number(value: Any) -> bool:
    """True for a finite int or float that is no bool; an int beyond every float is none either."""
    kind = type(value)
    return (kind is int and abs(value) <= sys.float_info.max) or \
        (kind is float and math.isfinite(value))


def natural_key(text: str) -> tuple[list[tuple[int, int | str]], str]:
    """Sorts turn 2 before turn 10, and task names by their numbers; no two texts tie."""
    parts = re.split(r"([0-9]{1,18})", text)
    return [(0, int(part)) if part.isdigit() and part.isascii() else (1, part)
            for part in parts], text


def _digest8(value: Any) -> str:
    if value is None:
        return NOTHING_EXPECTED
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.blake2b(_encode(text), digest_size=4).hexdigest()


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, Mapping):
        folded = {str(key): _folded(item) for key, item in value.items()}
        return {key: item for key, item in folded.items() if item is not None} or None
    if isinstance(value, list | tuple):
        return [_folded(item) for item in value] or None
    return value
