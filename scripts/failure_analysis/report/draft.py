"""The draft of deep_error_analysis.md: exact numbers, what was reviewed (provisional modes where
nothing was), each cause once, and a TODO wherever a reader's judgement belongs."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from failure_analysis import facts
from failure_analysis.markdown import code
from failure_analysis.report import blocks, causes
from failure_analysis.review import break_counts, counting

TEMPLATE = Path(__file__).resolve().parents[3] / "templates" / "deep_error_analysis.md.j2"
_SUMMED = 6
_ALPHA = 0.05


def render(analysis: blocks.Analysis) -> str:
    """The text of a fresh draft, its facts still as placeholders."""
    import jinja2

    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False,
                                     undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    counts = analysis.counts
    failing = [name for name in counting.models(counts) if counts.failing[name]]
    described, members = blocks.described(counts), causes.members(counts)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=title(analysis.sanity["conservation"]["benchmark"]),
        summary=_summary(analysis, failing),
        blocks=blocks.render(analysis),
        causes=[{"name": code(bucket), "block": f"{causes.BLOCK}{bucket}",
                 "shared": len(members[bucket]) > 1} for bucket in causes.drafted(members)],
        models=[{"name": code(name), "block": blocks.model_block(name)}
                for name in described])


def title(benchmark: str) -> str:
    """The report's title."""
    return f"# Deep error analysis: {code(benchmark)}"


def headings() -> list[str]:
    """The headings that every report has."""
    return [line.strip() for line in TEMPLATE.read_text(encoding="utf-8").splitlines()
            if re.match(r"## [^{]+$", line)]


def _summary(analysis: blocks.Analysis, failing: list[str]) -> list[str]:
    """Sentences that a summary can begin with: who fails how much and mostly of what, and which
    pairs differ by more than chance, as relations that are proved."""
    counts, lines = analysis.counts, []
    for name in failing[:_SUMMED]:
        said = f"{code(name)} fails {share_of(('failed_rows', name), ('judged_rows', name))} " \
               "judged rows"
        order = counting.bucket_order(counts, name)
        if order and (len(order) == 1 or order[0][1] > order[1][1]):
            bucket, size = order[0]
            read = counts.reviewed[name]
            how = "all" if size == read else "most" if 2 * size > read else ""
            share = share_of(("review/bucket", bucket, name), ("review/reviewed", name), how)
            said += f"; its largest bucket is {code(bucket)}, with {share} of the reviewed"
        lines.append(f"- {said}.")
    if len(failing) > _SUMMED:
        lines.append("- How the other models did stands below, under Results as judged.")
    for name in counting.read_models(counts)[:_SUMMED]:
        share = share_of(("review/read_fail", name), ("review/read_unjudged", name))
        lines.append(f"- Of {code(name)}, readers failed {share} datapoints that no grader judged.")
    if found := break_counts.breaks(counts):
        lines.append(_broken(found))
    lines += _differences(analysis.compared or {})
    return lines


def _differences(compared: Mapping[str, Any]) -> list[str]:
    """Which pairs differ by more than chance, on the items that both ran, the surest first."""
    units = frozenset(facts.key(row["unit"]) for row in compared.get("units", ()))
    sure = sorted((pair for pair in compared.get("pairs", ()) if pair.get("p_holm", 1) < _ALPHA),
                  key=lambda pair: (pair["p_holm"], -abs(pair["difference"])))
    lines = []
    for pair in sure[:_SUMMED]:
        better, worse = (pair["a"], pair["b"]) if pair["difference"] >= 0 else \
            (pair["b"], pair["a"])
        between = facts.joined(*map(facts.key, (better, worse)), units)
        by, low, high, p = (f"comparison/{kind}/{between}" for kind in (
            "difference_pct", "difference_low_pct", "difference_high_pct", "p_holm"))
        ends = f" ({{{{{low}}}}} to {{{{{high}}}}})" if pair["interval"] else ""
        lines.append(f"- {code(better)} passes more than {code(worse)} of the items that both ran, "
                     f"by {{{{{by}}}}} points{ends}, and by more than chance "
                     f"(p {{{{{p} < 0.05}}}}, Holm).")
    if len(sure) > _SUMMED:
        lines.append("- More pairs differ by more than chance: `model_comparison.md`.")
    return lines


def _broken(found: Mapping[str, break_counts.Break]) -> str:
    """In which third of their runs most failures broke, and how long they went on."""
    thirds = Counter(each.third for each in found.values())
    third = max(break_counts.THIRDS, key=lambda name: thirds[name])
    share = share_of(("review/by_third", third), ("review/with_step",))
    return f"- Of the failures whose step is named, {share} broke in the {third} third of the " \
           "run, and the run went on for {{review/steps_to_end}} steps (median)."


def share_of(part: tuple[str, ...], whole: tuple[str, ...], how: str = "") -> str:
    """A placeholder for a share of a whole, `all` or `most` of it."""
    share, of = ("/".join((kind, *map(facts.key, names))) for kind, *names in (part, whole))
    return f"{{{{{how}{' ' if how else ''}{share} of {of}}}}}"
