"""Files of any shape through a mapping: right counts, or a refusal that says what is wrong."""

import json
from collections import Counter

import pytest
import yaml

from failure_analysis import clean
from failure_analysis.reading import mapping_file
from make_runs import findings, read_jsonl


@pytest.fixture
def mapped(build, tmp_path):
    """`mapped(mapping, {name: content}, *inputs, code=0)`: builds a packet of files (text, or what
    is written as JSON, JSONL for .jsonl) below a folder, which is the input if none is named."""

    def run(mapping, contents, *inputs, code=0, more=()):
        folder = tmp_path / "in"
        for name, content in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not isinstance(content, str):
                content = (
                    "".join(json.dumps(row) + "\n" for row in content)
                    if name.endswith(".jsonl")
                    else json.dumps(content)
                )
            path.write_text(content, encoding="utf-8")
        (tmp_path / "benchmark.yaml").write_text(mapping, encoding="utf-8")
        named = [folder / name for name in inputs] or [folder]
        return build("--input", *named, "--mapping", tmp_path / "benchmark.yaml", *more, code=code)

    return run


def outcomes(out):
    return {row["datapoint_id"]: row["outcome"] for row in clean.read_csv(out / "outcomes.csv")}


def counts(out):
    """model -> passing, failing, unjudged rows."""
    rows = Counter(
        (row["model_name"], row["outcome"]) for row in clean.read_csv(out / "outcomes.csv")
    )
    return {
        model: tuple(rows[model, outcome] for outcome in ("pass", "fail", "unjudged"))
        for model, _ in rows
    }


def rows_of(out):
    return {row["datapoint_id"]: row for row in read_jsonl(out / "failure_review_rows.jsonl")}


def said(out):
    return " ".join(
        finding["text"] for finding in json.loads((out / "sanity.json").read_text())["findings"]
    )


OK = "benchmark: b\nfields: {item_id: id, scores: {ok: ok}}\n"
ROWS = [{"id": "a", "ok": True}, {"id": "b", "ok": False}]


# -- where a row is ------------------------------------------------------------------


def test_levels_give_rows_and_every_level_is_seen(mapped):
    document = {
        "model": "m1",
        "id": "outer",
        "results": [
            {
                "task": {"id": 5},
                "q": "Why?",
                "completions": [{"text": "A", "ok": True}, {"text": "B", "ok": False}],
            },
            {"task": {"id": 6}, "q": "How?", "completions": []},
        ],
    }
    _, out = mapped(
        'benchmark: b\neach: {doc: "@", question: "results[]", answer: "completions[]"}\n'
        "fields: {item_id: question.task.id, model_name: doc.model, user_text: q, "
        "assistant_text: text, scores: {ok: answer.ok}, params: {of: id, file: file.stem}}\n",
        {"r.json": document},
    )
    assert outcomes(out) == {"m1/5": "pass", "m1/5@1": "fail"}
    row = rows_of(out)["m1/5@1"]
    assert (row["user_text"], row["assistant_text"], row["params"], row["source"]["line"]) == (
        "Why?",
        "B",
        {"of": "outer", "file": "r"},
        2,
    )


def test_one_document_is_one_row_and_all_of_a_model_are_its_run(mapped):
    tree = {
        f"{model}/{item}.json": {"m": model, "question": item, "solved": item != "q2"}
        for model in ("x", "y")
        for item in ("q1", "q2", "q3")
    }
    _, out = mapped(
        "benchmark: b\nfields: {item_id: question, model_name: m, scores: {solved: solved}}\n", tree
    )
    assert counts(out) == {"x": (2, 1, 0), "y": (2, 1, 0)}
    assert {run["run_id"] for run in json.loads((out / "sanity.json").read_text())["runs"]} == {
        "x",
        "y",
    }
    sources = {row["source"]["path"].split("/")[-2] for row in rows_of(out).values()}
    assert sources == {"x", "y"}


def test_maps_parallel_arrays_and_scalars_become_rows(mapped):
    _, out = mapped(
        'benchmark: b\neach: {doc: "@", task: "items(eval)", attempt: "value[]"}\n'
        "fields: {item_id: task.key, model_name: {value: m}, "
        "scores: {base: {at: status, pass: ok}}}\n",
        {
            "r.json": {
                "eval": {
                    "T/0": [{"status": "ok"}, {"status": "no"}],
                    "T/1": [{"status": "timeout"}],
                }
            }
        },
    )
    assert outcomes(out) == {"m/T/0": "pass", "m/T/0@1": "fail", "m/T/1": "fail"}
    _, out = mapped(
        'benchmark: b\neach: {doc: "@", pair: "zip({id: ids, ok: right})"}\n'
        "fields: {item_id: id, scores: {ok: ok}}\n",
        {"r.json": {"ids": ["a", "b"], "right": [True, False]}},
    )
    assert list(outcomes(out).values()) == ["pass", "fail"]
    done, out = mapped(
        'benchmark: b\neach: {doc: "@", answer: "answers[]"}\n'
        "fields: {item_id: doc.id, model_name: {value: m}, assistant_text: answer, "
        "scores: {four: answer == '4'}}\n",
        {"r.jsonl": [{"id": 1, "answers": ["4", "5"]}]},
    )
    assert outcomes(out) == {"m/1": "pass", "m/1@1": "fail"}


def test_a_row_that_cannot_be_zipped_is_rejected_with_its_line(mapped):
    _, out = mapped(
        'benchmark: b\neach: {doc: "@", pair: "zip({id: ids, ok: right})"}\n'
        "fields: {item_id: id, scores: {ok: ok}}\n",
        {"r.jsonl": [{"ids": ["a", "b"], "right": [True, False]}, {"ids": ["c"], "right": []}]},
    )
    (rejected,) = read_jsonl(out / "rejected_rows.jsonl")
    assert (rejected["line"], "zip needs lists of one length" in rejected["reason"]) == (2, True)


def test_levels_that_lead_nowhere_are_refused(mapped):
    done, _ = mapped("rows: result\n" + OK, {"r.json": {"results": ROWS, "n": 2}}, code=1)
    assert "each: no row in any of 1 records (doc: @, row: result[]); keys there are results, n" \
        in done.stderr


def test_keys_with_dots_blanks_and_commas_are_paths(mapped):
    _, out = mapped(
        "benchmark: b\nfields: {item_id: 'the id, please', model_name: {value: m}, "
        "user_text: 'acc,none', assistant_text: a.b, scores: {ok: 'Is it right?'}}\n",
        {
            "r.jsonl": [
                {
                    "the id, please": "x",
                    "acc,none": "0.5",
                    "a.b": "flat",
                    "a": {"b": "deep"},
                    "Is it right?": False,
                }
            ]
        },
    )
    row = rows_of(out)["m/x"]
    assert (row["user_text"], row["assistant_text"]) == ("0.5", "flat")


def test_where_leaves_records_out_and_counts_them(mapped):
    done, out = mapped(
        "benchmark: b\nwhere: type == 'match'\n" + OK.removeprefix("benchmark: b\n"),
        {
            "r.jsonl": [
                {"type": "spec"},
                {"type": "match", "id": "a", "ok": True},
                {"type": "match", "id": "b", "ok": False},
            ]
        },
    )
    assert "2 rows read = 1 pass + 1 fail + 0 unjudged + 0 rejected" in done.stdout
    assert "1 records are no rows by where." in said(out)


def test_the_first_expression_that_is_there_and_constants(mapped):
    _, out = mapped(
        "benchmark: b\nfields: {item_id: [id, name], model_name: {value: 7}, "
        "judge_reasoning: [why, \"join(': ', [kind, text])\"], scores: {ok: ok}}\n",
        {
            "r.jsonl": [
                {"id": "a", "why": "because", "ok": False},
                {"name": "b", "kind": "K", "text": "T", "ok": False},
            ]
        },
    )
    assert {ident: row["judge_reasoning"] for ident, row in rows_of(out).items()} == {
        "7/a": "because",
        "7/b": "K: T",
    }


# -- what passes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        ("s", [True, False, None], ["pass", "fail", "unjudged"]),
        (
            "{at: s, pass: [good, fine]}",
            ["good", "fine", "bad", "", "NaN", None],
            ["pass", "pass", "fail", "unjudged", "unjudged", "unjudged"],
        ),
        (
            "{at: s, pass: ok, unjudged: [error, -1]}",
            ["ok", "no", "error", -1],
            ["pass", "fail", "unjudged", "unjudged"],
        ),
        ("{at: s, pass: 1}", [1, 1.0, 0, True], ["pass", "pass", "fail", "fail"]),
        ("{at: s, pass: true}", [True, False, 1], ["pass", "fail", "fail"]),
        (
            "{at: s, at_least: 0.7}",
            [0.7, 0.69, "0.8", "nan", float("nan"), None],
            ["pass", "fail", "pass", "unjudged", "unjudged", "unjudged"],
        ),
        ("{at: s, at_most: 2}", [2, 3, 0], ["pass", "fail", "pass"]),
        ("{at: s, at_least: 1, at_most: 2}", [0.5, 1, 2, 3], ["fail", "pass", "pass", "fail"]),
        ("{at: s, at_least: 0.7, out_of: 100}", [70, 69], ["pass", "fail"]),
        ("{at: s, at_least: 0.5, range: [0, 5]}", [4, 0.4], ["pass", "fail"]),
        ("{at: s, pass: [[1, 2]]}", [[1, 2], [2, 1]], ["pass", "fail"]),
    ],
)
def test_what_passes(mapped, rule, values, expected):
    rows = [{"id": str(place), "s": value} for place, value in enumerate(values)]
    _, out = mapped(
        f"benchmark: b\nfields: {{item_id: id, scores: {{ok: {rule}}}}}\n", {"r.jsonl": rows}
    )
    assert list(outcomes(out).values()) == expected


def test_a_value_that_is_no_verdict_rejects_its_row(mapped):
    rows = [
        {"id": "a", "s": 0.9},
        {"id": "b", "s": "high"},
        {"id": "c", "s": 7},
        {"id": "d", "s": 0},
    ]
    _, out = mapped(
        "benchmark: b\nfields: {item_id: id, scores: "
        "{ok: {at: s, at_least: 0.5, range: [0, 1]}}}\n",
        {"r.jsonl": rows},
    )
    assert [row["reason"].split(";")[0] for row in read_jsonl(out / "rejected_rows.jsonl")] == [
        "ok: it is a text ('high'), a number was expected",
        "ok: it is 7, outside the range [0.0, 1.0] that the mapping gives",
    ]


def test_checks_become_dimensions_by_their_names(mapped):
    rows = [
        {
            "id": 1,
            "asserts": [
                {"metric": "len", "ok": True},
                {"metric": "tone", "ok": False, "why": "rude"},
            ],
        },
        {"id": 2, "asserts": [{"metric": "tone", "ok": True}, {"metric": "len", "ok": True}]},
        {"id": 3, "asserts": [{"metric": "len", "ok": True}, {"metric": "len", "ok": False}]},
    ]
    _, out = mapped(
        "benchmark: b\nfields: {item_id: id, model_name: {value: m}}\nchecks: "
        "{list: asserts, name: metric, value: ok, reason: why}\n",
        {"r.jsonl": rows},
    )
    assert outcomes(out) == {"m/1": "fail", "m/2": "pass", "m/3": "fail"}
    failing = rows_of(out)
    assert (failing["m/1"]["scores"], failing["m/1"]["judge_reasoning"]) == (
        {"len": True, "tone": False},
        "tone: rude",
    )
    assert failing["m/3"]["failed_dimensions"] == ["len"]
    assert "len: 1 times two checks of a row have this name" in said(out)


def test_checks_in_a_table_see_the_check_and_not_the_cells(mapped):
    table = """id,name,most,asserts
1,row,2,"[{""name"": ""len"", ""n"": 1}]"
2,row,2,"[{""name"": ""len"", ""n"": 3}]"
"""
    _, out = mapped("benchmark: b\nfields: {item_id: id, model_name: {value: m}}\nchecks: "
                    "{list: asserts, name: \"join(' ', [name, 'fits'])\", value: n <= most}\n",
                    {"r.csv": table})
    assert outcomes(out) == {"m/1": "pass", "m/2": "fail"}
    assert rows_of(out)["m/2"]["scores"] == {"len fits": False}


def test_a_map_of_metrics_with_cut_offs_of_their_own(mapped):
    rows = [
        {"id": 1, "m": {"f1": 0.9, "tox": 0.1, "words": 12}},
        {"id": 2, "m": {"f1": 0.9, "tox": 0.8}},
    ]
    _, out = mapped(
        "benchmark: b\nfields: {item_id: id, model_name: {value: m}}\nchecks:\n"
        "  - {list: m, only: f1, at_least: 0.5}\n  - {list: m, only: [tox], at_most: 0.2}\n",
        {"r.jsonl": rows},
    )
    assert outcomes(out) == {"m/1": "pass", "m/2": "fail"}
    assert rows_of(out)["m/2"]["scores"] == {"f1": True, "tox": False}


def test_what_the_benchmark_does_not_count_is_unjudged_and_counted_apart(mapped):
    rows = [
        {"id": 1, "ok": True, "s": "done"},
        {"id": 2, "ok": False, "s": "api_error"},
        {"id": 3, "ok": False, "s": "done"},
    ]
    done, out = mapped(
        OK.replace("scores", "model_name: {value: m}, termination: s, scores")
        + "not_counted: {at: s, values: [api_error]}\n",
        {"r.jsonl": rows},
    )
    assert counts(out) == {"m": (1, 1, 1)}
    facts = json.loads((out / "facts.json").read_text())
    assert (facts["not_counted_rows/m"], facts["unjudged_rows/m"]) == (1, 1)
    assert "1 of 1 unjudged (infrastructure_error 1)" in done.stdout


# -- repeats and further gradings ----------------------------------------------------


@pytest.mark.parametrize(
    ("values", "trials"),
    [
        ([1, 2, 1, 2], ["0", "1", "0", "1"]),
        ([0, 1, 0, 1], ["0", "1", "0", "1"]),
        ([42, 7, 42, 7], ["0", "1", "0", "1"]),
        (["b", "a", "b", "a"], ["0", "1", "0", "1"]),
    ],
)
def test_trials_are_counted_from_0_whatever_they_are_called(mapped, values, trials):
    rows = [{"id": place // 2, "epoch": value, "ok": True} for place, value in enumerate(values)]
    _, out = mapped(
        OK + "trial_of: epoch\n", {"r.jsonl": [*rows, {"id": 9, "epoch": values[0], "ok": False}]}
    )
    assert [row["trial"] for row in clean.read_csv(out / "outcomes.csv")] == [*trials, "0"]


UNSORTED = [("a", 1), ("a", 0), ("b", 2), ("b", 0), ("b", 1)]


@pytest.mark.parametrize(
    ("rows", "trials"),
    [
        (UNSORTED, "10201"),
        ([(item, str(trial)) for item, trial in UNSORTED], "10201"),
        ([("a", 1), ("a", 3), ("b", 2)], "021"),
        ([("a", 2), ("a", 0), ("b", 1), ("b", 2)], "2012"),
        ([("a", 5), ("a", 2), ("b", 3), ("a", 1)], "4120"),
        # Seeds, in the order in which they appear.
        ([("a", 42), ("a", 17), ("b", 17), ("b", 10)], "0112"),
    ],
)
def test_trials_from_0_need_not_be_sorted(mapped, rows, trials):
    table = "id,ok,n\n" + "".join(f"{item},true,{trial}\n" for item, trial in rows)
    rows = [
        {"id": item, "ok": True, "pad": "-" * 700_000, "t": {"n": trial}} for item, trial in rows
    ]
    for name, content, path in (
        ("a.jsonl", rows, "t.n"),
        ("b.jsonl", rows, "t.n || t.n"),
        ("c.json", rows, "t.n"),
        ("d.csv", table, "n"),
    ):
        _, out = mapped(f"{OK}trial_of: {path}\n", {name: content}, name)
        found = [row["datapoint_id"] for row in clean.read_csv(out / "outcomes.csv")]
        assert [ident[-2:] for ident in found] == [f"@{trial}" for trial in trials]


def test_trials_from_0_are_seen_in_any_file_of_a_run(mapped):
    runs = {f"t{trial}/r.jsonl": [{"id": "a", "ok": trial == 2}] for trial in (1, 2, 0)}
    mapping = OK + "from_path: '/t(?P<trial>[0-9]+)/(?P<run>r)'\n"
    _, out = mapped(mapping, runs, "t1", "t2", "t0")
    rows = clean.read_csv(out / "outcomes.csv")
    assert {row["trial"]: row["outcome"] for row in rows} == {"0": "fail", "1": "fail", "2": "pass"}


def test_a_trial_below_0_says_what_to_do(mapped):
    rows = [{"id": "a", "ok": True, "t": 0}, {"id": "a", "ok": False, "t": -1}]
    _, out = mapped(OK + "trial_of: t\n", {"r.jsonl": rows})
    (rejected,) = read_jsonl(out / "rejected_rows.jsonl")
    assert rejected["reason"] == (
        "trial: -1, and others are counted from 0; name them: trial_of: "
        "join(' ', ['trial', to_string(PATH)])"
    )
    named = OK + "trial_of: \"join(' ', ['trial', to_string(t)])\"\n"
    _, out = mapped(named, {"r.jsonl": rows})
    assert [row["trial"] for row in clean.read_csv(out / "outcomes.csv")] == ["0", "1"]


def test_a_second_grading_is_no_trial(mapped):
    rows = [
        {"doc": n, "a": f"A{n}", "filter": name, "s": float(ok)}
        for name, oks in (("strict", "011"), ("loose", "110"))
        for n, ok in enumerate(map(int, oks))
    ]
    mapping = (
        "benchmark: b\nfields: {item_id: doc, model_name: {value: m}, assistant_text: a, "
        "reward: s}\nthreshold: 1\n"
    )
    for grading, record in (("filter", "strict"), ("{at: filter, record: loose}", "loose")):
        _, out = mapped(f"{mapping}grading_of: {grading}\n", {"r.jsonl": rows})
        assert counts(out) == {"m": (2, 1, 0)}
        (grader,) = {row["grader"] for row in clean.read_csv(out / "outcomes.csv")}
        graded = [
            (row["item_id"], row["grader"], row["outcome"])
            for row in clean.read_csv(out / "gradings.csv")
        ]
        other = ({"strict": "loose", "loose": "strict"})[record]
        oks = {"strict": "011", "loose": "110"}[other]
        assert (grader, graded) == (
            record,
            [(str(n), other, "pass" if ok == "1" else "fail") for n, ok in enumerate(oks)],
        )
    done, _ = mapped(mapping, {"r.jsonl": rows}, code=1)
    assert (
        "3 rows repeat an item of their run, and differ in filter (loose, strict): say what that "
        "is with trial_of"
    ) in done.stderr


def test_equal_file_names_are_not_one_model(mapped):
    tree = {
        f"{model}/results.json": {"results": [{"id": n, "ok": n < good} for n in range(4)]}
        for model, good in (("m-a", 4), ("m-b", 0))
    } | {"m-c/other.json": {"results": [{"id": n, "ok": n < 2} for n in range(4)]}}
    _, out = mapped("rows: results\n" + OK, tree)
    assert counts(out) == {"m-a": (4, 0, 0), "m-b": (0, 4, 0), "m-c": (2, 2, 0)}
    _, out = mapped(OK, {"x/r.jsonl": ROWS, "x/r.csv": "id,ok\na,true\n"}, "x")
    assert set(counts(out)) == {"r.jsonl", "r.csv"}


def test_names_in_a_path_are_fields(mapped):
    tree = {
        f"{model}/{task}_result.jsonl": [{"id": f"{task}{n}", "ok": n == 0} for n in range(2)]
        for model in ("gpt", "llama")
        for task in ("math", "code")
    }
    mapping = OK + "from_path: '(?P<run>(?P<model>[^/]+))/(?P<task>[^/]+)_result\\.jsonl$'\n"
    _, out = mapped(mapping, tree)
    assert counts(out) == {"gpt": (2, 2, 0), "llama": (2, 2, 0)}
    assert {ident: row["task"] for ident, row in rows_of(out).items()} == {
        f"{model}/{task}1": task for model in ("gpt", "llama") for task in ("math", "code")
    }
    done, _ = mapped(
        OK + "from_path: '(?P<model>[^/]+)/x_result'\n", {"r.jsonl": ROWS}, "r.jsonl", code=1
    )
    assert "from_path does not fit this path" in done.stderr


# -- joins ---------------------------------------------------------------------------

BFCL = {
    "f_result.json": "".join(json.dumps({"id": f"f_{n}", "result": "x"}) + "\n" for n in range(4)),
    "f_score.json": "".join(
        json.dumps(row) + "\n"
        for row in (
            {"accuracy": 0.5, "total_count": 4},
            {"valid": False, "prompt": {"id": "f_0"}},
            {"valid": False, "prompt": {"id": "f_2"}},
        )
    ),
}
BFCL_MAPPING = """benchmark: b
files: "*_result.json"
from_path: '(?P<task>[a-z]+)_result'
join:
  - {name: score, files: "{task}_score.json", key: prompt.id, on: id}
  - {name: summary, files: "{task}_score.json", each: "[@][?total_count]"}
fields: {item_id: id, model_name: {value: m}, scores: {valid: "score == null || score.valid"}}
expected: {rows: summary.total_count, pass_rate: summary.accuracy}
"""


def test_a_score_file_with_failures_only_is_joined_with_the_results(mapped):
    done, out = mapped(BFCL_MAPPING, BFCL)
    assert outcomes(out) == {"m/f_0": "fail", "m/f_1": "pass", "m/f_2": "fail", "m/f_3": "pass"}
    assert "join score: 2 of 4 rows have no record in its files." in done.stdout
    inputs = json.loads((out / "manifest.json").read_text())["steps"]["build_packet"]["inputs"]
    assert sorted(path["path"].split("/")[-1] for path in inputs) == [
        "f_result.json",
        "f_score.json",
    ]


def test_a_difference_from_what_is_expected_comes_first_and_fails(mapped):
    wrong = {**BFCL, "f_score.json": BFCL["f_score.json"].replace("0.5", "0.75")}
    done, out = mapped(BFCL_MAPPING, wrong, code=1)
    difference = "pass rate: " + str(out.parent / "in/f_result.json")
    assert f"Not as expected: {difference} says 0.75, 2 of 4 judged rows are 0.5." in done.stdout
    assert json.loads((out / "sanity.json").read_text())["findings"][0]["kind"] == "expected"
    mapped(BFCL_MAPPING, wrong, more=["--accept-differences"])


def test_expected_numbers_and_names(mapped, tmp_path):
    (tmp_path / "items.txt").write_text("a\nb\nc\n")
    rows = [{**row, "m": "M"} for row in ROWS]
    mapping = OK.replace("scores", "model_name: m, scores")
    mapped(
        mapping + "expected: {rows: 2, items: [a, b], models: [M], passed: 1, failed: 1, "
        "unjudged: 0, pass_rate: 50.0}\n",
        {"r.jsonl": rows},
    )
    done, _ = mapped(
        mapping + "expected: {rows: 3, items: items.txt, models: 2, pass_rate: 0.6, "
        "passed: nowhere}\n",
        {"r.jsonl": rows},
        code=1,
    )
    for text in (
        "rows: the mapping says 3, 2 were counted",
        "items: missing 1 (c)",
        "models: the mapping says 2, 1 were counted",
        "says 0.6, 1 of 2 judged rows are 0.5",
        "passed rows: no file says it at nowhere",
    ):
        assert f"Not as expected: {text}" in done.stdout or text in done.stdout


def test_lists_of_ids_are_verdicts(mapped):
    contents = {
        "preds.jsonl": [{"instance_id": name, "patch": "p"} for name in "abcd"],
        "report.json": {"resolved_ids": ["a"], "unresolved_ids": ["b"], "error_ids": ["c"]},
    }
    _, out = mapped(
        "benchmark: b\nfiles: preds.jsonl\njoin: {name: verdict, files: report.json, "
        "ids: [resolved_ids, unresolved_ids, error_ids], on: instance_id}\n"
        "fields: {item_id: instance_id, model_name: {value: m}, scores: "
        "{resolved: {at: verdict, pass: resolved_ids, unjudged: error_ids}}}\n",
        contents,
    )
    assert outcomes(out) == {"m/a": "pass", "m/b": "fail", "m/c": "unjudged", "m/d": "unjudged"}


def test_all_records_of_a_key_and_the_same_file(mapped):
    events = [
        {"type": "step", "of": "a", "n": 1},
        {"type": "step", "of": "a", "n": 2},
        {"type": "end", "id": "a", "ok": False},
        {"type": "end", "id": "b", "ok": True},
    ]
    _, out = mapped(
        "benchmark: b\nwhere: type == 'end'\njoin: {name: steps, files: '{stem}.jsonl', "
        "each: \"[@][?type=='step']\", key: of, on: id, many: true}\n"
        "fields: {item_id: id, model_name: {value: m}, assistant_text: 'steps[].n', "
        "scores: {ok: ok}}\n",
        {"log.jsonl": events},
    )
    assert rows_of(out)["m/a"]["assistant_text"] == "1\n2"


def test_a_record_of_another_file_is_found_by_that_files_name(mapped):
    done, out = mapped(
        "benchmark: b\nfiles: r.jsonl\n"
        "join: {name: log, files: [gone/*.json, logs/*/*.json], key: file.folder, on: id}\n"
        "fields: {item_id: id, scores: {ok: log.ok}}\n",
        {"r.jsonl": [{"id": "a"}, {"id": "b"}], "logs/a/x.json": {"ok": True},
         "logs/b/x.json": {"ok": False}})
    assert [row["outcome"] for row in clean.read_csv(out / "outcomes.csv")] == ["pass", "fail"]


def test_a_log_beside_each_attempt_is_its_text_whatever_was_printed_into_it(mapped, tmp_path):
    for name, data in (("a", "E assert 1 == 2\nné\n\n \n".encode()), ("b", b"\xff{broken\x1b[0m")):
        (tmp_path / "in" / "logs" / name).mkdir(parents=True)
        (tmp_path / "in" / "logs" / name / "test.log").write_bytes(data)
    _, out = mapped(
        "benchmark: b\nfiles: r.jsonl\njoin: {name: log, files: logs/*/test.log, text: true, "
        "key: file.folder, on: id, optional: true}\n"
        "fields: {item_id: id, model_name: {value: m}, judge_reasoning: {at: log.text, optional: "
        "true}, scores: {ok: ok}}\n",
        {"r.jsonl": [{"id": "a", "ok": False}, {"id": "b", "ok": False}, {"id": "c", "ok": False}]})
    assert {ident: row["judge_reasoning"] for ident, row in rows_of(out).items()} == {
        "m/a": "E assert 1 == 2\nné", "m/b": "\ufffd{broken\x1b[0m", "m/c": None}


@pytest.mark.parametrize(
    ("join", "words"),
    [
        ("{name: s, files: x.json, key: k, on: id}", "join s finds no file x.json"),
        ("{name: s, files: 's.json', key: kk, on: id}", "join s finds no record with a key at kk"),
        (
            "{name: s, files: 's.json', key: k, on: id}",
            "join s: none of 2 rows has a key that is in its",
        ),
        ("{name: s, files: '{model}.json', key: k, on: id}", "{model} is no name of from_path"),
        (
            "{name: s, files: s.json, key: k}",
            "key (in the other file) and on (in the row) go together",
        ),
        ("{name: s, files: s.json, ids: [nope], on: id}", "join s finds no list at nope"),
        ("{name: s, files: s.json, ids: [nope], on: id, text: true}",
         "a file that is read as text is one record"),
    ],
)
def test_a_join_that_finds_nothing_is_refused(mapped, join, words):
    done, _ = mapped(
        f"{OK}files: r.jsonl\njoin: {join}\n",
        {"r.jsonl": ROWS, "s.json": [{"k": "zz", "ok": 1}]},
        code=1,
    )
    assert words in done.stderr


def test_settings_of_a_mapping_are_held_against_each_other(mapped):
    def rows(model, **meta):
        return [{"id": n, "model": model, "ok": n == 0, "by": "j1", "meta": meta} for n in range(2)]

    mapping = ("benchmark: b\nfields: {item_id: id, model_name: model, grader: by, "
               "scores: {ok: ok}}\n"
               "settings: {temperature: meta.t, commit: meta.commit, seed set: meta.none}\n")
    _, out = mapped(mapping, {"a.jsonl": rows("a", t=0.7, commit="c1"),
                              "b.jsonl": rows("b", t=1, commit="c1")})
    findings = {one["kind"]: one["text"] for one in
                json.loads((out / "sanity.json").read_text())["findings"]}
    assert findings["settings_differ"].startswith("Not the same in all runs: temperature. 0.7")
    assert "commit" not in findings["settings_differ"]
    assert findings["mapping_nowhere"] == \
        "settings.seed set: there is nothing at meta.none in any row."
    assert {row["grader"] for row in clean.read_csv(out / "outcomes.csv")} == {"j1"}
    _, out = mapped(mapping, {"a.jsonl": [*rows("a", t=0), *(
        {**row, "id": row["id"] + 2} for row in rows("a", t=1))]}, "a.jsonl")
    assert "In run a the temperature changes (0: 2 rows, 1: 2 rows)" in said(out)


# -- texts, messages, calls ----------------------------------------------------------


def test_texts_out_of_parts_messages_and_objects(mapped):
    rows = [
        {
            "id": "a",
            "ok": False,
            "q": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image"}]}],
            "a": {"answer": 4},
            "why": 7,
            "t": ["x", "y"],
        }
    ]
    _, out = mapped(
        OK.replace(
            "scores",
            "model_name: {value: m}, user_text: q, assistant_text: a, "
            "judge_reasoning: why, reasoning: t, scores",
        ),
        {"r.jsonl": rows},
    )
    row = rows_of(out)["m/a"]
    assert (row["assistant_text"], row["judge_reasoning"], row["reasoning"]) == (
        '{"answer": 4}',
        "7",
        "x\ny",
    )
    assert row["user_text"].startswith("Hi")


def test_messages_and_calls_under_other_keys(mapped):
    rows = [
        {
            "id": "a",
            "ok": False,
            "log": [
                {"from": "human", "value": "Hi", "agent": "U"},
                {"from": "gpt", "value": [{"text": "Yo"}]},
            ],
            "calls": [{"fn": "add", "args": {"x": 1}, "out": 2}],
        }
    ]
    _, out = mapped(
        OK.replace(
            "scores",
            (
                "model_name: {value: m}, "
                "messages: {at: log, role: from, content: value, name: agent}, "
                "tool_calls: {at: calls, name: fn, arguments: args, result: out}, scores"
            ),
        ),
        {"r.jsonl": rows},
    )
    row = rows_of(out)["m/a"]
    assert row["messages"] == [
        {"role": "user", "content": "Hi", "name": "U"},
        {"role": "assistant", "content": "Yo"},
    ]
    assert row["tool_calls"] == [{"name": "add", "arguments": {"x": 1}}]
    assert row["tool_results"] == [{"name": "add", "response": 2}]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (
            "messages: log",
            "messages: message 0 has no role or no content, only from, value; say which",
        ),
        ("messages: id", "messages: it is a text ('a'), a list of messages was expected"),
        ("tool_calls: log", "tool_calls: call 0 has no name, only from, value; say which"),
    ],
)
def test_messages_of_another_shape_are_refused(mapped, field, words):
    done, _ = mapped(
        OK.replace("scores", f"{field}, scores"),
        {"r.jsonl": [{"id": "a", "ok": False, "log": [{"from": "a", "value": "b"}]}]},
        code=1,
    )
    assert f"every row was rejected: {words}" in done.stdout


# -- a wrong mapping is seen ---------------------------------------------------------

FACES = {
    "item": (
        "{item_id: idd, scores: {ok: ok}}",
        "item_id: there is nothing at idd in any of 3 rows; "
        "nearest: id; keys there are id, ok, fmt",
    ),
    "verdict": ("{item_id: id, scores: {ok: okk}}", "scores.ok: there is nothing at okk"),
    "one of two dimensions": (
        "{item_id: id, scores: {ok: ok, format: fmtt}}",
        "scores.format: there is nothing at fmtt in any of 3 rows; nearest: fmt",
    ),
    "yes read as true": (
        "{item_id: id, scores: {f: {at: fmt, pass: yes}}}",
        'scores.f: no value passes: pass is true, and fmt has "yes" 2, "no" 1; nearest: "yes"',
    ),
    "truth as text": ("{item_id: id, scores: {f: {at: text, pass: true}}}", 'nearest: "True"'),
    "number for truth": (
        "{item_id: id, scores: {f: {at: ok, pass: 1}}}",
        "pass is 1, and ok has true 2, false 1; nearest: true",
    ),
    "a slip": ("{item_id: id, scores: {f: {at: word, pass: corect}}}", 'nearest: "correct"'),
    "another case": ("{item_id: id, scores: {f: {at: word, pass: Correct}}}", 'nearest: "correct"'),
    "text as it stands": (
        "{item_id: id, scores: {f: word}}",
        "word: it is a text ('correct'); say which values pass: {at: …, pass: …} "
        '("correct" 2, "incorrect" 1)',
    ),
    "numbers as they stand": ("{item_id: id, scores: {f: pct}}", "numbers, which decide nothing"),
    "percent": (
        "{item_id: id, scores: {f: {at: pct, at_least: 0.5}}}",
        "pct goes up to 90 where 0.5 passes: they are on different scales; give out_of",
    ),
    "share": (
        "{item_id: id, scores: {f: {at: share, at_least: 50}}}",
        "share goes up to 0.9 where 50 passes",
    ),
    "no JMESPath": ("{item_id: id, scores: {f: 'ok ok'}}", "it is no JMESPath either"),
}


@pytest.mark.parametrize("face", FACES)
def test_a_wrong_mapping_is_refused(mapped, face):
    fields, words = FACES[face]
    rows = [
        {
            "id": n,
            "ok": ok,
            "fmt": "yes" if ok else "no",
            "text": str(ok),
            "pct": 90 if ok else 3,
            "word": "correct" if ok else "incorrect",
            "share": 0.9,
        }
        for n, ok in enumerate([True, True, False])
    ]
    done, out = mapped(f"benchmark: b\nfields: {fields}\n", {"r.jsonl": rows}, code=1)
    assert words in done.stderr
    assert not (out / "outcomes.csv").exists()


def test_all_wrong_is_no_slip(mapped):
    rows = [{"id": n, "word": "incorrect"} for n in range(3)]
    done, _ = mapped(
        "benchmark: b\nfields: {item_id: id, scores: {f: {at: word, pass: correct}}}\n",
        {"r.jsonl": rows},
    )
    assert "Every judged row fails in 1 run (r): if the file holds failures only" in done.stdout


def test_what_is_odd_is_said(mapped):
    rows = [
        {"id": n, "m": model, "s": s, "v": v, "t": t, "extra": 1}
        for n, (model, s, v, t) in enumerate(
            [
                ("a", 1.0, "win", "12"),
                ("a", 0.0, "tie", "n/a"),
                ("b", 100, "lose", 3),
                ("b", 40, "Win", None),
            ]
        )
    ]
    done, out = mapped(
        "benchmark: b\nfields: {item_id: id, model_name: m, completion_tokens: t, user_text: gone, "
        "reward: {at: s, range: [0, 100]}, scores: {v: {at: v, pass: win}}}\nthreshold: 50\n",
        {"r.jsonl": [*rows, {"id": 9, "m": "a", "s": 0}]},
    )
    text = said(out)
    for words in (
        'v: "tie" (1 rows) is neither pass nor fail by its name, and counts as failed',
        'v: "Win" (1 rows) is nearly what passes, and counts as failed',
        "scores.v: there is nothing at v in 1 of 5 rows",
        "reward: up to 100 for b, up to 1 for a: are these on one scale?",
        'completion_tokens: t cannot be read in 1 rows ("n/a").',
        "user_text: there is nothing at gone in any row.",
        "Keys of rows that the mapping does not use: extra.",
    ):
        assert words in text
        assert words in done.stdout or "extra" in words
    paths = {path["field"]: path for path in json.loads((out / "sanity.json").read_text())["paths"]}
    assert (paths["scores.v"]["rows"], paths["scores.v"]["values"][0][1]) == (4, 1)
    assert paths["completion_tokens"]["types"] == {"text": 2, "number": 1, "null": 1, "nothing": 1}


def test_optional_paths_may_be_nowhere(mapped):
    mapped(
        "benchmark: b\nfields: {item_id: id, user_text: {at: gone, optional: true}, scores: "
        "{ok: ok, more: {at: gone, optional: true}}}\n",
        {"r.jsonl": ROWS},
    )


def test_a_key_that_is_there_twice_is_said(mapped):
    done, _ = mapped(
        OK, {"r.jsonl": '{"id": "a", "ok": true, "ok": false}\n{"id": "b", "ok": true}\n'}
    )
    assert "The key ok is there twice in one object" in done.stdout


def test_other_files_of_a_folder_are_named(mapped):
    done, out = mapped(
        OK,
        {
            "samples_a.jsonl": ROWS,
            "results.json": {"results": {"acc": 0.6}},
            "run.log": "x",
            "big.jsonl": "version https://git-lfs.github.com/spec/v1\n",
        },
        code=1,
    )
    assert "2 rows read = 1 pass + 1 fail + 0 unjudged + 0 rejected" in done.stdout
    assert "big.jsonl: a Git LFS pointer" in done.stdout
    assert set(findings(out, "ignored_files")[0]["about"]) == {
        (out.parent / "in" / name).as_posix() for name in ("results.json", "run.log")
    }


def test_what_our_scripts_wrote_and_what_is_there_twice_is_not_read(mapped, run_script, tmp_path):
    done, out = mapped(OK, {"r.jsonl": ROWS, "r.jsonl.gz": "not read"})
    assert "2 rows read" in done.stdout
    assert "r.jsonl.gz" in findings(out, "ignored_files")[0]["about"][0]
    done = run_script("build_packet.py", "--input", tmp_path, "--mapping",
                      tmp_path / "benchmark.yaml", "--output-dir", out)
    assert "2 rows read = 1 pass + 1 fail + 0 unjudged + 0 rejected" in done.stdout


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ("[1]", "Input should be a valid mapping"),
        ("a: b: c", "not valid YAML"),
        ("fields: {item_id: i}", "nothing says which rows passed"),
        ("fields: {item: i}", "1: fields.item: unknown key; nearest: item_id"),
        ("fields: {item_id: i, outcome: o}", "fields.outcome: unknown key"),
        ("fields: {item_id: 3, reward: r}", "fields.item_id: Input should be a valid mapping"),
        ("fields: {item_id: i, reward: r}", "needs threshold"),
        ("fields: {item_id: i}\npass_when: [x]", "pass_when is a map"),
        ("field: {item_id: i}", "1: field: unknown key; nearest: fields"),
        (
            "fields: {item_id: i, scores: {a: {at: x, pas: 1}}}",
            "fields.scores.a.pas: unknown key; nearest: pass",
        ),
        ("fields: {item_id: i, scores: {a: {at: x, pass: 1, at_least: 2}}}", "not both"),
        ("fields: {item_id: i, scores: {a: x}}\nfrom_path: '('", "from_path: regex"),
        ("fields: {item_id: i, scores: {a: x}}\neach: {file: '@'}", "'file' is no name"),
        (
            "fields: {item_id: i, scores: {a: x}}\neach: {a: '@'}\njoin: {name: a, files: x}",
            "two things are called a",
        ),
        (
            "fields: {item_id: i, scores: {a: x}}\nexpected: {rate: 1}",
            "expected.rate: unknown key; nearest: pass_rate",
        ),
        (
            "fields: {item_id: i, scores: {a: x}}\nexpected: {items: gone.txt}",
            "a file with one item on",
        ),
        (
            "fields: {item_id: {value: false}, scores: {a: x}}",
            "fields.item_id: value: it is true or false (False)",
        ),
    ],
)
def test_a_mapping_that_cannot_be_read_is_named(mapped, mapping, words):
    done, _ = mapped(mapping, {"r.jsonl": "{}"}, code=1)
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


JUDGED = [{"id": f"q{n}", "m": m, "ok": n < good} for m, good in (("a", 4), ("b", 1))
          for n in range(5)]
ASKED = [{"id": row["id"], "m": row["m"]} for row in JUDGED]
BELIEVED = {
    "a judge file of all models, joined by the item alone": (
        "files: r.jsonl\njoin: {name: j, files: j.jsonl, key: id, on: id}\n",
        "model_name: m, scores: {ok: j.ok}", {"r.jsonl": ASKED, "j.jsonl": JUDGED},
        "join j: its files have several records, or lists, for 5 keys (q0, q1, q2), and they "
        "differ: name more in key and on"),
    "an id in two lists": (
        "files: r.jsonl\njoin: {name: v, files: v.json, ids: [good, bad], on: id}\n",
        "scores: {ok: {at: v, pass: good}}",
        {"r.jsonl": ROWS, "v.json": {"good": ["a", "b"], "bad": ["b"]}},
        "join v: its files have several records, or lists, for 1 keys (b)"),
    "a list that is not there": (
        "files: r.jsonl\njoin: {name: v, files: v.json, ids: [good, bda], on: id}\n",
        "scores: {ok: {at: v, pass: good}}",
        {"r.jsonl": ROWS, "v.json": {"good": ["a"], "bad": ["b"]}}, "join v finds no list at bda"),
    "a verdict of the document where the row has none": (
        "rows: samples\n", "scores: {ok: correct}", {"r.json": {"correct": True, "samples": [
            {"id": 1, "correct": False}, {"id": 2, "error": "oom"}]}},
        "scores.ok: correct is in row in 1 rows and around it in 1: say which, row.correct or "
        "doc.correct"),
    "a slip in where": (
        "where: okk != 'x'\n", "scores: {ok: ok}", {"r.jsonl": ROWS},
        "where: no record has a key okk, which okk != 'x' names; nearest: ok"),
    "a text without quotes": (
        "", "scores: {ok: word == correct}", {"r.jsonl": [{"id": 1, "word": "correct"}]},
        "scores.ok: no record has a key correct, which word == correct names; a text is written "
        "in quotes: 'correct'"),
    "where that is a text": (
        "where: kind\n", "scores: {ok: ok}", {"r.jsonl": [{**row, "kind": "x"} for row in ROWS]},
        'where (kind) is neither true nor false ("x" 2); write a comparison'),
    "numbers among truth": (
        "", "scores: {ok: v}", {"r.jsonl": [{"id": n, "v": v} for n, v in enumerate(
            [True, False, 1, 0])]},
        "ok: v is true or false in 2 rows and a number in 2"),
    "full marks are 100": (
        "", "scores: {ok: {at: v, at_least: 1}}", {"r.jsonl": [{"id": 1, "v": 100},
                                                                {"id": 2, "v": 20}]},
        "ok: v goes up to 100 where 1 passes"),
    "a limit beyond all": (
        "", "scores: {ok: {at: v, at_least: 600}}", {"r.jsonl": [{"id": 1, "v": 90}]},
        "ok: v goes up to 90 where 600 passes: they are on different scales; nothing can pass"),
    "a check of no such name": (
        "checks: {list: c, only: [rel, fait]}\n", "model_name: {value: m}",
        {"r.jsonl": [{"id": 1, "c": {"rel": True, "faith": False}}]},
        "checks: no check is called fait (there are faith, rel)"),
    "one id in two tasks": (
        "from_path: '(?P<task>[^/]+)\\.jsonl$'\n", "model_name: {value: m}, scores: {ok: ok}",
        {"arc.jsonl": ROWS, "hella.jsonl": ROWS},
        "item a is in the tasks arc and hella, and would be one item: put the task into item_id"),
    "a level called as a key is": (
        'each: {doc: "@"}\n', "user_text: doc.q, scores: {ok: ok}",
        {"r.jsonl": [{**row, "doc": {"q": "x"}} for row in ROWS]},
        "doc.q: doc is a level or join of the mapping, and a key of the rows"),
    "the scores of one model for two": (
        'files: ["x.jsonl", "y.jsonl"]\njoin: {name: s, files: s.jsonl, key: id, on: id}\n',
        "scores: {ok: s.ok}", {"x.jsonl": ROWS, "y.jsonl": ROWS, "s.jsonl": ROWS},
        "join s: one record judges rows of"),
    "such scores under a name of let": (
        'files: ["x.jsonl", "y.jsonl"]\njoin: {name: s, files: s.jsonl, key: id, on: id}\n'
        "let: {judged: s.ok, verdict: judged}\n",
        "scores: {ok: verdict}", {"x.jsonl": ROWS, "y.jsonl": ROWS, "s.jsonl": ROWS},
        "join s: one record judges rows of"),
    "ids that begin anew": (
        "", "user_text: q, scores: {ok: ok}",
        {"r.jsonl": [{"id": n, "q": f"{task} {n}", "ok": True} for task in "ab" for n in range(3)]},
        "3 rows repeat an item of their run and ask something else: ids begin anew"),
    "a function of a wrong type": (
        "", "user_text: abs(q), scores: {ok: ok}", {"r.jsonl": [{**row, "q": "x"} for row in ROWS]},
        "an expression fails on 2 of 2 rows: abs(q)"),
    "a grading of no such name": (
        "grading_of: {at: by, record: GPT}\n", "scores: {ok: ok}",
        {"r.jsonl": [{**row, "by": "gpt"} for row in ROWS]},
        'grading_of: record "GPT" is none of the gradings there are ("gpt" 2)'),
}


@pytest.mark.parametrize("kind", BELIEVED)
def test_what_would_be_believed_and_wrong_is_refused(mapped, kind):
    head, fields, contents, words = BELIEVED[kind]
    done, out = mapped(f"benchmark: b\n{head}fields: {{item_id: id, {fields}}}\n", contents, code=1)
    assert words in done.stderr
    assert not (out / "outcomes.csv").exists()


FINE = {
    "the file in a name": (
        "from_path: '(?P<task>[^/]+)\\.jsonl$'\n", {"a.jsonl": ROWS, "b.jsonl": ROWS},
        "item_id: \"join('/', [file.task, id])\", model_name: {value: m}, scores: {ok: ok}"),
    "a key that only bad runs have": (
        'where: "!excluded"\nnot_counted: {at: harness, values: [down]}\n', {"r.jsonl": ROWS},
        'item_id: "id || task_id", scores: {ok: "ok && error == null"}'),
    "numbers in a joined id": (
        "", {"r.csv": "id,n,ok\n0,512,true\n1,x,false\n"},
        "item_id: \"join('-', [id, n])\", scores: {ok: ok}"),
    "sparse verdicts": ("", {"r.jsonl": [{"id": 1, "ok": None}, {"id": 2, "ok": True}, {"id": 3}]},
                        "item_id: id, scores: {ok: ok}"),
    "counts that pass from 1 on": (
        "", {"r.jsonl": [{"id": 1, "n": 15}, {"id": 2, "n": 0}]},
        "item_id: id, scores: {ok: {at: n, at_least: 1}}"),
    "few errors of many": ("", {"r.jsonl": [{"id": 1, "n": 38}, {"id": 2, "n": 0}]},
                           "item_id: id, scores: {ok: {at: n, at_most: 0.5}}"),
    "equal records twice": (
        "files: r.jsonl\njoin: {name: g, files: g.jsonl, key: id, on: id}\n",
        {"r.jsonl": ROWS, "g.jsonl": [*ROWS, *ROWS]}, "item_id: id, scores: {ok: g.ok}"),
    "a gold answer for two models": (
        "files: [x.jsonl, y.jsonl]\njoin: {name: gold, files: gold.jsonl, key: id, on: id}\n",
        {"x.jsonl": [{"id": 1, "a": "A"}], "y.jsonl": [{"id": 1, "a": "B"}],
         "gold.jsonl": [{"id": 1, "a": "A"}]},
        'item_id: id, scores: {ok: "a == gold.a"}'),
    "a join that some runs have": (
        "files: r.jsonl\njoin: {name: g, files: gone.jsonl, key: id, on: id, optional: true}\n",
        {"r.jsonl": ROWS}, "item_id: id, failure_class: g.why, scores: {ok: ok}"),
    "elements that are no objects": (
        "each: {answer: answers}\n", {"r.jsonl": [{"answers": [4, 5]}]},
        "item_id: answer, scores: {ok: answer == `4`}"),
    "a list that is one row": (
        'each: {talk: "[@]"}\n', {"r.json": [{"role": "user", "content": "Hi"}]},
        "item_id: file.stem, messages: talk, scores: {ok: \"length(talk) > `3`\"}"),
}


@pytest.mark.parametrize("kind", FINE)
def test_what_is_meant_is_not_refused(mapped, kind):
    head, contents, fields = FINE[kind]
    mapped(f"benchmark: b\n{head}fields: {{{fields}}}\n", contents)


def test_what_files_say_of_themselves(mapped):
    rows = [{"id": n, "ok": n < 84} for n in range(100)]
    mapping = OK + "rows: results\nexpected: {pass_rate: %s}\n"
    for said, holds in ((0.84, True), (0.8, False), ("84.0%", True), (84, True), (1.0, False)):
        done, _ = mapped(mapping % "doc.acc", {"r.json": {"acc": said, "results": rows}},
                         code=0 if holds else 1)
        assert ("Not as expected" in done.stdout) is not holds
    done, _ = mapped(OK + "expected: {pass_rate: acc}\n", {"r.json": [{"acc": 0.5}, *ROWS]})
    assert "1 row could not be read" in done.stdout


def test_nearly_and_or_are_said(mapped):
    rows = [{"id": 1, "v": "pass", "a": False}, {"id": 2, "v": " **Pass** ", "b": True}]
    done, _ = mapped('benchmark: b\nfields: {item_id: id, scores: {v: {at: v, pass: pass}, '
                     'c: "a || b"}}\n', {"r.jsonl": rows})
    assert 'v: " **Pass** " (1 rows) is nearly what passes' in done.stdout
    assert "c: a || b is null in 1 rows; false || null is null in JMESPath" in done.stdout


def test_cells_are_what_they_spell_in_expressions(mapped):
    table = "id,a,b,n,max\n007,True,True,9,10\n2,True,False,10,9\n3,False,True,2,10\n"
    for expression, expected in (("a && b", "pass fail fail"), ("n >= max", "fail pass fail"),
                                 ("n >= `9`", "pass pass fail"), ("a == true", "pass pass fail"),
                                 ("id == '007'", "pass fail fail")):
        _, out = mapped(f'benchmark: b\nfields: {{item_id: id, scores: {{ok: "{expression}"}}}}\n',
                        {"r.csv": table})
        assert list(outcomes(out).values()) == expected.split()
    done, _ = mapped("benchmark: b\nwhere: a\nfields: {item_id: id, scores: {ok: b}}\n",
                     {"r.csv": table})
    assert "2 rows read = 1 pass + 1 fail" in done.stdout


def test_what_is_no_number_is_said(mapped):
    done, out = mapped("benchmark: b\nfields: {item_id: id, model_name: m, scores: "
                       "{ok: {at: v, at_most: 5, unjudged: Skiped}}}\n",
                       {"r.csv": "id,m,v\n1,x,1\n2,x,inf\n3,,7\n"})
    assert 'scores.ok: v cannot be read in 1 rows ("inf").' in done.stdout
    assert "model_name: there is nothing at m in 1 of 3 rows" in done.stdout
    done, _ = mapped("benchmark: b\nfields: {item_id: id, scores: {ok: {at: v, at_least: 0}}}\n",
                     {"r.jsonl": '{"id": 1, "v": -1e400}\n{"id": 2, "v": 1}\n'}, "r.jsonl")
    assert "2 rows read = 1 pass + 0 fail + 1 unjudged" in done.stdout


# -- the template --------------------------------------------------------------------


def test_everything_in_the_template_is_a_mapping(bundle, tmp_path):
    """Each commented construct is taken in alone, and with all that go together."""
    text = (bundle / "templates" / "benchmark.yaml").read_text(encoding="utf-8")
    assert mapping_file.load(bundle / "templates" / "benchmark.yaml").benchmark == "my-benchmark"
    lines = text.splitlines()
    keys = set(mapping_file.Mapping.model_fields) | {"rows"}
    shown = set()
    for place, line in enumerate(lines):
        bare = line.lstrip()
        name = bare.removeprefix("# ").partition(":")[0]
        if not bare.startswith("# ") or name not in keys | set(mapping_file.Fields.model_fields):
            continue
        end = place + 1
        while end < len(lines) and lines[end].startswith("#   "):
            end += 1
        taken = [other.replace("# ", "", 1) for other in lines[place:end]]
        document = "\n".join([*lines[:place], *taken, *lines[end:]])
        path = tmp_path / "benchmark.yaml"
        path.write_text(
            document.replace("  reward:", "  reward:")
            + ("\nthreshold: 1\n" if name == "reward" else "")
        )
        assert name in yaml.safe_load(document) | yaml.safe_load(document)["fields"], name
        mapping_file.load(path)
        shown.add(name)
    assert keys - shown <= {"benchmark", "fields"}


# -- check_mapping.py ----------------------------------------------------------------


def test_check_mapping_shows_what_stands_beside_what_becomes_of_it(run_script, tmp_path):
    (tmp_path / "r.jsonl").write_text(
        '{"id": 1, "m": "x", "a": [{"text": "Yes."}], "v": "ok", "note": "n"}\n'
        '{"id": 2, "m": "x", "v": "no"}\n'
    )
    (tmp_path / "b.yaml").write_text(
        "fields: {item_id: id, model_name: m, assistant_text: a, "
        "scores: {right: {at: v, pass: ok}}}\n"
    )
    done = run_script("check_mapping.py", tmp_path / "r.jsonl", "--mapping", tmp_path / "b.yaml")
    assert done.returncode == 0, done.stderr
    table = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for line in (
        "x/1: pass",
        'assistant_text a [{"text": "Yes."}] "Yes."',
        'scores.right v "ok" true',
        'scores.right v 2 of 2 text 2 "ok" 1, "no" 1',
        'note "n"',
        "x 1 1 0",
        'assistant_text a 1 of 2 list 1, nothing 1 [{"text": "Yes."}]',
    ):
        assert line in table
    whole = run_script(
        "check_mapping.py", tmp_path / "r.jsonl", "--mapping", tmp_path / "b.yaml", "--json"
    )
    said = json.loads(whole.stdout)
    assert (said["rows"], said["outcomes"], said["unmapped"], said["faults"]) == (
        2,
        {"x": {"pass": 1, "fail": 1, "unjudged": 0}},
        ["note"],
        [],
    )
    (tmp_path / "b.yaml").write_text("fields: {item_id: id, scores: {right: {at: v, pass: OK}}}\n")
    done = run_script("check_mapping.py", tmp_path / "r.jsonl", "--mapping", tmp_path / "b.yaml")
    assert done.returncode == 1
    assert 'REFUSED: scores.right: no value passes: pass is "OK"' in done.stdout
    (tmp_path / "b.yaml").write_text("fields: {item_id: id, scores: {right: {at: v, pass: ok}}}\n"
                                     "expected: {pass_rate: 0.6}\n")
    done = run_script("check_mapping.py", tmp_path / "r.jsonl", "--mapping", tmp_path / "b.yaml")
    assert done.returncode == 1
    assert "Not as expected: pass rate: the mapping says 0.6, 1 of 2 judged rows" in done.stdout


def test_a_file_of_no_known_shape_names_its_keys_and_the_way_on(build, run_script, tmp_path):
    rows = "".join(
        json.dumps(
            {
                "qid": f"q{n}",
                "llm": f"m{n % 2}",
                "prompt": f"What is {n}?",
                "output": str(n),
                "verdict": "correct" if n % 3 else "incorrect",
            }
        )
        + "\n"
        for n in range(12)
    )
    path = tmp_path / "answers.jsonl"
    path.write_text(rows)
    done, _ = build("--input", path, code=1)
    assert "its records have the keys qid, llm, prompt, output, verdict" in done.stderr
    assert f"check_mapping.py {path} --propose drafts a benchmark.yaml" in done.stderr
    draft = run_script("check_mapping.py", path, "--propose")
    (tmp_path / "b.yaml").write_text(draft.stdout)
    _, out = build("--input", path, "--mapping", tmp_path / "b.yaml")
    assert counts(out) == {"m0": (4, 2, 0), "m1": (4, 2, 0)}


def test_nothing_to_draft_from_is_an_error(run_script, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run_script("check_mapping.py", tmp_path / "empty", "--propose")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{tmp_path / 'empty'}: no records to draft a mapping from; name files" in done.stderr
    (tmp_path / "r.jsonl").write_text("version https://git-lfs.github.com/spec/v1\n")
    done = run_script("check_mapping.py", tmp_path / "r.jsonl", "--propose")
    assert done.returncode == 1
    assert "r.jsonl: a Git LFS pointer" in done.stderr


def test_other_scripts_refuse_a_wrong_mapping_too(run_inside, tmp_path):
    (tmp_path / "r.csv").write_text("id,ok\na,true\nb,false\n")
    (tmp_path / "b.yaml").write_text("fields: {item_id: id, scores: {ok: okk}}\n")
    for script, *more in (("analyze.py", "evals", tmp_path / "r.csv"),
                          ("open_coder.py", "--input", tmp_path / "r.csv", "--project", "p",
                           "--dry-run")):
        done = run_inside(script, *more, "--mapping", tmp_path / "b.yaml", cwd=tmp_path)
        assert done.returncode == 1
        assert "scores.ok: there is nothing at okk in any of 2 rows; nearest: ok" in done.stderr


def test_parquet_is_read_as_jsonl_is(mapped, build, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    (tmp_path / "in").mkdir()
    duckdb.execute("copy (select * from (values ('a', true, 0.9), ('b', false, 'nan'::double)) "
                   f"as t(id, ok, s)) to '{tmp_path}/in/r.parquet'")
    _, out = mapped("benchmark: b\nfields: {item_id: id, model_name: {value: m}, scores: "
                    "{ok: ok, s: {at: s, at_least: 0.5}}}\n", {})
    assert outcomes(out) == {"m/a": "pass", "m/b": "fail"}
    assert rows_of(out)["m/b"]["scores"] == {"ok": False, "s": None}


def test_let_names_what_several_fields_need(mapped):
    mapping = """benchmark: b
join: {name: graded, files: scores.json, each: "@", key: id, on: id, optional: true}
let:
  last_said: last(messages).content
  verdict: graded.points
  told: "join(' ', [last_said, 'for', to_string(verdict)])"
files: rows.jsonl
fields: {item_id: id, model_name: {value: m}, assistant_text: last_said, judge_reasoning: told,
         scores: {good: {at: verdict, at_least: 2}}}
"""
    rows = [{"id": name, "messages": [{"content": "Hm."}, {"content": f"I say {name}."}]}
            for name in "ab"]
    scores = [{"id": "a", "points": 3}, {"id": "b", "points": 1}]
    _, out = mapped(mapping, {"rows.jsonl": rows, "scores.json": scores})
    assert counts(out) == {"m": (1, 1, 0)}
    (row,) = rows_of(out).values()
    assert (row["assistant_text"], row["judge_reasoning"]) == ("I say b.", "I say b. for 1")
    done, _ = mapped(mapping.replace("  told:", "  graded:"), {"rows.jsonl": rows}, code=1)
    assert "two things are called graded (levels, joins, let)" in done.stderr
    done, _ = mapped(mapping.replace("last_said: last(messages)", "last_said: last(message)"),
                     {"rows.jsonl": rows, "scores.json": scores}, code=1)
    assert "let: no record has a key message" in done.stderr
    mapping = """benchmark: b
let: {told: "join('', [status, '!'])"}
fields: {item_id: id, model_name: {value: m}, judge_reasoning: told, scores: {good: ok}}
"""
    rows = [{"id": name, "status": status, "ok": status == "done"}
            for name in "ab" for status in ("done", "stopped")]
    _, out = mapped(mapping, {"rows.jsonl": rows})
    assert "status" not in said(out)


def test_what_comes_before_let_does_not_see_it(mapped):
    """A level, a join, an earlier name and what must come out mean the keys of the records, also
    from the second row on."""
    mapping = """benchmark: b
files: rows.json
each: {doc: "@", group: groups, row: "answers[?id]"}
join: {name: graded, files: scores.json, each: "@", key: id, on: id}
let:
  kind: "join('/', [to_string(ok), id])"
  id: "join('-', ['the', graded.name])"
  ok: graded.ok
  answers: "length(group.answers)"
fields: {item_id: row.id, model_name: {value: m}, task: kind, judge_reasoning: to_string(answers),
         user_text: to_string(id), scores: {good: ok == true}}
expected: {rows: answers}
"""
    groups = [{"answers": [{"id": "a", "ok": 1}, {"id": "b", "ok": 2}]},
              {"answers": [{"id": "c", "ok": 3}]}]
    scores = [{"id": name, "name": name.upper(), "ok": name == "a"} for name in "abc"]
    done, out = mapped(mapping, {"rows.json": {"groups": groups, "answers": 3},
                                 "scores.json": scores})
    assert "Not as expected" not in done.stdout and counts(out) == {"m": (1, 2, 0)}
    assert [(row["task"], row["judge_reasoning"], row["user_text"])
            for row in rows_of(out).values()] == [("2/b", "2", "the-B"), ("3/c", "1", "the-C")]


def test_a_run_is_not_called_twice_what_its_file_says(mapped):
    mapping = "benchmark: b\nfields: {item_id: id, model_name: m, scores: {ok: ok}}\n"
    row = {"id": "1", "ok": False}
    _, out = mapped(mapping, {"alpha.jsonl": [{**row, "m": "alpha"}],
                              "run_Beta_1.jsonl": [{**row, "m": "beta"}],
                              "samples.jsonl": [{**row, "m": "a"}, {**row, "m": "alpha"}]})
    named = {line["run_id"]: line["model_name"] for line in clean.read_csv(out / "outcomes.csv")}
    assert named == {
        "alpha": "alpha", "run_Beta_1": "beta", "samples.a": "a", "samples.alpha": "alpha"}
