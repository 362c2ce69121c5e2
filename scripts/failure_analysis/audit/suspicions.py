"""Where a datapoint does not do what its contract requires: suspicions, each a named rule, for rows
with a verdict and for rows without one. A failure says so already: it only stands beside."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from failure_analysis import tool_checks
from failure_analysis.audit import said_texts
from failure_analysis.audit.candidates import Candidate, candidate, variant
from failure_analysis.audit.contract import Contract, Coverage, Entry
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.whole import Whole
from failure_analysis.datapoint import UNSURE
from failure_analysis.records import MARKERS
from failure_analysis.tool_checks import Call, Check

CLASS = "suspicion"
_ENDED = "ended_session"
_LABELS = {"pass": "passed", "fail": "failed", "unjudged": "not judged"}
_NOTHING = frozenset(MARKERS.values()) - {_ENDED, "length"}
_MOST_SIDES = 6
# By the kind of the signal. What only looks something up is a rule of its own: few graders ask.
_CALL_RULES = {"missing_action": "required_call_missing", "wrong_arguments": "arguments_differ",
               "missing_lookup": "required_lookup_missing", "extra_write": "extra_write",
               "wrong_lookup_arguments": "lookup_arguments_differ"}
_SAYS = {
    "missing_row": "Runs have no row of this turn, and rows of later ones.",
    "empty_answer": "The answer is empty.",
    "ended_session": "The session ends here, and the contract has further turns.",
    "required_call_missing": "A call that the contract requires was not made.",
    "arguments_differ": "A call that the contract requires was made with other arguments.",
    "required_lookup_missing": "A look-up that the contract requires was not made.",
    "lookup_arguments_differ": "A look-up that the contract requires was made with other "
                               "arguments.",
    "extra_write": "A call that may change something was made, and the contract has none such.",
    "text_of_another_turn": "The answer has words of the golden answer of another item or turn, "
                            "and none of its own.",
    "against_own_result": "The answer gives another value than the tool result of the same turn.",
    "golden_value_missing": "The answer has no number, date, time or id of the golden answer.",
    "not_in_knowledge": "The answer has a time, a date or an id that stands in nothing that the "
                        "model was given or asked.",
}


class Doubt(NamedTuple):
    """What a rule sees in a datapoint: the rule, what the contract wants, what there is."""

    rule: str
    wanted: str
    got: str


class Reach(NamedTuple):
    """A contract on its way through the items: the runs that have no row yet of an item that was
    met, and how many datapoints have no entry."""

    contract: Contract
    absent: dict[str, frozenset[str]]
    without_entry: list[int]


def find(item: Item, whole: Whole, contract: Contract) -> Iterator[Candidate]:
    """The suspicions of one item, at most one of each rule."""
    entry = contract.entries.get(item.ident)
    if entry is None:
        return
    doubts: dict[str, dict[tuple[str, Doubt], list[Seen]]] = {}
    for row in item.rows:
        for doubt in _doubts(entry, row, whole, contract):
            doubts.setdefault(doubt.rule, {}).setdefault((row.outcome, doubt), []).append(row)
    for rule, sides in doubts.items():
        disputed = [row for (outcome, _), rows in sides.items() if outcome != "fail"
                    for row in rows]
        if disputed:
            yield _of_rows(item, rule, sides, disputed)
    yield from _forbidden(item, entry)


def _of_rows(item: Item, rule: str, sides: dict[tuple[str, Doubt], list[Seen]],
             disputed: list[Seen]) -> Candidate:
    """A candidate of a rule: what is wanted, and what the datapoints have, side by side."""
    disputed = list({row.ident: row for row in disputed}.values())
    wanted = dict.fromkeys(doubt.wanted for _, doubt in sides if doubt.wanted)
    shown = [variant("contract", text) for text in list(wanted)[:_MOST_SIDES]]
    shown += [variant(_LABELS[outcome], doubt.got, rows)
              for (outcome, doubt), rows in list(sides.items())[:_MOST_SIDES]]
    return candidate(item, CLASS, rule, _SAYS[rule], shown, disputed, rows=len(item.rows),
                     unjudged=sum(row.outcome == "unjudged" for row in disputed))


def _doubts(entry: Entry, row: Seen, whole: Whole, contract: Contract) -> Iterator[Doubt]:
    """What the rules see in one datapoint, once for each thing that they see."""
    said = answer(row)
    yield from _ends(entry, row, said, whole, contract)
    yield from _calls(entry, row)
    if said:
        for rule in (said_texts.of_another, said_texts.against_result,
                     said_texts.without_values, said_texts.unknown):
            for name, wanted, got in rule(entry, row, said, contract):
                yield Doubt(name, wanted, got)


def answer(row: Seen) -> str:
    """What the model said; blank where it said nothing, or a marker stands for it."""
    text = row.answer.strip()
    return "" if row.termination in _NOTHING or text.startswith(tuple(MARKERS)) else text


def _ends(entry: Entry, row: Seen, said: str, whole: Whole, contract: Contract
          ) -> Iterator[Doubt]:
    """No answer, and a session that ends before the contract does."""
    silent = bool(row.made) and entry.golden in (None, "") and not row.answer.strip()
    if not said and row.termination != _ENDED and not silent:
        yield Doubt("empty_answer", said_texts.spelled(entry.golden), row.answer)
    if entry.turn is None or entry.turn >= (contract.last_turn or 0):
        return
    if row.termination == _ENDED or whole.turns.get(row.run, entry.turn) <= entry.turn:
        yield Doubt("ended_session", f"turns up to {contract.last_turn}", row.answer)


def _calls(entry: Entry, row: Seen) -> Iterator[Doubt]:
    """Calls that are missing, differ or were not asked for. What the contract does not name in an
    argument is free, and so is how a value is written."""
    if entry.required is None:
        return
    named: dict[str, list] = {}
    for call in (*entry.required, *entry.allowed):
        named.setdefault(call.name, []).append(call.arguments)
    made = [_reduced(Call(one.by, one.tool, one.arguments, one.failed), named)
            for one in row.made]
    required = [_reduced(call, named) for call in entry.required]
    checks = [*tool_checks.match(required, made),
              *(Check(_reduced(call, named), True) for call in entry.allowed)]
    for signal in tool_checks.differences(checks, made):
        rule = _CALL_RULES[signal["kind"]]
        wanted = entry.required if rule == "extra_write" else [
            call for call, reduced in zip(entry.required, required, strict=True)
            if (reduced.name, reduced.arguments) == (signal["name"], signal["arguments"])][:1]
        places = signal.get("places", [signal["place"]] if "place" in signal else [])[:1]
        yield Doubt(rule, "\n".join(_spelled(call.name, call.arguments) for call in wanted)
                    or "no call", "\n".join([tool_checks.sentence(signal), *(
                        _spelled(row.made[place].tool, row.made[place].arguments)
                        for place in places)]))


def _spelled(name: str, arguments: Any) -> str:
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def _reduced(call: Call, named: dict[str, list]) -> Call:
    """A call with what the contract names for its tool, in one form."""
    return call._replace(arguments=_like(call.arguments, named.get(call.name, ())))


def _like(value: Any, wanted: Sequence[Any]) -> Any:
    """A value without the keys that none of those that are wanted has."""
    maps, lists = ([one for one in wanted if isinstance(one, kind)] for kind in (dict, list))
    if isinstance(value, dict) and maps:
        return {key: _like(inner, [one[key] for one in maps if key in one])
                for key, inner in value.items() if any(key in one for one in maps)}
    if isinstance(value, list) and lists:
        return [_like(inner, [part for one in lists for part in one]) for inner in value]
    return _form(value)


def _form(value: Any) -> Any:
    """A value of which only the form was taken: case, white space, a number as text."""
    if isinstance(value, dict):
        return {name: _form(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_form(inner) for inner in value]
    if isinstance(value, str):
        text = " ".join(value.split()).casefold()
        number = said_texts.number(text)
        return text if number is None else number
    return float(value) if type(value) is int and abs(value) < 2**53 else value


def _forbidden(item: Item, entry: Entry) -> Iterator[Candidate]:
    """The contract forbids by an exact statement what its golden answer has."""
    found = next(said_texts.forbidden(entry), None)
    if found is not None:
        statement, golden = found
        yield candidate(item, CLASS, "prompt_forbids_golden",
                        "What the model was told forbids what the golden answer has.",
                        [variant("told", statement), variant("golden answer", golden)],
                        item.rows, rows=len(item.rows))


def note(reach: Reach, item: Item, whole: Whole) -> None:
    """Takes from the runs that should have a row of an item those that have one."""
    if (entry := reach.contract.entries.get(item.ident)) is None:
        reach.without_entry[0] += len(item.rows)
    else:
        there = {row.run for row in item.rows}
        reach.absent[item.ident] = reach.absent.get(item.ident, _due(entry, whole)) - there


def missing(reach: Reach, whole: Whole) -> Iterator[Candidate]:
    """The turns that runs have no row for, though they have later ones."""
    for entry in reach.contract.entries.values():
        if runs := sorted(reach.absent.get(entry.item, _due(entry, whole))):
            yield candidate(Item(entry.item, UNSURE, [], {}), CLASS, "missing_row", _SAYS[
                "missing_row"], [variant("runs without it", "\n".join(runs))], [], runs=len(runs))


def _due(entry: Entry, whole: Whole) -> frozenset[str]:
    """The runs that should have a row of a turn; of an item by itself none has to."""
    return frozenset(run for run, last in whole.turns.items()
                     if entry.turn is not None and last > entry.turn)


def coverage(reach: Reach, whole: Whole) -> Coverage:
    """How the contract and the datapoints met."""
    return Coverage(len(reach.contract.entries), len(reach.contract.entries) - len(reach.absent),
                    whole.rows, reach.without_entry[0])
