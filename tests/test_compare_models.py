"""compare_models.py: who fails what, on which items, and what may be said of it."""

import json
from itertools import product
from statistics import stdev

import pytest

from failure_analysis import clean
from failure_analysis.datapoint import GRADING_COLUMNS, OUTCOME_COLUMNS
from failure_analysis.statistics import smallest_difference, smallest_mean_difference
from make_runs import judged, simulation, task, tau2, turn


def outcome(model, item, outcome="pass", run=None, trial=0, content="p", scores=None, grader="g"):
    """One line of outcomes.csv."""
    run = run or f"run-{model}"
    return {"datapoint_id": f"{run}/{item}@{trial}", "run_id": run, "model_name": model,
            "item_id": item, "item_fingerprint": content, "trial": trial, "outcome": outcome,
            "scores_json": json.dumps(scores or {"ok": {"pass": True, "fail": False}.get(outcome)}),
            "grader": grader}


def table(verdicts, **more):
    """Lines from {model: "pf-"}: pass, fail, not run per item 0, 1, …"""
    words = {"p": "pass", "f": "fail", "u": "unjudged"}
    return [outcome(model, str(item), words[mark], **more) for model, marks in verdicts.items()
            for item, mark in enumerate(marks) if mark != "-"]


@pytest.fixture
def compare(run_script, tmp_path):
    """`compare(lines, *args)`: compares hand-made outcomes; returns model_comparison.json."""

    def run(lines, *args, gradings=(), rows=(), code=0):
        out = tmp_path / "analysis"
        out.mkdir(exist_ok=True)
        for name, columns, records in (("outcomes.csv", OUTCOME_COLUMNS, lines),
                                       ("gradings.csv", GRADING_COLUMNS, gradings)):
            if records or name == "outcomes.csv":
                (out / name).write_bytes(clean.csv_line(columns) + b"".join(
                    clean.csv_line(record.get(name) for name in columns) for record in records))
        (out / "failure_review_rows.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows))
        (out / "facts.json").write_text('{"failed_rows": 1, "comparison/stale": 3}')
        done = run_script("compare_models.py", out, *args)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads((out / "model_comparison.json").read_text()) if not code else done.stderr

    return run


def test_shared_and_unique_sets(compare, tmp_path):
    result = compare(table({"a": "ffpfp", "b": "fpfpp", "c": "fpppp"}))
    sets = result["sets"]
    assert sets["failed_by_all"] == ["0"]
    assert sets["passed_by_all"] == ["4"]
    assert sets["unique_fail"] == {"a": ["1", "3"], "b": ["2"], "c": []}
    # With three models and one failing, the other two are no unique passes.
    assert sets["unique_pass"] == {"a": [], "b": [], "c": []}
    assert sets["failed_by_exactly_one"] == 3
    assert sets["unique_fails_by_chance"] == {"draws": 399, "units": {  # one way for these totals
        "a": {"expected": 2.0, "low": 2, "high": 2}, "b": {"expected": 1.0, "low": 1, "high": 1},
        "c": {"expected": 0.0, "low": 0, "high": 0}}}
    known = json.loads((tmp_path / "analysis" / "facts.json").read_text())
    assert known["comparison/failed_by_all"] == 1
    assert known["comparison/unique_fail/a"] == 2
    assert known["comparison/pass_rate_pct/a"] == 40.0
    assert known["failed_rows"] == 1
    assert "comparison/stale" not in known


def test_unique_failures_stand_beside_their_range_by_chance(compare, tmp_path):
    """Model a fails twelve items that nobody else fails; hard items are hard for all."""
    hard = ["fffppffp", "ffpffppf", "fpffpfpf", "pffpffpf", "fpfpffff", "pfffppff"]
    verdicts = {name: marks + "p" * 32 for name, marks in zip("abcdef", hard, strict=True)}
    verdicts["a"] = verdicts["a"][:8] + "f" * 12 + "p" * 20
    verdicts["b"] = verdicts["b"][:-3] + "fpp"
    chance = compare(table(verdicts))["sets"]["unique_fails_by_chance"]["units"]
    page = (tmp_path / "analysis" / "model_comparison.md").read_text()
    assert "13 items were failed by exactly one model.\n" in page
    assert "| model | only it fails | by chance 95 % | items |" in " ".join(page.split())
    assert f"| 12 | {chance['a']['low']} to {chance['a']['high']} (**above**) |" in page
    assert f"| 1 | {chance['b']['low']} to {chance['b']['high']} |" in page
    assert "fail each item (399 random tables with these totals)." in page
    compare(table({name: verdicts[name] for name in "ab"}))
    page = (tmp_path / "analysis" / "model_comparison.md").read_text()
    assert "by chance 95 %" not in page
    assert "Whether one of two fails more, their pair says." in page


def test_unique_pass_needs_everybody_else_to_fail(compare):
    assert compare(table({"a": "p", "b": "f", "c": "f"}))["sets"]["unique_pass"] == {
        "a": ["0"], "b": [], "c": []}


def test_not_run_is_not_passed(compare):
    """The old script gave a model a unique pass on a turn that it never ran."""
    result = compare(table({"a": "ff-", "b": "fff"}))
    assert result["sets"]["unique_pass"] == {"a": [], "b": []}
    assert result["compared_items"] == 2
    assert result["partial"] == [{"item": "2", "lacking": ["a"], "failed_by": ["b"], "judged": 1}]


def test_an_empty_run_does_not_empty_failed_by_all(compare):
    result = compare(table({"a": "fp", "b": "ff", "empty": "uu"}))
    assert result["sets"]["failed_by_all"] == ["0"]
    assert result["not_judged"] == ["empty"]


def test_items_with_other_content_are_left_out_and_listed(compare, tmp_path):
    lines = [*table({"a": "ffp", "b": "fpf"}), outcome("a", "9", "fail", content="old"),
             outcome("b", "9", "fail", content="new"), outcome("c", "9", "fail", content="new")]
    lines += [outcome("c", str(item), "fail") for item in range(3)]
    result = compare(lines)
    assert result["different_content"] == [
        {"item": "9", "variants": {"old": ["a"], "new": ["b", "c"]}}]
    assert result["sets"]["failed_by_all"] == ["0"]
    pairs = {(pair["a"], pair["b"]): pair for pair in result["pairs"]}
    assert pairs["a", "b"]["items"] == 3
    assert pairs["a", "b"]["different_content"] == 1
    assert pairs["b", "c"]["items"] == 4  # this pair agrees on what item 9 is
    page = (tmp_path / "analysis" / "model_comparison.md").read_text()
    assert "1 of 4 items differ in content under one id" in page
    cells = {row["item_id"]: row
             for row in clean.read_csv(tmp_path / "analysis" / "comparison.csv")}
    assert cells["9"]["a"] == "different content"
    assert (cells["0"]["models_judged"], cells["0"]["models_failing"], cells["0"]["a"]) == (
        "3", "3", "1 of 1")


def test_content_that_changes_between_runs_of_one_model_is_used_by_nobody(compare):
    lines = [outcome("a", "0", run="r1", content="x"), outcome("a", "0", run="r2", content="y"),
             outcome("b", "0", content="x"), outcome("a", "1"), outcome("b", "1")]
    result = compare(lines)
    assert [entry["item"] for entry in result["different_content"]] == ["0"]
    assert result["pairs"][0]["items"] == 1


def test_runs_of_one_model_are_repeats_with_three_readings(compare, tmp_path):
    lines = [*table({"a": "ffp"}, run="a1"), *table({"a": "fpp"}, run="a2"),
             *table({"b": "ffp"}, run="b1"), *table({"b": "fff"}, run="b2")]
    result = compare(lines)
    assert result["repeats"]
    assert {name: sets["failed_by_all"] for name, sets in result["readings"].items()} == {
        "any": ["0", "1"], "majority": ["0"], "all": ["0"]}
    assert result["readings"]["any"]["unique_fail"] == {"a": [], "b": ["2"]}
    unstable = result["instability"]["a"]
    assert (unstable["always_fail"], unstable["flaky"], unstable["always_pass"]) == (
        ["0"], ["1"], 1)
    assert unstable["pass_hat_k"] == {"1": 0.5, "2": 0.3333}
    assert unstable["pass_at_k"] == {"1": 0.5, "2": 0.6667}
    assert unstable["flip_rate"] == 0.3333
    page = (tmp_path / "analysis" / "model_comparison.md").read_text()
    assert "more than half of the attempts failed" in page


def test_one_model_with_several_runs_is_compared_by_run(compare):
    result = compare([*table({"a": "fp"}, run="r1"), *table({"a": "ff"}, run="r2")])
    assert result["by"] == "run"
    assert result["sets"]["unique_fail"] == {"r1": [], "r2": ["1"]}
    assert compare([*table({"a": "fp"}, run="r1"), *table({"b": "ff"}, run="r2")],
                   "--by", "run")["by"] == "run"


def test_one_run_alone(compare, tmp_path):
    result = compare(table({"a": "fp"}))
    assert result["sets"]["failed_by_all"] == []
    assert result["pairs"] == []
    page = (tmp_path / "analysis" / "model_comparison.md").read_text()
    assert "There is one model with judged rows: nothing to compare it with." in page


def test_flaky_items_and_their_modes(compare):
    lines = [outcome("a", "0", verdict, trial=trial)
             for trial, verdict in enumerate(("fail", "fail", "pass"))]
    lines += [outcome("a", "1", verdict, trial=trial)
              for trial, verdict in enumerate(("fail", "fail", "pass"))]
    rows = [{"datapoint_id": f"run-a/{item}@{trial}", "model_name": "a", "run_id": "run-a",
             "item_id": item, "outcome": "fail", "failed_dimensions": [],
             "error_mode_candidate": mode}
            for item, modes in (("0", "xx"), ("1", "xy")) for trial, mode in enumerate(modes)]
    unstable = compare(lines, rows=rows)["instability"]["a"]
    assert unstable["flaky_failing_twice_labelled"] == 2
    assert unstable["flaky_failing_in_one_mode"] == 1


def test_pairs_are_tested_and_adjusted(compare, tmp_path):
    result = compare(table({"a": "p" * 15 + "f" * 15, "b": "f" * 12 + "p" * 3 + "f" * 15,
                            "c": "p" * 15 + "f" * 15}))
    pairs = {(pair["a"], pair["b"]): pair for pair in result["pairs"]}
    ab = pairs["a", "b"]
    assert (ab["only_a_fails"], ab["only_b_fails"], ab["difference"]) == (0, 12, 0.4)
    assert ab["p"] == pytest.approx(2 * 0.5**12 - 0.5**12, abs=1e-6)
    assert ab["exact_p"] == pytest.approx(2 * 0.5**12, abs=1e-6)
    assert ab["p_holm"] == pytest.approx(3 * ab["p"], abs=2e-6)
    ac = pairs["a", "c"]
    assert (ac["p"], ac["difference"], ac["detectable"]) == (1.0, 0.0, None)
    page = (tmp_path / "analysis" / "model_comparison.md").read_text()
    assert "more than chance" in page
    assert "not shown; nothing differed, or too few items" in page


def test_what_so_many_items_could_have_shown_stands_beside_no_difference(compare, tmp_path):
    """At the level that Holm leaves: of six pairs, the three of d are rejected."""
    verdicts = {"a": "p" * 45 + "f" * 5, "b": "f" * 3 + "p" * 44 + "f" * 3,
                "c": "p" * 40 + "ff" + "p" * 3 + "f" * 5, "d": "f" * 50}
    page = tmp_path / "analysis" / "model_comparison.md"
    compare(table({name: verdicts[name] for name in "ab"}))
    shown = 100 * smallest_difference(50, 5)
    assert f"not shown; 50 items could show {shown:.0f} points" in page.read_text()
    assert "with 80 % power at the level that it leaves, 0.05.\n" in page.read_text()
    pairs = {pair["a"] + pair["b"]: pair for pair in compare(table(verdicts))["pairs"]}
    assert [name for name, pair in pairs.items() if pair["p_holm"] < 0.05] == ["ad", "bd", "cd"]
    for name, discordant in (("ab", 5), ("ac", 2), ("bc", 7)):
        assert pairs[name]["detectable"] == pytest.approx(
            smallest_difference(50, discordant, 0.05 / 3), abs=1e-4)
    assert pairs["ad"]["detectable"] == pytest.approx(
        smallest_difference(50, 45, 0.05 / 4), abs=1e-4)
    assert "with 80 % power at the level that it leaves, 0.05 / 3.\n" in page.read_text()


def test_repeated_pairs_resample_items(compare):
    lines = [outcome(model, str(item), "fail" if (item * 7 + trial) % 5 < cut else "pass",
                     trial=trial)
             for model, cut in (("a", 1), ("b", 3)) for item, trial in product(range(60), range(2))]
    (pair,) = compare(lines)["pairs"]
    assert pair["method"] == "t test over items, item bootstrap interval (10000 draws)"
    low, high = pair["interval"]
    assert low < pair["difference"] < high
    assert pair["difference"] == pytest.approx(0.4)
    (few,) = compare([line for line in lines if int(line["item_id"]) < 20])["pairs"]
    assert few["method"] == "t test and interval over items"
    assert few["readings"]["any"].keys() >= {"both_fail", "only_a_fails_items"}
    lines += [outcome("c", str(item), "fail" if (item * 3 + trial) % 5 < 1 else "pass",
                      trial=trial) for item, trial in product(range(60), range(2))]
    pairs = {pair["a"] + pair["b"]: pair for pair in compare(lines)["pairs"]}
    assert [name for name, pair in pairs.items() if pair["p_holm"] < 0.05] == ["ab", "bc"]
    differences = [sum(line["outcome"] == "fail" for line in lines if line["item_id"] == str(item)
                       and line["model_name"] == "c") / 2 - (item * 7 % 5 < 1) / 2
                   - ((item * 7 + 1) % 5 < 1) / 2 for item in range(60)]
    assert pairs["ac"]["detectable"] == pytest.approx(
        smallest_mean_difference(60, stdev(differences) / 60**0.5, 0.05), abs=1e-4)


def test_dimensions_leave_nulls_out(compare):
    lines = [outcome("a", "0", "fail", scores={"x": False, "y": None, "n": 0.5}),
             outcome("a", "1", "pass", scores={"x": True, "y": True}),
             outcome("b", "0", "pass", scores={"x": True, "y": None}),
             outcome("b", "1", "pass", scores={"x": True, "y": True})]
    result = compare(lines)
    assert list(result["dimensions"]) == ["x", "y"]
    x = {row["unit"]: (row["failed"], row["judged"]) for row in result["dimensions"]["x"]["units"]}
    assert x == {"a": (1, 2), "b": (0, 2)}
    assert result["dimensions"]["y"]["pairs"][0]["items"] == 1


def test_different_graders_are_said_at_the_top(compare, tmp_path):
    compare([outcome("a", "0", grader="v1"), outcome("b", "0", grader="v2")])
    page = (tmp_path / "analysis" / "model_comparison.md").read_text()
    assert page.index("Graded by different graders or versions") < page.index("## Results")


def test_grader_disagreement_stands_apart(compare, tmp_path):
    lines = table({"a": "ppff"})
    marks = {"j1": ("pass", "fail", "fail", "fail"), "j2": ("pass", "pass", "fail", "unjudged")}
    gradings = [{**line, "grader": grader, "outcome": verdict, "verdict": verdict}
                for grader, verdicts in marks.items()
                for line, verdict in zip(lines, verdicts, strict=True)]
    judges = compare(lines, gradings=gradings)["judges"]
    assert (judges["datapoints"], judges["split"]) == (4, 1)
    pair = next(pair for pair in judges["pairs"] if pair["b"] == "j1")
    assert (pair["agreed"], pair["both_judged"], pair["only_b_fails"]) == (3, 4, 1)
    assert pair["kappa"] == 0.5
    grader = next(one for one in judges["graders"] if one["grader"] == "j2")
    assert grader["words_not_understood"] == {"unjudged": 1}
    assert "not of models" in (tmp_path / "analysis" / "model_comparison.md").read_text()


def test_row_order_changes_nothing_and_twice_is_the_same(compare, tmp_path):
    lines = [*table({"a": "ffpp" * 5, "b": "fpfp" * 5, "c": "pppf" * 5}),
             *table({"a": "fppp" * 5}, run="again")]
    names = ("model_comparison.json", "model_comparison.md", "comparison.csv", "comparison.png",
             "facts.json")
    compare(lines)
    first = {name: (tmp_path / "analysis" / name).read_bytes() for name in names}
    compare(lines[::-1])
    again = {name: (tmp_path / "analysis" / name).read_bytes() for name in names}
    changed = {name for name in names if first[name] != again[name]}
    assert not changed


def test_hostile_names_stay_inside_their_cells(compare, tmp_path):
    compare([outcome("m|x `y` <b>", "i|0\n# head", "fail"), outcome("other", "i|0\n# head")])
    page = (tmp_path / "analysis" / "model_comparison.md").read_text()
    assert "\n# head" not in page
    rows = [line for line in page.splitlines() if "m\\|x" in line and line.startswith("| ")]
    assert rows
    assert all(line.replace("\\|", "").count("|") in (7, 6, 10) for line in rows)


@pytest.mark.parametrize(("units", "items"), [(1, 5), (5, 50), (20, 600)])
def test_the_figure_is_drawn_at_any_size(compare, tmp_path, units, items):
    compare([outcome(f"a-model-with-a-long-name-{unit}", str(item),
                     "fail" if (item * unit) % 7 < 3 else "pass")
             for unit in range(units) for item in range(items)])
    assert (tmp_path / "analysis" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_ids_that_read_as_one_number_keep_one_order(compare):
    lines = [outcome(model, item, "fail") for item in ("1", "001", "01") for model in "ab"]
    assert compare(lines)["sets"]["failed_by_all"] == ["001", "01", "1"]


def test_too_many_units_are_not_compared_in_pairs(compare, tmp_path):
    result = compare([outcome(f"m{unit:02d}", "0", "fail" if unit % 2 else "pass")
                      for unit in range(45)])
    assert result["pairs"] == []
    assert "Too many to compare in pairs" in (
        tmp_path / "analysis" / "model_comparison.md").read_text()
    runs = [outcome("a", "0", run=f"r{run}") for run in range(45)]
    assert compare(runs)["by"] == "model"


def test_runs_compared_as_units_are_still_repeats_of_their_model(compare):
    result = compare([*table({"a": "fp"}, run="r1"), *table({"a": "ff"}, run="r2")])
    assert result["by"] == "run"
    assert result["instability"]["a"]["pass_hat_k"] == {"1": 0.25, "2": 0.0}


def test_pairs_name_the_items_that_tell_them_apart(compare):
    (pair,) = compare(table({"a": "ffp", "b": "fpf"}))["pairs"]
    assert (pair["only_a_fails_items"], pair["only_b_fails_items"]) == (["1"], ["2"])


def test_intervals_with_repeats_count_what_attempts_are_worth(compare):
    lines = [outcome("a", str(item), "fail" if item % 2 else "pass", trial=trial,
                     scores={"x": not item % 2}) for item in range(10) for trial in range(10)]
    result = compare(lines)
    (unit,), (row,) = result["units"], result["dimensions"]["x"]["units"]
    assert unit["interval"] == row["interval"]
    assert unit["interval"][1] - unit["interval"][0] > 0.5  # ten items, not a hundred answers


def test_a_grader_that_contradicts_itself_has_not_judged(compare):
    lines = table({"a": "pf"})
    gradings = [{**lines[0], "grader": "j", "outcome": verdict, "verdict": verdict}
                for verdict in ("pass", "fail")]
    for order in (gradings, gradings[::-1]):
        judges = compare(lines, gradings=order)["judges"]
        grader = next(one for one in judges["graders"] if one["grader"] == "j")
        assert (grader["unjudged"], grader["failed"]) == (1, 0)
        assert grader["words_not_understood"] == {"(two different verdicts)": 1}


@pytest.mark.parametrize(("content", "words"), [
    ("", "no column run_id"),
    ("run_id,item_id\r\n", "no column model_name"),
])
def test_a_broken_outcomes_file_is_named(run_script, tmp_path, content, words):
    (tmp_path / "facts.json").write_text("{}")
    (tmp_path / "outcomes.csv").write_text(content)
    done = run_script("compare_models.py", tmp_path)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_outcome_of_another_spelling_is_refused(compare):
    line = {**outcome("a", "0"), "outcome": "FAIL"}
    assert "outcomes.csv:2: outcome is 'FAIL'" in compare([line], code=1)


def test_refusals(compare, run_script, tmp_path):
    assert "no judged row" in compare(table({"a": "uu"}), code=1)
    done = run_script("compare_models.py", tmp_path / "nowhere")
    assert done.returncode == 1
    assert "run build_packet.py first" in done.stderr


def test_runs_of_two_versions_of_a_benchmark(run_script, tmp_path):
    """Half of the tasks were rewritten under their old ids: "27 of 50 items differ; compared on
    23", never averaged over."""
    tasks = [task(str(number)) for number in range(50)]
    changed = [task(str(number), says="Rewritten.") if number < 20 else
               task(str(number), [("book", {})]) if number < 27 else tasks[number]
               for number in range(50)]
    a = tau2(tmp_path / "a.json", tasks, [simulation(one, 0.0) for one in tasks])
    b = tau2(tmp_path / "b.json", changed, [simulation(one, 0.0) for one in changed], "agent-2")
    out = tmp_path / "out"
    run_script("build_packet.py", "--input", a, b, "--output-dir", out)
    done = run_script("compare_models.py", out, "--json")
    assert json.loads(done.stdout) == {
        "by": "model", "units": 2, "items": 50, "compared_items": 23, "different_content": 27,
        "compared_units": 2, "groups": 1, "alone": 0, "failed_by_all_who_ran": 0,
        "failed_under_every_content": 27, "failed_by_all": 23,
        "unique_fail": {"agent-1": 0, "agent-2": 0}}
    page = (out / "model_comparison.md").read_text()
    assert "compared on 23 of 50 items" in page
    assert "27 of 50 items differ in content under one id" in page
    sanity = (out / "sanity.json").read_text()
    assert "20 differ in what is asked, 7 in what is expected" in sanity


def test_judged_turns_compare_by_turn(run_script, tmp_path):
    a = judged(tmp_path / "a", [turn(n, n != 2, model_name="a") for n in range(4)])
    b = judged(tmp_path / "b", [turn(n, n != 3, model_name="b") for n in range(4)])
    out = tmp_path / "out"
    run_script("build_packet.py", "--run-dir", a, b, "--output-dir", out)
    run_script("compare_models.py", out)
    sets = json.loads((out / "model_comparison.json").read_text())["sets"]
    assert sets["unique_fail"] == {"a": ["2"], "b": ["3"]}
