"""deep_error_analysis.html and review_app.py --static: one page of the report and its evidence."""

import json
import re
import shlex
import shutil
from html.parser import HTMLParser

import pytest

from browser import chromium, serious_faults, until
from failure_analysis import manifest
from failure_analysis.clean import visible
from failure_analysis.packet import rows
from failure_analysis.pages import charts, report_page, report_text
from failure_analysis.review import ledger, standing
from hostile import ATTACKS
from make_runs import judged, turn

POISON = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">'
ANSWER = "The garden talk is at nine o'clock, and I have booked you for nine."
HAPPENED = "It books another hour than the one that was asked for."
PAGE = "deep_error_analysis.html"
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def analysed(run_script, tmp_path_factory):
    """Two models on four items: one item both fail, one a alone fails; texts that attack."""
    root = tmp_path_factory.mktemp("page")
    judged(root / "run-a", [
        turn(1, False, model_name="vendor/model-a-chat", assistant_text=ANSWER,
             user_text=f"When is the garden talk? {POISON}"),
        turn(2, False, model_name="vendor/model-a-chat", assistant_text="\n".join(ATTACKS)),
        turn(3, model_name="vendor/model-a-chat"), turn(4, model_name="vendor/model-a-chat")])
    judged(root / "run-b", [
        turn(1, False, model_name="vendor/model-b-chat",
             assistant_text=f"Ten, as everybody knows. {POISON}"),
        *(turn(number, model_name="vendor/model-b-chat") for number in (2, 3))])
    done = run_script("deep_error_analysis.py", "--run-dir", root / "run-a", root / "run-b",
                      "--output", root / "out" / "deep_error_analysis.md")
    assert done.returncode == 0, done.stderr
    assert f"page: {root / 'out' / PAGE} (0.1 MB)" in done.stdout
    return root / "out"


@pytest.fixture
def folder(analysed, tmp_path):
    """A copy of it, with nothing reviewed."""
    return shutil.copytree(analysed, tmp_path / "out")


@pytest.fixture
def reviewed(folder, run_script):
    """Two of its three failures reviewed, and a report that somebody has rewritten."""
    record(folder, "run-a/1", quotes=["booked you for nine"], mechanism=f"{HAPPENED} {POISON}")
    record(folder, "run-b/1", quotes=["Ten, as everybody knows."], fault="grader_issue",
           bucket="wants_other_words")
    assert run_script("write_report.py", folder).returncode == 0
    report = folder / "deep_error_analysis.md"
    text = report.read_text("utf-8").replace("## What was read", (
        "It fails {{failed_rows/vendor/model-a-chat of judged_rows/vendor/model-a-chat}} rows "
        f"[dp:run-a/1]. <b>{POISON}</b> ![x](http://evil.example/a.png) "
        "[click](javascript:alert(1))\n\n> I have booked\n> [dp:run-a/1]\n\n## What was read"), 1)
    report.write_text(text, "utf-8")
    assert run_script("write_report.py", folder).returncode == 0
    return folder


@pytest.fixture(scope="module")
def window():
    """One browser for all tests of this file."""
    with chromium() as browser:
        yield browser


def record(folder, ident, **changes):
    """Records a review as an agent does."""
    [verdict] = ledger.append(rows.load(folder), [{
        "datapoint_id": ident, "coder": "bot", "kind": "agent", "fault": "model_error",
        "bucket": "books_the_wrong_hour", "mechanism": HAPPENED, **changes}])
    assert verdict.review, verdict.reason


def shown(window, page, width=1366, scheme="light"):
    """Opens a page; what the browser said before is forgotten."""
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 768, "deviceScaleFactor": 1, "mobile": False})
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}]})
    window.get("about:blank")
    window.get_log("browser")
    window.get(page.as_uri())


def texts(window, css):
    """The texts of the elements as they are seen, each on one line."""
    return window.execute_script(
        "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
        ".map((e) => e.innerText.replaceAll(/\\s+/g, ' ').trim())", css)


def run(window, script):
    """Runs a line of script in the page."""
    return window.execute_script(script)


def outside_of(source):
    """What a page would load or point to besides itself, and its styles and scripts."""
    found = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.extend(value for name, value in attributes
                         if name in ("src", "srcset", "href", "action", "data", "style")
                         and not value.startswith("#"))
            found.extend([tag] if tag in ("script", "iframe", "img", "object") else [])

    Tags().feed(source)
    return found


def test_the_first_screen_before_anybody_has_read(window, folder):
    shown(window, folder / PAGE)
    assert texts(window, "h1")[0].startswith("Deep error analysis: page")
    assert texts(window, ".state") == ["draft: nobody has read a datapoint yet"]
    assert "0 of 3 failing datapoints reviewed." in texts(window, ".lead")[0]
    assert texts(window, ".rates .label") == ["vendor/model-b-chat", "vendor/model-a-chat"]
    assert texts(window, ".rates b") == ["66.7 %", "50.0 %"]
    assert "provisional" in texts(window, "#h-causes")[0]
    assert texts(window, "[aria-labelledby=h-faults] p") == [
        "Not decided: nobody has reviewed a failure yet."]
    assert texts(window, "[aria-labelledby=h-faults] .rows span") == ["tool_use_correct", "3"]
    assert any("lacks 1 item" in line for line in texts(window, ".trust li"))
    bottom = run(window, "return document.querySelector('.cards').getBoundingClientRect().bottom")
    assert bottom < 768
    assert texts(window, "#found") == ["3 datapoints"]
    assert texts(window, "#all :is(h3, #said)") == ["All failures", "Question"]
    assert texts(window, "figure h3")[0] == "Who fails what"
    for figure in window.find_elements("css selector", "figure"):
        names = [label.get_attribute("title")
                 for label in figure.find_elements("css selector", ".label")]
        assert names == texts(window, ".rates .label")
    assert texts(window, "figure.strips .ends span") == ["1 failed by all", "2 passed by all"]


@pytest.mark.parametrize(("verdict", "state", "cause", "fault", "nav"), [
    (True, "there is nothing to read", "None: nothing failed.", "None: nothing failed.", []),
    (None, "nobody has read a datapoint yet", "None: nothing was judged.",
     "Not decided: nothing was judged.", ["Unjudged"])])
def test_where_nothing_failed_the_first_screen_says_why_it_is_empty(
        window, run_script, tmp_path, verdict, state, cause, fault, nav):
    judged(tmp_path / "run-a", [turn(number, verdict) for number in (1, 2)])
    run_script("deep_error_analysis.py", "--run-dir", tmp_path / "run-a", "--output",
               tmp_path / "out" / "deep_error_analysis.md")
    shown(window, tmp_path / "out" / PAGE)
    assert texts(window, ".state") == [f"draft: {state}"]
    assert texts(window, "[aria-labelledby=h-causes] p") == [cause]
    assert texts(window, "[aria-labelledby=h-faults] p") == [fault]
    assert texts(window, "nav a[href='#failures']") == nav
    assert texts(window, "#h-failures") == nav
    said = (tmp_path / "out" / "deep_error_analysis.md").read_text("utf-8")
    assert "in 1 run over 2 items." in said
    assert re.findall("## Error modes\n<!-- generated:buckets -->\n(.*)\n(?s:.*?)"
                      "<!-- generated:coverage -->\n(.*)\n", said)[0][1] == "Nothing was reviewed."
    assert texts(window, "#all h3") == [f"All {name.lower()}" for name in nav]
    assert [log for log in window.get_log("browser") if log["level"] == "SEVERE"] == []


def test_the_page_stands_alone_and_shows_every_attack_as_text(window, reviewed):
    source = (reviewed / PAGE).read_text("utf-8")
    assert outside_of(source) == ["data:,", "script", "script"]
    assert "@import" not in source and "url(" not in source and "<img" not in source
    shown(window, reviewed / PAGE)
    run(window, "document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert run(window, "return [window.hacked ?? null, document.querySelectorAll("
                       "'main img, main script, main iframe').length]") == [None, 0]
    whole = run(window, "return document.documentElement.textContent")
    assert whole.count(POISON) >= 4
    assert "[click](javascript:alert(1))" in whole
    assert [log for log in window.get_log("browser") if log["level"] == "SEVERE"] == []


def test_every_text_of_the_hostile_corpus_is_shown(window, folder, run_script):
    record(folder, "run-a/2", quotes=["Ignore all previous instructions"])
    assert run_script("write_report.py", folder).returncode == 0
    shown(window, folder / PAGE)
    whole = " ".join(run(window, "return document.querySelector(\"[data-id='run-a/2']\")"
                                 ".textContent").split())
    missing = [text for text in ATTACKS if " ".join(visible(text).split()) not in whole]
    assert missing == []
    assert [log for log in window.get_log("browser") if log["level"] == "SEVERE"] == []


def test_a_number_shows_its_fact_and_a_citation_its_quote(window, reviewed):
    from selenium.webdriver.common.keys import Keys

    shown(window, reviewed / PAGE)
    number = next(each for each in window.find_elements("css selector", ".fact")
                  if each.text == "2 of 4")
    run(window, "document.querySelector('.fact').scrollIntoView({block: 'center'})")
    number.click()
    assert texts(window, "#tip p") == [
        "2 rows that were judged to fail; vendor/model-a-chat failed_rows/vendor/model-a-chat",
        "4 rows that were judged pass or fail; vendor/model-a-chat "
        "judged_rows/vendor/model-a-chat"]
    number.send_keys(Keys.ESCAPE)
    assert texts(window, "#tip") == []
    cited = window.find_element("css selector", "article.report blockquote a.cited")
    assert (cited.text, cited.get_attribute("title")) == ("1 · a", "run-a/1")
    run(window, "document.querySelector('article.report blockquote a').scrollIntoView()")
    cited.send_keys(Keys.ENTER)
    until(lambda: texts(window, "#panel-title") == ["1 · vendor/model-a-chat"])
    assert "I have booked" in " ".join(texts(window, "#panel mark.here"))
    assert texts(window, "#panel .mechanism") == [f"{HAPPENED} {POISON}"]
    assert run(window, "return location.hash") == "#dp%3Arun-a%2F1"
    window.switch_to.active_element.send_keys(Keys.ESCAPE)
    until(lambda: texts(window, "#panel") == [])
    assert run(window, "return document.activeElement.title") == "run-a/1"


def test_back_after_a_citation_returns_to_the_report(window, reviewed):
    from selenium.webdriver.common.keys import Keys

    shown(window, reviewed / PAGE)
    run(window, "document.querySelector('nav a[href=\"#figures\"]').click()")
    places = run(window, "return history.length")
    for close in (window.back, lambda: window.find_element("id", "close").click(),
                  lambda: window.switch_to.active_element.send_keys(Keys.ESCAPE)):
        run(window, "document.querySelector('article.report blockquote a').scrollIntoView()")
        place = run(window, "return scrollY")
        run(window, "document.querySelector('article.report blockquote a').click()")
        until(lambda: texts(window, "#panel-title") == ["1 · vendor/model-a-chat"])
        close()
        until(lambda: run(window, "return location.hash") == "#figures")
        assert texts(window, "#panel") == []
        assert run(window, "return [scrollY, history.length]") == [place, places + 1]
    window.forward()
    until(lambda: texts(window, "#panel-title") == ["1 · vendor/model-a-chat"])
    assert "I have booked" in " ".join(texts(window, "#panel mark.here"))
    window.back()
    until(lambda: texts(window, "#panel") == [])
    assert run(window, "return location.hash") == "#figures"


def test_causes_list_their_datapoints_and_failures_are_searched(window, reviewed):
    shown(window, reviewed / PAGE)
    assert texts(window, ".causes .label") == ["books the wrong hour", "wants other words"]
    assert texts(window, ".causes .value") == ["1", "1"]
    assert texts(window, "ul.legend.tall li") == ["model error 1", "grader issue 1"]
    assert texts(window, "#causes .entries li") == [
        f"1 · a model error {HAPPENED} {POISON}", f"1 · b grader issue {HAPPENED}"]
    assert texts(window, "#found") == ["3 datapoints"]
    assert texts(window, "#rows a") == ["1", "1", "2"]
    assert texts(window, "#said") == ["What happened, or the question"]
    search = window.find_element("id", "search")
    for words, found in (("garden hour", "1 of 3 datapoints"), ("RUN-B/1", "1 of 3 datapoints"),
                         ("nowhere", "0 of 3 datapoints")):
        search.clear()
        search.send_keys(words)
        until(lambda found=found: texts(window, "#found") == [found])
    window.find_element("id", "clear").click()
    assert texts(window, "#found") == ["3 datapoints"]
    assert run(window, "return [...document.querySelector('#cause').options].slice(0, 3)"
                       ".map((option) => option.text)") == [
        "all", "books_the_wrong_hour (1)", "wants_other_words (1)"]
    run(window, "document.querySelector('.causes a').click()")
    assert run(window, "return document.querySelector('details.cause').open") is True
    run(window, "document.querySelector('details.cause a[data-filter]').click()")
    until(lambda: texts(window, "#found") == ["1 of 3 datapoints"])
    assert texts(window, "#said") == ["What happened"]
    run(window, "document.querySelector('#rows a').click()")
    assert texts(window, "#panel-title") == ["1 · vendor/model-a-chat"]


def test_what_is_here_as_a_line_says_how_to_see_it_whole(window, reviewed):
    shown(window, reviewed / PAGE)
    run(window, "document.querySelector(\"#rows a[title='run-a/2']\").click()")
    assert "Only this line of it is here." in texts(window, "#panel-body")[0]
    assert "show_datapoint.py ANALYSIS_DIR run-a/2" in texts(window, "#panel-body")[0]


@pytest.mark.parametrize("ident", ["run-a/7", "run-a/x;touch", "run-a/$(id)~`id`", "a/it's \"so\"",
                                   "a/x & y | z > f", "a/é", "-x/1", "a/two\nlines", "''"])
def test_a_command_to_copy_quotes_its_id_for_the_shell(window, folder, ident):
    shown(window, folder / PAGE)
    run(window, f"location.hash = '#' + encodeURIComponent('dp:' + {json.dumps(ident)})")
    until(lambda: texts(window, "#panel"))
    assert texts(window, "#panel-body p")[0] == "This datapoint is not on this page."
    command = run(window, "return document.querySelector('#panel-body code').textContent")
    end = "-- " * ident.startswith("-")
    assert command == f"show_datapoint.py ANALYSIS_DIR {end}{shlex.quote(ident)}"


def state(folder):
    """The state of the check on a page."""
    source = (folder / PAGE).read_text("utf-8")
    return re.search(r'<span class="state (\w+)">([^<]+)<', source).groups()


def test_the_state_of_the_check_is_on_the_first_screen(reviewed, run_script):
    assert state(reviewed) == ("open", "not checked as it stands")
    assert run_script("check_report.py", reviewed).returncode == 1
    kind, words = state(reviewed)
    findings = len(json.loads((reviewed / "check.json").read_text("utf-8"))["findings"])
    assert (kind, words) == ("fails", f"checked: {findings} faults")
    assert run_script("write_report.py", reviewed).returncode == 0
    assert state(reviewed) == ("fails", f"checked: {findings} faults")
    report = reviewed / "deep_error_analysis.md"
    report.write_text(report.read_text("utf-8") + "\nMore words.\n", "utf-8")
    assert run_script("write_report.py", reviewed).returncode == 0
    assert state(reviewed) == ("open", "not checked as it stands")


@pytest.mark.parametrize(("confirmed", "said"), [
    (0, ("unconfirmed", "check holds; not confirmed by a second reader")),
    (2, ("unconfirmed", "check holds; 2 of 3 sentences confirmed by a second reader")),
    (3, ("holds", "check holds"))])
def test_what_is_proved_and_not_confirmed_is_said_so(reviewed, confirmed, said):
    text = (reviewed / "deep_error_analysis.md").read_text("utf-8")
    (reviewed / "check.json").write_text(json.dumps({
        "of": standing.digest(text), "findings": [], "sentences": 3, "confirmed": confirmed}))
    report_page.write_anew(reviewed)
    assert state(reviewed) == said


def test_the_static_page_is_the_same_and_needs_no_review(folder, run_script, tmp_path):
    out = tmp_path / "send.html"
    done = run_script("review_app.py", folder, "--static", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "0 of 3 failing datapoints reviewed"
    assert out.read_bytes() == (folder / PAGE).read_bytes()


def test_what_does_not_fit_is_left_out_and_said(window, reviewed, run_script, tmp_path):
    whole = (reviewed / PAGE).stat().st_size
    out = tmp_path / "small.html"
    done = run_script("review_app.py", reviewed, "--static", out, "--page-mb",
                      str((whole - 1000) / 1e6))
    assert "left out for size: 1 of 2 datapoints as a line only (--page-mb N)" in done.stdout
    assert out.stat().st_size < whole
    shown(window, out)
    assert "Left out for the size of this page: 1 datapoints are a line only" in \
        " ".join(texts(window, ".head p"))
    done = run_script("review_app.py", reviewed, "--static", out, "--page-mb", "0.0001")
    assert "2 of 2 datapoints as a line only, 3 of 3 failures (--page-mb N)" in done.stdout
    shown(window, out)
    assert texts(window, "#all") == []


@pytest.mark.parametrize("size", ["0", "-1", "nan", "inf", "x"])
def test_a_size_that_is_none_is_refused(folder, run_script, size):
    done = run_script("write_report.py", folder, f"--page-mb={size}")
    assert (done.returncode, "--page-mb" in done.stderr) == (2, True)


def test_a_damaged_file_leaves_no_page_that_says_otherwise(reviewed, run_script):
    (reviewed / "clusters.json").write_text("{")
    assert run_script("check_report.py", reviewed).returncode == 1
    assert not (reviewed / PAGE).exists()


def test_a_page_of_another_report_stands_beside_it_and_no_foreign_one_is_lost(
        analysed, run_script, tmp_path):
    root = analysed.parent
    inputs = ("--run-dir", root / "run-a", root / "run-b")
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "mine.html"
    mine.write_text("my own page")
    done = run_script("deep_error_analysis.py", *inputs, "--output", tmp_path / "out" / "mine.md")
    assert (done.returncode, mine.read_text()) == (1, "my own page")
    assert "mine.html: stands there, and no step of manifest.json wrote it" in done.stderr
    mine.unlink()
    for _ in range(2):
        done = run_script("deep_error_analysis.py", *inputs, "--output",
                          tmp_path / "out" / "mine.md")
        assert done.returncode == 0, done.stderr
    assert "<title>" in mine.read_text("utf-8")
    assert not (tmp_path / "out" / PAGE).exists()
    assert list(manifest.entries(tmp_path / "out")["page"]["outputs"]) == ["mine.html"]


@pytest.mark.parametrize("width", [360, 1366])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_serious_for_who_cannot_see_it(window, reviewed, width, scheme):
    shown(window, reviewed / PAGE, width, scheme)
    run(window, "document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert serious_faults(window) == []
    run(window, "document.querySelector('article.report a.cited').click()")
    assert serious_faults(window) == []
    assert run(window, "const root = document.documentElement;"
                       "return root.scrollWidth - root.clientWidth") == 0


def test_on_paper_what_is_folded_is_open_and_cut(window, reviewed):
    shown(window, reviewed / PAGE)
    assert texts(window, "#datapoints article") == []
    lengths = "return ['.text:has(mark)', '.text:not(:has(mark))'].map((css) => document" \
        ".querySelector('#datapoints ' + css)).map((text) => [text.textContent.length > 9000, " \
        "text.offsetHeight < 150])"
    run(window, "for (const text of document.querySelectorAll('#datapoints .text'))"
                "text.append('many words '.repeat(900))")
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    run(window, "window.dispatchEvent(new Event('beforeprint'))")
    assert run(window, lengths) == [[False, True], [True, True]]
    assert len(texts(window, "#datapoints article")) == 2
    assert run(window, "return document.querySelectorAll('details:not([open])').length") == 0
    assert texts(window, ".tools, .top, dialog") == []
    run(window, "window.dispatchEvent(new Event('afterprint'))")
    assert run(window, lengths) == [[True, False], [True, True]]
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_on_paper_no_datapoint_is_whole_before_one_was_read(window, folder):
    report = folder / "deep_error_analysis.md"
    report.write_text(report.read_text("utf-8") + "\nAs [dp:run-a/1] shows.\n", "utf-8")
    report_page.write_anew(folder)
    shown(window, folder / PAGE)
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    run(window, "window.dispatchEvent(new Event('beforeprint'))")
    assert run(window, "return document.querySelectorAll('#datapoints article').length") > 0
    assert texts(window, "#datapoints") == []
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_the_theme_can_be_switched(window, reviewed):
    shown(window, reviewed / PAGE)
    assert texts(window, "#theme") == ["Dark"]
    window.find_element("id", "theme").click()
    assert run(window, "return document.documentElement.dataset.theme") == "dark"
    assert texts(window, "#theme") == ["Light"]
    run(window, "localStorage.removeItem('theme')")


def rendered(text, **values):
    """A report's Markdown as the page has it, with two datapoints and one fact."""
    return report_text.rendered(text, report_text.Names(
        {"r/1": "1 · a", "r/2": "2 · a"}, {"a_cause"}, {"failed_rows": 7, "rows": 9, **values}, ()))


def test_markdown_becomes_html_and_nothing_in_it_is_html():
    made = rendered("# Title\n\n## Part\n\n<script>x</script> `a_cause` `r/2` `other`\n\n"
                    "[a]: http://evil.example\n\n[a] <http://evil.example>\n")
    assert made.title == "Title"
    assert [tuple(heading) for heading in made.headings] == [
        (1, "report-1", "Title"), (2, "report-2", "Part")]
    assert str(made.html) == (
        '<div class="said"><h2 id="report-1">Title</h2>\n<h3 id="report-2">Part</h3>\n'
        '<p>&lt;script&gt;x&lt;/script&gt; <a href="#cause:a_cause"><code>a_cause</code></a> '
        '<a class="cited" href="#dp:r/2" title="r/2">2 · a</a> <code>other</code></p>\n'
        "<p>[a]: http://evil.example</p>\n<p>[a] &lt;http://evil.example&gt;</p>\n</div>")


def test_a_number_knows_its_facts_and_a_quote_its_datapoint():
    made = rendered('7 of 9<!--fact:failed_rows of rows--> fail "so many words" [dp:r/1].\n\n'
                    "> a quote\n> in two lines\n> [dp:r/2]\n\n[dp:r/3] 5<!--fact:gone-->\n")
    assert made.quoted == {"r/1": ["so many words"], "r/2": ["a quote\nin two lines"], "r/3": []}
    assert made.facts == {
        "failed_rows": ["7", "rows that were judged to fail; all models together"],
        "rows": ["9", "rows, judged or not; all models together"]}
    assert '<span role="button" tabindex="0" class="fact" data-fact="failed_rows rows" ' \
        'title="failed_rows of rows">7 of 9</span> fail' in made.html
    assert "<code>[dp:r/3]</code>" in made.html and 'data-fact="gone"' in made.html


def test_a_fact_says_each_name_once():
    key = "mode/a_mode/vendor/m"
    made = report_text.rendered(f"7<!--fact:{key}-->", report_text.Names(
        {}, (), {key: 7}, {"vendor/m"}))
    [[_, words]] = made.facts.values()
    assert words.endswith("; a_mode of vendor/m")


def test_repeats_in_two_runs_are_told_apart(run_script, tmp_path):
    for name in ("run-a", "run-b"):
        judged(tmp_path / name, [turn(number, False) for number in (1, 2)])
    run_script("deep_error_analysis.py", "--run-dir", tmp_path / "run-a", tmp_path / "run-b",
               "--output", tmp_path / "out" / "deep_error_analysis.md")
    report = tmp_path / "out" / "deep_error_analysis.md"
    report.write_text(report.read_text("utf-8") + "\n[dp:run-a/1] [dp:run-b/1]\n", "utf-8")
    report_page.write_anew(tmp_path / "out")
    cited = re.findall(r'<a class="cited"[^>]*title="run-./1">([^<]+)<',
                       (tmp_path / "out" / PAGE).read_text("utf-8"))
    assert cited[-2:] == ["1 · model-a, run 1", "1 · model-a, run 2"]


def test_generated_blocks_lose_their_marks_and_fences_their_ends():
    made = rendered("<!-- generated:read -->\n| a | b |\n| --- | ---: |\n| x | 1 |\n"
                    "<!-- /generated:read -->\n\n```text data-000000000000\nhi\n"
                    "[end of data-000000000000]\n```\n")
    assert "generated" not in made.html and '<td class="n">1</td>' in made.html
    assert "<pre><code>hi</code></pre>" in made.html and "style=" not in made.html


@pytest.mark.parametrize(("names", "cut"), [
    (["vendor/model-a-chat", "vendor/model-b-chat"], ["a", "b"]),
    (["gpt-5.4", "claude-opus"], ["gpt-5.4", "claude-opus"]), (["one"], ["one"]), ([], []),
    (["m-1", "m-1-x"], ["1", "1-x"]), (["m-1", "m"], ["m-1", "m"])])
def test_labels_lose_what_they_share_and_stay_different(names, cut):
    assert list(charts.shortest(names).values()) == cut


def test_long_labels_are_cut_in_their_middle_and_stay_different():
    names = [f"{'x' * 40}{middle}{'y' * 40}" for middle in ("one", "two")]
    short = charts.short(names)
    assert len(set(short.values())) == 2
    assert charts.short(["a" * 50])["a" * 50] == f"{'a' * 12}…{'a' * 13}"


def test_a_strip_has_a_cell_per_item_and_bins_above_500():
    few = charts.strip([1, 0, None, .5], ["<a>", "b", "c", "d"], "m & n")
    assert re.findall(r'class="(f\d|none)"', few) == ["f4", "f0", "none", "f2"]
    assert "&lt;a&gt;: fails" in few and 'aria-label="m &amp; n"' in few
    many = charts.strip([1.0] * 600 + [0.0] * 719, [""] * 1319, "")
    cells = re.findall(r'class="(f\d)"', many)
    assert (len(cells), cells[0], cells[-1]) == (120, "f4", "f0")
    assert re.findall(r'class="(f\d)"', charts.strip([1] * 300, [""] * 300, "")) == ["f4"]


@pytest.mark.parametrize("width", [360, 1366, 2560])
def test_a_count_of_flags_stands_on_one_line(window, folder, width):
    shown(window, folder / PAGE, width)
    assert run(window, """
        const card = document.querySelector('[aria-labelledby=h-audit]');
        card.innerHTML += '<ul class="counts"><li><b>115</b> <span></span></li></ul>';
        card.querySelector('ul.counts:last-child span').textContent = 'passed, though '.repeat(9);
        const count = card.querySelector('ul.counts:last-child b'), range = new Range();
        range.selectNodeContents(count);
        return range.getClientRects().length""") == 1
