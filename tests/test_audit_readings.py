"""What readers make of the audit's candidates: the ledger, the facts, the report's block, the
issues to be filed, and what the check makes of them."""

import json
import shutil

import pytest

from failure_analysis import facts, files, manifest
from failure_analysis.audit import candidates, given, run
from failure_analysis.packet import rows
from failure_analysis.report import blocks, check, foundation, issues, write
from failure_analysis.report.evidence import gather
from failure_analysis.review import audit_counts, audit_readings

MAPPING = """benchmark: sums
fields:
  item_id: item
  model_name: model
  user_text: question
  assistant_text: answer
  expected: gold
  scores: {right: right}
"""
# What each model answers, and whether that was judged right.
ANSWERS = {
    "strong": {"q1": ("It makes 4 in all", True), "q2": ("It makes 9 in all", False),
               "q3": ("I cannot say that now", True), "q4": ("It makes five in all", False),
               "q5": ("The note is saved now", True), "q6": ("It makes 6 in all", True)},
    "weak": {"q1": ("It makes 4 in all", False), "q2": ("It makes 8 in all", False),
             "q3": ("It makes 3 in all", True), "q4": ("It makes 7 in all", False),
             "q5": ("The note is not there", False), "q6": ("It makes 6 in all", True)}}
# Item -> the class of its candidate and whose datapoints are in doubt.
PLANTED = {"q1": ("same_answer_other_verdict", ("strong", "weak")),
           "q2": ("damaged_item", ("strong", "weak")), "q3": ("false_pass", ("strong",)),
           "q4": ("strict_match", ("strong",)), "q5": ("claimed_done", ("weak",)),
           "q6": ("instability", ("strong", "weak"))}
WHY = "both say four, the sum asked for"


def planted(item, whole):
    """The planted candidate of an item, as a class module would find it."""
    klass, models = PLANTED[item.ident]
    rows = [row for row in item.rows if row.model in models]
    yield candidates.candidate(item, klass, "planted", f"Planted in {len(rows)} datapoints.", [
        candidates.variant("passed", "yes", [row for row in item.rows if row.outcome == "pass"]),
        candidates.variant("failed", "no", [row for row in item.rows if row.outcome == "fail"]),
        candidates.variant("expected", str(item.expected))], rows)


@pytest.fixture(scope="module")
def audited(run_script, tmp_path_factory):
    """Stage 1 of the two models, a plan with the passing datapoints copied, and an audit that found
    what is planted."""
    folder = tmp_path_factory.mktemp("sums")
    (folder / "map.yaml").write_text(MAPPING, encoding="utf-8")
    for model, answers in ANSWERS.items():
        (folder / f"{model}.jsonl").write_text("".join(json.dumps({
            "item": item, "model": model, "question": f"What is sum {item}?", "answer": answer,
            "gold": f"gold of {item}", "right": right}) + "\n"
            for item, (answer, right) in answers.items()), encoding="utf-8")
    out = folder / "out"
    for args in (("deep_error_analysis.py", "--input", folder / "strong.jsonl",
                  folder / "weak.jsonl", "--mapping", folder / "map.yaml", "--output",
                  out / "deep_error_analysis.md"), ("plan_review.py", out),
                 ("plan_review.py", out, "--contrast", "strong/q1", "strong/q3", "strong/q5")):
        done = run_script(*args)
        assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "FINDERS", (planted,))
        run.write(out, given.given(out))
    return out


@pytest.fixture
def folder(audited, tmp_path):
    """A copy to read in, beside the runs."""
    shutil.copytree(audited.parent, tmp_path / "sums")
    return tmp_path / "sums" / "out"


def idents(folder):
    """Item -> the id of its candidate."""
    return {one.item_id: one.id for one in candidates.load(folder)}


def said(folder, item, answer="confirmed", quote="", **more):
    """A reading of the candidate of an item, of the datapoint that `by` answered."""
    by = more.pop("by", "weak")
    return {"id": idents(folder)[item], "answer": answer, "datapoint_id": f"{by}/{item}",
            "quote": quote or ANSWERS[by][item][0], "reason": WHY, **more}


def read(run_script, folder, *entries, reader="second", code=0, kind="agent"):
    """Records readings; returns what was printed as JSON."""
    path = folder.parent / "readings.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in entries), encoding="utf-8")
    done = run_script("audit_benchmark.py", folder, "--readings", path, "--reader", reader,
                      "--kind", kind, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def refused(run_script, folder, **entry):
    """Why one entry is refused."""
    told = read(run_script, folder, entry, code=1)
    assert (told["recorded"], told["refused"]) == (0, 1)
    return told["entries"][0]["reason"]


def written(run_script, folder):
    """The facts of the readings and the block of the report, written anew."""
    done = run_script("write_report.py", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (folder / "deep_error_analysis.md").read_text("utf-8")
    block = text.split("<!-- generated:verdicts -->\n")[1].split("\n<!-- /generated")[0]
    return {key.removeprefix("review/audit_"): value for key, value in facts.load(folder).items()
            if key.startswith("review/audit_")}, block


def below(folder):
    """What the check finds below the report."""
    return [(found.verdict, found.text) for found in foundation.findings(gather(folder))]


def faults(run_script, folder):
    """Confirms the contradiction, the false pass and the damaged item."""
    return read(run_script, folder, said(folder, "q1", holds="pass"),
                said(folder, "q3", by="strong"), said(folder, "q2"))


def test_confirmed_faults_are_resolved_and_change_the_order(run_script, folder):
    assert faults(run_script, folder) == {"recorded": 3, "already": 0, "refused": 0, "entries": []}
    values, block = written(run_script, folder)
    assert values == {
        "read": 3, "confirmed": 3, "declined": 0,
        **{f"{what}/{klass}": int(what != "declined" and klass in (
            "same_answer_other_verdict", "false_pass", "damaged_item"))
           for what in ("read", "confirmed", "declined") for klass, _ in PLANTED.values()},
        # strong: q1 q5 q6 of q1 q3 q4 q5 q6; weak: q1 q3 q6 of the same
        "changed_rows/strong": 2, "pass_rate_pct/strong": 60.0,
        "changed_rows/weak": 2, "pass_rate_pct/weak": 60.0}
    assert "5 flags over 5 items" in block and "1 lead, which only orders the reading" in block
    assert "Read: 3 of 6; confirmed, with a quote: 3." in block
    assert "| `damaged_item` | flag | 1 | 1 | 1 | 0 | 0 | 0 | " in block
    assert "| `instability` | lead | 1 | 0 | 0 | 0 | 0 | 0 | " in block
    assert "A candidate that nobody has read stays `needs_review`; it is no suspicion" in block
    assert "| `strong` | 6 | 66.7 % | 5 | 60.0 % | 2 |" in block
    assert "| `weak` | 6 | 33.3 % | 5 | 60.0 % | 2 |" in block
    assert "The rank changes of `weak` from 2 to 1." in block
    assert below(folder) == []


def test_the_block_is_the_first_of_the_sections(run_script, folder):
    faults(run_script, folder)
    written(run_script, folder)
    lines = (folder / "deep_error_analysis.md").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("## ")][:2] == [
        "## Verdicts examined", "## Summary"]


def test_what_holds_may_be_said_otherwise_than_its_class_has_it(run_script, folder):
    read(run_script, folder, said(folder, "q2", holds="stays"), said(folder, "q5"),
         said(folder, "q4", by="strong"), said(folder, "q6", "possible", quote=" ",
                                               datapoint_id=None, reason=""))
    values, block = written(run_script, folder)
    assert (values["confirmed"], values["read"]) == (3, 4)
    assert (values["changed_rows/strong"], values["pass_rate_pct/strong"]) == (1, 83.3)
    assert (values["changed_rows/weak"], values["pass_rate_pct/weak"]) == (0, 33.3)
    assert "No model's rank changes." in block
    held = {one.candidate.klass: one.holds for one in
            audit_counts.confirmed(blocks.load(folder).examined)}
    assert held == {"strict_match": "pass", "damaged_item": "stays", "claimed_done": "stays"}


@pytest.mark.parametrize(("change", "reason"), [
    ({"id": "0123456789"}, '"0123456789" is no candidate of audit.jsonl: take the ids from there'),
    ({"id": ["x"]}, "id is no text"),
    ({"answer": "yes"}, 'answer "yes" is none of confirmed, possible, declined'),
    ({"holds": None}, "confirmed needs `holds`"),
    ({"holds": "left"}, "confirmed needs `holds`"),
    ({"answer": "declined"}, "`holds` goes with confirmed alone"),
    ({"quote": ""}, "confirmed needs a quote, verbatim"),
    ({"quote": "It makes 5 in all"}, "the quote \"It makes 5 in all\" does not occur in weak/q1"),
    ({"quote": "in all"}, "too short to prove anything"),
    ({"reason": "it is so"}, "confirmed needs a reason, of four words at least"),
    ({"datapoint_id": ""}, "a quote needs the datapoint_id in which it stands"),
    ({"datapoint_id": "weak/q2"}, '"weak/q2" is no datapoint of candidate'),
    ({"kind": "llm"}, 'kind "llm" is none of agent, person'),
    ({"reader": "-"}, "reader '-' is no name"),
    ({"note": "x"}, "unknown key note; keys are id, answer, holds,")])
def test_what_proves_nothing_is_refused(run_script, folder, change, reason):
    assert reason in refused(run_script, folder, **{**said(folder, "q1", holds="pass"), **change})
    assert (folder / "audit_readings.jsonl").read_bytes() == b""


def test_a_passing_datapoint_that_is_not_here_whole_is_copied_first(run_script, folder):
    entry = said(folder, "q6", by="weak", holds="drop")
    assert "weak/q6" not in (folder / "contrast_rows.jsonl").read_text("utf-8")
    assert read(run_script, folder, entry)["recorded"] == 1
    assert "weak/q6" in (folder / "contrast_rows.jsonl").read_text("utf-8")


def test_what_is_copied_before_any_plan_is_known_to_the_manifest(run_script, folder):
    fresh = folder.parent / "fresh"
    for args in (("build_packet.py", "--input", folder.parent / "strong.jsonl", "--mapping",
                  folder.parent / "map.yaml", "--output-dir", fresh),
                 ("audit_benchmark.py", fresh)):
        done = run_script(*args)
        assert done.returncode == 0, done.stdout + done.stderr
    ident = min(rows.load(fresh).outcomes.keys() - rows.load(fresh).places.keys())
    entry = {"class": "damaged_item", "answer": "confirmed", "datapoint_id": ident,
             "quote": ANSWERS["strong"][ident.rpartition("/")[2]][0], "reason": WHY}
    assert read(run_script, fresh, entry)["recorded"] == 1
    assert ident in (fresh / "contrast_rows.jsonl").read_text("utf-8")
    assert list(manifest.faults(fresh)) == []


def test_a_line_that_is_no_object_is_refused_and_the_others_land(run_script, folder):
    path = folder.parent / "mixed.jsonl"
    path.write_text(f"no\n{json.dumps(said(folder, 'q2'))}\n", encoding="utf-8")
    done = run_script("audit_benchmark.py", folder, "--readings", path, "--reader", "second")
    assert done.returncode == 1
    assert "mixed.jsonl:1: REFUSED: not a reading (" in done.stdout
    assert "2 readings = 1 recorded + 0 there already + 1 refused" in done.stdout


def test_without_an_audit_there_is_nothing_to_read(run_script, folder):
    (folder / "audit.jsonl").unlink()
    done = run_script("audit_benchmark.py", folder, "--readings", "-", "--reader", "second")
    assert done.returncode == 1 and "audit.jsonl" in done.stderr
    assert "audit_benchmark.py" in done.stderr.partition("audit.jsonl")[2]
    assert run_script("audit_benchmark.py", folder, "--readings", "-").returncode == 2
    assert run_script("audit_benchmark.py", folder, "--reader", "second").returncode == 2


def test_the_latest_of_a_reader_counts_and_readers_who_differ_decide_nothing(run_script, folder):
    entry = said(folder, "q2")
    assert read(run_script, folder, entry)["recorded"] == 1
    assert read(run_script, folder, entry)["already"] == 1
    read(run_script, folder, said(folder, "q2", "declined"))
    values, _ = written(run_script, folder)
    assert (values["confirmed"], values["declined"], values["declined/damaged_item"]) == (0, 1, 1)
    read(run_script, folder, entry, reader="third", kind="person")
    values, block = written(run_script, folder)
    assert (values["read"], values["confirmed"], values["declined"]) == (1, 0, 0)
    assert "| `damaged_item` | flag | 1 | 1 | 0 | 0 | 0 | 1 | " in block
    assert values["changed_rows/weak"] == 0
    read(run_script, folder, entry)
    assert written(run_script, folder)[0]["confirmed"] == 1
    read(run_script, folder, {**entry, "holds": "pass"})  # confirmed by both, as something else
    assert written(run_script, folder)[0]["confirmed"] == 0


def test_faults_that_say_different_things_of_a_datapoint_leave_it(run_script, folder):
    same = next(one for one in candidates.load(folder) if one.item_id == "q1")
    index = blocks.load(folder).counts.index
    finals = {str(place): audit_counts.Final(same, "confirmed", holds, ())
              for place, holds in enumerate(("pass", "fail"))}
    assert audit_counts._resolved(index, finals) == ({}, 2)
    finals["2"] = audit_counts.Final(same, "confirmed", "drop", ())
    assert audit_counts._resolved(index, finals) == ({"strong/q1": "drop", "weak/q1": "drop"}, 0)


def test_a_run_that_broke_leaves_out_its_own_datapoints_alone(folder):
    strict = next(one for one in candidates.load(folder) if one.item_id == "q4")
    index = blocks.load(folder).counts.index

    def left(klass):
        one = candidates.Candidate(*[klass if name == "klass" else getattr(strict, name)
                                     for name in strict.__struct_fields__])
        return audit_counts.affected(index, audit_counts.Final(one, "confirmed", "drop", ()))

    assert (left("harness"), left("damaged_item")) == (["strong/q4"], ["strong/q4", "weak/q4"])


def test_equal_rates_share_a_rank():
    assert given.ranks({"a": 0.5, "b": 0.75, "c": 0.5, "d": 0.1}) == {
        "a": 2, "b": 1, "c": 2, "d": 4}


def test_a_reading_of_what_is_not_there_any_more_counts_nowhere(run_script, folder):
    faults(run_script, folder)
    assert run_script("audit_benchmark.py", folder).returncode == 0  # finds what is really there
    values, block = written(run_script, folder)
    assert "Readings that count nowhere: 3 of candidates that are not there any more." in block
    assert values == {} and below(folder) == []
    assert not (folder / "benchmark_issues.md").exists()


def test_a_datapoint_that_reads_otherwise_is_said_and_is_a_finding(run_script, folder):
    faults(run_script, folder)
    written(run_script, folder)
    rows = folder / "failure_review_rows.jsonl"
    rows.write_text(rows.read_text("utf-8").replace("It makes 8 in all", "It makes 88 in all"),
                    encoding="utf-8")
    examined = blocks.load(folder).examined
    assert [(void.verdict, void.reading.datapoint_id) for void in examined.void] == [
        ("changed_row", "weak/q2")]
    assert ("changed_row", "weak/q2") in below(folder)


def edited(folder, change):
    """Changes the recorded readings as somebody with an editor would."""
    path = folder / "audit_readings.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    change(lines)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


@pytest.mark.parametrize("change", [{"quote": "It makes 5 in all"}, {"holds": "fail"},
                                    {"answer": "declined"}, {"row": None}, {"id": "0"}])
def test_a_line_that_somebody_edited_is_a_finding_and_counts_nowhere(run_script, folder, change):
    faults(run_script, folder)
    written(run_script, folder)
    edited(folder, lambda lines: lines[0].update(change))
    found = below(folder)
    if "id" in change:  # of no candidate, so said in the block; the facts are of three
        assert ("wrong_fact", "review/audit_confirmed") in found
    else:
        assert found[0][0] == "edited_reading" and ("wrong_file", "benchmark_issues.md") in found
    done = run_script("check_report.py", folder)
    assert done.returncode == 1 and "edited_block: verdicts" in done.stdout


def test_a_quote_that_is_not_there_is_found_whoever_made_the_id(run_script, folder):
    faults(run_script, folder)

    def forge(lines):
        entry = {**lines[0], "quote": "It makes 5 in all"}
        keys = {name: entry[name] for name in audit_readings._KEYS}
        lines[0] = {**entry, "reading_id": audit_readings._reading_id(keys, entry["row"])}

    edited(folder, forge)
    assert written(run_script, folder)[0]["confirmed"] == 2
    assert below(folder) == [("fabricated_quote", "weak/q1")]


def test_a_damaged_ledger_is_refused_with_its_line(run_script, folder):
    faults(run_script, folder)
    with open(folder / "audit_readings.jsonl", "a", encoding="utf-8") as file:
        file.write('{"id": "x"}\n')
    for script in ("write_report.py", "check_report.py"):
        done = run_script(script, folder)
        assert done.returncode == 1
        assert "audit_readings.jsonl:4: not a reading of a candidate (" in done.stderr
        assert "audit_benchmark.py --readings, never by hand" in done.stderr
    done = run_script("build_packet.py", "--input", folder.parent / "strong.jsonl", "--mapping",
                      folder.parent / "map.yaml", "--output-dir", folder)
    assert done.returncode == 1 and "audit_readings.jsonl:4" in done.stderr


def test_readings_are_work_that_is_not_built_over(run_script, folder):
    faults(run_script, folder)
    other = folder.parent / "other.jsonl"
    other.write_text((folder.parent / "weak.jsonl").read_text("utf-8").replace("q1", "q9"),
                     encoding="utf-8")
    build = ("build_packet.py", "--input", other, "--mapping", folder.parent / "map.yaml",
             "--output-dir", folder)
    done = run_script(*build)
    assert done.returncode == 1 and "the analysis of sums with 3 audit readings" in done.stderr
    assert run_script(*build, "--force").returncode == 0
    [aside] = folder.glob("earlier-sums-*")
    assert (aside / "audit_readings.jsonl").exists()
    assert not (folder / "audit_readings.jsonl").exists()


def test_the_issues_can_be_filed_as_they_stand(run_script, folder):
    faults(run_script, folder)
    written(run_script, folder)
    text = (folder / "benchmark_issues.md").read_text("utf-8")
    assert text.startswith("# Issues of the benchmark `sums`\n\n3 of its items, each with a fault ")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Item `q1`", "## Item `q3`", "## Item `q2`"]
    one = text.split("## Item `q2`")[1]
    assert ", in runs `strong`, `weak`.\n" in one
    assert "### `damaged_item`: the item contradicts itself, or its gold is damaged\n" in one
    assert "**What is wrong:** Planted in 2 datapoints. (rule `planted`, candidate `" in one
    assert "failed (`strong/q2`, `weak/q2`):\n\n```text data-" in one
    assert "gold of q2\n[end of data-" in one
    assert f"**Confirmed** by `second` (agent): {WHY}. In `weak/q2` stands:\n\n```text data-" in one
    assert "\nIt makes 8 in all\n[end of data-" in one
    assert "the datapoints say nothing, and are left out.\n\n" in one
    assert "| `strong` | 1 | 0 | 1 |\n| `weak` | 1 | 0 | 1 |\n" in one
    assert one.endswith("**What would mend it:** Correct the gold or the question, or take the "
                        "item out.\n")
    assert "| `strong` | 1 | 0 | 0 |\n| `weak` | 1 | 0 | 1 |\n" in text.split("## Item `q3`")[0]
    path = folder / "benchmark_issues.md"
    path.write_text(text.replace("damaged", "sound"), encoding="utf-8")
    assert ("wrong_file", "benchmark_issues.md") in below(folder)
    assert "changed_file: benchmark_issues.md: changed since it was written" in \
        run_script("check_report.py", folder).stdout


def test_somebody_elses_issues_are_not_written_over(run_script, folder):
    (folder / "benchmark_issues.md").write_text("mine\n", encoding="utf-8")
    faults(run_script, folder)
    done = run_script("write_report.py", folder)
    assert done.returncode == 1 and "benchmark_issues.md stands there" in done.stderr
    assert (folder / "benchmark_issues.md").read_text("utf-8") == "mine\n"


def test_nothing_confirmed_leaves_no_issues(run_script, folder):
    faults(run_script, folder)
    written(run_script, folder)
    read(run_script, folder, *(said(folder, item, "declined", by=by) for item, by in (
        ("q1", "weak"), ("q2", "weak"), ("q3", "strong"))))
    values, _ = written(run_script, folder)
    assert (values["confirmed"], values["declined"]) == (0, 3)
    assert not (folder / "benchmark_issues.md").exists() and issues.page(blocks.load(folder)) == ""
    assert below(folder) == [] and not [found for found in check.check(folder).findings
                                        if found.verdict == "changed_file"]


def test_without_an_audit_the_block_says_how_to_make_one(run_script, folder):
    done = run_script("build_packet.py", "--input", folder.parent / "strong.jsonl",
                      folder.parent / "weak.jsonl", "--mapping", folder.parent / "map.yaml",
                      "--output-dir", folder)
    assert done.returncode == 0, done.stderr
    for script in ("cluster_failures.py", "compare_models.py"):
        assert run_script(script, folder).returncode == 0
    _, block = written(run_script, folder)
    assert block.startswith("Nobody has examined the verdicts: `audit_benchmark.py ANALYSIS_DIR`")


def test_the_audit_is_made_again_from_the_runs(run_script, folder):
    assert {found.text for found in foundation.rerun(folder)} == {
        "audit.csv", "audit.jsonl", "audit.md", "facts.json"}  # nothing of what is planted
    assert run_script("audit_benchmark.py", folder).returncode == 0
    assert list(foundation.rerun(folder)) == []


def test_a_damaged_candidate_is_refused_with_its_line(folder):
    path = folder / "audit.jsonl"
    first = path.read_text("utf-8").splitlines()[0]
    for bad in ("no", '{"id": 1}', first.replace('"class":"', '"class":"un')):
        path.write_text(f"{first}\n{bad}\n", encoding="utf-8")
        with pytest.raises(files.Refusal, match=r"audit\.jsonl:2: no candidate of .*; run audit"):
            list(candidates.load(folder))


def test_a_report_with_an_audit_is_proved_as_any(run_script, folder):
    faults(run_script, folder)
    written(run_script, folder)
    kinds = {found.verdict for found in check.check(folder).findings}
    assert kinds <= {"todo", "unreviewed_model", "unread_datapoint", "undecided_item"}, kinds
    report = write.path_of(folder)
    report.write_text(report.read_text("utf-8").replace(
        "## Summary\n", "## Summary\n\nWith what was confirmed `strong` passes {{review/audit_pass_"
        "rate_pct/strong}} %; {{review/audit_confirmed of review/audit_read}} candidates that were "
        "read were confirmed.\n", 1), encoding="utf-8")
    written(run_script, folder)
    assert {found.verdict for found in check.check(folder).findings} == kinds


def test_each_class_has_its_words():
    from failure_analysis.audit import page
    from failure_analysis.report import issues

    assert list(page.MEANS) and set(page.MEANS) == set(issues.MENDS) == set(candidates.CLASSES)
