"""Expressions of a mapping: plain paths, which are fast, and JMESPath for the rest. Which of these
it is, is decided once, when one is compiled."""

import json
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from failure_analysis.patterns import re_compile

_NAMED = r"\w[\w-]*(?:\[\d+\])*"
_PLAIN = re_compile(rf"{_NAMED}(?:\.{_NAMED})*")
_STEP = re_compile(r"([^.\[\]]+)|\[(\d+)\]")
# In a scope, under these names: the levels around the innermost one, from within; and the row of a
# table whose cells are what they spell, for JMESPath, which tells 9 from "9".
AROUND, CELLS, FILE = "", "=", "file"
_QUOTED = re_compile(r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`)")
_LITERAL = re_compile(r"(?<![\w.])(true|false|null)(?![\w(:]|\s*:)")
_WHOLE = re_compile(r"-?(0|[1-9]\d{0,14})([.,]\d+)?")


_ATTACHED = "attachment://"
# A name of a score of which more is clearly better, and true right: it has one of these words, and
# none that turns it round.
_BAD = re_compile(
    r"incorrect|inaccura|invalid|unsuccess|irrelevan|incomplete|fail|error|mistake|hallucin|toxic"
    r"|harm|violat|mismatch|attack|jailbreak|inject|refus|leak|need|correction"
    r"|(?<![a-z])(?:not|non|un|no)(?![a-z])|un(?:helpful|solved|resolved|faithful|safe|ground)",
    re.IGNORECASE)
_GOOD = re_compile(
    r"correct|(?<![a-z])pass(?![a-z])|passed|success|helpful|accura|solved|resolved|faithful|valid"
    r"|complete|relevan|approved|accepted|satisf|grounded|adheren|exact_match|^safety$",
    re.IGNORECASE)
_VALUES = frozenset((str, int, float, bool, list, dict, type(None)))


class Missing:
    """The value of a path that leads nowhere, which null is not."""


MISSING = Missing()
# The value for the innermost level and the scope: names of levels, file and joins -> their values.
Get = Callable[[Any, Mapping[str, Any]], Any]


class Failed(Exception):
    """An expression that cannot be evaluated on a row, such as a function of a wrong type."""


class Expression(NamedTuple):
    """A compiled expression. `fault`: why it is no JMESPath either, when it can only be a key.
    `key`: it is no more than this key. `head`: the key of a row that a plain path begins with.
    `names`: the keys that a JMESPath names."""

    text: str
    get: Get
    is_plain: bool
    fault: str = ""
    key: str = ""
    head: str = ""
    names: frozenset[str] = frozenset()


def compiled(texts: Sequence[str], scopes: frozenset[str]) -> Expression:
    """The expression that gives the first of these that is there."""
    parts = [_compiled(text, scopes) for text in texts]
    if len(parts) == 1:
        return parts[0]
    getters = [part.get for part in parts]

    def first(row: Any, scope: Mapping[str, Any]) -> Any:
        value: Any = MISSING
        for get in getters:
            value = get(row, scope)
            if value is not None and value is not MISSING:
                return value
        return value

    return Expression(" or ".join(texts), first, all(part.is_plain for part in parts),
                      next((part.fault for part in parts if part.fault), ""),
                      names=frozenset().union(*(part.names for part in parts)))


def _compiled(text: str, scopes: frozenset[str]) -> Expression:
    if not _PLAIN.fullmatch(text):
        return _jmespath(text, scopes)
    steps = [name or int(index) for name, index in _STEP.findall(text)]
    if len(steps) == 1:
        key = "" if text in scopes else text
        return Expression(text, _key(text, scopes), True, "", key, key)
    head = "" if steps[0] in scopes else str(steps[0])
    return Expression(text, _path(text, steps, scopes), True, "", "", head)


def _key(key: str, scopes: frozenset[str]) -> Get:
    """The value under a key of the innermost level, else what the scope calls so, else under the
    key of a level around it."""

    def get(row: Any, scope: Mapping[str, Any]) -> Any:
        if type(row) is dict and key in row:
            return row[key]
        if key in scopes:
            return scope[key]
        return next((level[key] for level in scope[AROUND] if type(level) is dict
                     and key in level), MISSING)

    return get


def _path(text: str, steps: list[str | int], scopes: frozenset[str]) -> Get:
    head, rest = steps[0], steps[1:]
    whole = _key(text, frozenset())
    begin = (lambda row, scope: scope[head]) if head in scopes else _key(str(head), frozenset())

    inside = rest[0] if len(rest) == 1 and head not in scopes else None

    def get(row: Any, scope: Mapping[str, Any]) -> Any:
        if type(row) is dict:
            if text in row:
                return row[text]
            if inside is not None:  # the same as below, for most of all paths
                value = row.get(head)
                if type(value) is dict and inside in value:
                    return value[inside]
        value = begin(row, scope)
        for step in rest:
            if type(step) is int:
                if type(value) is not list or step >= len(value):
                    return whole(row, scope)
                value = value[step]
            elif type(value) is dict and step in value:
                value = value[step]
            else:
                return whole(row, scope)
        return value

    return get


def _jmespath(text: str, scopes: frozenset[str]) -> Expression:
    """Anything else; a key that is spelled so comes first ("Is it right?")."""
    key = _key(text, frozenset())
    try:
        search = _search(text)
    except ValueError as error:
        reason = " ".join(str(error).split("\n")[0].split())
        return Expression(text, key, False, f"it is no JMESPath either ({reason})")
    alone = not any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) for name in scopes)

    def get(row: Any, scope: Mapping[str, Any]) -> Any:
        if type(row) is dict and text in row:
            return row[text]
        around, cells = scope[AROUND], scope.get(CELLS)
        row = row if cells is None else cells
        return search(row if alone and not around else _merged(row, around, scope))

    return Expression(text, get, False, names=_names(text) - scopes)


def _names(text: str) -> frozenset[str]:
    """The keys that a JMESPath names, without those that it makes itself."""
    import jmespath

    names, made = set(), {"key", "value", "place"}
    nodes = [jmespath.compile(_with_literals(text)).parsed]
    while nodes:
        node = nodes.pop()
        if node["type"] == "subexpression" and node["children"][0].get("value") == FILE:
            continue
        if node["type"] == "field":
            names.add(node["value"])
        elif node["type"] == "key_val_pair":
            made.add(node["value"])
        nodes += [child for child in node["children"] if isinstance(child, dict)]
    return frozenset(names - made)


def _with_literals(text: str) -> str:
    """A JMESPath in which true, false and null, which everybody writes so, are spelled as it wants
    them: `true`."""
    parts = _QUOTED.split(text)
    return "".join(part if place % 2 else _LITERAL.sub(r"`\1`", part)
                   for place, part in enumerate(parts))


def made_by(texts: Sequence[str]) -> set[str]:
    """The keys that expressions make: a: and b: of zip({a: x, b: y})."""
    return {name for text in texts for name in re.findall(r"[{,]\s*(\w+)\s*:", text)}


def cells_of(row: dict[str, str], decimal_comma: bool) -> dict[str, Any]:
    """The cells of a row of a table as what they spell: true, false, null, numbers; ids that begin
    with 0 are texts."""
    return {key: _spelled(cell, decimal_comma) for key, cell in row.items()}


def _spelled(cell: Any, decimal_comma: bool) -> Any:
    if type(cell) is not str:
        return cell
    word = cell.strip()
    if word.lower() in ("true", "false", ""):
        return word.lower() == "true" if word else None
    if _WHOLE.fullmatch(word) and (decimal_comma or "," not in word):
        return float(word.replace(",", ".")) if "." in word or "," in word else int(word)
    return cell


def _merged(row: Any, around: Sequence[Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """All names that an expression can use, in one object."""
    names: dict[str, Any] = {}
    for level in (*reversed(around), row):
        if type(level) is dict:
            names.update(level)
    return {**names, **{name: None if value is MISSING else value
                        for name, value in scope.items() if name not in (AROUND, CELLS)}}


def _search(text: str) -> Callable[[Any], Any]:
    """The search of a JMESPath; ValueError when it is none."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        search, options = jmespath.compile(_with_literals(text)).search, _options()
    except (JMESPathError, RecursionError, ValueError) as error:
        raise ValueError(str(error) or "nested too deeply") from None

    def searched(value: Any) -> Any:
        try:
            result = search(value, options)
            if type(result) not in _VALUES:  # &a, which only sort_by and its like can use
                raise Failed(f"{text}: it gives no value")
            # `NaN`, or a sum beyond every float: null, as in a file
            return None if type(result) is float and not math.isfinite(result) else result
        except (JMESPathError, re.error, RecursionError, ArithmeticError, TypeError, ValueError
                ) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise Failed(f"{text}: {reason[:300]}") from None

    return searched


@lru_cache(256)
def regex(pattern: str) -> re.Pattern[str]:
    """A regex of a user; re.error when it is none. What Python warns of in it is not said."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except OverflowError as error:  # a{99999999999}
        raise re.error(str(error)) from None


def _attached(value: Any, texts: Mapping[str, Any]) -> Any:
    if type(value) is str:
        return texts.get(value.removeprefix(_ATTACHED), value) if _ATTACHED in value else value
    if type(value) is list:
        return [_attached(inner, texts) for inner in value]
    if type(value) is dict:
        return {key: _attached(inner, texts) for key, inner in value.items()}
    return value


@lru_cache(1)
def _options() -> Any:
    """JMESPath with the functions that templates/benchmark.yaml names."""
    import jmespath
    from jmespath import functions

    class Ours(functions.Functions):
        """Each method is a function of the same name."""

        @functions.signature({"types": ["object", "null"]})
        def _func_items(self, mapping: dict | None) -> list | None:
            """A map as a list of {key, value}."""
            return None if mapping is None else [
                {"key": key, "value": value} for key, value in mapping.items()]

        @functions.signature({"types": ["object"]})
        def _func_zip(self, lists: dict) -> list | None:
            """Parallel lists as one list of objects."""
            there = {name: values for name, values in lists.items() if values is not None}
            lengths = {len(values) if isinstance(values, list) else -1 for values in there.values()}
            if len(lengths) > 1 or -1 in lengths:
                raise ValueError("zip needs lists of one length")
            return [dict(zip(there, values, strict=True))
                    for values in zip(*there.values(), strict=True)] if there else None

        @functions.signature({"types": ["array", "null"]})
        def _func_numbered(self, values: list | None) -> list | None:
            """A list as one of {place, value}, the places from 0."""
            return None if values is None else [
                {"place": place, "value": value} for place, value in enumerate(values)]

        @functions.signature({"types": ["array", "null"]}, {"types": ["number", "null"]})
        def _func_nth(self, values: list | None, place: int | None) -> Any:
            """The value at a place of a list, from 0; null where there is none."""
            is_place = values is not None and type(place) is int and 0 <= place < len(values)
            return values[place] if is_place else None

        @functions.signature({"types": ["number", "null"]}, {"types": ["number"]})
        def _func_times(self, number: float | None, factor: float) -> float | None:
            """A number in another unit: seconds times 1000."""
            return None if number is None else number * factor

        @functions.signature({"types": ["array", "null"]})
        def _func_unique(self, values: list | None) -> list | None:
            """The values of a list, each once, in their order; true and 1 differ."""
            return None if values is None else list(
                {json.dumps(value, sort_keys=True): value for value in values}.values())

        @functions.signature({"types": ["object", "null"]}, {"types": ["string", "null"]})
        def _func_get(self, mapping: dict | None, key: str | None) -> Any:
            """The value under a key of a map that another value names; null where there is none."""
            return mapping.get(key) if mapping else None

        @functions.signature({"types": ["object", "null"]}, {"types": ["array", "null"]})
        def _func_without(self, mapping: dict | None, keys: list | None) -> dict | None:
            """A map without these keys."""
            return mapping and {key: value for key, value in mapping.items()
                                if key not in (keys or ())}

        @functions.signature({"types": ["string", "null"]})
        def _func_is_good(self, name: str | None) -> bool:
            """Whether a score of this name is clearly one of which true is right."""
            return bool(name and _GOOD.search(name) and not _BAD.search(name))

        @functions.signature({"types": []}, {"types": ["object", "null"]})
        def _func_attached(self, value: Any, texts: dict | None) -> Any:
            """A value with the texts that it refers to as attachment://KEY put in."""
            return _attached(value, texts) if texts else value

        @functions.signature({"types": ["string"]}, {"types": ["array"]})
        def _func_join(self, glue: str, parts: list) -> str:
            """Texts and numbers as one text."""
            return glue.join(part if isinstance(part, str) else json.dumps(part)
                             for part in parts)

        @functions.signature({"types": ["array", "null"]})
        def _func_first(self, values: list | None) -> Any:
            """The first of a list."""
            return values[0] if values else None

        @functions.signature({"types": ["array", "null"]})
        def _func_last(self, values: list | None) -> Any:
            """The last of a list."""
            return values[-1] if values else None

        @functions.signature({"types": ["string", "null"]}, {"types": ["string"]})
        def _func_match(self, text: str | None, pattern: str) -> str | None:
            """What a regex finds: its first group, else all of it."""
            match = regex(pattern).search(text) if text else None
            return match and match[1 if match.re.groups else 0]

    return jmespath.Options(custom_functions=Ours())
