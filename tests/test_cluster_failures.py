"""cluster_failures.py: which rule labels a row, and what the rules are told about themselves."""

import json
import re
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from failure_analysis import clean, user_files
from failure_analysis.files import Refusal
from failure_analysis.packet import failure_class, heuristics, rule_file
from make_runs import judged, read_jsonl, turn


@pytest.fixture
def cluster(run_script, tmp_path):
    """`cluster(rows, rules=None)`: packet and clusters of one run; returns the folder."""

    def run(rows, rules=None):
        out = tmp_path / "out"
        judged(tmp_path / "r", rows)
        built = run_script("build_packet.py", "--run-dir", tmp_path / "r", "--output-dir", out)
        assert built.returncode == 0, built.stderr
        args = []
        if rules:
            (tmp_path / "rules.yaml").write_text(rules)
            args = ["--rules", tmp_path / "rules.yaml"]
        done = run_script("cluster_failures.py", out, *args)
        assert done.returncode == 0, done.stderr
        return out

    return run


def default_mode(**row):
    """The mode that the default rules give a row."""
    row = {"benchmark": "judged-runs", "failed_dimensions": ["instruction_following"], **row}
    rules = heuristics.of_benchmark(heuristics.load(heuristics.DEFAULT_RULES), row["benchmark"])
    met = heuristics.hits(row, rules)
    return met[0].mode if met else heuristics.OTHER


@pytest.mark.parametrize(("words", "mode"), [
    ("The assistant ended the session although work was left.", "premature_end_session"),
    ("No response was given.", "empty_response"),
    ("Two talks were requested but it only added one of them; a batch request was needed.",
     "partial_multi_tool_execution"),
    ("A multi-step tool sequence was expected and the second call is missing.",
     "partial_multi_tool_execution"),
    ("It asked for the name again; it should remember what was already provided earlier.",
     "state_memory_failure"),
    ("The request was ambiguous and no clarification was sought.", "ambiguity_handling_failure"),
    ("The request was not ambiguous; the reply has a factual error.", "knowledge_grounding_error"),
    ("The reply contains a factual error: a hallucinated room number.",
     "knowledge_grounding_error"),
    ("A function call was expected but it did not call the tool.",
     "tool_or_action_selection_error"),
    ("The wording is unhelpful.", "other"),
])
def test_default_rules_on_what_judges_say(words, mode):
    assert default_mode(judge_reasoning=words, assistant_text="Hello.", tool_calls=[]) == mode


@pytest.mark.parametrize(("row", "mode"), [
    ({"assistant_text": "[MODEL_ENDED_SESSION_EARLY]"}, "premature_end_session"),
    ({"assistant_text": "[EMPTY_RESPONSE: none]"}, "empty_response"),
    ({"termination": "length"}, "truncated_response"),
    ({"assistant_text": "Could you please confirm your name?", "tool_calls": []},
     "state_memory_failure"),
    ({"assistant_text": "I've submitted it!", "tool_calls": [],
      "failed_dimensions": ["tool_use_correct"]}, "false_claim_of_completion"),
    ({"assistant_text": "I've submitted it!", "tool_calls": [{"name": "submit"}],
      "failed_dimensions": ["tool_use_correct"]}, "tool_or_action_selection_error"),
    ({"failed_dimensions": ["kb_grounding", "state_tracking"]}, "state_memory_failure"),
    ({"failed_dimensions": ["kb_grounding"]}, "knowledge_grounding_error"),
])
def test_default_rules_on_what_the_answer_looks_like(row, mode):
    assert default_mode(**row) == mode


# Rows of a benchmark that no rule names: an answer, how it ended, a grader's words.
PLAIN = {
    "empty_response": [
        {"assistant_text": ""}, {"assistant_text": " \n\t"},
        {"assistant_text": "", "messages": [{"role": "user", "content": "Hi"}]},
        {"assistant_text": None, "tool_calls": []},
        {"assistant_text": None, "messages": [{"role": "assistant", "content": " "}]},
        {"assistant_text": None, "completion_tokens": 0},
        {"assistant_text": "", "judge_reasoning": "could not extract answer"}],
    "model_refusal": [
        {"assistant_text": "I'm sorry, but I can't help with that."},
        {"assistant_text": "I\u2019m sorry, but I can\u2019t assist with that request."},
        {"assistant_text": "I cannot assist you with this."},
        {"assistant_text": "Sorry, I can't comply."},
        {"assistant_text": "I\u2019m unable to provide instructions for this."},
        {"assistant_text": "As an AI language model, I cannot create such content."},
        {"assistant_text": "I won't help with this."}, {"assistant_text": "I must decline."},
        {"assistant_text": None, "termination": "refusal"}],
    "content_filtered": [
        {"assistant_text": "", "termination": "content_filter"},
        {"assistant_text": None, "termination": "FinishReason.SAFETY"},
        {"termination": "blocked"},
        {"judge_reasoning": "400: the response was filtered due to Azure OpenAI's content "
                            "management policy"}],
    "time_limit": [
        {"termination": "timeout"}, {"termination": "agent_timeout"},
        {"termination": "Agent Timeout"}, {"termination": "timed out", "assistant_text": ""},
        {"judge_reasoning": "failed: timed out"}, {"judge_reasoning": "Execution timed out."},
        {"judge_reasoning": "subprocess.TimeoutExpired: after 30 s"}],
    "truncated_response": [
        {"termination": "length", "assistant_text": ""}, {"termination": "MAX_TOKENS"},
        {"termination": "max_output_tokens"}, {"termination": "truncated"}],
    "harness_error": [
        {"assistant_text": None, "termination": "error", "judge_reasoning":
         "Traceback (most recent call last): ConnectionError: 503"},
        {"termination": "infrastructure_error"}, {"termination": "api_error"},
        {"termination": "error"}, {"assistant_text": "", "termination": "error"},
        {"signals": [{"kind": "harness_error", "text": "x"}]},
        {"judge_reasoning": "openai.RateLimitError: Error code: 429 - {'error': 'slow'}"},
        {"judge_reasoning": "Error: HTTP 502"},
        {"assistant_text": "API Error: 529 overloaded"},
        {"assistant_text": "429 Too Many Requests"},
        {"judge_reasoning": "Traceback (most recent call last):\n  File \"/srv/score.py\", line 3, "
                            "in grade\nKeyError: 'gold'"}],
    "answer_not_parsed": [
        {"judge_reasoning": "ast_decoder:decoder_failed"},
        {"judge_reasoning": "Invalid syntax. Failed to decode AST."},
        {"judge_reasoning": "Failed to parse the model's answer."},
        {"judge_reasoning": "The output is invalid JSON."},
        {"judge_reasoning": "could not extract answer"},
        {"judge_reasoning": "The response could not be parsed."}],
    "required_output_missing": [
        {"judge_reasoning": "def test_a():\n>   assert p.exists()\nE   AssertionError: File "
                            "/app/a.txt does not exist\nE   assert False"},
        {"judge_reasoning": "test_b - FileNotFoundError: [Errno 2] No such file: 'b': failed"}],
    "test_assertion_failed": [
        {"judge_reasoning": "=== FAILURES ===\n>   assert x == 3\nE   assert 2 == 3"},
        {"judge_reasoning": "test_bucket - AssertionError: Bucket is not public: failed"}],
    "code_exception": [
        {"judge_reasoning": "E   TypeError: bad operand type\n=== short test summary info ==="},
        {"judge_reasoning": "failed: invalid syntax (<string>, line 3)"},
        {"judge_reasoning": "SyntaxError: bad"},
        {"judge_reasoning": "failed: name 'x' is not defined"},
        {"judge_reasoning": "Test 3 failed: AssertionError"},
        {"judge_reasoning": "exit code 1\n  builtins.NameError: x"},
        {"judge_reasoning": "Compilation error"},
        {"assistant_text": "def f():\n    return g()", "termination": "error", "judge_reasoning":
         "Traceback (most recent call last):\n  File \"/tmp/a.py\", line 2\nTypeError: g"},
        {"judge_reasoning": "Traceback (most recent call last):\n  File \"<string>\", line 2\n"
                            "requests.exceptions.ConnectionError"}],
    "other": [
        {}, {"assistant_text": None}, {"assistant_text": "", "tool_calls": [{"name": "book"}]},
        {"assistant_text": "", "messages": [
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}]},
        {"assistant_text": "", "messages": [{"role": "assistant", "content": "It is 4."}]},
        {"assistant_text": None, "termination": "tool_calls", "messages": [{"role": "user"}]},
        {"assistant_text": "I cannot help until you give me a number."},
        {"assistant_text": "I'm sorry for the delay. The answer is 4."},
        {"assistant_text": "Sorry, I can't find 4 in it; it is 5."},
        {"assistant_text": "To help with that I cannot use the second formula."},
        {"assistant_text": "The API error codes are 404 and 500."},
        {"judge_reasoning": "The tool said HTTP 500 and the agent booked nothing."},
        {"judge_reasoning": "After the tool timed out it booked another seat."},
        {"judge_reasoning": "It read the TypeError of the tool as a success."},
        {"judge_reasoning": "The page shows `ValueError` and it went on."},
        {"judge_reasoning": "TypeError: bad date", "tool_calls": [{"name": "book"}]},
        {"judge_reasoning": "It could not parse the intention of the user."},
        {"termination": "stop"}, {"termination": "max_steps"}],
}


@pytest.mark.parametrize(("row", "mode"), [
    (row, mode) for mode, rows in PLAIN.items() for row in rows])
def test_default_rules_that_need_no_format(row, mode):
    row = {"assistant_text": "The answer is 5.", "judge_reasoning": "Wrong.", **row}
    assert default_mode(benchmark="mine", failed_dimensions=["ok"], **row) == mode


def test_why_an_answer_failed_is_in_the_row(run_script, build, real_runs):
    """Eight failing rows in eight modes, `other` none of them."""
    (folder,) = (real_runs / "wild-inputs").glob("33*")
    _, out = build("--input", folder / "r.jsonl", "--mapping", folder / "benchmark.yaml")
    assert run_script("cluster_failures.py", out).returncode == 0
    assert {row["item_id"]: row["error_mode_candidate"]
            for row in read_jsonl(out / "failure_review_rows.jsonl")} == {
        "a": "empty_response", "b": "truncated_response", "c": "content_filtered",
        "d": "model_refusal", "e": "harness_error", "f": "time_limit",
        "g": "answer_not_parsed", "h": "code_exception"}


@pytest.mark.parametrize(("kinds", "more", "mode"), [
    (["missing_action", "unexpected_transfer"], {}, "needless_transfer"),
    (["wrong_arguments", "extra_write"], {}, "wrong_arguments"),
    (["wrong_lookup_arguments"], {"scores": {"DB": False}}, "wrong_database_state"),
    (["missing_action"], {"messages": [{"role": "assistant", "content": "I'm unable to."}]},
     "policy_refusal"),
    (["missing_action"], {"messages": []}, "missing_required_action"),
    (["extra_write"], {}, "extra_write_action"),
    (["not_communicated"], {}, "information_not_communicated"),
    (["tool_errors_in_a_row"], {}, "tool_errors_in_a_row"),
    ([], {"termination": "max_steps"}, "step_limit"),
])
def test_default_rules_on_tau_signals(kinds, more, mode):
    signals = [{"kind": kind, "count": 3} for kind in kinds]
    assert default_mode(benchmark="tau2-bench-airline", signals=signals,
                        failed_dimensions=["DB"], **more) == mode


@pytest.mark.parametrize("signals", [None, 3, "missing_action", {"kind": "missing_action"},
                                     ["missing_action"], [{"kind": ["missing_action"]}], [None]])
def test_signals_of_another_shape_are_no_signals(signals):
    """A judged row may bring a field of this name from elsewhere."""
    assert default_mode(benchmark="tau2-bench-airline", signals=signals, tool_calls=[{}]) == "other"


SEARCHED = sorted({value for rule in yaml.safe_load(
    heuristics.DEFAULT_RULES.read_text(encoding="utf-8"))["rules"]
    for tests in ("any", "all", "none") for test in rule.get(tests) or ()
    if "regex" in test for value in [test["regex"]]} | {
    r"\bno|yes", r"^no|yes", r"^(a|b)\W*c", r"\b(a|b)c|d",
    r"\b[|]x", r"\b\|x", r"\b\(no", r"\bno\b", r"\b['\"]x"})
PIECES = sorted({piece for source in SEARCHED for piece in re.findall(r"[a-z']+|\W", source)})


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from([" ", "é", "_", "\n", "x"])),
                max_size=30).map("".join))
@settings(max_examples=150)
def test_a_search_finds_what_the_plain_pattern_finds(text):
    for source in SEARCHED:
        assert bool(heuristics.searcher(source)(text)) == bool(re.search(source, text)), source


@pytest.mark.parametrize(("value", "mode"), [
    ("ast_decoder:decoder_failed", "ast_decoder_decoder_failed"),
    ("Agent Timeout", "agent_timeout"),
    ("  D\u00e9lai d\u00e9pass\u00e9 ", "delai_depasse"), (3, "class_3"), ("503", "class_503"),
    (["a", "B"], "a_b"), ("\u8d85\u65f6", "class_a68efd5d"), ("\u7f51\u7edc", "class_01e13043"),
    ("API \u8d85\u65f6", "api_fe1e1437"), ("x" * 60, "x" * 60), ("\ufdfa" * 9, "class_8625a410"),
    ("7" + "x" * 59, "class_7" + "x" * 44 + "_2ac9d51e"),
    *((value, None) for value in ("", " ", "none", "None", "unset", "no_error", "No error", "N/A",
                                  "NaN", "unknown", "-", "\u2014", "[]", None, False, 0, [], {},
                                  "x" * 61, "one two three four five six seven eight nine"))])
def test_a_failure_class_as_a_mode(value, mode):
    assert failure_class.mode_of(value) == mode


def test_the_cause_that_the_file_names_comes_before_any_rule(cluster, run_script):
    rows = [turn(0, False, judge_reasoning="It forgot.", failure_class="Agent Timeout"),
            turn(1, False, judge_reasoning="It forgot.", failure_class="no_error"),
            turn(2, False, judge_reasoning="Bad.", failure_class={"kind": "tool:refused"}),
            turn(3, False, judge_reasoning="Bad.", failure_class="It was slow, and then. " * 5,
                 scores={"tone": False})]
    out = cluster(rows)
    packet = read_jsonl(out / "failure_review_rows.jsonl")
    assert [(row["error_mode_candidate"], row["error_mode_rule"]) for row in packet] == [
        ("agent_timeout", "failure_class"), ("state_memory_failure", "judge_says_asked_again"),
        ("kind_tool_refused", "failure_class"), ("other", "no_rule")]
    result = json.loads((out / "clusters.json").read_text())
    assert {mode["mode"]: mode["rules"] for mode in result["modes"]}["agent_timeout"] == {
        "failure_class": 1}
    assert {"labelled_by": "failure_class", "also_met": "judge_says_asked_again",
            "rows": 1} in result["overlaps"]
    assert "1 rows, by `failure_class` (1)." in (out / "clusters.md").read_text()
    known = json.loads((out / "facts.json").read_text())
    assert known["mode/agent_timeout"] == known["mode/kind_tool_refused/model-a"] == 1
    assert heuristics.again(out) == (result, [])


def test_rows_relabelled_by_a_failure_class_pass_the_check(run_script, analyse, tmp_path):
    folder = analyse("--run-dir", judged(tmp_path / "r", [
        turn(0), turn(1, False, failure_class="Agent Timeout", judge_reasoning="It forgot.")]))
    done = run_script("check_report.py", folder, "--rerun-inputs")
    assert "unreviewed_model: model-a" in done.stdout
    assert "wrong_" not in done.stdout


def test_labels_stand_in_both_files_and_in_the_counts(cluster):
    rows = [turn(0, False, judge_reasoning="It forgot the name."), turn(1),
            turn(2, False, judge_reasoning="Bad tone.", scores={"tone": False}),
            turn(3, False, judge_reasoning="It forgot, and hallucinated a room.")]
    out = cluster(rows)
    packet = read_jsonl(out / "failure_review_rows.jsonl")
    assert [(row["error_mode_candidate"], row["error_mode_rule"]) for row in packet] == [
        ("state_memory_failure", "judge_says_asked_again"), ("other", "no_rule"),
        ("state_memory_failure", "judge_says_asked_again")]
    table = list(clean.read_csv(out / "failure_review_rows.csv"))
    assert [row["error_mode_candidate"] for row in table] == [
        row["error_mode_candidate"] for row in packet]
    result = json.loads((out / "clusters.json").read_text())
    assert result["provisional"] is True
    assert [(mode["mode"], mode["rows"]) for mode in result["modes"]] == [
        ("other", 1), ("state_memory_failure", 2)]
    assert result["other_share"] == 0.3333
    assert {"labelled_by": "judge_says_asked_again", "also_met": "judge_says_wrong_fact",
            "rows": 1} in result["overlaps"]
    assert "marker_no_answer" in result["never_met"]
    page = (out / "clusters.md").read_text()
    assert "**Provisional.**" in page
    assert page.index("`other`") < page.index("`state_memory_failure`")
    known = json.loads((out / "facts.json").read_text())
    assert known["mode/state_memory_failure/model-a"] == 2
    assert known["failed_rows"] == 3


def test_the_packet_line_changes_only_in_its_labels(cluster, tmp_path):
    out = cluster([turn(0, False, judge_reasoning="It forgot.")])
    line = (out / "failure_review_rows.jsonl").read_bytes()
    source = (tmp_path / "r" / "openai_judged.jsonl").read_bytes()
    assert line.startswith(source.rstrip()[:-1])
    assert line.endswith(b'"error_mode_candidate": "state_memory_failure", '
                         b'"error_mode_rule": "judge_says_asked_again"}\n')


def test_clustering_again_with_other_rules_replaces_everything(cluster, run_script, tmp_path):
    out = cluster([turn(0, False, judge_reasoning="It forgot.")])
    (tmp_path / "mine.yaml").write_text(
        "rules:\n  - {name: always, mode: my_mode, any: [{field: turn, at_least: 0}]}\n")
    done = run_script("cluster_failures.py", out, "--rules", tmp_path / "mine.yaml")
    assert done.returncode == 0
    assert read_jsonl(out / "failure_review_rows.jsonl")[0]["error_mode_rule"] == "always"
    modes = [key for key in json.loads((out / "facts.json").read_text())
             if key.startswith("mode/")]
    assert modes == ["mode/my_mode", "mode/my_mode/model-a"]


def test_each_kind_of_test(cluster):
    rules = """
rules:
  - {name: by_equals, any: [{field: turn, equals: 0}]}
  - {name: by_start, any: [{field: assistant_text, starts_with: [zz, talk b]}]}
  - {name: by_inside, all: [{field: scores.tool_use_correct, equals: false},
                            {field: tool_calls.count, at_least: 2}]}
  - {name: by_none, any: [{field: turn, above: 2}], none: [{field: turn, above: 3}]}
  - {name: by_dimension, when: {dimension: kb_grounding}}
  - {name: by_format, when: {format: tau2-bench}, any: [{field: turn, at_least: 0}]}
  - {name: by_regex, any: [{field: user_text, regex: '^question \\d\\?$'}]}
"""
    out = cluster([turn(0, False), turn(1, False, assistant_text="Talk B."),
                   turn(2, False, tool_calls=[{}, {}]), turn(3, False),
                   turn(4, True, scores={"kb_grounding": False}), turn(5, False)], rules)
    assert [row["error_mode_rule"] for row in read_jsonl(out / "failure_review_rows.jsonl")] == [
        "by_equals", "by_start", "by_inside", "by_none", "by_dimension", "by_regex"]


RULE = """
  - name: a
    any:
      - field: b
        contains: c"""


WRONG = {
    "no rule": (" []", "1: rules: List should have at least 1 item"),
    "no mapping": (" [3]", "1: rules[0]: Input should be a valid mapping, got 3"),
    "no rules": (" null", "1: rules: Input should be a valid list, got None"),
    "name": (RULE.replace("name: a", "name: Bad Name"),
             "2: rules[0].name: 'Bad Name' is no snake_case word"),
    "no name": (RULE.replace("name: a", "mode: a"), "2: rules[0].name: it is not there"),
    "upper case": (RULE.replace("c", "C").replace("Contains", "contains"),
                   "5: rules[0].any[0].contains[0]: text in lower case is expected, 'C' could"),
    "regex": (RULE.replace("contains: c", "regex: [x, '(']"),
              "5: rules[0].any[0].regex[1]: regex '(': missing )"),
    "kind of test": (RULE.replace("contains", "contians"), "5: rules[0].any[0].contians: "
                     "unknown key; nearest: contains; known are field, signal, contains, "),
    "no field": (RULE.replace("field", "equals"), "4: rules[0].any[0]: a test is {field: …, one"),
    "two kinds": (RULE + "\n        above: 3", "4: rules[0].any[0]: a test is {field: …, one of"),
    "signal alone": (RULE.replace("field: b", "signal: exception"), "4: rules[0].any[0]: a test"),
    "number": (RULE.replace("contains", "above"), "5: rules[0].any[0].above[0]: Input should be a "
               "valid number, got 'c'"),
    "nothing": ("\n  - name: a", "2: rules[0]: a rule needs any, all or when.dimension"),
    "when": (RULE + "\n    when:\n      dimensions: x", "7: rules[0].when.dimensions: unknown key; "
             "nearest: dimension; known are format, dimension"),
    "key": (RULE + "\n    nome: x", "6: rules[0].nome: unknown key; nearest: none; known are name, "
            "mode, when, any, all, none"),
    "key twice": (RULE + "\n        contains: d", "6: the key contains is there twice"),
    "name twice": (RULE + RULE, "1: rules: two rules are called a"),
    "name of no rule": (RULE.replace("name: a", "name: no_rule"),
                        "1: rules: no rule may be called no_rule: so are labels that no rule"),
    "signal": (RULE + "\n      - signal: [exception, missing_acton]",
               "6: rules[0].any[1].signal[1]: no signal missing_acton; nearest: missing_action; "),
    "no list": (RULE.replace("any:\n      - ", "any:\n        "),
                "3: rules[0].any: Input should be a valid list"),
    "YAML": (" [", "2: not valid YAML (did not find expected node content)"),
    "empty text": (RULE.replace("contains: c", "contains: [x, '']"),
                   "5: rules[0].any[0].contains[1]: an empty text is in every row"),
    "no text": (RULE.replace("contains: c", "contains: []"),
                "5: rules[0].any[0].contains: Value should have at least 1 item"),
    "backspace": (RULE.replace("contains: c", 'regex: "\\bwrong"'), "5: rules[0].any[0].regex[0]: "
                  "'\\x08wrong' has a control character; write a regex in single quotes"),
    "top key": (RULE + "\nrule: 3", "6: rule: unknown key; nearest: rules; known are rules"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_rule_is_named(tmp_path, case):
    path = tmp_path / "rules.yaml"
    rules, message = WRONG[case]
    path.write_text(f"rules:{rules}", encoding="utf-8")
    with pytest.raises(Refusal) as refused:
        heuristics.load(path)
    assert str(refused.value).startswith(f"{path}:{message}")


def test_the_rules_of_the_bundle_hold():
    """A run does not hold them against the model: its import takes time."""
    rules = user_files.load(heuristics.DEFAULT_RULES, rule_file.RuleFile).rules
    assert len(rules) == len(heuristics.load(heuristics.DEFAULT_RULES)) > 30


def test_rules_of_a_user_that_are_never_met_are_named(run_script, build, tmp_path):
    _, out = build("--run-dir", judged(tmp_path / "run", [turn(0, False)]))
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"rules:{RULE}".replace("field: b", "field: user_text").replace(": c", ": zz"))
    assert "never met: a\n" in run_script("cluster_failures.py", out, "--rules", rules).stdout
    assert "never met" not in run_script("cluster_failures.py", out).stdout


TRIED = """
rules:
  - {name: forgets, mode: memory, any: [{field: judge_reasoning, contains: forgot}]}
  - {name: short, mode: style, any: [{field: note.length, below: 5}]}
  - {name: asks, mode: memory, any: [{field: judge_reasoning, contains: again}]}
  - {name: elsewhere, when: {format: tau2-bench}, any: [{field: nowhere, equals: null}]}
"""


@pytest.fixture
def packet(build, tmp_path):
    """A packet of five failing rows, two of them with a key of their own; (folder, rules)."""
    rows = [turn(0, False, judge_reasoning="It forgot.", note={"length": 3}),
            turn(1, False, judge_reasoning="It forgot and asks again."),
            turn(2, False, judge_reasoning="Bad.", note={"length": 4}),
            turn(3, False, judge_reasoning="Bad."),
            turn(4, False, judge_reasoning="It forgot.", failure_class="lost \x1b[31mname")]
    _, out = build("--run-dir", judged(tmp_path / "r", rows))
    rules = tmp_path / "mine.yaml"
    rules.write_text(TRIED)
    return out, rules


def contents(folder):
    """Every file of a folder with its bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_trial_says_what_each_rule_does_and_writes_nothing(run_script, packet):
    out, rules = packet
    before = contents(out)
    done = run_script("cluster_failures.py", out, "--rules", rules, "--try", "--rule", "short")
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()[3:6]] == [
        ["forgets", "memory", "3", "2", "failure_class", "(1)", "r/0"],
        ["short", "style", "2", "1", "forgets", "(1)", "r/0"],
        ["asks", "memory", "1", "0", "r/1"]]
    assert done.stdout.splitlines()[6:] == [
        "5 failing rows: 1 labelled by failure_class, 1 met by no rule; nothing was written",
        "short meets: r/0, r/2", "no rule meets: r/3"]
    assert contents(out) == before
    told = json.loads(run_script("cluster_failures.py", out, "--rules", rules, "--try",
                                 "--json").stdout)
    assert told["rules"][1] == {"rule": "short", "mode": "style", "met": 2, "labelled": 1,
                                "overlaps": {"rule": "forgets", "rows": 1},
                                "examples": ["r/0", "r/2"]}
    assert told["no_rule"] == {"rows": 1, "examples": ["r/3"]}


def test_a_trial_names_the_nearest_rule(run_script, packet):
    out, rules = packet
    done = run_script("cluster_failures.py", out, "--rules", rules, "--try", "--rule", "shrt")
    assert done.returncode == 1
    assert done.stderr == (f"cluster_failures.py: {rules}: no rule shrt for this benchmark; "
                           "nearest: short; known are forgets, short, asks\n")
    assert run_script("cluster_failures.py", out, "--rule", "short").returncode == 2


@pytest.mark.parametrize("more", [[], ["--try"]])
@pytest.mark.parametrize(("field", "near"), [
    ("judge_reasonin", "judge_reasoning"), ("nots.length", "note"),
    ("message.assistant", "messages"), ("tool_cals.count", "tool_calls")])
def test_a_rule_on_a_field_that_no_row_has_is_refused(run_script, packet, field, near, more):
    out, rules = packet
    before = contents(out)
    rules.write_text(TRIED.replace("field: note.length, below: 5", f"field: {field}, below: 5"))
    done = run_script("cluster_failures.py", out, "--rules", rules, *more)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"cluster_failures.py: {rules}: rule short: no row of this packet has a field {field}; "
        f"nearest: {near}; known are datapoint_id, ")
    assert contents(out) == before


def test_a_field_of_a_signal_is_the_signals_own(run_script, packet):
    out, rules = packet
    rules.write_text("rules:\n- {name: a, any: [{signal: exception, field: text, contains: x}]}")
    assert run_script("cluster_failures.py", out, "--rules", rules).returncode == 0


def test_a_value_alone_is_a_list_of_one(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(f"rules:{RULE}\n      - {{field: n, above: 3, signal: exception}}\n"
                    "    mode: m\n    when: {format: f, dimension: [d, e]}\n    none: null\n",
                    encoding="utf-8")
    (rule,) = heuristics.load(path)
    assert rule == heuristics.Rule(
        "a", "m", ("f",), ("d", "e"), (heuristics.Test("b", "contains", ("c",)), heuristics.Test(
            "n", "above", (3,), ("exception",))), (), ())


def test_without_a_packet_it_says_what_to_run(run_script, tmp_path):
    done = run_script("cluster_failures.py", tmp_path)
    assert done.returncode == 1
    assert "run build_packet.py first" in done.stderr


def test_nothing_failed(cluster):
    out = cluster([turn(0)])
    assert "None of the 1 judged datapoints failed" in (out / "clusters.md").read_text()


@pytest.mark.parametrize("text", [" \n" * 10_000, "{  \n" + "        \n" * 4_000, "- " * 10_000])
def test_default_rules_take_no_time_over_an_answer_of_blanks(text):
    started = time.monotonic()
    default_mode(assistant_text=text, judge_reasoning="Extracted: [invalid]")
    assert time.monotonic() - started < 2
