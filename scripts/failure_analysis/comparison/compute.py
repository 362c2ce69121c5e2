"""Outcomes of several models over the same items: shared and unique failures, paired statistics,
repeats, judges. Items are joined on id and fingerprint; one that is not the same is left out."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from failure_analysis import facts, files, results, statistics, steps
from failure_analysis.comparison import chance, groups, page, rates, reliability
from failure_analysis.comparison.cells import (
    CHANGING,
    MOST_PAIRED,
    NOTHING,
    Cells,
    Unit,
    load,
    located,
)
from failure_analysis.comparison.rates import limits, pass_rate
from failure_analysis.statistics import rounded

ONCE = "McNemar mid-p, Newcombe interval"
REPEATED = {"bootstrap": f"t test over items, item bootstrap interval ({statistics.DRAWS} draws)",
            "t": "t test and interval over items", "sign": "all items differ alike: sign test"}
MOST_GROUPS = 12  # beside the main one, with sets of their own
CHANGES = "changes inside"  # in the place of the content that one unit has not
READINGS = ("any", "majority", "all")


class Comparison(NamedTuple):
    """What a comparison found (`result`, as model_comparison.json holds it), and what its table and
    figure are made from."""

    result: dict[str, Any]
    units: dict[str, Unit]
    shared: "Shared"


def compare(analysis_dir: Path, by: str | None = None, seed: int = 0) -> Comparison:
    """Compares the units of an analysis folder: `model`, `run`, or what is sensible (None). Refuses
    a folder without a packet or without a judged row. Nothing is written."""
    by, why, units, models, items, contents = load(analysis_dir, by)
    judged = {name: unit for name, unit in sorted(units.items()) if unit.is_judged()}
    if not judged:
        raise files.Refusal(f"{analysis_dir / steps.OUTCOMES}: no judged row; there is nothing to "
                            "compare")
    shared = Shared.of(judged, items, len(contents))
    different, differing = _different(judged, shared, contents), _differing(judged)
    main = {name: judged[name] for name in shared.grouped.groups[0].units}
    repeats = any((unit.cells.attempts > 1).any() for unit in judged.values())
    result = {
        "by": by, "why_by": why, "repeats": repeats, "seed": seed,
        "not_judged": sorted(units.keys() - judged.keys()),
        "units": [_unit(name, unit, shared) for name, unit in judged.items()],
        "items": len(shared.items), "compared_items": len(shared.strict),
        "compared_units": list(main),
        "different_content": different, "partial": _partial(judged, shared),
        "failed_under_every_content": _failed_under_every_content(judged, shared, different,
                                                                  _letters(analysis_dir)),
        "readings": {reading: _sets(main, shared.strict, shared, reading, seed)
                     for reading in (READINGS if repeats else READINGS[1:2])},
        **_further_groups(judged, shared, seed),
        "passed_outside": _passed_outside(judged, main, shared),
        "tasks": rates.by_task({name: unit.tasks for name, unit in judged.items()},
                               sum(unit.graders.total() for unit in judged.values())),
        "pairs": _pairs({name: _Side.of(unit, unit.cells) for name, unit in judged.items()},
                        differing, shared, seed),
        "dimensions": _dimensions(judged, differing, shared, seed),
        "instability": reliability.instability(
            {name: unit.cells.chosen(unit.steady) for name, unit in models.items()}, items,
            analysis_dir),
        "graders": {name: dict(sorted(unit.graders.items())) for name, unit in judged.items()},
        "judges": reliability.judges(analysis_dir),
    }
    result["sets"] = result["readings"]["majority"]
    return Comparison(result, judged, shared)


class Shared(NamedTuple):
    """Which items the units have in common: `strict` ones are judged for every unit of the main
    group with the same content; `different` ones are not the same item everywhere; `lacking` ones
    are not judged for all and in no group's sets."""

    items: np.ndarray
    strict: np.ndarray
    different: np.ndarray
    lacking: np.ndarray
    grouped: groups.Grouped
    width: int

    @classmethod
    def of(cls, units: dict[str, Unit], items: np.ndarray, contents: int) -> "Shared":
        """Groups the units, and sorts every judged item into one of the kinds. An item with its
        content is one number."""
        grouped = groups.grouped(
            {name: (unit.cells.places.astype(np.int64) * contents + unit.prints)[unit.steady]
             for name, unit in units.items()},
            {name: len(unit.cells.places) for name, unit in units.items()})
        in_sets, least, most = np.zeros(len(items), bool), *np.full((2, len(items)), -2, np.int32)
        for group in grouped.groups[:MOST_GROUPS + 1]:
            in_sets[group.common // contents] = True
        for unit in units.values():
            places, content = unit.cells.places, unit.content()
            fresh = most[places] == -2
            least[places] = np.where(fresh, content, np.minimum(least[places], content))
            most[places] = np.maximum(most[places], content)
        differing = (least != most) | (least == CHANGING)
        return cls(items, grouped.groups[0].common // contents, np.flatnonzero(differing),
                   np.flatnonzero(~differing & ~in_sets), grouped, contents)

    def is_main(self, unit: Unit) -> np.ndarray:
        """Whether each item of a unit has the content that the main group shares."""
        at, there = located(self.strict, unit.cells.places)
        common = self.grouped.groups[0].common[at[there]] % self.width
        there[there] = unit.content()[there] == common
        return there

    def names(self, places: np.ndarray) -> list[str]:
        """The names of items."""
        return self.items[places].tolist()


def _different(units: dict[str, Unit], shared: Shared, contents: list[str]) -> list[dict]:
    """Which units were judged on which content of each item that is not the same everywhere."""
    entries = [{"item": item, "variants": {}} for item in shared.names(shared.different)]
    for name, unit in units.items():
        at, there = located(unit.cells.places, shared.different)
        for place, content in zip(np.flatnonzero(there), unit.content()[at[there]], strict=True):
            variant = CHANGES if content == CHANGING else contents[content]
            entries[place]["variants"].setdefault(variant, []).append(name)
    return entries


def _unit(name: str, unit: Unit, shared: Shared) -> dict[str, Any]:
    """One unit's counts and rate over all it was judged on, and over the items that its group
    shares, where that is the main one."""
    common = unit.cells.chosen(located(unit.cells.places, shared.strict).at) \
        if name in shared.grouped.groups[0].units else None
    all_counts = rates.counted(*_tries(unit.cells, unit.unsure))
    return {"unit": name, "runs": unit.runs, "items": len(unit.cells.places),
            **{key: all_counts[key] for key in ("attempts", "failed", "passed")},
            "unjudged": unit.unjudged,
            **({"not_counted": unit.not_counted} if unit.not_counted else {}),
            **({"of_no_item": len(unit.unsure)} if len(unit.unsure) else {}),
            **{key: all_counts[key] for key in ("pass_rate", "effective_attempts", "interval")},
            "compared_attempts": None if common is None else int(common.attempts.sum()),
            "compared_passed": None if common is None else
            int((common.attempts - common.fails).sum())}


def _tries(cells: Cells, unsure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Attempts and fails at all that a unit was judged on; a row of no item stands alone."""
    return np.append(cells.attempts, np.ones(len(unsure), np.int32)), \
        np.append(cells.fails, unsure.astype(np.int32))


def _further_groups(units: dict[str, Unit], shared: Shared, seed: int) -> dict[str, Any]:
    """The groups beside the main one with their sets, and the units that are in none."""
    further = shared.grouped.groups[1:]
    result = []
    for group in further[:MOST_GROUPS]:
        places = group.common // shared.width
        result.append({"units": group.units, "compared_items": len(places),
                       "sets": _sets({name: units[name] for name in group.units}, places, shared,
                                     "majority", seed)})
    return {"groups": result,
            "groups_without_sets": [group.units for group in further[MOST_GROUPS:]],
            "alone": [{"unit": one.unit, "items": one.items, "shares": one.shares,
                       "with": shared.grouped.groups[one.group].units[0]}
                      for one in shared.grouped.alone]}


def _passed_outside(units: dict[str, Unit], main: dict[str, Unit], shared: Shared
                    ) -> dict[str, list[str]]:
    """Which units outside the main group passed an item that all of it failed, by item."""
    outside = [name for name in units if name not in main]
    if not outside:
        return {}
    lost = shared.strict[np.logical_and.reduce([unit.cells.failing()[
        located(unit.cells.places, shared.strict).at] for unit in main.values()])]
    passed: dict[int, list[str]] = {place: [] for place in lost.tolist()}
    for name in outside:
        unit = units[name]
        those = unit.cells.places[shared.is_main(unit) & ~unit.cells.failing()]
        for place in those[located(lost, those).there].tolist():
            passed[place].append(name)
    return {shared.items[place]: names for place, names in passed.items() if names}


def _letters(analysis_dir: Path) -> dict[tuple[str, str], list[str]]:
    """The versions of the items, by item and content, that hold it."""
    path = analysis_dir / steps.VERSIONS
    differing = results.read(path, results.Versions, steps.BUILD.script)["differing"] \
        if path.exists() else []
    return {(entry["item"], content["fingerprint"]): content["versions"]
            for entry in differing for content in entry["contents"]}


def _failed_under_every_content(units: dict[str, Unit], shared: Shared, different: list[dict],
                                letters: dict[tuple[str, str], list[str]]) -> list[dict]:
    """Items of several contents that everybody who ran them failed, each under its own; who ran
    several of them failed every attempt."""
    lost = np.ones(len(different), bool)
    for unit in units.values():
        at, there = located(unit.cells.places, shared.different)
        failed = np.where(unit.steady, unit.cells.failing(), unit.cells.failing("all"))
        lost[there] &= failed[at[there]]
    overlap: dict[tuple[str, str], bool] = {}
    return [{**entry, "versions": {content: letters.get((entry["item"], content), [])
                                   for content in entry["variants"]}}
            for entry in map(different.__getitem__, np.flatnonzero(lost))
            if _have_versions(units, entry, overlap)]


def _have_versions(units: dict[str, Unit], entry: dict, overlap: dict[tuple[str, str], bool]
                   ) -> bool:
    """Whether the contents of an item are versions of it: that units with different ones have some
    other item in common. Else their ids are of other items altogether. `overlap` keeps the answers
    for pairs of units, as a set of items may differ in every single one."""
    firsts = [names[0] for content, names in entry["variants"].items() if content != CHANGES]
    for pair in combinations(firsts, 2):
        if pair not in overlap:
            one, other = (units[name] for name in pair)
            at, there = located(one.cells.places, other.cells.places)
            overlap[pair] = bool((one.prints[at[there]] == other.prints[there]).any())
    return all(overlap[pair] for pair in combinations(firsts, 2))


def _sets(units: dict[str, Unit], places: np.ndarray, shared: Shared, reading: str, seed: int
          ) -> dict[str, Any]:
    """Failed by all, unique fails and unique passes over the items that all of these units were
    judged on, and how many unique fails and items failed by all chance would give."""
    names, several = list(units), len(units) > 1
    failed = np.array([unit.cells.failing(reading)[located(unit.cells.places, places).at]
                       for unit in units.values()], bool)
    counts = failed.sum(axis=0)

    def those(chosen: np.ndarray) -> list[str]:
        return shared.names(places[chosen]) if several else []

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
    entries = [{"item": item, "lacking": [], "failed_by": [], "judged": 0}
               for item in shared.names(shared.lacking)]
    for name, unit in units.items():
        at, there = located(unit.cells.places, shared.lacking)
        failed = np.zeros(len(there), bool)
        failed[there] = unit.cells.failing()[at[there]]
        for entry, is_judged, has_failed in zip(entries, there.tolist(), failed.tolist(),
                                                strict=True):
            entry["judged"] += is_judged
            if not is_judged:
                entry["lacking"].append(name)
            elif has_failed:
                entry["failed_by"].append(name)
    return entries


class _Side(NamedTuple):
    """What one unit did on its comparable items, with their content."""

    cells: Cells
    prints: np.ndarray

    @classmethod
    def of(cls, unit: Unit, cells: Cells) -> "_Side":
        """Of some of a unit's cells, those whose content does not change inside it."""
        at = located(unit.cells.places, cells.places).at
        return cls(cells.chosen(unit.steady[at]), unit.prints[at][unit.steady[at]])


def _pairs(sides: dict[str, _Side], differing: dict[tuple[str, str], int], shared: Shared, seed: int
           ) -> list[dict]:
    """Every pair of units over the items that both were judged on with the same content, with what
    it could show at the level that Holm leaves; none where there are too many units to pair."""
    pairs: list[dict] = []
    if len(sides) > MOST_PAIRED:
        return pairs
    for a, b in combinations(sides, 2):
        at, there = located(sides[b].cells.places, sides[a].cells.places)
        there[there] = sides[b].prints[at[there]] == sides[a].prints[there]
        of_a, of_b = sides[a].cells.chosen(there), sides[b].cells.chosen(at[there])
        pair = {"a": a, "b": b, "items": len(of_a.places), "different_content": differing[a, b],
                **_counts(of_a, of_b, shared, "majority")}
        if pair["items"]:
            once = (of_a.attempts == 1).all() and (of_b.attempts == 1).all()
            pair |= _once(pair) if once else _repeated(of_a, of_b, shared, seed)
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


def _repeated(of_a: Cells, of_b: Cells, shared: Shared, seed: int) -> dict[str, Any]:
    """The same of a pair with repeats: the items' pass rates of one minus those of the other."""
    differences = of_b.fails / of_b.attempts - of_a.fails / of_a.attempts
    mean = statistics.mean_difference(differences, seed)
    return {"readings": {reading: _counts(of_a, of_b, shared, reading)
                         for reading in ("any", "all")},
            "difference": rounded(mean.mean), "interval": limits(mean.interval),
            "p": rounded(mean.p, 6), "method": REPEATED[mean.method],
            "detectable": partial(statistics.smallest_mean_difference, len(differences),
                                  mean.standard_error)}


def _differing(units: dict[str, Unit]) -> dict[tuple[str, str], int]:
    """How many items each pair of units was judged on that are not the same item."""
    counts: dict[tuple[str, str], int] = {}
    for a, b in combinations(units, 2) if len(units) <= MOST_PAIRED else ():
        at, there = located(units[b].cells.places, units[a].cells.places)
        of_a, of_b = units[a].content()[there], units[b].content()[at[there]]
        counts[a, b] = int(((of_a != of_b) | (of_a == CHANGING)).sum())
    return counts


def _counts(of_a: Cells, of_b: Cells, shared: Shared, reading: str) -> dict[str, Any]:
    """The 2x2 table of a pair under one reading of "fails", with the items that tell them apart."""
    a, b = of_a.failing(reading), of_b.failing(reading)
    only_a, only_b = (shared.names(of_a.places[which]) for which in (a & ~b, b & ~a))
    return {"both_fail": int((a & b).sum()), "only_a_fails": len(only_a),
            "only_b_fails": len(only_b), "both_pass": int((~a & ~b).sum()),
            "only_a_fails_items": only_a, "only_b_fails_items": only_b}


def _dimensions(units: dict[str, Unit], differing: dict[tuple[str, str], int], shared: Shared,
                seed: int) -> dict[str, Any]:
    """Per dimension: failed of judged with interval, and the pairs, Holm within the dimension."""
    names = sorted({name for unit in units.values()
                    for name in (*unit.dimensions, *unit.unsure_on)})
    result = {}
    for name in names:
        lines, sides = [], {}
        for model, unit in units.items():
            cells = unit.dimensions.get(name, NOTHING)
            attempts, fails = _tries(cells, unit.unsure_on.get(name, NOTHING.fails))
            judged, failed = int(attempts.sum()), int(fails.sum())
            lines.append({"unit": model, "judged": judged, "failed": failed,
                         "pass_rate": rounded(1 - failed / judged) if judged else None,
                         "interval": limits(pass_rate(attempts, fails).interval if judged
                                            else None)})
            side = _Side.of(unit, cells)
            if len(side.prints):
                sides[model] = side
        result[name] = {"units": lines, "pairs": _pairs(sides, differing, shared, seed)}
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
    if lost := page.failed_by_all_who_ran(result):
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
