"""What a model says that it did, held against the record: a change claimed that was never made, or
was refused by its tool; and runs that failed for a missing sentence alone."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from failure_analysis import tool_calls
from failure_analysis.audit import (
    checked,
    contrast,
    dimensions,
    golds,
    read_back,
    required,
    shell,
    state_read,
    told_of,
    undone,
    wording,
)
from failure_analysis.audit.candidates import Candidate, Variant, candidate, variant
from failure_analysis.audit.item import Item
from failure_analysis.audit.once import once
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.undone import Undone
from failure_analysis.audit.values import number
from failure_analysis.audit.whole import Whole
from failure_analysis.patterns import re_compile

_NOTHING = re_compile(r"\A\{[^{}]*:\s*0\b[^{}]*\}\Z")
_AMOUNT = re_compile(r"[$€£]\s?\d|\d\s?(?:dollars|euros?|usd|eur)\b", re.I)
_FIGURE = re_compile(r"(?![a-z]+[-_]?\d)\D*\d+(?:\.\d+)?[^\d.]*")  # and no version or date
_NUMBER = re_compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w-])")
_TOKEN = re_compile(r"\d+|[a-z]+")
_WORD = re_compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NOW_SO = re_compile(r"\bnow\b|\bcomplete\b|\bwent through\b|\b(?:is|are|been) (?:made|done|set)\b",
                     re.I)
# A deed of which the words do not say what kind it is, and what is so after one.
_DEED = re_compile(
    r"\b(?:(?:i|we)(?:['’]ve| have)?|has been|have been|was|were|is|are|got)"
    r"(?: (?:now|also|just|both|all|successfully|already|been|duly|gone ahead and))* "
    r"(?P<verb>left|put|made|filed|lodged|placed|raised|arranged|requested|ordered|sorted|handled|"
    r"completed|processed|submitted|queued|triggered|entered|registered|logged|issued|finali[sz]ed|"
    r"done|set up|taken care of|attached|noted|recorded|posted|written|wrote|dropped|confirmed)\b",
    re.I)
_UNDER_WAY = re_compile(
    r"\b(?:is|are|went|gone|got)(?: now)? (?:on (?:its|their|the) way|under ?way|out|off|through|"
    r"in (?:place|the mail|the post|(?:the|your|her|his|their) (?:inbox|calendar|queue|file)))\b|"
    r"\b(?:has|have|carr(?:y|ies)|bears?|got) (?:now )?(?:an?|the|your|his|her|their) ", re.I)
_ALL = re_compile(r"\b(?:all|both|every|each)\b(?! (?:set|right|good|the best))", re.I)
_WHOLLY = re_compile(r"\b(?:complete[dl]?y?|finish\w*|done|wholly|fully)\b", re.I)
_LEFT_OUT = re.compile(r"\b(?:left|kept|except|only|but|skipp\w+|instead|un\w+ed)\b", re.I)
_OWN = re_compile(r"\b(?:i|we)\b", re.I)
# Verbs of tools that say nothing of what is done, and words that every sentence may hold.
_PLAIN = frozenset(("create", "update", "make", "send", "perform", "execut", "modify",
                    "change", "add", "apply", "run", "write", "call", "open", "start", "handle"))
_ANY = re.compile("")
_READS_IT = re.compile(r"\b(?:was|were|before|shows?|reads?|request\w*|tried|attempt\w*)\b", re.I)
_FREQUENT = frozenset(("the", "a", "an", "and", "or", "of", "to", "in", "on", "at", "for", "with",
                       "by", "from", "is", "it", "as", "your", "you"))


class Claim(NamedTuple):
    """A sentence that claims what the record denies, and what the record says."""

    sentence: str
    record: str


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The claims in an item that the record denies, and the failures for words alone."""
    due = required.required(item.expected) or []
    denied = denials(item, whole)
    for outcome, rule in (("pass", "claimed_passed"), ("fail", "claimed_failed")):
        rows = [row for row in item.rows if row.outcome == outcome and row.ident in denied]
        if rows:
            verdict = "passed" if outcome == "pass" else "failed, as they should"
            yield candidate(
                item, "claimed_done", rule, f"{len(rows)} datapoints say that something has been "
                f"done which the record denies, and {verdict}.", _sides(rows, denied),
                rows if outcome == "pass" else ())
    rows = [row for row in item.rows if _only_words(row, due, item.expected)]
    if rows:
        yield candidate(
            item, "claimed_done", "only_words_missing", f"{len(rows)} datapoints left the right "
            "state and failed for what they did not say alone.", _untold(item, rows), rows)


def denials(item: Item, whole: Whole) -> dict[str, Claim]:
    """The claims of an item that the record denies, by datapoint."""
    if "denials" not in item.noted:
        due = required.required(item.expected) or []
        owed = undone.writes(due, whole)
        tools = once(lambda: undone.tools(item.rows))
        item.noted["denials"] = {
            row.ident: claim for row in item.rows
            if (whole.acts or dimensions.state(row) is False) and (
                claim := _denied(row, due, whole) or _claim(checked.denied(row, item.question))
                or _told(row, due, owed, tools, whole)
                or _claim(read_back.denied(row, item.rows)) or _taken_back(row, due)
                or _credited(row, due) or _claim(contrast.contradicted(row, item, whole))
                or _claim(contrast.owing(row, item, owed, whole)))}
    return item.noted["denials"]


def _sides(rows: Sequence[Seen], denied: dict[str, Claim]) -> list[Variant]:
    claim = denied[rows[0].ident]
    return [variant("says", claim.sentence, rows), variant("recorded", claim.record)]


def _untold(item: Item, rows: Sequence[Seen]) -> list[Variant]:
    untold = [str(signal.get("text")) for signal in rows[0].signals
              if signal.get("kind") == "not_communicated"]
    sides = [variant("failed", rows[0].spoken or rows[0].answer, rows)]
    if untold:
        return [variant("not said", "\n".join(untold)), *sides]
    if isinstance(item.expected, dict):
        told = item.expected.get("outputs") or item.expected.get("communicate_info")
        return [*([variant("to be said", tool_calls.result_text(told))] if told else []), *sides]
    return sides


def _denied(row: Seen, due: Sequence[Call], whole: Whole) -> Claim | None:
    """The first claim of a datapoint that its record denies."""
    claims = wording.claims(row.spoken or row.answer) if _may_deny(row, due, whole) else []
    if not claims:
        return None
    done = shell.wrote(row)
    if not done and dimensions.state(row) is False and not row.made:
        return Claim(claims[0][1], "The state is wrong, and no call is recorded.")
    spread = [wording.kinds_of_tool(one.tool)[1] for one in done]
    if not all(spread):
        return None  # a write of which the name does not say what it does may be what is meant
    shielded = frozenset().union(*spread)
    for verb, sentence, own in claims:
        kinds = wording.kinds(verb)
        own_deed = own and (due or _OWN.search(sentence))  # `Closed on Sunday`, where none is due
        if kinds & shielded or (not own_deed and (_looked_up(verb, row)
                                                  or contrast.read_so(sentence, row))):
            continue
        record = _record(kinds, row, due, whole, own)
        if record:
            return Claim(sentence, record)
    return None


def _may_deny(row: Seen, due: Sequence[Call], whole: Whole) -> bool:
    """Whether the record could deny a claim at all: a call was refused or is missing, nothing was
    written, or the state is wrong."""
    if not (due or row.made or row.scores or row.signals):
        return False
    state, made = dimensions.state(row), {(one.by, one.tool) for one in row.made}
    if not due and state is not False and not (made and any(map(required.writes, whole.tools))):
        return False
    if any(map(shell.failed, row.made)) or state is False and not made:
        return True
    return state is not True and whole.runs[row.run].acted > 0 and (
        not shell.wrote(row) or any((call.by, call.name) not in made for call in due))


def _claim(found: tuple[str, str] | None) -> Claim | None:
    return Claim(*found) if found else None


def _taken_back(row: Seen, due: Sequence[Call]) -> Claim | None:
    """What a datapoint claims, though it undid the deed itself, or passed and each call that was to
    do it counts nothing as done."""
    undid = state_read.taken_back(row.made, due) if due and len(row.made) > 1 else None
    if not undid and row.outcome == "pass" and row.made and not shell.wrote(row):
        undid = [one for one in row.made if required.writes(one.tool)
                 and _NOTHING.search(one.result) and shell.failed(one)][:3]
    told = wording.states(row.answer or row.spoken) if undid else []
    return Claim(told[0], "\n".join(map(shell.in_words, undid))) if told else None


def _credited(row: Seen, due: Sequence[Call]) -> Claim | None:
    """What a datapoint reports as done and was believed, though its state is judged wrong and a
    call that was due was not made, failed, or was made for a part of what is said to be done."""
    if not due or dimensions.state(row) is not False or contrast.DENIES.search(
            row.answer or row.spoken) or not any(
            value is True and dimensions.of_words(name) for name, value in row.scores.items()):
        return None
    due = [call for call in due if required.writes(call.name)]
    left = required.unmet(due, shell.judged(row.made))
    told = [one for one in wording.states(row.answer or row.spoken)
            if not contrast.read_so(one, row)] if left else []
    if told and len(left) < len(due):  # a part was done, and may be what is told
        held = " ".join(map(_all_of, shell.wrote(row)))
        names = [name.casefold() for one in left for name in golds.scalars(one.call.arguments)
                 if len(name) > len("the") and name.casefold() not in held]
        told = [one for one in told if _ALL.search(one) or _WHOLLY.search(one)
                or any(map(one.casefold().__contains__, names)) and not _LEFT_OUT.search(one)]
    spare = told and [one for one in shell.wrote(row)
                      if not any(required.fulfils(one, call) for call in due)]
    for one in left if told else ():
        part = one.nearest and _words_of(one.nearest.arguments) < _words_of(one.call.arguments)
        if not spare or part and any(map(_ALL.search, told)):
            return Claim(told[0], f"Not done as required: {required.spelled(one.call)}")
    return None


def _words_of(arguments: object) -> set[str]:
    return set(re.findall(r"[\w./=-]+", tool_calls.result_text(arguments)))


def _told(row: Seen, due: Sequence[Call], owed: Sequence[Call],
          tools: Callable[[], frozenset[str]], whole: Whole) -> Claim | None:
    """What a datapoint reports as done, though its record says otherwise. That others did more is
    held against a pass alone: a failing one may have gone another way."""
    if not (due or row.made) or dimensions.state(row) is True and not (
            owed and row.outcome == "pass" and not shell.wrote(row) and tools()):
        return None  # a right state denies nothing, but where others wrote for it and this one not
    left = undone.undone(due, owed, row, tools() if row.outcome == "pass" else frozenset(), whole)
    text = (row.spoken or row.answer) if left else ""
    told = wording.reports(text) if left else []
    stated = wording.reports(text, _ANY) if any(one.refused for one in left) else []
    for one in left:
        if one.refused and (said := next((sentence for sentence in stated if told_of.held_in(
                sentence, one) and not _READS_IT.search(sentence)), "")):
            return Claim(said, one.record)
    done = [one for one in shell.wrote(row) if not undone.FILLS.match(one.tool)] if told else []
    for one in left:
        for sentence in told:
            if _speaks_of(sentence, one, done) and not contrast.read_so(sentence, row):
                return Claim(sentence, one.record)
    return None


def _speaks_of(sentence: str, one: Undone, done: Sequence[Made]) -> bool:
    """Whether a sentence that reports something as done means a write that was not done, and none
    of those that were."""
    words = frozenset(_TOKEN.findall(sentence.casefold()))
    kinds, verb, nouns = _of_tool(one.tool)
    told = wording.kinds_told(sentence)
    others = frozenset().union(*(wording.kinds_of_tool(made.tool)[1] for made in done))
    same_kind = bool(told & kinds) and not told & kinds & others
    if _ALL.search(sentence) and any(made.tool == one.tool for made in done) \
            and not shell.command(done[0]):
        return True  # of several of one kind all are said to be done
    if one.by_others:
        return same_kind and bool(_OWN.search(sentence)) and any(map(words.__contains__, nouns)) \
            and not any(noun in _all_of(made) for noun in nouns for made in done)
    held = " ".join(map(_all_of, done))
    if _by_noun(sentence, words, kinds, [noun for noun in nouns if noun not in held]):
        return True
    if not kinds and (command := told_of.command(one.arguments)) and (
            told_of.speaks_of(words, command, held)
            or _ALL.search(sentence) and told_of.program(command) in map(told_of.program, map(
                shell.command, done))
            or any(name in sentence.casefold() and name not in held
                   for name in told_of.objects(command))):
        return True
    stem = verb[:6]
    spoken = len(stem) > 3 and stem not in _PLAIN and any(
        word.startswith(stem) and not word.endswith("able") for word in words)
    if same_kind or spoken and stem not in held:
        return True
    if not (told & kinds or spoken or told and not kinds or _NOW_SO.search(sentence)
            or not told and verb == "submit"):
        return False  # the object is named, and something else is said of it
    if any(name.casefold() in sentence.casefold() and name.casefold() not in held
           for name in undone.names(one.arguments)) or any(
            re.search(rf"\b{key} #?{value}\b", sentence, re.I)
            and not re.search(rf"\b{value}\b", held) for key, value in (
                one.arguments.items() if isinstance(one.arguments, dict) else ())
            if isinstance(value, str | int) and str(value).isdigit() and key.isalpha()):
        return True
    mine = frozenset(_TOKEN.findall(tool_calls.result_text(one.arguments).casefold()))
    return sum(word not in held for word in mine & words - _FREQUENT) > 1


def _by_noun(sentence: str, words: frozenset[str], kinds: frozenset[str], nouns: Sequence[str]
             ) -> bool:
    """Whether a sentence tells a deed by the object that the name of the tool holds: `I have left
    the note`, for `add_note`."""
    if not any(noun in words or f"{noun}s" in words or noun[:-1] in words for noun in nouns):
        return False
    makes = not kinds or bool(kinds & {"create", "send"})
    told = wording.kinds_told(sentence)
    return makes and (not told or bool(told & (kinds or told))) and bool(
        _DEED.search(sentence) or _UNDER_WAY.search(sentence))


def _of_tool(name: str) -> tuple[frozenset[str], str, list[str]]:
    """(the kinds of change that a tool makes, its verb, its other words)."""
    words = [word.casefold() for word in _WORD.findall(name)]
    return wording.kinds_of_tool(name)[0], next(iter(words), ""), [
        word for word in words[1:] if len(word) > 3]


def _all_of(made: Made) -> str:
    """A call in small letters: its tool and its arguments."""
    return f"{made.tool} {tool_calls.result_text(made.arguments)}".casefold()


def _record(kinds: frozenset[str], row: Seen, due: Sequence[Call], whole: Whole, own: bool) -> str:
    """What the record says against a claim of these kinds; blank where it says nothing."""
    refused = [one for one in row.made if shell.failed(one) and _does(one.tool, kinds)]
    if refused:
        return "\n".join(map(shell.in_words, refused[:3]))
    if dimensions.state(row) is True or not whole.runs[row.run].acted:
        return ""
    missing = [one.call for one in required.unmet(
        [call for call in due if _does(call.name, kinds)], row.made) if one.how == "missing"]
    if missing:
        return "Never called: " + "\n".join(map(required.spelled, missing[:3]))
    if own and any(_does(tool, kinds) for tool in whole.tools) and not shell.wrote(row) \
            and row.made:
        return "No call of the run wrote anything."
    return ""


def _does(tool: str, kinds: frozenset[str]) -> bool:
    """Whether a tool writes, and its name says that it does one of these kinds of change."""
    return required.writes(tool) and bool(wording.kinds_of_tool(tool)[0] & kinds)


def _looked_up(verb: str, row: Seen) -> bool:
    """Whether a result that the model has read speaks of the change: it may report what is so."""
    stem = verb[:6].casefold()
    return any(stem in one.result.casefold() for one in row.made if not shell.failed(one))


def _only_words(row: Seen, due: Sequence[Call], expected: object) -> bool:
    """Whether a failure is for what was not said alone: the state is right, or all that was to be
    written was, and nothing else. Where there was nothing to write, the words are the task."""
    if row.outcome != "fail" or not row.made:
        return False
    state, done = dimensions.state(row), shell.wrote(row)
    wanted = [call for call in due if required.writes(call.name)]
    if not (done or checked.graded(row)) or state is False or required.unmet(wanted, row.made) \
            or state is True and golds.nothing_to_say(expected) and contrast.tells_deed(row):
        return False
    if not row.answer.strip() and not row.spoken.strip() and _silent_alone(row):
        return bool(wanted) or state is not None or bool(row.judge)
    exact = bool(wanted) and all(any(required.fulfils(one, call) for call in wanted)
                                 for one in done)
    # One verdict alone is that of the whole, whatever its name.
    several = len(dimensions.valued(row)) > 1
    named = [name for name in row.failed if several or dimensions.of_words(name)]
    lacking, known = _lacking(row, expected)
    if exact and lacking or not all(map(dimensions.VERDICT.match, named)):
        named = [name for name in named if not (
            dimensions.WHOLE if exact and lacking else dimensions.VERDICT).match(name)]
    answers = state is True and lacking and all(map(dimensions.of_answer, named))
    if answers and not _other_figure(row, lacking) and not _said_otherwise(row) \
            or _lines_alone(row, expected):
        return True
    if not (named or lacking) or not all(map(dimensions.of_words, named)) \
            or _said_otherwise(row) or lacking and _other_figure(row, lacking):
        return False
    return state is True and bool(named) or exact and (
        bool(lacking) or not known and bool(named))


def _lines_alone(row: Seen, expected: object) -> bool:
    """Whether all that a row failed is named in what is expected with a text that its answer lacks,
    and it met all else that was judged, of which there is something."""
    judged = {name: value for name, value in row.scores.items()
              if isinstance(value, bool) and not dimensions.WHOLE.match(name)}
    failed = [name for name in judged if not judged[name]]
    said = _plain(row.spoken or row.answer)
    return isinstance(expected, dict) and 0 < len(failed) < len(judged) and all(
        isinstance(text := expected.get(name), str) and _plain(text) and _plain(text) not in said
        for name in failed)


def _silent_alone(row: Seen) -> bool:
    """Whether a row without a word failed for its words alone, beside the verdict on the whole, and
    met all else, of which there is something."""
    judged = {name: value for name, value in row.scores.items()
              if isinstance(value, bool) and not dimensions.WHOLE.match(name)}
    words = [name for name in judged if dimensions.of_words(name)]
    others = [judged[name] for name in judged if name not in words]
    return bool(words) and not any(judged[name] for name in words) and bool(others) and all(others)


def _lacking(row: Seen, expected: object) -> tuple[list[str], bool]:
    """(what was to be said and stands nowhere in what was, whether the record says what it is)."""
    told = expected.get("outputs") or expected.get("communicate_info") \
        if isinstance(expected, dict) else None
    text = row.spoken or row.answer
    if not isinstance(told, list) or not text.strip() or wording.refuses(row.answer):
        return [], bool(told)
    said = _plain(text)
    numbers = _numbers(said)
    lacking = [part for one in told if (part := _plain(str(one))) and part not in said]
    return [one for one in lacking if not _numbers(one) or not _numbers(one) <= numbers], True


def _other_figure(row: Seen, lacking: Sequence[str]) -> bool:
    """Whether a figure is missing, and one was said that the run was not given: then the sentence
    was not missing but wrong."""
    given = _numbers(_plain(f"{tool_calls.result_text([one.arguments for one in row.made])} "
                            f"{row.question}"))
    return any(map(_FIGURE.fullmatch, lacking)) \
        and bool(_numbers(_plain(row.spoken or row.answer)) - given)


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace(",", "").split())


def _numbers(text: str) -> set[float]:
    return set(map(float, _NUMBER.findall(text)))


def _said_otherwise(row: Seen) -> bool:
    """Whether an amount is missing, and another one was said in its place, as far as can be seen:
    then the sentence was not missing but wrong."""
    untold = [str(signal.get("text")) for signal in row.signals
              if signal.get("kind") == "not_communicated"]
    return any(map(number, untold)) and bool(_AMOUNT.search(row.spoken or row.answer))
