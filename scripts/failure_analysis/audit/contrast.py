"""What a datapoint left, held against what those that passed left: its last write and the look-ups
behind it answered otherwise, in words of refusal, or with another value where all others show that
of the gold."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from failure_analysis import tool_calls
from failure_analysis.audit import dimensions, required, said_texts, shell, undone, wording
from failure_analysis.audit.item import Item
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.whole import Whole
from failure_analysis.patterns import re_compile

# Words of refusal and of what went wrong. They tell where no result of a pass has one.
NO = re_compile(
    r"fail|\berr(?:ors?|eur|ore?|o)?\b|error\b|denied|refus|reject|declin|abort|conflict|invalid|"
    r"unknown|\bno[tn]?\b|\bnone\b|n['’]t\b|unable|expired|exited|unreach|offline|locked|interrupt|"
    r"roll(?:ed|ing)?[ -]?back|time(?:d )?-?out|mismatch|forbidden|missing|incomplete|partial|slip|"
    r"crash|\b(?:0|zero) (?:of|rows|files|items)\b|\b0/\d|(?:UPDATE|DELETE) 0|insufficient|exceed|"
    r"unavailable|dry[- ]run|simulat|bounced|\A[^\n]*unchanged|ignored|skipped|échec|échou|fehler|"
    r"nicht|\bkein|\bniet\b|błąd|falh|\bnão\b|imposs|ошиб|\bне\b|失败|错误|失敗|ません", re.I)
# Beside these an answer does not claim that all is done.
_ADMITS = re_compile(
    r"\b(?:no[tn]?|none|never|cannot|unable|unfortunately|sorry|only|still|stays?|remains?|kept|"
    r"instead|but|can|may|if|however|except|until|once|will|would|could|should|must|needs?|please|"
    r"try|tried|rest|without|missing|expired|gave|stop(?:ped|s)?|yet|tomorrow|later|soon|moment|"
    r"nothing|almost|most|nicht|kein\w*|leider|pas|ne|niet|helaas|nie|não|sin|erro|wird|va|será)\b|"
    r"n['’]t\b|['’]ll\b|[?？]|fail|error|denied|refus|reject|declin|abort|conflict|apolog|partial|"
    r"échec|imposs|не\b|нет\b|ошиб|没|不|无法|失败|请|ない|ません|できず|失敗|ください|か。", re.I)
_COURTESY = re_compile(r"[^.!?\n]*\b(?:anything else|let me know|feel free|happy to help|help you "
                       r"with)\b[^.!?\n]*[.!?]?", re.I)
_LATE = re_compile(r"time(?:d )?-?out", re.I)  # and may be done all the same
_NUMBER = re_compile(r"(?<![\w.])-?\d+(?:[.,]\d+)?|(?<=[a-z])\d+(?:\.\d+)?(?=[a-z]*\b)")
_BOUND = re_compile(r"(?<![\w./-])-?\d+(?:[.,]\d+)?(?=[a-z]{0,3}(?:[\s%,;.!?)]|$))")
_ZEROS = re_compile(r"(?<=\d)\.0*\Z|(?<=\.\d)0+\Z")
_FIGURES = re_compile(r"[\w.:+-]*\d[\w.:+-]*")
_WORD = re_compile(r"[^\W_]+(?:[.'@-][^\W_]+)*")
_PLAIN = frozenset(("the", "and", "for", "with", "was", "are", "has", "have", "now", "you", "your",
                    "name", "status", "state", "done", "item", "items", "this", "that", "from"))
_LATIN = re_compile(r"[a-z]", re.I)
_LONGEST = 400
_SHORT_REASON = 40
DENIES = re_compile(r"\b(?:not|no|cannot|could|unable|fail\w*)\b|n['’]t\b", re.I)


class Denial(NamedTuple):
    """What the record says against a deed, and the words of it that those which passed do not have:
    who says one of them reports it."""

    record: str
    words: frozenset[str]
    value: str = ""


def contradictions(item: Item, whole: Whole) -> dict[str, Denial]:
    """What the record of a datapoint says against its deed, by datapoint."""
    if "contrasts" not in item.noted:
        acted = any(row.made and row.outcome == "pass" for row in item.rows) and any(
            tool.told for tool in whole.tools.values())
        item.noted["contrasts"] = {
            row.ident: found for row in item.rows if row.outcome != "unjudged"
            and (found := denial(row, item))} if acted else {}
    return item.noted["contrasts"]


def contradicted(row: Seen, item: Item, whole: Whole) -> tuple[str, str] | None:
    """What a datapoint says is done, though its record says otherwise as that of others shows. A
    pass that admits nothing claims it with any word; one that failed has to report it."""
    found = contradictions(item, whole).get(row.ident)
    text = row.answer or row.spoken
    if not found or not admits_nothing(text) or words(text) & found.words \
            or row.outcome == "fail" and _tells_own(row, text, item):
        return None
    told = wording.states if any(map(acts, row.made)) else wording.claims
    if row.outcome == "pass" or told(text) or found.value and found.value in text \
            or not _LATIN.search(text) and any(map(str.isalpha, text)):
        return text[:300], found.record
    return None


def _tells_own(row: Seen, text: str, item: Item) -> bool:
    """Whether a text names what the datapoint did, which was not asked for: another deed."""
    own = words(" ".join(tool_calls.result_text(made.arguments) for made in row.made))
    return bool(words(text) & own - words(" ".join((item.question, *item.texts))))


def owing(row: Seen, item: Item, owed: Sequence[Call], whole: Whole) -> tuple[str, str] | None:
    """What a datapoint says is done that did nothing of what was due: of a pass any report that
    shares a word with it, or says that all is done; of one that failed one that names what its
    calls never had."""
    text, passed, state = row.answer or row.spoken, row.outcome == "pass", dimensions.state(row)
    if not owed or state is True or not passed and state is not False \
            or not (row.made or whole.runs[row.run].acted) or not admits_nothing(text):
        return None
    left = undone.unfulfilled(owed, row) if passed \
        else required.unmet(owed, shell.judged(row.made))
    if not left or passed and len(left) < len(owed):
        return None
    due = words(" ".join(_called(one.call.name, one.call.arguments) for one in left))
    told = wording.states(text)
    if passed:
        claimed = any(words(one) & due and not read_so(one, row) for one in told) or any(
            verb == "done" for verb, _, _ in wording.claims(text))
    else:
        claimed = bool(told and due & words(text) - words(" ".join(
            _called(one.tool, one.arguments) + ("" if acts(one) else one.result)
            for one in row.made)))
    return (text[:300], f"Not done as required: {required.spelled(left[0].call)}") \
        if claimed else None


def _called(tool: str, arguments: object) -> str:
    return f"{tool.replace('_', ' ')} {tool_calls.result_text(arguments)} "


def read_so(sentence: str, row: Seen) -> bool:
    """Whether a look-up speaks of what a sentence reports, which may have been so before, a refusal
    gives it as its reason (`locked`), or any result says it in the same words."""
    mine = words(sentence)
    if mine and any(mine <= words(one.result) for one in row.made):
        return True
    read = " ".join(one.result.casefold() for one in row.made if not shell.failed(one)
                    and not (required.writes(one.tool) and not shell.looks(one)))
    reasons = " ".join(one.result.casefold() for one in row.made if shell.failed(one)
                       and len(one.result) < _SHORT_REASON and not DENIES.search(one.result))
    return any(word in read or word in reasons
               for word in re.findall(r"[a-z]+", sentence.casefold())
               if word.endswith(("ed", "sent", "paid")) and len(word) > 3)


def tells_deed(row: Seen) -> bool:
    """Whether an answer says that something is done, or names what it was done with: where no text
    is recorded as due, no more can be missing."""
    return bool(wording.states(row.answer) or words(row.answer) & words(
        tool_calls.result_text([one.arguments for one in row.made])))


def admits_nothing(answer: str) -> bool:
    """Whether an answer says something, and nothing that leaves a deed open."""
    return re.search(r"\w|[✅✓✔☑]", answer) is not None \
        and not _ADMITS.search(_COURTESY.sub(" ", answer))


def words(text: str) -> frozenset[str]:
    """The words of a text that may tell it from another, numbers as they count."""
    low = said_texts.in_digits(text)
    return frozenset(word.rstrip("s") for word in _WORD.findall(low) if len(word) > 2).union(
        one.lstrip("0") or "0" for one in re.findall(r"\d+", low)) - _PLAIN


def acts(made: Made) -> bool:
    """Whether a call is one that may change something."""
    return required.writes(made.tool) and not shell.looks(made)


@lru_cache(1 << 7)
def ends(row: Seen) -> list[Made]:
    """The last write of a datapoint that is tried, and the last of each look-up behind it; of one
    that wrote nothing all its look-ups."""
    place = next((at for at in range(len(row.made) - 1, -1, -1) if acts(row.made[at])), 0)
    last = {(one.tool, acts(one)): one for one in row.made[place:]}
    first = row.made[place] if row.made else None
    if first and any(one.tool == first.tool and one.arguments == first.arguments
                     and one.result_hash != first.result_hash for one in row.made[:place]):
        last.pop((first.tool, acts(first)), None)  # done before it was tried again
    return list(last.values())


def denial(row: Seen, item: Item) -> Denial | None:
    """What the record of a datapoint says against its deed, as that of others shows."""
    peers = [one for one in item.rows if one is not row and one.outcome == "pass"]
    mine = ends(row) if peers and row.made else []
    for one in mine:
        if len(one.result) > _LONGEST or acts(one) and any(
                done.tool == one.tool and done.result_hash == one.result_hash
                and done.arguments == one.arguments for peer in peers for done in peer.made) \
                or len(mine) > 1 and one is mine[0] and _LATE.search(one.result):
            continue
        theirs = [end for peer in peers for end in ends(peer) if _alike(one, end)]
        if not theirs or any(end.result_hash == one.result_hash for end in theirs):
            continue
        good = [end.result for end in theirs if not NO.search(end.result)]
        results = [end.result for end in theirs]
        value = "" if _refused(one, good, len(theirs)) else _other_value(one, results, row, item)
        if value is not None:
            seen = " ".join((row.question, *item.texts, *results))
            return Denial(shell.in_words(one), words(one.result) - words(seen), value)
    return None


def _alike(one: Made, other: Made) -> bool:
    """Whether two calls are of one kind: of one tool, of a look-up with like arguments."""
    if one.tool != other.tool:
        return False
    return acts(one) or bool(shell.command(one)) or one.arguments == other.arguments \
        or _shape(str(one.arguments)) == _shape(str(other.arguments))


def _shape(text: str) -> str:
    return _FIGURES.sub("0", text)


def _refused(one: Made, good: Sequence[str], of: int) -> bool:
    """Whether a result has words of refusal, and most of those that passed have none; not where it
    has all that one of them says, or says itself that it was done."""
    return 2 * len(good) > of and NO.search(one.result) is not None \
        and not shell.IS_SO.search(one.result) and not any(
            other.strip() and set(other.split("\n")) <= set(one.result.split("\n"))
            for other in good)


def _other_value(one: Made, theirs: Sequence[str], row: Seen, item: Item) -> str | None:
    """The value of the gold in whose place a result has another one, where all of its form that
    passed have it, or lie on the other side of it."""
    mine = _WORD.findall(one.result.casefold())
    pairs = [[(a, b) for a, b in zip(mine, its, strict=True) if a != b] for its in (
        _WORD.findall(other.casefold()) for other in dict.fromkeys(theirs))
        if len(mine) == len(its)]
    for low in map(str.casefold, item.texts if pairs else ()):
        if any(differs and not any(a in low for a, _ in differs) and all(
                b in low and len(b) * 2 >= len(low) or _ZEROS.sub("", b) == _ZEROS.sub("", low)
                for _, b in differs) for differs in pairs):
            return low
    return _other_side(one.result, theirs, row, item)


def _other_side(result: str, theirs: Sequence[str], row: Seen, item: Item) -> str | None:
    """The bound of the gold, or of the question, on whose other side all numbers of one place lie
    that passed."""
    mine = _numbers(result)
    form = _shape(result), len(mine)
    numbers = [some for one in theirs if (_shape(one), len(some := _numbers(one))) == form]
    due = _numbers(" ".join(item.texts), _BOUND)
    fails = [some for other in item.rows if other is not row and other.outcome == "fail"
             for end in (ends(other) if other.made else ())
             if (_shape(end.result), len(some := _numbers(end.result))) == form]
    apart = [place for place, value in enumerate(mine)
             if all(some[place] != value for some in numbers)] if numbers else []
    if not due and len(apart) > 1 or not (len(numbers) > 1 or fails or row.outcome == "fail"):
        return None  # of a clock, which the question says nothing of, several differ
    return next((f"{bound:g}" for place in apart for bound in due or _numbers(item.question, _BOUND)
                 for sign in (1, -1) if sign * mine[place] < sign * bound
                 and all(sign * some[place] >= sign * bound for some in numbers)
                 and all(sign * some[place] < sign * bound for some in fails)), None)


def _numbers(text: str, form: re.Pattern[str] = _NUMBER) -> list[float]:
    return [float(one.replace(",", ".")) for one in form.findall(text)]
