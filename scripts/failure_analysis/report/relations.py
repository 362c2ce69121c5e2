"""What an author binds in `{{…}}`: a fact, a share of a whole, or a relation between facts. It is
computed: what does not hold is refused, and what holds is printed as its numbers."""

import operator
import re
from collections.abc import Mapping
from typing import NamedTuple

from failure_analysis import facts
from failure_analysis.report import meaning

SYNTAX = ("{{A}}, {{A of B}}, {{all A of B}}, {{most A of B}}, {{none A of B}}, {{none A}}, "
          "{{A > B}} (also < >= <= = !=), {{A = 2x B}}, {{A ~ 2x B}}")
_COMPARED = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le,
             "=": operator.eq, "!=": operator.ne,
             "~": lambda left, right: abs(left - right) <= 0.1 * abs(right)}
_PRINTED = {">=": "≥", "<=": "≤", "!=": "≠", "~": "≈"}
_COUNTED = {"all": ("all of them", lambda share, whole: share == whole),
            "most": ("more than half", lambda share, whole: 2 * share > whole),
            "none": ("none", lambda share, whole: share == 0), "": ("", lambda share, whole: True)}
_TIMES = re.compile(r"(\d+(?:\.\d+)?)x")
_NUMBER = r"(?:< (?=0\.0001))?-?\d(?:[\d.,]*\d)?"
# What a filled one prints before its comment; two numbers where that holds more than a key.
PRINTED = (rf"{_NUMBER}(?: (?:of|[<>=≥≤≠≈]) (?:\d+(?:\.\d+)? × )?{_NUMBER}"  # noqa: RUF001
           r"(?=<!--fact:\S+ ))?")


class Bound(NamedTuple):
    """What an expression prints, the facts in it, and why it does not hold (blank when it does)."""

    printed: str
    keys: tuple[str, ...]
    wrong: str = ""


def bind(expression: str, values: Mapping[str, int | float]) -> Bound:
    """An expression with its facts put in."""
    words = expression.split()
    match words:
        case [key]:
            return _known((key,), values) or Bound(facts.shown(key, values[key]), (key,))
        case ["all" | "most" | "none" as how, share, "of", whole]:
            return _share(how, share, whole, values)
        case [share, "of", whole]:
            return _share("", share, whole, values)
        case ["none", key]:
            return _known((key,), values) or Bound(
                facts.shown(key, values[key]), (key,),
                "" if values[key] == 0 else f"{key} is {values[key]}, not 0")
        case [left, sign, right] if sign in _COMPARED:
            return _relation(left, sign, 1, right, values)
        case [left, sign, times, right] if sign in _COMPARED and _TIMES.fullmatch(times):
            return _relation(left, sign, float(times[:-1]), right, values)
    return Bound("", (), f"no number can be bound so; write {SYNTAX}")


def printed(text: str, values: Mapping[str, int | float]) -> str:
    """A drafted text with what its expressions print."""
    return re.sub(r"\{\{(.+?)\}\}", lambda match: bind(match[1], values).printed, text)


def keys(expression: str) -> tuple[str, ...]:
    """The facts that an expression names, whether they exist or not."""
    words = expression.split()
    return tuple(word for place, word in enumerate(words) if word != "of" and word not in _COMPARED
                 and not _TIMES.fullmatch(word) and _constant(word) is None
                 and (place or len(words) == 1 or word not in _COUNTED))


def _known(keys: tuple[str, ...], values: Mapping[str, int | float]) -> Bound | None:
    """The refusal of the first of these facts that is none."""
    unknown = next((key for key in keys if key not in values), None)
    return Bound("", keys, f"there is no fact {unknown}") if unknown else None


def _share(how: str, share: str, whole: str, values: Mapping[str, int | float]) -> Bound:
    """A share of its whole, all, most or none of it."""
    if refused := _known((share, whole), values):
        return refused
    if share == whole:
        return Bound("", (share, whole), "both are the same fact")
    part, total = values[share], values[whole]
    meant, holds = _COUNTED[how]
    wrong = not_of(share, whole, values) or (
        "" if holds(part, total) else f"{part} of {total} is not {meant}")
    printed = f"{facts.shown(share, part)} of {facts.shown(whole, total)}"
    return Bound(printed, (share, whole), wrong)


def not_of(share: str, whole: str, values: Mapping[str, int | float]) -> str:
    """Why `A of B` is no share; blank when it is one. Where everything that failed was reviewed, a
    share of the reviewed is one of all."""
    if meaning.is_part(share, whole):
        return ""
    read = whole.replace("failed_rows", "review/reviewed", 1)
    if whole.startswith("failed_rows") and values.get(read) == values[whole] \
            and meaning.is_part(share, read):
        return ""
    return f"{share} is not counted among {whole}"


def _relation(left: str, sign: str, times: float, right: str, values: Mapping[str, int | float]
              ) -> Bound:
    """A relation between a fact and a fact, or a number, so many times."""
    constant = _constant(right) if right not in values else None
    keys = (left,) if constant is not None else (left, right)
    if refused := _known(keys, values):
        return refused
    if left == right:
        return Bound("", keys, "both are the same fact")
    first, second = values[left], constant if constant is not None else values[right]
    shown = right if constant is not None else facts.shown(right, second)
    multiple = f"{times:g} × {shown}" if times != 1 else shown  # noqa: RUF001
    printed = facts.shown(left, first)
    if not (printed.startswith("< ") and sign in ("<", "<=")):  # as tables give a small p
        printed += f" {_PRINTED.get(sign, sign)} {multiple}"
    holds = _COMPARED[sign](first, times * second)
    return Bound(printed, keys, "" if holds else f"{first} {sign} {multiple} does not hold")


def _constant(text: str) -> float | None:
    """A plain number; None for anything else."""
    return float(text) if re.fullmatch(r"-?\d+(?:\.\d+)?", text) else None
