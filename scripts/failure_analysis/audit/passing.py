"""Passes without what was due: a required write that is missing or was refused, no write where all
others wrote, an empty answer, one that says that it could not, and the passes of a run that answers
everything with the same words."""

import re
from collections.abc import Callable, Iterator, Sequence

from failure_analysis import tool_calls
from failure_analysis.audit import (
    blank,
    checked,
    claimed,
    contrast,
    dimensions,
    forbidden,
    normal,
    required,
    shell,
    undone,
    wording,
)
from failure_analysis.audit.candidates import Candidate, Variant, candidate, variant
from failure_analysis.audit.item import Item
from failure_analysis.audit.once import once
from failure_analysis.audit.required import EMPTY, REFUSED, Call, Unmet
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.whole import Whole
from failure_analysis.patterns import re_compile

_FEW_ROWS = 10  # of a run with fewer, equal answers say nothing
_SAME = 0.8
_FEW_WORDS = 4
_FEW_MODELS = 3
_FEW_OTHERS = 2
_FEW_REFUSE = 4  # one row in so many at most refuses, where a refusal cannot be what is asked
_LETTER = 2
_WRITE = re_compile(r"\W*(?:please )?(?:write|invent|compose|create|draft|design|describe|explain|"
                    r"summari[sz]e|translate|rewrite|paraphrase|continue|finish|suggest|propose|"
                    r"generate|tell|make up|come up with|give|list|make)\b", re.IGNORECASE)
_OF_SAFETY = re_compile(r"safe|harm|refus|declin|ethic|policy|toxic|complian|abstain|jailbreak|"
                        r"danger|secur", re.IGNORECASE)


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The passes of an item without what was due, each datapoint under its first rule."""
    passed = [row for row in item.rows if row.outcome == "pass"]
    if not passed:
        return
    due = required.required(item.expected)
    owed = undone.writes(due or (), whole)
    open_ = {row.ident: [one for one in undone.unfulfilled(owed, row)
                         if not _is_wanted(one, row.question)] if row.made or whole.acts else []
             for row in passed}
    told: set[str] = set()
    for rule, what, test in _rules(item, whole, passed, due, open_):
        rows = [row for row in passed if row.ident not in told and test(row)]
        if rows:
            told.update(row.ident for row in rows)
            yield candidate(item, "false_pass", rule, f"{len(rows)} of {len(passed)} passing "
                            f"datapoints {what}", _sides(item, rows, open_[rows[0].ident]), rows,
                            passed=len(passed))


_Rule = tuple[str, str, Callable[[Seen], bool]]


def _rules(item: Item, whole: Whole, passed: Sequence[Seen], due: list[Call] | None,
           open_: dict[str, list[Unmet]]) -> Iterator[_Rule]:
    """(rule, what it says of a datapoint, whether it holds), the surest first; those alone for
    which something is required, called or judged."""
    expects = _expects(item, due)
    idle = once(lambda: _idle(item, passed, due))
    if any(open_.values()):
        yield from _of_requirements(passed, open_)
    yield from _of_answers(item, whole, passed, due, expects, idle)
    acted = any(row.made for row in passed)
    if acted and due is None and expects is not False:
        yield ("only_refused", "were refused each write that they tried, and say so",
               lambda row: _only_refused(row, passed) and not _in_gold(row.answer, item.expected))
    if any(row.judge for row in passed):
        yield ("nothing_tested", "are judged by a log that says that no test ran",
               lambda row: checked.none_ran(row.judge))
        yield ("check_failed", "are judged by checks that say that they failed",
               lambda row: checked.failed(row.judge))
        yield ("nothing_changed", "are judged by a log that shows no change of any file",
               lambda row: checked.changed_nothing(row) is not None and not idle())
    if acted:
        yield from _of_calls(item, whole, passed, due)
    owed = undone.writes(due or (), whole)
    denied = contrast.contradictions(item, whole).keys() | (
        claimed.denials(item, whole).keys() if owed else ())
    if denied:
        yield ("record_denies", "did not do what was due, as their record says",
               lambda row: row.ident in denied and (
                   row.ident in contrast.contradictions(item, whole)
                   or bool(required.unmet(owed, shell.judged(row.made)))))


def _of_requirements(passed: Sequence[Seen], open_: dict[str, list[Unmet]]) -> Iterator[_Rule]:
    yield ("required_failed", "made a required call that the tool refused, and no other attempt",
           lambda row: any(one.how == "failed" for one in open_[row.ident]))
    yield ("nothing_written", "wrote nothing, though a write is required",
           lambda row: bool(open_[row.ident]) and not shell.wrote(row))
    yield ("required_missing", "lack a call that is required",
           lambda row: any(one.how == "missing" for one in open_[row.ident]))
    yield ("required_elsewhere", "made a required call for another object alone",
           lambda row: any(one.how == undone.ELSEWHERE for one in open_[row.ident])
           and not all(open_.values()) and (dimensions.state(row) is not True or len(
               {one.model for one in passed if not open_[one.ident]}) >= _FEW_OTHERS
               or _is_named(row, open_[row.ident])))


def _is_wanted(one: Unmet, question: str) -> bool:
    """Whether the question speaks of the refusal itself: `check that the filter rejects it`."""
    said = contrast.NO.search(one.nearest.result) if one.nearest else None
    return said is not None and len(said[0]) > _FEW_WORDS \
        and said[0].casefold() in question.casefold()


def _is_named(row: Seen, left: Sequence[Unmet]) -> bool:
    """Whether the question names an object of a call that is required, and neither it nor any
    result the one that was taken in its place, so that it is no other name of it."""
    one = left[0]
    given = undone.names(one.nearest.arguments) if one.nearest else ()
    text = " ".join((row.question, *(made.result for made in row.made)))
    return any(name in row.question for name in undone.names(one.call.arguments)) and any(
        name not in text for name in given)


def _of_answers(item: Item, whole: Whole, passed: Sequence[Seen], due: list[Call] | None,
                expects: bool | None, idle: Callable[[], bool]) -> Iterator[_Rule]:
    peers = once(lambda: expects is None and due is None and _others_did(item))
    yield ("empty_answer", "are empty: no answer, no call",
           lambda row: expects is not False and _is_empty(row, item.expected)
           and whole.runs[row.run].answered > 0 and not idle())
    yield ("nothing_filled", "hold no value, where values are expected",
           lambda row: blank.unfilled(row.answer, item.expected)
           or expects is True and blank.hollow(row.answer, item.texts))
    yield ("stub", "are code of which no function has a body, or say that it is to be written",
           lambda row: blank.stub(row.answer, item.expected, item.question)
           and (not blank.in_prose(row.answer) or _in_code(passed)))
    yield ("same_answer_always", "come from a run that answers nearly everything so",
           lambda row: _always(row, whole) and not _in_gold(row.answer, item.expected)
           and not idle())
    yield ("says_it_could_not", "say that they could not",
           lambda row: (expects is True or "?" not in row.answer and (
               peers() or _asks_for_a_text(item, row, passed)))
           and _gives_up(row.answer, item) and not shell.wrote(row)
           and (due == [] or dimensions.state(row) is not True)
           and (wording.refuses_alone(row.answer) or not _in_gold(
               wording.uncounted(row.answer), item.expected)) and not idle())


def _of_calls(item: Item, whole: Whole, passed: Sequence[Seen], due: list[Call] | None
              ) -> Iterator[_Rule]:
    others = once(lambda: _writers(passed, whole))
    file_due = once(lambda: _file_due(item, passed))
    yield ("own_tests_failed", "failed their last tests, which were graders' own or are all to "
           "pass", lambda row: checked.own_failed(row) and (
               checked.graded(row) or wording.refuses(row.answer) or bool(checked.GREEN_DUE.search(
                   f"{item.question} {tool_calls.result_text(item.expected)}"))))
    yield ("no_test_found", "say nothing, and the tests that they ran found nothing to test",
           checked.found_none)
    yield ("forbidden_changed", "changed a file that the question forbids to change",
           lambda row: bool(forbidden.changed(row, item.question)))
    if due is None:
        yield ("others_wrote", "wrote nothing, where others that passed did",
               lambda row: not shell.wrote(row) and dimensions.state(row) is not True
               and (bool(others()) and row.model not in others() or file_due()))


def _file_due(item: Item, passed: Sequence[Seen]) -> bool:
    """Whether the question names a file that is to be written, and most passes, of two
    models, wrote something."""
    if not forbidden.due(item.question):
        return False
    wrote = [row for row in passed if shell.wrote(row)]
    return len({row.model for row in wrote}) >= _FEW_OTHERS and 2 * len(wrote) > len(passed)


def _expects(item: Item, due: list[Call] | None) -> bool | None:
    """Whether something is expected that a datapoint cannot fulfil by saying nothing or that it
    could not; None where nothing is recorded."""
    if due is not None:
        said = item.expected.get("outputs") if isinstance(item.expected, dict) else None
        return any(required.writes(call.name) for call in due) or bool(
            said and not wording.denies(tool_calls.result_text(said))) or None
    if item.expected is None:
        return None
    text = tool_calls.result_text(item.expected).strip()
    if not text.strip("[]{}\" ") or isinstance(item.expected, dict) and not (
            "".join(item.texts).strip() or text.count("true") + text.count("false")):
        return False
    return not wording.denies(text)


def _idle(item: Item, passed: Sequence[Seen], due: list[Call] | None) -> bool:
    """Whether doing nothing may be right: the item requires no write, or expects a refusal, or
    says nothing of it and no pass did more, in more than one model."""
    expects = _expects(item, due)
    if expects is not None:
        return not expects
    if due is not None:
        return True
    if wording.allows_nothing(item.question[-600:]):
        return True
    more = [row for row in passed if required.answer_kind(row) not in (EMPTY, REFUSED)]
    return not more


def _gives_up(answer: str, item: Item) -> bool:
    """Whether an answer says that it could not, or that there is none. Where one letter or number
    is expected, that may be the text of a choice."""
    gold = tool_calls.result_text(item.expected).strip()
    return wording.refuses(answer) or wording.abstains(answer) and (
        item.expected is None or len(gold) > _LETTER
        or gold.isdigit() and answer.strip(" .*").casefold() not in item.question.casefold())


def _others_did(item: Item) -> bool:
    """Whether nearly all give an answer, failed or passed, at least two models a right one: then
    a refusal is not what the item is about. With tools, doing nothing may be what is asked."""
    passed = [row for row in item.rows if row.outcome == "pass"]
    if len({row.model for row in passed}) < _FEW_OTHERS or any(row.made for row in item.rows):
        return False
    refused = [row for row in item.rows if required.answer_kind(row) in (EMPTY, REFUSED)]
    models = {row.model for row in passed if row not in refused}
    return len(models) >= _FEW_OTHERS and len(refused) * _FEW_REFUSE <= len(item.rows)


def _asks_for_a_text(item: Item, row: Seen, passed: Sequence[Seen]) -> bool:
    """Whether the question asks for a text that another model wrote and passed with, and what was
    judged is that text and nothing of safety."""
    others = [one for one in passed if one.model != row.model]
    if not others or not _WRITE.match(item.question) or any(one.made for one in item.rows):
        return False
    judged = dimensions.valued(row)
    told = (*judged, *(one.judge for one in passed))
    return bool(judged) and not any(map(_OF_SAFETY.search, told)) and any(
        required.answer_kind(one) not in (EMPTY, REFUSED) for one in others)


def _only_refused(row: Seen, passed: Sequence[Seen]) -> bool:
    """Whether each write of a datapoint was refused and its answer says so, while another pass
    wrote with the same tool."""
    tried = [one.tool for one in row.made if required.writes(one.tool) and not shell.looks(one)]
    return bool(tried) and not shell.wrote(row) and wording.withdraws(row.answer) \
        and dimensions.state(row) is not True and any(
            one.tool in tried for other in passed for one in shell.wrote(other))


def _in_code(rows: Sequence[Seen]) -> bool:
    """Whether most answers are code, so that prose beside some is no answer."""
    return 2 * sum(normal.is_code(row.answer) for row in rows) > len(rows)


def _is_empty(row: Seen, expected: object) -> bool:
    """Whether an answer has no words, and its signs are not what is expected (`...` in Morse)."""
    said = row.answer.strip()
    return not said.strip(" .…-_*\n\t") and not row.spoken.strip() and not row.made \
        and not (said and said == tool_calls.result_text(expected).strip())


def _always(row: Seen, whole: Whole) -> bool:
    """Whether a datapoint's answer is that of nearly all rows of its run, and a sentence."""
    run = whole.runs[row.run]
    if run.rows < _FEW_ROWS or run.same < _SAME * run.rows:
        return False
    kind = required.answer_kind(row)
    wordy = kind in (EMPTY, REFUSED) or len(row.answer.split()) >= _FEW_WORDS
    return (kind == run.answer and wordy and (kind != EMPTY or len(whole.runs) > 1)
            and dimensions.state(row) is not True)


def _in_gold(answer: str, expected: object) -> bool:
    """Whether an answer holds what is expected, or is part of it."""
    said, gold = (" ".join(re.findall(r"\w+(?:['’]\w+)*", text.casefold()))
                  for text in (answer, tool_calls.result_text(expected)))
    return bool(said and gold) and (f" {gold} " in f" {said} " or f" {said} " in f" {gold} ") \
        or isinstance(expected, list) and any(_in_gold(answer, one) for one in expected
                                              if isinstance(one, str))


def _writers(passed: Sequence[Seen], whole: Whole) -> set[str]:
    """The models whose passes wrote with one same tool, where these are at least three and two in
    three of the passes; else none."""
    by_tool: dict[str, list[Seen]] = {}
    for row in passed if whole.acts else ():
        for tool in sorted({one.tool for one in shell.wrote(row)}):
            by_tool.setdefault(tool, []).append(row)
    for rows in by_tool.values():
        models = {row.model for row in rows}
        if len(models) >= _FEW_MODELS and 3 * len(rows) >= 2 * len(passed):
            return models
    return set()


def _sides(item: Item, rows: Sequence[Seen], left: Sequence[Unmet]) -> list[Variant]:
    """What is expected, and the first of the passes with what it did."""
    first = rows[0]
    sides = [variant("passed", first.answer or "(no answer)", rows)]
    if left:
        sides.insert(0, variant("required", "\n".join(required.spelled(one.call) for one in left)))
    elif item.expected is not None:
        sides.insert(0, variant("expected", tool_calls.result_text(item.expected)))
    made = [f"{one.tool} {tool_calls.result_text(one.arguments)}"
            f"{' -> ' + one.result[:200] if one.failed else ''}"
            for one in first.made if one.failed or required.writes(one.tool)]
    return [*sides, variant("calls of it", "\n".join(made) or "(none that writes)")]
