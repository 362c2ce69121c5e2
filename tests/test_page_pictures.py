"""The script that makes the pictures of README and the demo report that it links."""

import pytest
from PIL import Image

from browser import chromium


@pytest.mark.slow
def test_the_pictures_are_made_anew(start, bundle, tmp_path):
    with chromium():  # skips where there is none
        pass
    done = start(bundle / "tests" / "make_page_pictures.py", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("report_page.png", "review_page.png"):
        for folder in (tmp_path, bundle / "references" / "figures"):
            assert (folder / name).stat().st_size < 150_000
            with Image.open(folder / name) as image:
                assert image.size == (1366, 768)
                colours = image.convert("RGB").getcolors(1 << 20)
                assert len(colours) > 20 and max(count for count, _ in colours) < 0.9 * 1366 * 768
    page = (tmp_path / "demo_report.html").read_text(encoding="utf-8")
    assert "check holds" in page and str(tmp_path) not in page
