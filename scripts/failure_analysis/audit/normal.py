"""What makes two answers the same though they are written differently. Where that cannot be said
for sure they are different: whoever compares here makes a suspicion of it."""

import ast
import json
import re
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from typing import Any

from failure_analysis.audit import asks, values
from failure_analysis.audit.latex import boxed, commuted, unlatexed, unspaced
from failure_analysis.datapoint import is_number

_ROOM = 200  # characters that the form of an answer may add
FENCE = re.compile(r"^\s*```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*```\s*$", re.S)
_CODE_START = re.compile(r"(?m)^\s*(def |class |import |from \w+ import|#include|public |function |"
                         r"SELECT\b|return\b)")
_CODE_END = re.compile(r"[;{]\s*$", re.M)
_SQL = re.compile(r"\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b", re.I)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_STRONG = re.compile(r"(?<![\w*_])(\*\*|__)(?=\S)([^*_\n]+)(?<=\S)\1(?![\w*_])")
_BULLET = re.compile(r"(?m)^[ \t]*[-*•][ \t]+(?=\S)")
_TITLE = re.compile(r"(?:mr|mrs|ms|miss|dr|prof|professor|sir|lady|captain|judge)\.? ", re.I)
_ABBREVIATED = re.compile(r"\b(Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr)\.", re.I)


def unfenced(text: str) -> str:
    """The text without a code fence around all of it."""
    fenced = FENCE.match(text)
    return (fenced[1] if fenced and "```" not in fenced[1] else text).strip()


def key(text: str, *, case: bool = False) -> str:
    """What two answers share that differ in white space, a code fence around them, typography,
    emphasis, the sign of their bullets, a full stop at the end or (unless `case` matters) capitals
    alone. Of code only the ends of its lines and the fence go; of JSON and SQL the way in which
    they are laid out."""
    bare = unfenced(text).translate(values.TYPOGRAPHY)
    laid_out = _laid_out(bare)
    if laid_out:
        return laid_out
    if is_code(bare):
        return "\n".join(line.rstrip() for line in bare.splitlines()).strip("\n")
    if "**" in bare or "__" in bare:
        bare = _STRONG.sub(r"\2", bare)
    if "\n" in bare and len(_BULLET.findall(bare)) > 1:
        bare = _BULLET.sub("- ", bare)
    bare = " ".join(bare.split())
    if bare.endswith(".") and not bare.endswith(".."):
        bare = bare[:-1].rstrip()
    return bare if case else bare.casefold()


def _laid_out(text: str) -> str:
    """JSON, or a query in SQL, laid out in one way; blank for anything else."""
    if text[:1] in ("{", "["):
        try:
            return json.dumps(json.loads(text), ensure_ascii=False)
        except (ValueError, RecursionError):
            return ""
    return _query(text)


def _query(text: str) -> str:
    """A query in SQL in one line without its semicolon; blank for anything else, and where the
    ends of lines or blanks may count."""
    if not _SQL.match(text) or not is_code(text) and ";" not in text or "--" in text \
            or any(re.search(r"\s\s|[\n;]", quoted) for quoted in _QUOTED.findall(text)):
        return ""
    return " ".join(text.split()).rstrip("; ")


def is_code(text: str) -> bool:
    """Whether a text is or holds program code, in which every sign may count."""
    return ("```" in text or bool(_CODE_START.search(text))
            or any(sign in text for sign in ";{") and bool(_CODE_END.search(text)))


def tokens(text: str) -> list[str]:
    """Words, numbers and signs."""
    return re.findall(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|[^\w\s]|_",
                      text.translate(values.TYPOGRAPHY).casefold())


def shared(a: Counter, b: Counter) -> float:
    """How many tokens two texts share of all that either has; `a` and `b` count them."""
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
    if "exact" in asked or "bare" in asked and "```" in answer:
        return ""
    return _rule(answer, gold, question, asked)


_FREE_ORDER = frozenset(("any order",))


def _rule(answer: str, gold: str, question: str, asked: frozenset) -> str:
    """The first rule by which an answer equals the gold; blank for none."""
    if "\n" in gold and is_code(gold):
        return "white_space" if key(answer) == key(gold) else ""
    if "output" in asked:
        return _of_output(answer, gold)
    answer, gold = (text.translate(values.TYPOGRAPHY).strip() for text in (answer, gold))
    if answer.isdecimal() and gold.isdecimal() and answer.lstrip("0") != gold.lstrip("0"):
        return ""
    return next((name for name, same in _RULES if same(answer, gold, question, asked)), "")


def _of_output(answer: str, gold: str) -> str:
    """What a program printed: quotes and blanks within count, those at the end and a fence do
    not."""
    a, b = ("\n".join(line.rstrip() for line in text.strip().splitlines())
            for text in (unfenced(answer), gold))
    return "" if a != b else "wrapping" if "```" in answer else "white_space"


def _white_space(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    return answer.split() == gold.split() or unspaced(answer).split() == unspaced(gold).split() \
        or _query(answer) == _query(gold) != ""


def _wrapping(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    return core(answer, "stop" in asked) == core(gold, "stop" in asked) != ""


@lru_cache(maxsize=128)  # each rule asks for that of one answer and of one gold
def core(text: str, keep_stop: bool = False) -> str:
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
        inside = list(boxed(text)) if text.startswith("\\boxed") else []
        if len(inside) == 1 and text.endswith("}") and text.index("{") + len(inside[0]) + 2 \
                == len(text):
            text = inside[0].strip()
        if not keep_stop and text.endswith(".") and not text.endswith(".."):
            text = text[:-1].rstrip()
    return text


_WRAPS = (('"', '"'), ("'", "'"), ("`", "`"), ("**", "**"), ("*", "*"), ("__", "__"), ("$$", "$$"),
          ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("<answer>", "</answer>"))


def _case(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = (core(text, "stop" in asked) for text in (answer, gold))
    if a != b and "." in a + b and "stop" not in asked:
        a, b = (_ABBREVIATED.sub(r"\1", text) for text in (a, b))
    return a.casefold() == b.casefold() != "" and not case_matters(a, b, question, asked)


def case_matters(a: str, b: str, question: str, asked: frozenset) -> bool:
    """Whether capitals may be what is asked for: the question says so or has both spellings, or the
    gold is one or two letters (of which `no` is a word), has capitals inside its words, or both
    have quotes of which the capitals differ."""
    return ("case" in asked or len(b) < 3 and b.casefold() != "no" and not b.isdecimal()
            or bool(re.search(r"[a-z0-9][A-Z]", b))
            or bool(re.search(r"[^\W\d_]\d|\d[^\W\d_]|_", b) and " " not in b)
            or (a != b and a in question and b in question)
            or (a != b and bool(_QUOTED.search(b)) and _QUOTED.findall(a) != _QUOTED.findall(b)))


def _title(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """A person with and without a title, where one is asked for and no other of that name has
    one."""
    if not _TITLE.match(gold) and not _TITLE.match(answer) \
            or not re.search(r"\bwho(m|se)?\b", asks.asking(question), re.I) \
            or re.search(r"\btitles?\b|\bfull name|\baddressed?\b", question, re.I):
        return False
    a, b = (core(_TITLE.sub("", core(text), count=1)) for text in (answer, gold))
    titled = {text.casefold().replace(".", "") for text in re.findall(
        rf"\b(\w+\.?) {re.escape(b)}\b", question) if _TITLE.match(f"{text} ")}
    return a == b != "" and len(titled) < 2 and bool(
        _TITLE.match(gold)) != bool(_TITLE.match(answer))


def _latex(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if not any(sign in text for text in (answer, gold) for sign in "\\^{$"):
        return False
    a, b = (unlatexed(core(text)) for text in (answer, gold))
    return unspaced(a) == unspaced(b) != "" or _numbers(a, b, question, asked) \
        or commuted(a) == commuted(b) != ""


def _numbers(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    a, b = _both_numbers(core(answer), core(gold), question)
    return bool(a and b) and a[0] == b[0] and a[1] == b[1] \
        and not _digits_differ(answer, gold, asked)


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


_COMMA = re.compile(r"[-+]?\d+,(?:\d{1,2}|\d{4,})(?![\d,])")
_COMMA_WITHIN = re.compile(rf"(?<![\d,.]){_COMMA.pattern}")


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
    if asked & {"number", "case"} or any(sign.isdigit() for sign in answer) == any(
            sign.isdigit() for sign in gold):
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
    return not _digits_differ(answer, gold, asked) and _names(asks.asking(question), a[1] or b[1])


def _date(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    if "date" in asked:
        return False
    a, b = (values.date(core(text)) for text in (answer, gold))
    return a is not None and a == b


def _names(sentence: str, unit: str) -> bool:
    """Whether the sentence that asks names the unit, and no other one."""
    words = [values.unit(word) for word in re.findall(r"[$€£%°]|[^\W\d_]+", sentence)
             if word != "in"]
    known = {word for word in words if word in values.UNITS and len(word) > 1 or word in "$€£%"}
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
    a, b = (_option(text, listed) for text in (answer, gold))
    return a == b != ""


def _option(text: str, listed: dict[str, str]) -> str:
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
    return same_value(a, b, free=free, typed="types" in asked)


def _lists(value: Any) -> int:
    """How many lists of more than one member a value holds."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (isinstance(value, list) and len(value) > 1) + sum(map(_lists, inner))


def parsed(text: str) -> Any:
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


def same_value(a: Any, b: Any, *, free: bool = False, typed: bool = True) -> bool:
    """Whether two JSON values are equal; 1 and 1.0 are, 1 and true are not, 1 and "1" are where
    they need not be `typed`, lists in another order are where that is `free`."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(
            same_value(a[name], b[name], free=free, typed=typed) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        if free and len(a) == len(b):
            a, b = (sorted(each, key=written) for each in (a, b))
        return len(a) == len(b) and all(
            same_value(x, y, free=free, typed=typed) for x, y in zip(a, b, strict=True))
    if not typed and isinstance(a, str) != isinstance(b, str) and is_number(
            b if isinstance(a, str) else a):
        numbers = [values.number(str(value)) for value in (a, b)]
        return all(numbers) and numbers[0] == numbers[1]
    return a == b


def _list(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    asked = _with_case(answer, gold, question, asked)
    a, b = _parts(answer, question, asked), _parts(gold, question, asked)
    return len(a) > 1 and len(a) == len(b) and "pairs" not in asked and a == b


def _set(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """Equal but for the order, where the question says that it is free or asks for members, or
    the gold is a set."""
    a_set = core(unlatexed(core(gold))).startswith("{") and ":" not in gold
    if "any order" not in asked and ("order" in asked or not (a_set or asks.members(question))):
        return False
    asked = _with_case(answer, gold, question, asked)
    a, b = _parts(answer, question, asked, "{"), _parts(gold, question, asked, "{")
    return len(a) > 1 and Counter(a) == Counter(b)


def _with_case(answer: str, gold: str, question: str, asked: frozenset) -> frozenset:
    matters = any(case_matters(answer, part.strip(), question, asked) for part in gold.split(",")
                  if len(part.strip()) > 1)
    return asked | {"case"} if matters else asked


def _parts(text: str, question: str, asked: frozenset, braces: str = "") -> list[str]:
    """The members of a list that is written in one line or one a line, each under one spelling."""
    bare = core(text)
    bare = unlatexed(bare) if "\\" in bare else bare
    if bare[:1] in ("[", *braces) and bare[-1:] in ("]", "}"):
        bare = bare[1:-1]
    if re.search(r"[\[\](){}]", bare) or re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", bare):
        return []
    lines = [line for line in unfenced(text).splitlines() if line.strip()]
    parts = [re.sub(r"^\s*[-*•]\s+", "", line) for line in lines] if len(lines) > 1 \
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
          ("assignment", _assignment), ("title", _title), ("number", _numbers),
          ("number", _spelled), ("unit", _units), ("date", _date),
          ("option", _options), ("latex", _latex), ("json", _json), ("list", _list), ("set", _set))


def written(value: Any) -> str:
    """A value as text: strings as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
