"""One document: how it came, what was made of it, and what came of it."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, and_, select

from tieout.engine.queries.database import Reach
from tieout.engine.queries.records import DocumentItem, document_item
from tieout.engine.queries.words import say
from tieout.engine.schema import DOCUMENT, EVENT
from tieout.kernel.clock import from_micros
from tieout.model.facts import decode_fact

#: So many facts of one document are listed.
FACTS_MAX = 200


class DocumentFact(Struct, frozen=True, kw_only=True):
    """A fact that came of a document, in words, and what it is about."""

    type: str
    headline: str
    detail: str
    subject: str
    entity: str
    actor: str
    recorded_at: datetime


class DocumentLife(Struct, frozen=True, kw_only=True):
    """A document with the facts that came of it."""

    document: DocumentItem
    facts: tuple[DocumentFact, ...]


def document_life(sql: Connection, mark: str, reach: Reach) -> DocumentLife | None:
    """The document with this SHA-256; nothing when it is not there, or is another legal entity's."""
    row = sql.execute(select(DOCUMENT).where(DOCUMENT.c.hash == mark)).first()
    if row is None:
        return None
    # Its own facts begin with its hash; what is about the document itself belongs to its life.
    told = and_(EVENT.c.source == "document", EVENT.c.key.between(f"{mark}/", f"{mark}0"))
    rows = [*_events(sql, told), *_events(sql, EVENT.c.correlation == mark)]
    found = list({(one.partition, one.position): one for one in rows}.values())
    found.sort(key=lambda one: (one.recorded_at, one.partition, one.position))
    entities = {one.entity for one in found if one.entity}
    if reach is not None and entities and not entities & set(reach):
        return None
    return DocumentLife(
        document=document_item(row),
        facts=tuple(
            DocumentFact(
                type=one.type,
                headline=words.headline,
                detail=words.detail,
                subject=one.subject,
                entity=one.entity,
                actor=one.actor,
                recorded_at=from_micros(one.recorded_at),
            )
            for one in found
            for words in (say(decode_fact(one.type, one.data)),)
        ),
    )


def _events(sql: Connection, condition: ColumnElement[bool]) -> list[Row[Any]]:
    order = (EVENT.c.partition, EVENT.c.position)
    return list(sql.execute(select(EVENT).where(condition).order_by(*order).limit(FACTS_MAX)).all())
