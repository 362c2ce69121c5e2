"""Rows under the id of another task: which item they are, and what is said of those of which that
cannot be told."""

import json
from pathlib import Path

import pytest

from failure_analysis import clean
from failure_analysis.datapoint import UNSURE
from failure_analysis.formats import matching
from failure_analysis.lenses import dataset
from failure_analysis.packet import rows
from failure_analysis.report import recount
from make_runs import attempt, findings, read_jsonl, simulation, task, tau2, tau2_folder

CANCEL = ("cancel_reservation", {"reservation_id": "R1"})
LOOKUP = ("get_reservation_details", {"reservation_id": "R1"})
BOOK = ("book_reservation", {"seats": 2})
SEND = ("send_certificate", {"amount": 50})
FLY = ("fly", {})
MIA, OMAR = "Your user id is mia_li_3668.", "Your user id is omar_rossi_1241."
TASKS = [task("1", [CANCEL]), task("2", [LOOKUP]), task("3", [BOOK], MIA), task("4", [BOOK], OMAR),
         task("5", [SEND], "Ask kindly."), task("6", [SEND], "Ask twice."),
         task("7", [CANCEL, SEND], "Both."), task("8", [CANCEL, SEND], "Both.")]
BY_ID = {one["id"]: one for one in TASKS}
# The id that a row names -> the task that it is of.
SHUFFLED = {"2": "1", "1": "2", "5": "3", "6": "4", "3": "5", "4": "6", "9": "7"}
SAYS = {"3": "I am mia_li_3668.", "4": "It is OMAR_ROSSI_1241!"}


def says(row: dict, text: str) -> dict:
    """The row, whose user says this at the end."""
    return {**row, "messages": [*row["messages"], {"role": "user", "content": text}]}


def shuffled(reward: float) -> list[dict]:
    """Rows under the ids of other tasks, one that fits none, and one of its own id."""
    named = [says({**simulation(BY_ID[true], reward), "id": f"sim-{wrong}", "task_id": wrong},
                  SAYS.get(true, "Thanks.")) for wrong, true in SHUFFLED.items()]
    return [*named, {**simulation(task("7", [FLY]), reward), "id": "sim-7"},
            simulation(BY_ID["8"], reward)]


def lines(out: Path) -> list[tuple[str, str, str, bool]]:
    return [(row["datapoint_id"], row["item_id"], row["outcome"],
             row["item_fingerprint"] == UNSURE) for row in clean.read_csv(out / "outcomes.csv")]


@pytest.fixture
def two_runs(tmp_path: Path) -> tuple[Path, Path]:
    return (tau2(tmp_path / "a.json", TASKS, shuffled(0.0)),
            tau2(tmp_path / "b.json", TASKS, [simulation(one, 1.0) for one in TASKS], "agent-2"))


class TestTau2:
    def test_each_row_is_kept_under_the_task_of_its_content(self, build, two_runs):
        _, out = build("--input", two_runs[0])
        either, none = "a/5_or_6~", "a/no_task_(named_7)~"
        got = lines(out)
        assert [line[1:] for line in got] == [
            ("1", "fail", False), ("2", "fail", False), ("3", "fail", False), ("4", "fail", False),
            ("5 or 6", "fail", True), ("5 or 6", "fail", True), ("7", "fail", False),
            ("no task (named 7)", "fail", True), ("8", "fail", False)]
        assert [ident.startswith(start) for (ident, *_), start in zip(got[4:6] + got[7:8], (
            either, either, none), strict=True)] == [True] * 3
        assert len({ident for ident, *_ in got}) == 9
        facts = json.loads((out / "facts.json").read_text())
        assert (facts["items"], facts["failed_rows"]) == (6, 9)
        again = recount.totals(recount.alike_lines(out), rows.load(out), out)
        assert (again["items"], again["failed_rows"]) == (6, 9)

    def test_a_kind_of_note_is_one_finding(self, build, two_runs):
        details = ["2 is 1", "1 is 2", "5 is 3 by mia_li_3668", "6 is 4 by omar_rossi_1241",
                   "9 is 7, the same as 8"]
        _, out = build("--input", *two_runs)
        assert [(one["text"], one["details"]) for one in findings(out, "other_ids")] == [
            ("5 of 9 rows of run a: the content is that of another id than the named one; kept "
             f"under the id that fits ({', '.join(details)}).", details)]

    def test_a_check_that_was_typed_anew_is_the_same(self, build, tmp_path):
        one = task("1", [CANCEL])
        one["evaluation_criteria"]["nl_assertions"] = ["The agent. says  $1,380. ", "It is kind."]
        row = simulation(one, 0.0)
        row["reward_info"]["nl_assertions"] = [
            {"nl_assertion": text, "met": False} for text in ("The agent says $1,380.",
                                                              "It is kind")]
        _, out = build("--input", tau2(tmp_path / "a.json", [one, task("2", [SEND])], [row]))
        assert [line[1:] for line in lines(out)] == [("1", "fail", False)]
        row["reward_info"]["nl_assertions"][1]["nl_assertion"] = "It is rude."
        _, out = build("--input", tau2(tmp_path / "a.json", [one, task("2", [SEND])], [row]))
        assert [line[1:] for line in lines(out)] == [("no task (named 1)", "fail", True)]

    def test_what_cannot_be_told_is_said_once_and_is_nothing_else(self, build, two_runs):
        _, out = build("--input", *two_runs)
        (one,) = findings(out, "ambiguous_ids")
        assert one["text"] == (
            "3 rows of run a may be of several items, or fit none: 5 or 6 (2 rows); no task (named "
            "7) (1 row). What is recorded does not tell; they count in the rates and in no item.")
        assert one["details"] == ["5 or 6 (2 rows)", "no task (named 7) (1 row)"]
        assert len(one["about"]) == one["count"] == 3
        sanity = json.loads((out / "sanity.json").read_text())
        assert [one["kind"] for one in sanity["findings"]] == [
            "other_ids", "ambiguous_ids", "equal_times"]
        assert sanity["items"] == 8
        assert [(run["rows"], run["items"], run["missing_items"]) for run in sanity["runs"]] == [
            (9, 6, 0), (8, 8, 0)]

    def test_two_runs_with_notes_are_one_finding_that_names_both(self, build, tmp_path):
        paths = [tau2(tmp_path / f"{name}.json", TASKS, shuffled(0.0), name) for name in "ab"]
        _, out = build("--input", *paths)
        (first,) = findings(out, "other_ids")
        assert first["text"].startswith("10 of 18 rows of 2 runs (a, b): ")
        assert first["details"][:2] == ["a: 2 is 1", "a: 1 is 2"]
        assert first["details"][5:7] == ["b: 2 is 1", "b: 1 is 2"]
        (unsure,) = findings(out, "ambiguous_ids")
        assert unsure["text"].startswith(
            "6 rows of 2 runs (a, b) may be of several items, or fit none: a: 5 or 6 (2 rows); a: "
            "no task (named 7) (1 row); b: 5 or 6 (2 rows)")
        assert not findings(out, "content_differs")

    def test_a_run_that_lacks_more_than_may_be_there_is_still_told_so(self, build, tmp_path):
        unsure = {**simulation(TASKS[4], 1.0), "task_id": "1"}
        a = tau2(tmp_path / "a.json", TASKS, [*(simulation(one, 1.0) for one in TASKS[:2]), unsure])
        b = tau2(tmp_path / "b.json", TASKS, [simulation(one, 1.0) for one in TASKS], "agent-2")
        _, out = build("--input", a, b)
        (lacks,) = findings(out, "missing_items")
        assert lacks["about"] == ["3", "4", "7", "8"]
        assert "stopped early" not in lacks["text"]

    def test_the_comparison_counts_them_in_the_rate_and_in_no_item(
            self, build, run_script, two_runs, tmp_path):
        """A third run has the same ambiguous id, with the other outcome."""
        third = tau2(tmp_path / "c.json", TASKS, shuffled(1.0), "agent-3")
        _, out = build("--input", *two_runs, third)
        for script in ("cluster_failures.py", "compare_models.py", "plan_review.py"):
            done = run_script(script, out)
            assert done.returncode == 0, done.stderr
        compared = json.loads((out / "model_comparison.json").read_text())
        assert [(one["unit"], one["items"], one["attempts"], one["failed"], one.get("of_no_item"),
                 one["pass_rate"], one["compared_attempts"]) for one in compared["units"]] == [
            ("agent-1", 6, 9, 9, 3, 0.0, 6), ("agent-2", 8, 8, 0, None, 1.0, 6),
            ("agent-3", 6, 9, 0, 3, 1.0, 6)]
        assert (compared["items"], compared["compared_items"], compared["different_content"],
                compared["instability"]) == (8, 6, [], None)
        assert [one["item"] for one in compared["partial"]] == ["5", "6"]
        assert [pair["items"] for pair in compared["pairs"]] == [6, 6, 6]
        assert [(one["unit"], one["judged"], one["failed"]) for one in
                compared["dimensions"]["DB"]["units"]] == [
            ("agent-1", 9, 9), ("agent-2", 8, 0), ("agent-3", 9, 0)]
        assert ("Rows whose item cannot be told: 6 (`agent-1` 3, `agent-3` 3). They count in the "
                "rates and are in no item, set or pair.") in (
            out / "model_comparison.md").read_text()
        assert [row["item_id"] for row in clean.read_csv(out / "comparison.csv")] == list(
            "12345678")
        planned = read_jsonl(out / "review_plan.jsonl")
        contrasts = {line["contrast_of"]: line["item_id"] for line in planned
                     if line["contrast_of"]}
        unsure = [line for line in planned if line["item_id"] in ("5 or 6", "no task (named 7)")]
        assert {line["why"] for line in unsure} <= {"sample"}
        assert not contrasts.keys() & {line["datapoint_id"] for line in unsure}
        copied = {row["item_id"] for row in read_jsonl(out / "contrast_rows.jsonl")}
        assert not copied & {"5 or 6", "no task (named 7)"}
        ident = next(ident for ident, item, *_ in lines(out) if item == "5 or 6")
        shown = run_script("show_datapoint.py", out, ident, "--coder", "x")
        assert "item 5 or 6" in shown.stdout, shown.stderr
        assert "the same item elsewhere" not in shown.stdout

    def test_in_the_lenses_each_is_an_item_of_its_own(self, build, two_runs):
        _, out = build("--input", two_runs[0])
        assert len(set(dataset.load(out).item)) == 9

    def test_a_run_of_such_rows_alone_is_judged(self, build, run_script, tmp_path):
        path = tau2(tmp_path / "a.json", TASKS, [{**simulation(TASKS[4], 0.0), "task_id": "1"}])
        _, out = build("--input", path)
        assert findings(out, "items_never_run")[0]["about"] == ["1", "2", "3", "4", "7", "8"]
        done = run_script("compare_models.py", out)
        assert done.returncode == 0, done.stderr
        (unit,) = json.loads((out / "model_comparison.json").read_text())["units"]
        assert (unit["items"], unit["attempts"], unit["pass_rate"]) == (0, 1, 0.0)

    def test_an_id_that_fits_stays_though_others_fit_too(self, build, tmp_path):
        path = tau2(tmp_path / "a.json", TASKS, [says(simulation(TASKS[2], 0.0), SAYS["4"]),
                                                 {**simulation(TASKS[0], 0.0), "task_id": "2",
                                                  "reward_info": None}])
        _, out = build("--input", path)
        assert [line[1:] for line in lines(out)] == [("3", "fail", False), ("2", "unjudged", False)]
        assert not findings(out, "row_note") and not findings(out, "ambiguous_ids")

    @pytest.mark.parametrize("said, item", [
        ("I am anya_garcia_5901.", "0"), ("I am kai_lee_1111.", "1"), ("Hello.", "0, 1 or 2")])
    def test_a_check_that_is_not_there_speaks_against_a_task_that_has_it(
            self, build, tmp_path, said, item):
        """A judgement to the end lists the actions of every task that has some."""
        tasks = [task("0", says="Your user id is anya_garcia_5901."),
                 task("1", [CANCEL], "Your user id is kai_lee_1111."),
                 task("2", says="Say nothing."), task("3", [LOOKUP])]
        silent = says({**simulation(tasks[0], 0.0), "task_id": "1"}, said)
        cut = {**simulation(tasks[0], 0.0), "task_id": "3", "id": "cut"}
        cut["reward_info"] = {"reward": 0.0, "info": {"note": "Too many errors."}}
        of = [silent, cut, simulation(tasks[3], 0.0)]
        for path in (tau2(tmp_path / "a.json", tasks, of),
                     tau2_folder(tmp_path / "dir", tasks, of)):
            _, out = build("--input", path)
            assert sorted(line[1] for line in lines(out)) == sorted([item, "3", "3"])


class TestTau:
    def test_the_same_for_rows_that_carry_their_task(self, build, tmp_path):
        of = [attempt(n, 1.0, trial) for n in (1, 2, 3, 4) for trial in (0, 1, 2)]
        for row, content in ((of[1], 2), (of[4], 9), (of[7], 4)):
            row["info"]["task"] = attempt(content, 1.0)["info"]["task"]
        for row in of[9:]:  # task 4 is task 5 over again
            of.append({**row, "task_id": 5})
        path = tmp_path / "m-airline.json"
        path.write_text(json.dumps(of))
        _, out = build("--input", path)
        assert [line[1] for line in lines(out)] == [
            "1", "2", "1", "2", "no task (named 2)", "2", "3", "4", "3", *"444555"]
        assert [one["details"] for one in findings(out, "other_ids")] == [
            ["1 is 2", "3 is 4, the same as 5"]]
        assert findings(out, "ambiguous_ids")[0]["details"] == ["no task (named 2) (1 row)"]
        assert not findings(out, "content_changes_in_run")


class TestEvidence:
    TASKS = {name: matching.Task(told, told) for name, told in (
        ("a", "You are Mia Li of Boston, with flights HAT123 and HAT124 for 1,250 in May 2024."),
        ("b", "You are Omar Rossi of Boston, with flight HAT999. Insist on HAT998 or HAT997."))}

    @pytest.mark.parametrize("spoken, called, item", [
        ("I am Mia.", None, "a"), ("i am mia", None, "a or b"), ("Boston!", None, "a or b"),
        ("You said May 2024", None, "a or b"), ("hat124, please", None, "a"), ("$1250?", None, "a"),
        ("Omar, not Mia", None, "a or b"), ("I am Omar, on HAT123", None, "a"),
        ("HAT999 HAT998, no HAT123", None, "a or b"),
        ("HAT999 HAT998 HAT997, no HAT123", None, "b"),
        ("Hello", {"flight": ["HAT999"]}, "b"), ("Hello", {"name": "Insist Omar"}, "a or b"),
        ("HAT123", {"flights": ["HAT999", "HAT998", "HAT997"]}, "a"),
    ])
    def test_what_only_one_task_has_decides(self, spoken, called, item):
        match = matching.matched("c", {"a": "1", "b": "2"}, self.TASKS, [spoken], called)
        assert match.item == item
        assert match.may_be == (("a", "b") if item == "a or b" else ())

    def test_names_of_several(self):
        assert [matching.either(list("12345")[:count]) for count in (2, 3, 4, 5)] == [
            "1 or 2", "1, 2 or 3", "1, 2 or one of 2 others",
            "1, 2 or one of 3 others"]
