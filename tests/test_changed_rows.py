"""A review is of the datapoint as it was read: one that reads otherwise now was not reviewed."""

import json
import shutil

import pytest

import goldens
from failure_analysis import facts, files, manifest, store
from failure_analysis.report import check
from failure_analysis.review import ledger
from make_runs import judged, read_jsonl, turn

ROWS, INVENTED = "failure_review_rows.jsonl", "I never looked at any of it at all."


@pytest.fixture(scope="module")
def demo(run_script, bundle, tmp_path_factory):
    return goldens.demo(run_script, bundle, tmp_path_factory.mktemp("demo"))


@pytest.fixture
def folder(demo, tmp_path):
    """A copy of the finished demo, to damage."""
    return shutil.copytree(demo, tmp_path / "demo")


def invent(folder, ident):
    """Puts other words into the answer of a datapoint, and makes the manifest agree."""
    path = folder / ROWS
    lines = read_jsonl(path)
    for line in lines:
        if line["datapoint_id"] == ident:
            line["assistant_text"] = f"{line['assistant_text']} {INVENTED}"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    ran = manifest.entries(folder)
    for entry in ran.values():
        for names in (entry["outputs"], entry.get("reads", {})):
            if ROWS in names:
                names[ROWS] = files.sha256(path)
    store.write_json(folder / manifest.NAME, {"steps": ran})


def reviewed(folder):
    """The first review of the ledger of a failing datapoint."""
    failing = {line["datapoint_id"] for line in read_jsonl(folder / ROWS)}
    return next(each for each in ledger.load(folder) if each.datapoint_id in failing)


def found(folder):
    return check.check(folder).findings


def test_a_changed_row_is_no_longer_the_reviewed_one(run_script, folder):
    review = reviewed(folder)
    before = facts.load(folder)["review/reviewed"]
    assert not found(folder)
    invent(folder, review.datapoint_id)
    report = folder / "deep_error_analysis.md"
    report.write_text(f'{report.read_text("utf-8")}\nIt says "{INVENTED}" '
                      f'[dp:{review.datapoint_id}].\n', encoding="utf-8")
    assert run_script("write_report.py", folder).returncode == 0
    assert "1 reviews are of datapoints that read otherwise now" in report.read_text("utf-8")
    assert facts.load(folder)["review/reviewed"] == before - 1
    line = len(report.read_text("utf-8").splitlines())
    assert {(0, "changed_row"), (line, "unread_datapoint")} <= {
        (one.line, one.verdict) for one in found(folder) if one.text == review.datapoint_id}


def test_a_review_after_another_reading_holds_again(run_script, folder):
    review = reviewed(folder)
    invent(folder, review.datapoint_id)
    same = ("--id", review.datapoint_id, "--bucket", review.bucket, "--fault", review.fault,
            "--mechanism", review.mechanism, "--coder", review.coder, "--kind", review.kind,
            *(part for quote in review.quotes for part in ("--quote", quote)),
            *(part for slug in review.secondary for part in ("--secondary", slug)),
            *(("--note", review.note) if review.note else ()))
    done = run_script("record_review.py", folder, *same)
    assert done.returncode == 1 and f"pass --replaces {review.review_id}" in done.stdout
    done = run_script("record_review.py", folder, *same, "--replaces", review.review_id)
    assert done.returncode == 0, done.stdout
    left = {(one.verdict, one.text) for one in found(folder)}
    assert ("changed_row", review.datapoint_id) not in left
    assert ("unshown_review", review.coder) in left  # what was shown was the other one
    shown = run_script("show_datapoint.py", folder, review.datapoint_id, "--coder", review.coder)
    assert shown.returncode == 0
    assert ("unshown_review", review.coder) not in {(one.verdict, one.text)
                                                    for one in found(folder)}


def test_a_rename_does_not_bless_what_nobody_read_again(run_script, folder):
    review = reviewed(folder)
    invent(folder, review.datapoint_id)
    done = run_script("record_review.py", folder, "--rename", review.bucket, "does_another_thing",
                      "--coder", review.coder)
    assert done.returncode == 0, done.stdout
    assert review.datapoint_id in {one.text for one in found(folder)
                                   if one.verdict == "changed_row"}


@pytest.mark.parametrize("row", ["0" * 16, None])
def test_the_hash_of_a_line_is_part_of_what_was_recorded(folder, row):
    review = reviewed(folder)
    lines = read_jsonl(folder / ledger.NAME)
    for line in lines:
        if line["review_id"] == review.review_id:
            line["row"] = row
    (folder / ledger.NAME).write_text("".join(json.dumps(line) + "\n" for line in lines))
    verdicts = {(one.verdict, one.text) for one in found(folder)}
    assert verdicts & {("edited_review", review.review_id), ("changed_row", review.datapoint_id)}


def test_other_runs_under_the_same_names_are_not_reviewed(run_script, tmp_path, analyse):
    first, second = ([turn(0, False, assistant_text=f"I booked room 12 for {who}."), turn(1)]
                     for who in ("you", "nobody"))
    folder = analyse("--run-dir", judged(tmp_path / "one" / "a", first))
    review = ("--id", "a/0", "--bucket", "books_the_wrong_room", "--fault", "model_error",
              "--mechanism", "It books a room that nobody asked for.", "--quote",
              "I booked room 12 for")
    assert run_script("record_review.py", folder, *review).returncode == 0
    again = run_script("record_review.py", folder, *review)
    assert again.returncode == 0 and "there already" in again.stdout
    kept = (folder / ledger.NAME).read_bytes()
    other = analyse("--run-dir", judged(tmp_path / "two" / "a", second))
    (other / ledger.NAME).write_bytes(kept)
    assert run_script("write_report.py", other).returncode == 0
    values = facts.load(other)
    assert (values["review/reviewed"], values["review/reviews"]) == (0, 0)
    done = run_script("measure_agreement.py", other)
    assert done.returncode == 1 and "1 of datapoints that read otherwise now" in done.stderr


def test_a_line_of_an_earlier_version_is_not_recorded_twice(run_script, tmp_path, analyse):
    folder = analyse("--run-dir", judged(tmp_path / "a", [turn(0, False), turn(1)]))
    quote = read_jsonl(folder / ROWS)[0]["user_text"]
    entry = {"datapoint_id": "a/0", "bucket": "books_the_wrong_room", "fault": "model_error",
             "mechanism": "It books a room that nobody asked for.", "quotes": [quote]}
    known = ledger._review_id(ledger.normal(entry), None)
    line = {"review_id": known, "recorded": "2026-01-01T00:00:00+00:00", **ledger.normal(entry)}
    (folder / ledger.NAME).write_text(json.dumps(line) + "\n")
    done = run_script("record_review.py", folder, "--id", "a/0", "--bucket", entry["bucket"],
                      "--fault", "model_error", "--mechanism", entry["mechanism"], "--quote", quote)
    assert done.returncode == 0 and f"there already {known}" in done.stdout
    assert run_script("write_report.py", folder).returncode == 0
    assert not {one.verdict for one in found(folder)} & {"edited_review", "changed_row"}
