"""Where in the run it broke: counted, shown in the report, and proved in what its author says."""

import json
import shutil

import pytest

from failure_analysis.report import bindings, check, write
from failure_analysis.review import break_counts
from make_runs import judged, simulation, task, tau2, turn

BUCKET = "books_the_wrong_room"
FREE = "Free are A1 and B2, says the front desk."
BOOKED = 'book {"room": "A1", "day": 3}'
LOOKED = 'find {"day": 3}'
# Datapoint -> what its readers say of the step.
SAID = {"a/1": [{"step": "3", "second": "1", "also": ["5"], "fix": "Ask which room."}],
        "a/2": [{"step": "1"}], "a/3": [{"step": "3"}, {"step": "1"}], "b/1": [{"step": "3.0"}],
        "b/2": [{}]}


def runs(folder):
    """Two models, each over a few tasks. Steps: 0 the user, 1 WebSurfer looks up, 2 the result,
    3 `Booker` books, 4 the result, 5 the assistant answers."""
    for model, items in (("a", "123"), ("b", "12")):
        tasks = [task(item, [("book", {"room": "B2", "day": 3})]) for item in items]
        sims = [simulation(one, 0.0, [("find", {"day": 3}), ("book", {"room": "A1", "day": 3})])
                for one in tasks]
        for sim in sims:
            sim["messages"][1]["name"], sim["messages"][3]["name"] = "WebSurfer", "Booker"
            sim["messages"][2]["content"] = FREE
            sim["messages"][5]["content"] = "Room A1 is yours, no doubt about it."
        tau2(folder / f"{model}.json", tasks, sims, model)
    return folder


def entry(ident, said):
    quote = LOOKED if said.get("step") == "1" else BOOKED
    return {"id": ident, "bucket": BUCKET, "fault": "model_error", "quotes": [quote],
            "mechanism": "It books a room that nobody asked for.", **said}


@pytest.fixture(scope="module")
def done(run_script, analyse, tmp_path_factory):
    """A reviewed folder with its draft; two coders, who differ on one step."""
    folder = analyse("--input", runs(tmp_path_factory.mktemp("runs")))
    for place, coder in enumerate(("one", "two")):
        lines = [json.dumps(entry(ident, said[place])) for ident, said in SAID.items()
                 if len(said) > place]
        batch = folder.parent / f"{folder.name}-{coder}.jsonl"
        batch.write_text("\n".join(lines), encoding="utf-8")
        idents = [json.loads(line)["id"] for line in lines]
        for script, *args in (("show_datapoint.py", *idents), ("record_review.py", "--from", batch),
                              ("measure_agreement.py",), ("write_report.py",)):
            more = () if script in ("measure_agreement.py", "write_report.py") \
                else ("--coder", coder)
            said = run_script(script, folder, *args, *more)
            assert said.returncode == 0, said.stdout + said.stderr
    return folder


@pytest.fixture
def folder(done, tmp_path):
    return shutil.copytree(done, tmp_path / "analysis")


def test_where_it_broke_is_counted(done):
    values = json.loads((done / "facts.json").read_text())
    mine = ("have_steps", "with_step", "step_open", "with_also", "by_agent", "by_third", "steps_to")
    assert {key: value for key, value in values.items()
            if key.startswith(tuple(f"review/{kind}" for kind in mine))} == {
        "review/have_steps": 5, "review/with_step": 3, "review/step_open": 1,
        "review/with_also": 1, "review/by_agent/Booker": 2, "review/by_agent/Booker/a": 1,
        "review/by_agent/Booker/b": 1, "review/by_agent/WebSurfer": 1,
        "review/by_agent/WebSurfer/a": 1, "review/by_third/first": 1, "review/by_third/middle": 2,
        "review/by_third/last": 0, "review/steps_to_end": 2, "review/steps_to_end_low": 2,
        "review/steps_to_end_high": 3}


@pytest.mark.parametrize(("index", "steps", "third"), [
    (0, 1, "first"), (0, 2, "first"), (1, 2, "middle"), (2, 3, "last"), (3, 10, "first"),
    (4, 10, "middle"), (6, 10, "middle"), (7, 10, "last"), (9, 10, "last")])
def test_thirds_of_a_run(index, steps, third):
    assert break_counts.Break("m", "x", index, steps, False).third == third


def test_the_report_has_a_block_of_it(done):
    report = (done / "report.md").read_text("utf-8")
    block = report.split("<!-- generated:steps -->\n")[1].split("\n<!-- /generated")[0]
    assert "## Where in the run it broke\n<!-- generated:steps -->" in report
    assert block == """\
5 of 5 reviewed failures have steps (messages, counted from 0). The step whose repair alone would \
have changed the outcome is named and undisputed in 3 of those that are decided; on 1 more the \
readers name different steps.

| agent | broke at its step | `a` (2 with a step) | `b` (1 with a step) |
| --- | ---: | ---: | ---: |
| `Booker` | 2 of 3 | 1 | 1 |
| `WebSurfer` | 1 of 3 | 1 | 0 |

| third of the run | broke in it |
| --- | ---: |
| first | 1 of 3 |
| middle | 2 of 3 |
| last | 0 of 3 |

Steps from the error to the end of the run: median 2, quartiles 2 and 3, at most 4.

In 1 of 3 a reader names other steps beside it, the repair of each of which alone would have done.\
"""
    assert "- Of the failures whose step is named, 2 of 3<!--fact:review/by_third/middle of " \
        "review/with_step--> broke in the middle third of the run, and the run went on for " \
        "2<!--fact:review/steps_to_end--> steps (median)." in report
    assert "at step 3 (`Booker`): *It books a room that nobody asked for.* “" in report


def test_nothing_is_said_where_no_review_has_a_step(run_script, analyse, tmp_path):
    folder = analyse("--input", judged(tmp_path / "run", [
        turn(0, False, assistant_text="I booked S4 at once.")]))
    for script, *args in (("record_review.py", "--id", "run/0", "--bucket", BUCKET, "--fault",
                           "model_error", "--mechanism", "It books what nobody asked for.",
                           "--quote", "I booked S4 at once."), ("write_report.py",)):
        assert run_script(script, folder, *args).returncode == 0
    report = (folder / "report.md").read_text("utf-8")
    assert "Where in the run it broke" not in report and "generated:steps" not in report
    values = json.loads((folder / "facts.json").read_text())
    assert values["review/reviewed"] == 1
    assert not {"review/have_steps", "review/with_step", "review/by_third/first"} & values.keys()


def added(folder, sentence):
    """The findings on steps and agents in a sentence that is added to the summary, and on typed
    numbers."""
    report = write.path_of(folder).read_text("utf-8")
    text = report.replace("## What was read", f"{sentence}\n\n## What was read", 1)
    return {(one.verdict, one.text, one.why) for one in
            check.prove(text, check.gather(folder, measure=False)).findings
            if one.verdict in ("wrong_step", "wrong_agent", "unbound_number")}


@pytest.mark.parametrize("sentence", [
    "It breaks at step 3 [dp:a/1].", "It breaks at step 3.0, at once [dp:a/1].",
    "Steps 3, 1 and 5 would each have done [dp:a/1].", "The 4th step is the wrong one [dp:a/1].",
    "Message 3 books it [dp:b/1].", "At `step 3` it books [dp:a/1].", "See message-3 [dp:a/1].",
    "It breaks at step 3. Nobody asked for that room [dp:a/1].",
    f'At step 2 it is told "{FREE}" [dp:a/2].',
    f"At step 2 the desk says:\n\n> {FREE}\n> [dp:a/2]",
    "At step 3 WebSurfer is done and `Booker` books [dp:a/1].",
    "`Booker` books the wrong room [dp:a/1].", "`Booker` errs at step 3 [dp:b/1].",
    f'WebSurfer asks `{LOOKED}`, "{FREE}" is the answer [dp:b/1].',
    "The assistant takes it at step 3 [dp:a/1].", "`Booker` is named most often.",
    "Step by step it goes on [dp:a/1].",
])
def test_what_readers_name_or_a_quote_shows_holds(folder, sentence):
    assert added(folder, sentence) == set()


@pytest.mark.parametrize(("sentence", "verdict", "text", "why"), [
    ("It breaks at step 4 [dp:a/1].", "wrong_step", "step 4", "the readers of a/1 name steps 3, 1, "
     "5. Steps are counted from 0 (that is step 4): name one that its readers name, or quote in "
     "this paragraph what stands in step 4"),
    ("It breaks at step 3.", "wrong_step", "step 3", "cite the datapoint whose step that is"),
    ("It breaks at step 9 [dp:a/1].", "wrong_step", "step 9", "a/1 has no step 9: its steps are 0 "
     "to 5"),
    ("It breaks at step 3.1 [dp:a/1].", "wrong_step", "step 3.1", "a/1 has no step 3.1"),
    ("The 3rd step is the wrong one [dp:a/1].", "wrong_step", "3rd step", "(that is step 2)"),
    ("See `message-4` [dp:a/1].", "wrong_step", "message-4", "name steps 3, 1, 5"),
    ("At `Step 4` it books [dp:a/1].", "wrong_step", "Step 4", "name steps 3, 1, 5"),
    ("Steps 3 and 4 are wrong [dp:a/1].", "wrong_step", "Steps 3 and 4", "(that is step 4)"),
    ("It breaks at step 3 [dp:b/2].", "wrong_step", "step 3", "the readers of b/2 name no step"),
    ("It breaks at step 3 [dp:a/2]. So it does elsewhere [dp:a/1].", "wrong_step", "step 3",
     "the readers of a/2 name step 1"),
    ('At step 2 it is told "Room A1 is yours, no doubt about it." [dp:a/2].', "wrong_step",
     "step 2", "the readers of a/2 name step 1"),
    ("WebSurfer books the wrong room [dp:b/1].", "wrong_agent", "WebSurfer",
     "the readers of b/1 name Booker; name that beside it, or quote in this paragraph what it "
     "says"),
    ("`Booker` is at fault [dp:a/2].", "wrong_agent", "Booker",
     "the readers of a/2 name WebSurfer"),
    ("WebSurfer errs at step 3 [dp:a/1].", "wrong_agent", "step 3",
     "that step is Booker's, not WebSurfer's"),
    ("It calls it 3 times [dp:a/1].", "unbound_number", "3", "write {{key}}"),
    ("At step 3, 40 rows are gone [dp:a/1].", "unbound_number", "40", "write {{key}}"),
    ("In round 2 it gives up [dp:a/1].", "unbound_number", "2", "write {{key}}"),
])
def test_a_step_or_an_agent_that_nobody_names_is_refused(folder, sentence, verdict, text, why):
    assert [one for one in added(folder, sentence) if one[:2] == (verdict, text) and why in one[2]]
    assert {one[0] for one in added(folder, sentence)} == {verdict}


def test_what_is_bound_of_an_agent_stands_beside_its_name(folder):
    report = write.path_of(folder).read_text("utf-8")
    claim = "{} broke {{{{review/by_agent/Booker of review/with_step}}}}.\n\n## What was read"
    evidence = check.gather(folder, measure=False)
    for name, wrong in (("`Booker`", 0), ("WebSurfer", 0), ("`WebSurfer`", 1)):
        text, bound = bindings.filled(
            report.replace("## What was read", claim.format(name), 1), evidence.facts)
        found = check.prove(text, evidence._replace(bound=evidence.bound + bound)).findings
        assert [one.verdict for one in found].count("wrong_words") == wrong


def test_the_second_reader_sees_the_decisive_step(run_script, folder):
    report = write.path_of(folder)
    report.write_text(report.read_text("utf-8").replace(
        "## What was read", "It books at step 3 [dp:a/1].\n\n## What was read", 1), "utf-8")
    assert run_script("check_report.py", folder, "--second-reading").returncode == 0
    sheet = (folder / "second_reading.md").read_text("utf-8")
    assert "- broke at a step that is named: 3 of 5 reviewed failures; by agent: `Booker` 2, " \
        "`WebSurfer` 1; by third of the run: first 1, middle 2, last 0; steps from the error to " \
        "the end of the run: median 2, quartiles 2 and 3, at most 4.\n" in sheet
    assert "It books a room that nobody asked for. Where it broke: step 3; agent Booker; second " \
        "1; also 5; fix Ask which room.\n" in sheet
    assert f"1.0: {LOOKED}\n1.0 result: {FREE}\n3.0: {BOOKED}\n3.0 result: ok\n" in sheet
    assert f"step 3 (Booker): {BOOKED} | ok\n" in sheet
    assert f"quoted, from step 3: …{BOOKED}…" in sheet


def test_coders_are_compared_on_steps(folder):
    found = json.loads((folder / "agreement.json").read_text())
    insufficient = {"value": None, "interval": None, "why": "insufficient: 1 of 30 shared"}
    assert found["together"]["readers"]["step"] == {
        "shared": 1, "status": "insufficient", "same": 0, "within_one": 0,
        "same_share": insufficient, "within_one_share": insufficient}
    assert "Where two or more name a step (1), it is the same for 0 and at most one apart for 0, " \
        "and the agent is the same for 0 of 1." in write.path_of(folder).read_text("utf-8")


@pytest.mark.parametrize(("old", "new", "verdict"), [
    ("| middle | 2 of 3 |", "| middle | 3 of 3 |", "edited_block"),
    ("generated:steps", "generated:other", "missing_block")])
def test_the_block_stands_in_the_report_as_it_was_made(folder, old, new, verdict):
    text = write.path_of(folder).read_text("utf-8")
    assert old in text
    found = check.prove(text.replace(old, new), check.gather(folder, measure=False)).findings
    assert (verdict, "steps") in {(one.verdict, one.text) for one in found}
