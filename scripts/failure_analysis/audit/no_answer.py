"""Texts that a run stores as an answer and that no model gave, by their shape: nothing was
generated, signs of the machine alone, a call that nobody read, parts that are lost."""

import re

from failure_analysis.audit import broken, normal, required
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.whole import Whole

# What a program writes in the place of a value, and the signs that frame a turn.
_OBJECT = re.compile(r"\W*(?:object \w+\W*|<?(?:\w+[. ])*\w+(?: object)? at 0x[0-9a-f]+\W*|"
                     r"<(?:coroutine|generator|class|function|Response)\b[^<>]*>\W*)", re.I)
_FRAME = re.compile(r"<[|｜][^<>]{1,40}[|｜]>|</?s>|\[/?INST\]|<(?:pad|eos|bos|unk|start_of_turn|"
                    r"end_of_turn)>|\b(?:assistant|user|system|model)\b")
_MARK = re.compile(r"<[|｜]?(?P<tag>\w*(?:tool|function|python|call)\w*)[^<>]{0,20}>|"
                   r"\[\w*(?:TOOL|FUNCTION|CALL)\w*\]", re.I)
_CALLS = re.compile(r"(?:tool|function)_?(?:use|calls?)", re.I)
# What stands behind a text that somebody cut: how much, or that it was.
_REMARK = re.compile(r"(?:…|\.\.\.)?\s*[\[(<](?=[^\[\]()<>]*(?:\d|trunc|omit|clip|cut|short))"
                     r"(?=[^\[\]()<>]*[^\W\d]{3})"
                     r"[^\[\]()<>]{3,60}[\])>]\W{0,2}\Z|(?:…|\.\.\.)\s*\+?\d+ more \w+\W*\Z", re.I)
_STOPPED = re.compile(r"stop_(?:sequence|string|word)", re.I)
_OWN_END = re.compile(r"stop|end_turn|eos(?:_token)?|completed?|finished|done", re.I)
_MOST_WORDS, _FEWEST, _LONGEST, _SHORT = 14, 3, 4_000, 400


def is_none(row: Seen, item: Item, whole: Whole) -> bool:
    """Whether a row holds what is no answer of its model."""
    text = row.answer.strip()
    if not text or row.made or row.outcome == "pass":
        return False
    if row.tokens == 0:
        return _ungenerated(row, whole)
    if row.ident in whole.swapped:
        return True
    if len(text) > _LONGEST:
        return False
    return (len(text) < _SHORT and _is_machine(text, item)
            or _is_call(text, row, item) or _leads_nowhere(text, row, item)
            or _is_torn(text, row) or _is_clipped(text, item))


def _ungenerated(row: Seen, whole: Whole) -> bool:
    """Whether not a sign of the text was generated, in a run that counts them and in which no such
    text is right, as one out of a store would be."""
    run = whole.runs[row.run]
    return run.most_tokens > 0 and not run.right_of_none


def _is_machine(text: str, item: Item) -> bool:
    """Whether a text is the name of an object of a program, or the signs that frame a turn."""
    if "object" not in text and "<" not in text and "INST]" not in text or text in item.question:
        return False
    return bool(_OBJECT.fullmatch(text)) or bool(_FRAME.search(text)) \
        and not re.search(r"\w", _FRAME.sub("", text))


def _is_call(text: str, row: Seen, item: Item) -> bool:
    """Whether a text is nothing but a call of a tool that others called, in the signs of a call or
    where the run says that it ended in one."""
    marked = _MARK.match(text)
    if not marked and not (_CALLS.match(row.termination or "") and text[:1] in "[{`"):
        return False
    bare = _MARK.sub(" ", re.sub(r"</[^<>]{1,40}>|<[|｜]/[^<>]*>", " ", text)).strip()
    said = normal.parsed(normal.unfenced(bare))
    calls = required.required(said if isinstance(said, list) else [said]) if said else None
    tools = {made.tool for other in item.rows for made in other.made}
    return bool(calls) and all(call.name in tools for call in calls)


def _leads_nowhere(text: str, row: Seen, item: Item) -> bool:
    """Whether a text is only what leads in to an answer, as each row of the model is, or as a sign
    to stop at ended it; where others answered."""
    if text[-1] not in ":：" or len(text.split()) > _MOST_WORDS or item.question.endswith(text):
        return False
    mine = [other for other in item.rows if other.model == row.model]
    return any(other.outcome == "pass" for other in item.rows) and (
        bool(_STOPPED.match(row.termination or "")) or len(mine) > 1 and all(
            other.answer.strip()[-1:] in (":", "：") and other.answer.strip() for other in mine))


def _is_torn(text: str, row: Seen) -> bool:
    """Whether a text that its model ended itself breaks off in the midst of JSON, and has fewer
    signs than tokens were generated."""
    return row.tokens is not None and row.tokens > len(text) and text[0] in "{[" \
        and bool(_OWN_END.fullmatch(row.termination or "")) \
        and (text.count("{") != text.count("}") or text.count("[") != text.count("]"))


def _is_clipped(text: str, item: Item) -> bool:
    """Whether a remark stands behind a text that goes on in one that passed, or in the gold."""
    found = _REMARK.search(text)
    head = _bare(text[:found.start()]) if found else ""
    if len(head) < _FEWEST or found[0] in item.question:
        return False
    wholes = [_bare(other.answer) for other in item.rows if other.outcome == "pass"]
    wholes += [_bare(normal.written(item.expected))] if item.expected is not None else []
    return any(len(one) > len(head) and one.startswith(head) for one in wholes)


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()
