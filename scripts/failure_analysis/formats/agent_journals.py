"""Journals of coding agents (AIDE, AI-Scientist-v2): a row per node of the search tree.

The item is the task, the trial is the step: a run is one search, in which the agent tries its task
again and again. `is_buggy` decides the outcome; where it is not recorded, the row is unjudged."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from failure_analysis import documents
from failure_analysis.checks import wrong
from failure_analysis.datapoint import fingerprint
from failure_analysis.journals import places as journal_places
from failure_analysis.journals import read as journals
from failure_analysis.journals.places import Place
from failure_analysis.journals.read import Journal, Step, text
from failure_analysis.records import Line, Note, Source

NAME = "agent-journals"
ABOUT = "journals of coding agents (AIDE, AI-Scientist-v2): journal.json, a step per row"
# AIDE and AI-Scientist-v2 journals do not record the model that wrote the code.
UNNAMED = "agent"
# The signal of each reason why a step is called buggy.
_WHY = {"exception": "exception", "no metric": "no_metric", "reviewer": "buggy_by_reviewer"}
_NOTHING_RAN = "passes although the journal records no execution of it"


def matches(path: Path) -> str | None:
    """Says why the path is a journal, or a folder with journals below it, or None."""
    if path.is_dir():
        if not journal_places.is_journal_below(path):
            return None
        count = len(journal_places.find(path))
        return f"{count} journal{'s' if count > 1 else ''} below it" if count else None
    if journal_places.FILE_NAME.fullmatch(path.name):
        return "a file with the name of a journal"
    value = documents.peek(path)
    return "nodes of a search tree" if isinstance(value, dict) and journals.is_journal(value) \
        else None


def sources(path: Path, why: str) -> list[Source]:
    """One run per run folder, with a journal for each of its tasks; a task that was searched twice
    makes runs of its own."""
    places = journal_places.find(path)
    times = Counter((place.run_folder, place.title) for place in places)
    runs: dict[tuple[Path, str], list[Place]] = {}
    for place in places:
        if times[place.run_folder, place.title] == 1:
            runs.setdefault((place.run_folder, place.run), []).append(place)
        else:
            inside = place.path.absolute().relative_to(place.run_folder).parts[:-1]
            runs[place.path, ".".join((place.run, *inside))] = [place]
    return [_source(folder, run, mine, why) for (folder, run), mine in sorted(runs.items())]


def _source(folder: Path, run: str, places: list[Place], why: str) -> Source:
    """`expected_items` are the titles of the journals, in the order of `files`; the filtered copies
    of journals stand after them."""
    agent = run.rpartition("run-group_")[2] if "run-group_" in run else ""
    models = {journal_places.config(place).get("code model") for place in places} - {None}
    model = models.pop() if len(models) == 1 else agent or UNNAMED
    return Source(
        format=NAME, path=folder, run_id=run, model_name=model, benchmark=NAME,
        why=why, grader=f"{NAME} is_buggy",
        files=tuple(place.path for place in places)
        + tuple(place.spare for place in places if place.spare),
        expected_items=tuple(place.title for place in places),
    )


def read(source: Source) -> Iterator[Line]:
    """One line per node of each journal."""
    mains = source.files[:len(source.expected_items)]
    spares = {path.parent: path for path in source.files[len(mains):]}
    for path, title in zip(mains, source.expected_items, strict=True):
        place = Place(path, source.path, source.run_id, None, title, spares.get(path.parent))
        journal, lost = journals.read_place(place)
        for broken, reason, cut_off in lost:
            yield Line(1, None, broken.read_bytes(), f"the journal {reason}", path=broken,
                       cut_off=cut_off)
        if journal is not None:
            yield from _lines(place, journal)


def _lines(place: Place, journal: Journal) -> Iterator[Line]:
    config = journal_places.config(place)
    for number, reason, raw in journal.rejected:
        yield Line(number + 1, None, raw.encode("utf-8", "surrogatepass"), reason,
                   path=journal.path)
    by_number = {step.number: step for step in journal.steps}
    for step in journal.steps:
        fields = _fields(place.title, step, by_number.get(step.parent), config)
        reason = wrong(fields)
        if reason:
            raw = text(step.node).encode("utf-8", "surrogatepass")
            yield Line(step.number + 1, None, raw, reason, path=journal.path)
            continue
        yield Line(step.number + 1, fields, path=journal.path, settings=_settings(config),
                   notes=_notes(step, journal))


def _fields(title: str, step: Step, parent: Step | None, config: dict[str, str]) -> dict:
    node, value, signals_ = step.node, journals.headline(step), signals(step)
    plots = node.get("is_buggy_plots")
    return {
        "item_id": title, "item_fingerprint": fingerprint(config.get("goal"), None),
        "trial": step.number, "model_name": config.get("code model"),
        "user_text": config.get("goal"), "assistant_text": text(node.get("code")) or None,
        "reasoning": text(node.get("plan")) or None, **_execution(node),
        "scores": {"not_buggy": None if step.buggy is None else not step.buggy,
                   **({"metric": value.value} if value else {}),
                   **({"plots_buggy": int(plots)} if isinstance(plots, bool) else {})},
        "signals": signals_,
        "judge_reasoning": account(step, parent, signals_),
        "termination": _termination(step),
        "latency_ms": None if step.seconds is None else round(step.seconds * 1000, 1),
        "params": {"stage": step.stage or "not recorded",
                   "debug_chain_length": len(step.chain.steps) if step.chain else 0},
    }


def _execution(node: dict) -> dict[str, list]:
    """What was run, and what it gave: the code itself, the code that extracts the metrics, and the
    code that plots, as far as they are recorded."""
    calls, results = [], []
    runs = (("execute the answer", "", node.get("_term_out"), text(node.get("exc_type"))),
            ("extract metrics", text(node.get("parse_metrics_code")), node.get("parse_term_out"),
             text(node.get("parse_exc_type"))),
            ("plot", text(node.get("plot_code")), node.get("vlm_feedback_summary"), ""))
    for name, code, output, error in runs:
        if code or output or error:
            calls.append({"name": name, "arguments": code})
            results.append({"name": name, "content": journals.output(output),
                            "error": error or None})
    return {"tool_calls": calls, "tool_results": results}


def signals(step: Step) -> list[dict]:
    """Why a step is called buggy, and what its reviewer says of it."""
    signals_, why = [], journals.why_buggy(step)
    if why:
        text_ = {} if why == "reviewer" else {
            "text": journals.error_line(step).removeprefix("no metric: ")}
        signals_.append({"kind": _WHY[why], **text_})
    reviewer = text(step.node.get("analysis")).strip()
    return [*signals_, *([{"kind": "reviewer_says", "text": reviewer}] if reviewer else [])]


def account(step: Step, parent: Step | None, signals_: list[dict]) -> str:
    """A plain-text account of a step and its signals; the first line is the verdict, the
    reviewer's own words come last."""
    verdict = {True: "Buggy", False: "Not buggy", None: "No verdict recorded"}[step.buggy]
    lines, last = [verdict], []
    for signal in signals_:
        if signal["kind"] == "reviewer_says":
            last = [f"Reviewer: {signal['text']}"]
        else:
            lines = [f"{verdict} ({journals.why_buggy(step)})"
                     + (f": {signal['text']}" if "text" in signal else "")]
    raised = _raised_at(step.node.get("exc_stack"))
    if raised:
        lines.append(f"Raised at: {raised}")
    lines.append(f"Stage: {step.stage or 'not recorded'}"
                 + ("." if parent is None else f", child of step {parent.number}"
                    + (f" ({journals.error_line(parent)})." if parent.buggy else ".")))
    if step.chain:
        end = "never recovered" if step.chain.recovered_at is None else \
            f"recovered at step {step.chain.recovered_at}"
        lines.append(f"Debug chain: steps {', '.join(map(str, step.chain.steps))}, {end}.")
    value = journals.headline(step)
    lines.append("Metric: none recorded." if value is None else
                 f"Metric: {value.name} {value.value:.6g}.")
    return "\n".join([*lines, *last])


def _raised_at(stack: object) -> str:
    """The last frame in the agent's own file, else the last one: where its code went wrong."""
    frames = list(filter(None, map(journals.frame, stack if isinstance(stack, list) else ())))
    own = [frame for frame in frames if "/" not in frame.file]
    if not frames:
        return ""
    file, line, function, code = (own or frames)[-1]
    return " ".join(f"{file} line {line} in {function}: {code}".split()).rstrip(": ")


def _termination(step: Step) -> str | None:
    """timeout, error or stop; null for a node that was not executed."""
    if step.exc_type == "TimeoutError":
        return "timeout"
    if step.exc_type:
        return "error"
    ran = step.seconds is not None or step.node.get("_term_out")
    return "stop" if ran else None


def _settings(config: dict[str, str]) -> dict[str, str]:
    """The conditions of the search; the model is a column of its own."""
    return {name: config.get(name, "not recorded")
            for name in ("feedback model", "step limit", "time limit")}


def _notes(step: Step, journal: Journal) -> tuple[str | Note, ...]:
    notes = tuple(journal.notes)
    if step.buggy is False and _termination(step) is None:
        notes += (_NOTHING_RAN,)
    recorded = step.node.get("is_buggy")
    if recorded is not None and step.buggy is None:
        notes += (Note("is_buggy is neither true nor false: unjudged", text(recorded)[:40]),)
    if step.parent_id and step.parent is None:
        notes += ("its parent is no one node of the journal",)
    return notes
