"""Whether two numbers, amounts, lengths of time or days are the same though they are written
differently."""

import re
from fractions import Fraction
from functools import lru_cache

from failure_analysis.audit import asks, demands, values
from failure_analysis.audit.latex import raised, unlatexed
from failure_analysis.audit.normal import core
from failure_analysis.patterns import re_compile


def numbers(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = _both_numbers(core(answer), core(gold), question)
    return bool(a and b) and a[1] == b[1] and (a[0] == b[0] or _of_a_float(a[0], b[0])) and (
        not _digits_differ(answer, gold, asked)
        or demands.keeps_places(question, answer, gold)
        or bool(_EXPONENT.search(gold)) and not _EXPONENT.search(answer)
        and not _SCIENTIFIC.search(question))


_EXPONENT = re_compile(r"\d[eE][-+]?\d")
_SCIENTIFIC = re_compile(r"scientific|standard form|\bpower|exponent", re.I)


def _of_a_float(a: Fraction, b: Fraction) -> bool:
    """Whether the second has the noise of a binary number behind the digits of the first."""
    return b.denominator > 10 ** 13 > a.denominator and abs(a - b) <= abs(b) / 10 ** 15


def _both_numbers(answer: str, gold: str, question: str) -> list[tuple[Fraction, str] | None]:
    """The numbers that two texts are; with decimal commas where the gold and the question can
    only be meant so, or where only the answer has one."""
    texts = [_POINTS.sub(lambda part: part[1].replace(".", "") + "." + part[2], text)
             if "," in text else text for text in (answer, gold)]
    if _COMMA.match(texts[1]) and _COMMA_WITHIN.search(question) \
            and not re.search(r"\d\.\d", question + texts[0]):
        texts = [text.replace(",", ".") for text in texts]
    elif "." in gold and _COMMA.match(answer) and "." not in answer:
        texts[0] = answer.replace(",", ".", 1)
    elif any(map(_THOUSANDTHS.fullmatch, texts)) and any("." in text for text in texts) \
            and not _FIGURES.search(question) and _has_decimal_commas(question):
        texts = [text.replace(",", ".") for text in texts]
    texts = [_TENS.sub(lambda power: raised(power[0]), text) for text in texts]
    texts = [str(int(text, 0)) if _BASED.fullmatch(text) and not _OF_BASES.search(question)
             else text for text in texts]
    return [values.number(text) for text in texts]


_POINTS = re_compile(r"(?<![\d.])(\d{1,3}(?:\.\d{3})+),(\d+)(?![\d,.])")
_TENS = re_compile(r"(?<=10)[⁰¹²³⁴-⁹⁻]+$")
_THOUSANDTHS = re_compile(r"[-+]?\d{1,3},\d{3}")
_FIGURES = re_compile(r"\d[.,]\d")
_BASED = re_compile(r"0[xX][0-9a-fA-F]{1,8}|0[bB][01]+|0[oO][0-7]+")
_OF_BASES = re_compile(r"\bhex|\bbinary|\boctal|\bbase[- ]?\d|\bin base\b", re.I)
_ENGLISH = re_compile(r"\b(?:the|of|what|which|how|and|find|give|is)\b", re.I)


@lru_cache(maxsize=4)
def _has_decimal_commas(question: str) -> bool:
    """Whether a question is in Latin letters and not in English, as those are that part their
    decimals with a comma."""
    return len(re.findall(r"[A-Za-zÀ-ž]{2,}", question)) > 3 and not _ENGLISH.search(question)


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


def spelled(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """Equal but for a number in words, on one side."""
    in_digits = [any(sign.isdigit() for sign in text) for text in (answer, gold)]
    if asked & {"number", "case", "commas", "unit"} or in_digits[0] == in_digits[1]:
        return False
    a, b = (values.in_digits(core(text)) for text in (answer, gold))
    return a.casefold() == b.casefold() != "" or numbers(a, b, question, asked) \
        or units(a, b, question, asked)


def units(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """Equal numbers, one without a unit, and the question itself names the other's."""
    a, b = _both_numbers(*(unlatexed(core(text)) if "\\" in text else core(text)
                           for text in (answer, gold)), question)
    if not (a and b) or a[0] != b[0] or "unit" in asked or bool(a[1]) == bool(b[1]):
        return False
    unit = a[1] or b[1]
    if unit in ("$", "€", "£") and _COUNTS_THINGS.search(question):
        return False
    return not _digits_differ(answer, gold, asked) and (
        _names(asks.asking(question), unit) or _in_unit(question) == {unit}
        or not _in_unit(question) and _is_meant(question, unit))


_COUNTS_THINGS = re_compile(r"\bhow many (?!dollars|euros|pounds)", re.I)


def _is_meant(question: str, unit: str) -> bool:
    """Whether all amounts of a question are of the money of a unit and a sum is asked for, or of
    the length whose area or volume is asked for."""
    if unit in ("$", "€", "£"):
        return _names(question, unit)
    return unit[-1:] in ("²", "³") and bool(_EXTENT.search(question)) \
        and _names(question, unit[:-1])


_EXTENT = re_compile(r"\b(?:area|volume|surface|capacity|fläche|volumen|superficie|aire|área)\b",
                     re.I)


def scaled(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One amount in two units of one kind, or a share as a number and in percent, where the
    question asks for neither."""
    a, b = _both_numbers(core(answer), core(gold), question)
    if not (a and b) or a[1] == b[1] or "number" in asked:
        return False
    if "%" in (a[1], b[1]) and ("unit" in asked or re.search(r"%|\bper ?cent|\bdecimal|\bratio",
                                                             question, re.I)):
        return False
    return values.scaled(*a) == values.scaled(*b) and not _in_unit(question) \
        and not _names(asks.asking(question), b[1])


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


def counted(answer: str, gold: str, question: str, asked: frozenset) -> bool:
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


def lasting(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One length of time in other units, where the question names none for it."""
    if asked & {"date", "unit", "number"}:
        return False
    a, b = (values.duration(core(text)) for text in (answer, gold))
    return a is not None and a == b and not _IN_UNIT.search(question)


_IN_UNIT = re_compile(r"\b(?:in|how many|to|into|as|of|full|whole|number of) (?:the )?(?:(?:full|"
                      r"whole|total|nearest) )?(?:hours?|min(?:ute)?s?|sec(?:ond)?s?|days?)\b",
                      re.I)


def day(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if "date" in asked or not any(map(str.isdigit, answer + gold)):
        return False
    a, b = (values.moment(_OF_DAY.sub(r"\1:\2", _UTC.sub("", text)))
            or not re.search(r"\d{3}", text) and values.moment(f"{text}, 2000")
            for text in map(core, (answer, gold)))
    return bool(a) and a == b and len(
        {bool(_UTC.search(core(text))) for text in (answer, gold)}) == 1


_OF_DAY = re_compile(r"\b(\d\d?)(?: ?h ?|:|[.](?=\d\d ?Uhr))(\d\d)"
                     r"(?: ?Uhr| ?h(?:rs)?\.?| o'clock)?$")
_UTC = re_compile(r"(?<=\d)(?:Z|\s?UTC|\s?GMT|[+-]00:?00)$")


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
