"""Which datapoints to read, in which order, and why: items that every model failed, those that are
perhaps repaired in another version, each model's own failures, a sample of every model and
provisional mode, and passing contrasts."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import NamedTuple

from failure_analysis import files, manifest, steps
from failure_analysis.comparison import page as comparison_page
from failure_analysis.datapoint import UNSURE, natural_key
from failure_analysis.markdown import cell, code, table
from failure_analysis.packet import rows
from failure_analysis.review import contrast

NAME, PAGE = steps.PLAN.writes[:2]
FLOOR = 3  # rows of each model and provisional mode
PER_ITEM = 2  # rows of each item that every model failed
GATE = 30  # shared datapoints below which agreement is not measured
_MOST_SIBLINGS = 12
_MOST_LISTED = 40
ALL, REPAIRED, UNIQUE = "failed_by_all", "repaired_elsewhere", "unique_failure"
SAMPLE, CONTRAST = "sample", "contrast"
STAGES = (ALL, REPAIRED, UNIQUE, SAMPLE)
WHY = {
    ALL: "every model of the compared group failed this item: is the benchmark at fault?",
    REPAIRED: "nobody passes this version of the item, somebody another one: was it repaired?",
    UNIQUE: "no other model of the compared group failed this item",
    SAMPLE: "drawn from its model and provisional mode",
    CONTRAST: "passed the item that the datapoint before it failed: what does it do differently?",
}
Passing = dict[tuple[str, str], list[rows.OutcomeLine]]


class Pick(NamedTuple):
    """One failing datapoint of the plan: why it is in, and in which round it was picked (a small
    budget holds the early rounds)."""

    line: rows.OutcomeLine
    why: str
    round: float
    contrast: rows.OutcomeLine | None = None


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


class Plan(NamedTuple):
    """What is to be read: the picks in their order, the readers of each item, and the passing
    datapoints that are copied whole beside them."""

    index: rows.Index
    compared: dict
    kept: list[Pick]
    readers_of: dict[str, tuple[int, ...]]
    siblings: set[str]


def plan(analysis_dir: Path, budget: int | None, shards: int, overlap: float, seed: int) -> Plan:
    """Plans the review. Same folder, options and seed give the same plan. Nothing is written."""
    index = rows.load(analysis_dir)
    compared, passing = _compared(analysis_dir, index), _passing(index, seed)
    picks = _picks(index, compared, _repaired(analysis_dir), passing, seed)
    kept = _within(_with_contrasts(picks, passing), budget)
    return Plan(index, compared, kept, _shards(kept, shards, overlap, seed),
                {ident for pick in kept for ident in _siblings(passing, pick)})


def write(analysis_dir: Path, budget: int | None, shards: int, overlap: float, seed: int) -> dict:
    """Plans the review and writes review_plan.jsonl and .md, contrast_rows.jsonl (the passing
    datapoints of the planned items, whole) and background.md; returns a summary."""
    reads = manifest.proved(analysis_dir, (steps.OUTCOMES, steps.VERSIONS))
    manifest.proved(analysis_dir, steps.COMPARE.writes[:1])
    index, compared, kept, readers_of, siblings = plan(analysis_dir, budget, shards, overlap, seed)
    lines, trouble = _lines(kept, readers_of), ""
    try:
        contrast.copy(analysis_dir, siblings)
    except files.Refusal as refusal:
        trouble = f"no passing datapoint was copied: {refusal}"
        lines = _lines([pick._replace(contrast=None) for pick in kept], readers_of)
        (analysis_dir / rows.CONTRAST).unlink(missing_ok=True)
    summary = _summary(index, compared, kept, lines, budget, shards)
    summary["short"] += [trouble] if trouble else []
    with files.atomic(analysis_dir / NAME) as file:
        for planned in lines:
            file.write(json.dumps(planned._asdict()).encode() + b"\n")
    files.write_text(analysis_dir / PAGE, page(summary, lines))
    manifest.record(analysis_dir, steps.PLAN.name, {"budget": budget, "shards": shards,
                                                    "overlap": overlap, "seed": seed},
                    steps.PLAN.writes, reads=reads)
    return summary


def add_contrasts(analysis_dir: Path, idents: Iterable[str]) -> tuple[list[str], list[str]]:
    """Copies more datapoints that did not fail beside those of the plan; returns their ids, and
    why others were not copied; refuses when none can be."""
    index = rows.load(analysis_dir)
    wanted, refused = [], []
    for ident in dict.fromkeys(idents):
        if ident not in index.outcomes:
            refused.append(rows.missing(index, ident))
        elif index.outcomes[ident].outcome == "fail":
            refused.append(f"{ident} failed: it is in the packet, whole")
        else:
            wanted.append(ident)
    if not wanted:
        raise files.Refusal("; ".join(refused))
    there = {ident for ident, (name, _) in index.places.items() if name == rows.CONTRAST}
    contrast.copy(analysis_dir, there | set(wanted))
    manifest.replace_output(analysis_dir, steps.PLAN, steps.PLAN.writes[2:])
    return wanted, refused


def load(analysis_dir: Path) -> list[Planned]:
    """The plan of an analysis folder; refuses when there is none."""
    path = files.needed(analysis_dir / NAME, "plan_review.py")
    lines = []
    for number, _, value, reason, _ in files.json_lines(path):
        try:
            planned = Planned(**(value if not reason else {}))
            lines.append(planned._replace(shards=tuple(planned.shards)))
        except TypeError:
            raise files.Refusal(f"{path}:{number}: not a line of a plan; run plan_review.py again"
                                ) from None
    if not lines:
        raise files.Refusal(f"{path}: nothing in it; run plan_review.py again")
    return lines


def _compared(analysis_dir: Path, index: rows.Index) -> dict:
    """The comparison; refuses when a step before the plan is missing, or nothing failed."""
    failing = index.failing()
    if not failing:
        raise files.Refusal(f"{analysis_dir}: no datapoint failed; there is nothing to review")
    if not all(line.mode for line in failing):
        raise files.Refusal(f"{analysis_dir}: the failing rows have no provisional mode; run "
                            "cluster_failures.py first")
    path = files.needed(analysis_dir / comparison_page.NAME, "compare_models.py")
    return files.read_object(path, ("sets", "units", "by", "partial", "groups",
                                    "compared_units"), "compare_models.py")


def _repaired(analysis_dir: Path) -> list[dict]:
    """The items that nobody passes in one version and somebody in another, where there are any."""
    path = analysis_dir / steps.VERSIONS
    return files.read_object(path, ("repaired",), steps.BUILD.script)["repaired"] \
        if path.exists() else []


def _drawn(names: Iterable[str], seed: int) -> list[str]:
    """The names in an order that depends on the seed and on each one alone."""
    return sorted(names, key=lambda name: hashlib.sha256(
        f"{seed}\n{name}".encode("utf-8", "surrogatepass")).digest())


def _picks(index: rows.Index, compared: dict, repaired: list[dict], passing: Passing,
           seed: int) -> dict[str, Pick]:
    """The failing datapoints, most important first, each with the round in which it is due."""
    failing = [index.outcomes[ident] for ident in
               _drawn((line.datapoint_id for line in index.failing()), seed)]
    by_item: dict[str, list[rows.OutcomeLine]] = {}
    for line in failing:
        by_item.setdefault(line.item, []).append(line)
    picks: dict[str, Pick] = {}
    _pick_shared(by_item, compared, picks)
    _pick_repaired(by_item, repaired, passing, picks)
    _pick_unique(by_item, compared, picks)
    _pick_sample(failing, picks)
    return picks


def _pick_shared(by_item: dict[str, list[rows.OutcomeLine]], compared: dict,
                 picks: dict[str, Pick]) -> None:
    """Two datapoints of each item that every model failed, models in turn: first of the main group
    and of everybody who ran an item, then of the further groups."""
    if len(compared["units"]) < 2:
        return
    unit_of = attrgetter("run" if compared["by"] == "run" else "model")
    lost = {entry["item"]: {*(row["unit"] for row in compared["units"])} for entry in
            comparison_page.failed_by_all_who_ran(compared)}
    lost |= dict.fromkeys(compared["sets"]["failed_by_all"], set(compared["compared_units"]))
    due = sorted(lost.items(), key=lambda pair: natural_key(pair[0]))
    due += [(item, set(group["units"])) for group in compared["groups"]
            for item in group["sets"]["failed_by_all"]]
    taken: Counter = Counter()
    for item, units in due:
        here: Counter = Counter()
        left = [line for line in by_item.get(item, ()) if unit_of(line) in units
                and line.datapoint_id not in picks]
        for place in range(min(PER_ITEM, len(left))):
            line = min(left, key=lambda line: (here[line.model], taken[line.model]))
            left.remove(line)
            here[line.model] += 1
            taken[line.model] += 1
            picks[line.datapoint_id] = Pick(line, ALL, place + 1)


def _pick_repaired(by_item: dict[str, list[rows.OutcomeLine]], repaired: list[dict],
                   passing: Passing, picks: dict[str, Pick]) -> None:
    """One datapoint of each item that is perhaps repaired elsewhere, one that fits what is expected
    there if any does, with a passing one of that other version, of the same model if it can be."""
    for entry in repaired:
        fitting = {ident for other in entry["passed_in"]
                   for ident in other.get("fits_other_expectation", ())}
        mine = [line for line in by_item.get(entry["item"], ())
                if line.fingerprint == entry["fingerprint"]]
        line = max(mine, key=lambda line: line.datapoint_id in fitting, default=None)
        there = sorted(entry["passed_in"], key=lambda other: line is None or line.datapoint_id
                       not in other.get("fits_other_expectation", ()))
        passed = [other for version in there
                  for other in passing.get((entry["item"], version["fingerprint"]), ())]
        if line and passed and line.datapoint_id not in picks:
            best = next((other for other in passed if other.model == line.model), passed[0])
            picks[line.datapoint_id] = Pick(line, REPAIRED, 1, best)


def _pick_unique(by_item: dict[str, list[rows.OutcomeLine]], compared: dict,
                 picks: dict[str, Pick]) -> None:
    """One datapoint of each item that one model alone failed in its group."""
    by_run = compared["by"] == "run"
    for unit, items in sorted(comparison_page.unique_fails(compared).items()):
        for place, item in enumerate(sorted(items, key=natural_key)):
            mine = [line for line in by_item.get(item, ())
                    if (line.run if by_run else line.model) == unit]
            if mine:
                picks.setdefault(mine[0].datapoint_id, Pick(mine[0], UNIQUE, place + 1))


def _pick_sample(failing: list[rows.OutcomeLine], picks: dict[str, Pick]) -> None:
    """Fills every cell of model and provisional mode up to the floor, other items first and tasks
    in turn; what is left follows in proportion to the cells, in rounds after the floor's."""
    cells: dict[tuple[str, str | None], list[rows.OutcomeLine]] = {}
    for line in failing:
        cells.setdefault((line.mode, line.model), []).append(line)
    for _, members in sorted(cells.items()):
        have = [line for line in members if line.datapoint_id in picks]
        items = {line.item for line in have}
        fresh, again = [], []
        for line in members:
            if line.datapoint_id not in picks:
                (again if line.item in items else fresh).append(line)
                items.add(line.item)
        first = _tasks_in_turn(fresh, have)
        then = _tasks_in_turn(again, [*have, *first])
        for place, line in enumerate([*first, *then], len(have) + 1):
            due = place if place <= FLOOR else FLOOR + 1 + place / len(members)
            picks[line.datapoint_id] = Pick(line, SAMPLE, due)


def _tasks_in_turn(lines: list[rows.OutcomeLine], have: list[rows.OutcomeLine]
                   ) -> list[rows.OutcomeLine]:
    """The lines with their tasks in turn, those of which `have` holds the fewest first."""
    seen = Counter(line.task for line in have)
    turns = []
    for line in lines:
        turns.append(seen[line.task])
        seen[line.task] += 1
    return [line for _, line in sorted(zip(turns, lines, strict=True), key=itemgetter(0))]


def _with_contrasts(picks: dict[str, Pick], passing: Passing) -> list[Pick]:
    """The picks in reading order; in each provisional mode, the first whose item was passed, by
    another model or else in another attempt, carries that datapoint and is due in round 1."""
    done: set[str | None] = set()
    result = []
    for pick in sorted(picks.values(), key=lambda pick: (pick.round > FLOOR,
                                                         STAGES.index(pick.why))):
        mode = pick.line.mode
        others = passing.get((pick.line.item, pick.line.fingerprint), [])
        if mode not in done and others and pick.contrast is None:
            done.add(mode)
            best = next((line for line in others if line.model != pick.line.model), others[0])
            pick = pick._replace(contrast=best, round=1)
        result.append(pick)
    return sorted(result, key=lambda pick: STAGES.index(pick.why))


def _within(picks: list[Pick], budget: int | None) -> list[Pick]:
    """The picks that a budget of datapoints holds, early rounds first; without one, the floors. A
    contrast counts as a datapoint, and is taken off where the budget ends before it."""
    if budget is None:
        return [pick for pick in picks if pick.round <= FLOOR or pick.why != SAMPLE]
    picks = list(picks)
    due = sorted(range(len(picks)), key=lambda place: picks[place].round)
    kept, left = set(), budget
    for place in due:
        if left < 1:
            break
        kept.add(place)
        left -= 1
        if picks[place].contrast:
            if left < 1:
                picks[place] = picks[place]._replace(contrast=None)
            left -= 1
    return [pick for place, pick in enumerate(picks) if place in kept]


def _shards(kept: list[Pick], shards: int, overlap: float, seed: int) -> dict[str, tuple[int, ...]]:
    """Item -> the readers who get its datapoints. Whole items go to one reader, who then knows
    them; about `overlap` of the datapoints go to every reader."""
    everyone = tuple(range(1, shards + 1))
    sizes = Counter(pick.line.item for pick in kept)
    shared = 0
    load_of: Counter = Counter(dict.fromkeys(everyone, 0))
    readers_of: dict[str, tuple[int, ...]] = {}
    for item in _drawn(sizes, seed):
        if shards > 1 and shared < overlap * len(kept):
            shared += sizes[item]
            readers_of[item] = everyone
        else:
            reader = min(everyone, key=lambda reader: (load_of[reader], reader))
            load_of[reader] += sizes[item]
            readers_of[item] = (reader,)
    return readers_of


def _lines(kept: list[Pick], readers_of: dict[str, tuple[int, ...]]) -> list[Planned]:
    """The lines of the plan: each contrast directly after the datapoint it is read with."""
    lines: list[Planned] = []
    for pick in kept:
        failed = pick.line
        pair = [(failed, pick.why, None), (pick.contrast, CONTRAST, failed.datapoint_id)]
        for line, why, contrast_of in pair if pick.contrast else pair[:1]:
            lines.append(Planned(len(lines) + 1, line.datapoint_id, why, line.model, line.item,
                                 failed.mode, contrast_of, readers_of[failed.item],
                                 line.task))
    return lines


def _passing(index: rows.Index, seed: int) -> Passing:
    """The passing datapoints of each item, in an order drawn by the seed."""
    by_item: Passing = {}
    passed = (ident for ident, line in index.outcomes.items() if line.outcome == "pass")
    for ident in _drawn(passed, seed):
        line = index.outcomes[ident]
        if line.fingerprint != UNSURE:
            by_item.setdefault((line.item, line.fingerprint), []).append(line)
    return by_item


def _siblings(passing: Passing, pick: Pick) -> list[str]:
    """The passing datapoints of a planned item, one per model, its contrast among them."""
    by_model: dict[str, str] = {}
    others = passing.get((pick.line.item, pick.line.fingerprint), [])
    for line in [pick.contrast, *others] if pick.contrast else others:
        if len(by_model) < _MOST_SIBLINGS:
            by_model.setdefault(line.model, line.datapoint_id)
    return list(by_model.values())


def _summary(index: rows.Index, compared: dict, kept: list[Pick], lines: list[Planned],
             budget: int | None, shards: int) -> dict:
    """What the plan holds, and which floors it does not reach."""
    return {
        "planned": len(lines), "failing": len(index.failing()), "failing_planned": len(kept),
        "contrasts": len(lines) - len(kept),
        "why": dict(Counter(planned.why for planned in lines)), "budget": budget,
        "shards": {str(shard): sum(shard in planned.shards for planned in lines)
                   for shard in range(1, shards + 1)} if shards > 1 else {},
        "shared": sum(len(planned.shards) > 1 for planned in lines if planned.why != CONTRAST)
        if shards > 1 else None,
        "short": _short(index, compared, kept, lines),
    }


def _short(index: rows.Index, compared: dict, kept: list[Pick], lines: list[Planned]) -> list[str]:
    """The floors that the plan does not reach, in sentences."""
    items = {pick.line.item for pick in kept}
    failing = index.failing()
    failed_by_all = comparison_page.failed_by_all(compared)
    shared = [item for item in failed_by_all if item not in items] \
        if len(compared["units"]) > 1 else []
    unique = {item for members in comparison_page.unique_fails(compared).values()
              for item in members} - items
    cells = Counter((line.mode, line.model) for line in failing)
    have = Counter((pick.line.mode, pick.line.model) for pick in kept)
    below = [cell for cell, size in cells.items() if have[cell] < min(FLOOR, size)]
    modes = {line.mode for line in failing}
    bare = modes - {planned.mode for planned in lines if planned.why == CONTRAST}
    return [text for count, text in (
        (len(shared), f"items that every model failed and that are not in it: {len(shared)} of "
                      f"{len(failed_by_all)}"),
        (len(unique), f"items that one model alone failed and that are not in it: {len(unique)}"),
        (len(below), f"cells of model and provisional mode with fewer than {FLOOR} rows in it (or "
                     f"all, where there are fewer): {len(below)} of {len(cells)}"),
        (len(bare), f"provisional modes without a passing contrast: {len(bare)} of {len(modes)} "
                    f"({', '.join(sorted(map(str, bare)))})"),
    ) if count]


def page(summary: dict, lines: list[Planned]) -> str:
    """review_plan.md: what to read, in order, and why."""
    text = ["# Review plan", "",
            f"{summary['failing_planned']} of {summary['failing']} failing datapoints, and "
            f"{summary['contrasts']} passing ones for contrast, in this order. What is not in the "
            "plan stays unread; the report says so.", ""]
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
                ["order", "datapoint", "model", *["task"] * tasks, "provisional mode", "readers"],
                [[planned.order,
                  code(planned.datapoint_id) + marked * bool(planned.contrast_of),
                  code(planned.model_name), *[code(planned.task) if planned.task else ""] * tasks,
                  code(planned.mode), " ".join(map(str, planned.shards))]
                 for planned in mine[:_MOST_LISTED]])]
            if len(mine) > _MOST_LISTED:
                text += ["", f"{len(mine) - _MOST_LISTED} more in {NAME}."]
    return "\n".join([*text, ""])
