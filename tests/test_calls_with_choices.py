"""Expected calls of which several values will do, as BFCL keeps them, and calls that nobody
executes: from the files of a run to what the audit says of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from failure_analysis.audit import strict
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made

FUNCTION = {"name": "plot.area", "parameters": {"type": "dict", "properties": {}}}
WANTED = {"plot.area": {"limits": [[1.0, 3.0]], "unit": ["cm", "centimetre"],
                        "label": ["", "Area"]}}


def _files(folder: Path, answers: dict[str, tuple[str, object, bool]], wanted: object = WANTED
           ) -> Path:
    """A result and a score file per model: model -> (raw answer, decoded calls, valid)."""
    for model, (raw, decoded, valid) in answers.items():
        for kind in ("result", "score"):
            (folder / kind / model).mkdir(parents=True)
        (folder / "result" / model / "BFCL_v3_simple_result.json").write_text(
            json.dumps({"id": "simple_0", "result": raw}) + "\n")
        failing = [{"id": "simple_0", "model_name": model, "test_category": "simple",
                    "valid": False, "error": ["Nested type checking failed."],
                    "error_type": "type_error:nested",
                    "prompt": {"id": "simple_0", "question": "Plot the area.",
                               "function": [FUNCTION]},
                    "model_result_raw": raw, "model_result_decoded": decoded,
                    "possible_answer": wanted}] * (not valid)
        (folder / "score" / model / "BFCL_v3_simple_score.json").write_text("".join(
            json.dumps(line) + "\n" for line in (
                {"accuracy": float(valid), "correct_count": int(valid), "total_count": 1},
                *failing)))
    return folder


@pytest.mark.parametrize(("arguments", "rule"), [
    ({"limits": [1, 3], "unit": "centimetre"}, "all_done"),
    ({"limits": [1, 3], "unit": "cm", "label": "Area"}, "all_done"),
    ({"limits": "[1, 3]", "unit": "cm"}, "arguments"),
    ({"limits": [1, 3]}, None), ({"limits": [1, 4], "unit": "cm"}, None),
    ({"limits": [1, 3], "unit": "inch"}, None),
    ({"limits": [1, 3], "unit": "cm", "grid": True}, None)])
def test_a_call_of_which_several_values_will_do(build: Callable, run_script: Callable,
                                                tmp_path: Path, arguments: dict,
                                                rule: str | None) -> None:
    """The API of `a`, and of `c`, which passes, takes no dots; what is left out, or beside it, is
    another call."""
    calls = [{"plot_area": arguments}]
    _, out = build("--input", _files(tmp_path / "in", {
        "a": (json.dumps(calls), calls, False),
        "b": ("[plot.area(limits=[1.0, 3.0], unit='cm')]", None, True),
        "c": ([{"plot_area": json.dumps(WANTED["plot.area"] | {"unit": "cm"})}], None, True)}))
    assert run_script("audit_benchmark.py", out).returncode == 0
    found = [json.loads(line) for line in (out / "audit.jsonl").read_text().splitlines()]
    assert [(one["class"], one["rule"]) for one in found if one["kind"] == "flag"] == (
        [("strict_match", rule)] if rule else [])


def test_calls_are_kept_as_one_shape_and_texts_as_they_are(build: Callable, tmp_path: Path
                                                           ) -> None:
    call = [{"plot.area": {"limits": [1]}}]
    several = {"plot.area_1": {"limits": [[1]]}, "plot.area_2": {"limits": [[2]]}}
    texts = ["plot.area(limits=[1, 3])"]
    for place, (wanted, kept) in enumerate((
            ([WANTED], [{"name": "plot.area", "any_of": WANTED["plot.area"]}]),
            (several, [{"name": "plot.area", "any_of": {"limits": [[1]]}},
                       {"name": "plot.area", "any_of": {"limits": [[2]]}}]),
            (texts, texts), ({"plot.area": {"limits": 3}}, {"plot.area": {"limits": 3}}))):
        _, out = build("--input", _files(tmp_path / f"in{place}", {"a": ("x", call, False)},
                                         wanted))
        row = json.loads((out / "failure_review_rows.jsonl").read_text())
        assert row["expected"] == kept


def test_a_name_without_its_server_is_form_where_a_tool_took_it() -> None:
    call = Call("assistant", "plot.area", {"unit": "cm"})
    for name, result, same in (
            ("plot.area", "", True), ("plot_area", "", True), ("area", "", False),
            ("area", "done", True), ("draw.area", "done", False)):
        made = Made("assistant", name, {"unit": "cm"}, result, "", False)
        assert strict.same_call(call, made, frozenset(), "") is same, (name, result)


@pytest.mark.parametrize(("given", "same"), [
    ("1.50 L", True), ("1.5 litres", True), ("1.5 ml", False), ("1.5", True), ("2 L", False)])
def test_a_number_with_what_the_question_counts_it_in(given: str, same: bool) -> None:
    call = Call("assistant", "set_pump", {"value": 1.5})
    made = Made("assistant", "set_pump", {"value": given}, "applied", "", False)
    assert strict.same_call(call, made, frozenset(), "Give the orchids 1.5 litres.") is same
