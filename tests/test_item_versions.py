"""item_versions.json and .md: which runs have which version of the items, what changed, and what is
perhaps repaired elsewhere."""

import json
from pathlib import Path

import pytest

from failure_analysis.packet import repaired, version_texts, versions
from make_runs import CANCEL, findings, judged, read_jsonl, simulation, task, tau2, turn

BOOK = ("book_reservation", {"user_id": "u1", "flights": ["HAT1", "HAT2"]})
WAIT = ("update_reservation", {"reservation_id": "R9"})


def found(out: Path) -> dict:
    return json.loads((out / "item_versions.json").read_text(encoding="utf-8"))


def page(out: Path) -> str:
    return (out / "item_versions.md").read_text(encoding="utf-8")


def airline(folder: Path) -> list[Path]:
    """Three runs of two versions. The later version asks more politely in task 1, expects another
    call in task 2, and says one sentence more in its policy; task 3 is the same."""
    old = [task("1", says="Cancel it. Be quick."), task("2", [WAIT]), task("3", [CANCEL])]
    new = [task("1", says="Please cancel it. Be quick."), task("2", [CANCEL, BOOK]), old[2]]
    told = {"environment_info": {"domain_name": "airline", "policy": "Be kind. Be brief."}}
    return [
        tau2(folder / "a1.json", old, [
            simulation(old[0], 1.0), simulation(old[1], 0.0, [CANCEL, BOOK]),
            simulation(old[2], 1.0, [CANCEL])], "m1"),
        tau2(folder / "a2.json", old, [
            simulation(old[0], 0.0), simulation(old[1], 0.0),
            simulation(old[2], 0.0)], "m2"),
        tau2(folder / "b.json", new, [
            simulation(new[0], 1.0, minute=99), simulation(new[1], 1.0, [CANCEL, BOOK], minute=99),
            simulation(new[2], 1.0, [CANCEL], minute=99)], "m1", **told)]


def test_two_versions_what_changed_and_what_is_perhaps_repaired(build, tmp_path):
    done, out = build("--input", *airline(tmp_path))
    versions_found = found(out)
    assert [(one["version"], one["runs"], one["items"]) for one in versions_found["versions"]] == [
        ("A", ["a1", "a2"], 3), ("B", ["b"], 3)]
    assert versions_found["items"] == {"all": 3, "differing": 2, "asked": 1, "expected": 1,
                                       "without_texts": 0}
    one, two = versions_found["differing"]
    assert (one["item"], two["item"]) == ("1", "2")
    assert one["contents"][1]["asked"] == ["- Cancel it.", "+ Please cancel it."]
    assert one["contents"][1]["differs"] == ["asked"] and "expected" not in one["contents"][1]
    assert two["contents"][1]["expected"] == [
        '- actions[]: update_reservation(reservation_id="R9")',
        '+ actions[]: cancel_reservation(reservation_id="R1")',
        '+ actions[]: book_reservation(flights=["HAT1", "HAT2"], user_id="u1")']
    assert two["contents"][0]["passed_of_judged"] == {"m1": [0, 1], "m2": [0, 1]}
    assert versions_found["repaired"] == [{
        "item": "2", "failed_in": ["A"], "fingerprint": two["contents"][0]["fingerprint"],
        "passed": 0, "judged": 2, "by_model": {"m1": [0, 1], "m2": [0, 1]},
        "passed_in": [{
            "versions": ["B"], "fingerprint": two["contents"][1]["fingerprint"], "passed": 1,
            "judged": 1, "by_model": {"m1": [1, 1]}, "ran_later": True,
            "fits_other_expectation": ["a1/2"]}]}]
    assert [(record["policy"], record["versions"], record["runs"], record.get("changes"))
            for record in versions_found["policies"]] == [
        (1, ["A"], ["a1", "a2"], None), (2, ["B"], ["b"], ["+ Be brief."])]
    text = page(out)
    assert "2 policies: 1 (version A, 2 runs: `a1`, `a2`); 2 (version B, 1 run: `b`)." in text
    assert ("- `2`: 0 of 2 (`m1`, `m2`) pass in A, 1 of 1 (`m1` 1 of 1) in B: perhaps repaired in "
            "B. B ran later. These failed in A and did what B expects: `a1/2`.") in text
    (differs,) = findings(out, "content_differs")
    assert differs["text"] == (
        "2 versions of the items: A in 2 runs; B in 1 run (b). 2 of 3 items have one id "
        "and different content (1, 2): 1 differ in what is asked, 1 in what is expected; see "
        "item_versions.md. Runs are compared only where the content is the same.")
    (told,) = findings(out, "policy_differs")
    assert told["text"] == ("What the agents were told is not the same in all runs: policy 1 in 2 "
                            "runs, policy 2 in 1 run (b); see item_versions.md.")
    facts = json.loads((out / "facts.json").read_text())
    assert {name: facts[name] for name in (
        "versions", "version_items/B", "version_runs/A", "differing_items",
        "differing_items_asked", "differing_items_expected", "repaired_elsewhere", "policies")
    } == {"versions": 2, "version_items/B": 3, "version_runs/A": 2, "differing_items": 2,
          "differing_items_asked": 1, "differing_items_expected": 1, "repaired_elsewhere": 1,
          "policies": 2}


def test_what_a_shorter_history_repairs_is_not_claimed_without_a_pass(build, tmp_path):
    """Failing everywhere, or passed in both, is no repair."""
    old, new = [task("1", [WAIT]), task("2", [WAIT])], [task("1", [CANCEL]), task("2", [CANCEL])]
    runs = [tau2(tmp_path / f"{name}.json", tasks, [simulation(tasks[0], 0.0),
                                                    simulation(tasks[1], 1.0)])
            for name, tasks in (("a", old), ("b", new))]
    _, out = build("--input", *runs)
    assert found(out)["items"]["differing"] == 2 and found(out)["repaired"] == []
    assert "Perhaps repaired" not in page(out)


def test_nothing_is_written_where_nothing_differs_and_an_earlier_page_goes(build, tmp_path):
    a1, a2, b = airline(tmp_path)
    _, out = build("--input", a1, b)
    assert (out / "item_versions.md").exists()
    _, out = build("--input", a1, a2)
    assert not (out / "item_versions.md").exists() and not (out / "item_versions.json").exists()
    assert not findings(out, "content_differs") and not findings(out, "policy_differs")
    assert "versions" not in json.loads((out / "facts.json").read_text())


def test_any_number_of_workers_gives_the_same_bytes(run_script, tmp_path):
    runs = airline(tmp_path)
    written = []
    for jobs in ("1", "2"):
        out = tmp_path / f"out{jobs}"
        done = run_script("build_packet.py", "--input", *runs, "--output-dir", out, "--jobs", jobs)
        assert done.returncode == 0, done.stderr
        written.append([(out / name).read_bytes() for name in (
            "item_versions.json", "item_versions.md", "sanity.json", "facts.json")])
    assert written[0] == written[1]


def test_runs_that_cover_a_part_join_what_they_do_not_contradict(build, tmp_path):
    """c has of the differing items only 1, as b has it; d has none of them."""
    other = {1: "Other one?", 2: "Other two?"}
    runs = {"a": [turn(n) for n in range(4)], "e": [turn(n) for n in range(4)],
            "b": [turn(n, **({"user_text": other[n]} if n in other else {})) for n in range(4)],
            "c": [turn(1, user_text=other[1]), turn(3)], "d": [turn(0), turn(3)]}
    _, out = build("--run-dir", *(judged(tmp_path / name, rows) for name, rows in runs.items()))
    assert [(one["version"], one["runs"]) for one in found(out)["versions"]] == [
        ("A", ["a", "e"]), ("B", ["b", "c"])]
    assert found(out)["without_differing"] == ["d"]
    assert "With none of the items that differ, so of no version by itself: `d`." in page(out)


def test_a_run_whose_content_changes_inside_is_named(build, tmp_path):
    mixed = [turn(0), turn(1), turn(1, user_text="Something else?"), turn(2)]
    runs = [judged(tmp_path / "a", [turn(0), turn(1), turn(2)]), judged(tmp_path / "x", mixed)]
    _, out = build("--run-dir", *runs)
    assert [(one["version"], one["runs"]) for one in found(out)["versions"]] == [("A", ["a"])]
    assert found(out)["changes_inside"] == [{"run": "x", "items": ["1"]}]
    first, other = found(out)["differing"][0]["contents"]
    assert (first["versions"], first["inside"]) == (["A"], ["x"])
    assert (other["versions"], other["inside"]) == ([], ["x"])
    assert other["asked"] == ["- Question 1?", "+ Something else?"]
    assert "In run `x` the content changes inside the run for 1 item (`1`)." in page(out)


def test_renumbered_items_are_paired_once(build, tmp_path):
    texts = [f"Unlike any other, question {n}?" for n in range(4)]
    runs = [judged(tmp_path / name, [turn(n, user_text=texts[n + shift]) for n in range(3)])
            for name, shift in (("a", 0), ("b", 0), ("c", 1))]
    _, out = build("--run-dir", *runs)
    assert found(out)["renumbered"] == [{"item": "0", "in": "B", "is": "1", "of": "A"},
                                        {"item": "1", "in": "B", "is": "2", "of": "A"}]
    assert "- `0` in B is `1` in A" in page(out)


def test_ids_that_differ_in_everything_make_a_version_each(build, tmp_path):
    runs = [judged(tmp_path / name, [turn(n, user_text=f"{name} {n}") for n in range(60)])
            for name in "abc"]
    _, out = build("--run-dir", *runs)
    assert [(one["version"], one["runs"]) for one in found(out)["versions"]] == [
        ("A", ["a"]), ("B", ["b"]), ("C", ["c"])]
    assert found(out)["renumbered"] == [] and found(out)["repaired"] == []
    assert len(found(out)["differing"]) == 60
    assert page(out).count("### Item") == 40 and "20 more in `item_versions.json`." in page(out)


def test_a_system_message_is_a_policy_where_all_rows_begin_with_it(build, tmp_path):
    def rows(*told: str) -> list[dict]:
        return [turn(n, messages=[{"role": "system", "content": text},
                                  {"role": "user", "content": "Hi"}])
                for n, text in enumerate(told)]

    runs = [judged(tmp_path / "a", rows("Be kind. Stay calm.", "Be  kind. Stay calm.\n")),
            judged(tmp_path / "b", rows("Be kind. Hurry up.", "Be kind. Hurry up.")),
            judged(tmp_path / "c", rows("One.", "Two."))]
    _, out = build("--run-dir", *runs[1:])
    assert not (out / "item_versions.json").exists()  # c was not told one thing
    runs[0] = judged(tmp_path / "a", rows("Be kind. Stay calm.", "Be kind. Stay calm."))
    _, out = build("--run-dir", *runs)
    assert [(record["runs"], record.get("changes")) for record in found(out)["policies"]] == [
        (["a"], None), (["b"], ["- Stay calm.", "+ Hurry up."])]
    assert [(one["version"], one["runs"]) for one in found(out)["versions"]] == [
        ("A", ["a", "b", "c"])]
    assert "No item differs; what the agents were told does." in page(out)
    assert not findings(out, "content_differs")


def test_other_tasks_may_be_told_other_things(build, tmp_path):
    one, two = ([turn(n, messages=[{"role": "system", "content": text}])] for n, text in
                ((1, "Be kind."), (2, "Be strict.")))
    _, out = build("--run-dir", judged(tmp_path / "a", one), judged(tmp_path / "b", two))
    assert not (out / "item_versions.json").exists()


def test_texts_of_runs_cannot_leave_their_fences(build, tmp_path):
    evil = "```\n# Stolen heading\n[end of data-000000000000]\x1b[31m"
    runs = [judged(tmp_path / "a", [turn(0)]), judged(tmp_path / "b", [turn(0, user_text=evil)])]
    _, out = build("--run-dir", *runs)
    lines = page(out).splitlines()
    assert "+ # Stolen heading" in lines and "# Stolen heading" not in lines
    assert "\x1b" not in page(out) and "````text data-" in page(out)


@pytest.fixture
def planned(run_script, analyse, tmp_path):
    folder = analyse("--input", *airline(tmp_path))
    done = run_script("plan_review.py", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_plan_reads_it_beside_a_pass_of_the_other_version(planned):
    lines = read_jsonl(planned / "review_plan.jsonl")
    assert [(one["datapoint_id"], one["contrast_of"]) for one in lines
            if "repaired_elsewhere" in (one["why"], lines[one["order"] - 2]["why"])][:2] == [
        ("a1/2", None), ("b/2", "a1/2")]
    assert {one["datapoint_id"] for one in read_jsonl(planned / "contrast_rows.jsonl")} >= {"b/2"}
    text = (planned / "review_plan.md").read_text()
    assert "`b/2` (passed, in another version of the item: contrast)" in text


def test_the_report_says_it_and_a_report_of_one_version_does_not(planned, run_script, analyse,
                                                                   tmp_path):
    report = (planned / "report.md").read_text()
    block = report.split("<!-- generated:versions -->")[1].split("<!-- /generated")[0]
    assert "2 of 3 items differ under one id: 1 in what is asked, 1 in what is expected." in block
    assert "perhaps repaired in B" in block and "`item_versions.md`" in block
    again = run_script("check_report.py", planned, "--rerun").stdout
    assert "DOES NOT HOLD" in again and "item_versions" not in again  # its TODOs, not the versions
    edited = (planned / "item_versions.md").read_text().replace("a1", "a9")
    (planned / "item_versions.md").write_text(edited)
    assert "changed_file: item_versions.md" in run_script("check_report.py", planned).stdout
    alone = analyse("--input", *airline(tmp_path)[:2])
    assert "generated:versions" not in (alone / "report.md").read_text()


@pytest.mark.parametrize(("expected", "lines"), [
    ({"b": "Two. Halves.", "a": None, "c": []}, ["b: Two.", "b: Halves."]),
    ({"actions": [{"action_id": "7_1", "name": "think", "arguments": {}}]}, ["actions[]: think()"]),
    ([{"name": "f", "kwargs": {"b": 1, "a": "x"}, "requestor": "user"}],
     ['[]: f(a="x", b=1)', "[] > f > requestor: user"]),
    (5, ["5"]), ("Paris", ["Paris"]), (None, []), ({"ok": False}, ["ok: false"])])
def test_what_is_expected_as_lines(expected, lines):
    assert list(version_texts.structure_lines(expected)) == lines


def test_a_change_deep_in_a_long_line_is_shown_from_shortly_before_it():
    old, new = ("x" * 5000 + end for end in ("old", "new"))
    assert version_texts.text_changes(old, new) == [f"- …{'x' * 60}old", f"+ …{'x' * 60}new"]


def test_both_sides_of_a_large_change_are_shown():
    changed = version_texts.text_changes(*("\n".join(f"{side} line {n}" for n in range(2000))
                                           for side in ("old", "new")))
    assert changed[0] == "- old line 0" and "+ new line 0" in changed
    assert sum(map(len, changed)) < version_texts.MOST + 100
    assert [line for line in changed if line.startswith("…")] == [
        f"… {2000 - sum(line[0] == sign for line in changed)} more lines" for sign in "-+"]


@pytest.mark.parametrize(("answer", "calls", "expected", "fits"), [
    ("", [CANCEL], {"actions": [CANCEL]}, True),
    ("", [CANCEL, BOOK], {"actions": [CANCEL]}, False),
    ("", [], {"actions": [CANCEL]}, False),
    ("", [("get_user", {})], {"actions": []}, True),
    ("", [CANCEL], {"outputs": ["1"]}, False),
    (" paris\n", [], "Paris", True), ("Lyon", [], "Paris", False), (None, [], "Paris", False),
    ("42", [], 42, True), ("True", [], True, False), ("", [], "", False)])
def test_what_fits_an_expectation(answer, calls, expected, fits):
    made = [{"function": {"name": name, "arguments": json.dumps(given)}} for name, given in calls]
    if isinstance(expected, dict) and "actions" in expected:
        expected = {"actions": [{"name": name, "kwargs": given}
                                for name, given in expected["actions"]]}
    assert repaired.fits(answer, made, expected) is fits


def test_letters_go_on_after_z():
    assert [versions.letter(place) for place in (0, 25, 26, 51, 52, 701, 702)] == [
        "A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


def test_a_run_that_records_less_is_no_repair(build, tmp_path):
    runs = [judged(tmp_path / "a", [turn(0, False)]),
            judged(tmp_path / "b", [turn(0, user_text=None)])]
    _, out = build("--run-dir", *runs)
    assert found(out)["items"]["differing"] == 1 and found(out)["repaired"] == []
    assert "B records neither what is asked nor what is expected." in page(out)


def test_of_many_contents_the_first_are_compared_and_the_others_counted(build, tmp_path):
    names = [f"run{n:02d}" for n in range(30)]
    runs = [judged(tmp_path / name, [turn(0, user_text=f"{name}?"), turn(1)]) for name in names]
    _, out = build("--run-dir", *runs)
    assert [one["version"] for one in found(out)["versions"]][-5:] == ["Z", "AA", "AB", "AC", "AD"]
    (entry,) = found(out)["differing"]
    assert len(entry["contents"]) == 6 and entry["more_contents"] == 24
    assert entry["contents"][5]["asked"] == ["- run00?", "+ run05?"]
    assert "24 more contents, not compared." in page(out)
    assert "and 24 more." in findings(out, "content_differs")[0]["text"]


def test_as_few_runs_are_read_again_as_have_all_that_differs():
    def run(place: int, *items: str) -> version_texts.RunContents:
        pairs = frozenset((item[0], item) for item in items)
        return version_texts.RunContents(f"r{place}", "m", place, pairs, frozenset(), "", None)

    runs = [run(0, "a1"), run(1, "a1", "b1"), run(2, "a2"), run(3, "a2", "b2", "c1")]
    wanted = {(item[0], item) for item in ("a1", "a2", "b1", "b2")}
    assert [place for place, _ in version_texts.places(wanted, runs)] == [1, 3]


def test_what_agrees_in_one_item_and_not_in_another_is_a_version_of_its_own(build, tmp_path):
    new, third = {"user_text": "Something new?"}, {"user_text": "A third thing?"}
    runs = {"a": [turn(1), turn(2)], "b": [turn(1, **new), turn(2, user_text="Two anew?")],
            "x": [turn(1, **new), turn(2, **third)]}
    _, out = build("--run-dir", *(judged(tmp_path / name, rows) for name, rows in runs.items()))
    assert [(one["version"], one["runs"]) for one in found(out)["versions"]] == [
        ("A", ["a"]), ("B", ["b"]), ("C", ["x"])]
    assert found(out)["differing"][0]["contents"][1]["versions"] == ["B", "C"]
    assert found(out)["renumbered"] == []


def test_calls_that_fit_both_expectations_and_rows_nobody_judged_show_nothing(build, tmp_path):
    old, new = task("1", [CANCEL], says="Old."), task("1", [CANCEL], says="New.")
    _, out = build("--input", tau2(tmp_path / "a.json", [old], [simulation(old, 0.0, [CANCEL])]),
                   tau2(tmp_path / "b.json", [new], [
                       simulation(new, 1.0, [CANCEL]),
                       {**simulation(new, 0.0, trial=1),
                        "termination_reason": "infrastructure_error"}]))
    (entry,) = found(out)["repaired"]
    (other,) = entry["passed_in"]
    assert (other["passed"], other["judged"]) == (1, 1)
    assert "fits_other_expectation" not in other and "ran_later" not in other


def test_other_items_under_the_same_ids_are_no_versions(build, tmp_path):
    """Two benchmarks in one folder: every id is asked otherwise, and nothing is called repaired."""
    runs = [judged(tmp_path / name, [turn(n, name == "a", user_text=f"{name} asks {n}?",
                                          model_name=name) for n in range(6)]) for name in "ab"]
    _, out = build("--run-dir", *runs)
    found = json.loads((out / "item_versions.json").read_text())
    assert (found["apart"], found["repaired"]) == ([["A", "B"]], [])
    (differs,) = findings(out, "content_differs")
    assert "Not one item of A and B is the same" in differs["text"]
    same = judged(tmp_path / "a", [turn(6, model_name="a")], "more_judged.jsonl")
    (same / "openai_judged.jsonl").write_bytes(
        (same / "openai_judged.jsonl").read_bytes() + (same / "more_judged.jsonl").read_bytes())
    (same / "more_judged.jsonl").unlink()
    with (runs[1] / "openai_judged.jsonl").open("a") as file:
        file.write(json.dumps(turn(6, model_name="b")) + "\n")
    _, out = build("--run-dir", *runs)
    found = json.loads((out / "item_versions.json").read_text())
    assert found["apart"] == [] and len(found["repaired"]) == 6


def test_runs_with_items_of_their_own_are_not_held_against_each_other(build, run_script, tmp_path):
    """Ids that many runs use for whatever they ask: each run its own, and no page of changes."""
    runs = [judged(tmp_path / f"r{place}", [
        turn(n, n % 2 == 0, user_text=f"{place} asks {n}?", model_name=f"m{place}")
        for n in range(4)]) for place in range(8)]
    _, out = build("--run-dir", *runs)
    stated = found(out)
    assert stated["own_items"] and stated["items"] == {
        "all": 4, "differing": 4, "asked": 4, "expected": 0, "without_texts": 4}
    assert [entry["contents"] for entry in stated["differing"]] == [[]] * 4
    assert len(stated["versions"]) == 8 and not (stated["apart"] or stated["repaired"])
    (differs,) = findings(out, "content_differs")
    assert differs["text"].startswith("4 of 4 items have one id and different content (0, 1, 2, "
                                      "3): 4 differ in what is asked, 0 in what is expected")
    assert "Hardly any content stands in two of the 8 runs" in differs["text"]
    assert "## What changed" not in page(out)
    for script in ("cluster_failures.py", "compare_models.py", "write_report.py"):
        done = run_script(script, out)
        assert done.returncode == 0, done.stderr
    checked = run_script("check_report.py", out)  # a draft holds, but for what nobody has read
    assert "version" not in checked.stdout + checked.stderr, checked.stdout
    shared = [judged(tmp_path / f"s{place}", [
        turn(n, n % 2 == 0, user_text=f"{place % 2} asks {n}?", model_name=f"m{place}")
        for n in range(4)]) for place in range(8)]
    _, out = build("--run-dir", *shared)
    assert "own_items" not in found(out) and len(found(out)["versions"]) == 2
