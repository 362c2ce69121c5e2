"""Small files as other tools write them, with the right values that their makers give: read plainly
or through a mapping of at most 15 lines, or refused with the reason."""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from failure_analysis import clean

GSM8K = """
fields: {item_id: doc_id, model_name: {value: m}, user_text: doc.question, reward: exact_match}
threshold: 1
grading_of: filter
"""
EVENTS = r"""
where: type == 'match'
from_path: '_(?P<model>[^_/]+)_[^_/]+$'
join: {name: asked, files: "{stem}.jsonl", each: "[@][?type=='sampling']", key: sample_id,
       on: sample_id}
fields: {item_id: sample_id, user_text: asked.data.prompt, scores: {correct: data.correct}}
expected: {pass_rate: final_report.accuracy}
"""
BFCL = r"""
files: "*_result.json"
from_path: '(?P<task>\w+)_result\.json$'
join:
  - {name: score, files: "{task}_score.json", key: prompt.id, on: id}
  - {name: summary, files: "{task}_score.json", each: "[@][?total_count]"}
fields: {item_id: id, model_name: {value: m1}, scores: {valid: score == null || score.valid}}
expected: {rows: summary.total_count, passed: summary.correct_count, pass_rate: summary.accuracy}
"""
EVALPLUS = """
files: new_eval_results.json
each: {doc: "@", task: "items(eval)", attempt: "value[]"}
fields:
  item_id: task.key
  model_name: {value: m}
  scores: {base: {at: base_status, pass: pass}, plus: {at: plus_status, pass: pass}}
"""
EVALPLUS_OLD = """
files: old_eval_results.json
each: {doc: "@", task: "items(eval)", attempt: "zip({base: value.base, plus: value.plus})"}
fields:
  item_id: task.key
  model_name: {value: m}
  scores: {base: {at: "base[0]", pass: success}, plus: {at: "plus[0]", pass: success}}
"""
RAGAS = """
fields:
  item_id: user_input
  model_name: {value: m}
  scores:
    faithfulness: {at: faithfulness, at_least: 0.7}
    answer_relevancy: {at: answer_relevancy, at_least: 0.7}
    context_precision: {at: context_precision, at_least: 0.7}
    context_recall: {at: context_recall, at_least: 0.7}
"""
PROMPTFOO = """
rows: results.results
fields:
  item_id: vars.question
  model_name: provider.id
  run_id: join('-', [provider.id, promptId])
  assistant_text: response.output
  scores: {success: success}
not_counted: {at: failureReason, values: 2}
expected: {passed: results.stats.successes, failed: results.stats.failures,
           unjudged: results.stats.errors}
"""
INSPECT = """
rows: samples
trial_of: epoch
fields:
  item_id: id
  model_name: eval.model
  user_text: input
  assistant_text: output.choices[0].message.content
  scores: {match: {at: scores.match.value, pass: C}}
"""
TRUTH = "fields: {item_id: id, model_name: {value: m}, scores: {ok: {at: correct, pass: 'True'}}}\n"
HELM = """
fields: {item_id: instance_id, trial: train_trial_index, model_name: {value: m}}
checks: {list: stats, name: name.name, value: mean, only: exact_match, at_least: 1}
"""
OWN, PLAIN = "benchmark.yaml beside it", "no mapping"


class Case(NamedTuple):
    """A folder, how it is read, model -> passing, failing and unjudged rows, what must be said."""

    folder: str
    mapping: str
    counts: dict[str, tuple[int, int, int]]
    said: str = ""
    inputs: tuple[str, ...] = ("*",)
    code: int = 0


CASES = [
    Case("01-lmeval-two-filters", GSM8K, {"m": (2, 3, 0)},
         "further gradings of these answers: 5, in gradings.csv"),
    Case("01-lmeval-two-filters", OWN, {}, "differ in filter (flexible-extract, strict-match)",
         code=1),
    Case("04-openai-evals-events", EVENTS, {"gpt-x": (2, 1, 0)}),
    Case("05-bfcl-score", BFCL, {"m1": (2, 2, 0)}),
    Case("06-evalplus-map", EVALPLUS, {"m": (1, 3, 0)}),
    Case("06-evalplus-map", EVALPLUS_OLD, {"m": (1, 1, 0)}),
    Case("06-evalplus-map", OWN, {}, "this looks like a map from ids to rows", code=1),
    Case("09-ragas-blank", RAGAS, {"m": (1, 2, 1)}),
    Case("09-ragas-blank", OWN, {}, "its scores are numbers, which decide nothing", code=1),
    Case("10-promptfoo-error", PROMPTFOO, {"openai:a": (2, 2, 2), "openai:b": (4, 2, 0)},
         "2 of 2 unjudged (infrastructure_error 2)"),
    Case("10-promptfoo-error", OWN, {}, "put it into run_id (another condition, such as a prompt)",
         code=1),
    Case("11-inspect-epochs", INSPECT, {"m": (2, 4, 2)}, '"P" (1 rows) is neither pass nor fail'),
    Case("12-truth-as-text", TRUTH, {"m": (2, 2, 0)}),
    Case("12-truth-as-text", OWN, {}, 'pass is true, and correct has "True" 2, "False" 2', code=1),
    *(Case("14-nan", OWN, {"r": (1, 1, 1)}, inputs=(f"r.{ending}",))
      for ending in ("csv", "json", "jsonl")),
    Case("15-percent", OWN, {}, "s goes up to 100 for m2 where 0.5 passes", code=1),
    Case("17-helm-stats", HELM, {"m": (1, 2, 0)}),
    Case("19-jsonl-named-json", OWN, {"r": (1, 1, 0)}),
    Case("20-byte-trouble", OWN, {"bom": (1, 1, 0), "crlf": (1, 1, 0), "cut": (1, 1, 0),
                                  "latin1": (0, 1, 0), "nul": (1, 1, 0)},
         "utf16.jsonl: UTF-16; make it UTF-8", code=1),
    Case("23-two-models-one-file-name", OWN,
         {"m-a": (4, 0, 0), "m-b": (0, 4, 0), "m-c": (2, 2, 0)}, inputs=("m-a", "m-b", "m-c")),
    Case("24-failures-only", OWN, {"m1": (0, 2, 0), "m2": (0, 1, 0)},
         "Every judged row fails in 2 runs (m1, m2): if the file holds failures only"),
    Case("25-folder-with-other-files", OWN, {"samples_a_2026": (2, 1, 0)}, "passed over: 3 files",
         inputs=("run",)),
    *(Case("26-file-endings", OWN, {"r": (1, 1, 0)}, inputs=(f"r.{ending}",))
      for ending in ("ndjson", "tsv")),
    Case("28-csv-header-twice", OWN, {}, "more than one column is called 'ok'", code=1),
    Case("29-csv-semicolon", OWN, {"r": (1, 1, 0)}),
    Case("32-tau2-infrastructure", PLAIN, {"m": (1, 1, 2)}, "not counted by the benchmark",
         inputs=("results.json",)),
    Case("33-empty-and-refusal", OWN, {"r": (0, 8, 0)}),
    Case("34-tau2-dir-format", PLAIN, {"m": (1, 1, 0)}, inputs=()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder)
def test_a_wild_input_is_right_or_refused(run_script, real_runs, tmp_path, case):
    folder = real_runs / "wild-inputs" / case.folder
    inputs = [path for glob in case.inputs for path in sorted(folder.glob(glob))
              if path.name not in ("README.md", "benchmark.yaml")] or [folder]
    mapping = [] if case.mapping == PLAIN else ["--mapping", _mapping(case, folder, tmp_path)]
    out = tmp_path / "out"
    done = run_script("build_packet.py", "--input", *inputs, *mapping, "--output-dir", out)
    assert done.returncode == case.code, done.stdout + done.stderr
    assert case.said in done.stdout + done.stderr
    assert _counts(out) == case.counts


def _mapping(case: Case, folder: Path, tmp_path: Path) -> Path:
    if case.mapping == OWN:
        return folder / "benchmark.yaml"
    assert case.mapping.count("\n") <= 15
    path = tmp_path / "benchmark.yaml"
    path.write_text("benchmark: b" + case.mapping if case.mapping.startswith("\n")
                    else f"benchmark: b\n{case.mapping}")
    return path


def _counts(out: Path) -> dict[str, tuple[int, int, int]]:
    if not (out / "outcomes.csv").exists():
        return {}
    rows = Counter((row["model_name"], row["outcome"])
                   for row in clean.read_csv(out / "outcomes.csv"))
    return {model: tuple(rows[model, outcome] for outcome in ("pass", "fail", "unjudged"))
            for model, _ in rows}


def test_the_other_filter_grades_the_same_answers(run_script, real_runs, tmp_path):
    folder = real_runs / "wild-inputs" / "01-lmeval-two-filters"
    (tmp_path / "b.yaml").write_text(f"benchmark: b{GSM8K}")
    run_script("build_packet.py", "--input", folder, "--mapping", tmp_path / "b.yaml",
               "--output-dir", tmp_path / "out")
    graded = Counter((row["grader"], row["outcome"])
                     for row in clean.read_csv(tmp_path / "out" / "gradings.csv"))
    assert graded == {("flexible-extract", "pass"): 4, ("flexible-extract", "fail"): 1}


def test_the_causes_of_eight_failures_are_eight_modes(run_script, real_runs, tmp_path):
    folder = real_runs / "wild-inputs" / "33-empty-and-refusal"
    run_script("build_packet.py", "--input", folder / "r.jsonl", "--mapping",
               folder / "benchmark.yaml", "--output-dir", tmp_path / "out")
    assert run_script("cluster_failures.py", tmp_path / "out").returncode == 0
    modes = json.loads((tmp_path / "out" / "clusters.json").read_text())["modes"]
    assert {mode["mode"]: mode["rows"] for mode in modes} == {
        "empty_response": 1, "truncated_response": 1, "content_filtered": 1, "model_refusal": 1,
        "harness_error": 1, "time_limit": 1, "answer_not_parsed": 1, "code_exception": 1}


def test_human_labels_are_one_more_coder(run_script, real_runs, tmp_path):
    folder, out = real_runs / "wild-inputs" / "35-human-fault-labels", tmp_path / "out"
    run_script("build_packet.py", "--input", folder / "calls.csv", "--mapping",
               folder / "benchmark.yaml", "--output-dir", out)
    done = run_script(
        "record_review.py", out, "--labels", folder / "calls.csv", "--coder", "people", "--join",
        "task_id=item_id", "provider=model_name", "--fault-column", "error_source", "--faults",
        "agent=model_error", "user=user_simulator_issue", "system=pipeline_issue",
        "unresolved=undecided")
    assert done.returncode == 0, done.stderr
    faults = Counter(json.loads(line)["fault"] for line in (out / "reviews.jsonl").open())
    assert faults == {"model_error": 2, "user_simulator_issue": 1, "pipeline_issue": 1,
                      "undecided": 1}
