"""How far the reading is, on a terminal: over runs, or over the bytes of one long file."""

import os
import sys
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from failure_analysis import files
from failure_analysis.records import Source

DELAY, EVERY = 2.0, 0.3  # seconds before a bar is shown, and between two looks


@contextmanager
def reading(sources: list[Source]) -> Iterator[Iterable[Source]]:
    """The sources, with a progress bar where a person is looking and it takes a while."""
    if not sys.stderr.isatty():
        yield sources
        return
    from tqdm import tqdm

    if len(sources) > 1:
        yield tqdm(sources, unit="run", desc="reading", delay=DELAY)
        return
    watch = _Watch()
    files.watchers.append(watch.opened)
    thread = Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield sources
    finally:
        files.watchers.remove(watch.opened)
        watch.ended.set()
        thread.join()


class _Watch:
    """Looks now and then how far the file that was opened last is read; the reading itself does
    nothing for it."""

    def __init__(self) -> None:
        self.ended = Event()
        self._path, self._file = Path(), lambda: None

    def opened(self, path: Path, file: Any) -> None:
        """Told by the reading, of each file."""
        self._path, self._file = path, weakref.ref(file)

    def run(self) -> None:
        """One bar for each file that takes a while, until the reading has ended."""
        from tqdm import tqdm

        bar, shown = None, None
        while not self.ended.wait(EVERY):
            if self._file is not shown and bar is not None:
                bar.close()
                bar = None
            shown = self._file
            if (place := _place(shown())) is None:
                continue
            if bar is None:
                bar = tqdm(total=self._path.stat().st_size, unit="B", unit_scale=True,
                           desc=f"reading {self._path.name[:40]}", delay=DELAY, leave=False)
            bar.update(place - bar.n)
        if bar is not None:
            bar.close()


def _place(file: Any) -> int | None:
    """How many of its bytes on the disk were read; None of a closed file."""
    try:
        return os.lseek(file.fileno(), 0, os.SEEK_CUR)
    except (AttributeError, OSError, ValueError):
        return None
