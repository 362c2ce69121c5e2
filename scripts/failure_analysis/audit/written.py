"""Values that are one though the signs differ: copied without what parts them, escaped, marked up,
laid out in a table, set in other quotes."""

import html
import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from failure_analysis.audit.normal import SQL, core, same_value, unfenced
from failure_analysis.patterns import re_compile

_LONGEST = 4_000
_ESCAPED = re_compile(r"&(?:[a-z]{2,6}|#x?[0-9a-f]{2,5});|%[0-9a-f]{2}|\\u[0-9a-f]{4}", re.I)
_OF_ESCAPES = re_compile(r"\bescape|\bencod|\bdecod|\bentit|\bhtml\b|\bxml\b|\bur[il]s?\b", re.I)
_PARTS = re_compile(r"[\s()\[\]:./-]+")
_CODE = re_compile(r"\+?(?=(?:[A-Z]*\d){4})[0-9A-Z]{6,40}", re.I)
_GROUP = re_compile(r"\+?(?=.*\d)[0-9A-Za-z]+|[A-Z]{1,4}|[0-9a-f]{2,4}")
_HEX = re_compile(r"[0-9a-f]*", re.I)
_FORM = frozenset(("exact", "bare", "marks", "commas", "date", "case"))
_PORT = {"http": ":80", "https": ":443"}
_OF_QUOTES = re_compile(r"\bquot|\bformat|\bstyle|\bexact|\blint|\bpep|\bshell|\bbash|\bjson", re.I)
_QUOTED = re_compile(r"'([^'\"\\$`{\n]*)'|\"([^'\"\\$`{\n]*)\"")
_LINE = re_compile(r"\s*(?:- +)?[\"']?[\w.-]+[\"']?:(?:\s.*)?|\s*- .*|---")


def unescaped(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """Equal once the entities and escapes that one of the two has are read."""
    if not any(sign in text for text in (answer, gold) for sign in "&%\\") or not any(
            map(_ESCAPED.search, (answer, gold))) or _OF_ESCAPES.search(question):
        return False
    a, b = (" ".join(re.sub(r"\\u([0-9a-fA-F]{4})", lambda sign: chr(int(sign[1], 16)), unquote(
        html.unescape(core(text)))).split()) for text in (answer, gold))
    return a == b != ""


def parted(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One code, number to dial or address of a device, but for the signs between its groups and
    the capitals of hexadecimal digits; unless the gold is as it is to be copied and the answer is
    not."""
    if len(answer) < 6 or len(gold) < 6 or asked & _FORM or gold in question \
            and answer not in question:
        return False
    a, b = (_groups(core(text)) for text in (answer, gold))
    joined = "".join(a)
    if not a or not b or joined != "".join(b) or not _CODE.fullmatch(joined):
        return False
    whole = min(len(a), len(b)) == 1 and len({len(part) for part in max(a, b, key=len)}) == 1
    return a == b or whole or all(not re.search(r"[:./]", core(text)) for text in (answer, gold))


@lru_cache(maxsize=128)
def _groups(text: str) -> list[str]:
    """The groups of a code; none for anything else."""
    text = text.removeprefix("(")
    parts = [part for part in _PARTS.split(text) if part] if text[:1].isalnum() \
        or text[:1] == "+" else []
    if not all(map(_GROUP.fullmatch, parts)):
        return []
    return [part.casefold() for part in parts] if all(map(_HEX.fullmatch, parts)) else parts


def address(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One address of the web, its scheme and host in other capitals, or with the slash or the port
    that are meant without them."""
    return "://" in answer and "://" in gold and _address(core(answer)) == _address(core(gold))


def _address(text: str) -> tuple | str:
    try:
        url = urlsplit(text)
    except ValueError:
        return text
    scheme = url.scheme.lower()
    return (scheme, url.netloc.lower().removesuffix(_PORT.get(scheme, ":")), url.path or "/",
            url.query, url.fragment)


def laid_out(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One element, table or mapping of YAML, in another layout."""
    read = _markup if gold[:1] == "<" else _table if gold[:1] == "|" else \
        _yaml if "\n" in gold and ":" in gold else None
    if read is None or len(answer) > _LONGEST or (b := read(gold)) is None:
        return False
    return same_value(read(unfenced(answer)), b)


@lru_cache(maxsize=64)
def _markup(text: str) -> str | None:
    """Elements with their attributes in one order; None for anything else."""
    from xml.etree import ElementTree  # most runs have none

    if text[-1:] != ">" or "<!" in text or len(text) > _LONGEST:
        return None
    try:
        return ElementTree.canonicalize(text, strip_text=True)
    except (ElementTree.ParseError, ValueError):
        return None


def _table(text: str) -> list | None:
    """The rows of a table of Markdown; None for anything else."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in text.strip().splitlines()]
    return [row for row in rows if not all(re.fullmatch(r":?-+:?", cell) for cell in row)] \
        if len(rows) > 1 and "|" in text else None


@lru_cache(maxsize=64)
def _yaml(text: str) -> Any:
    """A mapping or list of YAML, of which each line is a part; None for anything else."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(text) > _LONGEST or len(lines) < 2 or not all(map(_LINE.fullmatch, lines)) \
            or re.search(r"[&*!]\w", text):
        return None
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None
    return value if isinstance(value, dict | list) else None


def quoted(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One piece of code in the other quotes, in which nothing is replaced."""
    if not any(sign in gold for sign in "'\"") or not any(sign in gold for sign in "(=[") \
            or SQL.match(gold) or gold[:1] in "{[" or len(answer) > 2 * len(gold) + 40:
        return False
    a, b = (_QUOTED.sub(lambda part: f'"{part[1] or part[2] or ""}"', unfenced(text).strip())
            for text in (answer, gold))
    return a == b and not _OF_QUOTES.search(question)
