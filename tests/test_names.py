"""Names of runs, whatever they are: each goes through stage 1, record, write and check, nothing
raises, no row is lost, and what our own scripts write never breaks our own check."""

import json
import re
import shlex
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failure_analysis import clean, facts
from failure_analysis.comparison import write as compare
from failure_analysis.markdown import code
from failure_analysis.packet import build, heuristics
from failure_analysis.packet import rows as packet_rows
from failure_analysis.reading import detect
from failure_analysis.report import check, claims, meaning, prose, write
from failure_analysis.review import ledger, parts, picks, plan_files, reading_log, show, timeline
from failure_analysis.review import view as views
from failure_analysis.spread import Engine
from make_runs import judged, turn

NASTY = ["7", "12", "the", "all", "rows", "judged", "model", "reviewed", "no",
         "none named", "Costs", "{{rows}}", "{{failed_rows}}", "{{rows_read}} {{nothing}}",
         "<!--fact:x-->", "5<!--fact:rows_read-->", "<!-- generated:status -->", "-->", "](x)", "[",
         "]", "a]b[c",         "[dp:r/0]", "a|b", "a\\|b", "#", "## Model `x`", "=cmd()",
         "..", "a/b", "a", "b", "con",
         "e\u0301", "\u00e9", "Claude Opus 4.6 thinking high", "claude opus 4.6 thinking high", "`",
         "```", "a``b", "~~~", "\ud800", "\udfff\ud83d", "\u202eSSAP", "\ufe0f" * 378, "a\ufe0f",
         "a\u200d", "\U000e0041", "\U0001f600", "x" * 300, "x y " * 75, "a  b", "a b", " a", "a\n",
         "\n", " ", "\t", "\x00", "\x1b[2J", "\x85", "\u2028", "a;b", ";", '"', '"twelve rows"',
         "'", "'=1", "\\", "\\`", "\\u202e", "&lt;", "&#8203;", "<b>", "*", "_x_", "$x$", "TODO",
         "two of three", "50 %", "\u0663", "\u00bd", "model_error", "mixed", "GPT-4, or 5", "null",
         "review", "~", "@1", "a@1", "$(touch x)", "http://x.y/z", "1. x", "- x", "> x"]
NAMES = st.one_of(st.sampled_from(NASTY),
                  st.text(st.characters(codec=None), min_size=1, max_size=12),
                  st.text(st.sampled_from("a1 `{}<>-![]()|\\\"*_#&;.,:/@~\u202e\ufe0f\ud800"),
                          min_size=1, max_size=12))
# What a report may lack because its author has not written it yet.
UNWRITTEN = {"todo", "provisional_bucket", "unreviewed_bucket", "unread_datapoint",
             "unreviewed_model", "undecided_item", "few_citations", "no_description",
             "missing_bucket", "model_section",             "no_cause"}


def stage_1(folder, runs):
    """All of stage 1 over judged runs (folder name -> rows); returns the analysis folder."""
    out = folder / "out"
    paths = [judged(folder / f"run{place}", rows) for place, rows in enumerate(runs)]
    counts = build.build(detect.from_run_dirs(paths, "b"), out, Engine(1), {
        "run_dir": [path.as_posix() for path in paths], "comparison_dir": None, "input": [],
        "mapping": None, "mapping_sha256": None, "benchmark": "b", "labels": {}})
    assert counts["rows_read"] == sum(map(len, runs))
    assert counts["rows_read"] == sum(counts[kind] for kind in (
        "pass", "fail", "unjudged", "rejected"))
    heuristics.label(out, heuristics.DEFAULT_RULES)
    compare.write(out)
    write.write(out, out / "r.md", False)
    return out


def findings(out):
    return [(one.verdict, one.text, one.why, one.line) for one in check.check(out).findings]


def not_of_its_author(out):
    """What the check finds in a draft that is not for its author to write."""
    return [one for one in findings(out) if one[0] not in UNWRITTEN
            and not one[2].endswith("cites no datapoint that shows it")]


@pytest.fixture(autouse=True)
def no_figure(monkeypatch):
    """Drawing takes most of the time, and has its own test."""
    monkeypatch.setattr(compare.figure, "draw", lambda path, *_: path.write_bytes(b""))


def recorded(out, mechanism):
    """Reviews every failing datapoint, in two buckets, quoting its answer."""
    index = packet_rows.load(out)
    plan_files.write(out, picks.Options(everything=True))
    entries = []
    for place, ident in enumerate(index.places):
        row = packet_rows.row(index, ident)
        if row["outcome"] == "fail":
            view = views.view(row, timeline.timeline(row), views.Asked())
            shown = show.text(index, row, view, "agent", None, {})
            assert clean.visible(shown) == shown
            reading_log.log(out, "agent", ident, parts.parts(row), views.spans(view))
            answer = next(part.text for part in parts.parts(row) if part.name == "answer")
            entries.append({"id": ident, "bucket": ("says_any_room", "says_no_day")[place % 3 == 2],
                            "fault": ledger.FAULTS[place % 4],
                            "mechanism": f"It says so whatever is asked: {mechanism}",
                            "quote": answer})
    verdicts = ledger.append(index, entries)
    assert all(verdict.review for verdict in verdicts), verdicts
    return len(entries)


def authored(text, models):
    """A draft whose every TODO an author has written, naming models and datapoints as it does."""
    lines, ids, is_cause = [], [], False
    for line in reversed(text.split("\n")):
        if line.startswith("<!-- /generated:cause "):
            ids, is_cause = [], True
        elif line.startswith("<!-- generated:cause "):
            is_cause = False
        elif is_cause:
            ids.append([token.source for token in prose.inline(line) if token.kind == prose.CITE])
        elif line.startswith("- **What goes wrong:** TODO"):
            line = "- **What goes wrong:** It answers something else than what was asked. " \
                + " ".join(mine for its in ids for mine in its)
        elif line.startswith("- **Trigger:** TODO"):
            line = f"- **Trigger:** A question that leaves the day open. {ids[-1][0]}"
        elif line.startswith("- **What differs:** TODO"):
            line = f"- **What differs:** Only the words of the answer do. {ids[-1][0]}"
        elif line.startswith("TODO: "):
            line = "\n".join(
                f"- {code(name)} fails {{{{failed_rows/{facts.key(name)}}}}} of "
                f"{{{{judged_rows/{facts.key(name)}}}}} judged rows, and "
                f"{{{{review/reviewed/{facts.key(name)}}}}} were reviewed." for name in models)
        lines.append(line)
    return "\n".join(reversed(lines))


def through(runs, mechanism="it does not look anything up"):
    """Takes runs through everything; returns the finished report and what its check finds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = stage_1(folder, runs)
        assert not_of_its_author(out) == []
        reviewed = recorded(out, mechanism)
        assert write.write(out, out / "r.md", False).problems == []
        assert not_of_its_author(out) == []
        report = out / "r.md"
        index = packet_rows.load(out)
        models = dict.fromkeys(line.model for line in index.failing())
        report.write_text(authored(report.read_text("utf-8"), models), "utf-8")
        written = write.write(out, report, False)
        assert written.problems == []
        whole = json.loads((out / "sanity.json").read_text())
        assert reviewed == whole["conservation"]["fail"]
        joined = {row["datapoint_id"]: row for row, _ in packet_rows.whole(out)}
        for line in index.failing():
            row = joined[line.datapoint_id]
            assert (row["run_id"], row["model_name"], row["item_id"], row["task"]) == \
                (line.run, line.model, line.item, line.task)
            assert tuple(row["failed_dimensions"]) == line.failed
        for path in out.rglob("*.csv"):
            raw = path.read_text("utf-8")
            assert clean.visible(raw.replace("\r\n", "\n")) == raw.replace("\r\n", "\n"), path
        for path in out.rglob("*.md"):
            raw = path.read_text("utf-8")
            assert clean.visible(raw) == raw, path
        return report.read_text("utf-8"), findings(out)


def runs_of(model, other, items, task, dimension, answer="I guess it is room four."):
    """Two runs over the same items: the first fails all, the second the first of them."""
    return [[{**turn(0), "turn": item, "item_id": item, "model_name": name, "task": task,
              "user_text": f"Question {place}?", "scores": {dimension: not fails, "kb": True},
              "assistant_text": answer}
             for place, item in enumerate(items) for fails in [number == 0 or place == 0]]
            for number, name in enumerate((model, other))]


@pytest.mark.parametrize("start", range(0, len(NASTY), 12))  # each of them: the longer test below
def test_names_of_whatever_kind_hold(start):
    model, task, dimension, item = [*NASTY, *NASTY][start:start + 4]
    items = dict.fromkeys([item, model, f"{task}3", dimension])
    text, found = through(runs_of(model, f"{item}2", items, task, dimension), model)
    assert found == [], text


@pytest.mark.slow
@pytest.mark.parametrize("name", NASTY)
def test_one_name_for_everything_holds(name):
    items = [f"{place}{name}" for place in range(3)]
    text, found = through(runs_of(name, f"{name}2", [name, *items], name, name), name)
    assert found == [], text


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, NAMES, NAMES, NAMES, NAMES, NAMES)
def test_names_drawn_from_everything_hold(model, other, item, task, dimension, mechanism):
    if model == other:
        other += "x"
    text, found = through(runs_of(model, other, dict.fromkeys([item, task, "2", "3"]), task,
                                  dimension), mechanism)
    assert found == [], text


def test_clean_names_are_one_visible_line_and_stay_apart():
    names = {name: clean.clean_name(name) for name in [*NASTY, ""]}
    assert len(set(names.values())) == len(names)
    for name, made in names.items():
        assert made == clean.clean_name(made) == " ".join(clean.visible(made).split())
        assert made == name or made.endswith(f"~{clean.mark(name)}")


def test_hidden_characters_are_spelled_out_and_counted():
    assert clean.visible("a\ufe0fb\u200d!\U000e0041") == r"a\ufe0fb\u200d!\U000e0041"
    assert clean.visible("\ufe0f" * 378) == r"\ufe0f" * 16 + "…(378 hidden characters)"
    line = clean.csv_line(["\u202e=1", {"a\x85": "\U000e0041\ud800"}]).decode()
    assert line == '\\u202e=1,"{""a\\u0085"": ""\\udb40\\udc41\\ud800""}"\r\n'


def test_a_hidden_character_is_seen_wherever_and_in_whatever_it_stands():
    """Short and long texts, plain and not, are looked through in different ways."""
    hidden = re.compile(f"[{clean.HIDDEN}]")
    for char in map(chr, [*range(0x3200), *range(0xd7f0, 0xe010), *range(0xfdf0, 0x10010),
                          *range(0xdfff0, 0xe1010)]):
        for text in (char, "Gärten " + char, "long " * 50 + char, "länger " * 50 + char):
            assert (clean.visible(text) == text) == (not hidden.search(char)), ascii(text[-9:])
    for text, cell in (("a", "a"), ("a\rb", r"a\x0db"), ("a,b", '"a,b"'), ("a\nb", '"a\nb"'),
                       ('a"', '"a"""'), ("=1,2", '"\'=1,2"')):
        assert clean.csv_cell(text) == cell


def test_what_only_looks_like_a_name_is_still_a_finding(tmp_path):
    """A number beside a model called so, a made-up span, a placeholder in backticks."""
    out = stage_1(tmp_path, runs_of("Opus 4.6 thinking high", "7", ["7", "8"], "12", "kb2"))
    said = {(one.verdict, one.text) for one in check.prove(
        "# Notes\n\nIt failed 7 times, `12` rows and `13` rows. It is `Opus 4.6 thinking low`.\n"
        "`{{rows_read}}` rows. It is `Opus 4.6 thinking high` with item `8`, in task `12`.\n",
        check.gather(out)).findings}
    assert {one for one in said if one[0] in ("unbound_number", "fabricated_quote", "unfilled")} \
        == {("unbound_number", "7"), ("unbound_number", "13"),
            ("fabricated_quote", "Opus 4.6 thinking low"), ("unfilled", "{{rows_read}}")}


def test_a_model_called_as_a_dimension_or_a_fault_is_asked_for_where_its_number_is(tmp_path):
    """In a key, a dimension, a bucket, a mode or a class of fault is no model of that name."""
    items = ["1", "2"]
    _, alpha = runs_of("omega", "alpha", items, "t", "kb_use")
    out = stage_1(tmp_path, [*runs_of("model_error", "kb_use", items, "t", "kb_use"), alpha])
    recorded(out, "it does not look anything up")
    assert write.write(out, out / "r.md", False).problems == []
    values = facts.load(out)

    def said(sentence, key):
        sentence = sentence.format(f"{values[key]}<!--fact:{key}-->")
        return {(one.verdict, one.text) for one in check.prove(
            f"# Notes\n\n{sentence}\n", check.gather(out)).findings
            if one.verdict in ("other_model", "wrong_words", "unsupported_claim")}

    assert said("`alpha` failed {} rows on kb use.", "dimension/alpha/kb_use") == set()
    assert said("Of the reviewed, {} of `alpha` are the model's fault.",
                "review/fault/model_error/alpha") == set()
    assert said("`alpha` failed {} rows on kb use.", "dimension/kb_use/kb_use") == {
        ("other_model", "dimension/kb_use/kb_use"),
        ("wrong_words", "1 is dimension/kb_use/kb_use")}


@pytest.mark.parametrize(("key", "models", "others"), [
    ("rows/a", "a", ""), ("rows/a/b", "a/b", ""), ("dimension/a/b/x", "a/b", "x"),
    ("dimension/b/b", "b", "b"), ("mode/a", "", "a"), ("mode/a/b", "b", "a"),
    ("review/bucket/a", "", "a"), ("review/bucket/a/a", "a", "a"),
    ("review/bucket_dimension/a/b/a", "b", "a/a"), ("review/bucket_fault/a/b", "", "a/b"),
    ("review/label/a/b", "", "a/b"), ("review/shown_never/a", "", "a"),
    ("run_rows/a", "a", "a"), ("run_rows/a/x", "", "a/x"), ("version_items/a", "", "a"),
    ("comparison/failed_by_all/a", "", "a"), ("comparison/unique_fail/a/b", "a/b", ""),
    ("comparison/task_failed_rows/a/b", "b", "a"), ("comparison/task_failed_rows/b/a", "a", "b"),
    ("comparison/p_holm/a/b/a", "a a/b", ""), ("comparison/pass_hat_k/a/2", "a", "2"),
    ("agreement/bucket_same/a/b", "", "a/b"), ("diagnosis/pair/b/a/x/items", "a b", "pair/x/items"),
    ("diagnosis/b/a/samples", "b", "a/samples"), ("rows_read", "", "")])
def test_which_part_of_a_key_is_a_model(key, models, others):
    named = {name: name for name in ("a", "b", "a/b")}
    found, rest = meaning.parsed(key, named)
    assert (set(found), rest) == (set(models.split()), others)


def test_a_figure_of_names_that_its_font_lacks_is_silent(run_script, tmp_path):
    paths = [judged(tmp_path / f"r{place}", [turn(0, False, model_name=name)])
             for place, name in enumerate(("\U0001f600", "\u4e16\u754c"))]
    done = run_script("deep_error_analysis.py", "--run-dir", *paths, "--output",
                      tmp_path / "out" / "r.md")
    assert done.returncode == 0 and done.stderr == ""


def test_a_run_whose_name_begins_with_dashes(run_script, tmp_path):
    """Each command that we print, and the one that reads the runs again, takes it for a name."""
    run = judged(tmp_path / "--!" / "--force", [
        turn(0, False, assistant_text="I guess it is room four."), turn(1)])
    out = tmp_path / "out"
    for args in (("deep_error_analysis.py", f"--run-dir={run}", "--benchmark=--b",
                  "--label=--force=--m", "--output", out / "deep_error_analysis.md"),
                 ("plan_review.py", out)):
        assert run_script(*args).returncode == 0, args
    done = run_script("show_datapoint.py", "--coder=ann", "--", out, "--force/0")
    assert done.returncode == 0, done.stderr
    command = next(line for line in done.stdout.splitlines() if line.startswith("record: "))
    words = [{"SLUG": "names_any_room", "CLASS": "model_error", "…": "I guess it is room four."}
             .get(word, word) for word in shlex.split(command.removeprefix("record: "))]
    done = run_script(*words)
    assert done.returncode == 0, done.stderr
    assert run_script("write_report.py", out).returncode == 0
    done = run_script("check_report.py", out, "--rerun-inputs")
    assert "cannot be read again" not in done.stderr and "not_the_runs" not in done.stdout
    assert done.stderr == ""


def test_a_coder_has_one_kind_of_name_wherever_it_reads(run_script, tmp_path):
    run = judged(tmp_path / "a", [turn(0, False), turn(1)])
    out = tmp_path / "out"
    run_script("deep_error_analysis.py", "--run-dir", run, "--output", out / "r.md")
    wrong = "coder 'two models' is no name of at most 60 letters, digits and . _ @ : -\n"
    for script, args in (("show_datapoint.py", ["a/0"]), ("review_app.py", [])):
        done = run_script(script, out, *args, "--coder", "two models")
        assert done.returncode == 2 and done.stderr.endswith(f"{script}: error: {wrong}")
    assert not (out / "reading_log.jsonl").exists()
    done = run_script("record_review.py", out, "--id", "a/0", "--coder", "two models", "--bucket",
                      "names_any_room", "--fault", "model_error", "--mechanism",
                      "It names any room at all", "--quote", turn(0)["assistant_text"])
    assert done.returncode == 1 and done.stdout.endswith(wrong)


def test_the_table_of_results_has_the_names_of_the_models(run_script, tmp_path):
    """Whatever their fact keys are."""
    for place, name in enumerate(("Opus 4.6 high", "{{rows}}")):
        judged(tmp_path / f"r{place}", [turn(0, False, model_name=name), turn(1)])
    runs = ["--run-dir", tmp_path / "r0", tmp_path / "r1"]
    out = tmp_path / "out"
    for script, *args in (("build_packet.py", *runs, "--output-dir", out),
                          ("deep_error_analysis.py", *runs, "--output", out / "r.md"),
                          ("compare_models.py", out)):
        said = run_script(script, *args).stdout
        assert "\nOpus 4.6 high  " in said and "\n{{rows}}  " in said, said


def test_names_with_slashes_keep_keys_of_their_own(run_script, tmp_path):
    """A pair a, b/c and a pair a/b, c; a dimension b/c of a, and one c of a/b."""
    out = stage_1(tmp_path, [
        [{**turn(place), "model_name": name, "turn": str(place), "item_id": str(place),
          "scores": {dimension: place >= fails}} for place in range(4)]
        for name, dimension, fails in (("a", "b/c", 1), ("a/b", "c", 2), ("b/c", "d", 3),
                                       ("c", "d", 4))])
    values = facts.load(out)
    whole = f"b_c~{clean.mark('b/c')}"
    assert {name: value for name, value in values.items() if name.startswith("dimension/")} == {
        f"dimension/a/{whole}": 1, "dimension/a/b/c": 2, "dimension/b/c/d": 3, "dimension/c/d": 4}
    assert {name for name in values if name.startswith("comparison/p_holm/")} == {
        f"comparison/p_holm/{pair}" for pair in (
            "a/a/b", f"a/{whole}", "a/c", "a/b/b/c", "a/b/c", "b/c/c")}
    assert not_of_its_author(out) == []


def test_a_sentence_names_a_dimension_with_slashes_and_a_model_that_ends_in_one(tmp_path):
    runs = runs_of("#/", "7", ["7", "8"], "home", "<http://x.y>")
    out = stage_1(tmp_path, [[row | {"task": row["task"] * (1 + place)} for place, row in
                              enumerate(rows)] for rows in runs])
    values = facts.load(out)
    for key, name in ((facts.key("dimension", "#/", "<http://x.y>"), "`<http://x.y>`"),
                      ("comparison/task_failed_rows/home/#/", "task `home`")):
        text = f"# Notes\n\n`#/` failed {values[key]}<!--fact:{key}--> judged rows in {name}.\n"
        assert [one for one in check.prove(text, check.gather(out)).findings
                if one.verdict == "wrong_words"] == [], key


def test_a_name_of_a_datapoint_stands_as_the_datapoint_has_it():
    names = SimpleNamespace(spans={"agent-2"})
    shown = [[parts.Part("answer", "The invoice INV-2048 of room 12b was sent by agent-3.")]]

    def miscopied(text: str) -> list[str]:
        (sentence,) = prose.sentences(prose.Unit("paragraph", 1, text))
        return [one.why for one in claims._miscopied(sentence, names, shown)]

    assert miscopied("On `INV-2048` and in `12b` it is so.") == []
    assert miscopied("On `INV-2040` it is so.") == [
        "no datapoint cited here has it; there stands INV-2048"]
    # Other names, shorter or longer ones, and those that are known are nobody's slip.
    assert miscopied("`INV-20489`, `utf-8` and `agent-2` are other things.") == []
