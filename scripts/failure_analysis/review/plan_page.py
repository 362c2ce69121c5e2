"""review_plan.md and the summary: what the plan holds, what it leaves out, what it falls short
of."""

from collections import Counter

from failure_analysis.comparison import page as comparison_page
from failure_analysis.markdown import cell, code, listed, table
from failure_analysis.packet import rows
from failure_analysis.review.picks import (
    ALL,
    AUDIT,
    CONTRAST,
    FLOOR,
    LENS,
    REPAIRED,
    SAMPLE,
    STAGES,
    UNIQUE,
    UNJUDGED,
    Options,
)
from failure_analysis.review.plan import NAME, WHY, Planned

_MOST_LISTED = 40
_MOST_ALIKE = 5


def summary(index: rows.Index, compared: dict, lines: list[Planned], options: Options) -> dict:
    """What the plan holds, what it leaves out, and which floors it does not reach."""
    failing = _failing(index, lines)
    shards = range(1, options.shards + 1) if options.shards > 1 else ()
    return {
        "planned": len(lines), "failing": len(index.failing()), "failing_planned": len(failing),
        "alike": sum(len(planned.alike) for planned in lines),
        "unjudged": len(index.unjudged()),
        "unjudged_planned": sum(planned.why == UNJUDGED for planned in lines),
        "contrasts": sum(planned.why == CONTRAST for planned in lines),
        "flagged": sum(planned.why == AUDIT for planned in lines),
        "why": dict(Counter(planned.why for planned in lines)), "budget": options.budget,
        "left_out": left_out(index, compared, lines),
        "shards": {str(shard): sum(shard in planned.shards for planned in lines)
                   for shard in shards},
        "shared": sum(len(planned.shards) > 1 for planned in failing) if shards else None,
        "all_failed": comparison_page.coincidence(compared),
        "short": short(index, compared, lines),
    }


def _failing(index: rows.Index, lines: list[Planned]) -> list[Planned]:
    """The planned datapoints that failed."""
    return [planned for planned in lines
            if index.outcomes[planned.datapoint_id].outcome == "fail"]


def left_out(index: rows.Index, compared: dict, lines: list[Planned]) -> dict[str, int]:
    """How many failing datapoints the plan does not hold, alike ones neither: of items that every
    model failed, of items that one alone failed, and others; and how many that nobody judged."""
    planned = {ident for line in lines for ident in (line.datapoint_id, *line.alike)}
    shared = {*comparison_page.failed_by_all(compared), *(
        entry["item"] for entry in comparison_page.failed_by_all_who_ran(compared))}
    alone = {item for items in comparison_page.unique_fails(compared).values() for item in items} \
        if len(compared["units"]) > 1 else set()
    left: Counter = Counter()
    for line in index.failing():
        if line.datapoint_id not in planned:
            left[ALL if line.item in shared else UNIQUE if line.item in alone else SAMPLE] += 1
    left[UNJUDGED] = sum(line.datapoint_id not in planned for line in index.unjudged())
    return {why: left[why] for why in STAGES if left[why]}


def left_out_lines(left: dict[str, int], failing: int, unjudged: int, ceiling: int | None = None
                   ) -> list[str]:
    """What the plan leaves out, in a sentence, unless it holds every datapoint that failed or that
    nobody judged; and where the ceiling cut it off."""
    named = {ALL: "of items that every model failed", UNIQUE: "of items that one model alone "
             "failed", SAMPLE: "others"}
    kinds = {why: count for why, count in left.items() if why != UNJUDGED}
    said = ", ".join(f"{count} {named[why]}" for why, count in kinds.items())
    parts = [f"{sum(kinds.values())} of {failing} failing datapoints ({said})"] if kinds else []
    parts += [f"{left[UNJUDGED]} of {unjudged} unjudged datapoints"] if UNJUDGED in left else []
    return [f"not in the plan: {' and '.join(parts)}"
            + (f"; it was cut at {ceiling} datapoints (--budget N sets another limit, --all plans "
               "all)" if ceiling else "")] if left else []


def short(index: rows.Index, compared: dict, lines: list[Planned]) -> list[str]:
    """The floors that the plan does not reach, in sentences."""
    kept = _failing(index, lines)
    beside = [index.outcomes[ident] for planned in kept for ident in planned.alike]
    items = {planned.item_id for planned in kept}
    failing = index.failing()
    failed_by_all = comparison_page.failed_by_all(compared)
    shared = [item for item in failed_by_all if item not in items] \
        if len(compared["units"]) > 1 else []
    unique = {item for members in comparison_page.unique_fails(compared).values()
              for item in members} - items
    cells = Counter((line.mode, line.model) for line in failing)
    have = Counter([*((planned.mode, planned.model_name) for planned in kept),
                    *((line.mode, line.model) for line in beside)])
    below = [cell for cell, size in cells.items() if have[cell] < min(FLOOR, size)]
    modes = {line.mode for line in failing}
    bare = modes - {planned.mode for planned in lines if planned.why == CONTRAST}
    unread = {line.model for line in failing} - {planned.model_name for planned in kept} \
        - {line.model for line in beside}
    return [text for count, text in (
        (len(unread), f"models of whose failures none is in it: {len(unread)} "
                      f"({listed(sorted(unread))})"),
        (len(shared), f"items that every model failed and that are not in it: {len(shared)} of "
                      f"{len(failed_by_all)}"),
        (len(unique), f"items that one model alone failed and that are not in it: {len(unique)}"),
        (len(below), f"cells of model and provisional mode with fewer than {FLOOR} rows in it (or "
                     f"all, where there are fewer): {len(below)} of {len(cells)}"),
        (len(bare), f"provisional modes without a passing contrast: {len(bare)} of {len(modes)} "
                    f"({', '.join(sorted(map(str, bare)))})"),
    ) if count]


def in_words(summary: dict) -> str:
    """How many datapoints of each outcome the plan holds."""
    unjudged = f", {summary['unjudged_planned']} of {summary['unjudged']} unjudged" \
        if summary["unjudged"] else ""
    passing = summary["planned"] - summary["failing_planned"] - summary["unjudged_planned"]
    beside = f" (and {summary['alike']} alike to one of them, judged with it)" \
        if summary["alike"] else ""
    return f"{summary['failing_planned']} of {summary['failing']} failing datapoints{beside}" \
           f"{unjudged}, and {passing} passing ones"


def page(summary: dict, lines: list[Planned]) -> str:
    """review_plan.md: what to read, in order, and why."""
    text = ["# Review plan", "",
            f"{in_words(summary)}. They are read in the "
            "order of the first column: new failures and what the lenses name where they were "
            "asked for, flags of the audit, then the kinds in turn, so that "
            "whoever stops early has read of each. What is not in the plan stays unread; the "
            "report says so.", ""]
    text += [f"- {line[0].upper()}{line[1:]}." for line in left_out_lines(
        summary["left_out"], summary["failing"], summary["unjudged"], summary["ceiling"])]
    text += [f"- {line}" for line in summary["all_failed"]]
    text += [f"- **Short:** {cell(reason)}." for reason in summary["short"]]
    if summary["shards"]:
        sizes = ", ".join(f"reader {shard}: {size}" for shard, size in summary["shards"].items())
        text += [f"- {sizes}; {summary['shared']} failing datapoints go to every reader."]
    tasks = len({planned.task for planned in lines if planned.task}) > 1
    for why in STAGES:
        mine = [planned for planned in lines if planned.why == why
                or (planned.why == CONTRAST and lines[planned.order - 2].why == why)]
        marked = " (passed, in another version of the item: contrast)" if why == REPAIRED \
            else " (passed: contrast)"
        if mine:
            text += ["", f"## {why}: {WHY[why]}", "", table(
                ["order", "datapoint", "model", *["task"] * tasks, "provisional mode", "readers",
                 *["read for"] * (why == LENS)],
                [[planned.order,
                  code(planned.datapoint_id) + marked * bool(planned.contrast_of)
                  + (f" and alike {listed(list(map(code, planned.alike)), _MOST_ALIKE)}"
                     if planned.alike else ""),
                  code(planned.model_name), *[code(planned.task) if planned.task else ""] * tasks,
                  code(planned.mode) if planned.mode and not planned.contrast_of else "",
                  " ".join(map(str, planned.shards)),
                  *[cell(planned.read_for or "")] * (why == LENS)]
                 for planned in mine[:_MOST_LISTED]])]
            if len(mine) > _MOST_LISTED:
                text += ["", f"{len(mine) - _MOST_LISTED} more in {NAME}."]
    return "\n".join([*text, ""])
