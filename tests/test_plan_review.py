"""plan_review.py: what is read, in which order, why, and by whom."""

import json
import shutil
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_analysis.packet import rows
from failure_analysis.review import picks, plan
from make_runs import judged, read_jsonl, turn

# model -> the turns it fails; turn 0 is failed by all, 1 and 2 by one model alone.
FAILS = {"a": (0, 1, 5, 6, 7), "b": (0, 2, 5, 6), "c": (0, 7, 8), "d": (0, 8)}


@pytest.fixture
def folder(analysed, tmp_path):
    """A copy of the analysis, to write into."""
    return shutil.copytree(analysed, tmp_path / "analysis")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Four judged runs over ten turns."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def analysed(analyse, runs):
    """All of stage 1 over the four runs."""
    return analyse("--run-dir", *(
        judged(runs / name, [turn(n, n not in fails, model_name=name,
                                  assistant_text=f"Room {n}, says {name}.") for n in range(10)])
        for name, fails in FAILS.items()))


def planned(run_script, folder, *args, code=0):
    done = run_script("plan_review.py", folder, *args)
    assert done.returncode == code, done.stdout + done.stderr
    return done, read_jsonl(folder / "review_plan.jsonl")


def test_the_kinds_are_read_in_turn(run_script, folder):
    done, lines = planned(run_script, folder)
    failing = [line for line in lines if line["why"] != "contrast"]
    # The kinds in turn; what every model failed is read together.
    assert [line["why"] for line in failing[:6]] == [
        "failed_by_all", "failed_by_all", "unique_failure", "sample", "unique_failure", "sample"]
    assert {line["item_id"] for line in failing[:2]} == {"0"}
    assert {failing[2]["item_id"], failing[4]["item_id"]} == {"1", "2"}
    assert len({line["model_name"] for line in failing[:2]}) == 2
    assert {line["why"] for line in failing[5:]} == {"sample"}
    cells = Counter((line["mode"], line["model_name"]) for line in failing)
    known = rows.load(folder)
    for cell, size in Counter((one.mode, one.model) for one in known.failing()).items():
        assert cells[cell] >= min(3, size), cell
    assert [line["order"] for line in lines] == list(range(1, len(lines) + 1))
    assert f"{len(failing)} of 14 failing" in done.stdout


def test_each_mode_has_a_passing_contrast_of_the_same_item(run_script, folder):
    _, lines = planned(run_script, folder)
    known = rows.load(folder)
    contrasts = [line for line in lines if line["why"] == "contrast"]
    assert {line["mode"] for line in contrasts} == {one.mode for one in known.failing()}
    for line in contrasts:
        before = lines[line["order"] - 2]
        mine, its = known.outcomes[line["datapoint_id"]], known.outcomes[before["datapoint_id"]]
        assert (mine.outcome, its.outcome) == ("pass", "fail")
        assert mine.item == its.item and mine.model != its.model
        assert line["contrast_of"] == before["datapoint_id"]
        whole = rows.row(known, line["datapoint_id"])
        assert whole["user_text"] == f"Question {mine.item}?"


def test_one_model_is_contrasted_with_its_own_attempts(run_script, analyse, tmp_path):
    runs = [judged(tmp_path / name, [turn(0, name == "y"), turn(1)]) for name in "xy"]
    folder = analyse("--run-dir", *runs)
    _, lines = planned(run_script, folder)
    assert [(line["datapoint_id"], line["why"]) for line in lines][-2:] == [
        ("x/0", lines[-2]["why"]), ("y/0", "contrast")]


def test_same_seed_same_plan_on_any_day(run_script, folder):
    planned(run_script, folder, "--seed", "3")
    first = {name: (folder / name).read_bytes()
             for name in ("review_plan.jsonl", "review_plan.md", "contrast_rows.jsonl")}
    planned(run_script, folder)
    planned(run_script, folder, "--seed", "3")
    assert first == {name: (folder / name).read_bytes() for name in first}


def test_a_budget_that_cannot_hold_the_floors_says_so(run_script, folder):
    done, lines = planned(run_script, folder, "--budget", "2")
    assert len(lines) == 2
    assert lines[0]["why"] == "failed_by_all"
    assert "short: items that one model alone failed and that are not in it: 1" in done.stdout
    assert "with fewer than 3 rows in it" in done.stdout
    assert "**Short:**" in (folder / "review_plan.md").read_text("utf-8")


def test_a_budget_beyond_the_floors_adds_rows(run_script, analyse, tmp_path):
    folder = analyse("--run-dir", judged(tmp_path / "a", [turn(n, False) for n in range(30)]))
    _, floors = planned(run_script, folder)
    _, more = planned(run_script, folder, "--budget", "12")
    assert (len(floors), len(more)) == (3, 12)
    assert len({line["datapoint_id"] for line in more}) == 12


def test_readers_get_disjoint_items_and_a_shared_part(run_script, folder):
    done, lines = planned(run_script, folder, "--shards", "2", "--overlap", "0.3")
    by_item = {}
    for line in lines:
        by_item.setdefault(line["item_id"], set()).add(tuple(line["shards"]))
    assert all(len(shards) == 1 for shards in by_item.values())  # whole items to one reader
    failing = [line for line in lines if line["why"] != "contrast"]
    shared = sum(len(line["shards"]) == 2 for line in failing)
    assert 0.3 * len(failing) <= shared < 0.3 * len(failing) + 4
    assert {tuple(line["shards"]) for line in lines} == {(1,), (2,), (1, 2)}
    assert f"{shared} failing datapoints are shared by all readers; below 30" in done.stdout


def test_inputs_that_changed_or_went_leave_the_plan_without_contrasts(run_script, folder, runs):
    run = runs / "a" / "openai_judged.jsonl"
    before = run.read_bytes()
    run.write_bytes(before + b"\n")
    done, lines = planned(run_script, folder)
    assert "this input has changed since the packet was built" in done.stdout
    assert all(line["why"] != "contrast" for line in lines)
    assert not (folder / "contrast_rows.jsonl").exists()
    run.unlink()
    assert "is no longer there" in planned(run_script, folder)[0].stdout
    run.write_bytes(before)
    assert any(line["why"] == "contrast" for line in planned(run_script, folder)[1])


def test_relative_inputs_are_found_from_another_directory(run_script, tmp_path):
    judged(tmp_path / "here/a", [turn(0, False), turn(1)])
    judged(tmp_path / "here/b", [turn(0, model_name="b"), turn(1, model_name="b")])
    done = run_script("deep_error_analysis.py", "--run-dir", "a", "b", "--output", "out/report.md",
                      cwd=tmp_path / "here")
    assert done.returncode == 0, done.stderr
    done = run_script("plan_review.py", "here/out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["datapoint_id"] for row in read_jsonl(tmp_path / "here/out/contrast_rows.jsonl")
            ] == ["b/0"]


def test_a_further_passing_datapoint_can_be_copied(run_script, folder):
    def copied():
        return {row["datapoint_id"] for row in read_jsonl(folder / "contrast_rows.jsonl")}

    _, before = planned(run_script, folder, "--budget", "5")
    there = copied()
    _, after = planned(run_script, folder, "--contrast", "c/3", "d/9")
    assert copied() == there | {"c/3", "d/9"} and after == before
    assert "failed: it is in the packet" in run_script("plan_review.py", folder, "--contrast",
                                                       "a/0").stderr
    assert "no datapoint q/0" in run_script("plan_review.py", folder, "--contrast", "q/0").stderr


@pytest.mark.parametrize(("spoil", "message"), [
    (("model_comparison.json",), "run compare_models.py first"),
    (("outcomes.csv",), "run build_packet.py first"),
])
def test_a_missing_step_is_named(run_script, folder, spoil, message):
    for name in spoil:
        (folder / name).unlink()
    done = run_script("plan_review.py", folder)
    assert done.returncode == 1 and message in done.stderr


def test_unclustered_rows_and_no_failures_are_refused(run_script, build, tmp_path):
    _, out = build("--run-dir", judged(tmp_path / "r", [turn(0, False)]))
    assert "run cluster_failures.py first" in run_script("plan_review.py", out).stderr
    _, out = build("--run-dir", judged(tmp_path / "s", [turn(0)]))
    assert "none of the 1 judged datapoints failed; there" in run_script("plan_review.py", out
                                                                         ).stderr
    ended = [turn(number, None, termination="infrastructure_error") for number in (0, 1)]
    _, out = build("--run-dir", judged(tmp_path / "u", ended), code=1)
    said = run_script("plan_review.py", out).stderr
    assert "none of the 2 datapoints is judged, so whether one failed is not known; judge" in said


@pytest.mark.parametrize("args", [("--budget", "0"), ("--shards", "0"), ("--overlap", "2")])
def test_impossible_options_are_usage_errors(run_script, tmp_path, args):
    assert run_script("plan_review.py", tmp_path, *args).returncode == 2


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 4), st.sampled_from("xy")),
                min_size=1, max_size=40), st.integers(1, 50), st.integers(1, 4),
       st.floats(0, 1))
def test_plans_hold_every_budget_and_lose_nothing(failing, budget, shards, overlap):
    outcomes = [rows.OutcomeLine(f"{model}/{item}@{place}", model, model, str(item), "", place,
                                 "fail", (), mode)
                for place, (model, item, mode) in enumerate(failing)]
    whole = picks.kept({}, outcomes, {}, picks.Options(everything=True))
    assert {pick.line.datapoint_id for pick in whole} == {one.datapoint_id for one in outcomes}
    queues = {picks.AUDIT: [], picks.ALL: [picks.Pick(one, picks.ALL) for one in outcomes[:9]],
              picks.REPAIRED: [],
              picks.UNIQUE: [picks.Pick(one, picks.UNIQUE) for one in outcomes[9:14]]}
    kept = picks.kept(queues, outcomes, {}, picks.Options(budget))
    assert len({pick.line.datapoint_id for pick in kept}) == len(kept) == min(budget, len(outcomes))
    parts = picks.readers(kept, shards, overlap, 0)
    lines = plan.lines_of(kept, parts, lambda ident: ())
    assert sorted(line.datapoint_id for line in lines) == \
        sorted(pick.line.datapoint_id for pick in kept)
    assert all(set(line.shards) <= set(range(1, shards + 1)) and line.shards for line in lines)


@pytest.mark.slow
def test_tau2_plans_copy_the_policy(run_script, analyse, real_runs):
    folder = analyse("--input", real_runs / "tau2-bench" / "airline")
    done = run_script("plan_review.py", folder, "--json")
    summary = json.loads(done.stdout)
    assert summary["short"] == []
    assert summary["failing"] == 107
    text = (folder / "background.md").read_text("utf-8")
    assert "# Airline Agent Policy" in text and "[end of data-" in text


@pytest.fixture(scope="module")
def many(analyse, tmp_path_factory):
    """Two models over 160 items; the one fails nine of ten, the other those and more."""
    runs = tmp_path_factory.mktemp("many")
    return analyse("--run-dir", *(judged(runs / name, [
        turn(n, n % every == 0, model_name=name, assistant_text=f"Room {n}, says {name}.")
        for n in range(160)])
        for name, every in (("a", 10), ("b", 16))))


def test_a_plan_without_a_budget_ends_and_says_what_it_leaves_out(run_script, many, tmp_path):
    folder = shutil.copytree(many, tmp_path / "many")
    done, lines = planned(run_script, folder)
    assert len(lines) == 100
    assert "not in the plan: 195 of 294 failing datapoints (" in done.stdout
    assert "it was cut at 100 datapoints (--budget N sets another limit, --all plans all)" in \
        done.stdout
    _, lines = planned(run_script, folder, "--all")
    assert sum(line["why"] != "contrast" for line in lines) == 294
    assert run_script("plan_review.py", folder, "--all", "--budget", "3").returncode == 2


@pytest.mark.parametrize("budget", [4, 5, 40, 90])
def test_every_kind_and_model_keeps_a_share_of_a_budget(run_script, many, tmp_path, budget):
    folder = shutil.copytree(many, tmp_path / "many")
    _, lines = planned(run_script, folder, "--budget", str(budget))
    why = Counter(line["why"] for line in lines)
    assert len(lines) == budget
    assert set(why) == {"failed_by_all", "unique_failure", "sample", "contrast"}
    assert why["failed_by_all"] <= budget / 2
    assert {line["model_name"] for line in lines} == {"a", "b"}
    assert len({line["why"] for line in lines[:4]}) >= 3


def test_two_models_that_fail_by_chance_are_no_suspicion(run_script, many, tmp_path):
    folder = shutil.copytree(many, tmp_path / "many")
    assert "the first suspects" not in (folder / "report.md").read_text()
    done, _ = planned(run_script, folder)
    # 144 and 150 of 160 fail: 0.9 x 0.9375 x 160 = 135.
    assert "Failed by all: 136 of 160 items. Were the failures of the 2 models independent, " \
        "their fail rates would give 135.0" in done.stdout
    assert "no more than chance, so by itself no suspicion of the benchmark" in done.stdout


def test_flags_of_the_audit_are_read_first_with_what_passed_beside_what_failed(
        run_script, analyse, tmp_path):
    same = {"assistant_text": "The talk is in room 4."}
    folder = analyse("--run-dir", *(
        judged(tmp_path / name, [turn(0, name == "x", model_name=name,
                                      scores={"correct": name == "x"}, **same),
                                 turn(1, False, model_name=name,
                                      assistant_text=f"Room 1, says {name}."),
                                 turn(2, True, model_name=name)]) for name in "xy"))
    done, lines = planned(run_script, folder)
    assert [(line["why"], line["datapoint_id"]) for line in lines[:2]] == [
        ("audit", "y/0"), ("contrast", "x/0")]
    [candidate] = read_jsonl(folder / "audit.jsonl")
    assert lines[0]["candidate"] == candidate["id"] and lines[2]["candidate"] is None
    assert "3 of 3 failing, 1 passing" in done.stdout
    shown = run_script("show_datapoint.py", folder, "--next", "--coder", "ann").stdout
    assert f"candidate {candidate['id']} of the audit, same_answer_other_verdict (equal)" in shown
    assert "its datapoints: x/0, y/0" in shown
    assert "audit_benchmark.py" in shown and '"datapoint_id": "y/0"' in shown
    passing = run_script("show_datapoint.py", folder, "x/0")
    assert passing.returncode == 0 and "The talk is in room 4." in passing.stdout


def test_a_passing_datapoint_is_planned_where_it_is_in_doubt_and_nothing_failed(
        run_script, analyse, tmp_path):
    folder = analyse("--run-dir", judged(tmp_path / "x", [
        turn(0, True, model_name="x", assistant_text="", expected="Room four."),
        turn(1, True, model_name="x")]))
    _, lines = planned(run_script, folder)
    assert [(line["why"], line["datapoint_id"]) for line in lines] == [("audit", "x/0")]
    assert rows.row(rows.load(folder), "x/0")["assistant_text"] == ""
