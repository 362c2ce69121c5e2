"""Whether an answer is the gold though it is written differently, and by which rule. Where that
cannot be said for sure they are different: whoever compares here makes a suspicion of it."""

import re
from collections import Counter
from functools import lru_cache
from typing import Any

from failure_analysis.audit import asks, demands, names, quantities, values, written
from failure_analysis.audit.latex import commuted, tight, unlatexed, unspaced
from failure_analysis.audit.normal import (
    QUOTED,
    SQL,
    case_matters,
    core,
    formula,
    is_code,
    is_formula,
    is_json,
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
        return "white_space" if key(answer) == key(gold) else \
            "code" if written.quoted(answer, gold, question, asked) else ""
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
    if "marks" not in asked and any(sign in a + b for sign in "-&"):
        a, b = (_JOINED.sub(lambda sign: " and " if "&" in sign[0] else " ", text)
                for text in (a, b))
    return a.casefold() == b.casefold() != "" and (
        not case_matters(a, b, question, asked) or demands.keeps_case(question, answer, gold))


_JOINED = re_compile(r" & |(?<=[^\W\d_]{2})-(?=[^\W\d_]{2})")


def _boolean(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One truth value in two words, unless the question names that of the gold alone."""
    a, b = (core(text).casefold() for text in (answer, gold))
    return a != b and (a in _TRUE and b in _TRUE or a in _FALSE and b in _FALSE) and not (
        re.search(rf"\b{b}\b", question, re.I) and not re.search(rf"\b{a}\b", question, re.I))


_TRUE, _FALSE = frozenset(("true", "yes", "correct")), frozenset(("false", "no", "incorrect"))


def _formula(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    return is_formula(core(gold)) and formula(core(answer)) == formula(core(gold))


def _article(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One of the two with an article before it, the other without."""
    a, b = (_ARTICLE.sub("", core(text)) for text in (answer, gold))
    return a.casefold() == b.casefold() != "" and bool(re.search(r"[^\W\d_]", b)) \
        and not re.search(r"\btitles?\b|\barticles?\b|\btranslat|\bgrammar", question, re.I) \
        and not case_matters(a, b, question, asked)


def _latex(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if not (any(sign in text for text in (answer, gold) for sign in "\\^{$π∞√≤≥²³")
            or "+" in answer and "+" in gold and _SUM.fullmatch(gold) or "**" in answer + gold) \
            or _PATTERN.search(gold):
        return False
    a, b = (unlatexed(core(text)) for text in (answer, gold))
    return tight(a) == tight(b) != "" or quantities.numbers(a, b, question, asked) \
        or commuted(a) == commuted(b) != ""


_SUM = re_compile(r"(?!.*[a-z]{2})[\d\sa-z+\-*/().]*", re.I)
# A regular expression, in which a sign with a backslash is another one than without.
_PATTERN = re_compile(r"\\[dwsDWS](?![A-Za-z])|\(\?[:=!<P]|\[\^|\A\^.*\$\Z")


def _assigned(text: str, question: str) -> str:
    """`5` of `x = 5`, where the question speaks of x."""
    found = re.match(r"^\$?([a-zA-Z])\s*=\s*([^=]+)$", text.strip())
    return found[2].strip() if found and re.search(rf"(?<![^\W\d_]){found[1]}(?![^\W\d_])",
                                                   question) else text


def _assignment(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if "=" not in answer and "=" not in gold or "=<" in question or "= <" in question:
        return False  # the second asks for it in so many signs
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


def _several(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """The same options of those that the question lists, in which order one likes."""
    listed = asks.options(question)
    if not listed or len(gold) < 2 or _IN_ORDER.search(question) and "any order" not in asked:
        return False
    a, b = (_letters(core(text), listed) for text in (answer, gold))
    return len(a) > 1 and a == b


_IN_ORDER = re_compile(r"\border\b|\brank|\barrange|\bsequence\b|\bsort|\bfirst\b", re.I)
_TOGETHER = re_compile(r"[A-J]{2,}")
_BETWEEN = re_compile(r"\s*(?:[,;/&+\n]|\b(?:and|und|et|y|e|en|og|och)\b)\s*|"
                      r"(?<=\b[A-J]) (?=[A-J]\b)")


def _letters(text: str, listed: dict[str, str]) -> frozenset[str]:
    """The letters of the options that a text names, if that is all it does."""
    parts = list(text) if _TOGETHER.fullmatch(text) else [
        part for part in _BETWEEN.split(text.strip("[]{}")) if part.strip()]
    found = [option(part, listed) for part in parts] if len(parts) <= len(listed) else []
    return frozenset(found) if "" not in found and len(set(found)) == len(found) else frozenset()


def option(text: str, listed: dict[str, str]) -> str:
    """The letter of an option that a text names; blank for anything else."""
    bare = core(text)
    bare = core(unlatexed(bare)) if "\\" in bare else bare
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
    if _is_broken_json(answer, gold, question):
        return False
    free = "any order" in asked and _lists(b) == 1
    return same_value(a, b, free=free, typed="types" in asked, text=lambda x, y: x == y or (
        x.casefold() == y.casefold() and not case_matters(x, y, question, asked)))


# What asks for JSON as its standard has it.
_VALID = re_compile(r"\bstrict(?:ly)?\b|\bvalid\b|\bwell[- ]formed\b|\bRFC\b|\bparse?able\b", re.I)


def _is_broken_json(answer: str, gold: str, question: str) -> bool:
    """Whether JSON as its standard has it is asked for and expected, and the answer is none."""
    return gold[:1] in ("[", "{") and bool(_VALID.search(question)) and is_json(gold) \
        and not is_json(answer)


def _lists(value: Any) -> int:
    """How many lists of more than one member a value holds."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (isinstance(value, list) and len(value) > 1) + sum(map(_lists, inner))


def _list(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if not (_is_several(answer) and _is_several(gold)) or _is_no_json(answer, gold, asked) \
            or _is_broken_json(answer, gold, question):
        return False
    asked = _with_case(answer, gold, question, asked)
    if (named := _by_name(core(gold))) and (mine := _by_name(core(answer))):
        return {name: _part(value, asked) for name, value in mine.items()} == {
            name: _part(value, asked) for name, value in named.items()}
    a, b = _parts(answer, question, asked), _parts(gold, question, asked)
    return len(a) > 1 and len(a) == len(b) and "pairs" not in asked and a == b


_AND = re_compile(r" (?:and|und|et|y|e|en|og|och|&) (?!=)(?=[^,;]*$)")  # before the last member


def _is_several(text: str) -> bool:
    """Whether there is anything in a text that may part the members of a list."""
    return any(map(text.__contains__, (",", ";", "and", "±", "\\pm", "+/-"))) \
        or _AND.search(text) or "=" in text and " or " in text or len(text.splitlines()) > 1


def _is_no_json(answer: str, gold: str, asked: frozenset) -> bool:
    """Whether JSON is asked for and expected, and the answer is none."""
    return "json" in asked and parsed(unfenced(gold)) is not None \
        and parsed(unfenced(answer)) is None


def _set(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """Equal but for the order, where the question says that it is free or asks for members, or
    the gold is a set, or both are the values of one unknown. A member twice in braces is one."""
    if not (_is_several(answer) and _is_several(gold)) or _is_no_json(answer, gold, asked):
        return False
    a_set = core(unlatexed(core(gold))).startswith("{") and ":" not in gold
    if "any order" not in asked and ("order" in asked or not (
            a_set or _of_one_unknown(answer, gold) or asks.members(question))):
        return False
    asked = _with_case(answer, gold, question, asked)
    a, b = _parts(answer, question, asked, "{"), _parts(gold, question, asked, "{")
    return len(a) > 1 and (Counter(a) == Counter(b) or set(a) == set(b)
                           and len(set(b)) == len(b) and core(answer)[:1] == "{")


def _by_name(text: str) -> dict[str, str]:
    """The values of several unknowns by name; empty for anything else."""
    named = [re.fullmatch(r"\$?([a-zA-Z]\w?)\s*=\s*([^=]+)", part.strip())
             for part in re.split(rf"[,;\n]|{_AND.pattern}", text)] if text.count("=") > 1 else []
    found = {one[1]: one[2] for one in named if one}
    return found if len(found) == len(named) else {}


def _of_one_unknown(answer: str, gold: str) -> bool:
    """Whether one of the two says each of its values of one and the same unknown."""
    return any(len(names) > 1 == len(set(names)) for text in (answer, gold) if "=" in text
               and (names := _UNKNOWN.findall(text)))


_UNKNOWN = re_compile(r"(?<![^\W\d_])([a-z])(?:_\{?\d\}?)?\s*=(?!=)", re.I)


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
        and not any("," in line for line in lines) else re.split(
            rf"[,;]|{_AND.pattern}{'| or (?=[^,;]*=)' if '=' in bare else ''}", bare)
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
          ("formula", _formula), ("boolean", _boolean),
          ("assignment", _assignment), ("article", _article),
          ("accents", names.accents), ("title", names.title), ("title", names.inverted),
          ("number", quantities.numbers), ("number", quantities.spelled),
          ("unit", quantities.units), ("number", quantities.counted),
          ("scaled", quantities.scaled), ("duration", quantities.lasting), ("date", quantities.day),
          ("option", _options), ("option", _several), ("latex", _latex),
          ("json", _json), ("list", _list), ("set", _set), ("escaped", written.unescaped),
          ("parted", written.parted), ("parted", written.address), ("layout", written.laid_out),
          ("code", written.quoted))
