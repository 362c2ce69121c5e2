"""Models that share only some of their items: groups with sets of their own, and who is alone."""

import json
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_analysis import clean
from failure_analysis.comparison import compute, groups
from failure_analysis.datapoint import OUTCOME_COLUMNS
from failure_analysis.packet import rows
from failure_analysis.review import picks
from make_runs import judged, turn
from test_compare_models import outcome


def ran(model, marks, start=0, **more):
    """Lines of outcomes.csv of one model: p, f per item from `start` on."""
    return [outcome(model, str(item), {"p": "pass", "f": "fail"}[mark], **more)
            for item, mark in enumerate(marks, start)]


def compared(run_script, folder, lines, *args):
    """Compares hand-made outcomes; returns model_comparison.json and what the console says."""
    folder.mkdir(exist_ok=True)
    (folder / "outcomes.csv").write_bytes(clean.csv_line(OUTCOME_COLUMNS) + b"".join(
        clean.csv_line(line.get(name) for name in OUTCOME_COLUMNS) for line in lines))
    (folder / "failure_review_rows.jsonl").write_text("")
    (folder / "facts.json").write_text("{}")
    done = run_script("compare_models.py", folder, *args)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "model_comparison.json").read_text()), done.stdout


FIVE = {"a": "ff" + "p" * 18, "b": "fp" + "p" * 18, "c": "fp" + "p" * 18, "d": "fp" + "p" * 18,
        "e": "fp" + "p" * 18}


def five():
    return [line for name, marks in FIVE.items() for line in ran(name, marks)]


def test_a_model_with_other_items_leaves_the_sets_of_the_others(run_script, tmp_path):
    out = tmp_path / "a"
    result, said = compared(run_script, out, five() + ran("z", "f" * 20, start=20))
    assert (result["compared_units"], result["compared_items"], result["items"]) == (
        list("abcde"), 20, 40)
    assert result["sets"]["failed_by_all"] == ["0"]
    assert result["sets"]["unique_fail"] == {"a": ["1"], "b": [], "c": [], "d": [], "e": []}
    assert result["groups"] == []
    assert result["alone"] == [{"unit": "z", "items": 20, "shares": 0, "with": "a"}]
    assert [row["compared_attempts"] for row in result["units"]] == [20] * 5 + [None]
    # The items of z are in nobody's set, and one model alone is not "everybody who ran it".
    assert {entry["item"] for entry in result["partial"]} == {str(n) for n in range(20, 40)}
    page = (out / "model_comparison.md").read_text()
    assert "Sets are over the group of 5 (`a`, `b`, `c`, `d`, `e`), on 20 of 40 items" in page
    assert ("`z` shares none of its 20 items with all of the group of 5; compared in "
            "pairs only, where a pair shares any."
            ) in page
    assert "## Shared and unique failures in the group of 5\n" in page
    assert "of those, on the 20 items that the group of 5 shares" in page
    assert "| not in the group |" in page
    assert "the group of 5 of 6 models on 20 of 40 items; 0 differ in content" in said
    assert "failed by all of the group: 1 items" in said
    known = json.loads((out / "facts.json").read_text())
    assert known["comparison/compared_units"] == 5
    assert known["comparison/failed_by_all"] == 1


def test_a_model_that_shares_a_quarter_is_compared_in_pairs(run_script, tmp_path):
    out = tmp_path / "a"
    result, said = compared(run_script, out, five() + ran("z", "f" * 20, start=15))
    assert result["compared_items"] == 20
    assert result["alone"] == [{"unit": "z", "items": 20, "shares": 5, "with": "a"}]
    assert {(pair["a"], pair["b"]): pair["items"] for pair in result["pairs"]}["a", "z"] == 5
    assert ("`z` shares 5 of its 20 items with all of the group of 5; compared in "
            "pairs only, where a pair shares any."
            ) in said
    assert result["passed_outside"] == {}
    # What z lacks of the group's items is in the sets all the same, and no partial item.
    assert {entry["item"] for entry in result["partial"]} == {str(n) for n in range(20, 35)}


def test_an_item_that_somebody_outside_passed_is_named(run_script, tmp_path):
    """Item 0 is passed outside with the same content, item 1 fails there, item 2 is another one."""
    lines = [line for name in "abc" for line in ran(name, "fff" + "p" * 7)]
    lines += ran("z", "pfp") + ran("z", "p" * 20, start=50)
    lines += [line | {"item_fingerprint": "other"} for line in lines
              if (line["model_name"], line["item_id"]) == ("z", "2")]
    lines = [line for line in lines if (line["model_name"], line["item_id"],
                                        line["item_fingerprint"]) != ("z", "2", "p")]
    result, said = compared(run_script, tmp_path / "a", lines)
    assert ("failed by all of the group: 3 items\nof these, passed outside the group: 1 items"
            ) in said
    assert result["compared_units"] == list("abc")
    assert result["sets"]["failed_by_all"] == ["0", "1", "2"]
    assert result["passed_outside"] == {"0": ["z"]}
    assert ("Failed by all of the group, but passed with the same content outside it: `0` (`z`)."
            ) in (tmp_path / "a" / "model_comparison.md").read_text()


def test_who_leaves_the_others_more_than_half_of_their_items_joins_them(run_script, tmp_path):
    result, said = compared(run_script, tmp_path / "a", five() + ran("z", "f" * 20, start=9))
    assert (len(result["compared_units"]), result["compared_items"]) == (6, 11)
    assert result["alone"] == []
    assert "6 models on 11 of 29 items" in said and "of the group" not in said
    result, _ = compared(run_script, tmp_path / "b", five() + ran("z", "f" * 20, start=10))
    assert (len(result["compared_units"]), result["compared_items"]) == (5, 20)
    assert result["alone"] == [{"unit": "z", "items": 20, "shares": 10, "with": "a"}]


def test_who_has_all_the_items_of_the_others_and_many_more_joins_them(run_script, tmp_path):
    lines = ran("whole", "f" * 50) + ran("a", "fp" * 10) + ran("b", "ff" * 10)
    result, _ = compared(run_script, tmp_path / "a", lines)
    assert (result["compared_units"], result["compared_items"]) == (["a", "b", "whole"], 20)


def test_two_groups_have_sets_of_their_own(run_script, tmp_path):
    lines = [line for name, marks in (("a", "ffpp"), ("b", "fppp"), ("c", "fppp"))
             for line in ran(name, marks)]
    lines += [line for name, marks in (("x", "fpffp"), ("y", "ppffp"), ("z", "ppffp"))
              for line in ran(name, marks, start=100)]
    out = tmp_path / "a"
    result, said = compared(run_script, out, lines)
    # As many units: the group of more items is the main one.
    assert (result["compared_units"], result["compared_items"]) == (list("xyz"), 5)
    assert result["sets"]["failed_by_all"] == ["102", "103"]
    (group,) = result["groups"]
    assert (group["units"], group["compared_items"]) == (list("abc"), 4)
    assert group["sets"]["failed_by_all"] == ["0"]
    assert group["sets"]["unique_fail"] == {"a": ["1"], "b": [], "c": []}
    assert result["partial"] == [] and result["alone"] == []
    assert result["passed_outside"] == {}
    page = (out / "model_comparison.md").read_text()
    assert "Failed by all of the group: 2 of 5 items (`102`, `103`)" in page
    assert "Group 2: 3 models (`a`, `b`, `c`) share 4 items; their sets stand apart." in page
    assert "## Shared and unique failures in group 2 (3 models on 4 items)" in page
    assert "Group 2: 3 models" in said
    known = json.loads((out / "facts.json").read_text())
    assert known["comparison/group_failed_by_all/2"] == 1
    assert known["comparison/group_units/2"] == 3


def test_groups_by_content_under_the_same_ids(run_script, tmp_path):
    """Two versions of a benchmark: three models ran the old one, two the new one."""
    lines = [line for name, marks in (("a", "ffp"), ("b", "ffp"), ("c", "fpp"))
             for line in ran(name, marks, content="old")]
    lines += [line for name in "yz" for line in ran(name, "fpp", content="new")]
    # With no item in common these are other items under the same ids, no versions of one.
    assert compared(run_script, tmp_path / "b", lines)[0]["failed_under_every_content"] == []
    lines += [line for name in "abcyz" for line in ran(name, "p", start=50)]
    out = tmp_path / "a"
    result, said = compared(run_script, out, lines)
    assert (result["compared_units"], result["compared_items"]) == (list("abc"), 4)
    assert result["sets"]["failed_by_all"] == ["0"]
    assert [group["sets"]["failed_by_all"] for group in result["groups"]] == [["0"]]
    assert len(result["different_content"]) == 3
    assert result["failed_under_every_content"] == [
        {"item": "0", "variants": {"old": ["a", "b", "c"], "new": ["y", "z"]},
         "versions": {"old": [], "new": []}}]
    versions = [{"version": name, "runs": [name], "items": 1} for name in "ABC"]
    (out / "item_versions.json").write_text(json.dumps({
        "versions": versions, "items": dict.fromkeys(("all", "differing", "asked", "expected"), 1),
        "policies": [], "without_differing": [], "changes_inside": [], "repaired": [],
        "differing": [{"item": "0", "contents": [
            {"fingerprint": "new", "versions": ["B"]},
            {"fingerprint": "old", "versions": ["A", "C"]}]}]}))
    done = run_script("compare_models.py", out)
    assert done.returncode == 0, done.stderr
    page = (out / "model_comparison.md").read_text()
    assert ("Failed by all who ran it, under every version (item_versions.md): 1 items: `0` (A, C: "
            "`a`, `b`, `c`; B: `y`, `z`).") in page
    assert "each is in the sets of those groups only whose members agree on it" in page
    assert "failed under every version of its content: 1 items" in said
    cells = {row["item_id"]: row for row in clean.read_csv(out / "comparison.csv")}
    assert (cells["1"]["models_judged"], cells["1"]["models_failing"]) == ("3", "2")
    assert (cells["1"]["a"], cells["1"]["y"]) == ("1 of 1", "different content")


def test_an_item_passed_under_one_content_is_not_lost_by_all(
        run_script, tmp_path):
    lines = [line for name in "ab" for line in ran(name, "fpff")]
    lines += [outcome("a", "7", "fail", content="old"), outcome("b", "7", "pass", content="new"),
              outcome("a", "8", "fail", content="old"), outcome("b", "8", "fail", content="new"),
              outcome("b", "8", "fail", trial=1, content="newer")]
    lost = compared(run_script, tmp_path / "a", lines)[0]["failed_under_every_content"]
    assert [entry["item"] for entry in lost] == ["8"]  # b fails it under both of its contents
    lines[-1] = outcome("b", "8", "pass", trial=1, content="newer")
    assert compared(run_script, tmp_path / "b", lines)[0]["failed_under_every_content"] == []


def test_failed_by_all_who_ran_it_stands_beside_failed_by_all(run_script, tmp_path):
    lines = ran("a", "fppf") + ran("b", "fppf") + ran("c", "fpp")
    _, said = compared(run_script, tmp_path / "a", lines)
    assert "failed by all: 1 items\nfailed by all who ran it, not run by all: 1 items" in said
    summary = json.loads(compared(run_script, tmp_path / "a", lines, "--json")[1])
    assert (summary["failed_by_all"], summary["failed_by_all_who_ran"]) == (1, 1)
    assert json.loads((tmp_path / "a" / "facts.json").read_text())[
        "comparison/failed_by_all_who_ran"] == 1
    _, said = compared(run_script, tmp_path / "b", ran("a", "fp") + ran("b", "fp"))
    assert "who ran it" not in said and "under every version" not in said


def test_where_no_two_share_half_any_common_item_will_do(run_script, tmp_path):
    lines = ran("a", "f" * 10) + ran("b", "f" * 10, start=8) + ran("c", "f" * 10, start=50)
    result, said = compared(run_script, tmp_path / "a", lines)
    assert (result["compared_units"], result["sets"]["failed_by_all"]) == (["a", "b"], ["8", "9"])
    assert [one["unit"] for one in result["alone"]] == ["c"]
    result, _ = compared(run_script, tmp_path / "b", ran("a", "f") + ran("b", "f", start=1))
    assert (result["compared_units"], result["compared_items"]) == (["a", "b"], 0)
    assert "No such item: only the pairs below tell something." in (
        tmp_path / "b" / "model_comparison.md").read_text()


def test_groups_beyond_the_bound_are_named(run_script, tmp_path):
    lines = [line for pair in range(15) for name in "ab"
             for line in ran(f"{name}{pair:02}", "fp", start=10 * pair)]
    result, said = compared(run_script, tmp_path / "a", lines)
    assert len(result["groups"]) == compute.MOST_GROUPS == 12
    assert result["groups_without_sets"] == [["a13", "b13"], ["a14", "b14"]]
    assert "2 more groups of 4 models have no sets here" in said
    # What stands in no set is said to be failed by everyone who ran it.
    assert {entry["item"] for entry in result["partial"]} == {"130", "131", "140", "141"}


CONTENTS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.dictionaries(st.sampled_from([str(n) for n in range(12)]), st.sampled_from("xy"),
                    max_size=12), min_size=1, max_size=10)


def numbered(items):
    """Items as the groups take them."""
    return np.array(sorted(items), np.int64)


@given(CONTENTS, st.data())
def test_every_unit_is_in_one_group_or_alone(contents, data):
    sizes = {name: len(items) + data.draw(st.integers(0, 4)) for name, items in contents.items()}
    numbers = {pair: number for number, pair in enumerate(
        sorted({pair for items in contents.values() for pair in items.items()}))}
    contents = {name: {numbers[pair] for pair in items.items()} for name, items in contents.items()}
    found = groups.grouped({name: numbered(items) for name, items in contents.items()}, sizes)
    names = [name for group in found.groups for name in group.units]
    assert sorted([*names, *(one.unit for one in found.alone)]) == sorted(contents)
    everybody = set.intersection(*contents.values())
    for group in found.groups:
        assert group.common.tolist() == sorted(
            set.intersection(*(contents[name] for name in group.units)))
        assert len(group.units) > 1 or len(contents) == 1
    if 2 * len(everybody) > max(sizes.values()):
        assert [group.units for group in found.groups] == [list(contents)]
    for one in found.alone:
        assert 2 * one.shares <= len(found.groups[one.group].common)
        assert one.shares == max(len(contents[one.unit].intersection(group.common.tolist()))
                                 for group in found.groups)


@given(st.integers(2, 6), st.integers(1, 8), st.data())
def test_with_the_same_items_the_sets_are_over_all(count, items, data):
    lines = [line for n in range(count) for line in ran(
        f"m{n}", "".join("pf"[data.draw(st.booleans())] for _ in range(items)))]
    with TemporaryDirectory() as folder:
        (Path(folder) / "outcomes.csv").write_bytes(clean.csv_line(OUTCOME_COLUMNS) + b"".join(
            clean.csv_line(line.get(name) for name in OUTCOME_COLUMNS) for line in lines))
        result = compute.compare(Path(folder)).result
    assert result["compared_units"] == [f"m{n}" for n in range(count)]
    passed = {line["item_id"] for line in lines if line["outcome"] == "pass"}
    assert result["sets"]["failed_by_all"] == [str(item) for item in range(items)
                                               if str(item) not in passed]


@pytest.mark.slow
def test_a_thousand_units_of_a_thousand_items_are_grouped_at_once():
    same = {f"m{n:04}": numbered(range(n % 3, 1000 + n % 3)) for n in range(1000)}
    apart = {f"m{n:04}": numbered(range(1000 * n, 1000 * n + 1000)) for n in range(1000)}
    start = perf_counter()
    assert len(groups.grouped(same, dict.fromkeys(same, 1000)).groups[0].units) == 1000
    assert len(groups.grouped(apart, dict.fromkeys(apart, 1000)).groups) == 1
    assert perf_counter() - start < 30


def test_plans_read_the_main_group_first_and_then_the_others():
    lines = [rows.OutcomeLine(f"{model}/{item}", model, model, item, "", 0, "fail", (), "mode")
             for model, item in (("a", "9"), ("b", "9"), ("x", "1"), ("y", "1"), ("z", "9"))]
    by_item = {item: [line for line in lines if line.item == item] for item in ("1", "9")}
    result = {"by": "model", "units": [{"unit": name} for name in "abxyz"], "partial": [],
              "compared_units": ["a", "b"], "sets": {"failed_by_all": ["9"]},
              "groups": [{"units": ["x", "y"], "sets": {"failed_by_all": ["1"]}}]}
    shared = [pick.line.datapoint_id for pick in picks.failed_by_all(
        by_item, result, 0, attrgetter("datapoint_id"))]
    # z failed another item 9 than the group's, which its place in no group says.
    assert shared == ["a/9", "x/1", "b/9", "y/1"]


@pytest.mark.parametrize("missing", ["groups", "compared_units"])
def test_a_comparison_from_before_the_groups_is_made_again(run_script, tmp_path, missing):
    report = tmp_path / "out" / "report.md"
    run_script("deep_error_analysis.py", "--run-dir", judged(tmp_path / "a", [turn(0, False)]),
               "--output", report)
    path = tmp_path / "out" / "model_comparison.json"
    result = json.loads(path.read_text())
    del result[missing]
    path.write_text(json.dumps(result))
    done = run_script("plan_review.py", report.parent)
    assert done.returncode == 1 and "run compare_models.py" in done.stderr
