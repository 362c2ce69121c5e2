"""Small runs written by hand for tests, one maker per format."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CANCEL = ("cancel_reservation", {"reservation_id": "R1"})
BASE = {"user_text": "Which talk is at ten?", "assistant_text": "Talk A.", "tool_calls": [],
        "tool_results": [], "judge_reasoning": "Fine."}


def turn(number: Any, passed: bool | None = True, **changes: Any) -> dict:
    """One judged row on two dimensions; `passed` is the verdict on the first."""
    row = {"turn": number, "model_name": "model-a", **BASE,
           "scores": {"tool_use_correct": passed, "kb_grounding": None}}
    return {**row, "user_text": f"Question {number}?", **changes}


def judged(folder: Path, rows: Sequence[dict | bytes], name: str = "openai_judged.jsonl") -> Path:
    """Writes a judged run; a bytes entry is written as a line of its own, whatever it is."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    (folder / name).write_bytes(b"\n".join(lines) + b"\n")
    return folder


def task(ident: str, actions: Sequence[tuple[str, dict]] = (), says: str = "", **more: Any) -> dict:
    """One tau2-bench task whose reward rests on the database and what is communicated."""
    return {
        "id": ident,
        "user_scenario": {"instructions": {"domain": "airline",
                                           "task_instructions": says or f"Do task {ident}."}},
        "evaluation_criteria": {
            "actions": [{"action_id": f"{ident}_{place}", "requestor": "assistant", "name": name,
                         "arguments": arguments} for place, (name, arguments) in
                        enumerate(actions)],
            "communicate_info": [], "nl_assertions": None, "env_assertions": None,
            "reward_basis": ["DB", "COMMUNICATE"]},
        **more,
    }


def simulation(of: dict, reward: float, calls: Sequence[tuple[str, dict]] = (), minute: int = 0,
               **more: Any) -> dict:
    """One simulation of a task, with its recorded checks, in which the agent made the calls."""
    actions = of["evaluation_criteria"]["actions"]
    made = [(name, json.dumps(arguments, sort_keys=True)) for name, arguments in calls]
    messages: list[dict] = [{"role": "user", "content": "Hello, please help."}]
    for place, (name, arguments) in enumerate(calls):
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": f"c{place}", "name": name, "arguments": arguments,
                 "requestor": "assistant"}]},
            {"role": "tool", "id": f"c{place}", "content": "ok", "error": False}]
    messages.append({"role": "assistant", "content": "All done.",
                     "usage": {"prompt_tokens": 10, "completion_tokens": 2}})
    return {
        "id": f"sim-{of['id']}-{more.get('trial', 0)}", "task_id": of["id"], "trial": 0, "seed": 1,
        "start_time": f"2026-01-01T{10 + minute // 60:02d}:{minute % 60:02d}:00",
        "end_time": f"2026-01-01T{10 + minute // 60:02d}:{minute % 60:02d}:30", "duration": 30.0,
        "termination_reason": "user_stop", "agent_cost": 0.01,
        "reward_info": {
            "reward": reward, "reward_basis": ["DB", "COMMUNICATE"],
            "reward_breakdown": {"DB": reward, "COMMUNICATE": 1.0},
            "action_checks": [{"action": action, "action_match":
                               (action["name"], json.dumps(action["arguments"], sort_keys=True))
                               in made} for action in actions],
            "communicate_checks": None, "nl_assertions": None, "env_assertions": None},
        "messages": messages, **more,
    }


def tau2(path: Path, tasks: Sequence[dict], simulations: Sequence[dict], model: str = "agent-1",
         **info: Any) -> Path:
    """Writes a tau2-bench results file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({
        "info": {"git_commit": "c1", "agent_info": {"implementation": "llm_agent", "llm": model,
                                                    "llm_args": {"temperature": 0.0}},
                 "user_info": {"implementation": "user_simulator", "llm": "user-1",
                               "llm_args": {}},
                 "environment_info": {"domain_name": "airline", "policy": "Be kind."}, **info},
        "tasks": list(tasks), "simulations": list(simulations)}), encoding="utf-8")
    return path


def tau2_folder(folder: Path, tasks: Sequence[dict], simulations: Sequence[dict],
                index: bool = True) -> Path:
    """Writes tau2-bench results of the dir format: each simulation in a file of its own."""
    path = tau2(folder / "results.json", tasks, [])
    value = json.loads(path.read_text(encoding="utf-8"))
    del value["simulations"]
    if index:
        value["simulation_index"] = [
            {"id": row["id"], "task_id": row["task_id"], "trial": row["trial"],
             "reward": (row["reward_info"] or {}).get("reward"),
             "termination_reason": row["termination_reason"]} for row in simulations]
    path.write_text(json.dumps(value), encoding="utf-8")
    (folder / "simulations").mkdir()
    for row in simulations:
        (folder / "simulations" / f"{row['id']}.json").write_text(json.dumps(row), encoding="utf-8")
    return folder


def attempt(task_id: int, reward: float, trial: int = 0, instruction: str = "",
            actions: Sequence[tuple[str, dict]] = (CANCEL,), calls: Sequence[tuple[str, dict]] = (),
            **info: Any) -> dict:
    """One tau-bench attempt."""
    messages = [{"role": "system", "content": "# Airline Agent Policy"},
                {"role": "user", "content": "Hi"}]
    for place, (name, arguments) in enumerate(calls):
        messages += [{"role": "assistant", "content": None, "tool_calls": [
            {"id": f"c{place}", "type": "function",
             "function": {"name": name, "arguments": json.dumps(arguments)}}]},
            {"role": "tool", "tool_call_id": f"c{place}", "name": name, "content": "ok"}]
    messages += [{"role": "assistant", "content": "Done."},
                 {"role": "user", "content": "###STOP###"}]
    gold = [{"name": name, "kwargs": arguments} for name, arguments in actions]
    return {"task_id": task_id, "trial": trial, "reward": reward, "traj": messages, "info": {
        "task": {"user_id": f"user{task_id}", "actions": gold, "outputs": [],
                 "instruction": instruction or f"Do {task_id}"},
        "reward_info": {"reward": reward, "actions": gold,
                        "info": {"r_actions": reward, "gt_data_hash": "x"}}, **info}}


def dojo_row(name: str, utility: Any, attack: str = "none", security: Any = True,
             **more: Any) -> dict:
    """One AgentDojo row of the banking suite."""
    clean = attack == "none"
    return {"suite_name": "banking", "pipeline_name": "p", "user_task_id": name,
            "injection_task_id": None if clean else "injection_task_0",
            "attack_type": None if clean else attack, "injections": {},
            "messages": [{"role": "system", "content": "Help."},
                         {"role": "user", "content": [{"type": "text", "text": "Pay the bill"}]},
                         {"role": "assistant", "content": "Paid.", "tool_calls": None}],
            "error": None, "utility": utility, "security": security, "duration": 1.5, **more}


def read_jsonl(path: Path) -> list[dict]:
    """The objects of a JSONL file."""
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]


def findings(analysis_dir: Path, kind: str) -> list[dict]:
    """The findings of one kind in sanity.json."""
    sanity = json.loads((analysis_dir / "sanity.json").read_text(encoding="utf-8"))
    return [finding for finding in sanity["findings"] if finding["kind"] == kind]
