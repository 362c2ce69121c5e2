"""Headless Chromium for tests of pages."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--window-size=1366,768")


@contextmanager
def chromium() -> Iterator[Any]:
    """A fresh browser; skips the test where Chromium or its driver is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("no chromium, or no chromedriver: the page cannot be opened in a browser")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
        try:
            yield browser
        finally:
            browser.quit()


def until(what: Callable[[], Any], seconds: float = 10) -> Any:
    """The first true value of `what()`; fails the test when there is none in time."""
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, f"not so within {seconds} s: {what.__code__.co_names}"
        time.sleep(0.03)
    return value


def serious_faults(browser: Any) -> list[str]:
    """What axe calls serious or critical on the open page: the rule and the first places."""
    axe_core = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    source = Path(axe_core.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    browser.execute_script(source)
    found = browser.execute_async_script(
        "axe.run(document, {resultTypes: ['violations']}).then(arguments[arguments.length - 1])")
    return [f"{rule['id']} ({rule['help']}): "
            + "; ".join(node["html"][:120] for node in rule["nodes"][:3])
            for rule in found["violations"] if rule["impact"] in ("serious", "critical")]
