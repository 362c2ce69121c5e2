"""What single rows showed, counted over all runs: notes, rejections, ends that are not counted."""

from collections import Counter
from itertools import combinations

from failure_analysis.datapoint import natural_key
from failure_analysis.markdown import listed as _list
from failure_analysis.packet.findings import count as _count
from failure_analysis.packet.findings import finding
from failure_analysis.packet.overall import MOST_DETAILS, Notes, Overall, kind_of_rejection
from failure_analysis.records import OTHER_ID


def of_rows(overall: Overall) -> list[dict]:
    """What single rows showed, counted over all runs."""
    findings = [_noted(note, seen) for note, seen in sorted(overall.notes.items())]
    findings += _ambiguous_ids(overall)
    for reason, count in sorted(overall.rejected.items()):
        examples = [f"{line.path}:{line.number}" for line in overall.rejected_lines
                    if kind_of_rejection(line.reason) == reason]
        findings.append({"kind": "rejected_rows", "text": f"{_count(count, 'row')} rejected: "
                         f"{reason} ({_list(examples, 5, count)}).", "count": count,
                         "about": examples})
    alone = sum(model["failed_alone"] for model in overall.models.values())
    if alone:
        findings.append({"kind": "failed_without_dimension", "text": f"{_count(alone, 'row')} "
                         "failed without a judged dimension that says why (reward below what "
                         "passes).", "count": alone, "about": []})
    if overall.not_counted:
        findings.append(_not_counted_finding(overall))
    findings += _unjudged_rows(overall)
    if overall.unchecked:
        findings.append({"kind": "content_unchecked", "text":
                         f"{_count(overall.unchecked, 'row')} record neither what was asked nor "
                         "what was expected: whether an item is the same in all runs could "
                         "not be checked for them.", "count": overall.unchecked, "about": []})
    if overall.gradings and overall.gradings["rejected"]:
        lost = overall.gradings["rejected_examples"]
        findings.append({"kind": "rejected_gradings", "text":
                         f"{_count(overall.gradings['rejected'], 'further grading')} could not "
                         f"be used ({_list(lost, 3)}).", "count": overall.gradings["rejected"],
                         "about": lost})
    empty = sum(model["failed_empty"] for model in overall.models.values())
    if empty:
        findings.append({"kind": "empty_answers", "text": f"{_count(empty, 'failing row')} "
                         "with an empty answer, no call and no other words of the model.",
                         "count": empty, "about": []})
    return [*findings, *_not_recorded(overall), *_markers(overall)]


def _not_recorded(overall: Overall) -> list[dict]:
    """The failing rows of which there is nothing to be read but what was asked and judged."""
    unseen = {name: counts["failed_unseen"] for name, counts in overall.models.items()
              if counts["failed_unseen"]}
    total = sum(unseen.values())
    by_model = _list([f"{name} {count}" for name, count in unseen.items()])
    return [finding(
        "runs_not_recorded", f"Of {_count(total, 'failing row')} neither an answer nor a "
        "conversation nor a call is recorded: readers see what was asked, and what a judge says "
        f"({by_model}).", list(unseen), total)] if unseen else []


def _markers(overall: Overall) -> list[dict]:
    """The rows in which a marker of the harness stands in the place of an answer."""
    markers = Counter()
    for model in overall.models.values():
        markers.update({name: n for name, n in model.items() if name.startswith("marker/")})
    named = [(f"[{name.removeprefix('marker/')}]", count) for name, count in sorted(
        markers.items())]
    return [finding("marker_rows", f"{_count(count, 'row')} where the harness put {marker} in the "
                    "place of an answer.", [], count, f"{marker} in {_count(count, 'row')}")
            for marker, count in named]


def _ambiguous_ids(overall: Overall) -> list[dict]:
    """Rows that may be of several items, or fit none."""
    if not overall.unsure:
        return []
    unsure = [one for by_item in overall.unsure.values() for one in by_item.values()]
    count = sum(one.rows for one in unsure)
    details = _of_runs({run: [f"{item} ({_count(by_item[item].rows, 'row')})"
                              for item in sorted(by_item, key=natural_key)]
                        for run, by_item in overall.unsure.items()})
    more = f"; and {len(details) - 10} more" if len(details) > 10 else ""
    text = (f"{_count(count, 'row')} of {_runs(list(overall.unsure))} may be of several items, or "
            f"fit none: {'; '.join(details[:10])}{more}. What is recorded does not tell; they "
            "count in the rates and in no item.")
    idents = [ident for one in unsure for ident in one.examples]
    return [{**finding("ambiguous_ids", text, idents, count),
             "details": details[:MOST_DETAILS]}]


def _not_counted_finding(overall: Overall) -> dict:
    """The rows that the benchmark itself does not count, by their ends and by model."""
    total = overall.not_counted.total()
    models = {name: counts["not_counted"] for name, counts in overall.models.items()
              if counts["not_counted"]}
    by_model = _list([f"{name} {count}" for name, count in models.items()])
    return {"kind": "not_counted_rows", "text": f"{_count(total, 'unjudged row')} not counted "
            f"by the benchmark ({_list(sorted(overall.not_counted))}): the harness broke, not the "
            f"model. They are in no rate ({by_model}).", "count": total,
            "about": list(models)[:200]}


def _unjudged_rows(overall: Overall) -> list[dict]:
    """How the rates would be, and whether in another order, where what nobody judged counts as
    failed, as many benchmarks count it."""
    rates = {}
    for name, counts in overall.models.items():
        unjudged = counts["unjudged"] - counts["not_counted"]
        if judged := counts["pass"] + counts["fail"]:
            rates[name] = (counts["pass"] / judged, counts["pass"] / (judged + unjudged), unjudged)
    total = sum(unjudged for _, _, unjudged in rates.values())
    if not total:
        return []
    turned = {name for (one, mine), (other, theirs) in combinations(rates.items(), 2)
              if (mine[0] - theirs[0]) * (mine[1] - theirs[1]) < 0 for name in (one, other)}
    lower = sorted((name for name in rates if rates[name][2]),
                   key=lambda name: rates[name][1] - rates[name][0])
    told = [f"{name} {100 * rates[name][0]:.1f} % → {100 * rates[name][1]:.1f} %"
            for name in lower]
    order = f"; that changes the order of {len(turned)} models" if turned else ""
    return [finding("unjudged_rows", f"{_count(total, 'row')} that nobody judged are in no rate. "
                    f"Counted as failed, as many benchmarks do: {_list(told, 6)}{order}.",
                    sorted(turned) or lower, total)]


def _noted(note: str, seen: Notes) -> dict:
    """The finding of a note: what its rows have in common, and what differs between them."""
    details, kind = _of_runs(seen.details), "other_ids" if note == OTHER_ID else "row_note"
    if not details:
        return finding(kind, f"{_count(seen.rows, 'row')}: {note} "
                       f"({_list(seen.examples, 3, seen.rows)}).", seen.examples, seen.rows)
    named = _list(details) if len(details) < MOST_DETAILS else \
        f"{', '.join(details[:10])}, and many more"
    text = f"{seen.rows} of {_count(seen.of, 'row')} of {_runs(seen.runs)}: {note} ({named})."
    return {**finding(kind, text, seen.examples, seen.rows), "details": details}


def _of_runs(details: dict[str, list[str]]) -> list[str]:
    """The details of runs, each with its run's name where there are several runs."""
    return [f"{run}: {detail}" if len(details) > 1 else detail
            for run, of_run in details.items() for detail in of_run]


def _runs(names: list[str]) -> str:
    """`run a`, or how many runs and the first of them."""
    return f"run {names[0]}" if len(names) == 1 else f"{len(names)} runs ({_list(names, 3)})"
