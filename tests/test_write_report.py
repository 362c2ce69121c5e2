"""write_report.py: numbers are bound, blocks are made anew, the author's words stay."""

import json
import re
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

import goldens
from failure_analysis.report import bindings, pieces, prose
from make_runs import judged, turn


@pytest.fixture(scope="module")
def reviewed(analyse, run_script, tmp_path_factory):
    """Two models, one of them reviewed: two datapoints in one bucket, one in another."""
    tmp_path = tmp_path_factory.mktemp("runs")
    a = judged(tmp_path / "a", [turn(n, n > 2, assistant_text=f"I guess it is room {n}.")
                                for n in range(5)])
    b = judged(tmp_path / "b", [turn(n, n > 0, model_name="b") for n in range(5)])
    folder = analyse("--run-dir", a, b)
    for n, bucket, fault in ((0, "guesses_a_room", "model_error"),
                             (1, "guesses_a_room", "grader_issue"),
                             (2, "names_no_day", "undecided")):
        done = run_script("record_review.py", folder, "--id", f"a/{n}", "--bucket", bucket,
                          "--fault", fault, "--mechanism", "It says a room it cannot know.",
                          "--quote", f"I guess it is room {n}.")
        assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
def folder(reviewed, tmp_path):
    """A copy to write into."""
    return shutil.copytree(reviewed, tmp_path / "analysis")


def written(run_script, folder, *args, code=0):
    done = run_script("write_report.py", folder, *args)
    assert done.returncode == code, done.stdout + done.stderr
    return done, (folder / "report.md").read_text("utf-8")


def test_an_untouched_draft_is_drafted_anew_from_the_reviews(run_script, folder):
    assert "**DRAFT.**" in (folder / "report.md").read_text("utf-8")
    done, text = written(run_script, folder)
    assert "drafted from 3 reviewed datapoints" in done.stdout
    assert "**DRAFT.**" not in text
    assert "## Causes\n\n### `guesses_a_room`\n- **What goes wrong:** TODO\n" in text
    assert "- Provisional labels, by rules: " in text.split("## Model `b`")[1]  # it is unread
    assert "“I guess it is room 0.” [dp:a/0]" in text
    assert written(run_script, folder)[1] == text


def test_facts_of_the_ledger(run_script, folder):
    written(run_script, folder)
    facts = json.loads((folder / "facts.json").read_text())
    found = {key: value for key, value in facts.items() if key.startswith("review/") and value}
    assert found == {
        "review/reviewed": 3, "review/reviewed/model-a": 3, "review/unread/b": 1,
        "review/unread": 1,
        "review/coders": 1, "review/buckets": 2, "review/shown_never": 3,
        "review/shown_never/agent": 3, "review/reviews": 3,
        "review/bucket/guesses_a_room": 2, "review/bucket/guesses_a_room/model-a": 2,
        "review/bucket/names_no_day": 1, "review/bucket/names_no_day/model-a": 1,
        "review/bucket_fault/guesses_a_room/model_error": 1,
        "review/bucket_fault/guesses_a_room/grader_issue": 1,
        "review/bucket_fault/names_no_day/undecided": 1,
        "review/bucket_dimension/guesses_a_room/model-a/tool_use_correct": 2,
        "review/bucket_dimension/names_no_day/model-a/tool_use_correct": 1,
        "review/fault/model_error": 1, "review/fault/model_error/model-a": 1,
        "review/fault/grader_issue": 1, "review/fault/grader_issue/model-a": 1,
        "review/fault/undecided": 1, "review/fault/undecided/model-a": 1,
        "review/failed_by_all_decided": 1, "review/failed_by_all_fault/model_error": 1,
        "review/might_pass/model-a": 2,
        # 2 of 5 pass; up to 4 of 5 if the two doubtful faults are the benchmark's
        "review/pass_rate_low_pct/model-a": 40.0, "review/pass_rate_high_pct/model-a": 80.0,
        "review/pass_rate_low_pct/b": 80.0, "review/pass_rate_high_pct/b": 80.0}


def test_blocks_say_what_the_ledger_says(run_script, folder):
    _, text = written(run_script, folder)
    made = dict(pieces.split(text))
    assert "| `guesses_a_room` | 2 of 3 | 2 |" in made["buckets"]
    assert "| `model-a` | 3 of 3 | 1 | 1 | 1 | 2 | 40.0 % | 40.0 to 80.0 % |" in made["faults"]
    assert "Failures that nobody reviewed (1) and those whose fault is `mixed`" in made["faults"]
    assert "Reviewed 3 of 4 failing datapoints, by `agent` (agent)." in made["coverage"]
    assert "| `0` | 1 of 2 | `guesses_a_room` | `model_error` |" in made["failed-by-all"]
    assert "| `model-a` | `1` | 1 of 1 | `guesses_a_room` | `grader_issue` |" in made["unique"]
    assert "1 of 5<!--fact:failed_rows/b of judged_rows/b--> judged rows failed; nothing of it " \
        in made["model b"]
    assert "knowledge_grounding" not in made["model model-a"]  # no heuristic label


def test_a_wrong_pass_lowers_the_lower_end(run_script, folder):
    run_script("plan_review.py", folder, "--contrast", "b/4")
    done = run_script("record_review.py", folder, "--id", "b/4", "--bucket", "judge_is_too_kind",
                      "--fault", "grader_issue", "--mechanism", "It answers another question.",
                      "--quote", "Question 4?", "--coder", "kim")
    assert done.returncode == 0, done.stdout
    _, text = written(run_script, folder)
    assert "| `b` | 0 of 1 | 0 | 0 | 0 | 0 | 80.0 % | 60.0 to 80.0 % |" in text
    assert "Passing datapoints that were found to be judged wrongly: 1;" in text


def test_a_mixed_fault_cannot_be_resolved_for_the_model(run_script, folder):
    done = run_script("record_review.py", folder, "--id", "b/0", "--bucket", "names_no_day",
                      "--fault", "mixed", "--mechanism", "It does not say the day it was asked.",
                      "--quote", "Talk A.")
    assert done.returncode == 0, done.stdout
    assert "| `b` | 1 of 1 | 0 | 0 | 1 | 0 | 0 | 80.0 % | 80.0 to 80.0 % |" in \
        written(run_script, folder)[1]


def test_the_author_keeps_every_word(run_script, folder):
    _, text = written(run_script, folder)
    mine = text.replace("TODO: the main causes", "My words: {{failed_rows/model-a}} fail.\nTODO: x")
    mine = mine.replace("| 2 of 3 |", "| 9 of 9 |")
    (folder / "report.md").write_text(mine, encoding="utf-8")
    done, again = written(run_script, folder)
    assert "kept as rewritten" in done.stdout
    assert "My words: 3<!--fact:failed_rows/model-a--> fail.\nTODO: x" in again
    assert "9 of 9" not in again and "| 2 of 3 |" in again
    outside = [piece for name, piece in pieces.split(again) if not name]
    before = [piece for name, piece in pieces.split(mine) if not name]
    assert "".join(outside) == "".join(before).replace(
        "{{failed_rows/model-a}}", "3<!--fact:failed_rows/model-a-->")
    assert written(run_script, folder)[1] == again


def test_line_ends_and_links_of_the_author_stay(run_script, folder):
    _, text = written(run_script, folder)
    report, target = folder / "report.md", folder / "in" / "mine.md"
    target.parent.mkdir()
    target.write_bytes(text.replace("TODO: the", "The").replace("\n", "\r\n").encode())
    report.unlink()
    report.symlink_to(target)
    run_script("write_report.py", folder)
    assert report.is_symlink()
    assert target.read_bytes().count(b"\r\n") == target.read_bytes().count(b"\n") > 50


def test_numbers_follow_the_ledger(run_script, folder):
    _, text = written(run_script, folder)
    report = folder / "report.md"
    report.write_text(text.replace("TODO: the", "{{review/bucket/names_no_day}} seen. The"),
                      encoding="utf-8")
    assert "1<!--fact:review/bucket/names_no_day--> seen" in written(run_script, folder)[1]
    run_script("record_review.py", folder, "--id", "b/0", "--bucket", "names_no_day", "--fault",
               "model_error", "--mechanism", "It does not say the day.", "--quote", "Talk A.")
    assert "2<!--fact:review/bucket/names_no_day--> seen" in written(run_script, folder)[1]


def test_what_only_the_author_can_put_right_is_named(run_script, folder):
    _, text = written(run_script, folder)
    (folder / "report.md").write_text(text + "\n{{failed_rows/modl-a}} and {{rows_read}}\n"
                                      "7<!--fact:failed_rows/model-a-->\n", encoding="utf-8")
    done, again = written(run_script, folder, code=1)
    line = text.count("\n") + 2
    assert f"report.md:{line}: {{{{failed_rows/modl-a}}}}: there is no fact failed_rows/modl-a; " \
        "nearest in facts.json: failed_rows/model-a" in done.stdout
    assert f"report.md:{line + 1}: bound to failed_rows/model-a by hand; write " \
        "{{failed_rows/model-a}}" in done.stdout
    assert "{{failed_rows/modl-a}} and 10<!--fact:rows_read-->" in again  # the rest is done


def test_placeholders_in_text_of_the_runs_are_text(run_script, analyse, tmp_path):
    run = judged(tmp_path / "r", [turn(0, False, user_text="{{rows_read}} 5<!--fact:rows_read-->",
                                       judge_reasoning="Say {{nothing/here}} please.")])
    folder = analyse("--run-dir", run)
    text = (folder / "report.md").read_text("utf-8")
    assert r"“\{\{rows_read\}\} 5\<!--fact:rows_read--\>”" in text
    assert r"“Say \{\{nothing/here\}\} please.”" in text
    done = run_script("record_review.py", folder, "--id", "r/0", "--bucket", "writes_odd_marks",
                      "--fault", "mixed", "--mechanism", "It holds marks of ours.", "--quote",
                      "{{rows_read}} 5<!--fact:rows_read-->")
    assert done.returncode == 0, done.stdout
    _, text = written(run_script, folder)
    assert r"*It holds marks of ours.* “\{\{rows_read\}\} 5\<!--fact:rows_read--\>” [dp" in text
    assert dict(pieces.split(text)).keys() >= {"status", "buckets"}


def test_no_reviews_keep_it_a_draft_and_no_packet_is_refused(run_script, analyse, tmp_path):
    folder = analyse("--run-dir", judged(tmp_path / "r", [turn(0, False)]))
    _, text = written(run_script, folder)
    assert "> **DRAFT.** Scripts wrote this file; nobody has read a datapoint yet." in text
    done = run_script("write_report.py", tmp_path)
    assert done.returncode == 1 and "run build_packet.py first" in done.stderr


@pytest.mark.slow
def test_stage_1_again_keeps_reviews_and_report(run_script, bundle, tmp_path):
    folder = goldens.trips(run_script, tmp_path)
    before = (folder / "report.md").read_text("utf-8")
    runs = sorted((tmp_path / "runs").iterdir())
    inputs = [tmp_path / "runs" / f"{model}.json" for model in goldens.MODELS]
    assert len(runs) == len(inputs)
    done = run_script("deep_error_analysis.py", "--input", *inputs, "--output",
                      folder / "report.md")
    assert done.returncode == 0, done.stderr
    assert (folder / "report.md").read_text("utf-8") == before
    assert (folder / "reviews.jsonl").exists()


@given(st.text(alphabet="ab<!->{}`\"[]dp:gen/ \n#|*_\\.1", max_size=300))
def test_any_text_is_taken_apart_and_put_together(text):
    assert "".join(piece for _, piece in pieces.split(text)) == text
    assert "".join(line for line, _ in pieces.own_lines(text)) == text
    assert "".join(token.source for token in prose.inline(text)) == text
    for unit in prose.units(text):
        if unit.kind in ("paragraph", "row"):
            joined = "".join(token.source for sentence in prose.sentences(unit)
                             for token in sentence.tokens)
            assert re.sub(r"\s", "", joined) == re.sub(r"\s", "", unit.text)
    once = bindings.filled(text, {"a": 1})[0]
    assert bindings.filled(once, {"a": 1})[0] == once
