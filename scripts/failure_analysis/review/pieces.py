"""Pieces of what is cut of a text: those that tell something new, or that decide."""

import re
from collections.abc import Set

from failure_analysis.patterns import re_compile

# Where a program failed, in the words of the judge; where a long reasoning comes to an answer.
_RAISED_AT = re_compile(r"(?m)^Raised at: [^\n]*?\bline \d+[^:\n]*: (.{6,})$")
_CONCLUDES = re_compile(r"(?:\b\w[^.\n]{0,60})?\b(?:the (?:correct |final )?answer "
                        r"(?:is|must|should|would)|(?:I )?conclude|impossible)\b", re.I)
_MOST_CONCLUSIONS, _END = 6, 300
# The frames of a traceback, of which the first is shown; they take none of its room.
_FRAME = r'[ \t]*File "[^"\n]*", line \d+[^\n]*\n(?:[ \t]+(?![ \t]|File ")[^\n]*\n){0,3}'
FRAMES = re_compile(rf"({_FRAME})((?:{_FRAME}){{3,}})")
_CONCLUSION = 100  # characters of one
_MOST_PICKS, _PICK = 3, 120


def around(text: str, start: int, judged: str) -> list[str]:
    """What is cut of a program around the line that the judge says the error was raised at."""
    places = [place for line in _RAISED_AT.findall(judged)
              if (place := text.find(line.strip(), start)) >= 0]
    return [text[max(start, place - _PICK):place + _PICK] for place in places[:1]]


def conclusions(text: str, start: int) -> list[str]:
    """Of a long reasoning, where in what is cut it comes to an answer: the first and some later
    ones, with their places."""
    found = list(_CONCLUDES.finditer(text, start, len(text) - _END))
    step = max(1, -(-len(found) // _MOST_CONCLUSIONS))
    return [f"at {one.start()}: {text[one.start():one.start() + _CONCLUSION]}"
            for one in found[::step]]


def picks(text: str, start: int, telling: Set[str]) -> tuple[str, ...]:
    """Pieces of what is cut that hold values that decide."""
    picks: list[tuple[int, int]] = []
    places = sorted(place for value in telling if (place := text.find(value, start)) >= 0)
    for place in places:
        begin = max(start, place - _PICK // 2)
        if picks and begin <= picks[-1][1]:
            picks[-1] = (picks[-1][0], max(picks[-1][1], place + _PICK // 2))
        elif len(picks) < _MOST_PICKS:
            picks.append((begin, place + _PICK // 2))
    return tuple(text[begin:end] for begin, end in picks)
