"""Golds that are what stands in the record, spoilt: signs, tags or accents dropped, escapes read, a
part cut out, masked, read as another type; lists split, joined, sorted, elided; what a check wants
in other signs than the question prescribes."""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
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
    r"\bwith (?:its|the|their|all) (?:sign|digits|decimals|accents|marks)\b|\bwörtlich|"
    r"\bgenau wie|\bunverändert|\btal cual|\btextual|\btel(?:le)? quel|\bmot à mot", re.I)
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
_LIKE = 0.4
_NAME = re.compile(r"(?=.*\d)(?=.*[A-Za-z_-]|0)[\w.-]{4,40}")  # and no amount
_SIGNS = "$<>{}[]*_\\#`%@~^|&;\"'"
_TRUTH = {"no": "false", "n": "false", "off": "false", "yes": "true", "y": "true", "on": "true"}
_NULLS = ("null", "none", "na", "n/a", "nan", "nil", "~")


def otherwise(item: Item, whole: Whole) -> Fault | None:
    """A value of the gold stands nowhere in the record, and is one of it spoilt, which models that
    agree, or one where it is wanted as it stands, say so and are failed for."""
    record = plain(recorded.kept(item)) if recorded.several_fail(item) else ""
    for place in allowed.places(item) if record else ():
        gold = plain(place.gold)
        said = {text for _, text in place.said if text != place.gold and len(text) <= _LONGEST
                and (_stands(text, record)
                     or _of_thousands(text, gold) and f"{float(gold):.3f}" in record)}
        for text in sorted(said - {*place.passed}, key=len, reverse=True):
            rows = [row for row, other in place.said if _stands(text, other)]
            if len(rows) == len(item.rows) and agreed(item, rows) and _is_misread(text, gold) \
                    and _stands(text, item.question) and not _stands(gold, record) \
                    and not _CHANGED.search(item.question):
                return _fault("A name that is expected stands in nothing that was asked or "
                              "returned; all take the one that was asked.", item, rows,
                              f"{text} → {gold}")
            if len(rows) > len(place.passed) and is_spoilt(text, gold, item.question, record) \
                    and (agreed(item, rows) or _AS_IT_STANDS.search(item.question)):
                return _fault("A value of what is expected is one of the question or of a result, "
                              "spoilt; most failing answers have it as it stands there.", item,
                              rows, f"{text} → {gold}")
    return None


def _is_misread(text: str, gold: str) -> bool:
    """Whether a gold may be what became of a name: like it, and of another shape, which the name of
    another thing seldom is."""
    shapes = {re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "0", one)) for one in (text, gold)}
    return _NAME.fullmatch(text) is not None and len(shapes) > 1 \
        and SequenceMatcher(None, text, gold).ratio() >= _LIKE


def _fault(what: str, item: Item, rows: list[Seen], other: str = "") -> Fault:
    return Fault(what, sides(item, item.expected, variant("spoilt", other or rows[0].answer, rows)),
                 rows)


def is_spoilt(text: str, gold: str, question: str, record: str) -> bool:
    """Whether a gold is a text of the record that was spoilt, and not what the question may want to
    be made of it."""
    if _of_thousands(text, gold):
        return True
    rest = record if text in gold else record.replace(text, "\0")
    spaceless = {"".join(one.split()).casefold() for one in (text, gold)}
    if not gold.strip() or len(spaceless) < 2 or _stands(gold, rest) or _CHANGED.search(question):
        return False
    if _is_read(text, gold) or _is_in_other_signs(text, gold):
        return True
    if alike(text, gold, "") or gold in text and _ALL_OF_IT.search(question):
        return not alike(text, gold, "")
    words = [set(re.findall(r"\w+", one.casefold())) for one in (text, gold)]
    return _is_cut(text, gold) or gold not in text and text.strip("'\"") not in gold \
        and bool(words[0] & words[1]) \
        and bool(_AS_IT_STANDS.search(question))


def _of_thousands(text: str, gold: str) -> bool:
    """Whether a gold is a whole number whose point parts thousands; zeros at its end are lost."""
    return re.fullmatch(r"[1-9]\d?\d?\.\d{1,3}", gold) is not None \
        and f"{float(gold):.3f}".replace(".", "") == text


def _stands(text: str, record: str) -> bool:
    """Whether a text stands in another one, not within a word."""
    return text in record and re.search(
        (r"(?<!\w)" if text[:1].isalnum() else "") + re.escape(text)
        + (r"(?!\w)" if text[-1:].isalnum() else ""), record) is not None


def _is_in_other_signs(text: str, gold: str) -> bool:
    """Whether a gold is a text with its escapes, entities or tags read, its signs or accents
    dropped, masked, or with another digit or letter in one place."""
    if gold.translate(_ESCAPES) == text or html.unescape(text) == gold != text \
            or "<" in text and re.sub(r"<[^<>]*>", " ", text).split() == gold.split():
        return True
    if _MASK.search(gold) and not _MASK.search(text):
        return re.fullmatch(".+".join(map(re.escape, _MASK.split(gold))), text, re.S) is not None
    same = bool(alike(text, gold, ""))
    if golds.number(text) is not None and "." in text:  # without its point another amount
        return text.lstrip("+-") == gold
    if _letters(text) == _letters(gold) != "" and len(gold) <= len(text) and (
            not same or " " not in text and re.search(r"[\d_-]", text)):
        return True
    return not same and len(text) == len(gold) > 5 and " " not in text and one_off(text, gold)


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
    gone = full[same:len(full) - len(rest)].lstrip()
    return same > 0 and len(short) < len(full) and full.endswith(rest) and bool(gone) and (
        gone[0] in _SIGNS or not rest and short[-1] in ",;:|/-")


def _is_read(text: str, gold: str) -> bool:
    """Whether a gold is what a program reads where a text stands that looks like a number, a truth
    value or nothing."""
    low, found = text.casefold(), gold.casefold()
    if low in _TRUTH or low in _NULLS:
        return found == _TRUTH.get(low) or low in _NULLS and found != low and found in _NULLS
    if len(text) > 40 or not text[:1].isdigit():
        return False
    forms = recorded.as_number(text)
    if re.fullmatch(r"\d+\.\d*0", text):
        forms.add(str(float(text)))
    if re.fullmatch(r"0[0-7]+|0x[0-9a-f]+", low):
        forms.add(str(int(low, 16 if "x" in low else 8)))
    if clock := re.fullmatch(r"(\d\d?):([0-5]\d)", text):
        minutes = 60 * int(clock[1]) + int(clock[2])
        forms |= {str(minutes), str(minutes / 1440)}
    if text.isdigit() and len(text) > 4:
        forms |= {str(min(int(text), 2**bits - 1)) for bits in (8, 15, 16, 31, 32, 63, 64)}
        return found in forms - {low} or re.fullmatch(r"[\d.]+e\+\d+", found) is not None \
            and abs(int(text) - float(found)) < int(text) / 1e12
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
    passed = sum(row.outcome == "pass" for row in item.rows)
    for _, other in said:
        rows = [row for row, value in said if value == other != gold]
        texts = [[normal.written(one) for one in some] for some in (other, gold)]
        places = [record.find(one) for one in texts[0]]
        if agreed(item, rows) and len(rows) > passed and -1 not in places and (
                what := _of_list(*texts, item.question, places == sorted(places))):
            return _fault(f"The list that is expected is that of most failing answers {what}.",
                          item, rows)
    return None


_SORTED = re.compile(r"\balphabet|\bascend|\bdescend|\bsort|\brank|\blargest|\bsmallest|"
                     r"\b(?:low|high|old|new|long|short)est|\bincreas|\bdecreas|\brevers", re.I)
_IN_ORDER = re.compile(r"\border\b|\bsequence\b|\breihenfolge|\borden\b|\bordre\b", re.I)
_ONCE = re.compile(r"\bdistinct|\bunique|\bdifferent|\bwithout\b|\bdedup|\bset of\b|"
                   r"\b(?:each|every|all)\b[^.;]{0,40}\bonce\b|\bpermutation", re.I)
_JUST = re.compile(r"\b(?:exactly|just|only|the) (two|three|four|five|six|seven|eight|\d{1,2})\b",
                   re.I)


def _of_list(full: list[str], gold: list[str], question: str, in_order: bool) -> str:
    """How a list, which may stand so in the record, was spoilt; blank where what is expected may
    be what is asked for."""
    if {*gold} & {"...", "…"} and {*gold} - {"...", "…"} <= {*full}:
        return "with an ellipsis in it"
    letters = [_letters(re.sub(r"\b(?:and|und|y|e|et|en|og|och)\b", "", " ".join(some)))
               for some in (full, gold)]
    if len(gold) != len(full) and letters[0] == letters[1]:
        return "split at other places"
    found = _JUST.search(question)
    if found and len(full) == (COUNT.get(found[1].lower()) or int(found[1])) < len(gold) \
            and {*full} <= {*gold}:
        return "with more members than are asked for"
    once, repeats = _ONCE.search(question), len({*full}) < len(full)
    if not once and repeats and sorted(gold) == sorted({*full}):
        return "without what repeats"
    is_sorted = Counter(full) == Counter(gold) and gold in (
        sorted(full), sorted(full, reverse=True))
    if in_order and is_sorted and _IN_ORDER.search(question) and not _SORTED.search(question):
        return "in another order than the question's"
    return "with one of them twice" if once and not repeats and len(full) == len(gold) > len(
        {*gold}) and {*gold} <= {*full} else ""


_PRESCRIBED = (re.compile(r"\b\d{1,4} [^\W\d_]{2,}"),
               re.compile(r"[^\s'\"`,;()\[\]{}<>=“”‘’]{3,}"))


def _tokens(text: str) -> list[str]:
    """The words of a text, and its numbers with the word behind each."""
    return [token.strip(".:!?") for form in _PRESCRIBED for token in form.findall(text)]


def checked_otherwise(item: Item, whole: Whole) -> Fault | None:
    """A check, a rubric or a key of the gold is a name that stands nowhere in the record, and the
    question prescribes one that differs from it in one sign, or another number behind the name of
    its field; models that agree do what the question says and are failed for it."""
    gold = normal.parsed(item.expected) if isinstance(item.expected, str) else item.expected
    if not isinstance(gold, dict | list) or golds.wants_number(item.question) \
            or required.required(gold) or not recorded.several_fail(item):
        return None
    named, low = _tokens(item.question), None
    for key, token, is_meant in _wanted(gold):
        bare = token.casefold()
        low = recorded.kept(item).casefold() if low is None else low
        if bare in item.question.casefold() or bare in low and key not in item.question:
            continue
        for other in (one for one in named if len(one) > 2 and is_meant(token, one, key,
                                                                        item.question)):
            rows = [row for row in item.rows if row.outcome != "unjudged" and any(
                _stands(other, text) for text in (row.answer[:2_000], *(
                    text for made in row.made for text in golds.scalars(made.arguments))))]
            if low and agreed(item, rows):
                return _fault("A check or a key of what is expected is another name or number than "
                              "the question prescribes.", item, rows, f"{other} → {token}")
    return None


def _wanted(value: Any, key: str = "") -> Iterator[tuple[str, str, Callable[..., bool]]]:
    """(its key, a part of it, what makes another one the one that is meant) of each short text and
    number of a gold, and of each of its keys."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield "", str(name), lambda one, other, *_: _letters(one).casefold() == _letters(
                other).casefold()
            yield from _wanted(inner, str(name))
    elif isinstance(value, list):
        for one in value:
            yield from _wanted(one, key)
    elif isinstance(value, str | int | float) and not isinstance(value, bool) \
            and key not in golds.ANSWERS and len(str(value)) <= _LONGEST:
        yield from ((key, token, _is_meant) for token in _tokens(str(value)))


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
    if other.isalpha() and not re.search(rf"[\"'`“‘]{other}[\"'`”’]", question):
        return False
    return len(other) > 5 and (_letters(token).casefold() == _letters(other).casefold()
                               or one_off(token, other))


RULES = (("gold_spoilt", otherwise), ("gold_list_spoilt", listed_otherwise),
         ("check_otherwise", checked_otherwise))
