"""Runs without a verdict: read, judged by readers, and never mixed with what graders counted."""

import json

import pytest

from failure_analysis import files
from failure_analysis.datapoint import NOT_COUNTED
from failure_analysis.review import ledger, plan
from make_runs import judged, turn

BUCKET = "names_no_talk_at_all"
FAIL = ("--verdict", "fail", "--bucket", BUCKET, "--fault", "model_error", "--mechanism",
        "It repeats the question and names no talk.")
PASS = ("--verdict", "pass", "--mechanism", "It names the talk that was asked for.")


def bare(number, model="model-a", **changes):
    """A row of a transcript: nobody has judged it."""
    return {"turn": number, "model_name": model, "user_text": f"Question {number}?",
            "assistant_text": f"The answer to {number} is here.", **changes}


def answer(number):
    return ("--quote", f"The answer to {number} is here.")


@pytest.fixture
def analysed(run_script, tmp_path):
    """`analysed(code, *args)`: stage 1, its folder and what it printed."""
    def run(code, *args):
        out = tmp_path / "out"
        done = run_script("deep_error_analysis.py", *args, "--output",
                          out / "deep_error_analysis.md")
        assert done.returncode == code, done.stdout + done.stderr
        return out, done.stdout
    return run


@pytest.fixture
def say(run_script):
    """`say(folder, script, *args)`: runs a script on an analysis folder; its code and its words."""
    def run(folder, script, *args):
        done = run_script(script, folder, *args)
        return done.returncode, done.stdout + done.stderr
    return run


def rows(out):
    return [json.loads(line) for line in
            (out / "failure_review_rows.jsonl").read_text("utf-8").splitlines()]


def facts(out, start):
    return {key: value for key, value in files.read_json(out / "facts.json").items()
            if key.startswith(start)}


def written(out, also="[dp:a/2]"):
    """The report with everything done that its draft leaves open."""
    path = out / "deep_error_analysis.md"
    text = path.read_text("utf-8")
    text = text.replace("TODO: the main causes per model and whose fault the failures are, in a "
                        "few sentences, each with a fact or a citation.\n\n", "")
    text = text.replace("**What goes wrong:** TODO",
                        "**What goes wrong:** The answer holds no talk of any kind [dp:a/1].")
    text = text.replace("**Trigger:** TODO",
                        f"**Trigger:** Every question that it is asked {also}.")
    path.write_text(text, "utf-8")
    return text


def test_a_transcript_alone_is_read_judged_and_reported(analysed, say, tmp_path):
    for name in "ab":
        judged(tmp_path / name, [bare(number, f"model-{name}") for number in range(3)],
               "transcript.jsonl")
    out, said = analysed(1, "--run-dir", tmp_path / "a", tmp_path / "b")
    assert "6 unjudged rows can be judged by readers, who are counted apart" in said
    assert [(row["datapoint_id"], row["outcome"], row["error_mode_candidate"]) for row in rows(out)
            ] == [(f"{name}/{number}", "unjudged", None) for name in "ab" for number in range(3)]
    assert files.read_json(out / "clusters.json")["failing_rows"] == 0
    code, said = say(out, "plan_review.py")
    assert code == 0
    assert said.startswith("6 datapoints to read: 0 of 0 failing, 6 of 6 unjudged, 0 passing")
    lines = plan.load(out)
    assert [line.model_name for line in lines] == ["model-a", "model-b"] * 3
    assert {line.why for line in lines} == {"unjudged"}
    for number in range(3):
        code, said = say(out, "show_datapoint.py", f"a/{number}")
        assert code == 0 and "no grader judged it, so the verdict is yours" in said
    assert "--verdict fail --bucket SLUG --fault CLASS" in said
    for args, reason in (
        (FAIL[2:], "no grader judged a/0: say --verdict pass or fail"),
        ((*FAIL[:2], *FAIL[4:]), "bucket '' is no snake_case slug"),
        ((*PASS, "--bucket", BUCKET), "has neither bucket nor fault"),
        (PASS[:2], "mechanism is empty or too short"),
    ):
        code, said = say(out, "record_review.py", "--id", "a/0", *args, *answer(0))
        assert code == 1 and reason in said, said
    assert "no quote" in say(out, "record_review.py", "--id", "a/0", *PASS)[1]
    for number, verdict in enumerate((PASS, FAIL, FAIL)):
        code, said = say(out, "record_review.py", "--id", f"a/{number}", *verdict, *answer(number))
        assert code == 0, said
    assert "a/2 as fail, names_no_talk_at_all, model_error, by agent" in said
    assert say(out, "write_report.py")[1].startswith(
        f"report: {out}/deep_error_analysis.md (drafted from 3 reviewed datapoints)")
    assert facts(out, "review/read_") | facts(out, "review/unjudged") == {
        "review/unjudged": 6, "review/unjudged/model-a": 3, "review/unjudged/model-b": 3,
        "review/read_unjudged": 3, "review/read_unjudged/model-a": 3,
        "review/read_unjudged/model-b": 0,
        "review/read_pass": 1, "review/read_pass/model-a": 1, "review/read_pass/model-b": 0,
        "review/read_fail": 2, "review/read_fail/model-a": 2, "review/read_fail/model-b": 0,
        "review/read_open": 0, "review/read_open/model-a": 0, "review/read_open/model-b": 0,
        f"review/read_bucket/{BUCKET}": 2, f"review/read_bucket/{BUCKET}/model-a": 2,
        "review/read_fault/model_error": 2}
    assert facts(out, "review/reviewed") == {"review/reviewed": 0}
    text = written(out)
    assert text.count("Judged by readers: 3 of 6 unjudged datapoints (1 passed, 2 failed).") == 3
    assert f"2 of 2<!--fact:review/read_bucket/{BUCKET}/model-a of review/read_fail/model-a--> " \
        "that readers failed and no grader judged; `model_error` 2. " in text
    code, said = say(out, "check_report.py")
    assert code == 0, said


def test_what_cannot_be_judged_is_left_without_a_verdict_and_says_why(analysed, say, tmp_path):
    judged(tmp_path / "a", [bare(number) for number in range(3)], "transcript.jsonl")
    out, _ = analysed(1, "--run-dir", tmp_path / "a")
    left = ("--bucket", "its_check_broke_off", "--mechanism",
            "Nothing that was asked for is there.")
    for number, fault in enumerate(("pipeline_issue", "undecided")):
        code, said = say(out, "record_review.py", "--id", f"a/{number}", "--fault", fault, *left,
                         *answer(number))
        assert code == 0, said
    assert say(out, "record_review.py", "--id", "a/2", *FAIL, *answer(2))[0] == 0
    assert say(out, "write_report.py")[0] == 0
    assert facts(out, "review/read_unjudged") == {
        "review/read_unjudged": 1, "review/read_unjudged/model-a": 1}
    text = written(out)
    assert "Judged by readers: 1 of 3 unjudged datapoints (0 passed, 1 failed); read and left " \
        "without a verdict: 2 (`pipeline_issue` 1, `undecided` 1)." in text
    assert "unsettled" not in say(out, "check_report.py")[1]


def test_of_what_nothing_is_recorded_nobody_is_asked(analysed, say, tmp_path):
    judged(tmp_path / "a", [bare(0), bare(1, assistant_text=None), bare(2, assistant_text="")],
           "transcript.jsonl")
    out, _ = analysed(1, "--run-dir", tmp_path / "a")
    code, said = say(out, "plan_review.py")
    assert code == 0 and said.startswith("2 datapoints to read: 0 of 0 failing, 2 of 3 unjudged")
    assert {line.datapoint_id for line in plan.load(out)} == {"a/0", "a/2"}


def test_a_fact_of_readers_that_is_changed_is_found(analysed, say, tmp_path):
    judged(tmp_path / "a", [bare(0), bare(1)], "transcript.jsonl")
    out, _ = analysed(1, "--run-dir", tmp_path / "a")
    assert say(out, "record_review.py", "--id", "a/0", *PASS, *answer(0))[0] == 0
    assert say(out, "write_report.py")[0] == 0
    values = files.read_json(out / "facts.json")
    values["review/read_pass"] = 2
    (out / "facts.json").write_text(json.dumps(values), "utf-8")
    said = say(out, "check_report.py")[1]
    assert "wrong_fact: review/read_pass: facts.json says 2, a second count says 1" in said
    assert "nothing_judged" not in said


def test_judged_rows_that_miss_turns(analysed, say, tmp_path):
    """The turns that only the transcript has are unjudged rows beside the failing one."""
    judged(tmp_path / "a", [turn(0), turn(1, False)])
    judged(tmp_path / "a", [turn(0), turn(1, False), bare(2), bare(3)], "transcript.jsonl")
    out, said = analysed(0, "--run-dir", tmp_path / "a")
    assert "4 rows read = 1 pass + 1 fail + 2 unjudged + 0 rejected" in said
    assert "Run a: 2 turns in its transcript but never judged (2, 3)." in \
        [found["text"] for found in files.read_json(out / "sanity.json")["findings"]]
    assert [row["datapoint_id"] for row in rows(out)] == ["a/1", "a/2", "a/3"]
    assert rows(out)[1]["source"]["path"] == (tmp_path / "a/transcript.jsonl").as_posix()
    assert files.read_json(out / "clusters.json")["failing_rows"] == 1
    assert say(out, "plan_review.py")[1].startswith(
        "3 datapoints to read: 1 of 1 failing, 2 of 2 unjudged, 0 passing")
    assert say(out, "show_datapoint.py", "a/1", "a/2")[0] == 0
    code, said = say(out, "record_review.py", "--id", "a/1", *FAIL, "--quote", "Question 1?")
    assert code == 1 and "a/1 was judged (fail), and readers judge what no grader did" in said
    assert say(out, "record_review.py", "--id", "a/1", *FAIL[2:], "--quote", "Question 1?")[0] == 0
    assert say(out, "record_review.py", "--id", "a/2", *FAIL, *answer(2))[0] == 0
    assert say(out, "write_report.py")[0] == 0
    assert facts(out, "review/bucket/") == {f"review/bucket/{BUCKET}": 1,
                                            f"review/bucket/{BUCKET}/model-a": 1}
    assert facts(out, "review/read_fail") == {"review/read_fail": 1, "review/read_fail/model-a": 1}
    assert facts(out, "review/pass_rate") == {"review/pass_rate_low_pct/model-a": 50.0,
                                              "review/pass_rate_high_pct/model-a": 50.0}
    text = (out / "deep_error_analysis.md").read_text("utf-8")
    assert "Reviewed: 1 of 1 failing datapoints. Judged by readers: 1 of 2 unjudged datapoints " \
        "(0 passed, 1 failed)." in text
    assert text.count(f"### `{BUCKET}`") == 1
    written(out)
    assert say(out, "check_report.py")[0] == 0, say(out, "check_report.py")[1]


def test_a_judge_that_broke_and_readers_who_differ(analysed, say, tmp_path):
    ended = sorted(NOT_COUNTED)[0]
    judged(tmp_path / "a", [turn(0, None), turn(1, None), turn(2, None, termination=ended)])
    out, said = analysed(1, "--run-dir", tmp_path / "a")
    assert "2 unjudged rows can be judged by readers" in said
    assert [row["datapoint_id"] for row in rows(out)] == ["a/0", "a/1"]
    for coder in ("ann", "ben", "cleo"):
        assert say(out, "show_datapoint.py", "--where", "outcome=unjudged", "--coder", coder
                   )[1].startswith("datapoint a/0")
    for coder, verdict in (("ann", PASS), ("ben", FAIL)):
        assert say(out, "record_review.py", "--id", "a/0", "--coder", coder, *verdict,
                   "--quote", "Question 0?")[0] == 0
    assert say(out, "write_report.py")[0] == 0
    assert "Judged by readers: 1 of 2 unjudged datapoints (0 passed, 0 failed, 1 disputed)." in \
        (out / "deep_error_analysis.md").read_text("utf-8")
    assert "unsettled: a/0: the coders disagree (ann: pass, ben: fail, " \
        f"{BUCKET}, model_error)" in say(out, "check_report.py")[1]
    assert say(out, "record_review.py", "--id", "a/0", "--coder", "cleo", *PASS, "--settles",
               "--quote", "Question 0?")[0] == 0
    assert say(out, "write_report.py")[0] == 0
    assert facts(out, "review/read_pass") == {"review/read_pass": 1, "review/read_pass/model-a": 1}
    assert say(out, "check_report.py")[0] == 0, say(out, "check_report.py")[1]


def test_a_mapping_without_scores(analysed, say, tmp_path):
    (tmp_path / "x.jsonl").write_text("".join(
        json.dumps({"id": f"q{n}", "q": "Which talk?", "a": f"The answer to {n} is here."}) + "\n"
        for n in range(3)), "utf-8")
    (tmp_path / "m.yaml").write_text(
        "benchmark: bare\nfields: {item_id: id, user_text: q, assistant_text: a, scores: {}, "
        "model_name: {value: m}}\n", "utf-8")
    out, _ = analysed(1, "--input", tmp_path / "x.jsonl", "--mapping", tmp_path / "m.yaml")
    assert [row["outcome"] for row in rows(out)] == ["unjudged"] * 3
    assert say(out, "plan_review.py", "--budget", "2")[1].startswith(
        "2 datapoints to read: 0 of 0 failing, 2 of 3 unjudged, 0 passing")
    assert "not in the plan: 1 of 3 unjudged datapoints" in (out / "review_plan.md").read_text(
        "utf-8").lower()


def test_a_correction_to_pass_drops_what_the_failure_was_for(analysed, say, tmp_path):
    judged(tmp_path / "a", [bare(0)], "transcript.jsonl")
    out, _ = analysed(1, "--run-dir", tmp_path / "a")
    assert say(out, "record_review.py", "--id", "a/0", *FAIL, *answer(0))[0] == 0
    (first,) = ledger.load(out)
    assert say(out, "record_review.py", "--id", "a/0", *PASS, "--replaces", first.review_id)[0] == 0
    (final,) = ledger.finals(ledger.load(out)).values()
    assert (final.verdict, final.bucket, final.fault) == ("pass", "", "")


def test_ids_of_reviews_without_a_verdict_are_those_of_earlier_versions(build, tmp_path):
    """The id of a review is made from what it says; it was 11 values before there was a verdict."""
    entry = ledger.normal({"datapoint_id": "a/0", "bucket": "b_c", "fault": "model_error",
                           "mechanism": "one two three four", "quotes": ["x"]})
    assert ledger._review_id(entry, None) == "r9e45c6f7e8ae"
    assert ledger._review_id({**entry, "verdict": "fail"}, None) != ledger._review_id(entry, None)
