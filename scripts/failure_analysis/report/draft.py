"""The draft of deep_error_analysis.md: exact numbers, what was reviewed (provisional clusters where
nothing was), evidence to build on, and a TODO wherever a reader's judgement belongs."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from failure_analysis import facts, tool_calls
from failure_analysis.markdown import cell, code, fence
from failure_analysis.packet import rows as packet_rows
from failure_analysis.report import blocks
from failure_analysis.review import break_counts, counting, ledger

TEMPLATE = Path(__file__).resolve().parents[3] / "templates" / "deep_error_analysis.md.j2"
_EXAMPLES = 40
_QUOTED = 5
_SUMMED = 6
_ALPHA = 0.05
_TEXT, _JUDGE, _SHORT, _LINE = 600, 900, 400, 160


def render(analysis: blocks.Analysis) -> str:
    """The text of a fresh draft, its facts still as placeholders."""
    import jinja2

    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False,
                                     undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    failing = [name for name in counting.models(analysis.counts) if analysis.counts.failing[name]]
    described = blocks.described(analysis.counts)
    models, shared = _models(analysis, described[:_EXAMPLES]), []
    if analysis.compared and not analysis.counts.reviewed:
        shared = analysis.compared["sets"]["failed_by_all"][:3]
    bare = [section for model in models for section in model["sections"] if section["provisional"]]
    rows = _rows(analysis.analysis_dir, {section["id"] for section in bare}, shared)
    for section in bare:
        section["evidence"] = example(rows[section["id"]])
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=title(analysis.sanity["conservation"]["benchmark"]),
        summary=_summary(analysis, failing),
        blocks=blocks.render(analysis), models=models, more_models=len(described) - len(models),
        shared=[{"name": code(item), "example": example(rows["item", item])} for item in shared
                if ("item", item) in rows])


def title(benchmark: str) -> str:
    """The report's title."""
    return f"# Deep error analysis: {code(benchmark)}"


def headings() -> list[str]:
    """The headings that every report has."""
    return [line.strip() for line in TEMPLATE.read_text(encoding="utf-8").splitlines()
            if re.match(r"## [^{]+$", line)]


def _models(analysis: blocks.Analysis, names: list[str]) -> list[dict]:
    """Per model: its sentence, its block, and a section for each bucket (or provisional mode)."""
    each = max(1, min(3, _EXAMPLES // max(1, len(names))))
    models = []
    for name in names:
        sections = _buckets(analysis.counts, name)
        sections += [] if analysis.counts.reviewed[name] else [
            {"name": code(mode["mode"]), "id": mode["examples"][name][0], "provisional": True,
             "costs": "TODO"} for mode in blocks.modes(analysis.clusters, name)[:each]]
        models.append({"name": code(name), "block": blocks.model_block(name),
                       "sections": sections})
    return models


def _summary(analysis: blocks.Analysis, failing: list[str]) -> list[str]:
    """Sentences that a summary can begin with: who fails how much and mostly of what, and which
    pairs differ by more than chance, as relations that are proved."""
    counts, lines = analysis.counts, []
    units = frozenset(facts.key(row["unit"]) for row in (analysis.compared or {}).get("units", ()))
    for name in failing[:_SUMMED]:
        said = f"{code(name)} fails {_share(('failed_rows', name), ('judged_rows', name))} " \
               "judged rows"
        order = counting.bucket_order(counts, name)
        if order and (len(order) == 1 or order[0][1] > order[1][1]):
            bucket, size = order[0]
            read = counts.reviewed[name]
            how = "all" if size == read else "most" if 2 * size > read else ""
            share = _share(("review/bucket", bucket, name), ("review/reviewed", name), how)
            said += f"; its largest bucket is {code(bucket)}, with {share} of the reviewed"
        lines.append(f"- {said}.")
    for name in counting.read_models(counts)[:_SUMMED]:
        share = _share(("review/read_fail", name), ("review/read_unjudged", name))
        lines.append(f"- Of {code(name)}, readers failed {share} datapoints that no grader judged.")
    if found := break_counts.breaks(counts):
        lines.append(_broken(found))
    for pair in (analysis.compared or {}).get("pairs", ())[:_SUMMED]:
        if pair.get("p_holm", 1) < _ALPHA:
            better, worse = (pair["a"], pair["b"]) if pair["difference"] >= 0 else \
                (pair["b"], pair["a"])
            rate = [f"comparison/pass_rate_pct/{facts.key(unit)}" for unit in (better, worse)]
            p = f"comparison/p_holm/{facts.joined(*map(facts.key, (better, worse)), units)}"
            lines.append(f"- {code(better)} passes more than {code(worse)} "
                         f"({{{{{rate[0]} > {rate[1]}}}}} %), and by more than chance "
                         f"(p {{{{{p} < 0.05}}}}, Holm).")
    return lines


def _broken(found: Mapping[str, break_counts.Break]) -> str:
    """In which third of their runs most failures broke, and how long they went on."""
    thirds = Counter(each.third for each in found.values())
    third = max(break_counts.THIRDS, key=lambda name: thirds[name])
    share = _share(("review/by_third", third), ("review/with_step",))
    return f"- Of the failures whose step is named, {share} broke in the {third} third of the " \
           "run, and the run went on for {{review/steps_to_end}} steps (median)."


def _share(part: tuple[str, ...], whole: tuple[str, ...], how: str = "") -> str:
    """A placeholder for a share of a whole, `all` or `most` of it."""
    share, of = ("/".join((kind, *map(facts.key, names))) for kind, *names in (part, whole))
    return f"{{{{{how}{' ' if how else ''}{share} of {of}}}}}"


def costs(counts: counting.Counts, model: str) -> dict[str, str]:
    """What each bucket of a model costs: the dimensions that its datapoints failed. Where no grader
    judged there is none."""
    said = {}
    for bucket, _ in counting.bucket_order(counts, model):
        named = ", ".join(map(code, sorted(counting.costs(counts, bucket, model))))
        share = _share(("review/bucket", bucket, model), ("review/reviewed", model))
        said[bucket] = f"{named or 'no named dimension'}, over {share} reviewed datapoints."
    for bucket in sorted(counting.read_of(counts, model).buckets):
        share = _share(("review/read_bucket", bucket, model), ("review/read_fail", model))
        apart = f"{share} datapoints that readers failed and no grader judged."
        said[bucket] = f"{said[bucket]} Besides, {apart}" if bucket in said else \
            f"no named dimension, over {apart}"
    return said


def _buckets(counts: counting.Counts, model: str) -> list[dict]:
    """A section per bucket that holds more than one datapoint of a reviewed model (its largest, if
    none does), with the quotes that were proved when they were recorded."""
    order, cost = counting.bucket_order(counts, model), costs(counts, model)
    read = counting.read_of(counts, model).buckets.most_common()
    sections = []
    for bucket in dict.fromkeys(bucket for pairs in (order, read) for bucket, _ in
                                [pair for pair in pairs if pair[1] > 1] or pairs[:1]):
        ids = [*counting.members(counts, bucket, model),
               *counting.read_members(counts, bucket, model)]
        reviews = [counting.final(counts, ident).reviews[-1]
                   for ident in counting.varied(counts, ids)[:_QUOTED]]
        # The first quote with its citation, and what its coder said of it for the author.
        evidence = [f"TODO rewrite: {_where(review)}*{cell(review.mechanism)}*\n\n"
                    f"> {cell(review.quotes[0])}\n"
                    f"> [dp:{review.datapoint_id}]" for review in reviews]
        sections.append({"name": code(bucket), "provisional": False, "costs": cost[bucket],
                         "evidence": "\n\n".join(evidence)})
    return sections


def _where(review: ledger.Review) -> str:
    """Where it broke, where its coder says so."""
    agent = f" ({code(review.agent)})" if review.agent else ""
    return f"at step {review.step}{agent}: " if review.step else ""


def example(row: dict) -> str:
    """One datapoint, short: question, answer, judge's words, tool calls, results; all fenced."""
    failed = ", ".join(code(name) for name in row.get("failed_dimensions") or []) or "none named"
    return "\n\n".join([f"[dp:{row['datapoint_id']}] failed: {failed}.",
                        *(f"{title}:\n\n{fenced}" for title, fenced in shown(row))])


def shown(row: dict) -> list[tuple[str, str]]:
    """What a draft shows of a datapoint: the title of each text, and its fence."""
    calls, results = row.get("tool_calls") or [], row.get("tool_results") or []
    texts = (
        ("User", row.get("user_text"), _TEXT), ("Answer", row.get("assistant_text"), _TEXT),
        ("Judge", row.get("judge_reasoning"), _JUDGE),
        ("Tool calls", "\n".join(_line(tool_calls.spelled(call)) for call in calls), _SHORT),
        ("Tool results", "\n".join(_line(tool_calls.result_text(result))
                                    for result in results), _SHORT))
    return [(title, fence(text, most)) for title, text, most in texts if text]


def _line(text: str) -> str:
    """The beginning of a text, on one line."""
    return " ".join(text.split())[:_LINE]


def _rows(analysis_dir: Path, wanted: set, items: list[str]) -> dict:
    """The wanted packet rows by id, and one row for each wanted item."""
    rows_by_key: dict[Any, dict] = {}
    for row in packet_rows.failing(analysis_dir) if wanted or items else ():
        if row["datapoint_id"] in wanted:
            rows_by_key[row["datapoint_id"]] = row
        if row["item_id"] in items:
            rows_by_key.setdefault(("item", row["item_id"]), row)
    return rows_by_key
