"""Every fact counted a second time, from the rows, the ledger and the files of the folder, by other
code than the steps' own where the count is simple."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import facts, files, manifest, results, steps
from failure_analysis.agreement import measure
from failure_analysis.audit import candidates, given, in_doubt
from failure_analysis.checks import text_of
from failure_analysis.comparison import compute
from failure_analysis.datapoint import NOT_COUNTED, UNSURE
from failure_analysis.packet import heuristics, overall_facts, rows
from failure_analysis.records import MARKERS
from failure_analysis.report.blocks import Analysis
from failure_analysis.review import audit_counts, break_counts, bucket_groups, contested, counting

_KINDS = {"pass": "passed_rows", "fail": "failed_rows", "unjudged": "unjudged_rows"}
_MARKERS = {name: name.strip("[]") for name in MARKERS}


class _Line(NamedTuple):
    """What the lines of outcomes.csv that count alike have in common."""

    run: str
    model: str
    outcome: str
    failed: str
    scores: str
    termination: str


class _Words(msgspec.Struct):
    """What tells of a packet row whether its answer is empty, or a marker of the harness."""

    datapoint_id: str
    termination: Any = None
    assistant_text: Any = None
    tool_calls: Any = None
    messages: Any = None


def recount(analysis: Analysis, stated: Mapping[str, int | float], agreed: dict | None
            ) -> dict[str, int | float]:
    """Every fact that the files of a folder give, and the agreement measured anew (`agreed`).
    `stated` decides within its bounds where they give bounds alone: how many passing rows hold a
    marker, only the runs tell."""
    counts, folder = analysis.counts, analysis.analysis_dir
    alike = alike_lines(folder)
    models = frozenset(facts.key(line.model) for line in alike)
    values: dict[str, int | float] = heuristics.numbers(analysis.clusters) | _modes(counts.index)
    values |= totals(alike, counts.index, folder) | _runs(alike) | _models(alike)
    values |= _ends(alike, models)
    values |= _dimensions(alike, models) | _answers(analysis, alike, models, stated)
    values |= _versions(folder) | _audited(counts.index, stated)
    values |= dict(compute.numbers(analysis.compared)) if analysis.compared else {}
    values |= counting.numbers(counts, analysis.compared) if counts.reviews else {}
    values |= break_counts.numbers(counts) | contested.numbers(counts)
    values |= _groups(counts)
    values |= audit_counts.numbers(analysis.examined, counts.index)
    values |= dict(measure.numbers(agreed)) if agreed else {}
    return values | _diagnosis(folder)


def _groups(counts: counting.Counts) -> Counter[str]:
    """The decided failures by the groups of their buckets."""
    values: Counter[str] = Counter()
    for ident, final in counts.decided.items():
        if group := counts.groups.get(str(final.bucket)):
            values[f"review/group/{group}"] += 1
            values[facts.key("review/group", group, counts.index.outcomes[ident].model)] += 1
    return values


def alike_lines(folder: Path) -> Counter[_Line]:
    """The lines of outcomes.csv by what counts of them, in the order of the file."""
    return Counter(map(_Line._make, rows.columns(folder, (
        "run_id", "model_name", "outcome", "failed_dimensions", "scores_json", "termination"))))


def _modes(index: rows.Index) -> Counter[str]:
    """The rows by the provisional mode that they carry."""
    values: Counter[str] = Counter()
    for line in index.failing():
        if line.mode:
            values[f"mode/{line.mode}"] += 1
            values[facts.key("mode", line.mode, line.model)] += 1
    return values


def totals(alike: Counter[_Line], index: rows.Index, folder: Path) -> dict[str, int]:
    """The counts over all rows."""
    with files.open_bytes(folder / steps.REJECTED) as file:
        rejected = sum(1 for _ in file)
    values = Counter({"rejected_rows": rejected, "rows_read": rejected + alike.total(),
                      **dict.fromkeys(_KINDS.values(), 0),
                      "runs": len({line.run for line in alike}),
                      "models": len({line.model for line in alike}),
                      "items": len({line.item for line in index.outcomes.values()
                                    if line.fingerprint != UNSURE})})
    for line, rows_alike in alike.items():
        values[_KINDS[line.outcome]] += rows_alike
        if _uncounted(line):
            values["not_counted_rows"] += rows_alike
    return dict(values)


def _uncounted(line: _Line) -> bool:
    return line.outcome == "unjudged" and line.termination in NOT_COUNTED


def _runs(alike: Counter[_Line]) -> dict[str, int]:
    """The counts of the first runs."""
    first = set(islice(dict.fromkeys(line.run for line in alike), overall_facts.MOST_RUN_FACTS))
    values: Counter[str] = Counter()
    for line, rows_alike in alike.items():
        if line.run in first:
            name = facts.key(line.run)
            values[f"run_rows/{name}"] += rows_alike
            values[f"run_failed_rows/{name}"] += rows_alike * (line.outcome == "fail")
            values[f"run_judged_rows/{name}"] += rows_alike * (line.outcome != "unjudged")
            if _uncounted(line):
                values[f"run_not_counted_rows/{name}"] += rows_alike
    return dict(values)


def _models(alike: Counter[_Line]) -> dict[str, int]:
    """The counts of each model."""
    values: Counter[str] = Counter()
    for line, rows_alike in alike.items():
        model = facts.key(line.model)
        values[f"rows/{model}"] += rows_alike
        values[f"judged_rows/{model}"] += rows_alike * (line.outcome != "unjudged")
        for outcome, kind in _KINDS.items():
            values[f"{kind}/{model}"] += rows_alike * (line.outcome == outcome)
        alone = line.outcome == "fail" and not line.failed
        values[f"failed_without_dimension/{model}"] += rows_alike * alone
        if _uncounted(line):
            values[f"not_counted_rows/{model}"] += rows_alike
    for _, model in {(line.run, line.model) for line in alike}:
        values[f"runs/{facts.key(model)}"] += 1
    return dict(values)


def _ends(alike: Counter[_Line], models: frozenset[str]) -> Counter[str]:
    """The ends of the failed rows of each model whose ends are of few kinds."""
    values: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    for line in alike:
        if line.outcome == "fail" and line.termination:
            kinds.setdefault(line.model, set()).add(line.termination)
    for line, rows_alike in alike.items():
        if line.outcome == "fail" and line.termination \
                and len(kinds[line.model]) <= overall_facts.MOST_ENDS:
            end = facts.joined(facts.key(line.model), facts.key(line.termination), models)
            values[f"failed_ends/{end}"] += rows_alike
    return values


def _audited(index: rows.Index, stated: Mapping[str, int | float]) -> dict[str, int | float]:
    """What the audit found, of what it looked through; nothing where it did not run."""
    if not (index.analysis_dir / candidates.NAME).exists():
        return {}
    found, flagged, other, doubted = Counter(), set(), Counter(), Counter()
    for one in candidates.load(index.analysis_dir):
        found[one.klass] += 1
        doubted.update(audit_counts.doubted(index, one))
        if one.kind == "flag":
            flagged.add((one.item_id, one.item_fingerprint))
        if one.klass == given.CLASS:
            other[one.rule] += 1 if one.rule == given.RULES[2] else len(one.disputed)
    items = {(line.item, line.fingerprint) for line in index.outcomes.values()
             if line.fingerprint != UNSURE}
    return {"audit/rows": len(index.outcomes), "audit/items": len(items),
            "audit/flagged_items": len(flagged),
            "audit/flags": sum(found[klass] for klass in candidates.FLAGS),
            **{f"audit/candidates/{klass}": found[klass] for klass in candidates.CLASSES},
            **in_doubt.numbers(in_doubt.moved(doubted, audit_counts.judged(index))),
            **_brought(index, other, stated)}


def _brought(index: rows.Index, other: Counter[str], stated: Mapping[str, int | float]
             ) -> dict[str, int | float]:
    """What the answers and known defects that people brought along say; as stated where the file of
    the defects is no longer there."""
    asked = manifest.settings(index.analysis_dir, steps.AUDIT.name, dict[str, Any])
    values: dict[str, int | float] = {f"audit/answers/{rule}": other[rule] for rule in given.RULES
                                      } if "answers" in asked else {}
    if "known_defects" not in asked:
        return values
    try:
        defects = given.given(index.analysis_dir).defects
    except files.Refusal:
        return values | {key: value for key, value in stated.items()
                         if key.startswith(("audit/known_", "audit/pass_rate_without_known_pct/"))}
    known = {line.datapoint_id for line in index.outcomes.values() if line.fingerprint != UNSURE
             and given.known_version(defects, line.item, line.fingerprint)}
    lines = index.outcomes.values()
    values["audit/known_items"] = len({index.outcomes[ident].item for ident in known})
    values["audit/known_failed_rows"] = sum(index.outcomes[ident].outcome == "fail"
                                            for ident in known)
    for model in {line.model for line in lines}:
        left = [line.outcome for line in lines if line.model == model
                and line.outcome != "unjudged" and line.datapoint_id not in known]
        if left:
            values[facts.key("audit/pass_rate_without_known_pct", model)] = round(
                100 * left.count("pass") / len(left), 1)
    return values


def _dimensions(alike: Counter[_Line], models: frozenset[str]) -> dict[str, int]:
    """The counts of each dimension of each model; a score that is a number is no judgement."""
    values: Counter[str] = Counter()
    for line, rows_alike in alike.items():
        failed = line.failed.split(";") if line.failed else []
        for name, score in (json.loads(line.scores) if line.scores else {}).items():
            if score is None or isinstance(score, bool):
                end = facts.joined(facts.key(line.model), facts.key(name), models)
                values[f"dimension/{end}"] += rows_alike * (name in failed)
                values[f"dimension_judged/{end}"] += rows_alike * (score is not None)
                values[f"dimension_null/{end}"] += rows_alike * (score is None)
    return dict(values)


def _answers(analysis: Analysis, alike: Counter[_Line], models: frozenset[str],
             stated: Mapping[str, int | float]) -> dict[str, int | float]:
    """Empty answers and markers of the failing rows, and the markers of all rows."""
    outcomes = analysis.counts.index.outcomes
    values: Counter[str] = Counter()
    marked: Counter[str] = Counter()
    for row in _words(analysis.analysis_dir / steps.ROWS):
        if outcomes[row.datapoint_id].outcome != "fail":
            continue
        model = facts.key(outcomes[row.datapoint_id].model)
        text = row.assistant_text if isinstance(row.assistant_text, str) else ""
        if row.assistant_text == text and not text.strip() and not row.tool_calls \
                and not any(map(_speaks, row.messages or ())):
            values[f"failed_empty_answers/{model}"] += 1
        marker = next((name for start, name in _MARKERS.items() if text.startswith(start)), None)
        if marker and row.termination is not None:
            marked[facts.joined(model, facts.key(marker), models)] += 1
    return dict(values) | _markers(marked, analysis.sanity, alike, models, stated)


def _markers(failed: Counter[str], sane: Mapping[str, Any], alike: Counter[_Line],
             models: frozenset[str], stated: Mapping[str, int | float]) -> dict[str, int | float]:
    """How many rows hold a marker: what is left for it of all that sanity.json has, within what the
    failing rows (`failed`) and the ends of the others allow."""
    total = sum(value for key, value in stated.items() if key.startswith("marker/"))
    told = sum(one["count"] for one in sane.get("findings", ()) if one["kind"] == "marker_rows")
    ended: Counter[str] = Counter()
    for line, rows_alike in alike.items():
        ended[facts.key(line.model)] += rows_alike * (line.outcome != "fail"
                                                      and line.termination != "")
    values: dict[str, int | float] = {}
    for model in models:
        for name in set(_MARKERS.values()):
            end = facts.joined(model, facts.key(name), models)
            left = told - (total - stated.get(f"marker/{end}", 0))  # if the others are right
            held = min(max(left, failed[end]), failed[end] + ended[model])
            if held and (failed[end] or f"marker/{end}" in stated):
                values |= {f"marker/{end}": held, f"marker_failed/{end}": failed[end]}
    return values


def _words(path: Path) -> Iterator[_Words]:
    """Each row of the packet, as far as it tells of its answer."""
    decode = msgspec.json.Decoder(_Words).decode
    with files.open_bytes(path) as file:
        for line in file:
            try:
                yield decode(line)
            except (msgspec.DecodeError, RecursionError):  # what the standard library reads
                yield msgspec.convert(json.loads(line), _Words)


def _speaks(message: Any) -> bool:
    """Whether a message is the model's and says or calls something."""
    return isinstance(message, dict) and message.get("role") == "assistant" and bool(
        message.get("tool_calls") or str(text_of(message.get("content")) or "").strip())


def _versions(folder: Path) -> dict[str, int]:
    """The counts of item versions, from the fingerprints; the policies and what is repaired
    elsewhere are texts of the runs, which item_versions.json alone has."""
    path = folder / steps.VERSIONS
    if not path.exists():
        return {}
    from failure_analysis.packet import versions

    contents: dict[str, dict[str, list[str]]] = {}
    for run, item, fingerprint in rows.columns(folder, ("run_id", "item_id", "item_fingerprint")):
        if fingerprint != UNSURE:
            contents.setdefault(run, {}).setdefault(item, []).append(fingerprint)
    texts = results.read(path, results.Versions, steps.BUILD.script)
    return versions.facts({**texts, **versions.grouped_again(contents)})


def agreement(folder: Path, counts: counting.Counts) -> dict | None:
    """The agreement measured anew over the reviews that there were; None where it was not measured,
    or those reviews do not give it."""
    asked = manifest.settings(folder, steps.AGREE.name, results.MeasuredWith) \
        if (folder / measure.NAME).exists() else None
    if not asked:
        return None
    measured = results.read(folder / measure.NAME, results.Agreement, steps.AGREE.script)
    then, groupings = measured["reviews"], bucket_groups.lines(folder)
    if not 0 < then <= len(counts.reviews):
        return None
    changed = {review.review_id for review in counts.changed}
    try:
        return measure.compare(counts.index, counts.reviews[:then], changed, asked["seed"],
                               asked["draws"], groupings[:measured.get("groupings", 0)])
    except files.Refusal:
        return None


def _diagnosis(folder: Path) -> dict[str, int | float]:
    """The numbers of diagnosis.json, which the lenses' own simulations made."""
    path = folder / steps.DIAGNOSE.writes[0]
    if steps.DIAGNOSE.name not in manifest.entries(folder) or not path.exists():
        return {}
    document = results.read(path, results.Diagnosis, steps.DIAGNOSE.script)
    values: dict[tuple, int | float | None] = {}
    for system in document["systems"]:
        base = (system["eval_id"], system["task"])
        values[*base, "samples"] = system["samples"]
        for lens, result in system["lenses"].items():
            values[*base, lens, "confidence"] = result["confidence"]
            values |= _estimates((*base, lens), result)
        values |= {(*base, "score", one["hypothesis"]): one["score"]
                   for one in system["hypotheses"]}
    for pair in document["pairs"]:
        base = ("pair", pair["a"], pair["b"], pair["task"])
        values[*base, "items"] = pair["items"]
        for lens, difference in pair["differs"].items():
            values |= _estimates((*base, lens), difference)
    return {facts.key("diagnosis", *names): value for names, value in values.items()
            if value is not None}


def _estimates(base: tuple[str, ...], result: Mapping[str, Any]) -> dict[tuple, float | None]:
    return {(*base, name, end): value.get(end) for name, value in result["estimates"].items()
            for end in ("est", "lo", "hi")}
