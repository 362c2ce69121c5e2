"""Digits that an author typed: which of them may stand unbound. A date, a version, the level of an
interval may; an amount, an id or a time may where a cited datapoint holds it as such, a step where
its readers name it (whereabouts.py). What counts rows, items or anything else is bound."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from failure_analysis.patterns import re_compile
from failure_analysis.report.names import Names
from failure_analysis.report.prose import CODE, Sentence
from failure_analysis.review import parts

_DIGITS = re_compile(r"(?:[^\W\d_]+-)?[^\W_]*\d(?:[\w.,:/+-]*\w)?")
_MONTH = (r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
          r"|Sep(?:tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?")
# What needs no fact and no datapoint: dates, versions, the level of an interval.
_FREE = re_compile(
    rf"\b\d{{4}}-\d\d-\d\d\b|\b\d{{1,2}}(?:st|nd|rd|th)? {_MONTH}(?:,? \d{{4}})?\b"
    rf"|\b{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b|\b{_MONTH} \d{{4}}\b"
    r"|\bpass[@^]\d+\b|\bv\d+(?:\.\d+)*\b|\bversion \d+(?:\.\d+)*\b|\b\d+\.\d+\.\d+\b"
    r"|\bPython \d\.\d+\b|\b95 ?%(?= (?:Wilson|confidence|interval|CI\b|bootstrap))"
    r"|(?<=Wilson, )95 ?%")
_MULTIPLIED = re_compile(r"\s*(?:%|percent|hundred|thousand|million|billion|dozen)", re.I)
_CURRENCY = r"(?:dollars?|euros?|pounds?|cents?|yen|USD|EUR|GBP|CHF)\b"
_MONEY_BEFORE, _MONEY_AFTER = re_compile(r"(?:[$€£¥]|\b(?:USD|EUR|GBP|CHF|US\$) ?)$"), \
    re_compile(rf"[ -]?{_CURRENCY}|[€£]")
_MONEY_KEY = (r"(?:amount|price|cost|total|fee|refund|balance|payment|paid|charge|fare|budget|sum"
              r"|tip|discount|insurance|value|spent|salary|rent|bill)\w*")
_NOUN = re_compile(r"(?: |-)?(ms|s|h|kg|km|kB|MB|GB)\b|(?: |-)([^\W\d_]{3,})\b")
_CLOCK = re_compile(r"\d{1,2}:\d\d(?::\d\d)?")
_ID_BEFORE = re_compile(
    r"(?:#|\b(?:status|error|HTTP|port|order|reservation|booking|flight|user|customer|account|card|product|ticket"
    r"|session|room|seat|gate|train|invoice|case|phone|number|no\.|id|code|zip|line|row id)s?"
    r"(?: (?:number|id|no\.))?:? )$", re.I)
_YEAR = re_compile(r"(?:19|20|21)\d\d")
_YEAR_BEFORE = re_compile(r"\b(?:in|until|since|by|of|from|to|before|after|with|year) $", re.I)
_STEP = r"(?:step|turn|message|call)s?"
_INDEX = r"\d+(?:\.\d+)?"
# A step as a sentence names it: `step 17`, `calls 3.0 and 4.1`, `message-18`, `the 3rd step`.
STEPS = re_compile(
    rf"\b(?P<word>{_STEP})(?: (?:no\.|number|index))?[ -]?#?"
    rf"(?P<places>{_INDEX}(?:(?:, (?:and |or )?| and | or | to | through |[-\u2013/]){_INDEX})*)"
    r"(?!\w|[.,]\d|\s*(?:%|percent|(?:hundred|thousand|[mb]illion|dozen|rows?|failures?|runs?|items?"
    r"|tasks?|times|datapoints?|models?|cases?|reviews?|samples?)\b))"
    rf"|\b(?P<nth>\d+)(?:st|nd|rd|th) (?:{_STEP})\b", re.I)
_TURN_BEFORE = re_compile(r"\b(attempt|trial|node|round|search) #?$", re.I)
_ITEM_BEFORE = re_compile(r"\b(?:item|task|question)s? (?:[\w.-]+(?:,| and| or)+ )*$", re.I)
_OF_ROWS = re_compile(
    r"\s*(?:%|percent|(?:out )?of\b|in \d|rows?\b|failures?\b|runs?\b|items?\b|tasks?\b|times\b"
    r"|datapoints?\b|models?\b|cases?\b|reviews?\b|samples?\b)", re.I)
_ALONE = re_compile(r"[-+]?\d[\d.,]*\s*%?")
_FILE = re_compile(r"[\w./-]+\.(?:md|json|jsonl|csv|ya?ml|py|html|png|txt)")
# One word, or a few that begin like a name and hold one number (`Opus 4.6 high`).
_NAME = re_compile(r"[^\W\d][\w.:/@#~+-]*"
                   r"|[A-Z][^\W\d]*(?: [^\W\d]+)* v?\d[\w.-]*(?: [^\W\d]+){0,3}")
_COUNT = re_compile(r"\d\S* (?:of|out|in|rows?|failures?|runs?|items?|times)\b")
_NAMED_SO = re_compile(r"(?:\b(?:items?|turns?|tasks?|questions?|trials?|runs?|and|or)|,)\s*$",
                       re.I)
_TODO = "write {{key}} and run write_report.py"

Shown = Sequence[Sequence[parts.Part]]


def unbound(sentence: Sentence, heading: bool, names: Names, shown: Shown
            ) -> Iterator[tuple[str, str]]:
    """(number, what to do) for each digit that nothing carries; `shown` are the parts of each
    datapoint that the paragraph cites."""
    before = ""
    tokens = sentence.tokens
    for token, following in zip(tokens, (*tokens[1:], None), strict=True):
        after = following.source if following else ""
        if token.kind == CODE and token.value in names.spans:
            named = heading or _NAMED_SO.search(before) or token.value in names.anywhere
            if _ALONE.fullmatch(token.value) and not named:
                yield token.value, "a number in backticks is a number; write {{key}}, or `item` " \
                                   "before an item's id"
        elif token.kind == CODE and not _is_name(token.value, shown):
            yield from _in_text(token.value, before, after, names, shown)
        elif not token.kind:
            yield from _in_text(names.any_name.sub("", token.source), "", after, names, shown)
        before = before if token.kind == CODE else "" if token.kind else token.source


def _is_name(text: str, shown: Shown) -> bool:
    """Whether a code span is the name of something, a file, a command, or what a cited datapoint
    says in words."""
    named = _NAME.fullmatch(text) and not _COUNT.search(text)
    return bool(named or _FILE.fullmatch(text) or ".py " in f"{text} ") or (
        re.search(r"[^\W\d_]{3}", text) is not None
        and any(parts.where(text, row) for row in shown))


def _in_text(text: str, before: str, after: str, names: Names, shown: Shown
             ) -> Iterator[tuple[str, str]]:
    """The digits of a text that stands between two others."""
    free = [match.span() for match in _FREE.finditer(text)]
    free += [(match.start() - len(before), match.end() - len(before))
             for match in STEPS.finditer(before + text + after)]
    for char in text:
        if unicodedata.numeric(char, None) is not None and not (char.isascii() or char.isalpha()):
            yield char, _TODO
    for match in _DIGITS.finditer(text):
        left, right = before + text[:match.start()], text[match.end():] + after
        if not match[0].isascii() or (_ITEM_BEFORE.search(left) and match[0] in names.items) or any(
                start <= match.start() and match.end() <= end for start, end in free):
            continue  # what is not ASCII is named above, or a letter's
        if not _holds(shown, *_in_its_role(match[0], left, right)):
            yield match[0], (f"{_TODO}; only an amount, an id or a time that a datapoint cited in "
                             "this paragraph holds as such may be typed, a step (step 17), and a "
                             "name in backticks")


def _in_its_role(number: str, before: str, after: str) -> tuple[str, ...]:
    """How a datapoint holds a number as the amount, the time or the id that it is between these
    texts (patterns over its text); nothing where it is none."""
    if _MULTIPLIED.match(after) or before.endswith(("-", "\u2212")):
        return ()
    whole = re.escape(number)
    money = _MONEY_AFTER.match(after)
    if money or _MONEY_BEFORE.search(before):
        return () if money and _MULTIPLIED.match(after[money.end():]) else _money(number)
    if _CLOCK.fullmatch(number):
        return (rf"(?<![\d:]){whole}(?!\d)",)
    if _OF_ROWS.match(after):
        return ()
    if _YEAR.fullmatch(number) and _YEAR_BEFORE.search(before):
        return (rf"(?<!\d){whole}(?!\d)",)
    if turn := _TURN_BEFORE.search(before):
        return (rf"(?i)\b{turn[1]}\W{{1,3}}{whole}(?!\w|[.,]\d)",)
    if re.search(r"[^\W\d_]", number):
        is_count = re.fullmatch(r"\d[\d.,]*(?:k|m|bn|x|th|st|nd|rd)", number, re.I)
        return () if is_count else (rf"(?<!\w){whole}(?!\w)",)
    if _ID_BEFORE.search(before):
        return (rf"(?<![\w.,]){whole}(?!\w|[.,]\d)",)
    if noun := _NOUN.match(after):  # so many of something
        stem = noun[1] or noun[2].rstrip("s")
        return (rf"(?i)(?<![\w.,]){whole}[ -]?{stem}", rf"(?i){stem}\w*\W{{1,4}}{whole}(?![\w.])")
    return ()


def _money(number: str) -> tuple[str, ...]:
    """How a datapoint holds an amount of money: at a currency, or under a name for money."""
    digits, _, cents = number.replace(",", "").partition(".")
    cents = cents.rstrip("0")
    amount = ",?".join(re.findall(r"\d{1,3}(?=(?:\d{3})*$)", digits)) \
        + (rf"\.{cents}0*" if cents else r"(?:\.0+)?") + r"(?!\d|[.,]\d)"
    return (rf"[$€£¥] ?{amount}", rf"(?<![\w.,]){amount}[ -]?{_CURRENCY}",
            rf"(?i:{_MONEY_KEY})\W{{1,6}}(?:\w{{1,4}}\W{{1,3}})?(?<![\w.,]){amount}")


def _holds(shown: Shown, *patterns: str) -> bool:
    """Whether one of the cited datapoints holds one of these."""
    return any(re.search(pattern, part.text) for row in shown for part in row
               for pattern in patterns)
