"""Which files were taken, which are watched until they are finished, and which are tried again later. Pure.

This is the cursor of a channel. It is stored after the documents are safe, so after a crash it is too old and never too
new: what was taken meanwhile is taken again, and the same bytes say nothing twice.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from tieout.connectors.channels.trays import Arrival

WATCHED_MAX = 10_000
"""So many files are watched at once. More wait for their turn; none is forgotten, as it is listed again."""

_TRY_AGAIN_MAX_SECONDS = 3600.0
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND


class Note(Struct, frozen=True, omit_defaults=True, rename={"again_at": "at"}):
    """What we know of a file that is still there. ``since``: when we first saw it just so (our clock). ``tries``:
    how often it could not be taken (or is too large, told once). ``mark``: it is taken, and only to be put away."""

    stamp: str
    since: int
    tries: int = 0
    again_at: int = 0
    mark: str = ""


class _Written(Struct, frozen=True, omit_defaults=True):
    """The ledger as text."""

    taken: int = 0
    since: int = 0
    seen: tuple[str, ...] = ()
    notes: dict[str, Note] = {}


class Ledger:
    """The cursor while a pull works on it."""

    def __init__(self, cursor: str) -> None:
        written = msgspec.json.decode(cursor, type=_Written) if cursor else _Written()
        self.taken = written.taken
        self._since = written.since
        self._seen = dict.fromkeys(written.seen, 0)
        self._old = written.notes
        self._notes: dict[str, Note] = {}
        self._newest = 0

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────

    def knows(self, arrival: Arrival) -> bool:
        """Was it taken as it stands, and stays where it is? Each file of a listing is asked about once."""
        self._newest = max(self._newest, arrival.modified)
        stamp = arrival.stamp
        if stamp in self._seen:
            self._seen[stamp] = max(1, arrival.modified)
            return True
        return arrival.modified < self._since

    def note(self, arrival: Arrival, now: int) -> Note:
        """What we know of this file, as it stands now. Another content is another file."""
        known = self._old.get(arrival.key)
        return known if known is not None and known.stamp == arrival.stamp else Note(arrival.stamp, now)

    def watch(self, arrival: Arrival, note: Note) -> None:
        """Remember this for the next time."""
        if arrival.key in self._notes or len(self._notes) < WATCHED_MAX:
            self._notes[arrival.key] = note

    # ── what became of it ───────────────────────────────────────────────────────────────────────────────────────

    def took(self, arrival: Arrival, mark: str) -> None:
        """It is taken, and not yet put away."""
        self.taken += 1
        self.watch(arrival, Note(arrival.stamp, 0, mark=mark))

    def forget(self, arrival: Arrival) -> None:
        """It is put away; it will not be listed again."""
        self._notes.pop(arrival.key, None)

    def keep(self, arrival: Arrival) -> None:
        """It is taken and stays where it is."""
        self.forget(arrival)
        self._seen[arrival.stamp] = max(1, arrival.modified)

    def failed(self, arrival: Arrival, note: Note, now: int) -> float:
        """It could not be taken, or put away. Returns in how many seconds it is its turn again: longer every time."""
        tries = max(note.tries, arrival.tries) + 1
        seconds = min(2.0 ** min(tries, 20), _TRY_AGAIN_MAX_SECONDS)
        mark = self._notes[arrival.key].mark if arrival.key in self._notes else note.mark
        self.watch(arrival, Note(arrival.stamp, note.since, tries, now + int(seconds * _SECOND), mark))
        return seconds

    # ── as text ─────────────────────────────────────────────────────────────────────────────────────────────────

    def text(self, waiting: Iterable[int], remember_days: int | None) -> str:
        """The cursor. What is no longer there is forgotten; with ``remember_days`` (where the source's clock can be
        trusted) so is what is older than that, unless something older still waits."""
        since = self._since
        if remember_days is not None and self._newest:
            since = max(since, min([self._newest - remember_days * _DAY, *waiting]))
        seen = tuple(sorted(stamp for stamp, modified in self._seen.items() if modified and modified >= since))
        return msgspec.json.encode(_Written(self.taken, since, seen, self._notes)).decode()
