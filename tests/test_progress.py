"""The bar of one long file: by its bytes, on a terminal, and only when it takes a while."""

import gzip
import io
import re
import sys
import time

import pytest

from failure_analysis import files
from failure_analysis.packet import progress


class Terminal(io.StringIO):
    """What a person sees."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def read(monkeypatch, tmp_path):
    """`read(suffix, screen, delay)`: reads a file in steps; returns what is on the screen."""

    def run(suffix: str, screen: io.StringIO, delay: float) -> str:
        path = tmp_path / f"long.jsonl{suffix}"
        text = b"".join(b"%d\n" % number for number in range(400_000))
        path.write_bytes(gzip.compress(text) if suffix else text)
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setattr(progress, "DELAY", delay)
        monkeypatch.setattr(progress, "EVERY", 0.02)
        with progress.reading(["one source"]) as sources, files.open_bytes(path) as file:
            assert list(sources) == ["one source"]
            while file.read(300_000):
                time.sleep(0.1)
        assert not files.watchers
        return screen.getvalue()

    return run


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_long_file_is_watched_by_its_bytes(read, suffix):
    seen = read(suffix, Terminal(), 0.1)
    shares = [int(share) for share in re.findall(r"(\d+)%\|", seen)]
    assert f"reading long.jsonl{suffix}" in seen and shares == sorted(shares)
    assert 0 < shares[-1] <= 100 and len(shares) > 1


def test_nothing_is_shown_of_what_is_quick_or_where_nobody_looks(read):
    assert "%" not in read("", Terminal(), 60)
    assert read("", io.StringIO(), 0) == ""
