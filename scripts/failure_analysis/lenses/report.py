"""What the commands of analyze.py do and say."""

import difflib
from collections import Counter
from pathlib import Path
from typing import Any

from failure_analysis import files
from failure_analysis.lenses import dataset, figures, run


def evals(path: Path, mapping: Path | None, search: str | None) -> tuple[dict, list[str]]:
    """The evals of a dataset, or those like a text, with tasks and samples."""
    table = dataset.load(path, mapping)
    rows = []
    for place, one in enumerate(table.evals):
        inside = table.eval == place
        outcomes = Counter(table.outcome[inside].tolist())
        rows.append({"eval_id": one.eval_id, "model_name": one.model_name, "label": one.label,
                     "samples": int(inside.sum()),
                     "tasks": [table.tasks[task] for task in sorted(set(table.task[inside]))],
                     **{name: outcomes[code] for code, name in enumerate(dataset.OUTCOMES)}})
    if search is not None:
        rows = [row for row in rows if _like(search, row)]
        if not rows:
            known = ", ".join(one.label for one in table.evals[:12])
            raise files.Refusal(f"--search {search}: no eval is like it; there are {known}")
    ledger = table.ledger
    summary = {"dataset": table.config.name, "evals": rows, "rows": ledger,
               "parameters": {name: "number" if values.dtype == float else "name"
                              for name, values in table.params.items()},
               "difficulty": table.difficulty()}
    lines = [f"{row['eval_id']}  {row['label']}  {row['samples']} samples: {row['correct']} "
             f"correct, {row['wrong']} wrong, {row['no_answer']} no answer, {row['truncated']} "
             f"truncated; tasks {', '.join(row['tasks'][:8])}" for row in rows]
    return summary, [*lines, f"difficulty parameters: {', '.join(table.difficulty()) or 'none'}",
                     ledger_line(ledger)]


def _like(search: str, row: dict) -> bool:
    """Whether the text is in the eval's names, or nearly one of them or of their parts."""
    wanted = search.casefold()
    names = [row["eval_id"], row["model_name"], row["label"]]
    if any(wanted in name.casefold() for name in names):
        return True
    parts = [part for name in names for part in (name, *name.replace("/", "-").split("-"))]
    return bool(difflib.get_close_matches(wanted, [part.casefold() for part in parts], 1, 0.75))


def ledger_line(ledger: dict[str, Any]) -> str:
    """The sum of all rows."""
    said = (f"{ledger['rows_read']} rows read = {ledger['kept']} kept + {ledger['unjudged']} "
            f"unjudged + {ledger['rejected']} rejected")
    if ledger["tokens_unusable"]:
        said += f"; {ledger['tokens_unusable']} token counts are no counts and were left out"
    for one in ledger["reasons"][:3]:
        said += f"; {one['rows']} x {one['reason']} (first {one['first']})"
    return "; mind: ".join([said, *ledger["notes"]])


def lens(name: str, request: run.Request, folder: Path | None, output: Path | None
         ) -> tuple[dict, list[str]]:
    """Runs one lens and writes its outputs."""
    if output is not None and output.suffix.lower() not in run.FORMATS:
        raise files.Refusal(f"{output}: --output ends in one of {', '.join(run.FORMATS)}; for all "
                            "outputs use --output-dir")
    loaded = run.load(request)
    shown = run.document(name, loaded, request)
    if output is not None:
        paths = [path.as_posix() for path in run.write_file(shown, output)]
    else:
        paths = [(folder / one).as_posix() for one in run.write_folder(shown, folder, request)]
    results = [{key: result[key] for key in ("name", "pattern", "also", "confidence", "strength",
                                             "n", "need")} for result in shown["results"]]
    summary = {"lens": name, "samples": shown["samples"], "results": results,
               "comparisons": [{key: pair[key] for key in ("a", "b", "task", "items", "evidence")}
                               for pair in shown["comparisons"]], "rows": shown["rows"],
               "written": paths}
    lines = [ledger_line(shown["rows"]),
             f"{shown['samples']} of {shown['samples_in_dataset']} samples chosen"]
    for result in shown["results"][:20]:
        lines.append(f"{result['name']}: {figures.verdict(result)}")
        lines += [f"  {said}" for said in (result["need"] if result["pattern"] ==
                                          "insufficient_data" else result["evidence"])[:5]]
    for pair in shown["comparisons"][:20]:
        lines.append(f"{pair['a']} and {pair['b']} on {pair['items']} shared items")
        lines += [f"  {said}" for said in (pair["evidence"] or pair["need"])[:4]]
    return summary, [*lines, "written: " + ", ".join(paths[:8])
                     + (f" and {len(paths) - 8} more" if len(paths) > 8 else "")]


def diagnosed(request: run.Request, folder: Path | None, rules: Path | None,
              queries: Path | None) -> tuple[dict, list[str]]:
    """Diagnoses and says the leading hypotheses."""
    from failure_analysis.lenses import diagnose, diagnosis

    whole = diagnose.diagnose(request, folder, rules, queries)
    systems = [{"name": system["name"], "conclusion": system["conclusion"],
                "labels": {lens: result["pattern"] for lens, result in system["lenses"].items()}}
               for system in whole["systems"]]
    lines = [ledger_line(whole["rows"])]
    for system in whole["systems"][:20]:
        lines.append(f"{system['name']} ({system['samples']} samples): "
                     f"{' or '.join(system['conclusion'])}")
        lines.append("  " + ", ".join(f"{lens} {result['pattern']}"
                                      for lens, result in system["lenses"].items()))
        lines += [f"  {one['hypothesis']}: {one['status']} ({one['score']:g}); next: {one['next']}"
                  for one in system["hypotheses"]
                  if one["status"] in (diagnosis.SUPPORTED, diagnosis.TENTATIVE)][:3]
    for pair in whole["pairs"][:10]:
        said = list(dict.fromkeys(one for lens in pair["differs"].values()
                                  for one in lens["evidence"] or lens["need"]))
        lines.append(f"{pair['a']} (a) and {pair['b']} (b): " + "; ".join(said[:5]))
    target = Path(whole["folder"])
    return ({"systems": systems, "pairs": [{key: pair[key] for key in ("a", "b", "task", "items",
                                                                      "findings")}
                                           for pair in whole["pairs"]], "rows": whole["rows"],
             "written": [(target / diagnose.NAME).as_posix(), (target / diagnose.PAGE).as_posix()]},
            [*lines, f"diagnosis: {target / diagnose.PAGE} and diagnosis.png"])
