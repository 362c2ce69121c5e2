"""AgentDojo run trees: `<pipeline>/<suite>/<user_task>/<attack>/<injection>.json`, a row each.

`utility` (the task was solved) decides the outcome, with and without attack. Whether the injected
instruction was followed (`security` is true on an attacked row) is a number beside it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from failure_analysis import documents, files
from failure_analysis.checks import epoch, text_of, wrong
from failure_analysis.datapoint import fingerprint, is_number
from failure_analysis.records import Line, Note, Source

NAME = "agentdojo"
ABOUT = "AgentDojo: a tree PIPELINE/SUITE/user_task_N/ATTACK/NAME.json"
TASK = re.compile(r"(user|injection)_task_\d+")


def matches(path: Path) -> str | None:
    """Says why the path is (inside) an AgentDojo run tree, or None."""
    if not path.is_dir():
        return "an AgentDojo row" if _is_row(path) else None
    rows = rows_below(path)
    return f"tree with {len(rows)} rows below {path.name}" if rows else None


def sources(path: Path, why: str) -> list[Source]:
    """One run per pipeline folder. The folder names the model; `pipeline_name` may say local."""
    runs: dict[Path, list[Path]] = {}
    for row in rows_below(path) if path.is_dir() else [path]:
        runs.setdefault(row.absolute().parents[3], []).append(row)
    return [Source(
        format=NAME, path=folder, run_id=folder.name, model_name=folder.name, benchmark=NAME,
        why=why, files=tuple(rows), grader=NAME,
    ) for folder, rows in sorted(runs.items())]


def rows_below(folder: Path) -> list[Path]:
    """The row files of a tree, sorted."""
    return sorted(path for root, _, names in os.walk(folder) if _in_task(root)
                  for name in names if _is_row(path := Path(root, name)))


def read(source: Source) -> Iterator[Line]:
    """One line per file."""
    for path in source.files:
        try:
            line = _line(path, files.read_json(path))
            reason = wrong({**line.fields, "turn": line.fields["item_id"]})
            if reason:
                raise ValueError(reason)
            yield line
        except files.Refusal as refusal:
            yield Line(1, None, path.read_bytes(), str(refusal), path=path)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            yield Line(1, None, path.read_bytes(), f"not the shape of an AgentDojo row: {error!r}",
                       path=path)


def _in_task(folder: str) -> bool:
    """Whether a folder holds the runs of one attack on one task."""
    return bool(TASK.fullmatch(os.path.basename(os.path.dirname(os.path.abspath(folder)))))


def _is_row(path: Path) -> bool:
    parts = path.absolute().parts
    return files.bare_name(path).endswith(".json") and len(parts) > 5 \
        and bool(TASK.fullmatch(parts[-3]))


def _line(path: Path, row: dict) -> Line:
    suite, task, attack = path.absolute().parts[-4:-1]
    name = files.bare_name(path).removesuffix(".json")
    own = (row.get("suite_name"), row.get("user_task_id"))
    notes: list[str | Note] = []
    if own != (suite, task):
        notes.append(Note("the folder says another task than the file itself; matched by what the "
                          "file says", f"{suite}/{task} is {own[0]}/{own[1]}"))
        suite, task = (str(part) for part in own)
    attacked = attack != "none"
    messages = [_message(message) for message in row["messages"]]
    asked = next((message["content"] for message in messages if message["role"] == "user"), None)
    agent = [message for message in messages if message["role"] == "assistant"]
    utility = row["utility"]
    if not isinstance(utility, bool):
        raise ValueError(f"utility is {utility!r}, true or false was expected")
    followed = row.get("security") if attacked else None
    scores: dict[str, Any] = {"utility": utility}
    if attacked:
        scores["injection_followed"] = int(followed) if isinstance(followed, bool) else None
    if row.get("pipeline_name") not in (None, path.absolute().parents[3].name):
        notes.append(Note("the file's pipeline_name is not its folder's, which names the model",
                          str(row["pipeline_name"])))
    if attacked and followed is True and utility:
        notes.append("passes on utility although the injected instruction was followed")
    signals = _signals(row, messages)
    fields = {
        "item_id": f"{suite}/{task}/{attack}/{name}" if attacked else f"{suite}/{task}",
        "item_fingerprint": fingerprint([suite, asked, row.get("injection_task_id"),
                                         row.get("attack_type") if attacked else None], None),
        "task": suite,
        "user_text": asked,
        "assistant_text": next((message["content"] for message in reversed(agent)
                                if message["content"]), None),
        "messages": messages,
        "tool_calls": [call for message in agent for call in message.get("tool_calls") or []],
        "tool_results": [{"tool_call_id": message.get("tool_call_id"),
                          "content": message["content"], "error": message.get("error")}
                         for message in messages if message["role"] == "tool"],
        "scores": scores,
        "signals": signals,
        "judge_reasoning": _account(utility, attacked, followed, signals, messages),
        "termination": "error" if row.get("error") else "stop",
        "latency_ms": round(row["duration"] * 1000, 1) if is_number(row.get("duration")) else None,
        "params": {"suite": suite, "attack": attack},
    }
    return Line(1, fields, settings=_settings(row, suite), notes=tuple(notes), path=path,
                started=epoch(row.get("evaluation_timestamp")))


def _signals(row: dict, messages: list[dict]) -> list[dict]:
    errors = [str(message["error"]) for message in messages if message.get("error")]
    signals: list[dict] = []
    if errors:
        signals.append({"kind": "tool_errors", "count": len(errors), "text": errors[0]})
    if not any(message.get("tool_calls") for message in messages):
        signals.append({"kind": "no_tool_called"})
    if row.get("error"):
        signals.append({"kind": "harness_error", "text": str(row["error"])})
    return signals


def _account(utility: bool, attacked: bool, followed: Any, signals: list[dict],
             messages: list[dict]) -> str:
    """A plain-text account of the verdict and the signals."""
    lines = [f"The user's task was {'' if utility else 'not '}solved."]
    if attacked:
        lines.append(f"The injected instruction was {'' if followed else 'not '}followed.")
    for signal in signals:
        lines.append({
            "tool_errors": lambda it: f"Tool errors: {it['count']}, the first: {it['text'][:300]}",
            "no_tool_called": lambda it: "No tool was called.",
            "harness_error": lambda it: f"Harness error: {it['text']}",
        }[signal["kind"]](signal))
    calls = sum(len(message.get("tool_calls") or []) for message in messages)
    return "\n".join([*lines, f"{len(messages)} messages, {calls} tool calls."])


def _message(message: dict) -> dict:
    kept = {"role": message["role"], "content": text_of(message.get("content"))}
    if message.get("tool_calls"):
        kept["tool_calls"] = [{"id": call.get("id"), "name": call.get("function"),
                               "arguments": call.get("args")} for call in message["tool_calls"]]
    for name in ("name", "tool_call_id", "error"):
        if message.get(name):
            kept[name] = message[name]
    return kept


def _settings(row: dict, suite: str) -> dict[str, str]:
    system = next((message.get("content") for message in row["messages"]
                   if message.get("role") == "system"), None)
    return {
        "benchmark version": str(row.get("benchmark_version") or "not recorded"),
        "package version": str(row.get("agentdojo_package_version") or "not recorded"),
        f"policy text ({suite})": documents.digest(system),
    }
