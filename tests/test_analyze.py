"""analyze.py: what is read, what each lens says of worlds with known truth, what is refused, and
the statistics against other people's implementations."""

import csv
import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_analysis import files
from failure_analysis.lenses import (
    compression,
    contrasts,
    dataset,
    diagnose,
    diagnosis,
    fft,
    filters,
    findings,
    hazard,
    one_lens,
    queries,
    rules_model,
    shape,
    simulate,
    spectra,
    spelling,
    surface,
    survival,
    tokens,
    traces,
)
from failure_analysis.spread import Engine
from failure_analysis.statistics import holm
from make_samples import level_rows

LENSES = ("surface", "fft", "compression", "hazard")
BASE = {"model_name": "m", "base_task": "t", "response": "It is 4."}


def diagnosis_of(path: Path, cache: Path, **filters) -> dict:
    """What diagnose finds, without its files and figures."""
    request = one_lens.Request(path, filters, cache=cache)
    loaded = one_lens.load(request)
    documents = {lens: one_lens.document(lens, loaded, request) for lens in LENSES}
    return diagnose.summary_of(documents, loaded, request, diagnosis.load_rules(None))


@pytest.fixture(scope="module")
def worlds(tmp_path_factory) -> Path:
    """A folder with simulated datasets, one per world."""
    folder = tmp_path_factory.mktemp("worlds")
    for name in ("overthink", "truncation", "fine_tune"):
        simulate.write(name, folder / f"{name}.json", 15, 3)
    return folder


def write_rows(path: Path, rows: list[dict]) -> Path:
    """Samples as JSONL."""
    path.write_text("".join(json.dumps({**BASE, **row}) + "\n" for row in rows), encoding="utf-8")
    return path


def test_outcomes_stay_apart_and_every_row_is_counted(analyze, tmp_path) -> None:
    rows = [
        {"item_id": "a", "correct": True},
        {"item_id": "b", "correct": False, "extracted": "5"},
        {"item_id": "c", "correct": False, "extracted": None},
        {"item_id": "d", "correct": False, "finish_reason": "length"},
        {"item_id": "e", "correct": False, "completion_tokens": 96, "max_tokens": 96},
        {"item_id": "f"},
        {"correct": True},
    ]
    path = write_rows(tmp_path / "s.jsonl", rows)
    with open(path, "a", encoding="utf-8") as file:
        file.write('{"item_id": "g", "corr\n')
    summary = analyze("evals", path)
    (system,) = summary["evals"]
    assert {key: system[key] for key in ("correct", "wrong", "no_answer", "truncated")} == {
        "correct": 1, "wrong": 1, "no_answer": 1, "truncated": 2}
    assert {key: summary["rows"][key] for key in ("rows_read", "kept", "unjudged", "rejected")} == {
        "rows_read": 8, "kept": 5, "unjudged": 1, "rejected": 2}
    assert summary["rows"]["reasons"][0]["first"].startswith(str(path))


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl.gz"])
def test_other_files_hold_the_same_samples(kind: str, analyze, tmp_path) -> None:
    path = write_rows(tmp_path / "s.jsonl", level_rows(4))
    expected = analyze("evals", path)["evals"]
    other = tmp_path / f"o.{kind}"
    if kind == "csv":
        with open(other, "w", encoding="utf-8", newline="") as file:
            columns = [*BASE, "item_id", "params.length", "correct", "completion_tokens"]
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            for row in level_rows(4):
                row["params.length"] = row.pop("params")["length"]
                writer.writerow({**BASE, **row, "correct": str(row["correct"]).lower()})
    elif kind == "parquet":
        import duckdb

        with duckdb.connect() as base:
            base.execute(f"copy (from read_json('{path}')) to '{other}' (format parquet)")
    else:
        import gzip

        other.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    summary = analyze("evals", other)
    assert summary["evals"] == expected
    assert summary["difficulty"] == ["length"]


def test_runs_and_analysis_folders_are_datasets(analyze, demo_runs, run_inside, tmp_path) -> None:
    direct = analyze("evals", demo_runs / "runs")
    run_inside("build_packet.py", "--input", demo_runs / "runs", "--output-dir", tmp_path / "a")
    packed = analyze("evals", tmp_path / "a")
    assert packed["evals"] == direct["evals"]
    assert sum(system["samples"] for system in direct["evals"]) == direct["rows"]["kept"]
    # An analysis folder is its own output folder, and its facts gain the diagnosis.
    before = json.loads((tmp_path / "a" / "facts.json").read_text())
    analyze("diagnose", tmp_path / "a", "--filters", json.dumps(
        {"eval_id": direct["evals"][0]["eval_id"]}))
    after = json.loads((tmp_path / "a" / "facts.json").read_text())
    assert before.items() <= after.items()
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"diagnosis"}


FILTERED = {
    "range": ({"length": [2, 4]}, 60), "membership of three": ({"length": [1, 2, 5]}, 60),
    "in": ({"length": {"in": [1, 5]}}, 40), "explicit range": ({"length": {"range": [4, 9]}}, 40),
    "one number": ({"length": 3}, 20), "name": ({"model_name": "m", "base_task": ["t"]}, 120),
}


@pytest.mark.parametrize("case", FILTERED)
def test_filters(case: str, tmp_path) -> None:
    chosen, expected = FILTERED[case]
    path = write_rows(tmp_path / "s.jsonl", level_rows())
    assert len(filters.select(dataset.load(path), chosen)) == expected


REFUSED = {
    "unknown key": ('{"lenght": 3}', "did you mean length? known are eval_id, model_name"),
    "no such value": ('{"model_name": "n"}', 'matches no sample; there are m'),
    "empty range": ('{"length": [40, 50]}', "there are 6 values from 0 to 5"),
    "odd filter": ('{"length": {"over": 3}}', "is neither"),
    "no JSON": ("length: 3", "--filters: not valid JSON"),
    "no object": ("[1]", "a JSON object was expected"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_filter_that_cannot_be_used_names_what_exists(case: str, analyze, tmp_path) -> None:
    filters, expected = REFUSED[case]
    path = write_rows(tmp_path / "s.jsonl", level_rows(2))
    message = analyze("surface", path, "--filters", filters, "--output", tmp_path / "x.png", code=1)
    assert expected in message


BAD = {
    "missing": (None, "no such dataset"),
    "not judged": ([{"item_id": "a"}], "no judged sample in it (1 rows without outcome"),
    "empty": ([], "no judged sample"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_dataset_that_holds_nothing_is_refused(case: str, analyze, tmp_path) -> None:
    rows, expected = BAD[case]
    path = tmp_path / "s.jsonl"
    if rows is not None:
        write_rows(path, rows)
    assert expected in analyze("evals", path, code=1)


CONFIGS = {
    "unknown key": ({"evals": [{"model_name": "m", "files": "s.jsonl"}], "token": 3},
                    "d.json:1: token: unknown key; nearest: token_limit; known are evals, name"),
    "no files": ({"evals": [{"model_name": "m", "files": "none*.jsonl"}]}, "no file matches"),
    "bad role": ({"evals": [{"model_name": "m", "files": "s.jsonl"}],
                  "params": {"length": "hard"}},
                 "params.length: 'hard': nearest: pair; known are difficulty, confounder, pair"),
    "no evals": ({"evals": []}, "d.json:1: evals: List should have at least 1 item"),
    "tokenizer": ({"evals": [{"model_name": "m", "files": "s.jsonl", "tokenizer": "t.json"}]},
                  "no such tokenizer file"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_wrong_config_names_its_key(case: str, analyze, tmp_path) -> None:
    config, expected = CONFIGS[case]
    write_rows(tmp_path / "s.jsonl", level_rows(2))
    (tmp_path / "d.json").write_text(json.dumps(config))
    assert expected in analyze("fft", tmp_path / "d.json", "--output", tmp_path / "x.json", code=1)


NEEDS = {
    "no difficulty": ("surface", [{**row, "params": {}} for row in level_rows()],
                      "a numeric difficulty parameter"),
    "one level": ("surface", [row for row in level_rows() if row["params"]["length"] == 1],
                  "a numeric difficulty parameter"),
    "few samples": ("surface", level_rows(15), "none of them shows a change: 90 there, 100 needed"),
    "no tokens": ("hazard", [{**row, "completion_tokens": None} for row in level_rows()],
                  "completion_tokens"),
    "bad tokens": ("hazard", [{**row, "completion_tokens": value} for row, value in
                              zip(level_rows(), [-3, float("nan"), "12"] * 40, strict=True)],
                   "completion_tokens, a finite count"),
    "all correct": ("hazard", level_rows(correct=True), "wrong answers that finished: 0 there"),
    "all truncated": ("hazard", level_rows(finish_reason="length"),
                      "correct answers that finished: 0 there, 40 needed"),
    "no texts": ("compression", level_rows(response=None), "texts of the answers"),
    "short texts": ("compression", level_rows(), "traces of 64 tokens or more; the longest has"),
    "no prompts": ("fft", level_rows(), "the prompts"),
    "unknown tokens": ("fft", level_rows(prompt="What is 2 + 2?"), "the model's tokens"),
}


@pytest.mark.parametrize("case", NEEDS)
def test_below_its_gate_a_lens_says_what_is_missing(case: str, tmp_path) -> None:
    lens, rows, expected = NEEDS[case]
    request = one_lens.Request(write_rows(tmp_path / "s.jsonl", rows), {}, cache=tmp_path)
    (result,) = one_lens.document(lens, one_lens.load(request), request)["results"]
    assert result["pattern"] == "insufficient_data"
    assert any(expected in need for need in result["need"]), result["need"]


ODD = {
    "correct is a word": ({"correct": "true"}, "correct is neither true nor false"),
    "correct is a part": ({"correct": 0.5}, "correct is neither true nor false"),
    "unknown outcome": ({"outcome": "maybe"}, "outcome is none of correct"),
    "sure guess": ({"guess_rate": 1}, "guess_rate is no share"),
}


@pytest.mark.parametrize("case", ODD)
def test_a_verdict_that_cannot_be_read_is_rejected_with_its_reason(case: str, tmp_path) -> None:
    changes, expected = ODD[case]
    rows = [*level_rows(3), {**level_rows(1)[0], **changes}]
    ledger = dataset.load(write_rows(tmp_path / "s.jsonl", rows)).account
    assert (ledger["kept"], ledger["rejected"]) == (18, 1)
    assert ledger["reasons"][0]["reason"].startswith(expected)
    assert ledger["reasons"][0]["first"].endswith(":19")


LONG = "one two three four five six seven " * 40
ENDLESS = {
    "huge tokens": {"completion_tokens": 1e308}, "an endless whole number": {
        "completion_tokens": 10**400}, "zero tokens": {"completion_tokens": 0},
    "huge parameters": {"params": {"length": 1e308}}, "a negative limit": {"token_limit": -1},
    "one text": {"response": LONG, "prompt": LONG}, "no text": {"response": "\ud800"},
}


@pytest.mark.parametrize("case", ENDLESS)
def test_values_beyond_reckoning_break_no_lens(case: str, tmp_path) -> None:
    path = write_rows(tmp_path / "s.jsonl", level_rows(30, **ENDLESS[case]))
    document = diagnosis_of(path, tmp_path)
    json.dumps(document, allow_nan=False)
    (system,) = document["systems"]
    assert [lens["pattern"] for lens in system["lenses"].values()].count("insufficient_data") >= 2


def test_names_from_runs_are_shown_and_not_obeyed(analyze, tmp_path) -> None:
    evil = "\x1b[31m<script>alert(1)</script>"
    rows = [{**row, "model_name": evil, "eval_id": "=1+1",
             "params": {evil: row["params"]["length"]}} for row in level_rows(response=LONG)]
    path = write_rows(tmp_path / "s.jsonl", rows)
    for lens, kind in (("surface", "html"), ("compression", "csv"), ("compression", "html")):
        analyze(lens, path, "--output", tmp_path / f"{lens}.{kind}")
        text = (tmp_path / f"{lens}.{kind}").read_text(encoding="utf-8")
        assert "\x1b" not in text and "<script>alert" not in text
        if kind == "csv":
            assert not [cell for row in csv.reader(text.splitlines()) for cell in row
                        if cell.startswith(("=", "@", "+"))]
    assert "\x1b" not in str(analyze("evals", path)["difficulty"])


def test_runs_of_one_item_are_no_independent_samples(tmp_path) -> None:
    rows = [{**row, "run": run} for row in level_rows(12) for run in range(5)]
    (group,) = dataset.groups(dataset.load(write_rows(tmp_path / "s.jsonl", rows)))
    result = surface.analyse(group, 0)
    assert result["caveats"] == ["runs of one item end alike: 360 samples are worth 72 of as many "
                                 "items"]
    assert surface.analyse(dataset.groups(dataset.load(write_rows(
        tmp_path / "s.jsonl", level_rows(60))))[0], 0)["caveats"] == []


def test_a_loop_needs_correct_traces_to_compare_with() -> None:
    loop = np.r_[np.ones(20), np.zeros(80)]
    for correct, broken in ((3, False), (60, True)):
        part = _table(np.r_[np.ones(100, int), np.zeros(correct, int)])
        assert contrasts.loop_share(part, np.r_[loop, np.zeros(correct)]).broken is broken


def test_a_grey_figure_stands_where_nothing_can_be_said(analyze, tmp_path) -> None:
    path = write_rows(tmp_path / "s.jsonl", level_rows())
    summary = analyze("fft", path, "--output", tmp_path / "f.svg")
    assert summary["results"][0]["need"][0].startswith("the prompts")
    assert "<svg" in (tmp_path / "f.svg").read_text()


def test_a_missing_column_disables_one_lens_by_name(analyze, tmp_path) -> None:
    rows = [{key: value for key, value in row.items() if key != "completion_tokens"}
            for row in level_rows()]
    analyze("diagnose", write_rows(tmp_path / "s.jsonl", rows), "--output-dir", tmp_path / "o")
    whole = json.loads((tmp_path / "o" / "diagnosis.json").read_text())
    lenses = whole["systems"][0]["lenses"]
    assert lenses["surface"]["pattern"] == "flat_mediocre"
    assert lenses["hazard"]["need"] == ["completion_tokens, a finite count of 0 or more"]
    assert whole["systems"][0]["conclusion"] == ["inconclusive"]


FILES = {
    "surface": {"surface.json", "cells.csv", "profile.csv", "zones.json", "surface.png",
                "surface.svg", "surface.html"},
    "fft": {"fft.json", "spectra.csv", "bands.csv", "features.csv", "fft.png", "fft.svg"},
    "compression": {"compression.json", "traces.csv", "groups.csv", "compression.png",
                    "compression.svg", "compression.html"},
    "hazard": {"hazard.json", "hazard.csv", "cif.csv", "budget.csv", "hazard.png", "hazard.svg"},
}


@pytest.fixture(scope="module")
def diagnosed(worlds, tmp_path_factory) -> Path:
    """The overthinking world diagnosed."""
    folder = tmp_path_factory.mktemp("diagnosed")
    request = one_lens.Request(worlds / "overthink.json", {}, cache=folder / "cache")
    diagnose.diagnose(request, folder / "a", None, None)
    return folder


@pytest.mark.slow
def test_the_same_data_give_the_same_bytes(diagnosed, worlds, run_script) -> None:
    """Through the script, from the cache and with other workers, too."""
    done = run_script("analyze.py", "diagnose", worlds / "overthink.json", "--output-dir",
                      diagnosed / "b", "--cache", diagnosed / "cache", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert "overthinking: supported" in done.stdout
    for lens, names in FILES.items():
        folder = diagnosed / "a" / f"lens_{lens}"
        assert {path.name for path in folder.iterdir()} == names | {"manifest.json"}
    for path in (diagnosed / "a").rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            twin = diagnosed / "b" / path.relative_to(diagnosed / "a")
            assert twin.read_bytes() == path.read_bytes(), path.name


def test_a_diagnosis_names_its_doubt(diagnosed) -> None:
    page = (diagnosed / "a" / "diagnosis.md").read_text()
    assert "consistent with **overthinking**" in page
    (system,) = json.loads((diagnosed / "a" / "diagnosis.json").read_text())["systems"]
    assert system["conclusion"] == ["overthinking"]
    first, *rest = system["hypotheses"]
    assert first["status"] == "supported" and len(first["read"]) == diagnosis.TO_READ
    assert {hypothesis["status"] for hypothesis in rest} <= set(diagnosis.STATUSES)
    assert all(hypothesis["next"] and hypothesis["says"] for hypothesis in system["hypotheses"])
    assert {reason["finding"] for reason in first["for"]} >= {"compression.overthink"}
    contradicted = next(row for row in rest if row["hypothesis"] == "underthinking")
    assert contradicted["status"] == "contradicted"
    assert [reason["finding"] for reason in contradicted["against"]] == ["compression.overthink"]


def test_the_numbers_of_a_diagnosis_are_facts(diagnosed) -> None:
    (system,) = json.loads((diagnosed / "a" / "diagnosis.json").read_text())["systems"]
    numbers = json.loads((diagnosed / "a" / "facts.json").read_text())
    assert numbers["diagnosis/sim0/arithmetic/samples"] == 405
    auc = system["lenses"]["compression"]["estimates"]["auc_tokens"]
    for end in ("est", "lo", "hi"):
        assert numbers[f"diagnosis/sim0/arithmetic/compression/auc_tokens/{end}"] == auc[end]
    assert numbers["diagnosis/sim0/arithmetic/score/overthinking"] == \
        system["hypotheses"][0]["score"]


def test_a_page_needs_no_network(diagnosed) -> None:
    html = (diagnosed / "a" / "lens_surface" / "surface.html").read_text()
    assert "http" not in html.split("<script", 1)[0] and "cdn.plot.ly/plotly" not in html


def test_two_systems_are_compared_on_their_items(worlds, tmp_path) -> None:
    document = diagnosis_of(worlds / "fine_tune.json", tmp_path)
    assert [system["conclusion"] for system in document["systems"]][1] == ["underthinking"]
    (pair,) = document["pairs"]
    assert (pair["a"], pair["b"], pair["items"]) == ("base-model", "finetuned-model", 405)
    assert {"compare.underthink_appeared", "compare.spelling_unchanged",
            "compare.errors_faster"} <= set(pair["findings"])


TARGET = '{"eval_id": ["sim0"], "base_task": "arithmetic"}'
TWO = '{"eval_id": ["sim1", "sim2"], "base_task": "arithmetic"}'
GPT = '{"model_name": "gpt-4o", "base_task": "arithmetic"}'
LLAMA_QWEN = '{"model_name": ["llama-3.3-70b", "qwen-2.5-72b"], "base_task": "arithmetic"}'
TUNED = '{"model_name": ["base-model", "finetuned-model"], "base_task": "arithmetic"}'
PRODUCTION = '{"model_name": "production-model", "base_task": "production-task"}'
WORKFLOW = {
    **{f"step {lens}": (lens, TARGET, "--output-dir diagnosis/") for lens in LENSES},
    **{f"two evals {lens}": (lens, TWO, "--output-dir two/") for lens in LENSES[:3]},
    "all surfaces": ("surface", '{"eval_id": ["sim0"]}', "--output-dir all-surfaces/"),
    "all fft": ("fft", '{"eval_id": ["sim0"]}', "--output-dir all-fft/"),
    "weak tasks": ("compression", '{"eval_id": ["sim0"], "tier": "logic"}', "--output-dir weak/"),
    "high": ("surface", '{"eval_id": ["sim0"], "base_task": "arithmetic", "length": [18, 24]}',
             "--output-dir high-difficulty/"),
    "by length": ("compression", TARGET, "--axis length --output-dir by-length/"),
    "gpt surface": ("surface", GPT, "--output gpt4o-arithmetic-surface.png"),
    "gpt fft": ("fft", GPT, "--output gpt4o-arithmetic-fft.png"),
    "gpt compression": ("compression", GPT, "--axis length --output-dir gpt4o-compression/"),
    "gpt hazard": ("hazard", GPT, "--output-dir gpt4o-hazard/"),
    **{f"llama {lens}": (lens, LLAMA_QWEN, f"--output-dir llama-vs-qwen-{lens}/")
       for lens in LENSES},
    **{f"tuned {lens}": (lens, TUNED, f"--output-dir base-vs-ft-{lens}/") for lens in LENSES},
    "production surface": ("surface", PRODUCTION, "--output prod-surface.png"),
    "production compression": ("compression", PRODUCTION, "--output-dir prod-compression/"),
}


@pytest.fixture(scope="module")
def workflow(tmp_path_factory) -> Path:
    """A dataset with the names of the workflow's scenarios, so small that gates answer."""
    path = tmp_path_factory.mktemp("workflow") / "dataset-m12x.json"
    world = dataclasses.replace(simulate.WORLDS["accuracy_cliff"], levels=(16, 18, 24), tokens=60)
    names = ("gpt-4o", "llama-3.3-70b", "qwen-2.5-72b", "base-model", "finetuned-model",
             "production-model")
    simulate.write_worlds("", dict.fromkeys(names, world), path, 1, 0)
    config = json.loads(path.read_text())
    config["tasks"] = {"arithmetic": {"tier": "logic"}}
    path.write_text(json.dumps(config))
    last = path.with_name(config["evals"][-1]["files"][0])
    last.write_text(last.read_text().replace('"arithmetic"', '"production-task"'))
    return path


DAILY = (*(f"step {lens}" for lens in LENSES), "two evals surface", "weak tasks", "by length",
         "gpt surface")


@pytest.mark.parametrize("name", [
    name if name in DAILY else pytest.param(name, marks=pytest.mark.slow) for name in WORKFLOW])
def test_every_command_of_the_workflow_runs(name: str, workflow, run_inside, tmp_path) -> None:
    lens, filters, rest = WORKFLOW[name]
    done = run_inside("analyze.py", lens, workflow, "--filters", filters, *rest.split(),
                      cwd=tmp_path, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") < 60
    target = tmp_path / rest.split()[-1]
    assert target.stat().st_size > 0
    if target.is_dir():
        assert {f"{lens}.json", f"{lens}.png", f"{lens}.svg"} <= {
            path.name for path in target.iterdir()}


def test_truncation_is_told_from_inaccuracy(analyze, worlds, tmp_path) -> None:
    summary = analyze("surface", worlds / "truncation.json", "--output", tmp_path / "s.json")
    assert summary["results"][0]["pattern"] == "truncation_dominant"
    (result,) = json.loads((tmp_path / "s.json").read_text())["results"]
    assert result["estimates"]["accuracy_when_finished"]["est"] > 0.8
    assert result["estimates"]["truncation_share_of_fall"]["lo"] > 0.8


def test_the_cache_is_read_and_a_broken_one_is_named(run_inside, worlds, tmp_path) -> None:
    args = ("analyze.py", "compression", worlds / "truncation.json", "--output",
            tmp_path / "c.json", "--cache", tmp_path / "cache")
    assert run_inside(*args).returncode == 0
    first = (tmp_path / "c.json").read_bytes()
    cache = traces.cache_path(tmp_path / "cache")
    assert run_inside(*args).returncode == 0
    assert (tmp_path / "c.json").read_bytes() == first
    table = dataset.load(worlds / "truncation.json")
    assert compression.measure(table, tmp_path / "cache", Engine(1)).counts == {"measured": 0,
                                                                        "cached": 405}
    cache.write_bytes(b"no database" * 1000)
    done = run_inside(*args)
    assert done.returncode == 1 and "delete the file and run again" in done.stderr


def test_max_traces_draws_alike_from_levels_and_outcomes(worlds) -> None:
    table = dataset.load(worlds / "overthink.json")
    part = dataset.stratified(table, 200, 0)
    assert len(part) == 200
    assert list(part.ident) == list(dataset.stratified(table, 200, 0).ident)
    share = [(samples.outcome == dataset.CORRECT).mean() for samples in (table, part)]
    assert abs(share[0] - share[1]) < 0.05
    assert len(np.unique(part.levels())) == 27


def test_axis_and_outputs(analyze, worlds, tmp_path) -> None:
    summary = analyze("compression", worlds / "overthink.json", "--axis", "length", "--output",
                      tmp_path / "c.json")
    assert [result["name"].rsplit(" ", 1)[1] for result in summary["results"]][:2] == ["8-10", "12"]
    (*levels, together) = json.loads((tmp_path / "c.json").read_text())["results"]
    assert "insufficient_data" in {result["pattern"] for result in levels}
    assert together["pattern"] == "overthink" and together["n"] == 405
    assert together["axis"] == "length within all levels"
    assert together["evidence"][-1].startswith("level by level: 8-10 insufficient_data; 12 ")
    for name in ("s.csv", "s.html"):
        analyze("surface", worlds / "overthink.json", "--axis", "length", "--output",
                tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    assert "no numeric parameter" in analyze("surface", worlds / "overthink.json", "--axis", "x",
                                             "--output", tmp_path / "s.png", code=1)
    assert "ends in one of" in analyze("surface", worlds / "overthink.json", "--output",
                                       tmp_path / "s.gif", code=1)


def test_evals_are_found_by_a_part_of_their_name(analyze, worlds) -> None:
    summary = analyze("evals", worlds / "fine_tune.json", "--search", "finetune")
    assert [system["eval_id"] for system in summary["evals"]] == ["sim1"]
    for search, said in (("zz", "no eval named zz; there are base-model, finetuned-model"),
                         ("base-mode2", "no eval named base-mode2; nearest: base-model")):
        assert said in analyze("evals", worlds / "fine_tune.json", "--search", search, code=1)


@pytest.mark.slow
def test_queries_are_held_against_certified_zones(analyze, tmp_path) -> None:
    simulate.write("healthy", tmp_path / "h.json", 25, 1)
    (group,) = dataset.groups(dataset.load(tmp_path / "h.json"))
    inside, outside = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    inside.write_text('{"length": 12, "depth": 3}\n' * 5)
    outside.write_text('{"params": {"length": 90, "depth": 3}}\n' * 5)
    assert set(queries.findings_of(queries.load(inside), surface.analyse(group, 0))) == {
        "query.inside_zone"}
    simulate.write("healthy", tmp_path / "few.json", 3, 1)
    analyze("diagnose", tmp_path / "few.json", "--queries", outside, "--output-dir", tmp_path)
    (system,) = json.loads((tmp_path / "diagnosis.json").read_text())["systems"]
    assert "query.outside_zone" in system["findings"]
    scores = {hypothesis["hypothesis"]: hypothesis["score"] for hypothesis in system["hypotheses"]}
    assert scores["out_of_distribution"] >= 2


def test_rules_are_data(analyze, bundle, diagnosed, worlds, tmp_path) -> None:
    rules = tmp_path / "rules.yaml"
    shutil.copy(bundle / "templates" / "diagnosis_rules.yaml", rules)
    text = rules.read_text()
    (system,) = json.loads((diagnosed / "a" / "diagnosis.json").read_text())["systems"]
    observed = dict.fromkeys(system["findings"], "")
    for weight, expected in (("2", "overthinking"), ("0.1", None)):
        rules.write_text(text.replace("compression.overthink: 2,",
                                      f"compression.overthink: {weight},"))
        weighed = diagnosis.weigh(observed, diagnosis.load_rules(rules), set(LENSES))
        assert (diagnosis.conclusion(weighed) == [expected]) is (expected is not None)


FIRST = "hypotheses.tokenization_problem"
RULES = {
    "no such finding": ("{fft.tokenization_artifact: 2,", "{fft.tokenisation_artifact: 2,", 0,
                        f"{FIRST}.for.fft.tokenisation_artifact: "
                        "'fft.tokenisation_artifact': nearest: fft.tokenization_artifact; known"),
    "no such veto": ("veto: [fft.clean,", "veto: [fft.claen,", 0,
                     f"{FIRST}.veto[0]: 'fft.claen': nearest: fft.clean; known are surface.heal"),
    "no such lens": ("needs: [fft]", "needs: [ftf]", 0,
                     f"{FIRST}.needs[0]: 'ftf': nearest: fft; known are surface, fft, compression"),
    "no such scope": ("scope: pair", "scope: pairs", 0,
                      "hypotheses.template_interference.scope: 'pairs': nearest: pair; known are"),
    "veto as text": ("veto: [fft.clean, fft.negligible]", "veto: fft.clean", 0,
                     f"{FIRST}.veto: Input should be a valid list, got 'fft.clean'"),
    "weight as text": ("{fft.tokenization_artifact: 2,", "{fft.tokenization_artifact: '2',", 0,
                       f"{FIRST}.for.fft.tokenization_artifact: Input should be a valid number"),
    "score as text": ("tentative: {score: 1.5}", "tentative: {score: high}", 0,
                      "tentative.score: Input should be a valid number, got 'high'"),
    "no finite score": ("tentative: {score: 1.5}", "tentative: {score: .inf}", 0,
                        "tentative.score: Input should be a finite number, got inf"),
    "half a lens": ("lenses: 2", "lenses: 2.5", 0,
                    "supported.lenses: Input should be a valid integer, got 2.5"),
    "key of a hypothesis": ("needs: [fft]", "need: [fft]", 0,
                            f"{FIRST}.need: unknown key; nearest: needs; known are says, for, "),
    "key of a bar": ("lead: 1}", "leed: 1}", 0,
                     "supported.leed: unknown key; nearest: lead; known are score, lenses, lead"),
    "key of the file": ("version: 1", "versoin: 1", 0,
                        "versoin: unknown key; nearest: version; known are hypotheses, supported"),
    "a hypothesis without a claim": ("    says: irregular spelling in tokens makes prompts fail\n",
                                     "", -1, f"{FIRST}.says: it is not there, and is needed"),
    "a key twice": ("version: 1", "version: 1\nversion: 2", 1,
                    "the key version is there twice; keep one"),
}


@pytest.mark.parametrize("case", RULES)
def test_a_wrong_rule_is_named_with_its_line(case: str, bundle, tmp_path) -> None:
    was, now, further, expected = RULES[case]
    text = (bundle / "templates" / "diagnosis_rules.yaml").read_text()
    line = text[:text.index(was)].count("\n") + 1 + further
    rules = tmp_path / "rules.yaml"
    rules.write_text(text.replace(was, now, 1))
    with pytest.raises(files.Refusal) as refusal:
        diagnosis.load_rules(rules)
    assert str(refusal.value).startswith(f"{rules}:{line}: {expected}")


def test_wrong_rules_are_refused_before_anything_is_read(analyze, tmp_path) -> None:
    (tmp_path / "rules.yaml").write_text("hypotheses: {}\n")
    assert "rules.yaml:1: supported: it is not there" in analyze(
        "diagnose", write_rows(tmp_path / "s.jsonl", level_rows()), "--rules",
        tmp_path / "rules.yaml", "--output-dir", tmp_path / "o", code=1)


def test_every_finding_of_the_rules_can_occur(bundle) -> None:
    """A rule on a label that no lens gives would never speak."""
    code = "".join(path.read_text() for path in
                   (bundle / "scripts" / "failure_analysis" / "lenses").glob("*.py"))
    rules = diagnosis.load_rules(None)
    names = {name for rule in rules.hypotheses.values() for name in (*rule.speaks, *rule.veto)}
    assert 30 < len(names) <= len(rules_model.FINDINGS)
    for name in rules_model.FINDINGS:
        assert f'"{name.split(".")[1]}"' in code or f'"{name}"' in code, name


@pytest.mark.slow
def test_labels_of_single_causes(tmp_path) -> None:
    """A few worlds through the statistics; tests/benchmarks/bench_lenses.py has the whole table."""
    expected = {"accuracy_cliff": (surface, "accuracy_cliff"),
                "chaotic": (surface, "chaotic"), "uniform_failure": (surface, "uniform_failure"),
                "tokenization": (fft, "tokenization_artifact"), 
                "clean": (fft, "no_artifact_detected"),
                "peak_collapse": (fft, "spectral_peak_collapse"), "early": (hazard, "early"),
                "threshold": (hazard, "threshold"), "delayed": (hazard, "delayed")}
    for world, (lens, label) in expected.items():
        simulate.write(world, tmp_path / "w.json", 20, 1)
        table = dataset.load(tmp_path / "w.json")
        (group,) = dataset.groups(table)
        if lens is fft:
            prompts = fft.read(table)
            result = fft.analyse(group, prompts, 0)
        else:
            result = lens.analyse(group, 0)
        assert result["pattern"] == label, world


def test_raw_packed_size_is_a_length_meter_and_the_residual_is_not() -> None:
    """Wrong traces of the same source, three times as long: their error is honest, too."""
    words = simulate._Words(np.random.default_rng(1))
    wrong, one_stratum = np.arange(240) % 2 == 1, np.zeros(240, int)
    covered = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        lines = [traces.measure(" ".join(words.draw(int(size), rng)), None)
                 for size in np.exp(rng.normal(5, 0.3, 240)) * np.where(wrong, 3, 1)]
        columns = dict(zip(traces.NAMES, np.array(lines).T, strict=True))
        part = _table(wrong.astype(int))
        ratio = columns["packed"] / columns["bytes"]
        assert contrasts.stratified_auc(ratio, wrong, one_stratum, part.item, False).value < 0.1
        everyone = np.ones(len(part), bool)
        left = {"residual_entropy": compression.residuals(columns, part, everyone, "packed"),
                "novelty": compression.residuals(columns, part, everyone, "novelty")}
        fair = compression.compare(part, columns, left, one_stratum, False)
        covered += fair["residual_entropy"].low < 0.5 < fair["residual_entropy"].high
        assert columns["loop"].sum() == 0
    assert covered >= 5


def _table(outcome: np.ndarray) -> dataset.Table:
    from failure_analysis.lenses.config import Config, Eval

    n = len(outcome)
    zero, empty = np.zeros(n, int), np.full(n, np.nan)
    return dataset.Table(Config("x", Path()), (Eval("e", "m", "m"),), ("t",), ("all",),
                         zero, zero, zero, np.arange(n), outcome, empty, empty, np.zeros(n),
                         np.arange(n), np.array([""] * n, object), {}, {})


def test_a_loop_is_found_and_a_text_is_not() -> None:
    rng = np.random.default_rng(2)
    plain = rng.integers(0, 500, 900)
    looped = np.r_[plain[:300], np.tile(plain[300:317], 40)]
    assert traces.loops(plain)[:2] == (0.0, 0.0)
    assert traces.loops(looped).loop == 1.0
    assert traces.loops(plain[:100]).loop == 0.0


@given(st.text(st.one_of(st.characters(), st.sampled_from("ab1 2_+\n٣"))))
def test_words_on_arrays_are_the_pieces_of_a_pattern(text):
    pieces = tokens._fallback(text).ids
    number, numbers = tokens.words(text)
    words = [piece for piece in pieces if not piece.isspace()]
    assert number == len(pieces) and len(numbers) == len(words)
    assert len(set(zip(numbers.tolist(), words, strict=True))) == len(set(words)) == len(set(
        numbers.tolist()))


def test_a_list_of_numbers_is_no_loop():
    rng = np.random.default_rng(0)
    names = traces.NAMES.index
    for text in (", ".join(map(str, rng.integers(0, 100, 500))), "".join(
            rng.choice(list("UDLR"), 400)), " ".join(f"w{n}" for n in rng.integers(0, 999, 600))):
        assert traces.measure(text, None)[names("loop")] == 0, text[:30]
    again = ", ".join(map(str, [*rng.integers(0, 100, 100), *[7, 12, 55, 3] * 100]))
    assert traces.measure(again, None)[names("loop")] == 1


def test_characters_that_are_words_count_as_tokens():
    number, numbers = tokens.words("我们先算一下 step 2 けど 하나")
    assert (number, len(numbers)) == (16, 12)


def test_loops_are_compared_within_levels():
    """At each level failures and correct traces loop alike; the hard level loops more."""
    from statsmodels.stats.contingency_tables import StratifiedTable

    tables = np.array([[1, 20, 9, 180], [90, 180, 10, 20]])
    ratio, low, high = findings.risk_ratio(tables)
    assert ratio == pytest.approx(1) and low < 1 < high
    pooled = findings.risk_ratio(tables.sum(0, keepdims=True))
    assert pooled[0] == pytest.approx((91 / 200) / (19 / 200))
    error = np.sqrt(1 / 91 - 1 / 200 + 1 / 19 - 1 / 200)  # Katz
    assert pooled[1] == pytest.approx(pooled[0] * np.exp(-1.959964 * error), rel=1e-5)
    stratified = StratifiedTable([np.array([[k1, n1 - k1], [k0, n0 - k0]], float)
                                  for k1, n1, k0, n0 in ([12, 40, 3, 50], [8, 30, 5, 60])])
    assert findings.risk_ratio(np.array([[12, 40, 3, 50], [8, 30, 5, 60]]))[0] == pytest.approx(
        stratified.riskratio_pooled)


def test_systems_are_compared_by_mcnemar_adjusted_by_holm(analyze, tmp_path) -> None:
    """9 items won, 2 lost, of 40; the p value by hand from the binomial distribution."""
    rows = [{"item_id": str(at), "model_name": name, "params": {"length": at % 5},
             "correct": (at < 20) if name == "a" else (2 <= at < 29), "completion_tokens": 90}
            for name in ("a", "b") for at in range(40)]
    analyze("surface", write_rows(tmp_path / "s.jsonl", rows), "--output-dir",
            tmp_path / "o")
    shown = json.loads((tmp_path / "o/surface.json").read_text())
    [pair] = shown["comparisons"]
    tests = {test["name"]: test for test in pair["tests"]}
    mid = 2 * (sum(math.comb(11, k) for k in range(2)) + math.comb(11, 2) / 2) / 2**11
    assert tests["accuracy, McNemar mid-p"]["stat"] == 7
    assert tests["accuracy, McNemar mid-p"]["p"] == pytest.approx(mid, abs=1e-6)
    adjusted = holm([test["p"] for test in pair["tests"]])
    assert [test["p_adj"] for test in pair["tests"]] == pytest.approx(adjusted, abs=1e-6)
    assert len(tests) > 1 and tests["accuracy, McNemar mid-p"]["p_adj"] > mid


@pytest.mark.slow
def test_many_systems_are_compared_with_the_first(analyze, tmp_path) -> None:
    rows = [{**row, "model_name": f"m{n}"} for n in range(8) for row in level_rows(5)]
    analyze("surface", write_rows(tmp_path / "s.jsonl", rows), "--output-dir", tmp_path / "o")
    pairs = json.loads((tmp_path / "o/surface.json").read_text())["comparisons"]
    assert [(pair["a"], pair["b"]) for pair in pairs] == [("m0", f"m{n}") for n in range(1, 8)]
    assert (tmp_path / "o/surface-2.png").exists()
    analyze("surface", write_rows(tmp_path / "s.jsonl", rows[:30]), "--output-dir", tmp_path / "o")
    assert not list((tmp_path / "o").glob("surface-*")) and (tmp_path / "o/surface.png").exists()


def test_systems_without_a_shared_item_say_what_is_missing(run_inside, tmp_path) -> None:
    rows = [{**row, "model_name": name, "item_id": f"{name}{row['item_id']}"}
            for name in ("m", "n") for row in level_rows(4)]
    output = run_inside("analyze.py", "diagnose", write_rows(tmp_path / "s.jsonl", rows),
                        "--output-dir", tmp_path / "o", "--jobs", "1", "--cache", tmp_path / "c")
    assert "m (a) and n (b): needed: items that both tried: 0 there, 20 needed\n" in output.stdout


def test_loops_are_called_where_failures_loop_three_times_as_often(tmp_path) -> None:
    for rate, called in ((0.1, False), (0.4, True)):  # of the failures; correct ones: 0.05
        rows = [{"item_id": f"{level}-{at}", "params": {"length": level}, "correct": at % 2 == 0}
                for level in range(3) for at in range(200)]
        table = dataset.load(write_rows(tmp_path / "s.jsonl", rows))
        place = np.array([int(str(item).split("-")[1].split("@")[0]) // 2 / 100
                          for item in table.ident])
        loop = np.where(table.outcome == dataset.CORRECT, place < 0.05, place < rate)
        share = contrasts.loop_share(table, loop.astype(float))
        assert share.broken is called
        assert share.estimates["loop_risk_ratio"]["lo"] > 1


def test_traces_of_repeated_items_are_compared_within_them(tmp_path) -> None:
    """The error is that of the items' means, which are the draws."""
    rng = np.random.default_rng(5)
    rows = [{"item_id": str(item), "params": {"length": 1}, "run": run, "correct": run < 2}
            for item in range(25) for run in range(4)]
    table = dataset.load(write_rows(tmp_path / "s.jsonl", rows))
    strata, by_item = compression.strata_of(table)
    assert by_item and (strata == table.item).all()
    wrong = table.outcome == dataset.WRONG
    x = rng.normal(size=len(table)) + 2 * rng.normal(size=25)[table.item] * wrong
    auc = contrasts.stratified_auc(x, wrong, table.item, table.item, True)
    means = [np.mean([a > b for a in x[wrong & (table.item == item)]
                      for b in x[~wrong & (table.item == item)]]) for item in range(25)]
    assert auc.value == pytest.approx(np.mean(means))
    assert auc.error == pytest.approx(np.std(means, ddof=1) / 5, rel=1e-3)


def test_shorter_and_as_good_is_no_regression():
    rules = diagnosis.load_rules(None)
    pairs = {"surface": {"estimates": {"accuracy_b_minus_a": {"lo": -0.05, "hi": 0.07}},
                         "evidence": ["as good"], "tests": []},
             "compression": {"estimates": {"log_tokens_b_minus_a": {"lo": -0.9, "hi": -0.5}},
                             "evidence": ["shorter"], "tests": []},
             "hazard": {"estimates": {"hazard_ratio_wrong_b_over_a": {"lo": 3.0, "hi": 9.0},
                                      "hazard_ratio_correct_b_over_a": {"lo": 4.0, "hi": 6.0}},
                        "evidence": ["faster"], "tests": []}}
    observed = diagnosis.between(pairs, {}, {})
    assert "compare.errors_faster" not in observed and "compare.accuracy_not_lower" in observed
    [hypothesis] = [hypothesis for hypothesis in diagnosis.weigh(observed, rules, set(), "pair")
                    if hypothesis["hypothesis"] == "fine_tune_regression"]
    assert hypothesis["status"] == "contradicted"


@pytest.mark.parametrize(("text", "times"), [
    ("Wait. No, wait! Awaiting", 2), ("HMM, let me rethink", 2), ("waiting alternatively", 2),
    ("_wait 1hmm", 0)])
def test_turns_are_counted_where_words_begin(text, times):
    assert traces._switches(text) == times


@given(st.permutations(range(5)), st.integers(0, 100))
def test_a_vocabulary_numbered_anew_changes_nothing(mixed: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = [rng.choice(5, 90, p=[.3, .25, .2, .15, .1]) for _ in range(6)]
    again = [np.array(mixed)[before] for before in codes]
    before, after = spectra.envelope(codes, 0, 2), spectra.envelope(again, 0, 2)
    assert abs(before.power - after.power).max() < 1e-9
    assert abs(spectra.voss([spectra.indicators(part, 5) for part in codes])
               - spectra.voss([spectra.indicators(part, 5) for part in again])).max() < 1e-9


def test_token_numbers_change_no_result_of_the_lens(tmp_path) -> None:
    results = []
    for offset in (0, 7919):
        simulate.write("tokenization", tmp_path / "w.json", 8, 1)
        path = tmp_path / "w.simulated-model.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            row["prompt_token_ids"] = [(token * 31 + offset) % 60_013
                                       for token in row["prompt_token_ids"]]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        table = dataset.load(tmp_path / "w.json")
        prompts = fft.read(table)
        result = fft.analyse(dataset.groups(table)[0], prompts, 0)
        results.append({**result, "compat": None})
    assert results[0] == results[1]


def test_a_tokenizer_file_is_used(tmp_path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {piece: at for at, piece in enumerate(["[UNK]", "12", "1", "2", "3", "+", "34"])}
    model = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    model.save(str(tmp_path / "t.json"))
    write_rows(tmp_path / "s.jsonl", [{"item_id": "a", "prompt": "12 + 34", "correct": True}])
    (tmp_path / "d.json").write_text(json.dumps({"evals": [
        {"model_name": "m", "files": ["s.jsonl"], "tokenizer": "t.json"}]}))
    table = dataset.load(tmp_path / "d.json")
    prompts = fft.read(table)
    assert prompts.units == ("tokenizer t.json",)
    assert prompts.raw[0].tolist() == [1, 5, 6]
    classes = [tokens.CLASSES[code] for code in prompts.classes[0]]
    assert classes == ["digit", "punctuation", "digit"]


def test_an_inconsistent_spelling_is_counted_per_prompt() -> None:
    whole = tokens.Tokens([1, 2, 3], [(0, 2), (2, 3), (3, 5)])
    split = tokens.Tokens([1, 4, 2, 5, 6], [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)])
    lines = spelling.table_of([("12 12", whole), ("12 12", whole), ("12 12", split)])
    column = spelling.NAMES.index("inconsistency")
    assert lines[:, column].tolist() == [0, 0, 1]
    assert lines[2, spelling.NAMES.index("tokens_per_number")] == 2


# Oracles.

def test_wilson_against_statsmodels() -> None:
    from statsmodels.stats.proportion import proportion_confint

    k, n = np.array([0, 1, 7, 30, 30]), np.array([5, 9, 20, 30, 31])
    expected = proportion_confint(k, n, method="wilson")
    assert np.allclose(findings.wilson(k, n), expected)


@pytest.mark.parametrize("seed", range(5))
def test_mantel_haenszel_against_statsmodels(seed: int) -> None:
    from statsmodels.stats.contingency_tables import StratifiedTable

    rng = np.random.default_rng(seed)
    tables = rng.integers(1, 30, (6, 4))
    own = findings.mantel_haenszel(tables)
    theirs = StratifiedTable([counts.reshape(2, 2) for counts in tables])
    tested = theirs.test_null_odds(correction=True)
    assert own["or"] == pytest.approx(theirs.oddsratio_pooled)
    assert (own["lo"], own["hi"]) == pytest.approx(theirs.oddsratio_pooled_confint(), rel=1e-4)
    assert (own["stat"], own["p"]) == pytest.approx((tested.statistic, tested.pvalue))
    assert own["homogeneity_p"] == pytest.approx(theirs.test_equal_odds(adjust=True).pvalue)


def test_aalen_johansen_against_lifelines() -> None:
    from lifelines import AalenJohansenFitter

    rng = np.random.default_rng(3)
    times = np.round(rng.exponential(100, 400), 9)
    cause = rng.integers(0, 3, 400)
    at = np.array([20.0, 90.0, 250.0])
    own = survival.incidence(times, cause, 2, at)
    for event in (1, 2):
        fitter = AalenJohansenFitter(calculate_variance=False)
        fitter.fit(times, cause, event_of_interest=event)
        theirs = fitter.cumulative_density_.iloc[:, 0]
        assert own[event - 1] == pytest.approx([theirs[:moment].iloc[-1] for moment in at])
    plain = survival.incidence(times, np.ones(400, int), 1, at)[0]
    assert plain == pytest.approx([(times <= moment).mean() for moment in at])


def test_cox_against_statsmodels() -> None:
    from statsmodels.duration.hazard_regression import PHReg

    rng = np.random.default_rng(4)
    item = np.repeat(np.arange(150), 4)
    z = np.tile([0, 0, 1, 1], 150)
    times = np.round(rng.exponential(np.exp(3 + rng.normal(0, 1, 150)[item] - 0.7 * z)), 1) + .1
    event = (rng.random(600) < .8).astype(int)
    own = survival.cox(times, event, z, item)
    theirs = PHReg(times, z[:, None].astype(float), status=event, strata=item,
                   ties="breslow").fit()
    assert np.log(own.ratio) == pytest.approx(theirs.params[0], abs=1e-5)
    assert np.log(own.high / own.ratio) / 1.96 == pytest.approx(theirs.bse[0], abs=1e-5)
    assert survival.cox(times, np.zeros(600, int), z, item) is None


def test_dealt_wrongs_keep_their_strata() -> None:
    """Both ways of dealing have the margins and the mean of the exact distribution."""
    rng = np.random.default_rng(5)
    for strata, size in ((20, 60), (500, 6)):
        stratum = np.repeat(np.arange(strata), size)
        wrong = rng.random(len(stratum)) < .4
        bins = rng.integers(0, 5, len(stratum))
        informative = survival.informative(stratum, bins, wrong, stratum, 5)
        m, w = survival._tables(informative)
        dealt = survival._dealt(informative, w.sum(1).astype(int), 0, 199)
        assert (dealt.sum(1) == w.sum()).all()
        expected = (m * w.sum(1, keepdims=True) / m.sum(1, keepdims=True)).sum(0)
        assert dealt.mean(0) == pytest.approx(expected, rel=.05)


@given(st.lists(st.integers(0, 10), min_size=3, max_size=12), st.integers(0, 9))
def test_isotonic_against_scipy(counts: list[int], seed: int) -> None:
    from scipy.optimize import isotonic_regression

    y = np.array(counts) / 10
    weight = np.random.default_rng(seed).integers(1, 9, len(y)).astype(float)
    own = shape.falling(y[None], weight[None])[0]
    assert own == pytest.approx(isotonic_regression(y, weights=weight, increasing=False).x)


def test_the_stratified_auc_against_counting() -> None:
    rng = np.random.default_rng(6)
    x, wrong = np.round(rng.normal(0, 1, 60), 1), rng.random(60) < .5
    stratum = np.arange(60) % 3
    own = contrasts.stratified_auc(x, wrong, stratum, np.arange(60), False)
    total, weights = 0.0, 0.0
    for code in range(3):
        a, b = x[wrong & (stratum == code)], x[~wrong & (stratum == code)]
        share = ((a[:, None] > b) + .5 * (a[:, None] == b)).mean()
        weight = len(a) * len(b) / (len(a) + len(b))
        total, weights = total + weight * share, weights + weight
    assert own.value == pytest.approx(total / weights)


def test_real_arithmetic(real_runs, tmp_path) -> None:
    path = real_runs / "local-arithmetic" / "outputs.jsonl"
    systems = {"qwen direct": ("qwen2.5-coder-0.5b-instruct", "direct"),
               "qwen cot": ("qwen2.5-coder-0.5b-instruct", "cot")}
    (tmp_path / "d.json").write_text(json.dumps({
        "evals": [{"model_name": model, "label": label, "files": str(path),
                   "where": {"model": model, "prompt_style": style}}
                  for label, (model, style) in systems.items()],
        "params": {"length": "difficulty", "depth": "difficulty"}}))
    document = diagnosis_of(tmp_path / "d.json", tmp_path)
    labels = {system["name"]: system["lenses"]["surface"]["pattern"]
              for system in document["systems"]}
    assert labels == {"qwen direct addition": "accuracy_cliff",
                      "qwen direct sorting": "gradual_decline",
                      "qwen cot addition": "truncation_dominant"}
    conclusions = {system["name"]: system["conclusion"] for system in document["systems"]}
    assert conclusions["qwen cot addition"] == ["context_limit_truncation"]


def test_a_lens_writes_over_and_removes_only_what_it_wrote(worlds, run_inside, tmp_path) -> None:
    """A figure of somebody's own, by our name or by that of one that an earlier run might draw."""
    out = tmp_path / "out"
    args = ("analyze.py", "surface", worlds / "overthink.json", "--output-dir", out)
    out.mkdir()
    (out / "surface.png").write_bytes(b"mine")
    done = run_inside(*args)
    assert done.returncode == 1
    assert done.stderr == (f"analyze.py: {out}: surface.png stands there, and no lens wrote it; "
                           "give another folder\n")
    assert [path.name for path in out.iterdir()] == ["surface.png"]
    (out / "surface.png").rename(out / "surface-7.png")
    assert run_inside(*args).returncode == 0
    assert run_inside(*args).returncode == 0
    assert (out / "surface-7.png").read_bytes() == b"mine"
