"""run_changes.md: what changed between two runs, in the order in which a reader decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from failure_analysis import steps
from failure_analysis.markdown import cell, code, table
from failure_analysis.statistics import ALPHA

NAME, PAGE, FIGURE = steps.CHANGES.writes
MOST_FLIPS, MOST_MOVED, MOST_LINES, MOST_IDS, MOST_NAMED = 60, 20, 30, 20, 4
_NUMBER_WORDS = {"prompt_tokens": "prompt tokens", "completion_tokens": "completion tokens",
                 "latency_ms": "time (ms)", "cost_usd": "cost (USD)"}
_NOT_COMPARED = {
    "asks_otherwise": "ask something else under the same id",
    "expects_otherwise": "ask the same and expect something else (the reference changed)",
    "changes_inside": "are of several contents inside one side",
    "only_old": "are in OLD alone", "only_new": "are in NEW alone",
    "unjudged_old": "have no judged attempt in OLD",
    "unjudged_new": "have no judged attempt in NEW"}
_KIND_WORDS = {"modes": "provisional mode", "rules": "rule", "endings": "ending"}
Result = Mapping[str, Any]


def page(result: Result) -> str:
    """The whole page."""
    parts = [f"# What changed: {_name(result['old'])} → {_name(result['new'])}", "",
             *[f"- {line}" for line in summary(result)], "", *_sides(result), "",
             f"![Difference and flips]({FIGURE})", "", *_flips(result)]
    for section in (_churn, _causes, _dimensions, _tasks, _numbers, _not_compared, _methods):
        if lines := section(result):
            parts += ["", *lines]
    return "\n".join([*parts, ""])


def _name(side: Result) -> str:
    """A side as a heading names it."""
    return code(side["name"] or ", ".join(side["models"]))


def points(share: float | None, sign: bool = True) -> str:
    """A share in points, with its sign where it is a difference."""
    return "" if share is None else f"{100 * share:{'+' if sign else ''}.1f}"


def span(interval: Sequence[float] | None) -> str:
    """An interval of a difference in points."""
    return "" if interval is None else f"{points(interval[0])} to {points(interval[1])}"


def summary(result: Result) -> list[str]:
    """What a reader decides on, a line each; for the terminal too."""
    return [_verdict(result), _flipped(result), *_noise(result), *_margin(result),
            *_turned_causes(result), *_turned_dimensions(result), *_spent(result),
            *_churned(result), *_warnings(result)]


def _verdict(result: Result) -> str:
    overall = result["overall"]
    said = {"better": "NEW is better by more than chance", "worse": "NEW is worse by more than "
            "chance", "not_shown": "no difference shown"}[result["verdict"]]
    interval = f", 95 % {span(overall['interval'])}" if overall["interval"] else ""
    could = overall["detectable"]
    missed = "" if result["verdict"] != "not_shown" else \
        f"; so many items show a difference of {points(could, False)} points four times in five" \
        if could else "; nothing differed, or there are too few items to show any difference"
    return (f"{said}: {points(overall['old'], False)} % → {points(overall['new'], False)} % on "
            f"{result['items']} items, {points(overall['difference'])} points{interval}, "
            f"p {_p(overall['p'])}{missed}")


def _flipped(result: Result) -> str:
    flips = result["flips"]
    split = f", {flips['split']} are split (as many passes as failures on a side)" \
        if flips["split"] else ""
    return (f"{len(flips['harmful'])} items flipped to failing, {len(flips['beneficial'])} to "
            f"passing; {flips['both_pass']} pass and {flips['both_fail']} fail on both sides"
            f"{split}")


def _noise(result: Result) -> list[str]:
    """How many flips are noise, in a sentence or two."""
    noise = result["noise"]
    if noise is None:
        return ["one attempt at each item on each side: how many of these flips are noise cannot "
                "be told; a repeat of either side would tell it"] * bool(
                    result["flips"]["harmful"] or result["flips"]["beneficial"])
    flips, steady = noise["flips"], noise["steady_harmful"]
    more = "some are real" if flips["p"] < 0.05 else \
        "as many as noise gives, so that no single flip shows anything"
    lines = [f"of the {noise['items']} items with repeats {flips['seen']} flipped, either way; if "
             f"the sides were the same {flips['expected']:g} would (95 % {flips['low']} to "
             f"{flips['high']}): {more}"]
    if steady["seen"]:
        lines.append(f"{steady['seen']} items passed every attempt before and fail every one now; "
                     f"chance gives {steady['expected']:g} ({steady['low']} to {steady['high']})")
    return lines


def _margin(result: Result) -> list[str]:
    overall, margin = result["overall"], result["margin"]
    if margin is None:
        no_worse, equal = overall["no_worse_by"], overall["equal_within"]
        return [f"no worse by {points(no_worse, False)} points or more, equal within "
                f"{points(equal, False)} points (each at .05; --margin tests one that you set "
                "beforehand)"] if no_worse is not None and equal is not None else []
    return [f"margin of {points(margin, False)} points: "
            + "; ".join(_shown(overall[name], words) for name, words in (
                ("no_worse", "no worse"), ("equivalent", "equivalent")) if name in overall)] \
        if "no_worse" in overall else ["too few items or clusters for a test of the margin"]


def _shown(test: Result, words: str) -> str:
    return f"{words}: shown (p {_p(test['p'])})" if test["shown"] else (
        f"{words}: NOT shown (p {_p(test['p'])}; were there no difference, so many items would "
        f"show it in {100 * test['power']:.0f} % of cases)")


def _turned_causes(result: Result) -> list[str]:
    """The causes that came or went by more than chance; without any, the one that came most."""
    lines = result["causes"]["buckets"]["causes"] if result["causes"]["buckets"] else \
        result["causes"]["modes"]
    sure = [line for line in lines if line["p_holm"] < ALPHA]
    most = [line for line in lines if line["difference"] > 0][:1]
    what = "buckets" if result["causes"]["buckets"] else "provisional modes"
    named = "; ".join(f"{code(line['cause'])} came at {line['came']} items and went at "
                      f"{line['went']}" for line in (sure or most)[:MOST_NAMED])
    return [f"{what} that changed by more than chance: {named}"] if sure else \
        [f"no change of {what} is more than chance; most came of: {named}"] if most else []


def _turned_dimensions(result: Result) -> list[str]:
    """The dimensions that changed by more than chance."""
    sure = [line for line in result["dimensions"] if line["p_holm"] < ALPHA]
    return ["dimensions that changed by more than chance: " + "; ".join(
        f"{code(line['dimension'])} {points(line['difference'])} points"
        for line in sure[:MOST_NAMED])] if sure and len(result["dimensions"]) > 1 else []


def _spent(result: Result) -> list[str]:
    """What an attempt costs now, against before."""
    said = [f"{_NUMBER_WORDS[line['number']]} {_figure(line['old'])} → {_figure(line['new'])} "
            f"({line['ratio']:g} ×)" for line in result["numbers"] if line["ratio"] is not None]
    return [f"of an attempt: {', '.join(said)}"] if said else \
        ["tokens, time and cost are not recorded on both sides"]


def _churned(result: Result) -> list[str]:
    churn = result["churn"]
    if "why_not" in churn:
        return [f"answers were not compared: {cell(churn['why_not'])}"]
    lines, kinds = [], churn["kinds"]
    if said := _turned(churn, ""):
        unlike = {name: value["share"] for name, value in churn["unlike"].items()}
        inside = [f"two attempts of {side} in {100 * unlike[name]:.0f} %" for name, side in
                  (("old", "OLD"), ("new", "NEW")) if unlike[name] is not None]
        noise = f"; OLD and NEW answer an item differently in {100 * unlike['between']:.0f} % of " \
            f"the cases, {', '.join(inside)}" if inside else ""
        lines.append(f"answers changed where the verdict did not ({_answered_by(kinds)}): "
                     f"{said}{noise}")
    if said := _turned(churn, "_text"):
        lines.append(f"free texts at {kinds['texts']} items differ in their words ({said}); "
                     "whether they say something else has to be read")
    return lines


def _answered_by(kinds: Result) -> str:
    return "; ".join([
        *[f"the calls that change something at {kinds['calls']} items"] * bool(kinds["calls"]),
        *[f"final answers at {kinds['answers']}, their form left aside"] * bool(kinds["answers"])])


def _turned(churn: Result, end: str) -> str:
    """How many answers of a kind are other ones, of those whose verdict stayed; blank where none
    did."""
    other = {kind: len(churn[f"{kind}_to_other{end}"]) for kind in ("wrong", "right")}
    of = {kind: count + len(churn[f"{kind}_to_same{end}"]) for kind, count in other.items()}
    return ", ".join(f"{other[kind]} of {of[kind]} {kind} ones to another {kind} one"
                     for kind in other if of[kind])


def _warnings(result: Result) -> list[str]:
    """What makes the comparison less than it seems."""
    lines = []
    if left := {name: items for name, items in result["not_compared"].items() if items}:
        lines.append("not compared: " + "; ".join(
            f"{len(items)} items {_NOT_COMPARED[name]}" for name, items in left.items()))
    if result["moved"]:
        lines.append(f"{len(result['moved'])} items have another id in NEW and are joined by their "
                     "content")
    if result["by_id_alone"]:
        lines.append(f"**{len(result['by_id_alone'])} items are joined by their id alone**: the "
                     "files do not record what was asked, so that nothing proves them the same")
    for side, items in result["more_often"].items():
        if items:
            lines.append(f"{len(items)} items have more rows in a run of {side.upper()} than its "
                         f"trials tell, which count as repeats: {_ids(items)}")
    lost = result["lost"]["partly_unjudged"]
    unjudged = {side: result[side]["unjudged"] for side in ("old", "new")}
    if lost or unjudged["old"] or unjudged["new"]:
        lines.append(f"**{unjudged['old']} attempts of OLD and {unjudged['new']} of NEW are not "
                     f"judged** and left out ({lost} compared items have some in NEW): a run that "
                     "breaks off where it fails looks better than it is")
    if unlabelled := sum(result["causes"]["unlabelled"].values()):
        lines.append(f"{unlabelled} failing attempts have no provisional mode: run "
                     f"{steps.CLUSTER.script} for causes and for plan_review.py")
    if result["clusters"] and result["clusters"]["alone"]:
        lines.append(f"{result['clusters']['alone']} items have no "
                     f"{code(result['clusters']['field'])} and stand alone")
    for side in ("old", "new"):
        if result[side]["of_no_item"]:
            lines.append(f"{result[side]['of_no_item']} rows of {side.upper()} whose item cannot "
                         "be told are left out")
        if result[side]["rejected"]:
            lines.append(f"{result[side]['rejected']} rows of {side.upper()} are copies of others "
                         "or no rows (rejected_rows.jsonl)")
    if result["old"]["graders"].keys() != result["new"]["graders"].keys():
        lines.append("**graded by different graders or versions**: OLD by "
                     f"{_ids(result['old']['graders'])}, NEW by {_ids(result['new']['graders'])}; "
                     "a flip may be the grader's")
    return lines


def _ids(items: Sequence[str], most: int = MOST_IDS) -> str:
    items = [item or "(not named)" for item in items]
    more = f", and {len(items) - most} more in {NAME}" if len(items) > most else ""
    return ", ".join(map(code, items[:most])) + more


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _sides(result: Result) -> list[str]:
    rows = []
    for name in ("old", "new"):
        side = result[name]
        rate, interval = side.get("pass_rate"), side.get("interval")
        rows.append([name.upper(), code(side["folder"]), _ids(side["models"], 4),
                     _ids(side["runs"], 4), side["items"], side["rows"], side["unjudged"],
                     "" if rate is None else f"{100 * rate:.1f} %", "" if interval is None else
                     f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"])
    return [table(["", "analysis folder", "model", "runs", "items", "rows", "not judged",
                   "pass rate over all", "95 %"], rows)]


def _flips(result: Result) -> list[str]:
    lines = ["## Flips", "", "✓ passed, ✗ failed, · not judged: one sign for each attempt. Most "
             "judged attempts decide; items whose every attempt turned come first."]
    for kind, words in (("harmful", "Passed and fails now"), ("beneficial", "Failed and passes "
                        "now"), ("moved", "Passes more or less often, same verdict or split")):
        found = result["flips"][kind]
        if not found:
            continue
        has_tasks = any(flip["task"] for flip in found)
        has_modes = any(flip["mode"] for flip in found)
        most = MOST_FLIPS if kind != "moved" else MOST_MOVED
        lines += ["", f"### {words}: {len(found)}", "", table(
            ["item", *["task"] * has_tasks, "OLD", "NEW", *["provisional mode"] * has_modes,
             "datapoints of OLD", "of NEW"],
            [[_item(flip), *[cell(flip["task"])] * has_tasks, flip["old"], flip["new"],
              *[code(flip["mode"]) if flip["mode"] else ""] * has_modes,
              *[", ".join(code(ident) for ident in flip[f"{side}_datapoints"][:3])
                for side in ("old", "new")]] for flip in found[:most]]) + _more(len(found), most)]
    return lines


def _item(flip: Result) -> str:
    old = f" (OLD: {code(flip['old_item'])})" if flip["old_item"] != flip["item"] else ""
    return code(flip["item"]) + old


def _more(count: int, most: int) -> str:
    return f"\n\n{count - most} more in {NAME}." if count > most else ""


def _churn(result: Result) -> list[str]:
    churn = result["churn"]
    if "why_not" in churn or not (churn["wrong_to_other"] or churn["right_to_other"]):
        return []
    return ["## Answers that changed where the verdict did not", "",
            f"Wrong, and another wrong one now: {_listed(churn['wrong_to_other'])}.", "",
            f"Right, and another right one now: {_listed(churn['right_to_other'])}."]


def _listed(items: Sequence[str]) -> str:
    return _ids(items) if items else "none"


def _lines(what: str, lines: Sequence[Result], named: str, *, turned: bool) -> str:
    """A table of differences: tasks, dimensions or causes."""
    middle = ["flipped to failing", "to passing"] if turned else ["came", "went", "stayed"]
    change = "points" if turned else "points (+: more failures)"
    keys = ["harmful", "beneficial"] if turned else ["came", "went", "stayed"]
    return table([what, "items", *middle, "OLD %", "NEW %", change, "95 % of this one",
                  "p (Holm)"], [
        [code(line[named]), line["items"], *[line[key] for key in keys],
         points(line["old"], False), points(line["new"], False), points(line["difference"]),
         span(line["interval"]), _p(line["p_holm"])]
        for line in lines[:MOST_LINES]]) + _more(len(lines), MOST_LINES)


def _causes(result: Result) -> list[str]:
    lines = ["## Causes that came, went and stayed", "", "Items of which some attempt fails for "
             "this cause, and the share of all attempts that do. A provisional mode is a rule's "
             "guess and no finding."]
    found = False
    for kind, words in _KIND_WORDS.items():
        if kind == "rules" and _alike(result["causes"]["rules"], result["causes"]["modes"]):
            continue  # each mode has one rule, so that its table says the same
        if causes := _by_change(result["causes"][kind]):
            found = True
            lines += ["", _lines(words, causes, "cause", turned=False)]
    buckets = result["causes"]["buckets"]
    if buckets:
        lines += ["", f"Buckets of readers, over the {buckets['items']} items of which every "
                  f"failing attempt was read ({buckets['reviewed_old']} of OLD, "
                  f"{buckets['reviewed_new']} of NEW):", "",
                  _lines("bucket", _by_change(buckets["causes"]), "cause", turned=False)]
    return lines if found or buckets else []


def _alike(one: Sequence[Result], other: Sequence[Result]) -> bool:
    """Whether two tables of causes have the same figures."""
    return sorted((line["came"], line["went"], line["stayed"]) for line in one) == \
        sorted((line["came"], line["went"], line["stayed"]) for line in other)


def _by_change(lines: Sequence[Result]) -> list[Result]:
    """The causes that changed first."""
    return sorted(lines, key=lambda line: (line["p_holm"] >= 0.05, -abs(line["difference"]),
                                           line["cause"]))


def _dimensions(result: Result) -> list[str]:
    lines = result["dimensions"]
    return ["## Dimensions", "", _lines("dimension", lines, "dimension", turned=True)] \
        if lines else []


def _tasks(result: Result) -> list[str]:
    lines = result["tasks"]
    if len(lines) > MOST_LINES:  # those that are cut are those that changed least
        lines = sorted(lines, key=lambda line: -abs(line["difference"]))
    return ["## Tasks", "", _lines("task", lines, "task", turned=True)] if lines else []


def _numbers(result: Result) -> list[str]:
    if not result["numbers"]:
        return []
    rows = [[_NUMBER_WORDS[line["number"]], line["items"], _figure(line["old"]),
             _figure(line["new"]), "" if line["ratio"] is None else f"{line['ratio']:g} ×",
             "" if line["interval"] is None else
             f"{_signed(line['interval'][0])} to {_signed(line['interval'][1])}",
             *[f"{_figure(line[f'total_{side}']['sum'])} in {line[f'total_{side}']['rows']}"
               for side in ("old", "new")]] for line in result["numbers"]]
    return ["## Tokens, time, cost", "", "Means of an attempt over the compared items that record "
            "it on both sides; totals over all rows that record it.", "",
            table(["", "items", "OLD", "NEW", "NEW / OLD", "difference, 95 %", "total of OLD, rows",
                   "total of NEW, rows"], rows)]


def _figure(value: float) -> str:
    """A number with four digits that count."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '-'}{_figure(abs(value))}"


def _not_compared(result: Result) -> list[str]:
    left = [f"- {len(items)} {_NOT_COMPARED[name]}: {_ids(items)}"
            for name, items in result["not_compared"].items() if items]
    if result["moved"]:
        shown = ", ".join(f"{code(old)} → {code(new)}" for old, new in result["moved"][:MOST_IDS])
        left.append(f"- joined by content under another id: {shown}"
                    + _more(len(result["moved"]), MOST_IDS).replace("\n\n", "; "))
    return ["## Not compared, or joined otherwise", "", *left] if left else []


def _methods(result: Result) -> list[str]:
    overall = result["overall"]
    clusters = result["clusters"]
    lines = ["## How", "", "Items are joined on id and content (what was asked and expected); "
             "missing and unjudged ones are neither passed nor failed. Difference: "
             f"{overall['method']}. Holm adjusts p within each table. Margins: "
             + ("score test (Tango 1998), one item taken off" if result["single"] and not clusters
                else "t test with the variance at the margin")
             + ", two one-sided tests for equivalence (TOST)."]
    if clusters:
        lines[-1] += f" Clusters: {clusters['count']} by {code(clusters['field'])}."
    same = result["old"]["folder"] == result["new"]["folder"]
    read_old = "" if same else (
        f" An answer of OLD that passed: `plan_review.py OLD --contrast ID`, then "
        f"`show_datapoint.py OLD ID`, where OLD is {code(result['old']['folder'])}.")
    return [*lines, "", "New failures first: `plan_review.py NEW --from-flips`, where NEW is "
            f"{code(result['new']['folder'])}.{read_old}"]


def flip_table(result: Result) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """The flips to failing for the terminal."""
    return ("passed and fails now", "task", "OLD", "NEW", "provisional mode"), [
        [flip["item"], flip["task"], flip["old"], flip["new"], flip["mode"]]
        for flip in result["flips"]["harmful"]]
