"""analyze.py: what it makes of datasets: outcomes, choices, levels, names, cells, configs."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from failure_analysis.lenses import config_model, dataset, fields, filters
from make_samples import level_rows

OUTCOMES = ("correct", "wrong", "no_answer", "truncated")


def write_rows(path: Path, rows: list[dict]) -> Path:
    """Samples as JSONL."""
    path.write_text("".join(json.dumps({"model_name": "m", "base_task": "t", **row}) + "\n"
                            for row in rows), encoding="utf-8")
    return path


def outcomes_of(summary: dict) -> tuple[int, ...]:
    """How many samples of the only eval ended how."""
    (system,) = summary["evals"]
    return tuple(system[name] for name in OUTCOMES)


MAPPING = """\
benchmark: arith
fields:
  item_id: item_id
  model_name: model_name
  user_text: prompt
  assistant_text: output
  termination: finish_reason
  completion_tokens: completion_tokens
  params: params
  scores:
    correct: correct
"""


def test_the_limit_comes_before_the_verdict_however_runs_are_read(analyze, run_inside, tmp_path
                                                                  ) -> None:
    rows = [{**row, "prompt": row["item_id"], "output": "4", "finish_reason":
             "length" if at % 3 == 0 else "stop"} for at, row in enumerate(level_rows(6))]
    path = write_rows(tmp_path / "s.jsonl", rows)
    (tmp_path / "map.yaml").write_text(MAPPING)
    done = run_inside("build_packet.py", "--input", path, "--mapping", tmp_path / "map.yaml",
                      "--output-dir", tmp_path / "a")
    assert done.returncode == 0, done.stderr
    expected = (12, 12, 0, 12)
    assert outcomes_of(analyze("evals", path)) == expected
    assert outcomes_of(analyze("evals", path, "--mapping", tmp_path / "map.yaml")) == expected
    assert outcomes_of(analyze("evals", tmp_path / "a")) == expected


CUT = {
    "wrong": {"outcome": "wrong", "finish_reason": "length"},
    "correct": {"outcome": "correct", "completion_tokens": 90, "token_limit": 90},
    "no answer": {"outcome": "no_answer", "finish_reason": "length"},
    "capitals": {"correct": False, "finish_reason": "MAX_TOKENS"},
    "one capital": {"correct": False, "finish_reason": "Length"},
    "another server": {"correct": False, "finish_reason": "max_output_tokens"},
    "one": {"correct": False, "truncated": 1}, "text": {"correct": False, "truncated": "true"},
    "true": {"correct": False, "truncated": True}, "said": {"outcome": "truncated"},
}


@pytest.mark.parametrize("case", CUT)
def test_every_mark_of_truncation_is_read(case: str, analyze, tmp_path) -> None:
    rows = [{"item_id": "a", **CUT[case]}, {"item_id": "b", "correct": False, "truncated": False}]
    assert outcomes_of(analyze("evals", write_rows(tmp_path / "s.jsonl", rows))) == (0, 1, 0, 1)


def test_a_mark_of_truncation_that_cannot_be_read_is_rejected(analyze, tmp_path) -> None:
    rows = [*level_rows(2), {"item_id": "x", "correct": False, "truncated": "perhaps"}]
    summary = analyze("evals", write_rows(tmp_path / "s.jsonl", rows))
    assert summary["rows"]["rejected"] == 1
    assert summary["rows"]["reasons"][0]["reason"] == "truncated is neither true nor false"


def rare_rows() -> list[dict]:
    """27 cells of 18 correct and 2 wrong samples, and a measured number that no two share; in the
    order of the levels."""
    return [{"item_id": f"{cell}-{at}", "correct": at % 10 != 0, "completion_tokens": 9,
             "params": {"length": cell, "size": cell + at / 50}}
            for cell in range(27) for at in range(20)]


@pytest.mark.parametrize("measured", [False, True])
def test_a_choice_of_samples_keeps_shares_and_levels(measured: bool, analyze, tmp_path) -> None:
    rows = rare_rows()
    if not measured:
        for row in rows:
            del row["params"]["size"]
    path = write_rows(tmp_path / "s.jsonl", rows)
    right, first = [], []
    for seed in range(20):
        analyze("surface", path, "--max-traces", 108, "--seed", seed, "--output",
                tmp_path / "c.csv")
        with open(tmp_path / "c.csv", encoding="utf-8", newline="") as file:
            cells = list(csv.DictReader(file))
        assert sum(int(cell["n"]) for cell in cells) == 108
        right.append(sum(int(cell["correct"]) for cell in cells) / 108)
        first.append(sum(int(cell["n"]) for cell in cells
                         if float(cell["params.length"]) < 13) / 108)
    # Of 20 choices of 108 the mean has a standard error below .007.
    assert sum(right) / 20 == pytest.approx(0.9, abs=0.02)
    assert sum(first) / 20 == pytest.approx(13 / 27, abs=0.05)


def test_names_declared_as_difficulty_are_levels(tmp_path) -> None:
    rows = [{**row, "params": {"length": 1, "level": "easy" if at % 2 else "hard", "sure": at % 3
                               == 0}} for at, row in enumerate(level_rows())]
    write_rows(tmp_path / "s.jsonl", rows)
    config = {"evals": [{"model_name": "m", "files": "s.jsonl"}], "params": {}}
    for roles, levels in (({}, 1), ({"level": "difficulty"}, 2),
                          ({"level": "difficulty", "sure": "difficulty"}, 4)):
        (tmp_path / "d.json").write_text(json.dumps({**config, "params": roles}))
        assert len(set(dataset.load(tmp_path / "d.json").levels())) == levels


def test_many_levels_are_merged_for_every_lens(tmp_path) -> None:
    table = dataset.load(write_rows(tmp_path / "s.jsonl", [
        {**row, "params": {"size": at}} for at, row in enumerate(level_rows())]))
    assert sorted(np.bincount(table.levels())) == [10] * 12


def notes_of(summary: dict) -> str:
    """What is said of a dataset beside its counts."""
    return "\n".join(summary["rows"]["notes"])


@pytest.mark.parametrize("run", [None, 1])
def test_two_conditions_under_one_name_are_numbered_and_named(
    run, analyze, run_inside, tmp_path
) -> None:
    rows = [{**row, "style": style, "output": f"{style} {row['item_id']}", "max_tokens": most,
             "response": "word " * 90, **({"run": run} if run else {})}
            for style, most in (("cot", 300), ("direct", 900)) for row in level_rows(4)]
    path = write_rows(tmp_path / "s.jsonl", rows)
    summary = analyze("compression", path, "--output", tmp_path / "c.csv")
    assert notes_of(summary) == (
        "24 items stand twice or more under one run and were numbered; their rows differ in "
        "max_tokens, style: separate them with `where` in a dataset config, if these are "
        "conditions")
    with open(tmp_path / "c.csv", encoding="utf-8", newline="") as file:
        names = [row["datapoint"] for row in csv.DictReader(file)]
    assert len(set(names)) == len(names) == 48
    analyze("compression", path, "--output", tmp_path / "c.json")
    [result] = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))["results"]
    assert notes_of(summary) in result["caveats"]  # where a reader of the result sees it
    output = run_inside("analyze.py", "evals", path).stdout
    assert f"mind: {notes_of(summary)}" in output
    ends = {name.split("@")[1] for name in names}
    assert ends == ({"1", "1.1"} if run else {"0", "1"})


def test_repeats_that_nothing_tells_apart_and_tasks_that_share_items(analyze, tmp_path) -> None:
    rows = [*level_rows(2), *level_rows(2), *level_rows(2, base_task="u")]
    path = write_rows(tmp_path / "s.jsonl", rows)
    assert notes_of(analyze("evals", path)).endswith("so they are taken as repeated runs")
    table = dataset.load(path)
    assert len(set(table.ident)) == 36
    # A run that is named is a repeat like any other, and nothing to speak of.
    several = [{**row, "run": run} for row in level_rows(2) for run in range(3)]
    assert notes_of(analyze("evals", write_rows(tmp_path / "r.jsonl", several))) == ""


@pytest.mark.parametrize("names", [["tuned", "base"], ["base", "tuned"]])
@pytest.mark.parametrize("key", ["model_name", "eval_id"])
def test_systems_come_in_the_order_of_the_filter(names: list[str], key: str, analyze, tmp_path
                                                 ) -> None:
    rows = [{**row, "model_name": name, "eval_id": name} for name in ("tuned", "other", "base")
            for row in level_rows(5, correct=name == "base")]
    path = write_rows(tmp_path / "s.jsonl", rows)
    summary = analyze("surface", path, "--filters", json.dumps({key: names}), "--output",
                      tmp_path / "x.json")
    (pair,) = summary["comparisons"]
    assert [pair["a"], pair["b"]] == names
    assert names == [result["name"].split()[0] for result in summary["results"]]
    whole = json.loads((tmp_path / "x.json").read_text())
    gap = whole["comparisons"][0]["estimates"]["accuracy_b_minus_a"]["est"]
    assert gap == (1 if names[0] == "tuned" else -1)


def test_an_analysis_folder_whose_runs_changed_says_so(analyze, run_inside, tmp_path) -> None:
    path = write_rows(tmp_path / "s.jsonl", [
        {**row, "item_id": f"1.{at}0", "prompt": str(at), "output": "4"}
        for at, row in enumerate(level_rows(2))])
    (tmp_path / "map.yaml").write_text(MAPPING)
    run_inside("build_packet.py", "--input", path, "--mapping", tmp_path / "map.yaml",
               "--output-dir", tmp_path / "a")
    before = analyze("evals", tmp_path / "a")
    assert notes_of(before) == ""
    path.write_text(path.read_text() + "\n\n")
    after = analyze("evals", tmp_path / "a")
    assert after["evals"] == before["evals"]
    assert "the runs of the analysis folder cannot be read" in notes_of(after)
    assert "this input has changed since the packet was built" in notes_of(after)


def test_a_value_that_makes_a_parameter_a_name_is_shown(analyze, tmp_path) -> None:
    rows = level_rows(4)
    rows[7]["params"] = {"length": "n/a"}
    path = write_rows(tmp_path / "s.jsonl", rows)
    assert ("length: 1 of 24 values are no number that can be reckoned with (the first is 'n/a'), "
            "so it is taken as a name") in notes_of(analyze("evals", path))
    message = analyze("surface", path, "--filters", '{"length": [2, 4]}', "--output",
                      tmp_path / "x.json", code=1)
    assert "1 of 24 values are no number" in message
    for row in rows:
        row["params"] = {"length": 3} if row["params"]["length"] == "n/a" else row["params"]
    rows[3]["params"] = {"length": 1e16}
    assert notes_of(analyze("evals", write_rows(path, rows))) == (
        "length: 1 of 24 values are no number that can be reckoned with (the first is 1e+16), so "
        "they count as missing")


def test_a_number_of_its_own_for_each_item_is_no_level(analyze, tmp_path) -> None:
    rows = [{**row, "params": {**row["params"], "seed": at * 7, "kind": "xy"[at % 2]}}
            for at, row in enumerate(level_rows(10))]
    path = write_rows(tmp_path / "s.jsonl", rows)
    summary = analyze("evals", path)
    assert summary["difficulty"] == ["length"]
    assert notes_of(summary).splitlines() == [
        "seed: nearly every item has a value of its own, so it is no level (declare it as "
        "difficulty if it is one)",
        "not held constant, since it is not declared as difficulty: kind"]
    for row in rows:
        del row["params"]["length"]
    assert analyze("evals", write_rows(path, rows))["difficulty"] == ["seed"]


@pytest.mark.parametrize("filters", ['{"length": true}', '{"length": 1%s}' % ("0" * 400)])
def test_a_filter_that_is_no_number_matches_none(filters: str, analyze, tmp_path) -> None:
    path = write_rows(tmp_path / "s.jsonl", level_rows(2))
    assert "matches no sample" in analyze("surface", path, "--filters", filters, "--output",
                                          tmp_path / "x.json", code=1)


IDS = ("1.1", "1.10", "1.100", "1e2", "100.0", "100", "true", "007", "NaN", "[1]")


def test_cells_of_a_csv_that_are_names_or_texts_stay_as_they_are(analyze, tmp_path) -> None:
    path = tmp_path / "s.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "model", "response", "verdict", "params.length", "why"])
        for at, name in enumerate(IDS):
            writer.writerow([name, "1.10", '{"answer": 4}' if at % 2 else "4", '{"right": true}',
                             at % 3, "12"])
    (tmp_path / "d.json").write_text(json.dumps({
        "evals": [{"model_name": "m", "files": "s.csv"}],
        "fields": {"correct": "verdict.right", "reasoning_text": "why"}}))
    table = dataset.load(tmp_path / "d.json")
    assert list(table.ident) == [f"{table.evals[0].eval_id}/{name}@0" for name in IDS]
    assert list(table.outcome) == [dataset.CORRECT] * len(IDS)
    texts = [text for _, text in dataset.texts(table)]
    assert [text.response for text in texts] == ["4", '{"answer": 4}'] * 5
    assert [text.reasoning for text in texts] == ["12"] * 10
    path.write_text("item_id,model,correct\na,1.10,1\nb,1.1,0\n")
    assert [system["model_name"] for system in analyze("evals", path)["evals"]] == ["1.10", "1.1"]


def test_decimals_and_params_as_text_in_parquet(analyze, tmp_path) -> None:
    import duckdb

    path = tmp_path / "s.parquet"
    with duckdb.connect() as base:
        base.execute(f"""copy (select 'i' || i as item_id, i % 2 = 0 as correct,
            (50 + i)::decimal(9, 2) as completion_tokens,
            {{'length': (i % 6 + 0.5)::decimal(5, 1)}} as params from range(24) t(i))
            to '{path}' (format parquet)""")
    summary = analyze("evals", path)
    assert (summary["rows"]["kept"], summary["rows"]["tokens_unusable"]) == (24, 0)
    assert summary["parameters"] == {"length": "number"}
    with duckdb.connect() as base:
        base.execute(f"""copy (select 'i' || i as item_id, i % 2 = 0 as correct,
            case when i = 5 then 'long' when i = 6 then null
            else '{{"length": ' || i % 6 || '}}' end as params
            from range(24) t(i)) to '{path}' (format parquet)""")
    summary = analyze("evals", path)
    assert summary["parameters"] == {"length": "number"}
    assert (summary["rows"]["kept"], summary["rows"]["rejected"]) == (23, 1)
    assert summary["rows"]["reasons"][0]["reason"] == "params is no object"


@pytest.mark.slow
def test_queries_without_the_parameters_of_the_surface_are_refused(analyze, tmp_path) -> None:
    path = write_rows(tmp_path / "s.jsonl", level_rows(30, correct=True))
    asked = tmp_path / "q.jsonl"
    asked.write_text('{"lenght": 3}\n' * 10)
    message = analyze("diagnose", path, "--queries", asked, "--output-dir", tmp_path / "o", code=1)
    assert "no query has a number for each of length (they have lenght)" in message
    asked.write_text('{"lenght": 3}\n' + '{"length": 3}\n' * 3 + '{"length": 9}\n')
    analyze("diagnose", path, "--queries", asked, "--output-dir", tmp_path / "o")
    text = (tmp_path / "o" / "diagnosis.json").read_text()
    assert '"query.inside_zone"' not in text and '"query.outside_zone"' not in text  # 3 of 4
    asked.write_text('{"lenght": 3}\n' * 4 + '{"length": 3}\n' * 4)
    analyze("diagnose", path, "--queries", asked, "--output-dir", tmp_path / "o")
    assert '"query.inside_zone"' in (tmp_path / "o" / "diagnosis.json").read_text()


ONE = {"model_name": "m", "files": "s.jsonl"}
WRONG = {
    "limit as text": ({"token_limit": "100"},
                      "d.json:8: token_limit: Input should be a valid number, got '100'"),
    "no limit": ({"token_limit": None}, "token_limit: Input should be a valid number, got None"),
    "limit of nothing": ({"token_limit": 0}, "token_limit: Input should be greater than 0, got 0"),
    "endless limit": ({"token_limit": float("inf")}, "token_limit: Input should be less than 1000"),
    "guess as text": ({"guess_rate": "0.25"},
                      "guess_rate: Input should be a valid number, got '0.25'"),
    "guess below 0": ({"guess_rate": -0.5}, "guess_rate: Input should be greater than or equal to"),
    "sure guess": ({"tasks": {"t": {"guess_rate": 1.0}}},
                   "tasks.t.guess_rate: Input should be less than 1, got 1.0"),
    "key of the config": ({"parms": {}}, "d.json:8: parms: unknown key; nearest: params; known"),
    "key of an eval": ({"evals": [{**ONE, "lable": "x"}]},
                       "d.json:6: evals[0].lable: unknown key; nearest: label; known are model_na"),
    "key of a task": ({"tasks": {"t": {"guessrate": 0.3}}},
                      "d.json:10: tasks.t.guessrate: unknown key; nearest: guess_rate; known"),
    "eval as text": ({"evals": ["m"]}, "evals[0]: Input should be a valid mapping, got 'm'"),
    "no model": ({"evals": [{"files": "s.jsonl"}]}, "evals[0].model_name: it is not there, and is"),
    "empty label": ({"evals": [{**ONE, "label": ""}]}, "evals[0].label: String should have"),
    "no label": ({"evals": [{**ONE, "label": None}]}, "evals[0].label: Input should be a"),
    "unknown task": ({"tasks": {"u": {"guess_rate": 0.3}}}, "no judged row has 'u'; there are t"),
    "tasks as list": ({"tasks": ["t"]}, "tasks: Input should be a valid mapping, got ['t']"),
    "task as text": ({"tasks": {"t": "logic"}}, "tasks.t: Input should be a valid mapping"),
    "tiers as list": ({"tiers": ["t"]}, "tiers: Input should be a valid mapping, got ['t']"),
    "tier as text": ({"tiers": {"logic": "t"}}, "tiers.logic: Input should be a valid list, got"),
    "unknown in a tier": ({"tiers": {"logic": ["t", "u"]}}, "no judged row has 'u'"),
    "params as list": ({"params": ["length"]}, "params: Input should be a valid mapping"),
    "unknown parameter": ({"params": {"lenght": "other"}},
                          "no judged row has 'lenght'; there are length"),
    "field as number": ({"fields": {"correct": 3}}, "fields.correct: Input should be a valid str"),
    "no such field": ({"fields": {"corect": "c"}}, "'corect': nearest: correct; known are eval_id"),
    "where as list": ({"evals": [{**ONE, "where": ["a"]}]}, "evals[0].where: Input should be a"),
    "where of nothing": ({"evals": [ONE, {"model_name": "n", "files": "s.jsonl",
                                          "where": {"item_id": "x"}}]},
                         "evals[1] (n) has no judged row; correct its files or its where"),
    "files as number": ({"evals": [{**ONE, "files": 3}]},
                        "evals[0].files: a path or a list of paths was expected, got 3"),
    "no path": ({"evals": [{**ONE, "files": ""}]}, "a path or a list of paths was expected"),
    "one system twice": ({"evals": [ONE, {**ONE, "token_limit": 9}]},
                         "evals[0] and evals[1] have one eval_id"),
    "one label twice": ({"evals": [{**ONE, "eval_id": "a"}, {**ONE, "eval_id": "b"}]},
                        "evals[0] and evals[1] have one label, m"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_config_is_checked_before_it_is_used(case: str, analyze, tmp_path) -> None:
    changes, expected = WRONG[case]
    write_rows(tmp_path / "s.jsonl", level_rows(2))
    (tmp_path / "d.json").write_text(json.dumps({"evals": [ONE], **changes}, indent=1))
    assert expected in analyze("evals", tmp_path / "d.json", code=1)


def test_a_key_that_a_config_has_twice_is_refused(analyze, tmp_path) -> None:
    write_rows(tmp_path / "s.jsonl", level_rows(2))
    (tmp_path / "d.json").write_text(
        '{"name": "a",\n "evals": [{"model_name": "m", "files": "s.jsonl"}],\n "name": "b"}')
    assert "d.json:3: the key name is there twice" in analyze("evals", tmp_path / "d.json", code=1)


@pytest.mark.parametrize("kind", ["number", "name", "many"])
def test_samples_without_the_axis_are_a_group_of_their_own(kind: str, analyze, tmp_path) -> None:
    rows = [{**row, "params": {} if at % 3 == 0 else {"size": at if kind == "many" else
                                                      5 if kind == "number" else "big"}}
            for at, row in enumerate(level_rows(10))]
    path = write_rows(tmp_path / "s.jsonl", rows)
    summary = analyze("hazard", path, "--axis", "size", "--output", tmp_path / "x.json")
    levels = [result for result in summary["results"] if "within all" not in result["name"]]
    assert sum(result["n"] for result in levels) == summary["samples"] == 60
    assert (levels[-1]["name"], levels[-1]["n"]) == ("m t size not recorded", 20)
    assert len(levels) == (7 if kind == "many" else 2)


def test_runs_of_one_model_that_share_items_are_named(analyze, tmp_path) -> None:
    rows = [{**row, "prompt": row["item_id"], "output": style, "style": style}
            for style in ("cot", "direct") for row in level_rows(2)]
    path = write_rows(tmp_path / "s.jsonl", rows)
    (tmp_path / "map.yaml").write_text(MAPPING.replace("item_id:", "run_id: style\n  item_id:", 1))
    assert notes_of(analyze("evals", path, "--mapping", tmp_path / "map.yaml")) == (
        "m: its runs cot, direct share items and are taken as repeats of one system; if they are "
        "conditions, give each a model name of its own, or a dataset config")


def test_two_systems_of_one_model_have_two_names(analyze, tmp_path) -> None:
    rows = [{**row, "eval_id": name} for name in "ab" for row in level_rows(2)]
    summary = analyze("evals", write_rows(tmp_path / "s.jsonl", rows))
    assert [system["label"] for system in summary["evals"]] == ["m a", "m b"]


def test_the_fields_of_a_config_are_those_documented(bundle) -> None:
    text = (bundle / "references" / "lens-dataset.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", text, re.MULTILINE)
    documented = {name: (name, *re.findall(r"`(\w+)`", others)) for name, others in rows}
    assert documented == fields.NAMES
    for kind in (config_model.DatasetConfig, config_model.System, config_model.Task):
        assert all(re.search(rf'[`"]{name}["`]', text) for name in kind.model_fields)


def test_lines_of_json_under_their_other_name(analyze, tmp_path) -> None:
    path = write_rows(tmp_path / "s.ndjson", level_rows(2))
    assert analyze("evals", path)["rows"]["kept"] == 12


def test_a_task_is_chosen_however_rows_were_read(analyze, run_inside, tmp_path) -> None:
    source = tmp_path / "answers.jsonl"
    source.write_text("".join(
        json.dumps({"qid": f"{kind}{at}", "kind": kind, "who": "m", "ok": at % 2 == 0}) + "\n"
        for kind in ("alpha", "beta") for at in range(4)))
    mapping = tmp_path / "mine.yaml"
    mapping.write_text("benchmark: mine\nfields: {item_id: qid, task: kind, model_name: who, "
                       "scores: {ok: ok}}\n")
    packet = tmp_path / "packet"
    done = run_inside("build_packet.py", "--input", source, "--mapping", mapping, "--output-dir",
                      packet)
    assert done.returncode == 0, done.stderr
    for place in ((source, "--mapping", mapping), (packet,)):
        summary = analyze("surface", *place, "--filters", "task=beta", "--output",
                          tmp_path / "x.json")
        assert [result["name"] for result in summary["results"]] == ["m beta"]
        assert summary["samples"] == 4


def test_a_name_in_a_filter_that_no_sample_has_is_said(analyze, tmp_path) -> None:
    rows = [{**row, "model_name": name} for row in level_rows(2) for name in ("gpt-4o", "opus")]
    summary = analyze("surface", write_rows(tmp_path / "s.jsonl", rows), "--filters",
                      '{"model_name": ["gpt-5", "opus"]}', "--output", tmp_path / "x.json")
    assert summary["rows"]["notes"][-1] == \
        "filter model_name: no sample has gpt-5; there are gpt-4o, opus"


SPELLED = {"length=3": {"length": 3}, "length=[18, 24]": {"length": [18, 24]},
           "eval_id=12e4": {"eval_id": "12e4"}, '{"a": "b=c"}': {"a": "b=c"},
           "model_name=a=b": {"model_name": "a=b"}}


@pytest.mark.parametrize("text", SPELLED)
def test_a_filter_may_be_a_key_and_a_value(text: str) -> None:
    assert filters.parse([text, "tier=easy"]) == {**SPELLED[text], "tier": "easy"}
