"""Answers that are there and hold nothing: an object without a value, a function without a body."""

import ast
import re
import warnings
from collections.abc import Sequence
from typing import Any

from failure_analysis.tool_checks import parsed_arguments

_LONGEST, _SHORT = 4_000, 100
_FENCE = re.compile(r"```[\w+-]*\n(.*?)```", re.S)
_OBJECT = re.compile(r"[^{}\[\](=]{0,200}?(\{[^{}]*\})\W*", re.S)
_TO_DO = re.compile(r"\W*(?:TODO|TBD|FIXME|to be (?:written|done|added|filled in|implemented))\b"
                    r"[^\n]{0,60}", re.I)
_STUB_WORDS = ("pass", "...", "NotImplemented", "TODO", "unimplemented!", "todo!",
               "not implemented", "to be ", "TBD", "FIXME")
_STUB_ASKED = re.compile(r"\bstubs?\b|\babstract|\binterface|\bprotocol|\bempty\b|\bskeleton|"
                         r"`pass`|'pass'|\bno-?op\b|does nothing|do nothing|NotImplemented|"
                         r"\bplaceholder|\bsignature", re.I)
# The body of a function in languages with braces: a remark, or an error that says so.
_BRACES = re.compile(r"\)[^{};=]{0,80}\{\s*(?:(?://[^\n]*\n|/\*[^*]*\*/)\s*)*"
                     r"(?:(?:throw|panic|unimplemented|todo)\b[^{};]*(?:implement|todo)[^{};]*;?|"
                     r"(?:unimplemented|todo)!\([^)]*\);?)?\s*\}", re.S | re.I)
# Markup, brackets and words for no value.
_MARKUP = re.compile(r"<[^<>\n]{0,40}>|```\w*|[\s\[\]{}\"'`()]|_{3,}|"
                     r"\b(?:nan|null|none|undefined)\b", re.I)


def hollow(answer: str, gold: Sequence[str]) -> bool:
    """Whether an answer is markup without a word in it, and the gold is not."""
    return 0 < len(answer) <= 2 * _SHORT and not _MARKUP.sub("", answer) \
        and bool(answer.strip() and _MARKUP.sub("", "".join(gold)))


def unfilled(answer: str, expected: Any) -> bool:
    """Whether an answer is an object without a value, where one with values is expected."""
    if "{" not in answer or len(answer) > _LONGEST:
        return False
    fenced = _FENCE.search(answer)
    said = _OBJECT.fullmatch((fenced[1] if fenced else answer).strip())
    return said is not None and _valued(parsed_arguments(said[1])) is False \
        and _valued(parsed_arguments(expected)) is True


def _valued(value: Any) -> bool | None:
    """Whether an object holds a value at all, a false or a zero too; None of what is no object."""
    if not isinstance(value, dict):
        return None
    waiting = [value]
    while waiting:
        for part in waiting.pop().values():
            if isinstance(part, dict):
                waiting.append(part)
            elif part not in (None, "", []):
                return True
    return False


def stub(answer: str, expected: Any, question: str) -> bool:
    """Whether an answer is code of which no function has a body, and nobody asked for that."""
    if not any(map(answer.__contains__, _STUB_WORDS)) or len(answer) > _LONGEST \
            or not (len(answer) < _SHORT or "def " in answer or "{" in answer) \
            or _STUB_ASKED.search(question):
        return False
    gold = expected if isinstance(expected, str) else ""
    return _is_stub(answer) and not (gold and _is_stub(gold))


def in_prose(answer: str) -> bool:
    """Whether an answer says much beside its code."""
    return len(_FENCE.sub("", answer)) > 2 * _SHORT and "```" in answer


def _is_stub(text: str) -> bool:
    """Whether a text is code of which no function has a body."""
    code = "\n".join(_FENCE.findall(text)) or text
    if _TO_DO.fullmatch(code.strip()):
        return True
    if "def " not in code:
        rest = _BRACES.sub("", code)
        return rest != code and "{" not in rest
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    bodies = [node.body for node in ast.walk(tree)
              if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    plain = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.Expr)
    return bool(bodies) and all(isinstance(node, plain) for node in tree.body) \
        and all(all(map(_says_nothing, body)) for body in bodies)


def _says_nothing(node: ast.stmt) -> bool:
    """Whether a statement is `pass`, a text, `...`, or an error that nothing is implemented."""
    if isinstance(node, ast.Raise):
        return "NotImplemented" in ast.dump(node)
    return isinstance(node, ast.Pass) \
        or isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
