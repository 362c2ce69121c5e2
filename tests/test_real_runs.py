"""Real runs of other people (REAL_RUNS): published figures and counts, recomputed."""

import csv
import gzip
import io
import json
from collections import Counter

import pytest

from failure_analysis import clean
from make_runs import findings, read_jsonl

pytestmark = pytest.mark.slow


@pytest.fixture
def analyse(run_script, tmp_path):
    """`analyse(*inputs)`: all of stage 1; returns the analysis folder."""

    def run(*args):
        out = tmp_path / "out"
        done = run_script("deep_error_analysis.py", *args, "--output", out / "report.md")
        assert done.returncode == 0, done.stdout + done.stderr
        return out

    return run


def load(out, name):
    return json.loads((out / name).read_text(encoding="utf-8"))


def failed(out, key="run_id"):
    """Failing rows per run, counted from outcomes.csv."""
    return Counter(row[key] for row in clean.read_csv(out / "outcomes.csv")
                   if row["outcome"] == "fail")


def test_tau_bench_published_pass_hat_k(analyse, real_runs):
    out = analyse("--input", real_runs / "tau-bench")
    unstable = load(out, "model_comparison.json")["instability"]["gpt-4o"]
    assert [round(unstable["pass_hat_k"][str(k)], 3) for k in (1, 2, 3, 4)] == [
        0.420, 0.273, 0.220, 0.200]
    assert (len(unstable["always_fail"]), len(unstable["flaky"]), unstable["always_pass"]) == (
        14, 26, 10)
    assert load(out, "facts.json")["failed_rows"] == 116


def test_tau2_airline_counts_sets_and_clusters(analyse, real_runs):
    out = analyse("--input", real_runs / "tau2-bench" / "airline",
                  real_runs / "tau2-bench" / "judges")
    assert sorted(failed(out, "model_name").items()) == [
        ("azure/gpt-4o-2024-11-20", 27), ("claude-opus-4-6", 13), ("claude-sonnet-4-5", 14),
        ("gpt-5.4", 22), ("openai/gpt-oss-120b", 31)]
    assert load(out, "clusters.json")["other_share"] <= 0.30
    # An independent recomputation from the source files.
    fails, ran = {}, {}
    for path in sorted((real_runs / "tau2-bench" / "airline").glob("*.json.gz")):
        document = json.loads(gzip.decompress(path.read_bytes()))
        model = document["info"]["agent_info"]["llm"]
        ran[model] = {row["task_id"] for row in document["simulations"]}
        fails[model] = {row["task_id"] for row in document["simulations"]
                        if row["reward_info"]["reward"] < 1}
    common = set.intersection(*ran.values())
    sets = load(out, "model_comparison.json")["sets"]
    assert set(sets["failed_by_all"]) == set.intersection(*fails.values()) & common
    for model in fails:
        others = [fails[other] for other in fails if other != model]
        assert set(sets["unique_fail"][model]) == (fails[model] - set.union(*others)) & common
        assert set(sets["unique_pass"][model]) == (
            set.intersection(*others) - fails[model]) & common
    assert len(common) == load(out, "model_comparison.json")["compared_items"] == 44


@pytest.mark.slow
def test_all_that_is_planned_can_be_shown(analyse, real_runs, run_script):
    """What the audit suspects beside a passing datapoint of another model, too."""
    out = analyse("--input", real_runs / "tau2-bench" / "airline")
    done = run_script("plan_review.py", out, "--budget", "16")
    assert done.returncode == 0, done.stderr
    planned = read_jsonl(out / "review_plan.jsonl")
    assert {"audit", "contrast"} <= {line["why"] for line in planned}
    done = run_script("show_datapoint.py", out, *(line["datapoint_id"] for line in planned))
    assert done.returncode == 0, done.stderr


def test_tau2_airline_says_what_is_wrong_with_the_comparison(analyse, real_runs):
    out = analyse("--input", real_runs / "tau2-bench" / "airline")
    assert "pauses for 84 minutes" in findings(out, "time_gap")[0]["text"]
    assert findings(out, "missing_items")[0]["about"] == ["44", "45", "46", "47", "48", "49"]
    (conditions,) = findings(out, "settings_differ")
    differ = {text.split(": ")[1].split(".")[0] for text in conditions["each"]}
    assert differ == {"agent implementation", "grader", "user simulator"}
    secrets = [path.name for path in out.iterdir() if b"api_key" in path.read_bytes()]
    assert not secrets


def test_tau2_judges_are_gradings(analyse, real_runs):
    out = analyse("--input", real_runs / "tau2-bench" / "judges",
                  real_runs / "tau2-bench" / "airline")
    rows = list(clean.read_csv(out / "gradings.csv"))
    assert len(rows) == 200
    fails = Counter(row["grader"].split("/")[0] for row in rows if row["outcome"] == "fail")
    assert fails == {"customer_outcome_v1": 15, "policy_chain_of_thought_v1": 13,
                     "policy_conversation_v1": 21, "quick_triage_v1": 4}
    # The data's own notes count every word but a literal "pass" as a fail: 40 for the third judge,
    # whose prompt made it write "satisfied", "compliant" and the like.
    words = Counter(row["verdict"] for row in rows
                    if row["grader"].startswith("policy_chain_of_thought"))
    assert 50 - words["pass"] == 40
    assert words["satisfied"] == 22
    judges = load(out, "model_comparison.json")["judges"]
    assert judges["datapoints"] == 50
    record = {pair["b"].split("/")[0]: pair for pair in judges["pairs"]
              if pair["a"] == "outcome of record"}
    assert record["customer_outcome_v1"]["agreed"] == 20
    assert record["policy_chain_of_thought_v1"]["agreed"] == 18
    assert record["policy_conversation_v1"]["agreed"] == 34
    assert record["quick_triage_v1"]["agreed"] == 25


def test_tau2_telecom_counts(analyse, real_runs):
    out = analyse("--input", real_runs / "tau2-bench" / "telecom")
    assert sorted(failed(out).values()) == [4, 10, 22]
    row = next(iter(clean.read_csv(out / "outcomes.csv")))
    assert {"issue", "causes", "persona", "expected_actions"} == json.loads(
        row["params_json"]).keys()


def test_tau_bench_fork_has_two_runs_and_no_hundred_trials(analyse, real_runs):
    out = analyse("--input", *sorted((real_runs / "tau-bench-agentverify").glob("tool-*.json.gz")))
    assert sorted(failed(out).values()) == [27, 30]
    assert {row["trial"] for row in clean.read_csv(out / "outcomes.csv")} == {"0"}
    result = load(out, "model_comparison.json")
    assert (result["by"], len(result["units"]), result["compared_items"]) == ("run", 2, 100)


def test_agentdojo_counts_and_tasks_that_changed(analyse, real_runs):
    out = analyse("--input", real_runs / "agentdojo")
    counts = Counter()
    for row in clean.read_csv(out / "outcomes.csv"):
        attacked = "important_instructions" in row["item_id"]
        counts[row["run_id"], attacked] += row["outcome"] == "fail"
    assert dict(counts) == {
        ("claude-3-5-sonnet-20241022", True): 9, ("claude-3-5-sonnet-20241022", False): 15,
        ("claude-3-haiku-20240307", False): 33, ("command-r-plus", False): 49,
        ("gemini-1.5-pro-002", False): 18, ("gpt-3.5-turbo-0125", False): 36,
        ("gpt-4o-2024-05-13", True): 10, ("gpt-4o-2024-05-13", False): 15,
        ("gpt-4o-mini-2024-07-18", False): 24, ("meta-llama_Llama-3-70b-chat-hf", False): 40}
    (differs,) = findings(out, "content_differs")
    assert differs["count"] == 16
    assert "travel/user_task_1" in differs["about"]
    followed = [note for note in findings(out, "row_note") if "injected" in note["text"]]
    assert followed[0]["count"] == 13


def test_aiewf_turn_through_a_mapping(analyse, real_runs, tmp_path, capsys):
    mapping = tmp_path / "benchmark.yaml"
    mapping.write_text(
        "benchmark: aiewf-turn12\nfields: {item_id: {value: turn12}, run_id: run_dir, "
        "model_name: model, assistant_text: assistant_text}\n"
        "pass_when: {category: correct_tool_and_arguments}\n")
    source = real_runs / "aiewf-eval" / "turn12-rows.csv.gz"
    out = analyse("--input", source, "--mapping", mapping)
    known = load(out, "facts.json")
    assert (known["rows_read"], known["failed_rows"], known["models"]) == (2855, 650, 55)
    with io.TextIOWrapper(gzip.open(source), "utf-8", newline="") as file:
        categories = [row["category"] for row in csv.DictReader(file)]
    confusion = Counter()
    with open(out / "failure_review_rows.jsonl", "rb") as file:
        for raw in file:
            row = json.loads(raw)
            confusion[categories[row["source"]["line"] - 2], row["error_mode_candidate"]] += 1
    with capsys.disabled():
        print("\nauthors' category against our provisional mode:")
        for (category, mode), count in sorted(confusion.items()):
            print(f"  {count:4}  {category:45} {mode}")
    assert confusion.total() == 650


def test_all_benchmarks_at_once_are_refused_with_each_one_named(run_script, real_runs, tmp_path):
    done = run_script("build_packet.py", "--input", real_runs, "--output-dir", tmp_path)
    assert done.returncode == 1
    (said,) = done.stderr.strip().splitlines()
    assert "one analysis is of one benchmark: run it once for each" in said
    for name in ("agentdojo", "tau2-bench-airline", "tau-bench-retail", "inspect",
                 "reasoning-gym", "zeroeval-math-l5", "who-and-when", "clear"):
        assert name in said


def test_a_folder_without_runs_is_refused_in_a_sentence(run_script, real_runs, tmp_path):
    done = run_script("build_packet.py", "--input", real_runs / "LICENSES", "--output-dir",
                      tmp_path)
    assert done.returncode == 1
    assert "nothing in this folder is of a known format" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
