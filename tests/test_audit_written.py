"""One value in two forms, and what only looks like one."""

import pytest

from failure_analysis.audit import required, strict
from failure_analysis.audit.alike import alike
from failure_analysis.audit.item import Item

LISTED = "Tick all that hold. A) 6 B) 9 C) 12 D) 15"


@pytest.mark.parametrize(("answer", "gold", "question", "rule"), [
    ("(3, 6)", "(3,6)", "Which point?", "white_space"), ("(4, ∞)", "(4,\\infty)", "x?", "latex"),
    ("[4, ∞)", "(4,\\infty)", "x?", ""), ("16π", "16\\pi", "Around?", "latex"),
    ("16*pi", "16\\pi", "Around?", "latex"), ("x²", "x**2", "Square?", "latex"),
    ("5√2", "5\\sqrt{2}", "Root?", "latex"), ("2√5", "5\\sqrt{2}", "Root?", ""),
    ("ACD", "A, C, D", LISTED, "option"), ("C und A", "A,C", LISTED, "option"),
    ("A or C", "A,C", LISTED, ""), ("AC", "A,C,D", LISTED, ""),
    ("C, A", "A, C", f"Put in order. {LISTED}", ""),
    ("x = -6 or x = 2", "2,-6", "Which x?", "set"), ("x = 6 or x = -2", "2,-6", "Which x?", ""),
    ("y = 3, x = 2", "x = 2, y = 3", "x and y?", "list"),
    ("y = 2, x = 3", "x = 2, y = 3", "x and y?", ""),
    ("65 %", "0.65", "What share?", "scaled"), ("65%", "0.65", "What share in percent?", ""),
    ("1500 m", "1.5 km", "How long is it?", "scaled"), ("1500 g", "1.5 km", "How much?", ""),
    ("1500 m", "1.5 km", "How long in km?", ""), ("40 mW", "40 MW", "Power?", ""),
    ("2,125", "2.125", "Wie viel ist siebzehn durch acht?", "number"),
    ("2,125", "2.125", "What is the quotient of the two?", ""),
    ("1.234,50", "1234.5", "Wie viel?", "number"), ("٢٦", "26", "كم؟", "white_space"),
    ("0.0012", "1.2E-03", "Give it as a decimal.", "number"),
    ("0.3", "0.30000000000000004", "Sum?", "number"), ("0.31", "0.30000000000000004", "Sum?", ""),
    ("$44.75", "44.75", "Three at 14.25 dollars and 2.00 more. Total?", "unit"),
    ("$4", "4", "At $2 each, how many can I buy for $8?", ""),
    ("42 cm^2", "42", "Area of 6 cm by 7 cm?", "unit"), ("26 cm^2", "26", "Around 6 cm?", ""),
    ("8 cm³", "8", "Volume of a 20 cm cube in litres?", ""),
    ("256", "0x100", "Which offset?", "number"), ("256", "0x100", "Offset in hex?", ""),
    ("71", "0071", "Which four-digit code?", ""), ("249 CHF", "CHF 249.00", "Price?", "number"),
    ("06:30+00:00", "06:30Z", "When?", "date"), ("06:30+01:00", "06:30Z", "When?", ""),
    ("yes", "True", "Is it?", "boolean"), ("no", "false", "True or false?", ""),
    ("DE89 3704 0044", "DE8937040044", "IBAN?", "parted"), ("12.5", "125", "How much?", ""),
    ("00-1b-44-11-3a-b7", "00:1B:44:11:3A:B7", "MAC?", "parted"),
    ("192.168.10.12", "192.168.101.2", "Which host?", ""),
    ("TR0581", "TR-0581", "Copy the code TR-0581.", ""),
    ("https://a.org", "https://A.org:443/", "Page?", "parted"),
    ("http://a.org", "https://a.org", "Page?", ""), ("M & P", "M &amp; P", "Firm?", "escaped"),
    ("M & P", "M &amp; P", "Escape it for HTML.", ""),
    ("Ada M. Fenwick", "Fenwick, Ada M.", "Who signed?", "title"),
    ("Lena Ruth", "Ruth, Lena", "Which two won?", ""),
    ('<p y="9" x="4" />', '<p x="4" y="9"></p>', "Element?", "layout"),
    ('<p y="4" x="9"/>', '<p x="4" y="9"/>', "Element?", ""),
    ('b: 1\na: "x"', "a: x\nb: 1", "YAML?", "layout"), ('a: x\nb: "1"', "a: x\nb: 1", "YAML?", ""),
    ("|a|b|\n|:-|-:|\n|1|2|", "| a | b |\n|---|---|\n| 1 | 2 |", "Table?", "layout"),
    ('print("a")', "print('a')", "Which line?", "code"), ("print(a)", "print('a')", "Which?", ""),
    ('"{\\"a\\": 1}"', '{"a": 1}', "Which object?", "json"), ("[1, 2,]", "[1, 2]", "List?", "json"),
    ("[1, 2,]", "[1, 2]", "Strict JSON?", ""), ("Oslo<|eot_id|>", "Oslo", "City?", "wrapping")])
def test_what_is_one_value(answer: str, gold: str, question: str, rule: str) -> None:
    assert alike(answer, gold, question) == rule


@pytest.mark.parametrize(("a", "b", "same"), [
    ("billing.send_invoice", "send_invoice", True), ("deletePhoto", "delete_photo", True),
    ("mcp__mail__send", "send", True), ("hotels.search", "flights.search", False),
    ("delete_photo", "delete_photos", False)])
def test_which_names_are_of_one_tool(a: str, b: str, same: bool) -> None:
    assert required.same_tool(a, b) is same


@pytest.mark.parametrize(("gold", "question", "names"), [
    (["Baltic Sea", "Baltic"], "Which sea?", 2), ("Baltic | Ostsee", "Which sea?", 3),
    (["Baltic Sea", "Baltic"], "Name both seas.", 1), (["Imre", "Tove"], "Who?", 1),
    ("x = 2 or x = 3", "Which x?", 1), ("2 or 3", "Which x?", 1)])
def test_which_golds_are_names_of_one_thing(gold: object, question: str, names: int) -> None:
    item = Item("a", "", [], {})
    item.__dict__ |= {"question": question, "expected": gold}
    assert len(strict.will_do(item)) == names
