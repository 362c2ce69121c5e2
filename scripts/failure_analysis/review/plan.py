"""Which datapoints to read, in which order, and why: flags of the audit first, then
items that every model failed, those that are perhaps repaired in another version, each model's own
failures, what nobody judged, a sample of every model and provisional mode, and passing contrasts.
Of failing ones that are alike one is read.
These kinds are read in turn, so that whoever stops early has read of each."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from failure_analysis import files, steps
from failure_analysis.audit import candidates
from failure_analysis.comparison import page as comparison_page
from failure_analysis.datapoint import records_run
from failure_analysis.packet import rows
from failure_analysis.review import alike, lens_picks, picks
from failure_analysis.review.picks import (
    ALL,
    ASKED,
    AUDIT,
    CONTRAST,
    FLIP,
    LENS,
    REPAIRED,
    SAMPLE,
    UNIQUE,
    UNJUDGED,
    Options,
    Pick,
)

NAME, PAGE = steps.PLAN.writes[:2]
# Datapoints of a plan without a budget, unless there are so many models that each needs its share:
# a cause of 3 % of the failures is missed once in twenty times by so many drawn at random.
CEILING = 100
GATE = 30  # shared datapoints below which agreement is not measured
WHY = {
    FLIP: "passed before the change and fails now: what does it do differently?",
    LENS: "the lenses name it: does it show what they say?",
    AUDIT: "a verdict of this item contradicts itself or the record: is the benchmark wrong?",
    ALL: "every model of the compared group failed this item: hard for all, or the benchmark?",
    REPAIRED: "nobody passes this version of the item, somebody another one: was it repaired?",
    UNIQUE: "no other model of the compared group failed this item",
    UNJUDGED: "nobody has judged it: did it do what was asked?",
    SAMPLE: "drawn from its model and provisional mode",
    CONTRAST: "passed the item that the datapoint before it failed: what does it do differently?",
}
# Datapoints of each model in a plan without a budget: one for every kind but those asked for.
OF_EACH = len(WHY) - len(ASKED)

# Of runs of which no row is judged, compare_models.py makes no comparison.
NOTHING_COMPARED = {
    "by": "model", "units": [], "compared_units": [], "compared_items": 0, "partial": [],
    "groups": [], "sets": {"failed_by_all": [], "unique_fail": {}, "unique_pass": {},
                           "unique_fails_by_chance": None, "failed_by_all_by_chance": None}}


class Planned(NamedTuple):
    """One line of review_plan.jsonl."""

    order: int
    datapoint_id: str
    why: str
    model_name: str
    item_id: str
    mode: str | None
    contrast_of: str | None
    shards: tuple[int, ...]
    task: str | None = None
    candidate: str | None = None
    alike: tuple[str, ...] = ()  # those that are judged with it
    read_for: str | None = None  # the hypothesis or cell of the lenses


class Plan(NamedTuple):
    """What is to be read: the picks in their order, the ceiling where it cut them off, the readers
    of each item, the passing datapoints that are copied whole beside them, and the datapoints that
    are alike."""

    index: rows.Index
    compared: dict
    kept: list[Pick]
    ceiling: int | None
    readers_of: dict[str, tuple[int, ...]]
    siblings: set[str]
    groups: alike.Groups


class Material(NamedTuple):
    """What a plan is chosen from: the queues by why they are read, the failing datapoints (of those
    that are alike one), the passing ones of each item, and how many models there are."""

    index: rows.Index
    compared: dict
    queues: dict[str, list[Pick]]
    failing: list[rows.OutcomeLine]
    passing: picks.Passing
    models: int
    groups: alike.Groups


def plan(analysis_dir: Path, options: Options) -> Plan:
    """Plans the review. Same folder, options and seed give the same plan. Nothing is written."""
    found = material(analysis_dir, options)
    kept, ceiling = chosen(found, options)
    return Plan(found.index, found.compared, kept, ceiling,
                picks.readers(kept, options.shards, options.overlap, options.seed),
                {ident for pick in kept for ident in picks.siblings(found.passing, pick)},
                found.groups)


def material(analysis_dir: Path, options: Options) -> Material:
    """All that could be read, whatever the budget."""
    index = rows.load(analysis_dir)
    flagged = picks.flagged(candidates.load(analysis_dir), index.outcomes)
    suspected = picks.suspected(candidates.load(analysis_dir))
    unjudged = sorted(_drawn(index, _with_evidence(index, index.unjudged()), options.seed),
                      key=lambda line: -suspected[line.datapoint_id])
    compared = _compared(analysis_dir, index, bool(flagged or unjudged))
    passing = picks.passing_by_item(index, options.seed)
    failing = _drawn(index, index.failing(), options.seed)
    groups = alike.Groups(index)
    group_of = groups.names()
    flipped = picks.flipped(_harmful(analysis_dir), index.outcomes) if options.from_flips else ()
    named = lens_picks.named(index, options.from_lens, options.seed) if options.from_lens else ()
    queues = picks.queues(failing, compared, _repaired(analysis_dir), passing, options.seed,
                          flagged, unjudged, group_of, flipped, named)
    failing = picks.once(failing, queues, group_of)
    models = len({line.model for line in (*failing, *unjudged)})
    return Material(index, compared, queues, failing, passing, models, groups)


def chosen(found: Material, options: Options) -> tuple[list[Pick], int | None]:
    """What a budget holds, or the floors need, and the ceiling where it cut them off."""
    kept = picks.kept(found.queues, found.failing, found.passing, options)
    ceiling = max(CEILING, OF_EACH * found.models)
    if (options.budget, options.everything) != (None, False) or picks.size(kept) <= ceiling:
        return kept, None
    cut = options._replace(budget=ceiling)
    return picks.kept(found.queues, found.failing, found.passing, cut), ceiling


def _with_evidence(index: rows.Index, lines: list[rows.OutcomeLine]) -> list[rows.OutcomeLine]:
    """Those that hold more than what was asked: of the others nobody can say how they went."""
    idents = {row["datapoint_id"] for row in rows.several(
        index, (line.datapoint_id for line in lines))
              if records_run(row) or row.get("judge_reasoning") is not None}
    return [line for line in lines if line.datapoint_id in idents]


def _drawn(index: rows.Index, lines: list[rows.OutcomeLine], seed: int
           ) -> list[rows.OutcomeLine]:
    """The datapoints in an order drawn by the seed."""
    return [index.outcomes[ident] for ident in
            picks.drawn((line.datapoint_id for line in lines), seed)]


def load(analysis_dir: Path) -> list[Planned]:
    """The plan of an analysis folder; refuses when there is none."""
    path = files.needed(analysis_dir / NAME, "plan_review.py")
    lines = []
    for number, _, value, reason, _ in files.json_lines(path):
        try:
            planned = Planned(**(value if not reason else {}))
            lines.append(planned._replace(shards=tuple(planned.shards),
                                          alike=tuple(planned.alike)))
        except TypeError:
            raise files.Refusal(f"{path}:{number}: not a line of a plan; run plan_review.py again"
                                ) from None
    if not lines:
        raise files.Refusal(f"{path}: nothing in it; run plan_review.py again")
    return lines


def _compared(analysis_dir: Path, index: rows.Index, other: bool) -> dict:
    """The comparison, an empty one where nothing is judged; refuses when a step before the plan is
    missing, or there is no failure and no `other` thing to read."""
    from failure_analysis import results  # only planning needs it

    failing = index.failing()
    if not failing and not other:
        raise files.Refusal(f"{analysis_dir}: {rows.without_failures(index)}")
    if not all(line.mode for line in failing):
        raise files.Refusal(f"{analysis_dir}: the failing rows have no provisional mode; run "
                            "cluster_failures.py first")
    if all(line.outcome == "unjudged" for line in index.outcomes.values()):
        return NOTHING_COMPARED
    path = files.needed(analysis_dir / comparison_page.NAME, "compare_models.py")
    return results.read(path, results.Comparison, steps.COMPARE.script)


def _harmful(analysis_dir: Path) -> list[dict]:
    """What passed in OLD and fails in NEW of a comparison of runs; refuses when there is none."""
    from failure_analysis import results  # only planning needs it

    path = files.needed(analysis_dir / steps.CHANGES.writes[0], steps.CHANGES.script)
    return results.read(path, results.Changes, steps.CHANGES.script)["flips"]["harmful"]


def _repaired(analysis_dir: Path) -> list[dict]:
    """The items that nobody passes in one version and somebody in another, where there are any."""
    from failure_analysis import results  # only planning needs it

    path = analysis_dir / steps.VERSIONS
    return results.read(path, results.Versions, steps.BUILD.script)["repaired"] \
        if path.exists() else []


def lines_of(kept: list[Pick], readers_of: dict[str, tuple[int, ...]],
             alike_of: Callable[[str], Iterable[str]]) -> list[Planned]:
    """The lines of the plan: each contrast directly after the datapoint it is read with, and beside
    each failing one those that are alike to it (`alike_of`) and have no line."""
    lines: list[Planned] = []
    named = {pick.line.datapoint_id for pick in kept}
    for pick in kept:
        failed = pick.line
        pair = [(failed, pick.why, None), (pick.contrast, CONTRAST, failed.datapoint_id)]
        for line, why, contrast_of in pair if pick.contrast else pair[:1]:
            lines.append(Planned(len(lines) + 1, line.datapoint_id, why, line.model, line.item,
                                 failed.mode, contrast_of, readers_of[failed.item],
                                 line.task, pick.candidate and pick.candidate.id,
                                 tuple(one for one in alike_of(line.datapoint_id)
                                       if one not in named),
                                 None if contrast_of else pick.read_for))
            named.update(lines[-1].alike)
    return lines
