"""Failures that differ from what is expected in their form alone: the answer, the arguments of the
calls, or nothing at all."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from failure_analysis.audit import (
    arguments,
    asks,
    dimensions,
    judged_form,
    normal,
    required,
    shell,
)
from failure_analysis.audit.alike import alike
from failure_analysis.audit.candidates import Candidate, candidate, variant
from failure_analysis.audit.demands import printed_otherwise
from failure_analysis.audit.final import final
from failure_analysis.audit.golds import ANSWERS, SAID, nothing_to_say, scalars
from failure_analysis.audit.golds import inner as inner_of
from failure_analysis.audit.item import Item
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.values import number
from failure_analysis.audit.whole import Whole
from failure_analysis.patterns import re_compile

# Where an expectation holds several answers that will do.
_ANY_OF = ("aliases", "references", "alternatives", "acceptable", "acceptable_answers",
           "possible_answers", "targets")
# Calls that only read where they go.
_READS = re_compile(r"(^|_)(open|visit|click|browse|go_?to|navigate|scroll|load|download|python|"
                    r"code|calculator|web)(_|$)", re.I)
EXACTLY = re_compile(
    r"\bexact(?:ly)?\b(?=\s*(?:[:'\"‘“`]|as\b|like\b|this\b|these\b|the (?:following|text|word|"
    r"string|name|message|sub|title|path)|(?:text|words?|wording|string|spelling|format|message|"
    r"title|casing|capitali)\w*\b|(?:what|how) ))|\b(?:read|say|word|spell|writ|call|nam|titl|"
    r"enter|typ)\w*\b[^.?!]{0,30}\bexactly\b|\bverbatim\b|\bword for word\b|\bletter for letter\b",
    re.I)
# A question that wants one thing after the other, and tools after which the next one starts from
# somewhere else.
_ONE_BY_ONE = re_compile(r"\b(then|after(wards)?|before|once|first(ly)?|second(ly)?|next|finally|"
                         r"last(ly)?|followed by|steps?)\b", re.I)
_MOVES = re_compile(
    r"(^|_)(cd|ch_?dir|push|pop|append|insert|enqueue|press|type|click|move|go|turn|rotate|step|walk|"
    r"drive|navigate|open|close|start|stop|play|pause|log_?in|log_?out|switch|select|write|undo|"
    r"redo|print|speak|run|exec(ute)?|sql|commit|scroll|drag|fill)(_|$)", re.I)
_FAULT = re_compile(r"\s*HTTP[ /\d.]* [45]\d\d\b")  # a result that says that nothing was done
_OTHER_FAULTS = frozenset(("not_communicated", "assertion_not_met", "harness_error", "exception"))
_MOST_SHOWN = 6
_LONGEST_NAME = 60
MARKS = frozenset(("boxed", "tag", "hashes", "json", "says", "fence", "line"))
SAYS = {
    "equal": "word for word what is expected",
    "white_space": "what is expected but for white space",
    "wrapping": "what is expected but for quotes, marks around it or a full stop",
    "case": "what is expected but for capitals",
    "formula": "the expected formula, with other capitals or blanks",
    "number": "the expected number, written otherwise",
    "unit": "the expected number; one of the two names the unit that the question names",
    "date": "the expected day, written otherwise",
    "duration": "the expected length of time, written otherwise",
    "option": "the expected option, named by its letter or its text",
    "latex": "what is expected, written in LaTeX or out of it",
    "assignment": "what is expected, with the name of the unknown",
    "article": "what is expected but for an article before it",
    "accents": "what is expected but for accents",
    "title": "the expected person, with or without a title, or the family name first",
    "boolean": "the expected truth value in another word",
    "scaled": "the expected amount, in another unit",
    "escaped": "what is expected, of which one of the two is escaped",
    "parted": "the expected code, number or address but for the signs between its parts",
    "layout": "the expected elements, table or mapping, laid out otherwise",
    "code": "the expected code in other quotes",
    "json": "the expected JSON value", "list": "the expected list, written otherwise",
    "outputs": "all that is expected to be said, in words with which others passed",
    "set": "the expected members in another order, which is free",
}

_SAYS_CALLS = {
    "arguments": "made every expected call and no other write; arguments, or names of tools, "
                 "differ in their form alone",
    "all_done": "made every expected call as it is expected and no other write",
    "order": "made every expected call and no other write, in another order, which nothing asks "
             "for"}


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The failures of one item that differ from what is expected in form alone."""
    failed = [row for row in item.rows if row.outcome == "fail"]
    yield from judged_form.blanks(item, failed)
    yield from judged_form.fences(item, failed)
    yield from judged_form.green(item, failed)
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
        if (inner := inner_of(expected)) is not None:
            return golds(inner)
        named = [name for name in (*ANSWERS, *_ANY_OF) if expected.get(name) not in (None, "")]
        any_of = [text for name in named if name in _ANY_OF and isinstance(expected[name], list)
                  for text in expected[name] if isinstance(text, str | int | float)]
        single = [expected[name] for name in named if name in ANSWERS]
        if len(single) > 1 or not (named or expected):
            return []
        whole = [] if named else [expected]
        return list(map(normal.written, [*single, *any_of, *whole]))
    return [normal.written(expected)]


def will_do(item: Item) -> list[str]:
    """The answers of which each will do: of a list those in it, where somebody passed with one or
    they are names of one thing."""
    expected = item.expected
    if isinstance(expected, str) and ("|" in expected or " or " in expected):
        names = [name.strip() for name in re.split(r"\|\|?|\s+or\s+", expected)]
        return [expected, *names] if _are_names_of_one(names, item.question) else [expected]
    if not isinstance(expected, list) or not all(isinstance(one, str) for one in expected):
        return golds(expected)
    folded = [f" {normal.core(name).casefold()} " for name in expected]
    if any(a != b and a in b for a in folded for b in folded) \
            and _are_names_of_one(expected, item.question):
        return expected
    one_passed = any(alike(ending, gold, item.question) for row in item.rows
                     if row.outcome == "pass" and (ending := final(row.answer).text)
                     for gold in expected)
    return expected if one_passed and len(expected) > 1 else golds(expected)


def _are_names_of_one(names: Sequence[str], question: str) -> bool:
    """Whether these may be names of one thing: short, no values, and the question does not ask
    for several."""
    return all(name and len(name) < _LONGEST_NAME and not set("=\n") & set(name) and not number(
        name) for name in names) and not asks.members(question) and not _SEVERAL.search(question)


_SEVERAL = re_compile(r"\b(?:all|both|each|every|list|two|three|four|five|and|array|json)\b", re.I)


def rules(row: Seen, wanted: Sequence[str], question: str, usual: str,
          passing: Set[str] = frozenset()) -> str:
    """By which rule a row's answer is one of those that are wanted; blank if it is none. `usual`
    is how the item's other responses mark their final answer, which may be asked for where we
    do not see it; with `passing` ways of marking it others passed, so that these will do."""
    ending = final(row.answer)
    for gold in wanted:
        short = final(gold).text or gold
        same = row.answer == gold and "equal" or alike(row.answer, short, question)
        bare = ending.how == "whole" and "<" not in row.answer
        inner = "" if same or bare or not ending.how else alike(ending.text, short, question)
        if not (same or inner) or usual not in ("", ending.how) \
                or inner and ending.how == "whole" and not same and "<think" not in row.answer:
            continue
        if "number" in (same, inner) and printed_otherwise(question, ending.text, short):
            continue
        asked = asks.forms(question)
        if "fenced" in asked and "```" in gold and "```" not in row.answer:
            continue
        if inner and ending.how not in passing and asked & {"only", "exact", "bare"}:
            continue
        if not {"boxed", "tag", "hashes"} & asked - {ending.how}:
            return same or ("wrapping" if inner == "equal" else inner)
    return ""


def in_form(item: Item, failed: Sequence[Seen], wanted: Sequence[str]) -> dict[str, list[Seen]]:
    """Failing rows whose answer is what is expected, by the rule by which it is."""
    question = item.question
    by_rule: dict[str, list[Seen]] = {}
    marks: Counter[tuple[str, str]] | None = None
    # With these others passed, whose verdict was on their answer alone.
    tried = {made.tool for row in item.rows if row.outcome == "pass"
             and len(dimensions.judged(row)) < dimensions.SEVERAL for made in row.made}
    said = isinstance(item.expected, Mapping) and any(map(item.expected.__contains__, SAID))
    for row in failed:
        of_form = not (dimensions.about(row) or said and dimensions.about_words(row))
        if not row.answer.strip() or of_form and not _of_form(row, wanted, question) \
                or not all(_reads(made, wanted) or made.tool in tried for made in row.made):
            continue
        if not rules(row, wanted, question, "", MARKS):
            continue
        if marks is None:
            marks = Counter((other.outcome, final(other.answer).how) for other in item.rows)
            passing = {how for outcome, how in marks if outcome == "pass"}
        others = marks - Counter([(row.outcome, final(row.answer).how)])
        rule = rules(row, wanted, question, _usual(others), passing)
        if rule:
            by_rule.setdefault(rule, []).append(row)
    return by_rule


def _answers(item: Item, failed: Sequence[Seen]) -> Iterator[Candidate]:
    """Failing answers that are what is expected."""
    wanted = will_do(item)
    found = in_form(item, failed, wanted)
    if not found and (rows := _said_all(item, failed)):
        found = {"outputs": rows}
    for rule, rows in found.items():
        sides = {normal.key(row.answer, case=True): row for row in reversed(rows)}
        shown = [variant("failed", row.answer, [one for one in rows if normal.key(
            one.answer, case=True) == text]) for text, row in list(sides.items())[:_MOST_SHOWN]]
        yield candidate(item, "strict_match", rule,
                        f"{len(rows)} failed with {SAYS[rule]}.",
                        [variant("expected", " | ".join(wanted)), *shown], rows,
                        failed=len(rows), of=len(item.rows))


def _said_all(item: Item, failed: Sequence[Seen]) -> list[Seen]:
    """Failing rows that said all that is expected to be said, in its order, in the words with which
    others passed, where no call is expected."""
    expected = item.expected
    due = [str(text) for name in SAID if isinstance(expected, Mapping)
           and isinstance(expected.get(name), list) for text in expected[name]]
    if not due or required.required(expected) != []:
        return []
    passed = {normal.key(row.answer) for row in item.rows if row.outcome == "pass"}
    in_order = re_compile(".*".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in due), re.S)
    return [row for row in failed if normal.key(row.answer) in passed
            and dimensions.about_words(row) and in_order.search(row.answer)]


def _reads(made: Made, wanted: Sequence[str]) -> bool:
    """Whether a call changes nothing, or is a command that writes what it shows and shows what is
    expected, so that the answer is all that was judged."""
    return not required.writes(made.tool) or bool(_READS.search(made.tool)) or shell.looks(made) \
        or bool(shell.command(made)) and made.result.strip() in wanted


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


def calls_wanted(expected: Any) -> list[Call]:
    """The calls that are expected; none where nothing says any, or not in a form we know."""
    return required.required(expected) or []


def _calls(item: Item, failed: Sequence[Seen], wanted: Sequence[Call]) -> Iterator[Candidate]:
    """Failing rows that made every call that is expected and no other write."""
    done: dict[str, list[Seen]] = {rule: [] for rule in _SAYS_CALLS}
    tools = {required.bare_name(call.name) for call in wanted}
    for row in failed:
        rule = _made_all(item, row, wanted) if tools <= {
            required.bare_name(tool) for tool in {made.tool for made in row.made}} \
            and _owes_no_word(item, row) and only_calls(item, row) else ""
        if rule and not (rule == "arguments" and EXACTLY.search(item.question)):
            done[rule].append(row)
    text = "\n".join(f"{call.name} {normal.written(call.arguments)}" for call in wanted)
    for rule, rows in done.items():
        if rows:
            shown = [variant("failed", "\n".join(
                f"{call.tool} {normal.written(call.arguments)}" for call in row.made), [row])
                for row in rows[:_MOST_SHOWN]]
            yield candidate(item, "strict_match", rule,
                            f"{len(rows)} failed, but {_SAYS_CALLS[rule]}.",
                            [variant("expected", text), *shown], rows, failed=len(rows),
                            of=len(item.rows), calls=len(wanted))


def _owes_no_word(item: Item, row: Seen) -> bool:
    """Whether a row failed for what its calls decide, or beside it for what it said alone, in words
    with which another one passed after the same calls."""
    beside = dimensions.beside_calls(row)
    return all(dimensions.of_words(name) or dimensions.of_answer(name) for name in beside) and (
        not beside or row.answer.strip() != "" and dimensions.state(row) is True
        and nothing_to_say(item.expected)
        or any(other.outcome == "pass" and normal.key(other.answer) == normal.key(row.answer)
               and [made.arguments for made in other.made] == [made.arguments for made in row.made]
               for other in item.rows))


def _of_form(row: Seen, wanted: Sequence[str], question: str) -> bool:
    """Whether the row failed its form alone, though the whole of it is what is expected but for
    white space."""
    return dimensions.about_form(row) and any(
        alike(row.answer, gold, question) in ("equal", "white_space", "json")
        and "```" not in row.answer for gold in wanted)


def only_calls(item: Item, row: Seen) -> bool:
    """Whether nothing but the calls can have failed the row: no part of what is expected that
    stands beside them, nothing that a signal says, and it came to its end."""
    if any(signal.get("kind") in _OTHER_FAULTS for signal in row.signals) or re.search(
            r"max|limit|length|timeout|error", row.termination or ""):
        return False
    if not isinstance(item.expected, Mapping):
        return True
    texts = [value for name, value in item.expected.items() if name in ANSWERS
             and isinstance(value, str | int | float) and value != ""]
    return _told(item.expected, row) and all(
        rules(row, [normal.written(text)], item.question, "") for text in texts)


def _told(expected: Mapping, row: Seen) -> bool:
    """Whether the row said all that is expected to be said beside the calls; numbers as numbers."""
    due = [str(text) for name in SAID if isinstance(expected.get(name), list)
           for text in expected[name] if isinstance(text, str | int | float)]
    if not due:
        return True
    said = " ".join((row.spoken or row.answer).split()).casefold().replace(",", "")
    numbers = {value[0] for text in re.findall(r"\d+(?:\.\d+)?", said) if (value := number(text))}
    return all(value[0] in numbers if (value := number(text)) else
               " ".join(text.split()).casefold().replace(",", "") in said for text in due)


def _made_all(item: Item, row: Seen, wanted: Sequence[Call]) -> str:
    """`all_done` where every expected call was made as it is expected, `arguments` where some
    differ in form alone, `order` where free ones were made in another order; blank where one is
    missing or failed, or a write is one too many."""
    asked = asks.forms(item.question)
    taken: set[int] = set()
    exact, last, moved = True, -1, False
    for call in wanted:
        places = [place for place, made in enumerate(row.made) if place not in taken
                  and same_call(call, made, asked, item.question)]
        later = [place for place in places if place > last]
        if not places:
            return ""
        lookup = not required.writes(call.name)
        moved = moved or not (later or lookup)
        places = places if lookup else later or places
        same = [place for place in places
                if row.made[place].tool == call.name
                and required.given(call, row.made[place]) == call.arguments]
        place = (same or places)[0]
        exact = exact and bool(same)
        taken.add(place)
        last = last if lookup else max(last, place)
    tools = {row.made[place].tool for place in taken}
    is_answer = not any(made.result for made in row.made)  # and a look-up a part of it
    same = [row.made[place] for place in taken if row.made[place].ident]
    extra = [made for place, made in enumerate(row.made) if place not in taken
             and made.by == "assistant" and (is_answer or required.writes(made.tool))
             and not shell.looks(made)
             and not any((made.ident, made.tool, made.arguments) == (one.ident, one.tool,
                         one.arguments) for one in same)  # executed again, and not by the model
             and not (made.failed and made.tool in tools)]  # tried again, in the end with success
    if extra or moved and not _order_is_free(item, [row.made[place] for place in taken]):
        return ""
    return "order" if moved else "all_done" if exact else "arguments"


def _order_is_free(item: Item, calls: Sequence[Made]) -> bool:
    """Whether the writes among these calls do the same in any order: the question speaks of none,
    none moves something that the next one starts from, and a row that passed got the same results;
    or they have nothing in common."""
    done = [made for made in calls if required.writes(made.tool)]
    if "order" in asks.forms(item.question) or _ONE_BY_ONE.search(item.question) \
            or any(_MOVES.search("_".join(shell.command(made).split()) or made.tool)
                   or shell.command(made) and not made.result.strip() for made in done):
        return False
    results = {(made.tool, normal.written(made.arguments), made.result_hash) for made in done}
    if any(results <= {(made.tool, normal.written(made.arguments), made.result_hash)
                       for made in row.made} for row in item.rows if row.outcome == "pass"):
        return True
    if any(map(shell.command, done)):
        return False  # of what commands have in common no one can be sure
    given = [value for made in done if isinstance(made.arguments, Mapping)
             for value in {str(value) for value in made.arguments.values()}]
    return len(set(given)) == len(given)


def same_call(call: Call, made: Made, asked: Set[str], question: str) -> bool:
    """Whether a call is the one that is expected, but for the form of its arguments; capitals of
    an identifier are form where the tool has taken it, none where the question or the call itself
    tells them apart."""
    named = required.same_tool if made.result else required.same_name  # no tool took another one
    if made.by != call.by or not named(made.tool, call.name) or shell.failed(made) \
            or _FAULT.match(made.result):
        return False
    if made.arguments == call.arguments:
        return True
    given = arguments.uncounted(required.given(call, made), arguments.counts(question))
    return arguments.same(call.arguments, given, "",
                          capitals(call.arguments, made.result, asked),
                          ordered="order" in asked or arguments.is_sequence(call.name))


def capitals(wanted: Any, result: str, asked: Set[str]) -> arguments.Capitals:
    """Where capitals of these arguments count: in all where the question or the arguments tell
    them apart, else in identifiers and codes, of which the former are form where a tool took
    them."""
    values = {text for text in scalars(wanted) if not text.isdigit()}
    if "case" in asked or len({text.casefold() for text in values}) < len(values):
        return "all"
    return "codes" if result.strip() else "identifiers"
