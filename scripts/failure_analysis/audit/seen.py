"""What the audit keeps of a datapoint: what was asked, answered, done and judged, in one form for
all formats."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from failure_analysis import tool_calls, tool_checks
from failure_analysis.checks import text_of
from failure_analysis.patterns import re_compile

SORTED_JSON = msgspec.json.Encoder(order="deterministic").encode
_LONGEST = 60_000  # characters of a text; what is longer is told apart by its hash
LONGEST_RESULT = 4_000
_FEWEST_TURNS, _LAST = 2, 8
_MOST_DIGITS = 300  # of a number; Python refuses to read one of 4,300
_NUMBER = re_compile(rf"\d{{{_MOST_DIGITS + 1},}}")
_FAILED = re_compile(r"\w*(error|exception)\b|error|exception|traceback|failed")
_SAYS = re_compile(r'"(?:error|ok|success)"\s*:')
_NO_ERROR = ('error": null', 'error":null', 'error": false', 'error": ""', 'errors": []')


class Made(msgspec.Struct, frozen=True, array_like=True, eq=False):
    """A tool call that was made: by whom (`assistant`, or `user` for a simulated one's), its
    result as text (cut, with a hash of the whole), whether the tool failed, the call's id, or that
    of the result where no call is recorded for it."""

    by: str
    tool: str
    arguments: Any
    result: str
    result_hash: str
    failed: bool
    ident: str | None = None


class Seen(msgspec.Struct, frozen=True, array_like=True, eq=False):
    """A datapoint. `answer` is the final one; `spoken` all that the model said, turn by turn, where
    it spoke more than once (else blank)."""

    ident: str
    run: str
    model: str
    trial: int
    outcome: str
    failed: list[str]
    scores: dict[str, bool | float | None]
    reward: float | None
    task: str | None
    question: str
    answer: str
    spoken: str
    expected: Any
    made: list[Made]
    signals: list[dict]
    termination: str | None
    judge: str
    tokens: float | None
    turn: int | None = None
    terms: str = ""  # the sentences of the system message that list or bound what is allowed
    heard: list[str] = []  # what the user said after its first turn, each cut; the last of them


def seen(row: Mapping[str, Any]) -> Seen:
    """A datapoint as the audit sees it."""
    messages = [message for message in _listed(row.get("messages")) if isinstance(message, dict)]
    words = [text for message in messages if message.get("role") == "assistant"
             if (text := _text(text_of(message.get("content")))).strip()]
    answer = row.get("assistant_text")
    return Seen(
        row["datapoint_id"], row["run_id"], row.get("model_name") or "", row["trial"],
        row["outcome"], row["failed_dimensions"], row.get("scores") or {}, row.get("reward"),
        row.get("task"), _cut(_text(row.get("user_text"))),
        _cut(_text(answer) if answer is not None else (words[-1] if words else "")),
        _cut("\n\n".join(words)) if len(words) > 1 else "", _cut_within(row.get("expected")),
        [_made(call, result) for call, result in _all_calls(row, messages)],
        row.get("signals") or [], row.get("termination"), _cut(_text(row.get("judge_reasoning"))),
        row.get("completion_tokens"),
        turn if type(turn := row.get("turn")) is int else None,
        _terms(_text(text_of(messages[0].get("content"))))
        if messages and messages[0].get("role") in ("system", "developer") else "",
        _heard(messages) if len(messages) > _FEWEST_TURNS else [])


def _heard(messages: list[dict]) -> list[str]:
    """The last turns of the user after its first."""
    users = [message for message in messages if message.get("role") == "user"][1:]
    return [_text(text_of(message.get("content")))[:_MOST_DIGITS] for message in users[-_LAST:]]


_TERM = re_compile(r"\w, ?[\w'\"`-]+,? (?:or|and) |\bone of\b|"
                   r"\b(?:from|between|at most|than|to) \d|s are [\w'\"`]+,|\bmust be\b|\||"
                   r"\"enum\"")


@lru_cache(1 << 7)
def _terms(text: str) -> str:
    """The short sentences of a system message that list or bound what is allowed."""
    return " ".join(part for part in re.split(r"(?<=[.;])\s+|\n+", text[:_LONGEST])
                    if len(part) < _MOST_DIGITS and _TERM.search(part))[:LONGEST_RESULT]


def _all_calls(row: Mapping[str, Any], messages: list[dict]) -> list[tuple[Any, Any]]:
    """The calls of the row, each with its result; those of its messages where there are more, as
    the row may list the model's alone and not the simulated user's."""
    said = [call if role == "assistant" or "requestor" in call else {**call, "requestor": role}
            for message in messages if (role := message.get("role")) in ("assistant", "user")
            for call in _listed(message.get("tool_calls")) if isinstance(call, dict)]
    listed = {**row, "tool_results": row.get("tool_results") or [
        message for message in messages if message.get("role") == "tool"]}
    if len(said) > len(_listed(row.get("tool_calls"))):
        listed["tool_calls"] = said
    return list(tool_calls.paired(listed)) if listed.get("tool_calls") else []


def _listed(value: Any) -> list:
    return value if isinstance(value, list) else []


def _made(call: Any, result: Any) -> Made:
    text = tool_calls.result_text(result)
    by = call.get("requestor") if isinstance(call, dict) else None
    return Made(by if isinstance(by, str) else "assistant", tool_calls.name(call),
                _cut_within(tool_checks.parsed_arguments(tool_calls.arguments(call))),
                _cut(text[:LONGEST_RESULT]),
                _hash(text), has_failed(result, text),
                tool_calls.ident(call) or tool_calls.ident(result))


def has_failed(result: Any, text: str) -> bool:
    """Whether a tool says that it failed: in a field of its own, in the object that it returns, or
    with the first word."""
    if isinstance(result, dict) and result.get("error"):
        return True
    start = text.lstrip().lstrip('{["').lower()
    if _FAILED.match(start) and not start.startswith(_NO_ERROR):
        return True
    if text[:1] == "{" and _SAYS.search(text):
        said = tool_checks.parsed_arguments(text)
        return isinstance(said, dict) and (bool(said.get("error")) or said.get("ok") is False
                                           or said.get("success") is False)
    return False


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    """The text; one that is too long, or a number of so many digits in it, is cut, and told apart
    by a hash of the whole."""
    if len(text) <= _MOST_DIGITS:
        return text
    # A number of so many digits has one of them at one of these places.
    if any(map(str.isdigit, text[_MOST_DIGITS::_MOST_DIGITS + 1])):
        text = _NUMBER.sub(lambda found: f"{found[0][:_MOST_DIGITS]}…{_hash(found[0])}", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… {_hash(text)}"


def _cut_within(value: Any) -> Any:
    """A value with its texts cut, wherever they stand in it."""
    if isinstance(value, str):
        return value if len(value) <= _MOST_DIGITS else _cut(value)
    if isinstance(value, dict):
        return {key: inner if type(inner) is str and len(inner) <= _MOST_DIGITS
                else _cut_within(inner) for key, inner in value.items()}
    return [_cut_within(inner) for inner in value] if isinstance(value, list) else value


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
