"""Reviews that say in which step, and by whom, a datapoint broke."""

import hashlib
import json

import pytest

from failure_analysis.packet import rows
from failure_analysis.review import ledger, located, timeline
from make_runs import judged, read_jsonl, simulation, task, tau2, turn

REVIEW = ("--bucket", "books_the_wrong_room", "--fault", "model_error", "--mechanism",
          "It books a room that nobody asked for.")
BOOKED = 'book {"room": "A1", "day": 3}'


@pytest.fixture
def folder(analyse, tmp_path):
    """Steps: 0 the user asks, 1 the agent looks up, 2 its result, 3 it books, 4 the result, 5 it
    says that all is done. A named message is an agent's of its own."""
    one = task("1", [("book", {"room": "B2", "day": 3})])
    sim = simulation(one, 0.0, [("find", {"day": 3}), ("book", {"room": "A1", "day": 3})])
    sim["messages"][3]["name"] = "Booker"
    sim["messages"][2]["content"] = "Free are A1 and B2, says the front desk."
    sim["messages"][5]["content"] = "Free are A1 and B2, says the front desk. A1 it is."
    return analyse("--input", tau2(tmp_path / "m.json", [one], [sim]))


@pytest.fixture
def record(run_script, folder):
    def call(*args):
        done = run_script("record_review.py", folder, "--id", "m/1", *REVIEW, *args)
        return done.returncode, done.stdout

    return call


def test_a_step_has_its_agent_and_a_quote_that_stands_in_it(record, folder):
    code, said = record("--step", "3", "--quote", BOOKED, "--second", "1", "--also", "1.0", "--fix",
                        "Ask which room.")
    assert code == 0 and said.rstrip().endswith("by agent; step 3 (Booker)")
    (line,) = read_jsonl(folder / "reviews.jsonl")
    assert [line[name] for name in located.KEYS] == ["3", "Booker", "1", ["1.0"], "Ask which room."]
    final = ledger.finals(ledger.load(folder))["m/1"]
    assert (final.step, final.agent) == ("3", "Booker")


@pytest.mark.parametrize(("args", "reason"), [
    (("--step", "6"), "m/1 has no step 6: its steps are 0 to 5"),
    (("--step", "3.1"), "m/1 has no step 3.1"), (("--step", "-1"), "m/1 has no step -1"),
    (("--step", "3", "--also", "9"), "m/1 has no step 9"),
    (("--step", "3", "--agent", "assistant"), "step 3 is Booker's, not assistant's"),
    (("--agent", "Nobody"), "agents are user, assistant, tool, Booker"),
    (("--second", "2"), "--second and --also are beside a --step"),
    (("--step", "3", "--also", "3.0"), "a step is named twice"),
    (("--step", "3", "--second", "3"), "a step is named twice"),
    (("--step", "1"), "no quote is from step 1 (quote 1 stands in step 3)"),
])
def test_what_does_not_fit_the_messages_is_refused(record, folder, args, reason):
    code, said = record(*args, f"--quote={BOOKED}") if "-1" not in args else \
        record("--step=-1", f"--quote={BOOKED}")
    assert code == 1 and reason in said
    assert not (folder / "reviews.jsonl").read_bytes()


def test_a_result_is_its_calls_and_of_the_message_that_brings_it(record, folder):
    quote = "Free are A1 and B2, says the front desk."
    code, said = record("--step", "1", "--quote", quote)
    assert code == 0
    assert "; step 1 (assistant); quote 1 stands in steps 1, 2, 5" in said
    line = timeline.timeline(rows.row(rows.load(folder), "m/1"))
    assert [step.agent for step in line.steps] == [
        "user", "assistant", "tool", "Booker", "tool", "assistant"]
    assert [(call.place, call.name, call.writes) for call in timeline.calls(line)] == [
        ("1.0", "find", False), ("3.0", "book", True)]


def test_a_correction_to_another_step_takes_its_agent(record, folder):
    record("--step", "3", "--quote", BOOKED)
    (first,) = read_jsonl(folder / "reviews.jsonl")
    code, said = record("--replaces", first["review_id"], "--step", "1", "--quote",
                        "Free are A1 and B2, says the front desk.")
    assert code == 0 and "step 1 (assistant)" in said
    code, said = record("--replaces", said.split()[1].rstrip(":"), "--note", "Sure of it.")
    assert code == 0 and "step 1 (assistant)" in said


def test_the_task_itself_is_step_0(record, folder):
    code, said = record("--step", "0", "--fault", "reference_issue", "--quote",
                        '"name": "book", "arguments": {"room": "B2"')
    assert code == 0 and "step 0 (user)" in said


def test_steps_come_in_batches_and_go_with_a_pass(record, folder, run_script, tmp_path):
    batch = tmp_path / "batch.jsonl"
    entry = {"id": "m/1", "bucket": "books_the_wrong_room", "fault": "model_error", "step": 3,
             "also": [1], "mechanism": "It books what nobody wants.", "quotes": [BOOKED]}
    batch.write_text(json.dumps(entry) + "\n" + json.dumps({**entry, "step": [3]}) + "\n")
    done = run_script("record_review.py", folder, "--from", batch)
    assert done.returncode == 1 and "step is list, str was expected" in done.stdout
    (line,) = read_jsonl(folder / "reviews.jsonl")
    assert (line["step"], line["also"]) == ("3", ["1"])


def test_rows_without_messages_have_no_steps(run_script, analyse, tmp_path):
    out = analyse("--run-dir", judged(tmp_path / "a", [turn(0, False, tool_calls=[
        {"name": "find", "args": {"q": "x"}}]), turn(1)]))
    done = run_script("record_review.py", out, "--id", "a/0", *REVIEW, "--quote", 'find {"q": "x"}',
                      "--step", "0")
    assert "a/0 has no messages, so no steps" in done.stdout


def test_ids_of_reviews_without_steps_stay_as_they_were():
    entry = ledger.normal({"datapoint_id": "a/0", "bucket": "b", "fault": "mixed", "quotes": ["q"],
                           "mechanism": "m"})
    assert ledger._review_id(entry, None) == "r" + hashlib.sha256(json.dumps(
        ["a/0", "b", "mixed", "m", ["q"], [], "", "agent", "agent", None, False]
    ).encode()).hexdigest()[:12]
    assert ledger._review_id({**entry, "step": "1"}, None) != ledger._review_id(entry, None)
    located = {**entry, "step": "1"}  # nor do those with steps, where no other one was read
    assert ledger._review_id(located, None) == "r" + hashlib.sha256(json.dumps(
        ["a/0", "b", "mixed", "m", ["q"], [], "", "agent", "agent", None, False, "", "1", "", "",
         [], ""]).encode()).hexdigest()[:12]
    assert ledger._review_id({**entry, "alike": "a/1"}, None) != ledger._review_id(entry, None)
