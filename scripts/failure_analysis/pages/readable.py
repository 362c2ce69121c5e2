"""What is expected, as people read it: `name(argument=value)` for each action, `field: value` for
the rest, nothing of what is blank. All that was recorded stays in the pieces, hidden where it is
only JSON, so that a quote taken from them still occurs in the datapoint."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from failure_analysis.clean import visible
from failure_analysis.pages.layout import CHUNK
from failure_analysis.review import compact

_ESCAPE = re.compile(r'(\\u[0-9a-f]{4}|\\.)')
_UNFOLDED = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\", "\\r": ""}
_FITS = 60  # characters of texts in a list that stand in one line
_BLANK = (None, "", [], {})


class Piece(NamedTuple):
    """Some of a text as it was recorded, and what is shown of it."""

    recorded: str
    shown: str


_Line = list[Piece]


def chunks(expected: Any, text: str) -> list[list[list[Piece]]] | None:
    """The lines of what is expected in chunks of about `CHUNK` characters; None where it is no
    object, or where the pieces would not be the text of its part."""
    if not isinstance(expected, dict) or not expected:
        return None
    drawn = [[Piece(visible(one.recorded), visible(one.shown)) for one in line]
             for line in _object(expected)]
    if "".join(one.recorded for line in drawn for one in line) != text:
        return None
    cut: list[list[_Line]] = [[]]
    size = 0
    for line in drawn:
        if size >= CHUNK:
            cut.append([])
            size = 0
        cut[-1].append(line)
        size += sum(len(one.recorded) for one in line)
    return cut


def _object(expected: Mapping[str, Any]) -> list[_Line]:
    """The fields of what is expected, each on its line; the only one without its name."""
    filled = [key for key, value in expected.items() if value not in _BLANK]
    lines: list[_Line] = [[Piece("{", "")]]
    for number, (key, value) in enumerate(expected.items()):
        begins = f"{', ' if number else ''}{_json(key)}: "
        label = f"{key}: " if len(filled) > 1 else ""
        if value in _BLANK:
            lines[-1].append(Piece(begins + _json(value), ""))
        elif key == "actions" and compact.actions(expected):
            lines[-1].append(Piece(f"{begins}[", ""))
            lines += [list(_action(action, place)) for place, action in enumerate(value)]
            lines[-1].append(Piece("]", ""))
        elif isinstance(value, str):
            lines.append([Piece(begins, label), *_string(value)])
        elif isinstance(value, list) and all(isinstance(one, str) for one in value) \
                and sum(map(len, value)) > _FITS < len(value) * _FITS:
            lines.append([Piece(f"{begins}[", f"{key}:")])
            lines += [[Piece(", " if place else "", "\u2013 "), *_string(one)]
                      for place, one in enumerate(value)]
            lines[-1].append(Piece("]", ""))
        else:
            lines.append([Piece(begins, label), _as_it_is(value)])
    lines[-1].append(Piece("}", ""))
    return [lines[0] + lines[1], *lines[2:]] if lines[1:] else lines


def _action(action: Mapping[str, Any], place: int) -> Iterator[Piece]:
    """An action as a call; who makes it where it is not the agent, and what else is said of it."""
    yield Piece(", {" if place else "{", "")
    for number, (key, value) in enumerate(action.items()):
        begins = f"{', ' if number else ''}{_json(key)}: "
        if key == "name" and isinstance(value, str):
            yield Piece(begins, "")
            yield from _string(value)
        elif key in compact.ARGUMENTS and isinstance(value, dict):
            yield Piece(f"{begins}{{", "(")
            for at, (name, argument) in enumerate(value.items()):
                comma = ", " if at else ""
                yield Piece(f"{comma}{_json(name)}: ", f"{comma}{name}=")
                yield _as_it_is(argument)
            yield Piece("}", ")")
        elif key == "requestor" and value not in ("assistant", *_BLANK[:2]):
            yield Piece(begins, "")
            yield from _string(str(value)) if isinstance(value, str) else [_as_it_is(value)]
            yield Piece("", ": ")
        elif value in _BLANK or key in ("action_id", "requestor"):
            yield Piece(begins + _json(value), "")
        else:
            yield Piece(begins, f" {key}: ")
            yield _as_it_is(value)
    yield Piece("}", "")


def _string(value: str) -> Iterator[Piece]:
    """A text without its quotation marks, what JSON escapes in it as it was meant."""
    yield Piece('"', "")
    for piece in filter(None, _ESCAPE.split(_json(value)[1:-1])):
        yield Piece(piece, _UNFOLDED.get(piece, piece))
    yield Piece('"', "")


def _as_it_is(value: Any) -> Piece:
    return Piece(_json(value), _json(value))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
