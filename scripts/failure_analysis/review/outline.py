"""An outline of a long datapoint: a line for each step, what is said or done again once."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from os.path import commonprefix

from failure_analysis import clean
from failure_analysis.patterns import re_compile
from failure_analysis.review import aids
from failure_analysis.review.timeline import Step, Timeline
from failure_analysis.review.view import View

# Characters of a message in an outline, and of a beginning that says nothing new.
_OUTLINED, _SHARED = 90, 30
_NEAR = 200  # characters of a message in which an error stands that it tells of
_LONG = 200  # of a beginning that is so long that the message is hard to know without it
_RAISED = re_compile(r"(?:\b|(?<=\\n))[A-Z]\w*(?:Error|Exception|Interrupt)\b:? ")
_MOST_BEFORE = 4  # messages of an agent that the next one is held against
_MOST_AGAIN = 5
# Letters of a message that is known in another, of its pieces there, and of what is around it.
_ECHOED, _PIECE, _WRAPPER = 40, 30, 600
_BARE = re_compile(r"(?:\\[nrt]|[\W_])+")
# A yes or no in JSON, by the name of the object that holds it.
_FLAGS = re_compile(r'"(\w+)": \{ "\w+": (?:"(?:[^"\\]|\\.)*", "\w+": )?(true|false)')
_LOGGED = re_compile(r"\bERROR:")
_ERROR = re_compile(r"Traceback \(most recent call last\)|\bexit ?code:? [1-9]|^\W*(?:\w*error|"
                    r"exception|failed)\b", re.I)


def outline(line: Timeline, shown: View, marks: Mapping[str, list[str]]) -> list[str]:
    """A line for each step; those that follow each other and are alike share one."""
    texts = {entry.place: " ".join(entry.part.text.split()) for entry in shown.entries
             if entry.kind in ("said", "system")}
    lines, before, again = [""], {}, _again(line, texts, marks)
    ledgers = _ledgers(line, texts)
    hidden = {place for places in again.values() for place in places} | {
        place for place in _echoes(line, texts) if place not in marks} | {
        place for place, said in ledgers.items() if not said and place not in marks}
    texts |= {place: said for place, said in ledgers.items() if said}
    told = [step for step in line.steps if not step.result_of and str(step.index) not in hidden]
    for _, group in groupby(told, key=lambda step: _alike(step, texts, marks)):
        steps = list(group)
        first = steps[0]
        said = texts.get(str(first.index), "")
        made = [f"{'W ' * call.writes}{call.name}{' (failed)' * call.failed}"
                for call in first.calls]
        where = f"{first.index}-{steps[-1].index}" if len(steps) > 1 else str(first.index)
        times = f" ({len(steps)} steps alike)" if len(steps) > 1 else ""
        error = " [error]" if first.agent != "user" and (
            _ERROR.search(said[:_NEAR]) or _LOGGED.search(said)) else ""
        places = again.get(str(first.index), ())
        more = f" and {len(places) - _MOST_AGAIN} more" if places[_MOST_AGAIN:] else ""
        repeats = f" (again: {', '.join(places[:_MOST_AGAIN])}{more})" if places else ""
        lines.append(flat(f"{where} {first.agent}{times}{error}: " + " | ".join(
            filter(None, (error and _raised(said) or _beginning(said, before.get(
                first.agent, ())), ", ".join(made))))
            + repeats))
        lines += [f"  ! {flat(text)}" for place in (str(first.index), *(
            call.place for call in first.calls)) for text in marks.get(place, ())]
        before[first.agent] = [*before.get(first.agent, ()), said][-_MOST_BEFORE:]
    return lines


def _echoes(line: Timeline, texts: Mapping[str, str]) -> set[str]:
    """The steps without calls that hold, in a wrapper, what another agent says in the step before:
    two of three pieces of it."""
    echoes, agent, before = set(), "", ""
    for step in line.steps:
        bare = _BARE.sub("", texts.get(str(step.index), ""))
        pieces = [before[len(before) * quarter // 4:][:_PIECE] for quarter in (1, 2, 3)]
        if _ECHOED < len(before) <= len(bare) < 1.5 * len(before) + _WRAPPER \
                and step.agent != agent and not step.calls \
                and sum(piece in bare for piece in pieces) > 1:
            echoes.add(str(step.index))
        agent, before = step.agent, bare
    return echoes


def _ledgers(line: Timeline, texts: Mapping[str, str]) -> dict[str, str]:
    """Of steps that hold as JSON what their agent says next: the yes and no in it that changed, in
    the place of their text."""
    ledgers: dict[str, str] = {}
    known: dict[str, bool] = {}
    for step, later in zip(line.steps, line.steps[1:], strict=False):
        said, after = (texts.get(str(one.index), "") for one in (step, later))
        bare = _BARE.sub("", after)[:_WRAPPER // 5]
        if "{" not in said or len(bare) < _ECHOED or bare not in _BARE.sub("", said):
            continue
        told = {key: value == "true" for key, value in _FLAGS.findall(said)}
        if told:
            ledgers[str(step.index)] = ", ".join(
                f"{key} {str(value).lower()}" for key, value in told.items()
                if known.get(key, False) != value)
            known |= told
    return ledgers


def _raised(said: str) -> str:
    """The error in which a message's traceback ends; blank without one."""
    raised = list(_RAISED.finditer(said)) if "Traceback" in said[:_NEAR] else []
    return f"… {said[raised[-1].start():][:_OUTLINED]}" if raised else ""


def _again(line: Timeline, texts: Mapping[str, str], marks: Mapping[str, list[str]]
           ) -> dict[str, list[str]]:
    """The steps in which an agent only says again what it said before, without calls or marks, by
    the step in which it said it first."""
    first: dict[tuple[str, str], str] = {}
    again: dict[str, list[str]] = {}
    for step in line.steps:
        place = str(step.index)
        said = texts.get(place, "")
        told = first.setdefault((step.agent, said), place)
        if said and told != place and not step.calls and place not in marks:
            again.setdefault(told, []).append(place)
    return again


def _beginning(said: str, before: Sequence[str]) -> str:
    """What a message begins with, behind what one of its agent's last began with too."""
    shared = max((len(commonprefix((said, one))) for one in before if one != said), default=0)
    start = said.rfind(" ", 0, shared + 1) + 1 if _SHARED <= shared < len(said) else 0
    head = said[:_SHARED] if start > _LONG else ""  # what it is, where so much is the same
    stop = start + _OUTLINED - len(head)
    return f"{head}{'… ' * bool(start)}{said[start:stop]}{'…' * (stop < len(said))}"


def _alike(step: Step, texts: Mapping[str, str], marks: Mapping[str, list[str]]) -> tuple:
    """What steps share that an outline folds: who, which tools, no words and no marks, but that a
    call is made again."""
    said = [text for place in (str(step.index), *(call.place for call in step.calls))
            for text in marks.get(place, ())]
    if str(step.index) in texts or any(not text.startswith(aids.AGAIN) for text in said):
        return (step.index,)
    return (step.agent, tuple(call.name for call in step.calls), tuple(said))


def flat(text: str) -> str:
    """Names from the run on one line that cannot pass for ours."""
    return clean.visible(" ".join(text.split()))[:600]
