"""Untrusted text in Markdown: escaped, on one line where it must be, fenced where it is long."""

import hashlib
import re
from collections.abc import Iterable, Sequence

from failure_analysis.clean import visible

# Underscores inside a word are no Markdown.
_SPECIAL = re.compile(r"([\\`*\[\]<>#~{}&]|(?<![A-Za-z0-9_])_+|_+(?![A-Za-z0-9_]))")


def cell(text: object) -> str:
    """Free text on one line, in which nothing is Markdown or HTML any more."""
    return _SPECIAL.sub(r"\\\1", " ".join(visible(str(text)).split()))


def name_in_span(text: object) -> str:
    """What stands in the code span of a name."""
    return " ".join(visible(str(text)).split())


def code(text: object) -> str:
    """A name as a code span on one line, whatever backticks it holds: the one form in which names
    stand in a report, where its check knows them for names."""
    plain = name_in_span(text) or " "
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", plain)), default=0))
    space = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{ticks}{space}{plain}{space}{ticks}"


def listed(names: Sequence[str], most: int = 10, total: int | None = None) -> str:
    """The first names, and how many more there are of `total` (all are named, without it)."""
    rest = (len(names) if total is None else total) - len(names[:most])
    return ", ".join(map(str, names[:most])) + (f", and {rest} more" if rest else "")


def table(headers: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table of cells that are safe already; bars inside them are escaped here."""
    lines = [[str(value).replace("|", "\\|") for value in row] for row in (headers, *rows)]
    marks = ["---" if place == 0 else "---:" if _numeric(lines[1:], place) else "---"
             for place in range(len(headers))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], marks, *lines[1:]))


def fence(text: str, most: int) -> str:
    """A text from a run as a fenced block: control characters visible, at most `most` characters
    with the rest counted. The fence carries a mark made from the text's own hash, which the text
    cannot contain, so that it cannot close the block."""
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    shown = cut(text, most)
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return f"{ticks}text data-{mark}\n{shown}\n[end of data-{mark}]\n{ticks}"


def unfenced(text: str) -> str:
    """A page without the fences that `fence` puts around texts, and without their marks."""
    return re.sub(r"(?ms)^(`{3,})text data-([0-9a-f]{12})\n(.*?)\n\[end of data-\2\]\n\1$", r"\3",
                  text)


def cut(text: str, most: int) -> str:
    """A text from a run with its control characters visible, at most `most` characters of it, the
    rest counted."""
    rest = f"\n… ({len(text) - most} more of {len(text)} characters)" if len(text) > most else ""
    return visible(text[:most]) + rest


def _numeric(lines: list[list[str]], place: int) -> bool:
    return bool(lines) and all(re.match(r"[-+]?\d|$", line[place]) for line in lines)
