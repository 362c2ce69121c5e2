"""Writing the report: placeholders become numbers, blocks are made anew, prose stays as it is."""

import re
from collections import Counter
from collections.abc import Mapping
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
    manifest.proved(analysis_dir, (steps.SANITY, steps.VERSIONS, *(step.writes[0] for step in (
        steps.CLUSTER, steps.COMPARE, steps.PLAN, steps.AGREE))))
    analysis = blocks.load(analysis_dir)
    facts.replace(analysis_dir, steps.REPORT,
                  counting.numbers(analysis.counts) if analysis.counts.reviews else {})
    values = facts.load(analysis_dir)
    aside = standing.copy_aside(report) if force and standing.is_rewritten(report, analysis_dir) \
        else None
    old = None if force or not report.exists() else read(report)
    record = manifest.settings(analysis_dir, steps.REPORT.name)
    untouched = old is None or standing.digest(old) == record.get("drafted")
    if untouched:
        text = draft.render(analysis)
        state = f"drafted from {analysis.counts.reviewed.total()} reviewed datapoints" \
            if analysis.counts.reviews else "drafted"
        state += f"; the rewritten one is now {aside.name}" if aside else ""
        kept: Counter[str] = Counter()
    else:
        fresh_blocks = blocks.render(analysis)
        text = "".join(fresh_blocks.get(name, piece) for name, piece in pieces.split(old))
        state = "kept as rewritten, its generated blocks refreshed (--force drafts it anew)"
        kept = Counter(token.value for _, token in bound(old)) & Counter(record.get("bound", {}))
    problems = [f"{report}:{line}: {problem}" for line, problem in _problems(text, values, kept)]
    text, filled = _filled(text, values)
    crlf = report.exists() and b"\r\n" in report.read_bytes()
    files.write_text(report.resolve(), text.replace("\n", "\r\n") if crlf else text)
    manifest.record(analysis_dir, steps.REPORT.name, {
        "report": report.name, "drafted": standing.digest(text) if untouched else None,
        "bound": dict(sorted((kept + filled).items()))}, steps.REPORT.writes)
    return Written(state, problems)


def read(report: Path) -> str:
    """The report's text, whatever ends its lines; refuses what is not UTF-8."""
    try:
        return report.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise files.Refusal(f"{report}: not UTF-8; save it as UTF-8 (write_report.py --force "
                            "drafts it anew)") from None


def _filled(text: str, values: Mapping[str, int | float]) -> tuple[str, Counter[str]]:
    """The text with its placeholders bound and its bound numbers as they are now, and how often
    each fact was bound for the first time. Fences and blockquotes, text of the runs, stay."""
    filled: Counter[str] = Counter()

    def number(match: re.Match) -> str:
        key = match[match.lastindex]
        if key not in values:
            return match[0]
        filled[key] += match.re is PLACEHOLDER
        return f"{values[key]}<!--fact:{key}-->"

    lines = [PLACEHOLDER.sub(number, BOUND.sub(number, line)) if own and not line.startswith(">")
             else line for line, own in pieces.own_lines(text)]
    return "".join(lines), filled


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
    return [(number, match[1]) for number, (line, own) in enumerate(pieces.own_lines(text), 1)
            if own and not line.startswith(">") for match in PLACEHOLDER.finditer(line)]


def _like(key: str, values: Mapping[str, int | float]) -> str:
    """The facts most like an unknown one."""
    import difflib

    near = difflib.get_close_matches(key, values, n=3, cutoff=0.5)
    return f"nearest in {facts.NAME}: {', '.join(near)}" if near else f"keys are in {facts.NAME}"


def bound(text: str) -> list[tuple[int, Token]]:
    """(line, token) of each bound number in the author's part of a report."""
    return [(number, Token(FACT, match[0], match[2], match[1] or ""))
            for number, (line, own) in enumerate(pieces.own_lines(text), 1)
            if own and not line.startswith(">") for match in BOUND.finditer(line)]


def hand_bound(text: str, own: Counter[str]) -> list[tuple[int, str]]:
    """(line, key) of each bound number beyond those that this program has bound itself (`own`)."""
    left, by_hand = Counter(own), []
    for line, token in bound(text):
        left[token.value] -= 1
        if left[token.value] < 0:
            by_hand.append((line, token.value))
    return by_hand


def own_bindings(analysis_dir: Path) -> Counter[str]:
    """How often each fact was bound by this program, as the manifest has it."""
    return Counter(manifest.settings(analysis_dir, steps.REPORT.name).get("bound", {}))
