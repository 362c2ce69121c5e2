"""tau-bench results: a JSON list of attempts, each with its own copy of the task."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from failure_analysis import documents, files, tool_checks
from failure_analysis.checks import text_of
from failure_analysis.datapoint import fingerprint
from failure_analysis.formats import matching
from failure_analysis.formats.matching import Match
from failure_analysis.records import POLICY, Line, Source, build_lines
from failure_analysis.tool_checks import PASS_REWARD, Call, Check

NAME = "tau-bench"
ABOUT = "tau-bench: a JSON list of attempts with task_id, reward, info and traj"
# The names that tau-bench gives its result files.
RUN_NAME = re.compile(
    r"(?P<agent>(tool-calling|few-shot|react|act|[a-z]+-agent)(-with-[a-z]+)*)-(?P<model>.+?)"
    r"-(?P<temperature>\d+(\.\d+)?)_range_.*?"
    r"_user-(?P<user>.+)-(?P<strategy>\w+)_\d+"
)
STOP = "###STOP###"


def matches(path: Path) -> str | None:
    """Says why the file holds tau-bench results, or None."""
    value = documents.peek(path)
    if isinstance(value, list) and value and isinstance(value[0], dict) \
            and {"task_id", "reward", "traj", "info"} <= value[0].keys() \
            and any(map(_is_attempt, value[:20])):
        many = f"{len(value)} " if documents.start(path)[1] else ""
        return f"list of {many}attempts with task_id, reward and traj"
    return None


def _is_attempt(row: Any) -> bool:
    """Whether a row has a conversation, or broke off before it began."""
    row = row if isinstance(row, dict) else {}
    messages, info = row.get("traj"), row.get("info")
    if messages and not isinstance(messages, list):
        return False
    return any(isinstance(message, dict) and "role" in message for message in messages) \
        if messages else isinstance(info, dict) and bool(info.get("error") or info.get("task"))


def sources(path: Path, why: str) -> list[Source]:
    """The one run in a results file."""
    rows = documents.load(path)
    stem = files.bare_name(path).removesuffix(".json")
    domain = _domain(rows, stem)
    name = RUN_NAME.fullmatch(stem)
    model = name["model"] if name else stem.removesuffix(f"-{domain}")
    settings = {"agent implementation": name["agent"], "agent settings":
                f"temperature {name['temperature']}", "user simulator":
                f"{name['user']} ({name['strategy']})"} if name else {}
    return [Source(
        format=NAME, path=path, run_id=stem, model_name=model,
        benchmark=f"{NAME}-{domain}" if domain else NAME, why=why, files=(path,),
        grader=NAME, threshold=PASS_REWARD, settings=settings,
    )]


def read(source: Source) -> Iterator[Line]:
    """One line per attempt."""
    rows = documents.load(source.path)
    contents = _contents(rows)
    times = Counter(str(row.get("task_id")) for row in rows if isinstance(row, dict))
    repeats = any(count > 1 for count in times.values())
    return build_lines(rows, lambda number, row: _line(number, row, contents, repeats))


def _line(number: int, row: dict, contents: dict[str, str], repeats: bool) -> Line:
    named = str(row["task_id"])
    info = row.get("info") if isinstance(row.get("info"), dict) else {}
    task = info.get("task") or {}
    reward_info = info.get("reward_info") or {}
    of_row = _fingerprint(task)
    item, notes, may_be = _item(named, of_row, contents, bool(task))
    if task and reward_info.get("actions") not in (None, task.get("actions")):
        notes += ("the actions it was graded by differ from those of its task",)
    messages = row["traj"]
    made, results = _calls(messages)
    expected = [Call("assistant", action["name"], action.get("kwargs"))
                for action in task.get("actions") or []]
    checks = tool_checks.match(expected, made)
    agent = [message for message in messages if message.get("role") == "assistant"]
    texts = [text_of(message["content"]) for message in agent if message.get("content")]
    reward = row.get("reward")
    calls = [call for message in agent for call in message.get("tool_calls") or []]
    judged = reward_info.get("info") or {}
    signals = tool_checks.signals(
        checks, made, calls, wrong_database=judged.get("r_actions") == 0,
        untold=[text for text, met in (judged.get("outputs") or {}).items() if not met])
    broke = [{"kind": "harness_error", "text": str(info["error"])}] if info.get("error") else []
    fields = {
        "item_id": item, "item_fingerprint": of_row,
        # A run in which no task repeats may still count up its trials; they are no repeats.
        "trial": row.get("trial") if repeats else None,
        "user_text": task.get("instruction"),
        "assistant_text": texts[-1] if texts else None,
        "messages": messages,
        "tool_calls": calls,
        "tool_results": results,
        "expected": {"actions": task.get("actions"), "outputs": task.get("outputs")},
        "scores": _scores(reward, reward_info, checks),
        "reward": reward,
        "signals": broke + signals,
        "judge_reasoning": tool_checks.account(_verdict(reward, info), signals, len(made),
                                               len(messages), _termination(messages, info)),
        "termination": _termination(messages, info),
        "params": {"expected_actions": len(checks)},
    }
    policy = messages[0].get("content") if messages and messages[0].get("role") == "system" else ""
    return Line(number, fields, settings={POLICY: documents.digest(policy)},
                notes=notes + tool_checks.notes(signals), may_be=may_be)


def _contents(rows: list) -> dict[str, str]:
    """Task id -> the fingerprint that most of its rows carry (the first of equals)."""
    seen: dict[str, Counter] = {}
    for row in rows:
        info = row.get("info") if isinstance(row, dict) else None
        task = info.get("task") if isinstance(info, dict) else None
        if isinstance(task, dict):
            with suppress(AttributeError, TypeError):  # such a row is rejected when it is read
                seen.setdefault(str(row.get("task_id")), Counter())[_fingerprint(task)] += 1
    return {item: prints.most_common(1)[0][0] for item, prints in seen.items() if prints}


def _item(named: str, own: str, contents: dict[str, str], has_task: bool) -> Match:
    """The id whose content the row carries; its named id when it carries none."""
    if not has_task or contents.get(named) == own:
        return Match(named)
    return matching.matched(named, {item: content for item, content in contents.items()
                                    if content == own})


def _fingerprint(task: dict) -> str:
    actions = [[action.get("name"), action.get("kwargs")] for action in task.get("actions") or []]
    return fingerprint([task.get("user_id"), task.get("instruction")],
                       [actions, task.get("outputs")])


def _scores(reward: Any, reward_info: dict, checks: list[Check]) -> dict[str, Any]:
    """DB and COMMUNICATE as far as they were recorded, each expected action as 1 or 0.

    tau-bench keeps the verdict on the outputs alone when a task has outputs; that the database
    was wrong then shows only in a reward of 0 beside correct outputs."""
    info = reward_info.get("info") or {}
    scores: dict[str, Any] = {}
    if "r_actions" in info:
        scores["DB"] = info["r_actions"] == PASS_REWARD
    elif "r_outputs" in info:
        all_told = info["r_outputs"] == PASS_REWARD
        scores["DB"] = True if reward == PASS_REWARD else False if all_told else None
        scores["COMMUNICATE"] = all_told
    for place, (action, matched) in enumerate(checks):
        scores[f"action:{place}:{action.name}"] = int(matched)
    return scores


def _verdict(reward: Any, info: dict) -> list[str]:
    """The first sentences of an attempt's account."""
    lines = [f"Reward {reward}."]
    if info.get("error"):
        lines.append(f"Harness error: {info['error']}")
    elif not info.get("reward_info"):
        lines.append("Nothing was judged: the conversation did not reach its end.")
    return lines


def _termination(messages: list[dict], info: dict) -> str:
    """How the attempt ended; tau-bench records it only through its last message."""
    if info.get("error"):
        return "error"
    last = messages[-1] if messages else {}
    if last.get("role") == "user" and STOP in str(last.get("content")):
        return "user_stop"
    if last.get("role") == "tool" and str(last.get("name", "")).startswith("transfer_to_human"):
        return "transfer"
    return "max_steps" if messages else "no messages"


def _calls(messages: list[dict]) -> tuple[list[Call], list[dict]]:
    results = [{"tool_call_id": message.get("tool_call_id"), "name": message.get("name"),
                "content": message.get("content"),
                "error": str(message.get("content")).startswith("Error")}
               for message in messages if message.get("role") == "tool"]
    failed = {result["tool_call_id"] for result in results if result["error"]}
    made = [Call("assistant", call["function"]["name"],
                 tool_checks.parsed_arguments(call["function"].get("arguments")),
                 call.get("id") in failed)
            for message in messages for call in message.get("tool_calls") or []]
    return made, results


def _domain(rows: list, stem: str) -> str | None:
    """airline or retail, from the policy's heading, else from the file name."""
    for row in rows:
        messages = row.get("traj") if isinstance(row, dict) else None
        if isinstance(messages, list) and messages and isinstance(messages[0], dict):
            heading = re.match(r"# (\w+) agent policy", str(messages[0].get("content")), re.I)
            if heading:
                return heading[1].lower()
    return next((name for name in ("airline", "retail") if name in stem), None)
