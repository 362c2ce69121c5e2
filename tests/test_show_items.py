"""Items side by side, and what a reader finds there that no rule names, up to a report."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from failure_analysis.review import parts

MAPPING = """
benchmark: desk
fields: {item_id: id, model_name: model, run_id: model, user_text: question, assistant_text: answer,
         expected: gold, messages: messages, scores: {correct: correct, polite: polite}}
"""
POLICY = {"role": "system", "content": "Rooms are booked by number, never by name. " * 5}


def _row(item: str, model: str, answer: str, correct: bool, gold: object = "4", **more: object
         ) -> dict:
    return {"id": item, "model": model, "question": f"How many rooms has floor {item}?",
            "answer": answer, "gold": gold, "correct": correct, "polite": None, "messages": None,
            **more}


def _talk(answer: str, result: str) -> list[dict]:
    return [POLICY, {"role": "user", "content": "How many rooms has floor talk?"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c", "name": "get_floor", "arguments": {"floor": "talk"}}]},
            {"role": "tool", "tool_call_id": "c", "content": result},
            {"role": "assistant", "content": answer}]


ROWS = [
    _row("one", "a", "4", True), _row("one", "b", "It is 4.", True), _row("one", "c", "5", False),
    _row("all", "a", "9 in the east wing", False), _row("all", "b", "9 in the east wing", False),
    _row("all", "c", "7", False),
    _row("fine", "a", "4", True), _row("fine", "b", "4", True), _row("fine", "c", "4", True),
    _row("same", "a", "six", True), _row("same", "b", "six", False), _row("same", "c", "2", False),
    *(_row("talk", model, answer, correct, messages=_talk(answer, "4 rooms"))
      for model, answer, correct in (("a", "Four.", True), ("b", "There are 4.", True),
                                     ("c", "None.\x1b[2J", False)))]


@pytest.fixture
def folder(build: Callable, run_script: Callable, tmp_path: Path) -> Path:
    (tmp_path / "map.yaml").write_text(MAPPING)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    _, out = build("--input", tmp_path / "rows.jsonl", "--mapping", tmp_path / "map.yaml")
    assert run_script("audit_benchmark.py", out).returncode == 0
    return out


def test_each_item_once_with_its_different_answers(folder: Path, run_script: Callable) -> None:
    """Flags first, then leads, mixed verdicts, failures; equal answers share a line, and what is
    asked, expected, told to all and done stands once."""
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    text = run_script("show_items.py", folder).stdout
    assert re.findall(r"== item (.*)", text) == [
        "same: 2 fail, 1 pass", "all: 3 fail", "one: 1 fail, 2 pass", "talk: 1 fail, 2 pass",
        "fine: 3 pass"]
    assert text.splitlines()[-1] == "items 1 to 5 of 5; these are all"
    fine = text[text.index("== item fine"):]
    assert re.findall(r"-- .*", fine) == ["-- PASS a/fine, b/fine, c/fine; correct True"]
    assert text.count("How many rooms has floor one?") == text.count("Rooms are booked") // 5 == 1
    talk = text[text.index("== item talk"):text.index("== item fine")]
    assert "get_floor" not in talk[talk.index("calls and results as of"):]
    assert talk.count("calls and results as of c/talk") == 2
    assert "\x1b" not in text
    assert re.search(r"flag \w{10} same_answer_other_verdict \(equal\)", text)
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_some_items_and_the_rest_of_them(folder: Path, run_script: Callable) -> None:
    shown = json.loads(run_script("show_items.py", folder, "fine", "one", "--json").stdout)
    assert [one["item"] for one in shown["items"]] == ["fine", "one"]
    assert shown["items"][1]["datapoints"] == ["a/one", "b/one", "c/one"]
    assert (shown["of"], shown["next"]) == (2, None)
    assert "items 5 to 5 of 5" in run_script("show_items.py", folder, "--from", "5").stdout
    for asked, said in ((["nowhere"], "nowhere is no item of these runs"),
                        (["--from", "6"], "--from 6: there are 5 items")):
        refused = run_script("show_items.py", folder, *asked)
        assert refused.returncode == 1
        assert said in refused.stderr


def test_a_page_holds_what_a_shell_passes_on(build: Callable, run_script: Callable,
                                             tmp_path: Path) -> None:
    """Whole items up to the page's end, and of one that is too long its first answers."""
    rows = [_row(f"i{place:02}", f"m{model}", f"{place} {model} " + "and so on " * 300, False)
            for place in range(3) for model in range(4)]
    rows += [_row("long", f"m{model}", f"{model} " + "and so on " * 300, False)
             for model in range(40)]
    (tmp_path / "map.yaml").write_text(MAPPING)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, out = build("--input", tmp_path / "rows.jsonl", "--mapping", tmp_path / "map.yaml")
    start, seen = 1, []
    while start:
        page = run_script("show_items.py", out, "--from", start).stdout
        assert len(page) < 30_000
        seen += re.findall(r"== item (\w+)", page)
        more = re.search(r"next: --from (\d+)", page)
        start = int(more[1]) if more else 0
    assert seen == ["i00", "i01", "i02", "long"]
    assert re.search(r"… \d+ more different answers: ", page)


def test_what_a_reader_raises_counts_beside_the_flags(folder: Path, run_script: Callable,
                                                      tmp_path: Path) -> None:
    def record(**entry: object) -> tuple[int, str]:
        (tmp_path / "readings.jsonl").write_text(json.dumps(entry) + "\n")
        done = run_script("audit_benchmark.py", folder, "--readings", tmp_path / "readings.jsonl",
                          "--reader", entry.get("reader", "ann"))
        return done.returncode, done.stdout + done.stderr

    found = {"class": "damaged_item", "answer": "confirmed", "datapoint_id": "a/all",
             "disputed": ["a/all", "b/all", "c/all"], "quote": "9 in the east wing",
             "reason": "the floor has nine rooms, not four"}
    assert record(**found)[0] == 0
    # A pass, of which nothing was here whole.
    passed = {"class": "false_pass", "answer": "confirmed", "datapoint_id": "b/one",
              "quote": "It is 4.", "reason": "nobody asked for this floor"}
    assert record(**passed)[0] == 0
    for wrong, said in (({**found, "class": "odd"}, "class \"odd\" is none of"),
                        ({**found, "id": "0a1b2c3d4e"}, "not both"),
                        ({**found, "answer": "declined"}, "what is declined is not raised"),
                        ({**found, "disputed": ["a/all", "a/one"]}, "all of one item"),
                        ({**found, "disputed": ["x"]}, "disputed: "),
                        ({**found, "disputed": "a/all"}, "disputed is no list"),
                        ({**found, "datapoint_id": "", "disputed": []}, "needs the datapoint_id"),
                        ({**found, "quote": "10 in the east wing"}, "quote")):
        code, text = record(**wrong)
        assert (code, said in text) == (1, True), text
    for script in ("cluster_failures.py", "compare_models.py", "write_report.py"):
        assert run_script(script, folder).returncode == 0
    report = (folder / "deep_error_analysis.md").read_text()
    assert ("Readers raised 2 more, which no rule of the audit names; confirmed, with a quote: 1 "
            "`damaged_item`, 1 `false_pass`.") in " ".join(report.split())
    facts = json.loads((folder / "facts.json").read_text())
    assert (facts["review/audit_raised"], facts["review/audit_confirmed"]) == (2, 0)
    # `all` is left out for everybody, and b's pass of `one` is none.
    assert [facts[f"review/audit_pass_rate_pct/{model}"] for model in "abc"] == [100.0, 50.0, 25.0]
    issues = (folder / "benchmark_issues.md").read_text()
    assert "9 in the east wing" in issues and "## Item `all`" in issues
    run_script("check_report.py", folder)
    verdicts = {one["verdict"]: one for one in json.loads(
        (folder / "check.json").read_text())["findings"]}
    assert not verdicts.keys() & {"edited_reading", "changed_row", "fabricated_quote", "stale_fact",
                                  "edited_block", "wrong_fact"}, verdicts
    # A second reader differs: it decides nothing any more.
    line = json.loads((folder / "audit_readings.jsonl").read_text().splitlines()[0])
    assert record(id=line["id"], answer="declined", datapoint_id="c/all", quote="7", reader="bo",
                  reason="the question is about another floor")[0] == 0
    run_script("write_report.py", folder)
    assert json.loads((folder / "facts.json").read_text())["review/audit_raised"] == 1


def test_what_is_unread_is_printed_to_be_filled_in(folder: Path, run_script: Callable,
                                                   tmp_path: Path) -> None:
    """An entry that nobody filled in is refused; a filled one is unread no more."""
    flag = next(json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()
                if json.loads(line)["kind"] == "flag")
    [entry] = map(json.loads, run_script("audit_benchmark.py", folder, "--unread"
                                         ).stdout.splitlines())
    assert (entry["id"], entry["datapoint_id"]) == (flag["id"], flag["disputed"][0])
    filled = {**entry, "holds": "pass", "reason": "both say six, which is right"}
    for quote, code in (("", 1), ("six", 0)):
        (tmp_path / "filled").write_text(json.dumps({**filled, "quote": quote}) + "\n")
        done = run_script("audit_benchmark.py", folder, "--readings", tmp_path / "filled",
                          "--reader", "ann")
        assert done.returncode == code, done.stdout + done.stderr
    assert run_script("audit_benchmark.py", folder, "--unread").stdout == ""


def test_a_value_in_quotes_proves_however_short_it_is(folder: Path) -> None:
    text = [parts.Part("call-1", 'pour {"volume": "1.50 L", "cup": "b7"}')]
    assert not parts.too_short("1.50 L", text)
    assert [parts.too_short(quote, text) for quote in ("b7", "volume\": \"1", "pour")] == [True] * 3
