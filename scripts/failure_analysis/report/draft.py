"""The draft of deep_error_analysis.md: exact numbers, provisional clusters, examples to read, and a
TODO wherever a reader's judgement belongs."""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from failure_analysis import (
    comparison,
    comparison_page,
    files,
    heuristics,
    manifest,
    packet,
    sanity,
)
from failure_analysis.markdown import cell, code, fence, table
from failure_analysis.report import facts

TEMPLATE = Path(__file__).resolve().parents[3] / "templates" / "deep_error_analysis.md.j2"
STEP = "draft_report"
_BEGIN = re.compile(r"<!-- generated:([^>]+?) -->")
_MOST_ROWS = 30
_MOST_FINDINGS = 40
_EXAMPLES = 40
_TEXT, _JUDGE, _SHORT, _LINE = 600, 900, 400, 160


def write(report: Path, analysis_dir: Path, force: bool) -> str:
    """Writes the draft; where somebody has rewritten it, only the generated blocks change. Returns
    a sentence that says which of the two happened."""
    fresh = render(analysis_dir)
    try:
        old = report.read_text(encoding="utf-8") if report.exists() else None
    except UnicodeDecodeError:
        raise files.Refusal(f"{report}: not UTF-8; save it as UTF-8 or pass --force") from None
    written = _last_written(analysis_dir)
    if old is None or force or _digest(old) == written:
        files.write_text(report, fresh)
        _record(report, analysis_dir, fresh)
        return "drafted"
    blocks = {name: text for name, text in _pieces(fresh) if name}
    files.write_text(report, "".join(blocks.get(name, text) for name, text in _pieces(old)))
    return "kept as rewritten, its generated blocks refreshed (--force drafts it anew)"


def _pieces(text: str) -> list[tuple[str, str]]:
    """The text in pieces: (name, generated block) and ("", what stands between). Marks inside a
    fence are text of the runs and mark nothing."""
    pieces, name, piece, fence_ticks = [], "", [], ""
    for line in text.splitlines(keepends=True):
        ticks = re.match("`{3,}", line)
        if ticks and (not fence_ticks or line.strip() == fence_ticks):
            fence_ticks = "" if fence_ticks else ticks[0]
        begin = None if fence_ticks or name else _BEGIN.fullmatch(line.strip())
        if begin:
            pieces.append(("", "".join(piece)))
            name, piece = begin[1], []
        piece.append(line)
        if name and not fence_ticks and line.strip() == f"<!-- /generated:{name} -->":
            pieces.append((name, "".join(piece)))
            name, piece = "", []
    return [*pieces, ("", "".join(piece))]


def render(analysis_dir: Path) -> str:
    """The text of a fresh draft, from the files of the analysis folder."""
    import jinja2

    known = facts.load(analysis_dir)
    checked = files.read_json(analysis_dir / sanity.NAME)
    clusters = files.read_json(analysis_dir / heuristics.NAME)
    path = analysis_dir / comparison.NAME
    compared = files.read_json(path) if path.exists() else None
    shared = compared["sets"]["failed_by_all"][:3] if compared else []
    wanted, models = _models(clusters, known)
    rows = _rows(analysis_dir, wanted, shared)
    for model in models:
        for mode in model["examples"]:
            mode["example"] = example(rows[mode["id"]])
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False,
                                     undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    counts = checked["conservation"]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        benchmark=cell(counts["benchmark"]),
        conservation=_conservation(counts, checked),
        runs=_runs(checked["runs"]),
        findings=_findings(checked["findings"]),
        topline=_topline(compared),
        dimensions=_dimensions(compared),
        comparison=_comparison(compared),
        failed_by_all=_failed_by_all(compared),
        shared=[{"name": code(item), "example": example(rows[("item", item)])} for item in shared
                if ("item", item) in rows],
        unshown=[code(item) for item in (compared["sets"]["failed_by_all"] if compared else [])
                 if ("item", item) not in rows],
        failing=counts["fail"],
        more_models=max(0, len({name for mode in clusters["modes"] for name in mode["models"]})
                        - len(models)),
        models=models,
        next_steps=_next_steps(clusters, compared),
    )


def fact(known: dict, key: str) -> str:
    """A number in prose, bound to its key."""
    return f"{known[key]}<!--fact:{key}-->"


def example(row: dict) -> str:
    """One datapoint, short: question, answer, judge's words, tool calls, expected; all fenced."""
    failed = ", ".join(code(name) for name in row.get("failed_dimensions") or []) or "none named"
    calls, results = row.get("tool_calls") or [], row.get("tool_results") or []
    parts = [f"[dp:{row['datapoint_id']}] failed: {failed}; {len(calls)} tool calls."]
    for title, text, most in (
        ("User", row.get("user_text"), _TEXT), ("Answer", row.get("assistant_text"), _TEXT),
        ("Judge", row.get("judge_reasoning"), _JUDGE),
        ("Tool calls", "\n".join(map(_call, calls)), _SHORT),
        ("Tool results", "\n".join(map(_result, results)), _SHORT),
    ):
        if text:
            parts.append(f"{title}:\n\n{fence(text, most)}")
    return "\n\n".join(parts)


def _call(call: Any) -> str:
    """A tool call as `name arguments`, whatever names its benchmark gives them."""
    if not isinstance(call, dict):
        return json.dumps(call, ensure_ascii=False)
    inner = call.get("function") if isinstance(call.get("function"), dict) else call
    arguments = next((inner[name] for name in ("arguments", "args", "kwargs") if name in inner), "")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return f"{inner.get('name')} {text}"[:_LINE]


def _result(result: Any) -> str:
    """A tool result's own words, on one line."""
    if isinstance(result, dict):
        result = next((result[name] for name in ("content", "response", "result")
                       if name in result), result)
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return " ".join(text.split())[:_LINE]


def _models(clusters: dict, known: dict) -> tuple[set, list[dict]]:
    """Per model: its sentence, its table of provisional modes, and which rows to show."""
    failing: Counter = Counter()
    for mode in clusters["modes"]:
        failing.update(mode["models"])
    names = sorted(failing, key=lambda name: (-failing[name], name))
    each = max(1, min(3, _EXAMPLES // max(1, len(names))))
    wanted, models = set(), []
    for name in names[:_EXAMPLES]:
        modes = sorted((mode for mode in clusters["modes"] if name in mode["models"]),
                       key=lambda mode: (-mode["models"][name], mode["mode"]))
        shown = [{"name": code(mode["mode"]), "id": mode["examples"][name][0]}
                 for mode in modes[:each]]
        wanted |= {one["id"] for one in shown}
        models.append({
            "name": code(name),
            "sentence": f"{fact(known, facts.key('failed_rows', name))} of "
                        f"{fact(known, facts.key('judged_rows', name))} judged rows failed.",
            "modes": table(["provisional mode", "rows", "read first"],
                           [[code(mode["mode"]), mode["models"][name],
                             ", ".join(code(ident) for ident in mode["examples"][name][:3])]
                            for mode in modes]),
            "examples": shown,
        })
    return wanted, models


def _rows(analysis_dir: Path, wanted: set, items: list[str]) -> dict:
    """The wanted packet rows by id, and one row for each wanted item."""
    found: dict[Any, dict] = {}
    open_items = set(items)
    with open(analysis_dir / packet.ROWS, "rb") as file:
        for raw in file:
            row = json.loads(raw)
            if row["datapoint_id"] in wanted:
                found[row["datapoint_id"]] = row
            if row["item_id"] in open_items:
                open_items.discard(row["item_id"])
                found["item", row["item_id"]] = row
    return found


def _conservation(counts: dict, checked: dict) -> str:
    text = (f"{counts['rows_read']} rows read = {counts['pass']} pass + {counts['fail']} fail + "
            f"{counts['unjudged']} unjudged + {counts['rejected']} rejected, in "
            f"{len(checked['runs'])} runs over {checked['items']} items.")
    if checked["gradings"]:
        graded = checked["gradings"]
        text += (f" Besides, {graded['read']} further gradings of these rows were read: "
                 f"{graded['joined']} joined, {graded['rejected']} not.")
    for remark in packet.remarks(counts):
        text += f" **{remark[0].upper()}{remark[1:]}.**"
    return text


def _runs(runs: list[dict]) -> str:
    lines = [[code(run["run_id"]), code(run["model_name"]), run["rows"], run["pass"], run["fail"],
              run["unjudged"], run["rejected"], run["missing_items"]] for run in runs[:_MOST_ROWS]]
    text = table(["run", "model", "rows", "pass", "fail", "unjudged", "rejected",
                  "items others have, missing here"], lines)
    return text + _more(len(runs), _MOST_ROWS, f"runs in {sanity.NAME}")


def _findings(findings: list[dict]) -> list[str]:
    lines = [cell(finding["text"]) for finding in findings[:_MOST_FINDINGS]]
    if len(findings) > _MOST_FINDINGS:
        lines.append(f"{len(findings) - _MOST_FINDINGS} more findings in {sanity.NAME}.")
    return lines


def _topline(compared: dict | None) -> str:
    return comparison_page.unit_table(compared) if compared else "No row was judged."


def _dimensions(compared: dict | None) -> str:
    """Failed rows per dimension and model, out of those judged on it."""
    names = list(compared["dimensions"]) if compared else []
    if not names:
        return "No row was judged on a named dimension."
    shown = names[:12]
    cells = {name: {row["unit"]: f"{row['failed']} of {row['judged']}"
                    for row in compared["dimensions"][name]["units"] if row["judged"]}
             for name in shown}
    units = [row["unit"] for row in compared["units"]]
    lines = [[code(unit), *[cells[name].get(unit, "") for name in shown]]
             for unit in units[:_MOST_ROWS]]
    text = table(["failed of judged", *map(code, shown)], lines)
    return text + _more(len(units), _MOST_ROWS, f"{compared['by']}s in {comparison.NAME}") \
        + _more(len(names), 12, f"dimensions in {comparison.NAME}")


def _comparison(compared: dict | None) -> str:
    """What was compared, who fails what the others pass, and which differences are sure."""
    if not compared or len(compared["units"]) < 2:
        return "There is nothing to compare: fewer than two have judged rows."
    lines = [f"Compared by {compared['by']} on {compared['compared_items']} of "
             f"{compared['items']} items (judged for all, with the same content).",
             *comparison_page.left_out(compared),
             *comparison_page.sets_lines(compared, compared["sets"])[-1:],
             "\n".join(comparison_page.pair_table(compared["pairs"])),
             "![Items by models](comparison.png)"]
    if compared["judges"]:
        judges = compared["judges"]
        lines.append(f"{judges['datapoints']} answers were graded more than once; graders split on "
                     f"{judges['split']} of them (model_comparison.md, last section).")
    return "\n\n".join(lines)


def _failed_by_all(compared: dict | None) -> str:
    if not compared or len(compared["units"]) < 2:
        return "Not defined for fewer than two."
    items = compared["sets"]["failed_by_all"]
    reading = " (more than half of the attempts failed)" if compared["repeats"] else ""
    text = (f"{len(items)} of {compared['compared_items']} items{reading}: "
            f"{comparison_page.ids(items, 40)}.")
    partly = [entry["item"] for entry in comparison_page.failed_by_all_who_ran(compared)]
    if partly:
        text += (f" {len(partly)} more were failed by everyone who ran them, but not run by all: "
                 f"{comparison_page.ids(partly)}.")
    return text


def _next_steps(clusters: dict, compared: dict | None) -> list[str]:
    """What a reader does with this draft, in order."""
    if not clusters["failing_rows"]:
        return ["Nothing: no row failed. Say so, with the counts above."]
    steps = []
    other = next((mode for mode in clusters["modes"] if mode["mode"] == heuristics.OTHER), None)
    if other and clusters["other_share"] > 0.3:
        steps.append(f"{100 * clusters['other_share']:.0f} % of the failing rows stay in `other`: "
                     "read five of them and add rules (templates/heuristics.yaml).")
    if compared and compared["sets"]["failed_by_all"]:
        steps.append("Audit the items that every model failed: is the expected answer right, can "
                     "the task be done, did the user simulator keep to its script?")
    return [*steps,
            "For each provisional mode of each model read at least 3 rows (clusters.md has the "
            "ids): question, answer, judge's words, tool calls and results, failed dimensions.",
            "Name the cause, not the failed dimension; split and merge buckets as the rows demand.",
            "Replace every TODO, cite rows as `[dp:<datapoint_id>]`, take numbers from "
            "facts.json only."]


def _more(count: int, shown: int, what: str) -> str:
    return f"\n\n{count - shown} more {what}." if count > shown else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _last_written(analysis_dir: Path) -> str | None:
    path = analysis_dir / manifest.NAME
    steps: dict = files.read_json(path).get("steps", {}) if path.exists() else {}
    return steps.get(STEP, {}).get("settings", {}).get("sha256")


def _record(report: Path, analysis_dir: Path, text: str) -> None:
    manifest.record(analysis_dir, STEP, {"sha256": _digest(text)}, [report.name])
