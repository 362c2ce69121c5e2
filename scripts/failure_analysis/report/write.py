"""Writing the report: placeholders become numbers, blocks are made anew, prose stays as it is."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from failure_analysis import facts, files, manifest, steps, store
from failure_analysis.packet import rows
from failure_analysis.report import (
    bindings,
    blocks,
    draft,
    issues,
    pieces,
    prose,
    relations,
    second_reading,
    sheet,
    spoken,
)
from failure_analysis.report.evidence import gather
from failure_analysis.review import audit_counts, break_counts, counting, plan, standing

NAME = standing.REPORT
path_of = standing.report_of


class Written(NamedTuple):
    """What was done to the report, what only its author can put right, whether a TODO is left, and
    the counts that it was written from."""

    state: str
    problems: list[str]
    todo: bool
    counts: counting.Counts


def write(analysis_dir: Path, report: Path, force: bool) -> Written:
    """Brings the report up to date.

    An untouched draft is drafted anew; so is any, with `force`, of which a copy stays if somebody
    has rewritten it. Without, such a report keeps its prose: its generated blocks are made anew,
    its numbers refreshed, its placeholders filled. Placeholders of unknown facts and numbers bound
    by hand stay and are named. Refuses files that their step did not write so, and what cannot
    be read, before anything is written."""
    old = refuse_unreadable(analysis_dir, report, force)
    manifest.proved(analysis_dir, (steps.SANITY, steps.VERSIONS, *(step.writes[0] for step in (
        steps.CLUSTER, steps.COMPARE, steps.AUDIT))))
    analysis = blocks.load(analysis_dir)
    reviewed = {**counting.numbers(analysis.counts, analysis.compared),
                **break_counts.numbers(analysis.counts)} if analysis.counts.reviews else {}
    facts.replace(analysis_dir, steps.REPORT, {
        **reviewed, **audit_counts.numbers(analysis.examined, analysis.counts.index)})
    _write_issues(analysis)
    values = facts.load(analysis_dir)
    aside = standing.copy_aside(report) if force and standing.is_rewritten(report, analysis_dir) \
        else None
    record = standing.report_record(analysis_dir, report)
    untouched = old is None or standing.digest(old) == record.get("drafted")
    if untouched:
        text = draft.render(analysis)
        reviewed = analysis.counts.reviewed.total() + counting.read_of(analysis.counts).judged
        state = f"drafted from {reviewed} reviewed datapoints" \
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
        kept = Counter(token.value for _, token in bindings.bound(old)) \
            & standing.own_bindings(analysis_dir, report)
    problems = [f"{report}:{line}: {problem}" for line, problem in _problems(text, values, kept)]
    text, filled = bindings.filled(text, values)
    text = _with_status(text, analysis_dir)
    crlf = report.exists() and b"\r\n" in files.read_bytes(report)
    # A draft that the manifest does not know passes for somebody's own text, so the manifest comes
    # first; until the new draft stands there, there is none.
    if untouched and text != old:
        report.resolve().unlink(missing_ok=True)
    reports = standing.reports(analysis_dir).get("reports", {})
    manifest.record(analysis_dir, steps.REPORT.name, {"report": report.name, "reports": {
        **reports, report.name: {"drafted": standing.digest(text) if untouched else None,
                                 "bound": dict(sorted((kept + filled).items()))}}},
                    steps.REPORT.writes)
    store.write_text(report.resolve(), text.replace("\n", "\r\n") if crlf else text)
    return Written(state, problems, "TODO" in text, analysis.counts)


def _write_issues(analysis: blocks.Analysis) -> None:
    """Writes what is to be filed with the benchmark; takes an earlier one away where nothing is
    confirmed."""
    text, path = issues.page(analysis), analysis.analysis_dir / steps.ISSUES
    if text:
        manifest.begin(analysis.analysis_dir, (steps.ISSUES,))
        store.write_text(path, text)
    else:
        path.unlink(missing_ok=True)


def _with_status(text: str, analysis_dir: Path) -> str:
    """The report with what second readers make of its sentences in its status block."""
    if not second_reading.load(analysis_dir):
        return text
    evidence = gather(analysis_dir, measure=False)
    said = list(spoken.spoken(prose.units(text), evidence))
    found = sheet.reading(said, evidence)
    status = blocks.status(evidence.analysis, second_reading.in_words(found))
    return "".join(status if name == "status" else piece for name, piece in pieces.split(text))


def refuse_unreadable(analysis_dir: Path, report: Path, force: bool) -> str | None:
    """Refuses a report, and what plan_review.py and measure_agreement.py wrote, where it cannot be
    read; returns the report's text, unless it is to be drafted anew."""
    store.refuse_leading_out(report)
    manifest.proved(analysis_dir, (plan.NAME, rows.CONTRAST, blocks.AGREEMENT,
                                   steps.DIAGNOSE.writes[0]))
    if (analysis_dir / plan.NAME).exists():
        plan.load(analysis_dir)
    if (analysis_dir / rows.CONTRAST).exists():
        deque(rows.whole(analysis_dir, rows.CONTRAST), maxlen=0)
    blocks.agreement(analysis_dir)
    return None if force or not report.exists() else read(report)


def read(report: Path) -> str:
    """The report's text, whatever ends its lines; refuses what is not UTF-8."""
    return files.read_text(report, "save it as UTF-8 (write_report.py --force drafts it anew)")


def _problems(text: str, values: Mapping[str, int | float],
              kept: Counter[str]) -> list[tuple[int, str]]:
    """(line, what is wrong) for each placeholder or binding that cannot be filled or trusted."""
    wanted = [(line, key, relations.bind(key, values)) for line, key in bindings.placeholders(text)]
    problems = [(line, f"{{{{{key}}}}}: {made.wrong}{_like(made.keys, values)}")
                for line, key, made in wanted if made.wrong]
    problems += [(line, f"bound to {token.value}, which does not hold any more: {wrong}")
                 for line, token in bindings.bound(text)
                 if (wrong := relations.bind(token.value, values).wrong)]
    problems += [(line, f"bound to {key} by hand; write {{{{{key}}}}} and this script binds it")
                 for line, key in bindings.hand_bound(text, kept)]
    return sorted(problems)


def _like(keys: Iterable[str], values: Mapping[str, int | float]) -> str:
    """The facts most like the first unknown one of these; blank where all are known."""
    import difflib

    unknown = next((key for key in keys if key not in values), None)
    if unknown is None:
        return ""
    near = difflib.get_close_matches(unknown, values, n=3, cutoff=0.5)
    return f"; nearest in {facts.NAME}: {', '.join(near)}" if near else \
        f"; keys are in {facts.NAME}"
