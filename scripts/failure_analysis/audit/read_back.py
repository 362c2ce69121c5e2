"""Claims that the record denies after the act itself: a result by which it was done in part alone,
and a look-up behind the last write that does not show what was written."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from failure_analysis import tool_calls
from failure_analysis.audit import dimensions, golds, required, shell, state_read, undone, wording
from failure_analysis.audit.seen import LONGEST_RESULT, Made, Seen
from failure_analysis.tool_checks import parsed_arguments

# What a result counts or lists that was not done, and the state of what was done in part.
_LEFT = re.compile(r"(?:skipped|fail(?:ed|ures?)|stuck|errors?|reject(?:ed|ions)|refused|denied|"
                   r"declined|bounced|missing|ignored|conflicts?|unsent|undelivered|unchanged|"
                   r"unprocessed|not_(?:\w+ed|sent|found|done|paid))(?:_\w+)?", re.I)
_PART = re.compile(r"partial\w*|partly\w*|incomplete\w*|unfinished", re.I)
_LEFT_SAID = re.compile(
    r"\b[1-9]\d{0,8} (?:\w+ )?(?:(?:was|were|are|is|has|have|had) )?(?:failed|skipped|stuck|"
    r"rejected|refused|bounced|errors?|failures?|conflicts?|unsent|undelivered|"
    r"(?:not|could not be) \w+(?:ed|sent|paid))\b|\bpartial(?:ly)?\b", re.I)
_MAY_BE_LEFT = ("skip", "fail", "stuck", "error", "reject", "refus", "denied", "declin", "bounc",
                "missing", "ignor", "conflict", "unsent", "undeliv", "unchang", "unproc", "unfin",
                "not_", "not ", "part", "incompl", " of ", "/")
_SHARE = re.compile(r"\b(\d{1,9})(?: of |/)(\d{1,9}) (?=\w+(?:ed|sent|paid)\b)", re.I)
_WHOLE = re.compile(r"\b(?:all|both|every|each|everything|everyone|whole|complete(?:ly)?|entire)\b",
                    re.I)
# A look-up that has nothing to show.
_NONE = re.compile(
    r"\W*(?:(?:you (?:have|currently have)|there (?:is|are)|found|has|shows?) )?(?:no|0|zero) "
    r"(?P<of>(?:\w+ ){0,2}?\w+?)s?(?: (?:yet|found|exists?|here|(?:was|were) found|available|"
    r"placed|on file|to show|recorded|scheduled|listed|saved))?\W*|"
    r"\W*(?P<found>[\w -]{3,30}?)s? not found\W*", re.I)
_EMPTY = ("[]", "{}", "null", "none", "(empty)", '""', "0")
_DEALS = frozenset(("order", "booking", "reservation", "purchase", "ticket", "appointment",
                    "transaction", "payment", "entry", "record", "event", "task", "reminder",
                    "subscription", "item", "post", "message", "note", "result", "file", "trip",
                    "seat", "alert", "rental", "listing", "review", "draft", "user", "member"))
_ADDS = re.compile(r"(?:^|_)(?:add|invite|assign|attach|enrol|tag|include|insert|append|"
                   r"subscribe|share|join)|attendee|participant|member", re.I)
_TAKES = re.compile(r"(?:^|_)(?:remove|delete|detach|unassign|unsubscribe|revoke|kick|drop)", re.I)
_OLD = re.compile(r"old|prev|orig|max|min|default|avg|mean|last|initial|before|limit|reply", re.I)
_TOKEN = re.compile(r"(?=[\w./@:+-]*\d)[\w./@:+-]{3,}")
_SHORTEST, _LAST_LINE = 3, 200
_STATUS = re.compile(r"(?:\w+_)?(?:status|state)", re.I)


class Act(NamedTuple):
    """A write that worked, and the look-ups behind the last write of its datapoint, the latest of
    each."""

    made: Made
    before: Sequence[Made]
    reads: Sequence[Made]


def denied(row: Seen, rows: Sequence[Seen]) -> tuple[str, str] | None:
    """(the sentence, what the record says) of a deed reported as done, or as done in whole."""
    if not row.made or not any(map(_acts, row.made)) \
            or dimensions.state(row) is True and row.outcome != "pass":
        return None
    left = next(_in_part(row), None)
    text = row.answer or row.spoken
    if left:
        told = next((one for one in wording.states(text) if _of_all(one, left)), "")
        if told:
            return told, shell.in_words(left)
    acts = list(_read_after(row))
    told = next(iter(wording.states(text)), "") if acts else ""
    for act in acts if told else ():
        for read in act.reads:
            if any(test(act, read, rows) for test in _TESTS):
                return told, f"{shell.in_words(act.made)}\n{shell.in_words(read)}"
    return _not_there(row, text)


def _not_there(row: Seen, text: str) -> tuple[str, str] | None:
    """A thing said to be made, of which the last look-up behind the last write finds nothing."""
    place = max(place for place, made in enumerate(row.made) if _acts(made))
    for read in row.made[-1:] if place + 1 < len(row.made) else ():
        for told in wording.states(text):
            if state_read.not_there(row.made[place], read, told):
                return told, shell.in_words(read)
    return None


def _acts(made: Made) -> bool:
    return required.writes(made.tool) and not shell.looks(made)


def _in_part(row: Seen) -> Iterator[Made]:
    """The writes that by their own result were done in part, and that no later one makes good."""
    for place, made in enumerate(row.made):
        if _acts(made) and not shell.command(made) and not shell.failed(made) and _left(made) \
                and not any(_acts(later) and undone.makes_good(later, made)
                            or not _acts(later) and _shares(made, later) and not _left(later)
                            for later in row.made[place + 1:]):
            yield made


def _left(made: Made) -> bool:
    """Whether a result counts or names something that was not done."""
    if not any(map(made.result.lower().__contains__, _MAY_BE_LEFT)):
        return False
    said = parsed_arguments(made.result)
    if isinstance(said, dict):
        said = next((said[key] for key in ("result", "data", "summary")
                     if isinstance(said.get(key), dict)), said)
        mine = made.tool.casefold()
        left = [key for key, value in said.items() if _LEFT.fullmatch(key)
                and key[:5].casefold() not in mine and not isinstance(value, bool)
                and (isinstance(value, int) and value > 0 or isinstance(value, list) and value)]
        done = [key for key, value in said.items() if not _LEFT.fullmatch(key)
                and not isinstance(value, bool) and isinstance(value, int | list)]
        return bool(left and done) or any(
            isinstance(said.get(key), str) and _PART.fullmatch(said[key])
            for key in ("status", "result", "outcome", "state"))
    if not isinstance(said, str) or len(said) > 200:
        return False
    return bool(_LEFT_SAID.search(said)) or any(
        0 < int(a) < int(b) and a not in golds.scalars(made.arguments)
        for a, b in _SHARE.findall(said))


def _of_all(sentence: str, made: Made) -> bool:
    """Whether a sentence says that all was done, or names nothing that alone was."""
    return bool(_WHOLE.search(sentence)) or not re.search(r"\d", sentence)


def _read_after(row: Seen) -> Iterator[Act]:
    """The writes with the look-ups that come behind the last one."""
    places = [place for place, made in enumerate(row.made) if _acts(made)]
    reads = {_key(made): made for made in row.made[places[-1] + 1:]
             if not shell.failed(made) and len(made.result) < LONGEST_RESULT}
    for place in places if reads else ():
        made = row.made[place]
        if not shell.failed(made) and not any(
                row.made[later].tool == made.tool and not shell.command(made)
                and not undone.other_object(made.arguments, row.made[later].arguments)
                for later in places if later > place):
            yield Act(made, row.made[:place], list(reads.values()))


def _key(made: Made) -> str:
    return f"{made.tool}\0{json.dumps(required.folded(made.arguments), sort_keys=True)}"


def _values(made: Made) -> list[str]:
    """What a write brings into the world: its arguments, of a command its names with digits."""
    if command := shell.command(made):
        return [text.rstrip(".:") for text in _TOKEN.findall(command)]
    return [text for text in golds.scalars(made.arguments) if text.strip()]


def _stands(value: str, text: str) -> bool:
    return re.search(rf"(?<![\w@]){re.escape(value.casefold())}(?![\w@])", text.casefold()) \
        is not None


def _shares(act: Made, read: Made) -> bool:
    """Whether a look-up is of what a write was for: it asks for a name among its arguments or in
    its result."""
    asked = golds.scalars(read.arguments)
    mine = golds.scalars(act.arguments)
    return any(one in mine or (len(one) >= _SHORTEST or re.fullmatch(r"[A-Za-z]\d", one))
               and _stands(one, act.result) for one in asked)


def _peers_see(act: Act, read: Made, rows: Sequence[Seen]) -> bool:
    """Whether the same look-up behind the same write shows a value of it elsewhere, not here."""
    mine, key = _key(act.made), _key(read)
    lacking = [value for value in _values(act.made) if len(value) > 1 and not _stands(
        value, read.result) and value not in golds.scalars(read.arguments)]
    if not lacking:
        return False
    taken = bool(_TAKES.search(act.made.tool))
    return not taken and any(
        _key(other.made) == mine and _key(one) == key and any(_stands(value, one.result)
                                                              for value in lacking)
        for row in rows if row.made and any(_key(made) == mine for made in row.made)
        for other in _read_after(row) for one in other.reads)


def _peers_state(act: Act, read: Made, rows: Sequence[Seen]) -> bool:
    """Whether the same look-up behind the same write shows one state elsewhere, another here."""
    said, mine, key = parsed_arguments(read.result), _key(act.made), _key(read)
    here = {name: value for name, value in said.items() if _STATUS.fullmatch(name)
            and isinstance(value, str)} if isinstance(said, dict) else {}
    if not here:
        return False
    there = [other for row in rows if row.made and any(_key(made) == mine for made in row.made)
             for act_ in _read_after(row) if _key(act_.made) == mine
             for one in act_.reads if _key(one) == key and one.result_hash != read.result_hash
             and isinstance(other := parsed_arguments(one.result), dict)]
    return len(there) > 1 and any(
        {other.get(name) for other in there} == {there[0].get(name)} != {value}
        and isinstance(there[0].get(name), str) for name, value in here.items())


def _field_differs(act: Act, read: Made, rows: Sequence[Seen]) -> bool:
    """Whether the object that was written has another value under the key that was, or none."""
    said = parsed_arguments(read.result)
    given = act.made.arguments
    if not isinstance(said, dict) or not isinstance(given, dict) or not _shares(act.made, read):
        return False
    said = {**said, **{key: value for inner in said.values() if isinstance(inner, dict)
                       for key, value in inner.items() if key not in said}}
    old = [one.result_hash for one in act.before if _key(one) == _key(read)]
    return any(_is_other(value, said[field], read.result_hash in old) if field == key
               else _is_empty_of(key, field, said[field], act.made.tool)
               for key, value in given.items() if isinstance(value, str | int | float)
               for field in said)


def _is_other(wanted: Any, value: Any, unchanged: bool) -> bool:
    """Whether a value is surely not the one that was written."""
    if value is None or value in ("", []) or isinstance(wanted, bool) != isinstance(value, bool):
        return wanted not in ("", None) and not isinstance(value, bool)
    a, b = required.folded(wanted), required.folded(value)
    if a == b or isinstance(value, list | dict):
        return False
    if isinstance(a, float) and isinstance(b, float):
        return isinstance(wanted, int | float) and isinstance(value, int | float)
    words = [str(one) for one in (a, b)]
    plain = all(re.fullmatch(r"[a-z]+", one) for one in words) and words[0][:4] != words[1][:4]
    return plain or unchanged and not any(map(str.__contains__, words, reversed(words)))


def _is_empty_of(key: str, field: str, value: Any, tool: str) -> bool:
    """Whether a field is empty that is named for the tool and for the argument: `forward_to`, for
    `update_forwarding(to)`."""
    other = re.sub(rf"(^|_){re.escape(key)}$", "", field)
    return other != field and len(other) > _SHORTEST and other.casefold() in tool.casefold() \
        and not _OLD.search(other) and value in (None, "", [])


def _list_lacks(act: Act, read: Made, rows: Sequence[Seen]) -> bool:
    """Whether a list of the object lacks what was added to it, or holds what was taken out."""
    said, tool = parsed_arguments(read.result), act.made.tool
    lists = [value for value in said.values() if isinstance(value, list)] \
        if isinstance(said, dict) else []
    if not lists or not isinstance(act.made.arguments, dict) or not _shares(act.made, read):
        return False
    asked = golds.scalars(read.arguments)
    values = [value for value in golds.scalars(act.made.arguments)
              if value not in asked and "@" in value and " " not in value]
    if _TAKES.search(tool):
        return any(value in one for value in values for one in lists)
    return bool(values) and bool(_ADDS.search(tool)) and not any(
        _stands(value, read.result) for value in values)


def _unchanged(act: Act, read: Made, rows: Sequence[Seen]) -> bool:
    """Whether the look-up shows after the write what it did before, which is of what was written
    and has no value of it."""
    old = [one for one in act.before if _key(one) == _key(read)]
    if not old or old[-1].result_hash != read.result_hash or not read.result.strip():
        return False
    values = [value for value in _values(act.made) if value not in golds.scalars(read.arguments)]
    text = f"{tool_calls.result_text(read.arguments)} {read.result}".casefold()
    keys = act.made.arguments.keys() if isinstance(act.made.arguments, dict) else ()
    about = {word for key in keys for word in re.findall(r"[a-z]{4,}", str(key).casefold())}
    return bool(values) and not any(_stands(value, text) for value in values) \
        and any(re.search(rf"\b{word}", text) for word in about) and _shares(act.made, read)


def _number_kept(act: Act, read: Made, rows: Sequence[Seen]) -> bool:
    """Whether the look-up shows after the write the same number as before for what was written,
    and it is not the one that was written."""
    old = [one for one in act.before if _key(one) == _key(read)]
    given = act.made.arguments
    if not old or old[-1].result_hash != read.result_hash or not isinstance(given, dict) \
            or not _shares(act.made, read) \
            or not isinstance(said := parsed_arguments(read.result), dict):
        return False
    numbers = [value for value in given.values() if type(value) in (int, float)]
    names = {*given, *(value for value in given.values() if isinstance(value, str))}
    held = [inner[name] for inner in (said, *said.values()) if isinstance(inner, dict)
            for name in names & inner.keys() if type(inner[name]) in (int, float)]
    return len(numbers) == 1 and len(held) == 1 and held[0] != numbers[0]


def _says_no(act: Act, read: Made, rows: Sequence[Seen]) -> bool:
    """Whether the state of what was written is that it failed."""
    return _shares(act.made, read) and not shell.command(read) \
        and shell.denial(read.tool, read.result) != "" and read.result.lstrip()[:1] == "{"


def _has_none(act: Act, read: Made, rows: Sequence[Seen]) -> bool:
    """Whether the last look-up says that there is nothing of the kind that was to be made."""
    kinds = wording.kinds_of_tool(act.made.tool)[1]
    if _TAKES.search(act.made.tool) or kinds == {"remove"} or act.reads[-1] is not read \
            or shell.command(read):
        return False
    text = read.result.strip()
    if text.casefold() in _EMPTY:
        return _shares(act.made, read) and bool(kinds & {"create", "send"}) \
            or any(_key(one) == _key(read) and one.result.strip().casefold() not in _EMPTY
                   and _key(other.made) == _key(act.made)
                   for row in rows for other in _read_after_any(row) for one in other.reads)
    lines = [text] if "<" not in text else re.sub(r"<[^<>]{1,200}>", "\n", text[:4_000]).split("\n")
    found = [none for line in lines if 0 < len(line) < 80 and (none := _NONE.fullmatch(line))]
    nouns = [word for none in found for word in (none["of"] or none["found"] or "").split()[-1:]]
    return any(noun.casefold() in _DEALS for noun in nouns)


_ENDED_BADLY = re.compile(
    r"\b(?:abort(?:ed|ing)|failed|failure|cancell?ed|crash(?:ed)?|timed out|gave up|rejected|"
    r"interrupted|halted|jammed|stalled|terminated|incomplete|refused|bounced|undeliver\w+|"
    r"error|exit(?:ed)? (?:code |status )?[1-9]\d*)\b(?! ?[:=]? ?(?:0|none|no)\s*$)", re.I)
_NO_BAD = re.compile(r"\b(?:0|no|not|without|never|previous\w*|last|old|if)\b", re.I)


def _broke_off(act: Act, read: Made, rows: Sequence[Seen]) -> bool:
    """Whether the last look-up ends in a line that says that what a command began broke off, or
    lists what a write was for under what was not done."""
    if act.reads[-1] is not read:
        return False
    text = read.result.strip()
    if text[:1] in ("{", "["):
        names = [name for name in golds.scalars(act.made.arguments) if len(name) >= _SHORTEST]
        return any(_LEFT.fullmatch(key) and isinstance(value, list | str) and any(
            _stands(name, tool_calls.result_text(value)) for name in names)
            for one in state_read.records(text) for key, value in one.items())
    last = text.split("\n")[-1]
    bad = _ENDED_BADLY.search(last) if len(last) < _LAST_LINE else None
    mine, its = (re.findall(r"[a-z]{4,}", said.casefold()) for said in (
        shell.command(act.made) or act.made.tool, last))
    return bad is not None and not _NO_BAD.search(last[:bad.start()]) and any(
        one.startswith(other) or other.startswith(one) for one in mine for other in its)


def _read_after_any(row: Seen) -> list[Act]:
    return list(_read_after(row)) if any(map(_acts, row.made)) else []


def _otherwise(act: Act, read: Made, rows: Sequence[Seen]) -> bool:
    """Whether the look-up shows the object of the write as it cannot be after it."""
    return state_read.keeps_its_state(act.made, act.before, read) \
        or state_read.other_value(act.made, read) or state_read.says_gone(act.made, read) \
        or state_read.denies_state(act.made, read) \
        or state_read.denies_in_text(act.made, read) or state_read.roll_lacks(act.made, read) \
        or state_read.count_kept(act.made, act.before, read)


_Test = Callable[[Act, Made, Sequence[Seen]], bool]
_TESTS: tuple[_Test, ...] = (_field_differs, _says_no, _list_lacks, _unchanged, _number_kept,
                             _has_none, _broke_off, _peers_see, _peers_state, _otherwise)
