"""Which datapoints are to be read, in which order: new failures of a comparison of runs and what
the lenses name, where they are asked for, flags of the audit, then the kinds of failures and what
nobody judged in turn, so much of each as a budget or the floors ask for, with passing ones for
contrast, and who reads them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from operator import attrgetter, itemgetter
from typing import NamedTuple

from failure_analysis.audit.candidates import CLASSES, SUSPICION, Candidate
from failure_analysis.comparison import page as comparison_page
from failure_analysis.datapoint import UNSURE
from failure_analysis.packet import rows

FLOOR = 3  # rows of each model and provisional mode
PER_ITEM = 2  # rows of each item that every model failed
_MOST_SIBLINGS = 12
_MOST_ALIKE = 10  # flags of one class and rule
FLIP, LENS, AUDIT = "flip", "lens", "audit"
ALL, REPAIRED, UNIQUE = "failed_by_all", "repaired_elsewhere", "unique_failure"
UNJUDGED, SAMPLE, CONTRAST = "unjudged", "sample", "contrast"
STAGES = (FLIP, LENS, AUDIT, ALL, REPAIRED, UNIQUE, UNJUDGED, SAMPLE)
ASKED = (FLIP, LENS)  # first, where they are asked for
Passing = dict[tuple[str, str], list[rows.OutcomeLine]]


class Pick(NamedTuple):
    """One datapoint of the plan (a passing one only for the audit), why it is in, the passing one
    to read after it, the candidate of the audit that it is read for, and what else it is for."""

    line: rows.OutcomeLine
    why: str
    contrast: rows.OutcomeLine | None = None
    candidate: Candidate | None = None
    read_for: str | None = None


class Options(NamedTuple):
    """How much is planned (`budget` datapoints; without one the floors, up to the ceiling;
    `everything`), for how many readers, the seed of what is drawn, and what comes first: what
    passed in the OLD of a comparison of runs and fails in its NEW, or what the lenses name for a
    hypothesis, a label or a cell."""

    budget: int | None = None
    everything: bool = False
    shards: int = 1
    overlap: float = 0.2
    seed: int = 0
    from_flips: bool = False
    from_lens: str | None = None


def queues(failing: list[rows.OutcomeLine], compared: dict, repaired: list[dict],
           passing: Passing, seed: int, flagged: Iterable[Pick] = (),
           unjudged: Iterable[rows.OutcomeLine] = (), group_of: Mapping[str, str] | None = None,
           flipped: Iterable[Pick] = (), named: Iterable[Pick] = ()) -> dict[str, list[Pick]]:
    """The datapoints that are no sample, those `flipped` between two runs, `named` by the lenses,
    `flagged` by the audit and judged by nobody among them, by why they are to be read, the first to
    read first; each is in one queue. Of those that are alike (`group_of` says which) there is one,
    but for the audit."""
    name = _namer(group_of)
    by_item: dict[str, list[rows.OutcomeLine]] = {}
    for line in failing:
        by_item.setdefault(line.item, []).append(line)
    taken: set[str] = set()
    by_why: dict[str, list[Pick]] = {}
    for why, candidates in ((FLIP, flipped), (LENS, named), (AUDIT, flagged),
                            (ALL, failed_by_all(by_item, compared, seed, name)),
                            (REPAIRED, _repaired_picks(by_item, repaired, passing)),
                            (UNIQUE, _unique(by_item, compared, seed)),
                            (UNJUDGED, _unjudged(unjudged))):
        by_why[why] = [pick for pick in candidates if name(pick.line) not in taken]
        taken |= {name(pick.line) for pick in by_why[why]}
    return by_why


def _namer(group_of: Mapping[str, str] | None) -> Callable[[rows.OutcomeLine], str]:
    """What names a datapoint's group of alike ones: itself, where it is alone."""
    return lambda line: (group_of or {}).get(line.datapoint_id, line.datapoint_id)


def once(failing: Iterable[rows.OutcomeLine], by_why: Mapping[str, Sequence[Pick]],
         group_of: Mapping[str, str]) -> list[rows.OutcomeLine]:
    """The failing datapoints, of those that are alike one: the one that is in a queue, else the
    first."""
    failing, name = list(failing), _namer(group_of)
    first: dict[str, str] = {}
    for line in (*(pick.line for picks in by_why.values() for pick in picks), *failing):
        first.setdefault(name(line), line.datapoint_id)
    return [line for line in failing if first[name(line)] == line.datapoint_id]


def drawn(names: Iterable[str], seed: int) -> list[str]:
    """The names in an order that depends on the seed and on each one alone."""
    return sorted(names, key=lambda name: hashlib.sha256(
        f"{seed}\n{name}".encode("utf-8", "surrogatepass")).digest())


def flagged(found: Iterable[Candidate], outcomes: Mapping[str, rows.OutcomeLine]) -> list[Pick]:
    """One datapoint of each flag of the audit, of many by one rule the first, its classes in turn,
    with a passing one beside a failing one where both are in doubt. What is read for another flag
    already is not read again."""
    of_class: dict[str, list[Pick]] = {klass: [] for klass in CLASSES}
    alike: Counter[tuple[str, str]] = Counter()
    taken: set[str] = set()
    for one in found:
        lines = [outcomes[ident] for ident in shown(one) if ident in outcomes]
        failed = [line for line in lines if line.outcome == "fail"]
        passed = [line for line in lines if line.outcome == "pass"]
        if one.kind == "flag" and (failed or passed) and alike[one.klass, one.rule] < _MOST_ALIKE:
            alike[one.klass, one.rule] += 1
            line = _fresh(failed or passed, taken)
            beside = _fresh(passed, taken) if failed and passed else None
            taken |= {each.datapoint_id for each in (line, beside) if each}
            if line:
                of_class[one.klass].append(Pick(line, AUDIT, beside, one))
    return [pick for turn in zip_longest(*of_class.values()) for pick in turn if pick]


def _fresh(lines: Sequence[rows.OutcomeLine], taken: set[str]) -> rows.OutcomeLine | None:
    """The first that is not taken yet."""
    return next((line for line in lines if line.datapoint_id not in taken), None)


def flipped(harmful: Iterable[Mapping[str, list[str]]], outcomes: Mapping[str, rows.OutcomeLine]
            ) -> list[Pick]:
    """A failing datapoint of each item that NEW fails and OLD passed, with one of OLD that passed,
    where this folder has it."""
    picks = []
    for flip in harmful:
        failed, passed = ([outcomes[ident] for ident in flip[side] if ident in outcomes
                           and outcomes[ident].outcome == outcome] for side, outcome in
                          (("new_datapoints", "fail"), ("old_datapoints", "pass")))
        if failed:
            picks.append(Pick(failed[0], FLIP, passed[0] if passed else None))
    return picks


def suspected(found: Iterable[Candidate]) -> Counter[str]:
    """How many suspicions of a contract each datapoint meets."""
    return Counter(ident for one in found if one.klass == SUSPICION for ident in one.disputed)


def shown(one: Candidate) -> list[str]:
    """The datapoints that stand side by side in a candidate."""
    return list(dict.fromkeys(ident for side in one.variants for ident in side.datapoints))


def failed_by_all(by_item: dict[str, list[rows.OutcomeLine]], compared: dict, seed: int,
                  name: Callable[[rows.OutcomeLine], str]) -> list[Pick]:
    """One datapoint of each item that every model failed, models in turn, then a second one that is
    not alike to it (by the `name` of its group): first of the main group and of everybody who ran
    an item, then of the further groups."""
    if len(compared["units"]) < 2:
        return []
    unit_of = attrgetter("run" if compared["by"] == "run" else "model")
    lost = {entry["item"]: {*(row["unit"] for row in compared["units"])} for entry in
            comparison_page.failed_by_all_who_ran(compared)}
    lost |= dict.fromkeys(compared["sets"]["failed_by_all"], set(compared["compared_units"]))
    due = [(item, lost[item]) for item in drawn(lost, seed)]
    due += [(item, set(group["units"])) for group in compared["groups"]
            for item in drawn(group["sets"]["failed_by_all"], seed)]
    taken: Counter = Counter()
    of_item: dict[str, Counter] = {item: Counter() for item, _ in due}
    picked: dict[str, Pick] = {}
    for item, units in due * PER_ITEM:
        left = [line for line in by_item.get(item, ()) if unit_of(line) in units
                and name(line) not in picked]
        if left and of_item[item].total() < PER_ITEM:
            line = min(left, key=lambda line: (of_item[item][line.model], taken[line.model]))
            of_item[item][line.model] += 1
            taken[line.model] += 1
            picked[name(line)] = Pick(line, ALL)
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
                      for item in drawn(items, seed)])
    lines = {line.datapoint_id: line for line in chain(*zip_longest(*turns)) if line}
    return [Pick(line, UNIQUE) for line in lines.values()]


def _unjudged(lines: Iterable[rows.OutcomeLine]) -> list[Pick]:
    """What nobody judged, models in turn and in each its items in turn, in the order given."""
    of_model: dict[str, dict[str, list[rows.OutcomeLine]]] = {}
    for line in lines:
        of_model.setdefault(line.model, {}).setdefault(line.item, []).append(line)
    turns = [[line for turn in zip_longest(*by_item.values()) for line in turn if line]
             for _, by_item in sorted(of_model.items())]
    return [Pick(line, UNJUDGED) for turn in zip_longest(*turns) for line in turn if line]


def sampled(failing: list[rows.OutcomeLine], have: Sequence[rows.OutcomeLine]
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


def kept(queues: dict[str, list[Pick]], failing: list[rows.OutcomeLine], passing: Passing,
         options: Options) -> list[Pick]:
    """The picks in reading order: everything, what the floors need, or what a budget holds."""
    if options.budget is None:
        taken = [*chain(*queues.values())]
        sample = sampled(failing, _failed(taken))
        needed = [pick for floor, pick in sample if floor or options.everything]
        shown = {pick.line.mode for pick in (*taken, *needed) if _passed(pick.line, passing)}
        first = {pick.line.mode: pick for _, pick in reversed(sample)
                 if pick.line.mode not in shown and _passed(pick.line, passing)}
        return _with_contrasts(_in_turn([*taken, *needed, *first.values()]), passing, None)
    if first := _that_fit(chain(*(queues.get(why, ()) for why in ASKED)), options.budget):
        rest = options._replace(budget=options.budget - size(first))
        others = {**queues, **dict.fromkeys(ASKED, [])}
        return [*first, *(kept(others, failing, passing, rest) if rest.budget else [])]
    able = {line.mode for line in failing if _passed(line, passing)}
    due = {why: len(queue) for why, queue in queues.items()}
    shares = _shares({**due, SAMPLE: len(failing),
                      CONTRAST: len(able) + due[REPAIRED] + due[AUDIT]}, options.budget)
    taken = [pick for why, queue in queues.items() for pick in queue[:shares[why]]]
    sample = [pick for _, pick in sampled(failing, _failed(taken))]
    first = _with_contrasts(_in_turn([*taken, *sample[:shares[SAMPLE]]]), passing,
                            shares[CONTRAST])
    return [*first, *sample[shares[SAMPLE]:][:options.budget - size(first)]]


def _that_fit(picks: Iterable[Pick], budget: int) -> list[Pick]:
    """The first picks that a budget holds, the last one without its contrast where that is too
    much."""
    fitting: list[Pick] = []
    for pick in picks:
        left = budget - size(fitting)
        if left < 1:
            break
        fitting.append(pick if left > 1 else pick._replace(contrast=None))
    return fitting


def _failed(picks: Iterable[Pick]) -> list[rows.OutcomeLine]:
    """The failing datapoints among the picks."""
    return [pick.line for pick in picks if pick.line.outcome == "fail"]


def _passed(line: rows.OutcomeLine, passing: Passing) -> list[rows.OutcomeLine]:
    """The passing datapoints of a failing one's item."""
    return passing.get((line.item, line.fingerprint), [])


def size(picks: list[Pick]) -> int:
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
    """The picks, first those that were asked for and those of the audit, then the other kinds in
    turn; those of an item that every model failed stay together, as they are read together."""
    turns: dict[str, dict[str, list[Pick]]] = {why: {} for why in STAGES}
    for pick in picks:
        name = pick.line.item if pick.why == ALL else pick.line.datapoint_id
        turns[pick.why].setdefault(name, []).append(pick)
    first = [pick for why in (*ASKED, AUDIT) for together in turns.pop(why).values()
             for pick in together]
    return first + [pick for turn in zip_longest(*(kind.values() for kind in turns.values()))
                    for together in turn if together for pick in together]


def _with_contrasts(picks: list[Pick], passing: Passing, most: int | None) -> list[Pick]:
    """The picks; in each provisional mode, the first whose item was passed, if it can be by another
    model and in a datapoint that is not read anyway, carries that datapoint. At most so many carry
    one, those of another version of their item before others."""
    left = len(picks) if most is None else most
    own = [place for place, pick in enumerate(picks) if pick.contrast]
    keep = set(own[:left])
    left -= len(keep)
    done: set[str | None] = set()
    used = {line.datapoint_id for pick in picks for line in (pick.line, pick.contrast) if line}
    result = []
    for place, pick in enumerate(picks):
        mode = pick.line.mode
        others = _passed(pick.line, passing)
        if pick.contrast and place not in keep:
            pick = pick._replace(contrast=None)
        elif not pick.contrast and pick.line.outcome == "fail" and mode not in done and others \
                and left:
            done.add(mode)
            left -= 1
            best = min(others, key=lambda line: (line.datapoint_id in used,
                                                 line.model == pick.line.model))
            used.add(best.datapoint_id)
            pick = pick._replace(contrast=best)
        result.append(pick)
    return result


def readers(kept: list[Pick], shards: int, overlap: float, seed: int) -> dict[str, tuple[int, ...]]:
    """Item -> the readers who get its datapoints. Whole items go to one reader, who then knows
    them; about `overlap` of the datapoints go to every reader."""
    everyone = tuple(range(1, shards + 1))
    sizes = Counter(pick.line.item for pick in kept)
    shared = 0
    load_of: Counter = Counter(dict.fromkeys(everyone, 0))
    readers_of: dict[str, tuple[int, ...]] = {}
    for item in drawn(sizes, seed):
        if shards > 1 and shared < overlap * len(kept):
            shared += sizes[item]
            readers_of[item] = everyone
        else:
            reader = min(everyone, key=lambda reader: (load_of[reader], reader))
            load_of[reader] += sizes[item]
            readers_of[item] = (reader,)
    return readers_of


def passing_by_item(index: rows.Index, seed: int) -> Passing:
    """The passing datapoints of each item, in an order drawn by the seed."""
    by_item: Passing = {}
    passed = (ident for ident, line in index.outcomes.items() if line.outcome == "pass")
    for ident in drawn(passed, seed):
        line = index.outcomes[ident]
        if line.fingerprint != UNSURE:
            by_item.setdefault((line.item, line.fingerprint), []).append(line)
    return by_item


def siblings(passing: Passing, pick: Pick) -> list[str]:
    """The passing datapoints of a planned item, one per model, its contrast among them; for the
    audit its contrast and those of its candidate."""
    if pick.candidate:
        passed = {line.datapoint_id for line in _passed(pick.line, passing)}
        beside = [pick.contrast.datapoint_id] if pick.contrast else []
        return [*beside, *(ident for ident in shown(pick.candidate) if ident in passed)]
    by_model: dict[str, str] = {}
    others = _passed(pick.line, passing)
    for line in [pick.contrast, *others] if pick.contrast else others:
        if len(by_model) < _MOST_SIBLINGS:
            by_model.setdefault(line.model, line.datapoint_id)
    return list(by_model.values())
