"""parse_aide_journals.py and journals as datapoints: on made-up journals with known trees, and on
the real ones (REAL_RUNS)."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_analysis import clean
from failure_analysis.journals import places as journal_places
from failure_analysis.journals import read as journals
from failure_analysis.journals import tree as journal_tree
from failure_analysis.pages import journals as journal_pages
from make_journals import UUID, node, search, write
from make_runs import findings

OTHER = "11111111-2222-3333-4444-555555555555"
GROUP = "2031-08-21T02-06-57-GMT_run-group_newagent"


@pytest.fixture(scope="module")
def parse(run_script, tmp_path_factory):
    """`parse(folder, *options)`: runs the script; returns (process, output folder)."""

    def run(folder, *options, code=0):
        output = tmp_path_factory.mktemp("journals")
        done = run_script("parse_aide_journals.py", "--failed-runs-dir", folder,
                          "--output-dir", output, *options)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done, output

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory, parse):
    """The made-up search, parsed: (process, output folder)."""
    root = tmp_path_factory.mktemp("failed_runs")
    write(root / GROUP / "x" / "kaggle" / f"house_{UUID}" / "logs" / "exp" / "journal.json",
          *search())
    return parse(root)


def rows(output: Path, name: str) -> list[dict]:
    return list(clean.read_csv(output / name))


def folded(text: str) -> str:
    """White space folded; a carriage return is a line feed in the text files."""
    return " ".join(clean.visible(text.replace("\r", "\n")).split())


def test_a_search_becomes_a_text_a_tree_and_rows(made):
    done, output = made
    assert "8 steps = 5 buggy + 3 good + 0 without a verdict" in done.stdout
    assert (output / GROUP / "kaggle_house.txt").is_file()
    steps = rows(output, "journal_steps.csv")
    assert [(row["step"], row["stage"], row["parent"], row["is_buggy"], row["why_buggy"],
             row["chain_id"], row["chain_length"]) for row in steps] == [
        ("0", "draft", "", "false", "", "", ""),
        ("1", "draft", "", "true", "exception", "1", "1"),
        ("2", "draft", "", "true", "exception", "2", "3"),
        ("3", "debug", "2", "true", "exception", "2", "3"),
        ("4", "debug", "3", "false", "", "2", "3"),
        ("5", "improve", "0", "true", "reviewer", "5", "2"),
        ("6", "debug", "5", "true", "exception", "5", "2"),
        ("7", "improve", "0", "false", "", "", "")]
    assert {row["run"] for row in steps} == {GROUP} and {row["task"] for row in steps} == {"house"}
    assert steps[2]["exc_type"] == "TypeError" and steps[4]["metric"] == "0.54"


def test_the_facts_of_a_search(made):
    row = rows(made[1], "journal_runs.csv")[0]
    assert {name: row[name] for name in (
        "drafts", "debug_chains", "chains_recovered", "longest_chain", "first_unrecovered_step",
        "first_unrecovered_error", "exec_seconds", "buggy_seconds", "best_metric", "best_step")
    } == {"drafts": "3", "debug_chains": "3", "chains_recovered": "1", "longest_chain": "3",
          "first_unrecovered_step": "1", "exec_seconds": "12.0", "buggy_seconds": "7.5",
          "first_unrecovered_error": "ModuleNotFoundError: No module named 'catboost'",
          "best_metric": "0.5", "best_step": "0"}


def test_a_chain_that_recovers_is_not_the_first_unrecovered_error(tmp_path, parse):
    """Chain 0 recovers; chain 2 ends without a verdict, which is no recovery; of two equal metrics
    the earlier step is the best."""
    write(tmp_path / "run7" / "journal.json",
          [node("a", 0, True, "KeyError: first"),
           node("b", 1, metric={"value": 1, "maximize": True}),
           node("c", 2, True, "TypeError: second"), node("d", 3, None),
           node("e", 4, metric={"value": 1, "maximize": True})], {"b": "a", "d": "c"})
    _, output = parse(tmp_path)
    row, = rows(output, "journal_runs.csv")
    assert (row["debug_chains"], row["chains_recovered"]) == ("2", "1")
    assert row["first_unrecovered_error"] == "TypeError: second" and row["best_step"] == "1"


def test_the_text_of_a_step(made):
    text = (made[1] / GROUP / "kaggle_house.txt").read_text(encoding="utf-8")
    step = text.split("STEP 3 ")[1].split("STEP 4 ")[0]
    stated = ["parent:            step 2", "chain 2: 3 steps (2, 3, 4), recovered at step 4",
              "ran:               1.5 s", "metric:            none", "yes: KeyError: label",
              "🧠 Plan", "plan of d", "💻 Code", "print('d')", "📤 Output", "epoch 1 of d",
              "❌ Error", 'File "interpreter.py", line 144', 'File "runfile.py", line 2',
              "🔍 Analysis", "the reviewer on d"]
    places = [step.find(part) for part in stated]
    assert -1 not in places and places == sorted(places)
    assert "chain 5: 2 steps (5, 6), never recovered" in text
    assert "8, 5 buggy (62 %)" in text and "7.5 s in buggy steps (62 %)" in text


def test_plain_has_no_emoji(made, parse):
    journal = Path(rows(made[1], "journal_runs.csv")[0]["journal"])
    done, output = parse(journal, "--plain")
    text = next(output.rglob("*.txt")).read_text(encoding="utf-8")
    assert "--- Plan" in text and not any(ord(char) > 0x2fff for char in text)


def test_the_tree_is_coloured_by_outcome(made):
    svg = ElementTree.parse(next(made[1].rglob("*.svg"))).getroot()
    boxes = [child for child in svg if child.tag.endswith("}g")]
    fills = [box[1].get("fill") for box in boxes]
    good, bad = journal_tree._GOOD, journal_tree._BUGGY
    assert fills == [good, bad, bad, bad, good, bad, bad, good]
    assert [box[3].text for box in boxes][1:3] == ["ModuleNotFoundErr…", "TypeError"]
    lines = [child for child in svg if child.tag.endswith("}path")]
    assert len(lines) == 5


@pytest.mark.parametrize(("path", "run", "domain", "task"), [
    (f"{GROUP}/kaggle/uw-gi_{UUID}/logs/2-a-b/journal.json", GROUP, "kaggle", "uw-gi"),
    (f"arch/{GROUP}/manual/open_{UUID}/logs/e/journal.json", GROUP, "manual", "open"),
    (f"{GROUP}/task_{UUID}/logs/e/journal.json", GROUP, None, "task"),
    ("run-group_agent1_12345678/logs/exp/journal.json", "run-group_agent1_12345678", None,
     "run-group_agent1_12345678"),
    ("run7/task/logs/exp/journal.json", "run7", None, "task"),
    ("run7/logs/2-name/journal.json", "run7", None, "2-name"),
    ("run7/task/journal.json.gz", "run7", None, "task"),
    ("run7/journal.json", "run7", None, "run7"),
    ("2025-05-21_18-26-09_an_idea_attempt_0/logs/0-run/stage_1_x/journal.json",
     "2025-05-21_18-26-09_an_idea_attempt_0", None, "an_idea/stage_1_x"),
])
def test_run_domain_and_task_come_from_the_folders(path, run, domain, task):
    place = journal_places.locate(Path("/data/failed_runs", path), Path("/data/failed_runs"))
    assert (place.run, place.domain, place.task) == (run, domain, task)


def test_two_journals_never_overwrite_each_other(tmp_path, parse):
    for run in (f"run/kaggle/t_{UUID}/logs/e", f"run/kaggle/t_{OTHER}/logs/e", "run/kaggle/T",
                "RUN/x/kaggle_t", "run/k:t", "run/k?t"):
        write(tmp_path / run / "journal.json", [node(run, 0)])
    done, output = parse(tmp_path)
    texts = [row["text"] for row in rows(output, "journal_runs.csv")]
    assert len({name.casefold() for name in texts}) == len(texts) == 6
    for row in rows(output, "journal_runs.csv"):
        run = Path(row["journal"]).parent.relative_to(tmp_path).as_posix()
        assert f"plan of {run}" in (output / row["text"]).read_text(encoding="utf-8")


def test_the_files_are_the_same_with_any_number_of_workers(tmp_path, parse):
    for number in range(12):
        write(tmp_path / f"run{number}" / "journal.json", *search(1 + number % 8))
    outputs = [parse(tmp_path, "--concurrent", number)[1] for number in ("1", "3")]
    contents = [{path.relative_to(output): path.read_bytes() for path in output.rglob("*")
                 if path.is_file() and path.name != "manifest.json"} for output in outputs]
    assert contents[0] == contents[1] and len(contents[0]) == 27


def test_dry_run_writes_nothing(tmp_path, run_script):
    write(tmp_path / "in" / "run7" / "journal.json", *search())
    done = run_script("parse_aide_journals.py", "--failed-runs-dir", tmp_path / "in",
                      "--output-dir", tmp_path / "out", "--dry-run")
    assert done.returncode == 0 and "run7/run7.txt" in done.stdout.replace("\\", "/")
    assert not (tmp_path / "out").exists()


def test_no_journal_is_an_error(tmp_path, run_script):
    done = run_script("parse_aide_journals.py", "--failed-runs-dir", tmp_path, cwd=tmp_path)
    assert done.returncode == 1 and "no journal.json" in done.stderr
    done = run_script("parse_aide_journals.py", "--failed-runs-dir", tmp_path / "x")
    assert done.returncode == 1 and "no such file or folder" in done.stderr
    assert not (tmp_path / "aide_journals" / "journal_steps.csv").exists()


def test_damaged_journals_are_named_and_the_others_written(tmp_path, parse):
    write(tmp_path / "good" / "journal.json", *search())
    whole = write(tmp_path / "cut" / "journal.json", *search()).read_bytes()
    (tmp_path / "cut" / "journal.json").write_bytes(whole[:len(whole) // 2])
    (tmp_path / "zip").mkdir()
    (tmp_path / "zip" / "journal.json.gz").write_bytes(gzip.compress(whole)[:-40])
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "journal.json").write_text('{"entries": []}')
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "journal.json").write_text("")
    write(tmp_path / "nodes" / "journal.json", [*search(2)[0], "no node", {"x": 1}])
    done, output = parse(tmp_path, code=1)
    assert "NOT READ: 4 files and 2 nodes" in done.stdout
    rejected = {(Path(row["path"]).parent.name, row["node"]): row["reason"]
                for row in rows(output, "rejected_journals.csv")}
    assert {key[0] for key in rejected} == {"cut", "zip", "else", "empty", "nodes"}
    assert "cut off here" in rejected["cut", ""]
    assert "damaged or cut off" in rejected["zip", ""]
    assert "no agent journal" in rejected["else", ""]
    assert ("nodes", "2") in rejected and ("nodes", "3") in rejected
    assert {row["run"] for row in rows(output, "journal_runs.csv")} == {"good", "nodes"}
    text = (output / "nodes" / "nodes.txt").read_text(encoding="utf-8")
    assert "2 not readable" in text and '"no node"' in text


def test_a_filtered_copy_counts_only_when_the_journal_is_damaged(tmp_path, parse):
    for run in ("whole", "cut", "alone"):
        nodes, parents = search()
        write(tmp_path / run / "filtered_journal.json", [nodes[0], nodes[4]], parents)
        if run != "alone":
            write(tmp_path / run / "journal.json", nodes, parents)
    (tmp_path / "cut" / "journal.json").write_text('{"nodes": [')
    done, output = parse(tmp_path, code=1)
    sizes = {row["run"]: row["steps"] for row in rows(output, "journal_runs.csv")}
    assert sizes == {"whole": "8", "cut": "2", "alone": "2"}
    assert "3 journals found, 3 read" in done.stdout
    stages = [row["stage"] for row in rows(output, "journal_steps.csv") if row["run"] == "alone"]
    assert stages == ["draft", ""]  # the parent of the second is not in the dump
    text = (output / "alone" / "alone.txt").read_text("utf-8")
    assert "which is no one node of this journal" in text


def test_a_verdict_that_is_not_recorded_is_no_verdict(tmp_path, parse, build):
    nodes = [node("a", 0, None), node("b", 1, "false"), node("c", 2), node("d", 3, True)]
    del nodes[0]["is_buggy"]
    write(tmp_path / "in" / "run7" / "journal.json", nodes, {"c": "b"})
    done, output = parse(tmp_path / "in")
    assert "1 buggy + 1 good + 2 without a verdict" in done.stdout
    steps = rows(output, "journal_steps.csv")
    assert [row["is_buggy"] for row in steps] == ["", "", "false", "true"]
    assert steps[2]["stage"] == ""
    built, _ = build("--input", tmp_path / "in")
    assert "4 rows read = 1 pass + 1 fail + 2 unjudged + 0 rejected" in built.stdout


def test_ai_scientist_nodes(tmp_path, parse):
    value = {"metric_names": [
        {"metric_name": "loss", "lower_is_better": True, "description": "",
         "data": [{"dataset_name": "x", "final_value": 0.2, "best_value": 0.1},
                  {"dataset_name": "y", "final_value": 0.4, "best_value": 0.3}]},
        {"metric_name": "accuracy", "lower_is_better": False, "description": "",
         "data": [{"dataset_name": "x", "final_value": 0.9, "best_value": None}]}]}
    more = {"plot_code": "plt.plot()", "plot_plan": "how to plot", "is_buggy_plots": False,
            "vlm_feedback_summary": ["the curve is flat"], "plot_analyses": [{"analysis": "good"}],
            "parse_metrics_code": "np.load('x')", "parse_term_out": "loss 0.2",
            "is_seed_node": True, "ablation_name": "no dropout", "metric": {"value": value}}
    failed = node("b", 1, True, metric={"value": None}, parse_exc_type="KeyError", analysis="")
    write(tmp_path / "run7" / "journal.json", [node("a", 0, **more), failed], {"b": "a"})
    _, output = parse(tmp_path)
    text = (output / "run7" / "run7.txt").read_text(encoding="utf-8")
    for part in ("plt.plot()", "how to plot", "the curve is flat", "np.load('x')", "loss 0.2",
                 "no dropout", "loss [x] = 0.2 (lower is better), best 0.1",
                 "accuracy [x] = 0.9 (higher is better)", "AI-Scientist-v2 journal",
                 "extracting it failed with KeyError"):
        assert part in text, part
    first, second = rows(output, "journal_steps.csv")
    assert first["metric_name"] == "loss [mean of 2 datasets]"
    assert float(first["metric"]) == pytest.approx(0.3)
    assert second["why_buggy"] == "no metric"


def test_text_of_a_run_cannot_pass_for_ours_or_reach_the_terminal(tmp_path, parse):
    hostile = node("a", 0, plan="\x1b[2J\x1b]0;x\x07", code='=cmd|"/C calc"!A1',
                   _term_out=["one", "\rtwo", "\n=\x1b[31m\u202e", "</text><script>"],
                   analysis="STEP 9 · draft · good", ctime=1e300, exec_time=float("nan"),
                   metric={"value": 1e400, "maximize": "yes"})
    hostile["exc_type"] = "</title><script>alert(1)</script>"
    write(tmp_path / "run7" / "journal.json", [hostile | {"is_buggy": True}])
    _, output = parse(tmp_path)
    text = (output / "run7" / "run7.txt").read_text(encoding="utf-8")
    svg = next(output.rglob("*.svg")).read_text(encoding="utf-8")
    assert "\x1b" not in text + svg and "\u202e" not in text + svg and "<script" not in svg
    assert "one\ntwo\n" in text
    mark = text.split("Lines that end in ")[1][:10]
    assert all(line.endswith(mark) for line in text.splitlines() if line.startswith("🔢"))
    assert sum("STEP" in line and line.endswith(mark) for line in text.splitlines()) == 1
    ElementTree.fromstring(svg)


def test_numbers_that_are_none_are_not_recorded(tmp_path, parse):
    """NaN, infinities, integers beyond every float, times before nothing."""
    odd = [node("a", 0, metric={"value": 10 ** 400, "maximize": True}, exec_time=10 ** 400,
                ctime=10 ** 30),
           node("b", 1, metric={"value": float("nan"), "maximize": True}, exec_time=float("inf")),
           node("c", 2, metric={"value": 3, "maximize": True}, exec_time=-5, ctime=float("nan"))]
    write(tmp_path / "run7" / "journal.json", odd)
    _, output = parse(tmp_path)
    assert [(row["metric"], row["exec_time"]) for row in rows(output, "journal_steps.csv")] == [
        ("", ""), ("", ""), ("3.0", "")]
    row, = rows(output, "journal_runs.csv")
    assert (row["best_metric"], row["exec_seconds"]) == ("3.0", "")


def test_equal_ids_and_missing_parents(tmp_path, parse):
    write(tmp_path / "twice" / "journal.json",
          [node("a", 0), node("a", 1, True, "KeyError: x"), node("a", 1)], {"a": "a"})
    write(tmp_path / "gone" / "journal.json", [node("a", 0), node("c", 2, True)],
          {"a": "zzz", "c": "b", "nobody": "a"})
    write(tmp_path / "none" / "journal.json", [])
    _, output = parse(tmp_path)
    assert [(row["run"], row["step"], row["stage"], row["parent"]) for row in
            rows(output, "journal_steps.csv")] == [
        ("gone", "0", "", ""), ("gone", "2", "", ""),
        ("twice", "0", "", ""), ("twice", "1", "", ""), ("twice", "2", "", "")]
    text = (output / "twice" / "twice.txt").read_text("utf-8")
    assert "steps are missing or not unique" in text and "some nodes have no id of th" in text
    assert {row["run"]: row["steps"] for row in rows(output, "journal_runs.csv")} == {
        "gone": "2", "none": "0", "twice": "3"}


def test_every_recorded_field_is_in_the_text(tmp_path, parse):
    frames = [["agent.py", 0, "unknown", 'File "/env/train.py", line 26, in train'],
              ["agent.py", 7, "main", "  fit()  "], "no frame"]
    write(tmp_path / "run7" / "journal.json", [
        node("a", 0, True, "KeyError: x", exc_stack=frames, plot_paths=["plots/loss.png"],
             exec_time_feedback="it runs too quickly", field_of_tomorrow={"deep": [1, 2]},
             empty_field=""),
        node("b", 1, True, parse_exc_type="IndexError", parse_exc_info={"args": ["list index"]},
             parse_exc_stack=[["metrics.py", 3, "<module>", "best[0]"]])])
    _, output = parse(tmp_path)
    text = (output / "run7" / "run7.txt").read_text(encoding="utf-8")
    for part in ('  File "/env/train.py", line 26, in train\n  File "agent.py", line 7, in main\n'
                 "    fit()\n  no frame\n", "plots/loss.png", "it runs too quickly",
                 'field_of_tomorrow:\n{"deep": [1, 2]}', "IndexError: list index",
                 '  File "metrics.py", line 3, in <module>\n    best[0]'):
        assert part in text, part
    assert "empty_field" not in text


def test_the_tree_marks_metrics_that_the_best_is_not_chosen_by(tmp_path):
    named = [{"name": name, "value": value, "maximize": False}
             for name, value in (("loss", 0.3), ("loss", 0.2), ("error", 0.1))]
    path = write(tmp_path / "journal.json",
                 [node(str(step), step, metric=metric) for step, metric in enumerate(named)])
    svg = journal_tree.svg(journal_places.locate(path, tmp_path), journals.read(path))
    assert "best is step 1 by loss of 2" in svg
    assert ">0.1 (other)</text>" in svg and ">0.3</text>" in svg


def test_an_interrupt_is_one_line(tmp_path, bundle):
    for number in range(60):
        write(tmp_path / "in" / str(number) / "journal.json", [node("a", 0, code="x" * 300_000)])
    child = subprocess.Popen(
        [sys.executable, bundle / "scripts" / "parse_aide_journals.py", "--failed-runs-dir",
         tmp_path / "in", "--output-dir", tmp_path / "out"], stderr=subprocess.PIPE, text=True,
        start_new_session=True)
    while not any((tmp_path / "out").glob("*/*.txt")):
        assert child.poll() is None
        time.sleep(0.001)
    os.killpg(child.pid, signal.SIGINT)
    said = child.communicate(timeout=20)[1]
    assert (child.returncode, said) == (1, "parse_aide_journals.py: interrupted\n")
    assert not (tmp_path / "out" / "journal_steps.csv").exists()


@pytest.mark.parametrize("parents", [{"a": "b", "b": "a"}, {"a": "a"}, {"a": ["x"]}, ["a"], None])
def test_a_tree_that_is_none_still_parses(tmp_path, parents):
    path = write(tmp_path / "journal.json", [node("a", 0), node("b", 1, True)])
    document = json.loads(path.read_text()) | {"node2parent": parents}
    path.write_text(json.dumps(document))
    journal = journals.read(path)
    assert len(journal.steps) == 2
    journal_tree.svg(journal_places.locate(path, tmp_path), journal)


def test_a_chain_of_thousands_of_steps(tmp_path):
    nodes = [node(str(step), step, True, "ValueError: x") for step in range(3000)]
    path = write(tmp_path / "journal.json", nodes,
                 {str(step): str(step - 1) for step in range(1, 3000)})
    journal = journals.read(path)
    assert [len(chain.steps) for chain in journal.chains] == [3000]
    assert journal_tree.svg(journal_places.locate(path, tmp_path), journal).count("<rect") == 3004


TREES = st.lists(st.tuples(st.integers(-1, 30), st.sampled_from([True, False, None])),
                 min_size=1, max_size=31)


@given(TREES)
def test_chains_of_any_tree(tree):
    """A chain is a failing step with all debug steps below it; each failing step is in one."""
    nodes = [node(str(step), step, buggy) for step, (_, buggy) in enumerate(tree)]
    parents = {str(step): str(parent) for step, (parent, _) in enumerate(tree)
               if 0 <= parent < step}
    steps = journals._steps([(made["step"], made) for made in nodes],
                            {int(child): parent for child, parent in parents.items()})
    for step in steps:
        parent = steps[step.parent] if step.parent is not None else None
        assert step.stage == ("draft" if parent is None else
                              {True: "debug", False: "improve", None: ""}[parent.buggy])
        follows = parent is not None and parent.buggy is True
        assert (step.chain is not None) == (step.buggy is True or follows)
        if step.chain:
            assert step.number in step.chain.steps
            assert step.chain == (parent.chain if follows else step.chain)
            assert (step.chain.first == step.number) == (not follows)
    members = [number for chain in {step.chain for step in steps if step.chain}
               for number in chain.steps]
    assert len(members) == len(set(members))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner:
                    st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
                    max_leaves=8),
       st.sampled_from(["id", "step", "plan", "code", "_term_out", "exec_time", "exc_type",
                        "exc_info", "exc_stack", "analysis", "metric", "is_buggy", "ctime",
                        "parent", "plot_analyses", "vlm_feedback_summary", "parse_exc_type"]))
def test_a_field_of_any_shape_is_shown_and_never_an_error(value, name):
    document = json.loads(json.dumps({**node("a", 0, True, "KeyError: x"), name: value}))
    journal = journals.Journal(Path("journal.json"), "AIDE", [])
    nodes = journals._nodes([document], journal)
    journal.steps = journals._steps(nodes, journals._parents({}, nodes, journal))
    place = journal_places.locate(Path("journal.json"), Path())
    text = journal_pages.page_text(place, journal)
    assert not set(text) & set("\x1b\r\u202e")
    ElementTree.fromstring(clean.encoded(journal_tree.svg(place, journal)))
    page = journal_pages.Page(place, Path("a"), Path("b"))
    assert len(list(journal_pages._step_rows(place, journal))) == 1
    journal_pages._run_row(page, journal)


# --- journals as datapoints -------------------------------------------------------------------


@pytest.fixture(scope="module")
def analysed(analyse, tmp_path_factory):
    """Two runs that try the same task, one another task, and what agents leave beside journals."""
    root = tmp_path_factory.mktemp("failed_runs")
    for run, size in (("2031-01-01T00-00-00-GMT_run-group_aide", 8),
                      ("2031-01-02T00-00-00-GMT_run-group_aide", 3)):
        logs = root / run / "kaggle" / f"house_{UUID}" / "logs" / "exp"
        write(logs / "journal.json", *search(size))
        (logs / "config.yaml").write_text(
            "data_dir: !!python/object/apply:pathlib._local.PosixPath\n- /home\n"
            "goal: Predict the price\nagent: {code: {model: o4-mini}, steps: 20}\n")
        (logs.parent / "half_written.json").write_text('{"a": ')
    write(root / "third" / "other" / "journal.json", [node("z", 0)])
    (root / "no-journal").mkdir()
    (root / "no-journal" / "broken.json").write_text("{")
    return analyse("--input", root)


def packet(folder: Path) -> list[dict]:
    return [json.loads(line) for line in
            (folder / "failure_review_rows.jsonl").read_text("utf-8").splitlines()]


def test_journals_go_through_stage_1(analysed):
    with open(analysed / "outcomes.csv", encoding="utf-8", newline="") as file:
        outcomes = list(csv.DictReader(file))
    assert Counter((row["run_id"][:10], row["item_id"], row["outcome"]) for row in outcomes) == {
        ("2031-01-01", "kaggle/house", "fail"): 5, ("2031-01-01", "kaggle/house", "pass"): 3,
        ("2031-01-02", "kaggle/house", "fail"): 2, ("2031-01-02", "kaggle/house", "pass"): 1,
        ("third", "other", "pass"): 1}
    assert {row["model_name"] for row in outcomes} == {"o4-mini", "agent"}
    modes = {row["datapoint_id"][8:10] + row["datapoint_id"][-2:]: row["error_mode_candidate"]
             for row in packet(analysed)}
    assert modes == {"01@1": "missing_module", "01@2": "library_mismatch",
                     "01@3": "wrong_column_or_key", "01@5": "other", "01@6": "time_limit",
                     "02@1": "missing_module", "02@2": "library_mismatch"}
    compared = json.loads((analysed / "model_comparison.json").read_text("utf-8"))
    assert compared["by"] == "model"
    # A run whose agent left no journal, but half-written files, is named.
    assert findings(analysed, "ignored_files")[0]["about"][0].endswith("no-journal/broken.json")
    row = next(row for row in packet(analysed) if row["trial"] == 3)
    assert row["user_text"] == "Predict the price" and row["termination"] == "error"
    assert row["assistant_text"] == "print('d')\nmodel.fit(x)\n" and row["reasoning"] == "plan of d"
    assert row["tool_results"][0]["content"].startswith("epoch 1 of d\n")
    assert row["judge_reasoning"].split("\n") == [
        "Buggy (exception): KeyError: label",
        "Raised at: runfile.py line 2 in <module>: model.fit(x)",
        "Stage: debug, child of step 2 (TypeError: fit() got an unexpected keyword argument 'x').",
        "Debug chain: steps 2, 3, 4, recovered at step 4.", "Metric: none recorded.",
        "Reviewer: the reviewer on d"]
    assert row["scores"] == {"not_buggy": False} and row["latency_ms"] == 1500.0


def test_a_half_written_journal_is_rejected_and_said(build, tmp_path):
    write(tmp_path / "in" / "good" / "journal.json", *search())
    (tmp_path / "in" / "half").mkdir()
    (tmp_path / "in" / "half" / "journal.json").write_text('{"nodes": [{"code": "x"')
    done, out = build("--input", tmp_path / "in", code=1)
    assert "9 rows read = 3 pass + 5 fail + 0 unjudged + 1 rejected" in done.stdout
    assert "damaged or cut off" in done.stdout
    rejected = json.loads((out / "rejected_rows.jsonl").read_text("utf-8"))
    assert rejected["path"].endswith("half/journal.json")
    assert rejected["raw"] == '{"nodes": [{"code": "x"'


def test_a_task_searched_twice_in_a_run_makes_two_runs(build, tmp_path):
    for uuid in (UUID, OTHER):
        write(tmp_path / "in" / GROUP / "kaggle" / f"t_{uuid}" / "logs" / "e" / "journal.json",
              *search())
    _, out = build("--input", tmp_path / "in")
    runs = {row["run_id"] for row in clean.read_csv(out / "outcomes.csv")}
    assert runs == {f"{GROUP}.kaggle.t_{UUID}.logs.e", f"{GROUP}.kaggle.t_{OTHER}.logs.e"}
    assert not findings(out, "repeated_items")


@pytest.mark.parametrize(("exc", "mode"), [
    ("MemoryError: ", "out_of_memory"),
    ("OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "out_of_memory"),
    ("RuntimeError: REPL child process died unexpectedly", "process_died"),
    ("ValueError: Invalid submission: submission.csv has 10 rows, 12 expected",
     "submission_format"),
    ("FileNotFoundError: [Errno 2] No such file or directory: 'train.csv'",
     "data_or_model_not_available"),
    ("AttributeError: module 'numpy' has no attribute 'float'", "library_mismatch"),
    ("NameError: name 'df' is not defined", "code_does_not_hold_together"),
    ("ValueError: Input contains NaN", "numerical_failure"),
    ("SomeNewError: of a kind that nobody knows", "other"),
])
def test_rules_over_exceptions(exc, mode):
    from failure_analysis.formats import agent_journals
    from failure_analysis.packet import heuristics

    journal = journals.Journal(Path("journal.json"), "AIDE", [])
    nodes = journals._nodes([node("a", 0, True, exc, analysis="It ended the session.")], journal)
    step = journals._steps(nodes, {})[0]
    row = agent_journals._fields("task", step, None, {}) | {"benchmark": "agent-journals"}
    rules = heuristics.of_benchmark(heuristics.load(heuristics.DEFAULT_RULES), row["benchmark"])
    met = heuristics.hits(row, rules)
    assert met[0].mode == mode


# --- real journals ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(parse, real_runs):
    """Both sets of real journals, parsed: name -> output folder."""
    return {name: parse(real_runs / name)[1]
            for name in ("aide-journals", "ai-scientist-v2-journals")}


def test_real_counts_are_the_published_ones(real, real_runs):
    for name, output in real.items():
        count = len([path for path in (real_runs / name).rglob("journal.json*")])
        assert len(rows(output, "journal_runs.csv")) == count
        assert rows(output, "rejected_journals.csv") == []
    scientist = rows(real["ai-scientist-v2-journals"], "journal_steps.csv")
    assert (len(scientist), Counter(row["is_buggy"] for row in scientist)["true"]) == (441, 155)
    assert Counter(row["exc_type"] == "" for row in scientist if row["is_buggy"] == "true")[
        True] == 54
    house = [row for row in rows(real["aide-journals"], "journal_steps.csv")
             if row["run"].startswith("house-prices")]
    assert len(house) == 20
    assert Counter(row["exc_type"] for row in house if row["is_buggy"] == "true") == {
        "TypeError": 7, "ModuleNotFoundError": 1}


def test_real_texts_hold_every_code_and_output_whole(real):
    nodes = 0
    for output in real.values():
        for row in rows(output, "journal_runs.csv"):
            raw = Path(row["journal"]).read_bytes()
            document = json.loads(gzip.decompress(raw) if row["journal"].endswith("gz") else raw)
            text = (output / row["text"]).read_text(encoding="utf-8")
            plain = folded(text)
            for recorded in document["nodes"]:
                nodes += 1
                assert clean.visible(recorded["code"]) in text
                for name in ("plan", "analysis", "plot_code", "parse_metrics_code"):
                    assert folded(recorded.get(name) or "") in plain
                printed = recorded["_term_out"] or []
                joined = "".join(printed) if any("\n" in piece for piece in printed[:-1]) else \
                    "\n".join(printed)
                assert folded(joined) in plain
                for frame in recorded["exc_stack"] or []:
                    assert folded(frame[3]) in plain
    assert nodes == 441 + 26


@pytest.mark.parametrize(("name", "failed", "read"), [
    ("aide-journals", 14, 26), ("ai-scientist-v2-journals", 155, 441)])
def test_real_journals_are_clustered(build, run_script, real_runs, name, failed, read):
    done, out = build("--input", real_runs / name)
    assert f"{read} rows read = {read - failed} pass + {failed} fail + 0 unj" in done.stdout
    assert run_script("cluster_failures.py", out).returncode == 0
    clusters = json.loads((out / "clusters.json").read_text("utf-8"))
    assert clusters["failing_rows"] == failed and clusters["other_share"] <= 0.30
