"""The change feed: every event once, in order, for ever. Webhooks are hints; the feed is what really happened."""

from typing import Any

import msgspec
from msgspec import Struct

from tieout_lab.db import Db, now_text

PAGE_MAX = 500


class Change(Struct, frozen=True, kw_only=True):
    """One event. ``data`` is the document as it stood when the event happened, byte for byte as the webhook has it."""

    seq: int
    id: str
    type: str
    timestamp: str
    data: msgspec.Raw


class ChangePage(Struct, frozen=True, kw_only=True):
    """A page of the feed. ``next`` is the cursor to go on from; ``more`` says whether something waits there already."""

    items: list[Change]
    next: int
    more: bool


_SCHEMA = """
CREATE TABLE IF NOT EXISTS change (seq INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, at TEXT NOT NULL,
  data BLOB NOT NULL);
"""


class Feed:
    """Appends events inside the unit of work that caused them, and reads them back in order."""

    def __init__(self, db: Db, prefix: str) -> None:
        self._db = db
        self._prefix = prefix
        db.script(_SCHEMA)

    def append(self, type: str, document: Any) -> Change:
        """Record an event. Call it inside a unit of work."""
        data = msgspec.json.encode(document)
        at = now_text()
        seq = self._db.run("INSERT INTO change (type, at, data) VALUES (?, ?, ?)", type, at, data)
        return Change(seq=seq, id=self._id(seq), type=type, timestamp=at, data=msgspec.Raw(data))

    def get(self, seq: int) -> Change:
        """One event."""
        row = self._db.row("SELECT * FROM change WHERE seq = ?", seq)
        assert row is not None, f"event {seq} is not in the feed"
        return self._change(row)

    def page(self, after: int, limit: int) -> ChangePage:
        """What happened after a cursor (0: from the beginning)."""
        limit = max(1, min(limit, PAGE_MAX))
        rows = self._db.rows("SELECT * FROM change WHERE seq > ? ORDER BY seq LIMIT ?", after, limit + 1)
        items = [self._change(row) for row in rows[:limit]]
        return ChangePage(items=items, next=items[-1].seq if items else after, more=len(rows) > limit)

    def _change(self, row: Any) -> Change:
        seq = row["seq"]
        return Change(seq=seq, id=self._id(seq), type=row["type"], timestamp=row["at"], data=msgspec.Raw(row["data"]))

    def _id(self, seq: int) -> str:
        return f"{self._prefix}_{seq:08d}"
