"""Waiting for something to become true, with a limit, never for a fixed time."""

import time
from collections.abc import Callable


class TooLong(Exception):
    """It did not become true in time."""


def until(what: str, holds: Callable[[], bool], seconds: float, every: float = 0.05) -> None:
    """Return as soon as ``holds`` says so. Raises :class:`TooLong`, naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TooLong(f"waited {seconds:g} s in vain until {what}")
        time.sleep(every)
