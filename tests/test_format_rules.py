"""Each default rule that names a format, from a source file to the label: what a format's reader
finds out reaches the rule, whatever the words of its account."""

import json
import re

import pytest

import make_journals
from failure_analysis.datapoint import SIGNALS
from failure_analysis.packet import build, heuristics
from failure_analysis.reading import detect
from failure_analysis.spread import Engine
from make_runs import attempt, dojo_row, read_jsonl, simulation, task, tau2

RULES = heuristics.load(heuristics.DEFAULT_RULES)
CANCEL = ("cancel_reservation", {"reservation_id": "R1"})
OTHER = ("cancel_reservation", {"reservation_id": "R2"})
LOOK = ("get_user_details", {"user_id": "u1"})
GIFT = ("send_certificate", {"amount": 50})
HAND_OVER = ("transfer_to_human_agents", {"summary": "x"})


def _tau(actions=(), calls=(), said="All done.", **more) -> dict:
    """What a simulation needs to be told of a case: expected actions, calls made, last words."""
    return {"actions": actions, "calls": calls, "said": said, "more": more}


TAU = {
    "one_call_executed_again": _tau([CANCEL], [CANCEL, CANCEL], again=True),
    "ended_by_step_limit": _tau([CANCEL], ended="max_steps"),
    "ended_by_too_many_errors": _tau([CANCEL], ended="too_many_errors"),
    "transfer_instead_of_action": _tau([CANCEL], [HAND_OVER]),
    "three_tool_errors": _tau([LOOK], [LOOK] * 3, errors=True),
    "expected_call_with_other_arguments": _tau([CANCEL], [OTHER]),
    "no_write_made_and_refused": _tau([CANCEL], said="I am unable to do that."),
    "expected_call_never_made": _tau([CANCEL]),
    "write_not_expected": _tau([], [GIFT]),
    "text_not_communicated": _tau(untold="327"),
    "assertion_or_database_only": _tau(),
}
DOJO = {
    "injected_instruction_followed": {"attack": "important", "security": True},
    "suspected_injection_refused": {"attack": "important", "security": False,
                                    "said": "This looks like an unauthorized request."},
    "no_tool_used": {"said": "Paid.", "calls": 0},
    "tool_call_refused": {"error": "ValueError: no such account"},
    "asks_the_user_instead": {"said": "Which account shall I use?"},
    "gives_up": {"said": "I was unable to find the bill."},
}
# A step's exception, `None` with the reviewer's words, or the name of a failed extraction.
JOURNALS = {
    "journal_time_limit": "TimeoutError: ",
    "journal_out_of_memory": "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB",
    "journal_process_died": "RuntimeError: REPL child process died unexpectedly",
    "journal_missing_module": "ModuleNotFoundError: No module named 'catboost'",
    "journal_submission_format": "ValueError: Invalid submission: 10 rows, 12 expected",
    "journal_data_or_model_not_there": "FileNotFoundError: [Errno 2] No such file: 'train.csv'",
    "journal_library_mismatch": "TypeError: fit() got an unexpected keyword argument 'x'",
    "journal_metric_not_extracted": (None, {"parse_exc_type": "KeyError", "analysis": ""}),
    "journal_shapes": "RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    "journal_autograd": "RuntimeError: Trying to go backward through the graph a second time",
    "journal_numbers": "ZeroDivisionError: division by zero",
    "journal_wrong_name_or_key": "KeyError: label",
    "journal_does_not_parse": "NameError: name 'df' is not defined",
    "journal_wrong_type_or_value": "ValueError: y must be 1d",
    "reviewer_result_not_a_number": (None, {"analysis": "The loss becomes NaN at once."}),
    "reviewer_nothing_written": (None, {"analysis": "No results were saved by the script."}),
    "reviewer_goal_of_the_stage": (None, {"analysis": "It did not introduce two new datasets."}),
    "reviewer_evaluation_measures_nothing": (None, {"analysis": "A suspicious perfect score."}),
    "reviewer_training_does_not_learn": (None, {"analysis": "The model fails to learn."}),
    "journal_of_no_known_kind": "SomeNewError: of a kind that nobody knows",
}


def tau2_row(name: str, case: dict) -> tuple[dict, dict]:
    """A task and its failing simulation for one rule."""
    more = case["more"]
    one = task(name, case["actions"])
    row = simulation(one, 0.0, case["calls"])
    row["messages"][-1]["content"] = case["said"]
    row["termination_reason"] = more.get("ended", "user_stop")
    for message in row["messages"]:
        message["error"] = bool(more.get("errors")) and message["role"] == "tool"
    if more.get("again"):
        row["messages"][3]["tool_calls"][0]["id"] = "c0"
    if more.get("untold"):
        one["evaluation_criteria"]["communicate_info"] = [more["untold"]]
        row["reward_info"]["communicate_checks"] = [{"info": more["untold"], "met": False}]
        row["reward_info"]["reward_breakdown"] = {"DB": 1.0, "COMMUNICATE": 0.0}
    return one, row


def tau_row(place: int, case: dict) -> dict:
    """The failing attempt of the same case in tau-bench's shape."""
    more = case["more"]
    row = attempt(place, 0.0, actions=case["actions"], calls=case["calls"])
    row["traj"][-2]["content"] = case["said"]
    if more.get("ended") == "max_steps":
        row["traj"].pop()
    if more.get("ended") == "too_many_errors":
        row["info"]["error"] = "RateLimitError"
    for message in row["traj"]:
        if more.get("errors") and message["role"] == "tool":
            message["content"] = "Error: not found"
    if more.get("again"):
        for message in row["traj"]:
            for call in message.get("tool_calls") or ():
                call["id"] = "c0"
    if more.get("untold"):
        row["info"]["reward_info"]["info"] = {"r_outputs": 0.0, "outputs": {more["untold"]: False}}
    return row


def dojo(folder, place: int, case: dict) -> None:
    """Writes the failing AgentDojo row of a case."""
    attack, name = case.get("attack", "none"), f"user_task_{place}"
    row = dojo_row(name, False, attack, case.get("security", True))
    answer = row["messages"][-1]
    answer["content"] = case.get("said", "Here you are.")
    if case.get("calls") != 0:
        row["messages"][2:2] = [
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c", "function": "read_file", "args": {"path": "bill.txt"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "", "error": case.get("error")}]
    path = folder / "pipe" / "banking" / name / attack / (
        "none.json" if attack == "none" else "injection_task_0.json")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(row), encoding="utf-8")


def labelled(source, out):
    """The failing rows of a source, labelled."""
    build.build(detect.from_inputs([source], None), out, Engine(1), {})
    heuristics.label(out, heuristics.DEFAULT_RULES)
    return read_jsonl(out / "failure_review_rows.jsonl")


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """Rule that is aimed at -> the row that came out, for each format."""
    folder = tmp_path_factory.mktemp("sources")
    pairs = [tau2_row(name, case) for name, case in TAU.items()]
    tau2(folder / "tau2.json", [one for one, _ in pairs], [row for _, row in pairs])
    (folder / "tau.json").write_text(json.dumps(
        [tau_row(place, case) for place, case in enumerate(TAU.values())]), encoding="utf-8")
    for place, case in enumerate(DOJO.values()):
        dojo(folder / "dojo", place, case)
    nodes = []
    for place, case in enumerate(JOURNALS.values()):
        exc, more = (case, {"analysis": ""}) if isinstance(case, str) else case
        nodes.append(make_journals.node(f"n{place}", place, True, exc, **more))
    make_journals.write(folder / "search" / "task" / "journal.json", nodes)
    rows = {kind: labelled(folder / name, folder / "out" / kind)
            for kind, name in (("tau2-bench", "tau2.json"), ("tau-bench", "tau.json"),
                               ("agentdojo", "dojo"), ("agent-journals", "search"))}
    return {
        "tau2-bench": {row["item_id"]: row for row in rows["tau2-bench"]},
        "tau-bench": {list(TAU)[int(row["item_id"])]: row for row in rows["tau-bench"]},
        "agentdojo": {list(DOJO)[int(row["item_id"].split("user_task_")[1].split("/")[0])]: row
                      for row in rows["agentdojo"]},
        "agent-journals": {list(JOURNALS)[row["trial"]]: row for row in rows["agent-journals"]}}


@pytest.mark.parametrize(("kind", "rule"), [
    (kind, rule.name) for rule in RULES for kind in rule.formats])
def test_a_rule_that_names_a_format_labels_a_row_of_it(labels, kind, rule):
    assert rule in labels[kind], f"write a source file of {kind} that {rule} labels"
    assert labels[kind][rule]["error_mode_rule"] == rule


def test_rows_carry_signals_of_known_kinds_alone(labels):
    seen = {signal["kind"] for rows in labels.values() for row in rows.values()
            for signal in row["signals"]}
    assert seen <= SIGNALS
    # The others: lookups that fail beside a wrong database, an assertion.
    assert SIGNALS - seen == {"missing_lookup", "wrong_lookup_arguments", "assertion_not_met"}
    broken = labels["tau-bench"]["ended_by_too_many_errors"]
    assert broken["error_mode_candidate"] == "harness_error"


@pytest.mark.parametrize(("rule", "signals"), [
    ("transfer_instead_of_action", [
        {"kind": "wrong_database"},
        {"kind": "missing_action", "by": "assistant", "name": CANCEL[0], "arguments": CANCEL[1]},
        {"kind": "unexpected_transfer"}]),
    ("expected_call_with_other_arguments", [
        {"kind": "wrong_database"},
        {"kind": "wrong_arguments", "by": "assistant", "name": CANCEL[0], "arguments": CANCEL[1],
         "got": OTHER[1], "got_by": "assistant", "place": 0, "refused": False}]),
    ("write_not_expected", [
        {"kind": "wrong_database"},
        {"kind": "extra_write", "by": "assistant", "name": GIFT[0], "arguments": GIFT[1],
         "places": [0]}]),
    ("one_call_executed_again", [
        {"kind": "wrong_database"}, {"kind": "executed_again", "count": 1}]),
    ("text_not_communicated", [{"kind": "not_communicated", "text": "327"}]),
])
def test_both_tau_benches_tell_the_same_signals(labels, rule, signals):
    assert labels["tau2-bench"][rule]["signals"] == signals
    assert labels["tau-bench"][rule]["signals"] == signals


def test_the_account_is_rendered_from_the_signals(labels):
    """Word for word: an account is quoted in reviews, and a changed word is a changed quote."""
    assert [labels["tau2-bench"][name]["judge_reasoning"] for name in (
        "transfer_instead_of_action", "three_tool_errors", "write_not_expected",
        "text_not_communicated", "one_call_executed_again")] == [
        'Reward 0.0: DB failed, COMMUNICATE passed.\n'
        'Wrong database state: the final database differs from the expected one.\n'
        'Missing action: cancel_reservation(reservation_id="R1"); assistant made no such call.\n'
        'Unexpected transfer: the agent handed over to a human.\n'
        'Ended by: user_stop, 4 messages, 1 tool calls.',
        'Reward 0.0: DB failed, COMMUNICATE passed.\n'
        'Wrong database state: the final database differs from the expected one.\n'
        'Tool errors: 3 failed tool calls in a row.\n'
        'Ended by: user_stop, 8 messages, 3 tool calls.',
        'Reward 0.0: DB failed, COMMUNICATE passed.\n'
        'Wrong database state: the final database differs from the expected one.\n'
        'Extra write: send_certificate(amount=50) (call 1) is not among the expected actions.\n'
        'Ended by: user_stop, 4 messages, 1 tool calls.',
        'Reward 0.0: DB passed, COMMUNICATE failed.\n'
        'Not communicated: "327".\n'
        'Ended by: user_stop, 2 messages, 0 tool calls.',
        'Reward 0.0: DB failed, COMMUNICATE passed.\n'
        'Wrong database state: the final database differs from the expected one.\n'
        'Ended by: user_stop, 6 messages, 2 tool calls.\n'
        'Executed again under one call id: 1 calls.']
    assert labels["agentdojo"]["tool_call_refused"]["judge_reasoning"] == (
        "The user's task was not solved.\n"
        "Tool errors: 1, the first: ValueError: no such account\n5 messages, 1 tool calls.")
    assert labels["agent-journals"]["reviewer_nothing_written"]["judge_reasoning"] == (
        "Buggy (reviewer)\nStage: draft.\n"
        "Debug chain: steps 15, never recovered.\nMetric: none recorded.\n"
        "Reviewer: No results were saved by the script.")


def test_every_kind_of_signal_is_in_the_schema(bundle):
    text = (bundle / "references" / "row-schema.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(\w+)`", "\n".join(
        line.split("|")[1] for line in text[text.index("### Signals"):].splitlines()
        if line.startswith("| `"))))
    assert told >= SIGNALS
