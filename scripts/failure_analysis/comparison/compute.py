"""Outcomes of several models over the same items: shared and unique failures, paired statistics,
repeats, judges. Items are joined on id and fingerprint; one that is not the same is left out."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from failure_analysis import facts, files, results, statistics, steps
from failure_analysis.comparison import chance, groups, rates, reliability
from failure_analysis.comparison.rates import limits, pass_rate
from failure_analysis.datapoint import NOT_COUNTED, UNSURE, natural_key
from failure_analysis.packet import rows
from failure_analysis.statistics import rounded

ONCE = "McNemar mid-p, Newcombe interval"
REPEATED = {"bootstrap": f"t test over items, item bootstrap interval ({statistics.DRAWS} draws)",
            "t": "t test and interval over items", "sign": "all items differ alike: sign test"}
# Above this many units their pairs tell nobody anything, and take hours.
MOST_PAIRED = 40
MOST_GROUPS = 12  # beside the main one, with sets of their own
COLUMNS = ("run_id", "model_name", "item_id", "item_fingerprint", "outcome", "scores_json",
           "grader", "termination", "task")
CHANGES = "changes inside"  # in the place of the content that one unit has not
READINGS = ("any", "majority", "all")


@dataclass
class Unit:
    """One compared model (or run): what it did on each item, as [attempts, fails]. `unsure` rows,
    whose item cannot be told, count in the rates alone: whether each failed, and on what it did."""

    items: dict[str, list[int]] = field(default_factory=dict)
    prints: dict[str, str] = field(default_factory=dict)
    unsteady: set[str] = field(default_factory=set)
    dimensions: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    tasks: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    runs: dict[str, None] = field(default_factory=dict)
    graders: Counter = field(default_factory=Counter)
    unjudged: int = 0
    not_counted: int = 0
    unsure: list[bool] = field(default_factory=list)
    unsure_on: dict[str, list[bool]] = field(default_factory=dict)

    def steady(self) -> dict[str, list[int]]:
        """[attempts, fails] of the items whose content does not change inside the unit."""
        return {item: counts for item, counts in self.items.items() if item not in self.unsteady}

    def attempts(self) -> list[list[int]]:
        """[attempts, fails] of all that it was judged on; a row of no item stands alone."""
        return [*self.items.values(), *([1, int(failed)] for failed in self.unsure)]

    def content(self, item: str) -> str | None:
        """The item's fingerprint; None when not judged or when its content changes."""
        return None if item in self.unsteady or item not in self.items else self.prints[item]


class Loaded(NamedTuple):
    """What is compared (`by` model or run, and why), and by name; the models stand beside runs."""

    by: str
    why: str
    units: dict[str, Unit]
    models: dict[str, Unit]


class Comparison(NamedTuple):
    """What a comparison found (`result`, as model_comparison.json holds it), and what its table and
    figure are made from."""

    result: dict[str, Any]
    units: dict[str, Unit]
    shared: "Shared"


def compare(analysis_dir: Path, by: str | None = None, seed: int = 0) -> Comparison:
    """Compares the units of an analysis folder: `model`, `run`, or what is sensible (None). Refuses
    a folder without a packet or without a judged row. Nothing is written."""
    by, why, units, models = load(analysis_dir, by)
    judged = {name: unit for name, unit in sorted(units.items()) if unit.attempts()}
    if not judged:
        raise files.Refusal(f"{analysis_dir / steps.OUTCOMES}: no judged row; there is nothing to "
                            "compare")
    shared = Shared.of(judged)
    main = {name: judged[name] for name in shared.grouped.groups[0].units}
    repeats = any(attempts > 1 for unit in judged.values() for attempts, _ in unit.items.values())
    result = {
        "by": by, "why_by": why, "repeats": repeats, "seed": seed,
        "not_judged": sorted(units.keys() - judged.keys()),
        "units": [_unit(name, unit, shared) for name, unit in judged.items()],
        "items": len(shared.items), "compared_items": len(shared.strict),
        "compared_units": list(main),
        "different_content": shared.different, "partial": _partial(judged, shared),
        "failed_under_every_content": _failed_under_every_content(judged, shared,
                                                                  _letters(analysis_dir)),
        "readings": {reading: _sets(main, shared.strict, reading, seed)
                     for reading in (READINGS if repeats else READINGS[1:2])},
        **_further_groups(judged, shared, seed),
        "passed_outside": _passed_outside(judged, main, shared),
        "tasks": rates.by_task({name: unit.tasks for name, unit in judged.items()},
                               sum(unit.graders.total() for unit in judged.values())),
        "pairs": _pairs({name: _plain(unit) for name, unit in judged.items()}, judged, shared,
                        seed),
        "dimensions": _dimensions(judged, shared, seed),
        "instability": reliability.instability(
            {name: unit.steady() for name, unit in models.items()}, analysis_dir),
        "graders": {name: dict(sorted(unit.graders.items())) for name, unit in judged.items()},
        "judges": reliability.judges(analysis_dir),
    }
    result["sets"] = result["readings"]["majority"]
    return Comparison(result, judged, shared)


def load(analysis_dir: Path, by: str | None) -> Loaded:
    """The outcomes by unit: models, or runs where there is one model with a few runs."""
    models: dict[str, Unit] = {}
    runs: set[str] = set()
    for run, model, *verdict in rows.columns(analysis_dir, COLUMNS):
        _add(models.setdefault(model, Unit()), run, *verdict)
        runs.add(run)
    why = "as asked"
    if by is None:
        alone = len(models) == 1 and 1 < len(runs) <= MOST_PAIRED
        by = "run" if alone else "model"
        why = "there is one model with several runs" if alone else \
            "runs of one model are its repeats"
    if by == "model":
        return Loaded(by, why, models, models)
    units: dict[str, Unit] = {}
    for run, _, *verdict in rows.columns(analysis_dir, COLUMNS):
        _add(units.setdefault(run, Unit()), run, *verdict)
    return Loaded(by, why, units, models)


def _add(unit: Unit, run: str, item: str, fingerprint: str, outcome: str, scores: str, grader: str,
         ended: str, task: str) -> None:
    """Counts one line of outcomes.csv."""
    unit.runs[run] = None
    if outcome == "unjudged":
        unit.unjudged += 1
        unit.not_counted += ended in NOT_COUNTED
        return
    unit.graders[grader] += 1
    judged_on = [(name, not passed) for name, passed in rows.judged_on(scores)]
    if fingerprint == UNSURE:
        unit.unsure.append(outcome == "fail")
        for name, failed in judged_on:
            unit.unsure_on.setdefault(name, []).append(failed)
        return
    counts = unit.items.setdefault(item, [0, 0])
    failed = outcome == "fail"
    counts[0] += 1
    counts[1] += failed
    if task:
        cell = unit.tasks.setdefault(task, {}).setdefault(item, [0, 0])
        cell[0] += 1
        cell[1] += failed
    if unit.prints.setdefault(item, fingerprint) != fingerprint:
        unit.unsteady.add(item)
    for name, failed in judged_on:
        cell = unit.dimensions.setdefault(name, {}).setdefault(item, [0, 0])
        cell[0] += 1
        cell[1] += failed


@dataclass
class Shared:
    """Which items the units have in common: `strict` ones are judged for every unit of the main
    group with the same content; `different` ones are not the same item everywhere; `lacking` ones
    are not judged for all and in no group's sets."""

    items: list[str]
    strict: list[str]
    different: list[dict]
    lacking: dict[str, list[str]]
    place: dict[str, int]
    grouped: groups.Grouped

    @classmethod
    def of(cls, units: dict[str, Unit]) -> "Shared":
        """Groups the units, and sorts every judged item into one of the kinds."""
        grouped = groups.grouped(
            {name: {item: unit.prints[item] for item in unit.steady()}
             for name, unit in units.items()},
            {name: len(unit.items) for name, unit in units.items()})
        in_sets = {item for group in grouped.groups[:MOST_GROUPS + 1] for item in group.common}
        items = sorted({item for unit in units.values() for item in unit.items}, key=natural_key)
        different, lacking = [], {}
        for item in items:
            variants = _variants(units, item)
            if len(variants) > 1 or CHANGES in variants:
                different.append({"item": item, "variants": variants})
            elif item not in in_sets:
                lacking[item] = [name for name, unit in units.items() if item not in unit.items]
        main = grouped.groups[0].common
        return cls(items, [item for item in items if item in main], different, lacking,
                   {item: place for place, item in enumerate(items)}, grouped)


def _variants(units: dict[str, Unit], item: str) -> dict[str, list[str]]:
    """Which units were judged on which content of an item."""
    variants: dict[str, list[str]] = {}
    for name, unit in units.items():
        if item in unit.items:
            content = CHANGES if item in unit.unsteady else unit.prints[item]
            variants.setdefault(content, []).append(name)
    return variants


def _unit(name: str, unit: Unit, shared: Shared) -> dict[str, Any]:
    """One unit's counts and rate over all it was judged on, and over the items that its group
    shares, where that is the main one."""
    common = [unit.items[item] for item in shared.strict] \
        if name in shared.grouped.groups[0].units else None
    all_counts = rates.counted(unit.attempts())
    return {"unit": name, "runs": len(unit.runs), "items": len(unit.items),
            **{key: all_counts[key] for key in ("attempts", "failed", "passed")},
            "unjudged": unit.unjudged,
            **({"not_counted": unit.not_counted} if unit.not_counted else {}),
            **({"of_no_item": len(unit.unsure)} if unit.unsure else {}),
            **{key: all_counts[key] for key in ("pass_rate", "effective_attempts", "interval")},
            "compared_attempts": None if common is None else sum(n for n, _ in common),
            "compared_passed": None if common is None else sum(n - bad for n, bad in common)}


def _further_groups(units: dict[str, Unit], shared: Shared, seed: int) -> dict[str, Any]:
    """The groups beside the main one with their sets, and the units that are in none."""
    further = shared.grouped.groups[1:]
    result = []
    for group in further[:MOST_GROUPS]:
        items = sorted(group.common, key=shared.place.__getitem__)
        result.append({"units": group.units, "compared_items": len(items),
                       "sets": _sets({name: units[name] for name in group.units}, items,
                                     "majority", seed)})
    return {"groups": result,
            "groups_without_sets": [group.units for group in further[MOST_GROUPS:]],
            "alone": [{"unit": one.unit, "items": one.items, "shares": one.shares,
                       "with": shared.grouped.groups[one.group].units[0]}
                      for one in shared.grouped.alone]}


def _passed_outside(units: dict[str, Unit], main: dict[str, Unit], shared: Shared
                    ) -> dict[str, list[str]]:
    """Which units outside the main group passed an item that all of it failed, by item."""
    common = shared.grouped.groups[0].common
    outside = [name for name in units if name not in main]
    lost = [item for item in shared.strict
            if outside and all(fails(unit.items[item], "majority") for unit in main.values())]
    passed = {item: [name for name in outside if units[name].content(item) == common[item]
                     and not fails(units[name].items[item], "majority")] for item in lost}
    return {item: names for item, names in passed.items() if names}


def _letters(analysis_dir: Path) -> dict[tuple[str, str], list[str]]:
    """The versions of the items, by item and content, that hold it."""
    path = analysis_dir / steps.VERSIONS
    differing = results.read(path, results.Versions, steps.BUILD.script)["differing"] \
        if path.exists() else []
    return {(entry["item"], content["fingerprint"]): content["versions"]
            for entry in differing for content in entry["contents"]}


def _failed_under_every_content(units: dict[str, Unit], shared: Shared,
                                letters: dict[tuple[str, str], list[str]]) -> list[dict]:
    """Items of several contents that everybody who ran them failed, each under its own; who ran
    several of them failed every attempt."""
    overlap: dict[tuple[str, str], bool] = {}
    return [{**entry, "versions": {content: letters.get((entry["item"], content), [])
                                   for content in entry["variants"]}}
            for entry in shared.different
            if _have_versions(units, entry, overlap) and all(
                fails(units[name].items[entry["item"]], "all" if content == CHANGES else "majority")
                for content, names in entry["variants"].items() for name in names)]


def _have_versions(units: dict[str, Unit], entry: dict, overlap: dict[tuple[str, str], bool]
                   ) -> bool:
    """Whether the contents of an item are versions of it: that units with different ones have some
    other item in common. Else their ids are of other items altogether. `overlap` keeps the answers
    for pairs of units, as a set of items may differ in every single one."""
    firsts = [names[0] for content, names in entry["variants"].items() if content != CHANGES]
    for pair in combinations(firsts, 2):
        if pair not in overlap:
            one, other = (units[name].prints.items() for name in pair)
            overlap[pair] = any(item in other for item in one)
    return all(overlap[pair] for pair in combinations(firsts, 2))


def fails(counts: list[int], reading: str) -> bool:
    """Whether a unit fails an item: any attempt, more than half of them, or all."""
    attempts, fails = counts
    if reading == "majority":
        return 2 * fails > attempts
    return fails > 0 if reading == "any" else fails == attempts


def _sets(units: dict[str, Unit], items: list[str], reading: str, seed: int) -> dict[str, Any]:
    """Failed by all, unique fails and unique passes over the items that all of these units were
    judged on, and how many unique fails and items failed by all chance would give."""
    names, several = list(units), len(units) > 1
    failed = np.array([[fails(unit.items[item], reading) for item in items]
                       for unit in units.values()], bool)
    counts = failed.sum(axis=0)

    def those(chosen: np.ndarray) -> list[str]:
        return [items[place] for place in np.flatnonzero(chosen)] if several else []

    return {
        "failed_by_all": those(counts == len(names)),
        "passed_by_all": those(counts == 0),
        "unique_fail": {name: those(row & (counts == 1))
                        for name, row in zip(names, failed, strict=True)},
        "unique_pass": {name: those(~row & (counts == len(names) - 1))
                        for name, row in zip(names, failed, strict=True)},
        "failed_by_exactly_one": len(those(counts == 1)),
        "unique_fails_by_chance": chance.unique_fails(names, failed, seed),
        "failed_by_all_by_chance": chance.failed_by_all(failed) if several else None,
    }


def _partial(units: dict[str, Unit], shared: Shared) -> list[dict]:
    """Items that some unit was not judged on, in no group's sets, and who mostly failed them."""
    return [{"item": item, "lacking": lacking, "failed_by": [
        name for name, unit in units.items()
        if item in unit.items and fails(unit.items[item], "majority")],
        "judged": len(units) - len(lacking)} for item, lacking in shared.lacking.items()]


class _Cells(NamedTuple):
    """One unit's [attempts, fails] per comparable item, with the item's content."""

    counts: dict[str, list[int]]
    content: dict[str, str]


def _plain(unit: Unit) -> _Cells:
    steady = unit.steady()
    return _Cells(steady, {item: unit.prints[item] for item in steady})


def _pairs(
    cells: dict[str, _Cells], units: dict[str, Unit], shared: Shared, seed: int
) -> list[dict]:
    """Every pair of units over the items that both were judged on with the same content, with what
    it could show at the level that Holm leaves; none where there are too many units to pair."""
    pairs: list[dict] = []
    if len(cells) > MOST_PAIRED:
        return pairs
    for a, b in combinations(cells, 2):
        of_a, of_b = cells[a], cells[b]
        items = sorted((item for item in of_a.counts if item in of_b.counts
                        and of_a.content[item] == of_b.content[item]), key=shared.place.__getitem__)
        pair = {"a": a, "b": b, "items": len(items),
                "different_content": _differing(units[a], units[b]),
                **_counts(of_a.counts, of_b.counts, items, "majority")}
        if items:
            once = all(of_a.counts[item][0] == of_b.counts[item][0] == 1 for item in items)
            pair |= _once(pair) if once else _repeated(of_a, of_b, items, seed)
        pairs.append(pair)
    tested = [pair for pair in pairs if "p" in pair]
    adjusted = statistics.holm([pair["p"] for pair in tested])
    kept = sum(p >= statistics.ALPHA for p in adjusted)
    for pair, p in zip(tested, adjusted, strict=True):
        level = statistics.ALPHA / (kept + (p < statistics.ALPHA))  # what the other pairs leave it
        pair |= {"p_holm": rounded(p, 6), "detectable": rounded(pair["detectable"](level))}
    return pairs


def _once(table: dict) -> dict[str, Any]:
    """The test of a pair with one attempt at each item on both sides; `detectable` of a level."""
    n, only_a, only_b = table["items"], table["only_a_fails"], table["only_b_fails"]
    p = statistics.mcnemar(only_a, only_b)
    interval = statistics.newcombe_paired(table["both_pass"], only_b, only_a, table["both_fail"])
    return {"difference": rounded((only_b - only_a) / n), "interval": limits(interval),
            "p": rounded(p.mid_p, 6), "exact_p": rounded(p.exact_p, 6), "method": ONCE,
            "detectable": partial(statistics.smallest_difference, n, only_a + only_b)}


def _repeated(of_a: _Cells, of_b: _Cells, items: list[str], seed: int) -> dict[str, Any]:
    """The same of a pair with repeats: the items' pass rates of one minus those of the other."""
    differences = np.array([_fail_rate(of_b.counts[item]) - _fail_rate(of_a.counts[item])
                            for item in items])
    mean = statistics.mean_difference(differences, seed)
    return {"readings": {reading: _counts(of_a.counts, of_b.counts, items, reading)
                         for reading in ("any", "all")},
            "difference": rounded(mean.mean), "interval": limits(mean.interval),
            "p": rounded(mean.p, 6), "method": REPEATED[mean.method],
            "detectable": partial(statistics.smallest_mean_difference, len(items),
                                  mean.standard_error)}


def _differing(a: Unit, b: Unit) -> int:
    """How many items both units were judged on that are not the same item."""
    both = a.items.keys() & b.items.keys()
    changing = both & (a.unsteady | b.unsteady)
    return len(changing) + sum(a.prints[item] != b.prints[item] for item in both - changing)


def _counts(of_a: dict, of_b: dict, items: list[str], reading: str) -> dict[str, Any]:
    """The 2x2 table of a pair under one reading of "fails", with the items that tell them apart."""
    kinds: dict[tuple[bool, bool], list[str]] = {}
    for item in items:
        kinds.setdefault((fails(of_a[item], reading), fails(of_b[item], reading)),
                         []).append(item)
    only_a, only_b = kinds.get((True, False), []), kinds.get((False, True), [])
    return {"both_fail": len(kinds.get((True, True), [])), "only_a_fails": len(only_a),
            "only_b_fails": len(only_b), "both_pass": len(kinds.get((False, False), [])),
            "only_a_fails_items": only_a, "only_b_fails_items": only_b}


def _dimensions(units: dict[str, Unit], shared: Shared, seed: int) -> dict[str, Any]:
    """Per dimension: failed of judged with interval, and the pairs, Holm within the dimension."""
    names = sorted({name for unit in units.values()
                    for name in (*unit.dimensions, *unit.unsure_on)})
    result = {}
    for name in names:
        lines, cells = [], {}
        for model, unit in units.items():
            whole = unit.dimensions.get(name, {})
            items = {item: counts for item, counts in whole.items() if item not in unit.unsteady}
            tries = [*whole.values(), *([1, int(failed)] for failed in
                                        unit.unsure_on.get(name, ()))]
            judged, failed = (sum(counts[at] for counts in tries) for at in (0, 1))
            lines.append({"unit": model, "judged": judged, "failed": failed,
                         "pass_rate": rounded(1 - failed / judged) if judged else None,
                         "interval": limits(pass_rate(tries).interval if judged else None)})
            if items:
                cells[model] = _Cells(items, {item: unit.prints[item] for item in items})
        result[name] = {"units": lines, "pairs": _pairs(cells, units, shared, seed)}
    return result


def _pair_numbers(pair: dict, units: frozenset[str]) -> Iterator[tuple[str, int | float]]:
    """A pair's difference in points, the better one first, with its interval and adjusted p."""
    sign = 1 if pair["difference"] >= 0 else -1
    better, worse = (facts.key(pair[name]) for name in ("ab" if sign > 0 else "ba"))
    pair_key = facts.joined(better, worse, units)
    yield f"comparison/difference_pct/{pair_key}", round(100 * sign * pair["difference"], 1)
    yield f"comparison/p_holm/{pair_key}", pair["p_holm"]
    if pair["interval"]:
        low, high = sorted(round(100 * sign * end, 1) for end in pair["interval"])
        yield f"comparison/difference_low_pct/{pair_key}", low
        yield f"comparison/difference_high_pct/{pair_key}", high


def _group_numbers(result: dict) -> Iterator[tuple[str, int | float]]:
    """What stands beside the main group's sets, where there is something."""
    if len(result["compared_units"]) < len(result["units"]):
        yield "comparison/compared_units", len(result["compared_units"])
    for number, group in enumerate(result["groups"], 2):
        yield f"comparison/group_units/{number}", len(group["units"])
        yield f"comparison/group_compared_items/{number}", group["compared_items"]
        yield f"comparison/group_failed_by_all/{number}", len(group["sets"]["failed_by_all"])
        for name, items in group["sets"]["unique_fail"].items():
            yield f"comparison/group_unique_fail/{facts.key(name)}", len(items)
    if lost := groups.failed_by_all_who_ran(result):
        yield "comparison/failed_by_all_who_ran", len(lost)
    if result["failed_under_every_content"]:
        yield "comparison/failed_under_every_content", len(result["failed_under_every_content"])


def numbers(result: dict) -> Iterable[tuple[str, int | float]]:
    """The comparison's numbers under their keys."""
    yield "comparison/items", result["items"]
    yield "comparison/compared_items", result["compared_items"]
    yield "comparison/different_content", len(result["different_content"])
    units = frozenset(facts.key(row["unit"]) for row in result["units"])
    for row in result["units"]:
        key = facts.key(row["unit"])
        yield f"comparison/pass_rate_pct/{key}", round(100 * row["pass_rate"], 1)
        yield f"comparison/pass_rate_low_pct/{key}", round(100 * row["interval"][0], 1)
        yield f"comparison/pass_rate_high_pct/{key}", round(100 * row["interval"][1], 1)
    for reading, sets in result["readings"].items():
        end = "" if reading == "majority" else f"/{reading}"
        yield f"comparison/failed_by_all{end}", len(sets["failed_by_all"])
        yield f"comparison/passed_by_all{end}", len(sets["passed_by_all"])
        if sets["failed_by_all_by_chance"]:
            yield (f"comparison/failed_by_all_by_chance{end}",
                   round(sets["failed_by_all_by_chance"]["expected"], 1))
        for kind in ("unique_fail", "unique_pass"):
            for name, items in sets[kind].items():
                yield f"comparison/{kind}/{facts.key(name)}{end}", len(items)
    yield from _group_numbers(result)
    yield from rates.task_numbers(result["tasks"])
    for pair in result["pairs"]:
        if "p" in pair:
            yield from _pair_numbers(pair, units)
    for unit, unstable in (result["instability"] or {}).items():
        name = facts.key(unit)
        for kind in ("pass_hat_k", "pass_at_k"):
            for k, value in (unstable or {}).get(kind, {}).items():
                yield f"comparison/{kind}/{name}/{k}", value
        if unstable:
            yield f"comparison/flip_rate/{name}", unstable["flip_rate"]
            yield f"comparison/always_fail/{name}", len(unstable["always_fail"])
            yield f"comparison/flaky/{name}", len(unstable["flaky"])
            yield f"comparison/always_pass/{name}", unstable["always_pass"]


def _fail_rate(counts: list[int]) -> float:
    return counts[1] / counts[0]
