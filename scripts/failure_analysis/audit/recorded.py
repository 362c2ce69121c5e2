"""A gold against the record: a number or a name of it that stands longer, or in other signs, in the
question or in what the tools returned, and so in most answers that failed."""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

from failure_analysis.audit import demands, golds
from failure_analysis.audit.faults import agreed, final
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import LONGEST_RESULT, Seen

ROUNDING = re.compile(r"\b(?:round|decimal|nearest|significant|integer|whole number|truncat|floor|"
                      r"ceil|approximat|estimate|precision|digits)", re.IGNORECASE)
EXACT = re.compile(
    r"\bto the cent\b|\bexact (?:cent|amount|figure|value|number|price|sum|total|result)s?\b|"
    r"\bas (?:it is )?(?:written|printed|shown|recorded|stated|given) ?(?:there|\W|$|on |in )|"
    r"\ball (?:the |its )?(?:digits|decimals)\b|"
    r"\b(?:keep|with|including) (?:all |both |the |its )*(?:decimals|cents|digits|places)\b|"
    r"\b(?:do not|don't|never) round\b|\bwithout rounding\b|\bunrounded\b", re.IGNORECASE)
_WHOLE = re.compile(r"\bhow many\b|\bwhole\b|\bfull\b|\bcomplete(?:ly)?\b|\babout\b|\broughly\b|"
                    r"\bat (?:most|least)\b|\bhow old\b", re.IGNORECASE)
_PART = re.compile(r"\bfirst \w+ (?:characters|letters|digits|signs)\b|\bshort|\babbreviat|"
                   r"\bprefix|\btruncat|\b(?:begin|start)(?:s|ning|ing)?\b|\bleading\b",
                   re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.,])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\w|[.,]\d)")
_DECIMAL = re.compile(r"(?<![\w.,])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)\.\d+(?!\w|[.,]\d)")
_NAME = re.compile(r"(?=.*\d)[\w-]{4,}")
# Signs that are taken for each other where a text was read by a machine or typed from paper.
_LOOKS = str.maketrans("lI|OoSBZ", "11100582")
_LONG_ENOUGH, _MOST_DECIMALS = 6, 4
# What a spreadsheet, or JSON without quotes, makes of a name.
_IN_GROUPS = re.compile(r"\b[A-Z]{2}\d\d(?: [\dA-Z]{4}){2,8}(?: [\dA-Z]{1,4})?\b")
_THOUSANDS = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])")
_AS_NUMBER = re.compile(r"[\w-]*\d+(?:\.\d+)?(?:E[+-]?\d+)?|\d\d?:00|[\w-]*\d[\w-]*|inf|"
                        r"\d{1,2}-[A-Za-z]{3}|[A-Za-z]{3}-\d\d", re.I)
_WITHIN = re.compile(r"(?<![\w./-])[A-Za-z][\w-]*\d[\w-]*(?![\w./-])")  # a command
_TAIL = re.compile(r"((?:[\w-]*[A-Za-z_-])?|\+)(\d+)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MOST_DIGITS, _EXACT_DIGITS, _MOST_EXPONENT = 40, 15, 300


class Found(NamedTuple):
    """What the gold has, what the record has in its place, and the failing rows that say so."""

    gold: str
    record: str
    rows: list[Seen]


def rounded_number(item: Item, is_rounded: Callable[[str, str], bool]) -> Found | None:
    """A number of the gold that is none of the record, and has fewer decimals than one of it that
    most models say and are failed for. Not where the question may want it rounded."""
    if not several_fail(item) or not ("." in item.question or any(
            "." in made.result for row in item.rows for made in row.made)):
        return None
    # Where the question has no decimals the tools count what it asks for.
    question = item.question if _DECIMAL.search(item.question) \
        else item.question.replace("ow many", "")
    texts = [text for text in map(_bare, _parts(item))
             if text[-1:].isdigit() and " " not in text and golds.number(text) is not None
             and _may_not_be_rounded(question, text)]
    record = kept(item) if texts else ""
    decimals = sorted(set(map(_bare, _DECIMAL.findall(record))))
    for text in dict.fromkeys(texts):
        for longer in decimals:
            if len(longer.partition(".")[2]) <= _MOST_DECIMALS and is_rounded(longer, text) \
                    and golds.number(text) not in map(_fraction, _NUMBER.findall(record)):
                other = _fraction(longer)
                rows = _saying(item, lambda row, other=other: other in _numbers(row))
                if rows:
                    return Found(text, longer, rows)
    return None


_OF_DIGITS = re.compile(r"\bdigits?\b|\brevers|\bswap|\bpalindrom|\brearrang|\banagram", re.I)


def swapped_digits(item: Item) -> Found | None:
    """A number in a gold of words or of actions that stands nowhere in the record, which has one of
    the same digits that most models say and are failed for."""
    if not several_fail(item) or _OF_DIGITS.search(item.question):
        return None
    odd = [text for part in _parts(item) for text in map(_bare, _NUMBER.findall(part))
           if len(text) > 1 and (len(part.split()) > 2 or isinstance(item.expected, dict | list))]
    numbers = set(map(_bare, _NUMBER.findall(kept(item)))) if odd else set()
    for text in odd:
        if _fraction(text) in map(_fraction, numbers):
            continue
        for other in sorted(numbers):
            if sorted(other) == sorted(text):
                value = _fraction(other)
                if rows := _saying(item, lambda row, value=value: value in _numbers(row)):
                    return Found(text, other, rows)
    return None


def _parts(item: Item) -> list[str]:
    """The texts and numbers of a gold."""
    return item.texts or [golds.plain(item.expected) or ""]


def several_fail(item: Item) -> bool:
    return len({row.model for row in item.rows if row.outcome == "fail"}) > 1


def _may_not_be_rounded(question: str, gold: str) -> bool:
    decimals = len(gold.partition(".")[2])
    asked = demands.places(question)
    if EXACT.search(question) or (asked is not None and asked > decimals):
        return True
    return not ROUNDING.search(question) and (decimals > 0 or not _WHOLE.search(question))


def _bare(text: str) -> str:
    """A number without its currency or unit and the commas between thousands."""
    return re.sub(r"^[$€£]\s?|,(?=\d{3}\b)|(?<=\d) ?(?:[a-z]{1,3}|°[CF]|%)\Z", "", text.strip()
                  ).replace("−", "-").rstrip(",")


def _fraction(text: str) -> Fraction:
    return Fraction(text.replace(",", "").replace("−", "-"))


def cut_name(item: Item) -> Found | None:
    """A name with digits in the gold that the record does not have, which has a longer one that
    begins so, or one of the same look, that most models say and are failed for."""
    names = [text for text in _parts(item)
             if _NAME.fullmatch(text) and (not text.isdigit() or len(text) >= _LONG_ENOUGH)]
    if not names or not several_fail(item) or _PART.search(item.question):
        return None
    record = kept(item)
    words = set(re.findall(r"[\w-]+", record)) | {
        "".join(found.split()) for found in _IN_GROUPS.findall(record)}
    for text in names:
        if text in words:
            continue
        looks = text.translate(_LOOKS) if not text.isdigit() else ""
        for word in sorted(words):
            if (word.startswith(text) and word[len(text):].isalnum()) or (
                    looks and word != text and word.translate(_LOOKS) == looks):
                rows = _saying(item, lambda row, word=word: word in _words(row))
                if rows:
                    return Found(text, word, rows)
    return None


def made_number(item: Item) -> Found | None:
    """A value of the gold that is none of the record but what a program makes of a name of it that
    it takes for a number or a date, and which most models say whole and are failed for."""
    texts = [text for text in dict.fromkeys(word for whole in _parts(item) for word in (
        whole, *_WITHIN.findall(whole))) if _AS_NUMBER.fullmatch(text)]
    if not texts or not several_fail(item):
        return None
    record = kept(item)
    words = set(re.findall(r"\b\d\d?:\d\d\b|[\w+-]*\d[\w+-]*", record))
    words |= {word.replace(",", "") for word in _THOUSANDS.findall(record)}
    for text in texts:
        if text in record and re.search(rf"(?<![\w.-]){re.escape(text)}(?![\w-])", record):
            continue
        for word in sorted(words):
            if text.casefold() in as_number(word) or (
                    EXACT.search(item.question) and _is_coarse(word, text)):
                rows = _saying(item, lambda row, word=word: any(re.search(
                    rf"(?<![\w+-]){re.escape(word)}(?![\w-])", _THOUSANDS.sub(
                        lambda number: number[0].replace(",", ""), said)) for said in _said(row)))
                if rows:
                    return Found(text, word, rows)
    return None


def _is_coarse(number: str, text: str) -> bool:
    """Whether a whole number of zeros at its end is another one rounded to tens or more."""
    zeros = len(text) - len(text.rstrip("0"))
    return number.isdigit() and text.isdigit() and 0 < zeros < len(text) \
        and number != text and round(int(number), -zeros) == int(text)


def as_number(name: str) -> set[str]:
    """What is left of a name, in small letters, where it or the digits at its end were read as a
    number, or all of it as a day of a month."""
    forms: set[str] = set()
    head, digits = _TAIL.fullmatch(name).groups() if _TAIL.fullmatch(name) else ("", "")
    if digits and len(digits) < _MOST_DIGITS and (head or digits[0] == "0" or len(digits) > 11):
        head = head.removeprefix("+")
        forms |= {f"{head}{float(digits)}", f"{head}{int(digits)}"}
        forms |= {f"{float(digits):g}", f"{float(digits):.5E}"} if not head else set()
        if len(digits) > _EXACT_DIGITS:
            forms.add(f"{head}{digits[:_EXACT_DIGITS]}{'0' * (len(digits) - _EXACT_DIGITS)}")
    if name.isdigit() and len(name) > 3:
        forms |= {f"{int(name):.{places}E}" for places in range(min(6, len(name) - 1))}
    if re.fullmatch(r"0\d*(?:-\d+)+", name) and len(name) < _MOST_DIGITS:
        forms.add(str(int(name.replace("-", ""))))
    if found := re.fullmatch(r"(\d{1,9})[eE](\d{1,9})", name):
        value = float(name) if int(found[2]) < _MOST_EXPONENT or not int(found[1]) \
            else float("inf")
        forms |= {str(value), f"{value:g}", f"{value:.2E}"} | (
            {str(int(value))} if value < 1e15 else set())
    if found := re.fullmatch(r"([A-Za-z]{3,9})-?(\d{1,2})", name):
        month = found[1][:3].casefold()
        forms |= {f"{int(found[2])}-{month}", f"{month}-{int(found[2]):02}"} \
            if month in _MONTHS else set()
    if found := re.fullmatch(r"([A-Za-z]{3,9})-(\d{1,2})-(\d{1,2})", name):
        month = _MONTHS.index(low) + 1 if (low := found[1][:3].casefold()) in _MONTHS else 0
        forms |= {f"20{int(year):02}-{month:02}-{int(day):02}" for day, year in (
            found.groups()[1:], reversed(found.groups()[1:])) if month}
    forms.add(re.sub(r"(?<!\d)0+(?=\d)", "", name) if re.search(r"[A-Za-z]", name) else name)
    if found := re.fullmatch(r"(\d\d?):\d\d", name):
        forms.add(f"{found[1]}:00")
    if found := re.fullmatch(r"(\d{1,2})-(\d{1,2})", name):
        forms |= {f"{int(one)}-{_MONTHS[int(other) - 1]}" for one, other in (
            found.groups(), reversed(found.groups())) if 0 < int(other) < 13}
    return {form.casefold() for form in forms} - {name.casefold()}


def cut_value(item: Item) -> Found | None:
    """A value with digits in the gold which goes on wherever the record has it, and which most
    models say whole and are failed for: a number cut within its digits, a name within its signs,
    an argument at a blank."""
    acts = isinstance(item.expected, dict | list)
    texts = [text for text in dict.fromkeys(_parts(item)) if _may_be_cut(text, acts)]
    if not texts or not several_fail(item) or _PART.search(item.question):
        return None
    record = kept(item)
    for text in texts:
        if not _may_go_on(text, record):
            continue
        goes_on = r"\d" if text[-1].isdigit() else r"\w"
        blank = r"| \d" if acts else ""
        whole = re.compile(rf"(?<![\w.,+-])(?P<gold>{re.escape(text)})(?P<on>{goes_on}{blank})?"
                           r"[\w,.-]*(?: \d[\w-]*)*")
        spans = {(found[0].rstrip(".,-"), bool(found["on"])) for found in whole.finditer(record)}
        if not spans or not all(on for _, on in spans):
            continue
        for longer, _ in sorted(spans):
            rows = _saying(item, lambda row, longer=longer: any(re.search(
                rf"(?<![\w.,+-]){re.escape(longer)}(?![\w-])", said) for said in _said(row)))
            if rows:
                return Found(text, longer, rows)
    return None


def _may_go_on(text: str, record: str) -> bool:
    """Whether something stands right behind a value anywhere, or a digit behind a blank."""
    at = record.find(text)
    while at >= 0:
        after = record[at + len(text):at + len(text) + 2]
        if after[:1].isalnum() or after[:1] == "_" or after[:1] == " " and after[1:].isdigit():
            return True
        at = record.find(text, at + 1)
    return False


def _may_be_cut(text: str, acts: bool) -> bool:
    """Whether a value has digits, no decimals, and is long enough for what it is of; a comma that
    does not part thousands tells by itself."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})*,\d{1,2}", text):
        return True
    return re.search(r"\d", text) is not None and not re.fullmatch(r"[-+]?\d+\.\d+", text) \
        and len(text) in range((2 if text[0].isalpha() else 3) if acts
                               else _LONG_ENOUGH if text.isdigit() else 4, 60)


def kept(item: Item) -> str:
    """The question and what the tools returned; blank where a part of it is not kept."""
    results = dict.fromkeys(made.result for row in item.rows for made in row.made)
    if any(len(result) >= LONGEST_RESULT for result in results):
        return ""
    return "\n".join((item.question, *results))


def _saying(item: Item, says: Callable[[Seen], bool]) -> list[Seen]:
    """The failing rows that say something: of half of the models at least, and of two; none where a
    passing row says it."""
    rows = [row for row in item.rows if row.outcome != "unjudged" and says(row)]
    if not agreed(item, rows):
        return []
    return rows


def _said(row: Seen) -> Iterator[str]:
    """What a row answers, and with what it calls tools."""
    text = final(row.answer)
    yield text if re.search(r"\d", text) else row.answer[:1_000]
    for made in row.made:
        yield from golds.scalars(made.arguments)


def _numbers(row: Seen) -> set[Fraction]:
    return {_fraction(_bare(text)) for said in _said(row) for text in _NUMBER.findall(said)}


def _words(row: Seen) -> set[str]:
    return {word for said in _said(row) for word in re.findall(r"[\w-]+", said)}
