"""record_review.py --labels: what people outside said, as one more coder that decides nothing."""

import json

import pytest

from make_runs import read_jsonl, simulation, task, tau2

FAULTS = ("--faults", "agent=model_error", "user=user_simulator_issue", "system=pipeline_issue",
          "unresolved=undecided", "no_error=none")
COLUMNS = ("--fault-column", "error_source", "--bucket-column", "error_subtype")


@pytest.fixture
def folder(analyse, tmp_path):
    """An analysis of one model: tasks 1 to 4 fail, 5 passes."""
    tasks = [task(str(number)) for number in range(1, 6)]
    return analyse("--input", tau2(tmp_path / "run.json", tasks, [
        simulation(one, float(one["id"] == "5")) for one in tasks]))


@pytest.fixture
def take(run_script, folder, tmp_path):
    """`take(lines, *args, join=…)`: records the labels of a CSV; returns (code, output lines)."""

    def run(lines, *args, join="simulation_id=simulation_id", header=None, faults=FAULTS):
        table = tmp_path / "calls.csv"
        header = header or "simulation_id,error_source,error_subtype"
        table.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        done = run_script("record_review.py", folder, "--labels", table, "--coder", "outside",
                          "--join", *join.split(), *COLUMNS, *faults, *args)
        assert "Traceback" not in done.stderr
        return done.returncode, (done.stdout + done.stderr).splitlines()

    return run


def reviews(folder):
    return [(line["datapoint_id"], line["kind"], line["bucket"], line["fault"], line["note"])
            for line in read_jsonl(folder / "reviews.jsonl")]


def test_labels_are_joined_by_simulation_and_keep_their_words(take, folder):
    code, said = take(["sim-1-0,agent,Logical error", "sim-2-0,user,", "sim-3-0,system,2nd",
                       "sim-4-0,unresolved,", "sim-5-0,no_error,"])
    assert code == 0
    assert said[-3:] == [
        "4 entries = 4 recorded + 0 there already + 0 refused",
        "labelled: model_error 1, user_simulator_issue 1, pipeline_issue 1, undecided 1",
        "agree with a verdict that is no fail, so nothing to record: 1"]
    assert reviews(folder) == [
        ("run/1", "label", "logical_error", "model_error",
         "error_source agent, error_subtype Logical error (calls.csv)"),
        ("run/2", "label", "", "user_simulator_issue", "error_source user (calls.csv)"),
        ("run/3", "label", "", "pipeline_issue",
         "error_source system, error_subtype 2nd (calls.csv)"),
        ("run/4", "label", "", "undecided", "error_source unresolved (calls.csv)")]
    before = (folder / "reviews.jsonl").read_bytes()
    code, said = take(["sim-2-0,user,", "sim-1-0,agent,Logical error"])  # in another order
    assert code == 0 and said[-3] == "2 entries = 0 recorded + 2 there already + 0 refused"
    assert (folder / "reviews.jsonl").read_bytes() == before


def test_what_cannot_be_used_is_named_and_the_rest_is_taken(take, folder):
    code, said = take(["sim-1-0,agent,", "sim-9-0,agent,", "sim-2-0,\x1bmartian,", "sim-3-0,,",
                       "sim-1-0,user,", "sim-4-0,no_error,"])
    assert code == 1
    words = "agent, user, system, unresolved, no_error"
    assert said[1:5] == [
        "calls.csv:3: REFUSED: no datapoint of this packet has simulation_id 'sim-9-0'",
        "calls.csv:4: REFUSED: error_source says '\\x1bmartian', which --faults does not hold "
        f"({words})",
        f"calls.csv:5: REFUSED: error_source is blank, which --faults does not hold ({words})",
        "calls.csv:6: REFUSED: run/1 has its label in calls.csv:2 already; keep one line"]
    # Nothing went wrong, and yet it failed: the verdict is what is wrong.
    assert [(ident, fault) for ident, _, _, fault, _ in reviews(folder)] == [
        ("run/1", "model_error"), ("run/4", "grader_issue")]


def test_a_passing_datapoint_may_be_labelled_and_counts_in_no_failure(
        take, folder, run_script):
    assert take(["5,agent,"], header="item,error_source,error_subtype", join="item=item_id")[0] == 0
    assert reviews(folder)[0][:4] == ("run/5", "label", "", "model_error")
    assert run_script("write_report.py", folder).returncode == 0
    facts = json.loads((folder / "facts.json").read_text())
    assert not [key for key in facts if key.startswith(("review/label", "review/wrong_pass/"))]
    assert facts["review/wrong_pass"] == 0


def test_several_datapoints_need_a_further_column(take, folder):
    code, said = take(["run,agent,"], header="run,error_source,error_subtype", join="run=run_id")
    assert code == 1
    assert said[0] == ("calls.csv:2: REFUSED: 5 datapoints have run_id 'run'; name one more column "
                       "in --join")
    code, said = take(["run,3,agent,"], header="run,task,error_source,error_subtype",
                      join="run=run_id task=item_id")
    assert code == 0 and reviews(folder)[0][0] == "run/3"


@pytest.mark.parametrize(("more", "why"), [
    ({"join": "call=item_id"}, "calls.csv:1: no column call; it has simulation_id, "),
    ({"join": "simulation_id=made_up"}, "--join: no row has a field made_up; "),
    ({"faults": ("--faults", "agent=its_fault")}, "--faults agent=its_fault: its_fault is none of"),
])
def test_a_table_that_cannot_be_meant_is_refused(take, folder, more, why):
    code, said = take(["sim-1-0,agent,"], **more)
    assert code == 1 and why in said[0]
    assert not (folder / "reviews.jsonl").exists()


@pytest.mark.parametrize("args", [
    ("--labels", "x.csv", "--fault-column", "f", "--faults", "a=none"),
    ("--labels", "x.csv", "--coder", "kim", "--faults", "a=none"),
    ("--labels", "x.csv", "--coder", "kim", "--fault-column", "f", "--faults", "a"),
    ("--labels", "x.csv", "--id", "run/1"), ("--from", "x.jsonl", "--join", "a=b"), ()])
def test_options_that_do_not_go_together_are_a_usage_error(run_script, folder, args):
    assert run_script("record_review.py", folder, *args).returncode == 2


def test_labels_are_compared_and_counted_and_decide_nothing(take, folder, run_script):
    take(["sim-1-0,agent,slips", "sim-2-0,user,", "sim-3-0,agent,slips"])
    for number, fault in ((1, "model_error"), (2, "model_error")):
        done = run_script(
            "record_review.py", folder, "--id", f"run/{number}", "--coder", "kim", "--bucket",
            "never_looks_it_up", "--fault", fault, "--mechanism", "It ends before it has begun.",
            "--quote", "Hello, please help.")
        assert done.returncode == 0, done.stdout
    assert run_script("measure_agreement.py", folder).returncode == 0
    pair = next(pair for pair in json.loads((folder / "agreement.json").read_text())["pairs"]
                if {pair["a"], pair["b"]} == {"kim", "outside"})
    assert (pair["shared"], pair["fault"]["same"], pair["bucket"]["shared"],
            pair["bucket"]["same"]) == (2, 1, 1, 0)
    assert "There is one reader, `kim`" in (folder / "agreement.md").read_text()
    assert run_script("write_report.py", folder).returncode == 0
    facts = json.loads((folder / "facts.json").read_text())
    assert {key: facts[key] for key in facts if key.startswith("review/label")} == {
        "review/label/outside/model_error": 2, "review/label/outside/user_simulator_issue": 1,
        "review/labelled/outside": 3}
    assert (facts["review/reviewed"], facts["review/coders"], facts["review/open"],
            facts["review/fault/model_error"], facts["review/fault/user_simulator_issue"]) == (
        2, 1, 0, 2, 0)
    page = (folder / "deep_error_analysis.md" if (folder / "deep_error_analysis.md").exists()
            else folder / "report.md").read_text()
    assert ("Labelled by others, without a quote, so that nothing here rests on it: `outside` "
            "labelled 3 of 4 failing datapoints: model_error 2, user_simulator_issue 1.") in page
    assert "Reviewed 2 of 4 failing datapoints, by `kim` (agent)." in page
    done = run_script("check_report.py", folder)
    assert "edited" not in done.stdout and "wrong_" not in done.stdout
    path = folder / "reviews.jsonl"
    path.write_text(path.read_text().replace('"user_simulator_issue"', '"model_error"'))
    assert "edited_review" in run_script("check_report.py", folder).stdout


@pytest.mark.parametrize("entry", [
    {"quotes": ["Hello, please help."]}, {"mechanism": "It ends before it has begun."},
    {"settles": True}, {"fault": "theirs"}, {"bucket": "Not A Slug"}, {"id": "run/9"}])
def test_a_label_is_no_review_in_disguise(run_script, folder, tmp_path, entry):
    batch = tmp_path / "batch.jsonl"
    batch.write_text(json.dumps({"id": "run/1", "fault": "model_error", "kind": "label",
                                 "coder": "outside", **entry}) + "\n")
    assert run_script("record_review.py", folder, "--from", batch).returncode == 1


def test_other_peoples_labels(build, run_script, real_runs):
    wild = real_runs / "wild-inputs" / "35-human-fault-labels"
    _, out = build("--input", wild / "calls.csv", "--mapping", wild / "benchmark.yaml")
    done = run_script("record_review.py", out, "--labels", wild / "calls.csv", "--coder",
                      "tau-elicit", "--join", "task_id=item_id", "provider=model_name", *COLUMNS,
                      *FAULTS)
    assert done.returncode == 0
    assert "labelled: model_error 2, user_simulator_issue 1, pipeline_issue 1, undecided 1" in \
        done.stdout
