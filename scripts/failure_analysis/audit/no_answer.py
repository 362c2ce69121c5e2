"""Texts that a run stores as an answer and that no model gave, by their shape: nothing was
generated, words of a machine where others answer otherwise, parts that are lost."""

import re

from failure_analysis.audit import normal
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.whole import Whole
from failure_analysis.records import MARKERS

# What a machine says in the place of an answer, and what a question speaks of that may ask for it.
_FRAME = r"(?:<[|｜][^<>]{1,40}[|｜]>|</?s>|\[/?INST\])"
_SHAPES = tuple((re.compile(shape), re.compile(asked, re.I)) for shape, asked in (
    (r"\W*object [A-Z]\w+\W*\Z|<?(?:\w+[. ])*\w+(?: object)? at 0x[0-9a-f]+>?\Z|"
     r"<?[A-Z]\w+ ?[\[(](?:(?:id|content|choices|model|text)=|\d{3}\])",
     r"object|class|print|\brepr|code"),
    (r"(?i:\s*(?:<!doctype html|<html|<head|<\?xml[^<]*<error)\b)", r"html|web|page|\bsite\b|xml"),
    (r"(?i:\W*(?:[\w-]+ )?\{\W*(?:errors?|detail|exception|fault)\W*:)",
     r"json|\berror|object|\bkeys?\b|\bcode|schema|[{}]"),
    (r"[^\n]{0,80}\n(?:[^\n]*\n){0,3}?\s*(?:at [\w.$<>]+ ?\(\S+:\d+|File \".+\", line \d|"
     r"goroutine \d|#\d+ +0x)", r"trace|stack|error|exception|code|\blog\b|print"),
    (r"\W*(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*|(?:INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL|DEBUG)"
     r"\W+\w|HTTP/\d\S* [45]\d\d\b|E[A-Z]{5,}: )", r"\blog|http|status|date|time|error|line"),
    (r"(?:/[\w.@-]+){2,}/?\Z|(?:s3|gs|file|https?)://\S+\Z|[A-Z]:\\\S+\Z",
     r"path|file|url|link|folder|director|address|web|command|where|/\w|route|regex"),
    (r"[*█▇▒•�\x00-\x08]{3,}\Z|[\[<]\W*[A-Z]{4,}(?:[ _][A-Z]+)*\W*[\]>]\Z|\{\{[^{}]+\}\}\Z|"
     rf"\$\{{[\w.]+\}}\Z|{_FRAME}(?:{_FRAME}|\s|assistant|user|system|model)*\Z",
     r"symbol|sign|pattern|draw|art\b|token|template|mask|placeholder|tag")))
_CALLS = re.compile(r"(?:tool|function)_?(?:use|calls?)", re.I)
# What stands behind a text that somebody cut.
_REMARK = re.compile(r"(?:…|\.\.\.)\s*[\[(<+]?[^\[\]()<>\n]{0,60}[\])>]?\Z|\s[\[(<][^\[\]()<>\n]*"
                     r"(?:trunc|omitted|clipped|shortened|\d more)[^\[\]()<>\n]*[\])>]?\Z", re.I)
_MOST_WORDS, _FEWEST, _LONGEST = 14, 3, 4_000


def is_none(row: Seen, item: Item, whole: Whole) -> bool:
    """Whether a row holds what is no answer of its model."""
    text = row.answer.strip()
    if not text or row.made or row.outcome == "pass" or text.startswith(tuple(MARKERS)):
        return False  # what a marker says of the model its run counts
    run = whole.runs[row.run]
    if row.tokens == 0 and run.most_tokens > 0 and not run.right_of_none:
        return True  # a text of a store would have none either, and be right
    return len(text) < _LONGEST and (_is_shape(text, item) or _is_call(text, row, item)
                                     or _leads_nowhere(text, row, item) or _is_clipped(text, item))


def _is_shape(text: str, item: Item) -> bool:
    """Whether a text is of a machine, where others passed with what is not, nor is the gold."""
    shape = next((shape for shape, asked in _SHAPES if shape.match(text)
                  and not asked.search(item.question)), None)
    if shape is None or shape.match(normal.written(item.expected)):
        return False
    passed = [other.answer.strip() for other in item.rows if other.outcome == "pass"]
    return bool(passed) and not any(shape.match(other) or other.casefold() == text.casefold()
                                    for other in passed)


def _is_call(text: str, row: Seen, item: Item) -> bool:
    """Whether a run that ended in a call, as it says, has that of another's tool as text alone."""
    return bool(_CALLS.match(row.termination or "")) and any(
        f'"{made.tool}"' in text for other in item.rows for made in other.made)


def _leads_nowhere(text: str, row: Seen, item: Item) -> bool:
    """Whether a text only leads in to an answer, as each of the model does, or as a sign to stop at
    ended it; where others answered."""
    if text[-1] not in ":：" or len(text.split()) > _MOST_WORDS or item.question.endswith(text):
        return False
    mine = [other.answer.strip() for other in item.rows if other.model == row.model]
    return any(other.outcome == "pass" for other in item.rows) and (
        "stop_" in (row.termination or "") or len(mine) > 1 and all(
            one.endswith((":", "：")) for one in mine))


def _is_clipped(text: str, item: Item) -> bool:
    """Whether a remark stands behind a text that goes on in one that passed, or in the gold."""
    found = _REMARK.search(text, max(0, len(text) - 90))
    head = _bare(text[:found.start()]) if found else ""
    if len(head) < _FEWEST:
        return False
    wholes = [_bare(other.answer) for other in item.rows if other.outcome == "pass"]
    return any(len(one) > len(head) and one.startswith(head)
               for one in (*wholes, _bare(normal.written(item.expected))))


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()
