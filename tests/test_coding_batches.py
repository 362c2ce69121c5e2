"""open_coder.py through the Batch API of a real endpoint on loopback: the same result as live
calls, and no answer that was paid for is lost or paid for again."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from coding_runs import KEY, coded, faulty
from failure_analysis.coding import batch
from llm_server import Endpoint
from make_runs import read_jsonl

Code = Callable[..., subprocess.CompletedProcess[str]]
BATCHES, CALLS = "results/p/open_coding_batches.jsonl", "results/p/open_coding_calls.jsonl"


@pytest.mark.slow
def test_batches_give_the_same_result_as_live_calls(
    code: Code, tmp_path: Path, run_script: Code
) -> None:
    run = faulty(tmp_path, ["none", "made_up_once", "garbage", "refusal", "expired"])
    with Endpoint() as endpoint:
        done = code(endpoint, run, "--batch", "submit", "--json")
        assert json.loads(done.stdout)["requests"] == 5
        assert json.loads(code(endpoint, run, "--batch", "submit", "--json").stdout)[
            "requests"] == 0
        assert "completed, 4 of 5 answered" in code(endpoint, run, "--batch", "status").stdout
        done = code(endpoint, run, "--batch", "collect", code=1)
        assert "collected 4 answers" in done.stdout and "next: --batch submit" in done.stdout
        # What expired is asked again; the repairs are new.
        assert json.loads(code(endpoint, run, "--batch", "submit", "--json").stdout)[
            "requests"] == 3
        done = code(endpoint, run, "--batch", "collect", "--json", code=1)
        assert json.loads(done.stdout)["needed"] == 1  # it expired again, and is no answer
        assert len(endpoint.batches) == 2
        paid = len(endpoint.paid)
        done = code(endpoint, run, "--max-unknown", "1")  # nothing is under way: live goes on
        assert len(endpoint.paid) == paid + 1 and "coded 3 of 5" in done.stdout
    batched = coded(tmp_path)
    assert [line["state"] for line in batched] == ["ok", "ok", "unparsed", "refused", "ok"]
    (tmp_path / "live").mkdir()
    with Endpoint() as endpoint:
        run_script("open_coder.py", "--input", run, "--project", "p", "--base-url", endpoint.url,
                   cwd=tmp_path / "live", env=KEY)
    assert coded(tmp_path / "live")[:4] == batched[:4]


@pytest.mark.parametrize("made", [True, False])
def test_a_crash_while_a_batch_is_made_pays_for_it_once(
    made: bool, code: Code, tmp_path: Path
) -> None:
    run = faulty(tmp_path, ["none", "none"])
    with Endpoint() as endpoint:
        code(endpoint, run, "--batch", "submit")
        path = tmp_path / BATCHES
        [intent, _] = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(intent)  # as if the process had died before it could write down the id
        if not made:
            endpoint.batches.clear()
        code(endpoint, run, "--batch", "submit")
        assert len(endpoint.batches) == 1
        done = code(endpoint, run, "--batch", "collect")
    assert "coded 2 of 2" in done.stdout
    assert [batched.collected for batched in batch.load(path).values()] == (
        ["completed"] if made else ["never made", "completed"])


def test_an_answer_asked_for_again_takes_the_place_of_the_old_one(
    code: Code, tmp_path: Path
) -> None:
    """Collected without --retry-unknown: it was paid for, so it is kept."""
    run = faulty(tmp_path, ["none", "none"])

    def refuse(body: dict) -> tuple | None:
        return (400, {"error": {"message": "against our content policy"}}) \
            if "Question 1" in body.get("input", "") else None

    with Endpoint(refuse=refuse) as endpoint:
        code(endpoint, run, code=1)
        assert [line["state"] for line in coded(tmp_path)] == ["ok", "refused"]
        done = code(endpoint, run, "--batch", "submit", "--retry-unknown", "--json")
        assert json.loads(done.stdout)["requests"] == 1
        done = code(endpoint, run, "--batch", "collect")
    assert "collected 1 answers" in done.stdout
    assert [line["state"] for line in coded(tmp_path)] == ["ok", "ok"]


def test_nothing_is_paid_twice_or_thrown_away_while_a_batch_is_under_way(
    code: Code, tmp_path: Path
) -> None:
    run = faulty(tmp_path, ["none", "none"])
    with Endpoint(batches="in_progress") as endpoint:
        code(endpoint, run, "--batch", "submit")
        assert "--batch collect first" in code(endpoint, run, code=1).stderr
        assert "collect them before" in code(endpoint, run, "--overwrite", code=1).stderr
        done = code(endpoint, run, "--overwrite", "--batch", "collect", code=2)
        assert "--overwrite does not go with --batch collect" in done.stderr
        assert "1 batches under way" in code(endpoint, run, "--batch", "collect", code=1).stdout
        assert not endpoint.paid
        endpoint.batches["batch_0"]["status"] = "cancelled"
        code(endpoint, run, "--batch", "collect", code=1)
        assert "coded 2 of 2" in code(endpoint, run).stdout


def test_a_budget_holds_for_batches_too(code: Code, tmp_path: Path) -> None:
    run = faulty(tmp_path, ["none"] * 5)
    with Endpoint() as endpoint:
        done = code(endpoint, run, "--batch", "submit", "--max-calls", "2")
        assert "submitted 2 requests in 1 batches; 3 are over the budget" in done.stdout
        done = code(endpoint, run, "--batch", "submit", "--max-tokens-total", "2000",
                    "--max-output-tokens", "100", code=1)
        assert "max_output_tokens was None" in done.stderr
        done = code(endpoint, run, "--batch", "submit", "--max-tokens-total", "6500", "--json")
        assert json.loads(done.stdout)["requests"] == 2  # about 1,300 in and 1,500 out each


def test_an_error_of_the_provider_is_one_line_without_the_key(code: Code, tmp_path: Path) -> None:
    run = faulty(tmp_path, ["none"])

    def refuse(body: dict) -> tuple | None:
        return (400, {"error": {"message": f"no batches for {KEY['OPENAI_API_KEY']}"}}) \
            if "path" in body else None

    with Endpoint(refuse=refuse) as endpoint:
        done = code(endpoint, run, "--batch", "submit", code=1)
        assert "the provider refuses" in done.stderr and "no batches for [key]" in done.stderr
        endpoint.refuse = lambda _: None
        code(endpoint, run, "--batch", "submit")
        assert len(endpoint.batches) == 1
        code(endpoint, run, "--batch", "collect")


@pytest.mark.parametrize("said", [
    {"metadata": "x"}, {"metadata": [1]}, {"metadata": {"deep_error_analysis": [1]}},
    {"request_counts": "x"}, {"request_counts": {"total": "many"}}, {"errors": "x"},
    {"errors": {"data": ["x"]}}, {"status": 5}, {"output_file_id": {"a": 1}}, {"id": None}])
def test_a_batch_of_another_shape_ends_in_a_line(said: dict, code: Code, tmp_path: Path) -> None:
    run = faulty(tmp_path, ["none"])
    with Endpoint() as endpoint:
        code(endpoint, run, "--batch", "submit")
        path, whole = tmp_path / BATCHES, (tmp_path / BATCHES).read_bytes()
        endpoint.batches["batch_0"] |= said
        is_odd = not {"metadata", "id"} & set(said)
        for way in ("status", "collect"):
            done = code(endpoint, run, "--batch", way, code=int(is_odd))
            assert ("has not the shape of its API" in done.stderr) == is_odd
            path.write_bytes(whole)
        path.write_bytes(whole.splitlines(keepends=True)[0])  # now it is looked for in the list
        done = code(endpoint, run, "--batch", "submit", code=int("id" in said))
        assert ("has not the shape of its API" in done.stderr) == ("id" in said)


@pytest.mark.parametrize("listed", [5, "x", {"a": 1}, ["x"], None])
def test_a_list_of_batches_that_is_none_ends_in_a_line(
    listed: object, code: Code, tmp_path: Path
) -> None:
    run = faulty(tmp_path, ["none"])
    with Endpoint() as endpoint:
        code(endpoint, run, "--batch", "submit")
        path = tmp_path / BATCHES
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
        endpoint.listed = listed
        done = code(endpoint, run, "--batch", "status", code=1)
    assert "has not the shape of its API" in done.stderr


def test_the_key_and_the_size_of_an_answer_hold_for_batches(code: Code, tmp_path: Path) -> None:
    run = faulty(tmp_path, ["none", "none"])
    with Endpoint() as endpoint:
        code(endpoint, run, "--batch", "submit")
        name = endpoint.batches["batch_0"]["output_file_id"]
        first, second = map(json.loads, endpoint.files[name].splitlines())
        first["response"]["body"]["id"] = KEY["OPENAI_API_KEY"]
        second["response"]["body"]["padding"] = "x" * 2_000_000
        endpoint.files[name] = "\n".join(map(json.dumps, (first, second))).encode()
        code(endpoint, run, "--batch", "collect", code=1)
    assert [call["state"] for call in read_jsonl(tmp_path / CALLS)] == ["ok", "unparsed"]
    for path in (tmp_path / "results").rglob("*"):
        assert path.is_dir() or KEY["OPENAI_API_KEY"].encode() not in path.read_bytes()
    assert '"response_id":"[key]"' in (tmp_path / CALLS).read_text(encoding="utf-8")
