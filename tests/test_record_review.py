"""record_review.py: what is proved before it is taken, and what survives."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_analysis.clean import visible
from failure_analysis.packet import rows
from failure_analysis.review import ledger, parts
from make_runs import judged, read_jsonl, turn

GOOD = {"id": "a/0", "bucket": "books_the_wrong_room", "fault": "model_error",
        "mechanism": "It books a room that nobody asked for.", "quote": "I booked room 12 for you."}


@pytest.fixture(scope="module")
def analysed(analyse, tmp_path_factory):
    """One run with three failing turns and a passing one, another with one failing turn."""
    tmp_path = tmp_path_factory.mktemp("runs")
    said = {"assistant_text": "I booked  room 12\n for you.", "judge_reasoning": "Not room 14."}
    runs = [judged(tmp_path / "a", [turn(n, False, **said) for n in range(3)] + [turn(3)]),
            judged(tmp_path / "b", [turn(n, n > 0, model_name="b") for n in range(4)])]
    return analyse("--run-dir", *runs)


@pytest.fixture
def folder(analysed, tmp_path):
    """A copy of the analysis, to write into."""
    return shutil.copytree(analysed, tmp_path / "analysis")


@pytest.fixture
def record(run_script, folder):
    """`record(**changes)`: records GOOD with changes; returns (exit code, output)."""

    def run(*args, **changes):
        entry = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
        words = [word for name, value in entry.items() for word in (f"--{name}", value)]
        done = run_script("record_review.py", folder, *words, *args)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_proved_review_is_appended_whole(record, folder):
    code, said = record("--secondary", "misleads_the_user", "--note", "twice", "--coder", "kim",
                        "--kind", "person")
    assert code == 0
    (line,) = read_jsonl(folder / "reviews.jsonl")
    recorded = line.pop("recorded")
    assert recorded.startswith("20") and recorded.endswith("+00:00")
    assert line == {
        "review_id": said.split()[1].rstrip(":"), "datapoint_id": "a/0", "coder": "kim",
        "kind": "person", "bucket": "books_the_wrong_room", "fault": "model_error",
        "mechanism": "It books a room that nobody asked for.",
        "quotes": ["I booked room 12 for you."], "secondary": ["misleads_the_user"],
        "note": "twice", "replaces": None, "settles": False, "verdict": "", "step": "",
        "agent": "", "second": "", "also": [], "fix": "", "alike": "",
        "contested": "", "contested_fault": "",
        "row": parts.digest(parts.parts(rows.row(rows.load(folder), "a/0")))}


@pytest.mark.parametrize(("changes", "reason"), [
    ({"id": "a/77"}, "no datapoint a/77"),
    ({"quote": "I booked room 13 for you."}, 'nearest: answer: "I booked room 12 for you."'),
    ({"quote": "room 12"}, "too short to prove anything"),
    ({"bucket": "Wrong Room"}, "no snake_case slug"),
    ({"bucket": "tool_use_correct"}, "names no cause"),
    ({"bucket": "tool_use_correct_false"}, "names no cause"),
    ({"bucket": "other"}, "names no cause"),
    ({"fault": "nobody"}, "is none of model_error, grader_issue"),
    ({"mechanism": "bad"}, "say in a sentence"),
    ({"quote": None}, "no quote"),
    ({"id": "a/3", "quote": "Which talk is at ten?"}, "plan_review.py --contrast ID adds it"),
    ({"secondary": "books_the_wrong_room"}, "keep them apart"),
    ({"coder": "a b\nc"}, "no name of at most 60 letters"),
    ({"replaces": "rnope"}, "which is not in the ledger"),
])
def test_what_does_not_hold_is_refused_with_the_reason(record, folder, changes, reason):
    code, said = record(**changes)
    assert code == 1
    assert f"REFUSED: {said.split('REFUSED: ')[1]}" in said and reason in said
    assert not (folder / "reviews.jsonl").exists() or not read_jsonl(folder / "reviews.jsonl")


def test_a_passing_datapoint_is_reviewed_only_for_its_verdict(record, run_script, folder):
    run_script("plan_review.py", folder, "--contrast", "a/3")
    passing = {"id": "a/3", "quote": "Talk A."}
    assert "did not fail (pass)" in record(**passing)[1]
    assert record(**passing, fault="grader_issue", bucket="judge_accepts_a_guess")[0] == 0


def test_white_space_is_folded_and_whole_parts_may_be_short(record):
    assert record(quote="I booked room\t12 for\nyou.")[0] == 0
    assert record(id="a/1", quote="Not room 14.")[0] == 0
    assert record(id="b/0", quote="Talk A.")[0] == 0


def test_a_second_review_of_one_coder_is_a_correction(record, folder):
    first = record()[1].split()[1].rstrip(":")
    assert "there already" in record()[1]
    code, said = record(bucket="ignores_the_wish")
    assert code == 1 and f"pass --replaces {first}" in said
    second = record(bucket="ignores_the_wish", replaces=first)[1].split()[1].rstrip(":")
    assert "was replaced before; the current one is " + second in record(
        bucket="third_name_now", replaces=first)[1]
    assert "a correction is by the same coder" in record(
        bucket="third_name_now", replaces=second, coder="kim")[1]
    lines = read_jsonl(folder / "reviews.jsonl")
    assert [line["bucket"] for line in lines] == ["books_the_wrong_room", "ignores_the_wish"]
    (now,) = ledger.current(ledger.load(folder))
    assert now.bucket == "ignores_the_wish"


def test_a_correction_says_only_what_it_changes(run_script, record, folder, tmp_path):
    first = record("--secondary", "misleads_the_user")[1].split()[1].rstrip(":")
    batch = tmp_path / "batch.jsonl"
    batch.write_text(json.dumps({"replaces": first, "bucket": "ignores_the_wish"}))
    done = run_script("record_review.py", folder, "--from", batch)
    assert done.returncode == 0, done.stdout
    (now,) = ledger.current(ledger.load(folder))
    assert (now.bucket, now.fault, now.quotes, now.secondary, now.datapoint_id) == (
        "ignores_the_wish", "model_error", ["I booked room 12 for you."], ["misleads_the_user"],
        "a/0")


def test_every_reason_is_given_at_once(record):
    said = record(bucket="tool_use_correct", mechanism="bad", fault="x", quote="nowhere at all")[1]
    for reason in ("names no cause", "mechanism is empty or too short", "fault 'x' is none of",
                   "does not occur in a/0"):
        assert reason in said


def test_readers_who_disagree_leave_it_open_until_somebody_settles(record, folder):
    record(coder="one")
    record(coder="two", bucket="ignores_the_wish")
    record(coder="machine", kind="llm", bucket="third_name_now")
    final = ledger.finals(ledger.load(folder))["a/0"]
    assert (final.bucket, final.fault) == (None, "model_error")
    assert [review.coder for review in final.reviews] == ["one", "two"]
    record("--settles", coder="three", bucket="ignores_the_wish", fault="mixed")
    final = ledger.finals(ledger.load(folder))["a/0"]
    assert (final.bucket, final.fault) == ("ignores_the_wish", "mixed")


def test_a_batch_gives_each_line_its_own_verdict(run_script, folder, tmp_path):
    batch = tmp_path / "batch.jsonl"
    batch.write_text("\n".join([
        json.dumps(GOOD), "", "not json", json.dumps(["a"]), json.dumps({**GOOD, "id": "a/9"}),
        json.dumps({**GOOD, "id": "a/1", "quotes": ["Not room 14.", "I booked room 12"],
                    "quote": None}),
        json.dumps({**GOOD, "id": "a/2", "colour": "red"}), json.dumps({**GOOD, "bucket": 7})]),
        encoding="utf-8")
    done = run_script("record_review.py", folder, "--from", batch, "--coder", "kim")
    assert done.returncode == 1
    verdicts = [line.split(": ")[:2] for line in done.stdout.splitlines()]
    assert [place for place, *_ in verdicts[:-1]] == [
        f"batch.jsonl:{number}" for number in (1, 3, 4, 5, 6, 7, 8)]
    assert [what.split()[0] for _, what in verdicts[:-1]] == [
        "recorded", "REFUSED", "REFUSED", "REFUSED", "recorded", "REFUSED", "REFUSED"]
    assert done.stdout.splitlines()[-1] == \
        "7 entries = 2 recorded + 0 there already + 5 refused"
    assert {line["coder"] for line in read_jsonl(folder / "reviews.jsonl")} == {"kim"}


def test_odd_lines_of_a_batch_harm_no_other(run_script, folder, tmp_path):
    batch = tmp_path / "batch.jsonl"
    one = json.dumps({**GOOD, "note": "a\u2028b"}, ensure_ascii=False)
    two = json.dumps({**GOOD, "id": "a/1"})
    batch.write_text("\ufeff" + "\n".join([one, "[" * 100_000, two]), encoding="utf-8")
    done = run_script("record_review.py", folder, "--from", batch)
    assert done.stdout.splitlines()[-1] == \
        "3 entries = 2 recorded + 0 there already + 1 refused"
    assert read_jsonl(folder / "reviews.jsonl")[0]["note"] == "a\\u2028b"


def test_a_last_line_that_an_editor_left_open_is_kept(record, folder):
    record()
    path = folder / "reviews.jsonl"
    path.write_bytes(b"\n" + path.read_bytes().rstrip(b"\n"))
    assert len(ledger.load(folder)) == 1
    assert record(id="a/1")[0] == 0
    assert len(ledger.load(folder)) == 2


@pytest.mark.parametrize("source", [("--from", "-"), ("-",)])
def test_standard_input_and_json_summary(bundle, folder, source):
    done = subprocess.run(
        [sys.executable, bundle / "scripts/record_review.py", folder, *source, "--json"],
        input=json.dumps(GOOD), capture_output=True, encoding="utf-8")
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["recorded"], summary["refused"]) == (0, 1, 0)
    assert summary["entries"][0]["place"] == "standard input:1"


def test_renaming_a_bucket_appends_corrections(record, run_script, folder):
    def rename(*args):
        done = run_script("record_review.py", folder, "--rename", *args)
        now = {review.datapoint_id: review for review in ledger.current(ledger.load(folder))}
        return done, [now[f"a/{n}"].bucket for n in range(3)], now

    record(coder="one", bucket="old_name_here", secondary="new_name_here")
    record(coder="two", id="a/1", bucket="old_name_here")
    record(coder="two", id="a/2", secondary="old_name_here")
    done, buckets, _ = rename("old_name_here", "new_name_here", "--coder", "two")
    assert (done.returncode, buckets) == (
        0, ["old_name_here", "new_name_here", "books_the_wrong_room"])
    done, buckets, now = rename("old_name_here", "new_name_here", "--everyone", "--coder", "two")
    assert buckets == ["new_name_here", "new_name_here", "books_the_wrong_room"]
    assert now["a/0"].note == "(old_name_here renamed by two)" and now["a/0"].secondary == []
    assert (now["a/0"].coder, now["a/2"].secondary) == ("one", ["new_name_here"])
    assert len(read_jsonl(folder / "reviews.jsonl")) == 6
    done, *_ = rename("old_name_here", "x_name", "--everyone")
    assert done.returncode == 1 and "no current review names old_name_here" in done.stderr


@pytest.mark.parametrize("args", [(), ("--from", "x", "--id", "a/0"), ("--rename", "a")])
def test_unclear_orders_are_usage_errors(run_script, folder, args):
    assert run_script("record_review.py", folder, *args).returncode == 2


def test_a_damaged_ledger_is_refused_with_its_line(record, folder):
    record()
    with open(folder / "reviews.jsonl", "ab") as file:
        file.write(b'{"review_id": "x"}\n')
    code, said = record(id="a/1")
    assert code == 1 and "reviews.jsonl:2: not a review" in said


def test_a_cut_off_last_line_is_dropped_and_the_rest_stays(record, folder):
    record()
    path = folder / "reviews.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:57])
    assert len(ledger.load(folder)) == 1
    assert record(id="a/1")[0] == 0
    assert [line["datapoint_id"] for line in read_jsonl(path)] == ["a/0", "a/1"]


WRITER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from failure_analysis.packet import rows
from failure_analysis.review import ledger
known = rows.load(Path(sys.argv[2]))
for number in range(int(sys.argv[4])):
    entry = {"id": "a/0", "bucket": "books_the_wrong_room", "fault": "model_error",
             "mechanism": "It books a room that nobody asked for.", "quote": "I booked room 12",
             "coder": f"{sys.argv[3]}-{number}"}
    (verdict,) = ledger.append(known, [entry])
    print(verdict.review.coder, flush=True)
"""


def writer(bundle, folder, name, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, bundle / "scripts", folder, name, str(count)],
        stdout=subprocess.PIPE, encoding="utf-8")


def test_killed_writers_lose_nothing_that_was_acknowledged(bundle, folder):
    rng, acknowledged = random.Random(5), []
    for attempt in range(6):
        process = writer(bundle, folder, f"w{attempt}", 200)
        seen = [process.stdout.readline().strip()]
        time.sleep(rng.uniform(0.0, 0.15))
        os.kill(process.pid, signal.SIGKILL)
        seen += process.stdout.read().split()
        process.wait()
        acknowledged += [name for name in seen if name]
    coders = [review.coder for review in ledger.load(folder)]
    assert len(acknowledged) > 6
    assert set(acknowledged) <= set(coders)
    assert len(coders) == len(set(coders))
    assert len(coders) <= len(acknowledged) + 6  # written, but killed before it was said


def test_two_writers_at_once_write_every_line_once(bundle, folder):
    with ThreadPoolExecutor(2) as pool:
        said = pool.map(lambda name: writer(bundle, folder, name, 40).communicate()[0],
                        ("x", "y"))
    names = [name for text in said for name in text.split()]
    assert sorted(names) == sorted(review.coder for review in ledger.load(folder))
    assert len(names) == 80


@given(st.text(min_size=1, max_size=200), st.integers(0, 60), st.integers(12, 80))
def test_any_piece_of_a_text_is_found_and_changed_words_are_not(text, start, length):
    row = {"datapoint_id": "x", "assistant_text": text}
    piece = " ".join(visible(text)[start:start + length].split())
    if len(piece) >= 12:
        assert ledger.unproved([piece], row) == ""
        assert "does not occur" in ledger.unproved([f"{piece}\x00xq"], row)


def test_text_that_unicode_cannot_carry_is_spelled_out(analyse, tmp_path, run_script):
    run = judged(tmp_path / "r", [turn(0, False).copy()])
    path = run / "openai_judged.jsonl"
    path.write_text(path.read_text("utf-8").replace("Talk A.", "Talk A \\ud800 is at ten."),
                    encoding="utf-8")
    folder = analyse("--run-dir", run)
    known = rows.load(folder)
    assert parts.parts(rows.row(known, "r/0"))[1].text == "Talk A \\ud800 is at ten."
    done = run_script("record_review.py", folder, "--id", "r/0", "--bucket", "says_odd_things",
                      "--fault", "model_error", "--mechanism", "It says a broken character.",
                      "--quote", "Talk A \\ud800 is at")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("quote", "text", "stands"), [
    ("paid", "It was paid.", True), ("paid", "It was unpaid, then paid.", True),
    ("paid", "It was unpaid.", False), ("paid", "paid_off", False), ("paid", r"all\npaid", True),
    ("paid", r"all\xpaid", False), ("(paid)", "un(paid)off", True), ("a a", "ba a a", True)])
def test_a_quote_stands_where_it_cuts_no_word(quote, text, stands):
    assert (parts.where(quote, [parts.Part("answer", text)]) == "answer") is stands


def test_a_negation_before_one_of_two_places_loses_nothing():
    twice = [parts.Part("answer", "It did not pay the bill. It did pay the bill.")]
    assert not parts.loses_negation("pay the bill", twice)
    assert parts.loses_negation("pay the bill", [parts.Part("answer", twice[0].text[:24])])


def test_where_nothing_is_recorded_a_review_has_no_quote(analyse, run_script, tmp_path):
    from failure_analysis.report import check

    blank = {"user_text": "", "assistant_text": " ", "judge_reasoning": ""}
    folder = analyse("--run-dir", judged(tmp_path / "a", [turn(1, False, **blank), turn(2, False),
                                                          turn(3)]))
    given = [word for name, value in GOOD.items() if name not in ("id", "quote")
             for word in (f"--{name}", value)]
    shown = run_script("show_datapoint.py", folder, "a/1").stdout
    assert "nothing is recorded, so there is nothing to quote" in shown
    done = run_script("record_review.py", folder, "--id", "a/1", *given)
    assert done.returncode == 0, done.stdout
    assert "no quote" in run_script("record_review.py", folder, "--id", "a/2", *given).stdout
    assert "does not occur" in run_script("record_review.py", folder, "--id", "a/1", *given,
                                          "--quote", "Made up, all of it.").stdout
    assert run_script("write_report.py", folder).returncode == 0
    assert "nobody asked for.* (nothing is recorded) [dp:a/1]" in (folder / "report.md").read_text()
    assert {finding.verdict for finding in check.check(folder).findings} <= {"todo", "structure"}


def test_a_line_that_lost_its_quote_is_found(record, run_script, folder):
    from failure_analysis.report import check

    record()
    (line,) = ledger.load(folder)
    entry = {**{name: getattr(line, name) for name in ledger.KEYS}, "quotes": []}
    forged = {**read_jsonl(folder / "reviews.jsonl")[0], "quotes": [],
              "review_id": ledger._review_id(entry, line.row)}
    (folder / "reviews.jsonl").write_text(json.dumps(forged) + "\n")
    assert run_script("write_report.py", folder).returncode == 0
    assert "has no quote, though a/0 has text" in [
        finding.why for finding in check.check(folder).findings
        if finding.verdict == "edited_review"][0]


@pytest.mark.parametrize("quote", ["booked room 12 for yo", "ooked room 12 for you."])
def test_a_quote_that_cuts_a_word_is_told_so(record, quote):
    assert "has to begin and end with whole words" in record(quote=quote)[1]
