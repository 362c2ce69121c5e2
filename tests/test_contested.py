"""What can be read in more than one way: how it is recorded, shown, counted and reported."""

import json

import pytest

from failure_analysis.report import check, meaning, relations, write
from failure_analysis.review import contested, counting, ledger
from make_runs import judged, turn

REVIEW = ("--bucket", "guesses_a_room", "--fault", "model_error", "--mechanism",
          "It names a room and has looked nothing up.")
OTHER = "The question leaves open which room is meant."
CONTEST = ("--contested", OTHER, "--contested-fault", "reference_issue")


@pytest.fixture
def folder(analyse, tmp_path):
    """Two models, three failures of the first and one of the other."""
    runs = [judged(tmp_path / name, [turn(n, n >= fails, model_name=name,
                                          assistant_text=f"I guess it is room {n}.")
                                     for n in range(4)]) for name, fails in (("a", 3), ("b", 1))]
    return analyse("--run-dir", *runs)


def record(run_script, folder, ident, *more, code=0):
    number = ident.split("/")[1]
    run_script("show_datapoint.py", folder, ident)
    done = run_script("record_review.py", folder, "--id", ident, *REVIEW, "--quote",
                      f"I guess it is room {number}.", *more)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def block(folder):
    text = write.path_of(folder).read_text("utf-8")
    return text.split("## Contested\n<!-- generated:contested -->\n")[1].split("\n<!-- /gen")[0]


def test_a_contested_review_is_recorded_shown_and_reported_both_ways(run_script, folder):
    record(run_script, folder, "a/0", *CONTEST)
    record(run_script, folder, "a/1")
    record(run_script, folder, "b/0", "--contested", OTHER)
    said = run_script("show_datapoint.py", folder, "a/0").stdout
    assert f"contested: reference_issue: {OTHER}" in said
    assert run_script("write_report.py", folder).returncode == 0
    assert block(folder) == (
        "2<!--fact:review/contested--> of 3 reviewed failures can be read in more than one way. As "
        "it was decided, and how else:\n\n"
        "- `guesses_a_room`, `model_error`: *It names a room and has looked nothing up.* “I guess "
        f"it is room 0.” [dp:a/0]; or else `reference_issue`: *{OTHER}* (`agent`)\n"
        "- `guesses_a_room`, `model_error`: *It names a room and has looked nothing up.* “I guess "
        f"it is room 0.” [dp:b/0]; or else *{OTHER}* (`agent`)\n\n"
        "| model | faults, as decided → read the other way | highest pass rate as decided | read "
        "the other way |\n| --- | --- | ---: | ---: |\n"
        "| `a` | `model_error` 2 → 1<!--fact:review/other_fault/model_error/a-->, "
        "`reference_issue` 0 → 1<!--fact:review/other_fault/reference_issue/a--> | 25.0 % | "
        "50.0<!--fact:review/other_pass_rate_high_pct/a--> % |")
    facts = json.loads((folder / "facts.json").read_text())
    found = {key: value for key, value in facts.items()
             if key.startswith(("review/contested", "review/other")) and value}
    assert found == {
        "review/contested": 2, "review/contested/a": 1, "review/contested/b": 1,
        "review/other_fault/model_error": 2, "review/other_fault/model_error/a": 1,
        "review/other_fault/model_error/b": 1, "review/other_fault/reference_issue": 1,
        "review/other_fault/reference_issue/a": 1, "review/other_pass_rate_high_pct/a": 50.0,
        "review/other_pass_rate_high_pct/b": 75.0}
    assert meaning.parsed("review/other_fault/model_error/a", {"a"}) == (["a"], "model_error")
    assert relations.bind("review/contested/a of review/reviewed/a", facts).printed == "1 of 2"
    verdicts = {one.verdict for one in check.check(folder).findings}
    assert not verdicts & {"edited_block", "missing_block", "wrong_fact", "edited_review"}
    sheet = run_script("check_report.py", folder, "--second-reading")
    assert sheet.returncode in (0, 1)


def test_a_block_that_is_edited_or_missing_and_a_wrong_fact_are_seen(run_script, folder):
    record(run_script, folder, "a/0", *CONTEST)
    run_script("write_report.py", folder)
    report = write.path_of(folder)
    text = report.read_text("utf-8")
    for new, verdict in ((text.replace("`model_error` 1 → 0", "`model_error` 1 → 1"),
                          "edited_block"),
                         (text.replace("generated:contested", "generated:other"), "missing_block")):
        report.write_text(new, encoding="utf-8")
        assert verdict in {one.verdict for one in check.check(folder).findings}
    path = folder / "facts.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "review/contested": facts["review/contested"] + 1}))
    assert ("wrong_fact", "review/contested") in {
        (one.verdict, one.text) for one in check.check(folder).findings}


def test_readers_who_differ_are_both_there_until_one_settles_it(run_script, folder):
    record(run_script, folder, "a/0")
    record(run_script, folder, "a/0", "--coder", "second", "--fault", "grader_issue")
    run_script("write_report.py", folder)
    assert "(`agent`); against it `guesses_a_room`, `grader_issue`: " in block(folder)
    record(run_script, folder, "a/0", "--coder", "lead", "--settles", "--contested", OTHER,
           "--contested-fault", "grader_issue")
    run_script("write_report.py", folder)
    assert f"or else `grader_issue`: *{OTHER}* (`lead`)" in block(folder)
    counts = counting.load(folder)
    assert contested.other_fault(counts, "a/0") == "grader_issue"


@pytest.mark.parametrize(("more", "reason"), [
    (("--contested-fault", "mixed"), "--contested-fault is beside --contested"),
    (("--contested", "perhaps"), "contested is too short"),
    (("--contested", OTHER, "--contested-fault", "model_error"), "is the fault itself"),
    (("--contested", OTHER, "--contested-fault", "nobody"), "'nobody' is none of"),
])
def test_what_is_no_other_reading_is_refused(run_script, folder, more, reason):
    assert reason in record(run_script, folder, "a/0", *more, code=1)


def test_a_correction_keeps_it_and_takes_it_back(run_script, folder):
    record(run_script, folder, "a/0", *CONTEST)
    for more, left in ((("--note", "seen again"), (OTHER, "reference_issue")),
                       (("--contested", ""), ("", ""))):
        (now,) = ledger.current(ledger.load(folder))
        assert ledger.is_genuine(now, frozenset())
        done = run_script("record_review.py", folder, "--id", "a/0", "--replaces", now.review_id,
                          *more)
        assert done.returncode == 0, done.stdout
        (now,) = ledger.current(ledger.load(folder))
        assert (now.contested, now.contested_fault) == left
