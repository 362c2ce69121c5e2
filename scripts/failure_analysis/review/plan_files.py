"""The files of the plan: review_plan.jsonl and .md, and the passing datapoints beside them."""

import json
from collections.abc import Iterable
from pathlib import Path

from failure_analysis import files, manifest, steps, store
from failure_analysis.packet import rows
from failure_analysis.review import contrast, plan_page
from failure_analysis.review.picks import Options
from failure_analysis.review.plan import NAME, PAGE, lines_of, plan


def write(analysis_dir: Path, options: Options) -> dict:
    """Plans the review and writes review_plan.jsonl and .md, contrast_rows.jsonl (the passing
    datapoints of the planned items, whole) and background.md; returns a summary."""
    reads = manifest.proved(analysis_dir, (steps.OUTCOMES, steps.VERSIONS))
    manifest.proved(analysis_dir, (*steps.COMPARE.writes[:1], steps.AUDIT.writes[0],
                                   steps.CHANGES.writes[0], steps.DIAGNOSE.writes[0]))
    index, compared, kept, ceiling, readers_of, siblings, groups = plan(analysis_dir, options)
    lines, trouble = lines_of(kept, readers_of, groups.of), ""
    manifest.begin(analysis_dir, steps.PLAN.writes)
    try:
        contrast.copy(analysis_dir, siblings)
    except files.Refusal as refusal:
        trouble = f"no passing datapoint was copied: {refusal}"
        lines = lines_of([pick._replace(contrast=None) for pick in kept], readers_of,
                         groups.of)
        (analysis_dir / rows.CONTRAST).unlink(missing_ok=True)
    summary = {**plan_page.summary(index, compared, lines, options), "ceiling": ceiling}
    summary["short"] += [trouble] if trouble else []
    with store.atomic(analysis_dir / NAME) as file:
        for planned in lines:
            file.write(json.dumps(planned._asdict()).encode() + b"\n")
    store.write_text(analysis_dir / PAGE, plan_page.page(summary, lines))
    manifest.record(analysis_dir, steps.PLAN.name, options._asdict(), steps.PLAN.writes,
                    reads=reads)
    return summary


def add_contrasts(analysis_dir: Path, idents: Iterable[str]) -> tuple[list[str], list[str]]:
    """Copies more datapoints that did not fail beside those of the plan; returns their ids, and
    why others were not copied; refuses when none can be."""
    index = rows.load(analysis_dir)
    wanted, refused = [], []
    for ident in dict.fromkeys(idents):
        if ident not in index.outcomes:
            refused.append(rows.missing(index, ident))
        elif index.places.get(ident, ("",))[0] == steps.ROWS:
            how = "failed" if index.outcomes[ident].outcome == "fail" else "is not judged"
            refused.append(f"{ident} {how}: it is in the packet, whole")
        else:
            wanted.append(ident)
    if not wanted:
        raise files.Refusal("; ".join(refused))
    there = {ident for ident, (name, _) in index.places.items() if name == rows.CONTRAST}
    contrast.copy(analysis_dir, there | set(wanted))
    manifest.replace_output(analysis_dir, steps.PLAN, steps.PLAN.writes[2:])
    return wanted, refused


def with_rows(index: rows.Index, idents: Iterable[str]) -> rows.Index:
    """The index with these datapoints here whole, so that quotes of them can be proved: those that
    passed are copied from the runs, as far as these are there."""
    absent = {ident for ident in idents if ident in index.outcomes and ident not in index.places}
    if not absent:
        return index
    try:
        add_contrasts(index.analysis_dir, absent)
    except files.Refusal:
        return index  # whoever needs one of them says that it is not here
    return rows.load(index.analysis_dir)
