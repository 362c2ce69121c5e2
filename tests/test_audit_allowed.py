"""audit_benchmark.py: golds that are none of what is allowed, names that were taken for numbers,
exact sums that were rounded, answers that a question says; each beside what only looks so."""

from collections.abc import Callable

import pytest

from failure_analysis.audit import allowed, golds, recorded
from failure_analysis.audit.item import Item
from test_audit_items import act, found, say

__all__ = ["found"]

LEVELS = "How urgent is it? Choose one of low, medium or high."
SCHEMA = 'Fill {"kind": {"enum": ["bin", "lamp"]}} for: a broken bin.'
KEYS = "Return exactly the keys {host, port} and no others: 'db listens on 54'."


def put(**given: object) -> tuple:
    """A call that sets something."""
    return ("set_task", given, "ok")


def tries(ident: str, question: str, wanted: tuple, *made: tuple) -> list[dict]:
    """An item in which one call is expected and each model makes another."""
    return act(ident, question, wanted, *((one,) for one in made))


WORLDS = {
    "gold_not_allowed": ([
        *say("plain", LEVELS, "critical", "high", "medium"),
        *say("letter", "What grows fastest? (a) n (b) n log n (c) n^2. Give the option's letter.",
             "quadratic time", "c", "b"),
        *say("quoted", 'Extract {grade}, one of "A", "B", "C": eggs of grade B.',
             {"grade": "Grade-B"}, '{"grade": "B"}', '{"grade": "A"}'),
        *say("enum", SCHEMA, {"kind": "trash can", "open": "no"},
             '{"kind": "bin", "open": "no"}', '{"kind": "lamp", "open": "no"}'),
        *tries("call", "Set t-1 to the lowest. Priorities are P1, P2 or P3.",
             put(id="t-1", priority="P4"), put(id="t-1", priority="P3"),
             put(id="t-1", priority="P1")),
        *tries("number", "Set my limit to 120. Allowed limits are 60, 120 or 240.",
             put(id="c-2", minutes=150), put(id="c-2", minutes=120), put(id="c-2", minutes=240)),
    ], [
        *say("member", LEVELS, "High.", "low", "medium"),
        *say("passed", LEVELS, "critical", "high", passing=("critical",)),
        *say("alone", LEVELS, "critical", "high"),
        *say("other", LEVELS, "critical", "severe", "high", "urgent"),
        *say("open", "Name a fruit, such as one of plum, pear or fig.", "apple", "plum", "pear"),
        *say("facts", "The sides are 3, 4 and 5. What is the area?", "6", "3", "4"),
        *say("longer", "Choose one of sports, politics, world news.", "world news", "sports",
             "politics"),
        *tries("in", "Set t-1 to the lowest. Priorities are P1, P2 or P3.",
             put(id="t-1", priority="P3"), put(id="t-1", priority="P2"),
             put(id="t-1", priority="P1")),
    ]),
    "gold_not_as_demanded": ([
        *tries("whole", "Raise the bench by whole degrees only: to the next step above 21.2.",
               put(value=21.5), put(value=22), put(value=22)),
        *tries("day", "Set the date of IMG_20190704.jpg from its name, as YYYY-MM-DD.",
               put(date="2019-07"), put(date="2019-07-04"), put(date="2019-07-04")),
        *tries("listed", "Enter the sex, M, F or U only. It has a brood patch.",
               put(sex="W"), put(sex="F"), put(sex="F")),
        *say("ends", "Which are the last 6 digits of build 20240117?", "0117", "240117", "240117"),
        *say("number", "How many fields has x:y:z? One integer.", "three?", "3", "3"),
    ], [
        *tries("kept", "Raise the bench by whole degrees only: to the next step above 21.2.",
               put(value=23), put(value=22), put(value=22)),
        *tries("both", "Set the date of IMG_20190704.jpg from its name, as YYYY-MM-DD.",
               put(date="2019-07"), put(date="July 4"), put(date="July 4")),
        *say("said", "Which are the last 6 digits of build 20240117?", "0117", "240117", "240117",
             passing=("240117",)),
        *say("apart", "How many fields has x:y:z? One integer.", "three?", "3", "4"),
    ]),
    "gold_key_forbidden": ([
        *say("keys", KEYS, {"host": "db", "port": 54, "proto": "tcp"},
             '{"host": "db", "port": 54}', '{"host": "db", "port": 5}'),
    ], [
        *say("free", "Return the keys host and port: 'db listens on 54'.",
             {"host": "db", "port": 54, "proto": "tcp"}, '{"host": "db", "port": 54}',
             '{"host": "db", "port": 5}'),
        *say("kept", KEYS, {"host": "db", "port": 54}, '{"host": "db", "port": 5}',
             '{"host": "dx", "port": 54}'),
    ]),
    "gold_cut": ([
        *tries("exponent", "Report the label of probe 00E7731.", put(serial="0.0"),
             put(serial="00E7731"), put(serial="00E7731")),
        *tries("tail", "Reply to mail m-0091.", put(mail="m-91.0"), put(mail="m-0091"),
             put(mail="m-0091")),
        *tries("zeros", "Send crate CR-0072-B.", put(id="CR-72-B"), put(id="CR-0072-B"),
               put(id="CR-0072-B")),
        *tries("hour", "Reserve the dock for 06:15.", put(time="06:00"), put(time="06:15"),
               put(time="06:15")),
        *say("census", "It counted 46,318 of them. Give the exact number.", "46000", "46,318",
             "46318"),
        *say("iban", "Pay to IBAN DE44 5001 0517 5407 3249 31. Which IBAN?",
             "DE445001051754073249", "DE44500105175407324931", "DE44500105175407324931"),
        *say("month", "Which gene is it: MARCH1 or TP53? The smaller of the two.", "1-Mar",
             "MARCH1", "MARCH1"),
    ], [
        *tries("own", "Set m-0091 to 91.0 degrees.", put(mail="91.0"), put(mail="m-0091"),
             put(mail="m-0091")),
        *tries("full", "Reserve the dock for 06:15, not for 06:00.", put(time="06:00"),
               put(time="06:15"), put(time="06:15")),
        *say("about", "It counted 46,318 of them. About how many are they?", "46000", "46,318",
             "46318"),
        *say("counted", "How many agents are like 007 in this list of 9?", "7.5", "007", "007"),
    ]),
    "gold_type": ([
        *say("year", "It was patented in Graz in 1899. In which year did it begin?", "Linz", "1899",
             "1899"),
        *say("many", "How many replies has it?", "olga", "3", "4"),
    ], [
        *say("words", "How many replies has it?", "several", "3", "4"),
        *say("right", "How many replies has it?", "olga", "3", "4", passing=("olga", "olga")),
        *say("both", "How many replies has it and who wrote most?", "olga", "3", "4"),
    ]),
    "gold_rounded": ([
        *say("sum", "A walk of 12.5 km, then 7.75 km, then 3.5 km. State the exact total in km.",
             "24", "23.75", "24.75", "23.5"),
    ], [
        *say("free", "A walk of 12.5 km, then 7.75 km, then 3.5 km. State the total in km.",
             "24", "23.75", "24.75", "23.5"),
        *say("wrong", "A walk of 12.5 km, then 7.25 km, then 3.5 km. State the exact total in km.",
             "24", "23.75", "24.75", "23.5"),
    ]),
    "answer_in_question": ([
        *say("said", "Which comes next: 2, 6, 12? Solution: 42. Show your reasoning.", "42", "41",
             passing=("42", "42")),
        *say("aside", "Marit (ans: Marit Aske) kept it. Who kept it?", "Marit Aske", "Jon",
             "Jon", passing=("Marit Aske",)),
    ], [
        *say("thought", "Tom says the answer is 43. Show what comes next: 2, 6, 12.", "43", "44",
             "43", passing=("43",)),
        *say("doubt", "Which comes next? Solution: 45. Check whether that is right.", "45", "44",
             "45", passing=("45",)),
        *say("other", "Which comes next: 2, 6, 12? Solution: 46. Show your reasoning.", "47", "42",
             "47", passing=("47",)),
    ]),
}


@pytest.mark.parametrize("rule", WORLDS)
def test_a_gold_that_cannot_be_and_what_only_looks_so(found: Callable, rule: str) -> None:
    damaged, sound = WORLDS[rule]
    wanted = sorted({(rule, one["id"]) for one in damaged})
    assert [one for one in found("damaged_item", damaged + sound) if one[0] == rule] == wanted


def test_the_lists_of_a_question() -> None:
    def listed(question: str) -> list[list[str]]:
        item = Item("i", "f", [], {})
        item.question = question
        return list(allowed._lists(item))

    assert listed("Reply with exactly one of: YES, NO, MAYBE") == [["YES", "NO", "MAYBE"]]
    assert listed("Return {status} (open|closed|held).") == [["open", "closed", "held"]]
    assert listed("Pick between tea, coffee and cocoa.") == [["tea", "coffee", "cocoa"]]
    assert listed("Her brothers are Tom, Dick and Harry. Who is older?") == []
    assert listed("Do not answer with yes or no.") == []


@pytest.mark.parametrize(("name", "form"), [
    ("00E7731", "0.0"), ("12E5", "1200000.0"), ("1E400", "inf"), ("m-0091", "m-91.0"),
    ("0412", "412"), ("+41791", "41791"), ("SEPT2", "2-sep"), ("3-4", "4-mar"),
    ("1234567890123456789", "1.23457e+18")])
def test_what_a_program_makes_of_a_name(name: str, form: str) -> None:
    assert form in recorded.as_number(name)
    assert name.casefold() not in recorded.as_number(name)


def test_a_sentence_behind_the_answer_that_is_said() -> None:
    assert golds.states("What is it? Answer: 5. Give reasons.", "5")
    assert not golds.states("What is it? She guessed the answer: 5. Give reasons.", "5")
    assert not golds.states("What is it? Answer: 5.5 or so. Give reasons.", "5")
