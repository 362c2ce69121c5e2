"""Opening the page in a person's browser, where there is one."""

import os
import sys
import threading
import webbrowser
from contextlib import suppress


def is_here() -> bool:
    """Whether a browser with a window may be started: not where there is no screen, as a browser
    for terminals would take this one over."""
    return bool(os.environ.get("BROWSER")) or sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def show(link: str) -> None:
    """Opens a link beside the server, which does not wait for it and does not mind if none opens.
    """
    def opened() -> None:
        with suppress(OSError, webbrowser.Error):  # the link stands in the terminal
            webbrowser.open(link)

    threading.Thread(target=opened, daemon=True).start()
