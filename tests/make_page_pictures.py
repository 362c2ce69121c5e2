"""Makes the pictures of README and the finished demo report that it links, of the made-up clinic.

Its attempts are written by tests/make_clinic.py with planted causes, its 45 reviews are recorded by
the real scripts, its report is tests/fixtures/clinic_review/report.md, checked. Writes
report_page.png, review_page.png and demo_report.html into FOLDER (without one:
references/figures/).

Example: python tests/make_page_pictures.py /tmp/pictures
"""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

from PIL import Image

import goldens
from browser import chromium, until

BUNDLE = Path(__file__).resolve().parents[1]
FIGURES = BUNDLE / "references" / "figures"
WIDTH, HEIGHT, COLOURS = 1366, 768, 64


def run_script(name: str, *args: object) -> subprocess.CompletedProcess[str]:
    """Runs a script of the bundle."""
    return subprocess.run([sys.executable, BUNDLE / "scripts" / name, *map(str, args)],
                          capture_output=True, text=True, encoding="utf-8", check=False,
                          env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})


def make(folder: Path) -> list[Path]:
    """Brings the clinic to its end, takes both pictures and copies the report's page."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    # Paths stand in the report: from the folder above, they are the same on every machine.
    with tempfile.TemporaryDirectory() as name, chdir(name):
        out = goldens.clinic(run_script, Path("clinic")).resolve()
        done = run_script("check_report.py", out)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        page = out / "deep_error_analysis.html"
        report = folder / "demo_report.html"
        report.write_bytes(page.read_bytes())
        with chromium() as browser:
            browser.get(page.as_uri())
            paths = [_take(browser, folder / "report_page.png")]
            paths.append(_review_page(browser, out, folder / "review_page.png"))
    return [*paths, report]


def _review_page(browser: Any, out: Path, path: Path) -> Path:
    """The picture of the review page, while it is served."""
    with subprocess.Popen(
            [sys.executable, BUNDLE / "scripts" / "review_app.py", out, "--coder", "reader-3"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8") as server:
        try:
            browser.get(server.stdout.readline().strip())
            until(lambda: "The same item elsewhere" in browser.find_element(
                "tag name", "body").text, 30)
            return _take(browser, path)
        finally:
            server.send_signal(signal.SIGINT)


def _take(browser: Any, path: Path) -> Path:
    """A picture of the first screen, in few colours."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": "light"}]})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False})
    browser.save_screenshot(str(path))
    with Image.open(path) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


if __name__ == "__main__":
    for made in make(Path(sys.argv[1]) if len(sys.argv) > 1 else FIGURES):
        print(f"{made}: {made.stat().st_size} bytes")
