"""What makes two answers the same though they are written differently. Where that cannot be said
for sure they are different: whoever compares here makes a suspicion of it."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from failure_analysis.audit import asks

_SHORT = 80  # characters of an answer that is one as a whole
_ROOM = 200  # characters that the form of an answer may add
_LAST = 40  # characters of a last line that stands alone
_FEW_WORDS = 4  # of an answer that nothing calls so
_TYPOGRAPHY = str.maketrans({"“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "–": "-", "−": "-",
                             "‐": "-", "‑": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ",
                             "\u200b": "", "\ufeff": ""})
_FENCE = re.compile(r"^\s*```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*```\s*$", re.S)
_CODE_START = re.compile(r"(?m)^\s*(def |class |import |from \w+ import|#include|public |function |"
                         r"SELECT\b|return\b)")
_CODE_END = re.compile(r"[;{]\s*$", re.M)
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.S | re.I)
_TAG = re.compile(r"<(?:final_)?answer>(.*?)</(?:final_)?answer>", re.S | re.I)
_HASHES = re.compile(r"(?m)(?:^|(?<=[ \t]))####[ \t]*(\S.*?)[ \t]*$")
_LAST_FENCE = re.compile(r"(?:\A|\n)[ \t]*```[\w+-]*[ \t]*\n((?:(?!```).)*?)\n?[ \t]*```\s*\Z",
                         re.S)
_TWICE = re.compile(r"(?m)^[ \t]*```[\w+-]*[ \t]*\n(?=[ \t]*```)")  # a fence within a fence
_SAYS = re.compile(
    r"\b(?:answer|result|réponse|respuesta|antwort|ergebnis|risposta|resposta)(?: finale?)?[*_]*\s*"
    r"(?:\b(?:is|est|es|ist)\b|:|=)[*_:]*\s*(\S.*)$", re.I)
_CONCLUDES = re.compile(
    r"^(?:in short|in conclusion|thus|hence|therefore|so|donc|por (?:lo )?tanto|also|daher)[:,]?\s+"
    r"(?:(?:i|we) (?:get|have|obtain|find) |it is )?(\S.*)$", re.I)
_CLOSES = re.compile(
    r"^(?:(?:i|we) (?:get|obtain|arrive at)|it is|that (?:is|would be|gives|makes)|"
    r"this (?:gives|makes)|=>|⇒|∴)[:,]?\s*(\S.*)$", re.I)
_LETTERED = re.compile(r"^A:\s*(\S.*)$")
_HEADED = re.compile(r"(?im)^[ \t]*(?:#+[ \t]*)?[*_]*(?:final |my |the )?answer[*_]*:?[*_]*[ \t]*$|"
                     r"^[ \t]*[*_]*(?:result|output)[*_]*:[*_]*[ \t]*$")
_CLOSING = re.compile(r"\s+(?:i )?(?:hope (?:this|that) helps|feel free to|(?:please )?let me know|"
                      r"have a (?:nice|great|good) day)[^\n]{0,80}$", re.I)
_ASIDE = re.compile(  # words in brackets below the answer
    r"\n\s*\n\((?=(?:[^()\n]*?[^\W\d_]{2,}){3})[^()\n\d]{8,120}\)\s*$")
_OPEN_THOUGHT = re.compile(r"<(think|thinking|reasoning)>", re.I)


class Final(NamedTuple):
    """The answer that a response ends in, and how it is marked there: boxed, tag, hashes, json,
    says (`Answer: x`), fence (the only one, at the end), line (alone at the end) or whole."""

    text: str
    how: str


NONE = Final("", "")


@lru_cache(maxsize=128)  # several classes ask for those of one item
def final(text: str) -> Final:
    """The answer that a response ends in, blank where that is not sure: nothing marks it, or it
    marks several different ones."""
    text = _THOUGHT.sub(" ", text).translate(_TYPOGRAPHY).strip()
    text = _ASIDE.sub("", text)
    text = text[:-_ROOM] + _CLOSING.sub("", text[-_ROOM:])
    if not text or _OPEN_THOUGHT.search(text):
        return NONE
    marked = [*(Final(inner, "boxed") for inner in _boxed(text)),
              *(Final(inner, "tag") for inner in _TAG.findall(text)),
              *(Final(inner, "hashes") for inner in _HASHES.findall(text))] \
        if any(sign in text for sign in "\\<#") else []
    inside = _json_answer(text)
    if inside:
        marked.append(Final(inside, "json"))
    marked += [] if marked and "\n" not in text else _said(text)
    if marked:
        texts = {_bare(one.text) for one in marked}
        return marked[0] if len(texts) == 1 and texts != {""} else NONE
    return _unmarked(text)


def _unmarked(text: str) -> Final:
    """A short answer as a whole, or what stands alone at its end."""
    lines = text.splitlines()
    if len(lines) == 1 and len(text) <= _SHORT:
        return Final(text, "whole")
    single = _TWICE.sub("", text) if text.count("```") == 4 else text
    fenced = _LAST_FENCE.search(single)
    if fenced and single.count("```") == 2 and len(fenced[1]) <= 2_000 and fenced[1].strip() \
            and (not is_code(fenced[1]) or _parsed(fenced[1].strip()) is not None):
        return Final(fenced[1], "fence")
    if _FENCE.match(text):
        return Final(text, "whole")
    last = lines[-1].strip()
    if len(lines) > 2 and not lines[-2].strip() and len(last) <= _LAST \
            and len(last.split()) <= 4 and not last.endswith(("?", ":", "!", ",")) \
            and not (last.endswith(".") and " " in last):  # a sentence, and no answer
        return Final(last, "line")
    return NONE


def _said(text: str) -> list[Final]:
    """What the last line calls the answer, or what stands below a heading that does."""
    headings = list(_HEADED.finditer(text)) if "\n" in text else []
    below = text[headings[-1].end():].strip() if headings else ""
    if below:
        said = [below] if "\n\n" not in below and not _LAST_FENCE.match(below) else []
    else:
        said = _last_words(text.splitlines()[-1].strip())
    words = [_unwrapped(part) for part in said]
    return [Final(part, "says") for part in words if _is_answer(part)]


def _last_words(line: str) -> list[str]:
    """What a last line, or its last sentence, calls the answer; few words where only the way in
    which a sentence begins says so."""
    sentence = re.split(r"(?<=[.!?])\s+", line)[-1]
    found = _LETTERED.match(line) or _SAYS.search(sentence) or _SAYS.search(line) \
        or _CONCLUDES.match(sentence)
    if found:
        return [found[1]]
    closes = _CLOSES.match(sentence)
    return [closes[1]] if closes and len(closes[1].split()) <= _FEW_WORDS else []


def _unwrapped(words: str) -> str:
    """An answer without emphasis, and out of its box or tag where it has one."""
    words = re.sub(r"^[*_]+(?=\S)|(?<=\S)[*_]+$", "", words.strip())
    inner = [*_boxed(words), *_TAG.findall(words)]
    return inner[0] if len(inner) == 1 else words


def _is_answer(words: str) -> bool:
    """Whether this is an answer and not a sentence on one."""
    if words[:1] in "{[":
        return len(words) <= 2_000
    return bool(words) and len(words) <= _SHORT and not re.search(
        r" because |[.!?] +[A-Z]|\b(?:not|or)\b", words)


def _boxed(text: str) -> Iterator[str]:
    """What stands in each \\boxed{…}, its braces balanced."""
    for start in (found.end() for found in re.finditer(r"\\(?:boxed|fbox)\s*\{", text)):
        depth, place = 1, start
        while place < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            place += 1
        if not depth:
            yield text[start:place - 1]


def _json_answer(text: str) -> str:
    """The answer of a response that is a JSON object with one."""
    bare = unfenced(text)
    if not bare.startswith("{"):
        return ""
    value = _parsed(bare)
    if value is None:  # LaTeX in a JSON string is often not escaped
        said = re.findall(r'"(?:final_)?answer"\s*:\s*"([^"\n]*)"\s*\}\s*$', bare)
        return said[0] if said else ""
    names = [name for name in ("answer", "final_answer") if isinstance(value, dict)
             and isinstance(value.get(name), str | int | float)]
    return written(value[names[0]]) if len(names) == 1 else ""


def unfenced(text: str) -> str:
    """The text without a code fence around all of it."""
    fenced = _FENCE.match(text)
    return (fenced[1] if fenced and "```" not in fenced[1] else text).strip()


def key(text: str, *, case: bool = False) -> str:
    """What two answers share that differ in white space, a code fence around them, typography, a
    full stop at the end or (unless `case` matters) capitals alone. Of code only the ends of its
    lines and the fence go."""
    bare = unfenced(text).translate(_TYPOGRAPHY)
    if is_code(bare):
        return "\n".join(line.rstrip() for line in bare.splitlines()).strip("\n")
    bare = " ".join(bare.split())
    if bare.endswith(".") and not bare.endswith(".."):
        bare = bare[:-1].rstrip()
    return bare if case else bare.casefold()


def is_code(text: str) -> bool:
    """Whether a text is or holds program code, in which every sign may count."""
    return ("```" in text or bool(_CODE_START.search(text))
            or any(sign in text for sign in ";{") and bool(_CODE_END.search(text)))


def tokens(text: str) -> list[str]:
    """Words, numbers and signs."""
    return re.findall(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|[^\w\s]|_",
                      text.translate(_TYPOGRAPHY).casefold())


def jaccard(a: str, b: str) -> float:
    """How many tokens two texts share of all that either has, repeated ones counted."""
    return shared(Counter(tokens(a)), Counter(tokens(b)))


def shared(a: Counter, b: Counter) -> float:
    """The same, of counted tokens."""
    either = (a | b).total()
    return (a & b).total() / either if either else 1.0


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
    return "" if "exact" in asked else _rule(answer, gold, question, asked)


_FREE_ORDER = frozenset(("any order",))


def _rule(answer: str, gold: str, question: str, asked: frozenset) -> str:
    """The first rule by which an answer equals the gold; blank for none."""
    if "\n" in gold and is_code(gold):
        return "white_space" if key(answer) == key(gold) else ""
    answer, gold = (text.translate(_TYPOGRAPHY).strip() for text in (answer, gold))
    if answer.isdecimal() and gold.isdecimal() and answer.lstrip("0") != gold.lstrip("0"):
        return ""
    return next((name for name, same in _RULES if same(answer, gold, question, asked)), "")


def _white_space(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    return answer.split() == gold.split() or _unspaced(answer).split() == _unspaced(gold).split()


def _wrapping(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    return _bare(answer, "stop" in asked) == _bare(gold, "stop" in asked) != ""


@lru_cache(maxsize=128)  # each rule asks for that of one answer and of one gold
def _bare(text: str, keep_stop: bool = False) -> str:
    """A text without what only wraps it: fences, quotes, emphasis, math signs, a final stop."""
    before = None
    text = " ".join(unfenced(text).split())
    while before != text:
        before = text
        for opening, closing in _WRAPS:
            inner = text[len(opening):-len(closing)] if closing else ""
            if len(text) > len(opening) + len(closing) and text.startswith(opening) \
                    and text.endswith(closing) and opening[-1] not in inner \
                    and closing[0] not in inner:
                text = inner.strip()
        boxed = list(_boxed(text)) if text.startswith("\\boxed") else []
        if len(boxed) == 1 and text.endswith("}") and text.index("{") + len(boxed[0]) + 2 \
                == len(text):
            text = boxed[0].strip()
        if not keep_stop and text.endswith(".") and not text.endswith(".."):
            text = text[:-1].rstrip()
    return text


_WRAPS = (('"', '"'), ("'", "'"), ("`", "`"), ("**", "**"), ("*", "*"), ("__", "__"), ("$$", "$$"),
          ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("<answer>", "</answer>"))


def _case(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = (_bare(text, "stop" in asked) for text in (answer, gold))
    return a.casefold() == b.casefold() != "" and not case_matters(a, b, question, asked)


def case_matters(a: str, b: str, question: str, asked: frozenset) -> bool:
    """Whether capitals may be what is asked for: the question says so or has both spellings, or the
    gold is one or two letters (of which `no` is a word) or has capitals inside its words."""
    return ("case" in asked or len(b) < 3 and b.casefold() != "no"
            or bool(re.search(r"[a-z0-9][A-Z]", b))
            or bool(re.search(r"[^\W_]\d|\d[^\W_]|_", b) and " " not in b)
            or (a != b and a in question and b in question))


def _latex(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if not any(sign in text for text in (answer, gold) for sign in "\\^{$"):
        return False
    a, b = (unlatexed(_bare(text)) for text in (answer, gold))
    return _unspaced(a) == _unspaced(b) != "" or _numbers(a, b, question, asked)


def unlatexed(text: str) -> str:
    """LaTeX as plain text, as far as only the way of writing changes."""
    text = re.sub(r"\\(?:left|right|displaystyle|limits|big|Big)(?![a-zA-Z])\s*", "", text)
    text = re.sub(r"\\[dt]?frac\s*(\d)\s*(\d)", r"(\1)/(\2)", text)
    for _ in range(3):
        text = re.sub(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"(\1)/(\2)", text)
        text = re.sub(r"\\(?:text|mathrm|textbf|mathbf|mbox|operatorname)\s*\{([^{}]*)\}", r" \1 ",
                      text)
    text = re.sub(r"\^\s*\{?\s*\\circ\s*\}?|\\degree|°", " degrees", text)
    text = re.sub(r"\\[,;:! ]|~|\\quad|\\qquad", " ", text).replace("{,}", ",")
    text = re.sub(r"\^\{([^{}]*)\}", lambda found: f"^{found[1]}" if len(found[1]) == 1
                  else f"^({found[1]})", text)
    text = re.sub(r"\\([$%&#_{}])", r"\1", text).replace("\\cdot", "*").replace("\\times", "*")
    return " ".join(re.sub(r"\((-?\w)\)/\((\w+)\)", r"\1/\2",
                           re.sub(r"\((-?\w+)\)/\((\w+)\)", r"\1/\2", text)).split())


def _unspaced(text: str) -> str:
    """Without the spaces beside signs; those of words, of digits and after commas stay."""
    return re.sub(r"\s*([-+*/=^()<>{}\\%$])\s*", r"\1", text).strip()


_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+"
_NUMBER = re.compile(
    rf"^([-+]?)\s*([$€£¥]?)\s*([-+]?)({_DIGITS})(?:[eE]([-+]?\d{{1,3}})|"
    rf"\s*[*x×]\s*10\s*\^\s*\(?([-+]?\d{{1,3}})\)?)?(?:\s*/\s*(\d+))?\s*(%|[^\W\d_].*)?$")
_MIXED = re.compile(r"^([-+]?)(\d+)\s+(\d+)\s*/\s*(\d+)$")


@lru_cache(maxsize=128)  # models give one number, and several classes ask for it
def number(text: str) -> tuple[Fraction, str] | None:
    """A number and what it is counted in (blank: nothing said); None for anything else."""
    text = text.strip().translate(_TYPOGRAPHY)
    mixed = _MIXED.match(text)
    if mixed and int(mixed[4]):
        value = int(mixed[2]) + Fraction(int(mixed[3]), int(mixed[4]))
        return (-value if mixed[1] == "-" else value), ""
    found = _NUMBER.match(text)
    if not found or (found[1] and found[3]) or len(found[4]) > 60:
        return None
    if found[8] and not text[:found.start(8)].endswith(" ") and _unit(found[8]) not in _UNITS:
        return None
    power = int(found[5] or found[6] or 0)
    digits = found[4].replace(",", "").rstrip(".")
    value = Fraction(int(digits)) if digits.isdecimal() else Fraction(digits)
    if power:
        value *= Fraction(10) ** power
    if found[7]:
        if not int(found[7]) or power:
            return None
        value /= int(found[7])
    if found[2] and found[8]:
        return (None if _unit(found[8]) != _unit(found[2])
                else (-value if "-" in (found[1], found[3]) else value, _unit(found[2])))
    return -value if "-" in (found[1], found[3]) else value, _unit(found[8] or found[2] or "")


_UNITS = {
    "%": "percent percentage pct", "$": "dollar usd", "€": "euro eur", "£": "pound gbp",
    "km": "kilometer kilometre", "m": "meter metre", "cm": "centimeter centimetre",
    "mm": "millimeter millimetre", "kg": "kilogram kilo", "g": "gram", "mg": "milligram",
    "l": "liter litre", "ml": "milliliter millilitre", "h": "hour hr", "min": "minute",
    "s": "second sec", "ms": "millisecond", "day": "days", "week": "weeks", "month": "months",
    "year": "yr", "mi": "mile", "ft": "foot feet", "in": "inch", "lb": "lbs", "oz": "ounce",
    "cent": "¢", "degree": "°", "mph": "miles per hour", "w": "watt", "kw": "kilowatt", "v": "volt",
    "j": "joule", "n": "newton", "pa": "pascal", "hz": "hertz", "kb": "kilobyte", "mb": "megabyte",
    "gb": "gigabyte"}
_UNIT_OF = {name: unit for unit, names in _UNITS.items() for name in (unit, *names.split())} | {
    "miles per hour": "mph", "km/h": "km/h", "inches": "in", "feet": "ft"}


def _unit(text: str) -> str:
    """A unit under one name."""
    text = " ".join(text.strip().strip(".").split()).casefold()
    if text in _UNIT_OF:
        return _UNIT_OF[text]
    single = text[:-1] if text.endswith("s") and len(text) > 2 else text
    return _UNIT_OF.get(single, single)


def _numbers(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = _both_numbers(_bare(answer), _bare(gold), question)
    return bool(a and b) and a[0] == b[0] and a[1] == b[1] \
        and not _digits_differ(answer, gold, asked)


def _both_numbers(answer: str, gold: str, question: str) -> list[tuple[Fraction, str] | None]:
    """The numbers that two texts are; with decimal commas where the gold and the question can
    only be meant so."""
    texts = [answer, gold]
    if _COMMA.match(texts[1]) and _COMMA_WITHIN.search(question) \
            and not re.search(r"\d\.\d", question + texts[0]):
        texts = [text.replace(",", ".") for text in texts]
    return [number(text) for text in texts]


_COMMA = re.compile(r"[-+]?\d+,(?:\d{1,2}|\d{4,})(?![\d,])")
_COMMA_WITHIN = re.compile(rf"(?<![\d,.]){_COMMA.pattern}")


def _digits_differ(answer: str, gold: str, asked: frozenset) -> bool:
    """Whether two numbers are written in other digits, where the question asks for some; commas
    between thousands count where it speaks of commas."""
    if not asked & {"number", "commas"}:
        return False
    kept = r"[^\d.,/]" if "commas" in asked else r"[^\d./]"
    digits = [re.sub(kept, "", _bare(text)) for text in (answer, gold)]
    return digits[0] != digits[1]


def _units(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """Equal numbers, one without a unit, and the question itself names the other's."""
    a, b = _both_numbers(*(unlatexed(_bare(text)) if "\\" in text else _bare(text)
                           for text in (answer, gold)), question)
    if not (a and b) or a[0] != b[0] or "unit" in asked or bool(a[1]) == bool(b[1]):
        return False
    return not _digits_differ(answer, gold, asked) and _names(asks.asking(question), a[1] or b[1])


_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
           "october", "november", "december")
_MONTH = r"([a-z]{3,9})\.?"
_DATES = (re.compile(rf"(?P<m>{_MONTH})\s+(?P<d>\d\d?)(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})", re.I),
          re.compile(rf"(?:the )?(?P<d>\d\d?)(?:st|nd|rd|th)?(?: of)?[ -](?P<m>{_MONTH})[ ,-]\s*"
                     r"(?P<y>\d{4})", re.I),
          re.compile(r"(?P<y>\d{4})[-/](?P<m>\d\d?)[-/](?P<d>\d\d?)"))


def date(text: str) -> tuple[int, int, int] | None:
    """The day that a text names with its month in letters, or year first; None for anything else,
    as of two numbers either may be the month."""
    found = next(filter(None, (form.fullmatch(text.strip()) for form in _DATES)), None)
    if not found:
        return None
    name = found["m"].rstrip(".").lower()
    month = int(name) if name.isdigit() else next(
        (place for place, full in enumerate(_MONTHS, 1) if full.startswith(name)
         or name == "sept" and place == 9), 0)
    return (int(found["y"]), month, int(found["d"])) if month else None


def _date(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if "date" in asked:
        return False
    a, b = (date(_bare(text)) for text in (answer, gold))
    return a is not None and a == b


def _names(sentence: str, unit: str) -> bool:
    """Whether the sentence that asks names the unit, and no other one."""
    words = [_unit(word) for word in re.findall(r"[$€£%°]|[^\W\d_]+", sentence)]
    known = {word for word in words if word in _UNITS and len(word) > 1 or word in "$€£%"}
    asked = re.search(rf"\bhow many ((?:[^\W\d_]+ ){{0,2}}?){re.escape(unit)}", sentence.casefold())
    return unit in words and not (known - {unit}) and (unit in known or unit in _UNITS
                                                       or bool(asked))


def _assigned(text: str, question: str) -> str:
    """`5` of `x = 5`, where the question speaks of x."""
    found = re.match(r"^\$?([a-zA-Z])\s*=\s*([^=]+)$", text.strip())
    return found[2].strip() if found and re.search(rf"(?<![^\W\d_]){found[1]}(?![^\W\d_])",
                                                   question) else text


def _assignment(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if "=" not in answer and "=" not in gold:
        return False
    a, b = (_unspaced(unlatexed(_bare(_assigned(_bare(text), question))))
            for text in (answer, gold))
    return a == b != ""


def _options(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One option of those that the question lists, by its letter, its text or both."""
    listed = asks.options(question)
    if not listed or "only" in asked and len(answer) > len(gold) \
            or "case" in asked and answer.islower() != gold.islower():
        return False
    a, b = (_option(text, listed) for text in (answer, gold))
    return a == b != ""


def _option(text: str, listed: dict[str, str]) -> str:
    """The letter of an option that a text names; blank for anything else."""
    bare = _bare(text)
    bare = re.sub(r"^(?:option|choice)\s+", "", bare, flags=re.I)
    if re.fullmatch(r"\(?[a-j][).:]?", bare) and not any(
            len(_bare(words)) == 1 for words in listed.values()):
        bare = bare.upper()
    found = re.match(r"^\(?([A-J])(?:[).:]+|\b)\s*(.*)$", bare)
    if found and found[1] in listed and (
            not found[2] or _bare(found[2]).casefold() == _bare(listed[found[1]]).casefold()):
        return found[1]
    same = [letter for letter, words in listed.items()
            if _bare(words).casefold() == bare.casefold()]
    return same[0] if len(same) == 1 else ""


def _json(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = (_parsed(unfenced(text)) for text in (answer, gold))
    return isinstance(a, dict | list) and type(a) is type(b) and same_value(a, b)


def _parsed(text: str) -> Any:
    """A JSON or Python literal; None for anything else."""
    if not text.lstrip().startswith(("{", "[")) or len(text) > 20_000:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def same_value(a: Any, b: Any) -> bool:
    """Whether two JSON values are equal; 1 and 1.0 are, 1 and true are not."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_value(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_value, a, b))
    return a == b


def _list(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    asked = _with_case(answer, gold, question, asked)
    a, b = _parts(answer, asked), _parts(gold, asked)
    return len(a) > 1 and len(a) == len(b) and "pairs" not in asked and a == b


def _set(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """Equal but for the order, where the question says that it is free or the gold is a set."""
    a_set = _bare(unlatexed(_bare(gold))).startswith("{") and ":" not in gold
    if "any order" not in asked and (not a_set or "order" in asked):
        return False
    asked = _with_case(answer, gold, question, asked)
    a, b = _parts(answer, asked, "{"), _parts(gold, asked, "{")
    return len(a) > 1 and Counter(a) == Counter(b)


def _with_case(answer: str, gold: str, question: str, asked: frozenset) -> frozenset:
    matters = any(case_matters(answer, part.strip(), question, asked) for part in gold.split(",")
                  if len(part.strip()) > 1)
    return asked | {"case"} if matters else asked


def _parts(text: str, asked: frozenset, braces: str = "") -> list[str]:
    """The members of a list that is written in one line or one a line, each under one spelling."""
    bare = _bare(text)
    bare = unlatexed(bare) if "\\" in bare else bare
    if bare[:1] in ("[", *braces) and bare[-1:] in ("]", "}"):
        bare = bare[1:-1]
    if re.search(r"[\[\](){}]", bare) or re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", bare):
        return []
    lines = [line for line in unfenced(text).splitlines() if line.strip()]
    parts = [re.sub(r"^\s*[-*•]\s+", "", line) for line in lines] if len(lines) > 1 \
        and not any("," in line for line in lines) else re.split(r"[,;]| and (?=[^,;]*$)", bare)
    return [_part(part, asked) for part in parts if part.strip()]


def _part(part: str, asked: frozenset) -> str:
    """A member under one spelling."""
    value = None if "number" in asked else number(_bare(part))
    if value:
        return f"{value[0]} {value[1]}"
    return _bare(part) if "case" in asked else _bare(part).casefold()


# The first that holds names it; the plainest come first.
_RULES = (("white_space", _white_space), ("wrapping", _wrapping), ("case", _case),
          ("assignment", _assignment), ("number", _numbers), ("unit", _units), ("date", _date),
          ("option", _options), ("latex", _latex), ("json", _json), ("list", _list), ("set", _set))


def written(value: Any) -> str:
    """A value as text: strings as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
