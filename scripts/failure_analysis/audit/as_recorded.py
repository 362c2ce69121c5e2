"""Golds that are what stands in the record, spoilt: signs, tags or accents dropped, escapes read, a
part cut out, masked, read as another type; lists split, joined, sorted, elided; what a check wants
in other signs than the question prescribes."""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Any

from failure_analysis.audit import allowed, golds, normal, recorded, required
from failure_analysis.audit.alike import alike
from failure_analysis.audit.candidates import variant
from failure_analysis.audit.cut_golds import one_off
from failure_analysis.audit.demands import COUNT
from failure_analysis.audit.faults import Fault, agreed, final, sides
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.values import plain
from failure_analysis.audit.whole import Whole

_LONGEST = 400
# That a text is wanted as it stands, in a few languages.
_AS_IT_STANDS = re.compile(
    r"\bexact|\bverbatim|\bunchanged|\bliteral|\bcop(?:y|ied)\b|\bquote\b|\bword for word|"
    r"\bas (?:is|it is|they are|it stands|written|printed|shown|listed|given|spelled|in the)\b|"
    r"\bwith (?:its|the|their|all) (?:sign|digits|decimals|accents|marks)\b|"
    r"\bunmodified|\buntouched|\bwörtlich|\bgenau wie|\bunverändert|\btal cual|\btextual|"
    r"\btel(?:le)? quel|\bmot à mot", re.I)
_ALL_OF_IT = re.compile(r"\bfull\b|\bcomplete\b|\bwhole\b|\bentire|\bunchanged|\bvollständig|"
                        r"\bcompleto|\bcomplet\b", re.I)
# That something else is wanted than what stands there.
_CHANGED = re.compile(
    r"\babsolute|\bmagnitude|\bstrip|\bwithout\b|\bremov|\bdrop|\bomit|\bmask|\bredact|\bexpand|"
    r"\bevaluat|\bconver|\bround|\bnearest|\blast\b|\bonly the\b|\bshort|\babbrev|\bwhole number|"
    r"\bnormali|\bclean|\bplain|\breplac|\btranslat|\bcalculat|\bcomput|\bsimplif|\bslug|"
    r"\bescap|\bdecod|\bencod|\bpars|\bunquot|\bform(?:at)?\b|\bin (?:lower|upper|title|snake|"
    r"camel)|\bcapital|\blower|\bupper|\bYYYY|\bsolve|\bsum\b|\btotal|\bredigier|\bohne\b|\bsin\b|"
    r"\bsans\b|\bfirst \w+ (?:char|letter|digit|sign|word)|\binteger\b|\bvalue of\b", re.I)
_ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f", "\v": "\\v",
                          "\a": "\\a", "\b": "\\b", "\0": "\\0", "\x1b": "\\e"})
_MASK = re.compile(r"\*{2,}|[•█]+|…|\.{3}|X{3,}|x{3,}|#{2,}")
_SIGNS = "$<>{}[]*_\\#`%@~^|&;\"'"
_TRUTH = {"no": "false", "n": "false", "off": "false", "yes": "true", "y": "true", "on": "true"}
_NULLS = ("null", "none", "na", "n/a", "nan", "nil", "~")


def otherwise(item: Item, whole: Whole) -> Fault | None:
    """A value of the gold stands nowhere in the record, and is one of it spoilt, which models that
    agree say as it stands there and are failed for."""
    if not recorded.several_fail(item) or not (
            record := plain(recorded.kept(item))):
        return None
    for place in allowed.places(item):
        said = {text for _, text in place.said if text != place.gold and len(text) <= _LONGEST
                and _stands(text, record)} - {*place.passed}
        for text in sorted(said, key=len, reverse=True):
            if is_spoilt(text, plain(place.gold), item.question, record):
                rows = [row for row, other in place.said if _stands(text, other)]
                if agreed(item, rows) or rows and _AS_IT_STANDS.search(item.question):
                    return Fault("A value of what is expected is one of the question or of a "
                                 "result, spoilt; most failing answers have it as it stands there.",
                                 sides(item, item.expected, variant(
                                     "spoilt", f"{text} → {place.gold}"),
                                     variant("failed", rows[0].answer, rows)), rows)
    return None


def is_spoilt(text: str, gold: str, question: str, record: str) -> bool:
    """Whether a gold is a text of the record that was spoilt, and not what the question may want to
    be made of it."""
    if not gold.strip() or _stands(gold, record.replace(text, "\0")) or _CHANGED.search(question):
        return False
    if _is_read(text, gold) or _is_in_other_signs(text, gold):
        return True
    if alike(text, gold, ""):
        return False
    if gold in text:
        return bool(_ALL_OF_IT.search(question)) or _is_cut(text, gold)
    words = [set(re.findall(r"\w+", one.casefold())) for one in (text, gold)]
    return bool(_AS_IT_STANDS.search(question)) and bool(words[0] & words[1]) or _is_cut(text, gold)


def _stands(text: str, record: str) -> bool:
    """Whether a text stands in another one, not within a word."""
    if text not in record:
        return False
    before, after = (r"(?<!\w)" if text[0].isalnum() else "", r"(?!\w)" if text[-1].isalnum()
                     else "")
    return re.search(f"{before}{re.escape(text)}{after}", record) is not None


def _is_in_other_signs(text: str, gold: str) -> bool:
    """Whether a gold is a text with its escapes, entities or tags read, its signs or accents
    dropped, masked, or with another digit or letter in one place."""
    if gold.translate(_ESCAPES) == text or html.unescape(text) == gold != text:
        return True
    if "<" in text and re.sub(r"<[^<>]*>", " ", text).split() == gold.split():
        return True
    if mask := _MASK.search(gold) if not _MASK.search(text) else None:
        parts = map(re.escape, _MASK.split(gold))
        return mask is not None and re.fullmatch(".+".join(parts), text, re.S) is not None
    if _letters(text) == _letters(gold) != "" and len(gold) <= len(text) and (
            not alike(text, gold, "") or " " not in text and re.search(r"[\d_-]", text)):
        return True
    if alike(text, gold, ""):
        return False
    return len(text) == len(gold) > 5 and " " not in text and one_off(text, gold)


def _letters(text: str) -> str:
    """The letters and digits of a text, without accents."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text)))


def _is_cut(text: str, gold: str) -> bool:
    """Whether a gold is a text of which a part is gone that begins with a sign of markup or of a
    program, or is cut right behind a sign that parts."""
    short, full = " ".join(gold.split()), " ".join(text.split())
    same = next((at for at, (a, b) in enumerate(zip(full, short, strict=False)) if a != b),
                len(short))
    rest = short[same:].lstrip()
    if not same or len(short) >= len(full) or not full.endswith(rest):
        return False
    gone = full[same:len(full) - len(rest)].lstrip()
    return bool(gone) and (gone[0] in _SIGNS or not rest and short[-1] in ",;:|/-")


def _is_read(text: str, gold: str) -> bool:
    """Whether a gold is what a program reads where a text stands that looks like a number, a truth
    value or nothing."""
    low, found = text.casefold(), gold.casefold()
    if low in _TRUTH:
        return found == _TRUTH[low]
    if low in _NULLS:
        return found != low and found in _NULLS
    forms = recorded.as_number(text) if len(text) < 40 else set()
    if text.isdigit() and 4 < len(text) < 40:
        value = int(text)
        forms |= {str(min(value, limit)) for bits in (8, 15, 16, 31, 32, 63, 64)
                  for limit in (2**bits - 1,)} | {str(value % 2**32)}
        if re.fullmatch(r"[\d.]+e\+\d+", found) and abs(value - float(found)) < value / 1e12:
            return True
    if re.fullmatch(r"\d+\.\d*0", text):
        forms.add(str(float(text)))
    if re.fullmatch(r"0[0-7]+", text):
        forms.add(str(int(text, 8)))
    if re.fullmatch(r"0x[0-9a-f]+", low):
        forms.add(str(int(low, 16)))
    if clock := re.fullmatch(r"(\d\d?):([0-5]\d)", text):
        minutes = 60 * int(clock[1]) + int(clock[2])
        forms |= {str(minutes), str(minutes / 1440)}
    return found in forms - {low}


def listed_otherwise(item: Item, whole: Whole) -> Fault | None:
    """A list is expected that is the one on which failing models agree, split or joined at other
    places, elided, sorted though an order is asked for, without what repeats or with what must
    not, or with more than are asked for; the members of theirs stand in the record."""
    gold = normal.parsed(item.expected) if isinstance(item.expected, str) else item.expected
    if not isinstance(gold, list) or len(gold) < 2 or not recorded.several_fail(item) \
            or any(isinstance(one, dict | list) for one in gold):
        return None
    said = [(row, value) for row in item.rows if row.outcome != "unjudged" and isinstance(
        value := normal.parsed(normal.unfenced(final(row.answer) or row.answer)), list)]
    record = recorded.kept(item) if said else ""
    for _, other in said:
        if other == gold or not all(_stands(normal.written(one), record) for one in other):
            continue
        rows = [row for row, value in said if value == other]
        if agreed(item, rows) and (what := _of_list(*(
                [normal.written(one) for one in some] for some in (other, gold)), item.question)):
            return Fault(f"The list that is expected is the one of most failing answers {what}.",
                         sides(item, gold, variant("failed", rows[0].answer, rows)), rows)
    return None


_SORTED = re.compile(r"\balphabet|\bascend|\bdescend|\bsort|\brank|\blargest|\bsmallest|"
                     r"\b(?:low|high|old|new|long|short)est|\bincreas|\bdecreas|\brevers", re.I)
_IN_ORDER = re.compile(r"\border\b|\bsequence\b|\breihenfolge|\borden\b|\bordre\b", re.I)
_ONCE = re.compile(r"\bdistinct|\bunique|\bdifferent|\bwithout\b|\bdedup|\bset of\b", re.I)
_EACH_ONCE = re.compile(r"\b(?:each|every|all)\b[^.;]{0,40}\bonce\b|\bpermutation|\bdistinct|"
                        r"\bunique|\bdifferent\b", re.I)
_JUST = re.compile(r"\b(?:exactly|just|only|the) (two|three|four|five|six|seven|eight|\d{1,2})\b",
                   re.I)


def _of_list(full: list[str], gold: list[str], question: str) -> str:
    """How a list was spoilt; blank where it may be what is asked for."""
    if any(one.strip() in ("...", "…") for one in gold) and len(gold) <= len(full) + 1 \
            and {*gold} - {"...", "…"} <= {*full}:
        return "with an ellipsis in it"
    if len(gold) != len(full):
        letters = [_letters(re.sub(r"\b(?:and|und|y|e|et|en|og|och)\b", "", " ".join(some)))
                   for some in (full, gold)]
        if letters[0] == letters[1]:
            return "split at other places"
        found = _JUST.search(question)
        if found and len(full) == (COUNT.get(found[1].lower()) or int(found[1])) < len(gold) \
                and {*full} <= {*gold}:
            return "with more members than are asked for"
        return "without what repeats" if not _ONCE.search(question) and len(full) > len(gold) \
            and sorted(gold) == sorted({*full}) else ""
    if Counter(full) == Counter(gold):
        return "in another order than the question's" if gold in (
            sorted(full), sorted(full, reverse=True)) and _IN_ORDER.search(question) \
            and not _SORTED.search(question) else ""
    return "with one of them twice" if _EACH_ONCE.search(question) \
        and len({*full}) == len(full) > len({*gold}) and {*gold} <= {*full} else ""


def key_otherwise(item: Item, whole: Whole) -> Fault | None:
    """A key of the gold stands nowhere in the question, which names one of the same letters, and
    models that agree have that one and are failed for it."""
    gold = normal.parsed(item.expected) if isinstance(item.expected, str) else item.expected
    if not isinstance(gold, dict) or not recorded.several_fail(item):
        return None
    odd = {_letters(key).casefold(): key for key in gold if isinstance(key, str)
           and key not in item.question}
    rows = [row for row in item.rows if row.outcome != "unjudged" and odd and any(
        _letters(key).casefold() in odd and key not in gold and _stands(key, item.question)
        for key in allowed.object_of(row))]
    return Fault("A key of what is expected is spelt otherwise than the question names it.",
                 sides(item, gold, variant("failed", rows[0].answer, rows)), rows) \
        if agreed(item, rows) else None


_PRESCRIBED = re.compile(r"\b\d{1,4} [^\W\d_]{2,}|[^\s'\"`,;()\[\]{}<>=“”‘’]{3,}")


def checked_otherwise(item: Item, whole: Whole) -> Fault | None:
    """A check or rubric wants a name that stands nowhere in the record, and the question prescribes
    one that differs from it in one sign, or has another number behind the name of its field; models
    that agree do what the question says and are failed for it."""
    gold = item.expected
    if not isinstance(gold, dict | list) or golds.wants_number(item.question) \
            or required.required(gold) or not recorded.several_fail(item) or not (record := recorded.kept(item)):
        return None
    named = list(dict.fromkeys(token.strip(".:!?") for token in _PRESCRIBED.findall(item.question)))
    for key, value in _fields(item.expected):
        if key in golds.ANSWERS or len(value) > _LONGEST:
            continue
        for token in _PRESCRIBED.findall(value):
            bare = token.strip(".:!?").casefold()
            if bare in item.question.casefold() or bare in record.casefold() and key not in \
                    item.question:
                continue
            for other in named:
                if len(other) > 2 and _is_meant(token, other, key, item.question):
                    rows = [row for row in item.rows if row.outcome != "unjudged" and any(
                        _stands(other, text) for text in _texts(row))]
                    if agreed(item, rows):
                        return Fault("A check wants another name or number than the question "
                                     "prescribes.", sides(item, item.expected, variant(
                                         "prescribed", f"{other} → {token}")), rows)
    return None


def _fields(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(its key, text) of each text and number of a gold."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else ((key, one)
                                                                          for one in value):
            yield from _fields(inner, str(name))
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield key, str(value)


def _is_meant(token: str, other: str, key: str, question: str) -> bool:
    """Whether a name of a check is one of the question in other signs, or has its place."""
    if " " in token or " " in other:
        (count, _, thing), (mine, _, same) = token.partition(" "), other.partition(" ")
        return same == thing != "" and count.isdigit() and mine.isdigit() and count != mine \
            and len(re.findall(rf"\d {re.escape(same)}\b", question)) == 1
    if other.isdigit():
        if token.isdigit() and key and len(token) == len(other):
            return bool(re.search(rf"\b{re.escape(key)}\W{{1,3}}{other}\b", question, re.I))
        return any(len(one) == len(other) and one_off(one, other)
                   for one in re.findall(r"\d{4,}", token))
    part, mine = (re.split(r"(?<=\d)/|//", one)[0] for one in (token, other))
    if other.isalpha() and not re.search(rf"[\"'`“‘]{other}[\"'`”’]", question):
        return False
    return len(mine) > 5 and (_letters(part).casefold() == _letters(mine).casefold()
                              or one_off(part, mine) and not part.isdigit())


def _texts(row: Seen) -> Iterator[str]:
    yield row.answer[:2_000]
    for made in row.made:
        yield from golds.scalars(made.arguments)


RULES = (("gold_spoilt", otherwise), ("gold_list_spoilt", listed_otherwise),
         ("gold_key_otherwise", key_otherwise), ("check_otherwise", checked_otherwise))
