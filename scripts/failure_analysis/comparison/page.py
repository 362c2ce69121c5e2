"""model_comparison.md: what a comparison says, in the order in which a reader should believe it."""

from failure_analysis import steps
from failure_analysis.markdown import cell, code, table

NAME, PAGE, TABLE, FIGURE = steps.COMPARE.writes[:4]
MOST_IDS, MOST_ROWS = 20, 60
READING_WORDS = {"any": "at least one attempt failed", "majority": "more than half of the attempts "
                 "failed", "all": "every attempt failed"}


def page(result: dict) -> str:
    """The whole page."""
    parts = ["# Model comparison", "", *_what_was_compared(result), "", *_units(result)]
    if len(result["units"]) > 1:
        for reading in result["readings"]:
            parts += ["", *_sets(result, reading)]
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


def unit_table(result: dict) -> str:
    """One line per compared unit, best first."""
    best = sorted(result["units"], key=lambda row: (-row["pass_rate"], row["unit"]))
    headers = [result["by"], "items", "judged", "failed", "pass rate", "95 % (Wilson)"]
    rows = [[code(row["unit"]), row["items"], row["attempts"], row["failed"],
             percent(row["pass_rate"]), span(row["interval"])] for row in best]
    if any(row["attempts"] != row["compared_attempts"] for row in best) and len(best) > 1:
        headers.append(f"of those, on the {result['compared_items']} items that all share")
        rows = [[*line, f"{row['compared_passed']} of {row['compared_attempts']} pass"]
                for line, row in zip(rows, best, strict=True)]
    if any("not_counted" in row for row in best):
        headers.append("not counted (the harness broke)")
        rows = [[*line, row.get("not_counted", 0)] for line, row in zip(rows, best, strict=True)]
    if result["repeats"]:
        headers.append("attempts are worth")
        rows = [[*line, f"{row['effective_attempts']:g} independent"]
                for line, row in zip(rows, best, strict=True)]
    return table(headers, rows[:MOST_ROWS]) + more(len(rows))


def more(count: int) -> str:
    """A line that says what a bounded table leaves out."""
    return f"\n\n{count - MOST_ROWS} more in model_comparison.json." if count > MOST_ROWS else ""


def left_out(result: dict) -> list[str]:
    """What could not be compared, in sentences."""
    lines = []
    if result["different_content"]:
        items = [entry["item"] for entry in result["different_content"]]
        lines.append(f"{len(items)} of {result['items']} items differ in content under one id; "
                     f"they are left out of the sets over all ({ids(items)}). A pair that agrees "
                     "on an item still uses it.")
    if result["partial"]:
        items = [entry["item"] for entry in result["partial"]]
        lines.append(f"Not judged for every {result['by']}: {len(items)} items ({ids(items)}); "
                     "they are in comparison.csv and in no set over all.")
    apart = {row["unit"]: row["of_no_item"] for row in result["units"] if "of_no_item" in row}
    if apart:
        named = ", ".join(f"{code(name)} {count}" for name, count in apart.items())
        lines.append(f"Rows whose item cannot be told: {sum(apart.values())} ({named}). They count "
                     "in the rates and are in no item, set or pair.")
    if result["not_judged"]:
        lines.append(f"Without any judged row, so not compared: {ids(result['not_judged'])}.")
    graders = {tuple(sorted(names)) for names in result["graders"].values()}
    if len(graders) > 1 or any(len(names) > 1 for names in graders):
        named = "; ".join(f"{code(name)} by {', '.join(map(code, names))}"
                          for name, names in result["graders"].items())
        lines.append("**Graded by different graders or versions**: a difference may be the "
                     f"grader's: {named}.")
    return lines


def _what_was_compared(result: dict) -> list[str]:
    if len(result["units"]) == 1:
        first = f"There is one {result['by']} with judged rows: nothing to compare it with."
    else:
        first = (f"{len(result['units'])} {result['by']}s ({result['why_by']}) compared on "
                 f"{result['compared_items']} of {result['items']} items: those judged for every "
                 "one of them with the same content.")
        if not result["compared_items"]:
            first += " No such item: only the pairs below tell something."
    return [first, *[f"\n{line}" for line in left_out(result)]]


def _units(result: dict) -> list[str]:
    return ["## Results as judged", "", unit_table(result)]


def _sets(result: dict, reading: str) -> list[str]:
    sets = result["readings"][reading]
    title = f": {READING_WORDS[reading]}" if result["repeats"] else ""
    return [f"## Shared and unique failures{title}", "", *sets_lines(result, sets)]


def sets_lines(result: dict, sets: dict) -> list[str]:
    """The sets over all units, with what chance alone would give."""
    chance = sets["unique_fails_by_chance"]
    lines = [
        f"Failed by all: {len(sets['failed_by_all'])} of {result['compared_items']} items "
        f"({ids(sets['failed_by_all'])}). Items that every {result['by']} fails are the first "
        "suspects of a fault in the benchmark: audit them before blaming a model.", "",
        f"Passed by all: {len(sets['passed_by_all'])} items.", "",
        f"{sets['failed_by_exactly_one']} items were failed by exactly one {result['by']}. Were "
        f"they all equal, chance would give each about {chance['expected']:.1f} of these "
        f"(95 %: {chance['low']} to {chance['high']}).", ""]
    names = list(sets["unique_fail"])
    rows = [[code(name), len(sets["unique_fail"][name]), ids(sets["unique_fail"][name]),
             len(sets["unique_pass"][name]), ids(sets["unique_pass"][name])] for name in names]
    return [*lines, table([result["by"], "only it fails", "items", "only it passes", "items"],
                          rows[:MOST_ROWS]) + more(len(rows))]


def failed_by_all_who_ran(result: dict) -> list[dict]:
    """Items that some unit lacks but everybody who ran them (two at least) failed."""
    return [entry for entry in result["partial"]
            if entry["judged"] > 1 and len(entry["failed_by"]) == entry["judged"]]


def _partial(result: dict) -> list[str]:
    lost = failed_by_all_who_ran(result)
    if not lost:
        return []
    rows = [[code(entry["item"]), ids(entry["failed_by"], 6), ids(entry["lacking"], 6)]
            for entry in lost[:MOST_ROWS]]
    return ["## Failed by everyone who ran it", "",
            table(["item", "failed by", "not judged for"], rows) + more(len(lost)), ""]


def pair_table(pairs: list[dict]) -> list[str]:
    """Every pair: difference, interval, p, Holm; beside what is not significant, the smallest
    difference that so many items could have shown."""
    tested = [pair for pair in pairs if "p" in pair]
    if not pairs:
        return ["Too many to compare in pairs; the sets and rates above are over all of them."]
    if not tested:
        return ["No two of them share an item with the same content."]
    tested.sort(key=lambda pair: (pair["p_holm"], pair["p"], pair["a"], pair["b"]))
    rows = []
    for pair in tested[:MOST_ROWS]:
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
    lines = [table(["better", "worse", "items", "only worse fails : only better fails",
                    "difference (points)", "95 %", "p", "p (Holm)", "so"], rows)
             + more(len(tested)), "",
             f"Method: {'; '.join(methods)}. Holm adjusts p for the {len(tested)} pairs."]
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
            + ". All pairs, with what their items could have shown: model_comparison.json.")
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
