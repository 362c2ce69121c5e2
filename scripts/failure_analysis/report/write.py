"""Writing the report: placeholders become bound numbers, generated blocks are made anew, and the
author's prose is never touched."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from failure_analysis import files, manifest
from failure_analysis.report import blocks, draft, facts
from failure_analysis.report.prose import BOUND
from failure_analysis.review import tally

NAME = "deep_error_analysis.md"
STEP = "report"
# A key may hold any character that is safe in an id; safe_id keeps `<>{}` and blanks out of it.
PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")


def path_of(folder: Path) -> Path:
    """The report of an analysis folder: the one that was written last, else the usual name."""
    return folder / _record(folder).get("report", NAME)


class Written(NamedTuple):
    """What was done to the report, and what only its author can put right."""

    state: str
    problems: list[str]


def write(folder: Path, report: Path, force: bool) -> Written:
    """Brings the report up to date.

    An untouched draft (or any, with `force`) is drafted anew; a report that somebody has rewritten
    keeps its prose: its generated blocks are made anew, its numbers refreshed, its placeholders
    filled. Placeholders of unknown facts and numbers bound by hand stay and are named."""
    read = blocks.load(folder)
    if read.counted.reviews:
        facts.replace(folder, tally.PREFIX, tally.numbers(read.counted))
    known = facts.load(folder)
    try:
        old = report.read_text(encoding="utf-8") if report.exists() else None
    except UnicodeDecodeError:
        raise files.Refusal(f"{report}: not UTF-8; save it as UTF-8 or pass --force") from None
    record = _record(folder)
    untouched = old is None or force or _digest(old) == record.get("drafted")
    if untouched:
        text = draft.render(read)
        state = f"drafted from {read.counted.reviewed.total()} reviewed datapoints" \
            if read.counted.reviews else "drafted"
        kept: Counter[str] = Counter()
    else:
        made = blocks.render(read)
        text = "".join(made.get(name, piece) for name, piece in blocks.pieces(old))
        state = "kept as rewritten, its generated blocks refreshed (--force drafts it anew)"
        kept = Counter(key for _, _, key in bound(old)) & Counter(record.get("bound", {}))
    problems = [f"{report}:{line}: {problem}" for line, problem in _problems(text, known, kept)]
    text, filled = _filled(text, known)
    files.write_text(report, text)
    manifest.record(folder, STEP, {
        "report": report.name, "drafted": _digest(text) if untouched else None,
        "bound": dict(sorted((kept + filled).items()))}, [report.name, facts.NAME])
    return Written(state, problems)


def _filled(text: str, known: Mapping[str, int | float]) -> tuple[str, Counter[str]]:
    """The text with its placeholders bound and its bound numbers as they are now, and how often
    each fact was bound for the first time. Fences and blockquotes hold text of the runs: nothing in
    them is a placeholder."""
    filled: Counter[str] = Counter()

    def number(match: re.Match) -> str:
        key = match[match.lastindex]
        if key not in known:
            return match[0]
        filled[key] += match.re is PLACEHOLDER
        return f"{known[key]}<!--fact:{key}-->"

    lines = [PLACEHOLDER.sub(number, BOUND.sub(number, line)) if own and not line.startswith(">")
             else line for line, own in blocks.own_lines(text)]
    return "".join(lines), filled


def _problems(text: str, known: Mapping[str, int | float],
              kept: Counter[str]) -> list[tuple[int, str]]:
    """(line, what is wrong) for each placeholder or binding that cannot be filled or trusted."""
    found = [(line, f"no fact {key}; {_like(key, known)}") for line, key in placeholders(text)
             if key not in known]
    found += [(line, f"bound to {key}, which is no fact any more") for line, _, key in bound(text)
              if key not in known]
    found += [(line, f"bound to {key} by hand; write {{{{{key}}}}} and this script binds it")
              for line, key in hand_bound(text, kept)]
    return sorted(found)


def placeholders(text: str) -> list[tuple[int, str]]:
    """(line, key) of each placeholder in a report."""
    return [(number, match[1]) for number, (line, own) in enumerate(blocks.own_lines(text), 1)
            if own and not line.startswith(">") for match in PLACEHOLDER.finditer(line)]


def _like(key: str, known: Mapping[str, int | float]) -> str:
    """The facts most like an unknown one."""
    import difflib

    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    return f"nearest in {facts.NAME}: {', '.join(near)}" if near else f"keys are in {facts.NAME}"


def bound(text: str) -> list[tuple[int, str, str]]:
    """(line, number, key) of each bound number in the author's part of a report."""
    return [(number, match[1] or "", match[2])
            for number, (line, own) in enumerate(blocks.own_lines(text), 1)
            if own and not line.startswith(">") for match in BOUND.finditer(line)]


def hand_bound(text: str, allowed: Counter[str]) -> list[tuple[int, str]]:
    """(line, key) of each bound number beyond those that this program has bound itself."""
    left, found = Counter(allowed), []
    for number, _, key in bound(text):
        left[key] -= 1
        if left[key] < 0:
            found.append((number, key))
    return found


def allowed(folder: Path) -> Counter[str]:
    """The facts that were bound by this program, as often as each was."""
    return Counter(_record(folder).get("bound", {}))


def _record(folder: Path) -> dict:
    path = folder / manifest.NAME
    steps: dict = files.read_json(path).get("steps", {}) if path.exists() else {}
    return steps.get(STEP, {}).get("settings", {})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
