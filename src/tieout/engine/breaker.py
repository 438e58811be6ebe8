"""A circuit breaker for one lane: after a row of failures nothing is sent for a while, then one batch tries."""

from datetime import datetime, timedelta


class Breaker:
    """Closed (sending), open (waiting), half-open (one batch tries). Time comes from the caller."""

    def __init__(self, *, failures_max: int, open_seconds: float) -> None:
        self._failures_max = failures_max
        self._open = timedelta(seconds=open_seconds)
        self._failures = 0
        self._until: datetime | None = None

    def allows(self, now: datetime) -> bool:
        """May a batch be sent now?"""
        return self._until is None or now >= self._until

    @property
    def failing(self) -> bool:
        """Has the lane stopped for failures?"""
        return self._until is not None

    def note(self, now: datetime, failed: bool) -> None:
        """Note how a batch went."""
        if not failed:
            self._failures, self._until = 0, None
            return
        self._failures += 1
        if self._failures >= self._failures_max:
            self._until = now + self._open
