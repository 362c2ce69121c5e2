"""All four lenses over a dataset, and the diagnosis of each system on each task and of each pair of
systems: diagnosis.json, diagnosis.md, the matrix figure, the facts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from failure_analysis import aside, facts, files, manifest, steps, store
from failure_analysis.lenses import dataset, diagnosis, diagnosis_page, one_lens, queries
from failure_analysis.lenses.findings import NEED

if TYPE_CHECKING:
    from failure_analysis.lenses.rules_model import Rules

NAME, PAGE = steps.DIAGNOSE.writes[:2]


def diagnose(request: one_lens.Request, output_dir: Path | None, rules_path: Path | None,
             queries_path: Path | None) -> dict[str, Any]:
    """Runs the lenses, writes their outputs into lens_<name>/ and the diagnosis beside them: in
    the folder given, else in the analysis folder that the dataset is."""
    if output_dir is None and not (request.dataset / steps.OUTCOMES).exists():
        raise files.Refusal("diagnose: give --output-dir; only an analysis folder is its own")
    target = output_dir or request.dataset
    aside.make_room(target, steps.DIAGNOSE)
    rules = diagnosis.load_rules(rules_path)
    asked = queries.load(queries_path) if queries_path else None
    loaded = one_lens.load(request)
    documents, written = {}, list(steps.DIAGNOSE.writes)
    for lens in one_lens.LENSES:
        documents[lens] = one_lens.document(lens, loaded, request)
        store.refuse_leading_out(target / f"lens_{lens}")
        written += (f"lens_{lens}/{name}" for name in one_lens.write_folder(
            documents[lens], target / f"lens_{lens}", request))
    document = summary_of(documents, loaded, request, rules, asked)
    manifest.begin(target, steps.DIAGNOSE.writes)
    store.write_json(target / NAME, document)
    store.write_text(target / PAGE, diagnosis_page.page(document))
    diagnosis_page.draw([target / name for name in steps.DIAGNOSE.writes[2:4]], document)
    facts.replace(target, steps.DIAGNOSE, facts_of(document))
    manifest.record(target, steps.DIAGNOSE.name, {
        "dataset": request.dataset.as_posix(), "filters": request.filters, "seed": request.seed,
        "max_traces": request.max_traces, "rules": rules_path.as_posix() if rules_path else None,
        "queries": queries_path.as_posix() if queries_path else None},
        written, reads=manifest.proved(target, (steps.OUTCOMES,)))
    return {**document, "folder": target.as_posix()}


def summary_of(documents: dict[str, dict], loaded: one_lens.Loaded, request: one_lens.Request,
               rules: "Rules", asked: list[dict] | None = None) -> dict[str, Any]:
    """The diagnosis of every group and pair, from the lenses' documents."""
    systems, by_group = [], {}
    for place, group in enumerate(dataset.groups(loaded.table)):
        results = {lens: documents[lens]["results"][place] for lens in one_lens.LENSES}
        observed = diagnosis.observed(results, group.table)
        assessed = {lens for lens, result in results.items() if result["pattern"] != NEED}
        if asked is not None:
            observed |= queries.findings_of(asked, results["surface"])
            assessed.add("query")
        weighed = diagnosis.weigh(observed, rules, assessed)
        leading = diagnosis.conclusion(weighed)
        for hypothesis in weighed:
            hypothesis["strength"] = diagnosis.strength_of(hypothesis, results)
            hypothesis["read"] = diagnosis.to_read(
                hypothesis["hypothesis"], results, group.table, request.seed) \
                if hypothesis["for"] else []
        by_group[group.eval.eval_id, group.task] = (observed, assessed)
        systems.append({
            "name": group.name, "eval_id": group.eval.eval_id,
            "model_name": group.eval.model_name, "task": group.task, "samples": len(group.table),
            "conclusion": leading or ["inconclusive"],
            "red_flags": diagnosis.red_flags(observed, rules), "hypotheses": weighed,
            "findings": sorted(observed), "tests": diagnosis.holm_of(results),
            "lenses": {lens: {key: result[key] for key in (
                "pattern", "also", "confidence", "confidence_kind", "strength", "n", "need",
                "evidence", "caveats", "estimates")} for lens, result in results.items()}})
    return {"dataset": loaded.table.config.name, "filters": request.filters,
            "seed": request.seed, "samples": len(loaded.table), "rows": loaded.table.account,
            "rules_version": rules.version, "systems": systems,
            "pairs": _pairs(documents, by_group, rules)}


def _pairs(documents: dict[str, dict], by_group: dict[tuple, tuple], rules: "Rules"
           ) -> list[dict]:
    """What differs between each two systems on one task; `by_group` has the findings of each
    system on each task, and the lenses that could be assessed there."""
    by_pair: dict[tuple, dict[str, dict]] = {}
    for lens, document in documents.items():
        for pair in document["comparisons"]:
            by_pair.setdefault((pair["a_id"], pair["b_id"], pair["task"]), {})[lens] = pair
    pairs = []
    for (a, b, task), by_lens in by_pair.items():
        first = next(iter(by_lens.values()))
        (of_a, assessed_a), (of_b, assessed_b) = by_group[a, task], by_group[b, task]
        observed = diagnosis.between(by_lens, of_a, of_b)
        pairs.append({
            "a": first["a"], "b": first["b"], "task": task, "items": first["items"],
            "differs": {lens: {"a": _labels(of_a, lens), "b": _labels(of_b, lens), **{
                key: pair[key] for key in ("evidence", "need", "estimates", "tests")}}
                for lens, pair in by_lens.items()},
            "findings": sorted(observed), "hypotheses": diagnosis.weigh(
                observed, rules, assessed_a & assessed_b, "pair")})
    return pairs


def _labels(observed: dict[str, str], lens: str) -> list[str]:
    return [name.split(".", 1)[1] for name in observed if name.startswith(f"{lens}.")
            and name != "surface.any_failure"]


def facts_of(document: dict[str, Any]) -> dict[str, int | float]:
    """The numbers that a report may state: per system and task the samples, each lens' estimates
    and confidence, each hypothesis' score; per pair its estimates."""
    numbers: dict[str, int | float] = {}
    for system in document["systems"]:
        base = ("diagnosis", system["eval_id"], system["task"])
        numbers[facts.key(*base, "samples")] = system["samples"]
        for lens, result in system["lenses"].items():
            if result["confidence"] is not None:
                numbers[facts.key(*base, lens, "confidence")] = result["confidence"]
            numbers |= _estimates((*base, lens), result["estimates"])
        for hypothesis in system["hypotheses"]:
            numbers[facts.key(*base, "score", hypothesis["hypothesis"])] = hypothesis["score"]
    for pair in document["pairs"]:
        base = ("diagnosis", "pair", pair["a"], pair["b"], pair["task"])
        numbers[facts.key(*base, "items")] = pair["items"]
        for lens, difference in pair["differs"].items():
            numbers |= _estimates((*base, lens), difference["estimates"])
    return numbers


def _estimates(base: tuple[str, ...], estimates: dict[str, dict]) -> dict[str, float]:
    return {facts.key(*base, name, end): value[end] for name, value in estimates.items()
            for end in ("est", "lo", "hi") if value.get(end) is not None}

