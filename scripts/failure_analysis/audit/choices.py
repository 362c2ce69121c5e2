"""Options of a multiple choice by their letters, their texts or both."""

import re

from failure_analysis.audit import asks
from failure_analysis.audit.latex import unlatexed
from failure_analysis.audit.normal import core
from failure_analysis.patterns import re_compile


def one(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """One option of those that the question lists, by its letter, its text or both."""
    listed = asks.options(question)
    if not listed or "only" in asked and len(answer) > len(gold) \
            or "case" in asked and answer.islower() != gold.islower():
        return False
    a, b = (option(text, listed) for text in (answer, gold))
    return a == b != ""


def several(answer: str, gold: str, question: str, asked: frozenset) -> bool:
    """The same options of those that the question lists, in which order one likes."""
    listed = asks.options(question)
    if not listed or len(gold) < 2 or _IN_ORDER.search(question) and "any order" not in asked:
        return False
    a, b = (_letters(core(text), listed) for text in (answer, gold))
    return len(a) > 1 and a == b


_IN_ORDER = re_compile(r"\border\b|\brank|\barrange|\bsequence\b|\bsort|\bfirst\b", re.I)
_TOGETHER = re_compile(r"[A-J]{2,}")
_BETWEEN = re_compile(r"\s*(?:[,;/&+\n]|\b(?:and|und|et|y|e|en|og|och)\b)\s*|"
                      r"(?<=\b[A-J]) (?=[A-J]\b)")


def _letters(text: str, listed: dict[str, str]) -> frozenset[str]:
    """The letters of the options that a text names, if that is all it does."""
    parts = list(text) if _TOGETHER.fullmatch(text) else [
        part for part in _BETWEEN.split(text.strip("[]{}")) if part.strip()]
    found = [option(part, listed) for part in parts] if len(parts) <= len(listed) else []
    return frozenset(found) if "" not in found and len(set(found)) == len(found) else frozenset()


def option(text: str, listed: dict[str, str]) -> str:
    """The letter of an option that a text names; blank for anything else."""
    bare = core(text)
    bare = core(unlatexed(bare)) if "\\" in bare else bare
    bare = re.sub(r"^(?:option|choice)\s+", "", bare, flags=re.I)
    if re.fullmatch(r"\(?[a-j][).:]?", bare) and not any(
            len(core(words)) == 1 for words in listed.values()):
        bare = bare.upper()
    found = re.match(r"^\(?([A-J])(?:[).:]+|\b)\s*(.*)$", bare)
    if found and found[1] in listed and (
            not found[2] or core(found[2]).casefold() == core(listed[found[1]]).casefold()):
        return found[1]
    same = [letter for letter, words in listed.items()
            if core(words).casefold() == bare.casefold()]
    return same[0] if len(same) == 1 else ""
