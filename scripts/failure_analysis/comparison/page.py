"""model_comparison.md: what a comparison says, in the order in which a reader should believe it."""

from collections.abc import Mapping
from itertools import permutations
from types import MappingProxyType

from failure_analysis import steps
from failure_analysis.markdown import cell, code, table

NAME, PAGE, TABLE, FIGURE = steps.COMPARE.writes[:4]
MOST_IDS, MOST_ROWS = 20, 60
MOST_ALONE = 12
_FEW_PAIRS = 6
FEWEST_SUSPECTING = 3  # units whose common failures may be the benchmark's
_LARGEST_SHIFT = 0.1  # of a task's share of the attempts, between units
READING_WORDS = {"any": "at least one attempt failed", "majority": "more than half of the attempts "
                 "failed", "all": "every attempt failed"}


def page(result: dict) -> str:
    """The whole page."""
    parts = ["# Model comparison", "", *_what_was_compared(result), "", *_units(result)]
    if result["tasks"]:
        parts += ["", *_tasks(result)]
    if len(result["units"]) > 1:
        for reading in result["readings"]:
            parts += ["", *_sets(result, reading)]
        for number, group in enumerate(result["groups"], 2):
            parts += ["", *_group(result, number, group)]
        parts += ["", *_partial(result), "## Pairs", "", *pair_table(result["pairs"])]
    parts += ["", *_dimensions(result)]
    if result["instability"]:
        parts += ["", *_instability(result)]
    if result["judges"]:
        parts += ["", *_judges(result["judges"])]
    return "\n".join([*parts, "", "![Items by models](comparison.png)", ""])


def ids(items: list[str], most: int = MOST_IDS) -> str:
    """Item ids in a sentence, bounded."""
    if not items:
        return "none"
    more = f", and {len(items) - most} more in model_comparison.json" if len(items) > most else ""
    return ", ".join(map(code, items[:most])) + more


def percent(rate: float | None) -> str:
    """A rate as a percentage with one decimal."""
    return "" if rate is None else f"{100 * rate:.1f} %"


def span(interval: list[float] | None) -> str:
    """An interval of rates as percentages."""
    return "" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"


def unit_table(result: dict, beside: Mapping[str, Mapping[str, str]] = MappingProxyType({})) -> str:
    """One line per compared unit, best first; `beside` are more columns, unit -> cell by header."""
    best = sorted(result["units"], key=lambda row: (-row["pass_rate"], row["unit"]))
    headers = [result["by"], "items", "judged", "failed", "pass rate", "95 % (Wilson)"]
    rows = [[code(row["unit"]), row["items"], row["attempts"], row["failed"],
             percent(row["pass_rate"]), span(row["interval"])] for row in best]
    if any(row["attempts"] != row["compared_attempts"] for row in best) and len(best) > 1:
        headers.append(f"of those, on the {result['compared_items']} items that "
                       f"{'all share' if all_compared(result) else f'{main_group(result)} shares'}")
        rows = [[*line, "not in the group" if row["compared_attempts"] is None else
                 f"{row['compared_passed']} of {row['compared_attempts']} pass"]
                for line, row in zip(rows, best, strict=True)]
    if any("not_counted" in row for row in best):
        headers.append("not counted (the harness broke)")
        rows = [[*line, row.get("not_counted", 0)] for line, row in zip(rows, best, strict=True)]
    if result["repeats"]:
        headers.append("attempts are worth")
        rows = [[*line, f"{row['effective_attempts']:g} independent"]
                for line, row in zip(rows, best, strict=True)]
    for header, cells in beside.items():
        headers.append(header)
        rows = [[*line, cells.get(row["unit"], "")] for line, row in zip(rows, best, strict=True)]
    return table(headers, rows[:MOST_ROWS]) + more(len(rows))


def more(count: int, most: int = MOST_ROWS) -> str:
    """A line that says what a bounded table leaves out."""
    return f"\n\n{count - most} more in model_comparison.json." if count > most else ""


def left_out(result: dict) -> list[str]:
    """What could not be compared, in sentences."""
    lines = []
    if result["different_content"]:
        items = [entry["item"] for entry in result["different_content"]]
        left = "they are left out of the sets over all" if all_compared(result) else \
            "each is in the sets of those groups only whose members agree on it"
        lines.append(f"{len(items)} of {result['items']} items differ in content under one id; "
                     f"{left} ({ids(items)}). A pair that agrees on an item still uses it.")
    if result["partial"]:
        items = [entry["item"] for entry in result["partial"]]
        lines.append(f"Not judged for every {result['by']}: {len(items)} items ({ids(items)}); "
                     "they are in comparison.csv and in no set over all.")
    unsure = {row["unit"]: row["of_no_item"] for row in result["units"] if "of_no_item" in row}
    if unsure:
        named = ", ".join(f"{code(name)} {count}" for name, count in unsure.items())
        lines.append(f"Rows whose item cannot be told: {sum(unsure.values())} ({named}). They "
                     "count in the rates and are in no item, set or pair.")
    lines += apart(result)
    if result["not_judged"]:
        lines.append(not_judged(result))
    graders = {tuple(sorted(names)) for names in result["graders"].values()}
    if len(graders) > 1 or any(len(names) > 1 for names in graders):
        named = "; ".join(f"{code(name)} by {', '.join(map(code, names))}"
                          for name, names in result["graders"].items())
        lines.append("**Graded by different graders or versions**: a difference may be the "
                     f"grader's: {named}.")
    return lines


def not_judged(result: dict) -> str:
    """The units of which nothing was judged, in a sentence."""
    return "Without any judged row, so neither passed nor failed, and not compared: " \
        f"{ids(result['not_judged'])}."


def _what_was_compared(result: dict) -> list[str]:
    if len(result["units"]) == 1:
        first = f"There is one {result['by']} with judged rows: nothing to compare it with."
    elif not all_compared(result):
        first = over_whom(result)
    else:
        first = (f"{len(result['units'])} {result['by']}s ({result['why_by']}) compared on "
                 f"{result['compared_items']} of {result['items']} items: those judged for every "
                 "one of them with the same content.")
        if not result["compared_items"]:
            first += " No such item: only the pairs below tell something."
    return [first, *[f"\n{line}" for line in left_out(result)]]


def unique_fails(result: dict) -> dict[str, list[str]]:
    """The items that each unit alone failed in its group."""
    return {unit: items for sets in (result["sets"], *(group["sets"] for group in result["groups"]))
            for unit, items in sets["unique_fail"].items()}


def all_compared(result: dict) -> bool:
    """Whether the sets are over all compared units, and not over a group of them."""
    return len(result["compared_units"]) == len(result["units"])


def main_group(result: dict) -> str:
    """The group that the sets are over, in words."""
    return f"the group of {len(result['compared_units'])}"


def over_whom(result: dict) -> str:
    """Over which units and items the sets are, where they are not over all units."""
    return (f"The {len(result['units'])} {result['by']}s ({result['why_by']}) share too few items "
            f"to be compared as one. Sets are over {main_group(result)} "
            f"({ids(result['compared_units'])}), on {result['compared_items']} of "
            f"{result['items']} items: those judged for each of them with the same content.")


def apart(result: dict) -> list[str]:
    """Who is not in the main group: further groups, and each unit alone with what it shares."""
    by = result["by"]
    lines = [f"Group {number}: {len(group['units'])} {by}s ({ids(group['units'])}) share "
             f"{group['compared_items']} items; their sets stand apart."
             for number, group in enumerate(result["groups"], 2)]
    if small := result["groups_without_sets"]:
        lines.append(f"{len(small)} more groups of {sum(map(len, small))} {by}s have no sets here; "
                     f"they are named in {NAME}.")
    for one in result["alone"][:MOST_ALONE]:
        group = main_group(result) if one["with"] in result["compared_units"] else \
            f"the group of {code(one['with'])}"
        lines.append(f"{code(one['unit'])} shares {one['shares'] or 'none'} of its {one['items']} "
                     f"items with all of {group}; compared in pairs only, where a pair shares any.")
    if len(result["alone"]) > MOST_ALONE:
        lines.append(f"{len(result['alone']) - MOST_ALONE} more {by}s are in no group ({NAME}).")
    return lines


def _tasks(result: dict) -> list[str]:
    """The rates per task and unit, best first."""
    rows = [[code(task["task"]), code(row["unit"]), row["items"],
             f"{row['failed']} of {row['attempts']}", percent(row["pass_rate"]),
             span(row["interval"])]
            for task in result["tasks"]["tasks"]
            for row in sorted(task["units"], key=lambda row: (-row["pass_rate"], row["unit"]))]
    headers = ["task", result["by"], "items", "failed of judged", "pass rate", "95 % (Wilson)"]
    return ["## Tasks", "", table(headers, rows[:3 * MOST_ROWS])
            + more(len(rows), 3 * MOST_ROWS), *[f"\n{line}" for line in tasks_left_out(result)]]


def task_matrix(result: dict, most_tasks: int, most_units: int) -> str:
    """The rates per task (a line) and unit (a column), as passed of judged with the interval."""
    tasks, units = result["tasks"]["tasks"], [row["unit"] for row in result["units"]]
    rows = []
    for task in tasks[:most_tasks]:
        cells = {row["unit"]: f"{row['passed']} of {row['attempts']}, "
                 f"{percent(row['pass_rate'])} ({span(row['interval'])})" for row in task["units"]}
        rows.append([code(task["task"]), *(cells.get(unit, "") for unit in units[:most_units])])
    left = [f"{count} more {what} in {NAME}." for count, what in (
        (len(tasks) - most_tasks, "tasks"), (len(units) - most_units, f"{result['by']}s"))
        if count > 0]
    return "\n\n".join([table(["passed of judged", *map(code, units[:most_units])], rows),
                         *left, *tasks_left_out(result)])


def mixes(result: dict) -> list[str]:
    """What different mixes of tasks do to the rates over all, in sentences."""
    if not result["tasks"]:
        return []
    tasks = {task["task"]: {row["unit"]: row for row in task["units"]}
             for task in result["tasks"]["tasks"]}
    units = {row["unit"]: row for row in result["units"]}
    shares = [[rows[name]["attempts"] / unit["attempts"] if name in rows else 0.0
               for name, unit in units.items()] for rows in tasks.values()]
    if max(max(parts) - min(parts) for parts in shares) <= _LARGEST_SHIFT:
        return []
    turned = []
    for a, b in permutations(units, 2) if len(units) <= MOST_ROWS else ():
        both = [(rows[a]["pass_rate"], rows[b]["pass_rate"]) for rows in tasks.values()
                if a in rows and b in rows]
        if len(both) > 1 and units[a]["pass_rate"] < units[b]["pass_rate"] and all(
                of_a > of_b for of_a, of_b in both):
            turned.append(f"{code(a)} is above {code(b)}")
    lines = [f"The {result['by']}s did not try the same mix of tasks: compare within tasks, not "
             "rates over all."]
    return [*lines, *([f"In every task that both tried {'; '.join(turned[:MOST_IDS])}, though over "
                       "all it is below."] if turned else [])]


def tasks_left_out(result: dict) -> list[str]:
    """What the rates per task do not hold, in sentences."""
    tasks = result["tasks"]
    return mixes(result) + [text for count, text in (
        (tasks["tasks_left_out"], f"{tasks['tasks_left_out']} smaller tasks are left out."),
        (tasks["judged_without_task"], f"Judged rows without a task: "
                                       f"{tasks['judged_without_task']}.")) if count]


def _units(result: dict) -> list[str]:
    return ["## Results as judged", "", unit_table(result)]


def _sets(result: dict, reading: str) -> list[str]:
    sets = result["readings"][reading]
    title = f": {READING_WORDS[reading]}" if result["repeats"] else ""
    if not all_compared(result):
        title = f" in {main_group(result)}{title}"
    return [f"## Shared and unique failures{title}", "",
            *sets_lines(result["by"], result["compared_items"], sets, all_compared(result)),
            *[f"\n{line}" for line in passed_outside(result)]]


def _group(result: dict, number: int, group: dict) -> list[str]:
    title = f": {READING_WORDS['majority']}" if result["repeats"] else ""
    count = f"{len(group['units'])} {result['by']}s on {group['compared_items']} items"
    return [f"## Shared and unique failures in group {number} ({count}){title}", "",
            *sets_lines(result["by"], group["compared_items"], group["sets"], False)]


def sets_lines(by: str, items: int, sets: dict, everybody: bool) -> list[str]:
    """The sets over all units (or a group of them), with what chance alone would give."""
    whole = "" if everybody else " of the group"
    lines = [
        f"Failed by all{whole}: {len(sets['failed_by_all'])} of {items} items "
        f"({ids(sets['failed_by_all'])}). {suspicion(by, items, sets)}".rstrip(), "",
        f"Passed by all{whole}: {len(sets['passed_by_all'])} items.", "",
        f"{sets['failed_by_exactly_one']} items were failed by exactly one {by}{whole}."
        + " Whether one of two fails more, their pair says." * (len(sets["unique_fail"]) == 2), ""]
    return [*lines, unique_table(by, sets)]


def suspicion(by: str, items: int, sets: dict) -> str:
    """What it says of the items that all of these units failed that they did, beside what chance
    gives; blank where there is no such item."""
    lost, units = sets["failed_by_all"], len(sets["unique_fail"])
    if not lost:
        return ""
    if len(lost) == items:
        return f"No {by} passed any of these items: ask first whether they can be passed at all."
    chance = sets["failed_by_all_by_chance"]
    expected = f"{chance['expected']:.1f}" if chance["expected"] >= 0.05 else "less than 0.1"
    beside = (f"Were the failures of the {units} {by}s independent, their fail rates would give "
              f"{expected} (95 %: {chance['low']} to {chance['high']})")
    if len(lost) <= chance["high"]:
        return f"{beside}: no more than chance, so by itself no suspicion of the benchmark."
    if units < FEWEST_SUSPECTING:
        return f"{beside}. Hard for both; two {by}s alone are no suspicion of the benchmark."
    return (f"{beside}. Hard for all {units} or the benchmark's fault: its first suspects. Audit "
            "them before blaming a model.")


def coincidence(result: dict) -> list[str]:
    """How many items were failed by all, and what that says, a sentence for each group that has
    any."""
    lines = []
    for number, (sets, items) in enumerate([(result["sets"], result["compared_items"]), *(
            (group["sets"], group["compared_items"]) for group in result["groups"])], 1):
        if said := suspicion(result["by"], items, sets):
            whole = "" if all_compared(result) else f" of group {number}"
            lines.append(f"Failed by all{whole}: {len(sets['failed_by_all'])} of {items} items. "
                         f"{said}")
    return lines


def unique_table(by: str, sets: dict) -> str:
    """What only one unit fails or passes, a line per unit, with what chance gives of its fails."""
    swapped = sets["unique_fails_by_chance"]
    headers, rows, said = [by, "only it fails", "items", "only it passes", "items"], [], ""
    for name, items in sets["unique_fail"].items():
        passed = sets["unique_pass"][name]
        rows.append([code(name), len(items), ids(items), len(passed), ids(passed)])
        if swapped:
            rows[-1].insert(2, _range(len(items), swapped["units"][name]))
    if swapped:
        headers.insert(2, "by chance 95 %")
        said = f"\n\nBy chance: were it only for how many items each {by} fails and how many " \
            f"{by}s fail each item ({swapped['draws']} random tables with these totals)."
    return table(headers, rows[:MOST_ROWS]) + more(len(rows)) + said


def _range(count: int, chance: dict) -> str:
    """The range that chance gives, marked where the count is above it."""
    return f"{chance['low']} to {chance['high']}" + " (**above**)" * (count > chance["high"])


def failed_by_all(result: dict) -> list[str]:
    """The items that every unit of the main group failed, then those of the further groups."""
    return list(dict.fromkeys([*result["sets"]["failed_by_all"], *(
        item for group in result["groups"] for item in group["sets"]["failed_by_all"])]))


def passed_outside(result: dict) -> list[str]:
    """Which items that the main group failed somebody outside it passed, in a sentence."""
    passed = result["passed_outside"]
    named = "; ".join(f"{code(item)} ({ids(passed[item], 6)})"
                      for item in list(passed)[:MOST_IDS])
    left = len(passed) - MOST_IDS
    return [f"Failed by all of the group, but passed with the same content outside it: {named}"
            + (f"; {left} more in {NAME}" if left > 0 else "") + "."] if passed else []


def failed_under_every_content(result: dict) -> str:
    """The items that everybody failed, each under its own content, in a sentence; or nothing."""
    lost = result["failed_under_every_content"]
    if not lost:
        return ""
    named = "; ".join(f"{code(entry['item'])} ({_variants(entry)})"
                      for entry in lost[:MOST_IDS])
    left = len(lost) - MOST_IDS
    return (f"Failed by all who ran it, under every version (item_versions.md): {len(lost)} items: "
            f"{named}"
            + (f"; {left} more in {NAME}" if left > 0 else "") + ".")


def _variants(entry: dict) -> str:
    """The contents of an item by their versions, each with who was judged on it, bounded."""
    variants = entry["variants"]
    named = [f"{', '.join(entry['versions'][content]) or 'several'}: {ids(names, 6)}"
             for content, names in list(variants.items())[:6]]
    more = [f"{len(variants) - 6} more in {NAME}"] if len(variants) > 6 else []
    return "; ".join([*named, *more])


def _partial(result: dict) -> list[str]:
    lost = failed_by_all_who_ran(result)
    rows = [[code(entry["item"]), ids(entry["failed_by"], 6), ids(entry["lacking"], 6)]
            for entry in lost[:MOST_ROWS]]
    parts = ["## Failed by everyone who ran it", "",
             table(["item", "failed by", "not judged for"], rows) + more(len(lost)), ""] \
        if lost else []
    versions = failed_under_every_content(result)
    return [*parts, *(["## Failed under every version", "", versions, ""] if versions else [])]


def pair_table(pairs: list[dict], is_short: bool = False) -> list[str]:
    """Every pair: difference, interval, p, Holm; beside what is not significant, the smallest
    difference that so many items could have shown. Of many pairs a short one has those alone that
    differ by more than chance."""
    tested = [pair for pair in pairs if "p" in pair]
    if not pairs:
        return ["Too many to compare in pairs; the sets and rates above are over all of them."]
    if not tested:
        return ["No two of them share an item whose content is the same in all their runs."]
    tested.sort(key=lambda pair: (pair["p_holm"], pair["p"], pair["a"], pair["b"]))
    rows, shown = [], tested
    if is_short and len(tested) > _FEW_PAIRS:
        shown = [pair for pair in tested if pair["p_holm"] < 0.05]
    for pair in shown[:MOST_ROWS]:
        a, b = (pair["a"], pair["b"]) if pair["difference"] >= 0 else (pair["b"], pair["a"])
        limits = pair["interval"] and (pair["interval"] if pair["difference"] >= 0 else
                                       [-limit for limit in reversed(pair["interval"])])
        only_a, only_b = pair["only_a_fails"], pair["only_b_fails"]
        if a != pair["a"]:
            only_a, only_b = only_b, only_a
        rows.append([code(a), code(b), pair["items"], f"{only_b} : {only_a}",
                     f"{100 * abs(pair['difference']):+.1f}",
                     f"{100 * limits[0]:+.1f} to {100 * limits[1]:+.1f}" if limits else "",
                     _p(pair["p"]),
                     _p(pair["p_holm"]), _verdict(pair)])
    methods = sorted({pair["method"] for pair in tested})
    unsure = len(tested) - len(shown)
    lines = [table(["better", "worse", "items", "only worse fails : only better fails",
                    "difference (points)", "95 %", "p", "p (Holm)", "so"], rows)
             + more(len(shown)), ""] if rows else []
    left = f"{unsure} {'more ' if rows else ''}pairs are not shown to differ ({PAGE}). "
    lines += [left * bool(unsure) + f"Method: {'; '.join(methods)}. Holm adjusts p for the "
              f"{len(tested)} pairs." + _could_show(tested)]
    differing = max((pair["different_content"] for pair in pairs), default=0)
    if differing:
        lines += ["", f"Up to {differing} items that a pair shares by id differ in content; each "
                  "pair is compared on the others alone (column items)."]
    return lines


def _verdict(pair: dict) -> str:
    if pair["p_holm"] < 0.05:
        return "more than chance"
    if pair["detectable"] is None:
        return "not shown; nothing differed, or too few items"
    return f"not shown; {pair['items']} items could show {100 * pair['detectable']:.0f} points"


def _could_show(tested: list[dict]) -> str:
    """At which level the pairs that are not significant could have shown a difference."""
    left = sum(pair["p_holm"] >= 0.05 for pair in tested)
    level = f"0.05 / {left}" if left > 1 else "0.05"
    return f" What items could show: with 80 % power at the level that it leaves, {level}." \
        if left else ""


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _dimensions(result: dict) -> list[str]:
    """Failed of judged per dimension; of the pairs, those that differ by more than chance."""
    if not result["dimensions"]:
        return ["## Dimensions", "", "No dimension was judged true or false."]
    rows = []
    for name, dimension in list(result["dimensions"].items())[:MOST_ROWS]:
        for row in dimension["units"]:
            if row["judged"]:
                rows.append([code(name), code(row["unit"]), f"{row['failed']} of {row['judged']}",
                             percent(row["pass_rate"]), span(row["interval"])])
    lines = ["## Dimensions", "",
             "Null scores are left out: a row counts only where it was judged.", "",
             table(["dimension", result["by"], "failed of judged", "pass rate", "95 % (Wilson)"],
                   rows[:3 * MOST_ROWS]), ""]
    sure = [(name, pair) for name, dimension in result["dimensions"].items()
            for pair in dimension["pairs"] if pair.get("p_holm", 1) < 0.05]
    if len(result["units"]) > 1:
        lines.append("More than chance within its dimension (Holm): " + ("; ".join(
            f"{code(name)}: {code(pair['a'])} against {code(pair['b'])} "
            f"{100 * pair['difference']:+.1f} points, p {_p(pair['p_holm'])}"
            for name, pair in sure[:MOST_ROWS]) or "no pair on any dimension")
            + ". All pairs, with what their items could have shown at the level that Holm leaves: "
            "model_comparison.json.")
    return lines


def _instability(result: dict) -> list[str]:
    lines = ["## Repeats", "", "pass^k: k attempts all pass; pass@k: one of k passes (unbiased).",
             ""]
    unstable = {name: unit for name, unit in result["instability"].items() if unit}
    most = max((len(unit["pass_hat_k"]) for unit in unstable.values()), default=0)
    ks = [str(k) for k in range(1, min(4, most) + 1)]
    rows = [[code(name), unit["items"],
             *[f"{unit['pass_hat_k'][k]:.3f} / {unit['pass_at_k'][k]:.3f}"
               if k in unit["pass_hat_k"] else "" for k in ks],
             f"{unit['flip_rate']:.3f}", len(unit["always_fail"]), len(unit["flaky"]),
             unit["always_pass"],
             f"{unit['flaky_failing_in_one_mode']} of {unit['flaky_failing_twice_labelled']}"]
            for name, unit in unstable.items()]
    lines.append(table(["model", "items", *[f"pass^{k} / pass@{k}" for k in ks], "flip rate",
                        "always fail", "flaky", "always pass",
                        "flaky, failing in one mode each time"], rows))
    for name, unit in unstable.items():
        lines += ["", f"{code(name)} always fails {ids(unit['always_fail'])}; flaky: "
                  f"{ids(unit['flaky'])}."]
    return lines


def _judges(judges: dict) -> list[str]:
    """Graders of the same answers: how far verdicts depend on who grades."""
    lines = ["## Graders of the same answers", "",
             f"{judges['datapoints']} datapoints were graded more than once; graders split on "
             f"{judges['split']} of them. This is disagreement of graders over one and the same "
             "answers, not of models.", ""]
    rows = [[cell(grader["grader"]), grader["gradings"], grader["failed"], grader["unjudged"],
             ", ".join(f"{code(word)} ({count})"
                       for word, count in grader["words_not_understood"].items())]
            for grader in judges["graders"]]
    lines += [table(["grader", "gradings", "failed", "unjudged", "words not understood"], rows), ""]
    rows = [[cell(pair["a"]), cell(pair["b"]), f"{pair['agreed']} of {pair['both_judged']}",
             percent(pair["agreement"]), _number(pair["kappa"]), _number(pair["ac1"]),
             pair["only_a_fails"], pair["only_b_fails"]]
            for pair in judges["pairs"] if pair["both_judged"]]
    return [*lines, table(["a", "b", "agree", "", "kappa", "AC1", "only a fails it",
                           "only b fails it"], rows[:MOST_ROWS]) + more(len(rows))]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def failed_by_all_who_ran(result: dict) -> list[dict]:
    """Items that some unit lacks but everybody who ran them (two at least) failed."""
    return [entry for entry in result["partial"]
            if entry["judged"] > 1 and len(entry["failed_by"]) == entry["judged"]]
