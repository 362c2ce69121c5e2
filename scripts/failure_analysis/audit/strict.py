"""Failures that differ from what is expected in their form alone: the answer, the arguments of the
calls, or nothing at all."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

from failure_analysis.audit import asks, normal, required
from failure_analysis.audit.candidates import Candidate, candidate, variant
from failure_analysis.audit.final import final
from failure_analysis.audit.items import Item
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.values import number
from failure_analysis.audit.whole import Whole
from failure_analysis.datapoint import is_number
from failure_analysis.tool_checks import parsed_arguments

# Where an expectation of several parts holds its answer, and where it holds several that do.
_ANSWERS = ("answer", "final_answer", "target", "gold", "expected_answer", "correct_answer",
            "ground_truth", "label", "solution", "output", "value", "expected", "result")
_ANY_OF = ("aliases", "references", "alternatives", "acceptable", "acceptable_answers",
           "possible_answers", "targets")
_CALLS = ("actions", "calls", "tool_calls", "required_calls", "expected_calls", "expected_actions",
          "required_actions", "function_calls")
# What a dimension is called that judges whether the answer is right, or the calls are.
RIGHT = re.compile(r"correct|accura|match|solved|answer|right|score|success|pass|outcome|equal|"
                   r"valid|\bem\b|\bf1\b|resolved|goal|verdict|judg|grade|gold|result", re.I)
_DONE = re.compile(r"\bdb\b|database|state|action|tool|call|reward|task|write|done|complet|valid",
                   re.I)
_EXACTLY = re.compile(r"\bexact(?:ly)?\b|\bverbatim\b|\bword for word\b", re.I)
_MOST_SHOWN = 6
_MARKS = frozenset(("boxed", "tag", "hashes", "json", "says", "fence", "line"))
SAYS = {
    "equal": "word for word what is expected",
    "white_space": "what is expected but for white space",
    "wrapping": "what is expected but for quotes, marks around it or a full stop",
    "case": "what is expected but for capitals", "number": "the expected number, written otherwise",
    "unit": "the expected number; one of the two names the unit that the question names",
    "date": "the expected day, written otherwise",
    "option": "the expected option, named by its letter or its text",
    "latex": "what is expected, written in LaTeX or out of it",
    "assignment": "what is expected, with the name of the unknown",
    "json": "the expected JSON value", "list": "the expected list, written otherwise",
    "set": "the expected members in another order, which is free",
}


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The failures of one item that differ from what is expected in form alone."""
    failed = [row for row in item.rows if row.outcome == "fail"]
    if not failed or item.expected is None:
        return
    wanted = calls_wanted(item.expected)
    if wanted:
        yield from _calls(item, failed, wanted)
    else:
        yield from _answers(item, failed)


def golds(expected: Any) -> list[str]:
    """The answers that are expected, each of which will do; none where it cannot be told."""
    if isinstance(expected, Mapping):
        named = [name for name in (*_ANSWERS, *_ANY_OF) if expected.get(name) not in (None, "")]
        any_of = [text for name in named if name in _ANY_OF and isinstance(expected[name], list)
                  for text in expected[name] if isinstance(text, str | int | float)]
        single = [expected[name] for name in named if name in _ANSWERS]
        if len(single) > 1 or not (named or expected):
            return []
        whole = [] if named else [expected]
        return list(map(normal.written, [*single, *any_of, *whole]))
    return [normal.written(expected)]


def _will_do(item: Item) -> list[str]:
    """The answers of which each will do: of a list those in it, where somebody passed with one."""
    expected = item.expected
    if not isinstance(expected, list) or not all(isinstance(one, str) for one in expected):
        return golds(expected)
    one_passed = any(normal.alike(ending, gold, item.question) for row in item.rows
                     if row.outcome == "pass" and (ending := final(row.answer).text)
                     for gold in expected)
    return expected if one_passed and len(expected) > 1 else golds(expected)


def rules(row: Seen, wanted: Sequence[str], question: str, usual: str,
          passing: Set[str] = frozenset()) -> str:
    """By which rule a row's answer is one of those that are wanted; blank if it is none. `usual`
    is how the item's other responses mark their final answer, which may be asked for where we
    do not see it; with `passing` ways of marking it others passed, so that these will do."""
    ending = final(row.answer)
    for gold in wanted:
        short = final(gold).text or gold
        same = row.answer == gold and "equal" or normal.alike(row.answer, short, question)
        inner = "" if same or ending.how in ("", "whole") else normal.alike(
            ending.text, short, question)
        if not (same or inner) or usual not in ("", ending.how):
            continue
        asked = asks.forms(question)
        if inner and ending.how not in passing and asked & {"only", "exact"}:
            continue
        if not {"boxed", "tag", "hashes"} & asked - {ending.how}:
            return same or ("wrapping" if inner == "equal" else inner)
    return ""


def _answers(item: Item, failed: Sequence[Seen]) -> Iterator[Candidate]:
    """Failing answers that are what is expected."""
    wanted, question = _will_do(item), item.question
    by_rule: dict[str, list[Seen]] = {}
    marks: Counter[tuple[str, str]] | None = None
    for row in failed:
        if row.made or not row.answer.strip() or not about(row, RIGHT):
            continue
        if not rules(row, wanted, question, "", _MARKS):
            continue
        if marks is None:
            marks = Counter((other.outcome, final(other.answer).how) for other in item.rows)
            passing = {how for outcome, how in marks if outcome == "pass"}
        others = marks - Counter([(row.outcome, final(row.answer).how)])
        rule = rules(row, wanted, question, _usual(others), passing)
        if rule:
            by_rule.setdefault(rule, []).append(row)
    for rule, rows in by_rule.items():
        sides = {normal.key(row.answer, case=True): row for row in reversed(rows)}
        shown = [variant("failed", row.answer, [one for one in rows if normal.key(
            one.answer, case=True) == text]) for text, row in list(sides.items())[:_MOST_SHOWN]]
        yield candidate(item, "strict_match", rule,
                        f"{len(rows)} failed with {SAYS[rule]}.",
                        [variant("expected", " | ".join(wanted)), *shown], rows,
                        failed=len(rows), of=len(item.rows))


def _usual(others: Counter[tuple[str, str]]) -> str:
    """How the other responses mark their final answer (all that passed, else most of all), where
    it is with a sign that a prompt will have asked for; blank otherwise. `others` counts them by
    outcome and mark."""
    passed, counts = Counter(), Counter()
    for (outcome, how), count in others.items():
        counts[how] += count
        if outcome == "pass":
            passed[how] += count
    if len(passed) == 1:
        counts = passed
    how, count = counts.most_common(1)[0] if counts else ("", 0)
    signs = ("boxed", "tag", "hashes", "json")
    return how if how in signs and count > 1 and count * 2 > counts.total() else ""


def about(row: Seen, names: re.Pattern) -> bool:
    """Whether what the row failed is a dimension with such a name, or its only one."""
    judged = [name for name, value in row.scores.items() if isinstance(value, bool)
              or is_number(value)]
    if len(judged) < 2 or not row.failed:
        return True
    said = [name for name in row.failed if names.search(name.replace("_", " "))]
    held = [name for name in judged if row.scores[name] is True
            and names.search(name.replace("_", " "))]
    return bool(said) and not held


def about_calls(row: Seen) -> bool:
    """Whether all that the row failed is what its calls decide, or its only dimension."""
    judged = [name for name, value in row.scores.items() if value is not None]
    return len(judged) < 2 or not row.failed or all(
        _DONE.search(name.replace("_", " ")) for name in row.failed)


class Wanted(NamedTuple):
    """A call that is expected; `compared` names its arguments that count (None: all)."""

    by: str
    tool: str
    arguments: Any
    compared: tuple[str, ...] | None


def calls_wanted(expected: Any) -> list[Wanted]:
    """The calls that are expected; none where nothing says any, or not in a form we know."""
    listed = expected if isinstance(expected, list) else next(
        (expected[name] for name in _CALLS if isinstance(expected.get(name), list)
         and expected[name]), []) if isinstance(expected, Mapping) else []
    wanted = [_wanted(call) for call in listed]
    return [call for call in wanted if call] if all(wanted) else []


def _wanted(call: Any) -> Wanted | None:
    inner = call.get("function") if isinstance(call, Mapping) else None
    inner = inner if isinstance(inner, Mapping) else call
    if not isinstance(inner, Mapping):
        return None
    tool = next((inner[name] for name in ("name", "tool", "function", "tool_name")
                 if isinstance(inner.get(name), str)), None)
    given = [inner[name] for name in ("arguments", "args", "kwargs", "parameters", "input")
             if name in inner]
    if tool is None or not given:
        return None
    compared = inner.get("compare_args")
    return Wanted(str(inner.get("requestor") or "assistant"), tool, parsed_arguments(given[0]),
                  tuple(compared) if isinstance(compared, list) else None)


def _calls(item: Item, failed: Sequence[Seen], wanted: Sequence[Wanted]) -> Iterator[Candidate]:
    """Failing rows that made every call that is expected and no other write."""
    done: dict[str, list[Seen]] = {"arguments": [], "all_done": []}
    for row in failed:
        rule = _made_all(row, wanted) if about_calls(row) and _only_calls(item, row) else ""
        if rule and not (rule == "arguments" and _EXACTLY.search(item.question)):
            done[rule].append(row)
    says = {"arguments": "made every expected call and no other write; arguments differ in their "
                         "form alone", "all_done": "made every expected call as it is expected "
                                                   "and no other write"}
    text = "\n".join(f"{call.tool} {normal.written(call.arguments)}" for call in wanted)
    for rule, rows in done.items():
        if rows:
            shown = [variant("failed", "\n".join(
                f"{call.tool} {normal.written(call.arguments)}" for call in row.made), [row])
                for row in rows[:_MOST_SHOWN]]
            yield candidate(item, "strict_match", rule, f"{len(rows)} failed, but {says[rule]}.",
                            [variant("expected", text), *shown], rows, failed=len(rows),
                            of=len(item.rows), calls=len(wanted))


def _only_calls(item: Item, row: Seen) -> bool:
    """Whether nothing but the calls can have failed the row: no part of what is expected that
    stands beside them, nothing that a signal says, and it came to its end."""
    if any(signal.get("kind") in ("not_communicated", "assertion_not_met", "harness_error",
                                  "exception", "executed_again") for signal in row.signals):
        return False
    if row.termination and re.search(r"max|limit|length|timeout|error", row.termination):
        return False
    if not isinstance(item.expected, Mapping):
        return True
    texts = [value for name, value in item.expected.items() if name in _ANSWERS
             and isinstance(value, str | int | float) and value != ""]
    return not texts or all(rules(row, [normal.written(text)], item.question, "")
                            for text in texts)


def _made_all(row: Seen, wanted: Sequence[Wanted]) -> str:
    """`all_done` where every expected call was made as it is expected, `arguments` where some
    differ in form alone; blank where one is missing or failed, out of order, or a write is one
    too many."""
    taken: set[int] = set()
    exact, last = True, -1
    for call in wanted:
        lookup = not required.writes(call.tool)
        places = [place for place, made in enumerate(row.made) if place not in taken
                  and _same_call(call, made) and (lookup or place > last)]
        same = [place for place in places if _given(call, row.made[place]) == call.arguments]
        if not places:
            return ""
        place = (same or places)[0]
        exact = exact and bool(same)
        taken.add(place)
        last = last if lookup else place
    tools = {call.tool for call in wanted}
    extra = [made for place, made in enumerate(row.made) if place not in taken
             and made.by == "assistant" and required.writes(made.tool)
             and not (made.failed and made.tool in tools)]  # tried again, in the end with success
    return "" if extra else "all_done" if exact else "arguments"


def _given(call: Wanted, made: Made) -> Any:
    """The arguments of a call as far as they count."""
    if call.compared is None or not isinstance(made.arguments, Mapping) \
            or not isinstance(call.arguments, Mapping):
        return made.arguments
    return call.arguments | {name: made.arguments.get(name) for name in call.compared}


def _same_call(call: Wanted, made: Made) -> bool:
    """Whether a call is the one that is expected, but for the form of its arguments."""
    return (made.tool == call.tool and made.by == call.by and not made.failed
            and same_argument(call.arguments, _given(call, made), taken=bool(made.result.strip())))


def same_argument(a: Any, b: Any, name: str = "", *, taken: bool = False) -> bool:
    """Whether two argument values differ in form at most: white space, capitals of words (of an
    identifier where the tool has `taken` it), a number as text, JSON as text, a part that is null
    or left out."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return all(same_argument(a.get(key), b.get(key), str(key), taken=taken)
                   for key in {**a, **b})
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same_argument(x, y, name, taken=taken)
                                        for x, y in zip(a, b, strict=True))
    if isinstance(a, bool) or isinstance(b, bool):
        return str(a).casefold() == str(b).casefold() and not (is_number(a) or is_number(b))
    if isinstance(a, str) and isinstance(b, str):
        return _same_text(a, b, name, taken)
    numbers = [number(str(value)) if isinstance(value, str) or is_number(value) else None
               for value in (a, b)]
    if all(numbers):
        return numbers[0] == numbers[1]
    if isinstance(a, str) != isinstance(b, str):
        a, b = (parsed_arguments(value) if isinstance(value, str) and value[:1] in "[{" else value
                for value in (a, b))
        return not isinstance(a, str) and not isinstance(b, str) and same_argument(
            a, b, name, taken=taken)
    return a == b


def _same_text(a: str, b: str, name: str, taken: bool) -> bool:
    """Texts that are equal but for white space and a full stop; but for capitals too where no
    identifier may be meant; numbers of one value."""
    a, b = (" ".join(text.split()) for text in (a, b))
    if a == b:
        return True
    if re.search(r"(^|_)(code|key|password|token|hash|path|query|regex|command)s?$", name):
        return False
    numbers = [number(text) for text in (a, b)]
    if all(numbers):
        return numbers[0] == numbers[1] and not (a[:1] == "0" != b[:1] or b[:1] == "0" != a[:1])
    if a.rstrip(".") == b.rstrip("."):
        return True
    identifier = re.search(r"\d|_|^[A-Z]{2,}$", a + b) and " " not in a
    return (taken or not identifier) and a.rstrip(".").casefold() == b.rstrip(".").casefold()
