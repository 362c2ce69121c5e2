"""Whatever a judged file holds: nothing is lost, nothing raises, and what was read comes back."""

import copy
import csv
import io
import json
import math
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failure_analysis import checks, clean, files
from failure_analysis.comparison import compute
from failure_analysis.datapoint import CSV_COLUMNS, NOT_COUNTED, fingerprint, safe_id
from failure_analysis.packet import build, heuristics
from failure_analysis.packet import rows as packet_rows
from failure_analysis.reading import detect
from failure_analysis.report import blocks, draft
from failure_analysis.review import show, timeline, view
from failure_analysis.spread import Engine
from make_runs import attempt, dojo_row, simulation, task, tau2

# Texts with lone surrogates, controls and every line separator that is none in JSONL.
TEXTS = st.one_of(
    st.text(max_size=40), st.sampled_from(["", "\u2028\x85", "\ud83d", "=1+1", "a\rb", "x" * 9000]),
    st.text(st.characters(codec=None), max_size=10))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
ANYTHING = st.recursive(SCALARS, lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)), max_leaves=6)
SCORES = st.dictionaries(st.one_of(st.sampled_from(["tool", "kb"]), TEXTS),
                         st.one_of(st.none(), st.booleans(), st.floats(), ANYTHING), max_size=3)
FIELDS = ("turn", "user_text", "assistant_text", "model_name", "tool_calls", "tool_results",
          "scores", "judge_reasoning", "latency_ms", "tokens", "ts", "trial", "item_id", "source",
          "item_fingerprint", "outcome", "reward", "datapoint_id", "expected", "params")
VALID = st.fixed_dictionaries(
    {"turn": st.integers(0, 6), "scores": st.dictionaries(
        st.sampled_from(["tool", "kb"]), st.sampled_from([True, False, None]), max_size=2)},
    optional={"user_text": TEXTS, "assistant_text": TEXTS, "model_name": st.sampled_from("ab"),
              "judge_reasoning": TEXTS, "extra": ANYTHING})
ODD = st.dictionaries(st.sampled_from(FIELDS), st.one_of(ANYTHING, SCORES), max_size=6)


def spelled(row):
    return json.dumps(row).encode()


LINES = st.lists(st.one_of(
    VALID.map(spelled), ODD.map(spelled), VALID.map(spelled).map(lambda line: line[:-3]),
    st.binary(max_size=30).map(lambda junk: junk.replace(b"\n", b""))), max_size=12)


@pytest.mark.slow
@settings(max_examples=120)
@given(LINES)
def test_conservation_whatever_the_lines(lines):
    with tempfile.TemporaryDirectory() as folder:
        run, out = Path(folder, "run"), Path(folder, "out")
        run.mkdir()
        (run / "openai_judged.jsonl").write_bytes(b"\n".join(lines))
        rows = sum(1 for line in b"\n".join(lines).split(b"\n") if not line.isspace() and line)
        try:
            counts = build.build(detect.from_run_dirs([run]), out, Engine(1), {})
        except files.Refusal:
            assert rows == 0
            return
        assert counts["holds"]
        assert counts["rows_read"] == rows
        assert counts["rejected"] == (out / "rejected_rows.jsonl").read_bytes().count(b"\n")
        known = json.loads((out / "facts.json").read_bytes())
        assert known["failed_rows"] == counts["fail"]
        kept = [json.loads(line) for line in
                (out / "failure_review_rows.jsonl").read_bytes().split(b"\n")[:-1]]
        outcomes = Counter(row["outcome"] for row in kept)
        assert outcomes["fail"] == counts["fail"] and outcomes["pass"] == 0
        # What nobody judged is kept to be read, unless the harness broke it off.
        broken = sum(row["outcome"] == "unjudged" and row["termination"] in NOT_COUNTED
                     for row in clean.read_csv(out / "outcomes.csv"))
        assert outcomes["unjudged"] == counts["unjudged"] - broken
        table = list(clean.read_csv(out / "failure_review_rows.csv"))
        assert len(table) == len(kept)
        assert all(row.keys() == set(CSV_COLUMNS) for row in table)
        ids = [row["datapoint_id"] for row in clean.read_csv(out / "outcomes.csv")]
        assert len(ids) == len(set(ids)) == rows - counts["rejected"]
        heuristics.label(out, heuristics.DEFAULT_RULES)
        if counts["pass"] + counts["fail"]:
            result = compute.compare(out).result
            assert sum(unit["attempts"] for unit in result["units"]) == \
                counts["pass"] + counts["fail"]


WRONG = [None, True, 0, -1, float("nan"), float("inf"), 10**30, "", "x", "\ud83d", [], {}, [None],
         {"a": 1}, [{}], ["x"], "3", [[1]]]


def places(value, path=()):
    """The path of every value inside a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) \
        if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from places(item, (*path, key))


def damaged(document, random):
    """A document with a few values deleted or replaced by something of another type."""
    document = copy.deepcopy(document)
    for _ in range(random.randint(1, 4)):
        path = random.choice(list(places(document)) or [()])
        inside = document
        for key in path[:-1]:
            inside = inside[key]
        if isinstance(inside, dict) and path and random.random() < 0.3:
            del inside[path[-1]]
        elif path:
            inside[path[-1]] = copy.deepcopy(random.choice(WRONG))
    return document


@pytest.mark.slow
@settings(max_examples=80)
@given(st.randoms(use_true_random=False), st.sampled_from(["tau2", "tau", "agentdojo"]))
def test_damaged_documents_are_rejected_row_by_row_or_refused(random, kind):
    tasks = [task("1", [("a", {"x": 1})]), task("2")]
    rows = [simulation(tasks[0], 0.0, [("a", {"x": 2}), ("b", {})]), simulation(tasks[1], 1.0)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if kind == "tau2":
            document = json.loads(tau2(folder / "t.json", tasks, rows).read_text())
        elif kind == "tau":
            document = [attempt(1, 0.0, calls=[("a", {})]), attempt(2, 1.0)]
        else:
            document = dojo_row("user_task_0", False)
        path = folder / "in" / "p" / "banking" / "user_task_0" / "none" / "none.json" \
            if kind == "agentdojo" else folder / "in" / "m-airline.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(damaged(document, random)))
        try:
            counts = build.build(detect.from_inputs([folder / "in"], None), folder / "out",
                                 Engine(1), {})
        except files.Refusal:
            return
        assert counts["holds"]
        assert counts["rows_read"] == (1 if kind == "agentdojo" else len(
            json.loads(path.read_text())["simulations" if kind == "tau2" else slice(None)]))
        heuristics.label(folder / "out", heuristics.DEFAULT_RULES)
        if counts["pass"] + counts["fail"]:
            compute.compare(folder / "out")
        assert "# Deep error analysis" in draft.render(blocks.load(folder / "out"))
        index = packet_rows.load(folder / "out")
        for ident in index.places:  # a reader can be shown what could be read
            row = packet_rows.row(index, ident)
            shown = view.view(row, timeline.timeline(row), view.Asked(500))
            assert ident in show.text(index, row, shown, "agent", None, {})


@given(st.lists(st.one_of(st.none(), TEXTS, st.integers(), st.floats(allow_nan=False)),
                min_size=1, max_size=5))
def test_csv_cells_come_back(values):
    line = clean.csv_line([*values, "end"])
    (cells,) = csv.reader(io.StringIO(line.decode(), newline=""))
    assert len(cells) == len(values) + 1
    for value, cell in zip(values, cells, strict=False):
        if isinstance(value, str):
            assert clean.unguard(cell) == clean.visible(value)
            assert not cell.startswith(("=", "+", "-", "@"))
        elif value is None:
            assert cell == ""
        else:
            assert float(cell) == float(value)


@given(ANYTHING)
def test_both_json_readers_agree(value):
    """msgspec reads most lines; it must never read one differently from the standard library."""
    line = json.dumps(value)
    try:
        fast = msgspec.json.decode(line.encode())
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
    assert repr(fast) == repr(json.loads(line))


@given(TEXTS, TEXTS)
def test_ids_are_one_safe_line_and_stay_apart(one, other):
    assert len(safe_id(one)) <= 210
    assert not any(char.isspace() or not char.isprintable() for char in safe_id(one))
    assert (safe_id(one) == safe_id(other)) == (one == other)


@given(ANYTHING, ANYTHING)
def test_fingerprints_fold_white_space_and_nothing_else(asked, expected):
    assert len(fingerprint(asked, expected)) == 16
    assert fingerprint(f" {asked}\n", expected) == fingerprint(f"{asked} ", expected)
    assert fingerprint("a b", "x") != fingerprint("ab", "x")
    assert fingerprint("a", {"k": None}) == fingerprint("a", None)


@given(st.floats())
def test_scores_take_finite_numbers_only(value):
    row = {"turn": 1, "scores": {"a": value}}
    assert (checks.wrong(row) is None) == math.isfinite(value)
