"""Whether an answer is the gold though it is written differently, and by which rule. Where that
cannot be said for sure they are different: whoever compares here makes a suspicion of it."""

import re
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from typing import Any

from failure_analysis.audit import asks, demands, names, values
from failure_analysis.audit.latex import commuted, unlatexed, unspaced
from failure_analysis.audit.normal import (
    QUOTED,
    SQL,
    case_matters,
    core,
    formula,
    is_code,
    is_formula,
    key,
    parsed,
    query,
    same_value,
    unfenced,
)
from failure_analysis.patterns import re_compile

_ROOM = 200  # characters that the form of an answer may add
_ARTICLE = re_compile(r"^(?:the|an?) (?=\w{2})", re.I)
_ABBREVIATED = re_compile(r"\b(Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr)\.", re.I)


@lru_cache(maxsize=128)
def alike(answer: str, gold: str, question: str) -> str:
    """By which rule an answer equals the gold once its form is left aside; blank where it does not,
    or where the question says something of just that form."""
    if answer == gold:
        return "equal" if gold.strip() else ""
    too_long = len(answer) > _ROOM + 4 * len(gold)
    # What a question says of the form forbids rules, but for a free order: most answers equal the
    # gold by none, and then nobody has to know what it says.
    if too_long or not answer.strip() or not gold.strip() \
            or not _rule(answer, gold, question, _FREE_ORDER):
        return ""
    asked = asks.forms(question)
    if "exact" in asked or "bare" in asked and "```" in answer:
        return ""
    return _rule(answer, gold, question, asked)


_FREE_ORDER = frozenset(("any order",))


def _rule(answer: str, gold: str, question: str, asked: frozenset) -> str:
    """The first rule by which an answer equals the gold; blank for none."""
    if "\n" in gold and is_code(gold):
        return "white_space" if key(answer) == key(gold) else ""
    if SQL.match(gold) and QUOTED.findall(answer) != QUOTED.findall(gold):
        return ""
    if "output" in asked:
        return _of_output(answer, gold) or (
            "number" if demands.keeps_places(question, answer, gold)
            and values.number(answer) == values.number(gold) is not None else "")
    answer, gold = (values.plain(text).strip() for text in (answer, gold))
    if answer.isdecimal() and gold.isdecimal() and answer.lstrip("0") != gold.lstrip("0"):
        return ""
    return next((name for name, same in _RULES if same(answer, gold, question, asked)), "")


def _of_output(answer: str, gold: str) -> str:
    """What a program printed: quotes and blanks within count, those at the end and a fence do
    not."""
    a, b = ("\n".join(line.rstrip() for line in text.strip().splitlines())
            for text in (unfenced(answer), gold))
    a = a[1:-1] if a[:1] + a[-1:] == "``" and "`" not in gold else a
    return "" if a != b else "wrapping" if "`" in answer else "white_space"


def _white_space(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = ("".join(text.split()).rstrip(";") for text in (answer, gold))
    return a == b and (answer.split() == gold.split()
                       or unspaced(answer).split() == unspaced(gold).split()
                       or query(answer) == query(gold) != "")


def _wrapping(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = (_core(text, asked) for text in (answer, gold))
    return a == b != ""


def _core(text: str, asked: frozenset) -> str:
    """The core of a text, with its stop where the question speaks of one."""
    return core(text, True) if "stop" in asked else core(text)


def _case(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = (_core(text, asked) for text in (answer, gold))
    if a != b and "." in a + b and "stop" not in asked:
        a, b = (_ABBREVIATED.sub(r"\1", text) for text in (a, b))
    return a.casefold() == b.casefold() != "" and (
        not case_matters(a, b, question, asked) or demands.keeps_case(question, answer, gold))


def _formula(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    return is_formula(core(gold)) and formula(core(answer)) == formula(core(gold))


def _article(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One of the two with an article before it, the other without."""
    a, b = (_ARTICLE.sub("", core(text)) for text in (answer, gold))
    return a.casefold() == b.casefold() != "" and bool(re.search(r"[^\W\d_]", b)) \
        and not re.search(r"\btitles?\b|\barticles?\b|\btranslat|\bgrammar", question, re.I) \
        and not case_matters(a, b, question, asked)


def _latex(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if not any(sign in text for text in (answer, gold) for sign in "\\^{$") \
            or _PATTERN.search(gold):
        return False
    a, b = (unlatexed(core(text)) for text in (answer, gold))
    return unspaced(a) == unspaced(b) != "" or _numbers(a, b, question, asked) \
        or commuted(a) == commuted(b) != ""


# A regular expression, in which a sign with a backslash is another one than without.
_PATTERN = re_compile(r"\\[dwsDWS](?![A-Za-z])|\(\?[:=!<P]|\[\^|\A\^.*\$\Z")


def _numbers(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = _both_numbers(core(answer), core(gold), question)
    return bool(a and b) and a[0] == b[0] and a[1] == b[1] and (
        not _digits_differ(answer, gold, asked)
        or demands.keeps_places(question, answer, gold))


def _both_numbers(answer: str, gold: str, question: str) -> list[tuple[Fraction, str] | None]:
    """The numbers that two texts are; with decimal commas where the gold and the question can
    only be meant so, or where only the answer has one."""
    texts = [answer, gold]
    if _COMMA.match(texts[1]) and _COMMA_WITHIN.search(question) \
            and not re.search(r"\d\.\d", question + texts[0]):
        texts = [text.replace(",", ".") for text in texts]
    elif "." in gold and _COMMA.match(answer) and "." not in answer:
        texts[0] = answer.replace(",", ".", 1)
    return [values.number(text) for text in texts]


_COMMA = re_compile(r"[-+]?\d+,(?:\d{1,2}|\d{4,})(?![\d,])")
_COMMA_WITHIN = re_compile(rf"(?<![\d,.]){_COMMA.pattern}")


def _digits_differ(answer: str, gold: str, asked: frozenset) -> bool:
    """Whether two numbers are written in other digits, where the question asks for some; commas
    between thousands count where it speaks of commas."""
    if not asked & {"number", "commas"}:
        return False
    kept = r"[^\d.,/]" if "commas" in asked else r"[^\d./]"
    digits = [re.sub(kept, "", core(text)) for text in (answer, gold)]
    return digits[0] != digits[1]


def _spelled(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """Equal but for a number in words, on one side."""
    in_digits = [any(sign.isdigit() for sign in text) for text in (answer, gold)]
    if asked & {"number", "case", "commas", "unit"} or in_digits[0] == in_digits[1]:
        return False
    a, b = (values.in_digits(core(text)) for text in (answer, gold))
    return a.casefold() == b.casefold() != "" or _numbers(a, b, question, asked) \
        or _units(a, b, question, asked)


def _units(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """Equal numbers, one without a unit, and the question itself names the other's."""
    a, b = _both_numbers(*(unlatexed(core(text)) if "\\" in text else core(text)
                           for text in (answer, gold)), question)
    if not (a and b) or a[0] != b[0] or "unit" in asked or bool(a[1]) == bool(b[1]):
        return False
    unit = a[1] or b[1]
    return not _digits_differ(answer, gold, asked) and (
        _names(asks.asking(question), unit) or _in_unit(question) == {unit})


@lru_cache(maxsize=4)
def _in_unit(question: str) -> frozenset[str]:
    """The units in which a question wants its answer, as it says with `in`."""
    question = values.powers(question)
    named = re.findall(r"\b(?:in|to|into) (?:the )?([$€£%°]|[^\W\d_][\w/°²³]*)", question)
    named += _BRACKETED.findall(question)
    return frozenset(values.unit(word) for word in named
                     if values.unit(word).rstrip("²³") in values.UNITS
                     and values.unit(word) != "in")


_BRACKETED = re_compile(r"\((?:in )?([$€£%°]|°?[^\W\d_][\w/°²³]{0,10})\)")


def _counted(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """A bare number, and the same number with what the question counts and words that only say of
    it what the question does (`43 years after it was built`)."""
    if asked & {"number", "case", "commas", "unit", "only"} or not _counts(question):
        return False
    number, said = sorted((values.in_digits(core(answer)), values.in_digits(core(gold))), key=len)
    found = re.fullmatch(r"([\d,.]*\d) ([a-z]+)((?: [a-z']+){1,8})", said.casefold())
    return (found is not None and number.isdecimal() and found[1].replace(",", "") == number
            and f"how many {found[2]} " in question.casefold() and bool(_SAYS_WHEN.match(found[3]))
            and not _OF_ANOTHER.search(found[3]))


@lru_cache(maxsize=4)
def _counts(question: str) -> bool:
    return "how many" in question.casefold()


_SAYS_WHEN = re_compile(r" (?:after|before|of|in|on|at|from|since|for|between|per|were|was|are|is|"
                        r"there)\b")
_OF_ANOTHER = re_compile(r"\b(?:or|and|not|but|except|short|more|less|fewer|about|minus|plus|each|"
                         r"half|if|perhaps|maybe|too|to)\b|n't\b")


def _duration(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One length of time in other units, where the question names none for it."""
    if asked & {"date", "unit", "number"}:
        return False
    a, b = (values.duration(core(text)) for text in (answer, gold))
    return a is not None and a == b and not _IN_UNIT.search(question)


_IN_UNIT = re_compile(r"\b(?:in|how many|to|into|as|of|full|whole|number of) (?:the )?(?:(?:full|"
                      r"whole|total|nearest) )?(?:hours?|min(?:ute)?s?|sec(?:ond)?s?|days?)\b",
                      re.I)


def _date(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if "date" in asked:
        return False
    a, b = (values.moment(core(text)) for text in (answer, gold))
    return a is not None and a == b


def _names(sentence: str, unit: str) -> bool:
    """Whether the sentence that asks names the unit, and no other one."""
    sentence = values.powers(sentence)
    words = [values.unit(word) for word in re.findall(r"[$€£%°]|[^\W\d_]+", sentence)
             if word != "in"]
    known = {word for word in words if word.rstrip("²³") in values.UNITS and len(word) > 1
             or word in "$€£%"}
    asked = re.search(rf"\bhow many ((?:[^\W\d_]+ ){{0,2}}?){re.escape(unit)}", sentence.casefold())
    if re.search(rf"\b(?:in|to|into) (?:the )?{re.escape(unit)}(?![\w/])", sentence.casefold()):
        return True
    return unit in words and not (known - {unit}) and (unit in known or unit in values.UNITS
                                                       or bool(asked))


def _assigned(text: str, question: str) -> str:
    """`5` of `x = 5`, where the question speaks of x."""
    found = re.match(r"^\$?([a-zA-Z])\s*=\s*([^=]+)$", text.strip())
    return found[2].strip() if found and re.search(rf"(?<![^\W\d_]){found[1]}(?![^\W\d_])",
                                                   question) else text


def _assignment(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if "=" not in answer and "=" not in gold:
        return False
    a, b = (unspaced(unlatexed(core(_assigned(core(text), question))))
            for text in (answer, gold))
    return a == b != ""


def _options(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One option of those that the question lists, by its letter, its text or both."""
    listed = asks.options(question)
    if not listed or "only" in asked and len(answer) > len(gold) \
            or "case" in asked and answer.islower() != gold.islower():
        return False
    a, b = (option(text, listed) for text in (answer, gold))
    return a == b != ""


def option(text: str, listed: dict[str, str]) -> str:
    """The letter of an option that a text names; blank for anything else."""
    bare = core(text)
    bare = re.sub(r"^(?:option|choice)\s+", "", bare, flags=re.I)
    if re.fullmatch(r"\(?[a-j][).:]?", bare) and not any(
            len(core(words)) == 1 for words in listed.values()):
        bare = bare.upper()
    found = re.match(r"^\(?([A-J])(?:[).:]+|\b)\s*(.*)$", bare)
    if found and found[1] in listed and (
            not found[2] or core(found[2]).casefold() == core(listed[found[1]]).casefold()):
        return found[1]
    same = [letter for letter, words in listed.items()
            if core(words).casefold() == bare.casefold()]
    return same[0] if len(same) == 1 else ""


def _json(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = (parsed(unfenced(text)) for text in (answer, gold))
    if not isinstance(a, dict | list) or type(a) is not type(b):
        return False
    free = "any order" in asked and _lists(b) == 1
    return same_value(a, b, free=free, typed="types" in asked, text=lambda x, y: x == y or (
        x.casefold() == y.casefold() and not case_matters(x, y, question, asked)))


def _lists(value: Any) -> int:
    """How many lists of more than one member a value holds."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (isinstance(value, list) and len(value) > 1) + sum(map(_lists, inner))


def _list(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if not (_is_several(answer) and _is_several(gold)) or _is_no_json(answer, gold, asked):
        return False
    asked = _with_case(answer, gold, question, asked)
    a, b = _parts(answer, question, asked), _parts(gold, question, asked)
    return len(a) > 1 and len(a) == len(b) and "pairs" not in asked and a == b


def _is_several(text: str) -> bool:
    """Whether there is anything in a text that may part the members of a list."""
    return any(map(text.__contains__, (",", ";", "and", "±", "\\pm", "+/-"))) \
        or len(text.splitlines()) > 1


def _is_no_json(answer: str, gold: str, asked: frozenset) -> bool:
    """Whether JSON is asked for and expected, and the answer is none."""
    return "json" in asked and parsed(unfenced(gold)) is not None \
        and parsed(unfenced(answer)) is None


def _set(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """Equal but for the order, where the question says that it is free or asks for members, or
    the gold is a set."""
    if not (_is_several(answer) and _is_several(gold)) or _is_no_json(answer, gold, asked):
        return False
    a_set = core(unlatexed(core(gold))).startswith("{") and ":" not in gold
    if "any order" not in asked and ("order" in asked or not (a_set or asks.members(question))):
        return False
    asked = _with_case(answer, gold, question, asked)
    a, b = _parts(answer, question, asked, "{"), _parts(gold, question, asked, "{")
    return len(a) > 1 and Counter(a) == Counter(b)


def _with_case(answer: str, gold: str, question: str, asked: frozenset) -> frozenset:
    quotes = "[]{}\" " if gold[:2] in ('["', '{"') else " "
    parts = [part.strip(quotes) for part in gold.split(",")]
    matters = len(set(map(str.casefold, parts))) < len(set(parts)) or any(
        case_matters(answer, part, question, asked) for part in parts if len(part) > 1)
    return asked | {"case"} if matters else asked


@lru_cache(maxsize=128)
def _parts(text: str, question: str, asked: frozenset, braces: str = "") -> list[str]:
    """The members of a list that is written in one line or one a line, each under one spelling."""
    bare = core(text)
    bare = unlatexed(bare) if "\\" in bare else bare
    if bare[:1] in ("[", *braces) and bare[-1:] in ("]", "}"):
        bare = bare[1:-1]
    if re.search(r"[\[\](){}]", bare) or re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", bare):
        return []
    lines = [line for line in unfenced(text).splitlines() if line.strip()]
    parts = [re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", line) for line in lines] if len(lines) > 1 \
        and not any("," in line for line in lines) else re.split(r"[,;]| and (?=[^,;]*$)", bare)
    parts = [_assigned(core(part), question) if "=" in part else part
             for part in parts if part.strip()]
    both = [re.fullmatch(r"(?:\\pm|±|\+/-)\s*(\S+)", part.strip()) for part in parts]
    return [_part(each, asked) for part, two in zip(parts, both, strict=True)
            for each in ((two[1], f"-{two[1]}") if two else (part,))]


def _part(part: str, asked: frozenset) -> str:
    """A member under one spelling."""
    value = None if "number" in asked else values.number(core(part))
    if value:
        return f"{value[0]} {value[1]}"
    return core(part) if "case" in asked else core(part).casefold()


# The first that holds names it; the plainest come first.
_RULES = (("white_space", _white_space), ("wrapping", _wrapping), ("case", _case),
          ("formula", _formula),
          ("assignment", _assignment), ("article", _article),
          ("accents", names.accents), ("title", names.title), ("number", _numbers),
          ("number", _spelled), ("unit", _units), ("number", _counted),
          ("duration", _duration), ("date", _date),
          ("option", _options), ("latex", _latex), ("json", _json), ("list", _list), ("set", _set))
