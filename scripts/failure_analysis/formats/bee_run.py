"""Bee runs: JSONL with one sample per line: `sample_id`, `success` or `reward`, and `context` with
`task_name`, `conversation` and rewards, there or beside them.

A `sample_id` such as task_0_run_1 is item task_0, trial 1."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from failure_analysis import checks, files
from failure_analysis.datapoint import is_number
from failure_analysis.formats import benchmarks
from failure_analysis.records import Line, Source

NAME = "bee-run"
ABOUT = "bee runs: JSONL with sample_id and success or reward"
_REPEAT = re.compile(r"(.+)_run_(\d{1,9})")
_OF_SAMPLE = {"context", "conversation", "task_name", "user_text", "assistant_text"}
_REWARDS = ("tau2bench_rewards", "rewards", "reward_info")


def matches(path: Path) -> str | None:
    """Says why the path is a bee run, or None; our own coded samples are none."""
    if not path.is_file() or not files.bare_name(path).endswith(".jsonl"):
        return None
    row = _first(path)
    if row is None or "sample_id" not in row or not {"success", "reward"} & row.keys() \
            or not _OF_SAMPLE & row.keys():
        return None
    return None if "coding" in row or "datapoint_id" in row else \
        "its first line has sample_id, success or reward, and what was said"


def _first(path: Path) -> dict | None:
    first = next(files.json_lines(path), None)
    return first.value if first and isinstance(first.value, dict) else None


def sources(path: Path, why: str) -> list[Source]:
    """The file as one run."""
    stem = files.bare_name(path).removesuffix(".jsonl")
    row = _first(path) or {}
    model = next((row[name] for name in ("model_name", "model")
                  if isinstance(row.get(name), str) and row[name]), stem)
    said = benchmarks.stated(row)
    return [Source(format=NAME, path=path, run_id=stem, model_name=model, why=why,
                   benchmark=f"{NAME}-{said}" if said else "", files=(path,), grader=NAME)]


def named(sources: Sequence[Source]) -> list[Source]:
    """The sources; bee runs that state no benchmark are of the one that the others state."""
    return benchmarks.filled(sources, NAME, lambda _: NAME)


def read(source: Source) -> Iterator[Line]:
    """One line per sample."""
    for number, raw, row, reason, _ in files.json_lines(source.path):
        reason = reason or ("" if isinstance(row, dict) else "a JSON object was expected")
        fields = None if reason else _fields(row)
        reason = reason or checks.wrong(fields)
        if reason:
            yield Line(number, None, raw, reason, cut_off=not raw)
        else:
            yield Line(number, fields, notes=checks.tidy(fields), content=hash(raw.rstrip()))


def _fields(row: dict) -> dict:
    """The sample under our names, beside its own keys as they are."""
    context = row["context"] if isinstance(row.get("context"), dict) else {}
    ident = str(row.get("sample_id"))
    repeat = _REPEAT.fullmatch(ident)
    messages = context.get("conversation", row.get("conversation"))
    messages = messages if isinstance(messages, list) else None
    rewards = next((given for name in _REWARDS
                    if (given := context.get(name, row.get(name))) is not None), None)
    return {
        **row,
        "item_id": repeat[1] if repeat else ident,
        "trial": int(repeat[2]) if repeat else row.get("trial"),
        "user_text": _text(_goal(context.get("user_goal")), context.get("task_name"),
                           row.get("user_text"), row.get("task_name")),
        "assistant_text": _last_answer(messages) or _text(row.get("assistant_text")),
        "messages": messages,
        **_calls(messages),
        "scores": _scores(row, rewards),
        "judge_reasoning": json.dumps(rewards, ensure_ascii=False) if rewards else None,
    }


def _text(*values: Any) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)


def _goal(value: Any) -> Any:
    """A user goal of several fields as one text."""
    return json.dumps(value, ensure_ascii=False, indent=1) if isinstance(value, dict | list) \
        and value else value


def _last_answer(messages: list | None) -> str | None:
    return next((text for message in reversed(messages or []) if isinstance(message, dict)
                 and message.get("role") in ("assistant", "agent")
                 and (text := checks.text_of(message.get("content")))), None)


def _calls(messages: list | None) -> dict[str, list]:
    """The tool calls and results that the messages carry, in their order."""
    objects = [message for message in messages or [] if isinstance(message, dict)]
    calls = [message.get("tool_calls") for message in objects]
    return {"tool_calls": [call for made in calls if isinstance(made, list) for call in made],
            "tool_results": [message for message in objects if message.get("role") == "tool"]}


def _scores(row: dict, rewards: Any) -> dict:
    """Success decides, or a reward of 1 where it is not recorded; the parts of the reward stand
    beside it as numbers."""
    success, reward = row.get("success"), row.get("reward")
    if not isinstance(success, bool):
        success = reward >= 1 if is_number(reward) else None
    parts = rewards if isinstance(rewards, dict) else {}
    return {"success": success,
            **{name: float(value) for name, value in parts.items()
               if is_number(value) and name != "success"}}
