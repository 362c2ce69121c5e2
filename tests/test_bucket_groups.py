"""Groups of buckets: who puts what into which, and their sums in report, page and agreement."""

import json

import pytest

from failure_analysis.review import bucket_groups
from make_runs import judged, read_jsonl, turn

TEXT = "I booked room {} for you, as nobody said another one."
BUCKETS = ("books_the_wrong_room", "books_the_wrong_day", "says_nothing")


@pytest.fixture
def folder(run_script, analyse, tmp_path):
    """Two models that fail three turns each, a bucket for each turn, by two coders: the second says
    another bucket of the first turn."""
    out = analyse("--run-dir", *(judged(tmp_path / name, [
        turn(n, False, model_name=name, assistant_text=TEXT.format(f"{n} of {name}"))
        for n in range(3)]) for name in "ab"))
    for coder, buckets in (("one", BUCKETS), ("two", (BUCKETS[1], *BUCKETS[1:]))):
        batch = tmp_path / "batch.jsonl"
        batch.write_text("".join(json.dumps({
            "id": f"{name}/{n}", "bucket": buckets[n], "fault": "model_error",
            "mechanism": "It does what nobody asked for.",
            "quotes": [TEXT.format(f"{n} of {name}")]}) + "\n" for name in "ab" for n in range(3)))
        record(run_script, out, "--from", batch, "--coder", coder)
    return out


def record(run_script, *args, code=0):
    done = run_script("record_review.py", *args)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def facts(run_script, folder):
    assert run_script("write_report.py", folder).returncode == 0
    return json.loads((folder / "facts.json").read_text())


def group(run_script, folder, *args, code=0):
    return record(run_script, folder, "--group", *args, code=code)


def test_the_last_line_of_a_bucket_says(run_script, folder):
    said = group(run_script, folder, "wrong_booking", *BUCKETS[:2], "--coder", "kim")
    assert said == "wrong_booking: books_the_wrong_day, books_the_wrong_room\n"
    group(run_script, folder, "wrong_booking", BUCKETS[0])  # it is there: nothing is written
    group(run_script, folder, "silence", BUCKETS[1], BUCKETS[2])
    group(run_script, folder, "-", BUCKETS[2])
    lines = read_jsonl(folder / "bucket_groups.jsonl")
    assert [(line["bucket"], line["group"], line["coder"]) for line in lines] == [
        (BUCKETS[0], "wrong_booking", "kim"), (BUCKETS[1], "wrong_booking", "kim"),
        (BUCKETS[1], "silence", "agent"), (BUCKETS[2], "silence", "agent"),
        (BUCKETS[2], "", "agent")]
    assert bucket_groups.load(folder) == {BUCKETS[0]: "wrong_booking", BUCKETS[1]: "silence"}
    assert group(run_script, folder, "-", *BUCKETS[:2]) == "no groups\n"


def test_what_is_no_group_is_refused(run_script, folder, tmp_path):
    for args, reason in (
            ((BUCKETS[0], BUCKETS[1]), "books_the_wrong_room is a bucket; give the group another"),
            (("wrong_booking", "nope"), "no current review has the bucket nope; buckets are books"),
            (("Wrong Booking", BUCKETS[0]), "no snake_case slug"),
            (("wrong_booking", BUCKETS[0], "--coder", "a b"), "no name of at most 60 letters")):
        assert reason in group(run_script, folder, *args, code=1)
    assert not (folder / "bucket_groups.jsonl").exists()
    assert "--group is given a group and its buckets" in group(run_script, folder, "x", code=2)
    group(run_script, folder, "wrong_booking", BUCKETS[0])
    (ident, *_) = [line["review_id"] for line in read_jsonl(folder / "reviews.jsonl")]
    assert "wrong_booking is the name of a group of buckets" in record(
        run_script, folder, "--id", "a/0", "--replaces", ident, "--bucket", "wrong_booking",
        "--coder", "one", code=1)
    (folder / "bucket_groups.jsonl").write_text('{"bucket": 1}\n')
    assert "bucket_groups.jsonl:1: not a grouping" in group(run_script, folder, "x", BUCKETS[0],
                                                            code=1)


def test_a_renamed_bucket_keeps_its_group(run_script, folder):
    group(run_script, folder, "wrong_booking", *BUCKETS[:2])
    record(run_script, folder, "--rename", BUCKETS[1], "books_another_day", "--everyone")
    assert bucket_groups.load(folder)["books_another_day"] == "wrong_booking"
    group(run_script, folder, "silence", BUCKETS[2])
    record(run_script, folder, "--rename", BUCKETS[2], BUCKETS[0], "--everyone")
    assert bucket_groups.load(folder)[BUCKETS[0]] == "wrong_booking"  # that of the new name


def test_the_report_sums_groups_up_and_the_check_counts_again(run_script, folder):
    for name in "ab":
        record(run_script, folder, "--id", f"{name}/0", "--bucket", BUCKETS[0], "--fault",
               "model_error", "--mechanism", "It books what nobody wants.", "--quote",
               TEXT.format(f"0 of {name}"), "--coder", "three", "--settles")
    group(run_script, folder, "wrong_booking", *BUCKETS[:2])
    values = facts(run_script, folder)
    assert {key: value for key, value in values.items() if key.startswith("review/group")} == {
        "review/group/wrong_booking": 4, "review/group/wrong_booking/a": 2,
        "review/group/wrong_booking/b": 2}
    [report] = [path for path in folder.glob("*.md") if "Deep error" in path.read_text()]
    lines = report.read_text().splitlines()
    at = lines.index("| **`wrong_booking`**, a group of 2 | 4 of 6 | 2 | 2 |")
    assert lines[at + 1:at + 4] == [
        "| – `books_the_wrong_day` | 2 of 6 | 1 | 1 |",
        "| – `books_the_wrong_room` | 2 of 6 | 1 | 1 |", "| `says_nothing` | 2 of 6 | 1 | 1 |"]
    assert "**`wrong_booking`**, a group of 2: 2, – [`books_the_wrong_day`](#books_the" \
        in "\n".join(lines)
    wrong = (folder / "facts.json").read_text().replace('wrong_booking": 4', 'wrong_booking": 5')
    (folder / "facts.json").write_text(wrong)
    said = run_script("check_report.py", folder).stdout
    assert "review/group/wrong_booking: facts.json says 5, a second count says 4" in said
    group(run_script, folder, "-", BUCKETS[0])  # and what was grouped since is seen
    said = run_script("check_report.py", folder).stdout
    assert "review/group/wrong_booking: facts.json says 5, a second count says 2" in said


def test_coders_are_compared_on_groups_too(run_script, folder):
    def agreement():
        assert run_script("measure_agreement.py", folder).returncode == 0
        return json.loads((folder / "agreement.json").read_text())

    assert "group" not in agreement()["together"]["readers"]
    group(run_script, folder, "wrong_booking", *BUCKETS[:2])
    measured = agreement()
    readers = measured["together"]["readers"]
    assert (readers["bucket"]["same"], readers["group"]["same"], measured["groupings"]) == (4, 6, 2)
    pair = next(pair for pair in measured["pairs"] if not pair["rules"])
    assert [(row["label"], row["both"]) for row in pair["group"]["labels"]] == [
        ("wrong_booking", 4), ("says_nothing", 2)]
    page = (folder / "agreement.md").read_text()
    assert "the same bucket for 4 of 6, the same group of buckets for 6 of 6 and the same fault " \
        "for 6 of 6" in page
    assert "**Same group of buckets**" in page and "**Group**: the same on 6 of 6." in page
    values = facts(run_script, folder)
    assert (values["agreement/group_same"], values["agreement/group_same/one/two"]) == (6, 6)
    group(run_script, folder, "-", BUCKETS[0])  # later groupings do not change what was measured
    said = run_script("check_report.py", folder).stdout
    assert "agreement" not in said


def test_the_page_lists_buckets_under_their_group(run_script, folder, tmp_path):
    group(run_script, folder, "wrong_booking", BUCKETS[1])
    page = tmp_path / "page.html"
    done = run_script("review_app.py", folder, "--static", page)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "Group <code>wrong_booking</code></span> <b class=\"n\">2</b>" in text
    assert text.index('id="cause:wrong_booking"') < text.index(
        'class="cause in-group" id="cause:books_the_wrong_day"')
