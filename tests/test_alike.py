"""Alike answers: which are, that one is shown and read, and that all are recorded."""

import json
import re

import pytest

from failure_analysis.packet import rows
from failure_analysis.review import alike, ledger
from make_runs import judged, read_jsonl, simulation, task, tau2, turn

TEXT = ("The room that you asked for is number 12 on the second floor, and I booked it for you all "
        "from three to four on Monday, so please be there in time and bring your badge with you.")
REVIEW = ("--bucket", "books_the_wrong_room", "--fault", "model_error",
          "--mechanism", "It books a room that nobody asked for.")
QUOTE = "The room that you asked for is number 12 on the second floor"


def row(name, text=TEXT, **more):
    return {"datapoint_id": name, "run_id": "r", "trial": 0, "outcome": "fail",
            "failed_dimensions": ["correct"], "user_text": "Which room?", "assistant_text": text,
            **more}


@pytest.mark.parametrize(("other", "is_alike"), [
    ({"assistant_text": TEXT}, True),
    ({"assistant_text": f"  {TEXT.upper()}\n"}, True),  # nothing asks for capitals
    ({"assistant_text": TEXT.replace("please be", "just be")}, True),  # nearly the same
    ({"assistant_text": TEXT.replace("12", "13")}, False),
    ({"assistant_text": TEXT.replace("I booked", "I never booked")}, False),
    ({"assistant_text": TEXT[:90]}, False),
    ({"failed_dimensions": ["polite"]}, False),
    ({"termination": "max_steps"}, False),
    ({"reasoning": "Any room will do."}, False),
    ({"messages": [{"role": "user", "content": "Which?"}]}, False),  # another conversation
    ({"messages": [{"role": "system", "content": "Be kind."}]}, True),  # said to it, not by it
    ({"tool_calls": [{"name": "book", "args": {"id": 12}}]}, False),
])
def test_what_was_said_and_done_is_compared(other, is_alike):
    found = alike.groups([row("a"), {**row("b"), **other}])
    assert found == ([("a", "b")] if is_alike else [])


def test_calls_are_alike_with_their_arguments_and_results_alone():
    def called(name, argument, result):
        return row(name, tool_calls=[{"id": "c", "name": "book", "args": {"id": argument}}],
                   tool_results=[{"tool_call_id": "c", "content": result}])

    assert alike.groups([called("a", 1, "ok"), called("b", 1, "ok"), called("c", 2, "ok"),
                         called("d", 1, "full")]) == [("a", "b")]


def test_nearly_alike_ones_are_near_to_all_of_their_group():
    words = [f"word{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(100)]

    def changed(*places):
        text = " ".join(f"{word}x" if n in places else word for n, word in enumerate(words))
        return f"{text}\n#### room B"

    assert alike.groups([row("a", changed()), row("b", changed(1, 2)), row("c", changed(3, 4))]) \
        == [("a", "b")]  # c is near to a, and 4 words of 107 away from b
    assert alike.groups([row("a", changed()), row("b", changed(1).replace("B", "C"))]) == []
    answer = " ".join(words)  # all of it is the answer, where it marks none
    assert alike.groups([row("a", answer), row("b", answer.replace(words[3], "other"))]) == []


def test_other_orders_are_other_answers():
    words = [f"word{chr(97 + n)}" for n in range(20)]
    sorted_ones = [row("a", ", ".join(words)), row("b", ", ".join([words[-1], *words[:-1]]))]
    assert alike.groups(sorted_ones) == []
    talk = [{"messages": [{"role": "assistant", "content": text}], "assistant_text": "Done."}
            for text in (" ".join(words * 3), " ".join([*words[10:], *words * 2, *words[:10]]))]
    assert alike.groups([row("a") | talk[0], row("b") | talk[1]]) == []


def test_nothing_said_and_nothing_done_is_alike_to_nothing():
    assert alike.groups([row("a", ""), row("b", "")]) == []


@pytest.fixture
def folder(run_script, analyse, tmp_path):
    """Three models that fail one question, two in the same words; `c` fails another one too."""
    texts = {"a": TEXT, "b": TEXT.replace("please be", "just be"), "c": "I do not know any room."}
    out = analyse("--run-dir", *(judged(tmp_path / name, [
        turn(0, False, model_name=name, assistant_text=text),
        turn(1, name != "c", model_name=name, assistant_text=TEXT)])
        for name, text in texts.items()))
    assert run_script("plan_review.py", out).returncode == 0
    return out


def run(run_script, script, *args, code=0):
    done = run_script(script, *args)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_one_of_them_is_planned_and_the_others_stand_beside_it(run_script, folder):
    lines = read_jsonl(folder / "review_plan.jsonl")
    beside = {line["datapoint_id"]: line["alike"] for line in lines if line["alike"]}
    [(first, others)] = beside.items()
    assert {first, *others} == {"a/0", "b/0"}
    assert {line["datapoint_id"] for line in lines if not line["contrast_of"]} == {
        first, "c/0", "c/1"}
    said = run(run_script, "plan_review.py", folder)
    assert "3 of 4 failing (and 1 alike to one of them), 1 passing" in said
    assert "not in the plan" not in said
    assert f"`{first}` and alike `{others[0]}`" in (folder / "review_plan.md").read_text()


def test_they_are_named_and_never_shown_together(run_script, folder):
    text = run(run_script, "show_datapoint.py", folder, "a/0")
    lines = text.splitlines()
    assert lines[0] == "datapoint a/0" and "alike: b/0" in lines[:8]
    assert lines[-1] == "for it and all alike: the same with --alike"
    shown = json.loads(run(run_script, "show_datapoint.py", folder, "--next", "9", "--json"))
    idents = [one["datapoint_id"] for one in shown["datapoints"]]
    assert len(idents) == 4 and len({"a/0", "b/0"} & set(idents)) == 1
    lines = read_jsonl(folder / "review_plan.jsonl")  # as a plan of an earlier version
    twin = next(line for line in lines if line["alike"])
    lines.append({**twin, "datapoint_id": twin["alike"][0], "alike": []})
    (folder / "review_plan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    again = json.loads(run(run_script, "show_datapoint.py", folder, "--next", "9", "--json",
                           "--coder", "another"))
    assert [one["datapoint_id"] for one in again["datapoints"]] == idents


def test_one_judgement_is_recorded_for_all_and_proved_in_each(run_script, folder):
    said = run(run_script, "record_review.py", folder, "--id", "a/0", *REVIEW, "--quote", QUOTE,
               "--alike")
    assert "b/0, alike to a/0 as books_the_wrong_room, model_error, by agent" in said
    assert "2 entries = 2 recorded + 0 there already + 0 refused" in said
    first, second = read_jsonl(folder / "reviews.jsonl")
    assert (first["datapoint_id"], first["alike"]) == ("a/0", "")
    assert (second["datapoint_id"], second["alike"]) == ("b/0", "a/0")
    assert first["row"] != second["row"]
    assert "2 there already" in run(run_script, "record_review.py", folder, "--id", "a/0", *REVIEW,
                                    "--quote", QUOTE, "--alike")


def test_a_quote_that_is_not_in_one_of_them_leaves_that_one_out(run_script, folder):
    said = run(run_script, "record_review.py", folder, "--id", "a/0", *REVIEW, "--quote",
               "so please be there in time", "--alike", code=1)
    assert 'REFUSED: the quote "so please be there in time" does not occur in b/0' in said
    assert [line["datapoint_id"] for line in read_jsonl(folder / "reviews.jsonl")] == ["a/0"]


def test_what_is_not_alike_or_was_not_read_is_refused(run_script, folder, tmp_path):
    entry = {"id": "c/0", "bucket": "says_nothing", "fault": "model_error", "alike": "a/0",
             "mechanism": "It says that it knows no room.", "quotes": ["I do not know any room."]}
    batch = tmp_path / "batch.jsonl"
    batch.write_text("\n".join(map(json.dumps, [
        entry, {**entry, "id": "b/0", "quotes": [QUOTE]}])) + "\n")
    said = run(run_script, "record_review.py", folder, "--from", batch, code=1)
    assert "c/0 is not alike to a/0; read it itself" in said
    assert "agent has not reviewed a/0, to which b/0 is alike" in said
    run(run_script, "record_review.py", folder, "--id", "a/0", *REVIEW, "--quote", QUOTE)
    said = run(run_script, "record_review.py", folder, "--from", batch, code=1)
    assert "a/0, to which b/0 is alike, is reviewed as books_the_wrong_room, model_error" in said


def test_a_correction_and_a_new_name_reach_all(run_script, folder):
    run(run_script, "record_review.py", folder, "--id", "a/0", *REVIEW, "--quote", QUOTE, "--alike")
    ident = read_jsonl(folder / "reviews.jsonl")[0]["review_id"]
    said = run(run_script, "record_review.py", folder, "--id", "a/0", "--replaces", ident,
               "--fault", "mixed", "--alike")
    assert said.count("as books_the_wrong_room, mixed") == 2
    run(run_script, "record_review.py", folder, "--rename", "books_the_wrong_room",
        "books_any_room")
    now = ledger.current(ledger.load(folder))
    assert [(one.datapoint_id, one.bucket, one.alike) for one in now] == [
        ("a/0", "books_any_room", ""), ("b/0", "books_any_room", "a/0")]
    dimensions = frozenset(map(ledger.squeezed, rows.dimensions(rows.load(folder))))
    assert all(ledger.is_genuine(one, dimensions) for one in ledger.load(folder))
    own = run(run_script, "record_review.py", folder, "--id", "b/0", "--replaces",
              now[1].review_id, "--note", "read it")  # who reads it itself says so
    assert "alike" not in own


def test_the_report_says_what_was_read_and_what_was_recorded_as_alike(run_script, folder):
    run(run_script, "show_datapoint.py", folder, "a/0")
    run(run_script, "record_review.py", folder, "--id", "a/0", *REVIEW, "--quote", QUOTE, "--alike")
    run(run_script, "write_report.py", folder)
    values = json.loads((folder / "facts.json").read_text())
    assert {key: values[key] for key in (
        "review/reviewed", "review/alike", "review/alike/a", "review/alike/b", "review/shown_whole",
        "review/shown_alike", "review/shown_never", "review/bucket/books_the_wrong_room",
        "review/bucket_alike/books_the_wrong_room")} == {
        "review/reviewed": 2, "review/alike": 1, "review/alike/a": 0, "review/alike/b": 1,
        "review/shown_whole": 1, "review/shown_alike": 1, "review/shown_never": 0,
        "review/bucket/books_the_wrong_room": 2, "review/bucket_alike/books_the_wrong_room": 1}
    [report] = [path for path in folder.glob("*.md") if "Deep error" in path.read_text()]
    text = report.read_text()
    assert "Reviewed: 2 of 4 failing datapoints (1 of them recorded as alike to one that was " \
        "read)." in text
    assert "| `books_the_wrong_room` | 2 of 2 (1 alike) | 1 | 1 |" in text
    assert "Read: 1; recorded as alike to one of these" in text
    checked = json.loads(run(run_script, "check_report.py", folder, "--json", code=1))
    kinds = {finding["verdict"] for finding in checked["findings"]}
    assert not kinds & {"unshown_review", "wrong_fact", "wrong_block", "fabricated_quote"}
    run(run_script, "measure_agreement.py", folder)
    assert "1 recorded as alike to a datapoint that was read" in (
        folder / "agreement.md").read_text()


def test_the_draft_quotes_other_items_before_repeats_of_one(run_script, analyse, tmp_path):
    runs = [judged(tmp_path / name, [turn(n, False, model_name="m", assistant_text=(
        f"{name} says: {TEXT}")) for n in range(2)]) for name in "abcd"]
    out = analyse("--run-dir", *runs)
    for name in "abcd":
        for n in range(2):
            run(run_script, "record_review.py", out, "--id", f"{name}/{n}", *REVIEW, "--quote",
                QUOTE)
    run(run_script, "write_report.py", out)
    [report] = [path for path in out.glob("*.md") if "Deep error" in path.read_text()]
    cause = report.read_text().split("<!-- generated:cause ")[1]
    cited = re.findall(r"\[dp:([^]]+)\]", cause)[:7]
    assert cited == ["a/0", "a/1", "b/0", "c/0", "d/0", "b/1", "c/1"]


def test_conversations_with_the_same_calls_are_alike_in_their_words_too(analyse, tmp_path):
    one = task("1", [("book", {"room": "B2"})])
    sims = [simulation(one, 0.0, [("book", {"room": "A1"})], trial=n) for n in range(3)]
    sims[2]["messages"][-1]["content"] = "Booked A1, as you said."
    out = analyse("--input", tau2(tmp_path / "m.json", [one], sims))
    groups = alike.Groups(rows.load(out))
    first, second, third = rows.load(out).outcomes
    assert groups.of(first) == (second,) and groups.of(third) == ()
    assert groups.names() == {first: first, second: first}
