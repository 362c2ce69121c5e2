"""What mappings and files may hold that nobody means: each is refused or rejected in a sentence,
and thousands of anything take seconds."""

import json
import warnings

import pytest

from failure_analysis import clean, files, user_files
from failure_analysis.comparison import overview
from failure_analysis.drafting import propose, survey
from failure_analysis.reading import delimited, expressions, mapping_file, values

PLAIN = "fields: {item_id: id, scores: {ok: ok}}\n"


def rows(folder, *objects):
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n"
                            for row in objects))
    return path


@pytest.fixture
def mapped(tmp_path, run_script):
    """`mapped(yaml, *rows)`: what build_packet.py says of the rows, and what it rejected."""
    def run(text, *objects):
        (tmp_path / "m.yaml").write_text(text)
        done = run_script("build_packet.py", "--input", rows(tmp_path, *objects), "--mapping",
                          tmp_path / "m.yaml", "--output-dir", tmp_path / "out")
        assert "Traceback" not in done.stderr
        if done.stderr:
            assert done.returncode == 1 and done.stderr.count("\n") == 1
            return done.stderr, []
        return done.stdout, [json.loads(line)["reason"] for line in
                             (tmp_path / "out" / "rejected_rows.jsonl").read_text().splitlines()]

    return run


@pytest.mark.parametrize("text", ["[" * 99_000, "- " * 99_000, "{a: " * 60_000,
                                  "[" * 60_000 + "]" * 60_000, "? " * 60_000])
def test_yaml_that_would_overflow_the_stack_is_refused(tmp_path, text):
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(files.Refusal, match="nested more than 100 levels deep|not valid YAML"):
        user_files.document(path)


@pytest.mark.parametrize(("text", "reason"), [
    ("fields: {item_id: id, scores: {x: {at: ok, pass: 2024-01-02}}}", "put it in quotes"),
    ("fields: {item_id: id, scores: {x: {at: ok, pass: &p [*p]}}}", "holds itself"),
    ("fields: {item_id: id, expected: {value: {1: a}}, scores: {x: ok}}", "a key is no text"),
    ("fields: {item_id: id, expected: {value: !!set {a}}, scores: {x: ok}}", "a set that JSON"),
    ("fields: {item_id: id, scores: {x: {at: ok, pass: 0x" + "f" * 5000 + "}}}", "a int that JSON"),
    ("threshold: 0x" + "f" * 9000, "too many digits"),
    ("from_path: a{99999999999}", "repetition number is too large"),
    ("from_path: (?P<path>.)", "take another name"),
    ("files: ['**/x**']", "no glob below a folder"), ("files: /etc/*", "no glob"),
    ("files: .", "no glob"), ("fields: {item_id: id, scores: [a]}\npass_when: {a: 1}", "a map"),
    ("fields: {item_id: id, params: {a: {-1: x}}, scores: {a: b}}", "params"),
    (PLAIN + "expected: {items: \"\\0\"}", "one item on each line"),
])
def test_what_a_mapping_cannot_mean_is_refused(tmp_path, text, reason):
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(files.Refusal, match=reason) as refused:
        mapping_file.load(path)
    assert str(refused.value).startswith(f"{tmp_path}") and len(str(refused.value)) < 1000


def test_jmespath_that_fails_is_said_with_its_file(mapped, tmp_path):
    (tmp_path / "other.json").write_text('[{"k": "a"}]')
    row = {"id": "a", "ok": True}
    for join in ("each: abs(@), key: k, on: id", "key: abs(k), on: id", "ids: [abs(@)], on: id"):
        said, _ = mapped(f"{PLAIN}join: {{name: j, files: other.json, {join}}}", row)
        assert "other.json: join j: abs(" in said
    said, _ = mapped(PLAIN + "expected: {rows: abs(@)}", row)
    assert "no file says it at abs(@)" in said
    (tmp_path / "other.json").write_text("{\n{}\n")
    said, _ = mapped(PLAIN + "join: {name: j, files: other.json, ids: [k], on: id}", row)
    assert "other.json" in said and "not valid JSON" in said


@pytest.mark.parametrize(("text", "value"), [
    ("get(usage, model)", 3), ("get(usage, 'b')", None), ("get(nowhere, 'b')", None),
    ("nth(parts, `1`)", "y"), ("nth(parts, `2`)", None), ("nth(parts, nowhere)", None),
    ("is_good('answer_correctness')", True), ("is_good('incorrect')", False),
    ("is_good('No toxicity')", False), ("is_good('latency')", False), ("is_good(nowhere)", False),
    ("times(seconds, `1000`)", 1500), ("times(nowhere, `1000`)", None),
])
def test_functions(text, value):
    row = {"usage": {"a": 3}, "model": "a", "parts": ["x", "y"], "seconds": 1.5}
    get = expressions.compiled([text], frozenset()).get
    assert get(row, {expressions.AROUND: ()}) == value


def test_each_block_of_checks_has_its_own_rule(mapped):
    said, _ = mapped(
        "fields: {item_id: id}\nchecks:\n"
        "  - {list: words, name: n, value: v, pass: '1'}\n  - {list: numbers, name: n, value: v}\n",
        {"id": "a", "words": [{"n": "w", "v": "1"}], "numbers": [{"n": "x", "v": 1}]},
        {"id": "b", "words": [{"n": "w", "v": "0"}], "numbers": [{"n": "x", "v": 0}]})
    assert "2 rows read = 1 pass + 1 fail + 0 unjudged" in said


def test_deep_rows_and_endless_numbers_are_rejected_or_null(mapped):
    deep = '{"id": "d", "ok": true, "x": ' + "[" * 150 + "]" * 150 + "}"
    said, rejected = mapped(
        "fields: {item_id: id, expected: x, scores: {ok: ok, s: {at: s, pass: 1}}}", deep,
        {"id": "a", "ok": False, "s": 10**400, "x": 1}, '{"id": "b", "ok": true, "x": 1e999}')
    assert rejected == ["nested too deeply"]
    assert "3 rows read = 1 pass + 1 fail + 0 unjudged + 1 rejected" in said


def test_an_expression_that_gives_no_value_is_a_reason(mapped):
    said, _ = mapped("fields: {item_id: id, user_text: '&id', scores: {ok: ok}}",
                     {"id": "a", "ok": True})
    assert "an expression fails on 1 of 1 rows: &id: it gives no value" in said


def test_lists_have_each_value_once_and_maps_are_asked_by_a_value(mapped):
    said, rejected = mapped(
        "each: {row: '@', id: 'unique([a, b, gone][])'}\n"
        "fields: {item_id: to_string(id), scores: {ok: 'get(row.ok, to_string(id))'}}",
        {"a": ["x", "y", "x"], "b": ["y", 1], "ok": {"x": True, "1": False}})
    assert "3 rows read = 1 pass + 1 fail + 1 unjudged + 0 rejected" in said and not rejected
    said, _ = mapped("fields: {item_id: id, scores: {ok: \"get(none, id) || length(unique(l)) == "
                     "`2`\"}}", {"id": "a", "l": [1, True, 1]})
    assert "1 rows read = 1 pass" in said or "1 row read = 1 pass" in said


def test_reasons_stay_short(mapped):
    said, rejected = mapped(
        "fields: {item_id: id, messages: m, scores: {ok: ok}}", {"id": "a", "ok": True},
        {"id": "b", "ok": True, "m": [{"k" * 100_000: 1, **{f"k{n}": n for n in range(999)}}]})
    assert len(rejected[0]) < 900 and "and 988 more" in rejected[0]


def test_literals_of_cells_say_nothing_and_end():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert values.nested("['\\d']") == ["\\d"]
    assert values.nested("({1: (2, 3)},)") == [{"1": [2, 3]}]
    for text in ("[" + "-" * 90_000 + "1]", "[" + "1+" * 45_000 + "1]", "[" * 150 + "]" * 150,
                 "[" + "9" * 9000 + "]", "[[" + "1," * 40_000):
        assert values.nested(text) == text


def test_a_header_longer_than_the_first_bytes(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"column{n}" for n in range(20_000)) + ",id\n" + "1," * 20_000 + "a\n")
    head = path.read_bytes()[:1 << 16]
    assert len(delimited.dialect(head, path).header) == 20_001
    path.write_text(path.read_text().replace("column19999", "column0", 1))
    with pytest.raises(files.Refusal, match="columns 1, 20000"):
        delimited.dialect(head, path)


def test_drafts_of_fields_that_are_nearly_all_of_a_kind(tmp_path):
    odd = {"tests": 3.5, "stats": 1, "status": 7, "l": "x", "history": 5}
    row = {"tests": {"a": "pass", "b": "fail"}, "stats": [{"name": "f1", "mean": 0.5}],
           "status": "api_error", "l": [{"name": "x", "passed": True}],
           "history": [{"role": "user", "content": "hi"}]}
    path = rows(tmp_path, {"id": "z", **odd}, *({"id": f"i{n}", **row} for n in range(30)))
    assert "not_counted: {at: status, values: [api_error]}" in propose.propose([path])


def test_names_never_run_out():
    assert survey._free("row", {"row", *(f"row_{n}" for n in range(2, 2000))}) == "row_2000"


def test_thousands_of_keys_models_and_checks(mapped):
    said, _ = mapped("fields: {item_id: id, model_name: m}\nchecks: {list: c}\n", *(
        {"id": str(n % 7), "m": f"a/{n}", "c": {f"n{n}_{k}": k > 0 for k in range(2)},
         **{f"k{n}_{k}": 1 for k in range(500)}} for n in range(150)))
    assert "150 rows read" in said
    assert said.count("\n") < 60 and "more of this kind in sanity.json" in said


def test_the_table_of_thousands_of_models():
    facts = {}
    for n in range(5000):
        facts |= {f"failed_rows/o/{n}": 1, f"judged_rows/o/{n}": 2, f"dimension/o/{n}/d": 1,
                  f"dimension_judged/o/{n}/d": 2}
    facts |= {"failed_rows/o": 1, "judged_rows/o": 1, "dimension/o/x": 1, "dimension_judged/o/x": 1}
    _, lines = overview.table(facts)
    assert lines[0][0] == "o" and lines[0][-1] == "x 1 of 1"
    assert len(lines) == 5001 and lines[1][-1] == "d 1 of 2"


def test_verdicts_are_not_missed_where_every_row_is_rejected_before(mapped):
    said, rejected = mapped("fields: {item_id: id, messages: m, scores: {ok: ok}}",
                            *({"id": name, "ok": True, "m": "hi"} for name in "ab"))
    assert "every row was rejected: messages: it is a text ('hi')" in said
    assert len(rejected) == 2


def test_a_number_may_decide_nothing(mapped, tmp_path):
    text = ("fields: {item_id: id, scores: {a: {at: a, decides: false}}}\n"
            "checks: {list: more, decides: false}\n")
    values_ = [(1, True), (0.5, [1, 1]), ("x", {"c": 1}), (None, "0.25")]
    said, rejected = mapped(text, *({"id": str(place), "a": a, "more": {"b": b}}
                                    for place, (a, b) in enumerate(values_)))
    assert "4 rows read = 0 pass + 0 fail + 4 unjudged + 0 rejected" in said and not rejected
    scores = [json.loads(row["scores_json"])
              for row in clean.read_csv(tmp_path / "out" / "outcomes.csv")]
    assert scores == [{"a": 1, "b": 1}, {"a": 0.5, "b": None}, {"a": None, "b": None},
                      {"a": None, "b": 0.25}]


def test_a_number_that_decides_nothing_goes_beside_one_that_does(mapped):
    said, _ = mapped("fields: {item_id: id, scores: {ok: ok, a: {at: a, decides: false}}}",
                     {"id": "x", "ok": True, "a": 0}, {"id": "y", "ok": False, "a": 1})
    assert "2 rows read = 1 pass + 1 fail" in said
    said, _ = mapped("fields: {item_id: id, scores: {a: a}}\nchecks: {list: c, decides: false}",
                     {"id": "x", "a": 0.5, "c": {"b": 1}})
    assert "numbers, which decide nothing" in said
    said, _ = mapped("fields: {item_id: id, scores: {a: {at: a, decides: false, pass: 1}}}",
                     {"id": "x", "a": 0.5})
    assert "decides: false goes without pass" in said


def test_of_two_checks_of_one_name_the_lower_number_is_kept(mapped, tmp_path):
    mapped("fields: {item_id: id, scores: {ok: ok}}\n"
           "checks: {list: c, name: n, value: v, decides: false}",
           {"id": "x", "ok": True, "c": [{"n": "b", "v": False}, {"n": "b", "v": True}]})
    [row] = clean.read_csv(tmp_path / "out" / "outcomes.csv")
    assert json.loads(row["scores_json"]) == {"ok": True, "b": 0}


def test_a_map_is_asked_for_a_key_and_taken_without_some(mapped, tmp_path):
    mapped("fields:\n  item_id: id\n  user_text: get(texts, lang)\n"
           "  assistant_text: to_string(keys(without(texts, ['a', lang])))\n"
           "  expected: {none: \"get(nothing, lang)\"}\n  scores: {ok: ok}",
           {"id": "x", "ok": False, "lang": "b", "texts": {"a": "A", "b": "B", "c": "C"}})
    [row] = clean.read_csv(tmp_path / "out" / "failure_review_rows.csv")
    assert (row["user_text"], row["assistant_text"], row["expected_json"]) == ("B", '["c"]', "")


def test_gradings_without_a_name_are_told_apart_by_their_order(mapped, tmp_path):
    same = {"id": "x", "ok": True}
    said, _ = mapped("grading_of: {at: filter, in_order: true}\n" + PLAIN, same, same,
                     {"id": "y", "ok": False}, {"id": "y", "ok": True})
    assert "2 rows read = 1 pass + 1 fail" in said
    graded = [(row["grader"], row["outcome"])
              for row in clean.read_csv(tmp_path / "out" / "gradings.csv")]
    assert graded == [("2", "pass"), ("2", "pass")]


def test_a_document_for_all_rows_may_be_said_several_times_or_not(mapped, tmp_path):
    join = "join: {name: j, files: other.jsonl, each: \"[@][?m].{m: m}\", optional: true}\n"
    text = join + "fields: {item_id: id, model_name: [j.m, file.stem], scores: {ok: ok}}"
    for lines, said in (('{"m": "a"}\n{"m": "a", "n": 1}\n', "a "), ('{"n": 1}\n', "rows "),
                        ('{"m": "a"}\n{"m": "b"}\n', "several records for all rows")):
        (tmp_path / "other.jsonl").write_text(lines)
        assert said in mapped(text, {"id": "x", "ok": True})[0]


def test_what_each_file_states_is_held_against_its_own_rows(run_script, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, stated, rows_ in (("a", 0.5, [True, False]), ("b", 1.0, [True]), ("c", None, [True]),
                                ("d", 0.75, [True, False])):
        listed = [{"id": f"{name}{place}", "ok": ok} for place, ok in enumerate(rows_)]
        (folder / f"{name}.json").write_text(json.dumps(
            {"rate": stated, "n": stated and len(listed), "rows": listed}))
    (tmp_path / "m.yaml").write_text(
        "rows: rows\nfields: {item_id: id, run_id: {value: r}, scores: {ok: ok}}\n"
        "expected: {rows: n, pass_rate: rate}")
    done = run_script("build_packet.py", "--input", folder, "--mapping", tmp_path / "m.yaml",
                      "--output-dir", tmp_path / "out")
    assert done.returncode == 1 and done.stdout.count("Not as expected") == 1
    assert "d.json says 0.75, 1 of 2 judged rows are 0.5" in done.stdout
