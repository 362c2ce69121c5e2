"""How far coders agree on the failing datapoints that they share: on the primary cause and on
whose fault it is, with what is left to settle."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import facts, files, manifest, steps
from failure_analysis.agreement import coefficients
from failure_analysis.agreement import page as agreement_page
from failure_analysis.packet import heuristics, rows
from failure_analysis.review import ledger
from failure_analysis.statistics import rounded

NAME, PAGE = steps.AGREE.writes[:2]
# The provisional modes as a coder. A coder of the ledger may have this name, never the one with
# parentheses.
RULES, RULES_BESIDE = "rules", "(rules)"
# Below it the interval of kappa is so wide (.36 at 30) that the figure misleads.
FEWEST_SHARED = 30
# A pair of labels that come together so often, and in most of the uses of both.
FEWEST_TOGETHER = 3
QUESTIONS = ("bucket", "fault")
Labels = Mapping[str, str]
Draws = tuple[int, int]  # the seed of the intervals, and how many resamples


class Said(NamedTuple):
    """What each coder said alone: coder -> datapoint -> review; and what does not count, by why."""

    reviews: dict[str, dict[str, ledger.Review]]
    left_out: Counter

    def labels(self, question: str, kinds: tuple[str, ...] = ledger.KINDS) -> dict[str, Labels]:
        """Coder -> datapoint -> label, of the coders of these kinds."""
        found = {coder: {ident: getattr(review, question) for ident, review in mine.items()
                         if review.kind in kinds} for coder, mine in self.reviews.items()}
        return {coder: mine for coder, mine in found.items() if mine}


def measure(folder: Path, seed: int, draws: int) -> dict[str, Any]:
    """Compares the coders of a folder's ledger; writes agreement.json, agreement.md and facts."""
    reads = manifest.proved(folder, (steps.OUTCOMES, steps.ROWS))
    result = compare(folder, seed, draws)
    facts.replace(folder, steps.AGREE, dict(numbers(result)))
    _write_json(folder / NAME, result)
    files.write_text(folder / PAGE, agreement_page.page(result, folder))
    manifest.record(folder, steps.AGREE.name, {"seed": seed, "draws": draws}, steps.AGREE.writes,
                    reads=reads)
    return result


def compare(folder: Path, seed: int, draws: int) -> dict[str, Any]:
    """What the coders of a folder's ledger have in common; refuses a ledger without a review of
    this packet. Nothing is written."""
    known = rows.load(folder)
    reviews = ledger.load(folder)
    if not reviews:
        raise files.Refusal(f"{folder / ledger.NAME}: no reviews to compare; read datapoints with "
                            "show_datapoint.py and record them with record_review.py")
    said = _said(known, reviews)
    if not said.reviews:
        why = "; ".join(f"{count} {reason}" for reason, count in sorted(said.left_out.items()))
        raise files.Refusal(f"{folder / ledger.NAME}: no review to compare ({why}); review failing "
                            "datapoints of this packet with record_review.py")
    drawn = (seed, draws)
    disagreements, settled = _disagreements(known, reviews, said)
    return {
        "fewest_shared": FEWEST_SHARED, "seed": seed, "draws": draws,
        "reviews": len(reviews),
        "coders": _coders(said), "left_out": dict(sorted(said.left_out.items())),
        "together": _together(said, drawn), "pairs": list(_pairs(known, said, drawn)),
        "settled": settled, "disagreements": disagreements,
    }


def _said(known: rows.Index, reviews: list[ledger.Review]) -> Said:
    """What each coder says of each failing datapoint. A settling review was written in view of
    the others, so it is no reading of its own: what its coder said before counts."""
    found: dict[str, dict[str, ledger.Review]] = {}
    left_out: Counter = Counter()
    for review in ledger.current(review for review in reviews if not review.settles):
        outcome = known.outcomes.get(review.datapoint_id)
        if outcome is None:
            left_out["of datapoints that are not in this packet"] += 1
        elif outcome.outcome != "fail":
            left_out["of datapoints that did not fail"] += 1
        else:
            found.setdefault(review.coder, {})[review.datapoint_id] = review
    settling = sum(review.settles for review in ledger.current(reviews))
    if settling:
        left_out["that settle a disagreement"] = settling
    return Said(dict(sorted(found.items())), left_out)


def _coders(said: Said) -> list[dict[str, Any]]:
    return [{"coder": coder, "kinds": sorted({review.kind for review in mine.values()}),
             "datapoints": len(mine),
             "buckets": len({review.bucket for review in mine.values()}),
             "corrected": sum(review.replaces is not None for review in mine.values())}
            for coder, mine in said.reviews.items()]


def _together(said: Said, drawn: Draws) -> dict[str, Any]:
    """All readers at once; with the LLM coders a second time, where there are any."""
    sets = {"readers": ledger.READERS}
    if said.labels("bucket", ("llm",)):
        sets["readers_and_llm"] = ledger.KINDS
    return {name: {"coders": _sharing(said.labels("bucket", kinds)),
                   **{question: _all_of(said.labels(question, kinds), drawn)
                      for question in QUESTIONS}}
            for name, kinds in sets.items()}


def _sharing(labels: Mapping[str, Labels]) -> list[str]:
    """The coders who share a datapoint with another one; all of them when none does."""
    found = [coder for coder, mine in labels.items()
             if any(ident in theirs for other, theirs in labels.items() if other != coder
                    for ident in mine)]
    return found or list(labels)


def _all_of(labels: Mapping[str, Labels], drawn: Draws) -> dict[str, Any]:
    """Krippendorff's alpha over all coders, on the datapoints that two or more of them coded."""
    by_id: dict[str, list[str]] = {}
    for mine in labels.values():
        for ident, label in mine.items():
            by_id.setdefault(ident, []).append(label)
    patterns = Counter(tuple(sorted(found)) for found in by_id.values() if len(found) > 1)
    n = patterns.total()
    figure = coefficients.alpha(patterns, *drawn) if n >= FEWEST_SHARED else _insufficient(n)
    same = sum(count for found, count in patterns.items() if len(set(found)) == 1)
    return {"shared": n, "status": _status(n), "same": same, "alpha": _written(figure)}


def _pairs(known: rows.Index, said: Said, drawn: Draws) -> Iterator[dict[str, Any]]:
    """Every two coders, the provisional modes last."""
    buckets, faults = said.labels("bucket"), said.labels("fault")
    uses = Counter(label for mine in buckets.values() for label in mine.values())
    modes = {outcome.datapoint_id: files.visible(outcome.mode) for outcome in known.failing()
             if outcome.mode}
    rules = RULES if RULES not in buckets else RULES_BESIDE
    coders = {**buckets, rules: modes} if modes else buckets
    for a, b in sorted(combinations(coders, 2), key=lambda pair: pair[1] == rules):
        shared = [ident for ident in coders[a] if ident in coders[b]]
        bucket = _pair(coders[a], coders[b], shared, drawn)
        # Of the datapoints with one pair of labels, the first one stays.
        examples = {(coders[a][ident], coders[b][ident]): ident for ident in reversed(shared)}
        yield {"a": a, "b": b, "rules": b == rules, "shared": len(shared),
               "status": _status(len(shared)), "bucket": bucket,
               "fault": None if b == rules else _pair(faults[a], faults[b], shared, drawn),
               "one_cause_two_names": _two_names(bucket, examples,
                                                 None if b == rules else uses, known.analysis_dir)}


def _pair(a: Labels, b: Labels, shared: list[str], drawn: Draws) -> dict[str, Any]:
    """Two coders on one question: agreement, how often each used each label, who said what."""
    cells = Counter((a[ident], b[ident]) for ident in shared)
    n = len(shared)
    found = coefficients.two_coders(cells, *drawn) if n >= FEWEST_SHARED else \
        coefficients.TwoCoders(*[_insufficient(n)] * 3)
    by_a, by_b = Counter(a[ident] for ident in shared), Counter(b[ident] for ident in shared)
    order = sorted(by_a | by_b, key=lambda label: (-by_a[label] - by_b[label], label))
    return {
        "same": sum(count for (one, other), count in cells.items() if one == other),
        **{name: _written(figure) for name, figure in found._asdict().items()},
        "labels": [{"label": label, "a": by_a[label], "b": by_b[label],
                    "both": cells[label, label], "a_share": rounded(by_a[label] / n),
                    "b_share": rounded(by_b[label] / n)} for label in order],
        "confusion": [{"a": one, "b": other, "datapoints": count} for (one, other), count in
                      sorted(cells.items(), key=lambda item: (-item[1], item[0]))],
    }


def _two_names(bucket: Mapping[str, Any], examples: Mapping[tuple[str, str], str],
               uses: Counter | None, folder: Path) -> list[dict[str, Any]]:
    """Label pairs that stand for each other in most of the uses of both; the rarer name is the
    one to give up. A provisional mode cannot be renamed in the ledger (no `uses`)."""
    used = {row["label"]: row for row in bucket["labels"]}
    found = []
    for cell in bucket["confusion"]:
        one, other, count = cell["a"], cell["b"], cell["datapoints"]
        of_a, of_b = used[one]["a"], used[other]["b"]
        nameless = uses is None and other == heuristics.OTHER
        if one == other or nameless or count < FEWEST_TOGETHER or 2 * count <= max(of_a, of_b):
            continue
        command = None
        if uses is not None:
            old, new = sorted((one, other), key=lambda label: (uses[label], label))
            command = f"record_review.py {shlex.quote(folder.as_posix())} --rename {old} {new} " \
                      "--everyone"
        found.append({**cell, "of_a": of_a, "of_b": of_b, "example": examples[one, other],
                      "command": command})
    return found


def _disagreements(known: rows.Index, reviews: list[ledger.Review], said: Said
                   ) -> tuple[list[dict[str, Any]], int]:
    """The failing datapoints on which readers differ, in the order of the packet, and how many
    more of them a settling review has decided."""
    finals = ledger.finals(reviews)
    views: dict[str, set[tuple[str, str]]] = {}
    for mine in said.reviews.values():
        for ident, review in mine.items():
            if review.kind in ledger.READERS:
                views.setdefault(ident, set()).add((review.bucket, review.fault))
    entries, settled = [], 0
    for outcome in known.failing():
        final = finals.get(outcome.datapoint_id)
        if final and (final.bucket is None or final.fault is None):
            ident, folder = outcome.datapoint_id, shlex.quote(known.analysis_dir.as_posix())
            entries.append({
                "datapoint_id": ident,
                "about": [question for question in QUESTIONS if getattr(final, question) is None],
                "said": [{"coder": review.coder, "bucket": review.bucket, "fault": review.fault,
                          "review_id": review.review_id} for review in final.reviews],
                "command": f"record_review.py {folder} --id {shlex.quote(ident)} --bucket … "
                           '--fault … --mechanism "…" --quote "…" --coder NAME --settles'})
        elif final and len(views.get(outcome.datapoint_id, ())) > 1:
            settled += 1
    return entries, settled


def _status(n: int) -> str:
    return "sufficient" if n >= FEWEST_SHARED else "insufficient"


def _insufficient(n: int) -> coefficients.Figure:
    return coefficients.Figure(None, None, f"insufficient: {n} of {FEWEST_SHARED} shared")


def _written(figure: coefficients.Figure) -> dict[str, Any]:
    """A figure as it is written into files."""
    interval = figure.interval and [rounded(limit) for limit in figure.interval]
    return {"value": rounded(figure.value), "interval": interval, "why": figure.why}


def _write_json(path: Path, result: dict[str, Any]) -> None:
    """As files.write_json does, which takes seconds for the disagreements of a large ledger."""
    with files.atomic(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def numbers(result: dict[str, Any]) -> Iterator[tuple[str, int | float]]:
    """The numbers that a report may state."""
    yield "agreement/coders", len(result["coders"])
    yield "agreement/readers", len(result["together"]["readers"]["coders"])
    yield "agreement/disagreements", len(result["disagreements"])
    yield "agreement/settled", result["settled"]
    for name, together in result["together"].items():
        ending = () if name == "readers" else (name,)
        for question in QUESTIONS:
            found = together[question]
            yield facts.key("agreement", f"{question}_shared", *ending), found["shared"]
            yield facts.key("agreement", f"{question}_same", *ending), found["same"]
            yield from _figure_facts(f"{question}_alpha", found["alpha"], *ending)
    for pair in result["pairs"]:
        names = (pair["a"], pair["b"])
        yield facts.key("agreement", "shared", *names), pair["shared"]
        for question in QUESTIONS:
            if pair[question]:
                yield facts.key("agreement", f"{question}_same", *names), pair[question]["same"]
                for name in coefficients.TwoCoders._fields:
                    yield from _figure_facts(f"{question}_{name}", pair[question][name], *names)


def _figure_facts(name: str, figure: Mapping[str, Any], *ending: str
                  ) -> Iterator[tuple[str, float]]:
    """A coefficient and the ends of its interval, as far as they are there."""
    if figure["value"] is not None:
        yield facts.key("agreement", name, *ending), rounded(figure["value"], 3)
    for end, limit in zip(("low", "high"), figure["interval"] or (), strict=False):
        yield facts.key("agreement", f"{name}_{end}", *ending), rounded(limit, 3)
