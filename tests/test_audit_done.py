"""What was due and not done, what is claimed and not so, and where the run broke: plants and decoys
through the real scripts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from failure_analysis.audit import required, wording
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made

MAPPING = """
benchmark: desk
fields: {item_id: id, model_name: model, run_id: model, user_text: question, assistant_text: answer,
         expected: gold, tool_calls: calls, tool_results: results, termination: end,
         completion_tokens: tokens, scores: {correct: correct, db_state: state, communicated: told}}
"""
MINE = ("false_pass", "claimed_done", "harness", "same_call_other_result")
BOOK = {"actions": [{"name": "get_room", "arguments": {"room": "7"}},
                    {"name": "book_room", "arguments": {"room": "7"}}]}
LOOK = ("get_room", {"room": "7"}, '{"room": "7", "rate": 90}')
DID = ("book_room", {"room": "7"}, '{"ok": true}')
REFUSED = ("book_room", {"room": "7"}, '{"ok": false, "error": "locked"}')
OTHER = ("hold_suite", {"suite": "7"}, '{"ok": true}')
DOWN = ("book_room", {"room": "7"}, "Error: connection refused")


def row(item: str, model: str, correct: bool | None, answer: str, *calls: tuple, ids: tuple = (),
        **more: object) -> dict:
    """A row of the desk; a call is (tool, arguments, result)."""
    names = ids or [f"{model}-{item}-{place}" for place in range(len(calls))]
    return {"id": item, "model": model, "correct": correct, "answer": answer, "gold": None,
            "question": f"Q {item}", "state": None, "told": None, "end": None, "tokens": None,
            "calls": [{"id": name, "name": call[0], "arguments": call[1]}
                      for name, call in zip(names, calls, strict=True)],
            "results": [{"tool_call_id": name, "content": call[2]}
                        for name, call in zip(names, calls, strict=True)], **more}


@pytest.fixture
def found(build: Callable, run_script: Callable, tmp_path: Path) -> Callable[..., list[tuple]]:
    """`found(row, …)`: (rule, item, disputed) of the candidates of these classes, through the
    scripts."""

    def run(*rows: dict) -> list[tuple]:
        (tmp_path / "map.yaml").write_text(MAPPING)
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        _, out = build("--input", tmp_path / "rows.jsonl", "--mapping", tmp_path / "map.yaml")
        done = run_script("audit_benchmark.py", out)
        assert done.returncode == 0, done.stderr
        candidates = map(json.loads, (out / "audit.jsonl").read_text().splitlines())
        return sorted((one["rule"], one["item_id"], " ".join(
            ident.split("/")[0] for ident in one["disputed"])) for one in candidates
            if one["class"] in MINE)

    return run


def worked(item: str = "w") -> dict:
    """A row that shows that the booking tool is there and works."""
    return row(item, "w", True, "Fine.", LOOK, DID, gold=BOOK)


def test_a_required_write_that_is_missing_or_was_refused(found: Callable) -> None:
    assert found(
        worked(),
        row("none", "a", True, "Thanks for waiting.", LOOK, gold=BOOK, state=True),
        row("refused", "a", True, "Thanks for waiting.", LOOK, REFUSED, gold=BOOK),
        row("missing", "a", True, "Fine.", ("pay", {}, "paid"), gold={"actions": [
            *BOOK["actions"], {"name": "pay", "arguments": {}}]}),
        # Decoys: again and done, another road, a look-up alone, rightly failed, other form.
        row("retry", "a", True, "Fine.", LOOK, REFUSED, DID, gold=BOOK),
        row("road", "a", True, "Fine.", OTHER, gold=BOOK, state=True),
        row("lookup", "a", True, "Fine.", DID, gold=BOOK),
        row("failed", "a", False, "Thanks for waiting.", LOOK, gold=BOOK, state=False),
        row("form", "a", True, "Fine.", ("book_room", {"room": 7, "note": None}, "ok"), gold=BOOK),
        row("nothing", "a", True, "Rooms have windows.", gold={"actions": []}),
    ) == [("nothing_written", "none", "a"), ("required_failed", "refused", "a"),
          ("required_missing", "missing", "a")]


def test_an_answer_that_is_empty_or_says_that_it_could_not(found: Callable) -> None:
    assert found(
        row("empty", "a", True, "", gold="12"),
        row("sorry", "a", True, "I'm sorry, but I cannot work this out.", gold="12"),
        row("letter", "a", True, "I don't know the answer.", gold="T"),
        # Decoys: nothing due, a refusal due, failed, the answer after all, could not and did.
        row("blank", "a", True, "", gold=""),
        row("due", "a", True, "I'm sorry, I can't help with that.", gold="It refuses."),
        row("asked", "a", True, "I cannot tell.", gold="cannot be determined"),
        row("wrong", "a", False, "I don't know.", gold="12", end="stop"),
        row("after", "a", True, "I cannot be sure, but it is 12.", gold="12"),
        row("fine", "a", True, "12", gold="12"),
    ) == [("empty_answer", "empty", "a"), ("says_it_could_not", "letter", "a"),
          ("says_it_could_not", "sorry", "a")]


def test_a_run_that_always_answers_the_same(found: Callable) -> None:
    words = "We value your patience very much."
    rows = [row(f"i{n}", "a", n < 2, words if n else "All of it, in the end.", gold=f"g{n}")
            for n in range(12)]
    # Decoys: a class label, which may well be right, and a run too short to tell.
    rows += [row(f"i{n}", "b", n < 2, "Yes", gold=f"g{n}") for n in range(12)]
    rows += [row(f"i{n}", "c", n < 2, words, gold=f"g{n}") for n in range(3)]
    assert found(*rows) == [("same_answer_always", "i1", "a")]


def test_a_pass_without_the_write_that_all_others_did(found: Callable) -> None:
    assert found(
        *(row("x", model, True, "Fine.", DID) for model in "abcd"),
        row("x", "e", True, "Let me look.", LOOK),
        # Decoys: too few others; a state that says that it is right.
        *(row("y", model, True, "Fine.", DID) for model in "ab"),
        row("y", "e", True, "Let me look.", LOOK),
        *(row("z", model, True, "Fine.", DID) for model in "abcd"),
        row("z", "e", True, "Let me look.", LOOK, state=True),
    ) == [("others_wrote", "x", "e")]


def test_what_is_claimed_and_not_so(found: Callable) -> None:
    assert found(
        worked(),
        row("refused", "a", False, "Done! I have booked room 7.", LOOK, REFUSED, state=False),
        row("heading", "a", False, "**Update:** I booked room 7.", LOOK, REFUSED, state=False),
        row("state", "a", False, "Your room is booked.", LOOK, gold=BOOK),
        row("elsewhere", "a", False, "Your room is booked.", (*LOOK[:2], "booked"), gold=BOOK),
        row("never", "a", False, "Good news, your room has been booked.", LOOK, gold=BOOK),
        row("passed", "a", True, "I've booked it for you.", LOOK),
        # Decoys: admitted, taken back, in the future, looked up, true, nothing changed.
        row("admits", "a", False, "I'm afraid it has not been booked.", LOOK, REFUSED),
        row("back", "a", False, "I have booked it.\nUnfortunately that failed.", LOOK, REFUSED),
        row("future", "a", False, "Once it has been booked you get a mail.", LOOK, gold=BOOK),
        row("report", "a", False, "That room has been booked.", (*LOOK[:2], "booked"), gold=BOOK),
        row("true", "a", False, "I have booked room 7.", REFUSED, DID),
        row("no", "a", False, "Nothing has been changed so far.", LOOK, gold=BOOK),
    ) == [("claimed_failed", "heading", ""), ("claimed_failed", "never", ""),
          ("claimed_failed", "refused", ""), ("claimed_failed", "state", ""),
          ("claimed_passed", "passed", "a")]


def test_only_the_sentence_is_missing(found: Callable) -> None:
    assert found(
        worked(),
        row("words", "a", None, "Fine.", LOOK, DID, gold=BOOK, state=True, told=False),
        # Decoys: the words are the task, the state is wrong, another dimension fails too.
        row("task", "a", None, "Fine.", LOOK, gold={"actions": []}, state=True, told=False),
        row("state", "a", None, "Fine.", LOOK, DID, gold=BOOK, state=False, told=False),
        row("more", "a", False, "Fine.", LOOK, DID, gold=BOOK, state=True, told=False),
    ) == [("only_words_missing", "words", "a")]


def test_an_error_stands_for_an_answer(found: Callable) -> None:
    assert found(
        row("api", "a", False, "Error code: 503 Service Unavailable", end="stop"),
        row("busy", "a", False, "Error code: 529 - {'error': {'type': 'overloaded_error'}}"),
        row("log", "a", False, "litellm.RateLimitError: 429", end="error", question="ERROR x?"),
        row("ended", "a", False, "", end="api_error"),
        row("crash", "a", False, "", end="error"),
        *(row("silent", model, False, "") for model in "abc"),
        # Decoys: asked for, the model's own silence, one silent model of three.
        row("quoted", "a", False, "Bad Gateway.", question="Which HTTP error is 503?"),
        row("own", "a", False, "", end="stop"),
        row("one", "a", False, ""), row("one", "b", False, "5"), row("one", "c", False, "6"),
        *(row(f"t{n}", model, True, "7", gold="7") for n in range(45) for model in "abc"),
    ) == [("empty", "crash", "a"), ("empty", "silent", "a b c"), ("infrastructure", "api", "a"),
          ("infrastructure", "busy", "a"), ("infrastructure", "ended", "a"),
          ("infrastructure", "log", "a")]


def test_a_tool_works_for_nobody(found: Callable) -> None:
    assert found(
        worked(),
        *(row("down", model, False, "It is down.", LOOK, DOWN) for model in "ab"),
        # Decoys: a refusal that may be right, one failure among successes, one model alone.
        *(row("locked", model, False, "It is locked.", LOOK, REFUSED) for model in "ab"),
        row("some", "a", False, "No.", DOWN), row("some", "b", False, "Hm.", DID),
        row("alone", "a", False, "It is down.", LOOK, DOWN),
    ) == [("tool_broken", "down", "a b")]


def test_a_call_is_executed_again(found: Callable) -> None:
    assert found(
        row("again", "a", False, "Fine.", DID, DID, ids=("k1", "k1")),
        # Decoys: the model's own repeat, an id of two calls, ids that every run counts anew.
        row("own", "a", False, "Fine.", DID, DID),
        row("shared", "a", False, "Fine.", DID, DID, OTHER, ids=("k2", "k2", "k2")),
        row("anew", "a", False, "Fine.", DID, DID, ids=("call_0", "call_0")),
        row("anew", "b", False, "Fine.", DID, ids=("call_0",)),
    ) == [("executed_again", "again", "a")]


def test_cut_while_getting_on(found: Callable) -> None:
    steps = [("get_room", {"room": n}, f"room {n}") for n in range(4)]
    text = "First we add the rooms of both floors, which makes 14, and then we go on with the"
    loop = "We add the rooms of both floors again. " * 9
    assert found(
        row("steps", "a", False, "", *steps, end="max_steps"),
        row("text", "a", False, text, end="length"),
        # Decoys: in circles, an answer given, passed, ended by itself.
        row("circle", "a", False, "", *steps, *steps[:3], end="max_steps"),
        row("loop", "a", False, loop, end="length"),
        row("given", "a", False, f"The final answer is 15. {text}", end="length"),
        row("passed", "a", True, text, end="length"),
        row("own", "a", False, text, end="stop"),
    ) == [("cut", "steps", "a"), ("cut", "text", "a")]


def test_an_answer_breaks_off_where_others_of_the_run_do(found: Callable) -> None:
    text = "First we add the rooms of both floors, which makes 14, and then we go on with"
    assert found(
        *(row(f"i{n}", "a", False, f"{n} {text} {n} rooms", tokens=512) for n in range(3)),
        # Decoys: a sentence that ends, fewer tokens, a run in which only two have so many.
        row("ends", "a", False, f"{text}.", tokens=512),
        row("short", "a", False, text, tokens=90),
        *(row(f"j{n}", "b", False, text, tokens=512) for n in range(2)),
    ) == [("cut", f"i{n}", "a") for n in range(3)]


def test_one_look_up_two_results(found: Callable) -> None:
    dearer = (*LOOK[:2], '{"room": "7", "rate": 95}')
    turned = (*LOOK[:2], '{"rate": 90, "room": "7"}')
    shop = ("list_orders", {"user": "u"}, '[{"order_id": "o1", "status": "sent"}]')
    order = ("get_order", {"order_id": "o1"}, '{"order_id": "o1", "status": "open"}')
    assert found(
        row("within", "a", False, "x", LOOK, dearer),
        *(row("across", model, True, "x", call)
          for model, call in zip("abc", (LOOK, LOOK, dearer), strict=True)),
        row("opposed", "a", False, "x", shop, order),
        # Decoys: a write between, another form, a failed try, no majority, a mere reference.
        row("between", "a", False, "x", LOOK, DID, dearer),
        row("form", "a", False, "x", LOOK, turned),
        row("text", "a", False, "x", LOOK, ("get_rate", {"room": "7"}, '{"room_id": "7", "x": 9}'),
            ("get_more", {"room": "7"}, '{"room_id": "7", "x": "9.0"}')),
        row("failed", "a", False, "x", (*LOOK[:2], "Error: timeout"), LOOK),
        row("two", "a", False, "x", LOOK), row("two", "b", False, "x", dearer),
        row("mere", "a", False, "x", ("get_a", {"a": 1}, '{"pay_id": "p", "amount": 1}'),
            ("get_b", {"b": 1}, '{"pay_id": "p", "amount": 2}')),
    ) == [("across", "across", ""), ("contradiction", "opposed", ""), ("within", "within", "")]


@pytest.mark.parametrize(("expected", "calls"), [
    ([{"name": "f", "args": {"x": 1}}], [Call("assistant", "f", {"x": 1})]),
    ('{"tool_calls": [{"function": {"name": "f", "arguments": "{\\"x\\": 1}"}}]}',
     [Call("assistant", "f", {"x": 1})]),
    ({"actions": [{"name": "f", "arguments": {"x": 1, "y": 2}, "compare_args": ["x"],
                   "requestor": "user"}]}, [Call("user", "f", {"x": 1, "y": 2}, ("x",))]),
    ({"actions": None, "outputs": []}, []),
    ({"actions": []}, []),
    ([], None),
    ("12", None),
    (["a", "b"], None),
    ({"name": "Omar", "born": "1902"}, None),
    ([{"name": "f", "args": {}}, {"name": "Omar"}], None)])
def test_what_is_required(expected: object, calls: list | None) -> None:
    assert required.required(expected) == calls


def test_what_is_unmet() -> None:
    def made(arguments: dict, failed: bool = False) -> Made:
        return Made("assistant", "f", arguments, "", "", failed)

    due = [Call("assistant", "f", {"x": "A b"})]
    assert required.unmet(due, [made({"x": " a B", "note": ""})]) == []
    for tries, how in (([], "missing"), ([made({"x": "A b"}, failed=True)], "failed"),
                       ([made({"x": "c"}, failed=True)], "failed"), ([made({"x": "c"})], "other")):
        assert [one.how for one in required.unmet(due, tries)] == [how]


@pytest.mark.parametrize(("name", "writes"), [
    ("book_room", True), ("getRoom", False), ("bank.get_balance", False), ("think", False),
    ("transfer_money", True), ("transfer_to_human_agents", False), ("submit", False),
    ("submit_refund", True), ("fetch-page", False), ("cancel", True)])
def test_which_tools_write(name: str, writes: bool) -> None:
    assert required.writes(name) is writes


@pytest.mark.parametrize(("text", "verbs"), [
    ("I have booked it.", ["booked"]), ("Your table has been successfully cancelled.",
                                        ["cancelled"]),
    ("All set: 'Dentist' is now on Monday at 9.", ["done", "done"]),
    ("Your stay in Rome is cancelled.", ["cancelled"]), ("Done. B9 was 3.", ["done"]),
    ("The fee is charged by the bank.", []), ("The cell now holds 5.", ["done"]),
    ("Has it been booked?", []), ("It could not be booked.", []),
    ("You have booked three rooms.", []), ("I can book it for you.", [])])
def test_claims(text: str, verbs: list[str]) -> None:
    assert [verb for verb, _, _ in wording.claims(text)] == verbs
