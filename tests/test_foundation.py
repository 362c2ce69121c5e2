"""What a report rests on: an edit of any file of a finished folder is refused and named, also when
later steps ran over it, and what is proved is computed anew."""

import json
import re
import shutil

import pytest

import goldens
from failure_analysis import facts, files, manifest, steps, store
from failure_analysis.report import check, write
from make_runs import judged, read_jsonl, simulation, task, tau2, turn

MODEL = "agent-alpha"


@pytest.fixture(scope="module")
def done(run_script, tmp_path_factory):
    """A finished analysis with every step that a folder can have, its runs beside it."""
    folder = goldens.trips(run_script, tmp_path_factory.mktemp("trips"))
    for name in ("plan_review.py", "measure_agreement.py", "write_report.py"):
        done = run_script(name, folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def folder(done, tmp_path):
    """A copy to damage, with its runs at the same distance."""
    shutil.copytree(done.parent, tmp_path / "trips")
    return tmp_path / "trips" / done.name


def found(folder, rerun=False):
    """(verdict, what it is about) of each finding that is not about the prose."""
    return {(one.verdict, one.text) for one in check.check(folder, rerun=rerun).findings
            if not one.line}


def _one_more(folder):
    """The runs of the finished analysis, and a further one of the same benchmark."""
    runs, one = folder.parent / "runs", task("more")
    tau2(runs / "more.json", [one], [simulation(one, 0.0)], "agent-more")
    return sorted(runs.glob("*.json"))


def edit(path, change):
    """Changes a JSON document in place."""
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def agree(folder, *names):
    """What somebody does who wants an edit to pass: the manifest is made to agree with it."""
    known = manifest.entries(folder)
    for step, entry in known.items():
        for name in entry["outputs"]:
            if name in names:
                entry["outputs"][name] = manifest._hash(folder, step, name)
        for name in entry.get("reads", {}):
            if name in names:
                entry["reads"][name] = files.sha256(folder / name)
    store.write_json(folder / manifest.NAME, {"steps": known})


def better(folder):
    """A pass rate that is better by 20 points, in the comparison and in its fact."""
    def rate(value):
        row = next(row for row in value["units"] if row["unit"] == MODEL)
        row["pass_rate"] = round(row["pass_rate"] + 0.2, 4)

    edit(folder / "model_comparison.json", rate)
    edit(folder / "facts.json", lambda value: value.update({
        f"comparison/pass_rate_pct/{MODEL}":
            round(value[f"comparison/pass_rate_pct/{MODEL}"] + 20, 1)}))


def test_an_untouched_folder_holds_against_manifest_and_runs(run_script, folder):
    done = run_script("check_report.py", folder)
    assert done.returncode == 0, done.stdout
    assert "PROVED, against the manifest (--rerun-inputs reads the runs again)" in done.stdout
    done = run_script("check_report.py", folder, "--rerun-inputs", "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["against"] == "runs"
    assert json.loads((folder / "check.json").read_text())["against"] == "runs"


# The three edits that an earlier version held to be true.

def test_a_better_comparison_with_its_fact_is_refused(run_script, folder):
    better(folder)
    for name in ("write_report.py", "plan_review.py"):
        done = run_script(name, folder)
        assert done.returncode == 1
        assert "model_comparison.json: changed since it was written: not the content that " \
            "manifest.json knows; run compare_models.py again" in done.stderr
    done = run_script("check_report.py", folder)
    assert done.returncode == 1 and "DOES NOT HOLD" in done.stdout
    assert done.stdout.splitlines()[:2] == [
        "changed_file: facts.json: its part that compare_models.py wrote was changed; run it again",
        "changed_file: model_comparison.json: changed since it was written: not the content that "
        "manifest.json knows; run compare_models.py again"]


def test_a_better_comparison_is_refused_although_the_manifest_agrees(run_script, folder):
    better(folder)
    agree(folder, "model_comparison.json", "facts.json")
    assert run_script("write_report.py", folder).returncode == 0
    done = run_script("check_report.py", folder)
    assert done.returncode == 1
    assert "wrong_file: model_comparison.json: computed anew it says something else (units)" in \
        done.stdout
    assert f"wrong_fact: comparison/pass_rate_pct/{MODEL}" in done.stdout
    assert "edited_block" in done.stdout  # the wrong table that write_report.py made of it


def test_emptied_findings_are_refused(run_script, tmp_path, analyse):
    rows = [turn(0, False), turn(1), turn(1, assistant_text="Again.")]
    folder = analyse("--run-dir", judged(tmp_path / "r", rows))
    edit(folder / "sanity.json", lambda value: value["findings"].clear())
    assert run_script("write_report.py", folder).returncode == 1
    assert found(folder) == {("changed_file", "sanity.json")}
    agree(folder, "sanity.json")  # not seen without the runs, and the verdict says so
    assert not {one for one in found(folder) if "sanity" in one[1]}
    assert ("not_the_runs", "sanity.json") in found(folder, rerun=True)


@pytest.mark.parametrize("key", [
    "made_up", f"failed_rows/{MODEL}x", "comparison/made_up", "review/made_up", "mode/made_up",
    "agreement/made_up", "diagnosis/made_up"])
def test_an_added_fact_is_refused(run_script, folder, key):
    edit(folder / "facts.json", lambda value: value.update({key: 7}))
    run_script("write_report.py", folder)
    prefix = key.partition("/")[0]
    wanted = {("changed_file", "facts.json"), ("wrong_fact", key)}
    # What is the report's own is made anew by write_report.py: it is gone, and nothing is wrong.
    assert found(folder) == (set() if prefix == "review" else wanted)
    assert (key in facts.load(folder)) == (prefix != "review")


@pytest.mark.parametrize("key", ["not_counted_rows", "not_counted_rows/agent-1"])
def test_rows_that_the_benchmark_does_not_count_are_counted_again(
        run_script, tmp_path, analyse, key):
    tasks = [task(str(number)) for number in range(3)]
    rows = [simulation(one, float(number)) for number, one in enumerate(tasks)]
    rows[2]["termination_reason"] = "infrastructure_error"
    folder = analyse("--input", tau2(tmp_path / "run.json", tasks, rows))
    assert found(folder) == {("unreviewed_model", "agent-1")}
    edit(folder / "facts.json", lambda value: value.update({key: 2}))
    edit(folder / "sanity.json", lambda value: value["runs"][0].update({"not_counted": 2}))
    agree(folder, "facts.json", "sanity.json")
    assert found(folder) >= {("wrong_fact", key), ("wrong_count", "run not counted")}


# Any file, edited in any way.

WRITTEN = sorted({name for step in steps.STEPS for name in step.writes} - {
    "check.json", "diagnosis.json", "diagnosis.md", "diagnosis.png", "diagnosis.svg",
    "gradings.csv", "background.md", "item_versions.json", "item_versions.md",
    "second_reading.md", steps.ISSUES, steps.LONG, *steps.PAGE.writes, *steps.CHANGES.writes})


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITTEN)
def test_one_changed_byte_of_any_file_is_named(folder, name):
    path = folder / name
    content = path.read_bytes()
    if name.endswith((".md", ".csv", ".png")) or not content:
        path.write_bytes(content + b" ")
    else:
        place = content.rindex(b'"', 0, len(content) // 2 + 2)
        path.write_bytes(content[:place] + b'"' + content[place:])
    try:
        named = {text for _, text in found(folder)}
    except files.Refusal as refusal:
        named = {str(refusal)}
    assert any(name in text for text in named), named


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITTEN)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    try:
        named = {text for _, text in found(folder)}
    except files.Refusal as refusal:
        named = {str(refusal)}
    assert any(name in text for text in named), named


def drop_failing_row(folder):
    lines = (folder / "failure_review_rows.jsonl").read_bytes().splitlines(True)
    (folder / "failure_review_rows.jsonl").write_bytes(b"".join(lines[1:]))
    return json.loads(lines[0])["datapoint_id"]


def relabel(folder):
    path = folder / "failure_review_rows.jsonl"
    path.write_text(re.sub(r'"error_mode_candidate": "\w+"', '"error_mode_candidate": "other"',
                           path.read_text(encoding="utf-8"), count=1), encoding="utf-8")
    return read_jsonl(path)[0]["datapoint_id"]


def pass_one(folder):
    path = folder / "outcomes.csv"
    path.write_bytes(path.read_bytes().replace(b",fail,", b",pass,", 1))


# Edits that mean something, with a manifest made to agree: what is computed anew sees them.
@pytest.mark.parametrize(("names", "change", "wanted"), [
    (["failure_review_rows.jsonl"], drop_failing_row, ("missing_row", None)),
    (["failure_review_rows.jsonl"], relabel, ("wrong_label", None)),
    (["outcomes.csv"], pass_one, ("wrong_count", "pass")),
    (["clusters.json"], lambda folder: edit(
        folder / "clusters.json", lambda value: value["modes"].pop()),
     ("wrong_file", "clusters.json")),
    (["clusters.json"], lambda folder: edit(
        folder / "clusters.json", lambda value: value.update(other_share=0.0001)),
     ("wrong_file", "clusters.json")),
    (["model_comparison.json"], lambda folder: edit(
        folder / "model_comparison.json", lambda value: value["sets"]["failed_by_all"].clear()),
     ("wrong_file", "model_comparison.json")),
    (["model_comparison.json"], lambda folder: edit(
        folder / "model_comparison.json", lambda value: value["pairs"][0].update(p_holm=0.001)),
     ("wrong_file", "model_comparison.json")),
    (["sanity.json"], lambda folder: edit(
        folder / "sanity.json", lambda value: value["conservation"].update(fail=1)),
     ("wrong_count", "fail")),
    (["sanity.json"], lambda folder: edit(
        folder / "sanity.json", lambda value: value["runs"].pop()), ("wrong_count", "runs")),
    (["facts.json"], lambda folder: edit(
        folder / "facts.json", lambda value: value.update({f"failed_rows/{MODEL}": 1})),
     ("wrong_fact", f"failed_rows/{MODEL}")),
    (["facts.json"], lambda folder: edit(
        folder / "facts.json", lambda value: value.update(unjudged_rows=3)),
     ("wrong_fact", "unjudged_rows")),
    (["facts.json"], lambda folder: edit(
        folder / "facts.json", lambda value: value.pop("comparison/compared_items")),
     ("wrong_fact", "comparison/compared_items")),
    (["facts.json"], lambda folder: edit(
        folder / "facts.json", lambda value: value.update({"mode/other": 99})),
     ("wrong_fact", "mode/other")),
])
def test_an_edit_that_the_manifest_agrees_with_is_refused(folder, names, change, wanted):
    about = change(folder)
    agree(folder, *names)
    assert (wanted[0], wanted[1] or about) in found(folder)


# What only the runs can tell.
@pytest.mark.slow
@pytest.mark.parametrize(("name", "change"), [
    ("failure_review_rows.jsonl", lambda text: text.replace("at your service", "at your feet", 1)),
    ("failure_review_rows.csv", lambda text: text.replace("at your service", "at your feet", 1)),
    ("rejected_rows.jsonl", lambda text: text + "{}\n"),
    ("outcomes.csv", lambda text: text.replace("user_stop", "max_steps", 1)),
    ("sanity.json", lambda text: text.replace('"items": 7', '"items": 8', 1)),
    ("clusters.md", lambda text: text + "x"),
    ("comparison.csv", lambda text: text.replace("0 of 1", "1 of 1", 1)),
    ("model_comparison.md", lambda text: text.replace("%", "% or so", 1)),
    ("contrast_rows.jsonl", lambda text: text.replace("at your service", "at your feet", 1)),
    ("facts.json", lambda text: text.replace('"run_rows/agent-beta": 7',
                                             '"run_rows/agent-beta": 8')),
])
def test_the_runs_read_again_prove_the_packet(folder, name, change):
    path = folder / name
    before = path.read_text(encoding="utf-8")
    path.write_bytes(change(before).encode())
    assert path.read_text(encoding="utf-8") != before
    agree(folder, name)
    assert ("not_the_runs", name) in found(folder, rerun=True)


@pytest.mark.slow
def test_an_agreement_is_measured_again(run_script, folder):
    other = [json.dumps({"id": row["datapoint_id"], "bucket": "another_cause", "coder": "second",
                         "fault": "model_error", "mechanism": "It says something else than asked.",
                         "quotes": [row["assistant_text"]]})
             for row in read_jsonl(folder / "failure_review_rows.jsonl")[:4]]
    (folder / "more.jsonl").write_text("\n".join(other), encoding="utf-8")
    for name, *more in (("record_review.py", "--from", folder / "more.jsonl"),
                        ("measure_agreement.py",)):
        assert run_script(name, folder, *more).returncode == 0
    run_script("write_report.py", folder)  # the prose states a bucket that is disputed now
    clean = found(folder, rerun=True)
    assert ("wrong_file", "agreement.json") not in clean
    edit(folder / "facts.json", lambda value: value.update({"agreement/coders": 9}))
    agree(folder, "facts.json")
    assert found(folder, rerun=True) - clean == {("wrong_fact", "agreement/coders")}


@pytest.mark.slow
def test_rows_labelled_by_own_rules_are_labelled_by_them_again(run_script, folder, tmp_path):
    rules = tmp_path / "mine.yaml"
    rules.write_text("rules:\n  - {name: all, mode: mine, any: [{signal: wrong_database}]}\n")
    for name, *more in (("cluster_failures.py", "--rules", rules), ("compare_models.py",),
                        ("measure_agreement.py",), ("write_report.py",)):
        assert run_script(name, folder, *more).returncode == 0
    rules.unlink()
    assert found(folder, rerun=True) == set()
    assert (folder / "rules.yaml").read_text().startswith("rules:\n  - {name: all, mode: mine")
    (folder / "rules.yaml").write_text("rules:\n  - {name: a, any: [{signal: no_metric}]}")
    agree(folder, "rules.yaml")
    assert {("wrong_file", "clusters.json"), ("wrong_label", relabelled(folder))} <= found(folder)


def relabelled(folder):
    return read_jsonl(folder / "failure_review_rows.jsonl")[0]["datapoint_id"]


def test_runs_that_are_gone_or_changed_cannot_prove(analyse, tmp_path):
    folder = analyse("--run-dir", judged(tmp_path / "r", [turn(0, True)]))
    run = tmp_path / "r" / "openai_judged.jsonl"
    run.write_bytes(run.read_bytes() + b"\n")
    with pytest.raises(files.Refusal, match="this input has changed since the packet was built"):
        found(folder, rerun=True)
    run.unlink()
    with pytest.raises(files.Refusal, match="no longer there"):
        found(folder, rerun=True)
    assert found(folder) == set()  # against the manifest alone


@pytest.mark.parametrize(("name", "change", "says"), [
    ("outcomes.csv", lambda data: data.replace(b"\r\n", b",x\r\n", 3).replace(b",x", b"", 1),
     "outcomes.csv:2: changed since it was written, and "),
    ("failure_review_rows.jsonl", lambda data: data.replace(b'\n{"', b'\n{', 1),
     "failure_review_rows.jsonl:2: changed since it was written, and not valid JSON: "),
    ("model_comparison.json", lambda data: data.replace(b'"by": ', b'"by" ', 1),
     "model_comparison.json:2: changed since it was written, and not valid JSON ("),
    ("clusters.md", lambda data: data + b"\n\xe9", "clusters.md:")])
def test_a_changed_file_that_cannot_be_read_is_named_with_its_line(
        run_script, folder, name, change, says):
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    done = run_script("check_report.py", folder)
    assert done.returncode == 1
    assert says in done.stdout + done.stderr, done


def test_another_mapping_is_another_input(run_script, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"i": "1", "ok": true, "no": false}\n')
    mapping = tmp_path / "benchmark.yaml"
    mapping.write_text("fields: {item_id: i, scores: {c: ok}}\n")
    done = run_script("deep_error_analysis.py", "--input", tmp_path / "rows.jsonl", "--mapping",
                      mapping, "--output", tmp_path / "out" / write.NAME)
    assert done.returncode == 0, done.stderr
    assert found(tmp_path / "out", rerun=True) == set()
    mapping.write_text("fields: {item_id: i, scores: {c: no}}\n")
    with pytest.raises(files.Refusal, match="benchmark.yaml: this input has changed"):
        found(tmp_path / "out", rerun=True)


# A later step over an edited file would lend it its own name.

@pytest.mark.parametrize(("name", "script", "says"), [
    ("failure_review_rows.jsonl", "cluster_failures.py", "run build_packet.py again"),
    ("outcomes.csv", "compare_models.py", "run build_packet.py again"),
    ("outcomes.csv", "plan_review.py", "run build_packet.py again"),
    ("outcomes.csv", "measure_agreement.py", "run build_packet.py again")])
def test_a_step_does_not_read_what_was_edited(run_script, folder, name, script, says):
    path = folder / name
    path.write_bytes(path.read_bytes().replace(b"user_stop", b"max_steps", 1))
    done = run_script(script, folder)
    assert done.returncode == 1
    assert f"{name}: changed since it was written: not the content that manifest.json knows; " \
        f"{says}" in done.stderr


def test_a_step_over_other_inputs_and_a_stray_file_are_named(run_script, folder, tmp_path):
    kept = (folder / "model_comparison.json").read_bytes()
    done = run_script("build_packet.py", "--input", *_one_more(folder), "--output-dir", folder)
    assert done.returncode == 0, done.stderr
    run_script("cluster_failures.py", folder)
    (folder / "model_comparison.json").write_bytes(kept)  # saved from the earlier analysis
    assert ("changed_file", "model_comparison.json") in found(folder)
    (folder / "model_comparison.json").unlink()
    entry = manifest.entries(folder)
    run_script("compare_models.py", folder)
    run_script("write_report.py", folder)
    known = manifest.entries(folder)
    known["compare_models"]["reads"]["outcomes.csv"] = "0" * 64
    assert entry.keys() < known.keys()
    store.write_json(folder / manifest.NAME, {"steps": known})
    faults = {fault.name: fault.why for fault in manifest.faults(folder)}
    assert faults == {"outcomes.csv": "compare_models.py was run over another one; run it again"}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "content", "script"), [
    ("facts.json", b'{"a": NaN}', "write_report.py"),
    ("facts.json", b'{"a": "7"}', "compare_models.py"),
    ("failure_review_rows.jsonl", b"[" * 20000 + b"]" * 20000, "show_datapoint.py"),
    ("failure_review_rows.jsonl", b"[]\n", "cluster_failures.py"),
    ("contrast_rows.jsonl", b"[" * 20000 + b"]" * 20000, "record_review.py"),
    ("review_plan.jsonl", b"\xff\xfe{}\n", "show_datapoint.py"),
    ("review_plan.jsonl", b"[" * 20000 + b"]" * 20000, "show_datapoint.py")])
def test_odd_files_are_refused_by_name_without_a_traceback(run_script, folder, name, content,
                                                           script):
    (folder / name).write_bytes(content)
    agree(folder, *{name} - {"facts.json"})
    more = {"show_datapoint.py": ["--next"], "record_review.py": ["--id", "x", "--bucket", "y"]}
    done = run_script(script, folder, *more.get(script, ()))
    assert done.returncode == 1 and name in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_folder_without_a_manifest_does_not_hold(folder):
    write.path_of(folder).rename(folder / write.NAME)
    (folder / manifest.NAME).unlink()
    assert ("changed_file", "manifest.json") in found(folder)


# Rebuilding.

def test_the_same_runs_again_keep_plan_ledger_and_report(run_script, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()
              if path.is_file() and path.name not in ("manifest.json", "check.json")}
    inputs = manifest.settings(folder, "build_packet")["input"]
    done = run_script("deep_error_analysis.py", "--input", *inputs,
                      "--output", write.path_of(folder))
    assert done.returncode == 0, done.stderr
    assert "removed" not in done.stdout
    after = {path.name: path.read_bytes() for path in folder.iterdir()
             if path.is_file() and path.name not in ("manifest.json", "check.json")}
    assert after == before
    assert found(folder) == set()


def test_other_runs_remove_what_was_made_of_the_packet_and_say_so(run_script, folder, tmp_path):
    ledger, runs = (folder / "reviews.jsonl").read_bytes(), _one_more(folder)
    done = run_script("build_packet.py", "--input", *runs, "--output-dir", folder, "--json")
    removed = json.loads(done.stdout)["removed"]
    assert removed == ["agreement.json", "agreement.md", "check.json", "clusters.json",
                       "clusters.md", "comparison.csv", "comparison.png", "contrast_rows.jsonl",
                       "deep_error_analysis.html", "model_comparison.json",
                       "model_comparison.md", "review_plan.jsonl",
                       "review_plan.md"] or "background.md" in removed
    assert not any((folder / name).exists() for name in removed)
    assert (folder / "reviews.jsonl").read_bytes() == ledger
    assert write.path_of(folder).exists()
    assert set(manifest.entries(folder)) == {"build_packet", "report"}
    assert not any(name.startswith(("comparison/", "agreement/", "mode/", "review/"))
                   for name in facts.load(folder))
    done = run_script("build_packet.py", "--input", *runs, "--output-dir", folder)
    assert done.returncode == 0, done.stderr
    assert "removed" not in done.stdout


def test_a_manifest_from_elsewhere_removes_nothing_outside(run_script, folder, tmp_path):
    """Its names are data: they say what to remove only inside the folder."""
    outside = [tmp_path / "trips" / "precious.txt", tmp_path / "precious.txt"]
    for path in outside:
        path.write_text("mine")
    edit(folder / manifest.NAME, lambda value: value["steps"]["compare_models"]["outputs"].update(
        {"../precious.txt": "0" * 64, str(outside[1]): "0" * 64, "/dev/zero": "0" * 64}))
    done = run_script("check_report.py", folder)
    assert done.returncode == 1 and "which is outside the folder" in done.stderr
    done = run_script("build_packet.py", "--run-dir", judged(tmp_path / "r", [turn(0, False)]),
                      "--output-dir", folder, "--force")
    assert done.returncode == 0, done.stderr
    assert [path.read_text() for path in outside] == ["mine", "mine"]


def test_a_manifest_of_an_earlier_version_proves_nothing(run_script, folder):
    edit(folder / manifest.NAME, lambda value: value["steps"]["build_packet"].update(
        outputs=sorted(value["steps"]["build_packet"]["outputs"])))
    assert {("changed_file", "outcomes.csv"), ("changed_file", "sanity.json")} <= found(folder)
    inputs = manifest.settings(folder, "build_packet")["input"]
    done = run_script("build_packet.py", "--input", *inputs, "--output-dir", folder)
    assert "removed, as it was made from the packet that stood here before: agreement.json" in \
        done.stdout
