"""Time comes in from outside. Everything is UTC; the database keeps microseconds since 1970."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Whatever tells the engine the time."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        ...


class VirtualClock:
    """A clock that moves only when told to: for tests, simulation and replay."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def move(self, by: timedelta) -> None:
        """Let time pass (or jump back, which real clocks do)."""
        self._now += by


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment that lies so many microseconds after 1970-01-01T00:00:00Z."""
    return EPOCH + timedelta(0, 0, micros)


def period_of(day: date) -> str:
    """The accounting period of a day, as ``2026-05`` (calendar months)."""
    return f"{day.year:04d}-{day.month:02d}"
