"""What the folder of an analysis is called, and what happens to people's work that stands there."""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from failure_analysis import clean, files
from failure_analysis.review import standing
from make_runs import judged, turn

ONE = {"bucket": "forgets_the_hour", "fault": "model_error", "quotes": ["Question 0?"],
       "mechanism": "The answer names a talk that is not at that hour."}


@pytest.fixture
def two_benchmarks(tmp_path):
    """Two benchmarks with runs of equal names, models and item ids."""
    made = {}
    for name in ("talks", "trains"):
        made[name] = [judged(tmp_path / name / "runs" / run, [
            turn(0, False, benchmark=name, model_name=run),
            turn(1, model_name=run, judge_reasoning=f"About {name}.")])
            for run in ("alpha", "beta")]
    return made


@pytest.fixture
def reviewed(run_script, two_benchmarks, tmp_path):
    """An analysis of the first benchmark with one review, and its runs."""
    out = tmp_path / "out"
    report = out / "deep_error_analysis.md"
    for name, *args in (
            ("deep_error_analysis.py", "--run-dir", *two_benchmarks["talks"], "--output", report),
            ("plan_review.py", out)):
        done = run_script(name, *args)
        assert done.returncode == 0, done.stdout + done.stderr
    entries = tmp_path / "reviews.in.jsonl"
    entries.write_text(json.dumps({"datapoint_id": "alpha/0", **ONE}) + "\n", encoding="utf-8")
    for name, *args in (("show_datapoint.py", out, "alpha/0", "--coder", "ann"),
                        ("record_review.py", out, "--from", entries, "--coder", "ann")):
        done = run_script(name, *args)
        assert done.returncode == 0, done.stdout + done.stderr
    return out


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}


def put_aside(out):
    return sorted(path for path in out.iterdir() if path.is_dir())


def benchmark(out):
    return files.read_json(out / "sanity.json")["conservation"]["benchmark"]


@pytest.mark.parametrize(("script", "option", "name"), [
    ("build_packet.py", "--output-dir", ""),
    ("deep_error_analysis.py", "--output", "deep_error_analysis.md")])
def test_reviews_of_another_benchmark_are_not_built_over(
        run_script, reviewed, two_benchmarks, script, option, name):
    before = contents(reviewed)
    done = run_script(script, "--run-dir", *two_benchmarks["trains"], option, reviewed / name)
    assert done.returncode == 1
    first = two_benchmarks["talks"][0] / "openai_judged.jsonl"
    assert done.stderr == (
        f"{script}: {reviewed}: holds the analysis of talks with 1 review, made from other "
        f"inputs: {first} is not among these (2 of 2 are not the same); give another {option}, or "
        "--force, which puts the old analysis aside\n")
    assert contents(reviewed) == before


@pytest.mark.parametrize(("script", "option", "name"), [
    ("build_packet.py", "--output-dir", ""),
    ("deep_error_analysis.py", "--output", "deep_error_analysis.md")])
def test_force_puts_the_old_analysis_aside_and_nothing_else(
        run_script, reviewed, two_benchmarks, script, option, name):
    before = {name: text for name, text in contents(reviewed).items() if "lock" not in name}
    (reviewed / "notes.txt").write_text("mine", encoding="utf-8")
    (reviewed / "data").mkdir()
    (reviewed / "data" / "outcomes.csv").write_text("mine", encoding="utf-8")
    done = run_script(script, "--run-dir", *two_benchmarks["trains"], option, reviewed / name,
                      "--force")
    assert done.returncode == 0, done.stderr
    _, aside = put_aside(reviewed)
    assert aside.name.startswith("earlier-talks-2")
    assert done.stderr == f"put aside, what stood here: {aside}\n"
    assert contents(aside) == before
    assert {"reviews.jsonl", "reading_log.jsonl", "deep_error_analysis.md", "manifest.json",
            "review_plan.jsonl", "outcomes.csv"} <= before.keys()
    assert benchmark(reviewed) == "trains"
    assert not (reviewed / "reviews.jsonl").exists()
    assert not (reviewed / "review_plan.jsonl").exists()
    assert (reviewed / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert (reviewed / "data" / "outcomes.csv").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_the_same_inputs_keep_the_reviews(run_script, reviewed, two_benchmarks, force):
    ledger = (reviewed / "reviews.jsonl").read_bytes()
    done = run_script("build_packet.py", "--run-dir", *two_benchmarks["talks"], "--output-dir",
                      reviewed, *force)
    assert (done.returncode, done.stderr) == (0, "")
    assert (reviewed / "reviews.jsonl").read_bytes() == ledger
    assert not put_aside(reviewed)


def test_a_further_run_and_moved_files_keep_the_reviews(run_script, reviewed, two_benchmarks,
                                                        tmp_path):
    ledger = (reviewed / "reviews.jsonl").read_bytes()
    (tmp_path / "talks" / "runs").rename(tmp_path / "moved")
    runs = [tmp_path / "moved" / run.name for run in two_benchmarks["talks"]]
    more = judged(tmp_path / "gamma", [turn(0, model_name="gamma")])
    done = run_script("build_packet.py", "--run-dir", *runs, more, "--output-dir", reviewed)
    assert done.returncode == 0, done.stderr
    assert (reviewed / "reviews.jsonl").read_bytes() == ledger
    ids = [row["datapoint_id"] for row in clean.read_csv(reviewed / "outcomes.csv")]
    assert ids == ["alpha/0", "alpha/1", "beta/0", "beta/1", "gamma/0"]
    assert not put_aside(reviewed)


def test_a_benchmark_that_is_called_as_its_folder_may_move(run_script, tmp_path):
    out = tmp_path / "out"
    run = judged(tmp_path / "one" / "runs" / "alpha", [turn(0, False)])
    assert run_script("build_packet.py", "--run-dir", run, "--output-dir", out).returncode == 0
    assert benchmark(out) == "one"
    (out / "deep_error_analysis.md").write_text("# Mine\n", encoding="utf-8")
    (tmp_path / "one").rename(tmp_path / "two")
    done = run_script("build_packet.py", "--run-dir", tmp_path / "two" / "runs" / "alpha",
                      "--output-dir", out)
    assert done.returncode == 0, done.stderr
    assert benchmark(out) == "two"


def test_an_input_that_has_changed_is_another_one(run_script, reviewed, two_benchmarks):
    alpha, beta = two_benchmarks["talks"]
    judged(beta, [turn(0, False, benchmark="talks", model_name="beta")])
    done = run_script("build_packet.py", "--run-dir", alpha, beta, "--output-dir", reviewed)
    assert done.returncode == 1
    assert (f"{beta / 'openai_judged.jsonl'} has changed (1 of 2 are not the same)"
            in done.stderr)


def test_a_mapping_that_calls_the_benchmark_otherwise_is_another_one(run_script, tmp_path):
    rows, mapping = tmp_path / "rows.jsonl", tmp_path / "benchmark.yaml"
    rows.write_text('{"id": "a", "ok": false}\n{"id": "b", "ok": true}\n', encoding="utf-8")
    written = "benchmark: {}\nfields: {{item_id: id, scores: {{ok: {{at: ok, pass: true}}}}}}\n"
    arguments = ("--input", rows, "--mapping", mapping, "--output-dir", tmp_path / "out")
    mapping.write_text(written.format("first"), encoding="utf-8")
    assert run_script("build_packet.py", *arguments).returncode == 0
    (tmp_path / "out" / "deep_error_analysis.md").write_text("# Mine\n", encoding="utf-8")
    mapping.write_text(written.format("second"), encoding="utf-8")
    done = run_script("build_packet.py", *arguments)
    assert done.returncode == 1
    assert ("holds the analysis of first with a rewritten report (deep_error_analysis.md), made "
            "from other inputs: these are of second;") in done.stderr


def test_a_rewritten_report_alone_is_work_and_a_draft_is_none(run_script, two_benchmarks, tmp_path):
    report = tmp_path / "out" / "mine.md"
    for name in ("talks", "trains"):
        done = run_script("deep_error_analysis.py", "--run-dir", *two_benchmarks[name], "--output",
                          report)
        assert done.returncode == 0, done.stderr
    report.write_text(report.read_text(encoding="utf-8") + "\nMy words.\n", encoding="utf-8")
    arguments = ("--run-dir", *two_benchmarks["talks"], "--output", report)
    done = run_script("deep_error_analysis.py", *arguments)
    assert done.returncode == 1
    assert "holds the analysis of trains with a rewritten report (mine.md), made" in done.stderr
    # The packet of another benchmark is refused too, whatever the report is called.
    assert run_script("build_packet.py", "--run-dir", *two_benchmarks["talks"], "--output-dir",
                      tmp_path / "out").returncode == 1
    assert run_script("deep_error_analysis.py", *arguments, "--force").returncode == 0
    [aside] = put_aside(tmp_path / "out")
    assert "My words." in (aside / "mine.md").read_text(encoding="utf-8")
    assert "My words." not in report.read_text(encoding="utf-8")


@pytest.mark.parametrize("script", ["deep_error_analysis.py", "write_report.py"])
def test_force_over_the_same_inputs_copies_a_rewritten_report_first(
        run_script, reviewed, two_benchmarks, script):
    report = reviewed / "deep_error_analysis.md"
    arguments = [reviewed] if script == "write_report.py" else \
        ["--run-dir", *two_benchmarks["talks"], "--output", report]
    assert run_script(script, *arguments, "--force").returncode == 0
    assert not list(reviewed.glob("earlier-*"))  # a draft needs no copy
    report.write_text("# Mine\n", encoding="utf-8")
    ledger = (reviewed / "reviews.jsonl").read_bytes()
    done = run_script(script, *arguments, "--force")
    assert done.returncode == 0, done.stderr
    [copy] = reviewed.glob("earlier-deep_error_analysis-2*.md")
    assert f"the rewritten one is now {copy.name}" in done.stdout
    assert copy.read_text(encoding="utf-8") == "# Mine\n"
    assert report.read_text(encoding="utf-8").startswith("# Deep error analysis: `talks`")
    assert (reviewed / "reviews.jsonl").read_bytes() == ledger


@pytest.mark.parametrize(("owner", "name", "calls"), [
    (shutil, "copy2", 0), (shutil, "copy2", 5), (os, "rename", 0), (Path, "unlink", 0),
    (Path, "unlink", 1), (Path, "unlink", 8)])
def test_putting_aside_loses_nothing_wherever_it_is_interrupted(
        run_script, reviewed, two_benchmarks, monkeypatch, owner, name, calls):
    before = contents(reviewed)
    real, left = getattr(owner, name), [calls]

    def breaks(*args, **how):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(*args, **how)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, breaks)
        with pytest.raises(KeyboardInterrupt):
            standing.put_aside(reviewed, "talks", [reviewed / "deep_error_analysis.md"])
    assert set(before.values()) <= set(contents(reviewed).values())
    assert not [path for path in reviewed.iterdir() if path.name.endswith(".tmp")]
    # The reviews stand until the last, so that what is left is not built over either.
    done = run_script("build_packet.py", "--run-dir", *two_benchmarks["trains"], "--output-dir",
                      reviewed)
    assert "with 1 review, made from other inputs" in done.stderr


def test_more_runs_that_would_rename_the_reviewed_ones_are_refused(
        run_script, reviewed, two_benchmarks, tmp_path):
    """A second run called alpha makes the first one `runs.alpha`: its review would be of no run."""
    again = judged(tmp_path / "later" / "alpha", [turn(0, False, benchmark="talks")])
    before = contents(reviewed)
    done = run_script("build_packet.py", "--run-dir", *two_benchmarks["talks"], again,
                      "--output-dir", reviewed)
    assert done.returncode == 1 and contents(reviewed) == before
    assert "run alpha would be called runs.alpha beside the others" in done.stderr
    other = judged(tmp_path / "later" / "gamma", [turn(0, False, benchmark="talks")])
    done = run_script("build_packet.py", "--run-dir", *two_benchmarks["talks"], other,
                      "--output-dir", reviewed)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["outcomes.csv", "comparison.csv", "clusters.json"])
def test_an_input_is_never_written_over(run_script, tmp_path, name):
    path = tmp_path / name
    rows = [{"id": str(n), "ok": bool(n)} for n in range(3)]
    path.write_text("id,ok\n0,false\n1,true\n" if name.endswith("csv") else json.dumps(rows))
    mapping = tmp_path / "rules.yaml"
    mapping.write_text("fields: {item_id: id, scores: {ok: ok}}\n")
    before = contents(tmp_path)
    done = run_script("build_packet.py", "--input", path, "--mapping", mapping,
                      "--output-dir", tmp_path)
    assert done.returncode == 1 and contents(tmp_path) == before
    assert f"{name}: is read here, and would be written over" in done.stderr
    other = tmp_path / "rows.csv"
    other.write_text("id,ok\n0,false\n1,true\n")
    done = run_script("build_packet.py", "--input", other, "--mapping", mapping,
                      "--output-dir", tmp_path)
    assert done.returncode == 1 and "rules.yaml: is read here" in done.stderr


def test_new_runs_that_make_it_another_benchmark_are_refused(run_script, tmp_path):
    """Runs that name no benchmark are of their folder's; one from elsewhere makes it another."""
    runs = [judged(tmp_path / "parking" / "runs" / name, [turn(0, False, model_name=name)])
            for name in ("alpha", "beta")]
    report = tmp_path / "out" / "deep_error_analysis.md"
    args = ("deep_error_analysis.py", "--output", report, "--run-dir", *runs)
    assert run_script(*args).returncode == 0
    report.write_text(report.read_text() + "\nMy own words.\n")
    other = judged(tmp_path / "clinic" / "runs" / "gamma", [turn(0, False)])
    before = contents(tmp_path / "out")
    done = run_script(*args, other)
    assert done.returncode == 1 and contents(tmp_path / "out") == before
    assert "say --benchmark parking" in done.stderr
    done = run_script(*args, other, "--benchmark", "parking")
    assert done.returncode == 0, done.stderr


FOREIGN = {"rules.yaml": "mine: 1\n", "outcomes.csv": "a,b\n", "facts.json": "{}",
           "background.md": "# Mine\n", "manifest.json": '{"version": 3}'}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_under_our_name_that_we_did_not_write_is_kept(
        run_script, two_benchmarks, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text(FOREIGN[name], encoding="utf-8")
    args = ("build_packet.py", "--run-dir", *two_benchmarks["talks"], "--output-dir", out)
    done = run_script(*args)
    assert done.returncode == 1
    assert done.stderr == (
        f"build_packet.py: {out}: holds {name}, which no analysis wrote there; give another "
        "--output-dir, or --force, which puts it aside\n")
    assert contents(out) == {name: FOREIGN[name].encode()}
    done = run_script(*args, "--force")
    assert done.returncode == 0, done.stderr
    [aside] = put_aside(out)
    assert aside.name.startswith("earlier-files-2")
    assert done.stderr == f"put aside, what stood here: {aside}\n"
    assert contents(aside) == {name: FOREIGN[name].encode()}


def test_links_and_folders_under_our_names_are_moved_as_they_are(
        run_script, two_benchmarks, tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere.csv"
    (out / "clusters.json").mkdir(parents=True)
    elsewhere.write_text("mine", encoding="utf-8")
    (out / "outcomes.csv").symlink_to(elsewhere)
    args = ("build_packet.py", "--run-dir", *two_benchmarks["talks"], "--output-dir", out)
    assert "holds clusters.json, outcomes.csv, which" in run_script(*args).stderr
    assert run_script(*args, "--force").returncode == 0
    [aside] = put_aside(out)
    assert (aside / "outcomes.csv").readlink() == elsewhere and (aside / "clusters.json").is_dir()
    assert elsewhere.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(("script", "name"), [
    ("plan_review.py", "background.md"), ("measure_agreement.py", "agreement.md"),
    ("check_report.py", "check.json"), ("cluster_failures.py", "clusters.md"),
    ("compare_models.py", "comparison.csv")])
def test_no_later_step_writes_over_a_file_that_is_not_ours(
        run_script, two_benchmarks, tmp_path, script, name):
    out = tmp_path / "out"
    assert run_script("build_packet.py", "--run-dir", *two_benchmarks["talks"], "--output-dir",
                      out).returncode == 0
    (out / name).write_text("mine", encoding="utf-8")
    before = contents(out)
    done = run_script(script, out)
    assert done.returncode == 1 and contents(out) == before
    assert done.stderr == (f"{script}: {out}: {name} stands there, and no step of manifest.json "
                           "wrote it; move it into another folder\n")


def test_rules_that_were_edited_in_place_are_moved_and_never_read_there(
        run_script, two_benchmarks, tmp_path):
    out = tmp_path / "out"
    args = ("deep_error_analysis.py", "--run-dir", *two_benchmarks["talks"], "--output",
            out / "deep_error_analysis.md")
    assert run_script(*args).returncode == 0
    rules = out / "rules.yaml"
    for again in (args, ("cluster_failures.py", out)):
        rules.write_bytes(edited := rules.read_bytes() + b"# mine\n")
        given = run_script(*again, "--rules", rules)
        assert given.returncode == 1 and rules.read_bytes() == edited
        assert "rules.yaml: is read here, and would be written over" in given.stderr
        done = run_script(*again)
        assert done.returncode == 0, done.stderr
        aside = put_aside(out)[-1]
        assert done.stderr == f"put aside, what stood here: {aside}\n"
        assert contents(aside) == {"rules.yaml": edited}


@pytest.mark.parametrize("name", ["reviews.jsonl", "reading_log.jsonl"])
def test_a_damaged_ledger_is_refused_before_anything_is_written(
        run_script, two_benchmarks, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine\n", encoding="utf-8")
    args = ("build_packet.py", "--run-dir", *two_benchmarks["talks"], "--output-dir", out)
    done = run_script(*args)
    assert done.returncode == 1 and f"{name}:1: not a re" in done.stderr
    assert contents(out) == {name: b"mine\n"}
    assert run_script(*args, "--force").returncode == 0
    assert contents(put_aside(out)[0]) == {name: b"mine\n"}


def test_a_ledger_without_a_manifest_is_of_nobody_knows_what(
        run_script, reviewed, two_benchmarks):
    (reviewed / "manifest.json").unlink()
    before = contents(reviewed)
    args = ("build_packet.py", "--run-dir", *two_benchmarks["trains"], "--output-dir", reviewed)
    assert run_script(*args).returncode == 1 and contents(reviewed) == before
    assert run_script(*args, "--force").returncode == 0
    assert {"reviews.jsonl", "reading_log.jsonl"} <= contents(put_aside(reviewed)[-1]).keys()
    assert not (reviewed / "reviews.jsonl").exists()


def test_reviews_of_another_mapping_are_of_other_verdicts(run_script, reviewed, tmp_path):
    rows, mapping, out = tmp_path / "rows.jsonl", tmp_path / "map.yaml", tmp_path / "mapped"
    rows.write_text('{"id": "a", "ok": false}\n{"id": "b", "ok": true}\n', encoding="utf-8")
    text = "benchmark: x\nfields: {{item_id: id, scores: {{ok: {{at: ok, pass: {}}}}}}}\n"
    args = ("build_packet.py", "--input", rows, "--mapping", mapping, "--output-dir", out)
    mapping.write_text(text.format("true"), encoding="utf-8")
    assert run_script(*args).returncode == 0
    (out / "deep_error_analysis.md").write_text("# Mine\n", encoding="utf-8")
    assert run_script(*args).returncode == 0
    mapping.write_text(text.format("false"), encoding="utf-8")
    before = contents(out)
    done = run_script(*args)
    assert done.returncode == 1 and contents(out) == before
    assert f"made from other inputs: {mapping} is not the mapping of that analysis;" in done.stderr


def test_a_report_under_an_earlier_name_is_work_too(run_script, two_benchmarks, tmp_path):
    out = tmp_path / "out"

    def drafted(name, benchmark, *more):
        return run_script("deep_error_analysis.py", "--run-dir", *two_benchmarks[benchmark],
                          "--output", out / name, *more)

    for name in ("y.md", "z.md"):
        assert drafted(name, "talks").returncode == 0
    assert "(drafted)" in drafted("y.md", "talks").stdout  # it is still known as a draft
    (out / "y.md").write_text("# Mine, {{failed_rows/alpha}} of them.\n", encoding="utf-8")
    assert drafted("y.md", "talks").returncode == 0
    bound = (out / "y.md").read_bytes()
    assert drafted("z.md", "talks").returncode == 0
    assert "by hand" not in drafted("y.md", "talks").stdout
    assert drafted("z.md", "talks").returncode == 0
    assert "with a rewritten report (y.md), made from other" in drafted("z.md", "trains").stderr
    assert drafted("z.md", "trains", "--force").returncode == 0
    [aside] = put_aside(out)
    assert (aside / "y.md").read_bytes() == bound and (aside / "z.md").is_file()
    assert not (out / "y.md").exists()


def test_a_report_without_our_blocks_is_somebody_elses(run_script, two_benchmarks, tmp_path):
    report = tmp_path / "out" / "deep_error_analysis.md"
    report.parent.mkdir()
    report.write_text("# Mine\n", encoding="utf-8")
    done = run_script("deep_error_analysis.py", "--run-dir", *two_benchmarks["talks"], "--output",
                      report)
    assert done.returncode == 0 and report.read_text(encoding="utf-8") == "# Mine\n"
    assert ("(kept, somebody's own text with no generated block in it (--force drafts it anew))"
            in done.stdout)


@pytest.mark.parametrize(("script", "name"), [
    ("write_report.py", "deep_error_analysis.md"), ("record_review.py", "reviews.jsonl"),
    ("deep_error_analysis.py", "deep_error_analysis.md"), ("build_packet.py", "reviews.jsonl")])
def test_nothing_is_written_through_a_link_that_leads_out(
        run_script, reviewed, two_benchmarks, tmp_path, script, name):
    target = tmp_path / "elsewhere"
    target.write_bytes(before := (reviewed / name).read_bytes())
    (reviewed / name).unlink()
    (reviewed / name).symlink_to(target)
    args = {"write_report.py": [reviewed],
            "record_review.py": [reviewed, "--from", tmp_path / "reviews.in.jsonl", "--coder", "x"],
            "build_packet.py": ["--output-dir", reviewed],
            "deep_error_analysis.py": ["--output", reviewed / name]}[script]
    runs = ["--run-dir", *two_benchmarks["talks"]] if len(args) == 2 else []
    done = run_script(script, *args, *runs)
    assert done.returncode == 1 and target.read_bytes() == before
    assert done.stderr == (f"{script}: {reviewed / name}: is a link to {target}, outside its "
                           "folder; put the file itself there\n")


PLACES = {
    "a run": ("talks/runs/alpha", "is a folder of the runs that are read"),
    "in a run": ("talks/runs/alpha/analysis", "is a folder of the runs that are read"),
    "the root": ("/", "is a whole disk or home folder"),
    "the home": ("home", "is a whole disk or home folder"),
    "a link to the home": ("link", "is a whole disk or home folder"),
    "the bundle": ("{bundle}", "is part of the bundle that these scripts are in"),
    "in the bundle": ("{bundle}/templates/x", "is part of the bundle that these scripts are in"),
    "a dash": ("-x", "begins with a dash, so that the next script would take it for an option"),
    "a line feed": ("a\nb", "has a control character or a line feed in its name"),
    "an escape": ("a\x1bb", "has a control character or a line feed in its name"),
    "a long name": ("x" * 255, "a name of 255 bytes is too long (at most 200)"),
    "a long name in bytes": ("\u00fc" * 101, "a name of 202 bytes is too long (at most 200)"),
    "out of nowhere": ("no/../x", "no is not there, and .. leads out of it"),
    "a file": ("file", "{here}/file is a file, and an analysis is a folder"),
    "below a file": ("file/x", "{here}/file is a file, and an analysis is a folder")}


@pytest.mark.parametrize("case", PLACES)
def test_a_folder_that_is_no_place_for_an_analysis(run_script, bundle, two_benchmarks, tmp_path,
                                                   case):
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to("home")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    name, why = (text.format(bundle=bundle, here=os.path.realpath(tmp_path))
                 for text in PLACES[case])
    before = contents(tmp_path)
    done = run_script("build_packet.py", "--run-dir", "talks/runs/alpha", "talks/runs/beta",
                      f"--output-dir={name}", cwd=tmp_path, env={"HOME": str(tmp_path / "home")})
    shown = name.replace("\n", " ").replace("\x1b", "\\x1b")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"build_packet.py: {shown}: {why}; give another --output-dir\n"
    assert contents(tmp_path) == before and not (tmp_path / "no").exists()


@pytest.mark.parametrize(("name", "why"), [
    ("clusters.md", "is what a step of the analysis writes"), ("folder.md", "is a folder"),
    ("Background.md", "is what a step of the analysis writes"),
    (f"{'x' * 250}.md", "a name of 253 bytes is too long (at most 200)")])
def test_a_report_that_cannot_be_one_is_refused_before_anything_is_written(
        run_script, two_benchmarks, tmp_path, name, why):
    out = tmp_path / "out"
    (out / "folder.md").mkdir(parents=True)
    done = run_script("deep_error_analysis.py", "--run-dir", *two_benchmarks["talks"], "--output",
                      out / name)
    assert done.returncode == 1 and not contents(out)
    assert done.stderr == f"deep_error_analysis.py: {out / name}: {why}; give another --output\n"


@pytest.mark.parametrize("name", ["talks", "a link", "talks/runs/../there"])
def test_folders_that_are_places_for_an_analysis(run_script, two_benchmarks, tmp_path, name):
    """Around the runs, through a link, and by a way that is there."""
    before = contents(tmp_path / "talks" / "runs")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a link").symlink_to("elsewhere")
    for _ in range(2):
        done = run_script("build_packet.py", "--run-dir", *two_benchmarks["talks"], "--output-dir",
                          tmp_path / name)
        assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path / "talks" / "runs") == before
    assert (tmp_path / name / "outcomes.csv").is_file()


def test_a_report_of_a_manifest_that_lies_is_refused_in_a_line(run_script, reviewed,
                                                               two_benchmarks):
    path = reviewed / "manifest.json"
    true = files.read_json(path)
    for step, key, value in (
            ("build_packet", "inputs", [7]), ("build_packet", "inputs", [{"path": 7}]),
            ("build_packet", "outputs", {"outcomes.csv": 7}), ("build_packet", "settings", 7),
            ("report", "settings", {"report": 7}), ("report", "settings", {"reports": [7]}),
            ("plan_review", "reads", [])):
        lying = json.loads(json.dumps(true))
        lying["steps"][step][key] = value
        path.write_text(json.dumps(lying), encoding="utf-8")
        for script, *args in (
                ("write_report.py", reviewed),
                ("build_packet.py", "--run-dir", *two_benchmarks["talks"], "--output-dir",
                 reviewed)):
            done = run_script(script, *args)
            assert done.returncode in (0, 1) and "Traceback" not in done.stderr, (key, value)
        said = run_script("write_report.py", reviewed).stderr
        assert "manifest.json: " in said and said.endswith(
            " (damaged, or of another version); run build_packet.py --force, which puts it "
            "aside\n"), (step, key, value)
        path.write_text(json.dumps(true), encoding="utf-8")


def test_the_next_command_can_be_copied_whatever_the_folder_is_called(
        run_script, two_benchmarks, tmp_path):
    out = tmp_path / "a b#?%\u00fc"
    done = run_script("build_packet.py", "--run-dir", *two_benchmarks["talks"], "--output-dir", out)
    command = next(line for line in done.stdout.splitlines() if line.startswith("next: "))
    done = run_script(*shlex.split(command.removeprefix("next: ")))
    assert done.returncode == 0, done.stderr
    command = next(line for line in done.stdout.splitlines() if line.startswith("next: "))
    assert run_script(*shlex.split(command.removeprefix("next: "))).returncode == 0
