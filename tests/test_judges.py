"""Runs that lack a judge: no judged file, or not the further judge that others have."""

import json

from failure_analysis import files
from make_runs import findings, judged, turn


def unjudged(number):
    row = turn(number)
    del row["scores"]
    return row


def three(tmp_path):
    return [judged(tmp_path / "set" / name, [turn(0), turn(1, False)]) for name in "ab"] + [
        judged(tmp_path / "set" / "c", [unjudged(number) for number in range(3)],
               "transcript.jsonl")]


def test_a_run_without_a_judged_file_is_named(build, tmp_path):
    _, out = build("--run-dir", *three(tmp_path))
    [finding] = findings(out, "no_judged_file")
    assert finding["text"] == ("Run c has no judged file: its 3 rows are unjudged and in no rate.")
    assert finding["about"] == ["c"]
    counted = files.read_json(out / "sanity.json")["conservation"]
    assert (counted["rows_read"], counted["unjudged"]) == (7, 3)


def test_a_run_alone_and_judged_runs_are_not_named(build, tmp_path):
    runs = three(tmp_path)
    build("--run-dir", runs[2], code=1)
    assert not findings(tmp_path / "out", "no_judged_file")
    _, out = build("--run-dir", *runs[:2])
    assert not findings(out, "no_judged_file")


def test_a_folder_beside_the_runs_without_rows_is_named(build, tmp_path):
    runs = three(tmp_path)
    for name, file in (("d", "runtime.json"), ("e", "openai_summary.json"), ("f", "notes.json")):
        (tmp_path / "set" / name).mkdir()
        (tmp_path / "set" / name / file).write_text("{}", encoding="utf-8")
    for how in (["--run-dir", *runs[:2]], ["--input", tmp_path / "set"]):
        _, out = build(*how)
        [finding] = findings(out, "no_judged_file")
        assert finding["about"][-2:] == ["d", "e"]
        assert ("Folder d beside the runs has files of a run, but no judged file and no "
                "transcript: it is no run here.") in finding["text"]


def test_a_further_judge_of_some_runs_only_is_named_once(build, tmp_path):
    runs = three(tmp_path)
    for name in ("anthropic_judged.jsonl", "mistral_judged.jsonl"):
        judged(runs[0], [turn(0), turn(1)], name)
    _, out = build("--run-dir", *runs)
    [finding] = findings(out, "judge_missing")
    assert finding["text"] == (
        "A further judge graded some runs only: anthropic graded 1 of 2 runs, not b; mistral "
        "graded 1 of 2 runs, not b. How far judges agree is known of the runs that they share.")
    assert finding["about"] == ["b"]
    for name in ("anthropic_judged.jsonl", "mistral_judged.jsonl"):
        judged(runs[1], [turn(0), turn(1)], name)
    _, out = build("--run-dir", *runs)
    assert not findings(out, "judge_missing")


def test_the_findings_are_the_same_with_any_jobs(build, tmp_path):
    runs = three(tmp_path)
    judged(runs[0], [turn(0), turn(1)], "anthropic_judged.jsonl")
    texts = []
    for jobs in (1, 2):
        _, out = build("--run-dir", *runs, "--jobs", jobs)
        texts.append((out / "sanity.json").read_bytes())
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["findings"]
