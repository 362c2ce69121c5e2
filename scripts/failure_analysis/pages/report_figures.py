"""The figures of the report page: who fails what, causes and faults by model, where in the run it
broke, what the lenses find."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from failure_analysis import clean, results, steps
from failure_analysis.datapoint import natural_key
from failure_analysis.pages import charts
from failure_analysis.pages.charts import Part
from failure_analysis.pages.report_data import (
    FAULT_COLOURS,
    MOST_UNITS,
    Folder,
    causes,
    faults,
    made_by,
    units,
)
from failure_analysis.review import break_counts

_NOTHING_FOUND = ("insufficient_data", "undecided", "no_artifact_detected", "no_change_detected")


def figures(folder: Folder) -> list[dict]:
    """The figures that there is something to draw for."""
    found = [_who_fails(folder), _by_model(folder), _faults_by_model(folder),
             _thirds(folder), _lenses(folder)]
    return [figure for figure in found if figure]


def _who_fails(folder: Folder) -> dict | None:
    """A strip per model or run over the items, those that most fail first."""
    by_run = bool(folder.compared) and folder.compared["by"] == "run"
    tally: dict[str, dict[str, list[int]]] = {}
    for line in folder.counts.index.outcomes.values():
        if line.outcome != "unjudged":
            mine = tally.setdefault(line.run if by_run else line.model, {})
            both = mine.setdefault(line.item, [0, 0])
            both[0] += line.outcome == "fail"
            both[1] += 1
    if len(tally) < 1:
        return None
    items = _hardest(tally)
    order = _best_first(folder, tally)
    labels = [clean.visible(item) for item in items]
    short = charts.short([clean.visible(name) for name in order])
    fails = Counter(sum(2 * mine[item][0] > mine[item][1] for mine in tally.values()
                        if item in mine) for item in items)
    rows_ = [{"label": short[clean.visible(name)], "name": clean.visible(name),
              "value": f"{sum(both[0] for both in tally[name].values())} failed",
              "svg": charts.strip(charts.shares(tally[name], items), labels,
                                  f"{clean.visible(name)}: failures over {len(items)} items, those "
                                  "that most fail first")} for name in order if name in tally]
    many = len(tally)
    ends = [(many, f"{fails[many]} failed by all"), (0, f"{fails[0]} passed by all")]
    binned = " Each cell is a part of the items; the stronger its colour, the more of them fail." \
        if len(items) > charts.BINNED_ABOVE else ""
    return {"title": "Who fails what", "rows": rows_, "kind": "strips",
            "ends": [words for _, words in ends],
            "about": f"{len(items)} items, those that most {'runs' if by_run else 'models'} fail "
                     f"on the left.{binned}",
            "legend": [("fails", "f4"), *([("some attempts or items fail", "f2")] if any(
                0 < both[0] < both[1] for mine in tally.values() for both in mine.values())
                or binned else []), ("passes", "f0"), *([("not judged", "none")] if any(
                len(mine) < len(items) for mine in tally.values()) else [])]}


def _hardest(tally: Mapping[str, Mapping[str, Sequence[int]]]) -> list[str]:
    """The items, those first of which the largest share of units fails."""
    failed: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    for mine in tally.values():
        for item, both in mine.items():
            failed[item] += both[0] / both[1]
            judged[item] += 1
    return sorted(judged, key=lambda item: (-failed[item] / judged[item], natural_key(item)))


def _by_model(folder: Folder) -> dict | None:
    """The causes of each model as a stack."""
    plain = [cause for cause in causes(folder) if not cause.members]
    if not plain:
        return None
    models = _best_first(folder, {model for cause in plain for model in cause.models})
    first, rest = plain[:charts.COLOURS], plain[charts.COLOURS:]
    stacks = {model: [*(Part(clean.visible(cause.name), cause.models.get(model, 0), cause.colour)
                        for cause in first),
                      Part("others", sum(cause.models.get(model, 0) for cause in rest), "c7")]
              for model in models}
    read = plain[0].is_read
    return {"title": "Causes by model" if read else "Provisional modes by model",
            "kind": "stacks", "ends": (), "rows": _stacked(stacks), "about":
            "Reviewed failures by bucket." if read else
            "Labels that rules gave by words; nobody has read these failures yet.",
            "legend": [(clean.visible(cause.name), cause.colour) for cause in first]
            + [(f"{len(rest)} others", "c7")] * bool(rest)}


def _best_first(folder: Folder, names: Iterable[str]) -> list[str]:
    """Models or runs in the order of the first screen; those that it has not come last."""
    places = {unit.name: place for place, unit in enumerate(units(folder))}
    counts = folder.counts
    return sorted(names, key=lambda name: (places.get(name, len(places)),
                                           counts.failing[name] / (counts.judged[name] or 1), name))


def _stacked(stacks: Mapping[str, list[Part]]) -> list[dict]:
    """A row per model, all on one scale."""
    sums = {model: sum(part.count for part in parts) for model, parts in stacks.items()}
    most = max(sums.values(), default=1)
    short = charts.short([clean.visible(model) for model in stacks])
    return [{"label": short[name], "name": name, "value": f"{sums[model]:g}",
             "svg": charts.stack(parts, most, f"{name}: " + ", ".join(
                 f"{part.name} {part.count:g}" for part in parts if part.count))}
            for model, parts in stacks.items() for name in [clean.visible(model)]]


def _faults_by_model(folder: Folder) -> dict | None:
    found = faults(folder)
    if not found:
        return None
    shown = _best_first(folder, {model for models in found.values() for model in models})
    stacks = {model: [Part(name, models[model], FAULT_COLOURS[name])
                      for name, models in found.items()] for model in shown}
    return {"title": "Whose fault, by model", "ends": (), "kind": "stacks",
            "rows": _stacked(stacks),
            "about": "Reviewed failures by the fault that readers decided.",
            "legend": [(name.replace("_", " "), FAULT_COLOURS[name]) for name in found]}


def _thirds(folder: Folder) -> dict | None:
    """In which third of their runs failures broke, where readers name steps."""
    found = break_counts.breaks(folder.counts)
    if not found:
        return None
    thirds = Counter(each.third for each in found.values())
    most = max(thirds.values())
    return {"title": "Where in the run it broke", "kind": "stacks", "legend": [], "ends": (),
            "about": f"The third of the run in which the step lies, of {len(found)} failures whose "
                     "step readers name.",
            "rows": [{"label": f"{third} third", "name": "", "value": str(thirds[third]),
                      "svg": charts.bar(thirds[third] / most, words=f"{third}: {thirds[third]}")}
                     for third in break_counts.THIRDS]}


def _lenses(folder: Folder) -> dict | None:
    """The accuracy of each diagnosed system, and what the lenses find, where they were run."""
    diagnosed = made_by(folder.analysis_dir / steps.DIAGNOSE.writes[0], results.Diagnosis,
                      steps.DIAGNOSE)
    entries = []
    systems = (diagnosed or {}).get("systems", ())
    order = _best_first(folder, dict.fromkeys(str(system["name"]) for system in systems))
    for system in sorted(systems, key=lambda system: order.index(str(system["name"])))[:MOST_UNITS]:
        rate = system["lenses"].get("surface", {}).get("estimates", {}).get("accuracy", {})
        found = [str(result.get("pattern")).replace("_", " ")
                 for result in system["lenses"].values()
                 if result.get("pattern") not in (None, *_NOTHING_FOUND)]
        if "est" in rate:
            entries.append((clean.visible(str(system['name'])), rate, found))
    short = charts.shortest([name for name, _, _ in entries], 22)
    return {"title": "What the lenses find", "kind": "stacks lenses", "legend": [], "ends": (),
            "about": "Accuracy with its interval, and the patterns of failure that stand out "
                     "(diagnosis.md says how sure each is).",
            "rows": [{"label": short[name], "name": name,
                      "value": ", ".join(found) or "no pattern", "svg": charts.bar(
                          rate["est"], rate.get("lo"), rate.get("hi"),
                          f"{name}: accuracy {100 * rate['est']:.1f} %")}
                     for name, rate, found in entries]} if entries else None
