"""What the packet says before runs are compared: a line per kind, sessions, reruns, names."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from failure_analysis import facts
from failure_analysis.packet import findings, names, sessions
from failure_analysis.report.meaning import kind_of
from make_runs import findings as of_kind
from make_runs import judged, simulation, task, tau2, turn

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def timed(item: int, minutes: float, **more: object) -> dict:
    return turn(item, ts=(START + timedelta(minutes=minutes)).isoformat(), **more)


def rows(order: list[int], pause_before: int | None = None, minutes: float = 120) -> list[dict]:
    """A turn a minute in this order, with a pause before one place."""
    return [timed(item, place + (minutes if pause_before is not None and place >= pause_before
                                 else 0)) for place, item in enumerate(order)]


def test_a_kind_is_one_line_with_its_count_and_examples(build, tmp_path):
    runs = [judged(tmp_path / f"r{n}", rows(list(range(8)), 4, 100 + n)) for n in range(10)]
    runs += [judged(tmp_path / f"short{n}", [turn(0), turn(1)]) for n in range(3)]
    done, out = build("--run-dir", *runs)
    (gap,) = of_kind(out, "time_gap")
    assert gap["count"] == 10 and len(gap["each"]) == 10
    assert gap["text"] == (
        "10 pauses between the sessions from which runs were put together: "
        + "; ".join(f"r{n} for {101 + n} minutes after 2026-03-01T12:03+00:00" for n in range(5))
        + "; and 5 more in sanity.json.")
    (missing,) = of_kind(out, "missing_items")
    assert missing["text"].startswith("3 runs (short0, short1, short2) lack 6 items")
    said = done.stdout
    assert said.index("lack 6 items") < said.index("pauses between the sessions")
    assert said.count("pauses between the sessions") == 1


def test_what_costs_the_comparison_comes_first_and_a_kind_unknown_here_is_kept():
    given = [findings.finding(kind, f"{kind} is so.", ["a"]) for kind in (
        "ignored_files", "empty_answers", "brand_new", "settings_differ", "content_differs",
        "expected")]
    assert [one["kind"] for one in findings.in_order(given)] == [
        "expected", "content_differs", "settings_differ", "empty_answers", "brand_new",
        "ignored_files"]


def test_kinds_without_a_common_line_show_three_and_notes_of_rows_stay_apart():
    given = [findings.finding("side_file", f"File {n} is odd.", [str(n)]) for n in range(5)]
    given += [findings.finding("row_note", f"{n} rows: note {n}.", ["x"], n) for n in (4, 2)]
    odd, *notes = findings.in_order(given)
    assert odd["text"] == "File 0 is odd. File 1 is odd. File 2 is odd. And 2 more of this kind " \
                          "in sanity.json."
    assert odd["count"] == 5 and odd["about"] == ["0", "1", "2", "3", "4"]
    assert [note["count"] for note in notes] == [4, 2]


def test_at_most_fifteen_lines_on_the_terminal_and_in_the_report():
    given = findings.in_order(findings.finding(f"kind_{n}", f"Thing {n}.", []) for n in range(20))
    said = findings.for_terminal(given)
    assert len(said) == 15 and said[-1] == "- 6 more in sanity.json"
    assert len(findings.for_terminal(given[:15])) == 15


THIRDS = [n for n in range(0, 28, 3) if n != 9]
RERUN = [n for n in range(30) if n not in (3, 11, 17, 25)]


@pytest.mark.parametrize(("order", "pause", "again"), [
    (RERUN + [3, 11, 17, 25], 26, ["3", "11", "17", "25"]),
    (RERUN + [25, 3, 17, 11], 26, ["3", "11", "17", "25"]),
    (RERUN + [3, 11, 17, 25], None, ["3", "11", "17", "25"]),  # out of order without a pause
    (RERUN + [3], 26, ["3"]),
    (list(range(30)), 15, None),  # a plain continuation
    ([*range(14), 15, 14, *range(16, 30)], 15, None),  # one that began out of order
    (RERUN + [3, 11, 17, 25, 30], 26, None),  # the late session goes on beyond them
    ([1, 0, 3, 2, 5, 4, 8, 7, 6, 10, 9, 11], None, None),  # side by side
    ([(n * 17) % 30 for n in range(30)], 20, None),  # drawn: what is left is no choice
    (list(range(29, -1, -1)), 20, None),  # backwards
    # Strays first, and the last id late with the others.
    ([7, 9, *[n for n in range(29) if n % 3 and n != 7], *THIRDS, 29], 20, list(map(str, THIRDS))),
    ([18, 8, 27, 0, *[n for n in range(1, 30) if n not in (18, 8, 27, 3, 4, 12, 13, 21, 25)],
      3, 4, 12, 21, 13, 25], None, ["3", "4", "12", "13", "21", "25"]),  # strays, no pause
    ([0, 1, 3, 2], 3, None),  # too few to have an order
])
def test_late_rows_that_hold_just_what_was_skipped(build, tmp_path, order, pause, again):
    _, out = build("--run-dir", judged(tmp_path / "run", rows(order, pause)))
    found = of_kind(out, "reruns")
    assert [one["about"] for one in found] == ([again] if again else [])
    if again and pause:
        assert "after a pause of 121 minutes" in found[0]["text"]
        assert "look like reruns of failures" in found[0]["text"]
        size, late = len(order), len(order) - pause
        assert found[0]["text"].endswith(f"{late} of {late} of them pass: {size} of {size} with "
                                         f"them, {size - late} of {size - late} without.")


def test_reruns_by_another_model_are_told_from_their_names():
    order = [*range(0, 20, 2), 3, 5]
    at = [sessions.Timed(60.0 * place, 60.0 * place + 5, str(item),
                         "m-2" if item % 2 else "m-1", item == 3)
          for place, item in enumerate(order)]
    assert sessions.reruns(at, []) == sessions.Reruns(
        ["3", "5"], [], 1, 1, 600.0, ["by another model (m-2, before m-1)"])
    same = [row._replace(model="m-1") for row in at]
    assert sessions.reruns(same, []) is None  # two ids, a little late


def test_rows_of_one_time_tell_no_order(build, tmp_path):
    _, out = build("--run-dir", judged(tmp_path / "run", [timed(n, 0) for n in (2, 0, 1)]))
    (one,) = of_kind(out, "equal_times")
    assert one["text"].startswith("All 3 rows of run run carry one time (2026-03-01T12:00+00:00)")
    _, out = build("--run-dir", judged(tmp_path / "two", [timed(0, 0), timed(1, 0)]))
    assert of_kind(out, "equal_times") == []


@pytest.mark.parametrize(("name", "model"), [
    ("opus45_run1", "claude-opus-4-6"), ("gpt-4o_airline", "claude-3-5-sonnet-20241022"),
    ("claude-3-5-sonnet", "claude-3-7-sonnet-20250219"), ("o3-mini-run", "o4-mini"),
    ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b-instruct"), ("gpt-4o", "openai/gpt-4.1"),
    ("llama-3.1-70b", "meta-llama/Llama-3.1-8B-Instruct"), ("gpt-oss-120b", "openai/gpt-oss-20b"),
])
def test_a_name_of_another_model(name, model):
    assert names.contradicts(name, model) and names.contradicts(model, name)


def test_a_lesser_model_in_the_name_and_a_third_model_beside_the_users():
    assert names.contradicts("gpt-4o-mini_airline", "gpt-4o-2024-11-20")
    assert not names.contradicts("gpt-4o_airline", "gpt-4o-mini")  # a name may be shortened
    assert names.contradicts("gpt-4o_airline_user-gpt-4.1", "claude-sonnet-4-5", ["gpt-4.1"])
    assert not names.contradicts("user-gpt-4.1", "claude-sonnet-4-5", ["gpt-4.1"])


@pytest.mark.parametrize(("name", "model", "others"), [
    ("ironshell_airline_opus46_run1", "claude-opus-4-6", ()), ("gpt54_run1", "gpt-5.4", ()),
    ("claude-sonnet-4-5_airline_default_gpt4.1_1trials", "claude-sonnet-4-5", ()),
    ("airline_gpt4.1_1trials", "claude-sonnet-4-5", ("gpt-4.1 (user_simulator)",)),
    ("gpt-4o-2024-11-20__azure", "azure/gpt-4o-2024-05-13", ()), ("gpt-4_run", "gpt-4-0613", ()),
    ("tool-calling-gpt-4o-0.1_range_0-100_user-gpt-4o-llm_0623", "gpt-4o", ()),
    ("20261121T051516_qwen2.5-coder-1.5b-instruct", "qwen2.5-coder-1.5b-instruct", ()),
    ("claude-sonnet-4-20250514", "claude-sonnet-4", ()), ("graph_run", "gpt-4", ()),
    ("run1", "gpt-4.1", ()), ("openai_judged", "my-deployment", ()), ("phi", "microsoft/phi-4", ()),
    ("sonnet", "anthropic/claude-3.5-sonnet", ()), ("2024-o1-preview", "o1", ()),
])
def test_a_name_that_may_be_of_the_model(name, model, others):
    assert not names.contradicts(name, model, others)


def test_a_run_called_after_another_model_is_named(build, tmp_path):
    run = judged(tmp_path / "gpt-4o_run", [turn(0, model_name="claude-opus-4-6"),
                                           turn(1, model_name="claude-opus-4-6")])
    _, out = build("--run-dir", run)
    (one,) = of_kind(out, "other_name")
    assert one["about"] == ["gpt-4o_run"] and "record: claude-opus-4-6" in one["text"]


@pytest.mark.parametrize(("one", "other", "same"), [
    ("openai/gpt-oss-120b", "gpt-oss-120b", True), ("GPT-4o-2024-11-20", "azure/gpt-4o", True),
    ("gpt-4.1", "gpt-4.1-mini", False), ("none", "none", False), ("", "", False),
])
def test_who_plays_the_user(one, other, same):
    assert names.same_model(one, other) is same


def test_findings_in_sanity_json_are_one_per_kind(build, tmp_path):
    runs = [judged(tmp_path / f"r{n}", [turn(0, judge_version=f"v{n}"), turn(0, True)])
            for n in range(4)]
    _, out = build("--run-dir", *runs)
    kinds = [one["kind"] for one in json.loads((out / "sanity.json").read_text())["findings"]]
    assert len(kinds) == len(set(kinds)) and "repeated_items" in kinds


def agents(path, agent: str, model: str, user: str):
    one = task("1")
    return tau2(path, [one], [simulation(one, 1.0)], model,
                agent_info={"implementation": agent, "llm": model, "llm_args": {}},
                user_info={"implementation": "user_simulator", "llm": user, "llm_args": {}})


def test_agents_of_one_model_and_users_played_by_the_agents_model(build, tmp_path):
    _, out = build("--input", agents(tmp_path / "a.json", "llm_agent", "gpt-4.1", "gpt-4.1"),
                   agents(tmp_path / "b.json", "forge", "gpt-4.1", "gpt-5"),
                   agents(tmp_path / "c.json", "forge", "gpt-5", "azure/gpt-5"))
    (user,) = of_kind(out, "self_simulated")
    assert user["text"].startswith(
        "In 2 runs the user simulator is the agent's own model (a: gpt-4.1, c: azure/gpt-5)")
    (several,) = of_kind(out, "one_model_two_agents")
    assert several["text"] == (
        "gpt-4.1 was run by several agents (llm_agent in a; forge in b), whose runs count as "
        "repeats of one model: --label RUN=NAME tells them apart.")
    assert several["about"] == ["a", "b"]


def test_every_kind_of_fact_is_in_the_reference(bundle, build, run_script, demo_runs, tmp_path):
    """Those of demo runs and of runs in groups, and every kind whose key the comparison spells."""
    text = (bundle / "references" / "row-schema.md").read_text(encoding="utf-8")
    told = {name for line in text[text.index("### Facts"):].splitlines() if line.startswith("| `")
            for name in re.findall(r"`([a-z_/]+)`", line)}
    _, out = build("--comparison-dir", demo_runs / "comparison")
    for script in ("cluster_failures.py", "compare_models.py", "write_report.py"):
        assert run_script(script, out).returncode == 0, script
    kinds = {kind_of(key) for key in facts.load(out)}
    assert "comparison/failed_by_all_by_chance" in kinds and "mode" in kinds
    for path in (bundle / "scripts/failure_analysis/comparison").glob("*.py"):
        kinds |= set(re.findall(r'yield \(?f?"(comparison/[a-z_]+)', path.read_text("utf-8")))
    assert "comparison/group_units" in kinds and kinds - told == set()
