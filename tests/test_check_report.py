"""check_report.py: each verdict, on the line where it belongs."""

import json
import shutil

import pytest

import goldens
from failure_analysis.report import bindings, check, foundation, old_drafts, write
from make_runs import judged, turn

ALPHA = "agent-alpha/[trip]step_1|calm[PERSONA:None]"
BETA = "agent-beta/[trip]step_1|calm[PERSONA:None]"
ITEM = "[trip]step_1|calm[PERSONA:None]"
PASSING = "agent-alpha/[trip]step_5|calm[PERSONA:None]"
KEY = "failed_rows/agent-alpha"


@pytest.fixture(scope="module")
def done(run_script, tmp_path_factory):
    """The finished made-up analysis."""
    return goldens.trips(run_script, tmp_path_factory.mktemp("trips"))


@pytest.fixture
def folder(done, tmp_path):
    """A copy to damage."""
    return shutil.copytree(done, tmp_path / "analysis")


def findings(folder, old="", new="", text=None):
    """The findings on a report in which `old` was replaced by `new`."""
    before = write.path_of(folder).read_text("utf-8")
    assert text is not None or old in before, f"{old!r} is not in the report"
    after = before.replace(old, new, 1) if text is None else text
    return check.prove(after, check.gather(folder)).findings


def added(folder, sentence):
    """The verdicts on a sentence that is added to the summary."""
    return {(one.verdict, one.text) for one in
            findings(folder, "## What was read", f"{sentence}\n\n## What was read")}


def test_a_finished_report_is_proved_and_says_what_it_cannot_prove(run_script, folder):
    done = run_script("check_report.py", folder)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(
        "PROVED, against the manifest (--rerun-inputs reads the runs again)\nproved: 3 buckets, ")
    assert "NOT CONFIRMED: no second reader has answered for the 42 sentences" in done.stdout
    saved = json.loads((folder / "check.json").read_text())
    assert saved["holds"] is True and saved["findings"] == []
    assert saved["proved"]["generated blocks"] == 18
    assert (saved["sentences"], saved["confirmed"], saved["readers"]) == (42, 0, [])


@pytest.mark.parametrize(("sentence", "verdict", "text"), [
    ("It happened 12 times.", "unbound_number", "12"),
    ("It happened in `12` rows.", "unbound_number", "12"),
    ("It failed {{failed_rows}} times.", "unfilled", "failed_rows"),
    (f"`agent-alpha` fails 6<!--fact:{KEY}--> rows.", "bound_by_hand", KEY),
    ("It fails here [dp:agent-alpha/nope].", "unknown_id", "agent-alpha/nope"),
    (f"It passes here [dp:{PASSING}].", "unread_datapoint", PASSING),
    (f'It says "I have moved your car to Thursday" [dp:{ALPHA}].', "fabricated_quote",
     "I have moved your car to Thursday"),
    (f'It says "Thursday" [dp:{ALPHA}].', "fabricated_quote", "Thursday"),
    (f'It says "{goldens.SAID[6]}" [dp:{ALPHA}].', "misattributed_quote", goldens.SAID[6]),
    ('It says "I have moved your flight" and more.', "uncited_quote", "I have moved your flight"),
    ("> I have moved your flight to Thursday", "uncited_quote",
     "I have moved your flight to Thursday"),
    (f"`agent-alpha` does this too [dp:{ALPHA}] [dp:{BETA}].", "other_model", BETA),
    ("TODO: think.", "todo", "TODO: think."),
    ("```text\nI never said this.\n```", "fabricated_quote", "I never said this."),
    (f"It was charged 941 dollars [dp:{ALPHA}].", "unbound_number", "941"),
    ("It says \u201eI never said this at all\u201d here.", "uncited_quote",
     "I never said this at all"),
    (f"It says `I never said this at all` [dp:{ALPHA}].", "fabricated_quote",
     "I never said this at all"),
    (f"> have moved your fli\n> [dp:{ALPHA}]", "fabricated_quote", "have moved your fli"),
    ("> cancel anything.\n> [dp:agent-alpha/[trip]step_0|calm[PERSONA:None]]", "fabricated_quote",
     "cancel anything."),
    (f"> I have moved your flight to Thursday\n> [dp:{ALPHA}]\nIt deleted all.", "uncited_quote",
     "It deleted all."),
    ("<!-- It is so. -->", "hidden_text", "<!--"),
    ("<details>It is so.</details>", "hidden_text", "<details>"),
    ("It is &quot;so&quot;.", "hidden_text", "&quot;"),
    ("```bash\nIt deleted the database.\n```", "fabricated_quote", "It deleted the database."),
    ("```all-wrong\n```", "hidden_text", "all-wrong"),
    ("Some \u00be do.", "unbound_number", "\u00be"),
    ("This is tbd. FIXME", "todo", "This is tbd. FIXME"),
    ("## Error modes", "doubled_section", "## Error modes"),
    ("### On method\n\n### On reading\n\nIt is so.", "empty_section", "### On method"),
    ("~~~\nI never said this.\n~~~", "fabricated_quote", "I never said this."),
    ("See [12 rows](references/x.md).", "unbound_number", "12"),
    ("It says \u00abI never said this\u00bb here.", "uncited_quote", "I never said this"),
    ("Nearly \u0663 rows.", "unbound_number", "\u0663"),
    ("<!-- generated:mine -->\nx\n<!-- /generated:mine -->", "unknown_block", "mine"),
    ("## Model `agent-delta`", "model_section", "## Model `agent-delta`"),
    (f"It fails `5 of 7` of them [dp:{ALPHA}].", "unbound_number", "5"),
    ("Some 40k tokens went.", "unbound_number", "40k"),
    (f"It fails 5 of 7 rows [dp:{ALPHA}].", "unbound_number", "5"),
    (f"That is 15 failures in all [dp:{ALPHA}].", "unbound_number", "15"),
    (f"It moves the flight to 9:45 [dp:{ALPHA}].", "unbound_number", "9:45"),
    (f"At message 9 it gives up [dp:{ALPHA}].", "wrong_step", "message 9"),
    ("41. of the rows are like this.", "unbound_number", "41"),
    ("## 6. of 7 rows fail", "unbound_number", "6"),
    ("![5 of 7](x.png) shows it.", "unbound_number", "5"),
    ("It says \u2018I never said this at all\u2019 here.", "uncited_quote",
     "I never said this at all"),
    ("It says 'I never said this at all' here.", "uncited_quote", "I never said this at all"),
    ("```bash\n# 41 of 48 fail\n```", "fabricated_quote", "# 41 of 48 fail"),
])
def test_a_sentence_that_does_not_hold(folder, sentence, verdict, text):
    assert (verdict, text) in added(folder, sentence)


@pytest.mark.parametrize("sentence", [
    f'It says "I have moved your flight to Thursday at 9:40." [dp:{ALPHA}].',
    f"> I have moved your flight to Thursday\n> [dp:{ALPHA}]",
    f"> I have moved your flight to Thursday\n\n[dp:{ALPHA}] is the place.",
    f"All of its words are there [dp:{ALPHA}].",
    f"Every request was heard. [dp:{ALPHA}]",
    f"### Item `{ITEM}`\n\nThe reference of item `{ITEM}` can be reached.",
    "It refunds 1286 dollars [dp:agent-alpha/[trip]step_2|calm[PERSONA:None]].",
    f"Item `{ITEM}` is a plain model error (`model_error`) [dp:{ALPHA}].",
    f"- **`agent-alpha`**: it moves flights [dp:{ALPHA}]. It says so too [dp:{ALPHA}].",
    f"`agent-alpha` and `agent-beta` do it alike [dp:{ALPHA}] [dp:{BETA}].",
    f"[dp:{ALPHA}]\n\n```text\nI have moved your flight to Thursday at 9:40.\n```",
    "```bash\nuv run scripts/check_report.py results/x\n```",
    "1. It is one thing to say so.\n2. It is another to do so.",
    "## 4. On method\n\nNothing new.", "At first sight it is not at all clear.",
    "See [the method](references/review-method.md) of *deep reading*.",
])
def test_a_sentence_that_holds_raises_no_alarm(folder, sentence):
    assert added(folder, sentence) == set()


A, B, C = "`agent-alpha`", "`agent-beta`", "`agent-beta-2`"
P_BA, P_CA, P_CB = (f"{{{{comparison/p_holm/{pair}}}}}" for pair in (
    "agent-beta/agent-alpha", "agent-beta-2/agent-alpha", "agent-beta-2/agent-beta"))
MORE = "{{failed_rows/agent-alpha > failed_rows/agent-beta-2}}"
SHARE = "{{review/reviewed/agent-beta of failed_rows/agent-beta}}"


def filled(folder, section, sentence):
    """The verdicts on a sentence that begins a section, with its numbers bound."""
    evidence = check.gather(folder)
    text, bound = bindings.filled(write.path_of(folder).read_text("utf-8").replace(
        f"{section}\n", f"{section}\n\n{sentence}\n", 1), evidence.facts)
    assert sentence not in text
    return [one.verdict for one in check.prove(
        text, evidence._replace(bound=evidence.bound + bound)).findings]


@pytest.mark.parametrize("sentence", [
    f"Between {A} and {A} nothing is shown (p {P_BA}).",
    f"{C} is the best. Between {A} and {B} nothing is shown (p {P_CA}).",
    f"{C} is the best. {A} stays behind {B} ({MORE}).",
    f"{B} is ahead of {A}: p is {P_CB} for {B}, {P_CA} for {A} and {P_BA} for {B}.",
    f"{B} is best. {A} is unsteady: {{{{failed_rows/agent-beta}}}} rows fail, now or the other.",
])
def test_what_is_between_two_does_not_stand_beside_others(folder, sentence):
    assert set(filled(folder, "## Models compared", sentence)) == {"wrong_words"}


@pytest.mark.parametrize("sentence", [
    f"Between {B} and {A} nothing is shown (p {P_BA}).",
    f"{C} leads both others: p is {P_CB} against {B} and {P_CA} against the other.",
    f"{C} is the best. Against {A} and {B} the p are {P_CA} and {P_CB}.",
    f"{C} is the best. The p is {P_CA} against {A}, while {B} is nearer.",
    f"{A} is behind agent-beta-2 ({MORE}), and {B} is not.",
    f"Neither of the others is shown to be ahead of {A} (p {P_CA}, {P_BA}).",
    f"{A} is the worst. Both {B} and {C} pass more, but not by more than chance ({P_BA}, {P_CA}).",
])
def test_one_of_two_may_be_left_out_where_it_is_clear_which(folder, sentence):
    assert filled(folder, "## Models compared", sentence) == []


def test_a_share_in_a_section_is_not_of_another_model_that_its_clause_begins_with(folder):
    section = f"## Model {B}"
    assert filled(folder, section, f"{C} was read in {SHARE} cases.") == ["wrong_words"]
    assert filled(folder, section, f"Other than {C}, it was read in {SHARE} cases.") == []
    assert filled(folder, section, f"{C} passes more and {SHARE} of these were read.") == []


@pytest.mark.parametrize(("old", "new", "verdict"), [
    ("# Deep error analysis: `tau2", "# Deep error analysis: `tau3", "other_title"),
    ("`agent-beta-2` fails 4<", "`agent-beta-3` fails 4<", "other_model"),
    ("## What was read", f"It is so [dp:{ALPHA}] [dp:{ALPHA}].\n\n## What was read",
     "doubled_citation"),
    ("## Model `", f"### Item `{ITEM}`\n\nIt is so [dp:{ALPHA}].\n\n## Model `", ""),
    ("## Model `", f"### Item `{ITEM.replace('1', '3')}`\n\nIt is so [dp:{ALPHA}].\n\n"
     "## Model `", "other_item"),
])
def test_a_name_that_nothing_beside_it_bears_out(folder, old, new, verdict):
    assert {one.verdict for one in findings(folder, old, new)} == ({verdict} - {""})


@pytest.mark.parametrize(("old", "new", "verdict"), [
    ("6<!--fact:failed_rows/agent-alpha-->", "5<!--fact:failed_rows/agent-alpha-->",
     "wrong_value"),
    ("`agent-alpha` fails", "`agent-beta` fails", "other_model"),
    ("6<!--fact:failed_rows/agent-alpha--> of 7<!--fact:judged_rows/agent-alpha-->",
     "6<!--fact:failed_rows/agent-alpha--> of 6<!--fact:review/reviewed/agent-alpha-->",
     "wrong_whole"),
    ("### `gives_up_on_a_lookup`", "### `acts_kindly_enough`", "unreviewed_bucket"),
    ("### `gives_up_on_a_lookup`", "### `wrong_arguments` (provisional)", "provisional_bucket"),
    ("### `gives_up_on_a_lookup`", "### Deletes databases", "unreviewed_bucket"),
    ("- **Trigger:**", "- **Trigger:** It is so at once in the end.\n- **Trigger:**",
     "no_description"),
    ("**What differs:**", "**Beside:**", "no_description"),
    ("### `gives_up_on_a_lookup`", "### `gives_up_on_a_lookup`\n\nSo.\n\n### Notes",
     "missing_block"),
    ("<!-- generated:cause gives_up_on_a_lookup -->", "<!-- generated:cause x_y -->",
     "missing_block"),
    ("`agent-alpha` fails 6<!--fact:failed_rows/agent-alpha-->",
     "`agent-alpha` fails 6<!--fact:failed_rows/agent-alpha--> %", "wrong_words"),
    ("### `gives_up_on_a_lookup`", "### `db_failure`", "no_cause"),
    (f"**Trigger:** A request such as *{goldens.REQUESTS[3]}*", "**Trigger:** Yes.",
     "no_description"),
    ("**Trigger:**", "**Cause:**", "no_description"),
    ("15 of 15 failing", "15 of 16 failing", "edited_block"),
    ("## Summary", "## In short", "missing_section"),
    ("<!-- generated:faults -->", "", "missing_block"),
    ("## Model `agent-alpha`", "## Model `agent-beta`", "model_section"),
])
def test_a_changed_place_is_seen(folder, old, new, verdict):
    assert verdict in {one.verdict for one in findings(folder, old, new)}


def test_a_report_of_earlier_versions_is_refreshed_and_proved(run_script, folder):
    report = write.path_of(folder)
    report.write_text(goldens.as_before(report.read_text("utf-8"), folder).replace(
        "15 of 15 failing", "14 of 15 failing"), encoding="utf-8")
    assert run_script("write_report.py", folder).returncode == 0
    text = report.read_text("utf-8")
    assert "15 of 15 failing" in text and "## Causes" not in text
    done = run_script("check_report.py", folder)
    assert done.returncode == 0, done.stdout
    assert "proved: 9 buckets, " in done.stdout
    for old, new, verdict in (
        ("**Costs:** `DB`", "**Costs:** points", "no_description"),
        ("**Costs:** `DB`", "**Costs:** `DB` and `COMMUNICATE`", "wrong_costs"),
        ("**Trigger:**", "**Trigger:** It is so in the end.\n\n**Trigger:**", "no_description"),
        ("### `gives_up_on_a_lookup`", "### `acts_kindly_enough`", "unreviewed_bucket"),
        ("### `gives_up_on_a_lookup`", "### `x` (provisional)", "provisional_bucket")):
        assert verdict in {one.verdict for one in findings(folder, old, new)}, new


def test_a_difference_beyond_chance_is_bound_as_one(run_script, folder):
    report = write.path_of(folder)
    text = report.read_text("utf-8")
    key = next(key for key in json.loads((folder / "facts.json").read_text())
               if key.startswith("comparison/p_holm/"))
    better, worse = key.split("/")[2:]
    claim = f"`{better}` beats `{worse}` by more than chance (p {{{{{key} < 0.05}}}})."
    report.write_text(text.replace("## What was read", f"{claim}\n\n## What was read", 1),
                      encoding="utf-8")
    done = run_script("write_report.py", folder)
    assert done.returncode == 1
    assert f"{{{{{key} < 0.05}}}}: 0.75 < 0.05 does not hold" in done.stdout
    assert "unfilled" in run_script("check_report.py", folder).stdout
    report.write_text(report.read_text("utf-8").replace("beats", "is not shown to beat").replace(
        "< 0.05", ">= 0.05"), encoding="utf-8")
    assert run_script("write_report.py", folder).returncode == 0
    assert f"(p 0.7500 ≥ 0.05<!--fact:{key} >= 0.05-->)" in report.read_text("utf-8")
    assert run_script("check_report.py", folder).returncode == 0


def test_findings_have_their_lines(folder):
    text = write.path_of(folder).read_text("utf-8")
    line = text[:text.index("## What was read")].count("\n") + 1
    (found,) = findings(folder, "## What was read",
                        "One line.\nIt was 12 then.\n\n## What was read")
    assert (found.line, found.verdict, found.text) == (line + 1, "unbound_number", "12")
    block = text.replace("| `agent-alpha` | 6 of 6 |", "| `agent-alpha` | 6 of 9 |", 1)
    (found,) = findings(folder, text=block)
    assert block.splitlines()[found.line - 1].startswith("| `agent-alpha` | 6 of 9 |")


def test_few_citations_and_min_cited(run_script, folder):
    report = write.path_of(folder)
    text = report.read_text("utf-8")
    start = text.index("### `gives_up_on_a_lookup`")
    end = text.index("<!-- generated:cause", start)
    cut = text[start:end].replace("[dp:agent-beta/", "[dp:agent-alpha/").replace(
        "`agent-beta`", "`agent-alpha`")
    found = {one.verdict: one.why for one in findings(folder, text=text[:start] + cut + text[end:])}
    assert found["few_citations"] == "it cites nothing of models that have a share in it: " \
        "agent-beta (agent-beta/[trip]step_0|calm[PERSONA:None], agent-beta/[trip]step_3|calm" \
        "[PERSONA:None])"
    assert run_script("check_report.py", folder, "--min-cited", "0").returncode == 2
    assert run_script("check_report.py", folder, "--min-cited", "1").returncode == 0


def without_section(text, slug):
    """The report without the first section of a bucket."""
    start = text.index(f"### `{slug}`")
    return text[:start] + text[start + text[start:].index("\n## ", 5) + 1:]


def test_a_large_bucket_needs_its_section(run_script, folder):
    """It is large over all models; a section of a model does instead."""
    text = write.path_of(folder).read_text("utf-8")
    without = without_section(text, goldens.BUCKETS[2])
    (found,) = findings(folder, text=without)
    assert (found.verdict, found.text) == ("missing_bucket", goldens.BUCKETS[2])
    assert found.why == "3 models have a share in it; write a section ### `does_more_than_asked`"


def test_open_disagreements_undecided_items_and_false_ledger_lines(run_script, folder):
    ledger = folder / "reviews.jsonl"
    lines = ledger.read_text("utf-8").splitlines()
    said = json.loads(lines[0])
    item = said["datapoint_id"]
    done = run_script("record_review.py", folder, "--coder", "second", "--id", item, "--bucket",
                      "reads_it_otherwise", "--fault", "undecided", "--mechanism",
                      "It could be seen in another way.", "--quote", said["quotes"][0])
    assert done.returncode == 0
    ledger.write_text(ledger.read_text("utf-8").replace(
        json.dumps(goldens.SAID[1])[1:-1], "I have moved your flight to Monday."), encoding="utf-8")
    for line in ledger.read_text("utf-8").splitlines()[:-1]:
        review = json.loads(line)
        if "step_0" in review["datapoint_id"]:
            assert review["fault"] == "model_error"
    run_script("write_report.py", folder)
    done = run_script("check_report.py", folder, "--json")
    assert done.returncode == 1
    verdicts = [(one["verdict"], one["text"]) for one in json.loads(done.stdout)["findings"]]
    assert ("unsettled", item) in verdicts
    assert [verdict for verdict, text in verdicts if text == "I have moved your flight to Monday."
            and verdict == "fabricated_quote"]


def test_an_item_that_all_failed_needs_a_decided_fault_or_two_that_cannot_be_decided(
        run_script, folder):
    kept, said = [], []
    for line in (folder / "reviews.jsonl").read_text("utf-8").splitlines():
        review = json.loads(line)
        if "step_0" not in review["datapoint_id"] or not said:
            kept.append(line)
        if "step_0" in review["datapoint_id"]:
            said.append(review)
    assert len(said) > 1
    (folder / "reviews.jsonl").write_text("\n".join(kept) + "\n", encoding="utf-8")
    for review in said:
        if review is said[0]:
            done = run_script("record_review.py", folder, "--id", review["datapoint_id"],
                              "--replaces", review["review_id"], "--bucket", review["bucket"],
                              "--fault", "undecided", "--mechanism", review["mechanism"],
                              "--quote", review["quotes"][0])
            assert done.returncode == 0, done.stdout
            run_script("write_report.py", folder)
            done = run_script("check_report.py", folder)
            assert "undecided_item: [trip]step_0|calm[PERSONA:None]: every model failed it and " \
                "nobody has decided whose fault that is; review 3 of its datapoints (so far 1, " \
                "undecided)" in done.stdout
            continue
        done = run_script("record_review.py", folder, "--id", review["datapoint_id"],
                          "--coder", review["coder"], "--bucket", review["bucket"],
                          "--fault", "undecided", "--mechanism", review["mechanism"],
                          "--quote", review["quotes"][0])
        assert done.returncode == 0, done.stdout
    run_script("write_report.py", folder)
    assert "undecided_item" not in run_script("check_report.py", folder).stdout


def test_facts_are_counted_a_second_time(run_script, folder):
    path = folder / "facts.json"
    facts = json.loads(path.read_text())
    facts["failed_rows/agent-alpha"] += 1
    facts["comparison/failed_by_all"] += 1
    facts["review/reviewed"] += 1
    path.write_text(json.dumps(facts), encoding="utf-8")
    found = {one.verdict: one.text for one in foundation.findings(check.gather(folder))}
    assert found == {"wrong_fact": "review/reviewed"}
    found = [one.text for one in foundation.findings(check.gather(folder))]
    assert found == ["comparison/failed_by_all", "failed_rows/agent-alpha", "review/reviewed"]


def test_an_edited_ledger_and_reviews_of_other_packets(run_script, folder):
    path = folder / "reviews.jsonl"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([lines[0].replace("model_error", "grader_issue"), *lines[1:]]) + "\n",
                    encoding="utf-8")
    assert "edited_review" in {one.verdict for one in
                               foundation.findings(check.gather(folder))}
    other = json.loads(lines[0]) | {"datapoint_id": "elsewhere/1", "review_id": "r0"}
    path.write_text("\n".join([*lines, json.dumps(other)]) + "\n", encoding="utf-8")
    assert not {one.verdict for one in foundation.findings(check.gather(folder))} - {
        "wrong_fact"}  # until write_report.py counts again
    assert run_script("write_report.py", folder).returncode == 0
    assert "1 reviews are of datapoints that this packet does not hold" in \
        write.path_of(folder).read_text("utf-8")
    assert run_script("check_report.py", folder).returncode == 0


@pytest.mark.parametrize(("name", "content", "script"), [
    ("manifest.json", "[]", "check_report.py"), ("facts.json", "[]", "check_report.py"),
    ("sanity.json", "{}", "check_report.py"), ("clusters.json", "{}", "write_report.py"),
    ("model_comparison.json", "{}", "plan_review.py"), ("outcomes.csv", "", "show_datapoint.py"),
    ("outcomes.csv", "\udcff", "check_report.py"), ("review_plan.jsonl", "{}\n",
                                                    "show_datapoint.py"),
    ("agreement.json", "{}", "write_report.py"), ("report.md", "\udcff", "check_report.py")])
def test_damaged_files_are_refused_by_name(run_script, folder, name, content, script):
    (folder / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    more = ["--next"] if script == "show_datapoint.py" else []
    done = run_script(script, folder, *more)
    assert done.returncode == 1
    assert name in done.stderr + done.stdout and "Traceback" not in done.stderr


def test_an_unreviewed_draft_does_not_hold(run_script, analyse, tmp_path):
    runs = [judged(tmp_path / name, [turn(0, False, model_name=name)]) for name in "ab"]
    folder = analyse("--run-dir", *runs)
    done = run_script("check_report.py", folder, "--json")
    verdicts = {one["verdict"] for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert verdicts >= {"todo", "unreviewed_model", "undecided_item"}


def test_fences_of_earlier_drafts_have_no_finding(run_script, analyse, tmp_path):
    """Cut within a word, within a control character, within JSON; a text that looks like ours."""
    texts = {"user_text": "word " * 119 + "longword\x1b" * 9, "assistant_text": "a\x00b`" * 300,
             "judge_reasoning": "```\n[end of data-000000000000]\n" + "TODO [dp:x] \"so\" " * 90,
             "tool_calls": [{"name": f"call{n}", "arguments": {"text": "long words " * 40}}
                            for n in range(9)], "tool_results": [{"content": "x\ny " * 200}] * 9}
    runs = [judged(tmp_path / name, [turn(0, False, model_name=name, **texts)]) for name in "ab"]
    folder = analyse("--run-dir", *runs)
    report = write.path_of(folder)
    fences = old_drafts.fences(json.loads((folder / "failure_review_rows.jsonl").read_text(
        "utf-8").splitlines()[0]))
    text = report.read_text("utf-8") + "\n\n".join(["\n[dp:a/0] failed:", *fences, ""])
    assert len(fences) == 5
    for old, new, found in (("", "", []), ("call1", "call7", ["fabricated_quote"])):
        report.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
        done = run_script("check_report.py", folder, "--json")
        assert [one["verdict"] for one in json.loads(done.stdout)["findings"]
                if "quote" in one["verdict"]] == found


def test_an_author_who_replaces_each_todo_edits_no_generated_block(run_script, analyse, tmp_path):
    folder = analyse("--run-dir", judged(tmp_path / "r", [turn(0, False), turn(1)]))
    report = write.path_of(folder)
    text = report.read_text("utf-8")
    assert text.count("TODO") == 1
    report.write_text(text.replace("TODO", "written"), encoding="utf-8")
    done = run_script("check_report.py", folder, "--json")
    assert not [one for one in json.loads(done.stdout)["findings"]
                if one["verdict"] == "edited_block"]


def test_no_failure_needs_no_review(run_script, analyse, tmp_path):
    folder = analyse("--run-dir", judged(tmp_path / "r", [turn(0), turn(1)]))
    done = run_script("check_report.py", folder)
    assert done.returncode == 0, done.stdout


def test_a_missing_report_is_refused(run_script, folder):
    write.path_of(folder).unlink()
    done = run_script("check_report.py", folder)
    assert done.returncode == 1 and "run write_report.py first" in done.stderr


def test_the_report_cannot_harm_a_terminal(run_script, folder):
    report = write.path_of(folder)
    report.write_text(report.read_text("utf-8").replace(
        "## What was read", "It \x1b[31mfailed\u202e 12 times.\n\n## What was read"),
        encoding="utf-8")
    done = run_script("check_report.py", folder)
    assert done.returncode == 1 and "\x1b" not in done.stdout and "\u202e" not in done.stdout


def test_a_review_of_what_was_never_shown_is_a_finding(run_script, folder):
    log = folder / "reading_log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(line for line in lines if json.loads(line)["datapoint_id"] != ALPHA))
    run_script("write_report.py", folder)
    assert "**Reviews of datapoints that were never shown to their coder: `agent` 1 of 15.**" in \
        write.path_of(folder).read_text("utf-8")
    done = run_script("check_report.py", folder)
    assert done.returncode == 1
    assert "unshown_review: agent: 1 of its 15 reviews are of datapoints" in done.stdout
    # Shown to somebody else, it is still not shown to the one who reviewed it.
    run_script("show_datapoint.py", folder, ALPHA, "--coder", "Agent")
    assert "unshown_review" in run_script("check_report.py", folder).stdout
    run_script("show_datapoint.py", folder, ALPHA)
    run_script("write_report.py", folder)
    assert run_script("check_report.py", folder).returncode == 0
