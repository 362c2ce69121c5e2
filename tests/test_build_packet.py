"""build_packet.py on judged runs: counts, ids, what is rejected and why, safe files."""

import csv
import gzip
import json

import pytest
import zstandard

from failure_analysis import clean, files
from failure_analysis.datapoint import CSV_COLUMNS
from make_runs import findings, judged, read_jsonl, turn


def facts(out):
    return json.loads((out / "facts.json").read_text(encoding="utf-8"))


def outcomes(out):
    return list(clean.read_csv(out / "outcomes.csv"))


def test_counts_ids_and_whole_rows(build, tmp_path):
    run = judged(tmp_path / "run1", [
        turn(0), turn(1, False, judge_reasoning="wrong talk"), turn(2, None),
        turn(3, False, assistant_text="[MODEL_ENDED_SESSION]"),
        turn(4, False, assistant_text="[MODEL_ENDED_SESSION_EARLY]"),
        turn(5, False, assistant_text="[EMPTY_RESPONSE: No valid response after max retries]")])
    done, out = build("--run-dir", run)
    assert f"read as judged-runs: {run / 'openai_judged.jsonl'} (folder with " in done.stdout
    assert "6 rows read = 1 pass + 4 fail + 1 unjudged + 0 rejected" in done.stdout
    known = facts(out)
    assert known["failed_rows/model-a"] == 4
    assert known["judged_rows/model-a"] == 5
    assert known["dimension/model-a/tool_use_correct"] == 4
    assert known["dimension/model-a/kb_grounding"] == 0
    assert known["dimension_null/model-a/kb_grounding"] == 6
    assert known["marker/model-a/MODEL_ENDED_SESSION"] == 1
    assert known["marker/model-a/MODEL_ENDED_SESSION_EARLY"] == 1
    assert known["marker_failed/model-a/EMPTY_RESPONSE"] == 1
    rows = read_jsonl(out / "failure_review_rows.jsonl")
    assert [row["datapoint_id"] for row in rows] == ["run1/1", "run1/2", "run1/3", "run1/4",
                                                   "run1/5"]
    assert rows.pop(1)["outcome"] == "unjudged"
    assert rows[0]["failed_dimensions"] == ["tool_use_correct"]
    assert [row["termination"] for row in rows] == [
        None, "ended_session", "ended_session_early", "empty_response"]
    seed_columns = {"turn", "user_text", "assistant_text", "tool_calls", "tool_results", "scores",
                    "judge_reasoning", "model_name", "failed_dimensions", "error_mode_candidate"}
    assert seed_columns <= rows[0].keys()
    assert {"turn", "user_text", "assistant_text", "tool_calls_json", "tool_results_json",
            "scores_json", "judge_reasoning", "failed_dimensions_json"} <= set(CSV_COLUMNS)


def test_empty_answers_of_failing_rows_are_counted_apart_from_markers(build, tmp_path):
    """A marker says that the harness saw none; a blank text only that there is none."""
    said = [{"role": "assistant", "content": "Talk A."}]
    called = [{"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}]
    _, out = build("--run-dir", judged(tmp_path / "r", [
        turn(0, False, assistant_text=""), turn(1, False, assistant_text=" \n"),
        turn(2, True, assistant_text=""), turn(3, False, assistant_text=None),
        turn(4, False, assistant_text="", tool_calls=[{"name": "book"}]),
        turn(5, False, assistant_text="", messages=said),
        turn(6, False, assistant_text="", messages=called),
        turn(7, False, assistant_text="[EMPTY_RESPONSE]"),
        turn(8, False, model_name="model-b")]))
    known = facts(out)
    assert {key: count for key, count in known.items() if "empty" in key.lower()} == {
        "failed_empty_answers/model-a": 2, "marker/model-a/EMPTY_RESPONSE": 1,
        "marker_failed/model-a/EMPTY_RESPONSE": 1, "failed_ends/model-a/empty_response": 1}
    (finding,) = findings(out, "empty_answers")
    assert finding["text"] == ("2 failing rows with an empty answer, no call and no other words of "
                               "the model.")


def test_a_judged_row_stands_in_the_packet_byte_for_byte(build, tmp_path):
    line = (b'{"turn": 7, "user_text": "\xe2\x80\xa8caf\\u00e9 \\ud83d", '
            b'"big": 1234567890123456789012345, "assistant_text": "x\xc2\x85y", '
            b'"scores": {"a": false},  "extra": {"z":1,"a":2}}')
    _, out = build("--run-dir", judged(tmp_path / "r", [line]))
    written = (out / "failure_review_rows.jsonl").read_bytes()
    assert written.startswith(line[:-1] + b", ")
    assert written.count(b"\n") == 1
    assert json.loads(written)["big"] == 1234567890123456789012345
    text = (out / "failure_review_rows.csv").read_text(encoding="utf-8")
    assert r"\u2028café \ud83d" in text and r"x\x85y" in text


def test_two_runs_of_one_model_stay_two_runs(build, tmp_path):
    """The old script merged runs of one model and reported one of them."""
    one = judged(tmp_path / "a" / "run", [turn(0, False), turn(1)])
    two = judged(tmp_path / "b" / "run", [turn(0, False), turn(1, False)])
    _, out = build("--run-dir", one, two)
    assert facts(out)["failed_rows/model-a"] == 3
    assert facts(out)["runs/model-a"] == 2
    assert {row["run_id"] for row in outcomes(out)} == {"a.run", "b.run"}
    assert facts(out)["run_failed_rows/b.run"] == 2
    # It also named a run after another run's folder.
    runs = json.loads((out / "sanity.json").read_text())["runs"]
    assert [(run["run_id"], run["path"]) for run in runs] == [
        ("a.run", (one / "openai_judged.jsonl").as_posix()),
        ("b.run", (two / "openai_judged.jsonl").as_posix())]


def test_items_are_counted_from_the_data(build, tmp_path):
    """The old script knew turns 0 to 74 only."""
    run = judged(tmp_path / "r", [turn(number, number != 80) for number in range(90)])
    _, out = build("--run-dir", run)
    assert facts(out)["items"] == 90
    assert read_jsonl(out / "failure_review_rows.jsonl")[0]["item_id"] == "80"


def test_each_broken_line_is_rejected_with_its_reason_and_kept(build, tmp_path):
    run = judged(tmp_path / "r", [
        turn(0), b"not json", b'["a list"]', b"\xff\xfe", turn(None),
        turn(1, scores=["bad"]), turn(2, scores={"a": "false"}), turn(3, user_text=5),
        turn(4, trial=-1), turn(5, reward="high"), b'{"turn": 6, "scores": {"a": false}'])
    done, out = build("--run-dir", run)
    assert "11 rows read = 1 pass + 0 fail + 0 unjudged + 10 rejected" in done.stdout
    rejected = read_jsonl(out / "rejected_rows.jsonl")
    reasons = {row["line"]: row["reason"] for row in rejected}
    assert "not valid JSON" in reasons[2]
    assert reasons[3] == "a JSON list where an object was expected"
    assert reasons[4] == "not UTF-8 at byte 0 of the line"
    assert reasons[5].startswith("turn (or item_id) is missing")
    assert reasons[6] == "scores is a list, an object was expected"
    assert reasons[7].startswith("scores.a is str")
    assert reasons[8] == "user_text is a int, text was expected"
    assert reasons[9] == "trial is not a whole number from 0"
    assert reasons[10] == "reward is no finite number"
    assert rejected[0] == {"path": (run / "openai_judged.jsonl").as_posix(), "line": 2,
                           "reason": reasons[2], "raw": "not json"}


def test_a_cut_last_line_names_file_and_line(build, tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    rows = json.dumps(turn(0)) + "\n" + json.dumps(turn(1))[:50]
    (folder / "openai_judged.jsonl").write_text("\ufeff" + rows, encoding="utf-8")
    _, out = build("--run-dir", folder)
    (row,) = read_jsonl(out / "rejected_rows.jsonl")
    assert row["line"] == 2
    assert "the file's last line is cut off" in row["reason"]
    assert facts(out)["passed_rows"] == 1  # the byte-order mark cost nothing


@pytest.mark.parametrize("given", ["2", 2.0], ids=["text", "float"])
def test_turn_in_another_spelling_is_the_same_turn(build, tmp_path, given):
    _, out = build("--run-dir", judged(tmp_path / "r", [turn(1), turn(given, False)]))
    assert [row["item_id"] for row in outcomes(out)] == ["1", "2"]
    assert findings(out, "row_note")[0]["count"] == 1


def test_null_scores_and_missing_texts_are_unjudged_not_errors(build, tmp_path):
    run = judged(tmp_path / "r", [{"turn": 0, "scores": None}, {"turn": 1}], "claude_judged.jsonl")
    done, out = build("--run-dir", run, code=1)
    assert "no row is judged" in done.stdout
    assert facts(out)["unjudged_rows"] == 2


def test_copies_are_rejected_and_further_attempts_kept(build, tmp_path):
    first = turn(0, False)
    run = judged(tmp_path / "r", [first, first, turn(0, True, assistant_text="again")])
    _, out = build("--run-dir", run)
    assert [(row["datapoint_id"], row["trial"], row["outcome"]) for row in outcomes(out)] == [
        ("r/0", "0", "fail"), ("r/0@1", "1", "pass")]
    (row,) = read_jsonl(out / "rejected_rows.jsonl")
    assert row["reason"] == "an exact copy of an earlier row of item 0"
    assert findings(out, "repeated_items")[0]["about"] == ["0"]


def test_a_second_model_in_a_file_is_a_second_run(build, tmp_path):
    """The old script gave every row to the first row's model."""
    run = judged(tmp_path / "r", [turn(0, False), turn(0, False, model_name="model-b")])
    _, out = build("--run-dir", run)
    assert {(row["run_id"], row["model_name"]) for row in outcomes(out)} == {
        ("r", "model-a"), ("r~model-b", "model-b")}
    assert findings(out, "mixed_models")[0]["count"] == 2


def test_missing_items_early_stop_and_one_id_with_other_content(build, tmp_path):
    whole = judged(tmp_path / "whole", [turn(n) for n in range(5)])
    short = judged(tmp_path / "short", [turn(0, False), turn(1, user_text="Another question")])
    _, out = build("--run-dir", whole, short)
    (missing,) = findings(out, "missing_items")
    assert missing["about"] == ["2", "3", "4"]
    assert missing["text"].endswith("(2, 3, 4): perhaps it stopped early.")
    (differs,) = findings(out, "content_differs")
    assert differs["about"] == ["1"]
    assert "1 of 5 items" in differs["text"]
    assert "1 differ in what is asked, 0 in what is expected" in differs["text"]


def test_a_run_whose_turns_were_renumbered_is_suspected(build, tmp_path):
    texts = [f"Unlike any other, question {n}" for n in range(6)]
    runs = [judged(tmp_path / name, [turn(n, user_text=texts[n + shift]) for n in range(4)])
            for name, shift in (("a", 0), ("b", 0), ("c", 1))]
    _, out = build("--run-dir", *runs)
    (differs,) = findings(out, "content_differs")
    assert differs["about"] == ["0", "1", "2", "3"]
    assert differs["text"].endswith(
        "Perhaps renumbered: 0 in B is 1 in A, 1 in B is 2 in A, 2 in B is 3 in A.")


def test_runtime_tells_of_turns_that_nobody_ran(build, tmp_path):
    run = judged(tmp_path / "r", [turn(0), turn(1, False)])
    (run / "runtime.json").write_text(json.dumps({"model_name": "m", "turns": 4}))
    _, out = build("--run-dir", run)
    assert findings(out, "items_never_run")[0]["about"] == ["2", "3"]


def test_pause_between_sessions(build, tmp_path):
    times = ["2026-01-01T10:00:00", "2026-01-01T10:01:00", "2026-01-01T10:02:00",
             "2026-01-01T13:02:00", "2026-01-01T13:03:00"]
    run = judged(tmp_path / "r", [turn(n, n > 0, ts=ts) for n, ts in enumerate(times)])
    even = judged(tmp_path / "e", [turn(n, n > 0, ts=f"2026-01-01T{10 + n}:00:00")
                                   for n in range(5)])
    _, out = build("--run-dir", run, even)
    (gap,) = findings(out, "time_gap")  # an even pace of an hour a turn is no pause
    assert "Run r pauses for 180 minutes after 2026-01-01T10:02" in gap["text"]


def test_mixed_graders_inside_and_between_runs(build, tmp_path):
    one = judged(tmp_path / "one", [turn(0, False, judge_version="v1"),
                                    turn(1, judge_version="v2")])
    two = judged(tmp_path / "two", [turn(0), turn(1)])
    (two / "openai_summary.json").write_text(json.dumps({"judge_model": "gpt-x",
                                                         "judge_version": "v2"}))
    _, out = build("--run-dir", one, two)
    assert "openai/v1: 1 row, openai/v2: 1 row" in findings(out, "mixed_graders")[0]["text"]
    (between,) = findings(out, "settings_differ")
    assert "openai/gpt-x/v2 in 1 run (two)" in between["text"]


def test_judged_rows_against_their_transcript(build, tmp_path):
    run = judged(tmp_path / "r", [turn(0, False), turn(1), turn(3)])
    plain = [{key: row[key] for key in ("turn", "user_text", "assistant_text")} for row in
             (turn(0), turn(1, assistant_text="Another answer."), turn(2))]
    judged(run, plain, "transcript.jsonl")
    _, out = build("--run-dir", run)
    assert findings(out, "transcript_not_judged")[0]["about"] == ["2"]
    assert findings(out, "transcript_not_in_transcript")[0]["about"] == ["3"]
    assert findings(out, "transcript_text_differs")[0]["about"] == ["1"]


def test_unreadable_files_beside_the_rows_are_said(build, tmp_path):
    run = judged(tmp_path / "r", [turn(0, False)])
    judged(run, [turn(0), b"{cut"], "transcript.jsonl")
    (run / "runtime.json").write_text("{")
    (run / "openai_summary.json").write_text("[]")
    _, out = build("--run-dir", run)
    (beside,) = findings(out, "side_file")
    assert [text.split(":")[1].rsplit("/", 1)[1] for text in beside["each"]] == [
        "runtime.json", "openai_summary.json"]
    assert findings(out, "transcript_unreadable_lines")[0]["about"] == ["2"]


def test_transcript_alone_is_unjudged(build, tmp_path):
    run = judged(tmp_path / "r", [{"turn": 0, "user_text": "a", "assistant_text": "b"}],
                 "transcript.jsonl")
    done, _ = build("--run-dir", run, code=1)
    assert "1 row read = 0 pass + 0 fail + 1 unjudged" in done.stdout


def test_judged_files_of_two_models_in_one_folder_are_two_runs(build, tmp_path):
    run = judged(tmp_path / "r", [turn(0, model_name="gpt")], "gpt_judged.jsonl")
    judged(run, [turn(0, False, model_name="claude")], "claude_judged.jsonl")
    for given in ([run], [run / "gpt_judged.jsonl", run / "claude_judged.jsonl"]):
        _, out = build("--input", *given)
        assert {(row["model_name"], row["outcome"]) for row in outcomes(out)} == {
            ("gpt", "pass"), ("claude", "fail")}
        assert not (out / "gradings.csv").exists()


def test_two_judges_given_as_files_are_one_run(build, tmp_path):
    run = judged(tmp_path / "r", [turn(0, False)])
    judged(run, [turn(0)], "claude_judged.jsonl")
    _, out = build("--input", run / "claude_judged.jsonl", run / "openai_judged.jsonl")
    assert len(outcomes(out)) == 1
    assert [row["grader"] for row in clean.read_csv(out / "gradings.csv")] == ["claude"]


def test_gradings_join_by_item_and_only_where_it_is_clear(build, tmp_path):
    rows = [turn(None, False, item_id="q1"), turn(None, False, item_id="q2"), turn(3),
            turn(3, assistant_text="again")]
    run = judged(tmp_path / "r", rows)
    judged(run, rows[:3], "claude_judged.jsonl")
    judged(run, [{**row, "scores": None} for row in rows[:2]], "transcript.jsonl")
    _, out = build("--run-dir", run)
    assert [row["datapoint_id"] for row in clean.read_csv(out / "gradings.csv")] == [
        "r/q1", "r/q2"]
    assert "two rows that it may grade" in findings(out, "rejected_gradings")[0]["text"]
    assert findings(out, "transcript_not_in_transcript")[0]["about"] == ["3"]


def test_runs_inside_a_run_folder_are_found_too(build, tmp_path):
    judged(tmp_path / "x" / "sub", [turn(0)])
    judged(tmp_path / "x", [turn(0, False)])
    _, out = build("--input", tmp_path / "x")
    assert {row["run_id"] for row in outcomes(out)} == {"x", "sub"}


@pytest.mark.parametrize("change", [{"item_fingerprint": ["x"]}, {"ts": 10**400},
                                    {"ts": 1767268800000}, {"judge_version": 2}], ids=str)
def test_odd_values_beside_the_verdict_cost_no_row(build, tmp_path, change):
    _, out = build("--run-dir", judged(tmp_path / "r", [turn(0, False, **change), turn(1)]))
    assert len(outcomes(out)) == 2


def test_a_copy_is_a_copy_without_its_line_end(build, tmp_path):
    run = judged(tmp_path / "r", [turn(0, False)])
    path = run / "openai_judged.jsonl"
    path.write_bytes(path.read_bytes() * 2)
    path.write_bytes(path.read_bytes().rstrip())
    build("--run-dir", run)
    assert len(read_jsonl(tmp_path / "out" / "rejected_rows.jsonl")) == 1


def test_rows_whose_content_is_not_recorded_are_said(build, tmp_path):
    rows = [{"turn": 0, "scores": {"a": False}}]
    _, out = build("--run-dir", judged(tmp_path / "a", rows), judged(tmp_path / "b", rows))
    assert findings(out, "content_unchecked")[0]["count"] == 2


def test_runtime_settings_are_compared_without_secrets(build, tmp_path):
    runs = []
    for name, heat in (("a", 0), ("b", 1)):
        runs.append(judged(tmp_path / name, [turn(0, False)]))
        (runs[-1] / "runtime.json").write_text(json.dumps(
            {"model_name": "m", "turns": 1, "temperature": heat, "api_key": f"sk-{name}"}))
    _, out = build("--run-dir", *runs)
    assert "runtime temperature. 0 in 1 run (a); 1 in 1 run (b)" in findings(
        out, "settings_differ")[0]["text"]
    assert not [path for path in out.iterdir() if b"sk-a" in path.read_bytes()]


def test_a_refused_run_leaves_the_analysis_as_it_was(build, run_script, tmp_path):
    _, out = build("--run-dir", judged(tmp_path / "r", [turn(0, False)]))
    run_script("cluster_failures.py", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    build("--run-dir", judged(tmp_path / "blank", [b""]), code=1)
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}


def test_a_second_judge_is_a_further_grading_not_a_second_row(build, tmp_path):
    run = judged(tmp_path / "r", [turn(0, False), turn(1)])
    judged(run, [turn(0, True), turn(1, False), turn(9, False), b"broken"], "claude_judged.jsonl")
    _, out = build("--run-dir", run)
    graded = list(clean.read_csv(out / "gradings.csv"))
    assert [(row["datapoint_id"], row["grader"], row["outcome"]) for row in graded] == [
        ("r/0", "claude", "pass"), ("r/1", "claude", "fail")]
    sanity = json.loads((out / "sanity.json").read_text())
    assert sanity["conservation"]["rows_read"] == 2
    assert (sanity["gradings"]["read"], sanity["gradings"]["joined"],
            sanity["gradings"]["rejected"]) == (4, 2, 2)


@pytest.mark.parametrize("pack", ["gz", "zst"])
def test_compressed_files_are_read_as_they_are(build, tmp_path, pack):
    folder = tmp_path / "r"
    folder.mkdir()
    content = json.dumps(turn(0, False)).encode() + b"\n"
    packed = gzip.compress(content) if pack == "gz" else zstandard.compress(content)
    (folder / f"openai_judged.jsonl.{pack}").write_bytes(packed)
    _, out = build("--run-dir", folder)
    assert facts(out)["failed_rows"] == 1


@pytest.mark.parametrize("pack", ["gz", "zst"])
def test_a_damaged_compressed_file_keeps_what_could_be_read(build, tmp_path, pack):
    folder = tmp_path / "r"
    folder.mkdir()
    content = b"".join(json.dumps(turn(n, False, judge_reasoning=str(hash(n)) * 50)).encode()
                       + b"\n" for n in range(400))
    packed = gzip.compress(content) if pack == "gz" else zstandard.compress(content)
    (folder / f"openai_judged.jsonl.{pack}").write_bytes(packed[:-20])
    run = judged(tmp_path / "s", [turn(0, False)])
    done, out = build("--run-dir", folder, run, code=1)
    assert "a file is damaged or cut off: what follows in it is lost" in done.stdout
    assert any("damaged or cut off" in row["reason"]
               for row in read_jsonl(out / "rejected_rows.jsonl"))


def test_csv_opens_safely_and_comes_back_exactly(build, tmp_path):
    nasty = ['=HYPERLINK("http://x","y")', "+1 555", "-1+cmd", "@here", "\tx", "\rx", "\nx",
             "＝1+1", "'=quoted", 'say "hi", now', "a\rb\r\nc\nd", "plain", "'", "ends with '"]
    run = judged(tmp_path / "r", [turn(n, False, user_text=text, model_name="=model()")
                                  for n, text in enumerate(nasty)])
    _, out = build("--run-dir", run)
    with open(out / "failure_review_rows.csv", encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(clean.GUARDED[:-1])]
    assert [row["user_text"] for row in clean.read_csv(out / "failure_review_rows.csv")] \
        == list(map(clean.visible, nasty))
    assert outcomes(out)[0]["model_name"] == "=model()"


def test_rejected_shapes_of_input(build, tmp_path, run_script):
    """Each refusal is one sentence with the path and what to do."""
    empty = tmp_path / "empty"
    empty.mkdir()
    other = judged(tmp_path / "other", [b"hello"], "notes.txt")
    run = judged(tmp_path / "r", [turn(0, False)])
    blank = judged(tmp_path / "blank", [b""])
    table = tmp_path / "cmp"
    table.mkdir()
    cases = [
        (["--run-dir", empty], 1, "no judged run"),
        (["--run-dir", other], 1, "found notes.txt"),
        (["--run-dir", tmp_path / "nowhere"], 1, "no such folder"),
        (["--input", other], 1, "--propose drafts a benchmark.yaml to pass as --mapping"),
        (["--input", tmp_path / "nowhere"], 1, "no such file or folder"),
        (["--run-dir", run, run], 1, "given twice"),
        (["--run-dir", blank], 1, "no rows in it"),
        (["--comparison-dir", table], 1, "run_results.csv: not there"),
        ([], 2, "give --run-dir, --comparison-dir or --input"),
        (["--input", run, "--run-dir", run], 2, "does not go with"),
        (["--run-dir", run, "--mapping", "m.yaml"], 2, "--mapping goes with --input"),
        (["--run-dir", run, "--jobs", "0"], 2, "--jobs is at least 1"),
    ]
    for args, code, words in cases:
        done, _ = build(*args, code=code)
        assert words in done.stderr
        assert code == 2 or len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(("content", "words"), [
    ("run_dir\n", "lists no run"),
    ("folder\nx\n", "no column run_dir"),
    ("run_dir\n\" \"\n", "run_results.csv:2: run_dir is blank"),
    ("run_dir\nnot/there\n", "run_results.csv:2: run_dir not/there does not exist"),
])
def test_a_wrong_comparison_table_names_its_line(build, tmp_path, content, words):
    table = tmp_path / "cmp" / "run_results.csv"
    table.parent.mkdir()
    table.write_text(content)
    done, _ = build("--comparison-dir", table.parent, code=1)
    assert words in done.stderr


def test_run_dirs_in_a_table_are_relative_to_the_table_or_above_it(build, tmp_path):
    judged(tmp_path / "repo" / "runs" / "x", [turn(0, False)])
    judged(tmp_path / "repo" / "results" / "cmp" / "y", [turn(0)])
    table = tmp_path / "repo" / "results" / "cmp" / "run_results.csv"
    table.write_text("run_dir,model\nruns/x,a\ny,b\n")
    _, out = build("--comparison-dir", table.parent)
    assert {row["run_id"] for row in outcomes(out)} == {"x", "y"}


def test_explicit_run_dirs_win_over_a_comparison_dir(build, tmp_path):
    run = judged(tmp_path / "r", [turn(0, False)])
    done, out = build("--run-dir", run, "--comparison-dir", tmp_path / "ignored")
    assert "--comparison-dir is not" in done.stderr
    assert facts(out)["failed_rows"] == 1


def test_no_failure_writes_an_empty_packet_over_a_stale_one(build, run_script, tmp_path):
    """The old script left the previous run's files in place and said it had saved them."""
    build("--run-dir", judged(tmp_path / "r", [turn(0, False)]))
    assert run_script("cluster_failures.py", tmp_path / "out").returncode == 0
    assert (tmp_path / "out" / "clusters.json").exists()
    done, out = build("--run-dir", judged(tmp_path / "s", [turn(0)]))
    assert "judged rows passed" in done.stdout
    assert (out / "failure_review_rows.jsonl").read_bytes() == b""
    assert len((out / "failure_review_rows.csv").read_bytes().splitlines()) == 1
    assert not (out / "clusters.json").exists()


def test_any_number_of_workers_writes_the_same_bytes(build, tmp_path, run_script):
    runs = [judged(tmp_path / f"r{n}", [turn(i, (i + n) % 3 > 0, ts=f"2026-01-01T10:{i:02d}:00")
                                        for i in range(20)] + [b"broken"]) for n in range(4)]
    judged(runs[0], [turn(i) for i in range(20)], "claude_judged.jsonl")
    one, two, again = tmp_path / "one", tmp_path / "two", tmp_path / "again"
    for out, jobs in ((one, "1"), (two, "2"), (again, "1")):
        done = run_script("build_packet.py", "--run-dir", *runs, "--jobs", jobs,
                          "--output-dir", out)
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in two.iterdir())
    for name in set(names) - {"manifest.json"}:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
        assert (one / name).read_bytes() == (again / name).read_bytes(), name


def test_manifest_says_what_was_read(build, tmp_path):
    run = judged(tmp_path / "r", [turn(0, False), b"x"])
    _, out = build("--run-dir", run)
    step = json.loads((out / "manifest.json").read_text())["steps"]["build_packet"]
    (entry,) = step["inputs"]
    assert entry["path"] == (run / "openai_judged.jsonl").as_posix()
    assert entry["rows"] == 2
    assert entry["sha256"] == files.sha256(run / "openai_judged.jsonl")
    assert "folder with openai_judged.jsonl" in entry["format"]
    assert "outcomes.csv" in step["outputs"]


def test_hostile_names_reach_neither_terminal_nor_ids_raw(build, tmp_path):
    run = judged(tmp_path / "r", [turn(0, False, model_name="m\x1b[31m|x", item_id="a b\x07\n")])
    done, out = build("--run-dir", run)
    assert "\x1b" not in done.stdout + done.stderr
    (row,) = outcomes(out)
    assert row["datapoint_id"].startswith("r/a_b_~")
    assert row["item_id"] == r"a b\x07~" + clean.mark("a b\x07\n")


def test_runs_of_which_nothing_is_recorded_are_said(build, tmp_path):
    for model, texts in (("a", [None, None, ""]), ("b", ["x", "y", "z"])):
        (tmp_path / "runs" / model).mkdir(parents=True)
        (tmp_path / "runs" / model / "openai_judged.jsonl").write_text("".join(
            json.dumps({"turn": turn, "model_name": model, "user_text": f"q{turn}",
                        "assistant_text": text, "scores": {"ok": False}}) + "\n"
            for turn, text in enumerate(texts)))
    _, out = build("--input", tmp_path / "runs")
    (found,) = findings(out, "runs_not_recorded")
    assert found["text"] == (
        "Of 2 failing rows neither an answer nor a conversation nor a call is recorded: readers "
        "see what was asked, and what a judge says (a 2).")


def test_models_whose_order_hangs_on_rows_that_nobody_judged_are_named(build, tmp_path):
    for model, verdicts in (("a", [True] * 6 + [False] * 4 + [None] * 5),
                            ("b", [True] * 8 + [False] * 7), ("c", [False] * 15)):
        (tmp_path / "runs" / model).mkdir(parents=True)
        (tmp_path / "runs" / model / "openai_judged.jsonl").write_text("".join(
            json.dumps({"turn": turn, "model_name": model, "user_text": f"q{turn}",
                        "assistant_text": "x", "scores": {"ok": verdict}}) + "\n"
            for turn, verdict in enumerate(verdicts)))
    _, out = build("--input", tmp_path / "runs")
    (found,) = [one for one in json.loads((out / "sanity.json").read_text())["findings"]
                if one["kind"] == "unjudged_rows"]
    assert found["text"] == (
        "5 rows that nobody judged are in no rate. Counted as failed, as many benchmarks do: "
        "a 60.0 % → 40.0 %; that changes the order of 2 models.")
    assert found["about"] == ["a", "b"]
