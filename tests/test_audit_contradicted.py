"""audit_benchmark.py: golds that their own question contradicts, and answers that a question says;
each beside what only looks so."""

from collections.abc import Callable

import pytest

from failure_analysis.audit import demands, golds
from test_audit_items import act, found, say

__all__ = ["found"]

LAKE = "List the four countries named in: 'Kenya, then Uganda by Rwanda to Burundi.'"
ALL = "Kenya, Uganda, Rwanda, Burundi"
EGGS = "Number of eggs as JSON. Schema: {\"eggs\": integer}. Text: two eggs and one more."
DISH = "Give the dish of 'Grandmother's bouillabaisse from Marseille'."
YOGA = "Create the event 'Yoga' on 7 June 2024."
PAGE = "Our page has to say 'Returns within 30 days' for now."


def event(day: str) -> tuple:
    return ("create_event", {"title": "Yoga", "date": day}, "ok")


def page(text: str) -> tuple:
    return ("update_page", {"page": "returns", "text": text}, "ok")


def rate(value: object) -> tuple:
    return ("interest", {"rate": value}, "ok")


WORLDS = {
    "gold_members_missing": (
        say("three", LAKE, ["Kenya", "Uganda", "Rwanda"], ALL, ALL, passing=(
            "Kenya, Uganda, Rwanda",)),
        [*say("all", LAKE, ALL.split(", "), "Kenya, Uganda, Rwanda", "Kenya"),
         *say("alone", LAKE, ["Kenya", "Uganda", "Rwanda"], ALL, "Kenya"),
         *say("least", LAKE.replace("the four", "at least four"), ["Kenya", "Uganda", "Rwanda"],
              ALL, ALL)]),
    "gold_other_type": (
        say("word", EGGS, {"eggs": "three"}, '{"eggs": 3}', '{"eggs": 2}'),
        [*say("number", EGGS, {"eggs": 3}, '{"eggs": "three"}', '{"eggs": 2}'),
         *say("passes", EGGS, {"eggs": "3"}, '{"eggs": 2}', passing=('{"eggs": 3}',))]),
    "gold_no_day": (
        say("feb", "Give the last day of February 2023.", "2023-02-30", "2023-02-28"),
        [*say("leap", "Give the last day of February 2024.", "2024-02-29", "2024-02-28"),
         *say("binary", "13 in binary, eight digits.", "00001101", "1101"),
         *say("asked", "Is 2023-02-30 a day? Else copy it.", "2023-02-30", "no")]),
    "gold_word_cut": (
        say("cut", DISH, {"name": "bouillabai"}, '{"name": "bouillabaisse"}', "bouillabaisse"),
        [*say("whole", DISH, {"name": "bouillabaisse"}, '{"name": "soup"}', "bouillabai"),
         *say("plural", "Which animal? 'Two horses ran.'", "horse", "horses", "horses"),
         *say("passed", DISH, "bouillabai", "soup", passing=("bouillabaisse",))]),
    "gold_day_swapped": (
        act("swap", YOGA, event("2024-07-06"), [event("2024-06-07")]),
        [*act("right", YOGA, event("2024-06-07"), [event("2024-07-06")]),
         *act("both", f"{YOGA} Not on 6 July 2024.", event("2024-07-06"), [event("2024-06-07")])]),
    "gold_quotes_otherwise": (
        act("sixty", PAGE, page("Returns within 60 days"), [page("Returns within 30 days")]),
        [*act("thirty", PAGE, page("Returns within 30 days"), [page("Returns within 60 days")]),
         *act("nobody", PAGE, page("Returns within 60 days"), [page("Returns")])]),
    "gold_other_for_stated": (
        act("word", "Interest at 3.5 percent?", rate("three"), [rate(3.5)], [rate(3.5)]),
        [*act("number", "Interest at 3.5 percent?", rate(3.5), [rate("three")], [rate("three")]),
         *act("passes", "Interest at 3.5 percent?", rate("three"), [rate(3.5)],
              passing=([rate(3.5)],))]),
    "gold_not_allowed": (
        [*say("pipes", "Course as one of starter|main|dessert for 'crumble'.", "sweet", "dessert",
              "main"),
         *say("named", "Who lies? Answer with one name of Dan, Eve, Fay.", "Gus", "Eve", "Dan"),
         *say("letters", "Which is it? (A) mass, (B) force? Answer with one letter A-B only.",
              "force", "B", "A", passing=("force",))],
        [*say("other", "Course as one of starter|main|dessert for 'crumble'.", "dessert", "main",
              "starter"),
         *say("right", "Course as one of starter|main|dessert for 'crumble'.", "sweet", "main",
              passing=("dessert",))]),
    "gold_garbled": (
        say("list", "Which islands? 'Sjælland and Møn.'", ["SjÃ¦lland", "MÃ¸n"], "Møn"),
        say("plain", "Which islands? 'Sjælland and Møn.'", ["Sjælland", "Møn"], "Møn")),
}


@pytest.mark.parametrize("rule", WORLDS)
def test_a_gold_that_its_question_contradicts(found: Callable, rule: str) -> None:
    plants, decoys = WORLDS[rule]
    flagged = [ident for name, ident in found("damaged_item", [*plants, *decoys]) if name == rule]
    assert flagged == sorted({one["id"] for one in plants})


@pytest.mark.parametrize(("question", "gold", "says"), [
    ("The capital of Bhutan is Thimphu. What is the capital of Bhutan?", "Thimphu", True),
    ("The capital of Bhutan is Thimphu. What is the capital of Nepal?", "Thimphu", False),
    ("Ann says the capital of Bhutan is Thimphu. What is the capital of Bhutan?", "Thimphu", False),
    (r"Match a version. Hint: ^\d+\.\d+$ does it.", r"^\d+\.\d+$", True),
    (r"Why does ^\d+\.\d+$ not match 1?", r"^\d+\.\d+$", False),
    ("How many? Hint: 3 of them are red.", "3", False),
    ("Which? A) tin (correct) B) iron", "A", True), ("Which? A) tin B) iron", "A", False)])
def test_a_question_says_its_answer(question: str, gold: str, says: bool) -> None:
    assert golds.states(question, gold) is says


@pytest.mark.parametrize(("question", "gold", "broken"), [
    ("Write a pattern without lookaround for a word.", r"\w+(?=ing)ing", ["without"]),
    ("Write a pattern without lookaround for a word.", r"\w+ing", []),
    ("Write a query without LIMIT.", "SELECT a FROM b LIMIT 1", ["without"]),
    ("Write it, but do not use 'e'.", "tee", ["without"]),
    ("Write a text without fear.", "no fear", []),
    ("Find a five-letter word for a fruit.", "plum", ["length"]),
    ("Find a five-letter word for a fruit.", "apple", []),
    ("What is the probability of it?", "3/2", []), ("What is the probability of it?", "1.5",
                                                    ["probability"]),
    ("What is the probability in percent?", "45", []),
    ("Answer with one letter A-D only.", "momentum", ["letter"]),
    ("Answer with one letter A-D only.", "B", [])])
def test_what_a_question_demands(question: str, gold: str, broken: list[str]) -> None:
    assert [one.name for one in demands.of(question, gold) if not one.kept] == broken
