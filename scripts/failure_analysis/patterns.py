"""Regular expressions that are compiled when they are first used: a call uses few of those that the
modules hold, and compiling all of them takes longer than a small call."""

import re
from typing import TYPE_CHECKING, Any


class _Pattern:
    """Stands for a compiled expression, and has what that one has. (The `re` of a match is the
    compiled one.)"""

    def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
        self.pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        """Called for what is not here yet: takes it from the compiled expression, and keeps it."""
        value = getattr(re.compile(self.pattern, self._flags), name)
        setattr(self, name, value)
        return value


if TYPE_CHECKING:
    re_compile = re.compile
else:
    re_compile = _Pattern
