"""What a datapoint left, held against what those that passed left: its last write and the look-ups
behind it answered otherwise, as they were for who failed, in words of refusal, or with another
value where all others show that of the gold."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from failure_analysis import tool_calls
from failure_analysis.audit import dimensions, required, said_texts, shell
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.patterns import re_compile

# Words of refusal and of what went wrong. They tell where no result of a pass has one.
NO = re_compile(
    r"fail|err(?:ors?|eur|ore?)\b|denied|refus|reject|declin|abort|conflict|invalid|unknown|\bno[tn]?\b|"
    r"\bnone\b|n['’]t\b|unable|expired|exited|unreachable|offline|locked|blocked|interrupt|"
    r"roll(?:ed|ing)?[ -]?back|time(?:d )?-?out|mismatch|forbidden|missing|incomplete|partial|"
    r"stuck|jammed|slip|stall|crash|\b(?:0|zero) (?:of|rows|files|items)\b|\b0/\d|UPDATE 0|"
    r"DELETE 0|insufficient|exceed|unavailable|wait-?list|dry[- ]run|simulat|undeliver|bounced|"
    r"\A[^\n]*unchanged|ignored|skipped|\bshort\b|protected|inactive|"
    r"échec|échou|fehler|gesperrt|nicht|\bkein|abgelehnt|afgewezen|geweigerd|\bfout|\bniet\b|"
    r"\bgeen\b|błąd|\bbrak|odm[oó]w|\bnie\b|\berro\b|falh|negad|\bnão\b|fallit|rifiut|bloccat|"
    r"rechaz|deneg|fall[oó]|imposs|inconnu|ошиб|отказ|\bне\b|失败|错误|没有|拒|エラー|失敗|"
    r"ません|오류|실패", re.I)
# Beside these an answer does not claim that all is done.
_ADMITS = re_compile(
    r"\b(?:no[tn]?|none|never|cannot|unable|unfortunately|sorry|only|still|stays?|stayed|remains?|"
    r"kept|instead|but|can|may|if|however|except|until|once|will|would|could|should|must|needs?|please|try|"
    r"tried|impossible|partial\w*|rest|stuck|broken?|without|missing|expired|gave|stop(?:ped|s)?|yet|tomorrow|"
    r"later|soon|shortly|moment|nothing|almost|most)\b|n['’]t\b|['’]ll\b|\?|？|"
    r"fail|error|denied|refus|reject|declin|abort|conflict|apolog|"
    r"\b(?:nicht|kein\w*|leider|pas|ne|niet|geen|helaas|nie|nem|não|nao|sin|erro|errore|wird|"
    r"werde|va|será|est[aá] pendiente)\b|échec|imposs|не\b|нет\b|ошиб|没|不|无法|失败|请|"
    r"ない|ません|できず|失敗|ください|か。", re.I)
_COURTESY = re_compile(r"[^.!?\n]*\b(?:anything else|let me know|feel free|happy to help|"
                       r"further assist\w+|more questions|help you with)\b[^.!?\n]*[.!?]?", re.I)
_LATE = re_compile(r"time(?:d )?-?out", re.I)  # and may be done all the same
_YES = re_compile(r"\W*(?:ok(?:ay)?|done|success\w*|true|accepted|saved|sent|\w+ed|20\d|exit(?: "
                  r"code)? 0)\b[^a-z]*", re.I)
_TOLD = re_compile(r"messag|answer|repl|\bsay|\bsaid|\btold|\btell|mention|communicat|inform|tone|"
                   r"polite|\bword|respon|transcript|user\b|outputs?\b|explain|argument", re.I)
# The verdict alone, and logs of tests.
_VERDICT = re_compile(r"[\W\d]|\b(?:pass|fail|score|correct|wrong)(?:ed|ure|s)?\b|"
                      r".*(?:\btests?\b|\w+Error\b|Traceback).*", re.I | re.S)
_NUMBER = re_compile(r"(?<![\w.])-?\d+(?:[.,]\d+)?|(?<=[a-z])\d+(?:\.\d+)?(?=[a-z]*\b)")
_BOUND = re_compile(r"(?<![\w./-])-?\d+(?:[.,]\d+)?(?=[a-z]{0,3}(?:[\s%,;.!?)]|$))")
_FIGURES = re_compile(r"[\w.:+-]*\d[\w.:+-]*")
_WORD = re_compile(r"[^\W_]+(?:[.'@-][^\W_]+)*")
_PLAIN = frozenset(("the", "and", "for", "with", "was", "are", "has", "have", "now", "you", "your",
                    "name", "status", "state", "done", "item", "items", "this", "that", "from"))
_LONGEST = 400


class Denial(NamedTuple):
    """What the record says against a deed, and the words of it that those which passed do not have:
    who says one of them reports it."""

    record: str
    words: frozenset[str]
    value: str = ""


def admits(answer: str, denial: Denial) -> bool:
    """Whether an answer leaves open that something was not done, or reports the record."""
    return not admits_nothing(answer) or bool(words(answer) & denial.words)


def admits_nothing(answer: str) -> bool:
    """Whether an answer says something, and nothing that leaves a deed open."""
    return re.search(r"\w|[✅✓✔☑]", answer) is not None \
        and not _ADMITS.search(_COURTESY.sub(" ", answer))


def words(text: str) -> frozenset[str]:
    low = said_texts.in_digits(text)
    return frozenset(word.rstrip("s") for word in _WORD.findall(low) if len(word) > 2).union(
        one.lstrip("0") or "0" for one in re.findall(r"\d+", low)) - _PLAIN


def tells_own(row: Seen, item: Item) -> bool:
    """Whether an answer names what the datapoint did itself, and neither the question nor what is
    expected does: another deed than the one that was due."""
    own = words(" ".join(tool_calls.result_text(made.arguments) for made in row.made))
    return bool(words(row.answer) & own - words(f"{item.question} {golds_of(item)}"))


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
        value = "" if _refused(one, good, len(theirs)) or _as_failed(one, theirs, row, item) \
            else _other_value(one, [end.result for end in theirs], row, item)
        if value is not None:
            seen = " ".join((row.question, golds_of(item), *(end.result for end in theirs)))
            return Denial(shell.in_words(one), words(one.result) - words(seen), value)
    return _by_key(row, item) or _by_judge(row, peers)


def golds_of(item: Item) -> str:
    """What is expected as one text."""
    return " ".join(item.texts)


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


def _as_failed(one: Made, theirs: Sequence[Made], row: Seen, item: Item) -> bool:
    """Whether a result is just that of one that failed, and of no form that those have which
    passed."""
    if _YES.fullmatch(one.result) or not one.result.strip() or not (
            acts(one) or any(end.arguments == one.arguments for end in theirs)) \
            or not any(end.tool == one.tool and end.result_hash == one.result_hash
                       and end.arguments == one.arguments
                       and not admits_nothing(other.answer) and dimensions.state(other) is not True
                       for other in item.rows if other is not row and other.outcome == "fail"
                       for end in ends(other)):
        return False
    return _shape(one.result) not in {_shape(end.result) for end in theirs} and bool(
        words(one.result) - words(" ".join((tool_calls.result_text(one.arguments),
                                            *(end.result for end in theirs)))))


def _other_value(one: Made, theirs: Sequence[str], row: Seen, item: Item) -> str | None:
    """The value of the gold in whose place a result has another one, where all of its form that
    passed have it, or lie on the other side of it."""
    mine = _WORD.findall(one.result.casefold())
    pairs = [[(a, b) for a, b in zip(mine, its, strict=True) if a != b] for its in (
        _WORD.findall(other.casefold()) for other in dict.fromkeys(theirs))
        if len(mine) == len(its)]
    for text in item.texts if pairs else ():
        low = text.casefold()
        for differs in pairs:
            if differs and all(b in low and len(b) * 2 >= len(low)
                                                         or _same(b, low) for _, b in differs) \
                    and not any(a in low for a, _ in differs):
                return text
    return _other_side(one.result, theirs, row, item)


def _same(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


def _other_side(result: str, theirs: Sequence[str], row: Seen, item: Item) -> str | None:
    """The bound of the gold, or of the question, on whose other side all numbers of one place lie
    that passed."""
    mine = list(map(_float, _NUMBER.findall(result)))
    form = _shape(result)
    numbers = [list(map(_float, _NUMBER.findall(one))) for one in theirs if _shape(one) == form]
    due = _BOUND.findall(golds_of(item))
    bounds = due or _BOUND.findall(item.question)
    fails = [list(map(_float, _NUMBER.findall(end.result))) for other in item.rows
             if other is not row and other.outcome == "fail" and other.made
             for end in ends(other) if _shape(end.result) == form]
    apart = [place for place, value in enumerate(mine)
             if all(some[place] != value for some in numbers)] if numbers else []
    if not due and len(apart) > 1 or not (len(numbers) > 1 or fails or row.outcome == "fail"):
        return None  # of a clock, which the question says nothing of, several differ
    for place in apart:
        value, others = mine[place], [some[place] for some in numbers]
        for bound in bounds:
            limit = _float(bound)
            for sign in (1, -1):
                if all(sign * other >= sign * limit for other in others) \
                        and sign * value < sign * limit \
                        and all(sign * some[place] < sign * limit for some in fails):
                    return bound
    return None


def _float(text: str) -> float:
    return float(text.replace(",", "."))


def _by_key(row: Seen, item: Item) -> Denial | None:
    """Whether the last look-up behind the last write has another value under a key of the gold."""
    last = row.made[-1] if row.made else None
    if last is None or len(last.result) > _LONGEST or acts(last) \
            or not any(map(acts, row.made)) or any(
            other.outcome == "pass" and other is not row and other.made
            and other.made[-1].result_hash == last.result_hash for other in item.rows):
        return None
    for key, value in _leaves(item.expected):
        found = re.search(rf"(?<!\w){re.escape(key)}\b[\"']?(?:\s*[:=]\s*|, ?\w+ |\s)[\"']?"
                          rf"(-?\w+(?:\.\d+)?)", last.result, re.I)
        if found and _is_other(str(value).casefold(), found[1].casefold()) \
                and not _stands(str(value), last.result):
            return Denial(shell.in_words(last), frozenset((found[1].casefold(),)), str(value))
    return None


def _leaves(value: object) -> Iterator[tuple[str, object]]:
    """The keys of what is expected with their plain values."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from ((str(key), inner) for key, inner in one.items()
                        if isinstance(inner, str | int | float) and str(inner))
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _is_other(wanted: str, value: str) -> bool:
    """Whether two values are of one kind, and another."""
    kinds = [re.fullmatch(r"-?\d+(?:\.\d+)?", one) is not None for one in (wanted, value)]
    if all(kinds):
        return float(wanted) != float(value)
    return not any(kinds) and wanted.isalpha() and value.isalpha() and wanted[:4] != value[:4]


def _stands(value: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", text, re.I) is not None


def _by_judge(row: Seen, peers: Sequence[Seen]) -> Denial | None:
    """Whether the log of the check of a datapoint that failed says otherwise than that of all that
    passed after calls, and nothing of words."""
    if row.outcome != "fail" or not 0 < len(row.judge) < _LONGEST or _TOLD.search(row.judge) \
            or not _VERDICT.sub("", row.judge) \
            or not any(acts(made) for peer in peers for made in peer.made):
        return None
    logs = [peer.judge for peer in peers]
    if not all(logs) or row.judge in logs or not (
            NO.search(row.judge) and not any(map(NO.search, logs))
            or len(logs) > 1 and len(set(logs)) == 1):
        return None
    return Denial(row.judge, words(row.judge) - words(" ".join((row.question, *logs))))
