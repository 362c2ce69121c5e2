"""What the commands of analyze.py do and say."""

import difflib
from collections import Counter
from pathlib import Path
from typing import Any

from failure_analysis import clean, files, terminal
from failure_analysis.lenses import dataset, figures, one_lens


def evals(path: Path, mapping: Path | None, search: str | None) -> tuple[dict, list[str]]:
    """The evals of a dataset, or those with a text in their names, with tasks and samples."""
    table = dataset.load(path, mapping)
    rows = []
    for place, system in enumerate(table.evals):
        inside = table.eval == place
        outcomes = Counter(table.outcome[inside].tolist())
        rows.append({"eval_id": system.eval_id, "model_name": system.model_name,
                     "label": system.label, "samples": int(inside.sum()),
                     "tasks": [table.tasks[task] for task in sorted(set(table.task[inside]))],
                     **{name: outcomes[code] for code, name in enumerate(dataset.OUTCOMES)}})
    if search is not None:
        wanted, all_rows = search.casefold(), rows
        rows = [row for row in rows if any(wanted in name.casefold() for name in _names(row))]
        if not rows:
            raise files.Refusal(f"no eval named {search}; {_nearest(search, all_rows)}")
    difficulty = table.difficulty()
    summary = {"dataset": table.config.name, "evals": rows, "rows": table.account,
               "parameters": {name: "number" if values.dtype == float else "name"
                              for name, values in table.params.items()},
               "difficulty": difficulty}
    lines = terminal.table(
        ("eval_id", "label", "samples", *dataset.OUTCOMES, "tasks"),
        [(row["eval_id"], row["label"], row["samples"],
          *(row[name] for name in dataset.OUTCOMES), ", ".join(row["tasks"][:8])) for row in rows],
        most=len(rows))
    return summary, [*lines, f"difficulty parameters: {', '.join(difficulty) or 'none'}",
                     account_line(table.account)]


def _names(row: dict) -> list[str]:
    return [row["eval_id"], row["model_name"], row["label"]]


def _nearest(search: str, rows: list[dict]) -> str:
    """The names nearest to a text that is in none of them, else the first that there are."""
    names = list(dict.fromkeys(name for row in rows for name in _names(row)))
    folded = {name.casefold(): name for name in reversed(names)}
    near = [folded[name] for name in difflib.get_close_matches(search.casefold(), folded, 5)]
    listed = ", ".join(map(clean.visible, near or [row["label"] for row in rows[:12]]))
    return f"nearest: {listed}" if near else f"there are {listed}"


def account_line(account: dict[str, Any]) -> str:
    """The sum of all rows."""
    text = (f"{account['rows_read']} rows read = {account['kept']} kept + {account['unjudged']} "
            f"unjudged + {account['rejected']} rejected")
    if account["tokens_unusable"]:
        text += f"; {account['tokens_unusable']} token counts are no counts and were left out"
    for reason in account["reasons"][:3]:
        text += f"; {reason['rows']} x {reason['reason']} (first {reason['first']})"
    return "; mind: ".join([text, *account["notes"]])


def lens(name: str, request: one_lens.Request, output_dir: Path | None, output: Path | None
         ) -> tuple[dict, list[str]]:
    """Runs one lens and writes its outputs."""
    if output is not None and output.suffix.lower() not in one_lens.FORMATS:
        raise files.Refusal(f"{output}: --output ends in one of {', '.join(one_lens.FORMATS)}; for "
                            "all outputs use --output-dir")
    document = one_lens.document(name, one_lens.load(request), request)
    written = one_lens.write_file(document, output) if output is not None else [
        output_dir / file for file in one_lens.write_folder(document, output_dir, request)]
    paths = [path.as_posix() for path in written]
    results = [{key: result[key] for key in ("name", "pattern", "also", "confidence", "strength",
                                             "n", "need")} for result in document["results"]]
    summary = {"lens": name, "samples": document["samples"], "results": results,
               "comparisons": [{key: pair[key] for key in ("a", "b", "task", "items", "evidence")}
                               for pair in document["comparisons"]], "rows": document["rows"],
               "written": paths}
    lines = [account_line(document["rows"]),
             f"{document['samples']} of {document['samples_in_dataset']} samples chosen"]
    for result in document["results"][:20]:
        lines.append(f"{result['name']}: {figures.verdict(result)}")
        lines += [f"  {sentence}" for sentence in figures.sentences(result)[:5]]
    for pair in document["comparisons"][:20]:
        lines.append(f"{pair['a']} and {pair['b']} on {pair['items']} shared items of "
                     f"{pair['task']}")
        lines += [f"  {sentence}" for sentence in figures.sentences(pair)[:4]]
    return summary, [*lines, "written: " + ", ".join(paths[:8])
                     + (f" and {len(paths) - 8} more" if len(paths) > 8 else "")]


def diagnosed(request: one_lens.Request, output_dir: Path | None, rules: Path | None,
              queries: Path | None) -> tuple[dict, list[str]]:
    """Diagnoses and says the leading hypotheses."""
    from failure_analysis.lenses import diagnose, diagnosis

    document = diagnose.diagnose(request, output_dir, rules, queries)
    systems = [{**{key: system[key] for key in ("name", "conclusion", "red_flags")},
                "labels": {lens: result["pattern"] for lens, result in system["lenses"].items()}}
               for system in document["systems"]]
    lines = [f"RED FLAG: {system['name']}: {flag['because']}; {flag['do']}"
             for system in document["systems"] for flag in system["red_flags"]][:20]
    lines.append(account_line(document["rows"]))
    for system in document["systems"][:20]:
        lines.append(f"{system['name']} ({system['samples']} samples): "
                     f"{' or '.join(system['conclusion'])}")
        lines.append("  " + ", ".join(f"{lens} {result['pattern']}"
                                      for lens, result in system["lenses"].items()))
        lines += ["  {hypothesis}: {status} ({score:g}); next: {next}".format(**hypothesis)
                  for hypothesis in system["hypotheses"]
                  if hypothesis["status"] in diagnosis.LEADING][:3]
    for pair in document["pairs"][:10]:
        sentences = list(dict.fromkeys(
            sentence for lens in pair["differs"].values()
            for sentence in figures.sentences(lens)))
        lines.append(f"{pair['a']} (a) and {pair['b']} (b): " + "; ".join(sentences[:5]))
    target = Path(document["folder"])
    pairs = [{key: pair[key] for key in ("a", "b", "task", "items", "findings")}
             for pair in document["pairs"]]
    written = [(target / name).as_posix() for name in (diagnose.NAME, diagnose.PAGE)]
    return ({"systems": systems, "pairs": pairs, "rows": document["rows"], "written": written},
            [*lines, f"diagnosis: {target / diagnose.PAGE} and diagnosis.png"])
