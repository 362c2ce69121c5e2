"""audit_benchmark.py: runs that broke, and golds that the record, their question or its own demands
contradict; each beside what only looks like it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Process
from failure_analysis.audit import broken, demands, excluded, harness, lost, recorded
from failure_analysis.audit.seen import Made

MAPPING = """benchmark: desk
fields:
  item_id: id
  model_name: model
  run_id: model
  user_text: question
  assistant_text: answer
  expected: {at: gold, optional: true}
  tool_calls: calls
  tool_results: results
  termination: end
  judge_reasoning: judge
  completion_tokens: tokens
  scores: {correct: ok}
"""


def row(ident: str, model: str, question: str, gold: object, answer: str, ok: bool,
        *calls: tuple, end: str = "stop", judge: str = "", twice: str = "") -> dict:
    """A row; a call is (tool, arguments, result), `twice` a second result of its last call."""
    names = [f"{ident}-{model}-{place}" for place in range(len(calls))]
    results = [{"tool_call_id": name, "content": call[2]}
               for name, call in zip(names, calls, strict=True)]
    return {"id": ident, "model": model, "question": question, "gold": gold, "answer": answer,
            "ok": ok, "end": end, "judge": judge, "tokens": 40,
            "calls": [{"id": name, "name": call[0], "arguments": call[1]}
                      for name, call in zip(names, calls, strict=True)],
            "results": results + ([{"tool_call_id": names[-1], "content": twice}] if twice else [])}


@pytest.fixture
def found(build: Callable, run_script: Process, tmp_path: Path) -> Callable[..., list]:
    """`found(klass, rows)`: (rule, item) of the candidates of a class, through the scripts."""

    def run(klass: str, rows: list[dict]) -> list[tuple[str, str]]:
        (tmp_path / "map.yaml").write_text(MAPPING)
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        _, out = build("--input", tmp_path / "rows.jsonl", "--mapping", tmp_path / "map.yaml")
        done = run_script("audit_benchmark.py", out)
        assert done.returncode == 0, done.stderr
        return sorted((one["rule"], one["item_id"]) for one in map(
            json.loads, (out / "audit.jsonl").read_text().splitlines()) if one["class"] == klass)

    return run


def say(ident: str, question: str, gold: object, *answers: str, passing: tuple[str, ...] = (),
        calls: tuple = (), **more: str) -> list[dict]:
    """An item that models answer: first those that fail, then those that pass."""
    return [row(ident, f"m{place}", question, gold, answer, place >= len(answers), *calls, **more)
            for place, answer in enumerate((*answers, *passing))]


def act(ident: str, question: str, call: tuple, *calls: tuple, passing: tuple = ()) -> list[dict]:
    """An item in which one call is expected and models make others: first those that fail."""
    gold = {"actions": [{"name": call[0], "arguments": call[1]}]}
    return [row(ident, f"m{place}", question, gold, "It is done.", place >= len(calls), *made)
            for place, made in enumerate((*calls, *passing))]


ORDER = ("get_order", {"order": "W2"}, '{"lamp": "$128.46", "chair": 64.99, "id": "AC-2147X"}')
PAID = ("refund", {"amount": 64.99}, "ok")
TELL = {"outputs": ["$128"]}
NUMBERS = [
    *say("cents", "What did I pay for the lamp? To the cent, please.", TELL, "It was $128.46.",
         "128.46 USD", passing=("About $128.",), calls=(ORDER,)),
    *say("quoted", "What is its length, as in 'It now measures 193.30 km'?", "193", "193.30 km",
         "193.3", passing=("193",)),
    *say("field", "Extract as JSON with key kg (as written). Note: 61.75 kg.", {"kg": 62},
         '{"kg": 61.75}', '{"kg": 61.75}', passing=('{"kg": 62}',)),
    *act("refund", "Refund the chair, it is cracked.", ("refund", {"amount": 64}, "ok"),
         (ORDER, PAID), (ORDER, PAID)),
    *say("worked", "What is 17 percent of 640, to one decimal?", "108", "108.8", "108.8"),
    # Decoys: a rounding that is asked for, one model alone, a pass with the long form, a number of
    # the record, what is counted in whole ones, no agreement.
    *say("asked", "What did I pay for the lamp, rounded to dollars?", TELL, "$128.46", "128.46",
         calls=(ORDER,)),
    *say("alone", "What is its length, as in 'It now measures 193.30 km'?", "193", "193.30", "12"),
    *say("passes", "What is its length, as in 'It now measures 193.30 km'?", "193", "193.30",
         "193.3", passing=("193.3 km",)),
    *say("there", "It grew from 12 m to 12.4 m. What was it before?", "12", "12.4", "12.4"),
    *say("whole", "How many of them fit into 7.5 litres?", "7", "7.5", "7.5"),
    *say("apart", "What is its length, as in 'It now measures 193.30 km'?", "193", "5", "6"),
    *say("exact", "What is 17 percent of 600, to one decimal?", "102", "102.1", "102.2"),
]
NAMES = [
    *say("cut", "Name its number.", "AC-2147", "AC-2147X", "It is AC-2147X.", calls=(ORDER,)),
    *say("looks", "Name its number as the order has it.", "AC-2l47X", "AC-2147X", "AC-2147X",
         calls=(ORDER,)),
    *say("label", "Which record is on the label MRN-0047182?", {"mrn": "MRN-004718"},
         '{"mrn": "MRN-0047182"}', '{"mrn": "MRN-0047182"}'),
    # Decoys: a part that is asked for, a word of the record, one model, a pass with the long one,
    # a sign that separates, code that ends in a letter.
    *say("part", "Name the first seven characters of its number.", "AC-2147", "AC-2147X",
         "AC-2147X", calls=(ORDER,)),
    *say("both", "Which is older, AC-2147 or AC-2147X?", "AC-2147", "AC-2147X", "AC-2147X"),
    *say("one", "Name its number.", "AC-2147", "AC-2147X", "I cannot.", calls=(ORDER,)),
    *say("good", "Name its number.", "AC-2147", "AC-2147X", "AC-2147X", passing=("AC-2147X",),
         calls=(ORDER,)),
    *say("date", "When was the order of 2024-05-01 made? The year alone.", "2024", "2024-05-01",
         "2024-05-01"),
    *say("code", "Write gcd(a, b).", "def gcd(a, b):\n    while b:\n        a, b = b, a % b\n"
         "    return a", "```\ndef gcd(a, b): return 1\n```", "no"),
]
QUERY = "SELECT title FROM film WHERE year = {} ORDER BY title"
KINDS = [
    *say("year", "What year was the tower finished?", "300 m", "1889", "It was 1889."),
    *say("month", "Which month has the fewest days?", "28", "February", "february"),
    *say("who", "Who won the first prize?", "45 euros", "Carmen Ruiz", "Carmen Ruiz"),
    # Decoys: a year, a month as a number, an era, nothing, a group, disagreement, a pass.
    *say("early", "What year was the wall built?", "122 AD", "1122", "1223"),
    *say("number", "Which month is it in the list?", "2", "February", "March"),
    *say("era", "What year was the wall built, or which time?", "2nd century", "1122", "1223"),
    *say("none", "Who won the third prize?", "nobody", "Carmen Ruiz", "Carmen Ruiz"),
    *say("differ", "What year was the tower finished?", "300 m", "I do not know", "1889"),
    *say("right", "What year was the mast finished?", "300 m", "1889", "1889", passing=("1889",)),
    *say("lengthy", "Who won, and by how much? Who led?", "3", "By far, and after a long day, "
         "it was the team of Carmen Ruiz that came in before all of the others.", "I do not know."),
]
OFF = [
    *say("literal", "List the titles of the films of 1999.", QUERY.format(1998),
         f"```sql\n{QUERY.format(1999)};\n```", QUERY.format(1999)),
    *say("counted", "List the titles of the films before 1999.", QUERY.format(1998),
         QUERY.format(1999), QUERY.format(1999)),
    *say("otherwise", "List the titles of the films of 1999.", QUERY.format(1998),
         QUERY.format(1999), f"{QUERY.format(1999)} LIMIT 5"),
]
FIRM = ("send_email", {"to": "lars@firm.test"}, "sent")
HOME = ("send_email", {"to": "lars@home.test"}, "sent")
FIND = ("find_contact", {"name": "lars@firm.test"}, "found")
FORBIDDEN = [
    *act("never", "Write to Lars. Never mail to lars@firm.test, he has left.", FIRM, (HOME,),
         (HOME,), passing=((FIRM,),)),
    # Decoys: under a condition, another verb, most do it, one of the others passes.
    *act("unless", "Write to Lars. Never mail to lars@firm.test unless it is short.", FIRM, (HOME,),
         (HOME,)),
    *act("verb", "Write to Lars. Never phone lars@firm.test, he is deaf.", FIRM, (HOME,), (HOME,)),
    *act("most", "Write to Lars. Never mail to lars@firm.test at night.", FIRM, (HOME,), (FIRM,),
         passing=((FIRM,),)),
    *act("other", "Write to Lars. Do not mail to lars@firm.test, he has left.", FIRM, (HOME,),
         (HOME,), passing=((HOME,),)),
    *act("look", "Write to Lars. Never mail to lars@firm.test, he has left.", FIND, (HOME,),
         (HOME,)),
]
LONG = "Write a reply of at least 60 words, in exactly 20 words, with thanks."
FISH = "Without using the word 'fish', say what a tank is. You must use the word 'fish' once."
BOTH = [
    *say("long", LONG, None, "Thanks."), *say("fish", FISH, None, "A tank."),
    *say("kept", LONG + " Please.", None, "Thanks.", passing=("Many thanks.",)),
]
SOLVED = [
    *say("line", "Pens are 3 for $2. What do 27 cost? #### 18", "18", passing=("18", "18")),
    *say("boxed", "Pens are 3 for $2. What do 30 cost? \\boxed{20}", "20", passing=("20", "20")),
    *say("form", "What do 33 cost? Give it in the form #### 22", "22", passing=("22", "22")),
    *say("shot", "Q: 27 pens? #### 18\nQ: What do 36 cost?", "18", passing=("18", "18")),
]
RATE = [("get_rate", {"base": base, "quote": quote}, "1") for base, quote in ("ab", "ba")]
ASKED = "What is the rate of the krone to the franc on 1 March 2023?"
MINE = "What is the rate of my account on 1 March 2023?"
TWICE = [
    *act("x1", ASKED, RATE[0], (RATE[1],), passing=((RATE[0],),)),
    *act("x2", ASKED, RATE[1], (RATE[0],), passing=((RATE[1],),)),
    # Decoys: the words name a state; what is looked up before says which.
    *act("y1", MINE, RATE[0], (RATE[1],), passing=((RATE[0],),)),
    *act("y2", MINE, RATE[1], (RATE[0],), passing=((RATE[1],),)),
    *act("z1", f"{ASKED}?", RATE[0], (RATE[1],), passing=((ORDER, RATE[0]),)),
    *act("z2", f"{ASKED}?", RATE[1], (RATE[0],), passing=((ORDER, RATE[1]),)),
]
WORLDS = {
    "numbers": (NUMBERS, [("gold_rounded", ident)
                          for ident in ("cents", "field", "quoted", "refund", "worked")]),
    "names": (NAMES, [("gold_cut", ident) for ident in ("cut", "label", "looks")] + [
        ("gold_spoilt", "label"), ("gold_spoilt", "looks")]),
    "kinds": (KINDS, [("gold_type", ident) for ident in ("month", "who", "year")]),
    "off": (OFF, [("gold_against_question", "literal")]),
    "forbidden": (FORBIDDEN, [("contract_forbids", "never")]),
    "both": (BOTH, [("demands_exclude", "fish"), ("demands_exclude", "long")]),
    "solved": (SOLVED, [("answer_in_question", "boxed"), ("answer_in_question", "line")]),
    "twice": (TWICE, [("two_golds", "x1"), ("two_golds", "x2")]),
}


@pytest.mark.parametrize("world", WORLDS)
def test_a_gold_is_contradicted_and_what_only_looks_so_is_not(found: Callable, world: str) -> None:
    rows, flagged = WORLDS[world]
    assert found("damaged_item", rows) == flagged


@pytest.mark.parametrize(("question", "excludes"), [
    (LONG, True), (FISH, True), ("Use at most 3 sentences and no fewer than four sentences.", True),
    ("Write at least 300 words; each paragraph has at most 50 words.", False),
    ("Write at least 60 words with a title of at most 5 words.", False),
    ("Write at least 20 words and at most 60 words.", False),
    ("Write at least 60 words in exactly 3 sentences.", False),
    ("Do not use the word 'fish'. Use the word 'tank'.", False),
    ("Do not use the word 'fish' in the first line; use the word 'fish' in the second.", False),
    ("Write at least 60 words or exactly 20 words.", False),
    ("Instead of the word 'fish' use the word 'trout'. Avoid the word 'fish'.", False)])
def test_demands_that_exclude_each_other(question: str, excludes: bool) -> None:
    assert bool(excluded.exclude_each_other(question)) is excludes


@pytest.mark.parametrize(("question", "places"), [
    ("To the cent, please.", 2), ("In dollars and cents?", 2), ("To one decimal?", 1),
    ("With 3 decimal places.", 3), ("How many cents is it?", None), ("How much is it?", None)])
def test_how_many_decimals_are_asked_for(question: str, places: int | None) -> None:
    assert demands.places(question) == places


@pytest.mark.parametrize("answer", [
    '{"error": {"type": "internal_server_error", "message": "An unexpected error occurred"}}',
    '{"detail":"Model is overloaded, please try again later."}',
    "rate_limit_exceeded: please retry after 20s", "CUDA out of memory. Tried to allocate 2 GiB",
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>",
    "[upstream 500: internal error while sampling]", "<no response: worker preempted>",
    "Error: Connection reset by peer (attempt 5/5)", "stream closed before completion",
    "HTTP/1.1 503 Service Unavailable", "litellm.RateLimitError: 429"])
def test_infrastructure_speaks(answer: str) -> None:
    assert broken.stands_for_answer(answer, "What is it?", "stop")
    assert not broken.stands_for_answer(answer, "Which error is it?", "stop")
    assert broken.stands_for_answer(answer, "Which error is it?", "error")


@pytest.mark.parametrize("answer", [
    '{"message":"Flight HAT500 is booked, nothing is unavailable"}', '{"error": null, "answer": 5}',
    '{"error": "the patient has no allergy"}', '{"status": 500, "detail": "in stock"}',
    "The model is overloaded with parameters.", "The service is unavailable on Sundays.",
    "503 Service Road", "500 internal combustion engines were sold; 500 timeouts",
    "<html><head><title>My page</title></head></html>", "(no answer)", "[No response]",
    "<answer>no response</answer>", "Rate limiting is a technique",
    "Internal server errors happen"])
def test_and_an_answer_speaks_of_the_like(answer: str) -> None:
    assert not broken.stands_for_answer(answer, "What is it?", "stop")


@pytest.mark.parametrize(("judge", "acted", "expected"), [
    ("docker: Error response from daemon: no space left on device", True, True),
    ("checks: container removed before checks ran (timeout 0 s)", True, True),
    ("sqlite3.OperationalError: database is locked", False, True),
    ("sqlite3.OperationalError: database is locked", True, False),
    ("sqlite3.OperationalError: no such column", False, False),
    ("Judge API error: 529", False, True), ("Judge error in the name is wrong", False, False),
    ("tests did not run: SyntaxError in solution.py", True, False),
    ("pytest: 2 passed, 3 failed (TimeoutError after 10s)", True, False),
    ("container_test.py failed", True, False), ("Rate limit of 5 was not kept", False, False)])
def test_a_check_could_not_run(judge: str, acted: bool, expected: bool) -> None:
    assert broken.unchecked(judge, acted) is expected


BOOK = ("book_room", {"room": "7"})
PAGES = [("get_page", {"page": n}, f"page {n}") for n in range(3)]
OPEN = "I have opened the page and next I will read the article on its last"


def test_runs_that_broke_and_runs_that_did_not(found: Callable) -> None:
    down, dns = "HTTP 503 Service Unavailable", "ERROR: Could not resolve host: x.test"

    def one(ident: str, model: str, answer: str, *calls: tuple, ok: bool = False, **more: str
            ) -> dict:
        return row(ident, model, f"Do {ident}.", None, answer, ok, *calls, **more)

    assert found("harness", [
        one("w", "m", "ok", (*BOOK, "ok"), ok=True),
        one("w", "n", "ok", ("run", {}, "ok"), ok=True),
        *(one("down", model, "It is down.", (*BOOK, down)) for model in "mn"),
        *(one("dns", model, "No network.", ("run", {"c": model}, dns)) for model in "mn"),
        one("twice", "m", "Done.", (*BOOK, '{"made": 1}'), twice='{"error": "exists"}'),
        one("steps", "m", "", *PAGES[:2], end="max_steps_reached"),
        one("text", "m", OPEN, PAGES[0], end="length"),
        one("stream", "m", "SELECT name FROM", end="timeout"),
        one("http", "m", "", PAGES[0], end="http_529"),
        one("gone", "m", "", end="worker_preempted"),
        one("check", "m", "def f(): ...", judge="no space left on device"),
        # Decoys: a pass that says so, some for whom it works, a second result that is the same or
        # of a look-up, one step, a failed step, a sentence that ends, a pass, a slow answer.
        one("said", "m", "It is down.", (*BOOK, down), ok=True),
        one("said", "n", "It is booked.", (*BOOK, down)),
        one("some", "m", "Hm.", (*BOOK, down)), one("some", "n", "Hm.", (*BOOK, "ok")),
        one("same", "m", "Done.", (*BOOK, "ok"), twice="ok"),
        one("look", "m", "Done.", PAGES[0], twice="more"),
        one("step", "m", "", PAGES[0], end="max_steps"),
        one("refused", "m", "", PAGES[0], (*BOOK, '{"error": "full"}'), end="max_steps"),
        one("ended", "m", f"{OPEN} page.", PAGES[0], end="length"),
        one("passed", "m", OPEN, PAGES[0], end="length", ok=True),
        one("slow", "m", "The answer is 5.", end="timeout"),
        one("judged", "m", "def f(): ...", judge="no space left on device", ok=True),
    ]) == [("cut", "steps"), ("cut", "stream"), ("cut", "text"), ("executed_again", "twice"),
           ("infrastructure", "gone"), ("infrastructure", "http"), ("not_checked", "check"),
           ("tool_broken", "dns"), ("tool_broken", "down")]


@pytest.mark.parametrize(("judge", "unread"), [
    ("JUDGE_ERROR: json.decoder.JSONDecodeError: Expecting value", True),
    ("Could not parse judge response: 'Sure, here is'", True),
    ("Failed to parse the grader's output as JSON", True), ("Judge reply was not valid JSON", True),
    ("ValueError: could not extract a score from the response", True),
    ("No verdict found in the judge's reply", True), ("grader_parse_error", True),
    ("Evaluator output could not be parsed.", True), ("empty judge response", True),
    ("Unable to read the verdict of the judge", True), ("Could not parse the model's JSON", False),
    ("JSONDecodeError: the answer is no JSON", False), ("The judge in the story is missing", False),
    ("No score is given for style.", False), ("Answer could not be parsed as a number", False),
    ("The verdict of the court is wrong", False), ("Invalid JSON: misses a brace", False),
    ("Failed to find the root", False), ("Reading of the judge's poem is flat", False)])
def test_a_judge_whose_reply_was_not_read(judge: str, unread: bool) -> None:
    assert broken.unchecked(judge, False) is unread


@pytest.mark.parametrize(("answer", "ended", "broke"), [
    ("SELECT 1\n-- result: sqlite3.OperationalError: database is locked", "error", True),
    ("q\npsycopg2.OperationalError: server closed the connection", "error", True),
    ("q\n-- error: connection refused", "error", True), ("q\nlock wait timeout", "error", True),
    ("q\nFATAL: sorry, too many clients already", "exception", True),
    ("q\nOSError: disk I/O error", "error", True), ("q\nHTTP 503", "error", True),
    ("database is locked", "stop", False), ("a\nno such column: x", "error", False),
    ("database is locked\nSELECT 2", "error", False), ("q\n[[503]]x", "error", False)])
def test_a_run_that_ended_in_an_error_of_the_infrastructure(answer: str, ended: str, broke: bool
                                                            ) -> None:
    assert broken.ends_in_error(answer, ended) is broke


@pytest.mark.parametrize(("result", "gone"), [
    ("[harness] pty closed, session lost", True), ("tmux: no server running on /tmp/x", True),
    ("Error: No such container: 4f2a", True), ("The browser has been closed", True),
    ("kernel died, restarting", True), ("Terminal is no longer available", True),
    ("<runner> shell disconnected", True), ("Lost connection to the sandbox", True),
    ("websocket connection closed", True), ("Session 7 not found", True),
    ("HTTP/1.1 502 Bad Gateway", False), ("the file was closed", False), ("done", False),
    ("order 7 not found", False), ("deadline passed", False), ("page not found", False),
    ("train: loss 0.3", False), ("No such file", False), ("Permission denied", False)])
def test_what_says_that_a_session_is_gone(result: str, gone: bool) -> None:
    made = Made("assistant", "run", {}, result, "", False)
    assert lost._says_gone(made) is gone


@pytest.mark.parametrize(("results", "on"), [
    (["epoch 1/9 acc=0.6", "epoch 2/9 acc=0.7", "epoch 3/9 acc=0.8"], True),
    (["page 1", "page 2", "page 3"], True), (["10% done", "20% done", "35% done"], True),
    (["waiting 1", "waiting 2", "waiting 3"], False), (["x 1", "x 1", "x 1"], False),
    (["elapsed 3 s", "elapsed 6 s", "elapsed 9 s"], False), (["x 3", "x 2", "x 1"], False),
    (["x 1", "x 2"], False), (["a", "b", "c"], False)])
def test_one_step_again_and_again_that_gets_on(results: list[str], on: bool) -> None:
    made = [Made("assistant", "run", {"c": 1}, text, text, False) for text in results]
    assert harness._counts_on(made) is on


@pytest.mark.parametrize(("text", "acts", "may"), [
    ("1,2", False, True), ("12,345,6", False, True), ("411", True, True), ("A-77", False, True),
    ("+44 7700 9001", True, True), ("411", False, False), ("1,204", False, True),
    ("3.14", True, False), ("12", True, False), ("Oslo", True, False)])
def test_what_may_be_cut(text: str, acts: bool, may: bool) -> None:
    assert recorded._may_be_cut(text, acts) is may
