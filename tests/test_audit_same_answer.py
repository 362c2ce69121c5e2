"""The audit of answers: what is the same but for its form, who was judged twice differently, and
which failures are what was expected. Each rule has a plant and decoys, through the real script."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from failure_analysis.audit import arguments, asks, judged_form, normal, values
from failure_analysis.audit.alike import alike
from failure_analysis.audit.final import final

MAPPING = """
benchmark: toy
fields:
  item_id: id
  model_name: model
  run_id: run
  user_text: question
  assistant_text: answer
  expected: gold
  tool_calls: calls
  tool_results: results
  scores:
    correct: {at: scores.correct, optional: true}
    polite: {at: scores.polite, optional: true}
    fast_enough: {at: scores.fast_enough, optional: true}
    latency_ok: {at: scores.latency_ok, optional: true}
    tool_use: {at: scores.tool_use, optional: true}
    db_state: {at: scores.db_state, optional: true}
    told: {at: scores.told, optional: true}
trial_of: trial
"""


@pytest.fixture
def flags(build: Callable, run_script: Callable, tmp_path: Path) -> Callable[..., set[tuple]]:
    """`flags(rows)`: audits these rows; {(class, rule, item, datapoints in doubt)}."""

    def audit(*rows: dict) -> set[tuple]:
        lines, mapping = tmp_path / "rows.jsonl", tmp_path / "mapping.yaml"
        full = [{"model": f"m{place}", "run": f"m{place}", "trial": 0, "gold": None, "calls": None,
                 "results": None} | row for place, row in enumerate(rows)]
        for row in full:
            row["scores"] = row.get("scores") or {"correct": row["right"]}
        lines.write_text("".join(json.dumps(row) + "\n" for row in full), encoding="utf-8")
        mapping.write_text(MAPPING, encoding="utf-8")
        _, folder = build("--input", lines, "--mapping", mapping)
        done = run_script("audit_benchmark.py", folder)
        assert done.returncode == 0, done.stderr
        found = [json.loads(line) for line in (folder / "audit.jsonl").read_text(
            encoding="utf-8").splitlines()]
        return {(one["class"], one["rule"], one["item_id"],
                 " ".join(ident.split("/")[0] for ident in one["disputed"]))
                for one in found if one["class"] in (
                    "strict_match", "same_answer_other_verdict", "instability")}

    return audit


def row(item: str, answer: str, right: bool, question: str = "What is it?", **more: object) -> dict:
    return {"id": item, "answer": answer, "right": right, "question": question, **more}


SAME, STRICT = "same_answer_other_verdict", "strict_match"


def test_equal_answers_with_opposite_verdicts(flags: Callable) -> None:
    """White space, capitals and a full stop make no other answer; another dimension, capitals that
    are asked for, and one verdict for all do."""
    capitals = "Write the name in capital letters."
    assert flags(
        row("plant", "the Red fox.", True), row("plant", "The red  fox", False),
        row("asked", "OSLO", True, capitals), row("asked", "Oslo", False, capitals),
        row("agreed", "the red fox", False), row("agreed", "the red fox", False),
        row("slow", "the red fox", True, scores={"correct": True, "fast_enough": True}),
        row("slow", "the red fox", False, scores={"correct": True, "fast_enough": False}),
        row("calls", "the red fox", True, scores={"correct": True, "tool_use": True}),
        row("calls", "the red fox", False, scores={"correct": True, "tool_use": False}),
    ) == {(SAME, "same_form", "plant", "m0 m1")}


LONG = ("We add the two prices, subtract the voucher and divide by the number of friends who "
        "share the bill, which gives the amount per head; nobody has paid before. {} each pays {}")


def test_nearly_equal_answers_with_opposite_verdicts(flags: Callable) -> None:
    """What differs decides nothing in the plant; a number and a negation do in the decoys."""
    assert flags(
        row("plant", LONG.format("So", "12 euros, says the till"), True),
        row("plant", LONG.format("Thus", "12 euros, says the till"), False),
        row("number", LONG.format("So", "12 euros, says the till"), True),
        row("number", LONG.format("So", "13 euros, says the till"), False),
        row("negation", LONG.format("So", "12 euros, says the till"), True),
        row("negation", LONG.format("So not", "12 euros, says the till"), False),
    ) == {(SAME, "near_equal", "plant", "m0 m1")}


def test_the_same_final_answer_with_opposite_verdicts(flags: Callable) -> None:
    """Marked in the same way, where a final answer is all that is expected."""
    why = "What is it, and why? Explain."
    first, second = "Four and one.\n\n\\boxed{6}", "I count the stars one by one.\n\n\\boxed{6}"
    assert flags(
        row("plant", first, True, gold="5"), row("plant", second, False, gold="5"),
        row("reasons", first, True, why, gold="5"), row("reasons", second, False, why, gold="5"),
        row("mark", first, True, gold="5"), row("mark", "I count them.\n#### 6", False, gold="5"),
        row("two", first, True, gold="5"), row("two", f"\\boxed{{7}} {second}", False, gold="5"),
    ) == {(SAME, "same_final", "plant", "m0 m1")}


def test_a_final_answer_in_another_mark_with_which_others_passed(flags: Callable) -> None:
    """The way of marking is free where others pass with it; not where no pass is marked so."""
    said, fence, sign = "I count.\nAnswer: 6", "Let me count.\n\n```\n6\n```", "\\boxed{6}"
    assert flags(
        row("free", "6", True, gold="5"), row("free", said, False, gold="5"),
        row("free", "I count.\nAnswer: 5", True, gold="5"),
        row("fence", fence, True, gold="5"), row("fence", f"Well. {fence}", False, gold="5"),
        row("gold", "I count.\nI get 5.", True, gold="5"), row("gold", "5", False, gold="5"),
        row("asked", sign, True, gold="6"), row("asked", f"So: {sign}", True, gold="6"),
        row("asked", "6", False, gold="6"), row("other", said, True, gold="5"),
        row("other", fence.replace("6", "7"), False, gold="5"),
    ) == {(SAME, "same_final", "free", "m0 m1"), (SAME, "same_final", "fence", "m3 m4"),
          (SAME, "same_final", "gold", "m5 m6"), (SAME, "same_form", "gold", "m5 m6"),
          (STRICT, "equal", "gold", "m6")}


def test_a_fence_where_the_exact_output_is_asked_for(flags: Callable) -> None:
    """Others passed with one; without such a pass it may be what was wrong."""
    exact, fenced = "Give the exact standard output.", "```\nFalse 1\n```"
    assert flags(
        row("plant", f"I see.\n\n{fenced}", True, exact, gold="False 1"),
        row("plant", f"```text\n{fenced}\n```", False, exact, gold="False 1"),
        row("alone", fenced, False, exact, gold="False 1"),
        row("case", fenced, True, exact, gold="False 1"),
        row("case", fenced.lower(), False, exact, gold="False 1"),
    ) == {(STRICT, "wrapping", "plant", "m1"), (SAME, "same_form", "plant", "m0 m1")}


def test_a_fence_that_is_asked_for_tells_answers_apart(flags: Callable) -> None:
    asked, bare = "Give the order as JSON in a code block.", '{"total": 3}'
    fenced = f"```json\n{bare}\n```"
    assert flags(
        row("plant", fenced, True), row("plant", bare, False),
        row("asked", fenced, True, asked), row("asked", bare, False, asked),
    ) == {(SAME, "same_form", "plant", "m0 m1")}


def test_a_dimension_that_flips_while_the_answer_does_not(flags: Callable) -> None:
    """The outcomes are equal; speed is not decided by the answer."""
    assert flags(
        row("plant", "a red fox", False, scores={"polite": True, "correct": False}),
        row("plant", "a red fox", False, scores={"polite": False, "correct": False}),
        row("speed", "a red fox", False, scores={"latency_ok": True, "correct": False}),
        row("speed", "a red fox", False, scores={"latency_ok": False, "correct": False}),
        row("other", "a red fox", False, scores={"polite": True, "correct": False}),
        row("other", "two red foxes", False, scores={"polite": False, "correct": False}),
    ) == {(SAME, "dimension_flips", "plant", "m0 m1")}


def test_failures_that_are_the_gold_but_for_their_form(flags: Callable) -> None:
    """One candidate per item and rule, each beside decoys of its kind."""
    asked, money = "Round it to 2 decimals.", "How many dollars are left?"
    free, choice = "Name both, in any order.", "Which?\nA. red\nB. blue"
    assert flags(
        row("number", "1,234.0", False, gold="1234"), row("sign", "-1234", False, gold="1234"),
        row("decimals", "3.5", False, asked, gold="3.50"),
        row("unit", "$18", False, money, gold="18"), row("size", "18 cents", False, money,
                                                         gold="18"),
        row("case", "oslo", False, gold="Oslo"), row("symbol", "CO", False, gold="Co"),
        row("latex", "$\\dfrac{3}{4}$", False, gold="3/4"),
        row("other", "$\\dfrac{4}{3}$", False, gold="3/4"),
        row("set", "b, a", False, free, gold="a, b"), row("ordered", "b, a", False, gold="a, b"),
        row("multiset", "a, b, b", False, free, gold="a, a, b"),
        row("option", "Option B", False, choice, gold="B"),
        row("mention", "Not B, rather A", False, choice, gold="B"),
        row("json", '{"b": 1.0, "a": 2}', False, gold='{"a": 2, "b": 1}'),
        row("list", '{"a": [2, 1]}', False, gold='{"a": [1, 2]}'),
        row("boxed", "So it is.\n\n\\boxed{7}", False, gold="7"),
        row("both", "It is 7.\nAnswer: 8", False, gold="7"),
        row("dimension", "7", False, gold="7", scores={"correct": True, "polite": False}),
    ) == {(STRICT, rule, item, model) for rule, item, model in (
        ("number", "number", "m0"), ("unit", "unit", "m3"), ("case", "case", "m5"),
        ("latex", "latex", "m7"), ("set", "set", "m9"), ("option", "option", "m12"),
        ("json", "json", "m14"), ("wrapping", "boxed", "m16"))}


def test_the_mark_that_the_other_responses_have_may_have_been_asked_for(flags: Callable) -> None:
    """The prompt is not seen: where all others mark their answer, one that does not stays out."""
    assert flags(row("tag", "<answer>7</answer>", True, gold="7"),
                 row("tag", "<answer>7</answer>", True, gold="7"), row("tag", "7", False, gold="7"),
                 *(row("tag", "8", False, gold="7") for _ in range(4))) == set()


ORDER = {"actions": [{"name": "get_order", "arguments": {"id": "A1"}},
                     {"name": "refund", "arguments": {"id": "A1", "amount": 12.5}}]}


def made(*calls: tuple[str, dict], results: list[str] | None = None) -> dict:
    return {"calls": [{"name": name, "arguments": arguments} for name, arguments in calls],
            "results": [{"content": text} for text in results or ["done"] * len(calls)],
            "gold": ORDER}


LOOK, PAY = ("get_order", {"id": "A1"}), ("refund", {"id": "A1", "amount": 12.5})


def test_calls_that_differ_in_form_alone_and_all_done(flags: Callable) -> None:
    """A sum as text and small letters that the tool took; another sum, a further write, one that
    failed and words that were due and not said are none."""
    state = {"db_state": False, "told": True}
    text = ("refund", {"amount": "12.50", "id": "a1"})
    assert flags(
        row("form", "Done.", False, **made(LOOK, text), scores=state),
        row("done", "Done.", False, **made(LOOK, PAY), scores=state),
        row("sum", "Done.", False, **made(LOOK, ("refund", {"id": "A1", "amount": 125})),
            scores=state),
        row("more", "Done.", False, **made(LOOK, PAY, ("cancel_order", {"id": "A1"})),
            scores=state),
        row("broke", "Done.", False, **made(LOOK, PAY, results=["done", "Error: closed"]),
            scores=state),
        row("told", "Done.", False, **made(LOOK, PAY), scores={"db_state": True, "told": False}),
    ) == {(STRICT, "arguments", "form", "m0"), (STRICT, "all_done", "done", "m1")}


def test_the_answer_of_an_agent_is_all_that_it_did(flags: Callable) -> None:
    """The same words after the same calls, not after a call more or with another result."""
    other = {**made(LOOK, PAY, results=["done", "done, 12.50 paid"]), "gold": "Done."}
    same = {**made(LOOK, PAY), "gold": "Done."}
    assert flags(
        row("plant", "I did it.", True, **same), row("plant", "I did it.", False, **same),
        row("result", "I did it.", True, **same), row("result", "I did it.", False, **other),
    ) == {(SAME, "equal", "plant", "m0 m1")}


def test_repeats_of_one_model_that_differ(flags: Callable, tmp_path: Path) -> None:
    """The pattern of each model, of the outcome and of the dimension that changes."""
    trials = [row("it", f"answer {trial}", right, model="m", run="m", trial=trial)
              for trial, right in enumerate((True, False, True))]
    steady = [row("it", f"try {trial}", False, model="n", run="n", trial=trial)
              for trial in range(2)]
    assert flags(*trials, *steady) == {("instability", "outcome", "it", "m")}
    line = json.loads((tmp_path / "out" / "audit.jsonl").read_text(encoding="utf-8"))
    assert [side["text"] for side in line["variants"]] == ["m\noutcome: ✓✗✓\ncorrect: ✓✗✓"]
    assert line["numbers"] == {"models": 1, "repeated": 2, "same_dimensions": 1, "trials": 3}


@pytest.mark.parametrize(("text", "answer"), [
    ("Let me see.\n\n\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"), ("one\n#### 18", "18"),
    ("<think>7?</think>\n<answer> 8 </answer>", " 8 "), ("I add.\nAnswer: 18", "18"),
    ("I add.\n**Final answer:** 18", "18"), ("So the final answer is 18.", "18."), ("18", "18"),
    ("I add.\nThen more.\n\n18", "18"), ('{"reasoning": "x", "answer": "18"}', "18"),
    ("I add.\n\n### Answer\n18\nHope this helps!", "18"),
    ("I add. It rains.\nThat would be 18.", "18."), ("Sumo.\nLa respuesta es 18.", "18."),
    ("I add.\n\n```text\n18\n```", "18"), ("```\n```\n18\n```\n```", "18"),
    ("I say\n```\n17\n```\nor\n```\n18\n```", ""),
    ("I add.\nIt is what I always wanted to know.", ""),
    ("\\boxed{5} and then \\boxed{6}", ""), ("\\boxed{5}\nAnswer: 6", ""), ("<think>7", ""),
    ("I think that it will be seven.\nOr it might also be eight of them, who knows that?", ""),
])
def test_the_final_answer_of_a_response(text: str, answer: str) -> None:
    assert final(text).text == answer


@pytest.mark.parametrize(("answer", "gold", "question", "rule"), [
    ("1.234e3", "1,234", "How much?", "number"), ("0.5", "1/2", "How much?", "number"),
    ("0.5", "1/2", "How much, as a fraction?", ""),
    ("1 234", "1234", "How much?", "number"), ("12 34", "1234", "How much?", ""),
    ("12", "1, 2", "Which?", ""), ("5 km", "5 kilometers", "How far?", "number"),
    ("5 km", "5 m", "How far?", ""), ("50%", "50", "What percent is it?", "unit"),
    ("30 minutes", "30", "It took 30 minutes. How many hours?", ""),
    ("x = 5", "5", "Solve 2x = 10 for x.", "assignment"), ("(1, 2)", "[1, 2]", "Which?", ""),
    ("true", "1", "Is it?", ""), ("`Paris`.", "Paris", "Where?", "wrapping"),
    ("3 July 1978", "July 3, 1978", "When?", "date"),
    ("1978-07-03", "July 3, 1978", "When?", "date"),
    ("3/7/1978", "July 3, 1978", "When?", ""), ("3 June 1978", "July 3, 1978", "When?", ""),
    ("3 July 1978", "July 3, 1978", "When? Write the date as MMMM D, YYYY.", ""),
    ("37.5 percent", "37.5%", "Percent or decimal are both fine.", "number"),
    ("$1,234.50$", "1234.50", "To two decimals?", "number"),
    ("1,234.50", "1234.50", "To two decimals, no commas?", ""),
    ("39,800", "39,80", "4 sacs de 9,95 kg ?", "number"), ("39,800", "39,80", "How much?", ""),
    ("b", "B", "Which?\nA. red\nB. blue", "option"), ("b", "B", "Which?\nA. b\nB. a", ""),
    ('{"b": 1, "a": 2}', '{"a": 2, "b": 1}', "White space does not matter.", "json"),
    ("iphone", "iPhone", "Which?", ""), ("**", "", "Which?", ""),
    ("def f():\n  return 1", "def f():\n    return 1", "Write f.", ""),
    ("Win, Ruth and Gil", "Gil, Ruth, Win", "List the three founding members.", "set"),
    ("Mars, Venus", "Venus, Mars", "Which planets border the Earth?", "set"),
    ("$x=3$ and $x=1$", "\\{1, 3\\}", "Solve x^2 - 4x + 3 = 0 for x. Give all solutions.", "set"),
    ("2, 1", "1, 2", "Find the values of x, y.", ""),
    ("Sydney, Canberra", "Canberra, Sydney", "Name the capital and the largest city.", ""),
    ("Rome, Oslo", "Oslo, Rome", "List the top two cities by population.", ""),
    ("sift, mix", "mix, sift", "List the steps of the recipe.", ""),
    ("b, a", "a, b", "Name the winners in the order they came in.", ""),
    ("k=\\pm 6", "6,-6", "For which real $k$? List all values.", "list"),
    ("\\pm 6", "6,-7", "For which $k$? List all values.", ""),
    ("nine thousand", "9000", "How many?", "number"), ("Twenty-one", "21", "How many?", "number"),
    ("About eight months.", "about 8 months", "How long?", "number"),
    ("seven engines", "7", "How many engines?", "number"), ("seventeen", "7", "How many?", ""),
    ("two three", "23", "How many?", ""), ("seven", "7", "How many? In digits.", ""),
    ("seven", "7", "How is 7 spelled?", ""), ("7", "Seven Samurai", "Which?", ""),
    ("43,7 m", "43.7", "What is the height in metres?", "unit"), ("43,7", "437", "How high?", ""),
    ("43,7 km", "43.7", "What is the height in metres?", ""), ("43,700", "43.7", "How high?", ""),
    ("\\boxed{20\\ \\text{m/s}}", "20", "Convert 72 km/h to m/s.", "unit"),
    ("20 km/s", "20", "Convert 72 km/h to m/s.", ""), ("USD 46", "$46.00", "How much?", "number"),
    ("3 pm", "15:00", "When?", "date"), ("3 am", "15:00", "When?", ""),
    ("5 May 2024, 3 pm", "2024-05-05 15:00:00", "When?", "date"), ("13 pm", "13:00", "When?", ""),
    ("\\dfrac{\\sqrt{5}+1}{2}", "\\frac{1+\\sqrt{5}}{2}", "Which root?", "latex"),
    ("$b-a$", "$a-b$", "Simplify.", ""), ("$2^{1+x}$", "$2^{1}+x$", "Which?", ""),
    ("$x^2+1,2$", "$1,x^2+2$", "Which?", ""), ("$x-1+2$", "$x-(1+2)$", "Which?", ""),
    ('{"a": "72", "b": 1}', '{"b": 1, "a": 72}', "JSON with keys a, b.", "json"),
    ('{"a": "1"}', '{"a": 1}', "JSON, a as an integer.", ""),
    ('{"a": ["y", "x"]}', '{"a": ["x", "y"]}', "Keys: a (list, any order).", "json"),
    ('{"a": [2, 1], "b": [1, 2]}', '{"a": [1, 2], "b": [1, 2]}', "JSON; a in any order.", ""),
    ('{ "a" : 1 }', '{"a": 1}', "Reply in JSON only.", "json"),
    ('```\n{"a": 1}\n```', '{"a": 1}', "Reply in JSON only.", ""),
    ('{"a": "Kx"}', '{"a": "KX"}', "Give it as JSON.", ""),
    ("SELECT a\nFROM t;", "SELECT a FROM t", "Which query?", "white_space"),
    ("SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'X'", "Which query?", ""),
    ("SELECT a FROM t WHERE b = 'x  y'", "SELECT a FROM t WHERE b = 'x y'", "Which query?", ""),
    ("```\n3 1\n```", "3 1", "Predict the output: print(7 // 2, 7 % 2)", "wrapping"),
    ("3 1 \n", "3 1", "What does print(3, 1) print?", "white_space"),
    ("'a'", "a", "Output of print('a')?", ""), ("['a']", '["a"]', "What does print(x) output?", ""),
    ("Mr. Okoro", "Mr Okoro", "Who chairs it?", "case"), ("Okoro", "Mr Okoro", "Who?", "title"),
    ("Okoro", "Mr Okoro", "Mrs Okoro met Mr Okoro. Who left?", ""),
    ("Mrs Okoro", "Mr Okoro", "Who?", ""), ("the Alps", "Alps", "Where?", "article"),
    ("Who", "The Who", "Give the title of the show.", ""), ("the X", "Y", "Which?", ""),
    ("Sao Paulo", "São Paulo", "Where?", "accents"), ("papa", "papá", "Which word?", ""),
])
def test_what_is_alike(answer: str, gold: str, question: str, rule: str) -> None:
    assert alike(answer, gold, question) == rule


@pytest.mark.parametrize(("a", "b", "same"), [
    ("- a\n- b", "* a\n* b", True), ("- 5", "* 5", False), ("is **(C)**.", "is (c)", True),
    ("2**3", "23", False), ("__init__", "init", False), ('{"a":1}', '{\n "a": 1\n}', True),
    ('{"a":1}', '{"a":"1"}', False), ("SELECT a\nFROM b;", "SELECT a FROM b", True),
    ("With love, Ann;", "With love, Ann", False)])
def test_what_has_one_key(a: str, b: str, same: bool) -> None:
    assert (normal.key(a) == normal.key(b)) is same


PAIRS = {"item_ids": ["1", "2"], "new_item_ids": ["8", "9"]}


@pytest.mark.parametrize(("wanted", "given", "same"), [
    ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}, True),
    (PAIRS, {"item_ids": ["2", "1"], "new_item_ids": ["9", "8"]}, True),
    (PAIRS, {"item_ids": ["2", "1"], "new_item_ids": ["8", "9"]}, False),
    ({"stop_ids": ["a", "b"]}, {"stop_ids": ["b", "a"]}, False),
    ({"points": [1, 2]}, {"points": [2, 1]}, False), ({"to": ["a"]}, {"to": ["a", "b"]}, False),
    ({"to": ["a"]}, {"to": "a"}, True), ({"note": ""}, {}, True), ({"amount": 0}, {}, False),
    ({"phone": "+4791233801"}, {"phone": "+47 912 33 801"}, True),
    ({"phone": "+4791233801"}, {"phone": "+47 912 33 810"}, False),
    ({"start": "2024-06-06T15:00"}, {"start": "2024-06-06 15:00:00"}, True),
    ({"start": "2024-06-06T15:00"}, {"start": "2024-06-06T15:00:30"}, False),
    ({"start": "2024-06-06T15:00"}, {"start": "2024-06-06T15:00Z"}, False),
    ({"duration": "01:30"}, {"duration": "01:30:00"}, False),
    ({"date": "2024-12-03"}, {"date": "3 December 2024"}, True),
    ({"date": "2024-12-03"}, {"date": "03/12/2024"}, False),
    ({"zip": "01234"}, {"zip": "1234"}, False), ({"path": "/A"}, {"path": "/a"}, False),
    ({"flag": True}, {"flag": 1}, False)])
def test_which_arguments_are_the_same(wanted: dict, given: dict, same: bool) -> None:
    assert arguments.same(wanted, given, "", "codes") is same


@pytest.mark.parametrize(("tool", "sequence"), [
    ("reorder_tasks", True), ("mergePdfs", True), ("cancel_order", False), ("send_email", False)])
def test_which_tools_are_called_for_an_order(tool: str, sequence: bool) -> None:
    assert arguments.is_sequence(tool) is sequence


def calls(wanted: list[tuple], *did: tuple, said: list | None = None, **more: list) -> dict:
    actions = [{"name": name, "arguments": given} for name, given in wanted]
    return made(*(did or wanted), **more) | {"gold": {"actions": actions, "outputs": said or []}}


def test_calls_in_another_order_and_words_that_were_due(flags: Callable) -> None:
    """Free where nothing asks for one and the calls share nothing, or a pass got the same results;
    not where one moves what the next starts from. What had to be said and was not is another
    fault."""
    one, two = ("draw_rect", {"w": 4}), ("draw_circle", {"r": 9})
    address, items = ("set_home", {"id": "A1", "to": "x"}), ("set_items", {"id": "A1", "of": "y"})
    down, left = ("move_down", {"by": 4}), ("turn_left", {"at": 9})
    over, out = ("pay", {"id": "A1"}), ("tell", {"id": "A2"})
    late = {"results": ["done", "done by B"]}
    assert flags(
        row("free", "Done.", False, **calls([one, two], two, one)),
        row("same", "Done.", True, **calls([address, items])),
        row("same", "Done.", False, **calls([address, items], items, address)),
        row("other", "Done.", True, **calls([address, items])),
        row("other", "Done.", False, **calls([address, items], items, address, **late)),
        row("moves", "Done.", False, **calls([down, left], left, down)),
        row("then", "Done.", False, "Pay, then tell me.", **calls([over, out], out, over)),
        row("broke", "It failed.", False, **calls([one], results=["HTTP 504 Gateway Timeout"])),
        row("said", "It is $13.40.", False, **calls([one], said=["13.4"])),
        row("silent", "All done.", False, **calls([one], said=["13.4"])),
        row("wrong", "No milk.", False, **calls([one], said=["eggs"])),
    ) == {(STRICT, "order", "free", "m0"), (STRICT, "order", "same", "m2"),
          (STRICT, "all_done", "said", "m8")}


def test_fillers_fences_and_blanks(flags: Callable) -> None:
    """A filler after the same calls, JSON laid out otherwise, an answer after calls that only read;
    not after a write, not with another word that decides."""
    text = "The callback is booked under CB-3{} nothing has been sent yet for the {} account."
    read, write = made(("search_web", {"q": "a"}), ("open_page", {"u": "b"})), made(PAY)
    lines = "SELECT a FROM t WHERE b = '{}';"
    assert flags(
        row("filler", text.format(", and", "new"), True, **write | {"gold": None}),
        row("filler", text.format(" and", "new"), False, **write | {"gold": None}),
        row("word", text.format(" and", "new"), True, **write | {"gold": None}),
        row("word", text.format(" and", "old"), False, **write | {"gold": None}),
        row("laid", '{"a": 1, "b": [2]}', True), row("laid", '{\n "a": 1, "b": [2]\n}', False),
        row("query", lines.format("Ann"), True), row("query", lines.format("ann"), False),
        row("read", "7", False, **read | {"gold": "7"}),
        row("write", "7", False, **write | {"gold": "7"}),
    ) == {(SAME, "near_equal", "filler", "m0 m1"), (SAME, "same_form", "laid", "m4 m5"),
          (STRICT, "equal", "read", "m8")}


@pytest.mark.parametrize(("judge", "pairs"), [
    ("checks: '4182 ' != '4182'", [("4182 ", "4182")]), ("it isn't what's due == 'x'", []),
    ('expected "a" but got "b"', [("a", "b")])])
def test_what_a_judge_compared(judge: str, pairs: list) -> None:
    assert judged_form.compared(judge) == pairs


def test_judges_who_all_contradict_the_verdict_are_a_lead(build: Callable, run_script: Callable,
                                                          tmp_path: Path) -> None:
    """All further judges, two at least, must say the opposite; where one agrees it is none."""
    def line(turn: int, score: bool) -> str:
        return json.dumps({"turn": turn, "model_name": "m", "user_text": f"Question {turn}?",
                           "assistant_text": f"Answer {turn}.", "tool_calls": [],
                           "tool_results": [], "scores": {"correct": score}}) + "\n"

    run = tmp_path / "runs" / "a"
    run.mkdir(parents=True)
    for judge, verdicts in (("openai", (False, False, True)), ("claude", (True, True, True)),
                            ("mistral", (True, False, True))):
        (run / f"{judge}_judged.jsonl").write_text("".join(map(line, range(3), verdicts)), "utf-8")
    _, folder = build("--run-dir", run)
    assert run_script("audit_benchmark.py", folder).returncode == 0
    found = [json.loads(text) for text in (folder / "audit.jsonl").read_text("utf-8").splitlines()]
    assert [(one["class"], one["kind"], one["item_id"], one["disputed"]) for one in found] == [
        ("judges_against_verdict", "lead", "0", ["a/0"])]
    assert found[0]["numbers"] == {"opposite": 1, "graded": 1, "graders": 2}


@pytest.mark.parametrize(("text", "seconds"), [
    ("2 h 5 min", 7500), ("2:05 h", 7500), ("2h05", 7500), ("PT2H5M", 7500), ("125 minutes", 7500),
    ("2 hours and 5 minutes", 7500), ("2h 5m", 7500), ("two hours, five minutes", 7500),
    ("1 day 2 hours", 93600), ("2:05 min", 125), ("1.5 h", 5400), ("5 min 2 h", None),
    ("2:05", None), ("5 m/s", None), ("25", None), ("2 homes", None), ("3 dogs", None)])
def test_lengths_of_time(text: str, seconds: int | None) -> None:
    assert values.duration(text) == seconds


@pytest.mark.parametrize(("text", "day"), [
    ("9 Mar 2025", (2025, 3, 9)), ("08.11.2025", (2025, 11, 8)), ("8. 11. 2025", (2025, 11, 8)),
    ("2025.11.08", (2025, 11, 8)), ("20251108", (2025, 11, 8)), ("25/12/2025", (2025, 12, 25)),
    ("12/25/2025", (2025, 12, 25)), ("Sunday, 9 March 2025", (2025, 3, 9)),
    ("Sat 8th of November 2025", (2025, 11, 8)), ("2025 Mar 9", (2025, 3, 9)),
    ("08/11/2025", None), ("11-08-2025", None), ("45.11.2025", None), ("8.13.2025", None),
    ("20251308", None), ("Mar 2025", None), ("1.2.3", None), ("2025", None), ("Sunday", None)])
def test_days(text: str, day: tuple | None) -> None:
    assert values.date(text) == day


@pytest.mark.parametrize(("question", "form", "asked"), [
    ("Valid JSON without a code fence: x", "bare", True), ("Do not wrap it in backticks", "bare",
    True), ("No markdown fences", "bare", True), ("Plain JSON, please", "bare", True),
    ("nothing but the JSON object", "bare", True), ("never use a code block", "bare", True),
    ("Give JSON", "bare", False), ("Write markdown", "bare", False), ("Use a code fence", "bare",
    False), ("bullet points with '*'", "marks", True), ('start each line with "-"', "marks", True),
    ("begin with > please", "marks", True), ("3*4", "marks", False), ("the stars", "marks", False)])
def test_what_a_question_says_of_marks(question: str, form: str, asked: bool) -> None:
    assert (form in asks.forms(question)) is asked


@pytest.mark.parametrize(("answer", "gold", "question", "rule"), [
    ("Forty-three years after it was built.", "43", "How many years later was it moved?", "number"),
    ("43 years or more", "43", "How many years later?", ""),
    ("43 days after it", "43", "How many years later?", ""),
    ("Zoe Mueller", "Zoë Müller", "Who founded it?", "accents"),
    ("Bjorn Ostergard", "Bjørn Østergård", "Who?", "accents"),
    ("Zoe Muller", "Zoë Müller", "Who?", "accents"), ("Zoe Miller", "Zoë Müller", "Who?", ""),
    ("1, 3, 5", "[1, 3, 5]", "A list as valid JSON", ""),
    ("2:05 h", "2 h 5 min", "What was the time?", "duration"),
    ("125 min", "2 h 5 min", "How many hours?", "")])
def test_further_forms(answer: str, gold: str, question: str, rule: str) -> None:
    assert alike(answer, gold, question) == rule


@pytest.mark.parametrize(("text", "answer"), [
    ("3 trays make 72, half a tray 12, so eighty-four.", "eighty-four"),
    ("That is 72 and 12, which makes 84.", "84"), ("6 and 7, giving 13 rolls.", "13 rolls"),
    ("It rains, so take it.", ""), ("We have 3 and 4, so 7 or 8.", "")])
def test_a_number_that_a_sentence_comes_to(text: str, answer: str) -> None:
    found = final(text * 1)
    assert (found.text if found.how == "says" else "").rstrip(".") == answer
