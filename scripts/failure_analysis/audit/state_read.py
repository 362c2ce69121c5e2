"""What the look-ups behind a write show of its object, held against the write: any value of it in
any shape of a result, and the states that its verb leaves nothing of."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from failure_analysis.audit import golds, required, shell, undone
from failure_analysis.audit.seen import Made
from failure_analysis.tool_checks import parsed_arguments

_STATE = re.compile(r"(?:^|_)(?:state|status|phase|stage|mode|active|enabled|disabled|open|on|"
                    r"power|locked|frozen|blocked|cancell?ed|closed|paid|sent|published|confirmed|"
                    r"subscribed|archived|paused|running|visible|owner|assignee|plan)$", re.I)
_VOLATILE = re.compile(r"time|date|updated|modified|version|etag|seen|_at$|hash|count", re.I)
_ON = frozenset(("on", "true", "yes", "open", "enabled", "active", "1"))
_OFF = frozenset(("off", "false", "no", "closed", "disabled", "inactive", "0"))
_SETS = re.compile(r"(?:^|_)(?:set|update|change|modify|edit|adjust|switch|turn|assign|put|write|"
                   r"rename|move|configure)(?:_|$)", re.I)
# Verbs, and the states in which an object cannot be once they were done.
_DENIED = tuple((re.compile(rf"(?:^|_)(?:{verbs})(?:_|$)", re.I), frozenset(states.split()))
                for verbs, states in (
    ("freeze|block|lock|suspend|disable|deactivate|pause|stop|close|cancel|delete|remove|archive|"
     "terminate|revoke|switch_off|turn_off|unsubscribe|unpublish|shut_?down",
     "active open on enabled running live unlocked unblocked confirmed booked published ongoing "
     "subscribed up"),
    ("activate|enable|unblock|unlock|unfreeze|resume|start|restart|open|reopen|switch_on|turn_on|"
     "restore|publish|reactivate|boot|launch|deploy|reload|mount",
     "inactive closed off disabled stopped blocked locked frozen suspended paused archived deleted "
     "draft unpublished down failed dead exited crashed"),
    ("confirm|pay|send|ship|approve|book|reserve|deliver|sign|order|renew|extend|accept|submit|"
     "mail|email",
     "unpaid draft unsent unconfirmed cancelled canceled expired rejected declined failed denied "
     "void voided lapsed bounced returned refused unapproved")))
_GONE = (r"(?:expired|cancell?ed|failed|declined|rejected|refused|denied|void(?:ed)?|lapsed|"
         r"not (?:paid|found|confirmed|saved|sent|booked|applied|changed|active|valid)|invalid|"
         r"no longer \w+|unpaid|unconfirmed|released|reverted|rolled back|bounced)")
_LOST = re.compile(_GONE, re.I)
_TAGS = re.compile(r"<[^<>]{0,200}>")
_REFERENCE = re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[\w-]{3,}\b")
_UNDOES = re.compile(r"(?:^|_)(?:delete|remove|cancel|undo|rollback|roll_back|revert|discard|reset|"
                     r"abort|drop|withdraw|void)(?:_|$)", re.I)
_UNDONE = re.compile(r"\W*(?:rollback|roll back|undo|revert|abort)\W*(?:transaction|work)?\W*",
                     re.I)
_TABLE = re.compile(r"\b(?:delete from|insert into)\s+[\"`]?(\w+)", re.I)
_MOST_PARTS = 400


def records(text: str) -> Iterator[dict]:
    """The objects in a result that is JSON, wherever they stand in it."""
    if text[:1] not in ("{", "["):
        return
    level = [parsed_arguments(text)]
    for _ in range(_MOST_PARTS):
        if not level:
            return
        inner = level.pop()
        if isinstance(inner, dict):
            yield inner
        level += inner.values() if isinstance(inner, dict) else \
            inner if isinstance(inner, list) else ()


def _names(made: Made) -> set[str]:
    return {text for text in golds.scalars(made.arguments) if len(text) > 1 and text not in
            ("true", "false")}


def _of(read: Made, names: set[str]) -> dict | None:
    """The object of a result that has one of these names, or the only one where it was asked for
    by name; None where there is none, or several."""
    found = [one for one in records(read.result)
             if names & {str(value) for value in one.values() if isinstance(value, str | int)}]
    if not found and names & set(golds.scalars(read.arguments)):
        found = [one for one in records(read.result)][:1]
    return found[0] if len(found) == 1 else None


def keeps_its_state(act: Made, before: Sequence[Made], read: Made) -> bool:
    """Whether the object of a write is in all that was read of it before as it was, its state or
    what the write names among it, and has no value of the write."""
    names = _names(act)
    now = _of(read, names) if read.result[:1] in ("{", "[") else None
    if now is None:
        return False
    was = next((old for one in reversed(before) if (old := _of(one, names)) is not None
                and old.keys() & now.keys()), None)
    given = act.arguments if isinstance(act.arguments, dict) else {}
    both = [key for key in now if was is not None and key in was and not _VOLATILE.search(key)]
    telling = [key for key in both if key in given or _STATE.search(key)]
    fresh = [value for key, value in given.items() if isinstance(value, str | int | float)
             and key in now and required.folded(now[key]) != required.folded(value)]
    named = {str(value) for key, value in now.items() if key in given}
    if not telling or any(now[key] != was[key] for key in both):
        return False
    others = [value for key, value in given.items() if str(value) not in named
              and isinstance(value, str | int | float)]
    return bool(fresh) or not others and any(map(_STATE.search, telling)) \
        and _may_change_state(act, now)


def _may_change_state(act: Made, now: dict) -> bool:
    """Whether the verb of a write leads to another state than each that an object shows."""
    return any(verbs.search(_spread(act.tool)) and any(
        _as_state(key, value) in states for key, value in now.items() if _STATE.search(key))
        for verbs, states in _DENIED)


def _as_state(key: str, value: Any) -> str:
    """A value as a state: of `enabled: false` that is what is said of the like."""
    if not isinstance(value, bool):
        return str(value).casefold()
    name = key.casefold().rpartition("_")[2]
    if value or name in ("locked", "blocked", "frozen", "archived", "paused", "closed"):
        return name if value else "open"
    return "inactive" if name in ("active", "enabled", "on", "running", "open", "power", "visible",
                                  "published", "subscribed") else f"un{name}"


# The state that a text names, behind a word for it or the name of the object.
_SHOWS = r"\b(?:active|status|state|phase|is|are|now|currently)\b\W{{0,4}}|{}\W{{1,5}}"
_LONGEST_TEXT = 1_000


def denies_in_text(act: Made, read: Made) -> bool:
    """Whether a short text shows the object of a write in a state in which it cannot be after it;
    of a command its words are the verbs."""
    if read.result[:1] in ("{", "[") or not 0 < len(read.result) < _LONGEST_TEXT:
        return False
    spoken = shell.command(act)
    verbs = "_".join(re.findall(r"[a-z]+", spoken.split("|")[0])[:3]) if spoken else \
        _spread(act.tool)
    words = {word for word in re.findall(r"[\w@./-]{3,}", spoken)[1:] if not any(
        of.fullmatch(word) for of, _ in _DENIED)} if spoken else _names(act)
    asked = " ".join(golds.scalars(read.arguments))
    name = next((word for word in words if word in asked or len(word) > 3
                 and word in read.result), "")
    states = [one for of, some in _DENIED if of.search(verbs) for one in some] if name else []
    return bool(states) and re.search(
        rf"(?:{_SHOWS.format(re.escape(name))})(?:{'|'.join(states)})\b", read.result, re.I) \
        is not None


def roll_lacks(act: Made, read: Made) -> bool:
    """Whether a whole list of the kind of thing that was added or taken away lacks it, or has it
    still."""
    mine, its = (re.findall(r"[a-z]{3,}", _spread(made.tool).casefold()) for made in (act, read))
    if len(mine) < 2 or golds.scalars(read.arguments) or read.result[:1] not in ("[", "{") \
            or not any(noun.rstrip("s") == other.rstrip("s") for noun in mine[1:]
                       for other in its) or _PAGED.search(read.result):
        return False
    shown = parsed_arguments(read.result)
    if not _of_one_kind(shown, act.arguments):
        return False
    names = [text.casefold() for text in golds.scalars(act.arguments)
             if len(text) > 1 and re.search(r"[A-Za-z]", text)]
    there = [re.search(rf"(?<!\w){re.escape(name)}(?!\w)", read.result.casefold()) is not None
             for name in names]
    if re.match(r"(?:add|create|insert|invite|register|enrol|append|subscribe|hire|attach)",
                mine[0]):
        return bool(there) and not any(there)
    return len(there) == 1 and there[0] and mine[0] in ("remove", "delete", "detach", "drop",
                                                        "unsubscribe", "kick", "revoke")


def _of_one_kind(shown: Any, arguments: Any) -> bool:
    """Whether a list holds names, or objects with a key of what was given, so that it would hold
    what was given too."""
    if isinstance(shown, dict) and len(shown) == 1:
        shown = next(iter(shown.values()))
    keys = set(arguments) if isinstance(arguments, dict) else set()
    return isinstance(shown, list) and bool(shown) and all(
        isinstance(one, str) and not re.search(r"\d", one)
        or isinstance(one, dict) and bool(keys & one.keys()) for one in shown)


_PAGED = re.compile(r"next|page|cursor|more|total|truncat|\.\.\.|limit", re.I)


def not_there(act: Made, read: Made, sentence: str) -> bool:
    """Whether a look-up finds nothing under a name that a sentence says something was made of."""
    if not _MISSING.search(read.result[:300]) or _GOES.search(sentence) \
            or _UNDOES.search(_spread(act.tool)) or _GOES.search(shell.command(act)):
        return False
    return any(name in sentence for text in golds.scalars(read.arguments)
               for name in re.findall(r"[\w@-]+\.[A-Za-z]\w*|[\w-]*\d[\w-]*", text)
               if len(name) > 3 and name in read.result)


_MISSING = re.compile(r"no such file|cannot access|does not exist|doesn['’]t exist|not found|"
                      r"\b404\b", re.I)
_GOES = re.compile(r"\b(?:delet|remov|clean|clear|mov|renam|drop|purg|cancel|rm\b|mv\b|no longer|"
                   r"gone|uninstall)", re.I)


@lru_cache(1 << 10)
def _spread(tool: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", tool)


def denies_state(act: Made, read: Made) -> bool:
    """Whether the state of the object is one in which it cannot be after this verb."""
    now = _of(read, _names(act)) if read.result[:1] in ("{", "[") else None
    return now is not None and _may_change_state(act, now)


def other_value(act: Made, read: Made) -> bool:
    """Whether a result has under the name of the object another value than was set."""
    given = act.arguments if isinstance(act.arguments, dict) else {}
    names = [value for value in given.values() if isinstance(value, str)]
    wanted = [value for value in given.values() if isinstance(value, bool | int | float | str)]
    for record in records(read.result) if names else ():
        for name in names:
            value = record.get(name)
            rest = [one for one in wanted if one is not name]
            if len(rest) == 1 and value is not None and not isinstance(value, list | dict) \
                    and _SETS.search(_spread(act.tool)) and _is_other(rest[0], value):
                return True
    return False


def _is_other(wanted: Any, value: Any) -> bool:
    """Whether a value is surely another one than was wanted: on for off, a number for another, a
    word for another."""
    a, b = (str(one).casefold() for one in (wanted, value))
    if a in _ON | _OFF and b in _ON | _OFF:
        return (a in _ON) != (b in _ON)
    if not isinstance(wanted, bool | str) and not isinstance(value, bool | str):
        return wanted != value
    return isinstance(wanted, str) and isinstance(value, str) and a.isalpha() and b.isalpha() \
        and a[:4] != b[:4] and a not in b and b not in a


def says_gone(act: Made, read: Made) -> bool:
    """Whether a text says of what a write made, by its reference, that it did not last."""
    if not _LOST.search(read.result[:4_000]):
        return False
    text = _TAGS.sub(" \n", read.result[:4_000])
    for name in {*_REFERENCE.findall(_TAGS.sub(" ", act.result[:300]))}:
        if re.search(rf"(?<!\w){re.escape(name)}\b[^\n.;]{{0,30}}?\b{_GONE}\b", text, re.I):
            return True
    return False


def count_kept(act: Made, before: Sequence[Made], read: Made) -> bool:
    """Whether a query shows of the table of an INSERT or DELETE what it did before it, which is
    not nothing."""
    table = _TABLE.search(" ".join(golds.scalars(act.arguments)))
    asked = " ".join(golds.scalars(read.arguments))
    if not table or not re.search(rf"\bfrom\s+[\"`]?{table[1]}\b", asked, re.I):
        return False
    old = [one for one in before if one.tool == read.tool and one.arguments == read.arguments]
    return bool(old) and old[-1].result_hash == read.result_hash \
        and read.result.strip() not in ("", "0", "[]")


def taken_back(made: Sequence[Made], due: Sequence[required.Call]
               ) -> tuple[Made, Made] | None:
    """(a write that is required, a later one that is not and undoes it), where nothing does it
    again."""
    if not any(map(_may_undo, made)) and not any(
            _inverse(act.tool, later.tool) for at, act in enumerate(made) for later in made[at:]):
        return None
    for place, act in enumerate(made):
        if shell.failed(act) or not required.writes(act.tool) \
                or _is_of_undoing(act.tool) and not any(
                    _inverse(act.tool, later.tool) for later in made[place + 1:]) \
                or not any(required.fulfils(act, call) for call in due):
            continue
        for at, later in enumerate(made[place + 1:], place + 1):
            if not shell.failed(later) and _undoes(later, act) \
                    and not any(required.fulfils(later, call) for call in due) \
                    and not any(one.tool == act.tool and not shell.failed(one)
                                for one in made[at + 1:]):
                return act, later
    return None


# Verbs of which one takes back what the other does.
_PAIRS = tuple((frozenset(one.split()), frozenset(other.split())) for one, other in (
    ("remove delete drop detach unassign archive trash",
     "restore undelete readd re add attach assign unarchive recover reinstate"),
    ("close cancel", "reopen uncancel reinstate restore"),
    ("disable deactivate", "enable activate"), ("lock block freeze", "unlock unblock unfreeze"),
    ("suspend pause stop", "resume unpause start"),
    ("mute hide unpublish unsubscribe", "unmute unhide show publish subscribe"),
    ("check_in", "check_out"), ("mount", "unmount umount"), ("install", "uninstall")))


@lru_cache(1 << 10)
def _inverse(tool: str, later: str) -> bool:
    """Whether the verb of a tool takes back what that of another one does to the like thing."""
    (verb, *of), (other, *its) = ((re.findall(r"[a-z]+", _spread(name).casefold()) or [""])
                                  for name in (tool, later))
    return set(of) == set(its) - {"add"} and any(
        verb in one and other in two or verb in two and other in one for one, two in _PAIRS)


@lru_cache(1 << 10)
def _is_of_undoing(tool: str) -> bool:
    return bool(_UNDOES.search(_spread(tool)))


def _may_undo(later: Made) -> bool:
    return _is_of_undoing(later.tool) or isinstance(later.arguments, dict) and any(
        isinstance(text, str) and _UNDONE.fullmatch(text) for text in later.arguments.values())


def _undoes(later: Made, act: Made) -> bool:
    """Whether a call undoes another: of the whole transaction, or of the object by its name."""
    given = golds.scalars(later.arguments)
    if any(map(_UNDONE.fullmatch, given)):
        return True
    if not required.writes(later.tool) or not (_is_of_undoing(later.tool)
                                               or _inverse(act.tool, later.tool)):
        return False
    mine = _names(act) | set(_REFERENCE.findall(act.result[:300]))
    if _inverse(act.tool, later.tool):
        return bool(_names(act) & set(given))
    refs = {*undone.names(later.arguments), *(one for one in given if one in act.result)}
    return bool(mine & set(given) & (refs or set(given))) or any(
        len(one) > 2 and re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", act.result[:300])
        for one in given)
