"""What the rehearsal looks at to know how far things are. It reads tieout's views; what *counts* is read elsewhere."""

from collections import Counter

import msgspec
from sqlalchemy import func, select

from tieout.engine.queries.database import Database
from tieout.engine.schema import EFFECT, INBOX, VIEW_TABLES

_BUSY = ("ready", "leased", "probing", "unknown", "parked")


class Eyes:
    """Counts in tieout's own database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_status(self, view: str, **only: str) -> Counter[str]:
        """How many rows of a view stand in which status."""
        table = VIEW_TABLES[view]
        query = select(table.c.status, func.count()).group_by(table.c.status)
        for name, value in only.items():
            query = query.where(table.c[name] == value)
        with self._database.read() as sql:
            return Counter({row[0]: int(row[1]) for row in sql.execute(query)})

    def count(self, view: str, **only: str) -> int:
        """How many rows a view has."""
        table = VIEW_TABLES[view]
        query = select(func.count()).select_from(table)
        for name, value in only.items():
            query = query.where(table.c[name] == value)
        with self._database.read() as sql:
            return int(sql.execute(query).scalar_one())

    def ids(self, view: str, **only: str) -> list[str]:
        """The subjects of a view's rows."""
        table = VIEW_TABLES[view]
        query = select(table.c.subject).order_by(table.c.subject)
        for name, value in only.items():
            query = query.where(table.c[name] == value)
        with self._database.read() as sql:
            return [row[0] for row in sql.execute(query)]

    def quiet(self) -> bool:
        """Nothing waits, nothing is on its way."""
        with self._database.read() as sql:
            waiting = sql.execute(
                select(func.count()).select_from(INBOX).where(INBOX.c.status == "ready", INBOX.c.due_at == 0)
            )
            busy = sql.execute(select(func.count()).select_from(EFFECT).where(EFFECT.c.status.in_(_BUSY)))
            return not waiting.scalar_one() and not busy.scalar_one()

    def tie_outs(self) -> list[bool]:
        """Of every pair of totals of every period: do they agree?"""
        with self._database.read() as sql:
            texts = sql.execute(select(VIEW_TABLES["period"].c.tie_outs)).scalars().all()
        return [tie["agrees"] for text in texts for tie in msgspec.json.decode(text or "{}").values()]

    def unknown_seen(self) -> int:
        """How many writes had an outcome that had to be found out."""
        with self._database.read() as sql:
            rows = sql.execute(select(func.count()).select_from(EFFECT).where(EFFECT.c.attempts > 1))
            return int(rows.scalar_one())
