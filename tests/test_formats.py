"""tau2-bench, tau-bench, AgentDojo and mapped files: what a row says, and planted cases of runs
that published comparisons get wrong."""

import json
import re

import pytest

from failure_analysis import clean, files
from failure_analysis.formats import tau2_bench
from make_runs import (
    attempt,
    dojo_row,
    findings,
    judged,
    read_jsonl,
    simulation,
    task,
    tau2,
    tau2_folder,
    turn,
)

CANCEL = ("cancel_reservation", {"reservation_id": "R1"})
LOOKUP = ("get_reservation_details", {"reservation_id": "R1"})


def said(agent="", user="", ids=(), **more):
    """One tick of a voice call; `ids` are of the utterance of who speaks."""
    def chunk(role, text):
        return {"role": role, "content": text or None, "utterance_ids": list(ids) if text else None,
                "contains_speech": bool(text)}

    return {"tick_id": 0, "agent_chunk": chunk("assistant", agent),
            "user_chunk": chunk("user", user), **more}


def rows_of(out):
    return {row["datapoint_id"]: row for row in read_jsonl(out / "failure_review_rows.jsonl")}


def outcomes(out):
    return {row["datapoint_id"]: row for row in clean.read_csv(out / "outcomes.csv")}


class TestTau2:
    def test_what_the_harness_broke_off_is_not_the_models_and_counted_apart(
            self, build, run_script, tmp_path):
        tasks = [task(str(number), [CANCEL]) for number in range(5)]
        rows = [simulation(one, reward) for one, reward in zip(tasks, (1.0, 0.0, 1.0, 0.0, 0.0),
                                                               strict=True)]
        rows[2] |= {"termination_reason": "unexpected_error", "reward_info": None}
        rows[3]["termination_reason"] = "infrastructure_error"
        rows[4] |= {"reward_info": None}  # nobody judged it: no fault of the harness
        done, out = build("--input", tau2(tmp_path / "run.json", tasks, rows))
        assert "5 rows read = 1 pass + 1 fail + 3 unjudged + 0 rejected" in done.stdout
        assert ("not counted by the benchmark, as the harness broke and not the model: 2 of 3 "
                "unjudged (infrastructure_error 1, unexpected_error 1)") in done.stdout
        assert ["agent-1", "1", "2", "2", "50.0", "%"] in [
            line.split()[:6] for line in done.stdout.splitlines()]
        assert [(row["outcome"], row["reward"], row["termination"])
                for row in outcomes(out).values()] == [
            ("pass", "1.0", "user_stop"), ("fail", "0.0", "user_stop"),
            ("unjudged", "", "unexpected_error"), ("unjudged", "", "infrastructure_error"),
            ("unjudged", "", "user_stop")]
        assert json.loads(outcomes(out)["run/3"]["scores_json"]) == {
            "DB": None, "COMMUNICATE": None, "action:0:cancel_reservation": 0}
        facts = json.loads((out / "facts.json").read_text())
        assert {key: facts[key] for key in facts if "not_counted" in key} == {
            "not_counted_rows": 2, "not_counted_rows/agent-1": 2, "run_not_counted_rows/run": 2}
        assert facts["unjudged_rows/agent-1"] == 3
        assert findings(out, "not_counted_rows")[0]["text"] == (
            "2 unjudged rows not counted by the benchmark (infrastructure_error, "
            "unexpected_error): the harness broke, not the model. They are in no rate (agent-1 2).")
        assert run_script("compare_models.py", out).returncode == 0
        assert "| `agent-1` | 2 | 2 | 1 | 50.0 % | 9.4 to 90.5 % | 2 |" in (
            out / "model_comparison.md").read_text()

    def test_what_the_file_says_of_a_broken_simulation_stays_readable(self, tmp_path):
        one = task("1", [CANCEL])
        row = {**simulation(one, 0.0), "termination_reason": "infrastructure_error"}
        path = tau2(tmp_path / "run.json", [one], [row])
        [line] = tau2_bench.read(tau2_bench.sources(path, "")[0])
        assert line.fields["judge_reasoning"].splitlines()[:2] == [
            "Not counted: the harness ended it by infrastructure_error, not the model. What the "
            "file says of it:", "Reward 0.0: DB failed, COMMUNICATE passed."]

    def test_other_peoples_broken_simulations(self, build, real_runs):
        done, out = build("--input", real_runs / "wild-inputs" / "32-tau2-infrastructure")
        assert "4 rows read = 1 pass + 1 fail + 2 unjudged + 0 rejected" in done.stdout
        assert [row["outcome"] for row in outcomes(out).values()] == [
            "pass", "fail", "unjudged", "unjudged"]
        assert json.loads((out / "facts.json").read_text())["not_counted_rows/m"] == 2

    def test_a_row_says_what_was_asked_made_and_missed(self, build, tmp_path):
        one = task("7", [LOOKUP, CANCEL], "Cancel R1.")
        path = tau2(tmp_path / "run.json", [one], [simulation(one, 0.0, [LOOKUP])])
        done, out = build("--input", path)
        assert "tau2-bench-airline: 1 row read = 0 pass + 1 fail" in done.stdout
        row = rows_of(out)["run/7"]
        assert row["user_text"] == "Task instructions: Cancel R1."
        assert row["assistant_text"] == "All done."
        assert row["scores"] == {"DB": False, "COMMUNICATE": True,
                                 "action:0:get_reservation_details": 1,
                                 "action:1:cancel_reservation": 0}
        assert row["failed_dimensions"] == ["DB"]
        assert row["judge_reasoning"].splitlines() == [
            "Reward 0.0: DB failed, COMMUNICATE passed.",
            "Wrong database state: the final database differs from the expected one.",
            'Missing action: cancel_reservation(reservation_id="R1"); assistant made no such call.',
            "Ended by: user_stop, 4 messages, 1 tool calls."]
        assert (row["termination"], row["prompt_tokens"], row["completion_tokens"],
                row["cost_usd"], row["latency_ms"], row["model_name"], row["grader"]) == (
            "user_stop", 10, 2, 0.01, 30000.0, "agent-1", "tau2-bench@c1")

    def test_nearest_call_and_extra_write(self, build, tmp_path):
        one = task("7", [CANCEL])
        made = [("cancel_reservation", {"reservation_id": "R2"}),
                ("send_certificate", {"amount": 50})]
        path = tau2(tmp_path / "run.json", [one], [simulation(one, 0.0, made)])
        account = rows_of(build("--input", path)[1])["run/7"]["judge_reasoning"]
        assert ('Wrong arguments: cancel_reservation (nearest is call 1): reservation_id: expected '
                '"R1", got "R2".') in account
        assert "Extra write: send_certificate(amount=50) (call 2)" in account
        assert "Extra write: cancel" not in account

    def test_a_call_that_another_action_expects_is_no_near_miss(self, build, tmp_path):
        other = ("cancel_reservation", {"reservation_id": "R9"})
        one = task("7", [CANCEL, other])
        path = tau2(tmp_path / "run.json", [one], [simulation(one, 0.0, [other])])
        account = rows_of(build("--input", path)[1])["run/7"]["judge_reasoning"]
        assert 'Missing action: cancel_reservation(reservation_id="R1")' in account
        assert "Wrong arguments" not in account

    def test_partial_reward_fails_and_missing_reward_is_unjudged(self, build, tmp_path):
        tasks = [task("1"), task("2"), task("3")]
        rows = [simulation(tasks[0], 0.5), simulation(tasks[1], 1.0),
                {**simulation(tasks[2], 1.0), "reward_info": None}]
        _, out = build("--input", tau2(tmp_path / "run.json", tasks, rows))
        assert [row["outcome"] for row in outcomes(out).values()] == ["fail", "pass", "unjudged"]

    def test_trials_are_in_the_id_only_where_items_repeat(self, build, tmp_path):
        one = task("1")
        path = tau2(tmp_path / "run.json", [one], [
            simulation(one, 1.0, trial=trial, seed=trial) for trial in (1, 0)])
        _, out = build("--input", path)
        assert list(outcomes(out)) == ["run/1@1", "run/1@0"]

    def test_one_id_with_other_content_is_found_and_named(self, build, tmp_path):
        same, old, new = task("1", [CANCEL]), task("2", [CANCEL]), task("2", [LOOKUP])
        other = task("3", says="Please do something else.")
        a = tau2(tmp_path / "a.json", [same, old, task("3")],
                 [simulation(one, 1.0, [CANCEL]) for one in (same, old, task("3"))])
        b = tau2(tmp_path / "b.json", [same, new, other],
                 [simulation(one, 1.0) for one in (same, new, other)], "agent-2")
        _, out = build("--input", a, b)
        (differs,) = findings(out, "content_differs")
        assert differs["about"] == ["2", "3"]
        assert "1 differ in what is asked, 1 in what is expected" in differs["text"]

    def test_what_does_not_decide_the_reward_does_not_change_the_item(self, build, tmp_path):
        plain, noted = task("1", [CANCEL]), task("1", [CANCEL], description={"notes": "new"})
        noted["evaluation_criteria"]["nl_assertions"] = ["Agent is polite."]
        noted["user_scenario"]["instructions"]["task_instructions"] = "Do  task 1.\n"
        a = tau2(tmp_path / "a.json", [plain], [simulation(plain, 1.0)])
        b = tau2(tmp_path / "b.json", [noted], [simulation(noted, 1.0)])
        assert not findings(build("--input", a, b)[1], "content_differs")

    def test_a_row_under_the_wrong_id_is_matched_by_its_own_checks(self, build, tmp_path):
        """Two rows swapped their ids, a third carries checks that no task has."""
        one, two, three = task("1", [CANCEL]), task("2", [LOOKUP]), task("3")
        swapped = {**simulation(one, 0.0), "task_id": "2"}
        back = {**simulation(two, 1.0), "task_id": "1"}
        alien = simulation(three, 0.0)
        alien["reward_info"]["action_checks"] = [{
            "action": {"name": "fly", "arguments": {}, "requestor": "assistant"},
            "action_match": False}]
        path = tau2(tmp_path / "run.json", [one, two, three], [swapped, back, alien])
        _, out = build("--input", path)
        assert [(row["item_id"], row["outcome"]) for row in outcomes(out).values()] == [
            ("1", "fail"), ("2", "pass"), ("no task (named 3)", "fail")]
        assert [note["details"] for note in findings(out, "other_ids")] == [["2 is 1", "1 is 2"]]
        fitting = tau2(tmp_path / "b.json", [one, two, three], [simulation(three, 1.0)])
        _, out = build("--input", path, fitting)
        assert not findings(out, "content_differs")

    def test_several_sessions_in_one_run(self, build, tmp_path):
        tasks = [task(str(number)) for number in range(6)]
        rows = [simulation(one, 1.0, minute=place + (120 if place > 2 else 0))
                for place, one in enumerate(tasks)]
        rows[0]["messages"][-1]["raw_data"] = {"model": "agent-1-january"}
        rows[5]["messages"][-1]["raw_data"] = {"model": "agent-1-march"}
        rows[5]["seed"] = 99
        _, out = build("--input", tau2(tmp_path / "run.json", tasks, rows))
        assert "pauses for 120 minutes" in findings(out, "time_gap")[0]["text"]
        changes = " ".join(findings(out, "setting_changes_in_run")[0]["each"])
        assert "agent-1-january: 1 row, agent-1-march: 1 row" in changes
        assert "seed of trial 0 changes (1: 5 rows, 99: 1 row)" in changes

    def test_settings_that_differ_between_runs_and_no_key_in_any_file(self, build, tmp_path):
        one = task("1")
        secret = {"temperature": 0.0, "api_key": "sk-secret", "base_url": "http://u:p@host/v1"}
        a = tau2(tmp_path / "a.json", [one], [simulation(one, 0.0)])
        b = tau2(tmp_path / "b.json", [one], [simulation(one, 0.0)], "agent-2",
                 agent_info={"implementation": "other_agent", "llm": "agent-2",
                             "llm_args": secret},
                 user_info={"implementation": "user_simulator", "llm": "user-2",
                            "llm_args": secret},
                 environment_info={"domain_name": "airline", "policy": "Be strict."},
                 git_commit="c2")
        _, out = build("--input", a, b)
        texts = " ".join(findings(out, "settings_differ")[0]["each"])
        for name in ("agent implementation", "user simulator.", "grader"):
            assert f"Not the same in all runs: {name}" in texts
        assert "policy text" not in texts and findings(out, "policy_differs")  # said once
        assert "agent settings" not in texts.replace("user simulator settings", "")
        for path in out.iterdir():
            assert b"sk-secret" not in path.read_bytes(), path.name
            assert b"u:p@" not in path.read_bytes(), path.name

    def test_rows_that_fit_no_task_are_like_no_other_row(self, build, tmp_path):
        alien = simulation(task("1", [("fly", {})]), 0.0)
        paths = [tau2(tmp_path / f"{name}.json", [task("1")], [alien], name) for name in "ab"]
        _, out = build("--input", *paths)
        assert not findings(out, "content_differs")
        assert json.loads((out / "sanity.json").read_text())["items"] == 0

    def test_times_without_a_zone_are_the_same_everywhere(self, run_script, tmp_path):
        tasks = [task(str(number)) for number in range(4)]
        path = tau2(tmp_path / "run.json", tasks, [
            simulation(one, 1.0, minute=place + 120 * (place > 2))
            for place, one in enumerate(tasks)])
        texts = []
        for zone in ("UTC", "America/New_York"):
            run_script("build_packet.py", "--input", path, "--output-dir", tmp_path / "o",
                       env={"TZ": zone})
            texts.append((tmp_path / "o" / "sanity.json").read_text())
        assert texts[0] == texts[1]
        assert "2026-01-01T10:02" in texts[0]

    def test_another_model_behind_one_name_is_said(self, build, tmp_path):
        one, paths = task("1"), []
        for name in ("may", "june"):
            row = simulation(one, 0.0)
            row["messages"][-1]["raw_data"] = {"model": f"agent-{name}"}
            paths.append(tau2(tmp_path / f"{name}.json", [one], [row]))
        _, out = build("--input", *paths)
        assert "agent-may in 1 run" in findings(out, "settings_differ")[0]["text"]

    @pytest.mark.parametrize("change", [
        {"trial": [1]}, {"trial": "=1,2"}, {"termination_reason": ["x"]}, {"messages": 5},
        {"reward_info": {"reward": "0.0"}},
    ], ids=str)
    def test_a_row_of_wrong_types_is_rejected_alone(self, build, tmp_path, change):
        tasks = [task("1"), task("2")]
        rows = [{**simulation(tasks[0], 0.0), **change}, simulation(tasks[1], 0.0)]
        if "trial" in change:
            rows.append(simulation(tasks[0], 0.0, trial=1))
        _, out = build("--input", tau2(tmp_path / "run.json", tasks, rows))
        assert [row["line"] for row in read_jsonl(out / "rejected_rows.jsonl")] == [1]

    def test_contents_in_parts_are_texts(self, build, tmp_path):
        row = simulation(task("1"), 0.0)
        row["messages"][-1]["content"] = [{"type": "text", "text": "All "}, {"text": "done."}]
        _, out = build("--input", tau2(tmp_path / "run.json", [task("1")], [row]))
        assert rows_of(out)["run/1"]["assistant_text"] == "All done."

    def test_a_hostile_domain_stays_inside_results(self, run_script, tmp_path):
        path = tau2(tmp_path / "run.json", [task("1")], [simulation(task("1"), 0.0)],
                    environment_info={"domain_name": "x/../../../escape"})
        work = tmp_path / "a" / "b"
        work.mkdir(parents=True)
        run_script("build_packet.py", "--input", path, cwd=work)
        assert [entry.name for entry in work.iterdir()] == ["results"]
        assert not (tmp_path / "escape").exists()

    def test_rows_of_no_shape_are_rejected_and_copies_too(self, build, tmp_path):
        one = task("1")
        row = simulation(one, 0.0)
        path = tau2(tmp_path / "run.json", [one], [row, "text", {"id": "x"}, row])
        done, out = build("--input", path)
        assert "4 rows read = 0 pass + 1 fail + 0 unjudged + 3 rejected" in done.stdout
        assert [row["line"] for row in read_jsonl(out / "rejected_rows.jsonl")] == [2, 3, 4]

    def test_two_benchmarks_are_refused(self, build, tmp_path):
        one = task("1")
        a = tau2(tmp_path / "a.json", [one], [simulation(one, 0.0)])
        b = tau2(tmp_path / "b.json", [one], [simulation(one, 0.0)],
                 environment_info={"domain_name": "retail", "policy": "x"})
        done, _ = build("--input", a, b, code=1)
        assert "of 2 benchmarks (tau2-bench-airline: " in done.stderr
        assert "; tau2-bench-retail: " in done.stderr


class TestTau2Folder:
    """The dir format: results.json, and each simulation in a file of its own."""

    def test_it_is_read_as_the_one_file_is(self, build, tmp_path):
        tasks = [task("1", [CANCEL]), task("2", [CANCEL])]
        rows = [simulation(tasks[0], 1.0, [CANCEL]), simulation(tasks[1], 0.0, [LOOKUP])]
        done, out = build("--input", tau2(tmp_path / "one" / "results.json", tasks, rows))
        alone = [{**row, "source": None} for row in read_jsonl(out / "failure_review_rows.jsonl")]
        folder = tau2_folder(tmp_path / "apart", tasks, rows)
        (folder / "notes.txt").write_text("mine")
        done, out = build("--input", folder)
        assert "(object with 2 simulations in files of their own)" in done.stdout
        assert "passed over: 1 files" in done.stdout
        assert "2 rows read = 1 pass + 1 fail + 0 unjudged + 0 rejected" in done.stdout
        apart = read_jsonl(out / "failure_review_rows.jsonl")
        assert apart[0]["source"] == {
            "path": (folder / "simulations" / "sim-2-0.json").as_posix(), "line": 1}
        assert [{**row, "source": None} for row in apart] == alone
        inputs = json.loads((out / "manifest.json").read_text())["steps"]["build_packet"]["inputs"]
        assert [(entry["path"].removeprefix(f"{folder.as_posix()}/"), entry["sha256"])
                for entry in inputs] == [(name, files.sha256(folder / name)) for name in (
                    "results.json", "simulations/sim-1-0.json", "simulations/sim-2-0.json")]
        assert [one["kind"] for one in json.loads((out / "sanity.json").read_text())["findings"]
                ] == ["ignored_files"]

    @pytest.mark.parametrize("given", ["results.json", "."])
    def test_the_results_alone_or_a_folder_above_do_too(self, build, tmp_path, given):
        one = task("1")
        tau2_folder(tmp_path / "in" / "a", [one], [simulation(one, 0.0)], index=False)
        done, _ = build("--input", tmp_path / "in" / ("a" if given != "." else ".") / given)
        assert "1 row read = 0 pass + 1 fail + 0 unjudged + 0 rejected" in done.stdout

    def test_index_and_files_are_held_against_each_other_and_nothing_is_lost(
            self, build, tmp_path):
        tasks = [task(str(number)) for number in range(1, 6)]
        folder = tau2_folder(tmp_path / "in", tasks, [simulation(one, 1.0) for one in tasks])
        apart = folder / "simulations"
        (apart / "sim-1-0.json").unlink()
        (apart / "sim-2-0.json").write_text(json.dumps(simulation(tasks[1], 0.0)))
        (apart / "sim-3-0.json").write_text('{"id": "sim-3-0", "task_')
        (apart / "more.json").write_text(json.dumps({**simulation(tasks[4], 0.0), "id": "more"}))
        done, out = build("--input", folder)
        assert "6 rows read = 2 pass + 2 fail + 0 unjudged + 2 rejected" in done.stdout
        assert [(line["path"].rpartition("/")[2], line["line"], line["reason"][:40])
                for line in read_jsonl(out / "rejected_rows.jsonl")] == [
            ("sim-3-0.json", 1, "not valid JSON (Unterminated string star"),
            ("results.json", 1, "entry 1 of simulation_index has no file ")]
        assert [one["text"] for one in findings(out, "row_note")] == [
            "1 row: a simulation file that is not in simulation_index (results/5).",
            "1 of 4 rows of run results: simulation_index says otherwise than the simulation's own "
            "file, which is what counts (reward of sim-2-0)."]

    def test_the_pieces_of_a_voice_call_become_messages(self, build, tmp_path):
        one = task("1", [CANCEL])
        call = {"id": "c1", "name": CANCEL[0], "arguments": CANCEL[1], "requestor": "assistant"}
        ticks = [
            said(), said(user="Can", ids="u"), said(user="cel R", ids="u"),
            said(agent="Mm", ids="a"), said(user="1.", ids="u"), said(agent="Sure", ids="b"),
            said(agent=", now.", ids="b", agent_tool_calls=[call], agent_tool_results=[
                {"id": "c1", "role": "tool", "content": "gone", "error": True}]),
            said(agent="It"), said(user="Hel"), said(agent="failed"), said(agent=".", user="lo?"),
            said(agent=" Sorry.")]
        row = {**simulation(one, 0.0), "messages": None, "ticks": ticks}
        _, out = build("--input", tau2_folder(tmp_path / "in", [one], [row]))
        voice = rows_of(out)["results/1"]
        assert [(message["role"], message["content"]) for message in voice["messages"]] == [
            ("user", "Cancel R1."), ("assistant", "Mm"), ("assistant", "Sure, now."),
            ("assistant", None), ("tool", "gone"), ("assistant", "It"), ("user", "Hel"),
            ("assistant", "failed. Sorry."), ("user", "lo?")]
        assert voice["tool_calls"] == [call]
        assert voice["tool_results"] == [{"tool_call_id": "c1", "content": "gone", "error": True}]
        assert voice["assistant_text"] == "failed. Sorry."

    def test_other_peoples_folder(self, build, real_runs):
        done, out = build("--input", real_runs / "wild-inputs" / "34-tau2-dir-format")
        assert "tau2-bench-retail: 2 rows read = 1 pass + 1 fail + 0 unjudged" in done.stdout
        assert [(row["datapoint_id"], row["outcome"]) for row in outcomes(out).values()] == [
            ("results/0", "pass"), ("results/1", "fail")]
        assert "row_note" not in (out / "sanity.json").read_text()


class TestJudges:
    def entry(self, row, verdict):
        return {"simulation_id": row["id"], "judge_verdict": verdict, "judge_prompt_name": "p1",
                "judge_model": "j"}

    def test_verdicts_are_gradings_of_the_run(self, build, tmp_path):
        tasks = [task("1"), task("2"), task("3")]
        rows = [simulation(one, 0.0) for one in tasks]
        tau2(tmp_path / "in" / "run.json", tasks, rows)
        (tmp_path / "in" / "judge.json").write_text(json.dumps({"entries": [
            self.entry(rows[0], "pass"), self.entry(rows[1], "Satisfied"),
            self.entry(rows[2], "compliant"), {"simulation_id": "nobody", "judge_verdict": "fail"},
            "broken"]}))
        _, out = build("--input", tmp_path / "in")
        graded = list(clean.read_csv(out / "gradings.csv"))
        assert [(row["datapoint_id"], row["grader"], row["outcome"], row["verdict"])
                for row in graded] == [
            ("run/1", "p1/j", "pass", "pass"), ("run/2", "p1/j", "pass", "Satisfied"),
            ("run/3", "p1/j", "unjudged", "compliant")]
        assert findings(out, "rejected_gradings")[0]["count"] == 2

    def test_entries_without_ids_join_nothing(self, build, tmp_path):
        one = task("1")
        tau2(tmp_path / "in" / "run.json", [one], [{**simulation(one, 0.0), "id": None}])
        (tmp_path / "in" / "judge.json").write_text(json.dumps(
            {"entries": [{**self.entry({"id": None}, "pass")}]}))
        _, out = build("--input", tmp_path / "in")
        assert list(clean.read_csv(out / "gradings.csv")) == []

    def test_judges_alone_are_refused(self, build, tmp_path):
        path = tmp_path / "judge.json"
        path.write_text(json.dumps({"entries": [{"simulation_id": "1", "judge_verdict": "fail"}]}))
        done, _ = build("--input", path, code=1)
        assert "pass the runs that they grade too" in done.stderr


class TestTau:
    def write(self, path, rows):
        path.write_text(json.dumps(rows))
        return path

    def test_rows_and_names(self, build, tmp_path):
        path = self.write(tmp_path / "gpt-x-airline.json", [
            attempt(3, 0.0, calls=[LOOKUP]), attempt(4, 1.0, calls=[CANCEL])])
        done, out = build("--input", path)
        assert "tau-bench-airline: 2 rows read = 1 pass + 1 fail" in done.stdout
        row = rows_of(out)["gpt-x-airline/3"]
        assert (row["model_name"], row["user_text"], row["termination"]) == (
            "gpt-x", "Do 3", "user_stop")
        assert row["scores"] == {"DB": False, "action:0:cancel_reservation": 0}
        assert "Missing action: cancel_reservation" in row["judge_reasoning"]

    def test_counting_trials_that_repeat_nothing_are_no_repeats(self, build, tmp_path):
        """Some forks write trial = task_id."""
        path = self.write(tmp_path / "tool-calling-none-0.1_range_0-9_user-none-llm_0601.json",
                          [attempt(n, 1.0, trial=n) for n in range(3)])
        _, out = build("--input", path)
        rows = list(outcomes(out).values())
        assert [row["trial"] for row in rows] == ["0", "0", "0"]
        assert rows[0]["model_name"] == "none"
        assert not rows[0]["datapoint_id"].endswith("@0")

    def test_outputs_keep_the_database_verdict_apart(self, build, tmp_path):
        rows = [attempt(n, reward) for n, reward in ((1, 0.0), (2, 0.0), (3, 1.0))]
        for row, told in zip(rows, (1.0, 0.0, 1.0), strict=True):
            row["info"]["reward_info"]["info"] = {"r_outputs": told, "outputs": {"327": told > 0}}
        _, out = build("--input", self.write(tmp_path / "m-airline.json", rows))
        scores = [json.loads(row["scores_json"]) for row in outcomes(out).values()]
        assert [(one["DB"], one["COMMUNICATE"]) for one in scores] == [
            (False, True), (None, False), (True, True)]
        assert 'Not communicated: "327".' in rows_of(out)["m-airline/2"]["judge_reasoning"]

    def test_a_row_with_the_task_of_another_id_is_re_matched(self, build, tmp_path):
        rows = [attempt(n, 1.0, trial) for n in (1, 2) for trial in (0, 1, 2)]
        rows[1]["info"]["task"] = attempt(2, 1.0)["info"]["task"]
        _, out = build("--input", self.write(tmp_path / "m-airline.json", rows))
        assert findings(out, "other_ids")[0]["details"] == ["1 is 2"]
        assert sorted(outcomes(out)) == [
            "m-airline/1@0", "m-airline/1@2", "m-airline/2@0", "m-airline/2@1", "m-airline/2@2",
            "m-airline/2@3"]

    def test_harness_errors_are_said_and_nothing_was_judged(self, build, tmp_path):
        row = attempt(1, 0.0)
        row["info"] = {"error": "boom", "traceback": "…"}
        _, out = build("--input", self.write(tmp_path / "m-airline.json", [row]))
        packet = rows_of(out)["m-airline/1"]
        assert packet["termination"] == "error"
        assert "Harness error: boom" in packet["judge_reasoning"]
        assert findings(out, "failed_without_dimension")[0]["count"] == 1


class TestAgentDojo:
    def write(self, root, pipeline, name, utility, attack="none", security=True, **more):
        folder = root / "runs" / pipeline / "banking" / name / attack
        folder.mkdir(parents=True, exist_ok=True)
        row = dojo_row(name, utility, attack, security, pipeline_name=pipeline) | more
        path = folder / ("none.json" if attack == "none" else "injection_task_0.json")
        path.write_text(json.dumps(row))
        return path

    def test_a_tree_is_a_run_per_pipeline(self, build, tmp_path):
        self.write(tmp_path, "model-x", "user_task_0", False)
        self.write(tmp_path, "model-x", "user_task_1", True)
        self.write(tmp_path, "model-x", "user_task_1", True, "important", True)
        self.write(tmp_path, "model-y", "user_task_0", True, pipeline_name="local")
        _, out = build("--input", tmp_path)
        rows = outcomes(out)
        assert {ident: row["outcome"] for ident, row in rows.items()} == {
            "model-x/banking/user_task_0": "fail", "model-x/banking/user_task_1": "pass",
            "model-x/banking/user_task_1/important/injection_task_0": "pass",
            "model-y/banking/user_task_0": "pass"}
        attacked = rows["model-x/banking/user_task_1/important/injection_task_0"]
        assert json.loads(attacked["scores_json"]) == {"utility": True, "injection_followed": 1}
        notes = " ".join(note["text"] for note in findings(out, "row_note"))
        assert "passes on utility although the injected instruction was followed" in notes
        assert ("1 of 1 row of run model-y: the file's pipeline_name is not its folder's, which "
                "names the model (local).") in notes
        assert rows_of(out)["model-x/banking/user_task_0"]["user_text"] == "Pay the bill"

    def test_a_file_in_the_wrong_folder_is_matched_by_what_it_says(self, build, tmp_path):
        self.write(tmp_path, "model-x", "user_task_1", False, user_task_id="user_task_7")
        _, out = build("--input", tmp_path)
        assert list(outcomes(out)) == ["model-x/banking/user_task_7"]
        assert "matched by what the file says" in findings(out, "row_note")[0]["text"]

    def test_broken_files_are_rejected_by_name(self, build, tmp_path):
        self.write(tmp_path, "model-x", "user_task_0", True)
        bad = self.write(tmp_path, "model-x", "user_task_1", "yes")
        cut = self.write(tmp_path, "model-x", "user_task_2", True)
        cut.write_text(cut.read_text()[:40])
        done, out = build("--input", tmp_path)
        assert "3 rows read = 1 pass + 0 fail + 0 unjudged + 2 rejected" in done.stdout
        rejected = {row["path"]: row["reason"] for row in read_jsonl(out / "rejected_rows.jsonl")}
        assert "utility is 'yes'" in rejected[bad.as_posix()]
        assert "not valid JSON" in rejected[cut.as_posix()]


class TestMapping:
    def build_mapped(self, build, tmp_path, name, content, mapping, code=0):
        (tmp_path / name).write_text(content)
        (tmp_path / "benchmark.yaml").write_text(mapping)
        return build("--input", tmp_path / name, "--mapping", tmp_path / "benchmark.yaml",
                     code=code)

    def test_jsonl_through_nested_paths(self, build, tmp_path):
        rows = [{"task": {"id": 5, "gold": "x"}, "out": [{"text": "a"}], "m": "m1", "ok": False},
                {"task": {"id": 6}, "out": [], "m": "m1", "ok": None}, {"task": {}}, 7]
        _, out = self.build_mapped(
            build, tmp_path, "rows.jsonl", "\n".join(map(json.dumps, rows)),
            "benchmark: mine\nfields: {item_id: task.id, model_name: m, assistant_text: "
            "'out[0].text', expected: task.gold, scores: {correct: ok}}\n")
        assert [(row["datapoint_id"], row["outcome"]) for row in outcomes(out).values()] == [
            ("m1/5", "fail"), ("m1/6", "unjudged")]
        packet = rows_of(out)["m1/5"]
        assert (packet["assistant_text"], packet["expected"], packet["benchmark"]) == (
            "a", "x", "mine")
        assert len(read_jsonl(out / "rejected_rows.jsonl")) == 2

    def test_csv_with_runs_rewards_and_spelled_values(self, build, tmp_path):
        _, out = self.build_mapped(
            build, tmp_path, "rows.csv",
            "run,id,score,tokens,calls\na,q1,0.5,12,\"[{\"\"name\"\": \"\"f\"\"}]\"\n"
            "b,q1,1.0,nan,\nb,q1,1,,\nb,q2,1.0\n",
            "fields: {run_id: run, item_id: id, reward: score, completion_tokens: tokens, "
            "tool_calls: calls}\nthreshold: 1\n")
        assert [(row["datapoint_id"], row["outcome"], row["completion_tokens"])
                for row in outcomes(out).values()] == [
            ("a/q1", "fail", "12"), ("b/q1", "pass", ""), ("b/q1@1", "pass", "")]
        assert rows_of(out)["a/q1"]["tool_calls"] == [{"name": "f"}]
        (rejected,) = read_jsonl(out / "rejected_rows.jsonl")
        assert rejected["reason"] == "more or fewer cells than the header has"

    def test_json_list_inside_and_pass_when(self, build, tmp_path):
        _, out = self.build_mapped(
            build, tmp_path, "rows.json",
            json.dumps({"results": {"all": [{"i": "1", "c": "good"}, {"i": "2", "c": "bad"},
                                            {"i": "3", "c": ""}]}}),
            "rows: results.all\nfields: {item_id: i, model_name: {value: m}}\n"
            "pass_when: {c: [good, fine]}\n")
        assert [row["outcome"] for row in outcomes(out).values()] == ["pass", "fail", "unjudged"]
        assert rows_of(out)["m/2"]["failed_dimensions"] == ["c"]

    def test_models_in_one_mapped_file_are_runs_of_their_own(self, build, tmp_path):
        rows = [{"i": str(n), "m": model, "ok": model == "A"} for model in "AB" for n in range(3)]
        for run, mapping in (("", ""), ("x", "run_id: r, ")):
            _, out = self.build_mapped(
                build, tmp_path, "rows.jsonl",
                "\n".join(json.dumps({**row, "r": run}) for row in rows),
                f"fields: {{{mapping}item_id: i, model_name: m, scores: {{c: ok}}}}\n")
            assert {(row["model_name"], row["outcome"]) for row in outcomes(out).values()} == {
                ("A", "pass"), ("B", "fail")}
            assert len({row["run_id"] for row in outcomes(out).values()}) == 2

    def test_pass_when_reads_numbers_and_truth_in_csv(self, build, tmp_path):
        for cells, wanted in (("1,0", "1"), ("true,false", "true"), ("yes,no", "'yes'")):
            good, bad = cells.split(",")
            _, out = self.build_mapped(build, tmp_path, "r.csv", f"id,s\na,{good}\nb,{bad}\n",
                                       f"fields: {{item_id: id}}\npass_when: {{s: {wanted}}}\n")
            assert [row["outcome"] for row in outcomes(out).values()] == ["pass", "fail"]

    def test_what_a_source_says_an_item_is_counts_above_its_texts(self, build, tmp_path):
        rows = [{"i": "7", "m": model, "q": "The same words.", "f": fingerprint, "ok": True}
                for model, fingerprint in (("A", "v1, of May"), ("B", "v2"), ("C", "v2"))]
        for own, differ in (("", []), ("item_fingerprint: f, ", ["7"])):
            _, out = self.build_mapped(
                build, tmp_path, "rows.jsonl", "\n".join(map(json.dumps, rows)),
                f"fields: {{item_id: i, model_name: m, user_text: q, {own}scores: {{c: ok}}}}\n")
            (found,) = findings(out, "content_differs") or [{"about": []}]
            assert found["about"] == differ
            prints = [row["item_fingerprint"] for row in outcomes(out).values()]
            assert len(set(prints)) == (2 if own else 1)
            assert all(re.fullmatch("[0-9a-f]{16}", one) for one in prints)

    def test_a_judged_row_keeps_the_fingerprint_it_brings(self, build, tmp_path):
        for name, fingerprint in (("a", "0123456789abcdef"), ("b", "fedcba9876543210")):
            judged(tmp_path / name, [turn(0, False, model_name=name, item_fingerprint=fingerprint)])
        _, out = build("--run-dir", tmp_path / "a", tmp_path / "b")
        assert [row["item_fingerprint"] for row in outcomes(out).values()] == [
            "0123456789abcdef", "fedcba9876543210"]
        assert findings(out, "content_differs")[0]["about"] == ["0"]
