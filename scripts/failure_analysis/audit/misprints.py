"""Misprints of an item: options that are equal or blank, a question of which a part is missing, and
golds with a misspelt tool, a call that stands twice, signs of markup, code that is none."""

import ast
import html
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from failure_analysis.audit import arguments, golds, normal, required, shell, wording
from failure_analysis.audit.alike import alike
from failure_analysis.audit.candidates import variant
from failure_analysis.audit.cut_golds import one_off
from failure_analysis.audit.faults import Fault, final, judged_models, sides
from failure_analysis.audit.item import Item
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.whole import Whole

_OPTION = re.compile(r"(?m)^[ \t]*\(?([A-J])[).:](?=[ \t]|$)")
_BEHIND = re.compile(r"\n[ \t]*\n|\n(?=\W*(?:your |the |final )?(?:answer|respond|reply|please|"
                     r"choose|select|give|return|output|think)\b)", re.IGNORECASE)
_SLOT = re.compile(
    r"(?<![\\\w{}$^_%])\{\{?\s*(?:question|problem|context|passage|document|article|text|input|"
    r"query|prompt|choices|options|table|story|code|title|sentence|paragraph|name|user|topic|date|"
    r"customer|city|language|[a-z]+(?:_[a-z]+)+)\s*\}?\}(?![\w{}])|\[object Object\]|"
    r"\[insert [^\]\n]{1,30}\]", re.IGNORECASE)
_OF_SLOTS = re.compile(r"\btemplat|placehold|f-?string|\bformat|jinja|\bdef |print\(|`|\bvariable|"
                       r"\bbrac(?:e|ket)|\bslot|mustache|handlebars|javascript|\bsubstitut|\bbug|"
                       r"\bpath\b|\bendpoint|\burl\b|\bapi\b|\broute|\bsql\b|\bset notation",
                       re.IGNORECASE)
_OF_WHAT_LACKS = re.compile(r"\bmissing\b|\black(?:s|ing)?\b|\bomit|\bincomplete\b|\bblank\b|"
                            r"\bprovided\?|\b(?:write|draft|compose|rewrite|paraphrase)\b",
                            re.IGNORECASE)
_SHORT = 5  # words of what is no text of its own
_TWICE = re.compile(r"\b(?:twice|two|second|again|another|both|each|every|double|duplicate|"
                    r"repeat\w*|separate\w*|times|more|copies|all|three|four|five|\d+x)\b",
                    re.IGNORECASE)
_MARKUP = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|eacute|ouml|uuml|auml|#\d{2,5}|"
                     r"#x[0-9a-f]{2,4});|"
                     r"</?(?:b|i|em|strong|sup|sub|br|p|span|div|a)(?: [^<>]*)?/?>|"
                     r"\\u[0-9a-f]{4}|\[\d{1,2}\]\Z|\A\[\[(?=[A-Z])|(?<=\w)\]\]\Z",
                     re.IGNORECASE)
_OF_MARKUP = re.compile(r"\bhtml|\bxml|mark-?up|\bescap|\bentit|\btags?\b|unicode|\bjson|\bcode\b|"
                        r"\bcit(?:e|ation)|\bencod|\bstring|footnote|verbatim|exact|<|&\w+;|\[\d",
                        re.IGNORECASE)
_PYTHON = re.compile(r"(?m)^(?:def |class |async def |@\w)")
_OLD_PYTHON = re.compile(r"(?m)^\s*print\s+[\"'\w%]|^\s*except \w+, ?\w+:|\bxrange\b|\bexec \"|<>")
_FUNCTION = re.compile(r"\bfunction (?:called|named)\s+[`'\"]?([A-Za-z_]\w+)", re.IGNORECASE)


def options_alike(item: Item, whole: Whole) -> Fault | None:
    """The option that is expected is blank, or stands under another letter too."""
    gold = golds.plain(item.expected)
    if gold is None or not any(map(item.question.__contains__, ("C)", "C.", "C:"))):
        return None
    offered = _choices(item.question)
    if len(offered) < 3:
        return None
    letter = golds.LETTER.fullmatch(gold.strip())
    text = offered.get(letter[1]) if letter else gold
    if text is None:
        return None
    if not text.strip():
        others = [other for other in offered.values() if other.strip()]
        return Fault("The option that is expected has no text.", sides(item, gold)) \
            if len(others) > 1 else None
    alike_ = [name for name, other in offered.items() if _folded(other) == _folded(text)]
    return Fault(f"The option that is expected stands under {len(alike_)} letters.",
                 sides(item, gold)) if len(alike_) > 1 else None


def _choices(question: str) -> dict[str, str]:
    """The options that a question lists last, one a line or more, whole; else all in one line."""
    marks, named = list(_OPTION.finditer(question)), {}
    for place, mark in enumerate(marks):
        named = {} if mark[1] == "A" else named
        if mark[1] == chr(ord("A") + len(named)):
            end = marks[place + 1].start() if place + 1 < len(marks) else len(question)
            text = question[mark.end():end]
            named[mark[1]] = (text if place + 1 < len(marks) else _BEHIND.split(text)[0]).strip()
    return named or next(filter(None, map(golds.options, question.splitlines())), {})


def _folded(text: str) -> str:
    return re.sub(r"(?<=[a-z]{3})\.\Z", "", " ".join(text.split()))


def nothing_given(item: Item, whole: Whole) -> Fault | None:
    """The question speaks of a text, a table or a picture, and two thirds of the models, two or
    more, say with few words that it is not there; nobody passed, and a value is expected."""
    gold = golds.plain(item.expected)
    if gold is None or len(gold.split()) > _SHORT or _any_passed(item) or wording.denies(gold) \
            or wording.allows_nothing(item.question) or _OF_WHAT_LACKS.search(item.question):
        return None
    rows = [row for row in item.rows if row.outcome == "fail" and not row.made
            and wording.lacks_input(row.answer, item.question)]
    return Fault("Most models say that what the question is about is not there.",
                 sides(item, gold, variant("failed", rows[0].answer, rows)), rows) \
        if _are_most(rows, item, 2, 3) else None


def unfilled(item: Item, whole: Whole) -> Fault | None:
    """The question has a slot of its template that was not filled, and nobody passed."""
    slot = _SLOT.search(item.question) if "{" in item.question or "[" in item.question else None
    if not slot or _OF_SLOTS.search(item.question) or _any_passed(item) \
            or len(judged_models(item)) < 2:
        return None
    return Fault("The question has a slot of its template that was not filled.",
                 sides(item, item.expected, variant("slot", slot[0])))


def misspelt(item: Item, whole: Whole) -> Fault | None:
    """A tool or an argument of an expected call has a name that nobody uses, and most models make
    the call as it is expected under a name that differs from it in one sign or in its style."""
    for call in () if _any_passed(item) else required.required(item.expected) or ():
        rows = [row for row in item.rows if row.outcome == "fail"
                and any(_is_meant(one, call, whole) for one in row.made)]
        if _are_most(rows, item, 1, 2) and not any(
                one.tool == call.name and one.arguments and isinstance(one.arguments, dict)
                and one.arguments.keys() >= call.arguments.keys()
                for row in item.rows for one in row.made):
            made = next(one for one in rows[0].made if _is_meant(one, call, whole))
            return Fault("The name of a tool or of an argument that is expected is misspelt: most "
                         "failing runs make the call under one that is nearly the same.",
                         sides(item, item.expected, variant("failed", f"{made.tool} "
                               f"{normal.written(made.arguments)}", rows)), rows)
    return None


def unknown(item: Item, whole: Whole) -> Fault | None:
    """No tool knows a name that is expected, and most models found another one that differs from it
    in one sign and made the call with it; nobody passed."""
    for call in () if _any_passed(item) else required.required(item.expected) or ():
        for key, value in call.arguments.items():
            if not isinstance(value, str) or not re.fullmatch(r"(?=.*\d)\S{4,40}", value):
                continue
            rows = [row for row in item.rows if row.outcome == "fail" and any(
                one.tool == call.name and not shell.failed(one) and isinstance(one.arguments, dict)
                and isinstance(given := one.arguments.get(key), str) and one_off(given, value)
                and any(given in made.result for made in row.made) for one in row.made)]
            said = [made for row in item.rows for made in row.made
                    if value in f"{made.arguments} {made.result}"]
            if said and _are_most(rows, item, 1, 2) and all(
                    made.failed or shell.denial(made.tool, made.result) for made in said):
                return Fault("A name that is expected is known to no tool; most models found "
                             "another one that differs in one sign.",
                             sides(item, item.expected), rows)
    return None


def _is_meant(made: Made, call: Call, whole: Whole) -> bool:
    """Whether a call that worked is the expected one but for a name."""
    if shell.failed(made) or made.by != call.by or not isinstance(made.arguments, dict):
        return False
    if made.tool != call.name:
        return call.name not in whole.tools and _is_near(made.tool, call.name) \
            and arguments.same(call.arguments, made.arguments, "")
    odd, other = ([name for name in one if name not in two] for one, two in (
        (call.arguments, made.arguments), (made.arguments, call.arguments)))
    return len(odd) == len(other) == 1 and _is_near(odd[0], other[0]) and arguments.same(
        call.arguments, {**made.arguments, odd[0]: made.arguments[other[0]], other[0]: None}, "")


def _is_near(one: str, other: str) -> bool:
    plain = [re.sub(r"[\W_]", "", name).casefold() for name in (one, other)]
    return plain[0] == plain[1] or len(one) > 4 and one_off(one, other)


def twice(item: Item, whole: Whole) -> Fault | None:
    """One write stands twice in what is expected, nothing in the question speaks of that, nobody
    passed, and most models make it once."""
    if _any_passed(item):
        return None
    due = [call for call in required.required(item.expected) or () if required.writes(call.name)]
    again = next((call for place, call in enumerate(due) if call in due[:place]), None)
    if again is None:
        return None
    many = bool(_TWICE.search(item.question))  # so many calls then, of which none is this again
    rows = [row for row in item.rows if row.outcome == "fail"
            and sum(required.fulfils(one, again) for one in shell.wrote(row)) == 1
            and (not many or sum(one.tool == again.name for one in shell.wrote(row)) == len(due)
                 and all(any(required.fulfils(one, call) for one in row.made) for call in due))]
    return Fault("One write stands twice in what is expected; most failing runs make it once.",
                 sides(item, item.expected), rows) if _are_most(rows, item, 1, 2) else None


def marked_up(item: Item, whole: Whole) -> Fault | None:
    """The gold has signs of markup, without which most models say it and fail."""
    gold = golds.plain(item.expected)
    if gold is None or not _MARKUP.search(gold) or golds.kind(gold) == "json" \
            or _OF_MARKUP.search(item.question):
        return None
    bare = re.sub(r"\\u([0-9a-fA-F]{4})", lambda sign: chr(int(sign[1], 16)), html.unescape(gold))
    bare = " ".join(_MARKUP.sub("", bare).split())
    rows = [row for row in item.rows if row.outcome == "fail" and (said := final(row.answer))
            and alike(said, bare, "") and normal.key(said) != normal.key(gold)]
    return Fault("What is expected has signs of markup, without which most failing answers say it.",
                 sides(item, gold, variant("failed", rows[0].answer, rows)), rows) \
        if _are_most(rows, item, 1, 2) and not any(
            alike(final(row.answer), bare, "") for row in _passed(item)) else None


def no_code(item: Item, whole: Whole) -> Fault | None:
    """The gold is code of Python that does not parse, or defines another function than the one that
    the question names, and the code of most failing answers does neither."""
    gold = golds.plain(item.expected)
    if gold is None or not _PYTHON.search(gold) or _any_passed(item) or _OLD_PYTHON.search(gold):
        return None
    named = _FUNCTION.search(item.question)
    is_other = bool(named) and not re.search(rf"\b{named[1]}\b", gold)
    if not is_other and _parses(_codes(gold, item.question)):
        return None
    rows = [row for row in item.rows if row.outcome == "fail" and _PYTHON.search(row.answer)
            and _parses([_code(row.answer)]) and (not is_other or named[1] in row.answer)]
    what = "defines no function of the name that the question gives" if is_other else \
        "is code that does not parse"
    return Fault(f"What is expected {what}; that of most failing answers does.",
                 sides(item, gold, variant("failed", rows[0].answer, rows)), rows) \
        if _are_most(rows, item, 1, 2) else None


def _codes(gold: str, question: str) -> Iterator[str]:
    """What a gold may be as a program: itself, or the rest of the one that the question begins."""
    yield from (gold, textwrap.dedent(gold), f"{question}\n{gold}", _code(gold))


def _code(text: str) -> str:
    return "\n".join(re.findall(r"```[\w+-]*\n(.*?)```", text, re.DOTALL)) or text


def _parses(codes: Iterable[str]) -> bool:
    for code in codes:
        try:
            ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return True
    return False


def echo(item: Item, whole: Whole) -> Fault | None:
    """The gold is the question, and nobody passed."""
    gold: Any = golds.plain(item.expected)
    return Fault("What is expected is the question.", sides(item, gold)) \
        if gold and len(gold.split()) > 3 and golds.folded(gold) == golds.folded(item.question) \
        and not _any_passed(item) and len(judged_models(item)) > 1 else None


def _any_passed(item: Item) -> bool:
    return any(row.outcome == "pass" for row in item.rows)


def _passed(item: Item) -> list[Seen]:
    return [row for row in item.rows if row.outcome == "pass"]


def _are_most(rows: list[Seen], item: Item, part: int, of: int) -> bool:
    """Whether rows are of two models or more, and of this part of those that were judged."""
    models = {row.model for row in rows}
    return len(models) > 1 and of * len(models) >= part * len(judged_models(item))


RULES = (("options_alike", options_alike), ("nothing_given", nothing_given),
         ("slot_unfilled", unfilled), ("name_misspelt", misspelt),
         ("name_unknown", unknown), ("write_twice", twice),
         ("gold_marked_up", marked_up), ("gold_no_code", no_code), ("gold_is_question", echo))
