"""Answers, code and JSON under one spelling, for what is only form."""

import ast
import json
import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from failure_analysis.audit import values
from failure_analysis.audit.latex import boxed
from failure_analysis.datapoint import is_number
from failure_analysis.patterns import re_compile
from failure_analysis.tool_checks import parsed_arguments

FENCE = re_compile(r"^\s*```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*```\s*$", re.S)
_CODE_START = re_compile(r"\s*(def |class |import |from \w+ import|#include|public |function |"
                         r"SELECT\b|return\b|(?:for|while|if|elif|with) [^.?!]*:\s*$|"
                         r"(?:else|try):\s*$)")
_CODE_END = re_compile(r"[;{]\s*$", re.M)
SQL = re_compile(r"\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b", re.I)
QUOTED = re_compile(r"'[^']*'|\"[^\"]*\"")
_STRONG = re_compile(r"\*\*(?<![\w*]\*\*)(?=\S)([^*\n]+)(?<=\S)\*\*(?![\w*])")
_JOINT = re_compile(r"(?<=[^\W\d])(?:: | ?— ?| - )(?=[^\W\d])")
_BULLET = re_compile(r"(?m)^[ \t]*[-*•][ \t]+(?=\S)")


def unfenced(text: str) -> str:
    """The text without a code fence around all of it."""
    fenced = FENCE.match(text) if "```" in text else None
    return (fenced[1] if fenced and "```" not in fenced[1] else text).strip()


def key(text: str, *, case: bool = False) -> str:
    """What two answers share that differ in white space, a code fence around them, typography,
    emphasis, the sign of their bullets, a full stop at the end or (unless `case` matters) capitals
    alone. Of code only the ends of its lines and the fence go; of JSON and SQL the way in which
    they are laid out."""
    bare = values.plain(unfenced(text))
    laid_out = _laid_out(bare)
    if laid_out:
        return laid_out
    if is_code(bare):
        return "\n".join(line.rstrip() for line in bare.splitlines()).strip("\n")
    if "**" in bare:
        bare = _STRONG.sub(r"\1", bare)
    if "\n" in bare and sum(map(bool, map(_BULLET.match, bare.split("\n")))) > 1:
        bare = _BULLET.sub("- ", bare)
    bare = values.one_line(bare)
    if bare.endswith(".") and not bare.endswith(".."):
        bare = bare[:-1].rstrip()
    if len(bare) < 60 and (": " in bare or "—" in bare or " - " in bare):
        bare = _JOINT.sub(" - ", bare)
    return bare if case else bare.casefold()


def _laid_out(text: str) -> str:
    """JSON, or a query in SQL, laid out in one way; blank for anything else."""
    if text[:1] in ("{", "["):
        value = parsed_arguments(text)
        return "" if value is text else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return query(text)


def query(text: str) -> str:
    """A query in SQL in one line without its semicolon; blank for anything else, and where the
    ends of lines or blanks may count."""
    if not SQL.match(text) or not is_code(text) and ";" not in text or "--" in text \
            or any(re.search(r"\s\s|[\n;]", quoted) for quoted in QUOTED.findall(text)):
        return ""
    return " ".join(text.split()).rstrip("; ")


@lru_cache(maxsize=128)  # several classes ask it of one answer
def is_code(text: str) -> bool:
    """Whether a text is or holds program code, in which every sign may count."""
    return ("```" in text
            or any(map(_CODE_START.match, text.split("\n")))
            or (";" in text or "{" in text) and bool(_CODE_END.search(text)))


_COMMENT = re_compile(r"//|--|#|/\*")
_WORDS_OF_CODE = re_compile(r"\w+|[^\w\s]")


def same_code(a: str, b: str) -> bool:
    """Whether two texts are one program, laid out otherwise: Python by its syntax, SQL without the
    capitals of its words, else the same words and signs in a language in which the ends of lines
    and blanks at their beginning count nothing."""
    if QUOTED.findall(a) != QUOTED.findall(b):
        return False
    if SQL.match(a):
        return _words_of_query(a) == _words_of_query(b)
    try:
        return ast.dump(ast.parse(a)) == ast.dump(ast.parse(b))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    if _COMMENT.search(a + b) or re.search(r":\s*$|\b(?:return|break|continue)\s*\n", f"{a}\n{b}",
                                           re.M) or not re.search(r"[{;]|\bend\b", a):
        return False
    return _WORDS_OF_CODE.findall(a) == _WORDS_OF_CODE.findall(b)


def _words_of_query(text: str) -> list[str]:
    return _WORDS_OF_CODE.findall(QUOTED.sub("''", text).casefold().rstrip("; \n"))


def is_formula(text: str) -> bool:
    """Whether a text is a formula of a spreadsheet."""
    return text[:1] == "=" and bool(re.match(r"=[^=\n]*?(?:\w\(|\b[A-Za-z]{1,3}\d)", text))


def formula(text: str) -> str:
    """A formula of a spreadsheet under one spelling: names in it have no capitals, and blanks
    between them are none of it."""
    return _QUOTED_OR_NOT.sub(lambda part: part[0] if part[0][0] in "'\"" else "".join(
        part[0].split()).casefold(), text)


_QUOTED_OR_NOT = re_compile(r"\"[^\"]*\"|'[^']*'|[^'\"]+")


def tokens(text: str) -> list[str]:
    """Words, numbers and signs."""
    return re.findall(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|[^\w\s]|_",
                      text.translate(values.TYPOGRAPHY).casefold())


def shared(a: Counter, b: Counter) -> float:
    """How many tokens two texts share of all that either has; `a` and `b` count them."""
    either = (a | b).total()
    return (a & b).total() / either if either else 1.0


@lru_cache(maxsize=128)  # each rule asks for that of one answer and of one gold
def core(text: str, keep_stop: bool = False) -> str:
    """A text without what only wraps it: fences, quotes, emphasis, math signs, a final stop."""
    before = None
    text = " ".join(unfenced(text).split())
    text = _TOKENS.sub("", text) if text[-1:] in (">", "]") else text
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


# The signs of a model's own that end what it says.
_TOKENS = re_compile(r"(?:\s*(?:<\|\w{2,20}\|>|</s>|<(?:eos|end_of_turn)>|\[/INST\]))+$")
_WRAPS = (('"', '"'), ("'", "'"), ("`", "`"), ("**", "**"), ("*", "*"), ("__", "__"), ("$$", "$$"),
          *((f"<{tag}>", f"</{tag}>") for tag in ("b", "strong", "i", "em", "p", "code")),
          ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("<answer>", "</answer>"))


def case_matters(a: str, b: str, question: str, asked: frozenset) -> bool:
    """Whether capitals may be what is asked for: the question says so or has both spellings, or the
    gold is one or two letters (of which `no` is a word), has capitals inside its words, or both
    have quotes of which the capitals differ."""
    return ("case" in asked or len(b) < 3 and b.casefold() != "no" and not b.isdecimal()
            and not (b.istitle() and re.search(rf"\b{b} (?:is|sits|was|says|has)\b", question))
            or bool(re.search(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]", b))
            or bool(re.search(r"[^\W\d_]-?\d|\d-?[^\W\d_]|_", b) and " " not in b
                    and not _is_code(b, question))
            or (a != b and a in question and b in question)
            or (a != b and bool(QUOTED.search(b)) and QUOTED.findall(a) != QUOTED.findall(b))
            or bool(_LITERAL.search(b)) or a != b and bool(PREFIXED.search(b))
            or a != b and len(a) > 2 and bool(_REWRITES.search(question)) and question.rstrip(
                " .?!\"'`”)").endswith(a))  # what was to be rewritten


PREFIXED = re_compile(r"\d\s?[mM](?:W|Pa|V|A|J|N|Hz|B|b|bit|Wh|Bq|eV)\b", re.I)  # milli or mega
# A value of a program behind its name.
_LITERAL = re_compile(r"[:=]\s*(?:true|false|null|none|nil)\b", re.I)
_REWRITES = re_compile(r"\b(?:(?:re)?writ|conver|fix|correct|format|normali|spell|turn)", re.I)


def _is_code(text: str, question: str) -> bool:
    """Whether a text with digits is a code of a catalogue, which is the same in small letters, and
    none that is to be copied."""
    return len(text) > 3 and text.isupper() and "_" not in text and text not in question


def parsed(text: str) -> Any:
    """A JSON or Python literal; None for anything else."""
    if text[:2] in ('"{', '"[') and is_json(text):  # encoded twice
        text = json.loads(text)
    if not text.lstrip().startswith(("{", "[")) or len(text) > 20_000:
        return None
    if (value := parsed_arguments(text)) is not text:
        return value
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def is_json(text: str) -> bool:
    """Whether a text is JSON as its standard has it, in a fence or not."""
    try:
        json.loads(unfenced(text))
    except (ValueError, RecursionError):
        return False
    return True


def same_value(a: Any, b: Any, *, free: bool = False, typed: bool = True,
               text: Callable[[str, str], bool] = str.__eq__) -> bool:
    """Whether two JSON values are equal; 1 and 1.0 are, 1 and true are not, 1 and "1" are where
    they need not be `typed`, lists in another order are where that is `free`; two strings are as
    `text` says."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(
            same_value(a[name], b[name], free=free, typed=typed, text=text) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        if free and len(a) == len(b):
            a, b = (sorted(each, key=written) for each in (a, b))
        return len(a) == len(b) and all(
            same_value(x, y, free=free, typed=typed, text=text)
            for x, y in zip(a, b, strict=True))
    if isinstance(a, str) and isinstance(b, str):
        return text(a, b)
    if not typed and isinstance(a, str) != isinstance(b, str) and is_number(
            b if isinstance(a, str) else a) and not values.ZEROS.match(str(a)) \
            and not values.ZEROS.match(str(b)):
        numbers = [values.number(str(value)) for value in (a, b)]
        return all(numbers) and numbers[0] == numbers[1]
    return a == b


def written(value: Any) -> str:
    """A value as text: strings as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
