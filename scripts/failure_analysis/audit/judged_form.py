"""Failures of which the judge itself says that form alone decided: the blanks that it compared, the
code fence that it met."""

import re
from collections.abc import Iterator, Sequence

from failure_analysis.audit import asks, checked, dimensions
from failure_analysis.audit.alike import alike
from failure_analysis.audit.candidates import Candidate, candidate, variant
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Seen
from failure_analysis.patterns import re_compile

_COMPARES = re_compile(
    r"(?P<q>['\"`])(?P<a>(?:(?!(?P=q)).){1,400})(?P=q),?\s*(?:[!=]=|(?:but )?(?:got|was)|is not|"
    r"differs from|vs\.?):?\s*(?P<r>['\"`])(?P<b>(?:(?!(?P=r)).){1,400})(?P=r)", re.S)
_EXPECTED_GOT = re_compile(
    r"\b(?:expected|wanted|want|should be|gold|reference)\b(?: output| value| text| answer)?:? ?"
    r"(?P<q>['\"`])(?P<a>(?:(?!(?P=q)).){1,400})(?P=q)[,;.]?\s*(?:but )?(?:got|received|was|actual|"
    r"found|given|have|output)\b(?: output| value| text| answer)?:? ?"
    r"(?P<r>['\"`])(?P<b>(?:(?!(?P=r)).){1,400})(?P=r)", re.S | re.I)
# A parser that met the fence itself.
_FENCE_MET = re_compile(r"(?:syntax ?error|invalid syntax|unexpected (?:token|character)|"
                        r"parse ?error|could ?n[o']t parse|can(?:not|'t) parse|"
                        r"failed to parse|decode ?error|"
                        r"invalid (?:json|token|character)|expecting value|"
                        r"compil\w+ (?:error|failed)|near)[^\n]{0,120}\n?[^\n]{0,40}```", re.I)
_LONGEST_JUDGE = 4_000
_MOST_SHOWN = 6


def blanks(item: Item, failed: Sequence[Seen]) -> Iterator[Candidate]:
    """Failures whose judge says which two texts it compared, and they differ in white space alone
    at their ends, or in another way that is only form."""
    told = [row for row in failed if len(row.judge) < _LONGEST_JUDGE
            and any(sign in row.judge for sign in ("!=", "==", "got", "xpected", "ctual", "ound"))]
    pairs = {row.ident: compared(row.judge) for row in told}
    rows = [row for row in told if pairs[row.ident]
            and all(a != b and a.strip() == b.strip() for a, b in pairs[row.ident])]
    other = [row for row in told if pairs[row.ident] and row not in rows and dimensions.about(row)
             and all(a != b and alike(b, a, item.question) for a, b in pairs[row.ident])]
    if other and not asks.forms(item.question) & {"exact", "output", "case", "number"}:
        yield candidate(item, "strict_match", "judged_form",
                        f"{len(other)} failed as their judge compared two forms of one value.",
                        [variant("failed", row.judge, [row]) for row in other[:_MOST_SHOWN]], other,
                        failed=len(other), of=len(item.rows))
    if rows and not asks.forms(item.question) & {"exact", "stop"} \
            and not re.search(r"\btrailing\b|\bline (?:break|feed)|\bnew ?line|\bspaces?\b|"
                              r"\bwhite ?space|\\n", item.question):
        yield candidate(item, "strict_match", "judged_blanks",
                        f"{len(rows)} failed as their judge compared blanks at the end.",
                        [variant("failed", row.judge, [row]) for row in rows[:_MOST_SHOWN]], rows,
                        failed=len(rows), of=len(item.rows))


def compared(judge: str) -> list[tuple[str, str]]:
    """The pairs of quoted texts that a judge says it compared, their line feeds as such."""
    pairs = ((_unescaped(found["a"]), _unescaped(found["b"]))
             for form in (_COMPARES, _EXPECTED_GOT) for found in form.finditer(judge))
    return list(dict.fromkeys(pairs))


def _unescaped(text: str) -> str:
    return re.sub(r"\\[nrt]", lambda sign: {"n": "\n", "r": "\r", "t": "\t"}[sign[0][1]], text)


def fences(item: Item, failed: Sequence[Seen]) -> Iterator[Candidate]:
    """Failures by a code fence that the judge did not take off: it met the fence itself."""
    rows = [row for row in failed if "```" in row.judge and "```" in row.answer
            and len(row.judge) < _LONGEST_JUDGE and _FENCE_MET.search(row.judge)]
    if rows and not asks.forms(item.question) & {"exact", "bare"}:
        yield candidate(item, "strict_match", "judged_fences",
                        f"{len(rows)} failed as the code fence around their answer was not read.",
                        [variant("failed", f"{row.answer}\n\n{row.judge}", [row])
                         for row in rows[:_MOST_SHOWN]], rows, failed=len(rows), of=len(item.rows))


def green(item: Item, failed: Sequence[Seen]) -> Iterator[Candidate]:
    """Failures of which the grader's own log says that all tests passed."""
    rows = [row for row in failed if (row.judge or row.made) and checked.green(row)
            and dimensions.about(row)]
    if rows:
        yield candidate(item, "strict_match", "log_green",
                        f"{len(rows)} failed though the log of their tests says that all passed.",
                        [variant("failed", f"{row.answer}\n\n{row.judge or checked.last_log(row)}",
                                 [row]) for row in rows[:_MOST_SHOWN]], rows, failed=len(rows),
                        of=len(item.rows))
