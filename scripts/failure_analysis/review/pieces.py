"""Pieces of what is cut of a text: those that tell something new, or that decide."""

import re
from collections.abc import Iterator, Mapping, Set
from itertools import groupby
from typing import NamedTuple

from failure_analysis.patterns import re_compile

# Where a program failed, in the words of the judge; where a long reasoning comes to an answer.
_RAISED_AT = re_compile(r"(?m)^Raised at: [^\n]*?\bline \d+[^:\n]*: (.{6,})$")
_CONCLUDES = re_compile(r"(?:\b\w[^.\n]{0,60})?\b(?:the (?:correct |final )?answer "
                        r"(?:is|must|should|would)|(?:I )?conclude|impossible)\b", re.I)
_MOST_CONCLUSIONS, _END = 6, 300
# The frames of a traceback, of which the first is shown; they take none of its room.
_FRAME = r'[ \t]*File "[^"\n]*", line \d+[^\n]*\n(?:[ \t]+(?![ \t]|File ")[^\n]*\n){0,3}'
_FRAMES = re_compile(rf"({_FRAME})((?:{_FRAME}){{3,}})")
# A progress bar, which is written over itself; JSON that stands before something else.
_BARS = re_compile(r"\\x0d(?:[^\\\n]{0,160}\\x0d){4,}")
_BLOCK = re_compile(r"(?m)^\{\n(?:[ \t][^\n]*\n){3,}\}\n(?=(?s:.{100}))")
_CODE, _CODE_SHOWN = re_compile(r"[^\s\"']{200,}"), 40
_LEAST_FOLDED, _FEWEST_LINES = 120, 3  # of lines that stand in an earlier message
_MOST_NEWS, _NEWS = 2, 100  # lines of it that say a number that stands nowhere above
_MOST_PICKS, _PICK = 3, 120
_NUMBER = re_compile(r"\d[\d,]*\d(?:\.\d+)?")


class Fold(NamedTuple):
    """Characters start-stop of a text in whose place something shorter is `told`."""

    start: int
    stop: int
    told: str


def folds(text: str, said: Mapping[str, str] | None, decides: Set[str]) -> list[Fold]:
    """What helps nobody to judge: inner frames of tracebacks and progress bars; of messages (where
    `said` has the lines of earlier ones of the agent, with their steps) also what stands there
    already, JSON in which nothing `decides`, and long codes."""
    found = [Fold(*one.span(2), f"  … {one[2].count('File ')} frames more\n")
             for one in _FRAMES.finditer(text)]
    found += [Fold(*one.span(), f" … {one[0].count('x0d') - 1} times written over ")
              for one in _BARS.finditer(text)]
    if said is not None:
        found += [Fold(*one.span(), f"… {one[0].count(chr(10))} lines of JSON\n")
                  for one in _BLOCK.finditer(text)
                  if not any(value in one[0] for value in decides)]
        found += [*_said_again(text, said), *(
            Fold(one.start() + _CODE_SHOWN, one.end(), "…") for one in _CODE.finditer(text))]
    apart: list[Fold] = []
    for fold in sorted(found):
        if not apart or fold.start >= apart[-1].stop:
            apart.append(fold)
    return apart


def _said_again(text: str, said: Mapping[str, str]) -> Iterator[Fold]:
    """The lines that follow each other in one earlier message too."""
    keys, lines = [], text.splitlines(keepends=True)
    for line in lines:  # blank ones go with what is before them
        keys.append(said.get(line.strip(), "") if line.strip() or not keys else keys[-1])
    stop = 0
    for step, group in groupby(zip(keys, lines, strict=True), key=lambda one: one[0]):
        alike = [line for _, line in group]
        start, stop = stop, stop + sum(map(len, alike))
        if step and len(alike) >= _FEWEST_LINES and stop - start >= _LEAST_FOLDED:
            yield Fold(start, stop, f"… {len(alike)} lines as in {step}\n")


def folded(text: str, start: int, stop: int, folds: list[Fold] | tuple[Fold, ...]) -> str:
    """Characters start-stop of a text, folded."""
    shown = ""
    for fold in folds:
        if start <= fold.start < stop:
            shown += text[start:fold.start] + fold.told
            start = fold.stop
    return shown + text[start:stop]


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
    return [f"at {one.start()}: {text[one.start():one.start() + _NEWS]}" for one in found[::step]]


def news(text: str, heard: str) -> list[str]:
    """The lines of what is cut of a message with numbers that were not `heard` before."""
    heard, lines = heard.replace(",", ""), []
    for line in text.split("\n"):
        values = [value.replace(",", "") for value in _NUMBER.findall(line)]
        if len(lines) < _MOST_NEWS and any(len(one) > 2 and one not in heard for one in values):
            lines.append(line.strip()[:_NEWS])
            heard += " ".join(values)
    return lines


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
