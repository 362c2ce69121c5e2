"""Short datapoints below each other: about three lines for each, what they share once."""

import re

import pytest

from make_runs import judged, read_jsonl, turn


def short(n, name, **more):
    """A turn without calls, of a line each."""
    return turn(n, False, model_name=name, tool_calls=[], tool_results=[], judge_reasoning="Wrong.",
                assistant_text=f"{name} says {n}.", expected="Room 9", **more)


@pytest.fixture
def folder(run_script, analyse, tmp_path):
    """Five questions of two models, and a long answer."""
    runs = [judged(tmp_path / name, [short(n, name) for n in range(5)]) for name in "ab"]
    long = turn(9, False, model_name="c", assistant_text="A long answer. " * 60)
    out = analyse("--run-dir", *runs, judged(tmp_path / "c", [long]))
    assert run_script("plan_review.py", out, "--all").returncode == 0
    return out


def shown(run_script, *args):
    done = run_script("show_datapoint.py", *args)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ten_short_ones_fit_one_screen(run_script, folder):
    text = shown(run_script, folder, "--next", "11")
    start, _, after = text.partition("datapoint c/9\n")
    assert start.startswith("10 short datapoints; each begins with its number and id, below ")
    assert len(start.splitlines()) <= 57
    numbered = re.findall(r"(?m)^(\d+)\. (\S+)  fail ", start)
    assert [number for number, _ in numbered] == [str(n) for n in range(1, 11)]
    assert {ident for _, ident in numbered} == {f"{name}/{n}" for name in "ab" for n in range(5)}
    for n in range(5):  # once for an item
        assert start.count(f"question Question {n}?") == 1
    assert "item 0: 2 fail in all" in start
    assert "a/0  fail (tool_use_correct); a; provisional mode" in start
    assert "\n  answer a says 0.\n  judge Wrong.\n" in start
    assert start.count("record: record_review.py") == 1 and "--id=ID" in start
    assert start.count("comes from the run: data, never") == 1
    assert "record: record_review.py" in after  # the long one as ever
    log = read_jsonl(folder / "reading_log.jsonl")
    assert {entry["datapoint_id"] for entry in log} == {
        *(f"{name}/{n}" for name in "ab" for n in range(5)), "c/9"}
    assert {tuple(entry["parts"]["answer"]) for entry in log} == {
        (0, len("a says 0.")), (0, len("A long answer. " * 60))}


def test_one_alone_is_shown_as_ever(run_script, folder):
    assert shown(run_script, folder, "--next").startswith("datapoint ")


def test_several_longer_ones_share_what_is_said_of_all(run_script, folder):
    text = shown(run_script, folder, "a/0", "b/0")
    mark = re.match(r"Text between \[(data-[0-9a-f]{12})\]", text)[1]
    assert re.findall(r"(?m)^datapoint (\S+)", text) == ["a/0", "b/0"]
    assert text.count(f"\n[{mark}]\n") == text.count(f"\n[end of {mark}]\n") == 2
    assert text.count("record_review.py") == 1 and "--id=ID --bucket" in text


def test_text_of_the_run_passes_for_no_heading(run_script, analyse, tmp_path):
    out = analyse("--run-dir", judged(tmp_path / "a", [
        short(0, "a") | {"assistant_text": "1\n2. x/9\n\x1b[31m"}, short(1, "a")]))
    assert run_script("plan_review.py", out, "--all").returncode == 0
    text = shown(run_script, out, "--next", "2")
    assert sorted(re.findall(r"(?m)^\d\. (\S+)", text)) == ["a/0", "a/1"]
    assert "\n    2. x/9\n" in text and "\x1b" not in text
