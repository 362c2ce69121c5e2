"""What a question demands of its answer in so many words, and whether its gold keeps to it."""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from failure_analysis.audit import golds, wording
from failure_analysis.audit.normal import core
from failure_analysis.patterns import re_compile


class Demand(NamedTuple):
    """What a question demands of its answer, by name, and whether the gold keeps to it."""

    name: str
    kept: bool


_ASKS = re_compile(r"\b(?:answers?|respond|response|reply|output|return|give|provide|report|write|"
                   r"express|state|print|enter|choose|select|pick|classify|label|round(?:ed)?|"
                   r"format|rate|grade|submit)\b", re.IGNORECASE)
# A form that is said right behind what is asked for.
_PLAIN = re_compile(r"\bto (?:one|two|three|four|\d) decimals?\b|\bcapital(?: letter)?s only\b|"
                    r"\bonly (?:in )?capital(?: letter)?s\b|\bat most \d+ characters\b|"
                    r"\b(?:upper|lower) ?-?case only\b|"
                    r"\A\W*(?:in|with) (?:one|two|three|\d) words?\b|"
                    r"\A\W*name [^.?\"“]{1,60}? in (?:at most|up to|exactly) \w+ words?\b|"
                    r"\bmax\.? \d+ (?:characters|signs|letters)\b|"
                    r"\A\W*(?:(?:in|with|only|just) )?(?:one|a single|two|three|\d) words?"
                    r"(?: only)?\W*\Z|"
                    r"\A(?:(?:an?|one|a single) )?(?:whole number|integer)(?: only)?\W*\Z",
                    re.IGNORECASE)
_NOT_STRICT = re_compile(r"\be\.g\b|\bexamples?\b|\bfor instance\b|\bif\b|\bunless\b|"
                         r"all that apply|one or more|\bmay\b|\bcan be\b", re.IGNORECASE)
# These say by themselves that they are of the answer.
_BY_ITSELF = frozenset(("length", "probability", "without", "signs of", "lines", "whole",
                        "listed"))


def of(question: str, gold: str) -> Iterator[Demand]:
    """The demands of a question, against a gold."""
    for sentence in re.split(r"(?<=[.?!;])\s+|\n", question[:20_000]):
        low = sentence.casefold()
        tests = [(name, test) for name, test, signs in _DEMANDS
                 if any(map(low.__contains__, signs))] if len(sentence) < 600 else []
        asks = any(name in _BY_ITSELF for name, _ in tests) or tests and (
            _ASKS.search(sentence) or _DATE.search(sentence) or _PLAIN.search(sentence))
        if asks and not _NOT_STRICT.search(sentence):
            for name, test in tests:
                kept = test(sentence, gold)
                if kept is not None:
                    yield Demand(name, kept)


_YES_NO = re_compile(r"\b(?:answer|respond|reply|state)\b[^.:,]{0,30}?\b(yes|true)(?: or |/)"
                     r"(no|false)\b(?!\s*[,/]|\s+or\b)", re.IGNORECASE)
_LISTED = re_compile(r"\b(?:one of(?: the following| these)?|choose from|select from|pick from|"
                     r"either|exactly)\b[^:,]{0,40}:\s*(.+)", re.IGNORECASE)
_ONE_OF = re_compile(r"\bone of(?: the following)?\s+(?!the\b|these\b|your\b|its\b)([^.:]+)",
                     re.IGNORECASE)
_QUOTED = re_compile(r"[\"“'‘`]([^\"“”'‘’`]{1,40})[\"”'’`]")
_BETWEEN = re_compile(r"[\"”'’`](?:,?\s*(?:or|/|and|,)\s*|\s*[,/|]\s*)[\"“'‘`]")


def _one_of(sentence: str, gold: str) -> bool | None:
    """Among the values that the question lists."""
    if found := _YES_NO.search(sentence):
        allowed = [found[1], found[2]]
    elif found := (_LISTED.search(sentence) or _ONE_OF.search(sentence)):
        allowed = re.split(r"\s*(?:,\s*(?:or\s|and\s)?|;|\||/|\bor\b)\s*",
                           found[1].strip(" .()[]{}"))
    elif re.search(r"\b(?:answer|respond|reply)\b", sentence, re.IGNORECASE) \
            and _BETWEEN.search(sentence):
        allowed = _QUOTED.findall(sentence)
    else:
        return None
    allowed = [golds.folded(one) for one in allowed]
    if not 2 <= len(allowed) <= 30 or any(
            not one or len(one.split()) > 4 or re.search(r"[<>…:]|\.\.", one) for one in allowed):
        return None
    return golds.folded(gold.strip("()[]{}")) in allowed


_INTEGER = (r"\b(?:answer|respond|reply|output|return|result|response|give|provide|report|enter|"
            r"rate|state)\b[^.:]{0,40}?\b(?:as|with|be|is|give|return|report|provide|enter|a|an|single|"
            r"only|output|it|answer)\s+(?:an? |only |just |single |one |exactly )*(non-negative |"
            r"nonnegative |positive )?")
_RANGE = re_compile(_INTEGER + r"(integer|whole number|number|value|score|rating|digit)\s+(?:\w+ )?"
                    r"(?:between|from|in the range(?: of| from)?)\s+\[?(-?\d[\d,]*(?:\.\d+)?)"
                    r"\s*(?:and|to|,|-|–)\s*(-?\d[\d,]*(?:\.\d+)?)", re.IGNORECASE)
_SCALE = re_compile(r"\b(?:on a scale (?:of|from)|(?:rate|score|grade)\b[^?;]{0,80}? from) "
                    r"(-?\d+) ?(?:to|-|–) ?(-?\d+)", re.IGNORECASE)
_WHOLE = re_compile(_INTEGER + r"(?:integer|whole number)\b(?! (?:list|sequence|array))",
                    re.IGNORECASE)


def _range(sentence: str, gold: str) -> bool | None:
    """Within the bounds that the question names."""
    if found := _RANGE.search(sentence):
        low, high = found[3], found[4]
    elif found := _SCALE.search(sentence):
        low, high = found[1], found[2]
    else:
        return None
    value = golds.number(gold)
    low, high = golds.number(low), golds.number(high)
    if value is None or low is None or high is None or low >= high:
        return None
    return low <= value <= high


def _integer(sentence: str, gold: str) -> bool | None:
    """A whole number, with the sign that the question names."""
    found = _WHOLE.search(sentence)
    if not found:
        alone = _PLAIN.fullmatch(sentence.strip())
        value = golds.number(gold) if alone else None
        return (value.denominator == 1 if value is not None
                else bool(re.search(r"[\d√π∞\\]", gold))) if alone else None
    value = golds.number(gold)
    if value is None:
        return golds.is_any_number(gold)
    least = {"positive": 1, None: None}.get(found[1] and found[1].strip().lower(), 0)
    return value.denominator == 1 and (least is None or value >= least)


COUNT = {word: count for count, word in enumerate(
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 1)}
_WORDS = re_compile(r"\b(a single|exactly|at most|no more than|up to|in|with|using|only)?\s*"
                    r"\b(one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2}|single)"
                    r"[ -]words?\b( or (?:fewer|less))?", re.IGNORECASE)


def _words(sentence: str, gold: str) -> bool | None:
    """As many words as the question allows."""
    found = _WORDS.search(sentence)
    how = (found[1] or "").lower() if found else ""
    if not found or not (how or found[3] or found[2].lower() == "single"
                         or found[0].strip() == sentence.strip(" .!")):
        return None
    most = 1 if found[2].lower() == "single" else COUNT.get(found[2].lower()) or int(found[2])
    said = len(gold.split())
    return said == most if how == "exactly" else said <= most


_SIGNS = re_compile(r"\b(?:at most|no more than|up to|maximum of|max\.?) (\d{1,3}) "
                    r"(?:characters?|signs|letters)\b", re.IGNORECASE)
_STARTS = re_compile(r"\b(?:begin|start)(?:s|ning|ing)? with an? "
                     r"(equals sign|slash|hash|dollar sign|plus sign)", re.IGNORECASE)
_SIGN = {"equals sign": "=", "slash": "/", "hash": "#", "dollar sign": "$", "plus sign": "+"}


def _signs(sentence: str, gold: str) -> bool | None:
    """No more signs than the question allows, and the first that it names."""
    most, first = _SIGNS.search(sentence), _STARTS.search(sentence)
    if not most and not first:
        return None
    return not (most and len(gold.strip()) > int(most[1])) and not (
        first and not gold.startswith(_SIGN[first[1].lower()]))


_PLACES = re_compile(r"\b(one|two|three|four|five|six|\d)\s+"
                     r"(?:decimal places?|decimals?|digits? after)", re.IGNORECASE)
_CENTS = re_compile(r"\bto the cent\b|\bnearest cent\b|\bdollars and cents\b|\bexact cents\b",
                    re.IGNORECASE)
# The number of decimals as a program is told.
_SPELLED = re_compile(r"%[ +-]?\d*\.(\d)f|\{[^{}]*:[^{}]*\.(\d)f\}|\.toFixed\((\d)\)|"
                      r"\bround\([^(),]+, ?(\d)\)|%\.(\d)lf")


def places(question: str) -> int | None:
    """The number of decimals that a question asks for; None where it asks for none."""
    if _CENTS.search(question):
        return 2
    if spelled := _SPELLED.findall(question) if wording.has_any(question, ("f", "round")) else ():
        asked = {next(filter(None, one)) for one in spelled}
        return int(asked.pop()) if len(asked) == 1 else None
    figures = re.sub(r"\b(one|two|three|four|five|six)\b",
                     lambda word: str(COUNT[word[0].lower()]), question, flags=re.IGNORECASE)
    found = re.search(r"\b(\d)\s+(?:decimal|digits? after)", figures)
    return int(found[1]) if found else None


def printed_otherwise(question: str, answer: str, gold: str) -> bool:
    """Whether a program of the question prints as many decimals as the gold has, and an answer has
    others."""
    after = [len(core(text).partition(".")[2]) for text in (answer, gold)]
    return bool(_SPELLED.search(question)) and after[0] != places(question) == after[1]


def keeps_case(question: str, answer: str, gold: str) -> bool:
    """Whether an answer has the capitals that the question demands, and the gold has not."""
    kept = [[one.kept for one in of(question, core(text)) if one.name == "case"]
            for text in (answer, gold)]
    return kept == [[True], [False]]


def keeps_places(question: str, answer: str, gold: str) -> bool:
    """Whether an answer has as many decimals as the question demands, and the gold fewer."""
    asked = places(question)
    after = [len(core(text).partition(".")[2]) for text in (answer, gold)]
    return asked is not None and after[0] == asked > after[1]


def _decimals(sentence: str, gold: str) -> bool | None:
    """No more decimals than the question asks for."""
    found = _PLACES.search(sentence)
    if not found or re.search(r"\bat least\b|\bor more\b", sentence) or golds.number(gold) is None:
        return None
    most = COUNT.get(found[1].lower())
    most = int(found[1]) if most is None else most
    return len(re.sub(r"[^\d.]", "", gold).partition(".")[2]) <= most


_DATE = re_compile(r"\b(?:YYYY|DD|MM|HH)(?:[-/.:](?:YYYY|YY|MM|DD|HH|mm|SS|ss)){1,2}\b")
_PART = {"YYYY": r"\d{4}", "YY": r"\d\d", "MM": r"(?:0[1-9]|1[0-2])", "HH": r"(?:[01]\d|2[0-4])",
         "DD": r"(?:0[1-9]|[12]\d|3[01])", "mm": r"[0-5]\d", "SS": r"[0-5]\d", "ss": r"[0-5]\d"}


def _date(sentence: str, gold: str) -> bool | None:
    """A date or a time in the form that the question spells."""
    found = _DATE.findall(sentence)
    if len(found) != 1:
        return None
    spelled = found[0].replace("HH:MM", "HH:mm")
    pattern = re.sub("YYYY|YY|MM|DD|HH|mm|SS|ss", lambda part: _PART[part[0]], re.escape(spelled))
    return re.fullmatch(pattern, gold.strip()) is not None


def _case(sentence: str, gold: str) -> bool | None:
    """All in capitals, or all in small letters, as the question asks."""
    found = re.search(r"\b(?:in|use|using)\s+(?:all |only )?(?:(capitals?(?: letters)?|"
                      r"upper ?-?case|block letters)|"
                      r"(lower ?-?case|small letters))\b(?! (?:letters )?"
                      r"(?:vowels|consonants|words))", sentence, re.IGNORECASE)
    if not found or not re.search(r"\banswer|\brespon|\breply|\boutput|\bonly\b|^\W*(?:please )?"
                                  r"(?:write|give|state|name|print|return|spell)\b", sentence,
                                  re.IGNORECASE):
        return None
    return gold == (gold.upper() if found[1] else gold.lower())


def _letter(sentence: str, gold: str) -> bool | None:
    """The letter of an option alone."""
    found = re.search(r"\b(?:only|just|with|single|give)\s+(?:only |just |a |the |one |single )*"
                      r"letter\b(?! (?:words|grade))(?: of| for| corresponding| only| alone|:|"
                      r" \(?[A-J] ?(?:-|–|to|through) ?[A-J]\b|\.|\s*$|\s*\()",
                      sentence, re.IGNORECASE)
    return golds.LETTER.fullmatch(gold.strip()) is not None if found else None


def _json(sentence: str, gold: str) -> bool | None:
    """JSON, where the question asks for JSON."""
    found = re.search(r"\b(?:as|in|valid|only|with|return|output) (?:an? |valid |the )*JSON\b",
                      sentence, re.IGNORECASE)
    if not found or re.search(r"\b(?:above|below|following|given|this|from)\b", sentence,
                              re.IGNORECASE):
        return None
    return golds.is_json(gold)


def _fraction(sentence: str, gold: str) -> bool | None:
    """A fraction, in lowest terms where the question asks for these."""
    if not re.search(r"\bas an? (?:\w+ ){0,2}fraction\b|\blowest terms\b", sentence, re.IGNORECASE):
        return None
    found = re.fullmatch(r"-?(\d+)\s*/\s*(\d+)", gold.strip())
    if not found:
        value = golds.number(gold)
        return None if value is None else value.denominator == 1
    lowest = re.search(r"\blowest\b|\bsimplest\b|\bsimplified\b|\breduced\b|\birreducible\b",
                       sentence, re.IGNORECASE)
    return not lowest or Fraction(int(found[1]), int(found[2]) or 1).denominator == int(found[2])


_PAIR = re_compile(r"\b(?:as|with|give|write|return|state) (?:an? |the |your )*(?:answer as an? )?"
                   r"(ordered (?:pair|triple))\b", re.IGNORECASE)


def _pair(sentence: str, gold: str) -> bool | None:
    """As many parts as a pair or a triple has."""
    found = _PAIR.search(sentence)
    if not found:
        return None
    return len(re.split(r"[,;]", gold)) == (2 if found[1].lower().endswith("pair") else 3)


_UNITS = [dict.fromkeys(group.split()) for group in (
    "millimetres millimeters mm", "centimetres centimeters cm", "metres meters m",
    "kilometres kilometers km", "miles mi", "feet ft", "inches", "grams g", "kilograms kg",
    "pounds lb lbs", "seconds s sec", "minutes min", "hours h hr", "days", "weeks", "dollars usd",
    "cents", "euros eur", "litres liters l", "millilitres milliliters ml", "celsius °c",
    "fahrenheit °f", "kelvin k")]
_UNIT_OF = {word: place for place, group in enumerate(_UNITS) for word in group}
_IN_UNIT = re_compile(r"\banswer\b[^.:]{0,20}\bin (?:whole |degrees )?([a-z]+)\b(?! and)",
                      re.IGNORECASE)


def _unit(sentence: str, gold: str) -> bool | None:
    """In the unit that the question asks for, where the gold names one."""
    asked = _IN_UNIT.search(sentence)
    named = re.fullmatch(r"-?[\d,.]+\s*([a-z°]+)\.?", gold.strip(), re.IGNORECASE)
    if not asked or not named:
        return None
    units = [_UNIT_OF.get(word.lower(), _UNIT_OF.get(f"{word.lower()}s"))
             for word in (asked[1], named[1])]
    return None if None in units else units[0] == units[1]


_ENDS = re_compile(r"(?<!but the )(?<!except the )(?<!but )\b(?:first|last) (\w+) "
                   r"(?:characters|signs|letters|digits)\b", re.IGNORECASE)
_LENGTH = re_compile(r"\b(three|four|five|six|seven|eight|nine|ten|\d{1,2})[- ](letter|digit) "
                     r"(?:word|name|noun|verb|adjective|animal|number|code|pin|prime|palindrome)\b",
                     re.IGNORECASE)


def _length(sentence: str, gold: str) -> bool | None:
    """Of as many letters or digits as the question says."""
    if ends := _ENDS.search(sentence):
        count = COUNT.get(ends[1].lower()) or ends[1].isdigit() and int(ends[1])
        return len(gold) == count if count else None
    found = _LENGTH.findall(sentence)
    kind = r"[^\W\d_]+" if found and found[0][1].lower() == "letter" else r"\d+"
    if len(found) != 1 or not re.fullmatch(kind, gold.strip()):
        return None
    return len(gold.strip()) == (COUNT.get(found[0][0].lower()) or int(found[0][0]))


def _probability(sentence: str, gold: str) -> bool | None:
    """Between 0 and 1, where a probability is asked for and nobody speaks of per cent or odds."""
    value = golds.number(gold) if "%" not in gold else None
    if value is None or not re.search(r"\bwhat is the probability\b|\b(?:find|give|compute|"
                                      r"calculate|determine) the probability\b", sentence,
                                      re.IGNORECASE) \
            or re.search(r"per ?cent|%|\bodds\b|\b1 in\b|\bform\b|\bm ?\+ ?n\b|\bexpressed\b",
                         sentence, re.IGNORECASE):
        return None
    return 0 <= value <= 1


_WITHOUT = re_compile(
    r"\b(?i:without(?: using| naming| mentioning| saying| any| a| the)*|(?:do not|don['’]t|"
    r"must not|may not|never) (?:use|contain|include|answer|say|name|mention|write)"
    r"(?: with| any| a| an| the)*|avoid(?:ing)?(?: any| the| using)*|must be free of) "
    r"(?:(?:the |a )?(?:words?|letters?|signs?|characters?|functions?|keywords?|operators?|"
    r"methods?|names?|brands?|labels?) )?(?:(lookarounds?|lookaheads?|lookbehinds?)|"
    r"([`'\"“‘])(?P<quoted>[^`'\"”’\n]{1,30})[`'\"”’]|(?P<capitals>[A-Z]{4,}(?: BY)?)\b)")
_LOOKS = {"lookaround": r"\(\?<?[=!]", "lookahead": r"\(\?[=!]", "lookbehind": r"\(\?<[=!]"}


def forbidden(text: str) -> re.Pattern[str] | None:
    """What a text forbids by name: in quotes, in capitals, as a part of patterns."""
    found = _WITHOUT.search(text)
    if not found:
        return None
    name = found["quoted"] or found["capitals"]
    bound = r"(?<!\w){}(?!\w)" if name and len(name) > 1 and name[0].isalnum() else "{}"
    pattern = bound.format(re.escape(name)) if name else _LOOKS[found[1].lower().rstrip("s")]
    return re.compile(pattern, re.IGNORECASE)


def _without(sentence: str, gold: str) -> bool | None:
    """Without what the question forbids."""
    pattern = forbidden(sentence)
    return pattern.search(gold) is None if pattern else None


_CHARS = re_compile(
    r"\b(?:only|just|nothing but)(?: of)? ((?:(?:,| |\band\b|\bor\b)*(?:[a-z]-[a-z]|0-9|digits?|"
    r"hyphens?|dashes|underscores?|dots|(?:lower-?case |small )?letters)\b)+)", re.IGNORECASE)
_CLASSES = (("digit", "0-9"), ("0-9", "0-9"), ("hyphen", "-"), ("dash", "-"), ("underscore", "_"),
            ("dot", "."), ("a-z", "a-z"), ("letter", "a-zA-Z"))


def _chars(sentence: str, gold: str) -> bool | None:
    """Of no other signs than the question allows, where it is one word."""
    found = _CHARS.search(sentence)
    named = [signs for name, signs in _CLASSES if found and name in found[1]]
    return re.fullmatch(rf"(?:[{']|['.join(named)}])+", gold) is not None \
        if len(named) > 1 and re.fullmatch(r"[\w.-]+", gold) else None


_A_LINE = re_compile(r"\b(?:one|each|every)\b[^.;]{0,30} (?:per|on (?:a|its own|one|each)) "
                     r"(?:\w+ )?line\b", re.IGNORECASE)


def _lines(sentence: str, gold: str) -> bool | None:
    """Several numbers, one a line."""
    several = re.fullmatch(r"[-\d.]+(?:[\s,;]+[-\d.]+)+", gold.strip())
    return "\n" in gold if several and _A_LINE.search(sentence) else None


_WHOLES = re_compile(r"\b(?:by|in|to|only) whole \w+\b|\bwhole \w+ only\b", re.IGNORECASE)
_OR_ONLY = re_compile(r"((?:\w{1,12}, )*\w{1,12},? or \w{1,12}) only\b")


def _wholes(sentence: str, gold: str) -> bool | None:
    """In whole units."""
    value = golds.number(gold) if _WHOLES.search(sentence) else None
    return None if value is None else value.denominator == 1


def _listed(sentence: str, gold: str) -> bool | None:
    """Among the words that are said to be allowed alone: `M, F or U only`."""
    found = _OR_ONLY.search(sentence)
    return gold in re.split(r",? or |, ", found[1]) if found else None


# The demands, each with signs of which one stands in every sentence that makes it.
_DEMANDS = (
    ("one_of", _one_of, ("yes", "true", "one of", "from", "either", "exactly", *"\"'”’`")),
    ("range", _range, ("between", "from", "in the range", "on a scale")),
    ("signs", _signs, ("characters", "signs", "equals sign", "slash")),
    ("integer", _integer, ("integer", "whole number")), ("words", _words, ("word",)),
    ("decimals", _decimals, ("decimal", "digit")), ("date", _date, ("yyyy", "dd", "mm", "hh")),
    ("case", _case, ("capital", "case", "letters")), ("letter", _letter, ("letter",)),
    ("json", _json, ("json",)), ("fraction", _fraction, ("fraction", "lowest terms")),
    ("pair", _pair, ("ordered pair", "ordered triple")), ("unit", _unit, ("answer",)),
    ("length", _length, ("letter", "digit", "character", "signs")),
    ("probability", _probability, ("probability",)),
    ("without", _without, ("without", "not use", "n't use", "n’t use", "not contain", "not include",
                           "never ", "not answer", "not say", "not name", "not mention", "avoid",
                           "free of")),
    ("signs of", _chars, ("only ", "just ", "solely ", "nothing but ")),
    ("lines", _lines, (" line",)), ("whole", _wholes, ("whole ",)),
    ("listed", _listed, (" only",)))
NAMES = tuple(name for name, _, _ in _DEMANDS)
