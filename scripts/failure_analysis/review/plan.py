"""Which datapoints to read, in which order, and why: items that every model failed, those that are
perhaps repaired in another version, each model's own failures, a sample of every model and
provisional mode, and passing contrasts. The kinds are read in turn, so that whoever stops early has
read of each."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import NamedTuple

from failure_analysis import files, manifest, results, steps, store
from failure_analysis.comparison import page as comparison_page
from failure_analysis.datapoint import UNSURE
from failure_analysis.markdown import cell, code, listed, table
from failure_analysis.packet import rows
from failure_analysis.review import contrast

NAME, PAGE = steps.PLAN.writes[:2]
FLOOR = 3  # rows of each model and provisional mode
PER_ITEM = 2  # rows of each item that every model failed
# Datapoints of a plan without a budget, unless there are so many models that each needs its share:
# a cause of 3 % of the failures is missed once in twenty times by so many drawn at random.
CEILING = 100
GATE = 30  # shared datapoints below which agreement is not measured
_MOST_SIBLINGS = 12
_MOST_LISTED = 40
ALL, REPAIRED, UNIQUE = "failed_by_all", "repaired_elsewhere", "unique_failure"
SAMPLE, CONTRAST = "sample", "contrast"
STAGES = (ALL, REPAIRED, UNIQUE, SAMPLE)
WHY = {
    ALL: "every model of the compared group failed this item: hard for all, or the benchmark?",
    REPAIRED: "nobody passes this version of the item, somebody another one: was it repaired?",
    UNIQUE: "no other model of the compared group failed this item",
    SAMPLE: "drawn from its model and provisional mode",
    CONTRAST: "passed the item that the datapoint before it failed: what does it do differently?",
}
Passing = dict[tuple[str, str], list[rows.OutcomeLine]]


class Pick(NamedTuple):
    """One failing datapoint of the plan, why it is in, and the passing one to read after it."""

    line: rows.OutcomeLine
    why: str
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
    """What is to be read: the picks in their order, the ceiling where it cut them off, the readers
    of each item, and the passing datapoints that are copied whole beside them."""

    index: rows.Index
    compared: dict
    kept: list[Pick]
    ceiling: int | None
    readers_of: dict[str, tuple[int, ...]]
    siblings: set[str]


class Options(NamedTuple):
    """How much is planned (`budget` datapoints; without one the floors, up to the ceiling;
    `everything`), for how many readers, and the seed of what is drawn."""

    budget: int | None = None
    everything: bool = False
    shards: int = 1
    overlap: float = 0.2
    seed: int = 0


def plan(analysis_dir: Path, options: Options) -> Plan:
    """Plans the review. Same folder, options and seed give the same plan. Nothing is written."""
    index = rows.load(analysis_dir)
    compared, passing = _compared(analysis_dir, index), _passing(index, options.seed)
    failing = [index.outcomes[ident] for ident in
               _drawn((line.datapoint_id for line in index.failing()), options.seed)]
    queues = _queues(failing, compared, _repaired(analysis_dir), passing, options.seed)
    kept, ceiling = _kept(queues, failing, passing, options), None
    if (options.budget, options.everything) == (None, False):
        ceiling = max(CEILING, len(WHY) * len({line.model for line in failing}))
        if _size(kept) <= ceiling:
            ceiling = None
        else:
            kept = _kept(queues, failing, passing, options._replace(budget=ceiling))
    return Plan(index, compared, kept, ceiling,
                _shards(kept, options.shards, options.overlap, options.seed),
                {ident for pick in kept for ident in _siblings(passing, pick)})


def write(analysis_dir: Path, options: Options) -> dict:
    """Plans the review and writes review_plan.jsonl and .md, contrast_rows.jsonl (the passing
    datapoints of the planned items, whole) and background.md; returns a summary."""
    reads = manifest.proved(analysis_dir, (steps.OUTCOMES, steps.VERSIONS))
    manifest.proved(analysis_dir, steps.COMPARE.writes[:1])
    index, compared, kept, ceiling, readers_of, siblings = plan(analysis_dir, options)
    lines, trouble = _lines(kept, readers_of), ""
    manifest.begin(analysis_dir, steps.PLAN.writes)
    try:
        contrast.copy(analysis_dir, siblings)
    except files.Refusal as refusal:
        trouble = f"no passing datapoint was copied: {refusal}"
        lines = _lines([pick._replace(contrast=None) for pick in kept], readers_of)
        (analysis_dir / rows.CONTRAST).unlink(missing_ok=True)
    summary = {**_summary(index, compared, lines, options), "ceiling": ceiling}
    summary["short"] += [trouble] if trouble else []
    with store.atomic(analysis_dir / NAME) as file:
        for planned in lines:
            file.write(json.dumps(planned._asdict()).encode() + b"\n")
    store.write_text(analysis_dir / PAGE, page(summary, lines))
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
    """The comparison; refuses when a step before the plan is missing, or there is no failure."""
    failing = index.failing()
    if not failing:
        raise files.Refusal(f"{analysis_dir}: {rows.without_failures(index)}")
    if not all(line.mode for line in failing):
        raise files.Refusal(f"{analysis_dir}: the failing rows have no provisional mode; run "
                            "cluster_failures.py first")
    path = files.needed(analysis_dir / comparison_page.NAME, "compare_models.py")
    return results.read(path, results.Comparison, steps.COMPARE.script)


def _repaired(analysis_dir: Path) -> list[dict]:
    """The items that nobody passes in one version and somebody in another, where there are any."""
    path = analysis_dir / steps.VERSIONS
    return results.read(path, results.Versions, steps.BUILD.script)["repaired"] \
        if path.exists() else []


def _drawn(names: Iterable[str], seed: int) -> list[str]:
    """The names in an order that depends on the seed and on each one alone."""
    return sorted(names, key=lambda name: hashlib.sha256(
        f"{seed}\n{name}".encode("utf-8", "surrogatepass")).digest())


def _queues(failing: list[rows.OutcomeLine], compared: dict, repaired: list[dict],
            passing: Passing, seed: int) -> dict[str, list[Pick]]:
    """The failing datapoints that are no sample, by why they are to be read, the first to read
    first; each is in one queue."""
    by_item: dict[str, list[rows.OutcomeLine]] = {}
    for line in failing:
        by_item.setdefault(line.item, []).append(line)
    taken: set[str] = set()
    queues: dict[str, list[Pick]] = {}
    for why, candidates in ((ALL, _shared(by_item, compared, seed)),
                            (REPAIRED, _repaired_picks(by_item, repaired, passing)),
                            (UNIQUE, _unique(by_item, compared, seed))):
        queues[why] = [pick for pick in candidates if pick.line.datapoint_id not in taken]
        taken |= {pick.line.datapoint_id for pick in queues[why]}
    return queues


def _shared(by_item: dict[str, list[rows.OutcomeLine]], compared: dict, seed: int) -> list[Pick]:
    """One datapoint of each item that every model failed, models in turn, then a second one: first
    of the main group and of everybody who ran an item, then of the further groups."""
    if len(compared["units"]) < 2:
        return []
    unit_of = attrgetter("run" if compared["by"] == "run" else "model")
    lost = {entry["item"]: {*(row["unit"] for row in compared["units"])} for entry in
            comparison_page.failed_by_all_who_ran(compared)}
    lost |= dict.fromkeys(compared["sets"]["failed_by_all"], set(compared["compared_units"]))
    due = [(item, lost[item]) for item in _drawn(lost, seed)]
    due += [(item, set(group["units"])) for group in compared["groups"]
            for item in _drawn(group["sets"]["failed_by_all"], seed)]
    taken: Counter = Counter()
    of_item: dict[str, Counter] = {item: Counter() for item, _ in due}
    picked: dict[str, Pick] = {}
    for item, units in due * PER_ITEM:
        left = [line for line in by_item.get(item, ()) if unit_of(line) in units
                and line.datapoint_id not in picked]
        if left and of_item[item].total() < PER_ITEM:
            line = min(left, key=lambda line: (of_item[item][line.model], taken[line.model]))
            of_item[item][line.model] += 1
            taken[line.model] += 1
            picked[line.datapoint_id] = Pick(line, ALL)
    return list(picked.values())


def _repaired_picks(by_item: dict[str, list[rows.OutcomeLine]], repaired: list[dict],
                    passing: Passing) -> list[Pick]:
    """One datapoint of each item that is perhaps repaired elsewhere, one that fits what is expected
    there if any does, with a passing one of that other version, of the same model if it can be."""
    picks: dict[str, Pick] = {}
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
        if line and passed:
            best = next((other for other in passed if other.model == line.model), passed[0])
            picks.setdefault(line.datapoint_id, Pick(line, REPAIRED, best))
    return list(picks.values())


def _unique(by_item: dict[str, list[rows.OutcomeLine]], compared: dict, seed: int) -> list[Pick]:
    """One datapoint of each item that one model alone failed in its group, models in turn."""
    by_run = compared["by"] == "run"
    turns = []
    for unit, items in sorted(comparison_page.unique_fails(compared).items()):
        turns.append([next((line for line in by_item.get(item, ())
                            if (line.run if by_run else line.model) == unit), None)
                      for item in _drawn(items, seed)])
    lines = {line.datapoint_id: line for line in chain(*zip_longest(*turns)) if line}
    return [Pick(line, UNIQUE) for line in lines.values()]


def _sample(failing: list[rows.OutcomeLine], have: Sequence[rows.OutcomeLine]
            ) -> list[tuple[bool, Pick]]:
    """The failing datapoints that are not in the plan as it stands, models in turn, those that have
    the fewest in it first, in each model its provisional modes in turn up to the floor and then in
    proportion; whether the floor of its cell needs it, or that of its model's sample, is said of
    each."""
    cells: dict[str, dict[str | None, list[rows.OutcomeLine]]] = {}
    for line in failing:
        cells.setdefault(line.model, {}).setdefault(line.mode, []).append(line)
    had = Counter(line.model for line in have)
    mine: dict[tuple[str, str | None], list[rows.OutcomeLine]] = {}
    for line in have:
        mine.setdefault((line.model, line.mode), []).append(line)
    turns = []
    for number, (model, by_mode) in enumerate(sorted(cells.items())):
        due = []
        order = sorted(by_mode, key=lambda mode: (-len(by_mode[mode]), str(mode)))
        for place in range(len(order)):  # each model begins with another mode
            mode = order[(place + number) % len(order)]
            due += _cell_in_order(by_mode[mode], mine.get((model, mode), []))
        turns += [(had[model] + turn, floor or turn < FLOOR, line) for turn, (_, floor, line) in
                  enumerate(sorted(due, key=itemgetter(0)))]
    return [(floor, Pick(line, SAMPLE)) for _, floor, line in sorted(turns, key=itemgetter(0))]


def _cell_in_order(members: list[rows.OutcomeLine], have: list[rows.OutcomeLine]
                   ) -> list[tuple[float, bool, rows.OutcomeLine]]:
    """What a cell of model and provisional mode still has, other items first and tasks in turn: the
    round in which each is due, and whether that is within the floor."""
    ids, items = {line.datapoint_id for line in have}, {line.item for line in have}
    fresh, again = [], []
    for line in members:
        if line.datapoint_id not in ids:
            (again if line.item in items else fresh).append(line)
            items.add(line.item)
    first = _tasks_in_turn(fresh, have)
    then = _tasks_in_turn(again, [*have, *first])
    return [(place if place <= FLOOR else FLOOR + 1 + place / len(members), place <= FLOOR, line)
            for place, line in enumerate([*first, *then], len(have) + 1)]


def _tasks_in_turn(lines: list[rows.OutcomeLine], have: list[rows.OutcomeLine]
                   ) -> list[rows.OutcomeLine]:
    """The lines with their tasks in turn, those of which `have` holds the fewest first."""
    seen = Counter(line.task for line in have)
    turns = []
    for line in lines:
        turns.append(seen[line.task])
        seen[line.task] += 1
    return [line for _, line in sorted(zip(turns, lines, strict=True), key=itemgetter(0))]


def _kept(queues: dict[str, list[Pick]], failing: list[rows.OutcomeLine], passing: Passing,
          options: Options) -> list[Pick]:
    """The picks in reading order: everything, what the floors need, or what a budget holds."""
    if options.budget is None:
        taken = [*chain(*queues.values())]
        sample = _sample(failing, [pick.line for pick in taken])
        needed = [pick for floor, pick in sample if floor or options.everything]
        shown = {pick.line.mode for pick in (*taken, *needed) if _passed(pick.line, passing)}
        first = {pick.line.mode: pick for _, pick in reversed(sample)
                 if pick.line.mode not in shown and _passed(pick.line, passing)}
        return _with_contrasts(_in_turn([*taken, *needed, *first.values()]), passing, None)
    able = {line.mode for line in failing if _passed(line, passing)}
    shares = _shares({**{why: len(queue) for why, queue in queues.items()}, SAMPLE: len(failing),
                      CONTRAST: len(able) + len(queues[REPAIRED])}, options.budget)
    taken = [pick for why, queue in queues.items() for pick in queue[:shares[why]]]
    sample = [pick for _, pick in _sample(failing, [pick.line for pick in taken])]
    kept = _with_contrasts(_in_turn([*taken, *sample[:shares[SAMPLE]]]), passing,
                           shares[CONTRAST])
    return [*kept, *sample[shares[SAMPLE]:][:options.budget - _size(kept)]]


def _passed(line: rows.OutcomeLine, passing: Passing) -> list[rows.OutcomeLine]:
    """The passing datapoints of a failing one's item."""
    return passing.get((line.item, line.fingerprint), [])


def _size(picks: list[Pick]) -> int:
    """How many datapoints there are to read: a contrast is one too."""
    return len(picks) + sum(pick.contrast is not None for pick in picks)


def _shares(wanted: dict[str, int], limit: int) -> dict[str, int]:
    """How much of a limit each kind gets: the same, and what one cannot use goes to the others."""
    shares = dict.fromkeys(wanted, 0)
    while open_ := [why for why in wanted if shares[why] < wanted[why]]:
        each = (limit - sum(shares.values())) // len(open_)
        if not each:  # one more for the first of them
            for why in open_[:limit - sum(shares.values())]:
                shares[why] += 1
            break
        for why in open_:
            shares[why] = min(wanted[why], shares[why] + each)
    return shares


def _in_turn(picks: list[Pick]) -> list[Pick]:
    """The picks with their kinds in turn; those of an item that every model failed stay together,
    as they are read together."""
    turns: dict[str, dict[str, list[Pick]]] = {why: {} for why in STAGES}
    for pick in picks:
        name = pick.line.item if pick.why == ALL else pick.line.datapoint_id
        turns[pick.why].setdefault(name, []).append(pick)
    return [pick for turn in zip_longest(*(kind.values() for kind in turns.values()))
            for together in turn if together for pick in together]


def _with_contrasts(picks: list[Pick], passing: Passing, most: int | None) -> list[Pick]:
    """The picks; in each provisional mode, the first whose item was passed, by another model or
    else in another attempt, carries that datapoint. At most so many carry one, those of another
    version of their item before others."""
    left = len(picks) if most is None else most
    own = [place for place, pick in enumerate(picks) if pick.contrast]
    keep = set(own[:left])
    left -= len(keep)
    done: set[str | None] = set()
    result = []
    for place, pick in enumerate(picks):
        mode = pick.line.mode
        others = _passed(pick.line, passing)
        if pick.contrast and place not in keep:
            pick = pick._replace(contrast=None)
        elif not pick.contrast and mode not in done and others and left:
            done.add(mode)
            left -= 1
            best = next((line for line in others if line.model != pick.line.model), others[0])
            pick = pick._replace(contrast=best)
        result.append(pick)
    return result


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
    others = _passed(pick.line, passing)
    for line in [pick.contrast, *others] if pick.contrast else others:
        if len(by_model) < _MOST_SIBLINGS:
            by_model.setdefault(line.model, line.datapoint_id)
    return list(by_model.values())


def _summary(index: rows.Index, compared: dict, lines: list[Planned], options: Options) -> dict:
    """What the plan holds, what it leaves out, and which floors it does not reach."""
    failing = [planned for planned in lines if planned.why != CONTRAST]
    shards = range(1, options.shards + 1) if options.shards > 1 else ()
    return {
        "planned": len(lines), "failing": len(index.failing()), "failing_planned": len(failing),
        "contrasts": len(lines) - len(failing),
        "why": dict(Counter(planned.why for planned in lines)), "budget": options.budget,
        "left_out": left_out(index, compared, lines),
        "shards": {str(shard): sum(shard in planned.shards for planned in lines)
                   for shard in shards},
        "shared": sum(len(planned.shards) > 1 for planned in failing) if shards else None,
        "all_failed": comparison_page.coincidence(compared),
        "short": short(index, compared, lines),
    }


def left_out(index: rows.Index, compared: dict, lines: list[Planned]) -> dict[str, int]:
    """How many failing datapoints the plan does not hold: of items that every model failed, of
    items that one alone failed, and others."""
    planned = {line.datapoint_id for line in lines}
    shared = {*comparison_page.failed_by_all(compared), *(
        entry["item"] for entry in comparison_page.failed_by_all_who_ran(compared))}
    alone = {item for items in comparison_page.unique_fails(compared).values() for item in items} \
        if len(compared["units"]) > 1 else set()
    left: Counter = Counter()
    for line in index.failing():
        if line.datapoint_id not in planned:
            left[ALL if line.item in shared else UNIQUE if line.item in alone else SAMPLE] += 1
    return {why: left[why] for why in STAGES if left[why]}


def left_out_lines(left: dict[str, int], failing: int, ceiling: int | None = None) -> list[str]:
    """What the plan leaves out, in a sentence, unless it holds every failing datapoint; and where
    the ceiling cut it off."""
    named = {ALL: "of items that every model failed", UNIQUE: "of items that one model alone "
             "failed", SAMPLE: "others"}
    kinds = ", ".join(f"{count} {named[why]}" for why, count in left.items())
    return [f"not in the plan: {sum(left.values())} of {failing} failing datapoints ({kinds})"
            + (f"; it was cut at {ceiling} datapoints (--budget N sets another limit, --all plans "
               "all)" if ceiling else "")] if left else []


def short(index: rows.Index, compared: dict, lines: list[Planned]) -> list[str]:
    """The floors that the plan does not reach, in sentences."""
    kept = [planned for planned in lines if planned.why != CONTRAST]
    items = {planned.item_id for planned in kept}
    failing = index.failing()
    failed_by_all = comparison_page.failed_by_all(compared)
    shared = [item for item in failed_by_all if item not in items] \
        if len(compared["units"]) > 1 else []
    unique = {item for members in comparison_page.unique_fails(compared).values()
              for item in members} - items
    cells = Counter((line.mode, line.model) for line in failing)
    have = Counter((planned.mode, planned.model_name) for planned in kept)
    below = [cell for cell, size in cells.items() if have[cell] < min(FLOOR, size)]
    modes = {line.mode for line in failing}
    bare = modes - {planned.mode for planned in lines if planned.why == CONTRAST}
    unread = {line.model for line in failing} - {planned.model_name for planned in kept}
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


def page(summary: dict, lines: list[Planned]) -> str:
    """review_plan.md: what to read, in order, and why."""
    text = ["# Review plan", "",
            f"{summary['failing_planned']} of {summary['failing']} failing datapoints, and "
            f"{summary['contrasts']} passing ones for contrast. They are read in the order of the "
            "first column, which takes the kinds in turn, so that whoever stops early has read of "
            "each. What is not in the plan stays unread; the report says so.", ""]
    text += [f"- {line[0].upper()}{line[1:]}." for line in left_out_lines(
        summary["left_out"], summary["failing"], summary["ceiling"])]
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
                ["order", "datapoint", "model", *["task"] * tasks, "provisional mode", "readers"],
                [[planned.order,
                  code(planned.datapoint_id) + marked * bool(planned.contrast_of),
                  code(planned.model_name), *[code(planned.task) if planned.task else ""] * tasks,
                  code(planned.mode), " ".join(map(str, planned.shards))]
                 for planned in mine[:_MOST_LISTED]])]
            if len(mine) > _MOST_LISTED:
                text += ["", f"{len(mine) - _MOST_LISTED} more in {NAME}."]
    return "\n".join([*text, ""])
