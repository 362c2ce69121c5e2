"""Names that are the same with and without accents or a title."""

import re
import unicodedata

from failure_analysis.audit import asks
from failure_analysis.audit.normal import core

_TITLE = re.compile(r"(?:mr|mrs|ms|miss|dr|prof|professor|sir|lady|captain|judge)\.? ", re.I)


def accents(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """A name with and without its accents, where no word of another language is asked for."""
    if answer.isascii() == gold.isascii() or not core(gold)[:1].isupper() or "case" in asked:
        return False
    a, b = (_unaccented(core(text)) for text in (answer, gold))
    return bool(a & b) and not re.search(
        r"\btranslat|\baccents?\b|\bdiacritic|\bword\b|\bin [A-Z]\w+(?:sh|an|ch|ese|ic)\b",
        question)


def inverted(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """A person with the family name first, as a catalogue has it, and last."""
    if ("," in answer) == ("," in gold) or not _OF_A_PERSON.search(question):
        return False
    a, b = sorted((core(text).replace(".", "") for text in (answer, gold)),
                  key=lambda text: "," in text)
    last, comma, first = b.partition(", ")
    return comma != "" and a == f"{first} {last}" and _NAME.fullmatch(a) is not None \
        and "order" not in asked and not re.search(r"\b(?:first|format|comma)\b", question)


_OF_A_PERSON = re.compile(r"\b(?:who(?:m|se)?|author|wer|qui|quién|chi|quem)\b(?! two\b)", re.I)
_NAME = re.compile(r"[A-Z][\w.'-]*(?: (?:[a-z]{1,3} )?[A-Z][\w.'-]*){1,3}")


def _unaccented(name: str) -> set[str]:
    """A name in plain letters: without its accents, and in each way of writing German and
    Scandinavian letters."""
    return {"".join(sign for sign in unicodedata.normalize("NFD", name.translate(letters))
                    if not unicodedata.combining(sign))
            for letters in ({}, _TWO_LETTERS, _TWO_LETTERS | _ONE_LETTER)}


_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe",
                              "å": "aa", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Æ": "Ae", "Ø": "Oe",
                              "Å": "Aa", "œ": "oe", "ł": "l", "Ł": "L", "đ": "d", "ð": "d",
                              "þ": "th", "Þ": "Th", "ı": "i"})
_ONE_LETTER = str.maketrans({"ø": "o", "Ø": "O", "å": "a", "Å": "A", "ä": "a", "Ä": "A", "ö": "o",
                             "Ö": "O", "ü": "u", "Ü": "U", "æ": "ae", "Æ": "Ae"})


def title(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """A person with and without a title, where one is asked for and no other of that name has
    one."""
    if not _TITLE.match(gold) and not _TITLE.match(answer) \
            or not re.search(r"\bwho(m|se)?\b", asks.asking(question), re.I) \
            or re.search(r"\btitles?\b|\bfull name|\baddressed?\b", question, re.I):
        return False
    a, b = (core(_TITLE.sub("", core(text), count=1)) for text in (answer, gold))
    titled = {text.casefold().replace(".", "") for text in re.findall(
        rf"\b(\w+\.?) {re.escape(b)}\b", question) if _TITLE.match(f"{text} ")}
    return a == b != "" and len(titled) < 2 and bool(
        _TITLE.match(gold)) != bool(_TITLE.match(answer))
