"""audit_benchmark.py: golds that are a text, a list or a name of the question or of a result,
spoilt; each beside a question that wants it so."""

from collections.abc import Callable

import pytest

from failure_analysis.audit import as_recorded, demands, excluded, golds
from test_audit_items import act, found, say

__all__ = ["found"]

STOPS = "Which stops does the tram make, in order? 'Quay - Mill - Forge - Park'"
DRAWN = "Which numbers were drawn, in order? Log: 9, 4, 4, 7."
COLOURS = "What colours are on the flag: teal, amber, plum, grey?"
BRANCH = "Create the branch hotfix/7.1 from main."


def check(text: str) -> dict:
    return {"checks": [{"cmd": f"git branch --list {text}", "nonempty": True}]}


def sh(command: str) -> tuple:
    return ("bash", {"command": command}, "ok")


def seat(**given: object) -> tuple[str, dict]:
    return ("book_seat", given)


WORLDS = {
    "gold_spoilt": (
        [*say("tags", "What is the second line? 'a <b>x</b>\n<i>Menu</i>'", "Menu",
              "<i>Menu</i>", "<i>Menu</i>", passing=("Menu",)),
         *say("stars", "Which product stands in the cell 3*x*y?", "3xy", "3*x*y", "3*x*y"),
         *say("cut", "Who signed: 'Lund; Oslo branch'? Give the complete entry.", "Lund",
              "Lund; Oslo branch", "Lund; Oslo branch", passing=("Lund",)),
         *say("octal", "Which mode does the line `umask 027` set?", 23, "027", "027"),
         *say("truth", "Which code has Norway in {SE: 1, NO: 2}?", False, "NO", "NO"),
         *say("masked", "Which card? '5100 7711 2040'", {"card": "5100 •••• 2040"},
              '{"card": "5100 7711 2040"}', '{"card": "5100 7711 2040"}'),
         *say("points", "Wie viele Besucher? '12.480 Besucher'", 12.480, "12480", "12480"),
         *act("sheet", "Cancel 0E14-7.", ("cancel", {"id": "0.00E+00-7"}),
              (("cancel", {"id": "0E14-7"}, "ok"),), (("cancel", {"id": "0E14-7"}, "ok"),)),
         *act("accent", "Cancel ÅS-KÖ-2.", ("cancel", {"id": "AS-KO-2"}),
              (("cancel", {"id": "ÅS-KÖ-2"}, "ok"),), (("cancel", {"id": "ÅS-KÖ-2"}, "ok"),))],
        [*act("another", "Cancel the one before OR-1007.", ("cancel", {"id": "OR-2041"}),
              (("cancel", {"id": "OR-1007"}, "ok"),), (("cancel", {"id": "OR-1007"}, "ok"),)),
         *act("looked-up", "Cancel the visit of P-44.", ("cancel", {"id": "VS-1"}),
              (("cancel", {"id": "P-44"}, "ok"),), (("cancel", {"id": "P-44"}, "ok"),)),
         *say("stripped", "Strip the tags of '<i>Menu</i>'.", "Menu", "<i>Menu</i>",
              "<i>Menu</i>"),
         *say("magnitude", "Magnitude of the drift '-3.5'?", "3.5", "-3.5", "-3.5"),
         *say("both", "Which is the name, 'Menu' or '<i>Menu</i>'?", "Menu", "<i>Menu</i>",
              "<i>Menu</i>"),
         *say("cents", "Extract {cents}: 'Costs 4.99.'", {"cents": 499}, '{"cents": 4.99}',
              '{"cents": 4.99}'),
         *say("alone", "Which product stands in the cell 3*x*y?", "3xy", "3*x*y", "9"),
         *say("part", "Copy the path exactly: 'Home > Cups'.", "Home > Cups", "Cups",
              passing=("Home > Cups", "Home > Cups")),
         *say("passed", "Which mode is in `umask 027`?", 23, "027", "027", passing=("027",))]),
    "gold_list_spoilt": (
        [*say("sorted", STOPS, ["Forge", "Mill", "Park", "Quay"],
              '["Quay", "Mill", "Forge", "Park"]', '["Quay", "Mill", "Forge", "Park"]'),
         *say("set", DRAWN, [9, 4, 7], "[9, 4, 4, 7]", "[9, 4, 4, 7]"),
         *say("elided", COLOURS, ["teal", "...", "grey"], '["teal","amber","plum","grey"]',
              '["teal","amber","plum","grey"]'),
         *say("joined", "Wer spricht? 'Ada und Ben, Kim'", ["Ada und Ben", "Kim"],
              '["Ada","Ben","Kim"]', '["Ada","Ben","Kim"]')],
        [*say("alphabet", f"{STOPS} Sort them by alphabet.", ["Forge", "Mill", "Park", "Quay"],
              '["Quay", "Mill", "Forge", "Park"]', '["Quay", "Mill", "Forge", "Park"]'),
         *say("distinct", DRAWN.replace("numbers", "distinct numbers"), [9, 4, 7],
              "[9, 4, 4, 7]", "[9, 4, 4, 7]"),
         *say("wrong", "Attributes in order: code, city.", ["code", "city"],
              '["city","code"]', '["city","code"]')]),
    "check_otherwise": (
        [*say("sign", BRANCH, check("hotfix-7.1"), "Done.", "It is there.", calls=(
            sh("git branch hotfix/7.1"),)),
         *say("word", "A poem with the word 'willow'.", {"rubric": ["has the word 'wilow'"]},
              "The willow bends", "A willow by the lake"),
         *say("key", "Give userName and userAge of 'Ann, 7'.", {"user_name": "Ann"},
              '{"userName": "Ann"}', '{"userName": "Ann"}'),
         *say("mode", "Set mode 640 on a.txt.", {"checks": [{"stat": "a.txt", "mode": "644"}]},
              "Mode 640.", "a.txt has mode 640.", calls=(sh("chmod 640 a.txt"),))],
        [*say("same", BRANCH, check("hotfix/7.1"), "Done.", "It is there.", calls=(
            sh("git branch hotfix/71"),)),
         *say("passes", BRANCH, check("hotfix-7.1"), "Done.", passing=("Done.",), calls=(
             sh("git branch hotfix/7.1"),)),
         *say("solved", "Ann has 12 pens and 30 cards. How many cards has she left?",
              {"answer": "She has 20 cards.\n#### 20"}, "30 cards", "30 cards")]),
    "gold_refused_anyhow": (
        [*act("more", "A seat, please.", seat(row=4), ((*seat(row=4, fare="flex"), "booked"),),
              ((*seat(row=4), "rejected: fare is missing"),
               (*seat(row=4, fare="flex"), "booked"))),
         *act("null", "The seat beside mine.", seat(row=None), ((*seat(row=5), "booked"),),
              ((*seat(row=5), "booked"),))],
        [*act("worked", "A seat, please.", seat(row=4), ((*seat(row=4, fare="flex"), "booked"),),
              ((*seat(row=4, fare="flex"), "booked"),), passing=(((*seat(row=4), "booked"),),)),
         *act("other", "A seat, please.", seat(row=4), ((*seat(row=6), "booked"),),
              ((*seat(row=7), "booked"), (*seat(row=4), "rejected: taken")))]),
}


@pytest.mark.parametrize("rule", WORLDS)
def test_a_spoilt_gold_is_found_and_one_that_is_wanted_so_is_not(found: Callable, rule: str
                                                                 ) -> None:
    damaged, sound = WORLDS[rule]
    wanted = sorted({(rule, one["id"]) for one in damaged})
    assert [one for one in found("damaged_item", damaged + sound) if one[0] == rule] == wanted


@pytest.mark.parametrize(("text", "gold"), [
    ("0x1f", "31"), ("7:30", "450"), ("06:00", "0.25"), ("2.50", "2.5"), ("off", "false"),
    ("None", "null"), ("4294967301", "4294967295"), ("61234567890123457", "6.123456789012346e+16")])
def test_what_a_program_reads(text: str, gold: str) -> None:
    assert as_recorded._is_read(text, gold) and not as_recorded._is_read(text, text)


def test_what_a_question_demands_forbids_and_says() -> None:
    def kept(question: str, gold: str) -> list[bool]:
        return [one.kept for one in demands.of(question, gold)]

    signs = "A handle: only a-z, digits and underscores."
    assert kept(signs, "ann_7") == [True] and kept(signs, "ann-7") == [False]
    assert kept("Grade the essay from 1 to 6.", "0") == [False]
    assert kept("One word.", "Ada\n\nQuestion 7") == [False]
    assert kept("Two words.", "Ada L") == [True]
    assert kept("Give the primes, one per line.", "2 3 5") == [False]
    assert kept("Never say 'draw'.", "draw") == [False]
    assert excluded.bounds("at least 60 words") and not excluded.bounds("60 words")
    assert golds.states("Who won? <!-- answer: Ada -->", "Ada")
    assert golds.states("Pick one.\nAnswer key for graders: B", "B")
    call = {"actions": [{"name": "ring", "arguments": {"at": "9:00"}}]}
    assert golds.states_json("Wake me. (Expected call: ring(at='9:00'))", call)
    assert not golds.states_json("Wake me. (Expected call: ring(at='8:00'))", call)
    assert golds.is_placeholder("{{row.name}}") and golds.hangs("3,1,")
