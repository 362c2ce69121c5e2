"""What a model says that it did, held against the record: a change claimed that was never made, or
was refused by its tool; and runs that failed for a missing sentence alone."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from failure_analysis import tool_calls
from failure_analysis.audit import required, wording
from failure_analysis.audit.candidates import Candidate, Variant, candidate, variant
from failure_analysis.audit.items import Item
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.values import number
from failure_analysis.audit.whole import Whole

_WORDS = re.compile(r"communicat|(^|[^a-z])"
                    r"(told|tell|inform|informed|said|say|mention|output|response|reply)s?"
                    r"([^a-z]|$)", re.I)


_AMOUNT = re.compile(r"[$€£]\s?\d|\d\s?(?:dollars|euros?|usd|eur)\b", re.I)


class Claim(NamedTuple):
    """A sentence that claims what the record denies, and what the record says."""

    sentence: str
    record: str


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The claims in an item that the record denies, and the failures for words alone."""
    due = required.required(item.expected) or []
    denied = {row.ident: claim for row in item.rows if (claim := _denied(row, due, whole))}
    for outcome, rule in (("pass", "claimed_passed"), ("fail", "claimed_failed")):
        rows = [row for row in item.rows if row.outcome == outcome and row.ident in denied]
        if rows:
            verdict = "passed" if outcome == "pass" else "failed, as they should"
            yield candidate(
                item, "claimed_done", rule, f"{len(rows)} datapoints say that something has been "
                f"done which the record denies, and {verdict}.", _sides(rows, denied),
                rows if outcome == "pass" else ())
    rows = [row for row in item.rows if _only_words(row, due)]
    if rows:
        yield candidate(
            item, "claimed_done", "only_words_missing", f"{len(rows)} datapoints left the right "
            "state and failed for what they did not say alone.", _untold(item, rows), rows)


def _sides(rows: Sequence[Seen], denied: dict[str, Claim]) -> list[Variant]:
    claim = denied[rows[0].ident]
    return [variant("says", claim.sentence, rows), variant("recorded", claim.record)]


def _untold(item: Item, rows: Sequence[Seen]) -> list[Variant]:
    untold = [str(signal.get("text")) for signal in rows[0].signals
              if signal.get("kind") == "not_communicated"]
    sides = [variant("failed", rows[0].spoken or rows[0].answer, rows)]
    if untold:
        return [variant("not said", "\n".join(untold)), *sides]
    if isinstance(item.expected, dict):
        told = item.expected.get("outputs") or item.expected.get("communicate_info")
        return [*([variant("to be said", tool_calls.result_text(told))] if told else []), *sides]
    return sides


def _denied(row: Seen, due: Sequence[Call], whole: Whole) -> Claim | None:
    """The first claim of a datapoint that its record denies."""
    if not due and required.state(row) is not False and not (
            row.made and any(map(required.writes, whole.tools))):
        return None  # nothing that is recorded could deny it
    claims = wording.claims(row.spoken or row.answer)
    if not claims:
        return None
    done = required.wrote(row)
    if not done and required.state(row) is False and not row.made:
        return Claim(claims[0][1], "The state is wrong, and no call is recorded.")
    spread = [wording.kinds_of_tool(one.tool)[1] for one in done]
    if not all(spread):
        return None  # a write of which the name does not say what it does may be what is meant
    shielded = frozenset().union(*spread)
    for verb, sentence, own in claims:
        kinds = wording.kinds(verb)
        if kinds & shielded or (not own and _looked_up(verb, row)):
            continue
        record = _record(kinds, row, due, whole, own)
        if record:
            return Claim(sentence, record)
    return None


def _record(kinds: frozenset[str], row: Seen, due: Sequence[Call], whole: Whole, own: bool) -> str:
    """What the record says against a claim of these kinds; blank where it says nothing."""
    refused = [one for one in row.made if one.failed and _does(one.tool, kinds)]
    if refused:
        return "\n".join(map(_refused, refused[:3]))
    if required.state(row) is True or not whole.runs[row.run].acted:
        return ""
    missing = [one.call for one in required.unmet(
        [call for call in due if _does(call.name, kinds)], row.made) if one.how == "missing"]
    if missing:
        return "Never called: " + "\n".join(map(required.spelled, missing[:3]))
    if own and any(_does(tool, kinds) for tool in whole.tools) and not required.wrote(row) \
            and row.made:
        return "No call of the run wrote anything."
    return ""


def _does(tool: str, kinds: frozenset[str]) -> bool:
    """Whether a tool writes, and its name says that it does one of these kinds of change."""
    return required.writes(tool) and bool(wording.kinds_of_tool(tool)[0] & kinds)


def _refused(one: Made) -> str:
    return f"{one.tool} {tool_calls.result_text(one.arguments)} -> {one.result[:300]}"


def _looked_up(verb: str, row: Seen) -> bool:
    """Whether a result that the model has read speaks of the change: it may report what is so."""
    stem = verb[:6].casefold()
    return any(stem in one.result.casefold() for one in row.made if not one.failed)


def _only_words(row: Seen, due: Sequence[Call]) -> bool:
    """Whether a failure is for what was not said alone: the state is right, all writes are done.
    Where there was nothing to write, the words are the task."""
    return (row.outcome == "fail" and bool(row.failed) and all(map(_WORDS.search, row.failed))
            and required.state(row) is True and bool(required.wrote(row))
            and not required.unmet([call for call in due if required.writes(call.name)], row.made)
            and not _said_otherwise(row))


def _said_otherwise(row: Seen) -> bool:
    """Whether an amount is missing, and another one was said in its place, as far as can be seen:
    then the sentence was not missing but wrong."""
    untold = [str(signal.get("text")) for signal in row.signals
              if signal.get("kind") == "not_communicated"]
    return any(map(number, untold)) and bool(_AMOUNT.search(row.spoken or row.answer))
