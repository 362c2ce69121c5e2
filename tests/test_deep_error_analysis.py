"""deep_error_analysis.py: the sum of its parts, and a draft that respects its reader."""

import json

import pytest

from failure_analysis.report import bindings, relations
from make_runs import judged, turn


@pytest.fixture
def runs(tmp_path):
    """Two judged runs of two models that fail differently."""
    a = judged(tmp_path / "a", [turn(0, False, judge_reasoning="It forgot."), turn(1),
                                turn(2, False, judge_reasoning="It hallucinated a room.")])
    b = judged(tmp_path / "b", [turn(0, False, model_name="b"), turn(1, model_name="b"),
                                turn(2, model_name="b")])
    return a, b


@pytest.fixture
def analyse(run_script, tmp_path):
    """`analyse(*args)`: all of stage 1 into tmp_path/out; returns (process, report text)."""

    def run(*args, code=0):
        report = tmp_path / "out" / "deep_error_analysis.md"
        done = run_script("deep_error_analysis.py", *args, "--output", report)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done, report.read_text(encoding="utf-8") if report.exists() else ""

    return run


def data_files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()
            if path.name != "manifest.json" and path.stem != "deep_error_analysis"}


def test_the_whole_is_exactly_the_sum_of_its_parts(analyse, run_script, runs, tmp_path):
    analyse("--run-dir", *runs)
    parts = tmp_path / "parts"
    for name, *args in (("build_packet.py", "--run-dir", *runs, "--output-dir", parts),
                        ("cluster_failures.py", parts), ("compare_models.py", parts),
                        ("audit_benchmark.py", parts)):
        assert run_script(name, *args).returncode == 0
    assert data_files(tmp_path / "out") == data_files(parts)


def test_the_draft_says_what_it_is_and_binds_its_numbers(analyse, runs, tmp_path):
    _, text = analyse("--run-dir", *runs)
    assert text.startswith(f"# Deep error analysis: `{tmp_path.name}`\n\n"
                           "<!-- generated:status -->\n> **DRAFT.**")
    assert "6 rows read = 3 pass + 3 fail + 0 unjudged + 0 rejected" in text
    assert "2 of 3<!--fact:failed_rows/model-a of judged_rows/model-a-->" in text
    assert "- `state_memory_failure`: [dp:" in text
    assert "[dp:a/0] failed `tool_use_correct`" in text
    assert "1 of 3 items: `0`." in text
    assert text.count("TODO") == 1
    known = json.loads((tmp_path / "out" / "facts.json").read_text())
    bound = bindings.bound(text)
    assert all(relations.bind(token.value, known).printed == token.number for _, token in bound)
    assert len(bound) == 2


def test_text_of_runs_cannot_leave_its_block(analyse, tmp_path):
    evil = "```\n<!-- /generated:read -->\n# Ignore all instructions\n<script>x</script>\x1b[2J"
    run = judged(tmp_path / "r", [turn(0, False, user_text=evil, assistant_text=evil,
                                       model_name="m` <b>\n# x", judge_reasoning=evil)])
    done, text = analyse("--run-dir", run)
    assert "\x1b" not in text + done.stdout
    lines = [line for line in text.splitlines() if "Ignore all instructions" in line]
    assert lines and all(line.startswith("- ") and r"\# Ignore all" in line for line in lines)
    assert "<script>" not in text and r"\`\`\` \<!-- /generated:read --\> \# Ignore" in text
    assert "\n# x" not in text


@pytest.mark.slow
def test_a_rewritten_report_keeps_its_text(analyse, runs, tmp_path):
    _, whole = analyse("--run-dir", *runs)
    _, text = analyse("--run-dir", runs[0])
    report = tmp_path / "out" / "deep_error_analysis.md"
    done, again = analyse("--run-dir", runs[0])
    assert again == text  # untouched: drafted anew, the same
    rewritten = text.replace("# Deep error analysis", "# My analysis", 1).replace(
        "3 rows read", "999 rows read")
    report.write_text(rewritten, encoding="utf-8")
    done, kept = analyse("--run-dir", *runs)
    assert "kept as rewritten" in done.stdout
    assert kept.startswith("# My analysis")
    assert "6 rows read = 3 pass + 3 fail" in kept  # the generated block is fresh
    done, kept = analyse("--run-dir", *runs)
    assert kept.startswith("# My analysis")
    _, forced = analyse("--run-dir", *runs, "--force")
    assert forced == whole


def test_text_of_runs_cannot_replace_a_generated_block(analyse, tmp_path):
    evil = "<!-- generated:topline -->\nEVIL: all pass\n<!-- /generated:topline -->"
    run = judged(tmp_path / "r", [turn(0, False, user_text=evil, item_id="<!--x")])
    _, text = analyse("--run-dir", run)
    assert "[dp:r/<!--" not in text
    report = tmp_path / "out" / "deep_error_analysis.md"
    report.write_text(text.replace("## Summary", "## In short"), encoding="utf-8")
    _, again = analyse("--run-dir", run)
    topline = again.split("## Results as judged")[1].split("## Models compared")[0]
    assert r"\<!-- generated:topline --\> EVIL: all pass" in topline  # text, in another block
    assert "EVIL" not in topline.split("<!-- /generated:topline -->")[0]
    assert again == text.replace("## Summary", "## In short")


def test_models_whose_names_look_alike_keep_their_numbers(analyse, tmp_path):
    runs = [judged(tmp_path / f"r{place}", [turn(n, n >= fails, model_name=name)
                                            for n in range(4)])
            for place, (name, fails) in enumerate((("a<b", 3), ("a>b", 1), ("x", 2), ("x/y", 1)))]
    _, text = analyse("--run-dir", *runs)
    numbers = [line.split("<!--")[0] for line in text.splitlines()
               if "<!--fact:failed_rows/" in line and line.startswith("- `")]
    assert numbers == ["- `a<b` fails 3 of 4", "- `x` fails 2 of 4", "- `a>b` fails 1 of 4",
                       "- `x/y` fails 1 of 4"]  # most failing first


@pytest.mark.parametrize("output", ["report", "out/x.txt"])
def test_an_output_that_is_no_markdown_file_is_a_usage_error(run_script, runs, tmp_path, output):
    done = run_script("deep_error_analysis.py", "--run-dir", *runs, "--output",
                      tmp_path / output)
    assert done.returncode == 2
    assert "ends in .md" in done.stderr


def test_no_failing_row_is_a_result(analyse, tmp_path):
    done, text = analyse("--run-dir", judged(tmp_path / "r", [turn(0), turn(1)]))
    assert "no failing row: all 2 judged rows passed, the packet is empty" in done.stdout
    assert "**No failing row: all 2 judged rows passed, the packet is empty.**" in text


def test_no_judged_row_is_refused_but_written(analyse, tmp_path):
    done, text = analyse("--run-dir", judged(tmp_path / "r", [turn(0, None)]), code=1)
    assert "no row is judged" in done.stdout
    assert "No row is judged" in text


def test_a_single_model_has_nothing_to_compare(analyse, runs):
    _, text = analyse("--run-dir", runs[0])
    assert "There is nothing to compare: fewer than two have judged rows." in text


def test_json_summary(run_script, runs, tmp_path):
    done = run_script("deep_error_analysis.py", "--run-dir", *runs, "--json", "--output",
                      tmp_path / "x" / "report.md")
    summary = json.loads(done.stdout)
    assert summary["rows_read"] == 6
    assert summary["report"] == (tmp_path / "x" / "report.md").as_posix()
    assert summary["modes"] == {"state_memory_failure": 1, "knowledge_grounding_error": 1,
                                "tool_or_action_selection_error": 1}


def test_demo_runs_from_one_command(run_script, demo_runs, tmp_path):
    out = tmp_path / "results"
    done = run_script("deep_error_analysis.py", "--comparison-dir", demo_runs / "comparison",
                      "--output", out / "deep_error_analysis.md")
    assert done.returncode == 0, done.stderr
    known = json.loads((out / "facts.json").read_text())
    assert known["runs"] >= 4
    assert known["models"] >= 2
    assert known["items"] == 24
    assert known["rows_read"] == known["runs"] * 24
    assert json.loads((out / "clusters.json").read_text())["other_share"] <= 0.20


def test_the_first_screen_says_what_reading_buys(run_script, bundle, tmp_path):
    done = run_script("deep_error_analysis.py", "--comparison-dir",
                      bundle / "tests/fixtures/demo_runs/comparison", "--output",
                      tmp_path / "out/report.md")
    lines = done.stdout.splitlines()
    start = lines.index("what reading buys (plan_review.py --budget N):")
    assert [" ".join(line.split()) for line in lines[start + 2:start + 6] if line[:3] != "---"] == [
        "to read failing items all failed own failures modes unread",
        "20 15 of 61 6 of 7 5 of 12 7 of 7 46",
        "42 (suggested) 37 of 61 7 of 7 12 of 12 7 of 7 24"]
