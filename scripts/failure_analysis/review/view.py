"""What a reader sees of a datapoint: everything in time order, each text once, recorded JSON in
short, long look-ups cut, with how to see what was cut."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from failure_analysis import files
from failure_analysis.audit import golds
from failure_analysis.patterns import re_compile
from failure_analysis.review import compact, parts, pieces
from failure_analysis.review.drawn import Short
from failure_analysis.review.policies import Known
from failure_analysis.review.timeline import Call, Step, Timeline, calls, is_talk

TOKENS = 6000
CHARACTERS_PER_TOKEN = 4
LONG = 20_000 * CHARACTERS_PER_TOKEN  # characters of a datapoint of which an outline comes first
# Of a message; less where the run would not be seen to its end.
_SAID = (1200, 700, 450, 300, 200, 150)
# How much of a text the first view gives, at the default size.
_CAPS = {"question": 3000, "answer": 3000, "expected": 3000, "judge": 3000, "system": 6000,
         "said": _SAID[0], "call": 1500, "looked_up": 300, "written": 120, "failed": 600,
         "reasoning": _SAID[0]}
_LEAST = 160
_SPOKEN = 600  # of a user's words in a talk, and of what an agent says before it changes something
_SHORT = 900  # characters of a look-up that is not cut
_OF_A_RANGE = 2_000  # characters of each text where a range of steps is asked for
_END, _LEAST_CUT = 100, 200  # of a message that is cut, and of what is cut that has an end
_LONG_REASONING = 10_000
# Kinds of text of which the end is shown too: how a run went, and why it failed, stands there.
_ENDED = {"said": _END, "answer": 300, "reasoning": 300, "failed": 400, "judge": 1000}
LONG_TOKEN, TOKEN = re_compile(r"[^\s\"']{80,}"), 40  # addresses and codes, of a text that is cut
_WORD = 20  # characters of a word that is not cut
# Ids, not dates or amounts.
_TELLING = re_compile(r"(?=.*\d)(?=.*[^\W\d]|\d{8,}\Z)(?!\d{4}-\d\d-\d\d)\S{4,40}")
_MOST_ALIKE = 3  # messages of somebody who may say the same to whatever is said
_VALUE = re_compile(r': "([^"]{2,60})"')  # of what is expected
_RANGE = re_compile(r"(\d+)(?:(-)(\d*))?")


class Entry(NamedTuple):
    """A text in its place: of a step (`17`), of a call or its result (`17.0`), or a part by its
    name. `kind` says how much of it is shown at first."""

    place: str
    kind: str
    part: parts.Part


class Window(NamedTuple):
    """Characters start-stop of an entry and `picks` of the rest (values that the run uses later),
    or where the same text stands (`same_as`; `picks` are then the lines that differ), or what is
    shown in its place (`short`). `folds` are left out of it."""

    entry: Entry
    start: int
    stop: int
    picks: tuple[str, ...] = ()
    same_as: str = ""
    base: int = 0  # characters of the same place that stand before, as a call's before its result
    short: str = ""
    folds: tuple[pieces.Fold, ...] = ()

    def size(self) -> int:
        """How many characters of the text itself it shows."""
        return self.stop - self.start - sum(
            min(fold.stop, self.stop) - fold.start - len(fold.told) for fold in self.folds)


class View(NamedTuple):
    """What one showing holds, where the next one goes on (None: everything was shown, if cut), and
    how many characters are left for it; `outlined` steps are given a line each."""

    line: Timeline
    entries: list[Entry]  # all texts of the row
    windows: list[Window]
    more: str | None
    left: int
    outlined: bool = False


class Asked(NamedTuple):
    """What a reader asks for: about so many tokens, beginning at a place (`17`, `judge:3000`), only
    some steps (`40-52`), an outline."""

    tokens: int = TOKENS
    start: str | None = None
    steps: str | None = None
    outline: bool = False


def view(row: Mapping[str, Any], line: Timeline, asked: Asked,
         before: Mapping[str, Known] | None = None) -> View:
    """What is shown of a row. A text that is known from `before` is not shown again. Refuses a
    place that there is not."""
    entries = list(_entries(row, line))
    shown = View(line, entries, [], None, 0)
    if asked.steps:
        caps = dict.fromkeys(_CAPS, _OF_A_RANGE) if "-" in asked.steps else None
        return _fitted(shown, _of_steps(entries, asked.steps, line), asked, {}, 0, caps)
    total = _told(entries)
    shorts = compact.shorts(row, line, {entry.part.name: entry.part.text for entry in entries})
    if line.steps and (asked.outline or total > LONG and not asked.start):
        kept = [entry for entry in entries if not _is_step(entry)]
        told = _fitted(shown, kept, asked, before or {}, 0, _scaled(asked), shorts=shorts)
        left = total - sum(window.stop - window.start for window in told.windows)
        return told._replace(outlined=True, left=left)
    first, offset = _start(asked.start, entries)
    telling, caps, folds = _telling(row, line), _scaled(asked), _folds(shown, entries[first:])
    for cap in _SAID:  # long messages give way, that the run is seen to its end
        caps["said"] = caps["reasoning"] = cap * max(asked.tokens, TOKENS) // TOKENS
        told = _fitted(shown, entries[first:], asked, before or {}, offset, caps, telling, shorts,
                       folds)
        if asked.start or not told.more:
            break
    return told


def whole(row: Mapping[str, Any], line: Timeline) -> View:
    """Everything of a row, uncut, each text once."""
    entries = list(_entries(row, line))
    room = Asked(sum(len(entry.part.text) + _LEAST for entry in entries))
    return _fitted(View(line, entries, [], None, 0), entries, room, {}, 0, None)


def _told(entries: Sequence[Entry]) -> int:
    """The characters of texts without steps that only say and do again what the one before did."""
    total, before = 0, []
    for _, group in groupby(entries, key=lambda one: one.place.partition(".")[0]):
        texts = [entry.part.text for entry in group]
        total += sum(map(len, texts)) if texts != before else 0
        before = texts
    return total


def _scaled(asked: Asked) -> dict[str, int]:
    """How much of a text of each kind is shown; more where more is asked for."""
    return {kind: int(max(1.0, asked.tokens / TOKENS) * cap) for kind, cap in _CAPS.items()}


def _is_step(entry: Entry) -> bool:
    return entry.place[0].isdigit()


def _entries(row: Mapping[str, Any], line: Timeline) -> Iterator[Entry]:
    """The texts of a row in the order in which they are shown."""
    by_name = {part.name: part for part in parts.parts(row)}
    for name in ("question", "expected", "judge", "answer"):
        if name in by_name:
            yield Entry(name, name, by_name[name])
    for step in line.steps:
        yield from _of_step(step, by_name)
    for call in line.loose:
        yield from _of_call(call, by_name)
    if "reasoning" in by_name:
        yield Entry("reasoning", "reasoning", by_name["reasoning"])


def _of_step(step: Step, by_name: Mapping[str, parts.Part]) -> Iterator[Entry]:
    """A message's own words, then its calls with their results. The message that brings a result is
    not shown twice."""
    if step.part and not step.result_of:
        yield Entry(str(step.index), "system" if step.role in ("system", "developer") else "said",
                    by_name[step.part])
    for call in step.calls:
        yield from _of_call(call, by_name)


def _of_call(call: Call, by_name: Mapping[str, parts.Part]) -> Iterator[Entry]:
    if call.call:
        yield Entry(call.place, "call", by_name[call.call])
    if call.result:
        kind = "failed" if call.failed else "written" if call.writes else "looked_up"
        yield Entry(call.place, kind, by_name[call.result])


def _of_steps(entries: Sequence[Entry], wanted: str, line: Timeline) -> list[Entry]:
    """The texts of steps and ranges of them: 17; 40-52; 3,9,40-."""
    last = len(line.steps) - 1
    steps: set[int] = set()
    for one in wanted.split(","):
        found = _RANGE.fullmatch(one.strip())
        low = int(found[1]) if found else -1
        high = low if found and not found[2] else int(found[3] or last) if found else -1
        if not found or not 0 <= low <= min(high, last):
            raise files.Refusal(f"--steps {wanted}: " + (
                f"the steps are 0 to {last}; give one, several (3,9) or a range such as 4-9"
                if line.steps else
                "it has no messages, so no steps; its parts are shown with --from PART"))
        steps.update(range(low, min(high, last) + 1))
    return [entry for entry in entries
            if _is_step(entry) and int(entry.place.partition(".")[0]) in steps]


def _start(start: str | None, entries: Sequence[Entry]) -> tuple[int, int]:
    """The place of the entry to begin with, and the character in it."""
    if start is None:
        return 0, 0
    name, _, offset = start.partition(":")
    places = [entry.place for entry in entries]
    if name not in places or not re.fullmatch("[0-9]*", offset):
        named = [place for place in places if not place[0].isdigit()]
        numbers = [place for place in places if place.isdigit()]
        steps = f", and the steps {numbers[0]} to {numbers[-1]}" if numbers else ""
        raise files.Refusal(f"--from {start}: no such place; places are "
                            f"{', '.join(dict.fromkeys(named))}{steps}; PLACE:OFFSET starts inside "
                            "one")
    place, offset = places.index(name), int(offset or 0)
    while offset > len(entries[place].part.text) and places[place + 1:place + 2] == [name]:
        place, offset = place + 1, offset - len(entries[place].part.text)  # on into the result
    return place, min(offset, len(entries[place].part.text))


def _fitted(shown: View, entries: Sequence[Entry], asked: Asked, before: Mapping[str, Known],
            offset: int, caps: Mapping[str, int] | None,
            telling: frozenset[str] = frozenset(),
            shorts: Mapping[str, Short] = MappingProxyType({}),
            folds: Sequence[Sequence[pieces.Fold]] | None = None, is_answered: bool = False
            ) -> View:
    """A view with the windows of these texts that fit, each up to the cap of its kind (None: all
    of it); with the answer itself, where `is_answered`, or the step that says it has no room."""
    room, more, left, said, heard = asked.tokens * CHARACTERS_PER_TOKEN, None, 0, "", ""
    spoken = {step.part: str(step.index) for step in shown.line.steps if step.part}
    earlier = dict(before)  # only what was shown whole need not be shown again
    bases, windows = _bases(shown.entries), []
    answered = None if is_answered else _answered(entries)
    deciding = _deciding(shown.line, entries)
    judged = _text_of("judge", entries) or ""
    if folds is None:
        folds = _folds(shown, entries) if caps else [()] * len(entries)
    for number, entry in enumerate(entries):
        text, begin = entry.part.text, 0 if number else offset
        same = answered if entry.place == "answer" else earlier.get(text)
        is_asked = asked.start and not number
        short = None if is_asked or begin else shorts.get(entry.part.name)
        if same and same.short and (not short or same.short != short.text):
            same = None  # what was left out there may decide here
        if same and len(text) > _LEAST // 2 and not is_asked:
            windows.append(Window(entry, 0, len(text), same.changes, same.where))
            continue
        if more is None and room < min(_LEAST, len(text)):
            at = begin + bases[entry]
            more = f"{entry.place}:{at}" if at else entry.place
        if more is not None:
            left += len(text) - begin
            continue
        window = _in_short(entry, short, room, caps) or _window(
            entry, begin, room, None if is_asked else caps, telling, said,
            judged if entry.kind == "answer" else heard, entry.place in deciding,
            () if is_asked else folds[number])
        said += (window.short or text[begin:window.stop]) if _is_step(entry) else ""
        heard += text
        windows.append(window._replace(base=bases[entry]))
        if window.short or (begin, window.stop) == (0, len(text)) \
                or (entry.kind == "system" and not begin):
            name = spoken.get(entry.part.name, entry.place)
            earlier[text] = Known(f"step {name}" if name[0].isdigit() else name)
        room -= len(window.short) or window.size() + sum(map(len, window.picks)) + 20
    told = shown._replace(windows=windows, more=more, left=left)
    if answered and more and answered.where not in {_place(one.entry) for one in windows}:
        return _fitted(shown, entries, asked, before, offset, caps, telling, shorts, folds, True)
    return told


def _folds(shown: View, entries: Sequence[Entry]) -> list[list[pieces.Fold]]:
    """What is left out of each text; messages are held against earlier ones of their agent and
    against the next one, but in a talk."""
    decides = frozenset(_VALUE.findall(_text_of("expected", shown.entries) or ""))
    agents = {str(step.index): step.agent for step in shown.line.steps}
    lines: dict[str, dict[str, str]] = {}
    spoken, folds = is_talk(shown.line), []
    for entry, then in zip(entries, [*entries[1:], None], strict=False):
        of_agent = lines.setdefault(agents.get(entry.place, ""), {})
        folds.append(pieces.folds(
            entry.part.text, of_agent if entry.kind == "said" and not spoken else None, decides,
            *((then.part.text, then.place) if then and then.kind == "said" else ("", ""))))
        if entry.kind == "said":
            for told in entry.part.text.split("\n"):
                of_agent.setdefault(told.strip(), entry.place)
    return folds


def _in_short(entry: Entry, short: Short | None, room: int,
              caps: Mapping[str, int] | None) -> Window | None:
    """A text in short, where there is one, the text is too long for its kind, and it fits."""
    size = len(entry.part.text)
    if not short or not caps or len(short.text) > min(room, 2 * max(caps.values())) \
            or entry.kind in ("looked_up", "written") and size <= caps[entry.kind]:
        return None
    stop = size if not short.left else min(len(short.text), size - 1)
    return Window(entry, 0, stop, short=short.text)


def _window(entry: Entry, begin: int, room: int, caps: Mapping[str, int] | None,
            telling: Set[str], said: str, heard: str, is_spoken: bool,
            folds: Sequence[pieces.Fold]) -> Window:
    """As much of a text as its cap and the room allow; of the rest of a look-up the pieces that
    tell something that was not `said`, of a message its end, and of one that is to be brief the
    lines with numbers that were not `heard`."""
    text = entry.part.text
    short = entry.kind == "looked_up" and len(text) <= _SHORT
    cap = len(text) if caps is None or short else caps[entry.kind]
    if is_spoken and caps is not None:
        cap = max(cap, _SPOKEN)
    if entry.kind == "said" and cap < len(text):
        cap += sum(len(found) - TOKEN for found in LONG_TOKEN.findall(text, begin, begin + cap))
    for fold in folds:
        if begin <= fold.start < begin + cap:
            cap += fold.stop - fold.start
            room += fold.stop - fold.start
    stop = min(len(text), begin + min(cap, room))
    is_brief = entry.kind == "said" and cap < _SAID[0] and stop < len(text)
    if not begin and 0 < len(text) - stop < _LEAST // 2 and stop < room:
        stop = len(text)  # to say that so little is cut would take as much
    elif is_brief:
        stop = max(text.rfind(" ", begin + 1, stop), stop - _WORD)
    picks: tuple[str, ...] = ()
    if entry.kind == "looked_up" and stop < len(text):
        picks = pieces.picks(text, stop, {value for value in telling if value not in said})
    elif entry.kind in _ENDED and not begin and stop < min(len(text), room) - _LEAST_CUT:
        news = pieces.news(text[stop:-_END], heard + text[:stop]) if is_brief else ()
        if entry.kind == "reasoning" and len(text) > _LONG_REASONING:
            news = pieces.conclusions(text, stop)
        if entry.kind == "answer":
            news = pieces.around(text, stop, heard)
        end = text[-_ENDED[entry.kind]:]
        is_said = any(fold.stop > len(text) - _END and fold.told.startswith(pieces.NEXT)
                      for fold in folds)
        picks = (*news, *([] if is_said else [end.partition(" ")[2] or end]))
    return Window(entry, begin, stop, picks, folds=tuple(
        fold for fold in folds if begin <= fold.start < stop))


def _deciding(line: Timeline, entries: Sequence[Entry]) -> set[str]:
    """The steps of a talk that are shown rather whole: what the user says, and what the agent says
    last before it changes something. Who only says the same is no user."""
    users = {str(step.index) for step in line.steps if step.role == "user"}
    heard = [entry.part.text for entry in entries if entry.place in users]
    if len(heard) > _MOST_ALIKE and len(set(heard)) <= len(heard) // 2:
        return set()
    said, last = {str(step.index) for step in line.steps if step.role == "user"}, ""
    for step in line.steps:
        last = str(step.index) if step.part and step.role == "assistant" else last
        if any(call.writes for call in step.calls):
            said.add(last)
    return said if is_talk(line) else set()


def _answered(entries: Sequence[Entry]) -> Known | None:
    """The step that says the answer, where one does so in the same words."""
    answer = _text_of("answer", entries)
    place = next((entry.place for entry in reversed(entries)
                  if entry.kind == "said" and entry.part.text == answer), None)
    return Known(f"step {place}") if place else None


def _bases(entries: Sequence[Entry]) -> dict[Entry, int]:
    """How many characters of its place stand before each text."""
    bases: dict[Entry, int] = {}
    before: dict[str, int] = {}
    for entry in entries:
        bases[entry] = before.get(entry.place, 0)
        before[entry.place] = bases[entry] + len(entry.part.text)
    return bases


def _text_of(place: str, entries: Sequence[Entry]) -> str | None:
    return next((entry.part.text for entry in entries if entry.place == place), None)


def _telling(row: Mapping[str, Any], line: Timeline) -> frozenset[str]:
    """Values that decide: in what is expected, and in calls that write."""
    values = [*golds.scalars(row.get("expected")),
              *(value for call in calls(line) if call.writes
                for value in golds.scalars(call.arguments))]
    return frozenset(value for value in values if _TELLING.fullmatch(value))


def spans(shown: View) -> dict[str, tuple[int, int]]:
    """What the reading log says of a view: of each part the characters that it shows."""
    named = {window.entry.part.name: (window.start, window.stop) for window in shown.windows}
    results = {call.place: call.result for call in calls(shown.line)}
    for step in shown.line.steps:  # the message that brings a result reads as the result does
        result = results.get(step.result_of)
        if step.part and result in named:
            named[step.part] = named[result]
    return named


def told_texts(row: Mapping[str, Any], shown: View) -> dict[str, Known]:
    """The longer texts that a view showed whole or in short, and policies of which it showed the
    beginning, with where they stand."""
    return {window.entry.part.text: Known(f"{_place(window.entry)} of {row['datapoint_id']}", (),
                                          window.short)
            for window in shown.windows
            if not window.same_as and len(window.entry.part.text) > _LEAST and not window.start
            and (window.entry.kind == "system" or window.short
                 or window.stop == len(window.entry.part.text))}


def _place(entry: Entry) -> str:
    return f"step {entry.place}" if _is_step(entry) else entry.place


