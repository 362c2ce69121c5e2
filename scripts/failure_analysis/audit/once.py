"""A value that is worked out when it is first asked for: lighter than a cache of one entry."""

from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def once(work: Callable[[], _T]) -> Callable[[], _T]:
    """What gives the value of `work`, which is called at most once."""
    held: list[_T] = []

    def value() -> _T:
        if not held:
            held.append(work())
        return held[0]
    return value
