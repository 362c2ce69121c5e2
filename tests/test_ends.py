"""The ends of the scale: nothing judged, one model judged, all items failed, more models than a
plan has room for."""

import json
from collections import Counter

import pytest

from failure_analysis import files
from failure_analysis.review import picks, plan
from make_runs import judged, turn

NOTHING = "none of the 12 datapoints is judged, so whether one failed is not known; readers can " \
    "judge them (plan_review.py); judge the runs first"


def runs(folder, verdicts, items=6):
    """A judged run for each model, whose verdict on an item is what its function says."""
    return [judged(folder / name, [turn(item, verdict(item), model_name=name)
                                   for item in range(items)])
            for name, verdict in verdicts.items()]


@pytest.fixture
def analysed(run_script, tmp_path):
    """Analyses such runs: the folder, and what stage 1 printed."""
    def stage_1(**verdicts):
        out = tmp_path / "out"
        done = run_script("deep_error_analysis.py", "--run-dir",
                          *runs(tmp_path / "runs", verdicts),
                          "--output", out / "deep_error_analysis.md")
        return out, done
    return stage_1


def block(out, name):
    """The lines of a generated block of the report."""
    text = (out / "deep_error_analysis.md").read_text(encoding="utf-8")
    return text.split(f"<!-- generated:{name} -->\n")[1].split("\n<!-- /generated")[0].split("\n")


def unjudged(item):
    return None


def every_second(item):
    return item % 2 == 0


def test_a_report_on_nothing_judged_says_so_and_does_not_hold(analysed, run_script):
    out, done = analysed(a=unjudged, b=unjudged)
    assert done.returncode == 1
    assert [line.split() for line in done.stdout.splitlines() if line[:2] in ("a ", "b ")] == [
        ["a", "0", "not", "judged"], ["b", "0", "not", "judged"]]
    assert block(out, "topline") == ["No row was judged.", "",
                                     "No row was judged on a named dimension."]
    for name in ("faults", "buckets"):
        assert block(out, name) == [NOTHING[0].upper() + NOTHING[1:] + "."], name
    assert block(out, "coverage") == [
        "Nothing was reviewed.", "",
        "Judged by readers: 0 of 12 unjudged datapoints (0 passed, 0 failed)."]
    for name in ("unique", "failed-by-all"):
        assert block(out, name) == ["Not defined for fewer than two."]
    done = run_script("check_report.py", out)
    assert (done.returncode, done.stdout.splitlines()[:2]) == (1, [
        f"nothing_judged: outcomes.csv: {NOTHING}",
        "DOES NOT HOLD: 1 findings (1 nothing_judged)"])
    assert not files.read_json(out / "check.json")["holds"]


@pytest.mark.parametrize(("script", "args", "said"), [
    ("compare_models.py", (), "{out}/outcomes.csv: no judged row; there is nothing to compare"),
    *(("analyze.py", (lens, "--output-dir", "{out}/lenses"), "{out}: no judged sample in it (12 "
       "rows without outcome or correct, 0 rejected)")
      for lens in ("surface", "fft", "compression", "hazard", "diagnose")),
])
def test_each_step_says_that_nothing_is_judged(analysed, run_script, script, args, said):
    out, _ = analysed(a=unjudged, b=unjudged)
    args = [arg.format(out=out) for arg in args]
    order = [args[0], out, *args[1:]] if script == "analyze.py" else [out, *args]
    done = run_script(script, *order)
    assert (done.returncode, done.stderr) == (1, f"{script}: {said.format(out=out)}\n")
    assert not (out / "lenses").exists()


def test_the_page_of_what_nobody_judged_says_so(analysed, run_script):
    out, _ = analysed(a=unjudged, b=unjudged)
    page = (out / "deep_error_analysis.html").read_text(encoding="utf-8")
    assert f"{NOTHING[0].upper()}{NOTHING[1:]}." in page
    assert "Nothing was judged." in page and "0 of 12 unjudged datapoints (0 passed)" in page


def test_of_two_models_one_is_not_judged(analysed, run_script):
    out, done = analysed(a=every_second, b=unjudged)
    assert done.returncode == 0
    assert ["b", "0", "not", "judged"] in [line.split() for line in done.stdout.splitlines()]
    assert "| `a` | 6 | 6 | 3 | 50.0 % | 18.8 to 81.2 % | 3 of 6 |" in block(out, "topline")
    assert "Without any judged row, so neither passed nor failed, and not compared: `b`." \
        in block(out, "topline")
    assert block(out, "comparison") == [
        "There is nothing to compare: fewer than two have judged rows."]
    done = run_script("plan_review.py", out)
    assert done.stdout.startswith(
        "9 datapoints to read: 3 of 3 failing, 6 of 6 unjudged, 0 passing")
    assert Counter((planned.model_name, planned.why) for planned in plan.load(out)) == {
        ("a", "sample"): 3, ("b", "unjudged"): 6}
    done = run_script("record_review.py", out, "--id", "a/1", "--bucket", "forgets_the_hour",
                      "--fault", "model_error", "--mechanism", "It names no hour at all here.",
                      "--quote", "Question 1?")
    assert done.returncode == 0, done.stdout + done.stderr
    assert run_script("review_app.py", out, "--static", out / "page.html").returncode == 0
    assert "a/1" in (out / "page.html").read_text(encoding="utf-8")
    done = run_script("check_report.py", out)
    assert "nothing_judged" not in done.stdout


@pytest.mark.parametrize(("models", "lost", "items", "said"), [
    (2, 2, 6, "Were the failures of the 2 models independent, their fail rates would give 0.7 "
     "(95 %: 0 to 2): no more than chance, so by itself no suspicion of the benchmark."),
    (2, 9, 30, "Were the failures of the 2 models independent, their fail rates would give 2.7 "
     "(95 %: 0 to 6). Hard for both; two models alone are no suspicion of the benchmark."),
    (3, 2, 6, "Were the failures of the 3 models independent, their fail rates would give 0.2 "
     "(95 %: 0 to 1). Hard for all 3 or the benchmark's fault: its first suspects. Audit them "
     "before blaming a model."),
    (2, 6, 6, "No model passed any of these items: ask first whether they can be passed at all."),
])
def test_what_it_says_that_all_failed_an_item(build, run_script, tmp_path, models, lost, items,
                                              said):
    _, out = build("--run-dir", *runs(tmp_path / "runs", {
        f"m{number}": lambda item: item >= lost for number in range(models)}, items))
    done = run_script("compare_models.py", out)
    assert (done.returncode, said in done.stdout.splitlines()) == (0, True), done.stdout
    page = (out / "model_comparison.md").read_text(encoding="utf-8")
    assert f"Failed by all: {lost} of {items} items (`0`, " in page and f"). {said}\n" in page


@pytest.mark.slow
def test_many_models_have_seven_each_in_a_plan_that_is_cut(run_script, tmp_path):
    """The ceiling of 100 datapoints has room for four of each; it is seven for each model then."""
    names = [f"m{number:02}" for number in range(22)]
    failed = {"tool_use_correct": False}, {"kb_grounding": False}, {"instruction_following": False}
    folders = [judged(tmp_path / "runs" / name, [
        turn(f"{name}-{item}", model_name=name, scores=failed[item % 3]) for item in range(12)])
        for name in names]
    out = tmp_path / "out"
    done = run_script("deep_error_analysis.py", "--run-dir", *folders, "--output",
                      out / "deep_error_analysis.md")
    assert done.returncode == 0, done.stdout + done.stderr
    done = run_script("plan_review.py", out)
    assert done.returncode == 0, done.stderr
    planned = [line for line in plan.load(out) if line.why != "contrast"]
    assert Counter(line.model_name for line in planned) == dict.fromkeys(names, 7)
    assert "it was cut at 154 datapoints (--budget N sets another limit, --all plans all)" \
        in done.stdout


def test_samples_are_drawn_with_equal_chances_inside_their_cell(build, run_script, tmp_path):
    """One model, one provisional mode, 20 items and no tasks: over 400 seeds each is drawn as often
    as the others (chi-squared with 19 degrees of freedom is beyond 43.8 once in a thousand)."""
    _, out = build("--run-dir", *runs(tmp_path / "runs", {"a": lambda item: False}, 20))
    for script in ("cluster_failures.py", "compare_models.py"):
        assert run_script(script, out).returncode == 0
    drawn, seeds = Counter(), 400
    for seed in range(seeds):
        kept = plan.plan(out, picks.Options(budget=4, seed=seed)).kept
        assert {pick.why for pick in kept} == {"sample"} and len(kept) == 4
        drawn.update(pick.line.datapoint_id for pick in kept)
    due = 4 * seeds / 20
    # Without replacement the counts vary by 1 - 4/20 of what the test supposes.
    assert sum((drawn[f"a/{item}"] - due) ** 2 / due for item in range(20)) / (1 - 4 / 20) < 43.8
    assert json.dumps(sorted(drawn)) == json.dumps(sorted(f"a/{item}" for item in range(20)))
