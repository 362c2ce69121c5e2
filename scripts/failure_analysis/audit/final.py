"""The answer that a response ends in, and how it is marked there."""

import re
from functools import lru_cache
from typing import NamedTuple

from failure_analysis.audit import normal
from failure_analysis.audit.latex import boxed
from failure_analysis.audit.values import plain
from failure_analysis.patterns import re_compile

_ROOM = 200  # characters at the end in which a response may say goodbye
_SHORT = 80  # characters of an answer that is one as a whole
_LAST = 40  # characters of a last line that stands alone
_FEW_WORDS = 4  # of an answer that nothing calls so
_THOUGHT = re_compile(r"<(think|thinking|reasoning)>.*?</\1>", re.S | re.I)
_TAG = re_compile(r"<(?:final_)?answer>(.*?)</(?:final_)?answer>", re.S | re.I)
_HASHES = re_compile(r"(?m)(?:^|(?<=[ \t]))####[ \t]*(\S.*?)[ \t]*$")
_LAST_FENCE = re_compile(r"(?:\A|\n)[ \t]*```[\w+-]*[ \t]*\n((?:(?!```).)*?)\n?[ \t]*```\s*\Z",
                         re.S)
_TWICE = re_compile(r"(?m)^[ \t]*```[\w+-]*[ \t]*\n(?=[ \t]*```)")  # a fence within a fence
_SAYS = re_compile(
    r"\b(?:answer|result|solution|réponse|respuesta|antwort|ergebnis|risposta|resposta)s?"
    r"(?: finale?)?[*_]*\s*(?:\b(?:is|are|est|es|ist)\b|:|=)[*_:]*\s*(\S.*)$", re.I)
_SAY = ("answer", "result", "solution", "réponse", "respuesta", "antwort", "ergebnis", "risposta",
        "resposta")
_CONCLUDES = re_compile(
    r"^(?:in short|in conclusion|thus|hence|therefore|so|donc|por (?:lo )?tanto|also|daher)[:,]?\s+"
    r"(?:(?:i|we) (?:get|have|obtain|find) |it is )?(\S.*)$", re.I)
_CLOSES = re_compile(
    r"^(?:(?:i|we) (?:get|obtain|arrive at)|it is|that (?:is|would be|gives|makes)|"
    r"this (?:gives|makes)|=>|⇒|∴)[:,]?\s*(\S.*)$", re.I)
_LEADS = re_compile(  # a number alone that a sentence comes to at its end
    r"(?:, (?:so|thus|hence|therefore|giving|making|which (?:is|makes|gives)|and so|for a total of|"
    r"in (?:total|all|sum)|together|that (?:is|makes))|\bmakes)[,:]? (?:it is |that is |we get )?"
    r"((?:[$€£]?\d[\d,.]*|(?:[a-z]+ty[- ])?(?:one|two|three|four|five|six|seven|eight|nine)|ten|"
    r"eleven|twelve|[a-z]+teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)(?: [a-z]+)?)\W*$", re.I)
_BOLD = re_compile(r"^[^*\n]{3,160}\b(?:is|are|was|were|be|called|to) (?:the |an? )?"
                   r"\*\*([^*\n]{1,60}?)\.?\*\*\W*$")  # the one thing that stands out
_SENTENCE_END = re_compile(r"(?<=[.!?])\s+")
_LETTERED = re_compile(r"^A:\s*(\S.*)$")
_HEADED = re_compile(r"(?i)^[ \t]*(?:#+[ \t]*)?[*_]*(?:final |my |the )?answer[*_]*:?[*_]*[ \t]*$|"
                     r"^[ \t]*[*_]*(?:result|output)[*_]*:[*_]*[ \t]*$")
_CLOSING = re_compile(r"\s+(?:i )?(?:hope (?:this|that) helps|feel free to|(?:please )?let me know|"
                      r"have a (?:nice|great|good) day)[^\n]{0,80}$", re.I)
_CLOSES_WITH = ("hope th", "feel free", "let me know", "have a ")  # one of these in each
_ASIDE = re_compile(  # words in brackets below the answer
    r"\n\s*\n\((?=(?:[^()\n]*?[^\W\d_]{2,}){3})[^()\n\d]{8,120}\)\s*$")
_LED_TO = re_compile(r"[^\n{}\[\]]{1,160}[:.]\s*\n\s*([{\[].*)\Z", re.S)
_OPEN_THOUGHT = re_compile(r"<(think|thinking|reasoning)>", re.I)


class Final(NamedTuple):
    """The answer that a response ends in, and how it is marked there: boxed, tag, hashes, json,
    says (`Answer: x`), fence (the only one, at the end), below (JSON below a line that leads to
    it), line (alone at the end) or whole."""

    text: str
    how: str


NONE = Final("", "")


@lru_cache(maxsize=128)  # several classes ask for those of one item
def final(text: str) -> Final:
    """The answer that a response ends in, blank where that is not sure: nothing marks it, or it
    marks several different ones."""
    is_marked = "<" in text
    text = plain(_THOUGHT.sub(" ", text) if is_marked else text).strip()
    text = _ASIDE.sub("", text) if text.endswith(")") else text
    if any(map(text[-_ROOM:].casefold().__contains__, _CLOSES_WITH)):
        text = text[:-_ROOM] + _CLOSING.sub("", text[-_ROOM:])
    if not text or is_marked and _OPEN_THOUGHT.search(text):
        return NONE
    marked = [Final(inner, "boxed") for inner in boxed(text)]
    if "<" in text:
        marked += [Final(inner, "tag") for inner in _TAG.findall(text)]
    if "####" in text:
        marked += [Final(inner, "hashes") for inner in _HASHES.findall(text)]
    inside = _json_answer(text)
    if inside:
        marked.append(Final(inside, "json"))
    marked += [] if marked and "\n" not in text else _said(text)
    if marked:
        texts = {normal.core(one.text) for one in marked}
        return marked[0] if len(texts) == 1 and texts != {""} else NONE
    return _unmarked(text)


def _unmarked(text: str) -> Final:
    """A short answer as a whole, or what stands alone at its end."""
    lines = text.splitlines()
    if len(lines) == 1 and len(text) <= _SHORT:
        return Final(text, "whole")
    single = _TWICE.sub("", text) if text.count("```") == 4 else text
    fenced = _LAST_FENCE.search(single)
    if fenced and single.count("```") == 2 and len(fenced[1]) <= 2_000 and fenced[1].strip() \
            and (not normal.is_code(fenced[1]) or normal.parsed(fenced[1].strip()) is not None):
        return Final(fenced[1], "fence")
    if normal.FENCE.match(text):
        return Final(text, "whole")
    below = _LED_TO.match(text) if text[-1] in "]}" else None
    if below and normal.parsed(below[1]) is not None:
        return Final(below[1], "below")
    last = lines[-1].strip()
    if len(lines) > 2 and not lines[-2].strip() and len(last) <= _LAST \
            and len(last.split()) <= 4 and not last.endswith(("?", ":", "!", ",")) \
            and not (last.endswith(".") and " " in last):  # a sentence, and no answer
        return Final(last, "line")
    return NONE


def _said(text: str) -> list[Final]:
    """What the last line calls the answer, or what stands below a heading that does."""
    if below := _below_heading(text):
        said = [below] if "\n\n" not in below and not _LAST_FENCE.match(below) else []
    else:
        said = _last_words(text.splitlines()[-1].strip())
    words = [_unwrapped(part) for part in said]
    return [Final(part, "says") for part in words if _is_answer(part)]


def _below_heading(text: str) -> str:
    """What stands below the last line that is a heading of an answer; blank for nothing."""
    end = len(text)
    for line in reversed(text.split("\n")):
        if _HEADED.match(line):
            return text[end:].strip()
        end -= len(line) + 1
    return ""


def _last_words(line: str) -> list[str]:
    """What a last line, or its last sentence, calls the answer; few words where only the way in
    which a sentence begins says so."""
    sentence = _SENTENCE_END.split(line)[-1]
    found = _LETTERED.match(line) or any(map(line.casefold().__contains__, _SAY)) and (
        _SAYS.search(sentence) or _SAYS.search(line)) or _CONCLUDES.match(sentence)
    if found:
        return [found[1]]
    leads = _LEADS.search(sentence) if "," in sentence or " makes " in sentence else None
    if leads:
        return [leads[1]]
    if bold := _BOLD.match(line) if "**" in line else None:
        return [bold[1]]
    closes = _CLOSES.match(sentence)
    return [closes[1]] if closes and len(closes[1].split()) <= _FEW_WORDS else []


def _unwrapped(words: str) -> str:
    """An answer without emphasis, and out of its box or tag where it has one."""
    words = re.sub(r"^[*_]+(?=\S)|(?<=\S)[*_]+$", "", words.strip())
    inner = [*boxed(words), *_TAG.findall(words)]
    return inner[0] if len(inner) == 1 else words


def _is_answer(words: str) -> bool:
    """Whether this is an answer and not a sentence on one."""
    if words[:1] in "{[":
        return len(words) <= 2_000
    return bool(words) and len(words) <= _SHORT and not re.search(
        r" because |[.!?] +[A-Z]|\b(?:not|or)\b", words)


def _json_answer(text: str) -> str:
    """The answer of a response that is a JSON object with one."""
    bare = normal.unfenced(text)
    if not bare.startswith("{"):
        return ""
    value = normal.parsed(bare)
    if value is None:  # LaTeX in a JSON string is often not escaped
        said = re.findall(r'"(?:final_)?answer"\s*:\s*"([^"\n]*)"\s*\}\s*$', bare)
        return said[0] if said else ""
    names = [name for name in ("answer", "final_answer") if isinstance(value, dict)
             and isinstance(value.get(name), str | int | float)]
    return normal.written(value[names[0]]) if len(names) == 1 else ""
