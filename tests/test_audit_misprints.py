"""audit_benchmark.py: misprints of an item, each beside what only looks like one."""

from collections.abc import Callable

import pytest

from test_audit_items import act, found, row, say

__all__ = ["found"]

FIRST = "Which gas do plants take in?\nA. oxygen\nB. carbon dioxide\nC. helium\n"
CODE = "What prints 1?\nA. for i in a:\n  print(i)\nB. for i in a:\n  print(1)\nC. no\n\nAnswer: "
CALL = {"order_id": "W12", "reason": "late"}
SAME, GOOD = ("cancel_order", CALL, "ok"), "def area(r):\n    return 3 * r\n"


def twice(ident: str, question: str, *passing: str) -> list[dict]:
    """An item that expects one write twice, which two models made once."""
    gold = {"actions": [{"name": SAME[0], "arguments": CALL}] * 2}
    return [row(ident, f"m{place}", question, gold, "Done.", ok, SAME, *again)
            for place, (ok, again) in enumerate(((False, ()), (False, ()), *(
                (True, (SAME,)) for _ in passing)))]


# rule -> items that are damaged so, and items that only look so.
WORLDS = {
    "options_alike": ([
        *say("same", FIRST + "D. carbon  dioxide.\n\nAnswer with a letter.", "B", "D", "A"),
        *say("text", FIRST + "D. oxygen\nAnswer:", "oxygen", "B", passing=("A",)),
        *say("line", "Is it (A) 4 (B) 5 (C) 4 (D) 7?", "A", "C", "B"),
        *say("blank", FIRST + "D.\n", "D", "B", "A"),
    ], [
        *say("other", FIRST + "D. oxygen", "B", "D", "A"),
        *say("lines", CODE, "A", "B", "C"),
        *say("case", "Which is magnesium?\nA. Mg\nB. mg\nC. MG", "A", "B", "C"),
        *say("shots", "Sky?\nA. blue\nB. red\nC. no\nAnswer: A\n\nSea?\nA. blue\nB. red\nC. no\n"
             "Answer:", "A", "B", "C"),
        *say("signs", "Type?\nA. 5\nB. 5.\nC. x;\nD. x", "A", "B", "C"),
        *say("pictures", "Which picture is it?\nA.\nB.\nC.\nD.\n", "B", "A", "C"),
    ]),
    "nothing_given": ([
        *say("table", "How many rows of the table below are odd?", "4",
             "I don't see a table in your message.", "Please provide the table.", "4 or 5"),
        *say("graph", "By the graph, when did it peak?", "1998", "There is no graph attached.",
             "I cannot see the graph you mention."),
        *say("text", "By the passage, who left first?", "Ann",
             "The passage was not provided, so I cannot say.", "No passage was included."),
    ], [
        *say("may", "Who left, by the passage? If it is missing, say so.", "Ann",
             "The passage is missing.", "No passage was given."),
        *say("right", "By the passage, who left first?", "unanswerable",
             "The passage was not provided.", "No passage was included."),
        *say("some", "Who left first, by the passage?", "Ann", "The passage is missing.",
             "No passage was given.", passing=("Ann",)),
        *say("asked", "Which word is missing: 'the text was ___ provided'?", "not",
             "The text was not provided.", "No text was provided."),
        *say("unnamed", "What does the customer say next: 'It never came'?", "Where is it?",
             "Please provide the order list.", "I don't have the data."),
        *say("draft", "Draft a line to the client who forgot the file.", "Hi, it is not here.",
             "Hi, no file was attached.", "Hello, the file was not included."),
        *say("one", "Which of them left first, by the text?", "Ann", "The text is missing.",
             "Bob", "Ben"),
    ]),
    "slot_unfilled": ([
        *say("slot", "Read this: {context}\nWho left first?", "Ann", "Bob", "Ben"),
        *say("snake", "Dear {customer_name}, what is due?", "5", "6", "7"),
        *say("object", "Who wrote [object Object] in 1912?", "Ann", "Bob", "Ben"),
        *say("jinja", "Dear agent, please help {{ name }} with the order.", "Ann", "Bob", "Ben"),
    ], [
        *say("latex", "Simplify \\frac{input}{name} and \\text{name} of x_{text}.", "1", "2", "3"),
        *say("template", "Which value fills {name} in this template: 'Hi {name}'?", "1", "2", "3"),
        *say("code", "What does `'{name}'` hold?", "1", "2", "3"),
        *say("solved", "Read this: {passage}\nWho left second?", "Ann", "Bob", "Ben",
             passing=("Ann",)),
        *say("path", "Use {user_id} in the path /users/{user_id}: which is it?", "1", "2", "3"),
        *say("set", "Which set is {a, b} of {1, 2}?", "1", "2", "3"),
    ]),
    "name_misspelt": ([
        *act("tool", "Cancel the order W12, it is late.", ("cancel_ordr", CALL), (SAME,), (SAME,)),
        *act("key", "Cancel the order W12: late.", ("cancel_order", {"orderId": "W12",
             "reason": "late"}), (SAME,), (SAME,)),
    ], [
        *act("other", "Cancel the order W13.", ("cancel_ordr", {"order_id": "W13"}),
             (SAME,), (SAME,)),
        *act("both", "Cancel the orders.", ("cancel_orders", CALL), (SAME,), (SAME,),
             (("cancel_orders", CALL, "ok"),)),
        *act("refused", "Stop the order W12.", ("cancel_ordre", CALL),
             (("cancel_order", CALL, '{"error": 1}'),), (("cancel_order", CALL, '{"error": 1}'),)),
        *act("far", "Close the order W12.", ("close_order", CALL), (SAME,), (SAME,)),
    ]),
    "write_twice": ([
        *twice("once", "Cancel my order W12, it is late."),
    ], [
        *twice("asked", "Cancel my order W12, and then once more, that is twice."),
        *twice("passed", "Please cancel my order W12, it is late.", "twice"),
    ]),
    "gold_marked_up": ([
        *say("entity", "Which company was it?", "AT&amp;T", "AT&T", "AT&T"),
        *say("tag", "Which river is the longest?", "the <b>Nile</b>", "the Nile", "the Nile"),
        *say("wiki", "Who was she?", "[[Ann Lee]]", "Ann Lee", "Ann Lee"),
        *say("note", "Who was it that wrote it?", "Ann Lee[3]", "Ann Lee", "Ann Lee"),
        *say("sign", "Where was he born?", "M\\u00fcnchen", "München", "München"),
    ], [
        *say("html", "Escape AT&T for HTML.", "AT&amp;T", "AT&T", "AT&T"),
        *say("wrong", "Which firm was it?", "AT&amp;T", "IBM", "IBM"),
        *say("list", "What is x after x.append(3), as a list?", "a[3]", "a", "b"),
    ]),
    "gold_no_code": ([
        *say("cut", "Write area(r).", "def area(r):\n    return 3 * (r", GOOD, GOOD),
        *say("name", "Write a function named area of r.", "def aera(r):\n    return r\n",
             GOOD, f"```python\n{GOOD}```"),
    ], [
        *say("rest", "def area(r):\n    if r:", "        return 1\ndef b():\n    return 2\n",
             GOOD, GOOD),
        *say("old", "Write a greeting.", "def a():\n    print 'hi'\n", GOOD, GOOD),
        *say("good", "Write a function named area of r.", "def area(r):\n    return r\n",
             GOOD, GOOD),
        *say("solved", "Write area.", "def area(r):\n    return 3 * (r", GOOD, GOOD,
             passing=(GOOD,)),
    ]),
    "gold_is_question": ([
        *say("echo", "Who wrote the third letter?", "Who wrote the third letter?", "Ann", "Bob"),
    ], [
        *say("said", "Repeat this to me now", "Repeat this to me now", "Ann",
             passing=("Repeat this to me now",)),
    ]),
}


@pytest.mark.parametrize("rule", WORLDS)
def test_a_misprint_is_found_and_what_looks_like_one_is_not(found: Callable, rule: str) -> None:
    damaged, sound = WORLDS[rule]
    wanted = sorted({(rule, one["id"]) for one in damaged})
    assert [one for one in found("damaged_item", damaged + sound) if one[0] == rule] == wanted
