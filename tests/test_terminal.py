"""What people see on the terminal: a line per model, safe whatever the runs are called."""

from failure_analysis import terminal
from failure_analysis.comparison import overview
from make_runs import judged, turn


def models(tmp_path):
    """Two models on the same four turns: `a` fails one, `b` three; one of its answers is empty."""
    rows = {"a": [True, True, True, False], "b": [True, False, False, False]}
    for name, passed in rows.items():
        judged(tmp_path / name, [
            turn(number, verdict, model_name=name, assistant_text="[EMPTY_RESPONSE]"
                 if name == "b" and number == 1 else "An answer.")
            for number, verdict in enumerate(passed)])
    return ["--run-dir", tmp_path / "a", tmp_path / "b"]


def test_the_packet_has_a_line_per_model(run_script, tmp_path):
    done = run_script("build_packet.py", *models(tmp_path), "--output-dir", tmp_path / "out")
    assert done.stdout.splitlines()[2:7] == [
        "",
        "model      failed    judged    pass rate  markers           fails most on",
        "-------  --------  --------  -----------  ----------------  -----------------------",
        "b               3         4       25.0 %  EMPTY_RESPONSE 1  tool_use_correct 3 of 4",
        "a               1         4       75.0 %                    tool_use_correct 1 of 4"]


def test_compared_models_have_interval_and_what_only_they_fail(run_script, tmp_path):
    done = run_script("deep_error_analysis.py", *models(tmp_path), "--output",
                      tmp_path / "out" / "r.md")
    # Wilson at 1 and 3 of 4, by hand: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    assert [" ".join(line.split()) for line in done.stdout.splitlines()[3:7]] == [
        "model failed judged pass rate 95 % items only it fails markers fails most on",
        "------- -------- -------- ----------- -------------- --------------------- "
        "---------------- -----------------------",
        "b 3 4 25.0 % 4.6 to 69.9 % 2 EMPTY_RESPONSE 1 tool_use_correct 3 of 4",
        "a 1 4 75.0 % 30.1 to 95.4 % 0 tool_use_correct 1 of 4"]
    by_run = run_script("compare_models.py", tmp_path / "out", "--by", "run")
    assert [line.split()[:3] for line in by_run.stdout.splitlines()[1:5:3]] == [
        ["run", "failed", "judged"], ["a", "1", "4"]]


def test_a_model_called_as_another_and_a_slash_keeps_its_own_numbers():
    facts = {"judged_rows/openai": 2, "failed_rows/openai": 1, "judged_rows/openai/gpt": 4,
             "failed_rows/openai/gpt": 4, "judged_rows/idle": 0, "failed_rows/idle": 0,
             "dimension/openai/db": 1, "dimension_judged/openai/db": 2,
             "dimension/openai/gpt/db": 4, "dimension_judged/openai/gpt/db": 4,
             "marker/openai/gpt/EMPTY": 3}
    assert overview.table(facts)[1] == [
        ["openai/gpt", 4, 4, "", "0.0 %", "", "", "EMPTY 3", "db 4 of 4"],
        ["openai", 1, 2, "", "50.0 %", "", "", "", "db 1 of 2"],
        ["idle", "", 0, "", "not judged", "", "", "", ""]]


def test_a_cell_is_one_safe_line_and_keeps_its_text():
    lines = terminal.table(["name", "id", "nothing"], [
        ["two\nlines \x1b[31mred", "007", None], ["1.50", "8", ""]])
    assert lines == ["", "name                     id",
                     "---------------------  ----",
                     "two lines \\x1b[31mred   007",
                     "1.50                      8"]
    assert terminal.table(["name"], []) == []
    assert terminal.table(["n"], [[n] for n in range(30)], most=2)[-1] == "and 28 more"
