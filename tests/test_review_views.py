"""The review page in every width and theme: panels that fold, the overview whose bars filter, what
a screen reader is told, and how many datapoints it bears."""

import json
import shutil

import pytest

from browser import chromium, serious_faults, until
from failure_analysis.pages import readable
from failure_analysis.review import ledger, parts
from make_runs import judged, turn
from test_review_app import (
    ASKED,
    MECHANISM,
    POISON,
    SHOWN,
    interrupted,
    press,
    record,
    started,
    text,
    texts_of,
)

Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
WIDTHS = {360: 740, 768: 1024, 1366: 768, 2560: 1300}
ACTIONS = {"actions": [
    {"action_id": "1_0", "requestor": "assistant", "name": "find", "arguments": {"day": 3},
     "info": None, "compare_args": None},
    {"action_id": "1_1", "requestor": "user", "name": "pay", "arguments": {"to": "Ada \"A\""},
     "info": None, "compare_args": ["to"]}],
    "communicate_info": [], "env_assertions": None, "note": "First find,\nthen pay."}


@pytest.fixture(scope="module")
def analysed(run_script, tmp_path_factory):
    """Two models and an audit, planned; one has failed 3 of 4 items, the other 2, one is poisoned,
    one has actions that are expected."""
    root = tmp_path_factory.mktemp("views")
    for model, failing in (("a", (1, 2, 3)), ("b", (1, 2))):
        judged(root / f"run-{model}", [
            turn(number, number not in failing, model_name=f"model-{model}",
                 user_text=POISON if number == 2 else f"{ASKED} Number {number}. " * 20,
                 expected=ACTIONS if number == 1 else {"answer": POISON},
                 assistant_text=f"Answer {number} of {model}, and that is all. " * 30,
                 judge_reasoning="The hour is wrong. " * 60) for number in (1, 2, 3, 4)])
    out = root / "out"
    done = run_script("deep_error_analysis.py", "--run-dir", root / "run-a", root / "run-b",
                      "--output", out / "deep_error_analysis.md")
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture
def folder(analysed, tmp_path):
    """A copy of it."""
    return shutil.copytree(analysed, tmp_path / "out")


@pytest.fixture(scope="module")
def window():
    """One browser for all tests of this file."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def shown(window, bundle, folder):
    """`shown(width=1366, theme="light", view="", where=folder)`: the page in the browser."""
    pages = []

    def show(width=1366, theme="light", view="", where=folder):
        if not pages:
            pages.append(started(bundle, where))
            window.get(pages[0].link)
            until(lambda: text(window, "#head"))
        window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": WIDTHS[width], "deviceScaleFactor": 1, "mobile": False})
        window.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": theme}]})
        window.get("about:blank")
        window.get(pages[0].link.partition("?")[0] + view)
        until(lambda: text(window, {"": "#head", "#overview": "#counts"}.get(view, "#sheet")))
        return pages[0]

    yield show
    window.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    window.get("about:blank")
    window.delete_all_cookies()
    for page in pages:
        interrupted(page)


def click(window, css):
    """Clicks an element as a person does."""
    window.find_element("css selector", css).click()


def chosen(window):
    """The item and model of each row of the queue that is drawn."""
    return list(zip(texts_of(window, ".entry .item"), texts_of(window, ".entry .model"),
                    strict=True))


# Widths and themes


@pytest.mark.parametrize("width", [
    pytest.param(width, marks=() if width == 360 else pytest.mark.slow)
    for width in WIDTHS])
def test_every_view_fits_the_width_and_its_text_can_be_read(window, shown, folder, width):
    record(folder)
    for view, main in (("", "#head"), ("#overview", "#counts"), ("audit", "#sheet"),
                       ("second-reading", ".sentence")):
        shown(width, view=view)
        wide, box = window.execute_script(
            "const wide = ['html', 'body', '#top', '#middle', '#foot', '#left', '#right'].filter("
            "(css) => { const e = document.querySelector(css);"
            " return e.checkVisibility() && e.scrollWidth > e.clientWidth });"
            "const b = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [wide, [b.width, b.top, b.bottom]]", main)
        assert wide == [], view
        assert box[0] > min(300, width / 4), view
        assert 0 <= box[1] < WIDTHS[width], view


@pytest.mark.parametrize(("theme", "width"), [
    ("dark", 1366), *(pytest.param(*one, marks=pytest.mark.slow) for one in (
        ("light", 360), ("light", 1366), ("dark", 360)))])
def test_axe_finds_nothing_serious_in_any_view(window, shown, folder, width, theme):
    record(folder)
    record(folder, coder="eve", bucket="guesses", fault="model_error")
    for view in ("", "#overview", "audit", "second-reading"):
        shown(width, theme, view)
        assert serious_faults(window) == [], view
        for side in ("left", "right"):
            if text(window, f"#show-{side}") and not text(window, f"#{side}"):
                click(window, f"#show-{side}")
                assert text(window, f"#{side}")
                assert serious_faults(window) == [], (view, side)
    assert [log for log in window.get_log("browser") if log["level"] == "SEVERE"] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_answer_stands_on_the_first_screen(window, shown, width):
    shown(width)
    tops = window.execute_script(
        "return ['.box.question', '.box.answer'].map((css) =>"
        " document.querySelector(css).getBoundingClientRect().top)")
    assert all(0 < top < WIDTHS[width] - 100 for top in tops), tops
    words = window.execute_script("""
        const box = document.querySelector(".box.answer").getBoundingClientRect();
        return document.elementFromPoint(box.left + 30, box.top + 20).closest(".text").innerText""")
    assert words.startswith("Answer ")


def test_on_a_phone_the_panels_are_drawers_and_a_review_can_be_made(window, shown, folder):
    shown(360)
    assert text(window, "#queue") == text(window, "#form") == ""
    expanded = "return ['left', 'right'].map((side) => document.getElementById(" \
               "`show-${side}`).getAttribute('aria-expanded'))"
    assert window.execute_script(expanded) == ["false", "false"]
    press(window, "[")
    assert window.execute_script(expanded) == ["true", "false"]
    assert window.switch_to.active_element.get_attribute("id") == "search"
    click(window, "#show-right")
    assert window.execute_script(expanded) == ["false", "true"]
    press(window, "books_the_wrong_hour" + Keys.ESCAPE)
    press(window, Keys.ESCAPE)
    assert window.execute_script(expanded) == ["false", "false"]
    window.execute_script("getSelection().selectAllChildren("
                          "document.querySelector('.box.answer .chunk'))")
    click(window, "#quote-it")
    until(lambda: text(window, "#message").startswith("quoted from answer"))
    click(window, "#show-right")
    window.execute_script("document.querySelector('[name=fault]').click()")
    window.find_element("id", "mechanism").send_keys(MECHANISM)
    before = window.current_url
    click(window, "#save")
    until(lambda: (folder / ledger.NAME).exists())
    until(lambda: window.current_url != before)
    until(lambda: text(window, "#form") == "")  # the next one is not covered
    click(window, "#show-left")
    assert texts_of(window, ".entry .mode")[0] == "books_the_wrong_hour"
    # Entries are drawn anew when their first words come in; one is clicked where it stands then.
    window.execute_script("document.querySelector('.entry:nth-child(3)').click()")
    until(lambda: text(window, "#queue") == "")


def test_folded_panels_stay_folded(window, shown):
    shown(1366)
    wide = "return document.querySelector('#middle').clientWidth"
    before = window.execute_script(wide)
    press(window, "[")
    click(window, "#show-right")
    assert window.execute_script(wide) > before + 500
    shown(1366)
    assert text(window, "#queue") == text(window, "#form") == ""
    press(window, "[]")
    assert window.execute_script(wide) == before


def test_messages_cover_no_text_and_are_read_aloud(window, shown):
    shown(360)
    press(window, "s")
    until(lambda: text(window, "#message") == "which step? l and h lead to them, or click one")
    assert window.find_element("id", "message").get_attribute("role") == "status"
    assert window.execute_script(
        "const b = (id) => document.getElementById(id).getBoundingClientRect();"
        "return b('middle').bottom <= b('message').top")


def test_the_skip_link_and_the_landmarks(window, shown):
    shown()
    window.execute_script("document.getElementById('to-overview').focus()")
    press(window, Keys.SHIFT + Keys.TAB + Keys.NULL)
    assert window.switch_to.active_element.get_attribute("class") == "skip"
    press(window, Keys.ENTER)
    assert window.switch_to.active_element.get_attribute("id") == "middle"
    assert window.execute_script(
        "return [...document.querySelectorAll('header, nav, main, aside, footer')]"
        ".filter((e) => e.parentElement === document.body || e.id === 'views').map((e) => e.id)"
    ) == ["top", "views", "left", "middle", "right", "foot"]


# What is read


def test_the_queue_shows_the_first_words_of_each_question(window, shown):
    shown()
    until(lambda: all(texts_of(window, ".entry .asked")))
    rows = dict(zip(chosen(window), texts_of(window, ".entry .asked"), strict=True))
    assert rows[("2", "model-a")] == SHOWN
    assert rows[("1", "model-b")].startswith(f"{ASKED} Number 1.")
    assert len(rows[("1", "model-b")]) == 160
    label = window.find_element("css selector", ".entry").get_attribute("aria-label")
    assert label.startswith("1, model-") and ASKED in label and label.endswith("unread")


def test_what_is_expected_reads_as_calls_and_is_quoted_as_recorded(window, shown, folder):
    shown(view="#run-a%2F1")
    assert window.execute_script("""
        return [...document.querySelectorAll(".box.expected .line")].map((line) =>
            [...line.childNodes].map((one) => (one.className === "off" ? ""
                : one.dataset?.as ?? one.textContent)).join(""))""") == [
        "find(day=3)", 'user: pay(to="Ada \\"A\\"") compare_args: ["to"]',
        "note: First find,\nthen pay."]
    window.execute_script("""
        const lines = document.querySelectorAll(".box.expected .line");
        getSelection().setBaseAndExtent(lines[0], 0, lines[1], lines[1].childNodes.length)""")
    press(window, "q")
    until(lambda: text(window, "#message") == "quoted from expected")
    quoted = window.execute_script("return document.querySelector('#quotes .words').textContent")
    assert quoted in json.dumps(ACTIONS)
    assert quoted.startswith('{"actions": [{"action_id": "1_0"')


@pytest.mark.parametrize("expected", [
    ACTIONS, {"answer": POISON}, {"a": 1, "b": None, "c": {"d": None}}, {"actions": [], "x": "\t"},
    {"actions": [{"name": "f", "arguments": {}}], "says": ["a" * 40, "b" * 40]}, {"a": None},
    {"actions": [{"arguments": {"x": None}, "name": 7, "requestor": 3}]}, {"": "\\n\u202e\ud800"},
], ids=str)
def test_the_pieces_of_what_is_expected_are_what_was_recorded(expected):
    [part] = parts.parts({"expected": expected})
    cut = readable.chunks(expected, part.text)
    assert "".join(piece.recorded for chunk in cut for line in chunk for piece in line) == part.text
    assert "null" not in "".join(piece.shown for chunk in cut for line in chunk for piece in line
                                 if '"d"' not in piece.shown and expected.get("c") is None
                                 and "x" not in str(expected))
    assert readable.chunks("text", "text") is None
    assert readable.chunks({"a": 1}, "another text") is None


def test_passing_datapoints_are_in_neutral_colours(window, shown):
    shown(view="#run-b%2F3")
    colours = window.execute_script("""
        const of = (css) => getComputedStyle(document.querySelector(css));
        const style = getComputedStyle(document.documentElement);
        return [of(".badge.pass").color, of("#progress").color]""")
    assert colours[0] == colours[1]


# The overview


def test_the_overview_counts_and_its_bars_filter_the_queue(window, shown, folder):
    record(folder)
    shown(view="#overview")
    assert texts_of(window, "#counts div") == [
        "datapoints\n8", "items\n4", "passed\n3", "failed\n5", "reviewed\n1"]
    lines = dict(zip(texts_of(window, ".barline .name"), window.execute_script(
        "return [...document.querySelectorAll('.barline .count')].map((e) => e.textContent)"),
        strict=True))
    assert lines["model-a"] == "25.0 %, 3 of 4 failed, interval 4.6 % to 69.9 %"
    assert lines["model-b"] == "50.0 %, 2 of 4 failed, interval 15.0 % to 85.0 %"
    assert (lines["asks_too_little"], lines["mixed"]) == ("1", "1")
    assert text(window, "#chart-fault").startswith("Whose fault")
    everything = text(window, "#found")
    for name, value, count in (("model", "model-b", 2), ("bucket", "asks_too_little", 1),
                               ("fault", "mixed", 1)):
        css = f".barline[data-filter={name}][data-value={value}]"
        click(window, css)
        bar = window.find_element("css selector", css)
        assert bar.get_attribute("aria-pressed") == "true"
        failing = [row for row in chosen(window) if row]
        assert texts_of(window, ".chip span:first-child") == [f"{name}: {value}"]
        assert len(failing) >= count
        assert text(window, "#selected").startswith(f"In the queue: {len(failing)} of ")
        click(window, ".chip")
        assert text(window, "#found") == everything
        assert bar.get_attribute("aria-pressed") == "false"
        assert texts_of(window, ".chip") == []


def test_a_bar_leads_to_the_first_datapoint_by_the_keyboard(window, shown):
    shown()
    press(window, "g")
    until(lambda: text(window, "#counts"))
    assert window.current_url.endswith("#overview") and text(window, "#form") == ""
    bar = window.find_element("css selector", ".barline[data-value=model-b]")
    bar.send_keys(Keys.ENTER)
    click(window, "#open-first")
    until(lambda: "model-b" in text(window, "#head"))
    assert text(window, "#form")
    press(window, "g")
    until(lambda: text(window, "#counts"))
    assert window.execute_script(
        "return document.querySelector('[aria-current=page]').id") == "to-overview"
    press(window, "g")
    until(lambda: "model-b" in text(window, "#head"))


def test_a_class_of_the_audit_filters(window, shown, folder):
    shown(view="#overview")
    named = window.execute_script(
        "return [...document.querySelectorAll('[data-filter=audit]')].map((e) =>"
        " [e.dataset.value, e.querySelector('.count').textContent])")
    assert named == [["damaged_item", "1 (2 in queue)"]]
    click(window, "[data-filter=audit][data-value=damaged_item]")
    assert text(window, "#found").startswith("2 of ")
    assert {item for item, _ in chosen(window)} == {"2"}


@pytest.mark.slow
def test_a_review_from_elsewhere_reaches_the_overview(window, shown, folder):
    shown(view="#overview")
    assert "nothing is reviewed yet" in text(window, "[aria-labelledby=chart-bucket]")
    record(folder)
    until(lambda: "asks_too_little" in text(window, "[aria-labelledby=chart-bucket]"), 6)
