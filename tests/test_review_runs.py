"""review_app.py for a person who has runs and nothing else: stage 1, the plan, and the browser."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from browser import until
from failure_analysis import files
from failure_analysis.review import ledger, plan
from make_runs import judged, read_jsonl, turn
from test_review_app import ask, record


@pytest.fixture
def runs(tmp_path):
    """Two judged runs of one benchmark, each with three failing datapoints."""
    for model in "ab":
        judged(tmp_path / "runs" / f"run-{model}", [
            turn(number, number > 3, model_name=f"model-{model}",
                 assistant_text=f"Answer {number} of {model}.") for number in range(1, 6)])
    return tmp_path / "runs"


class Started:
    """A review_app.py in a folder of its own, and what it has printed until its link."""

    def __init__(self, bundle, cwd, *args, **env):
        self.process = subprocess.Popen(
            [sys.executable, bundle / "scripts" / "review_app.py", *args, "--coder", "ada"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", cwd=cwd,
            env={**os.environ, **env})
        self.said = []
        for line in self.process.stdout:
            self.said.append(line.strip())
            if line.startswith("http://"):
                self.said.append(self.process.stdout.readline().strip())
                break
        self.link = next((line for line in self.said if line.startswith("http://")), "")

    @property
    def port(self):
        return int(self.link.partition("/?")[0].rpartition(":")[2])

    @property
    def token(self):
        return self.link.partition("token=")[2]

    def ends(self):
        """Interrupts it, once it serves; returns its exit code and what it said on stderr."""
        if self.link:
            assert ask(self)[0] == 200
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@pytest.fixture
def serve(bundle, tmp_path):
    """`serve(*args, **env)`: review_app.py in tmp_path, ended with the test."""
    pages = []

    def begin(*args, **env):
        pages.append(Started(bundle, tmp_path, *map(str, args), **env))
        return pages[-1]

    yield begin
    for page in pages:
        if page.process.poll() is None:
            page.ends()


def test_from_runs_to_the_page_in_one_command(serve, runs, tmp_path):
    page = serve(runs, "--no-browser")
    name = tmp_path.name  # what the folder above them is called
    folder = Path("results", name)
    assert page.said[0].startswith(f"read as judged-runs: {runs}/run-a/openai_judged.jsonl (")
    assert page.said[1:5] == [
        "stage 1 …",
        f"{name}: 10 rows read = 4 pass + 6 fail + 0 unjudged + 0 rejected",
        f"draft report: {folder}/deep_error_analysis.md (0 findings to know before comparing stand "
        "in it)", f"again: review_app.py {folder}"]
    planned = plan.load(tmp_path / folder)
    failing = [one for one in planned if one.why != "contrast"]
    assert page.said[5] == f"plan: {len(planned)} datapoints to read ({len(failing)} of 6 failing)"
    assert page.said[7].endswith(
        f"reviewed as ada into {folder}/reviews.jsonl; Ctrl-C ends")
    assert ask(page)[0] == 200
    assert page.ends() == (0, "")
    record(tmp_path / folder, quotes=["Answer 1 of a."], mechanism="It answers something else.")
    before = {path.name: files.sha256(path) for path in (tmp_path / folder).glob("*.json*")}
    again = serve(runs, "--no-browser")
    assert again.said[1] == f"analysis: {folder} (made earlier from these runs)"
    assert len(again.said) == 4
    assert again.ends() == (0, "")
    assert {path.name: files.sha256(path)
            for path in (tmp_path / folder).glob("*.json*")} == before


@pytest.mark.slow
def test_a_run_that_is_new_is_read_and_reviews_stay(serve, runs, tmp_path):
    serve(runs / "run-a", "--no-browser", "--output", "out/report.md").ends()
    record(tmp_path / "out", quotes=["Answer 1 of a."], mechanism="It answers something else.")
    page = serve(runs / "run-a", runs / "run-b", "--no-browser", "--output", "out/report.md")
    assert any(line.endswith(": 10 rows read = 4 pass + 6 fail + 0 unjudged + 0 rejected")
               for line in page.said)
    assert (tmp_path / "out" / "report.md").exists()
    assert len(read_jsonl(tmp_path / "out" / ledger.NAME)) == 1


@pytest.mark.slow
def test_an_analysis_of_other_inputs_is_refused_as_stage_1_refuses_it(serve, runs, tmp_path):
    serve(runs / "run-a", "--no-browser", "--output", "out/report.md").ends()
    record(tmp_path / "out", quotes=["Answer 1 of a."], mechanism="It answers something else.")
    page = serve(runs / "run-b", "--no-browser", "--output", "out/report.md")
    _, errors = page.process.communicate(timeout=20)
    assert (page.process.returncode, page.link, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("deep_error_analysis.py: out: holds the analysis of ")
    assert "with 1 review, made from other inputs: " in errors
    assert "give another --output" in errors


@pytest.mark.slow
def test_a_half_written_analysis_is_not_taken_for_a_whole_one(serve, runs, run_script, tmp_path):
    serve(runs, "--no-browser").ends()
    manifest = tmp_path / "results" / tmp_path.name / "manifest.json"
    whole = files.read_json(manifest)
    manifest.write_text(
        manifest.read_text("utf-8").rstrip()[:-1] + ', "writing": ["outcomes.csv"]}', "utf-8")
    done = run_script("review_app.py", manifest.parent, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "outcomes.csv is half-written" in done.stderr
    assert "run deep_error_analysis.py again" in done.stderr
    page = serve(runs, "--no-browser")
    assert "stage 1 …" in page.said  # the runs are read again
    assert files.read_json(manifest).keys() == whole.keys()


def test_a_folder_without_a_plan_gets_one_if_it_can(serve, build, run_script, runs):
    _, out = build("--run-dir", runs / "run-a", runs / "run-b")
    page = serve(out, "--no-browser")
    assert page.said[0].startswith("no plan, as plan_review.py says: ")
    assert "run cluster_failures.py first" in page.said[0]
    assert page.ends() == (0, "")
    for script in ("cluster_failures.py", "compare_models.py"):
        assert run_script(script, out).returncode == 0
    page = serve(out, "--no-browser")
    assert page.said[0].startswith("plan: ")
    assert plan.load(out)


@pytest.mark.parametrize(("args", "says"), [
    (("nowhere",), "nowhere: no such file or folder"),
    (("notes.txt",), "notes.txt"),
    (("runs", "nowhere"), "nowhere: no such file or folder"),
])
def test_what_is_no_run_is_refused_by_its_name(run_script, runs, tmp_path, args, says):
    (tmp_path / "notes.txt").write_text("no run", encoding="utf-8")
    done = run_script("review_app.py", *args, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n"), "Traceback" in done.stderr) == (1, 1, False)
    assert done.stderr.startswith("review_app.py: ") and says in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_options_of_runs_do_not_go_with_an_analysis_folder(run_script, serve, runs, tmp_path):
    serve(runs, "--no-browser").ends()
    done = run_script("review_app.py", f"results/{tmp_path.name}", "--output", "x.md", cwd=tmp_path)
    assert (done.returncode, "is an analysis folder" in done.stderr) == (2, True)


def test_the_browser_is_opened_with_a_link_that_works_once(serve, runs, tmp_path):
    seen, opener = tmp_path / "seen", tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > "{seen}.tmp" && mv "{seen}.tmp" "{seen}"\n')
    opener.chmod(opener.stat().st_mode | stat.S_IXUSR)
    page = serve(runs, BROWSER=f"{opener} %s")
    until(seen.exists)
    link = seen.read_text()
    path = link.removeprefix(f"http://127.0.0.1:{page.port}")
    assert path.startswith("/?token=") and page.token not in link
    assert ask(page, path=path, Cookie=None, Origin=None)[0] == 303
    assert ask(page, path=path, Cookie=None, Origin=None)[0] == 403
    assert ask(page, path=f"/?token={page.token}", Cookie=None, Origin=None)[0] == 303


@pytest.mark.slow
def test_a_browser_that_does_not_open_is_no_failure(serve, runs):
    for env in ({"BROWSER": "/nowhere/browser %s"}, {"BROWSER": ""}):
        page = serve(runs, DISPLAY="", WAYLAND_DISPLAY="", **env)
        assert ask(page)[0] == 200
        assert page.ends() == (0, "")


@pytest.mark.slow
def test_a_comparison_folder_is_taken_as_the_runs_that_it_names(serve, bundle, tmp_path):
    shutil.copytree(bundle / "tests" / "fixtures" / "demo_runs", tmp_path / "demo")
    page = serve("demo/comparison", "--no-browser")
    assert any(": 96 rows read = 35 pass + 61 fail" in line for line in page.said), page.said


def test_stage_1_names_the_page_as_the_next_step_for_people(run_script, runs, tmp_path):
    done = run_script("deep_error_analysis.py", "--input", runs, "--output",
                      "an analysis/report.md", cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == \
        "for people: review_app.py 'an analysis' (reads and records in the browser)"
