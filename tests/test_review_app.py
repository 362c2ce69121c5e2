"""review_app.py: who may open the page, working in it, and what it leaves in the ledger."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from typing import NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from browser import chromium, until
from failure_analysis.audit import candidates, run
from failure_analysis.audit import given as given_to_audit
from failure_analysis.packet import rows
from failure_analysis.pages import examined, layout
from failure_analysis.pages.server import _layers
from failure_analysis.report import second_reading
from failure_analysis.review import audit_readings, ledger, parts, plan, reading_log
from make_runs import judged, read_jsonl, simulation, task, tau2, turn

POISON = ('<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">'
          "</script>]]> {{ 7 * 7 }} \x1b[31mred\x1b[0m \u202etxet")
SHOWN = ('<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">'
         "</script>]]> {{ 7 * 7 }} \\x1b[31mred\\x1b[0m \\u202etxet")
ASKED = "I would like the talk about gardens at ten o'clock, please, and nothing else."
CALL = {"id": "c1", "function": {"name": "book", "arguments": json.dumps(
    {"talk": "The history of public gardens", "hour": 9, "name": "Ada",
     "room": "the big one upstairs"})}}
MECHANISM = "It booked nine o'clock although ten was asked for."


class Page(NamedTuple):
    """A running review_app.py."""

    process: subprocess.Popen
    link: str
    port: int
    token: str
    folder: object


@pytest.fixture(scope="session")
def packets(run_script, tmp_path_factory):
    """Two models with three failing items each, planned; one item is poisoned."""
    root = tmp_path_factory.mktemp("packets")
    for model in "ab":
        judged(root / f"run-{model}", [
            turn(1, False, model_name=f"model-{model}", user_text=ASKED, tool_calls=[CALL],
                 tool_results=[{"tool_call_id": "c1", "content": "booked at nine"}],
                 assistant_text=f"Answer of {model}: you are booked for nine o'clock.",
                 judge_reasoning="The hour is wrong. " * 300),
            turn(2, False, model_name=f"model-{model}", user_text=POISON,
                 assistant_text=f"{POISON}!", judge_reasoning=f"{POISON}?",
                 tool_calls=[{"name": "call", "arguments": POISON}],
                 tool_results=[f"{POISON}."], scores={POISON: False}),
            turn(3, False, model_name=f"model-{model}",
                 assistant_text=f"Answer {model} of three."),
            turn(4, model == "a", model_name=f"model-{model}", assistant_text="Talk D it is.")])
    out = root / "out"
    for name, *args in (("build_packet.py", "--run-dir", root / "run-a", root / "run-b",
                         "--output-dir", out), ("cluster_failures.py", out),
                        ("compare_models.py", out), ("plan_review.py", out)):
        done = run_script(name, *args)
        assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def folder(packets, tmp_path):
    """A copy of the planned folder, with nothing reviewed."""
    return shutil.copytree(packets, tmp_path / "out")


def started(bundle, folder, *args):
    """Starts the page of a folder."""
    process = subprocess.Popen(
        [sys.executable, bundle / "scripts" / "review_app.py", folder, "--coder", "ada",
         "--no-browser", *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    lines = (line.strip() for line in process.stdout)
    link = next((line for line in lines if line.startswith("http://127.0.0.1:")), "")
    assert link, process.communicate(timeout=10)[1]
    address, token = link.split("/?token=")
    return Page(process, link, int(address.rpartition(":")[2]), token, folder)


def interrupted(page):
    """Ends a page as Ctrl-C does: quietly."""
    page.process.send_signal(signal.SIGINT)
    _, errors = page.process.communicate(timeout=10)
    assert (page.process.returncode, errors) == (0, "")


@pytest.fixture
def serve(bundle):
    """`serve(folder, *args)`: starts a page that ends with the test."""
    pages = []

    def start(folder, *args):
        pages.append(started(bundle, folder, *args))
        return pages[-1]

    yield start
    for page in pages:
        interrupted(page)


@pytest.fixture(scope="module")
def resting(bundle, packets, tmp_path_factory):
    """A page that no test writes through."""
    page = started(bundle, shutil.copytree(packets, tmp_path_factory.mktemp("resting") / "out"))
    yield page
    interrupted(page)


@pytest.fixture(scope="module")
def window():
    """One browser for all tests of this file."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(window, serve, folder):
    """`opened(folder=…)`: the page in the browser, at its first datapoint."""
    def start(where=folder, *args):
        page = serve(where, *args)
        window.get_log("browser")  # forgets what earlier tests left there
        window.get(page.link)
        until(lambda: text(window, "#head"))
        return page

    yield start
    window.get("about:blank")


def text(window, css):
    """The text of an element as it is seen; empty when it is not there."""
    return window.execute_script(
        "const e = document.querySelector(arguments[0]);"
        "return e?.checkVisibility() ? e.innerText : ''", css)


def press(window, keys):
    """Types into whatever has the focus."""
    window.switch_to.active_element.send_keys(keys)


def drag(window, css, width=260):
    """Selects text with the mouse from the top left corner of an element."""
    from selenium.webdriver import ActionChains

    box = window.execute_script(
        "const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'center'});"
        "const b = e.getBoundingClientRect(); return [b.left, b.top]", css)
    actions = ActionChains(window)
    actions.w3c_actions.pointer_action.move_to_location(round(box[0]) + 2, round(box[1]) + 9)
    actions.click_and_hold().move_by_offset(width, 0).release().perform()
    return window.execute_script("return getSelection().toString()")


def fill(window, bucket="books_the_wrong_hour", fault="1"):
    """Fills the form from the keyboard, with a quote dragged from the question."""
    from selenium.webdriver.common.keys import Keys

    press(window, "b")
    press(window, bucket + Keys.ESCAPE)
    press(window, fault)
    press(window, "m")
    press(window, MECHANISM + Keys.ESCAPE)
    words = drag(window, ".box.question .text")
    assert len(words) > parts.SHORTEST_QUOTE
    press(window, "q")
    return words


def reviews(folder):
    """The lines of the ledger, there yet or not."""
    return read_jsonl(folder / ledger.NAME) if (folder / ledger.NAME).exists() else []


def record(folder, item="1", **changes):
    """Records a review as an agent does, beside the page."""
    known = rows.load(folder)
    entry = {"datapoint_id": f"run-a/{item}", "coder": "bot", "kind": "agent", "fault": "mixed",
             "bucket": "asks_too_little", "mechanism": MECHANISM, "quotes": [ASKED], **changes}
    [verdict] = ledger.append(known, [entry])
    assert verdict.review, verdict.reason
    return verdict.review


def ask(page, method="GET", path="/api/queue", body=None, **headers):
    """One request with the headers of our own page, some of them changed (None: left out)."""
    sent = {"Host": f"127.0.0.1:{page.port}", "Cookie": f"review_{page.port}={page.token}",
            "Origin": f"http://127.0.0.1:{page.port}", "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    payload = json.dumps(body).encode() if body is not None else b""
    for name, value in {**sent, "Content-Length": str(len(payload))}.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(payload)
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, \
        answer.read().decode()
    connection.close()
    return found


def review_of(ident="run-a/1", **changes):
    """A review as the page sends it."""
    return {"datapoint_id": ident, "bucket": "books_the_wrong_hour", "fault": "model_error",
            "mechanism": MECHANISM, "quotes": [ASKED], "secondary": [], "note": "",
            "settles": False, "replaces": None, **changes}


# Who may use it


def test_the_token_moves_into_a_cookie(serve, folder):
    page = serve(folder)
    status, headers, _ = ask(page, path=f"/?token={page.token}", Cookie=None, Origin=None)
    assert (status, headers["location"]) == (303, "/")
    assert "httponly" in headers["set-cookie"].lower()
    assert "samesite=strict" in headers["set-cookie"].lower()
    status, headers, body = ask(page, path="/")
    assert status == 200
    assert page.token not in body
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert (headers["x-content-type-options"], headers["referrer-policy"],
            headers["cache-control"]) == ("nosniff", "no-referrer", "no-store")


@pytest.mark.parametrize("headers", [
    {"Cookie": None}, {"Cookie": "review_{port}=guess"}, {"Cookie": "review_1={token}"},
    {"Host": "evil.example", "Origin": None}, {"Host": "127.0.0.1", "Origin": None},
    {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
    {"Origin": "http://evil.example"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": "null"},
    {"Origin": "http://localhost:{port}"}, {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"},
], ids=str)
def test_foreign_requests_are_refused(resting, headers):
    filled = {name: value and value.format(port=resting.port, token=resting.token)
              for name, value in headers.items()}
    assert ask(resting)[0] == 200
    status, answered, body = ask(resting, **filled)
    assert (status, "entries" in body) == (403, False)
    assert not [name for name in answered if name.startswith("access-control")]


def test_no_path_is_open_without_the_token(resting):
    for path in ("/", "/?token=guess", "/assets/main.js", "/api/standing", "/nowhere"):
        assert ask(resting, path=path, Cookie=None)[0] == 403, path
    assert ask(resting, path="/assets/..%2fbenchmark.yaml")[0] == 404
    assert ask(resting, path="/assets/page.html.j2")[0] == 404
    assert ask(resting, path="/assets/main.js")[0] == 200


@pytest.mark.parametrize("headers", [
    {"Origin": None}, {"Origin": "http://evil.example"}, {"Content_Type": None},
    {"Content_Type": "text/plain"}, {"Content_Type": "application/x-www-form-urlencoded"},
    {"Cookie": None},
], ids=str)
def test_foreign_writes_are_refused(resting, headers):
    assert ask(resting, "POST", "/api/review", review_of(), **headers)[0] == 403
    assert reviews(resting.folder) == []


def test_it_listens_on_the_loopback_address_alone(resting):
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.1", resting.port)) == 0
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.2", resting.port)) != 0


def test_a_taken_port_is_one_line(resting, run_script):
    done = run_script("review_app.py", resting.folder, "--port", str(resting.port))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "review_app.py: " in done.stderr


@pytest.mark.parametrize(("args", "code", "says"), [
    ((), 1, "nothing in this folder is of a known format"), (("--port", "70000"), 2, "--port"),
    (("--coder", "a b"), 2, "--coder"),
    (("--static", "x.html"), 1, "nothing in this folder is of a known format"),
    (("--output", "out"), 2, "a path that ends in .md"),
])
def test_what_it_refuses_to_start_with(run_script, tmp_path, args, code, says):
    done = run_script("review_app.py", tmp_path, *args, cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert says in done.stderr


def test_without_a_failing_datapoint_there_is_nothing_to_review(build, run_script, tmp_path):
    _, out = build("--run-dir", judged(tmp_path / "run", [turn(1), turn(2)]))
    done = run_script("review_app.py", out)
    assert (done.returncode, "none of the 2 judged datapoints failed" in done.stderr) == (1, True)


# What the server makes of what it is sent


@pytest.mark.parametrize(("changes", "says"), [
    ({"quotes": ["I would like the talk about gardens at nine"]}, "does not occur"),
    ({"bucket": "Wrong hour"}, "snake_case"), ({"bucket": "tool_use_correct"}, "names no cause"),
    ({"datapoint_id": "run-a/99"}, "no datapoint"), ({"datapoint_id": None}, "no datapoint"),
    ({"quotes": "x" * 20}, "does not occur"), ({"fault": 3}, "fault is int"),
], ids=str)
def test_a_bad_review_is_answered_with_the_reason(resting, changes, says):
    status, _, body = ask(resting, "POST", "/api/review", {**review_of(), **changes})
    assert status == 200
    assert says in json.loads(body)["reason"]
    assert reviews(resting.folder) == []


def test_coder_and_kind_are_not_the_pages_to_say(serve, folder):
    page = serve(folder)
    status, _, body = ask(page, "POST", "/api/review", review_of(coder="bot", kind="agent"))
    assert status == 200, body
    [review] = reviews(folder)
    assert (review["coder"], review["kind"]) == ("ada", "person")


@pytest.fixture
def alike(run_script, tmp_path):
    """Four models, of which three answer the same."""
    same = f"{ASKED} So you are booked for nine o'clock, in the big room upstairs."
    runs = [judged(tmp_path / f"run-{name}", [turn(
        1, False, model_name=name, assistant_text=same if name != "d" else "No talk is there.")])
        for name in "abcd"]
    out = tmp_path / "out"
    for name, *args in (("build_packet.py", "--run-dir", *runs, "--output-dir", out),
                        ("cluster_failures.py", out)):
        done = run_script(name, *args)
        assert done.returncode == 0, done.stderr
    return out


def test_one_judgement_holds_for_all_alike_where_it_is_asked_for(serve, alike):
    page = serve(alike)
    for ident, others in (("run-a/1", ["run-b/1", "run-c/1"]), ("run-d/1", [])):
        _, _, body = ask(page, path=f"/api/datapoint?id={quote(ident, safe='')}")
        assert json.loads(body)["alike"] == others
    _, _, body = ask(page, "POST", "/api/review", review_of())
    assert (json.loads(body)["alike"], json.loads(body)["refused"]) == (0, [])
    record(alike, coder="ada", kind="person", datapoint_id="run-c/1")
    _, _, body = ask(page, "POST", "/api/review", review_of(alike=True))
    answer = json.loads(body)
    assert answer["alike"] == 1 and "run-c/1" in answer["refused"][0]
    assert [(review["datapoint_id"], review["alike"], review["bucket"])
            for review in reviews(alike)] == [
        ("run-a/1", "", "books_the_wrong_hour"), ("run-c/1", "", "asks_too_little"),
        ("run-b/1", "run-a/1", "books_the_wrong_hour")]


@pytest.mark.slow
def test_the_box_beside_save_records_the_alike_ones_too(window, opened, alike):
    opened(alike)
    assert text(window, "#alikes").strip() == "and its 2 alike answers"
    press(window, "b")
    window.execute_script("bucket.value = 'books_the_wrong_hour'")
    press(window, "\ue00c")
    press(window, "1")
    press(window, "m")
    press(window, MECHANISM + "\ue00c")
    drag(window, ".box.answer .text")
    press(window, "q")
    until(lambda: len(reviews(alike)) == 1, 5)  # it is saved by itself, without the others
    window.find_element("css selector", "#alike").click()
    until(lambda: len(reviews(alike)) == 3, 5)
    assert [review["alike"] for review in reviews(alike)] == ["", "run-a/1", "run-a/1"]
    press(window, "2")
    until(lambda: len(reviews(alike)) == 6, 5)  # corrected, all three
    assert {review["fault"] for review in reviews(alike)[3:]} == {"grader_issue"}
    assert all(review["replaces"] for review in reviews(alike)[3:])
    window.get(window.current_url.partition("#")[0] + "#run-d%2F1")
    window.refresh()
    until(lambda: "No talk" in text(window, ".box.answer"))
    assert text(window, "#alikes") == ""


@pytest.mark.parametrize("body", [[], "text", {"id": 1, "spans": []}, {"id": "run-a/1"}], ids=str)
def test_odd_bodies_are_answered_not_crashed_on(resting, body):
    status, _, said = ask(resting, "POST", "/api/shown", body)
    assert status in (400, 409)
    assert json.loads(said)["error"]


def test_what_was_shown_is_logged_in_spans_of_each_part():
    spans = [("a", 0, 10), ("a", 10, 20), ("a", 40, 90), ("b", 5, 7), ("none", 0, 9)]
    assert _layers(spans, {"a": 50, "b": 9}) == [{"a": (0, 20), "b": (5, 7)}, {"a": (40, 50)}]


def test_a_plan_made_meanwhile_is_taken_up(serve, folder, run_script):
    page = serve(folder)
    datapoint = f"/api/datapoint?id={quote('run-a/4', safe='')}"
    (folder / rows.CONTRAST).unlink()
    assert "only planned items are copied" in ask(page, path=datapoint)[2]
    done = run_script("plan_review.py", folder, "--budget", "2", "--contrast", "run-a/4")
    assert done.returncode == 0, done.stderr
    assert "Talk D it is." in ask(page, path=datapoint)[2]


@given(st.text(st.sampled_from('[]{}",: \n\\abc1é𝄞'), max_size=4000) | st.recursive(
    st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30).map(json.dumps), st.sampled_from([160, layout.CHUNK]))
@example('{ "talk": [ 1, 2 ] , "of": { "many": "' + "x" * 200 + '" } , "hour": [ ] } ', 160)
def test_the_pieces_of_a_text_are_the_text(text_, first):
    chunks = ["".join(line.text for line in chunk) for chunk in layout.chunks(text_, first)]
    assert "".join(chunks) == text_
    assert len(chunks[0]) <= first * 3 // 2


def test_json_stands_in_lines():
    long = {"talk": "The history of public gardens", "hours": [9, 10], "name": "Ada" * 20}
    lines = layout.json_lines(f"book {json.dumps(long)}")
    assert [line.depth for line in lines] == [0, 1, 1, 1, 0]
    assert lines[2].text == '"hours": [9, 10], '
    assert layout.json_lines("a note with [brackets]") is None


# Working in it


def test_read_quote_record_with_the_keyboard_and_find_it_kept(window, opened, folder):
    from selenium.webdriver.common.keys import Keys

    opened()
    assert "?token" not in window.current_url
    assert ASKED in text(window, ".box.question")
    assert "booked at nine" in text(window, ".pairing .result")
    assert "model-b" in text(window, ".siblings") or "model-a" in text(window, ".siblings")
    ident = window.current_url.partition("#")[2].replace("%2F", "/")
    words = fill(window)
    until(lambda: "quoted from question" in text(window, "#message"))
    press(window, "b")
    press(window, Keys.CONTROL + Keys.ENTER)  # from a field, where the next key is a key again
    until(lambda: len(reviews(folder)) == 1)
    [review] = reviews(folder)
    assert {name: review[name] for name in ("datapoint_id", "bucket", "fault", "mechanism",
                                            "quotes", "coder", "kind")} == {
        "datapoint_id": ident, "bucket": "books_the_wrong_hour", "fault": "model_error",
        "mechanism": MECHANISM, "quotes": [words.strip()], "coder": "ada", "kind": "person"}
    until(lambda: ident not in window.current_url.replace("%2F", "/"))  # it went on to the next
    press(window, "k")
    until(lambda: ident in window.current_url.replace("%2F", "/"))
    window.refresh()
    until(lambda: text(window, "#status").startswith("saved"))
    kept = window.execute_script("return [bucket.value, mechanism.value, form.fault.value]")
    assert kept == ["books_the_wrong_hour", MECHANISM, "model_error"]
    assert words.strip() in text(window, "#quotes")
    assert "1 of" in text(window, "#progress")
    assert [log for log in window.get_log("browser") if log["level"] == "SEVERE"] == []


def test_a_complete_form_saves_itself_and_a_change_corrects_it(window, opened, folder):
    opened()
    fill(window)
    until(lambda: len(reviews(folder)) == 1, 5)
    until(lambda: text(window, "#status").startswith("saved"))
    press(window, "2")
    until(lambda: len(reviews(folder)) == 2, 5)
    first, second = reviews(folder)
    assert (second["replaces"], second["fault"]) == (first["review_id"], "grader_issue")
    press(window, "j")
    press(window, "k")
    until(lambda: text(window, "#status").startswith("saved"))
    assert len(reviews(folder)) == 2  # opening it again changes nothing


def test_leaving_saves_and_a_half_filled_form_stays(window, opened, folder):
    opened()
    first = window.current_url
    fill(window)
    press(window, "j")
    until(lambda: len(reviews(folder)) == 1)  # the pause was cut short: nothing else saves it
    until(lambda: window.current_url != first)
    press(window, "3")
    assert "still needed: bucket, mechanism, quote" in text(window, "#status")
    window.refresh()
    until(lambda: window.execute_script("return form.fault.value") == "reference_issue")
    assert len(reviews(folder)) == 1


@pytest.mark.slow
def test_a_refused_review_says_why_and_is_not_lost(window, opened, folder):
    opened()
    fill(window, bucket="tool use correct")
    until(lambda: "not saved" in text(window, "#status"), 5)
    assert "names no cause" in text(window, "#status")
    assert window.execute_script("return bucket.value") == "tool_use_correct"
    assert reviews(folder) == []


@pytest.mark.slow
def test_two_windows_do_not_overwrite_each_other_unseen(window, opened, folder):
    page = opened()
    fill(window)
    until(lambda: len(reviews(folder)) == 1)
    here, address = window.current_window_handle, window.current_url
    window.switch_to.new_window("tab")
    window.get(address)
    until(lambda: text(window, "#status").startswith("saved"))
    stale = reviews(folder)[0]
    ask(page, "POST", "/api/review",
        review_of(stale["datapoint_id"], fault="mixed", replaces=stale["review_id"]))
    press(window, "5")
    until(lambda: "another window" in text(window, "#status"), 5)
    assert [review["fault"] for review in reviews(folder)] == ["model_error", "mixed"]
    assert "books_the_wrong_hour, mixed" in text(window, "#notice")
    window.find_element("css selector", "#notice button").click()
    assert window.execute_script("return form.fault.value") == "mixed"
    window.close()
    window.switch_to.window(here)
    until(lambda: window.execute_script("return form.fault.value") == "mixed", 5)
    assert len(reviews(folder)) == 2


@pytest.mark.slow
def test_an_agent_beside_it_appears_and_a_disagreement_is_settled(window, opened, folder):
    opened()
    window.execute_script("location.hash = '#run-a%2F1'; location.reload()")
    until(lambda: "model-a" in text(window, "#head"))
    fill(window)
    until(lambda: len(reviews(folder)) == 1)
    record(folder)
    until(lambda: "1 disagreement" in text(window, "#disagreements"), 6)
    assert "same bucket 0 of 1, same fault 0 of 1" in text(window, "#pairs")
    until(lambda: "asks_too_little" in text(window, "#others"))
    window.find_element("id", "disagreements").click()
    until(lambda: text(window, "#found") == "1 of 8")
    window.find_element("id", "settles").click()
    until(lambda: len(reviews(folder)) == 3, 5)
    until(lambda: not text(window, "#disagreements"))
    final = ledger.finals(ledger.load(folder))["run-a/1"]
    assert (final.bucket, final.fault) == ("books_the_wrong_hour", "model_error")


@pytest.mark.slow
def test_others_are_seen_after_ones_own_judgement(window, opened, folder):
    record(folder)
    opened()
    window.execute_script("location.hash = '#run-a%2F1'; location.reload()")
    until(lambda: "1 other review (judge first" in text(window, "#others"))
    assert "asks_too_little" not in text(window, "#others") + text(window, "#queue")
    fill(window)
    until(lambda: "asks_too_little" in text(window, "#others"), 6)


def test_a_script_in_a_transcript_is_text(window, opened, folder):
    opened()
    window.execute_script("location.hash = '#run-a%2F2'; location.reload()")
    until(lambda: SHOWN in text(window, ".box.question"))
    for css in (".box.answer", ".box.judge", ".pairing .call", ".pairing .result", "#head",
                ".siblings"):
        assert SHOWN in " ".join(text(window, css).split()), css
    assert window.execute_script("return window.hacked ?? null") is None
    assert window.execute_script("return document.querySelectorAll('main img, main script')"
                                 ".length") == 0


def test_quotes_come_from_this_datapoint_and_are_proved_at_once(window, opened, folder):
    page = opened()
    press(window, "o")
    assert window.execute_script("return middle.scrollTop") > 0
    drag(window, ".sibling .text", 180)
    press(window, "q")
    until(lambda: "another datapoint" in text(window, "#message"))
    assert text(window, "#quotes") == ""
    drag(window, ".box.question .text", 40)
    press(window, "q")
    until(lambda: "too short" in text(window, "#message"))
    said = json.loads(ask(page, "POST", "/api/quote", {"id": "run-a/1", "quote": "made up, this"}
                          )[2])
    assert "does not occur" in said["reason"]
    # Indented JSON is selected over several lines, and still is what was recorded.
    lines = window.execute_script("""
        const lines = document.querySelectorAll(".pairing .call .line");
        getSelection().setBaseAndExtent(lines[0].firstChild, 0, lines[3].firstChild, 8);
        return lines.length""")
    assert lines > 4
    press(window, "q")
    until(lambda: "quoted from call-1" in text(window, "#message"))


def test_only_what_stood_on_the_screen_is_logged(window, opened, folder):
    opened()
    first = window.current_url.partition("#")[2].replace("%2F", "/")
    window.execute_script("location.hash = '#run-a%2F1'; location.reload()")
    until(lambda: "model-a" in text(window, "#head"))
    until(lambda: "run-a/1" in [shown.datapoint_id for shown in reading_log.load(folder)])
    found = parts.parts(rows.row(rows.load(folder), "run-a/1"))
    whole = next(len(part.text) for part in found if part.name == "judge")

    def judge():
        return max((shown.parts["judge"][1] for shown in reading_log.load(folder)
                    if shown.datapoint_id == "run-a/1" and "judge" in shown.parts), default=0)

    assert 0 < judge() < whole  # the rest of it is folded
    showings = reading_log.load(folder)  # below the screen: the answer of the other model
    assert {shown.datapoint_id for shown in showings} <= {"run-a/1", first}
    assert {shown.coder for shown in reading_log.load(folder)} == {"ada"}
    press(window, "f")
    window.execute_script("document.querySelector('.box.judge').scrollIntoView({block: 'end'})")
    until(lambda: judge() == whole, 5)


def test_back_before_the_next_one_came_stays_here(window, opened):
    opened()
    address = window.current_url
    window.execute_script("""for (const key of "jk")
        document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))""")
    press(window, "jk")
    window.execute_async_script("setTimeout(arguments[0], 400)")
    assert window.current_url == address


def test_search_and_filters(window, opened, folder):
    record(folder)
    opened()
    everything = text(window, "#found")
    press(window, "/")
    press(window, "answer a of three")
    until(lambda: text(window, "#found") == "1 of 8")
    window.find_element("id", "clear").click()
    assert text(window, "#found") == everything
    for select, option, count in (("model", "model-b", 4), ("bucket", "asks_too_little (1)", 1),
                                  ("state", "unread", 6)):
        window.execute_script(
            "const s = document.getElementById(arguments[0]);"
            "s.value = [...s.options].find((o) => o.text.startsWith(arguments[1])).value;"
            "s.dispatchEvent(new Event('change'))", f"filter-{select}", option)
        assert text(window, "#found") == f"{count} of 8", option
        window.find_element("id", "clear").click()


@pytest.mark.parametrize("size", [(1366, 768), (1000, 700)], ids=str)
def test_nothing_scrolls_sideways_and_both_themes_are_there(window, opened, size):
    opened()
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})
    wide = window.execute_script("return ['html', '#left', '#middle', '#right'].filter((css) => {"
                                 "const e = document.querySelector(css);"
                                 "return e.scrollWidth > e.clientWidth })")
    assert wide == []
    colour = "return getComputedStyle(document.body).backgroundColor"
    before = window.execute_script(colour)
    window.find_element("id", "toggle-theme").click()
    assert window.execute_script(colour) != before
    window.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_thousand_rows_without_lag(window, opened, run_script, tmp_path):
    for model in "ab":
        judged(tmp_path / model, [turn(number, False, model_name=f"model-{model}",
                                       assistant_text=f"Answer {number}. " * 200)
                                  for number in range(500)])
    done = run_script("build_packet.py", "--run-dir", tmp_path / "a", tmp_path / "b",
                      "--output-dir", tmp_path / "big")
    assert done.returncode == 0, done.stderr
    opened(tmp_path / "big")
    assert text(window, "#found") == "1000 datapoints"
    assert window.execute_script("return document.querySelectorAll('.entry').length") < 60
    before = window.current_url
    took = window.execute_async_script("""
        const [done] = arguments, start = performance.now(), head = document.title;
        document.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
        const wait = () => (document.title === head ? requestAnimationFrame(wait)
                            : done(performance.now() - start));
        wait()""")
    assert window.current_url != before
    assert took < 500
    scrolled = window.execute_async_script("""
        const [done] = arguments, list = document.querySelector("#queue");
        const start = performance.now();
        let left = 50;
        const step = () => { list.scrollTop += 900;
          if (left -= 1) requestAnimationFrame(step); else done(performance.now() - start); };
        step()""")
    assert scrolled < 50 * 50


# The static page (the rest of it: test_report_page.py)


def test_the_static_page_has_what_readers_say(window, folder, run_script, tmp_path):
    record(folder)
    record(folder, coder="eve", quotes=["booked at nine", "you are booked for nine"])
    record(folder, "2", quotes=["window.hacked = 1"], note=POISON)
    record(folder, "3", quotes=["Answer a of three."], bucket="lies")
    record(folder, "3", quotes=["Answer a of three."], bucket="guesses", coder="eve")
    pages = [tmp_path / name for name in ("one.html", "two.html")]
    for page in pages:
        done = run_script("review_app.py", folder, "--static", page)
        assert done.returncode == 0, done.stderr
    assert "3 of 7 failing datapoints reviewed, by bot, eve" in done.stdout
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert "<mark>booked at nine</mark>" in pages[0].read_text("utf-8")
    window.get_log("browser")
    window.get(pages[0].as_uri())
    window.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    shown = " ".join(window.find_element("css selector", "body").get_attribute("textContent")
                     .split())
    assert "3 of 7 failing datapoints reviewed, by bot, eve" in shown
    assert "On 1 the readers disagree" in shown
    assert shown.count(SHOWN) >= 6
    assert window.execute_script("return window.hacked ?? null") is None
    assert window.execute_script("return getComputedStyle(document.querySelector('mark'))"
                                 ".backgroundColor") != "rgb(255, 255, 0)"  # its style is let in
    assert texts_of(window, "#undecided + ul a") == ["3 · a"]
    assert [log for log in window.get_log("browser") if log["level"] == "SEVERE"] == []


def test_help_loads_no_package(bundle):
    done = subprocess.run([sys.executable, "-S", bundle / "scripts" / "review_app.py", "--help"],
                          capture_output=True, encoding="utf-8",
                          env={**os.environ, "PYTHONPATH": ""})
    assert (done.returncode, "--static" in done.stdout) == (0, True), done.stderr


def answered(page, headers, *pieces):
    """The status that the page answers with when a reviewer's browser sends this; None when it
    closes the connection instead."""
    head = (f"POST /api/quote HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n"
            f"Origin: http://127.0.0.1:{page.port}\r\nContent-Type: application/json\r\n"
            f"Cookie: review_{page.port}={page.token}\r\n{headers}\r\n\r\n")
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as link:
        try:
            for piece in (head.encode(), *pieces):
                link.sendall(piece)
            return int(link.recv(100).split()[1])
        except ConnectionError:
            return None


@pytest.mark.parametrize(("headers", "status"), [
    ("Content-Length: 4194305", 413), ("Content-Length: 1000000000000", 413),
    ("Transfer-Encoding: chunked", 413),
    ("Content-Length: 2\r\nTransfer-Encoding: chunked", 413), ("X-Nothing: 1", 413),
    ("Content-Length: 2", 409)])
def test_a_large_body_is_refused_before_it_is_read(serve, folder, headers, status):
    """Of the refused ones nothing is sent but the head, so the page cannot have waited for more."""
    body = (b"{}",) if status == 409 else ()
    assert answered(serve(folder), headers, *body) == status


@pytest.mark.slow
def test_a_body_that_does_not_come_is_given_up(serve, folder):
    page = serve(folder)
    assert answered(page, "Content-Length: 20", b"{") == 408
    assert answered(page, "Content-Length: 2", b"{}") == 409


def test_a_page_whose_folder_nobody_may_write_answers_with_the_reason(serve, folder):
    """A folder where the log stands is what a log that cannot be written is, for everybody."""
    page = serve(folder)
    (folder / "reading_log.jsonl").mkdir()
    body = json.dumps({"id": "run-a/1", "spans": [["answer", 0, 5]]}).encode()
    link = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    link.request("POST", "/api/shown", body, {
        "Origin": f"http://127.0.0.1:{page.port}", "Content-Type": "application/json",
        "Cookie": f"review_{page.port}={page.token}"})
    answer = link.getresponse()
    said = json.loads(answer.read())["error"]
    link.close()
    assert (answer.status, said.partition("]")[2][:16]) == (409, " Is a directory:")


# The steps


FREE = json.dumps({"rooms": [{"name": f"A{number}", "beds": 2, "free": True}
                             for number in range(1, 31)]})
DONE = "Room A1 is booked for day 3, as it was the first of those that are free, and all is done."
TALK = f"/api/datapoint?id={quote('m/1', safe='')}"


@pytest.fixture(scope="session")
def talks(run_script, tmp_path_factory):
    """Steps: 0 the user asks, 1 the agent looks up, 2 its result, 3 the Booker books, 4 the result,
    5 it looks up again, 6 the result, 7 it says that all is done. A name holds HTML."""
    root = tmp_path_factory.mktemp("talks")
    one = task("1", [("book", {"room": "B2", "day": 3})])
    sim = simulation(one, 0.0, [("find", {"day": 3}), ("book", {"room": "A1", "day": 3}),
                                (POISON, {"day": 3})])
    messages = sim["messages"]
    messages[3]["name"] = f"Booker {POISON}"
    messages[2]["content"] = messages[6]["content"] = FREE
    messages[7]["content"] = DONE
    runs, out = tau2(root / "m.json", [one], [sim]), root / "out"
    for name, *args in (("build_packet.py", "--input", runs, "--output-dir", out),
                        ("cluster_failures.py", out)):
        done = run_script(name, *args)
        assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def talk(talks, tmp_path):
    """A copy of it, with nothing reviewed."""
    return shutil.copytree(talks, tmp_path / "talk")


def test_a_conversation_is_sent_in_steps_each_text_once(serve, talk):
    shown = json.loads(ask(serve(talk), path=TALK)[2])
    assert [step["place"] for step in shown["steps"]] == ["0", "1", "3", "5", "7"]
    assert [step["role"] for step in shown["steps"]] == ["user", *["assistant"] * 4]
    booker = " ".join(f"Booker {SHOWN}".split())[:80]
    assert shown["agents"] == ["user", "assistant", "tool", booker, "tool", "assistant", "tool",
                               "assistant"]
    looks, books, again = (step["calls"][0] for step in shown["steps"][1:4])
    assert looks == {"place": "1.0", "name": "find", "writes": False, "failed": False,
                     "marks": ['first "A1": a wrong argument later'], "brought": 2,
                     "call": {"part": "call-1", "same": ""},
                     "result": {"part": "result-1", "same": ""}}
    assert (books["place"], books["writes"], books["marks"]) == ("3.0", True, [
        "first call that differs from the expected ones: room"])
    assert (again["result"], again["name"]) == ({"part": "result-3", "same": "step 1.0"}, SHOWN)
    assert shown["above"] == {"answer": "step 7"}
    assert shown["same"] == {"answer": "message-8", "result-3": "result-1", "message-3": "result-1",
                             "message-5": "result-2", "message-7": "result-1"}
    assert sorted(shown["parts"]) == ["call-1", "call-2", "call-3", "expected", "judge",
                                      "message-1", "message-8", "question", "result-1", "result-2"]
    assert [shown["parts"][name]["brief"] for name in ("result-1", "result-2")] == [True, False]


def located(review):
    """What a review says of where it broke."""
    return [review[name] for name in ("step", "agent", "second", "also", "fix")]


def test_a_message_becomes_the_step_by_click_and_by_key(window, opened, talk):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    record(talk, datapoint_id="m/1", quotes=[DONE[:28]], step="7", second="3.0", fix="Ask first.")
    opened(talk)
    assert texts_of(window, ".step > h4 b, .pairing h4 b") == [
        "0", "1", "1.0", "3", "3.0", "5", "5.0", "7"]
    assert SHOWN[:60] in text(window, "[data-place='3'] > h4")
    assert text(window, "[data-place='3.0'] .badge") == "writes"
    assert text(window, "[data-place='3.0'] .aid") == \
        "first call that differs from the expected ones: room"
    assert text(window, "[data-place='5.0'] .result").endswith("the words of step 1.0")
    cut = text(window, "[data-place='1.0'] .result .text")
    assert "A1" in cut and "A30" not in cut
    window.find_element("css selector", "[data-place='1.0'] .fold").click()
    assert "A30" in text(window, "[data-place='1.0'] .result .text")
    where = "return [step.value, agent.value, second.value, also.value]"
    assert window.execute_script(where) == ["", "", "", ""]  # to unfold names no step
    assert texts_of(window, ".said") == [""] * 8
    last = window.find_element("css selector", "[data-place='7'] .text")
    last.click()
    assert window.execute_script(where) == ["7", "assistant", "", ""]
    last.click()
    assert window.execute_script(where) == ["", "", "", ""]
    drag(window, "[data-place='7'] .text", 200)
    assert window.execute_script(where) == ["", "", "", ""]  # nor does it to select
    press(window, "q")
    until(lambda: "quoted from step 7" in text(window, "#message"))
    assert text(window, "#suggested") == "take step 7, of the quote"
    ActionChains(window).key_down(Keys.ALT).click(window.find_element(
        "css selector", "[data-place='3.0'] .call .text")).key_up(Keys.ALT).perform()
    press(window, "ha")  # to 1.0, as 3 has no words of its own
    assert window.execute_script(where) == ["", "", "3.0", "1.0"]
    press(window, "llls")  # past 3.0 and 5.0
    assert window.execute_script(where) == ["7", "assistant", "3.0", "1.0"]
    assert text(window, "#suggested") == ""
    assert texts_of(window, "[aria-pressed=true]") == ["also", "second", "step"]
    window.execute_script("fix.focus()")
    press(window, "Ask which room." + Keys.ESCAPE)
    press(window, "b")
    press(window, "books_the_wrong_room" + Keys.ESCAPE)
    press(window, "1m")
    press(window, MECHANISM + Keys.CONTROL + Keys.ENTER)
    until(lambda: len(reviews(talk)) == 2)
    assert located(reviews(talk)[1]) == ["7", "assistant", "3.0", ["1.0"], "Ask which room."]
    until(lambda: "bot: step" in texts_of(window, ".said"))  # now that ada has judged
    assert texts_of(window, ".said") == ["", "", "", "", "bot: second", "", "", "bot: step"]
    assert "step 7 (assistant); second 3.0; fix: Ask first." in text(window, "#others")
    assert window.execute_script("return window.hacked ?? null") is None
    assert [log for log in window.get_log("browser") if log["level"] == "SEVERE"] == []


def test_another_reading_that_can_be_held_is_recorded_with_its_fault(window, opened, folder):
    from selenium.webdriver.common.keys import Keys

    opened()
    fill(window)
    assert text(window, "#contested_fault") == ""  # asked for once there is another reading
    window.execute_script("contested.focus()")
    press(window, "The gold names no hour at all." + Keys.TAB)
    press(window, "reference" + Keys.CONTROL + Keys.ENTER)
    until(lambda: any(review["contested_fault"] for review in reviews(folder)))
    assert (reviews(folder)[-1]["contested"], reviews(folder)[-1]["contested_fault"]) == (
        "The gold names no hour at all.", "reference_issue")


@pytest.mark.slow
def test_a_step_without_a_quote_from_it_is_refused_and_can_be_taken_back(window, opened, talk):
    from selenium.webdriver.common.keys import Keys

    opened(talk)
    press(window, "b")
    press(window, "books_the_wrong_room" + Keys.ESCAPE)
    press(window, "1m")
    press(window, MECHANISM + Keys.ESCAPE)
    drag(window, "[data-place='7'] .text", 200)
    press(window, "q")
    window.execute_script("document.querySelector(\"[data-place='3.0']\").focus()")
    press(window, "S")
    until(lambda: "still needed: step" in text(window, "#status"))
    press(window, "Ss")
    until(lambda: "no quote is from step 3.0 (quote 1 stands in step 7)" in text(
        window, "#status"), 5)
    assert reviews(talk) == []
    press(window, "s")
    until(lambda: len(reviews(talk)) == 1)
    assert located(reviews(talk)[0]) == ["", "", "", [], ""]


def test_without_messages_there_is_no_step_to_name(window, opened, folder):
    opened()
    assert text(window, "#where") == "" and text(window, ".picks") == ""
    press(window, "l")
    until(lambda: "no messages, so no steps" in text(window, "#message"))


def test_the_static_page_has_the_steps_and_what_readers_name(window, talk, run_script, tmp_path):
    record(talk, datapoint_id="m/1", quotes=[DONE[:28]], step="7", second="2", also=["3.0"],
           fix=POISON)
    page = tmp_path / "page.html"
    assert run_script("review_app.py", talk, "--static", page).returncode == 0
    window.get(page.as_uri())
    window.execute_script("document.querySelector('#causes a.cited').click()")
    assert texts_of(window, ".step > h4 b, .pairing h4 b") == [
        "0", "1", "1.0", "3", "3.0", "5", "5.0", "7"]
    assert texts_of(window, ".named") == ["bot: second", "bot: also", "bot: step"]
    assert texts_of(window, ".aid") == [
        'first "A1": a wrong argument later',
        "first call that differs from the expected ones: room",
        "differs from the expected ones: none such is expected"]
    assert f"step 7 (assistant); second 2; also 3.0; fix: {SHOWN}" in text(window, ".review")
    assert "the words of step 1.0" in text(window, "#panel")
    assert texts_of(window, "summary .begins")[0].startswith('{"rooms": [{"name": "A1"')
    assert "A30" not in text(window, "#panel")
    assert window.find_elements("css selector", "main img, main script") == []


# The second reading


ITEM = "<img src=x onerror=hacked=1>"
CITED = "agent-1/_img_src=x_onerror=hacked=1_~d723301c"  # an id holds no HTML: its item does
SENTENCES = ("It books nine o'clock where ten was asked for [dp:" + CITED + "].",
             "It holds <script>window.hacked = 1</script> and `<b>code</b>`.", "It never asks.")


@pytest.fixture(scope="module")
def reported(run_script, tmp_path_factory):
    """A reviewed packet whose item, answer and mechanism hold HTML."""
    root = tmp_path_factory.mktemp("reported")
    failing = task(ITEM, [("done", {})])
    runs = tau2(root / "agent-1.json", [failing, task("2")], [
        {**simulation(failing, 0.0), "messages": [{"role": "user", "content": ASKED},
                                                  {"role": "assistant", "content": POISON}]},
        simulation(task("2"), 1.0)])
    out = root / "out"
    for name, *args in (("build_packet.py", "--input", runs, "--output-dir", out),
                        ("cluster_failures.py", out), ("compare_models.py", out)):
        done = run_script(name, *args)
        assert done.returncode == 0, done.stderr
    record(out, datapoint_id=CITED, mechanism=f"{MECHANISM} {POISON}")
    return out


@pytest.fixture
def report(reported, tmp_path):
    """A copy of it, with a report of three sentences."""
    folder = shutil.copytree(reported, tmp_path / "reported")
    write_sentences(folder, SENTENCES)
    return folder


def write_sentences(folder, sentences):
    """Writes the report."""
    text = "\n\n".join(["## Summary", *sentences])
    (folder / "deep_error_analysis.md").write_text(f"{text}\n", "utf-8")


def sheet_of(page):
    """The sheet as the page is given it."""
    status, _, body = ask(page, path="/api/sheet")
    assert status == 200, body
    return json.loads(body)


def answer(page, ident, name="supported", reason="", before=None, **more):
    """What the page is answered when it sends an answer."""
    status, _, body = ask(page, "POST", "/api/answer", {
        "id": ident, "answer": name, "reason": reason, "before": before, **more})
    assert status == 200, body
    return json.loads(body)


def answers_in(folder):
    """Reader, kind, answer, reason of each recorded line."""
    path = folder / second_reading.NAME
    return [tuple(line[name] for name in ("reader", "kind", "answer", "reason"))
            for line in (read_jsonl(path) if path.exists() else [])]


def test_the_page_has_the_sentences_and_the_evidence_of_the_sheet(serve, report, run_script):
    sheet = sheet_of(serve(report))
    assert run_script("check_report.py", report, "--second-reading").returncode == 0
    markdown = (report / "second_reading.md").read_text("utf-8")
    listed = re.findall("(?m)^- `([0-9a-f]{10})`", markdown)
    assert [entry["id"] for entry in sheet["entries"]] == listed
    assert [(entry["section"], entry["text"], entry["cited"]) for entry in sheet["entries"]] == [
        ("Summary", "It books nine o'clock where ten was asked for [D1].", ["D1"]),
        ("Summary", SENTENCES[1], []), ("Summary", SENTENCES[2], [])]
    evidence = sheet["datapoints"]["D1"]
    assert f"**D1** {evidence['head']}\n" in markdown
    assert f"\n{evidence['text']}\n[end of data-" in markdown
    assert f"asks_too_little, mixed: {MECHANISM} {SHOWN}" in evidence["text"]
    assert sheet["counted"][""] in markdown and "2 rows read: 1 pass, 1 fail" in markdown


def test_answers_are_this_persons_and_refusals_say_why(serve, report):
    page = serve(report)
    first, second, _ = (entry["id"] for entry in sheet_of(page)["entries"])
    assert "needs a reason" in answer(page, first, "overclaims", "few")["reason"]
    assert "none of supported" in answer(page, first, "yes")["reason"]
    assert "no text" in answer(page, first, "supported", 7)["reason"]
    for ident in (None, [], "0a1b2c3d4e"):
        assert "has changed meanwhile" in answer(page, ident)["reason"]
    assert answers_in(report) == []
    assert answer(page, first, reader="eve", kind="agent")["answer"]["answer"] == "supported"
    assert answer(page, second, "not_checkable", "nothing here shows it")["answer"]
    assert answers_in(report) == [("ada", "person", "supported", ""),
                                  ("ada", "person", "not_checkable", "nothing here shows it")]
    assert ask(page, "POST", "/api/answer", {"id": first}, Origin=None)[0] == 403


def test_an_answer_to_what_has_changed_is_refused(serve, report):
    page = serve(report)
    entries = sheet_of(page)["entries"]
    write_sentences(report, (*SENTENCES[:2], "It seldom asks."))
    assert "has changed meanwhile" in answer(page, entries[2]["id"])["reason"]
    record(report, datapoint_id=CITED, coder="eve")  # the first one's evidence
    assert "has changed meanwhile" in answer(page, entries[0]["id"])["reason"]
    assert answers_in(report) == []
    again = [entry["id"] for entry in sheet_of(page)["entries"]]
    assert answer(page, again[0])["answer"] and answer(page, again[2])["answer"]


def test_a_window_does_not_overwrite_what_another_one_answered(serve, report):
    page = serve(report)
    ident = sheet_of(page)["entries"][0]["id"]
    theirs = "overclaims", "one of the two only"
    assert answer(page, ident, *theirs)["answer"]
    assert answer(page, ident)["reason"] == \
        "not recorded: you answered it in another window (overclaims, one of the two only)"
    assert answer(page, ident, *theirs)["answer"]  # the same said again is no second line
    assert answer(page, ident, before=theirs)["answer"]
    assert [line[2] for line in answers_in(report)] == ["overclaims", "supported"]


@pytest.mark.slow
def test_without_a_report_that_can_be_checked_the_view_says_why(window, opened, report):
    (report / "deep_error_analysis.md").unlink()
    page = opened(report)
    window.get(page.link.partition("?")[0] + "second-reading")
    until(lambda: "run write_report.py first" in text(window, "#middle"))
    assert text(window, "#form") == ""
    write_sentences(report, SENTENCES)
    until(lambda: "nine o'clock" in text(window, ".sentence"))
    with open(report / "sanity.json", "a", encoding="utf-8") as file:
        file.write("\n")
    until(lambda: "sanity.json: " in text(window, "#middle .hint"))
    assert ask(page, path="/api/sheet")[0] == 409


def test_a_person_reads_and_answers_with_the_keyboard(window, opened, report):
    from selenium.webdriver.common.keys import Keys

    page = opened(report)
    window.find_element("link text", "Second reading").click()
    until(lambda: "for [D1]." in text(window, ".sentence"))
    assert f"[dp:{CITED}] agent-1, item {ITEM}: fail (DB)" in text(window, "#sheet")
    assert f"{MECHANISM} {SHOWN}" in text(window, "#sheet .box")
    assert window.find_elements("css selector", "main img, main script") == []
    assert text(window, "#progress") == "0 of 3 answered by ada · 0 by anybody"
    press(window, "1")
    until(lambda: text(window, ".sentence") == SENTENCES[1].replace("`", ""))
    assert text(window, ".sentence code") == "<b>code</b>"
    assert window.find_elements("css selector", "main b, main script") == []
    press(window, "2")
    press(window, "few" + Keys.CONTROL + Keys.ENTER)
    until(lambda: "overclaims needs a reason" in text(window, "#status"))
    press(window, " of them" + Keys.CONTROL + Keys.ENTER)
    until(lambda: text(window, ".sentence") == SENTENCES[2])
    press(window, "k")
    until(lambda: text(window, "#others") == "ada (person): overclaims: few of them")
    assert text(window, "#progress") == "2 of 3 answered by ada · 2 by anybody"
    assert answers_in(report) == [("ada", "person", "supported", ""),
                                  ("ada", "person", "overclaims", "few of them")]
    window.refresh()
    until(lambda: text(window, ".sentence") == SENTENCES[2])  # the first one without an answer
    third = sheet_of(page)["entries"][2]["id"]
    assert answer(page, third, "contradicted", "it asks for the hour")["answer"]
    until(lambda: text(window, "#others") == "ada (person): contradicted: it asks for the hour")
    assert window.execute_script("return window.hacked ?? null") is None
    assert [log for log in window.get_log("browser") if log["level"] == "SEVERE"] == []


@pytest.mark.slow
def test_what_was_written_outlives_a_sentence_that_changes(window, opened, report):
    page = opened(report)
    window.get(page.link.partition("?")[0] + "second-reading")
    until(lambda: text(window, ".sentence"))
    press(window, "4")
    press(window, "nothing on ten o'clock")
    write_sentences(report, ("It books nine [dp:" + CITED + "].", *SENTENCES[1:]))
    until(lambda: text(window, ".sentence") == "It books nine [D1].")
    assert window.execute_script("return reason.value") == "nothing on ten o'clock"
    assert "has changed" in text(window, "#message")


# The audit


SUMS = """benchmark: sums
fields:
  item_id: item
  model_name: model
  user_text: question
  assistant_text: answer
  expected: gold
  scores: {right: right}
"""
SAID = {"strong": {"q1": (f"It makes 4 apples in all. {POISON}", True),
                   "q2": ("The sum is 9 apples, no more", False), "q3": ("It is 6 in all", True)},
        "weak": {"q1": (f"It makes 4 pears in all! {POISON}", False),
                 "q2": ("The sum is 8 apples, no more", False), "q3": ("It is 6 in all", True)}}
PLANTED = {"q1": ("same_answer_other_verdict", ("passed", "failed")),
           "q2": ("strict_match", ("failed",)), "q3": ("instability", ("repeats of a model",))}
DECIDES = "both say four, the sum asked for"


def planted(item, whole):
    """The planted candidate of an item, as a class module would find it."""
    klass, labels = PLANTED[item.ident]
    sides = [candidates.variant(label, row.answer, [row]) for label, row in
             zip(labels, sorted(item.rows, key=lambda row: row.model), strict=False)]
    yield candidates.candidate(item, klass, "planted", "Planted.", [
        *sides, candidates.variant("expected", "The sum is 9 pears, no more")],
        [row for row in item.rows if (row.model, klass) != ("weak", "instability")], rows=2)


@pytest.fixture(scope="session")
def sums(run_script, tmp_path_factory):
    """Two models, an audit that found what is planted, and no passing datapoint copied."""
    root = tmp_path_factory.mktemp("sums")
    (root / "map.yaml").write_text(SUMS, encoding="utf-8")
    for model, answers in SAID.items():
        (root / f"{model}.jsonl").write_text("".join(json.dumps({
            "item": item, "model": model, "question": f"What is sum {item}?", "answer": words,
            "gold": f"gold of {item}", "right": right}) + "\n"
            for item, (words, right) in answers.items()), encoding="utf-8")
    out = root / "out"
    done = run_script("deep_error_analysis.py", "--input", root / "strong.jsonl",
                      root / "weak.jsonl", "--mapping", root / "map.yaml", "--output",
                      out / "deep_error_analysis.md")
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "FINDERS", (planted,))
        run.write(out, given_to_audit.given(out))
    return out


@pytest.fixture
def audited(sums, tmp_path, run_script):
    """A copy of it, that nobody has read in, with a plan but without the passing ones beside it."""
    out = shutil.copytree(sums.parent, tmp_path / "sums") / "out"
    assert run_script("plan_review.py", out).returncode == 0
    (out / rows.CONTRAST).unlink()
    return out


def ident_of(folder, item):
    """The id of the candidate of an item."""
    return next(one.id for one in candidates.load(folder) if one.item_id == item)


def read_in(folder):
    """What each recorded reading says."""
    path = folder / audit_readings.NAME
    names = ("reader", "kind", "id", "answer", "holds", "datapoint_id", "quote", "reason")
    return [tuple(line[name] for name in names)
            for line in (read_jsonl(path) if path.exists() else [])]


def reading(page, item, answer="confirmed", **more):
    """What the page is answered when it sends a reading."""
    status, _, body = ask(page, "POST", "/api/reading", {
        "id": ident_of(page.folder, item), "answer": answer, "datapoint_id": f"weak/{item}",
        "quote": SAID["weak"][item][0][:20], "reason": DECIDES, **more})
    assert status == 200, body
    return json.loads(body)


@pytest.mark.slow
def test_a_person_compares_the_sides_and_confirms(window, opened, audited, run_script):
    from selenium.webdriver.common.keys import Keys

    opened(audited)
    window.find_element("link text", "Audit").click()
    until(lambda: text(window, ".what") == "Planted.")
    assert text(window, "#progress") == "0 of 2 flags read · 0 of 3 candidates by ada"
    assert texts_of(window, "#candidates h3, #candidates span") == [
        "same_answer_other_verdict (flag)", "q1", "strict_match (flag)", "q2",
        "instability (lead)", "q3"]
    assert texts_of(window, ".columns")[0].split("\n") == [
        "passed", "1 datapoint", SAID["strong"]["q1"][0].replace(POISON, SHOWN), "strong/q1",
        "failed", "1 datapoint", SAID["weak"]["q1"][0].replace(POISON, SHOWN), "weak/q1"]
    assert texts_of(window, "main mark") == ["apples", ".", "pears", "!"]
    assert window.find_elements("css selector", "main img, main script") == []
    assert "1 of its datapoints is not here whole" in text(window, "#absent")
    assert text(window, "#absent code") == f"plan_review.py {audited} --contrast strong/q1"
    press(window, "3")
    press(window, DECIDES + Keys.CONTROL + Keys.ENTER)
    until(lambda: "declined needs a quote" in text(window, "#status"))
    assert read_in(audited) == []
    press(window, Keys.ESCAPE)
    words = drag(window, ".columns .side:nth-child(2) .text", 150)
    assert "makes 4 pears in all" in words
    press(window, "q")
    quoted = window.execute_script("return document.getElementById('quote').value")
    assert quoted.startswith("It makes 4 pears in")
    press(window, "1")
    assert texts_of(window, "#holds button[aria-pressed=true]") == []
    press(window, Keys.CONTROL + Keys.ENTER)
    until(lambda: "confirmed needs `holds`" in text(window, "#status"))
    window.find_element("css selector", "[data-holds=pass]").click()
    press(window, Keys.CONTROL + Keys.ENTER)
    until(lambda: text(window, "#sheet h2") == "q2")
    assert read_in(audited) == [("ada", "person", ident_of(audited, "q1"), "confirmed", "pass",
                                 "weak/q1", quoted, DECIDES)]
    assert text(window, "#progress") == "1 of 2 flags read · 1 of 3 candidates by ada"
    assert texts_of(window, "main mark") == ["pears", "apples"]
    assert window.execute_script("return window.hacked ?? null") is None
    assert [log for log in window.get_log("browser") if log["level"] == "SEVERE"] == []


def texts_of(window, css):
    """The texts of the elements as they are seen."""
    return window.execute_script(
        "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
        ".map((e) => e.innerText.replaceAll(/\\n\\n+/g, '\\n'))", css)


def test_the_static_page_lists_the_candidates(window, audited, run_script, tmp_path):
    record(audited, datapoint_id="weak/q1", quotes=["It makes 4 pears in all!"])
    [verdict] = audit_readings.append(rows.load(audited), [{
        "id": ident_of(audited, "q2"), "answer": "declined", "datapoint_id": "weak/q2",
        "quote": SAID["weak"]["q2"][0][:20], "reason": DECIDES, "reader": "eve",
        "kind": "person"}])
    assert verdict.record, verdict.reason
    page = tmp_path / "page.html"
    assert run_script("review_app.py", audited, "--static", page).returncode == 0
    window.get(page.as_uri())
    assert texts_of(window, "details.candidate > summary") == [
        "q1 · Planted.", "q2 · Planted. eve: declined", "q3 · Planted."]
    window.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert texts_of(window, "details.candidate .columns")[0].split("\n") == [
        "passed · 1 datapoint", SAID["strong"]["q1"][0].replace(POISON, SHOWN), "strong/q1",
        "failed · 1 datapoint", SAID["weak"]["q1"][0].replace(POISON, SHOWN), "weak/q1"]
    assert texts_of(window, "details.candidate mark")[:4] == ["apples", ".", "pears", "!"]
    assert window.find_elements("css selector", "main img, main script") == []


@pytest.mark.slow
def test_a_datapoint_that_is_copied_meanwhile_can_be_opened(window, opened, audited, run_script):
    page = opened(audited)
    base = page.link.partition("?")[0]
    window.get(f"{base}audit")
    until(lambda: text(window, "#absent"))
    assert texts_of(window, "main a") == ["weak/q1"]
    assert run_script("plan_review.py", audited, "--contrast", "strong/q1").returncode == 0
    until(lambda: texts_of(window, "main a") == ["strong/q1", "weak/q1"])
    assert text(window, "#absent") == ""
    window.get(window.find_element("link text", "strong/q1").get_attribute("href"))
    until(lambda: "q1" in text(window, "#head h2"))
    assert text(window, ".box.answer").startswith("It makes 4 apples in all.")


def test_the_filters_leave_what_is_unread_or_of_a_class(window, opened, audited):
    page = opened(audited)
    assert reading(page, "q2")["reading"]["holds"] == "pass"  # as its class has it
    window.get(f"{page.link.partition('?')[0]}audit")
    until(lambda: text(window, "#found") == "3 candidates")
    until(lambda: texts_of(window, ".confirmed i") == ["✗"])
    until(lambda: text(window, "#sheet h2") == "q1")  # the first one that is unread
    choose = "const e = document.getElementById(arguments[0]); e.value = arguments[1];" \
             "e.dispatchEvent(new Event('change'))"
    window.execute_script(choose, "filter-read", "unread")
    assert text(window, "#found") == "2 of 3 candidates"
    assert texts_of(window, "#candidates span") == ["q1", "q3"]
    window.execute_script(choose, "filter-class", "strict_match")
    assert texts_of(window, "#candidates span") == []
    window.execute_script(choose, "filter-read", "")
    assert texts_of(window, "#candidates span") == ["q2"]
    window.execute_script("document.querySelector('#candidates button').click()")
    until(lambda: "ada (person): confirmed, pass: " + DECIDES in text(window, "#others"))
    assert window.execute_script("return reason.value") == DECIDES


def test_a_reading_is_proved_as_the_command_proves_it(serve, audited):
    page = serve(audited)
    assert "does not occur in weak/q2" in reading(page, "q2", quote="nothing of it")["reason"]
    assert reading(page, "q2", id="0123456789")["reason"].startswith('"0123456789" is no candidate')
    strong = {"datapoint_id": "strong/q3", "holds": "drop"}
    assert "--contrast strong/q3" in reading(page, "q3", **strong)["reason"]
    shown = json.loads(ask(page, path=f"/api/candidate?id={ident_of(audited, 'q3')}")[2])
    assert shown["elsewhere"] == [
        {"id": "weak/q3", "model": "weak", "outcome": "pass", "whole": False}]
    assert (shown["absent"], shown["datapoints"]) == (1, [])
    for ident in (None, [], 7):
        assert reading(page, "q2", id=ident)["reason"]
    assert read_in(audited) == []
    mine = reading(page, "q2", reader="eve", kind="agent")["reading"]
    assert (mine["reader"], mine["kind"]) == ("ada", "person")
    assert reading(page, "q2", "declined")["reason"] == \
        "not recorded: you read it in another window (confirmed, pass)"
    assert reading(page, "q2", "declined", before=mine["reading_id"])["reading"]
    assert [line[3] for line in read_in(audited)] == ["confirmed", "declined"]
    assert ask(page, "POST", "/api/reading", {"id": "x"}, Origin=None)[0] == 403
    with open(audited / "audit.jsonl", "a", encoding="utf-8") as file:
        file.write("\n")
    assert ask(page, "POST", "/api/reading", {"id": "x"})[0] == 409


def test_a_reading_of_a_datapoint_that_has_changed_counts_no_longer(serve, audited):
    page = serve(audited)
    mine = reading(page, "q2")["reading"]
    path = audited / "failure_review_rows.jsonl"
    path.write_text(path.read_text("utf-8").replace("no more", "no less"), "utf-8")
    news = json.loads(ask(page, path="/api/readings")[2])
    assert news["readings"] == {}
    assert news["void"] == {mine["id"]: [
        "ada: confirmed; counts no longer: it is not the datapoint that was read for reading "
        f"{mine['reading_id']}; read it and record it again"]}


def test_without_an_audit_the_view_says_how_to_make_one(window, opened, folder):
    (folder / "audit.jsonl").unlink(missing_ok=True)
    page = opened()
    window.get(f"{page.link.partition('?')[0]}audit")
    until(lambda: "audit_benchmark.py" in text(window, "#middle .hint"))
    assert ask(page, path="/api/audit")[0] == 409


@pytest.mark.parametrize(("one", "other", "marked"), [
    ("It is 4, I say", "It  is\n4, I say", ([], [])),
    ("It is 4 in all", "It is five in all", (["4"], ["five"])),
    ("all", "not all of it", ([], ["not", "of it"])),
    ("", "never", ([], ["never"]))])
def test_words_that_differ_are_marked_and_nothing_is_lost(one, other, marked):
    both = examined.differences(one, other)
    assert tuple("".join(piece.text for piece in pieces) for pieces in both) == (one, other)
    assert tuple([piece.text for piece in pieces if piece.differs] for pieces in both) == marked


@given(st.text("ab .,\n"), st.text("ab .,\n"))
def test_the_pieces_of_two_sides_are_the_sides(one, other):
    both = examined.differences(one, other)
    assert tuple("".join(piece.text for piece in pieces) for pieces in both) == (one, other)
    left = [re.findall(r"\w+|[^\w\s]+", "".join(piece.text for piece in pieces
                                                if not piece.differs)) for pieces in both]
    assert "".join(left[0]) == "".join(left[1])  # what is not marked is the same


def test_what_is_held_against_what():
    assert examined._pairs(["passed", "failed", "passed", "failed", "failed"]) == [
        (0, 1), (2, 3), (0, 4)]
    assert examined._pairs(["question", "expected", "failed"]) == [(1, 2)]
    assert examined._pairs(["recorded", "ended by"]) == []


# What nobody judged


@pytest.fixture(scope="session")
def transcripts(run_script, tmp_path_factory):
    """A transcript of three turns that nobody judged."""
    root = tmp_path_factory.mktemp("transcripts")
    judged(root / "a", [{"turn": number, "model_name": "model-a",
                         "user_text": f"Question {number}?",
                         "assistant_text": f"The answer to {number} is here, in these words."}
                        for number in range(3)], "transcript.jsonl")
    run_script("deep_error_analysis.py", "--run-dir", root / "a", "--output",
               root / "out" / "deep_error_analysis.md")
    return root / "out"


@pytest.fixture
def unjudged(transcripts, tmp_path):
    """A copy of it, with nothing reviewed."""
    return shutil.copytree(transcripts, tmp_path / "unjudged")


def judge(window, verdict):
    """Gives the datapoint that is open a verdict, a quote and a mechanism, from the keyboard."""
    from selenium.webdriver.common.keys import Keys

    press(window, {"pass": "v", "fail": "vv"}[verdict])
    words = drag(window, ".box.answer .text", 200)
    press(window, "q")
    press(window, "m")
    press(window, MECHANISM + Keys.ESCAPE)
    return words


@pytest.mark.slow
def test_a_person_judges_what_no_grader_did(window, opened, unjudged, run_script, tmp_path):
    from selenium.webdriver.common.keys import Keys

    opened(unjudged)
    first, second, _ = (planned.datapoint_id for planned in plan.load(unjudged))
    assert texts_of(window, "#queue .tag") == ["unjudged"] * 3
    assert texts_of(window, "#queue .sign") == ["○"] * 3
    assert text(window, "#progress") == "reviewed 0 of 3 planned, 0 of 3 unjudged · 0 by ada"
    assert text(window, "#notice") == ""
    judge(window, "pass")
    assert text(window, "#faults") == "" and text(window, "#bucket") == ""
    press(window, Keys.CONTROL + Keys.ENTER)
    until(lambda: len(reviews(unjudged)) == 1)
    until(lambda: text(window, "#head .item") == second.removeprefix("a/"))
    judge(window, "fail")
    press(window, Keys.CONTROL + Keys.ENTER)
    until(lambda: "still needed: bucket, fault" in text(window, "#status"))
    press(window, Keys.ESCAPE)
    press(window, "b")
    press(window, "names_no_talk" + Keys.ESCAPE)
    press(window, "1")
    press(window, Keys.CONTROL + Keys.ENTER)
    until(lambda: len(reviews(unjudged)) == 2)
    assert [tuple(one[name] for name in ("datapoint_id", "verdict", "bucket", "fault", "kind"))
            for one in reviews(unjudged)] == [
        (first, "pass", "", "", "person"),
        (second, "fail", "names_no_talk", "model_error", "person")]
    done = "reviewed 2 of 3 planned, 2 of 3 unjudged · 2 by ada"
    until(lambda: text(window, "#progress") == done)
    assert texts_of(window, "#queue .mode") == ["judged as pass", "names_no_talk", ""]
    out = tmp_path / "review.html"
    done = run_script("review_app.py", unjudged, "--static", out)
    assert "0 of 0 failing datapoints reviewed, 2 of 3 unjudged ones, by ada" in done.stdout
    window.get(out.as_uri())
    assert "Judged by readers: 2 of 3 unjudged datapoints (1 passed)." in text(window, ".lead")
    assert texts_of(window, "#causes summary") == ["names_no_talk 1 model error 1"]
    assert texts_of(window, "#passed, #passed + ul a") == [
        "Judged as pass by readers 1", "0 · model-a"]


def test_without_a_verdict_what_nobody_judged_is_not_saved(serve, unjudged):
    page = serve(unjudged)
    entry = review_of("a/0", quotes=["The answer to 0 is here"])
    status, _, body = ask(page, "POST", "/api/review", entry)
    assert "no grader judged a/0: say --verdict pass or fail" in json.loads(body)["reason"]
    ask(page, "POST", "/api/review", {**entry, "verdict": "fail"})
    assert [one["verdict"] for one in reviews(unjudged)] == ["fail"]


# What a stranger stumbled over


def address(window):
    """What stands behind the # of the address."""
    return window.current_url.partition("#")[2].replace("%2F", "/")


def test_what_has_nothing_recorded_is_reviewed_without_a_quote(window, opened, run_script,
                                                               tmp_path):
    from selenium.webdriver.common.keys import Keys

    blank = {"user_text": "", "assistant_text": "", "judge_reasoning": ""}
    run_a = judged(tmp_path / "a", [turn(1, False, **blank), turn(2)])
    for name, *args in (("build_packet.py", "--run-dir", run_a, "--output-dir", tmp_path / "bare"),
                        ("cluster_failures.py", tmp_path / "bare")):
        assert run_script(name, *args).returncode == 0
    opened(tmp_path / "bare")
    assert "Nothing is recorded of it" in text(window, "#middle")
    press(window, "q")
    until(lambda: "needs no quote" in text(window, "#message"))
    press(window, "b")
    press(window, "breaks_off_at_once" + Keys.ESCAPE)
    press(window, "4m")
    press(window, MECHANISM + Keys.ESCAPE)
    until(lambda: len(reviews(tmp_path / "bare")) == 1, 5)
    assert reviews(tmp_path / "bare")[0]["quotes"] == []
    until(lambda: reading_log.load(tmp_path / "bare"))
    [shown] = reading_log.load(tmp_path / "bare")
    assert (shown.datapoint_id, shown.characters, shown.parts) == ("a/1", 0, {})


def test_messages_end_with_their_datapoint_and_back_leads_back(window, opened):
    opened()
    first = address(window)
    press(window, "q")
    until(lambda: "select some text first" in text(window, "#message"))
    press(window, "j")
    until(lambda: address(window) != first)
    second = address(window)
    until(lambda: text(window, "#message") == "")
    press(window, "3")
    until(lambda: "still needed" in text(window, "#status"))
    press(window, "g")
    until(lambda: text(window, "#overview-title"))
    assert (address(window), text(window, "#status")) == ("overview", "")
    for way, there in (("back", second), ("back", first), ("forward", second)):
        window.execute_script("history[arguments[0]]()", way)
        until(lambda there=there: address(window) == there and text(window, "#head"))
    until(lambda: "still needed" in text(window, "#status"))  # its draft is there


def test_the_policy_opens_at_its_top_without_marks(window, opened, folder):
    from selenium.webdriver.common.keys import Keys

    from failure_analysis.markdown import fence

    policy = "Be kind. [end of data-000000000000]\n```\n" + "Never lie.\n" * 300
    (folder / "background.md").write_text(
        f"# What the models were told\n\nIt is data.\n\nIn `run-a`:\n\n{fence(policy, 9999)}\n")
    opened()
    window.find_element("id", "show-background").click()
    until(lambda: text(window, "#background-text"))
    shown = text(window, "#background-text")
    assert shown.startswith("It is data.")
    assert "In `run-a`:\n\nBe kind. [end of data-000000" in shown
    assert "text data-" not in shown and not re.search("end of data-(?!0000)", shown)
    assert window.execute_script("return background.scrollTop") == 0
    press(window, Keys.ESCAPE)


def test_a_broken_ledger_is_refused_at_the_start(folder, run_script):
    record(folder)
    with (folder / ledger.NAME).open("a") as file:
        file.write("garbage\n")
    done = run_script("review_app.py", folder, "--no-browser")
    assert (done.returncode, "not a review" in done.stderr, done.stdout) == (1, True, "")


def test_a_quote_of_the_question_is_not_said_to_be_of_a_step(serve, talk):
    page = serve(talk)
    [row] = [row for row in read_jsonl(talk / "failure_review_rows.jsonl")][:1]
    asked = row["user_text"]
    said = json.loads(ask(page, "POST", "/api/quote", {"id": row["datapoint_id"],
                                                       "quote": asked})[2])
    assert said["where"] == "question"


def test_the_second_reading_passes_over_what_is_still_to_be_written(window, opened, report):
    write_sentences(report, [*SENTENCES, "TODO: the main causes.", "- **Trigger:** TODO",
                             "- **What goes wrong:** it is `never` asked, **ever**."])
    page = opened(report)
    sheet = sheet_of(page)
    assert [entry["text"] for entry in sheet["entries"]][-1].endswith("**ever**.")
    assert not [entry for entry in sheet["entries"] if "TODO" in entry["text"]]
    assert sheet["draft"] == "2 TODOs are open and not asked about"
    window.get(page.link.partition("?")[0] + "second-reading")
    until(lambda: text(window, "#draft"))
    assert "`" not in text(window, "#sentences") and "**" not in text(window, "#sentences")
    assert "- " not in text(window, "#meaning") and len(texts_of(window, "#meaning li")) == 4


def test_names_that_begin_alike_are_told_apart(window, opened, run_script, tmp_path):
    models = [f"meta-llama_llama-3-with-a-very-long-name-{size}b-instruct" for size in (8, 70)]
    runs = [judged(tmp_path / f"run-{place}", [
        turn(number, False, model_name=model, scores={"a_dimension_of_note_" * 20: False})
        for number in range(12)]) for place, model in enumerate(models)]
    out = tmp_path / "long"
    for name, *args in (("build_packet.py", "--run-dir", *runs, "--output-dir", out),
                        ("cluster_failures.py", out)):
        assert run_script(name, *args).returncode == 0
    opened(out)
    ends = window.execute_script("""
        return [...document.querySelectorAll("#models .name")].map((name) => {
            const range = document.createRange();
            range.selectNodeContents(name.lastChild);
            const [ending, whole] = [range, name].map((one) => one.getBoundingClientRect().right);
            return [name.textContent, range.toString(), ending <= whole + 1]})""")
    assert sorted(ends) == sorted([model, model[-10:], True] for model in models)
    widths = window.execute_script("""
        const head = document.getElementById("head").getBoundingClientRect();
        return [...document.querySelectorAll("#head .badge")].every(
            (one) => one.getBoundingClientRect().right <= head.right)""")
    assert widths
    shares = window.execute_script("""
        return [...document.querySelectorAll(".entry")].map((entry) =>
            entry.querySelector(".mode").clientWidth >= Math.min(
                entry.querySelector(".mode").scrollWidth, 0.35 * entry.clientWidth))""")
    assert all(shares) and shares
    window.execute_script("document.getElementById('queue').scrollTop = 600")
    press(window, "g")
    until(lambda: text(window, "#overview-title"))
    window.execute_script("document.querySelector('#overview [data-filter=model]').click()")
    assert window.execute_script("return document.getElementById('queue').scrollTop") == 0
