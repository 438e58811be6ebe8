"""Where something lives: the partition that handles what is said about it, and the correlation of its life.

A fact that names one of our own subjects (a case, an invoice, a payment) is handled where that subject's view row
says that it lives, so nobody has to know from which home its partition came.
"""

from functools import lru_cache
from itertools import count

from msgspec import Struct
from sqlalchemy import Connection, select

from tieout.engine.queries.database import Reach
from tieout.engine.schema import EVENT, LINK, STATE, VIEW_TABLES
from tieout.kernel.ids import partition_of

_LOOKED_IN = ("invoice", "payment", "case", "payment_run", "order", "period", "account", "supplier")
"""In this order: what is looked for most comes first."""
_NEAR = 1_000
"""One message leads to fewer events than that."""


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
            correlation=correlation_of_case(sql, subject) if kind == "case" else _correlation(sql, subject),
        )
    return None


def entity_of_ref(sql: Connection, system: str, external_id: str) -> str | None:
    """The entity of the document that another system's id means; nothing when it is not known."""
    wanted = select(LINK.c.entity).where(LINK.c.system == system, LINK.c.external_id == external_id)
    return sql.execute(wanted).scalar()


def _correlation(sql: Connection, subject: str) -> str:
    """The correlation under which the subject is linked; its own id when it is not."""
    found = sql.execute(select(LINK.c.correlation).where(LINK.c.subject == subject).limit(1)).scalar()
    return found or subject


def correlation_of_case(sql: Connection, case_id: str) -> str:
    """The correlation of the last event about a case: that of the document's life in which it came up.

    Its state knows up to which position of the log it has been folded.
    """
    state = sql.execute(
        select(STATE.c.partition, STATE.c.position).where(STATE.c.process == "case", STATE.c.subject == case_id)
    ).first()
    if state is None:
        return case_id
    found = sql.execute(
        select(EVENT.c.correlation)
        .where(
            EVENT.c.partition == state.partition,
            EVENT.c.position > state.position - _NEAR,
            EVENT.c.position <= state.position,
            EVENT.c.subject == case_id,
        )
        .order_by(EVENT.c.position.desc())
        .limit(1)
    ).scalar()
    return found or case_id


@lru_cache(maxsize=4096)
def home_in(partition: int, partitions: int) -> str:
    """A home that lies in this partition."""
    return next(home for number in count() if partition_of(home := f"partition/{number}", partitions) == partition)
