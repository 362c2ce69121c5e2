"""Files that a question names: those that it forbids to change, and those to be written."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from failure_analysis.audit import shell
from failure_analysis.audit.seen import Made, Seen

_CHANGE = r"(?:edit|chang|touch|modif|alter|delet|remov|skip|adapt|rewrit|disabl|weaken)"
_THING = r"[`'\"]?(?P<{}>[\w./-]*\w/?)[`'\"]?"
_FORBIDS = re.compile(
    rf"\b(?:without|(?:do|must|may|should|shall|are|is) not(?: to)?|don['’]t|never|not|no need to|"
    rf"avoid|refrain from) {_CHANGE}\w* (?:any of |anything (?:in|under|below) |any |the |your |"
    rf"our |existing |given |provided )*{_THING.format('a')}|"
    rf"{_THING.format('b')}(?: files?| folder| directory)? (?:is|are|must|should|may|shall|"
    rf"has to|have to)(?: to)? (?:not (?:to )?be {_CHANGE}\w*|(?:stay|remain|be left|be kept|be) "
    r"(?:untouched|unchanged|as (?:it|they) (?:is|are)|as is|unmodified|alone))\b|"
    rf"\b(?:leave|keep) (?:the |all |your )*{_THING.format('c')}(?: files?| folder)? "
    r"(?:untouched|alone|unchanged|unmodified|as (?:it|they) (?:is|are)|as is)\b", re.I)
_WORDS = ("without", "not ", "n't", "n’t", "never", "leave ", "keep ", "avoid", "refrain", "must",
          "should", "remain", "stay")
# One of these too stands where something is forbidden to change.
_CHANGES = ("edit", "chang", "touch", "modif", "alter", "delet", "remov", "skip", "adapt", "rewrit",
            "disabl", "weaken", "as is", "as it", "as they", "alone")
_NOTHING = frozenset(("them", "this", "that", "those", "these", "anything", "else", "code", "other",
                      "file", "files", "what", "there", "more", "than", "their"))
_PATHS = ("path", "file", "file_path", "filename", "filepath", "target_file", "file_name")
_WRITES = re.compile(r"\b(?:sed -\w*i|perl -\w*i|rm|mv|truncate|tee|patch|git (?:rm|mv|apply|"
    r"checkout)|chmod|dd|unlink|ed|cp)\b|(?<![0-9&])>(?!\s*/dev/null)")
_NAMED = re.compile(r"(?<![\w/.])(?:/[\w-][\w./-]*\w|[\w-][\w./-]*\.[a-z]\w{0,4})(?![\w/])")
_DUE = re.compile(
    r"\b(?:writ|sav|stor|convert|creat|put|export|output|generat|produc|dump|render|fix|repair|"
    r"patch|edit|append|install|compress|archiv|set|rais|lower|chang|replac|updat)\w*\b", re.I)


@lru_cache(1 << 10)
def _things(question: str) -> tuple[re.Pattern, ...]:
    """What a question forbids to change, each as it stands in a path."""
    low = question.lower()
    if not any(map(low.__contains__, _WORDS)) or not any(map(low.__contains__, _CHANGES)):
        return ()
    said = {next(filter(None, match.group("a", "b", "c")), "").strip("./").casefold()
            for match in _FORBIDS.finditer(question)}
    return tuple(re.compile(rf"(?<![\w-]){re.escape(name[:-1] if plain else name)}s?(?![a-z0-9])",
                            re.I)
                 for name in sorted(said - _NOTHING) if len(name) > 3
                 for plain in (name.endswith("s"),))


def changed(row: Seen, question: str) -> Made | None:
    """The first call that changes a file that the question forbids to change."""
    things = _things(question) if row.made else ()
    for one in shell.wrote(row) if things else ():
        for target in _targets(one):
            if any(thing.search(target) for thing in things):
                return one
    return None


def _targets(one: Made) -> Iterator[str]:
    """The paths that a call writes, as far as can be seen; of a command its parts that write."""
    command = shell.command(one)
    for part in re.split(r"&&|\|\||;|\n", command):
        for match in _WRITES.finditer(part):
            rest = part[match.end():]
            if match[0] in ("cp", "mv"):
                rest = rest.split()[-1] if rest.split() else ""
            yield " ".join(word for word in rest.split() if _NAMED.fullmatch(word.strip("'\"")))
    given: Any = one.arguments
    if not command and isinstance(given, dict):
        yield from (str(given[key]) for key in _PATHS if isinstance(given.get(key), str))


def due(question: str) -> list[str]:
    """The files that a question names after a word of writing."""
    start = _DUE.search(question) if _NAMED.search(question) else None
    return _NAMED.findall(question, start.end()) if start else []
