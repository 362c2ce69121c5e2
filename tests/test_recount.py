"""Every fact of a folder is counted a second time: each that is changed, and each that no step
writes, is refused by name, although the manifest agrees with it."""

import json
import shutil

import pytest

import goldens
from failure_analysis import facts, manifest, steps, store
from failure_analysis.report import check

MAPPING = """\
benchmark: wide
fields:
  item_id: item
  model_name: model
  user_text: asked
  messages: said
  assistant_text: answer
  task: task
  trial: trial
  termination: end
  scores: {right: right, polite: polite, share: share}
"""
MODELS = ("maker/m1", "m2", "m2/right")
INVENTED = ("made_up", "rows/nobody", "run_rows/nobody", "marker/m2/MODEL_LEFT",
            "marker/m2/TURN_WATCHDOG", "dimension_judged/m2/made_up", "versions_made_up",
            "mode/made_up", "comparison/made_up", "review/made_up", "review/by_agent/nobody",
            "agreement/made_up", "agreement/step_made_up", "diagnosis/made_up")


def row(model, item, trial, right, **more):
    """One line of the made-up source."""
    text = {"asked": f"What is {item}?", "answer": f"It is {item}, I think.", "end": None,
            "said": [{"role": "system", "content": f"Be kind, {'you' if model == 'm2' else 'he'}."},
                     {"role": "user", "content": f"What is {item}?"}]}
    return {"model": model, "item": item, "task": "even" if item in "bd" else "odd", "trial": trial,
            "right": right, "polite": None if trial else True, "share": 0.5, **text, **more}


def source():
    """Three models, two trials of six items in two tasks; one model was asked other things, and is
    a group of its own there. Markers, empty answers, and rows that the harness broke off."""
    rows = [row(model, item, trial, (place + number + trial) % 3 > 0 and item != "a")
            for place, model in enumerate(MODELS) for number, item in enumerate("abcdef")
            for trial in range(2)]
    for each in rows:
        if each["model"] == "m2/right" and each["item"] in "ef":
            each["asked"] = f"What is {each['item']}, please?"
    rows[0] |= {"answer": " ", "said": rows[0]["said"][:1]}
    rows[1] |= {"answer": "[MODEL_ENDED_SESSION]"}
    passing = next(each for each in rows if each["right"] and each["model"] == "m2")
    passing |= {"answer": "[MODEL_ENDED_SESSION]"}
    return [*rows, row("m2", "g", 0, None, end="infrastructure_error", polite=None)]


@pytest.fixture(scope="module")
def wide(run_script, tmp_path_factory):
    """A reviewed analysis whose facts are of every kind."""
    folder = tmp_path_factory.mktemp("wide")
    (folder / "map.yaml").write_text(MAPPING)
    lines = [*map(json.dumps, source()), "no JSON"]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    out = folder / "out"
    run(run_script, "deep_error_analysis.py", "--input", folder / "rows.jsonl", "--mapping",
        folder / "map.yaml", "--output", out / "report.md")
    failing = [json.loads(line) for line in (out / "failure_review_rows.jsonl").open()]
    for coder in ("one", "two"):
        reviews = [{"id": each["datapoint_id"], "bucket": "guesses_the_answer",
                    "fault": "grader_issue" if each["trial"] and coder == "one" else "model_error",
                    "mechanism": "It says what it does not know.", "quotes": [each["user_text"]],
                    **({"step": "1"} if each["item_id"] not in "aef" else {})}
                   for each in failing]
        (folder / "batch.jsonl").write_text("\n".join(map(json.dumps, reviews)))
        run(run_script, "record_review.py", out, "--from", folder / "batch.jsonl", "--coder", coder)
    run(run_script, "measure_agreement.py", out, "--draws", "100")
    run(run_script, "record_review.py", out, "--id", failing[0]["datapoint_id"], "--coder", "three",
        "--bucket", "says_nothing_at_all", "--fault", "mixed", "--mechanism",
        "It has no answer to give.", "--quote", failing[0]["user_text"])  # after the measuring
    run(run_script, "write_report.py", out)
    return out


@pytest.fixture(scope="module")
def demo(run_script, bundle, tmp_path_factory):
    return goldens.demo(run_script, bundle, tmp_path_factory.mktemp("demo"))


def run(run_script, *args):
    done = run_script(*args)
    assert done.returncode == 0, done.stdout + done.stderr


def changed(folder, target, change):
    """A copy of a folder with other facts, with which its manifest agrees."""
    shutil.copytree(folder, target)
    values = facts.load(target)
    change(values)
    store.write_json(target / facts.NAME, values)
    ran = manifest.entries(target)
    for step in (step.name for step in steps.STEPS if step.facts is not None):
        if facts.part(values, step):
            entry = ran.setdefault(step, {"settings": {}, "outputs": {}})
            entry["outputs"][facts.NAME] = facts.digest(values, step)
        elif step in ran:
            ran[step]["outputs"][facts.NAME] = facts.digest(values, step)
    store.write_json(target / manifest.NAME, {"steps": ran})
    return target


def wrong_facts(folder):
    found = check.check(folder).findings
    assert not {one for one in found if one.verdict == "changed_file"}
    return {one.text for one in found if one.verdict == "wrong_fact"}


KINDS = {"failed_empty_answers/maker/m1", "marker/maker/m1/MODEL_ENDED_SESSION",
         "marker_failed/maker/m1/MODEL_ENDED_SESSION", "marker/m2/MODEL_ENDED_SESSION",
         "marker_failed/m2/MODEL_ENDED_SESSION", "dimension/maker/m1/right",
         "dimension_judged/m2/polite", "dimension_null/m2/polite", "failed_without_dimension/m2",
         "rejected_rows", "rows_read",
         "not_counted_rows", "not_counted_rows/m2", "run_not_counted_rows/m2",
         "run_rows/m2", "runs/m2", "versions", "version_items/A", "version_runs/B",
         "differing_items", "differing_items_asked", "differing_items_expected", "policies",
         "repaired_elsewhere", "comparison/task_failed_rows/odd/m2", "agreement/coders",
         "agreement/disagreements", "review/failed_by_all_decided", "comparison/flip_rate/m2"}


def test_the_folder_has_facts_of_every_kind_and_each_is_confirmed(wide, demo, tmp_path):
    values = facts.load(wide)
    assert not KINDS - values.keys()
    assert (values["rejected_rows"], values["rows_read"]) == (1, 38)
    assert values["marker/m2/MODEL_ENDED_SESSION"] == 1
    assert values["marker_failed/m2/MODEL_ENDED_SESSION"] == 0
    assert values["differing_items"] == values["differing_items_asked"] == 2
    for name, folder in (("wide", wide), ("demo", demo)):
        assert wrong_facts(changed(folder, tmp_path / name, lambda values: None)) == set()


@pytest.mark.parametrize("by", [1, -1])
def test_each_fact_that_is_changed_is_refused_by_name(wide, demo, tmp_path, by):
    for name, folder in (("wide", wide), ("demo", demo)):
        keys = facts.load(folder).keys()
        assert wrong_facts(changed(folder, tmp_path / name, lambda values: values.update(
            {key: value + by for key, value in values.items()}))) == set(keys)


def test_each_fact_that_is_gone_is_missed_by_name(wide, demo, tmp_path):
    for name, folder in (("wide", wide), ("demo", demo)):
        keys = facts.load(folder).keys() - {"marker/m2/MODEL_ENDED_SESSION",
                                            "marker_failed/m2/MODEL_ENDED_SESSION"}
        assert wrong_facts(changed(folder, tmp_path / name, lambda values: values.clear())) == keys


def test_each_fact_that_no_step_writes_is_refused_by_name(wide, demo, tmp_path):
    for name, folder in (("wide", wide), ("demo", demo)):
        invented = set(INVENTED) - facts.load(folder).keys()
        wrong = wrong_facts(changed(folder, tmp_path / name, lambda values: values.update(
            dict.fromkeys(INVENTED, 1))))
        assert invented <= wrong  # an invented marker leaves less for the others
        assert all(key.startswith("marker") for key in wrong - invented)


def test_the_numbers_of_a_diagnosis_are_counted_from_its_file(wide, tmp_path):
    from failure_analysis.lenses import diagnose

    lens = {"confidence": 0.7, "estimates": {"slope": {"est": 1.5, "lo": 1.0, "hi": None}}}
    document = {"systems": [{"name": "m odd", "eval_id": "run 1", "task": "odd", "samples": 9,
                             "lenses": {"fft": lens, "hazard": {**lens, "confidence": None}},
                             "hypotheses": [{"hypothesis": "overthinks", "says": "", "for": [],
                                             "status": "tentative", "score": 2, "read": []}]}],
        "pairs": [{"a": "run 1", "b": "m2", "task": "odd", "items": 4, "differs": {"fft": lens}}]}
    folder = shutil.copytree(wide, tmp_path / "out")
    store.write_json(folder / "diagnosis.json", document)
    numbers = diagnose.facts_of(document)
    facts.replace(folder, steps.DIAGNOSE, numbers)
    manifest.record(folder, steps.DIAGNOSE.name, {}, steps.DIAGNOSE.writes)
    assert len(numbers) == 10 and wrong_facts(folder) == set()
    assert wrong_facts(changed(folder, tmp_path / "more", lambda values: values.update(
        {key: value + 1 for key, value in numbers.items()}))) == set(numbers)
