"""A format claims the files that it holds and no others: what two claim is refused, what none
claims is named, and one that cannot be read does not keep the others from being read."""

import gzip
import json
import shutil
import zipfile
from pathlib import Path

import pytest

import make_journals
from failure_analysis import clean, documents, files
from failure_analysis.reading import claims, format_files, zipped
from make_format_table import README, written
from make_runs import (
    CANCEL,
    dojo_row,
    findings,
    judged,
    read_jsonl,
    simulation,
    task,
    tau2,
    tau2_folder,
    turn,
)

FIXTURES = Path(__file__).parent / "fixtures" / "formats"
GSM8K = [{"question": "1+1?", "ground_truth": "2", **{
    model: {"is_correct": good, "solution": "2"} for model, good in (
        ("6b_finetuning", True), ("175b_verification", False))}}]


def lines(path: Path, rows: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def dojo(folder: Path) -> Path:
    path = folder / "pipe" / "banking" / "user_task_0" / "none" / "none.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(dojo_row("user_task_0", False)))
    return folder


@pytest.mark.parametrize("tree", ["dojo", "journals", "judged"])
def test_a_tree_does_not_swallow_the_files_of_another_benchmark(build, tmp_path, tree):
    runs = tmp_path / "runs"
    if tree == "dojo":
        dojo(runs / "deep")
    elif tree == "journals":
        make_journals.write(runs / "search" / "task" / "journal.json",
                            [make_journals.node("a", 0, True, "KeyError: label")])
    else:
        judged(runs, [turn(0, False)])
    path = lines(runs / "other" / "gsm.jsonl", GSM8K)
    done, out = build("--input", runs, code=1)
    assert "the inputs are of 2 benchmarks (" in done.stderr
    assert f"gsm8k-solutions: {path}" in done.stderr
    path.unlink()
    done, _ = build("--input", runs)
    assert "1 row read = 0 pass + 1 fail + 0 unjudged + 0 rejected" in done.stdout


def test_a_file_of_two_formats_is_refused_with_both(build, tmp_path):
    path = lines(tmp_path / "gsm.jsonl", [{**GSM8K[0], "sample_id": "task_0_run_0",
                                           "success": True, "context": {}}])
    done, _ = build("--input", path, code=1)
    assert f"{path}: of 2 formats, bee-run (its first line has sample_id, success or reward, and " \
        "what was said) and gsm8k-solutions (has question, ground_truth, " in done.stderr
    assert "say which it is with --mapping" in done.stderr
    done, _ = build("--input", judged(tmp_path / "run", [{**turn(0), **GSM8K[0]}]), code=1)
    assert "of 2 formats, judged-runs (its folder is one) and gsm8k-solutions" in done.stderr
    copy = tmp_path / "mine.yaml"
    shutil.copy(format_files.FOLDER / "gsm8k-solutions.yaml", copy)
    done, _ = build("--input", path, "--mapping", copy)
    assert "2 rows read = 1 pass + 1 fail" in done.stdout


def test_two_mapping_files_for_one_file_are_refused_with_both(tmp_path, monkeypatch):
    folder = tmp_path / "formats"
    shutil.copytree(format_files.FOLDER, folder)
    shutil.copy(folder / "gsm8k-solutions.yaml", folder / "a-copy.yaml")
    monkeypatch.setattr(format_files, "FOLDER", folder)
    format_files.formats.cache_clear()
    try:
        with pytest.raises(files.Refusal, match=r"of 2 formats, a-copy \(.*\) and gsm8k-solut"):
            claims.of([lines(tmp_path / "gsm.jsonl", GSM8K)])
    finally:
        format_files.formats.cache_clear()


@pytest.mark.parametrize(("name", "content", "reason"), [
    ("bad.json", b'{"id": ', "bad.json: not valid JSON"),
    ("bad.json.gz", b"no gzip", "bad.json.gz: damaged, cut off or not packed as it is called"),
    ("lfs.jsonl", b"version https://git-lfs.github.com/spec/v1\noid\n", "a Git LFS pointer"),
    ("x.eval", b"PK\x03\x04", "x.eval: damaged or cut off, no whole zip archive"),
])
@pytest.mark.parametrize("given", ["beside", "in the folder"])
def test_what_cannot_be_read_is_named_first_and_the_rest_is_read(
        build, tmp_path, name, content, reason, given):
    runs = tmp_path / "runs"
    path = lines(runs / "gsm.jsonl", GSM8K)
    (runs / "notes.txt").write_text("mine")
    (runs / "empty.jsonl").write_text("")
    (runs / name).write_bytes(content)
    inputs = [path, runs / name] if given == "beside" else [runs]
    done, out = build("--input", *inputs, code=1)
    assert done.stdout.startswith("not read: ") and reason in done.stdout.split("\n")[0]
    assert "2 rows read = 1 pass + 1 fail + 0 unjudged + 0 rejected" in done.stdout
    first, *_ = json.loads((out / "sanity.json").read_text())["findings"]
    assert first["kind"] == "unreadable_file" and reason in first["text"]
    ignored = findings(out, "ignored_files")
    assert [Path(about).name for finding in ignored for about in finding["about"]] == \
        ([] if given == "beside" else ["empty.jsonl", "notes.txt"])


def test_an_input_of_no_format_beside_good_ones_is_named(build, tmp_path):
    path = lines(tmp_path / "gsm.jsonl", GSM8K)
    other = lines(tmp_path / "mine.jsonl", [{"id": 1, "verdict": "good"}])
    done, _ = build("--input", path, other, code=1)
    assert f"not read: {other}: this file is of no known format; its records have the keys id, " \
        "verdict." in done.stdout
    assert "2 rows read = 1 pass + 1 fail" in done.stdout
    done, _ = build("--input", other, code=1)
    assert "check_mapping.py --formats lists the formats that need none" in done.stderr


def test_what_a_file_lacks_of_the_nearest_format_is_said(build, tmp_path):
    row = {**GSM8K[0]}
    del row["ground_truth"]
    done, _ = build("--input", lines(tmp_path / "gsm.jsonl", [row]), code=1)
    assert "(near the format gsm8k-solutions, but without ground_truth)" in done.stderr


def test_a_file_given_twice_is_refused(build, tmp_path):
    path = lines(tmp_path / "in" / "gsm.jsonl", GSM8K)
    done, _ = build("--input", path, path.parent, code=1)
    assert "given twice; each run counts once" in done.stderr


def test_formats_are_listed_and_in_the_docs(run_script):
    done = run_script("check_mapping.py", "--formats", "--json")
    assert json.loads(done.stdout) == dict(claims.known())
    assert run_script("check_mapping.py", "--formats", "x.jsonl").returncode == 2
    assert run_script("check_mapping.py", "--propose").returncode == 2
    assert README.read_text(encoding="utf-8") == written(), \
        "README.md is old: run tests/make_format_table.py"


def test_a_large_tau2_file_is_known_by_its_beginning(build, tmp_path, monkeypatch):
    tasks = [task(str(number), says="x" * 900) for number in range(50)]
    path = tau2(tmp_path / "big.json", tasks, [simulation(of, 0.0) for of in tasks])
    monkeypatch.setattr(documents, "START", 20_000)
    (source,) = claims.of([path]).sources
    assert (source.format, source.why) == ("tau2-bench", "object with 50 simulations")


class TestBareList:
    """tau2-bench simulations alone, whose tasks and policy another input may lend."""

    def inputs(self, tmp_path: Path) -> tuple[Path, Path, Path]:
        tasks = [task("1", [CANCEL]), task("2", [CANCEL], "Do it now.")]
        others = [task("1", [("call", {})]), task("2", [("call", {})])]
        rows = [simulation(tasks[0], 1.0, [CANCEL]), simulation(tasks[1], 0.0)]
        bare = tmp_path / "bare.json"
        bare.write_text(json.dumps(rows))
        own = tau2(tmp_path / "own.json", tasks, [simulation(tasks[1], 1.0, [CANCEL])])
        other = tau2(tmp_path / "other.json", others, [simulation(others[0], 0.0)],
                     environment_info={"domain_name": "retail", "policy": "x"})
        return bare, own, other

    def test_alone_its_rows_are_judged_without_tasks(self, build, tmp_path):
        bare, *_ = self.inputs(tmp_path)
        done, out = build("--input", bare)
        assert "read as tau2-bench: " in done.stdout and "without tasks" in done.stdout
        assert "tau2-bench: 2 rows read = 1 pass + 1 fail + 0 unjudged" in done.stdout
        (row,) = read_jsonl(out / "failure_review_rows.jsonl")
        assert (row["item_id"], row["expected"]) == ("2", None)
        assert "no tasks are recorded" in json.dumps(findings(out, "row_note") or json.loads(
            (out / "sanity.json").read_text())["findings"])

    def test_another_input_lends_tasks_that_fit(self, build, tmp_path):
        bare, own, _ = self.inputs(tmp_path)
        done, out = build("--input", bare, own)
        assert f"lent by {own} (2 of 2 fit)" in done.stdout
        assert "tau2-bench-airline: 3 rows read = 2 pass + 1 fail" in done.stdout
        (row,) = read_jsonl(out / "failure_review_rows.jsonl")
        assert row["expected"]["actions"][0]["name"] == CANCEL[0]
        assert "Do it now." in row["user_text"]
        prints = {line["run_id"]: line["item_fingerprint"] for line in clean.read_csv(
            out / "outcomes.csv") if line["item_id"] == "2"}
        assert len(prints) == 2 and len(set(prints.values())) == 1

    def test_tasks_that_do_not_fit_are_not_lent(self, build, tmp_path):
        bare, _, other = self.inputs(tmp_path)
        done, _ = build("--input", bare, other, code=1)
        assert "of 2 benchmarks (tau2-bench: " in done.stderr

    def test_a_folder_can_lend_too(self, build, tmp_path):
        bare, *_ = self.inputs(tmp_path)
        tasks = [task("1", [CANCEL]), task("2", [CANCEL], "Do it now.")]
        folder = tau2_folder(tmp_path / "dir", tasks, [simulation(tasks[0], 1.0, [CANCEL])])
        done, _ = build("--input", bare, folder)
        assert "(2 of 2 fit)" in done.stdout


def bee(path: Path, model: str | None = None, good: bool = True) -> Path:
    named = {"model": model} if model else {}
    return lines(path, [{"sample_id": f"t{n}_run_0", "success": good and n > 0, **named,
                         "context": {"task_name": f"t{n}"}} for n in range(3)])


def models(out: Path) -> dict[str, set[str]]:
    """model -> its runs."""
    found: dict[str, set[str]] = {}
    for row in clean.read_csv(out / "outcomes.csv"):
        found.setdefault(row["model_name"], set()).add(row["run_id"])
    return found


def test_equal_names_in_one_folder_and_in_another_are_told_apart(build, tmp_path):
    first = bee(tmp_path / "r" / "a.jsonl")
    (tmp_path / "r" / "a.jsonl.gz").write_bytes(gzip.compress(first.read_bytes()))
    bee(tmp_path / "s" / "a.jsonl", good=False)
    done, out = build("--input", tmp_path / "r", tmp_path / "s", code=1)
    assert f"Not as expected: {first}.gz is a copy of {first}, byte for byte" in done.stdout
    assert models(out) == {"a": {"r.a", "r.a-2", "s.a"}}


def test_files_that_name_no_model_are_called_as_their_folders(build, tmp_path):
    bee(tmp_path / "gpt" / "results.jsonl")
    bee(tmp_path / "claude" / "results.jsonl", good=False)
    _, out = build("--input", tmp_path / "gpt", tmp_path / "claude")
    assert models(out) == {"gpt": {"gpt.results"}, "claude": {"claude.results"}}
    bee(tmp_path / "one" / "results.jsonl", "m")
    bee(tmp_path / "two" / "results.jsonl", "m", good=False)
    _, out = build("--input", tmp_path / "one", tmp_path / "two")
    assert models(out) == {"m": {"one.results", "two.results"}}


def test_copies_are_said(build, tmp_path):
    path = lines(tmp_path / "in" / "gsm.jsonl", GSM8K)
    copy = tmp_path / "in" / "old" / "gsm.jsonl"
    copy.parent.mkdir()
    shutil.copy(path, copy)
    done, _ = build("--input", tmp_path / "in", code=1)
    assert f"{copy} is a copy of {path}, byte for byte: the same rows count twice" in done.stdout


def test_two_models_may_answer_all_in_the_same_words(build, tmp_path):
    shutil.copytree(FIXTURES / "reasoning-gym" / "easy", tmp_path / "easy")
    one, other = sorted((tmp_path / "easy").iterdir())
    shutil.copytree(one, other, dirs_exist_ok=True)
    done, out = build("--input", tmp_path)
    assert "two models with the same answers, or one run copied" in done.stdout
    assert len(models(out)) == 2


@pytest.mark.parametrize(("name", "row"), [
    ("a.jsonl", {"sample_id": "t1", "success": True, "message": "uploaded"}),
    ("a.json", [{"task_id": 1, "reward": 0.0, "info": {}, "traj": [{"state": 1, "action": 2}]}]),
])
def test_what_only_has_the_keys_is_not_claimed(build, tmp_path, name, row):
    path = tmp_path / name
    path.write_text(json.dumps(row))
    done, _ = build("--input", path, code=1)
    assert "this file is of no known format" in done.stderr


def test_a_log_whose_samples_are_too_large_is_not_passed_over(build, tmp_path, monkeypatch):
    monkeypatch.setattr(zipped, "_LARGEST", 10)
    with zipfile.ZipFile(tmp_path / "b.eval", "w") as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("samples/1_epoch_1.json", json.dumps({"id": "x" * 20}))
    with pytest.raises(files.Refusal, match="b.eval: nothing in it can be read .*has 0 MB"):
        claims.of([tmp_path / "b.eval"])
