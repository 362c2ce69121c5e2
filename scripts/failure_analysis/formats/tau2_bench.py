"""tau2-bench results: one JSON object with `info`, `tasks` and `simulations`, or these in files of
their own in a folder beside it (the "dir" format), or a bare list of simulations, whose tasks and
policy another input may lend. A row is one simulation; its own recorded checks are held against the
task that its id names."""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from failure_analysis import documents, files, tool_checks
from failure_analysis.checks import epoch, text_of
from failure_analysis.datapoint import NOT_COUNTED, fingerprint, is_number
from failure_analysis.formats import matching
from failure_analysis.formats.matching import Match
from failure_analysis.records import POLICY, Line, Note, Source, build_lines
from failure_analysis.tool_checks import PASS_REWARD, Call, Check

NAME = "tau2-bench"
ABOUT = "tau2-bench: one JSON file, results.json with simulations/, or a bare list of simulations"
SIMULATIONS = "simulations"
_OF_SIMULATION = {"id", "task_id", "termination_reason", "reward_info"}
# Settings that may be shown. Everything else in llm_args may hold a key and is left out.
SAFE_ARGUMENTS = ("temperature", "top_p", "max_tokens", "reasoning_effort", "seed")
# Who speaks in a tick of a voice call, in the order in which tau2-bench reads one.
SPEAKERS = (("agent", "assistant"), ("user", "user"))
# What each member of a task's reward basis depends on.
BASIS = {"DB": "actions", "ACTION": "actions", "COMMUNICATE": "communicate_info",
         "ENV_ASSERTION": "env_assertions", "NL_ASSERTION": "nl_assertions"}


def matches(path: Path) -> str | None:
    """Says why the file holds tau2-bench results, or None."""
    value = documents.peek(path)
    if isinstance(value, list):
        return "a list of simulations without tasks" if value and isinstance(
            value[0], dict) and value[0].keys() >= _OF_SIMULATION else None
    if not isinstance(value, dict) or "tasks" not in value:
        return None
    if not documents.start(path)[1] and "agent_info" in _object(value.get("info")):
        value = documents.load(path)  # its simulations stand at the end, and will be read anyway
    apart = _simulation_files(path, value)
    if apart is not None:
        return f"object with {len(apart)} simulations in files of their own"
    if isinstance(value.get("simulations"), list):
        return f"object with {len(value['simulations'])} simulations"
    return None


def _simulation_files(path: Path, value: dict) -> tuple[Path, ...] | None:
    """The files of the simulations, where each has its own; None where the results hold them."""
    folder = path.parent / SIMULATIONS
    apart = isinstance(value.get("simulation_index"), list) or (
        folder.is_dir() and isinstance(value.get("info"), dict))
    if value.get("simulations") or not apart:
        return None
    return tuple(sorted(child for child in folder.iterdir() if child.is_file()
                        and child.name.endswith(documents.ENDINGS))) if folder.is_dir() else ()


def sources(path: Path, why: str) -> list[Source]:
    """The one run in a results file."""
    value = documents.load(path)
    if isinstance(value, list):
        return [_bare(path, value, why)]
    info = _object(value.get("info"))
    agent, user = _object(info.get("agent_info")), _object(info.get("user_info"))
    environment = _object(info.get("environment_info"))
    domain, policy = environment.get("domain_name") or _domain(value), environment.get("policy")
    stem = files.bare_name(path).removesuffix(".json")
    settings = {
        "agent implementation": str(agent.get("implementation")),
        "agent settings": _arguments(agent.get("llm_args")),
        "user simulator": f"{user.get('llm')} ({user.get('implementation')})",
        "user simulator settings": _arguments(user.get("llm_args")),
        "user simulator guidelines": documents.digest(user.get("global_simulation_guidelines")),
        POLICY: documents.digest(policy),
        "step limit": str(info.get("max_steps")),
        "error limit": str(info.get("max_errors")),
    }
    ids = tuple(_by_id(value))
    commit = info.get("git_commit")
    return [Source(
        format=NAME, path=path, run_id=stem, model_name=str(agent.get("llm") or stem),
        benchmark=f"{NAME}-{domain}" if domain else NAME, why=why,
        files=(path, *(_simulation_files(path, value) or ())),
        grader=f"{NAME}@{str(commit)[:12]}" if commit else NAME, threshold=PASS_REWARD,
        settings=settings, expected_items=ids,
        policy=sys.intern(policy) if isinstance(policy, str) else "",
    )]


def _bare(path: Path, rows: list, why: str) -> Source:
    """The run in a list of simulations; its model as the replies name it, else the file."""
    stem = files.bare_name(path).removesuffix(".json")
    models = (_object(message.get("raw_data")).get("model") for row in rows
              for message in _object(row).get("messages") or ()
              if isinstance(message, dict) and message.get("role") == "assistant")
    return Source(format=NAME, path=path, run_id=stem, benchmark=NAME, why=why, files=(path,),
                  model_name=next((model for model in models if isinstance(model, str)), stem),
                  grader=NAME, threshold=PASS_REWARD)


def lend(sources: list[Source]) -> list[Source]:
    """The sources, bare lists of simulations with the tasks and the policy of that other source
    whose tasks the most of their recorded checks fit; more than half must."""
    lenders = [source for source in sources if source.format == NAME and source.expected_items]
    return [_lent(source, lenders) if source.format == NAME and not source.expected_items
            and isinstance(documents.peek(source.path), list) else source for source in sources]


def _lent(source: Source, lenders: list[Source]) -> Source:
    recorded = [(str(row.get("task_id")), checks) for row in documents.load(source.path)
                if isinstance(row, dict) and (checks := _checks_of(row))]
    fitting = {}
    for lender in lenders:
        tasks = _by_id(documents.load(lender.path))
        fitting[lender.path] = sum(item in tasks and _fits(checks, tasks[item])
                                   for item, checks in recorded)
    best = max(lenders, key=lambda lender: fitting[lender.path], default=None)
    if best is None or fitting[best.path] * 2 <= len(recorded):
        return source
    return replace(source, lender=best.path, benchmark=best.benchmark, policy=best.policy,
                   expected_items=best.expected_items, why=f"{source.why}, which are lent by "
                   f"{best.path} ({fitting[best.path]} of {len(recorded)} fit)")


def _by_id(value: dict) -> dict[str, dict]:
    """The tasks that results record, by their ids."""
    return {str(task["id"]): task for task in _tasks(value) if "id" in task}


def read(source: Source) -> Iterator[Line]:
    """One line per simulation."""
    tasks = _by_id(documents.load(source.lender)) if source.lender else {}
    value = documents.load(source.path)
    if isinstance(value, list):
        value = {"simulations": value}
    else:
        tasks = _by_id(value)
    rows = value.get("simulations")
    if not rows:
        return _read_files(source, value, tasks)
    repeats, checked = _repeats(rows), _checked_parts(rows)
    return build_lines(rows, lambda number, row: _line(number, row, tasks, repeats, checked))


def _read_files(source: Source, value: dict, tasks: dict[str, dict]) -> Iterator[Line]:
    """One line per simulation file, held against the index of the results; an entry of the index
    that has no file is a rejected line of the results."""
    recorded = value.get("simulation_index")
    indexed = isinstance(recorded, list)
    entries = list(enumerate(recorded if indexed else (), 1))
    index = {str(entry.get("id")): entry for _, entry in entries if isinstance(entry, dict)}
    repeats = _repeats(index.values()) if index else _object(value.get("info")).get(
        "num_trials") not in (None, 1)
    checked, names = _checked_parts(_loaded(path)[0] for path in source.files[1:]), set()
    for path in source.files[1:]:  # a run's files are many: each is read twice, none is kept
        row, damage = _loaded(path)
        name = files.bare_name(path).removesuffix(".json")
        names.add(name)
        if damage:
            yield Line(1, None, path.read_bytes(), damage, path=path)
            continue
        [line] = build_lines([row], lambda number, row: _line(number, row, tasks, repeats, checked))
        against = _against(index.get(name), row) if indexed and line.fields else ()
        yield line._replace(path=path, notes=line.notes + against)
    for number, entry in entries:
        if not isinstance(entry, dict) or str(entry.get("id")) not in names:
            yield Line(number, None, json.dumps(entry).encode(), f"entry {number} of "
                       f"simulation_index has no file in {SIMULATIONS}/")


def _loaded(path: Path) -> tuple[Any, str]:
    """What a file of one simulation holds, or how it is damaged."""
    try:
        return files.read_json(path), ""
    except files.Damaged as error:
        return None, str(error).removeprefix(f"{path}: ")


def _checked_parts(rows: Iterable) -> frozenset[str]:
    """The parts that the run's evaluator checks wherever a task has them: those that some row
    records. Natural-language assertions are judged for some tasks only."""
    return frozenset().union(*map(_checks_of, rows)) - {"nl_assertions"}


def _checks_of(row: Any) -> dict[str, str]:
    """What a row records of its checks; none when it has not their shape, for which it is rejected
    when it is read."""
    try:
        return _recorded(_object(_object(row).get("reward_info")))
    except (KeyError, TypeError, AttributeError, ValueError):
        return {}


def _repeats(rows: Iterable) -> bool:
    """Whether a task has more than one trial."""
    attempts = {(str(row.get("task_id")), str(row.get("trial"))) for row in rows
                if isinstance(row, dict)}
    return len(attempts) > len({task for task, _ in attempts})


def _against(entry: dict | None, row: dict) -> tuple[str | Note, ...]:
    """What the index says otherwise than the file of a simulation, which is what is read."""
    if entry is None:
        return ("a simulation file that is not in simulation_index",)
    own = {**row, "reward": _object(row.get("reward_info")).get("reward")}
    differing = [name for name in ("id", "task_id", "trial", "reward", "termination_reason")
                 if name in entry and str(_plain(entry[name])) != str(_plain(own.get(name)))]
    return (Note("simulation_index says otherwise than the simulation's own file, which is what "
                 "counts", f"{', '.join(differing)} of {row.get('id')}"),) if differing else ()


def _line(number: int, row: dict, tasks: dict[str, dict], repeats: bool, checked: frozenset[str]
          ) -> Line:
    named = str(row["task_id"])
    reward_info = _object(row.get("reward_info"))
    recorded = _recorded(reward_info)
    messages = row.get("messages") or _spoken(row.get("ticks") or [])
    made, results = _calls(messages)
    # What a judgement that came to its end does not list was not expected.
    silent = dict.fromkeys(checked - recorded.keys(), _spelled([])) \
        if reward_info.get("reward_breakdown") else {}
    item, notes, may_be = _item(named, recorded, silent, tasks, messages, made)
    task = {} if may_be else tasks.get(item, {})
    criteria = _object(task.get("evaluation_criteria"))
    ended = row.get("termination_reason")
    # Of a simulation that the harness broke off, the benchmark counts nothing.
    judged = {"reward_basis": reward_info.get("reward_basis")} if ended in NOT_COUNTED else \
        reward_info
    checks = _checks(judged, criteria, made)
    agent = [message for message in messages if message.get("role") == "assistant"]
    calls = [call for message in agent for call in message.get("tool_calls") or []]
    signals = _signals(judged, checks, made, calls)
    fields = {
        "item_id": item,
        # Where no tasks are recorded, a row is like those of its name that were judged by the same.
        "item_fingerprint": _fingerprint(task) if task else fingerprint([named], recorded),
        "trial": row.get("trial") if repeats else None,
        "user_text": _scenario(task) or _first(messages, "user"),
        "assistant_text": _last(agent),
        "messages": [_message(message) for message in messages],
        "tool_calls": calls,
        "tool_results": results,
        "expected": {name: criteria.get(name) for name in (*dict.fromkeys(BASIS.values()),
                                                           "reward_basis")} if criteria else None,
        "scores": _scores(judged, criteria, checks),
        "reward": judged.get("reward"),
        "signals": signals,
        "judge_reasoning": tool_checks.account(_verdict(reward_info, ended), signals, len(made),
                                               len(messages), ended),
        "reasoning": _thinking(agent),
        "termination": ended,
        "prompt_tokens": _usage(agent, "prompt_tokens"),
        "completion_tokens": _usage(agent, "completion_tokens"),
        "latency_ms": _milliseconds(row.get("duration")),
        "cost_usd": row.get("agent_cost") if is_number(row.get("agent_cost")) else None,
        "params": _params("" if may_be else item, checks),
    }
    return Line(number, fields, settings=_settings(row, messages),
                started=epoch(row.get("start_time")), ended=epoch(row.get("end_time")),
                key=str(row["id"]) if row.get("id") else None,
                notes=notes + tool_checks.notes(signals), may_be=may_be)


def _spoken(ticks: list[dict]) -> list[dict]:
    """A voice call as messages: a tick has what each said in a fraction of a second, and the pieces
    of an utterance become one message, which stands where it began. A tool call ends utterances;
    one without an id ends where the other speaks alone."""
    messages: list[dict] = []
    going: dict[str, tuple[dict, set]] = {}  # role -> what it is saying, and the utterance's ids
    for tick in ticks:
        said = {role: chunk for who, role in SPEAKERS
                if (chunk := _object(tick.get(f"{who}_chunk"))).get("content")}
        if said:
            going = {role: spoken for role, spoken in going.items() if role in said or spoken[1]}
        for who, role in SPEAKERS:
            if role in said:
                _say(role, said[role], going, messages)
            if calls := tick.get(f"{who}_tool_calls"):
                going.clear()
                messages.append({"role": role, "content": None, "tool_calls": calls})
            messages += [{**result, "role": "tool"}
                         for result in tick.get(f"{who}_tool_results") or ()]
    return messages


def _say(role: str, chunk: dict, going: dict[str, tuple[dict, set]], messages: list[dict]) -> None:
    """Adds a piece to the utterance that it goes on with, or begins a message with it."""
    ids = set(chunk.get("utterance_ids") or ())
    message, before = going.get(role, (None, set()))
    if message is None or (ids and ids.isdisjoint(before)):
        message, before = {"role": role, "content": ""}, set()
        messages.append(message)
    message["content"] += chunk["content"]
    going[role] = (message, before | ids)


def _item(named: str, recorded: dict, silent: dict, tasks: dict[str, dict], messages: list[dict],
          made: list[Call]) -> Match:
    """The item that a row's own checks belong to: the named task when they fit it (or there are
    none), else the task that they fit. `silent` parts have no check, as it seems because the task
    has none; the named task stays one of those that may be meant where only they speak against."""
    task = tasks.get(named)
    holds = task is not None and _fits(recorded, task)
    if holds and _fits(silent, task):
        return Match(named)
    if not tasks:
        return Match(named, ("no tasks are recorded: what was expected is known by its own checks "
                             "alone",))
    alike = [other for other, task in tasks.items() if (recorded or holds) and
             _fits(recorded, task)]
    fitting = [other for other in alike if other == named or _fits(silent, tasks[other])] or alike
    spoken = [message.get("content") for message in messages if message.get("role") == "user"]
    return matching.matched(named, {other: _fingerprint(tasks[other]) for other in fitting},
                            {other: _said(tasks[other]) for other in fitting},
                            spoken, [call.arguments for call in made])


def _said(task: dict) -> matching.Task:
    """What a task tells its user, and all that it says."""
    told = [task.get("user_scenario"), task.get("ticket")]
    return matching.Task(told, [*told, task.get("initial_state"), task.get("evaluation_criteria")])


def _recorded(reward_info: dict) -> dict[str, str]:
    """What the row's recorded checks say was expected, part by part; parts not recorded absent."""
    parts = {}
    actions = reward_info.get("action_checks")
    if actions:
        parts["actions"] = _spelled([_action(check["action"]) for check in actions])
    for name, checks, inner in (
        ("communicate_info", "communicate_checks", "info"),
        ("nl_assertions", "nl_assertions", "nl_assertion"),
        ("env_assertions", "env_assertions", "env_assertion"),
    ):
        if reward_info.get(checks):
            parts[name] = _spelled([_words(check[inner]) for check in reward_info[checks]])
    return parts


def _words(check: Any) -> Any:
    """The words of a check that is a text: blanks and points get lost where a judge writes it
    anew."""
    return re.findall(r"\w+", check.lower()) if isinstance(check, str) else check


def _fits(recorded: dict[str, str], task: dict) -> bool:
    criteria = _object(task.get("evaluation_criteria"))
    gold = {name: _spelled([_words(check) for check in criteria.get(name) or []])
            for name in set(BASIS.values())}
    gold["actions"] = _spelled([_action(action) for action in criteria.get("actions") or []])
    return all(gold[name] == part for name, part in recorded.items())


def _fingerprint(task: dict) -> str:
    criteria = _object(task.get("evaluation_criteria"))
    asked = [task.get("user_scenario"), task.get("initial_state"), task.get("ticket")]
    basis = criteria.get("reward_basis") or list(BASIS)
    decisive = {BASIS[name] for name in basis if name in BASIS}
    expected = {name: criteria.get(name) for name in decisive - {"actions"}}
    if "actions" in decisive:
        expected["actions"] = [_action(action) for action in criteria.get("actions") or []]
    return fingerprint(asked, [sorted(map(str, basis)), expected])


def _action(action: dict) -> list:
    return [action.get("requestor") or "assistant", action["name"], action.get("arguments")]


def _checks(reward_info: dict, criteria: dict, made: list[Call]) -> list[Check]:
    """Expected actions with their verdicts: the recorded ones, else our own comparison."""
    recorded = reward_info.get("action_checks")
    if recorded:
        return [Check(_expected_call(check["action"]), bool(check.get("action_match")))
                for check in recorded]
    actions = criteria.get("actions") or []
    return tool_checks.match([_expected_call(action) for action in actions], made)


def _expected_call(action: dict) -> Call:
    return Call(action.get("requestor") or "assistant", action["name"], action.get("arguments"))


def _scores(reward_info: dict, criteria: dict, checks: list[Check]) -> dict[str, Any]:
    """Each judged member of the reward basis as true or false (null: never judged); each expected
    action as 1 or 0, a number, as it does not decide the reward by itself."""
    breakdown = _object(reward_info.get("reward_breakdown"))
    basis = reward_info.get("reward_basis") or criteria.get("reward_basis") or []
    scores: dict[str, Any] = {name: None for name in basis}
    scores |= {name: value >= PASS_REWARD for name, value in breakdown.items() if is_number(value)}
    for place, (action, matched) in enumerate(checks):
        scores[f"action:{place}:{action.name}"] = int(matched)
    return scores


def _verdict(reward_info: dict, ended: str | None) -> list[str]:
    """The first sentences of a row's account; of one that does not count, what its file says."""
    broke = [f"Not counted: the harness ended it by {ended}, not the model. What the file says of "
             "it:"] if ended in NOT_COUNTED else []
    verdicts = [f"{name} {'passed' if value == PASS_REWARD else 'failed'}"
                for name, value in _object(reward_info.get("reward_breakdown")).items()]
    note = _object(reward_info.get("info")).get("note")
    return [*broke,
            f"Reward {reward_info.get('reward')}: {', '.join(verdicts) or 'nothing was judged'}.",
            *([f"The benchmark notes: {note}"] if note else [])]


def _signals(reward_info: dict, checks: list[Check], made: list[Call], calls: list) -> list[dict]:
    unmet = [check.get(inner) for name, inner in (("env_assertions", "env_assertion"),
                                                  ("nl_assertions", "nl_assertion"))
             for check in reward_info.get(name) or [] if not check.get("met")]
    return tool_checks.signals(
        checks, made, calls, unmet=unmet,
        wrong_database=_object(reward_info.get("reward_breakdown")).get("DB") == 0,
        untold=[check.get("info") for check in reward_info.get("communicate_checks") or []
                if not check.get("met")])


def _calls(messages: list[dict]) -> tuple[list[Call], list[dict]]:
    """Every tool call in order, with whether it failed, and every tool result."""
    results = [{"tool_call_id": message.get("id"), "content": message.get("content"),
                "error": bool(message.get("error"))}
               for message in messages if message.get("role") == "tool"]
    made = []
    for place, message in enumerate(messages):
        answers = messages[place + 1:]
        for offset, call in enumerate(message.get("tool_calls") or []):
            answer = answers[offset] if offset < len(answers) else {}
            failed = answer.get("role") == "tool" and bool(answer.get("error"))
            made.append(Call(call.get("requestor") or message["role"], call["name"],
                             call.get("arguments"), failed))
    return made, results


def _message(message: dict) -> dict:
    kept = {"role": message.get("role"), "content": message.get("content")}
    for name in ("name", "tool_calls"):
        if message.get(name):
            kept[name] = message[name]
    if message.get("role") == "tool":
        kept["tool_call_id"] = message.get("id")
    return kept


def _scenario(task: dict) -> str:
    scenario = _object(task.get("user_scenario"))
    instructions = scenario.get("instructions")
    parts = [("Persona", scenario.get("persona"))]
    if isinstance(instructions, dict):
        parts += [(name.replace("_", " ").capitalize(), text)
                  for name, text in instructions.items() if name != "domain"]
    else:
        parts.append(("Instructions", instructions))
    parts.append(("Ticket", task.get("ticket")))
    return "\n\n".join(f"{name}: {str(text).strip()}" for name, text in parts if text)


def _params(item: str, checks: list[Check]) -> dict[str, float | str]:
    params: dict[str, float | str] = {"expected_actions": len(checks)}
    telecom = re.fullmatch(r"\[(\w+)\](.+)\[PERSONA:(\w+)\]", item)
    if telecom:
        params |= {"issue": telecom[1], "causes": telecom[2].count("|") + 1, "persona": telecom[3]}
    return params


def _settings(row: dict, messages: list[dict]) -> dict[str, str]:
    """Conditions that a row itself shows. Replies keep the shape that a client library gave them:
    another shape inside a run tells of another client or session."""
    settings = {f"seed of trial {row.get('trial')}": str(row.get("seed"))}
    for role, name in (("assistant", "agent"), ("user", "user simulator")):
        records = [record for message in messages if message.get("role") == role
                   and (record := _object(message.get("raw_data")))]
        models = sorted({str(record["model"]) for record in records if record.get("model")})
        shapes = sorted({",".join(sorted(record)) for record in records})
        if models:
            settings[f"{name} model as its provider named it"] = ", ".join(models)
        if shapes:
            settings[f"{name} reply format"] = "; ".join(shapes)
    return settings


def _thinking(agent: list[dict]) -> str | None:
    blocks = [block.get("thinking") for message in agent
              for block in _object(message.get("raw_data")).get("thinking_blocks") or []
              if isinstance(block, dict)]
    return "\n\n".join(text for text in blocks if text) or None


def _last(messages: list[dict]) -> str | None:
    texts = [text_of(message["content"]) for message in messages if message.get("content")]
    return texts[-1] if texts else None


def _first(messages: list[dict], role: str) -> str | None:
    return next((text_of(message.get("content")) for message in messages
                 if message.get("role") == role), None)


def _usage(messages: list[dict], name: str) -> int | None:
    counts = [_object(message.get("usage")).get(name) for message in messages]
    numbers = [count for count in counts if is_number(count)]
    return sum(numbers) if numbers else None


def _arguments(arguments: Any) -> str:
    given = _object(arguments)
    return ", ".join(f"{name} {_plain(given[name])}" for name in SAFE_ARGUMENTS if name in given) \
        or "not recorded"


def _plain(value: Any) -> Any:
    """0.0 and 0 are one setting."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _domain(value: dict) -> str | None:
    for task in _tasks(value):
        instructions = _object(_object(_object(task).get("user_scenario")).get("instructions"))
        if instructions.get("domain"):
            return str(instructions["domain"])
    return None


def _milliseconds(seconds: Any) -> float | None:
    return round(seconds * 1000, 1) if is_number(seconds) else None


def _tasks(value: dict) -> list[dict]:
    tasks = value.get("tasks")
    return [task for task in tasks if isinstance(task, dict)] if isinstance(tasks, list) else []


def _object(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _spelled(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
