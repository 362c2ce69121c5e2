"""Drafts of mappings: exact for a few shapes, and YAML whatever stands in the files."""

import json
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failure_analysis.drafting.propose import propose
from failure_analysis.drafting.yaml_text import can_be_written, scalar
from failure_analysis.packet import tried

TOP = ("# A draft. Lines with CHECK are guesses; try it: check_mapping.py FILE… --mapping "
       "benchmark.yaml\n")


def put(folder: Path, name: str, *documents: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


def drafted(*paths: Path) -> dict:
    return yaml.safe_load(propose(list(paths)))


def counted(path: Path) -> dict[str, list[int]]:
    """model -> passes, failures, unjudged rows, as the engine counts them through the draft."""
    with tempfile.TemporaryDirectory() as folder:
        mapping = Path(folder) / "benchmark.yaml"
        mapping.write_text(propose([path]))
        outcomes = tried.tried([path], mapping, 0).outcomes
    return {model: [counts[name] for name in ("pass", "fail", "unjudged")]
            for model, counts in sorted(outcomes.items())}


def lines_of(path: Path, *starts: str) -> list[str]:
    """The lines of a draft that begin so, without what was met."""
    return [line.split("; met: ")[0].split("  # met: ")[0] for line in propose([path]).splitlines()
            if line.strip().startswith(starts)]


def test_lines_with_another_kind_between(tmp_path):
    path = put(tmp_path, "run.jsonl", {"accuracy": 0.5, "total": 2}, *(
        {"id": f"q{n}", "model": "m", "question": f"What is {n}?", "answer": "4", "gold": "4",
         "grade": {"verdict": verdict, "why": "says 4"}, "no": "yes"}
        for n, verdict in enumerate(("CORRECT", "INCORRECT"))))
    assert propose([path]) == TOP + """\
benchmark: run  # CHECK: its name
where: "id != `null`"  # records of another kind are there
fields:
  item_id: id  # 2 of 2 rows, 2 values, e.g. "q0"
  model_name: model  # 2 of 2 rows, always "m"
  user_text: question  # 2 of 2 rows, 2 values, e.g. "What is 0?"
  assistant_text: answer  # 2 of 2 rows, always "4"
  expected: gold  # 2 of 2 rows, always "4"
  judge_reasoning: grade.why  # 2 of 2 rows, always "says 4"
  scores:
    grade: {at: grade.verdict, pass: CORRECT}  # met: "CORRECT" 1, "INCORRECT" 1
expected: {rows: total, pass_rate: accuracy}  # the file says so itself
# Not used:
#   no: str, 2 rows, e.g. "yes"
"""


def test_levels_and_a_guessed_threshold(tmp_path):
    path = put(tmp_path, "r/gpt-4o.json", {"suite": "sums", "results": [
        {"question": f"{n}+{n}", "expected": n, "completions": [
            {"response": f"{n}", "score": 1.0}, {"response": "?", "score": 0.25}]}
        for n in range(3)]})
    assert propose([path]) == TOP + """\
benchmark: sums  # CHECK: its name
from_path: '/(?P<model>[^/_]+)\\.json$'  # 1 file, e.g. "r/gpt-4o.json"; \
CHECK: is it the model there?
each: {row: "@", result: "results[]", completion: "completions[]"}  # 6 rows looked at
fields:
  item_id: question  # CHECK: there is no id; the question is the item; 6 of 6 rows, 3 values, \
e.g. "0+0"
  task: suite  # 6 of 6 rows, always "sums"
  user_text: question  # 6 of 6 rows, 3 values, e.g. "0+0"
  assistant_text: response  # 6 of 6 rows, 4 values, e.g. "0"
  expected: expected  # 6 of 6 rows, 3 values, e.g. 0
  scores:
    score: {at: score, at_least: 0.5}  # CHECK: the threshold is a guess; met: 1.0 3, 0.25 3
# CHECK: 3 of 6 rows repeat an item: they count as further trials of it, in their order
"""


def test_a_table_with_decimal_commas(tmp_path):
    path = tmp_path / "meine.csv"
    path.write_text("Nr;Frage;Antwort;richtig?;Punkte;on\n1;eins?;1;ja;0,9;a\n2;zwei?;3;nein;0,1;b\n"
                    "3;drei?;3;ja;0,8;c\n")
    assert propose([path]) == TOP + """\
benchmark: meine  # CHECK: its name
fields:
  item_id: Nr  # 3 of 3 rows, 3 values, e.g. 1
  user_text: Frage  # 3 of 3 rows, 3 values, e.g. "eins?"
  assistant_text: Antwort  # 3 of 3 rows, 2 values, e.g. 1
  scores:
    richtig: {at: "richtig?", pass: ja}  # met: "ja" 2, "nein" 1
# Not used:
#   Punkte: float, 3 rows, e.g. 0.9
#   on: str, 3 rows, e.g. "a"
"""


@pytest.mark.parametrize(("values", "rule"), [
    ([True, False], "v"), (["True", "False"], {"at": "v", "pass": "True"}),
    (["yes", "no"], {"at": "v", "pass": "yes"}), ([1, 0], {"at": "v", "at_least": 1}),
    (["C", "I", "P", "N"], {"at": "v", "pass": "C"}),
    (["pass", "fail", "error", "timeout"], {"at": "v", "pass": "pass", "unjudged": "error"}),
    ([0.2, 0.9, -1], {"at": "v", "unjudged": -1, "at_least": 0.5}),
    ([20, 95], {"at": "v", "at_least": 50}), (["3", "5"], {"at": "v", "at_least": 4}),
])
def test_verdicts_keep_their_spelling(tmp_path, values, rule):
    path = put(tmp_path, "r.jsonl", *({"id": f"i{n}", "score": value}
                                      for n, value in enumerate(values)))
    place = drafted(path)["fields"]["scores"]["score"]
    assert place == (json.loads(json.dumps(rule).replace('"v"', '"score"')))


def test_what_repeats_an_item(tmp_path):
    rows = [{"id": item, "response": f"{item}{epoch}", "passed": epoch == 1, "epoch": epoch}
            for item in "abc" for epoch in (1, 2)]
    assert drafted(put(tmp_path, "e.jsonl", *rows))["trial_of"] == "epoch"
    rows = [{"id": item, "response": item, "passed": name == "x", "filter": name}
            for name in "xy" for item in "abc"]
    assert drafted(put(tmp_path, "f.jsonl", *rows))["grading_of"] == {"at": "filter",
                                                                     "record": "x"}


def test_maps_and_parallel_lists(tmp_path):
    status = [["success", []], ["failed", []]]
    assert drafted(put(tmp_path, "m.json", {"eval": {
        f"T/{n}": {"base": status, "plus": status[::-1]} for n in range(3)}})) == {
        "benchmark": "m",
        "each": {"row": "@", "entry": "items(row.eval)",
                 "answer": "zip({base: entry.value.base, plus: entry.value.plus})"},
        "fields": {"item_id": "key", "scores": {
            "base": {"at": "base[0]", "pass": "success"},
            "plus": {"at": "plus[0]", "pass": "success"}}}}


def test_models_that_are_keys_and_checks(tmp_path):
    draft = drafted(put(tmp_path, "m.jsonl", *({
        "question": f"q{n}", "6b": {"is_correct": True, "solution": f"{n}a"},
        "175b": {"is_correct": False, "solution": f"{n}b"}} for n in range(9))))
    assert draft["each"] == {"row": "@",
                             "entry": "items(row)[?value.is_correct != `null`]"}
    assert draft["fields"]["model_name"] == "key"
    assert draft["fields"]["scores"] == {"is_correct": "value.is_correct"}
    stats = [{"name": {"name": "num_tokens"}, "mean": 9.0}, {"name": {"name": "exact_match"},
                                                             "mean": 1.0}]
    assert drafted(put(tmp_path, "h.json", [{"instance_id": f"i{n}", "stats": stats}
                                            for n in range(3)]))["checks"] == {
        "list": "stats", "name": "name.name", "value": "mean", "at_least": 1,
        "only": "exact_match"}


def test_messages_under_other_names(tmp_path):
    talk = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yo"}]
    fields = drafted(put(tmp_path, "t.jsonl", *(
        {"id": f"i{n}", "talk": talk, "ok": True} for n in range(3))))["fields"]
    assert fields["messages"] == {"at": "talk", "role": "from", "content": "value"}
    assert fields["assistant_text"] == "last(talk[?from=='gpt'].value)"


def test_files_that_belong_together(tmp_path):
    predictions = put(tmp_path, "preds.jsonl", *(
        {"instance_id": f"a-{n}", "model_patch": "diff"} for n in range(3)))
    report = put(tmp_path, "report.json", {
        "total_instances": 3, "completed_ids": ["a-0", "a-1"], "resolved_ids": ["a-0"],
        "unresolved_ids": ["a-1"], "error_ids": ["a-2"]})
    draft = drafted(report, predictions)
    assert draft["join"] == [{"name": "verdict", "files": "report.json", "on": "instance_id",
                              "ids": ["resolved_ids", "unresolved_ids", "error_ids"]}]
    assert draft["fields"]["scores"] == {"resolved": {
        "at": "verdict", "pass": ["resolved_ids"], "unjudged": ["error_ids"]}}


def test_a_file_of_failures_beside_all_answers(tmp_path):
    put(tmp_path, "s/score.json", {"total_count": 3, "correct_count": 2}, {
        "id": 2, "valid": False, "error_type": "decoder", "prompt": {"id": "x_1", "question": "q"},
        "model_name": "m"}, {"id": 3, "valid": False, "error_type": "other", "prompt": {
            "id": "x_2", "question": "q2"}, "model_name": "m"})
    put(tmp_path, "s/result.json", *({"id": f"x_{n}", "result": f"f({n})"} for n in range(5)))
    draft = drafted(tmp_path)
    assert draft["join"] == [{"name": "failure", "files": "score.json", "key": "prompt.id",
                              "on": "id"}]
    assert draft["fields"]["scores"] == {"valid": "failure == `null`"}
    assert draft["fields"]["model_name"] == {"value": "m"}


def test_a_single_failure_beside_all_answers(tmp_path):
    put(tmp_path, "score/m/x_score.json", {"accuracy": 2 / 3, "total_count": 3}, {
        "id": "x_1", "valid": False, "error_type": "other", "model_name": "m"})
    put(tmp_path, "result/m/x_result.json", *({"id": f"x_{n}", "result": f"f({n})"}
                                              for n in range(3)))
    assert drafted(tmp_path)["join"] == [{
        "name": "failure", "files": "../../score/m/x_score.json", "key": "id", "on": "id"}]
    assert counted(tmp_path) == {"m": [2, 1, 0]}


def test_models_in_folders(tmp_path):
    for model in ("m-a", "m-b", "m-c"):
        put(tmp_path, f"{model}/results.json", {"results": [{"id": "t", "ok": True},
                                                            {"id": "u", "ok": False}]})
    assert drafted(tmp_path)["from_path"] == r"(?P<model>[^/]+)/[^/]+\.json$"


def test_a_word_for_bad_is_no_dimension(tmp_path):
    path = put(tmp_path, "r.jsonl", *(
        {"instance_id": f"i{n}", "model": "m", "report": {
            "empty_generation": n == 2, "resolved": n < 2, "test_timeout": n == 3}}
        for n in range(4)))
    assert drafted(path)["fields"]["scores"] == {"resolved": "report.resolved"}
    assert counted(path) == {"m": [2, 2, 0]}


def test_a_maker_of_models_is_no_model(tmp_path):
    for model in ("x-5", "x-4"):
        put(tmp_path, f"{model}/hello/result.json", {
            "task_name": "hello", "agent_info": {"name": "cc", "model_info": {
                "name": model, "provider": "openai"}}, "reward": float(model == "x-5")})
    assert drafted(tmp_path)["fields"]["model_name"] == "agent_info.model_info.name"
    assert counted(tmp_path) == {"x-4": [0, 1, 0], "x-5": [1, 0, 0]}
    path = put(tmp_path, "p.jsonl", *({"id": f"i{n % 3}", "provider": f"p{n // 3}", "ok": True}
                                      for n in range(6)))
    assert lines_of(path, "model_name")[0].startswith(
        "  model_name: provider  # CHECK: the model, or who offers it?")


@pytest.mark.parametrize(("names", "said", "main"), [
    (("acc", "acc_norm"), None, "acc"), (("acc", "acc_norm"), ["acc_norm", "acc"], "acc_norm"),
    (("exact_match,flexible", "exact_match"), None, "exact_match"),
    (("prompt_level_loose_acc", "prompt_level_strict_acc"), None, "prompt_level_strict_acc")])
def test_of_metrics_of_one_answer_one_counts(tmp_path, names, said, main):
    values = [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)]
    path = put(tmp_path, "r.jsonl", *(
        {"doc_id": n, "model": "m", **dict(zip(names, pair, strict=True)),
         **({"metrics": said} if said else {})} for n, pair in enumerate(values)))
    scores = drafted(path)["fields"]["scores"]
    assert [place["at"] for place in scores.values()] == [main]
    assert counted(path) == {"m": [2, 2, 0]}
    text = propose([path])
    assert "CHECK: of several metrics of one answer, is this the one that counts?" in text
    assert "CHECK: another metric of the same answer, in its place" in text


def test_events_with_scores_are_rows(tmp_path):
    path = put(tmp_path, "exp.json", {"events": [
        {"id": f"e{n}", "input": f"q{n}", "output": "o", "metadata": {"model": "m"},
         "scores": {"Factuality": int(n != 2), "ExactMatch": int(n in (0, 3))}}
        for n in range(4)]})
    draft = drafted(path)
    assert draft["each"] == {"row": "@", "event": "events[]"}
    assert draft["fields"]["scores"] == {
        "factuality": {"at": "scores.Factuality", "at_least": 1},
        "exact_match": {"at": "scores.ExactMatch", "at_least": 1}}
    assert counted(path) == {"m": [2, 2, 0]}


def test_attempts_are_trials_of_what_they_are_in(tmp_path):
    path = put(tmp_path, "a.json", {item: [{
        "attempt_1": {"answer": [[1]], "correct": False},
        "attempt_2": {"answer": [[2]], "correct": item == "007b"}}] for item in ("007b", "00d6")})
    draft = drafted(path)
    assert (draft["fields"]["item_id"], draft["trial_of"]) == ("entry.key", "key")
    assert lines_of(path, "trial_of")[0].startswith(
        "trial_of: key  # CHECK: each counts; or is one that passes enough?")
    assert counted(path) == {"a": [1, 3, 0]}


@pytest.mark.parametrize(("values", "line"), [
    (["CORRECT", "INCORRECT", "NOT_ATTEMPTED"],
     "    grade: {at: grade, pass: CORRECT}  # CHECK: 'NOT_ATTEMPTED' fails, or is unjudged?"),
    (["C", "I", "P"], "    grade: {at: grade, pass: C}  # CHECK: 'P' fails, or is unjudged?"),
    (["pass", "fail", "error"], "    grade: {at: grade, pass: pass, unjudged: error}  # CHECK: "
                                "'error' is unjudged, or a failure?"),
    (["8", "3", "N/A"], '    grade: {at: grade, unjudged: N/A, at_least: 7}  # CHECK: the '
     "threshold is a guess; the numbers go from 3 to 8; CHECK: 'N/A' is unjudged, or a failure?")])
def test_words_that_may_be_neither_are_told(tmp_path, values, line):
    path = put(tmp_path, "r.jsonl", *({"id": n, "model": "m", "grade": value}
                                      for n, value in enumerate(values)))
    assert lines_of(path, "grade:") == [line]
    assert sum(counted(path)["m"]) == 3


def test_an_aggregate_is_no_row(tmp_path):
    path = put(tmp_path, "all.json", {"score": 0.5, "metrics": {"score": 0.5}})
    assert "scores" not in drafted(path)["fields"]
    assert "  # CHECK: an aggregate is no row; give the file in which each item has its own " \
           "score:" in propose([path])
    path = put(tmp_path, "run.json", {"accuracy": 0.5, "results": [
        {"id": "a", "ok": True}, {"id": "b", "ok": False}]})
    assert counted(path) == {"run": [1, 1, 0]}


def test_of_records_of_several_metrics_those_of_one(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("id,name,dataType,value,traceId\n1,right,BOOLEAN,1,t1\n2,right,BOOLEAN,0,t2\n"
                    "3,toxicity,NUMERIC,0.1,t1\n4,toxicity,NUMERIC,0.9,t2\n")
    assert lines_of(path, "where") == ["where: \"name == 'right'\"  # CHECK: records of one of "
                                       "several metrics"]
    assert drafted(path)["fields"]["item_id"] == "traceId"
    assert counted(path) == {"scores": [1, 1, 0]}


def test_a_file_for_each_item(tmp_path):
    for model, passed in (("a", "01"), ("b", "1")):
        for n in "012":
            put(tmp_path, f"{model}/p__x-{n}/report.json", {f"p__x-{n}": {
                "patch_exists": True, "resolved": n in passed, "tests_status": {}}})
    draft = drafted(tmp_path)
    assert draft["each"] == {"row": "@", "entry": "items(row)"}
    assert (draft["fields"]["item_id"], draft["fields"]["scores"]) == (
        "key", {"resolved": "value.resolved"})
    assert counted(tmp_path) == {"a": [2, 1, 0], "b": [1, 2, 0]}


def test_of_steps_the_last(tmp_path):
    for model, rewards in (("m1", (1, 0)), ("m2", (0, 0))):
        for n, reward in enumerate(rewards):
            put(tmp_path, f"{model}/web/id{n}/traj.jsonl", *(
                {"step_num": step, "action": "a", "reward": reward * (step == 2),
                 "done": step == 2} for step in (1, 2)))
    draft = drafted(tmp_path)
    assert (draft["where"], draft["fields"]["item_id"]) == ("done == `true`", "file.item")
    assert counted(tmp_path) == {"m1": [1, 1, 0], "m2": [0, 2, 0]}


def test_a_german_table(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("Fall-ID;Modell;Bewertung;Korrekt\n1;Ä;0,85;ja\n2;Ä;0,40;nein\n3;Ä;0,9;Ja\n"
                    "4;Ä;;k.A.\n", encoding="utf-8")
    fields = drafted(path)["fields"]
    assert (fields["item_id"], fields["model_name"]) == ("Fall-ID", "Modell")
    assert fields["scores"] == {"korrekt": {"at": "Korrekt", "pass": ["ja", "Ja"],
                                            "unjudged": "k.A."}}
    assert counted(path) == {"Ä": [2, 1, 1]}


def test_verdicts_beside_answers_of_several_models(tmp_path):
    models = ("m", "n")
    put(tmp_path, "res.jsonl", *({"id": f"q{n}", "model": model, "answer": f"{model}{n}"}
                                 for model in models for n in range(4)))
    put(tmp_path, "judge.jsonl", *(
        {"id": f"q{n}", "model": model, "correct": n < 3 - (model == "n")}
        for model in models for n in range(4)))
    draft = drafted(tmp_path)
    assert draft["join"] == [{"name": "record", "files": "res.jsonl", "key": "[id, model]",
                              "on": "[id, model]"}]
    assert draft["fields"]["assistant_text"] == "record.answer"
    assert counted(tmp_path) == {"m": [3, 1, 0], "n": [2, 2, 0]}


def test_an_answer_beside_the_right_one(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("question_id,question,answer,pred\n70,q1,A,A\n71,q2,B,A\n72,q3,J,\n")
    assert lines_of(path, "correct:") == [
        '    correct: "pred == answer"  # CHECK: nothing in it says right or wrong; are equal '
        "answers right?"]
    assert counted(path) == {"r": [1, 2, 0]}


def test_a_verdict_in_the_output_where_nothing_else_judges(tmp_path):
    path = put(tmp_path, "r.jsonl", *(
        {"index": n, "model": "m", "output": {"status": "completed", "result": {"result": result}}}
        for n, result in enumerate((True, False, None))))
    assert lines_of(path, "result:") == [
        "    result: {at: output.result.result, optional: true}  # CHECK: is it this that says "
        "right or wrong?; CHECK: 1 of 3 rows have none and are not judged"]
    assert counted(path) == {"m": [1, 1, 1]}


HOSTILE = st.sampled_from((
    "yes", "on", "null", "1", "a: b", "# c", "a.b", "x,y", "é", "\n- evil: 1", "\u2028", "\ufffe",
    "\ud800", "'", '"', "{{", "[0]", "key", "value", "row", "id", "items(@)", "&a", "*a", "!t",
    "%", "\x00", "\x85", "score", "messages", "correct", "response", "question", " ", "😀"))
NAMES = st.one_of(HOSTILE, st.text(max_size=8))
SCALARS = st.one_of(NAMES, st.booleans(), st.none(), st.integers(-9, 10**20), st.floats(
    allow_nan=False, allow_infinity=False))
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)), max_leaves=12)


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(NAMES, VALUES, min_size=1, max_size=6), min_size=1, max_size=5))
def test_a_draft_is_yaml_whatever_stands_in_the_file(rows):
    with tempfile.TemporaryDirectory() as folder:
        repeated = [row for row in rows for _ in range(2)]
        for path in (put(Path(folder), "r.jsonl", *repeated),
                     put(Path(folder), "d.json", {"results": repeated})):
            text = propose([path])
            draft = yaml.safe_load(text)
            assert isinstance(draft, dict) and "item_id" in draft["fields"]
            yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            assert all(char.isprintable() or char == "\n" for char in text)


@settings(max_examples=500)
@given(SCALARS.filter(lambda value: not isinstance(value, str) or can_be_written(value)))
def test_a_value_keeps_its_type(value):
    for in_flow in (False, True):
        text = f"k: [{scalar(value, True)}]" if in_flow else f"k: {scalar(value)}"
        for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            read = yaml.load(text, loader)["k"]
            read = read[0] if in_flow else read
            assert read == value and (type(read) is type(value) or isinstance(value, float))


@pytest.mark.parametrize("content", [b"", b"no json", b"[1, 2]", b'"text"', b"{}", b"[]"])
def test_without_records_it_says_so(tmp_path, content):
    path = tmp_path / "r.json"
    path.write_bytes(content)
    assert "CHECK: no records in it" in propose([path])
