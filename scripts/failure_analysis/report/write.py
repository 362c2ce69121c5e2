"""Writing the report: placeholders become numbers, blocks are made anew, prose stays as it is."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from failure_analysis import facts, files, manifest, steps
from failure_analysis.report import blocks, draft, pieces
from failure_analysis.report.prose import BOUND, FACT, Token
from failure_analysis.review import counting, standing

NAME = standing.REPORT
path_of = standing.report_of
# A key may hold any character that is safe in an id; safe_id keeps `<>{}` and blanks out of it.
PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")
# What is escaped or in a code span (so names are written) is passed over.
_MARK = re.compile(r"\\.|(?<!`)(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)"
                   rf"|(?P<wanted>{PLACEHOLDER.pattern})|(?P<bound>{BOUND.pattern})")


class Written(NamedTuple):
    """What was done to the report, and what only its author can put right."""

    state: str
    problems: list[str]


def write(analysis_dir: Path, report: Path, force: bool) -> Written:
    """Brings the report up to date.

    An untouched draft is drafted anew; so is any, with `force`, of which a copy stays if somebody
    has rewritten it. Without, such a report keeps its prose: its generated blocks are made anew,
    its numbers refreshed, its placeholders filled. Placeholders of unknown facts and numbers bound
    by hand stay and are named. Refuses files that their step did not write so, and a report that
    is not UTF-8."""
    files.refuse_leading_out(report)
    manifest.proved(analysis_dir, (steps.SANITY, steps.VERSIONS, *(step.writes[0] for step in (
        steps.CLUSTER, steps.COMPARE, steps.PLAN, steps.AGREE))))
    analysis = blocks.load(analysis_dir)
    facts.replace(analysis_dir, steps.REPORT,
                  counting.numbers(analysis.counts, analysis.compared)
                  if analysis.counts.reviews else {})
    values = facts.load(analysis_dir)
    aside = standing.copy_aside(report) if force and standing.is_rewritten(report, analysis_dir) \
        else None
    old = None if force or not report.exists() else read(report)
    record = standing.report_record(analysis_dir, report)
    untouched = old is None or standing.digest(old) == record.get("drafted")
    if untouched:
        text = draft.render(analysis)
        state = f"drafted from {analysis.counts.reviewed.total()} reviewed datapoints" \
            if analysis.counts.reviews else "drafted"
        state += f"; the rewritten one is now {aside.name}" if aside else ""
        kept: Counter[str] = Counter()
    else:
        fresh_blocks, old_pieces = blocks.render(analysis), pieces.split(old)
        text = "".join(fresh_blocks.get(name, piece) for name, piece in old_pieces)
        state = "kept as rewritten, its generated blocks refreshed" \
            if any(name in fresh_blocks for name, _ in old_pieces) else \
            "kept, somebody's own text with no generated block in it"
        state += " (--force drafts it anew)"
        kept = Counter(token.value for _, token in bound(old)) & Counter(record.get("bound", {}))
    problems = [f"{report}:{line}: {problem}" for line, problem in _problems(text, values, kept)]
    text, filled = _filled(text, values)
    crlf = report.exists() and b"\r\n" in files.read_bytes(report)
    # A draft that the manifest does not know passes for somebody's own text, so the manifest comes
    # first; until the new draft stands there, there is none.
    if untouched and text != old:
        report.resolve().unlink(missing_ok=True)
    reports = manifest.settings(analysis_dir, steps.REPORT.name).get("reports", {})
    manifest.record(analysis_dir, steps.REPORT.name, {"report": report.name, "reports": {
        **reports, report.name: {"drafted": standing.digest(text) if untouched else None,
                                 "bound": dict(sorted((kept + filled).items()))}}},
                    steps.REPORT.writes)
    files.write_text(report.resolve(), text.replace("\n", "\r\n") if crlf else text)
    return Written(state, problems)


def read(report: Path) -> str:
    """The report's text, whatever ends its lines; refuses what is not UTF-8."""
    return files.read_text(report, "save it as UTF-8 (write_report.py --force drafts it anew)")


def _filled(text: str, values: Mapping[str, int | float]) -> tuple[str, Counter[str]]:
    """The text with its placeholders bound and its bound numbers as they are now, and how often
    each fact was bound for the first time. Blocks, fences, blockquotes and code spans stay."""
    filled: Counter[str] = Counter()

    def number(match: re.Match) -> str:
        key = _key(match)
        if key not in values:
            return match[0]
        filled[key] += bool(match["wanted"])
        return f"{values[key]}<!--fact:{key}-->"

    return "".join(_MARK.sub(number, line) if mine else line
                   for line, mine in _lines(text)), filled


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line (with its end), and whether it is the author's: in no generated block, no fence and
    no blockquote."""
    for name, piece in pieces.split(text):
        for line, own in pieces.own_lines(piece):
            yield line, not name and own and not line.startswith(">")


def _marks(text: str) -> Iterator[tuple[int, re.Match]]:
    """(line, match) of each placeholder and bound number in the author's part of a report."""
    for number, (line, mine) in enumerate(_lines(text), 1):
        yield from ((number, match) for match in (_MARK.finditer(line) if mine else ())
                    if _key(match))


def _key(match: re.Match) -> str | None:
    """The key of a placeholder or a bound number."""
    return match[3] or match[6]


def _problems(text: str, values: Mapping[str, int | float],
              kept: Counter[str]) -> list[tuple[int, str]]:
    """(line, what is wrong) for each placeholder or binding that cannot be filled or trusted."""
    problems = [(line, f"no fact {key}; {_like(key, values)}") for line, key in placeholders(text)
                if key not in values]
    problems += [(line, f"bound to {token.value}, which is no fact any more")
                 for line, token in bound(text) if token.value not in values]
    problems += [(line, f"bound to {key} by hand; write {{{{{key}}}}} and this script binds it")
                 for line, key in hand_bound(text, kept)]
    return sorted(problems)


def placeholders(text: str) -> list[tuple[int, str]]:
    """(line, key) of each placeholder in a report."""
    return [(line, _key(match)) for line, match in _marks(text) if match["wanted"]]


def _like(key: str, values: Mapping[str, int | float]) -> str:
    """The facts most like an unknown one."""
    import difflib

    near = difflib.get_close_matches(key, values, n=3, cutoff=0.5)
    return f"nearest in {facts.NAME}: {', '.join(near)}" if near else f"keys are in {facts.NAME}"


def bound(text: str) -> list[tuple[int, Token]]:
    """(line, token) of each bound number in the author's part of a report."""
    return [(line, Token(FACT, match[0], _key(match), match[5] or ""))
            for line, match in _marks(text) if match["bound"]]


def hand_bound(text: str, own: Counter[str]) -> list[tuple[int, str]]:
    """(line, key) of each bound number beyond those that this program has bound itself (`own`)."""
    left, by_hand = Counter(own), []
    for line, token in bound(text):
        left[token.value] -= 1
        if left[token.value] < 0:
            by_hand.append((line, token.value))
    return by_hand


def own_bindings(analysis_dir: Path) -> Counter[str]:
    """How often each fact was bound in the report by this program, as the manifest has it."""
    return Counter(standing.report_record(analysis_dir, path_of(analysis_dir)).get("bound", {}))
