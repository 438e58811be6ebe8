"""Trials of drafts under way in this process: begun from a page, watched, called off. Results go to the log."""

import threading
from datetime import datetime

import structlog
from msgspec import Struct

from tieout.engine.policy_desk import PolicyDesk
from tieout.engine.what_if import Cancelled
from tieout.kernel.errors import PermanentError

LOG = structlog.get_logger("tieout.trials")


class Running(Struct):
    """One trial: how many events of the log it has gone through, of how many; what went wrong, if anything did."""

    release: str
    by: str
    total: int
    done: int = 0
    over: bool = False
    cancelled: bool = False
    trouble: str = ""

    @property
    def percent(self) -> int:
        """How far it is."""
        return min(100, 100 * self.done // self.total) if self.total else 0


class Trials:
    """At most one trial at a time in one process: each takes two processors for as long as it lasts."""

    def __init__(self, desk: PolicyDesk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._last: Running | None = None

    def of(self, release: str) -> Running | None:
        """The trial of a release, if the last one begun here was its."""
        return self._last if self._last and self._last.release == release else None

    def begin(self, release: str, by: str, start: datetime | None = None, end: datetime | None = None) -> None:
        """Begin a trial in the background. Raises ``PermanentError`` while another one is under way."""
        with self._lock:
            if self._last and not self._last.over:
                told = f"release {self._last.release} is being tried; wait for it, or call it off"
                raise PermanentError(told)
            running = self._last = Running(release, by, self._desk.events())
        threading.Thread(target=self._run, args=(running, start, end), name="trial", daemon=True).start()

    def call_off(self, release: str) -> None:
        """End a trial soon; nothing of it is kept."""
        if running := self.of(release):
            running.cancelled = True

    @property
    def token(self) -> str:
        """A text that changes while a trial goes on."""
        last = self._last
        return f"{last.release}/{last.percent}/{last.over}" if last else ""

    def _run(self, running: Running, start: datetime | None, end: datetime | None) -> None:
        def advance(events: int) -> None:
            running.done += events

        try:
            self._desk.attempt(
                running.release,
                running.by,
                start=start,
                end=end,
                on_progress=advance,
                cancelled=lambda: running.cancelled,
            )
        except Cancelled:
            running.trouble = "called off"
        except Exception as error:
            LOG.exception("trial_failed", release=running.release)
            running.trouble = f"{type(error).__name__}: {error}"
        running.over = True
