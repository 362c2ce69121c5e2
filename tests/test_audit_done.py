"""What was due and not done, what is claimed and not so, and where the run broke: plants and decoys
through the real scripts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from failure_analysis.audit import checked, required, shell, wording
from failure_analysis.audit.required import Call
from failure_analysis.audit.seen import Made, Seen

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


def test_calls_that_nothing_answers_are_answers_and_no_deeds(found: Callable) -> None:
    said = ("book_room", {"room": "7"}, "")
    assert found(
        *(row("x", model, True, "", said) for model in "abcd"),
        row("x", "e", True, "[book_room(room='7')]"),
        row("y", "f", False, "# Booked on Sunday\nI have booked it.", ("get_room", {}, "")),
    ) == []


def test_prose_with_a_stub_beside_it_where_prose_is_asked(found: Callable) -> None:
    stub = "```python\ndef president(year):\n    # to be written\n    pass\n```"
    long = "The function that is given does not tell who held this office. " * 4
    code = "```python\ndef president(year):\n    return TABLE[year]\n```"
    assert found(
        row("prose", "a", True, f"{long}\n{stub}"), row("prose", "b", True, long),
        row("prose", "c", True, "None of these functions tells that."),
        row("code", "a", True, f"{long}\n{stub}"), row("code", "b", True, code),
        row("code", "c", True, f"As follows.\n{code}"),
    ) == [("stub", "code", "a")]


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


TWO = {"actions": [{"name": "cancel_stay", "arguments": {"stay": "RA-20"}},
                   {"name": "send_letter", "arguments": {"to": "kim@mail.test"}}]}
GONE = ("cancel_stay", {"stay": "RA-20"}, '{"status": "cancelled"}')
NOT_GONE = ("cancel_stay", {"stay": "RA-20"}, '{"error": "locked"}')
SENT = ("send_letter", {"to": "kim@mail.test"}, "ok")
UNSENT = ("send_letter", {"to": "kim@mail.test"}, '{"error": "no route"}')


@pytest.mark.parametrize(("answer", "calls", "rules"), [
    ("RA-20 is cancelled, and a letter was sent to Kim.", [GONE],
     ["claimed_passed", "required_missing"]),
    ("RA-20 is cancelled and I have also e-mailed Kim.", [GONE, UNSENT],
     ["claimed_passed", "required_failed"]),
    ("The cancellation went through: RA-20 is cancelled.", [NOT_GONE, SENT],
     ["claimed_passed", "required_failed"]),
    ("Your stay is cancelled.", [GONE], ["required_missing"]),
    ("RA-20 is cancelled and Kim was sent a letter. Do you need anything else? Please contact us "
     "then, and don't hesitate.", [GONE], ["claimed_passed", "required_missing"]),
    # Decoys of the claim: taken back, asked, planned, of what was so before, nothing said of it.
    ("RA-20 is cancelled, but the letter could not be sent.", [GONE, UNSENT],
     ["required_failed"]),
    ("RA-20 is cancelled. Shall I say that it was sent?", [GONE], ["required_missing"]),
    ("RA-20 is cancelled and a letter will be sent to Kim.", [GONE], ["required_missing"]),
    ("RA-20 is cancelled; Kim has already been sent a letter.", [GONE], ["required_missing"]),
    ("RA-20 is gone. Please send Kim a letter yourself.", [GONE], ["required_missing"]),
    ("RA-20 is cancelled. The letter to Kim is signed; it isn't sent.", [GONE],
     ["required_missing"]),
    ("RA-20 is cancelled. Your letters to kim@mail.test are delayed.", [GONE],
     ["required_missing"]),
    ("RA-20 is cancelled. For kim@mail.test you are transferred to a human.", [GONE],
     ["required_missing"]),
    ("RA-20 is a stay that is non-cancellable and based on a fare.", [NOT_GONE, SENT],
     ["required_failed"]),
    # Decoys of both: again and done, all done, done on another road and told.
    ("RA-20 is cancelled and Kim was sent a letter.", [NOT_GONE, GONE, UNSENT, SENT], []),
    ("RA-20 is cancelled and Kim was sent a letter.", [GONE, SENT], []),
    ("RA-20 is cancelled and Kim was sent a letter.",
     [GONE, UNSENT, ("send_message", {"to": "kim@mail.test"}, "ok")], [])])
def test_a_report_of_what_was_not_done(found: Callable, answer: str, calls: list, rules: list
                                       ) -> None:
    rows = (row("x", "w", True, "Fine.", GONE, SENT, gold=TWO),
            row("x", "a", True, answer, *calls, gold=TWO))
    assert found(*rows) == [(rule, "x", "a") for rule in rules]


def point(host: str, value: str = "203.0.113.8") -> tuple:
    """A call that points a host somewhere."""
    return ("point_host", {"host": host, "value": value}, "ok")


def gold_of(*calls: tuple) -> dict:
    """What is expected, where these calls are."""
    return {"actions": [{"name": name, "arguments": given} for name, given, _ in calls]}


def test_a_write_for_another_object(found: Callable) -> None:
    web, both = point("www.lark.net"), [point("www.lark.net"), point("api.lark.net")]
    assert found(
        *(row(item, "w", True, "Fine.", *both, gold=gold_of(*calls)) for item, calls in
          (("other", [web]), ("one", both), ("form", [web]), ("road", [web]))),
        row("other", "a", True, "Fine.", point("ww2.lark.net"), gold=gold_of(web)),
        row("one", "a", True, "Fine.", web, gold=gold_of(*both)),
        # Decoys: form alone, another road, a value that is no name, no pass that does it.
        row("form", "a", True, "Fine.", point("WWW.lark.net."), gold=gold_of(web)),
        row("road", "a", True, "Fine.", point("ww2.lark.net"), OTHER, gold=gold_of(web)),
        *(row("gold", model, True, "Fine.", point("ww2.lark.net"), gold=gold_of(web))
          for model in "ab"),
        row("date", "w", True, "Fine.", DID, ("book_room", {"room": "7", "day": "2024-05-01"}, "k"),
            gold=gold_of(("book_room", {"room": "7", "day": "2024-05-01"}, ""))),
        row("date", "a", True, "Fine.", ("book_room", {"room": "7", "day": "2024-05-02"}, "k"),
            gold=gold_of(("book_room", {"room": "7", "day": "2024-05-01"}, ""))),
    ) == [("required_elsewhere", "one", "a"), ("required_elsewhere", "other", "a")]


def test_a_required_tool_that_nobody_called(found: Callable) -> None:
    used = [(f"{verb}_stay", {"stay": "RA-20"}, "ok") for verb in ("book", "move", "pay", "hold")]
    lost = ("lock_stay", {"stay": "RA-20"}, "")
    rows = [row(f"u{n}", "w", True, "Fine.", call, gold=gold_of(call))
            for n, call in enumerate(used)]
    # Decoys: what runs name otherwise (here one tool in five, and of three tools one).
    assert found(*rows, row("x", "a", True, "Fine.", used[0], gold=gold_of(used[0], lost))) == [
        ("required_missing", "x", "a")]
    assert found(*rows[1:], row("x", "a", True, "Fine.", gold=gold_of(used[0], lost))) == []
    assert found(*rows[:2], row("x", "a", True, "Fine.", used[0], gold=gold_of(used[0], lost))
                 ) == []


@pytest.mark.parametrize(("answer", "calls", "rules"), [
    ("Your stay is cancelled.", [GONE], ["only_words_missing"]),
    ("Your stay is cancelled, for 2 persons.", [GONE], []),  # another figure: a wrong sentence
    ("Cancelled; you get 35.50 back.", [GONE], []),  # said, in another form
    ("Your stay is cancelled.", [GONE, OTHER], []),  # another write, which may be the fault
    ("Your stay is cancelled.", [], []),
    ("I cannot cancel it.", [GONE], [])])
def test_only_the_sentence_is_missing_of_a_bare_verdict(found: Callable, answer: str, calls: list,
                                                        rules: list) -> None:
    gold = {**gold_of(GONE), "outputs": ["35.5"]}
    assert found(row("x", "w", True, "35.5", GONE, gold=gold), row(
        "x", "a", False, answer, *calls, gold=gold, end="stop")) == [
            (rule, "x", "a") for rule in rules]


@pytest.mark.parametrize(("answer", "expected", "rule"), [
    ("{}", {"temp": 38.9}, "nothing_filled"),
    ('```json\n{"temp": null, "unit": ""}\n```', {"temp": 38.9, "unit": "C"}, "nothing_filled"),
    ("def merge(a, b):\n    pass", "def merge(a, b):\n    return a + b", "stub"),
    ('```python\ndef merge(a, b):\n    """Merges."""\n    raise NotImplementedError\n```', None,
     "stub"),
    ("function merge(a, b) {\n  // TODO\n}", "function merge(a, b) { return 1; }", "stub"),
    ("I was unable to find the figure.", "2874", "says_it_could_not"),
    ("Nothing was found.", "2874", "says_it_could_not"),
    ("unanswerable", "vellum", "says_it_could_not"),
    # Decoys: what is expected has none either, a value is there, nobody asks for a body.
    ("{}", {}, None), ('{"side": null}', {"side": None}, None),
    ('{"count": 0, "side": null}', {"count": 0, "side": "left"}, None),
    ('Set it to {} and read on: {"temp": 38.9}', {"temp": 38.9}, None),
    ("def f(x):\n    pass", "def f(x):\n    pass", None),
    ("def f(x):\n    try:\n        return 1\n    except ValueError:\n        pass", "def f(x): ...",
     None),
    ("def f(x):\n    raise ValueError('TODO')", "def f(x):\n    raise ValueError", None),
    ("I pass.", "pass", None), ("unanswerable", "B", None), ("unknown", "not stated", None),
    ("The author was unable to find it.", "the census", None)])
def test_an_answer_that_holds_nothing(found: Callable, answer: str, expected: object,
                                      rule: str | None) -> None:
    assert found(row("x", "a", True, answer, gold=expected), row(
        "x", "b", True, "Something else.", gold=expected), row(
            "x", "c", True, "Something more.", gold=expected)) == (
                [(rule, "x", "a")] if rule else [])


def test_a_refusal_where_nothing_is_recorded_as_expected(found: Callable) -> None:
    sorry = "I'm sorry, but I can't help with writing this letter."
    assert found(
        *(row("letter", model, True, f"Dear guests, {model}.") for model in "bcd"),
        row("letter", "a", True, sorry),
        # Decoys: half of them refuse, tools are at hand, it asks back, no other passes.
        *(row("half", model, True, f"Dear {model}.") for model in "bc"),
        *(row("half", model, True, sorry) for model in "ad"),
        *(row("tools", model, True, f"Dear {model}.", LOOK) for model in "bcd"),
        row("tools", "a", True, sorry),
        *(row("asks", model, True, f"Dear {model}.") for model in "bcd"),
        row("asks", "a", True, "I cannot write it yet. To whom is it?"),
        *(row("alone", model, False, f"Dear {model}.") for model in "bcd"),
        row("alone", "a", True, sorry),
    ) == [("says_it_could_not", "letter", "a")]


def run(command: str, result: str) -> Made:
    """A shell command that was run."""
    return Made("assistant", "bash", {"cmd": command}, result, "", False)


@pytest.mark.parametrize(("command", "result", "looks", "failed"), [
    ("git status | head -3", "clean", True, False), ("cat a > b", "", False, False),
    ("cat a 2>/dev/null", "", True, False), ("ls && rm a", "", False, False),
    ("chmod 600 k", "chmod: changing permissions of k: Operation not permitted", False, True),
    ("git commit -m x", "fatal: unable to write", False, True),
    ("grep error log", "3 errors were found", True, False),
    ("make", "warning: no such option, ignored\ndone", False, False)])
def test_shell_commands(command: str, result: str, looks: bool, failed: bool) -> None:
    assert (shell.looks(run(command, result)), shell.failed(run(command, result))) == (
        looks, failed)


PATCH = Made("assistant", "edit_file", {"path": "a.py"}, "ok", "", False)
RED, GREEN = run("pytest -q", "1 failed, 18 passed in 0.1s"), run("pytest -q", "19 passed in 1s")


@pytest.mark.parametrize(("answer", "made", "judge", "denied"), [
    ("All tests pass.", [RED], "", True), ("The full suite passes now, 19 of 19.", [RED], "", True),
    ("I ran the whole suite and everything is green.", [RED, PATCH], "", True),
    ("Verified: all 5 tests pass.", [], "pytest: 0 passed, 5 failed (TypeError)", True),
    ("The suite is green.", [run("go test ./...", "--- FAIL: TestA (0.00s)\nFAIL")], "", True),
    ("All tests pass.", [run("python -m unittest", "FAILED (failures=1)")], "", True),
    ("All tests pass.", [run("npm test", "Tests: 1 failed, 4 passed, 5 total")], "", True),
    # Decoys: green in the end, mended after, hedged, in part, no failure, no test, prose.
    ("All tests pass.", [RED, PATCH, GREEN], "", False), ("All tests pass.", [RED, PATCH], "",
                                                          False),
    ("All tests should pass now.", [RED], "", False), ("18 of 19 tests pass.", [RED], "", False),
    ("All tests but one pass.", [RED], "", False), ("18 tests pass.", [RED], "", False),
    ("The test of rounding passes.", [RED], "", False),
    ("All tests pass.", [run("pytest", "5 passed, 0 failed, 0 errors")], "", False),
    ("All tests pass.", [run("cat log", "1 failed")], "", False),
    ("All tests pass.", [], "5 passed, 0 failed", False),
    ("Your tests pass.", [], "It says that the tests pass; an earlier draft of this had 2 failed "
     "attempts, " + "as I saw. " * 30, False)])
def test_claims_about_tests(answer: str, made: list, judge: str, denied: bool) -> None:
    assert bool(checked.denied(seen_of(answer, made, judge), "Fix it.")) is denied


def seen_of(answer: str, made: list, judge: str) -> Seen:
    """A passing datapoint."""
    return Seen("i", "r", "m", 0, "pass", [], {}, None, None, "q", answer, "", None, made, [],
                None, judge, None)


@pytest.mark.parametrize(("answer", "judge", "denied"), [
    ("Rain falls.\nWords: 34", "counter: 22 words in total", True),
    ("A concert. (Word count checked: 9 words)", "ok; note from counter: 17 words", True),
    ("I have checked: no letter z occurs any more.", "counter: z occurs 2 times", True),
    ("a\nb\nAll three lines are above.", "lines: 3; german: not found", True),
    # Decoys: equal or nearly, no count, another thing, nothing is missing, no claim.
    ("Rain falls.\nWords: 34", "counter: 34 words in total", False),
    ("Rain falls. (21 words)", "counter: 22 words in total", False),
    ("Words: 34", "uses 3 words of the list", False),
    ("Words: 34", "It is short.", False),
    ("No letter z is used.", "x occurs 2 times; z occurs 0 times", False),
    ("All three lines are above.", "nothing is missing", False),
    ("All three lines are above.", "missing: none", False),
    ("Two lines are above.", "german: not found", False)])
def test_claims_about_counts(answer: str, judge: str, denied: bool) -> None:
    assert bool(checked.denied(seen_of(answer, [], judge), "Use 30 words.")) is denied


@pytest.mark.parametrize("text", [
    "Done. I booked nothing.", "Done. Nothing has been changed.", "I have opened the page of it."])
def test_claims_of_nothing(text: str) -> None:
    assert wording.claims(text) == []


SAYS_NO = ("book_room", {"room": "7"}, '{"booked": false, "reason": "locked by another user"}')


@pytest.mark.parametrize(("passed", "answer", "calls", "rules"), [
    (True, "I have booked room 7.", [SAYS_NO], ["claimed_passed", "required_failed"]),
    (False, "I have booked room 7.", [SAYS_NO], ["claimed_failed"]),
    (False, "The booking of room 7 is booked on 12 May.", [LOOK, SAYS_NO], ["claimed_failed"]),
    (False, "I have booked room 7.", [SAYS_NO, DID], []),
    (False, "Room 7 is locked, I stopped there.", [SAYS_NO], []),
    (True, "Room 7 is locked, I stopped there.", [SAYS_NO], ["required_failed"])])
def test_a_refusal_in_the_words_of_the_tool(found: Callable, passed: bool, answer: str, calls: list,
                                            rules: list) -> None:
    assert found(worked(), row("x", "a", passed, answer, *calls, gold=BOOK)) == [
        (rule, "x", "" if rule == "claimed_failed" else "a") for rule in rules]
