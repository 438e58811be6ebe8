"""The book of a policy: its releases, each with the moment it takes effect, and which one is in force at any moment.

The book is a stack with dates: an approval puts a release on it, a rollback takes the newest off. Both count from a
moment that lies a little ahead of their recording (:data:`LEAD`), so that every worker has read of it before it comes,
and all switch at the same recorded moment.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct

from tieout.kernel.clock import to_micros

LEAD = timedelta(seconds=10)
"""So long before it takes effect a release is in the log at least. Workers look into the book every second."""


class Entry(Struct, frozen=True):
    """From ``since`` on (microseconds) this release is in force. ``below``: the one a rollback brings back."""

    release: str
    since: int
    below: str = ""


Book = Sequence[Entry]


def in_force(book: Book, moment: datetime) -> str:
    """The release in force at a moment; empty where the book says nothing."""
    micros = to_micros(moment)
    found = ""
    for entry in book:
        if entry.since <= micros:
            found = entry.release
    return found


def approved(book: Book, release: str, since: datetime) -> tuple[Entry, ...]:
    """The book with a release put on top. One that was to come later than this is never in force."""
    micros = to_micros(since)
    kept = tuple(entry for entry in book if entry.since < micros)
    below = kept[-1].release if kept else ""
    return (*kept, Entry(release, micros, below))


def rolled_back(book: Book, moment: datetime) -> tuple[Entry, ...]:
    """The book without its newest release. One that has not taken effect yet falls out; else the one below it takes
    effect again at that moment, with what was below that."""
    newest, micros = book[-1], to_micros(moment)
    if newest.since >= micros:
        return tuple(book[:-1])
    below = next((entry.below for entry in reversed(book) if entry.release == newest.below), "")
    return (*book, Entry(newest.below, micros, below))


def close_window(day: date, days: int) -> str:
    """In which close window a day lies, in words; empty when in none. It runs from the last day of a calendar month
    until so many days into the next."""
    tomorrow = day + timedelta(days=1)
    if not days:
        return ""
    if tomorrow.day == 1:
        return f"{day:%Y-%m} ends on {day}"
    if day.day <= days:
        closing = day.replace(day=1) - timedelta(days=1)
        return f"{closing:%Y-%m} is being closed until {day.replace(day=days)}"
    return ""
