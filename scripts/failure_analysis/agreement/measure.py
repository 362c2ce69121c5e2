"""How far coders agree on the failing datapoints that they share: on the primary cause, on whose
fault it is, and on the step and the agent where it broke, with what is left to settle."""

import shlex
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import clean, facts, files, manifest, steps, store
from failure_analysis.agreement import coefficients
from failure_analysis.agreement import page as agreement_page
from failure_analysis.packet import heuristics, rows
from failure_analysis.review import bucket_groups, ledger
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
GROUP = "group"  # asked too where buckets are in groups
Labels = Mapping[str, str]
Bootstrap = tuple[int, int]  # the seed of the intervals, and how many resamples


class Judgements(NamedTuple):
    """What each coder said alone: coder -> datapoint -> review; what does not count, by why; and
    the groups of the buckets."""

    reviews: dict[str, dict[str, ledger.Review]]
    left_out: Counter
    groups: Mapping[str, str]

    def said(self, review: ledger.Review, question: str) -> str:
        """What a review answers; a bucket of no group is one by itself."""
        return self.groups.get(review.bucket, review.bucket) if question == GROUP \
            else getattr(review, question)

    def labels(self, question: str, kinds: tuple[str, ...] = ledger.KINDS) -> dict[str, Labels]:
        """Coder -> datapoint -> label, of the coders of these kinds. A label from outside may have
        a fault without a bucket."""
        by_coder = {coder: {ident: label for ident, review in mine.items() if review.kind in kinds
                            and (label := self.said(review, question))}
                    for coder, mine in self.reviews.items()}
        return {coder: mine for coder, mine in by_coder.items() if mine}

    def steps(self, kinds: tuple[str, ...] = ledger.KINDS) -> dict[str, dict[str, int]]:
        """Coder -> datapoint -> the index of the step where it broke, where the coder names one."""
        return {coder: {ident: int(index) for ident, step in mine.items()
                        if (index := step.partition(".")[0]).isdecimal()}
                for coder, mine in self.labels("step", kinds).items()}

    def agents(self, kinds: tuple[str, ...] = ledger.KINDS) -> dict[str, Labels]:
        """Coder -> datapoint -> whose step that is."""
        agents = self.labels("agent", kinds)
        return {coder: {ident: agents[coder][ident] for ident in mine if ident in agents[coder]}
                for coder, mine in self.steps(kinds).items() if coder in agents}

    def questions(self) -> tuple[str, ...]:
        """What is compared."""
        return (*QUESTIONS, GROUP) if self.groups else QUESTIONS


def measure(analysis_dir: Path, seed: int, draws: int) -> dict[str, Any]:
    """Compares the coders of a folder's ledger; writes agreement.json, agreement.md and facts."""
    reads = manifest.proved(analysis_dir, (steps.OUTCOMES, steps.ROWS))
    index, reviews = rows.load(analysis_dir), ledger.load(analysis_dir)
    result = compare(index, reviews, ledger.changed(index, reviews), seed, draws,
                     bucket_groups.lines(analysis_dir))
    with store.where_writable(analysis_dir / NAME):
        manifest.begin(analysis_dir, steps.AGREE.writes)
        facts.replace(analysis_dir, steps.AGREE, dict(numbers(result)))
        _write_json(analysis_dir / NAME, result)
        store.write_text(analysis_dir / PAGE, agreement_page.page(result, analysis_dir))
        manifest.record(analysis_dir, steps.AGREE.name, {"seed": seed, "draws": draws},
                        steps.AGREE.writes, reads=reads)
    return result


def compare(index: rows.Index, reviews: list[ledger.Review], changed: Container[str], seed: int,
            draws: int, groupings: Sequence[bucket_groups.Grouping] = ()) -> dict[str, Any]:
    """What the coders of a ledger have in common, but for the reviews whose datapoint reads
    otherwise now (`changed`, by id), with the groups of their buckets; refuses a ledger without a
    review of this packet."""
    path = index.analysis_dir / ledger.NAME
    if not reviews:
        raise files.Refusal(f"{path}: no reviews to compare; read datapoints with "
                            "show_datapoint.py and record them with record_review.py")
    judgements = _judgements(index, reviews, changed, bucket_groups.groups(groupings))
    left_out = dict(sorted(judgements.left_out.items()))
    if not judgements.reviews:
        reasons = "; ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise files.Refusal(f"{path}: no review to compare ({reasons}); review failing "
                            "datapoints of this packet with record_review.py")
    bootstrap = (seed, draws)
    finals = ledger.finals(review for review in ledger.current(reviews)
                           if review.review_id not in changed)
    disagreements, settled = _disagreements(index, finals, judgements)
    return {
        "fewest_shared": FEWEST_SHARED, "seed": seed, "draws": draws, "reviews": len(reviews),
        "groupings": len(groupings),
        "coders": _coders(judgements), "left_out": left_out,
        "together": _together(judgements, bootstrap),
        "pairs": list(_pairs(index, judgements, bootstrap)),
        "settled": settled, "disagreements": disagreements,
    }


def _judgements(index: rows.Index, reviews: list[ledger.Review], changed: Container[str],
                groups: Mapping[str, str]) -> Judgements:
    """What each coder says of each failing datapoint that it read. A settling review was written in
    view of the others, so it is no reading of its own: what its coder said before counts."""
    by_coder: dict[str, dict[str, ledger.Review]] = {}
    left_out: Counter = Counter()
    for review in ledger.current(review for review in reviews if not review.settles):
        line = index.outcomes.get(review.datapoint_id)
        if line is None:
            left_out["of datapoints that are not in this packet"] += 1
        elif review.review_id in changed:
            left_out["of datapoints that read otherwise now"] += 1
        elif line.outcome != "fail":
            left_out["of datapoints that did not fail"] += 1
        elif review.alike:
            left_out["recorded as alike to a datapoint that was read"] += 1
        else:
            by_coder.setdefault(review.coder, {})[review.datapoint_id] = review
    settling = sum(review.settles for review in ledger.current(reviews))
    if settling:
        left_out["that settle a disagreement"] = settling
    return Judgements(dict(sorted(by_coder.items())), left_out, groups)


def _coders(judgements: Judgements) -> list[dict[str, Any]]:
    return [{"coder": coder, "kinds": sorted({review.kind for review in mine.values()}),
             "datapoints": len(mine),
             "buckets": len({review.bucket for review in mine.values()} - {""}),
             "corrected": sum(review.replaces is not None for review in mine.values())}
            for coder, mine in judgements.reviews.items()]


def _together(judgements: Judgements, bootstrap: Bootstrap) -> dict[str, Any]:
    """All readers at once; with the LLM coders a second time, where there are any."""
    sets = {"readers": ledger.READERS}
    if judgements.labels("bucket", ("llm",)):
        sets["readers_and_llm"] = (*ledger.READERS, "llm")
    together: dict[str, Any] = {}
    for name, kinds in sets.items():
        labels = {question: judgements.labels(question, kinds)
                  for question in judgements.questions()}
        together[name] = {"coders": _sharing(labels["bucket"]),
                          **{question: _all_of(mine, bootstrap)
                             for question, mine in labels.items()},
                          **_located(judgements, kinds, bootstrap)}
    return together


def _located(judgements: Judgements, kinds: tuple[str, ...], bootstrap: Bootstrap
             ) -> dict[str, Any]:
    """How far all coders of these kinds agree on the step and on its agent, where two or more of
    them name a step; nothing where nobody does."""
    steps, agents = judgements.steps(kinds), judgements.agents(kinds)
    by_id: dict[str, list[int]] = {}
    for mine in steps.values():
        for ident, step in mine.items():
            by_id.setdefault(ident, []).append(step)
    shared = [said for said in by_id.values() if len(said) > 1]
    return {"step": _steps(shared, bootstrap), "agent": _all_of(agents, bootstrap)} \
        if shared else {}


def _sharing(labels: Mapping[str, Labels]) -> list[str]:
    """The coders who share a datapoint with another one; all of them when none does."""
    sharing = [coder for coder, mine in labels.items()
               if any(ident in theirs for other, theirs in labels.items() if other != coder
                      for ident in mine)]
    return sharing or list(labels)


def _all_of(labels: Mapping[str, Labels], bootstrap: Bootstrap) -> dict[str, Any]:
    """Krippendorff's alpha over all coders, on the datapoints that two or more of them coded."""
    by_id: dict[str, list[str]] = {}
    for mine in labels.values():
        for ident, label in mine.items():
            by_id.setdefault(ident, []).append(label)
    patterns = Counter(tuple(sorted(pattern)) for pattern in by_id.values() if len(pattern) > 1)
    n = patterns.total()
    figure = coefficients.alpha(patterns, *bootstrap) if n >= FEWEST_SHARED else _insufficient(n)
    same = sum(count for pattern, count in patterns.items() if len(set(pattern)) == 1)
    return {"shared": n, "status": _status(n), "same": same, "alpha": _written(figure)}


def _pairs(index: rows.Index, judgements: Judgements, bootstrap: Bootstrap
           ) -> Iterator[dict[str, Any]]:
    """Every two coders, the provisional modes last."""
    buckets, faults = judgements.labels("bucket"), judgements.labels("fault")
    groups = judgements.labels(GROUP) if judgements.groups else {}
    uses = Counter(label for mine in buckets.values() for label in mine.values())
    modes = {line.datapoint_id: clean.visible(line.mode) for line in index.failing() if line.mode}
    rules = RULES if RULES not in faults else RULES_BESIDE
    coded = {**faults, rules: modes} if modes else faults
    steps, agents = judgements.steps(), judgements.agents()
    for a, b in sorted(combinations(coded, 2), key=lambda pair: pair[1] == rules):
        shared = [ident for ident in coded[a] if ident in coded[b]]
        mine, theirs = buckets.get(a, {}), modes if b == rules else buckets.get(b, {})
        named = [ident for ident in shared if ident in mine and ident in theirs]
        bucket = _pair(mine, theirs, named, bootstrap)
        group = _pair(groups[a], groups[b], named, bootstrap) \
            if b != rules and named and groups else None
        for compared in filter(None, (bucket, group) if len(named) < len(shared) else ()):
            compared["shared"] = len(named)  # the others have no bucket from outside
        # Of the datapoints with one pair of labels, the first one stays.
        examples = {(mine[ident], theirs[ident]): ident for ident in reversed(named)}
        yield {"a": a, "b": b, "rules": b == rules, "shared": len(shared),
               "status": _status(len(shared)), "bucket": bucket,
               "fault": None if b == rules else _pair(faults[a], faults[b], shared, bootstrap),
               **_located_pair(steps, agents, (a, b), bootstrap),
               **({GROUP: group} if group else {}),
               "one_cause_two_names": _two_names(bucket, examples,
                                                 None if b == rules else uses, index.analysis_dir)}


def _located_pair(steps: Mapping[str, Mapping[str, int]], agents: Mapping[str, Labels],
                  pair: tuple[str, str], bootstrap: Bootstrap) -> dict[str, Any]:
    """Two coders on the step and on its agent; nothing where they name no step of one datapoint."""
    first, second = (steps.get(coder, {}) for coder in pair)
    shared = [ident for ident in first if ident in second]
    if not shared:
        return {}
    a, b = (agents.get(coder, {}) for coder in pair)
    named = [ident for ident in shared if ident in a and ident in b]
    return {"step": _steps([(first[ident], second[ident]) for ident in shared], bootstrap),
            "agent": {"shared": len(named), **_pair(a, b, named, bootstrap)}}


def _steps(said: Sequence[Sequence[int]], bootstrap: Bootstrap) -> dict[str, Any]:
    """On how many datapoints coders name the same step, and none more than one apart; `said` has
    the steps of each datapoint. Steps of two datapoints have nothing in common, so that no chance
    agreement is taken off."""
    n = len(said)
    apart = [max(steps) - min(steps) for steps in said]
    counts = {"same": sum(each == 0 for each in apart),
              "within_one": sum(each <= 1 for each in apart)}
    shares = {f"{name}_share": _written(coefficients.share(count, n, *bootstrap)
                                        if n >= FEWEST_SHARED else _insufficient(n))
              for name, count in counts.items()}
    return {"shared": n, "status": _status(n), **counts, **shares}


def _pair(a: Labels, b: Labels, shared: list[str], bootstrap: Bootstrap) -> dict[str, Any]:
    """Two coders on one question: agreement, how often each used each label, who said what."""
    cells = Counter((a[ident], b[ident]) for ident in shared)
    n = len(shared)
    figures = coefficients.two_coders(cells, *bootstrap) if n >= FEWEST_SHARED else \
        coefficients.TwoCoders(*[_insufficient(n)] * 3)
    by_a, by_b = Counter(a[ident] for ident in shared), Counter(b[ident] for ident in shared)
    order = sorted(by_a | by_b, key=lambda label: (-by_a[label] - by_b[label], label))
    return {
        "same": sum(count for (first, second), count in cells.items() if first == second),
        **{name: _written(figure) for name, figure in figures._asdict().items()},
        "labels": [{"label": label, "a": by_a[label], "b": by_b[label],
                    "both": cells[label, label], "a_share": rounded(by_a[label] / n),
                    "b_share": rounded(by_b[label] / n)} for label in order],
        "confusion": [{"a": first, "b": second, "datapoints": count} for (first, second), count in
                      sorted(cells.items(), key=lambda item: (-item[1], item[0]))],
    }


def _two_names(bucket: Mapping[str, Any], examples: Mapping[tuple[str, str], str],
               uses: Counter | None, analysis_dir: Path) -> list[dict[str, Any]]:
    """Label pairs that stand for each other in most of the uses of both; the rarer name is the
    one to give up. `examples` has a datapoint for each pair of labels; `uses` says how often the
    coders used each label, None where b is the rules, whose names no review can change."""
    used = {row["label"]: row for row in bucket["labels"]}
    pairs_of_names = []
    for cell in bucket["confusion"]:
        a, b, count = cell["a"], cell["b"], cell["datapoints"]
        of_a, of_b = used[a]["a"], used[b]["b"]
        nameless = uses is None and b == heuristics.OTHER
        if a == b or nameless or count < FEWEST_TOGETHER or 2 * count <= max(of_a, of_b):
            continue
        command = None
        if uses is not None:
            old, new = sorted((a, b), key=lambda label: (uses[label], label))
            folder = shlex.quote(analysis_dir.as_posix())
            command = f"record_review.py {folder} --rename {old} {new} --everyone"
        pairs_of_names.append({**cell, "of_a": of_a, "of_b": of_b, "example": examples[a, b],
                               "command": command})
    return pairs_of_names


def _disagreements(index: rows.Index, finals: Mapping[str, ledger.Final], judgements: Judgements
                   ) -> tuple[list[dict[str, Any]], int]:
    """The failing datapoints on which readers differ, in the order of the packet, and how many
    more of them a settling review has decided."""
    views: dict[str, set[tuple[str, str]]] = {}
    for mine in judgements.reviews.values():
        for ident, review in mine.items():
            if review.kind in ledger.READERS:
                views.setdefault(ident, set()).add((review.bucket, review.fault))
    disagreements, settled = [], 0
    folder = shlex.quote(index.analysis_dir.as_posix())
    for line in index.failing():
        final = finals.get(line.datapoint_id)
        if final and (final.bucket is None or final.fault is None):
            ident = line.datapoint_id
            disagreements.append({
                "datapoint_id": ident,
                "about": [question for question in QUESTIONS if getattr(final, question) is None],
                "said": [{"coder": review.coder, "bucket": review.bucket, "fault": review.fault,
                          "review_id": review.review_id} for review in final.reviews],
                "command": f"record_review.py {folder} --id={shlex.quote(ident)} --bucket … "
                           '--fault … --mechanism "…" --quote "…" --coder NAME --settles'})
        elif final and len(views.get(line.datapoint_id, ())) > 1:
            settled += 1
    return disagreements, settled


def _status(n: int) -> str:
    return "sufficient" if n >= FEWEST_SHARED else "insufficient"


def _insufficient(n: int) -> coefficients.Figure:
    return coefficients.Figure(None, None, f"insufficient: {n} of {FEWEST_SHARED} shared")


def _written(figure: coefficients.Figure) -> dict[str, Any]:
    """A figure as it is written into files."""
    interval = figure.interval and [rounded(limit) for limit in figure.interval]
    return {"value": rounded(figure.value), "interval": interval, "why": figure.why}


def _write_json(path: Path, result: dict[str, Any]) -> None:
    """As store.write_json does, which takes seconds for the disagreements of a large ledger."""
    with store.atomic(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def numbers(result: dict[str, Any]) -> Iterator[tuple[str, int | float]]:
    """The numbers that a report may state."""
    yield "agreement/coders", len(result["coders"])
    yield "agreement/readers", len(result["together"]["readers"]["coders"])
    yield "agreement/disagreements", len(result["disagreements"])
    yield "agreement/settled", result["settled"]
    for name, together in result["together"].items():
        ending = () if name == "readers" else (name,)
        for question in filter(together.get, (*QUESTIONS, GROUP)):
            results = together[question]
            yield facts.key("agreement", f"{question}_shared", *ending), results["shared"]
            yield facts.key("agreement", f"{question}_same", *ending), results["same"]
            yield from _figure_facts(f"{question}_alpha", results["alpha"], *ending)
        yield from _located_facts(together, *ending)
    for pair in result["pairs"]:
        names = (pair["a"], pair["b"])
        yield facts.key("agreement", "shared", *names), pair["shared"]
        for question in filter(pair.get, (*QUESTIONS, GROUP)):
            if "shared" in pair[question]:
                yield facts.key("agreement", f"{question}_shared", *names), \
                    pair[question]["shared"]
            yield facts.key("agreement", f"{question}_same", *names), pair[question]["same"]
            for name in coefficients.TwoCoders._fields:
                yield from _figure_facts(f"{question}_{name}", pair[question][name], *names)
        yield from _located_facts(pair, *names)


def _located_facts(compared: Mapping[str, Any], *ending: str) -> Iterator[tuple[str, int | float]]:
    """The numbers of steps and agents, of two coders or of all; none where nobody names a step."""
    for question in (name for name in ("step", "agent") if name in compared):
        for name, value in compared[question].items():
            if isinstance(value, int):
                yield facts.key("agreement", f"{question}_{name}", *ending), value
            elif isinstance(value, Mapping):
                yield from _figure_facts(f"{question}_{name}", value, *ending)


def _figure_facts(name: str, figure: Mapping[str, Any], *ending: str
                  ) -> Iterator[tuple[str, float]]:
    """A coefficient and the ends of its interval, as far as they are there."""
    if figure["value"] is not None:
        yield facts.key("agreement", name, *ending), rounded(figure["value"], 3)
    for end, limit in zip(("low", "high"), figure["interval"] or (), strict=False):
        yield facts.key("agreement", f"{name}_{end}", *ending), rounded(limit, 3)
