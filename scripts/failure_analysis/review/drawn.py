"""How recorded JSON is drawn in few words: the fields of an object on a line, records of one shape
as a table, and what of both is left out."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import groupby
from typing import Any, NamedTuple

from failure_analysis.audit import golds
from failure_analysis.patterns import re_compile
from failure_analysis.review.timeline import Call

WORTH = 80  # characters that have to be saved
_MOST_ROWS = 4  # and more where more are named
# Dates, times and the words of an enumeration may decide, whether anything names them or not.
_DATE = re_compile(r"(?:(\d{4})-\d\d-\d\d|\d\d:\d\d).*")
_NAME = re_compile(r"[A-Z][a-z]+")  # of a person, a town
_YEAR = re_compile(r"\b\d{4}(?=-\d\d-\d\d)")
_WORD = re_compile(r"[a-z][a-z_-]{1,24}")
_BRIEF = 12  # characters of a text that are not worth leaving out
_CODE = 3  # of a text that stands in others by chance
IDENT = re_compile(r"(?=.*\d)(?=.*[^\W\d]|\d{8,}\Z)(?!\d{4}-\d\d-\d\d|\d\d:\d\d)\S{4,40}")
_AMOUNT = re_compile(r"\d+(?:\.\d+)?-?[^\W\d_]{1,4}")


class Short(NamedTuple):
    """A text in short, and the names of what that leaves out."""

    text: str
    left: tuple[str, ...] = ()


class Drawn(NamedTuple):
    """An object or a table: what stands on its first line, the lines below, what is left out."""

    first: str
    lines: list[str]
    left: list[str]


class Base(NamedTuple):
    """What is shown before, by which a later one is told: its place, its tool, its value."""

    place: str
    name: str
    value: Any


class Above(NamedTuple):
    """What else there is: all that was said and called, what of it chooses (is no look-up and does
    not list what there is), the ids and (by what names them) the objects that
    were returned before, where fields of them and the heads of tables were shown; the years that
    are spoken of, the values in what is called and expected; and the call whose result is looked
    at."""

    told: str
    chosen: str
    idents: set[str]
    returned: dict[tuple[str, str], Base]
    fields: dict[tuple[str, str], str]
    heads: dict[str, str]
    years: Set[str]
    values: Set[str]
    call: Call | None = None

    def own(self) -> Mapping[str, Any]:
        """The arguments of the call."""
        return self.call.arguments if isinstance(self.call.arguments, dict) else {}

    def shown_at(self, key: str, value: Any) -> str:
        """Where the same field, if it is long and no word that may decide, was shown; blank where
        nowhere."""
        text = spelled(value)
        is_word = isinstance(value, str) and _WORD.fullmatch(value)
        return self.fields.get((key, text), "") if len(text) > _BRIEF and not is_word else ""

    def add(self, value: Any, short: Short | None) -> None:
        """Keeps what was returned, and is shown so."""
        self.idents.update(one for one in golds.scalars(value) if IDENT.fullmatch(one))
        left = {re.split(r"\.| \(", name)[0] for name in short.left} if short else ()
        for key, inner in value.items() if isinstance(value, dict) else ():
            if key not in left:
                self.fields.setdefault((key, spelled(inner)), self.call.place)
        if isinstance(value, dict):
            self.returned[named_by(value)] = Base(self.call.place, self.call.name, value)
        for head in re.findall(r"(?m)^(?:\"[^\"]*\": )?(.*?, .*?)(?: \(all: .*)?$", short.text) \
                if short else ():
            self.heads.setdefault(head, self.call.place)


def years(text: str) -> Set[str]:
    """The years of the dates in a text."""
    return frozenset(_YEAR.findall(text))


def named_by(value: Any) -> tuple[str, str] | None:
    """The first field of an object, which names it; None of anything else."""
    first = next(iter(value.items()), None) if isinstance(value, dict) else None
    return first and (first[0], spelled(first[1]))


def records_of(value: Any) -> list[tuple[str, dict]]:
    """The records of a list, of a list of lists, or of an object of objects, each with what it is
    called; none where they are fewer than two, or share no field."""
    if isinstance(value, dict):
        named = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list) and value and all(isinstance(one, list) for one in value):
        named = [(str(number), inner) for number, one in enumerate(value, 1) for inner in one]
    else:
        named = [("", inner) for inner in value] if isinstance(value, list) else []
    if len(named) < 2 or not all(isinstance(inner, dict) for _, inner in named):
        return []
    return named if set.intersection(*(set(inner) for _, inner in named)) else []


def object_of(value: Mapping[str, Any], above: Above, is_alone: bool = False) -> Drawn:
    """The fields of an object on a line, its tables below."""
    fields, lines, left, before = {}, [], [], {}
    for key, inner in value.items():
        one = inner[0] if isinstance(inner, list) and len(inner) == 1 else inner
        if place := above.shown_at(key, inner):
            before.setdefault(place, []).extend([key] * isinstance(inner, dict | list))
        elif inner is None:
            continue
        elif not _decides(inner, above):
            left.append(key)
        elif records := records_of(inner):
            drawn = table_of(key, records, above)
            lines += [drawn.first, *drawn.lines]
            left += drawn.left
        elif isinstance(one, dict) and one:
            drawn = object_of(one, above)
            ends = ("{", "}") if one is inner else ("[{", "}]")
            fields[key] = f"{ends[0]}{drawn.first}{ends[1]}"
            lines += drawn.lines
            left += [f"{key}.{name}" for name in drawn.left]
        else:
            fields[key] = spelled(inner)
    told = _named(fields, above) if is_alone else [
        f"{spelled(key)}: {text}" for key, text in fields.items()]
    told += [f"as at {place}: {', '.join(keys)}" for place, keys in before.items() if keys]
    return Drawn(", ".join(told), lines, left)


def _named(fields: Mapping[str, str], above: Above) -> list[str]:
    """Fields with their names, and without where one of the same fields stands above."""
    names = ", ".join(fields)
    if len(names) > WORTH // 2 and above.heads.setdefault(names, above.call.place) \
            != above.call.place:
        return [f"fields as at {above.heads[names]}: {', '.join(fields.values())}"]
    return [f"{spelled(key)}: {told}" for key, told in fields.items()]


def spelled(value: Any) -> str:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def _decides(value: Any, above: Above, is_inner: bool = False) -> bool:
    """Whether a value may matter to a judgement: a number, a date, a word of an enumeration, what
    is too short to be left out, and whatever the conversation, the calls or what is expected name.
    Records matter by what they hold, but for dates and what is short in them."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        is_inner = is_inner or isinstance(value, dict) or any(
            isinstance(one, dict | list) for one in value)
        return not value or any(_decides(one, above, is_inner) for one in inner)
    if not isinstance(value, str) or not value or value in above.idents \
            or len(value) > _CODE * is_inner and value in above.told:
        return value is not None
    if date := _DATE.fullmatch(value):  # of a year of which nothing speaks it is one of birth
        return not is_inner and (not date[1] or not above.years or date[1] in above.years)
    return bool(_WORD.fullmatch(value)) or not is_inner and (
        len(value) <= _BRIEF and not value.isdigit())


def table_of(name: str, records: Sequence[tuple[str, dict]], above: Above) -> Drawn:
    """Records of one shape: their fields once, what is the same in all of them, a line for each."""
    flat = list(zip([label for label, _ in records], _flat([one for _, one in records]),
                    strict=True))
    columns, same, left, kinds = [], [], [], _kinds(flat[0][1], above.values)
    for path in flat[0][1]:
        cells = [one.get(path) for _, one in flat]
        if all(isinstance(cell, str) and cell and label.startswith(cell)
               for (label, _), cell in zip(flat, cells, strict=True)) \
                or all(cell in (None, above.own().get(path[-1])) for cell in cells):
            continue
        if path in kinds or _are_names(cells, above) or not any(
                cell is not None and _decides(cell, above) for cell in cells):
            left.append(".".join(filter(None, (name, *path))))
        elif len(flat) > 1 and isinstance(cells[0], str) and len(set(map(str, cells))) == 1:
            same.append(f"{'.'.join(path)} {_cell(cells[0])}")
        else:
            columns.append(path)
    kept = _kept(flat, above.told if name else above.chosen)
    left += [f"{len(flat) - len(kept)} of {len(flat)} {name or 'rows'}"] * (len(kept) < len(flat))
    if not columns and not same and not name.isdigit() and not any(label for label, _ in flat):
        return Drawn(f"{spelled(name)}: {len(flat)}" if name else f"{len(flat)} rows", [], left)
    alike = f" (all: {', '.join(same)})" if same else ""
    head = f"{spelled(name)}: " if name else ""
    heads, drawn = _heads(columns), {}
    if len(heads) > WORTH // 2 and heads in above.heads:
        heads = f"columns as at {above.heads[heads]}"
    for label, one in kept:
        drawn.setdefault(", ".join(_cell(one.get(path)) for path in columns), []).append(label)
    return Drawn(f"{head}{heads}{alike}", [
        f"  {'+'.join(labels)}{': ' * bool(labels[0])}{cells}" + (
            f" ({len(labels)} times)" if len(labels) > 1 and not labels[0] else "")
        for cells, labels in drawn.items()], left)


def _flat(records: Sequence[Mapping[str, Any]]) -> list[dict[tuple[str, ...], Any]]:
    """The fields of records by their paths; lists are cells, and so are objects that have other
    fields in other records."""
    flat: list[dict[tuple[str, ...], Any]] = [{} for _ in records]
    for key in dict.fromkeys(key for one in records for key in one):
        cells = [one.get(key) for one in records]
        shapes = {tuple(cell) if isinstance(cell, dict) and cell else () for cell in cells}
        inner = _flat(cells) if len(shapes) == 1 and () not in shapes else [
            {(): cell} for cell in cells]
        for one, fields in zip(flat, inner, strict=True):
            one.update({(key, *path): cell for path, cell in fields.items()})
    return flat


def _heads(columns: Iterable[tuple[str, ...]]) -> str:
    """The names of columns, those of one object together."""
    names = []
    for above, group in groupby(columns, key=lambda path: path[:-1]):
        inner = ", ".join(path[-1] for path in group)
        names.append(f"{'.'.join(above)} ({inner})" if above else inner)
    return ", ".join(names)


def _are_names(cells: Sequence[Any], above: Above) -> bool:
    """Whether the cells of a column are names of which most are not chosen."""
    named = [cell for cell in cells if isinstance(cell, str) and cell in above.chosen]
    return all(isinstance(cell, str) and _NAME.fullmatch(cell) for cell in cells) \
        and 2 * len(named) < len(cells)


def _kinds(first: Mapping[tuple[str, ...], Any], values: Set[str]) -> set[tuple[str, ...]]:
    """The columns of numbers for kinds (`prices.economy`) that are no value of a call, beside
    others that are."""
    left: set[tuple[str, ...]] = set()
    for above, group in groupby(first, key=lambda path: path[:-1]):
        paths = list(group)
        if above and all(isinstance(first[path], int | float) for path in paths):
            silent = {path for path in paths if path[-1] not in values}
            left |= silent if len(silent) < len(paths) else set()
    return left


def _kept(flat: Sequence[tuple[str, dict]], told: str) -> list[tuple[str, dict]]:
    """The rows that are shown: those that something names (but by `750ml`), and the first of the
    others."""
    named = [any(isinstance(cell, str) and IDENT.fullmatch(cell) and cell in told
                 and not _AMOUNT.fullmatch(cell) for cell in (label, *one.values()))
             for label, one in flat]
    free = _MOST_ROWS - sum(named)
    kept = []
    for one, is_named in zip(flat, named, strict=True):
        if is_named or free > 0:
            kept.append(one)
            free -= not is_named
    return kept


def _cell(value: Any) -> str:
    """A value in a table; a text with commas or line feeds, or none, as JSON."""
    plain = isinstance(value, str) and value and not re.search(r"[,\n\r]", value)
    return value if plain else "-" if value is None else spelled(value)
