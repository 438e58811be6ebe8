"""Where something lives: the partition that handles what is said about it, and the correlation of its life.

A fact that names one of our own subjects (a case, an invoice, a payment) is handled where that subject's view row
says that it lives, so nobody has to know from which home its partition came.
"""

from functools import lru_cache
from itertools import count

from msgspec import Struct
from sqlalchemy import Connection, select

from tieout.engine.queries.database import Reach
from tieout.engine.schema import LINK, VIEW_TABLES
from tieout.kernel.ids import partition_of

_LOOKED_IN = ("invoice", "payment", "case", "payment_run", "order", "period", "account", "supplier")
"""In this order: what is looked for most comes first."""


class Whereabouts(Struct, frozen=True, kw_only=True):
    """Where a subject lives."""

    kind: str
    subject: str
    partition: int
    entity: str
    correlation: str


def whereabouts(sql: Connection, subject: str, reach: Reach) -> Whereabouts | None:
    """Where one of our subjects lives, if it is known and inside the reach."""
    for kind in _LOOKED_IN:
        table = VIEW_TABLES[kind]
        row = sql.execute(select(table).where(table.c.subject == subject)).first()
        if row is None:
            continue
        entity = getattr(row, "entity", "")
        if reach is not None and entity and entity not in reach:
            return None
        return Whereabouts(
            kind=kind,
            subject=subject,
            partition=row.partition,
            entity=entity,
            correlation=_correlation(sql, row.document if kind == "case" else subject),
        )
    return None


def _correlation(sql: Connection, subject: str) -> str:
    """The correlation under which the subject is linked; its own id when it is not."""
    found = sql.execute(select(LINK.c.correlation).where(LINK.c.subject == subject).limit(1)).scalar()
    return found or subject


@lru_cache(maxsize=4096)
def home_in(partition: int, partitions: int) -> str:
    """A home that lies in this partition."""
    return next(home for number in count() if partition_of(home := f"partition/{number}", partitions) == partition)
