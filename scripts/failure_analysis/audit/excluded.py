"""Demands of a question that exclude each other."""

import re

from failure_analysis.audit import demands, golds

_AMOUNT = (r"(?P<count>one|two|three|four|five|six|seven|eight|nine|ten|\d{1,4})[ -]"
           r"(?P<unit>word|sentence|paragraph|line|character|bullet point)s?\b")
_AT_LEAST = ("least", "minimum", "fewer", "less than", "more than")
_LEAST = re.compile(r"\b(?:at least|no (?:fewer|less) than|a minimum of|more than) " + _AMOUNT,
                    re.I)
_MOST = re.compile(r"\b(?:(?:in )?exactly|at most|no more than|a maximum of|not more than|up to|"
                   r"fewer than|less than) " + _AMOUNT, re.I)
# What a length may be of that is a part of the answer.
_OF_A_PART = re.compile(r"\b(?:each|every|per|title|heading|header|subject|first|last|second|third|"
                        r"section|summary|intro\w*|conclusion|quote|caption|name|example|step|"
                        r"item|then|followed by|and (?:a|an|another|one)|or|if|unless|either|"
                        r"not)\b", re.I)
_UNUSED = re.compile(r"\b(?:without (?:using|saying|mentioning)|(?:do not|don't|never|must not|"
                     r"should not|cannot|can't) (?:use|say|mention|include|contain)|avoid(?: "
                     r"using)?) the (?:word|phrase|term) [\"'‘“`]([^\"'’”`\n]{1,40})[\"'’”`]", re.I)
_USED = re.compile(r"(?<!not )(?<!n't )(?<!never )(?<!out )\b(?:use|using|include|including|"
                   r"contain|mention|say) the (?:word|phrase|term) [\"'‘“`]([^\"'’”`\n]{1,40})"
                   r"[\"'’”`]", re.I)
_CHOICE = re.compile(r"\b(?:if|unless|either|or|then|first|second|replac\w+|instead)\b", re.I)


def bounds(text: str) -> bool:
    """Whether a text says how long something has to be."""
    return bool(_LEAST.search(text) or _MOST.search(text))


def exclude_each_other(question: str) -> str:
    """Two demands of a question that no answer can both keep, in our words; blank where there are
    none: a length that is at least more than it is at most, a word that must and must not stand
    in the answer."""
    if len(question) > 5_000:
        return ""
    if "the word" in question or "the phrase" in question or "the term" in question:
        unused = {golds.folded(found[1]) for found in _UNUSED.finditer(question)}
        if unused & {golds.folded(found[1]) for found in _USED.finditer(question)} \
                and not _CHOICE.search(question):
            return "One word is to stand in the answer and is not to stand there."
    least = _LEAST.search(question) if any(word in question for word in _AT_LEAST) else None
    if least:
        for most in _MOST.finditer(question):
            low, high = (demands.COUNT.get(found["count"].lower()) or int(found["count"])
                         for found in (least, most))
            about = question[max(0, min(least.start(), most.start()) - 60):
                             max(least.end(), most.end()) + 40]
            if least["unit"].lower() == most["unit"].lower() and low > high \
                    and not _OF_A_PART.search(about):
                return "The answer is to be longer than it may be."
    return ""


