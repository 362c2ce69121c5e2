"""Pieces of what is cut of a text: those that tell something new, or that decide."""

import json
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
NEXT = "… (step"  # of what the next message says
_LEAST_FOLDED, _FEWEST_LINES, _MOST_STEPS = 120, 3, 3  # of lines that stand in an earlier message
_MOST_NEWS, _NEWS = 2, 100  # lines of it that say a number that stands nowhere above
_MOST_PICKS, _PICK = 3, 120
_NUMBER = re_compile(r"\d[\d,]*\d(?:\.\d+)?")


class Fold(NamedTuple):
    """Characters start-stop of a text in whose place something shorter is `told`."""

    start: int
    stop: int
    told: str


def folds(text: str, said: Mapping[str, str] | None, decides: Set[str], then: str, where: str
          ) -> list[Fold]:
    """What helps nobody to judge: inner frames of tracebacks and progress bars; of messages (where
    `said` has the lines of earlier ones of the agent, with their steps) also what stands there
    already or is all that is said `then` (`where`), JSON in which nothing `decides`, and long
    codes."""
    found = [Fold(*one.span(2), f"  … {one[2].count('File ')} frames more\n")
             for one in _FRAMES.finditer(text)]
    found += [Fold(*one.span(), f" … {one[0].count('x0d') - 1} times written over ")
              for one in _BARS.finditer(text)]
    if said is not None:
        found += [Fold(*one.span(), f"… {one[0].count(chr(10))} lines of JSON\n")
                  for one in _BLOCK.finditer(text)
                  if not any(value in one[0] for value in decides)]
        found += _said_next(text, then.strip(), where)
        found += [*_said_again(text, said, found), *(
            Fold(one.start() + _CODE_SHOWN, one.end(), "…") for one in _CODE.finditer(text))]
    apart: list[Fold] = []
    for fold in sorted(found):
        if not apart or fold.start >= apart[-1].stop:
            apart.append(fold)
    return apart


def _said_next(text: str, then: str, where: str) -> list[Fold]:
    """The places where a text, as it is, as JSON or as JSON in it, holds the whole of the next
    message."""
    if not _LEAST_FOLDED <= len(then) < len(text):
        return []
    spelled = {then}
    for _ in range(2):
        spelled |= {json.dumps(one, ensure_ascii=escaped)[1:-1] for one in spelled
                    for escaped in (True, False)}
    return [Fold(start, start + len(one), f"{NEXT} {where})") for one in spelled
            if (start := text.find(one)) >= 0]


def _said_again(text: str, said: Mapping[str, str], apart: list[Fold]) -> Iterator[Fold]:
    """The lines that follow each other, stand in earlier messages too and are in no other fold;
    not the first, which says what was done."""
    places, lines, start = [], text.splitlines(keepends=True), 0
    for line in lines:  # blank ones go with what is before them
        is_free = places and not any(fold.start <= start < fold.stop for fold in apart)
        places.append((said.get(line.strip(), "") if line.strip() or not places else places[-1])
                      if is_free else "")
        start += len(line)
    stop = 0
    for is_known, group in groupby(zip(places, lines, strict=True), key=lambda one: bool(one[0])):
        again = list(group)
        start, stop = stop, stop + sum(len(line) for _, line in again)
        if is_known and len(again) >= _FEWEST_LINES and stop - start >= _LEAST_FOLDED:
            steps = list(dict.fromkeys(place for place, _ in again))
            where = f"{', '.join(steps[:_MOST_STEPS])}{' and others' * (len(steps) > _MOST_STEPS)}"
            yield Fold(start, stop, f"… {len(again)} lines as in {where}\n")


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
