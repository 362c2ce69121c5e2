"""axial_coder.py and compare_codes.py against a real endpoint on loopback that knows the truth:
every sample ends with one primary code or is counted as unknown, whatever the answers are."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from coding_runs import faulty
from failure_analysis.coding import axial_coding, card_page, model, prompts, shapes
from hostile import ATTACKS
from llm_server import Endpoint
from make_runs import judged, read_jsonl, turn

Run = Callable[..., subprocess.CompletedProcess[str]]
KEY = {"OPENAI_API_KEY": "sk-test-secret-123456", "OPENAI_MODEL": "", "OPENAI_BASE_URL": ""}
BOOKS, ENDS, TIME = "books_wrong_session", "ends_session_early", "ignores_the_time"


def sample(number: int, *codes: str, trouble: str = "", success: bool | None = False,
           visible: bool = True, state: str = "ok", matched: int | None = None,
           text: str = "") -> dict:
    """A line of an open_coded file; its description holds what the endpoint should answer."""
    summary = f"Sample {number}. " + " ".join(
        [*(f"CODE:{code}" for code in codes), *([f"TROUBLE:{trouble}"] if trouble else []), text])
    coding = {
        "visibility": "failure_visible" if visible else "no_failure_visible",
        "descriptive_summary": summary, "failure_point_turn": None, "detailed_analysis": "x",
        "issues_identified": [f"Issue of {number}"], "observations": "none",
        "recommendations": "none", "evidence": [
            {"quote": f"the words of sample {number}", "shows": "it", "part": "answer",
             "verified": True},
            {"quote": "never said", "shows": "it", "part": None, "verified": False}]}
    return {"sample_id": f"run/{number}", "success": success, "reward": None, "state": state,
            "reason": "", "role": "sample" if matched is None else "contrast",
            "matched_to": None if matched is None else f"run/{matched}", "benchmark": "bench",
            "model_name": f"model-{'ab'[number % 2]}", "run_id": "run", "item_id": str(number),
            "trial": 0, "failed_dimensions": [] if success else ["tool_use_correct"],
            "context": {"conversation": None}, "coding": coding if state == "ok" else None}


def project(folder: Path, lines: Sequence[dict], name: str = "p") -> Path:
    """A project as open_coder.py leaves it; returns its file of open codes."""
    target = folder / "results" / name
    target.mkdir(parents=True, exist_ok=True)
    (target / "manifest.json").write_text(json.dumps({"steps": {"open_coding": {"settings": {}}}}))
    path = target / "open_coded_x.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def axial(run_inside: Run, tmp_path: Path) -> Run:
    """`axial(endpoint, lines, *args, code=0, name="p")`: codes a project of these open codes; None
    takes the project as it is."""

    def run(endpoint: Endpoint, lines: Sequence[dict] | None, *args: str | Path, code: int = 0,
            name: str = "p") -> subprocess.CompletedProcess[str]:
        path = Path("results", name, "open_coded_x.jsonl")
        if lines is not None:
            project(tmp_path, lines, name)
        done = run_inside("axial_coder.py", "--input", path, "--project", name, "--base-url",
                          endpoint.url, *args, cwd=tmp_path, env=KEY)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def coded(folder: Path, name: str = "p") -> dict[str, dict]:
    """Sample id -> its line in the result of a project."""
    lines = read_jsonl(folder / "results" / name / "axial_coded_x.jsonl")
    by_id = {line["sample_id"]: line for line in lines}
    assert len(by_id) == len(lines)
    return by_id


def book(folder: Path, name: str = "p") -> dict:
    """The codebook of a project."""
    return json.loads((folder / "results" / name / "x_codebook.json").read_text(encoding="utf-8"))


def primary(folder: Path, name: str = "p") -> list[str]:
    """The primary codes, in the order of the samples."""
    return [line["axial_coding"]["primary_code"] for line in coded(folder, name).values()]


# What a clean run gives.

CLEAN = [sample(0, BOOKS), sample(1, BOOKS, TIME), sample(2, ENDS), sample(3, ENDS),
         sample(4, "loses_the_thread"), sample(5), sample(6, visible=False),
         sample(7, state="timed_out"), sample(8, BOOKS)]


def test_a_clean_run_in_one_call(axial: Run, tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        done = axial(endpoint, CLEAN, "--max-unknown", "0.2")
        assert [body["text"]["format"]["name"] for body in endpoint.paid] == [
            "taxonomy", "assignments"]
        assert endpoint.paid[0]["reasoning"] == {"effort": "high"}
    assert "coded 8 of 9, 1 unknown (timed_out 1)" in done.stdout
    assert "2 codes in at least 2 samples, 2 in the residue" in done.stdout
    assert "no code fits 1, no failure visible in 1" in done.stdout
    by_id = coded(tmp_path)
    assert list(by_id) == [line["sample_id"] for line in CLEAN]
    assert primary(tmp_path) == [BOOKS, BOOKS, ENDS, ENDS, "loses_the_thread", "no_code_applies",
                                 "no_failure_visible", "unknown", BOOKS]
    assert by_id["run/1"]["axial_coding"] == {
        "primary_code": BOOKS, "secondary_codes": [TIME], "severity": "major",
        "fault": "model_error", "rationale": "Its description says so in its own words.",
        "quote": "the words of sample 1"}
    assert by_id["run/7"]["axial_state"] == "timed_out"
    assert by_id["run/1"]["coding"] == CLEAN[1]["coding"]
    taxonomy = json.loads((tmp_path / "results/p/x_taxonomy.json").read_text())
    categories = taxonomy["primary_categories"]
    assert [category["name"] for category in categories] == ["Wrong answers", "Residue"]
    codes = {code["code"]: code for category in categories for code in category["subcategories"]}
    assert {name: code["sample_ids"] for name, code in codes.items()} == {
        BOOKS: ["run/0", "run/1", "run/8"], ENDS: ["run/2", "run/3"], TIME: ["run/1"],
        "loses_the_thread": ["run/4"]}
    assert {code["code"] for code in categories[1]["subcategories"]} == {TIME, "loses_the_thread"}
    assert codes[BOOKS]["quotes"] == [
        {"sample_id": "run/0", "quote": "the words of sample 0"},
        {"sample_id": "run/1", "quote": "the words of sample 1"}]
    assert {"definition", "indicators", "when_to_use", "when_not_to_use"} <= codes[BOOKS].keys()


def test_the_card_of_a_clean_run(axial: Run, tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        axial(endpoint, CLEAN, "--max-unknown", "0.2")
    card = book(tmp_path)["card"]
    assert {name: card[name] for name in ("failing", "unknown", "passing", "no_code_applies",
                                          "no_failure_visible")} == {
        "failing": 8, "unknown": 1, "passing": 0, "no_code_applies": 1, "no_failure_visible": 1}
    assert card["codes"][0] == {  # 3 of 8; Wilson by hand
        "code": BOOKS, "primary": 3, "seen": 3, "share": 0.375, "interval": [0.1368, 0.6943],
        "by_model": {"model-a": 2, "model-b": 1}}
    assert card["residue"] == [{"code": TIME, "sample_ids": ["run/1"]},
                               {"code": "loses_the_thread", "sample_ids": ["run/4"]}]
    # Modes 3, 2, 1 and the sample that no code fits: two seen once of seven.
    assert card["saturation"]["samples"] == 7 and card["saturation"]["once"] == 2
    assert card["saturation"]["coverage"] == round(1 - 2 / 7, 4)
    assert not card["saturation"]["enough"]
    assert card["recoding"]["self_consistency"] is True
    assert card["recoding"]["primary"] == {"same": 7, "status": "insufficient: 7 of 30 samples"}
    page = (tmp_path / "results/p/x_codebook.md").read_text(encoding="utf-8")
    for text in ("Self-consistency of `gpt-5.5`", "no passing sample was coded",
                 "Code more samples", "![Codes over samples read](x_rarefaction.png)",
                 "`loses_the_thread`: `run/4`",
                 "one coder among others, never the truth"):
        assert text in page, text
    assert (tmp_path / "results/p/x_rarefaction.png").read_bytes().startswith(b"\x89PNG")


def test_the_sources_own_jq_lines_and_python_work(axial: Run, tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        axial(endpoint, CLEAN, "--max-unknown", "0.2")
    folder = tmp_path / "results/p"
    snippet = """
import json
from collections import Counter
results = []
with open('axial_coded_x.jsonl') as f:
    for line in f:
        results.append(json.loads(line))
primary_codes = Counter(r['axial_coding']['primary_code'] for r in results)
print("Primary Failure Modes:")
for code, count in primary_codes.most_common():
    print(f"  {code:40s}: {count}")
severities = Counter(r['axial_coding']['severity'] for r in results)
for severity, count in severities.items():
    print(f"  {severity:15s}: {count}")
with open('x_taxonomy.json') as f:
    taxonomy = json.load(f)
print(f"Taxonomy: {len(taxonomy['primary_categories'])} primary categories")
for cat in taxonomy['primary_categories']:
    subcats = len(cat['subcategories'])
    print(f"  - {cat['name']:30s} ({subcats} subcategories)")
"""
    said = subprocess.run([sys.executable, "-c", snippet], cwd=folder, capture_output=True,
                          encoding="utf-8", check=True).stdout
    assert f"  {BOOKS:40s}: 3\n" in said and f"  {'major':15s}: 7\n" in said
    assert f"  - {'Wrong answers':30s} (2 subcategories)\n" in said
    if not any(Path(place, "jq").exists() for place in os.get_exec_path()):
        return
    for program, wanted in (
            (".axial_coding.primary_code", primary(tmp_path)),
            (f'select(.axial_coding.primary_code == "{ENDS}") | .sample_id', ["run/2", "run/3"]),
            ('select(.axial_coding.severity == "critical")', [])):
        done = subprocess.run(["jq", "-r", program, "axial_coded_x.jsonl"], cwd=folder,
                              capture_output=True, encoding="utf-8", check=True)
        assert done.stdout.splitlines() == wanted


# Answers that are not as they should be.

def test_a_wrong_entry_is_asked_for_once_more_then_reported(axial: Run, tmp_path: Path) -> None:
    troubles = ["unassigned", "twice", "foreign", "bad_quote", "empty", "both"]
    lines = [sample(n, BOOKS, ENDS, trouble=trouble) for n, trouble in enumerate(
        [*troubles, *(f"{trouble}_once" for trouble in troubles)])]
    with Endpoint() as endpoint:
        done = axial(endpoint, lines, "--json", code=1)
        [first, repair] = [body["input"] for body in endpoint.paid][:2]
    assert "were not accepted" in repair and "end of the open codes" in first
    assert len(set(re.findall(r"<<\w{8} (s\d+)>>", repair))) == 12
    by_id = coded(tmp_path)
    states = {trouble: by_id[f"run/{n}"]["axial_state"] for n, trouble in enumerate(troubles)}
    assert states == {trouble: "ok" if trouble == "bad_quote" else "unparsed"
                      for trouble in troubles}
    assert by_id["run/3"]["axial_coding"]["quote"] is None
    assert "none of s4" in by_id["run/3"]["axial_reason"]
    assert "coded 2 times" in by_id["run/1"]["axial_reason"]
    assert by_id["run/0"]["axial_coding"]["primary_code"] == "unknown"
    assert all(by_id[f"run/{n}"]["axial_state"] == "ok" for n in range(6, 12))
    summary = json.loads(done.stdout)
    assert summary["states"]["unparsed"] == summary["unknown"] == 5
    assert sum(summary["states"].values()) == summary["samples"] == 12


@pytest.mark.parametrize("trouble", ["garbage", "refusal"])
def test_one_sample_never_takes_others_with_it(trouble: str, axial: Run, tmp_path: Path) -> None:
    lines = [sample(n, (BOOKS, ENDS)[n % 2], trouble=trouble if n == 3 else "") for n in range(8)]
    with Endpoint() as endpoint:
        done = axial(endpoint, lines, "--max-unknown", "0.5", "--json")
    state = {"garbage": "unparsed"}.get(trouble, "refused")
    by_id = coded(tmp_path)
    assert [by_id[f"run/{n}"]["axial_state"] for n in range(8)] == [
        "ok"] * 3 + [state] + ["ok"] * 4
    assert json.loads(done.stdout)["states"][state] == 1
    left = book(tmp_path)["left_out"]
    assert list(left) == ["run/3"] and left["run/3"].startswith(state)


def test_every_trouble_of_an_answer_keeps_the_sum(axial: Run, tmp_path: Path) -> None:
    """With a passing sample, so that coding is a pass of its own."""
    states = {"half": "unparsed", "other_mark": "unparsed", "forged_end": "unparsed",
              "score_line": "unparsed", "filter": "refused", "truncated": "truncated",
              "wrong_enum": "unparsed", "half_once": "ok", "garbage_once": "ok"}
    lines = [sample(n, BOOKS, trouble=trouble) for n, trouble in enumerate(states)]
    lines += [sample(n, BOOKS) for n in range(20, 24)] + [sample(30, success=True, matched=0)]
    with Endpoint() as endpoint:
        done = axial(endpoint, lines, "--max-unknown", "1", "--json")
    by_id = coded(tmp_path)
    assert {trouble: by_id[f"run/{n}"]["axial_state"] for n, trouble in enumerate(states)} == states
    assert all(by_id[f"run/{n}"]["axial_state"] == "ok" for n in (20, 21, 22, 23, 30))
    summary = json.loads(done.stdout)
    assert sum(summary["states"].values()) == summary["samples"] == 14
    wanted = Counter(states.values())
    assert {name: count for name, count in summary["states"].items() if count} == {
        **wanted, "ok": wanted["ok"] + 5}


@pytest.mark.parametrize("trouble", ["bad_code", "double_code", "drops_code"])
def test_a_wrong_codebook_is_repaired_or_reported(trouble: str, axial: Run, tmp_path: Path) -> None:
    lines = [sample(n, (BOOKS, ENDS, TIME)[n % 3]) for n in range(9)]
    with Endpoint() as endpoint:
        axial(endpoint, [*lines[:8], sample(8, TIME, trouble=f"{trouble}_once")])
        assert book(tmp_path)["problems"] == []
        done = axial(endpoint, [*lines[:8], sample(8, TIME, trouble=trouble)], "--overwrite",
                     "--max-unknown", "1")
    problems = book(tmp_path)["problems"]
    if trouble == "drops_code":  # the first round has no code to drop, so all is well
        assert not problems
    else:
        assert len(problems) == 1 and "not put right: 1" in done.stdout
        assert ("snake_case" if trouble == "bad_code" else "there twice") in problems[0]
        page = (tmp_path / "results/p/x_codebook.md").read_text(encoding="utf-8")
        assert "## Not put right" in page


def test_a_codebook_that_a_repair_makes_worse_does_not_stand(axial: Run, tmp_path: Path) -> None:
    lines = [*(sample(n, (BOOKS, ENDS)[n % 2]) for n in range(8)), sample(8, trouble="worse")]
    with Endpoint() as endpoint:
        done = axial(endpoint, lines)
    [problem] = book(tmp_path)["problems"]
    assert "there twice" in problem and "not put right: 1" in done.stdout


# Rounds of comparison.

LONG = [sample(n, (BOOKS, ENDS, TIME, "loses_the_thread")[n // 10], text="word " * 150)
        for n in range(40)]


def test_rounds_come_to_the_same_codes_as_one_call(
    axial: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(prompts, "render", lambda name, *args, was=prompts.render, **values: (
        made.append(name), was(name, *args, **values))[1])
    with Endpoint() as endpoint:
        axial(endpoint, LONG, name="one")
        made.clear()
        axial(endpoint, LONG, "--context-tokens", "4000", name="many")
        rounds = [body for body in endpoint.paid if body["text"]["format"]["name"] == "codebook"]
    assert book(tmp_path, "one")["rounds"] == 1 and book(tmp_path, "many")["rounds"] == len(rounds)
    # Each round is made when it is asked and when it is answered, and once more for the result.
    assert made.count("axial_codebook_round") <= 3 * len(rounds)
    assert len(rounds) > 2 and "The codebook so far" in rounds[-1]["input"]
    shown = [name for body in rounds for name in re.findall(r"<<\w{8} (s\d+)>>", body["input"])]
    assert sorted(shown) == sorted(f"s{n + 1}" for n in range(40))  # each open code read once
    assert primary(tmp_path, "one") == primary(tmp_path, "many")
    events = book(tmp_path, "many")["lineage"]["events"]
    assert {code for event in events["added"] for code in event["after"]} == {
        BOOKS, ENDS, TIME, "loses_the_thread"}


def test_a_round_that_drops_a_code_loses_none(axial: Run, tmp_path: Path) -> None:
    lines = [*LONG[:20], *(sample(n, TIME, trouble="drops_code", text="word " * 150)
                           for n in range(20, 40))]
    with Endpoint() as endpoint:
        axial(endpoint, lines, "--context-tokens", "4000", "--max-unknown", "1")
    codebook = book(tmp_path)
    assert {code["code"] for code in codebook["codes"]} >= {BOOKS, ENDS}
    assert any("is continued by none" in problem for problem in codebook["problems"])


# Interruptions, budget, projects.

@pytest.mark.slow
def test_killed_twice_and_resumed_equals_one_clean_run(
    axial: Run, bundle: Path, tmp_path: Path
) -> None:
    lines = [*LONG, sample(50, success=True, matched=0, text="word " * 150)]
    options = ["--context-tokens", "4000"]
    path = project(tmp_path, lines)
    calls = path.with_name("axial_coding_calls.jsonl")
    rng = random.Random(3)
    with Endpoint(delay=0.03) as endpoint:
        axial(endpoint, lines, *options, name="clean")
        clean = [json.dumps(body, sort_keys=True) for body in endpoint.paid]
        for stop in sorted(rng.sample(range(2, len(clean) - 2), 2)):
            child = subprocess.Popen(
                [sys.executable, bundle / "scripts/axial_coder.py", "--input", path, "--project",
                 "p", "--base-url", endpoint.url, *options], cwd=tmp_path,
                env={**os.environ, **KEY}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while child.poll() is None and not (
                    calls.exists() and calls.read_bytes().count(b"\n") >= stop):
                time.sleep(0.005)
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
        finished = calls.read_bytes().count(b"\n")
        asked = len(endpoint.paid)
        axial(endpoint, None, *options)
        rest = [json.dumps(body, sort_keys=True) for body in endpoint.paid[asked:]]
        assert len(rest) == len(clean) - finished and set(rest) <= set(clean)
        again = len(endpoint.paid)
        axial(endpoint, None, *options)
        assert len(endpoint.paid) == again, "a finished project was asked again"
    for name in ("axial_coded_x.jsonl", "x_taxonomy.json", "axial_reviews_x.jsonl"):
        clean_file, resumed_file = (tmp_path / "results" / which / name for which in ("clean", "p"))
        assert clean_file.read_bytes() == resumed_file.read_bytes()


def test_a_spent_budget_says_how_to_go_on(axial: Run, tmp_path: Path) -> None:
    lines = [*CLEAN[:5], sample(9, success=True)]
    with Endpoint() as endpoint:
        done = axial(endpoint, lines, "--max-calls", "0", code=1)
        assert "before the codebook was finished" in done.stderr
        assert done.stdout == "0 calls made, 0 known before; 0 tokens in, 0 out\n"
        said = json.loads(axial(endpoint, None, "--max-calls", "0", "--json", code=1).stdout)
        assert "before the codebook was finished" in said["ended"] and said["calls_made"] == 0
        done = axial(endpoint, None, "--max-calls", "1", "--json", code=1)
        assert json.loads(done.stdout)["states"]["skipped_by_budget"] == 6
        axial(endpoint, None)
        assert len(endpoint.paid) == 3
    assert "skipped_by_budget" not in {line["axial_state"] for line in coded(tmp_path).values()}


def test_open_codes_that_were_gone_on_with_are_no_other_input(
    axial: Run, code: Run, tmp_path: Path
) -> None:
    left = [4]

    def refuse(_: dict) -> tuple | None:
        left[0] -= 1
        return (401, {"error": {"message": "no"}}) if left[0] < 0 else None

    run = faulty(tmp_path, ["none"] * 6)
    with Endpoint(refuse=refuse) as endpoint:
        code(endpoint, run, "--max-concurrent", "1", code=1)
        [path] = (tmp_path / "results/p").glob("open_coded_*.jsonl")
        more = ("--input", path)  # the last one counts
        left[0] = 1
        said = json.loads(axial(endpoint, None, *more, "--json", code=1).stdout)
        assert said["calls_made"] == 1 and said["samples"] == 6
        left[0] = 99
        axial(endpoint, None, *more, code=1)  # two are unknown still
        code(endpoint, run)
        for asked in (2, 0):  # codebook with its coding, second coding; then all of it is known
            before = len(endpoint.paid)
            done = axial(endpoint, None, *more, "--json")
            assert json.loads(done.stdout)["states"]["ok"] == 6
            assert len(endpoint.paid) - before == asked
        other = path.with_name("open_coded_other.jsonl")
        other.write_bytes(b"".join(path.read_bytes().splitlines(True)[:5]))
        assert "the input is not the same" in axial(endpoint, None, "--input", other, code=1).stderr


def test_what_cannot_be_begun_is_refused_with_the_reason(axial: Run, tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        (tmp_path / "results/p").mkdir(parents=True)
        assert "open_coded_x.jsonl: no such file or folder; run open_coder.py first" in \
            axial(endpoint, None, code=1).stderr
        (tmp_path / "results/p/open_coded_x.jsonl").touch()
        assert "run it first with --project p" in axial(endpoint, None, code=1).stderr
        hidden = [sample(0, visible=False), sample(1, success=True)]
        assert "nothing to compare" in axial(endpoint, hidden, code=1).stderr
        twice = [sample(0, BOOKS), sample(0, BOOKS)]
        assert "x.jsonl:2: the sample run/0 is there twice" in axial(endpoint, twice, code=1).stderr
        for wrong, why in (
            ({"a": 1}, "sample_id"), ({"state": "fine"}, "state"), ({"coding": None}, "state is"),
            ({"coding": {"evidence": 5}}, "coding"), ({"benchmark": 7}, "benchmark"),
            ({"failed_dimensions": [1]}, "failed_dimensions"), ({"success": "no"}, "success")):
            line = {**sample(0, BOOKS), **wrong} if "a" not in wrong else wrong
            said = axial(endpoint, [sample(1, BOOKS), line], code=1).stderr
            assert "x.jsonl:2: not an open-coded sample" in said and why in said
        axial(endpoint, CLEAN[:4])
        done = axial(endpoint, None, "--seed", "5", code=1)
        assert "seed was 0, is 5" in done.stderr and "--overwrite" in done.stderr
        (tmp_path / "results/p/open_coding_calls.jsonl").write_text("kept")
        axial(endpoint, None, "--seed", "5", "--overwrite")
        assert (tmp_path / "results/p/open_coding_calls.jsonl").exists()
        made = book(tmp_path)
        for change in ({"code": "Bad Code"}, {"code": "unknown"}, {"code_id": "../x"},
                       {"category": "residue"}, {"definition": "a\u001b[31m"}, {"indicators": "x"},
                       {"definition": "two\nlines"}, {"code": made["codes"][1]["code"]},
                       {"code_id": made["codes"][1]["code_id"]}, None):
            codes = [{**made["codes"][0], **change}, *made["codes"][1:]] if change else []
            (tmp_path / "other.json").write_text(json.dumps({**made, "codes": codes}))
            done = axial(endpoint, None, "--codebook", tmp_path / "other.json", "--overwrite",
                         code=1)
            assert "other.json: not a codebook" in done.stderr, change


def test_a_dry_run_calls_nothing(axial: Run, tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        done = axial(endpoint, CLEAN, "--dry-run", "--price", "1", "10")
        assert not endpoint.seen
    assert "7 of 9 samples to code, about 2 requests" in done.stdout and "$" in done.stdout
    shown = (tmp_path / "results/p/dry_run/axial_first_prompt.md").read_text(encoding="utf-8")
    assert "Sample 4. CODE:loses_the_thread" in shown
    assert not (tmp_path / "results/p/axial_coding_calls.jsonl").exists()


def test_batches_give_the_same_result_as_live_calls(axial: Run, tmp_path: Path) -> None:
    lines = [*CLEAN[:5], sample(9, success=True, matched=0)]
    with Endpoint() as endpoint:
        axial(endpoint, lines, name="live")
        live = len(endpoint.paid)
        submitted = []
        for _ in range(3):  # codebook, coding, recoding
            submitted.append(json.loads(axial(
                endpoint, lines if not submitted else None, "--batch", "submit", "--json").stdout))
            last = len(submitted) == 3
            done = axial(endpoint, None, "--batch", "collect", code=0 if last else 1)
        assert [summary["requests"] for summary in submitted] == [1, 1, 1] and live == 3
        assert "coded 6 of 6, 0 unknown" in done.stdout
        assert "collected" in axial(endpoint, None, "--batch", "status").stdout
    assert coded(tmp_path, "live") == coded(tmp_path)


# Passing samples, a second coder, lineage.

def test_lift_compares_matched_pairs_that_are_coded_blind(axial: Run, tmp_path: Path) -> None:
    failing = [sample(n, BOOKS, *([ENDS] if n < 4 else [])) for n in range(8)]
    passing = [sample(20 + n, *([BOOKS] if n < 6 else []), success=True, matched=n,
                      visible=n % 2 == 0) for n in range(8)]
    with Endpoint() as endpoint:
        axial(endpoint, [*failing, *passing])
        [coding] = [body for body in endpoint.paid if body["text"]["format"]["name"] ==
                    "assignments" and "Sample 20." in body["input"]]
        assert "failed" not in coding["input"] and "passed" not in coding["input"]
        [first] = [body for body in endpoint.paid if body["text"]["format"]["name"] == "codebook"]
        assert "Sample 20." not in first["input"] and "failed, false: tool_use" in first["input"]
    lift = book(tmp_path)["card"]["lift"]
    assert lift["pairs"] == 8
    assert [(row["rank"], row["code"], row["failing"], row["passing"], row["difference"])
            for row in lift["codes"]] == [(1, ENDS, 4, 0, 0.5), (2, BOOKS, 8, 6, 0.25)]
    # Newcombe's method 10 by statsmodels is not there; by hand from Wilson's limits.
    assert lift["codes"][0]["interval"][0] > 0 and lift["codes"][1]["interval"][0] < 0.05
    # The same as for any passing sample: no shares of failing samples hold them.
    assert book(tmp_path)["card"]["failing"] == 8


def test_a_second_model_codes_a_fifth_again(axial: Run, tmp_path: Path) -> None:
    lines = [sample(n, *((BOOKS, ENDS) if n % 3 else (ENDS, BOOKS))) for n in range(160)]
    with Endpoint() as endpoint:
        axial(endpoint, lines, "--recode-model", "contrary")
        second = [body for body in endpoint.paid if body["model"] == "contrary"]
        shown = [name for body in second for name in re.findall(r"<<\w{8} (s\d+)>>",
                                                                body["input"])]
        assert len(shown) == len(set(shown)) == 32
    recoding = book(tmp_path)["card"]["recoding"]
    assert recoding["coders"] == ["gpt-5.5", "contrary"] and not recoding["self_consistency"]
    assert recoding["samples"] == 32 and recoding["primary"]["same"] == 0  # it takes the other one
    assert recoding["primary"]["kappa"]["value"] < 0
    assert [row["same"] for row in recoding["codes"]] == [32, 32]  # both are seen either way
    page = (tmp_path / "results/p/x_codebook.md").read_text(encoding="utf-8")
    assert "`gpt-5.5` and `contrary`, with the same codebook" in page


def test_a_second_coding_is_a_second_call_in_another_order(axial: Run, tmp_path: Path) -> None:
    """Also where there is one sample only, and its prompt is the same."""
    single = [sample(0, BOOKS), sample(1, success=True, matched=0)]
    many = [sample(n, BOOKS) for n in range(20)] + [sample(30, success=True, matched=0)]
    for lines, name in ((single, "one"), (many, "many")):
        with Endpoint() as endpoint:
            axial(endpoint, lines, name=name)
            shown = [re.findall(r"<<\w{8} (s\d+)>>", body["input"]) for body in endpoint.paid
                     if body["text"]["format"]["name"] == "assignments"]
        assert [len(some) for some in shown] == [len(lines), len(lines) - 1]
    assert [name for name in shown[0] if name != "s21"] != shown[1]
    with Endpoint() as endpoint:
        axial(endpoint, [sample(0, BOOKS)], "--codebook", tmp_path / "results/one/x_codebook.json",
              name="alone")
        first, second = (body["input"] for body in endpoint.paid)
    assert first != second and re.sub(r"\b\w{8}\b", "", first) == re.sub(r"\b\w{8}\b", "", second)


def test_who_is_coded_again_does_not_depend_on_what_was_coded(axial: Run, tmp_path: Path) -> None:
    lines = [sample(n, BOOKS) for n in range(160)]
    drawn = []
    for trouble in ("", "refusal"):
        lines[7] = sample(7, BOOKS, trouble=trouble)
        with Endpoint() as endpoint:
            axial(endpoint, lines, "--recode-model", "other", name=f"p{trouble}")
            drawn.append({name for body in endpoint.paid if body["model"] == "other"
                          for name in re.findall(r"<<\w{8} (s\d+)>>", body["input"])})
    assert len(drawn[0]) == 32 and drawn[0] == drawn[1]


def test_the_own_codebook_is_applied_from_a_copy(axial: Run, tmp_path: Path) -> None:
    lines, own = [sample(n, (BOOKS, ENDS)[n % 2]) for n in range(10)], Path(
        "results/p/x_codebook.json")
    link, copy = tmp_path / "link.json", tmp_path / "before.json"
    link.symlink_to(tmp_path / own)
    with Endpoint() as endpoint:
        axial(endpoint, lines)
        first, asked = book(tmp_path), len(endpoint.paid)
        for given in (own, link):
            done = axial(endpoint, None, "--codebook", given, "--overwrite", code=1)
            assert done.stderr == (f"axial_coder.py: {given}: this project's own codebook, which "
                                   "is written anew; copy it out of results/p and give the copy\n")
        assert book(tmp_path) == first and len(endpoint.paid) == asked
        copy.write_bytes((tmp_path / own).read_bytes())
        lines = [*lines, *(sample(n, TIME) for n in (10, 11))]
        axial(endpoint, lines, "--codebook", copy, "--overwrite")
        wider, asked = book(tmp_path), len(endpoint.paid)
        axial(endpoint, None, "--codebook", copy)
    assert len(endpoint.paid) == asked
    assert len(wider["codes"]) == 3 and book(tmp_path)["codes"] == wider["codes"]


def test_the_same_data_over_the_old_codebook_change_nothing(
    axial: Run, run_inside: Run, tmp_path: Path
) -> None:
    lines = [sample(n, (BOOKS, ENDS)[n % 2]) for n in range(10)]
    old = tmp_path / "results/a/x_codebook.json"
    with Endpoint() as endpoint:
        axial(endpoint, lines, name="a")
        axial(endpoint, lines, "--codebook", old, name="b")
    codebook = book(tmp_path, "b")
    assert codebook["codes"] == book(tmp_path, "a")["codes"]
    assert not any(codebook["lineage"]["events"].values())
    done = run_inside("compare_codes.py", "results/a", "results/b", "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert [(row["difference"], row["gained"], row["lost"], row["p"]) for row in result["codes"]
            ] == [(0, [], [], 1)] * 2
    assert result["moved"] == [] and result["known"] == 10
    written = json.loads((tmp_path / "results/b/code_comparison.json").read_text())
    assert written == result


def test_what_no_code_fits_is_not_asked_for_new_codes_again(axial: Run, tmp_path: Path) -> None:
    """The endpoint makes a code of none of these two; a changed open code is compared anew."""
    lines = [*(sample(n, BOOKS) for n in range(4)), *(sample(n, "") for n in (4, 5))]
    old = tmp_path / "results/a/x_codebook.json"
    with Endpoint() as endpoint:
        axial(endpoint, lines, name="a")
        assert primary(tmp_path, "a")[4:] == ["no_code_applies"] * 2
        assert list(book(tmp_path, "a")["uncovered"]) == ["run/4", "run/5"]
        axial(endpoint, lines, "--codebook", old, name="b")
        axial(endpoint, [*lines[:5], sample(5, TIME)], "--codebook", old, name="c")
        asked = [body["input"] for body in endpoint.paid
                 if body["text"]["format"]["name"] == "codebook"]
    assert book(tmp_path, "b")["codes"] == book(tmp_path, "a")["codes"]
    assert book(tmp_path, "b")["rounds"] == 0
    assert len(asked) == 1 and "Sample 5." in asked[0] and "Sample 4." not in asked[0]
    assert [code["code"] for code in book(tmp_path, "c")["codes"]] == [BOOKS, TIME]


def test_a_failure_that_passes_in_the_other_run_has_lost_its_code(
    axial: Run, run_inside: Run, tmp_path: Path
) -> None:
    """With --only-failed, passing samples are in no coding: the file of what passed knows them."""
    with Endpoint() as endpoint:
        axial(endpoint, [sample(n, BOOKS) for n in range(6)], name="a")
        after = [{**sample(n, BOOKS), "sample_id": f"new/{n}"} for n in (0, 1, 9)]
        axial(endpoint, after, "--codebook", tmp_path / "results/a/x_codebook.json", name="b")
    for name, passing in (("a", [9, 20]), ("b", [2, 3, 4, 4, 20])):  # item 4 is there twice
        (tmp_path / f"results/{name}/passed_x.jsonl").write_text("".join(json.dumps(
            {"sample_id": f"{name}/{n}/{place}", "item_id": str(n), "trial": 0}) + "\n"
            for place, n in enumerate(passing)))
    done = run_inside("compare_codes.py", "results/a", "results/b", "--json", cwd=tmp_path)
    comparison = json.loads(done.stdout)
    assert [comparison[name] for name in (
        "paired_by", "pairs", "passed_in_a", "passed_in_b", "samples_only_in_a",
        "samples_only_in_b")] == ["item and trial", 5, 1, 2, 2, 0]
    [change] = comparison["codes"]
    assert (change["in_a"], change["in_b"], change["difference"]) == (4, 3, -0.2)
    assert change["lost"] == ["run/2", "run/3"] and change["gained"] == ["new/9"]
    assert {move["to"] for move in comparison["moved"]} == {"passed", BOOKS}
    page = (tmp_path / "results/b/code_comparison.md").read_text(encoding="utf-8")
    assert "2 samples of A pass in B" in page
    (tmp_path / "results/b/passed_x.jsonl").write_text("{}\n")
    done = run_inside("compare_codes.py", "results/a", "results/b", cwd=tmp_path)
    assert done.returncode == 1 and "passed_x.jsonl:1" in done.stderr


def test_an_old_codebook_is_only_extended_and_changes_are_paired(
    axial: Run, run_inside: Run, tmp_path: Path
) -> None:
    before = [sample(n, (BOOKS, ENDS)[n % 2]) for n in range(10)]
    after = [sample(n, BOOKS if n < 8 else TIME) for n in range(10)] + [sample(10, BOOKS)]
    with Endpoint() as endpoint:
        axial(endpoint, before, name="a")
        axial(endpoint, after, "--codebook", tmp_path / "results/a/x_codebook.json", name="b")
    old, new = book(tmp_path, "a"), book(tmp_path, "b")
    assert new["codes"][:2] == old["codes"]
    assert [code["code"] for code in new["codes"][2:]] == [TIME]
    assert [event["after"] for event in new["lineage"]["events"]["added"]] == [[TIME]]
    assert new["lineage"]["parent"].endswith("results/a/x_codebook.json")
    done = run_inside("compare_codes.py", "results/a", "results/b", "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert (result["pairs"], result["samples_only_in_b"], result["paired_by"]) == (10, 1, "sample")
    changes = {code["code"]: code for code in result["codes"]}
    assert changes[BOOKS]["gained"] == ["run/1", "run/3", "run/5", "run/7"]
    assert changes[BOOKS]["lost"] == ["run/8"] and changes[BOOKS]["difference"] == 0.3
    assert changes[ENDS]["lost"] == [f"run/{n}" for n in (1, 3, 5, 7, 9)]
    assert changes[ENDS]["p"] == 0.0312 and changes[ENDS]["p_holm"] == 0.0625  # 2 * (1/2)^5 / 2
    assert result["only_in_b"] == [TIME] and result["only_in_a"] == []
    assert {"sample_a": "run/8", "sample_b": "run/8", "from": BOOKS, "to": TIME} in result["moved"]
    page = (tmp_path / "results/b/code_comparison.md").read_text(encoding="utf-8")
    assert f"`run/8`: `{BOOKS}` → `{TIME}`" in page


def test_codings_that_share_nothing_are_refused(
    axial: Run, run_inside: Run, tmp_path: Path
) -> None:
    with Endpoint() as endpoint:
        axial(endpoint, [sample(n, BOOKS) for n in range(4)], name="a")
        axial(endpoint, [sample(n, ENDS) for n in range(4)], name="b")
    done = run_inside("compare_codes.py", "results/a", "results/b", cwd=tmp_path)
    assert done.returncode == 1 and "--codebook" in done.stderr
    done = run_inside("compare_codes.py", "results/a", "results/none", cwd=tmp_path)
    assert done.returncode == 1 and "results/none" in done.stderr


# The whole way: runs, open codes, axial codes, ledger.

@pytest.mark.slow
def test_the_codes_become_one_more_coder_of_the_packet(
    run_script: Run, tmp_path: Path
) -> None:
    run = judged(tmp_path / "run", [turn(n, n == 5, user_text=f"CODE:{(BOOKS, ENDS)[n % 2]} "
                                         f"which talk {n}?") for n in range(12)])
    with Endpoint() as endpoint:
        for script, *args in (
                ("build_packet.py", "--run-dir", run, "--output-dir", "results/p"),
                ("open_coder.py", "--input", "results/p", "--project", "p", "--base-url",
                 endpoint.url),
                ("axial_coder.py", "--input", "results/p/open_coded_p.jsonl", "--project", "p",
                 "--base-url", endpoint.url, "--model", "org/some model"),
                ("record_review.py", "results/p", "--from", "results/p/axial_reviews_p.jsonl"),
                ("measure_agreement.py", "results/p")):
            done = run_script(script, *args, cwd=tmp_path, env=KEY)
            assert done.returncode == 0, done.stdout + done.stderr
    reviews = read_jsonl(tmp_path / "results/p/reviews.jsonl")
    assert len(reviews) == 11
    assert {(review["coder"], review["kind"]) for review in reviews} == {("org_some_model", "llm")}
    assert Counter(review["bucket"] for review in reviews) == {BOOKS: 6, ENDS: 5}
    assert all(review["quotes"][0].startswith("CODE:") for review in reviews)


# Hostile open codes.

def test_no_attack_gets_past_the_parser_or_out_of_the_fence() -> None:
    settings = model.Settings("m")
    samples = [axial_coding.compact(f"s{n + 1}", sample(n, text=attack))
               for n, attack in enumerate(ATTACKS)]
    coder = axial_coding.Coder(settings, 1)
    stage = axial_coding.Stage(coder, coder, "bench", {"what_it_tests": "", "rewards": ""},
                               samples, (), {}, 0, 10**6, frozenset())
    [wanted] = axial_coding.build(stage, axial_coding.Progress(), lambda _: None).needed
    text, mark = wanted.body["input"], wanted.mark
    assert text.count(f"<<{mark} end of the open codes>>") == 1
    assert len(re.findall(rf"<<{mark} s\d+>>", text)) == len(ATTACKS) >= 60
    assert not set(text) & (set(map(chr, range(32))) - {"\n", "\t"})
    for attack in ATTACKS:
        for shape in (shapes.Taxonomy, shapes.Codebook, shapes.Assignments):
            asked = model.new_request(settings, "x", mark, shape, "", text)
            assert model.parse(asked, attack)[0] is None, attack


def test_a_real_small_model_finds_codes(run_script: Run, tmp_path: Path) -> None:
    """Slow (minutes): asks for the contract only, as such a model codes badly."""
    url = os.environ.get("LLAMA_URL")
    if not url:
        pytest.skip("LLAMA_URL names no chat endpoint of a small model")
    lines = [sample(n, text=text) for n, text in enumerate([
        "The agent booked session S4 though S2 was asked for.",
        "The agent ended the call before the second request was done."] * 6)]
    project(tmp_path, lines)
    done = run_script("axial_coder.py", "--input", "results/p/open_coded_x.jsonl", "--project", "p",
                      "--base-url", url, "--model", "local", "--api", "chat", "--context-tokens",
                      "3000", "--max-output-tokens", "1500", "--max-unknown", "1", "--json",
                      cwd=tmp_path, env=KEY)
    if done.returncode:  # such a model may find no code at all; that must be said, not hidden
        assert "no answer held a codebook" in done.stderr
        return
    by_id = coded(tmp_path)
    names = {code["code"] for code in book(tmp_path)["codes"]}
    assert len(by_id) == sum(json.loads(done.stdout)["states"].values()) == 12
    for line in by_id.values():
        codes = line["axial_coding"]
        assert codes["primary_code"] in {*names, "no_code_applies", "unknown"}
        assert (codes["primary_code"] == "unknown") == (line["axial_state"] != "ok")
        with contextlib.suppress(TypeError):
            assert set(codes["secondary_codes"]) <= names


def test_without_a_codebook_nothing_is_coded(axial: Run, tmp_path: Path) -> None:
    with Endpoint(twist=lambda _: {"output": []}) as endpoint:
        done = axial(endpoint, [sample(0, BOOKS), sample(1, ENDS)], code=1)
        assert {body["text"]["format"]["name"] for body in endpoint.paid} <= {
            "taxonomy", "codebook"}
    assert "no answer held a codebook" in done.stderr


def test_a_codebook_of_more_codes_than_can_be_sent_is_no_answer(axial: Run, tmp_path: Path) -> None:
    def twist(said: dict) -> dict:
        piece = said["output"][0]["content"][0]
        value = json.loads(piece["text"])
        first = value["primary_categories"][0]["subcategories"][0]
        value["primary_categories"][0]["subcategories"] = [
            {**first, "code": f"code_{n}"} for n in range(301)]
        piece["text"] = json.dumps(value)
        return said

    with Endpoint(twist=twist) as endpoint:
        done = axial(endpoint, [sample(0, BOOKS)], code=1)
    assert "more than 300 codes" in done.stderr


def test_a_curve_is_drawn_before_its_file_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawing takes most of the time: a process that is killed meanwhile leaves nothing."""
    from matplotlib.figure import Figure

    there, save = [], Figure.savefig

    def savefig(figure: Figure, *args: object, **options: object) -> None:
        there.extend(tmp_path.iterdir())
        save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    card_page.draw(tmp_path / "p_rarefaction.png",
                   {"read": [1, 2], "codes": [1, 2], "low": [1, 1], "high": [1, 2]})
    assert there == [] and [path.name for path in tmp_path.iterdir()] == ["p_rarefaction.png"]
