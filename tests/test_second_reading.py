"""The second reading: the sheet, the answers, and what the check makes of them."""

import json
import shutil

import pytest

import goldens
from failure_analysis import files
from failure_analysis.report import check, evidence, write

READER = ("--reader", "second")


@pytest.fixture(scope="module")
def done(run_script, tmp_path_factory):
    """A finished analysis."""
    return goldens.trips(run_script, tmp_path_factory.mktemp("trips"))


@pytest.fixture
def folder(done, tmp_path):
    """A copy to answer for."""
    return shutil.copytree(done, tmp_path / "analysis")


def answer(run_script, folder, answers, *more, code=0):
    """Records answers; returns what was printed."""
    path = folder.parent / "answers.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in answers), encoding="utf-8")
    done = run_script("check_report.py", folder, "--answers", path, *(more or READER), "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def checked(run_script, folder, *more, code=0):
    """Writes and checks; returns the result and what was printed for people."""
    assert run_script("write_report.py", folder).returncode == 0
    done = run_script("check_report.py", folder, *more)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads((folder / "check.json").read_text()), done.stdout


def all_supported(folder, but=0):
    """A yes to each sentence but the first ones."""
    entries, _ = check.sheet_entries(folder)
    return [{"id": one.ident, "answer": "supported"} for one in entries[but:]]


def test_the_sheet_has_each_sentence_with_what_it_rests_on(run_script, folder):
    done = run_script("check_report.py", folder, "--second-reading", "--json")
    said = json.loads(done.stdout)
    assert said["sentences"] == 42 and done.returncode == 0
    sheet = (folder / "second_reading.md").read_text("utf-8")
    entries, _ = check.sheet_entries(folder)
    assert len(entries) == 42 and all(f"- `{one.ident}` " in sheet for one in entries)
    assert "6: rows that were judged to fail; `agent-alpha`\n" in sheet
    assert "- `agent-alpha`: 7 rows judged, 6 failed; 6 of the failed were read, 0 not\n" in sheet
    assert "failed of judged on each dimension: `COMMUNICATE` 0 of 7, `DB` 6 of 7\n" in sheet
    assert "read by agent (agent): acts_on_a_near_value, model_error: It moves the flight to " \
        "Thursday where Friday was asked for." in sheet
    assert "question: Task instructions: Move my flight to Friday." in sheet
    assert '1.0: move_flight {"day": "thursday"}' in sheet
    assert "the item: `agent-alpha` 1 fail; " in sheet
    assert "**Costs:**" not in sheet  # as drafted, so nobody's claim
    assert check.check(folder).findings == []  # the sheet is no foreign file


@pytest.mark.slow
def test_who_confirms_what_is_said_to_the_reader_of_the_report(run_script, folder):
    _, text = checked(run_script, folder)
    assert "NOT CONFIRMED: no second reader has answered for the 42 sentences" in text
    report = write.path_of(folder)
    assert "nobody but the author has read the sentences" in report.read_text("utf-8")
    checked(run_script, folder, "--strict", code=1)
    said = answer(run_script, folder, all_supported(folder, but=1))
    assert (said["recorded"], said["already"], said["refused"]) == (41, 0, 0)
    assert "edited_block: status" in run_script("check_report.py", folder).stdout
    result, text = checked(run_script, folder)
    assert (result["confirmed"], result["sentences"], result["readers"]) == \
        (41, 42, [["second", "agent"]])
    assert "CONFIRMED 41 of 42 sentences by second (agent); 1 not read\n" in text
    checked(run_script, folder, "--strict", code=1)
    answer(run_script, folder, all_supported(folder)[:1], "--reader", "me", "--kind", "author")
    _, text = checked(run_script, folder, "--strict")
    assert "PROVED, against the manifest" in text
    assert "CONFIRMED 42 of 42 sentences by me (the author), second (agent)\n" in text
    assert "a second reader confirms: 42 of 42 sentences by me (the author), second (agent)." in \
        report.read_text("utf-8")


def test_the_next_sheet_has_what_is_left(run_script, folder):
    def left(*more):
        done = run_script("check_report.py", folder, "--second-reading", "--json", *more)
        return json.loads(done.stdout)["sentences"]

    every = all_supported(folder)
    answer(run_script, folder, [*every[:30], {**every[30], "answer": "not_checkable",
                                              "reason": "nothing shows this"}])
    assert (left(), left("--reader", "second"), left("--reader", "third")) == (12, 11, 42)
    left()
    sheet = (folder / "second_reading.md").read_text("utf-8")
    assert every[30]["id"] in sheet and every[0]["id"] not in sheet
    answer(run_script, folder, every)
    assert left() == 0
    assert "nothing is left to read" in run_script(
        "check_report.py", folder, "--second-reading").stdout


def test_a_declined_sentence_is_a_finding_until_it_is_mended(run_script, folder):
    entries, _ = check.sheet_entries(folder)
    one = next(one for one in entries if one.text.startswith("**Trigger:**"))
    answer(run_script, folder, [*all_supported(folder), {
        "id": one.ident, "answer": "overclaims", "reason": "one request is no trigger"}])
    result, text = checked(run_script, folder, code=1)
    (found,) = result["findings"]
    assert (found["verdict"], found["line"]) == ("declined", one.said.line)
    assert found["why"] == "second says overclaims: one request is no trigger"
    assert "PROVED, against the manifest" in text and "DOES NOT HOLD" not in text
    assert "DECLINED by a second reader: 1 sentences, which have to be mended" in text
    assert "CONFIRMED 41 of 42 sentences by second (agent); 1 declined" in text
    report = write.path_of(folder)
    report.write_text(report.read_text("utf-8").replace(
        one.text, one.text.replace("A request such as", "Here somebody asked"), 1),
                      encoding="utf-8")
    result, _ = checked(run_script, folder)
    assert (result["confirmed"], result["findings"]) == (41, [])


def test_an_answer_is_void_when_the_evidence_changes(run_script, folder):
    answer(run_script, folder, all_supported(folder))
    old = all_supported(folder)
    review = json.loads((folder / "reviews.jsonl").read_text("utf-8").splitlines()[0])
    done = run_script("record_review.py", folder, "--id", review["datapoint_id"], "--replaces",
                      review["review_id"], "--bucket", review["bucket"], "--fault", "mixed",
                      "--mechanism", review["mechanism"], "--quote", review["quotes"][0])
    assert done.returncode == 0, done.stdout
    report = write.path_of(folder)
    result, _ = checked(run_script, folder)
    assert 0 < result["confirmed"] < 42 and result["findings"] == []
    refused = answer(run_script, folder, old, code=1)
    assert refused["refused"] == 42 - result["confirmed"]
    assert "have changed since the sheet was made" in refused["entries"][0]["reason"]
    assert "sentences by second (agent)" in report.read_text("utf-8")


@pytest.mark.parametrize(("entry", "why"), [
    ({"id": "0000000000", "answer": "supported"}, "is no sentence of the report as it stands"),
    ({"answer": "yes"}, "answer \"yes\" is none of supported, overclaims"),
    ({"answer": "contradicted"}, "contradicted needs a reason, of two words at least"),
    ({"answer": "supported", "note": "x"}, "unknown key note"),
    ({"answer": "supported", "reader": "a b"}, "reader 'a b' is no name"),
    ({"answer": "supported", "kind": "llm"}, "kind \"llm\" is none of agent, person, author"),
    ({"answer": ["supported"]}, "answer is no text"),
])
def test_what_is_no_answer_is_refused_and_the_rest_recorded(run_script, folder, entry, why):
    good, first = all_supported(folder)[:2]
    said = answer(run_script, folder, [{"id": first["id"], **entry}, good], code=1)
    assert (said["recorded"], said["refused"]) == (1, 1)
    assert why in said["entries"][0]["reason"]
    again = answer(run_script, folder, [good])
    assert (again["recorded"], again["already"]) == (0, 1)


def test_answers_by_hand_cut_off_or_of_nobody_are_refused(run_script, folder):
    path = folder / "second_reading.jsonl"
    answer(run_script, folder, all_supported(folder)[:2])
    path.write_bytes(path.read_bytes()[:-9])  # a crash: the last one was never acknowledged
    result, _ = checked(run_script, folder)
    assert result["confirmed"] == 1
    path.write_text("{}\n", encoding="utf-8")
    done = run_script("check_report.py", folder)
    assert done.returncode == 1 and f"{path}:1: not an answer" in done.stderr
    assert run_script("check_report.py", folder, "--answers", path).returncode == 2
    assert run_script("check_report.py", folder, "--second-reading", "--strict").returncode == 2


def test_text_of_the_runs_cannot_leave_its_fence(run_script, folder):
    sheet = folder / "second_reading.md"
    run_script("check_report.py", folder, "--second-reading")
    assert sheet.read_text("utf-8").count("```text data-") == \
        sheet.read_text("utf-8").count("[end of data-")
    report = write.path_of(folder)
    report.write_text(report.read_text("utf-8").replace(
        "## What was read", "It \x1b[31mis\u202e so.\n\n## What was read"), encoding="utf-8")
    run_script("check_report.py", folder, "--second-reading")
    assert "\x1b" not in sheet.read_text("utf-8") and "\u202e" not in sheet.read_text("utf-8")


@pytest.mark.parametrize("text", [
    "`agent-alpha` = `harness-at-fault-in-99-of-99-rows`", "### `all-99-failures-are-the-harness`",
    "- `agent-alpha`: `fails-only-because-the-harness-broke`",
    "[`all failures invented`](https://example.org/99-of-99-rows)", "`no` `failure` `is` `its`",
    "\u24b6\u24db\u24db \u24d0\u24e1\u24d4 \u24d8\u24e3\u24e2.", "\u2813\u2801\u2817\u281d",
    "\U0001f44e \u2705", "#### `agent-alpha` \u2260 `own_fault`",
    "```bash\npython x.py all failed\n```",
    f'"{goldens.SAID[1]}" [dp:agent-alpha/[trip]step_1|calm[PERSONA:None]] = `harness`'])
def test_whatever_is_seen_is_refused_or_on_the_sheet(folder, text):
    gathered = check.gather(folder)
    before = write.path_of(folder).read_text("utf-8")
    after = before.replace("## What was read", f"{text}\n\n## What was read", 1)
    result = check.prove(after, gathered)
    assert result.findings or len(result.said) > len(check.prove(before, gathered).said)


def test_an_answer_is_void_when_the_words_around_change(run_script, folder):
    report = write.path_of(folder)
    report.write_text(report.read_text("utf-8").replace("## What was read", (
        "None of this holds:\n\n- The harness broke off the runs.\n\n"
        "It is untrue that a tool broke. This was seen often.\n\n## What was read"), 1))
    run_script("check_report.py", folder, "--second-reading")
    sheet = (folder / "second_reading.md").read_text("utf-8")
    assert "The harness broke off the runs.\n  - under: None of this holds:\n" in sheet
    answer(run_script, folder, all_supported(folder))
    result, _ = checked(run_script, folder)
    assert (result["confirmed"], result["sentences"]) == (46, 46)
    report.write_text(report.read_text("utf-8").replace("None of this", "All of this").replace(
        "It is untrue that a tool", "A tool"))
    result, _ = checked(run_script, folder)
    assert result["confirmed"] == 42  # the lead and its item, the sentence and the one after it
    run_script("check_report.py", folder, "--second-reading")
    sheet = (folder / "second_reading.md").read_text("utf-8")
    assert "This was seen often.\n" in sheet and "under: All of this holds:" in sheet


def test_who_declined_is_not_confirmed_by_the_author_of_that_name(run_script, folder):
    one, *others = all_supported(folder)
    answer(run_script, folder, others, "--reader", "Ann", "--kind", "person")
    answer(run_script, folder, [{**one, "answer": "contradicted", "reason": "not so"}],
           "--reader", "Ann", "--kind", "person")
    answer(run_script, folder, [one], "--reader", "Ann", "--kind", "author")
    result, text = checked(run_script, folder, code=1)
    assert (result["confirmed"], result["declined"]) == (41, 1)
    assert "41 of 42 sentences by Ann (the author), Ann (person); 1 declined" in text


def test_a_large_packet_is_computed_anew_beside_with_the_same_result(folder, monkeypatch):
    inline = check.gather(folder)
    monkeypatch.setattr(evidence, "_LARGE", 0)
    beside = check.gather(folder)
    assert (beside.analysis.compared, beside.analysis.clusters, beside.relabelled) == \
        (inline.analysis.compared, inline.analysis.clusters, inline.relabelled)
    (folder / "outcomes.csv").write_text("datapoint_id\n")
    with pytest.raises(files.Refusal, match="outcomes.csv"):
        check.gather(folder)
