"""What an endpoint can do to a run: say absurd counts, send the key back, send without an end, send
elsewhere, refuse. Through open_coder.py and a real endpoint on loopback."""

import base64
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from coding_runs import KEY, coded, faulty
from failure_analysis.coding import endpoint as connection
from failure_analysis.coding import secret
from llm_server import HUGE, Endpoint
from make_runs import read_jsonl

Code = Callable[..., subprocess.CompletedProcess[str]]
SECRET = KEY["OPENAI_API_KEY"]
FORMS = {
    "plain": SECRET, "loud": SECRET.upper(), "address": quote(SECRET, safe="").replace("-", "%2D"),
    "escaped": "".join(f"\\u{ord(letter):04x}" for letter in SECRET),
    "escaped twice": "".join(f"\\\\u{ord(letter):04x}" for letter in SECRET),
    "html": "".join(f"&#{ord(letter)};" for letter in SECRET),
    **{f"base64 after {n}": base64.b64encode(b"x" * n + SECRET.encode()).decode()
       for n in range(3)}}


def saying(usage: Any) -> Callable[[dict], dict]:
    """An endpoint's answers with these counts."""
    return lambda said: {**said, "usage": usage}


def written(folder: Path, done: subprocess.CompletedProcess[str]) -> bytes:
    """All that a run wrote and said."""
    return b"\n".join([path.read_bytes() for path in (folder / "results").rglob("*")
                       if path.is_file()] + [done.stdout.encode(), done.stderr.encode()])


@pytest.mark.parametrize(("usage", "calls"), [
    ({"input_tokens": -9000, "output_tokens": -9000}, 3), (None, 3), ("x", 3), ([1], 3),
    ({"input_tokens": True, "output_tokens": 1.5}, 3), ({"input_tokens": "5"}, 3),
    ({"input_tokens": {"a": 1}, "output_tokens": 10**30}, 3),
    ({"input_tokens": 0, "output_tokens": 0}, 6), ({"input_tokens": 10**18, "output_tokens": 5}, 6),
    ({"input_tokens": float("nan"), "output_tokens": 5}, 6)])
def test_no_count_that_is_said_enlarges_a_budget(
    usage: Any, calls: int, code: Code, tmp_path: Path
) -> None:
    """An answer of about 100 tokens to a prompt of 1,340: six fit, three where 1,500 are reckoned
    for an answer of which nothing is said."""
    with Endpoint(twist=saying(usage)) as endpoint:
        done = code(endpoint, faulty(tmp_path, ["none"] * 12), "--max-tokens-total", "9000",
                    "--price", "10", "10", "--max-concurrent", "1", "--json", code=1)
        assert len(endpoint.paid) == calls
    summary = json.loads(done.stdout)
    assert summary["states"]["ok"] == calls and sum(summary["states"].values()) == 12
    spent = summary["prompt_tokens"] + summary["completion_tokens"]
    assert 7500 < spent <= 9000 and summary["cost"] == round(spent / 1e5, 4)


@pytest.mark.parametrize("form", FORMS)
def test_the_key_that_an_endpoint_sends_back_is_written_nowhere(
    form: str, code: Code, tmp_path: Path
) -> None:
    def twist(said: dict) -> bytes:
        piece = said["output"][0]["content"][0]
        piece["text"] = json.dumps({**json.loads(piece["text"]), "observations": "KEY",
                                    "recommendations": "so KEY."})
        said |= {"id": "KEY", "model": "KEY", "KEY": "KEY"}
        return json.dumps(said).replace("KEY", FORMS[form]).encode()

    with Endpoint(twist=twist) as endpoint:
        endpoint.reply_headers = {"x-request-id": SECRET}
        done = code(endpoint, faulty(tmp_path, ["none", "none"]))
    everything = written(tmp_path, done)
    assert b"[key]" in everything and FORMS[form].encode() not in everything
    assert SECRET.encode() not in everything.lower()
    told = [line["coding"]["observations"] for line in coded(tmp_path)]
    assert all(text.endswith("[key]") and len(text) < 9 for text in told) and len(told) == 2


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_the_key_in_an_error_is_written_nowhere(status: int, code: Code, tmp_path: Path) -> None:
    refused = (status, {"error": {"message": f"for {SECRET}", "code": SECRET, "type": SECRET}},
               {"x-request-id": SECRET, "retry-after": "0"})
    with Endpoint(refuse=lambda _: refused) as endpoint:
        done = code(endpoint, faulty(tmp_path, ["none"] * 2), "--retries", "1", code=1)
    everything = written(tmp_path, done)
    assert b"for [key]" in everything and SECRET.encode() not in everything


def test_a_short_key_is_a_placeholder_and_a_broken_one_is_refused(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    assert secret.redacted(b"EMPTY", "") == b"EMPTY"
    monkeypatch.setenv("OPENAI_API_KEY", " abcdefgh\n")
    assert secret.key() == "abcdefgh"
    assert secret.redacted("abcdefgh".encode("utf-16-le"), "") == b"[key]"
    assert secret.redacted(b"pass%40word abcdefg", "http://me:pass%40word@h/v1") == \
        b"[key] abcdefg"
    for text in ("abc\ndefghij", "abcdefgh\u00e9", "abc defghij"):
        monkeypatch.setenv("OPENAI_API_KEY", text)
        with pytest.raises(Exception, match="OPENAI_API_KEY holds blanks") as refused:
            secret.key()
        assert text not in str(refused.value)


@pytest.mark.parametrize("url", ["http://h:99999/v1", "file:///v1", "http://h/v1?key=hunter2",
                                 "http://h/v\n1", "h/v1", "http://[x/"])
def test_an_address_that_is_none_is_refused_without_being_told(
    url: str, run_inside: Code, tmp_path: Path
) -> None:
    done = run_inside("open_coder.py", "--input", faulty(tmp_path, ["none"]), "--project", "p",
                      "--base-url", url, cwd=tmp_path, env=KEY)
    assert done.returncode == 1 and "is none: give http://" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.slow
def test_an_answer_without_an_end_ends(code: Code, tmp_path: Path) -> None:
    faults = {"drip": "timed_out", "drip_head": "timed_out", "drip_chunk": "timed_out",
              "huge": "unparsed", "huge_chunks": "unparsed", "huge_head": "timed_out",
              "bomb": "unparsed", "none": "ok"}
    with Endpoint() as endpoint:
        done = code(endpoint, faulty(tmp_path, list(faults)), "--timeout", "3", "--retries", "0",
                    "--json", code=1)
        assert endpoint.sent_bytes < HUGE
    assert [line["state"] for line in coded(tmp_path)] == list(faults.values())
    assert sum(json.loads(done.stdout)["states"].values()) == len(faults)
    calls = read_jsonl(tmp_path / "results/p/open_coding_calls.jsonl")
    assert max(call["seconds"] for call in calls) < 5  # a drip goes on for six seconds
    assert len(written(tmp_path, done)) < 100_000


@pytest.mark.parametrize(("status", "place", "says"), [
    (301, "http://evil.test:81/v1?x=secret", "it redirects to http://evil.test:81;"),
    (302, "file:///etc/passwd", "it redirects to file:;"),
    (307, "/v1/other", "it redirects to another path of the same address;"),
    (308, "http://[", "it redirects to no address;")])
def test_a_redirect_is_refused_with_its_name(
    status: int, place: str, says: str, code: Code, tmp_path: Path
) -> None:
    with Endpoint(refuse=lambda _: (status, {}, {"location": place})) as endpoint:
        done = code(endpoint, faulty(tmp_path, ["none"] * 9), "--max-concurrent", "1", code=1)
        assert len(endpoint.seen) == 1
    assert says in done.stderr and "secret" not in done.stderr


@pytest.mark.parametrize("sent", [
    (429, {"error": {"message": "pay", "code": "insufficient_quota"}}),
    (429, {"error": {"message": "pay", "type": "insufficient_quota", "code": None}}),
    (200, {"status": "failed", "error": {"code": "insufficient_quota", "message": "pay"}})])
def test_an_empty_account_ends_the_run_and_what_is_done_is_kept(
    sent: tuple, code: Code, tmp_path: Path
) -> None:
    run, left = faulty(tmp_path, ["none"] * 9), [4]

    def refuse(_: dict) -> tuple | None:
        left[0] -= 1
        return sent if left[0] < 0 else None

    with Endpoint(refuse=refuse) as endpoint:
        done = code(endpoint, run, "--max-concurrent", "1", code=1)
        assert len(endpoint.seen) == 5 and len(endpoint.paid) == 4
        assert "insufficient_quota; what is left on the account?; 4 finished calls" in done.stderr
        endpoint.refuse = lambda _: None
        code(endpoint, run)
        assert len(endpoint.paid) == 9
    assert [line["state"] for line in coded(tmp_path)] == ["ok"] * 9


def test_refused_calls_cost_nothing(code: Code, tmp_path: Path) -> None:
    def refuse(body: dict) -> tuple | None:
        if "Question 0" in body["input"]:
            return 400, {"error": {"message": "against our content policy"}}
        return (429, {"error": {"message": "slow"}}, {"retry-after": "0"}) \
            if "Question 1" in body["input"] else None

    with Endpoint(refuse=refuse) as endpoint:
        done = code(endpoint, faulty(tmp_path, ["none"] * 6), "--max-calls", "3", "--retries", "2",
                    "--max-concurrent", "1", "--json", code=1)
        assert len(endpoint.paid) == 3 and len(endpoint.seen) == 7
    summary = json.loads(done.stdout)
    assert summary["calls_made"] == 3 and summary["states"] == {
        "ok": 3, "unparsed": 0, "refused": 1, "truncated": 0, "overflow": 0, "timed_out": 1,
        "skipped_by_budget": 1}


def test_attempts_that_may_have_been_paid_are_counted(code: Code, tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        done = code(endpoint, faulty(tmp_path, ["errors_forever"]), "--max-calls", "2", "--json",
                    code=1)
        assert len(endpoint.seen) == 2
    assert json.loads(done.stdout)["calls_made"] == 2


@pytest.mark.parametrize(("asked", "seconds"), [("0", 0), ("7.5", 7.5), ("121", None),
                                                ("nan", None), ("-1", None), ("soon", None)])
def test_how_long_is_waited(asked: str, seconds: float | None) -> None:
    paused = connection.pause({"retry-after": asked}, 1)
    assert paused == seconds if seconds is not None else 0.75 <= paused <= 1


def test_the_log_says_what_was_expected_and_what_came(code: Code, tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        done = code(endpoint, faulty(tmp_path, ["none", "garbage"]), "--max-concurrent", "1",
                    code=1)
    [path] = (tmp_path / "results/p/logs").iterdir()
    text = path.read_text(encoding="utf-8")
    for line in ("DEBUG run/0: attempt 1; about 13", "and 1500 out expected\n",
                 "DEBUG run/0: ok after ", "tokens in: 100 said, about 13",
                 "tokens out: 20 said, about ", "DEBUG run/0: parsed as OpenCode\n",
                 "DEBUG run/1: not parsed: ", 'DEBUG counts: {"project": "p", "samples": 2, ',
                 "INFO open coding: 2 samples, model gpt-5.5", "INFO open coding: 2 of 2 done; "):
        assert line in text, line
    assert done.stderr.count("\n") == 4  # the start, two samples, the end
    assert "open coding: 2 of 2 done; " in done.stderr and "attempt" not in done.stderr
    assert done.stderr.endswith("coded 1 of 2, 1 unknown (unparsed 1)\n")


def test_a_run_that_the_endpoint_ends_writes_every_state(code: Code, tmp_path: Path) -> None:
    with Endpoint(refuse=lambda _: (401, {"error": {"message": "no"}})) as endpoint:
        done = code(endpoint, faulty(tmp_path, ["none"] * 5), "--json", code=1)
    summary = json.loads(done.stdout)
    assert summary["states"]["skipped_by_budget"] == summary["samples"] == 5
    assert "is OPENAI_API_KEY right?" in summary["ended"] and summary["ended"] in done.stderr
    assert [(line["state"], line["reason"]) for line in coded(tmp_path)] == [
        ("skipped_by_budget", "not asked")] * 5
    assert summary["calls_made"] == 0 and "done" not in done.stderr


def test_what_is_under_way_when_a_run_ends_is_waited_for_and_kept(
    code: Code, tmp_path: Path
) -> None:
    """The refusal comes at once, the answer to the other call after half a second."""
    def refuse(body: dict) -> tuple | None:
        if "Question 1?" in body["input"]:
            return 403, {"error": {"message": "no"}}
        time.sleep(0.5)
        return None

    with Endpoint(refuse=refuse) as endpoint:
        done = code(endpoint, faulty(tmp_path, ["none"] * 9), "--max-concurrent", "2", "--json",
                    code=1)
        assert len(endpoint.seen) == 2 and len(endpoint.paid) == 1
    assert [line["state"] for line in coded(tmp_path)] == ["ok"] + ["skipped_by_budget"] * 8
    assert "1 finished calls" in done.stderr and json.loads(done.stdout)["calls_made"] == 1


def test_a_run_that_ends_wakes_who_waits_to_try_again_or_for_the_budget(
    code: Code, tmp_path: Path
) -> None:
    def refuse(body: dict) -> tuple | None:
        if "Question 0?" in body["input"]:
            return 429, {"error": {"message": "slow"}}, {"retry-after": "60"}
        time.sleep(0.3)
        return 403, {"error": {"message": "no"}}

    start = time.monotonic()
    with Endpoint(refuse=refuse) as endpoint:
        code(endpoint, faulty(tmp_path, ["none"] * 9), "--max-tokens-total", "9000",
             "--max-output-tokens", "1500", code=1)
    assert time.monotonic() - start < 30 and len(coded(tmp_path)) == 9


def test_a_date_to_wait_until_and_a_word_not_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.time, "time", lambda: 784111770.0)
    assert connection.pause({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 1) == 7
    assert connection.pause({"retry-after": "Sun, 06 Nov 1994 08:49:00 GMT"}, 1) == 0
    for far in ("Sun, 06 Nov 1994 09:49:37 GMT", "Sun, 99 Nov 99999 08:49:37 GMT"):
        assert 0.75 <= connection.pause({"retry-after": far}, 1) <= 1
    assert connection.pause({"x-should-retry": "false", "retry-after": "1"}, 1) is None
    assert connection.pause({"x-should-retry": "true", "retry-after": "3"}, 1) == 3


def test_an_endpoint_that_says_not_to_ask_again_is_not_asked_again(
    code: Code, tmp_path: Path
) -> None:
    refused = (503, {"error": {"message": "down"}}, {"x-should-retry": "false"})
    with Endpoint(refuse=lambda _: refused) as endpoint:
        code(endpoint, faulty(tmp_path, ["none"]), code=1)
        assert len(endpoint.seen) == 1
    assert [line["state"] for line in coded(tmp_path)] == ["timed_out"]


@pytest.mark.parametrize(("count", "length", "state"), [
    (101, 20, "unparsed"), (2, 25_001, "unparsed"), (100, 20, "ok"), (20_000, 20, "unparsed")])
def test_more_quotes_than_can_be_looked_for_are_no_answer(
    count: int, length: int, state: str, code: Code, tmp_path: Path
) -> None:
    def twist(said: dict) -> dict:
        piece = said["output"][0]["content"][0]
        piece["text"] = json.dumps({**json.loads(piece["text"]), "evidence": [
            {"quote": f"{n:0{length}d}", "shows": "x"} for n in range(count)]})
        return said

    with Endpoint(twist=twist) as endpoint:
        code(endpoint, faulty(tmp_path, ["none"]), "--max-unknown", "1")
    [line] = coded(tmp_path)
    assert line["state"] == state
    assert ("more than 100 quotes" in line["reason"]) == (state != "ok")
